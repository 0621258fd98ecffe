"""Values as text, as $toString and the string operators write them."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.instants import instant
from nosqlpy._core.values.numbers import NUMERIC
from nosqlpy._core.values.types import CODE, CODE_WITH_SCOPE, DATE, DOUBLE, MISSING, STRING, TIMESTAMP, TYPES, type_name


def text_of(value: Any) -> str:
    """Return the text that string operators see in a value: "" for null and a missing value.

    Raises:
        OperationFailure: It is neither text nor a number nor a date.
    """
    if type(value) is str:
        return value
    if value is None or value is MISSING:
        return ""
    number = TYPES[type(value)]
    if number in (STRING, CODE, CODE_WITH_SCOPE):
        return str(value)
    if number in NUMERIC:
        return number_text(value)
    if number in (DATE, TIMESTAMP):
        return date_text(instant(value))
    raise failure(f"can't convert from BSON type {type_name(value)} to String", 16007)


def number_text(value: Any) -> str:
    """Return a number in the fewest digits that tell it from all others of its type."""
    if TYPES[type(value)] != DOUBLE:
        return str(int(value)) if isinstance(value, int) else str(value)
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return "NaN" if math.isnan(value) else repr(value).removesuffix(".0")


def date_text(date: datetime) -> str:
    """Return a date in UTC as ``2017-07-04T14:56:42.911Z``."""
    return f"{date:%Y-%m-%dT%H:%M:%S}.{date.microsecond // 1000:03}Z".rjust(24, "0")
