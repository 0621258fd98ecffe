"""Directories that are removed, replaced or waited for while a client has them open."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from pathlib import Path

import pytest

from nosqlpy import Client, ClosedError, LockedError, StorageError


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The path of a database."""
    return tmp_path / "data"


def test_closing_a_client_whose_directory_was_replaced_leaves_the_new_database_alone(place: Path) -> None:
    old = Client(place)
    old["a"].insert({"_id": "old"})
    shutil.rmtree(place)
    with Client(place) as new:
        new["a"].insert({"_id": "new"})
        with pytest.raises(StorageError, match="removed"):
            old.close()

    with Client(place) as client:
        assert client["a"].find().to_list() == [{"_id": "new"}]


def test_a_durable_write_into_a_removed_directory_is_refused(place: Path) -> None:
    client = Client(place, durability="durable")
    client["a"].insert({"_id": 1})
    shutil.rmtree(place)

    with pytest.raises(StorageError, match="removed"):
        client["a"].insert({"_id": 2})
    with pytest.raises(StorageError):
        client["a"].insert({"_id": 3})
    client.close()


def test_a_new_database_that_nobody_wrote_to_was_closed_cleanly(place: Path) -> None:
    Client(place).open().close()

    with Client(place) as client:
        assert client.stats()["recovery"]["clean"]


def test_a_path_is_taken_when_the_client_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    client = Client("data")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with client:
        client["a"].insert({})

    assert (tmp_path / "data" / "MANIFEST").exists()


@pytest.fixture
def held(place: Path) -> int:
    """A database that somebody else holds: the descriptor of its lock."""
    Client(place).open().close()
    descriptor = os.open(place / "LOCK", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def test_whoever_waits_for_one_directory_keeps_nobody_from_another(place: Path, held: int, tmp_path: Path) -> None:
    refused: list[BaseException] = []

    def wait() -> None:
        try:
            Client(place, lock_timeout=1.0).open()
        except LockedError as error:
            refused.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    with Client(tmp_path / "other") as other:
        other["a"].insert({"_id": 1})
        opened_meanwhile = not refused
    waiting.join()
    os.close(held)

    assert opened_meanwhile
    assert len(refused) == 1


def test_a_client_that_is_closed_while_it_waits_does_not_keep_the_directory(place: Path, held: int) -> None:
    client = Client(place, lock_timeout=10.0)
    outcome: list[BaseException] = []

    def open_late() -> None:
        try:
            client.open()
        except ClosedError as error:
            outcome.append(error)

    opening = threading.Thread(target=open_late)
    opening.start()
    client.close()
    os.close(held)
    opening.join()

    assert len(outcome) == 1
    Client(place, lock_timeout=0).open().close()


def test_a_database_in_memory_is_the_parents_after_a_fork() -> None:
    client = Client(":memory:")
    client["a"].insert({"_id": 1})
    child = os.fork()
    if not child:
        try:
            client["a"].insert({"_id": 2})
        except ClosedError:
            os._exit(7)
        os._exit(0)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 7
    assert client["a"].count() == 1


def test_a_directory_that_another_thread_is_closing_is_opened_again_without_a_wait_for_itself(place: Path) -> None:
    refused: list[BaseException] = []

    def open_and_close() -> None:
        for number in range(40):
            try:
                with Client(place, lock_timeout=0) as client:
                    client["a"].save({"_id": number})
            except LockedError as error:
                refused.append(error)

    threads = [threading.Thread(target=open_and_close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert refused == []
