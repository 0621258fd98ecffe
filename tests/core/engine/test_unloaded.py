from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.hinted import BUDGET, close, compact, delete, documents, held, load_all, new, put, reopened, some
from core.engine.logged import finish
from core.engine.world import World, write
from nosqlpy._core.engine import compaction, reads
from nosqlpy._core.engine.publish import mark
from nosqlpy._core.engine.reader import each_size
from nosqlpy._core.engine.reads import compile_query
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.unloaded import FIRST_MAX, UnloadedCollection
from nosqlpy._core.index.deferred import DeferredIndex, Unloaded, loading
from nosqlpy._core.log.operation import Define, Operation
from nosqlpy._core.values.codec import decode_document, encode_document
from nosqlpy.errors import CorruptionError


def unloaded(engine: Engine) -> UnloadedCollection:
    found = engine.collections["a"]
    assert isinstance(found, UnloadedCollection)
    return found


def test_a_document_is_found_without_its_collection_being_loaded() -> None:
    world, engine = held(put(*some(1000)))
    world.parts.clear()

    assert decode_document(reads.get(engine, "a", "id 500") or b"") == {"_id": "id 500", "x": 2}
    assert reads.get(engine, "a", "none") is None
    assert sum(size for _, _, size in world.parts) < 30_000
    assert engine.memory.resident == 0
    unloaded(engine)


def test_documents_are_counted_without_being_loaded() -> None:
    world, engine = held(put(*some(100)))
    write(world, engine, put({"_id": "id 5"}, {"_id": "new"}), delete("id 7", "none"))

    assert unloaded(engine).slots.count() == 100
    assert unloaded(engine).stats()["size"] == sum(
        len(encode_document(d)) for d in [*(d for d in some(100) if d["_id"] not in ("id 5", "id 7")), {"_id": "id 5"}]
    ) + len(encode_document({"_id": "new"}))


@pytest.mark.parametrize(
    "ask",
    [
        lambda slots: slots.all(),
        lambda slots: slots.first(FIRST_MAX + 1),
        lambda slots: slots.keys(),
        lambda slots: slots.items(),
    ],
    ids=["all", "many", "keys", "items"],
)
def test_who_goes_through_a_collection_is_told_to_load_it(ask: Any) -> None:
    _, engine = held(put(*some(10)))
    with pytest.raises(Unloaded) as needed:
        ask(engine.collections["a"].slots)
    needed.value.load()

    assert engine.collections["a"].is_loaded
    assert documents(engine) == some(10)


@pytest.mark.parametrize("budget", [0, BUDGET])
@pytest.mark.parametrize(
    "operation",
    [put({"_id": "id 3", "new": 1}, {"_id": "new"}), delete("id 0", "id 7", "none"), Define(1, "clear", {})],
    ids=["put", "delete", "clear"],
)
def test_what_is_written_while_a_hint_is_read_is_not_lost(operation: Operation, budget: int) -> None:
    world, engine = held(put(*some(10)), budget=budget)
    _, other = held(put(*some(10)))
    with pytest.raises(Unloaded) as needed:
        engine.collections["a"].slots.all()
    needed.value.prepare()
    world.parts.clear()
    write(world, engine, operation)
    write(world, other, operation)
    needed.value.load()

    assert not [name for name, _, _ in world.parts if name.endswith(".hint")]
    assert documents(engine) == documents(other)
    assert engine.memory.resident == engine.collections["a"].slots.resident


def test_a_hint_is_not_read_for_a_collection_that_is_loaded_by_now() -> None:
    world, engine = held(put(*some(10)))
    with pytest.raises(Unloaded) as needed:
        engine.collections["a"].slots.all()
    needed.value.load()
    world.parts.clear()
    needed.value.prepare()

    assert world.parts == []


def test_a_compaction_asks_for_what_is_not_loaded_before_it_keeps_writers_out() -> None:
    _, engine = held(put(*some(10)))
    with pytest.raises(Unloaded) as needed:
        compaction.load(engine)
    needed.value.load()
    compaction.load(engine)

    assert engine.collections["a"].is_loaded


def test_the_first_documents_are_found_without_the_others() -> None:
    world, engine = held(put(*some(3000)))
    world.parts.clear()
    found = engine.collections["a"].slots.first(3)

    assert [decode_document(data) for data in found] == some(3)
    assert sum(size for _, _, size in world.parts) < 30_000
    assert not engine.collections["a"].is_loaded
    write(world, engine, put({"_id": "new"}))
    with pytest.raises(Unloaded):
        engine.collections["a"].slots.first(3)


def test_a_collection_that_is_too_small_has_fewer_first_documents() -> None:
    assert list(held(put(*some(2)))[1].collections["a"].slots.first(5)) == [encode_document(d) for d in some(2)]
    assert list(held()[1].collections["a"].slots.first(5)) == []


def test_look_ups_that_cost_as_much_as_loading_ask_for_that() -> None:
    _, engine = held(put(*some(2000)))
    found: list[bytes | None] = []

    with pytest.raises(Unloaded):
        found.extend(reads.get(engine, "a", f"id {number}") for number in range(2000))
    assert 64 <= len(found) <= 200


def test_what_was_written_since_is_merged_in_natural_order() -> None:
    world, engine = held(put(*some(6)))
    write(world, engine, put({"_id": "id 2", "new": 1}), delete("id 0", "id 3"), put({"_id": "last"}))
    write(world, engine, put({"_id": "id 0", "back": 1}), delete("last"), put({"_id": "id 9"}))

    assert [document["_id"] for document in documents(engine)] == ["id 1", "id 2", "id 4", "id 5", "id 0", "id 9"]
    assert documents(engine)[1] == {"_id": "id 2", "new": 1}


def test_a_collection_past_the_budget_is_loaded_as_places() -> None:
    _, engine = held(put(*some(100)), budget=50)
    load_all(engine)

    assert engine.collections["a"].slots.places == 100
    assert engine.memory.resident == 0
    assert documents(engine) == some(100)


def test_a_collection_within_the_budget_becomes_resident() -> None:
    _, engine = held(put(*some(100)))
    load_all(engine)
    stats = engine.stats()

    assert stats["places"] == 0
    assert stats["resident_bytes"] == stats["live_bytes"] == engine.memory.resident


def test_loading_again_changes_nothing() -> None:
    _, engine = held(put(*some(10)))
    engine.load(1)
    before = engine.collections["a"]
    engine.load(1)
    engine.load(77)

    assert engine.collections["a"] is before


def test_an_index_is_built_when_it_is_used() -> None:
    index = Define(1, "index", {"name": "x_1", "keys": [["x", 1]]})
    world, engine = held(index, put(*some(9)))
    write(world, engine, put({"_id": "id 0", "x": 1}), delete("id 3"))

    assert type(engine.collections["a"].indexes.by_name["x_1"]) is DeferredIndex
    with pytest.raises(Unloaded):
        reads.execute(engine, "a", reads.Request(compile_query({"x": 1}), bytes))
    found = loading(lambda: reads.execute(engine, "a", reads.Request(compile_query({"x": 1}), bytes)))
    assert found.plan.stage == "IXSCAN"
    assert sorted(decode_document(data)["_id"] for data in next(iter(found.steps()))) == [
        "id 0", "id 1", "id 4", "id 7",
    ]  # fmt: skip


def test_an_index_that_was_dropped_before_it_was_built_is_not_built() -> None:
    world, engine = held(Define(1, "index", {"name": "x_1", "keys": [["x", 1]]}), put(*some(9)))
    deferred = engine.collections["a"].indexes.by_name["x_1"]
    write(world, engine, Define(1, "unindex", {"name": "x_1"}))
    with pytest.raises(Unloaded) as needed:
        deferred.count([1])
    needed.value.load()

    assert engine.collections["a"].indexes.by_name == {}


@pytest.mark.parametrize("verb", ["clear", "drop", "rename"])
def test_the_catalogue_changes_without_loading(verb: str) -> None:
    world, engine = held(put(*some(9)))
    write(world, engine, put({"_id": "new"}), Define(1, verb, {"name": "b"}))
    collections = {name: collection.slots.count() for name, collection in engine.collections.items()}

    assert collections == {"clear": {"a": 0}, "drop": {}, "rename": {"b": 10}}[verb]
    assert engine.memory.resident == (len(encode_document({"_id": "new"})) if verb == "rename" else 0)


def test_a_cleared_collection_takes_documents_again() -> None:
    world, engine = held(put(*some(9)))
    write(world, engine, Define(1, "clear", {}), put({"_id": "id 1", "again": 1}))

    assert reads.get(engine, "a", "id 2") is None
    assert documents(engine) == [{"_id": "id 1", "again": 1}]


def test_options_survive_the_loading() -> None:
    options = {"validator": {"x": {"$gte": 0}}}
    _, engine = held(Define(1, "options", options), put(*some(3)))
    load_all(engine)

    assert engine.collections["a"].options == options
    assert engine.collections["a"].validator is not None


def test_dead_bytes_are_counted_as_if_it_had_been_loaded_at_once() -> None:
    changes = (put({"_id": "id 1", "y": 1}), delete("id 2"), put({"_id": "id 1"}))
    world, engine = held(put(*some(5)))
    write(world, engine, *changes)
    load_all(engine)
    other, loaded = held(put(*some(5)))
    load_all(loaded)
    write(other, loaded, *changes)

    assert engine.memory.dead == loaded.memory.dead
    assert engine.stats()["live_bytes"] == loaded.stats()["live_bytes"]


def test_a_damaged_document_is_refused_when_it_is_read_or_loaded() -> None:
    world, engine = new()
    write(world, engine, put(*some(9)))
    close(world, engine)
    name = next(name for name in world.files if name.startswith("seg-"))
    data = bytearray(world.files[name])
    data[data.find(b"id 4", data.find(b"\x83\xa3_id") if b"\x83\xa3_id" in data else 200) + 3] ^= 1
    world.files[name] = bytes(data)
    _, engine = reopened(world)

    with pytest.raises(CorruptionError) as caught:
        load_all(engine)
    assert caught.value.details["file"] == name


CHANGES = st.lists(
    st.one_of(
        st.tuples(
            st.just("put"),
            st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), max_size=4, unique_by=lambda pair: pair[0]),
        ),
        st.tuples(st.just("delete"), st.lists(st.integers(0, 12), max_size=3, unique=True)),
        st.tuples(st.sampled_from(["clear", "reopen", "compact", "load"]), st.just([])),
    ),
    max_size=12,
)


@given(changes=CHANGES, looks=st.lists(st.integers(0, 13), max_size=5), budget=st.sampled_from([0, 60, BUDGET]))
@settings(max_examples=150)
def test_a_database_opened_lazily_answers_like_one_that_is_fully_loaded(
    changes: list[Any], looks: list[int], budget: int
) -> None:
    lazy, engine = new()
    plain = World()
    whole = plain.open().engine
    plain.run(mark(whole, clean=False))
    write(plain, whole, Define(1, "create", {"name": "a"}))
    for verb, what in changes:
        if verb == "reopen":
            close(lazy, engine)
            lazy, engine = reopened(lazy, budget=budget)
            lazy.run(mark(engine, clean=False))
        elif verb == "compact":
            compact(lazy, engine)
        elif verb == "load":
            load_all(engine)
        else:
            operation: Operation = Define(1, "clear", {})
            if verb == "put":
                operation = put(*({"_id": id, "x": x} for id, x in what))
            elif verb == "delete":
                operation = delete(*what)
            write(lazy, engine, operation)
            write(plain, whole, operation)
        for id in looks:
            assert loading(partial(reads.get, engine, "a", id)) == reads.get(whole, "a", id)

    count = reads.count(whole, "a", compile_query())
    assert finish(loading(partial(reads.count, engine, "a", compile_query()))) == finish(count)
    assert documents(engine) == documents(whole)


def test_a_collection_that_is_loaded_keeps_its_place_among_the_others() -> None:
    _, engine = held(
        Define(2, "create", {"name": "b"}), Define(3, "create", {"name": "c"}), put({"_id": 1}, collection=2)
    )
    engine.load(2)
    engine.load(1)

    assert list(engine.collections) == ["a", "b", "c"]
    assert [collection.is_loaded for collection in engine.collections.values()] == [True, True, False]
    assert [engine.collection(number) for number in (1, 2, 3)] == list(engine.collections.values())


def test_how_many_bytes_there_are_is_known_after_what_was_written_since_is_brought_in() -> None:
    world, engine = held(put(*some(20)))
    write(world, engine, put({"_id": "id 3", "x": "longer"}, {"_id": "new"}), delete("id 4", "id 5"))
    write(world, engine, put({"_id": "id 5", "y": 1}))
    engine.load(1)
    slots = engine.collections["a"].slots
    counted = slots.live
    slots.recount()

    assert counted == slots.live == sum(map(len, slots.all()))


def test_who_goes_through_all_documents_once_reads_them_where_they_lie() -> None:
    world, engine = held(put(*some(1000)))
    blobs = engine.collections["a"].slots.once()
    first = [decode_document(data) for data in blobs[:600]]
    write(world, engine, delete("id 999"))
    compact(world, engine)

    assert len(blobs) == 1000
    assert [*first, *(decode_document(data) for data in blobs[600:])] == some(1000)
    assert decode_document(blobs[7]) == {"_id": "id 7", "x": 1}
    assert [len(data) for data in blobs] == list(each_size(blobs))


def test_documents_are_loaded_for_who_goes_through_them_once_where_some_were_written_since() -> None:
    world, engine = held(put(*some(10)))
    write(world, engine, put({"_id": "new"}))
    with pytest.raises(Unloaded) as needed:
        engine.collections["a"].slots.once()
    needed.value.load()

    assert [decode_document(data) for data in engine.collections["a"].slots.once()[:]] == [*some(10), {"_id": "new"}]


@pytest.mark.parametrize("rows", [slice(0, 0), slice(0, 1), slice(500, 530), slice(512, 1024), slice(990, 2000)])
def test_places_are_read_from_a_hint_in_any_pieces(rows: slice) -> None:
    _, engine = held(put(*some(1100)))
    blobs = engine.collections["a"].slots.once()

    assert [decode_document(data) for data in blobs[rows]] == some(1100)[rows]


def test_a_hint_that_is_damaged_while_it_is_gone_through_is_told() -> None:
    world, engine = held(put(*some(1100)))
    blobs = engine.collections["a"].slots.once()
    (name,) = [name for name in world.files if name.endswith(".hint")]
    world.files[name] = bytes(len(world.files[name]))

    with pytest.raises(CorruptionError, match="hint"):
        blobs[600:700]
