from __future__ import annotations

from typing import Any

import pytest

from core.engine.compacting import busy, compact
from core.engine.logged import Logged, state
from core.engine.world import World, ids, put, write, written
from nosqlpy._core.engine import compaction, effects, following
from nosqlpy._core.engine.content import FRAME_DOCUMENTS
from nosqlpy._core.engine.publish import InDoubtError, mark, rotate
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.tail import Tail
from nosqlpy._core.log.frame import scan_segment
from nosqlpy._core.log.manifest import MANIFEST, decode_manifest
from nosqlpy._core.log.operation import Define, Delete
from nosqlpy._core.log.segment import KIND_BASE, decode_header, segment_name
from nosqlpy.errors import ClosedError, StorageError


def reopened(world: World) -> Engine:
    return World(world.files).open().engine


def test_a_compacted_database_holds_the_same() -> None:
    world, engine = busy()
    before = state(engine)
    compact(world, engine)

    assert state(engine) == before
    assert state(reopened(world)) == before


def test_one_base_and_the_active_segment_are_left() -> None:
    world, engine = busy()
    merged = compact(world, engine).report
    manifest = decode_manifest(world.files[MANIFEST])
    base = manifest.sealed[0]

    assert len(manifest.sealed) == 1
    assert base.kind == KIND_BASE
    assert base.size == len(world.files[segment_name(base.number)]) == merged["bytes_after"]
    assert sorted(world.files) == sorted([MANIFEST, segment_name(base.number), segment_name(manifest.active)])


def test_a_compaction_tells_how_much_it_merged() -> None:
    world, engine = busy()
    size = engine.manifest.sealed[0].size + len(world.files[engine.tail.name])
    merged = compact(world, engine).report

    assert (merged["bytes_before"], merged["segments_merged"]) == (size, 2)


def test_the_frames_of_a_base_are_its_definitions_and_then_documents_by_the_thousand() -> None:
    world, engine = written(*range(FRAME_DOCUMENTS + 1))
    compact(world, engine)
    name = segment_name(engine.manifest.sealed[0].number)
    data = world.files[name]
    frames = scan_segment(data, decode_header(data, file=name)).frames

    assert [frame.lsn for frame in frames] == [1, 2, 3]
    assert [[len(op.ids) for op in frame.operations] for frame in frames[1:]] == [[FRAME_DOCUMENTS], [1]]


def test_an_empty_database_can_be_compacted() -> None:
    world = World()
    engine = world.open().engine
    compact(world, engine)

    assert reopened(world).collections == {}


def test_compacting_again_changes_nothing_but_files() -> None:
    world, engine = busy()
    compact(world, engine)
    compact(world, engine)

    assert state(reopened(world)) == state(engine)
    assert len(engine.manifest.sealed) == 1


def test_what_is_written_during_a_compaction_is_kept() -> None:
    world, engine = busy()
    moment = world.run(compaction.begin(engine))
    write(world, engine, put(5))
    base = world.run(compaction.write_base(moment))
    world.run(rotate(engine))
    write(world, engine, Delete(1, [1], [1]))
    world.run(compaction.finish(engine, moment, base))

    assert ids(reopened(world)) == [3, 4, 5]
    assert [segment.kind for segment in engine.manifest.sealed] == [KIND_BASE, 0]


def test_a_base_holds_the_moment_in_which_it_began() -> None:
    world, engine = busy()
    moment = world.run(compaction.begin(engine))
    write(world, engine, put(5), Define(1, "rename", {"name": "b"}))
    world.run(compaction.write_base(moment))
    data = world.files[segment_name(moment.header.number)]
    operations = [op for frame in scan_segment(data, moment.header).frames for op in frame.operations]

    assert operations[0] == Define(1, "create", {"name": "a"})
    assert operations[-1].ids == [1, 3, 4]


def test_a_number_of_a_collection_that_was_dropped_is_not_given_again_after_a_compaction() -> None:
    world, engine = busy()
    compact(world, engine)

    assert engine.next_number == 4
    assert reopened(world).next_number == 4


def test_the_base_is_durable_before_a_manifest_names_it_and_what_it_covers_goes_last() -> None:
    world, engine = busy()
    moment = world.run(compaction.begin(engine))
    world.done.clear()
    base = world.run(compaction.write_base(moment))
    world.run(compaction.finish(engine, moment, base))
    world.run(compaction.sweep(moment))

    assert world.done == [
        *("WriteFile", "Append", "Append", "Sync", "SyncDirectory", "Release"),
        *("WriteFile", "Replace", "SyncDirectory"),
        *("Remove", "Remove"),
    ]


def test_a_crash_after_any_effect_leaves_all_documents() -> None:
    world, engine = busy()
    expected = state(engine)
    snapshots: list[dict[str, bytes]] = []

    class Watched(World):
        def _carry_out(self, effect: Any) -> Any:
            snapshots.append(dict(self.files))
            return super()._carry_out(effect)

    watched = Watched(world.files)
    watched._randomness = iter(range(500, 600))
    compact(watched, engine)
    snapshots.append(dict(watched.files))

    assert len(snapshots) > 15
    assert all(state(World(files).open().engine) == expected for files in snapshots)


# ── errors ──────────────────────────────────────────────────────────────────────


def test_a_base_that_cannot_be_written_is_given_up_and_leaves_no_file() -> None:
    world, engine = busy()
    moment = world.run(compaction.begin(engine))
    world.failing = effects.Append
    with pytest.raises(OSError, match="disk failed"):
        world.run(compaction.write_base(moment))
    world.failing = None
    world.run(compaction.abandon(engine, moment))

    assert segment_name(moment.header.number) not in world.files
    assert state(reopened(world)) == state(engine)


def test_a_base_that_cannot_be_synced_is_in_doubt() -> None:
    world, engine = busy()
    moment = world.run(compaction.begin(engine))
    world.failing = effects.Sync

    with pytest.raises(InDoubtError):
        world.run(compaction.write_base(moment))


def test_a_base_that_the_manifest_names_is_not_abandoned() -> None:
    world, engine = busy()
    moment = world.run(compaction.begin(engine))
    base = world.run(compaction.write_base(moment))
    world.run(compaction.finish(engine, moment, base))
    before = dict(world.files)
    world.run(compaction.abandon(engine, moment))

    assert world.files == before


def test_what_cannot_be_removed_after_a_compaction_is_removed_by_the_next_opening() -> None:
    world, engine = busy()
    moment = world.run(compaction.begin(engine))
    base = world.run(compaction.write_base(moment))
    world.failing = effects.Remove
    world.run(compaction.finish(engine, moment, base))
    covered = {segment_name(segment.number) for segment in moment.covered}
    world.failing = None

    assert covered <= set(world.files)
    world.open()
    assert not covered & set(world.files)


def test_a_database_that_was_closed_meanwhile_gets_no_other_manifest() -> None:
    world, engine = busy()
    moment = world.run(compaction.begin(engine))
    base = world.run(compaction.write_base(moment))
    world.run(mark(engine, clean=True))
    engine.fail(ClosedError("closed"))
    before = dict(world.files)

    with pytest.raises(ClosedError):
        world.run(compaction.finish(engine, moment, base))
    assert world.files == before


def test_a_failed_engine_begins_no_compaction() -> None:
    engine = Logged().engine
    engine.fail(OSError("disk full"))

    with pytest.raises(StorageError):
        next(compaction.begin(engine))


# ── when, and how far ────────────────────────────────────────────────────────────


def test_whoever_watches_is_told_how_many_documents_are_copied() -> None:
    world, engine = written(*range(2 * FRAME_DOCUMENTS + 1))
    told: list[tuple[int, int]] = []
    world.run(compaction.write_base(world.run(compaction.begin(engine)), lambda *so_far: told.append(so_far)))

    assert told == [(0, 2001), (1000, 2001), (2000, 2001), (2001, 2001)]


def test_a_compaction_is_due_when_enough_bytes_and_enough_of_them_are_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    world, engine = written(*range(50))
    assert not compaction.due(engine)

    monkeypatch.setattr(compaction, "DEAD_BYTES", 1000)
    for number in range(300):
        assert number > 50 or not compaction.due(engine)
        write(world, engine, put(number % 50))

    assert compaction.due(engine)
    monkeypatch.setattr(compaction, "DEAD_BYTES", 100_000)
    assert not compaction.due(engine)


def test_after_a_compaction_none_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "DEAD_BYTES", 100)
    world, engine = written(*[1] * 100)
    assert compaction.due(engine)

    compact(world, engine)

    assert not compaction.due(engine)
    assert not compaction.due(reopened(world))


def test_who_follows_through_an_empty_segment_behind_a_base_comes_to_its_end() -> None:
    world, engine = busy()
    compact(world, engine)
    world.run(rotate(engine))
    tail = Tail.start(decode_header(world.files[segment_name(engine.manifest.sealed[-1].number)], file="empty"))

    assert following._next(tail, engine.manifest) == engine.manifest.active


def test_a_log_of_small_documents_that_are_all_deleted_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "DEAD_BYTES", 1000)
    world = World()
    engine = world.open().engine
    write(world, engine, Define(1, "create", {"name": "a"}))
    for number in range(50):
        write(world, engine, put(number))
        write(world, engine, Delete(1, [number], [number]))

    assert compaction.due(engine)
    assert engine.stats()["dead_bytes"] <= engine.tail.end.size
