"""The manifest: the one file that says which segments make up the database.

magic 8 | version u16 | incompatible u16 | compatible u16 | 0 u16 | body_len u32 | crc u32 | body (MessagePack)
"""

from __future__ import annotations

import struct
import zlib
from typing import Annotated, TypeAlias

import msgspec

from nosqlpy._core.log.segment import FORMAT_VERSION, PACKED, check_version, damaged
from nosqlpy.errors import CorruptionError

MANIFEST = "MANIFEST"
MAGIC = b"\x89NQM\r\n\x1a\n"
_HEAD = struct.Struct("<8sHHHHI")
_CRC = struct.Struct("<I")
_BODY = _HEAD.size + _CRC.size


# counts that processes share as words of 64 bits
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]


class SealedSegment(msgspec.Struct, frozen=True, array_like=True):
    """A segment that will never change: its number, kind, last LSN, size in bytes and last checksum.

    `stored` is the size of its file if it is packed, else 0.
    """

    number: int
    kind: int
    last_lsn: int
    size: int
    crc: int
    stored: int = 0

    @property
    def file_size(self) -> int:
        """How many bytes its file has."""
        return self.stored or self.size


class Manifest(msgspec.Struct, frozen=True):
    """The live segments, oldest first, and the active one.

    `clean_size` and `clean_crc` tell where the active segment ended when the
    database was closed; `clean_size` is None while it is open, and after a crash. `epoch`
    counts the recoveries that processes did not take part in which still had it open.
    """

    database: bytes
    generation: Count
    sealed: tuple[SealedSegment, ...]
    active: Count
    clean_size: Count | None = None
    clean_crc: Count = 0
    epoch: Count = 0

    @property
    def is_packed(self) -> bool:
        """Whether a segment is packed."""
        return any(segment.stored for segment in self.sealed)

    def encode(self) -> bytes:
        """Return the bytes of the manifest file."""
        body = _encoder.encode(self)
        head = _HEAD.pack(MAGIC, FORMAT_VERSION, PACKED if self.is_packed else 0, 0, 0, len(body))
        return head + _CRC.pack(zlib.crc32(body, zlib.crc32(head))) + body


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Manifest)


def decode_manifest(data: bytes) -> Manifest:
    """Return the manifest that `data` holds.

    Raises:
        CorruptionError: The file is cut short, is no manifest, or fails its checksum.
        FormatVersionError: It was written by a newer nosqlpy.
    """
    if len(data) < _BODY or data[:8] != MAGIC:
        raise damaged(MANIFEST, 0, "does not begin as a manifest")
    _, version, incompatible, _, _, body_len = _HEAD.unpack_from(data)
    check_version(version, incompatible, MANIFEST)
    body = data[_BODY:]
    (crc,) = _CRC.unpack_from(data, _HEAD.size)
    if len(body) != body_len or zlib.crc32(body, zlib.crc32(data[: _HEAD.size])) != crc:
        raise damaged(MANIFEST, 0, "fails its checksum")
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise CorruptionError("MANIFEST cannot be decoded", details={"file": MANIFEST, "offset": 0}) from error
