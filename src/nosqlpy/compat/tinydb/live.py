"""The rows of a table in memory: live dicts, as TinyDB's own storage in memory holds them.

A read hands out shallow copies, a write replaces the dicts of the documents it changes; nothing is encoded or decoded.
Before, tables in memory were collections of a database in memory, of which every read decoded documents: 0.04 to 0.3
of TinyDB's speed where many are read or updated.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nosqlpy.aliases import Document
from nosqlpy.compat.tinydb.fields import stored_id
from nosqlpy.compat.tinydb.pausing import CollectorPaused
from nosqlpy.compat.tinydb.queries import asked
from nosqlpy.compat.tinydb.rows import Ask, Change, Choice, IdClass, IdTaken, Listed, Matching, Pick, Row
from nosqlpy.errors import InvalidOperation

Table = dict[Any, Document]


class Tables(dict[str, Table]):
    """The documents of all tables by their ids, which are ints where an id's text is that of an int, else text.

    Readers go through the dict of a table itself, so that one that ends early has copied nothing. A write leaves a
    dict that somebody may be reading as it is, and goes on with a copy: a hundredth of what asking all of it takes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lock: threading.RLock = threading.RLock()
        self.moved: bool = False
        self.other: Any = None
        self._read: set[str] = set()
        self._unordered: set[str] = set()

    def rows(self, name: str) -> Iterable[Row]:
        """Return the rows of a table as they are now, whoever writes meanwhile."""
        table = self.get(name)
        if not table:
            return ()
        if name in self._read:  # whoever writes next leaves this dict as it is, or has left it already
            return table.items()
        if not self.lock.acquire(blocking=False):  # somebody writes; what that calls may wait for this thread
            return table.copy().items()
        self._read.add(name)
        table = self.get(name) or {}
        self.lock.release()
        return table.items()

    def put(self, name: str, documents: Table) -> None:
        """Put documents, new ones and others, into a table, at once; the lock is held."""
        table = self._to_write(name)
        if name not in self._unordered and not _is_ascending(documents, next(reversed(table), None)):
            self._unordered.add(name)
        table.update(documents)

    def replace(self, name: str, documents: Table) -> None:
        """Put documents in the place of those with the same ids, at once; the lock is held."""
        table = self._to_write(name)
        size = len(table)
        table.update(documents)
        if len(table) > size:  # a function of the user's, called for this write, has removed some
            self._unordered.add(name)

    def remove(self, name: str, keys: Iterable[Any]) -> None:
        """Take documents away, at once; the lock is held."""
        list(map(self._to_write(name).pop, keys))

    def empty(self, name: str) -> None:
        """Take all documents of a table away; it stays."""
        self[name] = {}
        self._unordered.discard(name)

    def become(self, state: Any) -> None:
        """Become the tables of a state, whose ids are text and whose documents stay the same; keep what is none."""
        is_state = isinstance(state, Mapping) and all(isinstance(table, Mapping) for table in state.values())
        self.other = None if is_state else state
        tables = state.items() if is_state else ()
        written = {name: {stored_id(key): table[key] for key in table} for name, table in tables}
        self.clear()
        self.update(written)
        self._unordered = {name for name, table in written.items() if not _is_ascending(table)}

    def state(self) -> Any:
        """Return the tables as a state, whose documents are the same, or what was written instead; None if nothing."""
        if self.other is not None:
            return self.other
        return {name: {str(key): table[key] for key in table} for name, table in list(self.items())} or None

    def in_order(self, name: str, keys: Sequence[Any]) -> Sequence[Any]:
        """Return keys of a table in its order."""
        if len(keys) < 2:
            return keys
        if name not in self._unordered:
            return sorted(keys)
        wanted = frozenset(keys)
        return [key for key in list(self.get(name) or ()) if key in wanted]

    def _to_write(self, name: str) -> Table:
        """Return a table, which is made if it is not there.

        Raises:
            InvalidOperation: A function of the user's, called for this write, has made the storage a database.
            TypeError: What was written to the storage is no state.
        """
        if self.moved:
            raise InvalidOperation("the tables became collections while this was to be written; nothing was written")
        if self.other is not None:
            raise TypeError(f"the storage holds no tables: a {type(self.other).__name__} was written to it")
        table = self.setdefault(name, {})
        if name in self._read:
            self._read.discard(name)
            table = self[name] = table.copy()
        return table


def _is_ascending(keys: Iterable[Any], last: Any = None) -> bool:
    """Whether keys are ints, of which each is higher than the one before, the first one than `last`."""
    for key in keys:
        if type(key) is not int or (last is not None and key <= last):
            return False
        last = key
    return True


class LiveRows:
    """The documents of one table; who writes holds the lock of the storage."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def read(self, choice: Choice) -> Iterable[Row]:
        """Return the documents chosen, with their ids; they are those of the table, to be copied."""
        if isinstance(choice, Listed):
            return self._listed(choice.ids)
        rows = self._tables.rows(self._name)
        if isinstance(choice, Matching):
            ask = asked(choice.ask)
            return [(key, document) for key, document in rows if ask(document)]
        return rows

    def one(self, doc_id: Any) -> Document | None:
        """Return the document with this id; it is that of the table, to be copied."""
        return self._table().get(stored_id(doc_id))

    def first(self, ask: Ask) -> Row | None:
        """Return the first document for which `ask` is true; it is that of the table, to be copied."""
        ask = asked(ask)
        for key, document in self._tables.rows(self._name):
            if ask(document):
                return key, document
        return None

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
        self._tables.put(self._name, new)

    def update(self, choice: Choice, pick: Pick, change: Change | None, id_class: IdClass) -> list[Any]:
        """Put copies of those of the documents chosen whose ids `pick` returns, after `change`, in their place.

        If a function raises, nothing is changed, but for what it did to lists and documents inside of documents.
        """
        with CollectorPaused():
            documents, keys = self._chosen(choice, id_class)
            if change is None:  # `pick` changes them
                documents = dict(zip(documents, map(dict.copy, documents.values()), strict=True))
            picked = pick(documents)
            if change is None:
                changed = {doc_id: documents[doc_id] for doc_id in picked}
            else:
                apply = change.function
                changed = {doc_id: documents[doc_id].copy() for doc_id in picked}
                for doc_id in picked:
                    apply(changed[doc_id])
            self._tables.replace(
                self._name, changed if keys is None else {keys[doc_id]: changed[doc_id] for doc_id in changed}
            )
        return picked

    def remove(self, choice: Choice, pick: Pick, id_class: IdClass) -> list[Any]:
        """Remove those of the documents chosen whose ids `pick` returns, and return these."""
        documents, keys = self._chosen(choice, id_class)
        picked = pick(documents)
        if len(set(picked)) < len(picked):
            raise KeyError(next(doc_id for place, doc_id in enumerate(picked) if doc_id in picked[:place]))
        self._tables.remove(self._name, picked if keys is None else [keys[doc_id] for doc_id in picked])
        return picked

    def clear(self) -> None:
        """Remove all documents; the table stays."""
        self._tables.empty(self._name)

    def _table(self) -> dict[Any, Document]:
        return self._tables.get(self._name) or {}

    def _listed(self, ids: Sequence[Any]) -> list[Row]:
        """Return the documents with these ids, in the order of the table."""
        table = self._table()
        found = {key: table[key] for key in map(stored_id, ids) if key in table}
        return [(key, found[key]) for key in self._tables.in_order(self._name, list(found))]

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
