"""Laws that hold for any filter and documents: what is fast and partial agrees with what is slow and plain."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import bson
from hypothesis import given
from hypothesis import strategies as st

from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.values.codec import decode_document, encode_document
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.order import bracket, compare, equal
from nosqlpy._core.values.paths import parse_path
from nosqlpy._core.values.types import MISSING, TYPES, type_number

NAN = float("nan")
SCALARS = st.sampled_from(
    [
        *(None, True, False, 0, 1, 2, -1, 1.0, 1.5, NAN, float("inf"), 2**40, "", "a", "b", "ab", b"", b"a"),
        *(datetime(2020, 1, 1, tzinfo=UTC), bson.ObjectId("a" * 24), bson.Decimal128("1"), bson.Int64(2)),
        *(bson.MinKey(), bson.MaxKey(), bson.DBRef("a", 1), re.compile("a")),
    ]
)
NAMES = st.sampled_from(["a", "b", "0", "1", "$id", 'q"'])
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "0", 'q"']), inner, max_size=3)
    ),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["a", "b", 'q"']), VALUES, max_size=3)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(".".join).filter(lambda path: not path.startswith("$"))
OPERANDS = VALUES.filter(lambda value: TYPES[type(value)] != 11)
FIELD_CONDITIONS = st.one_of(
    OPERANDS,
    st.builds(
        lambda name, value: {name: value}, st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), OPERANDS
    ),
    st.builds(
        lambda name, value: {name: value}, st.sampled_from(["$in", "$nin", "$all"]), st.lists(OPERANDS, max_size=3)
    ),
    st.builds(lambda value: {"$exists": value}, st.booleans()),
    st.builds(lambda value: {"$size": value}, st.integers(0, 3)),
    st.builds(lambda value: {"$type": value}, st.sampled_from(["number", "string", "array", "null", "object", 8])),
    st.builds(lambda value: {"$not": {"$gte": value}}, OPERANDS),
    st.builds(lambda value: {"$elemMatch": {"$gte": value}}, OPERANDS),
    st.builds(lambda path, value: {"$elemMatch": {path: value}}, PATHS, OPERANDS),
    st.just(re.compile("a")),
)
FILTERS = st.recursive(
    st.dictionaries(PATHS, FIELD_CONDITIONS, max_size=2),
    lambda inner: st.builds(
        lambda name, parts: {name: parts},
        st.sampled_from(["$and", "$or", "$nor"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)


@given(st.lists(DOCUMENTS, max_size=6), FILTERS)
def test_select_on_encoded_documents_is_matches_on_decoded_ones(documents, filter):
    blobs = [encode_document({"_id": index, **document}) for index, document in enumerate(documents)]
    predicate = compile_filter(filter)

    assert predicate.select(blobs) == [blob for blob in blobs if predicate.matches(decode_document(blob))]


@given(st.lists(DOCUMENTS, max_size=6), FILTERS)
def test_a_filter_and_its_nor_part_a_collection_in_two(documents, filter):
    blobs = [encode_document({"_id": index, **document}) for index, document in enumerate(documents)]
    chosen = compile_filter(filter).select(blobs)
    others = compile_filter({"$nor": [filter]}).select(blobs)

    assert sorted(chosen + others) == sorted(blobs)
    assert not set(chosen) & set(others)


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
