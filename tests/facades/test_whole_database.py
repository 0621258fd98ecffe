"""Durability of single writes, syncing, compaction, verification, statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nosqlpy import CorruptionError

DURABILITIES = ["fast", "safe", "durable"]


def files(directory: Path) -> dict[str, bytes]:
    """Return the content of every file but the locks and the page that processes share."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name not in ("LOCK", "COMPACT", "SHM")}


@pytest.mark.parametrize("durability", DURABILITIES)
async def test_a_write_can_have_a_durability_of_its_own(db: Any, users: Any, durability: str) -> None:
    await users.insert({"_id": 1}, durability=durability)
    await users.insert_one({"_id": 2}, durability=durability)
    await users.insert_many([{"_id": 3}], durability=durability)
    await users.save({"_id": 1, "n": 1}, durability=durability)
    await users.update_one({"_id": 2}, {"$set": {"n": 2}}, durability=durability)
    await users.update_many({"_id": 3}, {"$set": {"n": 3}}, durability=durability)
    await users.replace_one({"_id": 3}, {"n": 33}, durability=durability)
    await users.create_index("n", durability=durability)
    await users.delete(1, durability=durability)
    await users.delete_one({"_id": 2}, durability=durability)
    await db.create_collection("x", durability=durability)

    assert await users.find() == [{"_id": 3, "n": 33}]


async def test_a_safe_write_is_in_the_file_when_it_returns(connect: Any, directory: Path) -> None:
    await connect(directory)["users"].insert({"text": "needle"})

    assert any(b"needle" in content for content in files(directory).values())


async def test_a_fast_write_is_in_the_file_after_a_flush(connect: Any, directory: Path) -> None:
    db = connect(directory, durability="fast")
    await db["users"].insert({"text": "needle"})
    await db.flush()

    assert any(b"needle" in content for content in files(directory).values())


async def test_a_fast_write_comes_before_a_safe_one_that_follows(connect: Any, directory: Path) -> None:
    db = connect(directory)
    await db["users"].insert({"text": "needle"}, durability="fast")
    await db["users"].insert({"text": "pin"}, durability="safe")
    content = b"".join(files(directory).values())

    assert 0 < content.find(b"needle") < content.find(b"pin")


async def test_sync_makes_fast_writes_durable(connect: Any, directory: Path) -> None:
    db = connect(directory, durability="fast")
    await db["users"].insert({"text": "needle"})
    await db.sync()

    assert any(b"needle" in content for content in files(directory).values())


async def test_flush_and_sync_of_an_empty_database_do_nothing(db: Any) -> None:
    await db.flush()
    await db.sync()

    assert await db.list_collection_names() == []


async def test_compact_removes_what_is_dead_and_keeps_the_rest(connect: Any, directory: Path) -> None:
    db = connect(directory)
    for _ in range(20):
        await db["users"].save({"_id": 1, "text": "x" * 1000})
    await db["users"].insert({"_id": 2})
    await db["users"].delete(2)
    report = await db.compact()

    assert report["bytes_after"] < 2000 < report["bytes_before"]
    assert await db["users"].find() == [{"_id": 1, "text": "x" * 1000}]
    assert sum(map(len, files(directory).values())) < 4000


async def test_a_collection_compacts_the_whole_database(users: Any) -> None:
    await users.insert({})
    report = await users.compact()

    assert set(report) >= {"bytes_before", "bytes_after"}


async def test_natural_order_survives_compaction_and_reopening(connect: Any, directory: Path) -> None:
    async with connect(directory) as db:
        await db["users"].insert_many([{"_id": n} for n in (5, 3, 9, 1)])
        await db["users"].delete(3)
        await db["users"].update_one({"_id": 5}, {"$set": {"a": 1}})
        await db["users"].insert({"_id": 3})
        before = await db["users"].find()
        await db.compact()
        between = await db["users"].find()
    after = await connect(directory)["users"].find()

    assert [document["_id"] for document in before] == [5, 9, 1, 3]
    assert before == between == after


async def test_a_compacted_database_takes_writes_and_reopens(connect: Any, directory: Path) -> None:
    async with connect(directory) as db:
        await db["users"].insert_many([{"_id": n} for n in range(3)])
        await db.compact()
        await db["users"].insert({"_id": 3})
        await db.compact()
        await db.compact()

    assert await connect(directory)["users"].count() == 4


async def test_verify_counts_what_it_checked(db: Any, users: Any) -> None:
    await users.insert_many([{} for _ in range(5)])
    report = await db.verify()

    assert report["ok"] is True
    assert report["documents"] == 5


async def test_verify_checks_every_byte_on_disk(connect: Any, directory: Path) -> None:
    db = connect(directory)
    await db["users"].insert_many([{} for _ in range(5)])
    report = await db.verify()
    segments = {name: content for name, content in files(directory).items() if name.startswith("seg")}

    assert report["segments"] == len(segments)
    assert report["bytes"] == sum(map(len, segments.values()))


async def test_verify_finds_a_bit_that_has_changed(connect: Any, directory: Path) -> None:
    db = connect(directory)
    await db["users"].insert({"text": "needle"})
    (segment,) = directory.glob("seg-*")
    content = bytearray(segment.read_bytes())
    content[content.index(b"needle")] ^= 1
    segment.write_bytes(content)
    with pytest.raises(CorruptionError, match=segment.name) as caught:
        await db.verify()

    assert caught.value.details["file"] == segment.name


async def test_stats_describe_the_database(db: Any, users: Any, request: pytest.FixtureRequest) -> None:
    await users.insert_many([{"_id": n} for n in range(5)])
    await db["other"].insert({})
    stats = await db.stats()

    assert stats["collections"] == 2
    assert stats["documents"] == 6
    assert stats["segments"] == 1
    assert stats["commits"] == 2
    assert 0 < stats["live_bytes"] <= stats["disk_bytes"]
    assert stats["dead_bytes"] == 0
    if "evicted" in request.node.name:
        assert (stats["resident_bytes"], stats["places"]) == (0, 6)
    else:
        assert (stats["resident_bytes"], stats["places"]) == (stats["live_bytes"], 0)
