"""`nosqlpy top`: which calls of a profile's file take the time, in a pipe and on a terminal."""

from __future__ import annotations

import msgspec
import pytest

from cli.process import run, run_on_terminal
from nosqlpy import Client


@pytest.fixture
def recorded(tmp_path):
    """The file of a profile with calls of three shapes."""
    path = tmp_path / "calls.jsonl"
    with Client(":memory:") as db, db.profile(path=path):
        db["orders"].insert_many([{"_id": n, "total": n} for n in range(2000)])
        db["orders"].find({"total": {"$gt": 1990}}).to_list()
        for id in range(3):
            db["orders"].get(id)
    return path


def test_in_a_pipe_each_shape_is_a_json_line_with_what_its_calls_took(recorded):
    done = run("top", recorded, "--sort", "calls")

    assert done.code == 0
    assert done.documents[0]["calls"] == 3
    (find,) = (row for row in done.documents if row["operation"] == "find")
    assert {**find, "total_ms": 0, "mean_ms": 0, "max_ms": 0} == {
        "total_ms": 0,
        "calls": 1,
        "mean_ms": 0,
        "max_ms": 0,
        "keys": 0,
        "docs": 2000,
        "returned": 9,
        "errors": 0,
        "operation": "find",
        "collection": "orders",
        "plan": "COLLSCAN",
        "shape": "{total: {$gt: ?}}",
    }


def test_the_most_expensive_shapes_come_first_and_no_more_than_asked_for(recorded):
    everything = run("top", recorded, "--sort", "mean", "--limit", "0").documents

    assert len(everything) == 3
    assert [row["mean_ms"] for row in everything] == sorted((row["mean_ms"] for row in everything), reverse=True)
    assert run("top", recorded, "--sort", "mean", "--limit", "2").documents == everything[:2]


def test_on_a_terminal_it_is_a_table(recorded):
    done = run_on_terminal("top", recorded, "--sort", "docs", environment={"NO_COLOR": "1"})
    titles, first, *_ = done.stdout.decode().splitlines()

    assert done.code == 0
    assert titles.split()[:3] == ["total_ms", "calls", "mean_ms"]
    assert {"find", "orders", "COLLSCAN", "2000"} <= set(first.split())


def test_the_operations_may_come_from_stdin(recorded):
    assert run("top", "-", stdin=recorded.read_bytes()).documents == run("top", recorded).documents


@pytest.mark.parametrize("line", [b"{}\n", b'{"operation":'])
def test_a_line_that_no_profile_wrote_is_refused_by_its_number(recorded, line):
    done = run("top", "-", stdin=recorded.read_bytes() + line)

    assert (done.code, done.stdout) == (1, b"")
    assert done.stderr == "nosqlpy: line 6 is no operation that a profile has recorded\n"


def test_the_file_of_a_profile_holds_what_msgspec_reads_back(recorded):
    assert [msgspec.json.decode(line)["operation"] for line in recorded.read_bytes().splitlines()] == [
        "insert_many",
        "find",
        "get",
        "get",
        "get",
    ]
