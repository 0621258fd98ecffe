"""What recovery refuses, and that it changes nothing then; and recoveries that were interrupted."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.engine.logged import Logged
from core.engine.world import World, ids, put, write, written
from nosqlpy._core.engine import effects
from nosqlpy._core.engine.effects import ListFiles, ReadFile
from nosqlpy._core.engine.publish import InDoubtError, mark, rotate
from nosqlpy._core.engine.recovery import check_place, recover
from nosqlpy._core.engine.tail import Position
from nosqlpy._core.log.frame import encode_commit
from nosqlpy._core.log.manifest import MANIFEST, Manifest, SealedSegment
from nosqlpy._core.log.operation import Define, Delete, Operation
from nosqlpy._core.log.segment import HEADER_SIZE, SegmentHeader
from nosqlpy.errors import CorruptionError, StorageError


def refusal(world: World, kind: type[StorageError] = CorruptionError, **options: bool) -> StorageError:
    """Return the error that opening ends in; it must change nothing."""
    before = dict(world.files)
    with pytest.raises(kind) as caught:
        world.open(**options)
    assert world.files == before
    return caught.value


# ── the place ───────────────────────────────────────────────────────────────────


def test_a_directory_of_something_else_becomes_no_database() -> None:
    error = refusal(World({"thesis.doc": b"years of work"}), StorageError)

    assert error.details == {"files": ["thesis.doc"]}


def test_leftovers_of_a_lock_are_nothing_else() -> None:
    assert World({"LOCK": b"", "SHM": b""}).open().report.clean


def test_a_torn_tail_without_manifest_is_corruption() -> None:
    refusal(World({"torn-00000001.bin": b"t"}))


def test_a_place_is_checked_without_a_write() -> None:
    world = World()
    world.run(check_place(create=True))

    assert world.done == ["ListFiles"]


def test_a_place_that_holds_a_database_needs_no_leave() -> None:
    world, _ = written(1)
    world.run(check_place(create=False))

    assert world.files[MANIFEST]


@pytest.mark.parametrize("seen", [bytes(HEADER_SIZE + 1), FileNotFoundError()], ids=["written to", "gone"])
def test_a_place_in_which_another_process_makes_a_database_in_this_moment_is_no_damage(seen: Any) -> None:
    check = check_place(create=True)
    assert check.send(None) == ListFiles()
    assert check.send(["LOCK", "seg-00000001.nql"]) == ReadFile("seg-00000001.nql")
    again = check.throw(seen) if isinstance(seen, OSError) else check.send(seen)
    with pytest.raises(StopIteration):
        check.send(["LOCK", MANIFEST, "seg-00000001.nql"])

    assert again == ListFiles()


def test_a_place_without_database_needs_leave() -> None:
    with pytest.raises(StorageError, match="create=True"):
        World().run(check_place(create=False))


# ── files that do not belong together ───────────────────────────────────────────


@pytest.mark.parametrize("name", ["seg-00000001.nql", "seg-00000002.nql"], ids=["sealed", "active"])
def test_a_missing_segment_is_corruption(name: str) -> None:
    world, engine = written(1)
    world.run(rotate(engine))
    del world.files[name]

    assert refusal(world).details["file"] == name


def test_a_segment_of_another_database_is_corruption() -> None:
    world, _ = written(1)
    name = "seg-00000001.nql"
    world.files[name] = SegmentHeader(b"o" * 16, 1, 0, 5, 0).encode()

    assert "another database" in str(refusal(world))


def test_a_segment_under_the_name_of_another_is_corruption() -> None:
    world, engine = written(1)
    world.run(rotate(engine))
    world.files["seg-00000002.nql"] = world.files["seg-00000001.nql"]

    assert "another database or place" in str(refusal(world))


def test_an_active_segment_that_does_not_follow_the_last_sealed_one_is_corruption() -> None:
    world, engine = written(1)
    world.run(rotate(engine))
    sealed: tuple[SealedSegment, ...] = engine.manifest.sealed
    shifted = msgspec.structs.replace(sealed[0], last_lsn=sealed[0].last_lsn + 1)
    world.files[MANIFEST] = msgspec.structs.replace(engine.manifest, sealed=(shifted,)).encode()

    assert "does not follow" in str(refusal(world))


@pytest.mark.parametrize(
    "operation",
    [
        Delete(9, [1], [1]),
        Define(1, "rename", {}),
        Define(1, "index", {"name": "x", "keys": [5]}),
        Define(1, "encrypt", {}),
    ],
    ids=["no such collection", "no name", "no keys", "no such verb"],
)
def test_an_operation_that_makes_no_sense_is_corruption(operation: Operation) -> None:
    world, engine = written(1)
    tail, end = engine.tail, engine.tail.end
    world.files[tail.name] += encode_commit([operation], end.lsn + 1, 0, end.crc, tail.header.salt)[0]

    assert "makes no sense" in str(refusal(world))


def test_among_writes_that_are_replayed_together_the_one_that_makes_no_sense_is_named() -> None:
    world, engine = written(1)
    tail, end, ends = engine.tail, engine.tail.end, []
    for id in (2, 3, 4, 5):
        operation = msgspec.structs.replace(put(id), collection=9 if id > 3 else 1)
        data, lsn, crc = encode_commit([operation], end.lsn + 1, 0, end.crc, tail.header.salt)
        world.files[tail.name] += data
        end = Position(end.size + len(data), lsn, crc)
        ends.append(end.size)

    assert refusal(world).details == {"file": tail.name, "offset": ends[2]}


# ── interruptions ───────────────────────────────────────────────────────────────


def torn() -> tuple[World, bytes]:
    """Return a database whose log ends in a torn tail, and that tail."""
    world, engine = written(1)
    world.files[engine.tail.name] += b"torn"
    return world, b"torn"


def test_a_torn_tail_that_an_interrupted_recovery_kept_is_not_written_again() -> None:
    world, tail = torn()
    world.files["torn-00000001.bin"] = tail
    world.done.clear()
    recovered = world.open()

    assert recovered.report.torn_file == "torn-00000001.bin"
    assert world.files["torn-00000001.bin"] == tail
    assert world.done.count("WriteFile") == 2


def test_a_torn_tail_that_an_interrupted_recovery_kept_in_part_is_kept_whole() -> None:
    world, tail = torn()
    world.files["torn-00000001.bin"] = tail[:2]
    world.open()

    assert world.files["torn-00000001.bin"] == tail


def test_a_crash_at_any_effect_of_a_recovery_leaves_what_the_next_one_finds() -> None:
    world, tail = torn()
    snapshots: list[dict[str, bytes]] = []

    class Watched(World):
        def _carry_out(self, effect: Any) -> Any:
            snapshots.append(dict(self.files))
            return super()._carry_out(effect)

    Watched(world.files).open()

    for files in snapshots:
        again = World(files)
        again._randomness = iter(range(500, 600))
        assert ids(again.open().engine) == [1]
        assert tail in again.files.values()


@pytest.mark.parametrize(
    "failing", [effects.WriteFile, effects.SyncDirectory, effects.Replace], ids=lambda kind: kind.__name__
)
def test_a_recovery_that_fails_can_be_repeated(failing: type) -> None:
    world, _ = torn()
    world.failing = failing
    with pytest.raises((OSError, InDoubtError)):
        world.open()
    world.failing = None

    assert ids(world.open().engine) == [1]


def test_an_error_of_reading_goes_to_the_caller() -> None:
    steps = recover(read_only=False, create=True)

    assert next(steps) == ListFiles()
    steps.send([MANIFEST])
    with pytest.raises(PermissionError):
        steps.throw(PermissionError(13, "no"))


# ── what a reader leaves alone ──────────────────────────────────────────────────


def test_a_reader_asks_for_no_write() -> None:
    world, engine = written(1)
    world.run(rotate(engine))
    write(world, engine, put(2))
    world.done.clear()
    recovered = world.open(read_only=True)

    assert set(world.done) == {"ListFiles", "ReadFile"}
    assert recovered.engine.read_only
    assert ids(recovered.engine) == [1, 2]


def test_a_log_that_was_closed_is_known_durable_to_its_end_and_one_that_was_not_is_not() -> None:
    world, engine = written(1)
    reader = world.open(read_only=True).engine
    world.run(mark(engine, clean=True))

    assert reader.tail.synced_upto == 0
    assert world.open().engine.tail.synced_upto == engine.tail.end.size


def test_a_recovered_engine_plans_the_frame_that_the_old_one_would_have() -> None:
    world, engine = written(1)
    world.run(mark(engine, clean=True))
    recovered = world.open().engine
    engine.tail.synced_upto = recovered.tail.synced_upto

    assert isinstance(recovered.manifest, Manifest)
    assert recovered.change([put(2)], None) == engine.change([put(2)], None)
    assert recovered.begun == recovered.applied == engine.tail.end.lsn


def test_an_engine_without_storage_has_the_same_log_as_one_with_files() -> None:
    db = Logged()
    db.insert("a", {"_id": 1})
    world = World({MANIFEST: db.engine.manifest.encode(), db.engine.tail.name: db.segment})

    assert ids(world.open().engine) == [1]
