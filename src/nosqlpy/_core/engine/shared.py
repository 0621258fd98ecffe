"""The shared words: a page of memory in which the processes at one database tell each other that something moved.

Only hints: the log and the manifest are the truth. A wrong word, or a page of
zeros, costs somebody a look at the files. What would be believed without such a
look carries a checksum: how far the log is durable, and that a sync has failed.
"""

from __future__ import annotations

import struct
import zlib

import msgspec

from nosqlpy._core.engine.tail import Position, Tail
from nosqlpy._core.log.manifest import Manifest
from nosqlpy._core.log.segment import SegmentHeader

PAGE_SIZE = 4096

# the LSN of the last commit that others may read: "the bell"
BELL = 1
# where the log ends (segment and size) when nobody is writing; 0 while somebody is, or died at it
END = 2
GENERATION = 3
EPOCH = 4
_POISON = 5
# the number of the process that took the lock last
HOLDER = 6
_WATERMARK = 8

_MARK = struct.Struct("<16sQ")
_SIX = struct.Struct("<16s6Q")


class Watermark(msgspec.Struct, frozen=True):
    """Up to where the log was durable: in which segment, at what size, and the frame that ends there."""

    epoch: int
    number: int
    salt: int
    size: int
    lsn: int
    crc: int


def private_words() -> memoryview:
    """Return words that nobody shares."""
    return memoryview(bytearray(PAGE_SIZE)).cast("Q")


def reset(words: memoryview, manifest: Manifest, tail: Tail) -> None:
    """Begin anew: nobody else has the database open, or only those who may not go on. The caller holds the lock."""
    for at in range(len(words)):
        words[at] = 0
    settle(words, manifest, tail)


def settle(words: memoryview, manifest: Manifest, tail: Tail) -> None:
    """Say where manifest and log stand, and that nobody is writing. The caller holds the lock."""
    words[EPOCH] = manifest.epoch
    words[GENERATION] = manifest.generation
    words[BELL] = tail.end.lsn
    words[END] = tail.place + tail.end.size


def poison(words: memoryview, manifest: Manifest) -> None:
    """Tell all processes that a sync failed, or that the outcome of a write is unknown."""
    words[_POISON] = _poison_of(manifest)
    words[END] = 0


def is_poisoned(words: memoryview, manifest: Manifest) -> bool:
    """Return whether a process of this epoch said so."""
    word = words[_POISON]
    return word != 0 and word == _poison_of(manifest)


def _poison_of(manifest: Manifest) -> int:
    return _checked(_MARK.pack(manifest.database, manifest.epoch))


def write_watermark(words: memoryview, manifest: Manifest, header: SegmentHeader, end: Position) -> None:
    """Say that the log is durable up to `end`, which lies in the segment with this header."""
    six = (manifest.epoch, header.number, header.salt, end.size, end.lsn, end.crc)
    check = _checked(_SIX.pack(manifest.database, *six))
    for at, word in enumerate((*six, check), start=_WATERMARK):
        words[at] = word


def read_watermark(words: memoryview, manifest: Manifest) -> Watermark | None:
    """Return the last watermark, or None where there is none, or it is half written or another epoch's."""
    six = tuple(words[_WATERMARK : _WATERMARK + 6])
    if words[_WATERMARK + 6] != _checked(_SIX.pack(manifest.database, *six)) or six[0] != manifest.epoch:
        return None
    return Watermark(*six)


def _checked(data: bytes) -> int:
    """Return a word that stands for `data`; no page of zeros, and hardly any garbage, holds it."""
    crc = zlib.crc32(data)
    return crc << 32 | (crc ^ 0xFFFFFFFF)
