"""What the command line says: the command, its words and its options, in any order."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from itertools import takewhile
from typing import NoReturn

from nosqlpy.cli.arguments import STANDARD, UsageError
from nosqlpy.naming import nearest

VARIABLE = "NOSQLPY_URL"
FORMS = frozenset({"--json", "--csv", "--table"})


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UsageError(f"{message}; see {self.prog} --help")


def parse(parser: Parser, commands: dict[str, Parser], argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments, with the function to call as ``run``.

    Raises:
        UsageError: They make no sense.
        SystemExit: They ask for help or the version, which has been printed.
    """
    argv = _reordered(argv, commands)
    if argv and _is_option(argv[0].partition("=")[0]) and argv[0] not in parser._option_string_actions:  # noqa: SLF001
        parser.error(f"there is no option {argv[0]} before the command")
    words = [word for word in argv if not word.startswith("-")]
    if words and words[0] not in commands:
        raise UsageError(f"there is no command {words[0]!r}{nearest(words[0], commands)}; see nosqlpy --help")
    if not argv or argv[0] not in commands:
        return parser.parse_args(argv)
    chosen = commands[argv[0]]
    options, words = _sorted_out(chosen, argv[1:])
    words = _with_path(chosen, words)
    return chosen.parse_args([*options, "--", *words] if words else options)


def _reordered(argv: Sequence[str], commands: dict[str, Parser]) -> list[str]:
    """Return the words with the command first: ``--json`` may stand before it, and ``help find`` asks for help."""
    if argv and argv[0] == "help" and not argv[2:]:
        return [*argv[1:], "--help"]
    before = list(takewhile(FORMS.__contains__, argv))
    rest = argv[len(before) :]
    return [rest[0], *before, *rest[1:]] if rest and rest[0] in commands else list(argv)


def _sorted_out(parser: Parser, argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the options, each with its value behind a ``=``, and the words.

    argparse itself takes the value of ``--sort -age`` for an option, and loses words behind options.

    Raises:
        UsageError: There is no such option.
    """
    options: list[str] = []
    words: list[str] = []
    rest = iter(argv)
    for word in rest:
        if word == "--":
            words.extend(rest)
        elif not _is_option(word):
            words.append(word)
        elif "=" not in word and _takes_value(parser, word):
            value = next(rest, None)
            options.append(word if value is None else f"{word}={value}")
        else:
            options.append(word)
    return options, words


def _is_option(word: str) -> bool:
    """Return whether a word is an option: ``-`` is stdin, ``-5`` a number, and ``-age`` a key that descends."""
    return word == "-h" or (word.startswith("--") and len(word) > len("--"))


def _takes_value(parser: Parser, option: str) -> bool:
    known = parser._option_string_actions  # noqa: SLF001 - argparse has no other way to ask
    if option not in known:
        parser.error(f"there is no option {option}{nearest(option, known)}")
    return known[option].nargs != 0


def _with_path(parser: Parser, words: list[str]) -> list[str]:
    """Return the words with the database of ``NOSQLPY_URL`` before them, where they name none."""
    positionals = parser._get_positional_actions()  # noqa: SLF001 - likewise
    url = os.environ.get(VARIABLE)
    if not positionals or positionals[0].dest != "path":
        return words
    needed = sum(action.nargs is None for action in positionals)
    if not url:
        if 0 < len(words) == needed - 1:
            parser.error(f"{positionals[needed - 1].metavar} is missing, or PATH, the database, before the others")
        return words
    # a filter that stands where a name should: the words suffice only because it may be left out
    last = "".join(words[-1:]).lstrip()
    filtered = len(words) == needed < len(positionals) and (last.startswith("{") or last == STANDARD)
    return [url, *words] if len(words) < max(needed, 1) or filtered else words
