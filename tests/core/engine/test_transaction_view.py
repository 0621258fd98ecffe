"""A transaction sees what it has written as if it were committed; nobody else sees anything of it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from core.engine.logged import Inside, Logged, find, finish, ids, intake, new, request, several
from nosqlpy._core.aggregate.pipeline import compile_pipeline
from nosqlpy._core.engine import lookups, points, reads, state, writes
from nosqlpy._core.engine.aggregation import AggregateRequest, aggregate
from nosqlpy._core.engine.definitions import create_index, drop_collection
from nosqlpy._core.engine.overlay import OverlaySlots
from nosqlpy._core.engine.points import PointUpdate
from nosqlpy._core.index.options import define_index
from nosqlpy._core.log.operation import Define, Delete, Put
from nosqlpy._core.update.compile import compile_update
from nosqlpy._core.values.codec import decode_document
from nosqlpy.errors import DuplicateKeyError, OperationFailure, TransactionError, WriteConflict, WriteError


def people(*, indexed: bool = True) -> Logged:
    db = Logged()
    db.insert("a", *({"_id": number, "g": number % 3, "n": number} for number in range(6)))
    if indexed:
        db.index("a", "g")
    return db


def update(db: Logged, filter: Any, change: Any, *, many: bool = True, name: str = "a") -> Any:
    spare = intake().spare_id(made=True)
    return db.run(writes.update, name, request(filter).query, compile_update(change), spare, upsert=False, many=many)


def delete(db: Logged, filter: Any, name: str = "a") -> Any:
    return db.run(writes.delete, name, request(filter).query, many=True)


def test_what_a_transaction_writes_is_seen_within_and_not_without() -> None:
    db = people()
    before = db.memory()
    inside = Inside(db)
    inside.insert("a", {"_id": 9, "g": 0})
    update(inside, {"_id": 0}, {"$set": {"g": 7}})
    delete(inside, {"_id": 3})

    assert inside.ids("a", {"g": 0}) == [9]
    assert inside.ids("a", {"g": 7}) == [0]
    assert inside.ids("a") == [0, 1, 2, 4, 5, 9]
    assert db.memory() == before


def test_a_commit_is_one_frame() -> None:
    db = people()
    inside = Inside(db)
    inside.insert("a", {"_id": 9})
    inside.insert("b", {"_id": 1})
    delete(inside, {"_id": 0})
    before = db.engine.tail.end.lsn
    inside.finish()

    assert db.engine.tail.end.lsn == before + 1
    assert (db.ids("a"), db.ids("b")) == ([1, 2, 3, 4, 5, 9], [1])
    db.check()


def test_a_transaction_says_what_it_has_done_in_as_few_operations_as_it_takes() -> None:
    inside = Inside(people())
    for number in range(5):
        update(inside, {"_id": 0}, {"$set": {"n": number + 100}})
    inside.insert("a", {"_id": 9})
    delete(inside, {"_id": 9})
    inside.insert("a", {"_id": 8})

    assert [(type(one), one.keys) for one in inside.view.operations()] == [(Put, [0]), (Put, [8])]


def test_a_document_that_was_deleted_and_comes_back_stands_at_the_end() -> None:
    db = people()
    inside = Inside(db)
    delete(inside, {"_id": 0})
    inside.insert("a", {"_id": 0, "g": 5})

    assert inside.ids("a") == [1, 2, 3, 4, 5, 0]
    assert [type(one) for one in inside.view.operations()] == [Delete, Put]

    inside.finish()

    assert db.ids("a") == [1, 2, 3, 4, 5, 0]
    db.check()


def test_a_collection_that_a_transaction_makes_is_there_only_within_until_it_commits() -> None:
    db = people()
    inside = Inside(db)
    inside.insert("new", {"_id": 1})

    assert "new" in inside.engine.collections
    assert "new" not in db.engine.collections
    assert sorted(inside.engine.collections) == ["a", "new"]

    inside.finish()

    assert db.ids("new") == [1]
    db.check()


def test_collections_made_in_one_transaction_have_numbers_of_their_own() -> None:
    db = people()
    inside = Inside(db)
    for name in ("x", "y", "z"):
        inside.insert(name, {"_id": name})
    inside.finish()

    assert [db.ids(name) for name in ("x", "y", "z")] == [["x"], ["y"], ["z"]]
    assert len({collection.number for collection in db.engine.collections.values()}) == 4


def test_a_refused_write_leaves_the_transaction_as_it_was() -> None:
    db = people()
    inside = Inside(db)
    inside.insert("a", {"_id": 9})
    with pytest.raises(DuplicateKeyError):
        inside.run(writes.insert_one, "a", new({"_id": 9, "g": 1}))
    with pytest.raises(DuplicateKeyError):
        inside.run(writes.insert_one, "a", new({"_id": 1, "g": 1}))
    with pytest.raises(WriteError):
        update(inside, {}, {"$inc": {"g.x": 1}})

    assert inside.ids("a") == [0, 1, 2, 3, 4, 5, 9]
    assert inside.ids("a", {"g": None}) == [9]


def test_the_catalogue_cannot_be_changed() -> None:
    inside = Inside(people())
    with pytest.raises(TransactionError, match="'drop' changes the catalogue"):
        inside.run(drop_collection, "a")
    with pytest.raises(TransactionError, match="'index'"):
        inside.run(create_index, "a", define_index("n", None, {}))


def test_a_transaction_that_is_too_large_is_refused_before_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nosqlpy._core.engine.transaction.CHANGE_SIZE_MAX", 1000)
    inside = Inside(people())
    inside.insert("a", {"_id": 9, "text": "x" * 600})
    with pytest.raises(WriteError, match="the limit is 1000"):
        inside.run(writes.insert_one, "a", new({"_id": 10, "text": "x" * 600}))
    update(inside, {"_id": 9}, {"$set": {"text": ""}})
    inside.insert("a", {"_id": 10, "text": "x" * 600})

    assert inside.ids("a")[-2:] == [9, 10]
    assert state.CHANGE_SIZE_MAX == 256 << 20


def test_a_transaction_is_refused_when_somebody_else_has_written() -> None:
    db = people()
    inside = Inside(db)
    inside.insert("a", {"_id": 9})
    db.insert("a", {"_id": 10})
    with pytest.raises(WriteConflict):
        inside.finish()

    assert db.ids("a") == [0, 1, 2, 3, 4, 5, 10]


def test_a_transaction_that_was_interrupted_half_way_cannot_commit() -> None:
    db = people()
    inside = Inside(db)
    inside.view.begun += 1
    with pytest.raises(TransactionError, match="interrupted"):
        inside.finish()


def test_a_lookup_finds_what_the_transaction_has_written_in_the_other_collection() -> None:
    db = people()
    inside = Inside(db)
    inside.insert("b", {"_id": 1, "who": 7})
    update(inside, {"_id": 0}, {"$set": {"g": 7}})
    lookup = {"$lookup": {"from": "a", "localField": "who", "foreignField": "g", "as": "found"}}
    asked = AggregateRequest(compile_pipeline([lookup], {}), request().query, lambda document: document)
    found = [document for batch in aggregate(inside.engine, "b", asked).steps() for document in batch]

    assert [one["_id"] for one in found[0]["found"]] == [0]


def test_the_statistics_count_what_the_transaction_has_written() -> None:
    db = people()
    inside = Inside(db)
    inside.insert("a", {"_id": 9, "text": "x" * 100})
    delete(inside, {"_id": 0})
    update(inside, {"_id": 1}, {"$set": {"text": "y" * 50}})
    within = reads.collection_stats(inside.engine, "a")
    inside.finish()

    assert within["count"] == 6
    assert within["size"] == reads.collection_stats(db.engine, "a")["size"]


def test_a_unique_key_is_free_once_the_transaction_has_taken_its_document_away() -> None:
    db = Logged()
    db.run(create_index, "a", define_index("g", None, {"unique": True}))
    db.insert("a", {"_id": 1, "g": 1}, {"_id": 2, "g": 2})
    inside = Inside(db)
    delete(inside, {"_id": 1})
    update(inside, {"_id": 2}, {"$set": {"g": 1}})
    inside.insert("a", {"_id": 3, "g": 2})
    with pytest.raises(DuplicateKeyError):
        inside.run(writes.insert_one, "a", new({"_id": 4, "g": 1}))
    inside.finish()

    assert db.ids("a", {"g": 1}) == [2]
    assert db.ids("a", {"g": 2}) == [3]
    db.check()


def test_a_unique_key_is_free_again_once_the_document_is_gone_that_the_transaction_gave_it() -> None:
    db = Logged()
    db.run(create_index, "a", define_index("g", None, {"unique": True}))
    inside = Inside(db)
    inside.insert("a", {"_id": 1, "g": 1}, {"_id": 2, "g": 2})
    inside.run(writes.delete_by_id, "a", 1)
    update(inside, {"_id": 2}, {"$set": {"g": 3}})
    inside.run(writes.insert_one, "a", new({"_id": 3, "g": 1}))
    inside.run(writes.insert_one, "a", new({"_id": 4, "g": 2}))
    with pytest.raises(DuplicateKeyError):
        inside.run(writes.insert_one, "a", new({"_id": 5, "g": 3}))
    inside.finish()

    assert [db.ids("a", {"g": key}) for key in (1, 2, 3)] == [[3], [4], [2]]
    db.check()


def test_a_unique_key_stays_taken_by_a_document_in_which_the_transaction_changes_something_else() -> None:
    db = Logged()
    db.run(create_index, "a", define_index("g", None, {"unique": True}))
    db.insert("a", {"_id": 1, "g": 1, "n": 1})
    inside = Inside(db)
    inside.run(points.update, "a", PointUpdate("_id", 1, compile_update({"$inc": {"n": 1}})))

    with pytest.raises(DuplicateKeyError):
        inside.run(writes.insert_one, "a", new({"_id": 2, "g": 1}))


def test_a_short_read_is_of_collections_only_that_the_transaction_has_not_written_to() -> None:
    db = people()
    db.insert("b", {"_id": 1, "g": 1})
    db.index("b", "g")
    inside = Inside(db)
    inside.run(writes.delete_by_id, "a", 1)
    asked = lookups.Equal(decode_document, 0, "g", 1)

    assert inside.view.glance(lookups.find, "a", asked) is UNSET
    assert list(map(decode_document, inside.view.glance(lookups.find, "b", asked))) == [{"_id": 1, "g": 1}]


# ── any sequence of writes ───────────────────────────────────────────────────────

IDS = st.sampled_from([0, 1, 2, 3, "s", 9])
NAMES = st.sampled_from(["a", "b"])
DOCUMENTS = st.builds(lambda id, g: {"_id": id, "g": g}, IDS, st.sampled_from([0, 1, [1, 2], None, "x"]))
FILTERS = st.sampled_from([{}, {"g": 1}, {"g": {"$in": [0, 2]}}, {"_id": 1}, {"_id": {"$in": [0, 9]}}, {"g": None}])


def _insert(db: Logged, name: str, documents: list[Any], filter: Any) -> Any:
    del filter
    return db.steps(writes.insert_many(db.engine, name, several(*documents), ordered=False))


def _save(db: Logged, name: str, documents: list[Any], filter: Any) -> Any:
    del filter
    return [db.run(writes.save, name, new(document)) for document in documents]


def _update(db: Logged, name: str, documents: list[Any], filter: Any) -> Any:
    return update(db, filter, {"$set": {"g": documents[0]["g"]}}, many=len(documents) > 1, name=name)


def _delete(db: Logged, name: str, documents: list[Any], filter: Any) -> Any:
    del documents
    return delete(db, filter, name)


def _count(db: Logged, name: str, documents: list[Any], filter: Any) -> Any:
    """Change a field that no index reads."""
    del filter
    increment = compile_update({"$inc": {"times": 1}})
    return [db.run(points.update, name, PointUpdate("_id", document["_id"], increment)) for document in documents]


def _insert_each(db: Logged, name: str, documents: list[Any], filter: Any) -> Any:
    del filter
    return [db.run(writes.insert_one, name, new(document)) for document in documents]


def _remove(db: Logged, name: str, documents: list[Any], filter: Any) -> Any:
    del filter
    return [db.run(writes.delete_by_id, name, document["_id"]) for document in documents]


STEPS = st.lists(
    st.tuples(
        st.sampled_from([_insert, _insert_each, _save, _update, _delete, _count, _remove]),
        NAMES,
        st.lists(DOCUMENTS, min_size=1, max_size=3),
        FILTERS,
    ),
    max_size=12,
)


def outcome(step: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return step(*arguments)
    except OperationFailure as error:
        return type(error), str(error)


def answers(db: Logged) -> list[Any]:
    """Return what every way to read gives."""
    engine, found = db.engine, []
    for name in ("a", "b"):
        found.append(find(engine, name))
        found.append(find(engine, name, limit=2))
        for filter in ({"g": 1}, {"g": {"$in": [1, 2, None]}}, {"g": {"$gt": 0}}, {"_id": {"$in": [0, "s"]}}):
            found.append(ids(find(engine, name, filter)))
            found.append(finish(reads.count(engine, name, request(filter).query)))
        found.append(find(engine, name, sort="g"))
        found.append(find(engine, name, {"g": {"$gte": 0}}, sort="-g", limit=2))
        found.append([reads.get(engine, name, id) for id in (0, 1, "s", 9)])
        found.append(finish(reads.distinct(engine, name, "g", request().query)))
    return found


@settings(deadline=None)
@given(STEPS, STEPS, st.booleans())
def test_a_transaction_commits_what_its_writes_would_have_done_whether_or_not_it_looks(
    before: Any, within: Any, look: bool
) -> None:
    direct, db = Logged(), Logged()
    for engine in (direct, db):
        engine.insert("a", {"_id": 0, "g": 0, "times": 1}, {"_id": 1, "g": [1, 2]}, {"_id": "s", "times": 5})
        engine.index("a", "g")
        engine.insert("b", {"_id": 0, "times": 1})
    for step, *arguments in before:
        outcome(step, direct, *arguments)
        outcome(step, db, *arguments)
    inside = Inside(db)
    for step, *arguments in within:
        assert outcome(step, inside, *arguments) == outcome(step, direct, *arguments)
    if look:
        assert answers(inside) == answers(direct)
    inside.finish()

    assert answers(db) == answers(direct)
    db.check()


@settings(deadline=None)
@given(STEPS, STEPS)
def test_a_transaction_reads_and_commits_what_its_writes_would_have_done_one_by_one(before: Any, within: Any) -> None:
    direct, db = Logged(), Logged()
    for engine in (direct, db):
        engine.insert("a", {"_id": 0, "g": 0}, {"_id": 1, "g": [1, 2]})
        engine.index("a", "g")
        engine.run(create_index, "b", define_index("g", None, {"unique": True}))
    for step, *arguments in before:
        outcome(step, direct, *arguments)
        outcome(step, db, *arguments)
    untouched, inside = db.memory(), Inside(db)
    for step, *arguments in within:
        assert outcome(step, inside, *arguments) == outcome(step, direct, *arguments)
        assert answers(inside) == answers(direct)

    assert db.memory() == untouched

    inside.finish()

    assert answers(db) == answers(direct)
    db.check()


def test_only_definitions_that_make_collections_come_from_a_transaction() -> None:
    inside = Inside(people())
    inside.insert("new", {"_id": 1})

    assert [type(one) for one in inside.view.operations()] == [Define, Put]


def test_a_transaction_leaves_no_work_to_the_collector_of_cycles() -> None:
    gc.collect()
    inside = Inside(people())
    inside.insert("a", {"_id": 9})
    inside.insert("b", {"_id": 9})
    inside.ids("a", {"g": 1})
    gc.disable()
    try:
        del inside

        assert not any(type(found) is OverlaySlots for found in gc.get_objects())
    finally:
        gc.enable()
