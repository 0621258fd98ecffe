"""Repair: all that can be read of a damaged database, and a report of what cannot.

Nothing is changed in the damaged directory. Frames are applied in the order of
their LSNs; where some are missing, what they did is lost: their documents, their
changes, and their deletions, so that older documents may be there again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from nosqlpy._core.engine import content
from nosqlpy._core.engine.content import Content
from nosqlpy._core.engine.effects import ListFiles, Procedure, ReadFile
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.tail import Tail
from nosqlpy._core.log.manifest import MANIFEST, Manifest, SealedSegment, decode_manifest
from nosqlpy._core.log.operation import KIND_COMMIT, KIND_PART, MALFORMED, Define, Delete, Operation
from nosqlpy._core.log.salvage import (
    Lost,
    Saved,
    find_salt,
    frames_begin,
    guess_packed,
    salvage,
    salvage_unpacked,
)
from nosqlpy._core.log.segment import (
    HEADER_SIZE,
    KIND_BASE,
    KIND_LOG,
    MAGIC,
    SegmentHeader,
    decode_header,
    guess_header,
    segment_name,
    segment_number,
)
from nosqlpy.errors import CorruptionError, FormatVersionError

# what is done to a collection that is worth making it for
_KEEPING = ("index", "options", "rename")


class Loss(msgspec.Struct, frozen=True):
    """What could not be saved: where it was, what is wrong there, and which documents it were, where that is known."""

    file: str
    offset: int
    bytes: int
    commits: int
    what: str
    documents: list[dict[str, Any]]


class Repaired(msgspec.Struct, frozen=True):
    """What was saved, what was lost, and what was noticed though nothing was lost by it."""

    content: Content
    frames: int
    losses: list[Loss]
    notes: list[str]


class _Segment(msgspec.Struct):
    """A segment file: what its header says, or seems to say, and the manifest of it, where there is one."""

    name: str
    data: bytes
    header: SegmentHeader
    salt: int | None
    intact: bool
    expected: SealedSegment | None = None


def repair() -> Procedure[Repaired]:
    """Return all that can be read of the database in the directory.

    Raises:
        CorruptionError: There is no segment of a database at all.
        FormatVersionError: A newer nosqlpy wrote the files.
        NotSupportedError: A package is missing that the compression of a segment needs.
    """
    names: list[str] = yield ListFiles()
    notes: list[str] = []
    manifest = yield from _manifest(names, notes)
    segments: dict[int, _Segment] = {}
    for name in names:
        number = segment_number(name)
        if number is not None and (found := _segment(name, number, (yield ReadFile(name)))) is not None:
            segments[number] = found
    if not segments:
        raise CorruptionError("there is no segment of a database here that could be read", details={"file": MANIFEST})
    if manifest is not None:
        return _with_manifest(manifest, segments, notes)
    return _without_manifest(segments, notes)


def _manifest(names: Sequence[str], notes: list[str]) -> Procedure[Manifest | None]:
    if MANIFEST not in names:
        notes.append(f"{MANIFEST} is missing: the segments were put in order by what they say themselves")
        return None
    try:
        return decode_manifest((yield ReadFile(MANIFEST)))
    except (CorruptionError, FormatVersionError) as error:  # if it is newer, so are the segments, whose sums tell
        notes.append(f"{error}: the segments were put in order by what they say themselves")
        return None


def _segment(name: str, number: int, data: bytes) -> _Segment | None:
    try:
        header = decode_header(data, file=name)
        return _Segment(name, salvage_unpacked(data, header), header, header.salt, intact=True)
    except CorruptionError:
        guess = guess_header(data, number)
        if guess is None:
            return None
        data = salvage_unpacked(data, guess_packed(data, guess))
        return _Segment(name, data, *_probable(guess, data), intact=False)


def _probable(header: SegmentHeader, data: bytes) -> tuple[SegmentHeader, int | None]:
    """Return what a damaged header says, corrected by what the frames say, and their salt, if they have one."""
    first = _first(data, header.salt)
    if first is not None:
        if header.base_lsn and first.lsn in (1, header.base_lsn + 1):
            header = msgspec.structs.replace(header, kind=KIND_BASE if first.lsn == 1 else KIND_LOG)
        return header, header.salt
    salt = find_salt(data)
    first = None if salt is None else _first(data, salt)
    shifted = data[:8] != MAGIC  # nothing of it is where it must be
    if first is not None and (first.lsn > 1 or shifted or header.kind != KIND_BASE):
        header = msgspec.structs.replace(header, kind=KIND_LOG, base_lsn=first.lsn - 1)
    return header, None if first is None else salt


def _first(data: bytes, salt: int) -> Saved | None:
    return next((part for part in salvage(data, salt, frames_begin(data)) if isinstance(part, Saved)), None)


def _with_manifest(manifest: Manifest, segments: dict[int, _Segment], notes: list[str]) -> Repaired:
    saving = _Saving(notes)
    for sealed in manifest.sealed:
        saving.named(sealed, segments.pop(sealed.number, None), manifest.database)
    end = SealedSegment(manifest.active, KIND_LOG, 0, manifest.clean_size or 0, manifest.clean_crc)
    saving.named(end, segments.pop(manifest.active, None), manifest.database)
    notes += [f"{segment.name} is not named by {MANIFEST} and was left out" for segment in segments.values()]
    return saving.result()


def _without_manifest(segments: dict[int, _Segment], notes: list[str]) -> Repaired:
    """Try every base from which the log may go on, and no base: the attempt that loses least is the right one.

    Of equal ones the oldest is: a newer base may be one that a compaction had not finished.
    """
    identities = Counter(segment.header.database for segment in segments.values() if segment.intact)
    database = max(identities, key=lambda found: identities[found], default=b"")
    ours = [segment for segment in segments.values() if segment.header.database == database or not segment.intact]
    notes += [f"{s.name} belongs to another database and was left out" for s in segments.values() if s not in ours]
    bases = sorted((s for s in ours if s.header.kind == KIND_BASE), key=lambda s: s.header.base_lsn)
    logs = sorted((s for s in ours if s.header.kind != KIND_BASE), key=lambda s: (s.header.base_lsn, s.header.number))
    attempts = [_attempt(base, bases, logs, notes) for base in (None, *bases)]
    return min(attempts, key=lambda attempt: sum(loss.commits + bool(loss.bytes) for loss in attempt.losses))


def _attempt(base: _Segment | None, bases: Iterable[_Segment], logs: Iterable[_Segment], notes: list[str]) -> Repaired:
    saving = _Saving(list(notes))
    for other in bases:
        if other is not base and other.intact:
            saving.notes.append(f"{other.name} is a base and was left out")
        elif other is not base:
            saving.leave_out(other, "has a damaged header, and seems to be a base")
    if base is not None:
        saving.add(base, database=base.header.database)
        saving.notes.append(f"{base.name} is taken to be complete: only {MANIFEST} would tell")
    for log in logs:
        if base is None or log.header.base_lsn >= base.header.base_lsn:
            saving.add(log, database=log.header.database)
        elif not base.intact:
            saving.leave_out(log, "is older than a base, whose header is damaged")
    return saving.result()


class _Saving:
    """Applies what is saved, segment by segment, and keeps account of what is not."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes
        self._losses: list[Loss] = []
        self._frames = 0
        self._parts: list[Saved] = []
        # whether a segment with a damaged header came before
        self._doubtful = False
        # the last LSN that was applied; in a base, of its own frames
        self._lsn = 0
        self._engine = Engine(Manifest(bytes(16), 1, (), 1), Tail.start(SegmentHeader(bytes(16), 1, 0, 0, 0)))
        self._known: set[int] = set()

    def result(self) -> Repaired:
        """Return what was saved."""
        return Repaired(content.take(self._engine), self._frames, self._losses, self.notes)

    def named(self, expected: SealedSegment, segment: _Segment | None, database: bytes) -> None:
        """Save what is in a segment that the manifest names."""
        if segment is None:
            frames = max(0, expected.last_lsn - self._lsn) if expected.kind == KIND_LOG else 0
            self._lose(segment_name(expected.number), 0, expected.size, frames, "is missing")
            self._lsn = max(self._lsn, expected.last_lsn)
            return
        segment.expected = expected
        segment.header = msgspec.structs.replace(segment.header, kind=expected.kind)
        self.add(segment, database=database)

    def leave_out(self, segment: _Segment, why: str) -> None:
        """Give up a whole segment."""
        self._lose(segment.name, 0, len(segment.data), 0, why)

    def add(self, segment: _Segment, *, database: bytes) -> None:
        """Save what is in a segment."""
        if segment.intact and segment.header.database != database:
            self._lose(segment.name, 0, len(segment.data), 0, "belongs to another database")
            return
        if not segment.intact:
            self.notes.append(f"{segment.name} has a damaged header")
        salt = segment.salt
        if salt is None:
            self._lose(segment.name, 0, len(segment.data), 0, "has a damaged header, and no two frames that agree")
            return
        is_base = segment.header.kind == KIND_BASE
        if is_base:
            self._lsn = 0
        end = self._apply_all(segment, salt)
        size = 0 if segment.expected is None else segment.expected.size
        if end < size:
            self._lose(segment.name, end, size - end, 0, "is cut short")
        self._end(segment, max(end, size), is_base=is_base)

    def _end(self, segment: _Segment, end: int, *, is_base: bool) -> None:
        """Note how many frames are missing at the end, where the manifest says how many there were."""
        last = segment.header.base_lsn if segment.expected is None else segment.expected.last_lsn
        if is_base:
            self._lsn = last
        elif last > self._lsn:
            self._gap(segment.name, end, last + 1)

    def _apply_all(self, segment: _Segment, salt: int) -> int:
        """Apply the frames of a segment; return where they end."""
        end = begin = HEADER_SIZE if segment.intact else frames_begin(segment.data)
        repeated = 0
        for part in salvage(segment.data, salt, begin):
            if isinstance(part, Lost):
                self._lose(segment.name, part.offset, part.end - part.offset, 0, "holds no intact frame")
            elif part.lsn <= self._lsn:  # it stands in an earlier segment too
                repeated += 1
            else:
                self._gap(segment.name, part.offset, part.lsn)
                self._lsn = part.lsn
                self._take(segment.name, part)
            end = part.end
        self._drop_parts(segment.name)
        if repeated and self._doubtful:
            self._lose(segment.name, begin, 0, repeated, "holds commits that seem to stand in a damaged segment")
        self._doubtful = self._doubtful or not segment.intact
        return end

    def _take(self, file: str, saved: Saved) -> None:
        """Apply a frame; parts of a large commit only when its end has come."""
        if saved.kind == KIND_PART:
            self._parts.append(saved)
            return
        if saved.kind == KIND_COMMIT:
            parts, self._parts = self._parts, []
            for part in parts:
                self._apply(file, part)
        self._drop_parts(file)
        self._apply(file, saved)

    def _drop_parts(self, file: str) -> None:
        for part in self._parts:
            self._lose(file, part.offset, part.end - part.offset, 0, "belongs to a commit that was not finished")
        self._parts = []

    def _gap(self, file: str, offset: int, lsn: int) -> None:
        """Note the frames that are missing before `lsn`: with the bytes that were lost there, or by themselves."""
        missing = lsn - self._lsn - 1
        self._lsn = lsn - 1
        if missing <= 0:
            return
        last = self._losses[-1] if self._losses else None
        if last is not None and (last.file, last.offset + last.bytes) == (file, offset) and not last.commits:
            self._losses[-1] = msgspec.structs.replace(last, commits=missing)
        else:
            self._lose(file, offset, 0, missing, f"follows {missing} commits that are missing")

    def _apply(self, file: str, saved: Saved) -> None:
        self._frames += 1
        for operation in saved.operations:
            try:
                if self._adopt(operation):
                    self._engine.replay(operation)
            except MALFORMED:
                size = saved.end - saved.offset
                self._lose(file, saved.offset, size, 1, "holds an operation that makes no sense")
        if saved.lost:
            names = {collection.number: name for name, collection in self._engine.collections.items()}
            documents = [{"collection": names.get(number), "_id": id} for number, id in saved.lost]
            self._lose(file, saved.offset, saved.end - saved.offset, 0, "holds damaged documents", documents)

    def _adopt(self, operation: Operation) -> bool:
        """Make the collection of an operation whose own making was lost; return whether there is one to apply it to."""
        number = operation.collection
        if isinstance(operation, Define) and operation.verb == "create":
            older = self._engine.collections.get(operation.payload["name"])
            if older is not None and older.number != number:  # its end was lost
                self._engine.replay(Define(older.number, "rename", {"name": self._name(older.number)}))
            self._known.add(number)
        elif number not in self._known:
            if isinstance(operation, Delete) or (isinstance(operation, Define) and operation.verb not in _KEEPING):
                return False
            self._known.add(number)
            self._engine.replay(Define(number, "create", {"name": self._name(number)}))
        return True

    def _name(self, number: int) -> str:
        name = f"recovered-{number}"
        while name in self._engine.collections:
            name += "-again"
        self.notes.append(f"a collection is called {name!r}: the commit that named, or dropped, it was lost")
        return name

    def _lose(
        self, file: str, offset: int, size: int, frames: int, what: str, documents: Sequence[dict[str, Any]] = ()
    ) -> None:
        self._losses.append(Loss(file, offset, size, frames, what, list(documents)))
