"""Clients that only read."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from nosqlpy import ConfigurationError, ReadOnlyError, StorageError
from nosqlpy._io.storage.files import FileStorage


def files(directory: Path) -> dict[str, bytes]:
    """Return the content of every file but the locks and the page that processes share."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name not in ("LOCK", "COMPACT", "SHM")}


WRITES = {
    "insert": lambda db: db["users"].insert({}),
    "insert_one": lambda db: db["users"].insert_one({}),
    "insert_many": lambda db: db["users"].insert_many([{}]),
    "save": lambda db: db["users"].save({"_id": 1}),
    "delete": lambda db: db["users"].delete(1),
    "update_one": lambda db: db["users"].update_one({}, {"$set": {"a": 1}}),
    "update_many": lambda db: db["users"].update_many({}, {"$set": {"a": 1}}, upsert=True),
    "replace_one": lambda db: db["users"].replace_one({}, {}),
    "delete_one": lambda db: db["users"].delete_one({}),
    "delete_many": lambda db: db["users"].delete_many({}),
    "find_one_and_update": lambda db: db["users"].find_one_and_update({}, {"$set": {"a": 1}}),
    "find_one_and_replace": lambda db: db["users"].find_one_and_replace({}, {}),
    "find_one_and_delete": lambda db: db["users"].find_one_and_delete({}),
    "create_index": lambda db: db["users"].create_index("a"),
    "drop_index": lambda db: db["users"].drop_index("a"),
    "drop_indexes": lambda db: db["users"].drop_indexes(),
    "clear": lambda db: db["users"].clear(),
    "drop": lambda db: db["users"].drop(),
    "rename": lambda db: db["users"].rename("x"),
    "create_collection": lambda db: db.create_collection("x"),
    "drop_collection": lambda db: db.drop_collection("users"),
    "compact": lambda db: db.compact(),
    "compact_collection": lambda db: db["users"].compact(),
}


@pytest.mark.parametrize("shared", [True, False], ids=["beside a writer", "alone"])
async def test_a_read_only_client_refuses_every_write(connect: Any, directory: Path, shared: bool) -> None:
    writer = connect(directory)
    await writer["users"].insert({"_id": 1})
    if not shared:
        await writer.close()
    before = files(directory)
    reader = connect(directory, read_only=True)
    for write in WRITES.values():
        with pytest.raises(ReadOnlyError, match="read_only"):
            await write(reader)

    assert await reader["users"].find() == [{"_id": 1}]
    assert files(directory) == before


async def test_a_read_only_client_reads_everything(connect: Any, directory: Path) -> None:
    async with connect(directory) as writer:
        await writer["users"].insert_many([{"_id": n, "n": n} for n in range(10)])
    before = files(directory)
    reader = connect(directory, read_only=True)

    assert await reader["users"].count({"n": {"$gt": 4}}) == 5
    assert (await reader.verify())["ok"] is True
    await reader.close()
    assert files(directory) == before


async def test_a_read_only_client_of_nothing_says_so(connect: Any, directory: Path) -> None:
    with pytest.raises(StorageError, match=r"data"):
        await connect(directory, read_only=True).open()

    assert not directory.exists()


async def test_a_writer_beside_a_reader_of_the_same_process_is_refused(connect: Any, directory: Path) -> None:
    async with connect(directory) as writer:
        await writer["users"].insert({"_id": 1})
    await connect(directory, read_only=True).open()
    with pytest.raises(ConfigurationError, match="read-only"):
        await connect(directory).open()


async def test_a_disk_that_cannot_be_written_says_so_and_can_still_be_read(
    connect: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    async with connect(directory) as writer:
        await writer["users"].insert({"_id": 1})
    users = connect(directory)["users"]
    before = files(directory)
    monkeypatch.setattr(FileStorage, "write_file", refuse)
    monkeypatch.setattr(FileStorage, "append", refuse)
    for _ in range(2):
        with pytest.raises(ReadOnlyError, match=r"Read-only.*read_only=True"):
            await users.insert({"_id": 2})

    assert await users.find() == [{"_id": 1}]
    assert files(directory) == before
    monkeypatch.undo()
