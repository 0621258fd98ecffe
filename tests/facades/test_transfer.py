"""Importing and exporting JSON Lines; the details are tested in tests/io."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import pytest

from nosqlpy import AsyncClient, QueryError, ReadOnlyError


async def test_what_was_exported_can_be_imported_again(connect: Any, tmp_path: Path) -> None:
    users = connect(":memory:")["users"]
    await users.insert_many([{"_id": n, "text": "häuser", "in": {"list": [n, None]}} for n in range(1500)])
    exported = await users.export_file(tmp_path / "users.jsonl")
    other = connect(":memory:")["users"]
    imported = await other.import_file(tmp_path / "users.jsonl")

    assert (exported, imported) == (1500, 1500)
    assert await other.find() == await users.find()


async def test_an_export_has_what_the_filter_and_the_projection_leave(users: Any, tmp_path: Path) -> None:
    await users.insert_many([{"_id": n, "n": n} for n in range(5)])
    count = await users.export_file(tmp_path / "users.jsonl", filter={"n": {"$gt": 2}}, projection=["_id"])

    assert count == 2
    assert (tmp_path / "users.jsonl").read_text(encoding="utf-8") == '{"_id":3}\n{"_id":4}\n'


async def test_an_import_may_replace_what_is_there(users: Any, tmp_path: Path) -> None:
    (tmp_path / "users.jsonl").write_text('{"_id": 1, "n": 2}\n', encoding="utf-8")
    await users.insert_many([{"_id": 1, "n": 1}, {"_id": 2}])
    await users.import_file(tmp_path / "users.jsonl", mode="upsert")
    upserted = await users.find()
    await users.import_file(tmp_path / "users.jsonl", mode="replace")

    assert upserted == [{"_id": 1, "n": 2}, {"_id": 2}]
    assert await users.find() == [{"_id": 1, "n": 2}]


async def test_an_import_names_the_line_that_is_wrong(users: Any, tmp_path: Path) -> None:
    (tmp_path / "users.jsonl").write_text('{"_id": 1}\n{oops}\n', encoding="utf-8")
    with pytest.raises(QueryError, match=r"users\.jsonl.*line 2") as caught:
        await users.import_file(tmp_path / "users.jsonl")

    assert caught.value.details["line"] == 2


async def test_a_read_only_client_imports_nothing(connect: Any, directory: Path, tmp_path: Path) -> None:
    (tmp_path / "users.jsonl").write_text('{"_id": 1}\n', encoding="utf-8")
    async with connect(directory) as writer:
        await writer["users"].insert({})
    with pytest.raises(ReadOnlyError):
        await connect(directory, read_only=True)["users"].import_file(tmp_path / "users.jsonl")

    assert await connect(directory, read_only=True)["users"].count() == 1


async def test_of_a_file_of_many_times_the_memory_budget_that_is_added_a_quarter_of_that_stays_in_memory(
    connect: Any, directory: Path, tmp_path: Path
) -> None:
    text = b"".join(b'{"_id": %d, "text": "%s"}\n' % (n, b"x" * 1000) for n in range(1100))
    (tmp_path / "large.jsonl").write_bytes(text)
    (tmp_path / "small.jsonl").write_bytes(text[: text.index(b"\n", 900_000)])
    async with connect(directory, memory_budget=256 << 10) as db:
        await db["small"].insert_one({"_id": "first"})
        await db["large"].insert_one({"_id": "first"})
        await db["small"].import_file(tmp_path / "small.jsonl")
        kept = (await db.stats())["resident_bytes"]
        await db["large"].import_file(tmp_path / "large.jsonl")

        assert (await db.stats())["resident_bytes"] <= 64 << 10 < kept <= 256 << 10
        assert await db["large"].get(7) == {"_id": 7, "text": "x" * 1000}


async def test_an_import_writes_no_more_at_once_than_a_portion(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nosqlpy._core.values.json_lines.PORTION_SIZE", 2000)  # in place of 256 KiB
    await db.create_collection("users")
    before = (await db.stats())["commits"]
    lines = b"".join(b'{"_id": %d, "text": "%s"}\n' % (n, b"x" * 600) for n in range(10))
    imported = await db["users"].import_file(io.BytesIO(lines))

    assert imported == await db["users"].count() == 10
    assert (await db.stats())["commits"] - before == 4


@pytest.mark.parametrize("format", ["jsonl", "csv"])
async def test_progress_is_told_how_many_documents_are_exported(db: Any, tmp_path: Path, format: str) -> None:
    await db["users"].insert_many({"_id": n} for n in range(2500))
    told: list[tuple[int, int]] = []
    await db["users"].export_file(tmp_path / "a", format=format, progress=lambda *amounts: told.append(amounts))

    assert told == sorted(told)
    assert told[-1] == (2500, 2500)


async def test_progress_that_is_no_function_is_refused_before_the_export(db: Any, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="progress is a function, not int"):
        await db["users"].export_file(tmp_path / "a", progress=1)

    assert not (tmp_path / "a").exists()


class Endless(io.RawIOBase):
    """Lines of JSON without end, that call something while the third block is read."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._blocks = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        self._blocks += 1
        if self._blocks == 3:
            anyio.from_thread.run_sync(self._call)
        return b'{"a":1}\n' * 5000


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_cancelled_import_stops_and_its_note_says_what_went_in(loop: str) -> None:
    async def run() -> None:
        nonlocal scope
        async with AsyncClient(":memory:") as db:
            with anyio.CancelScope() as scope:
                try:
                    await db["t"].import_file(Endless(scope.cancel))
                except BaseException as error:
                    notes.extend(error.__notes__)
                    raise

            assert scope.cancelled_caught
            count = await db["t"].count()
            assert any(note.startswith(f"{count} imported before it, up to line {count};") for note in notes)
            assert count >= 10_000
            await anyio.sleep(0.01)
            assert await db["t"].count() == count

    scope: Any = None
    notes: list[str] = []
    anyio.run(run, backend=loop)


def test_a_task_of_asyncio_that_is_cancelled_says_what_it_has_imported() -> None:
    async def run() -> None:
        async with AsyncClient(":memory:") as db:
            task = asyncio.ensure_future(db["t"].import_file(Endless(lambda: task.cancel())))  # noqa: PLW0108
            with pytest.raises(asyncio.CancelledError) as caught:
                await task

            count = await db["t"].count()
            assert caught.value.__notes__[0].startswith(f"{count} imported before it, up to line {count};")

    asyncio.run(run())


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_cancelled_export_leaves_the_file_that_was_there(loop: str, tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "a.jsonl"
        path.write_text("old")
        async with AsyncClient(":memory:") as db:
            await db["t"].insert_many({"_id": n} for n in range(20_000))
            with anyio.CancelScope() as scope:
                cancel = lambda done, total: anyio.from_thread.run_sync(scope.cancel)  # noqa: E731
                await db["t"].export_file(path, progress=cancel)

            assert scope.cancelled_caught
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

    anyio.run(run, backend=loop)
