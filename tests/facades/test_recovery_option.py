"""What opening found, and whether that will do."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nosqlpy
from nosqlpy import ConfigurationError, CorruptionError

CRASH = """
import os, sys
from nosqlpy import Client
db = Client(sys.argv[1])
db["users"].insert({"_id": 1})
os._exit(0)
"""


@pytest.fixture
def torn(directory: Path) -> Path:
    """A database whose process died, with a piece of a frame at the end of its log."""
    source = str(Path(nosqlpy.__file__).parents[1])
    subprocess.run([sys.executable, "-c", CRASH, str(directory)], check=True, env={"PYTHONPATH": source})
    with next(directory.glob("seg-*")).open("ab") as file:
        file.write(b"NFRM" + b"x" * 50)
    return directory


async def test_strict_refuses_what_a_crash_left(connect: Any, torn: Path) -> None:
    before = {path.name: path.read_bytes() for path in torn.iterdir() if path.name not in ("LOCK", "SHM")}
    with pytest.raises(CorruptionError, match=r"seg-00000001\.nql ends in 54 bytes") as caught:
        await connect(torn, recovery="strict")["users"].count()

    assert caught.value.details["bytes"] == 54
    assert {path.name: path.read_bytes() for path in torn.iterdir() if path.name not in ("LOCK", "SHM")} == before


async def test_default_opens_logs_and_reports(connect: Any, torn: Path, caplog: Any) -> None:
    db = connect(torn)
    with caplog.at_level(logging.WARNING, logger="nosqlpy"):
        assert await db["users"].find() == [{"_id": 1}]

    assert db.recovery["torn_bytes"] == 54
    assert db.recovery["clean"] is False
    assert (torn / db.recovery["torn_file"]).read_bytes() == b"NFRM" + b"x" * 50
    assert db.recovery == (await db.stats())["recovery"]
    assert "54 bytes" in caplog.text
    assert "seg-00000001.nql" in caplog.text


async def test_strict_does_not_share_what_another_client_opened_with_a_loss(connect: Any, torn: Path) -> None:
    await connect(torn)["users"].count()
    with pytest.raises(CorruptionError, match="54 bytes"):
        await connect(torn, recovery="strict")["users"].count()


async def test_strict_opens_what_is_whole(connect: Any, directory: Path) -> None:
    async with connect(directory) as db:
        await db["users"].insert({"_id": 1})

    assert await connect(f"file://{directory}?recovery=strict")["users"].count() == 1


async def test_there_is_no_report_before_opening(connect: Any, place: str) -> None:
    db = connect(place)
    assert db.recovery is None

    await db["users"].count()

    assert db.recovery["clean"] is True


def test_another_recovery_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"one of default, strict; did you mean 'strict'\?"):
        nosqlpy.Client("x", recovery="stric")  # type: ignore[arg-type]
