"""Expiry: documents that are hidden from every read once their time has come, and the change that removes them.

That a document expires is an event: what was once found expired stays so, whatever the clock says afterwards. So a
clock that jumps back shows nothing again; and a younger document is held against the clock as it is then.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Final

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.index.deferred import DeferredIndex
from nosqlpy._core.index.expiry import filter_of, seconds_to_next
from nosqlpy._core.log.operation import Delete, Operation
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.values.codec import decode_id

REMOVED_AT_ONCE: Final = 1000
"""Documents that one step of a removal in the background takes out."""

Known = dict[int, dict[Hashable, bytes]]
"""Documents that were found expired and may not have been removed yet, by the number of their collection."""


class Expiry:
    """The moment that documents are held against; what is found expired at it is noted in `known`."""

    __slots__ = ("_known", "now")

    def __init__(self, now: datetime, known: Known) -> None:
        self.now: datetime = now
        self._known = known

    def of(self, collection: CollectionState) -> dict[Hashable, bytes]:
        """Return the documents of a collection that have expired, by their keys.

        Raises:
            Unloaded: An index must be built first.
        """
        known, candidates = self._known.get(collection.number), collection.expired(self.now)
        if not candidates and not known:
            return {}
        # held against the documents themselves: a writer may have replaced one since its key was found
        found = _confirmed(collection, dict(collection.slots.pairs(candidates)), self.now)
        for key, data in list(known.items()) if known else ():
            if collection.slots.get(key) == data:
                found[key] = data
            elif known is not None:
                known.pop(key, None)
        if found:
            self._known.setdefault(collection.number, {}).update(found)
        return found


def _confirmed(collection: CollectionState, found: dict[Hashable, bytes], now: datetime) -> dict[Hashable, bytes]:
    """Return those of the documents that have expired, by what they hold."""
    selected: set[int] = set()
    for index in collection.indexes.expiring if found else ():
        selected.update(map(id, compile_filter(filter_of(index.definition, now)).select(list(found.values()))))
    return {key: data for key, data in found.items() if id(data) in selected}


def removal(engine: Engine, expiry: Expiry, numbers: Iterable[int], most: int | None = None) -> Change[int]:
    """Plan the removal of what has expired in some collections, `most` of each at most; the result is how many.

    Raises:
        Unloaded: An index must be built first.
    """
    operations: list[Operation] = []
    removed = 0
    for number in numbers:
        collection = engine.collection(number)
        found = {} if collection is None else dict(islice(expiry.of(collection).items(), most))
        if found:
            ids = [key if type(key) is str else decode_id(data) for key, data in found.items()]
            operations.append(Delete(number, list(found), ids))
            removed += len(found)
    return engine.change(operations, removed)


def backlog(engine: Engine, now: datetime) -> int:
    """Return how many documents have expired in the collections whose indexes are built."""
    return sum(len(held.expired(now)) for held in _built(engine))


def _built(engine: Engine) -> Iterator[CollectionState]:
    """Yield the collections in which documents expire, those whose indexes are built."""
    for number in engine.expiring:
        held = engine.collection(number)
        if held is not None and not any(isinstance(index, DeferredIndex) for index in held.indexes.expiring):
            yield held


def seconds_until(engine: Engine, now: datetime) -> float | None:
    """Return in how many seconds the next document expires whose index is built; None if none will, as things are."""
    found = [seconds_to_next(index, now) for held in _built(engine) for index in held.indexes.expiring]
    return min((seconds for seconds in found if seconds is not None), default=None)
