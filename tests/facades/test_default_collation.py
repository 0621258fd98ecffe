"""The collation that a collection has, or an index: where it counts, what shows it, and what it does to keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from pymongo.collation import Collation

from nosqlpy import (
    DeleteOne,
    IndexModel,
    InsertOne,
    NotSupportedError,
    ReplaceOne,
    UpdateMany,
    UpdateOne,
)
from nosqlpy.errors import (
    BulkWriteError,
    CollectionExists,
    DuplicateKeyError,
    OperationFailure,
    QueryError,
    ValidationError,
)

FOLDED = {"locale": "en", "strength": 2}
SIMPLE = {"locale": "simple"}
SHOWN = {
    "locale": "en",
    "caseLevel": False,
    "caseFirst": "off",
    "strength": 2,
    "numericOrdering": False,
    "alternate": "non-ignorable",
    "maxVariable": "punct",
    "normalization": False,
    "backwards": False,
}
DOCUMENTS = [
    {"_id": "one", "s": "foo", "t": ["x"]},
    {"_id": "two", "s": "FOO", "t": ["X", "y"]},
    {"_id": 3, "s": "bar"},
]


@pytest.fixture
async def words(db: Any) -> Any:
    collection = await db.create_collection("words", collation=FOLDED)
    await collection.insert_many(DOCUMENTS)
    return collection


async def ids(cursor: Any) -> list[Any]:
    return [document["_id"] for document in await cursor.to_list()]


async def stage(cursor: Any) -> Any:
    plan = (await cursor.explain())["queryPlanner"]["winningPlan"]
    return plan.get("inputStage", plan)


# ── what a call finds that names no collation ────────────────────────────────────


async def test_reads_compare_as_the_collection_does(words: Any) -> None:
    assert await ids(words.find({"s": "Foo"})) == ["one", "two"]
    assert await ids(words.find({"s": {"$gt": "BAR"}})) == ["one", "two"]
    assert await ids(words.find(sort="-s", limit=1)) == ["one"]
    assert (await words.find_one({"s": "FOo"}))["_id"] == "one"
    assert await words.count_documents({"s": "Foo"}) == 2
    assert await words.count({"s": "Foo"}) == 2
    assert await words.exists({"s": "Bar"})
    assert await words.distinct("s") == ["bar", "foo"]
    assert await words.distinct("_id", {"s": "BAR"}) == [3]


async def test_the_collation_of_a_call_counts_before_that_of_the_collection(words: Any) -> None:
    assert await ids(words.find({"s": "foo"}, collation=SIMPLE)) == ["one"]
    assert await ids(words.find({"s": "foo"}).collation(SIMPLE)) == ["one"]
    assert await ids(words.find({"s": "FOO"}, collation={"locale": "en"})) == ["two"]
    assert await words.distinct("s", collation=SIMPLE) == ["FOO", "bar", "foo"]
    assert (await words.update_many({"s": "Foo"}, {"$set": {"n": 1}}, collation=SIMPLE)).matched_count == 0


async def test_a_projection_compares_as_the_collection_does(words: Any) -> None:
    matched = await words.find_one({"_id": "TWO"}, {"t": {"$elemMatch": {"$eq": "Y"}}})
    positional = await words.find_one({"_id": "two", "t": "Y"}, {"t.$": 1})
    computed = await words.find({"_id": "one"}, {"same": {"$eq": ["$s", "FOO"]}}).to_list()

    assert matched == {"_id": "two", "t": ["y"]}
    assert positional == {"_id": "two", "t": ["y"]}
    assert computed == [{"_id": "one", "same": True}]


async def test_a_document_is_found_by_an_id_that_is_equal_under_the_collation(words: Any) -> None:
    assert (await words.find_one({"_id": "ONE"}))["_id"] == "one"
    assert (await words.find_one("ONE"))["_id"] == "one"
    assert await ids(words.find({"_id": {"$in": ["ONE", "Two", 3]}}, sort="_id")) == [3, "one", "two"]
    assert await words.find_one({"_id": "ONE"}, collation=SIMPLE) is None


async def test_get_and_delete_take_an_id_as_it_is(words: Any) -> None:
    assert await words.get("ONE") is None
    assert not await words.delete("ONE")
    assert (await words.get("one"))["_id"] == "one"


async def test_writes_find_as_the_collection_compares(words: Any) -> None:
    assert (await words.update_one({"_id": "ONE"}, {"$set": {"n": 1}})).modified_count == 1
    assert (await words.update_one({"s": "FOO"}, {"$set": {"n": 1}}, sort={"_id": -1})).matched_count == 1
    assert (await words.update_many({"s": "Foo"}, {"$inc": {"n": 1}})).modified_count == 2
    assert (await words.replace_one({"s": "BAR"}, {"s": "baz"})).modified_count == 1
    assert (await words.update_one({"s": "BAZ"}, {"$set": {"n": 5}}, upsert=True)).upserted_id is None
    assert (await words.delete_one({"_id": "TWO"})).deleted_count == 1
    assert (await words.delete_many({"s": {"$in": ["FOO", "Baz"]}})).deleted_count == 2


async def test_updates_compare_as_the_collection_does(words: Any) -> None:
    await words.update_one({"_id": "one"}, {"$addToSet": {"t": "X"}})
    await words.update_one({"_id": "two"}, {"$pull": {"t": "Y"}})
    await words.update_one({"_id": "one"}, {"$max": {"s": "FOO"}})
    await words.update_many({"_id": "two"}, {"$set": {"t.$[x]": "z"}}, array_filters=[{"x": "x"}])
    await words.update_one({"_id": 3}, [{"$set": {"same": {"$eq": ["$s", "BAR"]}}}])

    assert await words.find(sort="_id").to_list() == [
        {"_id": 3, "s": "bar", "same": True},
        {"_id": "one", "s": "foo", "t": ["x"]},
        {"_id": "two", "s": "FOO", "t": ["z"]},
    ]


async def test_find_one_and_change_compare_as_the_collection_does(words: Any) -> None:
    updated = await words.find_one_and_update(
        {"_id": "ONE"}, {"$set": {"n": 1}}, projection={"e": {"$eq": ["$s", "FOO"]}}
    )
    replaced = await words.find_one_and_replace({"s": "BAR"}, {"s": "new"}, return_document=True)
    deleted = await words.find_one_and_delete({"_id": "TWO"}, projection={"s": 1})

    assert updated == {"_id": "one", "e": True}
    assert replaced == {"_id": 3, "s": "new"}
    assert deleted == {"_id": "two", "s": "FOO"}


async def test_a_bulk_write_compares_as_the_collection_does(words: Any) -> None:
    result = await words.bulk_write(
        [
            UpdateOne({"_id": "ONE"}, {"$set": {"n": 1}}),
            UpdateMany({"s": "Foo"}, {"$addToSet": {"t": "X"}}),
            UpdateMany({"s": "Foo"}, {"$set": {"n": 2}}, collation=SIMPLE),
            ReplaceOne({"_id": "TWO"}, {"s": "b"}),
            DeleteOne({"s": "BAR"}),
            InsertOne({"_id": "four"}),
        ]
    )

    assert (result.matched_count, result.modified_count, result.deleted_count) == (4, 2, 1)


async def test_a_pipeline_compares_as_the_collection_does_in_other_collections_too(db: Any, words: Any) -> None:
    await db["other"].insert_many([{"_id": 1, "s": "BAR"}, {"_id": 2, "s": "Foo"}])
    joined = {"$lookup": {"from": "other", "localField": "s", "foreignField": "s", "as": "found"}}
    await db["other"].create_index("s")

    groups = await words.aggregate([{"$group": {"_id": "$s", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}]).to_list()
    found = await words.aggregate([{"$match": {"s": "BAR"}}, joined]).to_list()
    simple = await words.aggregate([{"$match": {"s": "bar"}}, joined], collation=SIMPLE).to_list()
    back = await db["other"].aggregate([{"$lookup": {**joined["$lookup"], "from": "words"}}]).to_list()

    assert groups == [{"_id": "bar", "n": 1}, {"_id": "foo", "n": 2}]
    assert [each["found"] for each in found] == [[{"_id": 1, "s": "BAR"}]]
    assert [each["found"] for each in simple] == [[]]
    assert [len(each["found"]) for each in back] == [0, 0]


async def test_a_validator_compares_as_the_collection_does(db: Any) -> None:
    validator = {"$or": [{"kind": "note"}, {"kind": {"$gt": "TASK"}}]}
    kept = await db.create_collection("kept", validator=validator, collation=FOLDED)
    await kept.insert_many([{"_id": 1, "kind": "NOTE"}, {"_id": 2, "kind": "tasks"}])

    with pytest.raises(ValidationError):
        await kept.insert_one({"_id": 3, "kind": "task"})


async def test_a_typed_collection_compares_as_the_collection_does(db: Any, words: Any) -> None:
    class Word(msgspec.Struct):
        s: str
        id: Any = msgspec.field(name="_id")

    typed = db["words"].with_type(Word)

    assert await typed.find_one({"s": "BAR"}) == Word("bar", 3)
    assert [word.s for word in await typed.find({"_id": "ONE"}).to_list()] == ["foo"]


async def test_a_transaction_compares_as_the_collection_does(db: Any, words: Any) -> None:
    async with db.transaction() as session:
        inside = words.with_session(session)
        await inside.insert_one({"_id": "four", "s": "Bar"})
        with pytest.raises(DuplicateKeyError):
            await inside.insert_one({"_id": "FOUR"})
        with pytest.raises(DuplicateKeyError):
            await inside.insert_one({"_id": "ONE"})

        assert (await inside.find_one({"_id": "FOUR"}))["s"] == "Bar"
        assert (await inside.find_one({"_id": "ONE"}))["s"] == "foo"
        assert await ids(inside.find({"s": "BAR"})) == [3, "four"]


# ── ids ──────────────────────────────────────────────────────────────────────────


async def test_ids_that_are_equal_under_the_collation_are_one(words: Any) -> None:
    with pytest.raises(DuplicateKeyError) as refused:
        await words.insert_one({"_id": "ONE"})
    with pytest.raises(DuplicateKeyError):
        await words.save({"_id": "Two"})
    with pytest.raises(BulkWriteError) as bulk:
        await words.insert_many([{"_id": "four"}, {"_id": "FOUR"}, {"_id": "five"}], ordered=False)

    assert refused.value.details == {"keyPattern": {"_id": 1}, "keyValue": {"_id": "ONE"}}
    assert [error["index"] for error in bulk.value.details["writeErrors"]] == [1]
    assert await words.count() == 5


async def test_the_index_of_ids_has_the_collation_of_the_collection(words: Any) -> None:
    assert await words.create_index("_id") == "_id_"
    assert await words.create_index("_id", collation=FOLDED) == "_id_"
    with pytest.raises(QueryError) as refused:
        await words.create_index("_id", collation=SIMPLE)
    await words.drop_indexes()

    assert refused.value.code == 2
    assert await words.list_indexes().to_list() == [{"v": 2, "key": {"_id": 1}, "name": "_id_", "collation": SHOWN}]
    assert (await stage(words.find({"_id": "ONE"})))["indexName"] == "_id_"
    assert (await stage(words.find({"_id": "one"}, collation=SIMPLE)))["stage"] == "IDHACK"
    with pytest.raises(OperationFailure):
        await words.drop_index("_id_")


async def test_the_index_of_ids_has_no_collation_in_a_collection_without_one(users: Any) -> None:
    with pytest.raises(QueryError, match="_id"):
        await users.create_index("_id", collation=FOLDED)


# ── indexes ──────────────────────────────────────────────────────────────────────


async def test_an_index_has_the_collation_of_its_collection_unless_it_names_another(words: Any) -> None:
    await words.create_index("s")
    await words.create_index("s", name="plain", collation=SIMPLE)
    await words.create_indexes([IndexModel("t", collation={"locale": "en"})])
    held = await words.index_information()

    assert held["s_1"]["collation"] == SHOWN
    assert "collation" not in held["plain"]
    assert held["t_1"]["collation"] == SHOWN | {"strength": 3}


async def test_an_index_serves_strings_if_its_collation_is_that_of_the_query(users: Any) -> None:
    await users.insert_many(DOCUMENTS)
    await users.create_index("s", collation=Collation("en", strength=2))
    found = await stage(users.find({"s": {"$gte": "Foo"}}, collation=FOLDED))

    assert found["indexName"] == "s_1"
    assert found["collation"] == SHOWN
    assert found["indexBounds"] == {"s": ["[CollationKey(0x546666), highest string]"]}
    assert await ids(users.find({"s": "Foo"}, collation=FOLDED)) == ["one", "two"]
    assert (await stage(users.find({"s": "foo"})))["stage"] == "COLLSCAN"
    assert (await stage(users.find({"s": "foo"}, collation={"locale": "en"})))["stage"] == "COLLSCAN"
    assert (await stage(users.find({"s": 5})))["indexName"] == "s_1"


async def test_an_index_has_documents_in_order_if_its_collation_is_that_of_the_sort(users: Any) -> None:
    await users.insert_many(DOCUMENTS)
    await users.create_index("s", collation=FOLDED)
    ordered = users.find(sort="s", collation=FOLDED, hint="s_1")

    assert await ids(ordered) == [3, "one", "two"]
    assert (await ordered.explain())["queryPlanner"]["winningPlan"]["stage"] == "FETCH"
    assert (await users.find(sort="s", hint="s_1").explain())["queryPlanner"]["winningPlan"]["stage"] == "SORT"
    assert await ids(users.find(sort="s", hint="s_1")) == ["two", 3, "one"]


async def test_a_covered_query_reads_documents_where_the_keys_are_folded(words: Any) -> None:
    await words.create_index("s")

    assert await words.find({"s": "FOO"}, {"_id": 0, "s": 1}).to_list() == [{"s": "foo"}, {"s": "FOO"}]


async def test_a_unique_index_refuses_what_is_equal_under_its_collation(users: Any) -> None:
    await users.create_index("mail", unique=True, collation=FOLDED)
    await users.insert_one({"_id": 1, "mail": "ada@example.org"})
    with pytest.raises(DuplicateKeyError) as refused:
        await users.insert_one({"_id": 2, "mail": "ADA@example.org"})
    await users.insert_one({"_id": 2, "mail": "bob@example.org"})
    with pytest.raises(DuplicateKeyError):
        await users.update_one({"_id": 2}, {"$set": {"mail": "Ada@Example.org"}})

    assert refused.value.details["keyValue"] == {"mail": "ADA@example.org"}
    assert (await users.update_one({"_id": 1}, {"$set": {"mail": "ADA@example.org"}})).modified_count == 1


async def test_a_unique_index_under_a_collation_is_not_made_over_what_is_equal_under_it(words: Any) -> None:
    with pytest.raises(DuplicateKeyError):
        await words.create_index("s", unique=True)

    assert await words.create_index("s", unique=True, collation=SIMPLE) == "s_1"


async def test_a_partial_index_compares_under_its_collation(users: Any) -> None:
    await users.insert_many(DOCUMENTS)
    await users.create_index("t", partialFilterExpression={"s": "Foo"}, collation=FOLDED)
    agreeing = users.find({"t": "X", "s": "foo"}, collation=FOLDED)

    assert (await stage(agreeing))["indexName"] == "t_1"
    assert await ids(agreeing) == ["one", "two"]
    assert (await stage(users.find({"t": "x", "s": "foo"})))["stage"] == "COLLSCAN"


async def test_indexes_that_differ_in_their_collation_only_stand_beside_each_other_under_two_names(users: Any) -> None:
    await users.create_index("s")
    with pytest.raises(OperationFailure) as refused:
        await users.create_index("s", collation=FOLDED)
    await users.create_index("s", name="folded", collation=FOLDED)
    with pytest.raises(QueryError) as ambiguous:
        await users.find({"s": "a"}, hint=[("s", 1)]).to_list()

    assert refused.value.code == 86
    assert ambiguous.value.code == 181


async def test_a_text_index_has_no_collation(words: Any) -> None:
    with pytest.raises(QueryError) as refused:
        await words.create_index([("s", "text")])
    with pytest.raises(QueryError) as other:
        await words.create_index([("s", "text")], collation=FOLDED)
    await words.create_index([("s", "text")], collation=SIMPLE, default_language="none")

    assert (refused.value.code, other.value.code) == (67, 67)


# ── the collection ───────────────────────────────────────────────────────────────


async def test_the_description_of_a_collection_shows_its_collation(db: Any, words: Any) -> None:
    assert await db.list_collections().to_list() == [
        {"name": "words", "type": "collection", "options": {"collation": SHOWN}}
    ]


async def test_a_collection_that_is_there_keeps_its_collation(db: Any, words: Any) -> None:
    await db.create_collection("words", collation=FOLDED, exist_ok=True)
    with pytest.raises(CollectionExists):
        await db.create_collection("words", collation={"locale": "en"}, exist_ok=True)
    with pytest.raises(NotSupportedError, match="'collation'"):
        await db.coll_mod("words", collation=FOLDED)
    await db.coll_mod("words", validator={"s": "FOO"})

    assert await words.insert_one({"_id": "four", "s": "foo"})
    assert await ids(words.find({"s": "BAR"})) == [3]


async def test_the_simple_collation_of_a_collection_is_none(db: Any) -> None:
    await db.create_collection("c", collation=SIMPLE)

    assert (await db.list_collections().to_list())[0]["options"] == {}


async def test_a_collation_whose_order_is_not_known_is_refused_by_name_for_collections_and_indexes(db: Any) -> None:
    with pytest.raises(NotSupportedError, match="'sv'"):
        await db.create_collection("c", collation={"locale": "sv"})
    with pytest.raises(NotSupportedError, match="'sv'"):
        await db["c"].create_index("a", collation={"locale": "sv"})

    assert await db.list_collection_names() == []


async def test_a_database_that_is_opened_anew_or_restored_compares_as_before(
    connect: Any, stored: Any, directory: Path, tmp_path: Path
) -> None:
    words = await stored.create_collection("words", collation=FOLDED, indexes=[IndexModel("s")])
    await words.insert_many(DOCUMENTS)
    held = await words.index_information()
    await stored.compact()
    await stored.backup(tmp_path / "copy")
    await stored.close()

    for place in (directory, tmp_path / "copy"):
        opened = connect(place)["words"]
        assert await opened.index_information() == held
        assert await ids(opened.find({"s": "Foo"})) == ["one", "two"]
        assert (await stage(opened.find({"s": "Bar"})))["indexName"] == "s_1"
        assert (await opened.find_one({"_id": "TWO"}))["s"] == "FOO"
        with pytest.raises(DuplicateKeyError):
            await opened.insert_one({"_id": "ONE"})
