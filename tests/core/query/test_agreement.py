"""Laws that hold for any filter and documents: what is fast and partial agrees with what is slow and plain."""

from __future__ import annotations

from datetime import UTC, datetime

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.query.filters import DOCUMENTS, FILTERS, OPERANDS, PATHS
from nosqlpy._core.query.filter import LOOP_LEAST, compile_filter
from nosqlpy._core.values.codec import decode_document, encode_document
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.order import bracket, compare, equal
from nosqlpy._core.values.paths import parse_path
from nosqlpy._core.values.types import MISSING, type_number

SCALARS = [
    None,
    1,
    2,
    2.5,
    float("nan"),
    float("inf"),
    -0.0,
    True,
    "x",
    "y",
    "",
    b"x",
    bson.Int64(1),
    bson.Decimal128("2.5"),
    bson.Decimal128("NaN"),
    bson.MinKey(),
    bson.MaxKey(),
    bson.Timestamp(1, 1),
    bson.Code("x"),
    bson.Regex("x"),
    bson.ObjectId("0" * 24),
    datetime(2024, 1, 1, tzinfo=UTC),
    datetime(2025, 1, 1, tzinfo=UTC),
    [],
    {},
]


@given(st.lists(DOCUMENTS, max_size=6), FILTERS)
def test_select_on_encoded_documents_is_matches_on_decoded_ones(documents, filter):
    blobs = [encode_document({"_id": index, **document}) for index, document in enumerate(documents)]
    predicate = compile_filter(filter)

    assert predicate.select(blobs) == [blob for blob in blobs if predicate.matches(decode_document(blob))]


@given(st.lists(DOCUMENTS, min_size=1, max_size=6), FILTERS)
def test_a_loop_over_many_documents_selects_as_a_loop_over_few(documents, filter):
    blobs = [encode_document({"_id": index, **document}) for index, document in enumerate(documents)]
    predicate = compile_filter(filter)

    assert predicate.select(blobs * LOOP_LEAST) == predicate.select(blobs) * LOOP_LEAST


@pytest.mark.parametrize("symbol", ["$eq", "$gt", "$gte", "$lt", "$lte", "$in"])
@pytest.mark.parametrize("path", ["a", "a.b", "a.0", "a.b.c"])
def test_a_loop_meets_every_type_on_the_way_and_at_its_end(symbol, path):
    nested = [{"b": 1}, [{"b": 1}, {"b": 2.5}], {"b": {"c": 1}}, {"b": [{"c": 5}]}]
    values = [*SCALARS, *([value] for value in SCALARS), *nested]
    documents = [{"_id": 0}, *({"_id": 0, "a": value} for value in [*values, *({"b": value} for value in values)])]
    for operand in (1, 2.5, "x", True, datetime(2024, 1, 1, tzinfo=UTC)):
        predicate = compile_filter({path: {symbol: [operand, "y"] if symbol == "$in" else operand}})
        for document in documents:
            many = [encode_document(document)] * LOOP_LEAST

            assert predicate.select(many) == (many if predicate.matches(document) else []), document


@given(st.lists(DOCUMENTS, max_size=6), FILTERS)
def test_a_filter_and_its_nor_part_a_collection_in_two(documents, filter):
    blobs = [encode_document({"_id": index, **document}) for index, document in enumerate(documents)]
    chosen = compile_filter(filter).select(blobs)
    others = compile_filter({"$nor": [filter]}).select(blobs)

    assert sorted(chosen + others) == sorted(blobs)
    assert not set(chosen) & set(others)


@given(st.lists(DOCUMENTS, max_size=6), FILTERS)
def test_a_filter_denied_twice_is_the_filter(documents, filter):
    blobs = [encode_document({"_id": index, **document}) for index, document in enumerate(documents)]
    twice = {"$nor": [{"$nor": [filter]}]}

    assert compile_filter(twice).select(blobs) == compile_filter(filter).select(blobs)


def expected(name, operand):
    """Return the value test of an operator as the manual words it, without any of the shortcuts."""
    if name == "$eq":
        return lambda value: equal(value, operand)
    if name == "$in":
        return lambda value: any(equal(value, item) for item in operand)
    if name == "$type":
        return lambda value: value is not MISSING and type_number(value) == operand

    def test(value):
        if type(operand) in (bson.MinKey, bson.MaxKey) and bracket(value) != bracket(operand):
            return (name in ("$gt", "$gte")) == (type(operand) is bson.MinKey)
        if bracket(value) != bracket(operand):
            return False
        if is_nan(value) or is_nan(operand):
            return is_nan(value) and is_nan(operand) and name in ("$gte", "$lte")
        order = compare(value, operand)
        return {"$gt": order > 0, "$gte": order >= 0, "$lt": order < 0, "$lte": order <= 0}[name]

    return test


def is_nan(value):
    return type(value) is float and value != value  # noqa: PLR0124


@given(
    st.lists(DOCUMENTS, max_size=6),
    PATHS,
    st.one_of(
        st.tuples(st.sampled_from(["$eq", "$gt", "$gte", "$lt", "$lte"]), OPERANDS),
        st.tuples(st.just("$in"), st.lists(OPERANDS, max_size=3)),
        st.tuples(st.just("$type"), st.sampled_from([1, 2, 3, 4, 8, 10, 16])),
    ),
)
def test_a_condition_holds_if_its_plain_meaning_holds_for_a_value_of_the_path(documents, path, condition):
    name, operand = condition
    test = expected(name, operand)
    predicate = compile_filter({path: {name: operand}})

    for document in documents:
        values = parse_path(path).values(decode_document(encode_document({"_id": 0, **document})))
        assert predicate.matches({"_id": 0, **document}) == any(map(test, values))


@given(DOCUMENTS, FILTERS)
def test_a_match_has_a_value_that_the_filters_equalities_name(document, filter):
    predicate = compile_filter(filter)
    if predicate.matches(document):
        for path, operands in predicate.equalities.items():
            keys = set(map(equality_key, operands))
            assert keys & set(map(equality_key, parse_path(path).values(document)))


@pytest.mark.parametrize(
    "condition",
    [
        {"$in": [True, None]},
        {"$in": [False, 0]},
        {"$in": [1, True, "x"]},
        {"$nin": [None, True]},
        {"$in": [datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)]},
        {"$in": [datetime(year, 1, 1, tzinfo=UTC) for year in range(2000, 2026)]},
        {"$in": [datetime(2024, 1, 1, tzinfo=UTC), None]},
        *({"$type": kind} for kind in ("int", "long", "number", "double", "bool", "null", "date", "string", "array")),
        {"$type": ["int", "long"]},
        {"$type": ["long", "string"]},
    ],
    ids=str,
)
def test_a_column_of_values_of_every_type_is_sieved_as_each_is_tested(condition):
    values = [
        *SCALARS,
        2**31,
        2**31 - 1,
        -(2**31),
        -(2**31) - 1,
        [True, 5],
        [2**40],
        [[datetime(2024, 1, 1, tzinfo=UTC)]],
    ]
    blobs = [encode_document({"_id": index, "a": value}) for index, value in enumerate(values)]
    blobs.append(encode_document({"_id": "none"}))
    predicate = compile_filter({"a": condition})
    tested = [
        blob
        for blob in blobs
        if compile_filter({"x": {"$elemMatch": {"a": condition}}}).matches({"x": [decode_document(blob)]})
    ]

    assert predicate.select(blobs) == tested == [blob for blob in blobs if predicate.matches(decode_document(blob))]
