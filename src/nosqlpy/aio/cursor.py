"""The async cursor."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Generator
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
from nosqlpy._io.local_async import AsyncLocalBackend
from nosqlpy._io.outgoing import write_result
from nosqlpy.aliases import Document, Projection, Verbosity

T = TypeVar("T")


class AsyncCursor(CursorBase[T]):
    """The documents of a find, one by one, as they were when the first one was asked for.

    ``await cursor`` is ``await cursor.to_list()``.
    """

    _backend: AsyncLocalBackend

    def __await__(self) -> Generator[Any, None, list[T]]:
        return self.to_list().__await__()

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        while not self._batch:
            batch = await self._next_batch()
            if batch is None:
                raise StopAsyncIteration
            self._batch = deque(batch)
        return self._batch.popleft()

    async def _next_batch(self) -> list[T] | None:
        """Return the next batch, which may be empty, or None after the last one."""
        if self._steps is not None or self._closed:
            self._check_open()
        if self._steps is None:
            began = perf_counter()
            blobs = (
                UNSET if self._lookup is None else await self._backend.lookup(lookups.find, self._name, self._lookup)
            )
            if blobs is not UNSET and self._steps is None:  # else another task was faster
                return self._looked_up(blobs, began)
            if self._writes:
                self._wrote(await self._backend.work(write_result, *self._writing()), began)
                return []
            execution = await self._backend.read(self._source, self._name, self._request)
            if self._steps is None:  # else another task was faster
                return self._first_batch(execution, began)
        else:
            await self._backend.pause()
        batch = next(self._steps, None)
        self._closed = batch is None
        return batch

    def project(self, projection: Projection, /) -> AsyncCursor[Document]:
        """Return only some fields of each document, as plain dicts."""
        return cast("AsyncCursor[Document]", self._project(projection))

    async def to_list(self, length: int | None = None) -> list[T]:
        """Return all remaining documents, or up to `length` of them."""
        if length is not None:
            self._check_length(length)
        self._gathers = length is None
        found: list[T] = []
        while length is None or len(found) < length:
            if not self._batch:
                batch = await self._next_batch()
                if batch is None:
                    break
                if length is None and self._steps is ENDED:
                    self._closed = True
                    return found + batch if found else batch
                self._batch = deque(batch)
            elif length is None:
                found += self._batch
                self._batch = NO_BATCH
            else:
                found.append(self._batch.popleft())
        return found

    async def first(self) -> T | None:
        """Return the first document, or None; the cursor is closed after it."""
        found = await self.to_list(1)
        await self.aclose()
        return found[0] if found else None

    async def explain(self, verbosity: Verbosity = "queryPlanner") -> Document:
        """Return how the documents would be found, a tree of MongoDB's stages, and how many candidates there are.

        With the `verbosity` ``executionStats`` the find is run, and what that takes is in the answer;
        with ``allPlansExecution`` also how many candidates each index has.

        Raises:
            QueryError: There is no such verbosity.
        """
        return await self._backend.read(explain, self._name, self._request, self._source, verbosity)

    async def rewind(self) -> Self:
        """Start again from the first document, as things are then."""
        self._reset(closed=False)
        return self

    async def aclose(self) -> None:
        """Let go of the documents; the cursor yields nothing more."""
        self._reset(closed=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, t: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        await self.aclose()


def aggregated(
    backend: AsyncLocalBackend, name: str, options: AggregateOptions, codec: TypeCodec[Any], kind: Any
) -> AsyncCursor[Any]:
    """Return the cursor of an aggregation."""
    return AsyncCursor(backend, name, options, codec, kind, aggregate)
