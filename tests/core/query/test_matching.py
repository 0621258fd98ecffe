"""What each query operator matches, on decoded and on encoded documents alike.

Where it is not obvious, the expected answer is that of the server's sources
(src/mongo/db/matcher/expression_leaf.cpp, expression_array.cpp, path.cpp) or its manual.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

import bson
import pytest

from nosqlpy._core.query import condition
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.query.tree import mask_of
from nosqlpy._core.values.codec import decode_document, encode_document

NAN = float("nan")
NAIVE = datetime(2020, 1, 1)  # noqa: DTZ001 - naive is UTC


def matching(filter, values):
    """Return the positions of the `values` that match as field ``a`` of a document; ABSENT stands for no field."""
    documents = [
        {"_id": index} if value is ABSENT else {"_id": index, "a": value} for index, value in enumerate(values)
    ]
    blobs = [encode_document(document) for document in documents]
    predicate = compile_filter(filter)
    selected = [decode_document(blob)["_id"] for blob in predicate.select(blobs)]
    matched = [index for index, blob in enumerate(blobs) if predicate.matches(decode_document(blob))]
    assert selected == matched
    return selected


ABSENT = object()

NUMBERS = [1, 1.0, Decimal(1), bson.Decimal128("1"), bson.Int64(1), True, "1", 2, -0.0, 0, False, NAN, None, ABSENT]
CASES = [
    # filter, values of the field a, positions of those that match
    ({}, [1, ABSENT], [0, 1]),
    # equality
    ({"a": 1}, NUMBERS, [0, 1, 2, 3, 4]),
    ({"a": Decimal(1)}, NUMBERS, [0, 1, 2, 3, 4]),
    ({"a": bson.Decimal128("1.0")}, NUMBERS, [0, 1, 2, 3, 4]),
    ({"a": 0}, NUMBERS, [8, 9]),
    ({"a": True}, NUMBERS, [5]),
    ({"a": False}, NUMBERS, [10]),
    ({"a": NAN}, [*NUMBERS, Decimal("NaN"), [NAN]], [11, 14, 15]),
    ({"a": None}, [None, ABSENT, 0, [], [None], {}], [0, 1, 4]),
    ({"a": "x"}, ["x", ["x"], [["x"]], "X", b"x", bson.Code("x")], [0, 1]),
    ({"a": {"$eq": "x"}}, ["x", ["y", "x"], "y"], [0, 1]),
    ({"a": [1, 2]}, [[1, 2], [2, 1], [1, 2, 3], [[1, 2]], 1], [0, 3]),
    ({"a": (1, 2)}, [[1.0, 2], [1, True]], [0]),
    ({"a": []}, [[], [[]], ABSENT, None, [1]], [0, 1]),
    ({"a": {"x": 1, "y": 2}}, [{"x": 1, "y": 2}, {"y": 2, "x": 1}, {"x": 1}, [{"x": 1.0, "y": 2}]], [0, 3]),
    ({"a": {}}, [{}, {"x": 1}, [], None], [0]),
    ({"a": {"b": {"$gt": 1}}}, [{"b": 2}, {"b": {"$gt": 1}}], [1]),  # a literal: operators start at the first name
    ({"a": {"b": 1, "$gt": 1}}, [{"b": 1, "$gt": 1}, 5], [0]),
    ({"a": {"$ref": "c", "$id": 1}}, [bson.DBRef("c", 1), {"$ref": "c", "$id": 1}, 1], [0, 1]),
    ({"a": bson.DBRef("c", 1)}, [bson.DBRef("c", 1), bson.DBRef("c", 2)], [0]),
    ({"a.$id": 1}, [bson.DBRef("c", 1), [bson.DBRef("c", 2), bson.DBRef("c", 1)], 1], [0, 1]),
    ({"a": NAIVE}, [datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)], [0]),
    ({"a": datetime(2020, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))}, [datetime(2020, 1, 1, tzinfo=UTC)], [0]),
    ({"a": UUID(int=3)}, [UUID(int=3), UUID(int=4), bson.Binary(UUID(int=3).bytes, 4), UUID(int=3).bytes], [0, 2]),
    ({"a": b"x"}, [b"x", bson.Binary(b"x", 5), "x"], [0]),
    ({"a": bson.ObjectId("a" * 24)}, [bson.ObjectId("a" * 24), bson.ObjectId("b" * 24), "a" * 24], [0]),
    ({"a": bson.MinKey()}, [bson.MinKey(), None, bson.MaxKey()], [0]),
    ({"a": bson.Timestamp(1, 2)}, [bson.Timestamp(1, 2), bson.Timestamp(2, 1)], [0]),
    # ranges: inside one bracket
    (
        {"a": {"$gt": 1}},
        [1, 1.5, 2, Decimal("1.1"), bson.Decimal128("3"), "2", None, True, NAN, [0, 5], ABSENT],
        [1, 2, 3, 4, 9],
    ),
    ({"a": {"$gte": 2**53 + 1}}, [2**53, float(2**53), 2**53 + 1], [2]),
    ({"a": {"$lt": 1}}, [0, NAN, float("-inf"), -1, False, None, [[0]], [2, 0], {}], [0, 2, 3, 7]),
    ({"a": {"$lte": 1.0}}, [1, 2, Decimal(1), True, NAN], [0, 2]),
    ({"a": {"$gt": Decimal("0.5")}}, [1, 0.5, 0.6, bson.Decimal128("0.51"), NAN], [0, 2, 3]),
    ({"a": {"$gt": "b"}}, ["a", "b", "ba", "é", ["c"], 5, b"c"], [2, 3, 4]),
    ({"a": {"$gte": True}}, [True, False, 1, 2], [0]),
    ({"a": {"$lt": True}}, [True, False, 0], [1]),
    ({"a": {"$gte": NAN}}, [NAN, 0, float("inf"), None, [NAN], Decimal("NaN")], [0, 4, 5]),
    ({"a": {"$lte": NAN}}, [NAN, 0, float("-inf")], [0]),
    ({"a": {"$gt": NAN}}, [NAN, 0, float("inf")], []),
    ({"a": {"$lt": NAN}}, [NAN, 0], []),
    ({"a": {"$gte": None}}, [None, ABSENT, 0, [None], []], [0, 1, 3]),
    ({"a": {"$lte": None}}, [None, ABSENT, 0], [0, 1]),
    ({"a": {"$gt": None}}, [None, ABSENT, 0, "a"], []),
    ({"a": {"$lt": None}}, [None, ABSENT, 0, bson.MinKey()], []),
    ({"a": {"$gt": bson.MinKey()}}, [bson.MinKey(), None, ABSENT, 0, bson.MaxKey()], [1, 2, 3, 4]),
    ({"a": {"$gte": bson.MinKey()}}, [bson.MinKey(), ABSENT, 0], [0, 1, 2]),
    ({"a": {"$lt": bson.MinKey()}}, [bson.MinKey(), 0], []),
    ({"a": {"$lt": bson.MaxKey()}}, [bson.MaxKey(), 0, ABSENT], [1, 2]),
    ({"a": {"$lte": bson.MaxKey()}}, [bson.MaxKey(), 0], [0, 1]),
    ({"a": {"$gt": bson.MaxKey()}}, [bson.MaxKey(), 0], []),
    ({"a": {"$gt": [1, 2]}}, [[1, 3], [1, 2], [2], [1, 2, 0], 5, [[9]], []], [0, 2, 3, 5]),
    ({"a": {"$lt": [1]}}, [[], [0], [1], 0, [[0, 9]]], [0, 1, 4]),
    ({"a": {"$gte": {"x": 1}}}, [{"x": 1}, {"x": 0}, {"x": "a"}, {"x": 1, "y": 0}, [{"x": 5}], 1], [0, 2, 3, 4]),
    ({"a": {"$gt": NAIVE}}, [datetime(2020, 1, 2, tzinfo=UTC), datetime(2019, 1, 1, tzinfo=UTC), 5], [0]),
    ({"a": {"$gt": b"b"}}, [b"c", b"a", b"aa", bson.Binary(b"a", 5)], [0, 2, 3]),
    ({"a": {"$gt": bson.ObjectId("a" * 24)}}, [bson.ObjectId("b" * 24), bson.ObjectId("a" * 24), "b"], [0]),
    ({"a": {"$gt": 1, "$lt": 3}}, [2, [0, 4], [5], 1], [0, 1]),  # different elements may meet the two conditions
    # negations hold for the document as a whole
    ({"a": {"$ne": 1}}, [1, 2, [1, 2], ABSENT, True, None], [1, 3, 4, 5]),
    ({"a": {"$ne": None}}, [None, ABSENT, 0, [None], []], [2, 4]),
    ({"a": {"$nin": [1, None]}}, [1, 2, ABSENT, [2, 1], [2]], [1, 4]),
    ({"a": {"$not": {"$gt": 1}}}, [2, 1, "x", ABSENT, [0, 2]], [1, 2, 3]),
    ({"a": {"$not": {"$gt": 1, "$lt": 5}}}, [2, 1, 7, [0, 9]], [1, 2]),
    ({"a": {"$not": {"$not": {"$eq": 1}}}}, [1, 2], [0]),
    ({"a": {"$not": {"$ne": 1}}}, [1, 2, [1, 2]], [0, 2]),
    ({"a": {"$not": re.compile("^x")}}, ["xy", "yx", 5, ABSENT, ["xa"]], [1, 2, 3]),
    ({"a": {"$not": {"$regex": "^x"}}}, ["xy", "yx"], [1]),
    # membership
    ({"a": {"$in": [1, "x"]}}, [1, 1.0, "x", True, "y", [3, "x"], ABSENT, bson.Decimal128("1")], [0, 1, 2, 5, 7]),
    ({"a": {"$in": [None]}}, [None, ABSENT, 0, [None], []], [0, 1, 3]),
    ({"a": {"$in": [True]}}, [True, 1], [0]),
    ({"a": {"$in": [0, 1]}}, [False, True, 0, 1], [2, 3]),
    ({"a": {"$in": [NAN, 1]}}, [NAN, 1, 2], [0, 1]),
    ({"a": {"$in": []}}, [1, ABSENT, []], []),
    ({"a": {"$nin": []}}, [1, ABSENT], [0, 1]),
    ({"a": {"$in": [[1, 2], {"x": 1}]}}, [[1, 2], 1, {"x": 1}, [[1, 2]]], [0, 2, 3]),
    ({"a": {"$in": [re.compile("^x"), "b"]}}, ["xa", "b", "ax", ["xb"], 5], [0, 1, 3]),
    ({"a": {"$nin": [re.compile("^x"), "b"]}}, ["xa", "b", "ax", ["xb"], 5], [2, 4]),
    ({"a": {"$in": [NAIVE, 5]}}, [datetime(2020, 1, 1, tzinfo=UTC), 5], [0, 1]),
    # existence, any truthy operand
    ({"a": {"$exists": True}}, [1, None, ABSENT, []], [0, 1, 3]),
    ({"a": {"$exists": False}}, [1, None, ABSENT], [2]),
    ({"a": {"$exists": 0.0}}, [1, ABSENT], [1]),
    ({"a": {"$exists": None}}, [1, ABSENT], [1]),
    ({"a": {"$exists": ""}}, [1, ABSENT], [0]),  # MongoDB: only false, null and zero are false
    ({"a": {"$exists": []}}, [1, ABSENT], [0]),
    ({"a": {"$exists": Decimal(0)}}, [1, ABSENT], [1]),
    # paths
    ({"a.b": 5}, [{"b": 5}, [{"b": 5}], [[{"b": 5}]], 5, {"b": [5]}], [0, 1, 4]),
    ({"a.b": None}, [{}, {"b": None}, 5, ABSENT, [5], [], [{}], [{"b": 1}], {"b": 1}, b"x"], [0, 1, 2, 3, 6, 9]),
    ({"a.b": {"$exists": False}}, [{}, 5, [5], [], [{"b": 1}, {}], [{}]], [0, 1, 2, 3, 5]),
    ({"a.b": {"$ne": 1}}, [{"b": 1}, [{"b": 1}, {"b": 2}], [{"b": 2}], [], 5], [2, 3, 4]),
    (
        {"a.b.c": 1},
        [{"b": {"c": 1}}, {"b": [{"c": 1}]}, [{"b": {"c": 1}}], {"b": 1}, [{"b": [{"c": [1]}]}]],
        [0, 1, 2, 4],
    ),
    ({"a.0": 1}, [[1, 2], [2, 1], {"0": 1}, [[1]], [{"0": 1}]], [0, 2, 4]),
    ({"a.0": None}, [[None], [{"b": 1}], [1], []], [0, 1]),  # the document at position 0 has no field "0"
    ({"a.0.b": 1}, [[{"b": 1}], [{"b": 2}, {"b": 1}], {"0": {"b": 1}}], [0, 2]),
    ({"a.b.1": 7}, [{"b": [6, 7]}, {"b": [7]}, [{"b": [6, 7]}]], [0, 2]),
    ({"a.b": {"$gt": 1}}, [b"x", datetime(2020, 1, 1, tzinfo=UTC), bson.ObjectId(), {"b": 2}, UUID(int=1)], [3]),
    ({"a.b.c": {"$exists": False}}, [{"b": b"x"}, {"b": {"c": 1}}, {"b": [b"x"]}], [0, 2]),
    # arrays
    ({"a": {"$size": 2}}, [[1, 2], [1], 2, [[1, 2]], [[1, 2], 3], ABSENT], [0, 4]),
    ({"a": {"$size": 0.0}}, [[], [1]], [0]),
    ({"a.b": {"$size": 1}}, [{"b": [1]}, [{"b": [1]}], [{"b": 1}]], [0, 1]),
    ({"a": {"$all": [1, 2]}}, [[2, 1, 3], [1], 1, [1.0, 2.0]], [0, 3]),
    ({"a": {"$all": [1]}}, [1, [1], [[1]]], [0, 1]),
    ({"a": {"$all": [[1, 2]]}}, [[1, 2], [[1, 2]], [1]], [0, 1]),
    ({"a": {"$all": []}}, [[], 1, ABSENT], []),
    ({"a": {"$all": [None]}}, [None, ABSENT, [None], []], [0, 1, 2]),
    ({"a": {"$all": [re.compile("^x"), "y"]}}, [["xa", "y"], ["y"], "xa"], [0]),
    ({"a.b": {"$all": [1, 2]}}, [[{"b": 1}, {"b": 2}], {"b": [1, 2]}, {"b": 1}], [0, 1]),
    ({"a": {"$all": [{"$elemMatch": {"x": 1}}, {"$elemMatch": {"x": 2}}]}}, [[{"x": 1}, {"x": 2}], [{"x": 1}]], [0]),
    ({"a": {"$elemMatch": {"$gt": 1, "$lt": 3}}}, [[2], [0, 4], 2, [[2]], ["x", 2.5]], [0, 4]),
    ({"a": {"$elemMatch": {"$gt": [0]}}}, [[[1]], [1], [[0]]], [0]),
    (
        {"a": {"$elemMatch": {"x": 1, "y": {"$gt": 1}}}},
        [[{"x": 1, "y": 2}], [{"x": 1}, {"y": 2}], {"x": 1, "y": 2}],
        [0],
    ),
    ({"a": {"$elemMatch": {"0": 5}}}, [[[5]], [5], [{"0": 5}]], [0, 2]),  # an array is a document of positions
    ({"a": {"$elemMatch": {}}}, [[{}], [[]], [1], []], [0, 1]),
    ({"a": {"$elemMatch": {"$ne": 1}}}, [[1], [1, 2], [], 5], [1]),
    ({"a": {"$elemMatch": {"$not": {"$gt": 1}}}}, [[2], [2, 0]], [1]),
    ({"a": {"$elemMatch": {"$in": [1, None]}}}, [[1], [None], [2], 1], [0, 1]),
    ({"a": {"$elemMatch": {"$or": [{"x": 1}, {"y": 1}]}}}, [[{"y": 1}], [{"z": 1}]], [0]),
    ({"a": {"$elemMatch": {"$elemMatch": {"$eq": 1}}}}, [[[1]], [1], [[2]]], [0]),
    ({"a": {"$elemMatch": {"x": {"$elemMatch": {"y": 1}}}}}, [[{"x": [{"y": 1}]}], [{"x": {"y": 1}}]], [0]),
    ({"a": {"$elemMatch": {"$exists": True}}}, [[1], [], 1], [0]),
    ({"a": {"$elemMatch": {"$size": 1}}}, [[[1]], [1], [[1, 2]]], [0]),
    ({"a": {"$elemMatch": {"$all": [1]}}}, [[1], [[1]], [2]], [0]),
    ({"a": {"$not": {"$elemMatch": {"$gt": 1}}}}, [[2], [0], 5, ABSENT], [1, 2, 3]),
    ({"a.b": {"$elemMatch": {"$gt": 1}}}, [{"b": [2]}, [{"b": [2]}], [{"b": 2}]], [0, 1]),
    ({"a": {"$elemMatch": {"$id": 1}}}, [[bson.DBRef("c", 1)], [{"$id": 1}], [1]], [0, 1]),
    # types
    ({"a": {"$type": "string"}}, ["x", 1, ["x"], [1], ABSENT], [0, 2]),
    ({"a": {"$type": 2}}, ["x", 1], [0]),
    ({"a": {"$type": 2.0}}, ["x", 1], [0]),
    ({"a": {"$type": "number"}}, [1, 1.0, Decimal(1), 2**40, bson.Decimal128("1"), True, "1"], [0, 1, 2, 3, 4]),
    ({"a": {"$type": ["int", "bool"]}}, [1, 2**31, True, 1.0, bson.Int64(1)], [0, 2]),
    ({"a": {"$type": "long"}}, [1, 2**31, bson.Int64(1)], [1, 2]),
    ({"a": {"$type": "array"}}, [[], [[]], 1], [0, 1]),
    ({"a": {"$type": "null"}}, [None, ABSENT, [None]], [0, 2]),
    ({"a": {"$type": "object"}}, [{}, [{}], [], bson.DBRef("c", 1)], [0, 1, 3]),
    (
        {"a": {"$type": ["binData", "objectId", "regex"]}},
        [b"", UUID(int=1), bson.ObjectId(), re.compile("x"), "x"],
        [0, 1, 2, 3],
    ),
    ({"a": {"$type": -1}}, [bson.MinKey(), bson.MaxKey()], [0]),
    ({"a": {"$type": "maxKey"}}, [bson.MinKey(), bson.MaxKey()], [1]),
    ({"a": {"$type": "javascriptWithScope"}}, [bson.Code("x"), bson.Code("x", {})], [1]),
    ({"a": {"$type": ["date", "timestamp"]}}, [datetime(2020, 1, 1, tzinfo=UTC), bson.Timestamp(1, 1), 1], [0, 1]),
    # regular expressions
    ({"a": re.compile("b+")}, ["abba", "aa", ["x", "b"], 5, re.compile("b+"), ABSENT], [0, 2, 4]),
    ({"a": {"$regex": "^A", "$options": "i"}}, ["ab", "Ab", "b"], [0, 1]),
    ({"a": {"$options": "i", "$regex": "^A"}}, ["ab", "b"], [0]),
    ({"a": {"$regex": re.compile("^A"), "$options": "i"}}, ["ab", "b"], [0]),
    ({"a": {"$regex": re.compile("^A", re.IGNORECASE)}}, ["ab", "b"], [0]),
    ({"a": re.compile(b"^a")}, ["ab", "ba"], [0]),
    ({"a": bson.Regex("^A", 2)}, ["ab", "b", bson.Regex("^A", 2), bson.Regex("^A")], [0, 2]),
    ({"a": {"$regex": "a b # c", "$options": "x"}}, ["ab", "a b"], [0]),
    ({"a": {"$regex": "^b", "$options": "m"}}, ["a\nb", "ab"], [0]),
    ({"a": {"$regex": "a.b", "$options": "s"}}, ["a\nb", "ab"], [0]),
    ({"a": {"$regex": "a.b"}}, ["a\nb", "a-b"], [1]),
    ({"a": {"$regex": r"^\w$"}}, ["a", "é"], [0]),  # PCRE: ASCII, unless (*UCP)
    ({"a": {"$regex": r"(*UCP)^\w$"}}, ["a", "é"], [0, 1]),
    ({"a": {"$regex": "É", "$options": "i"}}, ["é"], [0]),
    ({"a": {"$eq": re.compile("b")}}, ["abc", re.compile("b"), [re.compile("b")]], [1, 2]),
    ({"a": {"$regex": "^a", "$ne": "ab"}}, ["ab", "ac"], [1]),
    # arithmetic
    (
        {"a": {"$mod": [4, 1]}},
        [1, 5, 5.9, Decimal("9.5"), -3, "5", True, NAN, float("inf"), 2.0**70, [2, 5]],
        [0, 1, 2, 3, 10],
    ),
    ({"a": {"$mod": [4, -3]}}, [-3, 1, -7.5], [0, 2]),
    ({"a": {"$mod": [-4.9, 1.9]}}, [1, 5], [0, 1]),
    ({"a": {"$mod": [-1, 0]}}, [-(2**63), 7], [0, 1]),
    ({"a": {"$bitsAllSet": [1, 5]}}, [54, 2, 54.0, -1, 54.5, "54", b"\x36", Decimal(54)], [0, 2, 3, 6, 7]),
    ({"a": {"$bitsAllSet": 35}}, [35, 54], [0]),
    ({"a": {"$bitsAllClear": 9}}, [6, 1, b"\x06"], [0, 2]),
    ({"a": {"$bitsAnySet": [100]}}, [-1, 1, b"\xff"], [0]),
    ({"a": {"$bitsAnyClear": [100]}}, [-1, 1, b"\xff"], [1, 2]),
    ({"a": {"$bitsAnySet": b"\x01\x01"}}, [1, 256, 2, b"\x00\x01"], [0, 1, 3]),
    ({"a": {"$bitsAllSet": []}}, [0, "x"], [0]),
    ({"a": {"$bitsAnySet": [70]}}, [2.0**63, 2**63 - 1, UUID(int=0)], []),
    # logic
    ({"$and": [{"a": {"$gt": 1}}, {"a": {"$lt": 3}}]}, [2, 1, 3], [0]),
    ({"$or": [{"a": 1}, {"a": 2}]}, [1, 2, 3], [0, 1]),
    ({"$or": [{"a": 1}]}, [1, 2], [0]),
    ({"$nor": [{"a": 1}, {"a": 2}]}, [1, 2, 3, ABSENT], [2, 3]),
    ({"$nor": [{"a": {"$exists": True}, "_id": 0}]}, [1, 2], [1]),
    ({"$or": [{}, {"a": 1}]}, [1, 2], [0, 1]),
    ({"$nor": [{}]}, [1, 2], []),
    ({"$or": [{"$and": [{"a": {"$gt": 1}}, {"$nor": [{"a": 3}]}]}, {"a": 0}]}, [0, 1, 2, 3], [0, 2]),
    ({"$comment": "why", "a": 1}, [1, 2], [0]),
    ({"$and": [{"a": 1, "$comment": "why"}]}, [1, 2], [0]),
    ({"_id": 1, "a": {"$gte": 1}}, [1, 1, 1], [1]),
    ({"_id": {"$in": [0, 2]}}, [1, 1, 1], [0, 2]),
]


@pytest.mark.parametrize(("filter", "values", "positions"), CASES, ids=lambda value: str(value)[:60])
def test_a_filter_matches_as_on_the_server(filter, values, positions):
    assert matching(filter, values) == positions


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "tab\there", "", "dot é"], ids=repr)
def test_any_field_name_can_be_asked_for(name):
    blobs = [encode_document({"_id": 1, name: {name: 5}}), encode_document({"_id": 2, name: 5})]

    assert compile_filter({name: 5}).select(blobs) == blobs[1:]
    assert compile_filter({f"{name}.{name}": 5}).select(blobs) == blobs[:1]


def test_a_path_may_be_read_whole_and_further_on():
    document = {"_id": 1, "a": {"b": {"c": 1}, "d": [2]}}
    blob = encode_document(document)

    for filter in ({"a.b.c": 1, "a": document["a"]}, {"a.b": {"c": 1}, "a.b.c": 1, "a.d": 2}):
        assert compile_filter(filter).select([blob]) == [blob]


def test_a_deep_path_is_followed_past_the_structs():
    names = [f"n{index}" for index in range(30)]
    document = 7
    for name in reversed(names):
        document = {name: document}
    blob = encode_document({"_id": 1, **document})

    assert compile_filter({".".join(names): 7}).select([blob]) == [blob]
    assert compile_filter({".".join(names): 8}).select([blob]) == []


def test_a_filter_on_very_many_paths_selects_the_same():
    document = {"_id": 1, **{f"f{index}": index for index in range(200)}}
    blob = encode_document(document)

    assert compile_filter(document).select([blob]) == [blob]
    assert compile_filter({**document, "f199": 0}).select([blob]) == []


def test_one_unusual_document_does_not_disturb_the_others():
    documents = [{"_id": index, "a": {"b": index}} for index in range(10)]
    documents[5]["a"] = b"bytes where a document is expected"
    blobs = [encode_document(document) for document in documents]

    assert compile_filter({"a.b": {"$gte": 4}}).select(blobs) == [blobs[4], *blobs[6:]]


def test_the_empty_filter_is_everything():
    predicate = compile_filter({})

    assert predicate.everything
    assert predicate.matches({})
    assert predicate.select([b"not even decoded"]) == [b"not even decoded"]


def test_a_predicate_names_the_paths_that_it_reads():
    predicate = compile_filter({"a.b": 1, "$or": [{"c": {"$gt": 1}}, {"d": 1}], "e": {"$elemMatch": {"f": 1}}})

    assert predicate.paths == {"a.b", "c", "d", "e"}
    assert not predicate.everything


def test_a_mapping_of_another_class_is_a_filter_too():
    filter = bson.SON([("a", bson.SON([("$gt", 1)])), ("$or", [bson.SON([("b", 1)])])])

    assert compile_filter(filter).matches({"a": 2, "b": 1})
    assert not compile_filter(filter).matches({"a": 1, "b": 1})


def test_compiling_does_not_hold_on_to_the_filter():
    filter = {"a": {"$gt": 1}, "b": 2}
    predicate = compile_filter(filter)
    filter["b"] = 3

    assert predicate.matches({"a": 2, "b": 2})


def test_two_filters_of_one_shape_have_their_own_constants():
    first, second = compile_filter({"a": {"$gt": 1}}), compile_filter({"a": {"$gt": 5}})

    assert first.matches({"a": 3})
    assert not second.matches({"a": 3})


def test_a_value_that_no_document_has_ends_a_long_all():
    tested = []
    absent = condition.Test(lambda _: False)
    mask = mask_of(
        condition.All((absent, condition.Test(tested.append), absent)), SimpleNamespace(column=lambda *_: list), "a"
    )

    assert mask([1, 2]) == [False, False]
    assert tested == []
