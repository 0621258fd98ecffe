"""Backups of a live database, on disk and in memory."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import pytest

from nosqlpy import AsyncClient, Client, CorruptionError, InvalidURL, StorageError
from nosqlpy._core.engine import backup
from nosqlpy._io.storage.files import FileStorage


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Where a backup can be put."""
    return tmp_path / "copies" / "copy"


async def test_a_backup_holds_documents_and_indexes(connect: Any, db: Any, copy: Path) -> None:
    await db["users"].insert_many({"_id": n, "age": n % 7} for n in range(100))
    await db["users"].create_index("age")
    await db["posts"].insert({"_id": "a"}, durability="fast")
    report = await db.backup(copy)
    twin = connect(copy, create=False)

    assert await twin["users"].find() == await db["users"].find()
    assert sorted(await twin["users"].index_information()) == ["_id_", "age_1"]
    assert await twin["posts"].find() == [{"_id": "a"}]
    assert (await twin.verify())["ok"]
    assert report["documents"] == 101
    assert report["lsn"] == (await db.stats())["commits"]
    assert report["bytes"] == (await twin.stats())["disk_bytes"]
    assert report["seconds"] >= 0


async def test_an_empty_database_has_a_backup(connect: Any, db: Any, copy: Path) -> None:
    await db.backup(copy)

    assert await connect(copy, create=False).list_collection_names() == []


async def test_a_backup_goes_its_own_way(connect: Any, db: Any, copy: Path) -> None:
    await db["users"].insert({"_id": 1})
    await db.backup(copy)
    await db["users"].insert({"_id": 2})
    await connect(copy)["users"].insert({"_id": 3})

    assert await db["users"].distinct("_id") == [1, 2]
    assert await connect(copy)["users"].distinct("_id") == [1, 3]


async def test_an_existing_empty_directory_will_do(connect: Any, db: Any, copy: Path) -> None:
    copy.mkdir(parents=True)
    await db["users"].insert({"_id": 1})
    await db.backup(str(copy))

    assert await connect(copy, create=False)["users"].count() == 1


async def test_a_directory_that_holds_something_is_refused_and_left_alone(db: Any, copy: Path) -> None:
    copy.mkdir(parents=True)
    (copy / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"new or empty; it holds 'notes\.txt'"):
        await db.backup(copy)

    assert [path.name for path in copy.iterdir()] == ["notes.txt"]


async def test_a_backup_does_not_replace_an_older_one(connect: Any, db: Any, copy: Path) -> None:
    await db.backup(copy)
    with pytest.raises(StorageError, match="new or empty"):
        await db.backup(copy)

    assert await connect(copy, create=False).list_collection_names() == []


async def test_a_file_is_no_place_for_a_backup(db: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="cannot be used"):
        await db.backup(tmp_path / "file")


async def test_the_database_itself_is_no_place_for_its_backup(stored: Any, directory: Path) -> None:
    await stored["users"].insert({})
    with pytest.raises(StorageError, match="is inside the database"):
        await stored.backup(directory / "copy")

    assert not (directory / "copy").exists()


@pytest.mark.parametrize("target", [":memory:", "file:///tmp/x", "", 5, b"x", "a\0b"])
async def test_what_is_no_path_is_refused(db: Any, target: Any) -> None:
    with pytest.raises(InvalidURL, match="backup takes the path of a directory"):
        await db.backup(target)


async def test_a_reader_can_make_a_backup(connect: Any, stored: Any, directory: Path, copy: Path) -> None:
    await stored["users"].insert({"_id": 1})
    await stored.close()
    await connect(directory, read_only=True).backup(copy)

    assert await connect(copy)["users"].count() == 1


async def test_a_segment_that_another_process_has_compacted_away_is_no_matter(
    connect: Any, stored: Any, directory: Path, copy: Path, monkeypatch: Any
) -> None:
    await stored["users"].insert({"_id": 1})
    await stored.close()
    read, refusals = FileStorage.read_part, [1, 2]

    def gone(self: Any, *where: Any) -> bytes:
        if refusals:
            refusals.pop()
            raise FileNotFoundError(2, "No such file or directory")
        return read(self, *where)

    monkeypatch.setattr(FileStorage, "read_part", gone)
    await connect(directory, read_only=True).backup(copy)

    assert await connect(copy)["users"].count() == 1


async def test_a_damaged_database_has_no_backup(connect: Any, directory: Path, copy: Path) -> None:
    db = connect(directory)
    await db["users"].insert({"_id": 1, "text": "needle"})
    segment = next(directory.glob("seg-*"))
    segment.write_bytes(segment.read_bytes().replace(b"needle", b"noodle"))
    with pytest.raises(CorruptionError, match=segment.name):
        await db.backup(copy)

    assert not copy.exists()


async def test_a_backup_made_while_others_write_is_one_moment(connect: Any, directory: Path, copy: Path) -> None:
    """Each write takes from one account what it gives to another, so that the sum tells whether a moment is one."""
    db = connect(directory, segment_size=20_000)
    await db["accounts"].insert_many({"_id": n, "amount": 100} for n in range(10))
    with writing(directory, segment_size=20_000):
        for number in range(5):
            await db.backup(copy / str(number))
    sums = [sum(a["amount"] for a in await connect(copy / str(n))["accounts"].find()) for n in range(5)]

    assert sums == [1000] * 5


class writing:  # noqa: N801 - it reads as a context
    """Moves amounts between accounts, and compacts, on a thread of its own."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.db = Client(directory, **options)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        number = 0
        while not self.stop.is_set():
            number += 1
            giver, taker = number % 10, (number + 1) % 10
            change = {"$cond": [{"$eq": ["$_id", giver]}, -1, 1]}
            self.db["accounts"].update_many(
                {"_id": {"$in": [giver, taker]}}, [{"$set": {"amount": {"$add": ["$amount", change]}}}]
            )
            if number % 50 == 0:
                self.db.compact()

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        self.thread.join()
        self.db.close()


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_cancelled_backup_leaves_nothing(loop: str, directory: Path, copy: Path, monkeypatch: Any) -> None:
    """The third part that is read cancels the task; each one after that takes its time."""
    read, parts = FileStorage.read_part, []

    def read_part(self: Any, *where: Any) -> bytes:
        parts.append(where)
        if len(parts) == 3:
            anyio.from_thread.run_sync(scope.cancel)
        elif len(parts) > 3:
            time.sleep(0.001)
        return read(self, *where)

    async def run() -> None:
        nonlocal scope
        async with AsyncClient(directory) as db:
            await db["users"].insert_many({"_id": n, "pad": "x" * 1000} for n in range(3000))
            monkeypatch.setattr(backup, "PART_SIZE", 1000)
            monkeypatch.setattr(FileStorage, "read_part", read_part)
            with anyio.CancelScope() as scope:
                await db.backup(copy)

            assert scope.cancelled_caught
            assert len(parts) < 3000
            assert not copy.exists()
            monkeypatch.undo()
            assert (await db.backup(copy))["documents"] == 3000

    scope: Any = None
    anyio.run(run, backend=loop)
