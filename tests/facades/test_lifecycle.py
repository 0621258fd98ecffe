"""Closing, reopening, sharing a database between clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from nosqlpy import AsyncClient, Client, ClosedError, ConfigurationError, StorageError

DURABILITIES = ["fast", "safe", "durable"]


CALLS = {
    "open": lambda db: db.open(),
    "list": lambda db: db.list_collection_names(),
    "create": lambda db: db.create_collection("x"),
    "sync": lambda db: db.sync(),
    "flush": lambda db: db.flush(),
    "compact": lambda db: db.compact(),
    "verify": lambda db: db.verify(),
    "stats": lambda db: db.stats(),
    "insert": lambda db: db["users"].insert({}),
    "insert_many": lambda db: db["users"].insert_many([{}]),
    "get": lambda db: db["users"].get(1),
    "find": lambda db: db["users"].find().to_list(),
    "find_one": lambda db: db["users"].find_one(),
    "count": lambda db: db["users"].count(),
    "update": lambda db: db["users"].update_one({}, {"$set": {"a": 1}}),
    "delete": lambda db: db["users"].delete(1),
    "index": lambda db: db["users"].create_index("a"),
}


async def test_a_closed_client_refuses_every_use(db: Any, users: Any) -> None:
    await users.insert({"_id": 1})
    await db.close()
    for call in CALLS.values():
        with pytest.raises(ClosedError, match=r"closed.*new one"):
            await call(db)

    assert db.is_closed is True


async def test_closing_twice_does_nothing(db: Any, users: Any) -> None:
    await users.insert({})
    await db.close()
    await db.close()

    assert db.is_closed is True


async def test_a_client_can_be_closed_before_it_was_opened(connect: Any, directory: Path) -> None:
    client = connect(directory)
    await client.close()
    with pytest.raises(ClosedError):
        await client.open()

    assert not directory.exists()


@pytest.mark.parametrize("durability", DURABILITIES)
async def test_everything_is_there_after_reopening(connect: Any, directory: Path, durability: str) -> None:
    async with connect(directory, durability=durability) as db:
        await db["users"].insert_many([{"_id": n, "n": n} for n in range(100)])
        await db["users"].update_many({"n": {"$lt": 50}}, {"$inc": {"n": 1000}})
        await db["users"].delete_many({"n": {"$gte": 1040}})
        await db["other"].insert({"_id": "x"})
        await db["gone"].insert({})
        await db["gone"].drop()
        before = await db["users"].find()
    db = connect(directory)

    assert await db["users"].find() == before
    assert len(before) == 90
    assert await db.list_collection_names() == ["other", "users"]


async def test_a_clean_stop_is_seen_when_reopening(connect: Any, directory: Path) -> None:
    async with connect(directory) as db:
        await db["users"].insert({})
    recovery = (await connect(directory).stats())["recovery"]

    assert recovery["clean"] is True
    assert recovery["frames"] == 1
    assert recovery["torn_bytes"] == 0


async def test_many_segments_are_read_in_order(connect: Any, directory: Path) -> None:
    async with connect(directory, segment_size=400) as db:
        for n in range(30):
            await db["users"].save({"_id": n % 7, "n": n})
        segments = (await db.stats())["segments"]
    users = connect(directory)["users"]

    assert segments > 3
    assert sorted([document["n"] for document in await users.find()]) == list(range(23, 30))


async def test_a_database_can_be_reopened_many_times(connect: Any, directory: Path) -> None:
    for n in range(10):
        async with connect(directory) as db:
            await db["users"].insert({"_id": n})

    assert await connect(directory)["users"].count() == 10


async def test_create_false_refuses_a_directory_that_is_not_there(connect: Any, directory: Path) -> None:
    with pytest.raises(StorageError, match=r"data.*create=True"):
        await connect(directory, create=False).open()

    assert not directory.exists()


async def test_create_false_refuses_an_empty_directory(connect: Any, directory: Path) -> None:
    directory.mkdir()
    with pytest.raises(StorageError, match="create=True"):
        await connect(directory, create=False).open()

    assert not (directory / "MANIFEST").exists()


async def test_create_false_opens_what_is_there(connect: Any, directory: Path) -> None:
    await connect(directory)["users"].insert({"_id": 1})

    assert await connect(directory, create=False)["users"].count() == 1


# ── sharing ─────────────────────────────────────────────────────────────────────


async def test_two_clients_of_one_directory_share_its_data(connect: Any, directory: Path) -> None:
    first, second = connect(directory), connect(directory)
    await first["users"].insert({"_id": 1})
    await second["users"].insert({"_id": 2})

    assert await first["users"].count() == 2
    assert await second["users"].get(1) == {"_id": 1}


async def test_both_faces_share_one_database(connect: Any, directory: Path) -> None:
    await connect(directory)["users"].insert({"_id": 1})
    with Client(directory) as client:
        found = client["users"].find().to_list()
        client["users"].insert({"_id": 2})

    assert found == [{"_id": 1}]
    assert await connect(directory)["users"].count() == 2


async def test_clients_share_a_directory_by_whatever_path_they_reach_it(connect: Any, tmp_path: Path) -> None:
    await connect(tmp_path / "data")["users"].insert({"_id": 1})
    (tmp_path / "link").symlink_to(tmp_path / "data")

    assert await connect(tmp_path / "link")["users"].count() == 1
    assert await connect(f"{tmp_path}/x/../data")["users"].count() == 1


async def test_closing_one_client_leaves_the_other_open(connect: Any, directory: Path) -> None:
    first, second = connect(directory), connect(directory)
    await first["users"].insert({"_id": 1})
    await second.open()
    await first.close()
    await second["users"].insert({"_id": 2})
    await second.close()

    assert await connect(directory)["users"].count() == 2


async def test_a_client_may_have_other_durability_and_ids_than_another(connect: Any, directory: Path) -> None:
    first = connect(directory, durability="fast", id_factory=lambda: "first")
    second = connect(directory, durability="durable", id_factory=lambda: "second")
    await first["users"].insert({})
    await second["users"].insert({})

    assert [document["_id"] for document in await first["users"].find()] == ["first", "second"]


async def test_options_that_contradict_those_of_another_client_are_refused(connect: Any, directory: Path) -> None:
    await connect(directory).open()
    with pytest.raises(ConfigurationError, match="segment_size=67108864"):
        await connect(directory, segment_size=1000).open()


class Refusing(Client):
    """A client whose disk refuses what closing writes."""

    def close(self) -> None:
        super().close()
        raise StorageError("the disk is full")


class AsyncRefusing(AsyncClient):
    """Its twin."""

    async def aclose(self) -> None:
        await super().aclose()
        raise StorageError("the disk is full")


def test_what_ends_a_block_counts_more_than_a_disk_that_refuses_its_closing() -> None:
    with pytest.raises(KeyError) as caught, Refusing(":memory:"):
        raise KeyError

    assert caught.value.__notes__ == ["the disk is full"]
    with pytest.raises(StorageError, match="the disk is full"), Refusing(":memory:"):
        pass


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_what_ends_an_async_block_counts_more_than_a_disk_that_refuses_its_closing(loop: str) -> None:
    async def fail() -> None:
        async with AsyncRefusing(":memory:"):
            raise KeyError

    async def end() -> None:
        async with AsyncRefusing(":memory:"):
            pass

    with pytest.raises(KeyError) as caught:
        anyio.run(fail, backend=loop)
    assert caught.value.__notes__ == ["the disk is full"]
    with pytest.raises(StorageError, match="the disk is full"):
        anyio.run(end, backend=loop)
