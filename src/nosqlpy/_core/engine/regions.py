"""Regions: pieces of 64 KiB of a segment, whose checksums confirm all documents in them at once.

Every document has a checksum of its own, and looking at each takes a fifth of what loading takes. So a
hint has the checksums of the regions of its segments. They are taken from the very bytes in
which every document that the hint leads to was found to be what its own checksum says: where a
region is as it was then, so are the documents in it. Where one is not, each document is looked at.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import islice
from operator import lt
from typing import Final, TypeAlias

from nosqlpy._core.log.place import SEGMENT_SHIFT, Place, columns_of, place_of
from nosqlpy._core.log.section import STEP, numbers_of, words_of

REGION: Final = 64 << 10
# what is read at once to make checksums
PIECE: Final = 16 * REGION

Read: TypeAlias = Callable[[int, int], bytes]


def read_confirmed(read: Read, checks: array[int], first: int, stop: int) -> tuple[bytes, int] | None:
    """Return the bytes from `first` to `stop` with some around them, and where these begin.

    None where they are not as `checks` says, which are the checksums of all regions.
    """
    begin, end = first - first % REGION, stop + -stop % REGION
    data = read(begin, end - begin)
    if len(data) < stop - begin or _checksums(data) != checks[begin // REGION : end // REGION]:
        return None
    return data, begin


def _checksums(data: bytes) -> array[int]:
    view = memoryview(data)
    return array("I", [zlib.crc32(view[start : start + REGION]) for start in range(0, len(data), REGION)])


def decode_checks(packed: bytes, size: int) -> array[int] | None:
    """Return the checksums of a segment of `size` bytes, as a hint holds them, or None if it has none."""
    return numbers_of("I", packed) if packed and len(packed) == 4 * -(-size // REGION) else None


class Ascending:
    """Places in order, taken as far as they are needed: all of them need not be in memory at once."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._remaining = iter(places)
        self._held: list[Place] = []

    def before(self, stop: Place) -> list[Place]:
        """Return the places before `stop` that were not returned yet."""
        held = self._held
        while not held or held[-1] < stop:
            more = list(islice(self._remaining, STEP))
            if not more:
                break
            held += more
        end = bisect_left(held, stop)
        found, self._held = held[:end], held[end:]
        return found


def ascending(places: Iterable[Place]) -> list[Place]:
    """Return places in order, which most are in already: then no call of the interpreter takes long."""
    ordered: list[Place] = []
    remaining, sorts = iter(places), False
    while part := list(islice(remaining, STEP)):
        sorts = sorts or (bool(ordered) and ordered[-1] > part[0]) or not all(map(lt, part, islice(part, 1, None)))
        ordered += part
    if sorts:
        ordered.sort()
    return ordered


def encode_checks(read: Read, segment: int, size: int, places: Ascending) -> bytes:
    """Return the checksums of the regions of a segment, as a hint holds them.

    There are none if a document is not as its place says. `places` are those of all documents, of which
    it takes those in this segment.
    """
    checks = array("I")
    documents = _Documents(segment, places)
    for begin in range(0, size, PIECE):
        data = read(begin, min(PIECE, size - begin))
        if not documents.hold(begin, data):
            return b""
        checks.extend(_checksums(data))
    return words_of("I", checks) if documents.are_complete() else b""


class _Documents:
    """Documents in a segment, which is read in pieces; one may go on in the next piece."""

    def __init__(self, segment: int, places: Ascending) -> None:
        self._places = places
        self._segment = segment
        places.before(segment << SEGMENT_SHIFT)  # they are in others
        # the document that goes on: how many bytes are missing, its checksum so far, and that which it must have
        self._going_on = (0, 0, 0)

    def hold(self, begin: int, piece: bytes) -> bool:
        """Whether the documents in the piece that begins at `begin` are as their places say."""
        missing, crc, wanted = self._going_on
        if missing:
            crc, missing = zlib.crc32(piece[:missing], crc), max(0, missing - len(piece))
            self._going_on = (missing, crc, wanted)
            if missing or crc != wanted:
                return bool(missing)
        base = self._segment << 48 | begin
        columns = columns_of(self._places.before(place_of(self._segment, begin + len(piece), 0, 0)))
        starts, lengths, crcs = columns.starts, columns.lengths, columns.crcs()
        if starts and starts[-1] - base + lengths[-1] > len(piece):
            start = starts.pop() - base
            self._going_on = (start + lengths.pop() - len(piece), zlib.crc32(piece[start:]), crcs.pop())
        documents = [piece[start - base : start - base + n] for start, n in zip(starts, lengths, strict=True)]
        return list(map(zlib.crc32, documents)) == crcs

    def are_complete(self) -> bool:
        """Whether every document of the segment has been looked at to its end."""
        return not self._places.before((self._segment + 1) << SEGMENT_SHIFT) and not self._going_on[0]
