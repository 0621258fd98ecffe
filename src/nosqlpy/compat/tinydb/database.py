"""The database: tables by name, and the methods of the default one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from nosqlpy import Client
from nosqlpy.compat.tinydb.document import Document
from nosqlpy.compat.tinydb.storages import DirectoryStorage, Storage, client_of, direct
from nosqlpy.compat.tinydb.table import Table
from nosqlpy.errors import InvalidOperation

if TYPE_CHECKING:
    _TableMethods = Table
else:  # they are those of the default table, whose class may be another one
    _TableMethods = object


class TinyDB(_TableMethods):
    """A database; what a table does, it does on its default table.

    ``TinyDB("data")`` is a nosqlpy database in this directory, ``TinyDB(storage=MemoryStorage)`` keeps live dicts in
    memory. Another `storage`, a class or a middleware, is called with the arguments and keeps the state as a whole.

    A subclass may have another `table_class`, `default_table_name` or `default_storage_class`.
    """

    table_class: ClassVar[type[Any]] = Table
    default_table_name: ClassVar[str] = "_default"
    default_storage_class: ClassVar[Callable[..., Any]] = DirectoryStorage

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        storage = kwargs.pop("storage", self.default_storage_class)
        self._storage: Any = storage(*args, **kwargs)
        self._tables: dict[str, Table] = {}
        self._opened = True

    def __repr__(self) -> str:
        tables = self.tables()
        counts = [f"{name}={len(self.table(name))}" for name in tables]
        return (
            f"<{type(self).__name__} tables={list(tables)}, tables_count={len(tables)}, "
            f"default_table_documents_count={len(self)}, all_tables_documents_count={counts}>"
        )

    def table(self, name: str, **kwargs: Any) -> Table:
        """Return the table of this name; `kwargs` are those of the class `Table`, and count when it is asked for first.

        Raises:
            InvalidName: No collection can have this name.
        """
        if name not in self._tables:
            self._tables[name] = self.table_class(self.storage, name, **kwargs)
        return self._tables[name]

    def tables(self) -> set[str]:
        """Return the names of all tables that are there."""
        storage = direct(self._storage)
        return set((self._storage.read() or {}) if storage is None else storage.table_names())

    def drop_tables(self) -> None:
        """Remove all tables with their documents."""
        self.storage.write({})
        self._tables.clear()

    def drop_table(self, name: str) -> None:
        """Remove a table with its documents, if it is there."""
        if name in self._tables:
            del self._tables[name]
        storage = direct(self._storage)
        if storage is not None:
            storage.drop(name)
            return
        state = self.storage.read()
        if state and name in state:
            del state[name]
            self.storage.write(state)

    @property
    def storage(self) -> Storage:
        """The storage, or the middleware before it."""
        storage: Storage = self._storage
        return storage

    @property
    def client(self) -> Client:
        """The client of the nosqlpy database, for all that TinyDB has not: backups, other collections, compaction.

        A `MemoryStorage` becomes a database when it is asked for this first.

        Raises:
            InvalidOperation: The storage is no nosqlpy database.
        """
        client = client_of(self.storage)
        if client is None:
            raise InvalidOperation(f"a {type(self._storage).__name__} is no nosqlpy database")
        return client

    def close(self) -> None:
        """Close the storage."""
        self._opened = False
        self.storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, t: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        if self._opened:
            self.close()

    def __getattr__(self, name: str) -> Any:
        if name == "_tables":  # the storage could not be made
            raise AttributeError(name)
        return getattr(self.table(self.default_table_name), name)

    def __len__(self) -> int:
        return len(self.table(self.default_table_name))

    def __iter__(self) -> Iterator[Document]:
        return iter(self.table(self.default_table_name))
