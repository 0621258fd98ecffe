"""$setWindowFields: fields computed of the documents around each one.

Manual: reference/operator/aggregation/setWindowFields. Documents come out by partition, and in
each in the order that is asked for.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

import msgspec

from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import (
    STEP,
    Batch,
    Moment,
    Scope,
    Stage,
    collected,
    given_fields,
    malformed,
    stepwise,
)
from nosqlpy._core.aggregate.windowfunction import Compute, Setting, compile_function
from nosqlpy._core.expression.failures import FAILED_TO_PARSE, TYPE_MISMATCH, failure
from nosqlpy._core.expression.node import Expression
from nosqlpy._core.query.buckets import mapped, ranked
from nosqlpy._core.query.reshaping import compile_reshaping
from nosqlpy._core.query.sort import Ordering, compile_sort
from nosqlpy._core.query.sorter import Sorter
from nosqlpy._core.values.paths import parse_path
from nosqlpy._core.values.types import MISSING, OBJECT, TYPES, as_mapping, type_name
from nosqlpy.aliases import Document

_FIELDS: Final = frozenset(("partitionBy", "sortBy", "output"))


class _Windows(msgspec.Struct, frozen=True):
    """By what documents are partitioned and sorted, and what is computed, by the paths where it goes."""

    partition: Expression | None
    ordering: Ordering | None
    functions: Mapping[str, Compute]
    scope: Scope

    def run(self, batches: Iterator[Batch], moment: Moment) -> Iterator[Batch]:
        """Yield the documents with what is computed of those around them."""
        documents = yield from collected(batches)
        names = [f"value{place}" for place in range(len(self.functions))]
        bound: dict[str, Any] = {**self.scope.variables, **dict.fromkeys(names)}
        fields = dict(zip(self.functions, (f"$${name}" for name in names), strict=True))
        put = compile_reshaping("$set", fields, bound, self.scope.collation).apply if fields else dict
        for partition in (yield from self._partitions(documents)):
            ordered = yield from self._ordered(partition, moment)
            columns: dict[str, list[Any]] = {}
            for name, compute in zip(names, self.functions.values(), strict=True):
                columns[name] = yield from stepwise(compute(ordered))
            made: Batch = []
            for place, document in enumerate(ordered):
                bound.update((name, column[place]) for name, column in columns.items())
                made.append(put(document))
                if len(made) == STEP:
                    yield made
                    made = []
            yield made

    def _partitions(self, documents: Batch) -> Generator[Batch, None, list[Batch]]:
        if self.partition is None:
            return [documents] if documents else []
        values = yield from stepwise(mapped(self._partition_of, documents, at_once=STEP))
        keys = yield from stepwise(mapped(self.scope.keys.order, values, at_once=STEP))
        order = yield from stepwise(ranked(keys))
        return [[documents[place] for place in places] for _, places in groupby(order, keys.__getitem__)]

    def _partition_of(self, document: Document) -> Any:
        assert self.partition is not None, "only called where there is one"
        value = self.partition.evaluate(document, self.scope.variables)
        if type(value) is list:
            raise failure("an expression used to partition cannot evaluate to value of type array", TYPE_MISMATCH)
        return None if value is MISSING else value

    def _ordered(self, partition: Batch, moment: Moment) -> Generator[Batch, None, Batch]:
        if self.ordering is None:
            return partition
        sorter: Sorter[Document] = Sorter(self.ordering, 0, moment.sort_memory)
        for start in range(0, len(partition), STEP):
            part = partition[start : start + STEP]
            yield from stepwise(sorter.take(self.ordering.rows_of(part), part))
            yield []
        return (yield from stepwise(sorter.sorted()))


@stage("$setWindowFields")
def compile_windows(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that sets fields to what is computed of the documents around each one."""
    given = given_fields(name, operand, _FIELDS, ("output",), FAILED_TO_PARSE)
    if TYPES[type(given["output"])] != OBJECT:
        raise malformed(f"the 'output' of {name} is an object, not {type_name(given['output'])}", TYPE_MISMATCH)
    setting = Setting(scope, _ordering(name, given.get("sortBy"), scope))
    outputs = as_mapping(given["output"])
    _check_paths(name, outputs)
    functions = {path: compile_function(each, setting) for path, each in outputs.items()}
    return Stage(name, _Windows(_partition(given, scope), setting.ordering, functions, scope).run)


def _ordering(name: str, sort: Any, scope: Scope) -> Ordering | None:
    if sort is None:
        return None
    if TYPES[type(sort)] != OBJECT:
        raise malformed(f"the 'sortBy' of {name} is an object, not {type_name(sort)}", TYPE_MISMATCH)
    return compile_sort(as_mapping(sort), collation=scope.collation) if as_mapping(sort) else None


def _partition(given: Mapping[str, Any], scope: Scope) -> Expression | None:
    expression = scope.expression(given["partitionBy"]) if "partitionBy" in given else None
    if expression is None or not expression.constant:
        return expression
    if type(expression.value) is list:
        raise malformed("an expression used to partition cannot evaluate to value of type array", TYPE_MISMATCH)
    return None


def _check_paths(name: str, outputs: Mapping[str, Any]) -> None:
    seen = {parse_path(path).parts for path in outputs}
    for parts in seen:
        if any(parts[:end] in seen for end in range(1, len(parts))):
            raise malformed(f"the 'output' of {name} contains two conflicting paths", 6307900)
