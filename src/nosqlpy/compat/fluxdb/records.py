"""The original's data files: records back to back, without checksums.

    rec_len u32 | id | nfields u32 | nfields x (klen u32, key, vlen u32, value)

All integers are big-endian; the id is 16 raw bytes of a UUID in one version and 36
bytes of text, padded with NUL, in the other. Which one a record is of is told by
reading it: its fields must take up exactly its bytes, and hold the ``_id`` that its
head has. The index files beside them are pickles, which could run anything: they
are never opened.
"""

from __future__ import annotations

import mmap
import os
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

Bytes: TypeAlias = bytes | mmap.mmap

_U32 = struct.Struct(">I")
# a record that claims more is damage, before anything is read into memory for it
RECORD_MAX = 256 << 20
_RAW, _TEXT = 16, 36
# a head, the number of fields, and an empty ``_id``
_SIZE_MIN = _RAW + 4 + 4 + len("_id") + 4
# no record begins with its first byte: rec_len would be more than 2 GiB
_DUMP_MARK = 0x80


class Found(NamedTuple):
    """One record of a file: where it begins, and its fields, all text."""

    offset: int
    fields: dict[str, str]


class Damage(NamedTuple):
    """Bytes of a file that are no record: where they begin, and how many they are."""

    offset: int
    size: int


def looks_like_records(path: str | os.PathLike[str]) -> bool:
    """Return whether the file is the original's and not a dump, by its first byte; an empty file is."""
    with Path(path).open("rb") as file:
        first = file.read(1)
    return not first or first[0] < _DUMP_MARK


def read_records(path: str | os.PathLike[str]) -> Iterator[Found | Damage]:
    """Yield the records of a data file in their order, and what between them is none.

    After damage the next offset from which a record can be read is looked for: a torn
    record swallows the first bytes of the one that was appended to it.

    Raises:
        OSError: The file cannot be read.
    """
    with Path(path).open("rb") as file:
        if os.fstat(file.fileno()).st_size:  # nothing cannot be mapped
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield from _records(data)


def _records(data: Bytes) -> Iterator[Found | Damage]:
    offset = damaged = 0
    while offset < len(data):
        fields = _record_at(data, offset)
        if fields is None:
            offset += 1
            continue
        if damaged < offset:
            yield Damage(damaged, offset - damaged)
        yield Found(offset, fields)
        offset = damaged = offset + _U32.size + _number(data, offset)
    if damaged < offset:
        yield Damage(damaged, offset - damaged)


def _number(data: Bytes, offset: int) -> int:
    number: int = _U32.unpack_from(data, offset)[0]
    return number


def _record_at(data: Bytes, offset: int) -> dict[str, str] | None:
    """Return the fields of the record that begins at `offset`, or None if there is none."""
    if offset + _U32.size > len(data):
        return None
    size = _number(data, offset)
    start = offset + _U32.size
    if not _SIZE_MIN <= size <= RECORD_MAX or start + size > len(data):
        return None
    for width in (_RAW, _TEXT):
        fields = _fields(data, start + width, start + size)
        if fields is not None and _agrees(data[start : start + width], fields["_id"]):
            return fields
    return None


def _fields(data: Bytes, offset: int, end: int) -> dict[str, str] | None:
    """Return the fields behind a head if they take up all up to `end`, an ``_id`` among them.

    Where each field ends is looked at before any text is made: at most offsets of a damaged file that ends it.
    """
    spans = _spans(data, offset, end)
    if spans is None:
        return None
    try:
        texts = [data[begin:stop].decode("utf-8") for begin, stop in spans]
    except UnicodeDecodeError:
        return None
    fields = dict(zip(texts[::2], texts[1::2], strict=True))
    return fields if "_id" in fields else None


def _spans(data: Bytes, offset: int, end: int) -> list[tuple[int, int]] | None:
    """Return where the keys and values begin and end that stand between `offset` and `end`, after their number."""
    if offset + _U32.size > end:
        return None
    count = 2 * _number(data, offset)
    offset += _U32.size
    if count * _U32.size > end - offset:  # each has at least its length
        return None
    spans = []
    for _ in range(count):
        begin = offset + _U32.size
        if begin > end:
            return None
        offset = begin + _number(data, offset)
        if offset > end:
            return None
        spans.append((begin, offset))
    return spans if offset == end else None


def _agrees(head: bytes, identity: str) -> bool:
    if len(head) == _TEXT:
        return head == identity.encode()[:_TEXT].ljust(_TEXT, b"\0")
    try:
        return head == uuid.UUID(identity).bytes
    except ValueError:
        return False
