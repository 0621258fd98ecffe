"""The thread that syncs for the tasks of event loops: it is there while durable writers are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

# how long it waits for another request before it ends
IDLE_S = 1.0


class SyncRequest:
    """The token of whoever is to sync, and what came in its way, unless that concerns all who wait."""

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: Exception | None = None


class SyncThread:
    """Calls a function for one request after the other, on a daemon thread that ends when there are none."""

    def __init__(self, sync: Callable[[SyncRequest], None]) -> None:
        self._sync = sync
        self._requests: SimpleQueue[SyncRequest | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._running = False

    def ask(self, request: SyncRequest) -> None:
        """Have the function called for a request; here, where no thread can be started: the interpreter is ending."""
        self._requests.put(request)
        with self._lock:
            if self._running:
                return
            self._running = True
        try:
            threading.Thread(target=self._run, name="nosqlpy-sync", daemon=True).start()
        except BaseException as error:
            self._running = False
            if not isinstance(error, RuntimeError):
                raise
            self._call(request)

    def stop(self) -> None:
        """End the thread, without waiting for it."""
        self._requests.put(None)

    def _run(self) -> None:
        while (request := self._next()) is not None:
            self._call(request)

    def _call(self, request: SyncRequest) -> None:
        with suppress(Exception):  # who has asked finds it in the request
            self._sync(request)

    def _next(self) -> SyncRequest | None:
        """Return the next request, or None when the thread is to end."""
        try:
            request = self._requests.get(timeout=IDLE_S)
        except Empty:
            request = None
        if request is not None:
            return request
        with self._lock:
            self._running = not self._requests.empty()
        return self._next() if self._running else None
