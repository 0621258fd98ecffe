"""An index: from keys to the documents that have them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Any

from nosqlpy._core.index.catalogue import IndexDefinition, Keys
from nosqlpy._core.index.components import whole_key


class _Bucket(dict[Hashable, None]):
    """The keys of several documents that share one value, in the order in which they came.

    A value that only one document has stands in the index without a bucket: 64
    bytes a document, and in a unique field that is all of them.
    """

    __slots__ = ()


class HashIndex:
    """Which documents have a value at a path, or in the array at that path; or several values at several paths.

    Documents without the field stand under null, as MongoDB's do. An answer may
    name a document that no longer matches, never miss one that does: whoever
    reads tests the document itself.

    `multikey` are the positions of the fields that led through an array in some document.
    """

    __slots__ = ("_entries", "definition", "field", "keys", "multikey", "name", "plain")

    field: str
    """The dotted path that is indexed, the first if there are several."""
    plain: str | None
    """The same if it is the only one, and every document is found by what it has there, or by null."""

    def __init__(self, definition: IndexDefinition) -> None:
        self.definition = definition
        self.name: str = definition.name
        self.keys: Keys = definition.keys
        self.field = definition.keys[0][0]
        self.plain = definition.keys[0][0] if len(definition.keys) == 1 and definition.is_plain else None
        self.multikey: set[int] = set()
        # a document's key, or a bucket of several
        self._entries: dict[Hashable, Any] = {}

    def add(self, values: Iterable[Hashable], key: Hashable) -> None:
        """Enter the document `key` under each of `values`; entering it again changes nothing."""
        entries = self._entries
        for value in values:
            held = entries.setdefault(value, key)
            if type(held) is _Bucket:
                held[key] = None
            elif held != key:
                entries[value] = _Bucket.fromkeys((held, key))

    def discard(self, values: Iterable[Hashable], key: Hashable) -> None:
        """Remove the document `key` from under each of `values`, where it stands there."""
        entries = self._entries
        for value in values:
            held = entries.get(value)
            if type(held) is _Bucket:
                held.pop(key, None)
                if not held:
                    del entries[value]
            elif held == key and value in entries:
                del entries[value]

    def count(self, values: Iterable[Hashable]) -> int:
        """Return how many entries `values` have together."""
        return sum(len(self.lookup(value)) for value in values)

    def lookup(self, value: Hashable) -> Collection[Hashable]:
        """Return the keys of the documents that a condition on the value `value` leads to, as a sized collection."""
        if type(value) is tuple and value[0] == _ARRAY and self.multikey:
            return {**dict.fromkeys(self.holders(value)), **dict.fromkeys(self.holders(whole_key(value)))}.keys()
        return self.holders(value)

    def holders(self, value: Hashable) -> Collection[Hashable]:
        """Return the keys of the documents under exactly `value`, as a sized collection."""
        if value not in self._entries:
            return ()
        held = self._entries[value]
        return held if type(held) is _Bucket else (held,)

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Remove every entry."""
        self._entries.clear()
        self.multikey.clear()


_ARRAY = 25
