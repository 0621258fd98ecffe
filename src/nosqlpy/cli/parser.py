"""The grammar of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import nosqlpy
from nosqlpy.cli import commands
from nosqlpy.cli.arguments import UsageError, parse_document, parse_projection, parse_sort
from nosqlpy.cli.demo.command import run_demo
from nosqlpy.naming import nearest

EXAMPLES = """\
examples:
  nosqlpy demo                                            see it work on real data
  nosqlpy import shop orders orders.jsonl                 read a JSON Lines file
  nosqlpy find shop orders '{"total": {"$gte": 100}}' --sort -total --limit 3
  nosqlpy count shop orders '{"state": "paid"}'
  nosqlpy export shop orders - --filter '{"state": "paid"}' | gzip > paid.jsonl.gz
  nosqlpy verify shop
  nosqlpy backup shop backups/monday                      a copy that opens
  nosqlpy dump shop shop.nqd --compression zlib           one file
  nosqlpy restore shop.nqd shop-again

exit codes: 0 done; 1 cannot be done; 2 wrong command line; 3 the database cannot be used (not there,
locked, damaged, disk full); 130 Ctrl-C. On a terminal output is for reading, elsewhere JSON Lines.
"""

# options whose value may begin with a dash, as in --sort -age
_DASHED = ("--sort",)


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UsageError(f"{message}; see {self.prog} --help")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments, with the function to call as ``run``.

    Raises:
        UsageError: They make no sense.
        SystemExit: They ask for help or the version, which has been printed.
    """
    parser, names = _build()
    words = [word for word in argv if not word.startswith("-")]
    if words and words[0] not in names:
        raise UsageError(f"there is no command {words[0]!r}{nearest(words[0], names)}; see nosqlpy --help")
    return parser.parse_args(_joined(argv))


def _joined(argv: Sequence[str]) -> list[str]:
    """Return the arguments with ``--sort -age`` as ``--sort=-age``: argparse would take the value for an option."""
    joined: list[str] = []
    for word in argv:
        if joined and joined[-1] in _DASHED:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _build() -> tuple[Parser, list[str]]:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = Parser(
        prog="nosqlpy",
        description="An embedded document database with MongoDB's query language.",
        epilog=EXAMPLES,
        formatter_class=formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"nosqlpy {nosqlpy.__version__}")
    found = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str, example: str) -> Parser:
        made = found.add_parser(
            name,
            help=text,
            description=f"{text}.",
            epilog=f"example:\n  {example}",
            formatter_class=formatter,
            allow_abbrev=False,
        )
        made.set_defaults(run=run)
        return made

    _add_demo(command)
    _add_reading(command)
    _add_writing(command)
    _add_files(command)
    _add_copies(command)
    return parser, list(found.choices)


Command = Callable[[str, Callable[[argparse.Namespace], int], str, str], Parser]


def _add_demo(command: Command) -> None:
    demo = command("demo", run_demo, "See it work, and checked, on real data", "nosqlpy demo --data zips.jsonl")
    demo.add_argument("--data", metavar="FILE", help="a JSON Lines file (default: Unicode's own character database)")
    demo.add_argument("--dir", metavar="DIR", help="keep the database there (default: a temporary directory)")
    demo.add_argument("--acknowledge", metavar="FILE", help="append a JSON line to FILE for every acknowledged write")
    _add_json(demo)


def _add_reading(command: Command) -> None:
    info = command("info", commands.info, "Show what a database holds", "nosqlpy info shop")
    _add_place(info, collection=False)
    find = command(
        "find", commands.find, "Print the documents that match", 'nosqlpy find shop orders \'{"total": {"$gte": 100}}\''
    )
    _add_place(find)
    _add_filter(find)
    find.add_argument("--projection", type=parse_projection, help="name,address.city or a JSON object")
    find.add_argument("--sort", type=parse_sort, help="-age,name or a JSON object")
    find.add_argument("--skip", type=_natural, default=0, metavar="N", help="leave out the first N")
    find.add_argument("--limit", type=_natural, default=0, metavar="N", help="print at most N (0: all)")
    count = command("count", commands.count, "Print how many documents match", "nosqlpy count shop orders")
    _add_place(count)
    _add_filter(count)
    stats = command("stats", commands.stats, "Show what is live and what is dead", "nosqlpy stats shop")
    _add_place(stats, collection=False)
    verify = command("verify", commands.verify, "Check every byte on disk", "nosqlpy verify shop")
    _add_place(verify, collection=False)


def _add_writing(command: Command) -> None:
    insert = command(
        "insert",
        commands.insert,
        "Insert a document, or one for each line of stdin, and print each _id once it is safe",
        'nosqlpy insert shop orders \'{"total": 12.5, "at": {"$date": "2026-11-21T12:00:00Z"}}\'',
    )
    _add_place(insert)
    insert.add_argument("document", metavar="DOCUMENT", help="a JSON object, or - for JSON Lines on stdin")
    _add_durability(insert)
    compact = command("compact", commands.compact, "Give back the space of what is dead", "nosqlpy compact shop")
    _add_place(compact, collection=False)


def _add_files(command: Command) -> None:
    load = command("import", commands.load, "Import a JSON Lines file", "nosqlpy import shop orders orders.jsonl")
    _add_place(load)
    load.add_argument("file", metavar="FILE", help="a JSON Lines file, or - for stdin")
    load.add_argument(
        "--mode",
        choices=("insert", "upsert", "replace"),
        default="insert",
        help="insert: refuse an _id that is taken (default); upsert: replace those documents; replace: empty first",
    )
    _add_format(load)
    _add_durability(load)
    export = command("export", commands.export, "Export a JSON Lines file", "nosqlpy export shop orders orders.jsonl")
    _add_place(export)
    export.add_argument("file", metavar="FILE", help="written completely or not at all; - for stdout")
    export.add_argument("--filter", type=_filter, metavar="JSON", help="only documents that match")
    export.add_argument("--projection", type=parse_projection, help="name,address.city or a JSON object")
    _add_format(export)


def _add_copies(command: Command) -> None:
    backup = command("backup", commands.backup, "Copy a database to a new directory", "nosqlpy backup shop backups/1")
    _add_place(backup, collection=False)
    backup.add_argument("target", metavar="NEW_PATH", help="a directory that is new or empty")
    dump = command("dump", commands.dump, "Write a database to one checked file", "nosqlpy dump shop shop.nqd")
    _add_place(dump, collection=False)
    dump.add_argument("file", metavar="FILE", help="written completely or not at all; - for stdout")
    dump.add_argument(
        "--collection", action="append", metavar="NAME", help="this collection only; may be given several times"
    )
    dump.add_argument("--compression", choices=("zlib",), help="make the file smaller (default: none)")
    restore = command("restore", commands.restore, "Make a database of a dump", "nosqlpy restore shop.nqd shop-again")
    restore.add_argument("file", metavar="FILE", help="a dump, or - for stdin")
    restore.add_argument("target", metavar="NEW_PATH", help="a directory that is new or empty")
    _add_json(restore)
    repair = command(
        "repair",
        commands.repair,
        "Save what can be saved of a damaged database; exit code 1 if anything was lost",
        "nosqlpy repair shop shop-repaired",
    )
    repair.add_argument("path", metavar="PATH", help="the damaged database; it is left as it is")
    repair.add_argument("target", metavar="NEW_PATH", help="a directory that is new or empty")
    _add_json(repair)


def _add_place(parser: Parser, *, collection: bool = True) -> None:
    parser.add_argument("path", metavar="PATH", help="the database: a directory or a file: URL")
    if collection:
        parser.add_argument("collection", metavar="COLLECTION")
    parser.add_argument(
        "--lock-timeout", type=_seconds, default=5.0, metavar="S", help="wait so long for another process (default 5)"
    )
    _add_json(parser)


def _add_filter(parser: Parser) -> None:
    parser.add_argument("filter", metavar="FILTER", nargs="?", type=_filter, help="a JSON object (default: all)")


def _add_format(parser: Parser) -> None:
    parser.add_argument("--format", metavar="FORMAT", help="jsonl, whatever the file's name ends in")


def _add_json(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="JSON Lines, also on a terminal")


def _add_durability(parser: Parser) -> None:
    parser.add_argument(
        "--durability",
        choices=("fast", "safe", "durable"),
        default="safe",
        help="what a done write survives: safe, the death of the process (default); durable, the loss of power too",
    )


def _filter(text: str) -> Any:
    return parse_document(text, "a filter")


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
