"""The header of a segment file: whose it is, which frames may stand in it, and the salt of their checksums."""

from __future__ import annotations

import re
import struct
import zlib

import msgspec

from nosqlpy.errors import CorruptionError, FormatVersionError

FORMAT_VERSION = 1
# Like PNG's: the high bit shows a 7-bit transfer, the line endings and ^Z a text-mode copy.
MAGIC = b"\x89NQL\r\n\x1a\n"
CHECKSUM_CRC32 = 1
KIND_LOG, KIND_BASE = 0, 1
# an incompatible feature: a segment is packed, or a manifest names one that is
PACKED = 1
ZLIB, ZSTD = 1, 2
CODECS = (ZLIB, ZSTD)
BLOCK_MIN, BLOCK_MAX = 1 << 9, 1 << 20

_HEADER = struct.Struct("<8sHHHBB16sQQIIBBH")
HEADER_SIZE = _HEADER.size + 4
_CRC = struct.Struct("<I")
_NAME = re.compile(r"seg-([0-9a-f]{8})\.nql")


class SegmentHeader(msgspec.Struct, frozen=True):
    """What the first 64 bytes of a segment say.

    `base_lsn` is the LSN before the segment's first frame; in a base, the LSN up
    to which the base equals the log. `prev_crc` is the checksum of the frame
    before the first one, which that frame must name. A packed segment has a `codec`, by which
    each `block_size` of its bytes are compressed.
    """

    database: bytes
    number: int
    base_lsn: int
    salt: int
    prev_crc: int
    kind: int = KIND_LOG
    codec: int = 0
    block_size: int = 0

    def encode(self) -> bytes:
        """Return the 64 bytes of the header."""
        head = _HEADER.pack(
            MAGIC, FORMAT_VERSION, PACKED if self.codec else 0, 0, CHECKSUM_CRC32, self.kind,
            self.database, self.number, self.base_lsn, self.salt, self.prev_crc,
            self.codec, max(0, self.block_size.bit_length() - 1), 0,
        )  # fmt: skip
        return head + _CRC.pack(zlib.crc32(head))


def segment_name(number: int) -> str:
    """Return the file name of segment `number`."""
    return f"seg-{number:08x}.nql"


def segment_number(name: str) -> int | None:
    """Return the number of the segment with this file name, or None for any other file."""
    match = _NAME.fullmatch(name)
    return int(match[1], 16) if match else None


def decode_header(data: bytes, *, file: str) -> SegmentHeader:
    """Return the header that `data`, the content of `file`, begins with.

    Raises:
        CorruptionError: `data` is too short, is no segment, or its header fails its checksum.
        FormatVersionError: The segment needs a newer nosqlpy.
    """
    if len(data) < HEADER_SIZE or data[:8] != MAGIC:
        raise damaged(file, 0, "does not begin as a segment")
    fields = _HEADER.unpack_from(data)
    _, version, incompatible, _, checksum, kind, database, number, base_lsn, salt, prev_crc, codec, bits, _ = fields
    if _CRC.unpack_from(data, _HEADER.size)[0] != zlib.crc32(data[: _HEADER.size]):
        raise damaged(file, 0, "has a damaged header")
    check_version(version, incompatible, file)
    if checksum != CHECKSUM_CRC32 or kind not in (KIND_LOG, KIND_BASE):
        raise FormatVersionError(f"{file} uses a checksum or segment kind that this nosqlpy does not know")
    if not incompatible & PACKED:
        return SegmentHeader(database, number, base_lsn, salt, prev_crc, kind)
    if codec not in CODECS or not BLOCK_MIN <= 1 << bits <= BLOCK_MAX:
        raise FormatVersionError(f"{file} is compressed in a way that this nosqlpy does not know")
    return SegmentHeader(database, number, base_lsn, salt, prev_crc, kind, codec, 1 << bits)


def guess_header(data: bytes, number: int) -> SegmentHeader | None:
    """Return what a damaged header says, unchecked, or None if there is none at all. It is segment `number`'s."""
    if len(data) < HEADER_SIZE:
        return None
    _, _, _, _, _, kind, database, _, base_lsn, salt, prev_crc, _, _, _ = _HEADER.unpack_from(data)
    return SegmentHeader(database, number, base_lsn, salt, prev_crc, kind)


def check_version(version: int, incompatible: int, file: str) -> None:
    """Refuse a file that a newer nosqlpy wrote.

    Raises:
        FormatVersionError: The format version or an incompatible feature bit is unknown.
    """
    if version > FORMAT_VERSION or incompatible & ~PACKED:
        raise FormatVersionError(
            f"{file} has format version {version} with features {incompatible:#x}; this nosqlpy reads up to version "
            f"{FORMAT_VERSION}: install a newer one",
            details={"file": file, "version": version},
        )


def damaged(file: str, offset: int, what: str) -> CorruptionError:
    """Return the error that says what is wrong with `file` at byte `offset`."""
    return CorruptionError(
        f"{file} {what} (at byte {offset}); restore a backup of the database, or repair it",
        details={"file": file, "offset": offset},
    )
