"""The rows of a table in memory: live dicts, as TinyDB's own storage in memory holds them.

A read hands out shallow copies, a write replaces the dicts of the documents it changes; nothing is encoded or decoded.
Before, tables in memory were
collections of a database in memory, of which every read decoded documents: 0.04 to 0.3 of TinyDB's speed where many
are read or updated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nosqlpy.aliases import Document
from nosqlpy.compat.tinydb.fields import stored_id
from nosqlpy.compat.tinydb.pausing import CollectorPaused
from nosqlpy.compat.tinydb.queries import asked
from nosqlpy.compat.tinydb.rows import Ask, Change, Choice, IdClass, IdTaken, Listed, Matching, Pick, Row
from nosqlpy.errors import InvalidOperation


class Tables(dict[str, dict[Any, Document]]):
    """The documents of all tables by their ids, which are ints where an id's text is that of an int, else text."""

    moved: bool = False
    """Whether the documents are in a database by now, and nothing must be written here."""


def tables_of(state: Mapping[str, Mapping[Any, Document]]) -> Tables:
    """Return a state, whose ids are text, as tables; the documents are the same."""
    return Tables({name: {stored_id(key): table[key] for key in table} for name, table in state.items()})


def state_of(tables: Tables) -> dict[str, dict[str, Document]]:
    """Return tables as a state; the documents are the same."""
    return {name: {str(key): table[key] for key in table} for name, table in list(tables.items())}


def _rows(table: dict[Any, Document]) -> Iterable[Row]:
    """Return the rows of this moment, though others may insert meanwhile; without a tuple of each in memory."""
    return zip(list(table), list(table.values()), strict=False)


class LiveRows:
    """The documents of one table; who writes holds the lock of the storage."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def read(self, choice: Choice) -> Iterable[Row]:
        """Return the documents chosen, with their ids; they are those of the table, to be copied."""
        table = self._table()
        if isinstance(choice, Matching):
            ask = asked(choice.ask)
            return ((key, document) for key, document in _rows(table) if ask(document))
        if isinstance(choice, Listed):
            return self._listed(table, choice.ids)
        return _rows(table)

    def first(self, ask: Ask) -> Row | None:
        """Return the first document for which `ask` is true."""
        ask = asked(ask)
        return next(((key, document) for key, document in _rows(self._table()) if ask(document)), None)

    def count(self) -> int:
        """Return how many documents there are."""
        return len(self._table())

    def highest_id(self, id_class: IdClass) -> Any:
        """Return the highest id, or None if there is no document."""
        return max(map(id_class, list(self._table())), default=None)

    def create(self) -> None:
        """Make the table, empty, if it is not there."""
        self._tables.setdefault(self._name, {})

    def insert(self, rows: Sequence[tuple[Any, Mapping[str, Any]]], id_class: IdClass) -> None:  # noqa: ARG002
        """Insert documents under their ids, all of them or none.

        Raises:
            IdTaken: A document has one of the ids, or two of `rows` have the same.
        """
        table = self._table()
        new: dict[Any, Document] = {}
        for doc_id, document in rows:
            key = stored_id(doc_id)
            if key in table or key in new:
                raise IdTaken(doc_id)
            new[key] = dict(document)
        self._put(new)

    def update(self, choice: Choice, pick: Pick, change: Change | None, id_class: IdClass) -> list[Any]:
        """Put copies of those of the documents chosen whose ids `pick` returns, after `change`, in their place.

        If a function raises, nothing is changed, but for what it did to lists and documents inside of documents.
        """
        with CollectorPaused():
            documents, keys = self._chosen(choice, id_class)
            if change is None:  # `pick` changes them
                documents = dict(zip(documents, map(dict.copy, documents.values()), strict=True))
            picked = pick(documents)
            changed = dict(zip(picked, map(documents.__getitem__, picked), strict=True))
            if change is not None:
                changed = dict(zip(changed, map(dict.copy, changed.values()), strict=True))
                apply = change.function
                for doc_id in picked:
                    apply(changed[doc_id])
            self._put(changed if keys is None else {keys[doc_id]: changed[doc_id] for doc_id in changed})
        return picked

    def remove(self, choice: Choice, pick: Pick, id_class: IdClass) -> list[Any]:
        """Remove those of the documents chosen whose ids `pick` returns, and return these."""
        documents, keys = self._chosen(choice, id_class)
        picked = pick(documents)
        if len(set(picked)) < len(picked):
            raise KeyError(next(doc_id for place, doc_id in enumerate(picked) if doc_id in picked[:place]))
        table = self._to_write()
        for doc_id in picked:
            del table[doc_id if keys is None else keys[doc_id]]
        return picked

    def clear(self) -> None:
        """Remove all documents; the table stays."""
        self._tables[self._name] = {}

    def _table(self) -> dict[Any, Document]:
        return self._tables.get(self._name) or {}

    def _put(self, documents: dict[Any, Document]) -> None:
        self._to_write().update(documents)

    def _to_write(self) -> dict[Any, Document]:
        """Return the table, which is made if it is not there.

        Raises:
            InvalidOperation: A function of the user's, called for this write, has made the storage a database.
        """
        if self._tables.moved:
            raise InvalidOperation("the tables became collections while this was to be written; nothing was written")
        return self._tables.setdefault(self._name, {})

    def _listed(self, table: dict[Any, Document], ids: Sequence[Any]) -> Iterable[Row]:
        """Return the documents with these ids, in the order of the table."""
        keys = dict.fromkeys(map(stored_id, ids))
        found = [(key, table[key]) for key in keys if key in table]
        if len(found) < 2:
            return found
        return [(key, document) for key, document in _rows(table) if key in keys]

    def _chosen(self, choice: Choice, id_class: IdClass) -> tuple[dict[Any, Document], dict[Any, Any] | None]:
        """Return the documents chosen by the ids that users see; the table's keys by these; None: the same."""
        table = self._table()
        if isinstance(choice, Listed):
            keys = [key for key in map(stored_id, choice.ids) if key in table]
            rows = {key: table[key] for key in keys}
        elif isinstance(choice, Matching):
            rows = dict(self.read(choice))
        else:  # also for `MayMatch`: whoever picks asks each document, in TinyDB's order
            rows = table.copy()
        if id_class is int and set(map(type, rows)) <= {int}:
            return rows, None
        return {id_class(key): row for key, row in rows.items()}, {id_class(key): key for key in rows}
