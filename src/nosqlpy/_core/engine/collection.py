"""The state of one collection: its encoded documents, and the indexes over them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from nosqlpy._core.index.catalogue import ID_DEFINITION, IndexDefinition
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.log.operation import Delete, Put
from nosqlpy._core.plan.planner import Plan
from nosqlpy._core.values.codec import decode_document


class CollectionState:
    """Documents by the key of their ``_id``, as the bytes that the log holds, in natural order.

    Every change goes through `put` and `delete`, which give the same state when
    they are applied again: an interrupted apply is repaired by repeating it.
    """

    __slots__ = ("indexes", "name", "number", "slots")

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.slots: dict[Hashable, bytes] = {}
        self.indexes: dict[str, HashIndex] = {}

    def put(self, operation: Put) -> None:
        """Store the documents of `operation`, each in the place of the one with its id."""
        if self.indexes:
            for key, document in zip(operation.keys, operation.documents, strict=True):
                self._reindex(key, document)
        self.slots.update(zip(operation.keys, operation.documents, strict=True))

    def delete(self, operation: Delete) -> None:
        """Remove the documents of `operation`, those that are there."""
        if self.indexes:
            for key in operation.keys:
                self._reindex(key, None)
        for key in operation.keys:
            self.slots.pop(key, None)

    def _reindex(self, key: Hashable, document: bytes | None) -> None:
        """Move `key` in every index from what its stored document holds to what `document` holds."""
        stored = self.slots.get(key)
        before = {} if stored is None else decode_document(stored)
        after = {} if document is None else decode_document(document)
        for index in self.indexes.values():
            old = frozenset() if stored is None else index.values(before)
            new = frozenset() if document is None else index.values(after)
            if old != new:
                index.discard(old - new, key)
            index.add(new - old, key)

    def clear(self) -> None:
        """Remove every document; indexes stay, empty."""
        self.slots = {}
        for index in self.indexes.values():
            index.clear()

    def build(self, definition: IndexDefinition) -> None:
        """Add an index over the documents that are here."""
        index = HashIndex(definition.name, definition.keys)
        for key, document in self.slots.items():
            index.add(index.values(decode_document(document)), key)
        self.indexes[definition.name] = index

    def definitions(self) -> list[IndexDefinition]:
        """Return the definitions of all indexes, that of ``_id`` first."""
        return [ID_DEFINITION, *(IndexDefinition(index.name, index.keys) for index in self.indexes.values())]

    def fetch(self, plan: Plan) -> list[bytes]:
        """Return the encoded documents that `plan` leads to, all of one moment; none twice."""
        if plan.stage == "COLLSCAN":
            return list(self.slots.values())
        # get, not [key]: another thread may delete a document after its key was found
        return [document for document in map(self.slots.get, self.keys(plan)) if document is not None]

    def keys(self, plan: Plan) -> Iterable[Hashable]:
        """Return the keys that `plan` leads to, none twice."""
        if plan.stage == "COLLSCAN":
            return list(self.slots)
        if plan.stage == "IDHACK":
            return plan.values
        index = self.indexes[plan.index or ""]
        if len(plan.values) == 1:
            return tuple(index.lookup(plan.values[0]))
        return dict.fromkeys(key for value in plan.values for key in tuple(index.lookup(value)))

    def stats(self) -> dict[str, Any]:
        """Return how many documents there are, their encoded size in bytes, and the indexes' names."""
        sizes = [len(document) for document in list(self.slots.values())]
        return {
            "name": self.name,
            "count": len(sizes),
            "size": sum(sizes),
            "indexes": [d.name for d in self.definitions()],
        }
