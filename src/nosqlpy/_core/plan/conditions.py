"""Conditions to bounds: which values of a field a condition leaves, as far as an index can tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Final

import msgspec

from nosqlpy._core.index.bounds import Bounds, Range, meet_all
from nosqlpy._core.index.components import NESTED_RANKS, STRING_RANK, rank_of
from nosqlpy._core.query.array import is_value_case
from nosqlpy._core.query.conjuncts import Conjunction, FieldCondition
from nosqlpy._core.query.registry import is_operators
from nosqlpy._core.values.collation import Collation, compares_strings
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.order import regex_content
from nosqlpy._core.values.paths import array_position
from nosqlpy._core.values.types import (
    ARRAY,
    BINARY,
    BOOL,
    CODE,
    DATE,
    DECIMAL,
    DOUBLE,
    INT,
    LONG,
    MAX_KEY,
    MIN_KEY,
    OBJECT,
    OBJECT_ID,
    REGEX,
    STRING,
    TIMESTAMP,
    TYPES,
    as_mapping,
)

_EXACT: Final = frozenset((STRING, INT, LONG, DOUBLE, DECIMAL, BOOL, DATE, OBJECT_ID, BINARY, TIMESTAMP))
"""Types of which an index leads to the equal values and to no others."""
_NO_RANGE: Final = frozenset((OBJECT, ARRAY, REGEX, CODE, MIN_KEY, MAX_KEY))
NOTHING: Final = Bounds(exact=True)
NULL: Final = Bounds((None,))

Table = dict[str, list[Bounds]]


class Keying(msgspec.Struct, frozen=True):
    """How conditions on strings are told an index: in no way, if it has another `collation` than the query."""

    collation: Collation | None = None
    agrees: bool = True

    def can_tell(self, operand: Any) -> bool:
        """Whether the keys of the index say what is compared with `operand`; numbers and the like always do."""
        return self.agrees or not compares_strings(operand)

    def key(self, value: Any) -> Hashable:
        """Return the key under which what equals `value` stands in the index."""
        return equality_key(value) if self.collation is None or not self.agrees else self.collation.keys.equality(value)


PLAIN: Final = Keying()
"""Neither the query nor the index has a collation."""


def keying(query: Collation | None, index: Collation | None) -> Keying:
    """Return how the conditions of a query are told an index, each with its collation.

    Manual: reference/collation, "Collation and Index Use".
    """
    return PLAIN if query is None and index is None else Keying(query, agrees=query == index)


def table_of(conjunction: Conjunction, index: Collation | None) -> tuple[Table, bool]:
    """Return the bounds that the conditions on each path set, and whether these are all that a match must meet.

    They are bounds of keys of an index with this collation.
    """
    told = keying(conjunction.collation, index)
    table: Table = {}
    complete = conjunction.complete and not conjunction.alternatives
    for condition in conjunction.conditions:
        found = list(bounds_of(condition, told))
        complete = complete and bool(found)
        for path, bounds in found:
            table.setdefault(path, []).append(bounds)
    return table, complete


def bounds_of(condition: FieldCondition, told: Keying = PLAIN) -> Iterator[tuple[str, Bounds]]:
    """Yield paths, and the bounds that a condition sets to a value there; all of them together if it is exact."""
    path, operand = condition.path, condition.operand
    if condition.operator == "$all":
        if not operand:
            yield path, NOTHING
        for item in operand:
            if TYPES[type(item)] != REGEX and not _is_element_match(item):
                yield from _on(path, _equal([item], told, exact=len(operand) == 1))
            elif _is_element_match(item):
                yield from _element(path, as_mapping(item)["$elemMatch"], told)
        return
    if condition.operator == "$elemMatch":
        yield from _element(path, operand, told)
        return
    make = _MAKERS.get(condition.operator)
    if make is not None:
        yield from _on(path, make(condition, told))


def _on(path: str, bounds: Bounds | None) -> Iterator[tuple[str, Bounds]]:
    if bounds is not None:
        yield path, bounds


def _is_element_match(item: Any) -> bool:
    return isinstance(item, Mapping) and next(iter(item), None) == "$elemMatch"


def _element(path: str, operand: Any, told: Keying) -> Iterator[tuple[str, Bounds]]:
    """Yield the bounds that ``$elemMatch`` sets: to elements themselves, or to fields of those that are documents."""
    filter = as_mapping(operand)
    if has_position(path):
        return
    if is_value_case(filter):
        found = [
            bounds
            for operator, value in filter.items()
            if operator in _MAKERS
            for _, bounds in bounds_of(FieldCondition(path, operator, value, filter), told)
        ]
        if found:
            yield path, _inexact(meet_all(found))
        return
    for name, value in filter.items():
        if name.startswith("$") or has_position(name):
            continue
        inner = f"{path}.{name}"
        conditions = [FieldCondition(inner, "", value)]
        if is_operators(value):
            conditions = [FieldCondition(inner, each, item, as_mapping(value)) for each, item in value.items()]
        for condition in conditions:
            for reached, bounds in bounds_of(condition, told):
                yield reached, _inexact(bounds)


def has_position(path: str) -> bool:
    """Whether a part of `path` may be a position in an array."""
    return any(array_position(part) is not None for part in path.split("."))


def _inexact(bounds: Bounds) -> Bounds:
    return Bounds(bounds.points, bounds.ranges)


def _value(condition: FieldCondition, told: Keying) -> Bounds | None:
    if TYPES[type(condition.operand)] == REGEX:
        return _regex(condition, told)
    return _equal([condition.operand], told)


def _eq(condition: FieldCondition, told: Keying) -> Bounds | None:
    return _equal([condition.operand], told)


def _in(condition: FieldCondition, told: Keying) -> Bounds | None:
    operands = list(condition.operand)
    if any(TYPES[type(operand)] == REGEX for operand in operands):
        return None
    return _equal(operands, told)


def _equal(operands: list[Any], told: Keying, *, exact: bool = True) -> Bounds | None:
    if not all(map(told.can_tell, operands)):
        return None
    exact = exact and _EXACT.issuperset([TYPES[type(operand)] for operand in operands])
    return Bounds(tuple(dict.fromkeys(map(told.key, operands))), exact=exact)


def _ordering(condition: FieldCondition, told: Keying) -> Bounds | None:
    operand, operator = condition.operand, condition.operator
    kind = TYPES[type(operand)]
    or_equal = operator in ("$gte", "$lte")
    if operand is None:
        return NULL if or_equal else NOTHING
    if kind in _NO_RANGE or not told.can_tell(operand):
        return None
    key = told.key(operand)
    rank = rank_of(key)
    if rank in NESTED_RANKS:
        return None
    if key == _NAN_KEY:
        return Bounds((key,), exact=True) if or_equal else NOTHING
    if operator in ("$gt", "$gte"):
        return Bounds(ranges=(Range(rank, low=key, low_open=not or_equal),), exact=True)
    return Bounds(ranges=(Range(rank, high=key, high_open=not or_equal),), exact=True)


_NAN_KEY: Final[Hashable] = equality_key(float("nan"))


def _exists(condition: FieldCondition, _: Keying) -> Bounds | None:
    return NULL if condition.operand in (False, 0) else None


_PREFIX: Final = re.compile(r"\^([A-Za-z0-9 _\-/:@#%&~,;!\"'<>=]+)")
_REPEATED: Final = frozenset("?*{")


def _regex(condition: FieldCondition, told: Keying) -> Bounds | None:
    """Return the bounds of a pattern that begins with ``^`` and plain characters, and has no alternatives."""
    if told is not PLAIN:
        return None
    operand = condition.operand
    pattern, flags = regex_content(operand) if TYPES[type(operand)] == REGEX else (operand, "")
    flags = flags.replace("u", "") + str(condition.siblings.get("$options", ""))
    found = _PREFIX.match(pattern)
    if found is None or flags.strip("s") or "|" in pattern:
        return None
    prefix = found[1]
    if pattern[found.end() : found.end() + 1] in _REPEATED:
        prefix = prefix[:-1]  # the last character may not be there
    if not prefix:
        return None
    past = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    # a stored pattern matches one that is equal to it, whose flags may be written in another way
    return Bounds(ranges=(Range(STRING_RANK, prefix, past, high_open=True), Range(50)))


_MAKERS: Final[dict[str, Callable[[FieldCondition, Keying], Bounds | None]]] = {
    "": _value,
    "$eq": _eq,
    "$in": _in,
    **dict.fromkeys(("$gt", "$gte", "$lt", "$lte"), _ordering),
    "$exists": _exists,
    "$regex": _regex,
}
