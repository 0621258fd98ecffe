"""Bulk writes: requests in order or not, exact counts, and errors as pymongo's."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import pymongo
import pytest

from nosqlpy import (
    BulkWriteError,
    BulkWriteResult,
    DeleteMany,
    DeleteOne,
    DocumentError,
    InsertOne,
    InvalidOperation,
    NotSupportedError,
    QueryError,
    ReplaceOne,
    UpdateMany,
    UpdateOne,
)


async def refused(users: Any, requests: Any, **options: Any) -> BulkWriteError:
    """The error of a bulk write of which requests are refused."""
    with pytest.raises(BulkWriteError) as caught:
        await users.bulk_write(requests, **options)
    return caught.value


async def test_every_kind_of_request_is_carried_out_and_counted(users: Any) -> None:
    result = await users.bulk_write(
        [
            InsertOne({"_id": 1, "n": 1}),
            InsertOne({"_id": 2, "n": 1}),
            InsertOne({"_id": 3, "n": 3}),
            UpdateOne({"n": 1}, {"$set": {"n": 2}}),
            UpdateMany({}, {"$inc": {"n": 10}}),
            ReplaceOne({"_id": 3}, {"m": 1}),
            DeleteOne({"n": {"$gt": 0}}),
            DeleteMany({"n": {"$gt": 0}}),
        ]
    )

    assert result == BulkWriteResult(
        inserted_count=3, matched_count=5, modified_count=5, deleted_count=2, upserted_count=0, upserted_ids={}
    )
    assert await users.find({}).to_list() == [{"_id": 3, "m": 1}]


async def test_upserts_are_reported_by_the_index_of_their_request(users: Any) -> None:
    result = await users.bulk_write(
        [
            UpdateOne({"_id": "a"}, {"$set": {"n": 1}}, upsert=True),
            UpdateOne({"_id": "a"}, {"$set": {"n": 1}}, upsert=True),
            ReplaceOne({"_id": "b"}, {"n": 2}, upsert=True),
            UpdateMany({"k": 5}, {"$inc": {"n": 1}}, upsert=True),
            UpdateMany({"k": 6}, {"$inc": {"n": 1}}),
        ]
    )
    made = result.upserted_ids[3]

    assert (result.matched_count, result.modified_count, result.upserted_count) == (1, 0, 3)
    assert result.upserted_ids == {0: "a", 2: "b", 3: made}
    assert await users.get(made) == {"_id": made, "k": 5, "n": 1}


async def test_an_update_that_changes_nothing_is_matched_and_not_modified(users: Any) -> None:
    await users.insert({"_id": 1, "n": 1})
    result = await users.bulk_write([UpdateOne({}, {"$set": {"n": 1}}), ReplaceOne({}, {"n": 1})])

    assert (result.matched_count, result.modified_count) == (2, 0)


async def test_requests_see_what_those_before_them_did(users: Any) -> None:
    await users.bulk_write([InsertOne({"_id": 1}), UpdateOne({"_id": 1}, {"$set": {"a": 1}}), DeleteOne({"a": 1})])

    assert await users.count() == 0


async def test_an_insertion_without_an_id_gets_one_and_leaves_the_document_alone(users: Any) -> None:
    document = {"n": 1}
    await users.bulk_write([InsertOne(document)])

    assert document == {"n": 1}
    assert len((await users.find_one())["_id"]) == 24


async def test_an_ordered_bulk_write_stops_at_the_first_error(users: Any) -> None:
    await users.insert({"_id": 1, "n": 1})
    error = await refused(
        users,
        [
            InsertOne({"_id": 2, "n": 2}),
            UpdateOne({"_id": 1}, {"$inc": {"n": 1}}),
            UpdateOne({"_id": 7}, {"$inc": {"n": 1}}, upsert=True),
            InsertOne({"_id": 1, "again": True}),
            DeleteMany({}),
        ],
    )
    errmsg = error.details["writeErrors"][0]["errmsg"]

    assert error.code == 65
    assert error.details == {
        "writeErrors": [
            {
                "index": 3,
                "code": 11000,
                "errmsg": errmsg,
                "keyPattern": {"_id": 1},
                "keyValue": {"_id": 1},
                "op": {"_id": 1, "again": True},
            }
        ],
        "writeConcernErrors": [],
        "nInserted": 1,
        "nUpserted": 1,
        "nMatched": 1,
        "nModified": 1,
        "nRemoved": 0,
        "upserted": [{"index": 2, "_id": 7}],
    }
    assert errmsg in str(error)
    assert await users.find({}, sort="_id") == [{"_id": 1, "n": 2}, {"_id": 2, "n": 2}, {"_id": 7, "n": 1}]


async def test_an_unordered_bulk_write_goes_on_after_an_error(users: Any) -> None:
    error = await refused(
        users,
        [
            InsertOne({"_id": 1, "s": "x"}),
            InsertOne({"_id": 1}),
            UpdateOne({"_id": 1}, {"$inc": {"s": 1}}),
            InsertOne({"_id": 2}),
            DeleteOne({"_id": 1}),
        ],
        ordered=False,
    )

    assert [(problem["index"], problem["code"]) for problem in error.details["writeErrors"]] == [(1, 11000), (2, 14)]
    assert (error.details["nInserted"], error.details["nRemoved"]) == (2, 1)
    assert await users.find({}) == [{"_id": 2}]


@pytest.mark.parametrize(
    ("request_", "operation"),
    [
        (
            UpdateOne({"_id": 1}, {"$inc": {"s": 1}}),
            {"q": {"_id": 1}, "u": {"$inc": {"s": 1}}, "multi": False},
        ),
        (
            UpdateMany({"_id": 1}, {"$inc": {"s": 1}}, upsert=True),
            {"q": {"_id": 1}, "u": {"$inc": {"s": 1}}, "multi": True, "upsert": True},
        ),
        (
            UpdateOne({}, {"$inc": {"a.$[i]": 1}}, array_filters=[{"i": "y"}], sort={"_id": 1}),
            {
                "q": {},
                "u": {"$inc": {"a.$[i]": 1}},
                "multi": False,
                "arrayFilters": [{"i": "y"}],
                "sort": {"_id": 1},
            },
        ),
        (
            ReplaceOne({"_id": 1}, {"_id": 2}, upsert=False),
            {"q": {"_id": 1}, "u": {"_id": 2}, "upsert": False},
        ),
        (DeleteOne({"a": {"$gtt": 1}}), {"q": {"a": {"$gtt": 1}}, "limit": 1}),
        (DeleteMany({"a": {"$gtt": 1}}), {"q": {"a": {"$gtt": 1}}, "limit": 0}),
        (
            UpdateOne({"a": {"$gtt": 1}}, {"$set": {"b": 1}}),
            {"q": {"a": {"$gtt": 1}}, "u": {"$set": {"b": 1}}, "multi": False},
        ),
        (UpdateOne({}, {"$sett": {"b": 1}}), {"q": {}, "u": {"$sett": {"b": 1}}, "multi": False}),
    ],
    ids=repr,
)
async def test_an_error_shows_the_request_as_pymongo_does(users: Any, request_: Any, operation: Any) -> None:
    await users.insert({"_id": 1, "s": "x", "a": ["y"]})
    error = await refused(users, [InsertOne({"_id": 5}), request_, InsertOne({"_id": 6})])

    assert [(problem["index"], problem["op"]) for problem in error.details["writeErrors"]] == [(1, operation)]
    assert set(error.details["writeErrors"][0]) == {"index", "code", "errmsg", "op"}
    assert await users.find({}, ["_id"]) == [{"_id": 1}, {"_id": 5}]


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        ({"insert": {}}, QueryError, "InsertOne.*not dict"),
        ("x", QueryError, "not str"),
        (InsertOne({"a": {1}}), DocumentError, "^a: a set"),
        (UpdateOne({}, {"$set": {"a": {1}}}), DocumentError, "^a: a set"),
        (ReplaceOne({}, {"a": {1}}), DocumentError, "^a: a set"),
        (UpdateOne({}, {"a": 1}), QueryError, "replace_one"),
        (UpdateOne({}, {}), QueryError, "operators"),
        (UpdateMany({}, 5), QueryError, "int"),
        (UpdateOne({}, {"$set": {"a": {"b": {1}}}}), DocumentError, r"^a\.b: a set"),
        (UpdateOne(None, {"$set": {"a": 1}}), QueryError, "NoneType"),
        (DeleteMany(5), QueryError, "int"),
        (DeleteMany({"$where": "1"}), NotSupportedError, r"\$where"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("ordered", [True, False])
async def test_what_is_no_request_keeps_all_from_being_done(
    users: Any, request_: Any, error: type[Exception], message: str, ordered: bool
) -> None:
    with pytest.raises(error, match=message) as caught:
        await users.bulk_write([InsertOne({"_id": 1}), request_], ordered=ordered)

    assert caught.value.details["index"] == 1  # type: ignore[attr-defined]
    assert await users.count() == 0


async def test_a_bulk_write_needs_requests(users: Any) -> None:
    with pytest.raises(InvalidOperation, match="at least one"):
        await users.bulk_write([])
    with pytest.raises(QueryError, match="list of requests, not InsertOne"):
        await users.bulk_write(InsertOne({}))


async def test_requests_may_come_from_a_generator(users: Any) -> None:
    result = await users.bulk_write(InsertOne({"_id": i}) for i in range(1200))

    assert result.inserted_count == 1200
    assert await users.count() == 1200


async def test_array_filters_and_sort_hold_in_bulk(users: Any) -> None:
    await users.insert_many([{"_id": 1, "a": [1, 5]}, {"_id": 2, "a": [1, 5]}])
    await users.bulk_write(
        [
            UpdateOne({}, {"$set": {"a.$[i]": 0}}, array_filters=[{"i": {"$gt": 2}}], sort="-_id"),
            UpdateMany({"a": 5}, {"$set": {"a.$": 9}}),
            UpdateMany({}, {"$inc": {"a.$[big]": 1}}, array_filters=[{"big": 9}]),
            ReplaceOne({}, {"last": True}, sort=[("_id", -1)]),
        ]
    )

    assert await users.find({}) == [{"_id": 1, "a": [1, 10]}, {"_id": 2, "last": True}]


async def test_pymongos_own_requests_are_taken(users: Any) -> None:
    result = await users.bulk_write(
        [
            pymongo.InsertOne({"_id": 1, "n": 1}),
            pymongo.InsertOne({"_id": 2, "a": [1, 2]}),
            pymongo.UpdateOne({"_id": 1}, {"$inc": {"n": 1}}),
            pymongo.UpdateMany({"a": 2}, {"$set": {"a.$[i]": 0}}, array_filters=[{"i": 2}]),
            pymongo.UpdateOne({"_id": 3}, {"$set": {"n": 1}}, upsert=True),
            pymongo.ReplaceOne({"_id": 3}, {"m": 1}),
            pymongo.DeleteOne({"_id": 1}),
            pymongo.DeleteMany({"_id": 4}),
        ]
    )

    assert (result.inserted_count, result.matched_count, result.deleted_count) == (2, 3, 1)
    assert result.upserted_ids == {4: 3}
    assert await users.find({}) == [{"_id": 2, "a": [1, 0]}, {"_id": 3, "m": 1}]


async def test_an_error_of_pymongos_request_is_as_with_pymongo(users: Any) -> None:
    error = await refused(users, [pymongo.UpdateOne({"_id": 1}, {"$sett": {"a": 1}})])

    assert error.details["writeErrors"][0]["op"] == {"q": {"_id": 1}, "u": {"$sett": {"a": 1}}, "multi": False}


async def test_an_option_of_pymongos_request_that_is_not_supported_is_named(users: Any) -> None:
    with pytest.raises(NotSupportedError, match="'namespace'"):
        await users.bulk_write([pymongo.InsertOne({}, namespace="a.b")])


async def test_each_request_is_one_atomic_write(db: Any, users: Any) -> None:
    await users.insert({"_id": 0})
    before = (await db.stats())["commits"]
    await users.bulk_write([InsertOne({"_id": 1}), UpdateMany({}, {"$set": {"a": 1}}), DeleteOne({"_id": 9})])

    assert (await db.stats())["commits"] == before + 2


async def test_a_refused_update_of_many_changes_none_of_them(users: Any) -> None:
    await users.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": "x"}])
    await refused(users, [UpdateMany({}, {"$inc": {"n": 1}}), InsertOne({"_id": 3})], ordered=False)

    assert await users.find({}) == [{"_id": 1, "n": 1}, {"_id": 2, "n": "x"}, {"_id": 3}]


async def test_large_collections_are_searched_as_small_ones(users: Any) -> None:
    await users.insert_many([{"_id": i, "n": i % 2} for i in range(1500)])
    result = await users.bulk_write(
        [UpdateMany({"n": 1}, {"$set": {"n": 2}}), DeleteMany({"n": 0}), UpdateOne({"n": 9}, {"$inc": {"n": 1}})]
    )

    assert (result.matched_count, result.modified_count, result.deleted_count) == (750, 750, 750)


async def test_bulk_writes_are_durable(connect: Any, directory: Any) -> None:
    async with connect(directory) as db:
        await db["users"].bulk_write([InsertOne({"_id": 1}), InsertOne({"_id": 2})], durability="durable")
    users = connect(directory)["users"]

    assert await users.count() == 2


@dataclass
class User:
    name: str
    _id: str | None = None


async def test_documents_of_a_typed_collection_are_encoded(db: Any) -> None:
    users = db.collection("users", type=User)
    await users.bulk_write([InsertOne(User("ada", "1")), ReplaceOne({"_id": "1"}, User("bob", "1"))])

    assert await users.get("1") == User("bob", "1")


@pytest.mark.parametrize("ordered", [True, False])
async def test_the_error_of_a_bulk_write_can_be_pickled(users: Any, ordered: bool) -> None:
    error = await refused(users, [DeleteOne({"$bad": 1})], ordered=ordered)

    assert pickle.loads(pickle.dumps(error)).details == error.details


def test_requests_are_frozen_and_show_what_they_hold() -> None:
    request = UpdateOne({"a": 1}, {"$set": {"b": 2}}, upsert=True)

    assert repr(request).startswith("UpdateOne(filter={'a': 1}, update={'$set': {'b': 2}}, upsert=True")
    with pytest.raises(FrozenInstanceError):
        request.upsert = False  # type: ignore[misc]
