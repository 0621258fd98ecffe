"""Where a database keeps its tables: a directory or memory of nosqlpy's, a JSON file, or what a user writes."""

from __future__ import annotations

import io
import json
import os
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any, TypeAlias
from weakref import WeakMethod

from nosqlpy import Client
from nosqlpy.compat.tinydb.fields import from_stored
from nosqlpy.compat.tinydb.live import Tables
from nosqlpy.compat.tinydb.writing import write_state
from nosqlpy.errors import ConfigurationError, StorageError

State: TypeAlias = dict[str, dict[str, Any]]
"""All tables: each a dict of its documents by their ids as text."""

_TEXT_OPTIONS = frozenset(("indent", "separators", "ensure_ascii", "sort_keys"))
_JSON_OPTIONS = frozenset(("default", "cls", "skipkeys", "check_circular", "allow_nan"))


def touch(path: str | os.PathLike[str], create_dirs: bool) -> None:
    """Make an empty file if there is none, and its directory if `create_dirs`."""
    if create_dirs:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).open("a").close()


class Storage(ABC):
    """What keeps the whole state of a database; a class of one's own defines `read` and `write`."""

    @abstractmethod
    def read(self) -> State | None:
        """Return the state, or None if nothing was written yet."""

    @abstractmethod
    def write(self, data: State) -> None:
        """Keep `data` in the place of the state before."""

    def close(self) -> None:  # noqa: B027 - a storage need not have anything to close
        """Let go of what the storage holds open."""


class DatabaseStorage(Storage):
    """A storage that is a nosqlpy database: every table is a collection, every document's id is its ``_id``.

    Tables work on the collections themselves; `read` and `write`, of the whole state, are there for middlewares.
    """

    @property
    @abstractmethod
    def client(self) -> Client:
        """The client of the database."""

    def read(self) -> State | None:
        """Return all tables, or None if there is none."""
        return read_state(self.client)

    def write(self, data: State) -> None:
        """Make the tables those of `data`; documents that are the same are not written."""
        write_state(self.client, data)

    def table_names(self) -> Iterable[str]:
        """Return the names of all tables."""
        return self.client.list_collection_names()

    def drop(self, name: str) -> None:
        """Remove a table, if it is there."""
        self.client.drop_collection(name)


def direct(storage: Any) -> DatabaseStorage | None:
    """Return a storage on whose collections, or dicts, tables work; None if it is read and written as a whole.

    It is None also where a subclass, or a program, has replaced its `read` or `write`.
    """
    kind = type(storage)
    if kind is not MemoryStorage and (getattr(kind, "read", None) not in _OWN or kind.write not in _OWN):
        return None
    replaced = vars(storage)
    return None if "read" in replaced or "write" in replaced else storage


def client_of(storage: Any) -> Client | None:
    """Return the client of a storage whose tables are collections, or can be, or None."""
    found = direct(storage)
    return None if found is None else found.client


def read_state(client: Client) -> State | None:
    """Return the documents of all collections, or None if there are no collections."""
    names = client.list_collection_names()
    return {name: {str(key): value for key, value in map(from_stored, client[name].find())} for name in names} or None


class DirectoryStorage(DatabaseStorage):
    """A database in a directory; what `TinyDB` uses unless it is given another storage.

    Args:
        path: The directory. One that does not exist is made.
        create_dirs: Make the directories above it too.
        encoding, indent, separators, ensure_ascii, sort_keys: Without effect: they say how a JSON file looks.
        access_mode: ``"r+"``, or ``"r"`` for reading only.
        options: Those of `nosqlpy.Client`, such as ``durability="durable"``.

    Raises:
        FileNotFoundError: There is no such directory to read, or none to make it in.
        StorageError: `path` is a file.
        ConfigurationError: An option is unknown, or only a JSON file can have it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        create_dirs: bool = False,
        encoding: str | None = None,  # noqa: ARG002 - text is UTF-8 here
        access_mode: str = "r+",
        **options: Any,
    ) -> None:
        place = Path(path).absolute()
        read_only = _is_read_only(access_mode)
        kept = _database_options(options) | ({"read_only": True} if read_only else {})
        _refuse_file(place)
        if create_dirs and not read_only:
            place.parent.mkdir(parents=True, exist_ok=True)
        if not (place if read_only else place.parent).is_dir():
            raise FileNotFoundError(f"there is no directory {str(place if read_only else place.parent)!r}")
        self._client = Client(place, **kept).open()

    @property
    def client(self) -> Client:
        """The client of the database."""
        return self._client

    def close(self) -> None:
        """Make everything durable and let go of the directory."""
        self._client.close()


def _is_read_only(access_mode: str) -> bool:
    if access_mode not in ("r", "rb", "r+", "rb+"):
        raise ConfigurationError(f"access_mode is 'r' or 'r+'; storage=JSONStorage takes {access_mode!r}")
    return "+" not in access_mode


def _database_options(options: Mapping[str, Any]) -> dict[str, Any]:
    for name in options:
        if name in _JSON_OPTIONS:
            raise ConfigurationError(f"only a JSON file can have the option {name!r}; pass storage=JSONStorage for one")
    return {name: value for name, value in options.items() if name not in _TEXT_OPTIONS}


def _refuse_file(place: Path) -> None:
    if place.is_file():
        raise StorageError(
            f"{str(place)!r} is a file, and a database is a directory. If TinyDB wrote it, storage=JSONStorage goes on"
            " with it, and nosqlpy.compat.tinydb.migrate(file, directory) makes a database of it"
        )


class MemoryStorage(DatabaseStorage):
    """Tables in memory: live dicts, as TinyDB has them, until somebody asks for the `client`.

    From then on they are collections of a database in memory, which can have indexes and takes filters and updates of
    MongoDB's language, and of whose documents every read decodes a copy.
    """

    def __init__(self) -> None:
        self.tables: Tables | None = Tables()
        self.lock: threading.RLock = self.tables.lock
        self._client: Client | None = None
        self._when_moved: set[WeakMethod[Callable[[], None]]] = set()

    @property
    def client(self) -> Client:
        """The client of the database, which is made when it is asked for first, and then holds the documents.

        Raises:
            NotStorable: A document holds a value that cannot be stored; the tables stay as they are.
        """
        with self.lock:
            if self._client is None:
                client = Client(":memory:")
                write_state(client, self.read() or {})
                if self.tables is not None:
                    self.tables.moved = True
                self._client, self.tables = client, None
                for reference in list(self._when_moved):
                    (reference() or _nothing)()
        return self._client

    def call_when_moved(self, method: Callable[[], None]) -> None:
        """Call this method, if its object is still there, once the tables have become collections."""
        self._when_moved.add(WeakMethod(method, self._when_moved.discard))

    @property
    def memory(self) -> State | None:
        """The state; None if there are no tables."""
        return self.read()

    def read(self) -> State | None:
        """Return all tables, or what else was written; None if there is nothing."""
        return super().read() if self.tables is None else self.tables.state()

    def write(self, data: State) -> None:
        """Make the tables those of `data`; what is no state, as a middleware may make of one, is kept as it is."""
        with self.lock:
            if self.tables is None:
                super().write(data)
            else:
                self.tables.become(data)

    def table_names(self) -> Iterable[str]:
        """Return the names of all tables."""
        tables = self.tables
        return super().table_names() if tables is None else tables

    def drop(self, name: str) -> None:
        """Remove a table, if it is there."""
        tables = self.tables
        if tables is not None and name not in tables:
            return
        with self.lock:
            if self.tables is None:
                super().drop(name)
            else:
                self.tables.pop(name, None)


def _nothing() -> None:
    pass


_OWN = frozenset((DatabaseStorage.read, DatabaseStorage.write, MemoryStorage.read, MemoryStorage.write))


class JSONStorage(Storage):
    """A JSON file, read and written as a whole, as TinyDB has it.

    Args:
        path: The file. One that does not exist is made, unless it is opened for reading only.
        create_dirs: Make its directory too.
        encoding: The file's encoding.
        access_mode: ``"r+"``, or ``"r"`` for reading only; others may lose data, and warn.
        kwargs: Those of `json.dumps`; their functions are called at every write.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        create_dirs: bool = False,
        encoding: str | None = None,
        access_mode: str = "r+",
        **kwargs: Any,
    ) -> None:
        if access_mode not in ("r", "rb", "r+", "rb+"):
            warnings.warn(
                f"Using an `access_mode` other than 'r', 'rb', 'r+' or 'rb+' can lose data: {access_mode!r}",
                stacklevel=2,
            )
        self._mode = access_mode
        self.kwargs = kwargs
        if set(access_mode) & set("+wa"):
            touch(path, create_dirs)
        self._handle: IO[Any] = Path(path).open(access_mode, encoding=encoding)  # noqa: SIM115 - until `close`

    def read(self) -> State | None:
        """Return what the file holds, or None if it is empty."""
        if not self._handle.seek(0, os.SEEK_END):
            return None
        self._handle.seek(0)
        state: State = json.load(self._handle)
        return state

    def write(self, data: State) -> None:
        """Write the file anew, and sync it.

        Raises:
            OSError: It is open for reading only.
        """
        text = json.dumps(data, **self.kwargs)
        self._handle.seek(0)
        try:
            self._handle.write(text)
        except io.UnsupportedOperation:
            raise OSError(f"the file was opened with the mode {self._mode!r} and cannot be written") from None
        self._handle.flush()
        os.fsync(self._handle.fileno())
        self._handle.truncate()

    def close(self) -> None:
        """Close the file."""
        self._handle.close()
