"""Several real processes at one database: they write at once, follow each other, are stopped, and die."""

from __future__ import annotations

import ast
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from durability.children import ACCOUNTS
from durability.linearizability import Call, is_linearizable
from durability.scale import KILLS
from durability.test_processes import child
from nosqlpy import Client
from nosqlpy.errors import LockedError

MONEY = 1000 * ACCOUNTS


def told(process: subprocess.Popen[bytes]) -> str:
    """Return the next line that a child says."""
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def tell(process: subprocess.Popen[bytes]) -> None:
    """Let a child that waits go on."""
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()


# ── writing at once ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("durability", ["fast", "safe", "durable"])
def test_no_update_is_lost_between_processes_threads_and_tasks(tmp_path: Path, durability: str) -> None:
    times = 40 if durability == "durable" else 120
    faces = ("blocking", "blocking", "asyncio", "trio")
    with ExitStack() as stack:
        processes = [
            stack.enter_context(child("count_up", tmp_path / "data", times, face, durability)) for face in faces
        ]
        errors = [process.communicate(timeout=120)[1].decode() for process in processes]
    with Client(tmp_path / "data", segment_size=400) as db:
        counted = db["counters"].get(1)
        report = db.verify()

    assert errors == [""] * len(faces)
    assert counted == {"_id": 1, "n": times * len(faces)}
    assert report["ok"]


@pytest.mark.parametrize("mover", ["move_money", "move_in_transactions"])
def test_processes_that_are_killed_lose_no_money_and_no_acknowledged_entry(tmp_path: Path, mover: str) -> None:
    """Four processes move money; a fifth reads all the while that the sum is right; one of the four is killed."""
    random = Random(2)
    place = tmp_path / "data"
    with Client(place) as db:
        db["bank"].insert_many([{"_id": number, "n": 1000} for number in range(ACCOUNTS)])
    acknowledged: set[int] = set()
    reader = Client(place).open()
    running: list[subprocess.Popen[bytes]] = []
    with ExitStack() as stack:
        started = 0
        for _ in range(KILLS):
            while len(running) < 4:
                started += 1
                running.append(stack.enter_context(child(mover, place, started, random.choice(("safe", "durable")))))
            victim = running.pop(random.randrange(4))
            first = told(victim)
            assert first or not entries(victim), "it has said nothing, and nothing on stderr"
            acknowledged.add(int(first))
            until = time.monotonic() + random.random() / 8
            while time.monotonic() < until:
                assert sum(account["n"] for account in reader["bank"].find()) == MONEY
            victim.send_signal(signal.SIGKILL)
            acknowledged |= entries(victim)
        for victim in running:
            victim.send_signal(signal.SIGKILL)
            acknowledged |= entries(victim)
    seen = {entry["_id"] for entry in reader["entries"].find()}
    reader.verify()
    reader.close()
    with Client(place) as again:
        found = {entry["_id"] for entry in again["entries"].find()}
        twins = {entry["_id"] for entry in again["twins"].find()}
        money = sum(account["n"] for account in again["bank"].find())
        again.verify()

    assert len(acknowledged) >= KILLS
    assert acknowledged <= seen <= found
    assert money == MONEY
    assert twins == (found if mover == "move_in_transactions" else set())
    print(f"{KILLS + 4} kills, {len(acknowledged)} acknowledged, none lost")


def entries(process: subprocess.Popen[bytes]) -> set[int]:
    """Return what a killed child has acknowledged; it fails if the child had another reason to end."""
    assert process.stdout is not None
    assert process.stderr is not None
    out, error = process.stdout.read(), process.stderr.read()  # not communicate: a line was read before
    assert error == b"", error.decode()
    return set(map(int, out.split(b"\n")[:-1]))


@pytest.mark.parametrize("seed", range(3))
def test_what_processes_do_to_one_register_can_have_happened_one_after_the_other(tmp_path: Path, seed: int) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(child("record", tmp_path / "data", 4 * seed + n + 1, 40)) for n in range(4)]
        for process in processes:
            assert told(process) == "open"
        for process in processes:
            tell(process)
        lines = [line for process in processes for line in process.communicate(timeout=120)[0].decode().splitlines()]
    history = [Call(*ast.literal_eval(line)) for line in lines]

    assert len(history) == 160
    assert is_linearizable(history)


def test_a_history_in_which_a_read_goes_back_in_time_is_not_linearizable() -> None:
    history = [Call(1, 2, "write", 7, None), Call(3, 4, "write", 8, None), Call(5, 6, "read", 0, 7)]

    assert not is_linearizable(history)
    assert is_linearizable([*history[:2], Call(5, 6, "read", 0, 8)])


# ── dying and being stopped ─────────────────────────────────────────────────────


def test_a_frame_whose_writer_died_before_he_told_anybody_counts(tmp_path: Path) -> None:
    with Client(tmp_path / "data") as db, child("die_before_the_bell", tmp_path / "data") as process:
        db["a"].insert_one({"_id": 1})
        told(process)
        tell(process)
        process.wait(10)
        db["a"].insert_one({"_id": 2})

        assert [document["_id"] for document in db["a"].find()] == [1, "orphan", 2]
        assert db.verify()["ok"]


def test_a_part_of_a_frame_whose_writer_died_is_cut_off_by_the_next_writer(tmp_path: Path) -> None:
    with Client(tmp_path / "data") as db, child("die_within_a_write", tmp_path / "data") as process:
        db["a"].insert_one({"_id": 1})
        told(process)
        tell(process)
        process.wait(10)
        before = [document["_id"] for document in db["a"].find()]
        db["a"].insert_one({"_id": 2})

        assert before == [1]
        assert [document["_id"] for document in db["a"].find()] == [1, 2]
        assert db.verify()["ok"]


def test_a_stopped_writer_keeps_others_waiting_for_their_timeout_and_goes_on_afterwards(tmp_path: Path) -> None:
    with Client(tmp_path / "data", lock_timeout=0.3) as db, child("stop_within_a_write", tmp_path / "data") as process:
        db["a"].insert_one({"_id": 1})
        told(process)
        tell(process)
        assert told(process) == "stopping"
        began = time.monotonic()
        with pytest.raises(LockedError, match=r"waited 0\.3 s") as refusal:
            db["a"].insert_one({"_id": 2})
        waited_s = time.monotonic() - began
        readable = db["a"].count()
        process.send_signal(signal.SIGCONT)
        assert told(process) == "done"
        db["a"].insert_one({"_id": 3})

        assert waited_s >= 0.3
        assert refusal.value.details["pid"] == process.pid
        assert readable == 1
        assert [document["_id"] for document in db["a"].find()] == [1, "late", 3]


# ── reading ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", ["with the page", "without it"])
def test_a_reader_follows_a_writer_through_rotations_and_compactions(tmp_path: Path, page: str) -> None:
    with Client(tmp_path / "data", segment_size=400) as db:
        db["a"].insert_one({"_id": 0})
    if page == "without it":
        (tmp_path / "data" / "SHM").rename(tmp_path / "SHM")
    with Client(tmp_path / "data", read_only=True) as reader, child("hold", tmp_path / "data"):
        assert reader["a"].count() == 1
        with child("count_up", tmp_path / "data", 200, "blocking", "safe") as process:
            seen = [0]
            while process.poll() is None:
                found = reader["counters"].get(1)
                seen.append(found["n"] if found else 0)
        last = reader["counters"].get(1)

        assert seen == sorted(seen)
        assert last == {"_id": 1, "n": 200}
        assert reader.verify()["ok"]
