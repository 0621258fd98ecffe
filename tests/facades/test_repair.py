"""Repair of damaged directories, through the faces."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nosqlpy import AsyncClient, Client, CorruptionError, InvalidURL, LockedError, StorageError


@pytest.fixture
def repair(face: str) -> Any:
    """`repair` of the face, awaited."""

    async def repair(*arguments: Any) -> Any:
        return Client.repair(*arguments) if face == "blocking" else await AsyncClient.repair(*arguments)

    return repair


@pytest.fixture
async def damaged(connect: Any, directory: Path) -> Path:
    """A database with three documents, the second of which is damaged."""
    async with connect(directory) as db:
        await db["users"].insert_many([{"_id": n, "text": f"needle{n}"} for n in range(3)])
        await db["users"].create_index("text")
    segment = next(directory.glob("seg-*"))
    segment.write_bytes(segment.read_bytes().replace(b"needle1", b"noodle1"))
    return directory


def content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


async def test_what_is_good_is_saved_and_the_damaged_database_left_alone(
    connect: Any, damaged: Path, tmp_path: Path, repair: Any
) -> None:
    before = content(damaged)
    with pytest.raises(CorruptionError):
        await connect(damaged)["users"].count()
    report = await repair(damaged, tmp_path / "new")
    db = connect(tmp_path / "new", create=False)

    assert await db["users"].distinct("_id") == [0, 2]
    assert sorted(await db["users"].index_information()) == ["_id_", "text_1"]
    assert (await db.verify())["ok"]
    assert content(damaged) == before
    assert (report["complete"], report["documents"]) == (False, 2)
    assert report["lost"][0]["documents"] == [{"collection": "users", "_id": 1}]
    assert report["lost"][0]["file"] == "seg-00000001.nql"


async def test_an_intact_database_is_saved_completely(
    connect: Any, directory: Path, tmp_path: Path, repair: Any
) -> None:
    async with connect(directory) as db:
        await db["users"].insert_many([{"_id": n} for n in range(3)])
    report = await repair(str(directory), str(tmp_path / "new"))

    assert (report["complete"], report["lost"], report["lost_bytes"], report["lost_commits"]) == (True, [], 0, 0)
    assert await connect(tmp_path / "new")["users"].count() == 3


async def test_an_older_directory_is_not_overwritten(damaged: Path, tmp_path: Path, repair: Any) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "notes").write_text("mine")
    with pytest.raises(StorageError, match="new or empty"):
        await repair(damaged, tmp_path / "new")
    with pytest.raises(StorageError, match="inside the database"):
        await repair(damaged, damaged / "new")


@pytest.mark.parametrize("paths", [(":memory:", "new"), ("old", ":memory:"), (5, "new")])
async def test_what_is_no_path_is_refused(paths: Any, repair: Any) -> None:
    with pytest.raises(InvalidURL, match="repair takes the path of a directory"):
        await repair(*paths)


async def test_what_is_no_database_cannot_be_repaired(tmp_path: Path, repair: Any) -> None:
    with pytest.raises(StorageError, match="there is no directory"):
        await repair(tmp_path / "old", tmp_path / "new")
    (tmp_path / "old").mkdir()
    with pytest.raises(CorruptionError, match="no segment of a database"):
        await repair(tmp_path / "old", tmp_path / "new")

    assert not (tmp_path / "new").exists()


async def test_a_database_that_is_open_is_not_repaired(
    connect: Any, directory: Path, tmp_path: Path, repair: Any
) -> None:
    db = connect(directory)
    await db["users"].insert({"_id": 1})
    with pytest.raises(LockedError, match="is open"):
        await repair(directory, tmp_path / "new")
    await db.close()
    report = await repair(directory, tmp_path / "new")

    assert report["documents"] == 1


def test_a_database_that_another_process_has_open_is_not_repaired(directory: Path, tmp_path: Path) -> None:
    program = f"import nosqlpy; db = nosqlpy.Client({str(directory)!r}).open(); print(db.name, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(LockedError, match="is open"):
            Client.repair(directory, tmp_path / "new")
        process.communicate("\n")

    assert Client.repair(directory, tmp_path / "new")["complete"]
