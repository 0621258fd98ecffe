"""The tail of the log: where the next frame goes, and what it must say."""

from __future__ import annotations

import msgspec

from nosqlpy._core.log.segment import HEADER_SIZE, SegmentHeader, segment_name


class Position(msgspec.Struct, frozen=True, gc=False):
    """A place between two frames: the size of the segment up to it, the last LSN and its checksum."""

    size: int
    lsn: int
    crc: int


class Tail(msgspec.Struct):
    """The active segment, where it ends, and up to which byte it is known durable.

    `end` is one attribute, assigned once for a frame, so that an exception raised
    at any moment leaves it either before or after that frame. `name` is the segment's file;
    `place` and a size are one number for a place in the log.
    """

    header: SegmentHeader
    end: Position
    synced_upto: int
    name: str = ""
    place: int = 0

    def __post_init__(self) -> None:
        if not self.name:
            self.name = segment_name(self.header.number)
            self.place = self.header.number << 32

    @classmethod
    def start(cls, header: SegmentHeader) -> Tail:
        """Return the tail of a segment that holds only its header, durable."""
        return cls(header, Position(HEADER_SIZE, header.base_lsn, header.prev_crc), HEADER_SIZE)
