"""A database directory on a file system."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from nosqlpy._io.storage.locks import DirectoryLocks
from nosqlpy._io.storage.system import SYSTEM, Place, System, above_stderr, sync_directory

_READ_SIZE = 1 << 20
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL


class FileStorage:
    """The files of one directory; opened files stay open, for appending and syncing.

    Files are private to their owner (0600), never followed through a symbolic
    link, and never given descriptors 0 to 2, on which a stray ``print`` would write.
    """

    def __init__(self, directory: Path, *, read_only: bool = False, system: System = SYSTEM) -> None:
        self.directory = directory
        self.locks = DirectoryLocks(directory, lambda: self._at, system)
        # twice in each commit
        self.try_lock: Callable[[], bool] = self.locks.try_lock
        self.unlock: Callable[[], object] = self.locks.unlock
        self._system = system
        self._read_only = read_only
        self._descriptors: dict[str, int] = {}
        self._directory: Place | None = None
        self._closed = False

    @property
    def words(self) -> memoryview:
        """The words of the shared page, or private ones."""
        return self.locks.page.words

    @property
    def process(self) -> int:
        """The number of this process among those that have the database open."""
        return self.locks.page.process

    def is_living(self, process: int) -> bool:
        """Return whether the process with this number has the database open still."""
        return self.locks.page.is_living(self._at, process)

    def lock(self, *, shared: bool, timeout_s: float | None) -> None:
        """Take the lock of writers, or share it with other readers."""
        self.locks.lock(shared=shared, timeout_s=timeout_s)
        self.unlock = self.locks.unlocking()

    def attend(self, *, exclusive: bool) -> bool:
        """Join those who have the database open; return whether there are no others."""
        return self.locks.attend(exclusive=exclusive)

    def is_attended(self) -> bool:
        """Return whether anybody has the database open for writing. The caller holds the lock, shared or not."""
        return self.locks.page.is_attended(self._at)

    def leave(self) -> bool:
        """Leave those who have the database open; return whether there are no others."""
        return self.locks.page.leave()

    def watch(self) -> bool:
        """Map the shared words for reading; return whether there are any."""
        return self.locks.page.map(self._at, write=False)

    def lock_compaction(self, timeout_s: float | None) -> None:
        """Take the lock of compactions."""
        self.locks.lock_compaction(timeout_s)

    def unlock_compaction(self) -> None:
        """Give the lock of compactions back."""
        self.locks.unlock_compaction()

    def stamp(self, name: str) -> tuple[int, int, int]:
        """Return what changes when another file is given this name."""
        status = self._system.status(self._at, name)
        return status.st_ino, status.st_mtime_ns, status.st_size

    def list_files(self) -> list[str]:
        """Return the names of all entries of the directory, sorted."""
        return sorted(self._system.names(self._at))

    def read_file(self, name: str) -> bytes:
        """Return the whole content of a regular file."""
        descriptor = self._open(name, os.O_RDONLY)
        with os.fdopen(descriptor, "rb") as file:
            return file.read()

    def read_part(self, name: str, offset: int, size: int) -> bytes:
        """Return `size` bytes of a regular file from `offset` on, or what there is of them."""
        descriptor = self._open(name, os.O_RDONLY)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            file.seek(offset)
            parts = []
            while size and (part := file.read(size)):
                parts.append(part)
                size -= len(part)
        return b"".join(parts)

    def open_file(self, name: str) -> OpenFile:
        """Return what reads a regular file, which stays open until nobody refers to that."""
        return OpenFile(self._open(name, os.O_RDONLY), self._system)

    def read_on(self, name: str, offset: int) -> bytes:
        """Return what a file holds from `offset` on; it is opened once, and read on also after it was removed."""
        descriptor = self._descriptor(name)
        parts = []
        while part := self._system.read_at(descriptor, _READ_SIZE, offset):
            parts.append(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def release(self, name: str) -> None:
        """Close a file."""
        self._forget(name)

    def write_file(self, name: str, data: bytes) -> None:
        """Create a file that must not exist, with this content, and sync it."""
        descriptor = self._open(name, _NEW)
        self._descriptors[name] = descriptor
        _write(descriptor, data)
        self._system.sync(descriptor)

    def append(self, name: str, data: bytes) -> None:
        """Hand `data` to the system, with one write if it takes all of that."""
        descriptor = self._descriptors.get(name)
        if descriptor is None:
            descriptor = self._descriptor(name)
        written = os.write(descriptor, data)
        if written != len(data):  # 2 GiB at most; and a disk that becomes full takes what fits: the next write says so
            _write(descriptor, data[written:])

    def size(self, name: str) -> int:
        """Return the size of a file in bytes."""
        return os.fstat(self._descriptor(name)).st_size

    def truncate(self, name: str, size: int) -> None:
        """Cut a file to `size` bytes; the next append follows there."""
        os.ftruncate(self._descriptor(name), size)

    def sync(self, name: str) -> None:
        """Sync the file's content and size.

        Raises:
            OSError: The system refuses, or somebody has removed the file.
        """
        descriptor = self._descriptor(name)
        if not os.fstat(descriptor).st_nlink:
            raise OSError(errno.ENOENT, "was removed", name)
        self._system.sync(descriptor)

    def sync_directory(self) -> None:
        """Sync the directory."""
        self._system.sync_directory(self._at)

    def replace(self, source: str, target: str) -> None:
        """Give `source` the name `target`, in one step."""
        place = self._at
        self._forget(source)
        self._forget(target)
        self._system.replace(place, source, target)

    def remove(self, name: str) -> None:
        """Remove a file."""
        place = self._at
        self._forget(name)
        self._system.remove(place, name)

    def free_space(self) -> int | None:
        """Return how many bytes the file system still takes from this user."""
        return self._system.free_space(self._at)

    def random_bytes(self, size: int) -> bytes:
        """Return so many random bytes of the system."""
        return os.urandom(size)

    def close(self) -> None:
        """Close every file and give up the lock. No file is opened after that: it may be another process's by then."""
        self._closed = True
        for name in list(self._descriptors):
            self._forget(name)
        self.unlock = self.locks.unlock
        self.locks.close()
        if self._directory is not None:
            self._system.close_place(self._directory)
            self._directory = None

    @property
    def _at(self) -> Place:
        """The open directory: names mean its files, also when another one has come to stand at its path.

        It stays open, so that no other directory gets the inode number by which this database is known.
        """
        if self._closed:
            raise OSError(errno.EBADF, "the database is closed")
        if self._directory is None:
            self._directory = self._system.open_place(self.directory)
        return self._directory

    def _descriptor(self, name: str) -> int:
        if name not in self._descriptors:
            self._descriptors[name] = self._open(name, os.O_RDONLY if self._read_only else os.O_RDWR | os.O_APPEND)
        return self._descriptors[name]

    def _forget(self, name: str) -> None:
        descriptor = self._descriptors.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)

    def _open(self, name: str, flags: int) -> int:
        """Return a descriptor above 2 of a regular file in the directory."""
        append = os.O_APPEND if flags & os.O_CREAT else 0
        descriptor = above_stderr(self._system.open(self._at, name, flags | append))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "is not a regular file", name)
        return descriptor


class OpenFile:
    """Reads parts of one file, on a descriptor of its own that is closed with the last reference to it."""

    __slots__ = ("_descriptor", "_read_at")

    def __init__(self, descriptor: int, system: System = SYSTEM) -> None:
        self._descriptor = descriptor
        self._read_at = system.read_at

    def __call__(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on, or what there is of them."""
        if size > _READ_SIZE:  # it may come from a file that lies: no room is made for what is not there
            size = max(0, min(size, self.size() - offset))
        data = self._read_at(self._descriptor, size, offset)
        while len(data) < size and (more := self._read_at(self._descriptor, size - len(data), offset + len(data))):
            data += more  # the system reads 2 GiB at most at once
        return data

    def size(self) -> int:
        """Return how many bytes the file has now."""
        return os.fstat(self._descriptor).st_size

    def __del__(self) -> None:
        os.close(self._descriptor)


def make_directory(path: Path) -> None:
    """Make a private directory (0700) and those above it that are missing, and make their names durable.

    Raises:
        OSError: It cannot be made, or there is something else of that name.
    """
    missing = [place for place in (path, *path.parents) if not place.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for place in missing:
        sync_directory(place.parent)


def _write(descriptor: int, data: bytes) -> None:
    """Write all of `data`, however many writes it takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
