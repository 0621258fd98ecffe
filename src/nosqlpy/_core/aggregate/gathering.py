"""Accumulators of values as they are: $min $max $first $last $push $addToSet $mergeObjects $concatArrays $setUnion.

Manual: reference/operator/aggregation/min, max, first, last, push, addToSet,
mergeObjects, concatArrays, setUnion.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from nosqlpy._core.aggregate.accumulator import Accumulator, accumulator, of_values
from nosqlpy._core.aggregate.stage import Scope
from nosqlpy._core.expression import accumulated
from nosqlpy._core.expression.failures import failure
from nosqlpy._core.values.types import MISSING, type_name


def present(value: Any) -> Any:
    """Return `value`, or null where it is missing."""
    return None if value is MISSING else value


def _extreme(name: str, pick: Callable[..., Any]) -> None:
    @accumulator(name)
    def compile_extreme(_name: str, operand: Any, scope: Scope) -> Accumulator:
        order = scope.keys.order
        direct = ({int}, {str}) if scope.collation is None else ({int},)

        def add(state: Any, values: list[Any]) -> Any:
            kinds = set(map(type, values))
            if kinds in direct and type(state) in (*kinds, type(None)):
                return pick(values) if state is None else pick(state, pick(values))
            found = [value for value in (state, *values) if value is not None and value is not MISSING]
            return pick(found, key=order, default=None)

        return Accumulator(scope.expression(operand, flat=True), lambda _id: None, add, lambda state: state)


_extreme("$min", min)
_extreme("$max", max)


def _add_all(state: list[Any], values: list[Any]) -> list[Any]:
    state += [value for value in values if value is not MISSING]
    return state


def _merge(state: dict[str, Any], values: list[Any]) -> dict[str, Any]:
    state.update(accumulated.merged(values))
    return state


of_values("$first", list, lambda state, values: state or values[:1], lambda state: present(state[0]))
of_values("$last", list, lambda _, values: values[-1:], lambda state: present(state[0]))
of_values("$push", list, _add_all)
of_values("$mergeObjects", dict, _merge)


def _elements(name: str, values: Iterable[Any]) -> Iterable[Any]:
    """Yield the elements of all arrays; a value that is missing has none."""
    for value in values:
        if value is not MISSING:
            if type(value) is not list:
                raise failure(f"{name} takes arrays, not {type_name(value)}", 14)
            yield from value


@accumulator("$concatArrays")
def compile_concatenation(name: str, operand: Any, scope: Scope) -> Accumulator:
    """Return the accumulator of the elements of all arrays."""

    def add(state: list[Any], values: list[Any]) -> list[Any]:
        state += _elements(name, values)
        return state

    return Accumulator(scope.expression(operand, flat=True), lambda _id: [], add, lambda state: state)


def _set_of(name: str, values_of: Callable[[list[Any]], Iterable[Any]]) -> None:
    @accumulator(name)
    def compile_set(_name: str, operand: Any, scope: Scope) -> Accumulator:
        key_of = scope.keys.equality

        def add(state: dict[Hashable, Any], values: list[Any]) -> dict[Hashable, Any]:
            for value in values_of(values):
                state.setdefault(key_of(value), value)
            return state

        value = scope.expression(operand, flat=True)
        return Accumulator(value, lambda _id: {}, add, lambda state: list(state.values()))


_set_of("$addToSet", lambda values: (value for value in values if value is not MISSING))
_set_of("$setUnion", lambda values: _elements("$setUnion", values))
