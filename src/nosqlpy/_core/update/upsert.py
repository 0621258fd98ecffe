"""The document that an upsert starts from: what the filter says of it by equality."""

from __future__ import annotations

from typing import Any

from nosqlpy._core.values.codec import copy_value
from nosqlpy.errors import WriteError


def seed_document(seeds: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a new document with the value of every seed at its path: ``_id`` first, then in the order of the paths.

    A part of a path that is a number becomes the name of a field, for the
    filter does not tell that an array is meant.

    Raises:
        WriteError: A path is given twice, or with a part of it: which value counts is not known (code 54).
    """
    document: dict[str, Any] = {}
    taken: set[tuple[str, ...]] = set()
    inner: set[tuple[str, ...]] = set()
    for text, value in sorted(seeds, key=_rank):
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


def seed_id(seeds: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a new document with the ``_id`` that the seeds give, if any: all that counts for a replacement.

    Raises:
        WriteError: It is given twice (code 54), or only a part of it is (code 111).
    """
    ids = [seed for seed in seeds if seed[0].partition(".")[0] == "_id"]
    for text, _ in ids:
        if text != "_id":
            message = f"cannot infer the _id to insert: the filter gives {text!r}, and a replacement needs all of it"
            raise WriteError(message, code=111, code_name="NotExactValueField")
    return seed_document(ids)


def _rank(seed: tuple[str, Any]) -> tuple[bool, str]:
    return seed[0].partition(".")[0] != "_id", seed[0]
