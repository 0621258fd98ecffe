"""A segment that is checked while its bytes go by, one frame in memory at a time."""

from __future__ import annotations

from nosqlpy._core.log.frame import FRAME_SIZE, body_size, first_lsn, read_frame
from nosqlpy._core.log.manifest import SealedSegment
from nosqlpy._core.log.packing import Unpacker, check_code
from nosqlpy._core.log.segment import HEADER_SIZE, SegmentHeader, damaged, decode_header, segment_name
from nosqlpy.errors import CorruptionError


class SegmentCheck:
    """Takes the bytes of a segment in pieces, and refuses the first frame that is not intact.

    `expected` is what the manifest says of the segment; `database` whose it must be.
    """

    def __init__(self, expected: SealedSegment, database: bytes) -> None:
        self._expected = expected
        self._database = database
        self._name = segment_name(expected.number)
        self._header: SegmentHeader | None = None
        self._unpacker: Unpacker | None = None
        self._rest = bytearray()
        self._offset = 0
        self._lsn = self._crc = 0
        self.frames = 0

    def feed(self, data: bytes) -> None:
        """Check all frames that are complete with `data`.

        Raises:
            NotSupportedError: It is packed, and a package is missing that this needs.
            CorruptionError: The header or a frame is not what was written; `details` has the offset.
        """
        if self._header is None:
            self._rest += data
            if len(self._rest) < min(HEADER_SIZE, self._expected.file_size):
                return
            self._header = self._begin()
            data, self._rest = bytes(self._rest), bytearray()
        self._rest += data if self._unpacker is None else self._unpacker.feed(data)
        while (size := self._next_size()) is not None:
            self._take(bytes(self._rest[:size]), self._header)

    def finish(self) -> None:
        """Check that the segment ended where it must.

        Raises:
            CorruptionError: It is shorter, longer or another one.
        """
        expected = self._expected
        if self._unpacker is not None:
            self._unpacker.finish()
        end = (self._offset, self._crc)
        if self._header is None or self._rest or end != (expected.size, expected.crc):
            raise damaged(self._name, min(self._offset, expected.size), "is not what was sealed")

    def _begin(self) -> SegmentHeader:
        header = decode_header(bytes(self._rest[:HEADER_SIZE]), file=self._name)
        expected = self._expected
        if (header.database, header.number, header.kind) != (self._database, expected.number, expected.kind):
            raise damaged(self._name, 0, "belongs to another database or place")
        if header.codec:
            check_code(header.codec)
            self._unpacker = Unpacker(header, expected.size)
        self._skip(HEADER_SIZE)
        self._lsn, self._crc = first_lsn(header) - 1, header.prev_crc
        return header

    def _next_size(self) -> int | None:
        """Return the size of the next frame, or None until all of it is there."""
        if len(self._rest) < FRAME_SIZE:
            return None
        size = FRAME_SIZE + body_size(self._rest)
        if self._offset + size > self._expected.size:  # an untrusted number must not make this wait for ever
            raise self._damage()
        return size if len(self._rest) >= size else None

    def _take(self, data: bytes, header: SegmentHeader) -> None:
        try:
            found = read_frame(data, 0, header.salt)
        except ValueError as error:
            raise self._damage() from error
        if found is None or found[0].lsn != self._lsn + 1 or found[1] != self._crc:
            raise self._damage()
        self._lsn, self._crc = found[0].lsn, found[0].crc
        self.frames += 1
        self._skip(len(data))

    def _skip(self, size: int) -> None:
        del self._rest[:size]
        self._offset += size

    def _damage(self) -> CorruptionError:
        return damaged(self._name, self._offset, "is damaged")
