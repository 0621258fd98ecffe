"""Frames: one committed write each, chained, numbered, salted and checksummed.

    mark u32 | body_len u32 | lsn u64 | synced_upto u64 | prev_crc u32 | kind u8 | flags u8 | 0 u16 | crc u32 | body

The checksum covers the header and, for a ``BULK`` body, its columns only: they
hold a checksum for each document, so that no byte is summed twice and each
document can be verified alone.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from itertools import takewhile

import msgspec

from nosqlpy._core.log.operation import (
    COLUMNS,
    DELETE,
    KIND_BULK,
    KIND_COMMIT,
    KIND_OP,
    KIND_PART,
    KINDS,
    OP,
    PUT,
    Delete,
    Operation,
    Put,
    covered_size,
    decode_body,
    decode_put,
    encode_body,
    encode_bulk,
    encode_part,
    encode_single,
    split_operations,
)
from nosqlpy._core.log.segment import HEADER_SIZE, SegmentHeader, damaged, segment_name
from nosqlpy._core.values.codec import encode_value

MARK = 0x4D52464E  # "NFRM"
HEAD = struct.Struct("<IIQQIBBH")
CRC = struct.Struct("<I")
FRAME_SIZE = HEAD.size + CRC.size
MARK_BYTES = struct.pack("<I", MARK)
# the head of a frame, its checksum, and the beginning of an ``OP`` body
_OP_HEAD = struct.Struct(f"{HEAD.format}{CRC.format[1:]}{OP.format[1:]}")
_head, _crc = HEAD.pack, CRC.pack
_PARTS = struct.Struct("<II")

# where the body of a put, or a deletion, begins; kept, since packing it takes longer
_put = lru_cache(maxsize=1024)(partial(OP.pack, PUT))
_delete = lru_cache(maxsize=1024)(partial(OP.pack, DELETE))

# a commit that would be larger as one frame is written in parts
PART_BYTES = 64 << 20
# how often the size of a segment may be gone through in search of frames behind a torn tail: a hostile
# one could make every byte of it look like the head of a large frame
WORK_MAX = 64


class Parts(msgspec.Struct, frozen=True, gc=False):
    """What the last frame of a large commit says of those before it: how many they are, and the sum of their sums."""

    count: int
    crc: int


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One intact frame: its number, checksum, what it claims to be durable, its operations and where it ends."""

    lsn: int
    crc: int
    synced_upto: int
    operations: list[Operation]
    end: int
    kind: int = KIND_BULK
    parts: Parts | None = None


class Scan(msgspec.Struct, frozen=True):
    """The intact frames of a segment, oldest first, where they end, and what is wrong there (None: nothing)."""

    frames: list[Frame]
    end: int
    damage: str | None


def encode_frame(
    operations: Sequence[Operation], *, lsn: int, synced_upto: int, prev_crc: int, salt: int
) -> tuple[bytes, int]:
    """Return the bytes of one frame, and its checksum, which the next frame must name."""
    kind, covered, rest = encode_body(operations)
    return _encode(kind, covered, rest, lsn, synced_upto, prev_crc, salt)


def _encode(
    kind: int, covered: bytes, rest: bytes, lsn: int, synced_upto: int, prev_crc: int, salt: int
) -> tuple[bytes, int]:
    head = HEAD.pack(MARK, len(covered) + len(rest), lsn, synced_upto, prev_crc, kind, 0, 0)
    crc = zlib.crc32(covered, zlib.crc32(head, salt))
    return b"".join((head, CRC.pack(crc), covered, rest)), crc


def encode_one(operation: Put | Delete, lsn: int, synced_upto: int, prev_crc: int, salt: int) -> tuple[bytes, int]:
    """Return the one frame of a commit that stores, or deletes, one document, and its checksum: nearly all commits."""
    if type(operation) is Put:  # as `encode_single`, without a call
        body = _put(operation.collection) + operation.documents[0]
    else:
        body = _delete(operation.collection) + encode_value(operation.ids[0])
    head = _head(MARK, len(body), lsn, synced_upto, prev_crc, KIND_OP, 0, 0)
    crc = zlib.crc32(body, zlib.crc32(head, salt))
    return b"".join((head, _crc(crc), body)), crc


def encode_commit(
    operations: Sequence[Operation], lsn: int, synced_upto: int, prev_crc: int, salt: int
) -> tuple[bytes, int, int]:
    """Return the bytes of one commit, the LSN of its last frame, and that one's checksum.

    It is one frame, or if that would be large, parts and a last one without which these are nothing.
    """
    single = encode_single(operations[0]) if len(operations) == 1 else None
    if single is not None:  # as `_encode`, without a call
        head = _head(MARK, len(single), lsn, synced_upto, prev_crc, KIND_OP, 0, 0)
        crc = zlib.crc32(single, zlib.crc32(head, salt))
        data = b"".join((head, _crc(crc), single))
    else:
        kind, covered, rest = encode_bulk(operations)
        head = _head(MARK, len(covered) + len(rest), lsn, synced_upto, prev_crc, kind, 0, 0)
        crc = zlib.crc32(covered, zlib.crc32(head, salt))
        data = b"".join((head, _crc(crc), covered, rest))
    if len(data) <= PART_BYTES:
        return data, lsn, crc
    frames = [Frame(0, 0, 0, part, 0, KIND_PART) for part in split_operations(operations, PART_BYTES // 2)]
    frames.append(Frame(0, 0, 0, [], 0, KIND_COMMIT))
    data, crc = encode_again(frames, lsn=lsn, synced_upto=synced_upto, prev_crc=prev_crc, salt=salt)
    return data, lsn + len(frames) - 1, crc


def encode_again(
    frames: Sequence[Frame], *, lsn: int, prev_crc: int, salt: int, synced_upto: int = 0
) -> tuple[bytes, int]:
    """Return the bytes of frames that follow each other from `lsn` on, each of its kind; and the last checksum."""
    encoded: list[bytes] = []
    crcs: list[int] = []
    crc = prev_crc
    for number, frame in enumerate(frames, start=lsn):
        if frame.kind == KIND_PART:
            kind, (covered, rest) = KIND_PART, encode_part(frame.operations)
        elif frame.kind == KIND_COMMIT:
            kind, covered, rest = KIND_COMMIT, _PARTS.pack(len(crcs), _sum_of(crcs)), b""
        else:
            kind, covered, rest = encode_body(frame.operations)
        data, crc = _encode(kind, covered, rest, number, synced_upto, crc, salt)
        crcs = [*crcs, crc] if kind == KIND_PART else []
        encoded.append(data)
    return b"".join(encoded), crc


def copy_frames(data: bytes, frames: Sequence[Frame], *, lsn: int, prev_crc: int, salt: int) -> tuple[bytes, int]:
    """Return the bytes of frames that follow each other in `data`, a segment, from its first one on, with new heads.

    They are numbered from `lsn` on; what they hold is taken over as it is. The last checksum is returned as well.
    """
    copied: list[bytes] = []
    parts: list[int] = []
    crc, begin = prev_crc, HEADER_SIZE
    for number, frame in enumerate(frames, start=lsn):
        kind, body = frame.kind, data[begin + FRAME_SIZE : frame.end]
        if kind == KIND_COMMIT:
            body = _PARTS.pack(len(parts), _sum_of(parts))
        head = _head(MARK, len(body), number, 0, crc, kind, 0, 0)
        covered = body[: covered_size(kind, body)] if kind in COLUMNS else body
        crc, begin = zlib.crc32(covered, zlib.crc32(head, salt)), frame.end
        copied += (head, _crc(crc), body)
        if kind == KIND_PART:
            parts.append(crc)
        else:
            parts.clear()
    return b"".join(copied), crc


def _sum_of(crcs: Sequence[int]) -> int:
    return zlib.crc32(b"".join(map(CRC.pack, crcs)))


def scan_segment(data: bytes, header: SegmentHeader, *, synced: int = 0) -> Scan:
    """Return the intact frames of a segment up to the first one that is not.

    `synced` is the offset up to which the caller knows the bytes to be durable.

    Raises:
        CorruptionError: A frame is not intact although later bytes prove that it was durable once,
            or an intact frame does not follow the one before it (two writers).
    """
    frames, end = _chain(data, HEADER_SIZE, first_lsn(header) - 1, header.prev_crc, header, start=0)
    if end < len(data):
        return Scan(frames, end, _explain(data, end, header, synced))
    if end < synced:
        raise damaged(segment_name(header.number), end, f"ends before byte {synced}, which was durable")
    return Scan(frames, end, None)


def scan_tail(data: bytes, header: SegmentHeader, *, start: int, lsn: int, crc: int) -> list[Frame]:
    """Return the intact frames at the beginning of `data`, what the segment holds from byte `start` on.

    Frame `lsn` with the checksum `crc` is the one before them. What follows them is another
    process's to finish, or the trace of its death.

    Raises:
        CorruptionError: An intact frame does not follow the one before it (two writers).
    """
    return _chain(data, 0, lsn, crc, header, start=start)[0]


def _chain(
    data: bytes, offset: int, lsn: int, crc: int, header: SegmentHeader, *, start: int
) -> tuple[list[Frame], int]:
    """Return the intact frames from `offset` on, and where the last of them ends; `data` is the segment from `start`.

    Raises:
        CorruptionError: An intact frame does not follow the one before it.
    """
    frames: list[Frame] = []
    first = offset
    while offset < len(data):
        frame = _read_put(data, offset, header.salt) or _read(data, offset, header, start)
        if frame is None:
            break
        found, prev_crc = frame
        if found.lsn != lsn + 1 or prev_crc != crc:
            raise damaged(
                segment_name(header.number), start + offset, f"holds frame {found.lsn} where frame {lsn + 1} must stand"
            )
        if found.kind > KIND_BULK or (frames and frames[-1].kind == KIND_PART):
            _check_parts(frames, found, header, start + offset)
        frames.append(found if not start else msgspec.structs.replace(found, end=start + found.end))
        offset, lsn, crc = found.end, found.lsn, found.crc
    return frames, _drop_unfinished(frames, start + first) - start


def _read(data: bytes, offset: int, header: SegmentHeader, start: int) -> tuple[Frame, int] | None:
    """Do as `read_frame`, in the segment of this header, which `data` is from byte `start` on.

    Raises:
        CorruptionError: The frame is intact, and makes no sense.
    """
    try:
        return read_frame(data, offset, header.salt)
    except ValueError as error:
        raise damaged(segment_name(header.number), start + offset, "holds a frame that makes no sense") from error


def _drop_unfinished(frames: list[Frame], begin: int) -> int:
    """Drop the last of `frames` that are parts of a commit whose end is not there; return where the others end.

    The first one begins at `begin`.
    """
    while frames and frames[-1].kind == KIND_PART:
        frames.pop()
    return frames[-1].end if frames else begin


def _check_parts(frames: Sequence[Frame], found: Frame, header: SegmentHeader, offset: int) -> None:
    """Refuse parts without the end of their commit before the next, and an end without all of its parts.

    Raises:
        CorruptionError: There are such, though each frame is intact.
    """
    unfinished = bool(frames) and frames[-1].kind == KIND_PART
    if found.kind == KIND_COMMIT:
        before = takewhile(lambda frame: frame.kind == KIND_PART, reversed(frames))
        crcs = [frame.crc for frame in before][::-1]
        wrong = found.parts != Parts(len(crcs), _sum_of(crcs))
    else:
        wrong = unfinished and found.kind != KIND_PART
    if wrong:
        raise damaged(segment_name(header.number), offset, "holds a commit without all of its parts")


def first_lsn(header: SegmentHeader) -> int:
    """Return the number of the segment's first frame; in a base, frames are counted from 1."""
    return 1 if header.kind else header.base_lsn + 1


def body_size(head: bytes | bytearray) -> int:
    """Return the length of the body that the head of a frame claims; it is untrusted until the checksum holds."""
    return int.from_bytes(head[4:8], "little")


def body_at(data: bytes, offset: int) -> tuple[int, int, int] | None:
    """Return the kind of the frame at `offset`, and where its body begins and ends, be that behind the end of `data`.

    None if there is not all of its head, or something else. Whether it is intact is not looked at.
    """
    if offset + FRAME_SIZE > len(data):
        return None
    mark, body_len, _, _, _, kind, _, _ = HEAD.unpack_from(data, offset)
    start = offset + FRAME_SIZE
    return (kind, start, start + body_len) if mark == MARK else None


def head_at(data: bytes) -> tuple[bytes, int]:
    """Return the covered part of a frame's head, and the checksum that stands behind it."""
    return data[: HEAD.size], CRC.unpack_from(data, HEAD.size)[0]


def read_frame(data: bytes, offset: int, salt: int) -> tuple[Frame, int] | None:
    """Return the frame at `offset` and the checksum it names as its predecessor's, or None where it is not intact.

    Raises:
        ValueError: It is intact, and makes no sense.
    """
    start = offset + FRAME_SIZE
    if start > len(data):
        return None
    mark, body_len, lsn, synced_upto, prev_crc, kind, flags, zero = HEAD.unpack_from(data, offset)
    end = start + body_len
    # body_len is untrusted until the checksum holds: past the end of the file it is a torn frame, not an error
    if mark != MARK or end > len(data) or flags or zero or kind not in KINDS:
        return None
    body = data[start:end]
    covered = body[: covered_size(kind, body)] if kind in COLUMNS else body
    (crc,) = CRC.unpack_from(data, offset + HEAD.size)
    if crc != zlib.crc32(covered, zlib.crc32(data[offset : offset + HEAD.size], salt)):
        return None
    if kind == KIND_COMMIT and body_len != _PARTS.size:
        return None
    operations = decode_body(kind, body)
    if operations is None:
        return None
    parts = Parts(*_PARTS.unpack(body)) if kind == KIND_COMMIT else None
    return Frame(lsn, crc, synced_upto, operations, end, kind, parts), prev_crc


def _read_put(data: bytes, offset: int, salt: int) -> tuple[Frame, int] | None:
    """Return as `read_frame` the frame of a put of one document, which most are, in half of the time; else None."""
    start = offset + FRAME_SIZE
    if start + OP.size > len(data):
        return None
    mark, body_len, lsn, upto, prev_crc, kind, flags, zero, crc, code, number = _OP_HEAD.unpack_from(data, offset)
    end = start + body_len
    if mark != MARK or kind != KIND_OP or code != PUT or flags or zero or end > len(data) or body_len < OP.size:
        return None
    body = data[start:end]
    if crc != zlib.crc32(body, zlib.crc32(data[offset : offset + HEAD.size], salt)):
        return None
    put = decode_put(number, body[OP.size :])
    return None if put is None else (Frame(lsn, crc, upto, [put], end, kind), prev_crc)


def _explain(data: bytes, offset: int, header: SegmentHeader, synced: int) -> str:
    """Return what a torn tail at `offset` looks like, or refuse it as damage to what was durable.

    A later intact frame is no proof by itself, because unsynced writes may reach
    the disk in any order; one that was written knowing `offset` durable is.
    """
    if offset < synced or any(upto > offset for upto in _later_claims(data, offset + 1, header)):
        raise damaged(segment_name(header.number), offset, "is damaged")
    return f"the last {len(data) - offset} bytes are no intact frame"


def _later_claims(data: bytes, start: int, header: SegmentHeader) -> Iterator[int]:
    """Yield the ``synced_upto`` of every intact frame that begins at or after `start`.

    Where looking for them would take for ever, this is no trace of a crash: all is claimed.
    """
    budget = WORK_MAX * len(data)
    while (start := data.find(MARK_BYTES, start)) >= 0:
        frame = _read(data, start, header, 0)
        if frame is not None:
            yield frame[0].synced_upto
        budget -= min(body_size(data[start : start + FRAME_SIZE]), len(data)) + FRAME_SIZE
        if budget < 0:
            yield len(data)
        start += 1
