"""Collation on every method that takes one; what strings it compares how is in the corpus and in tests/core/values."""

from __future__ import annotations

from typing import Any

import pymongo
import pytest
from pymongo.collation import Collation

from nosqlpy import (
    DeleteMany,
    DeleteOne,
    NotSupportedError,
    ReplaceOne,
    UpdateMany,
    UpdateOne,
)
from nosqlpy.errors import BulkWriteError

FOLDED = {"locale": "en", "strength": 2}
DOCUMENTS = [{"_id": 1, "s": "foo"}, {"_id": 2, "s": "FOO"}, {"_id": 3, "s": "bar"}]


@pytest.fixture
async def words(users: Any) -> Any:
    await users.insert_many(DOCUMENTS)
    return users


async def ids(cursor: Any) -> list[int]:
    return [document["_id"] for document in await cursor.to_list()]


async def test_find_compares_as_the_collation_says(words: Any) -> None:
    assert await ids(words.find({"s": "Foo"}, collation=FOLDED)) == [1, 2]
    assert await ids(words.find({"s": "Foo"})) == []


async def test_a_cursor_takes_a_collation_and_none_takes_it_away(words: Any) -> None:
    assert await ids(words.find({"s": "Foo"}).collation(FOLDED)) == [1, 2]
    assert await ids(words.find({"s": "Foo"}, collation=FOLDED).collation(None)) == []


async def test_a_clone_keeps_the_collation(words: Any) -> None:
    assert await ids(words.find({"s": "Foo"}, collation=FOLDED).clone()) == [1, 2]


async def test_pymongos_object_means_the_same(words: Any) -> None:
    assert await ids(words.find({"s": "Foo"}, collation=Collation("en", strength=2))) == [1, 2]


async def test_simple_means_binary_comparison(words: Any) -> None:
    assert await ids(words.find({"s": "FOO"}, collation={"locale": "simple"})) == [2]


async def test_the_reads_of_one_document_and_of_counts_take_a_collation(words: Any) -> None:
    assert (await words.find_one({"s": "BAR"}, collation=FOLDED))["_id"] == 3
    assert await words.count_documents({"s": "Foo"}, collation=FOLDED) == 2
    assert await words.distinct("s", collation=FOLDED) == ["bar", "foo"]


async def test_an_id_that_is_passed_to_find_one_compares_by_the_collation_too(users: Any) -> None:
    await users.insert_one({"_id": "Ada"})

    assert await users.find_one("ADA", collation=FOLDED) == {"_id": "Ada"}
    assert await users.find_one("ADA") is None


async def test_a_collation_does_not_make_two_ids_one(users: Any) -> None:
    await users.insert_many([{"_id": "ada"}, {"_id": "ADA"}])
    await users.update_one({"_id": "Ada"}, {"$set": {"n": 1}}, upsert=True, collation=FOLDED)

    assert await users.count_documents({"_id": "aDa"}, collation=FOLDED) == 2


async def test_let_compares_by_the_collation(words: Any) -> None:
    same = {"$eq": ["A", "a"]}

    assert await words.count_documents({"$expr": {"$eq": ["$s", "fOO"]}}, collation=FOLDED) == 2
    assert len(await words.find({"$expr": "$$same"}, let={"same": same}, collation=FOLDED).to_list()) == 3
    assert await words.find({"$expr": "$$same"}, let={"same": same}).to_list() == []


async def test_updates_and_deletions_take_a_collation(words: Any) -> None:
    assert (await words.update_one({"s": "BAR"}, {"$set": {"n": 1}}, collation=FOLDED)).matched_count == 1
    assert (await words.update_many({"s": "Foo"}, {"$set": {"n": 1}}, collation=FOLDED)).matched_count == 2
    assert (await words.replace_one({"s": "BAR"}, {"s": "baz"}, collation=FOLDED)).matched_count == 1
    assert (await words.delete_one({"s": "BAZ"}, collation=FOLDED)).deleted_count == 1
    assert (await words.delete_many({"s": "Foo"}, collation=FOLDED)).deleted_count == 2


async def test_an_update_without_a_collation_after_one_with_it_compares_bytes(words: Any) -> None:
    await words.update_one({"_id": 1}, {"$set": {"a": ["x"]}})
    for collation, expected in ((None, ["x", "X"]), (FOLDED, ["x", "X"]), (None, ["x", "X"])):
        await words.update_one({"_id": 1}, {"$addToSet": {"a": "X"}}, collation=collation)

        assert (await words.get(1))["a"] == expected


async def test_find_one_and_takes_a_collation(words: Any) -> None:
    assert (await words.find_one_and_update({"s": "BAR"}, {"$set": {"n": 1}}, collation=FOLDED))["_id"] == 3
    assert (await words.find_one_and_replace({"s": "BAR"}, {"s": "baz"}, collation=FOLDED))["_id"] == 3
    assert (await words.find_one_and_delete({"s": "BAZ"}, collation=FOLDED))["_id"] == 3


async def test_requests_of_a_bulk_write_have_their_own_collation(words: Any) -> None:
    result = await words.bulk_write(
        [
            UpdateOne({"s": "BAR"}, {"$set": {"n": 1}}, collation=FOLDED),
            UpdateMany({"s": "Foo"}, {"$set": {"n": 1}}, collation=Collation("en", strength=2)),
            ReplaceOne({"s": "BAR"}, {"s": "baz"}, collation=FOLDED),
            DeleteOne({"s": "BAZ"}),
            DeleteOne({"s": "BAZ"}, collation=FOLDED),
            DeleteMany({"s": "Foo"}, collation=FOLDED),
        ]
    )

    assert (result.matched_count, result.deleted_count) == (4, 3)


async def test_requests_of_pymongo_have_theirs(words: Any) -> None:
    result = await words.bulk_write(
        [
            pymongo.UpdateMany({"s": "Foo"}, {"$set": {"n": 1}}, collation=Collation("en", strength=2)),
            pymongo.DeleteOne({"s": "BAR"}, collation=FOLDED),
        ]
    )

    assert (result.matched_count, result.deleted_count) == (2, 1)


async def test_the_collation_of_a_refused_request_is_shown(words: Any) -> None:
    with pytest.raises(BulkWriteError) as caught:
        await words.bulk_write([DeleteOne({}, collation={"locale": "xx"})])

    entry = caught.value.details["writeErrors"][0]
    assert (entry["code"], entry["op"]["collation"]) == (2, {"locale": "xx"})


async def test_an_index_does_not_serve_strings_under_a_collation_but_numbers(words: Any) -> None:
    await words.create_index("s")
    await words.create_index("n")
    strings = await words.find({"s": "Foo"}, collation=FOLDED).explain()
    numbers = await words.find({"s": "Foo", "n": 1}, collation=FOLDED).explain()
    either = await words.find({"s": {"$in": ["Foo", 1]}}, collation=FOLDED).explain()
    plain = await words.find({"s": "Foo"}, collation={"locale": "simple"}).explain()

    assert strings["queryPlanner"]["winningPlan"]["stage"] == "COLLSCAN"
    assert strings["queryPlanner"]["collation"]["strength"] == 2
    assert numbers["queryPlanner"]["winningPlan"]["inputStage"]["indexName"] == "n_1"
    assert either["queryPlanner"]["winningPlan"]["stage"] == "COLLSCAN"
    assert plain["queryPlanner"]["winningPlan"]["inputStage"]["indexName"] == "s_1"
    assert await ids(words.find({"s": "Foo"}, collation=FOLDED)) == [1, 2]


async def test_an_index_that_cannot_serve_under_the_collation_is_scanned_as_a_whole_if_hinted(words: Any) -> None:
    await words.create_index("s")

    assert await ids(words.find({"s": "Foo"}, hint="s_1", collation=FOLDED)) == [1, 2]


async def test_a_locale_whose_order_is_not_known_is_refused_by_name(words: Any) -> None:
    for locale in ("sv", "es", "de@collation=phonebook", "zh"):
        with pytest.raises(NotSupportedError, match=f"'{locale}'"):
            words.find({}, collation={"locale": locale})
