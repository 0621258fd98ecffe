"""The index of ``_id``: the documents are its entries; an order of their ids is kept once one is asked for.

A collection has its documents by the keys of their ids, so a look-up needs no index. The order is made by the first
range or sort by ``_id``; from then on writes keep it. Ids ascend in most collections: an order that new ids are
appended to is the natural order as well, which saves putting what is found into that.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from itertools import chain, islice
from operator import ge
from typing import Any, Final, Protocol

from nosqlpy._core.index.catalogue import ID_DEFINITION
from nosqlpy._core.index.components import NESTED_RANKS, PLAIN_TYPES, rank_of
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.order import SingleOrder, wrap


class Documents(Protocol):
    """The documents of a collection, by the keys of their ids."""

    def keys(self) -> list[Hashable]:
        """Return the keys of all documents, in natural order."""

    def holds(self, key: object, /) -> bool:
        """Whether there is a document of this key."""

    def count(self) -> int:
        """Return how many documents there are."""

    def table(self) -> dict[str, Any]:
        """Return what the table that leads from ids to documents has and takes, as an index says it of itself."""


class IdOrder(SingleOrder):
    """The keys of ids in order; `ascending` while that is surely the natural order of their documents."""

    __slots__ = ()

    def __init__(self, keys: list[Hashable]) -> None:
        super().__init__(keys)
        self.ascending = keys == list(chain.from_iterable(span.all() for span in self.everything()))

    def append(self, key: Hashable) -> None:
        """Add the key of a document that comes last, unless it is there."""
        if self.ascending:
            self.ascending = self._is_past(key) or len(self.point(key)) > 0
        self.add(key)

    def extend(self, keys: list[Any]) -> bool:
        """Add many keys at once, if they are plain ones, in order, past all that are there; else return False."""
        rank = rank_of(keys[0])
        if set(map(type, keys)) not in PLAIN_TYPES or rank not in self._ranks or not self._is_past(keys[0]):
            return False
        if any(map(ge, keys, islice(keys, 1, None))):
            return False
        self._ranks[rank].extend(keys)
        return True

    def _is_past(self, key: Hashable) -> bool:
        """Whether a key comes after all that are there."""
        rank = rank_of(key)
        if any(other > rank and held.last is not None for other, held in self._ranks.items()):
            return False
        last = self._ranks[rank].last if rank in self._ranks else None
        return last is None or bool(last < (wrap(key) if rank in NESTED_RANKS else key))


MANY_SHARE: Final = 8
"""The part of all documents from which on new ones are too many for their ids to be put into an order one by one."""


class IdIndex(HashIndex):
    """The index ``_id_`` of a collection with these documents; `watched` once its order is kept.

    Documents are stored or removed first, and then `stored` or `removed` is called if it is watched: whoever makes
    the order says so before he looks at the documents, and so does not miss one.
    """

    __slots__ = ("_documents", "watched")

    def __init__(self, documents: Documents) -> None:
        super().__init__(ID_DEFINITION)
        self._documents = documents
        self.kinds.add(object)
        self.watched: bool = False

    # ── changing ─────────────────────────────────────────────────────────────────

    def stored(self, keys: Sequence[Hashable]) -> None:
        """Note documents that were stored, new ones behind all others."""
        self.begin()
        kept = self._kept
        if isinstance(kept, IdOrder) and not (len(keys) > 1 and kept.ascending and kept.extend(list(keys))):
            if len(keys) * MANY_SHARE > len(self) and len(keys) > 1:  # sorting them all once more takes no longer
                self.forget_order()
                return
            for key in keys:
                kept.append(key)
        self.end()

    def removed(self, keys: Iterable[Hashable]) -> None:
        """Note documents that are gone."""
        self.begin()
        if self._kept is not None:
            for key in keys:
                self._kept.discard(key)
        self.end()

    def forget_order(self) -> None:
        """Let go of the order of the keys, which is made again when it is needed."""
        self.watched = False  # before the order is void, since whoever makes another one sets it
        super().forget_order()

    # ── reading ──────────────────────────────────────────────────────────────────

    def holders(self, value: Hashable) -> Collection[Hashable]:
        """Return the key of the document whose id has the key `value`, which is the same, as a sized collection."""
        return (value,) if self._documents.holds(value) else ()

    def documents(self, values: Iterable[Hashable]) -> list[Hashable]:
        """Return the keys of documents, as which they are given."""
        return values if type(values) is list else list(values)

    def pairs(self, values: Iterable[Hashable]) -> dict[Hashable, Hashable]:
        """Return the keys of documents, each with itself."""
        keys = list(values)
        return dict(zip(keys, keys, strict=True))

    def all_values(self) -> list[Hashable]:
        """Return every key, in natural order."""
        return self._documents.keys()

    @property
    def is_natural(self) -> bool:
        """Whether the order of the keys is the natural order of their documents."""
        order: IdOrder = self.order()
        return order.ascending

    def order(self) -> Any:
        """Return the keys in order.

        Raises:
            Unloaded: The collection must be loaded first.
        """
        order, version = self._order, self._version
        if order is None or order.version != version:
            self.watched = True
            order = IdOrder(self._documents.keys())
            order.version = version
            if not version & 1:
                self._order = order
        return order

    def stats(self) -> dict[str, Any]:
        """Return what an index says of itself, of the table of documents and the order, if there is one."""
        table, order = self._documents.table(), self._order
        return table | {"bytes": table["bytes"] + (0 if order is None else order.size())}

    def __len__(self) -> int:
        return self._documents.count()
