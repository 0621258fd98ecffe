"""Finds that one index answers at once: they are cursors like all others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nosqlpy import ClosedError, InvalidOperation, Limits, NotSupportedError, QueryError


@pytest.fixture
async def people(users: Any) -> Any:
    """Twenty people with indexes on their name, which two of them share, their age and their day."""
    day = datetime(2024, 1, 1, tzinfo=UTC)
    await users.insert_many(
        [{"_id": n, "name": f"n{n // 2}", "age": n * 7 % 20, "day": day + timedelta(days=n)} for n in range(20)]
    )
    for field in ("name", "age", "day"):
        await users.create_index(field)
    return users


async def ids(cursor: Any) -> list[int]:
    return [document["_id"] for document in await cursor.to_list()]


FINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "one": ({"age": 7}, {}),
    "several": ({"name": "n3"}, {}),
    "the first of several": ({"name": "n3"}, {"limit": 1}),
    "none": ({"name": "x"}, {}),
    "by id": ({"_id": 3}, {}),
    "by an id that is not there": ({"_id": "x"}, {}),
    "a float": ({"age": 7.0}, {}),
    "a bool": ({"age": True}, {}),
    "a date": ({"day": datetime(2024, 1, 3, tzinfo=UTC)}, {}),
    "range": ({"age": {"$gte": 3, "$lt": 9}}, {}),
    "half a range": ({"age": {"$gt": 15}}, {}),
    "the first of a range": ({"age": {"$gt": 3}}, {"limit": 4}),
    "range of dates": (
        {"day": {"$gt": datetime(2024, 1, 3, tzinfo=UTC), "$lte": datetime(2024, 1, 5, tzinfo=UTC)}},
        {},
    ),
    "range of two kinds": ({"age": {"$gte": 3, "$lt": "x"}}, {}),
    "empty range": ({"age": {"$gt": 9, "$lt": 3}}, {}),
    "sort": ({}, {"sort": "age", "limit": 3}),
    "sort backwards": ({}, {"sort": "-day", "limit": 3}),
    "sort of all": ({}, {"sort": "-age"}),
    "no index": ({"other": 1}, {}),
    "all": ({}, {}),
}


@pytest.mark.parametrize("name", FINDS)
async def test_a_find_with_an_index_gives_what_a_scan_gives(people: Any, name: str) -> None:
    filter, options = FINDS[name]
    scanned = await people.find(filter, hint="$natural", **options).to_list()

    assert await people.find(filter, **options).to_list() == scanned
    assert [document async for document in people.find(filter, **options)] == scanned
    assert await people.find(filter, **options).first() == (scanned[0] if scanned else None)


@pytest.mark.parametrize("filter", [{"name": "n3"}, {"age": {"$gte": 3, "$lt": 9}}])
async def test_what_is_done_to_a_filter_after_the_find_does_not_count(people: Any, filter: dict[str, Any]) -> None:
    wanted = await ids(people.find(filter))
    indexed, scanned = people.find(filter), people.find(filter).hint("$natural")
    value = next(iter(filter.values()))
    if isinstance(value, dict):
        value["$lt"] = 4
    filter["name"] = "x"

    assert await ids(indexed) == wanted
    assert await ids(scanned) == wanted


async def test_a_cursor_that_was_read_gives_nothing_more_until_it_is_rewound(people: Any) -> None:
    cursor = people.find({"name": "n3"})
    found = await ids(cursor)
    await people.insert_one({"_id": 99, "name": "n3"})
    again = await ids(cursor)

    assert (found, again, cursor.alive) == ([6, 7], [], False)
    assert await ids(await cursor.rewind()) == [6, 7, 99]


async def test_a_cursor_is_of_the_moment_when_it_was_first_asked(people: Any) -> None:
    cursor = people.find({"name": "n3"})
    async for document in cursor:
        first = document["_id"]
        break
    await people.delete_many({})

    assert (first, await ids(cursor)) == (6, [7])


async def test_a_cursor_can_be_changed_until_it_is_read_and_not_after(people: Any) -> None:
    cursor = people.find({}).sort("-age").limit(3).limit(2)
    clone = cursor.clone()
    found = await ids(cursor)

    assert found == await ids(clone)
    assert len(found) == 2
    for change in (lambda: cursor.limit(1), lambda: cursor.sort("age"), lambda: cursor.project(["age"])):
        with pytest.raises(InvalidOperation, match="the cursor has started"):
            change()


async def test_a_closed_cursor_is_not_read(people: Any) -> None:
    cursor = people.find({"name": "n3"})
    await cursor.first()

    with pytest.raises(ClosedError, match="the cursor is closed"):
        await cursor.to_list()


async def test_a_projection_or_a_type_counts_as_in_any_find(people: Any) -> None:
    projected = await people.find({"name": "n3"}).project(["age"]).to_list()
    limited = await people.find({"name": "n3"}).limit(1).project(["age"]).to_list()

    assert projected == [{"_id": 6, "age": 2}, {"_id": 7, "age": 9}]
    assert limited == projected[:1]


@pytest.mark.parametrize(
    ("ask", "refusal"),
    [
        (lambda users: users.find({"$foo": 1}), QueryError),
        (lambda users: users.find({"$where": 1}), NotSupportedError),
        (lambda users: users.find({"a" + ".a" * 200: 1}), QueryError),
        (lambda users: users.find({"\ud800": 1}), QueryError),
        (lambda users: users.find({1: 1}), QueryError),
        (lambda users: users.find({"age": {1, 2}}), QueryError),
        (lambda users: users.find(7), QueryError),
        (lambda users: users.find(sort="a,b"), QueryError),
        (lambda users: users.find().sort("a..b"), QueryError),
        (lambda users: users.find({"name": "n3"}).limit(1.5), QueryError),
        (lambda users: users.find({"name": "n3"}).limit(2**63), QueryError),
        (lambda users: users.find({"name": "n3"}).sort(7), QueryError),
        (lambda users: users.find({"name": "n3"}, skip=-1), QueryError),
    ],
)
async def test_a_malformed_find_is_refused_when_it_is_made(
    people: Any, ask: Callable[[Any], Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        ask(people)


async def test_a_refused_change_leaves_a_cursor_as_it_was(people: Any) -> None:
    cursor = people.find({"name": "n3"})
    for change in (lambda: cursor.limit("x"), lambda: cursor.sort("a,b"), lambda: cursor.hint(7)):
        with pytest.raises(QueryError):
            change()

    assert await ids(cursor) == [6, 7]


async def test_a_filter_past_a_limit_is_refused_when_the_find_is_made(connect: Callable[..., Any]) -> None:
    users = connect(":memory:", limits=Limits(depth=1))["users"]

    with pytest.raises(QueryError, match="more than 1 levels"):
        users.find({"age": {"$gt": 1}})


async def test_what_a_transaction_has_written_is_found_within_it_only(people: Any) -> None:
    async with people.client.transaction() as tx:
        await people.insert_one({"_id": 99, "name": "n3", "age": 5.5}, session=tx)
        within = await ids(people.find({"name": "n3"}, session=tx))
        leading = await ids(people.find(session=tx, sort="-age", limit=1))
        between = await ids(people.find({"age": {"$gt": 5, "$lt": 6}}, session=tx))
        outside = await ids(people.find({"name": "n3"}))

    assert (within, leading, between, outside) == ([6, 7, 99], [17], [99], [6, 7])


async def test_what_has_expired_is_not_found(users: Any) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    await users.insert_many([{"_id": 1, "name": "a", "at": past}, {"_id": 2, "name": "a"}])
    await users.create_index("name")
    await users.create_index("at", expireAfterSeconds=1)

    assert await ids(users.find({"name": "a"})) == [2]
    assert await ids(users.find(sort="-name", limit=1)) == [2]


@pytest.mark.parametrize("options", [{"sparse": True}, {"hidden": True}, {"partialFilterExpression": {"age": 1}}])
async def test_an_index_without_some_documents_does_not_answer_for_them(users: Any, options: dict[str, Any]) -> None:
    await users.insert_many([{"_id": 1, "age": 1}, {"_id": 2}, {"_id": 3, "age": 0}])
    await users.create_index("age", **options)

    assert await ids(users.find(sort="age", limit=2)) == [2, 3]
    assert await ids(users.find({"age": 0})) == [3]


async def test_more_documents_than_a_step_has_are_found_in_batches(users: Any) -> None:
    await users.insert_many([{"_id": n, "kind": "a", "n": n} for n in range(1200)])
    for field in ("kind", "n"):
        await users.create_index(field)

    assert await ids(users.find({"kind": "a"})) == list(range(1200))
    assert await ids(users.find({"n": {"$gte": 100}})) == list(range(100, 1200))
    assert await ids(users.find(sort="-n", limit=600)) == list(range(1199, 599, -1))


async def test_documents_with_arrays_are_found_once(users: Any) -> None:
    await users.insert_many([{"_id": 1, "n": [1, 5]}, {"_id": 2, "n": 3}, {"_id": 3, "n": [2, 3, 4]}])
    await users.create_index("n")

    assert await ids(users.find({"n": {"$gte": 2, "$lt": 4}})) == [1, 2, 3]
    assert await ids(users.find({"n": 3})) == [2, 3]
    assert await ids(users.find(sort="-n", limit=2)) == [1, 3]


async def test_a_clone_and_a_description_have_what_was_changed_step_by_step(people: Any) -> None:
    cursor = people.find().limit(5).sort("-age").limit(3)

    assert await ids(cursor.clone()) == await ids(cursor) == await ids(people.find(sort={"age": -1}, limit=3))
    assert "sort='-age', limit=3" in repr(cursor)


async def test_an_index_in_the_place_of_one_that_was_dropped_answers_for_all_documents(people: Any) -> None:
    await people.drop_index("age_1")
    await people.create_index("age", name="other", partial_filter_expression={"age": {"$gt": 10}})
    found = await ids(people.find({"age": 3}))
    await people.create_index("age")

    assert found == await ids(people.find({"age": 3})) == [9]
