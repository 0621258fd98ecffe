"""Following on the core alone: one engine takes in what another has written to the same files."""

from __future__ import annotations

from typing import Any

import pytest

from core.engine.hinted import BUDGET, compact, delete, put
from core.engine.world import OpenFile, World, ids, write
from nosqlpy._core.engine import following
from nosqlpy._core.engine.following import ReopenedError
from nosqlpy._core.engine.publish import begin_epoch, mark, rotate
from nosqlpy._core.engine.reader import Reader
from nosqlpy._core.engine.recovery import load
from nosqlpy._core.engine.shared import Watermark
from nosqlpy._core.engine.slots import Memory
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.manifest import MANIFEST
from nosqlpy._core.log.operation import Define
from nosqlpy.errors import CorruptionError, StorageError


def two() -> tuple[World, Engine, Engine]:
    """Return a writer and a follower at the same files."""
    world = World()
    writer = world.open(budget=BUDGET).engine
    world.run(mark(writer, clean=False))
    write(world, writer, Define(1, "create", {"name": "a"}), put({"_id": 1}))
    return world, writer, loaded(world)


def loaded(world: World) -> Engine:
    """Return another engine at the same files, as a process has it that comes while others write."""
    memory = Memory(BUDGET, Reader(lambda name: OpenFile(world, name)))
    return world.run(load(read_only=False, memory=memory)).engine


def follow(world: World, follower: Engine, upto: int | None = None, **options: Any) -> int:
    return world.run(following.follow(follower, upto=upto, **options))


def test_what_another_has_appended_is_applied() -> None:
    world, writer, follower = two()
    write(world, writer, put({"_id": 2}, {"_id": 3}))
    write(world, writer, delete(1))
    rest = follow(world, follower)

    assert (rest, ids(follower)) == (0, [2, 3])
    assert follower.tail.end == writer.tail.end


def test_frames_past_the_bell_are_left() -> None:
    world, writer, follower = two()
    write(world, writer, put({"_id": 2}))
    known = writer.tail.end.lsn
    write(world, writer, put({"_id": 3}))
    follow(world, follower, known)

    assert ids(follower) == [1, 2]


def test_segments_that_were_sealed_meanwhile_are_gone_through() -> None:
    world, writer, follower = two()
    for number in range(2, 6):
        write(world, writer, put({"_id": number}))
        world.run(rotate(writer))
    follow(world, follower, writer.tail.end.lsn)

    assert ids(follower) == [1, 2, 3, 4, 5]
    assert follower.manifest == writer.manifest
    assert follower.tail.header == writer.tail.header


def test_a_base_stands_for_what_was_read_already() -> None:
    world, writer, follower = two()
    compact(world, writer)
    write(world, writer, put({"_id": 2}))
    follow(world, follower, writer.tail.end.lsn)

    assert ids(follower) == [1, 2]
    assert follower.manifest == writer.manifest


def test_what_was_compacted_away_before_it_was_read_is_read_from_the_base() -> None:
    world, writer, follower = two()
    write(world, writer, put({"_id": 2}), delete(1))
    compact(world, writer)
    write(world, writer, put({"_id": 3}))
    follow(world, follower, writer.tail.end.lsn)

    assert ids(follower) == [2, 3]
    assert follower.tail.end == writer.tail.end


def test_a_part_of_a_frame_is_counted_and_left() -> None:
    world, writer, follower = two()
    write(world, writer, put({"_id": 2}))
    world.files[writer.tail.name] += b"a part"

    assert follow(world, follower) == len(b"a part")
    assert ids(follower) == [1, 2]


def test_what_a_dead_writer_has_left_is_cut_off_under_the_lock() -> None:
    world, writer, follower = two()
    whole = world.files[writer.tail.name]
    world.files[writer.tail.name] += b"a part"
    world.run(following.catch_up(follower, unsettled=True, moved=False, watermark=None))

    assert world.files[writer.tail.name] == whole


def test_what_one_has_left_who_published_a_manifest_and_died_while_he_wrote_is_cut_off() -> None:
    world, writer, follower = two()
    whole = world.files[writer.tail.name]
    world.run(mark(writer, clean=False))
    world.files[writer.tail.name] += b"a part"
    world.run(following.catch_up(follower, unsettled=True, moved=True, watermark=None))

    assert world.files[writer.tail.name] == whole


def test_what_was_durable_is_not_cut_off() -> None:
    world, writer, follower = two()
    header = writer.tail.header
    world.files[writer.tail.name] += b"a part of something larger"
    size, end = len(world.files[writer.tail.name]), writer.tail.end
    durable = Watermark(0, header.number, header.salt, size, end.lsn, end.crc)

    with pytest.raises(CorruptionError):
        world.run(following.catch_up(follower, unsettled=True, moved=False, watermark=durable))


def test_a_frame_that_does_not_follow_what_was_read_is_corruption() -> None:
    world, writer, follower = two()
    before = dict(world.files)
    write(world, writer, put({"_id": 2}))
    follow(world, follower)
    other = World(before)
    rival = loaded(other)
    write(other, rival, put({"_id": 9}), put({"_id": 10}))
    write(other, rival, put({"_id": 11}))
    world.files[writer.tail.name] = other.files[writer.tail.name]

    with pytest.raises(CorruptionError):
        world.run(following.catch_up(follower, unsettled=True, moved=True, watermark=None))


def test_after_a_recovery_nobody_goes_on_from_before() -> None:
    world, writer, follower = two()
    world.run(begin_epoch(writer))

    with pytest.raises(ReopenedError):
        follow(world, follower, moved=True)


def test_a_manifest_that_is_gone_is_an_error_that_says_so() -> None:
    world, _, follower = two()
    del world.files[MANIFEST]

    with pytest.raises(StorageError, match="was removed"):
        follow(world, follower, moved=True)


def test_a_segment_number_of_another_is_not_taken() -> None:
    world, writer, follower = two()
    for _ in range(3):
        world.run(rotate(writer))
    world.run(following.refresh(follower))

    assert follower.next_segment > writer.manifest.active
