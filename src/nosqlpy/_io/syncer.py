"""The background syncer: it writes the buffer of ``fast`` and syncs the log of ``safe``, when their time has come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FLUSH_INTERVAL_S = 0.01


class Syncer:
    """A daemon thread that is started by the first write that needs it, and sleeps while there is nothing to do.

    It never keeps an interpreter from ending: closing the database, by hand or when
    the process exits, does what the thread would have done.
    """

    def __init__(self, flush: Callable[[], None], sync: Callable[[], None], interval_s: float) -> None:
        self._flush = flush
        self._sync = sync
        self._interval_s = interval_s
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._flush_at: float | None = None
        # when there is something to sync: when that is due
        self.sync_at: float | None = None
        self._expire_at: float | None = None
        # removes documents that have expired; returns in how many seconds to do so again, None for not yet
        self.expire: Callable[[], float | None] = _never

    def appended(self, *, buffered: bool) -> None:
        """Note that there is something to sync, and if `buffered` to write first. Cheap when that is known."""
        if buffered and self._flush_at is None:
            self._flush_at = time.monotonic() + FLUSH_INTERVAL_S
            self._awake()
        if self.sync_at is None:
            self.sync_at = time.monotonic() + self._interval_s
            self._awake()

    def flush_later(self) -> None:
        """Note that the buffer was refused, and is to be tried again when the log is synced."""
        self._flush_at = time.monotonic() + self._interval_s

    def expire_in(self, seconds: float) -> None:
        """Note that documents may expire, and are to be looked for at the latest in so many seconds."""
        at = time.monotonic() + seconds
        if self._expire_at is None or at < self._expire_at:
            self._expire_at = at
            self._awake()

    def stop(self) -> None:
        """End the thread, without waiting for it."""
        self._stopped = True
        self._wake.set()

    def forget(self) -> None:
        """In a forked process: there is no thread. Its event may be locked, by nobody who lives here."""
        self._stopped = True

    def _awake(self) -> None:
        self._wake.set()
        if self._thread is None and not self._stopped:
            thread = threading.Thread(target=self._run, name="nosqlpy-syncer", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending; closing will sync
                return
            self._thread = thread

    def _run(self) -> None:
        while not self._stopped:
            self._wake.wait(self._pause())
            self._wake.clear()
            if self._stopped:
                return
            now = time.monotonic()
            if self._flush_at is not None and now >= self._flush_at:
                self._flush_at = None
                self._flush()
            if self.sync_at is not None and now >= self.sync_at:
                self.sync_at = None
                self._sync()
            if self._expire_at is not None and now >= self._expire_at:
                self._expire_at = None
                if (seconds := self.expire()) is not None:
                    self.expire_in(seconds)

    def _pause(self) -> float | None:
        times = [at for at in (self._flush_at, self.sync_at, self._expire_at) if at is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None


def _never() -> None:
    """Remove nothing."""
