"""Changes of one field, for `Table.update`: ``db.update(increment("visits"), where("name") == "ada")``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

from nosqlpy.compat.tinydb.document import Fields
from nosqlpy.compat.tinydb.fields import field_of, is_scalar

_FIXED = frozenset((int, float, str, bool, tuple))  # others ``+=`` may change where the stored document holds them
_SAFE = 2**62  # below it, no sum of two ints leaves 64 bits


class Operation:
    """A change of one field: called with a document, it changes that."""

    def __init__(
        self, field: str, change: Callable[[Fields], None], native: Callable[[str, Sequence[Fields]], Any]
    ) -> None:
        self._field = field
        self.function: Callable[[Fields], Any] = change
        self._native = native

    def __call__(self, document: Fields) -> None:
        """Change a document."""
        self.function(document)

    def native(self, documents: Sequence[Fields]) -> dict[str, Any] | None:
        """Return the update of MongoDB's language that changes all `documents` so, or None if there is none."""
        name = field_of((self._field,))
        update: dict[str, Any] | None = None if name is None else self._native(name, documents)
        return update


def delete(field: str) -> Operation:
    """Return the change that takes a field away; a document without it raises `KeyError`."""

    def change(document: Fields) -> None:
        del document[field]

    def native(name: str, documents: Sequence[Fields]) -> Any:
        return {"$unset": {name: 1}} if all(field in document for document in documents) else None

    return Operation(field, change, native)


def add(field: str, n: Any) -> Operation:
    """Return the change that adds `n` to a field."""

    def change(document: Fields) -> None:
        value = document[field]
        if type(value) not in _FIXED:
            value = copy(value)
        value += n
        document[field] = value

    return Operation(field, change, lambda name, documents: _increase(name, field, n, documents))


def subtract(field: str, n: Any) -> Operation:
    """Return the change that subtracts `n` from a field."""

    def change(document: Fields) -> None:
        value = document[field]
        if type(value) not in _FIXED:
            value = copy(value)
        value -= n
        document[field] = value

    return Operation(field, change, lambda name, documents: _increase(name, field, n, documents, -1))


def set(field: str, val: Any) -> Operation:
    """Return the change that gives a field the value `val`."""

    def change(document: Fields) -> None:
        document[field] = val

    return Operation(field, change, lambda name, _: {"$set": {name: val}} if is_scalar(val) else None)


def increment(field: str) -> Operation:
    """Return the change that adds one to a field."""
    return add(field, 1)


def decrement(field: str) -> Operation:
    """Return the change that subtracts one from a field."""
    return subtract(field, 1)


def _increase(name: str, field: str, n: Any, documents: Sequence[Fields], sign: int = 1) -> dict[str, Any] | None:
    """Return the update that adds to numbers what Python would, or None: for text, bools, and at the end of 64 bits."""
    values = [n, *(document.get(field) for document in documents)]
    if all(type(value) is float or (type(value) is int and -_SAFE < value < _SAFE) for value in values):
        return {"$inc": {name: sign * n}}
    return None
