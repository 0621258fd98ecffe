"""$facet: several pipelines over the same documents.

Manual: reference/operator/aggregation/facet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import (
    NOTHING,
    Batch,
    Moment,
    Scope,
    Stage,
    collected,
    flow,
    in_batches,
    malformed,
    tables_of,
)
from nosqlpy._core.expression.fieldpaths import check_field_name
from nosqlpy._core.values.codec import copy_value
from nosqlpy._core.values.metadata import without_score
from nosqlpy._core.values.types import OBJECT, TYPES, as_mapping
from nosqlpy.aliases import Document


@stage("$facet")
def compile_facet(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage whose one document has the answer of each of several pipelines."""
    if TYPES[type(operand)] != OBJECT or not operand:
        raise malformed("the $facet specification must be a non-empty object", 40169)
    facets: dict[str, Any] = {}
    for facet, stages in as_mapping(operand).items():
        check_field_name(facet)
        if "." in facet:
            raise malformed(f"the name {facet!r} of a pipeline in $facet has a '.'", 16412)
        if not isinstance(stages, list | tuple):
            raise malformed(f"arguments to $facet must be arrays, {facet} is {type(stages).__name__}", 40170)
        facets[facet] = scope.pipeline(stages, name)

    def run(batches: Iterator[Batch], moment: Moment) -> Iterator[Batch]:
        documents = yield from collected(batches)
        result: Document = {}
        for facet, stages in facets.items():
            answer: Batch = []
            for batch in flow(stages, in_batches(documents), moment):
                answer += batch
                yield []
            result[facet] = copy_value(
                list(map(without_score, answer))
            )  # the pipelines share the documents that they pass on
        yield [result]

    return Stage(name, run, tables=NOTHING.union(*map(tables_of, facets.values())))
