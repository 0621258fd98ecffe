"""The blocking backend: runs the engine in this process, on the calling thread."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Generator, Sequence
from functools import partial
from math import inf
from time import perf_counter
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from nosqlpy._core.engine import points, reads
from nosqlpy._core.engine.execution import Execution, Query, Request
from nosqlpy._core.engine.intake import CallNeeded
from nosqlpy._core.engine.matching import Point
from nosqlpy._core.engine.points import PointFind
from nosqlpy._core.engine.shared import BELL
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.index.deferred import Unloaded
from nosqlpy._io import registry
from nosqlpy._io.database import Database
from nosqlpy._io.gate import Occupied
from nosqlpy._io.options import Options, check_durability
from nosqlpy._io.profiling import METHODS, Profile, record, wrapped
from nosqlpy._io.timing import call_of, call_of_find, warn
from nosqlpy._io.transacting import Session, backend_of
from nosqlpy.aliases import Document, Durability
from nosqlpy.errors import ClosedError, ReadOnlyError, StorageError

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")

Steps = Generator[Change[Any] | None, None, R]
Pauses = Generator[None, None, R]


# all that are not garbage yet, for what a forked process must do
_backends: weakref.WeakSet[Backend] = weakref.WeakSet()


class Backend:
    """What both backends are: a database that is opened by its first use, and let go of once.

    A client that is garbage-collected, or still open when the process ends, lets go by itself.
    """

    _release_collected = staticmethod(registry.release_collected)

    def __init__(self, options: Options) -> None:
        self.options = options
        # seconds that a call may take without a word in the log
        self.slow_s: float = inf if options.slow_ms is None else options.slow_ms / 1000
        # likewise, and without one in a profile, of which there are these
        self.watch_s: float = self.slow_s
        self.profiles: tuple[Profile, ...] = ()
        self._database: Database | None = None
        self._closed = False
        self._opening = threading.RLock()
        self._finalizer: weakref.finalize[..., Any] | None = None
        # how often this process and its ancestors have forked since the client was made
        self.forks: int = 0
        _backends.add(self)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def recovery(self) -> Document | None:
        """What opening the database found, or None before it is open."""
        return None if self._database is None else msgspec.structs.asdict(self._database.report)

    def connect(self) -> Database:
        """Return the open database; the first call opens it. The lock and the files are waited for.

        Raises:
            ClosedError: The client was closed, or this process was forked from one whose database is in memory.
            StorageError: The database cannot be opened.
            InvalidOperation: A signal handler uses it while its thread is opening or closing it.
        """
        if self._closed:
            raise ClosedError("the client is closed; make a new one")
        with self._opening:
            if self._database is None:
                database = registry.acquire(self.options)
                if self._database is not None:  # a signal handler of this thread was faster
                    self._let_go()
                self._finalizer = weakref.finalize(self, self._release_collected, database)
                self._finalizer.atexit = False  # the registry closes what is open then
                self._database = database
            if self._closed:  # meanwhile, while this waited for the directory
                self._let_go()
                raise ClosedError("the client was closed while it was being opened")
            self._database.engine.check_usable()
            return self._database

    def disconnect(self) -> None:
        """Let go of the database; the last client to do so closes it. Doing it again does nothing.

        Raises:
            InvalidOperation: A signal handler does so while its thread is in the middle of a write. Nothing is done.
        """
        if self._database is not None:
            self._database.check_outside()
        self._closed = True
        self._let_go()

    def _let_go(self) -> None:
        if self._database is not None:
            self._database.end_turn_of(self)  # its transaction, if one is open, is rolled back
        if self._finalizer is not None and self._finalizer.detach() and self._database is not None:
            registry.release(self._database)

    @property
    def engine(self) -> Engine | None:
        """The engine, once the database is open."""
        return None if self._database is None else self._database.engine

    def took(self, seconds: float, function: Callable[..., Any], arguments: Sequence[Any], *, wrote: bool) -> None:
        """Warn of a call that took long."""
        warn(call_of(self.engine, function.__name__, arguments), seconds, counted=not wrote)

    def found(
        self,
        action: str,
        name: str,
        query: Query,
        execution: Any,
        seconds: float,
        returned: int,
        failure: type[Exception] | None,
    ) -> None:
        """Warn of the `execution` of a find, or an aggregation, that took long, and have the profiles record it."""
        if seconds >= self.slow_s:
            warn(call_of_find(action, name, query, execution.plan, execution.plan.candidates), seconds, counted=True)
        if self.profiles:
            call = call_of_find(action, name, query, execution.plan, execution.examined, self.engine)
            decoded = returned if isinstance(execution, Execution) else None
            record(self.profiles, call, seconds, returned, decoded, error=failure)

    def record_for(self, profile: Profile) -> None:
        """Have all calls recorded by one more profile."""
        with self._opening:
            self._set_profiles((*self.profiles, profile))

    def end_recording_for(self, profile: Profile) -> None:
        """Have no calls recorded by this profile any more."""
        with self._opening:
            self._set_profiles(tuple(one for one in self.profiles if one is not profile))

    def _set_profiles(self, profiles: tuple[Profile, ...]) -> None:
        self.profiles = profiles
        self.watch_s = min(self.slow_s, *(profile.slow_s for profile in profiles), inf)
        for method in METHODS:  # a client that has no profile runs no code for one
            if profiles:
                setattr(self, method, wrapped(self, method))
            else:
                vars(self).pop(method, None)

    def glance(
        self, database: Database, find: Callable[[Engine, str, A], R | UnsetType], name: str, asked: A
    ) -> R | UnsetType:
        """Return what a short read finds between two writes; UNSET where it must wait, or what expires be hidden.

        So it is, too, where it is not known why the read has failed; the general form tells.
        """
        engine = database.engine
        begun = engine.begun
        if begun != engine.applied or engine.expiring or self.profiles:
            return UNSET
        try:
            found = find(engine, name, asked)
        except Exception:  # noqa: BLE001 - an index is to be loaded, or a writer on another thread came between
            return UNSET
        return found if engine.begun == begun else UNSET

    def forked(self) -> None:
        """In a forked process: open the database anew when it is used next. What is open is the parent's."""
        self.forks += 1
        self._set_profiles(())  # the parent's: another thread of it may have been writing to one
        self._opening = threading.RLock()
        if self.options.directory is not None:
            if self._finalizer is not None:
                self._finalizer.detach()
            self._database = self._finalizer = None

    def writable(self, durability: Durability | None) -> Durability:
        """Return the durability of one write.

        Raises:
            ReadOnlyError: The client may only read.
            ConfigurationError: There is no such durability.
        """
        if self.options.read_only:
            raise ReadOnlyError("the client was opened with read_only=True")
        if durability is None:
            return self.options.durability
        check_durability(durability)
        return durability


class LocalBackend(Backend):
    """Runs reads, writes and procedures; each returns when it is done."""

    _release_collected = staticmethod(registry.release_forgotten)

    def within(self, session: Session[LocalBackend] | None) -> LocalBackend:
        """Return the backend of what is done within a transaction; without one, this.

        Raises:
            TransactionError: `session` is no transaction of this client.
        """
        return self if session is None else backend_of(session, self)

    def database(self) -> Database:
        """Return the open database, opening it if need be, with all that other processes have written."""
        database = self._database
        if database is None or self._closed or database.words[BELL] != database.seen:
            database = self.opened()
            database.follow()
        return database

    def opened(self) -> Database:
        """Return the open database, opening it if need be."""
        database = self._database
        return self.connect() if database is None or database.closed or self._closed else database

    def read(self, read: Callable[Concatenate[Engine, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what `read` finds, in a state between two writes."""
        return self.database().view_unexpired(read, *args, **kwargs)

    def point(self, name: str, id: Any, decode: Callable[[bytes], R], asked: Point | None = None) -> R | None:
        """Return the document with this ``_id``; that there is none is believed between two writes only."""
        database = self.database()
        if database.engine.collated and asked is not None:
            return self.prepare(self.read(reads.find_first, name, Request(asked.query, decode)))
        if database.engine.expiring:
            data = self.read(reads.get, name, id)
            return None if data is None else decode(data)
        try:
            data = reads.get(database.engine, name, id)
        except Unloaded:  # the view loads it
            data = None
        if data is None:
            data = database.view(reads.get, name, id)
        return None if data is None else decode(data)

    def lookup(self, find: Callable[[Engine, str, A], R | UnsetType], name: str, asked: A) -> R | UnsetType:
        """Return what a short read finds; UNSET where the general form must find it."""
        database = self._database
        if database is None or self._closed or database.words[BELL] != database.seen:
            database = self.database()
        return self.glance(database, find, name, asked)

    def read_steps(self, read: Callable[Concatenate[Engine, P], Pauses[R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result of a read that takes its documents at once and then goes through them."""
        began = perf_counter()
        try:
            return self.prepare(self.read(read, *args, **kwargs))
        finally:
            if (seconds := perf_counter() - began) >= self.slow_s:
                self.took(seconds, read, args, wrote=False)

    def find_first(self, name: str, asked: PointFind[R] | Request[R]) -> R | None:
        """Return the first document of a find, or None."""
        if type(asked) is not PointFind or self.profiles:
            request = Request(asked.query, asked.decode) if isinstance(asked, PointFind) else asked
            return self.read_steps(reads.find_first, name, request)
        began = perf_counter()
        try:
            if asked.path == "_id":
                return self.point(name, asked.value, asked.decode, asked)
            data = self.lookup(points.first, name, asked)
            if data is UNSET:
                return self.prepare(self.read(reads.find_first, name, Request(asked.query, asked.decode)))
            return None if data is None else asked.decode(data)
        finally:
            if (seconds := perf_counter() - began) >= self.slow_s:
                self.took(seconds, reads.find_first, (name, asked), wrote=False)

    def prepare(self, steps: Pauses[R]) -> R:
        """Return the result of `steps`, which need no lock."""
        try:
            while True:
                next(steps)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    def write(
        self,
        durability: Durability | None,
        plan: Callable[Concatenate[Engine, P], Change[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Plan, log and apply one write; return its result once it is as durable as asked for."""
        wanted = self.writable(durability)
        database = self.opened()
        began = perf_counter()
        try:
            return self._commit(database, partial(database.commit, wanted, plan, *args, **kwargs))
        finally:
            if (seconds := perf_counter() - began) >= self.slow_s:
                self.took(seconds, plan, args, wrote=True)

    write_bulk = write
    write_all = write

    def write_one(
        self, durability: Durability | None, plan: Callable[[Engine, str, A], Change[R]], name: str, asked: A
    ) -> R:
        """Do as `write`, for a write of one document: what a call of a function costs is much beside that."""
        wanted = self.options.durability
        if durability is not None or self.options.read_only:
            wanted = self.writable(durability)
        database = self._database
        if database is None or database.closed or self._closed:
            database = self.connect()
        began = perf_counter()
        try:
            try:
                result, lsn = database.write(wanted, plan, name, asked)
            except (CallNeeded, Occupied, Unloaded):
                pass  # what it needs, and whom it waits for, is seen to by others, outside of this
            else:
                if lsn is not None:
                    database.wait_durable(lsn)
                return result
            return self._commit(database, partial(database.commit, wanted, plan, name, asked))
        finally:
            if (seconds := perf_counter() - began) >= self.slow_s:
                self.took(seconds, plan, (name, asked), wrote=True)

    def _commit(self, database: Database, commit: Callable[[], tuple[R, int | None]]) -> R:
        """Return the result of `commit`, in turn, with what it needs besides, which may turn out only then."""
        while True:
            try:
                result, lsn = database.in_turn(commit, self.options.lock_timeout)
                break
            except CallNeeded as needed:
                needed.make()
            except Unloaded as needed:
                database.load(needed)
        if lsn is not None:
            database.wait_durable(lsn)
        return result

    def write_steps(
        self,
        durability: Durability | None,
        plan: Callable[Concatenate[Engine, P], Steps[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Log and apply the changes that `plan` yields, one after the other; return its result."""
        wanted, timeout_s = self.writable(durability), self.options.lock_timeout
        database = self.opened()
        steps = Outcome(plan(database.engine, *args, **kwargs))
        lsn = None
        began = perf_counter()
        try:
            while not steps.ended:
                lsn = database.in_turn(partial(database.step, wanted, steps), timeout_s) or lsn
        finally:
            if lsn is not None:
                database.wait_durable(lsn)
            if (seconds := perf_counter() - began) >= self.slow_s:
                self.took(seconds, plan, args, wrote=True)
        return steps.result

    def maintain(self, method: Callable[Concatenate[Database, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what a method of the database returns that writes its files.

        Raises:
            ReadOnlyError: The client may only read.
        """
        self.writable(None)
        return method(self.database(), *args, **kwargs)

    def work(
        self, method: Callable[Concatenate[Database, Callable[[], None], P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return what a long piece of work on the database returns; now and then it calls what it is given."""
        database = self.database()
        return in_place(lambda watch: method(database, watch, *args, **kwargs))

    def call(self, method: Callable[Concatenate[Database, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what a method of the database returns."""
        return method(self.database(), *args, **kwargs)

    def close_behind(self, error: BaseException | None, close: Callable[[], None]) -> None:
        """Close a client at the end of a ``with``; if an `error` has ended that, a disk that refuses is its note."""
        try:
            close()
        except StorageError as refusal:
            if error is None:
                raise
            error.add_note(str(refusal))


def in_place(function: Callable[Concatenate[Callable[[], None], P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what a long piece of work returns; now and then it calls what it is given, which does nothing here."""
    return function(_go_on, *args, **kwargs)


def _forked() -> None:
    for backend in list(_backends):
        backend.forked()


if hasattr(os, "register_at_fork"):  # after the registry's
    os.register_at_fork(after_in_child=_forked)


def _go_on() -> None:
    """Stop nothing: whoever works here is not cancelled."""


class Outcome(Generic[R]):
    """Iterates over steps and keeps their result: StopIteration cannot leave a coroutine or a worker thread.

    After a step that is None the next one is long.
    """

    def __init__(self, steps: Generator[Any, None, R]) -> None:
        self._steps = steps
        self.ended = False
        self.long_next = False
        self.result: R

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        try:
            step = next(self._steps)
        except StopIteration as stop:
            self.ended = True
            self.result = stop.value
            return None
        self.long_next = step is None
        return step
