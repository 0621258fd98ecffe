from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.hinted import close, closed, compact, delete, documents, load_all, new, put, reopened, some
from core.engine.world import World, write
from nosqlpy._core.engine import effects, hints, reads
from nosqlpy._core.engine.eviction import evict_all
from nosqlpy._core.engine.publish import mark, rotate
from nosqlpy._core.engine.slots import Slots
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.index.deferred import loading
from nosqlpy._core.log.derived import DIRECTORY_SIZE_MAX, FOOT_SIZE
from nosqlpy._core.log.hint import HEAD, hint_lsn, hint_name, read_directory
from nosqlpy._core.log.operation import Define, Put
from nosqlpy._core.values.standins import ObjectId
from nosqlpy.errors import CorruptionError


def hint_files(world: World) -> list[str]:
    return [name for name in world.files if hint_lsn(name) is not None]


def is_used(engine: Engine) -> bool:
    return engine.hint is not None


def test_a_hint_is_named_by_the_last_frame_that_it_covers() -> None:
    world = closed()

    assert hint_files(world) == [hint_name(2)] == ["base-0000000000000002.hint"]
    assert (hint_lsn(hint_name(2)), hint_lsn("base-2.hint"), hint_lsn("MANIFEST")) == (2, None, None)


def test_what_a_hint_covers_is_not_read_at_opening() -> None:
    world, engine = reopened(closed())

    assert is_used(engine)
    assert sum(size for name, _, size in world.parts if name.startswith("seg-")) == 64
    assert documents(engine) == some(20)


def test_what_came_after_the_hint_is_replayed() -> None:
    world, engine = reopened(closed())
    world.run(mark(engine, clean=False))
    write(world, engine, put({"_id": "new"}), delete("id 3"))
    world.run(rotate(engine))
    write(world, engine, Define(2, "create", {"name": "b"}), put({"_id": 1}, collection=2))
    _, again = reopened(world)

    assert documents(again) == [*(d for d in some(20) if d["_id"] != "id 3"), {"_id": "new"}]
    assert list(again.collections) == ["a", "b"]


def test_a_second_hint_takes_over_what_did_not_change_and_removes_the_first() -> None:
    world, engine = reopened(closed(put(*some(20)), Define(2, "create", {"name": "b"}), put({"_id": 1}, collection=2)))
    world.run(mark(engine, clean=False))
    write(world, engine, put({"_id": 2.0}, {"_id": None}, collection=2))
    close(world, engine)
    _, again = reopened(world)

    assert len(hint_files(world)) == 1
    assert is_used(again)
    assert documents(again) == some(20)
    load_all(again)
    assert again.collections["b"].slots.keys() == [1, 2.0, None]


def test_the_hint_of_a_base_covers_just_that() -> None:
    world, engine = new()
    write(world, engine, put(*some(20)), delete("id 3"))
    compact(world, engine)
    _, again = reopened(world)

    assert is_used(again)
    assert again.hint is not None
    assert again.hint.directory.segments == engine.manifest.sealed
    assert documents(again) == documents(engine)


def test_a_number_of_a_dropped_collection_is_not_given_again() -> None:
    _, engine = reopened(closed(Define(5, "create", {"name": "b"}), Define(5, "drop", {})))

    assert engine.next_number == 6


def test_dead_bytes_are_remembered() -> None:
    world, engine = new()
    write(world, engine, put(*some(20)), delete("id 3"))
    dead = engine.memory.dead
    close(world, engine)

    assert reopened(world)[1].memory.dead == dead > 0


# ── when it pays ────────────────────────────────────────────────────────────────


def test_a_small_database_gets_no_hint() -> None:
    _, engine = new()

    assert not hints.worth(engine)


def test_where_nothing_is_new_no_hint_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "NEW_MIN", 0)

    assert not hints.worth(World().open(budget=1 << 20).engine)
    assert not hints.worth(reopened(closed())[1])


@pytest.mark.parametrize(("new_min", "share", "worth"), [(1, 1000, True), (10**6, 1000, False), (1, 0, False)], ids=str)
def test_a_hint_pays_when_much_is_new_compared_with_what_the_last_one_covers(
    monkeypatch: pytest.MonkeyPatch, new_min: int, share: int, worth: bool
) -> None:
    world, engine = reopened(closed())
    world.run(mark(engine, clean=False))
    write(world, engine, put({"_id": "new"}))
    monkeypatch.setattr(hints, "NEW_MIN", new_min)
    monkeypatch.setattr(hints, "SHARE", share)

    assert hints.worth(engine) == worth


def test_an_engine_that_cannot_read_files_has_no_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "NEW_MIN", 0)
    world = closed()
    engine = World(world.files).open().engine

    assert not is_used(engine)
    assert not hints.worth(engine)


# ── hints that do not fit ───────────────────────────────────────────────────────


def damaged_copies(data: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "head only": HEAD,
        "cut": data[:-1],
        "half": data[: len(data) // 2],
        "longer": data + b"x",
        "foot flipped": data[:-1] + bytes([data[-1] ^ 1]),
        "huge directory": data[:-FOOT_SIZE]
        + (0).to_bytes(8, "little")
        + (DIRECTORY_SIZE_MAX + 1).to_bytes(8, "little"),
        "zeros": bytes(len(data)),
    }


@pytest.mark.parametrize("damage", sorted(damaged_copies(b"x" * 100)))
def test_a_hint_that_is_damaged_is_not_used_and_removed(damage: str) -> None:
    world = closed()
    name = hint_files(world)[0]
    world.files[name] = damaged_copies(world.files[name])[damage]
    again, engine = reopened(world)

    assert not is_used(engine)
    assert documents(engine) == some(20)
    assert hint_files(again) == []


def test_a_hint_of_another_database_is_not_used() -> None:
    world = closed()
    other = World()
    other._randomness = iter(range(500, 600))
    engine = other.open(budget=1 << 20).engine
    other.run(mark(engine, clean=False))
    write(other, engine, Define(1, "create", {"name": "a"}), put({"_id": "theirs"}))
    close(other, engine)
    world.files[hint_files(world)[0]] = other.files[hint_files(other)[0]]

    assert documents(reopened(world)[1]) == some(20)


def test_a_hint_from_before_a_compaction_is_not_used() -> None:
    world = closed()
    stale = {name: world.files[name] for name in hint_files(world)}
    world, engine = reopened(world)
    world.run(mark(engine, clean=False))
    write(world, engine, delete("id 3"))
    compact(world, engine)
    for name in hint_files(world):
        del world.files[name]
    world.files |= stale
    _, again = reopened(world)

    assert not is_used(again)
    assert len(documents(again)) == 19


def test_an_older_hint_is_used_where_a_newer_one_is_damaged() -> None:
    world = closed()
    older = {name: world.files[name] for name in hint_files(world)}
    world, engine = reopened(world)
    world.run(mark(engine, clean=False))
    write(world, engine, put({"_id": "new"}))
    close(world, engine)
    world.files[hint_files(world)[0]] = b"damaged"
    world.files |= older
    _, again = reopened(world)

    assert is_used(again)
    assert documents(again) == [*some(20), {"_id": "new"}]


@given(bit=st.integers(min_value=0), look=st.integers(0, 25))
def test_a_flipped_bit_in_a_hint_changes_no_answer(bit: int, look: int) -> None:
    world = closed(put(*some(20)), Define(1, "index", {"name": "x_1", "keys": [["x", 1]]}))
    name = hint_files(world)[0]
    data = bytearray(world.files[name])
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    world.files[name] = bytes(data)
    _, engine = reopened(world)
    assert (loading(lambda: reads.get(engine, "a", f"id {look}")) is None) == (look >= 20)
    assert documents(engine) == some(20)
    assert sorted(engine.collections["a"].indexes.by_name["x_1"].lookup(1)) == sorted(
        d["_id"] for d in some(20) if d["x"] == 1
    )


@pytest.mark.parametrize("damage", ["cut", "longer", "header", "missing"])
def test_a_segment_that_is_not_what_was_sealed_is_refused_at_opening_although_a_hint_covers_it(damage: str) -> None:
    world = closed()
    name = "seg-00000001.nql"
    data = world.files[name]
    changed = {"cut": data[:-1], "longer": data + b"x", "header": data[:17] + b"x" + data[18:]}
    if damage == "missing":
        del world.files[name]
    else:
        world.files[name] = changed[damage]

    with pytest.raises(CorruptionError) as caught:
        reopened(world)
    assert caught.value.details["file"] == name


# ── writing ─────────────────────────────────────────────────────────────────────


def test_a_crash_while_a_hint_is_written_leaves_a_database_that_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    world, engine = new()
    write(world, engine, put(*some(20)))
    world.run(rotate(engine))
    snapshots: list[dict[str, bytes]] = []

    carry_out = world._carry_out

    def watched(effect: Any) -> Any:
        snapshots.append(dict(world.files))
        done = carry_out(effect)
        snapshots.append(dict(world.files))
        return done

    monkeypatch.setattr(world, "_carry_out", watched)
    world.run(hints.write(engine))

    assert len(snapshots) >= 8
    for files in snapshots:
        _, again = reopened(World(files))
        assert documents(again) == some(20)


def test_a_part_of_a_hint_that_a_crash_left_is_written_anew() -> None:
    world, engine = new()
    write(world, engine, put(*some(20)))
    world.run(rotate(engine))
    world.files[hint_name(2)] = b"a part"
    world.run(hints.write(engine))

    assert is_used(reopened(world)[1])


@pytest.mark.parametrize("failing", [effects.WriteFile, effects.Append])
def test_a_hint_that_cannot_be_written_is_an_error_of_the_system_and_the_database_opens(failing: type) -> None:
    world, engine = new()
    write(world, engine, put(*some(20)))
    world.run(rotate(engine))
    world.failing = failing
    with pytest.raises(OSError, match="disk failed"):
        world.run(hints.write(engine))
    world.failing = None

    assert documents(reopened(world)[1]) == some(20)


@pytest.mark.parametrize("budget", [0, 1 << 20])
@pytest.mark.parametrize("id", ["id 3", 3, ObjectId(bytes(12)), True], ids=["text", "number", "ObjectId", "other"])
def test_a_hint_of_loaded_documents_is_the_one_that_the_log_gives(
    monkeypatch: pytest.MonkeyPatch, id: Any, budget: int
) -> None:
    world = World()
    engine = world.open(budget=budget).engine
    write(world, engine, Define(1, "create", {"name": "a"}), put(*some(20), {"_id": id}))
    write(world, engine, delete("id 7", "id 0"), put({"_id": "id 5", "n": 1}, {"_id": "id 7"}))
    world.run(rotate(engine))
    world.run(hints.write(engine))
    (name,) = hint_files(world)
    found = world.files[name]
    monkeypatch.setattr(Slots, "rows", lambda self, segments: None)
    world.run(hints.write(engine))

    assert found == world.files[name]


def test_documents_that_lie_in_segments_that_are_gone_are_looked_for_in_the_log() -> None:
    world, engine = new()
    write(world, engine, put(*some(20)))
    world.run(rotate(engine))
    evict_all(engine)

    assert engine.collections["a"].slots.rows({1}) is not None
    assert engine.collections["a"].slots.rows({2}) is None


def test_a_damaged_frame_is_not_taken_into_a_hint() -> None:
    world, engine = new()
    write(world, engine, put(*some(20)))
    world.run(rotate(engine))
    data = bytearray(world.files["seg-00000001.nql"])
    data[data.find(b"id 7")] ^= 1
    world.files["seg-00000001.nql"] = bytes(data)

    with pytest.raises(CorruptionError):
        world.run(hints.write(engine))


def test_a_hint_whose_predecessor_is_damaged_is_made_from_the_log() -> None:
    world = closed()
    name = hint_files(world)[0]
    world, engine = reopened(world)
    world.run(mark(engine, clean=False))
    for position in range(len(HEAD), len(HEAD) + 400, 50):
        data = bytearray(world.files[name])
        data[position] ^= 1
        world.files[name] = bytes(data)
    write(world, engine, Define(2, "create", {"name": "b"}), Put(2, [1], [1], [b"\x81\xa3_id\x01"]))
    close(world, engine)
    _, again = reopened(world)

    assert is_used(again)
    assert documents(again) == some(20)


def test_a_directory_that_is_no_directory_is_none() -> None:
    data = closed().files[hint_name(2)]

    assert read_directory(lambda offset, size: data[offset : offset + size], len(data)) is not None
    assert read_directory(lambda offset, size: b"", 0) is None
    assert read_directory(lambda offset, size: bytes(size), 1000) is None
