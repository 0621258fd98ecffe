"""Updates from end to end: positional operators, array filters, sort, the current date, literals."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nosqlpy import QueryError, ReturnDocument, WriteError, literal


async def test_dollar_updates_the_element_that_the_filter_matched(users: Any) -> None:
    await users.insert({"_id": 1, "items": [{"k": 1, "n": 0}, {"k": 2, "n": 0}]})
    result = await users.update_one({"items.k": 2}, {"$inc": {"items.$.n": 5}})

    assert (result.matched_count, result.modified_count) == (1, 1)
    assert await users.get(1) == {"_id": 1, "items": [{"k": 1, "n": 0}, {"k": 2, "n": 5}]}


async def test_dollar_is_found_anew_in_every_document(users: Any) -> None:
    await users.insert_many([{"_id": 1, "a": [7, 0]}, {"_id": 2, "a": [0, 7]}])
    await users.update_many({"a": 7}, {"$set": {"a.$": 8}})

    assert await users.find({}) == [{"_id": 1, "a": [8, 0]}, {"_id": 2, "a": [0, 8]}]


@pytest.mark.parametrize("indexed", [False, True])
async def test_dollar_does_not_depend_on_an_index(users: Any, indexed: bool) -> None:
    await users.insert_many([{"_id": i, "a": [i, i + 1]} for i in range(20)])
    if indexed:
        await users.create_index("a")
    await users.update_many({"a": 5}, {"$set": {"a.$": "five"}})

    assert await users.find({"a": "five"}) == [{"_id": 4, "a": [4, "five"]}, {"_id": 5, "a": ["five", 6]}]


async def test_dollar_without_a_matched_element_changes_nothing(users: Any) -> None:
    await users.insert_many([{"_id": 1, "a": [1]}, {"_id": 2, "a": 1}])
    with pytest.raises(WriteError, match="did not find the match") as caught:
        await users.update_many({"a": 1}, {"$set": {"a.$": 2}})

    assert (caught.value.code, caught.value.details) == (2, {"_id": 2})
    assert await users.find({}) == [{"_id": 1, "a": [1]}, {"_id": 2, "a": 1}]


async def test_dollar_cannot_be_upserted(users: Any) -> None:
    with pytest.raises(WriteError) as caught:
        await users.update_one({"a": 1}, {"$set": {"a.$": 2}}, upsert=True)

    assert caught.value.code == 2
    assert await users.count() == 0


async def test_array_filters_choose_the_elements(users: Any) -> None:
    await users.insert_many([{"_id": i, "grades": [95, 110, 100]} for i in range(2)])
    filters = [{"high": {"$gte": 100}}]
    update = {"$set": {"grades.$[high]": 100}}
    one = await users.update_one({"_id": 0}, update, array_filters=filters)
    many = await users.update_many({}, update, array_filters=filters)

    assert (one.modified_count, many.matched_count, many.modified_count) == (1, 2, 1)
    assert await users.distinct("grades") == [95, 100]


async def test_array_filters_hold_for_find_one_and_update(users: Any) -> None:
    await users.insert({"_id": 1, "a": [1, 2]})
    after = await users.find_one_and_update(
        {}, {"$set": {"a.$[i]": 0}}, array_filters=[{"i": 2}], return_document=ReturnDocument.AFTER
    )
    last = await users.find_one_and_update({"a": 0}, {"$set": {"a.$": 9}}, return_document=ReturnDocument.AFTER)

    assert after == {"_id": 1, "a": [1, 0]}
    assert last == {"_id": 1, "a": [1, 9]}


async def test_an_upsert_applies_array_filters_to_the_filters_array(users: Any) -> None:
    result = await users.update_one(
        {"_id": 5, "a": [0, 1]}, {"$set": {"a.$[i]": 2}}, upsert=True, array_filters=[{"i": 0}]
    )

    assert result.upserted_id == 5
    assert await users.get(5) == {"_id": 5, "a": [2, 1]}


async def test_an_array_filter_that_is_not_used_is_refused(users: Any) -> None:
    with pytest.raises(QueryError, match="'i'") as caught:
        await users.update_one({}, {"$set": {"a": 1}}, array_filters=[{"i": 0}])

    assert caught.value.code == 9


async def test_sort_says_which_document_is_the_first(users: Any) -> None:
    await users.insert_many([{"_id": i, "n": -i} for i in range(3)])
    await users.update_one({}, {"$set": {"hit": 1}}, sort="n")
    await users.replace_one({"hit": None}, {"hit": 2}, sort=[("_id", -1)])

    assert await users.find({}) == [{"_id": 0, "n": 0}, {"_id": 1, "hit": 2}, {"_id": 2, "n": -2, "hit": 1}]


async def test_a_sort_that_means_nothing_is_refused(users: Any) -> None:
    with pytest.raises(QueryError):
        await users.update_one({}, {"$set": {"a": 1}}, sort={"a": 5})


async def test_the_current_date_is_that_of_the_update(users: Any) -> None:
    await users.insert_many([{"_id": 1, "a": [0, 1]}, {"_id": 2, "a": [0]}])
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    await users.update_many({}, {"$currentDate": {"seen": True, "a.$[i]": {"$type": "date"}}}, array_filters=[{"i": 0}])
    found = await users.get(1)

    assert before <= found["seen"] <= datetime.now(UTC)
    assert found["a"] == [found["seen"], 1]
    assert (await users.get(2))["seen"] == found["seen"]


async def test_the_current_date_of_each_update_is_its_own(users: Any) -> None:
    update = {"$currentDate": {"seen": True}}
    first = await users.find_one_and_update({"_id": 1}, update, upsert=True, return_document=ReturnDocument.AFTER)
    second = await users.find_one_and_update({"_id": 1}, update, return_document=ReturnDocument.AFTER)

    assert first["seen"] <= second["seen"]
    assert type(first["seen"]) is datetime


@pytest.mark.parametrize("attack", [{"$ne": ""}, {"$gt": ""}, {"$regex": ".*"}, re.compile(".*"), {"$in": ["secret"]}])
async def test_a_literal_is_never_an_operator(users: Any, attack: Any) -> None:
    await users.insert({"_id": 1, "password": "secret"})

    assert await users.find_one({"password": attack}) is not None
    assert await users.find_one({"password": literal(attack)}) is None
    assert await users.find_one({"password": literal("secret")}) is not None


def test_a_literal_is_an_equality() -> None:
    assert literal({"$ne": ""}) == {"$eq": {"$ne": ""}}


async def test_a_positional_projection_returns_the_matched_element(users: Any) -> None:
    await users.insert_many([{"_id": i, "a": [0, i, 9]} for i in range(3)])

    assert await users.find({"a": {"$gt": 0}}, {"a.$": 1}) == [
        {"_id": 0, "a": [9]},
        {"_id": 1, "a": [1]},
        {"_id": 2, "a": [2]},
    ]
    assert await users.find_one({"a": 2}, {"a.$": 1, "_id": 0}) == {"a": [2]}


async def test_a_positional_projection_shows_the_document_as_it_was_found(users: Any) -> None:
    await users.insert({"_id": 1, "a": [1, 2]})
    before = await users.find_one_and_update({"a": 2}, {"$set": {"a.$": 5}}, projection={"a.$": 1})
    with pytest.raises(QueryError, match="positional"):
        await users.find_one_and_update(
            {"a": 5}, {"$set": {"a.$": 6}}, projection={"a.$": 1}, return_document=ReturnDocument.AFTER
        )

    assert before == {"_id": 1, "a": [2]}
    assert await users.get(1) == {"_id": 1, "a": [1, 5]}
