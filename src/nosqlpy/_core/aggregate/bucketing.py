"""$bucket: one document for each range of a value.

Manual: reference/operator/aggregation/bucket. It is a $group by the lower
boundary of the range that a value falls into, in the order of the boundaries.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from nosqlpy._core.aggregate.grouping import Grouping, compile_fields
from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import Batch, Scope, Stage, collected, in_batches, malformed
from nosqlpy._core.expression.node import Expression, Variables
from nosqlpy._core.query.partial import Layout, Row
from nosqlpy._core.values.order import bracket
from nosqlpy._core.values.types import OBJECT, TYPES, as_mapping

_NUMBERS: Final = frozenset((int, float))
_OPTIONS: Final = ("groupBy", "boundaries", "default", "output")


@stage("$bucket")
def compile_bucket(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that groups documents by ranges."""
    given = _checked(operand)
    boundaries = _boundaries(given["boundaries"], scope)
    branches = [
        {"case": {"$and": [{"$gte": [given["groupBy"], low]}, {"$lt": [given["groupBy"], high]}]}, "then": low}
        for low, high in pairwise([{"$literal": boundary} for boundary in boundaries])
    ]
    switch: dict[str, Any] = {"branches": branches}
    if "default" in given:
        switch["default"] = {"$literal": _default(given["default"], boundaries, scope)}
    output = given.get("output", {"count": {"$sum": 1}})
    if TYPES[type(output)] != OBJECT:
        raise malformed("the $bucket 'output' field must be an object", 40196)
    key = _ranged(
        scope.expression(given["groupBy"], flat=True), scope.expression({"$switch": switch}, flat=True), boundaries
    )
    group = Grouping(key, compile_fields(as_mapping(output), scope), scope.variables, scope.collation).stage(name)
    grouped, order = group.run_rows, scope.keys.order

    def run_rows(layout: Layout, batches: Iterator[list[Row]]) -> Iterator[Batch]:
        assert grouped is not None, "only called where the group reads paths"
        yield from _by_id(grouped(layout, batches), order)

    flat = run_rows if grouped is not None else None
    return Stage(name, lambda batches, moment: _by_id(group.run(batches, moment), order), group.reads, True, flat)


def _ranged(by: Expression, switch: Expression, boundaries: list[Any]) -> Expression:
    """Return the expression of the lower boundary: by a search in `boundaries`, if these are numbers of Python's."""
    if not _NUMBERS.issuperset(map(type, boundaries)) or by.constant:
        return switch
    value_of, slow, first, last = by.evaluate, switch.evaluate, boundaries[0], boundaries[-1]

    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        value = value_of(document, variables)
        if type(value) in _NUMBERS and first <= value < last:
            return boundaries[bisect_right(boundaries, value) - 1]
        return slow(document, variables)

    return Expression(evaluate, switch.paths)


def _by_id(batches: Iterator[Batch], order: Callable[[Any], Any]) -> Iterator[Batch]:
    found = yield from collected(batches)
    yield from in_batches(sorted(found, key=lambda each: order(each["_id"])))


def _checked(operand: Any) -> Mapping[str, Any]:
    if TYPES[type(operand)] != OBJECT:
        raise malformed("argument to $bucket stage must be an object", 40201)
    given = as_mapping(operand)
    for option in given:
        if option not in _OPTIONS:
            raise malformed(f"unrecognized option to $bucket: {option}", 40197)
    if "groupBy" not in given or "boundaries" not in given:
        raise malformed("$bucket requires 'groupBy' and 'boundaries' to be specified", 40198)
    by = given["groupBy"]
    if not (isinstance(by, str) and by.startswith("$")) and TYPES[type(by)] != OBJECT:
        raise malformed("the $bucket 'groupBy' field must be a path that starts with '$', or an expression", 40202)
    return given


def _boundaries(operand: Any, scope: Scope) -> list[Any]:
    if not isinstance(operand, list | tuple):
        raise malformed("the $bucket 'boundaries' field must be an array", 40200)
    if len(operand) < 2:
        raise malformed("the $bucket 'boundaries' field must have at least 2 values", 40192)
    boundaries = [_constant(each, scope, "boundaries", 40191) for each in operand]
    order = scope.keys.order
    for low, high in pairwise(boundaries):
        if bracket(low) != bracket(high):
            raise malformed("all values in the 'boundaries' option to $bucket must have the same type", 40193)
        if not order(low) < order(high):
            raise malformed("the 'boundaries' option to $bucket must be sorted in ascending order", 40194)
    return boundaries


def _default(operand: Any, boundaries: list[Any], scope: Scope) -> Any:
    default = _constant(operand, scope, "default", 40195)
    order = scope.keys.order
    if order(boundaries[0]) <= order(default) < order(boundaries[-1]):
        raise malformed("the $bucket 'default' must be less than the lowest boundary or at least the highest", 40199)
    return default


def _constant(operand: Any, scope: Scope, what: str, code: int) -> Any:
    expression = scope.expression(operand)
    if not expression.constant:
        raise malformed(f"the $bucket {what!r} must be constant expressions", code)
    return expression.value
