"""The blocking backend of what is done within a transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import get_ident
from time import perf_counter
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

from msgspec import UNSET, UnsetType

from nosqlpy._core.engine import reads
from nosqlpy._core.engine.execution import Request
from nosqlpy._core.engine.intake import CallNeeded
from nosqlpy._core.engine.matching import Point
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.engine.transaction import TransactionView
from nosqlpy._core.index.deferred import Unloaded
from nosqlpy._io.database import Database
from nosqlpy._io.gate import Occupied, Turn
from nosqlpy._io.local import LocalBackend, Outcome, Steps
from nosqlpy._io.transacting import CATALOGUE, Session, Unit, backend_of, refusal
from nosqlpy.aliases import Durability
from nosqlpy.errors import ClosedError, TransactionError

A = TypeVar("A")
P = ParamSpec("P")
R = TypeVar("R")


class LocalTransaction(LocalBackend):
    """Runs the reads and writes of one transaction on the calling thread."""

    def __init__(self, outer: LocalBackend, durability: Durability | None) -> None:
        # no database of its own: what the base class would prepare is for one
        self.options, self.slow_s, self.forks = outer.options, outer.slow_s, outer.forks
        self.watch_s = outer.watch_s
        self.profiles = ()
        if outer.profiles:
            self._set_profiles(outer.profiles)
        self.unit = Unit(outer, durability)
        self._outer = outer

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._outer.closed

    @property
    def engine(self) -> Engine | None:
        """The engine, as it is outside of the transaction."""
        return self._outer.engine

    def within(self, session: Session[LocalBackend] | None) -> LocalBackend:
        """Return this; the transaction itself may be given once more.

        Raises:
            TransactionError: `session` is another one.
        """
        if session is not None and backend_of(session, self._outer) is not self:
            raise TransactionError("the collection belongs to another transaction than session= says")
        return self

    # ── the whole of it ──────────────────────────────────────────────────────────

    def begin(self) -> None:
        """Wait for the right to write, and begin.

        Raises:
            TransactionError: The transaction has begun before.
            LockedError: Others kept the right to write for longer than ``lock_timeout``.
            ReadOnlyError: The client may only read.
        """
        unit, outer = self.unit, self._outer
        if unit.durability is not None or self.options.read_only:
            outer.writable(unit.durability)
        database = outer.opened()
        turn = Turn(outer, get_ident())
        unit.expect(database, turn)
        try:
            if not database.gate.take(turn):
                database.gate.await_turn(turn, self.options.lock_timeout)
            database.reserve(turn)
            unit.begin()
        except BaseException:
            unit.release()
            raise

    def commit(self) -> None:
        """Make all that was written visible, in one step, and as durable as asked for.

        Raises:
            TransactionError: The transaction is not in progress.
            StorageError: The disk refuses; nothing was written.
        """
        unit = self.unit
        view = unit.enter()
        try:
            database, durability = unit.database, unit.durability or self.options.durability
            lsn = database.write_last(unit.conclude(), durability, view.commit)
            unit.turn = None  # which has ended
            if lsn is not None:
                database.wait_durable(lsn)
        except Occupied:
            raise ClosedError("the client was closed, and its transaction rolled back") from None
        finally:
            unit.release()
            unit.leave()

    def roll_back(self) -> None:
        """Forget all that was written.

        Raises:
            TransactionError: The transaction is not in progress.
        """
        self.unit.check_in_progress()
        self.unit.release()

    def leave(self, error: BaseException | None) -> None:
        """End the transaction with its block: commit, or roll back where an `error` has left it."""
        unit = self.unit
        try:
            if error is None and not unit.ended:
                self.commit()
        finally:
            if unit.turn is not None:
                unit.release()

    # ── operations ───────────────────────────────────────────────────────────────

    def database(self) -> Database:
        """Return the open database."""
        return self._outer.database()

    def read(self, read: Callable[Concatenate[Engine, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what `read` finds, in what is committed and what the transaction has written."""
        unit = self.unit
        view = unit.enter()
        try:
            while True:
                try:
                    return read(view, *args, **kwargs)
                except Unloaded as needed:
                    unit.database.load(needed)
        finally:
            unit.leave()

    def lookup(self, find: Callable[[Engine, str, A], R | UnsetType], name: str, asked: A) -> R | UnsetType:
        """Return what a short read finds; UNSET where the general form must, since the transaction wrote there."""
        unit = self.unit
        view = unit.enter()
        try:
            return UNSET if self.profiles else view.glance(find, name, asked)
        finally:
            unit.leave()

    def point(self, name: str, id: Any, decode: Callable[[bytes], R], asked: Point | None = None) -> R | None:
        """Return the document with this ``_id``; `asked` for by a filter, if there is more to that."""
        if asked is not None and self.unit.database.engine.collated:
            return self.prepare(self.read(reads.find_first, name, Request(asked.query, decode)))
        data = self.read(reads.get, name, id)
        return None if data is None else decode(data)

    def took(self, seconds: float, function: Callable[..., Any], arguments: Sequence[Any], *, wrote: bool) -> None:
        """Warn of a call that took long."""
        self._outer.took(seconds, function, arguments, wrote=wrote)

    def write(
        self,
        durability: Durability | None,
        plan: Callable[Concatenate[Engine, P], Change[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Plan one write and apply it to what the transaction sees; return its result."""
        unit = self.unit
        if durability is not None or plan in CATALOGUE:
            unit.refuse(durability, plan)
        view = unit.enter()
        began = perf_counter()
        try:
            return self._apply(view, partial(plan, view, *args, **kwargs))
        finally:
            unit.leave()
            if (seconds := perf_counter() - began) >= self.slow_s:
                self.took(seconds, plan, args, wrote=True)

    write_bulk = write
    write_all = write

    def write_one(
        self, durability: Durability | None, plan: Callable[[Engine, str, A], Change[R]], name: str, asked: A
    ) -> R:
        """Do as `write`, for a write of one document."""
        unit = self.unit
        if durability is not None:
            unit.refuse(durability, plan)
        view = unit.enter()
        began = perf_counter()
        try:
            try:
                return view.write_one(plan, name, asked)
            except (CallNeeded, Unloaded):
                pass  # what it needs is seen to outside of this
            return self._apply(view, partial(plan, view, name, asked))
        finally:
            unit.leave()
            if (seconds := perf_counter() - began) >= self.slow_s:
                self.took(seconds, plan, (name, asked), wrote=True)

    def _apply(self, view: TransactionView, plan: Callable[[], Change[R]]) -> R:
        """Plan one write and apply it, with what that needs besides."""
        while True:
            try:
                return view.apply(plan())
            except CallNeeded as needed:
                needed.make()
            except Unloaded as needed:
                self.unit.database.load(needed)

    def write_steps(
        self,
        durability: Durability | None,
        plan: Callable[Concatenate[Engine, P], Steps[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Apply the changes that `plan` yields, one after the other; return its result."""
        unit = self.unit
        if durability is not None or plan in CATALOGUE:
            unit.refuse(durability, plan)
        view = unit.enter()
        began = perf_counter()
        try:
            steps = Outcome(plan(view, *args, **kwargs))
            while not steps.ended:
                change = unit.database.exclusively(next, steps)  # it may have to load something
                if change is not None:
                    view.apply(change)
            return steps.result
        finally:
            unit.leave()
            if (seconds := perf_counter() - began) >= self.slow_s:
                self.took(seconds, plan, args, wrote=True)

    def maintain(self, method: Callable[..., Any], *_arguments: Any, **_options: Any) -> NoReturn:
        """Refuse what writes the files of the database."""
        raise refusal(method)

    work = maintain
    call = maintain
