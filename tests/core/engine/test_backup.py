from __future__ import annotations

from typing import Any

import pytest

from core.engine.compacting import busy, compact
from core.engine.logged import state
from core.engine.world import World, ids, put, write, written
from nosqlpy._core.engine import backup, building, content, effects
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.manifest import MANIFEST
from nosqlpy.errors import CorruptionError, StorageError


class Relay(World):
    """A world whose parts are read from another one."""

    def __init__(self, source: World, **options: Any) -> None:
        super().__init__(**options)
        self.source = source

    def _read(self, effect: Any) -> bytes:
        if isinstance(effect, effects.ReadPart):
            return self.source.files[effect.name][effect.offset : effect.offset + effect.size]
        return super()._read(effect)


def back_up(world: World, engine: Engine) -> Relay:
    target = Relay(world)
    target.run(building.begin())
    target.run(backup.copy(backup.moment(engine)))
    return target


def opened(world: World) -> Engine:
    recovered = World(world.files).open(create=False)

    assert recovered.report.clean
    return recovered.engine


def test_a_backup_opens_as_what_was_backed_up() -> None:
    world, engine = busy()

    assert state(opened(back_up(world, engine))) == state(engine)


def test_a_compacted_database_is_backed_up_as_well() -> None:
    world, engine = busy()
    compact(world, engine)
    write(world, engine, put(9))

    assert state(opened(back_up(world, engine))) == state(engine)


def test_a_backup_holds_the_moment_at_which_it_began() -> None:
    world, engine = written(1, 2)
    moment = backup.moment(engine)
    write(world, engine, put(3))
    target = Relay(world)
    target.run(building.begin())
    target.run(backup.copy(moment))

    assert (moment.lsn, moment.documents) == (3, 2)
    assert ids(opened(target)) == [1, 2]


def test_a_backup_holds_the_segments_the_manifest_and_nothing_else() -> None:
    world, engine = busy()

    assert set(back_up(world, engine).files) == set(world.files)


def test_the_manifest_of_a_backup_is_the_last_file_that_is_written() -> None:
    world, engine = busy()
    done = back_up(world, engine).done

    assert done[-3:] == ["WriteFile", "Replace", "SyncDirectory"]
    assert done.index("Remove") == len(done) - 4


def test_a_damaged_original_is_not_backed_up() -> None:
    world, engine = busy()
    name = next(name for name in sorted(world.files) if name.startswith("seg"))
    content = bytearray(world.files[name])
    content[100] ^= 1
    world.files[name] = bytes(content)
    target = Relay(world)
    with pytest.raises(CorruptionError) as caught:
        target.run(backup.copy(backup.moment(engine)))

    assert caught.value.details["file"] == name
    assert MANIFEST not in target.files


def test_what_is_in_memory_is_written_as_a_base() -> None:
    _, engine = busy()
    target = World()
    target.run(building.begin())
    parts = content.frames(content.take(engine))
    size = target.run(building.build(parts, database=engine.manifest.database, end=engine.tail.end))
    copy = opened(target)

    assert state(copy) == state(engine)
    assert copy.tail.end.lsn == engine.tail.end.lsn
    assert size == sum(len(data) for name, data in target.files.items() if name != MANIFEST)


def test_a_directory_that_holds_anything_is_refused() -> None:
    with pytest.raises(StorageError, match=r"it holds 'notes\.txt'"):
        World({"LOCK": b"", "notes.txt": b""}).run(building.check_empty())


def test_an_empty_directory_is_not_refused() -> None:
    World({"LOCK": b""}).run(building.check_empty())


def test_an_unfinished_building_does_not_open_as_an_empty_database() -> None:
    target = World()
    target.run(building.begin())
    with pytest.raises(StorageError, match="holds 'UNFINISHED' and no database"):
        target.open(create=True)


def test_discarding_an_unfinished_building_leaves_nothing() -> None:
    target = World({"LOCK": b"", "seg-00000001.nql": b"x"})
    target.run(building.begin())
    target.run(building.discard())

    assert target.files == {}
