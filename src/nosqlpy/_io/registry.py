"""The databases that are open in this process: one for each directory, however many clients use it."""

from __future__ import annotations

import os
import stat
import threading
from collections import deque
from pathlib import Path

from nosqlpy._io.database import Database
from nosqlpy._io.driver import storage_error
from nosqlpy._io.options import Options
from nosqlpy._io.storage.files import FileStorage, make_directory
from nosqlpy._io.storage.memory import MemoryStorage
from nosqlpy.errors import ConfigurationError, StorageError

# what a database is opened with once, for all its clients
_SHARED = ("max_document_size", "segment_size", "sync_interval")


class _Entry:
    __slots__ = ("database", "users")

    def __init__(self, database: Database) -> None:
        self.database = database
        self.users = 0


_lock = threading.Lock()
_entries: dict[tuple[int, int], _Entry] = {}
# what garbage-collected clients have let go of; collection may strike while its thread holds the lock
_released: deque[Database] = deque()


def acquire(options: Options) -> Database:
    """Return the open database of `options`, opening it if no client of this process has it. `release` it once.

    Raises:
        LockedError: Another process has it.
        StorageError: It cannot be opened.
        ConfigurationError: It is open with options that contradict these.
    """
    if options.path is None:
        return Database(MemoryStorage(), options)
    try:
        with _lock:
            key = _identity(options.path, create=options.create and not options.read_only)
            entry = _entries.get(key)
            if entry is None:
                entry = _entries[key] = _Entry(Database(FileStorage(options.path.resolve()), options))
            _check_agreement(entry.database.options, options)
            entry.users += 1
            return entry.database
    finally:
        _release_collected()


def release(database: Database) -> None:
    """Give back what `acquire` returned; the last one to do so closes the database."""
    with _lock:
        _release(database)
    _release_collected()


def release_collected(database: Database) -> None:
    """Do as `release`, for a client that is garbage: never wait for a lock, which this very thread may hold."""
    _released.append(database)
    _release_collected()


def _release_collected() -> None:
    while _released and _lock.acquire(blocking=False):
        try:
            while _released:
                _release(_released.popleft())
        finally:
            _lock.release()


def _release(database: Database) -> None:
    for key, entry in list(_entries.items()):
        if entry.database is database:
            entry.users -= 1
            if entry.users:
                return
            del _entries[key]
            break
    database.close()


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


def _check_agreement(opened: Options, wanted: Options) -> None:
    if opened.read_only and not wanted.read_only:
        raise ConfigurationError("the database is open read-only in this process; close that client first")
    for name in _SHARED:
        if getattr(opened, name) != getattr(wanted, name):
            raise ConfigurationError(
                f"the database is open in this process with {name}={getattr(opened, name)}; use the same, or close it"
            )


def _forget_all() -> None:
    """In a forked process: the databases are the parent's."""
    global _lock  # noqa: PLW0603 - the parent's thread that held it does not exist here
    _lock = threading.Lock()
    entries = list(_entries.values())
    _entries.clear()
    for entry in entries:
        entry.database.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
