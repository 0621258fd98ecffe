"""What a database must hold: a model of collections, and the history of its states."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from nosqlpy._core.engine.state import Engine
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.values.codec import decode_document

# collections in their order: the name, the documents in their order, the names of the indexes
State = tuple[tuple[str, tuple[tuple[tuple[str, Any], ...], ...], tuple[str, ...]], ...]


@dataclass
class Shelf:
    """A collection of the model."""

    documents: dict[Any, dict[str, Any]] = field(default_factory=dict)
    indexes: list[str] = field(default_factory=list)


Model = dict[str, Shelf]


def state_of_model(model: Model) -> State:
    return tuple(
        (name, tuple(tuple(document.items()) for document in shelf.documents.values()), tuple(shelf.indexes))
        for name, shelf in model.items()
    )


def state_of_engine(engine: Engine) -> State:
    return tuple(
        (
            name,
            tuple(tuple(decode_document(data).items()) for data in collection.slots.values()),
            tuple(collection.indexes),
        )
        for name, collection in engine.collections.items()
    )


def model_of_state(state: State) -> Model:
    return {
        name: Shelf({dict(document)["_id"]: dict(document) for document in documents}, list(indexes))
        for name, documents, indexes in state
    }


def index_entries(index: HashIndex) -> dict[Any, set[Any]]:
    return {value: set(index.lookup(value)) for value in index._entries}


def wrong_indexes(engine: Engine) -> list[str]:
    """Return the indexes that do not hold what the documents of their collection say."""
    wrong = []
    for collection in engine.collections.values():
        for name, index in collection.indexes.items():
            fresh = HashIndex(index.name, index.keys)
            for key, data in collection.slots.items():
                fresh.add(fresh.values(decode_document(data)), key)
            if index_entries(fresh) != index_entries(index):
                wrong.append(f"{collection.name}.{name}")
    return wrong


@dataclass
class History:
    """All states that a database went through, and which of them may still be lost.

    `states[handed]` is the last one known to be with the system, `states[durable]` the
    last one known to survive the loss of power, `states[-1]` the last one attempted.
    """

    states: list[State] = field(default_factory=lambda: [()])
    handed: int = 0
    durable: int = 0
    past: list[State] = field(default_factory=list)

    def attempted(self, model: Model) -> None:
        self.states.append(state_of_model(model))

    def withdraw(self) -> None:
        """Forget the last attempt: it was refused for certain."""
        self.states.pop()

    def all_handed(self) -> None:
        self.handed = len(self.states) - 1

    def all_durable(self) -> None:
        self.handed = self.durable = len(self.states) - 1

    def power_lost(self) -> None:
        self.handed = self.durable

    def legal(self, state: State) -> bool:
        return state in self.states[self.handed :]

    def recovered(self, state: State) -> None:
        """Go on from `state`, which recovery has made durable."""
        self.past += self.states
        self.states, self.handed, self.durable = [state], 0, 0

    def copy(self) -> History:
        return copy.copy(self)
