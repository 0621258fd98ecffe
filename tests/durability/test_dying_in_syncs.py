"""A process that dies in a sync: whether that has failed, and what it lost, nobody hears."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from durability.simulated_disk import Fault, PowerCutError, SimulatedDisk, SimulatedStorage
from durability.workload import client_of, open_database
from nosqlpy import Client
from nosqlpy._core.engine import shared
from nosqlpy._io.database import Database
from nosqlpy.errors import StorageError

SEEDS = range(6)  # of what a failed sync loses


def insert(database: Database, *numbers: Any, **options: Any) -> None:
    for number in numbers:
        client_of(database)["a"].insert_one({"_id": number}, **options)


def ids(database: Database) -> list[Any]:
    return [document["_id"] for document in client_of(database)["a"].find()]


def die_in_sync(disk: SimulatedDisk, database: Database) -> None:
    """Have a process die in a sync that fails."""
    disk.faults = [Fault(1, errno.EIO, verb="sync", deadly=True)]
    with pytest.raises(PowerCutError):
        database.sync()
    assert isinstance(database.storage, SimulatedStorage)
    disk.kill_one(database.storage)
    disk.faults = []


def after_power_loss(disk: SimulatedDisk) -> list[Any]:
    disk.power_loss()
    return ids(open_database(disk))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_acknowledged_beside_a_process_that_died_in_a_failed_sync_is_durable(seed: int) -> None:
    disk = SimulatedDisk(seed)
    one, two = open_database(disk), open_database(disk)
    insert(one, 1)
    insert(two, 2)
    die_in_sync(disk, one)
    insert(two, 3, durability="durable")

    assert after_power_loss(disk) == [1, 2, 3]


@pytest.mark.parametrize("seed", SEEDS)
def test_so_is_what_a_process_is_told_that_came_after_that(seed: int) -> None:
    disk = SimulatedDisk(seed)
    one, two = open_database(disk), open_database(disk)
    insert(one, 1)
    die_in_sync(disk, one)
    late = open_database(disk)
    insert(late, 2, durability="durable")
    insert(two, 3)

    assert after_power_loss(disk)[:2] == [1, 2]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_segment_is_not_sealed_on_the_word_of_a_sync_after_a_failed_one(seed: int) -> None:
    disk = SimulatedDisk(seed)
    one, two = open_database(disk, segment_size=400), open_database(disk, segment_size=400)
    insert(one, 1)
    die_in_sync(disk, one)
    insert(two, *range(2, 30))
    two.sync()

    assert after_power_loss(disk) == [*range(1, 30)]


@pytest.mark.parametrize("seed", SEEDS)
def test_closing_syncs_what_a_process_that_died_may_have_lost(seed: int) -> None:
    disk = SimulatedDisk(seed)
    one, two = open_database(disk), open_database(disk)
    insert(one, 1)
    die_in_sync(disk, one)
    two.close()

    assert after_power_loss(disk) == [1]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_failed_sync_counts_also_where_the_shared_page_is_overwritten(seed: int) -> None:
    disk = SimulatedDisk(seed)
    one, two = open_database(disk), open_database(disk)
    insert(one, 1)
    disk.faults = [Fault(1, errno.EIO, verb="sync")]
    with pytest.raises(Exception, match="cannot be synced"):
        one.sync()
    for at in range(len(disk.words)):
        disk.words[at] = 0
    insert(two, 2, durability="durable")

    assert after_power_loss(disk) == [1, 2]


def test_the_log_is_written_anew_once_and_others_follow_without_reading_it_again() -> None:
    disk = SimulatedDisk()
    one, two, three = open_database(disk), open_database(disk), open_database(disk)
    insert(one, *range(20))
    assert ids(three) == [*range(20)]
    die_in_sync(disk, one)
    two.sync()
    before = disk.counts.copy()
    insert(two, "new", durability="durable")

    assert ids(three) == [*range(20), "new"]
    assert disk.counts["write_file"] == before["write_file"]
    assert disk.counts["read_file"] - before["read_file"] <= 2  # manifests


def test_places_of_documents_stay_where_the_log_is_written_anew() -> None:
    disk = SimulatedDisk()
    one, two = open_database(disk), open_database(disk, memory_budget=0)
    insert(one, *range(20))
    insert(two, 20)
    die_in_sync(disk, one)
    two.sync()
    found = ids(two)
    client_of(two).compact()

    assert found == ids(two) == [*range(21)]
    two.verify()


def test_a_process_that_neither_ends_its_sync_nor_dies_is_not_waited_for_for_ever() -> None:
    disk = SimulatedDisk()
    one, two = open_database(disk), open_database(disk, lock_timeout=0)
    insert(one, 1)
    assert isinstance(one.storage, SimulatedStorage)
    shared.begin_sync(disk.words, one.storage.process, one.engine.tail.header.number, 1)  # and is stopped there
    insert(two, 2, durability="durable")

    assert after_power_loss(disk) == [1, 2]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_durable_write_that_a_full_disk_leaves_in_doubt_says_that_it_is_written(seed: int) -> None:
    disk = SimulatedDisk(seed)
    one, two = open_database(disk), open_database(disk)
    insert(one, 1)
    die_in_sync(disk, one)
    disk.faults = [Fault(1, errno.ENOSPC, verb="write_file", forever=True)]
    with pytest.raises(StorageError, match="all is written, but whether it is durable is unknown") as refusal:
        insert(two, 2, durability="durable")
    shown = ids(two)
    disk.faults = []
    two.sync()

    assert refusal.value.details == {"written": True}
    assert shown == after_power_loss(disk) == [1, 2]


def test_a_sync_asks_the_disk_for_nothing_else() -> None:
    disk = SimulatedDisk()
    one, _ = open_database(disk), open_database(disk)
    insert(one, 1, durability="durable")
    before = disk.counts.copy()
    insert(one, 2, durability="durable")
    asked = {verb: count - before.get(verb, 0) for verb, count in disk.counts.items() if count != before.get(verb)}

    assert asked.pop("read_on", 0) <= 1  # what others have written
    assert asked == {"append": 1, "sync": 1}


CHILD = """
import os, signal, sys
from nosqlpy import Client
from nosqlpy._io.storage.system import System

db = Client(sys.argv[1])
db.a.insert_one({"_id": 1})
System.sync = lambda self, descriptor: os.kill(os.getpid(), signal.SIGKILL)
db.sync()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such death")
def test_a_real_process_that_is_killed_in_its_sync_leaves_a_mark_that_another_one_finds(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with Client(directory) as db:
        db.sync()
        child = subprocess.run([sys.executable, "-c", CHILD, str(directory)], check=False)
        segments = len(list(directory.glob("seg-*")))
        db.a.insert_one({"_id": 2}, durability="durable")
        anew = len(list(directory.glob("seg-*")))
        db.a.insert_one({"_id": 3}, durability="durable")

        assert child.returncode == -signal.SIGKILL
        assert [document["_id"] for document in db.a.find()] == [1, 2, 3]
        assert anew == segments + 2  # the copy, and a new one behind it
        assert len(list(directory.glob("seg-*"))) == anew


NEIGHBOUR = """
import sys
from nosqlpy import Client

with Client(sys.argv[1]) as db:
    db.sync()
    print(flush=True)
    input()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes share a database on other systems only")
def test_a_number_is_one_process_s_and_the_next_one_s_once_that_has_ended(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with Client(directory) as db:
        db.a.insert_one({"_id": 1})
        storage = db._backend.database().storage
        child = subprocess.Popen(
            [sys.executable, "-c", NEIGHBOUR, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()
        living = storage.is_living(1)
        child.communicate(b"\n")

        assert storage.process == 0
        assert living
        assert not storage.is_living(1)
