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
_CRC_SHIFT: Final = 32
_OFFSET_SHIFT: Final = 64
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
    return place >> _OFFSET_SHIFT & _OFFSET_MASK


def length_of(place: Place) -> int:
    """Return how many bytes the document at a place has."""
    return place & LENGTH_MASK


def crc_of(place: Place) -> int:
    """Return the checksum of the document at a place."""
    return place >> _CRC_SHIFT & LENGTH_MASK


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


def unpack_places(data: bytes) -> list[Place]:
    """Return the places that `pack_places` packed."""
    whole = len(data) - len(data) % _MANY.size
    view = memoryview(data)
    each = chain.from_iterable(chain(_MANY.iter_unpack(view[:whole]), _ONE.iter_unpack(view[whole:])))
    return list(map(_from_bytes, each, repeat(_LITTLE)))


def _column(data: bytes, kind: str, first: int, width: int) -> list[int]:
    """Return the numbers that stand `first` bytes from the beginning of each packed place."""
    column = bytearray(len(data) // PLACE_SIZE * width)
    for byte in range(width):
        column[byte::width] = data[first + byte :: PLACE_SIZE]
    numbers = array(kind, bytes(column))
    if byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
