"""Unique indexes: no write brings a second document with the same key, and what is refused changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nosqlpy import (
    BulkWriteError,
    DeleteOne,
    DuplicateKeyError,
    IndexModel,
    InsertOne,
    OperationFailure,
    ReplaceOne,
    UpdateMany,
    UpdateOne,
    WriteError,
)


@pytest.fixture
async def emails(users: Any) -> Any:
    """Two users, whose emails are unique."""
    await users.create_index("email", unique=True)
    await users.insert_many([{"_id": 1, "email": "ada"}, {"_id": 2, "email": "bob"}])
    return users


async def contents(users: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await users.find(sort="_id")
    return found


WRITES: list[tuple[str, Any]] = [
    ("insert", lambda users: users.insert({"email": "ada"})),
    ("insert_one", lambda users: users.insert_one({"email": "ada"})),
    ("insert_many", lambda users: users.insert_many([{"email": "ada"}])),
    ("save", lambda users: users.save({"_id": 3, "email": "ada"})),
    ("save over another", lambda users: users.save({"_id": 2, "email": "ada"})),
    ("update_one", lambda users: users.update_one({"_id": 2}, {"$set": {"email": "ada"}})),
    ("update_many", lambda users: users.update_many({}, {"$set": {"email": "eve"}})),
    ("replace_one", lambda users: users.replace_one({"_id": 2}, {"email": "ada"})),
    ("upsert", lambda users: users.update_one({"_id": 3}, {"$set": {"email": "ada"}}, upsert=True)),
    ("find_one_and_update", lambda users: users.find_one_and_update({"_id": 2}, {"$set": {"email": "ada"}})),
    ("find_one_and_replace", lambda users: users.find_one_and_replace({"_id": 2}, {"email": "ada"})),
    ("bulk insert", lambda users: users.bulk_write([InsertOne({"email": "ada"})])),
    ("bulk update", lambda users: users.bulk_write([UpdateOne({"_id": 2}, {"$set": {"email": "ada"}})])),
    ("bulk update of all", lambda users: users.bulk_write([UpdateMany({}, {"$set": {"email": "eve"}})])),
    ("bulk replace", lambda users: users.bulk_write([ReplaceOne({"_id": 2}, {"email": "ada"})])),
]


@pytest.mark.parametrize("write", [write for _, write in WRITES], ids=[name for name, _ in WRITES])
async def test_a_write_that_would_repeat_a_key_is_refused_and_changes_nothing(emails: Any, write: Any) -> None:
    before = await contents(emails)
    with pytest.raises((DuplicateKeyError, BulkWriteError)):
        await write(emails)

    assert await contents(emails) == before
    assert await emails.count({"email": "ada"}) == 1


async def test_the_error_names_the_index_its_keys_and_the_value(emails: Any) -> None:
    with pytest.raises(DuplicateKeyError, match=r"email_1") as caught:
        await emails.insert({"email": "ada"})

    assert caught.value.code == 11000
    assert caught.value.details == {"keyPattern": {"email": 1}, "keyValue": {"email": "ada"}}
    assert "ada" not in str(caught.value)


async def test_an_ordered_batch_ends_before_the_first_duplicate(emails: Any) -> None:
    with pytest.raises(BulkWriteError) as caught:
        await emails.insert_many([{"_id": 3, "email": "eve"}, {"_id": 4, "email": "ada"}, {"_id": 5, "email": "fay"}])

    assert [document["_id"] for document in await contents(emails)] == [1, 2, 3]
    (error,) = caught.value.details["writeErrors"]
    assert (error["index"], error["code"], error["keyValue"]) == (1, 11000, {"email": "ada"})


async def test_of_an_unordered_batch_all_others_go_in(emails: Any) -> None:
    batch = [{"_id": n, "email": email} for n, email in enumerate(["eve", "ada", "eve", "fay"], 3)]
    with pytest.raises(BulkWriteError) as caught:
        await emails.insert_many(batch, ordered=False)

    assert [document["_id"] for document in await contents(emails)] == [1, 2, 3, 6]
    assert [error["index"] for error in caught.value.details["writeErrors"]] == [1, 2]


async def test_a_document_that_is_refused_takes_no_key(users: Any) -> None:
    await users.create_index("a", unique=True)
    await users.create_index("b", unique=True)
    await users.insert({"_id": 1, "b": 1})
    with pytest.raises(BulkWriteError):
        await users.insert_many([{"_id": 2, "a": 7, "b": 1}, {"_id": 3, "a": 7, "b": 2}], ordered=False)

    assert [document["_id"] for document in await contents(users)] == [1, 3]


async def test_what_a_document_had_is_free_again(emails: Any) -> None:
    await emails.update_one({"_id": 1}, {"$set": {"email": "eve"}})
    await emails.insert({"_id": 3, "email": "ada"})
    await emails.delete(2)
    await emails.insert({"_id": 4, "email": "bob"})
    await emails.clear()
    await emails.insert({"_id": 5, "email": "bob"})

    assert await contents(emails) == [{"_id": 5, "email": "bob"}]


async def test_a_document_may_keep_its_key(emails: Any) -> None:
    await emails.update_one({"_id": 1}, {"$set": {"email": "ada", "age": 36}})
    await emails.save({"_id": 2, "email": "bob", "age": 1})

    assert [document["age"] for document in await contents(emails)] == [36, 1]


async def test_one_update_may_pass_keys_from_document_to_document(users: Any) -> None:
    await users.insert_many([{"_id": n, "rank": n} for n in range(5)])
    await users.create_index("rank", unique=True)
    await users.update_many({}, {"$inc": {"rank": 1}})

    assert [document["rank"] for document in await contents(users)] == [1, 2, 3, 4, 5]


async def test_a_bulk_write_may_take_a_key_that_it_has_freed(emails: Any) -> None:
    await emails.bulk_write([DeleteOne({"_id": 1}), InsertOne({"_id": 3, "email": "ada"})])

    assert [document["_id"] for document in await contents(emails)] == [2, 3]


async def test_building_over_duplicates_is_refused_and_names_the_first(users: Any) -> None:
    await users.insert_many([{"email": "ada"}, {"email": "bob"}, {"email": "bob"}, {"email": "ada"}])
    with pytest.raises(DuplicateKeyError) as caught:
        await users.create_index("email", unique=True)

    assert caught.value.details["keyValue"] == {"email": "bob"}
    assert list(await users.index_information()) == ["_id_"]


@pytest.mark.parametrize(
    ("keys", "options", "value"),
    [
        (["a", "b"], {}, {"a": 2, "b": "y"}),
        ("tags", {}, {"tags": 2}),
        ("in.x", {}, {"in.x": 8}),
        ("a", {"sparse": True}, {"a": 2}),
        ("a", {"partialFilterExpression": {"b": "x"}}, {"a": 1}),
    ],
    ids=str,
)
async def test_every_unique_kind_names_the_first_duplicate(users: Any, keys: Any, options: Any, value: Any) -> None:
    await users.insert_many(
        [
            {"a": 1, "b": "x", "tags": [1, 2], "in": {"x": 7}},
            {"a": 2, "b": "y", "tags": [3], "in": [{"x": 8}]},
            {"a": 2, "b": "y", "tags": [2, 2], "in": {"x": 8}},
            {"a": 1, "b": "x", "tags": [1], "in": {"x": 7}},
        ]
    )
    with pytest.raises(DuplicateKeyError) as caught:
        await users.create_index(keys, unique=True, **options)

    assert caught.value.details["keyValue"] == value
    assert list(await users.index_information()) == ["_id_"]


async def test_of_several_indexes_none_is_built_if_one_cannot_be(users: Any) -> None:
    await users.insert_many([{"a": 1, "b": 1}, {"a": 2, "b": 1}])
    with pytest.raises(DuplicateKeyError):
        await users.create_indexes([IndexModel("a", unique=True), IndexModel("b", unique=True)])

    assert list(await users.index_information()) == ["_id_"]


# ── what is the same key ────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("held", "new"),
    [
        (1, 1.0),
        (None, ...),
        (..., ...),
        ([1, 2], 2),
        ([1, 2], [2, 3]),
        ([], []),
        ([[1]], [[1]]),
        ([[1], 2], [[1], 3]),
        ({"a": 1}, {"a": 1.0}),
        (float("nan"), float("nan")),
    ],
    ids=repr,
)
async def test_these_have_the_same_key(users: Any, held: Any, new: Any) -> None:
    await users.create_index("x", unique=True)
    await users.insert({"_id": 1} if held is ... else {"_id": 1, "x": held})
    with pytest.raises(DuplicateKeyError):
        await users.insert({"_id": 2} if new is ... else {"_id": 2, "x": new})

    assert await users.count() == 1


@pytest.mark.parametrize(
    ("held", "new"),
    [
        (1, True),
        (1, "1"),
        ([], None),
        ([], [[]]),
        ([1, 2], [[1, 2]]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([1, 1], [2, 2]),
    ],
    ids=repr,
)
async def test_these_have_different_keys(users: Any, held: Any, new: Any) -> None:
    await users.create_index("x", unique=True)
    await users.insert_many([{"_id": 1, "x": held}, {"_id": 2, "x": new}])

    assert await users.count() == 2


async def test_a_document_may_repeat_a_key_of_its_own(users: Any) -> None:
    await users.create_index("x.y", unique=True)
    await users.insert({"_id": 1, "x": [{"y": 1}, {"y": 1}]})
    with pytest.raises(DuplicateKeyError) as caught:
        await users.insert({"_id": 2, "x": [{"y": 2}, {"y": 1}]})

    assert caught.value.details["keyValue"] == {"x.y": 1}


async def test_a_sparse_unique_index_lets_the_field_be_absent(users: Any) -> None:
    await users.create_index("x", unique=True, sparse=True)
    await users.insert_many([{"_id": 1}, {"_id": 2}, {"_id": 3, "x": None}])
    with pytest.raises(DuplicateKeyError):
        await users.insert({"_id": 4, "x": None})

    assert await users.count() == 3


async def test_a_partial_unique_index_is_about_the_documents_of_its_filter(users: Any) -> None:
    await users.create_index("name", unique=True, partialFilterExpression={"active": True})
    await users.insert_many([{"_id": 1, "name": "a", "active": True}, {"_id": 2, "name": "a"}, {"_id": 3, "name": "a"}])
    with pytest.raises(DuplicateKeyError):
        await users.update_one({"_id": 2}, {"$set": {"active": True}})
    await users.update_one({"_id": 1}, {"$set": {"active": False}})
    await users.update_one({"_id": 2}, {"$set": {"active": True}})

    assert await users.count({"active": True}) == 1


async def test_a_compound_unique_index_is_about_all_its_fields_together(users: Any) -> None:
    await users.create_index([("a", 1), ("b", -1)], unique=True)
    await users.insert_many([{"_id": 1, "a": 1, "b": 1}, {"_id": 2, "a": 1, "b": 2}, {"_id": 3, "a": 2, "b": 1}])
    with pytest.raises(DuplicateKeyError) as caught:
        await users.insert({"a": 1, "b": 2})

    assert caught.value.details == {"keyPattern": {"a": 1, "b": -1}, "keyValue": {"a": 1, "b": 2}}


async def test_a_compound_sparse_index_holds_documents_with_one_of_its_fields(users: Any) -> None:
    await users.create_index(["a", "b"], unique=True, sparse=True)
    await users.insert_many([{"_id": 1}, {"_id": 2}, {"_id": 3, "a": 1}])
    with pytest.raises(DuplicateKeyError):
        await users.insert({"_id": 4, "a": 1})

    assert await users.count() == 3


async def test_elements_of_one_array_stay_together_in_a_compound_key(users: Any) -> None:
    await users.create_index(["x.a", "x.b"], unique=True)
    await users.insert({"_id": 1, "x": [{"a": 1, "b": 1}, {"a": 2, "b": 2}]})
    await users.insert({"_id": 2, "x": [{"a": 1, "b": 2}, {"a": 2, "b": 1}]})
    with pytest.raises(DuplicateKeyError):
        await users.insert({"_id": 3, "x": {"a": 2, "b": 2}})

    assert await users.count() == 2


async def test_a_document_with_parallel_arrays_cannot_go_into_a_compound_index(users: Any) -> None:
    await users.create_index(["a", "b"])
    with pytest.raises(WriteError, match="a_1_b_1") as caught:
        await users.insert({"a": [1, 2], "b": [3]})

    assert caught.value.code == 171
    assert await users.count() == 0


async def test_a_compound_index_over_parallel_arrays_is_not_built(users: Any) -> None:
    await users.insert({"a": [1, 2], "b": [3]})
    with pytest.raises(WriteError) as caught:
        await users.create_index(["a", "b"])

    assert caught.value.code == 171
    assert list(await users.index_information()) == ["_id_"]


# ── the catalogue ───────────────────────────────────────────────────────────────


async def test_the_options_of_an_index_are_listed(users: Any) -> None:
    await users.create_index("x", unique=True, partial_filter_expression={"x": {"$gt": 1}})
    await users.create_index([("y", -1)], sparse=True, hidden=True)

    assert (await users.list_indexes())[1:] == [
        {"v": 2, "key": {"x": 1}, "name": "x_1", "unique": True, "partialFilterExpression": {"x": {"$gt": 1}}},
        {"v": 2, "key": {"y": -1}, "name": "y_-1", "sparse": True, "hidden": True},
    ]
    assert (await users.index_information())["y_-1"] == {"v": 2, "key": [("y", -1)], "sparse": True, "hidden": True}


async def test_the_same_index_is_created_once(users: Any) -> None:
    await users.create_index("x", unique=True)

    assert await users.create_index("x", unique=True) == "x_1"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"unique": True}, 86),
        ({"sparse": True}, 86),
        ({"partialFilterExpression": {"x": 1}}, 86),
        ({"hidden": True}, 85),
        ({"name": "other"}, 85),
        ({"name": "other", "hidden": True}, 85),
    ],
    ids=repr,
)
async def test_an_index_that_differs_in_its_options_is_refused(users: Any, options: dict[str, Any], code: int) -> None:
    await users.create_index("x")
    with pytest.raises(OperationFailure) as caught:
        await users.create_index("x", **options)

    assert caught.value.code == code


async def test_the_same_keys_can_be_indexed_twice_if_the_documents_differ(users: Any) -> None:
    await users.create_index("x")
    await users.create_index("x", unique=True, sparse=True, name="unique")
    await users.drop_index("unique")

    assert list(await users.index_information()) == ["_id_", "x_1"]


async def test_the_index_models_of_pymongo_are_taken(users: Any) -> None:
    pymongo = pytest.importorskip("pymongo")
    models = [pymongo.IndexModel([("a", 1), ("b", -1)], unique=True), pymongo.IndexModel("c", name="mine", sparse=True)]

    assert await users.create_indexes(models) == ["a_1_b_-1", "mine"]
    assert (await users.index_information())["a_1_b_-1"] == {"v": 2, "key": [("a", 1), ("b", -1)], "unique": True}


@pytest.mark.parametrize("compacted", [False, True])
async def test_uniqueness_outlives_the_client(connect: Any, directory: Path, compacted: bool) -> None:
    async with connect(directory) as db:
        await db["users"].create_index(["a", "b"], unique=True)
        await db["users"].insert_many([{"_id": n, "a": n, "b": [n, -n]} for n in range(100)])
        if compacted:
            await db.compact()
    users = connect(directory)["users"]
    with pytest.raises(DuplicateKeyError):
        await users.insert({"a": 7, "b": -7})
    await users.delete(7)
    await users.insert({"_id": "new", "a": 7, "b": -7})

    assert (await users.index_information())["a_1_b_1"]["unique"] is True
    assert await users.count() == 100


# ── importing ───────────────────────────────────────────────────────────────────


async def test_an_import_ends_before_the_first_duplicate(emails: Any, tmp_path: Path) -> None:
    source = tmp_path / "new.jsonl"
    source.write_text('{"_id": 3, "email": "eve"}\n{"_id": 4, "email": "ada"}\n{"_id": 5, "email": "fay"}\n')
    with pytest.raises(DuplicateKeyError) as caught:
        await emails.import_file(source)

    assert [document["_id"] for document in await contents(emails)] == [1, 2, 3]
    assert caught.value.details["line"] == 2


async def test_an_import_that_replaces_documents_frees_their_keys(emails: Any, tmp_path: Path) -> None:
    source = tmp_path / "new.jsonl"
    source.write_text('{"_id": 1, "email": "bob"}\n{"_id": 2, "email": "ada"}\n')
    await emails.import_file(source, mode="upsert")

    assert await contents(emails) == [{"_id": 1, "email": "bob"}, {"_id": 2, "email": "ada"}]


async def test_an_import_counts_no_key_as_free_that_it_does_not_come_to(emails: Any, tmp_path: Path) -> None:
    source = tmp_path / "new.jsonl"
    source.write_text('{"_id": 3, "email": "bob"}\n{"_id": 4, "email": "bob"}\n{"_id": 2, "email": "eve"}\n')
    with pytest.raises(DuplicateKeyError):
        await emails.import_file(source, mode="upsert")

    assert await contents(emails) == [{"_id": 1, "email": "ada"}, {"_id": 2, "email": "bob"}]


async def test_an_import_that_empties_the_collection_frees_all_keys(emails: Any, tmp_path: Path) -> None:
    source = tmp_path / "new.jsonl"
    source.write_text('{"_id": 9, "email": "bob"}\n')
    await emails.import_file(source, mode="replace")

    assert await contents(emails) == [{"_id": 9, "email": "bob"}]
