"""Transactions: what is written within happens together or not at all, and nobody else writes meanwhile."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nosqlpy import (
    BulkWriteError,
    ClosedError,
    Database,
    DuplicateKeyError,
    InsertOne,
    LockedError,
    ReadOnlyError,
    TransactionError,
    UpdateOne,
    ValidationError,
    WriteError,
)


class GiveUpError(Exception):
    """What a block of these tests is left by."""


async def people(db: Any) -> Any:
    users = db["users"]
    await users.create_index("team")
    await users.insert_many([{"_id": number, "team": number % 2, "n": number} for number in range(6)])
    return users


async def ids(cursor: Any) -> list[Any]:
    return [document["_id"] async for document in cursor]


# ── together or not at all ───────────────────────────────────────────────────────


async def test_a_block_that_ends_commits_what_it_wrote(db: Any) -> None:
    async with db.transaction() as tx:
        await tx["users"].insert({"_id": 1})
        await tx["orders"].insert({"_id": 2, "user": 1})

    assert await db["users"].get(1) == {"_id": 1}
    assert await db["orders"].get(2) == {"_id": 2, "user": 1}
    assert not tx.in_progress


async def test_a_block_that_an_error_leaves_changes_nothing(db: Any) -> None:
    users = await people(db)
    before = await db.stats()

    async def block() -> None:
        async with db.transaction() as tx:
            await tx["users"].insert({"_id": 9, "team": 1})
            await tx["users"].delete_many({"team": 0})
            await tx["users"].update_many({}, {"$set": {"team": 7}})
            await tx["new"].insert({"_id": 1})
            raise GiveUpError

    with pytest.raises(GiveUpError):
        await block()

    assert await ids(users.find()) == [0, 1, 2, 3, 4, 5]
    assert await users.count({"team": 1}) == 3
    assert await db.list_collection_names() == ["users"]
    assert (await db.stats())["commits"] == before["commits"]
    assert (await db.stats())["disk_bytes"] == before["disk_bytes"]


async def test_a_transaction_is_one_commit(db: Any) -> None:
    await people(db)
    before = (await db.stats())["commits"]
    async with db.transaction() as tx:
        for number in range(10, 15):
            await tx["users"].insert({"_id": number})
        await tx["others"].insert_many([{"_id": 1}, {"_id": 2}])

    assert (await db.stats())["commits"] == before + 1


async def test_a_transaction_that_only_reads_is_no_commit(db: Any) -> None:
    await people(db)
    before = (await db.stats())["commits"]
    async with db.transaction() as tx:
        await tx["users"].find().to_list()

    assert (await db.stats())["commits"] == before


async def test_what_was_committed_is_there_when_the_database_is_opened_again(
    connect: Callable[..., Any], directory: Path
) -> None:
    async with connect(directory) as db, db.transaction() as tx:
        await tx["a"].insert({"_id": 1})
        await tx["b"].insert({"_id": 2})
    async with connect(directory) as db:
        assert await db["a"].get(1) == {"_id": 1}
        assert await db["b"].get(2) == {"_id": 2}


async def test_commit_and_rollback_end_a_transaction_within_its_block(db: Any) -> None:
    async with db.transaction() as tx:
        await tx["users"].insert({"_id": 1})
        await tx.commit()
    async with db.transaction() as tx:
        await tx["users"].insert({"_id": 2})
        await tx.rollback()

    assert await ids(db["users"].find()) == [1]


async def test_a_transaction_says_whether_it_is_in_progress(db: Any) -> None:
    tx = db.transaction()
    before = tx.in_progress
    async with tx:
        within = tx.in_progress
        shown = repr(tx)

    assert (before, within, tx.in_progress) == (False, True, False)
    assert "in progress" in shown
    assert "ended" in repr(tx)
    assert tx.client == db or tx.client.target is db.target


@pytest.mark.parametrize("durability", ["fast", "safe", "durable"])
async def test_a_transaction_has_a_durability_of_its_own(stored: Any, durability: str) -> None:
    async with stored.transaction(durability=durability) as tx:
        await tx["a"].insert({"_id": 1})
        await tx["b"].insert({"_id": 1})

    assert await stored["a"].count() == await stored["b"].count() == 1


async def test_a_transaction_larger_than_a_frame_may_be_is_atomic_too(stored: Any) -> None:
    text = "x" * (15 << 20)
    async with stored.transaction() as tx:
        for number in range(5):
            await tx["users"].insert({"_id": number, "text": text})

    assert await stored["users"].count() == 5


async def test_run_transaction_commits_what_its_function_did_and_returns_its_result(db: Any) -> None:
    async def transfer(tx: Any, amount: int) -> str:
        await tx["a"].insert({"_id": 1, "n": -amount})
        await tx["b"].insert({"_id": 1, "n": amount})
        return "done"

    assert await db.run_transaction(transfer, 5) == "done"
    assert await db["a"].get(1) == {"_id": 1, "n": -5}


async def test_run_transaction_rolls_back_when_its_function_fails(db: Any) -> None:
    async def fail(tx: Any) -> None:
        await tx["a"].insert({"_id": 1})
        raise GiveUpError

    with pytest.raises(GiveUpError):
        await db.run_transaction(fail)

    assert await db.list_collection_names() == []


# ── every way to read and to write ───────────────────────────────────────────────


async def test_every_way_to_read_sees_what_the_transaction_has_written(db: Any) -> None:
    users = await people(db)
    async with db.transaction() as tx:
        await users.insert({"_id": 9, "team": 1, "n": 9}, session=tx)
        await users.update_one({"_id": 0}, {"$set": {"team": 1}}, session=tx)
        await users.delete(1, session=tx)

        assert await users.get(9, session=tx) == {"_id": 9, "team": 1, "n": 9}
        assert await users.get(1, session=tx) is None
        assert await users.exists({"_id": 9}, session=tx)
        assert await users.count({"team": 1}, session=tx) == 4
        assert await users.count(session=tx) == 6
        assert await users.count_documents({"team": 0}, session=tx) == 2
        assert await ids(users.find({"team": 1}, session=tx)) == [0, 3, 5, 9]
        assert await ids(users.find(session=tx)) == [0, 2, 3, 4, 5, 9]
        assert await ids(users.find({"team": 1}, session=tx).sort("n", -1).limit(2)) == [9, 5]
        assert (await users.find_one({"n": 9}, session=tx))["_id"] == 9
        assert await users.find_one(1, session=tx) is None
        assert await users.distinct("n", {"team": 1}, session=tx) == [0, 3, 5, 9]
        assert await users.aggregate([{"$match": {"team": 1}}, {"$count": "n"}], session=tx).to_list() == [{"n": 4}]
        assert "IXSCAN" in str(await users.find({"team": 1}, session=tx).explain())
        assert await tx["users"].estimated_document_count() == 6
        assert (await tx["users"].stats())["count"] == 6

        assert await users.get(9) is None
        assert await users.get(1) == {"_id": 1, "team": 1, "n": 1}
        assert await ids(users.find()) == [0, 1, 2, 3, 4, 5]
        assert await users.count({"team": 1}) == 3
        assert await users.distinct("n") == [0, 1, 2, 3, 4, 5]


async def test_every_way_to_write_is_part_of_the_transaction(db: Any) -> None:
    users = await people(db)
    before = await users.find().to_list()
    async with db.transaction() as tx:
        await users.insert({"_id": 10}, session=tx)
        await users.save({"_id": 0, "saved": True}, session=tx)
        await users.delete(1, session=tx)
        await users.insert_one({"_id": 11}, session=tx)
        await users.insert_many([{"_id": 12}, {"_id": 13}], session=tx)
        await users.update_one({"_id": 2}, {"$set": {"n": 20}}, session=tx)
        await users.update_many({"team": 1}, {"$inc": {"n": 100}}, session=tx)
        await users.replace_one({"_id": 4}, {"replaced": True}, session=tx)
        await users.delete_one({"_id": 5}, session=tx)
        await users.delete_many({"_id": 13}, session=tx)
        await users.bulk_write([InsertOne({"_id": 14}), UpdateOne({"_id": 14}, {"$set": {"n": 1}})], session=tx)
        updated = await users.find_one_and_update({"_id": 14}, {"$inc": {"n": 1}}, session=tx)
        replaced = await users.find_one_and_replace({"_id": 14}, {"n": 5}, return_document=True, session=tx)
        deleted = await users.find_one_and_delete({"_id": 14}, session=tx)
        within = await users.find(session=tx).to_list()
        await tx.rollback()

    assert (updated["n"], replaced["n"], deleted["n"]) == (1, 5, 5)
    assert within == [
        {"_id": 0, "saved": True},
        {"_id": 2, "team": 0, "n": 20},
        {"_id": 3, "team": 1, "n": 103},
        {"_id": 4, "replaced": True},
        {"_id": 10},
        {"_id": 11},
        {"_id": 12},
    ]
    assert await users.find().to_list() == before


async def test_an_upsert_within_a_transaction_makes_the_collection(db: Any) -> None:
    async with db.transaction() as tx:
        result = await tx["new"].update_one({"_id": 1}, {"$set": {"n": 1}}, upsert=True)
        found = await tx["new"].find_one_and_update({"_id": 2}, {"$set": {"n": 2}}, upsert=True, return_document=True)

    assert (result.upserted_id, found) == (1, {"_id": 2, "n": 2})
    assert await ids(db["new"].find()) == [1, 2]


async def test_a_cursor_shows_what_was_there_when_it_began(db: Any) -> None:
    users = await people(db)
    async with db.transaction() as tx:
        cursor = users.find(session=tx)
        first = await anext(aiter(cursor))
        await users.delete_many({}, session=tx)
        rest = await cursor.to_list()
        after = await users.count(session=tx)

    assert [first["_id"], *(document["_id"] for document in rest)] == [0, 1, 2, 3, 4, 5]
    assert after == 0


async def test_a_refused_write_leaves_the_transaction_as_it_was(db: Any) -> None:
    await db.create_collection("users", validator={"n": {"$gte": 0}})
    async with db.transaction() as tx:
        await tx["users"].insert({"_id": 1, "n": 1})
        with pytest.raises(DuplicateKeyError):
            await tx["users"].insert({"_id": 1, "n": 2})
        with pytest.raises(ValidationError):
            await tx["users"].insert({"_id": 2, "n": -1})
        with pytest.raises(WriteError):
            await tx["users"].update_many({}, {"$inc": {"n.x": 1}})
        with pytest.raises(BulkWriteError):
            await tx["users"].insert_many([{"_id": 3, "n": 3}, {"_id": 1, "n": 4}])
        await tx["users"].insert({"_id": 4, "n": 4})

    assert await ids(db["users"].find()) == [1, 3, 4]


async def test_a_unique_index_counts_what_the_transaction_has_written(db: Any) -> None:
    users = db["users"]
    await users.create_index("mail", unique=True)
    await users.insert({"_id": 1, "mail": "a"})
    async with db.transaction() as tx:
        with pytest.raises(DuplicateKeyError):
            await users.insert({"_id": 2, "mail": "a"}, session=tx)
        await users.update_one({"_id": 1}, {"$set": {"mail": "b"}}, session=tx)
        await users.insert({"_id": 2, "mail": "a"}, session=tx)
        with pytest.raises(DuplicateKeyError):
            await users.insert({"_id": 3, "mail": "b"}, session=tx)

    assert [document["mail"] async for document in users.find()] == ["b", "a"]
    with pytest.raises(DuplicateKeyError):
        await users.insert({"_id": 3, "mail": "a"})


async def test_a_lookup_sees_what_the_transaction_has_written_elsewhere(db: Any) -> None:
    await db["teams"].create_index("name")
    await db["teams"].insert({"_id": 1, "name": "red"})
    await db["users"].insert({"_id": 1, "team": "blue"})
    lookup = {"$lookup": {"from": "teams", "localField": "team", "foreignField": "name", "as": "found"}}
    async with db.transaction() as tx:
        await tx["teams"].update_one({"_id": 1}, {"$set": {"name": "blue"}})
        within = await tx["users"].aggregate([lookup]).to_list()
        without = await db["users"].aggregate([lookup]).to_list()

        documents = {"$documents": [{"team": "blue"}]}
        of_database = await db.aggregate([documents, lookup], session=tx).to_list()

    assert [len(answer[0]["found"]) for answer in (within, without, of_database)] == [1, 0, 1]


@dataclass
class User:
    name: str
    _id: int = 0


async def test_a_typed_collection_can_be_part_of_a_transaction(db: Any) -> None:
    users = db.collection("users", type=User)
    async with db.transaction() as tx:
        await users.insert(User("ada", 1), session=tx)
        await tx.collection(users).insert(User("grace", 2))
        await tx.collection("users", type=User).insert(User("joan", 3))
        await users.with_session(tx).insert(User("mary", 4))
        found = await users.find_one_and_update({"_id": 1}, {"$set": {"name": "Ada"}}, session=tx)
        again = await tx.collection("users", type=User).get(1)

    assert found == User("ada", 1)
    assert again == User("Ada", 1)
    assert await users.find().to_list() == [User("Ada", 1), User("grace", 2), User("joan", 3), User("mary", 4)]


# ── misuse ───────────────────────────────────────────────────────────────────────


async def test_a_transaction_that_has_ended_cannot_be_used(db: Any) -> None:
    async with db.transaction() as tx:
        users = tx["users"]
        await users.insert({"_id": 1})
    for use in (users.insert({"_id": 2}), users.get(1), users.find().to_list(), tx.commit(), tx.rollback()):
        with pytest.raises(TransactionError, match="has ended"):
            await use

    assert await db["users"].count() == 1


async def test_a_transaction_that_has_not_begun_cannot_be_used(db: Any) -> None:
    tx = db.transaction()
    for use in (tx["users"].insert({"_id": 2}), tx["users"].get(1), tx.commit(), tx.rollback()):
        with pytest.raises(TransactionError, match="use it in a with statement"):
            await use


async def test_a_transaction_cannot_begin_twice(db: Any) -> None:
    async with db.transaction() as tx:
        with pytest.raises(TransactionError, match="begun before"):
            await tx.__aenter__()
        await tx["users"].insert({"_id": 1})
    with pytest.raises(TransactionError, match="begun before"):
        await tx.__aenter__()

    assert await db["users"].count() == 1


async def test_a_transaction_belongs_to_its_client(connect: Callable[..., Any], directory: Path) -> None:
    db, other = connect(directory), connect(directory)
    async with db.transaction() as tx:
        with pytest.raises(TransactionError, match="another client"):
            await other["users"].insert({"_id": 1}, session=tx)
        with pytest.raises(TransactionError, match="client that began"):
            tx.collection(other["users"])
        with pytest.raises(TransactionError, match="not str"):
            await db["users"].insert({"_id": 1}, session="tx")


async def test_a_collection_of_a_transaction_takes_no_other_one(db: Any) -> None:
    async with db.transaction() as tx:
        await tx["users"].insert({"_id": 1}, session=tx)
        with pytest.raises(TransactionError, match="another transaction"):
            await tx["users"].insert({"_id": 2}, session=db.transaction())

    assert await ids(db["users"].find()) == [1]


CATALOGUE: dict[str, Callable[[Any], Any]] = {
    "create_index": lambda users: users.create_index("n"),
    "drop_index": lambda users: users.drop_index("team"),
    "drop_indexes": lambda users: users.drop_indexes(),
    "drop": lambda users: users.drop(),
    "clear": lambda users: users.clear(),
    "rename": lambda users: users.rename("other"),
    "import_file": lambda users: users.import_file("none.jsonl"),
    "export_file": lambda users: users.export_file("none.jsonl"),
    "compact": lambda users: users.compact(),
}


@pytest.mark.parametrize("name", CATALOGUE)
async def test_what_no_transaction_can_do_is_refused_by_its_name(db: Any, name: str) -> None:
    users = await people(db)
    async with db.transaction() as tx:
        with pytest.raises(TransactionError, match=rf"^{name}\(\) cannot be part of a transaction"):
            await CATALOGUE[name](tx["users"])
        await tx["users"].insert({"_id": 9})

    assert await users.count() == 7


async def test_a_write_of_a_transaction_has_no_durability_of_its_own(db: Any) -> None:
    async with db.transaction() as tx:
        with pytest.raises(TransactionError, match=r"transaction\(durability=\)"):
            await tx["users"].insert({"_id": 1}, durability="fast")


async def test_a_client_that_only_reads_has_no_transactions(connect: Callable[..., Any], directory: Path) -> None:
    await people(connect(directory))
    with pytest.raises(ReadOnlyError):
        async with connect(directory, read_only=True).transaction():
            pass


# ── others wait ──────────────────────────────────────────────────────────────────


async def test_a_write_beside_the_transaction_waits_and_is_told_of_session(
    connect: Callable[..., Any], place: str
) -> None:
    db = connect(place, lock_timeout=0.02)
    async with db.transaction() as tx:
        await tx["users"].insert({"_id": 1})
        for write in (
            db["users"].insert({"_id": 2}),
            db["users"].insert_many([{"_id": 3}]),
            db["users"].delete_many({}),
            db["users"].create_index("n"),
            db["users"].bulk_write([InsertOne({"_id": 4})]),
        ):
            with pytest.raises(LockedError, match="session="):
                await write

    assert await ids(db["users"].find()) == [1]


async def test_a_second_transaction_beside_the_first_waits_and_gives_up(
    connect: Callable[..., Any], place: str
) -> None:
    db = connect(place, lock_timeout=0.02)
    async with db.transaction() as tx:
        with pytest.raises(LockedError, match="session="):
            async with db.transaction():
                pass
        await tx["users"].insert({"_id": 1})
    await db["users"].insert({"_id": 2})

    assert await ids(db["users"].find()) == [1, 2]


async def test_who_has_no_lock_timeout_does_not_wait_for_himself(connect: Callable[..., Any], place: str) -> None:
    db = connect(place, lock_timeout=None)
    async with db.transaction() as tx:
        await tx["users"].insert({"_id": 1})
        with pytest.raises(LockedError, match="session="):
            await db["users"].insert({"_id": 2})


async def test_reads_syncs_and_statistics_go_on_beside_a_transaction(stored: Any) -> None:
    users = await people(stored)
    async with stored.transaction() as tx:
        await tx["users"].delete_many({})

        assert await users.count() == 6
        await stored.sync()
        await stored.flush()
        await stored.verify()
        await stored.compact()
        assert (await stored.stats())["documents"] == 6
        assert await tx["users"].count() == 0
        await tx["users"].insert({"_id": 1})

    assert await ids(users.find()) == [1]


async def test_a_transaction_works_while_its_documents_are_evicted_and_moved(
    connect: Callable[..., Any], directory: Path
) -> None:
    db = connect(f"file://{directory}?memory_budget=0&compaction=off")
    users = await people(db)
    async with db.transaction() as tx:
        await tx["users"].update_many({"team": 1}, {"$set": {"n": 0}})
        await db.compact()
        await tx["users"].delete_one({"_id": 0})

        assert await ids(tx["users"].find({"n": 0})) == [1, 3, 5]

    assert await ids(users.find({"n": 0})) == [1, 3, 5]
    assert await ids(users.find({"team": 1})) == [1, 3, 5]


# ── abandoned ────────────────────────────────────────────────────────────────────


async def test_a_transaction_that_is_garbage_leaves_nothing_and_frees_the_writers(
    connect: Callable[..., Any], place: str
) -> None:
    db = connect(place, lock_timeout=5)
    tx = db.transaction()
    await tx.__aenter__()
    await tx["users"].insert({"_id": 1})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del tx
        gc.collect()
    await db["users"].insert({"_id": 2})

    assert await ids(db["users"].find()) == [2]
    assert [str(each.message) for each in caught if each.category is ResourceWarning] == [
        "a transaction was neither committed nor rolled back; use it in a with statement"
    ]


async def test_closing_the_client_rolls_its_transaction_back(connect: Callable[..., Any], directory: Path) -> None:
    db, other = connect(directory), connect(directory, lock_timeout=1)
    await other["users"].insert({"_id": 1})
    tx = db.transaction()
    await tx.__aenter__()
    await tx["users"].insert({"_id": 2})
    await db.close()
    await other["users"].insert({"_id": 3})
    with pytest.raises(ClosedError):
        await tx.__aexit__(None, None, None)

    assert not tx.in_progress
    assert await ids(other["users"].find()) == [1, 3]


async def test_a_client_that_is_closed_in_the_block_cannot_go_on(connect: Callable[..., Any], directory: Path) -> None:
    db = connect(directory)
    async with db.transaction() as tx:
        await tx["users"].insert({"_id": 2})
        await db.close()
        with pytest.raises(ClosedError):
            await tx["users"].insert({"_id": 3})
        with pytest.raises(ClosedError):
            await tx.commit()
        with pytest.raises(ClosedError):
            await tx.rollback()
        await tx.__aexit__(GiveUpError, GiveUpError(), None)


# ── the classes of the first seed ────────────────────────────────────────────────


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_the_database_of_the_first_seed_has_transactions_too(directory: Path, anyio_backend: str) -> None:
    del anyio_backend
    async with Database(directory) as db:
        users = await db.collection("users")
        async with db.transaction() as tx:
            inserted = await users.insert_one({"_id": 1, "n": 1}, session=tx)
            updated = await tx["users"].update_one({"_id": 1}, {"$set": {"n": 2}})

        assert (inserted, updated) == (1, 1)
        assert await users.find_one({"_id": 1}) == {"_id": 1, "n": 2}


async def test_a_client_waits_as_long_as_it_says_itself(connect: Callable[..., Any], directory: Path) -> None:
    patient, impatient = connect(directory, lock_timeout=60), connect(directory, lock_timeout=0.02)
    async with patient.transaction() as tx:
        await tx["users"].insert({"_id": 1})
        with pytest.raises(LockedError, match=r"waited 0\.02 s"):
            await impatient["users"].insert({"_id": 2})
