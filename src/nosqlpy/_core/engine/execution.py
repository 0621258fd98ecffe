"""Finds at work: what a cursor asks for, and an execution that it steps through."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from nosqlpy._core.engine.columns import STEP as COLUMN_STEP
from nosqlpy._core.engine.columns import Scan, taken
from nosqlpy._core.engine.reader import Slot, Stored, slots_of
from nosqlpy._core.engine.state import SORT_MEMORY
from nosqlpy._core.plan.plan import Plan
from nosqlpy._core.plan.planner import Hint
from nosqlpy._core.query.buckets import Steps, finished, released
from nosqlpy._core.query.filter import Predicate
from nosqlpy._core.query.projection import Projection
from nosqlpy._core.query.sort import Ordering
from nosqlpy._core.query.sorter import Sorter
from nosqlpy._core.values.collation import Collation

T = TypeVar("T")
R = TypeVar("R")
Decode = Callable[[bytes], T]

# called about once a step: raises where the execution has taken too long
Check: TypeAlias = Callable[[], None]

# documents that one step looks at: about half a millisecond, so that an event loop is never held for long
STEP = 512


class Origin(Protocol):
    """What a query without a collation of its own was compiled from, and can be again."""

    def compile(self, variables: Mapping[str, Any], collation: Collation, /) -> Query:
        """Return the query under a collation."""


class Query(msgspec.Struct, frozen=True):
    """What a cursor asks for, compiled: nothing in it changes with the data."""

    predicate: Predicate
    projection: Projection | None = None
    ordering: Ordering | None = None
    skip: int = 0
    limit: int = 0
    hint: Hint | None = None
    batch_size: int = 0
    check: Check | None = None
    collation: Collation | None = None
    comment: Any = None
    scored: bool = False
    """Whether the scores of a text search are asked for."""
    origin: Origin | None = None
    """None if the call says how strings compare."""
    variables: Mapping[str, Any] | None = None
    once: bool = False
    """Whether documents are gone through this once, so that a collection need not be loaded for it."""

    def under(self, collation: Collation | None) -> Query:
        """Return the query as it is in a collection with this collation."""
        if collation is None or self.origin is None:
            return self
        compiled = self.origin.compile(self.variables or {}, collation)
        return msgspec.structs.replace(compiled, check=self.check)  # which may be another by now


class Request(msgspec.Struct, Generic[T], frozen=True):
    """A query, and the function from stored bytes to what its caller gets.

    `convert` makes that of a projected document; without it no keys of an index may stand for documents.
    """

    query: Query
    decode: Decode[T]
    convert: Callable[[dict[str, Any]], T] | None = None


class Execution(Generic[T]):
    """A find at work: a plan and the documents of one moment; `steps` yields the answer in batches."""

    __slots__ = (
        "_all_match",
        "_blobs",
        "_decode",
        "_ordering",
        "_query",
        "_sort_memory",
        "_tested",
        "examined",
        "plan",
        "scan",
        "several",
    )

    def __init__(
        self,
        query: Query,
        plan: Plan,
        blobs: Sequence[bytes],
        decode: Decode[T],
        sort_memory: int = SORT_MEMORY,
        scan: Scan | None = None,
        *,
        ordered: bool = False,
    ) -> None:
        self._query = query
        self.plan = plan
        self._blobs = blobs
        self._decode = decode
        self._sort_memory = sort_memory
        # what goes through the batches that are tested
        self._tested: Callable[[Iterator[Any]], Iterator[Any]] = iter
        # the columns that are read in place of the documents, if that can be
        self.scan: Scan | None = scan
        self._ordering = None if plan.directions or ordered else query.ordering
        # whether finding the answer takes several steps
        self.several = len(blobs) > STEP or self._ordering is not None if scan is None else not scan.short
        self._all_match = plan.exact or query.predicate.everything
        # documents that were looked at so far
        self.examined = 0

    @property
    def query(self) -> Query:
        """The query, as it is in its collection."""
        return self._query

    @property
    def find(self) -> Execution[T]:
        """The find itself; of an aggregation, the one in front."""
        return self

    def watched(
        self,
        tested: Callable[[Iterator[Any]], Iterator[Any]],
        decoded: Callable[[Decode[T]], Decode[T]],
    ) -> None:
        """Have `tested` go through the batches that are tested, and decode by what `decoded` makes of the decoder."""
        self.several = True
        self._tested, self._decode = tested, decoded(self._decode)

    def steps(self) -> Iterator[list[T]]:
        """Yield batches of documents, some of them empty; each step looks at a bounded number of documents."""
        query, decode = self._query, self._decode
        check, size = query.check, query.batch_size or STEP
        for blobs in self._answer() if self.several else (self._few(size),):
            if check is not None:
                check()
            if len(blobs) <= size:
                yield list(map(decode, blobs))
            else:
                yield from (list(map(decode, blobs[start : start + size])) for start in range(0, len(blobs), size))

    def _answer(self) -> Iterator[Sequence[bytes]]:
        """Return batches of the answer, encoded."""
        return self._window(self.matching() if self._ordering is None else self._ordered(self._ordering))

    def _few(self, size: int) -> Sequence[bytes]:
        """Return the answer where one step is enough for it, encoded; more than `size` are given out in several."""
        query = self._query
        window = slice(query.skip, query.skip + query.limit if query.limit else None)
        self.examined = len(self._blobs)
        if self.scan is None:
            return (self._blobs if self._all_match else query.predicate.select(self._blobs[:]))[window]
        (rows,) = self.scan.positions()
        if self._ordering is not None:
            rows = finished(self._arranged(self.scan, self._ordering, (rows,)))
        found = taken(self._blobs, rows[window])
        self.several = len(found) > size
        return found

    def matching(self) -> Iterator[list[bytes]]:
        """Yield batches of the encoded documents that match, in the order in which the plan finds them."""
        scan = yield from self.prepare()
        if scan is None:
            for _, selected in self._parts():
                yield selected
            return
        for rows in self.positions(scan):
            yield taken(self._blobs, rows)

    def _parts(self) -> Iterator[tuple[Sequence[bytes], list[bytes]]]:
        """Yield parts of the documents, each with those of it that match."""
        return self._tested(map(self._part, range(0, len(self._blobs), STEP)))

    def _part(self, start: int) -> tuple[Sequence[bytes], list[bytes]]:
        part = self._blobs[start : start + STEP]
        self.examined += len(part)
        return part, list(part) if self._all_match else self._query.predicate.select(part)

    def tallies(self) -> Iterator[int]:
        """Yield how many documents of each batch match."""
        for _ in self.prepare():
            yield 0
        if self.scan is None:
            yield from map(len, self.matching())
            return
        for number, tally in enumerate(self.scan.tallies(), 1):
            self.examined = min(number * COLUMN_STEP, len(self._blobs))
            yield tally

    def prepare(self) -> Generator[list[bytes], None, Scan | None]:
        """Return the scan of columns once these are there, in steps; None if there is none, or they cannot be kept."""
        if self.scan is not None and not (yield from _idle(self.scan.prepare())):
            self.scan = None
        return self.scan

    def positions(self, scan: Scan) -> Iterator[Sequence[int]]:
        """Yield the positions of the documents that match, from columns that are there."""
        for number, rows in enumerate(self._tested(scan.positions()), 1):
            self.examined = min(number * COLUMN_STEP, len(self._blobs))
            yield rows

    def _ordered(self, ordering: Ordering) -> Iterator[list[bytes]]:
        scan = yield from self.prepare()
        if scan is not None:
            yield from self._ordered_by(scan, ordering)
            return
        query = self._query
        sorter: Sorter[Slot] = Sorter(ordering, query.skip + query.limit if query.limit else 0, self._sort_memory)
        for number, (part, selected) in enumerate(self._parts()):
            yield from _idle(sorter.add(selected, slots_of(self._blobs, number * STEP, part, selected)))
            yield []
        found: list[Any] = yield from _idle(sorter.sorted())
        ordered = self._blobs.only(found) if isinstance(self._blobs, Stored) else found
        yield from (list(ordered[start : start + STEP]) for start in range(0, len(ordered), STEP))
        yield from _idle(released(found))

    def _ordered_by(self, scan: Scan, ordering: Ordering) -> Iterator[list[bytes]]:
        """Yield the documents in order, by columns that are there."""
        found = yield from _idle(self._arranged(scan, ordering, self.positions(scan)))
        for start in range(0, len(found), STEP):
            yield taken(self._blobs, found[start : start + STEP])
        yield from _idle(released(found))

    def _arranged(self, scan: Scan, ordering: Ordering, parts: Iterable[Sequence[int]]) -> Steps[list[int]]:
        """Return the positions of documents in their order, by columns that are there."""
        query, blobs = self._query, self._blobs
        sorter: Sorter[int] = Sorter(ordering, query.skip + query.limit if query.limit else 0, self._sort_memory)
        for rows in parts:
            keys = ordering.rows_on(scan.sort_columns, rows, lambda place, rows=rows: blobs[rows[place]])  # type: ignore[misc]
            yield from sorter.take(keys, rows)
            yield
        return (yield from sorter.sorted())

    def _window(self, matching: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
        """Leave out what is skipped, and end when the limit is reached."""
        skip, left = self._query.skip, self._query.limit
        for batch in matching:
            dropped = min(skip, len(batch))
            skip -= dropped
            kept = batch[dropped:] if dropped else batch
            if self._query.limit:
                kept = kept[:left]
                left -= len(kept)
                yield kept
                if not left:
                    return
            else:
                yield kept


def _idle(steps: Steps[R]) -> Generator[list[bytes], None, R]:
    """Yield an empty batch for each of `steps`; return their result."""
    try:
        while True:
            next(steps)
            yield []
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
