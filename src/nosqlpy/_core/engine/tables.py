"""The collections that an aggregation reads beside its own, as they were when it began."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeAlias

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.query.partial import layout_of, matched_values
from nosqlpy._core.query.several import Several
from nosqlpy._core.values.collation import Collation, keys_of
from nosqlpy.aliases import Document

Find: TypeAlias = Callable[[Iterable[Hashable]], Sequence[bytes]]

# documents that are entered at once where there is no index: about half a millisecond
ENTERED_STEP = 512
# keys whose documents are remembered while an aggregation goes on
KNOWN_MAX = 4096


class World:
    """The database as it was at one moment, as far as an aggregation reads it."""

    def __init__(self, engine: Engine, own: str, names: Iterable[str]) -> None:
        self.sort_memory = engine.sort_memory
        self._tables = {name: StoredTable(engine, engine.collections.get(name or own), name or own) for name in names}

    def table(self, name: str) -> StoredTable:
        """Return one of the collections."""
        return self._tables[name]


class StoredTable:
    """A collection as it was at one moment."""

    def __init__(self, engine: Engine, collection: CollectionState | None, name: str) -> None:
        self.engine = engine
        self.moment = engine.version()
        self.collection = collection
        self._name = name
        self._documents: Sequence[bytes] = () if collection is None else collection.slots.all()
        self._indexes = [] if collection is None else [index.to_document() for index in collection.definitions()]

    def documents(self) -> Sequence[bytes]:
        """Return all documents, encoded, in natural order."""
        return self._documents

    def finder(self, path: str, collation: Collation | None) -> PathFinder:
        """Return what finds documents by what they have at `path`; under a collation, by folded values."""
        return PathFinder(self, path, collation)

    def describe(self) -> Document:
        """Return the statistics of the collection."""
        return {"ns": self._name, **(self.collection or CollectionState(0, self._name)).stats()}

    def indexes(self) -> list[Document]:
        """Return the descriptions of its indexes."""
        return self._indexes


class PathFinder:
    """Finds the documents that have a value with one of some equality keys at a path.

    While nothing was written since the moment, an index of the collection answers; else one that is made for this.
    """

    def __init__(self, table: StoredTable, path: str, collation: Collation | None) -> None:
        self._table = table
        self._path = path
        self._collation = collation
        self._live = _live(table.collection, path) if collation is None else None
        self._entries: dict[Hashable, list[int]] | None = None
        # what was found by single keys, all of this moment
        self._known: dict[Hashable, Sequence[bytes]] = {}

    def at_once(self, keys: Collection[Hashable]) -> Sequence[bytes] | None:
        """Return what `find` returns, or None if it has to be prepared first."""
        if len(keys) != 1:
            return self.find(keys) if self._is_ready(keys) else None
        (key,) = keys
        found = self._known.get(key)
        if found is None and self._is_ready(keys):
            found = self.find(keys)
            if len(self._known) < KNOWN_MAX:
                self._known[key] = found
        return found

    def _is_ready(self, keys: Collection[Hashable]) -> bool:
        return self._entries is not None or (self._answers(keys) and self._table.engine.version() == self._table.moment)

    def prepare(self, keys: Collection[Hashable]) -> Iterator[None]:
        """Make an index, in steps, if there is none that leads to these keys, or it is of a later moment."""
        if self._is_ready(keys):
            return
        entries: dict[Hashable, list[int]] = {}
        documents = self._table.documents()
        layout = layout_of(frozenset((self._path,)))
        column = layout.column(self._path, matched_values)
        equality = keys_of(self._collation).equality
        for start in range(0, len(documents), ENTERED_STEP):
            reached = column(layout.rows(documents[start : start + ENTERED_STEP]))
            for place, entry in enumerate(reached, start):
                for key in {*map(equality, _values(entry))}:
                    entries.setdefault(key, []).append(place)
            yield
        self._entries = entries

    def _answers(self, keys: Collection[Hashable]) -> bool:
        """Return whether an index of the collection leads to all that have a value with one of these keys.

        To a document that a path ends in, before it reaches a value, because an element of an array is no document,
        it does not lead under null.
        """
        return self._live is not None and not ("." in self._path and None in keys)

    def find(self, keys: Collection[Hashable]) -> Sequence[bytes]:
        """Return the documents that have a value with one of these equality keys, encoded, none twice."""
        if self._entries is None:
            if self._live is not None and self._answers(keys):
                found = self._live(keys)
                if self._table.engine.version() == self._table.moment:
                    return found
            for _ in self.prepare(keys):
                pass
        assert self._entries is not None, "just prepared"
        entries, documents = self._entries, self._table.documents()
        lists = [entries[key] for key in keys if key in entries]
        if len(lists) == 1:
            return [documents[place] for place in lists[0]]
        return [documents[place] for place in sorted({*chain.from_iterable(lists)})]


def _live(collection: CollectionState | None, path: str) -> Find | None:
    if collection is None:
        return None
    if path == "_id":
        return collection.slots.some
    index = collection.index_on(path)
    if index is None:
        return None
    natural = collection.natural.sorted
    return lambda keys: collection.slots.some(natural({*chain(*map(tuple, map(index.lookup, keys)))}))


def _values(entry: Any) -> Iterable[Any]:
    """Return the values that link a document, of what a path reached in it; null if it reached none."""
    if type(entry) is Several:
        return entry or (None,)
    return (*entry, entry) if type(entry) is list else (entry,)
