from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.compacting import busy, compact
from core.engine.logged import state
from core.engine.world import World, ids, put, write, written
from nosqlpy._core.engine import building, compaction, content
from nosqlpy._core.engine.publish import mark, rotate
from nosqlpy._core.engine.repairing import Repaired, repair
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.manifest import MANIFEST
from nosqlpy._core.log.operation import Define, Delete, Put
from nosqlpy._core.log.segment import HEADER_SIZE
from nosqlpy._core.values.codec import encode_document
from nosqlpy.errors import CorruptionError


def repaired(world: World) -> tuple[Repaired, Engine]:
    """Repair a directory, which stays as it is; return the report, and the new database."""
    before = dict(world.files)
    found = World(world.files).run(repair())
    target = World()
    target.run(building.begin())
    target.run(building.build(content.frames(found.content)))

    assert world.files == before
    return found, target.open(create=False).engine


def change(world: World, name: str, offset: int) -> None:
    data = bytearray(world.files[name])
    data[offset] ^= 1
    world.files[name] = bytes(data)


def segments(world: World) -> list[str]:
    return sorted(name for name in world.files if name.startswith("seg"))


def places(found: Repaired) -> list[tuple[str, int, int]]:
    return [(loss.file, loss.bytes, loss.commits) for loss in found.losses]


def three_segments() -> tuple[World, Engine]:
    """Return documents 1 and 2 in one segment, 3 and 4 in the next, 5 and 6 in the active one."""
    world, engine = written(1, 2)
    for first in (3, 5):
        world.run(rotate(engine))
        write(world, engine, put(first))
        write(world, engine, put(first + 1))
    return world, engine


def test_an_intact_database_is_saved_completely() -> None:
    world, engine = busy()
    found, new = repaired(world)

    assert state(new) == state(engine)
    assert (found.losses, found.notes) == ([], [])


def test_a_compacted_and_closed_database_is_saved_completely() -> None:
    world, engine = busy()
    compact(world, engine)
    write(world, engine, put(9))
    world.run(mark(engine, clean=True))
    found, new = repaired(world)

    assert state(new) == state(engine)
    assert found.losses == []


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_without_its_manifest_everything_is_saved_all_the_same(how: str) -> None:
    world, engine = three_segments()
    if how == "missing":
        del world.files[MANIFEST]
    else:
        change(world, MANIFEST, 40)
    found, new = repaired(world)

    assert state(new) == state(engine)
    assert found.losses == []
    assert "put in order by what they say themselves" in found.notes[0]


def test_without_its_manifest_a_base_stands_for_what_it_covers() -> None:
    world, engine = busy()
    compact(world, engine)
    write(world, engine, put(9))
    del world.files[MANIFEST]
    found, new = repaired(world)

    assert state(new) == state(engine)
    assert found.losses == []
    assert "is taken to be complete" in found.notes[-1]


def test_a_base_that_was_not_published_is_left_out() -> None:
    world, engine = three_segments()
    moment = world.run(compaction.begin(engine))
    world.run(compaction.write_base(moment))
    base = segments(world)[-1]
    world.files[base] = world.files[base][:-20]
    del world.files[MANIFEST]
    found, new = repaired(world)

    assert state(new) == state(engine)
    assert found.losses == []


def test_a_damaged_frame_in_the_middle_is_skipped_and_reported() -> None:
    world, _ = three_segments()
    name = segments(world)[1]
    change(world, name, HEADER_SIZE + 40)
    found, new = repaired(world)

    assert ids(new) == [1, 2, 4, 5, 6]
    (loss,) = found.losses
    assert (loss.file, loss.offset, loss.commits, loss.what) == (name, HEADER_SIZE, 1, "holds no intact frame")


def test_a_missing_segment_is_reported_with_what_stood_in_it() -> None:
    world, _ = three_segments()
    name = segments(world)[1]
    size = len(world.files.pop(name))
    found, new = repaired(world)

    assert ids(new) == [1, 2, 5, 6]
    assert places(found) == [(name, size, 2)]


def test_a_missing_segment_is_noticed_without_a_manifest_too() -> None:
    world, _ = three_segments()
    del world.files[segments(world)[1]], world.files[MANIFEST]
    found, new = repaired(world)

    assert ids(new) == [1, 2, 5, 6]
    assert [loss.commits for loss in found.losses] == [2]


def test_a_segment_that_is_cut_short_is_reported() -> None:
    world, _ = three_segments()
    name = segments(world)[0]
    size = len(world.files[name])
    world.files[name] = world.files[name][: size - 1]
    found, new = repaired(world)

    assert ids(new) == [1, 3, 4, 5, 6]
    assert sum(loss.commits for loss in found.losses) == 1
    assert {loss.file for loss in found.losses} == {name}


def test_a_torn_tail_is_reported() -> None:
    world, engine = three_segments()
    size = len(world.files[engine.tail.name])
    world.files[engine.tail.name] += b"torn"
    found, new = repaired(world)

    assert ids(new) == [1, 2, 3, 4, 5, 6]
    assert [(loss.file, loss.offset, loss.bytes) for loss in found.losses] == [(engine.tail.name, size, 4)]


@pytest.mark.parametrize("offset", [0, 8, 15, 20, 40, 50, 53, 61])
@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_damaged_header_loses_nothing(offset: int, with_manifest: bool) -> None:
    world, engine = three_segments()
    change(world, segments(world)[1], offset)
    if not with_manifest:
        del world.files[MANIFEST]
    found, new = repaired(world)

    assert state(new) == state(engine)
    assert found.losses == []
    assert any("has a damaged header" in note for note in found.notes)


@pytest.mark.parametrize("edit", [lambda data: b"\0" + data, lambda data: data[1:], lambda data: data[9:]])
@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_header_that_is_shifted_loses_nothing(edit: Any, with_manifest: bool) -> None:
    world, engine = three_segments()
    name = segments(world)[-1]
    world.files[name] = edit(world.files[name])
    if not with_manifest:
        del world.files[MANIFEST]
    found, new = repaired(world)

    assert state(new) == state(engine) or found.losses


def test_documents_that_are_lost_are_named() -> None:
    world, engine = written()
    blobs = [encode_document({"_id": n, "text": "x" * 20}) for n in range(3)]
    write(world, engine, Put(1, [0, 1, 2], [0, 1, 2], blobs))
    change(world, engine.tail.name, len(world.files[engine.tail.name]) - 5)
    found, new = repaired(world)

    assert ids(new) == [0, 1]
    assert found.losses[0].documents == [{"collection": "a", "_id": 2}]


def test_a_collection_whose_name_was_lost_gets_another() -> None:
    world, _ = three_segments()
    del world.files[segments(world)[0]]
    found, new = repaired(world)

    assert list(new.collections) == ["recovered-1"]
    assert [note for note in found.notes if "'recovered-1'" in note]


def test_a_collection_whose_end_was_lost_keeps_its_documents_under_another_name() -> None:
    world, engine = written(1)
    world.run(rotate(engine))
    write(world, engine, Define(1, "drop", {}))
    world.run(rotate(engine))
    write(world, engine, Define(2, "create", {"name": "a"}))
    write(world, engine, Put(2, [7], [7], [encode_document({"_id": 7})]))
    del world.files[segments(world)[1]]
    _, new = repaired(world)

    assert ids(new) == [7]
    assert list(new.collections) == ["recovered-1", "a"]


def test_what_is_done_to_a_collection_that_is_lost_and_gone_makes_none() -> None:
    world, engine = written(1)
    world.run(rotate(engine))
    write(world, engine, Delete(1, [1], [1]))
    write(world, engine, Define(1, "drop", {}))
    del world.files[segments(world)[0]]
    _, new = repaired(world)

    assert new.collections == {}


def test_a_name_that_was_given_later_is_found() -> None:
    world, engine = written(1)
    world.run(rotate(engine))
    write(world, engine, Define(1, "rename", {"name": "b"}))
    write(world, engine, put(2))
    del world.files[segments(world)[0]]
    _, new = repaired(world)

    assert list(new.collections) == ["b"]


def test_segments_of_another_database_are_left_out() -> None:
    world, engine = three_segments()
    other = World(failing=None)
    next(other._randomness)
    other.open()
    world.files["seg-000000aa.nql"] = other.files["seg-00000001.nql"]
    del world.files[MANIFEST]
    found, new = repaired(world)

    assert state(new) == state(engine)
    assert "seg-000000aa.nql belongs to another database and was left out" in found.notes


@pytest.mark.parametrize("files", [{}, {MANIFEST: b"x"}, {"notes.txt": b"x" * 100}, {"seg-00000001.nql": b"short"}])
def test_where_there_is_no_segment_there_is_nothing_to_repair(files: dict[str, bytes]) -> None:
    with pytest.raises(CorruptionError, match="no segment of a database"):
        World(files).run(repair())


@given(st.data())
def test_whatever_is_damaged_the_rest_is_saved(data: st.DataObject) -> None:
    world, engine = three_segments()
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(world.files)))
        content = bytearray(world.files[name])
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=30))
        world.files[name] = bytes(content)
    found, new = repaired(world)
    known: Any = set(ids(engine))
    saved = {n for c in new.collections.values() for n in map(_id, c.slots.all())}

    assert saved <= known
    assert saved == known or found.losses


def _id(blob: bytes) -> Any:
    from nosqlpy._core.values.codec import decode_id  # noqa: PLC0415

    return decode_id(blob)


@given(st.data())
def test_whatever_is_damaged_of_a_compacted_database_is_saved_or_reported(data: st.DataObject) -> None:
    world, engine = three_segments()
    compact(world, engine)
    write(world, engine, put(7))
    for _ in range(data.draw(st.integers(1, 2))):
        name = data.draw(st.sampled_from(sorted(world.files)))
        content = bytearray(world.files[name])
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=30))
        world.files[name] = bytes(content)
    found, new = repaired(world)

    assert state(new) == state(engine) or found.losses or found.notes
