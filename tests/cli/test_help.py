"""The examples that ``--help`` shows can be run as they stand."""

from __future__ import annotations

import json
import shlex

import pytest

from nosqlpy import Client
from nosqlpy.cli.main import main

COMMANDS = [
    *[
        "find",
        "get",
        "count",
        "distinct",
        "explain",
        "insert",
        "upsert",
        "update",
        "delete",
        "aggregate",
        "collections",
    ],
    *["indexes", "create-index", "drop-index", "drop", "rename", "schema", "import", "export", "dump", "restore"],
    *["verify", "repair", "compact", "stats", "demo", "doctor", "info", "backup", "top", "import-log"],
    *["import-mongodump", "export-mongodump"],
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A directory with what the examples speak of."""
    monkeypatch.chdir(tmp_path)
    orders = [{"_id": n, "total": n * 40, "state": "open" if n % 2 else "void"} for n in range(6)]
    with Client("shop") as db:
        db["orders"].insert_many(orders)
        db["orders"].create_index("state")
        db.dump("shop.nqd")
        with db.profile(path="calls.jsonl"):
            db["orders"].find({"total": 40}).to_list()
    for name, documents in (
        ("orders", [{"_id": "new"}]),
        ("zips", [{"city": f"c{n % 7}", "pop": n} for n in range(60)]),
    ):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(document) + "\n" for document in documents))
    (tmp_path / "places.csv").write_text("zip,city\n0123,Brno\n")
    (tmp_path / "users.log").write_text('{"op": "insert", "id": "1", "doc": {"name": "ada"}}\n')
    return tmp_path


def examples_of(capsys, *words):
    """Return the commands that a help shows, without what stands behind two blanks."""
    assert main([*words, "--help"]) == 0
    _, _, shown = capsys.readouterr().out.partition("\nexample")
    lines = [line.strip() for line in shown.splitlines() if line.strip().startswith("nosqlpy ")]
    return [line.partition("   ")[0].partition(" | ")[0] for line in lines]


def run(example, here):
    words = shlex.split(example)[1:]
    if words[0] == "import-mongodump":
        with Client(here / "other") as db:
            db["a"].insert({})
        assert main(["export-mongodump", "other", "dump/shop"]) == 0
    if words[0] == "drop-index":
        words[-1] = "state_1"
    return main(words)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "demo"])
def test_the_example_of_a_command_runs(command, here, capsys):
    (example,) = examples_of(capsys, command)

    assert example.startswith(f"nosqlpy {command}")
    assert run(example, here) == 0, capsys.readouterr().err


def test_the_examples_of_the_whole_run_one_after_the_other(here, capfd):
    assert main(["--help"]) == 0
    examples = [
        line.strip().partition("   ")[0].partition(" | ")[0]
        for line in capfd.readouterr().out.splitlines()
        if line.startswith("  nosqlpy ") and line.strip() != "nosqlpy demo" and not line.startswith("  nosqlpy demo ")
    ]

    assert len(examples) >= 9
    assert [(example, run(example, here)) for example in examples] == [(example, 0) for example in examples]


def test_every_command_is_in_the_help_and_has_an_example(capsys):
    assert main(["--help"]) == 0
    listed = [
        line.split()[0] for line in capsys.readouterr().out.splitlines() if line[:4] == "    " and line[4:5] != " "
    ]

    assert sorted(name for name in listed if name in COMMANDS) == sorted(COMMANDS)
