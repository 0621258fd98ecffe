"""The rows of a table whose documents are held as Python has them: by the text of their ids, as TinyDB's JSON is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from nosqlpy.aliases import Document
from nosqlpy.compat.tinydb.pausing import CollectorPaused
from nosqlpy.compat.tinydb.queries import asked
from nosqlpy.compat.tinydb.rows import (
    Ask,
    Change,
    Choice,
    IdClass,
    IdTaken,
    Listed,
    Matching,
    Row,
    Step,
    Table,
    as_int,
)


class HeldRows(ABC):
    """What the tables in memory, and those in the state of a storage, have in common."""

    # ── reading ──────────────────────────────────────────────────────────────────

    @abstractmethod
    def every(self) -> Iterable[Row]:
        """Return all documents, with their ids."""

    def matching(self, ask: Ask) -> list[Row]:
        """Return the documents for which `ask` is true, with their ids."""
        ask = asked(ask)
        return [(key, document) for key, document in self.every() if ask(document)]

    def listed(self, ids: Iterable[Any]) -> list[Row]:
        """Return the documents with these ids, in the order of the table."""
        table = self._table()
        return self._ordered(table, {key: table[key] for key in map(str, ids) if key in table})

    @abstractmethod
    def one(self, doc_id: Any) -> Document | None:
        """Return the document with this id; it is that of the table, to be copied."""

    def first(self, ask: Ask) -> Row | None:
        """Return the first document for which `ask` is true; it is that of the table, to be copied."""
        ask = asked(ask)
        for key, document in self.every():
            if ask(document):
                return key, document
        return None

    def count(self) -> int:
        """Return how many documents there are."""
        return len(self._table())

    def highest_id(self, id_class: IdClass) -> Any:
        """Return the highest id, or None if there is no document."""
        return max(map(id_class, list(self._table())), default=None)

    # ── writing ──────────────────────────────────────────────────────────────────

    def insert(self, ids: Sequence[Any], documents: Sequence[Mapping[str, Any]]) -> None:
        """Insert documents under ids, of which no two are the same: all of them or none.

        Raises:
            IdTaken: A document has one of the ids.
        """
        state, table = self._open()
        keys = list(map(str, ids))
        if not table.keys().isdisjoint(keys):
            raise IdTaken(next(doc_id for doc_id, key in zip(ids, keys, strict=True) if key in table))
        self._put(state, table, dict(zip(keys, map(dict, documents), strict=True)), ids)

    def update(self, choice: Choice, change: Change, id_class: IdClass) -> list[Any]:
        """Put copies of the documents chosen, after `change`, in their place, and return their ids.

        If a function raises, nothing is changed, but for what it did to lists and documents inside of documents. What
        cannot raise changes the documents themselves, if nobody is reading them: copies take longer than all else.
        """
        state, table = self._open()
        if isinstance(choice, Listed):
            picked = _present(choice.ids, table, id_class)
            chosen = {key: dict(table[key]) for _, key in picked}
            for _, key in picked:
                change.function(chosen[key])
            self._replace(state, table, chosen)
            return [doc_id for doc_id, _ in picked]
        with CollectorPaused():
            keys, documents = self._chosen(table, choice)
            if not documents or not self._in_place(state, documents, change):
                self._replace(state, table, dict(zip(keys, change.copies(documents), strict=True)))
            # what was before is let go of in here: to the collector, as many objects then come as have gone
            del table, documents
            return list(map(id_class, keys))

    def update_each(self, steps: Sequence[Step], id_class: IdClass) -> list[Any]:
        """Make several changes, each of the documents that match after those before it; return an id for each."""
        state, table = self._open()
        changed: Table = {}
        ids = []
        functions = [(asked(ask), change.function) for ask, change in steps]
        for key, document in self._rows(table):
            now = document
            for ask, change in functions:
                if ask(now):
                    if now is document:
                        now = changed[key] = dict(document)
                    ids.append(id_class(key))
                    change(now)
        self._replace(state, table, changed)
        return ids

    def remove(self, choice: Choice, id_class: IdClass) -> list[Any]:
        """Remove the documents chosen, and return their ids."""
        state, table = self._open()
        if isinstance(choice, Listed):
            picked = _present(choice.ids, table, id_class)
            keys = [key for _, key in picked]
            if len(set(keys)) < len(keys):
                raise KeyError(next(doc_id for place, (doc_id, key) in enumerate(picked) if key in keys[:place]))
            self._remove(state, table, keys)
            return [doc_id for doc_id, _ in picked]
        keys, _ = self._chosen(table, choice)
        self._remove(state, table, keys)
        return list(map(id_class, keys))

    def _chosen(self, table: Table, choice: Choice) -> tuple[list[str], list[Document]]:
        """Return the keys, and the documents, of a choice."""
        if isinstance(choice, Matching):
            ask = asked(choice.ask)
            rows = [(key, document) for key, document in self._rows(table) if ask(document)]
            return [key for key, _ in rows], [document for _, document in rows]
        return list(table), list(table.values())

    # ── where they are ───────────────────────────────────────────────────────────

    @abstractmethod
    def _table(self) -> Table:
        """Return the documents by the text of their ids; they are not to be changed."""

    @abstractmethod
    def _ordered(self, table: Table, found: Table) -> list[Row]:
        """Return some of a table's documents in its order."""

    @abstractmethod
    def _open(self) -> tuple[Any, Table]:
        """Return what the three below ask for: the state, and the table, before a write."""

    @abstractmethod
    def _rows(self, table: Table) -> Iterable[Row]:
        """Return the rows of the table that was opened, to be gone through whoever writes meanwhile."""

    @abstractmethod
    def _put(self, state: Any, table: Table, documents: Table, ids: Sequence[Any]) -> None:
        """Add documents, which have these ids."""

    @abstractmethod
    def _in_place(self, state: Any, documents: Sequence[Document], change: Change) -> bool:
        """Change documents themselves and keep them; False: none was changed."""

    @abstractmethod
    def _replace(self, state: Any, table: Table, documents: Table) -> None:
        """Put documents in the place of others."""

    @abstractmethod
    def _remove(self, state: Any, table: Table, keys: Sequence[str]) -> None:
        """Take documents away."""


def _present(ids: Iterable[Any], table: Table, id_class: Callable[[Any], Any]) -> list[tuple[Any, str]]:
    """Return those ids that are in a table, each with its key; an id is what `id_class` makes of the key."""
    found = []
    for doc_id in ids:
        key = str(as_int(doc_id))
        if key in table and id_class(key) == doc_id:
            found.append((doc_id, key))
    return found
