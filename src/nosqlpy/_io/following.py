"""The lowest part of an open database: how it is opened, alone or beside other processes, and how it follows these."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Final, ParamSpec, TypeVar

from nosqlpy._core.engine import following, shared
from nosqlpy._core.engine.effects import Procedure
from nosqlpy._core.engine.eviction import due, evict
from nosqlpy._core.engine.groupcommit import GroupCommit
from nosqlpy._core.engine.publish import InDoubtError, begin_epoch
from nosqlpy._core.engine.rebasing import rebase
from nosqlpy._core.engine.recovery import Recovered, RecoveryReport, check_place, load, recover
from nosqlpy._core.engine.shared import BELL, END, EPOCH, GENERATION, private_words
from nosqlpy._core.engine.slots import Memory
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.manifest import MANIFEST, SealedSegment
from nosqlpy._io.driver import drive, storage_error
from nosqlpy._io.options import Options
from nosqlpy._io.residence import memory_of
from nosqlpy._io.storage.lock import await_until
from nosqlpy._io.storage.port import Storage
from nosqlpy.errors import InvalidOperation, LockedError, StorageError

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("nosqlpy.storage")

# what a follower reads on the event loop; more of it is read in a worker thread
INLINE_BYTES = 128 << 10
# what a lock's `acquire` is told by who may not wait. It is called by way of `map`: Ctrl-C may come behind a call of
# one's own, where the lock is taken and nobody knows
AT_ONCE: Final = (False,)


class Following:
    """An engine, the storage that its log lies in, and the words that it shares with other processes.

    `lock` is held by whoever plans, appends and applies, and by whoever takes in what other
    processes have written; readers do not take it. `seen` is the last bell that was answered:
    as long as ``words[BELL]`` is equal to it, there is nothing to take in.
    """

    # what every write looks at: CPython finds it sooner here than in a dict of more than thirty attributes
    __slots__ = (
        "__dict__",
        "_group",
        "_holds",
        "_inside",
        "_shares",
        "closed",
        "engine",
        "lock",
        "seen",
        "storage",
        "words",
    )

    def __init__(self, storage: Storage, options: Options) -> None:
        self.storage: Storage = storage
        self.options = options
        self.lock: threading.Lock = threading.Lock()
        self.closed: bool = False
        self.words: memoryview = private_words()
        self.seen: int = 0
        # held around every sync of the log: of two at once the system tells only one that it failed
        self._disk_sync = threading.Lock()
        # the threads that are in here with a lock: a signal handler or finaliser of theirs would wait for ever
        self._inside: set[int] = set()
        # whether others may write; whether they do not ring a bell that can be heard here
        self._shares = options.path is not None and not options.exclusive and not options.read_only
        self._polls = False
        # whether the lock of writers is kept, for what no other process may see yet
        self._holds = False
        self._stamp: object = None
        # the base to which places were, or are being, moved
        self._base: tuple[SealedSegment, ...] = ()
        self._rebasing: Iterator[None] = iter(())
        self.engine: Engine
        self.report: RecoveryReport
        self._group: GroupCommit
        self._open()
        self.engine.document_size_max = options.max_document_size
        self.engine.sort_memory = options.sort_memory

    def _drive(self, procedure: Procedure[R], sync: Callable[[str], None] | None = None) -> R:
        return drive(procedure, self.storage, sync)

    # ── opening ──────────────────────────────────────────────────────────────────

    def _open(self) -> None:
        options = self.options
        try:
            self._drive(check_place(create=options.create and not options.read_only))
            if options.read_only:
                self._begin(self._watch())
            else:
                self._join()
        except OSError as error:
            self.storage.close()
            meanwhile = "; read_only=True reads it until then"
            raise storage_error(error, "the database cannot be opened", meanwhile) from error
        except BaseException:
            self.storage.close()
            raise
        if self.report.torn_bytes and not self._polls:
            kept = f"kept in {self.report.torn_file}" if self.report.torn_file else "left as they are"
            log.warning(
                "the log had a torn tail, the trace of a crash: %d bytes of %s, from byte %d on, %s",
                *(self.report.torn_bytes, self.report.segment, self.report.offset, kept),
            )

    def _begin(self, recovered: Recovered) -> None:
        self.engine, self.report = recovered.engine, recovered.report
        self._group = GroupCommit(self.engine.tail.end.lsn)

    def _watch(self) -> Recovered:
        """Read what there is, beside whoever writes; with ``exclusive`` keep them away."""
        if self.options.exclusive:
            self.storage.lock(shared=True, timeout_s=self.options.lock_timeout)
            # nobody writes by now: the page is looked at once, for how far the log was durable
            words = self.storage.words if self.storage.watch() else None
            return self._drive(
                recover(read_only=True, create=False, strict=self._strict, memory=self._memory(), words=words)
            )
        self._polls = not self.storage.watch()
        self.words = self.storage.words
        # before the files are read: what is rung from now on is looked at. Without a bell there is always a look
        self.seen = -1 if self._polls else self.words[BELL]
        return self._drive(load(read_only=True, strict=self._strict, memory=self._memory(), words=self.words))

    def _join(self) -> None:
        """Take the lock; recover the database if nobody else has it open, else read it, and take in what follows."""
        try:
            alone = self._attend()
            self.words = self.storage.words
            if not alone:
                self._begin(self._drive(load(read_only=False, memory=self._memory())))
                shared.join(self.words, self.storage.process)
                # what others have appended to the active segment may not be durable
                self._group.synced = self.engine.tail.header.base_lsn
                if shared.is_poisoned(self.words, self.engine.manifest):
                    self._recover()
                    self._drive(begin_epoch(self.engine))
                    alone = True
            else:
                self._recover()
            if alone:
                shared.reset(self.words, self.engine.manifest, self.engine.tail)
                self.seen = self.words[BELL]
            else:
                self._catch_up()
        finally:
            if self._shares:
                self.storage.unlock()

    def _recover(self) -> None:
        steps = recover(
            read_only=False,
            create=self.options.create,
            strict=self._strict,
            memory=self._memory(),
            words=self.words,
        )
        self._begin(self._drive(steps))

    def _memory(self) -> Memory:
        return memory_of(self.storage, self.options)

    @property
    def _strict(self) -> bool:
        return self.options.recovery == "strict"

    def _attend(self) -> bool:
        """Take the lock and join the others; return whether there are none. With ``exclusive`` wait for that."""
        timeout_s = self.options.lock_timeout
        if not self.options.exclusive:
            self.storage.lock(shared=False, timeout_s=timeout_s)
            return self.storage.attend(exclusive=False)
        await_until(self._attend_alone, timeout_s, self._not_alone)
        return True

    def _attend_alone(self) -> bool:
        self.storage.lock(shared=False, timeout_s=self.options.lock_timeout)
        if self.storage.attend(exclusive=True):
            return True
        self.storage.leave()
        self.storage.unlock()  # they need it to write, and to close
        return False

    def _not_alone(self, timeout_s: float) -> LockedError:
        return LockedError(
            f"other processes have the database at {self.options.url!r} open, and exclusive=True wants it alone; "
            f"waited {timeout_s:g} s: close it there, or wait longer with lock_timeout=",
            details={"pid": None, "directory": str(self.options.directory)},
        )

    # ── following ────────────────────────────────────────────────────────────────

    def guarded(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result of a function that takes the lock.

        Raises:
            InvalidOperation: This thread is in the middle of a write or a sync: a signal handler, or
                a finaliser, cannot use the database then.
        """
        thread = threading.get_ident()
        if thread in self._inside:
            raise self._entangled()
        try:
            self._inside.add(thread)
            return function(*args, **kwargs)
        finally:
            self._inside.discard(thread)

    def check_outside(self) -> None:
        """Refuse what cannot be done by a signal handler that has interrupted a write.

        Raises:
            InvalidOperation: This thread is in the middle of a write or a sync.
        """
        if threading.get_ident() in self._inside:
            raise self._entangled()

    @staticmethod
    def _entangled() -> InvalidOperation:
        return InvalidOperation(
            "this thread is in the middle of a write or a sync; a signal handler or __del__ that interrupts it cannot "
            "use the database: let it set a flag, and do it afterwards"
        )

    def follow(self) -> None:
        """Take in what other processes have committed. Afterwards `seen` is the bell, until it is rung again.

        Raises:
            StorageError: The log cannot be read, or another process has recovered the database.
        """
        self.guarded(self._follow_with_lock)

    def try_follow(self) -> bool:
        """Do as `follow` if that takes no time; return whether it is done."""
        return self.guarded(self._try_follow)

    def _try_follow(self) -> bool:
        (taken,) = map(self.lock.acquire, AT_ONCE)
        if not taken:
            return False
        try:
            return self._is_near() and self._follow()
        finally:
            self.lock.release()

    def _is_near(self) -> bool:
        tail = self.engine.tail
        try:
            return self.storage.size(tail.name) - tail.end.size <= INLINE_BYTES
        except OSError:
            return False

    def _follow_with_lock(self) -> None:
        with self.lock:
            self._settle()
            self._follow()

    def _settle(self) -> None:
        """Finish or undo what an exception interrupted. The caller holds `lock`."""

    def _follow(self) -> bool:
        """Take in what was committed up to the bell. The caller holds `lock`."""
        if self.closed:
            self.engine.check_usable()
        if self._polls:
            return self._poll()
        bell = self.words[BELL]
        if bell == self.seen and self.engine.begun == self.engine.applied:
            return True
        backwards = bell < self.engine.applied and not self._holds
        self._take_in(following.follow(self.engine, upto=None if backwards and not self._shares else bell))
        if (backwards or self.engine.applied < bell) and self._shares:
            # the bell lies, or somebody was faster than we could follow: with the lock, everything stands still
            self.storage.lock(shared=False, timeout_s=self.options.lock_timeout)
            try:
                self._catch_up()
            finally:
                self.storage.unlock()
        else:
            self.seen = bell
        return True

    def _poll(self) -> bool:
        """Where there is no bell: look whether the manifest or the active segment is another than before."""
        stamp: object
        try:
            stamp = (self.storage.stamp(MANIFEST), self.storage.size(self.engine.tail.name))
        except OSError as error:
            stamp = (None, error)
        if stamp != self._stamp or self.engine.begun != self.engine.applied:
            self._take_in(following.follow(self.engine, upto=None, moved=True))
            self._stamp = stamp
        return True

    def _catch_up(self) -> None:
        """Take in all that others have appended, dead ones too, and ring. The caller holds both locks."""
        words, manifest = self.words, self.engine.manifest
        if shared.is_poisoned(words, manifest):
            self._learn_failure()
            return
        end = words[END]
        if end == self.engine.tail.place + self.engine.tail.end.size and words[GENERATION] == manifest.generation:
            self._ring()
            return
        self._take_in(
            following.catch_up(
                self.engine,
                unsettled=end == 0 or words[EPOCH] != manifest.epoch,
                moved=words[GENERATION] != manifest.generation,
                watermark=shared.read_watermark(words, manifest),
            )
        )
        self._ring()

    def _take_in(self, procedure: Procedure[object]) -> None:
        """Carry out a procedure that moves the engine along the log."""
        tail = self.engine.tail
        try:
            self._drive(procedure)
        except InDoubtError as error:
            self._fail(error)
            raise
        except following.ReopenedError as error:
            self.engine.fail(error)
            self._group.fail(error)
            raise
        except OSError as error:
            raise storage_error(error, "what other processes have written cannot be read") from error
        self._group.appended = self.engine.tail.end.lsn
        if self.engine.tail is not tail:
            self._group.done(self.engine.tail.header.base_lsn)  # a segment is synced before it is sealed
            with self._disk_sync:
                self.storage.release(tail.name)
        self._rebase()
        self._evict_due()

    def _rebase(self) -> None:
        """After a compaction by another process: move some places into its base, those of one frame each time."""
        base = self.engine.manifest.sealed[:1]
        if base != self._base:
            self._base = base
            self._rebasing = rebase(self.engine) if self.engine.memory.mixed else iter(())
        try:
            next(self._rebasing, None)
        except StorageError as error:  # the old files stay open; what they hold can be read
            log.debug("places stay in segments that were compacted away: %s", error)
            self._rebasing = iter(())

    def _evict_due(self, buffered: int = 0, most: int | None = None) -> None:
        """Let documents go that exceed the memory budget. Where that is refused they stay: the write is done."""
        if due(self.engine, most):
            try:
                evict(self.engine, self.engine.tail.end.size - buffered, most)
            except StorageError as error:
                if isinstance(error.__cause__, FileNotFoundError):
                    return  # another process has compacted just now: its manifest says where they are
                log.warning("documents past the memory budget stay resident from now on: %s", error)
                self.engine.memory.limit = None

    def _look_at_manifest(self) -> None:
        """Take in the manifest that another process may have published without writing a frame."""
        if self._polls or self.words[GENERATION] != self.engine.manifest.generation:
            self._take_in(following.follow(self.engine, upto=None, moved=True))

    def _ring(self) -> None:
        """Tell all processes where the log stands, and that nobody is writing. The caller holds both locks."""
        shared.settle(self.words, self.engine.manifest, self.engine.tail)
        self.seen = self.engine.tail.end.lsn

    # ── failing ──────────────────────────────────────────────────────────────────

    def _fail(self, error: BaseException) -> None:
        """Refuse every write and every sync from now on, in all processes: what is on the disk is in doubt.

        A sync after a failed one would report success for pages that the system has dropped.
        """
        self._group.fail(error)
        self.engine.fail(error)
        if not self.words.readonly:
            shared.poison(self.words, self.engine.manifest)

    def _learn_failure(self) -> None:
        error = StorageError("another process could not sync the log")
        self._group.fail(error)
        self.engine.fail(error)
