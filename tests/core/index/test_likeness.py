"""Definitions that mean the same index in other words (jstests/core/index/index_signature.js)."""

from __future__ import annotations

from typing import Any

import pytest

from nosqlpy._core.index.likeness import is_alike, is_same
from nosqlpy._core.index.options import define_index

PARTIAL = {"a": {"$gt": 0, "$lt": 10}, "b": "blah"}


def both(keys: Any, one: dict[str, Any], other: dict[str, Any]) -> Any:
    return define_index(keys, "one", one), define_index(keys, "other", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PARTIAL, {"$and": [{"b": "blah"}, {"a": {"$lt": 10}}, {"a": {"$gt": 0}}]}),
        (PARTIAL, {"$and": [{"$and": [{"b": {"$eq": "blah"}}]}, {"a": {"$gt": 0.0, "$lt": 10}}]}),
        ({"a": 1}, {"$or": [{"a": 1}]}),
        ({"$or": [{"a": 1, "b": 2}, {"c": 3}]}, {"$or": [{"b": 2, "a": 1}, {"c": {"$eq": 3}}]}),
    ],
)
def test_a_partial_filter_may_be_written_in_several_ways(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert is_same(*both("a", {"partialFilterExpression": one}, {"partialFilterExpression": other}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PARTIAL, {"a": {"$gt": 5, "$lt": 10}, "b": "blah"}),
        (PARTIAL, {**PARTIAL, "b": "BLAH"}),
        ({"a": 1}, {"a": True}),
        ({"$and": [{"a": {"$type": 1}}, {"a": {"$type": 2}}]}, {"$and": [{"a": {"$type": 2}}, {"a": {"$type": 1}}]}),
        ({"$or": [{"a": 1}, {"b": 1}]}, {"a": 1, "b": 1}),
    ],
)
def test_other_partial_filters_are_other_indexes(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert not is_alike(*both("a", {"partialFilterExpression": one}, {"partialFilterExpression": other}))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ({"a": 1}, {"_id": 0, "a": 1}, True),
        ({"a": 0}, {"_id": 0, "a": 0}, True),
        ({"a.b": 1, "a.c": 1}, {"a": {"c": 1, "b": True}}, True),
        ({"a": 1}, {"_id": 1, "a": 1}, False),
        ({"a": 0}, {"_id": 1, "a": 0}, False),
        ({"a": 1}, {"a": 0}, False),
    ],
)
def test_a_projection_of_a_wildcard_index_may_be_written_in_several_ways(one: Any, other: Any, *, alike: bool) -> None:
    assert is_same(*both("$**", {"wildcardProjection": one}, {"wildcardProjection": other})) is alike


def test_an_age_does_not_tell_two_indexes_apart_and_being_unique_does() -> None:
    assert is_alike(*both("a", {}, {"expireAfterSeconds": 10}))
    assert not is_same(*both("a", {}, {"expireAfterSeconds": 10}))
    assert not is_alike(*both("a", {}, {"unique": True}))
