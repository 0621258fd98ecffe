"""Projections: which fields are returned, in which order, and what is refused."""

from __future__ import annotations

import copy

import pytest

from nosqlpy._core.query.projection import compile_projection
from nosqlpy.errors import NotSupportedError, QueryError

DOCUMENT = {
    "_id": 1,
    "name": "Ada",
    "address": {"city": "Wien", "geo": {"lat": 1, "lon": 2}},
    "orders": [{"sku": "A", "n": 1}, {"sku": "B", "n": 2}, 7, [{"sku": "C"}]],
    "scores": [1, 2, 3, 4, 5],
}


@pytest.mark.parametrize(
    ("specification", "expected"),
    [
        ({}, DOCUMENT),
        ([], DOCUMENT),
        (["name"], {"_id": 1, "name": "Ada"}),
        (("scores", "name"), {"_id": 1, "name": "Ada", "scores": [1, 2, 3, 4, 5]}),
        ({"name": 1}, {"_id": 1, "name": "Ada"}),
        ({"name": True, "_id": False}, {"name": "Ada"}),
        ({"name": 2.5, "_id": 0.0}, {"name": "Ada"}),
        ({"_id": 1}, {"_id": 1}),
        ({"missing": 1}, {"_id": 1}),
        ({"_id": 0}, {key: value for key, value in DOCUMENT.items() if key != "_id"}),
        ({"orders": 0, "scores": 0, "address": 0}, {"_id": 1, "name": "Ada"}),
        ({"orders": 0, "scores": 0, "address": 0, "_id": 1}, {"_id": 1, "name": "Ada"}),
        ({"orders": 0, "scores": 0, "address": 0, "_id": 0}, {"name": "Ada"}),
        ({"address.city": 1}, {"_id": 1, "address": {"city": "Wien"}}),
        ({"address": {"city": 1}}, {"_id": 1, "address": {"city": "Wien"}}),
        ({"address": {"geo.lat": 1}}, {"_id": 1, "address": {"geo": {"lat": 1}}}),
        ({"address.geo.lat": 1, "address.city": 1}, {"_id": 1, "address": {"city": "Wien", "geo": {"lat": 1}}}),
        ({"address.none": 1}, {"_id": 1, "address": {}}),
        ({"name.first": 1}, {"_id": 1}),
        ({"orders.sku": 1}, {"_id": 1, "orders": [{"sku": "A"}, {"sku": "B"}, [{"sku": "C"}]]}),
        ({"scores.x": 1}, {"_id": 1, "scores": []}),
        (
            {"orders.sku": 0, "address.geo": 0, "scores": 0},
            {"_id": 1, "name": "Ada", "address": {"city": "Wien"}, "orders": [{"n": 1}, {"n": 2}, 7, [{}]]},
        ),
        (
            {"name.first": 0, "orders": 0, "scores.x": 0, "address": 0},
            {"_id": 1, "name": "Ada", "scores": [1, 2, 3, 4, 5]},
        ),
        ({"name": 1, "scores": {"$slice": 2}}, {"_id": 1, "name": "Ada", "scores": [1, 2]}),
        ({"_id": 1, "scores": {"$slice": -2}}, {"_id": 1, "scores": [4, 5]}),
        ({"name": 1, "scores": {"$slice": [1, 2]}}, {"_id": 1, "name": "Ada", "scores": [2, 3]}),
        ({"name": 1, "scores": {"$slice": [-3, 2]}}, {"_id": 1, "name": "Ada", "scores": [3, 4]}),
        ({"name": 1, "scores": {"$slice": [-9, 2]}}, {"_id": 1, "name": "Ada", "scores": [1, 2]}),
        ({"name": 1, "scores": {"$slice": [9, 2]}}, {"_id": 1, "name": "Ada", "scores": []}),
        ({"name": 1, "scores": {"$slice": 0}}, {"_id": 1, "name": "Ada", "scores": []}),
        ({"scores": {"$slice": 1}, "_id": 0}, {**{k: v for k, v in DOCUMENT.items() if k != "_id"}, "scores": [1]}),
        ({"name": {"$slice": 1}, "scores": {"$slice": 1}}, {**DOCUMENT, "scores": [1]}),
        ({"orders": {"$elemMatch": {"n": {"$gt": 1}}}}, {"_id": 1, "orders": [{"sku": "B", "n": 2}]}),
        ({"scores": {"$elemMatch": {"$gt": 3}}, "_id": 0}, {"scores": [4]}),
        ({"scores": {"$elemMatch": {"$gt": 9}}, "name": 1}, {"_id": 1, "name": "Ada"}),
        ({"name": {"$elemMatch": {"$gt": 9}}}, {"_id": 1}),
        ({"address": {"$elemMatch": {"city": "x"}}, "scores": 1}, {"_id": 1, "scores": [1, 2, 3, 4, 5]}),
    ],
)
def test_a_projection_returns_what_mongodb_does(specification, expected):
    document = copy.deepcopy(DOCUMENT)
    result = compile_projection(specification).apply(document)

    assert result == expected
    assert list(result) == list(expected)
    assert document == DOCUMENT


def test_the_field_of_elem_match_follows_the_others():
    result = compile_projection({"orders": {"$elemMatch": {"n": 1}}, "scores": 1}).apply(DOCUMENT)

    assert list(result) == ["_id", "scores", "orders"]


@pytest.mark.parametrize(
    ("specification", "code"),
    [
        ({"a": 1, "b": 0}, 31254),
        ({"a": 0, "b": 1}, 31253),
        ({"a": {"b": 1, "c": 0}}, 31254),
        ({"a": 0, "_id.x": 1}, 31253),
        ({"a": 1, "a.b": 1}, 31249),
        ({"a.b": 1, "a": 1}, 31250),
        ({"a.b": 1, "a": {"b": 1}}, 31250),
        (["a", "a.b"], 31249),
        ({"a": {}}, 51270),
        ({"a..b": 1}, 15998),
        ({"": 1}, 15998),
        ({"$a": 1}, 16410),
        ({"a": {"$slice": 1, "b": 1}}, 16410),
        ({"a": {"$slice": [1]}}, 31272),
        ({"a": {"$slice": ["x", 1]}}, 31257),
        ({"a": {"$slice": [1, "x"]}}, 31258),
        ({"a": {"$slice": [1, 0]}}, 31259),
        ({"a": {"$slice": "x"}}, 31273),
        ({"a": {"$elemMatch": 1}}, 31274),
        ({"a.b": {"$elemMatch": {"x": 1}}}, 31275),
        ("name", 14),
        ([1], 14),
        ({1: 1}, 14),
    ],
)
def test_a_malformed_projection_is_refused_with_the_code_of_mongodb(specification, code):
    with pytest.raises(QueryError) as caught:
        compile_projection(specification)

    assert caught.value.code == code


@pytest.mark.parametrize(
    "specification",
    [
        {"a.$": 1},
        {"a": "$b"},
        {"a": "x"},
        {"a": None},
        {"a": [1]},
        {"a": {"$add": [1, 2]}},
        {"a": {"$meta": "textScore"}},
        {"b": 0, "a": {"$elemMatch": {"x": 1}}},
    ],
)
def test_what_is_not_supported_is_refused_by_name(specification):
    with pytest.raises(NotSupportedError, match="'a"):
        compile_projection(specification)


@pytest.mark.parametrize(
    ("specification", "paths"),
    [
        (["a", "b.c"], {"_id", "a", "b"}),
        ({"a": 1, "_id": 0}, {"a"}),
        ({"a": {"$elemMatch": {"x": 1}}, "_id": 0}, {"a"}),
        ({"a": 0}, None),
        ({}, None),
        ({"a": {"$slice": 1}}, None),
    ],
)
def test_a_projection_tells_which_fields_it_needs(specification, paths):
    assert compile_projection(specification).paths == paths
