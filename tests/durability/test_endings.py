"""However a program ends that has a database open, it does not hang, and what was acknowledged is there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from durability.endings import ASYNC, BLOCKING, COUNT
from durability.test_processes import ENVIRONMENT
from nosqlpy import Client

HANGS_S = 60
# what `fast` has in its buffer is handed over wherever the interpreter has time for that
ALSO_FAST = {
    "normally",
    "by_an_exception",
    "by_a_handler_of_sigterm",
    "by_ctrl_c_in_the_middle_of_writes",
    "while_daemon_threads_write",
    "with_a_closing_at_exit",
    "in_asyncio",
    "in_trio",
}
WAYS = [
    (way, durability)
    for way in (*BLOCKING, *ASYNC)
    for durability in ("safe", "fast")
    if durability == "safe" or way.__name__ in ALSO_FAST
]


def end(way: str, directory: Path, durability: str) -> tuple[list[str], str]:
    """Run a program that ends so; return the lines that it said, and what it complained of."""
    command = [sys.executable, "-m", "durability.endings", way, str(directory), durability]
    try:
        done = subprocess.run(command, capture_output=True, timeout=HANGS_S, check=False, env=ENVIRONMENT)
    except subprocess.TimeoutExpired:
        pytest.fail(f"a program that ends {way} hangs")
    return done.stdout.decode().splitlines(), done.stderr.decode()


@pytest.mark.parametrize(("way", "durability"), WAYS, ids=lambda value: getattr(value, "__name__", value))
def test_a_program_ends_without_hanging_and_what_was_acknowledged_is_there(
    tmp_path: Path, way: Callable[..., Any], durability: str
) -> None:
    said, complaints = end(way.__name__, tmp_path / "data", durability)
    with Client(tmp_path / "data", lock_timeout=0) as client:
        found = [document["_id"] for document in client["a"].find()]
        client.verify()

    assert said[0] == "filled"
    assert found == list(range(COUNT))
    assert "Fatal Python error" not in complaints


def test_what_a_program_writes_at_its_exit_is_stored_while_nosqlpy_is_there(tmp_path: Path) -> None:
    end("with_a_write_at_exit", tmp_path / "data", "safe")
    with Client(tmp_path / "data") as client:
        assert client["late"].get(1) == {"_id": 1}


def test_what_a_program_writes_after_that_is_refused(tmp_path: Path) -> None:
    said, _ = end("with_a_write_too_late", tmp_path / "data", "safe")

    assert said == ["filled", "refused"]
