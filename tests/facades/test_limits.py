"""A client's limits hold for the filter of every call."""

from __future__ import annotations

from typing import Any

import pytest

from nosqlpy import ConfigurationError, DeleteOne, Limits, QueryError

WIDE = {"$or": [{"a": 1}, {"b": 2}, {"c": 3}]}
CALLS: dict[str, Any] = {
    "find": lambda users: users.find(WIDE).to_list(),
    "find_one": lambda users: users.find_one(WIDE),
    "exists": lambda users: users.exists(WIDE),
    "count": lambda users: users.count(WIDE),
    "count_documents": lambda users: users.count_documents(WIDE),
    "distinct": lambda users: users.distinct("a", WIDE),
    "update_one": lambda users: users.update_one(WIDE, {"$set": {"d": 1}}),
    "update_many": lambda users: users.update_many(WIDE, {"$set": {"d": 1}}),
    "replace_one": lambda users: users.replace_one(WIDE, {"d": 1}),
    "delete_one": lambda users: users.delete_one(WIDE),
    "delete_many": lambda users: users.delete_many(WIDE),
    "find_one_and_update": lambda users: users.find_one_and_update(WIDE, {"$set": {"d": 1}}),
    "find_one_and_replace": lambda users: users.find_one_and_replace(WIDE, {"d": 1}),
    "find_one_and_delete": lambda users: users.find_one_and_delete(WIDE),
    "bulk_write": lambda users: users.bulk_write([DeleteOne(WIDE)]),
}


async def outcome(call: Any, users: Any) -> str:
    try:
        await call(users)
    except Exception as error:  # noqa: BLE001 - a bulk write has an error of its own
        return str(error)
    return "done"


@pytest.mark.parametrize("name", CALLS)
async def test_a_filter_past_a_limit_is_refused_by_every_call(connect: Any, name: str) -> None:
    strict = connect(":memory:", limits=Limits(nodes=3))["users"]
    await strict.insert({"_id": 1, "a": 1})

    assert "the limit 'nodes' is 3" in await outcome(CALLS[name], strict)
    assert await strict.get(1) == {"_id": 1, "a": 1}


@pytest.mark.parametrize("name", CALLS)
async def test_ordinary_filters_pass_by_default(users: Any, name: str) -> None:
    assert await outcome(CALLS[name], users) == "done"


async def test_a_cursor_that_is_changed_keeps_the_limits(connect: Any) -> None:
    users = connect(":memory:", limits=Limits(in_size=2))["users"]
    with pytest.raises(QueryError, match="in_size"):
        users.find({"a": {"$in": [1, 2, 3]}})

    assert await users.find({"a": {"$in": [1, 2]}}).sort("a").to_list() == []
    assert "limits" not in repr(users.find({"a": 1}))


@pytest.mark.parametrize("limits", [None, 5, {"nodes": 5}, Limits])
async def test_limits_are_an_object_of_their_class(connect: Any, limits: Any) -> None:
    with pytest.raises(ConfigurationError, match="Limits"):
        connect(":memory:", limits=limits)
