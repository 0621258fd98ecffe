"""Tasks that are cancelled at every `await` in turn: a write is done or not, never half, and nothing hangs after it."""

from __future__ import annotations

import asyncio
import io
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from durability.model import State, describe, state_of_engine, wrong_indexes
from nosqlpy import AsyncClient, Client
from nosqlpy.errors import StorageError

CALLS: dict[str, Callable[[AsyncClient], Awaitable[Any]]] = {
    "the first insert": lambda db: db["new"].insert_one({"_id": 1, "g": 1}),
    "an insert": lambda db: db["a"].insert_one({"_id": 900, "g": 1}),
    "a durable insert": lambda db: db["a"].insert_one({"_id": 900, "g": 1}, durability="durable"),
    "a buffered insert": lambda db: db["a"].insert_one({"_id": 900, "g": 1}, durability="fast"),
    "a large insert": lambda db: db["a"].insert_one({"_id": 900, "g": 1, "pad": "x" * 600_000}),
    "a bulk insert": lambda db: db["a"].insert_many([{"_id": n, "g": n % 3} for n in range(100, 160)]),
    "an update of all": lambda db: db["a"].update_many({}, {"$inc": {"g": 1}}),
    "an update and its answer": lambda db: db["a"].find_one_and_update({"_id": 1}, {"$inc": {"g": 1}}),
    "a delete of some": lambda db: db["a"].delete_many({"g": 1}),
    "an index": lambda db: db["b"].create_index("g"),
    "a rename": lambda db: db["b"].rename("c"),
    "a drop": lambda db: db["a"].drop(),
    "a sync": lambda db: db.sync(),
    "a compaction": lambda db: db.compact(),
    "a verification": lambda db: db.verify(),
    "a find": lambda db: db["a"].find({"g": 1}).to_list(),
    "a sort": lambda db: db["a"].find().sort("g").to_list(),
    "an aggregation": lambda db: db["a"].aggregate([{"$group": {"_id": "$g"}}]).to_list(),
    "an aggregation that writes": lambda db: db["a"].aggregate([{"$match": {"g": 1}}, {"$out": "c"}]).to_list(),
    "a dump": lambda db: db.dump(io.BytesIO()),
}


class Cancelling:
    """Awaits a coroutine, and at its `at`-th suspension asks for its cancellation, which is delivered right there."""

    def __init__(self, at: int, cancel: Callable[[], object]) -> None:
        self.at = at
        self.cancel = cancel
        self.suspensions = 0

    @types.coroutine
    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """Pass on what the coroutine waits for, and what it is told."""
        resume, value = coroutine.send, None
        while True:
            try:
                waited_for = resume(value)
            except StopIteration as stop:
                return stop.value
            self.suspensions += 1
            if self.suspensions == self.at:
                self.cancel()
            try:
                resume, value = coroutine.send, (yield waited_for)
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's
                resume, value = coroutine.throw, error

    @property
    def struck(self) -> bool:
        """Whether there were so many suspensions."""
        return self.suspensions >= self.at


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def cancel_scope(at: int, call: Callable[[], Awaitable[Any]]) -> bool:
    """Cancel at the `at`-th suspension as anyio does; return whether there was one."""
    with anyio.CancelScope() as scope:
        cancelling = Cancelling(at, scope.cancel)
        await cancelling.run(_awaited(call()))
    return cancelling.struck


async def cancel_task(at: int, call: Callable[[], Awaitable[Any]]) -> bool:
    """Do the same as asyncio does, past every shield."""
    task: asyncio.Task[Any]
    cancelling = Cancelling(at, lambda: task.cancel())  # noqa: PLW0108 - there is no task yet

    async def run() -> None:
        await cancelling.run(_awaited(call()))

    task = asyncio.create_task(run())
    with suppress(asyncio.CancelledError):
        await task
    return cancelling.struck


async def prepared(path: Path) -> AsyncClient:
    client = AsyncClient(path, segment_size=100_000, sync_interval=60)
    await client["a"].create_index("g")
    await client["a"].insert_many([{"_id": number, "g": number % 2} for number in range(40)])
    await client["b"].insert_one({"_id": 1, "g": 1})
    await client.sync()
    return client


def shown(client: AsyncClient) -> State:
    return client._backend._database.view(state_of_engine)


async def states(path: Path, call: str) -> tuple[State, State]:
    """Return what a database holds before and after a call."""
    async with await prepared(path) as client:
        before = shown(client)
        await CALLS[call](client)
        return before, shown(client)


async def check_every_place(path: Path, call: str, cancel: Callable[..., Awaitable[bool]]) -> None:
    legal = await states(path / "legal", call)
    at, struck = 0, True
    while struck:
        at += 1
        place = path / str(at)
        client = await prepared(place)
        struck = await cancel(at, lambda client=client: CALLS[call](client))
        with anyio.fail_after(30):
            await client["z"].insert_one({"_id": "after"}, durability="durable")
            memory = shown(client)
            await client.aclose()
        with Client(place) as again:
            database = again._backend.database()
            log = state_of_engine(database.engine)

            assert log == memory, f"suspension {at}: the log has {describe(log)}, memory had {describe(memory)}"
            assert not wrong_indexes(database.engine), f"suspension {at}"
            assert without_last(memory) in legal, f"suspension {at}: {describe(memory)}"
        assert at < 2000


def without_last(state: State) -> State:
    return tuple(collection for collection in state if collection[0] != "z")


@pytest.mark.parametrize("call", CALLS)
async def test_a_scope_cancelled_at_any_await_leaves_a_call_done_or_undone(tmp_path: Path, call: str) -> None:
    await check_every_place(tmp_path, call, cancel_scope)


@pytest.mark.parametrize("call", CALLS)
async def test_a_call_in_a_scope_that_is_cancelled_already_ends(tmp_path: Path, call: str) -> None:
    legal = await states(tmp_path / "legal", call)
    client = await prepared(tmp_path / "cancelled")
    with anyio.CancelScope() as scope:
        scope.cancel()
        await CALLS[call](client)
    after = shown(client)
    await client.aclose()

    assert after in legal


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_task_cancelled_at_any_await_leaves_a_call_done_or_undone(
    tmp_path: Path, call: str, anyio_backend: str
) -> None:
    await check_every_place(tmp_path, call, cancel_task)


async def test_a_client_whose_closing_is_cancelled_at_any_await_can_be_closed_again(tmp_path: Path) -> None:
    at, struck = 0, True
    while struck:
        at += 1
        client = await prepared(tmp_path / str(at))
        before = shown(client)
        struck = await cancel_scope(at, client.aclose)
        with suppress(StorageError), anyio.fail_after(30):
            await client.aclose()
        with Client(tmp_path / str(at), lock_timeout=5, exclusive=True) as again:
            assert state_of_engine(again._backend.database().engine) == before, f"suspension {at}"
