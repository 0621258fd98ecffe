from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nosqlpy._core.index.catalogue import ID_DEFINITION, IndexDefinition
from nosqlpy._core.index.expiry import seconds_to_next
from nosqlpy._core.index.manager import IndexManager
from nosqlpy._core.index.options import changed_index, define_index
from nosqlpy._core.values.codec import encode_document
from nosqlpy.errors import NotSupportedError, OperationFailure, QueryError

AGE = IndexDefinition("age_1", (("age", 1),))
OLD = IndexDefinition("at_1", (("at", 1),), expire_after=60)
PAIR = IndexDefinition("a_1_b_1", (("a", 1), ("b", 1)))
HELD = [ID_DEFINITION, AGE, OLD, PAIR]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": "age_1", "hidden": True}, {"hidden": True}),
        ({"keyPattern": {"age": 1}, "hidden": True}, {"hidden": True}),
        ({"name": "at_1", "expireAfterSeconds": 90}, {"expire_after": 90}),
        ({"name": "at_1", "expireAfterSeconds": 0, "hidden": True}, {"expire_after": 0, "hidden": True}),
        ({"name": "age_1", "expireAfterSeconds": 1.5}, {"expire_after": 1.5}),
    ],
    ids=str,
)
def test_an_index_is_changed_in_what_is_named(change: dict[str, Any], expected: dict[str, Any]) -> None:
    changed = changed_index(change, HELD)

    assert changed is not None
    assert {name: getattr(changed, name) for name in expected} == expected


def test_an_index_that_is_as_it_shall_be_is_not_changed() -> None:
    assert changed_index({"name": "age_1", "hidden": False}, HELD) is None
    assert changed_index({"name": "at_1", "expireAfterSeconds": 60}, HELD) is None


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ("age_1", QueryError, 14),
        ({"name": "age_1", "prepareUnique": True}, NotSupportedError, None),
        ({"name": "age_1", "hiden": True}, QueryError, None),
        ({"name": "age_1"}, QueryError, None),
        ({"name": "age_1", "keyPattern": {"age": 1}, "hidden": True}, QueryError, None),
        ({"hidden": True}, QueryError, None),
        ({"name": "none", "hidden": True}, OperationFailure, 27),
        ({"name": "_id_", "hidden": True}, QueryError, None),
        ({"name": "age_1", "hidden": 1}, QueryError, 14),
        ({"name": "at_1", "expireAfterSeconds": -1}, QueryError, 72),
        ({"name": "at_1", "expireAfterSeconds": float("nan")}, QueryError, 72),
        ({"name": "at_1", "expireAfterSeconds": None}, QueryError, 72),
        ({"name": "at_1", "expireAfterSeconds": "x"}, QueryError, 14),
        ({"name": "at_1", "expireAfterSeconds": True}, QueryError, 14),
        ({"name": "_id_", "expireAfterSeconds": 5}, QueryError, 72),
        ({"name": "a_1_b_1", "expireAfterSeconds": 5}, QueryError, 72),
    ],
    ids=str,
)
def test_a_change_that_means_nothing_is_refused(change: Any, error: type[Exception], code: int | None) -> None:
    with pytest.raises(error) as caught:
        changed_index(change, HELD)

    assert code is None or caught.value.code == code


@pytest.mark.parametrize(
    ("keys", "options", "code"),
    [
        ({"a": "hashed", "b": "hashed"}, {}, 31303),
        ({"a": "hashed"}, {"unique": True}, 16764),
        ({"a": "hashed"}, {"expireAfterSeconds": 5}, 67),
        ([("a", 1), ("b", 1)], {"expireAfterSeconds": 5}, 67),
        ("a", {"sparse": True, "partialFilterExpression": {"a": 1}}, 67),
        ("a", {"partialFilterExpression": {"a": {"$ne": 1}}}, 67),
        ("a", {"partialFilterExpression": {"a": {"$exists": False}}}, 67),
        ("a", {"partialFilterExpression": {"$nor": [{"a": 1}]}}, 67),
        ("a", {"partialFilterExpression": {"$and": [{"a": {"$regex": "x"}}]}}, 67),
        ("a", {"partialFilterExpression": 5}, 14),
        ("a", {"unique": 1}, 14),
        ("a", {"uniqe": True}, None),
    ],
    ids=str,
)
def test_an_index_that_cannot_be_is_refused(keys: Any, options: dict[str, Any], code: int | None) -> None:
    with pytest.raises(QueryError) as caught:
        define_index(keys, None, options)

    assert code is None or caught.value.code == code


@pytest.mark.parametrize("name", ["", 5, b"x"], ids=repr)
def test_the_name_of_an_index_is_text(name: Any) -> None:
    with pytest.raises(QueryError):
        define_index("a", name, {})


@pytest.mark.parametrize(
    ("option", "nearby"),
    [
        ("sprase", "sparse"),
        ("wildcardProjektion", "wildcardProjection"),
        ("expireAfter", "expireAfterSeconds"),
        ("progres", "progress"),
        ("durabilty", "durability"),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest_one(option: str, nearby: str) -> None:
    with pytest.raises(QueryError, match=f"{option!r}; did you mean {nearby!r}"):
        define_index("a", None, {option: True})


def test_an_option_is_taken_in_both_spellings() -> None:
    snake = define_index("a", None, {"partial_filter_expression": {"a": {"$gt": 1}}, "expire_after_seconds": 5})
    camel = define_index("a", None, {"partialFilterExpression": {"a": {"$gt": 1}}, "expireAfterSeconds": 5})

    assert snake == camel
    assert snake.options == {"partialFilterExpression": {"a": {"$gt": 1}}, "expireAfterSeconds": 5}


def test_an_index_knows_when_its_next_document_expires() -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    documents = [encode_document({"_id": n, "at": now - timedelta(seconds=10 * n)}) for n in range(3)]
    index = IndexManager.make(OLD, [0, 1, 2], documents)

    assert seconds_to_next(index, now) == 40
    assert seconds_to_next(IndexManager.make(OLD, [], []), now) is None
