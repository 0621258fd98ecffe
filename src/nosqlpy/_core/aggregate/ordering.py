"""$sort: documents in order.

Manual: reference/operator/aggregation/sort.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import Batch, Scope, Stage, Tables, in_batches, malformed
from nosqlpy._core.query.buckets import Steps
from nosqlpy._core.query.sort import compile_sort
from nosqlpy._core.values.types import OBJECT, TYPES, as_mapping


@stage("$sort")
def compile_sort_stage(name: str, operand: Any, _scope: Scope) -> Stage:
    """Return the stage that puts documents in order; equal ones keep theirs."""
    if TYPES[type(operand)] != OBJECT:
        raise malformed("the $sort key specification must be an object", 15973)
    keys = as_mapping(operand)
    if not keys:
        raise malformed("$sort stage must have at least one sort key", 15976)
    ordering = compile_sort(keys)

    def run(batches: Iterator[Batch], _tables: Tables) -> Iterator[Batch]:
        documents: Batch = []
        rows: list[Any] = []
        for batch in batches:
            rows += ordering.rows_of(batch)
            documents += batch
            yield []
        places = yield from _stepwise(ordering.arranging(rows))
        yield from in_batches([documents[place] for place in places])

    return Stage(name, run, frozenset(path for path, _ in ordering.keys))


def _stepwise(steps: Steps[list[int]]) -> Generator[Batch, None, list[int]]:
    """Yield an empty batch at each step; return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        yield []
