"""Profiles: what they record of every kind of call, and what they leave out."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nosqlpy import (
    Client,
    ConfigurationError,
    DuplicateKeyError,
    InsertOne,
    OperationFailure,
    ProfiledOperation,
    QueryError,
    StorageError,
)
from nosqlpy.profiles import by_shape

SECRET = "s3cret-value"


@pytest.fixture
async def db(connect: Callable[..., Any]) -> Any:
    """A client with three people, and an index on their age."""
    client = connect(":memory:", slow_ms=None)
    await client["users"].insert_many([{"_id": n, "name": f"{SECRET}{n}", "age": n} for n in range(3)])
    await client["users"].create_index("age")
    return client


# each call, and what is recorded of it: operation, shape, plan, keys, documents, returned, decoded
CALLS: dict[str, tuple[Callable[[Any], Awaitable[Any]], tuple[Any, ...]]] = {
    "get": (lambda users: users.get(1), ("get", "", "IDHACK _id_", 1, 1, 1, 1)),
    "get nothing": (lambda users: users.get(9), ("get", "", "IDHACK _id_", 1, 1, 0, 0)),
    "find": (
        lambda users: users.find({"age": {"$gte": 1}}).to_list(),
        ("find", "{age: {$gte: ?}}", "IXSCAN age_1", 2, 2, 2, 2),
    ),
    "find, sorted": (
        lambda users: users.find({"name": SECRET}).sort("-name").to_list(),
        ("find", "{name: ?}, sort {name: -1}", "COLLSCAN", 0, 3, 0, 0),
    ),
    "aggregate": (
        lambda users: users.aggregate([{"$match": {"age": 1}}, {"$group": {"_id": "$name"}}]).to_list(),
        ("aggregate", "{age: ?}", "IXSCAN age_1", 1, 1, 1, None),
    ),
    "find_one": (lambda users: users.find_one({"age": 1}), ("find_one", "{age: ?}", "IXSCAN age_1", 1, 1, 1, 1)),
    "count": (lambda users: users.count({"name": SECRET}), ("count", "{name: ?}", "COLLSCAN", 0, 3, 0, 0)),
    "count all": (
        lambda users: users.count({"age": {"$gt": 0}}),
        ("count", "{age: {$gt: ?}}", "IXSCAN age_1", 2, 2, 2, 0),
    ),
    "distinct": (
        lambda users: users.distinct("name", {"age": 1}),
        ("distinct", "{age: ?}", "IXSCAN age_1", 1, 1, 1, 0),
    ),
    "insert": (lambda users: users.insert({"_id": 99}), ("insert_one", "", "", None, None, 1, 0)),
    "insert_many": (lambda users: users.insert_many([{}, {}]), ("insert_many", "", "", None, None, 2, 0)),
    "update": (
        lambda users: users.update_many({"age": {"$lt": 2}}, {"$inc": {"age": 10}}),
        ("update", "{age: {$lt: ?}}", "IXSCAN age_1", 2, 2, 2, 2),
    ),
    "upsert": (
        lambda users: users.update_one({"_id": SECRET}, {"$set": {"a": 1}}, upsert=True),
        ("update", "{_id: ?}", "IDHACK _id_", 1, 1, 1, 0),
    ),
    "delete": (
        lambda users: users.delete_many({"name": {"$gte": ""}}),
        ("delete", "{name: {$gte: ?}}", "COLLSCAN", 0, 3, 3, 0),
    ),
    "find_one_and_update": (
        lambda users: users.find_one_and_update({"age": 1}, {"$set": {"name": SECRET}}),
        ("find_one_and_update", "{age: ?}", "IXSCAN age_1", 1, 1, 1, 1),
    ),
    "find_one_and_delete": (
        lambda users: users.find_one_and_delete({"age": 9}),
        ("find_one_and_delete", "{age: ?}", "IXSCAN age_1", 0, 0, 0, 0),
    ),
    "bulk_write": (
        lambda users: users.bulk_write([InsertOne({}), InsertOne({})]),
        ("bulk_write", "", "", None, None, 2, 0),
    ),
}


def seen(one: ProfiledOperation) -> tuple[Any, ...]:
    return one.operation, one.shape, one.plan, one.keys_examined, one.docs_examined, one.returned, one.decoded


@pytest.mark.parametrize("name", CALLS)
async def test_every_kind_of_call_is_recorded_once_with_shape_plan_and_counts(db: Any, name: str) -> None:
    call, expected = CALLS[name]
    with db.profile() as profile:
        await call(db["users"])
    (operation,) = profile.operations()

    assert seen(operation) == expected
    assert (operation.collection, operation.error) == ("users", None)
    assert operation.duration_ms > 0
    assert operation.began.utcoffset() is not None


async def test_no_value_of_a_document_or_a_filter_is_recorded(db: Any) -> None:
    with db.profile() as profile:
        for call, _ in CALLS.values():
            await call(db["users"])

    assert len(profile) == len(CALLS)
    assert SECRET not in str(profile.operations())


async def test_what_is_done_before_and_after_a_profile_is_not_recorded(db: Any) -> None:
    await db["users"].get(1)
    with db.profile() as profile:
        assert profile.active
    await db["users"].get(1)
    await db["users"].find().to_list()

    assert profile.operations() == []
    assert not profile.active


async def test_a_stopped_profile_leaves_the_methods_of_the_backend_as_they_were(db: Any) -> None:
    backend = db._backend if inspect.isawaitable(db) and not hasattr(db, "target") else db.target._backend
    before = set(vars(backend))
    with db.profile():
        assert set(vars(backend)) > before

    assert set(vars(backend)) == before


async def test_a_quick_call_is_left_out_where_the_profile_asks_for_slow_ones(db: Any) -> None:
    with db.profile(slow_ms=3_600_000) as profile:
        await db["users"].get(1)
        await db["users"].find().to_list()

    assert len(profile) == 0


async def test_the_last_operations_are_kept_and_the_others_counted(db: Any) -> None:
    with db.profile(size=2) as profile:
        for name in "abc":
            await db[name].get(1)

    assert [one.collection for one in profile] == ["b", "c"]
    assert profile.dropped == 1
    assert repr(profile) == "<Profile, off, 2 operations>"


async def test_a_cleared_profile_goes_on(db: Any) -> None:
    with db.profile() as profile:
        await db["a"].get(1)
        profile.clear()
        await db["b"].get(1)

    assert [one.collection for one in profile] == ["b"]


async def test_a_refused_call_is_recorded_with_its_error(db: Any) -> None:
    with db.profile() as profile:
        with pytest.raises(DuplicateKeyError):
            await db["users"].insert({"_id": 1})
        with pytest.raises(OperationFailure):
            await db["users"].aggregate([{"$project": {"a": {"$add": ["$_id", "$name"]}}}])

    assert [(one.operation, one.error, one.returned) for one in profile] == [
        ("insert_one", "DuplicateKeyError", 0),
        ("aggregate", "OperationFailure", 0),
    ]


async def test_two_profiles_record_side_by_side(db: Any) -> None:
    with db.profile() as outer:
        await db["a"].get(1)
        with db.profile() as inner:
            await db["b"].get(1)
        await db["c"].get(1)

    assert [one.collection for one in outer] == ["a", "b", "c"]
    assert [one.collection for one in inner] == ["b"]


async def test_what_a_transaction_does_is_recorded(db: Any) -> None:
    with db.profile() as profile:
        async with db.transaction() as tx:
            await tx["users"].insert({"_id": 7})
            await tx["users"].get(7)
            await tx["users"].find({"_id": 7}).to_list()

    assert [(one.operation, one.returned) for one in profile] == [("insert_one", 1), ("get", 1), ("find", 1)]


async def test_calls_of_one_shape_and_plan_are_added_up(db: Any) -> None:
    with db.profile() as profile:
        for age in (0, 1, 7):
            await db["users"].find({"age": age}).to_list()
        await db["users"].count({"name": "x"})
    shapes = {shape.operation: shape for shape in profile.shapes()}

    assert (shapes["find"].calls, shapes["find"].returned, shapes["find"].docs_examined) == (3, 2, 2)
    assert shapes["find"].mean_ms * 3 == pytest.approx(shapes["find"].total_ms)
    assert shapes["count"].calls == 1


async def test_a_profile_with_a_path_appends_a_json_line_for_each_operation(db: Any, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    for _ in range(2):
        with db.profile(path=path) as profile:
            await db["users"].find({"name": SECRET}).to_list()
    lines = path.read_bytes().splitlines()

    assert len(lines) == 2
    assert msgspec.json.decode(lines[1], type=ProfiledOperation) == profile.operations()[0]
    assert by_shape(msgspec.json.decode(line, type=ProfiledOperation) for line in lines)[0].calls == 2
    assert SECRET.encode() not in b"".join(lines)
    assert path.stat().st_mode & 0o077 == 0


async def test_a_full_disk_ends_the_file_and_not_the_operation(
    db: Any, tmp_path: Path, monkeypatch: Any, caplog: Any
) -> None:
    def full(_file: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with db.profile(path=tmp_path / "calls.jsonl") as profile:
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            await db["users"].get(1)
        await db["users"].get(2)

    assert len(profile) == 2
    assert (tmp_path / "calls.jsonl").read_bytes() == b""
    assert "No space left" in caplog.text


@pytest.mark.parametrize(
    "options",
    [{"size": 0}, {"size": True}, {"slow_ms": -1}, {"slow_ms": float("nan")}, {"slow_ms": "1"}, {"slow_ms": 10**400}],
)
async def test_an_option_that_makes_no_sense_is_refused(db: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        db.profile(**options)


async def test_an_argument_that_contains_itself_is_recorded_as_any_other(db: Any) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with db.profile() as profile, pytest.raises(QueryError):
        await db["users"].distinct(endless)

    assert len(profile) <= 1


@pytest.mark.parametrize("path", [True, b"calls", "a\0b", "\ud800", 5], ids=repr)
async def test_what_is_no_path_of_a_file_is_refused(db: Any, path: Any) -> None:
    with pytest.raises(QueryError, match="profile"):
        db.profile(path=path)


def test_the_files_of_the_database_are_not_written_to(tmp_path: Path) -> None:
    with Client(tmp_path / "data") as db:
        db["a"].insert_one({"_id": 1})
        with pytest.raises(StorageError, match="inside the database"):
            db.profile(path=tmp_path / "data" / "MANIFEST")

    with Client(tmp_path / "data") as db:
        assert db["a"].count() == 1


def test_all_that_many_threads_do_is_recorded() -> None:
    with Client(":memory:") as db, db.profile(size=10_000) as profile:

        def work() -> None:
            for number in range(100):
                db["users"].insert({"n": number})
                db["users"].get(number)
                profile.operations()

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(profile) == 8 * 200
    assert profile.dropped == 0
