from __future__ import annotations

from typing import Any

import pytest

from core.engine.logged import Logged, intake, request
from nosqlpy._core.engine import matching, writes
from nosqlpy._core.engine.intake import CallNeeded, SpareId
from nosqlpy._core.engine.returned import TRIES, Returned
from nosqlpy._core.update.compile import compile_replacement, compile_update
from nosqlpy.errors import DocumentTooLarge, DuplicateKeyError, QueryError, WriteError
from nosqlpy.results import DeleteResult, UpdateResult


def people(*, indexed: bool = False) -> Logged:
    db = Logged()
    db.insert("a", {"_id": 1, "n": 5, "g": "x"}, {"_id": 2, "n": 3, "g": "y"}, {"_id": 3, "n": 4, "g": "x"})
    if indexed:
        db.index("a", "g")
    return db


def update(
    db: Logged, filter: Any, change: Any, *, many: bool = False, upsert: bool = False, **options: Any
) -> UpdateResult:
    query, spare = request(filter, **options).query, intake().spare_id(made=True)
    return db.run(writes.update, "a", query, compile_update(change), spare, upsert=upsert, many=many)


def find_and_update(db: Logged, filter: Any, change: Any, *, after: bool, upsert: bool = False, **options: Any) -> Any:
    spare = intake().spare_id(made=True)
    asked = Returned(request(filter, **options), at_once=True)
    document = db.run(writes.find_one_and_update, "a", asked, compile_update(change), spare, upsert=upsert, after=after)
    return document()


both = pytest.mark.parametrize("indexed", [False, True], ids=["scan", "index"])


@both
def test_one_update_changes_the_first_match_only(indexed: bool) -> None:
    db = people(indexed=indexed)

    assert update(db, {"g": "x"}, {"$set": {"n": 0}}) == UpdateResult(1, 1)
    assert [document["n"] for document in db.find("a")] == [0, 3, 4]
    db.check()


@both
def test_an_update_of_many_changes_all_matches_in_one_frame(indexed: bool) -> None:
    db = people(indexed=indexed)
    before = db.engine.tail.end.lsn

    assert update(db, {"g": "x"}, {"$set": {"g": "y"}}, many=True) == UpdateResult(2, 2)
    assert db.ids("a", {"g": "y"}, sort="_id") == [1, 2, 3]
    assert db.engine.tail.end.lsn == before + 1
    db.check()


@both
def test_a_match_is_tested_where_an_index_leads_to_more(indexed: bool) -> None:
    db = people(indexed=indexed)

    assert update(db, {"g": "x", "n": {"$lt": 5}}, {"$set": {"n": 0}}, many=True) == UpdateResult(1, 1)
    assert [document["n"] for document in db.find("a")] == [5, 3, 0]


def test_a_document_that_an_update_leaves_as_it_is_matched_and_is_not_appended() -> None:
    db = people()
    before = db.memory()

    assert update(db, {"_id": 1}, {"$set": {"n": 5}}) == UpdateResult(1, 0)
    assert db.memory() == before


def test_an_update_of_many_appends_only_what_changes() -> None:
    db = people()
    change = writes.update(
        db.engine,
        "a",
        request({}).query,
        compile_update({"$max": {"n": 4}}),
        intake().spare_id(),
        upsert=False,
        many=True,
    )

    assert change.result == UpdateResult(3, 1)
    assert change.operations[0].ids == [2]


def test_an_update_takes_the_first_in_the_order_that_is_asked_for() -> None:
    db = people()
    update(db, {}, {"$set": {"hit": True}}, sort="n")

    assert db.ids("a", {"hit": True}) == [2]


def test_the_first_in_an_order_may_be_the_last_that_a_scan_finds() -> None:
    db = Logged()
    size = matching.STEP + 10
    db.insert("a", *({"_id": n, "back": -n} for n in range(size)))
    update(db, {}, {"$set": {"hit": True}}, sort="back")

    assert db.ids("a", {"hit": True}) == [size - 1]


def test_an_update_without_a_match_is_no_change() -> None:
    db = people()
    before = db.memory()

    assert update(db, {"_id": 9}, {"$set": {"n": 1}}) == UpdateResult(0, 0)
    assert update(Logged(), {}, {"$set": {"n": 1}}, many=True) == UpdateResult(0, 0)
    assert db.memory() == before


def test_an_update_that_is_impossible_on_one_document_changes_none() -> None:
    db = people()
    db.insert("a", {"_id": 4, "n": "text"})
    before = db.memory()

    with pytest.raises(WriteError) as caught:
        update(db, {}, {"$inc": {"n": 1}}, many=True)
    assert caught.value.code == 14
    assert caught.value.details["_id"] == 4
    assert db.memory() == before


def test_an_update_cannot_change_an_id() -> None:
    db = people()
    before = db.memory()

    with pytest.raises(WriteError) as caught:
        update(db, {"_id": 1}, {"$set": {"_id": 9}})
    assert caught.value.code == 66
    assert db.memory() == before


def test_an_updater_that_changes_an_id_unnoticed_is_refused() -> None:
    class Careless:
        needs_position = False
        names = None

        def apply(self, document: dict[str, Any], position: int | None = None) -> dict[str, Any]:
            return {**document, "_id": 9}

        def patch(self, data: bytes, size_max: int) -> bytes | None:
            return None

    db = people()
    with pytest.raises(WriteError) as caught:
        db.run(writes.update, "a", request({}).query, Careless(), intake().spare_id(), upsert=False, many=False)

    assert caught.value.code == 66


def test_an_update_that_makes_a_document_too_large_leaves_no_trace() -> None:
    db = people()
    db.engine.document_size_max = 100
    before = db.memory()

    with pytest.raises(DocumentTooLarge):
        update(db, {}, {"$set": {"s": "x" * 100}}, many=True)
    assert db.memory() == before


def test_a_replacement_keeps_the_id_and_the_place() -> None:
    db = people(indexed=True)
    query, updater = request({"n": 3}).query, compile_replacement({"g": "z"})
    db.run(writes.update, "a", query, updater, intake().spare_id(), upsert=False, many=False)

    assert db.ids("a") == [1, 2, 3]
    assert db.find("a", {"g": "z"}) == [{"_id": 2, "g": "z"}]
    assert db.find("a", {"g": "y"}) == []
    db.check()


def test_a_positional_update_changes_the_element_that_matched() -> None:
    db = Logged()
    db.insert("a", {"_id": 1, "l": [1, 5, 9]})
    update(db, {"l": {"$gt": 3}}, {"$set": {"l.$": 0}})

    assert db.find("a") == [{"_id": 1, "l": [1, 0, 9]}]


def test_a_scan_for_one_match_goes_past_the_first_step() -> None:
    db = Logged()
    size = matching.STEP + 10
    db.insert("a", *({"_id": n, "last": n == size - 1} for n in range(size)))
    update(db, {"last": True}, {"$set": {"hit": 1}})

    assert db.ids("a", {"hit": 1}) == [size - 1]


# ── upserts ─────────────────────────────────────────────────────────────────────


def test_an_upsert_inserts_what_the_filter_asks_for_with_the_update_on_it() -> None:
    db = people()
    result = update(db, {"g": "z"}, {"$set": {"n": 1}, "$setOnInsert": {"made": True}}, upsert=True)

    assert result == UpdateResult(0, 0, "new-1")
    assert db.find("a", {"g": "z"}) == [{"_id": "new-1", "g": "z", "n": 1, "made": True}]
    db.check()


def test_a_replacement_is_inserted_with_the_id_of_the_filter_and_nothing_else_of_it() -> None:
    db = Logged()
    query = request({"_id": 7, "x": 1, "x.y": 2}).query
    db.run(writes.update, "a", query, compile_replacement({"n": 1}), intake().spare_id(), upsert=True, many=False)

    assert db.find("a") == [{"_id": 7, "n": 1}]


def test_an_upsert_makes_the_collection() -> None:
    db = Logged()
    update(db, {"_id": 7}, {"$inc": {"n": 1}}, upsert=True)

    assert db.find("a") == [{"_id": 7, "n": 1}]
    db.check()


def test_an_upsert_that_finds_a_match_inserts_nothing() -> None:
    db = people()

    assert update(db, {"g": "x"}, {"$set": {"n": 1}}, upsert=True, many=True) == UpdateResult(2, 2)
    assert len(db.find("a")) == 3


def test_an_upsert_of_an_id_that_another_document_has_leaves_no_trace() -> None:
    db = people()
    before = db.memory()

    with pytest.raises(DuplicateKeyError):
        update(db, {"_id": 1, "g": "nowhere"}, {"$set": {"n": 1}}, upsert=True)
    assert db.memory() == before


def test_an_upsert_asks_for_an_id_only_when_it_needs_one() -> None:
    db = people()
    made: list[int] = []
    spare = SpareId(lambda: made.append(1) or "made")
    options: dict[str, Any] = {"upsert": True, "many": False}
    updater = compile_update({"$set": {"n": 1}})
    db.run(writes.update, "a", request({"g": "x"}).query, updater, spare, **options)
    db.run(writes.update, "a", request({"_id": 8}).query, updater, spare, **options)

    assert made == []
    with pytest.raises(CallNeeded) as needed:
        db.run(writes.update, "a", request({"g": "new"}).query, updater, spare, **options)
    needed.value.make()
    assert db.run(writes.update, "a", request({"g": "new"}).query, updater, spare, **options).upserted_id == "made"


# ── find and update ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("after", "shown"), [(False, 3), (True, 4)])
def test_the_document_is_shown_as_it_was_or_as_it_is(after: bool, shown: int) -> None:
    db = people()
    found = find_and_update(db, {}, {"$inc": {"n": 1}}, after=after, sort="n", projection={"n": 1, "_id": 0})

    assert found == {"n": shown}
    assert db.find("a", {"_id": 2}) == [{"_id": 2, "n": 4, "g": "y"}]
    db.check()


def test_a_document_that_was_found_and_not_changed_is_shown_too() -> None:
    db = people()
    before = db.memory()

    assert find_and_update(db, {"_id": 1}, {"$set": {"n": 5}}, after=True) == {"_id": 1, "n": 5, "g": "x"}
    assert db.memory() == before


def test_nothing_is_shown_where_nothing_was_found() -> None:
    db = people()

    assert find_and_update(db, {"_id": 9}, {"$set": {"n": 5}}, after=True) is None
    assert find_and_update(Logged(), {}, {"$set": {"n": 5}}, after=False) is None


@pytest.mark.parametrize(("after", "shown"), [(False, None), (True, {"_id": 9, "n": 5})])
def test_what_was_upserted_is_shown_only_as_it_is_after(after: bool, shown: Any) -> None:
    db = people()

    assert find_and_update(db, {"_id": 9}, {"$set": {"n": 5}}, after=after, upsert=True) == shown
    assert db.find("a", {"_id": 9}) == [{"_id": 9, "n": 5}]


def test_a_positional_projection_shows_no_document_after_its_update() -> None:
    db = Logged()
    db.insert("a", {"_id": 1, "l": [1, 5, 9]})
    before = db.memory()
    asked: dict[str, Any] = {"projection": {"l.$": 1}}

    with pytest.raises(QueryError, match="positional projection"):
        find_and_update(db, {"l": 5}, {"$set": {"n": 1}}, after=True, **asked)
    assert db.memory() == before
    assert find_and_update(db, {"l": 5}, {"$set": {"n": 1}}, after=False, **asked) == {"_id": 1, "l": [5]}


# ── deletions ───────────────────────────────────────────────────────────────────


@both
@pytest.mark.parametrize(("many", "left"), [(False, [2, 3]), (True, [2])])
def test_one_match_is_deleted_or_all(many: bool, left: list[int], indexed: bool) -> None:
    db = people(indexed=indexed)

    assert db.run(writes.delete, "a", request({"g": "x"}).query, many=many) == DeleteResult(3 - len(left))
    assert db.ids("a") == left
    db.check()


def test_a_deletion_that_finds_nothing_is_no_change() -> None:
    db = people()
    before = db.memory()

    assert db.run(writes.delete, "a", request({"g": "q"}).query, many=True) == DeleteResult(0)
    assert db.run(writes.delete, "b", request({}).query, many=True) == DeleteResult(0)
    assert db.run(writes.delete_by_id, "a", 9) is False
    assert db.run(writes.delete_by_id, "b", 1) is False
    assert db.memory() == before


def test_a_document_is_deleted_by_its_id() -> None:
    db = people(indexed=True)

    assert db.run(writes.delete_by_id, "a", 1.0) is True
    assert db.ids("a") == [2, 3]
    assert db.ids("a", {"g": "x"}) == [3]
    db.check()


def test_the_document_that_was_deleted_is_shown() -> None:
    db = people()
    asked = Returned(request({"g": "x"}, sort="n", projection=["n"]), at_once=True)

    assert db.run(writes.find_one_and_delete, "a", asked)() == {"_id": 3, "n": 4}
    assert db.ids("a") == [1, 2]
    db.check()


def test_nothing_is_shown_where_nothing_was_deleted() -> None:
    asked = Returned(request({"g": "q"}), at_once=True)

    assert people().run(writes.find_one_and_delete, "a", asked)() is None


def test_an_object_of_a_users_type_is_decoded_before_the_write_and_not_while_it_is_planned() -> None:
    db = people()
    asked = Returned(request({"g": "y"}), at_once=False)
    with pytest.raises(CallNeeded) as needed:
        db.run(writes.find_one_and_delete, "a", asked)
    needed.value.make()

    assert db.ids("a") == [1, 2, 3]
    assert db.run(writes.find_one_and_delete, "a", asked)() == {"_id": 2, "n": 3, "g": "y"}


def test_an_object_that_others_changed_meanwhile_is_decoded_anew() -> None:
    db = people()
    asked = Returned(request({"g": "y"}), at_once=False)
    with pytest.raises(CallNeeded) as needed:
        db.run(writes.find_one_and_delete, "a", asked)
    needed.value.make()
    update(db, {"_id": 2}, {"$set": {"n": 9}})
    with pytest.raises(CallNeeded) as needed:
        db.run(writes.find_one_and_delete, "a", asked)
    needed.value.make()

    assert db.run(writes.find_one_and_delete, "a", asked)() == {"_id": 2, "n": 9, "g": "y"}


def test_an_object_that_others_change_all_the_time_is_decoded_after_the_write() -> None:
    db = people()
    asked = Returned(request({"g": "y"}), at_once=False)
    for n in range(TRIES):
        update(db, {"_id": 2}, {"$set": {"n": 10 + n}})
        with pytest.raises(CallNeeded) as needed:
            db.run(writes.find_one_and_delete, "a", asked)
        needed.value.make()
    update(db, {"_id": 2}, {"$set": {"n": 99}})

    assert db.run(writes.find_one_and_delete, "a", asked)() == {"_id": 2, "n": 99, "g": "y"}


# ── how far a write looks ───────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "filter", "reached"),
    [
        ("a", {}, 3),
        ("a", {"n": {"$gt": 1}}, 3),
        ("a", {"n": 1}, 3),
        ("a", {"g": "x"}, 2),
        ("a", {"_id": 1}, 1),
        ("b", {}, 0),
    ],
)
def test_a_write_looks_at_the_candidates_of_its_plan(name: str, filter: Any, reached: int) -> None:
    db = people(indexed=True)

    assert matching.reach(db.engine, name, request(filter).query) == reached
    assert matching.reach(db.engine, name, Returned(request(filter), at_once=True)) == reached


def test_a_write_that_asks_nothing_looks_at_all() -> None:
    assert matching.reach(people().engine, "a", None) == 3
