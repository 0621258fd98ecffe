from __future__ import annotations

from typing import Any

import pytest

from core.engine.logged import Logged, finish, intake, new, request
from nosqlpy._core.engine.bulk import BulkRequest, Deletion, Insertion, Refused, Updating, bulk_write
from nosqlpy._core.engine.matching import STEP
from nosqlpy._core.update.compile import compile_update
from nosqlpy.errors import BulkWriteError, QueryError
from nosqlpy.results import BulkWriteResult


def insertion(**document: Any) -> Insertion:
    return Insertion(new(document))


def updating(filter: Any, change: Any, *, upsert: bool = False, many: bool = False) -> Updating:
    spare = intake().spare_id(made=True)
    return Updating(request(filter).query, compile_update(change), spare, upsert, many, {"q": filter, "u": change})


def deletion(filter: Any, *, many: bool = False) -> Deletion:
    return Deletion(request(filter).query, many, {"q": filter, "limit": 0 if many else 1})


def written(db: Logged, *requests: BulkRequest, ordered: bool = True) -> Any:
    return db.steps(bulk_write(db.engine, "a", requests, ordered=ordered))


def refused(db: Logged, *requests: BulkRequest, ordered: bool = True) -> Any:
    with pytest.raises(BulkWriteError) as caught:
        written(db, *requests, ordered=ordered)
    return caught.value.details


def test_each_request_sees_what_those_before_it_did() -> None:
    db = Logged()
    result = written(
        db,
        insertion(_id=1, n=1),
        updating({"n": 1}, {"$set": {"n": 2}}),
        insertion(_id=2, n=2),
        updating({"n": 2}, {"$inc": {"n": 1}}, many=True),
        deletion({"n": 3}),
    )

    assert result == BulkWriteResult(inserted_count=2, matched_count=3, modified_count=3, deleted_count=1)
    assert db.find("a") == [{"_id": 2, "n": 3}]
    db.check()


def test_upserted_ids_stand_under_the_positions_of_their_requests() -> None:
    db = Logged()
    result = written(
        db,
        insertion(_id=1),
        updating({"_id": 8}, {"$set": {"n": 2}}, upsert=True),
        updating({"g": 8}, {"$set": {"n": 2}}, upsert=True),
    )

    assert result.upserted_ids == {1: 8, 2: "new-1"}
    assert result.upserted_count == 2
    db.check()


def test_all_that_match_are_deleted_where_many_are_asked_for() -> None:
    db = Logged()

    assert written(db, insertion(_id=1), insertion(_id=2), deletion({}, many=True)).deleted_count == 2
    assert db.find("a") == []


def test_an_ordered_bulk_ends_at_the_first_refusal() -> None:
    db = Logged()
    details = refused(db, insertion(_id=1), insertion(_id=1, x=1), insertion(_id=2))

    assert db.ids("a") == [1]
    assert details["nInserted"] == 1
    assert details["writeErrors"][0]["index"] == 1
    assert details["writeErrors"][0]["op"] == {"_id": 1, "x": 1}
    db.check()


def test_an_unordered_bulk_goes_on_after_refusals() -> None:
    db = Logged()
    details = refused(
        db,
        insertion(_id=1, s="text"),
        insertion(_id=1),
        updating({"_id": 1}, {"$inc": {"s": 1}}),
        updating({"g": 9}, {"$set": {"n": 1}}, upsert=True),
        deletion({"_id": 1}),
        ordered=False,
    )

    assert [(entry["index"], entry["code"]) for entry in details["writeErrors"]] == [(1, 11000), (2, 14)]
    assert details["upserted"] == [{"index": 3, "_id": "new-1"}]
    assert (details["nInserted"], details["nUpserted"], details["nRemoved"]) == (1, 1, 1)
    assert db.ids("a") == ["new-1"]
    db.check()


def test_a_request_that_cannot_be_understood_is_refused_when_its_turn_comes() -> None:
    db = Logged()
    details = refused(db, insertion(_id=1), Refused(QueryError("no"), {"q": {"$no": 1}}), insertion(_id=2))

    assert db.ids("a") == [1]
    assert details["writeErrors"] == [{"index": 1, "code": 2, "errmsg": "no", "op": {"q": {"$no": 1}}}]


@pytest.mark.parametrize("wide", [deletion({"x": 1}), updating({"x": 1}, {"$set": {"y": 1}})], ids=["delete", "update"])
def test_a_turn_is_offered_before_a_request_that_looks_at_many_documents(wide: BulkRequest) -> None:
    db = Logged()
    db.insert("a", *({"_id": number} for number in range(STEP + 1)))

    assert next(bulk_write(db.engine, "a", [wide], ordered=True)) is None
    assert next(bulk_write(db.engine, "a", [deletion({"_id": 1})], ordered=True)) is not None


def test_a_bulk_that_is_not_applied_alters_nothing() -> None:
    db = Logged()
    before = db.memory()
    finish(bulk_write(db.engine, "a", [insertion(_id=1), updating({}, {"$set": {"n": 1}})], ordered=True))

    assert db.memory() == before
