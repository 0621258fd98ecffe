"""Compactions on the core alone, as the shell makes them, and a database that is worth one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from core.engine.world import World, put, write, written
from nosqlpy._core.engine import compaction
from nosqlpy._core.engine.compaction import Moment
from nosqlpy._core.engine.publish import rotate
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.manifest import SealedSegment
from nosqlpy._core.log.operation import Define, Delete


class Compacted(NamedTuple):
    """What a compaction merged, into which segment, and its report."""

    moment: Moment
    base: SealedSegment
    report: dict[str, Any]


def nothing() -> None:
    """Do nothing."""


def compact(world: World, engine: Engine, *, meanwhile: Callable[[], object] = nothing, codec: int = 0) -> Compacted:
    """Compact, up to where the old segments are gone; others have the lock `meanwhile`."""
    moment = world.run(compaction.begin(engine, codec))
    meanwhile()
    base = world.run(compaction.write_base(moment))
    report = world.run(compaction.finish(engine, moment, base))
    world.run(compaction.sweep(moment))
    return Compacted(moment, base, report)


def compact_and_rebase(world: World, engine: Engine) -> Compacted:
    """Compact, and have all places be in the base."""
    compacted = compact(world, engine)
    for _ in compaction.rebase(engine, compacted.moment):
        pass
    return compacted


def busy() -> tuple[World, Engine]:
    """Return a database with an index, dead records, a dropped and an empty collection, in two segments."""
    world, engine = written(1, 2, 3)
    write(world, engine, Define(1, "index", {"name": "v_1", "keys": [["v", 1]]}))
    write(world, engine, Delete(1, [2], [2]), put(1))
    world.run(rotate(engine))
    write(world, engine, Define(2, "create", {"name": "gone"}), Define(3, "create", {"name": "empty"}))
    write(world, engine, Define(2, "drop", {}))
    write(world, engine, put(4))
    return world, engine
