"""Documents that expire by an index with ``expireAfterSeconds``; the clock is a fixed one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from nosqlpy import DuplicateKeyError, OperationFailure, QueryError
from nosqlpy._io.expiring import BUSY_PAUSE_S

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Clock:
    """The time by which documents expire, which a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("nosqlpy._io.committing.clock", made)
    return made


@pytest.fixture
def no_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is removed but by writes."""
    monkeypatch.setattr("nosqlpy._io.syncer.Syncer.expire_in", lambda *_: None)


@pytest.fixture
async def sessions(users: Any, clock: Clock, no_background: None) -> Any:
    """Sessions that expire after an hour: 1 at once, 2 in a minute, 3 never."""
    await users.create_index("seen", expireAfterSeconds=3600)
    await users.insert_many(
        [
            {"_id": 1, "seen": NOON - timedelta(hours=1), "n": 1},
            {"_id": 2, "seen": NOON - timedelta(minutes=59), "n": 2},
            {"_id": 3, "seen": "yesterday", "n": 3},
        ]
    )
    return users


def ids(found: list[Any]) -> list[Any]:
    return [document["_id"] for document in found]


async def test_the_age_is_shown(users: Any) -> None:
    await users.create_index("seen", expireAfterSeconds=3600)
    await users.create_index("other", expire_after_seconds=0)

    assert (await users.index_information())["seen_1"] == {"v": 2, "key": [("seen", 1)], "expireAfterSeconds": 3600}
    assert (await users.index_information())["other_1"]["expireAfterSeconds"] == 0


async def test_no_read_returns_what_has_expired(sessions: Any, db: Any) -> None:
    assert ids(await sessions.find().to_list()) == [2, 3]
    assert ids(await sessions.find({"n": {"$lt": 3}}).to_list()) == [2]
    assert ids(await sessions.find(sort="-n").to_list()) == [3, 2]
    assert ids(await sessions.find({"seen": {"$lte": NOON}}).to_list()) == [2]
    assert await sessions.get(1) is None
    assert await sessions.find_one({"_id": 1}) is None
    assert await sessions.find_one({"n": 1}) is None
    assert await sessions.count() == 2
    assert await sessions.count({"n": {"$gt": 0}}) == 2
    assert await sessions.estimated_document_count() == 2
    assert await sessions.distinct("n") == [2, 3]
    assert await sessions.aggregate([{"$group": {"_id": None, "n": {"$sum": "$n"}}}]).to_list() == [
        {"_id": None, "n": 5}
    ]
    await db["links"].insert({"_id": 0, "to": [1, 2]})
    joined = {"$lookup": {"from": sessions.name, "localField": "to", "foreignField": "_id", "as": "found"}}
    (row,) = await db["links"].aggregate([joined]).to_list()
    assert ids(row["found"]) == [2]


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv"])
async def test_what_has_expired_is_not_exported(sessions: Any, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    await sessions.export_file(target)

    assert len(target.read_text("utf-8").splitlines()) == (2 if name == "x.jsonl" else 3)


async def test_each_document_expires_when_its_own_time_is_over(sessions: Any, clock: Clock) -> None:
    clock.move(60)
    assert ids(await sessions.find().to_list()) == [3]

    await sessions.insert({"_id": 4, "seen": clock.now})
    clock.move(3599)
    assert ids(await sessions.find().to_list()) == [3, 4]
    clock.move(1)
    assert ids(await sessions.find().to_list()) == [3]


async def test_a_clock_that_jumps_back_shows_nothing_again(sessions: Any, clock: Clock) -> None:
    clock.move(60)
    assert ids(await sessions.find().to_list()) == [3]
    clock.move(-1000)

    assert ids(await sessions.find().to_list()) == [3]
    assert await sessions.get(2) is None


async def test_a_clock_that_jumped_ahead_and_back_leaves_younger_documents_alone(sessions: Any, clock: Clock) -> None:
    clock.move(1_000_000)
    assert ids(await sessions.find().to_list()) == [3]
    clock.move(-1_000_000)
    await sessions.insert({"_id": 4, "seen": clock.now})

    assert ids(await sessions.find().to_list()) == [3, 4]


async def test_a_write_removes_what_has_expired_first(sessions: Any) -> None:
    await sessions.insert({"_id": 1, "n": "another"})

    assert ids(await sessions.find().to_list()) == [2, 3, 1]


async def test_a_batch_removes_what_has_expired_first(sessions: Any) -> None:
    await sessions.insert_many([{"_id": 1, "n": "another"}])

    assert await sessions.get(1) == {"_id": 1, "n": "another"}


@pytest.mark.parametrize("mode", ["insert", "upsert"])
async def test_an_import_removes_what_has_expired_first(sessions: Any, clock: Clock, mode: str) -> None:
    clock.move(60)
    await sessions.import_file(BytesIO(b'{"_id": 2, "n": 4}\n'), format="jsonl", mode=mode)

    assert ids(await sessions.find().to_list()) == [3, 2]


async def test_no_update_and_no_deletion_meets_what_has_expired(sessions: Any) -> None:
    assert (await sessions.update_one({"_id": 1}, {"$set": {"n": 9}})).matched_count == 0
    assert (await sessions.update_many({"n": {"$lt": 3}}, {"$inc": {"m": 1}})).matched_count == 1
    assert await sessions.find_one_and_update({"n": 1}, {"$set": {"n": 9}}) is None
    assert await sessions.find_one_and_delete({"n": 1}) is None
    assert (await sessions.replace_one({"n": 1}, {"n": 9})).matched_count == 0
    assert (await sessions.delete_one({"n": 1})).deleted_count == 0


async def test_an_upsert_does_not_meet_what_has_expired(sessions: Any) -> None:
    result = await sessions.update_one({"_id": 1}, {"$set": {"n": 7}}, upsert=True)

    assert result.upserted_id == 1
    assert await sessions.get(1) == {"_id": 1, "n": 7}


async def test_a_unique_key_of_what_has_expired_is_free(users: Any, clock: Clock, no_background: None) -> None:
    await users.create_index("seen", expireAfterSeconds=10)
    await users.create_index("name", unique=True)
    await users.insert({"name": "ada", "seen": NOON})
    with pytest.raises(DuplicateKeyError):
        await users.insert({"name": "ada"})
    clock.move(10)
    await users.insert({"name": "ada"})

    assert await users.count() == 1


async def test_an_array_expires_with_its_earliest_date(users: Any, clock: Clock, no_background: None) -> None:
    await users.create_index("at", expireAfterSeconds=0)
    await users.insert_many(
        [{"_id": 1, "at": [NOON + timedelta(1), NOON]}, {"_id": 2, "at": [NOON + timedelta(1)]}, {"_id": 3, "at": []}]
    )
    await users.insert_many([{"_id": 4, "at": ["x", 5]}, {"_id": 5, "at": None}, {"_id": 6}])

    assert ids(await users.find().to_list()) == [2, 3, 4, 5, 6]


async def test_a_partial_index_lets_its_documents_expire_only(users: Any, clock: Clock, no_background: None) -> None:
    await users.create_index("at", expireAfterSeconds=0, partialFilterExpression={"kind": "guest"})
    await users.insert_many([{"_id": 1, "at": NOON, "kind": "guest"}, {"_id": 2, "at": NOON, "kind": "member"}])

    assert ids(await users.find().to_list()) == [2]


async def test_a_hidden_index_lets_documents_expire_too(users: Any, clock: Clock, no_background: None) -> None:
    await users.create_index("at", expireAfterSeconds=0, hidden=True)
    await users.insert({"at": NOON})

    assert await users.count() == 0


async def test_the_age_can_be_changed(sessions: Any, db: Any) -> None:
    await db.coll_mod(sessions.name, index={"keyPattern": {"seen": 1}, "expireAfterSeconds": 60})

    assert ids(await sessions.find().to_list()) == [3]
    assert (await sessions.index_information())["seen_1"]["expireAfterSeconds"] == 60


async def test_an_index_can_be_given_an_age(users: Any, db: Any, clock: Clock, no_background: None) -> None:
    await users.create_index("at")
    await users.insert({"at": NOON})
    await db.coll_mod(users.name, index={"name": "at_1", "expireAfterSeconds": 0})

    assert await users.count() == 0


async def test_without_the_index_nothing_expires(sessions: Any, clock: Clock) -> None:
    await sessions.drop_index("seen_1")
    clock.move(10_000)

    assert ids(await sessions.find().to_list()) == [2, 3]


async def test_a_transaction_sees_nothing_that_had_expired_when_it_began(sessions: Any, db: Any, clock: Clock) -> None:
    async with db.transaction() as tx:
        clock.move(60)
        assert await sessions.get(1, session=tx) is None
        assert ids(await sessions.find(session=tx).to_list()) == [2, 3]
        await sessions.insert({"_id": 1, "n": "another"}, session=tx)
        await sessions.insert({"_id": 5, "seen": NOON - timedelta(days=1)}, session=tx)
        assert ids(await sessions.find(session=tx).to_list()) == [2, 3, 1]

    assert ids(await sessions.find().to_list()) == [3, 1]


async def test_a_document_that_a_transaction_stores_in_the_place_of_an_expired_one_comes_last(
    sessions: Any, db: Any
) -> None:
    async with db.transaction() as tx:
        await sessions.insert({"_id": 5, "seen": NOON - timedelta(days=1)}, session=tx)
        await sessions.save({"_id": 6}, session=tx)
        await sessions.save({"_id": 5, "n": "stored again"}, session=tx)
        await sessions.save({"_id": 1, "n": "expired before"}, session=tx)
        within = ids(await sessions.find(session=tx).to_list())

    assert within == [2, 3, 6, 5, 1]
    assert ids(await sessions.find().to_list()) == within


def removed_some(users: Any) -> float:
    """Have the background remove some; return its pause. The thread that syncs may have the lock at the moment."""
    while (pause := users._backend._database._expire_in_background()) == BUSY_PAUSE_S:
        sleep(0.001)
    return pause


async def test_the_background_removes_what_has_expired(
    users: Any,
    clock: Clock,
    db: Any,
    no_background: None,
) -> None:
    await users.create_index("at", expireAfterSeconds=0)
    await users.insert_many([{"_id": n, "at": NOON + timedelta(seconds=n + 1)} for n in range(3000)])
    clock.move(3000)
    assert await users.count() == 0
    assert (await db.stats())["documents"] == 3000

    pauses = [removed_some(users) for _ in range(4)]

    assert (await db.stats())["documents"] == 0
    assert pauses == [0.005, 0.005, 0.005, 60.0]


async def test_what_was_removed_stays_so(connect: Callable[..., Any], clock: Clock, tmp_path: Any) -> None:
    async with connect(tmp_path / "data") as db:
        await db["x"].create_index("at", expireAfterSeconds=0)
        await db["x"].insert_many([{"_id": 1, "at": NOON}, {"_id": 2, "at": NOON + timedelta(days=1)}])
        await db["x"].insert({"_id": 3})
    clock.move(-5)
    async with connect(tmp_path / "data") as db:
        assert ids(await db["x"].find().to_list()) == [2, 3]
        assert (await db["x"].index_information())["at_1"]["expireAfterSeconds"] == 0


async def test_who_may_only_read_sees_nothing_expired(
    connect: Callable[..., Any],
    clock: Clock,
    no_background: None,
    tmp_path: Any,
) -> None:
    async with connect(tmp_path / "data") as db:
        await db["x"].create_index("at", expireAfterSeconds=0)
        await db["x"].insert_many([{"_id": 1, "at": NOON + timedelta(seconds=1)}, {"_id": 2}])
    clock.move(1)
    async with connect(tmp_path / "data", read_only=True) as db:
        assert ids(await db["x"].find().to_list()) == [2]
        assert await db["x"].get(1) is None
        clock.move(-1)
        assert await db["x"].count() == 1
    async with connect(tmp_path / "data", read_only=True) as db:
        assert await db["x"].count() == 2


@pytest.mark.parametrize(
    ("keys", "options", "code"),
    [
        (["a", "b"], {"expireAfterSeconds": 5}, 67),
        ("_id", {"expireAfterSeconds": 5}, 197),
        ("a", {"expireAfterSeconds": -1}, 67),
        ("a", {"expireAfterSeconds": 2**31}, 67),
        ("a", {"expireAfterSeconds": "5"}, 67),
        ("a", {"expireAfterSeconds": True}, 67),
        ("a", {"expireAfterSeconds": float("nan")}, 67),
        ({"a": "hashed"}, {"expireAfterSeconds": 5}, 67),
    ],
)
async def test_an_age_that_cannot_be_is_refused(users: Any, keys: Any, options: Any, code: int) -> None:
    with pytest.raises(QueryError) as caught:
        await users.create_index(keys, **options)

    assert caught.value.code == code


async def test_another_age_does_not_make_another_index(users: Any) -> None:
    await users.create_index("a", expireAfterSeconds=5)
    with pytest.raises(OperationFailure) as caught:
        await users.create_index("a", expireAfterSeconds=6)

    assert caught.value.code == 85


@pytest.mark.parametrize(
    ("index", "code"),
    [
        ({"name": "a_1", "expireAfterSeconds": -1}, 72),
        ({"name": "a_1_b_1", "expireAfterSeconds": 5}, 72),
        ({"name": "_id_", "expireAfterSeconds": 5}, 72),
        ({"name": "a_1", "expireAfterSeconds": "5"}, 14),
    ],
)
async def test_an_age_that_cannot_be_given_is_refused(users: Any, db: Any, index: Any, code: int) -> None:
    await users.create_index("a", expireAfterSeconds=5)
    await users.create_index(["a", "b"])
    with pytest.raises(QueryError) as caught:
        await db.coll_mod(users.name, index=index)

    assert caught.value.code == code
