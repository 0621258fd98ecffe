"""Publishing a manifest: the one step that makes new segments the database."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from nosqlpy._core.engine.effects import (
    DoubtfulError,
    Procedure,
    RandomBytes,
    ReadOn,
    Release,
    Remove,
    Replace,
    Sync,
    SyncDirectory,
    WriteFile,
)
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.tail import Tail
from nosqlpy._core.log.frame import scan_segment
from nosqlpy._core.log.manifest import MANIFEST, Manifest, SealedSegment
from nosqlpy._core.log.segment import KIND_LOG, SegmentHeader, damaged, segment_name
from nosqlpy.errors import StorageError


class InDoubtError(StorageError):
    """A step failed whose outcome cannot be known: the engine must be reopened."""


def sync(name: str) -> Procedure[None]:
    """Make what was written to the file `name` durable.

    Raises:
        DoubtfulError: It may have failed.
        InDoubtError: It failed. It is not tried again: the system may have dropped what it could not write.
    """
    try:
        yield Sync(name)
    except DoubtfulError:
        raise
    except OSError as error:
        raise InDoubtError(f"{name} could not be synced: {error}") from error


def publish(manifest: Manifest) -> Procedure[None]:
    """Make `manifest` the database's, durably. A crash leaves the old one or the new one.

    The temporary name is never used twice, so that a name that a crash left behind
    cannot stand for this content.

    Raises:
        InDoubtError: It failed at a point from which it is unknown which manifest stands.
        OSError: It failed before; the old manifest stands.
    """
    token: bytes = yield RandomBytes(8)
    temporary = f"{MANIFEST}-{token.hex()}.tmp"
    yield from write_new(temporary, manifest.encode())
    try:
        yield Replace(temporary, MANIFEST)
        yield SyncDirectory()
    except OSError as error:
        raise InDoubtError(f"the manifest could not be replaced: {error}") from error


def new_salt() -> Procedure[int]:
    """Return a random salt for a segment."""
    data: bytes = yield RandomBytes(4)
    return int.from_bytes(data, "little")


def create_active(database: bytes, number: int, base_lsn: int, prev_crc: int) -> Procedure[Tail]:
    """Create the file of a new active segment, durably; return its tail. No manifest names it yet."""
    salt = yield from new_salt()
    header = SegmentHeader(database, number, base_lsn, salt, prev_crc, KIND_LOG)
    yield from write_new(segment_name(number), header.encode())
    yield SyncDirectory()
    return Tail.start(header)


def write_new(name: str, data: bytes) -> Procedure[None]:
    """Create a file with this content, durably, or leave none.

    Raises:
        OSError: It cannot be written.
    """
    try:
        yield WriteFile(name, data)
    except OSError:
        yield from remove([name])
        raise


def remove(names: Iterable[str]) -> Procedure[None]:
    """Remove files that no manifest names; one that cannot be removed now is left for the next opening."""
    for name in names:
        try:
            yield Remove(name)
        except OSError:
            continue


def rotate(engine: Engine, *, anew: bool = False) -> Procedure[None]:
    """Sync and seal the active segment, and start the next one; `anew`, or where that sync is in doubt, seal a copy.

    The copy is the segment but for its number, so that whoever has read that goes on behind it. The file
    of the segment stays: there may be places in it.
    """
    manifest, tail = engine.manifest, engine.tail
    end, number = tail.end, tail.header.number
    try:
        if anew:
            number = yield from _write_copy(engine)
        else:
            yield from sync(tail.name)
    except DoubtfulError:
        number = yield from _write_copy(engine)
    sealed = SealedSegment(number, KIND_LOG, end.lsn, end.size, end.crc)
    fresh = yield from create_active(manifest.database, engine.take_segment_number(), end.lsn, end.crc)
    published = msgspec.structs.replace(
        manifest,
        generation=manifest.generation + 1,
        sealed=(*manifest.sealed, sealed),
        active=fresh.header.number,
        clean_size=None,
    )
    try:
        yield from publish(published)
    except OSError:  # the old manifest stands, and does not name the new segment
        yield from remove([fresh.name])
        raise
    engine.manifest, engine.tail = published, fresh
    yield Release(tail.name)


def _write_copy(engine: Engine) -> Procedure[int]:
    """Write what the system has of the active segment to another one, durably; return its number.

    Raises:
        CorruptionError: That is not what was written.
    """
    tail, end = engine.tail, engine.tail.end
    content: bytes = yield ReadOn(tail.name, 0)
    scan = scan_segment(content, tail.header)
    last = scan.frames[-1].crc if scan.frames else tail.header.prev_crc
    if (scan.end, last) != (end.size, end.crc):
        raise damaged(tail.name, min(scan.end, end.size), "is not what this process has read there before")
    header = msgspec.structs.replace(tail.header, number=engine.take_segment_number())
    encoded = header.encode()
    yield from write_new(segment_name(header.number), encoded + content[len(encoded) : end.size])
    return header.number


def begin_epoch(engine: Engine) -> Procedure[None]:
    """Publish that whoever still has the database open from before may not go on."""
    manifest = engine.manifest
    begun = msgspec.structs.replace(manifest, generation=manifest.generation + 1, epoch=manifest.epoch + 1)
    yield from publish(begun)
    engine.manifest = begun


def mark(engine: Engine, *, clean: bool) -> Procedure[None]:
    """Sync the log and publish where it ends, on closing; or publish, before the first append, that this is unknown."""
    if clean:
        try:
            yield from sync(engine.tail.name)
        except DoubtfulError:
            yield from rotate(engine, anew=True)
    end = engine.tail.end
    marked = msgspec.structs.replace(
        engine.manifest,
        generation=engine.manifest.generation + 1,
        clean_size=end.size if clean else None,
        clean_crc=end.crc if clean else 0,
    )
    yield from publish(marked)
    engine.manifest = marked
