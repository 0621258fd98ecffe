from __future__ import annotations

import struct
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.log.test_frame import HEADER, MANY, ONE, segment
from nosqlpy._core.log import packing
from nosqlpy._core.log.frame import scan_segment
from nosqlpy._core.log.manifest import Manifest, SealedSegment, decode_manifest
from nosqlpy._core.log.packed import BlockCache, PackedFile, check_unpacked, unpack
from nosqlpy._core.log.packing import BLOCK_HEAD, CODES, Packer, code_of
from nosqlpy._core.log.salvage import guess_packed, salvage_unpacked
from nosqlpy._core.log.segment import HEADER_SIZE, KIND_LOG, SegmentHeader, decode_header, guess_header
from nosqlpy._core.log.stream import SegmentCheck
from nosqlpy.errors import CorruptionError, FormatVersionError, NotSupportedError

BLOCK = 512
PACKED = msgspec.structs.replace(HEADER, codec=CODES["zlib"], block_size=BLOCK)
# in frames that are not compressed the header has no codec: the rest is the same
PLAIN = segment(*(MANY if number % 3 else ONE for number in range(40)))
PLAIN = PACKED.encode() + PLAIN[HEADER_SIZE:]


def packed(data: bytes = PLAIN, header: SegmentHeader = PACKED, step: int = 100) -> bytes:
    """Return the file of a segment whose bytes are handed over some at a time."""
    packer = Packer(header)
    parts = [header.encode()]
    parts += [packer.add(data[start : start + step]) for start in range(HEADER_SIZE, len(data), step)]
    parts.append(packer.end())

    assert packer.size == sum(map(len, parts))
    return b"".join(parts)


DATA = packed()
SEALED = SealedSegment(HEADER.number, KIND_LOG, 50, len(PLAIN), scan_segment(PLAIN, HEADER).frames[-1].crc, len(DATA))


def opened(data: bytes = DATA, cache: int = 4 * BLOCK) -> PackedFile:
    return PackedFile(PACKED, lambda offset, size: data[offset : offset + size], len(data), BlockCache(cache))


def check(data: bytes, size: int) -> SegmentCheck:
    checking = SegmentCheck(SEALED, HEADER.database)
    for start in range(0, len(data), size):
        checking.feed(data[start : start + size])
    checking.finish()
    return checking


# ── what is written ──────────────────────────────────────────────────────────────


def test_a_packed_segment_is_smaller_and_holds_the_same() -> None:
    assert len(DATA) < len(PLAIN) // 2
    assert unpack(DATA, decode_header(DATA, file="f")) == PLAIN


@pytest.mark.parametrize("step", [1, BLOCK - 1, BLOCK, BLOCK + 1, 1 << 20])
def test_in_which_pieces_it_was_written_makes_no_difference(step: int) -> None:
    assert packed(step=step) == DATA


@given(st.binary(max_size=3 * BLOCK))
def test_whatever_is_packed_is_read_back(content: bytes) -> None:
    plain = PACKED.encode() + content

    assert unpack(packed(plain), PACKED) == plain


def test_what_does_not_become_smaller_is_stored_as_it_is() -> None:
    noise = PACKED.encode() + b"".join(struct.pack("<I", zlib.crc32(b"%d" % number)) for number in range(BLOCK))

    assert noise[HEADER_SIZE : HEADER_SIZE + BLOCK] in packed(noise)
    assert unpack(packed(noise), PACKED) == noise


def test_an_older_version_refuses_a_packed_segment_and_a_manifest_that_names_one() -> None:
    manifest = Manifest(bytes(16), 1, (SEALED,), 9)

    for data in (DATA, manifest.encode()):  # version 1 knew no incompatible feature
        assert struct.unpack_from("<HH", data, 8) == (1, 1)
    assert decode_manifest(manifest.encode()) == manifest


@pytest.mark.parametrize(("codec", "bits"), [(0, 9), (3, 9), (1, 8), (1, 21), (1, 255)])
def test_a_compression_that_is_not_known_is_refused_as_such(codec: int, bits: int) -> None:
    head = bytearray(PACKED.encode())
    head[56:58] = bytes([codec, bits])
    head[60:] = struct.pack("<I", zlib.crc32(head[:60]))
    with pytest.raises(FormatVersionError, match="compressed"):
        decode_header(bytes(head), file="f")


def test_zstd_is_refused_by_name_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(packing, "import_module", missing)
    packing._zstd.cache_clear()
    try:
        with pytest.raises(NotSupportedError, match=r"nosqlpy\[zstd\]"):
            code_of("zstd")
        with pytest.raises(NotSupportedError, match=r"nosqlpy\[zstd\]"):
            unpack(DATA, msgspec.structs.replace(PACKED, codec=CODES["zstd"]))
    finally:
        packing._zstd.cache_clear()


def test_zstd_packs_as_zlib_does() -> None:
    try:
        codec = code_of("zstd")
    except NotSupportedError:
        pytest.skip("there is no zstd here")
    header = msgspec.structs.replace(PACKED, codec=codec)
    data = packed(header.encode() + PLAIN[HEADER_SIZE:], header)

    assert len(data) < len(PLAIN) // 2
    assert unpack(data, header)[HEADER_SIZE:] == PLAIN[HEADER_SIZE:]
    assert salvage_unpacked(data, guess_packed(data, HEADER))[HEADER_SIZE:] == PLAIN[HEADER_SIZE:]


# ── parts of it ──────────────────────────────────────────────────────────────────


@given(st.integers(0, len(PLAIN) + 10), st.integers(0, len(PLAIN)))
def test_any_part_is_what_stood_there(offset: int, size: int) -> None:
    assert opened()(offset, size) == PLAIN[offset : offset + size]


def test_a_block_that_was_read_is_kept_and_the_oldest_goes() -> None:
    reads: list[int] = []

    def read(offset: int, size: int) -> bytes:
        reads.append(offset)
        return DATA[offset : offset + size]

    cache = BlockCache(2 * BLOCK)
    file = PackedFile(PACKED, read, len(DATA), cache)
    del reads[:]
    for number in (0, 1, 0, 2, 0, 1):
        file(HEADER_SIZE + number * BLOCK, 10)

    assert len(reads) == 4  # 0, 1, 2, and 1 again, which was used least
    assert cache.size == 2 * BLOCK


def test_a_scan_keeps_only_the_last_block() -> None:
    file = opened(cache := DATA) and opened()

    assert file(0, len(PLAIN)) == PLAIN
    assert file._blocks.size <= BLOCK < len(cache)


# ── damage ───────────────────────────────────────────────────────────────────────


def test_any_flipped_bit_is_refused() -> None:
    for bit in range(8 * HEADER_SIZE, 8 * len(DATA), 3):
        flipped = bytearray(DATA)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(CorruptionError):
            unpack(bytes(flipped), PACKED)
        with pytest.raises(CorruptionError):
            check(bytes(flipped), 700)


def test_any_other_length_is_refused() -> None:
    for size in range(HEADER_SIZE, len(DATA)):
        with pytest.raises(CorruptionError):
            check_unpacked(DATA[:size], SEALED, PACKED)
    with pytest.raises(CorruptionError):
        check_unpacked(DATA + b"x", SEALED, PACKED)
    with pytest.raises(CorruptionError):
        check(DATA + b"x", 1000)
    with pytest.raises(CorruptionError):
        check(DATA[:-1], 1000)


def test_a_block_in_the_place_of_another_is_refused() -> None:
    file = opened()
    first, second, third = file._starts[:3]
    twice = DATA[:second] + DATA[first:second].ljust(third - second, b"\0")[: third - second] + DATA[third:]
    with pytest.raises(CorruptionError):
        unpack(twice, PACKED)


@pytest.mark.parametrize("size", [1, 64, 1000, 1 << 20])
def test_a_copy_is_checked_in_pieces_of_any_size(size: int) -> None:
    assert check(DATA, size).frames == 40


def block(content: bytes, size: int, number: int = 0) -> bytes:
    """Return a block that claims to hold `size` bytes, well summed."""
    head = struct.pack("<IIII", packing._MARK, number, size, len(content))
    return head + struct.pack("<I", zlib.crc32(content, zlib.crc32(head, PACKED.salt))) + content


@pytest.mark.parametrize("claimed", [1, BLOCK - 1, BLOCK, BLOCK + 1, 1 << 20, 0xFFFFFFFF])
def test_a_block_is_not_decompressed_past_what_it_claims(claimed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    decompress = packing._decompress

    def noted(stored: bytes, size: int, code: int) -> bytes | None:
        asked.append(size)
        return decompress(stored, size, code)

    monkeypatch.setattr(packing, "_decompress", noted)
    bomb = block(zlib.compress(bytes(1 << 20)), claimed)

    assert packing.read_block(bomb, 0, msgspec.structs.replace(PACKED, block_size=BLOCK * 4)) is None
    assert max(asked, default=0) <= BLOCK * 4


def test_what_follows_a_compressed_block_within_it_is_refused() -> None:
    content = zlib.compress(bytes(BLOCK))

    assert packing.read_block(block(content, BLOCK), 0, PACKED) is not None
    assert packing.read_block(block(content + b"more", BLOCK), 0, PACKED) is None


# ── salvage ──────────────────────────────────────────────────────────────────────


def test_a_lost_block_leaves_the_others_in_their_places() -> None:
    file = opened()
    spoilt = bytearray(DATA)
    spoilt[file._starts[3] + BLOCK_HEAD] ^= 1
    saved = salvage_unpacked(bytes(spoilt), PACKED)
    first = HEADER_SIZE + 3 * BLOCK

    assert saved == PLAIN[:first] + bytes(BLOCK) + PLAIN[first + BLOCK :]


def test_blocks_are_found_where_bytes_are_missing_before_them() -> None:
    assert (
        salvage_unpacked(DATA[:HEADER_SIZE] + DATA[HEADER_SIZE + 30 :], PACKED)[HEADER_SIZE + BLOCK :]
        == (PLAIN[HEADER_SIZE + BLOCK :])
    )


@pytest.mark.parametrize("at", [10, 20, 48, 56, 57])
def test_how_a_segment_is_packed_is_found_out_where_its_header_is_damaged(at: int) -> None:
    spoilt = bytearray(DATA)
    spoilt[at] ^= 0x55
    guess = guess_header(bytes(spoilt), HEADER.number)

    assert guess is not None
    found = guess_packed(bytes(spoilt), guess)
    assert (found.codec, found.block_size, found.salt) == (PACKED.codec, BLOCK, PACKED.salt)
    assert salvage_unpacked(bytes(spoilt), found)[HEADER_SIZE:] == PLAIN[HEADER_SIZE:]


def test_a_segment_that_is_not_packed_is_not_taken_for_one_that_is() -> None:
    plain = HEADER.encode() + PLAIN[HEADER_SIZE:] + packing.MARK_BYTES * 30

    assert guess_packed(plain, HEADER) == HEADER


def test_a_number_far_ahead_makes_no_room_for_what_would_be_before_it() -> None:
    far = PACKED.encode() + block(b"x" * BLOCK, BLOCK, 0xFFFFFFFF)

    assert len(salvage_unpacked(far, PACKED)) < 2 * packing.GAPS_MAX
