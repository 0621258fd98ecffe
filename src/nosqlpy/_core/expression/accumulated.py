"""Operators that take many values, or the elements of one array: $sum $avg $min $max $mergeObjects $stdDevPop ….

Manual: reference/operator/aggregation/sum, avg, min, max, mergeObjects,
stdDevPop, stdDevSamp. A single operand that is an array stands for its elements;
what an operator cannot use, it leaves out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, reduce
from typing import Any, Final, TypeAlias

from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.node import Evaluate, Variables
from nosqlpy._core.expression.operators import of_operands
from nosqlpy._core.values.collation import Keys
from nosqlpy._core.values.numbers import DECIMAL128, LONGS, NUMERIC, as_decimal, like
from nosqlpy._core.values.paths import plain
from nosqlpy._core.values.types import DECIMAL, LONG, MISSING, TYPES, type_name

Accumulate: TypeAlias = Callable[[Iterable[Any]], Any]

_INT: Final = frozenset((int,))
# every int up to here is a double too
_EXACT_MAX: Final = 2**53


def accumulating(name: str, *, keyed: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function of many values, if `keyed` of the keys to compare by too, as an operator."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if keyed:
            of_operands(name, keyed=True)(lambda keys, operands: _accumulated(partial(function, keys), operands))
        else:
            of_operands(name)(partial(_accumulated, function))
        return function

    return register


def _accumulated(function: Accumulate, operands: Sequence[Evaluate]) -> Evaluate:
    """Return what computes `function` of the operands' values, or of the elements of the only one."""
    if len(operands) == 1:
        (only,) = operands

        def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
            value = only(document, variables)
            return function(value if type(value) is list else (value,))

        return evaluate
    return lambda document, variables: function([operand(document, variables) for operand in operands])


def _numbers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if TYPES[type(value)] in NUMERIC]


@accumulating("$sum")
def total(values: Iterable[Any]) -> Any:
    """Return the sum of the numbers among the values; 0 if there is none."""
    numbers = list(values)
    if _INT.issuperset(map(type, numbers)):
        return total_of_ints(sum(numbers))
    numbers = _numbers(numbers)
    decimals = [number for number in numbers if TYPES[type(number)] == DECIMAL]
    if decimals:
        return like(_decimal_sum(numbers), decimals[0])
    if any(type(number) is float for number in numbers):
        return _double_sum(numbers)
    result = sum(map(int, numbers))
    if result not in LONGS:
        return float(result)
    longs = [number for number in numbers if TYPES[type(number)] == LONG]
    return like(result, longs[0]) if longs else result


def total_of_ints(result: int) -> int | float:
    """Return a sum of ints: itself if it fits 64 bits, else a double."""
    return result if result in LONGS else float(result)


def _decimal_sum(numbers: list[Any]) -> Any:
    """Return the sum as Decimal, of doubles by their 15 digits."""
    return reduce(DECIMAL128.add, map(as_decimal, numbers))


def _double_sum(numbers: list[Any]) -> float:
    """Return the exact sum, rounded once."""
    try:
        if all(type(number) is float or abs(number) <= _EXACT_MAX for number in numbers):
            return math.fsum(numbers)
        from fractions import Fraction  # noqa: PLC0415 - few programs need it, and all would load it

        return float(sum(map(Fraction, numbers)))
    except (ValueError, OverflowError):  # NaN or infinity among them, or past the largest double
        return sum(map(float, numbers))


@accumulating("$avg")
def average(values: Iterable[Any]) -> Any:
    """Return the mean of the numbers among the values: a double, or a Decimal if one is; null if there is none."""
    numbers = _numbers(values)
    return mean(numbers, len(numbers)) if numbers else None


def mean(numbers: list[Any], count: int) -> Any:
    """Return the mean of `count` numbers that have the same sum as `numbers`."""
    decimals = [number for number in numbers if TYPES[type(number)] == DECIMAL]
    if decimals:
        return like(DECIMAL128.divide(_decimal_sum(numbers), as_decimal(count)), decimals[0])
    return _double_sum(numbers) / count


def _present(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value is not None and value is not MISSING]


@accumulating("$min", keyed=True)
def smallest(keys: Keys, values: Iterable[Any]) -> Any:
    """Return the value that sorts first, other than null; null if there is none."""
    return min(_present(values), key=keys.order, default=None)


@accumulating("$max", keyed=True)
def largest(keys: Keys, values: Iterable[Any]) -> Any:
    """Return the value that sorts last; null if there is none."""
    return max(_present(values), key=keys.order, default=None)


@accumulating("$mergeObjects")
def merged(values: Iterable[Any]) -> dict[str, Any]:
    """Return the fields of all documents; a later one's replace those of an earlier one."""
    result: dict[str, Any] = {}
    for value in _present(values):
        document, kind = plain(value)
        if kind is not dict:
            raise failure(f"$mergeObjects requires object inputs, not {type_name(value)}", 40400)
        result.update(document)
    return result


@accumulating("$stdDevPop")
def population_deviation(values: Iterable[Any]) -> float | None:
    """Return the standard deviation of the numbers among the values, taken for all there are."""
    return _deviation(values, "pstdev", 1)


@accumulating("$stdDevSamp")
def sample_deviation(values: Iterable[Any]) -> float | None:
    """Return the standard deviation of the numbers among the values, taken for a sample."""
    return _deviation(values, "stdev", 2)


def _deviation(values: Iterable[Any], name: str, least: int) -> float | None:
    import statistics  # noqa: PLC0415 - few programs need it, and all would load it

    numbers = [_double(number) for number in _numbers(values)]
    if len(numbers) < least:
        return None
    deviation: Callable[[list[float]], float] = getattr(statistics, name)
    return deviation(numbers) if all(map(math.isfinite, numbers)) else math.nan


def _double(number: Any) -> float:
    return float(as_decimal(number)) if TYPES[type(number)] == DECIMAL else float(number)
