"""A small model of the rules by which MongoDB's matcher compares and walks, for generating cases in breadth.

It imports nothing of nosqlpy. Comparing follows the manual's page on comparison order and the server's
`ComparisonMatchExpression`; walking follows `BSONElementIterator` (src/mongo/db/matcher/path.cpp), whose unit
tests are in the hand-written cases. The answers are stored in the data: `generate.py` writes them, no test runs it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import cmp_to_key
from math import fmod
from typing import Any
from uuid import UUID

from bson import Code, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

MISSING = object()


# ── types and order ──────────────────────────────────────────────────────────────

BRACKETS = [
    "minKey",
    "null",
    "number",
    "string",
    "object",
    "array",
    "binData",
    "objectId",
    "bool",
    "date",
    "timestamp",
    "regex",
    "javascript",
    "maxKey",
]


def type_name(value: Any) -> str:
    """Return the name that ``$type`` has for the type of a value."""
    if isinstance(value, int) and not isinstance(value, bool):
        return "long" if isinstance(value, Int64) or not -(2**31) <= value < 2**31 else "int"
    for kinds, name in _TYPES:
        if isinstance(value, kinds):
            return name
    raise TypeError(type(value).__name__)


_TYPES: list[tuple[Any, str]] = [
    (type(None), "null"),
    (bool, "bool"),
    (float, "double"),
    (Decimal, "decimal"),
    (Code, "javascript"),
    (str, "string"),
    (dict, "object"),
    (list, "array"),
    ((bytes, UUID), "binData"),
    (ObjectId, "objectId"),
    (datetime, "date"),
    (Timestamp, "timestamp"),
    (Regex, "regex"),
    (MinKey, "minKey"),
    (MaxKey, "maxKey"),
]

NUMBERS = {"int", "long", "double", "decimal"}


def bracket(value: Any) -> str:
    """Return the type bracket of a value; a missing field is in that of null."""
    if value is MISSING:
        return "null"
    name = type_name(value)
    return "number" if name in NUMBERS else name


def is_nan(value: Any) -> bool:
    """Return whether a value is a number that is not one."""
    return bracket(value) == "number" and value != value  # noqa: PLR0124


def compare(left: Any, right: Any) -> int:
    """Return a negative number, 0 or a positive one as `left` sorts before, with or after `right`."""
    ranks = (BRACKETS.index(bracket(left)), BRACKETS.index(bracket(right)))
    if ranks[0] != ranks[1]:
        return ranks[0] - ranks[1]
    return _COMPARE.get(bracket(left), _plainly)(left, right)


def _plainly(left: Any, right: Any) -> int:
    return (left > right) - (left < right)


def _numbers(left: Any, right: Any) -> int:
    if is_nan(left) or is_nan(right):
        return is_nan(right) - is_nan(left)
    return _plainly(left, right)


def _objects(left: dict[str, Any], right: dict[str, Any]) -> int:
    """Compare field by field: by type, then by name, then by value; a document that ends first comes first."""
    for (one, value), (other, operand) in zip(left.items(), right.items(), strict=False):
        order = BRACKETS.index(bracket(value)) - BRACKETS.index(bracket(operand))
        if order := order or _plainly(one, other) or compare(value, operand):
            return order
    return len(left) - len(right)


def _arrays(left: list[Any], right: list[Any]) -> int:
    for value, operand in zip(left, right, strict=False):
        if order := compare(value, operand):
            return order
    return len(left) - len(right)


def _binaries(left: Any, right: Any) -> int:
    return _plainly(_binary_key(left), _binary_key(right))


def _binary_key(value: Any) -> tuple[int, int, bytes]:
    data = value.bytes if isinstance(value, UUID) else bytes(value)
    return (len(data), 4 if isinstance(value, UUID) else getattr(value, "subtype", 0), data)


_COMPARE: dict[str, Callable[[Any, Any], int]] = {
    "number": _numbers,
    "object": _objects,
    "array": _arrays,
    "binData": _binaries,
    "regex": lambda left, right: _plainly((left.pattern, left.flags), (right.pattern, right.flags)),
    "javascript": lambda left, right: _plainly(str(left), str(right)),
    "null": lambda _left, _right: 0,
    "minKey": lambda _left, _right: 0,
    "maxKey": lambda _left, _right: 0,
}

order_key = cmp_to_key(compare)


# ── operators on one value ───────────────────────────────────────────────────────


def _in_range(value: Any, operand: Any, allowed: Callable[[int], bool]) -> bool:
    if bracket(value) != bracket(operand):
        if bracket(operand) in ("minKey", "maxKey"):
            return allowed(-1 if bracket(operand) == "maxKey" else 1)
        return False
    if is_nan(value) or is_nan(operand):
        return is_nan(value) and is_nan(operand) and allowed(0)
    return allowed(compare(value, operand))


def equals(value: Any, operand: Any) -> bool:
    """Return whether ``$eq`` holds between a value, which may be missing, and an operand."""
    return bracket(value) == bracket(operand) and compare(value, operand) == 0


VALUE_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": equals,
    "$gt": lambda value, operand: _in_range(value, operand, lambda order: order > 0),
    "$gte": lambda value, operand: _in_range(value, operand, lambda order: order >= 0),
    "$lt": lambda value, operand: _in_range(value, operand, lambda order: order < 0),
    "$lte": lambda value, operand: _in_range(value, operand, lambda order: order <= 0),
    "$in": lambda value, operand: any(equals(value, item) for item in operand),
    "$exists": lambda value, _: value is not MISSING,
    "$regex": lambda value, pattern: isinstance(value, str) and re.search(pattern, value) is not None,
    "$mod": lambda value, pair: bracket(value) == "number" and fmod(int(value), pair[0]) == pair[1],
    "$type": lambda value, name: value is not MISSING and name in (type_name(value), bracket(value)),
}
NEGATED = {"$ne": "$eq", "$nin": "$in"}


def matches_value(value: Any, operators: dict[str, Any]) -> bool:
    """Return whether one value, whose elements do not count, meets all `operators`."""
    return all(_matches_one(value, name, operand) for name, operand in operators.items())


def _matches_one(value: Any, name: str, operand: Any) -> bool:
    if name == "$not":
        return not matches_value(value, operand)
    if name in NEGATED:
        return not VALUE_TESTS[NEGATED[name]](value, operand)
    if name == "$size":
        return isinstance(value, list) and len(value) == operand
    if name == "$exists" and not operand:
        return value is MISSING
    if name == "$elemMatch":
        return isinstance(value, list) and any(_matches_element(item, operand) for item in value)
    if name == "$all":
        return bool(operand) and all(equals(value, item) for item in operand)
    return VALUE_TESTS[name](value, operand)


def _matches_element(item: Any, condition: dict[str, Any]) -> bool:
    if next(iter(condition), "").startswith("$"):
        return matches_value(item, condition)
    if isinstance(item, list):
        item = {str(position): value for position, value in enumerate(item)}
    return isinstance(item, dict) and matches(item, condition)


# ── paths ────────────────────────────────────────────────────────────────────────


def values_at(document: dict[str, Any], path: str, *, expand: bool) -> Iterator[Any]:
    """Yield the values that a condition on `path` is tested on; a final array's elements first if `expand`."""
    yield from _walk(document, path.split("."), expand)


def _walk(document: dict[str, Any], parts: list[str], expand: bool) -> Iterator[Any]:
    value: Any = document
    for position, part in enumerate(parts):
        value = value.get(part, MISSING)
        rest = parts[position + 1 :]
        if isinstance(value, list):
            yield from _through(value, rest, expand)
            return
        if rest and not isinstance(value, dict):
            yield MISSING
            return
    yield value


def _through(array: list[Any], rest: list[str], expand: bool) -> Iterator[Any]:
    """Yield what the rest of a path reaches in an array: through its documents, and at a position."""
    if not rest:
        if expand:
            yield from array
        yield array
        return
    for position, item in enumerate(array):
        if isinstance(item, dict):
            yield from _walk(item, rest, expand)
        if rest[0] != str(position):
            continue
        if len(rest) == 1:
            yield item
        elif isinstance(item, dict):
            yield from _walk(item, rest[1:], expand)
        elif isinstance(item, list):
            yield from _through(item, rest[1:], expand)


def matches(document: dict[str, Any], filter: dict[str, Any]) -> bool:
    """Return whether a document matches a filter of the operators that the model knows."""
    return all(_matches_condition(document, path, condition) for path, condition in filter.items())


LOGICAL: dict[str, Callable[[Any], bool]] = {"$and": all, "$or": any, "$nor": lambda flags: not any(flags)}


def _matches_condition(document: dict[str, Any], path: str, condition: Any) -> bool:
    if path in LOGICAL:
        return LOGICAL[path](matches(document, part) for part in condition)
    return _matches_path(document, path, condition)


def _matches_path(document: dict[str, Any], path: str, condition: Any) -> bool:
    if not isinstance(condition, dict) or not next(iter(condition), "").startswith("$"):
        condition = {"$eq": condition}
    return all(_matches_operator(document, path, name, operand) for name, operand in condition.items())


def _matches_operator(document: dict[str, Any], path: str, name: str, operand: Any) -> bool:
    if name == "$not":
        return not _matches_path(document, path, operand)
    if name in NEGATED:
        return not _matches_operator(document, path, NEGATED[name], operand)
    if name == "$exists" and not operand:
        return not _matches_operator(document, path, name, True)
    if name == "$all":
        return bool(operand) and all(_matches_operator(document, path, "$eq", item) for item in operand)
    expand = name not in ("$size", "$elemMatch")
    return any(_matches_one(value, name, operand) for value in values_at(document, path, expand=expand))
