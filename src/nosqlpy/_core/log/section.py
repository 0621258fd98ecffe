"""Sections of a hint: where the documents of one collection lie, searched without being loaded.

    hashes   count x u64, ascending: hash of the id's key u32, above the row u32
    places   count x 18 bytes, in the documents' natural order: a row is a position here
    ids      MessagePack array, in the same order
    table    for each block of 512 rows: first hash u32, checksum of its hashes u32, checksum of its places u32

A look-up reads the table once, and then one block of hashes and one of places; each
is checked when it is read, and kept.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import datetime
from sys import byteorder, hash_info
from typing import Any, Final, cast

import msgspec

from nosqlpy._core.log.place import PLACE_SIZE, Place, length_of, pack_places
from nosqlpy._core.values.codec import encode_value, inspect_value
from nosqlpy._core.values.keys import equality_keys

BLOCK: Final = 512
# what is packed or sorted in one call of the interpreter, during which no other thread can run: a millisecond or two
STEP = 5_000
# … and what is handed to the system at once
PIECE = 1 << 20
HASH_SIZE: Final = 8
_TABLE_SIZE: Final = 12
# numbers hash as Python's do on 64 bits, so that equal ones of different types have one hash
NUMBERS_FIT: Final = hash_info.modulus == (1 << 61) - 1


_decode_texts = msgspec.msgpack.Decoder(list[str]).decode


class DamagedHintError(Exception):
    """A part of a hint is not what was written: it is a derived file, and not used any more."""


class Section(msgspec.Struct, frozen=True, array_like=True):
    """One collection in a hint: documents, their bytes, where the section begins, and what it is checked by."""

    number: int
    count: int
    live: int
    offset: int
    ids_size: int
    ids_crc: int
    places_crc: int
    table_crc: int

    @property
    def size(self) -> int:
        """How many bytes the section has."""
        return self.count * (HASH_SIZE + PLACE_SIZE) + self.ids_size + self.blocks * _TABLE_SIZE

    @property
    def blocks(self) -> int:
        """How many blocks of rows it has."""
        return -(-self.count // BLOCK)

    def lies_within(self, start: int, end: int) -> bool:
        """Whether the section is where its hint has room for it."""
        return start <= self.offset <= end - self.size and min(self.count, self.ids_size, self.live) >= 0


def key_hash(key: Hashable) -> int:
    """Return the hash of an id's key, 32 bits: equal keys have equal hashes, in every process."""
    return zlib.crc32(key.encode() if type(key) is str else _canonical(key))


def key_hashes(keys: Sequence[Hashable]) -> Iterator[int]:
    """Return the hash of every key; of texts in a third of the time."""
    if {str}.issuperset(map(type, keys)):
        return map(zlib.crc32, map(str.encode, cast("Sequence[str]", keys)))
    return map(key_hash, keys)


def _canonical(key: Any) -> bytes:
    kind = type(key)
    if kind is str:
        return key.encode()  # type: ignore[no-any-return]
    if kind is bytes:
        return key  # type: ignore[no-any-return]
    if kind is tuple:
        return b"(%b)" % b",".join(map(_canonical, key))
    if kind is datetime:
        return str(key).encode()
    return b"" if key is None else b"%d" % hash(key)


def encode_section(
    number: int, offset: int, keys: Sequence[Hashable], ids: list[Any], places: Sequence[Place]
) -> tuple[Section, list[bytes]]:
    """Return the section of a collection that is to stand at `offset`, and its bytes, in pieces."""
    hashed, named = _hashes(keys), _array(ids)
    placed, live = bytearray(), 0
    for start in range(0, len(places), STEP):
        part = places[start : start + STEP]
        placed += pack_places(part)
        live += sum(map(length_of, part))
    table: list[int] = []
    for start in range(0, len(keys), BLOCK):
        block = hashed[start * HASH_SIZE : (start + BLOCK) * HASH_SIZE]
        entries = placed[start * PLACE_SIZE : (start + BLOCK) * PLACE_SIZE]
        table += [int.from_bytes(block[4:8], "little"), zlib.crc32(block), zlib.crc32(entries)]
    tabled = words_of("I", table)
    crcs = zlib.crc32(named), zlib.crc32(placed), zlib.crc32(tabled)
    section = Section(number, len(keys), live, offset, len(named), *crcs)
    return section, _pieces(hashed, placed, named, tabled)


def sorted_words(numbers: Iterable[int]) -> list[int]:
    """Return 64-bit numbers in order."""
    ordered = []
    for bucket in _buckets(numbers):
        ordered += bucket
    return ordered


def _buckets(numbers: Iterable[int]) -> Iterator[list[int]]:
    """Yield 64-bit numbers in order, some at a time."""
    buckets: list[list[int]] = [[] for _ in range(256)]
    for number in numbers:
        buckets[number >> 56].append(number)
    for bucket in buckets:
        bucket.sort()
        yield bucket
        bucket.clear()


def _hashes(keys: Sequence[Hashable]) -> bytearray:
    """Return the hashes of keys with their rows, in order."""
    packed = bytearray()
    for bucket in _buckets(map(_hash_and_row, key_hashes(keys), range(len(keys)))):
        packed += words_of("Q", bucket)
    return packed


def _hash_and_row(hashed: int, row: int) -> int:
    return hashed << 32 | row


def _array(values: list[Any]) -> bytearray:
    """Return values as one MessagePack array."""
    packed = bytearray(_array_head(len(values)))
    for start in range(0, len(values), STEP):
        part = values[start : start + STEP]
        packed += encode_value(part)[len(_array_head(len(part))) :]
    return packed


def _array_head(count: int) -> bytes:
    """Return what stands before the values of a MessagePack array: as few bytes as its length allows."""
    if count < 16:
        return bytes([0x90 | count])
    return b"\xdc" + count.to_bytes(2, "big") if count <= 0xFFFF else b"\xdd" + count.to_bytes(4, "big")


def _pieces(*parts: bytes | bytearray) -> list[bytes]:
    if sum(map(len, parts)) <= PIECE:
        return [b"".join(parts)]
    return [bytes(part[start : start + PIECE]) for part in parts for start in range(0, len(part), PIECE)]


class HashColumn:
    """Hashes in ascending order, each above the number of a row, in blocks that are checked when they are read.

    `fences` are the first hash of each block, `checks` the checksums of the blocks, `salt` what these begin with.
    """

    __slots__ = ("_blocks", "_checks", "_count", "_fences", "_part", "_salt")

    def __init__(
        self, part: Callable[[int, int], bytes], count: int, fences: array[int], checks: array[int], salt: int = 0
    ) -> None:
        self._part = part
        self._count = count
        self._fences = fences
        self._checks = checks
        self._salt = salt
        self._blocks: dict[int, array[int]] = {}

    def rows(self, wanted: int) -> Iterator[int]:
        """Yield the rows of a hash.

        Raises:
            DamagedHintError: A checksum does not hold.
        """
        number = max(0, bisect_left(self._fences, wanted) - 1)
        while number < len(self._fences) and self._fences[number] <= wanted:
            block = self._block(number)
            index = bisect_left(block, wanted << 32)
            while index < len(block) and block[index] >> 32 == wanted:
                yield block[index] & 0xFFFFFFFF
                index += 1
            number += 1

    def _block(self, number: int) -> array[int]:
        if number not in self._blocks:
            rows = max(0, min(BLOCK, self._count - number * BLOCK))
            data = self._part(number * BLOCK * HASH_SIZE, rows * HASH_SIZE)
            if not data or zlib.crc32(data, self._salt) != self._checks[number]:
                raise DamagedHintError
            self._blocks[number] = numbers_of("Q", data)
        return self._blocks[number]


class SectionReader:
    """Reads a section of an open hint. What it returns was checked; nothing of it is believed before.

    Every method raises `DamagedHintError` where a checksum does not hold.
    """

    __slots__ = ("_hashes", "_places", "_read", "_table", "section")

    def __init__(self, section: Section, read: Callable[[int, int], bytes]) -> None:
        self.section = section
        self._read = read
        self._table: array[int] | None = None
        self._hashes: HashColumn | None = None
        self._places: dict[int, bytes] = {}

    def search(self, key: Hashable) -> Iterator[Place]:
        """Yield the places of all documents whose id's key has the hash of `key`: usually one or none."""
        return map(self.place, self._load_hashes().rows(key_hash(key)))

    def first(self, count: int) -> list[Place]:
        """Return the places of the first `count` documents."""
        return list(map(self.place, range(min(count, self.section.count))))

    def place(self, row: int) -> Place:
        """Return the place of the document in a row."""
        block, index = divmod(row, BLOCK)
        if block not in self._places:
            self._places[block] = self._place_block(block)
        data = self._places[block][index * PLACE_SIZE : (index + 1) * PLACE_SIZE]
        return int.from_bytes(data, "little")

    def _load_table(self) -> array[int]:
        if self._table is None:
            size = self.section.blocks * _TABLE_SIZE
            data = self._part(self.section.size - size, size)
            if zlib.crc32(data) != self.section.table_crc:
                raise DamagedHintError
            self._table = numbers_of("I", data)
        return self._table

    def _load_hashes(self) -> HashColumn:
        if self._hashes is None:
            table = self._load_table()
            self._hashes = HashColumn(self._part, self.section.count, table[::3], table[1::3])
        return self._hashes

    def _place_block(self, block: int) -> bytes:
        table, count = self._load_table(), self.section.count
        rows = max(0, min(BLOCK, count - block * BLOCK))
        data = self._part(count * HASH_SIZE + block * BLOCK * PLACE_SIZE, rows * PLACE_SIZE)
        if not data or zlib.crc32(data) != table[3 * block + 2]:
            raise DamagedHintError
        return data

    def everything(self) -> tuple[list[Hashable], list[Any], bytes]:
        """Return the keys and ids of all documents in their order, and their places, packed."""
        section = self.section
        start = section.count * HASH_SIZE
        placed = self._part(start, section.count * PLACE_SIZE)
        named = self._part(start + len(placed), section.ids_size)
        if zlib.crc32(placed) != section.places_crc or zlib.crc32(named) != section.ids_crc:
            raise DamagedHintError
        try:
            texts: list[Any] = _decode_texts(named)  # as most ids are: then they are their own keys
        except msgspec.ValidationError:
            ids = inspect_value(named)
            return equality_keys(ids), ids, placed
        return texts, texts, placed

    def copy(self, number: int, offset: int) -> tuple[Section, bytes]:
        """Return the section, unchanged, for another hint, where it is to stand at `offset`."""
        data = self._part(0, self.section.size)
        held = self.section.count * HASH_SIZE
        end = held + self.section.count * PLACE_SIZE
        tabled = data[end + self.section.ids_size :]
        hashes = [data[at * HASH_SIZE : min(at + BLOCK, self.section.count) * HASH_SIZE] for at in self._starts()]
        checks = zlib.crc32(data[held:end]), zlib.crc32(data[end : end + self.section.ids_size]), zlib.crc32(tabled)
        if checks != (self.section.places_crc, self.section.ids_crc, self.section.table_crc):
            raise DamagedHintError
        if list(map(zlib.crc32, hashes)) != numbers_of("I", tabled)[1::3].tolist():
            raise DamagedHintError
        return msgspec.structs.replace(self.section, number=number, offset=offset), data

    def _starts(self) -> range:
        return range(0, self.section.count, BLOCK)

    def _part(self, start: int, size: int) -> bytes:
        data = self._read(self.section.offset + start, size)
        if len(data) != size:
            raise DamagedHintError
        return data


def words_of(kind: str, numbers: Any) -> bytes:
    """Return numbers, packed little-endian."""
    packed = array(kind, numbers)
    if byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def numbers_of(kind: str, data: bytes) -> array[int]:
    """Return packed numbers."""
    packed: array[int] = array(kind, data)
    if byteorder == "big":
        packed.byteswap()
    return packed
