"""Places: where a document lies in the log, as one integer.

    segment u32 | offset u48 | crc u32 | length u32        (most significant first)

Places sort by segment and offset. The checksum is the document's own, so that it
can be verified alone, wherever it is read from.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat
from struct import Struct
from sys import byteorder
from typing import Final, Literal, NamedTuple, TypeAlias

Place: TypeAlias = int

LENGTH_MASK: Final = 0xFFFFFFFF
CRC_SHIFT: Final = 32
OFFSET_SHIFT: Final = 64
_OFFSET_MASK: Final = 0xFFFFFFFFFFFF
SEGMENT_SHIFT: Final = 112
# the checksum and the length: places of equal documents have them in common
CONTENT_MASK: Final = 0xFFFFFFFFFFFFFFFF


def place_of(segment: int, offset: int, length: int, crc: int) -> Place:
    """Return the place of a document of `length` bytes at `offset` in a segment."""
    return (segment << 48 | offset) << 64 | crc << 32 | length


def segment_of(place: Place) -> int:
    """Return the number of the segment that a place is in."""
    return place >> SEGMENT_SHIFT


def offset_of(place: Place) -> int:
    """Return the offset of a place in its segment."""
    return place >> OFFSET_SHIFT & _OFFSET_MASK


def length_of(place: Place) -> int:
    """Return how many bytes the document at a place has."""
    return place & LENGTH_MASK


def crc_of(place: Place) -> int:
    """Return the checksum of the document at a place."""
    return place >> CRC_SHIFT & LENGTH_MASK


PLACE_SIZE: Final = 18
"""Bytes of a place in a file, little-endian."""
_LITTLE: Literal["little"] = "little"
_from_bytes: Callable[[bytes, Literal["little"]], int] = int.from_bytes
_ONE = Struct(f"{PLACE_SIZE}s")
_MANY = Struct(f"{PLACE_SIZE}s" * 16)


def pack_places(places: Iterable[Place]) -> bytes:
    """Return places as a file holds them."""
    # arguments by position: named ones take twice as long
    return b"".join(map(int.to_bytes, places, repeat(PLACE_SIZE), repeat(_LITTLE)))


class PlaceColumns(NamedTuple):
    """Places in columns, the segment above 48 bits in each of `starts`: documents are read by these.

    `crcs` returns their checksums, which are not always needed.
    """

    starts: list[int]
    lengths: list[int]
    crcs: Callable[[], list[int]]


def columns_of(places: Sequence[Place]) -> PlaceColumns:
    """Return places as columns."""
    starts = [place >> 64 for place in places]
    lengths = [place & 0xFFFFFFFF for place in places]
    return PlaceColumns(starts, lengths, lambda: [place >> 32 & 0xFFFFFFFF for place in places])


def unpack_columns(data: bytes) -> PlaceColumns:
    """Return packed places as columns, which takes far less time than making a number of each."""
    return PlaceColumns(_starts(data), _column(data, "I", 0, 4), lambda: _column(data, "I", 4, 4))


def _starts(data: bytes) -> list[int]:
    starts = _column(data, "Q", 8, 8)
    high = _column(data, "H", 16, 2)
    if any(high):  # more segments than a database has in its life, as a rule
        return [upper << 64 | lower for upper, lower in zip(high, starts, strict=True)]
    return starts


class Runs(NamedTuple):
    """Ascending places in runs that have nothing between them: where each begins, how many it has, and all lengths.

    The segment is above 48 bits in each of `starts`.
    """

    starts: list[int]
    counts: list[int]
    lengths: list[int]


def runs_of(data: bytes, shortest: int) -> Runs | None:
    """Return packed places as runs; None where they do not ascend, or have more than one run for `shortest` places.

    No number is made of a place: what lies between them comes of two subtractions of them all, as if of one number.
    """
    count, lengths = len(data) // PLACE_SIZE, _column(data, "I", 0, 4)
    first, last = _start(data, 0), _start(data, count - 1)
    if count <= shortest or _start(data, shortest) - first != sum(lengths[:shortest]):
        return None
    if not bytes(count) == data[16::PLACE_SIZE] == data[17::PLACE_SIZE]:  # as `_starts` has it
        return None
    joined = int.from_bytes(_bytes(data, 8, 8, 8), "little")
    between = (joined >> 64) - (joined & (1 << 64 * (count - 1)) - 1)
    between -= int.from_bytes(_bytes(data, 0, 4, 8)[:-8], "little")
    runs = Runs([first], [], lengths)
    at = far = 0
    while between > 0 and len(runs.starts) <= count // shortest:
        skipped = ((between & -between).bit_length() - 1) // 64
        between >>= 64 * skipped
        far += between & 0xFFFFFFFFFFFFFFFF
        between >>= 64
        at += skipped + 1
        runs.counts.append(skipped + 1)
        runs.starts.append(_start(data, at))
    runs.counts.append(count - at)
    # where that adds up, no place borrowed from the next one, and they ascend
    return None if between or first + sum(lengths[:-1]) + far != last else runs


def _start(data: bytes, row: int) -> int:
    return int.from_bytes(data[PLACE_SIZE * row + 8 : PLACE_SIZE * row + 16], "little")


def unpack_places(data: bytes) -> list[Place]:
    """Return the places that `pack_places` packed."""
    whole = len(data) - len(data) % _MANY.size
    view = memoryview(data)
    each = chain.from_iterable(chain(_MANY.iter_unpack(view[:whole]), _ONE.iter_unpack(view[whole:])))
    return list(map(_from_bytes, each, repeat(_LITTLE)))


def _column(data: bytes, kind: str, first: int, width: int) -> list[int]:
    """Return the numbers that stand `first` bytes from the beginning of each packed place."""
    return _array(data, kind, first, width).tolist()


def _array(data: bytes, kind: str, first: int, width: int) -> array[int]:
    numbers = array(kind, _bytes(data, first, width, width))
    if byteorder == "big":
        numbers.byteswap()
    return numbers


def _bytes(data: bytes, first: int, width: int, apart: int) -> bytes:
    """Return so many bytes of each packed place, from the `first` on, little-endian numbers that stand so far apart."""
    column = bytearray(len(data) // PLACE_SIZE * apart)
    for byte in range(width):
        column[byte::apart] = data[first + byte :: PLACE_SIZE]
    return bytes(column)
