"""The commands that read; each prints its answer and returns the exit code."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any

from nosqlpy import Client, Collection, Cursor, Document
from nosqlpy.cli.opening import existing, reader
from nosqlpy.cli.output import Output
from nosqlpy.cli.plantree import plan_lines
from nosqlpy.cli.schema import Schema
from nosqlpy.cli.streams import printable

NOT_FOUND = 1


def info(arguments: argparse.Namespace) -> int:
    """Show what a database holds."""
    with reader(arguments) as db:
        Output(arguments.form).database({"path": db.url, **db.stats()}, _collections(db))
    return 0


def collections(arguments: argparse.Namespace) -> int:
    """List the collections."""
    with reader(arguments) as db:
        Output(arguments.form).collections(_collections(db))
    return 0


def indexes(arguments: argparse.Namespace) -> int:
    """List the indexes of a collection."""
    with reader(arguments) as db:
        Output(arguments.form).documents(existing(db, arguments.collection).list_indexes())
    return 0


def find(arguments: argparse.Namespace) -> int:
    """Print the documents that match."""
    with reader(arguments) as db:
        Output(arguments.form).documents(_found(existing(db, arguments.collection), arguments))
    return 0


def explain(arguments: argparse.Namespace) -> int:
    """Print how a find would be carried out; as a tree where it is for reading."""
    with reader(arguments) as db:
        explained = _found(existing(db, arguments.collection), arguments).explain(arguments.verbosity)
    output = Output(arguments.form)
    if not output.for_reading:
        output.document(explained)
        return 0
    for line in plan_lines(explained):
        output.text(printable(line))
    return 0


def get(arguments: argparse.Namespace) -> int:
    """Print the document with an ``_id``; 1 if there is none."""
    with reader(arguments) as db:
        document = existing(db, arguments.collection).get(arguments.id)
    if document is None:
        hint = '; an ObjectId is written {"$oid": "…"}' if _looks_like_oid(arguments.id) else ""
        sys.stderr.write(f"nosqlpy: collection {arguments.collection!r} has no document with this _id{hint}\n")
        return NOT_FOUND
    Output(arguments.form).document(document)
    return 0


def _looks_like_oid(id: Any) -> bool:
    return isinstance(id, str) and re.fullmatch("[0-9a-fA-F]{24}", id) is not None


def count(arguments: argparse.Namespace) -> int:
    """Print how many documents match."""
    with reader(arguments) as db:
        found = existing(db, arguments.collection).count(arguments.filter)
    sys.stdout.write(f"{found}\n")
    return 0


def distinct(arguments: argparse.Namespace) -> int:
    """Print the distinct values of a field."""
    with reader(arguments) as db:
        found = existing(db, arguments.collection).distinct(arguments.field, arguments.filter)
    Output(arguments.form).values(found, arguments.field)
    return 0


def aggregate(arguments: argparse.Namespace) -> int:
    """Print what comes out of a pipeline."""
    with reader(arguments) as db:
        Output(arguments.form).documents(existing(db, arguments.collection).aggregate(arguments.pipeline))
    return 0


def schema(arguments: argparse.Namespace) -> int:
    """Print which fields documents have, of which types, and how many have them."""
    found = Schema()
    with reader(arguments) as db:
        for document in existing(db, arguments.collection).find(arguments.filter, limit=arguments.limit):
            found.add(document)
    Output(arguments.form).documents(found.rows())
    return 0


def verify(arguments: argparse.Namespace) -> int:
    """Check every byte on disk."""
    with reader(arguments) as db:
        Output(arguments.form).fields(db.verify())
    return 0


def stats(arguments: argparse.Namespace) -> int:
    """Show how much is live and dead, how many segments and commits there are, and how opening went."""
    with reader(arguments) as db:
        found = db.stats()
        recovery = found.pop("recovery")
        Output(arguments.form).fields({**found, **{f"recovery_{name}": value for name, value in recovery.items()}})
    return 0


def _collections(db: Client) -> list[Document]:
    return [db[name].stats() for name in db.list_collection_names()]


def _found(collection: Collection[Document], arguments: argparse.Namespace) -> Cursor[Document]:
    cursor = collection.find(arguments.filter, sort=arguments.sort, skip=arguments.skip, limit=arguments.limit)
    return cursor if arguments.projection is None else cursor.project(arguments.projection)
