"""What the commands write where: a terminal is shown nothing that it would obey, and no stream ends in a traceback."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from cli.process import COMMAND, ENVIRONMENT, run_on_terminal
from nosqlpy import Client
from nosqlpy.cli.main import main
from nosqlpy.cli.tables import table_lines, width_of

OBEYED = "\x1b[31m\x07\x9b2J\u202e"


@pytest.fixture
def shop(tmp_path):
    with Client(tmp_path / "shop") as db:
        db["hostile"].insert({"_id": 1, f"key{OBEYED}": OBEYED, "name": "日本"})
        db["wide"].insert_many({"_id": n, **{f"field{m}": "v" * 20 for m in range(20)}} for n in range(2))
    return tmp_path / "shop"


def in_shell(script, **environment):
    return subprocess.run(
        ["bash", "-c", script.replace("nosqlpy", " ".join(COMMAND))],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**ENVIRONMENT, "NO_COLOR": "1", **environment},
        timeout=60,
        check=False,
    )


@pytest.fixture
def terminal(capfd, monkeypatch):
    """Return a function that runs a command here, as if on a terminal, and returns its code, output and errors."""

    def show(*words):
        with monkeypatch.context() as patch:
            terminal = Terminal(sys.stdout.buffer, encoding="utf-8")
            patch.setattr(sys, "stdout", terminal)
            code = main([str(word) for word in words])
        terminal.detach()
        return code, *capfd.readouterr()

    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    return show


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


def test_a_real_terminal_is_not_commanded(shop):
    done = run_on_terminal("find", shop, "hostile", "--csv")

    assert b"key" in done.stdout
    assert b"\x1b" not in done.stdout


@pytest.mark.parametrize("words", [["find"], ["find", "--json"], ["find", "--csv"], ["schema"], ["export", "-"]])
def test_no_form_of_output_commands_a_terminal(shop, terminal, words):
    command, *rest = words
    code, shown, _ = terminal(command, shop, "hostile", *rest)

    assert code == 0
    assert "key" in shown
    assert not set(shown.replace("\r", "")) & set(OBEYED[:1] + OBEYED[5:7] + OBEYED[-1])


def test_a_pipe_gets_every_byte_as_it_is_stored(shop):
    done = in_shell(f"nosqlpy find {shop} hostile --csv")

    assert done.stdout.decode().splitlines()[1] == f"1,{OBEYED},日本"


@pytest.mark.parametrize("words", ["dump {} -", "export {} hostile - --format bson"])
def test_binary_output_is_kept_from_a_terminal(shop, terminal, words):
    code, shown, said = terminal(*words.format(shop).split())

    assert (code, shown) == (2, "")
    assert "is not for a terminal: name a file" in said


@pytest.mark.parametrize("command", ["count {} wide", "export {} wide -"])
def test_a_full_disk_behind_stdout_is_an_error_of_one_line(shop, command):
    done = in_shell(f"nosqlpy {command.format(shop)} >/dev/full")

    assert (done.returncode, done.stderr) == (1, b"nosqlpy: stdout: No space left on device\n")


@pytest.mark.parametrize("command", ["export {} wide /dev/full", "dump {} /dev/full"])
def test_a_full_disk_behind_a_file_names_the_file(shop, command, capfd):
    code = main(command.format(shop).split())

    assert (code, capfd.readouterr().err) == (1, "nosqlpy: /dev/full: No space left on device\n")


def test_a_closed_stdout_ends_a_command_before_it_does_anything(shop):
    done = in_shell(f"nosqlpy drop {shop} wide >&-")

    assert (done.returncode, done.stderr) == (1, b"nosqlpy: stdout: it is closed, and there is nowhere to print to\n")
    with Client(shop) as db:
        assert db["wide"].count() == 2


def test_closed_stdin_and_stderr_do_not_hinder(shop):
    done = in_shell(f"nosqlpy count {shop} wide <&- 2>&-")

    assert (done.returncode, done.stdout) == (0, b"2\n")


def test_a_table_is_printed_in_a_locale_that_lacks_the_characters(shop):
    done = in_shell(f"nosqlpy find {shop} hostile --table", PYTHONIOENCODING="ascii")

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u65e5\\u672c" in done.stdout


def test_columns_that_fit_no_terminal_are_fields_one_below_the_other(shop, terminal):
    _, text, _ = terminal("find", shop, "wide")
    lines = text.splitlines()

    assert lines[:3] == ["_id      0", "field0   " + "v" * 20, "field1   " + "v" * 20]
    assert (len(lines), lines[21], lines[22]) == (43, "", "_id      1")


def shown(rows, width):
    titles = [f"t{n}" for n in range(len(rows[0]))]
    return [line for line, _ in table_lines(titles, rows, [False] * len(titles), width)]


def test_the_widest_columns_are_cut_to_the_width_of_the_terminal():
    lines = shown([["a" * 10, "b" * 50, "c" * 40]], 60)

    assert len(lines[1]) == 60
    assert lines[1] == f"{'a' * 10}  {'b' * 22}…  {'c' * 22}…"


def test_nothing_is_cut_that_fits():
    assert shown([["a" * 10, "b" * 40]], 52) == ["t0          t1", f"{'a' * 10}  {'b' * 40}"]


def test_wide_characters_take_two_places_and_joining_ones_none():
    assert [width_of(text) for text in ("abc", "日本", "e\u0301", "🎉")] == [3, 4, 1, 2]


def test_columns_stay_in_line_behind_wide_characters():
    lines = shown([["日本", "x"], ["abcde", "y"], ["e\u0301", "z"]], None)

    assert [width_of(line[:-1]) for line in lines[1:]] == [7, 7, 7]


@pytest.mark.parametrize("width", range(8, 20))
def test_no_line_is_wider_than_the_terminal(width):
    lines = shown([["日本語テキスト" * 9, "a" * 70], ["x", "🎉" * 30]], width)

    assert max(map(width_of, lines)) <= max(width, 12)


def test_nothing_of_an_emoji_in_words_is_replaced(tmp_path, terminal):
    with Client(tmp_path / "db") as db:
        db["a"].create_index("b")
        db["a"].insert({"b": ":cat:"})
    _, text, _ = terminal("explain", tmp_path / "db", "a", '{"b": ":cat:"}')

    assert ":cat:" in text
