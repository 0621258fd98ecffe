"""The async backend: runs the engine in this process, on the event loop.

What takes microseconds runs inline: a thread hop would cost five to ten times as much. Waiting for a sync, for
another thread's write or for files happens in worker threads. What takes long on the loop is cut into slices,
with a checkpoint about every millisecond. Cancelling a call before its frame is appended leaves nothing; after
that the write is done, and only the wait for its sync ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread
import msgspec
from msgspec import UNSET, UnsetType

from nosqlpy._core.engine import matching, points, reads
from nosqlpy._core.engine.execution import Query, Request
from nosqlpy._core.engine.intake import CallNeeded
from nosqlpy._core.engine.matching import Point
from nosqlpy._core.engine.points import GeneralUpdate, PointFind
from nosqlpy._core.engine.shared import BELL
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.index.deferred import Unloaded
from nosqlpy._io.committing import WouldWait
from nosqlpy._io.database import Database
from nosqlpy._io.gate import Occupied, Turn
from nosqlpy._io.local import Backend, Outcome, Pauses, Steps
from nosqlpy._io.loops import SyncWaiters, call_soon, event_loop
from nosqlpy._io.options import Options
from nosqlpy._io.transacting import Session, backend_of
from nosqlpy.aliases import Durability
from nosqlpy.errors import InvalidOperation, StorageError

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")

SLICE_S = 0.001
# documents that a write may look at on the loop; one that looks at more is planned in a worker thread
INLINE_DOCUMENTS = 1000
# what asks for a document that must be searched for
_SEARCHED = (Query, GeneralUpdate)


def current_task() -> object:
    """Return what tells the running task from all others."""
    return anyio.get_current_task().id


def give_turn() -> None:
    """Let another thread have the interpreter, if one waits for it."""
    time.sleep(0)


def giving_way(query: Query) -> Query:
    """Return a query for a worker thread, which lets the event loop have its turn whenever it is checked.

    Without that the loop would wait for as long as `sys.getswitchinterval` says: 5 ms.
    """
    check = query.check

    def give_way() -> None:
        if check is not None:
            check()
        give_turn()

    return msgspec.structs.replace(query, check=give_way)


def is_near(engine: Engine, name: str, asked: object) -> bool:
    """Return whether a write of one document finds it quickly enough for the event loop, if it is searched for."""
    return not isinstance(asked, _SEARCHED) or matching.reach(engine, name, asked) <= INLINE_DOCUMENTS


class AsyncLocalBackend(Backend):
    """Runs reads, writes and procedures for the tasks of one event loop."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._loop: Any = None
        self._waiters = SyncWaiters()
        self.paused_at: float = 0.0

    def within(self, session: Session[AsyncLocalBackend] | None) -> AsyncLocalBackend:
        """Return the backend of what is done within a transaction; without one, this.

        Raises:
            TransactionError: `session` is no transaction of this client.
        """
        return self if session is None else backend_of(session, self)

    async def database(self) -> Database:
        """Return the open database, opening it if need be.

        Raises:
            InvalidOperation: The client is used in a second event loop.
        """
        loop = event_loop()
        database = self._database
        if database is None or self._closed or database.words[BELL] != database.seen:
            database = await self._current(database)
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise InvalidOperation("an AsyncClient belongs to the event loop that opened it; make another one here")
        return database

    async def _current(self, database: Database | None) -> Database:
        """Return the database open, and with all that other processes have written."""
        if database is None or database.closed or self._closed:
            database = await anyio.to_thread.run_sync(self.connect)
        if not database.try_follow():
            await anyio.to_thread.run_sync(database.follow)
        return database

    def forked(self) -> None:
        """In a forked process: forget the parent's event loop, too."""
        super().forked()
        self._loop = None
        self._waiters = SyncWaiters()
        self.paused_at = 0.0

    async def read(self, read: Callable[Concatenate[Engine, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what `read` finds, in a state between two writes."""
        await self.pause()
        database = await self.database()
        while database.applying:  # on another thread, which may take its time: wait for it on one
            await anyio.to_thread.run_sync(database.settle)
        if database.engine.expiring:
            return await self._read_unexpired(database, partial(database.unexpired, read), *args, **kwargs)
        while True:
            try:
                return database.peek(read, *args, **kwargs)
            except Unloaded as needed:
                await anyio.to_thread.run_sync(database.load, needed)

    async def _read_unexpired(
        self, database: Database, read: Callable[Concatenate[Engine, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return what `read` finds; on a worker thread where so much has expired that hiding it takes long."""
        while True:
            try:
                if database.is_behind():
                    return await self._on_worker(partial(database.view, read, *args, **kwargs))
                return database.peek(read, *args, **kwargs)
            except Unloaded as needed:
                await anyio.to_thread.run_sync(database.load, needed)

    async def lookup(self, find: Callable[[Engine, str, A], R | UnsetType], name: str, asked: A) -> R | UnsetType:
        """Return what a short read finds; UNSET where the general form must find it."""
        if time.perf_counter() - self.paused_at >= SLICE_S:  # as in `point`
            await self.pause()
        database = self._database
        if database is None or self._closed or database.words[BELL] != database.seen or self._loop is not event_loop():
            database = await self.database()
        return self.glance(database, find, name, asked)

    async def read_steps(
        self, read: Callable[Concatenate[Engine, P], Pauses[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return the result of a read that takes its documents at once and then goes through them."""
        began = time.perf_counter()
        try:
            return await self.prepare(await self.read(read, *args, **kwargs))
        finally:
            if (seconds := time.perf_counter() - began) >= self.slow_s:
                self.took(seconds, read, args, wrote=False)

    async def find_first(self, name: str, asked: PointFind[R] | Request[R]) -> R | None:
        """Return the first document of a find, or None."""
        if type(asked) is not PointFind or self.profiles:
            request = Request(asked.query, asked.decode) if isinstance(asked, PointFind) else asked
            return await self.read_steps(reads.find_first, name, request)
        began = time.perf_counter()
        try:
            if asked.path == "_id":
                return await self.point(name, asked.value, asked.decode, asked)
            data = await self.lookup(points.first, name, asked)
            if data is UNSET:
                return await self.prepare(await self.read(reads.find_first, name, Request(asked.query, asked.decode)))
            return None if data is None else asked.decode(data)
        finally:
            if (seconds := time.perf_counter() - began) >= self.slow_s:
                self.took(seconds, reads.find_first, (name, asked), wrote=False)

    async def prepare(self, steps: Pauses[R]) -> R:
        """Return the result of `steps`, which need no lock."""
        outcome = Outcome(steps)
        while not outcome.ended:
            next(outcome)
            await self.pause()
        return outcome.result

    async def point(self, name: str, id: Any, decode: Callable[[bytes], R], asked: Point | None = None) -> R | None:
        """Return the document with this ``_id``; that there is none is believed between two writes only."""
        if time.perf_counter() - self.paused_at >= SLICE_S:  # seen here, it costs a point read no coroutine
            await self.pause()
        engine = (await self.database()).engine
        if engine.collated and asked is not None:
            return await self.prepare(await self.read(reads.find_first, name, Request(asked.query, decode)))
        try:
            data = None if engine.expiring else reads.get(engine, name, id)
        except Unloaded:  # loaded in a worker thread
            data = None
        if data is None:
            data = await self.read(reads.get, name, id)
        return None if data is None else decode(data)

    async def write(
        self,
        durability: Durability | None,
        plan: Callable[Concatenate[Engine, P], Change[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Plan, log and apply one write; return its result once it is as durable as asked for."""
        wanted = self.writable(durability)
        await self.pause()
        database = await self.database()
        return await self._timed(database, partial(database.commit, wanted, plan, *args, **kwargs), inline=True)

    async def write_one(
        self, durability: Durability | None, plan: Callable[[Engine, str, A], Change[R]], name: str, asked: A
    ) -> R:
        """Do as `write`, for a write of one document; as `write_bulk`, where that must be searched for."""
        wanted = self.options.durability
        if durability is not None or self.options.read_only:
            wanted = self.writable(durability)
        if time.perf_counter() - self.paused_at >= SLICE_S:  # seen here, it costs no coroutine
            await self.pause()
        database = self._database
        if database is None or self._closed or database.words[BELL] != database.seen or self._loop is not event_loop():
            database = await self.database()
        near = is_near(database.engine, name, asked)
        began = time.perf_counter()
        try:
            if near and not database.engine.expiring:
                try:
                    result, lsn = database.write(wanted, plan, name, asked, wait=False)
                except (CallNeeded, Occupied, Unloaded, WouldWait):
                    pass
                else:
                    if lsn is not None:
                        await self._wait_durable(database, lsn)
                    return result
            given: Any = asked if near or not isinstance(asked, Query) else giving_way(asked)
            return await self._commit(database, partial(database.commit, wanted, plan, name, given), inline=near)
        finally:
            if (seconds := time.perf_counter() - began) >= self.slow_s:
                self.took(seconds, plan, (name, asked), wrote=True)

    async def write_bulk(
        self,
        durability: Durability | None,
        plan: Callable[Concatenate[Engine, str, A, P], Change[R]],
        name: str,
        asked: A,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Do as `write`, in a worker thread where many documents must be looked at to find what is `asked` for."""
        wanted = self.writable(durability)
        await self.pause()
        database = await self.database()
        few = matching.reach(database.engine, name, asked) <= INLINE_DOCUMENTS
        given: Any = asked if few or not isinstance(asked, Query) else giving_way(asked)
        commit = partial(database.commit, wanted, plan, name, given, *args, **kwargs)
        return await self._timed(database, commit, inline=few)

    async def write_all(
        self,
        durability: Durability | None,
        plan: Callable[Concatenate[Engine, str, P], Change[R]],
        name: str,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Do as `write`, in a worker thread where the collection is large: the write looks at all of it."""
        wanted = self.writable(durability)
        database = await self.database()
        few = matching.reach(database.engine, name, None) <= INLINE_DOCUMENTS
        commit = partial(database.commit, wanted, plan, name, *args, **kwargs)
        return await self._timed(database, commit, inline=few)

    async def _timed(self, database: Database, commit: partial[tuple[R, int | None]], *, inline: bool) -> R:
        began = time.perf_counter()
        try:
            return await self._commit(database, commit, inline=inline)
        finally:
            if (seconds := time.perf_counter() - began) >= self.slow_s:
                _, plan, *arguments = commit.args
                self.took(seconds, plan, arguments, wrote=True)

    async def _commit(self, database: Database, commit: Callable[[], tuple[R, int | None]], *, inline: bool) -> R:
        """Return the result of `commit`, in turn, with what it needs besides, which may turn out only then."""
        while True:
            try:
                inline = inline and not (database.engine.expiring and database.is_behind())
                result, lsn = await self._in_turn(database, commit, inline=inline)
                break
            except CallNeeded as needed:
                needed.make()
            except Unloaded as needed:
                await anyio.to_thread.run_sync(database.load, needed)
        if lsn is not None:
            await self._wait_durable(database, lsn)
        return result

    async def write_steps(
        self,
        durability: Durability | None,
        plan: Callable[Concatenate[Engine, P], Steps[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Log and apply the changes that `plan` yields, one after the other; return its result.

        Cancelling it between two of them leaves the first done and the second not.
        """
        wanted = self.writable(durability)
        database = await self.database()
        steps = Outcome(plan(database.engine, *args, **kwargs))
        lsn = None
        began = time.perf_counter()
        try:
            while not steps.ended:
                step = partial(database.step, wanted, steps)
                lsn = await self._in_turn(database, step, inline=not steps.long_next) or lsn
                await self.pause()
        finally:
            if lsn is not None:
                await self._wait_durable(database, lsn)
            if (seconds := time.perf_counter() - began) >= self.slow_s:
                self.took(seconds, plan, args, wrote=True)
        return steps.result

    async def _in_turn(self, database: Database, function: Callable[[], R], *, inline: bool) -> R:
        """Do as `_locked`; while others have the right to write, wait for a turn."""
        try:
            return await self._locked(database, function, inline=inline)
        except Occupied:
            turn = Turn(self, current_task())
        try:
            await self._await_turn(database, turn)
            return await self._locked(database, partial(database.conclude, turn, function), inline=inline)
        finally:
            database.end_turn(turn)

    async def _await_turn(self, database: Database, turn: Turn) -> None:
        """Return once it is this turn. Whatever happens, `Database.end_turn` ends it.

        No worker thread waits: whose turn it is may need one.
        """
        timeout_s, woken = self.options.lock_timeout, anyio.Event()
        turn.wake = partial(call_soon, event_loop(), woken.set)
        if not database.gate.enter(turn):
            database.gate.check_patience(turn, timeout_s)
            with anyio.move_on_after(timeout_s):
                await woken.wait()
        database.gate.check_turn(turn, timeout_s)

    async def _locked(self, database: Database, function: Callable[[], R], *, inline: bool = True) -> R:
        """Return the result of `function`, called while nobody else writes: inline, or on a thread that may wait."""
        if inline:
            with suppress(WouldWait):
                return database.try_exclusively(function)
        return await self._on_worker(partial(database.exclusively, function))

    async def _on_worker(self, function: Callable[[], R]) -> R:
        """Return the result of `function`, called on a worker thread."""
        return await anyio.to_thread.run_sync(function)

    async def _wait_durable(self, database: Database, lsn: int) -> None:
        """Return when frame `lsn` is durable; cancelling ends the wait only."""
        await self._waiters.wait(database, lsn, self.turned)

    def turned(self) -> None:
        """Note that the loop has its turn."""
        self.paused_at = time.perf_counter()

    async def sync(self) -> None:
        """Return when everything that was written before the call is durable."""
        database = await self.database()
        await self._wait_durable(database, await anyio.to_thread.run_sync(database.last_lsn))

    async def maintain(self, method: Callable[Concatenate[Database, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what a method of the database returns that writes its files, called in a worker thread.

        Raises:
            ReadOnlyError: The client may only read.
        """
        self.writable(None)
        return await anyio.to_thread.run_sync(partial(method, await self.database(), *args, **kwargs))

    async def work(
        self, method: Callable[Concatenate[Database, Callable[[], None], P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return what a long piece of work on the database returns, as `in_worker`."""
        database = await self.database()
        return await in_worker(lambda watch: method(database, watch, *args, **kwargs))

    async def call(self, method: Callable[Concatenate[Database, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what a method of the database returns, called in a worker thread."""
        database = await self.database()
        return await anyio.to_thread.run_sync(partial(method, database, *args, **kwargs))

    async def close(self) -> None:
        """Let go of the database, in a worker thread; a cancelled caller does not stop that."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.disconnect)

    async def close_behind(self, error: BaseException | None, close: Callable[[], Awaitable[None]]) -> None:
        """Close a client at the end of a ``with``; if an `error` has ended that, a disk that refuses is its note."""
        try:
            await close()
        except StorageError as refusal:
            if error is None:
                raise
            error.add_note(str(refusal))

    async def pause(self) -> None:
        """Let other tasks run, if this one has run for about a millisecond."""
        now = time.perf_counter()
        if now - self.paused_at >= SLICE_S:
            self.paused_at = now  # whose turn is next need not pause at once
            await anyio.lowlevel.checkpoint()
            self.paused_at = time.perf_counter()


async def in_worker(function: Callable[Concatenate[Callable[[], None], P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what a long piece of work returns, done in a worker thread.

    Cancelling stops it: what it is given to call now and then raises. The cancelled
    task waits until the thread has put everything away. What that says of it stands in notes of the cancellation.
    """
    work = _Work(lambda watch: function(watch, *args, **kwargs))
    try:
        return await anyio.to_thread.run_sync(work.run, abandon_on_cancel=True)
    except BaseException as cancelled:
        work.stopped = True
        if not work.take():
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(work.ended.wait)
        for note in work.notes:
            cancelled.add_note(note)
        raise


class _StoppedError(Exception):
    """The task that wanted the work done was cancelled; nobody hears this."""


class _Work(Generic[R]):
    """A piece of work on a worker thread, which can be told to stop."""

    def __init__(self, function: Callable[[Callable[[], None]], R]) -> None:
        self._function = function
        self.stopped = False
        self.ended = threading.Event()
        self.notes: list[str] = []
        self._taken = threading.Lock()

    def take(self) -> bool:
        """Return whether nobody has taken it before: the thread, to do it, or a task that is cancelled before that."""
        return self._taken.acquire(blocking=False)

    def run(self) -> R:
        """Return what the function returns."""
        if not self.take():
            raise _StoppedError
        try:
            return self._function(self._check)
        except _StoppedError as stop:
            self.notes += getattr(stop, "__notes__", ())
            raise
        finally:
            self.ended.set()

    def _check(self) -> None:
        if self.stopped:
            raise _StoppedError
