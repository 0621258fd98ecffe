"""The demonstration runs on any data, checks itself, and survives being killed."""

from __future__ import annotations

import random
import subprocess
import time
import unicodedata
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.process import run, run_on_terminal, start
from nosqlpy import Client
from nosqlpy.cli.demo import crash
from nosqlpy.cli.demo.characters import characters
from nosqlpy.cli.demo.questions import questions_about
from nosqlpy.cli.main import main
from nosqlpy.extended_json import decode_json


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "people.jsonl"
    people = [
        {"name": f"n{i}", "state": f"s{i % 7}", "age": i % 90, "at": {"$date": "1950-08-07"}} for i in range(2000)
    ]
    path.write_bytes(b"".join(msgspec.json.encode(person) + b"\n" for person in people))
    return path


def holds(db: Client, fact: dict[str, Any]) -> bool:
    return db[fact["collection"]].count(fact["filter"]) >= fact["count"]


def facts_in(path: Path) -> list[dict[str, Any]]:
    """Return what was acknowledged; a line that was cut short was not."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [decode_json(line) for line in lines]


def test_the_demo_on_unicode_finds_every_claim_true(tmp_path):
    done = run("demo", "--dir", tmp_path / "db")

    assert (done.code, done.stderr) == (0, "")
    end = done.documents[-1]
    assert end["failed"] == 0
    assert end["checks"] >= 20
    with Client(tmp_path / "db", read_only=True) as db:
        assert db["characters"].get("U+0041")["name"] == "LATIN CAPITAL LETTER A"
        assert db["characters"].count() > 140_000


def test_the_demo_takes_any_json_lines_and_leaves_nothing_behind(data, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()

    code = main(["demo", "--data", str(data)])

    steps = [msgspec.json.decode(line) for line in capfd.readouterr().out.splitlines()]
    assert code == 0
    assert {step["part"] for step in steps[1:-1]} >= {
        "Client (blocking)",
        "AsyncClient (asyncio)",
        "AsyncClient (trio)",
    }
    assert {step["step"] for step in steps[1:-1]} >= {
        "import",
        "index",
        "indexed",
        "sort",
        "update",
        "SIGKILL",
        "compact",
    }
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    "lines", [b'{"a":1}\n', b'{"_id":{"x":1},"a":[1,{"b":2}]}\n{"b":"x"}\n', b'{"a":{"b":null}}\n' * 3]
)
def test_the_demo_finds_something_to_ask_about_any_data(lines, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(crash, "WRITES_MAX", crash.WRITES_MIN)
    (tmp_path / "odd name!.jsonl").write_bytes(lines)

    assert main(["demo", "--data", str(tmp_path / "odd name!.jsonl")]) == 0


def test_an_empty_file_is_refused(tmp_path, capfd):
    (tmp_path / "empty.jsonl").touch()

    assert main(["demo", "--data", str(tmp_path / "empty.jsonl")]) == 1
    assert capfd.readouterr().err == "nosqlpy: there is no document in empty.jsonl\n"


def test_a_second_run_goes_on_with_what_the_first_left(data, tmp_path, capfd):
    for _ in range(2):
        assert main(["demo", "--data", str(data), "--dir", str(tmp_path / "db")]) == 0

    with Client(tmp_path / "db") as db:
        assert db["people"].count() == 2000
        visited = db["people"].find_one({"demo.visits": 6})
        assert visited["demo"]["by"] == ["Client", "asyncio", "trio"] * 2


@pytest.mark.parametrize("collection", ["people", "mine"])
def test_the_demo_keeps_its_hands_off_a_database_of_others(data, tmp_path, collection, capfd):
    with Client(tmp_path / "db") as db:
        db[collection].insert({"_id": 1})

    assert main(["demo", "--data", str(data), "--dir", str(tmp_path / "db")]) == 2
    with Client(tmp_path / "db") as db:
        assert db.list_collection_names() == [collection]
        assert db[collection].find().to_list() == [{"_id": 1}]


def test_a_wrong_answer_makes_the_demo_fail(data, monkeypatch, capfd):
    monkeypatch.setattr("nosqlpy.cli.demo.questions.Questions.is_equal", lambda _self, _document: False)

    assert main(["demo", "--data", str(data)]) == 1
    lines = [msgspec.json.decode(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["wrong"] for line in lines if "wrong" in line] == ["Python finds as many equal ones"]
    assert lines[-1]["failed"] == 1


def test_on_a_terminal_the_demo_is_for_reading(data):
    done = run_on_terminal("demo", "--data", data)

    assert done.code == 0
    assert b"Kill a process that writes, and reopen" in done.stdout
    assert b"checks hold" in done.stdout
    assert b'{"part"' not in done.stdout


def test_whatever_the_demo_had_acknowledged_survives_killing_it(data, tmp_path):
    directory, acknowledged = tmp_path / "db", tmp_path / "acknowledged.jsonl"
    for _ in range(3):
        arguments = ("demo", "--data", data, "--dir", directory, "--acknowledge", acknowledged)
        with start(*arguments, stdout=subprocess.DEVNULL) as process:
            time.sleep(random.uniform(0.3, 2.0))
            process.kill()
        facts = facts_in(acknowledged)
        if directory.exists():
            with Client(directory) as db:
                wrong = [fact for fact in facts if not holds(db, fact)]
                assert wrong == []
                assert db.verify()["ok"]

    assert run("demo", "--data", data, "--dir", directory).code == 0


def test_characters_are_all_that_unicode_has_assigned():
    documents = {document["_id"]: document for document in characters()}

    assert documents["U+00BD"] == {
        "_id": "U+00BD",
        "code": 0xBD,
        "char": "½",
        "name": "VULGAR FRACTION ONE HALF",
        "words": ["VULGAR", "FRACTION", "ONE", "HALF"],
        "category": {"major": "N", "minor": "No"},
        "bidirectional": "ON",
        "combining": 0,
        "width": "A",
        "mirrored": False,
        "range": {"plane": 0, "first": "U+0000"},
        "numeric": 0.5,
        "decomposition": {"type": "fraction", "mapping": ["U+0031", "U+2044", "U+0032"]},
    }
    assert documents["U+00E9"]["decomposition"] == {"type": "canonical", "mapping": ["U+0065", "U+0301"]}
    assert len(documents) == sum(unicodedata.category(chr(code)) not in {"Cn", "Cs", "Co"} for code in range(0x110000))


def test_questions_use_a_repeated_text_and_the_most_varied_number():
    documents = [{"_id": i, "name": f"n{i}", "town": {"state": f"s{i % 3}"}, "flag": True, "age": i} for i in range(30)]

    asked = questions_about(documents)

    assert (asked.path, asked.value, asked.number, asked.least) == ("town.state", "s0", "age", 27)
