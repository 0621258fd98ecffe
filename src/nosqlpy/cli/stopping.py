"""Ctrl-C while a stream is read: it takes effect where the stream is read, and not while documents are written."""

from __future__ import annotations

import signal
import threading
from typing import Any, BinaryIO, Self


class Stoppable:
    """A stream of bytes; inside of ``with`` Ctrl-C raises `KeyboardInterrupt` in `read`, at once or at the next.

    So who reads it has finished what it began with the block before, and can say exactly what it did.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._stopped = self._reading = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes.

        Raises:
            KeyboardInterrupt: Somebody has pressed Ctrl-C, or does so while it waits.
        """
        self._reading = True
        try:
            if self._stopped:
                raise KeyboardInterrupt
            block = getattr(self._stream, "read1", self._stream.read)(size)
        finally:
            self._reading = False
        if self._stopped:
            raise KeyboardInterrupt
        return bytes(block)

    read1 = read

    def _stop(self, *_: object) -> None:
        self._stopped = True
        if self._reading:
            raise KeyboardInterrupt
