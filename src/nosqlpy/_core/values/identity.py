"""The ``_id`` of a document: what it may be, and its place at the head of the document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from nosqlpy._core.values.check import is_plain_scalar
from nosqlpy._core.values.storable import storable
from nosqlpy._core.values.types import ARRAY, NULL, OBJECT, REGEX, TYPES, as_mapping
from nosqlpy.errors import DocumentError

ID_DEPTH_MAX = 90
"""Levels of nesting that an ``_id`` may have: fewer than a document, for the log holds ids inside of other values."""

_ID = itemgetter("_id")
_REFUSED = {ARRAY: "an array", REGEX: "a regular expression", NULL: "null"}


def with_id(document: Mapping[str, Any], make_id: Callable[[], Any]) -> Mapping[str, Any]:
    """Return `document` with ``_id`` as its first field, generated if it has none.

    The argument is returned if it is so already, and never changed.
    """
    if type(document) is not dict and not isinstance(document, Mapping):
        raise DocumentError(f"a document is a mapping with str keys, not {type(document).__name__}")
    for first in document:
        if first == "_id":
            return document
        break
    if "_id" in document:
        return {"_id": document["_id"], **document}
    return {"_id": make_id(), **document}


def with_ids(
    documents: Sequence[Mapping[str, Any]], make_id: Callable[[], Any]
) -> tuple[Sequence[Mapping[str, Any]], list[Any]]:
    """Return all `documents` as `with_id` does, and their ids, checked.

    A batch whose documents all begin with an ``_id`` that is a str or an int, nearly
    every one, is told by a few calls for all of them.

    Raises:
        DocumentError: An id may not be one; `details` has its document's position as ``index``.
    """
    if set(map(type, documents)) == {dict} and all(documents) and set(map(next, map(iter, documents))) == {"_id"}:
        ids = list(map(_ID, documents))
        if {str, int}.issuperset(map(type, ids)):
            return documents, ids
    complete: list[Mapping[str, Any]] = []
    for index, document in enumerate(documents):
        try:
            complete.append(with_id(document, make_id))
            check_id(complete[index]["_id"])
        except DocumentError as error:
            error.details = {**error.details, "index": index}
            raise
    return complete, list(map(_ID, complete))


def check_id(value: Any) -> None:
    """Refuse a value that may not be an ``_id``: an array, a regular expression, null, or what cannot be stored in one.

    Raises:
        DocumentError: With MongoDB's code 53 (InvalidIdField), or 52 for a document with a ``$`` field.
    """
    if value is not None and is_plain_scalar(value):
        return
    storable(value, "_id", ID_DEPTH_MAX)
    bracket = TYPES[type(value)]
    if bracket in _REFUSED:
        raise DocumentError(f"_id cannot be {_REFUSED[bracket]}", code=53, code_name="InvalidIdField")
    if bracket == OBJECT:
        _check_fields(as_mapping(value), "_id")


def _check_fields(fields: Mapping[str, Any], path: str) -> None:
    """Refuse ``$`` names in `fields` and all below (BSONObj::storageValidEmbedded).

    Those of a DBRef are fine: ``$ref``, a str, ``$id``, and ``$db`` if any.
    """
    names = list(fields)
    rest = names
    if names[:2] == ["$ref", "$id"] and type(fields["$ref"]) is str:
        rest = names[3:] if names[2:3] == ["$db"] else names[2:]
    for name in rest:
        if name.startswith("$"):
            raise DocumentError(
                f"{path}.{name}: a field of an _id cannot begin with '$'", code=52, code_name="DollarPrefixedFieldName"
            )
    for name, value in fields.items():
        _check_below(value, f"{path}.{name}")


def _check_below(value: Any, path: str) -> None:
    kind = TYPES[type(value)]
    if kind == OBJECT:
        _check_fields(as_mapping(value), path)
    elif kind == ARRAY:
        for position, item in enumerate(value):
            _check_below(item, f"{path}.{position}")
