"""Stages on the core alone: sizes that the corpus does not have, what describes a collection, and refusals by name."""

from __future__ import annotations

from typing import Any

import pytest

from core.aggregate.answering import answer, pipelined
from core.engine.logged import Logged
from nosqlpy.errors import NotSupportedError, OperationFailure, QueryError

MANY = 3000


def many(count: int = MANY) -> list[dict[str, Any]]:
    return [{"n": number, "g": number % 7, "list": [number, number + 1]} for number in range(count)]


def ids(documents: list[Any]) -> list[Any]:
    return [document["_id"] for document in documents]


# ── many documents ──────────────────────────────────────────────────────────────


def test_groups_of_many_documents_are_summed_in_portions() -> None:
    found = answer([{"$group": {"_id": "$g", "sum": {"$sum": "$n"}, "count": {"$count": {}}}}], many())

    assert {each["_id"]: (each["sum"], each["count"]) for each in found} == {
        g: (sum(range(g, MANY, 7)), len(range(g, MANY, 7))) for g in range(7)
    }


def test_many_groups_are_put_out_in_batches() -> None:
    found = answer([{"$group": {"_id": "$n", "first": {"$first": "$g"}, "all": {"$sum": 1}}}], many())

    assert ids(found) == list(range(MANY))
    assert all(each["all"] == 1 and each["first"] == each["_id"] % 7 for each in found)


@pytest.mark.parametrize(
    ("accumulator", "expected"),
    [
        ({"$avg": "$n"}, (MANY - 1) / 2),
        ({"$sum": "$n"}, MANY * (MANY - 1) // 2),
        ({"$min": "$n"}, 0),
        ({"$max": "$n"}, MANY - 1),
        ({"$median": {"input": "$n", "method": "approximate"}}, (MANY - 1) // 2),
        ({"$percentile": {"input": "$n", "p": [0, 1], "method": "approximate"}}, [0, MANY - 1]),
        ({"$firstN": {"input": "$n", "n": 2}}, [0, 1]),
        ({"$lastN": {"input": "$n", "n": 2}}, [MANY - 2, MANY - 1]),
        ({"$minN": {"input": "$n", "n": 2}}, [0, 1]),
        ({"$maxN": {"input": "$n", "n": 2}}, [MANY - 1, MANY - 2]),
        ({"$topN": {"n": 2, "sortBy": {"n": -1}, "output": "$n"}}, [MANY - 1, MANY - 2]),
        ({"$bottomN": {"n": 2, "sortBy": {"n": -1}, "output": "$n"}}, [1, 0]),
        ({"$top": {"sortBy": {"g": -1, "n": 1}, "output": "$n"}}, 6),
        ({"$bottom": {"sortBy": {"g": 1, "n": 1}, "output": "$n"}}, max(range(6, MANY, 7))),
    ],
    ids=str,
)
def test_an_accumulator_of_many_values_has_that_of_all(accumulator: dict[str, Any], expected: Any) -> None:
    assert answer([{"$group": {"_id": None, "x": accumulator}}], many()) == [{"_id": None, "x": expected}]


def test_sums_of_many_floats_are_exact() -> None:
    documents = [{"x": 0.1}] * 10_000 + [{"x": 1}] * 5
    (found,) = answer([{"$group": {"_id": None, "sum": {"$sum": "$x"}}}], documents)

    assert found["sum"] == 1005.0


def test_sums_past_the_doubles_are_infinite() -> None:
    documents = [{"x": 1e308}] * 5000
    (found,) = answer([{"$group": {"_id": None, "sum": {"$sum": "$x"}}}], documents)

    assert found["sum"] == float("inf")


def test_ints_and_floats_that_cancel_out_leave_nothing() -> None:
    documents = [{"x": 0.5}, {"x": -0.5}] * 3000
    (found,) = answer([{"$group": {"_id": None, "sum": {"$sum": "$x"}, "mean": {"$avg": "$x"}}}], documents)

    assert (found["sum"], found["mean"]) == (0, 0)


def test_deviations_of_many_numbers_leave_out_what_is_none() -> None:
    documents: list[dict[str, Any]] = [{"x": number % 2} for number in range(2000)] + [{"x": "text"}, {}]
    (found,) = answer(
        [{"$group": {"_id": None, "all": {"$stdDevPop": "$x"}, "sample": {"$stdDevSamp": "$x"}}}], documents
    )

    assert found["all"] == 0.5
    assert round(found["sample"], 3) == 0.5


def test_batches_have_the_size_that_is_asked_for_and_no_other_answer() -> None:
    pipeline = [{"$match": {"g": 3}}, {"$sort": {"n": -1}}, {"$project": {"n": 1}}]

    assert answer(pipeline, many(), batch_size=3) == answer(pipeline, many())


def test_a_long_union_and_a_long_facet_keep_the_order() -> None:
    found = answer([{"$unionWith": {"coll": "own", "pipeline": [{"$match": {"g": 0}}]}}, {"$skip": MANY}], many())
    (facet,) = answer([{"$facet": {"all": [{"$project": {"n": 1}}], "some": [{"$limit": 2}, {"$count": "n"}]}}], many())

    assert [each["n"] for each in found] == list(range(0, MANY, 7))
    assert ids(facet["all"]) == list(range(1, MANY + 1))
    assert facet["some"] == [{"n": 2}]


def test_what_is_unwound_is_grouped_without_the_documents_in_between() -> None:
    pipeline = [{"$unwind": "$list"}, {"$group": {"_id": "$list", "n": {"$sum": 1}}}]
    found = {each["_id"]: each["n"] for each in answer(pipeline, many())}

    assert found == {0: 1, MANY: 1, **dict.fromkeys(range(1, MANY), 2)}


def test_an_array_inside_an_array_is_not_unwound_by_a_path_through_it() -> None:
    documents: list[dict[str, Any]] = [{"a": [{"b": [1, 2]}]}, {"a": {"b": [3, 4]}}, {"a": 5}]
    pipeline = [{"$unwind": "$a.b"}, {"$group": {"_id": "$a.b"}}]

    assert ids(answer(pipeline, documents)) == [3, 4]


def test_a_search_along_a_chain_follows_all_of_it() -> None:
    db = Logged()
    db.insert("own", *({"_id": number, "next": number + 1} for number in range(300)))
    look = {"from": "own", "startWith": "$next", "connectFromField": "next", "connectToField": "_id", "as": "all"}
    (found,) = pipelined(db, "own", [{"$match": {"_id": 0}}, {"$graphLookup": {**look, "depthField": "far"}}])

    assert sorted((each["_id"], each["far"]) for each in found["all"]) == [(n + 1, n) for n in range(299)]


def test_a_join_of_many_documents_finds_for_each_its_own() -> None:
    db = Logged()
    db.insert("own", *({"_id": number, "g": number % 50} for number in range(1000)))
    db.insert("other", *({"_id": number, "g": number % 50, "n": number} for number in range(500)))
    db.index("other", "g")
    look = {"from": "other", "localField": "g", "foreignField": "g", "as": "all"}
    found = pipelined(db, "own", [{"$lookup": look}, {"$project": {"g": 1, "all.n": 1}}])

    assert all([each["n"] for each in document["all"]] == list(range(document["g"], 500, 50)) for document in found)


# ── descriptions ────────────────────────────────────────────────────────────────


def described() -> Logged:
    db = Logged()
    db.insert("own", *({"_id": number} for number in range(5)))
    db.index("own", "a")
    return db


def test_statistics_of_a_collection_are_a_document() -> None:
    (found,) = pipelined(described(), "own", [{"$collStats": {"count": {}, "storageStats": {}}}])

    assert (found["ns"], found["count"]) == ("own", 5)
    assert found["storageStats"]["count"] == 5
    assert pipelined(Logged(), "none", [{"$collStats": {"count": {}}}]) == [{"ns": "none", "count": 0}]


def test_each_index_is_described() -> None:
    found = pipelined(described(), "own", [{"$indexStats": {}}])

    assert [(each["name"], each["key"]) for each in found] == [("_id_", {"_id": 1}), ("a_1", {"a": 1})]


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        ({"$collStats": 1}, 5447000),
        ({"$collStats": {"counts": {}}}, 40415),
        ({"$collStats": {"count": 1}}, 14),
        ({"$indexStats": {"a": 1}}, 28803),
        ({"$bucketAuto": 1}, 40240),
        ({"$sample": {}}, 28749),
        ({"$sample": {"size": "x"}}, 28746),
        ({"$sample": {"size": -1}}, 28747),
        ({"$documents": "$a"}, 5858203),
        ({"$unionWith": {"colls": "a"}}, 40415),
        ({"$unionWith": {"coll": 1}}, 14),
        ({"$unionWith": {"coll": "own", "pipeline": 1}}, 14),
        ({"$group": {"_id": 1, "a.b": {"$sum": 1}}}, 40235),
        ({"$group": {"_id": 1, "a": {"$sum": [1]}}}, 40237),
        ({"$group": {"_id": 1, "a": {"$summ": 1}}}, 15952),
        ({"$group": {"_id": 1, "a": {"$count": 1}}}, 14),
        ({"$group": {"_id": 1, "a": 1}}, 40234),
        ({"$group": {"_id": 1, 5: {"$sum": 1}}}, 14),
        ({"$group": {"_id": 1, "$a": {"$sum": 1}}}, 40236),
        ({"$group": {"_id": 1, "a": {"$sum": 1, "$min": 1}}}, 40238),
        ({"$lookup": {"from": 1, "as": "x", "localField": "a", "foreignField": "b"}}, 9),
        ({"$nothing": 1}, 40324),
    ],
    ids=str,
)
def test_a_stage_that_means_nothing_is_refused_with_mongodbs_code(stage: dict[str, Any], code: int) -> None:
    with pytest.raises(QueryError) as caught:
        answer([stage], [{"a": 1}])

    assert caught.value.code == code


@pytest.mark.parametrize(
    "stage",
    [
        {"$collStats": {"latencyStats": {}}},
        {"$collStats": {"count": {"scale": 2}}},
        {"$facet": {"a": [{"$collStats": {}}]}},
        {"$group": {"_id": 1, "a": {"$accumulator": {}}}},
        {"$lookup": {"from": {"db": "x", "coll": "y"}, "as": "z"}},
        {"$changeStream": {}},
    ],
    ids=str,
)
def test_a_stage_that_nosqlpy_lacks_is_refused_by_name(stage: dict[str, Any]) -> None:
    name = next(iter(stage))
    with pytest.raises((NotSupportedError, QueryError)) as caught:
        answer([stage], [{"a": 1}])

    assert any(part in str(caught.value) for part in (name, "$collStats", "$accumulator"))


def test_a_pipeline_has_at_most_a_thousand_stages() -> None:
    with pytest.raises(QueryError, match="at most"):
        answer([{"$skip": 1}] * 1001, [{"a": 1}])


@pytest.mark.parametrize("pipeline", ["$match", {"$match": {}}, [1], [{}], [{"$match": {}, "$skip": 1}], None], ids=str)
def test_what_is_no_list_of_stages_is_refused(pipeline: Any) -> None:
    with pytest.raises(QueryError):
        answer(pipeline, [])


def test_a_failure_says_its_code_at_work() -> None:
    with pytest.raises(OperationFailure) as caught:
        answer([{"$replaceRoot": {"newRoot": "$a"}}], [{"a": 1}])

    assert caught.value.code == 40228
