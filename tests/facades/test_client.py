"""Clients: making and opening, URLs and options, what they say about themselves."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

import nosqlpy
from nosqlpy import (
    AsyncClient,
    BulkWriteError,
    Client,
    ConfigurationError,
    DuplicateKeyError,
    InvalidURL,
    NosqlpyError,
)

# ── making and opening ──────────────────────────────────────────────────────────


async def test_making_a_client_touches_no_file(connect: Any, directory: Path) -> None:
    connect(directory)["users"].find({"a": 1}).sort("a").limit(3)

    assert not directory.exists()


async def test_the_first_use_opens_the_database(connect: Any, directory: Path) -> None:
    await connect(directory)["users"].count()

    assert (directory / "MANIFEST").is_file()


async def test_awaiting_a_client_opens_it_and_returns_it(connect: Any, directory: Path) -> None:
    client = await connect(directory)

    assert (directory / "MANIFEST").is_file()
    assert client.is_closed is False


async def test_open_returns_the_client(connect: Any, directory: Path) -> None:
    client = await connect(directory).open()

    assert client.url == str(directory)
    assert await client.list_collection_names() == []


async def test_a_client_is_closed_at_the_end_of_its_block(connect: Any, place: str) -> None:
    async with connect(place) as client:
        await client["users"].insert({})

    assert client.is_closed is True


async def test_parent_directories_are_made(connect: Any, tmp_path: Path) -> None:
    await connect(tmp_path / "a" / "b" / "c")["users"].insert({})

    assert (tmp_path / "a" / "b" / "c" / "MANIFEST").is_file()


async def test_a_database_belongs_to_its_owner_alone(connect: Any, directory: Path) -> None:
    await connect(directory)["users"].insert({})
    modes = {path.name: path.stat().st_mode & 0o777 for path in [directory, *directory.iterdir()]}

    assert modes.pop("data") == 0o700
    assert set(modes.values()) == {0o600}


async def test_a_relative_path_is_taken_from_where_the_process_is(
    connect: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    client = connect("data")
    await client["users"].insert({})

    assert (tmp_path / "data" / "MANIFEST").is_file()
    assert (client.url, client.name) == ("data", "data")


async def test_two_memory_databases_are_two_databases(connect: Any) -> None:
    await connect(":memory:")["users"].insert({})

    assert await connect(":memory:")["users"].count() == 0


# ── URLs and options ────────────────────────────────────────────────────────────


async def test_a_url_names_a_directory_and_options(connect: Any, directory: Path) -> None:
    client = connect(f"file://{directory}?durability=durable&lock_timeout=2.5&create=true&max_document_size=1000")
    await client["users"].insert({"_id": 1})
    with pytest.raises(nosqlpy.DocumentTooLarge):
        await client["users"].insert({"text": "x" * 1000})

    assert client.url == str(directory)
    assert client.name == "data"
    assert client.durability == "durable"
    assert (directory / "MANIFEST").is_file()


async def test_a_url_may_have_escaped_characters(connect: Any, tmp_path: Path) -> None:
    await connect(f"file://{tmp_path}/my%20data%23%3F")["users"].insert({})

    assert (tmp_path / "my data#?" / "MANIFEST").is_file()


async def test_a_keyword_wins_over_the_url(connect: Any, directory: Path) -> None:
    assert connect(f"file://{directory}?durability=durable", durability="fast").durability == "fast"


async def test_a_path_object_names_a_directory(connect: Any, directory: Path) -> None:
    assert connect(directory).url == str(directory)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "directory"),
        (5, "directory"),
        (None, "directory"),
        (b"data", "directory"),
        ("a\0b", "directory"),
        ("mongodb://localhost", "'mongodb'"),
        ("fil:///data", "'fil'.*'file'"),
        ("file://data", "three slashes"),
        ("file://", "three slashes"),
        ("file:///data#part", "#|fragment"),
    ],
)
async def test_a_url_that_names_no_database_is_refused(connect: Any, url: Any, message: str) -> None:
    with pytest.raises(InvalidURL, match=message) as caught:
        connect(url)

    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"durabilty": "safe"}, "'durabilty'.*'durability'"),
        ({"readonly": True}, "'readonly'.*'read_only'"),
        ({"lock_timout": 1}, "'lock_timout'.*'lock_timeout'"),
        ({"path": "x"}, "'path'"),
        ({"durability": "sfe"}, "durability.*fast, safe, durable.*'safe'"),
        ({"durability": None}, "durability.*fast, safe, durable"),
        ({"durability": ["safe"]}, "durability.*fast, safe, durable"),
        ({"read_only": 1}, "read_only.*True or False"),
        ({"create": "yes"}, "create.*True or False"),
        ({"lock_timeout": -1}, "lock_timeout"),
        ({"lock_timeout": float("nan")}, "lock_timeout"),
        ({"lock_timeout": "1"}, "lock_timeout"),
        ({"max_document_size": 0}, "max_document_size"),
        ({"max_document_size": (16 << 20) + 1}, "max_document_size"),
        ({"max_document_size": 10.5}, "max_document_size"),
        ({"segment_size": True}, "segment_size"),
        ({"sync_interval": 0}, "sync_interval"),
        ({"id_factory": 7}, "id_factory"),
    ],
)
async def test_an_option_that_no_client_has_is_refused(connect: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        connect(":memory:", **options)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("durabilty=safe", "'durabilty'.*'durability'"),
        ("durability=sfe", "'safe'"),
        ("durability=", "durability"),
        ("durability", "durability"),
        ("durabilty=", "'durabilty'.*'durability'"),
        ("durability=fast&durability=durable", "durability"),
        ("read_only=yes", "read_only.*true or false"),
        ("lock_timeout=soon", "lock_timeout.*number"),
        ("segment_size=1.5", "segment_size.*number"),
        ("id_factory=f", "id_factory.*keyword"),
        ("path=/tmp", "'path'"),
    ],
)
async def test_an_option_in_a_url_that_means_nothing_is_refused(connect: Any, query: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        connect(f"file:///data?{query}")


async def test_from_env_takes_the_url_from_the_environment(
    directory: Path, face: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOSQLPY_URL", f"file://{directory}?durability=fast")
    monkeypatch.setenv("OTHER", ":memory:")
    kind = Client if face == "blocking" else AsyncClient

    assert (kind.from_env().url, kind.from_env().durability) == (str(directory), "fast")
    assert kind.from_env("OTHER", durability="durable").durability == "durable"


async def test_from_env_names_the_variable_that_is_missing(face: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOSQLPY_URL", raising=False)
    with pytest.raises(ConfigurationError, match="NOSQLPY_URL"):
        (Client if face == "blocking" else AsyncClient).from_env()


async def test_an_id_factory_makes_the_ids(connect: Any) -> None:
    numbers = iter(range(100, 200))
    users = connect(":memory:", id_factory=lambda: next(numbers))["users"]
    await users.insert({"n": 0})
    await users.insert_many([{"n": 1}, {"_id": "own", "n": 2}, {"n": 3}])

    assert [document["_id"] for document in await users.find()] == [100, 101, "own", 102]


async def test_an_id_factory_that_fails_keeps_the_document_out(connect: Any) -> None:
    def fail() -> Any:
        raise LookupError("no more ids")

    users = connect(":memory:", id_factory=fail)["users"]
    with pytest.raises(LookupError, match="no more ids"):
        await users.insert({"n": 1})

    assert await users.insert({"_id": 1}) == 1
    assert await users.count() == 1


async def test_a_smaller_document_limit_is_kept(connect: Any) -> None:
    users = connect(":memory:", max_document_size=100)["users"]
    await users.insert({"_id": 1, "text": "x" * 50})
    with pytest.raises(nosqlpy.DocumentTooLarge, match="100"):
        await users.update_one({"_id": 1}, {"$set": {"more": "x" * 60}})

    assert await users.find() == [{"_id": 1, "text": "x" * 50}]


# ── what a client says about itself ─────────────────────────────────────────────


async def test_a_repr_shows_the_chain_without_opening_anything(connect: Any, directory: Path) -> None:
    client = connect(directory)
    shown = repr(client["users"])

    assert str(directory) in repr(client)
    assert repr(client) in shown
    assert "users" in shown
    assert not directory.exists()


async def test_a_client_refuses_pickling_and_says_what_to_do(db: Any, users: Any) -> None:
    for thing in (db, users):
        with pytest.raises(TypeError, match=r"cannot be pickled.*url"):
            pickle.dumps(thing)
        with pytest.raises(TypeError, match="cannot be pickled"):
            copy.deepcopy(thing)


async def test_results_can_be_pickled(users: Any) -> None:
    results = [
        await users.insert_one({"_id": 1}),
        await users.insert_many([{"_id": 2}]),
        await users.update_one({"_id": 1}, {"$set": {"a": 1}}),
        await users.delete_one({"_id": 1}),
    ]

    assert [pickle.loads(pickle.dumps(result)) for result in results] == results


async def test_errors_can_be_pickled_with_their_details(users: Any) -> None:
    await users.insert({"_id": 1})
    with pytest.raises(DuplicateKeyError) as one:
        await users.insert({"_id": 1})
    with pytest.raises(BulkWriteError) as many:
        await users.insert_many([{"_id": 1}])

    for error in (one.value, many.value):
        again = pickle.loads(pickle.dumps(error))

        assert type(again) is type(error)
        assert (str(again), again.code, again.code_name) == (str(error), error.code, error.code_name)
        assert again.details == error.details


@pytest.mark.parametrize(
    "kind", [kind for kind in vars(nosqlpy).values() if isinstance(kind, type) and issubclass(kind, NosqlpyError)]
)
def test_every_error_has_a_code_and_can_be_pickled(kind: type[NosqlpyError]) -> None:
    error = kind("what went wrong", code=7, details={"a": 1})
    again = pickle.loads(pickle.dumps(error))

    assert (type(again), str(again), again.code, again.details) == (kind, "what went wrong", 7, {"a": 1})
    assert kind("x").code_name
    assert error.to_document() == {
        "ok": 0.0,
        "errmsg": "what went wrong",
        "code": 7,
        "codeName": error.code_name,
        "a": 1,
    }
