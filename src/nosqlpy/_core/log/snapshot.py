"""Snapshots of indexes: derived files that hold what stood in an index at the LSN of a hint, so that it is not rebuilt.

A part for each index, whose documents are named by their rows in the hint's section:

    column   rows x u64: hash of the key u32, above the row u32; ascending by the hash
    table    for each block of 512 of these: first hash u32, checksum u32
    counts   keys x u32, if a key may have several documents: how many
    keys     MessagePack, in the order of the column: an array, or a map from what is no scalar to nil

An equality is looked up where it lies: in the table, and then in a block or two of
the column. The whole part is read where the index itself is wanted. Checksums begin with
a salt that no other database has, nor other documents in this one.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Hashable, Iterable, Sequence
from itertools import accumulate, chain, repeat
from typing import Any, Final

import msgspec

from nosqlpy._core.log.derived import Read, encode_directory, head_of, read_directory_body
from nosqlpy._core.log.hint import Hint
from nosqlpy._core.log.manifest import SealedSegment
from nosqlpy._core.log.section import (
    BLOCK,
    HASH_SIZE,
    STEP,
    DamagedHintError,
    HashColumn,
    array_head,
    key_hash,
    key_hashes,
    map_head,
    numbers_of,
    sorted_words,
    words_of,
)

# in version 1 the key of an ObjectId was another one
HEAD = head_of(b"\x89NQI\r\n\x1a\n", version=2)
_NAME = re.compile(r"idx-([0-9a-f]{16})\.snap")
_SALT = struct.Struct("<II")
_TABLE_SIZE: Final = 8
_LOW: Final = 0xFFFFFFFF
# what is its own MessagePack, and decoded fast; the others are keys of a map there, since only so tuples come back
_SCALARS: Final = frozenset((str, int, float, bytes, type(None)))


class IndexContent(msgspec.Struct, frozen=True):
    """What stands in an index: its keys, how many documents each has (None: one), and their rows, key by key.

    `multikey` are the positions, or the paths, of fields that led through an array; `searchable` says that a key is
    one field's value.
    """

    keys: list[Any]
    counts: list[int] | None
    rows: list[int]
    multikey: list[int | str]
    searchable: bool


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One index in a snapshot: of which collection, documents and definition, and where its part begins.

    `documents` and the checksums of ids and places are those of the hint's section to which the rows belong: places
    hold the checksums of the documents, so that the part belongs to these documents and no others.
    """

    collection: int
    documents: int
    ids_crc: int
    places_crc: int
    definition: bytes
    offset: int = 0
    rows: int = 0
    keys: int = 0
    shared: bool = False
    scalars: bool = False
    searchable: bool = False
    multikey: list[int | str] = []
    keys_size: int = 0
    column_crc: int = 0
    table_crc: int = 0
    rest_crc: int = 0

    @property
    def size(self) -> int:
        """How many bytes the part has."""
        return self.rows * HASH_SIZE + self.blocks * _TABLE_SIZE + self.rest

    @property
    def blocks(self) -> int:
        """How many blocks the column has."""
        return -(-self.rows // BLOCK)

    @property
    def rest(self) -> int:
        """How many bytes counts and keys have."""
        return self.keys * 4 * self.shared + self.keys_size

    def salt(self, database: bytes) -> int:
        """Return what its checksums begin with: damage cannot make one index of another."""
        return zlib.crc32(self.definition, zlib.crc32(_SALT.pack(self.ids_crc, self.places_crc), zlib.crc32(database)))

    def lies_within(self, start: int, end: int) -> bool:
        """Whether the part is where its file has room for it."""
        return min(self.rows, self.keys, self.keys_size) >= 0 and start <= self.offset <= end - self.size


class Directory(msgspec.Struct, frozen=True):
    """What a snapshot holds: the database, the segments of the hint that it belongs to, and a part for each index.

    `left_out` are collections and definitions of indexes whose keys a snapshot cannot hold.
    """

    database: bytes
    segments: tuple[SealedSegment, ...]
    parts: list[Part]
    left_out: list[tuple[int, bytes]] = []


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Directory)
_decode_keys = msgspec.msgpack.Decoder(list[str | int | float | None]).decode
_decode_map = msgspec.msgpack.Decoder().decode


def snapshot_name(lsn: int) -> str:
    """Return the file name of the snapshot that belongs to the hint of this LSN."""
    return f"idx-{lsn:016x}.snap"


def is_snapshot(name: str) -> bool:
    """Whether a file of this name is a snapshot."""
    return _NAME.fullmatch(name) is not None


def encode_end(directory: Directory, offset: int) -> bytes:
    """Return what stands behind the parts, which end at `offset`: the directory and the foot."""
    return encode_directory(HEAD, _encoder.encode(directory), offset)


def read_directory(read: Read, size: int) -> Directory | None:
    """Return the directory of a snapshot of `size` bytes, or None if it is damaged or of another version."""
    found = read_directory_body(HEAD, read, size)
    if found is None:
        return None
    body, offset = found
    try:
        directory = _decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return directory if all(part.lies_within(len(HEAD), offset) for part in directory.parts) else None


def encode_keys(keys: list[Hashable]) -> tuple[bytes, bool] | None:
    """Return keys as MessagePack, and whether all are scalars; None where they would not come back as they are."""
    scalars = _SCALARS.issuperset(map(type, keys))
    head = array_head if scalars else map_head
    pieces = [head(len(keys))]
    try:
        for start in range(0, len(keys), STEP):
            part = keys[start : start + STEP]
            data = _encoder.encode(part if scalars else dict.fromkeys(part))
            if _decoded(data, scalars=scalars) != part:
                return None
            pieces.append(data[len(head(len(part))) :])
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
        return None
    return b"".join(pieces), scalars


def _decoded(data: bytes, *, scalars: bool) -> list[Any]:
    if scalars:
        return _decode_keys(data)
    found = _decode_map(data)
    if type(found) is not dict:
        raise ValueError("no map")
    return list(found)


def encode_part(head: Part, content: IndexContent, database: bytes) -> tuple[Part, bytes] | None:
    """Return the part of an index, of which `head` says what is known, and its bytes; None if it cannot be written."""
    salt = head.salt(database)
    hashes: Sequence[int] = ()
    if content.searchable:
        content, hashes = _in_order(content)
    encoded = encode_keys(content.keys)
    if encoded is None:
        return None
    named, scalars = encoded
    column = words_of("Q", _column(content, hashes))
    table: list[int] = []
    for start in range(0, len(column), BLOCK * HASH_SIZE):
        block = column[start : start + BLOCK * HASH_SIZE]
        table += [int.from_bytes(block[4:8], "little"), zlib.crc32(block, salt)]
    tabled, counted = words_of("I", table), words_of("I", content.counts or [])
    part = msgspec.structs.replace(
        head,
        rows=len(content.rows),
        keys=len(content.keys),
        shared=content.counts is not None,
        scalars=scalars,
        searchable=content.searchable,
        multikey=content.multikey,
        keys_size=len(named),
        column_crc=zlib.crc32(column, salt),
        table_crc=zlib.crc32(tabled, salt),
        rest_crc=zlib.crc32(named, zlib.crc32(counted, salt)),
    )
    return part, b"".join((column, tabled, counted, named))


def _in_order(content: IndexContent) -> tuple[IndexContent, list[int]]:
    """Return the same with the keys in the order of their hashes, and these."""
    ordered = sorted_words(hashed << 32 | at for at, hashed in enumerate(key_hashes(content.keys)))
    positions, hashes = [number & _LOW for number in ordered], [number >> 32 for number in ordered]
    keys = [content.keys[at] for at in positions]
    if content.counts is None:
        return msgspec.structs.replace(content, keys=keys, rows=[content.rows[at] for at in positions]), hashes
    counts, starts = content.counts, list(accumulate(content.counts, initial=0))
    rows = list(chain.from_iterable(content.rows[starts[at] : starts[at + 1]] for at in positions))
    return msgspec.structs.replace(content, keys=keys, counts=[counts[at] for at in positions], rows=rows), hashes


def _column(content: IndexContent, hashes: Sequence[int]) -> Iterable[int]:
    if not content.searchable:
        return content.rows
    each = hashes if content.counts is None else chain.from_iterable(map(repeat, hashes, content.counts))
    return [hashed << 32 | row for hashed, row in zip(each, content.rows, strict=True)]


class PartReader:
    """Reads a part of an open snapshot. What it returns was checked; nothing of it is believed before.

    Every method raises `DamagedHintError` where a checksum does not hold.
    """

    __slots__ = ("_column", "_read", "_salt", "part")

    def __init__(self, part: Part, read: Read, database: bytes) -> None:
        self.part = part
        self._read = read
        self._salt = part.salt(database)
        self._column: HashColumn | None = None

    def search(self, key: Hashable) -> list[int]:
        """Return the rows of all documents that have a key with the hash of `key`, in the order of the keys."""
        if self._column is None:
            data = self._piece(self.part.rows * HASH_SIZE, self.part.blocks * _TABLE_SIZE)
            self._check(data, self.part.table_crc)
            table = numbers_of("I", data)
            self._column = HashColumn(self._piece, self.part.rows, table[::2], table[1::2], self._salt)
        return self._sound(list(self._column.rows(key_hash(key))))

    def content(self) -> IndexContent:
        """Return all that stands in the index."""
        part = self.part
        column, rest = self._piece(0, part.rows * HASH_SIZE), self._piece(part.size - part.rest, part.rest)
        self._check(column, part.column_crc)
        self._check(rest, part.rest_crc)
        counts = numbers_of("I", rest[: part.rest - part.keys_size]).tolist() if part.shared else None
        rows = numbers_of("I", column)[::2].tolist()
        try:
            keys = _decoded(rest[part.rest - part.keys_size :], scalars=part.scalars)
        except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
            raise DamagedHintError from error
        if len(keys) != part.keys or len(rows) != (len(keys) if counts is None else sum(counts)):
            raise DamagedHintError
        return IndexContent(keys, counts, self._sound(rows), part.multikey, part.searchable)

    def data(self) -> bytes:
        """Return all of the part, for another snapshot."""
        self.content()
        return self._piece(0, self.part.size)

    def _sound(self, rows: list[int]) -> list[int]:
        if max(rows, default=-1) >= self.part.documents:
            raise DamagedHintError
        return rows

    def _check(self, data: bytes, crc: int) -> None:
        if zlib.crc32(data, self._salt) != crc:
            raise DamagedHintError

    def _piece(self, start: int, size: int) -> bytes:
        data = self._read(self.part.offset + start, size)
        if len(data) != size:
            raise DamagedHintError
        return data


class Snapshot(msgspec.Struct, frozen=True):
    """An open snapshot: its directory and the readers of its parts, by the collection and the shape of the index."""

    directory: Directory
    parts: dict[int, dict[bytes, PartReader]]

    def fits(self, hint: Hint) -> bool:
        """Whether it is of the state that the hint is of."""
        mine, other = self.directory, hint.directory
        return (mine.database, mine.segments) == (other.database, other.segments)
