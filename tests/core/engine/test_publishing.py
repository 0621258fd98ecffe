"""Publishing, driven by hand: each effect is looked at, and answered or refused."""

from __future__ import annotations

import contextlib

import msgspec
import pytest

from core.engine.logged import fresh
from core.engine.world import World, ids, written
from nosqlpy._core.engine import effects
from nosqlpy._core.engine.effects import (
    DoubtfulError,
    Procedure,
    RandomBytes,
    Remove,
    Replace,
    Sync,
    SyncDirectory,
    WriteFile,
)
from nosqlpy._core.engine.publish import InDoubtError, create_active, mark, publish, remove, rotate, sync, write_new
from nosqlpy._core.log.manifest import MANIFEST, decode_manifest
from nosqlpy._core.log.segment import HEADER_SIZE, decode_header, segment_name

FAILURE = OSError(5, "the disk failed")


def test_a_manifest_is_written_under_a_name_of_its_own_and_then_put_in_its_place() -> None:
    manifest = fresh().manifest
    steps = publish(manifest)

    assert next(steps) == RandomBytes(8)
    temporary = "MANIFEST-0102030405060708.tmp"
    assert steps.send(bytes(range(1, 9))) == WriteFile(temporary, manifest.encode())
    assert next(steps) == Replace(temporary, MANIFEST)
    assert next(steps) == SyncDirectory()
    with pytest.raises(StopIteration):
        next(steps)


def test_a_manifest_that_cannot_be_written_is_removed_and_not_in_doubt() -> None:
    steps = publish(fresh().manifest)
    next(steps)
    written_to = steps.send(bytes(8)).name

    assert steps.throw(FAILURE) == Remove(written_to)
    with pytest.raises(OSError, match="disk failed") as caught:
        next(steps)
    assert not isinstance(caught.value, InDoubtError)


def test_an_error_other_than_the_systems_goes_through() -> None:
    steps = publish(fresh().manifest)
    next(steps)
    steps.send(bytes(8))

    with pytest.raises(KeyboardInterrupt):
        steps.throw(KeyboardInterrupt())


def doubted(procedure: Procedure[None]) -> Procedure[None]:
    """Do as `procedure`, whose first effect is a sync that is not to be believed."""
    assert type(next(procedure)) is Sync
    effect = procedure.throw(DoubtfulError(5, "it may have failed"))
    with contextlib.suppress(StopIteration):
        while True:
            effect = procedure.send((yield effect))


def test_a_segment_whose_sync_is_in_doubt_is_sealed_as_a_copy() -> None:
    world, engine = written(1, 2)
    old, end = engine.tail.name, engine.tail.end
    world.run(doubted(rotate(engine)))
    (sealed,) = engine.manifest.sealed

    assert segment_name(sealed.number) != old
    assert (sealed.size, sealed.last_lsn, sealed.crc) == (end.size, end.lsn, end.crc)
    assert ids(world.open().engine) == [1, 2]


def test_a_log_whose_sync_is_in_doubt_is_closed_behind_a_copy() -> None:
    world, engine = written(1, 2)
    world.run(doubted(mark(engine, clean=True)))
    manifest = decode_manifest(world.files[MANIFEST])

    assert [segment.last_lsn for segment in manifest.sealed] == [engine.tail.end.lsn]
    assert manifest.clean_size == engine.tail.end.size == HEADER_SIZE
    assert ids(world.open().engine) == [1, 2]


def test_a_sync_that_fails_is_not_tried_again() -> None:
    steps = sync("seg-00000001.nql")

    assert next(steps) == Sync("seg-00000001.nql")
    with pytest.raises(InDoubtError, match=r"seg-00000001\.nql") as caught:
        steps.throw(FAILURE)
    assert caught.value.__cause__ is FAILURE


def test_files_that_can_be_removed_are_although_one_cannot() -> None:
    steps = remove(["a", "b"])

    assert next(steps) == Remove("a")
    assert steps.throw(FAILURE) == Remove("b")
    with pytest.raises(StopIteration):
        next(steps)


def test_a_file_that_was_written_stays() -> None:
    steps = write_new("f", b"data")

    assert next(steps) == WriteFile("f", b"data")
    with pytest.raises(StopIteration):
        next(steps)


def test_a_new_segment_begins_with_a_header_of_its_place_and_is_durable() -> None:
    steps = create_active(b"d" * 16, 3, 10, 77)
    next(steps)
    file = steps.send(b"\x01\x02\x03\x04")

    assert isinstance(file, WriteFile)
    header = decode_header(file.data, file=file.name)
    assert (header.number, header.base_lsn, header.prev_crc, header.salt) == (3, 10, 77, 0x04030201)
    assert next(steps) == SyncDirectory()
    with pytest.raises(StopIteration) as done:
        next(steps)
    tail = done.value.value
    assert (tail.header, tail.end.lsn, tail.end.size, tail.name) == (header, 10, HEADER_SIZE, file.name)


def test_a_rotation_goes_on_where_the_sealed_segment_ends() -> None:
    world, engine = written(1)
    end = engine.tail.end
    world.run(rotate(engine))
    sealed = engine.manifest.sealed[-1]

    assert (sealed.last_lsn, sealed.size, sealed.crc) == (end.lsn, end.size, end.crc)
    assert (engine.tail.end.lsn, engine.tail.end.crc, engine.tail.end.size) == (end.lsn, end.crc, HEADER_SIZE)
    assert decode_manifest(world.files[MANIFEST]) == engine.manifest


def test_a_segment_whose_manifest_cannot_be_written_is_removed() -> None:
    world, engine = written(1)
    files, before = dict(world.files), (engine.manifest, engine.tail)

    class Refusing(World):
        def _change(self, effect: effects.Effect) -> object:
            if isinstance(effect, WriteFile) and effect.name.startswith(MANIFEST):
                raise FAILURE
            return super()._change(effect)

    refusing = Refusing(files)
    with pytest.raises(OSError, match="disk failed"):
        refusing.run(rotate(engine))

    assert refusing.files == files
    assert (engine.manifest, engine.tail) == before


def test_a_mark_of_a_clean_end_says_where_the_log_ends() -> None:
    world, engine = written(1)
    world.done.clear()
    world.run(mark(engine, clean=True))

    assert (engine.manifest.clean_size, engine.manifest.clean_crc) == (engine.tail.end.size, engine.tail.end.crc)
    assert world.done == ["Sync", "WriteFile", "Replace", "SyncDirectory"]


def test_a_mark_of_an_open_database_syncs_no_log_and_promises_nothing() -> None:
    world, engine = written(1)
    world.run(mark(engine, clean=True))
    world.done.clear()
    world.run(mark(engine, clean=False))

    assert (engine.manifest.clean_size, engine.manifest.clean_crc) == (None, 0)
    assert world.done == ["WriteFile", "Replace", "SyncDirectory"]


def test_a_mark_that_fails_leaves_the_manifest_that_the_engine_knows() -> None:
    world, engine = written(1)
    manifest = msgspec.structs.replace(engine.manifest)
    world.failing = effects.Replace

    with pytest.raises(InDoubtError):
        world.run(mark(engine, clean=True))
    assert engine.manifest == manifest
