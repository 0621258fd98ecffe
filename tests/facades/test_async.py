"""What only the async face promises: it lets other tasks run, and survives being cancelled."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from nosqlpy import AsyncClient, AsyncCollection, Client, ClosedError
from nosqlpy._core.engine import columns

SIZE = 50_000
TICKS_MIN = 3  # of a scan that takes at least ten milliseconds, with a pause after each


@pytest.fixture(params=["asyncio", "trio"])
def face(request: pytest.FixtureRequest) -> str:
    """The event loop; the blocking face has none."""
    return str(request.param)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A database of many documents, which stays open so that a test's client shares it at once."""
    directory = tmp_path_factory.mktemp("large")
    with Client(directory, durability="fast") as client:
        client["numbers"].insert_many({"_id": n, "n": n % 7, "text": f"{n:06d}"} for n in range(SIZE))
        yield directory


@pytest.fixture
def numbers(connect: Any, large: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A collection of many documents, every scan of which takes its time: none reads columns."""
    monkeypatch.setattr(columns, "LEAST", SIZE + 1)
    return connect(large)["numbers"]


async def ticks_during(work: Callable[[], Awaitable[Any]]) -> int:
    """Return how often another task ran while `work` did."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await anyio.lowlevel.checkpoint()
            ticks += 1

    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        await anyio.lowlevel.checkpoint()
        ticks = 0
        await work()
        counted = ticks
        group.cancel_scope.cancel()
    return counted


async def stream(cursor: Any) -> int:
    return len([document async for document in cursor])


SCANS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "find": lambda numbers: numbers.find({"n": 3}).to_list(),
    "find everything": lambda numbers: numbers.find().to_list(),
    "find and sort": lambda numbers: numbers.find(sort="-text", limit=10).to_list(),
    "async for": lambda numbers: stream(numbers.find({"n": {"$gte": 0}})),
    "first": lambda numbers: numbers.find({"n": -1}).first(),
    "find_one": lambda numbers: numbers.find_one({"text": "none"}),
    "count": lambda numbers: numbers.count({"n": 3}),
    "count_documents": lambda numbers: numbers.count_documents({"n": 3}, skip=1),
    "exists": lambda numbers: numbers.exists({"text": "none"}),
    "distinct": lambda numbers: numbers.distinct("n"),
    "update that matches nothing": lambda numbers: numbers.update_many({"text": "none"}, {"$set": {"n": 1}}),
    "deletion that matches nothing": lambda numbers: numbers.delete_many({"text": "none"}),
}


@pytest.mark.parametrize("scan", SCANS)
async def test_other_tasks_run_during_a_long_scan(numbers: AsyncCollection[Any], scan: str) -> None:
    await numbers.count()
    ticks = await ticks_during(lambda: SCANS[scan](numbers))

    assert ticks >= TICKS_MIN


async def test_other_tasks_run_during_a_large_insert_many(connect: Any) -> None:
    users = connect(":memory:")["users"]
    ticks = await ticks_during(lambda: users.insert_many([{"n": n, "in": {"a": [n]}} for n in range(20_000)]))

    assert ticks >= TICKS_MIN


@pytest.mark.parametrize("operation", ["get", "insert", "find_one", "count", "save"])
async def test_a_task_that_never_stops_calling_lets_others_run(connect: Any, operation: str) -> None:
    users = connect(":memory:")["users"]
    await users.insert({"_id": 1})
    argument: Any = {"get": 1, "insert": {}, "save": {"_id": 2}}.get(operation, {"_id": 1})

    async def work() -> None:
        for _ in range(10_000):
            await getattr(users, operation)(argument)

    assert await ticks_during(work) >= TICKS_MIN


@pytest.mark.parametrize("operation", ["get", "insert"])
async def test_a_task_that_never_stops_calling_can_be_timed_out(connect: Any, operation: str) -> None:
    users = connect(":memory:")["users"]
    with anyio.move_on_after(0.02) as scope:
        for n in range(1_000_000):
            await getattr(users, operation)({"_id": n})

    assert scope.cancelled_caught


# ── locks held elsewhere ────────────────────────────────────────────────────────


async def ticks_while_locked(client: Any, work: Callable[[], Awaitable[Any]], *, applying: bool = False) -> int:
    """Return how often another task ran while `work` waited for a thread that held the lock until that was enough."""
    database = await client._backend.database()
    held, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with database.lock:
            database.engine.begun += applying
            held.set()
            enough.wait(5)  # where the loop is blocked, nobody can say that it is enough
            database.engine.begun -= applying

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while ticks < 20:
            await anyio.sleep(0.001)
            ticks += 1
        enough.set()

    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        await anyio.lowlevel.checkpoint()
        await work()
        counted = ticks
        group.cancel_scope.cancel()
    enough.set()
    thread.join()
    return counted


async def test_a_write_waits_for_another_thread_without_blocking_the_loop(db: Any, users: Any) -> None:
    ticks = await ticks_while_locked(db, lambda: users.insert({"_id": 1}))

    assert ticks >= 20
    assert await users.get(1) == {"_id": 1}


@pytest.mark.parametrize("read", ["find", "count", "find_one", "list_indexes"])
async def test_a_read_waits_for_a_change_that_is_being_applied_without_blocking_the_loop(
    db: Any, users: Any, read: str
) -> None:
    await users.insert({"_id": 1})

    async def work() -> None:
        await getattr(users, read)()

    assert await ticks_while_locked(db, work, applying=True) >= 20


async def test_a_get_does_not_wait_for_a_writer(db: Any, users: Any) -> None:
    await users.insert({"_id": 1})
    ticks = await ticks_while_locked(db, lambda: users.get(1))

    assert ticks < 20


# ── many tasks ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("durability", ["fast", "safe", "durable"])
async def test_a_hundred_tasks_write_at_once_and_nothing_is_lost(
    connect: Any, directory: Path, durability: str
) -> None:
    client = connect(directory, durability=durability)
    users, seen = client["users"], []

    async def work(number: int) -> None:
        for turn in range(5):
            await users.insert({"_id": f"{number}-{turn}"})
            counter = await users.find_one_and_update(
                {"_id": "counter"}, {"$inc": {"n": 1}}, upsert=True, return_document=True
            )
            seen.append(counter["n"])

    async with anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(work, number)
    await client.close()

    assert sorted(seen) == list(range(1, 501))
    assert await connect(directory)["users"].count() == 501


async def test_tasks_may_open_one_client_at_once(connect: Any, directory: Path) -> None:
    client, counts = connect(directory), []

    async def work() -> None:
        counts.append(await client["users"].count())

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(work)

    assert counts == [0] * 20


async def test_one_task_reads_one_moment_while_another_writes(users: Any) -> None:
    await users.insert_many([{"_id": n, "v": 0} for n in range(3000)])
    moments: list[list[int]] = []

    async def write() -> None:
        for v in range(1, 6):
            await users.update_many({}, {"$set": {"v": v}})

    async def read() -> None:
        for _ in range(20):
            moments.append(await users.distinct("v"))
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        group.start_soon(read)

    assert all(len(moment) == 1 for moment in moments)


# ── cancellation ────────────────────────────────────────────────────────────────

DELAYS = [0, 0.0001, 0.001, 0.003, 0.01, 0.03]


@pytest.mark.parametrize("delay", DELAYS)
async def test_a_cancelled_update_is_done_or_not_done(connect: Any, directory: Path, delay: float) -> None:
    client = connect(directory)
    users = client["users"]
    await users.insert_many([{"_id": n, "v": 0} for n in range(3000)])
    with anyio.move_on_after(delay):
        await users.update_many({}, {"$set": {"v": 1}})
    before = await users.distinct("v")
    await client.close()

    assert before in ([0], [1])
    assert await connect(directory)["users"].distinct("v") == before


@pytest.mark.parametrize("delay", DELAYS)
async def test_a_cancelled_insert_many_leaves_whole_thousands(connect: Any, directory: Path, delay: float) -> None:
    client = connect(directory)
    with anyio.move_on_after(delay):
        await client["users"].insert_many([{"_id": n} for n in range(5000)])
    ids = [document["_id"] for document in await client["users"].find()]
    await client.close()

    assert len(ids) % 1000 == 0
    assert ids == list(range(len(ids)))
    assert await connect(directory)["users"].count() == len(ids)


@pytest.mark.parametrize("delay", DELAYS[:4])
@pytest.mark.parametrize("durability", ["fast", "safe", "durable"])
async def test_a_cancelled_insert_is_done_or_not_done_and_the_next_one_works(
    connect: Any, directory: Path, durability: Any, delay: float
) -> None:
    client = connect(directory, durability=durability)
    done = set()
    with anyio.move_on_after(delay):
        for n in range(200):
            await client["users"].insert({"_id": n})
            done.add(n)
    await client["users"].insert({"_id": "next"})
    found = {document["_id"] for document in await client["users"].find()}
    await client.close()

    assert done <= found <= done | {len(done), "next"}
    assert await connect(directory)["users"].count() == len(found)


async def test_a_write_that_is_cancelled_while_it_waits_for_the_lock_is_done_or_not_done(db: Any, users: Any) -> None:
    async def work() -> None:
        with anyio.move_on_after(0.005):
            await users.insert({"_id": 1})

    await ticks_while_locked(db, work)
    found = await users.count()
    await users.insert({"_id": 2})

    assert found in (0, 1)
    assert await users.count() == found + 1


@pytest.mark.parametrize("procedure", ["compact", "verify", "sync", "flush", "stats"])
@pytest.mark.parametrize("delay", DELAYS[:3])
async def test_a_cancelled_procedure_leaves_the_database_usable(
    connect: Any, directory: Path, procedure: str, delay: float
) -> None:
    client = connect(directory)
    await client["users"].insert_many([{"_id": n} for n in range(1000)])
    with anyio.move_on_after(delay):
        await getattr(client, procedure)()
    await client["users"].insert({})
    report = await client.verify()
    await client.close()

    assert report["documents"] == 1001
    assert await connect(directory)["users"].count() == 1001


async def test_a_cancelled_scan_leaves_a_cursor_that_goes_on(numbers: Any) -> None:
    cursor = numbers.find({"n": {"$gte": 0}})
    with anyio.move_on_after(0.002):
        async for _ in cursor:
            await anyio.lowlevel.checkpoint()
    await cursor.rewind()

    assert len(await cursor.to_list()) == SIZE


async def test_closing_is_finished_even_when_it_is_cancelled(connect: Any, directory: Path) -> None:
    client = connect(directory)
    await client["users"].insert({"_id": 1})
    with anyio.CancelScope() as scope:
        scope.cancel()
        await client.close()

    assert client.is_closed
    assert (await connect(directory).stats())["recovery"]["clean"] is True


async def test_a_client_is_closed_when_its_block_is_cancelled(connect: Any, directory: Path) -> None:
    client = connect(directory)
    with anyio.CancelScope() as scope:
        async with client:
            await client["users"].insert({"_id": 1})
            scope.cancel()
            await anyio.sleep_forever()

    assert client.is_closed
    assert await connect(directory)["users"].count() == 1


async def test_closing_while_others_work_ends_their_calls_with_a_closed_error_or_a_result(connect: Any) -> None:
    client = connect(":memory:")
    users, outcomes = client["users"], []
    await users.insert_many([{"n": n} for n in range(5000)])

    async def work() -> None:
        while not outcomes or outcomes[-1] != "closed":
            try:
                await users.update_many({"n": {"$lt": 10}}, {"$inc": {"m": 1}})
                outcomes.append("done")
            except ClosedError:
                outcomes.append("closed")
                return

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(work)
        await anyio.sleep(0.02)
        await client.close()

    assert outcomes.count("closed") == 5


# ── event loops ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("loops", [["asyncio", "asyncio"], ["asyncio", "trio"], ["trio", "trio"]])
def test_each_event_loop_may_have_a_client_of_its_own(loops: list[str], directory: Path) -> None:
    async def work() -> int:
        async with AsyncClient(directory) as client:
            await client["users"].insert({})
            return await client["users"].count()

    counts = [anyio.run(work, backend=loop) for loop in loops]

    assert counts == [1, 2]


def test_two_event_loops_at_once_share_a_database(directory: Path) -> None:
    async def work() -> None:
        async with AsyncClient(directory, durability="durable") as client:
            for _ in range(50):
                await client["counters"].update_one({"_id": 1}, {"$inc": {"n": 1}}, upsert=True)

    threads = [threading.Thread(target=anyio.run, args=[work], kwargs={"backend": b}) for b in ("asyncio", "trio") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Client(directory) as client:
        found = client["counters"].get(1)

    assert found == {"_id": 1, "n": 200}


def test_a_client_that_was_never_used_in_a_loop_can_be_closed_in_any() -> None:
    client = AsyncClient(":memory:")
    anyio.run(client.close)

    assert client.is_closed
