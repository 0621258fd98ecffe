"""The sorter: collects what a sort needs of each document, and no more of it than the sort may take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

from msgspec import UNSET

from nosqlpy._core.query.buckets import SLICE, Steps, mapped, released
from nosqlpy._core.query.sort import Ordering
from nosqlpy.errors import OperationFailure

T = TypeVar("T")

REFERENCES_SIZE: Final = 64
"""Bytes that a sort takes for a document besides its keys: what refers to it, to them, and its place."""
SURPLUS: Final = 2048
"""Documents beyond twice the limit that are kept before all but the first ones are let go."""


class Sorter(Generic[T]):
    """Sorts the documents that are added, or finds the first `limit` of them, within `memory` bytes.

    What counts are the keys and `REFERENCES_SIZE` for each document. Documents
    themselves do not: they are in memory already, or stay on the disk.
    """

    __slots__ = ("_arranged", "_bar", "_items", "_limit", "_memory", "_most", "_ordering", "_rows", "_size")

    def __init__(self, ordering: Ordering, limit: int, memory: int) -> None:
        self._ordering = ordering
        self._limit = limit
        self._memory = memory
        self._rows: list[Any] = []
        self._items: list[T] = []
        self._size = 0
        # whether the rows are in order, and no more than the limit
        self._arranged = False
        # rows from which on all but the first `limit` are let go, early at first: then most of the others never come in
        self._most = 2 * limit
        # what the first key of a later document has to be ahead of
        self._bar: Any = UNSET

    def add(self, documents: Sequence[bytes], items: Sequence[T]) -> Steps[None]:
        """Add encoded documents, and what stands for them in the result.

        Raises:
            OperationFailure: The sort takes too much memory (code 292).
            QueryError: Two keys come through different arrays of one document.
        """
        yield from self.take(self._ordering.rows(documents), items)

    def take(self, rows: Sequence[Any], items: Sequence[T]) -> Steps[None]:
        """Add what the ordering made of some documents, and what stands for these in the result.

        Raises:
            OperationFailure: The sort takes too much memory (code 292).
        """
        if self._bar is not UNSET:
            ahead = self._ordering.ahead(rows, self._bar)
            rows, items = [rows[index] for index in ahead], [items[index] for index in ahead]
        self._rows += rows
        self._items += items
        self._arranged = self._arranged and not rows
        if self._limit and len(self._rows) > self._most:
            yield from self._keep_first()
        else:
            self._size += self._ordering.size(rows) + REFERENCES_SIZE * len(rows)
            if self._size > self._memory and 0 < self._limit < len(self._rows):
                yield from self._keep_first()
        if self._size > self._memory:
            raise self._too_large()

    def _keep_first(self) -> Steps[None]:
        rows = self._rows
        order = yield from self._ordering.arranging(rows, self._limit)
        self._rows = yield from mapped(rows.__getitem__, order)
        self._items = yield from mapped(self._items.__getitem__, order)
        yield from released(rows)
        self._most = 2 * self._limit + SURPLUS
        self._arranged = True
        self._bar = self._ordering.bar(self._rows[-1])
        self._size = REFERENCES_SIZE * len(self._rows)
        for start in range(0, len(self._rows), SLICE):
            self._size += self._ordering.size(self._rows[start : start + SLICE])
            yield

    def _too_large(self) -> OperationFailure:
        return OperationFailure(
            f"the sort takes {self._size} bytes for the keys of {len(self._rows)} documents, and may take "
            f"{self._memory}: let the filter match fewer, set a limit, or give the client a larger sort_memory",
            code=292,
            code_name="QueryExceededMemoryLimitNoDiskUseAllowed",
        )

    def sorted(self) -> Steps[list[T]]:
        """Return what stands for the documents in their order, and let go of the keys."""
        if self._arranged:
            yield from released(self._rows)
            return self._items
        order = yield from self._ordering.arranging(self._rows, self._limit or None)
        yield from released(self._rows)
        items = yield from mapped(self._items.__getitem__, order)
        yield from released(order)
        return items
