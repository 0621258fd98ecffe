"""Databases on the core alone that are closed with a hint, and opened by it."""

from __future__ import annotations

from typing import Any

from core.engine.compacting import compact_and_rebase
from core.engine.world import World, write
from nosqlpy._core.engine import hints
from nosqlpy._core.engine.publish import mark, rotate
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.operation import Define, Delete, Operation, Put
from nosqlpy._core.values.codec import decode_document, encode_document
from nosqlpy._core.values.keys import equality_keys

BUDGET = 1 << 20


def some(count: int) -> list[dict[str, Any]]:
    return [{"_id": f"id {number}", "x": number % 3} for number in range(count)]


def put(*documents: dict[str, Any], collection: int = 1) -> Put:
    ids = [document["_id"] for document in documents]
    return Put(collection, equality_keys(ids), ids, [encode_document(document) for document in documents])


def delete(*ids: Any) -> Delete:
    return Delete(1, equality_keys(list(ids)), list(ids))


def new() -> tuple[World, Engine]:
    world = World()
    engine = world.open(budget=BUDGET).engine
    world.run(mark(engine, clean=False))
    write(world, engine, Define(1, "create", {"name": "a"}))
    return world, engine


def close(world: World, engine: Engine) -> None:
    """Close as the shell does, with a hint."""
    world.run(rotate(engine))
    world.run(hints.write(engine))
    world.run(mark(engine, clean=True))


def closed(*operations: Operation) -> World:
    """Return the files of a database that was closed with a hint after these operations, or twenty documents."""
    world, engine = new()
    write(world, engine, *(operations or [put(*some(20))]))
    close(world, engine)
    return world


def reopened(world: World, *, budget: int = BUDGET) -> tuple[World, Engine]:
    again = World(world.files)
    return again, again.open(budget=budget).engine


def held(*operations: Operation, budget: int = BUDGET) -> tuple[World, Engine]:
    """Return a database that was closed with a hint after these operations, and opened again."""
    world, engine = new()
    if operations:
        write(world, engine, *operations)
    close(world, engine)
    world, engine = reopened(world, budget=budget)
    world.run(mark(engine, clean=False))
    return world, engine


def load_all(engine: Engine) -> None:
    """Load every collection, and build every index."""
    for name in list(engine.collections):
        engine.load(engine.collections[name].number)
        collection = engine.collections[name]
        for definition in collection.indexes.definitions():
            collection.load_index(definition)


def documents(engine: Engine) -> list[dict[str, Any]]:
    """Return all documents, loaded."""
    load_all(engine)
    return [decode_document(data) for data in engine.collections["a"].slots.all()[:]]


def compact(world: World, engine: Engine) -> None:
    """Compact as the shell does, and write a hint of the base."""
    moment, base, _ = compact_and_rebase(world, engine)
    world.run(hints.write_copied(engine, base, moment.content.definitions, moment.copied.collections))
