"""The locks on a database directory: files that processes hold.

The system releases a lock when the process ends, however it ends.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nosqlpy._io.storage.system import SYSTEM, Place, System
from nosqlpy.errors import LockedError

PAUSE_MIN_S, PAUSE_MAX_S = 0.00005, 0.005


class FileLock:
    """A lock on one file of the directory. Taking it again while it is held, or giving it back twice, does nothing."""

    def __init__(
        self, directory: Path, name: str, holder: Callable[[int], int | None], system: System = SYSTEM
    ) -> None:
        self._system = system
        self.directory = directory
        self.name = name
        self._holder = holder
        self._descriptor: int | None = None
        # for one who takes the lock all the time: takes it, not shared, or raises an OSError; and gives it back
        self.take: Callable[[], object] = _refuse
        self.give: Callable[[], object] = _do_nothing

    def open(self, directory: Place, *, create: bool) -> bool:
        """Open the file in the open `directory`; return whether there is one, which to `create` sees to."""
        if self._descriptor is None:
            try:
                flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
                descriptor = self._system.open(directory, self.name, flags)
            except FileNotFoundError:
                if create:  # the directory is gone
                    raise
                return False  # a reader of a directory where nobody has ever written, or where nobody can
            self.take, self.give = self._system.locking(descriptor)
            self._descriptor = descriptor
        return True

    def attempt(self, *, shared: bool = False) -> bool:
        """Take the lock if nobody has it; return whether it is taken."""
        assert self._descriptor is not None, "the file of a lock is opened before it is taken"
        return self._system.try_lock(self._descriptor, shared=shared)

    def wait(self, timeout_s: float | None) -> None:
        """Take the lock, waiting up to `timeout_s` seconds (None: for ever).

        Raises:
            LockedError: Another process has it; `details` has its ``pid``, where it is known.
        """
        await_until(self.attempt, timeout_s, self.refusal)

    def refusal(self, timeout_s: float) -> LockedError:
        """Return the error that says who has the lock."""
        pid = None if self._descriptor is None else self._holder(self._descriptor)
        who = f"process {pid}" if pid else "another process"
        return LockedError(
            f"{who} has the {self.name} of the database at {str(self.directory)!r}; waited {timeout_s:g} s: let it end "
            "what it does there, or close the database, or wait longer with lock_timeout=",
            details={"pid": pid, "directory": str(self.directory)},
        )

    def note_holder(self) -> None:
        """Write this process's number into the file, if the disk has room for it: it will hold the lock for long."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
                self._system.write_at(self._descriptor, str(os.getpid()).encode(), 0)

    def forget_holder(self) -> None:
        """Remove the number of a process that holds the lock no longer."""
        if self._descriptor is not None and os.fstat(self._descriptor).st_size:
            os.ftruncate(self._descriptor, 0)

    def close(self) -> None:
        """Close the file, and with that give the lock back, unless a parent or child has the same descriptor."""
        self.take, self.give = _refuse, _do_nothing
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def await_until(attempt: Callable[[], bool], timeout_s: float | None, refusal: Callable[[float], LockedError]) -> None:
    """Try again and again until `attempt` succeeds; after `timeout_s` seconds raise the `refusal`."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    pause = PAUSE_MIN_S
    while not attempt():
        if timeout_s is not None and deadline is not None and time.monotonic() >= deadline:
            raise refusal(timeout_s)
        time.sleep(pause)
        pause = min(pause * 2, PAUSE_MAX_S)


def _refuse() -> None:
    raise OSError(errno.EBADF, "the file of the lock is not open")


def _do_nothing() -> None:
    """Do nothing: nobody has the lock through a file that is not open."""
