"""Cursors: lazy, chainable, one-shot, of one moment."""

from __future__ import annotations

import copy
import gc
from typing import Any

import pytest

from nosqlpy import Client, ClosedError, InvalidOperation, QueryError


@pytest.fixture
async def numbers(users: Any) -> Any:
    """A collection of ten documents, numbered."""
    await users.insert_many([{"_id": n, "n": n, "even": n % 2 == 0} for n in range(10)])
    return users


async def ids(cursor: Any) -> list[int]:
    return [document["_id"] async for document in cursor]


async def test_a_cursor_yields_its_documents_one_by_one(numbers: Any) -> None:
    found = [document async for document in numbers.find({"n": {"$lt": 2}})]

    assert found == [{"_id": 0, "n": 0, "even": True}, {"_id": 1, "n": 1, "even": False}]


async def test_builders_can_be_chained(numbers: Any) -> None:
    found = await numbers.find({"even": True}).sort("-n").skip(1).limit(2).project(["n"]).to_list()

    assert found == [{"_id": 6, "n": 6}, {"_id": 4, "n": 4}]


async def test_a_builder_changes_the_cursor_and_returns_it(numbers: Any) -> None:
    cursor = numbers.find()
    cursor.limit(2)
    cursor.limit(3)

    assert await ids(cursor) == [0, 1, 2]


async def test_a_cursor_runs_when_it_is_first_asked_for_a_document(numbers: Any) -> None:
    cursor = numbers.find({"n": {"$gte": 9}})
    await numbers.insert({"_id": 10, "n": 10})

    assert await ids(cursor) == [9, 10]


@pytest.mark.parametrize("options", [{}, {"sort": "-n"}, {"limit": 1500}, {"filter": {"n": {"$gte": 0}}}])
async def test_a_cursor_sees_one_moment_whatever_is_written_meanwhile(users: Any, options: dict[str, Any]) -> None:
    await users.insert_many([{"_id": n, "n": n} for n in range(2000)])
    expected = await users.find(**options)
    cursor = users.find(**options)
    found = await cursor.to_list(1)
    await users.update_many({}, {"$set": {"n": -1}})
    await users.delete_many({"_id": {"$gte": 1000}})
    await users.insert({"_id": "new", "n": 5})
    found += await cursor.to_list()

    assert found == expected


async def test_a_cursor_outlives_the_collection_that_it_reads(numbers: Any) -> None:
    cursor = numbers.find()
    await cursor.to_list(1)
    await numbers.drop()

    assert len(await cursor.to_list()) == 9


async def test_documents_may_be_written_while_a_cursor_reads_them(numbers: Any) -> None:
    async for document in numbers.find():
        await numbers.update_one({"_id": document["_id"]}, {"$inc": {"n": 100}})
        await numbers.insert({"copy": document["_id"]})

    assert await numbers.count({"n": {"$gte": 100}}) == 10
    assert await numbers.count() == 20


async def test_to_list_returns_all_that_is_left(numbers: Any) -> None:
    cursor = numbers.find()
    first = await cursor.to_list(3)
    rest = await cursor.to_list()

    assert [document["_id"] for document in first] == [0, 1, 2]
    assert [document["_id"] for document in rest] == [3, 4, 5, 6, 7, 8, 9]


async def test_to_list_returns_no_more_than_there_is(numbers: Any) -> None:
    assert len(await numbers.find().to_list(99)) == 10
    assert await numbers.find().to_list(0) == []
    assert len(await numbers.find().to_list(length=4)) == 4


@pytest.mark.parametrize("length", [-1, "x", 1.5])
async def test_to_list_refuses_what_is_no_length(numbers: Any, length: Any) -> None:
    with pytest.raises(QueryError, match="length"):
        await numbers.find().to_list(length)


async def test_a_cursor_runs_once(numbers: Any) -> None:
    cursor = numbers.find()
    first = await cursor.to_list()

    assert len(first) == 10
    assert await cursor.to_list() == []
    assert await ids(cursor) == []


async def test_a_rewound_cursor_starts_again_and_sees_a_new_moment(numbers: Any) -> None:
    cursor = numbers.find({"n": {"$gte": 8}})
    before = await ids(cursor)
    await numbers.insert({"_id": 10, "n": 10})
    rewound = await cursor.rewind()

    assert before == [8, 9]
    assert await ids(rewound) == [8, 9, 10]


async def test_a_cursor_can_be_rewound_halfway(numbers: Any) -> None:
    cursor = numbers.find(sort="n")
    await cursor.to_list(4)
    await cursor.rewind()

    assert len(await cursor.to_list()) == 10


async def test_a_rewound_cursor_can_be_changed(numbers: Any) -> None:
    cursor = numbers.find()
    await cursor.to_list()
    await cursor.rewind()

    assert await ids(cursor.limit(2)) == [0, 1]


async def test_a_clone_is_the_same_find_and_not_started(numbers: Any) -> None:
    cursor = numbers.find({"even": True}, ["n"], sort="-n", limit=2)
    await cursor.to_list(1)
    clone = cursor.clone()

    assert await clone.to_list() == [{"_id": 8, "n": 8}, {"_id": 6, "n": 6}]
    assert await cursor.to_list() == [{"_id": 6, "n": 6}]


async def test_changing_a_clone_leaves_the_cursor_as_it_was(numbers: Any) -> None:
    cursor = numbers.find(limit=3)
    clone = cursor.clone().limit(1).sort("-n")

    assert await ids(clone) == [9]
    assert await ids(cursor) == [0, 1, 2]


@pytest.mark.parametrize(
    "change",
    [
        lambda cursor: cursor.sort("n"),
        lambda cursor: cursor.skip(1),
        lambda cursor: cursor.limit(1),
        lambda cursor: cursor.project(["n"]),
        lambda cursor: cursor.hint("$natural"),
    ],
    ids=["sort", "skip", "limit", "project", "hint"],
)
async def test_a_cursor_that_has_started_cannot_be_changed(numbers: Any, change: Any) -> None:
    cursor = numbers.find()
    await cursor.to_list(1)
    with pytest.raises(InvalidOperation, match=r"started.*clone"):
        change(cursor)

    assert len(await cursor.to_list()) == 9


async def test_a_refused_change_leaves_the_cursor_as_it_was(numbers: Any) -> None:
    cursor = numbers.find(limit=2)
    with pytest.raises(QueryError):
        cursor.skip(-1)

    assert await ids(cursor) == [0, 1]


async def test_a_direction_without_a_name_is_refused(numbers: Any) -> None:
    with pytest.raises(QueryError, match="direction"):
        numbers.find().sort([("n", 1)], -1)


async def test_a_cursor_is_alive_until_it_has_run_out(numbers: Any) -> None:
    cursor = numbers.find()
    states = [cursor.alive]
    await cursor.to_list(1)
    states.append(cursor.alive)
    await cursor.to_list()
    states.append(cursor.alive)

    assert states == [True, True, False]


async def test_a_closed_cursor_is_not_alive_and_yields_nothing_more(numbers: Any) -> None:
    cursor = numbers.find()
    await cursor.to_list(1)
    await cursor.aclose()
    with pytest.raises(ClosedError, match="closed"):
        await cursor.to_list()

    assert cursor.alive is False


async def test_a_cursor_can_be_closed_before_it_starts(numbers: Any) -> None:
    cursor = numbers.find()
    await cursor.aclose()
    await cursor.aclose()
    with pytest.raises(ClosedError, match="closed"):
        await cursor.first()

    assert cursor.alive is False


async def test_a_closed_cursor_can_be_rewound(numbers: Any) -> None:
    cursor = numbers.find()
    await cursor.aclose()
    await cursor.rewind()

    assert len(await cursor.to_list()) == 10


async def test_a_cursor_is_closed_at_the_end_of_its_block(numbers: Any) -> None:
    async with numbers.find() as cursor:
        await cursor.to_list(1)

    assert cursor.alive is False


async def test_first_returns_the_first_document_and_closes_the_cursor(numbers: Any) -> None:
    cursor = numbers.find(sort="-n")
    first = await cursor.first()

    assert first["_id"] == 9
    assert cursor.alive is False


async def test_first_of_nothing_is_none(numbers: Any) -> None:
    assert await numbers.find({"n": 99}).first() is None


async def test_a_cursor_has_no_truth_value(numbers: Any) -> None:
    with pytest.raises(TypeError, match=r"exists\(\)"):
        bool(numbers.find())


async def test_explain_does_not_start_the_cursor(numbers: Any) -> None:
    cursor = numbers.find()
    await cursor.explain()

    assert await ids(cursor.limit(1)) == [0]


async def test_leaving_a_loop_early_leaves_no_trace(numbers: Any) -> None:
    async for _ in numbers.find():
        break
    gc.collect()

    assert await numbers.count() == 10


async def test_a_cursor_says_what_it_finds_without_running(users: Any) -> None:
    shown = repr(users.find({"a": 1}, sort="-a", limit=3))

    assert "users" in shown
    assert "limit=3" in shown


async def test_what_a_find_cannot_mean_is_refused_at_once(numbers: Any) -> None:
    with pytest.raises(QueryError, match=r"\$gtt.*\$gt"):
        numbers.find({"n": {"$gtt": 1}})


async def test_a_cursor_of_a_closed_client_is_refused(db: Any, numbers: Any) -> None:
    cursor = numbers.find()
    await db.close()
    with pytest.raises(ClosedError, match="closed"):
        await cursor.to_list()

    assert db.is_closed


def test_a_copy_of_a_cursor_is_a_new_one() -> None:
    with Client(":memory:") as client:
        client["numbers"].insert_many([{"_id": n} for n in range(5)])
        cursor = client["numbers"].find()
        next(cursor)

        assert len(copy.copy(cursor).to_list()) == 5
        assert len(cursor.to_list()) == 4
