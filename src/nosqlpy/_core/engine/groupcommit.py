"""Group commit: one sync for every writer that waits.

A pure state machine. It is told what was appended and what became durable, and
says what a waiting writer has to do. A sync covers everything that was appended
when it began; writers who come later share the next one, so no delay is needed
to gather them.
"""

from __future__ import annotations

from enum import Enum, auto

from nosqlpy.errors import StorageError


class Verdict(Enum):
    """What a writer who waits for durability does next."""

    DONE = auto()
    WAIT = auto()
    SYNC = auto()


class GroupCommit:
    """How far the log is appended and how far it is durable, in LSNs, and whether a sync is under way."""

    __slots__ = ("_syncing", "appended", "failure", "synced")

    def __init__(self, lsn: int) -> None:
        self.appended = lsn
        self.synced = lsn
        self.failure: BaseException | None = None
        self._syncing = False

    def verdict(self, lsn: int) -> Verdict:
        """Say whether frame `lsn` is durable, has a sync to wait for, or needs one.

        Raises:
            StorageError: A sync failed. What it should have covered may or may not be durable.
        """
        if self.synced >= lsn:
            return Verdict.DONE
        if self.failure is not None:
            raise StorageError(
                "a sync of the log failed: whether this write is durable is unknown; reopen the database"
            ) from self.failure
        return Verdict.WAIT if self._syncing else Verdict.SYNC

    def begin(self) -> None:
        """Note that a sync is under way; those who come now wait for its end."""
        self._syncing = True

    def done(self, lsn: int) -> None:
        """Note that everything up to frame `lsn` is durable."""
        self.synced = max(self.synced, lsn)

    def fail(self, error: BaseException) -> None:
        """Note that a sync failed. It is never tried again: the system may have dropped what it held."""
        self.failure = self.failure or error

    def end(self) -> None:
        """Note that no sync is under way: done, failed, or broken off so that another may begin."""
        self._syncing = False
