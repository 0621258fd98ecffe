"""An index: from keys to the documents that have them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from itertools import accumulate, chain, islice, pairwise
from operator import lt
from sys import getsizeof
from typing import Any, Protocol

from msgspec import UNSET

from nosqlpy._core.index.catalogue import IndexDefinition, Keys
from nosqlpy._core.index.components import index_key, whole_key
from nosqlpy._core.index.memory import estimate, key_size, own_size
from nosqlpy._core.index.order import CompoundOrder, Order, SingleOrder
from nosqlpy._core.index.wildcard import WildcardSpec, fields_of, wildcard_of
from nosqlpy._core.log.snapshot import IndexContent
from nosqlpy._core.query.sortvalues import UNDEFINED
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.collation_spec import compile_collation


class Bucket(dict[Hashable, None]):
    """The keys of several documents that share one value, in the order in which they came.

    A value that only one document has stands in the index without a bucket: 64
    bytes a document, and in a unique field that is all of them.
    """

    __slots__ = ()


class Numbering(Protocol):
    """Numbers by keys."""

    def __getitem__(self, key: Any, /) -> int:
        """Return the number of a key."""


class HashIndex:
    """Which documents have a value at a path, or in the array at that path; or several values at several paths.

    Documents without the field stand under null, as MongoDB's do. An answer may
    name a document that no longer matches, never miss one that does: whoever
    reads tests the document itself.

    Under a `collation` it has the values folded. `multikey` are the positions of the fields that led through an array
    in some document, of a `wildcard` index the paths of arrays; `moved` are keys whose documents may not stand in
    natural order, because one came there by an update. `kinds` are the classes of the values that came, besides str
    and int: of equal numbers the key is the first one's.
    """

    __slots__ = (
        "_entries",
        "_in_place",
        "_kept",
        "_order",
        "_shared",
        "_version",
        "collation",
        "definition",
        "field",
        "keys",
        "kinds",
        "moved",
        "multikey",
        "name",
        "plain",
        "wildcard",
    )

    field: str
    """The dotted path that is indexed, the first if there are several."""
    plain: str | None
    """The same if it is the only one, and every document is found by what it has there, or by null."""

    def __init__(self, definition: IndexDefinition) -> None:
        self.definition: IndexDefinition = definition
        self.name: str = definition.name
        self.keys: Keys = fields_of(definition)
        self.wildcard: WildcardSpec | None = wildcard_of(definition)
        self.field = definition.keys[0][0]
        self.collation: Collation | None = None
        self.plain = definition.keys[0][0] if len(definition.keys) == 1 and definition.is_plain else None
        if definition.collation is not None:
            self.collation = compile_collation(definition.collation)
            self.plain = None  # what stands in it must be folded first
        self.multikey: set[int | str] = set()
        self.moved: set[Hashable] = set()
        self.kinds: set[type] = set()
        # whether a key may have several documents
        self._shared = False
        # whether the keys came in the natural order of their documents
        self._in_place = True
        # a document's key, or a bucket of several
        self._entries: dict[Hashable, Any] = {}
        # the order that a reader made, if it is of this version; and the one that the change at hand maintains
        self._order: Order | None = None
        self._kept: Order | None = None
        # odd while a change is being made
        self._version = 0

    # ── changing ─────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        """Begin to change entries: an order that a reader is making meanwhile must not last."""
        order = self._order
        self._kept = order if order is not None and order.version == self._version else None
        self._version |= 1

    def end(self) -> None:
        """End what was begun."""
        self._version = (self._version | 1) + 1
        if self._kept is not None:
            self._kept.version = self._version
            self._order, self._kept = self._kept, None

    def add(self, values: Iterable[Hashable], key: Hashable, *, moved: bool = False) -> None:
        """Enter the document `key` under each of `values`; entering it again changes nothing.

        It is the last one in natural order, unless it `moved` there.
        """
        entries, order = self._entries, self._kept
        if moved:
            self._in_place = False
        for value in values:
            held = entries.setdefault(value, key)
            if type(held) is Bucket:
                held[key] = None
                if moved:
                    self.moved.add(value)
            elif held != key:
                self._shared = True
                entries[value] = Bucket.fromkeys((held, key))
                if moved:
                    self.moved.add(value)
            elif order is not None:
                order.append(value)

    def add_distinct(self, values: Sequence[Hashable], keys: Sequence[Hashable]) -> bool:
        """Enter each document under the value beside it, by one call; return whether no value was there, or came twice.

        Else nothing is done; nor where an order is at hand, which each value would have to be put into.
        """
        entries = self._entries
        if self._kept is not None or len(set(values)) < len(values) or not entries.keys().isdisjoint(values):
            return False
        entries.update(zip(values, keys, strict=True))
        return True

    def discard(self, values: Iterable[Hashable], key: Hashable) -> None:
        """Remove the document `key` from under each of `values`, where it stands there."""
        entries = self._entries
        for value in values:
            held = entries.get(value)
            if type(held) is Bucket:
                held.pop(key, None)
                if not held:
                    self._forget(value)
            elif held == key and value in entries:
                self._forget(value)

    def enter(self, values: Iterable[Hashable], key: Hashable) -> None:
        """Do as `begin`, `add` and `end`: all that changes is one new document."""
        self.begin()
        self.add(values, key)
        self.end()

    def leave(self, values: Iterable[Hashable], key: Hashable) -> None:
        """Do as `begin`, `discard` and `end`: all that changes is that one document is gone."""
        self.begin()
        self.discard(values, key)
        self.end()

    def enter_one(self, value: str | int, key: Hashable) -> None:
        """Do as `enter`, under one value, which most documents have in an index; without a call, or a loop."""
        order, version = self._order, self._version
        self._kept = kept = order if order is not None and order.version == version else None
        self._version = version | 1
        held = self._entries.setdefault(value, key)
        if type(held) is Bucket:
            held[key] = None
        elif held != key:
            self._shared = True
            self._entries[value] = Bucket.fromkeys((held, key))
        elif kept is not None:
            kept.append(value)
        self.end()

    def leave_one(self, value: str | int, key: Hashable) -> None:
        """Do as `leave`, under one value."""
        order, version = self._order, self._version
        self._kept = order if order is not None and order.version == version else None
        self._version = version | 1
        held = self._entries.get(value, self)
        if held == key:
            self._forget(value)
        else:
            self.discard((value,), key)
        self.end()

    def _forget(self, value: Hashable) -> None:
        del self._entries[value]
        self.moved.discard(value)
        if self._kept is not None:
            self._kept.discard(value)

    def clear(self) -> None:
        """Remove every entry."""
        self.forget_order()
        self._shared = False
        self._in_place = True
        self._entries.clear()
        self.multikey.clear()
        self.kinds.clear()
        self.moved.clear()

    def key_of(self, value: Any) -> Hashable:
        """Return the key of a value that `sortvalues` found."""
        return index_key(value if self.collation is None or value is UNDEFINED else self.collation.fold(value))

    def forget_order(self) -> None:
        """Let go of the order of the keys, which is made again when it is needed."""
        self._order = self._kept = None
        self._version = (self._version | 1) + 1

    # ── reading ──────────────────────────────────────────────────────────────────

    def ready(self) -> None:
        """Make sure that the index is built, which it is."""

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
        return held if type(held) is Bucket else (held,)

    def entry(self, value: Hashable) -> Any:
        """Return what stands under exactly `value`: the key of a document, a `Bucket` of several, or UNSET."""
        return self._entries.get(value, UNSET)

    def documents(self, values: Iterable[Hashable]) -> list[Hashable]:
        """Return the keys of the documents under `values`, all of which are there; one may be named several times."""
        found = list(map(self._entries.__getitem__, values))
        if not self._shared or Bucket not in set(map(type, found)):
            return found
        return [key for held in found for key in (held if type(held) is Bucket else (held,))]

    def pairs(self, values: Iterable[Hashable]) -> dict[Hashable, Hashable]:
        """Return the keys of the documents under `values`, all of which are there, each with the one it stands under.

        A document under several is there with the last of them.
        """
        keys = list(values)
        found = list(map(self._entries.__getitem__, keys))
        if not self._shared or Bucket not in set(map(type, found)):
            return dict(zip(found, keys, strict=True))
        pairs: dict[Hashable, Hashable] = {}
        for held, key in zip(found, keys, strict=True):
            if type(held) is Bucket:
                pairs.update(dict.fromkeys(held, key))
            else:
                pairs[held] = key
        return pairs

    @property
    def is_shared(self) -> bool:
        """Whether a key may have several documents."""
        return self._shared

    @property
    def is_natural(self) -> bool:
        """Whether the order of the keys is surely the natural order of their documents, as in a log by its times."""
        return self._in_place and not self._shared and len(self.keys) == 1 and self.order().ascending

    def sizes(self, values: Iterable[Hashable]) -> int:
        """Return how many entries `values` have together, all of which are there."""
        found = list(map(self._entries.__getitem__, values))
        buckets = [held for held in found if type(held) is Bucket]
        return len(found) - len(buckets) + sum(map(len, buckets))

    def all_values(self) -> list[Hashable]:
        """Return every key, in no order; those of whole arrays are among them."""
        return list(self._entries)

    def order(self) -> Any:
        """Return the keys in order."""
        order, version = self._order, self._version
        if order is None or order.version != version:
            order = (SingleOrder if len(self.keys) == 1 else CompoundOrder)(list(self._entries))
            order.version = version
            if not version & 1:
                self._order = order
        return order

    def __len__(self) -> int:
        return len(self._entries)

    def stats(self) -> dict[str, Any]:
        """Return whether the index is built, how many keys and entries it has, and about how many bytes it takes.

        An entry is a document under a key. The bytes are those of the table, of the keys, of what stands under those
        that several documents have, and of the order, if there is one; the keys of documents are not the index's.
        """
        keys, held = list(self._entries), list(self._entries.values())
        buckets = [each for each in held if type(each) is Bucket] if self._shared else []
        size = estimate(keys, key_size) + estimate(buckets, own_size)
        size += sum(map(getsizeof, (self._entries, self.moved, self.multikey)))
        order = self._order
        return {
            "built": True,
            "keys": len(keys),
            "entries": len(keys) - len(buckets) + sum(map(len, buckets)),
            "bytes": size + (0 if order is None else order.size()),
        }

    # ── snapshots ────────────────────────────────────────────────────────────────

    def content(self, rows: Numbering) -> IndexContent | None:
        """Return what stands in the index, for a snapshot, with the documents by their `rows`.

        None: a kind of index that has more to it, and does not say how to write that, is built again when it is used;
        so is one with a collation.
        """
        if type(self) is not HashIndex or self.collation is not None:  # its keys are those of this Python's Unicode
            return None
        keys, held = list(self._entries), list(self._entries.values())
        multikey, searchable = sorted(self.multikey, key=str), len(self.keys) == 1
        if not self._shared:
            return IndexContent(keys, None, list(map(rows.__getitem__, held)), multikey, searchable)
        # in natural order, whatever has moved
        groups = [sorted(map(rows.__getitem__, each)) if type(each) is Bucket else [rows[each]] for each in held]
        return IndexContent(keys, list(map(len, groups)), list(chain.from_iterable(groups)), multikey, searchable)

    def fill(self, content: IndexContent, documents: Sequence[Hashable]) -> None:
        """Take over what `content` returned; `documents` are the keys of documents by their rows. It was empty."""
        found: list[Any] = list(map(documents.__getitem__, content.rows))
        self._in_place = all(map(lt, content.rows, islice(content.rows, 1, None)))
        if content.counts is not None:
            self._shared = True
            found = [
                found[start] if stop == start + 1 else Bucket.fromkeys(found[start:stop])
                for start, stop in pairwise(accumulate(content.counts, initial=0))
            ]
        self._entries = dict(zip(content.keys, found, strict=True))
        self.multikey.update(content.multikey)
        self.kinds.add(object)  # nobody knows of which classes the values were


_ARRAY = 25
