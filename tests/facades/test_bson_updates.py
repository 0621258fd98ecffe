"""Update operators keep the types of bson's numbers, and find its values in arrays."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

bson = pytest.importorskip("bson")
from bson import datetime_ms, dbref, decimal128, int64  # noqa: E402

D128, I64 = decimal128.Decimal128, int64.Int64
REFERENCE = dbref.DBRef("users", 1, "db", x=1)


@pytest.mark.parametrize(
    ("before", "update", "after"),
    [
        (I64(5), {"$inc": {"v": 1}}, I64(6)),
        (5, {"$inc": {"v": I64(1)}}, I64(6)),
        (I64(5), {"$inc": {"v": 1.5}}, 6.5),
        (D128("1.5"), {"$inc": {"v": 1}}, D128("2.5")),
        (1, {"$inc": {"v": D128("0.5")}}, D128("1.5")),
        (Decimal("1.5"), {"$inc": {"v": D128("1")}}, Decimal("2.5")),
        (I64(5), {"$mul": {"v": 2}}, I64(10)),
        (5, {"$mul": {"v": I64(2)}}, I64(10)),
        (D128("1.5"), {"$mul": {"v": 2}}, D128("3.0")),
        (I64(6), {"$bit": {"v": {"and": 3}}}, I64(2)),
        (6, {"$bit": {"v": {"or": I64(1)}}}, I64(7)),
        (I64(5), {"$max": {"v": 5}}, I64(5)),
        (I64(5), {"$max": {"v": 6}}, 6),
        (D128("5"), {"$min": {"v": I64(4)}}, I64(4)),
        ([REFERENCE, 1], {"$pull": {"v": REFERENCE}}, [1]),
        ([REFERENCE, 1], {"$pull": {"v": {"$ref": "users"}}}, [1]),
        ([REFERENCE, 1], {"$pullAll": {"v": [REFERENCE]}}, [1]),
        ([REFERENCE], {"$addToSet": {"v": REFERENCE}}, [REFERENCE]),
        ([I64(1)], {"$addToSet": {"v": 1}}, [I64(1)]),
        ([D128("1.0"), 2], {"$pull": {"v": 1}}, [2]),
    ],
    ids=repr,
)
async def test_an_update_gives_the_value_and_the_type_that_mongodb_gives(
    users: Any, before: Any, update: Any, after: Any
) -> None:
    await users.insert({"_id": 1, "v": before})
    await users.update_one({"_id": 1}, update)
    found = (await users.get(1))["v"]

    assert found == after
    assert type(found) is type(after)


@pytest.mark.parametrize(("number", "expected"), [(I64(3), I64(3)), (D128("3"), D128("3")), (1.5, 1.5)], ids=repr)
async def test_inc_of_a_missing_field_has_the_type_of_the_operand(users: Any, number: Any, expected: Any) -> None:
    await users.insert({"_id": 1})
    await users.update_one({"_id": 1}, {"$inc": {"v": number}})

    assert type((await users.get(1))["v"]) is type(expected)
    assert (await users.get(1))["v"] == expected


async def test_a_reference_is_among_the_distinct_values_as_a_reference(users: Any) -> None:
    await users.insert_many([{"v": REFERENCE}, {"v": [REFERENCE]}, {"in": [{"v": REFERENCE}]}])

    assert await users.distinct("v") == [REFERENCE]
    assert [type(value) for value in await users.distinct("in.v")] == [dbref.DBRef]


async def test_dates_past_the_calendar_sort_around_all_others(users: Any) -> None:
    far = [-(2**62), -(2**61), 0, 2**60, 2**62]
    await users.insert_many([{"_id": id, "at": datetime_ms.DatetimeMS(count)} for id, count in enumerate(far)][::-1])

    assert [found["_id"] for found in await users.find(sort="at").to_list()] == [0, 1, 2, 3, 4]
    assert await users.count({"at": {"$gt": datetime_ms.DatetimeMS(0)}}) == 2
    assert await users.count({"at": datetime_ms.DatetimeMS(2**60)}) == 1
    assert await users.count({"at": {"$type": "date"}}) == 5
