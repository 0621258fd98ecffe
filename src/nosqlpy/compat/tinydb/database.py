"""The database: tables by name, and the methods of the default one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from nosqlpy import Client
from nosqlpy.compat.tinydb.document import Document
from nosqlpy.compat.tinydb.storages import OF_A_FILE, DirectoryStorage, JSONStorage, Storage, client_of
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
        storage = kwargs.pop("storage") if "storage" in kwargs else self._usual_storage(args, kwargs)
        self._storage: Any = storage(*args, **kwargs)
        self._has_names = getattr(type(self._storage), "is_direct", False)
        self._tables: dict[str, Table] = {}
        self._opened = True

    def _usual_storage(self, args: tuple[Any, ...], options: dict[str, Any]) -> Callable[..., Any]:
        """Return the default storage, but a JSON file where it is said how one looks, and no database is there."""
        usual = self.default_storage_class
        if usual is DirectoryStorage and not OF_A_FILE.isdisjoint(options):
            path = args[0] if args else options.get("path", "")
            return usual if os.path.isdir(path) else JSONStorage  # noqa: PTH112
        return usual

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
        try:
            return self._tables[name]
        except KeyError:
            pass
        table: Table = self.table_class(self._storage, name, **kwargs)
        return self._tables.setdefault(name, table)

    def tables(self) -> set[str]:
        """Return the names of all tables that are there."""
        storage = self._storage
        return set(storage.table_names() if self._has_names else storage.read() or ())

    def drop_tables(self) -> None:
        """Remove all tables with their documents."""
        self.storage.write({})
        self._tables.clear()

    def drop_table(self, name: str) -> None:
        """Remove a table with its documents, if it is there."""
        self._tables.pop(name, None)
        storage = self._storage
        if self._has_names:
            storage.drop(name)
            return
        state = storage.read()
        if state and name in state:
            del state[name]
            storage.write(state)

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
        table = self._tables.get(self.default_table_name)
        return getattr(self.table(self.default_table_name) if table is None else table, name)

    def __len__(self) -> int:
        table = self._tables.get(self.default_table_name)
        return len(self.table(self.default_table_name) if table is None else table)

    def __iter__(self) -> Iterator[Document]:
        table = self._tables.get(self.default_table_name)
        return iter(self.table(self.default_table_name) if table is None else table)
