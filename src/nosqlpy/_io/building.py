"""Databases that are built in a directory of their own: backups, and what is restored or repaired."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from nosqlpy._core.engine import building
from nosqlpy._core.engine.effects import Procedure
from nosqlpy._core.engine.publish import InDoubtError
from nosqlpy._io.driver import drive, storage_error
from nosqlpy._io.storage.files import FileStorage, make_directory
from nosqlpy._io.storage.port import Storage
from nosqlpy.errors import InvalidURL, StorageError

R = TypeVar("R")


class Watched:
    """A storage on which something is built: it looks up now and then, and reads parts from where they are copied."""

    def __init__(self, storage: Storage, watch: Callable[[], None], source: Storage | None = None) -> None:
        self._storage = storage
        self._watch = watch
        self.read_part = (source or storage).read_part

    def append(self, name: str, data: bytes) -> None:
        """Add to a file; before that, look up."""
        self._watch()
        self._storage.append(name, data)

    def write_file(self, name: str, data: bytes) -> None:
        """Create a file; before that, look up."""
        self._watch()
        self._storage.write_file(name, data)

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._storage, verb)


def build_in_directory(
    target: Path, doing: str, procedure: Procedure[R], watch: Callable[[], None], source: Storage | None = None
) -> R:
    """Build a database in a new or empty directory by `procedure`; return what that returns.

    Raises:
        StorageError: The directory is not empty, or the system refuses; nothing that opens is left there.
    """
    try:
        made = not target.exists()
        make_directory(target)
    except OSError as error:
        raise storage_error(error, f"the directory {str(target)!r} cannot be used") from error
    try:
        return build(FileStorage(target.resolve()), doing, procedure, watch, source)
    except BaseException:
        if made:
            with contextlib.suppress(OSError):
                target.rmdir()
        raise


def build(
    storage: Storage, doing: str, procedure: Procedure[R], watch: Callable[[], None], source: Storage | None = None
) -> R:
    """Do as `build_in_directory`, on a storage that nobody else uses; it is closed then.

    Raises:
        StorageError: See there.
        LockedError: Somebody else builds a database there.
    """
    try:
        drive(building.check_empty(), storage)
        storage.lock(shared=False, timeout_s=0)
        drive(building.check_empty(), storage)
        try:
            drive(building.begin(), storage)
            return drive(procedure, Watched(storage, watch, source))
        except BaseException:
            with contextlib.suppress(OSError):
                drive(building.discard(), storage)
            raise
    except OSError as error:
        raise storage_error(error, doing) from error
    except InDoubtError as error:
        cause = error.__cause__
        raise storage_error(cause, doing) if isinstance(cause, OSError) else error from error
    finally:
        procedure.close()
        storage.close()


def directory_of(method: str, target: Any) -> Path:
    """Return the path that `target` is.

    Raises:
        InvalidURL: It is none: a URL, ``":memory:"`` or no path at all.
    """
    try:
        text: Any = os.fspath(target)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text or "\0" in text or "://" in text or text == ":memory:" or _is_odd(text):
        raise InvalidURL(f"{method} takes the path of a directory")
    return Path(text).absolute()


def _is_odd(path: str) -> bool:
    """Return whether no file can have this path, for a lone surrogate in it."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return True
    return False


def refuse_inside(target: Path, directory: Path | None) -> None:
    """Refuse to write anything inside the directory of a database: another database, or a file.

    Raises:
        StorageError: `target` is there.
    """
    if directory is not None and target.resolve().is_relative_to(directory.resolve()):
        raise StorageError(f"{str(target)!r} is inside the database; choose a directory elsewhere")
