from __future__ import annotations

import pytest

from core.engine.world import World, ids, written
from nosqlpy._core.engine.publish import mark
from nosqlpy.errors import CorruptionError


def torn(*, size: int = 9) -> World:
    """Return what a crash in the middle of an append leaves."""
    world, engine = written(1, 2)
    world.files[engine.tail.name] += b"x" * size
    return World(world.files)


def test_a_strict_opening_refuses_a_torn_tail_and_changes_nothing() -> None:
    world = torn()
    before, size = dict(world.files), len(world.files["seg-00000001.nql"])
    with pytest.raises(CorruptionError, match=rf"seg-00000001\.nql ends in 9 bytes, from byte {size - 9} on") as caught:
        world.open(strict=True)

    assert caught.value.details == {"file": "seg-00000001.nql", "offset": size - 9, "bytes": 9}
    assert world.files == before


def test_a_strict_reader_refuses_a_torn_tail_too() -> None:
    with pytest.raises(CorruptionError, match="no whole frame"):
        torn().open(strict=True, read_only=True)


def test_a_default_opening_reports_what_it_cut_off_and_where() -> None:
    world = torn()
    size = len(world.files["seg-00000001.nql"])
    recovered = world.open()

    assert ids(recovered.engine) == [1, 2]
    assert (recovered.report.torn_bytes, recovered.report.torn_file) == (9, "torn-00000001.bin")
    assert (recovered.report.segment, recovered.report.offset) == ("seg-00000001.nql", size - 9)
    assert world.files["torn-00000001.bin"] == b"x" * 9


def test_a_strict_opening_takes_a_log_that_ends_with_a_whole_frame() -> None:
    world, _ = written(1, 2)
    report = World(world.files).open(strict=True).report

    assert not report.clean
    assert (report.torn_bytes, report.segment, report.offset) == (0, None, None)


def test_a_strict_opening_takes_a_database_that_was_closed() -> None:
    world, engine = written(1, 2)
    world.run(mark(engine, clean=True))

    assert World(world.files).open(strict=True).report.clean


def test_after_a_default_opening_a_strict_one_succeeds() -> None:
    world = torn()
    world.open()

    assert ids(World(world.files).open(strict=True).engine) == [1, 2]
