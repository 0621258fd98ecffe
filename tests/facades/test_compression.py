"""Compacted bases that are compressed: real files, both faces, several clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nosqlpy import Client
from nosqlpy._core.engine import hints
from nosqlpy.errors import ConfigurationError, CorruptionError

TEXT = "what is written many times takes little room "


def some(count: int = 400) -> list[dict[str, Any]]:
    return [{"_id": number, "x": number % 7, "text": TEXT * 5} for number in range(count)]


def filled(directory: Path, **options: Any) -> dict[str, Any]:
    """Make a database whose documents lie in a base."""
    with Client(directory, **options) as client:
        client["users"].create_index("x")
        client["users"].insert_many(some())
        report: dict[str, Any] = client.compact()
    return report


async def test_a_compacted_log_is_compressed_where_the_client_says_so(connect: Any, directory: Path) -> None:
    db = connect(directory, compression="zlib")
    await db["users"].insert_many(some())
    report = await db.compact()
    stats = await db.stats()

    assert report["bytes_after"] * 5 < report["bytes_before"]
    assert stats["compressed_bytes"] == report["bytes_after"]
    assert stats["disk_bytes"] == sum(file.stat().st_size for file in directory.glob("seg-*"))
    assert stats["log_bytes"] > stats["live_bytes"] > 5 * stats["disk_bytes"]


async def test_a_compressed_database_opens_without_the_option(connect: Any, directory: Path) -> None:
    filled(directory, compression="zlib")
    db = connect(directory)

    assert await db["users"].find().to_list() == some()
    assert await db["users"].count({"x": 3}) == 57
    assert (await db.verify())["documents"] == 400


async def test_without_the_option_the_next_compaction_does_not_compress(connect: Any, directory: Path) -> None:
    filled(directory, compression="zlib")
    db = connect(directory)
    report = await db.compact()

    assert report["bytes_after"] > 5 * report["bytes_before"]
    assert (await db.stats())["compressed_bytes"] == 0
    assert await db["users"].find().to_list() == some()


@pytest.mark.parametrize("budget", [0, 20_000])
async def test_documents_past_the_budget_are_read_from_blocks(connect: Any, directory: Path, budget: int) -> None:
    filled(directory, compression="zlib")
    db = connect(directory, memory_budget=budget)
    found = [await db["users"].get(number) for number in range(0, 400, 7)]
    stats = await db.stats()

    assert found == some()[::7]
    assert await db["users"].find({"x": 1}).to_list() == [document for document in some() if document["x"] == 1]
    assert stats["places"] > 300
    assert stats["memory_budget"] == budget
    assert stats["resident_bytes"] + stats["cached_bytes"] <= budget + 16384


async def test_a_point_read_of_a_compressed_hinted_database_loads_nothing(
    connect: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "NEW_MIN", 0)
    filled(directory, compression="zlib")
    db = connect(directory)
    found = await db["users"].get(123)
    stats = await db.stats()

    assert found == some()[123]
    assert (stats["places"], stats["resident_bytes"]) == (400, 0)
    assert 0 < stats["cached_bytes"] <= 2 * 16384


async def test_clients_of_one_database_agree_on_compression(connect: Any, directory: Path) -> None:
    db = connect(directory, compression="zlib")
    await db["users"].insert({"_id": 1})
    with pytest.raises(ConfigurationError, match="compression"):
        Client(directory).open()


@pytest.mark.parametrize("name", ["gzip", "zsdt", ""])
def test_a_compression_that_there_is_not_is_refused(directory: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="compression is one of zlib, zstd"):
        Client(directory, compression=name)  # type: ignore[arg-type]


def test_compression_may_stand_in_a_url(directory: Path) -> None:
    with Client(f"file://{directory}?compression=zlib") as client:
        client["users"].insert_many(some())
        client.compact()

        assert client.stats()["compressed_bytes"] > 0


async def test_a_backup_of_a_compressed_database_is_compressed(connect: Any, directory: Path, tmp_path: Path) -> None:
    filled(directory, compression="zlib")
    db = connect(directory)
    report = await db.backup(tmp_path / "copy")
    with Client(tmp_path / "copy") as copy:
        assert copy["users"].find().to_list() == some()
        assert copy.stats()["disk_bytes"] == report["bytes"] == (await db.stats())["disk_bytes"]


async def test_a_dump_of_a_compressed_database_is_restored(connect: Any, directory: Path, tmp_path: Path) -> None:
    filled(directory, compression="zlib")
    db = connect(directory)
    await db.dump(tmp_path / "file")
    Client.restore(tmp_path / "file", tmp_path / "restored")
    with Client(tmp_path / "restored") as restored:
        assert restored["users"].find().to_list() == some()


def test_a_damaged_block_is_told_and_repair_saves_the_others(directory: Path, tmp_path: Path) -> None:
    filled(directory, compression="zlib")
    segment = max(directory.glob("seg-*.nql"), key=lambda file: file.stat().st_size)
    data = bytearray(segment.read_bytes())
    data[data.find(b"NBLK", 200) + 100] ^= 1  # in the second block
    segment.write_bytes(data)
    with pytest.raises(CorruptionError, match="block"):
        Client(directory).open()
    report = Client.repair(directory, tmp_path / "repaired")
    with Client(tmp_path / "repaired") as repaired:
        saved = repaired["users"].find().to_list()

    assert 0 < len(saved) < 400
    assert all(document in some() for document in saved)
    assert not report["complete"]
