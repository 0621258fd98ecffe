"""Collections as wholes: making, listing, renaming, clearing, dropping, statistics."""

from __future__ import annotations

from typing import Any

import pytest

from nosqlpy import (
    AsyncClient,
    Client,
    CollectionExists,
    CollectionNotFound,
    IndexModel,
    InvalidName,
    NotSupportedError,
    QueryError,
)


async def names(db: Any) -> list[str]:
    found: list[str] = await db.list_collection_names()
    return found


async def test_a_collection_comes_into_being_with_its_first_document(db: Any) -> None:
    users = db["users"]
    before = await names(db)
    await users.insert({})

    assert before == []
    assert await names(db) == ["users"]


async def test_reading_does_not_make_a_collection(db: Any) -> None:
    await db["users"].find()
    await db["users"].count()
    await db["users"].delete_many({})

    assert await names(db) == []


async def test_collection_names_are_sorted(db: Any) -> None:
    for name in ("b", "c", "a"):
        await db[name].insert({})

    assert await names(db) == ["a", "b", "c"]


async def test_collection_names_can_be_filtered(db: Any) -> None:
    for name in ("b", "a", "ab"):
        await db[name].insert({})

    assert await db.list_collection_names({"name": {"$regex": "^a"}}) == ["a", "ab"]
    assert await db.list_collection_names(filter={"name": "none"}) == []


async def test_list_collections_is_a_cursor_over_their_descriptions(db: Any) -> None:
    for name in ("b", "a"):
        await db[name].insert({})
    found = [description async for description in db.list_collections()]

    assert [description["name"] for description in found] == ["a", "b"]
    assert [description["type"] for description in found] == ["collection"] * 2
    assert (await db.list_collections().sort("-name").first())["name"] == "b"
    assert await db.list_collections({"name": "a"}) == found[:1]


async def test_a_list_takes_no_hint(db: Any, users: Any) -> None:
    await users.insert({})
    for cursor in (db.list_collections(), users.list_indexes()):
        with pytest.raises((QueryError, NotSupportedError), match="hint"):
            await cursor.hint("x").to_list()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_client_cannot_be_iterated(kind: Any) -> None:
    client = kind(":memory:")
    with pytest.raises(TypeError, match=r"iterable|list_collection_names"):
        iter(client)
    with pytest.raises(TypeError, match=r"iterable|list_collection_names"):
        _ = "users" in client


async def test_a_collection_is_reached_by_attribute_item_or_method(db: Any) -> None:
    await db.users.insert({"_id": 1})

    assert await db["users"].get(1) == {"_id": 1}
    assert await db.collection("users").get(1) == {"_id": 1}


async def test_names_with_a_leading_underscore_are_no_attributes(db: Any) -> None:
    with pytest.raises(AttributeError, match=r"client\['_private'\]"):
        _ = db._private
    await db["_private"].insert({})

    assert await names(db) == ["_private"]


async def test_a_collection_knows_its_name_and_client(db: Any) -> None:
    users = db["users"]

    assert users.name == "users"
    assert users.client.url == db.url


async def test_awaiting_a_collection_opens_it_and_returns_it(db: Any) -> None:
    users = await db["users"]
    await users.insert({"_id": 1})

    assert users.name == "users"
    assert await users.count() == 1


async def test_create_collection_makes_an_empty_one(db: Any) -> None:
    users = await db.create_collection("users")

    assert await names(db) == ["users"]
    assert await users.find() == []


async def test_creating_a_collection_again_is_refused(db: Any) -> None:
    await db["users"].insert({})
    with pytest.raises(CollectionExists, match=r"'users'.*exist_ok"):
        await db.create_collection("users")

    assert await db["users"].count() == 1


async def test_creating_a_collection_again_can_be_accepted(db: Any) -> None:
    await db["users"].insert({})
    users = await db.create_collection("users", exist_ok=True)

    assert await users.count() == 1


async def test_create_collection_refuses_a_name_that_cannot_be_stored(db: Any) -> None:
    with pytest.raises(InvalidName, match=r"\$"):
        await db.create_collection("a$b")

    assert await names(db) == []


async def test_drop_collection_says_whether_there_was_one(db: Any) -> None:
    await db["users"].insert({})

    assert await db.drop_collection("users") is True
    assert await db.drop_collection("users") is False
    assert await names(db) == []


async def test_dropping_a_collection_takes_its_documents_and_indexes(users: Any) -> None:
    await users.insert({"a": 1})
    await users.create_index("a")

    assert await users.drop() is True
    assert await users.drop() is False
    assert await users.count() == 0
    assert await users.index_information() == {}


async def test_a_dropped_collection_can_be_filled_again(users: Any) -> None:
    await users.insert({"_id": 1, "old": True})
    await users.drop()
    await users.insert({"_id": 1})

    assert await users.find() == [{"_id": 1}]


async def test_clear_returns_how_many_documents_there_were(db: Any, users: Any) -> None:
    await users.insert_many([{} for _ in range(3)])

    assert await users.clear() == 3
    assert await users.clear() == 0
    assert await users.find() == []
    assert await names(db) == ["users"]


async def test_rename_returns_the_collection_under_its_new_name(db: Any, users: Any) -> None:
    await users.insert({"_id": 1, "a": 1})
    await users.create_index("a")
    people = await users.rename("people")

    assert people.name == "people"
    assert await people.find() == [{"_id": 1, "a": 1}]
    assert list(await people.index_information()) == ["_id_", "a_1"]
    assert await names(db) == ["people"]


async def test_the_old_name_of_a_renamed_collection_is_free(db: Any, users: Any) -> None:
    await users.insert({"_id": 1})
    await users.rename("people")
    await users.insert({"_id": 2})

    assert await users.find() == [{"_id": 2}]
    assert await db["people"].find() == [{"_id": 1}]


async def test_renaming_to_a_name_that_is_taken_is_refused(db: Any, users: Any) -> None:
    await users.insert({"_id": 1})
    await db["people"].insert({"_id": 2})
    with pytest.raises(CollectionExists, match=r"'people'.*drop_target"):
        await users.rename("people")

    assert await users.find() == [{"_id": 1}]
    assert await db["people"].find() == [{"_id": 2}]


async def test_renaming_can_replace_the_collection_of_that_name(db: Any, users: Any) -> None:
    await users.insert({"_id": 1})
    await db["people"].insert({"_id": 2})
    people = await users.rename("people", drop_target=True)

    assert await people.find() == [{"_id": 1}]
    assert await names(db) == ["people"]


async def test_renaming_a_collection_that_is_not_there_names_the_nearest(db: Any, users: Any) -> None:
    await users.insert({})
    with pytest.raises(CollectionNotFound, match=r"'user'.*'users'"):
        await db["user"].rename("people")

    assert await names(db) == ["users"]


async def test_renaming_to_a_name_that_cannot_be_stored_is_refused(db: Any, users: Any) -> None:
    await users.insert({})
    with pytest.raises(InvalidName, match=r"\.\./x"):
        await users.rename("../x")

    assert await names(db) == ["users"]


async def test_collections_are_independent(db: Any) -> None:
    await db["a"].insert({"_id": 1, "in": "a"})
    await db["b"].insert({"_id": 1, "in": "b"})
    await db["a"].delete_many({})

    assert await db["b"].find() == [{"_id": 1, "in": "b"}]


@pytest.mark.parametrize("name", ["a", "x" * 120, "a.b", "with space", "häuser", "用户", "a-b_c.9"])
async def test_any_printable_name_without_a_dollar_is_fine(db: Any, name: str) -> None:
    await db[name].insert({"_id": 1})

    assert await names(db) == [name]
    assert await db[name].count() == 1


async def test_the_statistics_of_a_collection_count_documents_and_bytes(users: Any) -> None:
    await users.insert_many([{"_id": n, "text": "x" * 100} for n in range(10)])
    await users.create_index("text")
    stats = await users.stats()

    assert stats["name"] == "users"
    assert stats["count"] == 10
    assert 1000 < stats["size"] < 2000
    assert list(stats["indexes"]) == ["_id_", "text_1"]
    assert [(said["keys"], said["entries"]) for said in stats["indexes"].values()] == [(10, 10), (1, 10)]
    assert all(said["built"] and said["bytes"] > 300 for said in stats["indexes"].values())


async def test_the_statistics_of_a_collection_that_is_not_there_are_zero(users: Any) -> None:
    stats = await users.stats()

    assert (stats["count"], stats["size"]) == (0, 0)


async def test_a_collection_has_no_truth_value(users: Any) -> None:
    with pytest.raises(TypeError, match="collection"):
        bool(users)


async def test_a_collection_has_no_items(users: Any) -> None:
    with pytest.raises(TypeError, match=r"client\["):
        users["inner"]


async def test_a_collection_is_created_with_its_indexes(db: Any) -> None:
    users = await db.create_collection("users", indexes=[IndexModel("email"), IndexModel("age", name="by_age")])

    assert list(await users.index_information()) == ["_id_", "email_1", "by_age"]


async def test_a_collection_that_exists_gets_the_indexes_that_it_lacks(db: Any) -> None:
    await db.create_collection("users", indexes=[IndexModel("email")])
    users = await db.create_collection("users", indexes=[IndexModel("email"), IndexModel("age")], exist_ok=True)

    assert list(await users.index_information()) == ["_id_", "email_1", "age_1"]
