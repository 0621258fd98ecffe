"""A transaction of the async face; see `nosqlpy.blocking.transaction` for what each method promises."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from nosqlpy._io.client import collection_of
from nosqlpy._io.local_async import AsyncLocalBackend
from nosqlpy._io.transacting import Session
from nosqlpy._io.transaction_async import AsyncLocalTransaction
from nosqlpy.aio.collection import AsyncCollection
from nosqlpy.aliases import Document, Durability

if TYPE_CHECKING:
    from nosqlpy.aio.client import AsyncClient

V = TypeVar("V")


class AsyncTransaction(Session[AsyncLocalBackend]):
    """Reads and writes of several collections that happen together or not at all.

    It begins with its ``with`` block, is committed at the end of the block, and rolled
    back by an exception that leaves it. `collection` and ``[]`` give collections whose
    operations are part of it; those of any other collection are with ``session=``. It is for one
    thread, or one task, at a time.
    """

    def __init__(self, client: AsyncClient, backend: AsyncLocalBackend, durability: Durability | None) -> None:
        self._client = client
        self._transaction = AsyncLocalTransaction(backend, durability)
        super().__init__(backend, self._transaction)

    @property
    def client(self) -> AsyncClient:
        """The client that the transaction belongs to."""
        return self._client

    @property
    def in_progress(self) -> bool:
        """Whether the transaction has begun, and has not ended."""
        return self._transaction.unit.in_progress

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}, {self._transaction.unit.state}>"

    @overload
    def collection(self, collection: str, /) -> AsyncCollection[Document]: ...
    @overload
    def collection(self, collection: str | AsyncCollection[Any], /, *, type: type[V]) -> AsyncCollection[V]: ...
    @overload
    def collection(self, collection: AsyncCollection[V], /) -> AsyncCollection[V]: ...
    def collection(self, collection: Any, /, *, type: Any = None) -> Any:
        """Return a collection, given its name or itself, whose reads and writes are part of the transaction.

        Raises:
            TransactionError: `collection` is another client's.
        """
        return collection_of(self._client, collection, type).with_session(self)

    def __getitem__(self, name: str) -> AsyncCollection[Document]:
        return self.collection(name)

    async def commit(self) -> None:
        """Make all that was written visible, in one step, and as durable as asked for; the transaction has ended.

        Raises:
            TransactionError: The transaction is not in progress.
            StorageError: The disk refuses; nothing was written.
        """
        await self._transaction.commit()

    async def rollback(self) -> None:
        """Forget all that was written; the transaction has ended.

        Raises:
            TransactionError: The transaction is not in progress.
        """
        await self._transaction.roll_back()

    async def __aenter__(self) -> Self:
        await self._transaction.begin()
        return self

    async def __aexit__(self, t: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        await self._transaction.leave(e)
