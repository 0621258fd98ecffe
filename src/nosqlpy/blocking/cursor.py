"""The blocking cursor."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from time import perf_counter
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from msgspec import UNSET

from nosqlpy._core.engine import lookups
from nosqlpy._core.engine.aggregation import aggregate
from nosqlpy._core.values.typed import TypeCodec
from nosqlpy._io.aggregating import AggregateOptions
from nosqlpy._io.cursor import ENDED, NO_BATCH, CursorBase
from nosqlpy._io.explaining import explain
from nosqlpy._io.local import LocalBackend
from nosqlpy._io.outgoing import write_result
from nosqlpy.aliases import Document, Projection, Verbosity

T = TypeVar("T")


class Cursor(CursorBase[T]):
    """The documents of a find, one by one, as they were when the first one was asked for."""

    _backend: LocalBackend

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        while not self._batch:
            self._batch = deque(self._next_batch())
        return self._batch.popleft()

    def _next_batch(self) -> list[T]:
        """Return the next batch, which may be empty.

        Raises:
            StopIteration: There is none.
        """
        if self._steps is not None or self._closed:
            self._check_open()
        if self._steps is None:
            return self._begin()
        try:
            return next(self._steps)
        except StopIteration:
            self._closed = True
            raise

    def _begin(self) -> list[T]:
        """Return the first batch of a find that has not started."""
        began = perf_counter()
        if self._lookup is not None:
            blobs = self._backend.lookup(lookups.find, self._name, self._lookup)
            if blobs is not UNSET:
                return self._looked_up(blobs, began)
        if self._writes:
            self._wrote(self._backend.work(write_result, *self._writing()), began)
            return []
        return self._first_batch(self._backend.read(self._source, self._name, self._request), began)

    def project(self, projection: Projection, /) -> Cursor[Document]:
        """Return only some fields of each document, as plain dicts."""
        return cast("Cursor[Document]", self._project(projection))

    def to_list(self, length: int | None = None) -> list[T]:
        """Return all remaining documents, or up to `length` of them."""
        if length is not None:
            self._check_length(length)
            return list(islice(self, length))
        self._gathers = True
        found: list[T] = []
        if self._batch:
            found += self._batch
        elif self._steps is None and not self._closed:
            found = self._begin()
            if self._steps is ENDED:
                self._closed = True
                return found
        self._batch = NO_BATCH
        try:
            while self._steps is not ENDED:
                found += self._next_batch()
        except StopIteration:
            return found
        self._closed = True
        return found

    def first(self) -> T | None:
        """Return the first document, or None; the cursor is closed after it."""
        found = next(self, None)
        self.close()
        return found

    def explain(self, verbosity: Verbosity = "queryPlanner") -> Document:
        """Return how the documents would be found, a tree of MongoDB's stages, and how many candidates there are.

        With the `verbosity` ``executionStats`` the find is run, and what that takes is in the answer;
        with ``allPlansExecution`` also how many candidates each index has.

        Raises:
            QueryError: There is no such verbosity.
        """
        return self._backend.read(explain, self._name, self._request, self._source, verbosity)

    def rewind(self) -> Self:
        """Start again from the first document, as things are then."""
        self._reset(closed=False)
        return self

    def close(self) -> None:
        """Let go of the documents; the cursor yields nothing more."""
        self._reset(closed=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, t: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def aggregated(
    backend: LocalBackend, name: str, options: AggregateOptions, codec: TypeCodec[Any], kind: Any
) -> Cursor[Any]:
    """Return the cursor of an aggregation; one that writes has run then."""
    cursor: Cursor[Any] = Cursor(backend, name, options, codec, kind, aggregate)
    if cursor._writes:  # noqa: SLF001 - ours, and no name that users see
        cursor._begin()  # noqa: SLF001 - likewise
    return cursor
