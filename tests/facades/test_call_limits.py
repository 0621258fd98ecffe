"""What one call may take: memory for a sort, time for a search, documents at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import nosqlpy._io.timing
from nosqlpy import ConfigurationError, ExecutionTimeout, OperationFailure, QueryError
from nosqlpy._core.engine import columns

SMALL = 2**20
LONG = [{"_id": n, "n": -n, "text": f"{n:05d}" * 150} for n in range(2500)]


@pytest.fixture
async def texts(connect: Callable[..., Any], place: str) -> Any:
    """Documents with long texts, in a database whose sorts may take little."""
    users = connect(place, sort_memory=SMALL)["users"]
    await users.insert_many(LONG)
    return users


async def refusal(awaitable: Any) -> OperationFailure:
    with pytest.raises(OperationFailure) as caught:
        await awaitable
    return caught.value


async def test_a_sort_that_takes_more_than_it_may_is_refused(texts: Any) -> None:
    error = await refusal(texts.find({}, ["_id"]).sort("text").to_list())

    assert (error.code, error.code_name) == (292, "QueryExceededMemoryLimitNoDiskUseAllowed")


async def test_a_sort_by_short_keys_of_the_same_documents_is_not(texts: Any) -> None:
    found = await texts.find({}, ["_id"]).sort("n").to_list()

    assert [document["_id"] for document in found] == list(range(2499, -1, -1))


async def test_a_sort_with_a_limit_takes_little(texts: Any) -> None:
    assert [document["_id"] for document in await texts.find({}, ["_id"]).sort("-text").limit(2)] == [2499, 2498]
    assert (await texts.find_one({}, sort="-text", skip=3))["_id"] == 2496
    assert (await texts.find_one_and_delete({}, sort="-text"))["_id"] == 2499


@pytest.mark.parametrize("value", [0, 1.5, "1", SMALL - 1, None])
async def test_an_amount_of_memory_that_makes_no_sense_is_refused(connect: Callable[..., Any], value: Any) -> None:
    with pytest.raises(ConfigurationError, match="sort_memory"):
        connect(":memory:", sort_memory=value)


# ── time ────────────────────────────────────────────────────────────────────────


class Clock:
    """A clock that goes on by a millisecond each time that it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@pytest.fixture
async def many(connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Documents that a search goes through in some twenty steps, and a clock that goes on with each."""
    monkeypatch.setattr(columns, "LEAST", 1 << 30)  # a scan of columns takes fewer, and larger, steps
    users = connect(":memory:")["users"]
    await users.insert_many([{"_id": n, "n": -n} for n in range(10_000)])
    clock = Clock()
    for module in ("_io.timing", "_io.cursor", "blocking.cursor", "aio.cursor"):
        monkeypatch.setattr(f"nosqlpy.{module}.perf_counter", clock)
    return users


SEARCHES: dict[str, Callable[..., Any]] = {
    "find": lambda users, **options: users.find({"n": 1}, **options).to_list(),
    "find, sorted": lambda users, **options: users.find({}, **options).sort("n").to_list(),
    "aggregate": lambda users, **options: users.aggregate([{"$group": {"_id": "$n"}}], **options).to_list(),
    "aggregate, joined": lambda users, **options: users.aggregate(
        [{"$limit": 1}, {"$lookup": {"from": "users", "pipeline": [{"$match": {"n": 1}}], "as": "same"}}], **options
    ).to_list(),
    "find_one": lambda users, **options: users.find_one({"n": 1}, **options),
    "count_documents": lambda users, **options: users.count_documents({"n": 1}, **options),
    "distinct": lambda users, **options: users.distinct("n", {"n": {"$lte": 0}}, **options),
    "find_one_and_update": lambda users, **options: users.find_one_and_update(
        {"n": 1}, {"$set": {"n": 1}}, upsert=True, **options
    ),
    "find_one_and_replace": lambda users, **options: users.find_one_and_replace({"n": 1}, {}, upsert=True, **options),
    "find_one_and_delete": lambda users, **options: users.find_one_and_delete({}, sort="n", **options),
}


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
async def test_a_search_that_takes_longer_than_it_may_is_ended_and_changes_nothing(many: Any, search: Any) -> None:
    async def run() -> None:
        await search(many, max_time_ms=5)

    error = await refusal(run())

    assert isinstance(error, ExecutionTimeout)
    assert (error.code, error.code_name) == (50, "MaxTimeMSExpired")
    assert await many.count() == 10_000
    assert await many.exists({"_id": 9_999, "n": -9_999})


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
@pytest.mark.parametrize("limit", [None, 0, 2**31 - 1])
async def test_a_search_that_may_take_longer_comes_to_its_end(many: Any, search: Any, limit: int | None) -> None:
    await search(many, max_time_ms=limit)


@pytest.mark.parametrize(("limit", "code"), [(-1, 2), (2**31, 2), (1.5, 14), ("1", 14), (True, 14)])
@pytest.mark.parametrize("search", [SEARCHES["find"], SEARCHES["count_documents"], SEARCHES["find_one_and_delete"]])
async def test_a_time_that_makes_no_sense_is_refused(users: Any, search: Any, limit: Any, code: int) -> None:
    async def run() -> None:
        await search(users, max_time_ms=limit)

    assert (await refusal(run())).code == code


async def test_a_cursor_has_its_time_from_the_first_document_on_and_only_while_it_works(many: Any) -> None:
    clock = nosqlpy._io.timing.perf_counter
    cursor = many.find({"_id": {"$gte": 0}}).max_time_ms(500)
    for _ in range(3):
        clock.now += 1
        assert len(await cursor.to_list(600)) == 600


async def test_a_cursor_that_starts_again_has_all_of_its_time(many: Any) -> None:
    cursor = many.find({"n": {"$lte": 0}}).max_time_ms(8)
    for _ in range(4):
        assert len(await cursor.to_list(600)) == 600
        await cursor.rewind()

    assert isinstance(await refusal(cursor.to_list()), ExecutionTimeout)


# ── batches ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [1, 3, 512])
async def test_a_cursor_decodes_at_most_a_batch_ahead_of_what_is_asked_for(
    users: Any, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    await users.insert_many([{"_id": n} for n in range(1000)])
    decoded: list[bytes] = []
    codec = users.target._codec if hasattr(users, "target") else users._codec
    cursor = users.find({}, batch_size=size)
    target = getattr(cursor, "target", cursor)
    request = target._request
    target._lookup = None
    target._compiled = msgspec.structs.replace(request, decode=lambda data: decoded.append(data) or codec.decode(data))
    await cursor.to_list(4)

    assert len(decoded) == -(-4 // size) * size


async def test_a_batch_size_can_be_put_on_a_cursor_and_changes_no_answer(users: Any) -> None:
    await users.insert_many([{"_id": n} for n in range(1000)])

    assert await users.find().batch_size(7).sort("_id") == [{"_id": n} for n in range(1000)]
    assert len(await users.find(limit=10).batch_size(3).to_list()) == 10


@pytest.mark.parametrize(("size", "code"), [(-1, 51024), ("1", 14), (1.0, 14), (True, 14), (None, 14)])
async def test_a_batch_size_that_makes_no_sense_is_refused(users: Any, size: Any, code: int) -> None:
    with pytest.raises(QueryError) as caught:
        users.find(batch_size=size)

    assert caught.value.code == code
