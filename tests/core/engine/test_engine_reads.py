from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.logged import Logged, find, finish, ids, request
from nosqlpy._core.engine import columns, reads
from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.explaining import explain
from nosqlpy._core.engine.reads import STEP, Request, compile_query
from nosqlpy._core.engine.state import SORT_MEMORY
from nosqlpy._core.values.codec import decode_document, encode_document
from nosqlpy.errors import OperationFailure, QueryError

BIG = 2 * STEP + 7


def numbered(size: int) -> Logged:
    db = Logged()
    if size:
        db.insert("a", *({"_id": number, "even": number % 2 == 0, "back": -number} for number in range(size)))
    return db


SMALL, LARGE = numbered(10), numbered(BIG)


@pytest.fixture(autouse=True)
def no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted here are the steps of a scan that decodes documents; one of columns takes fewer."""
    monkeypatch.setattr(columns, "LEAST", 1 << 30)


def batches(db: Logged, filter: Any = None, **options: Any) -> list[list[Any]]:
    return list(reads.execute(db.engine, "a", request(filter, **options)).steps())


def count(db: Logged, filter: Any = None, **options: Any) -> int:
    return finish(reads.count(db.engine, "a", compile_query(filter, **options)))


# ── queries ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"filter": [("a", 1)]}, 14),
        ({"filter": {"a": {"$nope": 1}}}, 2),
        ({"skip": -1}, 51024),
        ({"skip": "1"}, 14),
        ({"skip": True}, 14),
        ({"limit": 1.5}, 14),
    ],
    ids=repr,
)
def test_what_a_query_cannot_mean_is_refused_with_mongodbs_code(options: dict[str, Any], code: int) -> None:
    with pytest.raises(OperationFailure) as caught:
        compile_query(**options)

    assert caught.value.code == code


def test_a_negative_limit_is_a_limit() -> None:
    assert compile_query(limit=-3).limit == 3


@pytest.mark.parametrize(
    ("hint", "meant"),
    [
        (None, None),
        ("mine", "mine"),
        ([("x", 1)], (("x", 1),)),
        ({"x": -1}, (("x", -1),)),
        ({"$natural": 1}, "$natural"),
        ([("$natural", 1)], "$natural"),
        ([("$natural", -1)], "-$natural"),
    ],
)
def test_a_hint_is_the_name_or_the_keys_of_an_index(hint: Any, meant: Any) -> None:
    assert compile_query(hint=hint).hint == meant


@pytest.mark.parametrize("sort", ["-$natural", {"$natural": -1}, [("$natural", -1)]])
def test_natural_order_is_a_hint(sort: Any) -> None:
    query = compile_query(sort=sort)

    assert (query.hint, query.ordering) == ("-$natural", None)


@pytest.mark.parametrize("hint", [5, {}, [], [1]])
def test_a_hint_that_can_name_no_index_is_refused(hint: Any) -> None:
    with pytest.raises(QueryError):
        compile_query(hint=hint)


# ── executions ──────────────────────────────────────────────────────────────────


def test_a_find_in_no_collection_finds_nothing() -> None:
    execution = reads.execute(Logged().engine, "absent", request({"a": 1}, hint="x_1"))

    assert list(execution.steps()) == [[]]
    assert execution.plan.stage == "EOF"


def test_a_find_sees_the_documents_of_the_moment_in_which_it_began() -> None:
    db = numbered(3)
    steps = reads.execute(db.engine, "a", request()).steps()
    db.insert("a", {"_id": "late"})

    assert ids(next(steps)) == [0, 1, 2]


def test_the_rest_of_a_filter_is_tested_on_what_an_index_finds() -> None:
    db = Logged()
    db.insert("a", *({"_id": n, "x": n % 3, "n": n} for n in range(9)))
    db.index("a", "x")
    filter = {"x": 1, "n": {"$gt": 3}}

    assert reads.execute(db.engine, "a", request(filter)).plan.stage == "IXSCAN"
    assert db.ids("a", filter) == [4, 7]
    assert count(db, filter) == 2


def test_a_projection_shapes_what_is_found() -> None:
    assert SMALL.find("a", {"_id": 3}, projection={"back": 1, "_id": 0}) == [{"back": -3}]


def test_no_step_looks_at_more_documents_than_one_may() -> None:
    assert [len(batch) for batch in batches(LARGE)] == [STEP, STEP, 7]
    assert [len(batch) for batch in batches(LARGE, {"even": True})] == [STEP // 2, STEP // 2, 4]


def test_a_find_that_is_ordered_gives_others_their_turn_before_the_first_document() -> None:
    found = batches(LARGE, sort="back")

    assert [len(batch) for batch in found] == [0, 0, 0, STEP, STEP, 7]
    assert [document["_id"] for batch in found for document in batch] == list(reversed(range(BIG)))


EDGES = st.sampled_from([0, 1, 2, 9, 10, 11, STEP - 1, STEP, STEP + 1, BIG - 1, BIG, BIG + 1])


@given(
    db=st.sampled_from([SMALL, LARGE]),
    filter=st.sampled_from([None, {"even": True}, {"_id": {"$gte": 5}}, {"_id": {"$in": [7, 3, 99999]}}]),
    skip=EDGES,
    limit=EDGES,
    sort=st.sampled_from([None, "back", [("even", 1), ("_id", -1)]]),
)
def test_skip_and_limit_cut_a_window_out_of_the_whole_answer(
    db: Logged, filter: Any, skip: int, limit: int, sort: Any
) -> None:
    whole = db.ids("a", filter, sort=sort)
    window = whole[skip:][: limit or None]

    assert db.ids("a", filter, sort=sort, skip=skip, limit=limit) == window
    assert count(db, filter, skip=skip, limit=limit) == len(window)


def test_documents_of_one_rank_keep_their_order() -> None:
    assert SMALL.ids("a", sort="even") == [1, 3, 5, 7, 9, 0, 2, 4, 6, 8]


def test_a_limited_find_of_everything_takes_no_more_documents_than_it_needs() -> None:
    execution = reads.execute(LARGE.engine, "a", request(skip=2, limit=3))

    assert len(execution._blobs) == 5
    assert ids(next(execution.steps())) == [2, 3, 4]


def test_a_collection_that_changes_while_its_first_documents_are_taken_is_taken_whole() -> None:
    class Changing(dict[Any, bytes]):
        """Documents that another thread changes during the first iteration over them."""

        calls = 0

        def values(self) -> Any:
            self.calls += 1
            if self.calls == 1:
                raise RuntimeError("dictionary changed size during iteration")
            return super().values()

    collection = CollectionState(1, "a")
    collection.slots._use(Changing({n: encode_document({"_id": n}) for n in range(5)}))

    assert ids(map(decode_document, collection.slots.first(2))) == [0, 1]


# ── single answers ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("db", [SMALL, LARGE], ids=["one step", "several"])
def test_the_first_of_an_answer_is_found(db: Logged) -> None:
    def first(filter: Any, **options: Any) -> Any:
        return finish(reads.find_first(db.engine, "a", request(filter, **options)))

    last = len(db.find("a")) - 1
    assert first({"back": {"$lt": 1 - last}}) == {"_id": last, "even": last % 2 == 0, "back": -last}
    assert first({}, sort="back")["_id"] == last
    assert first({"back": 1}) is None


@pytest.mark.parametrize("db", [SMALL, LARGE], ids=["one step", "several"])
def test_it_is_told_whether_a_document_matches(db: Logged) -> None:
    last = len(db.find("a")) - 1

    assert finish(reads.exists(db.engine, "a", compile_query({"back": -last})))
    assert not finish(reads.exists(db.engine, "a", compile_query({"back": 1})))
    assert not finish(reads.exists(db.engine, "b", compile_query({})))


def test_a_search_ends_at_its_first_match() -> None:
    steps = reads.exists(LARGE.engine, "a", compile_query({"back": -STEP}))

    assert len(list(steps)) == 1


@pytest.mark.parametrize(
    ("id", "found"),
    [(3, 3), (3.0, 3), ("3", None), (True, None), (99, None)],
    ids=["int", "float", "str", "bool", "absent"],
)
def test_a_document_is_got_by_an_equal_id(id: Any, found: int | None) -> None:
    data = reads.get(SMALL.engine, "a", id)

    assert (data and decode_document(data)["_id"]) == found


def test_nothing_is_got_from_no_collection() -> None:
    assert reads.get(SMALL.engine, "absent", 1) is None


def test_a_string_gets_the_document_with_that_id() -> None:
    db = Logged()
    db.insert("a", {"_id": "x"})

    assert decode_document(reads.get(db.engine, "a", "x") or b"") == {"_id": "x"}


def test_documents_of_no_collection_are_none() -> None:
    assert finish(reads.count(SMALL.engine, "absent", compile_query({"a": 1}))) == 0


def test_a_count_of_everything_looks_at_no_document() -> None:
    assert list(reads.count(LARGE.engine, "a", compile_query({}))) == []
    assert len(list(reads.count(LARGE.engine, "a", compile_query({"even": True})))) == 3


def test_a_count_heeds_a_hint() -> None:
    assert count(SMALL, {}, hint="$natural") == 10
    with pytest.raises(QueryError, match="names no index"):
        count(SMALL, {}, hint="x_1")


# ── distinct ────────────────────────────────────────────────────────────────────


def distinct(db: Logged, key: str, filter: Any = None) -> list[Any]:
    return finish(reads.distinct(db.engine, "a", key, compile_query(filter)))


def test_distinct_values_are_each_there_once_in_order() -> None:
    db = Logged()
    db.insert("a", *({"_id": n, "v": v} for n, v in enumerate(["b", 2, 1, 1.0, None, "a", True, 2])))
    db.insert("a", {"_id": "without"})

    assert distinct(db, "v") == [None, 1, 2, "a", "b", True]


def test_distinct_elements_of_arrays_count_each() -> None:
    db = Logged()
    db.insert("a", {"_id": 1, "v": [1, [2], 3]}, {"_id": 2, "v": 3}, {"_id": 3, "v": []}, {"_id": 4, "v": [{"w": 5}]})

    assert distinct(db, "v") == [1, 3, {"w": 5}, [2]]
    assert distinct(db, "v.w") == [5]


def test_distinct_values_are_those_of_matches() -> None:
    assert distinct(LARGE, "even", {"even": False}) == [False]
    assert distinct(LARGE, "even", {"_id": -1}) == []


# ── explaining ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("filter", "stage", "index", "candidates"),
    [
        ({}, "COLLSCAN", None, 4),
        ({"y": 1}, "COLLSCAN", None, 4),
        ({"x": 1}, "IXSCAN", "x_1", 2),
        ({"_id": {"$in": [1, 9]}}, "IDHACK", "_id_", 2),
    ],
)
def test_an_explanation_names_stage_index_and_candidates(
    filter: Any, stage: str, index: str | None, candidates: int
) -> None:
    db = Logged()
    db.insert("a", *({"_id": n, "x": n % 2} for n in range(4)))
    db.index("a", "x")
    explained = explain(db.engine, "a", request(filter), reads.execute, "queryPlanner", lambda: 0.0)
    plan = explained["queryPlanner"]["winningPlan"]
    leaf = plan.get("inputStage", plan)

    assert (leaf["stage"], leaf.get("indexName"), explained["candidates"]) == (stage, index, candidates)


@pytest.mark.parametrize(
    ("filter", "options", "stages", "keys", "documents"),
    [
        ({"x": 1}, {}, ["FETCH", "IXSCAN"], 1, 5),
        ({"x": 1, "y": 3}, {}, ["FETCH", "IXSCAN"], 1, 5),
        ({"x": {"$gte": 1}}, {}, ["FETCH", "IXSCAN"], 1, 5),
        ({"x": {"$in": [0, 1, 7]}, "y": 3}, {}, ["COLLSCAN"], 0, 10),
        ({}, {"sort": "x"}, ["FETCH", "IXSCAN"], 2, 10),
        ({}, {"sort": "-x", "limit": 3}, ["LIMIT", "FETCH", "IXSCAN"], 2, 3),
        ({}, {"sort": "y", "limit": 3, "skip": 1}, ["LIMIT", "SKIP", "SORT", "COLLSCAN"], 0, 10),
        ({"x": 1}, {"sort": "y", "projection": ["y"]}, ["PROJECTION_DEFAULT", "SORT", "FETCH", "IXSCAN"], 1, 5),
        ({"_id": {"$in": [1, 9]}}, {}, ["IDHACK"], 2, 2),
    ],
    ids=repr,
)
def test_an_explanation_tells_the_stages_and_what_they_looked_at(
    filter: Any, options: dict[str, Any], stages: list[str], keys: int, documents: int
) -> None:
    db = Logged()
    db.insert("a", *({"_id": n, "x": n % 2, "y": n} for n in range(10)))
    db.index("a", "x")
    asked = request(filter, **options)
    explained = explain(db.engine, "a", asked, reads.execute, "executionStats", lambda: 0.0)
    stats = explained["executionStats"]
    plan, found = explained["queryPlanner"]["winningPlan"], []
    while plan is not None:
        found.append(plan["stage"])
        plan = plan.get("inputStage")

    assert found == stages
    assert (stats["totalKeysExamined"], stats["totalDocsExamined"]) == (keys, documents)
    assert stats["nReturned"] == len(find(db.engine, "a", filter, **options))


def test_an_explanation_counts_what_other_indexes_would_give() -> None:
    db = Logged()
    db.insert("a", *({"_id": n, "x": n % 2, "y": n} for n in range(10)))
    db.index("a", "x")
    db.index("a", "y")
    asked = request({"x": 1, "y": 3})
    explained = explain(db.engine, "a", asked, reads.execute, "allPlansExecution", lambda: 0.0)

    assert [plan["inputStage"]["indexName"] for plan in explained["queryPlanner"]["rejectedPlans"]] == ["x_1"]
    assert explained["executionStats"]["allPlansExecution"] == [
        {"indexName": "x_1", "candidates": 5},
        {"indexName": "y_1", "candidates": 1},
    ]


def test_a_verbosity_that_there_is_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(QueryError, match="did you mean 'executionStats'"):
        explain(Logged().engine, "a", request({}), reads.execute, "executionstats", lambda: 0.0)


# ── lists of collections and indexes ────────────────────────────────────────────


def catalogue() -> Logged:
    db = Logged()
    for name in ("b", "a", "c"):
        db.insert(name, {"_id": 1})
    db.index("a", "x")
    return db


def test_names_of_collections_are_sorted_and_can_be_filtered() -> None:
    engine = catalogue().engine

    assert reads.collection_names(engine, compile_query()) == ["a", "b", "c"]
    assert reads.collection_names(engine, compile_query({"name": {"$gt": "a"}}, limit=1)) == ["b"]


def test_a_collection_is_described() -> None:
    execution = reads.execute_on_collections(catalogue().engine, "", request({"name": "a"}))

    assert list(execution.steps()) == [[{"name": "a", "type": "collection", "options": {}}]]


def test_the_indexes_of_a_collection_are_listed_that_of_ids_first() -> None:
    db = catalogue()
    execution = reads.execute_on_indexes(db.engine, "a", request())
    id_index, x_index = {"v": 2, "key": {"_id": 1}, "name": "_id_"}, {"v": 2, "key": {"x": 1}, "name": "x_1"}

    assert list(execution.steps()) == [[id_index, x_index]]
    assert reads.index_documents(db.engine, "absent") == []
    assert reads.index_information(db.engine, "a") == {
        "_id_": {"v": 2, "key": [("_id", 1)]},
        "x_1": {"v": 2, "key": [("x", 1)]},
    }


def test_a_list_takes_no_hint() -> None:
    with pytest.raises(QueryError, match="hint"):
        reads.execute_on_collections(catalogue().engine, "", request(hint="x"))


def test_statistics_tell_documents_their_size_and_indexes() -> None:
    db = catalogue()
    stats = reads.collection_stats(db.engine, "a")

    size = len(encode_document({"_id": 1}))
    residence = {"resident_bytes": size, "places": 0, "column_bytes": 0}
    indexes = stats.pop("indexes")
    assert stats == {"name": "a", "count": 1, "size": size, **residence}
    assert {name: (said["built"], said["entries"]) for name, said in indexes.items()} == {
        "_id_": (True, 1),
        "x_1": (True, 1),
    }
    nothing = {"resident_bytes": 0, "places": 0, "column_bytes": 0, "indexes": {}}
    assert reads.collection_stats(db.engine, "z") == {"name": "z", "count": 0, "size": 0, **nothing}


# ── batches, checks and the memory of sorts ─────────────────────────────────────


@pytest.mark.parametrize("options", [{}, {"sort": "_id"}, {"filter": {"_id": {"$gte": 0}}}])
@pytest.mark.parametrize("size", [1, 100, STEP, STEP + 1, 10**6])
def test_a_batch_has_the_size_asked_for_and_never_more_than_a_step(options: dict[str, Any], size: int) -> None:
    found = batches(LARGE, batch_size=size, **options)

    assert [one for batch in found for one in batch] == [one for batch in batches(LARGE, **options) for one in batch]
    assert max(map(len, found)) == min(size, STEP)


def test_a_small_answer_comes_in_batches_too() -> None:
    assert list(map(len, batches(LARGE, filter={"_id": {"$lt": 5}}, limit=5, batch_size=2)))[-3:] == [2, 2, 1]


class Spent(Exception):
    """The check of a test says that an execution has taken too long."""


def spent_after(calls: int) -> Any:
    left = iter(range(calls))

    def check() -> None:
        if next(left, None) is None:
            raise Spent

    return check


@pytest.mark.parametrize(
    "read",
    [
        lambda query: list(reads.execute(LARGE.engine, "a", Request(query, bytes)).steps()),
        lambda query: finish(reads.count(LARGE.engine, "a", query)),
        lambda query: finish(reads.distinct(LARGE.engine, "a", "back", query)),
    ],
)
@pytest.mark.parametrize("calls", [0, 1, 2])
def test_a_read_of_several_steps_is_checked_in_each(read: Any, calls: int) -> None:
    with pytest.raises(Spent):
        read(compile_query({"_id": {"$gte": 0}}, check=spent_after(calls)))


@pytest.mark.parametrize("key", [{"sort": "back"}, {"sort": ["even", "back"]}])
def test_a_sort_is_checked_while_it_collects_and_while_it_sorts(key: Any) -> None:
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    list(reads.execute(LARGE.engine, "a", Request(compile_query({}, check=count, **key), bytes)).steps())

    assert calls >= 2 * (len(LARGE.engine.collections["a"].slots.keys()) // STEP)


def test_a_sort_that_takes_too_much_memory_is_refused_and_a_limit_helps() -> None:
    LARGE.engine.sort_memory = 50_000
    try:
        with pytest.raises(OperationFailure) as caught:
            batches(LARGE, sort="back")
        first = batches(LARGE, sort="back", limit=3)
    finally:
        LARGE.engine.sort_memory = SORT_MEMORY

    assert caught.value.code == 292
    assert sum(map(len, first)) == 3
