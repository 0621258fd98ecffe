"""The system calls of a database directory, and what differs between systems.

POSIX systems name files relative to an open directory, so that a database stays in
the directory that it was opened in. macOS needs ``F_FULLFSYNC`` for what others do
at an ``fsync``: that only hands the data to the drive there (fcntl(2)). Windows has
neither directory descriptors nor a sync of directories; its locks are mandatory,
and a file that somebody has open cannot be replaced for a moment.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Callable
from functools import partial, reduce
from operator import or_
from pathlib import Path
from typing import Any, Final, TypeAlias

try:
    import fcntl
except ImportError:  # pragma: no cover - not on this platform
    fcntl = None  # type: ignore[assignment]

Place: TypeAlias = int | Path
"""A directory: its descriptor, or where there are none its path."""

Locking: TypeAlias = tuple[Callable[[], object], Callable[[], object]]
"""What takes a lock, or raises an OSError, with a number of `BUSY` where somebody has it; and its opposite."""

# not waiting concerns pipes only, which are refused: opening one would wait for somebody at its other end
_NAMES: Final = ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_NOINHERIT")
FLAGS: Final = reduce(or_, (getattr(os, name, 0) for name in _NAMES))
BUSY: Final = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)


class System:
    """A POSIX system."""

    shares: bool = True
    """Whether several processes can have one database open."""

    def open_place(self, path: Path) -> Place:
        """Return the directory at `path`, open."""
        return above_stderr(os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)))

    def close_place(self, place: Place) -> None:
        """Close a directory."""
        os.close(_descriptor(place))

    def open(self, place: Place, name: str, flags: int) -> int:
        """Return the descriptor of a file, which is private to its owner if it is made."""
        return os.open(name, flags | FLAGS, 0o600, dir_fd=_descriptor(place))

    def names(self, place: Place) -> list[str]:
        """Return the names of all entries of a directory."""
        return os.listdir(place)

    def status(self, place: Place, name: str) -> os.stat_result:
        """Return what the system says of a file."""
        return os.stat(name, dir_fd=_descriptor(place), follow_symlinks=False)

    def replace(self, place: Place, source: str, target: str) -> None:
        """Give the file `source` the name `target`, in one step."""
        os.replace(source, target, src_dir_fd=_descriptor(place), dst_dir_fd=_descriptor(place))

    def remove(self, place: Place, name: str) -> None:
        """Remove a file."""
        os.unlink(name, dir_fd=_descriptor(place))

    def free_space(self, place: Place) -> int:
        """Return how many bytes the file system still takes from this user."""
        status = os.fstatvfs(_descriptor(place))
        return status.f_bavail * status.f_frsize

    def read_at(self, descriptor: int, size: int, offset: int) -> bytes:
        """Return up to `size` bytes of a file from `offset` on."""
        return os.pread(descriptor, size, offset)

    def write_at(self, descriptor: int, data: bytes, offset: int) -> None:
        """Write `data`, which is small, at `offset`."""
        os.pwrite(descriptor, data, offset)

    def sync(self, descriptor: int) -> None:
        """Make the content and the size of a file durable; its times do not count."""
        _fdatasync(descriptor)

    def sync_directory(self, place: Place) -> None:
        """Make the names in a directory durable."""
        os.fsync(_descriptor(place))

    def try_lock(self, descriptor: int, *, shared: bool) -> bool:
        """Take a lock on a file if nobody has it; return whether it is taken.

        Not a POSIX record lock: closing any other descriptor of the file would drop that.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_NB | (fcntl.LOCK_SH if shared else fcntl.LOCK_EX))
        except OSError as error:
            if error.errno in BUSY:
                return False
            raise
        return True

    def locking(self, descriptor: int) -> Locking:
        """Return what takes the lock on a file, not shared, and what gives it back: for who does so all the time."""
        return (
            partial(fcntl.flock, descriptor, fcntl.LOCK_NB | fcntl.LOCK_EX),
            partial(fcntl.flock, descriptor, fcntl.LOCK_UN),
        )


class MacOS(System):
    """macOS, where a plain sync leaves the data in the drive's own cache."""

    def __init__(self, full_sync: int | None = None, control: Callable[[int, int], Any] | None = None) -> None:
        self._full_sync = full_sync if full_sync is not None else getattr(fcntl, "F_FULLFSYNC", None)
        self._control = control or fcntl.fcntl

    def sync(self, descriptor: int) -> None:
        """Have the drive write what it holds of a file; where the file system cannot ask for that, sync it."""
        if self._full_sync is not None:
            try:
                self._control(descriptor, self._full_sync)
            except OSError as error:
                if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                    raise
            else:
                return
        os.fsync(descriptor)


# where a lock lies: past what a file holds, since nobody else can read bytes that are locked
_LOCK_OFFSET: Final = 1 << 30
_REPLACE_S: Final = 1.0
_PAUSE_S: Final = 0.01


class Windows(System):
    """Windows: one process at a time has a database open."""

    shares = False

    def __init__(self, locking: Any = None) -> None:
        if locking is None:
            import msvcrt as locking  # noqa: PLC0415 - only there
        self._locking = locking

    def open_place(self, path: Path) -> Place:
        """Return the path of a directory, which must be there."""
        if not stat.S_ISDIR(os.stat(path).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "is not a directory", str(path))
        return path

    def close_place(self, place: Place) -> None:
        """Do nothing: a path is not open."""

    def open(self, place: Place, name: str, flags: int) -> int:
        """Return the descriptor of a file."""
        return os.open(_path(place) / name, flags | FLAGS, 0o600)

    def status(self, place: Place, name: str) -> os.stat_result:
        """Return what the system says of a file."""
        return os.stat(_path(place) / name, follow_symlinks=False)

    def replace(self, place: Place, source: str, target: str) -> None:
        """Give the file `source` the name `target`, trying again for a second while somebody has that open."""
        deadline = time.monotonic() + _REPLACE_S
        while True:
            try:
                os.replace(_path(place) / source, _path(place) / target)
            except PermissionError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_PAUSE_S)
            else:
                return

    def remove(self, place: Place, name: str) -> None:
        """Remove a file; one that somebody has open is left for the next opening."""
        os.unlink(_path(place) / name)

    def free_space(self, place: Place) -> int:
        """Return how many bytes the file system still takes from this user."""
        import shutil  # noqa: PLC0415 - only there, and it loads all compressors

        return shutil.disk_usage(_path(place)).free

    def read_at(self, descriptor: int, size: int, offset: int) -> bytes:
        """Return up to `size` bytes of a file from `offset` on; appending goes on at its end all the same."""
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)

    def write_at(self, descriptor: int, data: bytes, offset: int) -> None:
        """Write `data`, which is small, at `offset`."""
        os.lseek(descriptor, offset, os.SEEK_SET)
        os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Make the content and the size of a file durable."""
        os.fsync(descriptor)

    def sync_directory(self, place: Place) -> None:
        """Do nothing: the system keeps a journal of names, and gives no way to wait for it."""

    def try_lock(self, descriptor: int, *, shared: bool) -> bool:  # noqa: ARG002 - there are no shared locks
        """Take a lock on a file if nobody has it; return whether it is taken."""
        try:
            self._take(descriptor)
        except OSError as error:
            if error.errno in BUSY:
                return False
            raise
        return True

    def _take(self, descriptor: int) -> None:
        os.lseek(descriptor, _LOCK_OFFSET, os.SEEK_SET)
        self._locking.locking(descriptor, self._locking.LK_NBLCK, 1)

    def _give(self, descriptor: int) -> None:
        os.lseek(descriptor, _LOCK_OFFSET, os.SEEK_SET)
        self._locking.locking(descriptor, self._locking.LK_UNLCK, 1)

    def locking(self, descriptor: int) -> Locking:
        """Return what takes the lock on a file, and what gives it back."""
        return partial(self._take, descriptor), partial(self._give, descriptor)


def _descriptor(place: Place) -> int:
    assert isinstance(place, int), "a directory of this system is a descriptor"
    return place


def _path(place: Place) -> Path:
    assert isinstance(place, Path), "a directory of this system is a path"
    return place


def above_stderr(descriptor: int) -> int:
    """Return `descriptor`, or where it is 0 to 2 (a program closed those) another one for the same file."""
    low = []
    while descriptor <= 2:
        low.append(descriptor)
        descriptor = os.dup(descriptor)
    for other in low:
        os.close(other)
    return descriptor


def this_system() -> System:
    """Return the system that this process runs on."""
    if sys.platform == "win32":  # pragma: no cover - not on this platform
        return Windows()
    return MacOS() if sys.platform == "darwin" else System()


def sync_directory(path: Path) -> None:
    """Make the names in the directory at `path` durable."""
    place = SYSTEM.open_place(path)
    try:
        SYSTEM.sync_directory(place)
    finally:
        SYSTEM.close_place(place)


_fdatasync = getattr(os, "fdatasync", os.fsync)

SYSTEM: Final = this_system()
