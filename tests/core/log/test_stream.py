from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.log.test_frame import HEADER, MANY, ONE, segment
from nosqlpy._core.log.frame import scan_segment
from nosqlpy._core.log.manifest import SealedSegment
from nosqlpy._core.log.segment import HEADER_SIZE, KIND_LOG
from nosqlpy._core.log.stream import SegmentCheck
from nosqlpy.errors import CorruptionError, FormatVersionError

DATA = segment(ONE, MANY, ONE)
SEALED = SealedSegment(HEADER.number, KIND_LOG, 13, len(DATA), scan_segment(DATA, HEADER).frames[-1].crc)


def check(data: bytes, sizes: list[int], expected: SealedSegment = SEALED) -> SegmentCheck:
    """Feed the data in pieces of these sizes, and the rest at once."""
    checking = SegmentCheck(expected, HEADER.database)
    for size in sizes:
        checking.feed(data[:size])
        data = data[size:]
    checking.feed(data)
    checking.finish()
    return checking


@given(st.lists(st.integers(0, len(DATA)), max_size=20))
def test_an_intact_segment_passes_in_pieces_of_any_size(sizes: list[int]) -> None:
    assert check(DATA, sizes).frames == 3


@given(st.integers(0, 8 * len(DATA) - 1), st.lists(st.integers(0, 100), max_size=5))
def test_any_flipped_bit_is_refused(bit: int, sizes: list[int]) -> None:
    flipped = bytearray(DATA)
    flipped[bit >> 3] ^= 1 << (bit & 7)
    with pytest.raises((CorruptionError, FormatVersionError)):
        check(bytes(flipped), sizes)


@given(st.integers(0, len(DATA) - 1))
def test_a_segment_that_is_cut_short_is_refused(size: int) -> None:
    with pytest.raises(CorruptionError, match="is not what was sealed"):
        check(DATA[:size], [])


def test_a_segment_with_more_at_its_end_is_refused() -> None:
    with pytest.raises(CorruptionError):
        check(DATA + b"more", [])


def test_a_prefix_is_intact_if_that_is_what_was_sealed() -> None:
    size = len(segment(ONE))
    crc = scan_segment(segment(ONE), HEADER).frames[-1].crc

    assert check(DATA[:size], [7], SealedSegment(HEADER.number, KIND_LOG, 11, size, crc)).frames == 1


def test_a_segment_of_another_database_is_refused() -> None:
    checking = SegmentCheck(SEALED, b"e" * 16)
    with pytest.raises(CorruptionError, match="belongs to another database") as caught:
        checking.feed(DATA)

    assert caught.value.details == {"file": "seg-00000003.nql", "offset": 0}


def test_a_claimed_length_past_the_end_is_refused_before_anything_is_gathered() -> None:
    claiming = bytearray(DATA)
    claiming[HEADER_SIZE + 4 : HEADER_SIZE + 8] = b"\xff" * 4
    checking = SegmentCheck(SEALED, HEADER.database)
    with pytest.raises(CorruptionError, match="is damaged") as caught:
        checking.feed(bytes(claiming[: HEADER_SIZE + 36]))

    assert caught.value.details["offset"] == HEADER_SIZE
