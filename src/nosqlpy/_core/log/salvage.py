"""Salvage: what can still be read of a damaged segment.

Frames are verified as always. Between two intact ones lies what is lost, except
that a frame of many documents has a checksum for each: the good ones are saved.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from nosqlpy._core.log.frame import CRC, FRAME_SIZE, HEAD, MARK, MARK_BYTES, body_size, read_frame
from nosqlpy._core.log.operation import COLUMNS, MALFORMED, Operation, Put, covered_size, decode_bulk
from nosqlpy._core.log.packing import MARK_BYTES as BLOCK_MARK
from nosqlpy._core.log.packing import check_code, intact_blocks, looks_like_block, read_block, salvage_blocks
from nosqlpy._core.log.segment import BLOCK_MAX, HEADER_SIZE, SegmentHeader
from nosqlpy._core.values.keys import equality_keys

# a hostile file could make every byte look like the head of a large frame
WORK_MAX = 64
# frames from which a lost salt is found again
WITNESSES = 16
COVERED_MAX = 1 << 20


class Saved(msgspec.Struct, frozen=True):
    """A frame that is intact, or whose operations are but for the documents `lost`: ``(collection, id)``."""

    lsn: int
    operations: list[Operation]
    offset: int
    end: int
    lost: list[tuple[int, Any]]
    kind: int


class Lost(msgspec.Struct, frozen=True):
    """Bytes in which there is no intact frame."""

    offset: int
    end: int


def frames_begin(data: bytes) -> int:
    """Return where the first frame begins: behind the header, or before that in a file that has lost bytes."""
    found = data.find(MARK_BYTES, 0, HEADER_SIZE)
    return HEADER_SIZE if found < 0 else found


def salvage(data: bytes, salt: int, begin: int = HEADER_SIZE) -> Iterator[Saved | Lost]:
    """Yield what is in a segment from `begin` on, in order."""
    offset, budget = begin, WORK_MAX * len(data)
    while offset < len(data):
        saved = _save(data, offset, salt)
        if saved is not None:
            yield saved
            offset = saved.end
            continue
        start, found = offset, None
        while found is None and budget > 0 and (offset := data.find(MARK_BYTES, offset + 1)) >= 0:
            budget -= min(body_size(data[offset : offset + FRAME_SIZE]), len(data)) + FRAME_SIZE
            found = _save(data, offset, salt)
        if found is None:
            offset = len(data)
        yield Lost(start, offset)


def _save(data: bytes, offset: int, salt: int) -> Saved | None:
    try:
        frame = read_frame(data, offset, salt)
        if frame is not None:
            return Saved(frame[0].lsn, frame[0].operations, offset, frame[0].end, [], frame[0].kind)
        return _save_part(data, offset, salt)
    except MALFORMED:  # the checksum holds, and the frame makes no sense
        return None


def _save_part(data: bytes, offset: int, salt: int) -> Saved | None:
    """Return a frame whose columns are intact, with those of its documents that are; the last ones may be cut off."""
    start = offset + FRAME_SIZE
    if start > len(data):
        return None
    mark, body_len, lsn, _, _, kind, flags, zero = HEAD.unpack_from(data, offset)
    if mark != MARK or kind not in COLUMNS or flags or zero:
        return None
    body = data[start : start + body_len]
    size = covered_size(kind, body)
    (crc,) = CRC.unpack_from(data, offset + HEAD.size)
    if crc != zlib.crc32(body[:size], zlib.crc32(data[offset : offset + HEAD.size], salt)):
        return None
    operations: list[Operation] = []
    lost: list[tuple[int, Any]] = []
    for operation, crcs in decode_bulk(body):
        if type(operation) is Put:
            good = [zlib.crc32(blob) == crc for blob, crc in zip(operation.documents, crcs, strict=True)]
            lost += [(operation.collection, id) for id, fine in zip(operation.ids, good, strict=True) if not fine]
            operations.append(_chosen(operation, good))
        else:
            operations.append(operation)
    return Saved(lsn, operations, offset, min(start + body_len, len(data)), lost, kind)


def _chosen(operation: Put, good: list[bool]) -> Put:
    ids = [id for id, fine in zip(operation.ids, good, strict=True) if fine]
    blobs = [blob for blob, fine in zip(operation.documents, good, strict=True) if fine]
    return Put(operation.collection, equality_keys(ids), ids, blobs)


# ── packed segments ──────────────────────────────────────────────────────────────


def salvage_unpacked(data: bytes, header: SegmentHeader) -> bytes:
    """Return the bytes of a segment whose file has `data`: these, or what intact blocks of a packed one hold.

    Raises:
        NotSupportedError: A package is missing that the compression needs.
    """
    if not header.codec:
        return data
    check_code(header.codec)
    return salvage_blocks(data, header)


def guess_packed(data: bytes, header: SegmentHeader) -> SegmentHeader:
    """Return what a damaged header should say of how the segment is packed, by its first blocks; and their salt."""
    offset = -1
    for _ in range(WITNESSES):
        offset = data.find(BLOCK_MARK, offset + 1)
        found = looks_like_block(data, offset) if offset >= 0 else None
        if found is None:
            continue
        covered, crc, codec = found
        for salt in (header.salt, _beginning(crc, covered)):
            packed = msgspec.structs.replace(header, salt=salt, codec=codec, block_size=BLOCK_MAX)
            block = read_block(data, offset, packed)  # that it can be decompressed proves that it is one
            if block is not None:
                return msgspec.structs.replace(packed, block_size=_full_size(data, packed) or len(block.data))
    return header


def _full_size(data: bytes, packed: SegmentHeader) -> int:
    """Return how many bytes the first blocks hold, all but the last of which are full."""
    return max((len(block.data) for block in islice(intact_blocks(data, packed), WITNESSES)), default=0)


# ── a lost salt ──────────────────────────────────────────────────────────────────


def find_salt(data: bytes) -> int | None:
    """Return the salt of a segment whose header is damaged, or None: the one on which two of its frames agree."""
    votes: Counter[int] = Counter()
    offset = frames_begin(data) - 1
    for _ in range(WITNESSES):
        offset = data.find(MARK_BYTES, offset + 1)
        if offset < 0 or offset + FRAME_SIZE > len(data):
            break
        kind = data[offset + 28]
        body = data[offset + FRAME_SIZE : offset + FRAME_SIZE + body_size(data[offset:])]
        covered = body[: covered_size(kind, body)]
        if len(covered) <= COVERED_MAX:
            (crc,) = CRC.unpack_from(data, offset + HEAD.size)
            votes[_beginning(crc, data[offset : offset + HEAD.size] + covered)] += 1
    salt, count = max(votes.items(), key=lambda vote: vote[1], default=(0, 0))
    return salt if count > 1 else None


def _beginning(crc: int, data: bytes) -> int:
    """Return the number with which `zlib.crc32` of `data` began that ended as `crc`, going backwards."""
    state = crc ^ 0xFFFFFFFF
    for byte in reversed(data):
        index = _INDEX_OF_TOP[state >> 24]
        state = ((state ^ _TABLE[index]) << 8 & 0xFFFFFFFF) | (index ^ byte)
    return state ^ 0xFFFFFFFF


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0xEDB88320 if byte & 1 else 0)
    return byte


_TABLE = [_entry(byte) for byte in range(256)]
_INDEX_OF_TOP = {entry >> 24: index for index, entry in enumerate(_TABLE)}
