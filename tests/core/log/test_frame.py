from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nosqlpy._core.log.frame import FRAME_SIZE, MARK, Scan, encode_frame, scan_segment
from nosqlpy._core.log.operation import Define, Delete, Operation, Put
from nosqlpy._core.log.segment import HEADER_SIZE, KIND_BASE, SegmentHeader
from nosqlpy._core.values.codec import encode_document
from nosqlpy.errors import CorruptionError

HEADER = SegmentHeader(database=b"d" * 16, number=3, base_lsn=10, salt=0xABCD, prev_crc=77)


def put(*ids: Any, collection: int = 1) -> Put:
    return Put(collection, list(ids), list(ids), [encode_document({"_id": id, "pad": "x" * 20}) for id in ids])


def segment(*frames: list[Operation], synced: list[int] | None = None, header: SegmentHeader = HEADER) -> bytes:
    """Return a segment with these frames; `synced` is what each claims to be durable."""
    parts, crc = [header.encode()], header.prev_crc
    for number, operations in enumerate(frames):
        upto = synced[number] if synced else 0
        lsn = (1 if header.kind else header.base_lsn + 1) + number
        data, crc = encode_frame(operations, lsn=lsn, synced_upto=upto, prev_crc=crc, salt=header.salt)
        parts.append(data)
    return b"".join(parts)


def lsns(scan: Scan) -> list[int]:
    return [frame.lsn for frame in scan.frames]


ONE, MANY = [put("a")], [put("b", "c"), Delete(1, ["a"], ["a"]), Define(2, "create", {"name": "n"})]
ends = [len(segment(*frames)) for frames in ([], [ONE], [ONE, MANY], [ONE, MANY, ONE])]


def test_a_segment_without_frames_is_intact_to_its_end() -> None:
    assert scan_segment(segment(), HEADER) == Scan([], HEADER_SIZE, None)


def test_frames_come_back_as_they_were_written() -> None:
    scan = scan_segment(segment(ONE, MANY), HEADER)

    assert [frame.operations for frame in scan.frames] == [ONE, MANY]
    assert lsns(scan) == [11, 12]
    assert scan.end == ends[2]
    assert scan.damage is None


def test_the_frames_of_a_base_are_counted_from_one() -> None:
    header = SegmentHeader(b"d" * 16, 3, base_lsn=500, salt=1, prev_crc=0, kind=KIND_BASE)

    assert lsns(scan_segment(segment(ONE, ONE, header=header), header)) == [1, 2]


def test_a_frame_has_36_bytes_before_its_body() -> None:
    data, _ = encode_frame(ONE, lsn=1, synced_upto=0, prev_crc=0, salt=0)

    assert FRAME_SIZE == 36
    assert data[:4] == MARK.to_bytes(4, "little") == b"NFRM"


def test_wherever_the_end_is_cut_off_the_frames_before_it_are_found() -> None:
    data = segment(ONE, MANY, ONE)
    for size in range(HEADER_SIZE, len(data)):
        scan = scan_segment(data[:size], HEADER)
        complete = sum(end <= size for end in ends[1:])

        assert len(scan.frames) == complete
        assert scan.end == ends[complete]
        assert (scan.damage is None) == (size in ends)


def test_wherever_the_end_is_zeroed_the_frames_before_it_are_found() -> None:
    data = segment(ONE, MANY, ONE)
    for size in range(HEADER_SIZE, len(data)):
        scan = scan_segment(data[:size] + bytes(len(data) - size), HEADER)

        assert len(scan.frames) == sum(end <= size for end in ends[1:])
        assert scan.damage is not None


def test_every_flipped_bit_of_the_last_frame_is_noticed() -> None:
    data = bytearray(segment(ONE, MANY))
    for bit in range(8 * ends[1], 8 * ends[2]):
        data[bit >> 3] ^= 1 << (bit & 7)
        scan = scan_segment(bytes(data), HEADER)
        data[bit >> 3] ^= 1 << (bit & 7)

        assert lsns(scan) == [11]
        assert scan.damage


def test_a_frame_behind_a_gap_is_never_taken() -> None:
    data = bytearray(segment(ONE, MANY, ONE))
    data[ends[1] + 50] ^= 1
    scan = scan_segment(bytes(data), HEADER)

    assert lsns(scan) == [11]
    assert scan.damage


def test_damage_that_a_later_frame_knew_durable_is_corruption() -> None:
    data = bytearray(segment(ONE, MANY, ONE, synced=[0, 0, ends[2]]))
    data[ends[1] + 50] ^= 1

    with pytest.raises(CorruptionError, match=r"seg-00000003\.nql is damaged") as caught:
        scan_segment(bytes(data), HEADER)
    assert caught.value.details == {"file": "seg-00000003.nql", "offset": ends[1]}


def test_damage_behind_what_a_later_frame_knew_durable_is_a_torn_tail() -> None:
    data = bytearray(segment(ONE, MANY, ONE, synced=[0, ends[1], ends[1]]))
    data[ends[1] + 50] ^= 1

    assert lsns(scan_segment(bytes(data), HEADER)) == [11]


def test_damage_below_what_the_caller_knows_durable_is_corruption() -> None:
    data = bytearray(segment(ONE, MANY))
    data[ends[1] + 50] ^= 1

    with pytest.raises(CorruptionError, match="damaged"):
        scan_segment(bytes(data), HEADER, synced=ends[2])


def test_a_segment_that_ends_before_what_was_durable_is_corrupt() -> None:
    with pytest.raises(CorruptionError, match="ends before byte"):
        scan_segment(segment(ONE), HEADER, synced=ends[1] + 1)


def test_a_frame_with_another_salt_is_not_taken() -> None:
    stale = SegmentHeader(b"d" * 16, 3, base_lsn=10, salt=0x1234, prev_crc=77)
    scan = scan_segment(segment(ONE, header=stale), HEADER)

    assert scan.frames == []
    assert scan.damage


def test_a_frame_that_stands_twice_is_corruption() -> None:
    data = segment(ONE)

    with pytest.raises(CorruptionError, match="holds frame 11 where frame 12 must stand"):
        scan_segment(data + data[HEADER_SIZE:], HEADER)


def test_a_frame_of_another_history_is_corruption() -> None:
    """Its checksum holds and its number fits, but it names another predecessor: two processes have written."""
    other, _ = encode_frame(ONE, lsn=12, synced_upto=0, prev_crc=123, salt=HEADER.salt)

    with pytest.raises(CorruptionError):
        scan_segment(segment(ONE) + other, HEADER)


def test_a_missing_frame_is_corruption() -> None:
    data = segment(ONE, MANY, ONE)

    with pytest.raises(CorruptionError, match="holds frame 13 where frame 12 must stand"):
        scan_segment(data[: ends[1]] + data[ends[2] :], HEADER)


def test_documents_that_contain_the_mark_do_not_confuse_the_search() -> None:
    tricky = [Put(1, ["m"], ["m"], [encode_document({"_id": "m", "text": "NFRM" * 50})])]
    data = segment(tricky, tricky)
    scan = scan_segment(data[:-1], HEADER)

    assert lsns(scan) == [11]
    assert scan.damage


@given(st.binary(max_size=300))
def test_no_bytes_behind_a_header_make_it_fail_otherwise_than_by_corruption(tail: bytes) -> None:
    scan = scan_segment(segment(ONE) + tail, HEADER)

    assert lsns(scan) == [11]
    assert (scan.damage is None) == (tail == b"")


@given(st.integers(0, len(segment(ONE, MANY)) - 1), st.binary(min_size=1, max_size=8))
def test_overwritten_bytes_never_yield_another_frame(offset: int, junk: bytes) -> None:
    intact = segment(ONE, MANY)
    data = intact[:offset] + junk + intact[offset + len(junk) :]
    scan = scan_segment(data, HEADER)
    before = scan_segment(intact, HEADER).frames

    assert scan.frames == before[: len(scan.frames)]
