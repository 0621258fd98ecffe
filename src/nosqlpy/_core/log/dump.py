"""Dumps: documents and the catalogue in one file, in sections that are chained and checksummed.

    header   magic 8 | version u16 | incompatible u16 | compatible u16 | 0 u16 | lsn u64 | 0 u32 | crc u32
    section  mark u32 | kind u8 | compression u8 | 0 u16 | number u32 | size u32 | stored u32 | crc u32 | content

The checksum of a section begins with the one before it, so that none can be left
out, moved or taken from another dump. The last section, and it alone, says that
the dump is complete. ``stored`` is the size of the content as it stands there,
``size`` what it has once it is decompressed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from nosqlpy._core.log.operation import pack_numbers, slice_documents, unpack_numbers
from nosqlpy._core.log.segment import check_version
from nosqlpy._core.values.codec import decode_value, encode_value
from nosqlpy.errors import ConfigurationError, CorruptionError, FormatVersionError

MAGIC = b"\x89NQD\r\n\x1a\n"
VERSION = 1
MARK = 0x4345534E  # "NSEC"
CATALOGUE, DOCUMENTS, END = 1, 2, 3
PLAIN, ZLIB = 0, 1
COMPRESSIONS = {None: PLAIN, "zlib": ZLIB}

# a thousand documents or 32 MiB, and one document more; and what the catalogue may have
SECTION_SIZE_MAX = 64 << 20
# zlib packs no more; what would be packed as tight is left as it is
RATIO_MAX = 1000

_HEADER = struct.Struct("<8sHHHHQI")
_SECTION = struct.Struct("<IBBHIII")
_CRC = struct.Struct("<I")
_PAIR = struct.Struct("<II")
HEADER_SIZE = _HEADER.size + _CRC.size
SECTION_HEAD_SIZE = _SECTION.size + _CRC.size


class Catalogue(msgspec.Struct, frozen=True):
    """Collections and indexes: ``[collection, verb, arguments]``, as in the log."""

    definitions: list[Any]


class Documents(msgspec.Struct, frozen=True):
    """Some documents of one collection, encoded."""

    collection: int
    blobs: list[bytes]


class End(msgspec.Struct, frozen=True):
    """What a complete dump holds."""

    collections: int
    documents: int
    bytes: int


Section = Catalogue | Documents | End


class DumpWriter:
    """Makes the bytes of a dump, section by section.

    Raises:
        ConfigurationError: There is no such compression.
    """

    def __init__(self, compression: str | None) -> None:
        if compression not in tuple(COMPRESSIONS):  # as a list: not all that is given has a hash
            shown = repr(compression) if isinstance(compression, str) else type(compression).__name__
            raise ConfigurationError(f"compression is 'zlib' or None, not {shown}")
        self._compression = COMPRESSIONS[compression]
        self._crc = self._number = 0

    def header(self, lsn: int) -> bytes:
        """Return the header; `lsn` says how many commits the database had had."""
        head = _HEADER.pack(MAGIC, VERSION, 0, 0, 0, lsn, 0)
        self._crc = zlib.crc32(head)
        return head + _CRC.pack(self._crc)

    def catalogue(self, definitions: Sequence[Any]) -> bytes:
        """Return a section with the definitions of collections and indexes."""
        return self._section(CATALOGUE, encode_value(list(definitions)))

    def documents(self, collection: int, blobs: Sequence[bytes]) -> bytes:
        """Return a section with documents of one collection."""
        lengths = pack_numbers(map(len, blobs))
        return self._section(DOCUMENTS, b"".join((_PAIR.pack(collection, len(blobs)), lengths, *blobs)))

    def end(self, end: End) -> bytes:
        """Return the last section."""
        return self._section(END, encode_value([end.collections, end.documents, end.bytes]))

    def _section(self, kind: int, content: bytes) -> bytes:
        assert len(content) <= SECTION_SIZE_MAX, "no reader would take it"
        stored, compression = content, PLAIN
        if self._compression == ZLIB:
            packed = zlib.compress(content, 6)
            if len(packed) < len(content) <= RATIO_MAX * len(packed):
                stored, compression = packed, ZLIB
        head = _SECTION.pack(MARK, kind, compression, 0, self._number, len(content), len(stored))
        self._number += 1
        self._crc = zlib.crc32(stored, zlib.crc32(head, self._crc))
        return head + _CRC.pack(self._crc) + stored


class DumpReader:
    """Takes the bytes of a dump in pieces; `feed` yields the sections that are complete and intact.

    No more is ever kept than the section that is being read, nor is a content
    decompressed to more than its size, 64 MiB at most.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._rest = bytearray()
        self._offset = 0
        self._number = 0
        self._crc: int | None = None
        self.lsn = 0
        self.complete = False

    @property
    def offset(self) -> int:
        """Where the section begins that comes next."""
        return self._offset

    def feed(self, data: bytes) -> Iterator[Section]:
        """Yield the sections that are complete with `data`, which is not empty.

        Raises:
            CorruptionError: It is no dump, or is damaged; `details` has the offset.
            FormatVersionError: A newer nosqlpy wrote it.
        """
        self._rest += data
        if self._crc is None:
            if len(self._rest) < HEADER_SIZE:
                return
            self._crc = self._begin()
        while (size := self._next_size()) is not None:
            taken = bytes(self._rest[:size])
            section = self._section(taken, self._crc)
            del self._rest[:size]
            self._offset += size
            yield section

    def finish(self) -> None:
        """Check that the dump ended where it must.

        Raises:
            CorruptionError: It is cut short.
        """
        if not self.complete:
            if self._crc is None and not MAGIC.startswith(self._rest[:8]):
                raise self.damage("does not begin as a dump")
            raise self.damage("is cut short")

    def damage(self, what: str) -> CorruptionError:
        """Return the error that says what is wrong with the section that begins at `offset`."""
        return CorruptionError(
            f"{self._file} {what} (at byte {self._offset}); nothing of it was restored",
            details={"file": self._file, "offset": self._offset},
        )

    def _begin(self) -> int:
        head = bytes(self._rest[: _HEADER.size])
        magic, version, incompatible, _, _, lsn, _ = _HEADER.unpack(head)
        (crc,) = _CRC.unpack_from(self._rest, _HEADER.size)
        if magic != MAGIC:
            raise self.damage("does not begin as a dump")
        if crc != zlib.crc32(head):
            raise self.damage("has a damaged header")
        check_version(version, incompatible, self._file)
        del self._rest[:HEADER_SIZE]
        self._offset, self.lsn = HEADER_SIZE, lsn
        return zlib.crc32(head)

    def _next_size(self) -> int | None:
        """Return the size of the next section, or None until all of it is there. It is untrusted, but bounded."""
        if self.complete and self._rest:
            raise self.damage("has more behind its end")
        if len(self._rest) < SECTION_HEAD_SIZE:
            return None
        mark, _, _, zero, number, size, stored = _SECTION.unpack_from(self._rest)
        if mark != MARK or zero or number != self._number or max(size, stored) > SECTION_SIZE_MAX:
            raise self.damage("is damaged")
        whole = SECTION_HEAD_SIZE + int(stored)
        return whole if len(self._rest) >= whole else None

    def _section(self, data: bytes, before: int) -> Section:
        _, kind, compression, _, _, size, _ = _SECTION.unpack_from(data)
        stored = data[SECTION_HEAD_SIZE:]
        crc = zlib.crc32(stored, zlib.crc32(data[: _SECTION.size], before))
        if _CRC.unpack_from(data, _SECTION.size)[0] != crc:
            raise self.damage("is damaged")
        content = self._content(compression, stored, size)
        self._crc, self._number = crc, self._number + 1
        try:
            return self._decode(kind, content)
        except (ValueError, TypeError, LookupError, struct.error, RecursionError) as error:
            raise self.damage("has a section that makes no sense") from error

    def _content(self, compression: int, stored: bytes, size: int) -> bytes:
        if compression == PLAIN:
            content = stored
        elif compression == ZLIB:
            content = self._decompressed(stored, size)
        else:
            raise FormatVersionError(f"{self._file} is compressed in a way that this nosqlpy does not know")
        if len(content) != size:
            raise self.damage("has a section of another size than it says")
        return content

    def _decompressed(self, stored: bytes, size: int) -> bytes:
        if size > RATIO_MAX * len(stored):
            raise self.damage(f"has a section that is packed more than {RATIO_MAX}:1")
        unpacker = zlib.decompressobj()
        try:
            content = unpacker.decompress(stored, size + 1)
        except zlib.error as error:
            raise self.damage("has a section that cannot be decompressed") from error
        if not unpacker.eof or unpacker.unused_data:
            raise self.damage("has a section of another size than it says")
        return content

    def _decode(self, kind: int, content: bytes) -> Section:
        if kind == DOCUMENTS:
            collection, count = _PAIR.unpack_from(content)
            start = _PAIR.size + 4 * count
            blobs, end = slice_documents(content, start, unpack_numbers(content[_PAIR.size : start]))
            if end != len(content) or len(blobs) != count:
                raise ValueError("the documents do not fill the section")
            return Documents(collection, blobs)
        if kind == CATALOGUE:
            return Catalogue(list(decode_value(content)))
        if kind != END:
            raise ValueError("an unknown kind of section")
        self.complete = True
        return End(*decode_value(content))
