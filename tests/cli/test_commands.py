"""The commands in a pipe: JSON lines, exit codes, errors in one line."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.process import ENVIRONMENT, run, start
from nosqlpy import Client, __version__
from nosqlpy.cli.main import main

ORDERS = [{"_id": i, "total": i * 10, "state": "paid" if i % 2 else "open", "at": {"city": f"c{i}"}} for i in range(5)]

COPIES = ["backup", "dump", "restore", "repair"]
ADDED = [
    *["get", "distinct", "explain", "aggregate", "schema", "collections", "indexes", "upsert", "update", "delete"],
    *["create-index", "drop-index", "drop", "rename", "doctor"],
]


@pytest.fixture
def shop(tmp_path):
    with Client(tmp_path / "shop") as db:
        db["orders"].insert_many(ORDERS)
        db["orders"].create_index("state")
    return tmp_path / "shop"


def content(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.rglob("*")
    }


# ── reading ──────────────────────────────────────────────────────────────────────


def test_find_prints_the_documents_that_match_as_json_lines(shop):
    done = run("find", shop, "orders", '{"state": "paid"}')

    assert (done.code, done.stderr) == (0, "")
    assert done.documents == [ORDERS[1], ORDERS[3]]


@pytest.mark.parametrize("sort", [["--sort", "-total"], ["--sort=-total"], ["--sort", '{"total": -1}']])
def test_find_sorts_skips_limits_and_projects(shop, sort):
    done = run("find", shop, "orders", *sort, "--skip", "1", "--limit", "2", "--projection", "at.city")

    assert done.documents == [{"_id": 3, "at": {"city": "c3"}}, {"_id": 2, "at": {"city": "c2"}}]


def test_find_takes_a_projection_as_an_array_of_names(shop, capfd):
    assert main(["find", str(shop), "orders", '{"_id": 1}', "--projection", '["total"]']) == 0
    assert capfd.readouterr().out == '{"_id":1,"total":10}\n'


def test_find_takes_a_projection_as_json(shop):
    assert run("find", shop, "orders", '{"_id": 1}', "--projection", '{"_id": 0, "total": 1}').documents == [
        {"total": 10}
    ]


def test_find_understands_and_prints_the_types_of_extended_json(tmp_path):
    text = '{"_id":{"$oid":"57e193d7a9cc81b4027498b5"},"at":{"$date":"2026-11-21T12:00:00Z"}}'
    run("insert", tmp_path / "db", "c", text)

    done = run("find", tmp_path / "db", "c", '{"at": {"$gte": {"$date": "2026-01-01"}}}')

    assert done.stdout == f"{text}\n".encode()


def test_find_that_finds_nothing_prints_nothing(shop):
    done = run("find", shop, "orders", '{"total": -1}')

    assert (done.code, done.stdout, done.stderr) == (0, b"", "")


def test_count_prints_a_number(shop):
    assert run("count", shop, "orders").stdout == b"5\n"
    assert run("count", shop, "orders", '{"total": {"$gt": 10}}').stdout == b"3\n"


def test_info_says_what_there_is(shop):
    (document,) = run("info", shop).documents

    assert document["path"] == str(shop)
    assert document["documents"] == 5
    assert [(found["name"], found["count"], list(found["indexes"])) for found in document["collections"]] == [
        ("orders", 5, ["_id_", "state_1"])
    ]


def test_stats_says_what_is_live_and_how_opening_went(shop):
    (document,) = run("stats", shop).documents

    assert document["documents"] == 5
    assert document["live_bytes"] > 0
    assert document["recovery_clean"] is True


def test_verify_says_what_was_checked(shop):
    (document,) = run("verify", shop).documents

    assert document["ok"] is True
    assert document["documents"] == 5


@pytest.mark.parametrize(
    "arguments",
    [["find", "orders"], ["count", "orders"], ["info"], ["verify"], ["export", "orders", "-"]],
    ids=lambda a: a[0],
)
def test_a_reading_command_changes_and_creates_nothing(shop, tmp_path, arguments):
    command, *rest = arguments
    before = content(shop)

    assert run(command, shop, *rest).code == 0
    assert run(command, tmp_path / "none", *rest).code == 3
    assert content(shop) == before
    assert not (tmp_path / "none").exists()


# ── writing ──────────────────────────────────────────────────────────────────────


def test_insert_prints_the_id_and_makes_the_database(tmp_path):
    done = run("insert", tmp_path / "db", "c", '{"_id": "a", "n": 1}')

    assert done.stdout == b'{"_id":"a"}\n'
    assert run("find", tmp_path / "db", "c").documents == [{"_id": "a", "n": 1}]


def test_insert_from_stdin_prints_each_id(tmp_path):
    done = run("insert", tmp_path / "db", "c", "-", stdin=b'{"_id":1}\n\n{"_id":2}\n')

    assert done.stdout == b'{"_id":1}\n{"_id":2}\n'


def test_insert_from_stdin_names_the_line_that_is_wrong(tmp_path):
    done = run("insert", tmp_path / "db", "c", "-", stdin=b'{"_id":1}\n\n{"_id":\n')

    assert (done.code, done.stdout) == (1, b'{"_id":1}\n')
    assert "line 3, column 8" in done.stderr


def test_import_and_export_go_through_files_and_pipes(shop, tmp_path):
    path = tmp_path / "out.jsonl"

    assert run("export", shop, "orders", path, "--filter", '{"state": "paid"}').documents == [{"exported": 2}]
    exported = run("export", shop, "orders", "-").stdout
    assert run("import", tmp_path / "new", "a", path).documents == [{"imported": 2}]
    assert run("import", tmp_path / "new", "b", "-", stdin=exported).documents == [{"imported": 5}]
    assert run("find", tmp_path / "new", "b").documents == ORDERS


def test_import_takes_a_mode(shop, tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"_id": 1}\n')

    assert run("import", shop, "orders", path).code == 1
    assert run("import", shop, "orders", path, "--mode", "upsert").code == 0
    assert run("count", shop, "orders").stdout == b"5\n"
    assert run("import", shop, "orders", path, "--mode", "replace").code == 0
    assert run("count", shop, "orders").stdout == b"1\n"


def test_compact_says_what_it_saved(shop):
    with Client(shop) as db:
        db["orders"].delete_many({"total": {"$gte": 10}})

    (document,) = run("compact", shop).documents

    assert document["bytes_after"] < document["bytes_before"]
    assert run("count", shop, "orders").stdout == b"1\n"


# ── errors ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "arguments", "text"),
    [
        (1, ["find", "SHOP", "order"], "did you mean 'orders'"),
        (1, ["count", "SHOP", "orders", '{"total": {"$gtt": 1}}'], "did you mean '$gt'"),
        (1, ["insert", "SHOP", "orders", '{"_id": 1}'], "already has a document"),
        (2, ["insert", "SHOP", "orders", '{"a": {"$symbol": "x"}}'], "$symbol"),
        (1, ["import", "SHOP", "orders", "/nonexistent.jsonl"], "/nonexistent.jsonl: No such file or directory"),
        (1, ["import", "SHOP", "orders", "a.bson"], "bson"),
        (2, ["import", "SHOP", "orders", "a.csv", "--types", "a"], "zip=string"),
        (2, ["import", "SHOP", "orders", "-", "--mode", "replace", "--rejects", "/dev/null"], "replace"),
        (1, ["drop", "SHOP", "order"], "did you mean 'orders'"),
        (1, ["rename", "SHOP", "orders", "orders"], "itself"),
        (1, ["drop-index", "SHOP", "orders", "city_1"], "city_1"),
        (1, ["get", "SHOP", "orders", "nobody"], "no document"),
        (2, ["aggregate", "SHOP", "orders", "[{]"], "a pipeline is a JSON array at column 3"),
        (2, ["aggregate", "SHOP", "orders", "7"], "a pipeline is a JSON array"),
        (2, ["update", "SHOP", "orders", "{}"], "UPDATE is missing"),
        (2, ["find", "orders"], "COLLECTION is missing, or PATH, the database, before the others"),
        (2, ["find", "SHOP", "orders", "--json", "--csv"], "--json"),
        (3, ["delete", "NEW", "c", "{}"], "insert, upsert and import make one"),
        (1, ["export", "SHOP", "orders", "/nonexistent/a.jsonl"], "/nonexistent/a.jsonl"),
        (1, ["demo", "--data", "/nonexistent.jsonl"], "/nonexistent.jsonl"),
        (2, [], "COMMAND"),
        (2, ["fnd", "SHOP"], "did you mean 'find'"),
        (2, ["find"], "PATH, COLLECTION"),
        (2, ["find", "SHOP", "orders", "{}", "more"], "more"),
        (2, ["find", "SHOP", "orders", "--limt", "1"], "--limt"),
        (2, ["find", "SHOP", "orders", "--limit", "x"], "whole number"),
        (2, ["find", "SHOP", "orders", "--limit", "-1"], "--limit"),
        (2, ["insert", "SHOP", "orders", "[{}, 7]"], "number 2 is none"),
        (2, ["get", "SHOP", "orders", '{"$date": "x"}'], "$date holds a date"),
        (1, ["get", "SHOP", "orders", "507f1f77bcf86cd799439011"], 'an ObjectId is written {"$oid": "…"}'),
        (2, ["--verbose"], "there is no option --verbose before the command"),
        (2, ["--limit", "3", "find", "SHOP", "orders"], "there is no option --limit before the command"),
        (1, ["count", "SHOP", "zzz"], "there is no collection 'zzz'; there is 'orders'"),
        (2, ["find", "SHOP", "orders", '{"a": '], "column 7"),
        (
            2,
            ["find", "SHOP", "orders", "{a: 1}"],
            "column 2: object keys must be strings; names and texts stand in double",
        ),
        (2, ["find", "SHOP", "orders", "{'a': 1}"], "names and texts stand in double quotes"),
        (2, ["aggregate", "SHOP", "orders", "[{$match: {}}]"], "names and texts stand in double quotes"),
        (2, ["find", "SHOP", "orders", '{"a": {"$date": "x"}}'], "nosqlpy: a filter: a: $date holds a date"),
        (2, ["aggregate", "SHOP", "orders", '[{"$match": {"a": {"$date": "x"}}}]'], "nosqlpy: a pipeline: "),
        (2, ["find", ":memory:", "orders"], "a database in memory ends with the command: name a directory"),
        (2, ["insert", ":memory:", "orders", "{}"], "a database in memory ends with the command: name a directory"),
        (1, ["update", "SHOP", "orders", "{}", '{"a": 1}'], "upsert replaces whole documents"),
        (1, ["rename", "SHOP", "orders", "other"], "'other' exists already; --drop-target replaces it"),
        (3, ["find", "EMPTY", "orders"], "EMPTY': there is no database here; insert, upsert and import make one"),
        (3, ["find", "SOMETHING", "orders"], "SOMETHING' holds 'x' and no database; choose an empty or a new"),
        (3, ["backup", "SHOP", "SOMETHING"], "SOMETHING' must be new or empty; it holds 'x'"),
        (2, ["find", "SHOP", "orders", "[1]"], 'such as {"age": {"$gte": 18}}; this one is none'),
        (
            2,
            ["insert", "SHOP", "orders", "{a: 1}"],
            '{"name": "ada"}; this one is none at column 2: object',
        ),
        (2, ["update", "SHOP", "orders", "{}", "{x}"], 'such as {"$set": {"age": 37}}'),
        (2, ["aggregate", "SHOP", "orders", "{x}"], 'such as {"$match"'),
        (2, ["find", "SHOP", "orders", "--sort", "{x}"], 'such as {"age": -1}'),
        (2, ["find", "SHOP", "orders", "--projection", "{x}"], 'such as {"name": 1}'),
        (2, ["create-index", "SHOP", "orders", "{x}"], 'such as {"age": 1}'),
        (2, ["find", "SHOP", "orders", "--projection", "a,,b"], "a,,b"),
        (2, ["find", "SHOP", "orders", "--sort", ""], "names"),
        (2, ["find", "SHOP", "orders", "--sort", "total:-1"], 'or a JSON object such as {"age": -1}; not'),
        (2, ["find", "SHOP", "orders", "--sort", '[["total", -1]]'], 'or a JSON object such as {"age": -1}; not'),
        (2, ["find", "SHOP", "orders", "--projection", "total:1"], 'or a JSON object such as {"name": 1}; not'),
        (2, ["find", "SHOP", "orders", "--projection", "[total]"], "a projection is a JSON array at column 2"),
        (2, ["create-index", "SHOP", "orders", "title:text"], 'or a JSON object such as {"age": 1}; not'),
        (2, ["find", "SHOP", "../x"], "../x"),
        (2, ["insert", "NEW", "../x", "{}"], "../x"),
        (2, ["insert", "NEW", "c", "{"], "column 2"),
        (2, ["insert", "NEW", "c", "{}", "--durability", "saef"], "safe"),
        (2, ["import", "SHOP", "orders", "a", "--mode", "merge"], "merge"),
        (2, ["info", "http://x/y"], "file:///"),
        (2, ["info", "SHOP", "--lock-timeout", "soon"], "seconds"),
        (1, ["dump", "SHOP", "/nowhere/x.nqd"], "x.nqd"),
        (1, ["dump", "SHOP", "NEW", "--collection", "ordres"], "did you mean 'orders'"),
        (2, ["dump", "SHOP", "NEW", "--compression", "rar"], "zlib"),
        (1, ["restore", "/nowhere/x.nqd", "NEW"], "No such file"),
        (3, ["restore", "FILE", "NEW"], "does not begin as a dump"),
        (3, ["backup", "SHOP", "FOREIGN"], "it holds 'MANIFEST'"),
        (2, ["backup", "SHOP", ":memory:"], "the path of a directory"),
        (3, ["repair", "FOREIGN", "NEW"], "no segment of a database"),
        (3, ["info", "NEW"], "NEW"),
        (3, ["compact", "NEW"], "NEW"),
        (3, ["info", "FILE"], "is a file"),
        (3, ["verify", "FOREIGN"], None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_an_error_is_one_line_with_an_exit_code(shop, tmp_path, capfd, code, arguments, text):
    (tmp_path / "FILE").write_text("x")
    (tmp_path / "FOREIGN").mkdir()
    (tmp_path / "FOREIGN" / "MANIFEST").write_text("x")
    (tmp_path / "SOMETHING").mkdir()
    (tmp_path / "SOMETHING" / "x").touch()
    (tmp_path / "EMPTY").mkdir()
    if "other" in arguments:
        with Client(shop) as db:
            db.create_collection("other")
    names = {"SHOP": shop, **{name: tmp_path / name for name in ("NEW", "FILE", "FOREIGN", "SOMETHING", "EMPTY")}}

    done = main([str(names.get(word, word)) for word in arguments])

    out, err = capfd.readouterr()
    assert (done, out) == (code, "")
    assert err.startswith("nosqlpy: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert (text or "") in err
    assert not (tmp_path / "NEW").exists()


def test_a_damaged_database_is_named_in_the_error(shop, capfd):
    segment = next(shop.glob("seg-*"))
    data = bytearray(segment.read_bytes())
    data[70] ^= 1
    segment.write_bytes(data)

    assert main(["find", str(shop), "orders"]) == 3
    assert capfd.readouterr().err.startswith(f"nosqlpy: '{shop}': {segment.name} is damaged")


@pytest.mark.parametrize(
    ("words", "stdin", "answer"),
    [
        (["count", "SHOP", "orders", "-"], '{"total": {"$gte": 10}}', "4\n"),
        (["aggregate", "SHOP", "orders", "-"], '[{"$match": {"_id": 1}},\n {"$project": {"_id": 1}}]\n', '{"_id":1}\n'),
        (["update", "SHOP", "orders", "{}", "-"], '{"$set": {"x": 1}}', '{"matched":1,"modified":1}\n'),
        (["delete", "SHOP", "orders", "-"], '{"_id": 1}', '{"deleted":1}\n'),
    ],
)
def test_a_dash_stands_for_what_is_on_stdin(shop, capfdbinary, monkeypatch, words, stdin, answer):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))

    assert main([str(shop) if word == "SHOP" else word for word in words]) == 0
    assert capfdbinary.readouterr().out.decode() == answer


def test_insert_takes_an_array_of_documents_and_says_which_one_is_refused(tmp_path, capfd):
    place = str(tmp_path / "new")

    assert main(["insert", place, "a", '[{"_id": 1}, {"_id": 2}]']) == 0
    assert capfd.readouterr().out == '{"_id":1}\n{"_id":2}\n'
    assert main(["insert", place, "a", '[{"_id": 3}, {"_id": 2}, {"_id": 4}]']) == 1
    assert capfd.readouterr()[1].startswith("nosqlpy: document 2: collection 'a' already has a document")
    assert main(["count", place, "a"]) == 0
    assert capfd.readouterr().out == "3\n"


def test_a_form_may_stand_before_the_command_and_help_too(shop, capfd):
    assert main(["--csv", "get", str(shop), "orders", "1", "--lock-timeout", "1"]) == 0
    assert capfd.readouterr().out.startswith("_id,total,state")
    assert main(["help", "find"]) == 0
    assert capfd.readouterr().out.startswith("usage: nosqlpy find ")
    assert main(["help"]) == 0
    assert capfd.readouterr().out.startswith("usage: nosqlpy [-h]")


def test_a_dash_is_a_filter_where_the_environment_names_the_database(shop, capfd, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"_id": 1}')))
    monkeypatch.setenv("NOSQLPY_URL", str(shop))

    assert main(["count", "orders", "-"]) == 0
    assert capfd.readouterr().out == "1\n"


def test_a_backup_can_be_used_like_the_original(shop, tmp_path):
    (report,) = run("backup", shop, tmp_path / "copy").documents

    assert report["documents"] == 5
    assert run("find", tmp_path / "copy", "orders").documents == ORDERS


def test_a_dump_is_restored_through_files(shop, tmp_path):
    (report,) = run("dump", shop, tmp_path / "shop.nqd", "--compression", "zlib", "--collection", "orders").documents
    (came,) = run("restore", tmp_path / "shop.nqd", tmp_path / "again").documents

    assert (report["documents"], came["documents"]) == (5, 5)
    assert run("find", tmp_path / "again", "orders").documents == ORDERS


def test_a_dump_is_restored_through_a_pipe(shop, tmp_path):
    dumped = run("dump", shop, "-")
    run("restore", "-", tmp_path / "again", stdin=dumped.stdout)

    assert (dumped.code, dumped.stderr) == (0, "")
    assert run("find", tmp_path / "again", "orders").documents == ORDERS


def test_repair_says_what_was_lost_and_ends_with_1(shop, tmp_path):
    segment = next(shop.glob("seg-*"))
    segment.write_bytes(segment.read_bytes().replace(b"c3", b"c4"))
    done = run("repair", shop, tmp_path / "new")

    assert done.code == 1
    assert done.documents[0]["lost"][0]["documents"] == [{"collection": "orders", "_id": 3}]
    assert run("count", tmp_path / "new", "orders").stdout == b"4\n"


def test_repair_of_an_intact_database_ends_with_0(shop, tmp_path):
    assert run("repair", shop, tmp_path / "new").code == 0
    assert run("find", tmp_path / "new", "orders").documents == ORDERS


def test_a_locked_database_is_storage_trouble_and_names_the_holder(shop):
    with Client(shop, exclusive=True) as db:
        db["orders"].insert({})
        done = run("import", shop, "orders", "-", "--lock-timeout", "0")

    assert done.code == 3
    assert str(os.getpid()) in done.stderr


def test_a_damaged_database_is_storage_trouble(shop):
    segment = max(shop.glob("seg-*"), key=lambda path: path.stat().st_size)
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 0xFF
    segment.write_bytes(data)

    done = run("verify", shop)

    assert done.code == 3
    assert done.stderr.count("\n") == 1


def test_help_and_version_are_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"nosqlpy {__version__}\n"
    for command in [
        "demo",
        "info",
        "find",
        "insert",
        "count",
        "import",
        "export",
        "compact",
        "verify",
        "stats",
        *COPIES,
        *ADDED,
    ]:
        assert main([command, "--help"]) == 0
        out = capsys.readouterr().out
        assert f"usage: nosqlpy {command} " in out
        assert "example:\n  nosqlpy" in out


def test_help_without_a_command_has_examples_and_the_exit_codes(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out

    assert "examples:" in out
    assert "exit codes: 0" in out


# ── signals ──────────────────────────────────────────────────────────────────────


def test_a_reader_that_goes_away_ends_the_command_silently(tmp_path):
    with Client(tmp_path / "db") as db:
        db["c"].insert_many([{"text": "x" * 1000} for _ in range(2000)])

    with start("find", tmp_path / "db", "c", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline()
        process.stdout.close()
        stderr = process.stderr.read()

    assert process.returncode == 141
    assert stderr == b""


def test_ctrl_c_ends_the_command_with_130_and_keeps_what_was_written(tmp_path):
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start("insert", tmp_path / "db", "c", "-", **options) as process:
        process.stdin.write(b'{"_id":1}\n')
        process.stdin.flush()
        assert process.stdout.readline() == b'{"_id":1}\n'
        process.send_signal(signal.SIGINT)
        stderr = process.stderr.read()

    assert process.returncode == 130
    assert stderr == b"nosqlpy: interrupted\n"
    assert run("find", tmp_path / "db", "c").documents == [{"_id": 1}]


def test_an_acknowledged_insert_survives_a_kill(tmp_path):
    with start("insert", tmp_path / "db", "c", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for i in range(100):
            process.stdin.write(b'{"_id":%d}\n' % i)
        process.stdin.flush()
        acknowledged = [process.stdout.readline() for _ in range(50)]
        process.kill()

    assert len(acknowledged) == 50
    assert run("find", tmp_path / "db", "c").stdout.startswith(b"".join(acknowledged))


def test_output_is_utf8_whatever_the_locale(tmp_path):
    with Client(tmp_path / "db") as db:
        db["c"].insert({"_id": 1, "text": "žluťoučký 🐎"})

    done = subprocess.run(
        [sys.executable, "-m", "nosqlpy", "find", tmp_path / "db", "c"],
        capture_output=True,
        env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
        check=True,
    )

    assert done.stdout == '{"_id":1,"text":"žluťoučký 🐎"}\n'.encode()
