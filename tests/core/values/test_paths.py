"""Which values a path reaches: cases of the server's own tests (src/mongo/db/matcher/path_test.cpp) and its quirks."""

from __future__ import annotations

import bson
import pytest

from nosqlpy._core.values.paths import parse_path
from nosqlpy._core.values.types import MISSING
from nosqlpy.errors import QueryError

CASES = [
    # path, document, values
    ("a", {"a": 5}, [5]),
    ("a", {"b": 4}, [MISSING]),
    ("a", {"a": None}, [None]),
    ("a", {"a": [5, 4]}, [5, 4, [5, 4]]),
    ("a", {"a": [5, [2, 4]]}, [5, [2, 4], [5, [2, 4]]]),
    ("a", {"a": []}, [[]]),
    ("a", {"a": {"b": 5}}, [{"b": 5}]),
    ("a.b", {"a": {"b": 5}}, [5]),
    ("a.b", {"a": {}}, [MISSING]),
    ("a.b", {"a": 4}, [MISSING]),
    ("a.b", {}, [MISSING]),
    ("a.b", {"a": [5]}, []),
    ("a.b", {"a": []}, []),
    ("a.b", {"a": [{"b": 5}, 3, {}, {"b": [9, 11]}, {"b": 7}]}, [5, MISSING, 9, 11, [9, 11], 7]),
    ("a.b", {"a": {"b": [5, 4]}}, [5, 4, [5, 4]]),
    ("a.b", {"a": [[{"b": 5}]]}, []),
    ("a.b.c", {"a": [{"b": [{"c": 1}, {"c": [2]}]}, {"b": {"c": 3}}]}, [1, 2, [2], 3]),
    ("a.b.c", {"a": [{"b": 4}]}, [MISSING]),
    ("a.1", {"a": [5, 7, 3]}, [7]),
    ("a.1", {"a": [5, [2, 4], 3]}, [[2, 4]]),
    ("a.1", {"a": [5, {"1": 4}, 3]}, [4, {"1": 4}]),
    ("a.1", {"a": {"1": [8]}}, [8, [8]]),
    ("a.0", {"a": [{"b": 1}]}, [MISSING, {"b": 1}]),
    ("a.3", {"a": [1]}, []),
    ("a.00", {"a": [1]}, []),
    ("a.-1", {"a": [1]}, []),
    ("a.1.b", {"a": [5, {"b": 4}, 3]}, [MISSING, 4]),
    ("a.1.b", {"a": [5, [{"b": 4}], 3]}, [4]),
    ("a.0.1", {"a": [[5, 6]]}, [6]),
    ("a.0.0.b", {"a": [[{"b": 1}]]}, [MISSING, 1]),
    ("a.b.x", {"a": [{"b": []}, {"b": []}]}, []),
    ("ref.$id", {"ref": {"$ref": "c", "$id": 3}}, [3]),
    ("ref.$id", {"ref": bson.DBRef("c", 3)}, [3]),
    ("refs.$id", {"refs": [bson.DBRef("c", 3), bson.DBRef("c", 4)]}, [3, 4]),
    ("a.b", {"a": ({"b": (1, 2)},)}, [1, 2, [1, 2]]),  # not as decoded: any mapping or sequence counts
    ("a.b", {"a": bson.SON(b=1)}, [1]),
]


@pytest.mark.parametrize(("path", "document", "values"), CASES, ids=repr)
def test_a_path_reaches_the_values_that_the_server_tests(path, document, values):
    assert parse_path(path).values(document) == values


@pytest.mark.parametrize(
    ("path", "document", "leaves"),
    [
        ("a", {"a": [1, 2]}, [[1, 2]]),
        ("a", {}, [MISSING]),
        ("a.b", {"a": [{"b": [1]}, {"b": 2}, 3]}, [[1], 2]),
        ("a.0", {"a": [[1]]}, [[1]]),
    ],
    ids=repr,
)
def test_leaves_keep_a_final_array_whole(path, document, leaves):
    assert parse_path(path).leaves(document) == leaves


@pytest.mark.parametrize(
    ("path", "code"), [("", 56), ("a..b", 56), ("a.", 56), ("$a", 52), (".".join("a" * 201), 15), (5, 2)], ids=repr
)
def test_a_malformed_path_is_refused_with_its_code(path, code):
    with pytest.raises(QueryError) as caught:
        parse_path(path)

    assert caught.value.code == code


def test_a_filter_may_name_empty_fields():
    assert parse_path("a.", empty_parts=True).values({"a": {"": 1}}) == [1]


def test_parsing_is_cached():
    assert parse_path("some.path") is parse_path("some.path")
