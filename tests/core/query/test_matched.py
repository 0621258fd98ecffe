"""The positional projection, ``{"items.$": 1}``."""

from __future__ import annotations

import pytest

from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.query.matched import PositionalProjection, compile_find_projection
from nosqlpy.errors import OperationFailure, QueryError


def projected(filter, projection, document):
    """What a find returns of a document that its filter matches."""
    predicate = compile_filter(filter)

    assert predicate.matches(document)
    return compile_find_projection(projection, predicate).apply(document)


@pytest.mark.parametrize(
    ("filter", "projection", "document", "expected"),
    [
        ({"a": {"$gt": 1}}, {"a.$": 1}, {"_id": 1, "a": [1, 2, 3], "b": 5}, {"_id": 1, "a": [2]}),
        ({"a": 2}, {"a.$": True, "b": 1, "_id": 0}, {"_id": 1, "a": [1, 2], "b": 5}, {"a": [2], "b": 5}),
        ({"a.b": 2}, {"a.$": 1, "_id": 0}, {"a": [{"b": 1}, {"b": 2, "c": 3}]}, {"a": [{"b": 2, "c": 3}]}),
        ({"a.b": 2}, {"a.b.$": 1, "_id": 0}, {"a": [{"b": 1}, {"b": 2, "c": 3}]}, {"a": [{"b": 2}]}),
        ({"x.a": 2}, {"x.a.$": 1, "_id": 0}, {"x": {"a": [1, 2], "b": 1}}, {"x": {"a": [2]}}),
        ({"a": {"$elemMatch": {"$gt": 1}}}, {"a.$": 1, "_id": 0}, {"a": [1, 5]}, {"a": [5]}),
        ({"b": 2}, {"a.$": 1, "_id": 0}, {"a": [5, 6], "b": [1, 2]}, {"a": [6]}),
        ({"a": 3}, {"a.$": 1, "_id": 0}, {"a": 3}, {"a": 3}),
        ({"a": None}, {"a.$": 1, "_id": 0}, {"b": 3}, {}),
        ({"a.x": 3}, {"a.$": 1, "_id": 0}, {"a": {"x": 3}}, {"a": {"x": 3}}),
    ],
)
def test_of_an_array_the_matched_element_is_returned(filter, projection, document, expected):
    assert projected(filter, projection, document) == expected


def test_the_document_is_not_changed():
    document = {"x": {"a": [1, 2]}}
    projected({"x.a": 2}, {"x.a.$": 1}, document)

    assert document == {"x": {"a": [1, 2]}}


@pytest.mark.parametrize(
    ("filter", "document", "code"),
    [
        ({"a": {"$ne": 9}}, {"a": [1, 2]}, 51246),
        ({"a.0": 1}, {"a": [1, 2]}, 51246),
        ({}, {"a": [1, 2]}, 51246),
        ({"b": 2, "a": {"$size": 1}}, {"a": [1], "b": [0, 0, 2]}, 51247),
    ],
)
def test_an_array_without_a_matched_element_is_an_error(filter, document, code):
    with pytest.raises(OperationFailure) as caught:
        projected(filter, {"a.$": 1}, document)

    assert (caught.value.code, caught.value.code_name) == (code, f"Location{code}")


@pytest.mark.parametrize(
    ("projection", "code"),
    [
        ({"a.$": 1, "b.$": 1}, 31276),
        ({"a.$": {"$slice": 1}}, 31271),
        ({"a.$": "x"}, 31308),
        ({"a.$": 0}, 31395),
        ({"a.$": False}, 31395),
        ({"a.$.$": 1}, 31394),
        ({"a.$.b.$": 1}, 31394),
        ({"a.$.b": 1}, 31394),
        ({".$": 1}, 5392900),
        ({"$": 1}, 16410),
        ({"a.$": 1, "b": {"$elemMatch": {"c": 1}}}, 31255),
        ({"b": {"$elemMatch": {"c": 1}}, "a.$": 1}, 31256),
        ({"a.$": 1, "a": 1}, 31250),
        ({"a.$": 1, "a.b": 1}, 31249),
        ({"a.$": 1, "b": 0}, 31254),
        ({"a": {"b.$.c": 1}}, 31394),
        ({"a": {".$": 1}}, 5392900),
        ({"a": {"$": 1}}, 31325),
        ({"a": {"b.$": 1}, "c.$": 1}, 31276),
        ({"a": {"b.$": 1}, "c": {"$elemMatch": {"d": 1}}}, 31255),
        ({"a": {"b.$": 1}, "a.b": 1}, 31250),
    ],
)
def test_a_positional_projection_that_means_nothing_is_refused(projection, code):
    with pytest.raises(QueryError) as caught:
        compile_find_projection(projection, compile_filter({"a": 1, "b": 2}))

    assert caught.value.code == code


def test_other_projections_are_not_positional():
    predicate = compile_filter({"a": 1})

    assert type(compile_find_projection({"a.$": 1}, predicate)) is PositionalProjection
    assert type(compile_find_projection({"a": 1}, predicate)) is not PositionalProjection
    assert type(compile_find_projection(["a"], predicate)) is not PositionalProjection
