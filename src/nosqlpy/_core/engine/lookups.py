"""Lookups: the finds that one index answers by itself, without a plan.

A `Lookup` says what a compiled query says, for a small part of the cost; `find` answers it as the plan of that query
would. Where more than one index must be looked at, many documents are found, or a collection is seen by a
transaction, `find` returns UNSET, and the general form decides, in `reads`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import islice
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.execution import STEP
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.index.components import rank_of
from nosqlpy._core.index.hashed import Bucket, HashIndex
from nosqlpy._core.values.keys import equality_key
from nosqlpy.aliases import Filter

T = TypeVar("T")

LOWER: Final = frozenset(("$gt", "$gte"))
UPPER: Final = frozenset(("$lt", "$lte"))


class Lookup(msgspec.Struct, Generic[T], gc=False):
    """A find that says nothing about any path: the first `limit` documents (0: all), and their decoder.

    A cursor sets the limit of its own until it has started.
    """

    decode: Callable[[bytes], T]
    limit: int

    path: Any = None
    """Of which an index is needed."""

    @property
    def filter(self) -> Filter | None:
        """What a query of the same has for a filter."""
        return None

    def keys(self, _collection: CollectionState, _index: HashIndex) -> Sequence[Hashable] | UnsetType:
        """Return the keys of the documents that are found, in the order of the answer, or UNSET."""
        return UNSET


class Equal(Lookup[T], gc=False):
    """A find of the documents that have this value, a scalar, at this path; in natural order."""

    value: Any = None

    @property
    def filter(self) -> Filter | None:
        """What a query of the same has for a filter."""
        return {self.path: self.value}

    def keys(self, collection: CollectionState, index: HashIndex) -> Sequence[Hashable] | UnsetType:
        """Return the keys of the documents that are found, in the order of the answer, or UNSET."""
        value = self.value if type(self.value) is str else equality_key(self.value)
        found = index.entry(value)
        if type(found) is not Bucket:
            return () if found is UNSET else (found,)
        limit = self.limit
        if value in index.moved:
            return UNSET if len(found) > STEP else collection.natural.sorted(found)[: limit or None]
        return UNSET if (limit or len(found)) > STEP else tuple(islice(found, limit or None))


class Between(Lookup[T], gc=False):
    """A find of what lies in a range at this path, by one operator or two; in natural order."""

    operators: tuple[tuple[str, Any], ...] = ()

    @property
    def filter(self) -> Filter | None:
        """What a query of the same has for a filter."""
        return {self.path: dict(self.operators)}

    def keys(self, collection: CollectionState, index: HashIndex) -> Sequence[Hashable] | UnsetType:
        """Return the keys of the documents that are found, in the order of the answer, or UNSET."""
        low = high = rank = None
        low_open = high_open = False
        for name, operand in self.operators:
            key = equality_key(operand)
            if rank is not None and rank_of(key) != rank:
                return UNSET
            rank = rank_of(key)
            if name in LOWER:
                low, low_open = key, name == "$gt"
            else:
                high, high_open = key, name == "$lt"
        if index.multikey or rank is None or type(index.keys[0][1]) is not int:
            return UNSET
        span = index.order().span(rank, low, high, low_open=low_open, high_open=high_open)
        if len(span) > STEP:
            return UNSET
        found = index.documents(span.all())
        if len(found) > STEP:
            return UNSET
        return (found if index.is_natural else collection.natural.sorted(found))[: self.limit or None]


class Leading(Lookup[T], gc=False):
    """A find of the first documents in the order of this path, 1 or -1; equal ones are in natural order."""

    direction: int = 1

    def keys(self, _collection: CollectionState, index: HashIndex) -> Sequence[Hashable] | UnsetType:
        """Return the keys of the documents that are found, in the order of the answer, or UNSET."""
        limit = self.limit
        if index.multikey or not 0 < limit <= STEP or type(index.keys[0][1]) is not int:
            return UNSET
        values = index.order().leading(limit, descending=self.direction < 0)
        if index.moved and not index.moved.isdisjoint(values):
            return UNSET
        return index.documents(values)[:limit]


def find(engine: Engine, name: str, asked: Lookup[Any]) -> Sequence[bytes] | UnsetType:
    """Return the documents that a lookup finds, encoded and in order, or UNSET where it takes more than one index."""
    collection, path = engine.collections.get(name), asked.path
    if type(collection) is not CollectionState or collection.collation is not None:
        return UNSET
    index = collection.indexes.by_path.get(path)
    if index is not None:
        keys = asked.keys(collection, index)
        if keys is UNSET:
            return UNSET
        if len(keys) == 1:
            data = collection.slots.get(keys[0])
            return () if data is None else (data,)
        return collection.slots.some(keys)
    if path != "_id":
        return UNSET
    if type(asked) is Equal:
        return collection.slots.some((equality_key(asked.value),))
    keys = asked.keys(collection, collection.ids)
    return UNSET if keys is UNSET else collection.slots.some(keys)
