"""Aggregations, on both faces."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nosqlpy import InvalidOperation, NotSupportedError, QueryError

SALES = [
    {"_id": 1, "item": "pen", "shop": {"town": "Ulm"}, "price": 2, "tags": ["blue", "office"]},
    {"_id": 2, "item": "ink", "shop": {"town": "Bonn"}, "price": 9.5, "tags": []},
    {"_id": 3, "item": "pen", "shop": {"town": "Bonn"}, "price": 4, "tags": ["office"]},
    {"_id": 4, "item": "pad", "price": 1},
]


@pytest.fixture
async def sales(db: Any) -> Any:
    await db.sales.insert_many(SALES)
    return db.sales


async def test_a_group_sums_up_a_nested_key(sales: Any) -> None:
    found = await sales.aggregate([{"$group": {"_id": "$shop.town", "total": {"$sum": "$price"}}}])

    assert found == [{"_id": "Ulm", "total": 2}, {"_id": "Bonn", "total": 13.5}, {"_id": None, "total": 1}]


async def test_a_group_of_everything_has_the_accumulators_of_all_documents(sales: Any) -> None:
    group = {
        "_id": None,
        "n": {"$count": {}},
        "mean": {"$avg": "$price"},
        "low": {"$min": "$price"},
        "high": {"$max": "$price"},
        "first": {"$first": "$item"},
        "last": {"$last": "$item"},
        "all": {"$push": "$_id"},
        "items": {"$addToSet": "$item"},
        "merged": {"$mergeObjects": "$shop"},
    }

    assert await sales.aggregate([{"$group": group}]) == [
        {
            "_id": None,
            "n": 4,
            "mean": 4.125,
            "low": 1,
            "high": 9.5,
            "first": "pen",
            "last": "pad",
            "all": [1, 2, 3, 4],
            "items": ["pen", "ink", "pad"],
            "merged": {"town": "Bonn"},
        }
    ]


async def test_an_unwound_array_gives_a_document_for_each_element(sales: Any) -> None:
    pipeline = [{"$unwind": {"path": "$tags", "includeArrayIndex": "at", "preserveNullAndEmptyArrays": True}}]
    found = await sales.aggregate([*pipeline, {"$project": {"tags": 1, "at": 1}}])

    assert found == [
        {"_id": 1, "tags": "blue", "at": 0},
        {"_id": 1, "tags": "office", "at": 1},
        {"_id": 2, "at": None},
        {"_id": 3, "tags": "office", "at": 0},
        {"_id": 4, "at": None},
    ]


@pytest.mark.parametrize("indexed", [False, True])
async def test_a_lookup_joins_another_collection(db: Any, sales: Any, indexed: bool) -> None:
    await db.towns.insert_many([{"_id": 7, "name": "Bonn"}, {"_id": 8, "name": "Ulm"}, {"_id": 9}])
    if indexed:
        await db.towns.create_index("name")
    lookup = {"from": "towns", "localField": "shop.town", "foreignField": "name", "as": "town"}

    found = await sales.aggregate([{"$lookup": lookup}, {"$project": {"town": "$town._id"}}])

    assert found == [
        {"_id": 1, "town": [8]},
        {"_id": 2, "town": [7]},
        {"_id": 3, "town": [7]},
        {"_id": 4, "town": [9]},
    ]


async def test_a_lookup_with_a_pipeline_sees_the_variables_of_each_document(db: Any, sales: Any) -> None:
    await db.limits.insert_many([{"_id": 1, "max": 3}, {"_id": 2, "max": 9}])
    inner = [{"$match": {"$expr": {"$gt": ["$max", "$$price"]}}}, {"$count": "n"}]
    lookup = {"from": "limits", "let": {"price": "$price"}, "pipeline": inner, "as": "above"}

    found = await sales.aggregate([{"$lookup": lookup}, {"$project": {"above": "$above.n"}}])

    assert [each["above"] for each in found] == [[2], [], [1], [2]]


async def test_facets_answer_over_the_same_documents(sales: Any) -> None:
    facets = {"n": [{"$count": "n"}], "dear": [{"$match": {"price": {"$gt": 3}}}, {"$project": {"_id": 1}}]}

    assert await sales.aggregate([{"$facet": facets}]) == [{"n": [{"n": 4}], "dear": [{"_id": 2}, {"_id": 3}]}]


async def test_what_stands_in_front_is_found_by_an_index(sales: Any) -> None:
    await sales.create_index("item")
    pipeline = [{"$match": {"item": "pen"}}, {"$sort": {"_id": -1}}, {"$limit": 1}]

    plan = (await sales.aggregate(pipeline).explain())["queryPlanner"]["winningPlan"]
    while "inputStage" in plan:
        plan = plan["inputStage"]
    assert plan["stage"] == "IXSCAN"
    assert [each["_id"] for each in await sales.aggregate(pipeline)] == [3]


async def test_an_aggregation_reads_one_moment(db: Any, sales: Any) -> None:
    await sales.insert_many([{"_id": number, "item": "pin"} for number in range(1000, 3000)])
    await db.items.insert({"_id": "pin", "old": True})
    lookup = {"from": "items", "localField": "item", "foreignField": "_id", "as": "found"}
    cursor = sales.aggregate([{"$match": {"_id": {"$gte": 1000}}}, {"$lookup": lookup}])
    before = await anext(aiter(cursor))
    await db.items.replace_one({"_id": "pin"}, {"new": True})
    await sales.delete_many({})

    rest = await cursor.to_list()

    assert len(rest) == 1999
    assert {tuple(each["found"][0]) for each in [before, *rest]} == {("_id", "old")}


async def test_a_missing_collection_has_nothing_to_count(db: Any) -> None:
    assert await db.nothing.aggregate([{"$count": "n"}]) == []
    assert await db.nothing.aggregate([{"$group": {"_id": None}}]) == []


async def test_let_gives_values_to_variables(sales: Any) -> None:
    found = await sales.aggregate([{"$match": {"$expr": {"$gt": ["$price", "$$least"]}}}], let={"least": 3})

    assert [each["_id"] for each in found] == [2, 3]


@pytest.mark.parametrize(
    ("stage", "code", "words"),
    [
        ({"$grup": {}}, 40324, r"did you mean '\$group'"),
        ({"$group": {"total": {"$sum": 1}}}, 15955, "_id"),
        ({"$group": {"_id": None, "total": {"$summ": 1}}}, 15952, r"did you mean '\$sum'"),
        ({"$limit": 0}, 15958, "positive"),
        ({"$unwind": "tags"}, 28818, r"prefixed with a '\$'"),
        ({"$match": {}, "$limit": 1}, 40323, "one field"),
    ],
)
async def test_a_malformed_stage_is_refused(sales: Any, stage: Any, code: int, words: str) -> None:
    with pytest.raises(QueryError, match=words) as refused:
        sales.aggregate([stage])

    assert refused.value.code == code


async def test_a_stage_that_only_mongodb_has_is_refused_by_name(sales: Any) -> None:
    with pytest.raises(NotSupportedError, match=r"\$geoNear"):
        sales.aggregate([{"$geoNear": {}}])


async def test_the_cursor_of_an_aggregation_is_changed_by_its_pipeline_only(sales: Any) -> None:
    with pytest.raises(InvalidOperation, match=r"put a \$sort into its pipeline"):
        sales.aggregate([]).sort("price")


async def test_a_collation_holds_in_every_stage(sales: Any) -> None:
    ignoring_case = {"locale": "en", "strength": 2}
    pipeline = [{"$match": {"item": "PEN"}}, {"$set": {"item": "Pen"}}, {"$match": {"item": "pEN"}}, {"$count": "n"}]

    assert await sales.aggregate(pipeline, collation=ignoring_case) == [{"n": 2}]
    assert await sales.aggregate(pipeline).collation(ignoring_case) == [{"n": 2}]
    assert await sales.aggregate(pipeline) == []


async def test_a_pipeline_of_documents_needs_no_collection(db: Any, sales: Any) -> None:
    pipeline = [{"$documents": [{"n": 1}, {"n": "$$two"}]}, {"$unionWith": "sales"}, {"$match": {"n": {"$gt": 0}}}]

    assert await db.aggregate(pipeline, let={"two": 2}) == [{"n": 1}, {"n": 2}]


async def test_a_pipeline_of_a_database_begins_with_documents(db: Any, sales: Any) -> None:
    with pytest.raises(QueryError) as of_a_database:
        db.aggregate([{"$match": {}}])
    with pytest.raises(QueryError) as of_a_collection:
        sales.aggregate([{"$documents": []}])

    assert [of_a_database.value.code, of_a_collection.value.code] == [73, 73]


async def test_an_aggregation_can_give_objects_of_a_type(sales: Any) -> None:
    class Total(msgspec.Struct):
        item: str
        total: float

    pipeline = [{"$group": {"_id": "$item", "total": {"$sum": "$price"}}}, {"$set": {"item": "$_id"}}]

    assert await sales.aggregate(pipeline, type=Total).to_list() == [
        Total("pen", 6),
        Total("ink", 9.5),
        Total("pad", 1),
    ]


async def test_a_batch_size_bounds_what_is_made_at_a_time(sales: Any) -> None:
    pipeline = [{"$unwind": "$tags"}, {"$project": {"tags": 1, "_id": 0}}]

    assert await sales.aggregate(pipeline, batch_size=1) == [{"tags": "blue"}, {"tags": "office"}, {"tags": "office"}]


async def test_the_statistics_of_a_collection_are_a_stage(sales: Any) -> None:
    await sales.create_index("item")
    (found,) = await sales.aggregate([{"$collStats": {"count": {}}}])
    indexes = await sales.aggregate([{"$indexStats": {}}, {"$project": {"key": 1}}])

    assert found == {"ns": "sales", "count": 4}
    assert indexes == [{"key": {"_id": 1}}, {"key": {"item": 1}}]


async def test_pipelines_in_stages_have_a_limit_of_depth(sales: Any) -> None:
    pipeline: list[Any] = []
    for _ in range(21):
        pipeline = [{"$lookup": {"from": "sales", "pipeline": pipeline, "as": "x"}}]

    with pytest.raises(QueryError) as refused:
        sales.aggregate(pipeline)

    assert refused.value.code == 232
    assert len(await sales.aggregate(pipeline[0]["$lookup"]["pipeline"][:0])) == 4


async def test_a_write_between_does_not_change_what_a_lookup_finds(db: Any, sales: Any) -> None:
    await db.items.insert_many([{"_id": name, "name": name} for name in ("pen", "ink", "pad")])
    await db.items.create_index("name")
    await sales.insert_many([{"_id": number, "item": "pen"} for number in range(1000, 3000)])
    lookup = {"from": "items", "localField": "item", "foreignField": "name", "as": "found"}
    cursor = sales.aggregate([{"$lookup": lookup}, {"$project": {"found": "$found.name"}}])
    await anext(aiter(cursor))
    await db.items.update_many({}, {"$set": {"name": "other"}})

    assert {tuple(each["found"]) for each in await cursor.to_list()} == {("pen",), ("ink",), ("pad",)}


async def test_a_lookup_shares_nothing_between_its_answers(db: Any, sales: Any) -> None:
    await db.items.insert({"_id": 1, "parts": [1]})
    found = await sales.aggregate([{"$lookup": {"from": "items", "pipeline": [], "as": "items"}}]).to_list()
    found[0]["items"][0]["parts"].append(2)

    assert found[1]["items"] == [{"_id": 1, "parts": [1]}]


async def test_a_projection_in_front_keeps_the_order_of_the_fields(sales: Any) -> None:
    (found, *_) = await sales.aggregate([{"$project": {"price": 1, "shop.town": 1, "item": 1}}]).to_list()

    assert list(found.items()) == [("_id", 1), ("item", "pen"), ("shop", {"town": "Ulm"}), ("price", 2)]


@pytest.mark.parametrize("stage", ["$densify", "$fill", "$setWindowFields"])
async def test_a_stage_that_cannot_be_parsed_is_refused_under_mongodbs_name_of_the_code(users: Any, stage: str) -> None:
    with pytest.raises(QueryError) as caught:
        users.aggregate([{stage: 1}])

    assert (caught.value.code, caught.value.code_name) == (9, "FailedToParse")
