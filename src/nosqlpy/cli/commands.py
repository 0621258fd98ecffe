"""The commands on a database; each prints its answer and returns the exit code."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from nosqlpy import Client, Collection, CollectionNotFound, Document, Durability, NosqlpyError
from nosqlpy.cli.arguments import parse_document
from nosqlpy.cli.output import Output
from nosqlpy.extended_json import decode_json
from nosqlpy.naming import check_collection_name, nearest

STANDARD = "-"


def info(arguments: argparse.Namespace) -> int:
    """Show what a database holds."""
    with _reader(arguments) as db:
        collections = [db[name].stats() for name in db.list_collection_names()]
        Output(arguments.json).database({"path": db.url, **db.stats()}, collections)
    return 0


def find(arguments: argparse.Namespace) -> int:
    """Print the documents that match."""
    with _reader(arguments) as db:
        cursor = _existing(db, arguments.collection).find(
            arguments.filter, sort=arguments.sort, skip=arguments.skip, limit=arguments.limit
        )
        if arguments.projection is not None:
            cursor = cursor.project(arguments.projection)
        Output(arguments.json).documents(cursor)
    return 0


def count(arguments: argparse.Namespace) -> int:
    """Print how many documents match."""
    with _reader(arguments) as db:
        found = _existing(db, arguments.collection).count(arguments.filter)
    sys.stdout.write(f"{found}\n")
    return 0


def verify(arguments: argparse.Namespace) -> int:
    """Check every byte on disk."""
    with _reader(arguments) as db:
        Output(arguments.json).fields(db.verify())
    return 0


def stats(arguments: argparse.Namespace) -> int:
    """Show how much is live and dead, how many segments and commits there are, and how opening went."""
    with _reader(arguments) as db:
        found = db.stats()
        recovery = found.pop("recovery")
        Output(arguments.json).fields({**found, **{f"recovery_{name}": value for name, value in recovery.items()}})
    return 0


def insert(arguments: argparse.Namespace) -> int:
    """Insert a document, or one for each line of stdin."""
    output = Output(arguments.json)
    if arguments.document == STANDARD:
        with _writer(arguments) as db:
            for number, line in enumerate(sys.stdin.buffer, 1):
                if line.strip():
                    output.line({"_id": _insert_line(db[arguments.collection], line, number, arguments.durability)})
    else:
        document = parse_document(arguments.document, "a document")
        with _writer(arguments) as db:
            output.line({"_id": db[arguments.collection].insert(document, durability=arguments.durability)})
    return 0


def compact(arguments: argparse.Namespace) -> int:
    """Give back the space of what is dead."""
    with Client(arguments.path, create=False, lock_timeout=arguments.lock_timeout, slow_ms=None) as db:
        Output(arguments.json).fields(db.compact())
    return 0


def load(arguments: argparse.Namespace) -> int:
    """Import a JSON Lines file or stdin."""
    source: Any = sys.stdin.buffer if arguments.file == STANDARD else arguments.file
    with _writer(arguments) as db:
        imported = db[arguments.collection].import_file(
            source, format=arguments.format, mode=arguments.mode, durability=arguments.durability
        )
    Output(arguments.json).fields({"imported": imported})
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Export to a JSON Lines file or stdout."""
    target: Any = sys.stdout.buffer if arguments.file == STANDARD else arguments.file
    with _reader(arguments) as db:
        exported = _existing(db, arguments.collection).export_file(
            target, format=arguments.format, filter=arguments.filter, projection=arguments.projection
        )
    if arguments.file != STANDARD:
        Output(arguments.json).fields({"exported": exported})
    return 0


def backup(arguments: argparse.Namespace) -> int:
    """Copy a database to a new directory."""
    with _reader(arguments) as db:
        Output(arguments.json).fields(db.backup(arguments.target))
    return 0


def dump(arguments: argparse.Namespace) -> int:
    """Write a database to one file or to stdout."""
    target: Any = sys.stdout.buffer if arguments.file == STANDARD else arguments.file
    with _reader(arguments) as db:
        report = db.dump(target, collections=arguments.collection, compression=arguments.compression)
    if arguments.file != STANDARD:
        Output(arguments.json).fields(report)
    return 0


def restore(arguments: argparse.Namespace) -> int:
    """Make a database of a dump."""
    source: Any = sys.stdin.buffer if arguments.file == STANDARD else arguments.file
    Output(arguments.json).fields(Client.restore(source, arguments.target))
    return 0


def repair(arguments: argparse.Namespace) -> int:
    """Save what can be saved of a damaged database; 1 if anything was lost."""
    report = Client.repair(arguments.path, arguments.target)
    Output(arguments.json).repaired(report)
    return 0 if report["complete"] else 1


def _reader(arguments: argparse.Namespace) -> Client:
    """Return a client that can neither change nor create the database."""
    return Client(arguments.path, read_only=True, create=False, lock_timeout=arguments.lock_timeout, slow_ms=None)


def _writer(arguments: argparse.Namespace) -> Client:
    check_collection_name(arguments.collection)  # before a database is made for nothing
    return Client(arguments.path, lock_timeout=arguments.lock_timeout, slow_ms=None)


def _existing(db: Client, name: str) -> Collection[Document]:
    names = db.list_collection_names()
    if check_collection_name(name) not in names:
        raise CollectionNotFound(f"there is no collection {name!r}{nearest(name, names)}")
    return db[name]


def _insert_line(collection: Collection[Document], line: bytes, number: int, durability: Durability) -> Any:
    try:
        return collection.insert(decode_json(line.rstrip(b"\r\n")), durability=durability)
    except NosqlpyError as error:
        place = f"line {number}, column {error.details.get('column', 1)}"
        raise type(error)(f"{place}: {error}", code=error.code, code_name=error.code_name) from None
