"""What the demonstration asks of its data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import nlargest
from typing import Any

import msgspec

from nosqlpy.aliases import Document, Filter

TOP = 5


class Questions(msgspec.Struct, frozen=True):
    """A path to index and a value to look for there; a path of numbers, where there is one, and the least wanted."""

    path: str
    value: Any
    number: str | None
    least: float

    @property
    def equal(self) -> Filter:
        """The filter that the index serves."""
        return {self.path: self.value}

    @property
    def range(self) -> Filter:
        """The filter that looks at every document."""
        return {"_id": {"$exists": True}} if self.number is None else {self.number: {"$gte": self.least}}

    @property
    def order(self) -> list[tuple[str, int]]:
        """The order whose first documents are wanted."""
        return [("_id", 1)] if self.number is None else [(self.number, -1), ("_id", 1)]

    def is_equal(self, document: Document) -> bool:
        """Return what `equal` says of a document, told by Python."""
        found = _at(document, self.path)
        return bool(found == self.value or (isinstance(found, list) and self.value in found))

    def is_in_range(self, document: Document) -> bool:
        """Return what `range` says of a document, told by Python."""
        if self.number is None:
            return True
        found = _at(document, self.number)
        return _is_number(found) and found >= self.least

    def top(self, documents: Sequence[Document]) -> list[Any]:
        """Return the largest numbers of all `documents`."""
        numbers = [_at(document, self.number) for document in documents] if self.number else []
        return nlargest(TOP, filter(_is_number, numbers))


CHARACTERS = Questions("words", "ARROW", "numeric", 1000)


def questions_about(documents: Sequence[Document]) -> Questions:
    """Return questions that make sense for documents of any kind, given a sample of them."""
    texts: dict[str, Counter[str]] = {}
    numbers: dict[str, list[float]] = {}
    for document in documents:
        for path, value in _scalars(document):
            if isinstance(value, str):
                texts.setdefault(path, Counter())[value] += 1
            elif _is_number(value):
                numbers.setdefault(path, []).append(value)
    number = max(numbers, key=lambda path: len(set(numbers[path])), default=None)
    least = sorted(numbers[number])[len(numbers[number]) * 9 // 10] if number else 0
    repeated = {path: found for path, found in texts.items() if 1 < len(found) <= found.total() // 2}
    if not repeated:
        return Questions("_id", documents[0]["_id"], number, least)
    path = max(repeated, key=lambda path: len(repeated[path]))
    return Questions(path, repeated[path].most_common(1)[0][0], number, least)


def _scalars(document: Document) -> Iterator[tuple[str, Any]]:
    """Yield paths and values of the first two levels that hold no others."""
    for name, value in document.items():
        if name == "_id" or not _is_simple(name):
            continue
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", item) for inner, item in value.items() if _is_simple(inner))
        else:
            yield name, value


def _is_simple(name: str) -> bool:
    return bool(name) and not name.startswith("$") and "." not in name


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _at(document: Document, path: str) -> Any:
    name, _, inner = path.partition(".")
    value = document.get(name)
    return (value.get(inner) if isinstance(value, dict) else None) if inner else value
