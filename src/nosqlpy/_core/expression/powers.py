"""Powers, roots and logarithms: $pow $sqrt $exp $ln $log $log10.

Manual: reference/operator/aggregation/#arithmetic-expression-operators.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable
from typing import Any

from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.operators import of_values
from nosqlpy._core.values.numbers import DECIMAL128, LONGS, NUMERIC, as_decimal, like
from nosqlpy._core.values.types import DECIMAL, DOUBLE, LONG, MISSING, TYPES, type_name


def _double(function: Callable[..., float], *values: Any) -> float:
    """Return what C's function does: infinity past the largest double, NaN where there is no answer."""
    try:
        return function(*map(float, values))
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


@of_values("$pow", 2)
def power(base: Any, exponent: Any) -> Any:
    """Return `base` to the power of `exponent`: whole if both are and the result fits 64 bits."""
    if base is None or base is MISSING or exponent is None or exponent is MISSING:
        return None
    numbers = (TYPES[type(base)], TYPES[type(exponent)])
    if numbers[0] not in NUMERIC:
        raise failure(f"$pow's base must be numeric, not {type_name(base)}", 28762)
    if numbers[1] not in NUMERIC:
        raise failure(f"$pow's exponent must be numeric, not {type_name(exponent)}", 28763)
    if DECIMAL in numbers:
        left, right = as_decimal(base), as_decimal(exponent)
        _check_power(left, right)
        return like(DECIMAL128.power(left, right), base if numbers[0] == DECIMAL else exponent)
    _check_power(base, exponent)
    if DOUBLE in numbers:
        return _double_power(base, exponent)
    result = _whole_power(int(base), int(exponent))
    if type(result) is float or LONG not in numbers:
        return result
    return like(result, base if numbers[0] == LONG else exponent)


def _check_power(base: Any, exponent: Any) -> None:
    if base == 0 and exponent < 0:
        raise failure("$pow cannot take a base of 0 and a negative exponent", 28764)


def _whole_power(base: int, exponent: int) -> int | float:
    if base in (0, 1):
        return base if base or exponent else 1
    if base == -1:
        return -1 if exponent % 2 else 1
    if not 0 <= exponent <= 63:
        return _double_power(base, exponent)
    result = base**exponent
    return result if result in LONGS else _double_power(base, exponent)


def _double_power(base: Any, exponent: Any) -> float:
    result = _double(math.pow, base, exponent)
    odd = float(exponent) % 2 == 1
    return -result if result == math.inf and float(base) < 0 and odd else result


def _numeric(name: str, value: Any) -> bool:
    """Return whether there is a number to compute with; null and missing values give null."""
    if value is None or value is MISSING:
        return False
    if TYPES[type(value)] not in NUMERIC:
        raise failure(f"{name} only supports numeric types, not {type_name(value)}", 28765)
    return True


@of_values("$sqrt", 1)
def square_root(value: Any) -> Any:
    """Return the square root of a number."""
    if not _numeric("$sqrt", value):
        return None
    if TYPES[type(value)] == DECIMAL:
        number = as_decimal(value)
        _check_root(number < 0 if not number.is_nan() else False)
        return like(DECIMAL128.sqrt(number), value)
    _check_root(value < 0)
    return _double(math.sqrt, value)


def _check_root(negative: bool) -> None:
    if negative:
        raise failure("$sqrt's argument must be greater than or equal to 0", 28714)


@of_values("$exp", 1)
def exponential(value: Any) -> Any:
    """Return e to the power of a number."""
    if not _numeric("$exp", value):
        return None
    if TYPES[type(value)] == DECIMAL:
        return like(DECIMAL128.exp(as_decimal(value)), value)
    return _double(math.exp, value)


@of_values("$ln", 1)
def natural_logarithm(value: Any) -> Any:
    """Return the natural logarithm of a positive number."""
    return _logarithm("$ln", value, 28766, DECIMAL128.ln, math.log)


@of_values("$log10", 1)
def decimal_logarithm(value: Any) -> Any:
    """Return the logarithm to base 10 of a positive number."""
    return _logarithm("$log10", value, 28761, DECIMAL128.log10, math.log10)


def _logarithm(
    name: str,
    value: Any,
    code: int,
    decimals: Callable[[decimal.Decimal], decimal.Decimal],
    doubles: Callable[[float], float],
) -> Any:
    if not _numeric(name, value):
        return None
    number = as_decimal(value) if TYPES[type(value)] == DECIMAL else float(value)
    if not (number > 0 if number == number else True):  # noqa: PLR0124 - NaN
        raise failure(f"{name}'s argument must be a positive number", code)
    return like(decimals(number), value) if isinstance(number, decimal.Decimal) else _double(doubles, number)


@of_values("$log", 2)
def logarithm(value: Any, base: Any) -> Any:
    """Return the logarithm of a positive number to a base."""
    if value is None or value is MISSING or base is None or base is MISSING:
        return None
    numbers = (TYPES[type(value)], TYPES[type(base)])
    if numbers[0] not in NUMERIC:
        raise failure(f"$log's argument must be numeric, not {type_name(value)}", 28756)
    if numbers[1] not in NUMERIC:
        raise failure(f"$log's base must be numeric, not {type_name(base)}", 28757)
    left, right = (as_decimal(value), as_decimal(base)) if DECIMAL in numbers else (float(value), float(base))
    if left == left and left <= 0:  # noqa: PLR0124 - NaN
        raise failure("$log's argument must be a positive number", 28758)
    if right == right and (right <= 0 or right == 1):  # noqa: PLR0124 - NaN
        raise failure("$log's base must be a positive number not equal to 1", 28759)
    if isinstance(left, decimal.Decimal) and isinstance(right, decimal.Decimal):
        result = DECIMAL128.divide(DECIMAL128.ln(left), DECIMAL128.ln(right))
        return like(result, value if numbers[0] == DECIMAL else base)
    return _double(math.log, left) / _double(math.log, right)
