from __future__ import annotations

import struct
import zlib

import pytest

from nosqlpy._core.log.segment import HEADER_SIZE, SegmentHeader, decode_header, segment_name, segment_number
from nosqlpy.errors import CorruptionError, FormatVersionError

HEADER = SegmentHeader(database=bytes(range(16)), number=0x1F, base_lsn=1 << 40, salt=0xFFFFFFFF, prev_crc=5, kind=1)


def changed(offset: int, layout: str, value: int) -> bytes:
    """Return the header with another value, and a checksum that holds."""
    data = bytearray(HEADER.encode())
    struct.pack_into(layout, data, offset, value)
    data[-4:] = struct.pack("<I", zlib.crc32(data[:-4]))
    return bytes(data)


def test_a_header_comes_back_whatever_follows_it() -> None:
    assert decode_header(HEADER.encode() + b"frames", file="f") == HEADER


def test_a_header_has_64_bytes_and_begins_with_the_magic() -> None:
    assert len(HEADER.encode()) == HEADER_SIZE == 64
    assert HEADER.encode()[:8] == b"\x89NQL\r\n\x1a\n"


def test_every_flipped_bit_of_a_header_is_noticed() -> None:
    data = bytearray(HEADER.encode())
    for bit in range(8 * len(data)):
        data[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(CorruptionError):
            decode_header(bytes(data), file="f")
        data[bit >> 3] ^= 1 << (bit & 7)


@pytest.mark.parametrize("size", range(64))
def test_a_header_that_is_cut_short_is_corruption(size: int) -> None:
    with pytest.raises(CorruptionError, match="does not begin as a segment"):
        decode_header(HEADER.encode()[:size], file="f")


@pytest.mark.parametrize(
    ("offset", "layout", "value"),
    [(8, "<H", 2), (10, "<H", 2), (14, "<B", 2), (15, "<B", 7)],
    ids=["version", "incompatible feature", "checksum", "kind"],
)
def test_what_a_newer_version_wrote_is_refused_as_such(offset: int, layout: str, value: int) -> None:
    with pytest.raises(FormatVersionError):
        decode_header(changed(offset, layout, value), file="f")


def test_an_unknown_compatible_feature_is_no_obstacle() -> None:
    assert decode_header(changed(12, "<H", 0xFFFF), file="f") == HEADER


@pytest.mark.parametrize("number", [0, 1, 0xABCDEF, 0xFFFFFFFF])
def test_a_segments_number_can_be_read_from_its_name(number: int) -> None:
    assert segment_number(segment_name(number)) == number


@pytest.mark.parametrize(
    "name",
    ["seg-1.nql", "seg-0000000G.nql", "seg-00000001.nql~", "xseg-00000001.nql", "MANIFEST", "seg-00000001.nql\n"],
)
def test_other_names_are_no_segments(name: str) -> None:
    assert segment_number(name) is None
