"""The order of ids: any query with it, at any point of a history, has the answer that it has without."""

from __future__ import annotations

import contextlib
import uuid
from datetime import UTC, datetime
from itertools import chain
from typing import Any
from unittest.mock import patch

import bson
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from core.engine.logged import Inside, Logged, intake, request
from core.plan.test_any_index import FEW, SCALE, answer
from nosqlpy._core.engine import definitions, lookups, trying, writes
from nosqlpy._core.engine.lookups import Between, Leading
from nosqlpy._core.engine.reads import count, distinct, execute, plan_of
from nosqlpy._core.index.ids import IdOrder
from nosqlpy._core.index.options import define_index
from nosqlpy._core.query.buckets import finished
from nosqlpy._core.values.codec import decode_document
from nosqlpy.errors import BulkWriteError, DuplicateKeyError

NUMBERS = st.integers(0, 40)
MIXED = st.sampled_from(
    [
        *(0, 1, 2.5, 3, float("nan"), "a", "ab", "abc", "b", True, False, {}, {"a": 1}, {"a": [2]}, b"", b"ab"),
        *(bson.ObjectId("a" * 24), bson.ObjectId("b" * 24), bson.Int64(7), bson.Decimal128("2"), bson.MinKey()),
        *(datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC), uuid.UUID(int=5), bson.Timestamp(1, 1)),
    ]
)
IDS = st.shared(st.sampled_from([NUMBERS, MIXED, st.text("abc", max_size=3)]), key="ids").flatmap(lambda ids: ids)
OPERATORS = st.sampled_from(["$gt", "$gte", "$lt", "$lte", "$eq", "$ne"])
CONDITIONS = st.one_of(
    IDS.filter(lambda id: type(id) is not dict),
    st.builds(lambda name, id: {name: id}, OPERATORS, IDS),
    st.builds(lambda low, high: {"$gte": low, "$lt": high}, IDS, IDS),
    st.builds(lambda ids: {"$in": ids}, st.lists(IDS, max_size=3)),
    st.builds(lambda pattern: {"$regex": pattern}, st.sampled_from(["^a", "^ab", "b"])),
    st.builds(lambda value: {"$exists": value}, st.booleans()),
)
FILTERS = st.one_of(
    st.builds(lambda condition: {"_id": condition}, CONDITIONS),
    st.builds(lambda condition, value: {"_id": condition, "a": value}, CONDITIONS, FEW),
    st.builds(lambda one, two: {"$or": [{"_id": one}, {"_id": two}]}, CONDITIONS, CONDITIONS),
    st.builds(lambda one, value: {"$or": [{"_id": one}, {"a": value}]}, CONDITIONS, FEW),
    st.sampled_from([{}, {"a": 1}]),
)
SORTS = st.sampled_from([None, "_id", "-_id", [("_id", -1), ("a", 1)], [("a", 1), ("_id", -1)]])
QUERIES = st.tuples(FILTERS, SORTS, st.integers(0, 2), st.integers(0, 4))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.lists(IDS, min_size=1, max_size=9), FEW),
        st.tuples(st.sampled_from(["insert", "save", "delete"]), st.lists(IDS, min_size=1, max_size=1), FEW),
        st.tuples(st.just("delete"), st.lists(IDS, min_size=2, max_size=4), FEW),
        QUERIES,
    ),
    max_size=12,
)


def step(db: Logged, verb: str, ids: list[Any], value: Any) -> None:
    """Make one change, if it is possible."""
    with contextlib.suppress(BulkWriteError, DuplicateKeyError):
        if verb == "insert":
            db.insert("x", *({"_id": id, "a": value} for id in ids))
        elif verb == "save":
            db.run(writes.save, "x", intake().one({"_id": ids[0], "a": value}))
        else:
            db.run(writes.delete, "x", request({"_id": {"$in": ids}}).query, many=True)


def check(db: Logged, query: Any) -> None:
    """Compare the answer of a query with the one that uses no index."""
    filter, sort, skip, limit = query
    if sort is None and plan_of(db.engine.collections["x"], request(filter).query).stage == "IDHACK":
        sort = "_id"  # they come in the order of their ids
    options = {"sort": sort, "skip": skip, "limit": limit}
    plain = answer(db, filter, **options, hint="$natural")

    assert answer(db, filter, **options) == plain
    assert answer(db, filter, **options, hint="_id_") == plain
    with patch.multiple(trying, LEAST=0, TRIED_MIN=3, TRIED_MAX=5):
        assert answer(db, filter, **options) == plain
    counted, scanned = request(filter).query, request(filter, hint="$natural").query
    assert finished(count(db.engine, "x", counted)) == finished(count(db.engine, "x", scanned))
    assert repr(finished(distinct(db.engine, "x", "_id", counted))) == repr(
        finished(distinct(db.engine, "x", "_id", scanned))
    )


PLAIN_IDS = st.integers(0, 40) | st.text("abc", max_size=3)
LOOKUPS = st.builds(
    lambda limit, operators: Between(decode_document, limit, "_id", tuple(operators.items())),
    st.integers(0, 4),
    st.dictionaries(st.sampled_from(["$gt", "$lte"]), PLAIN_IDS, min_size=1),
) | st.builds(
    lambda limit, way: Leading(decode_document, limit, "_id", way), st.integers(0, 4), st.sampled_from([1, -1])
)


@settings(max_examples=100 * SCALE)
@given(STEPS, st.lists(LOOKUPS, min_size=1, max_size=4))
def test_a_lookup_by_id_gives_the_answer_of_its_query(steps: list[Any], asked: list[Any]) -> None:
    db = Logged()
    db.insert("x", {"_id": "first", "a": 1})
    for lookup, each in zip(asked * 12, [*steps, None], strict=False):
        found = lookups.find(db.engine, "x", lookup)
        sort = [("_id", lookup.direction)] if isinstance(lookup, Leading) else None
        plain = answer(db, lookup.filter, sort=sort, limit=lookup.limit, hint="$natural")

        assert found is UNSET or repr(list(map(lookup.decode, found))) == plain
        if each is not None and len(each) == 3:
            step(db, *each)


@settings(max_examples=200 * SCALE)
@given(STEPS, st.lists(QUERIES, min_size=1, max_size=2), st.booleans())
def test_the_order_of_ids_changes_no_answer(steps: list[Any], queries: list[Any], indexed: bool) -> None:
    db = Logged()
    db.insert("x", {"_id": "first", "a": 1})
    if indexed:
        db.run(definitions.create_index, "x", define_index("a", None, {}))
    for each in [*steps, *queries]:
        if len(each) == 3:
            step(db, *each)
        else:
            check(db, each)
    db.check()


@settings(max_examples=100 * SCALE)
@given(STEPS, STEPS, st.lists(QUERIES, min_size=1, max_size=2))
def test_the_order_of_ids_changes_no_answer_within_a_transaction(
    before: list[Any], within: list[Any], queries: list[Any]
) -> None:
    db = Logged()
    db.insert("x", {"_id": "first", "a": 1})
    for each in before:
        if len(each) == 3:
            step(db, *each)
    check(db, queries[0])
    inside = Inside(db)
    for each in [*within, *queries]:
        if len(each) == 3:
            step(inside, *each)
        else:
            check(inside, each)
    inside.finish()
    for query in queries:
        check(db, query)


@settings(max_examples=100 * SCALE)
@given(STEPS)
def test_an_order_that_followed_every_change_is_the_one_that_is_made_now(steps: list[Any]) -> None:
    db = Logged()
    db.insert("x", {"_id": "first", "a": 1})
    ids = db.engine.collections["x"].ids
    for each in steps:
        ids.order()
        if len(each) == 3:
            step(db, *each)
        made = IdOrder(ids.all_values())
        kept = ids.order()

        assert list(chain(*(span.all() for span in kept.everything()))) == list(
            chain(*(span.all() for span in made.everything()))
        )
        assert made.ascending or not kept.ascending


def test_ids_that_are_inserted_in_order_are_appended_to_the_order() -> None:
    db = Logged()
    db.insert("x", *({"_id": number} for number in range(0, 5000, 2)))
    ids = db.engine.collections["x"].ids
    order = ids.order()
    db.insert("x", *({"_id": number} for number in range(5000, 5300)))
    db.insert("x", {"_id": 5300})

    assert ids.order() is order
    assert ids.is_natural
    assert db.ids("x", {"_id": {"$gte": 4998}}, sort="_id", limit=4) == [4998, 5000, 5001, 5002]
    assert db.ids("x", sort="-_id", limit=2) == [5300, 5299]


def test_an_id_between_others_ends_the_natural_order_and_no_more() -> None:
    db = Logged()
    db.insert("x", {"_id": 1}, {"_id": 3})
    order = db.engine.collections["x"].ids.order()
    db.insert("x", {"_id": 2})

    assert db.engine.collections["x"].ids.order() is order
    assert db.ids("x", {"_id": {"$gt": 1}}) == [3, 2]
    assert db.ids("x", {"_id": {"$gt": 1}}, sort="_id") == [2, 3]


def test_a_sort_by_id_with_a_limit_looks_at_the_first_documents_only_where_these_match() -> None:
    db = Logged()
    db.insert("x", *({"_id": number, "a": number % 3, "b": number // 2900} for number in range(3000)))
    latest = request({"a": 1}, sort="-_id", skip=1, limit=3)
    rare = request({"b": 1}, sort="_id", limit=3)
    executions = [execute(db.engine, "x", each) for each in (latest, rare)]
    answers = [[document["_id"] for batch in each.steps() for document in batch] for each in executions]

    assert answers == [[2995, 2992, 2989], [2900, 2901, 2902]]
    assert [(each.plan.stage, each.examined < 30) for each in executions] == [("IXSCAN", True), ("COLLSCAN", False)]


def test_nobody_follows_ids_before_they_are_asked_for_in_order() -> None:
    db = Logged()
    db.insert("x", *({"_id": number, "a": number % 3} for number in range(10)))
    for filter in ({"_id": 1}, {"_id": {"$in": [1, 2]}}, {"a": 1}, {}):
        db.find("x", filter)

    assert not db.engine.collections["x"].ids.watched


def test_a_range_of_ids_is_a_scan_of_their_index() -> None:
    db = Logged()
    db.insert("x", *({"_id": number, "a": number % 3} for number in range(100)))
    collection = db.engine.collections["x"]
    plans = [
        plan_of(collection, request(filter, **options).query)
        for filter, options in (
            ({"_id": {"$gt": 90}}, {}),
            ({"_id": {"$gt": 10}, "a": 1}, {}),  # most documents would be decoded
            ({"_id": {"$gt": 90}, "a": 1}, {}),
            ({"_id": 5}, {}),
            ({}, {"sort": "-_id", "limit": 3}),
            ({"a": 1}, {"sort": "_id"}),
        )
    ]

    assert [(plan.stage, plan.index, plan.candidates, plan.exact) for plan in plans] == [
        ("IXSCAN", "_id_", 9, True),
        ("COLLSCAN", None, 100, False),
        ("IXSCAN", "_id_", 9, False),
        ("IDHACK", "_id_", 1, True),
        ("IXSCAN", "_id_", 100, True),
        ("COLLSCAN", None, 100, False),
    ]
