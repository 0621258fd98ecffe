from __future__ import annotations

import random

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
