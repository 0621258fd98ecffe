"""The command that creates an index: what it shows meanwhile, and what Ctrl-C leaves."""

from __future__ import annotations

import re
from contextlib import contextmanager

import pytest

from cli.process import run, run_on_terminal
from nosqlpy import Client
from nosqlpy.cli import progress, writing
from nosqlpy.cli.main import main


@pytest.fixture
def many(tmp_path):
    """A database of documents of which an index is built with a bar, if it must look at all of them."""
    with Client(tmp_path / "db") as db:
        db["c"].insert_many({"_id": n, "a": n, "b": {"x": 5}} for n in range(progress.DOCUMENTS_MIN))
    return tmp_path / "db"


def plain(done):
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", done.stdout.decode())


def test_a_terminal_shows_how_far_an_index_is_and_how_fast(many):
    done = run_on_terminal("create-index", many, "c", "a", "--unique")

    assert done.code == 0
    assert re.search(r"building .*20,000 of 20,000 documents .*[\d,]+ a second", plain(done))
    assert "a_1" in plain(done)


def test_few_documents_are_indexed_without_a_bar(tmp_path):
    with Client(tmp_path / "db") as db:
        db["c"].insert_many({"_id": n, "a": n} for n in range(100))
    done = run_on_terminal("create-index", tmp_path / "db", "c", "a", "--unique")

    assert (done.code, plain(done)) == (0, "index  a_1\n")


def test_nothing_is_shown_in_a_pipe(many):
    done = run("create-index", many, "c", "a", "--unique")

    assert (done.code, done.stdout, done.stderr) == (0, b'{"index":"a_1"}\n', "")


def test_ctrl_c_leaves_no_index(many, monkeypatch, capsys):
    @contextmanager
    def pressed():
        def press(done, total):
            if done > total / 2:
                raise KeyboardInterrupt

        yield press

    monkeypatch.setattr(writing, "building", pressed)
    code = main(["create-index", str(many), "c", "a", "--unique"])
    monkeypatch.undo()

    assert code == 130
    assert "interrupted" in capsys.readouterr().err
    with Client(many) as db:
        assert list(db["c"].index_information()) == ["_id_"]
        assert db["c"].create_index("a", unique=True) == "a_1"
        assert db["c"].find_one({"a": 7})["_id"] == 7


def test_a_wildcard_index_is_created_with_its_projection(tmp_path):
    created = run("create-index", tmp_path / "db", "c", "$**", "--wildcard-projection", '{"notes": 0}')

    assert created.documents == [{"index": "$**_1"}]
    assert run("indexes", tmp_path / "db", "c").documents[1]["wildcardProjection"] == {"notes": 0}
