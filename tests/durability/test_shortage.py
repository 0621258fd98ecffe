"""MemoryError wherever the engine makes something new: memory never differs from the log, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from durability.interrupts import in_time
from durability.model import State, describe, state_of_engine, wrong_indexes
from durability.shortage import Shortage
from durability.simulated_disk import SimulatedDisk
from durability.test_interrupts import WRITES, prepared, reopened, shown, state_after
from durability.workload import client_of, open_database
from nosqlpy import Client
from nosqlpy._core.engine import hints, snapshots
from nosqlpy._io.database import Database
from nosqlpy.errors import StorageError

AFTERWARDS: Callable[[Client], Any] = lambda client: client["z"].insert_one({"_id": 1, "g": 5})  # noqa: E731


@pytest.fixture(autouse=True)
def hints_of_small_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of any size is given a hint, and a snapshot of its indexes."""
    monkeypatch.setattr(hints, "NEW_MIN", 0)
    monkeypatch.setattr(snapshots, "DOCUMENTS_MIN", 0)


def disturbed(write: Callable[[Client], Any], *, forever: bool) -> Iterator[tuple[Shortage, SimulatedDisk, Database]]:
    """Yield a database for each place at which a write may lack memory, after that."""
    at = 0
    while True:
        at += 1
        disk, database, client = prepared()
        shortage = Shortage(at, forever=forever)
        with shortage.active(), suppress(MemoryError, StorageError):
            write(client)
        if not shortage.struck:
            break
        yield shortage, disk, database
    assert at > 1 or shortage.places == 0


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("forever", [False, True], ids=["once", "for ever"])
def test_memory_equals_the_log_wherever_a_write_lacks_memory(write: str, forever: bool) -> None:
    legal = (*(state_after(steps) for steps in ((), (WRITES[write],))),)
    for shortage, disk, database in disturbed(WRITES[write], forever=forever):
        now = in_time(lambda database=database: shown(database))
        assert now in legal or write in ("an insert that flushes", "a flush"), f"{shortage.where}: {describe(now)}"
        client = client_of(database)
        with suppress(StorageError):
            in_time(lambda client=client: AFTERWARDS(client))
        memory = in_time(lambda database=database: shown(database))
        assert not wrong_indexes(database.engine), shortage.where
        with suppress(StorageError):
            in_time(database.flush)
        disk.kill()
        log = state_of_engine(reopened(disk, shortage.where).engine)

        assert log == memory, f"{shortage.where}: the log has {describe(log)}, memory had {describe(memory)}"


@pytest.mark.parametrize("forever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize("budget", [0, 256 << 20], ids=["not resident", "resident"])
@pytest.mark.parametrize("how", ["killed", "closed"])
def test_an_opening_that_lacks_memory_changes_no_document(how: str, budget: int, forever: bool) -> None:
    disk, database, _ = prepared()
    expected: State = shown(database)
    if how == "closed":
        database.close()
    disk.kill()
    at = 0
    while True:
        at += 1
        twin, shortage = disk.clone(at), Shortage(at, forever=forever)
        with shortage.active(), suppress(MemoryError, StorageError):
            opened = open_database(twin, memory_budget=budget)
            client_of(opened)["a"].find({"g": 1}).to_list()
        if not shortage.struck:
            break
        twin.kill()

        assert state_of_engine(reopened(twin, shortage.where).engine) == expected, shortage.where
    assert at > 3
