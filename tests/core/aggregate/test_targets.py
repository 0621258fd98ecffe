"""$out and $merge on the core alone: what they write, as one change, and what is refused.

All that is seen of them is in tests/facades/test_writing_pipelines.py, with its sources; here no storage takes part.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from core.aggregate.answering import NOW, answer
from core.engine.logged import Logged, finish, intake
from nosqlpy._core.aggregate.pipeline import compile_pipeline
from nosqlpy._core.aggregate.targets import Merge, Out
from nosqlpy._core.engine import merging
from nosqlpy._core.engine.definitions import create_index
from nosqlpy._core.index.options import define_index
from nosqlpy.errors import NotSupportedError, OperationFailure, QueryError

MADE: list[dict[str, Any]] = [{"_id": n, "a": n, "b": name} for n, name in enumerate("abc", 1)]
HELD: list[dict[str, Any]] = [{"_id": 1, "a": 10, "c": "x"}, {"_id": 3, "a": 30}, {"_id": 4, "a": 40}]


def target_of(stage: dict[str, Any]) -> Any:
    return compile_pipeline([stage], {"NOW": NOW}).target


def holding(*documents: dict[str, Any]) -> Logged:
    db = Logged()
    if documents:
        db.insert("totals", *documents)
    return db


def merged(db: Logged, documents: list[dict[str, Any]], **options: Any) -> tuple[Any, list[Any]]:
    """Merge documents; return what was refused, and what there is then."""
    target = target_of({"$merge": {"into": "totals", **options}})
    ids = count(100)
    arriving = list(merging.arrivals(target, documents, lambda: next(ids)))
    refused = db.commit(merging.merge_all(db.engine, "totals", target, arriving))
    return refused, sorted(db.find("totals"), key=lambda document: document["_id"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [{"_id": 1, "a": 1, "c": "x", "b": "a"}, *MADE[1:], HELD[2]]),
        ({"whenMatched": "replace"}, [*MADE, HELD[2]]),
        ({"whenMatched": "keepExisting"}, [HELD[0], MADE[1], *HELD[1:]]),
        ({"whenMatched": "replace", "whenNotMatched": "discard"}, [MADE[0], MADE[2], HELD[2]]),
        (
            {"whenMatched": [{"$set": {"a": {"$add": ["$a", "$$new.a"]}}}]},
            [{"_id": 1, "a": 11, "c": "x"}, MADE[1], {"_id": 3, "a": 33}, HELD[2]],
        ),
        (
            {"let": {"b": "$b"}, "whenMatched": [{"$project": {"b": "$$b"}}], "whenNotMatched": "discard"},
            [{"_id": 1, "b": "a"}, {"_id": 3, "b": "c"}, HELD[2]],
        ),
    ],
    ids=str,
)
def test_documents_are_merged_as_the_stage_says(options: dict[str, Any], expected: list[Any]) -> None:
    assert merged(holding(*HELD), MADE, **options) == (None, expected)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"whenMatched": "replace", "whenNotMatched": "fail"}, 13113),
        ({"whenMatched": "fail"}, 11000),
        ({"whenMatched": [{"$set": {"_id": 5}}]}, 66),
    ],
    ids=str,
)
def test_the_first_document_that_is_refused_is_told_and_the_others_are_merged(options: Any, code: int) -> None:
    refused, held = merged(holding(*HELD), MADE, **options)

    assert refused.code == code
    assert len(held) == (3 if code == 13113 else 4)


def test_a_merge_is_one_frame() -> None:
    db = holding(*HELD)
    before = db.engine.tail.end.lsn
    merged(db, MADE)

    assert db.engine.tail.end.lsn == before + 1


def test_a_merge_that_changes_nothing_writes_nothing() -> None:
    db = holding(*HELD)
    before = db.engine.tail.end.lsn
    merged(db, HELD)

    assert db.engine.tail.end.lsn == before


def test_documents_without_an_id_are_found_by_a_unique_index_or_get_one() -> None:
    db = holding(*HELD)
    db.commit(create_index(db.engine, "totals", define_index("a", None, {"unique": True})))
    refused, held = merged(db, [{"a": 30, "n": 1}, {"a": 50}], on="a")

    assert refused is None
    assert held == [HELD[0], {"_id": 3, "a": 30, "n": 1}, HELD[2], {"_id": 101, "a": 50}]


@pytest.mark.parametrize(
    ("document", "code"),
    [({"_id": 1}, 51132), ({"a": {"b": None}}, 51132), ({"a": [{"b": 1}]}, 51132), ({"a": {"b": [1]}}, 51185)],
    ids=str,
)
def test_a_document_without_a_value_to_merge_on_is_refused(document: dict[str, Any], code: int) -> None:
    target = target_of({"$merge": {"into": "totals", "on": "a.b"}})
    with pytest.raises(OperationFailure) as caught:
        list(merging.arrivals(target, [document], lambda: "new"))

    assert caught.value.code == code


def test_without_a_unique_index_nothing_is_merged_on_other_fields() -> None:
    with pytest.raises(OperationFailure) as caught:
        merged(holding(*HELD), MADE, on="a")

    assert caught.value.code == 51183


def test_out_is_one_frame_that_replaces_all() -> None:
    db = holding(*HELD)
    before = db.engine.tail.end.lsn
    db.commit(merging.replace_all(db.engine, "totals", finish(intake().many(MADE))))

    assert db.find("totals") == MADE
    assert db.engine.tail.end.lsn == before + 1


def test_out_of_two_documents_with_one_id_is_refused() -> None:
    db = holding(*HELD)
    with pytest.raises(OperationFailure) as caught:
        merging.replace_all(db.engine, "totals", finish(intake().many([MADE[0], MADE[0]])))

    assert caught.value.code == 11000


def test_a_pipeline_knows_where_it_writes() -> None:
    out, merge = target_of({"$out": "totals"}), target_of({"$merge": {"into": {"coll": "totals"}, "on": ["b", "a"]}})

    assert out == Out("totals")
    assert isinstance(merge, Merge)
    assert (merge.table, merge.on, merge.when_matched, merge.when_not_matched) == (
        "totals",
        ("b", "a"),
        "merge",
        "insert",
    )


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        ({"$out": 1}, 16990),
        ({"$out": {"coll": "a"}}, 40414),
        ({"$out": {"db": "x", "coll": 1}}, 14),
        ({"$out": {"x": 1}}, 40415),
        ({"$out": ""}, 73),
        ({"$merge": 1}, 14),
        ({"$merge": {}}, 40414),
        ({"$merge": {"into": 1}}, 51178),
        ({"$merge": {"into": ""}}, 5786800),
        ({"$merge": ""}, 73),
        ({"$merge": {"into": {"coll": None}}}, 5786801),
        ({"$merge": {"into": {"coll": 1}}}, 14),
        ({"$merge": {"into": "a", "whenMatched": 1}}, 51191),
        ({"$merge": {"into": "a", "whenMatched": "insert"}}, 2),
        ({"$merge": {"into": "a", "whenNotMatched": 1}}, 14),
        ({"$merge": {"into": "a", "whenMatched": "fail", "whenNotMatched": "fail"}}, 51181),
        ({"$merge": {"into": "a", "on": 1}}, 51186),
        ({"$merge": {"into": "a", "on": []}}, 51187),
        ({"$merge": {"into": "a", "on": [1]}}, 51134),
        ({"$merge": {"into": "a", "on": ["b", "b"]}}, 31465),
        ({"$merge": {"into": "a", "let": {}}}, 51199),
        ({"$merge": {"into": "a", "let": 1, "whenMatched": []}}, 14),
        ({"$merge": {"into": "a", "let": {"new": 1}, "whenMatched": []}}, 51273),
        ({"$facet": {"a": [{"$out": "b"}]}}, 40600),
        ({"$lookup": {"from": "a", "as": "b", "pipeline": [{"$out": "c"}]}}, 51047),
        ({"$unionWith": {"coll": "a", "pipeline": [{"$merge": "c"}]}}, 31441),
    ],
    ids=str,
)
def test_what_means_nothing_is_refused_with_the_server_s_code(stage: dict[str, Any], code: int) -> None:
    with pytest.raises(QueryError) as caught:
        answer([stage], [])

    assert caught.value.code == code


def test_what_writes_stands_at_the_end() -> None:
    with pytest.raises(QueryError) as caught:
        answer([{"$out": "a"}, {"$match": {}}], [])

    assert caught.value.code == 40601


@pytest.mark.parametrize(
    "stage",
    [
        {"$out": {"db": "x", "coll": "a"}},
        {"$out": {"db": "x", "coll": "a", "timeseries": {}}},
        {"$merge": {"into": {"db": "x", "coll": "a"}}},
    ],
    ids=str,
)
def test_another_database_is_refused_by_name(stage: dict[str, Any]) -> None:
    with pytest.raises(NotSupportedError):
        answer([stage], [])
