"""A database that lives in memory only: ``:memory:``."""

from __future__ import annotations

import errno
import os

from nosqlpy._core.engine.shared import private_words


class OpenFile:
    """Reads parts of a content."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __call__(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on, or what there is of them."""
        return self._data[offset : offset + size]

    def size(self) -> int:
        """Return how many bytes there are."""
        return len(self._data)


class MemoryStorage:
    """Storage without a disk. Of a file that is appended to it keeps only the size: nothing ever reads it back."""

    def __init__(self) -> None:
        self.words: memoryview = private_words()
        self._files: dict[str, bytes] = {}
        self._sizes: dict[str, int] = {}

    # the only one
    process: int = 0

    def is_living(self, process: int) -> bool:  # noqa: ARG002 - the port's
        """Return that nobody else is here."""
        return False

    def lock(self, *, shared: bool, timeout_s: float | None) -> None:
        """Do nothing: nobody else can see this database."""

    def try_lock(self) -> bool:
        """Do nothing."""
        return True

    def unlock(self) -> None:
        """Do nothing."""

    def attend(self, *, exclusive: bool) -> bool:  # noqa: ARG002 - the port's
        """Return that nobody else is here."""
        return True

    def leave(self) -> bool:
        """Return that nobody else is here."""
        return True

    def watch(self) -> bool:
        """Return that there is nothing to watch."""
        return False

    def lock_compaction(self, timeout_s: float | None) -> None:
        """Do nothing."""

    def unlock_compaction(self) -> None:
        """Do nothing."""

    def stamp(self, name: str) -> tuple[int, int, int]:  # noqa: ARG002 - the port's
        """Return what never changes."""
        return 0, 0, 0

    def list_files(self) -> list[str]:
        """Return the names of all files."""
        return list(self._files)

    def read_file(self, name: str) -> bytes:
        """Return the content with which a file was created."""
        self._check(name)
        return self._files[name]

    def read_part(self, name: str, offset: int, size: int) -> bytes:
        """Return a part of the content with which a file was created."""
        return self.read_file(name)[offset : offset + size]

    def open_file(self, name: str) -> OpenFile:
        """Return what reads the content with which a file was created."""
        return OpenFile(self.read_file(name))

    def read_on(self, name: str, offset: int) -> bytes:
        """Return the rest of the content with which a file was created."""
        return self.read_file(name)[offset:]

    def release(self, name: str) -> None:
        """Do nothing: no file is open."""

    def write_file(self, name: str, data: bytes) -> None:
        """Keep a file that is not there yet."""
        if name in self._files:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        self._files[name] = data
        self._sizes[name] = len(data)

    def append(self, name: str, data: bytes) -> None:
        """Count the bytes."""
        self._check(name)
        self._sizes[name] += len(data)

    def size(self, name: str) -> int:
        """Return the size that the file would have."""
        self._check(name)
        return self._sizes[name]

    def truncate(self, name: str, size: int) -> None:
        """Set the size that the file would have."""
        self._check(name)
        self._sizes[name] = size

    def sync(self, name: str) -> None:
        """Do nothing but see that the file is there."""
        self._check(name)

    def sync_directory(self) -> None:
        """Do nothing."""

    def replace(self, source: str, target: str) -> None:
        """Give `source` the name `target`."""
        self._check(source)
        self._files[target] = self._files.pop(source)
        self._sizes[target] = self._sizes.pop(source)

    def remove(self, name: str) -> None:
        """Forget a file."""
        self._check(name)
        del self._files[name], self._sizes[name]

    def free_space(self) -> int | None:
        """Return None: nobody knows."""
        return None

    def random_bytes(self, size: int) -> bytes:
        """Return so many random bytes."""
        return os.urandom(size)

    def close(self) -> None:
        """Forget everything."""
        self._files.clear()
        self._sizes.clear()

    def _check(self, name: str) -> None:
        if name not in self._files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
