"""The total order of values and the equality keys: as MongoDB's, and consistent with each other."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import combinations, product
from uuid import UUID

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.order import bracket, compare, equal, order_key
from nosqlpy._core.values.types import MISSING, type_number
from nosqlpy.errors import QueryError

NAN = float("nan")

# Strictly ascending, as the manual's comparison order and the server's compareElements say.
ASCENDING = [
    bson.MinKey(),
    None,
    NAN,
    float("-inf"),
    -(2**63),
    -1.5,
    0,
    Decimal("0.1"),
    0.1,  # the double is a little more than a tenth
    bson.Decimal128("0.5"),
    1,
    2**53,
    2**53 + 1,
    float("inf"),
    "",
    "Z",
    "a",
    "a\0b",
    "aa",
    "é",
    "\U0001f600",
    {},
    {"a": None},
    {"b": 1},  # a number comes before a string, whatever the name
    {"b": 1, "a": 1},
    {"c": NAN},
    {"c": 1},
    {"a": "x"},
    {"a": {}},
    [],
    [1],
    [1, 2],
    [2],
    ["a"],
    [[]],
    b"",
    b"b",
    bson.Binary(b"a", 5),  # the subtype comes before the bytes
    b"aa",
    UUID(int=1),
    bson.ObjectId("0" * 24),
    bson.ObjectId("1" + "0" * 23),
    False,
    True,
    datetime(1, 1, 1),  # noqa: DTZ001 - naive is UTC
    datetime(2020, 1, 1, tzinfo=UTC),
    datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=-1))),
    bson.Timestamp(1, 1),
    bson.Timestamp(1, 2),
    bson.Regex("a"),
    bson.Regex("a", "i"),
    re.compile("b"),
    bson.Code("f"),
    bson.Code("a", {}),
    bson.Code("a", {"x": 1}),
    bson.MaxKey(),
]

EQUAL = [
    (1, 1.0),
    (1, Decimal("1.00")),
    (1, bson.Int64(1)),
    (1.0, bson.Decimal128("1")),
    (0.0, -0.0),
    (0.5, Decimal("0.5")),
    (NAN, Decimal("NaN")),
    (NAN, bson.Decimal128("NaN")),
    (float("inf"), Decimal("Infinity")),
    (10**30, bson.Decimal128("1E+30")),
    (None, MISSING),
    ([1, 2], (1.0, 2.0)),
    ({"a": 1}, bson.SON([("a", 1.0)])),
    (bson.DBRef("c", 1), {"$ref": "c", "$id": 1}),
    (datetime(2020, 1, 1), datetime(2020, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))),  # noqa: DTZ001
    (UUID(int=7), bson.Binary(UUID(int=7).bytes, 4)),
    (b"a", bson.Binary(b"a", 0)),
    (bson.Regex("a", re.UNICODE), re.compile("a")),
    (bson.MinKey(), bson.MinKey()),
]

DIFFERENT = [
    (1, True),
    (0, False),
    ("1", 1),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ([1], [True]),
    ("a", bson.Code("a")),
]


@pytest.mark.parametrize(("left", "right"), list(combinations(ASCENDING, 2)), ids=repr)
def test_values_ascend_in_bson_order(left, right):
    assert compare(left, right) == -1
    assert compare(right, left) == 1
    assert order_key(left) < order_key(right)
    assert equality_key(left) != equality_key(right)


@pytest.mark.parametrize(("left", "right"), EQUAL, ids=repr)
def test_equal_values_have_equal_keys(left, right):
    assert compare(left, right) == 0
    assert equal(left, right)
    assert equality_key(left) == equality_key(right)
    assert hash(equality_key(left)) == hash(equality_key(right))


@pytest.mark.parametrize(("left", "right"), DIFFERENT, ids=repr)
def test_different_values_have_different_keys(left, right):
    assert not equal(left, right)
    assert equality_key(left) != equality_key(right)


@pytest.mark.parametrize("value", ["a", 5, 2.5, None], ids=repr)
def test_common_scalars_are_their_own_equality_key(value):
    assert equality_key(value) is value


def test_brackets_ascend_with_the_order():
    brackets = [bracket(value) for value in ASCENDING]

    assert brackets == sorted(brackets)


@pytest.mark.parametrize("value", [{1}, object(), 1j, timedelta(1), [object()]], ids=repr)
def test_a_value_that_no_bson_type_holds_is_refused(value):
    with pytest.raises(QueryError, match="neither be stored nor compared"):
        order_key(value)


@pytest.mark.parametrize("year", [1, 9999])
def test_an_instant_past_the_calendar_has_a_place_at_its_end(year):
    shift = timezone(timedelta(hours=5 if year == 1 else -5))
    value = datetime(year, 1, 1, tzinfo=shift) if year == 1 else datetime(year, 12, 31, 23, tzinfo=shift)

    assert abs(compare(value, datetime(2020, 1, 1, tzinfo=UTC))) == 1


@pytest.mark.parametrize(
    ("value", "number"),
    [(2**31 - 1, 16), (2**31, 18), (-(2**31), 16), (-(2**31) - 1, 18), (bson.Int64(1), 18), (1.0, 1), (True, 8)],
    ids=repr,
)
def test_whole_numbers_are_int_within_32_bits_and_long_beyond(value, number):
    assert type_number(value) == number


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.decimals(places=1, min_value=-2, max_value=2),
    st.text(max_size=2),
    st.binary(max_size=2),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=3))])),
    st.uuids(),
    st.sampled_from(
        [bson.MinKey(), bson.MaxKey(), bson.ObjectId("a" * 24), bson.Timestamp(1, 1), bson.Int64(1), MISSING]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=5,
)


@given(VALUES, VALUES)
def test_order_equality_and_equality_keys_agree(left, right):
    result = compare(left, right)

    assert compare(right, left) == -result
    assert equal(left, right) == (result == 0) == (equality_key(left) == equality_key(right))
    if bracket(left) != bracket(right):
        assert (bracket(left) < bracket(right)) == (result < 0)
    if result == 0:
        assert hash(equality_key(left)) == hash(equality_key(right))


@given(st.lists(VALUES, min_size=3, max_size=3))
def test_order_is_transitive(values):
    for a, b, c in product(values, repeat=3):
        if compare(a, b) <= 0 and compare(b, c) <= 0:
            assert compare(a, c) <= 0
