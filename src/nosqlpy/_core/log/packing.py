"""Packing: the bytes of a segment, compressed in blocks that hold equally many of them.

    header 64 | block, block … | table | foot                                  (a segment whose header says so)

    block    mark u32 | number u32 | size u32 | stored u32 | crc u32 | as many bytes as are stored
    table    stored u32 for each block
    foot     size of the segment as it was before u64 | blocks u32 | crc u32 of table and foot

Everything else, from frames to places, counts in the bytes as they were before; the
header is not compressed. Checksums begin with the segment's salt. A block that does
not become smaller is stored as it is: then size and stored are equal.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from sys import byteorder, version_info
from typing import Any, Final

import msgspec

from nosqlpy._core.log.segment import BLOCK_MAX, HEADER_SIZE, ZLIB, ZSTD, SegmentHeader, damaged, segment_name
from nosqlpy.errors import CorruptionError, NotSupportedError

CODES: Final[dict[str, int]] = {"zlib": ZLIB, "zstd": ZSTD}
# A point read decompresses one block. On documents of 330 bytes, blocks of 64 KiB are a sixth smaller, and take four
# times as long.
BLOCK_SIZE: Final = 16 << 10

_MARK = 0x4B4C424E  # "NBLK"
MARK_BYTES: Final = struct.pack("<I", _MARK)
_HEAD = struct.Struct("<IIII")
_CRC = struct.Struct("<I")
BLOCK_HEAD: Final = _HEAD.size + _CRC.size
_FOOT = struct.Struct("<QI")
FOOT_SIZE: Final = _FOOT.size + _CRC.size
_LEVEL = {ZLIB: 6, ZSTD: 3}
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# what lost blocks are replaced by, besides eight times the file
GAPS_MAX = 1 << 20
# what a block of zstd may ask for besides its bytes: a window of so many bits
_WINDOW = 20


class Block(msgspec.Struct, frozen=True):
    """One block that is intact: its number, its bytes before it was compressed, and where it ends."""

    number: int
    data: bytes
    end: int


def code_of(compression: str | None) -> int:
    """Return the number of a compression in a header, 0 for none.

    Raises:
        NotSupportedError: It needs a package that is not installed.
    """
    if compression is None:
        return 0
    code = CODES[compression]
    check_code(code)
    return code


def check_code(code: int) -> None:
    """Refuse a compression for which a package is missing.

    Raises:
        NotSupportedError: It is.
    """
    if code == ZSTD:
        _zstd()


@cache
def _zstd() -> Any:
    try:
        return import_module("compression.zstd" if version_info >= (3, 14) else "backports.zstd")
    except ImportError:
        raise NotSupportedError(
            'compression "zstd" needs Python 3.14 or the package backports.zstd: pip install "nosqlpy[zstd]"'
        ) from None


def _compress(data: bytes, code: int) -> bytes:
    if code == ZLIB:
        return zlib.compress(data, _LEVEL[ZLIB])
    packed: bytes = _zstd().compress(data, _LEVEL[ZSTD])
    return packed


def _decompress(stored: bytes, size: int, code: int) -> bytes | None:
    """Return what `stored` holds if that has `size` bytes; it is not decompressed any further."""
    failures: tuple[type[Exception], ...] = (zlib.error,)
    if code == ZLIB:
        unpacker: Any = zlib.decompressobj()
    else:
        zstd = _zstd()
        failures = (zstd.ZstdError,)
        unpacker = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW})
    try:
        data: bytes = unpacker.decompress(stored, size + 1)
    except failures:
        return None
    return data if len(data) == size and unpacker.eof and not unpacker.unused_data else None


def blocks_of(size: int, header: SegmentHeader) -> int:
    """Return how many blocks a segment of `size` bytes has."""
    return -(-max(0, size - HEADER_SIZE) // header.block_size)


def _encode_block(data: bytes, number: int, header: SegmentHeader) -> bytes:
    stored = _compress(data, header.codec)
    if len(stored) >= len(data):
        stored = data
    head = _HEAD.pack(_MARK, number, len(data), len(stored))
    return b"".join((head, _CRC.pack(zlib.crc32(stored, zlib.crc32(head, header.salt))), stored))


def read_block(data: bytes, offset: int, header: SegmentHeader) -> Block | None:
    """Return the block at `offset`, or None where there is none that is intact."""
    start = offset + BLOCK_HEAD
    if start > len(data):
        return None
    mark, number, size, length = _HEAD.unpack_from(data, offset)
    # sizes are untrusted until the checksum holds, and afterwards too: a file may be made to do harm
    if mark != _MARK or not 0 < length <= size <= header.block_size or start + length > len(data):
        return None
    stored = data[start : start + length]
    crc = zlib.crc32(stored, zlib.crc32(data[offset : offset + _HEAD.size], header.salt))
    if crc != _CRC.unpack_from(data, offset + _HEAD.size)[0]:
        return None
    content = stored if length == size else _decompress(stored, size, header.codec)
    return None if content is None else Block(number, content, start + length)


def encode_end(stored: Sequence[int], size: int, header: SegmentHeader) -> bytes:
    """Return what stands behind the blocks: the table of how many bytes each has `stored`, and the foot."""
    table = _words(array("I", stored)).tobytes()
    foot = _FOOT.pack(size, len(stored))
    return table + foot + _CRC.pack(zlib.crc32(foot, zlib.crc32(table, header.salt)))


def decode_end(data: bytes, header: SegmentHeader) -> tuple[int, array[int]] | None:
    """Return the size of the segment, and how many bytes each block has stored; or None if that is damaged.

    `data` begins with the table, and ends with the file.
    """
    table, foot = data[: -FOOT_SIZE or None], data[-FOOT_SIZE:]
    crc = zlib.crc32(foot[: _FOOT.size], zlib.crc32(table, header.salt))
    if len(foot) != FOOT_SIZE or crc != _CRC.unpack_from(foot, _FOOT.size)[0]:
        return None
    size, count = _FOOT.unpack_from(foot)
    if count * 4 != len(table) or count != blocks_of(size, header) or size < HEADER_SIZE:
        return None
    return size, _words(array("I", table))


def end_size(foot: bytes) -> int:
    """Return how many bytes table and foot have, if the last bytes of a file are `foot`; it is not checked."""
    return int(_FOOT.unpack_from(foot)[1]) * 4 + FOOT_SIZE


def _words(numbers: array[int]) -> array[int]:
    if byteorder == "big":
        numbers.byteswap()
    return numbers


class Packer:
    """Takes the bytes behind the header of a segment, in pieces, and returns those of the file."""

    def __init__(self, header: SegmentHeader) -> None:
        self._header = header
        self._rest = bytearray()
        self._stored: list[int] = []
        self._taken = HEADER_SIZE
        self.size: int = HEADER_SIZE

    def add(self, data: bytes) -> bytes:
        """Return the blocks that are full with `data`."""
        self._rest += data
        self._taken += len(data)
        full = len(self._rest) - len(self._rest) % self._header.block_size
        return self._blocks(full)

    def end(self) -> bytes:
        """Return the last block, and what stands behind the blocks."""
        last = self._blocks(len(self._rest))
        end = encode_end(self._stored, self._taken, self._header)
        self.size += len(end)
        return last + end

    def _blocks(self, size: int) -> bytes:
        blocks: list[bytes] = []
        for start in range(0, size, self._header.block_size):
            data = bytes(self._rest[start : min(start + self._header.block_size, size)])
            blocks.append(_encode_block(data, len(self._stored), self._header))
            self._stored.append(len(blocks[-1]) - BLOCK_HEAD)
        del self._rest[:size]
        packed = b"".join(blocks)
        self.size += len(packed)
        return packed


class Unpacker:
    """Takes the bytes behind the header of a packed segment, in pieces; one block is in memory at a time.

    `size` is what the segment must have had before it was packed.
    """

    def __init__(self, header: SegmentHeader, size: int) -> None:
        self._header = header
        self._size = size
        self._rest = bytearray()
        self._stored: list[int] = []
        self._offset = HEADER_SIZE

    def feed(self, data: bytes) -> bytes:
        """Return what the blocks hold that are complete with `data`.

        Raises:
            CorruptionError: One is not what was written.
        """
        self._rest += data
        blocks: list[bytes] = []
        while len(self._stored) < blocks_of(self._size, self._header) and (size := self._next_size()) is not None:
            block = read_block(bytes(self._rest[:size]), 0, self._header)
            if block is None or block.number != len(self._stored):
                raise self._damage()
            blocks.append(block.data)
            self._stored.append(size - BLOCK_HEAD)
            self._offset += size
            del self._rest[:size]
        return b"".join(blocks)

    def _next_size(self) -> int | None:
        """Return the size of the next block, or None until all of it is there."""
        if len(self._rest) < BLOCK_HEAD:
            return None
        size = BLOCK_HEAD + int(_HEAD.unpack_from(self._rest)[3])
        if size > BLOCK_HEAD + self._header.block_size:
            raise self._damage()
        return size if len(self._rest) >= size else None

    def finish(self) -> None:
        """Check what stands behind the blocks.

        Raises:
            CorruptionError: It is not what was written.
        """
        if self._rest != encode_end(self._stored, self._size, self._header):
            raise self._damage()

    def _damage(self) -> CorruptionError:
        return damaged(segment_name(self._header.number), self._offset, "holds a damaged block")


def salvage_blocks(data: bytes, header: SegmentHeader) -> bytes:
    """Return the segment as far as its blocks are intact, wherever they stand, with zeros for those that are lost.

    A file that is made to do harm cannot say that much more is lost than it has bytes.
    """
    blocks = {block.number: block.data for block in reversed(list(intact_blocks(data, header)))}
    parts, known, room = [data[:HEADER_SIZE]], 0, GAPS_MAX + 8 * len(data)
    for number in sorted(blocks):
        lost = min(number - known, max(1, room // header.block_size)) * header.block_size if number > known else 0
        room -= lost
        parts += [bytes(lost), blocks[number]]
        known = number + 1
    return b"".join(parts)


def intact_blocks(data: bytes, header: SegmentHeader) -> Iterator[Block]:
    """Yield the blocks that are intact, in the order in which they stand."""
    offset = data.find(MARK_BYTES)
    while offset >= 0:
        block = read_block(data, offset, header)
        if block is not None:
            yield block
        offset = data.find(MARK_BYTES, offset + 1 if block is None else block.end)


def looks_like_block(data: bytes, offset: int) -> tuple[bytes, int, int] | None:
    """Return what the checksum of a block at `offset` is made of, that checksum, and how it seems to be compressed.

    None if it is stored as it is, or there is not all of it.
    """
    start = offset + BLOCK_HEAD
    if start > len(data):
        return None
    _, _, size, length = _HEAD.unpack_from(data, offset)
    stored = data[start : start + min(length, BLOCK_MAX)]
    if not len(stored) == length < size <= BLOCK_MAX:
        return None
    codec = ZSTD if stored[:4] == _ZSTD_MAGIC else ZLIB
    return data[offset : offset + _HEAD.size] + stored, _CRC.unpack_from(data, offset + _HEAD.size)[0], codec
