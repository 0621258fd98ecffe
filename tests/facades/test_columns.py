"""Columns: repeated scans of the same paths decode no document, and always give the answer that documents give."""

from __future__ import annotations

from typing import Any

import pytest

from nosqlpy._core.engine import columns, hints

pytestmark = pytest.mark.anyio

SIZE = 300


@pytest.fixture(autouse=True)
def columns_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "LEAST", 10)


@pytest.fixture
async def people(db: Any) -> Any:
    """Documents whose columns of ``city`` and ``age`` are kept, unless the budget is nothing."""
    users = db["users"]
    await users.insert_many([{"_id": n, "city": f"city {n % 7}", "age": n % 50, "tags": [n]} for n in range(SIZE)])
    for _ in range(2):
        await users.count({"city": "city 3", "age": {"$lt": 20}})
    return users


@pytest.fixture
def place(directory: Any) -> str:
    return str(directory)


async def read_columns(cursor: Any) -> Any:
    return (await cursor.explain())["queryPlanner"]["winningPlan"].get("columns")


async def test_the_second_scan_of_some_paths_keeps_their_columns(users: Any) -> None:
    await users.insert_many([{"a": n % 3, "b": {"c": n}} for n in range(50)])
    bytes_taken = []
    for _ in range(3):
        assert await users.count({"a": 1, "b.c": {"$lt": 20}}) == 7
        bytes_taken.append((await users.stats())["column_bytes"])

    assert bytes_taken[0] == 0
    assert 0 < bytes_taken[1] == bytes_taken[2]


async def test_explain_names_the_columns_that_a_scan_reads(people: Any) -> None:
    assert await read_columns(people.find({"city": "city 1"})) == ["city"]
    assert await read_columns(people.find({"age": 1, "city": "city 1"})) == ["age", "city"]
    assert await read_columns(people.find({"other": 1})) is None
    assert await read_columns(people.find({"_id": 1})) is None


async def test_statistics_of_a_scan_of_columns_are_those_of_any_scan(people: Any) -> None:
    stats = (await people.find({"city": "city 1"}).explain("executionStats"))["executionStats"]

    assert stats["totalDocsExamined"] == stats["docsTested"] == SIZE
    assert stats["nReturned"] == 43


async def test_a_cursor_reads_the_moment_in_which_it_began(people: Any) -> None:
    cursor = people.find({"city": "city 3"}, batch_size=5)
    first = await cursor.to_list(5)
    await people.update_many({"city": "city 3"}, {"$set": {"city": "city 4"}})
    await people.delete_many({"age": {"$gt": 40}})

    assert len(first) + len(await cursor.to_list()) == 43
    assert await people.count({"city": "city 3"}) == 0


@pytest.mark.parametrize(
    ("method", "arguments", "found"),
    [
        ("insert_one", ({"city": "city 3", "age": 1},), 18),
        ("update_one", ({"_id": 3}, {"$set": {"city": "elsewhere"}}), 16),
        ("replace_one", ({"_id": 4}, {"city": "city 3", "age": 3}), 18),
        ("delete_one", ({"_id": 3},), 16),
        ("update_many", ({"city": "city 4"}, {"$set": {"city": "city 3"}}), 34),
        ("delete_many", ({},), 0),
        ("drop", (), 0),
    ],
)
async def test_a_write_is_seen_by_the_next_scan(people: Any, method: str, arguments: Any, found: int) -> None:
    assert await people.count({"city": "city 3", "age": {"$lt": 20}}) == 17

    await getattr(people, method)(*arguments)

    assert await people.count({"city": "city 3", "age": {"$lt": 20}}) == found


async def test_a_transaction_scans_its_own_documents_and_leaves_the_columns_as_they_are(db: Any, people: Any) -> None:
    async with db.transaction() as transaction:
        users = transaction["users"]
        await users.update_many({"city": "city 3"}, {"$set": {"city": "city 4"}})
        inside = [await users.count({"city": "city 4"}) for _ in range(3)]
        outside = [await people.count({"city": "city 4"}) for _ in range(3)]

    assert inside == [86] * 3
    assert outside == [43] * 3
    assert await people.count({"city": "city 4"}) == 86


async def test_columns_of_a_dropped_collection_take_no_memory(db: Any, people: Any) -> None:
    before = (await db.stats())["column_bytes"]
    await people.drop()

    assert before > 0
    assert (await db.stats())["column_bytes"] == 0


async def test_columns_take_half_as_much_as_the_memory_budget_at_most(connect: Any, directory: Any) -> None:
    db = connect(f"file://{directory}?memory_budget=20000")
    await db["users"].insert_many([{"_id": n, "a": n, "b": n, "c": n, "d": n} for n in range(100)])
    found = []
    for path in "abcd" * 3:
        found.append(await db["users"].count({path: {"$lt": 50}}))
        assert (await db.stats())["column_bytes"] <= 10_000

    assert found == [50] * 12
    assert (await db.stats())["column_bytes"] > 5000


async def test_without_a_memory_budget_no_columns_are_kept(connect: Any, directory: Any) -> None:
    users = connect(f"file://{directory}?memory_budget=0")["users"]
    await users.insert_many([{"a": n} for n in range(100)])

    assert [await users.count({"a": {"$lt": 50}}) for _ in range(3)] == [50] * 3
    assert (await users.stats())["column_bytes"] == 0


async def test_the_budget_holds_for_columns_of_a_collection_that_was_loaded_from_its_hint(
    connect: Any, directory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "NEW_MIN", 0)
    db = connect(f"file://{directory}")
    await db["users"].insert_many([{"_id": n, "a": n % 7} for n in range(100)])
    await db.close()

    taken = []
    for budget in (0, 100_000):
        again = connect(f"file://{directory}?memory_budget={budget}")
        assert [await again["users"].count({"a": 1}) for _ in range(3)] == [15] * 3
        taken.append((await again.stats())["column_bytes"])
        await again.close()

    assert taken[0] == 0
    assert taken[1] > 100 * 16


async def test_a_field_of_documents_is_never_kept(users: Any) -> None:
    await users.insert_many([{"a": {"b": n % 2}} for n in range(100)])

    assert [await users.count({"a": {"b": 1}}) for _ in range(3)] == [50] * 3
    assert (await users.stats())["column_bytes"] == 0


async def test_a_collection_that_is_written_more_than_scanned_keeps_no_columns(people: Any) -> None:
    for n in range(SIZE // 2):
        await people.update_one({"_id": n}, {"$inc": {"age": 1}})

    assert (await people.stats())["column_bytes"] == 0


async def test_sorts_groups_and_updates_read_columns(people: Any) -> None:
    pipeline = [{"$match": {"age": {"$gte": 40}}}, {"$group": {"_id": "$city", "n": {"$sum": "$age"}}}]
    groups = [await people.aggregate(pipeline).to_list() for _ in range(3)]
    sorted_ids = [[d["_id"] for d in await people.find({}, sort="-age", limit=3).to_list()] for _ in range(3)]
    updated = await people.update_many({"city": "city 3"}, {"$inc": {"age": 1}})

    assert groups[0] == groups[1] == groups[2]
    assert sorted_ids == [[49, 99, 149]] * 3
    assert updated.matched_count == 43


async def test_an_equality_is_found_where_few_documents_meet_it_and_where_many_do(
    users: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "STEP", 16)
    kinds = ["rare" if n % 11 == 0 or n // 60 == 2 else "usual" for n in range(SIZE)]
    await users.insert_many([{"_id": n, "kind": kind, "n": n % 5} for n, kind in enumerate(kinds)])
    for kind in ("rare", "usual", "none"):
        expected = [n for n in range(SIZE) if kinds[n] == kind]
        for _ in range(3):
            found = await users.find({"kind": kind}).to_list()

            assert [document["_id"] for document in found] == expected
            assert await users.count({"kind": kind}) == len(expected)
            assert await users.count({"kind": kind, "n": {"$lt": 3}}) == sum(n % 5 < 3 for n in expected)
