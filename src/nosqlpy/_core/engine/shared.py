"""The shared words: a page of memory in which the processes at one database tell each other that something moved.

Only hints: the log and the manifest are the truth. A wrong word, or a page of
zeros, costs somebody a look at the files. What would be believed without such a
look carries a checksum: how far the log is durable, that a sync has failed, and
that nobody has died in one.
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

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
# set while what a sync of the log says can be believed
SOUND = 7
_WATERMARK = 8
# who has waited long for the lock of writers, and when he last tried; 0 for nobody
WAITING = 16
# from here on a word for each process, by its number: which segment it is syncing, and which sync that is
_SYNCING = 256
PROCESSES_MAX = PAGE_SIZE // 8 - _SYNCING

_NOBODY = bytes(8 * PROCESSES_MAX)
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
    trust(words, manifest)


def settle(words: memoryview, manifest: Manifest, tail: Tail) -> None:
    """Say where manifest and log stand, and that nobody is writing. The caller holds the lock."""
    words[EPOCH] = manifest.epoch
    words[GENERATION] = manifest.generation
    words[BELL] = tail.end.lsn
    words[END] = tail.place + tail.end.size


def poison(words: memoryview, manifest: Manifest) -> None:
    """Tell all processes that a sync failed, or that the outcome of a write is unknown."""
    words[SOUND] = 0
    words[_POISON] = _poison_of(manifest)
    words[END] = 0


def is_poisoned(words: memoryview, manifest: Manifest) -> bool:
    """Return whether a process of this epoch said so."""
    word = words[_POISON]
    return word != 0 and word == _poison_of(manifest)


def _poison_of(manifest: Manifest) -> int:
    return _checked(_MARK.pack(manifest.database, manifest.epoch))


# ── syncs ────────────────────────────────────────────────────────────────────────


def trust(words: memoryview, manifest: Manifest) -> None:
    """Say that syncs of the log can be believed: all of it is in files none of whose syncs can have failed."""
    words[SOUND] = _soundness_of(manifest.database, manifest.epoch)


def distrust(words: memoryview) -> None:
    """Say that a sync of the active segment may have failed, so that the next one may say more than is true."""
    words[SOUND] = 0


def is_trusted(words: memoryview, manifest: Manifest) -> bool:
    """Return whether nobody said so, and the page is not overwritten."""
    return words[SOUND] == _soundness_of(manifest.database, manifest.epoch)


@lru_cache(maxsize=16)
def _soundness_of(database: bytes, epoch: int) -> int:
    return _checked(_MARK.pack(database, epoch) + b"sound")


def join(words: memoryview, process: int) -> None:
    """Take over the number of a process that has ended. The caller holds the lock."""
    if words[_SYNCING + process]:
        words[SOUND] = 0  # it died in a sync
    words[_SYNCING + process] = 0


def begin_sync(words: memoryview, process: int, segment: int, count: int) -> dict[int, int]:
    """Note that a process begins its sync number `count`; return the marks of those who sync it, too."""
    others = other_syncs(words, process, segment)
    words[_SYNCING + process] = segment << 32 | count & 0xFFFFFFFF
    return others


def other_syncs(words: memoryview, process: int, segment: int) -> dict[int, int]:
    """Return the marks of the other processes that are syncing a segment, by their numbers."""
    if words[_SYNCING:].tobytes() == _NOBODY:
        return {}
    marks = {other: mark for other, mark in enumerate(words[_SYNCING:]) if mark >> 32 == segment}
    if marks.pop(process, 0):
        words[SOUND] = 0  # its last sync was broken off, and nobody knows at what point
    return marks


def end_sync(words: memoryview, process: int) -> None:
    """Note that a process has ended its sync, and that it has said so before if that has failed."""
    words[_SYNCING + process] = 0


def still_syncing(words: memoryview, marks: dict[int, int]) -> list[int]:
    """Return the processes whose syncs, by their marks, have not ended."""
    return [process for process, mark in marks.items() if words[_SYNCING + process] == mark]


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
