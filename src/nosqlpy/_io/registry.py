"""The databases that are open in this process: one for each directory, however many clients use it."""

from __future__ import annotations

import _thread
import atexit
import contextlib
import logging
import os
import stat
import threading
import warnings
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from nosqlpy._io.compacting import Compactor
from nosqlpy._io.database import Database
from nosqlpy._io.driver import storage_error
from nosqlpy._io.options import Options
from nosqlpy._io.storage.files import FileStorage, make_directory
from nosqlpy._io.storage.memory import MemoryStorage
from nosqlpy._io.storage.mounts import network_file_system
from nosqlpy.errors import ConfigurationError, InvalidOperation, NosqlpyError, StorageError

R = TypeVar("R")

log = logging.getLogger("nosqlpy.storage")

# what a database is opened with once, for all its clients
_SHARED = (
    "compaction", "compression", "exclusive", "max_document_size", "memory_budget", "segment_size", "sort_memory",
    "sync_interval",
)  # fmt: skip


class _Entry:
    """One directory: its database, once it is open, and how many clients use it or wait for it."""

    __slots__ = ("_lock", "busy", "database", "users")

    def __init__(self) -> None:
        self.database: Database | None = None
        self.busy = False
        self.users = 0
        self._lock = threading.RLock()

    def alone(self, function: Callable[[], R]) -> R:
        """Return the result of a function that opens or closes the database: one thread at a time.

        Raises:
            InvalidOperation: This thread does so already, and was interrupted by what calls now.
        """
        with self._lock:
            if self.busy:
                raise InvalidOperation(
                    "this thread is opening or closing the database; a signal handler or __del__ that interrupts it "
                    "cannot do so too"
                )
            self.busy = True
            try:
                return function()
            finally:
                self.busy = False


# held for a look at the entries only: opening and closing may take long, and hold up nobody else.
# A signal handler may come in between, and do as another thread would
_lock = threading.RLock()
_entries: dict[tuple[int, int], _Entry] = {}
# every database on a disk until it is closed to the end, on whatever thread that happens
_open: set[Database] = set()
_in_memory: weakref.WeakSet[Database] = weakref.WeakSet()
# what garbage-collected clients have let go of
_released: deque[Database] = deque()


def acquire(options: Options) -> Database:
    """Return the open database of `options`, opening it if no client of this process has it. `release` it once.

    Raises:
        LockedError: Another process has it.
        StorageError: It cannot be opened.
        ConfigurationError: It is open with options that contradict these.
    """
    _release_collected()
    if options.directory is None:
        database = Database(MemoryStorage(), options)
        _in_memory.add(database)
        return database
    key = _identity(options.directory, create=options.create and not options.read_only)
    with _lock:
        entry = _entries.setdefault(key, _Entry())
        entry.users += 1
    try:
        return entry.alone(partial(_database_of, entry, options, options.directory.resolve()))
    except BaseException:
        _give_back(entry)
        raise


def _database_of(entry: _Entry, options: Options, directory: Path) -> Database:
    if entry.database is None:
        if not options.exclusive:
            refuse_network(directory)
        entry.database = Database(FileStorage(directory, read_only=options.read_only), options)
        if options.compaction == "auto":
            entry.database.after_sync = Compactor(entry.database).consider
        _open.add(entry.database)
    _check_agreement(entry.database.options, options)
    if options.recovery == "strict":
        entry.database.report.check_whole()
    return entry.database


def release(database: Database) -> None:
    """Give back what `acquire` returned; the last one to do so closes the database."""
    with _lock:
        entry = next((entry for entry in _entries.values() if entry.database is database), None)
    if entry is None:
        database.close()
    else:
        _give_back(entry)


def _give_back(entry: _Entry) -> None:
    with _lock:
        entry.users -= 1
        if entry.users:
            return
    entry.alone(partial(_close, entry))  # who wants the directory now waits until it is closed, and opens it again


def _close(entry: _Entry) -> None:
    with _lock:
        if entry.users:
            return
    database, entry.database = entry.database, None
    try:
        if database is not None:
            database.close()
    finally:
        if database is not None:
            _open.discard(database)
        _forget_unused(entry)


def _forget_unused(entry: _Entry) -> None:
    with _lock:
        if not entry.users:
            for key in [key for key, held in _entries.items() if held is entry]:
                del _entries[key]


def release_collected(database: Database) -> None:
    """Do as `release`, for a client that is garbage, on a thread of its own.

    The collector may strike while its thread holds the very locks that closing needs.
    """
    _released.append(database)
    with contextlib.suppress(RuntimeError):  # the interpreter is ending, and closes all that is open
        _thread.start_new_thread(_release_collected, ())


def release_forgotten(database: Database) -> None:
    """Do as `release_collected`, and warn if files were left open."""
    release_collected(database)
    if database.options.directory is not None:
        message = f"a client of {database.options.url!r} was not closed; use it in a with statement, or close it"
        warnings.warn(message, ResourceWarning, stacklevel=1)


def _release_collected() -> None:
    while _released:
        with contextlib.suppress(IndexError):  # another thread was faster
            _release_quietly(_released.popleft())


def _release_quietly(database: Database) -> None:
    try:
        release(database)
    except NosqlpyError as error:
        log.warning("a client that was forgotten could not be closed: %s", error)


def _close_all() -> None:
    """At the end of the interpreter: close what is open, and wait for what another thread is closing."""
    for database in list(_open):
        try:
            database.close()
        except NosqlpyError as error:
            log.warning("a database could not be closed at exit: %s", error)


atexit.register(_close_all)


def _identity(path: Path, *, create: bool) -> tuple[int, int]:
    """Return what tells the directory from all others, by whatever path it is reached; make it if need be."""
    try:
        if create:
            make_directory(path)
        status = path.stat()
    except FileNotFoundError as error:
        raise StorageError(
            f"there is no directory {str(path)!r}; open it with create=True to make a database"
        ) from error
    except (NotADirectoryError, FileExistsError) as error:
        raise _not_a_directory(path) from error
    except OSError as error:
        raise storage_error(error, f"the directory {str(path)!r} cannot be used") from error
    if not stat.S_ISDIR(status.st_mode):
        raise _not_a_directory(path)
    return status.st_dev, status.st_ino


def _not_a_directory(path: Path) -> StorageError:
    return StorageError(f"{str(path)!r} is a file; a database is a directory")


def refuse_network(directory: Path) -> None:
    """Refuse a directory that other hosts may write to: neither locks nor shared memory reach them reliably.

    Raises:
        ConfigurationError: It is on a network file system.
    """
    kind = network_file_system(directory)
    if kind is not None:
        raise ConfigurationError(
            f"{str(directory)!r} is on a network file system ({kind}), where processes cannot share a database safely; "
            "use a local disk, or open it with exclusive=True, by one process at a time"
        )


def _check_agreement(opened: Options, wanted: Options) -> None:
    if opened.read_only and not wanted.read_only:  # a writer also reads, but a reader does not write
        raise ConfigurationError("the database is open read-only in this process; close that client first")
    for name in _SHARED:
        if getattr(opened, name) != getattr(wanted, name):
            raise ConfigurationError(
                f"the database is open in this process with {name}={getattr(opened, name)}; use the same, or close it"
            )


def _forget_all() -> None:
    """In a forked process: the databases are the parent's."""
    global _lock  # noqa: PLW0603 - the parent's thread that held it does not exist here
    _lock = threading.RLock()
    databases = [*_open, *_in_memory]
    _entries.clear()
    _open.clear()
    _released.clear()
    for database in databases:
        database.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
