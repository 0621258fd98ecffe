"""Updates by a pipeline. Manual: tutorial/update-documents-with-aggregation-pipeline."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nosqlpy._core.update.compile import compile_update
from nosqlpy.errors import QueryError, WriteError

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def updated(stages: list[Any], document: dict[str, Any]) -> dict[str, Any]:
    return compile_update(stages, variables={"NOW": NOW}).apply(document)


@pytest.mark.parametrize(
    ("stages", "document", "expected"),
    [
        # the manual's examples
        (
            [{"$set": {"test3": 98, "modified": "$$NOW"}}],
            {"_id": 3, "test1": 95, "test2": 92},
            {"_id": 3, "test1": 95, "test2": 92, "test3": 98, "modified": NOW},
        ),
        (
            [{"$replaceRoot": {"newRoot": {"$mergeObjects": [{"quiz1": 0, "quiz2": 0}, "$$ROOT"]}}}],
            {"_id": 1, "quiz1": 8},
            {"quiz1": 8, "quiz2": 0, "_id": 1},
        ),
        (
            [{"$set": {"average": {"$trunc": [{"$avg": "$tests"}, 0]}}}],
            {"_id": 1, "tests": [95, 92, 90]},
            {"_id": 1, "tests": [95, 92, 90], "average": 92},
        ),
        ([{"$set": {"tests": {"$concatArrays": ["$tests", [8, 6]]}}}], {"tests": [1]}, {"tests": [1, 8, 6]}),
        ([{"$addFields": {"a.b": 1}}], {"a": 5}, {"a": {"b": 1}}),
        ([{"$set": {"a": {"b": 1, "c": "$x"}}}], {"a": {"d": 2}, "x": 3}, {"a": {"d": 2, "b": 1, "c": 3}, "x": 3}),
        ([{"$set": {"a.b": "$x"}}], {"a": [{"c": 1}, {}], "x": 3}, {"a": [{"c": 1, "b": 3}, {"b": 3}], "x": 3}),
        ([{"$set": {"a": "$$REMOVE"}}], {"a": 1, "b": 2}, {"b": 2}),
        ([{"$set": {"a": "$missing"}}], {"a": 1}, {}),
        ([{"$set": {"a": {}}}], {"a": 1}, {"a": {}}),
        ([{"$set": {"a": 0, "b": "$a"}}], {"a": 1}, {"a": 0, "b": 1}),
        ([{"$set": {"a": 0}}, {"$set": {"b": "$a"}}], {"a": 1}, {"a": 0, "b": 0}),
        ([{"$unset": "a"}], {"a": 1, "b": 2}, {"b": 2}),
        ([{"$unset": ["a.x", "b"]}], {"a": {"x": 1, "y": 2}, "b": 2}, {"a": {"y": 2}}),
        ([{"$unset": ["a.x"]}], {"a": [{"x": 1, "y": 2}, 5]}, {"a": [{"y": 2}, 5]}),
        ([{"$project": {"a": 1}}], {"_id": 1, "a": 1, "b": 2}, {"_id": 1, "a": 1}),
        ([{"$project": {"_id": 0, "a": 1}}], {"_id": 1, "a": 1, "b": 2}, {"_id": 1, "a": 1}),
        ([{"$replaceWith": "$a"}], {"_id": 1, "a": {"b": 2}}, {"_id": 1, "b": 2}),
        ([], {"_id": 1}, {"_id": 1}),
        ([{"$set": {}}], {"_id": 1}, {"_id": 1}),
        ([{"$set": {"a.b": 1, "a": {"c": 2}}}], {"a": 5}, {"a": {"b": 1, "c": 2}}),
        ([{"$project": {"a": {"$slice": ["$a", 1]}}}], {"_id": 1, "a": [5, 6]}, {"_id": 1, "a": [5]}),
        ([{"$replaceWith": {"$literal": {"_id": 1, "$a": 1, "b.c": 2}}}], {"_id": 1}, {"_id": 1, "$a": 1, "b.c": 2}),
    ],
)
def test_a_pipeline_computes_the_new_document(
    stages: list[Any], document: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert updated(stages, document) == expected


@pytest.mark.parametrize(
    ("stages", "code"),
    [
        ([{"$match": {"a": 1}}], 72),
        ([{"$sett": {"a": 1}}], 40324),
        ([{"$set": {"a": 1}, "$unset": "b"}], 40323),
        ([5], 14),
        ([{"$set": 5}], 40272),
        ([{"$set": {"a": 1, "a.b": 2}}], 40176),
        ([{"$set": {"": 1}}], 40352),
        ([{"$set": {"a.": 1}}], 40353),
        ([{"$set": {"a..b": 1}}], 15998),
        ([{"$set": {"$a": 1}}], 16410),
        ([{"$set": {"a.$b": 1}}], 16410),
        ([{"$set": {"a\0": 1}}], 16411),
        ([{"$set": {"a": {"": 1}}}], 40353),
        ([{"$set": {"a": {"b.c": 1}}}], 40183),
        ([{"$set": {"a": {"b": 1, "$add": [1]}}}], 40181),
        ([{"$set": {"a": {"$add": [1], "b": 1}}}], 40181),
        ([{"$set": {"a.b": 1, "a": {"b": 2}}}], 40176),
        ([{"$set": {1: 1}}], 14),
        ([{"$unset": []}], 31119),
        ([{"$unset": [1]}], 31120),
        ([{"$unset": ""}], 40352),
        ([{"$unset": "a."}], 40353),
        ([{"$unset": ["a", "a"]}], 31250),
        ([{"$unset": "$a"}], 16410),
        ([{"$unset": "a.$"}], 31324),
        ([{"$project": 5}], 15969),
        ([{"$project": {}}], 51272),
        ([{"$project": {"a.$": 1}}], 31324),
        ([{"$project": {"a": {"$elemMatch": {"b": 1}}}}], 168),
        ([{"$project": {"a..b": 1}}], 15998),
        ([{"$unset": 5}], 31002),
        ([{"$unset": ["a", "a.b"]}], 31249),
        ([{"$unset": ["a.b", "a"]}], 31250),
        ([{"$replaceRoot": "$a"}], 40229),
        ([{"$replaceRoot": {}}], 40414),
        ([{"$replaceRoot": {"root": "$a"}}], 40415),
        ([{"$merge": "a"}], 72),
        ([{"$querySettings": {}}], 72),
    ],
)
def test_a_stage_that_means_nothing_is_refused(stages: list[Any], code: int) -> None:
    with pytest.raises(QueryError) as refused:
        compile_update(stages, variables={"NOW": NOW})

    assert refused.value.code == code


def test_an_unknown_stage_names_the_nearest() -> None:
    with pytest.raises(QueryError, match="did you mean '\\$unset'"):
        compile_update([{"$unsett": "a"}], variables={"NOW": NOW})


def test_array_filters_have_no_place_in_a_pipeline() -> None:
    with pytest.raises(QueryError, match="array_filters") as refused:
        compile_update([{"$set": {"a": 1}}], variables={"NOW": NOW}, array_filters=[{"x": 1}])

    assert refused.value.code == 9


def test_a_document_is_not_replaced_by_what_is_none() -> None:
    with pytest.raises(WriteError, match="must give a document") as refused:
        updated([{"$replaceWith": "$a"}], {"a": 5})

    assert refused.value.code == 40228


def test_an_upsert_by_a_pipeline_starts_from_the_filter() -> None:
    updater = compile_update([{"$set": {"b": {"$add": ["$a", 1]}}}], variables={"NOW": NOW})

    assert updater.insert({"_id": 1, "a": 2}) == {"_id": 1, "a": 2, "b": 3}
