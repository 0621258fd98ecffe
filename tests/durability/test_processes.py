"""Real processes: killed at random, waiting for each other, forked, and ended without a word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

import nosqlpy
from durability.scale import KILLS
from nosqlpy import Client
from nosqlpy.errors import LockedError

TESTS = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{Path(nosqlpy.__file__).parents[1]}{os.pathsep}{TESTS}"}


@contextmanager
def child(*arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of the functions of `children` in a process of its own."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "durability.children", *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=ENVIRONMENT) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def run(*arguments: object, timeout_s: float = 60) -> tuple[int, str, str]:
    """Return how a child ended, and what it wrote."""
    with child(*arguments) as process:
        try:
            out, error = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{arguments} hangs")
        return process.returncode, out.decode(), error.decode()


def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    random = Random(1)
    acknowledged: set[int] = set()
    for number in range(KILLS):
        with child("write_until_killed", tmp_path / "data", number) as process:
            assert process.stdout is not None
            acknowledged.add(int(process.stdout.readline()))
            time.sleep(random.random() / 8)
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().split(b"\n")[:-1]  # what is behind the last line end is no whole number
            acknowledged |= set(map(int, rest))
        with Client(tmp_path / "data", segment_size=4096) as client:
            found = {document["_id"] for document in client["log"].find()}
            moves = {document["moves"] for document in client["bank"].find()}
            client.verify()

        assert acknowledged <= found
        assert len(found - acknowledged) <= number + 1
        assert len(moves) == 1
    print(f"{KILLS} kills, {len(acknowledged)} acknowledged, none lost")


# ── several processes at one directory ──────────────────────────────────────────


def test_a_second_process_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with child("hold", tmp_path / "data", "exclusive") as process:
        assert process.stdout is not None
        process.stdout.readline()
        start = time.monotonic()
        with pytest.raises(LockedError, match=rf"{process.pid} .*waited 0\.2 s") as refusal:
            Client(tmp_path / "data", lock_timeout=0.2).open()
        waited_s = time.monotonic() - start

    assert refusal.value.details["pid"] == process.pid
    assert waited_s >= 0.2


def test_a_waiting_process_gets_the_directory_when_the_first_is_killed(tmp_path: Path) -> None:
    with child("hold", tmp_path / "data", "exclusive") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        with Client(tmp_path / "data", lock_timeout=60) as client:
            assert client["a"].count() == 0


def test_a_stopped_process_keeps_the_directory(tmp_path: Path) -> None:
    with child("hold", tmp_path / "data", "exclusive") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(LockedError):
            Client(tmp_path / "data", lock_timeout=0.1).open()


def test_a_reader_that_keeps_the_directory_keeps_writers_out_and_other_readers_not(tmp_path: Path) -> None:
    with Client(tmp_path / "data") as client:
        client["a"].insert_one({"_id": 1})
    with child("hold", tmp_path / "data", "read_only", "exclusive") as process:
        assert process.stdout is not None
        process.stdout.readline()
        with Client(tmp_path / "data", read_only=True, exclusive=True, lock_timeout=0.1) as reader:
            count = reader["a"].count()
        with pytest.raises(LockedError):
            Client(tmp_path / "data", lock_timeout=0.1).open()

    assert count == 1


# ── fork ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("durability", ["fast", "safe"])
def test_a_forked_child_opens_the_database_for_itself_and_its_parent_is_unharmed(
    tmp_path: Path, durability: str
) -> None:
    code, out, error = run("fork_after_open", tmp_path / "data", durability)
    with Client(tmp_path / "data") as client:
        ids = [document["_id"] for document in client["a"].find()]

    assert (code, error) == (0, "")
    assert out.split("\n")[:-1] == ["child 1", "parent 3 True"]
    assert ids == ["before", "child", "after"]


def test_children_and_grandchildren_use_the_clients_that_they_inherit(tmp_path: Path) -> None:
    _, out, _ = run("fork_with_everything", tmp_path / "data")
    with Client(tmp_path / "data") as client:
        ids = [document["_id"] for document in client["a"].find()][3000:]
        clean = client.stats()["recovery"]["clean"]

    assert out.split() == ["cursor", "refused"] * 2
    assert ids == ["async parent", "child 0", "async child 0", "child 1", "async child 1"]
    assert clean


def test_a_fork_while_the_background_thread_runs_does_not_hang_the_child(tmp_path: Path) -> None:
    _, out, _ = run("fork_while_syncer_waits", tmp_path / "data")

    assert out == "child ended\n"


# ── programs that end without closing ───────────────────────────────────────────


@pytest.mark.parametrize("durability", ["fast", "safe"])
@pytest.mark.parametrize("how", ["end", "exit", "exception", "interrupt", "collected", "cycle", "thread"])
def test_a_program_that_ends_without_close_loses_nothing(tmp_path: Path, how: str, durability: str) -> None:
    run("end_without_close", tmp_path / "data", how, durability)
    with Client(tmp_path / "data") as client:
        ids = [document["_id"] for document in client["a"].find()]
        clean = client.stats()["recovery"]["clean"]

    assert ids[:100] == list(range(100))
    assert len(ids) == 100 + (how == "thread")
    assert clean


@pytest.mark.parametrize("durability", ["fast", "safe"])
@pytest.mark.parametrize("how", ["end", "unawaited", "interrupt", "cancelled"])
def test_an_async_program_that_ends_without_close_loses_nothing(tmp_path: Path, how: str, durability: str) -> None:
    run("end_without_aclose", tmp_path / "data", how, durability)
    with Client(tmp_path / "data") as client:
        ids = [document["_id"] for document in client["a"].find()]
        clean = client.stats()["recovery"]["clean"]

    assert ids == list(range(100))
    assert clean


def test_a_client_collected_while_another_is_opened_hangs_nobody(tmp_path: Path) -> None:
    code, out, error = run("collect_while_opening", tmp_path / "data")

    assert (code, error) == (0, "")
    assert out == "collected, reopened with 1\n"
