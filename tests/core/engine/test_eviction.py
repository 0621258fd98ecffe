from __future__ import annotations

from typing import Any

import pytest

from core.engine.compacting import compact_and_rebase
from core.engine.logged import state
from core.engine.world import World, ids, put, write, written
from nosqlpy._core.engine import compaction
from nosqlpy._core.engine.eviction import due, evict
from nosqlpy._core.engine.publish import rotate
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.operation import Define, Delete, Put
from nosqlpy._core.values.codec import encode_document
from nosqlpy.errors import CorruptionError, FormatVersionError


def several(*documents: dict[str, Any]) -> Put:
    ids = [document["_id"] for document in documents]
    return Put(1, list(ids), ids, [encode_document(document) for document in documents])


def squeeze(engine: Engine) -> None:
    evict(engine, engine.tail.end.size)


def places(engine: Engine) -> int:
    return engine.collections["a"].slots.places


def whole(engine: Engine) -> list[bytes]:
    return list(engine.collections["a"].slots.all()[:])


def test_without_a_budget_nothing_is_ever_due() -> None:
    assert not due(written(1, 2, 3)[1])


@pytest.mark.parametrize("budget", [0, 20, 1000])
def test_documents_that_were_evicted_are_read_as_they_were(budget: int) -> None:
    world, engine = written(*range(9), budget=budget)
    write(world, engine, several({"_id": 20, "x": 1}, {"_id": 21, "x": "long" * 500}), put(3), Delete(1, [4], [4]))
    expected = whole(engine)
    squeeze(engine)

    assert engine.memory.resident <= budget
    assert engine.memory.resident == engine.collections["a"].slots.resident
    assert whole(engine) == expected
    assert ids(engine) == [0, 1, 2, 3, 5, 6, 7, 8, 20, 21]
    assert engine.collections["a"].slots.get(21) == expected[-1]


def test_the_oldest_documents_go_first() -> None:
    size = len(encode_document({"_id": 1}))
    _, engine = written(*range(10), budget=8 * size)
    squeeze(engine)
    slots = [slot for _, slot in engine.collections["a"].slots.items()]

    assert [type(slot) for slot in slots] == [int] * 3 + [bytes] * 7


def test_an_eviction_goes_on_where_the_last_one_ended() -> None:
    world, engine = written(*range(10), budget=0)
    squeeze(engine)
    world.parts.clear()
    write(world, engine, put(11))
    squeeze(engine)

    assert places(engine) == 11
    assert len(world.parts) == 1
    assert world.parts[0][1] > 200


def test_documents_in_all_segments_are_evicted() -> None:
    world, engine = written(1, 2, budget=0)
    world.run(rotate(engine))
    write(world, engine, put(3))
    world.run(rotate(engine))
    squeeze(engine)

    assert (places(engine), ids(engine)) == (3, [1, 2, 3])


def test_what_is_replaced_while_it_is_a_place_is_found_again() -> None:
    world, engine = written(1, 2, budget=0)
    squeeze(engine)
    write(world, engine, several({"_id": 1, "new": True}))
    squeeze(engine)

    assert engine.collections["a"].slots.get(1) == encode_document({"_id": 1, "new": True})
    assert engine.stats()["live_bytes"] == sum(map(len, whole(engine)))


def test_a_frame_that_has_not_reached_the_file_is_left_alone() -> None:
    world, engine = written(1, budget=0)
    end = engine.tail.end.size
    write(world, engine, put(2))
    evict(engine, end)

    assert places(engine) == 1


@pytest.mark.parametrize("verb", ["drop", "clear"])
def test_documents_of_a_collection_that_is_gone_are_passed_over(verb: str) -> None:
    world, engine = written(1, 2, budget=0)
    write(world, engine, Define(1, verb, {}))
    write(world, engine, Define(2, "create", {"name": "b"}))
    squeeze(engine)

    assert engine.memory.resident == 0


def test_an_index_over_evicted_documents_leads_to_them_and_moves_with_them() -> None:
    world, engine = written(budget=0)
    write(world, engine, several(*({"_id": n, "x": n % 3} for n in range(9))))
    squeeze(engine)
    write(world, engine, Define(1, "index", {"name": "x_1", "keys": [["x", 1]]}))
    write(world, engine, several({"_id": 0, "x": 1}), Delete(1, [1], [1]))
    squeeze(engine)
    index = engine.collections["a"].indexes.by_name["x_1"]

    assert (sorted(index.lookup(0)), sorted(index.lookup(1))) == ([3, 6], [0, 4, 7])


def test_applying_a_write_reads_nothing() -> None:
    world, engine = written(budget=0)
    write(world, engine, several(*({"_id": n, "x": n % 3} for n in range(9))))
    write(world, engine, Define(1, "index", {"name": "x_1", "keys": [["x", 1]]}))
    squeeze(engine)
    for operations in (
        [several({"_id": 0, "x": 1}), Delete(1, [1], [1])],
        [Define(1, "index", {"name": "y_1", "keys": [["y", 1]]})],
    ):
        change = engine.change(operations, None)
        world.files[engine.tail.name] += change.data
        world.parts.clear()
        engine.apply(change)

        assert world.parts == []


def test_an_index_that_was_prepared_for_a_refused_write_is_not_used_for_another() -> None:
    world, engine = written(budget=0)
    write(world, engine, several(*({"_id": n, "x": n} for n in range(3))))
    squeeze(engine)
    definition = Define(1, "index", {"name": "x_1", "keys": [["x", 1]]})
    engine.change([definition], None)
    write(world, engine, several({"_id": 9, "x": 9}))
    write(world, engine, definition)

    assert list(engine.collections["a"].indexes.by_name["x_1"].lookup(9)) == [9]


def test_after_a_compaction_places_are_those_of_the_base() -> None:
    world, engine = written(*range(9), budget=0)
    squeeze(engine)
    before = whole(engine)
    compact_and_rebase(world, engine)

    assert whole(engine) == before
    assert {slot >> 112 for _, slot in engine.collections["a"].slots.items()} == {engine.manifest.sealed[0].number}
    assert set(engine.memory.files().files) <= {segment.number for segment in engine.manifest.sealed}


def test_what_is_written_during_a_compaction_keeps_its_place() -> None:
    world, engine = written(*range(5), budget=0)
    squeeze(engine)
    moment = world.run(compaction.begin(engine))
    write(world, engine, several({"_id": 2, "new": True}), Delete(1, [3], [3]))
    squeeze(engine)
    base = world.run(compaction.write_base(moment))
    world.run(compaction.finish(engine, moment, base))
    world.run(compaction.sweep(moment))
    for _ in compaction.rebase(engine, moment):
        assert ids(engine) == [0, 1, 2, 4]

    assert engine.collections["a"].slots.get(2) == encode_document({"_id": 2, "new": True})


@pytest.mark.parametrize("change", [None, "same again"])
def test_what_is_evicted_during_a_compaction_is_found_when_the_segments_are_gone(change: str | None) -> None:
    world, engine = written(*range(5), budget=0)
    write(world, engine, several({"_id": 2, "x": "later"}))
    moment = world.run(compaction.begin(engine))
    if change:  # what the document was before the moment lies in a segment that goes
        write(world, engine, put(2))
    expected = whole(engine)
    squeeze(engine)
    base = world.run(compaction.write_base(moment))
    world.run(compaction.finish(engine, moment, base))
    world.run(compaction.sweep(moment))
    for _ in compaction.rebase(engine, moment):
        pass

    assert whole(engine) == expected
    assert engine.memory.resident == engine.collections["a"].slots.resident
    squeeze(engine)
    assert (whole(engine), engine.memory.resident) == (expected, 0)


def test_segments_that_are_gone_are_closed() -> None:
    world, engine = written(*range(5), budget=1 << 20)
    engine.memory.files().hold([engine.tail.header.number])
    compact_and_rebase(world, engine)

    assert set(engine.memory.files().files) <= {segment.number for segment in engine.manifest.sealed}


def test_documents_of_one_moment_are_read_on_after_their_segments_are_gone() -> None:
    world, engine = written(*range(9), budget=0)
    squeeze(engine)
    before = whole(engine)
    moment = engine.collections["a"].slots.all()
    compact_and_rebase(world, engine)
    write(world, engine, Define(1, "clear", {}))

    assert moment[:] == before


def test_what_a_compaction_evicts_again_is_found_in_the_base() -> None:
    world, engine = written(*range(9), budget=0)
    compact_and_rebase(world, engine)
    squeeze(engine)

    assert (places(engine), ids(engine)) == (9, list(range(9)))


def test_opening_keeps_to_the_budget() -> None:
    world, engine = written(*range(9), budget=0)
    world.run(rotate(engine))
    write(world, engine, put(9))
    again = World(world.files).open(budget=20).engine

    assert again.memory.resident <= 20
    assert ids(again) == list(range(10))


def test_counts_add_up_whatever_is_a_place() -> None:
    world, engine = written(*range(9), budget=30)
    squeeze(engine)
    write(world, engine, Delete(1, [0, 8], [0, 8]), put(3))
    stats = engine.stats()

    assert stats["live_bytes"] == sum(map(len, whole(engine)))
    assert stats["resident_bytes"] == engine.memory.resident
    assert stats["places"] == places(engine)
    assert state(engine)


@pytest.mark.parametrize("damage", ["cut", "mark", "body"])
def test_a_damaged_segment_is_refused_where_it_is_gone_through(damage: str) -> None:
    world, engine = written(1, 2, budget=0)
    data = bytearray(world.files[engine.tail.name])
    if damage == "cut":
        del data[-3:]
    elif damage == "mark":
        data[64] ^= 1
    else:
        data[64 + 36] = 0xFF
        data[64 + 37 :] = b"\xc1" * len(data[64 + 37 :])
    world.files[engine.tail.name] = bytes(data)

    with pytest.raises(CorruptionError):
        squeeze(engine)


@pytest.mark.parametrize("change", [0x01, 0x02, 0x03, 0x80, 0xFF])
def test_a_changed_byte_of_a_segment_that_is_gone_through_is_refused_or_changes_nothing(change: int) -> None:
    """An eviction does not look at the checksums of frames: what it takes from them may be anything."""
    for at in range(64, len(three_frames()[0].files["seg-00000001.nql"])):
        world, engine = three_frames()
        expected = whole(engine)
        data = bytearray(world.files[engine.tail.name])
        data[at] ^= change
        world.files[engine.tail.name] = bytes(data)
        try:
            squeeze(engine)
        except (CorruptionError, FormatVersionError):
            continue

        assert [piece for piece in whole(engine) if piece not in expected] == []


def three_frames() -> tuple[World, Engine]:
    """Return a log of definitions and documents in one frame, of one document, and of one that is deleted."""
    world, engine = written(budget=0)
    write(world, engine, Define(2, "create", {"name": "b"}), several({"_id": 1}, {"_id": 2, "x": [1]}))
    write(world, engine, put(3))
    write(world, engine, Delete(1, [2], [2]))
    return world, engine
