"""Aggregations at work: a find of one moment, and the stages that its documents go through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import compress
from typing import Any, ClassVar, Generic, TypeVar, cast

import msgspec

from nosqlpy._core.aggregate.pipeline import Pipeline
from nosqlpy._core.aggregate.stage import NOTHING, Batch, Stage, flow, tables_of
from nosqlpy._core.aggregate.targets import Target
from nosqlpy._core.aggregate.unwound import UnwoundLayout
from nosqlpy._core.engine.columns import Scan
from nosqlpy._core.engine.execution import STEP, Execution, Query, Request
from nosqlpy._core.engine.reads import execute
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.tables import World
from nosqlpy._core.plan.plan import Plan
from nosqlpy._core.query.partial import Layout, Row, layout_of
from nosqlpy._core.values.codec import decode_document, fields_decoder
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.metadata import ScoredBytes, carry_score
from nosqlpy._core.values.typed import itself
from nosqlpy.aliases import Document

T = TypeVar("T")


class AggregateRequest(msgspec.Struct, Generic[T], frozen=True):
    """A compiled pipeline, the find in front of it, and the function from its documents to what the caller gets."""

    pipeline: Pipeline
    query: Query
    convert: Callable[[Document], T]
    recompile: Callable[[Collation], AggregateRequest[T]] | None = None
    """None if the call says how strings compare."""


class Aggregation(Generic[T]):
    """A pipeline at work on the documents of one moment; `steps` yields the answer in batches."""

    __slots__ = ("_execution", "_request", "_world")

    several: ClassVar[bool] = True
    """Whether finding the answer takes several steps."""

    def __init__(self, request: AggregateRequest[T], execution: Execution[bytes], world: World) -> None:
        self._request = request
        self._execution = execution
        self._world = world

    @property
    def plan(self) -> Plan:
        """The plan of the find in front."""
        return self._execution.plan

    @property
    def find(self) -> Execution[bytes]:
        """The find in front."""
        return self._execution

    @property
    def target(self) -> Target | None:
        """Where what comes out is to be written, None if it is returned."""
        return self._request.pipeline.target

    @property
    def examined(self) -> int:
        """How many documents the find in front has looked at so far."""
        return self._execution.examined

    def steps(self) -> Iterator[list[T]]:
        """Yield batches of documents, some of them empty; each step works on a bounded number of documents."""
        convert, size = self._request.convert, self._request.query.batch_size or STEP
        for batch in self._batches():
            if len(batch) <= size:
                yield cast("list[T]", batch) if convert is itself else list(map(convert, batch))
            else:
                yield from (list(map(convert, batch[start : start + size])) for start in range(0, len(batch), size))

    def _batches(self) -> Iterator[Batch]:
        pipeline, world = self._request.pipeline, self._world
        blobs: Iterator[list[bytes]] = iter(()) if pipeline.starts else self._execution.steps()
        stages, paths = pipeline.stages, pipeline.paths
        if paths is None:
            found = _sifted(stages[: pipeline.sieve], blobs) if pipeline.sieve else blobs
            return flow(stages, (_scored(batch, list(map(decode_document, batch))) for batch in found), world)
        if pipeline.unwinds is None:
            decode = _partial_documents(paths)
            return flow(stages, (_scored(batch, decode(batch)) for batch in blobs), world)
        if self._execution.scan is not None and _takes_rows(self._request):
            return flow(stages[1:], self._on_columns(self._execution.scan), world)
        return flow(stages[pipeline.unwinds + 1 :], self._on_rows(paths, pipeline.unwinds, blobs), world)

    def _on_columns(self, scan: Scan) -> Iterator[Batch]:
        """Yield what the first stage makes of columns, or of rows if they cannot be kept."""
        pipeline, execution = self._request.pipeline, self._execution
        for _ in execution.prepare():
            yield []
        if execution.scan is None:
            yield from self._on_rows(pipeline.paths or NOTHING, 0, execution.steps())
            return
        worker = pipeline.stages[0].run_rows
        assert worker is not None, "that is what asked for them"
        positions = cast("Iterator[list[Row]]", execution.positions(scan))
        yield from worker(scan.layout, positions)

    def _on_rows(self, paths: frozenset[str], unwinds: int, blobs: Iterator[list[bytes]]) -> Iterator[Batch]:
        """Return what the first stage that works on rows makes of them, behind those that unwind them."""
        stages = self._request.pipeline.stages
        layout = layout_of(paths)
        rows: Iterator[list[Any]] = map(layout.rows, blobs) if paths else blobs  # who reads nothing only counts them
        for stage in stages[:unwinds]:
            assert stage.unwound is not None, "that is what was counted"
            unwound = UnwoundLayout(layout, stage.unwound)
            layout, rows = unwound, unwound.unwind(rows)
        worker = stages[unwinds].run_rows
        assert worker is not None, "that is where the count ended"
        return worker(layout, rows)


def _scored(blobs: Sequence[bytes], documents: Batch) -> Batch:
    """Return decoded documents, which carry the scores of their bytes where these have them."""
    if blobs and type(blobs[0]) is ScoredBytes:
        for document, data in zip(documents, blobs, strict=True):
            carry_score(document, data)
    return documents


def _itself(data: bytes) -> bytes:
    return data


def _sifted(stages: Sequence[Stage], blobs: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    """Yield the documents that `stages` let through, by the fields that they read; as they are if most get through."""
    decode = _partial_documents(NOTHING.union(*(stage.reads or NOTHING for stage in stages)))
    seen = kept = 0
    for batch in blobs:
        if kept * 2 > seen:
            yield batch
            continue
        documents = decode(batch)
        for stage in stages[:-1]:
            assert stage.convert is not None, "that is what was counted"
            documents = list(map(stage.convert, documents))
        flags = stages[-1].flags
        assert flags is not None, "that is where the count ended"
        found = list(compress(batch, flags(documents)))
        seen += len(batch)
        kept += len(found)
        yield found


def _partial_documents(paths: frozenset[str]) -> Callable[[list[bytes]], Batch]:
    """Return what decodes the top-level fields that `paths` begin with, and no others."""
    names = frozenset(path.partition(".")[0] for path in paths)
    if not names:
        return lambda blobs: [{} for _ in blobs]
    decode = fields_decoder(names)
    return lambda blobs: list(map(decode, blobs))


def _takes_rows(request: AggregateRequest[Any]) -> bool:
    """Whether the first stage takes rows of all documents that match, in natural order."""
    query = request.query
    return request.pipeline.unwinds == 0 and query.ordering is None and not query.skip and not query.limit


def _ask(pipeline: Pipeline, layout: Layout) -> None:
    """Ask a layout for the columns that the first stage reads: what it makes of no rows is nothing."""
    worker = pipeline.stages[0].run_rows
    assert worker is not None, "that is where the count ended"
    for _ in worker(layout, iter(())):
        pass


def aggregate(engine: Engine, name: str, request: AggregateRequest[T]) -> Aggregation[T]:
    """Return an aggregation of the documents of this moment."""
    collection = engine.collections.get(name)
    if collection is not None and collection.collation is not None and request.recompile is not None:
        request = request.recompile(collection.collation)
    also = partial(_ask, request.pipeline) if _takes_rows(request) else None
    taking: Request[bytes] = Request(request.query, _itself if request.pipeline.scored else bytes)
    execution = execute(engine, name, taking, also=also)
    return Aggregation(request, execution, World(engine, name, tables_of(request.pipeline.stages)))
