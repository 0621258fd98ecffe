"""The commands on a terminal: for reading, with rich and without."""

from __future__ import annotations

import re

import msgspec
import pytest

from cli.process import run_on_terminal
from nosqlpy import Client

# a module of this name before the real one, as if rich were not installed
NO_RICH = "raise ImportError('not installed')\n"


@pytest.fixture
def shop(tmp_path):
    with Client(tmp_path / "shop") as db:
        db["orders"].insert_many([{"_id": i, "total": 1234567 * i} for i in range(2)])
        db["[red]x"].insert({"_id": "a\x9b31m"})
    return tmp_path / "shop"


@pytest.fixture(params=["rich", "plain"])
def terminal(request, tmp_path):
    """Return a function that runs the command on a terminal and returns what it shows, without colours."""
    environment = {}
    if request.param == "plain":
        (tmp_path / "hidden").mkdir()
        (tmp_path / "hidden" / "rich.py").write_text(NO_RICH)
        environment["PYTHONPATH"] = f"{tmp_path / 'hidden'}:{__import__('cli.process').process.SOURCE}"

    def show(*arguments):
        done = run_on_terminal(*arguments, environment=environment)
        assert (b"\x1b[" in done.stdout) <= (request.param == "rich")
        return done.code, re.sub(r"\x1b\[[0-9;]*m", "", done.stdout.decode())

    return show


def test_documents_are_a_table(shop, terminal):
    with Client(shop) as db:
        db["orders"].insert({"_id": "x", "at": {"city": "Brno"}, "text": "t" * 100})
    code, shown = terminal("find", shop, "orders")

    assert code == 0
    assert [line.split() for line in shown.splitlines()] == [
        ["_id", "total", "at", "text"],
        ["0", "0"],
        ["1", "1234567"],
        ["x", '{"city":"Brno"}', "t" * 59 + "…"],
    ]


def test_no_colour_is_shown_where_the_environment_says_so(shop):
    done = run_on_terminal("info", shop, environment={"NO_COLOR": "1"})

    assert b"orders" in done.stdout
    assert b"\x1b" not in done.stdout


def test_values_are_a_column(shop, terminal):
    assert terminal("distinct", shop, "orders", "total") == (0, "  total\n      0\n1234567\n")


def test_csv_can_be_had_there_too(shop, terminal):
    assert terminal("find", shop, "orders", "--csv") == (0, "_id,total\n0,0\n1,1234567\n")


def test_one_document_is_indented(shop, terminal):
    code, shown = terminal("get", shop, "orders", "0")

    assert code == 0
    assert [line.rstrip() for line in shown.splitlines()] == ["{", '  "_id": 0,', '  "total": 0', "}"]


def test_no_colour_of_a_document_needs_a_dark_terminal(shop):
    done = run_on_terminal("get", shop, "orders", "0")

    assert b"total" in done.stdout
    assert not re.search(rb"\x1b\[(?:37|97)[0-9;]*m *[^ \x1b]", done.stdout)


def test_json_lines_can_be_had_there_too(shop, terminal):
    _, shown = terminal("find", shop, "orders", "--json")

    assert [msgspec.json.decode(line) for line in shown.splitlines()] == [
        {"_id": 0, "total": 0},
        {"_id": 1, "total": 1234567},
    ]


def test_info_is_a_table(shop, terminal):
    code, shown = terminal("info", shop)

    assert code == 0
    assert re.search(r"^collections +2$", shown, re.MULTILINE)
    assert re.search(r"^collection +documents +bytes +indexes *$", shown, re.MULTILINE)
    assert re.search(r"^orders +2 +\d+ +_id_ *$", shown, re.MULTILINE)
    assert re.search(r"^\[red\]x +1 ", shown, re.MULTILINE)


def test_a_document_cannot_command_the_terminal(shop, terminal):
    _, shown = terminal("find", shop, "[red]x")

    assert "\\u009b31m" in shown
    assert "\x9b" not in shown


def test_results_are_fields_with_grouped_numbers(shop, terminal, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a":1}\n' * 1234)

    assert terminal("import", shop, "new", path) == (0, "imported  1,234\n")


def test_an_error_is_one_line(shop, terminal):
    assert terminal("find", shop, "order") == (1, "nosqlpy: there is no collection 'order'; did you mean 'orders'?\n")


def test_a_repair_shows_a_table_of_what_was_lost(shop, terminal, tmp_path):
    segment = next(shop.glob("seg-*"))
    segment.write_bytes(segment.read_bytes() + b"torn")
    code, shown = terminal("repair", shop, tmp_path / "new")

    assert code == 1
    assert re.search(r"^documents +3$", shown, re.MULTILINE)
    assert re.search(rf"^{segment.name} +[\d,]+ +4 +0 +holds no intact frame *$", shown, re.MULTILINE)


def test_a_large_import_shows_how_far_it_is_and_names_the_file_in_an_error(shop, tmp_path):
    path = tmp_path / "large.jsonl"
    path.write_bytes((b'{"text":"' + b"x" * 100_000 + b'"}\n') * 90 + b"x")
    done = run_on_terminal("import", shop, "large", path)

    assert done.code == 1
    assert b"MB" in done.stdout
    assert f"{path}: line 91, column 1: ".encode() in done.stdout
    assert b"(90 imported before it)" in done.stdout
