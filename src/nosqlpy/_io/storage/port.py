"""The port to the world: what a database needs of a directory, and of the others who have it open.

Names are those of files in the database's directory. Every verb raises OSError
when the system refuses; a verb that fails may have done part of its work.
"""

from __future__ import annotations

from typing import Protocol


class OpenFile(Protocol):
    """A file that is open for reading."""

    def __call__(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on, or what there is of them."""

    def size(self) -> int:
        """Return how many bytes the file has now."""


class Storage(Protocol):
    """One database's directory, or what stands for it."""

    @property
    def words(self) -> memoryview:
        """64-bit words that all processes share which have the directory open; before that, private ones."""

    @property
    def process(self) -> int:
        """The number of this process among those that have the directory open, from `attend` on: nobody else has it."""

    def is_living(self, process: int) -> bool:
        """Return whether the process with this number, not this one's, has the directory open still."""

    def lock(self, *, shared: bool, timeout_s: float | None) -> None:
        """Take the lock of writers, or share it with other readers; wait so many seconds (None: for ever).

        Raises:
            LockedError: Another process holds it.
        """

    def try_lock(self) -> bool:
        """Take the lock of writers, which was taken before, if nobody has it; return whether it is taken."""

    def unlock(self) -> object:
        """Give the lock of writers back. Giving it back twice does nothing."""

    def attend(self, *, exclusive: bool) -> bool:
        """Join those who have the directory open; return whether there are no others. The caller holds the lock.

        Raises:
            LockedError: More have it open than there are numbers.
        """

    def leave(self) -> bool:
        """Leave those who have the directory open; return whether there are no others. The caller holds the lock."""

    def watch(self) -> bool:
        """Make the shared words readable without joining; return whether there are any."""

    def lock_compaction(self, timeout_s: float | None) -> None:
        """Take the lock of those who remove segments, or keep others from it.

        Raises:
            LockedError: Another process holds it.
        """

    def unlock_compaction(self) -> None:
        """Give the lock of compactions back."""

    def stamp(self, name: str) -> tuple[int, int, int]:
        """Return what changes when another file is given this name."""

    def list_files(self) -> list[str]:
        """Return the names of all files."""

    def read_file(self, name: str) -> bytes:
        """Return the whole content of a file."""

    def read_part(self, name: str, offset: int, size: int) -> bytes:
        """Return `size` bytes of a file from `offset` on, or what there is of them."""

    def open_file(self, name: str) -> OpenFile:
        """Return what reads parts of the file that has this name now.

        That file can be read while somebody refers to this, also when it was removed, or the storage closed.
        """

    def read_on(self, name: str, offset: int) -> bytes:
        """Return what a file holds from `offset` on. It stays open, and can be read on also when it was removed."""

    def release(self, name: str) -> None:
        """Close a file; it is opened again if need be."""

    def write_file(self, name: str, data: bytes) -> None:
        """Create a file that must not exist, with this content, durable; its name becomes so by `sync_directory`."""

    def append(self, name: str, data: bytes) -> None:
        """Hand `data` to the system, to stand at the end of the file."""

    def size(self, name: str) -> int:
        """Return the size of a file in bytes."""

    def truncate(self, name: str, size: int) -> None:
        """Cut a file to `size` bytes."""

    def sync(self, name: str) -> None:
        """Make what was written to a file durable."""

    def sync_directory(self) -> None:
        """Make the names of created, replaced and removed files durable."""

    def replace(self, source: str, target: str) -> None:
        """Give `source` the name `target`, in one step."""

    def remove(self, name: str) -> None:
        """Remove a file."""

    def free_space(self) -> int | None:
        """Return how many bytes can still be written, or None if nobody knows."""

    def random_bytes(self, size: int) -> bytes:
        """Return so many random bytes."""

    def close(self) -> None:
        """Let go of everything, the lock too."""
