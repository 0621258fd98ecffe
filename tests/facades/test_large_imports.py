"""Imports into collections that outgrow memory meanwhile: real files, threads and loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from facades.test_residence import engine_of
from nosqlpy import Client
from nosqlpy._core.engine import hints, logged
from nosqlpy.errors import DuplicateKeyError

COUNT = 5000


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collections outgrow memory with some hundred documents, and a database of any size gets a hint."""
    monkeypatch.setattr(logged, "FILLED_MAX", 100_000)
    monkeypatch.setattr(hints, "NEW_MIN", 0)


def file_of(directory: Path, *lines: str) -> Path:
    path = directory / "documents.jsonl"
    documents = [f'{{"_id": "id {number}", "x": {number % 7}}}' for number in range(COUNT)]
    path.write_text("\n".join([*documents, *lines]))
    return path


def is_in_the_log_only(db: Any, name: str = "a") -> bool:
    return isinstance(engine_of(db).collections[name].slots, logged.LoggedSlots)


@pytest.mark.parametrize("durability", ["fast", "safe", "durable"])
async def test_a_large_file_leaves_no_document_in_memory_and_all_are_found(
    connect: Any, directory: Path, tmp_path: Path, durability: str
) -> None:
    db = connect(directory, durability=durability)

    assert await db["a"].import_file(file_of(tmp_path)) == COUNT
    assert is_in_the_log_only(db)
    assert (await db.stats())["resident_bytes"] == 0
    assert await db["a"].estimated_document_count() == COUNT
    assert await db["a"].get("none") is None
    assert is_in_the_log_only(db)
    assert await db["a"].count({"x": 3}) == COUNT // 7
    assert await db["a"].get("id 4999") == {"_id": "id 4999", "x": 1}
    assert [document["_id"] async for document in db["a"].find().skip(COUNT - 2)] == ["id 4998", "id 4999"]


async def test_a_large_import_is_found_by_the_next_opening_without_loading(
    connect: Any, directory: Path, tmp_path: Path
) -> None:
    async with connect(directory) as db:
        await db["a"].import_file(file_of(tmp_path))
        assert is_in_the_log_only(db)
    db = connect(directory)

    assert await db["a"].get("id 4321") == {"_id": "id 4321", "x": 4321 % 7}
    assert not engine_of(db).collections["a"].is_loaded
    assert await db["a"].count({"x": 3}) == COUNT // 7
    assert (await db.verify())["ok"]


async def test_an_id_that_is_taken_ends_a_large_import_where_it_stands(
    connect: Any, directory: Path, tmp_path: Path
) -> None:
    db = connect(directory)
    with pytest.raises(DuplicateKeyError) as refused:
        await db["a"].import_file(file_of(tmp_path, '{"_id": "new"}', '{"_id": "id 17"}', '{"_id": "late"}'))

    assert refused.value.details["line"] == COUNT + 2
    assert refused.value.details["imported"] == COUNT + 1
    assert await db["a"].count() == COUNT + 1


async def test_a_large_import_puts_a_document_in_the_place_of_the_one_with_its_id(
    connect: Any, directory: Path, tmp_path: Path
) -> None:
    async with connect(directory) as db:
        again = file_of(tmp_path, '{"_id": "id 17", "new": 1}')
        assert await db["a"].import_file(again, mode="upsert") == COUNT + 1
        assert await db["a"].count() == COUNT
    db = connect(directory)

    assert await db["a"].get("id 17") == {"_id": "id 17", "new": 1}
    assert await db["a"].count() == COUNT


async def test_a_large_file_replaces_what_was_there(connect: Any, directory: Path, tmp_path: Path) -> None:
    db = connect(directory)
    await db["a"].insert_many([{"_id": f"id {number}", "old": True} for number in range(10)])
    await db["a"].import_file(file_of(tmp_path), mode="replace")

    assert is_in_the_log_only(db)
    assert await db["a"].count() == COUNT
    assert await db["a"].count({"old": True}) == 0


async def test_a_large_file_replaces_again_and_again_what_is_there(
    connect: Any, directory: Path, tmp_path: Path
) -> None:
    path = file_of(tmp_path)
    for _ in range(2):
        async with connect(directory) as db:
            for _ in range(2):
                await db["a"].import_file(path, mode="replace")
                assert is_in_the_log_only(db)
                assert (await db.stats())["resident_bytes"] == 0
    db = connect(directory)

    assert await db["a"].get("id 4999") == {"_id": "id 4999", "x": 1}
    assert not engine_of(db).collections["a"].is_loaded
    assert await db["a"].count({"x": 3}) == COUNT // 7


async def test_documents_that_are_written_after_a_large_import_are_there(
    connect: Any, directory: Path, tmp_path: Path
) -> None:
    async with connect(directory) as db:
        await db["a"].import_file(file_of(tmp_path))
        await db["a"].insert_one({"_id": "new", "x": 3})
        assert is_in_the_log_only(db)
        await db["a"].update_one({"_id": "id 1"}, {"$set": {"x": 3}})
        await db["a"].delete_one({"_id": "id 10"})
        await db["a"].create_index("x")
        counts = await db["a"].count(), await db["a"].count({"x": 3})
    db = connect(directory)

    assert counts == (COUNT, COUNT // 7 + 1)
    assert (await db["a"].count(), await db["a"].count({"x": 3})) == counts


async def test_a_transaction_sees_a_collection_that_is_in_the_log_only(
    connect: Any, directory: Path, tmp_path: Path
) -> None:
    db = connect(directory)
    await db["a"].import_file(file_of(tmp_path))
    async with db.transaction() as tx:
        await tx["a"].insert_one({"_id": "new", "x": 3})
        await tx["a"].update_one({"_id": "id 1"}, {"$set": {"x": 3}})
        within = await tx["a"].count({"x": 3})

    assert within == await db["a"].count({"x": 3}) == COUNT // 7 + 2


async def test_a_compaction_and_a_backup_have_what_is_in_the_log_only(
    connect: Any, directory: Path, tmp_path: Path
) -> None:
    db = connect(directory)
    await db["a"].import_file(file_of(tmp_path))
    await db.backup(tmp_path / "copy")
    await db.compact()

    assert await db["a"].count({"x": 3}) == COUNT // 7
    with Client(tmp_path / "copy") as copy:
        assert copy["a"].count({"x": 3}) == COUNT // 7


async def test_a_collection_with_an_index_stays_in_memory(connect: Any, directory: Path, tmp_path: Path) -> None:
    db = connect(directory)
    await db["a"].create_index("x")
    await db["a"].import_file(file_of(tmp_path))

    assert not is_in_the_log_only(db)
    assert await db["a"].count({"x": 3}) == COUNT // 7


def test_another_client_of_this_process_reads_while_a_large_file_is_imported(directory: Path, tmp_path: Path) -> None:
    lines = file_of(tmp_path).read_bytes().split(b"\n")
    found: list[int] = []

    class Stream:
        """Lines, a thousand with each read; what was read before is counted."""

        def __init__(self) -> None:
            self._next = 0

        def read(self, size: int = -1) -> bytes:
            found.append(client["a"].count({"x": {"$gte": 0}}))
            start, self._next = self._next, self._next + 1000
            return b"".join(line + b"\n" for line in lines[start : self._next])

    with Client(directory) as client, Client(directory) as writer:
        stream: Any = Stream()
        writer["a"].import_file(stream, format="jsonl")

        assert found[0] == 0
        assert found == sorted(found)
        assert found[-1] == COUNT
        assert client["a"].count() == COUNT


@pytest.mark.parametrize("format", ["jsonl", "json", "csv", "bson"])
async def test_an_export_of_all_loads_no_collection(connect: Any, directory: Path, tmp_path: Path, format: str) -> None:
    async with connect(directory) as db:
        await db["a"].import_file(file_of(tmp_path))
    db = connect(directory)
    exported = await db["a"].export_file(tmp_path / "exported", format=format)
    loaded = engine_of(db).collections["a"].is_loaded
    await db["b"].import_file(tmp_path / "exported", format=format)

    assert (exported, loaded) == (COUNT, False)
    assert await db["b"].count() == COUNT
    assert [document["_id"] async for document in db["b"].find(limit=2)] == ["id 0", "id 1"]


async def test_an_export_by_a_condition_loads_no_collection_without_an_index(
    connect: Any, directory: Path, tmp_path: Path
) -> None:
    async with connect(directory) as db:
        await db["a"].import_file(file_of(tmp_path))
    db = connect(directory)
    exported = await db["a"].export_file(tmp_path / "exported", filter={"x": 3}, format="jsonl")

    assert exported == COUNT // 7
    assert not engine_of(db).collections["a"].is_loaded


async def test_a_dump_loads_no_collection(connect: Any, directory: Path, tmp_path: Path) -> None:
    async with connect(directory) as db:
        await db["a"].import_file(file_of(tmp_path))
        await db["b"].insert_one({"_id": 1})
    db = connect(directory)
    await db["b"].insert_one({"_id": 2})
    await db.dump(tmp_path / "dumped")
    loaded = engine_of(db).collections["a"].is_loaded
    Client.restore(tmp_path / "dumped", tmp_path / "restored")

    assert not loaded
    with Client(tmp_path / "restored") as copy:
        assert (copy["a"].count({"x": 3}), copy["b"].count()) == (COUNT // 7, 2)
