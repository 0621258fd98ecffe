from __future__ import annotations

import zlib
from collections.abc import Generator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nosqlpy._core.log.place import length_of, place_of, unpack_places
from nosqlpy._core.log.section import (
    BLOCK,
    STEP,
    DamagedHintError,
    Section,
    SectionReader,
    _array,
    encode_section,
    key_hash,
    sorted_words,
)
from nosqlpy._core.values.codec import encode_value
from nosqlpy._core.values.keys import equality_key, equality_keys
from nosqlpy._core.values.standins import ObjectId

ODD_IDS = [None, True, 2.5, b"bytes", UUID(int=5), datetime(2024, 1, 2, tzinfo=UTC), {"a": [1, "x"]}, Decimal("1.5")]


def taken(pieces: Generator[bytes, None, Section]) -> tuple[Section, list[bytes]]:
    """Return what was made, and the pieces of it."""
    held = []
    while True:
        try:
            held.append(next(pieces))
        except StopIteration as end:
            return end.value, held


def section(ids: list[Any], offset: int = 100) -> tuple[Section, bytes, list[int]]:
    places = [place_of(1, 1000 + 10 * row, 10, row) for row in range(len(ids))]
    made, pieces = taken(encode_section(3, offset, equality_keys(ids), ids, places))
    return made, bytes(offset) + b"".join(pieces), places


def reader(made: Section, data: bytes) -> SectionReader:
    return SectionReader(made, lambda offset, size: data[offset : offset + size])


@pytest.mark.parametrize("count", [0, 15, 16, STEP, STEP + 1, 2 * STEP + 1, 65_535, 65_536])
def test_ids_that_are_packed_bit_by_bit_are_one_array(count: int) -> None:
    assert b"".join(_array(count, range(count))) == encode_value(list(range(count)))


@pytest.mark.parametrize("count", [0, 1, STEP - 1, STEP, STEP + 1])
def test_few_words_are_put_in_order_as_many_are(count: int) -> None:
    words = [row * 0x9E3779B97F4A7C15 % (1 << 64) for row in range(count)]

    assert sorted_words(iter(words)) == sorted(words)


def test_a_large_section_comes_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = section([f"id {row}" for row in range(1000)], offset=0)
    monkeypatch.setattr("nosqlpy._core.log.section.PIECE", 1000)
    monkeypatch.setattr("nosqlpy._core.log.section.STEP", 7)
    ids = [f"id {row}" for row in range(1000)]
    made, pieces = taken(encode_section(3, 0, ids, ids, whole[2]))

    assert max(map(len, pieces)) == 1000
    assert (made, b"".join(pieces)) == whole[:2]


SIZES = (0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK)


@pytest.mark.parametrize("size", SIZES)
def test_every_document_is_found_by_its_id(size: int) -> None:
    ids = [f"id {number}" for number in range(size)]
    made, data, places = section(ids)
    held = reader(made, data)

    assert all(place in list(held.search(id)) for id, place in zip(ids, places, strict=True))
    assert (made.count, made.live, made.size) == (size, sum(map(length_of, places)), len(data) - 100)


@pytest.mark.parametrize("size", SIZES)
def test_an_id_that_is_not_there_leads_to_no_more_than_what_shares_its_hash(size: int) -> None:
    ids = [f"id {number}" for number in range(size)]
    made, data, places = section(ids)
    hashes = [key_hash(id) for id in ids]

    for missing in range(50):
        expected = [place for place, hashed in zip(places, hashes, strict=True) if hashed == key_hash(f"no {missing}")]
        assert sorted(reader(made, data).search(f"no {missing}")) == expected


def test_everything_comes_in_natural_order() -> None:
    ids = ["z", 3, "a", *ODD_IDS]
    made, data, places = section(ids)
    keys, held, placed = reader(made, data).everything()

    assert (keys, held) == (equality_keys(ids), ids)
    assert unpack_places(placed) == places


@pytest.mark.parametrize("id", ODD_IDS, ids=repr)
def test_an_id_of_any_type_is_found(id: Any) -> None:
    made, data, places = section([*range(5), id])

    assert places[-1] in list(reader(made, data).search(equality_key(id)))


@pytest.mark.parametrize(
    ("one", "other"), [(2, 2.0), (2, Decimal(2)), (2.5, Decimal("2.50")), (2**70, float(2**70)), ([1], [1.0])], ids=repr
)
def test_equal_ids_of_different_types_have_one_hash(one: Any, other: Any) -> None:
    assert equality_key(one) == equality_key(other)
    assert key_hash(equality_key(one)) == key_hash(equality_key(other))


@pytest.mark.parametrize(
    ("id", "written"),
    [
        ("é", "é".encode()),
        (ObjectId(b"123456789012"), b"(35,123456789012)"),
        ([ObjectId(b"123456789012")], b"(25,(35,123456789012))"),
        (b"1234", b"(30,4,0,1234)"),
        ({"a": b"1234"}, b"(20,(a,(30,4,0,1234)))"),
    ],
    ids=repr,
)
def test_hints_that_were_written_before_have_the_same_hashes(id: Any, written: bytes) -> None:
    assert key_hash(equality_key(id)) == zlib.crc32(written)


def test_many_ids_with_one_hash_are_all_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nosqlpy._core.log.section.key_hash", lambda key: 7 if str(key).startswith("same") else key)
    ids: list[Any] = [*range(6), *(f"same {number}" for number in range(2 * BLOCK)), *range(8, 20)]
    made, data, places = section(ids)
    found = list(reader(made, data).search("same"))

    assert found == places[6 : 6 + 2 * BLOCK]


def test_a_look_up_reads_a_table_and_two_blocks_once() -> None:
    made, data, _ = section([f"id {number}" for number in range(20 * BLOCK)])
    parts: list[int] = []

    def read(offset: int, size: int) -> bytes:
        parts.append(size)
        return data[offset : offset + size]

    held = SectionReader(made, read)
    for _ in range(3):
        assert list(held.search("id 4711"))

    assert len(parts) == 3
    assert sum(parts) < 15_000


def test_the_first_documents_are_those_of_the_first_rows() -> None:
    made, data, places = section([f"id {number}" for number in range(BLOCK + 3)])

    assert reader(made, data).first(BLOCK + 2) == places[:-1]
    assert reader(made, data).first(10**6) == places
    assert reader(made, data).first(0) == []


def test_a_section_can_be_copied_to_another_place() -> None:
    ids = [f"id {number}" for number in range(BLOCK + 3)]
    made, data, places = section(ids)
    moved, copied = taken(reader(made, data).copy(8, 5))

    assert (moved.number, moved.offset, moved.count) == (8, 5, len(ids))
    assert unpack_places(reader(moved, bytes(5) + b"".join(copied)).everything()[2]) == places


@given(bit=st.integers(min_value=0), data=st.data())
def test_a_flipped_bit_is_noticed_or_changes_no_answer(bit: int, data: st.DataObject) -> None:
    ids = [f"id {number}" for number in range(BLOCK + 20)]
    made, content, places = section(ids)
    position = bit % (8 * made.size)
    damaged = bytearray(content)
    damaged[made.offset + position // 8] ^= 1 << position % 8
    row = data.draw(st.integers(0, len(ids) - 1))

    with suppress(DamagedHintError):
        assert places[row] in list(reader(made, bytes(damaged)).search(ids[row]))
    with suppress(DamagedHintError):
        assert reader(made, bytes(damaged)).everything() == reader(made, content).everything()
    with pytest.raises(DamagedHintError):
        taken(reader(made, bytes(damaged)).copy(3, 0))


@pytest.mark.parametrize("size", [0, 1, 50, 99])
def test_a_section_that_is_cut_short_is_damaged(size: int) -> None:
    ids = ["a", "b", "c"]
    made, data, _ = section(ids)
    cut = data[: 100 + made.size * size // 100]

    with pytest.raises(DamagedHintError):
        list(reader(made, cut).search("a"))
    with pytest.raises(DamagedHintError):
        taken(reader(made, cut).copy(3, 0))
