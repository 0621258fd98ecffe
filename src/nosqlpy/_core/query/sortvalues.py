"""The values that a document sorts by under a path.

They are those of an index on the path (src/mongo/db/index/btree_key_generator.cpp),
not those that a condition is tested on: an element of an array that is no
document counts as one without the field, an empty array as *undefined*, below
null, and an array that is reached by its position stays whole. Where several
keys come through one array, its elements compete as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final

import msgspec

from nosqlpy._core.query.several import Several
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.order import order_key
from nosqlpy._core.values.paths import array_position, parse_path, plain
from nosqlpy._core.values.types import MISSING
from nosqlpy.errors import QueryError


class _Undefined(Enum):
    UNDEFINED = "undefined"


UNDEFINED: Final = _Undefined.UNDEFINED
"""What an empty array sorts as."""


def folded(entries: Iterable[Any], collation: Collation) -> list[Any]:
    """Return the entries of a column (see `several`) with the keys of their strings in the place of these."""
    key, fold = collation.key, collation.fold
    return [
        key(entry)
        if (kind := type(entry)) is str
        else Several(value if value is UNDEFINED else fold(value) for value in entry)
        if kind is Several
        else fold(entry)
        for entry in entries
    ]


def sorted_values(parts: tuple[str, ...], index: int) -> Callable[[Any], Any]:
    """Return what finds the values of ``parts[index:]`` in a value off the structs (see `partial.Detour`)."""

    def follow(entry: Any) -> Any:
        return entry if type(entry) is Several else Several(_values(entry, parts, index))

    return follow


def _values(value: Any, parts: Sequence[str], index: int) -> list[Any]:
    value, kind = plain(value)
    if index == len(parts):
        return (value or [UNDEFINED]) if kind is list else [value]
    part = parts[index]
    if kind is dict:
        return _values(value.get(part, MISSING), parts, index + 1)
    if kind is not list:
        return [MISSING]
    position = array_position(part)
    if position is not None and position < len(value):
        if index + 1 == len(parts):
            return [_whole(value[position])]
        return _values(value[position], parts, index + 1)
    found: list[Any] = []
    for item in value:
        element, element_kind = plain(item)
        found += _values(element, parts, index) if element_kind is dict else [MISSING]
    return found or [MISSING]


def _whole(value: Any) -> Any:
    """Return what a value reached by its position sorts as: an array that is not empty is not opened."""
    value, kind = plain(value)
    return UNDEFINED if kind is list and not value else value


def is_ambiguous(value: Any, parts: Sequence[str], index: int = 0) -> bool:
    """Whether a number in a path means both a position of an array in `value` and a field of the array's elements."""
    value, kind = plain(value)
    if index == len(parts) or kind not in (dict, list):
        return False
    part = parts[index]
    if kind is dict:
        return part in value and is_ambiguous(value[part], parts, index + 1)
    documents = [element for element, element_kind in map(plain, value) if element_kind is dict]
    position = array_position(part)
    if position is None or position >= len(value):
        return any(is_ambiguous(document, parts, index) for document in documents)
    return any(part in document for document in documents) or is_ambiguous(value[position], parts, index + 1)


def leading(document: Mapping[str, Any], keys: Sequence[tuple[str, int]]) -> tuple[Any, ...]:
    """Return an entry per key: of all the combinations of array elements, the one that sorts first.

    Raises:
        QueryError: Two keys come through different arrays.
    """
    found = combinations(document, [path for path, _ in keys])
    if found is None:
        raise QueryError("cannot sort with keys that are parallel arrays")
    for position, (_, direction) in reversed(list(enumerate(keys))):
        ranks = [value_key(values[position]) for values in found]
        order = sorted(range(len(found)), key=ranks.__getitem__, reverse=direction < 0)
        found = [found[index] for index in order]
    return tuple(Several((value,)) for value in found[0])


def combinations(document: Mapping[str, Any], paths: Sequence[str]) -> list[tuple[Any, ...]] | None:
    """Return the tuples of values that `paths` reach together; None if two of them come through different arrays."""
    return _combinations([_Walk(document, parse_path(path).parts) for path in paths])


def value_key(value: Any) -> Any:
    """Return the order key of a value that `sorted_values` found."""
    return (0, None) if value is UNDEFINED else order_key(value)


class _Walk(msgspec.Struct, frozen=True):
    """Where one key's path has come to: at `value`, with `rest` to go; at the end if `closed`."""

    value: Any
    rest: tuple[str, ...] = ()
    closed: bool = False

    def advance(self) -> _Walk:
        """Return the walk at its end, or before the next array whose elements it goes through."""
        value, rest, closed = self.value, self.rest, self.closed
        while not closed:
            value, kind = plain(value)
            if kind is list:
                position = array_position(rest[0]) if rest else None
                if position is None or position >= len(value):
                    break
                value, rest = value[position], rest[1:]
                if not rest:
                    value, closed = _whole(value), True
            elif not rest:
                closed = True
            elif kind is dict:
                value, rest = value.get(rest[0], MISSING), rest[1:]
            else:
                value, closed = MISSING, True
        return _Walk(value, rest, closed)

    def enter(self, element: Any) -> _Walk:
        """Return the walk in one element of the array that it stands before."""
        if not self.rest:
            return _Walk(element, closed=True)
        value, kind = plain(element) if element is not UNDEFINED else (element, None)
        return _Walk(value, self.rest) if kind is dict else _Walk(MISSING, closed=True)


def _combinations(walks: Sequence[_Walk]) -> list[tuple[Any, ...]] | None:
    """Return the tuples of values that the walks reach together: one per element of the array that they share."""
    walks = [walk.advance() for walk in walks]
    arrays = [walk.value for walk in walks if not walk.closed]
    if not arrays:
        return [tuple(walk.value for walk in walks)]
    if any(array is not arrays[0] for array in arrays):
        return None
    found: list[tuple[Any, ...]] = []
    for element in arrays[0] or [UNDEFINED]:
        inner = _combinations([walk if walk.closed else walk.enter(element) for walk in walks])
        if inner is None:
            return None
        found += inner
    return found
