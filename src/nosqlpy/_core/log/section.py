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
from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, count, islice
from sys import byteorder, hash_info
from typing import Any, Final, Protocol, TypeVar, cast, overload

import msgspec

from nosqlpy._core.log.place import PLACE_SIZE, Place, length_of, pack_places, unpack_places
from nosqlpy._core.values.codec import encode_value, inspect_value
from nosqlpy._core.values.keys import equality_keys
from nosqlpy.errors import CorruptionError

BLOCK: Final = 512
# what is packed or sorted in one call of the interpreter, during which no other thread can run: a millisecond or two
STEP = 5_000
# … and what is handed to the system at once: a section is in memory in such pieces
PIECE = 1 << 20
HASH_SIZE: Final = 8
_TABLE_SIZE: Final = 12
# numbers hash as Python's do on 64 bits, so that equal ones of different types have one hash
NUMBERS_FIT: Final = hash_info.modulus == (1 << 61) - 1


# what the key of a binary value begins with
_BINARY: Final = 30

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)

_decode_texts = msgspec.msgpack.Decoder(list[str]).decode


class Column(Protocol[V_co]):
    """One value of each document of a collection, in their order."""

    def __len__(self) -> int:
        """Return how many documents there are."""

    def __iter__(self) -> Iterator[V_co]:
        """Go through them; more than once."""


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


def key_hashes(keys: Collection[Hashable]) -> Iterator[int]:
    """Return the hash of every key; of texts in a third of the time."""
    if {str}.issuperset(map(type, keys)):
        return map(zlib.crc32, map(str.encode, cast("Collection[str]", keys)))
    return map(key_hash, keys)


def _canonical(key: Any) -> bytes:
    kind = type(key)
    if kind is str:
        return key.encode()  # type: ignore[no-any-return]
    if kind is bytes:
        return b"(35,%b)" % key  # an ObjectId's
    if kind is tuple:
        part = _part_of_binary if key[0] == _BINARY else _canonical
        return b"(%b)" % b",".join(map(part, key))
    if kind is datetime:
        return str(key).encode()
    return b"" if key is None else b"%d" % hash(key)


def _part_of_binary(part: Any) -> bytes:
    return part if type(part) is bytes else _canonical(part)


def encode_section(
    number: int, offset: int, keys: Column[Hashable], ids: Iterable[Any], places: Iterable[Place]
) -> Generator[bytes, None, Section]:
    """Yield the bytes of the section of a collection that is to stand at `offset`, in pieces, and return the section.

    What it needs besides is some bytes for each document. None of the three changes meanwhile.
    """
    pieces = _Pieces()
    table = [array("I"), array("I"), array("I")]
    for block in _blocks(_hashes(keys), BLOCK * HASH_SIZE):
        table[0].append(int.from_bytes(block[4:8], "little"))
        table[1].append(zlib.crc32(block))
        yield from pieces.add(block)
    live = places_crc = ids_crc = ids_size = 0
    for part in _parts(places, BLOCK):
        placed = pack_places(part)
        live += sum(map(length_of, part))
        table[2].append(zlib.crc32(placed))
        places_crc = zlib.crc32(placed, places_crc)
        yield from pieces.add(placed)
    for named in _array(len(keys), ids):
        ids_size += len(named)
        ids_crc = zlib.crc32(named, ids_crc)
        yield from pieces.add(named)
    tabled = words_of("I", chain.from_iterable(zip(*table, strict=True)))
    yield from pieces.add(tabled)
    yield from pieces.rest()
    return Section(number, len(keys), live, offset, ids_size, ids_crc, places_crc, zlib.crc32(tabled))


def sorted_words(numbers: Iterable[int]) -> list[int]:
    """Return 64-bit numbers in order."""
    ordered = []
    for bucket in _buckets(numbers):
        ordered += bucket
    return ordered


def _buckets(numbers: Iterable[int]) -> Iterator[list[int]]:
    """Yield 64-bit numbers in order, some at a time; meanwhile they take eight bytes each."""
    remaining = iter(numbers)
    few = sorted(islice(remaining, STEP))
    if len(few) < STEP:  # many collections are small, and buckets take longer than their documents
        yield few
        return
    buckets: list[array[int]] = [array("Q") for _ in range(256)]
    adds = [bucket.append for bucket in buckets]
    for number in chain(few, remaining):
        adds[number >> 56](number)
    adds.clear()
    buckets.reverse()
    while buckets:
        yield sorted(buckets.pop())


def _hashes(keys: Iterable[Hashable]) -> Iterator[bytes]:
    """Yield the hashes of keys with their rows, in order."""
    hashes = chain.from_iterable(map(key_hashes, _parts(keys, STEP)))
    for bucket in _buckets(map(_hash_and_row, hashes, count())):
        yield words_of("Q", bucket)


def _hash_and_row(hashed: int, row: int) -> int:
    return hashed << 32 | row


def _blocks(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the bytes of all pieces, `size` at a time."""
    held = bytearray()
    for piece in pieces:
        held += piece
        whole = len(held) - len(held) % size
        for start in range(0, whole, size):
            yield bytes(held[start : start + size])
        del held[:whole]
    if held:
        yield bytes(held)


def _parts(values: Iterable[V], size: int) -> Iterator[list[V]]:
    """Yield all values, `size` at a time."""
    remaining = iter(values)
    while part := list(islice(remaining, size)):
        yield part


def _array(count: int, values: Iterable[Any]) -> Iterator[bytes]:
    """Yield so many values as one MessagePack array."""
    yield array_head(count)
    for part in _parts(values, STEP):
        yield encode_value(part)[len(array_head(len(part))) :]


def array_head(count: int) -> bytes:
    """Return what stands before the values of a MessagePack array: as few bytes as its length allows."""
    if count < 16:
        return bytes([0x90 | count])
    return b"\xdc" + count.to_bytes(2, "big") if count <= 0xFFFF else b"\xdd" + count.to_bytes(4, "big")


def map_head(count: int) -> bytes:
    """Return what stands before the keys and values of a MessagePack map."""
    if count < 16:
        return bytes([0x80 | count])
    return b"\xde" + count.to_bytes(2, "big") if count <= 0xFFFF else b"\xdf" + count.to_bytes(4, "big")


class _Pieces:
    """Takes bytes, and gives them back in pieces of one size."""

    def __init__(self) -> None:
        self._held = bytearray()

    def add(self, data: bytes) -> Iterator[bytes]:
        self._held += data
        while len(self._held) >= PIECE:
            yield bytes(self._held[:PIECE])
            del self._held[:PIECE]

    def rest(self) -> Iterator[bytes]:
        if self._held:
            yield bytes(self._held)


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
        placed, named = self.data()
        return *keys_and_ids(named), placed

    def data(self) -> tuple[bytes, bytes]:
        """Return the places and the ids of all documents in their order, packed."""
        section, placed = self.section, self.places()
        named = self._part(section.count * HASH_SIZE + len(placed), section.ids_size)
        if zlib.crc32(named) != section.ids_crc:
            raise DamagedHintError
        return placed, named

    def places(self) -> bytes:
        """Return the places of all documents in their order, packed."""
        return b"".join(self._checked_places())

    def check_places(self) -> None:
        """Read the places of all documents, so that they can be read again as they are needed."""
        for _ in self._checked_places():
            pass

    def _checked_places(self) -> Iterator[bytes]:
        start, size, crc = self.section.count * HASH_SIZE, self.section.count * PLACE_SIZE, 0
        for at in range(0, size, PIECE):
            placed = self._part(start + at, min(PIECE, size - at))
            crc = zlib.crc32(placed, crc)
            yield placed
        if crc != self.section.places_crc:
            raise DamagedHintError

    def packed(self, first: int, stop: int) -> bytes:
        """Return the places of some rows, packed; they are read anew each time."""
        blocks = b"".join(map(self._place_block, range(first // BLOCK, -(-stop // BLOCK))))
        begin = first - first % BLOCK
        return blocks[(first - begin) * PLACE_SIZE : (stop - begin) * PLACE_SIZE]

    def copy(self, number: int, offset: int) -> Generator[bytes, None, Section]:
        """Yield the section, unchanged, for another hint, where it is to stand at `offset`, and return it.

        Whether all of it is sound is known when it has ended.
        """
        yield from _blocks(self._checked(), PIECE)
        return msgspec.structs.replace(self.section, number=number, offset=offset)

    def _checked(self) -> Iterator[bytes]:
        section, table = self.section, self._load_table()
        for block in range(section.blocks):
            hashes = self._part(block * BLOCK * HASH_SIZE, min(BLOCK, section.count - block * BLOCK) * HASH_SIZE)
            if zlib.crc32(hashes) != table[3 * block + 1]:
                raise DamagedHintError
            yield hashes
        yield from map(self._place_block, range(section.blocks))
        start, crc = section.count * (HASH_SIZE + PLACE_SIZE), 0
        for at in range(0, section.ids_size, PIECE):
            named = self._part(start + at, min(PIECE, section.ids_size - at))
            crc = zlib.crc32(named, crc)
            yield named
        if crc != section.ids_crc:
            raise DamagedHintError
        yield words_of("I", table)

    def _part(self, start: int, size: int) -> bytes:
        data = self._read(self.section.offset + start, size)
        if len(data) != size:
            raise DamagedHintError
        return data


class SectionPlaces(Sequence[Place]):
    """The places of a section's documents, read when they are asked for; a slice of it is a list."""

    __slots__ = ("_section",)

    def __init__(self, section: SectionReader) -> None:
        self._section = section

    def __len__(self) -> int:
        return self._section.section.count

    @overload
    def __getitem__(self, index: int) -> Place: ...
    @overload
    def __getitem__(self, index: slice) -> list[Place]: ...
    def __getitem__(self, index: int | slice) -> Place | list[Place]:
        if isinstance(index, slice):
            start, stop, _ = index.indices(len(self))
            return self._read(start, stop)
        return self._read(index, index + 1)[0]

    def __iter__(self) -> Iterator[Place]:
        for start in range(0, len(self), STEP):
            yield from self[start : start + STEP]

    def _read(self, start: int, stop: int) -> list[Place]:
        try:
            return unpack_places(self._section.packed(start, max(start, stop)))
        except DamagedHintError as error:
            raise CorruptionError("a hint is not any more what it was a moment ago: open the database again") from error


def keys_and_ids(named: bytes) -> tuple[list[Hashable], list[Any]]:
    """Return the keys and ids of documents whose ids are packed in a section."""
    try:
        texts: list[Any] = _decode_texts(named)  # as most ids are: then they are their own keys
    except msgspec.ValidationError:
        ids = inspect_value(named)
        return equality_keys(ids), ids
    return texts, texts


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
