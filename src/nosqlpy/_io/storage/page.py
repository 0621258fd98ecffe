"""The page of memory that processes share, and the lock that tells whether anybody else has the database open."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nosqlpy._core.engine.shared import HOLDER, PAGE_SIZE, PROCESSES_MAX, private_words
from nosqlpy._io.storage.lock import FileLock
from nosqlpy._io.storage.system import SYSTEM, Place, System
from nosqlpy.errors import LockedError

SHM = "SHM"


class SharedPage:
    """The file SHM: mapped by everyone, and held with a shared ``flock`` by every process that may write.

    The lock is on a descriptor of its own, since a mapping keeps the one that it was made with.
    """

    def __init__(self, directory: Path, system: System = SYSTEM) -> None:
        self._system = system
        self._directory = directory
        self.words: memoryview = private_words()
        self._presence = FileLock(directory, SHM, lambda _: None, system)
        # this process has a number, and for as long as it lives the lock on the file of that
        self.process: int = 0
        self._number: FileLock | None = None
        self._mapped = False

    def map(self, directory: Place, *, write: bool) -> bool:
        """Map the page; return whether there is one. With `write` it is made if need be.

        Raises:
            OSError: It cannot be made.
        """
        if not self._mapped:
            try:
                descriptor = self._system.open(directory, SHM, os.O_RDWR | os.O_CREAT if write else os.O_RDONLY)
            except FileNotFoundError:
                return False
            try:
                self._mapped = self._map(descriptor, write=write)
            finally:
                os.close(descriptor)
        return self._mapped

    def _map(self, descriptor: int, *, write: bool) -> bool:
        missing = PAGE_SIZE - os.fstat(descriptor).st_size
        if missing > 0 and not write:
            return False
        if missing > 0:  # written, not only grown: a page without a place on a full disk would kill the process later
            self._system.write_at(descriptor, bytes(missing), PAGE_SIZE - missing)
        mapping = mmap.mmap(descriptor, PAGE_SIZE, access=mmap.ACCESS_WRITE if write else mmap.ACCESS_READ)
        self.words = memoryview(mapping).cast("Q")
        return True

    @contextmanager
    def borrowed(self, directory: Place) -> Iterator[memoryview]:
        """Have the words for a while, also before the page is mapped for good; private ones if there is no page yet."""
        if self._mapped:
            yield self.words
            return
        try:
            descriptor = self._system.open(directory, SHM, os.O_RDWR)
        except OSError:
            yield private_words()
            return
        try:
            if os.fstat(descriptor).st_size < PAGE_SIZE:
                yield private_words()
                return
            mapping = mmap.mmap(descriptor, PAGE_SIZE)
        finally:
            os.close(descriptor)
        with mapping, memoryview(mapping).cast("Q") as words:
            yield words

    def attend(self, directory: Place) -> bool:
        """Note that this process has the database open; return whether no other one has. The caller holds the lock."""
        self._presence.open(directory, create=True)
        alone = self._presence.attempt()
        self._presence.attempt(shared=True)  # nobody else comes in between: whoever comes must hold the lock
        self._take_number(directory)
        return alone

    def _take_number(self, directory: Place) -> None:
        """Take the first number that no living process has, unless this one has one."""
        for number in range(PROCESSES_MAX if self._number is None else 0):
            lock = self._lock_of(number)
            lock.open(directory, create=True)
            if lock.attempt():
                self.process, self._number = number, lock
                return
            lock.close()
        if self._number is None:
            raise LockedError(f"{PROCESSES_MAX} processes have the database open, and no more can")

    def _lock_of(self, number: int) -> FileLock:
        return FileLock(self._directory, f"SYNC-{number}", lambda _: None, self._system)

    def is_living(self, directory: Place, process: int) -> bool:
        """Return whether another process lives that has this number."""
        lock = self._lock_of(process)
        if not lock.open(directory, create=False):
            return False
        try:
            return not lock.attempt()
        finally:
            lock.close()

    def is_attended(self, directory: Place) -> bool:
        """Return whether anybody has the database open. The caller, who has not, holds the lock."""
        if not self._presence.open(directory, create=False):
            return False
        try:
            return not self._presence.attempt()
        finally:
            self._presence.close()

    def leave(self) -> bool:
        """Take the note back; return whether no other process has the database open. The caller holds the lock."""
        alone = self._presence.attempt()
        self._presence.close()
        return alone

    def close(self) -> None:
        """Let go of the file; whoever still reads the words has them to himself."""
        self._presence.close()
        number, self._number = self._number, None
        if number is not None:
            number.close()
        self.words, self._mapped = private_words(), False


def last_holder(directory: Place, system: System = SYSTEM) -> int | None:
    """Return the process that took the lock last, as the page tells; None where it does not."""
    try:
        descriptor = system.open(directory, SHM, os.O_RDONLY)
    except OSError:
        return None
    try:
        return int.from_bytes(system.read_at(descriptor, 8, 8 * HOLDER), sys.byteorder) or None
    finally:
        os.close(descriptor)
