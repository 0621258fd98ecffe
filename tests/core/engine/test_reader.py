from __future__ import annotations

import random
import zlib
from typing import Any

import pytest

from nosqlpy._core.engine.reader import CHUNK, GAP, Reader, Slot, Stored, each_size, slots_of
from nosqlpy._core.log.place import pack_places, place_of
from nosqlpy._core.log.segment import segment_name
from nosqlpy.errors import CorruptionError


class Disk:
    """Segments by their number; `reads` tells what was read of which."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.reads: list[tuple[str, int, int]] = []
        self.opened: list[str] = []
        self.reader = Reader(self.open)

    def open(self, name: str) -> Any:
        self.opened.append(name)
        data = self.files[name]

        class File:
            def __call__(_, offset: int, size: int) -> bytes:  # noqa: N805
                self.reads.append((name, offset, size))
                return bytes(data[offset : offset + size])

            def size(_) -> int:  # noqa: N805
                return len(data)

        return File()

    def store(self, segment: int, document: bytes, *, gap: int = 0) -> int:
        """Append a document behind `gap` other bytes; return its place."""
        file = self.files.setdefault(segment_name(segment), bytearray())
        file += bytes(gap)
        file += document
        return place_of(segment, len(file) - len(document), len(document), zlib.crc32(document))


def packed(reader: Reader, places: list[int]) -> list[bytes]:
    """Return the documents at places that are packed."""
    found: dict[Any, bytes] = {}
    for pairs in reader.packed(pack_places(places), range(len(places))):
        found.update(pairs)
    return list(found.values())


def documents(count: int, size: int = 10) -> list[bytes]:
    return [f"{number:0{size}}".encode() for number in range(count)]


def test_a_document_is_read_by_its_place() -> None:
    disk = Disk()
    places = [disk.store(1, blob, gap=7) for blob in documents(3)]

    assert [disk.reader.one(place) for place in places] == documents(3)


def test_documents_come_in_the_order_in_which_they_are_asked_for_whatever_is_resident() -> None:
    disk = Disk()
    a, b, c = (disk.store(segment, blob) for segment, blob in zip((2, 1, 2), documents(3), strict=True))
    slots: list[Slot] = [c, b"resident", a, b, a, b"", c]

    assert disk.reader.many(slots) == [
        documents(3)[2], b"resident", documents(3)[0], documents(3)[1], documents(3)[0], b"", documents(3)[2],
    ]  # fmt: skip


def test_documents_that_lie_together_are_read_at_once() -> None:
    disk = Disk()
    places = [disk.store(1, blob, gap=4) for blob in documents(500)]

    assert disk.reader.many(places) == documents(500)
    assert len(disk.reads) == 1


@pytest.mark.parametrize("rows", [[500], [40, 1, 35, 100], [31, 32, 33], [5] * 20])
def test_rows_of_documents_without_anything_between_them_are_cut_as_they_lie(rows: list[int]) -> None:
    disk = Disk()
    blobs = [blob * (1 + number % 3) for number, blob in enumerate(documents(sum(rows)))]
    begins = {sum(rows[:number]) for number in range(len(rows))}
    places = [disk.store(1, blob, gap=7 * (number in begins)) for number, blob in enumerate(blobs)]

    assert disk.reader.many(places) == blobs
    assert len(disk.reads) == 1
    assert disk.reader.many(places[::-1]) == blobs[::-1]
    assert packed(disk.reader, places) == blobs


def test_documents_in_no_order_are_read_as_they_are_asked_for() -> None:
    disk = Disk()
    blobs = documents(300)
    places = [disk.store(1, blob, gap=number % 4) for number, blob in enumerate(blobs)]
    order = random.Random(1).sample(range(300), 300)

    assert disk.reader.many([places[number] for number in order]) == [blobs[number] for number in order]


def test_what_lies_between_distant_documents_is_not_read() -> None:
    disk = Disk()
    places = [disk.store(1, blob, gap=2 * GAP) for blob in documents(5)]

    assert disk.reader.many(places) == documents(5)
    assert sum(size for _, _, size in disk.reads) == 50


def test_no_read_takes_much_more_than_a_megabyte() -> None:
    disk = Disk()
    blobs = documents(30, size=CHUNK // 7)
    places = [disk.store(1 + number % 2, blob) for number, blob in enumerate(blobs)]

    assert disk.reader.many(places) == blobs
    assert max(size for _, _, size in disk.reads) <= CHUNK


@pytest.mark.parametrize("read", ["one", "many", "packed"])
def test_a_damaged_document_is_refused_with_its_file_and_offset(read: str) -> None:
    disk = Disk()
    places = [disk.store(1, blob) for blob in documents(3)]
    disk.files[segment_name(1)][15] ^= 1

    reads = {
        "one": lambda: disk.reader.one(places[1]),
        "many": lambda: disk.reader.many(places),
        "packed": lambda: packed(disk.reader, places),
    }

    with pytest.raises(CorruptionError) as caught:
        reads[read]()
    assert caught.value.details == {"file": segment_name(1), "offset": 10}


def test_a_file_that_ends_too_soon_is_damaged() -> None:
    disk = Disk()
    place = disk.store(1, b"document")
    del disk.files[segment_name(1)][5:]

    with pytest.raises(CorruptionError):
        disk.reader.one(place)


def test_a_segment_is_opened_once_and_again_after_it_was_dropped() -> None:
    disk = Disk()
    places = [disk.store(1, blob) for blob in documents(3)]
    disk.reader.hold([1])
    disk.reader.many(places)
    disk.reader.one(places[0])
    disk.reader.drop([1])
    disk.reader.one(places[0])

    assert disk.opened == [segment_name(1)] * 2


def test_who_holds_the_files_of_a_moment_reads_on_when_they_are_dropped() -> None:
    disk = Disk()
    places: list[Slot] = [disk.store(1, blob) for blob in documents(3)]
    disk.reader.hold([1])
    stored = Stored(places, disk.reader, disk.reader.files)
    disk.reader.drop([1])
    disk.files.clear()

    assert stored[:] == documents(3)
    assert (stored[1], len(stored), list(stored[1:])) == (documents(3)[1], 3, documents(3)[1:])


def test_packed_places_of_several_segments_are_read_in_their_order() -> None:
    disk = Disk()
    places = [disk.store(1 + number % 3, blob) for number, blob in enumerate(documents(20))]

    assert packed(disk.reader, places) == documents(20)
    assert packed(disk.reader, places[::-1]) == documents(20)[::-1]
    assert packed(disk.reader, []) == []


def test_sizes_are_known_without_reading() -> None:
    disk = Disk()
    slots: list[Slot] = [disk.store(1, b"four"), b"resident", disk.store(1, b"")]

    assert list(each_size(Stored(slots, disk.reader, {}))) == [4, 8, 0]
    assert list(each_size([b"four", b""])) == [4, 0]
    assert disk.reads == []


def test_what_is_kept_of_chosen_documents_is_places_where_they_came_from_there() -> None:
    disk = Disk()
    places: list[Slot] = [disk.store(1, b"same"), disk.store(1, b"same"), b"resident"]
    stored = Stored(places, disk.reader, {})
    chunk = stored[0:3]

    assert slots_of(stored, 0, chunk, [chunk[1], chunk[2]]) == [places[1], b"resident"]
    assert slots_of(stored, 0, chunk, list(chunk)) == places
    assert slots_of([b"a", b"b"], 0, [b"a", b"b"], [b"b"]) == [b"b"]
    assert stored.only([places[1]])[:] == [b"same"]
