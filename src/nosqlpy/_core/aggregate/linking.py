"""What links documents of two collections: the values that one has at a path, and those that another must have.

As $lookup and $graphLookup see them (the server's document_path_support.cpp): an
array stands for its elements, on the way and at the end of a path, and a number
in a path is a position too.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Hashable, Iterator, Mapping, Sequence
from typing import Any

from nosqlpy._core.aggregate.stage import Batch, Finder
from nosqlpy._core.values.collation import Collation, keys_of
from nosqlpy._core.values.paths import array_position, plain
from nosqlpy._core.values.types import MISSING
from nosqlpy.aliases import Document


def values_at(value: Any, parts: Sequence[str]) -> Iterator[Any]:
    """Yield the values that `parts` lead to; those of an array, each."""
    value, kind = plain(value)
    if not parts:
        if kind is list:
            yield from value
        elif value is not MISSING:
            yield value
    elif kind is dict:
        yield from values_at(value.get(parts[0], MISSING), parts[1:])
    elif kind is list:
        position = array_position(parts[0])
        if position is not None:
            if position < len(value):
                yield from values_at(value[position], parts[1:])
            return
        for item in value:
            if plain(item)[1] is dict:
                yield from values_at(item, parts)


def linked_values(document: Mapping[str, Any], parts: Sequence[str]) -> list[Any]:
    """Return the values of a document's local field: null alone, if it has none."""
    return [*values_at(document, parts)] or [None]


class Link:
    """Finds the documents that are linked to others by a local field."""

    __slots__ = ("_equality", "_finder", "_parts", "_plain")

    def __init__(self, finder: Finder, parts: Sequence[str], collation: Collation | None) -> None:
        self._finder = finder
        self._parts = parts
        self._plain = collation is None
        self._equality = keys_of(collation).equality

    def of(self, document: Document) -> Generator[Batch, None, Sequence[bytes]]:
        """Return, in steps, the documents that are linked to this one, encoded."""
        keys = self._keys(document)
        yield from nothing_found(self._finder.prepare(keys))
        return self._finder.find(keys)

    def at_once(self, document: Document) -> Sequence[bytes] | None:
        """Return them at once, None if that takes steps."""
        return self._finder.at_once(self._keys(document))

    def _keys(self, document: Document) -> Collection[Hashable]:
        value: Any = document
        for part in self._parts:  # nearly always through documents to a scalar
            if type(value) is not dict:
                break
            value = value.get(part, MISSING)
        else:
            if type(value) is int or (type(value) is str and self._plain):
                return (value,)
        return dict.fromkeys(map(self._equality, linked_values(document, self._parts)))


def placed(document: Mapping[str, Any], parts: Sequence[str], value: Any) -> Document:
    """Return a copy of the document with `value` at a path; what the path does not touch is shared."""
    result = dict(document)
    name, rest = parts[0], parts[1:]
    if rest:
        inner = result.get(name)
        value = placed(inner if isinstance(inner, Mapping) else {}, rest, value)
    result[name] = value
    return result


def nothing_found(steps: Iterator[None]) -> Iterator[Batch]:
    """Yield an empty batch at each of `steps`."""
    for _ in steps:
        yield []
