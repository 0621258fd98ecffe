"""update_one, update_many, replace_one, upserts, deletions, find_one_and_*."""

from __future__ import annotations

import re
from typing import Any

import pytest

from nosqlpy import DeleteResult, DuplicateKeyError, QueryError, ReturnDocument, UpdateResult, WriteError

THREE = [{"_id": 1, "age": 20}, {"_id": 2, "age": 30}, {"_id": 3, "age": 30}]


@pytest.fixture
async def three(users: Any) -> Any:
    """A collection of three documents."""
    await users.insert_many(THREE)
    return users


async def test_update_one_changes_the_first_match_only(three: Any) -> None:
    result = await three.update_one({"age": 30}, {"$set": {"seen": True}})

    assert result == UpdateResult(matched_count=1, modified_count=1)
    assert await three.find() == [THREE[0], {**THREE[1], "seen": True}, THREE[2]]


async def test_update_one_takes_pymongos_keywords(three: Any) -> None:
    result = await three.update_one(filter={"_id": 1}, update={"$inc": {"age": 1}}, upsert=False)

    assert result.modified_count == 1
    assert await three.get(1) == {"_id": 1, "age": 21}


async def test_update_many_changes_all_matches(three: Any) -> None:
    result = await three.update_many({"age": {"$lt": 40}}, {"$inc": {"age": 1}})

    assert result == UpdateResult(matched_count=3, modified_count=3)
    assert [document["age"] for document in await three.find()] == [21, 31, 31]


async def test_an_update_of_nothing_matches_nothing(three: Any) -> None:
    result = await three.update_many({"age": 99}, {"$set": {"a": 1}})

    assert result == UpdateResult(matched_count=0, modified_count=0)
    assert await three.find() == THREE


async def test_an_update_in_a_collection_that_is_not_there_does_not_make_it(db: Any) -> None:
    result = await db["nobody"].update_one({"a": 1}, {"$set": {"a": 2}})

    assert result == UpdateResult(0, 0)
    assert await db.list_collection_names() == []


async def test_an_update_that_changes_nothing_counts_as_matched_and_not_as_modified(three: Any) -> None:
    result = await three.update_many({"age": 30}, {"$set": {"age": 30}})

    assert result == UpdateResult(matched_count=2, modified_count=0)


async def test_all_update_operators_of_the_first_seed_work_together(users: Any) -> None:
    await users.insert({"_id": 1, "n": 1, "old": 1, "tags": ["a"], "colours": ["red", "blue"]})
    await users.update_one(
        {"_id": 1},
        {
            "$set": {"name": "ada"},
            "$unset": {"old": ""},
            "$inc": {"n": 2},
            "$push": {"tags": "b"},
            "$pull": {"colours": "red"},
        },
    )

    assert await users.get(1) == {"_id": 1, "n": 3, "tags": ["a", "b"], "colours": ["blue"], "name": "ada"}


async def test_an_update_that_fails_on_one_document_changes_none(users: Any) -> None:
    await users.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": "text"}, {"_id": 3, "n": 3}])
    with pytest.raises(WriteError, match=r"\$inc.*'n'"):
        await users.update_many({}, {"$inc": {"n": 1}})

    assert [document["n"] for document in await users.find()] == [1, "text", 3]


async def test_an_upsert_inserts_the_equalities_of_the_filter_and_the_update(users: Any) -> None:
    result = await users.update_one({"name": "ada", "age": {"$gt": 3}}, {"$set": {"n": 1}}, upsert=True)
    found = await users.find_one()

    assert (result.matched_count, result.modified_count) == (0, 0)
    assert result.upserted_id == found["_id"]
    assert re.fullmatch("[0-9a-f]{24}", found["_id"])
    assert found == {"_id": found["_id"], "name": "ada", "n": 1}


async def test_an_upsert_takes_the_id_of_the_filter(users: Any) -> None:
    result = await users.update_one({"_id": 7}, {"$set": {"n": 1}}, upsert=True)

    assert result == UpdateResult(0, 0, 7)
    assert await users.find() == [{"_id": 7, "n": 1}]


async def test_an_upsert_takes_the_third_argument_by_position(users: Any) -> None:
    result = await users.update_many({"_id": 7}, {"$set": {"n": 1}}, True)

    assert result.upserted_id == 7


async def test_an_upsert_that_matches_updates(three: Any) -> None:
    result = await three.update_many({"age": 30}, {"$inc": {"age": 1}}, upsert=True)

    assert result == UpdateResult(2, 2)
    assert await three.count() == 3


async def test_an_upsert_whose_id_is_taken_by_another_document_is_refused(three: Any) -> None:
    with pytest.raises(DuplicateKeyError):
        await three.update_one({"age": 99}, {"$set": {"_id": 1}}, upsert=True)

    assert await three.find() == THREE


async def test_replace_one_keeps_the_id_and_nothing_else(three: Any) -> None:
    result = await three.replace_one({"age": 30}, {"name": "bob"})

    assert result == UpdateResult(1, 1)
    assert await three.find() == [THREE[0], {"_id": 2, "name": "bob"}, THREE[2]]


async def test_replace_one_leaves_the_replacement_as_it_was(three: Any) -> None:
    replacement = {"name": "bob", "tags": ["a"]}
    await three.replace_one({"_id": 1}, replacement)
    replacement["tags"].append("b")  # type: ignore[attr-defined]

    assert replacement == {"name": "bob", "tags": ["a", "b"]}
    assert await three.get(1) == {"_id": 1, "name": "bob", "tags": ["a"]}


async def test_replace_one_upserts_with_the_id_of_the_filter(users: Any) -> None:
    result = await users.replace_one({"_id": 5, "age": 3}, {"name": "bob"}, upsert=True)

    assert result == UpdateResult(0, 0, 5)
    assert await users.find() == [{"_id": 5, "name": "bob"}]


async def test_replace_one_upserts_with_the_id_of_the_replacement(users: Any) -> None:
    result = await users.replace_one({"age": 3}, {"_id": 5, "name": "bob"}, upsert=True)

    assert result.upserted_id == 5


async def test_replace_one_with_the_same_document_modifies_nothing(three: Any) -> None:
    result = await three.replace_one({"_id": 1}, {"_id": 1, "age": 20})

    assert result == UpdateResult(1, 0)


async def test_delete_one_deletes_the_first_match(three: Any) -> None:
    result = await three.delete_one({"age": 30})

    assert result == DeleteResult(1)
    assert await three.find() == [THREE[0], THREE[2]]


async def test_delete_many_deletes_all_matches(three: Any) -> None:
    result = await three.delete_many({"age": 30})

    assert result == DeleteResult(2)
    assert await three.find() == [THREE[0]]


async def test_delete_many_of_everything_leaves_an_empty_collection(db: Any, three: Any) -> None:
    result = await three.delete_many({})

    assert result.deleted_count == 3
    assert await db.list_collection_names() == ["users"]


async def test_delete_one_of_nothing_deletes_nothing(three: Any) -> None:
    result = await three.delete_one({"age": 99})

    assert result == DeleteResult(0)


@pytest.mark.parametrize("method", ["delete_one", "delete_many"])
async def test_a_deletion_without_a_filter_is_refused(three: Any, method: str) -> None:
    with pytest.raises(QueryError, match="filter"):
        await getattr(three, method)(None)

    assert await three.count() == 3


async def test_find_one_and_update_returns_the_document_as_it_was(three: Any) -> None:
    found = await three.find_one_and_update({"age": 30}, {"$inc": {"age": 1}})

    assert found == {"_id": 2, "age": 30}
    assert await three.get(2) == {"_id": 2, "age": 31}


async def test_find_one_and_update_returns_the_document_as_it_is(three: Any) -> None:
    found = await three.find_one_and_update({"age": 30}, {"$inc": {"age": 1}}, return_document=ReturnDocument.AFTER)

    assert found == {"_id": 2, "age": 31}


async def test_find_one_and_update_takes_the_first_of_a_sort(three: Any) -> None:
    found = await three.find_one_and_update({}, {"$set": {"last": True}}, sort=[("_id", -1)])

    assert found == {"_id": 3, "age": 30}
    assert await three.get(3) == {"_id": 3, "age": 30, "last": True}


async def test_find_one_and_update_projects_what_it_returns(three: Any) -> None:
    found = await three.find_one_and_update({"_id": 1}, {"$set": {"b": 1}}, projection=["age"], return_document=True)

    assert found == {"_id": 1, "age": 20}


async def test_find_one_and_update_of_nothing_is_none(three: Any) -> None:
    assert await three.find_one_and_update({"age": 99}, {"$set": {"a": 1}}) is None
    assert await three.find() == THREE


async def test_find_one_and_update_upserts(users: Any) -> None:
    before = await users.find_one_and_update({"_id": 1}, {"$inc": {"n": 1}}, upsert=True)
    after = await users.find_one_and_update({"_id": 2}, {"$inc": {"n": 1}}, upsert=True, return_document=True)

    assert before is None
    assert after == {"_id": 2, "n": 1}
    assert await users.find() == [{"_id": 1, "n": 1}, {"_id": 2, "n": 1}]


async def test_find_one_and_update_that_changes_nothing_returns_the_document(three: Any) -> None:
    found = await three.find_one_and_update({"_id": 1}, {"$set": {"age": 20}}, return_document=ReturnDocument.AFTER)

    assert found == {"_id": 1, "age": 20}


async def test_find_one_and_replace_returns_the_document_as_it_was_or_is(three: Any) -> None:
    before = await three.find_one_and_replace({"_id": 1}, {"name": "bob"})
    after = await three.find_one_and_replace({"_id": 2}, {"name": "eve"}, return_document=ReturnDocument.AFTER)

    assert before == {"_id": 1, "age": 20}
    assert after == {"_id": 2, "name": "eve"}


async def test_find_one_and_replace_upserts(users: Any) -> None:
    found = await users.find_one_and_replace({"_id": 1}, {"n": 1}, upsert=True, return_document=True)

    assert found == {"_id": 1, "n": 1}


async def test_find_one_and_delete_returns_the_document_that_is_gone(three: Any) -> None:
    found = await three.find_one_and_delete({"age": 30}, sort="-_id", projection={"age": 0})

    assert found == {"_id": 3}
    assert [document["_id"] for document in await three.find()] == [1, 2]


async def test_find_one_and_delete_of_nothing_is_none(three: Any) -> None:
    assert await three.find_one_and_delete({"age": 99}) is None
    assert await three.count() == 3
