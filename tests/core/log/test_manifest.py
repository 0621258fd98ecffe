from __future__ import annotations

import struct

import msgspec
import pytest

from nosqlpy._core.log.manifest import Manifest, SealedSegment, decode_manifest
from nosqlpy.errors import CorruptionError, FormatVersionError

MANIFEST = Manifest(
    database=b"d" * 16,
    generation=9,
    sealed=(SealedSegment(1, 1, 100, 5000, 0xFFFFFFFF), SealedSegment(3, 0, 120, 600, 1)),
    active=4,
    clean_size=64,
    clean_crc=7,
)


def test_a_manifest_comes_back() -> None:
    assert decode_manifest(MANIFEST.encode()) == MANIFEST


def test_every_flipped_bit_of_a_manifest_is_noticed() -> None:
    data = bytearray(MANIFEST.encode())
    for bit in range(8 * len(data)):
        data[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises((CorruptionError, FormatVersionError)):
            decode_manifest(bytes(data))
        data[bit >> 3] ^= 1 << (bit & 7)


def test_a_manifest_of_any_other_length_is_corruption() -> None:
    data = MANIFEST.encode()
    for content in (*(data[:size] for size in range(len(data))), data + b"x"):
        with pytest.raises(CorruptionError):
            decode_manifest(content)


@pytest.mark.parametrize("name", ["generation", "epoch"])
@pytest.mark.parametrize("count", [-1, 1 << 63])
def test_a_count_that_no_word_holds_is_refused(name: str, count: int) -> None:
    with pytest.raises(CorruptionError):
        decode_manifest(msgspec.structs.replace(MANIFEST, **{name: count}).encode())


@pytest.mark.parametrize(("offset", "value"), [(8, 2), (10, 2)])
def test_a_newer_manifest_is_refused_as_such(offset: int, value: int) -> None:
    data = bytearray(MANIFEST.encode())
    struct.pack_into("<H", data, offset, value)

    with pytest.raises(FormatVersionError, match="MANIFEST"):
        decode_manifest(bytes(data))


@pytest.mark.parametrize("field", ["generation", "active", "clean_size", "clean_crc", "epoch"])
def test_a_negative_number_in_a_manifest_is_corruption(field: str) -> None:
    hostile = msgspec.structs.replace(MANIFEST, **{field: -1})

    with pytest.raises(CorruptionError):
        decode_manifest(hostile.encode())
