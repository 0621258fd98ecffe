"""By id: bare verbs, plain values."""

from __future__ import annotations

import re
from typing import Any

import pytest

from nosqlpy import DuplicateKeyError, new_id


async def test_insert_returns_the_id_of_the_document(users: Any) -> None:
    found = await users.insert({"_id": 7, "name": "ada"})

    assert found == 7
    assert await users.get(7) == {"_id": 7, "name": "ada"}


async def test_insert_makes_an_id_of_24_hexadecimal_characters(users: Any) -> None:
    found = await users.insert({"name": "ada"})

    assert re.fullmatch("[0-9a-f]{24}", found)
    assert await users.get(found) == {"_id": found, "name": "ada"}


async def test_new_ids_ascend() -> None:
    ids = [new_id() for _ in range(100)]

    assert len(set(ids)) == 100
    assert ids == sorted(ids) or ids[0][:8] < ids[-1][:8]


async def test_new_ids_are_object_ids_to_pymongo(users: Any) -> None:
    bson = pytest.importorskip("bson")
    found = await users.insert({})

    assert str(bson.ObjectId(found)) == found


async def test_the_id_comes_first_wherever_it_stood(users: Any) -> None:
    await users.insert({"name": "ada", "_id": 1})

    assert list(await users.get(1)) == ["_id", "name"]


async def test_inserting_an_id_that_is_taken_is_refused_and_changes_nothing(users: Any) -> None:
    await users.insert({"_id": 7, "age": 36})
    with pytest.raises(DuplicateKeyError) as caught:
        await users.insert({"_id": 7, "age": 99})

    assert await users.find() == [{"_id": 7, "age": 36}]
    assert caught.value.code == 11000
    assert caught.value.details["keyPattern"] == {"_id": 1}
    assert caught.value.details["keyValue"] == {"_id": 7}


async def test_one_and_one_point_zero_are_one_id_and_true_is_another(users: Any) -> None:
    await users.insert({"_id": 1})
    await users.insert({"_id": True})
    with pytest.raises(DuplicateKeyError):
        await users.insert({"_id": 1.0})

    assert await users.get(1.0) == {"_id": 1}
    assert await users.get(True) == {"_id": True}


async def test_a_document_may_be_an_id_and_the_order_of_its_fields_counts(users: Any) -> None:
    await users.insert({"_id": {"a": 1, "b": 2}, "n": 1})
    await users.insert({"_id": {"b": 2, "a": 1}, "n": 2})

    assert (await users.get({"a": 1, "b": 2}))["n"] == 1
    assert (await users.get({"b": 2, "a": 1}))["n"] == 2


async def test_get_returns_none_for_an_id_that_is_not_there(users: Any) -> None:
    await users.insert({"_id": 1})

    assert await users.get(2) is None


async def test_get_returns_none_in_a_collection_that_is_not_there(users: Any) -> None:
    assert await users.get(1) is None


async def test_save_inserts_a_document_that_is_new(users: Any) -> None:
    found = await users.save({"_id": 1, "n": 1})

    assert found == 1
    assert await users.find() == [{"_id": 1, "n": 1}]


async def test_save_replaces_the_document_with_its_id(users: Any) -> None:
    await users.insert({"_id": 1, "n": 1, "old": True})
    found = await users.save({"_id": 1, "n": 2})

    assert found == 1
    assert await users.find() == [{"_id": 1, "n": 2}]


async def test_save_makes_an_id_for_a_document_without(users: Any) -> None:
    found = await users.save({"n": 1})

    assert await users.get(found) == {"_id": found, "n": 1}


async def test_a_replaced_document_keeps_its_place_in_natural_order(users: Any) -> None:
    await users.insert_many([{"_id": n} for n in range(3)])
    await users.save({"_id": 0, "changed": True})

    assert [document["_id"] for document in await users.find()] == [0, 1, 2]


async def test_delete_says_whether_there_was_such_a_document(users: Any) -> None:
    await users.insert({"_id": 1})

    assert await users.delete(1) is True
    assert await users.delete(1) is False
    assert await users.count() == 0


async def test_delete_in_a_collection_that_is_not_there_is_false(users: Any) -> None:
    assert await users.delete(1) is False


async def test_a_deleted_id_can_be_inserted_again(users: Any) -> None:
    await users.insert({"_id": 1, "n": 1})
    await users.delete(1)
    await users.insert({"_id": 1, "n": 2})

    assert await users.get(1) == {"_id": 1, "n": 2}


async def test_exists_says_whether_a_document_matches(users: Any) -> None:
    await users.insert({"age": 36})

    assert await users.exists({"age": {"$gt": 30}}) is True
    assert await users.exists({"age": {"$gt": 40}}) is False


async def test_exists_without_a_filter_says_whether_there_is_a_document(users: Any) -> None:
    before = await users.exists()
    await users.insert({})

    assert before is False
    assert await users.exists() is True


async def test_count_counts_what_matches(users: Any) -> None:
    await users.insert_many([{"age": age} for age in range(10)])

    assert await users.count() == 10
    assert await users.count({}) == 10
    assert await users.count({"age": {"$gte": 7}}) == 3


async def test_count_of_a_collection_that_is_not_there_is_zero(users: Any) -> None:
    assert await users.count() == 0
    assert await users.count({"a": 1}) == 0
