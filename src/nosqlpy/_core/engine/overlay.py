"""Overlays: a collection as a transaction sees it, which leaves the collection itself as it is.

The documents that the transaction has written lie over those of the collection, in the
natural order that they will have once it commits. An index leads to what the collection's
own index leads to, without the documents that the transaction has touched, and to what an
index over the written documents leads to.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, cast

import msgspec

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.columns import ColumnMemory, Columns
from nosqlpy._core.engine.natural import NaturalOrder
from nosqlpy._core.engine.reader import Slot
from nosqlpy._core.engine.slots import Memory, Slots
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.ids import IdIndex
from nosqlpy._core.index.textual import Found
from nosqlpy._core.index.unique import Claims
from nosqlpy._core.log.operation import Delete, Operation, Put
from nosqlpy._core.plan.plan import Plan

# so many documents are tested in less time than it takes to make indexes over them
FEW: Final = 64


class OverlayMemory(Memory):
    """What the documents take that a transaction has written; its columns may take as much as those outside."""

    __slots__ = ("_outside",)

    def __init__(self, outside: Memory) -> None:
        self._outside = outside
        self.resident = 0

    def __getattr__(self, name: str) -> Any:
        if name != "columns":
            raise AttributeError(name)
        self.columns = ColumnMemory(None)
        self.columns.limit = self._outside.columns.limit
        return self.columns


class OverlaySlots(Slots):
    """The documents of a collection with those of a transaction over them.

    `base` are the collection's slots, others once it is loaded; nobody else writes to it
    while the transaction is open.
    """

    __slots__ = ("_added", "_changed", "_gone", "_ids", "_moved", "base", "known")

    def __init__(self, memory: Memory, base: Slots) -> None:
        # every document that was touched, None for one that is deleted
        self._changed: dict[Any, bytes | None] = {}
        # keys of documents that come after those of the collection, in order
        self._added: dict[Hashable, None] = {}
        # keys of the collection whose documents do not stand in their old place any more
        self._gone: set[Hashable] = set()
        self._ids: dict[Hashable, Any] = {}
        # whether the collection has a document of a key, for all that are touched: to be found out by who plans that
        self.known: dict[Hashable, bool] = {}
        # keys of documents that take the places of others, and may stand elsewhere in the indexes
        self._moved: set[Hashable] = set()
        self.base = base
        # all that slots have but functions of this: it goes with its transaction, not when the collector comes by
        self.live, self._memory, self._mixed = 0, memory, False
        self._held, self._warm = {}, {}

    # ── reading ──────────────────────────────────────────────────────────────────

    def get(self, key: Hashable) -> bytes | None:
        """Return the document of a key, or None."""
        return self._changed[key] if key in self._changed else self.base.get(key)

    def holds(self, key: object) -> bool:
        """Whether there is a document of this key."""
        return self._changed[key] is not None if key in self._changed else self.base.holds(key)

    def count(self) -> int:
        """Return how many documents there are."""
        return self.base.count() - len(self._gone) + len(self._added)

    @property
    def touched(self) -> dict[Hashable, bytes | None]:
        """The documents that the transaction has written, by key, None for one that it has deleted."""
        return self._changed

    @property
    def added(self) -> Collection[Hashable]:
        """The keys of the documents that come after those of the collection, in order."""
        return self._added.keys()

    def written(self) -> tuple[list[Hashable], list[bytes]]:
        """Return the keys and the documents that the transaction has written, those that are still there."""
        held = {key: data for key, data in self._changed.items() if data is not None}
        return list(held), list(held.values())

    def _merged(self) -> dict[Hashable, Slot]:
        """Return what stands for all documents, by key, in natural order."""
        changed, added = self._changed, self._added
        merged = dict(self.base.items())
        for key in self._gone:
            del merged[key]
        merged.update((key, data) for key, data in changed.items() if data is not None and key not in added)
        for key in added:
            merged[key] = changed[key] or b""
        return merged

    def items(self) -> list[tuple[Hashable, Slot]]:
        """Return all keys with what stands for their documents."""
        return list(self._merged().items())

    def keys(self) -> list[Hashable]:
        """Return the keys of all documents."""
        return list(self._merged())

    def now(self) -> None:
        """Return None: moments of a transaction are not told apart."""

    def all(self) -> Sequence[bytes]:
        """Return all documents of this moment."""
        return self.base.stored(list(self._merged().values()))

    def first(self, count: int) -> Sequence[bytes]:
        """Return the first `count` documents."""
        return self.base.stored(list(islice(self._merged().values(), count)))

    def some(self, keys: Iterable[Hashable]) -> Sequence[bytes]:
        """Return the documents of those of `keys` that are there."""
        return list(filter(None, map(self.get, keys)))

    def pairs(self, keys: Iterable[Hashable]) -> list[tuple[Hashable, bytes]]:
        """Return the documents of those of `keys` that are there, with their keys."""
        return [(key, data) for key in keys if (data := self.get(key)) is not None]

    def disjoint(self, keys: Iterable[Hashable]) -> bool:
        """Whether there is no document of any of `keys`."""
        return not any(map(self.holds, keys))

    @property
    def places(self) -> int:
        """How many documents of the collection are not resident."""
        return self.base.places

    @property
    def resident(self) -> int:
        """How many bytes of documents are resident, those of the transaction included."""
        return self.base.resident + sum(map(len, self.written()[1]))

    # ── changing ─────────────────────────────────────────────────────────────────

    def put_under(self, operation: Put) -> None:
        """Store documents, each in the place of the one with its key."""
        changed, added, size = self._changed, self._added, 0
        for place, key in enumerate(operation.keys):
            document = operation.documents[place]
            before = changed.get(key)
            if before is not None:
                size -= len(before)
            elif key in changed or not self.known.get(key):
                added[key] = None
            if operation.indexed and key not in added:
                self._moved.add(key)
            changed[key], self._ids[key] = document, operation.ids[place]
            size += len(document)
        self._memory.resident += size

    def put_alone(self, operation: Put, key: Hashable, *, there: bool) -> None:
        """Do as `put_under` with one document; `there` says whether the collection has its key."""
        changed, document = self._changed, operation.documents[0]
        before = changed.get(key)
        if before is not None:
            self._memory.resident += len(document) - len(before)
        else:
            self._memory.resident += len(document)
            if not there or key in changed:
                self._added[key] = None
        if operation.indexed and key not in self._added:
            self._moved.add(key)
        changed[key], self._ids[key] = document, operation.ids[0]

    def delete_under(self, keys: Sequence[Hashable], ids: Sequence[Any]) -> None:
        """Remove the documents of `keys`, those that are there."""
        changed, gone = self._changed, self._gone
        for key, id in zip(keys, ids, strict=True):
            if not (changed[key] is not None if key in changed else self.known.get(key)):
                continue
            self._memory.resident -= len(changed.get(key) or b"")
            if key in self._added:
                del self._added[key]
            else:
                gone.add(key)
            if key in gone:
                changed[key], self._ids[key] = None, id
            else:
                del changed[key], self._ids[key]

    def delete_alone(self, key: Hashable, id: Any) -> None:
        """Do as `delete_under` with one document of the collection that the transaction has not touched."""
        self._gone.add(key)
        self._changed[key], self._ids[key] = None, id

    def operations(self, number: int, *, moves: bool) -> list[Operation]:
        """Return what makes of the collection's documents those that are here.

        `moves` says whether its indexes are others than those that were asked which documents move in them.
        """
        changed, ids, added, moved = self._changed, self._ids, self._added, self._moved
        fresh, indexed = len(added) == len(changed), moves or len(moved) == len(changed)
        if not self._gone and (fresh or (not added and (indexed or not moved))):  # all of one kind, and in this order
            documents = cast("list[bytes]", list(changed.values()))
            put = Put(number, list(changed), list(ids.values()), documents, fresh, fresh or indexed)
            return [put] if documents else []
        operations: list[Operation] = []
        if self._gone:
            gone = list(self._gone)
            if not self._gone.isdisjoint(added):
                # of those that come after them, too: applied a second time, all of them come to the end in this order
                gone += [key for key in added if key not in self._gone]
            operations.append(Delete(number, gone, [ids[key] for key in gone]))
        replaced = [key for key, data in changed.items() if data is not None and key not in added]
        unmoved = [] if moves else [key for key in replaced if key not in moved]
        moving = replaced if moves else [key for key in replaced if key in moved]
        for keys, indexed in ((unmoved, False), (moving, True), (list(added), True)):
            if keys:
                documents = [changed[key] or b"" for key in keys]
                operations.append(Put(number, keys, [ids[key] for key in keys], documents, indexed=indexed))
        return operations


class OverlaidOrder(NaturalOrder):
    """The natural order of a collection with what a transaction has written: what that adds is at the end."""

    __slots__ = ("_base", "_overlay")

    def __init__(self, base: NaturalOrder, overlay: OverlaySlots) -> None:
        self._base = base
        self._overlay = overlay

    def sorted(self, keys: Collection[Hashable]) -> Sequence[Hashable]:
        """Return the keys of stored documents in natural order."""
        added = self._overlay.added
        if len(keys) < 2:
            return tuple(keys)
        if not added:
            return self._base.sorted(keys)
        behind = set(keys).intersection(added)
        return [*self._base.sorted([key for key in keys if key not in behind]), *filter(behind.__contains__, added)]


class OverlaidCollection(CollectionState):
    """A collection as a transaction sees it that has written to it; `base` is the collection without that.

    Its natural order and its columns are made when they are asked for.
    """

    __slots__ = ("_base", "_indexes", "_memory", "_written", "overlay", "plain", "taken")

    def __init__(self, base: CollectionState, memory: Memory) -> None:
        # not all that a collection makes: its documents and its indexes are others'
        self.number, self.name = base.number, base.name
        self.options, self.validator, self.collation = base.options, base.validator, base.collation
        self.slots = self.overlay = OverlaySlots(memory, base.slots)
        # the written documents and indexes over them, once an index is asked for
        self._written: CollectionState | None = None
        # the indexes that a change which leaves them alone has been held against
        self._indexes = base.indexes.by_name
        self._memory = memory
        # what was written has taken in unique indexes: by their names and the keys there the document that did so last
        self.taken: dict[str, dict[Hashable, Hashable]] = {}
        # whether there is nothing of all that, so that a change need only be made in the overlay
        self.plain: bool = not base.indexes.refusing
        # as `lie_over`, without a call
        self._base, self.indexes, self.ids = base, base.indexes, base.ids

    def __getattr__(self, name: str) -> Any:
        if name == "natural":
            self.natural = OverlaidOrder(self._base.natural, self.overlay)
            return self.natural
        if name == "columns":
            self.columns = Columns(self._memory.columns)
            self.columns.inherit(self._base.columns)
            return self.columns
        raise AttributeError(name)

    def lie_over(self, base: CollectionState) -> None:
        """Lie over `base`, which has the same documents as the one before, but was loaded."""
        self._base, self.overlay.base, self.natural = base, base.slots, OverlaidOrder(base.natural, self.overlay)
        # for the planner, which only counts in them
        self.indexes, self.ids = base.indexes, base.ids

    def order_of_ids(self) -> IdIndex | None:
        """Return the index of ``_id`` of the collection itself, for the planner, which only counts in it."""
        return self._base.order_of_ids()

    def put(self, operation: Put) -> None:
        """Store the documents of `operation`, each in the place of the one with its id."""
        if operation.indexed and self.indexes.refusing:
            self.indexes.note(operation, self.taken)
        self.overlay.put_under(operation)
        if self._written is not None:
            operation.indexed = True  # what it replaces is the collection's, whose indexes are others
            self._written.put(operation)

    def delete(self, operation: Delete) -> None:
        """Remove the documents of `operation`, those that are there."""
        self.overlay.delete_under(operation.keys, operation.ids)
        if self._written is not None:
            self._written.delete(operation)

    @property
    def has_orders(self) -> bool:
        """Whether an index has all documents in an order."""
        return False

    @property
    def _few(self) -> bool:
        """Whether each document that was written is tested itself, without indexes over all of them."""
        return self._written is None and len(self.overlay.touched) <= FEW

    def planned_by(self) -> Mapping[str, HashIndex]:
        """Return the indexes that a planner counts in, which know of arrays in the written documents by now."""
        indexes = self.indexes.by_name
        if indexes and not self._few:
            for name, index in self._over().indexes.by_name.items():
                indexes[name].multikey.update(index.multikey)
        return indexes

    def settled(self, plan: Plan) -> Plan:
        """Return a plan of what the planner knows of, with all that was written tested."""
        if plan.exact and plan.text is None and plan.stage != "IDHACK" and self._few:
            return msgspec.structs.replace(plan, exact=False)
        return plan

    def scanned(self, plan: Plan) -> tuple[Collection[Hashable], bool]:
        """Return what a scan of one index leads to, and whether that is in natural order."""
        touched = self.overlay.touched
        untouched = [key for key in self._base.scanned(plan)[0] if key not in touched]
        written = touched if self._few else self._over().scanned(plan)[0]
        return [*untouched, *written], False

    def expired(self, now: datetime) -> Collection[Hashable]:
        """Return the keys of the documents that have expired at a moment, the transaction's own among them."""
        touched = self.overlay.touched
        return [*(key for key in self._base.expired(now) if key not in touched), *self._over().expired(now)]

    def searched(self, plan: Plan) -> Found:
        """Return the keys of the documents that a text index finds, with their scores."""
        touched = self.overlay.touched
        found = {key: score for key, score in self._base.searched(plan).items() if key not in touched}
        return found | self._over().searched(plan)

    def _over(self) -> CollectionState:
        if self._written is None:
            written = CollectionState(self.number, self.name)
            keys, documents = self.overlay.written()
            written.slots.put(keys, documents, fresh=True)
            for definition in self.indexes.definitions():
                written.build(definition)
            self._written = written
            self.plain = False
        return self._written

    def claims(self, leaving: Collection[Hashable] = ()) -> Claims:
        """Return what says which documents of a write can go in, for those `leaving` by their keys.

        Raises:
            Unloaded: An index must be built first.
        """
        return self.indexes.claims(self.name, leaving, self)

    def check_fit(self, keys: Sequence[Hashable], documents: Sequence[bytes]) -> None:
        """Refuse encoded documents that cannot go in together, each in the place of the one with its key, if any."""
        indexes = self.indexes
        if indexes.refusing and not (len(keys) == 1 and indexes.is_free(keys[0], documents[0], self.taken)):
            self.claims(frozenset(keys)).check(keys, documents)

    @property
    def touched(self) -> Mapping[Hashable, bytes | None]:
        """The documents that the transaction has written, by key, None for one that it has deleted."""
        return self.overlay.touched

    def index_on(self, path: str) -> HashIndex | None:  # noqa: ARG002 - whatever it is
        """Return None: no index has all documents."""
        return None

    def operations(self) -> list[Operation]:
        """Return what makes of the collection what is here."""
        return self.overlay.operations(self.number, moves=self.indexes.by_name is not self._indexes)

    def stats(self) -> dict[str, Any]:
        """Return how many documents there are, their encoded size in bytes, where they are, and the indexes' names."""
        base, written = self._base, self.overlay.written()
        touched = base.slots.some(filter(self.overlay.touched.__contains__, base.slots.keys()))
        below = base.stats()
        size = below["size"] - sum(map(len, touched)) + sum(map(len, written[1]))
        return super().stats() | {"size": size, "indexes": below["indexes"]}
