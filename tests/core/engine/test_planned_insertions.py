from __future__ import annotations

import pytest

from core.engine.logged import Logged, finish, new, several
from nosqlpy._core.engine import writes
from nosqlpy._core.engine.intake import CHUNK
from nosqlpy.errors import BulkWriteError, DuplicateKeyError, InvalidName
from nosqlpy.results import InsertManyResult, InsertOneResult


def test_a_planned_insertion_alters_nothing_until_it_is_applied() -> None:
    db = Logged()
    before = db.memory()
    change = writes.insert_one(db.engine, "a", new({"_id": 1}))

    assert change.data
    assert db.memory() == before


def test_an_inserted_document_is_found_and_is_in_the_log() -> None:
    db = Logged()

    assert db.run(writes.insert_one, "a", new({"_id": 1, "x": 2})) == 1
    assert db.find("a") == [{"_id": 1, "x": 2}]
    db.check()


def test_an_insertion_into_a_collection_that_is_there_does_not_make_it_again() -> None:
    db = Logged()
    db.insert("a", {"_id": 1})
    change = writes.insert_one(db.engine, "a", new({"_id": 2}))

    assert [type(operation).__name__ for operation in change.operations] == ["Put"]


def test_the_result_of_an_insertion_can_be_pymongos() -> None:
    assert Logged().run(writes.insert_one_result, "a", new({"_id": 1})) == InsertOneResult(1)


@pytest.mark.parametrize(("held", "given"), [(1, 1), (1, 1.0), ("x", "x"), ({"a": 1}, {"a": 1.0})])
def test_an_insertion_of_an_id_that_is_taken_leaves_no_trace(held: object, given: object) -> None:
    db = Logged()
    db.insert("a", {"_id": held})
    before = db.memory()

    with pytest.raises(DuplicateKeyError) as caught:
        db.run(writes.insert_one, "a", new({"_id": given}))
    assert caught.value.code == 11000
    assert caught.value.details == {"keyPattern": {"_id": 1}, "keyValue": {"_id": given}}
    assert db.memory() == before


def test_true_is_another_id_than_one() -> None:
    db = Logged()
    db.insert("a", {"_id": 1}, {"_id": True})

    assert db.ids("a") == [1, True]
    db.check()


def test_an_insertion_under_a_bad_name_leaves_no_trace() -> None:
    db = Logged()
    before = db.memory()

    with pytest.raises(InvalidName):
        db.run(writes.insert_one, "a$b", new({"_id": 1}))
    assert db.memory() == before


def test_a_saved_document_takes_the_place_of_the_one_with_its_id() -> None:
    db = Logged()
    db.insert("a", {"_id": 1, "x": 1}, {"_id": 2})
    db.run(writes.save, "a", new({"_id": 1, "y": 1}))

    assert db.find("a") == [{"_id": 1, "y": 1}, {"_id": 2}]
    db.check()


def test_a_document_is_saved_where_there_was_no_collection() -> None:
    db = Logged()

    assert db.run(writes.save, "a", new({"_id": 1})) == 1
    assert db.ids("a") == [1]


# ── many ────────────────────────────────────────────────────────────────────────


def test_documents_are_inserted_in_their_order_with_their_ids_as_result() -> None:
    db = Logged()
    result = db.steps(writes.insert_many(db.engine, "a", several({"_id": 3}, {"_id": 1}, {"_id": 2}), ordered=True))

    assert result == InsertManyResult([3, 1, 2])
    assert db.ids("a") == [3, 1, 2]
    db.check()


@pytest.mark.parametrize("size", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 1])
def test_a_bulk_insertion_is_one_frame_for_each_chunk(size: int) -> None:
    db = Logged()
    db.insert("a", *({"_id": number} for number in range(size)))

    assert db.engine.collections["a"].slots.count() == size
    assert db.engine.tail.end.lsn == -(-size // CHUNK)
    db.check()


def test_no_documents_are_no_change() -> None:
    db = Logged()
    result = db.steps(writes.insert_many(db.engine, "a", several(), ordered=True))

    assert result == InsertManyResult([])
    assert db.engine.collections == {}


def refused(db: Logged, *documents: dict[str, object], ordered: bool) -> BulkWriteError:
    with pytest.raises(BulkWriteError) as caught:
        db.steps(writes.insert_many(db.engine, "a", several(*documents), ordered=ordered))
    return caught.value


def test_an_ordered_insertion_ends_at_the_first_id_that_is_taken() -> None:
    db = Logged()
    db.insert("a", {"_id": 1})
    error = refused(db, {"_id": 5}, {"_id": 1, "x": 9}, {"_id": 6}, {"_id": 1}, ordered=True)

    assert db.ids("a") == [1, 5]
    assert error.details["nInserted"] == 1
    assert [entry["index"] for entry in error.details["writeErrors"]] == [1]
    db.check()


def test_an_unordered_insertion_leaves_out_only_the_ids_that_are_taken() -> None:
    db = Logged()
    db.insert("a", {"_id": 1})
    error = refused(db, {"_id": 5}, {"_id": 1}, {"_id": 6}, {"_id": 5}, ordered=False)

    assert db.ids("a") == [1, 5, 6]
    assert error.details["nInserted"] == 2
    assert [entry["index"] for entry in error.details["writeErrors"]] == [1, 3]
    db.check()


def test_an_error_of_a_bulk_insertion_says_what_was_refused_and_why() -> None:
    db = Logged()
    db.insert("a", {"_id": 1})
    entry = refused(db, {"_id": 1, "x": 9}, ordered=True).details["writeErrors"][0]

    assert entry["code"] == 11000
    assert entry["op"] == {"_id": 1, "x": 9}
    assert entry["keyValue"] == {"_id": 1}
    assert entry["keyPattern"] == {"_id": 1}


def test_the_first_of_two_documents_with_one_id_is_inserted() -> None:
    db = Logged()
    refused(db, {"_id": 1, "x": 1}, {"_id": 1, "x": 2}, ordered=True)

    assert db.find("a") == [{"_id": 1, "x": 1}]


def test_an_insertion_of_nothing_but_duplicates_appends_nothing() -> None:
    db = Logged()
    db.insert("a", {"_id": 1}, {"_id": 2})
    before = db.memory()
    refused(db, {"_id": 2}, {"_id": 1}, ordered=False)

    assert db.memory() == before


def test_an_ordered_insertion_does_not_go_on_to_the_next_chunk_after_an_error() -> None:
    db = Logged()
    documents = [{"_id": number} for number in range(CHUNK)] + [{"_id": 0}, {"_id": "x"}] * CHUNK
    refused(db, *documents, ordered=True)

    assert db.ids("a") == list(range(CHUNK))


def test_positions_of_errors_count_from_the_first_chunk() -> None:
    db = Logged()
    documents = [{"_id": number} for number in range(CHUNK + 5)] + [{"_id": 0}, {"_id": "x"}]
    error = refused(db, *documents, ordered=False)

    assert [entry["index"] for entry in error.details["writeErrors"]] == [CHUNK + 5]
    assert db.ids("a")[-1] == "x"
    db.check()


def test_a_change_of_a_bulk_insertion_is_planned_when_it_is_asked_for() -> None:
    """Between two chunks another writer may take an id."""
    db = Logged()
    changes = writes.insert_many(db.engine, "a", several(*({"_id": n} for n in range(CHUNK + 1))), ordered=True)
    db.commit(next(changes))
    db.run(writes.insert_one, "a", new({"_id": CHUNK}))

    with pytest.raises(BulkWriteError):
        finish(changes)
    db.check()
