"""What a stage of an aggregation is: documents in, documents out, a batch at a time.

Manual: core/aggregation-pipeline. A compiled stage holds no state of a run: `run`
makes one, so that a compiled pipeline can be shared.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from nosqlpy._core.query.partial import Layout, Row
from nosqlpy.aliases import Document
from nosqlpy.errors import QueryError

Batch: TypeAlias = list[Document]

# documents that one step works on: about half a millisecond, so that an event loop is never held for long
STEP: Final = 512
NOTHING: Final[frozenset[str]] = frozenset()


class Table(Protocol):
    """Another collection, as it was when the aggregation began."""

    def documents(self) -> Sequence[bytes]:
        """Return all documents, encoded, in natural order."""

    def finder(self, path: str) -> Callable[[Iterable[Hashable]], Sequence[bytes]]:
        """Return what gives the documents that have at `path` a value with one of some equality keys."""


Tables: TypeAlias = Callable[[str], Table]
"""The collections of the database, by name."""

Run: TypeAlias = Callable[[Iterator[Batch], Tables], Iterator[Batch]]
RunRows: TypeAlias = Callable[[Layout, Iterator[list[Row]]], Iterator[Batch]]


class Stage(msgspec.Struct, frozen=True):
    """One compiled stage.

    `reads` are the paths that it reads, None for whole documents. Of a stage that
    `gathers`, nothing of the documents that go in comes out but what it read; if it
    reads paths only, `run_rows` works on partially decoded rows. `tables` are the
    other collections that it reads.
    """

    name: str
    run: Run
    reads: frozenset[str] | None = None
    gathers: bool = False
    run_rows: RunRows | None = None
    tables: frozenset[str] = NOTHING


class PipelineCompiler(Protocol):
    """What compiles the pipelines that stand inside a stage."""

    def __call__(self, stages: Any, scope: Scope) -> Sequence[Stage]: ...


class Scope(msgspec.Struct, frozen=True):
    """Where a stage is compiled: the values of variables, the stages around it, and what compiles those inside it."""

    variables: Mapping[str, Any]
    compile: PipelineCompiler
    inside: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The names of the variables."""
        return frozenset(self.variables)

    def pipeline(self, stages: Any, inside: str, variables: Mapping[str, Any] | None = None) -> Sequence[Stage]:
        """Return the compiled stages of a pipeline that stands inside the stage `inside`."""
        seen = self.variables if variables is None else {**self.variables, **variables}
        return self.compile(stages, Scope(seen, self.compile, (*self.inside, inside)))


def malformed(message: str, code: int, code_name: str = "") -> QueryError:
    """Return the error of a stage that means nothing."""
    return QueryError(message, code=code, code_name=code_name or f"Location{code}")


def each(function: Callable[[Document], Document]) -> Run:
    """Return the run of a stage that makes one document of each."""

    def run(batches: Iterator[Batch], _tables: Tables) -> Iterator[Batch]:
        for batch in batches:
            yield list(map(function, batch))

    return run


def in_batches(documents: Sequence[Document]) -> Iterator[Batch]:
    """Yield `documents` a step at a time."""
    for start in range(0, len(documents), STEP):
        yield list(documents[start : start + STEP])


def tables_of(stages: Iterable[Stage]) -> frozenset[str]:
    """Return the other collections that `stages` read."""
    return NOTHING.union(*(stage.tables for stage in stages))


def flow(stages: Iterable[Stage], batches: Iterator[Batch], tables: Tables) -> Iterator[Batch]:
    """Return what comes out of `stages`, one after the other, of `batches`."""
    for stage in stages:
        batches = stage.run(batches, tables)
    return batches
