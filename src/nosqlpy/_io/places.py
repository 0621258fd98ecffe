"""Files that are named, or opened, by the caller: where exports and dumps go, and what is read back."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, TypeVar

from nosqlpy._io.storage.system import sync_directory
from nosqlpy.errors import ConfigurationError, QueryError

R = TypeVar("R")

Place: TypeAlias = "str | os.PathLike[str]"


def check_place(method: str, place: Any, verb: str) -> None:
    """Refuse what is neither the path of a file nor has the method that a stream needs.

    Raises:
        QueryError: It is neither, or no file can have that path.
    """
    if isinstance(place, (str, os.PathLike)):
        check_path(method, place)
    elif not hasattr(place, verb):
        message = f"{method} takes a path or a stream of bytes, not {type(place).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")


def check_path(method: str, place: Any) -> None:
    """Refuse what is not the path of a file.

    Raises:
        QueryError: It is not, or no file can have that path.
    """
    path = os.fspath(place) if isinstance(place, os.PathLike) else place
    if not isinstance(path, str):
        message = f"{method} takes a path of str, not {type(path).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    try:
        possible = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise QueryError(f"{method}: no file can have the path {path!r}, for a NUL or a lone surrogate in it")


def check_bytes(block: Any) -> bytes:
    """Return what was read from a stream, which is bytes.

    Raises:
        ConfigurationError: The stream is one of text.
    """
    if not isinstance(block, bytes):
        raise ConfigurationError("a stream to import from yields bytes; open it in binary mode")
    return block


def write_to(place: Place | BinaryIO, write: Callable[[BinaryIO], R]) -> R:
    """Let `write` write to a stream, or to a file, and return what it returns.

    The file appears under its name, in the place of one that is there, once all of it
    is on the disk. What is no regular file, such as a pipe, is written as it goes.

    Raises:
        ConfigurationError: The stream is one of text.
        OSError: The file cannot be written; what was there is as it was.
    """
    if not isinstance(place, (str, os.PathLike)):
        if isinstance(place, io.TextIOBase):
            raise ConfigurationError("a stream to export into takes bytes; open it in binary mode")
        return write(place)
    path = Path(os.path.realpath(place))
    mode = _mode_of(path)
    if mode is not None and not stat.S_ISREG(mode):
        try:
            with path.open("wb") as file:
                return write(file)
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(path)) from error
    return _write_aside(path, mode, write)


def _mode_of(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _write_aside(path: Path, mode: int | None, write: Callable[[BinaryIO], R]) -> R:
    """Write a file beside `path`, and rename it once it is complete and synced; keep the permissions of the old one."""
    draft = path.with_name(f".nosqlpy-export-{os.urandom(6).hex()}.tmp")
    try:
        with draft.open("xb") as file:
            result = write(file)
            if mode is not None:
                draft.chmod(stat.S_IMODE(mode))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException as error:
        draft.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise
    sync_directory(path.parent)
    return result
