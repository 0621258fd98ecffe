"""A write that looks at many documents, on a worker thread: the event loop has its turn meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nosqlpy import AsyncClient
from nosqlpy._core.engine.reads import compile_query
from nosqlpy._io import local_async

DOCUMENTS = 5000


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """The turns that worker threads gave to others."""
    given: list[None] = []
    monkeypatch.setattr(local_async, "give_turn", lambda: given.append(None))
    return given


def run(method: str, *arguments: Any) -> None:
    async def call() -> None:
        async with AsyncClient(":memory:") as client:
            await client["a"].insert_many([{"_id": number, "n": number} for number in range(DOCUMENTS)])
            await getattr(client["a"], method)(*arguments)

    asyncio.run(call())


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("update_many", ({"n": {"$gte": 0}}, {"$set": {"x": 1}})),
        ("update_many", ({"n": -1}, {"$set": {"x": 1}})),
        ("delete_many", ({"n": {"$gte": 0}},)),
    ],
)
def test_a_write_that_looks_at_many_documents_gives_way(
    method: str, arguments: tuple[Any, ...], turns: list[None]
) -> None:
    run(method, *arguments)

    assert len(turns) >= DOCUMENTS // 1000


def test_a_write_of_one_document_does_not(turns: list[None]) -> None:
    run("update_many", {"_id": 7}, {"$set": {"x": 1}})

    assert turns == []


def test_what_a_query_checks_besides_is_checked_still() -> None:
    def refuse() -> None:
        raise TimeoutError

    check = local_async.giving_way(compile_query({}, check=refuse)).check

    assert check is not None
    with pytest.raises(TimeoutError):
        check()
