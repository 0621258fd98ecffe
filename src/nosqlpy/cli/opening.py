"""How the commands open a database, and find a collection in it."""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import unquote, urlsplit

from nosqlpy import Client, Collection, CollectionNotFound, Document
from nosqlpy.cli.arguments import UsageError
from nosqlpy.naming import check_collection_name, nearest

MEMORY = ":memory:"
FILLING_BUDGET = 4 << 20
NAMES_SHOWN = 5


def reader(arguments: argparse.Namespace) -> Client:
    """Return a client that can neither change nor create the database."""
    return Client(
        _place(arguments.path), read_only=True, create=False, lock_timeout=arguments.lock_timeout, slow_ms=None
    )


def writer(arguments: argparse.Namespace, *, create: bool = False, **options: Any) -> Client:
    """Return a client that writes, and with `create` makes a database where there is none."""
    if "collection" in arguments:
        check_collection_name(arguments.collection)  # before a database is made for nothing
    return Client(_place(arguments.path), create=create, lock_timeout=arguments.lock_timeout, slow_ms=None, **options)


def filler(arguments: argparse.Namespace) -> Client:
    """Return a client that writes documents which nobody reads again: nearly none of them stays in memory."""
    return writer(arguments, create=True, memory_budget=FILLING_BUDGET)


def directory_of(path: str) -> str:
    """Return the directory that a path, or a ``file:`` URL, names."""
    return unquote(urlsplit(path).path) if path.startswith("file://") else path


def existing(db: Client, name: str) -> Collection[Document]:
    """Return a collection that there is.

    Raises:
        CollectionNotFound: There is none of this name; the message has the nearest one, or those that there are.
    """
    names = db.list_collection_names()
    if check_collection_name(name) not in names:
        raise CollectionNotFound(f"there is no collection {name!r}{nearest(name, names) or _those(names)}")
    return db[name]


def _those(names: list[str]) -> str:
    if not names:
        return "; the database is empty"
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"; there {'are' if len(names) > 1 else 'is'} {', '.join(map(repr, names[:NAMES_SHOWN]))}{more}"


def _place(path: str) -> str:
    if path == MEMORY:
        raise UsageError("a database in memory ends with the command: name a directory")
    return path
