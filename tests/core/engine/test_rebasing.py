from __future__ import annotations

import pytest

from core.engine.compacting import compact
from core.engine.world import World, ids, put, write, written
from nosqlpy._core.engine import following
from nosqlpy._core.engine.eviction import evict
from nosqlpy._core.engine.publish import rotate
from nosqlpy._core.engine.rebasing import rebase
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.place import segment_of
from nosqlpy.errors import CorruptionError


def beside() -> tuple[World, Engine, Engine]:
    """Return one who writes, and one who follows him, and has no document in memory."""
    world, engine = written(1, 2, 3)
    world.run(rotate(engine))
    follower = world.open(read_only=True, budget=0).engine
    evict(follower, follower.tail.end.size)
    return world, engine, follower


def compacted(world: World, engine: Engine, follower: Engine, codec: int = 0) -> None:
    """Compact, while the other one follows from one segment into the next."""
    compact(world, engine, meanwhile=lambda: follow(world, follower), codec=codec)
    follow(world, follower)


def follow(world: World, engine: Engine) -> None:
    world.run(following.follow(engine, upto=None, moved=True))


def segments(engine: Engine) -> set[int]:
    """Return the segments in which documents have places."""
    return {segment_of(slot) for _, slot in engine.collections["a"].slots.items() if isinstance(slot, int)}


def opened(engine: Engine) -> set[int]:
    return set(engine.memory.files().files)


@pytest.mark.parametrize("codec", [0, 1])
def test_places_move_to_the_base_and_the_older_files_are_let_go(codec: int) -> None:
    world, engine, follower = beside()
    compacted(world, engine, follower, codec)
    before = segments(follower)
    list(rebase(follower))

    assert before == {1}
    assert segments(follower) == opened(follower) == {engine.manifest.sealed[0].number}
    assert ids(follower) == [1, 2, 3]


def test_a_document_that_was_written_since_stays_what_it_is() -> None:
    world, engine, follower = beside()
    compacted(world, engine, follower)
    write(world, engine, put(2))
    follow(world, follower)
    list(rebase(follower))

    assert [key for key, slot in follower.collections["a"].slots.items() if isinstance(slot, bytes)] == [2]
    assert ids(follower) == [1, 2, 3]


def test_moving_ends_where_the_database_is_compacted_once_more() -> None:
    world, engine, follower = beside()
    compacted(world, engine, follower)
    steps = rebase(follower)
    next(steps)
    compacted(world, engine, follower)

    assert list(steps) == []
    list(rebase(follower))
    assert segments(follower) == opened(follower) == {engine.manifest.sealed[0].number}


def test_a_damaged_base_is_told_and_the_older_files_stay_open() -> None:
    world, engine, follower = beside()
    compacted(world, engine, follower)
    name = next(name for name in world.files if name.endswith(f"{engine.manifest.sealed[0].number:08x}.nql"))
    world.files[name] = world.files[name][:64] + bytes(len(world.files[name]) - 64)
    with pytest.raises(CorruptionError):
        list(rebase(follower))

    assert 1 in opened(follower)
    assert ids(follower) == [1, 2, 3]


def test_without_a_base_there_is_nothing_to_do() -> None:
    _, _, follower = beside()

    assert list(rebase(follower)) == []
