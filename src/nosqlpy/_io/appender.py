"""The appender: hands frames to the storage in order, at once or through the buffer of ``fast``."""

from __future__ import annotations

import os
from collections.abc import Callable

from nosqlpy._io.storage.port import Storage

BUFFER_MIN, BUFFER_MAX = 64 << 10, 8 << 20


def buffer_size() -> int:
    """Return how many bytes ``fast`` may hold back: a thousandth of the free memory, from 64 KiB to 8 MiB."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not told on this platform
        return BUFFER_MIN
    return min(max(free // 1000, BUFFER_MIN), BUFFER_MAX)


class Appender:
    """What was appended to the active segment: some of it handed to the system, the rest still in the buffer.

    An exception may come between a write and the note of it (Ctrl-C, a thread's
    asynchronous exception). `_writing` is then left set, and sizes tell what happened.
    """

    def __init__(self, storage: Storage, sync: Callable[[str], None]) -> None:
        self._storage = storage
        self._sync = sync
        self.buffer: bytearray = bytearray()
        self._buffer_max = buffer_size()
        self._writing = False

    @property
    def buffered(self) -> int:
        """How many bytes the system has not seen yet."""
        return len(self.buffer)

    def append(self, name: str, start: int, data: bytes, *, buffered: bool) -> None:
        """Append one frame to the segment, which ends at `start`: to the buffer, or behind what that holds to the file.

        Where the buffer is empty and stays so, the frame is the storage's alone.

        Raises:
            OSError: The file may hold a part of the frame; call `roll_back`.
        """
        if buffered and len(self.buffer) + len(data) <= self._buffer_max:
            self.buffer += data
        else:
            self._write_buffer(name, start, data)

    def flush(self, name: str, start: int) -> None:
        """Hand the buffer of the segment, which ends at `start`, to the system.

        Raises:
            OSError: The file may hold a part of it; call `roll_back`.
        """
        if self.buffer:
            self._write_buffer(name, start, b"")

    def _write_buffer(self, name: str, start: int, data: bytes) -> None:
        if self._writing:
            del self.buffer[: self._storage.size(name) + len(self.buffer) - start]
        self._writing = True
        self._storage.append(name, bytes(self.buffer) + data)
        self.buffer.clear()
        self._writing = False

    def settle(self, name: str, start: int, end: int) -> bool:
        """Return whether the frame from `start` to `end` is there, after an append of unknown outcome; else cut it off.

        Raises:
            OSError: What is there of it cannot be cut off.
        """
        size = self._storage.size(name)
        if size >= end:
            self.buffer.clear()
            self._writing = False
        elif size + len(self.buffer) != end:
            self.roll_back(name, start)
            return False
        return True

    def roll_back(self, name: str, start: int) -> None:
        """Cut the segment back to `start`, durably, less what of that is still in the buffer.

        A cut that is not durable could be undone by a power cut, and a refused frame come back to life.

        Raises:
            OSError: It cannot be cut, or the cut cannot be made durable.
        """
        self._storage.truncate(name, start - len(self.buffer))
        self._sync(name)
        self._writing = False
