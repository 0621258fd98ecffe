"""Transactions beside each other: of threads, tasks and processes; cancelled ones, and used ones."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from facades.test_threads import in_threads
from nosqlpy import AsyncClient, Client, LockedError, TransactionError
from nosqlpy._io.local_async import INLINE_DOCUMENTS
from nosqlpy._io.transaction_async import AsyncLocalTransaction

ROUNDS = 25


# ── threads and tasks ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", ["disk", "memory"])
def test_threads_that_read_and_write_in_transactions_lose_no_update(directory: Path, place: str) -> None:
    def count(db: Client) -> int:
        for turn in range(ROUNDS):
            with db.transaction() as tx:
                held: Any = tx["counters"].get(1)
                tx["counters"].save({"_id": 1, "n": held["n"] + 1})
            db["counters"].update_one({"_id": 2}, {"$inc": {"n": 1}}, upsert=True)
            if turn % 5 == 0:
                assert db["counters"].count() in (1, 2)
        return 0

    with Client(directory if place == "disk" else ":memory:", lock_timeout=60) as db:
        db["counters"].insert({"_id": 1, "n": 0})
        outcomes = in_threads(*[partial(count, db)] * 6)
        found = db["counters"].find().to_list()

    assert outcomes == [0] * 6
    assert found == [{"_id": 1, "n": 6 * ROUNDS}, {"_id": 2, "n": 6 * ROUNDS}]


async def test_tasks_that_read_and_write_in_transactions_lose_no_update(
    connect: Callable[..., Any], place: str
) -> None:
    db = connect(place, lock_timeout=60)
    await db["counters"].insert({"_id": 1, "n": 0})

    async def count() -> None:
        for _ in range(5):
            async with db.transaction() as tx:
                held = await tx["counters"].get(1)
                await anyio.lowlevel.checkpoint()
                await tx["counters"].save({"_id": 1, "n": held["n"] + 1})

    async def write() -> None:
        for _ in range(5):
            await db["others"].insert({})
            await anyio.lowlevel.checkpoint()

    tasks = 1 if isinstance(getattr(db, "target", None), Client) else 60  # more than there are worker threads
    async with anyio.create_task_group() as group:
        for _ in range(tasks):
            group.start_soon(count)
            if tasks > 1:
                group.start_soon(write)

    assert (await db["counters"].get(1))["n"] == 5 * tasks


def test_an_async_and_a_blocking_client_wait_for_each_other(directory: Path) -> None:
    async def count(times: int) -> None:
        async with AsyncClient(directory, lock_timeout=60) as db:
            for _ in range(times):
                async with db.transaction() as tx:
                    held: Any = await tx["counters"].get(1)
                    await tx["counters"].save({"_id": 1, "n": held["n"] + 1})

    def count_blocking() -> None:
        with Client(directory, lock_timeout=60) as db:
            for _ in range(ROUNDS):
                with db.transaction() as tx:
                    held: Any = tx["counters"].get(1)
                    tx["counters"].save({"_id": 1, "n": held["n"] + 1})

    with Client(directory) as db:
        db["counters"].insert({"_id": 1, "n": 0})
        works = [count_blocking, partial(anyio.run, count, ROUNDS), partial(anyio.run, count, ROUNDS, backend="trio")]
        outcomes = in_threads(*works)

        assert outcomes == [None] * 3
        assert db["counters"].get(1) == {"_id": 1, "n": 3 * ROUNDS}


def test_a_write_of_another_thread_waits_until_the_transaction_has_ended() -> None:
    with Client(":memory:", lock_timeout=60) as db:
        done = threading.Event()

        def write() -> None:
            db["users"].insert({"_id": 2})
            done.set()

        with db.transaction() as tx:
            tx["users"].insert({"_id": 1})
            thread = threading.Thread(target=write)
            thread.start()

            assert not done.wait(0.05)
        thread.join(20)

        assert done.is_set()
        assert [document["_id"] for document in db["users"].find()] == [1, 2]


def test_a_write_that_waits_for_a_transaction_finds_out_then_that_it_needs_an_id() -> None:
    with Client(":memory:", lock_timeout=60, id_factory=lambda: "made") as db:
        begun, made = threading.Event(), []

        def write() -> None:
            begun.set()
            made.append(db["a"].update_one({"n": 1}, {"$set": {"x": 1}}, upsert=True).upserted_id)

        writer = threading.Thread(target=write)
        with db.transaction() as tx:
            tx["b"].insert({"_id": 1})
            writer.start()
            assert begun.wait(60)
            time.sleep(0.05)  # it comes to wait; where it does not, the test holds all the same
        writer.join(60)

    assert made == ["made"]


def test_a_transaction_is_for_one_thread_at_a_time() -> None:
    """The factory of ids is code of the caller's, which an operation calls."""
    refused: list[BaseException] = []

    def interfere() -> str:
        refused.extend(in_threads(lambda: tx["users"].insert({"_id": 2})))
        return "new"

    with Client(":memory:", id_factory=interfere) as db, db.transaction() as tx:
        tx["users"].update_one({"n": {"$gt": 5}}, {"$set": {"m": 1}}, upsert=True)

        assert tx["users"].count() == 1
    assert [type(error) for error in refused] == [TransactionError]
    assert "in the middle of an operation" in str(refused[0])


# ── processes ────────────────────────────────────────────────────────────────────

WRITER = """
import sys
from nosqlpy import Client, LockedError
with Client(sys.argv[1], lock_timeout=float(sys.argv[2])) as db:
    print("open", flush=True)
    sys.stdin.readline()
    print(db["users"].count(), flush=True)
    try:
        db["users"].insert({"_id": "theirs"})
        print("written", flush=True)
    except LockedError as error:
        print("locked", error.details["pid"], flush=True)
"""

HOLDER = """
import sys
from nosqlpy import Client
db = Client(sys.argv[1])
tx = db.transaction().__enter__()
tx["users"].insert({"_id": "theirs"})
print("holds", flush=True)
sys.stdin.readline()
"""


def process(program: str, *arguments: object) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )


def test_another_process_reads_what_is_committed_and_waits_to_write(directory: Path) -> None:
    with Client(directory) as db:
        db["users"].insert({"_id": 0})
        with process(WRITER, directory, 0.05) as impatient, process(WRITER, directory, 60) as patient:
            lines = [line(impatient), line(patient)]
            with db.transaction() as tx:
                tx["users"].insert({"_id": 1})
                db.sync()  # which lets go of what it can
                lines += [*impatient.communicate("\n", timeout=60)[0].split()[:2], go_on(patient)]
            lines += patient.communicate(timeout=60)[0].split()

        assert lines == ["open", "open", "1", "locked", "1", "written"]
        assert [document["_id"] for document in db["users"].find()] == [0, 1, "theirs"]


def line(other: subprocess.Popen[str]) -> str:
    """Return the next line that a process says."""
    assert other.stdout is not None
    return other.stdout.readline().strip()


def go_on(other: subprocess.Popen[str]) -> str:
    """Let a process that waits go on; return what it says next."""
    assert other.stdin is not None
    other.stdin.write("\n")
    other.stdin.flush()
    return line(other)


def test_a_process_that_dies_within_a_transaction_leaves_nothing_and_frees_the_writers(directory: Path) -> None:
    with Client(directory, lock_timeout=0.05) as db:
        db["users"].insert({"_id": 0})
        with process(HOLDER, directory) as other:
            assert line(other) == "holds"
            with pytest.raises(LockedError):
                db["users"].insert({"_id": 1})
            other.kill()
            other.communicate(timeout=60)
        db["users"].insert({"_id": 2})

        assert [document["_id"] for document in db["users"].find()] == [0, 2]


# ── cancellation ─────────────────────────────────────────────────────────────────


class CancellingCheckpoints:
    """Cancels a scope at the n-th time that its task could let others run."""

    def __init__(self, scope: anyio.CancelScope, at: int) -> None:
        self.scope, self.left = scope, at

    async def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.scope.cancel()
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
@pytest.mark.parametrize("durability", ["safe", "durable"])
def test_a_transaction_that_is_cancelled_at_any_await_is_done_or_not_done(
    directory: Path, loop: str, durability: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every await lets others run here, and so each of them can be the one at which the task is cancelled."""

    async def scenario() -> list[tuple[int, int]]:
        outcomes: list[tuple[int, int]] = []
        async with AsyncClient(directory, durability=durability, lock_timeout=5) as db:
            await db["a"].insert({"_id": "first"})
            at = 0
            while True:
                at += 1
                with anyio.CancelScope() as scope:
                    point = CancellingCheckpoints(scope, at)
                    monkeypatch.setattr(type(db._backend), "pause", lambda _, point=point: point())
                    async with db.transaction() as tx:
                        await tx["a"].insert({"_id": at})
                        await tx["b"].insert_many([{"_id": at}, {"_id": -at}])
                        assert (await tx["a"].find_one({"_id": at})) == {"_id": at}
                        await tx["b"].update_many({"_id": {"$in": [at, -at]}}, {"$set": {"n": 1}})
                        await point()
                    await point()
                monkeypatch.undo()
                outcomes.append(
                    (await db["a"].count({"_id": at}), await db["b"].count({"n": 1, "_id": {"$in": [at, -at]}}))
                )
                await db["a"].insert({"_id": f"after {at}"})  # nobody is in the way
                if not scope.cancelled_caught:
                    return outcomes

    outcomes = anyio.run(scenario, backend=loop)

    assert set(outcomes) == {(0, 0), (1, 2)}
    assert len(outcomes) > 5


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_who_is_cancelled_while_he_waits_for_his_turn_is_not_in_the_way(loop: str) -> None:
    async def scenario() -> list[Any]:
        async with AsyncClient(":memory:", lock_timeout=5) as db:

            async def wait(work: Callable[[], Any]) -> None:
                await work()

            async def begin() -> None:
                async with db.transaction() as tx:
                    await tx["a"].insert({"_id": "never"})

            async with db.transaction() as tx:
                await tx["a"].insert({"_id": 1})
                async with anyio.create_task_group() as group:
                    group.start_soon(wait, begin)
                    group.start_soon(wait, lambda: db["a"].insert({"_id": "never, too"}))
                    for _ in range(5):
                        await anyio.lowlevel.checkpoint()
                    group.cancel_scope.cancel()
            await db["a"].insert({"_id": 2})
            return [document["_id"] async for document in db["a"].find()]

    assert anyio.run(scenario, backend=loop) == [1, 2]


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_those_who_wait_have_their_turn_in_the_order_in_which_they_came(loop: str) -> None:
    async def scenario() -> list[Any]:
        async with AsyncClient(":memory:", lock_timeout=5) as db:

            async def insert(number: int) -> None:
                if number % 2:
                    await db["a"].insert({"_id": number})
                else:
                    async with db.transaction() as tx:
                        await tx["a"].insert({"_id": number})

            async with anyio.create_task_group() as group, db.transaction() as tx:
                await tx["a"].insert({"_id": 0})
                for number in range(1, 8):
                    group.start_soon(insert, number)
                    for _ in range(3):
                        await anyio.lowlevel.checkpoint()
            return [document["_id"] async for document in db["a"].find()]

    assert anyio.run(scenario, backend=loop) == list(range(8))


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_writes_of_one_document_in_a_transaction_stay_on_the_event_loop_however_large_the_collection_is(
    loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[object] = []

    async def on_worker(_: object, function: Callable[[], Any]) -> Any:
        threads.append(function)
        return function()

    async def write() -> list[Any]:
        async with AsyncClient(":memory:") as client:
            await client["a"].insert_many([{"_id": number} for number in range(INLINE_DOCUMENTS + 1)])
            async with client.transaction() as tx:
                await tx["a"].insert({"_id": "new"})
                await tx["a"].insert_one({"_id": "newer"})
                await tx["a"].save({"_id": 1, "saved": True})
                await tx["a"].update_one({"_id": 2}, {"$set": {"n": 1}})
                await tx["a"].delete(3)
            return threads

    monkeypatch.setattr(AsyncLocalTransaction, "_on_worker", on_worker)

    assert anyio.run(write, backend=loop) == []
