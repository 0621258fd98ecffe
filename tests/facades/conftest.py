"""The faces: a test is written once, awaited, and run on the blocking face, asyncio and trio."""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nosqlpy import (
    AsyncClient,
    AsyncCollection,
    AsyncCursor,
    AsyncTransaction,
    Client,
    Collection,
    Cursor,
    Transaction,
)

TWINS: dict[type, type] = {
    Client: AsyncClient,
    Collection: AsyncCollection,
    Cursor: AsyncCursor,
    Transaction: AsyncTransaction,
}
END = object()


def awaited(value: Any) -> Any:
    """Return `value`, made awaitable if it is an object of the blocking face."""
    return Awaited(value, TWINS[type(value)]) if type(value) in TWINS else value


def bare(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return arguments as the blocking face takes them."""
    return tuple(value.target if type(value) is Awaited else value for value in values)


def bare_values(options: dict[str, Any]) -> dict[str, Any]:
    return dict(zip(options, bare(tuple(options.values())), strict=True))


class Awaited:
    """An object of the blocking face with the manners of its async twin: what is a coroutine there is one here."""

    def __init__(self, target: Any, twin: type) -> None:
        self.target = target
        self.twin = twin

    def __getattr__(self, name: str) -> Any:
        if name == "run_transaction":
            return self._run_transaction
        value = getattr(self.target, name.replace("aclose", "close"))
        if not inspect.ismethod(value):
            return awaited(value)
        if inspect.iscoroutinefunction(getattr(self.twin, name)):
            return lambda *arguments, **options: _later(value, bare(arguments), bare_values(options))
        return lambda *arguments, **options: awaited(value(*bare(arguments), **bare_values(options)))

    def __getitem__(self, name: str) -> Any:
        return awaited(self.target[name])

    def __await__(self) -> Any:
        return (self.to_list if self.twin is AsyncCursor else self.open)().__await__()

    async def _run_transaction(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a coroutine function, as the async face does: nothing that it awaits waits here."""
        async with self.transaction() as transaction:
            return await function(transaction, *arguments)

    async def __aenter__(self) -> Any:
        return awaited(self.target.__enter__())

    async def __aexit__(self, *error: object) -> None:
        self.target.__exit__(*error)

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (item := next(self.target, END)) is not END:
            yield item

    def __repr__(self) -> str:
        return repr(self.target)

    def __bool__(self) -> bool:
        return bool(self.target)

    def __reduce__(self) -> Any:
        return self.target.__reduce__()


async def _later(method: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    return awaited(method(*arguments, **options))


@pytest.fixture(autouse=True)
def disk_that_keeps_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here loses power (the durability tests do): syncing would be most of the time that these tests take."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr("nosqlpy._io.storage.system._fdatasync", lambda _: None)


@pytest.fixture(params=["blocking", "asyncio", "trio"])
def face(request: pytest.FixtureRequest) -> str:
    """The face that the test runs on."""
    return str(request.param)


@pytest.fixture
def anyio_backend(face: str) -> str:
    """The event loop that the face needs; the proxy of the blocking one needs any."""
    return "trio" if face == "trio" else "asyncio"


@pytest.fixture
async def connect(face: str) -> AsyncIterator[Callable[..., Any]]:
    """Makes clients of the face, which are closed when the test ends."""
    clients: list[Any] = []

    def make(*arguments: Any, **options: Any) -> Any:
        make_client = Client if face == "blocking" else AsyncClient
        client = awaited(make_client(*arguments, **options))
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where a database on disk can be made."""
    return tmp_path / "data"


PLACES = {"disk": "{}", "memory": ":memory:", "evicted": "file://{}?memory_budget=0"}


@pytest.fixture(params=list(PLACES))
def place(request: pytest.FixtureRequest, directory: Path) -> str:
    """A database on disk, one in memory, or one on disk of which nothing stays in memory."""
    return PLACES[request.param].format(directory)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what would be tested again: where documents are read from is the core's affair, not that of a face."""
    items[:] = [item for item in items if not ("[asyncio-evicted" in item.name or "[trio-evicted" in item.name)]


@pytest.fixture
def db(connect: Callable[..., Any], place: str) -> Any:
    """A client of an empty database."""
    return connect(place)


@pytest.fixture
def users(db: Any) -> Any:
    """A collection of an empty database."""
    return db["users"]


@pytest.fixture
def stored(connect: Callable[..., Any], directory: Path) -> Iterator[Any]:
    """A client of an empty database on disk."""
    return connect(directory)
