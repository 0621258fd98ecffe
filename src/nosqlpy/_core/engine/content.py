"""The content of a database at one moment, and the base segment that holds it.

Taking it copies references, no documents; it can then be written without a lock,
while others write on: by compaction, by the backup of a database in memory, and
into a dump. A restored or repaired database is a base as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.effects import Append, Procedure, Release, SyncDirectory, WriteFile
from nosqlpy._core.engine.publish import sync
from nosqlpy._core.engine.reader import each_size
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.frame import encode_frame
from nosqlpy._core.log.manifest import SealedSegment
from nosqlpy._core.log.operation import Define, Operation, Put
from nosqlpy._core.log.packing import Packer
from nosqlpy._core.log.segment import KIND_BASE, SegmentHeader, segment_name
from nosqlpy._core.values.codec import decode_id
from nosqlpy._core.values.keys import equality_keys

FRAME_DOCUMENTS = 1000
FRAME_BYTES = 32 << 20
# what is written is synced in such pieces: a sync of the log, for which others wait, may have to wait for it
SYNC_BYTES = 8 << 20


class Content(msgspec.Struct, frozen=True):
    """The catalogue as operations that make it, and the documents of each collection by its number."""

    definitions: list[Operation]
    documents: list[tuple[int, Sequence[bytes]]]

    @property
    def count(self) -> int:
        """How many documents there are."""
        return sum(len(documents) for _, documents in self.documents)


def take_once(engine: Engine, collections: Iterable[CollectionState] | None = None) -> Content:
    """Return as `take`, without loading what need not be loaded to be gone through once.

    Raises:
        Unloaded: A collection is to be loaded first.
    """
    taken = list(engine.collections.values() if collections is None else collections)
    return Content(definitions(taken), [(collection.number, collection.slots.once()) for collection in taken])


def take(engine: Engine, collections: Iterable[CollectionState] | None = None) -> Content:
    """Return what the database holds now, or some of its collections. No write is being applied meanwhile."""
    numbers = [collection.number for collection in collections or engine.collections.values()]
    for number in numbers:
        engine.load(number)
    taken = [collection for number in numbers if (collection := engine.collection(number)) is not None]
    return Content(definitions(taken), [(collection.number, collection.slots.all()) for collection in taken])


def definitions(collections: Iterable[CollectionState]) -> list[Operation]:
    """Return the operations that make empty collections like these."""
    definitions: list[Operation] = []
    for collection in collections:
        definitions.append(Define(collection.number, "create", {"name": collection.name}))
        if collection.options:
            definitions.append(Define(collection.number, "options", collection.options))
        definitions += [
            Define(collection.number, "index", index.to_payload()) for index in collection.indexes.definitions()
        ]
    return definitions


def frames(content: Content) -> Iterator[list[Operation]]:
    """Yield the operations of each frame of a base: the catalogue, then documents by the thousand."""
    if content.definitions:
        yield content.definitions
    for number, documents in content.documents:
        for part in _parts(each_size(documents)):
            blobs = list(documents[part])
            ids = list(map(decode_id, blobs))
            yield [Put(number, equality_keys(ids), ids, blobs)]


def _parts(sizes: Iterable[int]) -> Iterator[slice]:
    """Yield slices of documents of these sizes: each of them of a thousand, or of so many as have 32 MiB."""
    start = stop = size = 0
    for stop, length in enumerate(sizes, start=1):
        size += length
        if stop - start == FRAME_DOCUMENTS or size >= FRAME_BYTES:
            yield slice(start, stop)
            start, size = stop, 0
    if start < stop:
        yield slice(start, stop)


def write_base(
    header: SegmentHeader, parts: Iterable[list[Operation]], note: Callable[[list[Operation], int], None] | None = None
) -> Procedure[SealedSegment]:
    """Write a base with a frame for each of `parts`, durably; return its entry for a manifest.

    `note` is told of each part, and where in the base its frame ends: the documents are the last of it.
    With a codec in the header it is packed.
    """
    name = segment_name(header.number)
    head = header.encode()
    yield WriteFile(name, head)
    size, crc = len(head), header.prev_crc
    packer = Packer(header) if header.codec else None
    written = synced = size
    for lsn, operations in enumerate(parts, start=1):
        data, crc = encode_frame(operations, lsn=lsn, synced_upto=0, prev_crc=crc, salt=header.salt)
        size += len(data)
        if packer is not None:
            data = packer.add(data)
        if data:
            yield Append(name, data)
        written += len(data)
        if note is not None:
            note(operations, size)
        if written - synced >= SYNC_BYTES:
            yield from sync(name)
            synced = written
    if packer is not None:
        yield Append(name, packer.end())
    yield from sync(name)
    yield SyncDirectory()
    yield Release(name)
    stored = 0 if packer is None else packer.size
    return SealedSegment(header.number, KIND_BASE, header.base_lsn, size, crc, stored)
