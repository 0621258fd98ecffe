"""find, find_one, count_documents, distinct."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

PEOPLE = [
    {"_id": 1, "name": "ada", "age": 36, "tags": ["x", "y"], "home": {"city": "London", "zip": 1}},
    {"_id": 2, "name": "bob", "age": 20, "tags": ["y"], "home": {"city": "Paris", "zip": 2}},
    {"_id": 3, "name": "cyd", "age": 36, "tags": [], "home": {"city": "Rome", "zip": 3}},
    {"_id": 4, "name": "dan", "age": None},
]


@pytest.fixture
async def people(users: Any) -> Any:
    """A collection of four documents."""
    await users.insert_many(PEOPLE)
    return users


def ids(documents: list[dict[str, Any]]) -> list[Any]:
    return [document["_id"] for document in documents]


async def test_find_without_arguments_finds_all_in_natural_order(people: Any) -> None:
    assert await people.find() == PEOPLE
    assert await people.find(None) == PEOPLE
    assert await people.find({}) == PEOPLE


async def test_find_in_a_collection_that_is_not_there_finds_nothing(users: Any) -> None:
    assert await users.find() == []


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"name": "bob"}, [2]),
        ({"age": {"$gt": 20}}, [1, 3]),
        ({"age": {"$gte": 20, "$lt": 36}}, [2]),
        ({"age": {"$ne": 36}}, [2, 4]),
        ({"name": {"$in": ["ada", "dan"]}}, [1, 4]),
        ({"name": {"$nin": ["ada", "dan"]}}, [2, 3]),
        ({"tags": {"$exists": False}}, [4]),
        ({"tags": "y"}, [1, 2]),
        ({"tags": ["y"]}, [2]),
        ({"home.city": "Rome"}, [3]),
        ({"age": None}, [4]),
        ({"missing": None}, [1, 2, 3, 4]),
        ({"$and": [{"age": 36}, {"tags": "x"}]}, [1]),
        ({"$or": [{"name": "bob"}, {"home.zip": 3}]}, [2, 3]),
        ({"$nor": [{"name": "bob"}, {"age": 36}]}, [4]),
        ({"age": {"$not": {"$gt": 20}}}, [2, 4]),
        ({"age": True}, []),
        ({"age": 36.0}, [1, 3]),
    ],
)
async def test_find_finds_what_the_filter_describes(people: Any, filter: dict[str, Any], found: list[int]) -> None:
    assert ids(await people.find(filter)) == found


@pytest.mark.parametrize(
    ("projection", "found"),
    [
        (["name", "age"], {"_id": 1, "name": "ada", "age": 36}),
        (("name",), {"_id": 1, "name": "ada"}),
        ({"name": 1}, {"_id": 1, "name": "ada"}),
        ({"name": True, "_id": False}, {"name": "ada"}),
        ({"tags": 0, "home": 0}, {"_id": 1, "name": "ada", "age": 36}),
        ({"home.city": 1}, {"_id": 1, "home": {"city": "London"}}),
        ({"home": {"city": 1}, "_id": 0}, {"home": {"city": "London"}}),
        (["missing"], {"_id": 1}),
    ],
)
async def test_find_returns_what_the_projection_asks_for(people: Any, projection: Any, found: dict[str, Any]) -> None:
    assert await people.find({"_id": 1}, projection) == [found]
    assert await people.find({"_id": 1}, projection=projection) == [found]


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ("age", [4, 2, 1, 3]),
        ("-age", [1, 3, 2, 4]),
        ([("age", -1), ("name", -1)], [3, 1, 2, 4]),
        ({"age": -1, "name": 1}, [1, 3, 2, 4]),
        ([("home.zip", -1)], [3, 2, 1, 4]),
        ([("tags", 1)], [3, 4, 1, 2]),
    ],
)
async def test_find_returns_documents_in_the_order_of_the_sort(people: Any, sort: Any, found: list[int]) -> None:
    assert ids(await people.find(sort=sort)) == found
    assert ids(await people.find().sort(sort)) == found


async def test_find_sorts_by_a_name_and_a_direction(people: Any) -> None:
    assert ids(await people.find().sort("name", -1)) == [4, 3, 2, 1]
    assert ids(await people.find().sort("name", 1)) == [1, 2, 3, 4]


async def test_find_skips_and_limits(people: Any) -> None:
    assert ids(await people.find(skip=1, limit=2)) == [2, 3]
    assert ids(await people.find(skip=3)) == [4]
    assert ids(await people.find(skip=9)) == []
    assert ids(await people.find(limit=0)) == [1, 2, 3, 4]


async def test_find_skips_and_limits_what_the_filter_left(people: Any) -> None:
    assert ids(await people.find({"age": 36}, skip=1, limit=5)) == [3]


async def test_find_sorts_before_it_skips_and_limits(people: Any) -> None:
    assert ids(await people.find(sort="-name", skip=1, limit=2)) == [3, 2]


async def test_a_negative_limit_is_a_limit(people: Any) -> None:
    assert ids(await people.find(limit=-2)) == [1, 2]


async def test_all_options_of_find_work_together(people: Any) -> None:
    found = await people.find(
        {"age": {"$gt": 1}}, projection=["name"], sort=[("age", -1), ("name", -1)], skip=1, limit=1
    )

    assert found == [{"_id": 1, "name": "ada"}]


async def test_find_one_returns_the_first_match_or_none(people: Any) -> None:
    assert await people.find_one({"age": 36}) == PEOPLE[0]
    assert await people.find_one({"age": 99}) is None
    assert await people.find_one() == PEOPLE[0]


async def test_find_one_takes_a_filter_that_is_no_mapping_as_an_id(people: Any) -> None:
    await people.insert({"_id": "text"})

    assert await people.find_one(2) == PEOPLE[1]
    assert await people.find_one("text") == {"_id": "text"}
    assert await people.find_one(99) is None


async def test_find_one_projects_sorts_and_skips(people: Any) -> None:
    assert await people.find_one({}, ["name"], sort="-age", skip=1) == {"_id": 3, "name": "cyd"}
    assert await people.find_one(projection={"_id": 1}) == {"_id": 1}


async def test_count_documents_counts_after_skip_and_up_to_limit(people: Any) -> None:
    assert await people.count_documents({}) == 4
    assert await people.count_documents({"age": 36}) == 2
    assert await people.count_documents({"age": 36}, skip=1) == 1
    assert await people.count_documents({}, limit=3) == 3
    assert await people.count_documents({}, skip=3, limit=3) == 1
    assert await people.count_documents({}, skip=9) == 0


async def test_estimated_document_count_is_exact(people: Any) -> None:
    await people.delete(1)

    assert await people.estimated_document_count() == 3


async def test_distinct_returns_each_value_once_in_order(people: Any) -> None:
    assert await people.distinct("age") == [None, 20, 36]


async def test_distinct_takes_the_elements_of_arrays(people: Any) -> None:
    assert await people.distinct("tags") == ["x", "y"]


async def test_distinct_follows_paths_and_filters(people: Any) -> None:
    assert await people.distinct("home.city", {"age": 36}) == ["London", "Rome"]


async def test_distinct_of_a_field_that_nobody_has_is_empty(people: Any) -> None:
    assert await people.distinct("nothing") == []


async def test_distinct_tells_types_apart_but_not_numbers(users: Any) -> None:
    await users.insert_many([{"a": 1}, {"a": True}, {"a": "1"}, {"a": 1.0}])

    assert await users.distinct("a") == [1, "1", True]


async def test_now_is_the_time_of_the_call(db: Any) -> None:
    before = datetime.now(UTC)
    await db["users"].insert({"_id": 1, "due": datetime(2000, 1, 1, tzinfo=UTC)})
    found = await db["users"].find({"$expr": {"$lt": ["$due", "$$NOW"]}}, {"now": "$$NOW"}).first()

    assert before <= found["now"] <= datetime.now(UTC)
