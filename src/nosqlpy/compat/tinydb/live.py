"""The state of all tables in memory, as TinyDB's own storage in memory holds it, and the rows of one table there.

A read hands out shallow copies, a write replaces the dicts of the documents it changes; nothing is encoded or decoded.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from nosqlpy.aliases import Document
from nosqlpy.compat.tinydb.held import HeldRows
from nosqlpy.compat.tinydb.rows import Ask, Change, Row, Table
from nosqlpy.errors import InvalidOperation

_NOTHING: Table = {}
_UNORDERED = math.inf  # no id is higher, so that a table which is not in the order of its ids stays one


class LiveState:
    """All tables by their names, each a dict of its documents by their ids as text.

    Readers go through the dict of a table itself, so that one that ends early has copied nothing. A write leaves a
    dict that somebody may be reading as it is, and goes on with a copy: a hundredth of what asking all of it takes.
    """

    moved: bool = False
    state: Any = None
    shared: bool = False
    """Somebody was given the state, and may be going through any table."""
    _changing: bool = False
    _tables: dict[str, Table] | None = None  # the state, once it was seen to be one

    writes: int = 0
    """How many writes of tables there were."""
    _read: set[str]  # the tables that somebody may be going through
    _last: dict[str, float]  # the highest id of those that are known to be in the order of their ids

    def __init__(self) -> None:
        self.lock: threading.RLock = threading.RLock()
        self._readers: list[None] = []  # one for each who is going through any table

    def become(self, state: Any) -> None:
        """Become this state, or keep what is none."""
        self.state = state
        self._tables = None
        self.writes += 1

    def table(self, name: str) -> Table:
        """Return the documents of a table by the text of their ids; they are not to be changed."""
        tables = self._tables
        if tables is None:
            tables = self._looked_into()
        return tables.get(name) or _NOTHING

    def rows(self, name: str) -> Iterable[Row]:
        """Return the rows of a table as they are now, whoever writes meanwhile."""
        table = self.table(name)
        if not table or name in self._read:  # whoever writes next leaves this dict as it is, or has left it already
            return table.items()
        if not self.lock.acquire(blocking=False):  # somebody writes; what that calls may wait for this thread
            return table.copy().items()
        self._read.add(name)
        table = self.table(name)
        self.lock.release()
        return table.items()

    def begin_reading(self) -> Callable[[], object]:
        """Keep documents from being changed themselves until what is returned is called."""
        self._readers.append(None)
        if self._changing:  # whoever does that calls nothing which may wait for this thread
            with self.lock:
                pass
        return self._readers.pop

    def change(self, documents: Sequence[Document], change: Change, writes: int) -> bool:
        """Change documents, chosen after so many writes, themselves, if nobody is reading; the lock is held."""
        if self.moved or self.writes != writes:
            return False
        self._changing = True
        try:
            changed = not self._readers and change.in_place(documents)
            self.writes += changed
        finally:
            self._changing = False
        return changed

    def create(self, name: str) -> None:
        """Make a table, empty, if it is not there; the lock is held, as for every write."""
        self._to_write(name)

    def put(self, name: str, documents: Table, ids: Iterable[Any]) -> None:
        """Put new documents, which have these ids, into a table, at once."""
        table = self._to_write(name)
        last = self._last.get(name)
        if last is not None:
            for doc_id in ids:
                last = doc_id if type(doc_id) is int and doc_id > last else _UNORDERED
            self._last[name] = last
        table.update(documents)

    def replace(self, name: str, documents: Table, writes: int) -> None:
        """Put documents, chosen after so many writes, in the place of those with the same ids, at once."""
        if (
            self.writes == writes
            and not self.moved
            and self._tables
            and len(documents) == len(self._tables.get(name, _NOTHING)) > 1
        ):
            self._read.discard(name)
            self._tables[name] = documents
            self.writes += 1
            return
        table = self._to_write(name)
        size = len(table)
        table.update(documents)
        if len(table) > size:  # a function of the user's, called for this write, has removed some
            self._last[name] = _UNORDERED

    def remove(self, name: str, keys: Iterable[str]) -> None:
        """Take documents away, at once."""
        list(map(self._to_write(name).pop, keys))

    def empty(self, name: str) -> None:
        """Take all documents of a table away; it stays."""
        if self._to_write(name):
            self.state[name] = {}
        self._last[name] = -math.inf

    def drop(self, name: str) -> None:
        """Take a table away, if it is there."""
        self.writes += 1
        if name in self._looked_into():
            del self.state[name]
            self._last.pop(name, None)

    def in_order(self, name: str, keys: Sequence[str]) -> Sequence[str]:
        """Return keys of a table in its order."""
        if len(keys) < 2:
            return keys
        last = self._last.get(name)
        if last is None:
            last = self._last[name] = _last_of(list(self.table(name)))
        if last < _UNORDERED:
            return sorted(keys, key=int)
        wanted = frozenset(keys)
        return [key for key in list(self.table(name)) if key in wanted]

    def _looked_into(self) -> dict[str, Table]:
        """Return the tables, none if no state was written."""
        state = self.state
        if not isinstance(state, Mapping) or not all(isinstance(table, Mapping) for table in state.values()):
            return {}
        with self.lock:  # who writes has looked already, before it calls what may wait for this thread
            if self._tables is None and self.state is state:
                self._begin(state)
            return self._tables or {}

    def _begin(self, state: Any) -> None:
        """Take a state for the tables."""
        if type(state) is not dict or not all(map(_is_table, state.values())):
            state = {name: {str(key): table[key] for key in table} for name, table in state.items()}
        self._read, self._last = set(), {}
        self.shared = True
        self.state = self._tables = state

    def _to_write(self, name: str) -> Table:
        """Return a table, which is made if it is not there.

        Raises:
            InvalidOperation: A function of the user's, called for this write, has made the storage a database.
            TypeError: What was written to the storage is no state.
        """
        self.writes += 1
        if self.moved:
            raise InvalidOperation("the tables became collections while this was to be written; nothing was written")
        if self._tables is None:
            self._open()
        tables: dict[str, Table] = self.state
        if self.shared:
            self.shared = False
            self._read.update(tables)
        if name not in tables:
            tables[name] = {}
            self._last[name] = -math.inf
        elif name in self._read:
            self._read.discard(name)
            tables[name] = tables[name].copy()
        return tables[name]

    def _open(self) -> None:
        if self.state is None:
            self.state = {}
        self._looked_into()
        if self._tables is None:
            raise TypeError(f"the storage holds no tables: a {type(self.state).__name__} was written to it")


def _is_table(table: Any) -> bool:
    return type(table) is dict and set(map(type, table)) <= {str}


def _last_of(keys: Sequence[str]) -> float:
    """Return the highest id of a table that is in the order of its ids, which are ints."""
    try:
        ids = list(map(int, keys))
    except ValueError:
        return _UNORDERED
    if all(low < high for low, high in pairwise(ids)):
        return ids[-1] if ids else -math.inf
    return _UNORDERED


class LiveRows(HeldRows):
    """The documents of one table in memory; who writes holds the lock of the storage."""

    def __init__(self, state: LiveState, name: str) -> None:
        self._state = state
        self._name = name

    def begin_reading(self) -> Callable[[], object]:
        """Return what is to be called when all that is being read was read."""
        return self._state.begin_reading()

    def every(self) -> Iterable[Row]:
        """Return all documents, with their ids; they are those of the table, to be copied."""
        return self._state.rows(self._name)

    def matching(self, ask: Ask) -> list[Row]:
        """Return the documents for which `ask` is true, with their ids."""
        end = self._state.begin_reading()
        try:
            return super().matching(ask)
        finally:
            end()

    def first(self, ask: Ask) -> Row | None:
        """Return the first document for which `ask` is true; it is that of the table, to be copied."""
        end = self._state.begin_reading()
        try:
            return super().first(ask)
        finally:
            end()

    def one(self, doc_id: Any) -> Document | None:
        """Return the document with this id; it is that of the table, to be copied."""
        return self._state.table(self._name).get(str(doc_id))

    def create(self) -> None:
        """Make the table, empty, if it is not there."""
        self._state.create(self._name)

    def clear(self) -> None:
        """Remove all documents; the table stays."""
        self._state.empty(self._name)

    def _table(self) -> Table:
        return self._state.table(self._name)

    def _ordered(self, _: Table, found: Table) -> list[Row]:
        return [(key, found[key]) for key in self._state.in_order(self._name, list(found))]

    def _open(self) -> tuple[int, Table]:
        return self._state.writes, self._state.table(self._name)

    def _rows(self, _: Table) -> Iterable[Row]:
        return self._state.rows(self._name)

    def _put(self, _: int, __: Table, documents: Table, ids: Sequence[Any]) -> None:
        self._state.put(self._name, documents, ids)

    def _in_place(self, writes: int, documents: Sequence[Document], change: Change) -> bool:
        return self._state.change(documents, change, writes)

    def _replace(self, writes: int, _: Table, documents: Table) -> None:
        self._state.replace(self._name, documents, writes)

    def _remove(self, _: int, __: Table, keys: Sequence[str]) -> None:
        self._state.remove(self._name, keys)
