"""How the engine reads documents that are not resident: parts of files of a storage."""

from __future__ import annotations

from nosqlpy._core.engine.reader import File, Reader
from nosqlpy._core.engine.slots import Memory
from nosqlpy._io.driver import storage_error
from nosqlpy._io.options import Options
from nosqlpy._io.storage.port import Storage


def memory_of(storage: Storage, options: Options) -> Memory:
    """Return the memory of a database: its budget, and what reads its files. In memory there are none to read."""
    if options.path is None:
        return Memory()
    return Memory(options.memory_budget, Reader(lambda name: open_file(storage, name)))


def open_file(storage: Storage, name: str) -> File:
    """Return what reads a file.

    Raises:
        StorageError: The system refuses; also when a part is read.
    """
    try:
        read = storage.open_file(name)
    except OSError as error:
        raise storage_error(error, f"{name} cannot be opened") from error

    def part(offset: int, size: int) -> bytes:
        try:
            return read(offset, size)
        except OSError as error:
            raise storage_error(error, f"{name} cannot be read") from error

    return part
