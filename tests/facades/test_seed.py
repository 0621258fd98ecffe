"""The first seed's README, verbatim: every example of it, as it stands there, through `Database`.

The examples are the README's own text; only `await` needs a coroutine around it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import nosqlpy
from nosqlpy import Client, Database, DuplicateKeyError

QUICKSTART = """\
import asyncio
from nosqlpy import Database

async def main():
    db = Database("data_dir", durability="safe")
    users = await db.collection("users")

    # insert
    uid = await users.insert_one({
        "name": "alice", 
        "age": 30})
        
    print("inserted id:", uid)

    # find (Mongo-like query)
    results = await users.find(
        {"age": {"$gte": 25}, 
        "name": "alice"})
    print("found:", results)

    # update operators
    await users.update_many(
        {"name": "alice"}, 
        {"$inc": {"age": 1}, 
        "$push": {"tags": "admin"}})

    # create index on email for fast equality lookups
    await users.create_index("email")

    # compact (shrink the op-log)
    await users.compact()

asyncio.run(main())
"""  # noqa: W293 - verbatim

PEOPLE = [
    {"_id": "a", "name": "Ann", "age": 17, "country": "US"},
    {"_id": "b", "name": "Bob", "age": 22, "country": "JP", "status": "active"},
    {"_id": "c", "name": "Cyd", "age": 30, "country": "US", "status": "pending", "profile": {"email": "c@x.org"}},
    {"_id": "d", "name": "Dan", "age": 41, "country": "FR", "profile": {}},
    {"_id": "e", "name": "Eve", "age": 64, "country": "JP"},
]


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The README says asyncio."""
    return str(request.param)


@pytest.fixture
async def users(directory: Path) -> AsyncIterator[Any]:
    """The README's collection, empty."""
    db = Database(str(directory), durability="safe")
    users = await db.collection("users")
    yield users
    await db.close()


@pytest.fixture
async def people(users: Any) -> Any:
    """The README's collection with documents that its examples can find."""
    await users.insert_many(PEOPLE)
    return users


def ids(documents: list[dict[str, Any]]) -> list[str]:
    return [document["_id"] for document in documents]


# ── Quickstart ──────────────────────────────────────────────────────────────────


# what asyncio says of a busy machine when it is asked to watch everything
SLOW = re.compile(r"^Executing .* took [0-9.]+ seconds\n", re.MULTILINE)


def run(program: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a program as a user would, in a directory of its own, with every warning an error."""
    script = directory / "program.py"
    script.write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", script],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(Path(nosqlpy.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    done.stderr = SLOW.sub("", done.stderr)
    return done


def test_the_quickstart_ends_by_itself_and_prints_what_it_did(tmp_path: Path) -> None:
    done = run(QUICKSTART, tmp_path)
    inserted, found = done.stdout.splitlines()
    uid = inserted.removeprefix("inserted id: ")

    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch("[0-9a-f]{24}", uid)
    assert found == f"found: {[{'_id': uid, 'name': 'alice', 'age': 30}]}"


def test_the_quickstart_leaves_a_database_that_can_be_read(tmp_path: Path) -> None:
    run(QUICKSTART, tmp_path)
    with Client(tmp_path / "data_dir") as client:
        (alice,) = client["users"].find().to_list()
        indexes = list(client["users"].index_information())
        recovery = client.stats()["recovery"]

    assert {name: alice[name] for name in ("name", "age", "tags")} == {"name": "alice", "age": 31, "tags": ["admin"]}
    assert indexes == ["_id_", "email_1"]
    assert recovery["clean"] is True


def test_the_quickstart_can_be_run_again_on_what_it_left(tmp_path: Path) -> None:
    run(QUICKSTART, tmp_path)
    done = run(QUICKSTART, tmp_path)
    with Client(tmp_path / "data_dir") as client:
        ages = [document["age"] for document in client["users"].find()]

    assert done.returncode == 0
    assert done.stdout.count("'name': 'alice'") == 2
    assert ages == [32, 31]


# ── Database & Collection ───────────────────────────────────────────────────────


async def test_a_collection_is_awaited_from_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    db = Database("my_data_dir", durability="safe")
    users = await db.collection("users")

    assert (tmp_path / "my_data_dir").is_dir()
    assert users.name == "users"
    await db.close()


async def test_open_opens_the_collection(directory: Path) -> None:
    db = Database(str(directory))
    users = db.collection("users")
    opened = await users.open()

    assert opened is users
    assert (directory / "MANIFEST").is_file()
    await db.close()


# ── Examples ────────────────────────────────────────────────────────────────────


async def test_insert_one_returns_the_id_as_a_str(users: Any) -> None:
    # insert one
    _id = await users.insert_one({"name": "Bob", "age": 22})

    assert type(_id) is str
    assert await users.find_one({"_id": _id}) == {"_id": _id, "name": "Bob", "age": 22}


async def test_insert_many_returns_the_ids_as_a_list_of_str(users: Any) -> None:
    # insert many
    ids = await users.insert_many([{"name": "A"}, {"name": "B"}])

    assert type(ids) is list
    assert [type(id) for id in ids] == [str, str]
    assert await users.find() == [{"_id": ids[0], "name": "A"}, {"_id": ids[1], "name": "B"}]


async def test_find_returns_a_list_of_dicts(people: Any) -> None:
    users = people

    # find (MQL filter)
    docs = await users.find({"age": {"$gte": 18}}, projection=["name", "age"], sort=[("age", -1)], skip=0, limit=50)

    assert type(docs) is list
    assert {type(document) for document in docs} == {dict}
    assert docs == [
        {"_id": "e", "name": "Eve", "age": 64},
        {"_id": "d", "name": "Dan", "age": 41},
        {"_id": "c", "name": "Cyd", "age": 30},
        {"_id": "b", "name": "Bob", "age": 22},
    ]


async def test_find_one_returns_a_dict_or_none(people: Any) -> None:
    users = people

    # find one
    doc = await users.find_one({"name": "Bob"})
    nobody = await users.find_one({"name": "Nobody"})

    assert type(doc) is dict
    assert doc == PEOPLE[1]
    assert nobody is None


async def test_count_returns_an_int(people: Any) -> None:
    users = people

    # count
    n = await users.count({"age": {"$gte": 30}})

    assert type(n) is int
    assert n == 3


async def test_update_many_returns_how_many_as_an_int(people: Any) -> None:
    users = people

    # update many (supports $set/$inc/$push/$pull)
    updated = await users.update_many({"name": "Bob"}, {"$inc": {"age": 1}})

    assert type(updated) is int
    assert updated == 1
    assert (await users.find_one({"name": "Bob"}))["age"] == 23


async def test_replace_one_returns_a_bool(people: Any) -> None:
    users = people

    # replace one
    ok = await users.replace_one({"name": "Bob"}, {"name": "Robert", "age": 23})
    again = await users.replace_one({"name": "Bob"}, {"name": "Robert", "age": 23})

    assert (type(ok), ok) == (bool, True)
    assert (type(again), again) == (bool, False)
    assert await users.find_one({"_id": "b"}) == {"_id": "b", "name": "Robert", "age": 23}


async def test_delete_many_returns_how_many_as_an_int(people: Any) -> None:
    users = people

    # delete many
    deleted = await users.delete_many({"age": {"$lt": 18}})

    assert type(deleted) is int
    assert deleted == 1
    assert ids(await users.find()) == ["b", "c", "d", "e"]


async def test_compact_shrinks_the_log(people: Any, directory: Path) -> None:
    users = people
    for age in range(100):
        await users.update_many({}, {"$set": {"age": age}})
    before = sum(path.stat().st_size for path in directory.glob("seg-*"))

    # compact (rewrite op-log as current-state snapshot)
    await users.compact()

    assert sum(path.stat().st_size for path in directory.glob("seg-*")) < before / 10
    assert {document["age"] for document in await users.find()} == {99}


# ── the rest of its list of operations ──────────────────────────────────────────


async def test_update_one_returns_how_many_as_an_int(people: Any) -> None:
    updated = await people.update_one({"country": "US"}, {"$set": {"seen": True}})
    nothing = await people.update_one({"country": "XX"}, {"$set": {"seen": True}})

    assert (type(updated), updated) == (int, 1)
    assert (type(nothing), nothing) == (int, 0)
    assert await people.count({"seen": True}) == 1


@pytest.mark.parametrize("method", ["update_one", "update_many"])
async def test_an_upsert_counts_as_one(users: Any, method: str) -> None:
    upserted = await getattr(users, method)({"name": "Zoe"}, {"$set": {"age": 5}}, upsert=True)

    assert (type(upserted), upserted) == (int, 1)
    assert await users.count({"name": "Zoe", "age": 5}) == 1


async def test_a_replacement_can_be_upserted(users: Any) -> None:
    ok = await users.replace_one({"name": "Zoe"}, {"name": "Zoe", "age": 5}, upsert=True)

    assert (type(ok), ok) == (bool, True)
    assert await users.count({"name": "Zoe", "age": 5}) == 1


async def test_delete_one_returns_how_many_as_an_int(people: Any) -> None:
    deleted = await people.delete_one({"country": "US"})
    nothing = await people.delete_one({"country": "XX"})

    assert (type(deleted), deleted) == (int, 1)
    assert (type(nothing), nothing) == (int, 0)
    assert ids(await people.find({"country": "US"})) == ["c"]


async def test_create_index_and_drop_index_take_a_field(people: Any) -> None:
    users = people

    await users.create_index("email")
    created = list(await users.index_information())
    await users.drop_index("email")

    assert created == ["_id_", "email_1"]
    assert list(await users.index_information()) == ["_id_"]


async def test_an_id_that_is_taken_is_refused(people: Any) -> None:
    with pytest.raises(DuplicateKeyError, match="_id"):
        await people.insert_one({"_id": "a"})

    assert await people.find() == PEOPLE


async def test_a_database_is_an_async_client_whose_attributes_are_its_collections(directory: Path) -> None:
    async with Database(directory) as db:
        first = await db.users.insert_one({"_id": "a"})
        second = await db["users"].insert_one({"_id": "b"})

    assert (first, second) == ("a", "b")
    assert repr(db["users"]).startswith("Database(")


async def test_a_typed_collection_of_the_seed_returns_plain_values(directory: Path) -> None:
    async with Database(directory) as db:
        users = db["users"].with_type(dict)
        found = await users.insert_one({"_id": "a"})
        renamed = await users.rename("people")
        deleted = await renamed.delete_one({"_id": "a"})

    assert (type(found), found) == (str, "a")
    assert (type(deleted), deleted) == (int, 1)


# ── Query language ──────────────────────────────────────────────────────────────


async def test_the_queries_of_the_readme_find_what_their_comments_say(people: Any) -> None:
    users = people

    # age >= 30 AND (country == "US" OR country == "JP")
    q = {"$and": [{"age": {"$gte": 30}}, {"$or": [{"country": "US"}, {"country": "JP"}]}]}

    # membership
    q2 = {"status": {"$in": ["active", "pending"]}}

    # nested field
    q3 = {"profile.email": {"$exists": True}}

    assert ids(await users.find(q)) == ["c", "e"]
    assert ids(await users.find(q2)) == ["b", "c"]
    assert ids(await users.find(q3)) == ["c"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"age": {"$eq": 22}}, ["b"]),
        ({"age": 22}, ["b"]),
        ({"age": {"$ne": 22}}, ["a", "c", "d", "e"]),
        ({"age": {"$gt": 41}}, ["e"]),
        ({"age": {"$gte": 41}}, ["d", "e"]),
        ({"age": {"$lt": 22}}, ["a"]),
        ({"age": {"$lte": 22}}, ["a", "b"]),
        ({"country": {"$in": ["FR"]}}, ["d"]),
        ({"country": {"$nin": ["US", "JP"]}}, ["d"]),
        ({"status": {"$exists": False}}, ["a", "d", "e"]),
        ({"$and": [{"country": "US"}, {"age": 30}]}, ["c"]),
        ({"$or": [{"country": "FR"}, {"age": 17}]}, ["a", "d"]),
        ({"age": {"$not": {"$gt": 20}}}, ["a"]),
        ({"profile.email": "c@x.org"}, ["c"]),
    ],
)
async def test_every_operator_of_the_readme_works(people: Any, query: dict[str, Any], found: list[str]) -> None:
    assert ids(await people.find(query)) == found
    assert await people.count(query) == len(found)


# ── Update operators ────────────────────────────────────────────────────────────


async def test_the_update_of_the_readme_sets_and_increments(users: Any) -> None:
    some_id = await users.insert_one({"name": "alice", "score": 1})

    await users.update_many({"_id": some_id}, {"$set": {"name": "Alice"}, "$inc": {"score": 10}})

    assert await users.find() == [{"_id": some_id, "name": "Alice", "score": 11}]


@pytest.mark.parametrize(
    ("update", "result"),
    [
        ({"$set": {"n": 5}}, {"n": 5, "tags": ["a", "b", "a"]}),
        ({"$unset": {"n": ""}}, {"tags": ["a", "b", "a"]}),
        ({"$inc": {"n": 2}}, {"n": 3, "tags": ["a", "b", "a"]}),
        ({"$push": {"tags": "c"}}, {"n": 1, "tags": ["a", "b", "a", "c"]}),
        ({"$pull": {"tags": "a"}}, {"n": 1, "tags": ["b"]}),
    ],
)
async def test_every_update_operator_of_the_readme_works(
    users: Any, update: dict[str, Any], result: dict[str, Any]
) -> None:
    await users.insert_one({"_id": "x", "n": 1, "tags": ["a", "b", "a"]})
    updated = await users.update_many({"_id": "x"}, update)

    assert updated == 1
    assert await users.find_one({"_id": "x"}) == {"_id": "x", **result}


# ── Indexing ────────────────────────────────────────────────────────────────────


async def test_the_index_of_the_readme_serves_its_query(users: Any) -> None:
    await users.insert_many([{"email": f"{letter}@x.com"} for letter in "abcdef"])

    await users.create_index("email")

    found = await users.find({"email": "a@x.com"})
    explained = await users.find({"email": "a@x.com"}).explain()

    assert [document["email"] for document in found] == ["a@x.com"]
    assert explained["queryPlanner"]["winningPlan"]["inputStage"]["indexName"] == "email_1"


# ── Durability ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("durability", ["fast", "safe", "durable"])
async def test_every_durability_of_the_readme_keeps_what_was_written(directory: Path, durability: str) -> None:
    db = Database(str(directory), durability=durability)
    users = await db.collection("users")
    await users.insert_many(PEOPLE)
    await db.close()
    with Client(directory) as client:
        found = client["users"].find().to_list()

    assert found == PEOPLE


@pytest.mark.parametrize("ending", ["", "os._exit(0)"], ids=["at its end", "killed"])
@pytest.mark.parametrize("durability", ["safe", "durable"])
def test_a_write_survives_the_process_that_made_it(tmp_path: Path, durability: str, ending: str) -> None:
    program = f"""
import asyncio, os
from nosqlpy import Database
async def main():
    users = await Database("data", durability={durability!r}).collection("users")
    await users.insert_one({{"_id": "x"}})
    {ending}
asyncio.run(main())
"""
    done = run(program, tmp_path)
    with Client(tmp_path / "data") as client:
        found = client["users"].find().to_list()

    assert (done.returncode, done.stderr) == (0, "")
    assert found == [{"_id": "x"}]
