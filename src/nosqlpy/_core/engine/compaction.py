"""Compaction: the whole history up to now, merged into one segment without what is dead.

Three phases. Under the lock the active segment is sealed and the state is taken
(a list of references, no copy of documents). Without the lock its documents are
written to a base segment. Under the lock a manifest is published in which the base
stands for the segments that it covers. A crash at any point leaves the old
segments or the base; what is left over is removed by the next opening.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate, repeat
from typing import Any
from zlib import crc32

import msgspec

from nosqlpy._core.engine import content, hints, snapshots
from nosqlpy._core.engine.content import Content
from nosqlpy._core.engine.effects import Procedure
from nosqlpy._core.engine.publish import new_salt, publish, remove, rotate
from nosqlpy._core.engine.reader import Stored
from nosqlpy._core.engine.slots import RECORD_SIZE
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.walk import Columns, empty
from nosqlpy._core.log.manifest import SealedSegment
from nosqlpy._core.log.operation import Operation, Put
from nosqlpy._core.log.packing import BLOCK_SIZE
from nosqlpy._core.log.place import place_of
from nosqlpy._core.log.segment import KIND_BASE, SegmentHeader, segment_name

# documents that get their new places at once: about a millisecond
REBASE_STEP = 5_000

# what must be dead for a compaction to begin by itself: so many bytes, and this share of the log
DEAD_BYTES = 16 << 20
DEAD_SHARE = 0.5


def room(engine: Engine) -> int:
    """Return how many bytes a base would have, about."""
    collections = list(engine.collections.values())
    return sum(collection.slots.live + RECORD_SIZE * collection.slots.count() for collection in collections)


def due(engine: Engine) -> bool:
    """Whether so much of the log is dead that compacting it is worth while."""
    total = sum(segment.size for segment in engine.manifest.sealed) + engine.tail.end.size
    dead = min(engine.memory.dead, total - room(engine))
    return dead >= DEAD_BYTES and dead >= DEAD_SHARE * total


def load(engine: Engine) -> None:
    """See to it that `begin`, which keeps writers out, has nothing to load.

    Raises:
        Unloaded: A collection is to be loaded first.
    """
    for collection in list(engine.collections.values()):
        if not collection.is_loaded:
            collection.slots.all()


class Moment(msgspec.Struct, frozen=True):
    """The state at the end of phase one: what the base will hold, and which segments it will stand for."""

    covered: tuple[SealedSegment, ...]
    header: SegmentHeader
    content: Content
    copied: Copied
    dead: int


class Copied:
    """The documents that the base holds, by the number of their collection: keys and places, in their order."""

    __slots__ = ("_segment", "collections")

    def __init__(self, segment: int) -> None:
        self._segment = segment
        self.collections: dict[int, Columns] = {}

    def note(self, operations: list[Operation], end: int) -> None:
        """Take down the documents of a frame that ends at `end`: they are the last of it."""
        for operation in operations:
            if isinstance(operation, Put):
                columns = self.collections.setdefault(operation.collection, Columns())
                lengths = list(map(len, operation.documents))
                starts = accumulate(lengths, initial=end - sum(lengths))
                crcs = map(crc32, operation.documents)
                columns.keys += operation.keys
                columns.ids += operation.ids
                columns.places += map(place_of, repeat(self._segment), starts, lengths, crcs)


def begin(engine: Engine, codec: int = 0) -> Procedure[Moment]:
    """Phase one, under the lock: seal the active segment and take the state. With a `codec` the base will be packed."""
    engine.check_writable()
    # taken before the active segment's, it is less than that: no other process takes it meanwhile
    number = engine.take_segment_number()
    yield from rotate(engine)
    salt = yield from new_salt()
    base_lsn = engine.tail.end.lsn
    block_size = BLOCK_SIZE if codec else 0
    header = SegmentHeader(engine.manifest.database, number, base_lsn, salt, 0, KIND_BASE, codec, block_size)
    copied = Copied(header.number)
    return Moment(engine.manifest.sealed, header, content.take(engine), copied, engine.memory.dead)


def write_base(moment: Moment, watch: Callable[[int, int], None] | None = None) -> Procedure[SealedSegment]:
    """Phase two, without the lock: write the base, durably; return its entry for the manifest.

    `watch` is told after each frame how many documents are copied, of how many.
    """
    done, total = 0, moment.content.count

    def note(operations: list[Operation], end: int) -> None:
        nonlocal done
        moment.copied.note(operations, end)
        done += sum(len(operation.ids) for operation in operations if isinstance(operation, Put))
        if watch is not None:
            watch(done, total)

    return content.write_base(moment.header, content.frames(moment.content), note)


def finish(engine: Engine, moment: Moment, base: SealedSegment) -> Procedure[dict[str, Any]]:
    """Phase three, under the lock: let the base stand for what it covers.

    Raises:
        ClosedError: The database was closed meanwhile: its files may be another process's by now.
    """
    engine.check_writable()
    manifest = engine.manifest
    later = manifest.sealed[len(moment.covered) :]
    published = msgspec.structs.replace(
        manifest, generation=manifest.generation + 1, sealed=(base, *later), clean_size=None
    )
    engine.expect_packed(published)
    if engine.memory.mixed:  # the base, too: another process may compact again
        engine.memory.files().hold([base.number, *(segment.number for segment in moment.covered)])
    yield from publish(published)
    engine.manifest = published
    engine.memory.dead -= moment.dead
    before = sum(segment.file_size for segment in moment.covered)
    return {"bytes_before": before, "bytes_after": base.file_size, "segments_merged": len(moment.covered)}


def sweep(moment: Moment) -> Procedure[None]:
    """After phase three, without the lock: remove the segments for which the base stands."""
    return remove(segment_name(segment.number) for segment in moment.covered)


def rebase(engine: Engine, moment: Moment) -> Iterator[None]:
    """After phase three: let places be those in the base. It yields where the lock may be given up for a moment.

    Until it has ended, the segments that are gone stay open; longer where a collection has outgrown memory meanwhile.
    """
    taken = dict(moment.content.documents)
    for number, columns in moment.copied.collections.items():
        collection, blobs = engine.collection(number), taken[number]
        if collection is not None and isinstance(blobs, Stored):
            for start in range(0, len(columns.keys), REBASE_STEP):
                part = slice(start, start + REBASE_STEP)
                collection.slots.move(columns.keys[part], blobs.slots[part], columns.places[part])
                yield
    gone = {segment.number for segment in moment.covered}
    for collection in list(engine.collections.values()):
        keys = collection.slots.keys() if engine.memory.mixed and collection.is_loaded else []
        for start in range(0, len(keys), REBASE_STEP):
            collection.slots.take_back(keys[start : start + REBASE_STEP], gone)
            yield
    if engine.memory.reader is not None and all(held.is_loaded for held in engine.collections.values()):
        engine.memory.reader.drop(gone)


def hint(engine: Engine, moment: Moment) -> Procedure[None]:
    """Write the hint of the base, where opening gains by one.

    Raises:
        OSError: It cannot be written.
    """
    base = engine.manifest.sealed[0]
    if base.number == moment.header.number and base.size >= hints.NEW_MIN and engine.memory.reader is not None:
        yield from hints.write_copied(engine, base, moment.content.definitions, moment.copied.collections)


def snapshot(engine: Engine, moment: Moment, goes_on: Callable[[], bool]) -> Procedure[None]:
    """Write the snapshot of the base's indexes beside its hint, if that was written, unless it is not to go on.

    Raises:
        OSError: It cannot be written.
    """
    hinted = () if engine.hint is None else engine.hint.directory.segments
    if [segment.number for segment in hinted] == [moment.header.number]:
        yield from snapshots.write_copied(engine, dict(moment.content.documents), goes_on)


def let_go(moment: Moment) -> None:
    """Forget what was copied, bit by bit, and where it lies."""
    for _, blobs in moment.content.documents:
        slots = blobs.slots if isinstance(blobs, Stored) else blobs
        if isinstance(slots, list):
            empty(slots)
    for columns in moment.copied.collections.values():
        columns.let_go()


def abandon(engine: Engine, moment: Moment) -> Procedure[None]:
    """Remove a base that could not be finished, unless the manifest names it by now; the database is as it was."""
    if moment.header.number not in {segment.number for segment in engine.manifest.sealed}:
        yield from remove([segment_name(moment.header.number)])
