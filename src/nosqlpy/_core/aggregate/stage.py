"""What a stage of an aggregation is: documents in, documents out, a batch at a time.

Manual: core/aggregation-pipeline. A compiled stage holds no state of a run: `run`
makes one, so that a compiled pipeline can be shared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import msgspec

from nosqlpy._core.aggregate.unwound import Unwound
from nosqlpy._core.expression.compile import compile_expression
from nosqlpy._core.expression.failures import code_name_of
from nosqlpy._core.expression.node import Expression
from nosqlpy._core.query.buckets import Steps
from nosqlpy._core.query.partial import Layout, Row
from nosqlpy._core.values.collation import Collation, Keys, keys_of
from nosqlpy._core.values.types import OBJECT, TYPES, as_mapping, type_name
from nosqlpy.aliases import Document
from nosqlpy.errors import QueryError
from nosqlpy.naming import nearest

R = TypeVar("R")
Batch: TypeAlias = list[Document]

# documents that one step works on: about half a millisecond, so that an event loop is never held for long
STEP: Final = 512
PIPELINES_MAX: Final = 20
"""How deep pipelines may stand in the stages of others, as on a server."""
NOTHING: Final[frozenset[str]] = frozenset()
OWN: Final = ""
"""Stands among the names of tables for the collection that is aggregated."""


class Finder(Protocol):
    """What finds the documents of a table that have a certain value at one path."""

    def at_once(self, keys: Collection[Hashable]) -> Sequence[bytes] | None:
        """Return what `find` returns, or None if it has to be prepared first."""

    def prepare(self, keys: Collection[Hashable]) -> Iterator[None]:
        """Do what `find` would have to do first, in steps; nothing if it is done."""

    def find(self, keys: Collection[Hashable]) -> Sequence[bytes]:
        """Return the documents that have a value with one of these equality keys, encoded, none twice."""


class Table(Protocol):
    """A collection, as it was when the aggregation began."""

    def documents(self) -> Sequence[bytes]:
        """Return all documents, encoded, in natural order."""

    def finder(self, path: str, collation: Collation | None) -> Finder:
        """Return what finds documents by what they have at `path`; under a collation, by folded values."""

    def describe(self) -> Document:
        """Return the statistics of the collection."""

    def indexes(self) -> list[Document]:
        """Return the descriptions of its indexes."""


class Moment(Protocol):
    """The database as it was when the aggregation began."""

    sort_memory: int
    """Bytes that the keys of one sort may take."""

    def table(self, name: str) -> Table:
        """Return one of the collections that the stages read."""


Run: TypeAlias = Callable[[Iterator[Batch], Moment], Iterator[Batch]]
RunRows: TypeAlias = Callable[[Layout, Iterator[list[Row]]], Iterator[Batch]]


class Stage(msgspec.Struct, frozen=True):
    """One compiled stage.

    `reads` are the paths that it reads, None for whole documents. Of a stage that
    `gathers`, nothing of the documents that go in comes out but what it read; if it
    reads paths only, `run_rows` works on partially decoded rows; one that only
    unwinds them says so by `unwound`. What only makes one document of each has
    `convert`, what only lets some through `flags`. `tables` are the collections that it reads.
    """

    name: str
    run: Run
    reads: frozenset[str] | None = None
    gathers: bool = False
    run_rows: RunRows | None = None
    unwound: Unwound | None = None
    convert: Callable[[Document], Document] | None = None
    flags: Callable[[Batch], list[bool]] | None = None
    tables: frozenset[str] = NOTHING


class PipelineCompiler(Protocol):
    """What compiles the pipelines that stand inside a stage."""

    def __call__(self, stages: Any, scope: Scope) -> Sequence[Stage]: ...


class Scope(msgspec.Struct, frozen=True):
    """Where a stage is compiled: the values of variables, how strings compare, the stages around it.

    `compile` compiles pipelines inside it; `first` is how many of the documents that it makes are asked for, 0: all;
    `flat`, whether it can give expressions flat documents.
    """

    variables: Mapping[str, Any]
    compile: PipelineCompiler
    collation: Collation | None = None
    inside: tuple[str, ...] = ()
    first: int = 0
    flat: bool = True

    @property
    def names(self) -> frozenset[str]:
        """The names of the variables."""
        return frozenset(self.variables)

    @property
    def keys(self) -> Keys:
        """The keys by which values are equal, and in order."""
        return keys_of(self.collation)

    def expression(self, operand: Any, *, flat: bool = False) -> Expression:
        """Return the compiled expression; a `flat` one reads values by path, where a stage can give them so."""
        return compile_expression(operand, variables=self.names, flat=flat and self.flat, collation=self.collation)

    def pipeline(self, stages: Any, inside: str, variables: Mapping[str, Any] | None = None) -> Sequence[Stage]:
        """Return the compiled stages of a pipeline that stands inside the stage `inside`.

        `variables` are all that its expressions may use, those from here unless given.
        """
        if len(self.inside) >= PIPELINES_MAX:
            message = f"pipelines stand in stages of others more than {PIPELINES_MAX} levels deep"
            raise malformed(message, 232, "MaxSubPipelineDepthExceeded")
        seen = self.variables if variables is None else variables
        return self.compile(stages, Scope(seen, self.compile, self.collation, (*self.inside, inside)))


def malformed(message: str, code: int, code_name: str = "") -> QueryError:
    """Return the error of a stage that means nothing."""
    return QueryError(message, code=code, code_name=code_name or code_name_of(code))


def given_fields(
    what: str, operand: Any, known: Collection[str], needed: Iterable[str], code: int
) -> Mapping[str, Any]:
    """Return the document that describes `what`, checked to have `known` fields only, and those that are `needed`.

    Raises:
        QueryError: It is no document (`code`), has another field (40415), or lacks one (40414).
    """
    if TYPES[type(operand)] != OBJECT:
        raise malformed(f"{what} is an object, not {type_name(operand)}", code)
    given = as_mapping(operand)
    for field in given:
        if field not in known:
            raise malformed(f"{what} has no field {field!r}{nearest(field, known)}", 40415)
    for field in needed:
        if field not in given:
            raise malformed(f"{what} needs {field!r}", 40414)
    return given


def each(function: Callable[[Document], Document]) -> Run:
    """Return the run of a stage that makes one document of each."""

    def run(batches: Iterator[Batch], _moment: Moment) -> Iterator[Batch]:
        for batch in batches:
            yield list(map(function, batch))

    return run


def in_batches(documents: Sequence[Document]) -> Iterator[Batch]:
    """Yield `documents` a step at a time."""
    for start in range(0, len(documents), STEP):
        yield list(documents[start : start + STEP])


def collected(batches: Iterator[Batch]) -> Generator[Batch, None, Batch]:
    """Yield an empty batch for each of `batches`; return all of their documents."""
    documents: Batch = []
    for batch in batches:
        documents += batch
        yield []
    return documents


def stepwise(steps: Steps[R]) -> Generator[Batch, None, R]:
    """Yield an empty batch at each of `steps`; return their result."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        yield []


def tables_of(stages: Iterable[Stage]) -> frozenset[str]:
    """Return the collections that `stages` read."""
    return NOTHING.union(*(stage.tables for stage in stages))


def flow(stages: Iterable[Stage], batches: Iterator[Batch], moment: Moment) -> Iterator[Batch]:
    """Return what comes out of `stages`, one after the other, of `batches`."""
    for stage in stages:
        batches = stage.run(batches, moment)
    return batches
