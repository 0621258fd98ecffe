"""Following: an engine takes in what other processes have committed, from where it stands.

Their frames are applied by the same `replay` as those of recovery. Where the active
segment was sealed meanwhile, the engine goes on in the next one; where a compaction
has removed what it had not read yet, it reads the whole database anew. Nothing of
this needs the lock, which keeps writers still; only cutting off what a dead one
has left does.
"""

from __future__ import annotations

from collections.abc import Sequence

from nosqlpy._core.engine.effects import ListFiles, Procedure, ReadFile, ReadOn, Release, SyncDirectory, Truncate
from nosqlpy._core.engine.publish import InDoubtError
from nosqlpy._core.engine.recovery import load
from nosqlpy._core.engine.shared import Watermark
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.tail import Tail
from nosqlpy._core.log.frame import scan_segment, scan_tail
from nosqlpy._core.log.manifest import MANIFEST, Manifest, SealedSegment, decode_manifest
from nosqlpy._core.log.operation import MALFORMED
from nosqlpy._core.log.segment import KIND_BASE, damaged, decode_header, segment_name, segment_number
from nosqlpy.errors import CorruptionError, StorageError

# how often the next segment is looked for beside a compaction that removes it, before everything is read anew
TRIES = 5


class ReopenedError(StorageError):
    """Another process has recovered the database after a failed sync: what this one holds is of the past."""


class _LostError(Exception):
    """The log does not go on from where the engine stands: what lay between was compacted away, or taken back."""


def follow(engine: Engine, *, upto: int | None, moved: bool = False) -> Procedure[int]:
    """Apply what follows the engine's position, up to frame `upto` (None: all that is there).

    With `moved` the manifest is looked at in any case, else only where `upto` is not reached.
    Returns how many bytes stand at the end that are no whole frame.

    Raises:
        CorruptionError: What follows is damaged, or another history: two processes wrote at once.
        ReopenedError: The database is in another epoch.
    """
    try:
        rest = yield from _read_on(engine, upto)
    except _LostError:
        rest, moved = 0, True
        if (yield from _read_manifest(engine)).generation == engine.manifest.generation:
            yield from _reload(engine)  # it finds the same damage, unless the engine was wrong
    if not moved and upto is not None and engine.tail.end.lsn >= upto:
        return rest
    for _ in range(TRIES):
        manifest = yield from _read_manifest(engine)
        if manifest.generation == engine.manifest.generation:
            return rest
        try:
            rest = yield from _move_on(engine, manifest, upto)
        except FileNotFoundError:
            continue  # removed by a compaction, which has published another manifest
        except _LostError:
            break
    for _ in range(TRIES):
        yield from _reload(engine)
        try:
            return (yield from _read_on(engine, upto))
        except _LostError:
            continue  # compacted away meanwhile
    return 0


def _read_manifest(engine: Engine) -> Procedure[Manifest]:
    try:
        manifest = decode_manifest((yield ReadFile(MANIFEST)))
    except FileNotFoundError as error:
        raise StorageError(f"{MANIFEST} was removed: close the database, and restore a backup") from error
    if manifest.database != engine.manifest.database:
        raise damaged(MANIFEST, 0, "is another database's by now")
    if manifest.epoch != engine.manifest.epoch:
        raise ReopenedError(
            "another process has recovered the database after a sync that failed; close the database and open it again"
        )
    return manifest


def _read_on(engine: Engine, upto: int | None) -> Procedure[int]:
    """Apply what stands behind the engine's position in its own segment; return how many bytes are no whole frame."""
    tail = engine.tail
    try:
        data: bytes = yield ReadOn(tail.name, tail.end.size)
        return _apply(engine, data, upto)
    except (CorruptionError, FileNotFoundError) as error:
        raise _LostError from error


def _apply(engine: Engine, data: bytes, upto: int | None) -> int:
    tail, end = engine.tail, engine.tail.end
    if not data:
        return 0
    frames = scan_tail(data, tail.header, start=end.size, lsn=end.lsn, crc=end.crc)
    for frame in frames:
        if upto is not None and frame.lsn > upto:
            return 0
        try:
            engine.replay_frame(frame)
        except MALFORMED as error:
            raise damaged(tail.name, frame.end, "holds an operation that makes no sense") from error
        tail.synced_upto = max(tail.synced_upto, frame.synced_upto)
    return end.size + len(data) - tail.end.size


def _move_on(engine: Engine, manifest: Manifest, upto: int | None) -> Procedure[int]:
    """Apply the rest of the engine's segment, which was sealed, and those after it, up to the active one."""
    engine.expect_packed(manifest)
    first = engine.tail
    # the manifest may be another one and the segment the same: whoever dies after he published it has left a part there
    rest = (yield from _read_on(engine, upto)) if first.header.number == manifest.active else 0
    while (old := engine.tail).header.number != manifest.active:
        yield from _read_on(engine, None)  # whatever is in a sealed segment is committed
        engine.tail, data = yield from _open(engine, _next(old, manifest))
        if old is not first:  # that one may be being synced: whoever follows lets go of it
            yield Release(old.name)
        active = engine.tail.header.number == manifest.active
        rest = _apply(engine, data, upto if active else None)
    engine.manifest = manifest
    engine.let_go()
    return rest


def _next(tail: Tail, manifest: Manifest) -> int:
    """Return the number of the segment that goes on where `tail` ends."""
    numbers = [*(segment.number for segment in manifest.sealed), manifest.active]
    goes_on = _is_itself if tail.header.number in numbers else _stands_for
    for segment, number in zip(manifest.sealed, numbers[1:], strict=True):
        if goes_on(segment, tail):
            return number
    raise _LostError


def _is_itself(segment: SealedSegment, tail: Tail) -> bool:
    """Return whether `segment` is that of `tail`, all of which was read. Empty ones differ in their numbers only."""
    return segment.number == tail.header.number and _is_like(segment, tail)


def _stands_for(segment: SealedSegment, tail: Tail) -> bool:
    """Return whether `segment` is a copy of that of `tail`, which is gone, or a base equal to the log so far."""
    return (segment.kind == KIND_BASE and segment.last_lsn == tail.end.lsn) or _is_like(segment, tail)


def _is_like(segment: SealedSegment, tail: Tail) -> bool:
    end = tail.end
    return (segment.size, segment.last_lsn, segment.crc) == (end.size, end.lsn, end.crc)


def _open(engine: Engine, number: int) -> Procedure[tuple[Tail, bytes]]:
    """Return the tail of a segment that goes on where the engine stands, and what is behind its header."""
    end = engine.tail.end
    name = segment_name(number)
    data: bytes = yield ReadOn(name, 0)
    header = decode_header(data, file=name)
    if (header.database, header.number) != (engine.manifest.database, number):
        raise damaged(name, 0, "belongs to another database or place")
    if (header.base_lsn, header.prev_crc) != (end.lsn, end.crc):
        raise _LostError
    tail = Tail.start(header)
    return tail, data[tail.end.size :]


def _reload(engine: Engine) -> Procedure[None]:
    """Read the whole database anew."""
    # without a hint: what that leaves to be loaded would be loaded into the other engine
    loaded = yield from load(read_only=engine.read_only, memory=engine.memory, use_hint=False)
    if loaded.engine.manifest.epoch != engine.manifest.epoch:
        yield from _read_manifest(engine)
    engine.become(loaded.engine)


def catch_up(engine: Engine, *, unsettled: bool, moved: bool, watermark: Watermark | None) -> Procedure[None]:
    """Under the lock, before a write: apply all that others have appended, and cut off what a dead one has left.

    `unsettled` says that somebody died while he wrote, or may have; `moved` that the manifest is another one.

    Raises:
        InDoubtError: What another process has published cannot be made durable.
        OSError: A dead process's part of a frame cannot be cut off.
    """
    generation = engine.manifest.generation
    rest = yield from follow(engine, upto=None, moved=moved or unsettled)
    if unsettled and engine.manifest.generation != generation:
        try:
            yield SyncDirectory()  # whoever died while he published a manifest may not have come to that
        except OSError as error:
            raise InDoubtError(f"the directory could not be synced: {error}") from error
    if rest:
        yield from _cut(engine, watermark)


def _cut(engine: Engine, watermark: Watermark | None) -> Procedure[None]:
    """Cut off a part of a frame. The whole segment is looked at first: nothing that was durable may go."""
    tail, end = engine.tail, engine.tail.end
    data: bytes = yield ReadOn(tail.name, 0)
    synced = tail.synced_upto
    if watermark is not None and (watermark.number, watermark.salt) == (tail.header.number, tail.header.salt):
        synced = max(synced, watermark.size)
    scan = scan_segment(data, tail.header, synced=synced)
    if scan.end != end.size or (scan.frames and scan.frames[-1].crc != end.crc):
        raise damaged(tail.name, min(scan.end, end.size), "is not what this process has read there before")
    yield Truncate(tail.name, scan.end)


def resume(engine: Engine) -> Procedure[None]:
    """Under the lock, after a procedure was broken off: take in the manifest that stands, whether it was published yet.

    Raises:
        OSError: It cannot be read, or made durable.
    """
    yield SyncDirectory()  # the new manifest may have its name, and not durably
    yield from follow(engine, upto=None, moved=True)


def refresh(engine: Engine) -> Procedure[None]:
    """Under the lock, before a manifest is published: take in the last one, and leave others' segment numbers alone."""
    yield from follow(engine, upto=None, moved=True)
    names: Sequence[str] = yield ListFiles()
    numbers = [number for name in names if (number := segment_number(name)) is not None]
    engine.next_segment = max(engine.next_segment, engine.manifest.active + 1, *(number + 1 for number in numbers))
