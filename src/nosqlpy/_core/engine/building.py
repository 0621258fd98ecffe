"""Building a database in an empty directory: nothing there opens until all of it is durable.

A marker is written first and removed last: a directory that holds it is refused,
and its name says why. Without it a crash could leave a directory in which the next
opening would make an empty database.
"""

from __future__ import annotations

from collections.abc import Iterable

from nosqlpy._core.engine.content import write_base
from nosqlpy._core.engine.effects import ListFiles, Procedure, RandomBytes, Remove, SyncDirectory
from nosqlpy._core.engine.publish import create_active, new_salt, publish, remove, write_new
from nosqlpy._core.engine.tail import Position
from nosqlpy._core.log.manifest import MANIFEST, Manifest
from nosqlpy._core.log.operation import Operation
from nosqlpy._core.log.segment import KIND_BASE, SegmentHeader
from nosqlpy.errors import StorageError

MARKER = "UNFINISHED"
LOCK = "LOCK"


def check_empty() -> Procedure[None]:
    """Refuse a directory that holds anything.

    Raises:
        StorageError: It does.
    """
    names: list[str] = yield ListFiles()
    others = sorted(set(names) - {LOCK})
    if others:
        raise StorageError(
            f"the directory must be new or empty; it holds {others[0]!r}", details={"files": others[:10]}
        )


def begin() -> Procedure[None]:
    """Mark an empty directory as one in which a database is being built."""
    yield from write_new(MARKER, b"what was being written here was not finished; remove the directory\n")
    yield SyncDirectory()


def finish(manifest: Manifest) -> Procedure[None]:
    """Make a database of the segments that stand in the directory, durable by now."""
    yield SyncDirectory()
    yield Remove(MARKER)
    yield from publish(manifest)


def discard() -> Procedure[None]:
    """Remove all that an unfinished building has left: a manifest, which makes it a database, first, the marker last.

    Raises:
        OSError: The manifest cannot be removed; all is left as it is, complete.
    """
    names: list[str] = yield ListFiles()
    if MANIFEST in names:
        yield Remove(MANIFEST)
        yield SyncDirectory()
    yield from remove(sorted(set(names) - {MANIFEST, MARKER, LOCK}))
    yield SyncDirectory()
    yield from remove(name for name in (MARKER, LOCK) if name in names)


def build(
    parts: Iterable[list[Operation]], *, database: bytes | None = None, end: Position | None = None
) -> Procedure[int]:
    """Write a database that holds what `parts` say, a frame for each; return its size in bytes.

    It gets an identity of its own, and a history that begins here, unless it is a copy
    of `database` at its `end`.
    """
    identity: bytes = (yield RandomBytes(16)) if database is None else database
    lsn, crc = (0, 0) if end is None else (end.lsn, end.crc)
    salt = yield from new_salt()
    base = yield from write_base(SegmentHeader(identity, 1, lsn, salt, 0, KIND_BASE), parts)
    tail = yield from create_active(identity, 2, lsn, crc)
    yield from finish(Manifest(identity, 1, (base,), 2, clean_size=tail.end.size, clean_crc=crc))
    return base.size + tail.end.size
