"""Databases larger than their memory budget, and ones that are opened by a hint: real files, threads and loops."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from nosqlpy import Client, DeleteOne, InsertOne
from nosqlpy._core.engine import hints
from nosqlpy._core.index.deferred import DeferredIndex
from nosqlpy.errors import CorruptionError, DuplicateKeyError


@pytest.fixture
def hinted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of any size gets a hint."""
    monkeypatch.setattr(hints, "NEW_MIN", 0)


def filled(directory: Path, count: int = 300, **options: Any) -> None:
    with Client(directory, **options) as client:
        client["users"].create_index("x")
        client["users"].insert_many([{"_id": number, "x": number % 7} for number in range(count)])
        client["others"].insert_many([{"_id": f"{number}"} for number in range(count)])


def engine_of(db: Any) -> Any:
    backend = getattr(db, "target", db)._backend
    return backend._database.engine


@pytest.mark.usefixtures("hinted")
async def test_a_document_is_found_in_a_database_of_which_nothing_is_loaded(connect: Any, directory: Path) -> None:
    filled(directory)
    db = connect(directory)

    assert await db["users"].get(123) == {"_id": 123, "x": 4}
    assert await db["users"].get(1000) is None
    assert await db["users"].find_one({"_id": 5.0}) == {"_id": 5, "x": 5}
    assert [collection.is_loaded for collection in engine_of(db).collections.values()] == [False, False]


@pytest.mark.usefixtures("hinted")
async def test_a_scan_loads_the_collection_that_it_goes_through_and_no_other(connect: Any, directory: Path) -> None:
    filled(directory)
    db = connect(directory)

    assert len(await db["users"].find({"x": {"$nin": [0, 1, 2, 3]}}).to_list()) == 128
    collections = engine_of(db).collections
    assert {name: collection.is_loaded for name, collection in collections.items()} == {"users": True, "others": False}
    assert type(collections["users"].indexes.by_name["x_1"]) is DeferredIndex


@pytest.mark.usefixtures("hinted")
async def test_an_index_that_is_used_for_the_first_time_is_built(connect: Any, directory: Path) -> None:
    filled(directory)
    db = connect(directory)

    assert await db["users"].count({"x": 3}) == 43
    assert type(engine_of(db).collections["users"].indexes.by_name["x_1"]) is not DeferredIndex


@pytest.mark.usefixtures("hinted")
async def test_a_transaction_goes_on_with_a_collection_that_it_has_had_loaded(connect: Any, directory: Path) -> None:
    filled(directory)
    db = connect(directory)
    async with db.transaction() as tx:
        users = tx["users"]
        await users.insert_one({"_id": "new", "x": 2})
        await users.update_one({"_id": 2}, {"$set": {"x": 3}})
        changed = await users.update_many({"x": {"$in": [2, 5]}}, {"$inc": {"n": 1}})

    assert engine_of(db).collections["users"].is_loaded
    assert changed.modified_count == 86
    assert await db["users"].count({"n": 1}) == 86


@pytest.mark.usefixtures("hinted")
async def test_a_database_that_is_not_loaded_is_written_to(connect: Any, directory: Path) -> None:
    filled(directory)
    db = connect(directory)
    users = db["users"]
    await users.insert({"_id": "new", "x": 1})
    await users.update_one({"_id": 5}, {"$set": {"x": 100}})
    await users.delete_one({"_id": 6})
    await users.insert_many([{"_id": "many", "x": 1}])
    await users.update_many({"x": 2}, {"$set": {"x": 200}})
    await users.bulk_write([InsertOne({"_id": "bulk"}), DeleteOne({"x": 4})])

    assert await users.get(5) == {"_id": 5, "x": 100}
    assert await users.count() == 301
    assert await users.count({"x": 200}) == 43
    assert [d["_id"] for d in await users.find().skip(297).to_list()] == [299, "new", "many", "bulk"]


@pytest.mark.usefixtures("hinted")
async def test_a_taken_id_is_refused_without_loading(connect: Any, directory: Path) -> None:
    filled(directory)
    db = connect(directory)
    with pytest.raises(DuplicateKeyError):
        await db["users"].insert({"_id": 17})

    assert not engine_of(db).collections["users"].is_loaded


@pytest.mark.usefixtures("hinted")
async def test_everything_else_works_on_a_database_that_is_not_loaded(connect: Any, directory: Path) -> None:
    filled(directory)

    for use in ("stats", "verify", "compact"):
        db = connect(directory)
        await getattr(db, use)()
        assert await db["users"].count() == 300
        await db.close()
    db = connect(directory)
    await db["users"].rename("people")
    await db["others"].drop()
    assert await db.list_collection_names() == ["people"]
    assert (await db["people"].stats())["count"] == 300


@pytest.mark.usefixtures("hinted")
async def test_read_only_clients_use_hints_too(connect: Any, directory: Path) -> None:
    filled(directory)
    db = connect(directory, read_only=True)

    assert await db["users"].get(3) == {"_id": 3, "x": 3}
    assert not engine_of(db).collections["users"].is_loaded


@pytest.mark.usefixtures("hinted")
async def test_stats_tell_of_the_hint_and_of_what_is_resident(connect: Any, directory: Path) -> None:
    filled(directory)
    db = connect(directory)
    await db["users"].get(1)
    before = await db.stats()
    await db["users"].find().to_list()
    after = await db.stats()

    assert before["hint_lsn"] == after["hint_lsn"] > 0
    assert (before["places"], before["resident_bytes"]) == (600, 0)
    assert after["places"] == 300
    assert after["resident_bytes"] == (await db["users"].stats())["size"]


async def test_stats_count_syncs_and_compactions(connect: Any, directory: Path) -> None:
    db = connect(directory, sync_interval=3600)
    await db["users"].insert({"_id": 1}, durability="durable")
    before = await db.stats()
    await db["users"].insert({"_id": 2})
    await db.sync()
    await db.sync()
    await db.compact()
    after = await db.stats()

    assert (before["syncs"], before["compactions"]) == (1, 0)
    assert (after["syncs"], after["compactions"]) == (2, 1)


async def test_a_small_database_is_closed_without_a_hint(connect: Any, directory: Path) -> None:
    filled(directory)

    assert not list(directory.glob("*.hint"))


@pytest.mark.usefixtures("hinted")
async def test_damage_is_told_when_it_is_read(connect: Any, directory: Path) -> None:
    filled(directory)
    segment = min(directory.glob("seg-*.nql"))
    data = bytearray(segment.read_bytes())
    position = data.find(b"\x82\xa3_id\x2a")
    data[position + 5] ^= 1
    segment.write_bytes(data)
    db = connect(directory)

    assert await db["users"].get(41) == {"_id": 41, "x": 6}
    with pytest.raises(CorruptionError) as caught:
        await db["users"].get(42)
    assert caught.value.details == {"file": segment.name, "offset": position}
    with pytest.raises(CorruptionError):
        await db["users"].find().to_list()
    with pytest.raises(CorruptionError):
        await db.verify()


async def test_a_cursor_over_documents_on_the_disk_shows_one_moment(connect: Any, directory: Path) -> None:
    db = connect(directory, memory_budget=0, segment_size=4000)
    users = db["users"]
    await users.insert_many([{"_id": number, "pad": "x" * 100} for number in range(2000)])
    cursor = users.find({"pad": {"$gt": ""}})
    seen = [document["_id"] async for document in cursor.clone().limit(3)]
    count = 0
    async for document in cursor:
        if count == 1:
            await users.delete_many({})
            await db.compact()
            await users.insert({"_id": "new"})
        assert document["_id"] == count
        count += 1

    assert (seen, count) == ([0, 1, 2], 2000)
    assert await users.find().to_list() == [{"_id": "new"}]


def test_threads_that_read_write_and_compact_beside_each_other_see_whole_documents(directory: Path) -> None:
    failures: list[BaseException] = []
    done = threading.Event()
    with Client(directory, memory_budget=2000, segment_size=20_000) as client:
        users = client["users"]
        users.create_index("x")
        users.insert_many([{"_id": number, "x": 0, "y": 0} for number in range(300)])

        def watched(run: Any) -> Any:
            def body() -> None:
                try:
                    while not done.is_set():
                        run()
                except BaseException as error:  # noqa: BLE001 - told below
                    failures.append(error)
                    done.set()

            return body

        def read() -> None:
            documents = users.find().to_list()
            assert [document["_id"] for document in documents] == list(range(300))
            assert all(document["x"] == -document["y"] for document in documents)
            assert users.get(7)["_id"] == 7
            assert sum(users.count({"x": x}) for x in {document["x"] for document in documents}) <= 300

        threads = [threading.Thread(target=watched(run)) for run in (read, read, client.compact)]
        for thread in threads:
            thread.start()
        for step in range(150):
            users.update_many({"_id": {"$gte": step}}, {"$inc": {"x": 1, "y": -1}})
            if done.is_set():
                break
        done.set()
        for thread in threads:
            thread.join()

    assert failures == []
