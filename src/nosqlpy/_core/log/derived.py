"""Derived files: parts that are read where they lie, a directory that says where that is, and a foot that finds it.

magic 8 | version u16 | incompatible u16 | compatible u16 | 0 u16 | parts | directory (MessagePack) | foot

foot: where the directory begins u64 | its length u32 | checksum u32 of the head, the directory and the foot before it

Hints and snapshots of indexes are such files. Nothing in them is needed: one that
does not fit its database, or is damaged, is as good as none.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from nosqlpy._core.log.segment import FORMAT_VERSION

_HEAD = struct.Struct("<8sHHHH")
_FOOT = struct.Struct("<QI")
_CRC = struct.Struct("<I")
FOOT_SIZE = _FOOT.size + _CRC.size
DIRECTORY_SIZE_MAX = 64 << 20

Read = Callable[[int, int], bytes]
"""Returns `size` bytes of a file from `offset` on, or what there is of them."""


def head_of(magic: bytes, version: int = FORMAT_VERSION) -> bytes:
    """Return the first bytes of a file of this kind; one of another version is as good as none."""
    return _HEAD.pack(magic, version, 0, 0, 0)


def encode_directory(head: bytes, body: bytes, offset: int) -> bytes:
    """Return what stands behind the parts, which end at `offset`: the directory `body` and the foot."""
    foot = _FOOT.pack(offset, len(body))
    return body + foot + _CRC.pack(zlib.crc32(foot, zlib.crc32(body, zlib.crc32(head))))


def read_directory_body(head: bytes, read: Read, size: int) -> tuple[bytes, int] | None:
    """Return the directory of a file of `size` bytes and where it begins, or None if it is damaged, or another file."""
    found = read(0, len(head))
    foot = read(max(0, size - FOOT_SIZE), FOOT_SIZE)
    if found != head or len(foot) != FOOT_SIZE:
        return None
    offset, length = _FOOT.unpack_from(foot)
    if offset + length + FOOT_SIZE != size or length > DIRECTORY_SIZE_MAX:
        return None
    body = read(offset, length)
    if zlib.crc32(foot[: _FOOT.size], zlib.crc32(body, zlib.crc32(head))) != _CRC.unpack_from(foot, _FOOT.size)[0]:
        return None
    return body, offset
