"""An open database: one engine, one storage and one lock, shared by every client of this process."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec

from nosqlpy._core.engine import hints
from nosqlpy._core.engine.effects import Procedure
from nosqlpy._core.engine.eviction import evict
from nosqlpy._core.engine.groupcommit import GroupCommit, Verdict
from nosqlpy._core.engine.publish import InDoubtError, mark, rotate
from nosqlpy._core.engine.recovery import RecoveryReport, check_place, recover
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.engine.verification import verify
from nosqlpy._core.index.deferred import Unloaded, loading
from nosqlpy._io.appender import Appender
from nosqlpy._io.driver import drive, storage_error
from nosqlpy._io.options import Options
from nosqlpy._io.residence import memory_of
from nosqlpy._io.storage.port import Storage
from nosqlpy._io.syncer import Syncer
from nosqlpy.aliases import Document, Durability
from nosqlpy.errors import ClosedError, InvalidOperation, StorageError

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("nosqlpy.storage")
validation_log = logging.getLogger("nosqlpy.validation")

# how often a read is tried beside writers before it keeps them out
VIEW_TRIES = 3


class Database:
    """Orders plans, appends, applies and syncs. It holds no rule about documents.

    `lock` is held by whoever plans, appends and applies; readers do not take it.
    """

    def __init__(self, storage: Storage, options: Options) -> None:
        self.storage = storage
        self.options = options
        self.lock: threading.Lock = threading.Lock()
        self.closed: bool = False
        self.warned: deque[str] = deque()
        self.closing: bool = False
        self.engine: Engine
        self.report: RecoveryReport
        self.engine, self.report = self._recover()
        self.engine.document_size_max = options.max_document_size
        self.engine.sort_memory = options.sort_memory
        self._segment_size = options.segment_size
        self._memory = self.engine.memory
        self._appender = Appender(storage)
        self._pending: Change[Any] | None = None
        self._marked_open = self.engine.manifest.clean_size is None
        self._group = GroupCommit(self.engine.tail.end.lsn)
        # its lock is entered as such: a condition's own `with` can be interrupted before it has begun
        self._sync_lock = threading.Lock()
        self._synced = threading.Condition(self._sync_lock)
        # held around every sync of the log: of two at once the system tells only one that it failed
        self._disk_sync = threading.Lock()
        self._wakers: list[Callable[[], None]] = []
        self._syncer = Syncer(self._flush_in_background, self._sync_in_background, options.sync_interval)
        # held by whoever removes segments, or needs them to stay, on the thread `_keeper`
        self._compacting = threading.Lock()
        self._keeper: int | None = None
        # called now and then, after a sync in the background
        self.after_sync: Callable[[], None] = _nothing

    def _recover(self) -> tuple[Engine, RecoveryReport]:
        options = self.options
        try:
            drive(check_place(create=options.create and not options.read_only), self.storage)
            self.storage.lock(shared=options.read_only, timeout_s=options.lock_timeout)
            strict, memory = options.recovery == "strict", memory_of(self.storage, options)
            steps = recover(read_only=options.read_only, create=options.create, strict=strict, memory=memory)
            recovered = drive(steps, self.storage)
        except OSError as error:
            self.storage.close()
            raise storage_error(error, "the database cannot be opened") from error
        except BaseException:
            self.storage.close()
            raise
        report = recovered.report
        if report.torn_bytes:
            kept = f"kept in {report.torn_file}" if report.torn_file else "left as they are"
            log.warning(
                "the log had a torn tail, the trace of a crash: %d bytes of %s, from byte %d on, %s",
                *(report.torn_bytes, report.segment, report.offset, kept),
            )
        return recovered.engine, report

    # ── reading ──────────────────────────────────────────────────────────────────

    def view(self, read: Callable[Concatenate[Engine, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what `read` finds in a state between two writes, loading what it needs."""
        while True:
            try:
                return self.peek(read, *args, **kwargs)
            except Unloaded as needed:
                self.load(needed)

    def load(self, needed: Unloaded) -> None:
        """Load what was asked for.

        Raises:
            CorruptionError: Something of that is not what was written.
        """
        with self.lock:
            self._settle()
            needed.load()
            if self._memory.limit is not None and self._memory.resident > self._memory.limit:
                self._evict()

    def peek(self, read: Callable[Concatenate[Engine, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what `read` finds in a state between two writes, without keeping writers out.

        Raises:
            Unloaded: It needs something that must be loaded first.
        """
        engine = self.engine
        for _ in range(VIEW_TRIES):
            begun = engine.begun
            if begun != engine.applied:  # a write on another thread is being applied, or was interrupted
                self.settle()
                continue
            try:
                result = read(engine, *args, **kwargs)
            except Exception:
                if engine.begun == begun:  # else it fell over what a writer was changing
                    raise
            else:
                if engine.begun == begun:
                    return result
        with self.lock:  # a writer that is busy all the time must not keep a long read out for ever
            self._settle()
            return read(engine, *args, **kwargs)

    @property
    def applying(self) -> bool:
        """Whether a write is being applied, on another thread; or was interrupted in that."""
        return self.engine.begun != self.engine.applied

    def settle(self) -> None:
        """Wait for the write that is being applied; finish or undo one that was interrupted."""
        with self.lock:
            self._settle()

    # ── writing ──────────────────────────────────────────────────────────────────

    def commit(
        self,
        durability: Durability,
        plan: Callable[Concatenate[Engine, P], Change[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> tuple[R, int | None]:
        """Plan, append and apply one write; return its result and, where it must still be synced, its LSN.

        The caller holds the lock.
        """
        self._settle()
        change = plan(self.engine, *args, **kwargs)
        return change.result, self.log(durability, change)

    def step(self, durability: Durability, steps: Iterator[Change[Any] | None]) -> int | None:
        """Log and apply the next change of a write in several steps; return as `log`. The caller holds the lock."""
        self._settle()
        change = next(steps, None)
        return None if change is None else self.log(durability, change)

    def log(self, durability: Durability, change: Change[Any]) -> int | None:
        """Append and apply one planned change; return its LSN if it must still be synced. The caller holds the lock."""
        if not change.data:
            return None
        self._mark_open()
        buffered = durability == "fast"
        self._pending = change
        try:
            self._appender.append(self.engine.tail.name, change.start.size, change.data, buffered=buffered)
        except OSError as error:
            self._pending = None
            self._roll_back(change.start.size, error)
        self.engine.apply(change)
        self._logged(change, buffered=buffered)
        if change.warnings:
            self.warned += change.warnings
        if change.end.size >= self._segment_size:
            self._rotate()
        if self._memory.limit is not None and self._memory.resident > self._memory.limit:
            self._evict()
        return change.end.lsn if durability == "durable" else None

    def log_warnings(self) -> None:
        """Log what writes were to warn of. The caller does not hold the lock, which a handler of the log may need."""
        while self.warned:
            with contextlib.suppress(IndexError):  # another thread may report at the same moment
                validation_log.warning("%s", self.warned.popleft())

    def _logged(self, change: Change[Any], *, buffered: bool) -> None:
        """Note what must be synced, and only then that the write is complete."""
        self._group.appended = change.end.lsn
        self._syncer.appended(buffered=buffered)
        self._pending = None

    def _roll_back(self, start: int, error: OSError) -> None:
        """Undo a refused append; raise what the caller is told."""
        with self._disk_sync:
            try:
                self._appender.roll_back(self.engine.tail.name, start)
            except OSError as second:
                self._fail(second)
        raise storage_error(error, "the write was refused") from error

    def _settle(self) -> None:
        """Finish or undo a write that an exception interrupted between its append and its end."""
        change = self._pending
        if change is None:
            return
        with self._disk_sync:
            try:
                appended = self._appender.settle(self.engine.tail.name, change.start.size, change.end.size)
            except OSError as error:
                self._fail(error)
                raise storage_error(error, "an interrupted write cannot be undone") from error
        if appended:
            self.engine.apply(change)
            self._logged(change, buffered=True)
        else:
            self.engine.begun = self.engine.applied
            self._pending = None

    def _mark_open(self) -> None:
        """Before the first append: from now on the manifest cannot say where the log ends."""
        if not self._marked_open:
            self._run("the database cannot be written", mark(self.engine, clean=False))
            self._marked_open = True

    def _rotate(self) -> None:
        """Start another segment. A disk that has no room for it leaves the old one in use: the write is done."""
        try:
            self._flush_locked()
            self._run("a new segment cannot be made", rotate(self.engine))
        except StorageError as error:
            log.warning("%s", error)
            self._segment_size *= 2

    def _evict(self) -> None:
        """Let documents go that exceed the memory budget. Where that is refused they stay: the write is done."""
        try:
            evict(self.engine, self.engine.tail.end.size - self._appender.buffered)
        except StorageError as error:
            log.warning("documents past the memory budget stay resident from now on: %s", error)
            self._memory.limit = None

    def _run(self, doing: str, procedure: Procedure[R]) -> R:
        """Carry out a procedure that changes which files make up the database. The caller holds the lock."""
        with self._disk_sync:  # also while a failure is noted: nobody may sync before that
            if self._group.failure is not None:
                self.engine.check_writable()
            try:
                return drive(procedure, self.storage)
            except OSError as error:
                raise storage_error(error, doing) from error
            except BaseException as error:
                # in doubt, or interrupted between a step and the note of it: only the files know
                if isinstance(error, InDoubtError) or not isinstance(error, StorageError):
                    self._fail(error)
                raise

    def _fail(self, error: BaseException) -> None:
        """Refuse every write and every sync from now on: what is on the disk is in doubt.

        A sync after a failed one would report success for pages that the system has dropped.
        """
        self._group.fail(error)
        self.engine.fail(error)

    # ── syncing ──────────────────────────────────────────────────────────────────

    def wait_durable(self, lsn: int) -> None:
        """Return when frame `lsn` is durable; sync, for everyone who waits, if nobody else does.

        Raises:
            StorageError: A sync failed; the database must be reopened.
        """
        owner = object()
        try:
            while (verdict := self.join_sync(lsn, owner)) is not Verdict.DONE:
                if verdict is Verdict.SYNC:
                    self.sync_log(owner)
                else:
                    with self._sync_lock:
                        self._synced.wait_for(lambda: self._group.verdict(lsn) is not Verdict.WAIT)
        finally:
            self.end_sync(owner)

    def join_sync(self, lsn: int, owner: object, wake: Callable[[], None] | None = None) -> Verdict:
        """Say what a writer waiting for `lsn` does next; ``SYNC`` makes it the one who must call `sync_log`.

        `wake` is called, on any thread, when the sync that the writer is told to wait for has ended.
        """
        with self._sync_lock:
            verdict = self._group.verdict(lsn)
            if verdict is Verdict.SYNC:
                self._group.begin(owner)
            elif verdict is Verdict.WAIT and wake is not None:
                self._wakers.append(wake)
            return verdict

    def sync_log(self, owner: object) -> None:
        """Sync the log, if `owner` still is to do that, and wake everyone who waits for it.

        A sync that the system refuses is never tried again: it may have dropped what it
        could not write, and would then report success.
        """
        with self._sync_lock:
            if not self._group.claim(owner):
                return
        try:
            with self.lock:
                self._settle()
                self._flush_locked()
                tail, end = self.engine.tail, self.engine.tail.end
            with self._disk_sync:
                # sealed or closed meanwhile, it was synced for that
                if self._group.verdict(end.lsn) is not Verdict.DONE and self.engine.tail is tail:
                    self._sync_file(tail.name)
                    tail.synced_upto = end.size
                self._group.done(end.lsn)
        finally:
            self.end_sync(owner)

    def _sync_file(self, name: str) -> None:
        try:
            self.storage.sync(name)
        except OSError as error:
            self._fail(error)
            raise storage_error(error, "the log cannot be synced") from error

    def end_sync(self, owner: object, *, unclaimed: bool = False) -> None:
        """Let those who wait for the sync of `owner` look again; with `unclaimed` only if it has not begun."""
        with self._sync_lock:
            if not self._group.end(owner, unclaimed=unclaimed):
                return
            wakers, self._wakers = self._wakers, []
            self._synced.notify_all()
        for wake in wakers:
            wake()

    def last_lsn(self) -> int:
        """Return the LSN of the last frame, an interrupted one included. The caller holds the lock."""
        self._settle()
        return self._group.appended

    def sync(self) -> None:
        """Return when everything that was written before the call is durable."""
        with self.lock:
            lsn = self.last_lsn()
        self.wait_durable(lsn)

    def _sync_in_background(self) -> None:
        try:
            if not self.closed:
                self.sync()
                self.after_sync()
        except Exception:
            log.exception("the background sync failed")

    def flush(self) -> None:
        """Hand what ``fast`` has buffered to the system.

        Raises:
            StorageError: The system refused; the buffer is kept, and the next flush tries again.
        """
        with self.lock:
            self._settle()
            self._flush_locked()

    def _flush_in_background(self) -> None:
        try:
            if not self.closed:
                self.flush()
        except Exception:
            log.exception("the buffer could not be written")

    def _flush_locked(self) -> None:
        end = self.engine.tail.end.size
        try:
            self._appender.flush(self.engine.tail.name, end)
        except OSError as error:
            self._roll_back(end, error)

    # ── the whole database ───────────────────────────────────────────────────────

    def reorganise(self, doing: str, procedure: Callable[[Engine], Procedure[R]]) -> R:
        """Carry out a procedure that changes which files make up the database, between two writes; return its result.

        Raises:
            StorageError: The system refuses what `doing` says.
        """
        with self.lock:
            self._settle()
            self._mark_open()
            self._flush_locked()
            return self._run(doing, procedure(self.engine))

    def check_open(self) -> None:
        """Refuse to go on with something long when the database is being closed.

        Raises:
            ClosedError: It is.
        """
        if self.closing:
            raise ClosedError("the database is being closed; open it again")

    def derive(self, procedure: Procedure[None]) -> None:
        """Write a derived file. Without it the next opening takes longer, and nothing else is different."""
        try:
            drive(procedure, self.storage)
        except (OSError, StorageError) as error:
            log.warning("a hint could not be written: %s", error)

    @contextlib.contextmanager
    def keeping_segments(self) -> Iterator[None]:
        """Let no segment be removed meanwhile, nor the database be closed.

        Raises:
            InvalidOperation: This thread is in the middle of that already.
        """
        if self._keeper == threading.get_ident():
            raise InvalidOperation("this thread is compacting or copying the database: wait until that is done")
        with self._compacting:
            self._keeper = threading.get_ident()
            try:
                yield
            finally:
                self._keeper = None

    def moment(self, take: Callable[[Engine], R]) -> R:
        """Return what `take` finds between two writes, all of which the files hold by then."""
        with self.lock:
            self.engine.check_usable()
            self._settle()
            self._flush_locked()
            return loading(lambda: take(self.engine))

    def verify(self) -> Document:
        """Return the report of a check of every byte on disk and every document in memory.

        Raises:
            CorruptionError: Something is not what was written.
        """
        with self.lock:
            self.engine.check_usable()
            self._settle()
            self._flush_locked()
            try:
                return drive(verify(self.engine, files=self.options.path is not None), self.storage)
            except OSError as error:
                self.engine.check_usable()
                raise storage_error(error, "the database cannot be read") from error

    def stats(self) -> Document:
        """Return the engine's statistics, and what opening found."""
        return self.view(Engine.stats) | {"recovery": msgspec.structs.asdict(self.report)}

    def close(self) -> None:
        """Make everything durable, say where the log ends, and let go of the directory. Closing again does nothing."""
        self.closing = True  # a compaction, or a backup, ends at its next step
        if not self.closed and self._keeper != threading.get_ident():
            with self._compacting:
                pass
        with self.lock:
            if self.closed:
                return
            self.closed = True
            self._syncer.stop()
            try:
                if self.engine.failed:
                    self._flush_failed()
                else:
                    self._close_log()
            finally:
                self.engine.fail(ClosedError("the database is closed; open it again"))
                with self._disk_sync:
                    self.storage.close()

    def _flush_failed(self) -> None:
        """Hand over what ``fast`` has buffered even so: the next opening reads it and writes it anew."""
        if self._appender.buffered:
            try:
                self._appender.flush(self.engine.tail.name, self.engine.tail.end.size)
            except OSError as error:
                raise storage_error(error, f"{self._appender.buffered} buffered bytes could not be written") from error

    def _close_log(self) -> None:
        self._settle()
        self._flush_locked()
        if self._marked_open and not self.engine.read_only:
            if hints.worth(self.engine):
                self._run("the database cannot be closed cleanly", rotate(self.engine))
                self.derive(hints.write(self.engine))
            self._run("the database cannot be closed cleanly", mark(self.engine, clean=True))
            self._group.done(self.engine.tail.end.lsn)

    def abandon(self) -> None:
        """In a forked process: refuse every use, and leave the parent's files alone."""
        self.closed = True
        self.lock = threading.Lock()
        self._syncer.forget()
        self.engine.fail(
            ClosedError("this client was opened before the process forked; open one of its own in the new process")
        )
        self.storage.close()


def _nothing() -> None:
    """Do nothing."""
