"""The commands that write; each prints what it did and returns the exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nosqlpy import Collection, Document, NosqlpyError
from nosqlpy.cli.arguments import STANDARD, parse_documents
from nosqlpy.cli.opening import existing, writer
from nosqlpy.cli.output import Output
from nosqlpy.cli.progress import building, counting
from nosqlpy.extended_json import decode_json
from nosqlpy.naming import check_collection_name


def insert(arguments: argparse.Namespace) -> int:
    """Insert a document, or one for each line of stdin."""
    return _each(arguments, Collection.insert)


def upsert(arguments: argparse.Namespace) -> int:
    """Store a document, or one for each line of stdin, in the place of that with its ``_id`` if there is one."""
    return _each(arguments, Collection.save)


def update(arguments: argparse.Namespace) -> int:
    """Update the first document that matches, or all."""
    with writer(arguments) as db:
        collection = db[arguments.collection] if arguments.upsert else existing(db, arguments.collection)
        change = collection.update_many if arguments.many else collection.update_one
        done = change(arguments.filter, arguments.update, arguments.upsert, durability=arguments.durability)
    report = {"matched": done.matched_count, "modified": done.modified_count}
    if done.upserted_id is not None:
        report["upserted_id"] = done.upserted_id
    Output(arguments.form).fields(report)
    return 0


def delete(arguments: argparse.Namespace) -> int:
    """Delete the first document that matches, or all."""
    with writer(arguments) as db:
        collection = existing(db, arguments.collection)
        remove = collection.delete_many if arguments.many else collection.delete_one
        done = remove(arguments.filter, durability=arguments.durability)
    Output(arguments.form).fields({"deleted": done.deleted_count})
    return 0


def create_index(arguments: argparse.Namespace) -> int:
    """Create an index."""
    options: dict[str, Any] = {name: True for name in ("unique", "sparse", "hidden") if getattr(arguments, name)}
    if arguments.partial is not None:
        options["partialFilterExpression"] = arguments.partial
    for option in ("weights", "default_language", "wildcard_projection"):
        if getattr(arguments, option) is not None:
            options[option] = getattr(arguments, option)
    with writer(arguments, create=True) as db, building() as progress:
        name = db[arguments.collection].create_index(
            arguments.keys, name=arguments.name, durability=arguments.durability, progress=progress, **options
        )
    Output(arguments.form).fields({"index": name})
    return 0


def drop_index(arguments: argparse.Namespace) -> int:
    """Drop an index."""
    with writer(arguments) as db:
        existing(db, arguments.collection).drop_index(arguments.index, durability=arguments.durability)
    Output(arguments.form).fields({"dropped": arguments.index})
    return 0


def drop(arguments: argparse.Namespace) -> int:
    """Drop a collection."""
    with writer(arguments) as db:
        existing(db, arguments.collection)
        db.drop_collection(arguments.collection, durability=arguments.durability)
    Output(arguments.form).fields({"dropped": arguments.collection})
    return 0


def rename(arguments: argparse.Namespace) -> int:
    """Give a collection another name."""
    name = check_collection_name(arguments.name)
    with writer(arguments) as db:
        collection = existing(db, arguments.collection)
        collection.rename(name, drop_target=arguments.drop_target, durability=arguments.durability)
    Output(arguments.form).fields({"renamed": arguments.collection, "to": name})
    return 0


def compact(arguments: argparse.Namespace) -> int:
    """Give back the space of what is dead."""
    with writer(arguments) as db:
        with counting("compacting") as progress:
            report = db.compact(progress=progress)
        Output(arguments.form).fields(report)
    return 0


def _each(arguments: argparse.Namespace, store: Callable[..., Any]) -> int:
    """Store the documents of the command line, or of each line of stdin; print each ``_id`` once it is stored."""
    output = Output(arguments.form)
    if arguments.document == STANDARD:
        with writer(arguments, create=True) as db:
            for number, line in enumerate(sys.stdin.buffer, 1):
                if line.strip():
                    stored = _store_line(store, db[arguments.collection], line, number, arguments)
                    output.line({"_id": stored})
    else:
        documents = parse_documents(arguments.document)
        with writer(arguments, create=True) as db:
            for number, document in enumerate(documents, 1):
                with _numbered(number, len(documents)):
                    stored = store(db[arguments.collection], document, durability=arguments.durability)
                output.line({"_id": stored})
    return 0


@contextmanager
def _numbered(number: int, count: int) -> Iterator[None]:
    """Let an error say which of several documents it is about; those before it are stored."""
    try:
        yield
    except NosqlpyError as error:
        if count == 1:
            raise
        raise type(error)(f"document {number}: {error}", code=error.code, code_name=error.code_name) from None


def _store_line(
    store: Callable[..., Any],
    collection: Collection[Document],
    line: bytes,
    number: int,
    arguments: argparse.Namespace,
) -> Any:
    try:
        return store(collection, decode_json(line.rstrip(b"\r\n")), durability=arguments.durability)
    except NosqlpyError as error:
        place = f"line {number}, column {error.details.get('column', 1)}"
        raise type(error)(f"{place}: {error}", code=error.code, code_name=error.code_name) from None
