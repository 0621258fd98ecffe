"""Indexes of other kinds than the ordered one."""

from __future__ import annotations

from typing import Any

import pytest

from nosqlpy import HASHED, TEXT, QueryError, WriteError


@pytest.fixture
async def many(users: Any) -> Any:
    """A collection of a thousand documents, each with its own ``n``."""
    await users.insert_many([{"_id": n, "n": n} for n in range(1000)])
    return users


async def stages(cursor: Any) -> list[str]:
    """Return the stages of a find's plan, the last one first."""
    plan: Any = (await cursor.explain())["queryPlanner"]["winningPlan"]
    found = []
    while plan:
        found.append(plan["stage"])
        plan = plan.get("inputStage")
    return found


async def test_a_hashed_index_answers_equality(many: Any) -> None:
    name = await many.create_index([("n", "hashed")])

    assert name == "n_hashed"
    assert (await many.index_information())[name]["key"] == [("n", "hashed")]
    assert await stages(many.find({"n": 5})) == ["FETCH", "IXSCAN"]
    assert await stages(many.find({"n": {"$in": [5, 6]}})) == ["FETCH", "IXSCAN"]
    assert await many.count({"n": {"$in": [5, 6.0]}}) == 2


async def test_the_kinds_of_indexes_have_names(users: Any) -> None:
    await users.create_index([("email", HASHED)])
    await users.create_index([("name", TEXT)], default_language="none")

    assert list(await users.index_information()) == ["_id_", "email_hashed", "name_text"]


async def test_a_hashed_index_answers_no_range_and_has_no_order(many: Any) -> None:
    await many.create_index([("n", "hashed")])

    assert await stages(many.find({"n": {"$gt": 990}})) == ["COLLSCAN"]
    assert await stages(many.find(sort="n")) == ["SORT", "COLLSCAN"]


async def test_a_compound_index_may_have_one_hashed_field(users: Any) -> None:
    await users.insert_many([{"a": n % 3, "b": f"b{n % 5}", "c": n} for n in range(60)])
    await users.create_index({"a": 1, "b": "hashed", "c": 1})

    explained = await users.find({"a": 1, "b": "b2"}).explain()
    assert explained["candidates"] == 4
    assert await stages(users.find({"a": 1, "b": {"$gt": "b2"}})) == ["FETCH", "IXSCAN"]
    assert (await users.find({"a": 1, "b": {"$gt": "b3"}}).explain())["candidates"] == 20


@pytest.mark.parametrize("document", [{"a": [1]}, {"a": []}, {"a": {"b": [1]}}, {"a": [{"b": 1}]}], ids=repr)
async def test_a_hashed_index_refuses_arrays(users: Any, document: Any) -> None:
    path = "a.b" if "b" in repr(document) else "a"
    await users.create_index([(path, "hashed")])
    with pytest.raises(WriteError, match="array") as caught:
        await users.insert(document)

    assert caught.value.code == 16766
    assert await users.count() == 0


async def test_a_hashed_index_is_not_made_over_arrays(users: Any) -> None:
    await users.insert({"a": [1]})
    with pytest.raises(WriteError) as caught:
        await users.create_index([("a", "hashed")])

    assert caught.value.code == 16766
    assert list(await users.index_information()) == ["_id_"]


async def test_an_update_that_makes_an_array_is_refused_beside_a_hashed_index(users: Any) -> None:
    await users.create_index([("a", "hashed")])
    await users.insert({"_id": 1, "a": 1})
    with pytest.raises(WriteError) as caught:
        await users.update_one({"_id": 1}, {"$set": {"a": [1, 2]}})

    assert caught.value.code == 16766
    assert await users.find_one({"a": 1}) == {"_id": 1, "a": 1}


async def test_a_partial_hashed_index_leaves_arrays_of_other_documents_alone(users: Any) -> None:
    await users.create_index([("a", "hashed")], partialFilterExpression={"b": 1})
    await users.insert({"a": [1], "b": 2})
    with pytest.raises(WriteError):
        await users.insert({"a": [1], "b": 1})

    assert await users.count({"a": 1}) == 1


@pytest.mark.parametrize(
    ("keys", "options", "code"),
    [
        ({"a": "hashed"}, {"unique": True}, 16764),
        ({"a": "hashed", "b": "hashed"}, {}, 31303),
    ],
)
async def test_a_hashed_index_that_cannot_be_is_refused(users: Any, keys: Any, options: Any, code: int) -> None:
    with pytest.raises(QueryError) as caught:
        await users.create_index(keys, **options)

    assert caught.value.code == code
