"""How documents of a table stand in a collection, and which keys and values a filter can name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nosqlpy.aliases import Document
from nosqlpy.errors import DocumentError

OWN_ID = "_tinydb_id"
"""The field that holds what a document itself calls ``_id``: the collection's ``_id`` is the document's id."""

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


class NotStorable(DocumentError, TypeError):
    """A value that cannot be stored: a `TypeError`, as JSON raises, and a `DocumentError`."""


def stored_id(doc_id: Any) -> int | str:
    """Return the ``_id`` of a document: its id if that is an int, else its id as text."""
    if type(doc_id) is int:
        return doc_id if _INT64_MIN <= doc_id <= _INT64_MAX else str(doc_id)
    text = str(doc_id)
    if text.removeprefix("-").isdecimal() and text.isascii() and str(int(text)) == text:
        return stored_id(int(text))
    return text


def to_stored(doc_id: Any, document: Mapping[str, Any]) -> Document:
    """Return a document as the collection holds it.

    Raises:
        NotStorable: It has a field whose name is taken.
    """
    if OWN_ID in document:
        raise NotStorable(f"{OWN_ID}: this name is taken, by what a document itself calls '_id'")
    stored = {"_id": stored_id(doc_id), **document}
    if "_id" not in document:
        return stored
    return {"_id": stored_id(doc_id), **{OWN_ID if key == "_id" else key: document[key] for key in document}}


def from_stored(stored: Document) -> tuple[int | str, Document]:
    """Return the id of a stored document, and its fields, in the same dict."""
    doc_id = stored.pop("_id")
    if OWN_ID in stored:
        return doc_id, {"_id" if key == OWN_ID else key: value for key, value in stored.items()}
    return doc_id, stored


def with_text_keys(value: Any) -> Any:
    """Return `value` with the keys that JSON writes as text as text: ``{1: {None: 2}}`` as ``{"1": {"null": 2}}``.

    Raises:
        NotStorable: JSON has no text for a key.
    """
    if isinstance(value, Mapping):
        return {_text_key(key): with_text_keys(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [with_text_keys(item) for item in value]
    return value


def _text_key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    if isinstance(key, int | float):
        return repr(key)
    raise NotStorable(f"a key is a str, an int, a float, a bool or None, not {type(key).__name__}")


# ── what a filter can name ───────────────────────────────────────────────────────


def _is_name(part: Any) -> bool:
    return isinstance(part, str) and bool(part) and part != OWN_ID and not part.startswith("$") and "." not in part


def reachable(path: tuple[Any, ...]) -> tuple[str, ...]:
    """Return the keys at the beginning of a path that a filter can name."""
    names: list[str] = []
    for part in path:
        if not _is_name(part) or "\0" in part or not is_text(part):
            break
        names.append(part if names or part != "_id" else OWN_ID)
    return tuple(names)


def field_of(path: tuple[Any, ...]) -> str | None:
    """Return the dotted path of a filter that leads where `path` does, or None if there is none."""
    names = reachable(path)
    return ".".join(names) if names and len(names) == len(path) else None


def is_text(value: str) -> bool:
    """Whether a str can be stored: one with a lone surrogate cannot."""
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def is_scalar(value: Any) -> bool:
    """Whether a filter compares this with a stored value as Python does, after `equal_values`."""
    kind = type(value)
    if kind is str:
        return is_text(value)
    if kind is int:
        return bool(_INT64_MIN <= value <= _INT64_MAX)
    if kind is float:
        return not math.isnan(value)
    return value is None or kind is bool


def equal_values(value: Any) -> list[Any]:
    """Return the values that are unequal for a filter and equal to this scalar for Python: True is 1."""
    if isinstance(value, bool):
        return [value, int(value)]
    if isinstance(value, int | float) and value in (0, 1):
        return [value, bool(value)]
    return [value]
