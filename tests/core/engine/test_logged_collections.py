from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.compacting import compact
from core.engine.hinted import BUDGET, close, delete, documents, held, load_all, new, put, reopened, some
from core.engine.world import World, write
from nosqlpy._core.engine import compaction, logged, reads
from nosqlpy._core.engine.importing import Prepared, import_batch
from nosqlpy._core.engine.logged import LoggedSlots, Start, outgrow, start_of
from nosqlpy._core.engine.publish import rotate
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.index.deferred import Unloaded
from nosqlpy._core.log.operation import Define
from nosqlpy._core.values.codec import encode_document
from nosqlpy.errors import CorruptionError, StorageError


def outgrown(count: int = 10) -> tuple[World, Engine, Start]:
    """Return a database whose collection ``a`` has outgrown memory with so many documents."""
    world, engine = new()
    start = start_of(engine, "a", clear=False)
    assert start is not None
    write(world, engine, put(*some(count)))
    outgrow(engine, engine.collections["a"], start)
    return world, engine, start


def slots(engine: Engine) -> LoggedSlots:
    found = engine.collections["a"].slots
    assert isinstance(found, LoggedSlots)
    return found


def others(*numbers: int) -> list[dict[str, Any]]:
    return [{"_id": f"other {number}", "x": number} for number in numbers]


def test_the_documents_of_an_outgrown_collection_are_counted_and_not_in_memory() -> None:
    _, engine, _ = outgrown()
    stats = engine.collections["a"].stats()

    assert engine.collections["a"].slots.count() == stats["count"] == 10
    assert stats["size"] == sum(len(encode_document(document)) for document in some(10))
    assert engine.memory.resident == stats["resident_bytes"] == 0


def test_a_document_that_is_not_there_is_looked_for_without_loading_and_one_that_is_loads_all() -> None:
    _, engine, _ = outgrown()

    assert reads.get(engine, "a", "none") is None
    with pytest.raises(Unloaded) as needed:
        reads.get(engine, "a", "id 3")
    needed.value.load()
    assert reads.get(engine, "a", "id 3") == encode_document(some(10)[3])
    assert documents(engine) == some(10)


def test_documents_that_were_put_last_are_found_and_not_new_any_more() -> None:
    world, engine, _ = outgrown()
    stored = put(*others(1, 2))
    stored.fresh = True
    write(world, engine, stored)

    assert slots(engine).count() == 12
    with pytest.raises(Unloaded):
        reads.get(engine, "a", "other 2")
    with pytest.raises(Unloaded):
        slots(engine).disjoint(["other 1"])
    assert slots(engine).disjoint(["other 3"])
    assert documents(engine) == [*some(10), *others(1, 2)]


def test_new_documents_go_in_without_loading_and_are_let_go_of_once_that_is_asked_for() -> None:
    world, engine, start = outgrown()
    write(world, engine, put(*others(1, 2)))
    resident = engine.memory.resident
    outgrow(engine, engine.collections["a"], start)

    assert resident == sum(len(encode_document(document)) for document in others(1, 2))
    assert engine.memory.resident == 0
    assert slots(engine).count() == 12
    assert documents(engine) == [*some(10), *others(1, 2)]


@pytest.mark.parametrize("budget", [0, BUDGET])
def test_what_is_written_between_preparing_and_loading_is_not_lost(budget: int) -> None:
    world, engine, start = outgrown()
    engine.memory.limit = budget
    with pytest.raises(Unloaded) as needed:
        engine.collections["a"].slots.all()
    world.run(rotate(engine))
    write(world, engine, put(*others(1)))
    outgrow(engine, engine.collections["a"], start)
    needed.value.prepare()
    world.run(rotate(engine))
    write(world, engine, put(*others(2)))
    outgrow(engine, engine.collections["a"], start)
    write(world, engine, put(*others(3)))
    needed.value.load()

    assert documents(engine) == [*some(10), *others(1, 2, 3)]
    assert engine.memory.resident == engine.collections["a"].slots.resident


def test_an_import_finds_that_an_id_is_taken_and_that_the_others_are_not() -> None:
    _, engine, _ = outgrown()
    taken = batch(*others(1), some(10)[4], *others(2))

    import_batch(engine, "a", batch(*others(1, 2, 3)), upsert=False, clear=False)
    with pytest.raises(Unloaded) as needed:
        import_batch(engine, "a", taken, upsert=False, clear=False)
    needed.value.load()
    done = import_batch(engine, "a", taken, upsert=False, clear=False).result
    assert done.count == 1
    assert done.error is not None


def batch(*found: dict[str, Any]) -> Prepared:
    ids = [document["_id"] for document in found]
    return Prepared(ids, ids, [encode_document(document) for document in found], range(1, len(ids) + 1), None)


def test_what_other_processes_have_changed_makes_the_count_ask_for_loading() -> None:
    world, engine, start = outgrown()
    write(world, engine, delete("id 3"))
    write(world, engine, put({"_id": "id 5", "new": 1}, *others(1)))
    outgrow(engine, engine.collections["a"], start)

    with pytest.raises(Unloaded) as needed:
        engine.collections["a"].slots.count()
    needed.value.load()
    assert engine.collections["a"].slots.count() == 10
    found = documents(engine)
    assert [document["_id"] for document in found] == [
        *(f"id {number}" for number in range(10) if number != 3),
        "other 1",
    ]
    assert found[4] == {"_id": "id 5", "new": 1}


def test_an_interrupted_change_that_is_repeated_is_counted_once() -> None:
    world, engine, _ = outgrown()
    change = engine.change([put(*others(1, 2))], None)
    world.files[engine.tail.name] += change.data
    engine.apply(change)
    engine.apply(change)
    engine.load(1)

    assert engine.collections["a"].slots.count() == 12
    assert documents(engine) == [*some(10), *others(1, 2)]


def test_a_cleared_collection_is_empty_and_can_be_filled_again() -> None:
    world, engine, start = outgrown()
    write(world, engine, Define(1, "clear", {}))
    write(world, engine, put(*some(3)))
    outgrow(engine, engine.collections["a"], start)

    assert documents(engine) == some(3)
    assert engine.collections["a"].slots.count() == 3


def test_a_hint_of_an_outgrown_collection_is_that_of_a_loaded_one(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, outgrew = [hint_of(grows, monkeypatch) for grows in (False, True)]

    assert outgrew == loaded


def hint_of(grows: bool, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return the hint of a database in which collection ``a`` outgrows memory, or does not."""
    world, engine = new()
    write(world, engine, put(*others(*range(7))), Define(1, "clear", {}))
    start = start_of(engine, "a", clear=False)
    assert start is not None
    write(world, engine, Define(2, "create", {"name": "b"}), put(*others(1, 2), collection=2))
    for first in range(0, 3000, 1000):
        write(world, engine, put(*some(3000)[first : first + 1000]))
        if grows and first < 2000:  # what is put last is let go of on closing
            outgrow(engine, engine.collections["a"], start)
        world.run(rotate(engine))
    if grows:
        monkeypatch.setattr(logged.LoggedSlots, "_walk", None)  # nothing is loaded
    close(world, engine)
    monkeypatch.undo()
    (name,) = [name for name in world.files if name.endswith(".hint")]
    return world.files[name]


def test_a_hint_after_changes_by_others_is_made_of_the_whole_log() -> None:
    world, engine, _ = outgrown()
    write(world, engine, delete("id 3"), put({"_id": "id 5", "new": 1}, *others(1)))
    close(world, engine)
    world, engine = reopened(world)

    assert not engine.collections["a"].is_loaded
    assert engine.collections["a"].slots.count() == 10
    assert [document["_id"] for document in documents(engine)][-2:] == ["id 9", "other 1"]


def test_a_hint_is_written_though_a_transaction_cleared_and_filled_the_collection() -> None:
    world, engine, start = outgrown()
    write(world, engine, Define(1, "clear", {}), put(*some(2)))
    outgrow(engine, engine.collections["a"], start)
    close(world, engine)
    _, engine = reopened(world)

    assert documents(engine) == some(2)


def test_a_segment_that_cannot_be_opened_leaves_the_collection_as_it_is() -> None:
    world, engine = new()
    start = start_of(engine, "a", clear=False)
    assert start is not None
    write(world, engine, put(*some(3)))
    before = engine.collections["a"]
    removed = world.files.pop(engine.tail.name)
    with pytest.raises(StorageError):
        outgrow(engine, before, start)
    world.files[engine.tail.name] = removed

    assert engine.collections["a"] is before
    assert documents(engine) == some(3)


def test_a_collection_with_documents_or_an_index_or_of_a_database_in_memory_does_not_outgrow_it() -> None:
    world, engine = new()
    write(world, engine, put(*some(1)))
    write(world, engine, Define(2, "create", {"name": "b"}))
    write(world, engine, Define(2, "index", {"name": "x_1", "keys": [["x", 1]]}))
    in_memory = World().open().engine

    assert start_of(engine, "a", clear=False) is None
    assert start_of(engine, "a", clear=True) is not None
    assert start_of(engine, "b", clear=True) is None
    assert start_of(engine, "none", clear=False) is not None
    assert start_of(in_memory, "a", clear=False) is None


Step = tuple[str, list[int]]
numbers = st.lists(st.integers(0, 12), min_size=1, max_size=4, unique=True)
steps = st.lists(st.tuples(st.sampled_from(["put", "put", "put", "delete", "let go", "seal"]), numbers), max_size=12)


@given(steps, st.sampled_from([0, BUDGET]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_an_outgrown_collection_is_what_one_in_memory_is(steps: list[Step], budget: int, prepares: bool) -> None:
    world, engine, start = outgrown(3)
    engine.memory.limit = budget
    other_world, other = held(put(*some(3)))
    load_all(other)
    for number, (what, found) in enumerate(steps):
        if what == "let go":
            outgrow(engine, engine.collections["a"], start)
        elif what == "seal":
            world.run(rotate(engine))
            if prepares and number % 2:
                slots(engine).prepare()
        else:
            ids = [f"id {each}" for each in found]
            change = delete(*ids) if what == "delete" else put(*({"_id": id, "step": number} for id in ids))
            write(world, engine, change)
            write(
                other_world,
                other,
                delete(*ids) if what == "delete" else put(*({"_id": i, "step": number} for i in ids)),
            )
    close(world, engine)
    _, again = reopened(world)

    assert documents(engine) == documents(other)
    assert documents(again) == documents(other)
    assert engine.collections["a"].slots.count() == len(documents(other))


@pytest.mark.parametrize("back", [10, 260], ids=["a document", "the columns"])
def test_a_damaged_log_is_reported_when_a_collection_is_loaded_from_it(back: int) -> None:
    world, engine, _ = outgrown()
    data = bytearray(world.files[engine.tail.name])
    data[-back] ^= 1
    world.files[engine.tail.name] = bytes(data)

    with pytest.raises(CorruptionError):
        engine.load(1)


@pytest.mark.parametrize("others_are_places", [False, True])
def test_a_collection_that_outgrows_memory_beside_a_compaction_is_read_from_where_it_was(
    others_are_places: bool,
) -> None:
    world, engine = new()
    engine.memory.mixed = others_are_places
    start = start_of(engine, "a", clear=False)
    assert start is not None
    write(world, engine, put(*some(10)))

    def outgrowing() -> None:
        write(world, engine, put(*others(1)))
        outgrow(engine, engine.collections["a"], start)

    moment = compact(world, engine, meanwhile=outgrowing).moment
    for _ in compaction.rebase(engine, moment):
        pass
    write(world, engine, put(*others(2)))

    assert engine.collections["a"].slots.count() == 12
    assert documents(engine) == [*some(10), *others(1, 2)]


def test_a_collection_goes_on_outgrowing_memory_in_the_base_of_a_compaction() -> None:
    world, engine, start = outgrown()
    engine.load(1)
    compact(world, engine)
    outgrow(engine, engine.collections["a"], start)
    write(world, engine, put(*others(1)))
    outgrow(engine, engine.collections["a"], start)
    close(world, engine)
    _, again = reopened(world)

    assert documents(engine) == [*some(10), *others(1)]
    assert documents(again) == [*some(10), *others(1)]
