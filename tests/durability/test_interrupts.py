"""Writes that Ctrl-C or another asynchronous exception breaks off: memory never differs from the log, nothing hangs."""

from __future__ import annotations

import errno
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from durability.interrupts import Interrupter, in_time, interrupt
from durability.model import State, describe, state_of_engine, wrong_indexes
from durability.simulated_disk import Fault, SimulatedDisk
from durability.workload import client_of, open_database
from nosqlpy import Client
from nosqlpy._core.engine.intake import NewDocument
from nosqlpy._core.engine.writes import insert_one
from nosqlpy._core.values.codec import encode_document
from nosqlpy._io.database import Database
from nosqlpy._io.gate import Turn
from nosqlpy.errors import StorageError

WRITES: dict[str, Callable[[Client], Any]] = {
    "the first insert": lambda client: client["new"].insert_one({"_id": 1, "g": 1}),
    "an insert": lambda client: client["a"].insert_one({"_id": 9, "g": 1}),
    "a durable insert": lambda client: client["a"].insert_one({"_id": 9, "g": 1}, durability="durable"),
    "a buffered insert": lambda client: client["a"].insert_one({"_id": 9, "g": 1}, durability="fast"),
    "an insert that flushes": lambda client: (
        client["a"].insert_one({"_id": 8, "g": 1}, durability="fast"),
        client["a"].insert_one({"_id": 9, "g": 1}),
    ),
    "a bulk insert": lambda client: client["a"].insert_many([{"_id": 8, "g": 1}, {"_id": 9, "g": 2}]),
    "an update of all": lambda client: client["a"].update_many({}, {"$inc": {"g": 1}}),
    "a delete of some": lambda client: client["a"].delete_many({"g": 1}),
    "a rename": lambda client: client["b"].rename("c"),
    "a rename over another": lambda client: client["b"].rename("a", drop_target=True),
    "a drop": lambda client: client["a"].drop(),
    "a clear": lambda client: client["a"].clear(),
    "an index": lambda client: client["b"].create_index("g"),
    "a dropped index": lambda client: client["a"].drop_index("g_1"),
    "a sync": lambda client: client.sync(),
    "a flush": lambda client: (client["a"].insert_one({"_id": 9, "g": 1}, durability="fast"), client.flush()),
    "a compaction": lambda client: client.compact(),
    "a rotation": lambda client: client["a"].insert_one({"_id": 9, "g": 1, "pad": "x" * 5000}),
}
THEN = {
    "another collection": lambda client: client["z"].insert_one({"_id": 1, "g": 5}),
    "a durable write": lambda client: client["a"].save({"_id": 1, "g": 7}, durability="durable"),
}


def prepared() -> tuple[SimulatedDisk, Database, Client]:
    disk = SimulatedDisk()
    database = open_database(disk, segment_size=4096)
    client = client_of(database)
    client["a"].create_index("g")
    client["a"].insert_many([{"_id": number, "g": number % 2} for number in range(4)])
    client["b"].insert_one({"_id": 1, "g": 1})
    client.sync()
    return disk, database, client


def state_after(steps: tuple[Callable[[Client], Any], ...]) -> State:
    _, database, client = prepared()
    for step in steps:
        step(client)
    return shown(database)


def reopened(disk: SimulatedDisk, place: str) -> Database:
    try:
        return open_database(disk)
    except StorageError as error:
        raise AssertionError(f"{place}: {error}") from error


def shown(database: Database) -> State:
    return database.view(state_of_engine)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("then", THEN)
def test_memory_equals_the_log_wherever_a_write_is_interrupted(write: str, then: str) -> None:
    """… and a write after it is done, or refused because the outcome of the first is unknown; nothing hangs."""
    before, after = (state_after(steps) for steps in ((), (WRITES[write],)))
    both = {state_after((THEN[then],)), state_after((WRITES[write], THEN[then]))}
    at = 0
    while True:
        at += 1
        disk, database, client = prepared()
        interrupter = Interrupter(at)
        try:
            interrupter.run(lambda client=client: WRITES[write](client))
        except KeyboardInterrupt:
            pass
        else:
            break
        place = interrupter.where
        now = in_time(lambda database=database: shown(database))
        assert now in (before, after) or write == "an insert that flushes", f"{place}: {describe(now)}"
        done = False
        with suppress(StorageError):
            in_time(lambda client=client: THEN[then](client))
            done = True
        memory = in_time(lambda database=database: shown(database))
        assert not done or memory in both or write == "an insert that flushes", f"{place}: {describe(memory)}"
        assert not wrong_indexes(database.engine), place
        with suppress(StorageError):
            in_time(database.flush)
        disk.kill()
        log = state_of_engine(reopened(disk, place).engine)
        assert log == memory, f"{place}: the log has {describe(log)}, memory had {describe(memory)}"
    assert at > 10


def _insert_at_once(database: Database) -> None:
    new = NewDocument(9, 9, encode_document({"_id": 9, "g": 1}))
    database.write("safe", insert_one, "a", new, False)


def _reserve_at_once(database: Database) -> None:
    turn = Turn(database, None)
    try:
        database.gate.take(turn)
        database.reserve(turn, wait=False)
    finally:
        sys.setprofile(None)
        database.end_turn(turn)


AT_ONCE: dict[str, Callable[[Database], Any]] = {
    "a write": _insert_at_once,
    "anything": lambda database: database.try_exclusively(lambda: None),
    "a look at what others wrote": lambda database: database.try_follow(),
    "a turn": _reserve_at_once,
}


@pytest.mark.parametrize("work", AT_ONCE)
def test_a_lock_that_is_taken_without_waiting_is_given_back_wherever_that_is_interrupted(work: str) -> None:
    at = 0
    while True:
        at += 1
        _, database, client = prepared()
        interrupter = Interrupter(at)
        try:
            interrupter.run(lambda database=database: AT_ONCE[work](database))
        except KeyboardInterrupt:
            pass
        else:
            break
        assert not database.lock.locked(), interrupter.where
        in_time(lambda client=client: client["a"].save({"_id": 1, "g": 7}))
    assert at > 3


@pytest.mark.parametrize("write", ["a rotation", "a compaction", "an index", "the first insert"])
def test_a_client_goes_on_wherever_it_was_interrupted(write: str) -> None:
    at = 0
    while True:
        at += 1
        disk, database, client = prepared()
        interrupter = Interrupter(at)
        try:
            interrupter.run(lambda client=client: WRITES[write](client))
        except KeyboardInterrupt:
            pass
        else:
            break
        place = interrupter.where
        in_time(lambda client=client: client["a"].save({"_id": 1, "g": 7}, durability="durable"))
        in_time(client.compact)
        in_time(lambda client=client: client["a"].save({"_id": 2, "g": 8}, durability="durable"))
        memory = in_time(lambda database=database: shown(database))
        database.verify()
        disk.power_loss()

        assert state_of_engine(reopened(disk, place).engine) == memory, place


@pytest.mark.parametrize("write", WRITES)
def test_a_sync_after_an_interrupted_write_covers_what_is_shown(write: str) -> None:
    at = 0
    while True:
        at += 1
        disk, database, client = prepared()
        interrupter = Interrupter(at)
        try:
            interrupter.run(lambda client=client: WRITES[write](client))
        except KeyboardInterrupt:
            pass
        else:
            break
        try:
            in_time(client.sync)
        except StorageError:
            continue
        memory = in_time(lambda database=database: shown(database))
        for inode in disk.names.values():
            inode.pending = []
        disk.power_loss()
        log = state_of_engine(reopened(disk, interrupter.where).engine)
        assert log == memory, f"{interrupter.where}: the disk has {describe(log)}, memory had {describe(memory)}"


@pytest.mark.parametrize("write", ["a rotation", "a compaction", "a durable insert"])
def test_an_interrupt_does_not_hide_a_sync_that_failed(write: str) -> None:
    """What is acknowledged as durable afterwards is: a sync is not tried again, and taken for one that succeeded."""
    at = 0
    while True:
        at += 1
        disk, database, client = prepared()
        client["a"].save({"_id": 1, "g": 6})
        fault = Fault(1, errno.EIO, verb="sync")
        disk.faults = [fault]
        interrupter = Interrupter(at)
        try:
            interrupter.run(lambda client=client: WRITES[write](client))
        except KeyboardInterrupt:
            pass
        except StorageError:
            break
        else:  # a rotation that the disk refuses is no failure of the write
            break
        if fault.seen and " return " in interrupter.where:
            continue  # a refusal that nobody was told: the interpreter lets no interrupt come between
        try:
            in_time(client.sync)
            in_time(lambda client=client: client["a"].save({"_id": 2, "g": 8}, durability="durable"))
        except StorageError:
            continue
        memory = in_time(lambda database=database: shown(database))
        disk.power_loss()
        log = state_of_engine(reopened(disk, interrupter.where).engine)

        assert log == memory, f"{interrupter.where}: the disk has {describe(log)}, memory had {describe(memory)}"


class Writer:
    """A thread that inserts until it is told to end, or its database takes no more, however often it is interrupted."""

    def __init__(self, client: Client, first: int) -> None:
        self.client = client
        self.number = first
        self.acknowledged: set[int] = set()
        self.ended = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self.ended:
            with suppress(KeyboardInterrupt):
                self._write()

    def _write(self) -> None:
        while not self.ended:
            self.number += 1
            try:
                self.client["a"].insert_one({"_id": self.number, "g": self.number % 5})
                self.acknowledged.add(self.number)
            except StorageError:
                self.ended = True

    def storm(self, interrupts: int) -> None:
        """Interrupt it so many times, or until it has ended. Now and then it is left alone until it gets on."""
        for count in range(interrupts):
            if not self.thread.is_alive():
                break
            time.sleep(0.0003)
            if not count % 20:
                self._await_progress()
            interrupt(self.thread.ident or 0)
        self.ended = True
        self.thread.join(30)
        assert not self.thread.is_alive(), "the writer hangs"

    def _await_progress(self) -> None:
        before, patience_s = len(self.acknowledged), time.monotonic() + 30
        while self.thread.is_alive() and len(self.acknowledged) == before:
            assert time.monotonic() < patience_s, "the writer hangs"
            time.sleep(0.001)


@pytest.fixture
def interrupted_finalisers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt may strike in a finaliser, where it is printed and forgotten; pytest would fail over it.

    It may also come where the thread does nothing but begin its next write, or end: that is the end of the thread.
    """
    report = threading.excepthook
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)
    monkeypatch.setattr(
        threading,
        "excepthook",
        lambda arguments: None if arguments.exc_type is KeyboardInterrupt else report(arguments),
    )


@pytest.mark.usefixtures("interrupted_finalisers")
@pytest.mark.parametrize("durability", ["fast", "safe", "durable"])
def test_a_storm_of_interrupts_loses_no_acknowledged_write(tmp_path: Path, durability: Any) -> None:
    """… and leaves a database that can be written on; now and then it is opened again, and the storm goes on."""
    acknowledged: set[int] = set()
    number = 0
    while len(acknowledged) < 200:
        client = Client(tmp_path / "data", durability=durability, segment_size=50_000, sync_interval=0.01)
        client["a"].create_index("g")
        # starts the background thread: Python may hand an interrupt of a thread to one that it is just starting
        client["rounds"].insert_one({"at": number})
        writer = Writer(client, number)
        writer.storm(interrupts=600)
        acknowledged |= writer.acknowledged
        number = writer.number
        # the last write may have been interrupted between its append and its apply: whoever comes next finishes it
        in_time(client._backend.database().settle)
        memory = in_time(lambda client=client: shown(client._backend.database()))
        in_time(client.close)
        with Client(tmp_path / "data") as again:
            log = shown(again._backend.database())

            assert not wrong_indexes(again._backend.database().engine)
        assert log == memory
        assert acknowledged <= {dict(document)["_id"] for document in log[0][1]}
