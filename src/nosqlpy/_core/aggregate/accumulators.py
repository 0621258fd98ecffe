"""Accumulators: what $group makes of the values of a group.

Manual: reference/operator/aggregation/group#accumulator-operator. An accumulator
gets the values of each group in portions, in the order of the documents, and
keeps a state of them: one more accumulator is one more function here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.aggregate.stage import Scope, malformed
from nosqlpy._core.expression import accumulated
from nosqlpy._core.expression.comparison import sort_key
from nosqlpy._core.expression.compile import compile_expression
from nosqlpy._core.expression.node import Expression
from nosqlpy._core.expression.percentiles import check_method, ranked, shares_of
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.numbers import NUMERIC, integer
from nosqlpy._core.values.order import order_key
from nosqlpy._core.values.types import MISSING, OBJECT, TYPES, as_mapping
from nosqlpy.errors import NotSupportedError
from nosqlpy.naming import nearest

State: TypeAlias = Any


class Accumulator(msgspec.Struct, frozen=True):
    """What is made of a group's values, those of `value`: a state, to which portions are added, and its result."""

    value: Expression
    start: Callable[[], State]
    add: Callable[[State, list[Any]], State]
    finish: Callable[[State], Any]


CompileAccumulator: TypeAlias = Callable[[str, Any, Scope], Accumulator]
_ACCUMULATORS: Final[dict[str, CompileAccumulator]] = {}
_NOT_SUPPORTED: Final = frozenset(
    (
        *("$accumulator", "$bottom", "$bottomN", "$concatArrays", "$setUnion", "$top", "$topN"),
        *("$covariancePop", "$covarianceSamp", "$denseRank", "$derivative", "$documentNumber", "$expMovingAvg"),
        *("$integral", "$linearFill", "$locf", "$minMaxScaler", "$rank", "$shift"),
    )
)

# numbers of a group that are kept until they are added up
_PENDING_MAX: Final = 4096


def compile_accumulator(name: str, operand: Any, scope: Scope) -> Accumulator:
    """Return the compiled accumulator.

    Raises:
        QueryError: There is none of that name, or its operand means nothing.
        NotSupportedError: MongoDB has it and nosqlpy does not.
    """
    found = _ACCUMULATORS.get(name)
    if found is not None:
        return found(name, operand, scope)
    if name in _NOT_SUPPORTED:
        raise NotSupportedError(f"accumulator {name} is not supported")
    raise malformed(f"unknown group operator {name!r}{nearest(name, _ACCUMULATORS)}", 15952)


def _register(name: str) -> Callable[[CompileAccumulator], CompileAccumulator]:
    def register(function: CompileAccumulator) -> CompileAccumulator:
        assert name not in _ACCUMULATORS, name
        _ACCUMULATORS[name] = function
        return function

    return register


def _flat(operand: Any, scope: Scope) -> Expression:
    return compile_expression(operand, variables=scope.names, flat=True)


def _of_values(
    name: str,
    start: Callable[[], State],
    add: Callable[[State, list[Any]], State],
    finish: Callable[[State], Any] = lambda state: state,
) -> None:
    """Register an accumulator of the values of one expression."""

    @_register(name)
    def compile_one(name: str, operand: Any, scope: Scope) -> Accumulator:
        if isinstance(operand, list | tuple):
            raise malformed(f"the {name} accumulator is a unary operator", 40237)
        return Accumulator(_flat(operand, scope), start, add, finish)


def _of_some(name: str, choose: Callable[[list[Any], int], list[Any]], *, skips_null: bool = False) -> None:
    """Register an accumulator of the first ``n`` values in some order."""

    @_register(name)
    def compile_some(name: str, operand: Any, scope: Scope) -> Accumulator:
        given = _named(name, operand, ("n", "input"), 5787801)
        count = _count(name, given["n"], scope)

        def add(state: list[Any], values: list[Any]) -> list[Any]:
            if skips_null:
                values = [value for value in values if value is not None and value is not MISSING]
            return choose([*state, *(None if value is MISSING else value for value in values)], count)

        return Accumulator(_flat(given["input"], scope), list, add, lambda state: state)


def _named(name: str, operand: Any, names: Sequence[str], code: int) -> Mapping[str, Any]:
    if TYPES[type(operand)] != OBJECT:
        raise malformed(f"specification of {name} must be an object", code)
    given = as_mapping(operand)
    for option in given:
        if option not in names:
            raise malformed(f"unknown argument to {name}: {option}", 5787901)
    for option in names:
        if option not in given:
            raise malformed(f"missing value for {option!r} of {name}", 5787906)
    return given


def _count(name: str, operand: Any, scope: Scope) -> int:
    value = compile_expression(operand, variables=scope.names).evaluate({}, scope.variables)
    number = integer(value) if TYPES[type(value)] in NUMERIC else None
    if number is None:
        raise malformed(f"value for 'n' of {name} must be of integral type", 5787902)
    if number <= 0:
        raise malformed(f"'n' of {name} must be greater than 0", 5787908)
    return number


# ── sums ─────────────────────────────────────────────────────────────────────────


def _add_numbers(state: list[Any], values: list[Any]) -> list[Any]:
    kinds = set(map(type, values))
    if kinds == {int}:
        state.append(sum(values))
    else:
        state += [value for value in values if TYPES[type(value)] in NUMERIC]
    return _compacted(state) if len(state) > _PENDING_MAX else state


def _compacted(numbers: list[Any]) -> list[Any]:
    """Return fewer numbers of the same sum, exactly, and of the same types."""
    if any(type(number) is not int and type(number) is not float for number in numbers):
        return numbers
    floats = [number for number in numbers if type(number) is float]
    if not all(map(math.isfinite, floats)):
        return numbers
    whole = sum(number for number in numbers if type(number) is int)
    return [whole, *_partials(floats)] if floats else [whole]


def _partials(numbers: list[float]) -> list[float]:
    """Return numbers of the same exact sum that do not overlap (Shewchuk 1997, as in math.fsum)."""
    partials: list[float] = []
    for number in numbers:
        x, kept = number, 0
        for y in partials:
            large, small = (x, y) if abs(x) >= abs(y) else (y, x)
            high = large + small
            low = small - (high - large)
            if low:
                partials[kept] = low
                kept += 1
            x = high
        partials[kept:] = [x]
    return partials


def _add_mean(state: tuple[int, list[Any]], values: list[Any]) -> tuple[int, list[Any]]:
    count, numbers = state
    count += sum(TYPES[type(value)] in NUMERIC for value in values)
    return count, _add_numbers(numbers, values)


def _mean(state: tuple[int, list[Any]]) -> Any:
    count, numbers = state
    return accumulated.mean(numbers, count) if count else None


_of_values("$sum", list, _add_numbers, accumulated.total)
_of_values("$avg", lambda: (0, []), _add_mean, _mean)


@_register("$count")
def compile_count(_name: str, operand: Any, scope: Scope) -> Accumulator:
    """Return the accumulator that counts the documents of a group."""
    if TYPES[type(operand)] != OBJECT or operand:
        raise malformed("$count takes no arguments, i.e. $count:{}", 14, "TypeMismatch")
    return Accumulator(_flat(None, scope), int, lambda state, values: state + len(values), lambda state: state)


# ── one of the values ────────────────────────────────────────────────────────────


def _present(value: Any) -> Any:
    return None if value is MISSING else value


def _extreme(pick: Callable[..., Any]) -> Callable[[State, list[Any]], State]:
    def add(state: Any, values: list[Any]) -> Any:
        kinds = set(map(type, values))
        if kinds in ({int}, {str}) and type(state) in (*kinds, type(None)):
            return pick(values) if state is None else pick(pick(values), state)
        present = [value for value in (state, *values) if value is not None and value is not MISSING]
        return pick(present, key=sort_key, default=None)

    return add


_of_values("$min", lambda: None, _extreme(min))
_of_values("$max", lambda: None, _extreme(max))
_of_values("$first", list, lambda state, values: state or values[:1], lambda state: _present(state[0]))
_of_values("$last", list, lambda _, values: values[-1:], lambda state: _present(state[0]))


# ── many of the values ───────────────────────────────────────────────────────────


def _add_all(state: list[Any], values: list[Any]) -> list[Any]:
    state += [value for value in values if value is not MISSING]
    return state


def _add_new(state: dict[Any, Any], values: list[Any]) -> dict[Any, Any]:
    for value in values:
        if value is not MISSING:
            state.setdefault(equality_key(value), value)
    return state


def _merge(state: dict[str, Any], values: list[Any]) -> dict[str, Any]:
    state.update(accumulated.merged(values))
    return state


_of_values("$push", list, _add_all)
_of_values("$addToSet", dict, _add_new, lambda state: list(state.values()))
_of_values("$mergeObjects", dict, _merge)
_of_values("$stdDevPop", list, _add_all, accumulated.population_deviation)
_of_values("$stdDevSamp", list, _add_all, accumulated.sample_deviation)

_of_some("$firstN", lambda values, count: values[:count])
_of_some("$lastN", lambda values, count: values[-count:])
_of_some("$minN", lambda values, count: sorted(values, key=order_key)[:count], skips_null=True)
_of_some("$maxN", lambda values, count: sorted(values, key=order_key, reverse=True)[:count], skips_null=True)


@_register("$median")
def compile_median(name: str, operand: Any, scope: Scope) -> Accumulator:
    """Return the accumulator of the number in the middle."""
    given = _named(name, operand, ("input", "method"), 7436100)
    check_method(name, given["method"])
    return Accumulator(_flat(given["input"], scope), list, _add_all, lambda state: ranked(state, (0.5,))[0])


@_register("$percentile")
def compile_percentile(name: str, operand: Any, scope: Scope) -> Accumulator:
    """Return the accumulator of the numbers below which given shares of all lie."""
    given = _named(name, operand, ("input", "p", "method"), 7429703)
    check_method(name, given["method"])
    shares = shares_of(compile_expression(given["p"], variables=scope.names).evaluate({}, scope.variables))
    return Accumulator(_flat(given["input"], scope), list, _add_all, lambda state: ranked(state, shares))
