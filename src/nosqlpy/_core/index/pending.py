"""Indexes of a snapshot that nobody has asked for yet, and what has changed in the collection since the snapshot."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.extraction import extraction, paths_of
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.log.section import DamagedHintError
from nosqlpy._core.log.snapshot import PartReader
from nosqlpy._core.query.partial import layout_of
from nosqlpy._core.values.codec import encode_value

# changed documents beyond which, and beyond a quarter of all, an index is built again: that takes no longer then
CHANGED_MIN = 1000
CHANGED_SHARE = 4


def shape_of(definition: IndexDefinition) -> bytes:
    """Return what decides what stands in an index: its definition without its name, and what entries do not show."""
    payload = definition.to_payload()
    return encode_value({name: payload[name] for name in payload if name not in _NO_MATTER})


_NO_MATTER = frozenset(("name", "hidden", "expireAfterSeconds"))

Parts = Mapping[bytes, PartReader]
"""What reads the indexes of a collection in a snapshot, by their shape."""


class Pending:
    """The parts of a snapshot, the keys of documents by their rows there, and the documents that have changed since.

    `changed` are these documents as they were, None for those that were not there; new ones are in natural order.
    """

    __slots__ = ("_changed", "_keys", "_limit", "_parts")

    def __init__(self, parts: Parts, keys: Sequence[Hashable], changed: dict[Hashable, bytes | None]) -> None:
        self._parts = dict(parts)
        self._keys: Sequence[Hashable] = keys
        self._changed = changed
        self._limit = max(CHANGED_MIN, len(keys) // CHANGED_SHARE)

    def __bool__(self) -> bool:
        return bool(self._parts)

    @property
    def unchanged(self) -> Parts:
        """The parts that still say what stands in their indexes: all, or none."""
        return {} if self._changed else self._parts

    def insert(self, keys: Iterable[Hashable]) -> None:
        """Note new documents."""
        for key in keys:
            self._changed.setdefault(key, None)
        self._check()

    def change(self, keys: Iterable[Hashable], before: Iterable[bytes]) -> None:
        """Note documents that are replaced, or go, as they were `before`."""
        for key, document in zip(keys, before, strict=True):
            self._changed.setdefault(key, document)
        self._check()

    def remove(self, keys: Sequence[Hashable], before: Sequence[bytes]) -> None:
        """Note documents that go. One that came since was never there."""
        self.change(keys, before)
        for key in keys:
            if self._changed.get(key, b"") is None:
                del self._changed[key]

    def _check(self) -> None:
        if len(self._changed) > self._limit:
            self.forget()

    def forget(self) -> None:
        """Let go of everything: indexes are built from the documents."""
        self._parts, self._keys, self._changed = {}, (), {}

    def take(self, definition: IndexDefinition, get: Callable[[Hashable], bytes | None]) -> HashIndex | None:
        """Return an index as it stands now; None if it must be built. `get` returns a document as it is now."""
        part = self._parts.pop(shape_of(definition), None)
        if part is None:
            return None
        index = HashIndex(definition)
        try:
            index.fill(part.content(), self._keys)
        except DamagedHintError:
            return None
        self._bring_up(index, get)
        if not self._parts:
            self.forget()
        return index

    def _bring_up(self, index: HashIndex, get: Callable[[Hashable], bytes | None]) -> None:
        layout = layout_of(paths_of(index))
        extract = extraction(index, layout)
        before = {key: data for key, data in self._changed.items() if data is not None}
        now = {key: data for key in self._changed if (data := get(key)) is not None}
        olds, news = list(before.values()), list(now.values())
        for key, values in zip(before, extract(layout.rows(olds), olds), strict=True):
            index.discard(values, key)
        for key, values in zip(now, extract(layout.rows(news), news), strict=True):
            index.add(values, key, moved=key in before)
