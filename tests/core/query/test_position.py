"""The position that a filter matched in an array: MongoDB's ``$`` (as in jstests update_array_offset_positional)."""

from __future__ import annotations

import re

import pytest

from nosqlpy._core.query.filter import compile_filter


def position(filter, document):
    """The position in a document that the filter must match."""
    predicate = compile_filter(filter)

    assert predicate.matches(document)
    return predicate.position(document)


@pytest.mark.parametrize(
    ("filter", "document", "expected"),
    [
        ({"a": 2}, {"a": [1, 2, 2]}, 1),
        ({"a": {"$gt": 1}}, {"a": [1, 2, 3]}, 1),
        ({"a": {"$in": [3, 2]}}, {"a": [1, 2, 3]}, 1),
        ({"a": re.compile("b")}, {"a": ["a", "b"]}, 1),
        ({"a": {"$regex": "B", "$options": "i"}}, {"a": ["a", "b"]}, 1),
        ({"a": {"$type": "string"}}, {"a": [1, "b"]}, 1),
        ({"a": {"$mod": [2, 0]}}, {"a": [1, 2]}, 1),
        ({"a.b": 2}, {"a": [{"b": 1}, {"b": 2}]}, 1),
        ({"a.b": None}, {"a": [{"b": 1}, {}]}, 1),
        ({"a": {"$exists": True}}, {"a": [5, 6]}, 0),
        ({"a.b": {"$exists": True}}, {"a": [{}, {"b": 1}]}, 1),
        ({"a.b": {"$size": 2}}, {"a": [{"b": []}, {"b": [1, 2]}]}, 1),
        ({"x.a": 2}, {"x": {"a": [1, 2]}}, 1),
    ],
)
def test_the_first_element_that_a_condition_matches_counts(filter, document, expected):
    assert position(filter, document) == expected


@pytest.mark.parametrize(
    ("filter", "document", "expected"),
    [
        ({"a": {"$elemMatch": {"$gt": 1, "$lt": 3}}}, {"a": [1, 3, 2]}, 2),
        ({"a": {"$elemMatch": {"b": 1, "c": 2}}}, {"a": [{"b": 1}, {"c": 2}, {"b": 1, "c": 2}]}, 2),
        ({"a": {"$all": [{"$elemMatch": {"b": 1}}, {"$elemMatch": {"b": 2}}]}}, {"a": [{"b": 2}, {"b": 1}]}, 0),
        ({"a": {"$all": [1, 2]}}, {"a": [2, 1]}, 0),
        ({"a.b": {"$elemMatch": {"$gt": 1}}}, {"a": {"b": [1, 2]}}, 1),
        ({"a.b": {"$elemMatch": {"$gt": 1}}}, {"a": [{"b": [1]}, {"b": [1, 1, 2]}]}, 1),
        ({"a": {"$elemMatch": {"0": 5}}}, {"a": [7, [5]]}, 1),
    ],
)
def test_elem_match_gives_the_position_of_its_element(filter, document, expected):
    assert position(filter, document) == expected


@pytest.mark.parametrize(
    ("filter", "document"),
    [
        ({"_id": 1}, {"_id": 1, "a": [1]}),
        ({}, {"a": [1]}),
        ({"a": 1}, {"a": 1}),
        ({"a": [1, 2]}, {"a": [1, 2]}),
        ({"a": {"$size": 1}}, {"a": [1]}),
        ({"a": {"$exists": True}}, {"a": []}),
        ({"a": {"$ne": 5}}, {"a": [1]}),
        ({"a": {"$nin": [5]}}, {"a": [1]}),
        ({"a": {"$not": {"$gt": 5}}}, {"a": [1]}),
        ({"a": {"$exists": False}}, {}),
        ({"a": {"$in": [1, 2], "$not": {"$eq": 5}}}, {"a": 1}),
        ({"$or": [{"a": 1}, {"b": 1}]}, {"a": [1]}),
        ({"$or": [{"a": {"$gt": 0}}, {"a": 5}]}, {"a": [1]}),
        ({"$or": [{"a": 1, "b": 1}, {"a": 2}]}, {"a": [2]}),
        ({"$or": [{"a": 2}, {"$expr": {"$eq": [1, 1]}}]}, {"a": [2]}),
        ({"$expr": {"$eq": [1, 1]}}, {"a": [2]}),
        ({"$nor": [{"a": 5}]}, {"a": [1]}),
        ({"a": {"$all": []}, "$comment": ""}, {"a": [1]}),
    ],
)
def test_what_matches_in_no_array_has_no_position(filter, document):
    assert compile_filter(filter).position(document) is None


@pytest.mark.parametrize(
    ("filter", "document", "expected"),
    [
        ({"a.0": 0}, {"a": [0]}, None),
        ({"a.0.b": 0}, {"a": [{"b": 0}]}, None),
        ({"a.0.0": 0}, {"a": [[0]]}, None),
        ({"a.0.b.0": 0}, {"a": [{"b": [0]}]}, None),
        ({"a.0.b": 1}, {"a": [{"b": [0, 1]}]}, 1),
        ({"a.0.b": 1}, {"a": [[{"b": 0}, {"b": 1}]]}, 1),
        ({"a.b.1": 1}, {"a": [{"b": [0, 1]}]}, 0),
        ({"a": 1, "b.0": 0}, {"a": [0, 1], "b": [0]}, 1),
        ({"a": 1, "b.0.c.0": 0}, {"a": [0, 1], "b": [{"c": [0]}]}, 1),
    ],
)
def test_a_position_in_the_filters_own_path_does_not_count(filter, document, expected):
    assert position(filter, document) == expected


def test_of_arrays_in_arrays_the_outermost_counts():
    assert position({"a.b": 2}, {"a": [{"b": [5, 5]}, {"b": [1, 1, 2]}]}) == 1
    assert position({"a.b.c": 2}, {"a": [{}, {"b": [{}, {}, {"c": 2}]}]}) == 1


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"a": 1, "b": 1}, 2),
        ({"b": 1, "a": 1}, 2),
        ({"$and": [{"b": 1}, {"a": 1}]}, 2),
        ({"b": {"$eq": 1}, "a": {"$gt": 0}}, 1),
        ({"a": {"$gt": 0}, "b": {"$in": [1, 7]}}, 2),
        ({"b": {"$in": [1]}, "a": {"$gt": 0}}, 1),
        ({"b": 1, "a": {"$elemMatch": {"$eq": 1}}}, 2),
        ({"a": {"$elemMatch": {"$eq": 1}}, "b": {"$size": 3}}, 1),
        ({"b": {"$type": "int"}, "a": 1}, 0),
        ({"b": {"$gt": -1, "$gte": 1}}, 2),
        ({"b": 1, "c": 5}, 2),
    ],
)
def test_of_several_conditions_the_last_in_the_servers_order_counts(filter, expected):
    assert position(filter, {"a": [0, 1], "b": [0, 0, 1], "c": 5}) == expected


def test_an_or_of_equalities_on_one_path_is_taken_for_an_in():
    assert position({"$or": [{"a": 3}, {"a": 2}]}, {"a": [1, 2, 3]}) == 1
    assert position({"$or": [{"a": 3}]}, {"a": [1, 2, 3]}) == 2
    assert position({"$or": [{"a": re.compile("c")}, {"a": "b"}]}, {"a": ["a", "b"]}) == 1


def test_an_array_below_a_document_of_another_path_gives_the_position():
    assert position({"x.y": "k", "n": 1}, {"x": {"y": ["j", "k"]}, "n": 1}) == 1
