"""Equality keys: hashable stand-ins that are equal exactly where MongoDB takes two values for equal.

Strings, numbers, null, dates are their own key, so an index over them costs
nothing. That of an ObjectId is its 12 bytes, and no other key is bytes. The rest is
wrapped as ``(bracket, content)``; no plain value is a tuple, so wrapped keys and plain
ones never meet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Any, Final, cast

from nosqlpy._core.values.order import NAN, binary_content, date_content, number_content, regex_content
from nosqlpy._core.values.standins import ObjectId
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
    NULL,
    OBJECT,
    OBJECT_ID,
    REGEX,
    STRING,
    TIMESTAMP,
    TYPES,
    as_mapping,
)


def equality_key(value: Any) -> Hashable:
    """Return a key that is equal to another's exactly if ``equal(a, b)`` holds for their values; MISSING is null.

    Raises:
        QueryError: No BSON type holds such a value.
    """
    kind = type(value)
    if kind is str or kind is int:
        key: Hashable = value  # a cast would be a call
        return key
    return _KEYS[TYPES[kind]](value)


def equality_keys(values: list[Any]) -> list[Hashable]:
    """Return the key of every value; a list of strings and ints, which are their own, is returned as it is."""
    return values if {str, int}.issuperset(map(type, values)) else list(map(equality_key, values))


def ids_of(keys: Collection[Hashable]) -> Iterable[Any] | None:
    """Return values of which `keys` are the keys, or None where some are not as simple as texts, numbers and ObjectIds.

    They may be of another type than the values that the keys were made of, but are equal.
    """
    if {str}.issuperset(map(type, keys)):
        return keys
    if {str, int, float, type(None)}.issuperset(map(type, keys)):
        # a number of another type than int may be equal to one that is past 64 bits
        large = any(type(key) is int and not -_INT_END <= key < _INT_END for key in keys)
        return None if large else keys
    if {bytes}.issuperset(map(type, keys)):
        return map(ObjectId, cast("Collection[bytes]", keys))
    return None


def unordered_key(value: Any) -> Hashable:
    """Return a key as `equality_key` does, for which the order of the fields of a document does not count."""
    number = TYPES[type(value)]
    if number == OBJECT:
        return (20, frozenset((name, unordered_key(item)) for name, item in as_mapping(value).items()))
    return (25, *map(unordered_key, value)) if number == ARRAY else equality_key(value)


def _number_key(value: Any) -> Hashable:
    number = number_content(value)
    return _NAN_KEY if number is NAN else cast("Hashable", number)


def _object_key(value: Any) -> Hashable:
    return (20, *[(name, equality_key(item)) for name, item in as_mapping(value).items()])


def _code_key(value: Any) -> Hashable:
    if value.scope is None:
        return (60, str(value))
    return (65, str(value), _object_key(value.scope))


_INT_END: Final = 1 << 63
_NAN_KEY: Final = (10,)
_TRUE_KEY: Final = (40, True)
_FALSE_KEY: Final = (40, False)

_KEYS: Final[dict[int, Callable[[Any], Hashable]]] = {
    MIN_KEY: lambda _: (-1,),
    NULL: lambda _: None,
    DOUBLE: lambda value: value if value == value else _NAN_KEY,  # noqa: PLR0124
    INT: lambda value: value,
    LONG: lambda value: value,
    DECIMAL: _number_key,
    STRING: lambda value: value,
    OBJECT: _object_key,
    ARRAY: lambda value: (25, *map(equality_key, value)),
    BINARY: lambda value: (30, *binary_content(value)),
    OBJECT_ID: lambda value: value.binary,
    BOOL: lambda value: _TRUE_KEY if value else _FALSE_KEY,
    DATE: date_content,
    TIMESTAMP: lambda value: (47, value.time, value.inc),
    REGEX: lambda value: (50, *regex_content(value)),
    CODE: _code_key,
    MAX_KEY: lambda _: (127,),
}
