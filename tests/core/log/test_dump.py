from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nosqlpy._core.log import dump
from nosqlpy._core.log.dump import (
    HEADER_SIZE,
    MAGIC,
    MARK,
    SECTION_HEAD_SIZE,
    Catalogue,
    Documents,
    DumpReader,
    DumpWriter,
    End,
    Section,
)
from nosqlpy._core.values.codec import encode_document
from nosqlpy.errors import ConfigurationError, CorruptionError, FormatVersionError

BLOBS = [encode_document({"_id": n, "pad": "x" * 50}) for n in range(20)]
SECTIONS = [Catalogue([[1, "create", {"name": "a"}]]), Documents(1, BLOBS), Documents(1, []), End(1, 20, 5)]


def written(compression: str | None = None, lsn: int = 7) -> bytes:
    writer = DumpWriter(compression)
    return b"".join(
        (
            writer.header(lsn),
            writer.catalogue([[1, "create", {"name": "a"}]]),
            writer.documents(1, BLOBS),
            writer.documents(1, []),
            writer.end(End(1, 20, 5)),
        )
    )


def read(data: bytes, sizes: Sequence[int] = ()) -> list[Section]:
    """Return the sections of a dump that is fed in pieces of these sizes, and the rest at once."""
    reader, sections = DumpReader("x.nqd"), []
    for size in sizes:
        sections += reader.feed(data[:size])
        data = data[size:]
    sections += reader.feed(data)
    reader.finish()
    return sections


def section(
    kind: int, content: bytes, *, compression: int = 0, size: int | None = None, stored: int | None = None
) -> bytes:
    """Return a dump whose only section is this one, with a checksum that holds."""
    header = DumpWriter(None).header(1)
    claimed = len(content) if stored is None else stored
    head = struct.pack("<IBBHIII", MARK, kind, compression, 0, 0, len(content) if size is None else size, claimed)
    crc = zlib.crc32(content, zlib.crc32(head, zlib.crc32(header[:-4])))
    return header + head + struct.pack("<I", crc) + content


@pytest.mark.parametrize("compression", [None, "zlib"])
@given(sizes=st.lists(st.integers(0, 400), max_size=20))
def test_sections_come_back_in_pieces_of_any_size(compression: str | None, sizes: list[int]) -> None:
    assert read(written(compression), sizes) == SECTIONS


def test_the_header_says_how_many_commits_there_had_been() -> None:
    reader = DumpReader("x.nqd")
    list(reader.feed(written(lsn=99)))

    assert reader.lsn == 99


def test_a_compressed_dump_is_smaller() -> None:
    assert len(written("zlib")) < len(written()) / 2


def test_what_would_be_packed_too_tight_is_left_as_it_is() -> None:
    blob = encode_document({"_id": 1, "pad": "x" * 10_000_000})
    writer = DumpWriter("zlib")
    data = writer.header(1) + writer.documents(1, [blob]) + writer.end(End(1, 1, len(blob)))

    assert read(data) == [Documents(1, [blob]), End(1, 1, len(blob))]


def test_an_unknown_compression_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="compression is 'zlib' or None, not 'lzma'"):
        DumpWriter("lzma")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_any_flipped_bit_is_refused(compression: str | None) -> None:
    data = written(compression)
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises((CorruptionError, FormatVersionError)) as caught:
            read(bytes(flipped))

        assert caught.value.details["file"] == "x.nqd"


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_dump_that_is_cut_short_is_refused_with_the_offset_of_what_is_missing(compression: str | None) -> None:
    data = written(compression)
    for size in range(len(data)):
        with pytest.raises(CorruptionError, match="is cut short") as caught:
            read(data[:size])

        assert caught.value.details["offset"] <= size


def test_a_dump_with_more_at_its_end_is_refused() -> None:
    with pytest.raises(CorruptionError, match="has more behind its end"):
        read(written() + b"m")


@pytest.mark.parametrize("data", [b"{}", b"PK\3\4" + b"x" * 100, b"\x89NQL\r\n\x1a\n" + bytes(100), b"x" * 32])
def test_a_foreign_file_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptionError, match="does not begin as a dump"):
        read(data)


def test_a_section_that_was_left_out_is_noticed() -> None:
    data = written()
    cut = DumpWriter(None)
    first = len(cut.header(7)) + len(cut.catalogue([[1, "create", {"name": "a"}]]))
    second = first + len(cut.documents(1, BLOBS))
    with pytest.raises(CorruptionError) as caught:
        read(data[:first] + data[second:])

    assert caught.value.details["offset"] == first


def test_a_section_of_another_dump_is_noticed() -> None:
    one, other = written(lsn=1), written(lsn=2)
    with pytest.raises(CorruptionError):
        read(one[:HEADER_SIZE] + other[HEADER_SIZE:])


def test_a_newer_version_is_refused() -> None:
    head = struct.pack("<8sHHHHQI", MAGIC, 2, 0, 0, 0, 1, 0)
    with pytest.raises(FormatVersionError, match="version 2"):
        read(head + struct.pack("<I", zlib.crc32(head)))


def test_an_unknown_compression_in_the_file_needs_a_newer_version() -> None:
    with pytest.raises(FormatVersionError, match="compressed in a way"):
        read(section(dump.CATALOGUE, b"\x90", compression=9))


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (9, b""),
        (dump.END, b"\x90"),
        (dump.END, b"\x05"),
        (dump.CATALOGUE, b"\x05"),
        (dump.CATALOGUE, b"\xc1"),
        (dump.CATALOGUE, b"\x91" * 100_000),
        (dump.DOCUMENTS, b""),
        (dump.DOCUMENTS, struct.pack("<II", 1, 0xFFFFFFFF)),
        (dump.DOCUMENTS, struct.pack("<II", 1, 1)),
        (dump.DOCUMENTS, struct.pack("<III", 1, 1, 5) + b"1234"),
        (dump.DOCUMENTS, struct.pack("<III", 1, 1, 5) + b"123456"),
    ],
)
def test_a_section_that_makes_no_sense_is_refused(kind: int, content: bytes) -> None:
    with pytest.raises(CorruptionError, match="makes no sense"):
        read(section(kind, content))


@pytest.mark.parametrize(
    ("packed", "size"),
    [
        (zlib.compress(bytes(60 << 20)), 60 << 20),
        (zlib.compress(bytes(60 << 20)), 100),
        (zlib.compress(bytes(1000)), 1001),
        (zlib.compress(bytes(1000))[:-5], 1000),
        (zlib.compress(bytes(1000)) + b"more", 1000),
        (b"no zlib", 100),
    ],
)
def test_a_bomb_is_refused_before_it_goes_off(packed: bytes, size: int) -> None:
    tracemalloc.start()
    with pytest.raises(CorruptionError):
        read(section(dump.CATALOGUE, packed, compression=dump.ZLIB, size=size))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2 << 20


def test_a_claimed_size_past_the_limit_is_refused_before_anything_is_gathered() -> None:
    data = section(dump.CATALOGUE, b"", stored=0xFFFFFFFF)
    with pytest.raises(CorruptionError, match="is damaged"):
        list(DumpReader("x.nqd").feed(data[: HEADER_SIZE + SECTION_HEAD_SIZE]))


@given(st.binary(max_size=500), st.booleans())
def test_any_bytes_are_refused(data: bytes, headed: bool) -> None:
    with pytest.raises((CorruptionError, FormatVersionError)):
        read(written()[:HEADER_SIZE] + data if headed else data)
