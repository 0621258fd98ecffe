"""Rounding: $round $trunc $ceil $floor.

Manual: reference/operator/aggregation/round, trunc, ceil, floor. Halves go to the even neighbour.
"""

from __future__ import annotations

import decimal
import math
from typing import Any

from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.operators import of_values
from nosqlpy._core.values.numbers import DECIMAL128, INTS, LONGS, NUMERIC, as_decimal, integer, like, truncate
from nosqlpy._core.values.types import DECIMAL, DOUBLE, MISSING, TYPES, type_name


@of_values("$round", 1, 2)
def rounded(value: Any, place: Any = 0) -> Any:
    """Return a number rounded to a decimal place, which may be negative."""
    return _at_place("$round", value, place, decimal.ROUND_HALF_EVEN)


@of_values("$trunc", 1, 2)
def truncated(value: Any, place: Any = 0) -> Any:
    """Return a number cut off after a decimal place, which may be negative."""
    return _at_place("$trunc", value, place, decimal.ROUND_DOWN)


def _at_place(name: str, value: Any, place: Any, rounding: str) -> Any:
    if value is None or value is MISSING:
        return None
    number = TYPES[type(value)]
    if number not in NUMERIC:
        raise failure(f"{name} only supports numeric types, not {type_name(value)}", 51081)
    if place is None or place is MISSING:
        return None
    digits = _checked_place(name, place)
    if number == DECIMAL:
        return like(_quantized(as_decimal(value), digits, rounding), value)
    if number == DOUBLE:
        if not math.isfinite(value):
            return value
        return float(_quantized(DECIMAL128.create_decimal_from_float(value), digits, rounding))
    if digits >= 0:
        return value
    result = int(_quantized(decimal.Decimal(int(value)), digits, rounding))
    if result not in LONGS:
        raise failure(f"invalid conversion from Decimal128 result in {name}", 51080)
    return like(result, value)


def _checked_place(name: str, place: Any) -> int:
    if TYPES[type(place)] not in NUMERIC:
        raise failure(f"can't convert from BSON type {type_name(place)} to long", 16004)
    if truncate(place) is None:
        raise failure(f"the precision argument to {name} is no number of 64 bits", 31109)
    digits = integer(place)
    if digits is None or digits not in INTS:
        raise failure(f"precision argument to {name} must be a integral value", 51082)
    if not -20 <= digits <= 100:
        raise failure(f"cannot apply {name} with that precision value: it must be in [-20, 100]", 51083)
    return digits


def _quantized(value: decimal.Decimal, digits: int, rounding: str) -> decimal.Decimal:
    if not value.is_finite():
        return value
    exponent = max(-digits, value.adjusted() - DECIMAL128.prec + 1) if value else -min(digits, DECIMAL128.prec - 1)
    return value.quantize(decimal.Decimal(1).scaleb(exponent), rounding, DECIMAL128)


@of_values("$ceil", 1)
def ceiling(value: Any) -> Any:
    """Return the smallest whole number that is not below a number, in its type."""
    return _to_whole("$ceil", value, decimal.ROUND_CEILING)


@of_values("$floor", 1)
def floor(value: Any) -> Any:
    """Return the largest whole number that is not above a number, in its type."""
    return _to_whole("$floor", value, decimal.ROUND_FLOOR)


def _to_whole(name: str, value: Any, rounding: str) -> Any:
    if value is None or value is MISSING:
        return None
    number = TYPES[type(value)]
    if number not in NUMERIC:
        raise failure(f"{name} only supports numeric types, not {type_name(value)}", 28765)
    if number == DECIMAL:
        return like(as_decimal(value).to_integral_value(rounding, DECIMAL128), value)
    if number == DOUBLE:
        if not math.isfinite(value):
            return value
        whole = math.ceil(value) if rounding == decimal.ROUND_CEILING else math.floor(value)
        return math.copysign(whole, value)  # of -0.5 it is -0.0
    return value
