"""How the engine reads documents that are not resident: parts of files of a storage."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from nosqlpy._core.engine.reader import Reader
from nosqlpy._core.engine.slots import Memory
from nosqlpy._io.driver import storage_error
from nosqlpy._io.options import Options
from nosqlpy._io.storage.port import Storage

# what is kept of compressed segments once it is decompressed: so much, and no larger part of the memory budget
BLOCKS_SIZE, BLOCKS_SHARE = 4 << 20, 16


def memory_of(storage: Storage, options: Options) -> Memory:
    """Return the memory of a database: its budget, and what reads its files. In memory there are none to read."""
    if options.path is None:
        return Memory()
    blocks_size = min(BLOCKS_SIZE, options.memory_budget // BLOCKS_SHARE)
    return Memory(options.memory_budget, Reader(lambda name: OpenFile(storage, name), blocks_size, cut))


def cut(data: bytes, begin: int, sizes: Sequence[int]) -> list[bytes]:
    """Return pieces of `data`, one behind the other from `begin` on: a stream gives them in half the time of slices."""
    stream = BytesIO(data)
    stream.seek(begin)
    return list(map(stream.read, sizes))


class OpenFile:
    """A file that is open for reading, with the errors that users are told."""

    __slots__ = ("_file", "_name")

    def __init__(self, storage: Storage, name: str) -> None:
        self._name = name
        try:
            self._file = storage.open_file(name)
        except OSError as error:
            raise storage_error(error, f"{name} cannot be opened") from error

    def __call__(self, offset: int, size: int) -> bytes:
        """Return `size` bytes at `offset`, fewer at the end of the file.

        Raises:
            StorageError: The system refuses.
        """
        try:
            return self._file(offset, size)
        except OSError as error:
            raise storage_error(error, f"{self._name} cannot be read") from error

    def size(self) -> int:
        """Return how many bytes the file has now.

        Raises:
            StorageError: The system refuses.
        """
        try:
            return self._file.size()
        except OSError as error:
            raise storage_error(error, f"{self._name} cannot be read") from error
