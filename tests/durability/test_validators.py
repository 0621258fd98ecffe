"""Validators in the log: they survive what a database survives, and keep none from being opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from nosqlpy import Client, QueryError, ValidationError
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.log.operation import Define

VALIDATOR = {"$jsonSchema": {"required": ["name"]}}


def define_options(engine: Engine, name: str, options: dict[str, object]) -> Change[None]:
    """Plan options that nobody has checked, as another version might have written them."""
    return engine.change([Define(engine.collections[name].number, "options", options)], None)


def test_a_validator_outlives_a_process_that_died(tmp_path: Path) -> None:
    dead = Client(tmp_path / "data")
    dead.create_collection("people", validator=VALIDATOR)
    dead.flush()
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in (tmp_path / "data").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    dead.close()

    with Client(copy) as client, pytest.raises(ValidationError):
        client["people"].insert({})


def test_a_validator_that_this_version_does_not_understand_stops_writes_and_nothing_else(tmp_path: Path) -> None:
    with Client(tmp_path / "data") as client:
        client["people"].insert({"_id": 1})
        client._backend.write(None, define_options, "people", {"validator": {"a": {"$fromTheFuture": 1}}})
    with Client(tmp_path / "data") as client:
        assert client["people"].find_one() == {"_id": 1}
        with pytest.raises(QueryError, match=r"\$fromTheFuture"):
            client["people"].insert({"_id": 2})
        client.coll_mod("people", validator={})
        client["people"].insert({"_id": 2})

        assert client["people"].count() == 2


def test_a_validator_goes_into_a_dump_and_out_of_it(tmp_path: Path) -> None:
    with Client(":memory:") as client:
        client.create_collection("people", validator=VALIDATOR, validation_action="warn")
        client.dump(tmp_path / "people.nqd")
    Client.restore(tmp_path / "people.nqd", tmp_path / "data")

    with Client(tmp_path / "data") as client:
        assert client.list_collections().to_list()[0]["options"] == {
            "validator": VALIDATOR,
            "validationAction": "warn",
        }


def test_compaction_drops_the_options_that_were_replaced(tmp_path: Path) -> None:
    with Client(tmp_path / "data") as client:
        client.create_collection("people", validator=VALIDATOR)
        for number in range(50):
            client.coll_mod("people", validator={"n": {"$ne": number}})
        done = client.compact()

    assert done["bytes_after"] < done["bytes_before"] / 5
    with Client(tmp_path / "data") as client:
        assert client.list_collections().to_list()[0]["options"] == {"validator": {"n": {"$ne": 49}}}
