"""Hints: derived files that say where every document lies up to an LSN, so that opening need not read the log.

magic 8 | version u16 | incompatible u16 | compatible u16 | 0 u16 | sections | directory (MessagePack) | foot

foot: where the directory begins u64 | its length u32 | checksum u32 of the head, the directory and the foot before it

Nothing in a hint is needed: one that does not fit its database, or is damaged, is as good as none.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable

import msgspec

from nosqlpy._core.log.manifest import Manifest, SealedSegment
from nosqlpy._core.log.section import Section, SectionReader
from nosqlpy._core.log.segment import FORMAT_VERSION

MAGIC = b"\x89NQH\r\n\x1a\n"
_HEAD = struct.Struct("<8sHHHH")
_FOOT = struct.Struct("<QI")
_CRC = struct.Struct("<I")
FOOT_SIZE = _FOOT.size + _CRC.size
HEAD = _HEAD.pack(MAGIC, FORMAT_VERSION, 0, 0, 0)
DIRECTORY_SIZE_MAX = 64 << 20

_NAME = re.compile(r"base-([0-9a-f]{16})\.hint")


class Directory(msgspec.Struct, frozen=True):
    """What a hint holds: the database and its first segments, which it stands for, and the catalogue after them.

    `definitions` are encoded ``[collection, verb, arguments]``; `dead` counts the dead bytes of the segments.
    """

    database: bytes
    segments: tuple[SealedSegment, ...]
    next_number: int
    dead: int
    definitions: bytes
    sections: list[Section]

    def fits(self, manifest: Manifest) -> bool:
        """Whether the hint is of this database, and its segments are the first ones of it."""
        count = len(self.segments)
        return self.database == manifest.database and count > 0 and self.segments == manifest.sealed[:count]

    @property
    def lsn(self) -> int:
        """The last frame that the hint covers."""
        return self.segments[-1].last_lsn


class Hint(msgspec.Struct, frozen=True):
    """An open hint: its directory, what reads it, and its file name."""

    directory: Directory
    read: Callable[[int, int], bytes]
    name: str

    def sections(self) -> dict[int, SectionReader]:
        """Return what reads each of its sections, by the number of the collection."""
        return {section.number: SectionReader(section, self.read) for section in self.directory.sections}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Directory)


def hint_name(lsn: int) -> str:
    """Return the file name of the hint that covers all frames up to `lsn`."""
    return f"base-{lsn:016x}.hint"


def hint_lsn(name: str) -> int | None:
    """Return up to which frame the hint of this file name goes, or None for any other file."""
    match = _NAME.fullmatch(name)
    return int(match[1], 16) if match else None


def encode_end(directory: Directory, offset: int) -> bytes:
    """Return what stands behind the sections, which end at `offset`: the directory and the foot."""
    body = _encoder.encode(directory)
    foot = _FOOT.pack(offset, len(body))
    return body + foot + _CRC.pack(zlib.crc32(foot, zlib.crc32(body, zlib.crc32(HEAD))))


def read_directory(read: Callable[[int, int], bytes], size: int) -> Directory | None:
    """Return the directory of a hint of `size` bytes, or None if it is damaged or of another version."""
    head = read(0, len(HEAD))
    foot = read(max(0, size - FOOT_SIZE), FOOT_SIZE)
    if head != HEAD or len(foot) != FOOT_SIZE:
        return None
    offset, length = _FOOT.unpack_from(foot)
    if offset + length + FOOT_SIZE != size or length > DIRECTORY_SIZE_MAX:
        return None
    body = read(offset, length)
    if zlib.crc32(foot[: _FOOT.size], zlib.crc32(body, zlib.crc32(head))) != _CRC.unpack_from(foot, _FOOT.size)[0]:
        return None
    try:
        directory = _decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return directory if all(section.lies_within(len(HEAD), offset) for section in directory.sections) else None
