"""The thread that syncs for event loops: whom it serves, and when it ends."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from nosqlpy import AsyncClient
from nosqlpy._io import sync_thread
from nosqlpy._io.loops import TOGETHER
from nosqlpy._io.storage.system import System
from nosqlpy._io.sync_thread import SyncRequest, SyncThread
from nosqlpy.errors import StorageError


def named_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "nosqlpy-sync"]


def ended(threads: list[threading.Thread]) -> bool:
    for thread in threads:
        thread.join(20)
    return not any(thread.is_alive() for thread in threads)


def test_requests_are_served_one_after_the_other_by_one_thread() -> None:
    served: list[tuple[SyncRequest, int]] = []
    done = threading.Semaphore(0)

    def sync(request: SyncRequest) -> None:
        served.append((request, threading.get_ident()))
        done.release()

    helper, requests = SyncThread(sync), [SyncRequest() for _ in range(5)]
    for request in requests:
        helper.ask(request)
    for _ in requests:
        done.acquire(timeout=120)
    helper.stop()

    assert [request for request, _ in served] == requests
    assert len({thread for _, thread in served}) == 1
    assert threading.get_ident() not in {thread for _, thread in served}


def test_the_thread_ends_when_nobody_asks_and_another_one_serves_who_asks_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_thread, "IDLE_S", 0.01)
    served: list[threading.Thread] = []
    helper = SyncThread(lambda _: served.append(threading.current_thread()))
    for _ in range(3):
        before = len(served)
        helper.ask(SyncRequest())
        while len(served) == before:
            threading.Event().wait(0.001)
        assert ended(served)

    assert len(set(served)) == 3


def test_where_no_thread_can_be_started_the_sync_is_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    served: list[int] = []
    monkeypatch.setattr(threading.Thread, "start", refuse)
    SyncThread(lambda _: served.append(threading.get_ident())).ask(SyncRequest())

    assert served == [threading.get_ident()]


def test_closing_an_async_client_leaves_no_thread(tmp_path: Path) -> None:
    async def write() -> list[threading.Thread]:
        async with AsyncClient(tmp_path / "data", durability="durable") as db:
            await db["a"].insert_one({"_id": 1})
            return named_threads()

    threads = asyncio.run(write())

    assert threads
    assert ended(threads)


def test_tasks_that_write_at_once_share_syncs(tmp_path: Path) -> None:
    count = 3 * TOGETHER + 1

    async def write() -> tuple[int, int]:
        async with AsyncClient(tmp_path / "data", durability="durable") as db:
            before = (await db.stats())["syncs"]
            await asyncio.gather(*(db["a"].insert_one({"_id": number}) for number in range(count)))
            return (await db.stats())["syncs"] - before, await db["a"].count()

    syncs, documents = asyncio.run(write())

    assert documents == count
    assert syncs < count


def test_all_tasks_hear_that_the_sync_they_wait_for_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: System, descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    async def write() -> list[Any]:
        async with AsyncClient(tmp_path / "data", durability="durable") as db:
            await db["a"].insert_one({"_id": "first"})
            with monkeypatch.context() as patch:
                patch.setattr(System, "sync", refuse)
                return await asyncio.gather(
                    *(db["a"].insert_one({"_id": n}) for n in range(2 * TOGETHER)), return_exceptions=True
                )

    results = asyncio.run(write())

    assert {type(result) for result in results} == {StorageError}


def test_a_task_that_is_cancelled_while_it_leads_leaves_the_others_their_sync(tmp_path: Path) -> None:
    async def write() -> list[Any]:
        async with AsyncClient(tmp_path / "data", durability="durable") as db:
            await db["a"].insert_one({"_id": "first"})
            tasks = [asyncio.ensure_future(db["a"].insert_one({"_id": n})) for n in range(10)]
            await asyncio.sleep(0)
            tasks[0].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return [document["_id"] async for document in db["a"].find({"_id": {"$gt": 0}})]

    found = asyncio.run(write())

    assert sorted(found) == [*range(1, 10)]
