"""Kept columns: an equality that is looked for in one is that of each entry."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nosqlpy._core.query.columnar import ColumnLayout, Equal, equal_on
from nosqlpy._core.query.entries import Entries
from nosqlpy._core.query.filter import compile_filter

COLUMNS = st.lists(st.sampled_from([1, 1.0, 2, -0.0, 0]), max_size=80) | st.lists(
    st.sampled_from(["a", "b"]), max_size=80
)


@given(COLUMNS, st.sampled_from([1, 0.0, 2, "a"]), st.lists(st.integers(0, 80), max_size=4))
def test_the_positions_of_a_value_are_those_of_its_equals_or_left_to_be_compared(column, value, cuts):
    entries = Entries(column, frozenset(map(type, column)))
    equal = Equal(entries, value)
    for start, stop in pairwise(sorted({0, len(column), *(cut for cut in cuts if cut < len(column))})):
        found, expected = equal.positions(start, stop), [n for n in range(start, stop) if column[n] == value]

        assert found is None or found == expected
        assert equal.count(start, stop) == len(expected)


def test_where_many_are_equal_the_next_part_is_compared() -> None:
    equal = Equal(Entries([1, 1, 1, 1, 2, 2, 2, 2], frozenset((int,))), 1)

    assert equal.positions(0, 4) == [0, 1, 2, 3]
    assert equal.positions(4, 8) is None


def test_an_equality_is_looked_for_among_values_of_its_own_class_only() -> None:
    for column, filter, is_looked_for in [
        ([1, 2.0], {"a": 1}, True),
        ([1, True], {"a": 1}, False),
        (["x", None], {"a": "x"}, False),
        ([1, 2], {"a": {"$gt": 1}}, False),
        ([1, 2], {"a": {"$ne": 1}}, False),
        ([1, [1]], {"a": 1}, False),
    ]:
        layout = ColumnLayout()
        (mask,) = compile_filter(filter).masks_on(layout)
        layout.held = {key: Entries(column, frozenset(map(type, column))) for key in layout.wanted}

        assert (equal_on(mask, layout) is not None) is is_looked_for
