"""A point and its general form: the same answers, and the same bytes in the log."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from core.engine.logged import Logged, find, intake
from nosqlpy._core.engine import matching, points, reads, writes
from nosqlpy._core.engine.definitions import change_options, create_index
from nosqlpy._core.engine.matching import Point
from nosqlpy._core.engine.points import PointFind, PointUpdate
from nosqlpy._core.index.options import define_index
from nosqlpy._core.update.compile import compile_update
from nosqlpy._core.values.codec import decode_document
from nosqlpy.errors import NosqlpyError, ValidationError
from nosqlpy.results import DeleteResult, UpdateResult

ids = st.sampled_from([1, 2, "a", "b"])
scalars = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(-3, 3), st.sampled_from(["a", "b"]))
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from("xy"), scalars, max_size=2)
documents = st.dictionaries(st.sampled_from("nmk"), values, max_size=3)
collections = st.lists(st.tuples(ids, documents), unique_by=lambda pair: pair[0], max_size=4)
updates = st.one_of(
    st.builds(lambda name, value: {"$set": {name: value}}, st.sampled_from(["n", "m.x", "k.0", "new"]), values),
    st.builds(lambda name, value: {"$inc": {name: value}}, st.sampled_from(["n", "m.x"]), st.integers(-2, 2)),
    st.builds(lambda value: {"$push": {"n": value}}, values),
    st.just({"$unset": {"n": ""}, "$set": {"m": 5}}),
    st.just({"$set": {"_id": 1}}),
    st.just({"$rename": {"n": "m"}}),
)


def logged(stored: list[tuple[Any, dict[str, Any]]], *, index: str | None = None, unique: bool = False) -> Logged:
    db = Logged()
    db.insert("c", *({"_id": id, **fields} for id, fields in stored))
    if index is not None:
        db.run(create_index, "c", define_index(index, None, {"unique": unique}))
    return db


def outcome(db: Logged, plan: Any, *arguments: Any, **options: Any) -> Any:
    """Return the result of a write and the log after it, or why it was refused."""
    try:
        return db.run(plan, "c", *arguments, **options), db.segment
    except NosqlpyError as error:
        return type(error), str(error), error.details, db.segment


@given(collections, ids, updates, st.sampled_from([None, "n", "m.x"]), st.booleans())
def test_an_update_of_a_point_is_that_of_its_query(
    stored: list[tuple[Any, dict[str, Any]]], id: Any, update: dict[str, Any], index: str | None, unique: bool
) -> None:
    try:
        one, other = (logged(stored, index=index, unique=unique) for _ in range(2))
    except NosqlpyError:
        return  # they do not fit the index
    updater = [compile_update(update) for _ in range(2)][1]
    asked = PointUpdate("_id", id, updater, update)
    spare = intake().spare_id()

    assert outcome(one, points.update, asked) == outcome(
        other, writes.update, asked.query, updater, spare, upsert=False, many=False
    )
    one.check()


@given(collections, ids)
def test_a_deletion_of_a_point_is_that_of_its_query(stored: list[tuple[Any, dict[str, Any]]], id: Any) -> None:
    one, other = logged(stored, index="n"), logged(stored, index="n")
    asked = Point("_id", id)

    assert outcome(one, points.delete, asked) == outcome(other, writes.delete, asked.query, many=False)
    one.check()


@given(collections, st.sampled_from(["n", "m.x", "k"]), st.one_of(st.integers(-3, 3), ids), st.sampled_from(["n", "k"]))
def test_a_find_of_a_point_gives_the_first_document_of_its_query_or_leaves_it_to_that(
    stored: list[tuple[Any, dict[str, Any]]], path: str, value: Any, index: str
) -> None:
    db = logged(stored, index=index)
    asked = PointFind(path, value, decode_document)
    found = points.first(db.engine, "c", asked)
    expected = find(db.engine, "c", {path: value}, limit=1)

    assert found is UNSET or ([] if found is None else [decode_document(found)]) == expected


def test_a_find_of_a_point_knows_what_an_index_leads_to() -> None:
    db = logged([(1, {"n": 1}), (2, {"n": [2, 3]}), (3, {"n": 5}), (4, {"n": 5})], index="n")

    def found(value: Any, path: str = "n") -> Any:
        data = points.first(db.engine, "c", PointFind(path, value, decode_document))
        return decode_document(data) if isinstance(data, bytes) else data

    assert [found(1), found(3), found(7)] == [{"_id": 1, "n": 1}, {"_id": 2, "n": [2, 3]}, None]
    assert found(5) == {"_id": 3, "n": 5}
    assert found(5, "m") is UNSET


def test_a_find_of_a_point_leaves_it_to_its_query_which_of_several_is_first_after_an_update() -> None:
    db = logged([(1, {"n": 1}), (2, {"n": 2})], index="n")
    db.run(points.update, "c", _increment(1))

    assert points.first(db.engine, "c", PointFind("n", 2, decode_document)) is UNSET


@pytest.mark.parametrize(
    "options", [{"hidden": True}, {"sparse": True}, {"partialFilterExpression": {"n": {"$gt": 3}}}]
)
def test_an_index_that_may_not_lead_to_all_documents_leads_to_no_point(options: dict[str, Any]) -> None:
    db = logged([(1, {"n": 1})])
    db.run(create_index, "c", define_index("n", None, options))

    assert points.first(db.engine, "c", PointFind("n", 1, decode_document)) is UNSET


def _increment(amount: int) -> PointUpdate:
    update = {"$inc": {"n": amount}}
    return PointUpdate("_id", 1, compile_update(update), update)


def test_a_point_in_no_collection_is_nothing() -> None:
    db = Logged()

    assert db.run(points.update, "c", _increment(1)) == UpdateResult(0, 0)
    assert db.run(points.delete, "c", Point("_id", 1)) == DeleteResult(0)
    assert points.first(db.engine, "c", PointFind("n", 1, decode_document)) is UNSET


def test_a_validator_looks_at_an_updated_point() -> None:
    db = logged([(1, {"n": 1})])
    db.run(change_options, "c", {"validator": {"n": {"$lt": 3}}})

    with pytest.raises(ValidationError):
        db.run(points.update, "c", _increment(5))
    assert db.run(points.update, "c", _increment(1)) == UpdateResult(1, 1)


def test_a_write_to_a_point_looks_at_one_document() -> None:
    db = logged([(1, {"n": 1}), (2, {})])

    assert matching.reach(db.engine, "c", Point("_id", 1)) == 1
    assert reads.plan_of(db.engine.collections["c"], Point("n", 1).query).stage == "COLLSCAN"
