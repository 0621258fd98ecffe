"""Indexes that are read from a snapshot, on both faces: real files, readers beside, backups and hostile files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nosqlpy import Client
from nosqlpy._core.engine import hints, snapshots
from nosqlpy._core.values.standins import ObjectId
from nosqlpy.errors import DuplicateKeyError

EMAILS = [f"u{number}@example.org" for number in range(300)]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of any size gets a hint and a snapshot."""
    monkeypatch.setattr(hints, "NEW_MIN", 0)
    monkeypatch.setattr(snapshots, "DOCUMENTS_MIN", 0)


def filled(directory: Path) -> None:
    with Client(directory) as client:
        users = client["users"]
        users.create_index("email", unique=True)
        users.create_index([("x", 1), ("email", -1)])
        users.insert_many([{"_id": n, "email": email, "x": n % 7} for n, email in enumerate(EMAILS)])


def snapshot_of(directory: Path) -> Path:
    (found,) = directory.glob("idx-*.snap")
    return found


def is_loaded(db: Any) -> bool:
    loaded: bool = getattr(db, "target", db)._backend._database.engine.collections["users"].is_loaded
    return loaded


async def ids(cursor: Any) -> list[Any]:
    return [document["_id"] for document in await cursor.to_list()]


async def test_an_equality_is_answered_before_anything_is_loaded(connect: Any, directory: Path) -> None:
    filled(directory)
    db = connect(directory)

    assert await db["users"].find({"email": EMAILS[123]}).to_list() == [{"_id": 123, "email": EMAILS[123], "x": 4}]
    assert await db["users"].count({"email": "nobody"}) == 0
    assert not is_loaded(db)


async def test_writes_after_opening_are_found_by_the_index(connect: Any, directory: Path) -> None:
    filled(directory)
    db = connect(directory)
    users = db["users"]
    await users.insert({"_id": "new", "email": "new@example.org"})
    await users.update_one({"_id": 5}, {"$set": {"email": "moved@example.org"}})
    await users.delete_one({"_id": 6})
    with pytest.raises(DuplicateKeyError):
        await users.insert({"_id": "again", "email": EMAILS[7]})

    assert await ids(users.find({"email": {"$in": ["new@example.org", "moved@example.org"]}})) == [
        5,
        "new",
    ]
    assert await users.count({"email": {"$in": [EMAILS[5], EMAILS[6]]}}) == 0
    assert await ids(users.find({"x": 1}).sort([("x", 1), ("email", -1)]).limit(2)) == [99, 92]


async def test_a_reader_uses_the_snapshot_and_leaves_the_files_as_they_are(connect: Any, directory: Path) -> None:
    filled(directory)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    reader = connect(directory, read_only=True)
    found = [await reader["users"].count({"email": EMAILS[1]}), is_loaded(reader)]
    await reader["users"].find({"email": {"$gte": "u2"}}).to_list()
    await reader.close()

    assert found == [1, False]
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


async def test_a_damaged_snapshot_changes_no_answer(connect: Any, directory: Path) -> None:
    filled(directory)
    snapshot = snapshot_of(directory)
    data = bytearray(snapshot.read_bytes())
    data[100:300] = bytes(200)
    snapshot.write_bytes(data)
    db = connect(directory)

    assert await ids(db["users"].find({"email": EMAILS[9]})) == [9]
    assert await ids(db["users"].find({"x": 3, "email": EMAILS[10]})) == [10]
    assert (await db.verify())["ok"]


async def test_a_backup_has_no_snapshot_and_answers_the_same(connect: Any, directory: Path, tmp_path: Path) -> None:
    filled(directory)
    db = connect(directory)
    await db.backup(tmp_path / "copy")
    copy = connect(tmp_path / "copy")

    assert list((tmp_path / "copy").glob("idx-*")) == []
    assert await ids(copy["users"].find({"email": EMAILS[9]})) == [9]


async def test_after_a_compaction_and_a_close_the_snapshot_is_of_the_base(connect: Any, directory: Path) -> None:
    filled(directory)
    with Client(directory) as client:
        client["users"].delete_many({"x": 0})
        client.compact()
        assert client["users"].count({"email": {"$gte": "u"}}) == 257
    db = connect(directory)

    assert await db["users"].count({"email": EMAILS[8]}) == 1
    assert await db["users"].count({"email": EMAILS[7]}) == 0
    assert not is_loaded(db)


async def test_object_ids_are_found_by_indexes_of_a_snapshot_and_apart_from_binary_values(
    connect: Any, directory: Path
) -> None:
    held = [ObjectId(bytes(10) + number.to_bytes(2, "big")) for number in range(300)]
    with Client(directory) as client:
        users = client["users"]
        users.create_index("owner")
        users.create_index([("x", 1), ("owner", 1)])
        users.insert_many({"_id": id, "owner": held[-1 - n], "x": 0} for n, id in enumerate(held))
        users.insert_many({"_id": id.binary, "owner": id.binary, "x": 1} for id in held[:50])
    db = connect(directory)
    users = db["users"]

    async def found(query: Any) -> list[bytes | str]:
        return [id if isinstance(id, bytes) else id.binary.hex() for id in await ids(query)]

    assert await found(users.find({"owner": held[3]})) == [held[-4].binary.hex()]
    assert await found(users.find({"owner": held[3].binary})) == [held[3].binary]
    assert not is_loaded(db)
    assert await found(users.find({"owner": {"$lt": held[2]}})) == [held[-2].binary.hex(), held[-1].binary.hex()]
    assert await found(users.find({"x": 1, "owner": held[3]})) == []
    late = users.find({"x": 0, "owner": {"$gt": held[297]}}).sort("owner")
    assert await found(late) == [
        held[1].binary.hex(),
        held[0].binary.hex(),
    ]
    assert await found(users.find().sort("_id").limit(51)) == [*(id.binary for id in held[:50]), held[0].binary.hex()]


async def test_a_snapshot_of_the_first_version_is_ignored(connect: Any, directory: Path) -> None:
    filled(directory)
    snapshot = snapshot_of(directory)
    data = snapshot.read_bytes()
    snapshot.write_bytes(data[:8] + b"\x01" + data[9:])
    db = connect(directory)

    assert await ids(db["users"].find({"email": EMAILS[7]})) == [7]
    assert is_loaded(db)
