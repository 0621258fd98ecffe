"""The rows of a table in the state that a storage reads and writes as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nosqlpy.aliases import Document
from nosqlpy.compat.tinydb.held import HeldRows
from nosqlpy.compat.tinydb.rows import Change, Row, Table, nothing_to_end
from nosqlpy.compat.tinydb.storages import State, Storage

_TEXT = {str}
_NOTHING: Table = {}


class StateRows(HeldRows):
    """The documents of one table; every write reads the state once and writes it once.

    A write makes the table's dict anew, and copies the documents that a function of the user's changes: a storage that
    keeps its state, such as a cache, has none of it if the function raises.
    """

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage = storage
        self._name = name

    def begin_reading(self) -> Callable[[], object]:
        """Return what is to be called when all that is being read was read."""
        return nothing_to_end

    def every(self) -> Iterable[Row]:
        """Return all documents, with their ids, which are text."""
        return self._table().items()

    def one(self, doc_id: Any) -> Document | None:
        """Return the document with this id; it is that of the table, to be copied."""
        return self._table().get(str(doc_id))

    def create(self) -> None:
        """Make the table, empty, if it is not there."""
        state = self._storage.read() or {}
        if self._name not in state:
            self._write(state, {})

    def clear(self) -> None:
        """Remove all documents; the table stays."""
        self._write(self._storage.read() or {}, {})

    def _table(self) -> Table:
        return (self._storage.read() or {}).get(self._name, _NOTHING)

    def _ordered(self, table: Table, found: Table) -> list[Row]:
        if len(found) < 2:
            return list(found.items())
        return [(key, found[key]) for key in table if key in found]

    def _open(self) -> tuple[State, Table]:
        state = self._storage.read() or {}
        table = state.get(self._name, _NOTHING)
        if set(map(type, table)) <= _TEXT:
            return state, table
        return state, {str(key): document for key, document in table.items()}

    def _rows(self, table: Table) -> Iterable[Row]:
        return table.items()

    def _put(self, state: State, table: Table, documents: Table, _: Sequence[Any]) -> None:
        self._write(state, {**table, **documents})

    def _in_place(self, state: State, documents: Sequence[Document], change: Change) -> bool:
        changed = change.in_place(documents)
        if changed:
            self._storage.write(state)
        return changed

    def _replace(self, state: State, table: Table, documents: Table) -> None:
        self._write(state, {**table, **documents} if len(documents) < len(table) else documents)

    def _remove(self, state: State, table: Table, keys: Sequence[str]) -> None:
        table = dict(table)
        for key in keys:
            del table[key]
        self._write(state, table)

    def _write(self, state: State, table: Table) -> None:
        state[self._name] = table
        self._storage.write(state)
