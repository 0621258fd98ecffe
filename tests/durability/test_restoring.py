"""Restoring on disks that fail: what opens is all of the dump, or nothing opens."""

from __future__ import annotations

import errno

import pytest

from durability.exhaustive import document
from durability.model import State, state_of_engine
from durability.scale import SCALE
from durability.simulated_disk import Fault, PowerCutError, SimulatedDisk, SimulatedStorage
from durability.test_backups import check
from durability.workload import client_of, open_database
from nosqlpy._core.engine import building, dumping
from nosqlpy._core.engine.dumping import Restoring
from nosqlpy._core.log.dump import DumpReader, DumpWriter
from nosqlpy._io.building import build
from nosqlpy.errors import CorruptionError, StorageError


@pytest.fixture(scope="module")
def dump() -> tuple[bytes, State]:
    """A dump, and the state of the database of which it was made."""
    database = open_database(SimulatedDisk())
    client = client_of(database)
    client["a"].insert_many([document(number) for number in range(1500)])
    client["a"].create_index("g")
    client["b"].insert(document(1, 900))
    parts = dumping.dump(database.moment(lambda engine: dumping.moment(engine, None)), DumpWriter("zlib"))
    return b"".join(parts), state_of_engine(database.engine)


def restore(data: bytes, disk: SimulatedDisk) -> None:
    parts = Restoring(DumpReader("x.nqd")).frames([data])
    build(SimulatedStorage(disk), "given up", building.build(parts), lambda: None)


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power loss"])
def test_a_crash_inside_any_operation_leaves_all_of_it_or_nothing(dump: tuple[bytes, State], power: bool) -> None:
    at, found = 1, set()
    while True:
        for seed in range(8 * SCALE):
            disk = SimulatedDisk(1000 * at + seed)
            disk.stop_at = at
            try:
                restore(dump[0], disk)
            except PowerCutError:
                (disk.power_loss if power else disk.kill)()
                found.add(check(disk, dump[1]))
            else:
                assert found == {False, True}
                return
        at += 1


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("forever", [False, True], ids=["once", "for ever"])
def test_an_operation_that_fails_leaves_all_of_it_or_nothing(
    dump: tuple[bytes, State], code: int, forever: bool
) -> None:
    at, refused = 1, 0
    while True:
        disk = SimulatedDisk(at)
        fault = Fault(at, code, forever=forever)
        disk.faults = [fault]
        done = True
        try:
            restore(dump[0], disk)
        except StorageError:
            done = False
            refused += 1
        disk.faults = []

        assert check(disk.clone(1), dump[1]) or not done
        if fault.seen < at:
            break
        at += 1

    assert refused > 5


def test_a_dump_that_is_cut_short_leaves_nothing(dump: tuple[bytes, State]) -> None:
    for size in range(0, len(dump[0]), 997 if SCALE == 1 else 1):
        disk = SimulatedDisk()
        with pytest.raises(CorruptionError):
            restore(dump[0][:size], disk)

        assert disk.names == {}


def test_what_is_restored_has_an_identity_of_its_own(dump: tuple[bytes, State]) -> None:
    identities = set()
    for seed in range(2):
        disk = SimulatedDisk(seed)
        restore(dump[0], disk)
        identities.add(open_database(disk).engine.manifest.database)

    assert len(identities) == 2
