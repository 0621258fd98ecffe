"""Single failures of the disk, each at the moment where it hurts most, and what must follow from it."""

from __future__ import annotations

import errno
import io
import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from durability.interrupts import in_time
from durability.model import state_of_engine
from durability.simulated_disk import Fault, PowerCutError, SimulatedDisk
from durability.workload import client_of, open_database
from nosqlpy._io.compacting import compact
from nosqlpy.errors import ClosedError, CorruptionError, ReadOnlyError, StorageError


def documents(count: int, size: int = 50) -> list[dict[str, Any]]:
    return [{"_id": number, "pad": "x" * size} for number in range(count)]


def ids(disk: SimulatedDisk, name: str = "a") -> list[Any]:
    """Open the disk and return the ids in a collection."""
    database = open_database(disk)
    held = [document["_id"] for document in client_of(database)[name].find()]
    database.close()
    return held


def lose_everything_unsynced(disk: SimulatedDisk) -> None:
    """Take the power away so that nothing survives that was not synced."""
    for inode in [*disk.names.values(), *disk.durable_names.values()]:
        inode.pending = []
    disk.pending_names = []
    disk.power_loss()


# ── a sync that fails ───────────────────────────────────────────────────────────


def test_a_failed_sync_refuses_the_durable_write_that_waited_for_it() -> None:
    disk = SimulatedDisk()
    client = client_of(open_database(disk))
    client["a"].insert_one({"_id": 1})
    disk.faults = [Fault(1, errno.EIO, verb="sync")]

    with pytest.raises(StorageError, match="sync"):
        client["a"].insert_one({"_id": 2}, durability="durable")


def test_after_a_failed_sync_no_write_and_no_sync_is_accepted() -> None:
    disk = SimulatedDisk()
    client = client_of(open_database(disk))
    client["a"].insert_one({"_id": 1})
    disk.faults = [Fault(1, errno.EIO, verb="sync")]

    with pytest.raises(StorageError):
        client.sync()
    with pytest.raises(StorageError, match=r"open it again|reopen"):
        client["a"].insert_one({"_id": 2})
    with pytest.raises(StorageError, match=r"open it again|reopen"):
        client.sync()


def test_a_sync_that_fails_in_rotation_is_not_tried_again_for_a_durable_write() -> None:
    disk = SimulatedDisk()
    client = client_of(open_database(disk, segment_size=400))
    disk.faults = [Fault(1, errno.EIO, verb="sync")]

    with pytest.raises(StorageError):
        client["a"].insert_one({"_id": 1, "pad": "x" * 600}, durability="durable")


def test_a_sync_that_fails_in_a_roll_back_is_not_tried_again() -> None:
    """Its sync drops what an earlier ``safe`` write left in the cache; a later sync would not bring it back."""
    disk = SimulatedDisk()
    client = client_of(open_database(disk))
    client["a"].insert_one({"_id": 1})
    disk.faults = [Fault(1, errno.ENOSPC, verb="append"), Fault(1, errno.EIO, verb="sync")]
    with pytest.raises(StorageError):
        client["a"].insert_one({"_id": 2})

    with pytest.raises(StorageError):
        client.sync()


def test_a_database_whose_sync_failed_is_not_closed_as_if_it_were_intact() -> None:
    disk = SimulatedDisk()
    database = open_database(disk)
    client = client_of(database)
    client["a"].insert_one({"_id": 1})
    disk.faults = [Fault(1, errno.EIO, verb="sync")]
    with pytest.raises(StorageError):
        client.sync()
    database.close()

    assert not open_database(disk).report.clean


def test_what_a_failed_sync_left_in_the_cache_is_durable_after_the_next_opening() -> None:
    disk = SimulatedDisk()
    database = open_database(disk)
    client_of(database)["a"].insert_one({"_id": 1})
    disk.faults = [Fault(1, errno.EIO, verb="sync")]
    with pytest.raises(StorageError):
        database.sync()
    disk.kill()
    seen = state_of_engine(open_database(disk).engine)
    lose_everything_unsynced(disk)

    assert state_of_engine(open_database(disk).engine) == seen


# ── a disk that is full ─────────────────────────────────────────────────────────


def test_documents_that_are_in_are_not_refused_because_expired_ones_cannot_be_removed() -> None:
    """What is inserted expires at once, and the disk has no room for the removal behind it."""
    disk = SimulatedDisk()
    client = client_of(open_database(disk))
    client["a"].create_index("t", expireAfterSeconds=0)
    disk.faults = [Fault(2, errno.ENOSPC, verb="append")]
    inserted = client["a"].insert_many([{"_id": 1, "t": datetime(2000, 1, 1, tzinfo=UTC)}, {"_id": 2}]).inserted_ids

    assert inserted == [1, 2]
    assert ids(disk) == [2]


def test_a_write_that_a_full_disk_refuses_leaves_the_database_usable() -> None:
    disk = SimulatedDisk()
    client = client_of(open_database(disk))
    client["a"].insert_one({"_id": 1})
    disk.faults = [Fault(1, errno.ENOSPC, verb="append")]
    with pytest.raises(StorageError, match="full"):
        client["a"].insert_one({"_id": 2})
    client["a"].insert_one({"_id": 3}, durability="durable")
    lose_everything_unsynced(disk)

    assert ids(disk) == [1, 3]


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_an_import_that_a_full_disk_ends_says_how_many_documents_are_in(mode: str) -> None:
    disk = SimulatedDisk()
    client = client_of(open_database(disk))
    lines = b"".join(b'{"_id": %d}\n' % number for number in range(5000))
    disk.faults = [Fault(3, errno.ENOSPC, verb="append", forever=True)]
    with pytest.raises(StorageError, match="full") as caught:
        client["a"].import_file(io.BytesIO(lines), mode=mode)
    disk.faults = []
    count = caught.value.details["imported"]
    client["a"].insert_one({"_id": "after"}, durability="durable")
    lose_everything_unsynced(disk)

    assert 1000 < count < 5000
    assert f"({count} imported before it, up to line {count}; tail -n +{count + 1} " in str(caught.value)
    assert caught.value.details["line"] == count
    assert ids(disk) == [*range(count), "after"]


def test_a_buffered_import_that_outgrows_memory_keeps_what_a_full_disk_does_not_take_yet() -> None:
    disk = SimulatedDisk()
    client = client_of(open_database(disk, memory_budget=1000))
    lines = b"".join(b'{"_id": %d}\n' % number for number in range(2500))
    disk.faults = [Fault(1, errno.ENOSPC, verb="append", forever=True)]
    imported = client["a"].import_file(io.BytesIO(lines), durability="fast")
    counted = client["a"].count()
    disk.faults = []
    client.sync()
    lose_everything_unsynced(disk)

    assert (imported, counted) == (2500, 2500)
    assert ids(disk) == list(range(2500))


def test_an_import_that_would_replace_on_a_full_disk_changes_nothing() -> None:
    disk = SimulatedDisk()
    client = client_of(open_database(disk))
    client["a"].insert_one({"_id": "old"}, durability="durable")
    disk.faults = [Fault(1, errno.ENOSPC, verb="append", forever=True)]
    with pytest.raises(StorageError, match="full") as caught:
        client["a"].import_file(io.BytesIO(b'{"_id": 1}'), mode="replace")
    disk.faults = []
    lose_everything_unsynced(disk)

    assert caught.value.details["imported"] == 0
    assert ids(disk) == ["old"]


def test_a_full_disk_during_rotation_does_not_refuse_the_write() -> None:
    disk = SimulatedDisk()
    client = client_of(open_database(disk, segment_size=400))
    client["a"].insert_one({"_id": 1})
    disk.faults = [Fault(1, errno.ENOSPC, verb="write_file", forever=True)]
    client["a"].insert_one({"_id": 2, "pad": "x" * 600}, durability="durable")
    lose_everything_unsynced(disk)

    assert ids(disk) == [1, 2]


@pytest.mark.parametrize("verb", ["write_file", "append", "replace", "sync_directory"])
@pytest.mark.parametrize("at", range(1, 5))
def test_a_compaction_that_fails_leaves_no_file_behind(verb: str, at: int) -> None:
    """A disk is full when it fails: what it wrote must not stay until the next opening."""
    disk = SimulatedDisk()
    database = open_database(disk)
    client_of(database)["a"].insert_many(documents(20))
    disk.faults = [Fault(at, errno.ENOSPC, verb=verb)]
    with suppress(StorageError):
        compact(database)
    if database.engine.failed:
        return  # nobody may touch the files while it is unknown which manifest stands
    live = {segment.number for segment in database.engine.manifest.sealed} | {database.engine.manifest.active}

    assert sorted(disk.names) == ["MANIFEST", *(f"seg-{number:08x}.nql" for number in sorted(live))]


def test_a_flush_that_a_full_disk_refuses_loses_nothing_of_the_buffer() -> None:
    disk = SimulatedDisk()
    database = open_database(disk, durability="fast")
    client = client_of(database)
    client["a"].insert_one({"_id": 1})
    disk.faults = [Fault(1, errno.ENOSPC, verb="append")]
    with pytest.raises(StorageError):
        client.flush()
    client["a"].insert_one({"_id": 2})
    client.flush()
    disk.kill()

    assert ids(disk) == [1, 2]


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_directory_that_cannot_be_written_is_refused_as_such(code: int) -> None:
    disk = SimulatedDisk()
    open_database(disk)
    disk.kill()
    before = disk.files()
    disk.faults = [Fault(1, code, verb="write_file", forever=True), Fault(1, code, verb="remove", forever=True)]

    with pytest.raises(ReadOnlyError, match="read_only=True"):
        open_database(disk)
    assert disk.files() == before


# ── one thing while another is under way ────────────────────────────────────────


def during(disk: SimulatedDisk, verb: str, count: int, action: Any) -> None:
    """Have `action` called once, at the start of an operation of this verb."""

    def watch(_: SimulatedDisk, current: str, name: str) -> None:
        nonlocal count
        count -= current == verb
        if not count:
            disk.watch = None
            action()

    disk.watch = watch


@pytest.mark.parametrize(("verb", "count"), [("append", 1), ("sync", 3), ("sync_directory", 3)])
def test_a_compaction_during_which_the_database_is_closed_publishes_nothing(verb: str, count: int) -> None:
    """After closing, the directory may belong to another process: a manifest from here would destroy its writes."""
    disk = SimulatedDisk()
    database = open_database(disk)
    client_of(database)["a"].insert_many(documents(5))

    def close_and_open_elsewhere() -> None:
        database.close()
        other = open_database(disk)
        client_of(other)["a"].insert_one({"_id": "other"})
        other.close()

    during(disk, verb, count, close_and_open_elsewhere)
    with pytest.raises((ClosedError, StorageError)):
        compact(database)

    assert "other" in ids(disk)


def test_a_sync_under_way_while_its_segment_is_compacted_away_does_not_fail_the_database() -> None:
    disk = SimulatedDisk()
    database = open_database(disk)
    client = client_of(database)
    client["a"].insert_one({"_id": 1})
    sync = database.storage.sync
    compaction = threading.Thread(target=compact, args=(database,))

    def sync_late(name: str) -> None:
        database.storage.sync = sync
        compaction.start()
        compaction.join(0.3)
        sync(name)

    database.storage.sync = sync_late
    client.sync()
    compaction.join(5)
    client["a"].insert_one({"_id": 2}, durability="durable")
    lose_everything_unsynced(disk)

    assert ids(disk) == [1, 2]


def test_closing_after_a_failed_sync_does_not_drop_what_is_buffered_without_a_word() -> None:
    disk = SimulatedDisk()
    database = open_database(disk, durability="fast")
    client = client_of(database)
    client["a"].insert_one({"_id": 1})
    sync = database.storage.sync

    def fail_slowly(_: str) -> None:
        database.storage.sync = sync
        in_time(lambda: client["a"].insert_one({"_id": 2}))
        raise OSError(errno.EIO, "the pages were lost")

    database.storage.sync = fail_slowly
    with pytest.raises(StorageError):
        client.sync()
    told = False
    try:
        database.close()
    except StorageError:
        told = True
    disk.kill()

    assert told or ids(disk) == [1, 2]


class Watched:
    """A lock that calls a function whenever it is about to be given up."""

    def __init__(self, lock: Any, leave: Any) -> None:
        self._lock, self._leave = lock, leave

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._leave()
        self._lock.release()


@pytest.mark.parametrize("where", ["rotation", "roll-back", "closing", "sync"])
def test_a_failed_sync_is_known_before_another_one_can_begin(where: str) -> None:
    """A thread that waits for its turn to sync would be told that all is well."""
    disk = SimulatedDisk()
    database = open_database(disk, segment_size=400)
    client = client_of(database)
    client["a"].insert_one({"_id": 1})
    known = []
    database._disk_sync = Watched(database._disk_sync, lambda: known.append(database._group.failure is not None))
    disk.faults = [
        Fault(1, errno.EIO, verb="sync"),
        *([Fault(1, errno.EIO, verb="append")] if where == "roll-back" else []),
    ]
    with suppress(StorageError):
        match where:
            case "rotation" | "roll-back":
                client["a"].insert_one({"_id": 2, "pad": "x" * 600})
            case "closing":
                database.close()
            case "sync":
                client.sync()

    assert known
    assert all(known)


def test_a_sync_that_fails_while_a_rotation_syncs_the_same_file_is_not_taken_for_done() -> None:
    """The system reports lost pages once: to one of two syncs that run at the same time, not to the other."""
    disk = SimulatedDisk()
    database = open_database(disk, segment_size=400)
    client = client_of(database)
    client["a"].insert_one({"_id": 1})
    storage, answers = database.storage, []
    sync = storage.sync

    def rotate() -> None:
        try:
            client["a"].insert_one({"_id": 2, "pad": "x" * 600}, durability="durable")
            answers.append("done")
        except StorageError:
            answers.append("refused")

    def fail_slowly(name: str) -> None:
        storage.sync = sync
        disk.names[name].pending = []  # the pages are lost, and count as clean
        thread.start()
        thread.join(0.3)
        raise OSError(errno.EIO, "the pages were lost")

    thread = threading.Thread(target=rotate)
    storage.sync = fail_slowly
    with pytest.raises(StorageError):
        client.sync()
    thread.join(5)
    lose_everything_unsynced(disk)

    assert answers == ["refused"]
    assert ids(disk) in ([], [1], [1, 2])


# ── recovery ────────────────────────────────────────────────────────────────────


def torn_disk() -> tuple[SimulatedDisk, bytes]:
    """Return a disk whose log ends in half a frame, and that half."""
    disk = SimulatedDisk()
    database = open_database(disk)
    client_of(database)["a"].insert_one({"_id": 1}, durability="durable")
    size = database.engine.tail.end.size
    client_of(database)["a"].insert_one({"_id": 2, "pad": "x" * 2000})
    disk.kill()
    inode = disk.names[database.engine.tail.name]
    del inode.cache[size + 1000 :]
    inode.sync()
    inode.durable = bytearray(inode.cache)
    return disk, bytes(inode.cache[size:])


def torn_files(disk: SimulatedDisk) -> list[bytes]:
    return [content for name, content in disk.files().items() if name.startswith("torn-")]


def test_a_torn_tail_is_kept_in_a_file_and_reported() -> None:
    disk, tail = torn_disk()
    report = open_database(disk).report

    assert report.torn_bytes == len(tail) == 1000
    assert report.damage
    assert report.torn_file in disk.names
    assert torn_files(disk) == [tail]


@pytest.mark.parametrize("seed", range(20))
def test_a_torn_tail_is_kept_whole_even_if_recovery_is_interrupted(seed: int) -> None:
    disk, tail = torn_disk()
    disk = disk.clone(seed)
    for stop in range(1, 40):
        disk.stop_at = disk.operations + stop
        try:
            open_database(disk)
        except PowerCutError:
            disk.power_loss()
        else:
            break

    assert tail in torn_files(disk)


def test_a_torn_tail_that_a_full_disk_could_not_keep_is_kept_by_the_next_opening() -> None:
    disk, tail = torn_disk()
    for seed in range(10):
        twin = disk.clone(seed)
        twin.faults = [Fault(1, errno.ENOSPC, verb="write_file")]
        with pytest.raises(StorageError, match="full"):
            open_database(twin)
        open_database(twin)

        assert tail in torn_files(twin)


def test_damage_below_what_was_synced_is_no_torn_tail() -> None:
    disk = SimulatedDisk()
    database = open_database(disk)
    client = client_of(database)
    client["a"].insert_one({"_id": 1, "pad": "x" * 100})
    client.sync()
    client["a"].insert_one({"_id": 2})
    disk.kill()
    disk.flip_bit(database.engine.tail.name, 8 * 150)
    before = disk.files()

    with pytest.raises(CorruptionError, match="damaged"):
        open_database(disk)
    assert disk.files() == before


def test_a_hole_before_later_frames_is_a_torn_tail_if_nothing_was_synced() -> None:
    """Unsynced writes reach the disk in any order: an intact frame behind a gap must not be taken."""
    disk = SimulatedDisk()
    database = open_database(disk)
    client = client_of(database)
    client["a"].insert_one({"_id": 1}, durability="durable")
    start = database.engine.tail.end.size
    client["a"].insert_one({"_id": 2})
    client["a"].insert_one({"_id": 3})
    disk.kill()
    disk.flip_bit(database.engine.tail.name, 8 * (start + 10))
    report = open_database(disk).report
    disk.kill()

    assert report.torn_bytes
    assert ids(disk) == [1]


def test_opening_again_after_a_clean_close_writes_nothing() -> None:
    disk = SimulatedDisk()
    database = open_database(disk)
    client_of(database)["a"].insert_many(documents(3))
    database.close()
    before, writes = disk.files(), disk.counts["write_file"]
    open_database(disk).close()

    assert disk.files() == before
    assert disk.counts["write_file"] == writes


def test_a_read_only_database_leaves_the_files_of_a_crash_as_they_are() -> None:
    disk, _ = torn_disk()
    before = disk.files()
    database = open_database(disk, read_only=True)
    client_of(database)["a"].find().to_list()
    database.close()

    assert disk.files() == before


def test_a_killed_database_on_a_full_disk_is_opened_for_reading_and_an_opening_to_write_says_so() -> None:
    disk = SimulatedDisk()
    client_of(open_database(disk))["a"].insert_one({"_id": 1})
    disk.kill()
    disk.faults = [Fault(1, errno.ENOSPC, verb="write_file", forever=True)]
    with pytest.raises(StorageError, match=r"disk is full; nothing was changed: .* read_only=True"):
        open_database(disk)
    reader = open_database(disk, read_only=True)

    assert client_of(reader)["a"].count() == 1
