"""Any query, under any collation, on a collection and indexes that have others: the answer is the one of a scan."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.logged import Inside, Logged, find, intake, request
from core.plan.test_any_index import CHANGES, KEYS, OPTIONS, PATHS, SCALE, WILDCARDS, change
from nosqlpy._core.engine import definitions, writes
from nosqlpy._core.engine.execution import Query
from nosqlpy._core.engine.reads import compile_query, count, distinct
from nosqlpy._core.engine.validation import collection_options
from nosqlpy._core.index.options import define_index
from nosqlpy._core.query.buckets import finished
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.collation_spec import compile_collation
from nosqlpy.errors import DuplicateKeyError, OperationFailure

FOLDED = {"locale": "en", "strength": 2}
SPECIFICATIONS: Any = st.sampled_from(
    [None, FOLDED, FOLDED, {"locale": "en", "strength": 1}, {"locale": "de", "numericOrdering": True}]
)
FEW = st.sampled_from([None, 0, 1, 1.0, True, "a", "A", "á", "b", "B", "a2", "a10", "", ["A"], {"a": "A"}, {"a": "a"}])
FLAT = st.fixed_dictionaries({}, optional={name: FEW | st.lists(FEW, max_size=2) for name in ("a", "b", "c")})
PLAIN = st.fixed_dictionaries({}, optional=dict.fromkeys(("a", "b", "c"), FEW))
COLLECTIONS = st.lists(PLAIN, max_size=14) | st.lists(PLAIN | FLAT, max_size=10)
INDEXES = st.lists(st.tuples(st.tuples(KEYS, OPTIONS) | WILDCARDS, SPECIFICATIONS), min_size=1, max_size=4)
CONDITIONS = st.one_of(
    FEW,
    st.builds(lambda name, value: {name: value}, st.sampled_from(["$eq", "$gt", "$gte", "$lt", "$lte", "$ne"]), FEW),
    st.builds(lambda low, high: {"$gte": low, "$lt": high}, FEW, FEW),
    st.builds(lambda values: {"$in": values}, st.lists(FEW, max_size=3)),
    st.builds(lambda pattern: {"$regex": pattern}, st.sampled_from(["^a", "^A2?", "b"])),
    st.builds(lambda value: {"$exists": value}, st.booleans()),
    st.builds(lambda value: {"$elemMatch": {"$gte": value}}, FEW),
    st.builds(lambda values: {"$all": values}, st.lists(FEW, min_size=1, max_size=2)),
)
# of several ids the documents come in the order of these, where no index has their collation
ID_CONDITIONS = CONDITIONS.filter(lambda condition: not (isinstance(condition, dict) and "$in" in condition))
SIMPLE = st.builds(
    lambda conditions, of_id: conditions | ({} if of_id is ... else {"_id": of_id}),
    st.dictionaries(PATHS, CONDITIONS, max_size=3),
    st.just(...) | ID_CONDITIONS,
)
QUERIES = SIMPLE | st.builds(
    lambda parts, rest: {"$or": parts, **rest}, st.lists(SIMPLE, min_size=1, max_size=3), SIMPLE
)
IDS = st.lists(st.sampled_from(["a", "A", "á", "b", "B", "a2", "a10", 1, 2, 3]), max_size=14)


class Asked:
    """A filter as a caller gives it who names no collation."""

    def __init__(self, filter: Any, **options: Any) -> None:
        self._filter, self._options = filter, options

    def compile(self, _variables: Any, collation: Collation) -> Query:
        return compile_query(self._filter, collation=collation, **self._options)

    def query(self) -> Query:
        return compile_query(self._filter, origin=self, **self._options)


def build(collation: Any, documents: list[Any], ids: list[Any], indexes: list[Any], changes: list[Any]) -> Logged:
    db = Logged()
    options = collection_options("create_collection", None, None, None, {}, collation)
    db.run(definitions.create_collection, "x", (), options, exist_ok=False)
    for number, document in enumerate(documents):
        with contextlib.suppress(DuplicateKeyError):
            db.run(
                writes.insert_one, "x", intake().one({"_id": ids[number] if number < len(ids) else number, **document})
            )
    for number, ((keys, others), own) in enumerate(indexes):
        if number == len(indexes) - 1:
            change(db, changes)
        with contextlib.suppress(OperationFailure):  # parallel arrays
            db.run(definitions.create_index, "x", define_index(keys, f"index {number}", {**others, "collation": own}))
    return db


def answer(db: Any, filter: Any, **options: Any) -> Any:
    try:
        return repr(find(db.engine, "x", filter, **options))
    except OperationFailure as error:
        return error.code


@settings(max_examples=100 * SCALE)
@given(SPECIFICATIONS, COLLECTIONS, IDS, INDEXES, CHANGES, st.lists(QUERIES, min_size=1, max_size=3), SPECIFICATIONS,
       st.none() | KEYS, st.integers(0, 3))  # fmt: skip
def test_an_index_with_a_collation_changes_no_answer(
    own: Any, documents: list[Any], ids: list[Any], indexes: list[Any], changes: list[Any], filters: list[Any],
    asked: Any, sort: Any, limit: int,
) -> None:  # fmt: skip
    db, collation = build(own, documents, ids, indexes, changes), compile_collation(asked)
    for filter in filters:
        options = {"sort": sort, "limit": limit, "collation": collation}
        scanned = answer(db, filter, hint="$natural", **options)

        assert answer(db, filter, **options) == scanned
        assert answer(db, filter, hint="_id_", **options) in (scanned, 291)
    db.check()


@settings(max_examples=60 * SCALE)
@given(SPECIFICATIONS, COLLECTIONS, IDS, INDEXES, CHANGES, QUERIES, PATHS, SPECIFICATIONS)
def test_an_index_with_a_collation_changes_no_count_and_no_distinct_values(
    own: Any, documents: list[Any], ids: list[Any], indexes: list[Any], changes: list[Any], filter: Any, path: str,
    asked: Any,
) -> None:  # fmt: skip
    db, collation = build(own, documents, ids, indexes, changes), compile_collation(asked)
    query = request(filter, collation=collation).query
    scan = request(filter, collation=collation, hint="$natural").query
    values, scanned = (repr(finished(distinct(db.engine, "x", path, each))) for each in (query, scan))

    assert finished(count(db.engine, "x", query)) == finished(count(db.engine, "x", scan))
    assert values == scanned


@settings(max_examples=60 * SCALE)
@given(SPECIFICATIONS, COLLECTIONS, IDS, INDEXES, QUERIES, st.none() | KEYS)
def test_what_names_no_collation_is_answered_as_if_it_named_that_of_the_collection(
    own: Any, documents: list[Any], ids: list[Any], indexes: list[Any], filter: Any, sort: Any
) -> None:
    db, collation = build(own, documents, ids, indexes, []), compile_collation(own)
    default, named = Asked(filter, sort=sort).query(), compile_query(filter, sort=sort, collation=collation)

    assert finished(count(db.engine, "x", default)) == finished(count(db.engine, "x", named))
    assert repr(finished(distinct(db.engine, "x", "a", default))) == repr(
        finished(distinct(db.engine, "x", "a", named))
    )


@settings(max_examples=50 * SCALE)
@given(SPECIFICATIONS, COLLECTIONS, IDS, INDEXES, CHANGES, QUERIES, SPECIFICATIONS, st.none() | KEYS)
def test_an_index_with_a_collation_changes_no_answer_within_a_transaction(
    own: Any, documents: list[Any], ids: list[Any], indexes: list[Any], changes: list[Any], filter: Any, asked: Any,
    sort: Any,
) -> None:  # fmt: skip
    inside = Inside(build(own, documents, ids, indexes, []))
    change(inside, changes)
    collation = compile_collation(asked)
    scanned = answer(inside, filter, sort=sort, collation=collation, hint="$natural")

    assert answer(inside, filter, sort=sort, collation=collation) == scanned


@settings(max_examples=50 * SCALE)
@given(SPECIFICATIONS, COLLECTIONS, IDS, INDEXES, CHANGES)
def test_an_index_with_a_collation_that_followed_every_change_is_the_one_that_is_built_now(
    own: Any, documents: list[Any], ids: list[Any], indexes: list[Any], changes: list[Any]
) -> None:
    db = build(own, documents, ids, indexes, changes)
    collection = db.engine.collections["x"]
    for index in collection.indexes.by_name.values():
        built = collection.prepare(index.definition)

        assert {key: set(index.holders(key)) for key in index.all_values()} == {
            key: set(built.holders(key)) for key in built.all_values()
        }
    db.check()


@given(SPECIFICATIONS, st.lists(FEW.filter(lambda id: id is not None and type(id) is not list), max_size=8))
def test_no_two_documents_have_ids_that_are_equal_under_the_collation(own: Any, ids: list[Any]) -> None:
    db = Logged()
    options = collection_options("create_collection", None, None, None, {}, own)
    db.run(definitions.create_collection, "x", (), options, exist_ok=False)
    for id in ids:
        with contextlib.suppress(DuplicateKeyError):
            db.run(writes.insert_one, "x", intake().one({"_id": id}))
    collation = compile_collation(own)
    stored = db.ids("x")

    assert [db.ids("x", {"_id": {"$eq": id}}, collation=collation) for id in stored] == [[id] for id in stored]
