"""Compaction of a database in use: by itself, on demand, on a disk that is nearly full, while it is closed."""

from __future__ import annotations

import errno
import logging
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import nosqlpy
from nosqlpy import Client, ClosedError, ConfigurationError, InvalidOperation, StorageError
from nosqlpy._core.engine import compaction
from nosqlpy._io import compacting
from nosqlpy._io.storage.files import FileStorage
from nosqlpy._io.storage.system import System

DEADLINE_S = 120


@pytest.fixture(autouse=True)
def low_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "DEAD_BYTES", 10_000)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Client]:
    with Client(tmp_path / "data", sync_interval=0.001) as client:
        yield client


def waste(db: Client, count: int = 300) -> None:
    """Leave many dead versions of one document."""
    for number in range(count):
        db["a"].save({"_id": 1, "n": number, "pad": "x" * 100})


def until(condition: Any) -> None:
    """Return when the condition holds, which it will: how long that takes decides nothing."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def compacted(db: Client) -> bool:
    """Whether less than half of what `waste` writes is left; what follows a compaction may stay."""
    return db.stats()["disk_bytes"] < 25_000


def test_a_log_that_is_mostly_dead_is_compacted_by_itself(db: Client, tmp_path: Path) -> None:
    waste(db)
    until(lambda: compacted(db))

    assert db["a"].get(1)["n"] == 299
    assert db.verify()["ok"]


def test_what_dies_while_a_compaction_runs_is_compacted_after_it(db: Client, monkeypatch: Any) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def give_way(*so_far: int) -> None:
        begun.set()
        assert go_on.wait(DEADLINE_S)

    monkeypatch.setattr(compacting, "_give_way", give_way)
    waste(db)
    assert begun.wait(DEADLINE_S)
    waste(db)
    time.sleep(0.05)  # the sync in the background finds a compaction running
    go_on.set()
    until(lambda: compacted(db))

    assert db.stats()["compactions"] > 1


def test_with_compaction_off_it_is_not(tmp_path: Path) -> None:
    with Client(tmp_path / "data", sync_interval=0.001, compaction="off") as db:
        waste(db)
        db.sync()
        time.sleep(0.05)

        assert not compacted(db)


def test_clients_of_one_database_agree_on_it(db: Client, tmp_path: Path) -> None:
    db.open()
    with pytest.raises(ConfigurationError, match="compaction=auto"):
        Client(tmp_path / "data", sync_interval=0.001, compaction="off").open()
    with pytest.raises(ConfigurationError, match="compaction is one of auto, off"):
        Client(tmp_path / "data", compaction="on")  # type: ignore[arg-type]


def test_a_disk_that_is_nearly_full_is_left_alone(db: Client, monkeypatch: Any, caplog: Any) -> None:
    monkeypatch.setattr(FileStorage, "free_space", lambda self: 1000)
    with caplog.at_level(logging.WARNING, logger="nosqlpy"):
        waste(db)
        until(lambda: "not compacted" in caplog.text)

    assert "1000 are free" in caplog.text
    assert db["a"].get(1)["n"] == 299


def test_a_disk_without_room_for_the_live_documents_refuses_a_compaction(db: Client, monkeypatch: Any) -> None:
    db["a"].insert({"_id": 1, "pad": "x" * 2000})
    monkeypatch.setattr(FileStorage, "free_space", lambda self: 1000)
    with pytest.raises(StorageError, match=r"compaction needs 20\d\d bytes of the disk, and 1000 are free"):
        db.compact()


def test_a_failure_in_the_background_is_logged_and_not_repeated_at_once(
    db: Client, monkeypatch: Any, caplog: Any
) -> None:
    attempts = []

    def fail(*arguments: Any) -> Any:
        attempts.append(arguments)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileStorage, "append", append_refusing_bases(FileStorage.append, fail))
    with caplog.at_level(logging.WARNING, logger="nosqlpy"):
        waste(db)
        until(lambda: "disk is full" in caplog.text)
        waste(db)
        db.sync()

    assert len(attempts) == 1
    assert db["a"].get(1)["n"] == 299
    assert db.verify()["ok"]


def append_refusing_bases(append: Any, fail: Any) -> Any:
    def refusing(self: Any, name: str, data: bytes) -> None:
        if threading.current_thread().name == "nosqlpy-compactor":
            fail(name)
        append(self, name, data)

    return refusing


def test_a_disk_without_room_for_the_number_of_the_process_does_not_keep_a_compaction_away(
    db: Client, monkeypatch: Any
) -> None:
    db["a"].insert({"_id": 1})
    monkeypatch.setattr(System, "write_at", refuse)

    assert db.compact()["segments_merged"] == 1


def refuse(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.skipif(sys.platform == "win32", reason="files in use are not removed there")
def test_a_compaction_of_a_directory_that_was_removed_is_refused(tmp_path: Path) -> None:
    db = Client(tmp_path / "data").open()
    db["a"].insert({"_id": 1})
    shutil.rmtree(tmp_path / "data")

    with pytest.raises(StorageError, match="cannot be kept as they are"):
        db.compact()
    with pytest.raises(StorageError, match="cannot be kept as they are"):
        db.backup(tmp_path / "copy")
    with suppress(StorageError):
        db.close()


def test_progress_is_told_at_the_beginning_after_each_frame_and_at_the_end(db: Client) -> None:
    db["a"].insert_many({"_id": n} for n in range(2500))
    told: list[tuple[int, int]] = []
    db.compact(progress=lambda *so_far: told.append(so_far))

    assert told == [(0, 2500), (1000, 2500), (2000, 2500), (2500, 2500)]


def test_what_progress_raises_gives_the_compaction_up(db: Client, tmp_path: Path) -> None:
    waste(db, 10)
    with pytest.raises(ZeroDivisionError):
        db.compact(progress=lambda done, total: 1 / 0)

    assert db.compact()["segments_merged"] == 2
    assert db.verify()["ok"]


def test_progress_cannot_compact_or_back_up(db: Client, tmp_path: Path) -> None:
    db["a"].insert({"_id": 1})
    for method in (lambda *_: db.compact(), lambda *_: db.backup(tmp_path / "copy")):
        with pytest.raises(InvalidOperation, match="this thread is compacting"):
            db.compact(progress=method)


def test_closing_ends_a_compaction_and_waits_for_its_end(tmp_path: Path) -> None:
    db = Client(tmp_path / "data", compaction="off").open()
    db["a"].insert_many({"_id": n} for n in range(5000))
    begun, ended, outcome = threading.Event(), threading.Event(), []

    def progress(done: int, total: int) -> None:
        begun.set()
        time.sleep(0.01)

    def work() -> None:
        try:
            db.compact(progress=progress)
        except ClosedError as error:
            outcome.append(error)
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    db.close()
    thread.join()

    assert len(outcome) == 1
    with Client(tmp_path / "data", create=False) as again:
        assert again["a"].count() == 5000
        assert again.recovery is not None
        assert again.recovery["clean"]


def test_progress_may_close_the_database(tmp_path: Path) -> None:
    db = Client(tmp_path / "data").open()
    db["a"].insert({"_id": 1})
    with pytest.raises(ClosedError):
        db.compact(progress=lambda done, total: db.close())

    with Client(tmp_path / "data", create=False) as again:
        assert again["a"].count() == 1


END = """
import sys, time
from nosqlpy import Client
from nosqlpy._core.engine import compaction, content
from nosqlpy._io import compacting
# a pause after each of 200 documents: the end waits for one of them, the whole would take longer than the deadline
compaction.DEAD_BYTES, content.FRAME_DOCUMENTS, compacting.PAUSE_S = 1000, 1, 2.0
db = Client(sys.argv[1], sync_interval=0.001)
db["a"].insert_many([{"_id": n} for n in range(2, 202)])
for n in range(500):
    db["a"].save({"_id": 1, "n": n, "pad": "x" * 100})
while not any("nosqlpy-compactor" == t.name for t in __import__("threading").enumerate()):
    time.sleep(0.001)
print("compacting")
"""


def test_a_compaction_does_not_keep_the_interpreter_from_ending(tmp_path: Path) -> None:
    source = str(Path(nosqlpy.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", END, str(tmp_path / "data")],
        env={"PYTHONPATH": source},
        capture_output=True,
        check=True,
        timeout=120,
    )

    assert done.stdout == b"compacting\n"
    with Client(tmp_path / "data", create=False) as db:
        assert db["a"].get(1)["n"] == 499


def test_compactions_go_on_while_others_write_and_back_up(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(compacting, "PAUSE_S", 0.0)
    with Client(tmp_path / "data", sync_interval=0.001, segment_size=20_000) as db:
        for number in range(5):
            waste(db, 200)
            db["b"].insert({"_id": number})
            db.backup(tmp_path / f"copy{number}")
        for number in range(5):
            with Client(tmp_path / f"copy{number}", create=False) as copy:
                assert copy["b"].count() == number + 1
                assert copy["a"].get(1)["n"] == 199
