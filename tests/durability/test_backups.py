"""Backups on disks that fail: what opens is the moment that was backed up, or nothing opens."""

from __future__ import annotations

import errno

import pytest

from durability.exhaustive import document
from durability.model import State, state_of_engine, wrong_indexes
from durability.scale import SCALE
from durability.simulated_disk import Fault, PowerCutError, SimulatedDisk, SimulatedStorage
from durability.workload import client_of, open_database
from nosqlpy._core.engine import backup
from nosqlpy._io.backup import DOING
from nosqlpy._io.building import build
from nosqlpy._io.database import Database
from nosqlpy.errors import CorruptionError, StorageError


@pytest.fixture
def original() -> Database:
    """An open database with a base, a sealed and an active segment."""
    database = open_database(SimulatedDisk(), segment_size=1000)
    client = client_of(database)
    client["a"].insert_many([document(number) for number in range(10)])
    client["a"].create_index("g")
    client.compact()
    client["b"].insert(document(1, 900))
    client["b"].insert(document(2), durability="fast")
    return database


def back_up(database: Database, disk: SimulatedDisk) -> State:
    """Back the database up to the disk; return its state."""
    state = state_of_engine(database.engine)
    moment = database.moment(backup.moment)
    build(SimulatedStorage(disk), DOING, backup.copy(moment), lambda: None, database.storage)
    return state


def opened(disk: SimulatedDisk, *, create: bool) -> Database | None:
    """Return the database on the disk, if there is one. What does not open must say why."""
    try:
        return open_database(disk, create=create)
    except CorruptionError as error:
        assert "MANIFEST is missing" in str(error)  # noqa: PT017
    except StorageError as error:
        assert "UNFINISHED" in str(error) or "there is no database" in str(error)  # noqa: PT017
    return None


def check(disk: SimulatedDisk, state: State) -> bool:
    """Return whether the disk holds a database, which must be the one that was backed up."""
    database = opened(disk, create=False)
    if database is None:
        return False

    assert state_of_engine(database.engine) == state
    assert not wrong_indexes(database.engine)
    database.verify()
    return True


def test_a_backup_survives_the_loss_of_power_as_soon_as_it_is_there(original: Database) -> None:
    for seed in range(20 * SCALE):
        disk = SimulatedDisk(seed)
        state = back_up(original, disk)
        disk.power_loss()

        assert check(disk, state)


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power loss"])
def test_a_crash_inside_any_operation_leaves_the_whole_backup_or_none(original: Database, power: bool) -> None:
    at, found = 1, set()
    while True:
        for seed in range(8 * SCALE):
            disk = SimulatedDisk(1000 * at + seed)
            disk.stop_at = at
            try:
                state = back_up(original, disk)
            except PowerCutError:
                state = state_of_engine(original.engine)
            else:
                assert found == {False, True}
                return
            (disk.power_loss if power else disk.kill)()
            found.add(check(disk, state))
        at += 1


def test_after_a_crash_an_unfinished_backup_never_becomes_an_empty_database(original: Database) -> None:
    at = 1
    while True:
        disk = SimulatedDisk(at)
        disk.stop_at = at
        try:
            back_up(original, disk)
        except PowerCutError:
            disk.kill()
        else:
            return
        untouched = set(disk.names) <= {"LOCK"}
        database = opened(disk, create=True)

        assert database is None or untouched or state_of_engine(database.engine) == state_of_engine(original.engine)
        at += 1


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("forever", [False, True], ids=["once", "for ever"])
def test_an_operation_that_fails_leaves_the_whole_backup_or_none(original: Database, code: int, forever: bool) -> None:
    at, refused = 1, 0
    while True:
        disk = SimulatedDisk(at)
        fault = Fault(at, code, forever=forever)
        disk.faults = [fault]
        try:
            state, done = back_up(original, disk), True
        except StorageError as error:
            state, done = state_of_engine(original.engine), False
            refused += 1

            assert "disk is full" in str(error) or code == errno.EIO  # noqa: PT017
        assert not disk.present
        disk.faults = []
        found = check(disk.clone(1), state)

        assert found or not done
        if fault.seen < at:
            break
        at += 1

    assert refused > 5


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOENT])
def test_an_original_that_cannot_be_read_leaves_no_backup(original: Database, code: int) -> None:
    disk = SimulatedDisk()
    original.storage.disk.faults = [Fault(2, code, verb="read_part")]
    with pytest.raises(StorageError, match="backup was given up"):
        back_up(original, disk)

    assert disk.names == {}
    assert not original.engine.failed


def test_a_flipped_bit_of_the_original_leaves_no_backup(original: Database) -> None:
    original.flush()
    for name in [name for name in original.storage.disk.names if name.startswith("seg-")]:
        size = len(original.storage.disk.names[name].cache)
        for bit in range(0, 8 * size, 101 if SCALE == 1 else 1):
            original.storage.disk.flip_bit(name, bit)
            disk = SimulatedDisk()
            with pytest.raises(StorageError):
                back_up(original, disk)
            original.storage.disk.flip_bit(name, bit)

            assert disk.names == {}
