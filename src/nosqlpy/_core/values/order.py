"""The total order of all values, as MongoDB's.

Manual: reference/bson-type-comparison-order. A value sorts first by the
*bracket* of its type (all numbers share one), then by its content.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from nosqlpy._core.values.types import (
    ARRAY,
    BINARY,
    BOOL,
    CODE,
    CODE_WITH_SCOPE,
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
    type_number,
)

BRACKETS: Final[dict[int, int]] = {
    MIN_KEY: -1,
    NULL: 5,
    DOUBLE: 10,
    INT: 10,
    LONG: 10,
    DECIMAL: 10,
    STRING: 15,
    OBJECT: 20,
    ARRAY: 25,
    BINARY: 30,
    OBJECT_ID: 35,
    BOOL: 40,
    DATE: 45,
    TIMESTAMP: 47,
    REGEX: 50,
    CODE: 60,
    CODE_WITH_SCOPE: 65,
    MAX_KEY: 127,
}


class _LowestNumber:
    """Stands for NaN in keys: equal to itself and below every other number, as MongoDB orders it."""

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return other is not self

    def __gt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return True

    def __ge__(self, other: object) -> bool:
        return other is self


NAN: Final = _LowestNumber()


class FarInstant:
    """Stands, in keys, for a date that no datetime is: one before the year 1 or after 9999."""

    __slots__ = ("_milliseconds",)

    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def __eq__(self, other: object) -> bool:
        return type(other) is FarInstant and self._milliseconds == other._milliseconds

    def __hash__(self) -> int:
        return hash((FarInstant, self._milliseconds))

    def __lt__(self, other: FarInstant | datetime) -> bool:
        return self._milliseconds < (other._milliseconds if type(other) is FarInstant else 0)

    def __gt__(self, other: FarInstant | datetime) -> bool:
        return self._milliseconds > (other._milliseconds if type(other) is FarInstant else 0)

    def __le__(self, other: FarInstant | datetime) -> bool:
        return not self > other

    def __ge__(self, other: FarInstant | datetime) -> bool:
        return not self < other


def bracket(value: Any) -> int:
    """Return the type bracket of `value`; brackets ascend in sort order, and MISSING is in that of null.

    Raises:
        QueryError: No BSON type holds such a value.
    """
    return BRACKETS[type_number(value)]


def order_key(value: Any) -> Any:
    """Return a key of `value`; any two keys compare with ``<`` and ``==`` as MongoDB orders their values.

    ``1``, ``1.0``, ``Decimal("1")`` and ``Int64(1)`` have equal keys, NaN is the lowest number, MISSING sorts as null.

    Raises:
        QueryError: No BSON type holds such a value.
    """
    kind = type(value)
    if kind is str:
        return (15, value)
    if kind is int:
        return (10, value)
    return _KEYS[TYPES[kind]](value)


def compare(left: Any, right: Any) -> int:
    """Return -1, 0 or 1 as `left` sorts before, equal to or after `right`."""
    left_key, right_key = order_key(left), order_key(right)
    if left_key == right_key:
        return 0
    return -1 if left_key < right_key else 1


def equal(left: Any, right: Any) -> bool:
    """Return whether MongoDB takes the two values for equal: ``1 == 1.0``, ``1 != True``, field order counts."""
    return bool(order_key(left) == order_key(right))


def number_content(value: Any) -> Any:
    """Return a number that compares with every other, from one of any numeric type; `NAN` for NaN."""
    if hasattr(value, "to_decimal"):
        value = value.to_decimal()
    if hasattr(value, "is_nan"):
        return NAN if value.is_nan() else value
    return value if value == value else NAN  # noqa: PLR0124 - only NaN differs from itself


def binary_content(value: Any) -> tuple[int, int, bytes]:
    """Return length, subtype and bytes: the order in which MongoDB compares binary values."""
    if isinstance(value, UUID):
        return (16, 4, value.bytes)
    data = bytes(value)
    return (len(data), getattr(value, "subtype", 0), data)


def date_content(value: Any) -> Any:
    """Return the same instant in UTC: a datetime, or what compares with one if the year is not one of 1 to 9999.

    A naive datetime is taken as UTC, one past the calendar's end as its end. Of a ``bson.DatetimeMS`` it is the date.
    """
    if not isinstance(value, datetime):
        return _from_milliseconds(int(value))
    zone = value.tzinfo
    if zone is UTC:
        return value
    if zone is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return _EARLIEST if value.year == 1 else _LATEST


def normal_date(value: Any) -> Any:
    """Return a date as a datetime in UTC if it can be one, else as it is."""
    content = date_content(value)
    return value if type(content) is FarInstant else content


def _from_milliseconds(count: int) -> datetime | FarInstant:
    try:
        return EPOCH + timedelta(milliseconds=count)
    except OverflowError:
        return FarInstant(count)


EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)

_FLAGS: Final = (
    (re.IGNORECASE, "i"),
    (re.LOCALE, "l"),
    (re.MULTILINE, "m"),
    (re.DOTALL, "s"),
    (re.UNICODE, "u"),
    (re.VERBOSE, "x"),
)


def regex_content(value: Any) -> tuple[str, str]:
    """Return pattern and flags (letters in order, as BSON stores them) of a ``re.Pattern`` or ``bson.Regex``."""
    pattern = value.pattern
    if isinstance(pattern, bytes):
        pattern = pattern.decode("utf-8", "surrogateescape")
    return (pattern, "".join(letter for flag, letter in _FLAGS if value.flags & flag))


def _object_key(value: Any) -> Any:
    fields = []
    for name, item in as_mapping(value).items():
        rank, content = order_key(item)
        fields.append((rank, name, content))  # MongoDB compares a field's type before its name
    return (20, fields)


def _code_key(value: Any) -> Any:
    if value.scope is None:
        return (60, str(value))
    return (65, (str(value), _object_key(value.scope)))


_KEYS: Final[dict[int, Callable[[Any], Any]]] = {
    MIN_KEY: lambda _: (-1, None),
    NULL: lambda _: (5, None),
    DOUBLE: lambda value: (10, value) if value == value else (10, NAN),  # noqa: PLR0124
    INT: lambda value: (10, value),
    LONG: lambda value: (10, value),
    DECIMAL: lambda value: (10, number_content(value)),
    STRING: lambda value: (15, value),
    OBJECT: _object_key,
    ARRAY: lambda value: (25, [order_key(item) for item in value]),
    BINARY: lambda value: (30, binary_content(value)),
    OBJECT_ID: lambda value: (35, value.binary),
    BOOL: lambda value: (40, value),
    DATE: lambda value: (45, date_content(value)),
    TIMESTAMP: lambda value: (47, (value.time, value.inc)),
    REGEX: lambda value: (50, regex_content(value)),
    CODE: _code_key,
    MAX_KEY: lambda _: (127, None),
}
