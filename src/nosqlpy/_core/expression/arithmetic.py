"""Sums, differences, products, quotients: $add $subtract $multiply $divide $mod $abs.

Manual: reference/operator/aggregation/#arithmetic-expression-operators. Whole
numbers stay whole while they fit 64 bits and become doubles past them; a double
makes the result a double, a Decimal makes it a Decimal of 34 digits. Dates and
numbers, in milliseconds, add up to dates.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from nosqlpy._core.expression.failures import BAD_VALUE, TYPE_MISMATCH, failure
from nosqlpy._core.expression.instants import milliseconds_between, moment, shifted
from nosqlpy._core.expression.node import Evaluate, Variables
from nosqlpy._core.expression.operators import of_operands, of_values
from nosqlpy._core.values.numbers import DECIMAL128, LONGS, NUMERIC, as_decimal, like
from nosqlpy._core.values.types import DATE, DECIMAL, DOUBLE, LONG, MISSING, TYPES, type_name

_REAL: Final = frozenset((int, float))

_EXACT: Final = decimal.Context(prec=12_400, traps=[])
"""Digits for the quotient of any two Decimal128, which the remainder of a division needs."""


@of_operands("$add")
def sum_of(operands: Sequence[Evaluate]) -> Evaluate:
    """Return the sum of numbers, or a date moved by them; null if one is null."""

    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        total: Any = 0
        for operand in operands:
            value = operand(document, variables)
            kind = type(value)
            if kind is int and type(total) is int and total + value in LONGS:
                total += value
                continue
            if kind is float and type(total) in _REAL:
                total += value
                continue
            if value is None or value is MISSING:
                return None
            total = _added(total, value)
        return total

    return evaluate


def _added(total: Any, value: Any) -> Any:
    number = TYPES[type(value)]
    if number == DATE:
        if type(total) is datetime:
            raise failure("only one date allowed in an $add expression", 16612)
        return shifted(moment(value), total)
    if number not in NUMERIC:
        raise failure(f"$add only supports numeric or date types, not {type_name(value)}", TYPE_MISMATCH)
    return shifted(total, value) if type(total) is datetime else plus(total, value)


def plus(left: Any, right: Any) -> Any:
    """Return the sum of two numbers."""
    numbers = (TYPES[type(left)], TYPES[type(right)])
    if DECIMAL in numbers:
        return _as_either(DECIMAL128.add(as_decimal(left), as_decimal(right)), left, right, DECIMAL)
    if DOUBLE in numbers:
        return float(left) + float(right)
    return _whole(int(left) + int(right), float(left) + float(right), left, right)


def _as_either(result: Any, left: Any, right: Any, number: int) -> Any:
    """Return `result` in the type of the operand that is of BSON type `number`, the left one first."""
    return like(result, left if TYPES[type(left)] == number else right)


def _whole(result: int, double: float, left: Any, right: Any) -> Any:
    """Return a whole result, as Int64 if an operand is one, or `double` if it does not fit 64 bits."""
    if result not in LONGS:
        return double
    return _as_either(result, left, right, LONG) if LONG in (TYPES[type(left)], TYPES[type(right)]) else result


@of_values("$subtract", 2)
def difference(left: Any, right: Any) -> Any:
    """Return the difference of numbers, that of dates in milliseconds, or a date moved back by a number of them."""
    if type(left) is int and type(right) is int and left - right in LONGS:
        return left - right
    numbers = (TYPES[type(left)], TYPES[type(right)])
    if numbers[0] in NUMERIC and numbers[1] in NUMERIC:
        return _number_difference(left, right, numbers)
    if left is None or left is MISSING or right is None or right is MISSING:
        return None
    if numbers[0] == DATE and numbers[1] == DATE:
        return milliseconds_between(moment(right), moment(left))
    if numbers[0] == DATE and numbers[1] in NUMERIC:
        return shifted(moment(left), right, sign=-1)
    raise failure(f"can't $subtract {type_name(right)} from {type_name(left)}", TYPE_MISMATCH)


def _number_difference(left: Any, right: Any, numbers: tuple[int, int]) -> Any:
    if DECIMAL in numbers:
        return _as_either(DECIMAL128.subtract(as_decimal(left), as_decimal(right)), left, right, DECIMAL)
    if DOUBLE in numbers:
        return float(left) - float(right)
    return _whole(int(left) - int(right), float(left) - float(right), left, right)


@of_operands("$multiply")
def product_of(operands: Sequence[Evaluate]) -> Evaluate:
    """Return the product of numbers; null if one is null."""

    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        product: Any = 1
        double = 1.0  # the server keeps both, and falls back to this one
        for operand in operands:
            value = operand(document, variables)
            kind = type(value)
            if kind is int and type(product) is int and product * value in LONGS:
                product *= value
                double *= value
                continue
            if kind is float and type(product) in _REAL:
                product = double = double * value
                continue
            if value is None or value is MISSING:
                return None
            if TYPES[type(value)] not in NUMERIC:
                raise failure(f"$multiply only supports numeric types, not {type_name(value)}", TYPE_MISMATCH)
            product, double = _times(product, double, value)
        return product

    return evaluate


def times(left: Any, right: Any) -> Any:
    """Return the product of two numbers."""
    return _times(left, float(left), right)[0]


def _times(product: Any, double: float, value: Any) -> tuple[Any, float]:
    if type(value) is int and type(product) is int and product * value in LONGS:
        return product * value, double * value
    numbers = (TYPES[type(product)], TYPES[type(value)])
    if DECIMAL in numbers:
        result = DECIMAL128.multiply(as_decimal(product), as_decimal(value))
        return _as_either(result, product, value, DECIMAL), double
    double *= float(value)
    if DOUBLE in numbers:
        return double, double
    return _whole(int(product) * int(value), double, product, value), double


@of_values("$divide", 2)
def quotient(left: Any, right: Any) -> Any:
    """Return the quotient of two numbers: a double, or a Decimal if one of them is."""
    numbers = (TYPES[type(left)], TYPES[type(right)])
    if numbers[0] in NUMERIC and numbers[1] in NUMERIC:
        if DECIMAL in numbers:
            divisor = as_decimal(right)
            if not divisor:
                raise failure("can't $divide by zero", BAD_VALUE)
            return _as_either(DECIMAL128.divide(as_decimal(left), divisor), left, right, DECIMAL)
        if right == 0:
            raise failure("can't $divide by zero", BAD_VALUE)
        return float(left) / float(right)
    if left is None or left is MISSING or right is None or right is MISSING:
        return None
    message = f"$divide only supports numeric types, not {type_name(left)} and {type_name(right)}"
    raise failure(message, TYPE_MISMATCH)


@of_values("$mod", 2)
def remainder(left: Any, right: Any) -> Any:
    """Return the remainder of a division, with the sign of the dividend."""
    numbers = (TYPES[type(left)], TYPES[type(right)])
    if numbers[0] in NUMERIC and numbers[1] in NUMERIC:
        return _remainder(left, right, numbers)
    if left is None or left is MISSING or right is None or right is MISSING:
        return None
    raise failure(f"$mod only supports numeric types, not {type_name(left)} and {type_name(right)}", 16611)


def _remainder(left: Any, right: Any, numbers: tuple[int, int]) -> Any:
    if DECIMAL in numbers:
        divisor = as_decimal(right)
        if not divisor:
            raise failure("can't $mod by zero", 5733415)
        found = _EXACT.remainder(as_decimal(left), divisor)
        return _as_either(DECIMAL128.create_decimal(found), left, right, DECIMAL)  # which keeps -0
    if right == 0:
        raise failure("can't $mod by zero", 16610)
    if DOUBLE in numbers:
        dividend = float(left)
        return math.nan if math.isinf(dividend) else math.fmod(dividend, float(right))
    size = abs(int(left)) % abs(int(right))
    return _whole(size if left >= 0 else -size, 0.0, left, right)


@of_values("$abs", 1)
def magnitude(value: Any) -> Any:
    """Return the absolute value of a number."""
    if value is None or value is MISSING:
        return None
    if TYPES[type(value)] not in NUMERIC:
        raise failure(f"$abs only supports numeric types, not {type_name(value)}", 28765)
    if TYPES[type(value)] == DECIMAL:
        return like(as_decimal(value).copy_abs(), value)
    if type(value) is not float and value == LONGS.start:
        raise failure("can't take $abs of long long min", 28680)
    return like(abs(value), value)
