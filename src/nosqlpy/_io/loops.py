"""Event loops, and the tasks of one that wait for a sync: asyncio's and trio's alike."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import anyio
import anyio.lowlevel

from nosqlpy._core.engine.groupcommit import Verdict
from nosqlpy._io.sync_thread import SyncRequest

# tasks that are woken in one turn of the loop: together they write for about a millisecond
TOGETHER = 32


def event_loop() -> Any:
    """Return what tells the running event loop from all others, on asyncio and trio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        import trio  # noqa: PLC0415 - only there where it runs

        return trio.lowlevel.current_trio_token()


def call_soon(loop: Any, function: Callable[[], None]) -> None:
    """Have `function` called on its event loop, from any thread."""
    schedule = getattr(loop, "call_soon_threadsafe", None) or loop.run_sync_soon
    try:
        schedule(function)
    except RuntimeError:  # the loop has ended, and with it whoever waited there
        return


class Syncs(Protocol):
    """What a database does for those who wait for a sync."""

    def is_durable(self, lsn: int) -> bool:
        """Return whether frame `lsn` is known to be durable."""

    def join_sync(self, lsn: int, owner: object, wake: Callable[[], None] | None = None) -> Verdict:
        """Say what a writer waiting for `lsn` does next; `wake` is called when the sync has ended."""

    def sync_soon(self, request: SyncRequest) -> None:
        """Have a thread sync the log for who was told to."""

    def end_sync(self, owner: object, *, unclaimed: bool = False) -> None:
        """Let others begin a sync."""


class SyncWaiters:
    """The tasks of one event loop that wait for a sync. The first one asks for it; all are woken by one call."""

    def __init__(self) -> None:
        self._leader: SyncRequest | None = None
        # each for some of the tasks: of the next wake-up, of which the last one takes so many more, and of the last
        self._waiting: deque[anyio.Event] = deque()
        self._room = 0
        self._waking: deque[anyio.Event] = deque()
        self._crowded = False

    async def wait(self, database: Syncs, lsn: int, turned: Callable[[], None]) -> None:
        """Return when frame `lsn` is durable. A thread syncs; cancelling ends the wait only.

        `turned` is called before tasks are woken: the loop has had its turn.

        Raises:
            StorageError: A sync failed; the database must be reopened.
        """
        while not database.is_durable(lsn):
            if self._leader is None:
                await self._lead(database, lsn, turned)
            else:
                await self._event().wait()

    async def _lead(self, database: Syncs, lsn: int, turned: Callable[[], None]) -> None:
        """Have the log synced, and return when that has ended."""
        request = self._leader = SyncRequest()
        try:
            while self._crowded:  # those who were woken with this one write first: they share the sync
                self._crowded = bool(self._waking)
                await anyio.lowlevel.checkpoint()
            wake = partial(self._wake, request, event_loop(), turned)
            verdict = database.join_sync(lsn, request, partial(call_soon, event_loop(), wake))
            if verdict is Verdict.SYNC:
                database.sync_soon(request)
        except BaseException:
            database.end_sync(request, unclaimed=True)
            self._wake(request, event_loop(), turned)
            raise
        if verdict is Verdict.DONE:
            wake()
            return
        await self._event().wait()
        if request.error is not None:
            raise request.error

    def _event(self) -> anyio.Event:
        """Return what is set when the sync has ended."""
        if not self._room:
            self._waiting.append(anyio.Event())
            self._room = TOGETHER
        self._room -= 1
        return self._waiting[-1]

    def _wake(self, leader: SyncRequest, loop: Any, turned: Callable[[], None]) -> None:
        """On the loop: let the tasks look again that wait for a sync."""
        if self._leader is not leader:
            return
        self._leader = None
        self._crowded = len(self._waiting) > 1 or 0 < self._room < TOGETHER - 1
        self._waking.extend(self._waiting)
        self._waiting.clear()
        self._room = 0
        if self._waking:
            self._wake_some(loop, turned)

    def _wake_some(self, loop: Any, turned: Callable[[], None]) -> None:
        """Wake some tasks, and in the next turn of the loop others."""
        turned()
        self._waking.popleft().set()
        if self._waking:
            call_soon(loop, partial(self._wake_some, loop, turned))
