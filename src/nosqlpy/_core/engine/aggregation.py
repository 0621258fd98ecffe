"""Aggregations at work: a find of one moment, and the stages that its documents go through."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from nosqlpy._core.aggregate.pipeline import Pipeline
from nosqlpy._core.aggregate.stage import Batch, flow, tables_of
from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.reads import Execution, Query, Request, execute
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.deferred import DeferredIndex
from nosqlpy._core.index.manager import IndexManager
from nosqlpy._core.plan.planner import Plan
from nosqlpy._core.query.partial import layout_of
from nosqlpy._core.values.codec import decode_document
from nosqlpy.aliases import Document

T = TypeVar("T")


class AggregateRequest(msgspec.Struct, Generic[T], frozen=True):
    """A compiled pipeline, the find in front of it, and the function from its documents to what the caller gets."""

    pipeline: Pipeline
    query: Query
    convert: Callable[[Document], T]


class Aggregation(Generic[T]):
    """A pipeline at work on the documents of one moment; `steps` yields the answer in batches."""

    __slots__ = ("_execution", "_request", "_tables")

    several: ClassVar[bool] = True
    """Whether finding the answer takes several steps."""

    def __init__(self, request: AggregateRequest[T], execution: Execution[bytes], tables: dict[str, _Table]) -> None:
        self._request = request
        self._execution = execution
        self._tables = tables

    @property
    def plan(self) -> Plan:
        """The plan of the find in front."""
        return self._execution.plan

    def steps(self) -> Iterator[list[T]]:
        """Yield batches of documents, some of them empty; each step works on a bounded number of documents."""
        convert = self._request.convert
        for batch in self._batches():
            yield list(map(convert, batch))

    def _batches(self) -> Iterator[Batch]:
        pipeline, tables = self._request.pipeline, self._tables.__getitem__
        blobs: Iterator[list[bytes]] = iter(()) if pipeline.starts else self._execution.steps()
        stages, paths = pipeline.stages, pipeline.paths
        if paths is None:
            return flow(stages, (list(map(decode_document, batch)) for batch in blobs), tables)
        if stages[0].run_rows is None:
            return flow(stages, map(_partial_documents(paths), blobs), tables)
        layout = layout_of(paths)
        rows = map(layout.rows, blobs) if paths else blobs  # who reads nothing only counts them
        return flow(stages[1:], stages[0].run_rows(layout, rows), tables)


def _partial_documents(paths: frozenset[str]) -> Callable[[list[bytes]], Batch]:
    """Return what decodes the top-level fields that `paths` begin with, and no others."""
    names = frozenset(path.partition(".")[0] for path in paths)
    return layout_of(names).documents if names else lambda blobs: [{} for _ in blobs]


class _Table:
    """Another collection as it was at one moment."""

    def __init__(self, engine: Engine, collection: CollectionState | None) -> None:
        self._engine = engine
        self._moment = engine.applied
        self._collection = collection
        self._documents: Sequence[bytes] = () if collection is None else collection.slots.all()

    def documents(self) -> Sequence[bytes]:
        """Return all documents, encoded, in natural order."""
        return self._documents

    def finder(self, path: str) -> Callable[[Iterable[Hashable]], Sequence[bytes]]:
        """Return what gives the documents that have at `path` a value with one of some equality keys.

        While nothing was written since the moment, an index of the collection answers; else one that is made for this.
        """
        own: Callable[[Iterable[Hashable]], Sequence[bytes]] | None = None
        live = self._live(path)

        def find(keys: Iterable[Hashable]) -> Sequence[bytes]:
            nonlocal own
            if live is not None and own is None:
                found = live(keys)
                if self._engine.begun == self._moment:
                    return found
            if own is None:
                own = self._indexed(path)
            return own(keys)

        return find

    def _live(self, path: str) -> Callable[[Iterable[Hashable]], Sequence[bytes]] | None:
        collection = self._collection
        if collection is None:
            return None
        if path == "_id":
            return collection.slots.some
        index = next((each for each in collection.indexes.by_name.values() if each.plain == path), None)
        if index is None or isinstance(index, DeferredIndex):
            return None
        return lambda keys: collection.slots.some(dict.fromkeys(chain(*map(tuple, map(index.lookup, keys)))))

    def _indexed(self, path: str) -> Callable[[Iterable[Hashable]], Sequence[bytes]]:
        documents = self._documents
        indexes = IndexManager()
        indexes.build(IndexDefinition("lookup", ((path, 1),)), range(len(documents)), documents)
        lookup = indexes.by_name["lookup"].lookup

        def find(keys: Iterable[Hashable]) -> list[bytes]:
            places: set[Any] = {*chain(*map(lookup, keys))}
            return [documents[place] for place in sorted(places)]

        return find


def aggregate(engine: Engine, name: str, request: AggregateRequest[T]) -> Aggregation[T]:
    """Return an aggregation of the documents of this moment."""
    execution = execute(engine, name, Request(request.query, bytes))
    names = tables_of(request.pipeline.stages)
    return Aggregation(request, execution, {name: _Table(engine, engine.collections.get(name)) for name in names})
