"""Effects: the steps that a cold procedure asks the shell to take.

Recovery, rotation, closing and compaction need several I/O steps with decisions
in between. They are generators that yield one effect at a time; the shell sends
back its result, or throws the error that it met.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeAlias, TypeVar

import msgspec

R = TypeVar("R")


class ListFiles(msgspec.Struct, frozen=True):
    """Send back the names of all files in the directory."""


class ReadFile(msgspec.Struct, frozen=True):
    """Send back the whole content of a file."""

    name: str


class ReadPart(msgspec.Struct, frozen=True):
    """Send back `size` bytes of a file from `offset` on, or what there is of them."""

    name: str
    offset: int
    size: int


class ReadOn(msgspec.Struct, frozen=True):
    """Send back what a file that is in use holds from `offset` on, also if it has been removed since."""

    name: str
    offset: int


class WriteFile(msgspec.Struct, frozen=True):
    """Create a file that must not exist, with this content, and make the content durable."""

    name: str
    data: bytes


class Append(msgspec.Struct, frozen=True):
    """Add bytes to the end of a file."""

    name: str
    data: bytes


class Truncate(msgspec.Struct, frozen=True):
    """Cut a file to `size` bytes."""

    name: str
    size: int


class Sync(msgspec.Struct, frozen=True):
    """Make what was written to a file durable. May be answered by `DoubtfulError`."""

    name: str


class DoubtfulError(OSError):
    """A sync was reported to have succeeded, and that is not to be believed: another process may have had it fail."""


class SyncDirectory(msgspec.Struct, frozen=True):
    """Make the names of created, replaced and removed files durable."""


class Replace(msgspec.Struct, frozen=True):
    """Give `source` the name `target`, in one step."""

    source: str
    target: str


class Remove(msgspec.Struct, frozen=True):
    """Remove a file."""

    name: str


class Release(msgspec.Struct, frozen=True):
    """Keep a file open no longer: it will never change again."""

    name: str


class RandomBytes(msgspec.Struct, frozen=True):
    """Send back so many random bytes."""

    size: int


Effect: TypeAlias = (
    ListFiles
    | ReadFile
    | ReadPart
    | ReadOn
    | WriteFile
    | Append
    | Truncate
    | Sync
    | SyncDirectory
    | Replace
    | Remove
    | Release
    | RandomBytes
)
Procedure: TypeAlias = Generator[Effect, Any, R]
