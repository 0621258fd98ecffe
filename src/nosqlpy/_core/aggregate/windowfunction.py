"""Window functions by name: what $setWindowFields makes of the documents around each one.

Manual: reference/operator/aggregation/setWindowFields, "Window Operators". Accumulators of groups
work on windows too; what only windows have stands in `ranking`, `scaling` and `series`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.aggregate.accumulator import Accumulator, find_accumulator
from nosqlpy._core.aggregate.stage import STEP, Batch, Scope, malformed
from nosqlpy._core.aggregate.windows import EVERYTHING, Span, Window, compile_window
from nosqlpy._core.expression.node import Expression
from nosqlpy._core.query.buckets import Steps
from nosqlpy._core.query.sort import Ordering
from nosqlpy._core.values.codec import copy_value
from nosqlpy._core.values.types import MISSING, OBJECT, TYPES, as_mapping
from nosqlpy.naming import nearest

Compute: TypeAlias = Callable[[Batch], Steps[list[Any]]]
"""Makes of the documents of a partition, in order, the values of a field, one for each."""


class Setting(msgspec.Struct, frozen=True):
    """Where a window function is compiled: what expressions may use, and the order of the documents."""

    scope: Scope
    ordering: Ordering | None = None

    def expression(self, operand: Any) -> Expression:
        """Return the compiled expression of a whole document."""
        return self.scope.expression(operand)

    def values(self, expression: Expression, documents: Batch) -> list[Any]:
        """Return the value of an expression for each document."""
        evaluate, variables = expression.evaluate, self.scope.variables
        return [evaluate(document, variables) for document in documents]

    def single_key(self, name: str, code: int) -> Ordering:
        """Return the order of the documents.

        Raises:
            QueryError: It is not by one field.
        """
        if self.ordering is None or len(self.ordering.keys) != 1:
            raise malformed(f"{name} needs a sortBy with exactly one element", code)
        return self.ordering

    def sort_values(self, documents: Batch) -> list[Any]:
        """Return what each document has at the one path that they are sorted by."""
        assert self.ordering is not None, "that was checked"
        return self.values(self.expression(f"${self.ordering.keys[0][0]}"), documents)


CompileFunction: TypeAlias = Callable[[str, Any, Window, Setting], Compute]


class _Known(msgspec.Struct, frozen=True):
    """What compiles a window function, whether it takes a window, and whether that has to be given."""

    compile: CompileFunction
    takes_window: bool = False
    needs_window: bool = False


_FUNCTIONS: Final[dict[str, _Known]] = {}
_OF_GROUPS: Final = frozenset(
    (
        *(
            "$addToSet",
            "$avg",
            "$bottom",
            "$bottomN",
            "$concatArrays",
            "$count",
            "$first",
            "$firstN",
            "$last",
            "$lastN",
        ),
        *("$max", "$maxN", "$median", "$min", "$minN", "$percentile", "$push", "$setUnion", "$stdDevPop"),
        *("$stdDevSamp", "$sum", "$top", "$topN"),
    )
)
"""Accumulators that windows have too: all but $mergeObjects, as on a server."""
_OF_ONE: Final = frozenset(("$top", "$bottom"))
"""Those that are the value of one document, and null where there is none."""
_ENDS: Final[dict[str, Callable[[int, int], int]]] = {
    "$first": lambda start, _: start,
    "$last": lambda _, stop: stop - 1,
}
"""Where in its window the document stands whose value it is."""


def window_function(
    name: str, *, takes_window: bool = False, needs_window: bool = False
) -> Callable[[CompileFunction], CompileFunction]:
    """Register the decorated function as what compiles the operand of the window function `name`."""

    def register(function: CompileFunction) -> CompileFunction:
        assert name not in function_names(), name
        _FUNCTIONS[name] = _Known(function, takes_window, needs_window)
        return function

    return register


def function_names() -> frozenset[str]:
    """Return the names of all window functions that there are."""
    return _OF_GROUPS.union(_FUNCTIONS)


def compile_function(operand: Any, setting: Setting) -> Compute:
    """Return the compiled window function of one field.

    Raises:
        QueryError: There is none of that name, its operand or its window means nothing, or it needs another order.
    """
    if TYPES[type(operand)] != OBJECT:
        raise _refusal("an output of $setWindowFields is an object")
    given = dict(as_mapping(operand))
    specified = given.pop("window", None)
    named = [name for name in given if name.startswith("$")]
    if not named:
        raise _refusal("an output of $setWindowFields has a window function, whose name starts with $")
    name = named[0]
    known = _FUNCTIONS.get(name)
    if name not in function_names():
        raise _refusal(f"unknown window function {name!r}{nearest(name, function_names())}")
    if len(given) > 1:
        other = next(key for key in given if key != name)
        raise _refusal(f"{name} found an unknown argument: {other!r}; beside it only 'window' may stand")
    if known is None:
        return _of_group(name, given[name], _window(operand, specified, setting), setting)
    if not known.takes_window and "window" in as_mapping(operand):
        raise _refusal(f"{name} takes no 'window'")
    if known.needs_window and specified is None:
        raise _refusal(f"{name} needs a 'window'")
    return known.compile(name, given[name], _window(operand, specified, setting), setting)


def _window(operand: Mapping[str, Any], specified: Any, setting: Setting) -> Window:
    return compile_window(specified, setting.ordering, setting.scope) if "window" in operand else EVERYTHING


def _refusal(message: str) -> Exception:
    return malformed(message, 9)


def _of_group(name: str, operand: Any, window: Window, setting: Setting) -> Compute:
    """Return an accumulator at work on windows."""
    if isinstance(operand, list | tuple):
        raise malformed(f"the {name} accumulator is a unary operator", 40237)
    accumulator = find_accumulator(name)(name, operand, msgspec.structs.replace(setting.scope, flat=False))

    def compute(documents: Batch) -> Steps[list[Any]]:
        values = setting.values(accumulator.value, documents)
        if name in _ENDS:
            ends = [None if start == stop else values[_ENDS[name](start, stop)] for start, stop in spans(documents)]
            return [None if value is MISSING else value for value in ends]
        return (yield from over(accumulator, values, window, spans(documents), absent=name in _OF_ONE))

    def spans(documents: Batch) -> list[Span]:
        return window.spans(lambda _: setting.sort_values(documents), len(documents))

    return compute


def over(
    accumulator: Accumulator, values: list[Any], window: Window, spans: Sequence[Span], *, absent: bool = False
) -> Steps[list[Any]]:
    """Return what an accumulator makes of the values in each of the `spans` of a window; null if `absent` and empty."""
    if window.everything:
        return [_result(accumulator, values)] * len(spans)
    if window.lower is None and not absent:
        return (yield from _growing(accumulator, values, [stop for _, stop in spans]))
    results: list[Any] = []
    done = 0
    for start, stop in spans:
        results.append(None if absent and start == stop else _result(accumulator, values[start:stop]))
        done += 1 + stop - start
        if done > STEP:
            done = 0
            yield
    return results


def _result(accumulator: Accumulator, values: list[Any]) -> Any:
    return accumulator.finish(accumulator.add(accumulator.start(None), values))


def _growing(accumulator: Accumulator, values: list[Any], stops: Sequence[int]) -> Steps[list[Any]]:
    """Return the results over the first values, as many as each of `stops` says; they grow."""
    state, added = accumulator.start(None), 0
    results: list[Any] = []
    for place, stop in enumerate(stops, 1):
        if stop > added:
            state = accumulator.add(state, values[added:stop])
            added = stop
        results.append(copy_value(accumulator.finish(state)))
        if place % STEP == 0:
            yield
    return results
