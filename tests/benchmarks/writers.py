"""Durable writers at once: nosqlpy in threads and in tasks, beside SQLite in WAL mode with ``synchronous=FULL``.

Each acknowledged write is on the disk in all of them. SQLite is asked through one connection that the threads
share, under a lock, which spares it the waiting that connections of their own do.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from tests.benchmarks.documents import make_document
from tests.benchmarks.findings import Finding
from tests.benchmarks.sqlite import Sqlite

from nosqlpy import AsyncClient, Client

WRITERS = (1, 16, 64, 256)
SECTION = "durable writers at once"
TARGET_AT, TARGET = 64, 10


class Sample(msgspec.Struct, frozen=True):
    """Acknowledged writes a second, and the median milliseconds that one waited."""

    rate: float
    latency_ms: float


def in_threads(write: Callable[[dict[str, Any]], object], writers: int, each: int, start: int) -> Sample:
    """Have `writers` threads write `each` documents."""
    waits: list[float] = []
    barrier = threading.Barrier(writers + 1)

    def work(number: int) -> None:
        documents = [make_document(start + number * each + one) for one in range(each)]
        barrier.wait()
        for document in documents:
            begun = time.perf_counter()
            write(document)
            waits.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    barrier.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    return Sample(len(waits) / (time.perf_counter() - begun), statistics.median(waits) * 1000)


async def in_tasks(directory: Path, writers: int, each: int, start: int) -> Sample:
    """Have `writers` tasks write `each` documents through the async face."""
    waits: list[float] = []
    async with AsyncClient(directory, durability="durable", slow_ms=None) as db:
        users = db["users"]

        async def work(documents: list[dict[str, Any]]) -> None:
            for document in documents:
                begun = time.perf_counter()
                await users.insert(document)
                waits.append(time.perf_counter() - begun)

        all_documents = [[make_document(start + n * each + one) for one in range(each)] for n in range(writers)]
        begun = time.perf_counter()
        await asyncio.gather(*map(work, all_documents))
        spent = time.perf_counter() - begun
        assert await users.count() == start + writers * each
    return Sample(len(waits) / spent, statistics.median(waits) * 1000)


class _Full(Sqlite):
    """One connection that threads share."""

    def _connect(self, path: Path) -> Any:
        import sqlite3  # noqa: PLC0415 - the connection of the base class is for one thread

        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("pragma synchronous=full")
        return connection

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.execute("pragma synchronous=full")
        self._lock = threading.Lock()

    def insert(self, document: dict[str, Any]) -> None:
        with self._lock:
            super().insert(document)


def durable_writers(directory: Path, rounds: int, writes: int, counts: tuple[int, ...] = WRITERS) -> list[Finding]:
    """Return writes a second for each number of writers, in turn; about `writes` of them in every run."""
    found: list[Finding] = []
    for writers in counts:
        each = max(1, writes // writers)
        samples: dict[str, list[Sample]] = {"threads": [], "tasks": [], "SQLite": []}
        for number in range(rounds):
            place = directory / f"durable {writers} {number}"
            place.mkdir()
            with Client(place / "threads", durability="durable", slow_ms=None) as db:
                samples["threads"].append(in_threads(db["users"].insert, writers, each, 0))
                assert db["users"].count() == writers * each
            samples["tasks"].append(asyncio.run(in_tasks(place / "tasks", writers, each, 0)))
            sqlite = _Full(place)
            samples["SQLite"].append(in_threads(sqlite.insert, writers, each, 0))
            assert sqlite.count(0) == writers * each
            sqlite.close()
        rates = {who: statistics.median(one.rate for one in found) for who, found in samples.items()}
        waits = {who: statistics.median(one.latency_ms for one in found) for who, found in samples.items()}
        target = TARGET if writers == TARGET_AT else None
        for who in ("threads", "tasks"):
            name = f"{writers} {who if writers > 1 else who[:-1]}"
            found += [
                Finding(SECTION, name, rates[who], "writes/s", "SQLite FULL", rates["SQLite"], target, True, True),
                Finding(SECTION, f"{name}, one write waits", waits[who], "ms", "SQLite FULL", waits["SQLite"]),
            ]
    return found
