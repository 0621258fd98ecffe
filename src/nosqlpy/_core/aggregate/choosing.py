"""Accumulators of some values: $firstN $lastN $minN $maxN $top $topN $bottom $bottomN.

Manual: reference/operator/aggregation/firstN, lastN, minN, maxN, top, topN, bottom, bottomN.
How many may follow from the group's own ``_id``, if that is a document (the server's accumulator_multi.cpp).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.aggregate.accumulator import Accumulator, accumulator
from nosqlpy._core.aggregate.gathering import present
from nosqlpy._core.aggregate.stage import Scope, malformed
from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.node import Expression
from nosqlpy._core.expression.operators import Codes, Fields
from nosqlpy._core.expression.sorting import checked_count
from nosqlpy._core.query.sort import Ordering, compile_sort
from nosqlpy._core.values.paths import plain
from nosqlpy._core.values.types import MISSING, OBJECT, TYPES, as_mapping, type_name

_ENDS: Final = Fields(("n", "input"), {}, Codes(5787801, 5787901, (5787906, 5787907)))
_EXTREMES: Final = Fields(("n", "input"), {}, Codes(5787900, 5787901, (5787906, 5787907)))
_SORTED: Final = Fields(("n", "output", "sortBy"), {}, Codes(5788001, 5788002, (5788003, 5788004, 5788005)))
_SORTED_ONE: Final = Fields(("output", "sortBy"), {}, Codes(5788001, 5788002, (5788004, 5788005)))
_SURPLUS: Final = 1024
"""Values beyond those asked for that are kept before all others are let go."""


class _Chosen(msgspec.Struct):
    """The values of a group that may be among the `count` asked for."""

    count: int
    values: list[Any]


Choose: TypeAlias = Callable[[list[Any], int], list[Any]]


def _some(value: Expression, count_of: Callable[[Any], int] | int, choose: Choose) -> Accumulator:
    """Return the accumulator of the values that `choose` chooses; it may choose among those that it chose before."""

    def add(state: _Chosen, values: list[Any]) -> _Chosen:
        state.values += values
        if len(state.values) > 2 * state.count + _SURPLUS:
            state.values = choose(state.values, state.count)
        return state

    def finish(state: _Chosen) -> list[Any]:
        return choose(state.values, state.count)

    if isinstance(count_of, int):
        return Accumulator(value, lambda _id: _Chosen(count_of, []), add, finish)
    return Accumulator(value, lambda id: _Chosen(count_of(id), []), add, finish, by_id=True)


def _counting(name: str, operand: Any, scope: Scope) -> Callable[[Any], int] | int:
    """Return how many values are asked for, or what tells it of a group's ``_id``."""
    expression = scope.expression(operand)
    if expression.constant:
        return checked_count(name, expression.value, malformed)

    def count_of(id: Any) -> int:
        document, kind = plain(id)
        return checked_count(name, expression.evaluate(document if kind is dict else {}, scope.variables), failure)

    return count_of


def _of_some(name: str, fields: Fields, chooser: Callable[[Callable[[Any], Any]], Choose]) -> None:
    """Register an accumulator; `chooser` makes of the key by which values are in order what chooses among them."""

    @accumulator(name)
    def compile_some(name: str, operand: Any, scope: Scope) -> Accumulator:
        given = fields.read(name, operand)
        value = scope.expression(given["input"], flat=True)
        return _some(value, _counting(name, given["n"], scope), chooser(scope.keys.order))


def _extreme(*, largest: bool) -> Callable[[Callable[[Any], Any]], Choose]:
    def chooser(key: Callable[[Any], Any]) -> Choose:
        def choose(values: list[Any], count: int) -> list[Any]:
            found = [value for value in values if value is not None and value is not MISSING]
            return sorted(found, key=key, reverse=largest)[:count]

        return choose

    return chooser


_of_some("$firstN", _ENDS, lambda _: lambda values, count: [*map(present, values[:count])])
_of_some("$lastN", _ENDS, lambda _: lambda values, count: [*map(present, values[-count:])])
_of_some("$minN", _EXTREMES, _extreme(largest=False))
_of_some("$maxN", _EXTREMES, _extreme(largest=True))


def _of_sorted(name: str, fields: Fields, *, last: bool) -> None:
    @accumulator(name)
    def compile_sorted(name: str, operand: Any, scope: Scope) -> Accumulator:
        given = fields.read(name, operand)
        if TYPES[type(given["sortBy"])] != OBJECT:
            raise malformed(f"'sortBy' of {name} must be an object, not {type_name(given['sortBy'])}", 10065)
        keys = as_mapping(given["sortBy"])
        if not keys:
            raise malformed(f"'sortBy' of {name} needs at least one sort key", 9657900)
        compile_sort(keys)
        names = [f"key{place}" for place in range(len(keys))]
        ordering = compile_sort(dict(zip(names, keys.values(), strict=True)), collation=scope.collation)
        paths = {name: f"${path}" for name, path in zip(names, keys, strict=True)}
        value = scope.expression({"output": given["output"], **paths}, flat=True)
        count_of = _counting(name, given["n"], scope) if "n" in given else 1
        found = _some(value, count_of, _lowest(ordering) if not last else _highest(ordering))
        return msgspec.structs.replace(found, finish=_outputs(found.finish, one="n" not in given))


def _lowest(ordering: Ordering) -> Choose:
    return lambda values, count: ordering.arrange(ordering.rows_of(values), values, count)


def _highest(ordering: Ordering) -> Choose:
    def choose(values: list[Any], count: int) -> list[Any]:
        rows = ordering.rows_of(values)
        places = range(len(values))
        # of equal ones the first count, which therefore have to be the last ones in the order
        chosen = sorted(ordering.arrange(rows[::-1], [*reversed(places)])[-count:])
        return ordering.arrange([rows[place] for place in chosen], [values[place] for place in chosen])

    return choose


def _outputs(finish: Callable[[_Chosen], list[Any]], *, one: bool) -> Callable[[_Chosen], Any]:
    def outputs(state: _Chosen) -> Any:
        found = [value.get("output") for value in finish(state)]
        return found[0] if one else found

    return outputs


_of_sorted("$top", _SORTED_ONE, last=False)
_of_sorted("$topN", _SORTED, last=False)
_of_sorted("$bottom", _SORTED_ONE, last=True)
_of_sorted("$bottomN", _SORTED, last=True)
