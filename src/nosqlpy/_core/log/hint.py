"""Hints: derived files that say where every document lies up to an LSN, so that opening need not read the log.

Their parts are sections, one of each collection.
"""

from __future__ import annotations

import re

import msgspec

from nosqlpy._core.log.derived import Read, encode_directory, head_of, read_directory_body
from nosqlpy._core.log.manifest import Manifest, SealedSegment
from nosqlpy._core.log.section import Section, SectionReader

HEAD = head_of(b"\x89NQH\r\n\x1a\n")

_NAME = re.compile(r"base-([0-9a-f]{16})\.hint")


class Directory(msgspec.Struct, frozen=True):
    """What a hint holds: the database and its first segments, which it stands for, and the catalogue after them.

    `definitions` are encoded ``[collection, verb, arguments]``; `dead` counts the dead bytes of the segments.
    `checks` has the checksums of the regions of each segment; earlier versions wrote none.
    """

    database: bytes
    segments: tuple[SealedSegment, ...]
    next_number: int
    dead: int
    definitions: bytes
    sections: list[Section]
    checks: list[bytes] = []

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
    read: Read
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
    return encode_directory(HEAD, _encoder.encode(directory), offset)


def read_directory(read: Read, size: int) -> Directory | None:
    """Return the directory of a hint of `size` bytes, or None if it is damaged or of another version."""
    found = read_directory_body(HEAD, read, size)
    if found is None:
        return None
    body, offset = found
    try:
        directory = _decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return directory if all(section.lies_within(len(HEAD), offset) for section in directory.sections) else None
