"""The grammar of the command line: its commands, their words and options."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, get_args

import nosqlpy
from nosqlpy.aliases import Verbosity
from nosqlpy.cli import files, reading, writing
from nosqlpy.cli.arguments import (
    parse_document,
    parse_id,
    parse_keys,
    parse_pipeline,
    parse_projection,
    parse_sort,
    parse_types,
    parse_update,
)
from nosqlpy.cli.demo import run_demo
from nosqlpy.cli.doctor import doctor
from nosqlpy.cli.parser import VARIABLE, Parser, parse
from nosqlpy.cli.top import ORDERS, top

EXAMPLES = f"""\
examples:
  nosqlpy demo                                            see it work on real data
  nosqlpy import shop orders orders.jsonl                 read a file
  nosqlpy find shop orders '{{"total": {{"$gte": 100}}}}' --sort -total --limit 3
  nosqlpy update shop orders '{{"state": "open"}}' '{{"$set": {{"state": "paid"}}}}' --many
  nosqlpy aggregate shop orders '[{{"$group": {{"_id": "$state", "n": {{"$sum": 1}}}}}}]'
  nosqlpy schema shop orders                              which fields, of which types
  nosqlpy export shop orders - --filter '{{"state": "paid"}}' | gzip > paid.jsonl.gz
  nosqlpy doctor shop                                     is all well?
  nosqlpy top calls.jsonl                                 what takes the time?
  nosqlpy backup shop backups/monday                      a copy that opens
  nosqlpy dump shop shop.nqd --compression zlib           one file

The database, here shop, may be left out where the environment variable {VARIABLE} names one.

exit codes: 0 done; 1 cannot be done; 2 wrong command line; 3 the database cannot be used (not there,
locked, damaged, disk full); 130 Ctrl-C. On a terminal output is for reading, elsewhere JSON Lines.
"""

VERBOSITIES: Final = get_args(Verbosity)
FILTER_EXAMPLE = '\'{"total": {"$gte": 100}}\''

Run = Callable[[argparse.Namespace], int]
Command = Callable[[str, Run, str, str], Parser]


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments, with the function to call as ``run``.

    Raises:
        UsageError: They make no sense.
        SystemExit: They ask for help or the version, which has been printed.
    """
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

    def command(name: str, run: Run, text: str, example: str) -> Parser:
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

    for add in (
        _add_demo,
        _add_finding,
        _add_looking,
        _add_top,
        _add_storing,
        _add_changing,
        _add_defining,
        _add_files,
    ):
        add(command)
    _add_mongodump(command)
    _add_copies(command)
    return parse(parser, found.choices, argv)


def _add_demo(command: Command) -> None:
    demo = command("demo", run_demo, "See it work, and checked, on real data", "nosqlpy demo --data zips.jsonl")
    demo.add_argument("--data", metavar="FILE", help="a JSON Lines file (default: Unicode's own character database)")
    demo.add_argument("--dir", metavar="DIR", help="keep the database there (default: a temporary directory)")
    demo.add_argument("--acknowledge", metavar="FILE", help="append a JSON line to FILE for every acknowledged write")
    demo.add_argument("--json", dest="form", action="store_const", const="json", help="JSON Lines, also on a terminal")
    check = command(
        "doctor", doctor, "Check whether nosqlpy can work here, and a database is sound", "nosqlpy doctor shop"
    )
    check.add_argument("path", metavar="PATH", nargs="?", help=f"the database (default: that of {VARIABLE}, or none)")
    _add_form(check)


def _add_finding(command: Command) -> None:
    find = command("find", reading.find, "Print the documents that match", f"nosqlpy find shop orders {FILTER_EXAMPLE}")
    explain = command(
        "explain", reading.explain, "Print how a find is carried out", f"nosqlpy explain shop orders {FILTER_EXAMPLE}"
    )
    for parser in (find, explain):
        _add_place(parser)
        _add_filter(parser)
        parser.add_argument("--projection", type=parse_projection, help="name,address.city or a JSON object")
        parser.add_argument("--sort", type=parse_sort, help="-age,name or a JSON object")
        parser.add_argument("--skip", type=_natural, default=0, metavar="N", help="leave out the first N")
        parser.add_argument("--limit", type=_natural, default=0, metavar="N", help="print at most N (0: all)")
    explain.add_argument(
        "--verbosity",
        choices=VERBOSITIES,
        default=VERBOSITIES[0],
        help="executionStats: run it, and say what that took; allPlansExecution: also what each index would lead to",
    )
    get = command(
        "get", reading.get, "Print the document with an _id; exit code 1 if there is none", "nosqlpy get shop orders 5"
    )
    _add_place(get)
    get.add_argument("id", metavar="ID", type=parse_id, help='a JSON value such as 5 or "5"; or text as it stands')
    count = command("count", reading.count, "Print how many documents match", "nosqlpy count shop orders")
    _add_place(count)
    _add_filter(count)
    distinct = command(
        "distinct", reading.distinct, "Print the values of a field", "nosqlpy distinct shop orders state"
    )
    _add_place(distinct)
    distinct.add_argument("field", metavar="FIELD", help="its dotted name")
    _add_filter(distinct)
    aggregate = command(
        "aggregate",
        reading.aggregate,
        "Print what comes out of a pipeline",
        'nosqlpy aggregate shop orders \'[{"$sortByCount": "$state"}]\'',
    )
    _add_place(aggregate)
    aggregate.add_argument(
        "pipeline", metavar="PIPELINE", type=parse_pipeline, help="a JSON array of stages, or one; - for stdin"
    )


def _add_looking(command: Command) -> None:
    schema = command(
        "schema", reading.schema, "Print the fields of documents, their types and shares", "nosqlpy schema shop orders"
    )
    _add_place(schema)
    _add_filter(schema)
    schema.add_argument("--limit", type=_natural, default=0, metavar="N", help="look at N documents (0: all)")
    indexes = command("indexes", reading.indexes, "List the indexes of a collection", "nosqlpy indexes shop orders")
    _add_place(indexes)
    for name, run, text in (
        ("info", reading.info, "Show what a database holds"),
        ("collections", reading.collections, "List the collections"),
        ("stats", reading.stats, "Show what is live and what is dead"),
        ("verify", reading.verify, "Check every byte on disk"),
        ("compact", writing.compact, "Give back the space of what is dead"),
    ):
        _add_place(command(name, run, text, f"nosqlpy {name} shop"), collection=False)


def _add_top(command: Command) -> None:
    shown = command(
        "top", top, "Print which calls that a profile has recorded take the time", "nosqlpy top calls.jsonl"
    )
    shown.add_argument("file", metavar="FILE", help="the file of client.profile(path=FILE), or - for stdin")
    shown.add_argument("--sort", choices=tuple(ORDERS), default="total", help="the largest first (default: total)")
    shown.add_argument("--limit", type=_natural, default=20, metavar="N", help="print at most N (default 20; 0: all)")
    _add_form(shown)


def _add_storing(command: Command) -> None:
    document = '\'{"_id": 7, "total": 12.5, "at": {"$date": "2026-11-21T12:00:00Z"}}\''
    insert = command(
        "insert",
        writing.insert,
        "Insert a document, or one for each line of stdin, and print each _id once it is safe",
        f"nosqlpy insert shop orders {document}",
    )
    upsert = command(
        "upsert",
        writing.upsert,
        "Store a document, or one for each line of stdin, in the place of that with its _id if there is one",
        f"nosqlpy upsert shop orders {document}",
    )
    for parser in (insert, upsert):
        _add_place(parser)
        parser.add_argument(
            "document", metavar="DOCUMENT", help="a JSON object, an array of such, or - for JSON Lines on stdin"
        )
        _add_durability(parser)


def _add_changing(command: Command) -> None:
    update = command(
        "update",
        writing.update,
        "Update the first document that matches, or all",
        'nosqlpy update shop orders \'{"_id": 7}\' \'{"$set": {"state": "paid"}}\'',
    )
    _add_place(update)
    update.add_argument("filter", metavar="FILTER", type=_filter, help="a JSON object, or - for stdin; {} matches all")
    update.add_argument(
        "update", metavar="UPDATE", type=parse_update, help="operators, or a pipeline in an array; - for stdin"
    )
    update.add_argument("--many", action="store_true", help="update all that match, as one atomic write")
    update.add_argument("--upsert", action="store_true", help="insert a document if none matches")
    _add_durability(update)
    delete = command(
        "delete",
        writing.delete,
        "Delete the first document that matches, or all",
        'nosqlpy delete shop orders \'{"state": "void"}\' --many',
    )
    _add_place(delete)
    delete.add_argument("filter", metavar="FILTER", type=_filter, help="a JSON object, or - for stdin; {} matches all")
    delete.add_argument("--many", action="store_true", help="delete all that match, as one atomic write")
    _add_durability(delete)


def _add_defining(command: Command) -> None:
    create = command("create-index", writing.create_index, "Create an index", "nosqlpy create-index shop orders state")
    _add_place(create)
    create.add_argument("keys", metavar="KEYS", type=parse_keys, help="state,-total or a JSON object")
    create.add_argument("--name", help="its name (default: made of the keys)")
    create.add_argument("--unique", action="store_true", help="no two documents may have the same key")
    create.add_argument("--sparse", action="store_true", help="leave out documents that lack the fields")
    create.add_argument("--hidden", action="store_true", help="keep it up to date, but do not use it")
    create.add_argument("--partial", type=_filter, metavar="FILTER", help="only documents that match")
    create.add_argument("--weights", type=_filter, metavar="WEIGHTS", help='of a text index: {"title": 10}')
    create.add_argument("--wildcard-projection", type=_filter, metavar="JSON", help='of an index on $**: {"notes": 0}')
    create.add_argument("--default-language", metavar="LANGUAGE", help='of a text index: "none" needs no extra')
    _add_durability(create)
    drop_index = command("drop-index", writing.drop_index, "Drop an index", "nosqlpy drop-index shop orders state_1")
    _add_place(drop_index)
    drop_index.add_argument("index", metavar="NAME", help="its name, as indexes shows it")
    _add_durability(drop_index)
    drop = command("drop", writing.drop, "Drop a collection with all its documents", "nosqlpy drop shop orders")
    _add_place(drop)
    _add_durability(drop)
    rename = command("rename", writing.rename, "Rename a collection", "nosqlpy rename shop orders sales")
    _add_place(rename)
    rename.add_argument("name", metavar="NEW_NAME")
    rename.add_argument("--drop-target", action="store_true", help="drop the collection that has the new name")
    _add_durability(rename)


def _add_files(command: Command) -> None:
    text = "Import JSON Lines, a JSON array, CSV, TSV or BSON; exit code 1 if something was rejected"
    load = command("import", files.load, text, "nosqlpy import shop places places.csv --types zip=string")
    _add_place(load)
    load.add_argument("file", metavar="FILE", help="the file, or - for stdin")
    load.add_argument(
        "--mode",
        choices=("insert", "upsert", "replace"),
        default="insert",
        help="insert: refuse an _id that is taken (default); upsert: replace those documents; replace: empty first",
    )
    load.add_argument(
        "--types",
        type=parse_types,
        metavar="NAME=TYPE,…",
        help="columns of CSV and TSV: string, int, double, decimal, bool, date or json; *=string for all others",
    )
    load.add_argument(
        "--rejects", metavar="FILE", help="go on behind what cannot go in, and write it there: a JSON line for each"
    )
    _add_format(load)
    _add_durability(load)
    log = command(
        "import-log",
        files.load_log,
        "Carry out a log of operations, such as nosqlpy 0.1 kept",
        "nosqlpy import-log shop users users.log",
    )
    _add_place(log)
    log.add_argument("file", metavar="FILE", help="JSON lines, an operation on each; or - for stdin")
    log.add_argument(
        "--fields",
        type=_three_names,
        default=("op", "id", "doc"),
        metavar="OP,ID,DOC",
        help="the fields that say what is done, to which _id, and with which document (default op,id,doc)",
    )
    _add_durability(log)
    text = "Export JSON Lines, a JSON array, CSV, TSV or BSON"
    export = command("export", files.export, text, "nosqlpy export shop orders orders.jsonl")
    _add_place(export)
    export.add_argument("file", metavar="FILE", help="written completely or not at all; - for stdout")
    export.add_argument("--filter", type=_filter, metavar="JSON", help="only documents that match")
    export.add_argument("--projection", type=parse_projection, help="name,address.city or a JSON object")
    export.add_argument(
        "--canonical", action="store_true", help="Extended JSON in the form that keeps the type of every number"
    )
    _add_format(export)


def _add_mongodump(command: Command) -> None:
    load = command(
        "import-mongodump",
        files.load_mongodump,
        "Import a directory of mongodump, with indexes and validators; exit code 1 if something was rejected",
        "nosqlpy import-mongodump shop dump/shop",
    )
    _add_place(load, collection=False)
    load.add_argument("directory", metavar="DIRECTORY", help="the dump of one database")
    load.add_argument("--mode", choices=("insert", "upsert", "replace"), default="insert", help="as that of import")
    load.add_argument("--no-metadata", action="store_true", help="import the documents only")
    load.add_argument("--rejects", metavar="FILE", help="as that of import")
    _add_durability(load)
    export = command(
        "export-mongodump",
        files.export_mongodump,
        "Export a directory that mongorestore reads",
        "nosqlpy export-mongodump shop dump/shop --gzip",
    )
    _add_place(export, collection=False)
    export.add_argument("directory", metavar="NEW_PATH", help="a directory that is new or empty")
    export.add_argument("--gzip", action="store_true", help="compress the files")
    export.add_argument(
        "--collection", action="append", metavar="NAME", help="this one only; may be given several times"
    )


def _add_copies(command: Command) -> None:
    backup = command("backup", files.backup, "Copy a database to a new directory", "nosqlpy backup shop backups/1")
    _add_place(backup, collection=False)
    backup.add_argument("target", metavar="NEW_PATH", help="a directory that is new or empty")
    dump = command("dump", files.dump, "Write a database to one checked file", "nosqlpy dump shop shop.nqd")
    _add_place(dump, collection=False)
    dump.add_argument("file", metavar="FILE", help="written completely or not at all; - for stdout")
    dump.add_argument(
        "--collection", action="append", metavar="NAME", help="this collection only; may be given several times"
    )
    dump.add_argument("--compression", choices=("zlib",), help="make the file smaller (default: none)")
    restore = command("restore", files.restore, "Make a database of a dump", "nosqlpy restore shop.nqd shop-again")
    restore.add_argument("file", metavar="FILE", help="a dump, or - for stdin")
    restore.add_argument("target", metavar="NEW_PATH", help="a directory that is new or empty")
    _add_form(restore)
    repair = command(
        "repair",
        files.repair,
        "Save what can be saved of a damaged database; exit code 1 if anything was lost",
        "nosqlpy repair shop shop-repaired",
    )
    repair.add_argument("path", metavar="PATH", help="the damaged database; it is left as it is")
    repair.add_argument("target", metavar="NEW_PATH", help="a directory that is new or empty")
    _add_form(repair)


def _add_place(parser: Parser, *, collection: bool = True) -> None:
    parser.add_argument(
        "path", metavar="PATH", help=f"the database: a directory or a file: URL (if left out: that of {VARIABLE})"
    )
    if collection:
        parser.add_argument("collection", metavar="COLLECTION")
    parser.add_argument(
        "--lock-timeout", type=_seconds, default=5.0, metavar="S", help="wait so long for another process (default 5)"
    )
    _add_form(parser)


def _add_filter(parser: Parser) -> None:
    parser.add_argument(
        "filter", metavar="FILTER", nargs="?", type=_filter, help="a JSON object, or - for stdin (default: all)"
    )


def _add_format(parser: Parser) -> None:
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        help="jsonl, json (one array), csv, tsv, bson, bson.gz (default: by the file's name)",
    )


def _add_form(parser: Parser) -> None:
    forms = parser.add_mutually_exclusive_group()
    add = partial(forms.add_argument, dest="form", action="store_const")
    add("--json", const="json", help="JSON Lines, also on a terminal")
    add("--csv", const="csv", help="CSV, nested fields under dotted names")
    add("--table", const="table", help="a table, also in a pipe")


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


def _three_names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if len(names) != 3 or not all(names):
        raise argparse.ArgumentTypeError(f"{text!r} is not three names of fields with commas between them")
    return names


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
