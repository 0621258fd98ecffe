from __future__ import annotations

from typing import Any

import pytest

from core.engine.logged import HEADER, Logged, fresh, new, request, state
from nosqlpy._core.engine import state as engine_state
from nosqlpy._core.engine import writes
from nosqlpy._core.engine.definitions import rename_collection
from nosqlpy._core.engine.slots import DELETION_SIZE, RECORD_SIZE
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.tail import Position, Tail
from nosqlpy._core.log.manifest import Manifest, SealedSegment
from nosqlpy._core.log.operation import Define, Delete, Put
from nosqlpy.errors import ClosedError, ReadOnlyError, StorageError, WriteError


def written() -> Logged:
    db = Logged()
    db.insert("a", {"_id": 1})
    return db


# ── refusals ────────────────────────────────────────────────────────────────────


def test_a_failed_engine_refuses_writes_with_the_first_reason() -> None:
    db = written()
    first = OSError("disk full")
    db.engine.fail(first)
    db.engine.fail(ValueError("later"))
    before = db.memory()

    with pytest.raises(StorageError, match="disk full") as caught:
        db.run(writes.insert_one, "a", new({"_id": 2}))
    assert caught.value.__cause__ is first
    assert db.engine.failed
    assert db.memory() == before


def test_a_failed_engine_can_still_be_read() -> None:
    db = written()
    db.engine.fail(OSError("disk full"))
    db.engine.check_usable()

    assert db.ids("a") == [1]


def test_a_write_that_changes_nothing_is_planned_even_on_a_failed_engine() -> None:
    db = written()
    db.engine.fail(OSError("disk full"))

    assert db.run(writes.delete_by_id, "a", 99) is False


def test_a_closed_engine_refuses_every_use() -> None:
    db = written()
    db.engine.fail(ClosedError("it is closed"))

    with pytest.raises(ClosedError, match="it is closed"):
        db.engine.check_usable()
    with pytest.raises(ClosedError, match="it is closed"):
        db.run(writes.insert_one, "a", new({"_id": 2}))


def test_a_fresh_engine_is_usable_and_writable() -> None:
    engine = fresh()
    engine.check_usable()
    engine.check_writable()

    assert not engine.failed


def test_an_engine_that_is_read_only_plans_no_write() -> None:
    engine = fresh(read_only=True)

    with pytest.raises(ReadOnlyError, match="read_only"):
        writes.insert_one(engine, "a", new({"_id": 2}))
    assert writes.delete(engine, "a", request({}).query, many=True).result.deleted_count == 0


def test_a_change_that_is_too_large_is_refused_and_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    db = written()
    before = db.memory()
    change = writes.insert_one(db.engine, "a", new({"_id": 2}))
    for limit in ("CHANGE_SIZE_MAX", "PART_BYTES"):  # what is no larger than the second is not held against the first
        monkeypatch.setattr(engine_state, limit, len(change.data) - 1)

    with pytest.raises(WriteError, match="split it"):
        db.run(writes.insert_one, "a", new({"_id": 2}))
    assert db.memory() == before
    monkeypatch.setattr(engine_state, "CHANGE_SIZE_MAX", len(change.data))
    assert db.run(writes.insert_one, "a", new({"_id": 2})) == 2


# ── the tail ────────────────────────────────────────────────────────────────────


def test_no_operation_is_no_frame() -> None:
    db = written()
    change = db.engine.change([], "result")

    assert (change.data, change.start, change.end) == (b"", db.engine.tail.end, db.engine.tail.end)
    assert db.engine.apply(change) == "result"


def test_planning_twice_gives_the_same_frame() -> None:
    db = written()

    assert writes.insert_one(db.engine, "a", new({"_id": 2})) == writes.insert_one(db.engine, "a", new({"_id": 2}))


def test_each_change_moves_the_tail_by_one_frame() -> None:
    db = written()
    start = db.engine.tail.end
    change = db.engine.change([Delete(1, [1], [1])], None)
    db.commit(change)

    assert db.engine.tail.end == Position(start.size + len(change.data), start.lsn + 1, change.end.crc)
    assert db.engine.begun == db.engine.applied == start.lsn + 1


def test_a_change_whose_apply_was_interrupted_shows_and_can_be_repeated() -> None:
    db = written()

    class Interrupting(dict[Any, bytes]):
        def __setitem__(self, key: Any, document: bytes) -> None:
            raise KeyboardInterrupt

    held = db.engine.collections["a"]
    before = held.slots._held
    held.slots._use(Interrupting(before))
    change = db.engine.change([Put(1, [2], [2], [new({"_id": 2}).data])], None)
    with pytest.raises(KeyboardInterrupt):
        db.engine.apply(change)

    assert (db.engine.begun, db.engine.applied) == (change.end.lsn, change.start.lsn)
    assert db.engine.tail.end == change.start
    held.slots._use(before)
    db.engine.apply(change)
    assert db.ids("a") == [1, 2]
    assert db.engine.begun == db.engine.applied


def test_numbers_of_segments_begin_after_all_that_there_are() -> None:
    sealed = (SealedSegment(7, 0, 0, 64, 0), SealedSegment(2, 0, 0, 64, 0))
    engine = Engine(Manifest(HEADER.database, 1, sealed, 1), Tail.start(HEADER))

    assert [engine.take_segment_number(), engine.take_segment_number()] == [8, 9]


# ── replaying ───────────────────────────────────────────────────────────────────


def test_a_rename_whose_apply_was_interrupted_between_its_two_names_is_finished_by_repeating_it() -> None:
    db = Logged()
    db.insert("a", {"_id": 1})
    db.insert("b", {"_id": 2})
    change = rename_collection(db.engine, "a", "b", drop_target=True)
    db.segment += change.data
    db.engine.collections["a"].name = "b"
    db.engine.apply(change)

    assert list(db.engine.collections) == ["b"]
    assert db.ids("b") == [1]
    db.check()


@pytest.mark.parametrize("verb", ["drop", "clear", "rename", "index", "unindex"])
def test_a_definition_of_what_a_repeated_change_has_dropped_does_nothing(verb: str) -> None:
    engine = fresh()
    engine.replay(Define(5, verb, {"name": "x", "keys": [["x", 1]]}))

    assert state(engine) == []


def test_a_verb_that_is_unknown_is_refused_and_changes_nothing() -> None:
    db = written()
    before = state(db.engine)
    with pytest.raises(ValueError, match="'hide' is nothing that is done to a collection"):
        db.engine.replay(Define(1, "hide", {}))

    assert state(db.engine) == before


def test_an_operation_that_is_none_changes_nothing() -> None:
    db = written()
    before = state(db.engine)
    db.engine.replay(None)  # type: ignore[arg-type]

    assert state(db.engine) == before


@pytest.mark.parametrize("operation", [Put(9, [1], [1], [b""]), Delete(9, [1], [1])], ids=["put", "delete"])
def test_a_document_of_no_collection_is_an_error(operation: Any) -> None:
    with pytest.raises(KeyError):
        fresh().replay(operation)


# ── statistics ──────────────────────────────────────────────────────────────────


def test_statistics_add_up_what_lives_and_what_is_dead() -> None:
    db = written()
    db.insert("b", {"_id": 1}, {"_id": 2})
    db.run(writes.delete_by_id, "b", 2)
    stats = db.engine.stats()
    live = sum(len(blob) for held in db.engine.collections.values() for blob in held.slots.all())

    assert (stats["collections"], stats["documents"], stats["segments"], stats["commits"]) == (2, 2, 1, 3)
    assert stats["live_bytes"] == live
    assert stats["disk_bytes"] == len(db.segment)
    assert stats["dead_bytes"] == len(new({"_id": 2}).data) + RECORD_SIZE + DELETION_SIZE < len(db.segment) - live


def test_a_log_without_dead_records_has_no_dead_bytes() -> None:
    db = written()
    db.index("a", "x")

    assert db.engine.stats()["dead_bytes"] == 0


@pytest.mark.parametrize("verb", ["drop", "clear"])
def test_all_documents_of_a_collection_die_at_once(verb: str) -> None:
    db = Logged()
    db.insert("a", *({"_id": n, "x": "x" * 50} for n in range(9)))
    live = db.engine.stats()["live_bytes"]
    db.commit(db.engine.change([Define(1, verb, {})], None))
    stats = db.engine.stats()

    assert (stats["live_bytes"], stats["resident_bytes"]) == (0, 0)
    assert live < stats["dead_bytes"] <= stats["disk_bytes"]


def test_bytes_are_counted_once_however_often_an_interrupted_apply_is_repeated() -> None:
    db = written()
    change = db.engine.change([Put(1, [1, 2], [1, 2], [new({"_id": 1, "x": 1}).data, new({"_id": 2}).data])], None)
    db.segment += change.data
    for _ in range(3):
        db.engine.begun = change.end.lsn
        db.engine.apply(change)
    size = sum(map(len, db.engine.collections["a"].slots.all()))

    assert (db.engine.stats()["live_bytes"], db.engine.memory.resident) == (size, size)
