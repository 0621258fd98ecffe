"""Changes of one field, for `Table.update`: ``db.update(increment("visits"), where("name") == "ada")``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from nosqlpy.compat.tinydb.document import Fields

Change: TypeAlias = Callable[[Fields], None]


def delete(field: str) -> Change:
    """Return the change that takes a field away; a document without it raises `KeyError`."""

    def change(document: Fields) -> None:
        del document[field]

    return change


def add(field: str, n: Any) -> Change:
    """Return the change that adds `n` to a field."""

    def change(document: Fields) -> None:
        document[field] += n

    return change


def subtract(field: str, n: Any) -> Change:
    """Return the change that subtracts `n` from a field."""

    def change(document: Fields) -> None:
        document[field] -= n

    return change


def set(field: str, val: Any) -> Change:
    """Return the change that gives a field the value `val`."""

    def change(document: Fields) -> None:
        document[field] = val

    return change


def increment(field: str) -> Change:
    """Return the change that adds one to a field."""
    return add(field, 1)


def decrement(field: str) -> Change:
    """Return the change that subtracts one from a field."""
    return subtract(field, 1)
