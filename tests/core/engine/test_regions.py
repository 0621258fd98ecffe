from __future__ import annotations

import random
import zlib
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.hinted import close, closed, documents, new, put, reopened
from core.engine.test_reader import packed
from core.engine.world import World, write
from nosqlpy._core.engine import hints, reader
from nosqlpy._core.engine.reader import PACKED_STEP, Reader
from nosqlpy._core.engine.regions import (
    PIECE,
    REGION,
    Ascending,
    ascending,
    decode_checks,
    encode_checks,
    read_confirmed,
)
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.place import Place, place_of
from nosqlpy._core.log.segment import segment_name
from nosqlpy.errors import CorruptionError

SIZE = 3 * PIECE + 1000


class File:
    """A segment whose reads are counted."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.reads = 0

    def __call__(self, offset: int, size: int) -> bytes:
        self.reads += 1
        return bytes(self.data[offset : offset + size])

    def size(self) -> int:
        return len(self.data)


def noise(size: int) -> bytes:
    return random.Random(1).randbytes(size)


def place(file: File, offset: int, length: int, segment: int = 1) -> Place:
    return place_of(segment, offset, length, zlib.crc32(file(offset, length)))


def cut(file: File, lengths: list[int], start: int = 64) -> list[Place]:
    """Return the places of documents of these lengths that lie one behind the other."""
    offsets = accumulate(lengths, initial=start)
    return [place(file, offset, length) for offset, length in zip(offsets, lengths, strict=False)]


def checked(file: File, places: list[Place]) -> bytes:
    return encode_checks(file, 1, file.size(), Ascending(places))


def test_there_is_a_checksum_for_each_region() -> None:
    file = File(noise(SIZE))
    checks = decode_checks(checked(file, []), SIZE)

    assert checks is not None
    assert checks.tolist() == [zlib.crc32(file(start, REGION)) for start in range(0, SIZE, REGION)]


@settings(max_examples=30)
@given(lengths=st.lists(st.sampled_from([1, 300, REGION, PIECE - 64, PIECE, 2 * PIECE + 7]), max_size=4))
def test_documents_may_begin_and_end_anywhere(lengths: list[int]) -> None:
    file = File(noise(max(SIZE, 64 + sum(lengths))))

    assert checked(file, cut(file, lengths))


@pytest.mark.parametrize("at", [64, 363, PIECE - 1, PIECE, 2 * PIECE + 5, 3 * PIECE + 900])
def test_a_segment_with_a_damaged_document_gets_no_checksums(at: int) -> None:
    file = File(noise(SIZE))
    places = cut(file, [300, PIECE - 400, 2 * PIECE, 990])
    file.data[at] ^= 4

    assert checked(file, places) == b""


def test_a_segment_that_ends_within_a_document_gets_no_checksums() -> None:
    file = File(noise(SIZE))
    places = cut(file, [300, PIECE])
    del file.data[PIECE:]

    assert checked(file, places) == b""


def test_a_segment_that_ends_before_a_document_gets_no_checksums() -> None:
    file = File(noise(SIZE))
    places = [place(file, SIZE - 10, 10)]
    del file.data[PIECE:]

    assert checked(file, places) == b""


def test_documents_of_other_segments_do_not_count() -> None:
    file = File(noise(SIZE))
    others = [place_of(0, 100, 10, 1), place_of(2, 100, 10, 1)]

    assert checked(file, [others[0], place(file, 100, 10), others[1]])


def test_bytes_are_confirmed_wherever_they_begin_and_end() -> None:
    file = File(noise(SIZE))
    checks = decode_checks(checked(file, []), SIZE)
    assert checks is not None

    for first, stop in ((0, 10), (5, REGION), (REGION - 1, REGION + 1), (3 * REGION, SIZE), (SIZE - 1, SIZE)):
        confirmed = read_confirmed(file, checks, first, stop)
        assert confirmed is not None
        assert confirmed[0][first - confirmed[1] : stop - confirmed[1]] == file(first, stop - first)


@pytest.mark.parametrize("at", [REGION, 2 * REGION - 1, SIZE - 1])
def test_bytes_that_have_changed_are_not_confirmed(at: int) -> None:
    file = File(noise(SIZE))
    checks = decode_checks(checked(file, []), SIZE)
    assert checks is not None
    file.data[at] ^= 1

    assert read_confirmed(file, checks, REGION + 5, SIZE - 5) is None


@pytest.mark.parametrize("size", [0, REGION - 1, 3 * REGION])
def test_a_file_that_has_become_shorter_is_not_confirmed(size: int) -> None:
    file = File(noise(SIZE))
    checks = decode_checks(checked(file, []), SIZE)
    assert checks is not None
    del file.data[size:]

    assert read_confirmed(file, checks, size, size + 10) is None
    assert read_confirmed(file, checks, SIZE + REGION, SIZE + REGION + 10) is None


@pytest.mark.parametrize("packed", [b"", b"1234", bytes(4 * 49 - 1)])
def test_checksums_of_another_number_of_regions_are_none(packed: bytes) -> None:
    assert decode_checks(packed, SIZE) is None


@given(places=st.lists(st.integers(0, 1 << 140), unique=True))
def test_places_come_in_order(places: list[Place]) -> None:
    assert ascending(iter(places)) == sorted(places)


def test_places_beyond_a_step_come_in_order() -> None:
    places = [*range(5_000, 10_000), *range(5_000)]

    assert ascending(places) == sorted(places)


# ── reading ──────────────────────────────────────────────────────────────────────


def reader_of(file: File, checks: bytes) -> Reader:
    made = Reader(lambda _: file)
    found = decode_checks(checks, file.size())
    if found is not None:
        made.checks[1] = found
    return made


@pytest.mark.parametrize("confirmed", [True, False])
@pytest.mark.parametrize("order", ["as they lie", "some elsewhere", "mixed up", "backwards"])
def test_documents_are_read_in_whatever_order_they_lie(order: str, confirmed: bool) -> None:
    count = 2 * PACKED_STEP + 100
    file = File(noise(64 + 200 * count))
    places = cut(file, [150 + number % 50 for number in range(count)])
    checks = checked(file, places) if confirmed else b""
    if order == "backwards":
        places.reverse()
    elif order != "as they lie":
        apart = places[:: 20 if order == "some elsewhere" else 2]
        rest = [each for each in places if each not in set(apart)]
        places = [apart.pop() if apart and number % 3 == 2 else rest.pop(0) for number in range(len(rest))]
    expected = [file(each >> 64 & 0xFFFFFFFFFFFF, each & 0xFFFFFFFF) for each in places]

    assert packed(reader_of(file, checks), places) == expected


def test_a_document_is_read_where_only_what_lies_around_it_was_damaged() -> None:
    file = File(noise(64 + 400 * 1000))
    places = [place(file, 64 + 400 * number, 200) for number in range(1000)]
    made = reader_of(file, checked(file, places))
    expected = made.many(places)
    file.data[64 + 400 * 500 + 300] ^= 1

    assert made.many(places) == expected
    assert packed(made, places) == expected


@pytest.mark.parametrize("read", ["many", "packed"])
def test_a_document_that_was_damaged_since_is_refused_with_its_place(read: str) -> None:
    file = File(noise(64 + 400 * 1000))
    places = cut(file, [400] * 1000)
    made = reader_of(file, checked(file, places))
    file.data[64 + 400 * 500 + 399] ^= 128

    with pytest.raises(CorruptionError) as caught:
        made.many(places) if read == "many" else packed(made, places)
    assert caught.value.details == {"file": segment_name(1), "offset": 64 + 400 * 500}


# ── hints ────────────────────────────────────────────────────────────────────────


def engine_of(world: World) -> Engine:
    return reopened(world)[1]


def test_a_hint_holds_the_checksums_of_its_segments() -> None:
    engine = engine_of(closed())
    assert engine.hint is not None

    sizes = [-(-segment.size // REGION) for segment in engine.manifest.sealed]
    assert [len(checks) // 4 for checks in engine.hint.directory.checks] == sizes
    assert {number: len(checks) for number, checks in engine.memory.files().checks.items()} == {1: sizes[0]}


def test_the_next_hint_looks_only_at_new_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []

    def note(read: object, segment: int, *rest: object) -> bytes:
        looked_at.append(segment)
        return b"1234"

    world, engine = reopened(closed())
    write(world, engine, put({"_id": "new"}))
    monkeypatch.setattr(hints, "encode_checks", note)
    close(world, engine)
    before = engine.hint
    again = engine_of(world)

    assert looked_at == [engine.manifest.sealed[1].number]
    assert before is not None
    assert again.hint is not None
    assert again.hint.directory.checks[1] == b"1234"


def test_a_segment_that_is_damaged_when_the_hint_is_written_is_believed_no_more_than_before() -> None:
    world, engine = new()
    write(world, engine, put(*({"_id": number, "x": "x" * 1000} for number in range(300))))
    name = engine.tail.name
    at = world.files[name].rindex(b"x")
    world.files[name] = world.files[name][:at] + b"y" + world.files[name][at + 1 :]
    close(world, engine)
    again = engine_of(world)

    assert again.hint is not None
    assert again.memory.files().checks == {}
    with pytest.raises(CorruptionError):
        documents(again)


def test_documents_of_a_hint_without_checksums_are_verified_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "CONFIRMED_MIN", 0)
    blobs = [{"_id": number, "x": "x" * 1000} for number in range(300)]
    world, engine = new()
    write(world, engine, put(*blobs))
    monkeypatch.setattr(hints, "encode_checks", lambda *_: b"")
    close(world, engine)
    again = engine_of(world)

    assert again.memory.files().checks == {}
    assert documents(again) == blobs
