"""What a terminal shows without rich while a file is imported or an index built: one line, written over."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

import pytest

from nosqlpy import Client
from nosqlpy.cli import progress
from nosqlpy.cli.main import main

LINE = r"\r{}  [\d,]+ of {}, [\d,]+ \w+ a second, \d+:\d\d left"


class Terminal(io.StringIO):
    """A stderr on which somebody looks."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr(progress, "_has_rich", lambda: False)
    monkeypatch.setattr(progress, "EVERY_S", 0)
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=Terminal()))
    return progress.sys.stderr


@pytest.fixture
def many(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "DOCUMENTS_MIN", 2000)
    with Client(tmp_path / "many") as db:
        db["c"].insert_many({"_id": n, "a": n} for n in range(2000))
    return tmp_path / "many"


def test_an_import_shows_how_far_it_is_and_takes_the_line_away(terminal, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "SIZE_MIN", 100)
    monkeypatch.setattr(progress, "BUFFER_SIZE", 1000)
    file = tmp_path / "a.jsonl"
    file.write_text("".join(f'{{"_id":{n},"text":"{"x" * 300}"}}\n' for n in range(3000)))

    assert main(["import", str(tmp_path / "db"), "c", str(file)]) == 0
    shown = terminal.getvalue()
    assert re.search(LINE.format("importing", "1 MB"), shown)
    assert re.search(r"\r +\r$", shown)
    assert "3000" in capsys.readouterr().out
    with Client(tmp_path / "db") as db:
        assert db["c"].count() == 3000


def test_a_refused_import_takes_the_line_away_too(terminal, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "SIZE_MIN", 100)
    file = tmp_path / "a.jsonl"
    file.write_text('{"a":1}\n' * 100 + "{")

    assert main(["import", str(tmp_path / "db"), "c", str(file)]) == 1
    assert re.search(r"\r +\r$", terminal.getvalue())
    assert "line 101, column 2" in capsys.readouterr().err


def test_the_building_of_an_index_is_shown(terminal, tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "DOCUMENTS_MIN", 2000)
    with Client(tmp_path / "db") as db:
        db["c"].insert_many({"_id": n, "a": n} for n in range(2000))

    assert main(["create-index", str(tmp_path / "db"), "c", "a", "--unique"]) == 0
    assert re.search(LINE.format("building", "2,000 documents"), terminal.getvalue())


def test_nothing_is_shown_of_small_files_and_few_documents(terminal, tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"a":1}\n')

    assert main(["import", str(tmp_path / "db"), "c", str(file)]) == 0
    assert main(["create-index", str(tmp_path / "db"), "c", "a", "--unique"]) == 0
    assert terminal.getvalue() == ""


def test_an_export_shows_how_far_it_is_also_in_two_passes(terminal, many, tmp_path):
    for name in ("a.jsonl", "a.csv"):
        assert main(["export", str(many), "c", str(tmp_path / name)]) == 0

    assert (
        len(
            re.findall(
                r"\rexporting  2,000 of 2,000 documents, [\d,]+ documents a second, 0:00 left", terminal.getvalue()
            )
        )
        == 2
    )
    assert re.search(r"\r +\r$", terminal.getvalue())


def test_a_dump_and_a_compaction_show_how_far_they_are(terminal, many, tmp_path):
    assert main(["dump", str(many), str(tmp_path / "a.nqd")]) == 0
    assert main(["compact", str(many)]) == 0

    assert re.search(r"\rdumping  2,000 of 2,000 documents", terminal.getvalue())
    assert re.search(r"\rcompacting  2,000 of 2,000 documents", terminal.getvalue())


def test_a_restore_shows_how_far_it_is_and_names_a_damaged_file(terminal, many, tmp_path, monkeypatch, capsys):
    file = tmp_path / "a.nqd"
    assert main(["dump", str(many), str(file)]) == 0
    monkeypatch.setattr(progress, "SIZE_MIN", 100)
    assert main(["restore", str(file), str(tmp_path / "again")]) == 0
    assert "\rrestoring  " in terminal.getvalue()
    file.write_bytes(file.read_bytes()[:-100])
    capsys.readouterr()

    assert main(["restore", str(file), str(tmp_path / "third")]) == 3
    assert capsys.readouterr().err.startswith(f"nosqlpy: {file} is cut short")
