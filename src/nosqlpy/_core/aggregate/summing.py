"""Accumulators that compute with numbers: $sum $avg $count $stdDevPop $stdDevSamp $median $percentile.

Manual: reference/operator/aggregation/sum, avg, count, stdDevPop, stdDevSamp, median, percentile.
"""

from __future__ import annotations

import math
from typing import Any, Final

from nosqlpy._core.aggregate.accumulator import Accumulator, accumulator, of_values
from nosqlpy._core.aggregate.stage import Scope, malformed
from nosqlpy._core.expression import accumulated
from nosqlpy._core.expression.operators import Codes, Fields
from nosqlpy._core.expression.percentiles import check_method, ranked, shares_of
from nosqlpy._core.values.numbers import NUMERIC
from nosqlpy._core.values.typed import itself
from nosqlpy._core.values.types import OBJECT, TYPES

# numbers of a group that are kept until they are added up
_PENDING_MAX: Final = 4096
_INT: Final = frozenset((int,))
_PLAIN: Final = frozenset((int, float))
_MEDIAN: Final = Fields(("input", "method"), {}, Codes(7436100, 40415, 40414))
_PERCENTILE: Final = Fields(("input", "p", "method"), {}, Codes(7429703, 40415, 40414))


def _numbers(values: list[Any]) -> list[Any]:
    if _PLAIN.issuperset(map(type, values)):
        return values
    return [value for value in values if TYPES[type(value)] in NUMERIC]


def add_numbers(state: list[Any], values: list[Any]) -> list[Any]:
    """Return a list of few numbers that has the sum of `state` and of the numbers among `values`."""
    if _INT.issuperset(map(type, values)):
        state.append(sum(values))
    else:
        numbers = _numbers(values)
        if _INT.issuperset(map(type, numbers)):
            state.append(sum(numbers))
        else:
            state += numbers
    return _compacted(state) if len(state) > _PENDING_MAX else state


def _compacted(numbers: list[Any]) -> list[Any]:
    """Return fewer numbers of the same sum, exactly, and of the same types."""
    if not _PLAIN.issuperset(map(type, numbers)):
        return numbers
    floats = [number for number in numbers if type(number) is float]
    if not floats:
        return [sum(numbers)]
    partials = _partials(floats)
    return numbers if partials is None else [sum(number for number in numbers if type(number) is int), *partials]


def _partials(numbers: list[float]) -> list[float] | None:
    """Return few numbers of the same exact sum: it, rounded, then what that left, and so on; None past the doubles."""
    partials: list[float] = []
    try:
        while rest := math.fsum([*numbers, *(-partial for partial in partials)]):
            if not math.isfinite(rest):
                return None
            partials.append(rest)
    except (OverflowError, ValueError):  # more than the largest double, or both infinities
        return None
    return partials or [0.0]


def _add_mean(state: tuple[int, list[Any]], values: list[Any]) -> tuple[int, list[Any]]:
    count, numbers = state
    values = _numbers(values)
    return count + len(values), add_numbers(numbers, values)


def _mean(state: tuple[int, list[Any]]) -> Any:
    count, numbers = state
    return accumulated.mean(numbers, count) if count else None


def _keep(state: list[Any], values: list[Any]) -> list[Any]:
    state += _numbers(values)
    return state


of_values("$sum", list, add_numbers, accumulated.total, of_sum=accumulated.total_of_ints)
of_values("$avg", lambda: (0, []), _add_mean, _mean)
of_values("$stdDevPop", list, _keep, accumulated.population_deviation)
of_values("$stdDevSamp", list, _keep, accumulated.sample_deviation)


@accumulator("$count")
def compile_count(_name: str, operand: Any, scope: Scope) -> Accumulator:
    """Return the accumulator that counts the documents of a group."""
    if TYPES[type(operand)] != OBJECT or operand:
        raise malformed("$count takes no arguments, i.e. $count:{}", 14, "TypeMismatch")
    one = scope.expression(1, flat=True)
    return Accumulator(one, lambda _id: 0, lambda state, values: state + len(values), itself, of_sum=itself)


@accumulator("$median")
def compile_median(name: str, operand: Any, scope: Scope) -> Accumulator:
    """Return the accumulator of the number in the middle."""
    given = _MEDIAN.read(name, operand)
    check_method(name, given["method"])
    value = scope.expression(given["input"], flat=True)
    return Accumulator(value, lambda _id: [], _keep, lambda state: ranked(state, (0.5,))[0])


@accumulator("$percentile")
def compile_percentile(name: str, operand: Any, scope: Scope) -> Accumulator:
    """Return the accumulator of the numbers below which given shares of all lie."""
    given = _PERCENTILE.read(name, operand)
    shares = shares_of(scope.expression(given["p"]).evaluate({}, scope.variables))
    check_method(name, given["method"])
    value = scope.expression(given["input"], flat=True)
    return Accumulator(value, lambda _id: [], _keep, lambda state: ranked(state, shares))
