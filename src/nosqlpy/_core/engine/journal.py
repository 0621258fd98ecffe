"""The journal of a transaction: documents that it has stored, each once, and that nobody has looked at since."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.operation import Operation, Put


class Journal:
    """Puts of one document each, by the number of their collection and their key, in the order in which they came.

    Those that are `fresh` are of new documents. Those that are not `indexed` hold against the indexes
    that a collection had when the first of them came.
    """

    __slots__ = ("_indexes", "puts")

    def __init__(self) -> None:
        self.puts: dict[tuple[int, Hashable], Put] = {}
        self._indexes: dict[int, Mapping[str, Any]] = {}

    def note(self, operation: Put, collection: CollectionState) -> None:
        """Add a put to a document of `collection` that has none yet."""
        number = operation.collection
        if number not in self._indexes:
            self._indexes[number] = collection.indexes.by_name
        self.puts[number, operation.keys[0]] = operation

    def settled(self, base: Engine) -> Iterator[Put]:
        """Yield all puts, as they hold against the indexes that the collections have by now."""
        same: dict[int, bool] = {}
        for number, indexes in self._indexes.items():
            collection = base.collection(number)
            same[number] = collection is not None and collection.indexes.by_name is indexes
        for operation in self.puts.values():
            if not same[operation.collection]:
                operation.indexed = True
            yield operation

    def operations(self, base: Engine) -> list[Operation]:
        """Return what all of them do, as few operations as say it."""
        joined: dict[tuple[int, bool, bool], tuple[list[Hashable], list[Any], list[bytes]]] = {}
        for put in self.settled(base):
            of = put.collection, put.fresh, put.indexed
            keys, ids, documents = joined.get(of) or joined.setdefault(of, ([], [], []))
            keys.append(put.keys[0])
            ids.append(put.ids[0])
            documents.append(put.documents[0])
        return [Put(number, *parts, fresh, indexed) for (number, fresh, indexed), parts in joined.items()]
