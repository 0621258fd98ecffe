"""What differs between systems, through stand-ins for what only those have. Nothing here ran on macOS or Windows."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nosqlpy._core.engine import reads
from nosqlpy._core.engine.intake import encode_new
from nosqlpy._core.engine.writes import insert_one
from nosqlpy._io.compacting import compact
from nosqlpy._io.database import Database
from nosqlpy._io.options import parse_options
from nosqlpy._io.storage import system as systems
from nosqlpy._io.storage.files import FileStorage
from nosqlpy._io.storage.system import MacOS, System, Windows
from nosqlpy.errors import LockedError


class Locking:
    """The module msvcrt, as far as it locks: one byte of a file, for one descriptor."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self) -> None:
        self.held: dict[int, int] = {}

    def locking(self, descriptor: int, mode: int, size: int) -> None:
        assert size == 1
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 1 << 30
        inode = os.fstat(descriptor).st_ino
        if mode == self.LK_UNLCK:
            del self.held[inode]
        elif self.held.setdefault(inode, descriptor) != descriptor:
            raise PermissionError(errno.EACCES, "the byte is locked")


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Windows:
    for name in ("pread", "pwrite", "fdatasync", "fstatvfs"):
        monkeypatch.delattr(os, name)  # as it is there
    return Windows(Locking())


def database(place: Path, system: System, **options: Any) -> Database:
    place.mkdir(exist_ok=True)
    return Database(FileStorage(place, system=system), parse_options(place, {"exclusive": True, **options}))


def insert(opened: Database, number: int) -> None:
    new = encode_new({"_id": number, "text": "x" * 50}, 1 << 20)
    opened.exclusively(opened.commit, "durable", insert_one, "things", new)


def ids(opened: Database) -> list[int]:
    return [number for number in range(100) if reads.get(opened.engine, "things", number)]


def test_a_database_on_windows_is_found_again(tmp_path: Path, windows: Windows) -> None:
    opened = database(tmp_path / "data", windows, segment_size=400)
    for number in range(20):
        insert(opened, number)
    compact(opened)
    insert(opened, 20)
    opened.close()
    again = database(tmp_path / "data", windows)

    assert ids(again) == list(range(21))
    assert again.verify()
    again.close()


def test_a_database_on_windows_belongs_to_one_process(tmp_path: Path, windows: Windows) -> None:
    opened = database(tmp_path / "data", windows)
    insert(opened, 1)

    with pytest.raises(LockedError):
        database(tmp_path / "data", windows, lock_timeout=0.0)
    opened.close()
    database(tmp_path / "data", windows, lock_timeout=0.0).close()


def test_on_windows_every_client_is_exclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nosqlpy._io.options.SYSTEM", Windows(Locking()))

    assert parse_options("data", {}).exclusive


def test_a_file_that_somebody_has_open_on_windows_is_replaced_a_little_later(
    tmp_path: Path, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").write_bytes(b"2")
    (tmp_path / "old").write_bytes(b"1")
    replace, refusals = os.replace, [PermissionError(), PermissionError()]

    def reluctant(*names: Any) -> None:
        if refusals:
            raise refusals.pop()
        replace(*names)

    monkeypatch.setattr(os, "replace", reluctant)
    windows.replace(tmp_path, "new", "old")

    assert (tmp_path / "old").read_bytes() == b"2"
    assert not refusals


def test_a_file_on_windows_that_stays_open_is_not_replaced(
    tmp_path: Path, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError

    clock: Iterator[float] = iter((0.0, 0.5, 1.5))
    monkeypatch.setattr(systems, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None))
    monkeypatch.setattr(os, "replace", refuse)

    with pytest.raises(PermissionError):
        windows.replace(tmp_path, "new", "old")
    assert next(clock, None) is None


def test_a_sync_on_macos_reaches_the_drive(tmp_path: Path) -> None:
    asked: list[tuple[int, int]] = []
    opened = database(tmp_path / "data", MacOS(51, lambda *arguments: asked.append(arguments)))
    before = len(asked)
    insert(opened, 1)
    lsn = opened.last_lsn()
    opened.wait_durable(lsn)

    assert {command for _, command in asked} == {51}
    assert len(asked) > before
    opened.close()


@pytest.mark.parametrize(("number", "synced"), [(errno.ENOTSUP, True), (errno.EIO, False)])
def test_a_drive_that_cannot_be_asked_is_synced_and_one_that_fails_is_not(
    monkeypatch: pytest.MonkeyPatch, number: int, synced: bool
) -> None:
    def refuse(_descriptor: int, _command: int) -> None:
        raise OSError(number, "no")

    plain: list[int] = []
    monkeypatch.setattr(os, "fsync", plain.append)
    system = MacOS(51, refuse)

    if synced:
        system.sync(7)
    else:
        with pytest.raises(OSError, match="no"):
            system.sync(7)
    assert plain == ([7] if synced else [])
