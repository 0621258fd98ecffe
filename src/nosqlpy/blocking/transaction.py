"""A transaction of the blocking face."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from nosqlpy._io.client import collection_of
from nosqlpy._io.local import LocalBackend
from nosqlpy._io.transacting import Session
from nosqlpy._io.transaction import LocalTransaction
from nosqlpy.aliases import Document, Durability
from nosqlpy.blocking.collection import Collection

if TYPE_CHECKING:
    from nosqlpy.blocking.client import Client

V = TypeVar("V")


class Transaction(Session[LocalBackend]):
    """Reads and writes of several collections that happen together or not at all.

    It begins with its ``with`` block, is committed at the end of the block, and rolled
    back by an exception that leaves it. `collection` and ``[]`` give collections whose
    operations are part of it; those of any other collection are with ``session=``. It is for one
    thread, or one task, at a time.
    """

    def __init__(self, client: Client, backend: LocalBackend, durability: Durability | None) -> None:
        self._client = client
        self._transaction = LocalTransaction(backend, durability)
        super().__init__(backend, self._transaction)

    @property
    def client(self) -> Client:
        """The client that the transaction belongs to."""
        return self._client

    @property
    def in_progress(self) -> bool:
        """Whether the transaction has begun, and has not ended."""
        return self._transaction.unit.in_progress

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}, {self._transaction.unit.state}>"

    @overload
    def collection(self, collection: str, /) -> Collection[Document]: ...
    @overload
    def collection(self, collection: str | Collection[Any], /, *, type: type[V]) -> Collection[V]: ...
    @overload
    def collection(self, collection: Collection[V], /) -> Collection[V]: ...
    def collection(self, collection: Any, /, *, type: Any = None) -> Any:
        """Return a collection, given its name or itself, whose reads and writes are part of the transaction.

        Raises:
            TransactionError: `collection` is another client's.
        """
        return collection_of(self._client, collection, type).with_session(self)

    def __getitem__(self, name: str) -> Collection[Document]:
        return self.collection(name)

    def commit(self) -> None:
        """Make all that was written visible, in one step, and as durable as asked for; the transaction has ended.

        Raises:
            TransactionError: The transaction is not in progress.
            StorageError: The disk refuses; nothing was written.
        """
        self._transaction.commit()

    def rollback(self) -> None:
        """Forget all that was written; the transaction has ended.

        Raises:
            TransactionError: The transaction is not in progress.
        """
        self._transaction.roll_back()

    def __enter__(self) -> Self:
        self._transaction.begin()
        return self

    def __exit__(self, t: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self._transaction.leave(e)
