from __future__ import annotations

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.log.test_frame import HEADER, MANY, ONE, ends, put, segment
from nosqlpy._core.log.frame import MARK
from nosqlpy._core.log.operation import Delete, Put
from nosqlpy._core.log.salvage import Lost, Saved, find_salt, salvage
from nosqlpy._core.log.segment import HEADER_SIZE

SALT = HEADER.salt
THREE = segment(ONE, MANY, ONE)


def parts(data: bytes, salt: int = SALT) -> list[Saved | Lost]:
    return list(salvage(data, salt))


def lsns(data: bytes) -> list[int | None]:
    """Return the LSN of each part, None for what is lost."""
    return [part.lsn if isinstance(part, Saved) else None for part in parts(data)]


def changed(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]


def test_all_of_an_intact_segment_is_saved() -> None:
    assert [part.operations for part in parts(THREE) if isinstance(part, Saved)] == [ONE, MANY, ONE]


def test_a_segment_that_is_only_a_header_holds_nothing() -> None:
    assert parts(segment()) == []


def test_frames_behind_a_damaged_one_are_saved() -> None:
    assert lsns(changed(THREE, ends[0] + 40)) == [None, 12, 13]
    assert parts(changed(THREE, ends[0] + 40))[0] == Lost(ends[0], ends[1])


def test_a_torn_tail_is_lost_and_its_place_told() -> None:
    assert parts(THREE + b"NFRM" + b"x" * 100)[-1] == Lost(len(THREE), len(THREE) + 104)


def test_the_good_documents_of_a_damaged_frame_are_saved() -> None:
    data = segment([put("a", "b", "c")])
    at = data.rindex(b"\xa3_id\xa1b") + 10
    (saved,) = parts(changed(data, at))

    assert isinstance(saved, Saved)
    (operation,) = saved.operations
    assert isinstance(operation, Put)
    assert operation.ids == ["a", "c"]
    assert saved.lost == [(1, "b")]


def test_the_first_documents_of_a_frame_that_is_cut_off_are_saved() -> None:
    data = segment([put("a", "b", "c")])
    (saved,) = parts(data[:-5])

    assert isinstance(saved, Saved)
    assert saved.lost == [(1, "c")]
    assert saved.end == len(data) - 5


def test_deletions_of_a_frame_with_a_damaged_document_are_kept() -> None:
    data = segment([MANY[0], Delete(1, ["x"], ["x"])])
    (saved,) = parts(changed(data, len(data) - 1))

    assert isinstance(saved, Saved)
    assert saved.operations[1] == Delete(1, ["x"], ["x"])
    assert saved.lost == [(1, "c")]


def test_damaged_columns_lose_the_frame() -> None:
    data = segment([put("a", "b")], ONE)

    assert lsns(changed(data, HEADER_SIZE + 45)) == [None, 12]


def test_stale_frames_of_another_segment_are_not_saved() -> None:
    assert lsns(THREE[: ends[1]] + b"".join([b"x", THREE[ends[1] :]])) == [11, None, 12, 13]
    assert all(isinstance(part, Lost) for part in parts(THREE, SALT + 1))


def test_the_salt_is_found_again_from_two_frames() -> None:
    assert find_salt(b"\0" * HEADER_SIZE + THREE[HEADER_SIZE:]) == SALT
    assert find_salt(changed(THREE, ends[0] + 40)) == SALT


def test_one_frame_is_not_enough_to_find_a_salt() -> None:
    assert find_salt(segment(ONE)) is None
    assert find_salt(segment()) is None


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_taken_without_an_error(data: bytes, marked: bool) -> None:
    found = parts(segment(ONE) + (b"NFRM" if marked else b"") + data)

    assert isinstance(found[0], Saved)
    find_salt(segment() + data)


def test_a_segment_full_of_heads_does_not_take_for_ever() -> None:
    head = struct.pack("<IIQQIBBH", MARK, 1 << 20, 1, 0, 0, 1, 0, 0) + b"\0" * 4
    data = segment() + head * 60_000
    began = time.process_time()

    assert parts(data) == [Lost(HEADER_SIZE, len(data))]
    assert time.process_time() - began < 30  # without a bound it would be hours


@pytest.mark.parametrize("size", range(0, len(THREE) - HEADER_SIZE, 7))
def test_a_cut_anywhere_saves_the_frames_before_it(size: int) -> None:
    cut = HEADER_SIZE + size
    whole = [end for end in ends[1:] if end <= cut]
    saved = [part for part in parts(THREE[:cut]) if isinstance(part, Saved) and not part.lost]

    assert len(saved) == len(whole)
