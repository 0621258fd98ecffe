"""An index in a snapshot: equalities are looked up where it lies; for anything else the collection is loaded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias

from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.deferred import DeferredIndex
from nosqlpy._core.index.extraction import extraction, paths_of
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.log.section import DamagedHintError
from nosqlpy._core.log.snapshot import PartReader
from nosqlpy._core.query.partial import layout_of

Found: TypeAlias = Sequence[tuple[Hashable, bytes]]
"""Documents and their keys."""

# answers that are kept until something changes: a plan counts the documents that it then reads
KEPT_MAX = 64


class Source(Protocol):
    """The documents of a collection that is not loaded."""

    @property
    def version(self) -> int:
        """Another number after every change."""

    def in_rows(self, rows: Sequence[int]) -> Found:
        """Return those documents of rows of the hint that are as they were."""

    def written(self) -> Found:
        """Return the documents that were written since."""


class PlacedIndex(DeferredIndex):
    """An index whose entries lie in a snapshot; its documents are in `source`.

    A hash leads to rows, and the documents there say whether they have the value.
    """

    __slots__ = ("_extract", "_found", "_layout", "_part", "_source", "_written")

    def __init__(
        self, definition: IndexDefinition, load: Callable[[], object], part: PartReader, source: Source
    ) -> None:
        super().__init__(definition, load)
        self.multikey.update(part.part.multikey)
        self._part = part
        self._source = source
        self._layout = layout_of(paths_of(self))
        self._extract = extraction(self, self._layout)
        self._found: tuple[int, dict[Hashable, Collection[Hashable]]] = (source.version, {})
        self._written: tuple[int, dict[Hashable, list[Hashable]]] = (-1, {})

    def ready(self) -> None:
        """Make sure that it is known which fields lead through arrays, in what was written since as well."""
        self._since(self._source.version)

    def count(self, values: Iterable[Hashable]) -> int:
        """Return how many entries `values` have together."""
        return HashIndex.count(self, values)

    def lookup(self, value: Hashable) -> Collection[Hashable]:
        """Return the keys of the documents that a condition on the value `value` leads to, as a sized collection."""
        return HashIndex.lookup(self, value)

    def holders(self, value: Hashable) -> Collection[Hashable]:
        """Return the keys of the documents under exactly `value`, as a sized collection.

        Raises:
            Unloaded: They are many, or much was written since, or the snapshot is damaged.
        """
        version = self._source.version
        kept, found = self._found
        if kept != version or len(found) >= KEPT_MAX:
            found = {}
            self._found = version, found
        if value not in found:
            found[value] = self._find(value, version)
        return found[value]

    def _find(self, value: Hashable, version: int) -> Collection[Hashable]:
        if not self._part.part.searchable:
            self.ask()
        try:
            held = self._source.in_rows(self._part.search(value))
        except DamagedHintError:
            self.ask()
        keys = [key for key, values in self._keys(held) if value in values]
        since = self._since(version).get(value, ())
        if since and len(keys) + len(since) > 1:
            self.moved.add(value)
        return (*keys, *since)

    def _keys(self, found: Found) -> Iterable[tuple[Hashable, Collection[Hashable]]]:
        """Yield the key of each document with what it stands under."""
        blobs = [data for _, data in found]
        return zip((key for key, _ in found), self._extract(self._layout.rows(blobs), blobs), strict=True)

    def _since(self, version: int) -> dict[Hashable, list[Hashable]]:
        """Return the entries of what was written since the snapshot."""
        kept, entries = self._written
        if kept != version:
            entries = {}
            for key, values in self._keys(self._source.written()):
                for value in values:
                    entries.setdefault(value, []).append(key)
            self._written = version, entries
        return entries

    # ── what is not looked up where it lies ──────────────────────────────────────

    def documents(self, values: Iterable[Hashable]) -> list[Hashable]:  # noqa: ARG002 - whatever they are
        """Ask for the index."""
        self.ask()

    @property
    def is_shared(self) -> bool:
        """Ask for the index."""
        self.ask()

    def sizes(self, values: Iterable[Hashable]) -> int:  # noqa: ARG002 - likewise
        """Ask for the index."""
        self.ask()

    def all_values(self) -> list[Hashable]:
        """Ask for the index."""
        self.ask()

    def order(self) -> Any:
        """Ask for the index."""
        self.ask()
