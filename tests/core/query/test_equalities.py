"""What a filter tells the planner and an upsert about equalities (jstests/core/upsert_fields.js)."""

from __future__ import annotations

import re

import pytest

from nosqlpy._core.query.filter import compile_filter

X = re.compile("x")


@pytest.mark.parametrize(
    ("filter", "equalities"),
    [
        ({}, {}),
        ({"a": 1}, {"a": [1]}),
        ({"a": {"$eq": 1}}, {"a": [1]}),
        ({"a": None}, {"a": [None]}),
        ({"a": [1, 2]}, {"a": [[1, 2]]}),
        ({"a": {"$in": [1, 2]}}, {"a": [1, 2]}),
        ({"a": {"$in": []}}, {"a": []}),
        ({"a": {"$in": [1, X]}}, {}),
        ({"a": X}, {}),
        ({"a": {"$eq": X}}, {"a": [X]}),
        ({"a": {"$all": [X, 1, 2]}}, {"a": [1]}),
        ({"a": {"$all": [{"$elemMatch": {"b": 1}}]}}, {}),
        ({"a": {"$gt": 1}}, {}),
        ({"a": {"$ne": 1}}, {}),
        ({"a": {"$not": {"$eq": 1}}}, {}),
        ({"a": {"$gt": 0, "$eq": 1}}, {"a": [1]}),
        ({"a": {"$in": [1, 2]}, "$and": [{"a": 2}, {"b.c": 3}]}, {"a": [2], "b.c": [3]}),
        ({"$or": [{"a": 1}]}, {"a": [1]}),
        ({"$or": [{"a": 1}, {"a": 2}]}, {}),
        ({"$or": [{"a": 1}, {"b": {"$gt": 2}}], "c": 3}, {"c": [3]}),
        ({"$nor": [{"a": 1}], "c": 3}, {"c": [3]}),
    ],
    ids=str,
)
def test_equalities_are_what_every_match_has(filter, equalities):
    assert compile_filter(filter).equalities == equalities


@pytest.mark.parametrize(
    ("filter", "seeds"),
    [
        ({}, []),
        ({"x": 1, "y.z": None}, [("x", 1), ("y.z", None)]),
        ({"x": {"$eq": 1}}, [("x", 1)]),
        ({"x": {"$in": [1]}}, [("x", 1)]),
        ({"x": {"$in": [1, 1.0]}}, [("x", 1)]),
        ({"x": {"$in": [1, 2]}}, []),
        ({"x": {"$in": [X]}}, []),
        ({"x": {"$all": [1]}}, [("x", 1)]),
        ({"x": {"$all": [1, 2]}}, [("x", 1), ("x", 2)]),  # refused later: x is set twice
        ({"$and": [{"x": 1}]}, [("x", 1)]),
        ({"$and": [{"x": {"$eq": 1}}, {"y": 2}], "z": 3}, [("x", 1), ("y", 2), ("z", 3)]),
        ({"$or": [{"x": 1}]}, [("x", 1)]),
        ({"$or": [{"x": {"$eq": 1}}]}, [("x", 1)]),
        ({"$or": [{"x": 1}, {"x": 1}]}, [("x", 1)]),  # since 7.3
        ({"$nor": [{"x": 1}]}, []),
        ({"x": [1, 2]}, [("x", [1, 2])]),
        ({"x": {"x.x": 1}}, [("x", {"x.x": 1})]),
        ({"x": X}, []),
        ({"x": {"$eq": X}}, [("x", X)]),
        ({"x": {"$gt": 1}}, []),
        ({"x": {"$ne": 1}}, []),
        ({"x": {"$elemMatch": {"$eq": 1}}}, []),
        ({"x": {"$exists": True}}, []),
        ({"x": {"$not": {"$eq": 1}}}, []),
        ({"x.$id": 1}, [("x.$id", 1)]),
    ],
    ids=str,
)
def test_an_upsert_starts_from_the_equalities_that_the_server_takes(filter, seeds):
    assert compile_filter(filter).seeds == seeds
