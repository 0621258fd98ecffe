"""``let``: variables for the expressions of one call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from nosqlpy import DeleteMany, QueryError, UpdateMany, UpdateOne

ABOVE = {"$expr": {"$gt": ["$n", "$$limit"]}}


@pytest.fixture
async def numbers(users: Any) -> Any:
    """Documents with n = 1, 2, 3, which is their ``_id`` too."""
    await users.insert_many([{"_id": n, "n": n} for n in (1, 2, 3)])
    return users


async def test_a_filter_uses_a_variable(numbers: Any) -> None:
    assert [found["n"] for found in await numbers.find(ABOVE, let={"limit": 1})] == [2, 3]
    assert [found["n"] for found in await numbers.find(ABOVE, let={"limit": 2})] == [3]
    assert await numbers.find_one(ABOVE, let={"limit": 3}) is None


async def test_a_projection_uses_a_variable(numbers: Any) -> None:
    shown = {"_id": 0, "sum": {"$add": ["$n", "$$more"]}}

    assert await numbers.find_one(1, shown, let={"more": 10}) == {"sum": 11}
    assert await numbers.find({}, shown, let={"more": 20}).sort("n").first() == {"sum": 21}


async def test_a_cursor_keeps_its_variables_when_it_is_changed_or_cloned(numbers: Any) -> None:
    cursor = numbers.find(ABOVE, let={"limit": 1}).sort("-n").limit(1)

    assert await cursor.clone() == [{"_id": 3, "n": 3}]
    assert await cursor.project({"n": 1, "_id": 0, "above": "$$limit"}) == [{"n": 3, "above": 1}]


async def test_a_write_uses_variables_in_its_filter_and_in_its_pipeline(numbers: Any) -> None:
    let = {"limit": 1, "new": {"$add": [40, 2]}}
    pipeline = [{"$set": {"m": "$$new"}}, {"$set": {"sum": {"$add": ["$n", "$$new"]}}}]
    one = await numbers.update_one(ABOVE, pipeline, let=let)
    many = await numbers.update_many(ABOVE, pipeline, let=let)

    assert (one.modified_count, many.matched_count, many.modified_count) == (1, 2, 1)
    assert await numbers.get(1) == {"_id": 1, "n": 1}
    assert await numbers.get(3) == {"_id": 3, "n": 3, "m": 42, "sum": 45}


async def test_replace_and_delete_use_variables(numbers: Any) -> None:
    await numbers.replace_one(ABOVE, {"n": 0}, let={"limit": 2})
    one = await numbers.delete_one(ABOVE, let={"limit": 1})
    many = await numbers.delete_many(ABOVE, let={"limit": -1})

    assert (one.deleted_count, many.deleted_count) == (1, 2)


async def test_find_one_and_change_uses_variables_in_filter_projection_and_pipeline(numbers: Any) -> None:
    let = {"limit": 2, "new": 7}
    shown = {"_id": 0, "m": 1, "was": "$$limit"}
    updated = await numbers.find_one_and_update(
        ABOVE, [{"$set": {"m": "$$new"}}], projection=shown, return_document=True, let=let
    )
    replaced = await numbers.find_one_and_replace(ABOVE, {"n": 9}, projection=shown, let=let)
    deleted = await numbers.find_one_and_delete(ABOVE, projection=shown, let=let)

    assert updated == {"m": 7, "was": 2}
    assert replaced == {"m": 7, "was": 2}
    assert deleted == {"was": 2}


async def test_an_upsert_uses_variables_in_its_pipeline(users: Any) -> None:
    await users.update_one({"_id": 1}, [{"$set": {"a": "$$x"}}], upsert=True, let={"x": 5})

    assert await users.get(1) == {"_id": 1, "a": 5}


async def test_all_requests_of_a_bulk_write_use_its_variables(numbers: Any) -> None:
    requests = [UpdateMany(ABOVE, [{"$set": {"m": "$$limit"}}]), UpdateOne({"_id": 1}, [{"$set": {"m": "$$limit"}}])]
    await numbers.bulk_write([*requests, DeleteMany({"$expr": {"$lt": ["$n", "$$limit"]}})], let={"limit": 2})

    assert await numbers.find() == [{"_id": 2, "n": 2}, {"_id": 3, "n": 3, "m": 2}]


async def test_the_filter_and_the_update_of_a_call_see_one_time_and_one_value(users: Any) -> None:
    await users.insert({"_id": 1})
    same = {"$and": [{"$eq": ["$$at", "$$NOW"]}, {"$lte": ["$$at", "$$NOW"]}]}
    done = await users.update_one({"$expr": same}, [{"$set": {"same": same}}], let={"at": "$$NOW"})

    assert done.matched_count == 1
    assert await users.get(1) == {"_id": 1, "same": True}


CALLS: dict[str, Callable[..., Awaitable[Any]]] = {
    "find": lambda users, **let: users.find(ABOVE, **let).to_list(),
    "find_one": lambda users, **let: users.find_one(ABOVE, **let),
    "update_one": lambda users, **let: users.update_one(ABOVE, {"$set": {"a": 1}}, **let),
    "update_many": lambda users, **let: users.update_many({}, [{"$set": {"a": "$$limit"}}], **let),
    "replace_one": lambda users, **let: users.replace_one(ABOVE, {}, **let),
    "delete_one": lambda users, **let: users.delete_one(ABOVE, **let),
    "delete_many": lambda users, **let: users.delete_many(ABOVE, **let),
    "find_one_and_update": lambda users, **let: users.find_one_and_update(ABOVE, {"$set": {"a": 1}}, **let),
    "find_one_and_replace": lambda users, **let: users.find_one_and_replace(ABOVE, {}, **let),
    "find_one_and_delete": lambda users, **let: users.find_one_and_delete(ABOVE, **let),
}


async def _refusal(call: Any, users: Any, **let: Any) -> QueryError:
    async def run() -> None:
        await call(users, **let)

    with pytest.raises(QueryError) as caught:
        await run()
    return caught.value


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_an_undefined_variable_is_refused_and_changes_nothing(numbers: Any, call: Any) -> None:
    assert (await _refusal(call, numbers)).code == 17276
    assert (await _refusal(call, numbers, let={"limits": 1})).code == 17276
    assert await numbers.find() == [{"_id": n, "n": n} for n in (1, 2, 3)]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_let_that_means_nothing_is_refused(numbers: Any, call: Any) -> None:
    assert (await _refusal(call, numbers, let={"Limit": 1})).code == 9
    assert (await _refusal(call, numbers, let=[1])).code == 14


async def test_every_method_that_has_let_has_hint_too(numbers: Any) -> None:
    await numbers.create_index("n")
    requests = [
        UpdateOne({"n": 1}, {"$set": {"a": 1}}, hint="n_1"),
        UpdateMany({"n": 2}, {"$set": {"a": 1}}, hint={"n": 1}),
        DeleteMany({"n": 3}, hint=[("n", 1)]),
    ]
    await numbers.bulk_write(requests)

    assert await numbers.find_one({"n": 1}, hint="n_1") == {"_id": 1, "n": 1, "a": 1}
    assert await numbers.distinct("n", {"n": 2}, hint="n_1") == [2]
    assert (await numbers.update_many({"n": 1}, {"$set": {"b": 1}}, hint="n_1")).modified_count == 1
    assert (await numbers.find_one_and_delete({"n": 1}, hint="n_1"))["b"] == 1
    assert (await numbers.delete_one({"n": 2}, hint="n_1")).deleted_count == 1


HINTED: dict[str, Callable[..., Awaitable[Any]]] = {
    name: call for name, call in CALLS.items() if name not in ("find", "update_many")
} | {"distinct": lambda users, **hint: users.distinct("n", {"n": 1}, **hint)}


@pytest.mark.parametrize("call", HINTED.values(), ids=HINTED)
async def test_a_hint_that_names_no_index_is_refused(numbers: Any, call: Any) -> None:
    let = {} if call is HINTED["distinct"] else {"let": {"limit": 0}}

    assert (await _refusal(call, numbers, hint="no_such_index", **let)).code == 2
    assert await numbers.count() == 3


async def test_a_time_given_by_let_is_compared_as_a_date(users: Any) -> None:
    await users.insert({"_id": 1, "at": datetime(2020, 1, 1, tzinfo=UTC)})
    since = {"$expr": {"$gte": ["$at", "$$since"]}}

    assert await users.find(since, let={"since": datetime(2019, 1, 1, tzinfo=UTC)}).first() is not None
    assert await users.find(since, let={"since": datetime(2021, 1, 1, tzinfo=UTC)}).first() is None


async def test_a_sample_is_drawn_anew_by_each_call(users: Any) -> None:
    await users.insert_many([{"_id": n} for n in range(2000)])
    samples = [[found["_id"] for found in await users.find({"$sampleRate": 0.5})] for _ in range(2)]

    assert all(800 < len(sample) < 1200 for sample in samples)
    assert samples[0] != samples[1]
    assert 800 < await users.count({"$expr": {"$lt": [{"$rand": {}}, 0.5]}}) < 1200


async def test_an_update_draws_a_number_for_each_document(users: Any) -> None:
    await users.insert_many([{"_id": n} for n in range(50)])
    await users.update_many({}, [{"$set": {"lot": {"$rand": {}}}}])

    assert len(await users.distinct("lot")) == 50
