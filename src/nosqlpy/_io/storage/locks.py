"""What the processes at one directory need of each other: the lock of writers, that of compactions, and the page."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nosqlpy._core.engine.shared import HOLDER, WAITING
from nosqlpy._io.storage.line import Line
from nosqlpy._io.storage.lock import FileLock
from nosqlpy._io.storage.page import SharedPage, last_holder
from nosqlpy._io.storage.system import BUSY, SYSTEM, Place, System


class DirectoryLocks:
    """The files LOCK, COMPACT and SHM of a directory; `at` returns its descriptor."""

    def __init__(self, directory: Path, at: Callable[[], Place], system: System = SYSTEM) -> None:
        self._at = at
        self._system = system
        self._lock = FileLock(directory, "LOCK", self._holder, system)
        self._compaction = FileLock(directory, "COMPACT", self._noted_in, system)
        self.page = SharedPage(directory, system)
        self._pid = os.getpid()
        self._noted = False

    def lock(self, *, shared: bool, timeout_s: float | None) -> None:
        """Take the lock of writers, waiting up to `timeout_s` seconds (None: for ever).

        Raises:
            LockedError: Another process has it.
        """
        if self._lock.open(self._at(), create=not shared):
            with self.page.borrowed(self._at()) as words:
                Line(words, self._pid).wait(partial(self._lock.attempt, shared=shared), timeout_s, self._lock.refusal)
            self._note()

    def try_lock(self) -> bool:
        """Take the lock of writers, which was taken before, if nobody has it, or goes first; return whether it is."""
        words = self.page.words
        if words[WAITING]:
            return False
        try:
            self._lock.take()
        except OSError as error:
            if error.errno in BUSY:
                return False
            raise
        words[HOLDER] = self._pid
        return True

    def unlock(self) -> None:
        """Give the lock of writers back. Giving it back twice does nothing."""
        self._lock.give()

    def unlocking(self) -> Callable[[], object]:
        """Return what does as `unlock` until the files are closed, without a function of Python's around it."""
        return self._lock.give

    def _note(self) -> None:
        if not self.page.words.readonly:
            self.page.words[HOLDER] = self._pid

    def attend(self, *, exclusive: bool) -> bool:
        """Join those who have the database open; return whether there are no others. The caller holds the lock."""
        place = self._at()
        self.page.map(place, write=True)
        alone = self.page.attend(place)
        self._note()
        self._noted = exclusive and alone
        if self._noted:
            self._lock.note_holder()
        else:
            self._lock.forget_holder()
        return alone

    def lock_compaction(self, timeout_s: float | None) -> None:
        """Take the lock of compactions, and of those who keep them away.

        Raises:
            LockedError: Another process has it.
        """
        self._compaction.open(self._at(), create=True)
        self._compaction.wait(timeout_s)
        self._compaction.note_holder()

    def unlock_compaction(self) -> None:
        """Give the lock of compactions back."""
        self._compaction.close()

    def close(self) -> None:
        """Give everything back. A forked child closes its descriptors only: the locks are its parent's."""
        if self._noted and self._pid == os.getpid():
            self._lock.forget_holder()
        self.page.close()
        self._compaction.close()
        self._lock.close()

    def _holder(self, descriptor: int) -> int | None:
        return self._noted_in(descriptor) or last_holder(self._at(), self._system)

    def _noted_in(self, descriptor: int) -> int | None:
        text = self._system.read_at(descriptor, 20, 0).decode("ascii", "replace")
        return int(text) if text.isdigit() else None
