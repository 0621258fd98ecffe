"""How an open database syncs: one sync for all who wait, in this process and, by way of the shared words, in others."""

from __future__ import annotations

import contextlib
import errno
import logging
import threading
from collections.abc import Callable

from nosqlpy._core.engine import following, shared
from nosqlpy._core.engine.effects import DoubtfulError, Procedure
from nosqlpy._core.engine.groupcommit import Verdict
from nosqlpy._core.engine.shared import BELL, GENERATION
from nosqlpy._core.engine.tail import Position, Tail
from nosqlpy._io.driver import storage_error
from nosqlpy._io.options import Options
from nosqlpy._io.storage.port import Storage
from nosqlpy._io.sync_thread import SyncRequest, SyncThread
from nosqlpy._io.syncer import Syncer
from nosqlpy._io.turns import Turns
from nosqlpy.errors import ClosedError, StorageError

log = logging.getLogger("nosqlpy.storage")


class Syncing(Turns):
    """Makes what was committed durable: for whoever waits for it, and in the background."""

    def __init__(self, storage: Storage, options: Options) -> None:
        super().__init__(storage, options)
        # its lock is entered as such: a condition's own `with` can be interrupted before it has begun
        self._sync_lock = threading.Lock()
        self._synced = threading.Condition(self._sync_lock)
        self._wakers: list[Callable[[], None]] = []
        # how often this process has synced the log, and compacted it
        self.syncs: int = 0
        self.compactions = 0
        # called now and then, after a sync in the background
        self.after_sync: Callable[[], None] = _nothing
        self._sync_thread = SyncThread(self.sync_log)
        self._syncer = Syncer(self._flush_in_background, self._sync_in_background, options.sync_interval)

    def wait_durable(self, lsn: int) -> None:
        """Return when frame `lsn` is durable; sync, for everyone who waits, if nobody else does.

        Raises:
            StorageError: A sync failed; the database must be reopened.
        """
        self.guarded(self._wait_durable, lsn)

    def _wait_durable(self, lsn: int) -> None:
        owner = object()
        try:
            while (verdict := self.join_sync(lsn, owner)) is not Verdict.DONE:
                if verdict is Verdict.SYNC:
                    self._sync_log(owner)
                else:
                    with self._sync_lock:
                        self._synced.wait_for(lambda: self._group.verdict(lsn) is not Verdict.WAIT)
        finally:
            self.end_sync(owner)

    def join_sync(self, lsn: int, owner: object, wake: Callable[[], None] | None = None) -> Verdict:
        """Say what a writer waiting for `lsn` does next; ``SYNC`` makes it the one who must call `sync_log`.

        `wake` is called, on any thread, when the sync has ended that the writer is told to wait for, or to do.
        """
        self._hear()
        with self._sync_lock:
            verdict = self._group.verdict(lsn)
            if verdict is Verdict.SYNC:
                self._group.begin(owner)
            if verdict is not Verdict.DONE and wake is not None:
                self._wakers.append(wake)
            return verdict

    def is_durable(self, lsn: int) -> bool:
        """Return whether frame `lsn` is known to be durable."""
        return self._group.synced >= lsn

    def _hear(self) -> None:
        """Learn what other processes have synced, or that one of them could not."""
        if not self._shares:
            return
        watermark = shared.read_watermark(self.words, self.engine.manifest)
        if watermark is not None:
            self._group.done(min(watermark.lsn, self._group.appended))
        if self._group.failure is None and shared.is_poisoned(self.words, self.engine.manifest):
            self._learn_failure()

    def sync_log(self, owner: object) -> None:
        """Sync the log, if `owner` still is to do that, and wake everyone who waits for it.

        A sync that the system refuses is never tried again: it may have dropped what it
        could not write, and would then report success.
        """
        self.guarded(self._sync_log, owner)

    def _sync_log(self, owner: object) -> None:
        with self._sync_lock:
            if not self._group.claim(owner):
                return
        try:
            self._sync_all()
        except Exception as error:
            if isinstance(owner, SyncRequest):
                owner.error = error
            raise
        finally:
            self.end_sync(owner)

    def sync_soon(self, request: SyncRequest) -> None:
        """Have a thread sync the log for a request, as by `sync_log`. The request knows what came in its way."""
        self._sync_thread.ask(request)

    def _sync_all(self) -> None:
        with self.lock:
            self._settle()
            self._hand_over()
            if self._shares:
                # one sync covers what all processes have appended; own writes are synced also where that cannot be read
                with contextlib.suppress(StorageError):
                    self._take_in_all()
            tail, end = self.engine.tail, self.engine.tail.end
        try:
            with self._disk_sync:
                # sealed or closed meanwhile, it was synced for that
                synced = self._group.verdict(end.lsn) is Verdict.DONE or self.engine.tail is not tail
                if synced:
                    self._group.done(end.lsn)
                else:
                    synced = self._sync_tail(tail, end)
        except DoubtfulError as error:
            self._write_anew(tail, error)
        else:
            if not synced:
                self._sealed_elsewhere(tail, end)

    def _hand_over(self) -> None:
        """Flush, and give the lock of writers back if it was kept for the buffer."""
        try:
            self._flush_locked()
        finally:
            if self._holds:
                self._give()

    def _take_in_all(self) -> None:
        self._follow()
        if not self.engine.failed and self.words[GENERATION] != self.engine.manifest.generation:
            self._take_in(following.follow(self.engine, upto=self.words[BELL], moved=True))

    def _sync_tail(self, tail: Tail, end: Position) -> bool:
        """Sync the active segment; return False where another process has sealed it and compacted it away.

        Raises:
            DoubtfulError: The sync cannot be believed.
        """
        try:
            self._sync_file(tail.name)
        except DoubtfulError:
            raise
        except OSError as error:
            if error.errno == errno.ENOENT and self._shares:
                return False
            self._group.failure = self._group.failure or error  # no call, at whose beginning Ctrl-C would come first
            try:
                self._fail(error)
            except BaseException:
                self._fail(error)
                raise
            raise storage_error(error, "the log cannot be synced") from error
        self.syncs += 1
        self._hear()  # another process may have been told that earlier pages are lost
        self._group.verdict(end.lsn)
        tail.synced_upto = end.size
        self._group.done(end.lsn)
        if not self.words.readonly:
            shared.write_watermark(self.words, self.engine.manifest, tail.header, end)
        return True

    def _write_anew(self, tail: Tail, doubt: OSError) -> None:
        """Write the active segment anew, unless another process was faster.

        Raises:
            StorageError: It cannot be now. What is in the log stays there, which `details` says by ``written``.
        """
        with self.lock:
            try:
                self._take()
                self._settle()
                self._flush_locked()
                if self.engine.tail is tail:
                    self._renew()
            except StorageError as error:
                if self.engine.failed:
                    raise
                raise _unsure(doubt, error) from error
            finally:
                self._give()

    def _renew(self) -> None:
        """Write the active segment anew, which is what comes before any change of the files where that is in doubt."""
        self._run("the log cannot be written anew", _no_step())

    def _sealed_elsewhere(self, tail: Tail, end: Position) -> None:
        with self.lock:
            try:
                self._take_in(following.follow(self.engine, upto=None, moved=True))
            except StorageError as error:
                self._fail(error)
                raise
            if self.engine.tail is tail:
                self._fail(StorageError(f"{tail.name} was removed"))
        self._group.verdict(end.lsn)

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
        """Return the LSN of the last frame, an interrupted one included."""
        return self.guarded(self._last_lsn)

    def _last_lsn(self) -> int:
        with self.lock:
            self._settle()
            return self._group.appended

    def sync(self) -> None:
        """Return when everything that was written before the call is durable."""
        self.follow()  # what other processes had written by then, too
        self.wait_durable(self.last_lsn())

    def _sync_in_background(self) -> None:
        try:
            if not self.closed:
                self.sync()
                self.after_sync()
        except ClosedError:
            return  # in this moment: closing has synced, or will
        except Exception:
            log.exception("the background sync failed")

    def flush(self) -> None:
        """Hand what ``fast`` has buffered to the system.

        Raises:
            StorageError: The system refused; the buffer is kept, and the next flush tries again.
        """
        self.guarded(self._flush)

    def _flush(self) -> None:
        with self.lock:
            self._settle()
            self._hand_over()

    def _flush_in_background(self) -> None:
        try:
            if not self.closed:
                self.flush()
        except Exception:
            log.exception("the buffer could not be written")
            self._syncer.flush_later()  # until then no other process can write


def _unsure(doubt: OSError, refusal: StorageError) -> StorageError:
    """Return the error of one whose writes are done, and may not be durable, since `refusal` came in the way."""
    reason = refusal.__cause__ or refusal
    error = storage_error(doubt, f"all is written, but whether it is durable is unknown until another sync: {reason}")
    error.details = {**refusal.details, "written": True}
    return error


def _nothing() -> None:
    """Do nothing."""


def _no_step() -> Procedure[None]:
    """Change no file."""
    yield from ()
