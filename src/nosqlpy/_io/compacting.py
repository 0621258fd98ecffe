"""Compaction of an open database: on demand, and by itself when much of the log is dead."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from nosqlpy._core.engine import compaction
from nosqlpy._core.engine.flags import check_progress
from nosqlpy._core.log.packing import code_of
from nosqlpy._io.database import Database
from nosqlpy._io.driver import drive, storage_error
from nosqlpy.aliases import Document
from nosqlpy.errors import ClosedError, LockedError, StorageError

log = logging.getLogger("nosqlpy.storage")

# room on the disk that a compaction which nobody asked for leaves, and when it is tried again after a refusal
RESERVE = 64 << 20
PATIENCE_S = 60.0
# after each frame of such a one others have the interpreter
PAUSE_S = 0.002


def compact(
    database: Database, progress: Callable[[int, int], object] | None = None, *, reserve: int = 0, asked: bool = True
) -> Document:
    """Merge the log into one segment without what is dead; return what that did.

    Writers are kept out while it begins and while it is published, not while the
    segment is written. One compaction runs at a time. `progress` is told how many
    documents are copied, of how many; `reserve` bytes of the disk are left free. If nobody has
    `asked` for it, it waits for no other process, and does nothing where one was faster.

    Raises:
        LockedError: Another process compacts or copies the database.
        StorageError: The disk has no room, or refuses; the database is as it was.
        ClosedError: The database is being closed.
        InvalidOperation: Called by `progress`, or by a backup.
        QueryError: `progress` is no function.
    """
    check_progress(progress)
    with database.keeping_segments(wait=asked):
        database.look_at_manifest()
        if not asked and not database.view(compaction.due):
            return {}
        _check_room(database, reserve)
        # what is loaded and synced before keeps no writer waiting
        database.view(compaction.load)
        database.sync()
        codec = code_of(database.options.compression)
        moment = database.reorganise("compaction cannot begin", lambda engine: compaction.begin(engine, codec))
        try:
            base = drive(compaction.write_base(moment, partial(_watch, database, progress)), database.storage)
            report = database.reorganise(
                "compaction cannot be published", lambda engine: compaction.finish(engine, moment, base)
            )
        except BaseException as error:
            if not database.engine.failed:  # else nobody knows which segments are named, or they are another's
                drive(compaction.abandon(database.engine, moment), database.storage)
            database.engine.check_usable()
            if isinstance(error, OSError):
                raise storage_error(error, "compaction was given up") from error
            raise
        database.compactions += 1
        drive(compaction.sweep(moment), database.storage)
        database.take_steps(compaction.rebase(database.engine, moment))
        database.derive(compaction.hint(database.engine, moment))
        database.derive(compaction.snapshot(database.engine, moment, lambda: not database.closing))
        compaction.let_go(moment)
        return report


def _check_room(database: Database, reserve: int) -> None:
    needed = database.view(compaction.room) + reserve
    try:
        free = database.storage.free_space()
    except OSError as error:
        raise storage_error(error, "compaction cannot begin") from error
    if free is not None and free < needed:
        raise StorageError(f"compaction needs {needed} bytes of the disk, and {free} are free: free some space")


def _watch(database: Database, progress: Callable[[int, int], object] | None, done: int, total: int) -> None:
    database.check_open()
    if progress is not None:
        progress(done, total)


class Compactor:
    """Begins a compaction of a database if one is due, on a daemon thread that is there only while it takes.

    It never keeps an interpreter from ending: closing the database ends it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread: threading.Thread | None = None
        self._not_before = 0.0

    def consider(self) -> None:
        """Begin a compaction if one is due, and none is running."""
        running = self._thread is not None and self._thread.is_alive()
        if running or time.monotonic() < self._not_before or not self._database.view(compaction.due):
            return
        self._database.look_at_manifest()  # another process may have compacted
        if not self._database.view(compaction.due):
            return
        thread = threading.Thread(target=self._run, name="nosqlpy-compactor", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending
            return
        self._thread = thread

    def _run(self) -> None:
        try:
            report = compact(self._database, _give_way, reserve=RESERVE, asked=False)
            if report:
                log.info("the log was compacted from %d to %d bytes", report["bytes_before"], report["bytes_after"])
            self._thread = None
            self.consider()  # what died meanwhile may be due by now, and nobody may write again
        except (ClosedError, LockedError):  # or another process is at it
            return
        except StorageError as error:
            self._not_before = time.monotonic() + PATIENCE_S
            log.warning("the log was not compacted: %s", error)
        except Exception:
            self._not_before = time.monotonic() + PATIENCE_S
            log.exception("the log could not be compacted")


def _give_way(done: int, total: int) -> None:  # noqa: ARG001 - nobody looks at the progress
    time.sleep(PAUSE_S)
