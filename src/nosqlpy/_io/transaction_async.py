"""The async backend of what is done within a transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from msgspec import UNSET, UnsetType

from nosqlpy._core.engine import matching, reads
from nosqlpy._core.engine.execution import Request
from nosqlpy._core.engine.intake import CallNeeded
from nosqlpy._core.engine.matching import Point
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.engine.transaction import TransactionView
from nosqlpy._core.index.deferred import Unloaded
from nosqlpy._io.committing import WouldWait
from nosqlpy._io.database import Database
from nosqlpy._io.following import INLINE_BYTES
from nosqlpy._io.gate import Occupied, Turn
from nosqlpy._io.local import Outcome, Steps
from nosqlpy._io.local_async import INLINE_DOCUMENTS, SLICE_S, AsyncLocalBackend, current_task, is_near
from nosqlpy._io.loops import SyncWaiters, event_loop
from nosqlpy._io.transacting import CATALOGUE, Session, Unit, backend_of, refusal
from nosqlpy.aliases import Durability
from nosqlpy.errors import ClosedError, TransactionError

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")


class AsyncLocalTransaction(AsyncLocalBackend):
    """Runs the reads and writes of one transaction on the event loop."""

    def __init__(self, outer: AsyncLocalBackend, durability: Durability | None) -> None:
        # no database of its own: what the base class would prepare is for one
        self.options, self.slow_s, self.forks = outer.options, outer.slow_s, outer.forks
        self.watch_s = outer.watch_s
        self.profiles = ()
        if outer.profiles:
            self._set_profiles(outer.profiles)
        self.unit = Unit(outer, durability)
        self._outer = outer
        self._waiters = SyncWaiters()
        self._loop: Any = None

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._outer.closed

    @property
    def engine(self) -> Engine | None:
        """The engine, as it is outside of the transaction."""
        return self._outer.engine

    def within(self, session: Session[AsyncLocalBackend] | None) -> AsyncLocalBackend:
        """Return this; the transaction itself may be given once more.

        Raises:
            TransactionError: `session` is another one.
        """
        if session is not None and backend_of(session, self._outer) is not self:
            raise TransactionError("the collection belongs to another transaction than session= says")
        return self

    # ── the whole of it ──────────────────────────────────────────────────────────

    async def begin(self) -> None:
        """Wait for the right to write, and begin.

        Raises:
            TransactionError: The transaction has begun before.
            LockedError: Others kept the right to write for longer than ``lock_timeout``.
            ReadOnlyError: The client may only read.
        """
        unit, outer = self.unit, self._outer
        unit.check_new()
        unit.durability = outer.writable(unit.durability)
        database = await outer.database()
        self._loop = event_loop()
        turn = Turn(outer, current_task())
        unit.expect(database, turn)
        try:
            if not database.gate.take(turn):
                await self._await_turn(database, turn)
            try:
                database.reserve(turn, wait=False)
            except WouldWait:
                await self._on_worker(partial(database.reserve, turn))
            unit.begin()
        except BaseException:
            unit.release()
            raise

    async def commit(self) -> None:
        """Make all that was written visible, in one step, and as durable as asked for.

        Raises:
            TransactionError: The transaction is not in progress.
            StorageError: The disk refuses; nothing was written.
        """
        unit = self.unit
        view = unit.enter()
        try:
            database, small = unit.database, view.size <= INLINE_BYTES
            turn, durability = unit.conclude(), unit.durability or self.options.durability
            write = partial(database.write_last, turn, durability, view.commit)
            try:
                lsn = write(wait=False) if small else await self._on_worker(write)
            except WouldWait:
                lsn = await self._on_worker(write)
            if lsn is not None:
                await self._wait_durable(database, lsn)
        except Occupied:
            raise ClosedError("the client was closed, and its transaction rolled back") from None
        finally:
            unit.release()
            unit.leave()

    async def roll_back(self) -> None:
        """Forget all that was written.

        Raises:
            TransactionError: The transaction is not in progress.
        """
        self.unit.check_in_progress()
        self.unit.release()

    async def leave(self, error: BaseException | None) -> None:
        """End the transaction with its block: commit, or roll back where an `error` has left it."""
        try:
            if error is None and not self.unit.ended:
                await self.commit()
        finally:
            self.unit.release()

    # ── operations ───────────────────────────────────────────────────────────────

    async def _enter(self) -> TransactionView:
        await self._outer.pause()
        await self._outer.database()  # the event loop must be the client's
        return self.unit.enter()

    async def pause(self) -> None:
        """Let other tasks run, if those of this client have run for about a millisecond."""
        await self._outer.pause()

    async def database(self) -> Database:
        """Return the open database."""
        return await self._outer.database()

    async def _on_worker(self, function: Callable[[], R]) -> R:
        """Return the result of `function`, called on a worker thread.

        Whoever does not wait for the end leaves a view that another thread still works on.
        """
        try:
            return await anyio.to_thread.run_sync(function)
        except Exception:
            raise
        except BaseException:
            self.unit.spoil()
            raise

    async def read(self, read: Callable[Concatenate[Engine, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what `read` finds, in what is committed and what the transaction has written."""
        unit, view = self.unit, await self._enter()
        try:
            while True:
                try:
                    return read(view, *args, **kwargs)
                except Unloaded as needed:
                    await self._on_worker(partial(unit.database.load, needed))
        finally:
            unit.leave()

    async def lookup(self, find: Callable[[Engine, str, A], R | UnsetType], name: str, asked: A) -> R | UnsetType:
        """Return what a short read finds; UNSET where the general form must, since the transaction wrote there."""
        unit, view = self.unit, await self._enter()
        try:
            return UNSET if self.profiles else view.glance(find, name, asked)
        finally:
            unit.leave()

    async def point(self, name: str, id: Any, decode: Callable[[bytes], R], asked: Point | None = None) -> R | None:
        """Return the document with this ``_id``; `asked` for by a filter, if there is more to that."""
        if asked is not None and self.unit.database.engine.collated:
            return await self.prepare(await self.read(reads.find_first, name, Request(asked.query, decode)))
        data = await self.read(reads.get, name, id)
        return None if data is None else decode(data)

    def took(self, seconds: float, function: Callable[..., Any], arguments: Sequence[Any], *, wrote: bool) -> None:
        """Warn of a call that took long."""
        self._outer.took(seconds, function, arguments, wrote=wrote)

    async def write(
        self,
        durability: Durability | None,
        plan: Callable[Concatenate[Engine, P], Change[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Plan one write and apply it to what the transaction sees; return its result."""
        if durability is not None or plan in CATALOGUE:
            self.unit.refuse(durability, plan)
        view = await self._enter()
        return await self._apply(view, partial(plan, view, *args, **kwargs), inline=True)

    async def write_one(
        self, durability: Durability | None, plan: Callable[[Engine, str, A], Change[R]], name: str, asked: A
    ) -> R:
        """Do as `write`, for a write of one document; as `write_bulk`, where that must be searched for."""
        unit, outer = self.unit, self._outer
        if durability is not None:
            unit.refuse(durability, plan)
        if time.perf_counter() - outer.paused_at >= SLICE_S:  # seen here, it costs no coroutine
            await outer.pause()
        if self._loop is not event_loop():
            await outer.database()  # it says what is wrong
        view = unit.enter()
        began = time.perf_counter()
        try:
            near = is_near(view, name, asked)
            if near:
                try:
                    return view.write_one(plan, name, asked)
                except (CallNeeded, Unloaded):
                    pass  # what it needs is seen to outside of this
            return await self._applied(view, partial(plan, view, name, asked), inline=near)
        finally:
            unit.leave()
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
        if durability is not None or plan in CATALOGUE:
            self.unit.refuse(durability, plan)
        view = await self._enter()
        few = matching.reach(view, name, asked) <= INLINE_DOCUMENTS
        return await self._apply(view, partial(plan, view, name, asked, *args, **kwargs), inline=few)

    async def write_all(
        self,
        durability: Durability | None,
        plan: Callable[Concatenate[Engine, str, P], Change[R]],
        name: str,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Do as `write`: the writes that look at all of a collection are the catalogue's, and refused."""
        return await self.write(durability, plan, name, *args, **kwargs)

    async def _apply(self, view: TransactionView, plan: partial[Change[R]], *, inline: bool) -> R:
        """Plan a write and apply it; leave the operation that was entered."""
        began = time.perf_counter()
        try:
            return await self._applied(view, plan, inline=inline)
        finally:
            self.unit.leave()
            if (seconds := time.perf_counter() - began) >= self.slow_s:
                self.took(seconds, plan.func, plan.args[1:], wrote=True)

    async def _applied(self, view: TransactionView, plan: Callable[[], Change[R]], *, inline: bool) -> R:
        """Plan a write and apply it, with what that needs besides."""
        while True:
            try:
                return view.apply(plan() if inline else await self._on_worker(plan))
            except CallNeeded as needed:
                needed.make()
            except Unloaded as needed:
                await self._on_worker(partial(self.unit.database.load, needed))

    async def write_steps(
        self,
        durability: Durability | None,
        plan: Callable[Concatenate[Engine, P], Steps[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Apply the changes that `plan` yields, one after the other; return its result.

        Cancelling it between two of them leaves the first done and the second not.
        """
        unit = self.unit
        if durability is not None or plan in CATALOGUE:
            unit.refuse(durability, plan)
        view = await self._enter()
        began = time.perf_counter()
        try:
            steps = Outcome(plan(view, *args, **kwargs))
            while not steps.ended:
                change = await self._locked(unit.database, partial(next, steps), inline=not steps.long_next)
                if change is not None:
                    view.apply(change)
                await self.pause()
            return steps.result
        finally:
            unit.leave()
            if (seconds := time.perf_counter() - began) >= self.slow_s:
                self.took(seconds, plan, args, wrote=True)

    async def maintain(self, method: Callable[..., Any], *_arguments: Any, **_options: Any) -> NoReturn:
        """Refuse what writes the files of the database."""
        raise refusal(method)

    work = maintain
    call = maintain
