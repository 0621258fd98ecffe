"""Dumps: a database as one file, and back."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import pytest

from nosqlpy import (
    AsyncClient,
    Client,
    CollectionNotFound,
    ConfigurationError,
    CorruptionError,
    InvalidURL,
    QueryError,
    StorageError,
)
from nosqlpy._core.log.dump import DumpWriter


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.nqd"


@pytest.fixture
def restore(face: str) -> Any:
    """`restore` of the face, awaited."""

    async def restore(*arguments: Any) -> Any:
        if face == "blocking":
            return Client.restore(*arguments)
        return await AsyncClient.restore(*arguments)

    return restore


@pytest.mark.parametrize("compression", [None, "zlib"])
async def test_a_dump_brings_back_documents_and_indexes(
    connect: Any, db: Any, file: Path, tmp_path: Path, restore: Any, compression: Any
) -> None:
    await db["users"].insert_many({"_id": n, "age": n % 7} for n in range(2500))
    await db["users"].create_index("age")
    await db.create_collection("empty")
    report = await db.dump(file, compression=compression)
    came = await restore(file, tmp_path / "again")
    twin = connect(tmp_path / "again", create=False)

    assert await twin["users"].find() == await db["users"].find()
    assert sorted(await twin["users"].index_information()) == ["_id_", "age_1"]
    assert await twin.list_collection_names() == ["empty", "users"]
    assert (await twin.verify())["ok"]
    assert (report["documents"], report["collections"], report["bytes"]) == (2500, 2, file.stat().st_size)
    assert (came["documents"], came["collections"]) == (2500, 2)
    assert came["bytes"] == (await twin.stats())["disk_bytes"]


async def test_a_dump_can_hold_some_collections(
    connect: Any, db: Any, file: Path, tmp_path: Path, restore: Any
) -> None:
    for name in "abc":
        await db[name].insert({"_id": name})
    await db.dump(file, collections=["c", "a"])
    await restore(str(file), str(tmp_path / "again"))

    assert await connect(tmp_path / "again").list_collection_names() == ["a", "c"]


async def test_a_dump_goes_through_streams(connect: Any, db: Any, tmp_path: Path, restore: Any) -> None:
    await db["users"].insert({"_id": 1})
    stream = io.BytesIO()
    await db.dump(stream)
    stream.seek(0)
    await restore(stream, tmp_path / "again")

    assert await connect(tmp_path / "again")["users"].find() == [{"_id": 1}]


async def test_a_refused_dump_leaves_the_older_file(db: Any, file: Path) -> None:
    file.write_text("older")
    await db["users"].insert({"_id": 1})
    with pytest.raises(CollectionNotFound, match="no collection 'usrs'; did you mean 'users'"):
        await db.dump(file, collections=["usrs"])
    with pytest.raises(ConfigurationError, match="compression is 'zlib' or None"):
        await db.dump(file, compression="rar")
    with pytest.raises(QueryError, match="a list of names"):
        await db.dump(file, collections="users")

    assert file.read_text() == "older"


async def test_a_full_disk_leaves_the_older_file(db: Any, file: Path, monkeypatch: Any) -> None:
    def refuse(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    file.write_text("older")
    monkeypatch.setattr(DumpWriter, "end", refuse)
    with pytest.raises(OSError, match="No space left on device") as caught:
        await db.dump(file)

    assert caught.value.filename == str(file)
    assert [path.name for path in file.parent.iterdir() if path.is_file()] == [file.name]
    assert file.read_text() == "older"


@pytest.mark.parametrize("target", [5, None, ["x"]])
async def test_what_is_neither_path_nor_stream_is_refused(db: Any, target: Any, tmp_path: Path, restore: Any) -> None:
    with pytest.raises(QueryError, match="dump takes a path or a stream of bytes"):
        await db.dump(target)
    with pytest.raises(QueryError, match="restore takes a path or a stream of bytes"):
        await restore(target, tmp_path / "again")


async def test_text_streams_are_refused(db: Any, tmp_path: Path, restore: Any) -> None:
    with pytest.raises(ConfigurationError, match="binary mode"):
        await db.dump(io.StringIO())
    with pytest.raises(ConfigurationError, match="binary mode"):
        await restore(io.StringIO("x"), tmp_path / "again")

    assert not (tmp_path / "again").exists()


async def test_a_damaged_dump_leaves_no_directory(db: Any, file: Path, tmp_path: Path, restore: Any) -> None:
    await db["users"].insert({"_id": 1, "text": "needle"})
    await db.dump(file)
    file.write_bytes(file.read_bytes().replace(b"needle", b"noodle"))
    with pytest.raises(CorruptionError, match=r"shop\.nqd is damaged \(at byte \d+\)") as caught:
        await restore(file, tmp_path / "again")

    assert caught.value.details["file"] == str(file)
    assert not (tmp_path / "again").exists()


async def test_a_database_is_never_overwritten(db: Any, file: Path, directory: Path, restore: Any) -> None:
    await db.dump(file)
    directory.mkdir(exist_ok=True)
    (directory / "notes").write_text("mine")
    with pytest.raises(StorageError, match="new or empty"):
        await restore(file, directory)
    with pytest.raises(InvalidURL, match="restore takes the path of a directory"):
        await restore(file, ":memory:")


async def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path, restore: Any) -> None:
    with pytest.raises(FileNotFoundError):
        await restore(tmp_path / "nothing", tmp_path / "again")

    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_cancelled_dump_leaves_nothing(loop: str, file: Path) -> None:
    class Stream(io.BytesIO):
        def write(self, data: Any) -> int:
            anyio.from_thread.run_sync(scope.cancel)
            return super().write(data)

    async def run() -> None:
        nonlocal scope
        async with AsyncClient(":memory:") as db:
            await db["users"].insert_many({"_id": n} for n in range(20_000))
            with anyio.CancelScope() as scope:
                await db.dump(Stream())

            assert scope.cancelled_caught

    scope: Any = None
    anyio.run(run, backend=loop)


@pytest.mark.parametrize("name", ["MANIFEST", "LOCK", "new", "deeper/new"])
async def test_a_dump_does_not_go_among_the_files_of_the_database(connect: Any, directory: Path, name: str) -> None:
    db = await connect(directory).open()
    with pytest.raises(StorageError, match="is inside the database"):
        await db.dump(directory / name)
    with pytest.raises(StorageError, match="is inside the database"):
        await db["users"].export_file(str(directory / name), format="json")
    (directory.parent / "alias").symlink_to(directory)
    with pytest.raises(StorageError, match="is inside the database"):
        await db.dump(directory.parent / "alias" / name)

    assert (await db.verify())["ok"]


async def test_progress_is_told_how_many_documents_are_dumped(db: Any, file: Path) -> None:
    await db["users"].insert_many({"_id": n} for n in range(2500))
    told: list[tuple[int, int]] = []
    await db.dump(file, progress=lambda done, total: told.append((done, total)))

    assert told == [(1000, 2500), (2000, 2500), (2500, 2500)]


async def test_progress_that_is_no_function_is_refused_before_the_dump(db: Any, file: Path) -> None:
    with pytest.raises(QueryError, match="progress is a function, not str"):
        await db.dump(file, progress="x")

    assert not file.exists()
