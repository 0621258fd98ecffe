"""What one call may take: memory for a sort, time for a search, documents at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nosqlpy import ConfigurationError, OperationFailure

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
