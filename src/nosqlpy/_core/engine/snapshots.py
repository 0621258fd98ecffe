"""Snapshots of indexes at work: found beside their hint at opening, written with it on closing, never needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias

import msgspec

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.effects import Append, ListFiles, Procedure, WriteFile
from nosqlpy._core.engine.publish import remove
from nosqlpy._core.engine.reader import Reader
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.unloaded import UnloadedCollection
from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.deferred import DeferredIndex
from nosqlpy._core.index.hashed import HashIndex, Numbering
from nosqlpy._core.index.manager import IndexManager
from nosqlpy._core.index.pending import Parts, shape_of
from nosqlpy._core.log.hint import Hint
from nosqlpy._core.log.section import DamagedHintError
from nosqlpy._core.log.snapshot import (
    HEAD,
    Directory,
    Part,
    PartReader,
    Snapshot,
    encode_end,
    encode_part,
    is_snapshot,
    read_directory,
    snapshot_name,
)
from nosqlpy.errors import StorageError

# documents from which on an index is written: building it takes longer than ten milliseconds
DOCUMENTS_MIN = 10_000
# an index that takes more bytes than its documents is not written, unless it takes no more than so many
SIZE_MIN = 1 << 20


Encoded: TypeAlias = tuple[Part, bytes]
# a collection, the shape of one of its indexes, and its part, None if it cannot be written
Found: TypeAlias = tuple[int, bytes, Encoded | None]


def find(hint: Hint, names: Iterable[str], reader: Reader) -> Snapshot | None:
    """Return the snapshot beside a hint, or None. One that does not fit, or cannot be read, is as good as none."""
    name = snapshot_name(hint.directory.lsn)
    if name not in names:
        return None
    try:
        file = reader.open(name)
        directory = read_directory(file, file.size())
    except StorageError:
        return None
    if directory is None:
        return None
    snapshot = Snapshot(directory, {})
    if not snapshot.fits(hint):
        return None
    sections = {section.number: section for section in hint.directory.sections}
    for part in directory.parts:
        section = sections.get(part.collection)
        if section is not None and _belongs(part, section.count, section.ids_crc, section.places_crc):
            readers = snapshot.parts.setdefault(part.collection, {})
            readers[part.definition] = PartReader(part, file, directory.database)
    return snapshot


def _belongs(part: Part, documents: int, ids_crc: int, places_crc: int) -> bool:
    """Whether the rows of a part are those of a section, and its documents the same."""
    return (part.documents, part.ids_crc, part.places_crc) == (documents, ids_crc, places_crc)


def stale(names: Iterable[str], hint: Hint | None) -> list[str]:
    """Return the files of snapshots that do not belong to `hint`."""
    kept = None if hint is None else snapshot_name(hint.directory.lsn)
    return [name for name in names if is_snapshot(name) and name != kept]


def wanted(engine: Engine) -> bool:
    """Whether an index is built that would be built again at the next opening, though the hint is there."""
    if engine.hint is None or not engine.hint.directory.fits(engine.manifest):
        return False
    snapshot = engine.snapshot
    if snapshot is None or not snapshot.fits(engine.hint):
        return any(True for collection in engine.collections.values() for _ in _built(collection))
    left_out = set(snapshot.directory.left_out)
    return any(
        shape not in snapshot.parts.get(collection.number, {}) and (collection.number, shape) not in left_out
        for collection in engine.collections.values()
        for shape, _ in _built(collection)
    )


def _built(collection: CollectionState) -> Iterator[tuple[bytes, HashIndex]]:
    """Yield the built indexes of a collection that is not small, by their shapes."""
    if collection.is_loaded and collection.slots.count() >= DOCUMENTS_MIN:
        for index in collection.indexes.by_name.values():
            if not isinstance(index, DeferredIndex):
                yield shape_of(index.definition), index


def write(engine: Engine) -> Procedure[None]:
    """Write a snapshot of the indexes that are built, and of those of the last one that are as they were.

    It is written beside the engine's hint, if that covers everything; then the others are removed.

    Raises:
        OSError: It cannot be written. It is not synced: its checksums tell whether it is whole.
        DamagedHintError: The hint is damaged.
    """
    hint = engine.hint
    if hint is None or not hint.directory.fits(engine.manifest) or hint.directory.lsn != engine.tail.end.lsn:
        return
    yield from _write(hint, _parts(engine, hint))


def write_copied(
    engine: Engine, documents: Mapping[int, Sequence[bytes]], goes_on: Callable[[], bool]
) -> Procedure[None]:
    """Write a snapshot beside the hint of a base that has just been published, made of the base's `documents`.

    It has the indexes that are built by now, made anew: others have written since, and write on. Once it
    is not to go on, the rest are left out.

    Raises:
        OSError: It cannot be written.
    """
    hint = engine.hint
    if hint is None or not hint.directory.fits(engine.manifest):
        return
    definitions = {
        collection.number: [index.definition for _, index in _built(collection)]
        for collection in engine.collections.values()
    }
    if any(definitions.values()):
        yield from _write(hint, _copied_parts(hint, documents, definitions, goes_on))


def _copied_parts(
    hint: Hint,
    documents: Mapping[int, Sequence[bytes]],
    definitions: Mapping[int, list[IndexDefinition]],
    goes_on: Callable[[], bool],
) -> Iterator[Found]:
    """Yield what `_parts` does, of the documents of a hint in their order."""
    for number, reader in hint.sections().items():
        section, blobs = reader.section, documents.get(number, ())
        if len(blobs) != section.count or section.count < DOCUMENTS_MIN:
            continue
        rows = range(section.count)
        for definition in definitions.get(number, ()):
            if not goes_on():
                return
            shape = shape_of(definition)
            head = Part(number, section.count, section.ids_crc, section.places_crc, shape)
            index = IndexManager.make(definition, rows, blobs)
            yield number, shape, _encode(index, head, rows, hint.directory.database, section.live)


def _write(hint: Hint, found: Iterable[Found]) -> Procedure[None]:
    name = snapshot_name(hint.directory.lsn)
    names: list[str] = yield ListFiles()
    yield from remove(stale(names, None))
    parts: list[Part] = []
    left_out: list[tuple[int, bytes]] = []
    offset = len(HEAD)
    yield WriteFile(name, HEAD)
    for number, shape, encoded in found:
        if encoded is None:
            left_out.append((number, shape))
        else:
            part, data = encoded
            yield Append(name, data)
            parts.append(msgspec.structs.replace(part, offset=offset))
            offset += len(data)
    directory = Directory(hint.directory.database, hint.directory.segments, parts, left_out)
    yield Append(name, encode_end(directory, offset))


def _parts(engine: Engine, hint: Hint) -> Iterator[Found]:
    """Yield collection, shape, and the part of each index that is built or as it was, None if it cannot be written.

    Raises:
        DamagedHintError: The hint is damaged.
    """
    sections = hint.sections()
    for collection in engine.collections.values():
        reader = sections.get(collection.number)
        if reader is None or reader.section.count < DOCUMENTS_MIN:
            continue
        number, section, built = collection.number, reader.section, dict(_built(collection))
        keys = reader.everything()[0] if built else []
        rows = dict(zip(keys, range(len(keys)), strict=True))
        for shape, index in built.items():
            head = Part(number, section.count, section.ids_crc, section.places_crc, shape)
            yield number, shape, _encode(index, head, rows, hint.directory.database, section.live)
        rest = set(map(shape_of, collection.indexes.definitions())).difference(built)
        for shape, old in _unchanged(collection).items():
            if shape in rest:
                with suppress(DamagedHintError):
                    yield number, shape, (old.part, old.data())


def _unchanged(collection: CollectionState) -> Parts:
    """Return the parts of the last snapshot whose indexes are as they were."""
    if isinstance(collection, UnloadedCollection):
        return collection.unchanged
    pending = collection.indexes.pending
    return {} if pending is None else pending.unchanged


def _encode(index: HashIndex, head: Part, rows: Numbering, database: bytes, size_max: int) -> Encoded | None:
    """Return the part of an index, or None if it cannot be written, or would be larger than its documents."""
    try:
        content = index.content(rows)
    except KeyError as error:  # the hint is of other documents
        raise DamagedHintError from error
    encoded = None if content is None else encode_part(head, content, database)
    return None if encoded is None or encoded[0].size > max(size_max, SIZE_MIN) else encoded
