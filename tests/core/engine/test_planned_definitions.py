from __future__ import annotations

from typing import Any

import pytest

from core.engine.logged import Logged, new
from nosqlpy._core.engine import definitions as plans
from nosqlpy._core.engine import writes
from nosqlpy._core.index.options import define_index
from nosqlpy.errors import CollectionExists, CollectionNotFound, InvalidName, OperationFailure


def index(field: Any, name: str | None = None) -> Any:
    return define_index(field, name, {})


def names(db: Logged, name: str = "a") -> list[str]:
    return [definition.name for definition in db.engine.collections[name].definitions()]


def filled() -> Logged:
    db = Logged()
    db.insert("a", {"_id": 1, "x": 1}, {"_id": 2, "x": 2})
    db.insert("b", {"_id": 1})
    return db


def refusal(db: Logged, plan: Any, *args: Any, **options: Any) -> OperationFailure:
    """Return the error that a plan ends in; it must leave no trace."""
    before = db.memory()
    with pytest.raises(OperationFailure) as caught:
        db.run(plan, *args, **options)
    assert db.memory() == before
    return caught.value


# ── collections ─────────────────────────────────────────────────────────────────


def test_a_collection_is_made_empty_and_with_a_number_of_its_own() -> None:
    db = Logged()
    db.run(plans.create_collection, "a", exist_ok=False)
    db.run(plans.create_collection, "b", exist_ok=False)

    assert [(name, held.number, held.slots.items()) for name, held in db.engine.collections.items()] == [
        ("a", 1, []),
        ("b", 2, []),
    ]
    db.check()


def test_a_collection_that_exists_is_made_again_only_with_leave() -> None:
    db = filled()

    assert isinstance(refusal(db, plans.create_collection, "a", exist_ok=False), CollectionExists)
    before = db.memory()
    db.run(plans.create_collection, "a", exist_ok=True)
    assert db.memory() == before


def test_a_collection_is_not_made_under_a_bad_name() -> None:
    with pytest.raises(InvalidName):
        Logged().run(plans.create_collection, "a..b", exist_ok=True)


def test_a_dropped_collection_is_gone_with_its_indexes() -> None:
    db = filled()
    db.index("a", "x")

    assert db.run(plans.drop_collection, "a") is True
    assert list(db.engine.collections) == ["b"]
    db.check()


def test_dropping_what_is_not_there_is_no_change() -> None:
    db = filled()
    before = db.memory()

    assert db.run(plans.drop_collection, "z") is False
    assert db.memory() == before


def test_a_collection_of_the_name_of_a_dropped_one_has_another_number_and_nothing_of_it() -> None:
    db = filled()
    db.run(plans.drop_collection, "a")
    db.insert("a", {"_id": 9})

    assert db.engine.collections["a"].number == 3
    assert db.ids("a") == [9]
    assert names(db) == ["_id_"]
    db.check()


def test_a_cleared_collection_keeps_its_indexes_empty() -> None:
    db = filled()
    db.index("a", "x")

    assert db.run(plans.clear_collection, "a") == 2
    assert db.find("a", {"x": 1}) == []
    assert names(db) == ["_id_", "x_1"]
    db.check()


@pytest.mark.parametrize("name", ["empty", "absent"])
def test_clearing_what_is_empty_is_no_change(name: str) -> None:
    db = filled()
    db.run(plans.create_collection, "empty", exist_ok=False)
    before = db.memory()

    assert db.run(plans.clear_collection, name) == 0
    assert db.memory() == before


def test_a_renamed_collection_keeps_documents_indexes_and_place() -> None:
    db = filled()
    db.index("a", "x")
    db.run(plans.rename_collection, "a", "c", drop_target=False)

    assert list(db.engine.collections) == ["c", "b"]
    assert db.ids("c", {"x": 2}) == [2]
    assert names(db, "c") == ["_id_", "x_1"]
    db.check()


def test_a_renamed_collection_goes_on_under_its_new_name() -> None:
    db = filled()
    db.run(plans.rename_collection, "a", "c", drop_target=False)
    db.run(writes.insert_one, "c", new({"_id": 3}))
    db.run(writes.insert_one, "a", new({"_id": 4}))

    assert db.ids("c") == [1, 2, 3]
    assert db.ids("a") == [4]
    db.check()


def test_a_collection_takes_the_place_of_another_only_with_leave() -> None:
    db = filled()

    assert isinstance(refusal(db, plans.rename_collection, "a", "b", drop_target=False), CollectionExists)
    db.run(plans.rename_collection, "a", "b", drop_target=True)
    assert list(db.engine.collections) == ["b"]
    assert db.ids("b") == [1, 2]
    db.check()


def test_a_collection_cannot_take_its_own_place() -> None:
    assert refusal(filled(), plans.rename_collection, "a", "a", drop_target=True).code == 20


def test_renaming_what_is_not_there_names_what_is_near() -> None:
    db = Logged()
    db.insert("users", {"_id": 1})
    error = refusal(db, plans.rename_collection, "user", "c", drop_target=False)

    assert isinstance(error, CollectionNotFound)
    assert error.code == 26
    assert "did you mean 'users'?" in str(error)


def test_a_collection_is_not_renamed_to_a_bad_name() -> None:
    db = filled()
    before = db.memory()

    with pytest.raises(InvalidName):
        db.run(plans.rename_collection, "a", "$a", drop_target=True)
    assert db.memory() == before


# ── indexes ─────────────────────────────────────────────────────────────────────


def test_an_index_covers_what_is_there_and_what_comes() -> None:
    db = filled()

    assert db.run(plans.create_index, "a", index("x")) == "x_1"
    db.insert("a", {"_id": 3, "x": 1})
    assert db.ids("a", {"x": 1}) == [1, 3]
    db.check()


def test_an_index_makes_its_collection() -> None:
    db = Logged()
    db.run(plans.create_index, "a", index("x", "mine"))

    assert names(db) == ["_id_", "mine"]
    db.check()


def test_an_index_that_is_there_just_so_is_left_as_it_is() -> None:
    db = filled()
    db.index("a", "x")
    before = db.memory()

    assert db.run(plans.create_index, "a", index("x")) == "x_1"
    assert db.memory() == before


@pytest.mark.parametrize("name", [None, "mine"])
def test_an_index_of_ids_is_there_whatever_it_is_called(name: str | None) -> None:
    db = filled()
    before = db.memory()

    assert db.run(plans.create_index, "a", index("_id", name)) == "_id_"
    assert db.memory() == before


@pytest.mark.parametrize(
    ("definition", "code"),
    [(index("y", "x_1"), 86), (index([("x", -1)], "x_1"), 86), (index("x", "other"), 85), (index("y", "_id_"), 86)],
    ids=["other keys", "other direction", "other name", "the name of the index of ids"],
)
def test_an_index_that_stands_in_the_way_of_another_is_not_replaced(definition: Any, code: int) -> None:
    db = filled()
    db.index("a", "x")

    assert refusal(db, plans.create_index, "a", definition).code == code


def test_several_indexes_are_made_in_one_frame() -> None:
    db = filled()
    before = db.engine.tail.end.lsn

    assert db.run(plans.create_indexes, "a", [index("x"), index("y")]) == ["x_1", "y_1"]
    assert db.engine.tail.end.lsn == before + 1
    db.check()


def test_of_several_indexes_all_are_made_or_none() -> None:
    db = filled()

    assert refusal(db, plans.create_indexes, "a", [index("x"), index("x", "other")]).code == 85
    assert names(db) == ["_id_"]


def test_an_index_that_is_asked_for_twice_is_made_once() -> None:
    db = Logged()

    assert db.run(plans.create_indexes, "a", [index("x"), index("x")]) == ["x_1", "x_1"]
    assert names(db) == ["_id_", "x_1"]
    db.check()


@pytest.mark.parametrize("given", ["x_1", "x", [("x", 1)], {"x": 1}])
def test_an_index_is_dropped_by_name_field_or_keys(given: Any) -> None:
    db = filled()
    db.index("a", "x")
    db.run(plans.drop_index, "a", given)

    assert names(db) == ["_id_"]
    assert db.ids("a", {"x": 1}) == [1]
    db.check()


@pytest.mark.parametrize(("given", "code"), [("_id_", 72), ("y", 27), ("y_1", 27), ([("x", -1)], 27)])
def test_an_index_that_cannot_be_dropped_is_refused_with_mongodbs_code(given: Any, code: int) -> None:
    db = filled()
    db.index("a", "x")

    assert refusal(db, plans.drop_index, "a", given).code == code


def test_dropping_an_index_that_is_not_there_names_what_is_near() -> None:
    db = filled()
    db.index("a", "price")

    assert "did you mean 'price_1'?" in str(refusal(db, plans.drop_index, "a", "prize_1"))


def test_an_index_of_no_collection_is_refused() -> None:
    assert isinstance(refusal(filled(), plans.drop_index, "z", "x"), CollectionNotFound)


def test_all_indexes_but_that_of_ids_are_dropped_at_once() -> None:
    db = filled()
    db.run(plans.create_indexes, "a", [index("x"), index("y")])
    db.run(plans.drop_indexes, "a")

    assert names(db) == ["_id_"]
    db.check()


@pytest.mark.parametrize("name", ["b", "absent"])
def test_dropping_no_indexes_is_no_change(name: str) -> None:
    db = filled()
    before = db.memory()
    db.run(plans.drop_indexes, name)

    assert db.memory() == before
