"""$expr: conditions computed by expressions, on encoded documents and on decoded ones.

Manual: reference/operator/query/expr; server tests: jstests/core/query/expr/expr.js.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.values.codec import decode_document, encode_document
from nosqlpy.errors import OperationFailure

DOCUMENTS = [
    {"_id": 1, "category": "food", "budget": 400, "spent": 450, "d": {"x": 5, "y": {"z": 1}}},
    {"_id": 2, "category": "drinks", "budget": 100, "spent": 150, "d": {"x": [1, 2], "y": None}},
    {"_id": 3, "category": "clothes", "budget": 100, "spent": 50, "d": [{"x": 5}, {"x": 6, "y": {"z": 2}}, 7]},
    {"_id": 4, "category": "misc", "budget": 500, "spent": 300, "d": 5},
    {"_id": 5, "category": "travel", "budget": 200, "d": {"x": [{"y": 1}], "y": [{"z": 3}, {"z": 4}]}},
    {"_id": 6, "budget": None, "spent": "text", "d": {"y": {"z": {"w": 1}}}},
]

CASES = [
    ({"$expr": {"$gt": ["$spent", "$budget"]}}, [1, 2, 6]),
    ({"$expr": {"$lt": ["$spent", "$budget"]}}, [3, 4, 5]),
    ({"$expr": {"$eq": ["$_id", 3]}}, [3]),
    ({"$expr": "$spent"}, [1, 2, 3, 4, 6]),
    ({"$expr": True}, [1, 2, 3, 4, 5, 6]),
    ({"$expr": False}, []),
    ({"$expr": {}}, [1, 2, 3, 4, 5, 6]),
    ({"$expr": {"$eq": ["$d.x", 5]}}, [1]),
    ({"d.x": 5}, [1, 3]),
    ({"$expr": {"$eq": ["$d.x", [1, 2]]}}, [2]),
    ({"$expr": {"$eq": ["$d.x", [5, 6]]}}, [3]),
    ({"$expr": {"$eq": ["$d.y.z", [3, 4]]}}, [5]),
    ({"$expr": {"$eq": ["$d.y.z", [2]]}}, [3]),
    ({"$expr": {"$eq": ["$d.x.y", [1]]}}, [5]),
    ({"$expr": {"$eq": [{"$type": "$d.y.z"}, "missing"]}}, [2, 4]),
    ({"$expr": {"$eq": [{"$type": "$d.y.z.w"}, "missing"]}}, [1, 2, 4]),
    ({"$expr": {"$in": ["$category", ["food", "misc"]]}}, [1, 4]),
    ({"$expr": {"$gt": [{"$size": {"$objectToArray": "$$ROOT"}}, 4]}}, [1, 2, 3, 4]),
    ({"$expr": {"$eq": ["$$ROOT.category", "food"]}}, [1]),
    ({"budget": 100, "$expr": {"$gt": ["$spent", 100]}}, [2]),
    ({"$expr": {"$gt": ["$spent", 100]}, "budget": 100}, [2]),
    ({"$and": [{"$expr": {"$gt": ["$spent", 100]}}, {"$expr": {"$lt": ["$spent", 400]}}]}, [2, 4]),
    ({"$or": [{"$expr": {"$eq": ["$_id", 1]}}, {"category": "misc"}]}, [1, 4]),
    (
        {"$or": [{"$expr": {"$eq": ["$$ROOT._id", 1]}}, {"d.x": 5}, {"$expr": {"$eq": ["$d.y", "$$ROOT.none"]}}]},
        [1, 3, 4],
    ),
    ({"$nor": [{"$expr": {"$gt": ["$spent", "$budget"]}}, {"_id": 3}]}, [4, 5]),
    ({"$nor": [{"$expr": {"$gt": [{"$size": {"$objectToArray": "$$ROOT"}}, 4]}}, {"d.y.z": 3}]}, [6]),
    ({"$expr": {"$gt": ["$spent", 100]}, "$comment": "why"}, [1, 2, 4, 6]),
    ({"d": {"$exists": True}, "$expr": {"$isArray": "$d"}}, [3]),
    ({"d.y.z": {"$gt": 1}, "$expr": {"$isArray": "$d.y.z"}}, [3, 5]),
]


@pytest.mark.parametrize(("filter", "expected"), CASES, ids=str)
def test_an_expression_selects_the_documents_that_it_is_true_for(filter, expected):
    predicate = compile_filter(filter)
    blobs = [encode_document(document) for document in DOCUMENTS]
    selected = predicate.select(blobs)

    assert [document["_id"] for document in DOCUMENTS if predicate.matches(document)] == expected
    assert [blobs.index(blob) + 1 for blob in selected] == expected


def test_filters_of_one_shape_keep_their_own_expressions():
    more, less = (compile_filter({"$expr": {name: ["$spent", "$budget"]}}) for name in ("$gt", "$lt"))

    assert more.matches(DOCUMENTS[0])
    assert not less.matches(DOCUMENTS[0])


def test_an_expression_is_no_equality():
    predicate = compile_filter({"$expr": {"$eq": ["$a", 1]}, "b": 2})

    assert predicate.equalities == {"b": [2]}
    assert predicate.seeds == [("b", 2)]
    assert not predicate.everything


def test_an_expression_in_an_or_leaves_the_equalities_beside_it():
    predicate = compile_filter({"$or": [{"$expr": True}, {"a": 1}], "b": 2})

    assert predicate.equalities == {"b": [2]}


@pytest.mark.parametrize(
    ("expression", "paths"),
    [({"$gt": ["$a.b", "$c"]}, {"a.b", "c", "d"}), ("$$ROOT", {"d"}), (1, {"d"})],
)
def test_a_filter_reads_the_paths_of_its_expressions(expression, paths):
    assert compile_filter({"$expr": expression, "d": 1}).paths == paths


def test_an_expression_that_cannot_be_computed_fails_as_on_the_server():
    predicate = compile_filter({"$expr": {"$divide": [1, "$a"]}})

    with pytest.raises(OperationFailure) as caught:
        predicate.select([encode_document({"a": 0})])
    assert caught.value.code == 2


def test_an_expression_that_may_fail_is_not_computed_for_documents_already_out():
    predicate = compile_filter({"a": {"$ne": 0}, "$expr": {"$gt": [{"$divide": [1, "$a"]}, 0.5]}})

    assert len(predicate.select([encode_document({"a": number}) for number in (0, 1, 4)])) == 1


def test_expressions_use_the_variables_of_the_command():
    predicate = compile_filter({"$expr": {"$lt": ["$budget", "$$limit"]}}, {"limit": 150})

    assert [document["_id"] for document in DOCUMENTS if predicate.matches(document)] == [2, 3, 6]


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"$expr": {"$gt": ["$$NOW", datetime(2000, 1, 1, tzinfo=UTC)]}}, [2, 5]),
        ({"$expr": {"$lt": ["$$NOW", datetime(2000, 1, 1, tzinfo=UTC)]}}, []),
        ({"$or": [{"a": 5}, {"$expr": {"$lt": ["$$NOW", datetime(2000, 1, 1, tzinfo=UTC)]}}]}, [5]),
        ({"$nor": [{"$expr": {"$lt": ["$$NOW", datetime(2000, 1, 1, tzinfo=UTC)]}}]}, [2, 5]),
        ({"$expr": {"$let": {"vars": {"x": 1}, "in": {"$eq": ["$$x", 1]}}}}, [2, 5]),
    ],
)
def test_an_expression_that_reads_no_field_holds_for_all_documents_or_none(filter: Any, expected: list[int]) -> None:
    predicate = compile_filter(filter, {"NOW": datetime(2026, 1, 1, tzinfo=UTC)})
    blobs = [encode_document({"a": a}) for a in (2, 5)]

    assert [decode_document(blob)["a"] for blob in predicate.select(blobs)] == expected
    assert [a for a in (2, 5) if predicate.matches({"a": a})] == expected


def test_an_expression_that_reads_no_field_and_fails_is_an_error() -> None:
    predicate = compile_filter({"$expr": {"$toInt": "abc"}})

    with pytest.raises(OperationFailure):
        predicate.select([encode_document({"a": 1})])
