"""What one process sees of what another one did: single scenes, on the simulated disk."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from durability.simulated_disk import Fault, PowerCutError, SimulatedDisk
from durability.workload import client_of, open_database
from nosqlpy import Client
from nosqlpy._core.engine.following import ReopenedError
from nosqlpy._core.engine.shared import BELL, END, EPOCH, GENERATION
from nosqlpy._io.database import Database
from nosqlpy.errors import CorruptionError, InvalidOperation, LockedError, StorageError


def pair(**options: Any) -> tuple[SimulatedDisk, Database, Database]:
    """Return a disk, and two processes that have its database open."""
    disk = SimulatedDisk()
    return disk, open_database(disk, **options), open_database(disk, **options)


def ids(database: Database) -> list[Any]:
    """Return what a process finds now."""
    return [document["_id"] for document in client_of(database)["a"].find()]


def insert(database: Database, *numbers: Any, **options: Any) -> None:
    for number in numbers:
        client_of(database)["a"].insert_one({"_id": number}, **options)


# ── reading and writing ─────────────────────────────────────────────────────────


def test_a_read_sees_what_another_process_was_told_is_written() -> None:
    _, one, two = pair()
    insert(one, 1)

    assert ids(two) == [1]


def test_a_reader_that_is_up_to_date_asks_the_disk_for_nothing() -> None:
    disk, one, two = pair()
    insert(one, 1)
    ids(two)
    before = disk.operations

    assert ids(two) == [1]
    assert disk.operations == before


def test_a_writer_alone_asks_the_disk_for_nothing_but_the_append() -> None:
    disk, one, _ = pair()
    insert(one, 1)
    before = disk.counts.copy()
    insert(one, 2)

    assert {verb: count - before.get(verb, 0) for verb, count in disk.counts.items() if count != before.get(verb)} == {
        "append": 1
    }


def test_a_duplicate_of_what_another_process_inserted_is_refused() -> None:
    _, one, two = pair()
    insert(one, 1)

    with pytest.raises(Exception, match="already has a document"):
        insert(two, 1)


def test_what_is_buffered_keeps_the_lock_and_is_not_seen() -> None:
    _, one, two = pair(lock_timeout=0)
    insert(one, 1, durability="fast")
    hidden = ids(two)
    with pytest.raises(LockedError):
        insert(two, 2)
    one.flush()
    insert(two, 2)

    assert hidden == []
    assert ids(one) == ids(two) == [1, 2]


@pytest.mark.parametrize("segment_size", [400, 1 << 20])
def test_a_compaction_makes_no_other_process_read_again_what_it_knows(segment_size: int) -> None:
    disk, one, two = pair(segment_size=segment_size)
    insert(one, *range(20))
    ids(two)
    one_client = client_of(one)
    one_client.compact()
    insert(one, "new")
    before = disk.counts.get("read_file", 0)

    assert ids(two) == [*range(20), "new"]
    assert disk.counts["read_file"] - before <= 2  # manifests


def test_a_process_that_is_behind_a_compaction_reads_everything_anew() -> None:
    _, one, two = pair(segment_size=400)
    insert(one, *range(20))
    client_of(one).compact()
    insert(one, "new")

    assert ids(two) == [*range(20), "new"]
    insert(two, "newer")
    assert ids(one) == [*range(20), "new", "newer"]


def test_a_process_that_a_compaction_overtakes_while_it_evicts_keeps_its_memory_budget() -> None:
    _, one, two = pair(segment_size=400, memory_budget=0)
    drive = two._drive
    insert(one, *range(20))

    def overtaken(procedure: Any) -> Any:
        two._drive = drive  # type: ignore[method-assign]
        result = drive(procedure)
        client_of(one).compact()
        return result

    two._drive = overtaken  # type: ignore[method-assign]
    assert ids(two) == [*range(20)]
    insert(one, "new")

    assert ids(two) == [*range(20), "new"]
    assert two.engine.memory.resident == 0


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_places_move_into_the_base_of_another_process_and_the_older_files_are_closed(compression: Any) -> None:
    _, one, two = pair(segment_size=4096, memory_budget=500, compression=compression)
    insert(one, *range(300))
    ids(two)
    for number in range(6):
        client_of(one)["a"].delete_one({"_id": number})
        client_of(one).compact()
        for _ in range(6):  # some places move whenever something is taken in
            insert(one, "new")
            client_of(one)["a"].delete_one({"_id": "new"})
            ids(two)
        reader, manifest = two.engine.memory.reader, two.engine.manifest

        assert reader is not None
        assert min(reader.files) == manifest.sealed[0].number
        assert ids(two) == list(range(number + 1, 300))
        assert two.engine.memory.resident <= 500


def test_a_cursor_that_began_before_goes_on_while_places_move() -> None:
    _, one, two = pair(segment_size=4096, memory_budget=500)
    insert(one, *range(300))
    cursor = client_of(two)["a"].find(batch_size=10)
    first = [next(cursor)["_id"] for _ in range(5)]
    client_of(one)["a"].delete_many({"_id": {"$gte": 200}})
    client_of(one).compact()
    for number in range(400, 405):
        insert(one, number)
        ids(two)

    assert first + [document["_id"] for document in cursor] == list(range(300))


def test_two_processes_that_rotate_and_compact_take_no_segment_number_twice() -> None:
    _, one, two = pair(segment_size=400)
    for number in range(30):
        insert(one, f"one {number}")
        insert(two, f"two {number}")
        if number % 7 == 0:
            client_of(one).compact()
            client_of(two).compact()

    assert len(ids(one)) == 60
    assert ids(one) == ids(two)
    assert one.verify()["ok"]


def test_an_index_and_a_rename_of_another_process_are_followed() -> None:
    _, one, two = pair()
    insert(one, 1, 2)
    client = client_of(one)
    client["a"].create_index("_g")
    client["a"].rename("b")

    assert client_of(two).list_collection_names() == ["b"]
    assert "_g_1" in client_of(two)["b"].index_information()


# ── words that lie ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_reader_takes_damage_to_what_was_synced_for_damage_and_not_for_a_torn_tail(exclusive: bool) -> None:
    disk = SimulatedDisk()
    one = open_database(disk)
    insert(one, 1, 2, 3)
    one.sync()
    disk.flip_bit(one.engine.tail.name, 8 * 100)

    with pytest.raises(CorruptionError):
        open_database(disk, read_only=True, exclusive=exclusive)


def test_the_manifest_is_looked_at_where_the_word_that_tells_of_it_is_wiped() -> None:
    disk = SimulatedDisk()
    insert(first := open_database(disk), 0)
    first.close()
    one, two = open_database(disk), open_database(disk)
    insert(one, 1)  # the first write says in the manifest that the log goes on
    ids(two)
    disk.words[GENERATION] = 0

    assert two.verify()["documents"] == 2


@pytest.mark.parametrize("publishes", ["rotates", "compacts"])
@pytest.mark.parametrize("before", ["MANIFEST", "seg-00000001.nql"])
def test_a_reader_verifies_beside_a_writer_who_publishes_other_files_meanwhile(publishes: str, before: str) -> None:
    disk = SimulatedDisk()
    one = open_database(disk, segment_size=400)
    insert(one, *range(20))
    reader = open_database(disk, read_only=True)
    read_file = reader.storage.read_file

    def overtaken(name: str) -> bytes:
        if name == before:
            reader.storage.read_file = read_file  # type: ignore[method-assign]
            client_of(one).compact() if publishes == "compacts" else insert(one, *range(20, 40))
        return read_file(name)

    reader.storage.read_file = overtaken  # type: ignore[method-assign]

    assert reader.verify()["documents"] == 20
    assert reader.storage.read_file is read_file


@pytest.mark.parametrize("word", [BELL, END, GENERATION, EPOCH, 5, 6, *range(8, 15)])
@pytest.mark.parametrize("value", [0, 1, 2**64 - 1])
def test_a_wrong_word_costs_a_look_at_the_files_and_nothing_else(word: int, value: int) -> None:
    disk, one, two = pair(segment_size=400)
    insert(one, 1)
    disk.words[word] = value
    insert(two, 2)
    disk.words[word] = value
    insert(one, 3, durability="durable")
    disk.words[word] = value

    assert ids(two) == [1, 2, 3]
    disk.power_loss()
    assert ids(open_database(disk)) == [1, 2, 3]


# ── syncs ───────────────────────────────────────────────────────────────────────


def test_a_sync_of_one_process_is_one_for_all() -> None:
    disk, one, two = pair()
    insert(one, 1)
    insert(two, 2, durability="durable")
    before = disk.counts["sync"]
    client_of(one).sync()

    assert disk.counts["sync"] == before


def test_a_process_that_joins_does_not_take_for_durable_what_nobody_has_synced() -> None:
    disk = SimulatedDisk()
    one = open_database(disk)
    insert(one, 1)
    client_of(open_database(disk)).sync()
    for inode in disk.names.values():
        inode.pending = []
    disk.power_loss()

    assert ids(open_database(disk)) == [1]


def test_a_failed_sync_stops_every_process_until_it_has_reopened() -> None:
    disk, one, two = pair()
    insert(one, 1)
    insert(two, 2)
    disk.faults = [Fault(1, errno.EIO, verb="sync")]
    with pytest.raises(StorageError):
        insert(one, 3, durability="durable")
    for process in (one, two):
        with pytest.raises(StorageError):
            insert(process, 4)
    reopened = open_database(disk)
    insert(reopened, 5, durability="durable")
    for process in (one, two):
        with pytest.raises(StorageError):
            insert(process, 6)
        with pytest.raises(ReopenedError):
            ids(process)
    one.close()
    two.close()
    again = open_database(disk)
    insert(again, 7)

    assert ids(again) == ids(reopened) == [1, 2, 3, 5, 7]


def test_a_durable_write_is_synced_also_where_the_writes_of_others_cannot_be_read() -> None:
    disk, one, two = pair()
    insert(one, 1)
    insert(two, 2)
    insert(one, 3)
    disk.faults = [Fault(1, errno.EIO, verb="read_on", forever=True)]
    two.wait_durable(two.engine.applied)

    assert disk.counts["sync"] == 1


def test_what_a_failed_sync_dropped_is_durable_after_the_first_reopening() -> None:
    disk, one, _ = pair()
    insert(one, 1)
    disk.faults = [Fault(1, errno.EIO, verb="sync")]
    with pytest.raises(StorageError):
        client_of(one).sync()
    open_database(disk)
    for inode in disk.names.values():
        inode.pending = []
    disk.power_loss()

    assert ids(open_database(disk)) == [1]


def test_what_a_process_that_died_in_its_first_write_has_left_damages_nothing() -> None:
    """Two processes join a database that was closed; each says in the manifest, before it writes, that it is open."""
    disk = SimulatedDisk()
    open_database(disk).close()
    one, two = open_database(disk), open_database(disk)
    insert(one, 1)
    assert ids(two) == [1]  # without a look at the manifest
    append = two.storage.append

    def die_within(name: str, data: bytes) -> None:
        append(name, data[:9])
        disk.kill_one(two.storage)
        raise PowerCutError

    two.storage.append = die_within  # type: ignore[method-assign]
    with pytest.raises(PowerCutError):
        insert(two, 2)
    insert(one, 3, 4)

    assert ids(one) == ids(open_database(disk)) == [1, 3, 4]


def test_the_watermark_tells_damage_from_a_torn_tail() -> None:
    """Nothing in the log says that the last frame was durable; the shared page does."""
    disk = SimulatedDisk()
    one = open_database(disk)
    insert(one, 1, 2, durability="durable")
    name, size = one.engine.tail.name, one.engine.tail.end.size
    disk.kill()
    disk.flip_bit(name, 8 * (size - 5))

    with pytest.raises(CorruptionError):
        open_database(disk)
    for word in range(len(disk.words)):
        disk.words[word] = 0
    assert open_database(disk).report.torn_bytes


# ── coming and going ────────────────────────────────────────────────────────────


def test_only_the_last_process_that_closes_marks_the_log_as_complete() -> None:
    disk, one, two = pair()
    insert(one, 1)
    one.close()
    third = open_database(disk)
    between = third.report.clean
    third.close()
    two.close()

    assert not between
    assert open_database(disk).report.clean


def test_a_process_that_closes_beside_others_syncs_what_it_wrote() -> None:
    disk, one, _ = pair()
    insert(one, 1)
    one.close()
    for inode in disk.names.values():
        inode.pending = []
    disk.power_loss()

    assert ids(open_database(disk)) == [1]


def test_a_process_that_opens_beside_others_recovers_nothing() -> None:
    disk, one, _ = pair()
    insert(one, 1)
    name = one.engine.tail.name
    third = open_database(disk)

    assert third.engine.tail.name == name
    assert ids(third) == [1]


def test_exclusive_keeps_others_out_and_waits_for_them_to_go() -> None:
    disk = SimulatedDisk()
    one = open_database(disk)
    with pytest.raises(LockedError, match="exclusive"):
        open_database(disk, exclusive=True, lock_timeout=0)
    one.close()
    alone = open_database(disk, exclusive=True)
    with pytest.raises(LockedError):
        open_database(disk, lock_timeout=0)
    reader = open_database(disk, read_only=True)
    insert(alone, 1)

    assert ids(reader) == [1]


def test_a_fork_of_history_is_damage() -> None:
    """Where the lock does not work, two processes append at once: nobody takes that for data."""
    disk, one, two = pair()
    insert(one, 1)
    ids(two)
    two._shares = False  # it takes no lock, and does not look whether anything has happened since
    insert(one, "one")
    insert(two, "another")

    with pytest.raises(CorruptionError):
        insert(one, "three")
    with pytest.raises(CorruptionError):
        open_database(disk, read_only=True)


# ── a thread that is in the middle of something ─────────────────────────────────


@pytest.mark.parametrize("use", ["write", "close", "sync", "compact"])
def test_a_signal_handler_in_the_middle_of_a_write_is_refused_and_the_write_is_done(use: str) -> None:
    disk = SimulatedDisk()
    one = open_database(disk)
    client = client_of(one)
    insert(one, 1)
    uses = {"write": lambda: insert(one, "x"), "close": client.close, "sync": client.sync, "compact": client.compact}
    refused: list[BaseException] = []

    def handler(*_: object) -> None:
        disk.watch = None
        with pytest.raises(InvalidOperation) as error:
            uses[use]()
        refused.append(error.value)

    for verb in ("append", "sync"):
        disk.watch = lambda _disk, current, _name, verb=verb: handler() if current == verb else None
        insert(one, verb, durability="durable")

    assert len(refused) == 2
    assert ids(one) == [1, "append", "sync"]


def test_segments_that_are_sealed_are_not_kept_open(tmp_path: Any) -> None:
    with Client(tmp_path / "data", segment_size=400) as client:
        for number in range(50):
            client["a"].insert_one({"_id": number, "pad": "x" * 100})
        storage = client._backend.database().storage

        assert len(storage._descriptors) <= 2


def test_a_signal_handler_in_the_middle_of_following_on_an_event_loop_is_refused() -> None:
    disk, one, two = pair()
    insert(one, 1)
    refused: list[BaseException] = []

    def handler(*_: object) -> None:
        with pytest.raises(InvalidOperation) as error:
            two.check_outside()
        refused.append(error.value)

    disk.watch = handler
    followed = two.try_follow()
    disk.watch = None

    assert followed
    assert refused
    assert ids(two) == [1]
