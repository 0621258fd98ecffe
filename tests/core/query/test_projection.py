"""Projections: which fields are returned, in which order, and what is refused."""

from __future__ import annotations

import copy
import math

import pytest

from nosqlpy._core.query.projection import compile_projection
from nosqlpy.errors import NotSupportedError, OperationFailure, QueryError

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
        ({"scores", "name"}, {"_id": 1, "name": "Ada", "scores": [1, 2, 3, 4, 5]}),
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


STORED = {"_id": 1, "a": 2, "b": 3, "s": "x", "d": {"e": 5, "f": 6}, "l": [{"e": 1}, 7, {"e": 2, "f": 3}]}


@pytest.mark.parametrize(
    ("specification", "expected"),
    [
        ({"total": {"$add": ["$a", "$b"]}}, {"_id": 1, "total": 5}),
        ({"x": "$a", "_id": 0}, {"x": 2}),
        ({"x": "$none", "_id": 0}, {}),
        ({"a": 1, "x": "$b"}, {"_id": 1, "a": 2, "x": 3}),
        ({"x": "$b", "a": 1}, {"_id": 1, "a": 2, "x": 3}),
        ({"b": {"$add": ["$b", 1]}, "a": 1}, {"_id": 1, "a": 2, "b": 4}),
        ({"y": "$b", "x": "$a"}, {"_id": 1, "y": 3, "x": 2}),
        ({"_id": "$s", "a": 1}, {"a": 2, "_id": "x"}),
        ({"z": {"$literal": 1}}, {"_id": 1, "z": 1}),
        ({"z": {"$literal": {"$add": 1}}, "_id": 0}, {"z": {"$add": 1}}),
        ({"z": "abc", "_id": 0}, {"z": "abc"}),
        ({"z": "", "_id": 0}, {"z": ""}),
        ({"z": None, "_id": 0}, {"z": None}),
        ({"z": [1, "$a", "$none"], "_id": 0}, {"z": [1, 2, None]}),
        ({"z": {"y": "$a", "x": "text"}, "_id": 0}, {"z": {"y": 2, "x": "text"}}),
        ({"z.y": "$a", "_id": 0}, {"z": {"y": 2}}),
        ({"d": {"e": 1, "g": "$a"}, "_id": 0}, {"d": {"e": 5, "g": 2}}),
        ({"d.g": "$a", "_id": 0}, {"d": {"g": 2}}),
        ({"d.e": "$a", "d.f": 1, "_id": 0}, {"d": {"f": 6, "e": 2}}),
        ({"a.g": "$b", "_id": 0}, {"a": {"g": 3}}),
        ({"l.g": "$b", "_id": 0}, {"l": [{"g": 3}, {"g": 3}, {"g": 3}]}),
        ({"l.g": "$b", "l.e": 1, "_id": 0}, {"l": [{"e": 1, "g": 3}, {"g": 3}, {"e": 2, "g": 3}]}),
        ({"x": "$l.e", "_id": 0}, {"x": [1, 2]}),
        ({"x": {"$slice": ["$l", 1]}, "_id": 0}, {"x": [{"e": 1}]}),
        ({"x": {"$slice": ["$l", 1, 1]}, "_id": 0}, {"x": [7]}),
        ({"l": {"$slice": [1, 1]}, "_id": 1}, {"_id": 1, "l": [7]}),
        ({"l": {"$elemMatch": {"e": 2}}, "x": "$a", "_id": 0}, {"l": [{"e": 2, "f": 3}], "x": 2}),
        ({"x": "$a", "l": {"$elemMatch": {"e": 2}}, "_id": 0}, {"x": 2, "l": [{"e": 2, "f": 3}]}),
        ({"x": "$$ROOT.a", "_id": 0}, {"x": 2}),
        ({"x": {"$cond": [{"$gt": ["$a", 5]}, 1, "$$REMOVE"]}, "_id": 0}, {}),
        ({"x": {"$getField": "s"}, "_id": 0}, {"x": "x"}),
    ],
    ids=str,
)
def test_a_projection_computes_fields(specification, expected):
    document = copy.deepcopy(STORED)
    result = compile_projection(specification).apply(document)

    assert result == expected
    assert list(result) == list(expected)
    assert document == STORED


def test_computed_fields_use_the_variables_of_the_command():
    projection = compile_projection({"x": {"$add": ["$a", "$$step"]}, "now": "$$NOW"}, {"step": 40, "NOW": "then"})

    assert projection.apply(STORED) == {"_id": 1, "x": 42, "now": "then"}


def test_a_computed_value_belongs_to_the_result():
    projection = compile_projection({"x": "$d", "y": {"$literal": [1]}, "d": 1})
    first, second = projection.apply(STORED), projection.apply(STORED)
    first["x"]["e"] = "changed"
    first["y"].append(2)

    assert second == {"_id": 1, "d": {"e": 5, "f": 6}, "x": {"e": 5, "f": 6}, "y": [1]}


@pytest.mark.parametrize(
    ("specification", "document", "expected"),
    [
        ({"a.b": {"$slice": 1}}, {"a": [{"b": [1, 2]}, [{"b": [1, 2]}], 3]}, {"a": [{"b": [1]}, [{"b": [1, 2]}], 3]}),
        ({"a": {"b": {"$slice": -1}}}, {"a": [[[{"b": [1, 2]}]]]}, {"a": [[[{"b": [1, 2]}]]]}),
        ({"a": {"b": {"$slice": 1}, "c": 0}}, {"a": [[{"b": [1, 2], "c": 3}]]}, {"a": [[{"b": [1, 2]}]]}),
        ({"e": 1, "a.b": {"$slice": 1}}, {"a": [[{"b": [1, 2], "d": 4}]], "e": 5}, {"a": [[{"b": [1, 2]}]], "e": 5}),
        ({"e": 1, "a.b": {"$slice": 1}}, {"a": {"b": [1, 2], "d": 4}, "e": 5}, {"a": {"b": [1]}, "e": 5}),
    ],
)
def test_a_slice_does_not_reach_into_arrays_of_arrays(specification, document, expected):
    stored = copy.deepcopy(document)

    assert compile_projection(specification).apply(document) == expected
    assert document == stored


@pytest.mark.parametrize(
    "specification", [{"d.e": 1, "d": {"g": 1}}, {"d": {"g": 1}, "d.e": 1}, {"d": {"g": 1, "e": 1}}]
)
def test_a_nested_form_adds_to_what_is_projected_of_the_same_field(specification):
    document = {"d": {"e": 1, "f": 2, "g": 3}}

    assert compile_projection(specification).apply(document) == {"d": {"e": 1, "g": 3}}


@pytest.mark.parametrize("operand", [["x", 1], [1, "x"], [1, 0]])
def test_a_slice_that_is_none_of_the_projection_is_an_expression(operand):
    projection = compile_projection({"l": {"$slice": operand}})
    with pytest.raises(OperationFailure) as caught:
        projection.apply(STORED)

    assert caught.value.code == 28724


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
        ({"a": 1, "a.b": 0}, 31249),
        ({"a.b": 1, "a": {"b": {"c": 1}}}, 31250),
        ({"a": {"b": {"c": 1}}, "a.b": 1}, 31250),
        (["a", "a.b"], 31249),
        ({"a": {}}, 51270),
        ({"a..b": 1}, 15998),
        ({".a": 1}, 15998),
        ({"a.": 1}, 40353),
        ({"": 1}, 40352),
        ({"$a": 1}, 16410),
        ({"a": {"$slice": 1, "b": 1}}, 16410),
        ({"a": {"$slice": [1]}}, 28667),
        ({"a": {"$slice": "x"}}, 28667),
        ({"a": {"$slice": [1, 2, 3, 4]}}, 28667),
        ({"a": {"$foo": 1}}, 31325),
        ({"a": {"b": {"$foo": 1}}}, 31325),
        ({"a": {"$add": [1, {"$foo": 1}]}}, 168),
        ({"a": {"$abs": [1, 2]}}, 16020),
        ({"a": "$"}, 16872),
        ({"a": "$$x"}, 17276),
        ({"b": 0, "a": {"$add": [1, 2]}}, 31252),
        ({"b": 0, "a": "$c"}, 31310),
        ({"b": 0, "a": "text"}, 31310),
        ({"a": {"$add": [1, 2]}, "b": 0}, 31254),
        ({"a": "$c", "b": 0}, 31254),
        ({"a": "$c", "a.b": 1}, 31249),
        ({"a.b": 1, "a": "$c"}, 31250),
        ({"a.b": "$x", "a": {"b": "$y"}}, 31250),
        ({"a.b": 1, "a": {"$slice": 1}}, 28667),
        ({"a.b": 1, "a": {"$slice": [0, 1]}}, 31250),
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
        {"a": {"$meta": "searchScore"}},
        {"a": {"$rand": {}}},
        {"a": {"b": {"$add": [1, {"$function": 1}]}}},
        {"a": "$$NOW"},
    ],
)
def test_what_is_not_supported_is_refused_by_name(specification):
    with pytest.raises(NotSupportedError, match="'a"):
        compile_projection(specification)


@pytest.mark.parametrize(
    ("specification", "code"),
    [
        ({"a.$": 1}, 31324),
        ({"a": {"b.$": 1}}, 31324),
        ({"a": {"$elemMatch": {"x": 1}}}, 168),
        ({"a": {"$slice": 1}}, 28667),
    ],
)
def test_a_stage_has_no_projection_operators(specification, code):
    with pytest.raises(QueryError) as caught:
        compile_projection(specification, find=False)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("operand", "expected"), [(math.nan, []), (math.inf, [1, 2, 3]), (-math.inf, [1, 2, 3]), ([math.inf, 1], [])]
)
def test_slice_takes_a_number_of_any_size(operand, expected):
    projection = compile_projection({"l": {"$slice": operand}})

    assert projection.apply({"l": [1, 2, 3]}) == {"l": expected}


@pytest.mark.parametrize(
    ("specification", "paths"),
    [
        (["a", "b.c"], {"_id", "a", "b"}),
        ({"a": 1, "_id": 0}, {"a"}),
        ({"a": {"$elemMatch": {"x": 1}}, "_id": 0}, {"a"}),
        ({"a": 0}, None),
        ({}, None),
        ({"a": {"$slice": 1}}, None),
        ({"x": {"$add": ["$a.b", "$c"]}, "d": 1}, {"_id", "a", "c", "d"}),
        ({"x": "literal", "_id": 0}, set()),
        ({"x": "$$ROOT"}, None),
        ({"x": {"y": "$a"}, "_id": 0}, {"a", "x"}),
    ],
)
def test_a_projection_tells_which_fields_it_needs(specification, paths):
    assert compile_projection(specification).paths == paths
