"""Pipelines that write, on both faces: $out and $merge.

Cases are those of the manual's pages (reference/operator/aggregation/out, merge) and of the server's tests
(jstests/aggregation/sources/merge/all_modes.js, mode_merge_insert.js, mode_pipeline_insert.js, mode_fail_insert.js,
on_fields_validation.js, requires_unique_index.js, merge_with_dollar_fields.js, disallowed_in_lookup.js,
sources/out/replace_collection.js, required_last_position.js, document_source_merge_test.cpp).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from nosqlpy import (
    ExecutionTimeout,
    InvalidOperation,
    NosqlpyError,
    NotSupportedError,
    OperationFailure,
    ReadOnlyError,
    TransactionError,
    ValidationError,
)

SOURCE: list[dict[str, Any]] = [{"_id": n, "a": n, "b": name} for n, name in enumerate("abc", 1)]
TARGET: list[dict[str, Any]] = [{"_id": 1, "a": 10, "c": "x"}, {"_id": 3, "a": 30}, {"_id": 4, "a": 40}]
ONE = [{"_id": 1, "n": 1}]


def merge(**options: Any) -> list[dict[str, Any]]:
    return [{"$merge": {"into": "totals", **options}}]


async def filled(db: Any, source: list[Any], target: list[Any]) -> Any:
    if source:
        await db.source.insert_many(source)
    if target:
        await db.totals.insert_many(target)
    return db


async def target_of(db: Any) -> list[Any]:
    return await db.totals.find().sort("_id")  # type: ignore[no-any-return]


@pytest.fixture
def memory(connect: Callable[..., Any]) -> Any:
    return connect(":memory:")


# ── $merge: what becomes of what matches, and of what does not ──────────────────

MODES: list[tuple[dict[str, Any], list[Any]]] = [
    ({}, [{"_id": 1, "a": 1, "c": "x", "b": "a"}, *SOURCE[1:], TARGET[2]]),
    ({"whenMatched": "replace"}, [*SOURCE, TARGET[2]]),
    ({"whenMatched": "keepExisting"}, [TARGET[0], SOURCE[1], *TARGET[1:]]),
    ({"whenMatched": "replace", "whenNotMatched": "discard"}, [SOURCE[0], SOURCE[2], TARGET[2]]),
    ({"whenNotMatched": "discard"}, [{"_id": 1, "a": 1, "c": "x", "b": "a"}, SOURCE[2], TARGET[2]]),
    ({"whenMatched": []}, [TARGET[0], SOURCE[1], *TARGET[1:]]),
    (
        {"whenMatched": [{"$set": {"a": {"$add": ["$a", "$$new.a"]}}}]},
        [{"_id": 1, "a": 11, "c": "x"}, SOURCE[1], {"_id": 3, "a": 33}, TARGET[2]],
    ),
    (
        {"whenMatched": [{"$replaceWith": "$$new"}], "whenNotMatched": "discard"},
        [SOURCE[0], SOURCE[2], TARGET[2]],
    ),
    (
        {"let": {"b": "$b"}, "whenMatched": [{"$project": {"b": "$$b", "old": "$a"}}], "whenNotMatched": "discard"},
        [{"_id": 1, "b": "a", "old": 10}, {"_id": 3, "b": "c", "old": 30}, TARGET[2]],
    ),
    (
        {"let": {"b": "$b"}, "whenMatched": [{"$unset": "c"}, {"$set": {"n": "$$new.a", "b": "$$b"}}]},
        [{"_id": 1, "a": 10, "n": 1, "b": "a"}, SOURCE[1], {"_id": 3, "a": 30, "n": 3, "b": "c"}, TARGET[2]],
    ),
]


@pytest.mark.parametrize(("options", "expected"), MODES, ids=str)
async def test_a_merge_does_with_matches_and_with_others_what_it_says(
    memory: Any, options: dict[str, Any], expected: list[Any]
) -> None:
    db = await filled(memory, SOURCE, TARGET)
    returned = await db.source.aggregate(merge(**options))

    assert returned == []
    assert await target_of(db) == expected


FAILING: list[tuple[dict[str, Any], int, list[Any]]] = [
    ({"whenMatched": "replace", "whenNotMatched": "fail"}, 13113, [SOURCE[0], SOURCE[2], TARGET[2]]),
    ({"whenMatched": "fail"}, 11000, [TARGET[0], SOURCE[1], *TARGET[1:]]),
    ({"whenMatched": [{"$set": {"_id": 5}}]}, 66, [TARGET[0], SOURCE[1], *TARGET[1:]]),
    ({"whenMatched": [{"$set": {"n": {"$divide": [1, 0]}}}]}, 2, [TARGET[0], SOURCE[1], *TARGET[1:]]),
]


@pytest.mark.parametrize(("options", "code", "expected"), FAILING, ids=str)
async def test_a_document_that_is_refused_keeps_no_other_out_of_a_merge(
    memory: Any, options: dict[str, Any], code: int, expected: list[Any]
) -> None:
    db = await filled(memory, SOURCE, TARGET)
    with pytest.raises(OperationFailure) as caught:
        await db.source.aggregate(merge(**options))

    assert caught.value.code == code
    assert await target_of(db) == expected


async def test_a_merge_into_a_collection_that_is_not_there_makes_it(memory: Any) -> None:
    db = await filled(memory, SOURCE, [])
    await db.source.aggregate([{"$match": {"a": {"$gt": 1}}}, {"$merge": "totals"}])

    assert await target_of(db) == SOURCE[1:]


async def test_documents_are_merged_one_after_the_other(memory: Any) -> None:
    db = await filled(memory, SOURCE, [])
    same = {"$project": {"_id": {"$literal": 1}, "all": ["$a"]}}
    join = [{"$set": {"all": {"$concatArrays": ["$all", "$$new.all"]}}}]
    await db.source.aggregate([same, *merge(whenMatched=join)])

    assert await target_of(db) == [{"_id": 1, "all": [1, 2, 3]}]


async def test_a_collection_can_be_merged_into_itself(memory: Any) -> None:
    db = await filled(memory, SOURCE, [])
    await db.source.aggregate([{"$project": {"double": {"$multiply": [2, "$a"]}}}, {"$merge": "source"}])

    assert await db.source.get(3) == {"_id": 3, "a": 3, "b": "c", "double": 6}


async def test_a_document_without_an_id_gets_one_before_it_is_merged(memory: Any) -> None:
    db = await filled(memory, SOURCE, [{"_id": 1, "b": "c"}])
    await db.source.aggregate([{"$project": {"_id": 0, "a": 1}}, {"$merge": "totals"}])
    found = await db.totals.find({}, {"_id": 0})

    assert found == [{"b": "c"}, {"a": 1}, {"a": 2}, {"a": 3}]


async def test_what_is_merged_keeps_the_id_that_is_stored(memory: Any) -> None:
    db = await filled(memory, [{"_id": 1, "a": 1}], [{"_id": 1.0, "b": 1}])
    await db.source.aggregate(merge())
    (found,) = await target_of(db)

    assert found == {"_id": 1.0, "b": 1, "a": 1}
    assert type(found["_id"]) is float


async def test_names_that_begin_with_a_dollar_are_merged(memory: Any) -> None:
    db = await filled(memory, [{"_id": 1, "$a": 1, "a.b": 2}], [{"_id": 1, "$c": 1}])
    await db.source.aggregate(merge())

    assert await target_of(db) == [{"_id": 1, "$c": 1, "$a": 1, "a.b": 2}]


# ── $merge: on other fields than _id ────────────────────────────────────────────


async def test_documents_are_found_by_the_fields_of_a_unique_index(memory: Any) -> None:
    db = await filled(memory, SOURCE, [{"_id": 7, "a": 1, "b": "a", "c": "x"}, {"_id": 8, "a": 1, "b": "z"}])
    await db.totals.create_index([("a", 1), ("b", -1)], unique=True)
    without_id = {"$project": {"_id": 0, "a": 1, "b": 1, "new": {"$literal": True}}}
    await db.source.aggregate([{"$match": {"a": {"$lt": 3}}}, without_id, *merge(on=["b", "a"])])
    found = await db.totals.find({"b": {"$ne": "b"}}).sort("_id")

    assert found == [{"_id": 7, "a": 1, "b": "a", "c": "x", "new": True}, {"_id": 8, "a": 1, "b": "z"}]
    assert await db.totals.find_one({"b": "b"}, {"_id": 0}) == {"a": 2, "b": "b", "new": True}


async def test_a_document_is_found_by_an_element_of_its_array(memory: Any) -> None:
    db = await filled(memory, [{"_id": 0, "a": {"b": "hi"}}], [{"_id": "T", "a": [{"b": "hi"}, {"b": "hello"}]}])
    await db.totals.create_index("a.b", unique=True)
    await db.source.aggregate([{"$project": {"_id": 0}}, *merge(on="a.b", whenMatched="replace")])

    assert await target_of(db) == [{"_id": "T", "a": {"b": "hi"}}]


async def test_a_merge_finds_under_the_collation_that_its_index_has(memory: Any) -> None:
    db = await filled(memory, [{"_id": 1, "a": "X"}], [{"_id": 1, "a": "x", "k": 1}])
    base = {"locale": "en", "strength": 2}
    await db.totals.create_index("a", unique=True, collation=base)
    await db.source.aggregate(merge(on="a"), collation=base)

    assert await target_of(db) == [{"_id": 1, "a": "X", "k": 1}]


INDEXES: list[dict[str, Any]] = [
    {"keys": "a"},
    {"keys": "a", "unique": True, "partialFilterExpression": {"a": {"$gte": 2}}},
    {"keys": [("a", 1), ("b", 1)], "unique": True},
    {"keys": "a", "unique": True, "collation": {"locale": "en"}},
    {"keys": "b", "unique": True},
]


@pytest.mark.parametrize("index", INDEXES, ids=str)
async def test_without_a_unique_index_of_just_these_fields_nothing_is_merged(memory: Any, index: Any) -> None:
    db = await filled(memory, SOURCE, [])
    await db.totals.create_index(**index)
    with pytest.raises(OperationFailure) as caught:
        await db.source.aggregate(merge(on="a"))

    assert caught.value.code == 51183
    assert await target_of(db) == []


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"_id": 1}, 51132),
        ({"_id": 1, "a": None}, 51132),
        ({"_id": 1, "a": {"b": None}}, 51132),
        ({"_id": 1, "a": [{"b": 1}]}, 51132),
        ({"_id": 1, "a": {"b": [1]}}, 51185),
    ],
    ids=str,
)
async def test_a_document_needs_a_value_that_it_is_merged_on(memory: Any, document: Any, code: int) -> None:
    db = await filled(memory, [{"_id": 0, "a": {"b": 1}}, document], [])
    await db.totals.create_index("a.b", unique=True)
    with pytest.raises(OperationFailure) as caught:
        await db.source.aggregate(merge(on="a.b"))

    assert caught.value.code == code
    assert await target_of(db) == []


async def test_another_unique_index_refuses_what_it_does_not_take(memory: Any) -> None:
    db = await filled(memory, [{"_id": 4, "a": 40}, {"_id": 5, "a": 5}], [{"_id": 1, "a": 40}])
    await db.totals.create_index("a", unique=True)
    with pytest.raises(OperationFailure) as caught:
        await db.source.aggregate(merge())

    assert caught.value.code == 11000
    assert await target_of(db) == [{"_id": 1, "a": 40}, {"_id": 5, "a": 5}]


# ── $out ────────────────────────────────────────────────────────────────────────


async def test_out_replaces_the_documents_of_a_collection(memory: Any) -> None:
    db = await filled(memory, SOURCE, TARGET)
    returned = await db.source.aggregate([{"$match": {"a": {"$ne": 2}}}, {"$out": "totals"}])

    assert returned == []
    assert await target_of(db) == [SOURCE[0], SOURCE[2]]


async def test_out_makes_a_collection_that_is_not_there_also_of_nothing(memory: Any) -> None:
    db = await filled(memory, SOURCE, [])
    await db.source.aggregate([{"$match": {"a": 9}}, {"$out": "totals"}])

    assert sorted(await db.list_collection_names()) == ["source", "totals"]
    assert await target_of(db) == []


async def test_out_of_nothing_empties_a_collection(memory: Any) -> None:
    db = await filled(memory, SOURCE, TARGET)
    await db.source.aggregate([{"$match": {"a": 9}}, {"$out": "totals"}])

    assert await target_of(db) == []


async def test_out_keeps_the_indexes_and_the_validator_of_its_collection(memory: Any) -> None:
    db = await filled(memory, SOURCE, [])
    await db.create_collection("totals", validator={"a": {"$gt": 0}})
    await db.totals.create_index("a", unique=True)
    await db.totals.insert_one({"_id": 9, "a": 1})
    await db.source.aggregate([{"$out": "totals"}])

    assert await target_of(db) == SOURCE
    assert "a_1" in await db.totals.index_information()
    with pytest.raises(ValidationError):
        await db.totals.insert_one({"a": -1})


@pytest.mark.parametrize(
    ("stages", "code"),
    [
        ([{"$project": {"a": {"$literal": 1}}}], 11000),
        ([{"$project": {"_id": {"$literal": 1}}}], 11000),
        ([{"$project": {"a": {"$literal": -1}}}], 121),
        ([{"$project": {"a": {"$divide": ["$a", {"$subtract": ["$a", 3]}]}}}], 2),
    ],
    ids=str,
)
async def test_out_that_fails_leaves_the_collection_as_it_was(memory: Any, stages: list[Any], code: int) -> None:
    db = await filled(memory, SOURCE, [])
    await db.create_collection("totals", validator={"$or": [{"a": {"$gt": 0}}, {"a": {"$exists": False}}]})
    await db.totals.insert_many(TARGET)
    await db.totals.create_index("a", unique=True, sparse=True)
    with pytest.raises(OperationFailure) as caught:
        await db.source.aggregate([*stages, {"$out": "totals"}])

    assert caught.value.code == code
    assert await target_of(db) == TARGET


async def test_out_into_the_collection_that_is_aggregated_replaces_it(memory: Any) -> None:
    db = await filled(memory, SOURCE, [])
    await db.source.aggregate([{"$group": {"_id": "all", "n": {"$sum": "$a"}}}, {"$out": "source"}])

    assert await db.source.find() == [{"_id": "all", "n": 6}]


async def test_documents_of_the_pipeline_itself_are_written(memory: Any) -> None:
    await memory.aggregate([{"$documents": [{"_id": 1, "n": 1}]}, {"$out": "totals"}])

    assert await target_of(memory) == ONE


async def test_what_out_writes_gets_the_ids_that_the_client_makes(connect: Callable[..., Any]) -> None:
    ids = iter(range(100, 200))
    db = await filled(connect(":memory:", id_factory=lambda: next(ids)), SOURCE, [])
    await db.source.aggregate([{"$project": {"_id": 0, "a": 1}}, {"$out": "totals"}])

    assert await target_of(db) == [{"_id": 100, "a": 1}, {"_id": 101, "a": 2}, {"_id": 102, "a": 3}]


# ── where they may stand, and what they take ────────────────────────────────────

MALFORMED: list[tuple[list[Any], int]] = [
    ([{"$out": "totals"}, {"$match": {}}], 40601),
    ([{"$merge": "totals"}, {"$out": "totals"}], 40601),
    ([{"$facet": {"x": [{"$merge": "totals"}]}}], 40600),
    ([{"$lookup": {"from": "x", "as": "y", "pipeline": [{"$merge": "totals"}]}}], 51047),
    ([{"$unionWith": {"coll": "x", "pipeline": [{"$out": "totals"}]}}], 31441),
    ([{"$out": 1}], 16990),
    ([{"$out": {"coll": "totals"}}], 40414),
    ([{"$out": {"db": "x", "coll": 1}}], 14),
    ([{"$out": {"db": "x", "coll": "totals", "collection": "y"}}], 40415),
    ([{"$out": ""}], 73),
    ([{"$out": "a$b"}], 73),
    ([{"$merge": 1}], 14),
    ([{"$merge": {}}], 40414),
    ([{"$merge": {"into": 1}}], 51178),
    ([{"$merge": {"into": None}}], 51178),
    ([{"$merge": {"into": ""}}], 5786800),
    ([{"$merge": {"into": {"a": "b"}}}], 40415),
    ([{"$merge": {"into": {}}}], 5786801),
    ([{"$merge": {"into": {"coll": ""}}}], 5786801),
    ([{"$merge": {"into": {"coll": None, "db": "x"}}}], 5786801),
    ([{"$merge": {"into": {"coll": "totals", "db": True}}}], 14),
    ([{"$merge": {"into": {"coll": [], "db": "x"}}}], 14),
    ([{"$merge": ".test."}], 73),
    (merge(whenMatched=True), 51191),
    (merge(whenMatched={"": "merge"}), 51191),
    (merge(whenNotMatched=True), 14),
    (merge(whenMatched="insert"), 2),
    (merge(whenMatched="pipeline"), 2),
    (merge(whenNotMatched="merge"), 2),
    (merge(whenMatched="fail", whenNotMatched="fail"), 51181),
    (merge(whenMatched="fail", whenNotMatched="discard"), 51181),
    (merge(whenMatched="keepExisting", whenNotMatched="fail"), 51181),
    (merge(on=1), 51186),
    (merge(on={"_id": 1}), 51186),
    (merge(on=[]), 51187),
    (merge(on=["a", 1]), 51134),
    (merge(on=[["_id"]]), 51134),
    (merge(on=["a", "a"]), 31465),
    (merge(let={"y": 1}), 51199),
    (merge(let=1, whenMatched=[]), 14),
    (merge(let={"new": "$a"}, whenMatched=[]), 51273),
    (merge(let={"y": 1}, whenMatched=[{"$set": {"z": "$$new"}}], whenNotMatched="discard"), 17276),
    (merge(whenMatched=[{"$match": {}}]), 72),
    (merge(when_matched="merge"), 40415),
]


@pytest.mark.parametrize(("pipeline", "code"), MALFORMED, ids=str)
async def test_what_means_nothing_is_refused_before_anything_runs(memory: Any, pipeline: list[Any], code: int) -> None:
    with pytest.raises(NosqlpyError) as caught:
        await memory.source.aggregate(pipeline)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("pipeline", "named"),
    [
        ([{"$out": {"db": "x", "coll": "totals"}}], "'db'"),
        ([{"$out": {"db": "x", "coll": "totals", "timeseries": {"timeField": "t"}}}], "'timeseries'"),
        ([{"$merge": {"into": {"db": "x", "coll": "totals"}}}], "'db'"),
    ],
    ids=str,
)
async def test_another_database_and_time_series_are_refused_by_name(
    memory: Any, pipeline: list[Any], named: str
) -> None:
    with pytest.raises(NotSupportedError, match=named):
        await memory.source.aggregate(pipeline)


async def test_a_name_that_is_wrong_is_told_the_nearest_one(memory: Any) -> None:
    with pytest.raises(OperationFailure, match="did you mean 'whenMatched'"):
        await memory.source.aggregate(merge(whenmatched="merge"))
    with pytest.raises(OperationFailure, match=r"did you mean '\$merge'"):
        await memory.source.aggregate([{"$merg": "totals"}])


# ── the call around it ──────────────────────────────────────────────────────────


async def test_a_transaction_takes_no_pipeline_that_writes(memory: Any) -> None:
    db = await filled(memory, SOURCE, [])
    async with db.transaction() as transaction:
        for collection, options in ((transaction["source"], {}), (db.source, {"session": transaction})):
            with pytest.raises(TransactionError) as caught:
                await collection.aggregate([{"$out": "totals"}], **options)

            assert caught.value.code == 263
    assert await db.list_collection_names() == ["source"]


async def test_who_may_only_read_writes_no_pipeline(connect: Callable[..., Any], directory: Any) -> None:
    await filled(connect(directory), SOURCE, [])
    reader = connect(directory, read_only=True)
    with pytest.raises(ReadOnlyError):
        await reader.source.aggregate([{"$out": "totals"}])

    assert await reader.source.count_documents({}) == 3


async def test_a_pipeline_that_takes_too_long_writes_nothing(memory: Any) -> None:
    db = await filled(memory, [{"_id": n} for n in range(3000)], TARGET)
    with pytest.raises(ExecutionTimeout):
        await db.source.aggregate(
            [{"$lookup": {"from": "source", "pipeline": [{"$sort": {"a": 1}}], "as": "all"}}, {"$out": "totals"}],
            max_time_ms=1,
        )

    assert await target_of(db) == TARGET


async def test_a_pipeline_that_writes_is_not_explained(memory: Any) -> None:
    with pytest.raises(InvalidOperation, match=r"without its last stage, \$out or \$merge"):
        await memory.source.aggregate([{"$out": "totals"}]).clone().explain()


async def test_the_type_of_a_cursor_has_nothing_to_do_with_what_is_written(memory: Any) -> None:
    class Sale(msgspec.Struct):
        total: int

    db = await filled(memory, SOURCE, [])
    returned = await db.source.aggregate([{"$out": "totals"}], type=Sale)

    assert returned == []
    assert await target_of(db) == SOURCE


async def test_an_expired_document_is_not_written(memory: Any) -> None:
    db = await filled(memory, [{"_id": 1, "at": None}], [])
    await db.source.create_index("at", expireAfterSeconds=0)
    await db.source.aggregate([{"$set": {"at": {"$subtract": ["$$NOW", 1000]}}}, {"$merge": "source"}])
    await db.source.aggregate([{"$out": "totals"}])

    assert await target_of(db) == []


async def test_what_was_written_is_there_after_opening_again(connect: Callable[..., Any], directory: Any) -> None:
    db = await filled(connect(directory), SOURCE, TARGET)
    await db.source.aggregate([{"$match": {"a": 1}}, {"$out": "totals"}])
    await db.source.aggregate([{"$match": {"a": {"$gt": 1}}}, {"$merge": "totals"}])
    await db.close()
    again = connect(directory)

    assert await target_of(again) == SOURCE
    assert (await again.verify())["ok"]
