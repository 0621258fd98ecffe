"""The rows of a table in the state that a storage reads and writes as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nosqlpy.aliases import Document
from nosqlpy.compat.tinydb.queries import asked
from nosqlpy.compat.tinydb.rows import Ask, Change, Choice, IdClass, IdTaken, Listed, Matching, Pick, Row
from nosqlpy.compat.tinydb.storages import State, Storage


class StateRows:
    """The documents of one table; every write reads the state once and writes it once."""

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage = storage
        self._name = name

    def read(self, choice: Choice) -> Iterable[Row]:
        """Return the documents chosen, with their ids, which are text. A write makes the table's dict anew."""
        table = self._table(self._storage.read())
        if isinstance(choice, Matching):
            ask = asked(choice.ask)
            return [(key, document) for key, document in table.items() if ask(document)]
        if isinstance(choice, Listed):
            wanted = {str(doc_id) for doc_id in choice.ids}
            return [(key, document) for key, document in table.items() if key in wanted]
        return table.items()

    def one(self, doc_id: Any) -> Document | None:
        """Return the document with this id."""
        found: Document | None = self._table(self._storage.read()).get(str(doc_id))
        return found

    def first(self, ask: Ask) -> Row | None:
        """Return the first document for which `ask` is true."""
        ask = asked(ask)
        for key, document in self._table(self._storage.read()).items():
            if ask(document):
                return key, document
        return None

    def count(self) -> int:
        """Return how many documents there are."""
        return len(self._table(self._storage.read()))

    def highest_id(self, id_class: IdClass) -> Any:
        """Return the highest id, or None if there is no document."""
        return max(map(id_class, self._table(self._storage.read())), default=None)

    def create(self) -> None:
        """Make the table, empty, if it is not there."""
        state = self._storage.read() or {}
        if self._name not in state:
            self._write(state, {})

    def insert(self, rows: Sequence[tuple[Any, Mapping[str, Any]]], id_class: IdClass) -> None:
        """Insert documents under their ids, all of them or none.

        Raises:
            IdTaken: A document has one of the ids, or two of `rows` have the same.
        """
        state, table = self._open(id_class)
        for doc_id, document in rows:
            if doc_id in table:
                raise IdTaken(doc_id)
            table[doc_id] = dict(document)
        self._write(state, table)

    def update(self, choice: Choice, pick: Pick, change: Change | None, id_class: IdClass) -> list[Any]:
        """Write copies of those of the documents chosen whose ids `pick` returns, after `change`, and return these.

        A storage that keeps its state, such as a cache, has none of it if a function raises.
        """
        state, table = self._open(id_class)
        chosen = self._chosen(table, choice)
        if change is None:  # `pick` changes them
            chosen = {key: dict(document) for key, document in chosen.items()}
        picked = pick(chosen)
        if change is not None:
            apply = change.function
            chosen = {doc_id: dict(chosen[doc_id]) for doc_id in picked}
            for doc_id in picked:
                apply(chosen[doc_id])
        table.update({doc_id: chosen[doc_id] for doc_id in picked})
        self._write(state, table)
        return picked

    def remove(self, choice: Choice, pick: Pick, id_class: IdClass) -> list[Any]:
        """Remove those of the documents chosen whose ids `pick` returns, and return these."""
        state, table = self._open(id_class)
        picked = pick(self._chosen(table, choice))
        for doc_id in picked:
            del table[doc_id]
        self._write(state, table)
        return picked

    def clear(self) -> None:
        """Remove all documents; the table stays."""
        self._write(self._storage.read() or {}, {})

    def _table(self, state: State | None) -> dict[Any, Document]:
        return (state or {}).get(self._name, {})

    def _open(self, id_class: IdClass) -> tuple[State, dict[Any, Document]]:
        """Return the state, and the table's documents by the ids that users see."""
        state = self._storage.read() or {}
        return state, {id_class(key): document for key, document in self._table(state).items()}

    def _write(self, state: State, table: Mapping[Any, Document]) -> None:
        state[self._name] = {str(doc_id): document for doc_id, document in table.items()}
        self._storage.write(state)

    @staticmethod
    def _chosen(table: dict[Any, Document], choice: Choice) -> dict[Any, Document]:
        if isinstance(choice, Matching):
            ask = asked(choice.ask)
            return {key: document for key, document in table.items() if ask(document)}
        return table
