"""Recovery: from the files of a directory to an engine, and what was found on the way.

Sealed segments must be intact to their last byte. The active one may end in a
torn tail, the trace of a crash during an append, if nothing proves that what
lies there was durable: its bytes are kept in a file of their own, and reported.
After an unclean stop the intact frames are written to a new file, because a file
whose sync may have failed must not be trusted again.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from contextlib import suppress
from typing import cast

import msgspec

from nosqlpy._core.engine import hints, snapshots
from nosqlpy._core.engine.effects import ListFiles, Procedure, RandomBytes, ReadFile, Remove, SyncDirectory
from nosqlpy._core.engine.eviction import due, evict
from nosqlpy._core.engine.publish import create_active, new_salt, publish, remove, write_new
from nosqlpy._core.engine.shared import Watermark, read_watermark
from nosqlpy._core.engine.slots import Memory
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.tail import Position, Tail
from nosqlpy._core.log.frame import Frame, Scan, copy_frames, scan_segment
from nosqlpy._core.log.manifest import MANIFEST, Manifest, SealedSegment, decode_manifest
from nosqlpy._core.log.operation import MALFORMED, Put
from nosqlpy._core.log.packed import check_unpacked
from nosqlpy._core.log.section import DamagedHintError
from nosqlpy._core.log.segment import (
    HEADER_SIZE,
    SegmentHeader,
    damaged,
    decode_header,
    segment_name,
    segment_number,
)
from nosqlpy.errors import CorruptionError, StorageError

_OURS = re.compile(
    r"LOCK|SHM|COMPACT|SYNC-[0-9]+|MANIFEST(-[0-9a-f]+\.tmp)?|seg-[0-9a-f]{8}\.nql|(base|idx)-.*\.(hint|snap)|torn-.*\.bin"
)
# writes of one document that are replayed at once: a tenth of a millisecond
TOGETHER_MAX = 1000
_TEMPORARY = re.compile(r"MANIFEST-[0-9a-f]+\.tmp")


class RecoveryReport(msgspec.Struct, frozen=True):
    """What opening found: a clean stop or not, and what was cut off, if there was a torn tail.

    Its `torn_bytes` stood in `segment` from `offset` on; they are kept in `torn_file`,
    unless the database was opened for reading only.
    """

    clean: bool
    frames: int
    torn_bytes: int = 0
    torn_file: str | None = None
    damage: str | None = None
    segment: str | None = None
    offset: int | None = None

    def check_whole(self) -> None:
        """Refuse a database from which something was cut off.

        Raises:
            CorruptionError: A torn tail was found.
        """
        if self.torn_bytes:
            raise CorruptionError(
                f"{self.segment} ends in {self.torn_bytes} bytes, from byte {self.offset} on, that are no whole frame: "
                "the trace of a crash, or of damage; recovery='default' puts them aside and opens what is before them",
                details={"file": self.segment, "offset": self.offset, "bytes": self.torn_bytes},
            )


class Recovered(msgspec.Struct, frozen=True):
    """An engine that is ready for use, and how it came to be."""

    engine: Engine
    report: RecoveryReport


def recover(
    *,
    read_only: bool,
    create: bool,
    strict: bool = False,
    memory: Memory | None = None,
    words: memoryview | None = None,
) -> Procedure[Recovered]:
    """Open the database in the directory, or make a new one there; `memory` says how much of it may stay resident.

    Nobody else writes to it, or may go on to. The shared `words` may hold one more proof of what was durable.

    Raises:
        CorruptionError: Bytes that were durable are damaged or missing, or `strict` and there is a torn tail;
            nothing was changed.
        FormatVersionError: A newer nosqlpy wrote the files.
        StorageError: There is no database and none may be made, or the directory holds something else.
    """
    names: list[str] = yield ListFiles()
    if MANIFEST not in names:
        yield from _check_new(names, create=create and not read_only)
        return Recovered((yield from _initialise(names, memory)), RecoveryReport(clean=True, frames=0))
    manifest = decode_manifest((yield ReadFile(MANIFEST)))
    if not read_only:
        # what is seen must be durable before anything that it does not name is removed
        yield SyncDirectory()
    watermark = None if words is None else read_watermark(words, manifest)
    loaded = yield from _load(manifest, names, read_only=read_only, strict=strict, memory=memory, watermark=watermark)
    engine, report = loaded.engine, loaded.report
    if not read_only:
        report = yield from _tidy(engine, loaded.scan, loaded.data, names, report)
    _evict(engine, engine.tail.end.size)
    return Recovered(engine, report)


def load(
    *,
    read_only: bool,
    strict: bool = False,
    memory: Memory | None = None,
    use_hint: bool = True,
    words: memoryview | None = None,
) -> Procedure[Recovered]:
    """Return what the files hold while others may write to them, and change nothing; `words` are as for `recover`.

    Raises:
        CorruptionError: Bytes that were durable are damaged or missing.
        FormatVersionError: A newer nosqlpy wrote the files.
        FileNotFoundError: There is no manifest.
    """
    manifest = decode_manifest((yield ReadFile(MANIFEST)))
    while True:
        try:
            fresh = None if memory is None else memory.fresh()
            # before the files are read: what is synced afterwards may not be in what was read
            watermark = None if words is None else read_watermark(words, manifest)
            names: list[str] = yield ListFiles()
            loaded = yield from _load(
                manifest,
                names,
                read_only=read_only,
                strict=strict,
                memory=fresh,
                watermark=watermark,
                use_hint=use_hint,
            )
            _evict(loaded.engine, loaded.engine.tail.end.size)
        except (StorageError, FileNotFoundError):
            newer = decode_manifest((yield ReadFile(MANIFEST)))
            if newer.generation == manifest.generation:
                raise
            manifest = newer  # it was about segments that another process has replaced meanwhile
        else:
            return Recovered(loaded.engine, loaded.report)


class _Loaded(msgspec.Struct, frozen=True):
    engine: Engine
    report: RecoveryReport
    scan: Scan
    data: bytes


def _load(
    manifest: Manifest,
    names: Sequence[str],
    *,
    read_only: bool,
    strict: bool,
    memory: Memory | None,
    watermark: Watermark | None = None,
    use_hint: bool = True,
) -> Procedure[_Loaded]:
    """Read all that the manifest names; change nothing."""
    header, data = yield from _read(manifest, manifest.active, names)
    engine = Engine(manifest, Tail.start(header), read_only=read_only, memory=memory)
    engine.expect_packed(manifest)
    frames = 0
    hint = hints.find(manifest, names, engine.memory.reader) if use_hint else None
    if hint is not None:
        try:
            hints.attach(engine, hint, names)
        except DamagedHintError:
            engine, hint = Engine(manifest, Tail.start(header), read_only=read_only, memory=memory), None
    for segment in manifest.sealed[0 if hint is None else len(hint.directory.segments) :]:
        frames += yield from _replay_sealed(engine, segment, names)
        _evict(engine, 0)
    scan = _scan_active(manifest, header, data, watermark)
    _replay(engine, scan, header)
    engine.tail.end = _end(header, scan)
    engine.begun = engine.applied = engine.tail.end.lsn
    engine.tail.synced_upto = scan.end if manifest.clean_size is not None else 0
    report = _report(manifest, frames + len(scan.frames), scan, len(data))
    if strict:
        report.check_whole()
    return _Loaded(engine, report, scan, data)


def _evict(engine: Engine, end: int) -> None:
    """Let documents go that exceed the memory budget; where a segment cannot be read for that, they stay."""
    if due(engine):
        with suppress(StorageError):
            evict(engine, end)


def check_place(*, create: bool) -> Procedure[None]:
    """Refuse a directory that is no database's, before anything is written there.

    Raises:
        StorageError: It holds something else, or there is no database and none may be made.
        CorruptionError: There was a database once.
    """
    names: list[str] = yield ListFiles()
    if MANIFEST in names:
        return
    try:
        yield from _check_new(names, create=create)
    except (StorageError, FileNotFoundError):
        names = yield ListFiles()
        if MANIFEST not in names:  # else another process was making it in this moment
            raise


def _check_new(names: Sequence[str], *, create: bool) -> Procedure[None]:
    """Refuse to make a database where there is something else, or where there was one."""
    foreign = sorted(name for name in names if not _OURS.fullmatch(name))
    if foreign:
        raise StorageError(
            f"the directory holds {foreign[0]!r} and no database; choose an empty or a new directory",
            details={"files": foreign[:10]},
        )
    for name in names:
        if segment_number(name) is not None or name.startswith("torn-"):
            data: bytes = yield ReadFile(name)
            if len(data) > HEADER_SIZE or name.startswith("torn-"):
                raise CorruptionError(f"{MANIFEST} is missing beside {name}", details={"file": MANIFEST, "offset": 0})
    if not create:
        raise StorageError("there is no database here; open it with create=True, and not read-only, to make one")


def _initialise(names: Sequence[str], memory: Memory | None) -> Procedure[Engine]:
    """Make an empty database. Until its manifest stands, the next opening makes it again."""
    yield from remove(name for name in names if _TEMPORARY.fullmatch(name) or segment_number(name) is not None)
    database: bytes = yield RandomBytes(16)
    tail = yield from create_active(database, 1, 0, 0)
    manifest = Manifest(database, 1, (), 1)
    yield from publish(manifest)
    return Engine(manifest, tail, memory=memory)


def _replay_sealed(engine: Engine, segment: SealedSegment, names: Sequence[str]) -> Procedure[int]:
    """Apply the frames of a sealed segment; return how many there were. Its bytes are not kept."""
    header, data = yield from _read(engine.manifest, segment.number, names)
    scan = check_sealed(segment, header, check_unpacked(data, segment, header))
    _replay(engine, scan, header)
    return len(scan.frames)


def _scan_active(manifest: Manifest, header: SegmentHeader, data: bytes, watermark: Watermark | None) -> Scan:
    """Return the intact frames of the active segment, and its torn tail if it may have one."""
    name = segment_name(header.number)
    if manifest.sealed and manifest.sealed[-1].last_lsn != header.base_lsn:
        raise damaged(name, 0, "does not follow the segment before it")
    synced = manifest.clean_size or 0
    if watermark is not None and (watermark.number, watermark.salt) == (header.number, header.salt):
        synced = max(synced, watermark.size)
    scan = scan_segment(data, header, synced=synced)
    if manifest.clean_size is not None and (
        len(data) != manifest.clean_size or _end(header, scan).crc != manifest.clean_crc
    ):
        raise damaged(name, min(len(data), synced), "is not what it was when it was closed")
    return scan


def _read(manifest: Manifest, number: int, names: Sequence[str]) -> Procedure[tuple[SegmentHeader, bytes]]:
    name = segment_name(number)
    if name not in names:
        raise damaged(name, 0, "is missing")
    data: bytes = yield ReadFile(name)
    header = decode_header(data, file=name)
    if header.database != manifest.database or header.number != number:
        raise damaged(name, 0, "belongs to another database or place")
    return header, data


def check_sealed(segment: SealedSegment, header: SegmentHeader, data: bytes) -> Scan:
    """Return the scan of a sealed segment, unpacked.

    Raises:
        CorruptionError: It is not what the manifest says.
    """
    scan = scan_segment(data, header, synced=segment.size)
    end = _end(header, scan)
    if len(data) != segment.size or end.crc != segment.crc or header.kind != segment.kind:
        raise damaged(segment_name(segment.number), min(len(data), segment.size), "is not what was sealed")
    return scan


def _end(header: SegmentHeader, scan: Scan) -> Position:
    if not scan.frames:
        return Position(HEADER_SIZE, header.base_lsn, header.prev_crc)
    return Position(scan.end, scan.frames[-1].lsn, scan.frames[-1].crc)


def _replay(engine: Engine, scan: Scan, header: SegmentHeader) -> None:
    for frames in _together(scan.frames):
        if len(frames) > 1 and _replay_puts(engine, frames):
            continue
        for frame in frames:
            try:
                for operation in frame.operations:
                    engine.replay(operation)
            except MALFORMED as error:
                name = segment_name(header.number)
                raise damaged(name, frame.end, "holds an operation that makes no sense") from error


def _together(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Yield frames by as many as can be replayed by one operation: puts of one document each, all of different ones."""
    held: list[Frame] = []
    number, keys = 0, set[Hashable]()
    for frame in frames:
        operation = frame.operations[0] if len(frame.operations) == 1 else None
        if type(operation) is not Put or len(operation.keys) != 1:
            if held:
                yield held
                held, keys = [], set()
            yield [frame]
            continue
        key = operation.keys[0]
        if held and (operation.collection != number or key in keys or len(held) == TOGETHER_MAX):
            yield held
            held, keys = [], set()
        number = operation.collection
        held.append(frame)
        keys.add(key)
    if held:
        yield held


def _replay_puts(engine: Engine, frames: Sequence[Frame]) -> bool:
    """Apply puts of one document each at once; return whether they make sense."""
    puts = cast("list[Put]", [frame.operations[0] for frame in frames])
    keys, ids = [put.keys[0] for put in puts], [put.ids[0] for put in puts]
    try:
        engine.replay(Put(puts[0].collection, keys, ids, [put.documents[0] for put in puts]))
    except MALFORMED:
        return False  # which one does not, is found by replaying them one by one
    return True


def _report(manifest: Manifest, frames: int, scan: Scan, size: int) -> RecoveryReport:
    report = RecoveryReport(
        clean=manifest.clean_size is not None, frames=frames, torn_bytes=size - scan.end, damage=scan.damage
    )
    if not report.torn_bytes:
        return report
    return msgspec.structs.replace(report, segment=segment_name(manifest.active), offset=scan.end)


def _tidy(
    engine: Engine, scan: Scan, data: bytes, names: Sequence[str], report: RecoveryReport
) -> Procedure[RecoveryReport]:
    """Remove what no manifest names; after an unclean stop, write the active segment anew and keep its torn tail."""
    engine.next_segment = 1 + max(number for name in names if (number := segment_number(name)) is not None)
    live = {segment_name(number) for number in (engine.manifest.active, *(s.number for s in engine.manifest.sealed))}
    yield from remove(
        name for name in names if _TEMPORARY.fullmatch(name) or (segment_number(name) is not None and name not in live)
    )
    yield from remove(hints.stale(names, None if engine.hint is None else engine.hint.name))
    yield from remove(snapshots.stale(names, engine.hint))
    if report.clean:
        return report
    if report.torn_bytes:
        torn = f"torn-{engine.tail.header.number:08x}.bin"
        yield from _keep(torn, data[scan.end :], names)
        report = msgspec.structs.replace(report, torn_file=torn)
    yield from _rewrite(engine, scan.frames, data)
    return report


def _keep(name: str, data: bytes, names: Sequence[str]) -> Procedure[None]:
    """Write a torn tail to the file `name`; one that an interrupted recovery left is kept only if it is complete."""
    if name in names:
        kept: bytes = yield ReadFile(name)
        if kept == data:
            return
        yield Remove(name)
    yield from write_new(name, data)


def _rewrite(engine: Engine, frames: Sequence[Frame], old_data: bytes) -> Procedure[None]:
    """Write the intact frames of the active segment to a new one, durably, and make that the active one."""
    old = engine.tail
    salt = yield from new_salt()
    header = msgspec.structs.replace(old.header, number=engine.take_segment_number(), salt=salt)
    data, crc = copy_frames(old_data, frames, lsn=header.base_lsn + 1, prev_crc=header.prev_crc, salt=salt)
    content = header.encode() + data
    yield from write_new(segment_name(header.number), content)
    yield SyncDirectory()
    manifest = msgspec.structs.replace(
        engine.manifest, generation=engine.manifest.generation + 1, active=header.number, clean_size=None
    )
    yield from publish(manifest)
    engine.manifest = manifest
    engine.tail = Tail(header, Position(len(content), old.end.lsn, crc), len(content))
    yield from remove([old.name])
