"""The reader: documents that are not resident, from the segments that hold them.

The engine does no I/O: it is given a function that opens a file, and gets one that
reads a part of it. A file that was opened stays readable after its name is gone,
for as long as somebody refers to it: a cursor over documents of segments that a
compaction has removed goes on.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, compress, islice
from operator import lt
from typing import Any, NamedTuple, Protocol, TypeAlias, overload

from nosqlpy._core.engine.regions import REGION, read_confirmed
from nosqlpy._core.log.packed import BlockCache, PackedFile
from nosqlpy._core.log.place import (
    PLACE_SIZE,
    SEGMENT_SHIFT,
    Place,
    PlaceColumns,
    columns_of,
    crc_of,
    length_of,
    offset_of,
    runs_of,
    segment_of,
    unpack_columns,
    unpack_places,
)
from nosqlpy._core.log.segment import HEADER_SIZE, damaged, decode_header, segment_name
from nosqlpy.errors import CorruptionError, FormatVersionError

# a document's bytes while it is resident, else its place
Slot: TypeAlias = "bytes | Place"


class File(Protocol):
    """A file that is open for reading."""

    def __call__(self, offset: int, size: int) -> bytes:
        """Return `size` bytes at `offset`, fewer at the end of the file."""

    def size(self) -> int:
        """Return how many bytes the file has now."""


# opens a file by its name
Open: TypeAlias = Callable[[str], File]
Files: TypeAlias = Mapping[int, File]
# returns the pieces of some bytes that lie one behind the other from an offset on, by their sizes
Cut: TypeAlias = Callable[[bytes, int, Sequence[int]], list[bytes]]

# what one read takes at most, and the gap between two documents that it rather reads than leaves out
CHUNK = 1 << 20
GAP = 4 << 10
# fewer bytes are quicker read without the rest of their regions
CONFIRMED_MIN = 2 * REGION
# documents that are read at once where all of a collection are
PACKED_STEP = 2048
# a row below the place where its document begins
_ROW = 0xFFFFFFFF
# documents that lie one behind the other, before they are cut out together
TOGETHER_MIN = 32


def sliced(data: bytes, begin: int, sizes: Sequence[int]) -> list[bytes]:
    """Return pieces of `data`, as `Cut` says."""
    return [data[begin : (begin := begin + size)] for size in sizes]


class _Span(NamedTuple):
    """What was read of a segment: the bytes, where they begin there, and whether all documents in them are intact."""

    data: bytes
    begin: int
    confirmed: bool


class Reader:
    """Reads documents by their places; every one is verified by its own checksum."""

    __slots__ = ("_cut", "_open", "blocks", "checks", "files", "packed_segments")

    def __init__(self, opener: Open, blocks_size: int = 0, cut: Cut = sliced) -> None:
        self._open = opener
        self._cut = cut
        # what was decompressed last, of packed segments
        self.blocks: BlockCache = BlockCache(blocks_size)
        # the numbers of those segments
        self.packed_segments: frozenset[int] = frozenset()
        # the checksums of the regions of segments that have been looked at
        self.checks: dict[int, array[int]] = {}
        # replaced when a segment goes, so that whoever holds the old one can read on
        self.files: dict[int, File] = {}

    def fresh(self) -> Reader:
        """Return a reader of the same storage that has no file open."""
        return Reader(self._open, self.blocks.capacity, self._cut)

    def open(self, name: str) -> File:
        """Return what reads a file that is no segment."""
        return self._open(name)

    def file(self, number: int, files: Files | None = None) -> File:
        """Return what reads segment `number`, among `files` if it is there.

        Raises:
            StorageError: It cannot be opened.
        """
        file = (self.files if files is None else files).get(number)
        if file is None:
            file = self.files.get(number) or self._open_segment(number)
            self.files[number] = file
        return file

    def _open_segment(self, number: int) -> File:
        file = self._open(segment_name(number))
        if number not in self.packed_segments:
            return file
        try:
            header = decode_header(file(0, HEADER_SIZE), file=segment_name(number))
        except (CorruptionError, FormatVersionError):
            return file  # whoever reads it finds out
        return PackedFile(header, file, file.size(), self.blocks) if header.codec else file

    def hold(self, numbers: Iterable[int]) -> None:
        """Open segments whose names are about to go."""
        for number in numbers:
            self.file(number)

    def drop(self, numbers: Iterable[int]) -> None:
        """Let go of segments that no slot refers to any more."""
        gone = set(numbers)
        self.files = {number: file for number, file in self.files.items() if number not in gone}

    def one(self, place: Place, files: Files | None = None) -> bytes:
        """Return the document at a place.

        Raises:
            CorruptionError: It is damaged; `details` has the file and the offset.
        """
        data = self.file(place >> SEGMENT_SHIFT, files)(offset_of(place), length_of(place))
        if zlib.crc32(data) != crc_of(place):
            raise _damaged(place)
        return data

    def many(self, slots: Sequence[Slot], files: Files | None = None) -> list[bytes]:
        """Return the documents of `slots`, in their order; what lies together is read at once.

        Raises:
            CorruptionError: One is damaged; `details` has the file and the offset.
        """
        all_places = {int}.issuperset(map(type, slots))
        places: Any = slots if all_places else [slot for slot in slots if type(slot) is int]
        if not places:
            return list(slots)  # type: ignore[arg-type]  # they are bytes
        documents = self._read_together(columns_of(places), files)
        if documents is None:
            ordered = sorted(set(places))
            found = dict(zip(ordered, self._read_apart(ordered, files), strict=True))
            documents = list(map(found.__getitem__, places))
        if all_places:
            return documents
        each = iter(documents)
        return [slot if isinstance(slot, bytes) else next(each) for slot in slots]

    def packed(self, placed: bytes, keys: Sequence[Hashable]) -> Iterator[Iterable[tuple[Hashable, bytes]]]:
        """Yield the documents at packed places, many of which lie one behind the other, with their keys.

        They come in the order of the places, some thousands at a time; then those again for which nothing stands
        there, since they lie far from the others.

        Raises:
            CorruptionError: One is damaged; `details` has the file and the offset.
        """
        apart: list[int] = []
        for first in range(0, len(keys), PACKED_STEP):
            places = placed[first * PLACE_SIZE : (first + PACKED_STEP) * PLACE_SIZE]
            found = self._read_runs(places) or self._read_mostly(places, first, apart)
            yield zip(keys[first : first + PACKED_STEP], found, strict=True)
        apart.sort()
        for begin in range(0, len(apart), PACKED_STEP):
            rows = [each & _ROW for each in apart[begin : begin + PACKED_STEP]]
            places = b"".join([placed[row * PLACE_SIZE : (row + 1) * PLACE_SIZE] for row in rows])
            found = self._read_together(unpack_columns(places), None) or self.many(unpack_places(places))
            yield zip(map(keys.__getitem__, rows), found, strict=True)

    def _read_mostly(self, places: bytes, first: int, apart: list[int]) -> list[bytes]:
        """Return the documents of rows from the `first` on, but those that it adds to `apart`, as `_read_near` does."""
        part = unpack_columns(places)
        found = self._read_together(part, None)
        if found is None and _ascend(part.starts):
            found = self.many(unpack_places(places))
        return self._read_near(part, first, apart) if found is None else found

    def _read_runs(self, places: bytes) -> list[bytes] | None:
        """Return the documents at packed places by one read, or None where they are no long runs, or one is damaged."""
        runs = runs_of(places, TOGETHER_MIN)
        if runs is None:
            return None
        starts, counts, lengths = runs
        number, size = starts[0] >> 48, starts[-1] - starts[0] + sum(lengths[-counts[-1] :])
        if number != starts[-1] >> 48 or size > 2 * sum(lengths) + GAP:
            return None
        read = self._span(number, starts[0] & 0xFFFFFFFFFFFF, size, None)
        documents: list[bytes] = []
        base = number << 48 | read.begin
        for start, count in zip(starts, counts, strict=True):
            at = len(documents)
            documents += self._cut(read.data, start - base, lengths[at : at + count])
        intact = read.confirmed or list(map(zlib.crc32, documents)) == unpack_columns(places).crcs()
        return documents if intact else None

    def _read_near(self, columns: PlaceColumns, first: int, apart: list[int]) -> list[bytes]:
        """Return the documents of rows from the `first` on, those that lie near to most others.

        Nothing stands for the rest; where these begin, and their rows, is added to `apart`.
        """
        starts, lengths, crcs = columns
        middle, reach = sorted(starts)[len(starts) // 2], sum(lengths)
        near = [-reach <= start - middle <= reach for start in starts]
        of_near = PlaceColumns(
            list(compress(starts, near)), list(compress(lengths, near)), lambda: list(compress(crcs(), near))
        )
        found = self._read_together(of_near, None)
        documents = [b""] * len(starts)
        if found is None:
            near = [False] * len(starts)
        else:
            for row, document in zip(compress(range(len(starts)), near), found, strict=True):
                documents[row] = document
        apart += [start << 32 | row for row, start in enumerate(starts, first) if not near[row - first]]
        return documents

    def _read_together(self, columns: PlaceColumns, files: Files | None) -> list[bytes] | None:
        """Return documents by one read, or None where that would read too much else, or one is damaged."""
        starts, lengths, crcs = columns
        ascending = _ascend(starts)
        first, last = (starts[0], starts[-1]) if ascending else (min(starts), max(starts))
        number = first >> 48
        if number != last >> 48 or last - first > 2 * sum(lengths) + GAP:
            return None
        read = self._span(
            number, first & 0xFFFFFFFFFFFF, last - first + lengths[-1 if ascending else starts.index(last)], files
        )
        base = number << 48 | read.begin
        if ascending:
            documents = self._pieces(read.data, base, starts, lengths)
        else:
            documents = [
                read.data[start - base : start - base + length] for start, length in zip(starts, lengths, strict=True)
            ]
        return documents if read.confirmed or list(map(zlib.crc32, documents)) == crcs() else None

    def _span(self, number: int, offset: int, size: int, files: Files | None) -> _Span:
        """Return so many bytes of a segment; where that is a large part, with those around them that confirm it."""
        file = self.file(number, files)
        checks = self.checks.get(number) if size >= CONFIRMED_MIN else None
        confirmed = None if checks is None else read_confirmed(file, checks, offset, offset + size)
        return _Span(file(offset, size), offset, confirmed=False) if confirmed is None else _Span(*confirmed, True)

    def _pieces(self, data: bytes, base: int, starts: Sequence[int], lengths: Sequence[int]) -> list[bytes]:
        """Return what begins at `starts`, which ascend, in `data`, which begins at `base`.

        Pieces without anything between them are cut out together: that takes half as long as one by one.
        """
        documents: list[bytes] = []
        before = list(accumulate(lengths, initial=base))
        at, size = 0, len(starts)
        while size - at >= TOGETHER_MIN:
            # what lies between pieces only ever adds up
            between = starts[at] - before[at]
            end = bisect_right(range(size), between, at, key=lambda index: starts[index] - before[index])
            if end - at < TOGETHER_MIN:
                break
            documents += self._cut(data, starts[at] - base, lengths[at:end])
            at = end
        rest = zip(starts[at:], lengths[at:], strict=True)
        return documents + [data[start - base : start - base + length] for start, length in rest]

    def _read_apart(self, ordered: Sequence[Place], files: Files | None) -> list[bytes]:
        """Return the documents at ascending places that do not lie together."""
        documents: list[bytes] = []
        for run in _runs(ordered):
            documents += self._read_run(run, files) if len(run) > 1 else [self.one(run[0], files)]
        return documents

    def _read_run(self, run: Sequence[Place], files: Files | None) -> list[bytes]:
        """Return the documents at places that lie close together in one segment, in their order."""
        first = offset_of(run[0])
        size = offset_of(run[-1]) + length_of(run[-1]) - first
        data = self.file(segment_of(run[0]), files)(first, size)
        documents = []
        for place in run:
            start = (place >> 64 & 0xFFFFFFFFFFFF) - first
            document = data[start : start + (place & 0xFFFFFFFF)]
            if zlib.crc32(document) != place >> 32 & 0xFFFFFFFF:
                raise _damaged(place)
            documents.append(document)
        return documents


def _ascend(numbers: Sequence[int]) -> bool:
    return all(map(lt, numbers, islice(numbers, 1, None)))


def _runs(ordered: Sequence[Place]) -> Iterator[Sequence[Place]]:
    """Yield slices of ascending places, each of documents that one read takes."""
    begin, first, end = 0, ordered[0] >> 64, 0
    for index, place in enumerate(ordered):
        start = place >> 64  # with the segment's number above it: another segment is far away
        stop = start + (place & 0xFFFFFFFF)
        if index > begin and (start - end > GAP or stop - first > CHUNK):
            yield ordered[begin:index]
            begin, first = index, start
        end = stop
    yield ordered[begin:]


def _damaged(place: Place) -> Exception:
    return damaged(segment_name(segment_of(place)), offset_of(place), "holds a damaged document")


class Stored(Sequence[bytes]):
    """Documents of one moment, read when they are asked for; a slice of it is a list."""

    __slots__ = ("_files", "_reader", "slots")

    def __init__(self, slots: Sequence[Slot], reader: Reader, files: Files) -> None:
        self.slots: Sequence[Slot] = slots
        self._reader = reader
        self._files = files

    def __len__(self) -> int:
        return len(self.slots)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return self._reader.many(self.slots[index], self._files)
        return self._reader.many([self.slots[index]], self._files)[0]

    def only(self, slots: list[Slot]) -> Stored:
        """Return other documents of the same moment."""
        return Stored(slots, self._reader, self._files)


def each_size(blobs: Sequence[bytes]) -> Iterator[int]:
    """Yield how many bytes each document has, without reading it."""
    slots: Sequence[Slot] = blobs.slots if isinstance(blobs, Stored) else blobs
    return map(size_of, slots)


def size_of(slot: Slot) -> int:
    """Return how many bytes a document has, without reading it."""
    return length_of(slot) if isinstance(slot, int) else len(slot)


def slots_of(blobs: Sequence[bytes], start: int, chunk: Sequence[bytes], chosen: list[bytes]) -> Sequence[Slot]:
    """Return what to keep of `chosen`, selected from the `chunk` of `blobs` at `start`: no bytes from a disk."""
    if not isinstance(blobs, Stored):
        return chosen
    slots = blobs.slots[start : start + len(chunk)]
    if len(chosen) == len(chunk):
        return slots
    kept = set(map(id, chosen))
    return [slot for slot, blob in zip(slots, chunk, strict=True) if id(blob) in kept]
