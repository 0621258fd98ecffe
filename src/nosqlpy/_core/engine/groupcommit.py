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
    """How far the log is appended and how far it is durable, in LSNs, and who syncs it now.

    Whoever is told to sync passes a token of its own, so that it alone can end its sync,
    however it is interrupted, and no other's.
    """

    __slots__ = ("_claimed", "_owner", "appended", "failure", "synced")

    def __init__(self, lsn: int) -> None:
        self.appended = lsn
        self.synced = lsn
        self.failure: BaseException | None = None
        self._owner: object | None = None
        self._claimed = False

    def verdict(self, lsn: int) -> Verdict:
        """Say whether frame `lsn` is durable, has a sync to wait for, or needs one.

        Raises:
            StorageError: A sync failed. What it should have covered may or may not be durable.
        """
        if self.synced >= lsn:
            return Verdict.DONE
        if self.failure is not None:
            failed = "a sync of the log failed" if isinstance(self.failure, Exception) else "a sync was broken off"
            raise StorageError(
                f"{failed}: whether this write is durable is unknown; reopen the database"
            ) from self.failure
        return Verdict.SYNC if self._owner is None else Verdict.WAIT

    def begin(self, owner: object) -> None:
        """Note that `owner` will sync; those who come now wait for that."""
        self._owner, self._claimed = owner, False

    def claim(self, owner: object) -> bool:
        """Return whether `owner` still is to sync, and note that it does."""
        self._claimed = self._owner is owner
        return self._claimed

    def done(self, lsn: int) -> None:
        """Note that everything up to frame `lsn` is durable."""
        self.synced = max(self.synced, lsn)

    def fail(self, error: BaseException) -> None:
        """Note that a sync failed. It is never tried again: the system may have dropped what it held."""
        self.failure = self.failure or error

    def end(self, owner: object, *, unclaimed: bool = False) -> bool:
        """Note that the sync of `owner` has ended, or with `unclaimed` never began; return whether it had one."""
        if self._owner is not owner or (unclaimed and self._claimed):
            return False
        self._owner = None
        return True
