"""Databases that earlier versions wrote, which every later version must open."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from durability.make_golden import GOLDEN, expected, write
from nosqlpy import Client

VERSIONS = sorted(path for path in GOLDEN.iterdir() if path.is_dir())

every_version = pytest.mark.parametrize("golden", VERSIONS, ids=lambda path: path.name)


def documents(client: Client) -> dict[str, list[object]]:
    return {name: client[name].find().to_list() for name in client.list_collection_names()}


def test_there_is_a_golden_database() -> None:
    assert VERSIONS


@every_version
def test_a_golden_database_holds_what_was_written(golden: Path) -> None:
    with Client(golden, read_only=True) as client:
        assert documents(client) == expected()
        assert client.verify()["ok"]


@every_version
def test_the_indexes_of_a_golden_database_lead_to_its_documents(golden: Path) -> None:
    with Client(golden, read_only=True) as client:
        people = client["people"]

        assert [index["name"] for index in people.list_indexes()] == ["_id_", "age_1"]
        for age in range(7):
            assert people.find({"age": age}).to_list() == [d for d in expected()["people"] if d["age"] == age]


@every_version
def test_a_golden_database_can_be_written_on(golden: Path, tmp_path: Path) -> None:
    shutil.copytree(golden, tmp_path / "data")
    with Client(tmp_path / "data") as client:
        client["new"].insert_one({"_id": 1})
        client.compact()
    with Client(tmp_path / "data") as client:
        held = documents(client)

    assert held == expected() | {"new": [{"_id": 1}]}


@every_version
def test_a_golden_hint_is_used_and_leads_to_every_document(golden: Path) -> None:
    with Client(golden, read_only=True) as client:
        found = {name: [client[name].get(d["_id"]) for d in held] for name, held in expected().items()}

        assert found == expected()
        assert (client.stats()["hint_lsn"] is not None) == golden.name.endswith("-hint")


def test_the_program_that_makes_golden_databases_still_does(tmp_path: Path) -> None:
    write(tmp_path / "data")
    with Client(tmp_path / "data") as client:
        assert documents(client) == expected()
