"""The state of one collection: its encoded documents, and the indexes over them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any

from nosqlpy._core.engine.columns import Columns
from nosqlpy._core.engine.flags import Progress
from nosqlpy._core.engine.natural import NaturalOrder
from nosqlpy._core.engine.slots import Memory, Slots
from nosqlpy._core.engine.validation import Validator, make_validator
from nosqlpy._core.index import scanning
from nosqlpy._core.index.catalogue import ID_DEFINITION, ID_INDEX, ORDERED, IndexDefinition
from nosqlpy._core.index.deferred import DeferredIndex
from nosqlpy._core.index.expiry import expired
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.ids import IdIndex
from nosqlpy._core.index.manager import IndexManager
from nosqlpy._core.index.textual import Found, TextIndex
from nosqlpy._core.index.unique import Claims
from nosqlpy._core.log.operation import Delete, Put
from nosqlpy._core.plan.plan import Plan
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.collation_spec import compile_collation
from nosqlpy.aliases import Document


class CollectionState:
    """Documents by the key of their ``_id``, as the bytes that the log holds, in natural order.

    Every change goes through `put` and `delete`, which give the same state when
    they are applied again: an interrupted apply is repaired by repeating it.
    """

    __slots__ = ("collation", "columns", "ids", "indexes", "name", "natural", "number", "options", "slots", "validator")

    def __init__(self, number: int, name: str, memory: Memory | None = None, slots: Slots | None = None) -> None:
        self.number: int = number
        self.name: str = name
        memory = memory or Memory()
        self.slots: Slots = Slots(memory) if slots is None else slots
        self.columns: Columns = Columns(memory.columns)
        self.indexes: IndexManager = IndexManager()
        self.natural: NaturalOrder = NaturalOrder(self.slots)
        self.ids: IdIndex = IdIndex(self.slots)
        self.options: Document = {}
        # how strings compare where a call does not say
        self.collation: Collation | None = None
        self.validator: Validator | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether all documents can be gone through."""
        return True

    def loaded(self) -> CollectionState:
        """Return the same collection, loaded."""
        return self

    def put(self, operation: Put) -> None:
        """Store the documents of `operation`, each in the place of the one with its id."""
        keys, documents, slots = operation.keys, operation.documents, self.slots
        if self.columns.held.columns:
            self.columns.wrote(len(keys))
        if self.natural.known is not None:
            self.natural.append(keys)
        if len(keys) == 1:
            key, document = keys[0], documents[0]
            if operation.indexed and self.indexes.by_name:
                self._index(key, document)
            slots.put_one(key, document)
            if self.ids.watched:
                self.ids.stored(keys)
            return
        fresh, operation.fresh = operation.fresh, False  # to repeat what was interrupted is another matter
        fresh = fresh or (operation.indexed and slots.disjoint(keys))
        if operation.indexed and self.indexes.by_name:
            if fresh:
                self.indexes.insert(keys, documents)
            else:
                for key, document in zip(keys, documents, strict=True):
                    self._index(key, document)
        slots.put(keys, documents, fresh=fresh)
        if self.ids.watched:
            self.ids.stored(keys)

    def _index(self, key: Hashable, document: bytes) -> None:
        stored = self.slots.before(key)
        if stored is None:
            self.indexes.insert_one(key, document)
        else:
            self.indexes.replace(key, stored, document)

    def delete(self, operation: Delete) -> None:
        """Remove the documents of `operation`, those that are there."""
        slots = self.slots
        if self.columns.held.columns:
            self.columns.wrote(len(operation.keys))
        if len(operation.keys) == 1:
            (key,) = operation.keys
            if self.indexes.by_name and (stored := slots.before(key)) is not None:
                self.indexes.remove_one(key, stored)
            slots.delete_one(key)
            if self.ids.watched:
                self.ids.removed(operation.keys)
            return
        keys = [key for key in operation.keys if slots.holds(key)]
        if self.indexes:
            self.indexes.remove(keys, list(filter(None, map(slots.before, keys))))
        slots.delete(keys)
        if self.ids.watched:
            self.ids.removed(keys)

    def prepare(
        self, definition: IndexDefinition, *, check: bool = False, progress: Progress | None = None
    ) -> HashIndex:
        """Return an index over the documents that are here, which is not used yet; `check` whether they fit it.

        Raises:
            DuplicateKeyError: The index is unique, and two documents have the same key.
            WriteError: Two fields of the index come through different arrays of a document.
        """
        name = self.name if check else None
        return IndexManager.make(definition, self.slots.keys(), self.slots.all(), name, progress)

    def check_fit(self, keys: Sequence[Hashable], documents: Sequence[bytes]) -> None:
        """Refuse encoded documents that cannot go in together, each in the place of the one with its key, if any.

        Raises:
            DuplicateKeyError: The key of a unique index is taken.
            WriteError: Two fields of an index come through different arrays of a document (171).
        """
        indexes = self.indexes
        if indexes.refusing and not (len(keys) == 1 and indexes.is_free(keys[0], documents[0])):
            self.claims(frozenset(keys)).check(keys, documents)

    def claims(self, leaving: Collection[Hashable] = ()) -> Claims:
        """Return what says which documents of a write can go in, for those `leaving` by their keys.

        Raises:
            Unloaded: An index must be built first.
        """
        return self.indexes.claims(self.name, leaving)

    def load_index(self, definition: IndexDefinition) -> None:
        """Take an index that was deferred from the snapshot, or build it, unless that has been done, or it is gone."""
        if isinstance(self.indexes.by_name.get(definition.name), DeferredIndex):
            pending = self.indexes.pending
            index = None if pending is None else pending.take(definition, self.slots.get)
            self.indexes.add(self.prepare(definition) if index is None else index)

    def warm(self, keys: Sequence[Hashable]) -> None:
        """Read what applying a write needs of the documents that it replaces or removes."""
        if self.indexes:
            self.slots.warm(keys)

    def clear(self) -> None:
        """Remove every document; indexes stay, empty."""
        self.slots.clear()
        self.columns.forget()
        self.natural.forget()
        self.ids.clear()
        self.indexes.clear()

    def build(self, definition: IndexDefinition) -> None:
        """Add an index over the documents that are here."""
        self.indexes.add(self.prepare(definition))

    def define(self, options: Document) -> None:
        """Have these options from now on, and the validator among them."""
        self.collation = compile_collation(options.get("collation"))
        self.options = options
        self.validator = make_validator(options, self.collation)

    def definitions(self) -> list[IndexDefinition]:
        """Return the definitions of all indexes, that of ``_id`` first."""
        held = list(self.indexes.definitions())
        return held if ID_INDEX in self.indexes.by_name else [ID_DEFINITION, *held]

    @property
    def has_orders(self) -> bool:
        """Whether an index has all documents in an order."""
        return True

    def planned_by(self) -> Mapping[str, HashIndex]:
        """Return the indexes that a planner counts in."""
        return self.indexes.by_name

    def settled(self, plan: Plan) -> Plan:
        """Return a plan as it holds for all documents that are here, not only for those that the planner knows of."""
        return plan

    def order_of_ids(self) -> IdIndex | None:
        """Return the index of ``_id``, whose order a planner may use; None where that takes loading the collection.

        Under a collation the index of ``_id`` is one like others.
        """
        return None if ID_INDEX in self.indexes.by_name else self.ids

    def counts(self, plan: Plan) -> bool:
        """Whether the entries that the planner has counted are documents, each once."""
        index = self.index(plan.index) if plan.stage == "IXSCAN" else None
        return index is not None and self.has_orders and not index.multikey and index.wildcard is None

    def index(self, name: str | None) -> HashIndex:
        """Return an index of a plan by its name."""
        found = self.indexes.by_name.get(name or "")
        return self.ids if found is None else found

    def shown(self) -> Mapping[str, HashIndex]:
        """Return all indexes by name, that of ``_id`` among them."""
        return {ID_INDEX: self.ids, **self.indexes.by_name}

    def fetch(self, plan: Plan, most: int = 0, *, once: bool = False) -> Sequence[bytes]:
        """Return the encoded documents that `plan` leads to, of one moment, none twice; the first `most`, if given.

        `once` says that nobody comes back to them: a collection that is not loaded need not be.
        """
        if plan.stage == "COLLSCAN" and not plan.directions:
            if once and not self.is_loaded:
                return self.slots.once()
            return self.slots.first(most) if most else self.all()
        keys = self.keys(plan)
        return self.slots.some(islice(keys, most) if most else keys)

    def all(self) -> Sequence[bytes]:
        """Return all documents of this moment: the list that their columns have, if nothing was written since."""
        now, held = self.slots.now(), self.columns.held
        return self.slots.all() if now is None or held.moment is not now else self.slots.stored(held.slots)

    def keys(self, plan: Plan) -> Iterable[Hashable]:
        """Return the keys that `plan` leads to, none twice."""
        if plan.stage == "COLLSCAN":
            return self.slots.keys()[::-1] if plan.directions else self.slots.keys()
        if plan.stage == "IDHACK":
            return plan.values
        if plan.directions:
            return self._in_order(plan)
        found, is_natural = self.candidates(plan)
        return tuple(found) if is_natural else self.natural.sorted(found)

    def _in_order(self, plan: Plan) -> Iterator[Hashable]:
        index = self.index(plan.index)
        parts = scanning.ordered(index, plan.bounds or (), plan.first, plan.directions, self.natural.sorted)
        return chain.from_iterable(parts)

    def candidates(self, plan: Plan) -> tuple[Collection[Hashable], bool]:
        """Return the keys that `plan` leads to, none twice, and whether they are in natural order."""
        if plan.stage in ("OR", "AND_HASH"):
            found = [self.candidates(branch)[0] for branch in plan.branches]
            return (set().union(*found) if plan.stage == "OR" else set(found[0]).intersection(*found[1:])), False
        if plan.stage == "IDHACK":
            return [key for key in plan.values if self.slots.holds(key)], len(plan.values) < 2
        if plan.stage == "TEXT":
            return self.searched(plan).keys(), False
        return self.scanned(plan)

    def scores(self, plan: Plan) -> Found:
        """Return the keys of the documents that the text searches of `plan` find, with their scores."""
        scores: Found = {}
        for branch in plan.branches:
            scores |= self.scores(branch)
        return self.searched(plan) if plan.stage == "TEXT" else scores

    def searched(self, plan: Plan) -> Found:
        """Return the keys of the documents that a text index finds, with their scores."""
        index, text = self.indexes.by_name[plan.index or ""], plan.text
        assert isinstance(index, TextIndex), "the plan is of one"
        assert text is not None, "likewise"
        return index.search(text.prefix, text.matcher.terms)

    def scanned(self, plan: Plan) -> tuple[Collection[Hashable], bool]:
        """Return what a scan of one index leads to, and whether that is in natural order."""
        return scanning.found_by(self.index(plan.index), plan.values, plan.bounds)

    def expired(self, now: datetime) -> Collection[Hashable]:
        """Return the keys of the documents that have expired at a moment.

        Raises:
            Unloaded: An index must be built first.
        """
        found = [expired(index, now) for index in self.indexes.expiring]
        return found[0] if len(found) == 1 else dict.fromkeys(chain.from_iterable(found)).keys()

    def index_on(self, path: str) -> HashIndex | None:
        """Return an index over the values at `path` that is built and has all documents, if there is one."""
        if path == "_id":
            return self.order_of_ids()
        indexes = self.indexes.by_name.values()
        index = next((each for each in indexes if each.plain == path and each.definition.kind == ORDERED), None)
        return None if isinstance(index, DeferredIndex) else index

    def stats(self) -> dict[str, Any]:
        """Return how many documents there are, their encoded size in bytes, where they are, and what indexes take."""
        indexes = {index.name: index.stats() for index in self.indexes.by_name.values()}
        return {
            "name": self.name,
            "count": self.slots.count(),
            "size": self.slots.live,
            "resident_bytes": self.slots.resident,
            "places": self.slots.places,
            "column_bytes": self.columns.size,
            "indexes": {ID_INDEX: self.ids.stats(), **indexes},
        }
