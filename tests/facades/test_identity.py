"""What clients and collections are to Python: equal or not, named in its errors, and forgotten."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nosqlpy import AsyncClient, Client, Collection, Database, SeedCollection

every_client = pytest.mark.parametrize("make", [Client, AsyncClient, Database])


@every_client
def test_a_collection_equals_itself_however_it_was_taken(make: Any) -> None:
    client = make(":memory:")

    assert client.a == client["a"] == client.collection("a")
    assert len({client.a, client["a"], client["b"]}) == 2
    assert client["a"] != client["b"]


@every_client
def test_the_type_of_its_documents_is_no_part_of_a_collection(make: Any) -> None:
    client = make(":memory:")

    assert client.collection("a", type=msgspec.defstruct("A", [])) == client["a"]


@every_client
def test_collections_of_two_clients_differ(make: Any) -> None:
    assert make(":memory:")["a"] != make(":memory:")["a"]
    assert make(":memory:")["a"] != "a"


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: Client(":memory:")["a"].find(limits=1), "Collection.find"),
        (Client(":memory:")["a"].insert_one, "Collection.insert_one"),
        (lambda: AsyncClient(":memory:")["a"].find(limits=1), "AsyncCollection.find"),
        (AsyncClient(":memory:")["a"].update_one, "AsyncCollection.update_one"),
        (lambda: Client(":memory:")["a"].find().skip(), "Cursor.skip"),
    ],
)
def test_a_wrong_call_names_the_class_that_its_caller_knows(call: Any, name: str) -> None:
    with pytest.raises(TypeError, match=rf"^{name}\(\) "):
        call()


async def test_a_database_creates_collections_of_its_own_kind() -> None:
    async with Database(":memory:") as db:
        created = await db.create_collection("a")

        assert type(created) is SeedCollection
        assert await created.insert_one({"_id": 1}) == 1


def forget(client: Client) -> None:
    client["a"].insert({})
    del client
    gc.collect()


def test_a_client_of_a_directory_that_is_forgotten_open_warns(tmp_path: Path) -> None:
    with pytest.warns(ResourceWarning, match="was not closed"):
        forget(Client(tmp_path / "data"))


def test_clients_that_hold_nothing_do_not_warn(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    with Client(tmp_path / "closed") as closed:
        closed["a"].insert({})
    never_opened, in_memory = Client(tmp_path / "never"), Client(":memory:")
    in_memory["a"].insert({})
    del closed, never_opened, in_memory
    gc.collect()

    assert [str(warning.message) for warning in recwarn if warning.category is ResourceWarning] == []


def test_a_collection_keeps_its_client_open(tmp_path: Path) -> None:
    collection: Collection[Any] = Client(tmp_path / "data")["a"]
    collection.insert({"_id": 1})
    gc.collect()

    assert collection.get(1) == {"_id": 1}
    collection.client.close()
