"""Every operation of a fixed workload: the machine stops there, or the disk refuses it."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

from durability.exhaustive import DAMAGES, Point, crash, crash_inside, crash_points, disturb, kill, lose_power
from durability.scale import SCALE
from nosqlpy._core.engine import compaction, hints, snapshots
from nosqlpy._core.log.segment import BLOCK_MIN


@pytest.fixture(scope="module", autouse=True)
def hints_of_small_databases() -> Iterator[None]:
    """A database of any size is given a hint, and a snapshot of its indexes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hints, "NEW_MIN", 0)
        patch.setattr(compaction, "BLOCK_SIZE", BLOCK_MIN)
        patch.setattr(snapshots, "DOCUMENTS_MIN", 0)
        yield


@pytest.fixture(scope="module")
def points() -> list[Point]:
    return crash_points()


@pytest.fixture(scope="module")
def packed_points() -> list[Point]:
    return crash_points("zlib")


def test_the_workload_does_all_that_a_database_does_to_a_disk(points: list[Point]) -> None:
    counts = points[-1].disk.counts

    assert len(points) > 100
    assert set(counts) >= {"append", "sync", "write_file", "sync_directory", "replace", "remove", "read_file", "read"}


def test_a_crash_before_any_operation_leaves_a_legal_state(points: list[Point]) -> None:
    for point in points:
        for damage in range(DAMAGES * SCALE):
            crash(point, damage)


def test_a_crash_inside_any_operation_leaves_a_legal_state(points: list[Point]) -> None:
    """The operation at which the machine stops is done, in part or not at all."""
    for at in range(1, len(points)):
        for damage in range(4 * SCALE):
            crash_inside(at, damage)


def test_a_crash_at_any_operation_leaves_a_legal_state_where_compaction_compresses(packed_points: list[Point]) -> None:
    for at, point in enumerate(packed_points):
        crash(point, at % DAMAGES)
        if at % 4 == 1:
            crash_inside(at, at // 4 % 2, "zlib")


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_an_operation_that_fails_leaves_a_legal_state_where_compaction_compresses(code: int) -> None:
    at, step = code % 5 + 1, 1 if SCALE > 1 else 5
    while disturb(at, code, forever=False, end=lose_power, compression="zlib"):
        at += step

    assert at > 100


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("forever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize("end", [kill, lose_power])
def test_an_operation_that_fails_leaves_a_legal_state(code: int, forever: bool, end: object) -> None:
    at = 1
    while disturb(at, code, forever=forever, end=end):
        at += 1

    assert at > 100
