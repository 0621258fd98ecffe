"""$sort: documents in order.

Manual: reference/operator/aggregation/sort. Where a $limit follows, no more
documents are kept than that needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import Batch, Moment, Scope, Stage, in_batches, malformed, stepwise
from nosqlpy._core.query.sort import compile_sort
from nosqlpy._core.query.sorter import Sorter
from nosqlpy._core.values.types import OBJECT, TYPES, as_mapping
from nosqlpy.aliases import Document


@stage("$sort")
def compile_sort_stage(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that puts documents in order; equal ones keep theirs."""
    if TYPES[type(operand)] != OBJECT:
        raise malformed("the $sort key specification must be an object", 15973)
    keys = as_mapping(operand)
    if not keys:
        raise malformed("$sort stage must have at least one sort key", 15976)
    ordering = compile_sort(keys, collation=scope.collation)

    def run(batches: Iterator[Batch], moment: Moment) -> Iterator[Batch]:
        sorter: Sorter[Document] = Sorter(ordering, scope.first, moment.sort_memory)
        for batch in batches:
            yield from stepwise(sorter.take(ordering.rows_of(batch), batch))
            yield []
        found = yield from stepwise(sorter.sorted())
        yield from in_batches(found)

    return Stage(name, run, frozenset(path for path, _ in ordering.keys))
