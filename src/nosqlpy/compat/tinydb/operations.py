"""Changes of one field, for `Table.update`: ``db.update(increment("visits"), where("name") == "ada")``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from types import FunctionType
from typing import Any, TypeAlias

from nosqlpy.compat.tinydb.document import Fields
from nosqlpy.compat.tinydb.fields import field_of, is_scalar

Operation: TypeAlias = Callable[[Fields], None]
"""A change: called with a document, it changes that."""

_FIXED = frozenset((int, float, str, bool, tuple))  # others ``+=`` may change where the stored document holds them
_NUMBERS = frozenset((int, float))
_SAFE = 2**62  # below it, no sum of two ints leaves 64 bits


def delete(field: str) -> Operation:
    """Return the change that takes a field away; a document without it raises `KeyError`."""

    def change(document: Fields) -> None:
        del document[field]

    return change


def add(field: str, n: Any) -> Operation:
    """Return the change that adds `n` to a field."""

    def change(document: Fields) -> None:
        value = document[field]
        if type(value) not in _FIXED:
            value = copy(value)
        value += n
        document[field] = value

    return change


def subtract(field: str, n: Any) -> Operation:
    """Return the change that subtracts `n` from a field."""

    def change(document: Fields) -> None:
        value = document[field]
        if type(value) not in _FIXED:
            value = copy(value)
        value -= n
        document[field] = value

    return change


def set(field: str, val: Any) -> Operation:
    """Return the change that gives a field the value `val`."""

    def change(document: Fields) -> None:
        document[field] = val

    return change


def increment(field: str) -> Operation:
    """Return the change that adds one to a field."""

    def change(document: Fields) -> None:
        document[field] += 1

    return change


def decrement(field: str) -> Operation:
    """Return the change that subtracts one from a field."""

    def change(document: Fields) -> None:
        document[field] -= 1

    return change


# ── of many documents ────────────────────────────────────────────────────────────


def change_in_place(change: Callable[[Any], Any], documents: Sequence[Fields]) -> bool:
    """Change every document as this operation does, without a call for each; False: none, it may raise an error."""
    together = _TOGETHER.get(id(change.__code__)) if type(change) is FunctionType else None
    return together is not None and together(documents, **_given(change))


def _delete_all(documents: Sequence[Fields], field: str) -> bool:
    if not all(field in document for document in documents):
        return False
    for document in documents:
        del document[field]
    return True


def _set_all(documents: Sequence[Fields], field: str, val: Any) -> bool:
    for document in documents:
        document[field] = val
    return True


def _add_all(documents: Sequence[Fields], field: str, n: Any = 1) -> bool:
    values = [document.get(field) for document in documents]
    if type(n) not in _NUMBERS or not frozenset(map(type, values)) <= _NUMBERS:
        return False
    sums = [value + n for value in values]  # all of them first: one may be past what a float can be
    for document, value in zip(documents, sums, strict=True):
        document[field] = value
    return True


def _subtract_all(documents: Sequence[Fields], field: str, n: Any = 1) -> bool:
    return type(n) in _NUMBERS and _add_all(documents, field, -n)


def _given(change: Any) -> dict[str, Any]:
    """Return what an operation was called with."""
    cells = change.__closure__ or ()
    return dict(zip(change.__code__.co_freevars, (cell.cell_contents for cell in cells), strict=True))


# ── as updates of MongoDB's language ─────────────────────────────────────────────


def native_of(change: Callable[[Any], Any], documents: Sequence[Fields]) -> dict[str, Any] | None:
    """Return the update of MongoDB's language that changes all `documents` as this operation does.

    None where there is none, and for a function that no operation returned.
    """
    make = _NATIVE.get(id(change.__code__)) if type(change) is FunctionType else None
    if make is None:
        return None
    given = _given(change)
    name = field_of((given["field"],))
    return None if name is None else make(name, given, documents)


def _unset(name: str, given: dict[str, Any], documents: Sequence[Fields]) -> dict[str, Any] | None:
    return {"$unset": {name: 1}} if all(given["field"] in document for document in documents) else None


def _set(name: str, given: dict[str, Any], _: Sequence[Fields]) -> dict[str, Any] | None:
    return {"$set": {name: given["val"]}} if is_scalar(given["val"]) else None


def _increase(name: str, given: dict[str, Any], documents: Sequence[Fields], sign: int = 1) -> dict[str, Any] | None:
    """Return the update that adds to numbers what Python would, or None: for text, bools, and at the end of 64 bits."""
    n = given.get("n", 1)
    values = [n, *(document.get(given["field"]) for document in documents)]
    if all(type(value) is float or (type(value) is int and -_SAFE < value < _SAFE) for value in values):
        return {"$inc": {name: sign * n}}
    return None


def _decrease(name: str, given: dict[str, Any], documents: Sequence[Fields]) -> dict[str, Any] | None:
    return _increase(name, given, documents, -1)


def _code(operation: Operation) -> int:
    """Return what all functions that one operation returns have in common, and no other function has."""
    return id(operation.__code__)


_NATIVE: dict[int, Callable[[str, dict[str, Any], Sequence[Fields]], dict[str, Any] | None]] = {
    _code(delete("")): _unset,
    _code(add("", 0)): _increase,
    _code(increment("")): _increase,
    _code(subtract("", 0)): _decrease,
    _code(decrement("")): _decrease,
    _code(set("", 0)): _set,
}
_TOGETHER: dict[int, Callable[..., bool]] = {
    _code(delete("")): _delete_all,
    _code(add("", 0)): _add_all,
    _code(increment("")): _add_all,
    _code(subtract("", 0)): _subtract_all,
    _code(decrement("")): _subtract_all,
    _code(set("", 0)): _set_all,
}
