"""The async face: a hundred tasks at once beside the blocking face and aiosqlite, and how long the loop is held."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.documents import CITIES, make_document, make_documents
from tests.benchmarks.findings import Finding
from tests.benchmarks.measure import seconds, waited_s
from tests.benchmarks.operations import AGE, CITY
from tests.benchmarks.peers import missing
from tests.benchmarks.sqlite import CREATE, decode, encode
from tests.benchmarks.stores import Nosqlpy

from nosqlpy import AsyncClient, AsyncCollection

SECTION, HOLDS = "async, 100 tasks at once", "the longest hold of the event loop"
TASKS, EACH = 100, 20
FACE, AIOSQLITE, HOLD_MS = 1.3, 15, 5.0

Call = Callable[[int], Awaitable[object]]


async def _at_once(call: Call, start: int) -> float:
    """Return the seconds a call takes when a hundred tasks make twenty each, less the wait for a processor."""

    async def work(task: int) -> None:
        for each in range(EACH):
            await call(start + task * EACH + each)

    gc.collect()  # as before the calls of the blocking face
    waited, begun = waited_s(), time.perf_counter()
    await asyncio.gather(*map(work, range(TASKS)))
    return (time.perf_counter() - begun - (waited_s() - waited)) / (TASKS * EACH)


class _Aiosqlite:
    """JSON text through aiosqlite, as durable as ``safe``."""

    async def open(self, directory: Path, documents: list[dict[str, Any]]) -> _Aiosqlite:
        import aiosqlite  # noqa: PLC0415 - not everybody has it

        self.connection = await aiosqlite.connect(directory / "aiosqlite.db", isolation_level=None)
        for statement in CREATE:
            await self.connection.execute(statement.format(kind="text"))
        await self.connection.execute("begin")
        for document in documents:
            await self.insert(document)
        await self.connection.execute("commit")
        return self

    async def insert(self, document: dict[str, Any]) -> None:
        await self.connection.execute("insert into users values (?, ?)", (document["_id"], encode(document).decode()))

    async def get(self, id: str) -> dict[str, Any]:
        cursor = await self.connection.execute("select body from users where id = ?", (id,))
        row = await cursor.fetchone()
        await cursor.close()
        return decode(row[0])  # type: ignore[no-any-return, index]


async def _measure(directory: Path, size: int, rounds: int) -> dict[str, list[float]]:
    documents = make_documents(size)
    new = [make_document(size + number) for number in range((rounds + 1) * TASKS * EACH)]
    ids = [document["_id"] for document in documents]
    (directory / "blocking").mkdir()
    blocking = Nosqlpy(directory / "blocking")
    blocking.insert_many(documents)
    times: dict[str, list[float]] = {}

    def spent(name: str, value: float) -> None:
        times.setdefault(name, []).append(value)

    async with AsyncClient(directory / "async", slow_ms=None) as db:
        users = db["users"]
        await users.insert_many(documents)
        calls: dict[str, dict[str, Call]] = {
            "nosqlpy": {"get": lambda n: users.get(ids[n % size]), "insert": lambda n: users.insert(new[n])}
        }
        if "aiosqlite" not in missing():
            theirs = await _Aiosqlite().open(directory, documents)
            calls["aiosqlite"] = {
                "get": lambda n: theirs.get(ids[n % size]),
                "insert": lambda n: theirs.insert(new[n]),
            }
        for number in range(rounds):
            some = range(number * TASKS * EACH, (number + 1) * TASKS * EACH)
            spent("blocking get", seconds(lambda some=some: [blocking.get(ids[n % size]) for n in some]) / len(some))
            spent("blocking insert", seconds(lambda some=some: [blocking.insert(new[n]) for n in some]) / len(some))
            for who, named in calls.items():
                for name, call in named.items():
                    spent(f"{who} {name}", await _at_once(call, some.start))
        assert await users.count() == blocking.users.count()
        assert await calls.get("aiosqlite", calls["nosqlpy"])["get"](7) == documents[7]
        if "aiosqlite" in calls:
            await theirs.connection.close()
    blocking.close()
    return times


def tasks(directory: Path, size: int, rounds: int) -> list[Finding]:
    """Return what a call costs with a hundred tasks at once."""
    times = {
        name: statistics.median(found) * 1e6 for name, found in asyncio.run(_measure(directory, size, rounds)).items()
    }
    found = []
    for name, title in (("get", "find by id"), ("insert", "insert")):
        ours = times[f"nosqlpy {name}"]
        found.append(Finding(SECTION, title, ours, "µs", "the blocking face", times[f"blocking {name}"], FACE))
        if f"aiosqlite {name}" in times:
            theirs = times[f"aiosqlite {name}"]
            found.append(Finding(SECTION, title, ours, "µs", "aiosqlite", theirs, AIOSQLITE, faster=True))
    return found


# what is done while the loop is watched, and what it returns, of the number of documents
LONG: dict[str, tuple[Callable[[AsyncCollection[Any]], Awaitable[Any]], Callable[[int], int]]] = {
    "scan": (
        lambda users: users.find({"profile.city": CITY}).to_list(),
        lambda size: sum(make_document(n)["profile"]["city"] == CITY for n in range(size)),
    ),
    "count": (
        lambda users: users.count({"age": {"$gte": AGE}}),
        lambda size: sum(make_document(n)["age"] >= AGE for n in range(size)),
    ),
    "sort, all": (lambda users: users.find().sort("-name").to_list(), lambda size: size),
    "group": (
        lambda users: users.aggregate([{"$group": {"_id": "$profile.city", "n": {"$sum": "$age"}}}]).to_list(),
        lambda _: CITIES,
    ),
    "update 2 %": (lambda users: users.update_many({"profile.city": CITY}, {"$set": {"note": "x"}}), lambda _: 0),
    "insert_many of 10,000": (
        lambda users: users.insert_many([{"n": number} for number in range(10_000)]),
        lambda _: 0,
    ),
}


async def _hold(call: Awaitable[Any]) -> tuple[Any, float]:
    """Return what a call returns, and the longest time for which another task had no turn meanwhile."""
    longest, ended = 0.0, False

    async def watch() -> None:
        nonlocal longest
        before, waited = time.perf_counter(), waited_s()
        while not ended:
            await asyncio.sleep(0)
            now, waiting = time.perf_counter(), waited_s()
            longest = max(longest, now - before - (waiting - waited))
            before, waited = now, waiting

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0)
    result = await call
    ended = True
    await watcher
    return result, longest


async def _holds(directory: Path, size: int, rounds: int) -> dict[str, float]:
    async with AsyncClient(directory / "held", slow_ms=None) as db:
        users = db["users"]
        await users.insert_many(make_documents(size))
        held: dict[str, list[float]] = {}
        for _ in range(rounds):
            for name, (call, expected) in LONG.items():
                result, longest = await _hold(call(users))
                count = result if isinstance(result, int) else len(result) if isinstance(result, list) else 0
                assert count == expected(size), name
                held.setdefault(name, []).append(longest)
            await users.delete_many({"n": {"$gte": 0}})
    return {name: statistics.median(found) for name, found in held.items()}


def holds(directory: Path, size: int, rounds: int) -> list[Finding]:
    """Return for how long a call on many documents keeps the event loop from other tasks at once."""
    found = asyncio.run(_holds(directory, size, rounds))
    return [
        Finding(HOLDS, f"{name}, {size:,} documents", held * 1000, "ms", target=HOLD_MS) for name, held in found.items()
    ]
