"""Hints at work: found at opening, written after a compaction and on closing, never needed."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from functools import partial
from heapq import merge
from itertools import chain
from typing import Any, TypeAlias

import msgspec

from nosqlpy._core.engine import content, snapshots
from nosqlpy._core.engine.effects import Append, ListFiles, Procedure, WriteFile
from nosqlpy._core.engine.eviction import evict_all
from nosqlpy._core.engine.publish import remove
from nosqlpy._core.engine.reader import Reader
from nosqlpy._core.engine.regions import Ascending, ascending, decode_checks, encode_checks
from nosqlpy._core.engine.slots import Rows
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.unloaded import UnloadedCollection, UnloadedSlots
from nosqlpy._core.engine.walk import Columns, Ledger, walk
from nosqlpy._core.log.hint import HEAD, Directory, Hint, encode_end, hint_lsn, hint_name, read_directory
from nosqlpy._core.log.manifest import Manifest, SealedSegment
from nosqlpy._core.log.operation import MALFORMED, Define, Operation
from nosqlpy._core.log.place import SEGMENT_SHIFT, Place, unpack_places
from nosqlpy._core.log.section import NUMBERS_FIT, DamagedHintError, Section, SectionReader, encode_section
from nosqlpy._core.log.segment import HEADER_SIZE, damaged, decode_header, segment_name
from nosqlpy._core.values.codec import encode_value, inspect_value
from nosqlpy.errors import StorageError

# a hint pays when opening would read so many bytes of log without it: a few milliseconds …
NEW_MIN = 1 << 20
# … which are this part of what the last one covers, since writing it takes time for all documents, …
SHARE = 16
# … or so many that opening would take noticeably longer
NEW_MAX = 32 << 20


def find(manifest: Manifest, names: Iterable[str], reader: Reader | None) -> Hint | None:
    """Return the newest hint that fits the manifest, or None. One that cannot be read is as good as none."""
    if reader is None or not NUMBERS_FIT:
        return None
    for name in sorted((name for name in names if hint_lsn(name) is not None), reverse=True):
        try:
            file = reader.open(name)
            directory = read_directory(file, file.size())
        except StorageError:
            continue
        if directory is not None and directory.fits(manifest):
            return Hint(directory, file, name)
    return None


def attach(engine: Engine, hint: Hint, names: Collection[str]) -> None:
    """Take the catalogue from a hint, and let its collections be read from there.

    Raises:
        DamagedHintError: The catalogue makes no sense; `engine` is of no use then.
        CorruptionError: A segment that it stands for is missing, or has another size or header than it must have.
    """
    reader, directory = engine.memory.files(), hint.directory
    for segment in directory.segments:
        if segment_name(segment.number) not in names:
            raise damaged(segment_name(segment.number), 0, "is missing")
        _check_segment(engine.manifest, segment, reader)
    engine.snapshot = snapshots.find(hint, names, reader)
    try:
        _define(engine, hint)
    except MALFORMED as error:
        raise DamagedHintError from error
    engine.next_number = max(engine.next_number, directory.next_number)
    engine.memory.dead += directory.dead
    engine.memory.evicted = (directory.segments[-1].number, directory.segments[-1].size)
    for segment, packed in zip(directory.segments, directory.checks, strict=False):
        checks = decode_checks(packed, segment.size)
        if checks is not None:
            reader.checks[segment.number] = checks
    engine.hint = hint


def _define(engine: Engine, hint: Hint) -> None:
    reader, segments, sections = engine.memory.files(), hint.directory.segments, hint.sections()
    parts = {} if engine.snapshot is None else engine.snapshot.parts
    for number, verb, payload in inspect_value(hint.directory.definitions):
        if verb == "create" and number in sections:
            load = partial(engine.load, number)
            rebuild = partial(_rebuild, reader, segments, number)
            held = UnloadedSlots(engine.memory, sections[number], load, rebuild)
            engine.enter(UnloadedCollection(number, payload["name"], engine.memory, held, load, parts.get(number)))
        engine.replay(Define(number, verb, payload))


def _check_segment(manifest: Manifest, segment: SealedSegment, reader: Reader) -> None:
    name = segment_name(segment.number)
    file = reader.file(segment.number)
    size = file.size()
    if size != segment.size:
        raise damaged(name, min(size, segment.size), "is not what was sealed")
    header = decode_header(file(0, HEADER_SIZE), file=name)
    if (header.database, header.number, header.kind) != (manifest.database, segment.number, segment.kind):
        raise damaged(name, 0, "belongs to another database or place")


def _rebuild(reader: Reader, segments: Sequence[SealedSegment], number: int) -> Ledger:
    """Return where the documents of a collection lie, from the log."""
    return walk(reader, segments, lambda _: Ledger(), {number}).get(number) or Ledger()


def worth(engine: Engine) -> bool:
    """Whether a hint that covers all that was written by now would make the next opening faster by enough."""
    if engine.memory.reader is None or not NUMBERS_FIT:
        return False
    held = _held(engine)
    covered = 0 if held is None else sum(segment.size for segment in held.directory.segments)
    written = engine.tail.end.size - HEADER_SIZE
    new = sum(segment.size for segment in engine.manifest.sealed) + written - covered
    return new >= max(NEW_MIN, 1) and (new >= NEW_MAX or new * SHARE >= covered)


def _held(engine: Engine) -> Hint | None:
    """Return the hint that the engine has, if that still fits."""
    hint = engine.hint
    return hint if hint is not None and hint.directory.fits(engine.manifest) else None


def write(engine: Engine) -> Procedure[None]:
    """Write a hint for all sealed segments, from the last one and the segments after it; then remove the others.

    The caller sees to it that nothing was written after the last sealed segment, and that none goes meanwhile.

    Raises:
        OSError: It cannot be written. It is not synced: its checksums tell whether it is whole.
        CorruptionError: A segment is damaged.
    """
    try:
        yield from _write_after(engine, _held(engine))
    except DamagedHintError:
        yield from _write_after(engine, None)


def _write_after(engine: Engine, held: Hint | None) -> Procedure[None]:
    """Write a hint from what is loaded, one that is held, and the segments after it.

    Raises:
        DamagedHintError: The one that is held is of no use.
    """
    rows: dict[int, Ledger | Columns | Rows] = {**_loaded(engine)}
    changed = rows | {**_since(engine, held, rows.keys())}
    parts = _Parts({}, changed) if held is None else _Parts(held.sections(), changed, len(held.directory.segments))
    manifest, definitions = engine.manifest, _catalogue(engine)
    directory = Directory(
        manifest.database, manifest.sealed, engine.next_number, engine.memory.dead, definitions, [],
        [] if held is None else held.directory.checks,
    )  # fmt: skip
    yield from _write(engine, directory, [held.number for held in engine.collections.values()], parts)


Sections: TypeAlias = Generator[bytes, None, Section]


class _Parts:
    """The sections to be written: where the documents of changed collections lie, and the last hint of the others.

    The last hint was of so many segments as are `covered`.
    """

    def __init__(
        self, old: dict[int, SectionReader], changed: Mapping[int, Ledger | Columns | Rows], covered: int = 0
    ) -> None:
        self._old = old
        self._changed = dict(changed)
        self._covered = covered

    def places(self, number: int, first: int) -> Iterable[Place]:
        """Return the places of all documents that lie in the segments from the `first` one on, and perhaps others."""
        changed = self._changed.get(number)
        if changed is not None:
            return changed.places.values() if isinstance(changed, Ledger) else changed.places
        return unpack_places(self._old[number].data()[0]) if number in self._old and first < self._covered else ()

    def ascending(self, numbers: Iterable[int], first: int, bound: Place) -> Ascending:
        """Return the places from `bound` on, where the `first` segment begins, of all documents in the log's order."""
        streams, scattered = [], []
        for number in numbers:
            changed = self._changed.get(number)
            if isinstance(changed, Rows) and changed.ascending:
                streams.append(changed.places)
            else:
                scattered.append(number)
        others = chain.from_iterable(self.places(number, first) for number in scattered)
        ordered = ascending(filter(bound.__le__, others))
        all_places = [ordered, *streams] if ordered else streams
        return Ascending(merge(*all_places) if len(all_places) > 1 else chain.from_iterable(all_places))

    def encode(self, number: int, offset: int) -> Sections:
        if number not in self._changed and number in self._old:
            return self._old[number].copy(number, offset)
        changed = self._changed.pop(number, None) or Columns()
        columns = changed.columns() if isinstance(changed, Ledger) else changed
        return encode_section(number, offset, columns.keys, columns.ids, columns.places)


def _loaded(engine: Engine) -> dict[int, Rows]:
    """Return where the documents lie of collections that are loaded, or that the log has put as they are."""
    segments, collections = {segment.number for segment in engine.manifest.sealed}, list(engine.collections.values())
    # those in the log only let go of documents, which eviction would look for
    found = [(held.number, held.slots.rows(segments)) for held in collections if not held.is_loaded]
    evict_all(engine)
    found += [(held.number, held.slots.rows(segments)) for held in collections if held.is_loaded]
    return {number: rows for number, rows in found if rows is not None}


def _since(engine: Engine, held: Hint | None, known: Collection[int]) -> dict[int, Ledger]:
    """Return the ledgers of the collections that were written to after the last hint, but those that are `known`."""
    count = 0 if held is None else len(held.directory.segments)
    old = {} if held is None else held.sections()
    wanted = {collection.number for collection in engine.collections.values()}.difference(known)

    def before(number: int) -> Ledger:
        if number not in old:
            return Ledger()
        keys, ids, placed = old[number].everything()
        odd = {} if keys is ids else dict(zip(keys, ids, strict=True))
        return Ledger(dict(zip(keys, unpack_places(placed), strict=True)), odd)

    return walk(engine.memory.files(), engine.manifest.sealed[count:], before, wanted) if wanted else {}


def write_copied(
    engine: Engine, base: SealedSegment, definitions: Sequence[Operation], documents: Mapping[int, Columns]
) -> Procedure[None]:
    """Write the hint of a base that has just been published; then remove the others.

    Raises:
        OSError: It cannot be written.
    """
    defined = _encode_definitions(definitions)
    numbers = [operation.collection for operation in definitions if getattr(operation, "verb", "") == "create"]
    directory = Directory(engine.manifest.database, (base,), engine.next_number, 0, defined, [])
    yield from _write(engine, directory, numbers, _Parts({}, documents))


def _catalogue(engine: Engine) -> bytes:
    return _encode_definitions(content.definitions(engine.collections.values()))


def _encode_definitions(operations: Iterable[Operation]) -> bytes:
    definitions: list[Any] = [
        [operation.collection, operation.verb, operation.payload]
        for operation in operations
        if isinstance(operation, Define)
    ]
    return encode_value(definitions)


def _write(engine: Engine, directory: Directory, numbers: Sequence[int], parts: _Parts) -> Procedure[None]:
    name = hint_name(directory.lsn)
    directory = msgspec.structs.replace(directory, checks=_checks(engine, directory, numbers, parts))
    names: list[str] = yield ListFiles()
    if name in names:
        yield from remove([name])
    offset, sections = len(HEAD), []
    yield WriteFile(name, HEAD)
    for number in numbers:
        section = yield from _append(name, parts.encode(number, offset))
        sections.append(section)
        offset += section.size
    directory = msgspec.structs.replace(directory, sections=sections)
    yield Append(name, encode_end(directory, offset))
    engine.hint = Hint(directory, engine.memory.files().open(name), name)
    yield from remove(stale(names, name))


def _checks(engine: Engine, directory: Directory, numbers: Iterable[int], parts: _Parts) -> list[bytes]:
    """Return the checksums of the regions of each segment, those that were there before as they are."""
    reader, found = engine.memory.files(), dict(enumerate(directory.checks))
    new = [index for index in range(len(directory.segments)) if not found.get(index)]
    if not new:
        return directory.checks
    bound = directory.segments[new[0]].number << SEGMENT_SHIFT
    places = parts.ascending(numbers, new[0], bound)
    for index in new:
        number, size = directory.segments[index].number, directory.segments[index].size
        try:
            found[index] = encode_checks(reader.file(number), number, size, places)
        except StorageError:
            found[index] = b""  # whoever reads the documents finds out
    return [found[index] for index in range(len(directory.segments))]


def _append(name: str, pieces: Sections) -> Procedure[Section]:
    """Append a section to the file `name` while it is made; return it."""
    while True:
        try:
            piece = next(pieces)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield Append(name, piece)


def stale(names: Iterable[str], kept: str | None) -> list[str]:
    """Return the files of hints other than `kept`."""
    return [name for name in names if hint_lsn(name) is not None and name != kept]
