"""Strategies for any documents and any filters on them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import bson
from hypothesis import strategies as st

from nosqlpy._core.values.types import TYPES

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
