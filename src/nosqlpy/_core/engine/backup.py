"""Backup: a copy of all segments as they were at one moment, checked while it is written."""

from __future__ import annotations

import msgspec

from nosqlpy._core.engine import building
from nosqlpy._core.engine.content import SYNC_BYTES
from nosqlpy._core.engine.effects import Append, Procedure, ReadPart, Sync, WriteFile
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.manifest import Manifest, SealedSegment
from nosqlpy._core.log.segment import KIND_LOG, segment_name
from nosqlpy._core.log.stream import SegmentCheck

PART_SIZE = 1 << 20


class Moment(msgspec.Struct, frozen=True):
    """What a backup copies: the manifest of the copy, and its segments, the active one up to where it ended."""

    manifest: Manifest
    segments: tuple[SealedSegment, ...]
    lsn: int
    documents: int

    @property
    def size(self) -> int:
        """How many bytes there are to copy."""
        return sum(segment.file_size for segment in self.segments)


def moment(engine: Engine) -> Moment:
    """Return this moment, under the lock. What ``fast`` had buffered is in the file."""
    end = engine.tail.end
    manifest = msgspec.structs.replace(engine.manifest, clean_size=end.size, clean_crc=end.crc)
    active = SealedSegment(engine.tail.header.number, KIND_LOG, end.lsn, end.size, end.crc)
    return Moment(manifest, (*manifest.sealed, active), end.lsn, engine.count_documents())


def copy(moment: Moment) -> Procedure[int]:
    """Write the copy, and its manifest when all of it is durable; return its size in bytes.

    Segments that are sealed never change, and the active one only grows, so that nobody
    is kept from writing. ``ReadPart`` reads the original, all other effects are on the copy.

    Raises:
        CorruptionError: The original is damaged. There is no copy then.
        FileNotFoundError: The original was compacted meanwhile, by another process.
    """
    for segment in moment.segments:
        yield from _copy_segment(segment, moment.manifest.database)
    yield from building.finish(moment.manifest)
    return moment.size


def _copy_segment(segment: SealedSegment, database: bytes) -> Procedure[None]:
    name = segment_name(segment.number)
    check = SegmentCheck(segment, database)
    for offset in range(0, segment.file_size, PART_SIZE):
        data: bytes = yield ReadPart(name, offset, min(PART_SIZE, segment.file_size - offset))
        check.feed(data)
        yield Append(name, data) if offset else WriteFile(name, data)
        if offset and offset % SYNC_BYTES == 0:
            yield Sync(name)
    check.finish()
    if segment.file_size > PART_SIZE:
        yield Sync(name)
