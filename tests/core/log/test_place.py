from __future__ import annotations

import random
from itertools import accumulate, islice

from hypothesis import given
from hypothesis import strategies as st

from nosqlpy._core.log.place import (
    PLACE_SIZE,
    columns_of,
    crc_of,
    length_of,
    offset_of,
    pack_places,
    place_of,
    runs_of,
    segment_of,
    unpack_columns,
    unpack_places,
)

PLACES = st.builds(
    place_of,
    st.one_of(st.integers(1, 100), st.integers(0, 2**32 - 1)),
    st.integers(0, 2**48 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)


def test_a_place_tells_what_it_was_made_of() -> None:
    place = place_of(7, 1 << 40, 123, 0xDEADBEEF)

    assert (segment_of(place), offset_of(place), length_of(place), crc_of(place)) == (7, 1 << 40, 123, 0xDEADBEEF)


def test_places_sort_by_segment_and_offset() -> None:
    places = [place_of(segment, offset, 9 - segment, 99 - offset) for segment in range(3) for offset in range(3)]

    assert sorted(random.Random(1).sample(places, 9)) == places


@given(places=st.lists(PLACES, max_size=20))
def test_places_that_are_packed_can_be_unpacked(places: list[int]) -> None:
    data = pack_places(places)
    unpacked, columns = unpack_columns(data), columns_of(places)

    assert len(data) == len(places) * PLACE_SIZE
    assert unpack_places(data) == places
    assert (unpacked.starts, unpacked.lengths) == (columns.starts, columns.lengths)
    assert unpacked.crcs() == columns.crcs() == [crc_of(place) for place in places]


def laid(*runs: tuple[int, list[int]], segment: int = 1) -> list[int]:
    """Return places of these lengths, each run of them so many bytes behind the one before."""
    places, at = [], 64
    for gap, lengths in runs:
        at += gap
        for length in lengths:
            places.append(place_of(segment, at, length, length % 1000))
            at += length
    return places


def test_places_with_nothing_between_them_are_runs() -> None:
    runs = runs_of(pack_places(laid((0, [5] * 40), (9, [300, 0, 2] * 20), (70_000, [1]), segment=3)), 10)

    assert runs is not None
    assert runs.starts == [3 << 48 | start for start in (64, 64 + 200 + 9, 64 + 200 + 9 + 302 * 20 + 70_000)]
    assert (runs.counts, runs.lengths) == ([40, 60, 1], [5] * 40 + [300, 0, 2] * 20 + [1])


@given(
    st.lists(st.tuples(st.integers(0, 2**40), st.lists(st.integers(0, 2**32 - 1), min_size=1)), min_size=1),
    st.integers(1, 12),
)
def test_runs_say_where_every_place_begins(parts: list[tuple[int, list[int]]], shortest: int) -> None:
    places = laid((0, [1] * 13), *parts)
    runs = runs_of(pack_places(places), shortest)

    if runs is None:
        assert len(parts) + 1 > len(places) // shortest
        return
    lengths, starts = iter(runs.lengths), []
    for start, count in zip(runs.starts, runs.counts, strict=True):
        starts += list(accumulate(islice(lengths, count), initial=start))[:-1]
    assert (starts, runs.lengths) == columns_of(places)[:2]


@given(places=st.lists(PLACES, min_size=14, max_size=40), swapped=st.integers(13, 50))
def test_places_that_do_not_ascend_are_no_runs(places: list[int], swapped: int) -> None:
    mixed = laid((0, [1] * 13)) + places
    backwards = laid((0, [9] * 60))
    backwards[swapped], backwards[swapped + 1] = backwards[swapped + 1], backwards[swapped]
    runs = runs_of(pack_places(mixed), 1)

    assert runs_of(pack_places(backwards), 1) is None
    assert runs is None or [each >> 64 for each in mixed] == sorted(each >> 64 for each in mixed)


def test_few_places_and_those_of_far_segments_are_no_runs() -> None:
    assert runs_of(pack_places(laid((0, [5] * 10))), 10) is None
    assert runs_of(pack_places(laid((0, [5] * 40), segment=1 << 16)), 10) is None
    assert runs_of(pack_places(laid(*[(1, [5])] * 40)), 10) is None
