"""Instants: dates as numbers of milliseconds, and what counts as a date.

A stored date here has microseconds where MongoDB's has milliseconds: they are
kept where a date is moved, and left off where it becomes a number.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any, Final

from nosqlpy._core.expression.failures import OVERFLOW, failure
from nosqlpy._core.values.numbers import LONGS
from nosqlpy._core.values.order import EPOCH, FarInstant, date_content
from nosqlpy._core.values.types import DATE, DECIMAL, OBJECT_ID, TIMESTAMP, TYPES, type_name

_MILLISECOND: Final = timedelta(milliseconds=1)


def instant(value: Any, message: str = "can't convert from BSON type {} to Date", code: int = 16006) -> datetime:
    """Return the date that `value` is, or has in it: a date, a timestamp or an ObjectId.

    Raises:
        OperationFailure: It is none; `message` has a place for the type's name.
    """
    number = TYPES[type(value)]
    if number == DATE:
        return moment(value)
    if number == TIMESTAMP:
        return EPOCH + timedelta(seconds=value.time)
    if number == OBJECT_ID:
        return EPOCH + timedelta(seconds=int.from_bytes(value.binary[:4], "big"))
    raise failure(message.format(type_name(value)), code)


def moment(date: Any) -> datetime:
    """Return a date as a datetime in UTC.

    Raises:
        OperationFailure: It is before the year 1 or after 9999.
    """
    content = date_content(date)
    if type(content) is FarInstant:
        raise failure("the date is out of the years 1 to 9999", OVERFLOW)
    return content  # type: ignore[no-any-return]


def milliseconds(date: datetime) -> int:
    """Return the milliseconds since 1970 of a date in UTC, rounded down."""
    return (date - EPOCH) // _MILLISECOND


def milliseconds_between(start: datetime, end: datetime) -> int:
    """Return the milliseconds from `start` to `end`, both in UTC."""
    return milliseconds(end) - milliseconds(start)


def from_milliseconds(count: int, code: int = OVERFLOW) -> datetime:
    """Return the date so many milliseconds after 1970.

    Raises:
        OperationFailure: It is before the year 1 or after 9999, which only a server can store.
    """
    try:
        return EPOCH + timedelta(milliseconds=count)
    except OverflowError:
        raise failure("the date is out of the years 1 to 9999", code) from None


def shifted(date: datetime, amount: Any, *, sign: int = 1) -> datetime:
    """Return `date` moved by a number of milliseconds; fractions are rounded.

    Raises:
        OperationFailure: The result is out of the years 1 to 9999.
    """
    count = _rounded(amount)
    if count is None or count not in LONGS:
        raise failure("date overflow", OVERFLOW)
    try:
        return date + sign * timedelta(milliseconds=count)
    except OverflowError:
        raise failure("date overflow", OVERFLOW) from None


def _rounded(amount: Any) -> int | None:
    """Return a number rounded to a whole one; a half goes away from zero in a double, and to even in a Decimal."""
    if TYPES[type(amount)] == DECIMAL:
        number = amount.to_decimal() if hasattr(amount, "to_decimal") else amount
        return int(number.to_integral_value("ROUND_HALF_EVEN")) if number.is_finite() else None
    if type(amount) is not float:
        return int(amount)
    if not math.isfinite(amount):
        return None
    return int(math.copysign(math.floor(abs(amount) + 0.5), amount))
