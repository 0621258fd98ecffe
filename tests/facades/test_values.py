"""What goes in comes out, equal and of the same type; and nothing is shared with the caller."""

from __future__ import annotations

import decimal
import math
import re
import uuid
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

bson = pytest.importorskip("bson")
from bson import code, datetime_ms, dbref, decimal128, int64, max_key, min_key, regex, timestamp  # noqa: E402

VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "int": -17,
    "int32": 2**31,
    "smallest int": -(2**63),
    "largest int": 2**63 - 1,
    "float": 1.5,
    "whole float": 2.0,
    "negative zero": -0.0,
    "infinity": math.inf,
    "text": "häuser 用户 \U0001f600",
    "empty text": "",
    "text with NUL": "a\0b",
    "bytes": b"\x00\xff",
    "empty bytes": b"",
    "datetime": datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=UTC),
    "first datetime": datetime(1, 1, 1, tzinfo=UTC),
    "array": [1, [2, [3]], {"a": []}],
    "empty array": [],
    "document": {"b": 1, "a": {"": 2}},
    "empty document": {},
    "odd keys": {"a.b": 1, "$set": 2, "with space": 3, "": 4},
    "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "decimal": decimal.Decimal("1.50"),
    "decimal infinity": decimal.Decimal("-Infinity"),
    "pattern": re.compile("^a.*b$", re.IGNORECASE | re.DOTALL),
    "ObjectId": bson.ObjectId("0123456789abcdef01234567"),
    "Int64": int64.Int64(5),
    "Decimal128": decimal128.Decimal128("1.50"),
    "Binary": bson.Binary(b"ab", 128),
    "Regex": regex.Regex("^a", "im"),
    "Timestamp": timestamp.Timestamp(100, 2),
    "MinKey": min_key.MinKey(),
    "MaxKey": max_key.MaxKey(),
    "Code": code.Code("f()"),
    "Code with scope": code.Code("f()", {"x": 1}),
    "DBRef": dbref.DBRef("users", bson.ObjectId("0123456789abcdef01234567"), extra=1),
    "DBRef with database": dbref.DBRef("users", 1, "db"),
    "DatetimeMS": datetime_ms.DatetimeMS(1_234_567_890_123),
    "DatetimeMS after the year 9999": datetime_ms.DatetimeMS(2**62),
    "DatetimeMS before the year 1": datetime_ms.DatetimeMS(-(2**62)),
    "function binary": bson.Binary(b"ab", 1),
    "UUID as Binary": bson.Binary(b"0123456789abcdef", 4),
}
# arrays, regular expressions and null are refused by rule, and of documents those with a `$` field
NO_IDS = {"null", "array", "empty array", "pattern", "Regex", "DBRef with database"}


def same(a: Any, b: Any) -> bool:
    """Return whether two values are equal and of the same types all the way down, order of fields included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(x, y) for x, y in zip(a.values(), b.values(), strict=True))
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return a == b and math.copysign(1, a) == math.copysign(1, b)
    if isinstance(a, (decimal.Decimal, decimal128.Decimal128)):
        return str(a) == str(b)
    return bool(a == b)


@pytest.mark.parametrize("name", VALUES)
async def test_a_value_comes_out_as_it_went_in(connect: Any, directory: Path, name: str) -> None:
    value = VALUES[name]
    async with connect(directory) as db:
        await db["values"].insert({"_id": 1, "value": value, "in": {"array": [value]}})
        before = await db["values"].get(1)
        many = await db["values"].insert_many([{"value": value}, {"value": value}])
        batch = await db["values"].find_one({"_id": many.inserted_ids[1]})
    after = await connect(directory)["values"].get(1)

    assert same(before, {"_id": 1, "value": value, "in": {"array": [value]}})
    assert same(after, before)
    assert same(batch["value"], value)


async def test_nan_comes_out_as_nan(users: Any) -> None:
    await users.insert({"_id": 1, "float": math.nan, "decimal": decimal.Decimal("NaN")})
    found = await users.get(1)

    assert math.isnan(found["float"])
    assert type(found["float"]) is float
    assert found["decimal"].is_nan()


@pytest.mark.parametrize("name", sorted(VALUES.keys() - NO_IDS))
async def test_a_value_may_be_an_id_and_a_key_of_an_index(connect: Any, name: str) -> None:
    value = VALUES[name] if name != "odd keys" else {"a.b": 1}
    users = connect(":memory:")["users"]
    await users.create_index("value")
    await users.insert_many([{"_id": value, "value": value}, {"_id": "other", "value": "other"}])

    assert same(await users.get(value), {"_id": value, "value": value})
    assert same(await users.find_one({"_id": value}), {"_id": value, "value": value})
    assert await users.count({"value": {"$eq": value}}) == 1
    assert await users.delete(value) is True


async def test_a_naive_datetime_is_taken_as_utc(users: Any) -> None:
    await users.insert({"_id": 1, "at": datetime(2024, 1, 1, 12)})  # noqa: DTZ001

    assert (await users.get(1))["at"] == datetime(2024, 1, 1, 12, tzinfo=UTC)


async def test_a_datetime_comes_out_in_utc(users: Any) -> None:
    at = datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    await users.insert({"_id": 1, "at": at})
    found = (await users.get(1))["at"]

    assert found == at
    assert found.utcoffset() == timedelta(0)


async def test_a_tuple_comes_out_as_a_list(users: Any) -> None:
    await users.insert({"_id": 1, "pair": (1, (2,))})

    assert same(await users.get(1), {"_id": 1, "pair": [1, [2]]})


async def test_changing_what_was_inserted_changes_nothing_that_is_stored(users: Any) -> None:
    document = {"_id": 1, "in": {"array": [1]}}
    await users.insert(document)
    document["in"]["array"].append(2)  # type: ignore[index]
    document["more"] = True

    assert await users.get(1) == {"_id": 1, "in": {"array": [1]}}


async def test_changing_what_was_found_changes_nothing_that_is_stored(users: Any) -> None:
    await users.insert({"_id": 1, "in": {"array": [1]}})
    for found in [
        await users.get(1),
        await users.find_one(),
        (await users.find())[0],
        (await users.find({}, {"in.array": 1}))[0],
        await users.find_one_and_update({"_id": 1}, {"$set": {"x": 1}}, return_document=True),
    ]:
        found["in"]["array"].append(2)
        found["in"]["more"] = True

    assert await users.get(1) == {"_id": 1, "in": {"array": [1]}, "x": 1}


async def test_changing_distinct_values_changes_nothing_that_is_stored(users: Any) -> None:
    await users.insert({"_id": 1, "in": {"array": [1]}})
    (found,) = await users.distinct("in")
    found["array"].append(2)

    assert await users.get(1) == {"_id": 1, "in": {"array": [1]}}


async def test_changing_the_operand_of_an_update_changes_nothing_that_is_stored(users: Any) -> None:
    await users.insert_many([{"_id": 1, "list": []}, {"_id": 2, "list": []}])
    operand = {"array": [1]}
    await users.update_many({}, {"$set": {"in": operand}, "$push": {"list": operand}})
    operand["array"].append(2)
    found = await users.get(1)
    found["in"]["array"].append(3)

    assert await users.get(1) == {"_id": 1, "list": [{"array": [1]}], "in": {"array": [1]}}
    assert await users.get(2) == {"_id": 2, "list": [{"array": [1]}], "in": {"array": [1]}}


async def test_changing_the_filter_of_a_cursor_changes_no_answer(users: Any) -> None:
    await users.insert_many([{"n": 1}, {"n": 2}])
    filter = {"n": {"$in": [1]}}
    cursor = users.find(filter)
    filter["n"]["$in"].append(2)

    assert len(await cursor) == 1


async def test_changing_the_filter_of_an_upsert_changes_nothing_that_is_stored(users: Any) -> None:
    filter = {"_id": {"a": 1}, "in": {"array": [1]}}
    await users.update_one(filter, {"$set": {"x": 1}}, upsert=True)
    filter["in"]["array"].append(2)  # type: ignore[attr-defined]

    assert await users.find() == [{"_id": {"a": 1}, "in": {"array": [1]}, "x": 1}]


async def test_changing_a_document_id_changes_nothing_that_is_stored(users: Any) -> None:
    identity = {"a": [1]}
    returned = await users.insert({"_id": identity})
    identity["a"].append(2)
    returned["a"].append(3)

    assert await users.get({"a": [1]}) == {"_id": {"a": [1]}}


async def test_two_reads_return_two_objects(users: Any) -> None:
    await users.insert({"_id": 1, "in": {}})
    first, second = await users.get(1), await users.get(1)

    assert first == second
    assert first is not second
    assert first["in"] is not second["in"]
