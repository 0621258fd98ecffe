"""The lock on a database directory: one process writes, or several read."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from nosqlpy.errors import LockedError, StorageError

try:
    import fcntl
except ImportError:  # pragma: no cover - not on this platform
    fcntl = None  # type: ignore[assignment]

_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_PAUSE_MIN_S, _PAUSE_MAX_S = 0.001, 0.05


class DirectoryLock:
    """A ``flock`` on the file LOCK, which holds the number of the process that has it.

    Not a POSIX record lock: closing any other descriptor of the file would drop
    that. The system releases it when the process ends, however it ends.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "LOCK"
        self._descriptor: int | None = None
        self._shared = False
        self._pid = 0

    def acquire(self, directory: int, *, shared: bool, timeout_s: float | None) -> None:
        """Take the lock in the open `directory`, waiting up to `timeout_s` seconds (None: for ever).

        Raises:
            LockedError: Another process has it; `details` has its ``pid``, where it is known.
        """
        if fcntl is None:  # pragma: no cover - not on this platform
            raise StorageError("databases on disk need a system with flock; use ':memory:' here")
        try:
            flags = (os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT) | _FLAGS
            descriptor = os.open(self._path.name, flags, 0o600, dir_fd=directory)
        except FileNotFoundError:
            return  # a reader of a directory where nobody has ever written, or where nobody can
        try:
            self._wait(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, timeout_s)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor, self._shared = descriptor, shared
        if not shared:
            self._pid = os.getpid()
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)

    def _wait(self, descriptor: int, kind: int, timeout_s: float | None) -> None:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        pause = _PAUSE_MIN_S
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    raise
            else:
                return
            if deadline is not None and time.monotonic() >= deadline:
                raise self._refusal(descriptor, timeout_s)
            time.sleep(pause)
            pause = min(pause * 2, _PAUSE_MAX_S)

    def _refusal(self, descriptor: int, timeout_s: float | None) -> LockedError:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace")
        pid = int(holder) if holder.isdigit() else None
        who = f"process {pid}" if pid else "another process"
        return LockedError(
            f"{who} has the database at {str(self._path.parent)!r} open; waited {timeout_s:g} s: close it there, or "
            "wait longer with lock_timeout=",
            details={"pid": pid, "directory": str(self._path.parent)},
        )

    def release(self) -> None:
        """Give up the lock, if it is held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            if not self._shared and self._pid == os.getpid():
                os.ftruncate(descriptor, 0)  # so that nobody takes this process for the holder
            os.close(descriptor)
