"""What the commands change, define and infer; in the forms that are asked for; and where they find the database."""

from __future__ import annotations

import csv
import io
import os
import pty
import re
import signal
import subprocess
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from cli.process import read_all, run, start, start_on
from nosqlpy import Client
from nosqlpy.cli.grammar import parse_arguments
from nosqlpy.cli.main import main
from nosqlpy.cli.opening import FILLING_BUDGET, filler

ORDERS = [{"_id": i, "total": i * 10, "state": "paid" if i % 2 else "open", "at": {"city": f"c{i}"}} for i in range(5)]


@pytest.fixture
def shop(tmp_path):
    with Client(tmp_path / "shop") as db:
        db["orders"].insert_many(ORDERS)
        db["orders"].create_index("state")
    return tmp_path / "shop"


@pytest.fixture
def do(shop, capfdbinary):
    """Return a function that runs a command on the shop in this process, and returns its JSON lines."""

    def run_command(command, *rest):
        code = main([command, str(shop), *rest])
        captured = capfdbinary.readouterr()
        assert (code, captured.err) == (0, b"")
        return [msgspec.json.decode(line) for line in captured.out.splitlines()]

    return run_command


# ── reading ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("word", "id"), [("5", 5), ('"5"', "5"), ("five", "five"), ("-5", -5), ('{"$date": "2026-11-21"}', "date")]
)
def test_get_finds_ids_of_any_type(shop, do, word, id):
    wanted = datetime(2026, 11, 21, tzinfo=UTC) if id == "date" else id
    with Client(shop) as db:
        db["ids"].insert_many([{"_id": key} for key in (5, "5", "five", -5, datetime(2026, 11, 21, tzinfo=UTC))])
        expected = db["ids"].get(wanted)
    (found,) = do("get", "ids", word)

    assert found == ({"_id": {"$date": "2026-11-21T00:00:00Z"}} if id == "date" else expected)


def test_get_of_no_document_ends_with_1(shop, capfd):
    assert main(["get", str(shop), "orders", "77"]) == 1
    assert capfd.readouterr().err == "nosqlpy: collection 'orders' has no document with this _id\n"


def test_distinct_prints_each_value_as_json(do):
    assert do("distinct", "orders", "state") == ["open", "paid"]
    assert do("distinct", "orders", "at.city", '{"total": {"$gt": 20}}') == ["c3", "c4"]


def test_explain_names_the_index(do):
    (plan,) = do("explain", "orders", '{"state": "paid"}')

    assert "state_1" in msgspec.json.encode(plan).decode()


def test_explain_for_reading_is_a_tree_of_stages(shop, capfd):
    asked = [
        "explain",
        str(shop),
        "orders",
        '{"state": "paid", "total": {"$gt": 5}}',
        "--sort",
        "-total",
        "--limit",
        "3",
    ]

    assert main([*asked, "--table"]) == 0
    assert capfd.readouterr().out.splitlines() == [
        "LIMIT  limit 3",
        '└─ SORT  {"total":-1}  limit 3',
        "   └─ FETCH",
        '      └─ IXSCAN  state_1  state: ["paid", "paid"]',
        "candidates: 2",
    ]


def test_explain_runs_the_find_and_says_what_that_took_where_it_is_asked_to(shop, capfd):
    asked = ["explain", str(shop), "orders", '{"$or": [{"state": "paid"}, {"_id": 4}]}', "--table"]

    assert main([*asked, "--verbosity", "allPlansExecution"]) == 0
    lines = re.sub(r"[0-9.]+ ms", "N ms", capfd.readouterr().out).splitlines()

    assert lines == [
        "FETCH  (N ms)",
        "└─ OR  (N ms)",
        '   ├─ IXSCAN  state_1  state: ["paid", "paid"]',
        "   └─ IDHACK  _id_",
        "candidates: 3",
        "3 returned, 2 keys examined, 3 documents examined, 3 tested, 3 decoded, in N ms",
    ]


def test_explain_shows_nothing_that_a_terminal_may_obey(shop, capfd):
    assert main(["explain", str(shop), "orders", '{"state": "\\u001b[31m\\u009b"}', "--table"]) == 0
    assert "\x1b" not in (shown := capfd.readouterr().out)
    assert "\x9b" not in shown


def test_aggregate_takes_a_pipeline_or_one_stage(do):
    assert do("aggregate", "orders", '[{"$match": {"state": "paid"}}, {"$count": "n"}]') == [{"n": 2}]
    assert do("aggregate", "orders", '{"$count": "n"}') == [{"n": 5}]


def test_collections_and_indexes_are_listed(do):
    (found,) = do("collections")

    assert (found["name"], found["count"]) == ("orders", 5)
    assert [index["name"] for index in do("indexes", "orders")] == ["_id_", "state_1"]


def test_schema_says_which_types_a_field_has_and_in_what_share(shop, do):
    with Client(shop) as db:
        db["people"].insert_many(
            [{"_id": 1, "age": 5, "tags": ["a", 1.5]}, {"_id": 2, "age": "old", "at": {"x": None}}, {"_id": 3}]
        )
    rows = {(row["field"], row["type"]): (row["count"], row["share"]) for row in do("schema", "people")}

    assert rows == {
        ("_id", "int"): (3, 1.0),
        ("age", "int"): (1, 0.3333),
        ("age", "string"): (1, 0.3333),
        ("tags", "array"): (1, 0.3333),
        ("tags[]", "string"): (1, 0.5),
        ("tags[]", "double"): (1, 0.5),
        ("at", "object"): (1, 0.3333),
        ("at.x", "null"): (1, 1.0),
    }


def test_schema_looks_at_as_many_documents_as_it_is_told(do):
    assert {row["count"] for row in do("schema", "orders", "--limit", "2")} == {2}


# ── writing ──────────────────────────────────────────────────────────────────────


def test_upsert_stores_and_replaces(do):
    assert do("upsert", "orders", '{"_id": 1, "new": true}') == [{"_id": 1}]
    assert do("upsert", "orders", '{"_id": 9}') == [{"_id": 9}]
    assert do("get", "orders", "1") == [{"_id": 1, "new": True}]
    assert do("count", "orders") == [6]


def test_update_changes_one_or_many(do):
    change = '{"$set": {"state": "sent"}}'

    assert do("update", "orders", '{"state": "paid"}', change) == [{"matched": 1, "modified": 1}]
    assert do("update", "orders", "{}", change, "--many") == [{"matched": 5, "modified": 4}]
    assert do("update", "orders", '{"_id": "x"}', change, "--upsert") == [
        {"matched": 0, "modified": 0, "upserted_id": "x"}
    ]
    assert do("update", "orders", '{"_id": 1}', '[{"$set": {"twice": {"$add": ["$total", "$total"]}}}]') == [
        {"matched": 1, "modified": 1}
    ]
    assert do("get", "orders", "1")[0]["twice"] == 20


def test_delete_removes_one_or_many(do):
    assert do("delete", "orders", '{"state": "open"}') == [{"deleted": 1}]
    assert do("delete", "orders", '{"state": "open"}', "--many") == [{"deleted": 2}]
    assert do("count", "orders") == [2]


def test_indexes_are_created_and_dropped(shop, do):
    assert do("create-index", "orders", "-total,state", "--unique", "--name", "best") == [{"index": "best"}]
    with Client(shop) as db:
        assert db["orders"].index_information()["best"]["unique"] is True

    assert do("drop-index", "orders", "best") == [{"dropped": "best"}]
    assert [index["name"] for index in do("indexes", "orders")] == ["_id_", "state_1"]


def test_collections_are_renamed_and_dropped(do):
    assert do("rename", "orders", "sales") == [{"renamed": "orders", "to": "sales"}]
    assert do("drop", "sales") == [{"dropped": "sales"}]
    assert do("collections") == []


@pytest.mark.parametrize("command", [["update", "c", "{}", '{"$set": {"a": 1}}'], ["delete", "c", "{}"], ["drop", "c"]])
def test_what_changes_a_database_makes_none(tmp_path, command):
    name, *rest = command

    assert main([name, str(tmp_path / "none"), *rest]) == 3
    assert not (tmp_path / "none").exists()


def test_csv_is_imported_with_types_and_what_is_wrong_is_written_aside(shop, tmp_path):
    path, rejects = tmp_path / "a.csv", tmp_path / "rejects.jsonl"
    path.write_text("_id,zip,at.city\n1,01234,Brno\n2,5\n3,6,Praha\n")
    done = run("import", shop, "places", path, "--types", "zip=string", "--rejects", rejects)

    assert (done.code, done.documents) == (1, [{"imported": 2, "rejected": 1}])
    (rejected,) = map(msgspec.json.decode, rejects.read_bytes().splitlines())
    assert (rejected["line"], rejected["column"], rejected["text"]) == (3, 4, "2,5")
    assert run("export", shop, "places", "-", "--format", "csv").stdout == b"_id,zip,at.city\n1,01234,Brno\n3,6,Praha\n"
    assert run("export", shop, "places", "-", "--format", "json", "--projection", "zip").stdout == (
        b'[\n{"_id":1,"zip":"01234"},\n{"_id":3,"zip":"6"}\n]\n'
    )


def test_an_import_keeps_few_of_the_documents_in_memory(tmp_path):
    with filler(parse_arguments(["import", str(tmp_path / "db"), "c", "-"])) as db:
        db["c"].import_file(io.BytesIO(b"".join(b'{"_id":%d,"text":"%s"}\n' % (i, b"x" * 4000) for i in range(3000))))

        assert db.stats()["resident_bytes"] <= FILLING_BUDGET < db.stats()["live_bytes"]


def test_an_interrupted_import_says_what_it_has_put_in_and_how_to_go_on(tmp_path):
    run("insert", tmp_path / "db", "c", '{"_id": "before"}')
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start("import", tmp_path / "db", "c", "-", **options) as process:
        process.stdin.write(b'{"_id":1}\n\n{"_id":2}\n{"_id":')
        process.stdin.flush()
        while run("count", tmp_path / "db", "c").stdout != b"3\n":
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        stderr = process.stderr.read()

    assert process.returncode == 130
    assert stderr == b"nosqlpy: interrupted; 2 imported before it, up to line 3; tail -n +4 gives the rest\n"
    assert run("find", tmp_path / "db", "c").documents == [{"_id": "before"}, {"_id": 1}, {"_id": 2}]


def test_ctrl_c_on_a_terminal_ends_an_import_between_two_reads(tmp_path):
    os.mkfifo(tmp_path / "a.jsonl")
    pipe = os.open(tmp_path / "a.jsonl", os.O_RDWR)
    terminal, other = pty.openpty()
    with start_on(other, ("import", tmp_path / "db", "c", tmp_path / "a.jsonl"), None, controlling=True) as process:
        os.close(other)
        os.write(pipe, b'{"_id":1}\n{"_id":2}\n')
        while not (tmp_path / "db").exists() or run("count", tmp_path / "db", "c").stdout != b"2\n":
            time.sleep(0.05)
        os.write(terminal, b"\x03")
        shown = read_all(terminal)
    os.close(terminal)
    os.close(pipe)

    assert process.returncode == 130
    assert b"nosqlpy: interrupted; 2 imported before it, up to line 2; tail -n +3 gives the rest\r\n" in shown
    assert run("count", tmp_path / "db", "c").stdout == b"2\n"


def test_a_log_of_operations_is_carried_out(tmp_path):
    log = b'{"what": "insert", "key": 1, "with": {"n": 1}}\n{"what": "update", "key": 1, "with": {"$inc": {"n": 1}}}\n'
    done = run("import-log", tmp_path / "db", "c", "-", "--fields", "what,key,with", stdin=log)

    assert done.documents == [{"insert": 1, "update": 1, "replace": 0, "delete": 0, "missing": 0}]
    assert run("find", tmp_path / "db", "c").documents == [{"_id": 1, "n": 2}]


def test_a_log_with_a_wrong_line_says_what_is_done(tmp_path):
    done = run("import-log", tmp_path / "db", "c", "-", stdin=b'{"op": "insert", "id": 1, "doc": {}}\n{"op": "put"}\n')

    assert done.code == 1
    assert "line 2: " in done.stderr
    assert "1 operations done before it" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a system without /dev/full")
def test_a_reject_file_on_a_full_disk_ends_the_import_and_says_how_many_are_in(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"_id": 1}\n{"_id": 1}\n{"_id": 2}\n')
    done = run("import", tmp_path / "db", "c", tmp_path / "a.jsonl", "--rejects", "/dev/full")

    assert done.code == 1
    assert done.stderr.startswith(
        "nosqlpy: /dev/full: No space left on device; 1 imported before it, up to line 1; tail "
    )
    assert run("find", tmp_path / "db", "c").documents == [{"_id": 1}]


@pytest.mark.parametrize("rejects", ["a.jsonl", "db/MANIFEST", "db/new.jsonl"])
def test_rejects_do_not_overwrite_what_is_imported_or_the_database(tmp_path, rejects):
    text = b'{"_id":1}\n{"_id":2}\n'
    (tmp_path / "a.jsonl").write_bytes(text)
    done = run("import", tmp_path / "db", "c", tmp_path / "a.jsonl")
    assert done.code == 0

    refused = run("import", (tmp_path / "db").as_uri(), "c", tmp_path / "a.jsonl", "--rejects", tmp_path / rejects)

    assert refused.code == 2
    assert "write the rejects to another file" in refused.stderr
    assert (tmp_path / "a.jsonl").read_bytes() == text
    assert run("count", tmp_path / "db", "c").stdout == b"2\n"


def test_a_device_that_takes_nothing_is_named(shop):
    done = run("export", shop, "orders", "/dev/full")

    assert done.code == 1
    assert done.stderr == "nosqlpy: /dev/full: No space left on device\n"


# ── forms ────────────────────────────────────────────────────────────────────────


def test_csv_has_nested_fields_under_dotted_names_and_every_column(shop):
    with Client(shop) as db:
        db["odd"].insert_many([{"_id": 1, "a": 'x,"y"\n'}, {"_id": 2, "at": {"b": [1, None]}, "none": None, "e": {}}])
    done = run("find", shop, "odd", "--csv")

    assert list(csv.DictReader(io.StringIO(done.stdout.decode()))) == [
        {"_id": "1", "a": 'x,"y"\n', "at.b": "", "none": "", "e": ""},
        {"_id": "2", "a": "", "at.b": "[1,null]", "none": "null", "e": "{}"},
    ]


def test_csv_of_nothing_is_nothing(shop):
    assert run("find", shop, "orders", '{"total": -1}', "--csv").stdout == b""


def test_a_table_can_be_had_in_a_pipe(shop):
    done = run("find", shop, "orders", "--table", "--projection", "total", "--limit", "2")

    assert done.stdout == b"_id  total\n  0      0\n  1     10\n"


# ── where the database is ────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (["count", "orders"], b"5\n"),
        (["count", "orders", '{"state": "paid"}'], b"2\n"),
        (["count", "--lock-timeout", "1", "orders", "--json", '{"state": "paid"}'], b"2\n"),
        (["get", "orders", "1", "--csv"], b"_id,total,state,at.city\n1,10,paid,c1\n"),
    ],
)
def test_the_environment_names_the_database_where_the_command_does_not(shop, monkeypatch, capfdbinary, words, output):
    monkeypatch.setenv("NOSQLPY_URL", str(shop))

    assert main(words) == 0
    assert capfdbinary.readouterr().out == output


def test_a_path_counts_more_than_the_environment(shop, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("NOSQLPY_URL", str(tmp_path / "none"))

    assert main(["count", str(shop), "orders"]) == 0
    assert capfd.readouterr().out == "5\n"


def test_options_may_stand_between_the_words(shop, capfd):
    assert main(["count", "--json", str(shop), "--lock-timeout", "1", "orders", '{"state": "paid"}']) == 0
    assert capfd.readouterr().out == "2\n"


# ── advice ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", [["info", "NONE"], ["compact", "EMPTY"], ["import", "LOCKED", "c", "-"]])
def test_an_error_advises_nothing_that_is_python(shop, tmp_path, capfd, command):
    (tmp_path / "EMPTY").mkdir()
    with Client(tmp_path / "LOCKED", exclusive=True) as db:
        db["c"].insert({})
        done = run(*[tmp_path / word if word.isupper() else word for word in command], "--lock-timeout", "0")

    assert done.code == 3
    assert "=" not in done.stderr


# ── doctor ───────────────────────────────────────────────────────────────────────


def test_the_doctor_finds_a_sound_database_sound(do):
    states = {check["check"]: check["state"] for check in do("doctor")}

    assert "wrong" not in states.values()
    assert {"python", "msgspec", "a new database", "opened", "verified", "in use", "writable", "free space"} <= set(
        states
    )


def test_the_doctor_names_every_extra_that_changes_what_there_is(do):
    extras = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    packages = [re.match(r"[\w.]+", line)[0] for name, lines in extras.items() if name != "dev" for line in lines]

    assert set(packages) <= {check["check"] for check in do("doctor")}


def test_the_doctor_looks_at_the_environment_alone(capfd, monkeypatch):
    monkeypatch.delenv("NOSQLPY_URL", raising=False)

    assert main(["doctor"]) == 0
    assert '"opened"' not in capfd.readouterr().out


def test_the_doctor_says_that_nobody_else_uses_a_database(shop, do):
    (check,) = [check for check in do("doctor") if check["check"] == "in use"]

    assert (check["state"], check["finding"]) == ("ok", "no: nobody writes, and who wrote last has closed it")


def test_the_doctor_says_that_a_database_is_in_use(shop, do):
    with Client(shop) as db:
        db["orders"].insert({})
        done = run("doctor", shop)

    (check,) = [check for check in done.documents if check["check"] == "in use"]
    assert (check["state"], check["finding"].split(":")[0]) == ("note", "perhaps")


def test_the_doctor_ends_with_1_where_something_is_wrong(shop, tmp_path):
    segment = max(shop.glob("seg-*"), key=lambda path: path.stat().st_size)
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 0xFF
    segment.write_bytes(data)
    done = run("doctor", shop)

    assert done.code == 1
    assert "wrong" in {check["state"] for check in done.documents}
    assert run("doctor", tmp_path / "none").code == 1
