"""Many threads and tasks commit at once: they share syncs, and each is told the truth."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from durability.interrupts import in_time
from nosqlpy import AsyncClient, Client
from nosqlpy._io.database import Database
from nosqlpy.errors import StorageError

THREADS, WRITES = 8, 30


class SlowSyncs:
    """Counts the syncs of a database, and makes each take a little while, as a real device does."""

    def __init__(self, database: Database) -> None:
        self.count = 0
        self._at_once = 0
        self.most_at_once = 0
        self._sync = database.storage.sync
        self.error: OSError | None = None
        database.storage.sync = self.sync

    def sync(self, name: str) -> None:
        self.count += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        time.sleep(0.002)
        try:
            if self.error is not None:
                raise self.error
            self._sync(name)
        finally:
            self._at_once -= 1


def test_threads_that_commit_durably_share_syncs_and_lose_nothing(tmp_path: Path) -> None:
    client = Client(tmp_path / "data", durability="durable", segment_size=20_000)
    syncs = SlowSyncs(client._backend.database())

    def write(thread: int) -> None:
        for number in range(WRITES):
            client["a"].insert_one({"_id": f"{thread}-{number}"})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    client.close()
    with Client(tmp_path / "data") as again:
        count = again["a"].count()

    assert count == THREADS * WRITES
    assert syncs.count < THREADS * WRITES / 2
    assert syncs.most_at_once == 1


def test_threads_write_while_others_compact_rotate_and_verify(tmp_path: Path) -> None:
    client = Client(tmp_path / "data", segment_size=2000, sync_interval=0.001)
    client["a"].create_index("g")
    errors: list[BaseException] = []
    ended = threading.Event()

    def write(thread: int) -> None:
        random = Random(thread)
        for number in range(150):
            durability: Any = random.choice(("fast", "safe", "safe", "durable"))
            client["a"].insert_one({"_id": 1000 * thread + number, "g": number % 5}, durability=durability)
            client["a"].update_many({"g": 1}, {"$set": {"g": 2}}, durability=durability)

    def disturb(use: Any) -> None:
        while not ended.is_set():
            use()
            time.sleep(0.003)

    def kept(function: Any, *arguments: Any) -> None:
        try:
            function(*arguments)
        except BaseException as error:  # noqa: BLE001 - the test shows it
            errors.append(error)

    uses = (client.compact, client.verify, client.sync, client.stats, lambda: client["a"].find({"g": 2}).to_list())
    disturbers = [threading.Thread(target=kept, args=(disturb, use)) for use in uses]
    writers = [threading.Thread(target=kept, args=(write, number)) for number in range(3)]
    for thread in (*disturbers, *writers):
        thread.start()
    for thread in writers:
        thread.join(30)
    ended.set()
    for thread in disturbers:
        thread.join(10)
    client.close()
    with Client(tmp_path / "data") as again:
        documents = again["a"].find().to_list()

    assert not errors
    assert len(documents) == 450
    assert not [document for document in documents if document["g"] == 1]


def test_a_sync_that_fails_is_told_to_every_thread_that_waits_for_it(tmp_path: Path) -> None:
    client = Client(tmp_path / "data", durability="durable")
    client["a"].insert_one({"_id": "first"})
    syncs = SlowSyncs(client._backend.database())
    told: list[bool] = []
    ready = threading.Barrier(THREADS)

    def write(thread: int) -> None:
        ready.wait()
        try:
            client["a"].insert_one({"_id": thread})
        except StorageError:
            told.append(True)
        else:
            told.append(False)

    syncs.error = OSError(5, "the device failed")
    threads = [threading.Thread(target=write, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    client.close()

    assert told == [True] * THREADS
    assert syncs.count == 1


def test_a_write_waiting_for_its_sync_is_answered_when_the_client_is_closed(tmp_path: Path) -> None:
    client = Client(tmp_path / "data", durability="durable")
    client["a"].insert_one({"_id": 0})
    SlowSyncs(client._backend.database())
    answers: list[str] = []

    def write() -> None:
        for number in range(1, 100):
            try:
                client["a"].insert_one({"_id": number})
                answers.append("done")
            except Exception as error:  # noqa: BLE001 - the test looks at it
                answers.append(type(error).__name__)
                return

    thread = threading.Thread(target=write)
    thread.start()
    time.sleep(0.02)
    in_time(client.close)
    thread.join(5)
    with Client(tmp_path / "data") as again:
        count = again["a"].count()

    assert not thread.is_alive()
    assert answers[-1] == "ClosedError"
    assert count >= answers.count("done") + 1


def test_a_closed_database_holds_no_file(tmp_path: Path) -> None:
    open_files = Path("/proc/self/fd")
    if not open_files.exists():
        pytest.skip("this system does not list the files of a process")
    client = Client(tmp_path / "data", segment_size=2000, sync_interval=0.001)
    for number in range(50):
        client["a"].insert_one({"_id": number, "pad": "x" * 200})
    client.compact()
    client.close()
    time.sleep(0.05)
    held = [str(path.readlink()) for path in open_files.iterdir() if path.is_symlink()]

    assert not [path for path in held if str(tmp_path) in path]


async def test_tasks_that_commit_durably_share_syncs_and_lose_nothing(tmp_path: Path) -> None:
    async with AsyncClient(tmp_path / "data", durability="durable", segment_size=20_000) as client:
        syncs = SlowSyncs(await client._backend.database())

        async def write(task: int) -> None:
            for number in range(10):
                await client["a"].insert_one({"_id": f"{task}-{number}"})

        async with anyio.create_task_group() as tasks:
            for number in range(40):
                tasks.start_soon(write, number)
    with Client(tmp_path / "data") as again:
        count = again["a"].count()

    assert count == 400
    assert syncs.count < 100
    assert syncs.most_at_once == 1


async def test_cancelled_tasks_leave_whole_writes_and_hang_nobody(tmp_path: Path) -> None:
    random = Random(7)
    acknowledged: list[str] = []
    async with AsyncClient(tmp_path / "data", durability="durable", segment_size=5000) as client:
        syncs = SlowSyncs(await client._backend.database())
        await client["pairs"].create_index("g")

        async def write(task: int, patience_s: float) -> None:
            with anyio.move_on_after(patience_s):
                for number in range(20):
                    id = f"{task}-{number}"
                    await client["pairs"].insert_many([{"_id": f"{id}-a", "g": id}, {"_id": f"{id}-b", "g": id}])
                    acknowledged.append(id)

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                for number in range(60):
                    tasks.start_soon(write, number, random.random() / 20)
            await client["pairs"].insert_one({"_id": "last"})
            await client.sync()
    with Client(tmp_path / "data") as again:
        ids = {document["_id"] for document in again["pairs"].find()}
        again.verify()

    assert {f"{id}-{half}" for id in acknowledged for half in "ab"} <= ids
    assert all(id == "last" or f"{id[:-1]}{'b' if id[-1] == 'a' else 'a'}" in ids for id in ids)
    assert syncs.most_at_once == 1


async def test_async_and_blocking_clients_share_syncs(tmp_path: Path) -> None:
    async with AsyncClient(tmp_path / "data", durability="durable") as client:
        syncs = SlowSyncs(await client._backend.database())
        blocking = Client(tmp_path / "data", durability="durable")

        def write() -> None:
            for number in range(30):
                blocking["a"].insert_one({"_id": f"blocking-{number}"})

        thread = threading.Thread(target=write)
        thread.start()
        for number in range(30):
            await client["a"].insert_one({"_id": f"async-{number}"})
        await anyio.to_thread.run_sync(thread.join, 10)
        blocking.close()
    with Client(tmp_path / "data") as again:
        count = again["a"].count()

    assert count == 60
    assert syncs.count < 60
    assert syncs.most_at_once == 1
