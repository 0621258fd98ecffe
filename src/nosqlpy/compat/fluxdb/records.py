"""The original's data files: records back to back, without checksums.

    rec_len u32 | id | nfields u32 | nfields x (klen u32, key, vlen u32, value)

All integers are big-endian; the id is 16 raw bytes of a UUID in one version and 36
bytes of text, padded with NUL, in the other. Which one a record is of is told by
reading it: its fields must take up exactly its bytes, and hold the ``_id`` that its
head has. The index files beside them are pickles, which could run anything: they
are never opened.
"""

from __future__ import annotations

import os
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_U32 = struct.Struct(">I")
# a record that claims more is damage, before anything is read into memory for it
RECORD_MAX = 256 << 20
_RAW, _TEXT = 16, 36
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
    data = Path(path).read_bytes()
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


def _number(data: bytes, offset: int) -> int:
    number: int = _U32.unpack_from(data, offset)[0]
    return number


def _record_at(data: bytes, offset: int) -> dict[str, str] | None:
    """Return the fields of the record that begins at `offset`, or None if there is none."""
    if offset + _U32.size > len(data):
        return None
    size = _number(data, offset)
    start = offset + _U32.size
    if size > RECORD_MAX or start + size > len(data):
        return None
    payload = data[start : start + size]
    for width in (_RAW, _TEXT):
        fields = _fields(payload, width)
        if fields is not None and _agrees(payload[:width], fields["_id"]):
            return fields
    return None


def _fields(payload: bytes, width: int) -> dict[str, str] | None:
    """Return the fields behind a head of `width` bytes if they take up all of the rest, an ``_id`` among them."""
    offset = width + _U32.size
    if offset > len(payload):
        return None
    texts: list[str] = []
    for _ in range(2 * _number(payload, width)):
        if offset + _U32.size > len(payload):
            return None
        end = offset + _U32.size + _number(payload, offset)
        try:
            texts.append(payload[offset + _U32.size : end].decode("utf-8"))
        except UnicodeDecodeError:
            return None
        if end > len(payload):
            return None
        offset = end
    fields = dict(zip(texts[::2], texts[1::2], strict=True))
    return fields if offset == len(payload) and "_id" in fields else None


def _agrees(head: bytes, identity: str) -> bool:
    if len(head) == _TEXT:
        return head == identity.encode()[:_TEXT].ljust(_TEXT, b"\0")
    try:
        return head == uuid.UUID(identity).bytes
    except ValueError:
        return False
