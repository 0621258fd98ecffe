"""Bytes that another machine or another program made."""

from __future__ import annotations

import struct
import zlib

import pytest

from nosqlpy._core.log import operation
from nosqlpy._core.log.manifest import MAGIC, decode_manifest
from nosqlpy._core.log.operation import Define, Put, decode_body, encode_body
from nosqlpy._core.values.codec import encode_document
from nosqlpy.errors import CorruptionError

DOCUMENTS = Put(1, [1, 2], [1, 2], [encode_document({"_id": number}) for number in (1, 2)])


def test_columns_of_numbers_are_swapped_on_a_machine_of_the_other_byte_order(monkeypatch: pytest.MonkeyPatch) -> None:
    here = operation.pack_numbers([1, 0x01020304])
    other = "little" if operation.byteorder == "big" else "big"
    monkeypatch.setattr(operation, "byteorder", other)

    assert operation.pack_numbers([1, 0x01020304]) == b"".join(part[::-1] for part in (here[:4], here[4:]))
    kind, covered, rest = encode_body([DOCUMENTS])
    assert decode_body(kind, covered + rest) == [DOCUMENTS]


def test_numbers_are_little_endian_in_the_log() -> None:
    assert operation.pack_numbers([1, 0x01020304]) == b"\1\0\0\0\4\3\2\1"


def test_an_operation_of_no_known_kind_is_not_written() -> None:
    kind, covered, rest = encode_body([Define(1, "clear", {}), object(), DOCUMENTS])  # type: ignore[list-item]

    assert decode_body(kind, covered + rest) == [Define(1, "clear", {}), DOCUMENTS]


@pytest.mark.parametrize("body", [b"\xc1", b"\x93\1\2\3", b""], ids=["no MessagePack", "another shape", "empty"])
def test_a_manifest_whose_checksum_holds_and_whose_body_does_not_is_corruption(body: bytes) -> None:
    head = struct.pack("<8sHHHHI", MAGIC, 1, 0, 0, 0, len(body))
    crc = zlib.crc32(body, zlib.crc32(head))

    with pytest.raises(CorruptionError, match="cannot be decoded"):
        decode_manifest(head + struct.pack("<I", crc) + body)
