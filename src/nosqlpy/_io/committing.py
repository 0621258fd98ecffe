"""How an open database commits: the lock of writers, append, apply, ring; and what happens when one of them fails."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from threading import get_ident
from typing import Any, Concatenate, ParamSpec, TypeVar

from nosqlpy._core.engine import following, shared
from nosqlpy._core.engine.effects import DoubtfulError, Procedure
from nosqlpy._core.engine.expiry import Expiry, Known, removal
from nosqlpy._core.engine.publish import InDoubtError, mark, rotate
from nosqlpy._core.engine.shared import BELL, END
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.index.deferred import loading
from nosqlpy._io.appender import Appender
from nosqlpy._io.driver import storage_error
from nosqlpy._io.following import AT_ONCE
from nosqlpy._io.gate import Gate, Occupied, Turn
from nosqlpy._io.marking import Marking
from nosqlpy._io.options import Options
from nosqlpy._io.storage.port import Storage
from nosqlpy._io.syncer import Syncer
from nosqlpy.aliases import Durability
from nosqlpy.errors import StorageError

A = TypeVar("A")
P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("nosqlpy.storage")
validation_log = logging.getLogger("nosqlpy.validation")


def clock() -> datetime:
    """Return the time by which documents expire."""
    return datetime.now(UTC)


class WouldWait(Exception):
    """Another thread or process is writing, or so much was written that taking it in takes long."""


def giver(lock: Any) -> AbstractContextManager[Any]:
    """Return what gives `lock` back at the end of a ``with`` statement, and does not take it at the beginning.

    As with a lock itself there is no function of Python's, where Ctrl-C could come in between.
    """
    verbs = {"__slots__": (), "__enter__": staticmethod(tuple), "__exit__": staticmethod(lock.__exit__)}
    return type("Giver", (), verbs)()  # type: ignore[no-any-return]


class Committing(Marking):
    """Orders plans, appends and applies. It holds no rule about documents.

    The lock of writers, which all processes share, is held around a commit, and longer only
    while ``fast`` has frames in the buffer that no other process can see, while an
    interrupted write is neither done nor undone, or during the turn of a transaction.
    """

    __slots__ = (
        "_admitted",
        "_appender",
        "_giver",
        "_pending",
        "_reserved",
        "_segment_size",
        "_syncer",
        "gate",
        "warned",
    )

    _syncer: Syncer
    seen: int

    def __init__(self, storage: Storage, options: Options) -> None:
        super().__init__(storage, options)
        self._segment_size = options.segment_size
        self._appender = Appender(storage, self._sync_file)
        self._known: Known = {}
        self._pending: Change[Any] | None = None
        self.gate: Gate = Gate()
        # gives the lock back that one took who may not wait for it
        self._giver = giver(self.lock)
        # whose turn the write that is being made belongs to, and who keeps the lock of writers until his turn ends
        self._admitted: Turn | None = None
        self._reserved: Turn | None = None
        self.warned: deque[str] = deque()

    # ── the locks ────────────────────────────────────────────────────────────────

    def exclusively(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result of `function`, called while no other thread or process writes; all they wrote is known.

        Raises:
            LockedError: Another process kept the lock for longer than ``lock_timeout``.
            InvalidOperation: This thread is in here already, and was interrupted by what calls now.
        """
        thread = get_ident()
        if thread in self._inside:
            raise self._entangled()
        try:
            self._inside.add(thread)
            with self.lock:
                try:
                    if self._shares:
                        self._take()
                    result = function(*args, **kwargs)
                finally:
                    if self._shares:
                        self._give()
        finally:
            self._inside.discard(thread)
        if self.warned:
            self._log_warnings()
        return result

    def taken_at_once(self) -> AbstractContextManager[Any]:
        """Take the lock, if that needs no waiting, and return what gives it back at the end of a ``with`` statement.

        Raises:
            WouldWait: Somebody has it.
        """
        (taken,) = map(self.lock.acquire, AT_ONCE)
        if not taken:
            raise WouldWait
        return self._giver

    def try_exclusively(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do as `exclusively`, for one who may not wait.

        Raises:
            WouldWait: `function` was not called; do it on a thread that may wait.
        """
        thread = get_ident()
        if thread in self._inside:
            raise self._entangled()
        self.taken_at_once()
        try:
            self._inside.add(thread)
            if self._shares:
                self._take(wait=False)
            result = function(*args, **kwargs)
        finally:
            try:
                if self._shares:
                    self._give()
            finally:
                try:
                    self._inside.discard(thread)
                finally:
                    self.lock.release()
        if self.warned:
            self._log_warnings()
        return result

    def _log_warnings(self) -> None:
        """Log what writes were to warn of, without the lock, which a handler of the log may need."""
        while self.warned:
            with contextlib.suppress(IndexError):  # another thread may report at the same moment
                validation_log.warning("%s", self.warned.popleft())

    def _take(self, *, wait: bool = True) -> None:
        """Take the lock of writers, and take in what they have written."""
        if self._holds or self.engine.failed:
            return
        if not self.storage.try_lock():
            if not wait:
                raise WouldWait
            self.storage.lock(shared=False, timeout_s=self.options.lock_timeout)
        tail = self.engine.tail
        if self.words[END] != tail.place + tail.end.size:
            self._catch_up_near(wait=wait)

    def _catch_up_near(self, *, wait: bool) -> None:
        """Take in what others have written, unless the caller may not `wait` and it is much."""
        if not wait and not self._is_near():
            raise WouldWait
        self._catch_up()

    def _give(self) -> None:
        """Give the lock of writers back, as soon as others may see all that was written."""
        if self._pending is None and self._reserved is None and not self._appender.buffer:  # nearly always
            self._holds = False
            self.storage.unlock()
            return
        try:
            if self._pending is not None and not self.engine.failed:
                self._settle()
        finally:
            interrupted = self._pending is not None and not self.engine.failed
            reserved = self._reserved is not None and self._reserved is self.gate.owner
            self._holds = interrupted or reserved or self._appender.buffered > 0
            if not self._holds:
                self.storage.unlock()

    # ── writing ──────────────────────────────────────────────────────────────────

    def commit(
        self,
        durability: Durability,
        plan: Callable[Concatenate[Engine, P], Change[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> tuple[R, int | None]:
        """Plan, append and apply one write; return its result and, where it must still be synced, its LSN.

        To be called by `exclusively`, as all that follows.

        Raises:
            Occupied: It is somebody else's turn.
        """
        if self.gate.owner is not self._admitted:
            raise Occupied
        if self.engine.expiring or self._pending is not None:
            self._settle()
            self._expire_first(durability, args)
        change = plan(self.engine, *args, **kwargs)
        return change.result, self.log(durability, change)

    def _expire_first(self, durability: Durability, asked: Sequence[object]) -> None:
        """Remove what has expired in the collection that a write names first, if it names one."""
        if self.engine.expiring and asked and isinstance(asked[0], str):
            named = self.engine.collections.get(asked[0])
            self._remove_expired(durability, self.engine.expiring & {0 if named is None else named.number})

    def write(
        self,
        durability: Durability,
        plan: Callable[[Engine, str, A], Change[R]],
        name: str,
        asked: A,
        wait: bool = True,
    ) -> tuple[R, int | None]:
        """Do as `exclusively` with `commit`, in one function: a call of a function is dear beside a write.

        Raises:
            LockedError: Another process kept the lock for longer than ``lock_timeout``.
            InvalidOperation: This thread is in here already, and was interrupted by what calls now.
            Occupied: It is somebody else's turn.
            WouldWait: As `try_exclusively`, where the caller may not `wait`.
        """
        thread, inside, storage = get_ident(), self._inside, self.storage
        if thread in inside:
            raise self._entangled()
        try:
            inside.add(thread)
            with self.lock if wait else self.taken_at_once():
                engine, shares = self.engine, self._shares
                try:
                    if shares:
                        tail = engine.tail
                        # as `_take`, without a call
                        if self._holds or engine.failed or not storage.try_lock():
                            self._take(wait=wait)
                        elif self.words[END] != tail.place + tail.end.size:
                            self._catch_up_near(wait=wait)
                    if self.gate.owner is not self._admitted:
                        raise Occupied
                    if engine.expiring or self._pending is not None:
                        self._settle()
                        self._expire_first(durability, (name,))
                    change = plan(engine, name, asked)
                    lsn = self.log(durability, change)
                finally:
                    if shares:
                        if self._pending is None and self._reserved is None and not self._appender.buffer:
                            self._holds = False  # as `_give`, without a call
                            storage.unlock()
                        else:
                            self._give()
        finally:
            inside.discard(thread)
        if self.warned:
            self._log_warnings()
        return change.result, lsn

    def step(self, durability: Durability, steps: Iterator[Change[Any] | None]) -> int | None:
        """Log and apply the next change of a write in several steps; return as `log`.

        Raises:
            Occupied: It is somebody else's turn.
        """
        if self.gate.owner is not self._admitted:
            raise Occupied
        self._settle()
        refusal = None
        if self.engine.expiring:
            try:
                loading(lambda: self._remove_expired(durability, self.engine.expiring))
            except StorageError as error:
                refusal = error
        change = next(steps, None)
        if change is None:
            return None  # all is written: what has expired may go another time
        if refusal is not None:
            raise refusal
        return self.log(durability, change)

    def expiry(self) -> Expiry:
        """Return this moment, which documents are held against."""
        return Expiry(clock(), self._known)

    def _remove_expired(self, durability: Durability, numbers: Iterable[int], most: int | None = None) -> int:
        """Remove what has expired in some collections, as a write of its own; return how many documents that were."""
        change = removal(self.engine, self.expiry(), numbers, most)
        self.log(durability, change)
        return change.result

    def log(self, durability: Durability, change: Change[Any]) -> int | None:
        """Append and apply one planned change; return its LSN if it must still be synced."""
        data = change.data
        if not data:
            return None
        engine, appender, end, words = self.engine, self._appender, change.end, self.words
        if engine.manifest.clean_size is not None:
            self._mark_open()
        buffered = durability == "fast"
        words[END] = 0
        self._pending = change
        try:
            if buffered or appender.buffer:
                appender.append(engine.tail.name, change.start.size, data, buffered=buffered)
            else:
                self.storage.append(engine.tail.name, data)
        except OSError as error:
            self._pending = None
            self._roll_back(change.start.size, error)
        engine.apply(change)
        lsn = self._group.appended = end.lsn  # as `_logged`, without a call
        if buffered or self._syncer.sync_at is None:
            self._syncer.appended(buffered=buffered)
        if not appender.buffer:  # as `_announce`
            self.seen = words[BELL] = lsn
            words[END] = engine.tail.place + end.size
        self._pending = None
        if change.warnings:
            self.warned += change.warnings
        if end.size >= self._segment_size:
            self._rotate()
        memory = engine.memory
        if memory.limit is not None and memory.resident > memory.limit:
            self._look_at_manifest()
            self._evict_due(self._appender.buffered)
        return lsn if durability == "durable" else None

    def _logged(self, lsn: int, *, buffered: bool) -> None:
        """Note what must be synced, tell other processes, and only then note that the write is complete."""
        self._group.appended = lsn
        if buffered or self._syncer.sync_at is None:  # nearly never
            self._syncer.appended(buffered=buffered)
        if not self._appender.buffer:
            self._announce()
        self._pending = None

    def _announce(self) -> None:
        """Ring for what was appended: as `_ring`, where the manifest is as before."""
        words, tail = self.words, self.engine.tail
        end = tail.end
        self.seen = end.lsn
        words[BELL] = end.lsn
        words[END] = tail.place + end.size

    def _roll_back(self, start: int, error: OSError) -> None:
        """Undo a refused append; raise what the caller is told."""
        with self._disk_sync:
            try:
                self._appender.roll_back(self.engine.tail.name, start)
            except OSError as second:
                self._fail(second)
            else:
                if not self._appender.buffered:
                    self._announce()
        raise storage_error(error, "the write was refused") from error

    def _settle(self) -> None:
        """Finish or undo a write that an exception interrupted between its append and its end."""
        change = self._pending
        if change is None:
            return
        with self._disk_sync:
            try:
                appended = self._appender.settle(self.engine.tail.name, change.start.size, change.end.size)
            except DoubtfulError:
                appended = False  # it is cut off, and that becomes durable when the log is written anew
            except OSError as error:
                self._fail(error)
                raise storage_error(error, "an interrupted write cannot be undone") from error
        if appended:
            self.engine.apply(change)
            self._logged(change.end.lsn, buffered=True)
        else:
            self.engine.begun = self.engine.applied
            if not self._appender.buffered:
                self._announce()
            self._pending = None

    def _mark_open(self) -> None:
        """Before the first append: from now on the manifest cannot say where the log ends."""
        if self.engine.manifest.clean_size is not None:
            self._run("the database cannot be written", mark(self.engine, clean=False), settled=True)

    def _rotate(self) -> None:
        """Start another segment. A disk that has no room for it leaves the old one in use: the write is done."""
        try:
            self._flush_locked()
            self._run("a new segment cannot be made", rotate(self.engine))
        except StorageError as error:
            log.warning("%s", error)
            self._segment_size *= 2

    def _flush_locked(self) -> None:
        """Hand what ``fast`` has buffered to the system, and tell other processes."""
        if not self._appender.buffered:
            return
        end = self.engine.tail.end.size
        try:
            self._appender.flush(self.engine.tail.name, end)
        except OSError as error:
            self._roll_back(end, error)
        self._announce()

    def _run(self, doing: str, procedure: Procedure[R], *, settled: bool = False) -> R:
        """Carry out a procedure that changes which files make up the database, from what they are now.

        Unless all of the log is `settled`, since the database was closed, its end is put beyond doubt before that.
        """
        with self._disk_sync:  # also while a failure is noted: nobody may sync before that
            if self._group.failure is not None:
                self.engine.check_writable()
            tail = self.engine.tail
            self.words[END] = 0
            told = False
            try:
                if self._shares:
                    self._drive(following.refresh(self.engine))
                    if not settled:
                        self._put_beyond_doubt()
                result = self._drive(procedure, self._sync_file)
                self._ring()
                told = True
            except InDoubtError as error:
                self._fail(error)
                told = True
                raise
            except (OSError, StorageError) as error:
                self._ring()
                told = True
                if isinstance(error, OSError):
                    raise storage_error(error, doing) from error
                raise
            finally:
                if not told:
                    self._put_right(sys.exc_info()[1])
            if self.engine.tail is not tail:
                self._group.done(self.engine.tail.end.lsn)  # what was sealed was synced
                fresh = self.engine.tail
                shared.write_watermark(self.words, self.engine.manifest, fresh.header, fresh.end)
            return result

    def _put_right(self, error: BaseException | None) -> None:
        """Go on from what the files say: an exception, such as Ctrl-C, came between a step and the note of it.

        Where it took the place of a refusal by the system, nobody knows what is durable.
        """
        assert error is not None, "something has broken it off"
        tail = self.engine.tail
        try:
            if _hides_refusal(error):
                self._fail(error)
                return
            self._drive(following.resume(self.engine))
        except BaseException:
            self._fail(error)
            raise
        if self.engine.tail is not tail:
            self._group.done(self.engine.tail.header.base_lsn)  # what was sealed was synced
            self.storage.release(tail.name)
        self._ring()


def _hides_refusal(error: BaseException) -> bool:
    """Return whether an exception was raised while one of the system was being handled."""
    hidden = error.__context__
    while hidden is not None and not isinstance(hidden, OSError):
        hidden = hidden.__context__
    return hidden is not None
