"""Any projection of any query, with any indexes: what it makes of the whole documents that match."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.logged import Logged, find, intake, request
from core.plan.test_any_index import CHANGES, COLLECTIONS, INDEXES, QUERIES, SCALE, SORTS, build
from nosqlpy._core.engine import definitions, writes
from nosqlpy._core.engine.reads import execute
from nosqlpy._core.index.options import define_index
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.query.matched import compile_find_projection
from nosqlpy._core.update.compile import compile_update
from nosqlpy.errors import OperationFailure, QueryError

FIELDS = st.sampled_from(["a", "b", "c", "a.b", "a.a", "b.a", "a.0", "none", "none.x", "_id"])
INCLUDED = st.dictionaries(FIELDS, st.just(1), min_size=1, max_size=3)
ODD = st.sampled_from(
    [
        {"a": {"$slice": 1}},
        {"a": {"$slice": -1}, "b": 1},
        {"a": {"$elemMatch": {"$gte": 1}}},
        {"a": {"$elemMatch": {"b": 1}}, "c": 1},
        {"a.$": 1},
        {"a.b.$": 1, "b": 1},
        {"x": {"$literal": 1}},
        {"x": {"$ifNull": ["$a.b", "$c"]}, "b": 1},
        {"x": "$$ROOT"},
        {"a": {"x": "$b"}},
        {"a": 0},
        {"b.a": 0},
    ]
)
PROJECTIONS = st.one_of(
    INCLUDED,
    ODD,
    st.builds(lambda projection: {**projection, "_id": 0}, INCLUDED | ODD),
    st.lists(st.sampled_from(["a", "b", "c", "_id"]), min_size=1, max_size=2, unique=True),
)


def projected(db: Logged, filter: Any, projection: Any, **options: Any) -> Any:
    """Return what a projection makes of whole documents, or the error in which that ends."""
    try:
        shown = compile_find_projection(projection, compile_filter(filter))
        return [shown.apply(document) for document in find(db.engine, "x", filter, **options)]
    except (OperationFailure, QueryError) as error:
        return error.code


def check(db: Logged, filter: Any, projection: Any, **options: Any) -> bool:
    """Compare the answer of a find with a projection with that; return whether it came from an index alone."""
    expected = projected(db, filter, projection, **{**options, "hint": "$natural"})
    covered = False
    found: Any
    try:
        execution = execute(db.engine, "x", request(filter, projection=projection, **options))
        found, covered = list(chain.from_iterable(execution.steps())), execution.plan.covered
    except (OperationFailure, QueryError) as error:
        found = error.code
    if covered:  # the fields are in the order of the index
        found = [dict(sorted(document.items())) for document in found]
        expected = [dict(sorted(document.items())) for document in expected]

    assert repr(found) == repr(expected)
    return covered


@settings(max_examples=80 * SCALE)
@given(COLLECTIONS, INDEXES, CHANGES, QUERIES, SORTS, st.lists(PROJECTIONS, min_size=1, max_size=4), st.data())
def test_a_projection_is_that_of_whole_documents(
    documents: list[Any],
    indexes: list[Any],
    changes: list[Any],
    filter: Any,
    sort: Any,
    projections: list[Any],
    data: st.DataObject,
) -> None:
    db = build(documents, indexes, changes)
    for projection in projections:
        options = {"sort": sort, "skip": data.draw(st.integers(0, 2)), "limit": data.draw(st.integers(0, 4))}

        check(db, filter, projection, **options)
        check(db, filter, projection, **options, hint="$natural")


WHEN = datetime(2026, 5, 1, tzinfo=UTC)
USUAL = st.sampled_from([1, 2, 3, "a", "b", "ab", WHEN, WHEN + timedelta(days=1)])
RARE = st.sampled_from([1.0, 2.5, bson.Int64(2), None, True, [1], {"a": 1}, bson.DatetimeMS(0), bson.DatetimeMS(2**60)])
MOSTLY = st.one_of(USUAL, USUAL, USUAL, USUAL, RARE)
ROWS = st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(("a", "b", "c"), USUAL)), max_size=9) | st.lists(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("a", "b", "c"), MOSTLY)), max_size=9
)
RANGES = st.builds(
    lambda name, value: {name: value}, st.sampled_from(["$gt", "$gte", "$lt", "$lte", "$eq"]), USUAL
) | st.sampled_from([{"$in": [1, "a", WHEN]}, {"$gt": 0, "$lt": 3}, {"$regex": "^a"}])
INDEXED = st.lists(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c", "_id"]), st.sampled_from([1, -1])), min_size=1, max_size=3,
             unique_by=lambda pair: pair[0]), min_size=1, max_size=2
)  # fmt: skip
SHOWN = st.sampled_from(
    [
        {"a": 1, "_id": 0},
        {"b": 1, "_id": 0},
        {"a": 1, "b": 1, "_id": 0},
        {"a": 1},
        ["a", "b"],
        ["_id"],
        {"c": 1, "a": 1},
    ]
)


@settings(max_examples=120 * SCALE)
@given(
    ROWS,
    INDEXED,
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["set", "delete"]), MOSTLY), max_size=4),
    st.fixed_dictionaries({"a": RANGES}, optional={"b": RANGES})
    | st.just({})
    | st.builds(lambda r: {"_id": r}, RANGES),
    st.sampled_from([None, "a", "-a", [("a", 1), ("b", -1)], "_id"]),
    SHOWN,
    st.integers(0, 2),
    st.integers(0, 4),
)
def test_the_keys_of_an_index_stand_for_documents_only_where_they_are_their_values(
    rows: list[Any],
    indexes: list[Any],
    changes: list[Any],
    filter: Any,
    sort: Any,
    projection: Any,
    skip: int,
    limit: int,
) -> None:
    db = Logged()
    db.insert("x", *({"_id": f"a{number}" if number != 4 else 4, **row} for number, row in enumerate(rows)))
    for keys in indexes:
        with suppress(OperationFailure):  # parallel arrays
            db.run(definitions.create_index, "x", define_index(keys, None, {}))
    for number, verb, value in changes:
        query = request({"_id": f"a{number}"}).query
        if verb == "delete":
            db.run(writes.delete, "x", query, many=False)
        else:
            spare, change = intake().spare_id(made=True), compile_update({"$set": {"a": value}})
            with suppress(OperationFailure):
                db.run(writes.update, "x", query, change, spare, upsert=False, many=False)

    check(db, filter, projection, sort=sort, skip=skip, limit=limit)


def people(*extra: Any) -> Logged:
    db = Logged()
    db.insert("x", *({"_id": f"k{n}", "age": n % 7, "name": f"n{n % 5}", "text": "x" * 50} for n in range(100)), *extra)
    db.index("x", "age")
    db.run(definitions.create_index, "x", define_index(["name", "age"], None, {}))
    return db


@pytest.mark.parametrize(
    ("filter", "projection", "options"),
    [
        ({"age": 3}, {"age": 1, "_id": 0}, {}),
        ({"age": {"$gt": 4}}, {"age": 1}, {}),
        ({"age": {"$gt": 4}}, ["_id"], {"sort": "-age", "limit": 7}),
        ({"name": "n1"}, {"age": 1, "_id": 0}, {}),
        ({"name": "n1", "age": {"$gte": 2}}, {"name": 1, "age": 1, "_id": 0}, {"skip": 2, "limit": 3}),
        ({"name": {"$regex": "^n[12]"}, "age": 1}, {"name": 1, "_id": 0}, {"hint": "name_1_age_1"}),
        ({}, {"age": 1, "name": 1, "_id": 0}, {"sort": [("name", 1), ("age", 1)], "limit": 5}),
        ({"_id": {"$gt": "k5"}}, ["_id"], {}),
        ({"age": {"$in": [1, 2]}}, {"age": 1, "_id": 0}, {}),
        ({}, {"age": 1, "_id": 0}, {"hint": "age_1"}),
        ({}, {"age": 1, "name": 1, "_id": 0}, {"hint": "name_1_age_1", "skip": 3}),
        ({}, ["_id"], {"hint": "_id_"}),
    ],
)
def test_what_an_index_says_is_not_looked_for_in_documents(filter: Any, projection: Any, options: Any) -> None:
    db = people()

    assert check(db, filter, projection, **options) is (filter.get("name") != {"$regex": "^n[12]"})


@pytest.mark.parametrize(
    ("extra", "filter", "projection"),
    [
        ({"_id": "z", "age": 5.0}, {"age": {"$gt": 4}}, {"age": 1, "_id": 0}),
        ({"_id": "z", "age": bson.Int64(5)}, {"age": {"$gt": 4}}, {"age": 1, "_id": 0}),
        ({"_id": "z", "age": [5, 6]}, {"age": {"$gt": 4}}, {"age": 1, "_id": 0}),
        ({"_id": "z"}, {"age": None}, {"age": 1, "_id": 0}),
        ({"_id": 7, "age": 5}, {"age": {"$gt": 4}}, {"age": 1}),
        ({"_id": "z"}, {"age": 5}, {"age": 1, "text": 1, "_id": 0}),
        ({"_id": "z"}, {"age": 5, "text": {"$ne": ""}}, {"age": 1, "_id": 0}),
        ({"_id": "z"}, {"age": 5}, {"age.x": 1, "_id": 0}),
        ({"_id": "z"}, {"age": 5}, {"_id": 0}),
        ({"_id": "z"}, {"age": 5}, {"age": {"$slice": 1}, "_id": 0}),
    ],
)
def test_what_an_index_does_not_say_is_looked_for_in_documents(extra: Any, filter: Any, projection: Any) -> None:
    assert not check(people(extra), filter, projection)
