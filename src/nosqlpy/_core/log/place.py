"""Places: where a document lies in the log, as one integer.

    segment u32 | offset u48 | crc u32 | length u32        (most significant first)

Places sort by segment and offset. The checksum is the document's own, so that it
can be verified alone, wherever it is read from.
"""

from __future__ import annotations

from typing import Final, TypeAlias

Place: TypeAlias = int

LENGTH_MASK: Final = 0xFFFFFFFF
_CRC_SHIFT: Final = 32
_OFFSET_SHIFT: Final = 64
_OFFSET_MASK: Final = 0xFFFFFFFFFFFF
SEGMENT_SHIFT: Final = 112


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
