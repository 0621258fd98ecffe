"""Recovery as a function of files: its effects are carried out on a dict."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.world import World, ids, put, write, written
from nosqlpy._core.engine import effects, recovery
from nosqlpy._core.engine.publish import InDoubtError, mark, publish, rotate
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.manifest import MANIFEST, Manifest, decode_manifest
from nosqlpy._core.log.operation import Define, Delete, Put
from nosqlpy._core.log.segment import HEADER_SIZE
from nosqlpy._core.values.codec import encode_document
from nosqlpy.errors import CorruptionError, StorageError

# ── new databases ───────────────────────────────────────────────────────────────


def test_an_empty_directory_becomes_a_database() -> None:
    world = World()
    recovered = world.open()

    assert sorted(world.files) == [MANIFEST, "seg-00000001.nql"]
    assert recovered.report.clean
    assert recovered.engine.collections == {}


def test_a_new_manifest_is_published_after_the_segment_that_it_names_is_durable() -> None:
    world = World()
    world.open()

    assert world.done == ["ListFiles", "WriteFile", "SyncDirectory", "WriteFile", "Replace", "SyncDirectory"]


def test_what_a_crash_in_the_making_left_is_made_again() -> None:
    world = World()
    world.open()
    del world.files[MANIFEST]
    world.files["MANIFEST-0123456789abcdef.tmp"] = b"half"
    world.open()

    assert sorted(world.files) == [MANIFEST, "seg-00000001.nql"]


@pytest.mark.parametrize(("read_only", "create"), [(True, True), (False, False)])
def test_no_database_is_made_without_leave(read_only: bool, create: bool) -> None:
    world = World()

    with pytest.raises(StorageError, match="no database here"):
        world.open(read_only=read_only, create=create)
    assert world.files == {}


WRITES = st.lists(
    st.tuples(st.sampled_from(["put", "delete"]), st.integers(1, 2), st.integers(0, 5), st.integers(0, 3))
)


@settings(max_examples=50)
@given(writes=WRITES, together=st.sampled_from([2, 3, 1000]))
def test_writes_that_are_replayed_together_leave_what_they_leave_one_by_one(
    writes: list[tuple[str, int, int, int]], together: int
) -> None:
    world, engine = written()
    write(world, engine, Define(2, "create", {"name": "b"}))
    for verb, number, id, size in writes:
        document = encode_document({"_id": id, "x": "x" * size})
        write(world, engine, Put(number, [id], [id], [document]) if verb == "put" else Delete(number, [id], [id]))

    found = []
    for most in (1, together):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recovery, "TOGETHER_MAX", most)
            again = World(world.files).open().engine
        found.append((again.stats(), [held.slots.items() for held in again.collections.values()]))
    assert found[0] == found[1]
    assert found[0][1] == [held.slots.items() for held in engine.collections.values()]
    assert found[0][0]["dead_bytes"] == engine.stats()["dead_bytes"]


def test_a_put_of_no_document_between_others_changes_nothing() -> None:
    world, engine = written(1)
    write(world, engine, Put(1, [], [], []))
    document = encode_document({"_id": 2})
    write(world, engine, Put(1, [2], [2], [document]))

    recovered = World(world.files).open()

    assert recovered.engine.collections["a"].slots.items() == engine.collections["a"].slots.items()


def test_a_log_without_manifest_is_corruption_and_left_alone() -> None:
    world, _ = written(1)
    del world.files[MANIFEST]
    before = dict(world.files)

    with pytest.raises(CorruptionError, match="MANIFEST is missing"):
        world.open()
    assert world.files == before


# ── after a crash ───────────────────────────────────────────────────────────────


def test_everything_that_was_appended_is_found() -> None:
    world, _ = written(1, 2, 3)
    recovered = World(world.files).open()

    assert ids(recovered.engine) == [1, 2, 3]
    assert not recovered.report.clean
    assert recovered.report.frames == 4
    assert recovered.report.torn_bytes == 0


def test_after_a_crash_the_log_goes_on_in_a_new_file() -> None:
    """A sync of the old one may have failed: nothing proves that what can be read of it is on the disk."""
    world, engine = written(1)
    world.open()

    assert engine.tail.name not in world.files
    assert decode_manifest(world.files[MANIFEST]).active == 2


def test_the_rewritten_log_is_durable_before_the_manifest_names_it_and_the_old_one_goes_last() -> None:
    world, _ = written(1)
    world.done.clear()
    world.open()
    steps = [step for step in world.done if step not in ("ListFiles", "ReadFile")]

    assert steps == ["SyncDirectory", "WriteFile", "SyncDirectory", "WriteFile", "Replace", "SyncDirectory", "Remove"]


def test_recovering_twice_gives_the_same() -> None:
    world, _ = written(1, 2)
    first = ids(world.open().engine)
    recovered = world.open()

    assert ids(recovered.engine) == first == [1, 2]
    assert recovered.engine.tail.end.lsn == 3


def test_a_frame_that_is_written_after_recovery_follows_the_others() -> None:
    world, _ = written(1)
    engine = world.open().engine
    write(world, engine, put(2))

    assert ids(world.open().engine) == [1, 2]


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_torn_tail_is_cut_off_kept_and_reported(cut: int) -> None:
    world, engine = written(1, 2)
    log = world.files[engine.tail.name]
    world.files[engine.tail.name] = log[:-cut]
    recovered = world.open()
    report = recovered.report

    assert ids(recovered.engine) == [1]
    assert report.damage
    assert report.torn_file is not None
    assert world.files[report.torn_file] == log[-(report.torn_bytes + cut) : -cut]


def test_a_torn_tail_is_left_alone_by_a_reader() -> None:
    world, engine = written(1, 2)
    world.files[engine.tail.name] = world.files[engine.tail.name][:-1]
    before = dict(world.files)
    recovered = world.open(read_only=True)

    assert ids(recovered.engine) == [1]
    assert recovered.report.torn_bytes
    assert world.files == before


def test_files_that_no_manifest_names_are_removed() -> None:
    world, _ = written(1)
    world.files["seg-000000ff.nql"] = b"left behind"
    world.files["MANIFEST-00.tmp"] = b"left behind"
    world.files["notes.txt"] = b"somebody's"
    world.open()

    assert sorted(world.files) == [MANIFEST, "notes.txt", "seg-00000100.nql"]


def test_nothing_is_removed_before_the_directory_is_durable() -> None:
    """The manifest that is seen may be lost with the power; what the one before it names must be there then."""
    world, _ = written(1)
    world.files["seg-000000ff.nql"] = b"left behind"
    world.done.clear()
    world.open()

    assert world.done.index("SyncDirectory") < world.done.index("Remove")


# ── sealed and closed ───────────────────────────────────────────────────────────


def rotated() -> tuple[World, Engine]:
    world, engine = written(1)
    world.run(rotate(engine))
    write(world, engine, put(2))
    return world, engine


def test_a_log_of_several_segments_is_one_log() -> None:
    world, _ = rotated()

    assert ids(world.open().engine) == [1, 2]


@pytest.mark.parametrize("cut", [1, 10, 50])
def test_a_sealed_segment_has_no_torn_tail(cut: int) -> None:
    world, _ = rotated()
    world.files["seg-00000001.nql"] = world.files["seg-00000001.nql"][:-cut]

    with pytest.raises(CorruptionError, match=r"seg-00000001\.nql"):
        world.open()


def test_a_sealed_segment_is_as_long_as_it_was() -> None:
    world, _ = rotated()
    world.files["seg-00000001.nql"] += b"\0"

    with pytest.raises(CorruptionError, match=r"seg-00000001\.nql"):
        world.open()


def closed(*numbers: int) -> World:
    world, engine = written(*numbers)
    world.run(mark(engine, clean=True))
    return world


def test_a_database_that_was_closed_is_opened_without_a_write() -> None:
    world = closed(1, 2)
    before, world.done = dict(world.files), []
    recovered = world.open()

    assert recovered.report.clean
    assert ids(recovered.engine) == [1, 2]
    assert world.files == before
    assert "WriteFile" not in world.done


def test_a_closed_log_has_no_torn_tail() -> None:
    world = closed(1, 2)
    world.files["seg-00000001.nql"] = world.files["seg-00000001.nql"][:-1]

    with pytest.raises(CorruptionError):
        world.open()


def test_frames_behind_the_end_of_a_closed_log_are_corruption() -> None:
    """Whoever appends says so in the manifest first."""
    world, engine = written(1)
    world.run(mark(engine, clean=True))
    write(world, engine, put(2))

    with pytest.raises(CorruptionError, match="closed"):
        world.open()


def test_a_frame_after_a_clean_opening_claims_what_was_closed_to_be_durable() -> None:
    world = closed(1)
    engine = world.open().engine
    size = len(world.files[engine.tail.name])
    world.run(mark(engine, clean=False))
    write(world, engine, put(2))
    damaged = bytearray(world.files[engine.tail.name])
    damaged[HEADER_SIZE + 40] ^= 1
    world.files[engine.tail.name] = bytes(damaged)

    assert engine.tail.synced_upto == size
    with pytest.raises(CorruptionError, match="is damaged"):
        world.open()


# ── publishing ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("failing", [effects.Replace, effects.SyncDirectory])
def test_a_manifest_whose_publishing_fails_half_way_is_in_doubt(failing: type) -> None:
    world, engine = written(1)
    world.failing = failing

    with pytest.raises(InDoubtError):
        world.run(publish(engine.manifest))


def test_a_manifest_that_cannot_be_written_leaves_the_old_one_and_nothing_else() -> None:
    world, engine = written(1)
    before = dict(world.files)
    world.failing = effects.WriteFile
    with pytest.raises(OSError, match="disk failed"):
        world.run(publish(msgspec.structs.replace(engine.manifest, generation=99)))

    assert world.files == before


def test_a_sync_that_fails_in_rotation_seals_nothing() -> None:
    world, engine = written(1)
    world.failing = effects.Sync
    with pytest.raises(InDoubtError, match="could not be synced"):
        world.run(rotate(engine))

    assert engine.manifest.sealed == ()
    assert decode_manifest(world.files[MANIFEST]).sealed == ()


def test_a_rotation_that_cannot_make_a_segment_leaves_the_log_as_it_was() -> None:
    world, engine = written(1)
    tail, manifest = engine.tail, engine.manifest
    world.failing = effects.WriteFile
    with pytest.raises(OSError, match="disk failed"):
        world.run(rotate(engine))

    assert (engine.tail, engine.manifest) == (tail, manifest)


def test_a_segment_number_is_never_used_twice() -> None:
    world, engine = written(1)
    numbers = [engine.take_segment_number() for _ in range(3)]
    world.files["seg-00000009.nql"] = b"left behind"
    reopened = world.open().engine

    assert numbers == [2, 3, 4]
    assert reopened.take_segment_number() > 9


def test_a_manifest_counts_its_generations() -> None:
    world, engine = written(1)
    generation = engine.manifest.generation
    world.run(rotate(engine))

    assert engine.manifest.generation == generation + 1
    assert isinstance(engine.manifest, Manifest)
