"""Directories of mongodump: what is in them comes in, and what goes out can be read again."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import bson.json_util
import pytest

from nosqlpy import (
    AsyncClient,
    Client,
    CollectionNotFound,
    DuplicateKeyError,
    NosqlpyError,
    NotSupportedError,
    QueryError,
)
from nosqlpy.cli.main import main
from nosqlpy.compat.mongodump import export_dump, import_dump

DOCUMENTS = [{"_id": bson.ObjectId(), "email": f"{n}@x.org", "n": n} for n in range(5)]
INDEXES = [
    {"v": {"$numberInt": "2"}, "key": {"_id": {"$numberInt": "1"}}, "name": "_id_"},
    {"v": 2, "key": {"email": {"$numberDouble": "1.0"}}, "name": "mail", "unique": True, "ns": "shop.users"},
    {"v": 2, "key": {"n": -1, "email": 1}, "name": "n_-1_email_1", "partialFilterExpression": {"n": {"$gt": 1}}},
]
OPTIONS = {"validator": {"n": {"$gte": {"$numberInt": "0"}}}, "validationLevel": "moderate"}


@pytest.fixture
def db():
    with Client(":memory:") as client:
        yield client


def write_dump(directory: Path, name: str = "users", *, zipped: bool = False, **metadata: Any) -> Path:
    """Write a collection as mongodump does."""
    directory.mkdir(parents=True, exist_ok=True)
    described = {"indexes": INDEXES, "uuid": "0", "collectionName": name, "type": "collection", "options": OPTIONS}
    text = bson.json_util.dumps({**described, **metadata}).encode()
    content = b"".join(map(bson.encode, DOCUMENTS))
    ending = ".gz" if zipped else ""
    write = gzip.compress if zipped else bytes
    (directory / f"{name}.bson{ending}").write_bytes(write(content))
    (directory / f"{name}.metadata.json{ending}").write_bytes(write(text))
    return directory


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("below", ["", "shop"])
def test_a_dump_comes_in_with_its_indexes_and_validators(db, tmp_path, zipped, below):
    write_dump(tmp_path / "dump" / below, zipped=zipped)

    assert import_dump(db, tmp_path / "dump") == {"users": 5}
    assert db["users"].find().to_list() == DOCUMENTS
    assert list(db["users"].index_information()) == ["_id_", "mail", "n_-1_email_1"]
    assert db.list_collections().first()["options"] == {"validator": {"n": {"$gte": 0}}, "validationLevel": "moderate"}
    with pytest.raises(DuplicateKeyError):
        db["users"].insert({"email": "1@x.org", "n": 1})
    with pytest.raises(NosqlpyError):
        db["users"].insert({"email": "new", "n": -1})


@pytest.mark.parametrize("compressed", [False, True])
def test_what_was_exported_is_what_pymongo_and_an_import_read(db, tmp_path, compressed):
    import_dump(db, write_dump(tmp_path / "dump"))
    db["odd/näme"].insert({"_id": 1})
    exported = export_dump(db, tmp_path / "out", compressed=compressed)
    with Client(":memory:") as other:
        imported = import_dump(other, tmp_path / "out")

        assert exported == imported == {"odd/näme": 1, "users": 5}
        assert other["users"].find().to_list() == DOCUMENTS
        assert other["users"].index_information() == db["users"].index_information()
        assert other.list_collections().to_list() == db.list_collections().to_list()
    if not compressed:
        assert bson.decode_all((tmp_path / "out" / "users.bson").read_bytes()) == DOCUMENTS
        metadata = bson.json_util.loads((tmp_path / "out" / "users.metadata.json").read_text())
        assert metadata["collectionName"] == "users"
        assert [index["name"] for index in metadata["indexes"]] == ["_id_", "mail", "n_-1_email_1"]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_the_async_face_does_the_same_when_it_is_awaited(tmp_path, anyio_backend):
    async with AsyncClient(":memory:") as db:
        assert await import_dump(db, write_dump(tmp_path / "dump")) == {"users": 5}
        assert await export_dump(db, tmp_path / "out", collections=["users"]) == {"users": 5}

    assert (tmp_path / "out" / "users.bson").read_bytes() == (tmp_path / "dump" / "users.bson").read_bytes()


@pytest.mark.parametrize(
    "metadata",
    [
        {"options": {"capped": True, "size": 4096}},
        {"type": "view"},
        {"indexes": [{"key": {"a": 1}, "name": "a", "collation": {"locale": "sv"}}]},
    ],
)
def test_what_cannot_be_recreated_is_refused_by_name_before_anything_is_imported(db, tmp_path, metadata):
    write_dump(tmp_path, "a")
    write_dump(tmp_path, "users", **metadata)
    with pytest.raises(NosqlpyError) as caught:
        import_dump(db, tmp_path)

    assert any(word in str(caught.value) for word in ("capped", "view", "locale"))
    assert db.list_collection_names() == []
    assert import_dump(db, tmp_path, metadata=False) == {"a": 5, "users": 5}
    assert list(db["users"].index_information()) == ["_id_"]


def test_collections_and_indexes_come_in_with_their_collations(db, tmp_path):
    folded = {"locale": "en", "strength": 2, "version": "57.1"}
    indexes = [
        {"v": 2, "key": {"_id": 1}, "name": "_id_", "collation": folded},
        {"v": 2, "key": {"a": 1}, "name": "a", "collation": folded},
        {"v": 2, "key": {"b": 1}, "name": "b"},
    ]
    import_dump(db, write_dump(tmp_path / "dump", options={"collation": folded}, indexes=indexes))
    export_dump(db, tmp_path / "out")
    with Client(":memory:") as other:
        import_dump(other, tmp_path / "out")
        held = other["users"].index_information()

        assert other.list_collections().first()["options"]["collation"]["strength"] == 2
        assert held["a"]["collation"]["strength"] == 2
        assert "collation" not in held["b"]


def test_damage_names_the_file_and_the_byte(db, tmp_path):
    write_dump(tmp_path)
    file = tmp_path / "users.bson"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(QueryError, match=r"users\.bson: byte \d+: .*\(4 imported before it\)"):
        import_dump(db, tmp_path)

    assert db["users"].count() == 4


def test_what_is_rejected_is_given_with_its_collection(db, tmp_path):
    db["users"].insert(DOCUMENTS[2])
    rejected: list[Any] = []
    imported = import_dump(db, write_dump(tmp_path), metadata=False, on_reject=rejected.append)

    assert imported == {"users": 4}
    assert [(one["collection"], bson.decode(one["bson"])) for one in rejected] == [("users", DOCUMENTS[2])]


@pytest.mark.parametrize("mode", ["upsert", "replace"])
def test_a_second_import_may_replace_the_first(db, tmp_path, mode):
    write_dump(tmp_path)
    import_dump(db, tmp_path)

    assert import_dump(db, tmp_path, mode=mode) == {"users": 5}
    assert db["users"].count() == 5


def two_databases(directory: Path) -> None:
    write_dump(directory / "a")
    write_dump(directory / "b")


def one_with_an_oplog(directory: Path) -> None:
    write_dump(directory / "a")
    (directory / "oplog.bson").write_bytes(b"")


@pytest.mark.parametrize("make", [two_databases, one_with_an_oplog])
def test_several_databases_or_an_oplog_are_refused(db, tmp_path, make: Callable[[Path], None]):
    make(tmp_path)
    with pytest.raises(NotSupportedError, match="give the directory of one"):
        import_dump(db, tmp_path)

    assert import_dump(db, tmp_path / "a") == {"users": 5}


def test_a_directory_without_a_dump_is_refused(db, tmp_path):
    with pytest.raises(QueryError, match="no dump"):
        import_dump(db, tmp_path)
    with pytest.raises(FileNotFoundError):
        import_dump(db, tmp_path / "none")


def test_an_export_overwrites_nothing(db, tmp_path):
    (tmp_path / "mine").write_text("")
    with pytest.raises(FileExistsError):
        export_dump(db, tmp_path)
    db["users"].insert({})
    with pytest.raises(CollectionNotFound, match="did you mean 'users'"):
        export_dump(db, tmp_path / "out", collections=["user"])

    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_commands_do_the_same(tmp_path, capfdbinary):
    write_dump(tmp_path / "dump")
    first = main(["import-mongodump", str(tmp_path / "db"), str(tmp_path / "dump")])
    again = main(["import-mongodump", str(tmp_path / "db"), str(tmp_path / "dump"), "--rejects", str(tmp_path / "no")])
    export = main(["export-mongodump", str(tmp_path / "db"), str(tmp_path / "out"), "--gzip"])

    assert (first, again, export) == (0, 1, 0)
    assert capfdbinary.readouterr().out.splitlines() == [
        b'{"imported":5,"collections":1}',
        b'{"imported":0,"collections":1,"rejected":5}',
        b'{"exported":5,"collections":1}',
    ]
    assert len((tmp_path / "no").read_bytes().splitlines()) == 5
    assert (tmp_path / "out" / "users.metadata.json.gz").exists()
