"""Compaction: the whole history up to now, merged into one segment without what is dead.

Three phases. Under the lock the active segment is sealed and the state is taken
(a list of references, no copy of documents). Without the lock its documents are
written to a base segment. Under the lock a manifest is published in which the base
stands for the segments that it covers. A crash at any point leaves the old
segments or the base; what is left over is removed by the next opening.
"""

from __future__ import annotations

from typing import Any

import msgspec

from nosqlpy._core.engine import content
from nosqlpy._core.engine.content import Content
from nosqlpy._core.engine.effects import Procedure
from nosqlpy._core.engine.publish import new_salt, publish, remove, rotate
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.manifest import SealedSegment
from nosqlpy._core.log.segment import KIND_BASE, SegmentHeader, segment_name


class Moment(msgspec.Struct, frozen=True):
    """The state at the end of phase one: what the base will hold, and which segments it will stand for."""

    covered: tuple[SealedSegment, ...]
    header: SegmentHeader
    content: Content


def begin(engine: Engine) -> Procedure[Moment]:
    """Phase one, under the lock: seal the active segment and take the state."""
    engine.check_writable()
    yield from rotate(engine)
    salt = yield from new_salt()
    base_lsn = engine.tail.end.lsn
    header = SegmentHeader(engine.manifest.database, engine.take_segment_number(), base_lsn, salt, 0, KIND_BASE)
    return Moment(engine.manifest.sealed, header, content.take(engine))


def write_base(moment: Moment) -> Procedure[SealedSegment]:
    """Phase two, without the lock: write the base, durably; return its entry for the manifest."""
    return content.write_base(moment.header, content.frames(moment.content))


def finish(engine: Engine, moment: Moment, base: SealedSegment) -> Procedure[dict[str, Any]]:
    """Phase three, under the lock: let the base stand for what it covers, then remove that.

    Raises:
        ClosedError: The database was closed meanwhile: its files may be another process's by now.
    """
    engine.check_writable()
    manifest = engine.manifest
    later = manifest.sealed[len(moment.covered) :]
    published = msgspec.structs.replace(
        manifest, generation=manifest.generation + 1, sealed=(base, *later), clean_size=None
    )
    yield from publish(published)
    engine.manifest = published
    yield from remove(segment_name(segment.number) for segment in moment.covered)
    before = sum(segment.size for segment in moment.covered)
    return {"bytes_before": before, "bytes_after": base.size, "segments_merged": len(moment.covered)}


def abandon(engine: Engine, moment: Moment) -> Procedure[None]:
    """Remove a base that could not be finished, unless the manifest names it by now; the database is as it was."""
    if moment.header.number not in {segment.number for segment in engine.manifest.sealed}:
        yield from remove([segment_name(moment.header.number)])
