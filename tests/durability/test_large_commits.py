"""Commits that are written in parts: atomic under every crash, as small ones are."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from durability.exhaustive import crash_inside, crash_points, disturb, kill, lose_power
from durability.scale import SCALE
from durability.simulation import run_seed
from nosqlpy import Client, WriteError
from nosqlpy._core.engine import state
from nosqlpy._core.log import frame
from nosqlpy._core.log.frame import scan_segment
from nosqlpy._core.log.operation import KIND_COMMIT, KIND_PART
from nosqlpy._core.log.segment import decode_header


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly every write of several documents is larger than a part."""
    monkeypatch.setattr(frame, "PART_BYTES", 150)


@pytest.mark.usefixtures("small_parts")
def test_a_crash_inside_any_operation_leaves_a_legal_state() -> None:
    for at in range(1, len(crash_points())):
        for damage in range(2 * SCALE):
            crash_inside(at, damage)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("end", [kill, lose_power])
def test_an_operation_that_fails_leaves_a_legal_state(end: object) -> None:
    at = 1
    while disturb(at, errno.ENOSPC, forever=False, end=end):
        at += 1

    assert at > 100


@pytest.mark.usefixtures("small_parts")
def test_random_lives_hold_only_legal_states() -> None:
    for seed in range(60 * SCALE):
        run_seed(7_000_000 + seed)


def test_a_write_of_100_mib_is_one_commit_in_parts(tmp_path: Path) -> None:
    with Client(tmp_path / "data", segment_size=1 << 30) as db:
        db["a"].insert_many({"_id": n, "pad": "x" * (1 << 20)} for n in range(100))
        changed = db["a"].update_many({}, {"$set": {"n": 1}})
        kinds = [f.kind for f in frames_of(tmp_path / "data")]

        assert changed.modified_count == 100
        assert kinds[-1] == KIND_COMMIT
        assert kinds.count(KIND_PART) >= 3
    with Client(tmp_path / "data", create=False) as db:
        assert db["a"].count({"n": 1}) == 100
        assert db.verify()["ok"]


def frames_of(directory: Path) -> list[frame.Frame]:
    data = max(directory.glob("seg-*"), key=lambda path: path.stat().st_size).read_bytes()
    return scan_segment(data, decode_header(data, file="x")).frames


@pytest.mark.usefixtures("small_parts")
def test_documents_of_parts_are_read_from_their_places(tmp_path: Path) -> None:
    with Client(tmp_path / "data", memory_budget=0) as db:
        db["a"].insert_many({"_id": n, "pad": "x" * 50} for n in range(100))
        db["a"].update_many({}, {"$set": {"n": 1}})
        db["a"].delete_many({"_id": {"$lt": 10}})

        assert db["a"].get(50) == {"_id": 50, "pad": "x" * 50, "n": 1}
        assert db["a"].count({"n": 1}) == 90
        db.compact()
        assert db["a"].count({"n": 1}) == 90
        db.backup(tmp_path / "copy")
    for place in ("data", "copy"):
        with Client(tmp_path / place, memory_budget=0, create=False) as db:
            assert db["a"].count({"n": 1}) == 90


def test_the_whole_of_a_write_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "PART_BYTES", 500)
    monkeypatch.setattr(state, "CHANGE_SIZE_MAX", 5000)
    with Client(tmp_path / "data") as db:
        db["a"].insert_many({"_id": n} for n in range(200))
        with pytest.raises(WriteError, match="the limit is 5000: split it"):
            db["a"].update_many({}, {"$set": {"pad": "x" * 100}})

        assert db["a"].count({"pad": {"$exists": True}}) == 0


@pytest.mark.usefixtures("small_parts")
def test_a_repair_takes_a_commit_in_parts_as_one(tmp_path: Path) -> None:
    with Client(tmp_path / "data") as db:
        db["a"].insert_many({"_id": n, "pad": f"needle{n:03}"} for n in range(50))
        db["a"].update_many({}, {"$set": {"n": 1}})
    whole = Client.repair(tmp_path / "data", tmp_path / "whole")
    segment = max((tmp_path / "data").glob("seg-*"), key=lambda path: path.stat().st_size)
    data = segment.read_bytes()
    segment.write_bytes(data[:-40])  # without its end the update is nothing
    torn = Client.repair(tmp_path / "data", tmp_path / "torn")

    assert (whole["complete"], torn["complete"]) == (True, False)
    with Client(tmp_path / "torn") as db:
        assert (db["a"].count(), db["a"].count({"n": 1})) == (50, 0)
    with Client(tmp_path / "whole") as db:
        assert db["a"].count({"n": 1}) == 50
