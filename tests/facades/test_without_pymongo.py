"""A database that has values of bson types, used where pymongo is not installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nosqlpy import Client

bson = pytest.importorskip("bson")
from bson import decimal128, int64  # noqa: E402

REFUSED = 'can be read only with pymongo: pip install "nosqlpy[mongodb]"'
SCRIPT = """
import json, sys
sys.modules["bson"] = sys.modules["pymongo"] = None  # importing them fails
from nosqlpy import Client, NosqlpyError

with Client(sys.argv[1]) as db:
    things, ids = db["things"], db["ids"]
    try:
        print(json.dumps(eval(sys.argv[2])))
    except NosqlpyError as error:
        print(json.dumps([type(error).__name__, str(error)]))
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A database of which some documents, and some ids, have values of bson types."""
    with Client(tmp_path / "data") as db:
        db["things"].create_index("owner")
        db["things"].insert_many(
            [
                {"_id": 1, "n": 1, "owner": bson.ObjectId()},
                {"_id": 2, "n": 2, "owner": "ada"},
                {"_id": 3, "n": 3, "owner": "bob", "in": [{"price": decimal128.Decimal128("1")}]},
            ]
        )
        db["ids"].insert_many([{"_id": bson.ObjectId(), "n": 1}, {"_id": int64.Int64(7), "n": 2}, {"_id": "x", "n": 3}])
    return tmp_path / "data"


def without_pymongo(directory: Path, expression: str) -> Any:
    """Return what an expression gives in a process that cannot import bson."""
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, directory, expression],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    return json.loads(run.stdout)


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("things.get(1)", "ObjectId"),
        ("things.find_one({'n': 3})", "Decimal128"),
        ("things.find({}, ['owner']).to_list()", "ObjectId"),
        ("things.find({}, {'n': 0}).to_list()", "ObjectId"),
        ("things.distinct('owner')", "ObjectId"),
        ("ids.find_one({'n': 1})", "ObjectId"),
        ("ids.get(7)", "Int64"),
    ],
)
def test_reading_such_a_document_names_the_extra(directory: Path, expression: str, kind: str) -> None:
    assert without_pymongo(directory, expression) == ["NotSupportedError", f"a stored {kind} {REFUSED}"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("things.get(2)", {"_id": 2, "n": 2, "owner": "ada"}),
        ("things.find({'n': 2}).to_list()", [{"_id": 2, "n": 2, "owner": "ada"}]),
        ("things.find({'owner': 'ada'}).to_list()", [{"_id": 2, "n": 2, "owner": "ada"}]),
        ("things.find({}, ['n']).to_list()", [{"_id": 1, "n": 1}, {"_id": 2, "n": 2}, {"_id": 3, "n": 3}]),
        ("things.distinct('n')", [1, 2, 3]),
        ("things.count({'owner': {'$type': 'objectId'}})", 1),
        ("things.count()", 3),
        ("[d['_id'] for d in things.find({'n': {'$gt': 1}, 'in': {'$exists': False}}, sort='owner')]", [2]),
        ("things.count({'in.price': 1})", 1),
        ("ids.get('x')", {"_id": "x", "n": 3}),
        ("ids.count({'_id': 7})", 1),
    ],
)
def test_all_else_can_be_read(directory: Path, expression: str, expected: Any) -> None:
    assert without_pymongo(directory, expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "things.update_one({'_id': 2}, {'$set': {'n': 9}}).modified_count",
        "things.delete_one({'n': 1}).deleted_count",
        "ids.delete_one({'n': 1}).deleted_count",
        "int(ids.delete(7))",
        "things.insert({'_id': 1.5}) - 0.5",
        "things.replace_one({'_id': 1}, {'n': 9}).modified_count",
        "db.compact()['segments_merged']",
    ],
)
def test_a_write_that_reads_no_value_of_bson_needs_no_pymongo(directory: Path, expression: str) -> None:
    assert without_pymongo(directory, expression) == 1


def test_an_id_is_taken_though_its_type_is_not_known(directory: Path) -> None:
    assert without_pymongo(directory, "ids.insert({'_id': 7})")[0] == "DuplicateKeyError"


def test_what_was_not_touched_is_the_same_with_pymongo_again(directory: Path) -> None:
    with Client(directory) as db:
        before = {name: db[name].find(sort="n").to_list() for name in ("things", "ids")}
    without_pymongo(directory, "[things.update_one({'n': 2}, {'$set': {'n': 2.5}}).modified_count, db.compact()]")
    with Client(directory) as db:
        after = {name: db[name].find(sort="n").to_list() for name in ("things", "ids")}

    before["things"][1]["n"] = 2.5
    assert after == before
    assert type(after["ids"][1]["_id"]) is int64.Int64


def test_a_database_that_opens_by_its_hint_opens(tmp_path: Path) -> None:
    ids = [bson.ObjectId() if number % 2 else number for number in range(6000)]
    with Client(tmp_path / "data") as db:  # large enough that closing writes a hint
        db["ids"].insert_many([{"_id": id, "n": number, "text": "x" * 1000} for number, id in enumerate(ids)])
    hints = [path.name for path in (tmp_path / "data").iterdir() if "hint" in path.name]
    answer = without_pymongo(
        tmp_path / "data", "[ids.get(4)['n'], ids.count(), ids.delete_one({'n': 7}).deleted_count]"
    )

    assert hints != []
    assert answer == [4, 6000, 1]
