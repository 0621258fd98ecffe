"""What a database must hold: a model of collections, and the history of its states."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from durability.simulated_disk import observer
from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.logged import LoggedSlots
from nosqlpy._core.engine.slots import Memory
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.unloaded import UnloadedCollection
from nosqlpy._core.engine.walk import Ledger
from nosqlpy._core.index.deferred import DeferredIndex, Unloaded
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.manager import IndexManager
from nosqlpy._core.index.pending import Pending
from nosqlpy._core.index.placed import PlacedIndex
from nosqlpy._core.values.codec import decode_document
from nosqlpy._core.values.keys import equality_key
from nosqlpy._io import committing

# the index by which documents expire, and after how many seconds
EXPIRY, EXPIRES_S = "t_1", 50

# collections in their order: the name, the documents in their order, the names of the indexes, the options as text
State = tuple[tuple[str, tuple[tuple[tuple[str, Any], ...], ...], tuple[str, ...], str], ...]


@dataclass
class Shelf:
    """A collection of the model."""

    documents: dict[Any, dict[str, Any]] = field(default_factory=dict)
    indexes: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    def let_expire(self) -> None:
        """Remove the documents that have expired by now, if they do here."""
        if EXPIRY in self.indexes:
            self.documents = {id: document for id, document in self.documents.items() if lives(document)}


Model = dict[str, Shelf]


class Time:
    """The clock of all simulated processes: it goes on where a step says so."""

    BEGIN = datetime(2026, 1, 1, microsecond=500_000, tzinfo=UTC)

    def __init__(self) -> None:
        self.now = self.BEGIN

    def __call__(self) -> datetime:
        return self.now

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Begin anew, and be the clock by which documents expire."""
        self.now, before = self.BEGIN, committing.clock
        committing.clock = self  # type: ignore[assignment]
        try:
            yield
        finally:
            committing.clock = before


TIME = Time()


def unexpired(state: State) -> State:
    """Return a state without the documents that have expired by now: whether they are removed yet nobody can tell."""
    if not any(EXPIRY in indexes for _, _, indexes, _ in state):
        return state
    return tuple(
        (name, tuple(d for d in documents if lives(dict(d))) if EXPIRY in indexes else documents, indexes, options)
        for name, documents, indexes, options in state
    )


def lives(document: dict[str, Any]) -> bool:
    """Whether a document has not expired, where documents do."""
    time = document["t"]
    return time is None or bool(time + timedelta(seconds=EXPIRES_S) > TIME.now)


def state_of_model(model: Model) -> State:
    state = tuple(
        (
            name,
            tuple(tuple(document.items()) for document in shelf.documents.values()),
            tuple(shelf.indexes),
            repr(shelf.options),
        )
        for name, shelf in model.items()
    )
    return unexpired(state)


def state_of_engine(engine: Engine) -> State:
    with observer:
        state = tuple(
            (
                name,
                tuple(tuple(decode_document(data).items()) for data in documents_of(collection)),
                tuple(collection.indexes.by_name),
                repr(collection.options),
            )
            for name, collection in engine.collections.items()
        )
    return unexpired(state)


def documents_of(collection: CollectionState) -> list[bytes]:
    """Return the documents of a collection; one that is not loaded is left so."""
    if isinstance(collection, UnloadedCollection):
        twin = copy.copy(collection._unloaded)
        twin._memory = Memory(None, collection._unloaded._memory.reader)
        twin._prepared = None  # the twin would change what was prepared for the collection
        if isinstance(twin, LoggedSlots):
            twin._walked = Ledger(), []
            twin._recent, twin._order = dict(twin._recent), list(twin._order)
        return list(twin.loaded().all()[:])
    return list(collection.slots.all()[:])


def describe(state: State) -> str:
    """Return a line that tells the state from others, for a person."""
    return " | ".join(
        f"{name}{list(indexes)}{options}: "
        + " ".join("/".join(_short(value) for _, value in items) for items in documents)
        for name, documents, indexes, options in state
    )


def _short(value: Any) -> str:
    return f"x*{len(value)}" if isinstance(value, str) and value.startswith("x") else str(value)


def model_of_state(state: State) -> Model:
    return {
        name: Shelf(
            {dict(document)["_id"]: dict(document) for document in documents}, list(indexes), ast.literal_eval(options)
        )
        for name, documents, indexes, options in state
    }


def wrong_indexes(engine: Engine) -> list[str]:
    """Return the indexes that do not hold exactly what the documents of their collection say."""
    wrong = []
    for collection in engine.collections.values():
        with observer:
            encoded = documents_of(collection)
        for name, index in collection.indexes.by_name.items():
            expected = expected_entries(index, encoded)
            with observer:
                held = entries_of(collection, index, expected)
            if held is not None and held != expected:
                wrong.append(f"{collection.name}.{name}")
    return wrong


def expected_entries(index: HashIndex, encoded: list[bytes]) -> dict[Any, set[Any]]:
    """Return what an index must say: worked out here where its values are plain, else by one that is made anew."""
    documents = [decode_document(data) for data in encoded]
    if index.name in ("n_1", "g_1"):
        expected: dict[Any, set[Any]] = {}
        for document in documents:
            expected.setdefault(document[index.field], set()).add(document["_id"])
        return expected
    fresh = IndexManager.make(index.definition, [equality_key(document["_id"]) for document in documents], encoded)
    return {value: set(fresh.lookup(value)) for value in fresh.all_values()}


def entries_of(collection: CollectionState, index: HashIndex, values: Iterable[Any]) -> dict[Any, set[Any]] | None:
    """Return what an index says, also while it is in a snapshot, which it then stays; None if it is yet to be built."""
    pending = collection.indexes.pending
    if isinstance(index, PlacedIndex):
        try:
            return {value: set(index.lookup(value)) for value in values}
        except Unloaded:
            return None
    if isinstance(index, DeferredIndex):
        if not pending:
            return None
        twin = Pending(pending._parts, pending._keys, dict(pending._changed))
        taken = twin.take(index.definition, collection.slots.get)
        if taken is None:
            return None
        index = taken
    return {value: set(index.lookup(value)) for value in index.all_values()}


@dataclass
class History:
    """All states that a database went through, and which of them may still be lost.

    `states[shown]` is what memory holds, `states[handed]` the last one known to be with
    the system, `states[durable]` the last one known to survive the loss of power. The
    last one is the last that was attempted: after a write of unknown outcome it is not shown.
    """

    states: list[State] = field(default_factory=lambda: [()])
    shown: int = 0
    handed: int = 0
    durable: int = 0
    past: list[State] = field(default_factory=list)

    def attempt(self, model: Model) -> None:
        self.states.append(state_of_model(model))

    def succeed(self) -> None:
        self.shown = len(self.states) - 1

    def withdraw(self) -> None:
        """Forget the last attempt: it was refused for certain."""
        self.states.pop()

    def all_handed(self) -> None:
        self.handed = self.shown

    def all_durable(self) -> None:
        self.handed = self.durable = self.shown

    def power_lost(self) -> None:
        self.handed = self.durable

    def legal(self, state: State) -> bool:
        return unexpired(state) in map(unexpired, self.states[self.handed :])

    def found(self, state: State) -> None:
        """Go on from `state`, which another process has found in the log; it is as durable as it was."""
        last = max(at for at, other in enumerate(self.states) if unexpired(other) == unexpired(state))
        del self.states[last + 1 :]
        self.shown = self.handed = last

    def recovered(self, state: State) -> None:
        """Go on from `state`, which recovery has made durable."""
        self.past += self.states
        self.states, self.shown, self.handed, self.durable = [state], 0, 0, 0
