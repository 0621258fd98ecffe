from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.compacting import compact as merge
from core.engine.hinted import compact, delete, load_all, put, reopened
from core.engine.world import World, write
from nosqlpy._core.engine import compaction, effects, hints, reads, snapshots
from nosqlpy._core.engine.publish import mark, rotate
from nosqlpy._core.engine.reads import Request, compile_query, decoder, execute
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.unloaded import UnloadedCollection
from nosqlpy._core.index import pending
from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.deferred import DeferredIndex, Unloaded, loading
from nosqlpy._core.index.manager import IndexManager
from nosqlpy._core.index.placed import PlacedIndex
from nosqlpy._core.log.operation import Define, Operation
from nosqlpy._core.log.snapshot import is_snapshot, read_directory, snapshot_name

INDEXES: list[dict[str, Any]] = [
    {"name": "x_1", "keys": [["x", 1]]},
    {"name": "name", "keys": [["name", 1]], "unique": True},
    {"name": "tags_1", "keys": [["tags", 1]]},
    {"name": "x_1_name_1", "keys": [["x", 1], ["name", 1]]},
    {"name": "some", "keys": [["y", 1]], "sparse": True},
    {"name": "part", "keys": [["x", 1]], "partialFilterExpression": {"x": {"$gt": 1}}},
]
QUERIES: list[dict[str, Any]] = [
    {"x": 1},
    {"x": 7},
    {"name": "n5"},
    {"name": None},
    {"tags": "b"},
    {"tags": ["a", "b"]},
    {"y": 3},
    {"x": {"$gte": 1}},
    {"x": {"$in": [0, 2]}},
    {"x": 1, "name": "n4"},
    {"x": 2, "y": 2.0},
]


@pytest.fixture(autouse=True)
def snapshots_of_small_collections() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "DOCUMENTS_MIN", 0)
        yield


def some(count: int = 20) -> list[dict[str, Any]]:
    return [
        {
            "_id": f"id {n}",
            "x": n % 3,
            "name": f"n{n}",
            "tags": ["a", "b"] if n % 4 else n,
            **({"y": n} if n % 2 else {}),
        }
        for n in range(count)
    ]


def close(world: World, engine: Engine, *, hint: bool = True) -> None:
    """Close as the shell does, with a hint and a snapshot."""
    if hint:
        world.run(rotate(engine))
        world.run(hints.write(engine))
    world.run(snapshots.write(engine))
    world.run(mark(engine, clean=True))


def written(*operations: Operation, indexes: list[dict[str, Any]] = INDEXES) -> tuple[World, Engine]:
    """Return a database with indexes that are built, and these operations done."""
    world = World()
    engine = world.open(budget=1 << 20).engine
    world.run(mark(engine, clean=False))
    write(world, engine, Define(1, "create", {"name": "a"}))
    for index in indexes:
        write(world, engine, Define(1, "index", index))
    write(world, engine, *(operations or [put(*some())]))
    return world, engine


def closed(*operations: Operation, indexes: list[dict[str, Any]] = INDEXES) -> World:
    world, engine = written(*operations, indexes=indexes)
    close(world, engine)
    return world


def again(world: World) -> tuple[World, Engine]:
    """Open the database, to be written to."""
    world, engine = reopened(world)
    world.run(mark(engine, clean=False))
    return world, engine


def found_by(engine: Engine, filter: dict[str, Any], hint: str | None) -> list[Any]:
    request = Request(compile_query(filter, hint=hint), decoder(None))
    return loading(lambda: [found["_id"] for batch in execute(engine, "a", request).steps() for found in batch])


def find(engine: Engine, filter: dict[str, Any]) -> list[Any]:
    return found_by(engine, filter, None)


def scanned(engine: Engine, filter: dict[str, Any]) -> list[Any]:
    return found_by(engine, filter, "$natural")


def is_right(engine: Engine) -> bool:
    """Whether every query finds by indexes what it finds without."""
    return [sorted(map(str, find(engine, query))) for query in QUERIES] == [
        sorted(map(str, scanned(engine, query))) for query in QUERIES
    ]


def is_loaded(engine: Engine) -> bool:
    return not isinstance(engine.collections["a"], UnloadedCollection)


def build_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an index that is built from here on fail the test."""

    def make(*_: Any) -> Any:
        raise AssertionError("an index is built")

    monkeypatch.setattr(IndexManager, "make", make)


# ── where it lies ───────────────────────────────────────────────────────────────


def test_a_snapshot_is_named_as_its_hint_is() -> None:
    world = closed()

    assert [name for name in world.files if is_snapshot(name)] == [snapshot_name(8)] == ["idx-0000000000000008.snap"]
    assert "base-0000000000000008.hint" in world.files


@pytest.mark.parametrize(
    "query", [{"x": 1}, {"x": 7}, {"name": "n5"}, {"name": None}, {"tags": "b"}, {"tags": 4}], ids=str
)
def test_an_equality_is_answered_without_its_collection_being_loaded(query: dict[str, Any]) -> None:
    world = closed(indexes=INDEXES[:3])
    engine = reopened(world)[1]
    found = find(engine, query)

    assert not is_loaded(engine)
    assert found == scanned(reopened(world)[1], query)


def test_documents_that_match_are_counted_without_being_loaded() -> None:
    _, engine = reopened(closed(indexes=INDEXES[:1]))
    steps = reads.count(engine, "a", compile_query({"x": 1}))
    with pytest.raises(StopIteration) as stop:
        next(steps)

    assert stop.value.value == 7
    assert not is_loaded(engine)


def test_what_was_written_since_is_found_among_the_others() -> None:
    world, engine = again(closed())
    write(world, engine, put({"_id": "new", "x": 1, "name": "new"}), delete("id 1"))
    write(world, engine, put({"_id": "id 4", "x": 2, "name": "other"}), put({"_id": "id 5", "x": 1}))

    assert find(engine, {"name": "new"}) == ["new"]
    assert find(engine, {"name": "n4"}) == find(engine, {"name": "n1"}) == []
    assert find(engine, {"name": "other"}) == ["id 4"]
    assert not is_loaded(engine)
    assert find(engine, {"x": 1}) == scanned(engine, {"x": 1})
    assert is_right(engine)


def test_a_collection_that_was_cleared_has_nothing_in_its_indexes() -> None:
    world, engine = again(closed())
    write(world, engine, Define(1, "clear", {}))
    write(world, engine, put({"_id": "new", "x": 1}))

    assert find(engine, {"x": 1}) == ["new"]
    assert is_right(engine)


def test_where_a_value_has_many_documents_the_collection_is_loaded() -> None:
    _, engine = reopened(closed(put(*({"_id": n, "x": 1} for n in range(100))), indexes=INDEXES[:1]))

    assert find(engine, {"x": 1}) == list(range(100))
    assert is_loaded(engine)


def test_where_much_was_written_since_the_collection_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nosqlpy._core.engine.unloaded.WRITTEN_MAX", 2)
    world, engine = again(closed(indexes=INDEXES[:1]))
    write(world, engine, put(*({"_id": n, "x": 1} for n in range(3))))

    assert len(find(engine, {"x": 1})) == 10
    assert is_loaded(engine)


@pytest.mark.parametrize(
    "ask",
    [
        lambda index: index.documents([1]),
        lambda index: index.sizes([1]),
        lambda index: index.all_values(),
        lambda index: index.order(),
        lambda index: index.is_shared,
        len,
    ],
    ids=["documents", "sizes", "values", "order", "shared", "length"],
)
def test_what_needs_the_whole_index_asks_for_it(ask: Any) -> None:
    index = reopened(closed())[1].collections["a"].indexes.by_name["x_1"]

    assert isinstance(index, PlacedIndex)
    with pytest.raises(Unloaded):
        ask(index)


def test_an_array_that_came_since_makes_an_index_multikey() -> None:
    world, engine = again(closed(indexes=INDEXES[:1]))
    write(world, engine, put({"_id": "new", "x": [5, 9]}))

    assert find(engine, {"x": {"$in": [9]}}) == ["new"]
    assert find(engine, {"x": {"$gt": 6, "$lt": 8}}) == scanned(engine, {"x": {"$gt": 6, "$lt": 8}}) == ["new"]


# ── loaded ──────────────────────────────────────────────────────────────────────


def test_indexes_are_not_built_again_when_the_collection_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    _, engine = reopened(closed())
    build_no_more(monkeypatch)
    load_all(engine)

    assert not any(isinstance(index, DeferredIndex) for index in engine.collections["a"].indexes.by_name.values())
    assert is_right(engine)


@pytest.mark.parametrize("loaded", [False, True], ids=["before it is loaded", "afterwards"])
def test_what_was_written_since_is_brought_into_the_indexes(loaded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    world, engine = again(closed())
    build_no_more(monkeypatch)
    if loaded:
        engine.load(1)
    write(world, engine, put({"_id": "new", "x": 1, "name": "new"}, {"_id": "gone", "x": 1, "name": "gone"}))
    write(world, engine, delete("id 1", "gone"), put({"_id": "id 4", "x": 2, "name": "n1", "y": 99}))
    write(world, engine, put({"_id": "id 1", "x": 1, "name": "back"}), delete("id 9"), put({"_id": "id 9", "x": 0}))

    assert is_right(engine)
    assert find(engine, {"name": "back"}) == ["id 1"]
    assert find(engine, {"x": 1}) == scanned(engine, {"x": 1})


def test_after_many_changes_indexes_are_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "CHANGED_MIN", 3)
    world, engine = again(closed())
    engine.load(1)
    write(world, engine, put(*({"_id": n, "x": n, "name": n} for n in range(20))))

    assert not engine.collections["a"].indexes.pending
    assert is_right(engine)


def test_an_interrupted_change_that_is_repeated_is_in_the_indexes_once() -> None:
    world, engine = again(closed())
    engine.load(1)
    change = engine.change([put({"_id": "id 4", "x": 0}), delete("id 5"), put({"_id": "new", "x": 1})], None)
    world.files[engine.tail.name] += change.data
    for _ in range(2):
        engine.apply(change)

    assert is_right(engine)


@pytest.mark.parametrize(
    "definition",
    [{"name": "x_1", "keys": [["x", -1]]}, {"name": "x_1", "keys": [["x", 1]], "sparse": True}],
    ids=["other direction", "other option"],
)
def test_an_index_of_other_options_is_built(definition: dict[str, Any]) -> None:
    world, engine = again(closed(indexes=INDEXES[:1]))
    write(world, engine, Define(1, "unindex", {"name": "x_1"}), Define(1, "index", definition))

    assert not isinstance(engine.collections["a"].indexes.by_name["x_1"], PlacedIndex)
    assert is_right(engine)


def test_an_index_of_another_name_that_is_hidden_now_is_the_same() -> None:
    world, engine = again(closed(indexes=INDEXES[:1]))
    definition = {"name": "other", "keys": [["x", 1]], "hidden": True}
    write(world, engine, Define(1, "unindex", {"name": "x_1"}), Define(1, "index", definition))

    assert isinstance(engine.collections["a"].indexes.by_name["other"], PlacedIndex)


# ── writing ─────────────────────────────────────────────────────────────────────


def test_a_snapshot_is_wanted_once_an_index_is_built_that_it_does_not_have() -> None:
    world, engine = written(indexes=INDEXES[:1])
    world.run(rotate(engine))
    world.run(hints.write(engine))
    before = snapshots.wanted(engine)
    world.run(snapshots.write(engine))
    _, engine = reopened(world)

    assert before
    assert not snapshots.wanted(engine)
    load_all(engine)
    assert not snapshots.wanted(engine)
    engine.collections["a"].build(IndexDefinition("z_1", (("z", 1),)))
    assert snapshots.wanted(engine)


def test_small_collections_get_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "DOCUMENTS_MIN", 21)
    world = closed()
    engine = reopened(world)[1]

    assert engine.snapshot is not None
    assert engine.snapshot.parts == {}


def test_without_a_hint_of_everything_none_is_written() -> None:
    world, engine = written()
    world.run(snapshots.write(engine))
    before = set(world.files)
    world.run(rotate(engine))
    world.run(hints.write(engine))
    write(world, engine, put({"_id": "new"}))
    world.run(snapshots.write(engine))

    assert not any(map(is_snapshot, before | set(world.files)))


def test_parts_of_collections_that_did_not_change_are_taken_over() -> None:
    world, engine = written(put(*some()))
    write(world, engine, Define(2, "create", {"name": "b"}))
    close(world, engine)
    world, engine = again(World(world.files))
    write(world, engine, put({"_id": 1}, collection=2))
    close(world, engine)
    world, engine = reopened(world)

    assert len([name for name in world.files if is_snapshot(name)]) == 1
    assert engine.snapshot is not None
    assert len(engine.snapshot.parts[1]) == len(INDEXES)
    assert is_right(engine)


def test_parts_of_collections_that_did_change_are_not() -> None:
    world, engine = again(closed())
    write(world, engine, put({"_id": "new", "x": 1}))
    close(world, engine)
    world, engine = reopened(world)

    assert engine.snapshot is not None
    assert engine.snapshot.parts == {}
    assert is_right(engine)


def test_an_index_whose_keys_do_not_come_back_is_left_out_and_not_wanted_again() -> None:
    world = closed(put({"_id": 1, "x": Decimal("1.10"), "name": "n"}))
    _, engine = reopened(world)

    assert engine.snapshot is not None
    assert {"left out": len(engine.snapshot.directory.left_out)} == {"left out": 3}
    load_all(engine)
    assert not snapshots.wanted(engine)
    assert find(engine, {"x": 1.1}) == scanned(engine, {"x": 1.1})


def test_an_index_that_takes_more_than_its_documents_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "SIZE_MIN", 0)
    tags = [[f"tag {n}" for n in range(50)]]
    _, engine = reopened(closed(put({"_id": 1, "tags": tags[0]}), indexes=[INDEXES[2]]))

    assert engine.snapshot is not None
    assert len(engine.snapshot.directory.left_out) == 1


def test_the_snapshot_of_a_state_before_a_compaction_is_not_used() -> None:
    world = closed()
    stale = {name: data for name, data in world.files.items() if is_snapshot(name)}
    world, engine = again(world)
    write(world, engine, delete("id 3"))
    compact(world, engine)
    (hint,) = (name for name in world.files if name.endswith(".hint"))
    world.files[hint.replace("base", "idx").replace("hint", "snap")] = next(iter(stale.values()))
    _, engine = reopened(world)

    assert engine.hint is not None
    assert engine.snapshot is None
    assert is_right(engine)


# ── damage ──────────────────────────────────────────────────────────────────────


def compacted(world: World, engine: Engine, *meanwhile: Operation, goes_on: bool = True) -> None:
    """Compact as the shell does; others write `meanwhile`."""
    moment = merge(world, engine, meanwhile=lambda: write(world, engine, *meanwhile)).moment
    world.run(compaction.hint(engine, moment))
    world.run(compaction.snapshot(engine, moment, lambda: goes_on))


@pytest.mark.parametrize("meanwhile", [[], [put({"_id": "id 4", "x": 9}, {"_id": "new", "x": 1}), delete("id 7")]])
def test_after_a_compaction_indexes_are_not_built_by_the_opening_that_follows_a_crash(
    meanwhile: list[Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "NEW_MIN", 0)
    world, engine = written()
    compacted(world, engine, delete("id 5"), *meanwhile)
    _, opened = reopened(world)
    build_no_more(monkeypatch)

    assert find(opened, {"name": "n4"}) == ([] if meanwhile else ["id 4"])
    assert not is_loaded(opened)
    assert is_right(opened)
    assert is_loaded(opened)


def test_a_compaction_whose_database_is_being_closed_writes_no_more_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "NEW_MIN", 0)
    world, engine = written()
    build_no_more(monkeypatch)
    compacted(world, engine, delete("id 5"), goes_on=False)

    data = world.files[name_of(world)]
    directory = read_directory(lambda offset, size: data[offset : offset + size], len(data))
    assert directory is not None
    assert directory.parts == []


def test_a_compaction_of_a_database_without_indexes_writes_no_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "NEW_MIN", 0)
    world, engine = written(indexes=[])
    compacted(world, engine, delete("id 5"))

    assert not list(filter(is_snapshot, world.files))


def name_of(world: World) -> str:
    return next(name for name in world.files if is_snapshot(name))


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "longer", "zeros", "foreign", "another version"])
def test_a_snapshot_that_is_damaged_or_of_something_else_is_ignored(damage: str) -> None:
    world = closed()
    name, data = name_of(world), world.files[name_of(world)]
    other = closed(put(*some(7)))
    other.files[name] = other.files[name_of(other)]
    changed = {
        "empty": b"",
        "cut": data[:-1],
        "longer": data + b"x",
        "zeros": bytes(len(data)),
        "foreign": other.files[name],
        "another version": data[:8] + b"\x02" + data[9:],
    }
    world.files.pop(name)
    if damage != "missing":
        world.files[name] = changed[damage]
    _, engine = reopened(world)

    assert is_right(engine)
    assert not any(isinstance(index, PlacedIndex) for index in engine.collections["a"].indexes.by_name.values())


@given(bit=st.integers(min_value=0), first=st.sampled_from(QUERIES))
def test_a_flipped_bit_in_a_snapshot_changes_no_answer(bit: int, first: dict[str, Any]) -> None:
    world = _closed_once()
    name = name_of(world)
    data = bytearray(world.files[name])
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    files = world.files | {name: bytes(data)}
    _, engine = reopened(World(files))

    assert sorted(find(engine, first)) == sorted(scanned(reopened(World(files))[1], first))
    assert is_right(engine)


_made: list[World] = []


def _closed_once() -> World:
    if not _made:
        _made.append(closed())
    return _made[0]


def test_a_damaged_hint_leaves_its_snapshot_unused() -> None:
    world = closed()
    (hint,) = (name for name in world.files if name.endswith(".hint"))
    for at in range(16, len(world.files[hint]) - 700, 97):
        data = bytearray(world.files[hint])
        data[at] ^= 1
        _, engine = reopened(World(world.files | {hint: bytes(data)}))
        assert is_right(engine)


def test_a_crash_while_a_snapshot_is_written_leaves_a_database_that_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    world, engine = written()
    world.run(rotate(engine))
    world.run(hints.write(engine))
    moments: list[dict[str, bytes]] = []
    carry_out = world._carry_out

    def watched(effect: Any) -> Any:
        done = carry_out(effect)
        moments.append(dict(world.files))
        return done

    monkeypatch.setattr(world, "_carry_out", watched)
    world.run(snapshots.write(engine))

    assert len(moments) > len(INDEXES)
    for files in moments:
        assert is_right(reopened(World(files))[1])


@pytest.mark.parametrize("failing", [effects.WriteFile, effects.Append])
def test_a_snapshot_that_cannot_be_written_is_an_error_of_the_system_and_the_database_opens(failing: type) -> None:
    world, engine = written()
    world.run(rotate(engine))
    world.run(hints.write(engine))
    world.failing = failing
    with pytest.raises(OSError, match="disk failed"):
        world.run(snapshots.write(engine))

    assert is_right(reopened(world)[1])


def test_snapshots_that_belong_to_no_hint_are_removed_at_opening() -> None:
    world = closed()
    world.files["idx-00000000000000ff.snap"] = world.files[name_of(world)]
    again_, _ = reopened(world)

    assert [name for name in again_.files if is_snapshot(name)] == [snapshot_name(8)]


def test_a_directory_that_is_no_directory_is_none() -> None:
    data = closed().files[snapshot_name(8)]

    assert read_directory(lambda offset, size: data[offset : offset + size], len(data)) is not None
    assert read_directory(lambda offset, size: b"", 0) is None
