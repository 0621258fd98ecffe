"""From one type to another: the conversions that $convert knows, by the types that they are between.

Manual: reference/operator/aggregation/convert.
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from nosqlpy._core.expression.failures import CONVERSION_FAILURE, failure
from nosqlpy._core.expression.freedates import free_date
from nosqlpy._core.expression.instants import from_milliseconds, instant, milliseconds
from nosqlpy._core.expression.texts import date_text, number_text
from nosqlpy._core.values.extensions import bson_class
from nosqlpy._core.values.numbers import DECIMAL128, INTS, LONGS, as_decimal
from nosqlpy._core.values.types import (
    BOOL,
    DATE,
    DECIMAL,
    DOUBLE,
    INT,
    LONG,
    OBJECT_ID,
    STRING,
    TIMESTAMP,
)
from nosqlpy.errors import NotSupportedError, OperationFailure

Conversion: TypeAlias = Callable[[Any], Any]

_WHOLE_TEXT: Final = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER_TEXT: Final = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan)", re.ASCII | re.IGNORECASE
)
_ID_TEXT: Final = re.compile(r"[0-9a-fA-F]{24}")


def impossible(reason: str) -> OperationFailure:
    """Return the error of a value that cannot be converted, which ``onError`` stands in for."""
    return failure(f"{reason} in $convert with no onError value", CONVERSION_FAILURE)


def long(value: int) -> int:
    """Return a whole number as Int64, or as it is where pymongo is not installed."""
    try:
        result: int = bson_class("int64", "Int64")(value)
    except NotSupportedError:
        return value
    return result


def _object_id(text: Any) -> Any:
    if not _ID_TEXT.fullmatch(text):
        raise impossible("failed to parse objectId")
    try:
        return bson_class("objectid", "ObjectId")(text)
    except NotSupportedError:
        raise NotSupportedError('$toObjectId needs pymongo: pip install "nosqlpy[mongodb]"') from None


def _whole(value: Any, limits: range) -> int:
    """Return a number without its fraction."""
    if math.isnan(value) or math.isinf(value):
        raise impossible("attempt to convert NaN or infinity to integer type")
    whole = int(value)
    if whole not in limits:
        raise impossible("conversion would overflow target type")
    return whole


def _int_of_double(value: float) -> int:
    """Return a double without its fraction, which counts for the limits."""
    if value > INTS.stop - 1:
        raise impossible("conversion would overflow target type")
    return _whole(value, INTS)


def _parsed_whole(text: str, limits: range) -> int:
    if not _WHOLE_TEXT.fullmatch(text) or len(text) > 40 or int(text) not in limits:
        raise impossible("failed to parse number")
    return int(text)


def _parsed_double(text: str) -> float:
    if not _NUMBER_TEXT.fullmatch(text):
        raise impossible("failed to parse number")
    number = float(text)
    if math.isinf(number) and "inf" not in text.lower():
        raise impossible("failed to parse number: out of range")
    return number


def _parsed_decimal(text: str) -> decimal.Decimal:
    if not _NUMBER_TEXT.fullmatch(text):
        raise impossible("failed to parse number")
    number = DECIMAL128.create_decimal(text)
    if number.is_infinite() and "inf" not in text.lower():
        raise impossible("conversion from string to decimal would overflow")
    return number


def _double_of_decimal(value: Any) -> float:
    number = as_decimal(value)
    double = float(number)
    if math.isinf(double) and number.is_finite():
        raise impossible("conversion would overflow target type")
    return double


def _date_of_number(value: Any) -> datetime:
    return from_milliseconds(_whole(value, LONGS), CONVERSION_FAILURE)


def _same(value: Any) -> Any:
    return value


TABLE: Final[dict[tuple[int, int], Conversion]] = {
    (DOUBLE, DOUBLE): _same,
    (DOUBLE, STRING): number_text,
    (DOUBLE, DATE): _date_of_number,
    (DOUBLE, INT): _int_of_double,
    (DOUBLE, LONG): lambda value: long(_whole(value, LONGS)),
    (DOUBLE, DECIMAL): as_decimal,
    (STRING, DOUBLE): _parsed_double,
    (STRING, STRING): _same,
    (STRING, OBJECT_ID): _object_id,
    (STRING, DATE): lambda text: free_date(text, UTC),
    (STRING, INT): lambda text: _parsed_whole(text, INTS),
    (STRING, LONG): lambda text: long(_parsed_whole(text, LONGS)),
    (STRING, DECIMAL): _parsed_decimal,
    (OBJECT_ID, STRING): str,
    (OBJECT_ID, OBJECT_ID): _same,
    (OBJECT_ID, DATE): instant,
    (BOOL, DOUBLE): float,
    (BOOL, STRING): lambda value: "true" if value else "false",
    (BOOL, INT): int,
    (BOOL, LONG): long,
    (BOOL, DECIMAL): decimal.Decimal,
    (DATE, DOUBLE): lambda date: float(milliseconds(instant(date))),
    (DATE, STRING): lambda date: date_text(instant(date)),
    (DATE, DATE): _same,
    (DATE, LONG): lambda date: long(milliseconds(instant(date))),
    (DATE, DECIMAL): lambda date: decimal.Decimal(milliseconds(instant(date))),
    (TIMESTAMP, DATE): instant,
    (INT, DOUBLE): float,
    (INT, STRING): number_text,
    (INT, INT): _same,
    (INT, LONG): long,
    (INT, DECIMAL): as_decimal,
    (LONG, DOUBLE): float,
    (LONG, STRING): number_text,
    (LONG, DATE): _date_of_number,
    (LONG, INT): lambda value: _whole(value, INTS),
    (LONG, LONG): _same,
    (LONG, DECIMAL): as_decimal,
    (DECIMAL, DOUBLE): _double_of_decimal,
    (DECIMAL, STRING): str,
    (DECIMAL, DATE): lambda value: _date_of_number(as_decimal(value)),
    (DECIMAL, INT): lambda value: _whole(as_decimal(value), INTS),
    (DECIMAL, LONG): lambda value: long(_whole(as_decimal(value), LONGS)),
    (DECIMAL, DECIMAL): _same,
}
"""Conversions by the BSON types of the value and of the result; to bool and to binary, see `convert`."""
