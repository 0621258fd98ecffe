"""Compaction: the whole history up to now, merged into one segment without what is dead.

Three phases. Under the lock the active segment is sealed and the state is taken
(a list of references, no copy of documents). Without the lock its documents are
written to a base segment. Under the lock a manifest is published in which the base
stands for the segments that it covers. A crash at any point leaves the old
segments or the base; what is left over is removed by the next opening.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import msgspec

from nosqlpy._core.engine.effects import Append, Procedure, SyncDirectory, WriteFile
from nosqlpy._core.engine.publish import new_salt, publish, remove, rotate, sync
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.frame import encode_frame
from nosqlpy._core.log.manifest import SealedSegment
from nosqlpy._core.log.operation import Define, Operation, Put
from nosqlpy._core.log.segment import KIND_BASE, SegmentHeader, segment_name
from nosqlpy._core.values.codec import decode_id

FRAME_DOCUMENTS = 1000
FRAME_BYTES = 32 << 20


class Moment(msgspec.Struct, frozen=True):
    """The state at the end of phase one: what the base will hold, and which segments it will stand for."""

    covered: tuple[SealedSegment, ...]
    header: SegmentHeader
    definitions: list[Operation]
    documents: list[tuple[int, list[tuple[Hashable, bytes]]]]


def begin(engine: Engine) -> Procedure[Moment]:
    """Phase one, under the lock: seal the active segment and take the state."""
    engine.check_writable()
    yield from rotate(engine)
    salt = yield from new_salt()
    base_lsn = engine.tail.end.lsn
    header = SegmentHeader(engine.manifest.database, engine.take_segment_number(), base_lsn, salt, 0, KIND_BASE)
    collections = list(engine.collections.values())
    definitions: list[Operation] = []
    for collection in collections:
        definitions.append(Define(collection.number, "create", {"name": collection.name}))
        definitions += [
            Define(collection.number, "index", {"name": index.name, "keys": index.keys})
            for index in collection.indexes.definitions()
        ]
    documents = [(collection.number, list(collection.slots.items())) for collection in collections]
    return Moment(engine.manifest.sealed, header, definitions, documents)


def write_base(moment: Moment) -> Procedure[SealedSegment]:
    """Phase two, without the lock: write the base, durably; return its entry for the manifest."""
    header = moment.header
    name = segment_name(header.number)
    head = header.encode()
    yield WriteFile(name, head)
    size, crc = len(head), header.prev_crc
    for lsn, operations in enumerate(_frames(moment), start=1):
        data, crc = encode_frame(operations, lsn=lsn, synced_upto=0, prev_crc=crc, salt=header.salt)
        yield Append(name, data)
        size += len(data)
    yield from sync(name)
    yield SyncDirectory()
    return SealedSegment(header.number, KIND_BASE, header.base_lsn, size, crc)


def _frames(moment: Moment) -> Iterator[list[Operation]]:
    """Yield the operations of each frame of the base: the catalogue, then documents by the thousand."""
    if moment.definitions:
        yield moment.definitions
    for number, documents in moment.documents:
        for part in _parts([len(data) for _, data in documents]):
            keys, blobs = map(list, zip(*documents[part], strict=True))
            yield [Put(number, keys, list(map(decode_id, blobs)), blobs)]


def _parts(sizes: list[int]) -> Iterator[slice]:
    """Yield slices of documents of these sizes: each of them of a thousand, or of so many as have 32 MiB."""
    start = size = 0
    for stop, length in enumerate(sizes, start=1):
        size += length
        if stop - start == FRAME_DOCUMENTS or size >= FRAME_BYTES:
            yield slice(start, stop)
            start, size = stop, 0
    if start < len(sizes):
        yield slice(start, len(sizes))


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
