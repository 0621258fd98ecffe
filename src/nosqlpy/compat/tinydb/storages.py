"""Where a database keeps its tables: a directory or memory of nosqlpy's, a JSON file, or what a user writes."""

from __future__ import annotations

import io
import os
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, ClassVar, Protocol, TypeAlias
from weakref import ReferenceType

from nosqlpy import Client
from nosqlpy.compat.tinydb.fields import from_stored
from nosqlpy.compat.tinydb.live import LiveState
from nosqlpy.compat.tinydb.once import MadeOnce
from nosqlpy.compat.tinydb.text import dumps, loads
from nosqlpy.compat.tinydb.writing import write_state
from nosqlpy.errors import ConfigurationError, StorageError

State: TypeAlias = dict[str, dict[str, Any]]
"""All tables: each a dict of its documents by their ids as text."""

_PACKAGE = __name__.rpartition(".")[0]
_MODES = frozenset(("r", "rb", "r+", "rb+"))
_WRITING = frozenset("+wa")
_TEXT_OPTIONS = frozenset(("indent", "separators", "ensure_ascii", "sort_keys"))
_JSON_OPTIONS = frozenset(("default", "cls", "skipkeys", "check_circular", "allow_nan"))
OF_A_FILE = _TEXT_OPTIONS | _JSON_OPTIONS
"""The options of `json.dumps`."""


def touch(path: str | os.PathLike[str], create_dirs: bool) -> None:
    """Make an empty file if there is none, and its directory if `create_dirs`."""
    if create_dirs:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a"):  # noqa: PTH123 - in a third of the time of a Path's method
        pass


def repr_of(storage: object) -> str:
    """Return what Python says of a storage, with the name that its module has as TinyDB's."""
    return object.__repr__(storage).replace(f"<{_PACKAGE}", "<tinydb", 1)


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

    def __repr__(self) -> str:
        return repr_of(self)


class DatabaseStorage(Storage):
    """A storage that is a nosqlpy database: every table is a collection, every document's id is its ``_id``.

    Tables work on the collections themselves; `read` and `write`, of the whole state, are there for middlewares.
    """

    is_direct: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.is_direct = all(_owner(cls, name).__module__ == __name__ for name in ("read", "write"))

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


def _owner(kind: type[Any], name: str) -> type[Any]:
    """Return the class that defines an attribute of a class."""
    return next(base for base in kind.__mro__ if name in vars(base))


def direct(storage: Any) -> DatabaseStorage | None:
    """Return a storage on whose collections, or dicts, tables work; None if it is read and written as a whole.

    It is None also where a subclass, or a program, has replaced its `read` or `write`.
    """
    if not getattr(type(storage), "is_direct", False):
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
        place = os.path.abspath(path)  # noqa: PTH100 - a database is made in less time than a Path
        read_only = _is_read_only(access_mode)
        kept = _database_options(options) | ({"read_only": True} if read_only else {})
        is_new = not os.path.isdir(place)  # noqa: PTH112
        if is_new:
            _prepare(Path(place), read_only=read_only, create_dirs=create_dirs)
        self._client = Client(Path(place), **kept)
        if is_new:
            self._client.open()

    @property
    def client(self) -> Client:
        """The client of the database."""
        return self._client

    def close(self) -> None:
        """Make everything durable and let go of the directory."""
        self._client.close()


def _is_read_only(access_mode: str) -> bool:
    if access_mode not in _MODES:
        raise ConfigurationError(f"access_mode is 'r' or 'r+'; storage=JSONStorage takes {access_mode!r}")
    return "+" not in access_mode


def _database_options(options: Mapping[str, Any]) -> dict[str, Any]:
    for name in options:
        if name in _JSON_OPTIONS:
            raise ConfigurationError(f"only a JSON file can have the option {name!r}; pass storage=JSONStorage for one")
    return {name: value for name, value in options.items() if name not in _TEXT_OPTIONS}


def _prepare(place: Path, *, read_only: bool, create_dirs: bool) -> None:
    """Make a directory where there is none."""
    if place.is_file():
        raise StorageError(
            f"{str(place)!r} is a file, and a database is a directory. If TinyDB wrote it, storage=JSONStorage goes on"
            " with it, and nosqlpy.compat.tinydb.migrate(file, directory) makes a database of it"
        )
    if read_only:
        raise FileNotFoundError(f"there is no directory {str(place)!r}")
    if not create_dirs and not place.parent.is_dir():
        raise FileNotFoundError(f"there is no directory {str(place.parent)!r}")
    place.mkdir(parents=create_dirs, exist_ok=True)


class LiveUser(Protocol):
    """A table that works on the dicts in memory."""

    def _move(self) -> None:
        """Go on in a collection."""
        ...


class MemoryStorage(DatabaseStorage):
    """Tables in memory: live dicts, as TinyDB has them, until somebody asks for the `client`.

    From then on they are collections of a database in memory, which can have indexes and takes filters and updates of
    MongoDB's language, and of whose documents every read decodes a copy.
    """

    _client: Client | None = None

    def __init__(self) -> None:
        self.live: LiveState | None = LiveState()
        self.lock: threading.RLock = self.live.lock

    @MadeOnce
    def _users(self) -> set[ReferenceType[LiveUser]]:
        return set()

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
                if self.live is not None:
                    self.live.moved = True
                self._client, self.live = client, None
                for user in [reference() for reference in list(self._users)]:
                    if user is not None:
                        user._move()  # noqa: SLF001 - a table's method, which has no name for users
        return self._client

    def call_when_moved(self, user: LiveUser) -> None:
        """Call the method `_move` of a table, if it is still there, once the tables have become collections."""
        users = self._users
        users.add(ReferenceType(user, users.discard))

    @property
    def memory(self) -> State | None:
        """The state; None if nothing was written."""
        return self.read()

    def read(self) -> State | None:
        """Return the state itself, or what else was written; None if nothing was."""
        live = self.live
        if live is None:
            return super().read()
        live.shared = True
        state: State | None = live.state
        return state

    def write(self, data: State) -> None:
        """Make the tables those of `data`; what is no state, as a middleware may make of one, is kept as it is."""
        with self.lock:
            if self.live is None:
                super().write(data)
            else:
                self.live.become(data)

    def table_names(self) -> Iterable[str]:
        """Return the names of all tables."""
        live = self.live
        return super().table_names() if live is None else live.state or ()

    def drop(self, name: str) -> None:
        """Remove a table, if it is there."""
        live = self.live
        if live is not None and name not in (live.state or ()):
            return
        with self.lock:
            if self.live is None:
                super().drop(name)
            else:
                self.live.drop(name)


class JSONStorage(Storage):
    """A JSON file, read and written as a whole, as TinyDB has it.

    Where `path` is the directory of a database, which `migrate` may have put in the file's place, that is read and
    written as a whole, without effect of `encoding` and of options that say how a JSON file looks.

    Args:
        path: The file. One that does not exist is made, unless it is opened for reading only.
        create_dirs: Make its directory too.
        encoding: The file's encoding.
        access_mode: ``"r+"``, or ``"r"`` for reading only; others may lose data, and warn.
        kwargs: Those of `json.dumps`; their functions are called at every write.

    Raises:
        ConfigurationError: `path` is a directory, and only a JSON file can have an option.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        create_dirs: bool = False,
        encoding: str | None = None,
        access_mode: str = "r+",
        **kwargs: Any,
    ) -> None:
        self._database: DirectoryStorage | None = None
        if access_mode not in _MODES:
            warnings.warn(
                f"Using an `access_mode` other than 'r', 'rb', 'r+' or 'rb+' can lose data: {access_mode!r}",
                stacklevel=2,
            )
        elif os.path.isdir(path):  # noqa: PTH112
            self._database = DirectoryStorage(path, access_mode=access_mode, **kwargs)
            return
        self._mode = access_mode
        self.kwargs = kwargs
        if set(access_mode) & _WRITING:
            touch(path, create_dirs)
        self._handle: IO[Any] = open(path, access_mode, encoding=encoding)  # noqa: PTH123, SIM115 - as above

    def read(self) -> State | None:
        """Return what the file holds, or None if it is empty."""
        if self._database is not None:
            return self._database.read()
        self._handle.seek(0)
        text = self._handle.read()
        state: State | None = loads(text) if text else None
        return state

    def write(self, data: State) -> None:
        """Write the file anew, and sync it.

        Raises:
            OSError: It is open for reading only.
        """
        if self._database is not None:
            self._database.write(data)
            return
        text = dumps(data, self.kwargs)
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
        if self._database is not None:
            self._database.close()
        else:
            self._handle.close()
