"""An open database: one engine, one storage and one lock, shared by every client of this process."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import msgspec

from nosqlpy._core.engine import following, hints, snapshots
from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.effects import DoubtfulError, Procedure
from nosqlpy._core.engine.eviction import due
from nosqlpy._core.engine.expiry import REMOVED_AT_ONCE, backlog
from nosqlpy._core.engine.logged import Start, is_too_large, outgrow
from nosqlpy._core.engine.publish import mark, rotate
from nosqlpy._core.engine.shared import private_words
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.verification import verify
from nosqlpy._core.index.deferred import Unloaded, loading
from nosqlpy._core.log.section import DamagedHintError
from nosqlpy._core.log.segment import HEADER_SIZE
from nosqlpy._io.committing import giver
from nosqlpy._io.driver import storage_error
from nosqlpy._io.expiring import Expiring
from nosqlpy._io.gate import Gate
from nosqlpy._io.options import Options
from nosqlpy._io.storage.port import Storage
from nosqlpy._io.sync_thread import SyncThread
from nosqlpy.aliases import Document
from nosqlpy.errors import ClosedError, InvalidOperation, StorageError

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("nosqlpy.storage")

# how long others have the lock after a step that took as long
PAUSE_S = 0.0005
# how often a read is tried beside writers before it keeps them out
VIEW_TRIES = 3


class Database(Expiring):
    """Reads, and what concerns the whole database. It holds no rule about documents."""

    # closing and forking change what the classes below made
    closed: bool
    gate: Gate
    lock: threading.Lock
    seen: int
    _loading: threading.Lock
    words: memoryview
    _sync_thread: SyncThread

    def __init__(self, storage: Storage, options: Options) -> None:
        super().__init__(storage, options)
        self.forked: bool = False
        self.closing: bool = False
        # held by whoever removes segments, or needs them to stay, on the thread `_keeper`
        self._compacting = threading.Lock()
        self._keeper: int | None = None
        # held by whoever reads what is to be loaded: the lock of writers is taken after it
        self._loading = threading.Lock()

    # ── reading ──────────────────────────────────────────────────────────────────

    def view(self, read: Callable[Concatenate[Engine, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what `read` finds in a state between two writes, loading what it needs."""
        while True:
            try:
                return self.peek(read, *args, **kwargs)
            except Unloaded as needed:
                self.load(needed)

    def view_unexpired(self, read: Callable[Concatenate[Engine, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what `read` finds, as `view`, without what has expired."""
        if self.engine.expiring:
            return self.view(partial(self.unexpired, read), *args, **kwargs)
        return self.view(read, *args, **kwargs)

    def load(self, needed: Unloaded) -> None:
        """Load what was asked for.

        Raises:
            CorruptionError: Something of that is not what was written.
        """
        self.guarded(self._load, needed)

    def _load(self, needed: Unloaded) -> None:
        with self._loading:  # who comes second finds it loaded
            self._load_alone(needed)

    def _load_alone(self, needed: Unloaded) -> None:
        with contextlib.suppress(StorageError):  # it is tried again, when nothing can come in between
            needed.prepare()
        with self.lock:
            self._settle()
            needed.load()
            self._evict_due()

    def in_turn_loaded(self, function: Callable[[], R]) -> R:
        """Do as `in_turn`, for up to ``lock_timeout``, with what `function` asks for loaded."""
        while True:
            try:
                return self.in_turn(function, self.options.lock_timeout)
            except Unloaded as needed:
                self.load(needed)

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
        return self.guarded(lambda: self._view_alone(read, *args, **kwargs))

    def _view_alone(self, read: Callable[Concatenate[Engine, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Read with the lock: a writer that is busy all the time must not keep a long read out for ever."""
        with self.lock:
            self._settle()
            return read(self.engine, *args, **kwargs)

    def is_behind(self) -> bool:
        """Whether so much has expired, as far as is known, that hiding or removing it takes long."""
        return self.peek(backlog, self.expiry().now) > REMOVED_AT_ONCE

    @property
    def applying(self) -> bool:
        """Whether a write is being applied, on another thread; or was interrupted in that."""
        return self.engine.begun != self.engine.applied

    def settle(self) -> None:
        """Wait for the write that is being applied; finish or undo one that was interrupted."""
        self.follow()

    # ── the whole database ───────────────────────────────────────────────────────

    def reorganise(self, doing: str, procedure: Callable[[Engine], Procedure[R]]) -> R:
        """Carry out a procedure that changes which files make up the database, between two writes; return its result.

        Raises:
            StorageError: The system refuses what `doing` says.
        """
        return self.exclusively(self._reorganise, doing, procedure)

    def _reorganise(self, doing: str, procedure: Callable[[Engine], Procedure[R]]) -> R:
        self._settle()
        self._mark_open()
        self._flush_locked()
        return self._run(doing, procedure(self.engine))

    def take_steps(self, steps: Iterator[None]) -> None:
        """Take steps that change the state between two writes: writers have their turn after each."""
        done = object()
        step: object = None
        while step is not done:
            began = time.perf_counter()
            step = self.guarded(self._take_step, steps, done)
            if time.perf_counter() - began > PAUSE_S:
                time.sleep(PAUSE_S)  # a lock is not fair: who has it takes it again before those who wait

    def _take_step(self, steps: Iterator[None], done: object) -> object:
        with self.lock:
            return next(steps, done)

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
            self._drive(procedure)
        except (OSError, StorageError, DamagedHintError, MemoryError) as error:
            log.warning(
                "a file that makes the next opening faster could not be written: %s",
                str(error) or "the hint is damaged",
            )

    @contextlib.contextmanager
    def keeping_segments(self, *, wait: bool = True) -> Iterator[None]:
        """Let no segment be removed meanwhile, by no process, nor the database be closed.

        Raises:
            InvalidOperation: This thread is in the middle of that already.
            LockedError: Another process is, for longer than ``lock_timeout``, or now if this may not `wait`.
            StorageError: The file of that lock cannot be opened.
        """
        if self._keeper == threading.get_ident():
            raise InvalidOperation("this thread is compacting or copying the database: wait until that is done")
        with self._compacting:
            self._keeper = threading.get_ident()
            try:
                self.engine.check_usable()
                if self._shares:
                    self._keep_compactions_away(self.options.lock_timeout if wait else 0)
                yield
            finally:
                self._keeper = None
                if self._shares:
                    self.storage.unlock_compaction()

    def _keep_compactions_away(self, timeout_s: float | None) -> None:
        try:
            self.storage.lock_compaction(timeout_s)
        except OSError as error:
            raise storage_error(error, "the files of the database cannot be kept as they are") from error

    def look_at_manifest(self) -> None:
        """Take in what other processes have done to the files without writing anything."""
        if self._shares:
            self.guarded(self._look_with_lock)

    def _look_with_lock(self) -> None:
        with self.lock:
            self._settle()
            self._look_at_manifest()

    def keep(self, most: int) -> None:
        """Let documents go until the others have `most` bytes. To be called by `exclusively`."""
        if due(self.engine, most):
            self._look_at_manifest()
            self._evict_due(self._appender.buffered, most)

    def outgrow(self, collection: CollectionState, start: Start) -> None:
        """Keep a collection in the log only, if it takes too much; it was empty at `start`. For `exclusively`, too."""
        if is_too_large(self.engine, collection):
            with contextlib.suppress(StorageError):  # then it stays as it is: the write is done
                self._flush_locked()
                outgrow(self.engine, collection, start)

    def moment(self, take: Callable[[Engine], R]) -> R:
        """Return what `take` finds between two writes, all of which the files hold by then."""
        return self.exclusively(self._moment, take)

    def _moment(self, take: Callable[[Engine], R]) -> R:
        self.engine.check_usable()
        self._settle()
        self._flush_locked()
        self._look_at_manifest()
        return loading(lambda: take(self.engine))

    def verify(self) -> Document:
        """Return the report of a check of every byte on disk and every document in memory.

        Raises:
            CorruptionError: Something is not what was written.
        """
        return self.exclusively(self._verify)

    def _verify(self) -> Document:
        self.engine.check_usable()
        self._settle()
        self._flush_locked()
        self._look_at_manifest()
        while True:
            try:
                return self._drive(verify(self.engine, files=self.options.path is not None))
            except (OSError, StorageError) as error:
                self.engine.check_usable()
                if self.options.read_only and self._has_moved():
                    continue  # a writer, whom a reader cannot keep still, has replaced what was being read
                if isinstance(error, StorageError):
                    raise
                raise storage_error(error, "the database cannot be read") from error

    def _has_moved(self) -> bool:
        """Take in the manifest that stands by now; return whether it is another one. The caller holds `lock`."""
        generation = self.engine.manifest.generation
        self._take_in(following.follow(self.engine, upto=None, moved=True))
        return self.engine.manifest.generation != generation

    def stats(self) -> Document:
        """Return the engine's statistics, what this process has done since it opened the database, and found then."""
        done = {"syncs": self.syncs, "compactions": self.compactions}
        return self.view(Engine.stats) | done | {"recovery": msgspec.structs.asdict(self.report)}

    # ── closing ──────────────────────────────────────────────────────────────────

    def close(self) -> None:
        """Make everything durable, say where the log ends, and let go of the directory. Closing again does nothing."""
        self.check_outside()
        self.closing = True  # a compaction, or a backup, ends at its next step
        if not self.closed and self._keeper != threading.get_ident():
            with self._compacting:
                pass
        self.guarded(self._close)

    def _close(self) -> None:
        with self.lock:
            if self.closed:
                return
            self.closed = True
            self._syncer.stop()
            self._sync_thread.stop()
            try:
                if self.engine.failed:
                    self._flush_failed()
                else:
                    self._close_log()
            finally:
                self.engine.fail(ClosedError("the database is closed; open it again"))
                self._let_go()

    def _let_go(self) -> None:
        self.words, self.seen = private_words(), -1
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
        """Say where the log ends, if this is the last process that had it open; else sync what this one has written."""
        self._settle()
        if self.engine.read_only:
            return
        if self._shares:
            self._take()
        self._flush_locked()
        self.engine.check_writable()
        if self.storage.leave():
            if self.engine.manifest.clean_size is None:
                if hints.worth(self.engine) or snapshots.wanted(self.engine):
                    if self.engine.tail.end.size > HEADER_SIZE:
                        self._run("the database cannot be closed cleanly", rotate(self.engine))
                    self.derive(hints.write(self.engine))
                    self.derive(snapshots.write(self.engine))
                self._run("the database cannot be closed cleanly", mark(self.engine, clean=True))
                self._group.done(self.engine.tail.end.lsn)
            elif snapshots.wanted(self.engine):
                self.derive(snapshots.write(self.engine))
        elif self._group.synced < self.engine.tail.end.lsn:
            self._sync_own()

    def _sync_own(self) -> None:
        """Sync what this process has written, at its end."""
        try:
            with self._disk_sync:
                self._sync_tail(self.engine.tail, self.engine.tail.end)
        except DoubtfulError:
            self._renew()

    def abandon(self) -> None:
        """In a forked process: refuse every use, and leave the parent's files and locks alone."""
        self.closed = self.forked = True
        self.gate = Gate()
        self.lock = threading.Lock()
        self._giver = giver(self.lock)
        self._loading = threading.Lock()
        self._disk_sync = threading.Lock()
        self._syncer.forget()
        self._sync_thread = SyncThread(self.sync_log)
        self.engine.fail(
            ClosedError("this client was opened before the process forked; open one of its own in the new process")
        )
        self._let_go()
