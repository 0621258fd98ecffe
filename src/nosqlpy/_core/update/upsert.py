"""The document that an upsert starts from: what the filter says of it by equality."""

from __future__ import annotations

from typing import Any

from nosqlpy._core.values.codec import copy_value
from nosqlpy.errors import WriteError


def seed_document(seeds: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a new document with the value of every seed at its path, ``_id`` first.

    A part of a path that is a number becomes the name of a field, for the
    filter does not tell that an array is meant.

    Raises:
        WriteError: A path is given twice, or with a part of it: which value counts is not known (code 54).
    """
    document: dict[str, Any] = {}
    taken: set[tuple[str, ...]] = set()
    inner: set[tuple[str, ...]] = set()
    for text, value in sorted(seeds, key=_is_not_id):
        parts = tuple(text.split("."))
        prefixes = [parts[:size] for size in range(1, len(parts))]
        if parts in taken or parts in inner or not taken.isdisjoint(prefixes):
            message = f"cannot infer the fields to insert: the filter gives {text!r}, or a part of it, more than once"
            raise WriteError(message, code=54, code_name="NotSingleValueField")
        taken.add(parts)
        inner.update(prefixes)
        parent = document
        for part in parts[:-1]:
            parent = parent.setdefault(part, {})
        parent[parts[-1]] = copy_value(value, text)
    return document


def _is_not_id(seed: tuple[str, Any]) -> bool:
    return seed[0].partition(".")[0] != "_id"
