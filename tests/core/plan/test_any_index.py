"""Any query, on any documents with any history, and any indexes: the answer is the one without them, in its order."""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from core.engine.logged import Inside, Logged, find, intake, request
from core.query.filters import DOCUMENTS, FILTERS, SCALARS
from nosqlpy._core.engine import definitions, lookups, writes
from nosqlpy._core.engine.expiry import Expiry, removal
from nosqlpy._core.engine.lookups import Between, Equal, Leading
from nosqlpy._core.engine.reads import count, distinct
from nosqlpy._core.engine.transaction import TransactionView
from nosqlpy._core.index.options import define_index
from nosqlpy._core.query.buckets import finished
from nosqlpy._core.update.compile import compile_update
from nosqlpy._core.values.codec import decode_document
from nosqlpy.errors import OperationFailure

SCALE = int(os.environ.get("NOSQLPY_INDEX_EXAMPLES", "1"))
FEW = st.sampled_from([None, 0, 1, 1.0, 2, 3, True, "a", "ab", "b", "abc", 1.5])
FLAT = st.fixed_dictionaries({}, optional={name: FEW | st.lists(FEW, max_size=2) for name in ("a", "b", "c")})
PLAIN = st.fixed_dictionaries({}, optional=dict.fromkeys(("a", "b", "c"), FEW))
NESTED = st.builds(lambda parts: {"a": parts}, st.lists(PLAIN | FEW, max_size=3) | PLAIN)
COLLECTIONS = st.one_of(
    st.lists(PLAIN, max_size=14), st.lists(PLAIN | FLAT, max_size=10), st.lists(DOCUMENTS | NESTED | FLAT, max_size=8)
)
PATHS = st.sampled_from(["a", "b", "c", "a.b", "a.a", "a.0", "b.a"])
KEYS = st.lists(st.tuples(PATHS, st.sampled_from([1, -1])), min_size=1, max_size=3, unique_by=lambda pair: pair[0])
HASHED_KEYS = st.builds(
    lambda keys, at: [(path, "hashed" if at % len(keys) == place else way) for place, (path, way) in enumerate(keys)],
    KEYS,
    st.integers(0, 2),
)
PARTS = st.sampled_from(
    [
        {"a": {"$exists": True}},
        {"a": 1},
        {"b": {"$gt": 0}},
        {"b": {"$gte": "a", "$lt": "b"}},
        {"a": {"$in": [0, 1, 2]}},
        {"$or": [{"a": 1}, {"b": {"$type": "number"}}]},
    ]
)
OPTIONS = st.one_of(
    st.just({}), st.just({}), st.just({"sparse": True}), PARTS.map(lambda part: {"partialFilterExpression": part})
)
WILDCARDS = st.builds(
    lambda path, options, projection: ([(path, 1)], {**options, **(projection if path == "$**" else {})}),
    st.sampled_from(["$**", "$**", "a.$**", "a.b.$**"]),
    st.just({}) | PARTS.map(lambda part: {"partialFilterExpression": part}),
    st.sampled_from([{}, {"a": 1}, {"a": 0}, {"a.b": 1}, {"a.b": 0, "_id": 1}, {"_id": 1}, {"a": 1, "b.a": 1}]).map(
        lambda projection: {"wildcardProjection": projection} if projection else {}
    ),
)
INDEXES = st.lists(st.tuples(KEYS | KEYS | HASHED_KEYS, OPTIONS) | WILDCARDS, min_size=1, max_size=4)
SINGLE_INDEXES = st.lists(st.tuples(PATHS.map(lambda path: [(path, 1)]), st.just({})), min_size=1, max_size=3)
DATES = st.builds(lambda day: datetime(2024, 1, day, tzinfo=UTC), st.integers(1, 3))
ORDERED = st.sampled_from([-1, 0, 1, 1.0, 1.5, 2, 3, 2**70, "", "a", "ab", "b"]) | DATES
COMPARISONS = st.builds(
    lambda name, value: {name: value}, st.sampled_from(["$eq", "$gt", "$gte", "$lt", "$lte", "$ne"]), FEW | SCALARS
).filter(lambda condition: not hasattr(next(iter(condition.values())), "pattern"))
RANGES = st.builds(lambda low, high: {"$gte": low, "$lt": high}, FEW, FEW)
CONDITIONS = st.one_of(
    FEW,
    FEW,
    COMPARISONS,
    RANGES,
    st.builds(lambda values: {"$in": values}, st.lists(FEW, max_size=3)),
    st.builds(lambda pattern: {"$regex": pattern}, st.sampled_from(["^a", "^ab?", "b", "^a|c"])),
    st.builds(lambda value: {"$exists": value}, st.booleans()),
    st.builds(lambda low, high: {"$elemMatch": {"$gte": low, "$lt": high}}, FEW, FEW),
    st.builds(lambda name, value: {"$elemMatch": {name: value}}, st.sampled_from(["a", "b"]), FEW | COMPARISONS),
    st.builds(lambda values: {"$all": values}, st.lists(FEW, min_size=1, max_size=2)),
)
SIMPLE = st.dictionaries(PATHS, CONDITIONS, max_size=3)
ALTERNATIVES = st.builds(
    lambda parts, rest: {"$or": parts, **rest}, st.lists(SIMPLE, min_size=1, max_size=3), st.just({}) | SIMPLE
)
QUERIES = SIMPLE | ALTERNATIVES | FILTERS
SORTS = st.none() | KEYS
CHANGES = st.lists(
    st.tuples(st.integers(0, 13), st.sampled_from(["set", "set", "delete", "save"]), PLAIN | FLAT), max_size=6
)


def build(documents: list[Any], indexes: list[Any], changes: list[Any]) -> Logged:
    """Return a database with a history: some indexes are there from the beginning, others come last."""
    db = Logged()
    db.insert("x", *({"_id": number, **document} for number, document in enumerate(documents)))
    early = len(indexes) // 2 + 1
    _create(db, indexes[:early])
    change(db, changes)
    _create(db, indexes[early:])
    return db


def change(db: Logged, changes: list[Any]) -> None:
    """Make changes to documents, those that are possible."""
    for key, verb, fields in changes:
        query = request({"_id": key}).query
        with contextlib.suppress(OperationFailure):
            if verb == "set":
                spare = intake().spare_id(made=True)
                db.run(writes.update, "x", query, compile_update({"$set": fields or {"a": 2}}), spare,
                       upsert=False, many=False)  # fmt: skip
            elif verb == "delete":
                db.run(writes.delete, "x", query, many=False)
            else:
                db.run(writes.save, "x", intake().one({"_id": key, **fields}))


def _create(db: Logged, indexes: list[Any]) -> None:
    for number, (keys, options) in enumerate(indexes):
        with contextlib.suppress(OperationFailure):  # parallel arrays
            definition = define_index(keys, f"index {len(db.engine.collections)} {number} {keys} {options}", options)
            db.run(definitions.create_index, "x", definition)


def answer(db: Logged, filter: Any, **options: Any) -> Any:
    """Return the answer, or the error in which it ends."""
    try:
        return repr(find(db.engine, "x", filter, **options))
    except OperationFailure as error:
        return error.code


@settings(max_examples=300 * SCALE)
@given(COLLECTIONS, INDEXES, CHANGES, st.lists(QUERIES, min_size=1, max_size=3), SORTS, st.data())
def test_an_index_changes_no_answer(
    documents: list[Any], indexes: list[Any], changes: list[Any], filters: list[Any], sort: Any, data: st.DataObject
) -> None:
    db = build(documents, indexes, changes)
    for filter in filters:
        options = {"sort": sort, "skip": data.draw(st.integers(0, 2)), "limit": data.draw(st.integers(0, 4))}
        scanned = answer(db, filter, hint="$natural", **options)

        assert answer(db, filter, **options) == scanned


@settings(max_examples=150 * SCALE)
@given(COLLECTIONS, INDEXES, CHANGES, QUERIES, SORTS, st.integers(0, 3))
def test_an_index_changes_no_answer_within_a_transaction(
    documents: list[Any], indexes: list[Any], changes: list[Any], filter: Any, sort: Any, limit: int
) -> None:
    inside = Inside(build(documents, indexes, []))
    change(inside, changes)
    scanned = answer(inside, filter, sort=sort, limit=limit, hint="$natural")
    query = request(filter).query

    assert answer(inside, filter, sort=sort, limit=limit) == scanned
    assert finished(count(inside.engine, "x", query)) == len(find(inside.engine, "x", filter, hint="$natural"))


@settings(max_examples=150 * SCALE)
@given(COLLECTIONS, INDEXES, CHANGES, st.just({}) | QUERIES, PATHS)
def test_an_index_changes_no_count_and_no_distinct_values(
    documents: list[Any], indexes: list[Any], changes: list[Any], filter: Any, path: str
) -> None:
    db = build(documents, [*indexes, ([(path, 1)], {})], changes)
    query, scan = request(filter).query, request(filter, hint="$natural").query
    values, scanned = (finished(distinct(db.engine, "x", path, each)) for each in (query, scan))

    assert finished(count(db.engine, "x", query)) == finished(count(db.engine, "x", scan))
    assert repr(values) == repr(scanned)


@settings(max_examples=150 * SCALE)
@given(COLLECTIONS, INDEXES, CHANGES, QUERIES, SORTS)
def test_a_hint_changes_no_answer(
    documents: list[Any], indexes: list[Any], changes: list[Any], filter: Any, sort: Any
) -> None:
    db = build(documents, indexes, changes)
    scanned = answer(db, filter, sort=sort, hint="$natural")
    for index in db.engine.collections["x"].indexes.by_name.values() if "x" in db.engine.collections else ():
        if index.definition.covers_all:
            assert answer(db, filter, sort=sort, hint=index.name) == scanned
        elif index.wildcard is not None:
            assert answer(db, filter, sort=sort, hint=index.name) in (scanned, 291)


@settings(max_examples=150 * SCALE)
@given(COLLECTIONS, INDEXES, CHANGES)
def test_an_index_that_followed_every_change_is_the_one_that_is_built_now(
    documents: list[Any], indexes: list[Any], changes: list[Any]
) -> None:
    db = build(documents, indexes, changes)
    collection = db.engine.collections.get("x")
    for index in [] if collection is None else collection.indexes.by_name.values():
        built = collection.prepare(index.definition)  # type: ignore[union-attr]

        assert {key: set(index.holders(key)) for key in index.all_values()} == {
            key: set(built.holders(key)) for key in built.all_values()
        }
    db.check()


NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DATES = st.sampled_from([NOON - timedelta(hours=1), NOON, NOON + timedelta(hours=1)])
DATED = st.builds(lambda fields, seen: {**fields, **seen}, PLAIN | FLAT, st.just({}) | st.fixed_dictionaries(
    {"t": DATES | st.lists(DATES | FEW, max_size=2) | FEW}
))  # fmt: skip


def is_past(value: Any) -> bool:
    """Return whether a value, or one in it, is a date that is not after noon."""
    values = value if isinstance(value, list) else [value]
    return any(isinstance(each, datetime) and each <= NOON for each in values)


@settings(max_examples=100 * SCALE)
@given(st.lists(DATED, max_size=10), INDEXES, QUERIES, SORTS, st.integers(0, 3), st.sampled_from([0, 3600]))
def test_what_has_expired_is_in_no_answer_whatever_the_indexes(
    documents: list[Any], indexes: list[Any], filter: Any, sort: Any, limit: int, seconds: int
) -> None:
    stored = [{"_id": number, **document} for number, document in enumerate(documents)]
    db, other = Logged(), Logged()
    db.insert("x", *stored)
    other.insert("x", *(document for document in stored if not is_past(document.get("t"))))
    _create(db, [*indexes, ([("t", 1)], {"expireAfterSeconds": seconds})])
    now = Expiry(NOON + timedelta(seconds=seconds), {})
    view: Any = type("View", (), {"engine": TransactionView(db.engine, now)})
    expected = answer(other, filter, sort=sort, limit=limit)

    assert answer(view, filter, sort=sort, limit=limit) == expected
    assert answer(view, filter, sort=sort, limit=limit, hint="$natural") == expected
    db.commit(removal(db.engine, now, db.engine.expiring))
    assert answer(db, filter, sort=sort, limit=limit) == expected
    db.check()


BOUNDS = st.builds(
    lambda *parts: tuple(part for part in parts if part is not None),
    st.tuples(st.sampled_from(["$gt", "$gte"]), ORDERED) | st.none(),
    st.tuples(st.sampled_from(["$lt", "$lte"]), ORDERED) | st.none(),
).filter(bool)
LOOKUPS = st.one_of(
    st.builds(Equal, st.just(decode_document), st.integers(0, 4), PATHS | st.just("_id"), FEW.filter(bool) | DATES),
    st.builds(Between, st.just(decode_document), st.integers(0, 4), PATHS, BOUNDS),
    st.builds(Leading, st.just(decode_document), st.integers(0, 4), PATHS, st.sampled_from([1, -1])),
)


@settings(max_examples=400 * SCALE)
@given(COLLECTIONS, INDEXES | SINGLE_INDEXES, CHANGES, st.lists(LOOKUPS, min_size=1, max_size=4))
def test_a_lookup_gives_the_answer_of_its_query_or_leaves_it_to_that(
    documents: list[Any], indexes: list[Any], changes: list[Any], asked: list[Any]
) -> None:
    db = build(documents, indexes, changes)
    for lookup in asked:
        found = lookups.find(db.engine, "x", lookup)
        sort = [(lookup.path, lookup.direction)] if isinstance(lookup, Leading) else None
        scanned = find(db.engine, "x", lookup.filter, sort=sort, limit=lookup.limit) if found is not UNSET else None

        assert found is UNSET or repr(list(map(lookup.decode, found))) == repr(scanned)
