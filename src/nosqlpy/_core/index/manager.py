"""The index manager: all indexes of a collection, kept as its documents change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from msgspec import UNSET

from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.deferred import DeferredIndex
from nosqlpy._core.index.extraction import (
    Extract,
    building,
    checking,
    extraction,
    fields_of,
    is_whole,
    paths_of,
    plain_column,
)
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.pending import Pending
from nosqlpy._core.index.textual import TextIndex
from nosqlpy._core.index.unique import Claims, Overlaid, OverlaidClaims, duplicate
from nosqlpy._core.log.operation import Put
from nosqlpy._core.query.partial import Column, Layout, Row, layout_of
from nosqlpy.results import TEXT

BUILD_STEP = 1000

# classes of values that are their own keys
_DISTINCT: Final = frozenset((str, int))
_NONE: Final[Mapping[str, Mapping[Hashable, Hashable]]] = MappingProxyType({})


class IndexManager:
    """The indexes by name, and one partial decoder for all that they read.

    A document stands under the values that a condition on the path would be tested
    on, which is what makes an index lead to every match. `by_path` has, of those that
    are plain (see `HashIndex`) and can be read at once, the first of each path. `refusing` says whether one
    of them may refuse a document; `expiring` are those by which documents expire. `pending`
    are indexes of a snapshot that are not in use yet. `idle` are the paths of filters, each with the keys
    of an order, to which a planner found no index to be of use; another set once the indexes change.
    """

    __slots__ = (
        "_columns",
        "_extracts",
        "_fields",
        "_layout",
        "_refusing",
        "_singles",
        "_unique",
        "by_name",
        "by_path",
        "expiring",
        "idle",
        "pending",
        "refusing",
    )

    def __init__(self) -> None:
        self.by_name: dict[str, HashIndex] = {}
        self.by_path: dict[str, HashIndex] = {}
        self.idle: set[tuple[Any, ...]] = set()
        self.refusing: bool = False
        self.expiring: tuple[HashIndex, ...] = ()
        self.pending: Pending | None = None
        self._layout: Layout | None = None
        # the top-level fields that decide where a document stands; None where that is not seen at a glance
        self._fields: frozenset[str] | None = frozenset()
        self._extracts: list[tuple[HashIndex, Extract]] = []
        # beside each of them the column that its keys are taken from where they are plain
        self._columns: list[Column | None] = []
        # the same for one document: what finds in its row the value that, if it is plain, is its one key
        self._singles: list[tuple[HashIndex, Callable[[Row], Any] | None, Extract]] = []
        # those that may refuse a document, with what checks that; and those that are unique, with what finds the
        # values of one document: None where another one may refuse it as well
        self._refusing: list[tuple[HashIndex, Extract]] = []
        self._unique: list[tuple[HashIndex, Callable[[Row], Any]]] | None = None

    def __bool__(self) -> bool:
        return bool(self._extracts or self.pending)

    def add(self, index: HashIndex) -> None:
        """Add an index, or put it in the place of the one of its name."""
        # a new dict, since a reader on another thread may be iterating over the old one
        self._use({**self.by_name, index.name: index})

    def build(self, definition: IndexDefinition, keys: Sequence[Hashable], documents: Sequence[bytes]) -> None:
        """Add an index over encoded documents and their keys."""
        self.add(self.make(definition, keys, documents))

    @staticmethod
    def make(
        definition: IndexDefinition,
        keys: Sequence[Hashable],
        documents: Sequence[bytes],
        check: str | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> HashIndex:
        """Return an index over encoded documents and their keys, which is not used yet.

        `check` is the name of the collection if the documents may not fit the index. `progress` is told how many
        of them are in it, and of how many.

        Raises:
            DuplicateKeyError: The index is unique, and two documents have the same key.
            WriteError: Two fields of the index come through different arrays of a document.
        """
        index = TextIndex(definition) if definition.kind == TEXT else HashIndex(definition)
        layout = layout_of(paths_of(index))
        extract = extraction(index, layout) if check is None else building(index, layout)
        checked = check if definition.unique else None
        for start in range(0, len(documents), BUILD_STEP):
            blobs = documents[start : start + BUILD_STEP]
            entries = zip(keys[start : start + BUILD_STEP], extract(layout.rows(blobs), blobs), strict=True)
            for position, (key, values) in enumerate(entries):
                if checked is not None:
                    for value in values:
                        if not is_whole(value) and index.holders(value):
                            raise duplicate(checked, index, value, blobs[position])
                index.add(values, key)
            if progress is not None:
                progress(start + len(blobs), len(documents))
        return index

    def drop(self, name: str) -> None:
        """Remove an index, if it is there."""
        self._use({held: index for held, index in self.by_name.items() if held != name})

    def _use(self, indexes: dict[str, HashIndex]) -> None:
        self.by_name = indexes
        self.idle = set()
        built = [index for index in indexes.values() if not isinstance(index, DeferredIndex)]
        layout = self._layout = layout_of(frozenset().union(*map(paths_of, built))) if built else None
        self._fields = fields_of(built)
        self._extracts = [] if layout is None else [(index, extraction(index, layout)) for index in built]
        self._columns = [None if layout is None else plain_column(index, layout) for index in built]
        self.by_path = {
            index.plain: index
            for index in reversed(indexes.values())
            if index.plain is not None and type(index) is HashIndex
        }
        self._singles = [
            (index, None if column is None or layout is None else layout.getter(index.field), extract)
            for (index, extract), column in zip(self._extracts, self._columns, strict=False)
        ]
        self.refusing = any(index.definition.refuses for index in indexes.values())
        self._refusing = [
            (index, checking(index, layout, extract))
            for index, extract in self._extracts
            if index.definition.refuses and layout is not None
        ]
        singles = [(index, get) for index, get, _ in self._singles if index.definition.refuses and get is not None]
        glanced = len(singles) == sum(index.definition.refuses for index in indexes.values())
        self._unique = singles if glanced and not any(index.definition.has_numbers for index, _ in singles) else None
        self.expiring = tuple(index for index in indexes.values() if index.definition.expire_after is not None)

    def claims(self, collection: str, leaving: Collection[Hashable] = (), over: Overlaid | None = None) -> Claims:
        """Return what says which documents of a write can go in, for those `leaving` by their keys.

        `over` is what a transaction has written.

        Raises:
            Unloaded: An index must be built first.
        """
        for index in self.by_name.values():
            if isinstance(index, DeferredIndex) and index.definition.refuses:
                index.ask()
        layout = self._layout
        assert layout is not None, "no index refuses anything"
        if over is None:
            return Claims(collection, self._refusing, layout.rows, leaving)
        return OverlaidClaims(collection, self._refusing, layout.rows, leaving, over)

    def is_free(self, key: Hashable, document: bytes, taken: Mapping[str, Mapping[Hashable, Hashable]] = _NONE) -> bool:
        """Whether a document is seen at a glance to fit under its `key`: nobody else has what it has, a text or an int.

        `taken` has for unique indexes, by name, the documents of a transaction by what they have taken.
        """
        layout, unique = self._layout, self._unique
        if unique is None or layout is None:
            return False
        row = layout.read(document)
        for index, get in unique:
            value = get(row)
            if type(value) is not str and type(value) is not int:
                return False
            held = index.entry(value)
            if held is not UNSET and held != key:
                return False
            if taken and (by_value := taken.get(index.name)) and by_value.get(value, key) != key:
                return False
        return True

    def note(self, operation: Put, taken: dict[str, dict[Hashable, Hashable]]) -> None:
        """Add to `taken` what documents that were checked have in the unique indexes."""
        layout = self._layout
        if layout is None:
            return
        rows = layout.rows(operation.documents)
        for index, extract in self._extracts:
            if index.definition.unique:
                by_value = taken.setdefault(index.name, {})
                for key, values in zip(operation.keys, extract(rows, operation.documents), strict=True):
                    by_value.update(dict.fromkeys(values, key))

    def read_any(self, names: Iterable[str] | None) -> bool:
        """Whether a change of these top-level fields of a document may change where it stands; None: of any fields."""
        return names is None or self._fields is None or not self._fields.isdisjoint(names) or bool(self.pending)

    def insert(self, keys: Sequence[Hashable], documents: Sequence[bytes]) -> None:
        """Enter new documents."""
        if self.pending:
            self.pending.insert(keys)
        if self._layout is not None:
            rows = self._layout.rows(documents)
            for (index, extract), column in zip(self._extracts, self._columns, strict=True):
                index.begin()
                if column is None or len(keys) == 1 or not _entered(index, list(column(rows)), keys):
                    for key, values in zip(keys, extract(rows, documents), strict=True):
                        index.add(values, key)
                index.end()

    def insert_one(self, key: Hashable, document: bytes) -> None:
        """Enter one new document."""
        if self.pending:
            self.pending.insert((key,))
        if self._layout is not None:
            row = self._layout.read(document)
            for index, get, extract in self._singles:
                value = None if get is None else get(row)
                if type(value) is str or type(value) is int:
                    index.enter_one(value, key)
                else:
                    (values,) = extract((row,), (document,))
                    index.enter(values, key)

    def replace(self, key: Hashable, before: bytes, after: bytes) -> None:
        """Move one document from where it stood `before` to where it stands `after`."""
        if self.pending:
            self.pending.change((key,), (before,))
        if self._layout is not None:
            both = (before, after)
            rows = self._layout.rows(both)
            for index, extract in self._extracts:
                old, new = extract(rows, both)
                if old != new and (stale := set(old)) != (fresh := set(new)):
                    index.begin()
                    index.discard(stale - fresh, key)
                    index.add(fresh - stale, key, moved=True)
                    index.end()

    def remove(self, keys: Sequence[Hashable], documents: Sequence[bytes]) -> None:
        """Take documents out."""
        if self.pending:
            self.pending.remove(keys, documents)
        if self._layout is not None:
            rows = self._layout.rows(documents)
            for index, extract in self._extracts:
                index.begin()
                for key, values in zip(keys, extract(rows, documents), strict=True):
                    index.discard(values, key)
                index.end()

    def remove_one(self, key: Hashable, document: bytes) -> None:
        """Take one document out."""
        if self.pending:
            self.pending.remove((key,), (document,))
        if self._layout is not None:
            row = self._layout.read(document)
            for index, get, extract in self._singles:
                value = None if get is None else get(row)
                if type(value) is str or type(value) is int:
                    index.leave_one(value, key)
                else:
                    (values,) = extract((row,), (document,))
                    index.leave(values, key)

    def clear(self) -> None:
        """Remove every entry; the indexes stay."""
        self.pending = None
        for index in self.by_name.values():
            index.clear()

    def forget_orders(self) -> None:
        """Let go of what a change that was interrupted may have left half-way; it is made again when it is needed."""
        for index in self.by_name.values():
            index.forget_order()

    def definitions(self) -> Iterable[IndexDefinition]:
        """Return the definition of every index."""
        return [index.definition for index in self.by_name.values()]


def _entered(index: HashIndex, values: list[Hashable], keys: Sequence[Hashable]) -> bool:
    """Enter each document under the one value beside it, all of them new; return whether that could be."""
    return _DISTINCT.issuperset(map(type, values)) and index.add_distinct(values, keys)
