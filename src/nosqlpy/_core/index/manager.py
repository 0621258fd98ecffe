"""The index manager: all indexes of a collection, kept as its documents change."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Any

from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.deferred import DeferredIndex
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.query.partial import Column, Layout, layout_of, matched_values
from nosqlpy._core.query.several import Several
from nosqlpy._core.values.keys import equality_key

BUILD_STEP = 1000


class IndexManager:
    """The indexes by name, and one partial decoder for all that they read.

    A document stands under the values that a condition on the path would be tested
    on, which is what makes an index lead to every match.
    """

    __slots__ = ("_columns", "_layout", "by_name")

    def __init__(self) -> None:
        self.by_name: dict[str, HashIndex] = {}
        self._layout: Layout | None = None
        self._columns: list[tuple[HashIndex, Column]] = []

    def __bool__(self) -> bool:
        return bool(self._columns)

    def add(self, index: HashIndex) -> None:
        """Add an index, or put it in the place of the one of its name."""
        # a new dict, since a reader on another thread may be iterating over the old one
        self._use({**self.by_name, index.name: index})

    def build(self, definition: IndexDefinition, keys: Sequence[Hashable], documents: Sequence[bytes]) -> None:
        """Add an index over encoded documents and their keys."""
        self.add(self.make(definition, keys, documents))

    @staticmethod
    def make(definition: IndexDefinition, keys: Sequence[Hashable], documents: Sequence[bytes]) -> HashIndex:
        """Return an index over encoded documents and their keys, which is not used yet."""
        index = HashIndex(definition.name, definition.keys)
        layout = layout_of(frozenset((index.field,)))
        column = layout.column(index.field, matched_values)
        for start in range(0, len(documents), BUILD_STEP):
            part = slice(start, start + BUILD_STEP)
            for key, entry in zip(keys[part], column(layout.rows(documents[part])), strict=True):
                index.add(_values(entry), key)
        return index

    def drop(self, name: str) -> None:
        """Remove an index, if it is there."""
        self._use({held: index for held, index in self.by_name.items() if held != name})

    def _use(self, indexes: dict[str, HashIndex]) -> None:
        self.by_name = indexes
        built = [index for index in indexes.values() if type(index) is not DeferredIndex]
        self._layout = layout_of(frozenset(index.field for index in built)) if built else None
        if self._layout is not None:
            columns = self._layout.column
            self._columns = [(index, columns(index.field, matched_values)) for index in built]
        else:
            self._columns = []

    def insert(self, keys: Sequence[Hashable], documents: Sequence[bytes]) -> None:
        """Enter new documents."""
        if self._layout is not None:
            rows = self._layout.rows(documents)
            for index, column in self._columns:
                for key, entry in zip(keys, column(rows), strict=True):
                    index.add(_values(entry), key)

    def replace(self, key: Hashable, before: bytes, after: bytes) -> None:
        """Move one document from where it stood `before` to where it stands `after`."""
        if self._layout is not None:
            rows = self._layout.rows((before, after))
            for index, column in self._columns:
                old, new = column(rows)
                if old is not new and (stale := set(_values(old))) != (fresh := set(_values(new))):
                    index.discard(stale - fresh, key)
                    index.add(fresh - stale, key)

    def remove(self, keys: Sequence[Hashable], documents: Sequence[bytes]) -> None:
        """Take documents out."""
        if self._layout is not None:
            rows = self._layout.rows(documents)
            for index, column in self._columns:
                for key, entry in zip(keys, column(rows), strict=True):
                    index.discard(_values(entry), key)

    def clear(self) -> None:
        """Remove every entry; the indexes stay."""
        for index in self.by_name.values():
            index.clear()

    def definitions(self) -> Iterable[IndexDefinition]:
        """Return the definition of every index."""
        return [IndexDefinition(index.name, index.keys) for index in self.by_name.values()]


def _values(entry: Any) -> Collection[Hashable]:
    """Return the index keys of what a path reached in one document."""
    kind = type(entry)
    if kind is str or kind is int:
        return (entry,)
    if kind is Several:
        return frozenset(map(equality_key, entry))
    if kind is list:
        return frozenset((*map(equality_key, entry), equality_key(entry)))
    return (equality_key(entry),)
