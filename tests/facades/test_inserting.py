"""insert_one and insert_many."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from nosqlpy import BulkWriteError, DocumentError, DuplicateKeyError, InsertManyResult, InsertOneResult


async def test_insert_one_returns_the_id_in_a_result(users: Any) -> None:
    result = await users.insert_one({"_id": 7})

    assert result == InsertOneResult(7)
    assert result.acknowledged is True


async def test_insert_one_takes_its_document_by_keyword(users: Any) -> None:
    result = await users.insert_one(document={"_id": 7})

    assert result.inserted_id == 7


async def test_insert_one_refuses_an_id_that_is_taken(users: Any) -> None:
    await users.insert_one({"_id": 7, "age": 36})
    with pytest.raises(DuplicateKeyError, match=r"users.*_id"):
        await users.insert_one({"_id": 7, "age": 99})

    assert await users.find_one({"_id": 7}) == {"_id": 7, "age": 36}


async def test_any_mapping_can_be_inserted(users: Any) -> None:
    await users.insert_one(MappingProxyType({"_id": 1, "inner": MappingProxyType({"a": 1})}))

    assert await users.get(1) == {"_id": 1, "inner": {"a": 1}}


async def test_the_document_passed_to_an_insert_stays_as_it_was(users: Any) -> None:
    document = {"name": "ada"}
    await users.insert(document)
    await users.insert_one(document)
    await users.insert_many([document, document])
    await users.save(document)

    assert document == {"name": "ada"}


async def test_insert_many_returns_the_ids_in_the_order_of_the_documents(users: Any) -> None:
    result = await users.insert_many([{"_id": 3}, {"_id": 1}, {"_id": 2}])

    assert result == InsertManyResult([3, 1, 2])
    assert [document["_id"] for document in await users.find()] == [3, 1, 2]


async def test_insert_many_takes_any_iterable(users: Any) -> None:
    result = await users.insert_many(documents=({"_id": n} for n in range(2500)))

    assert result.inserted_ids == list(range(2500))
    assert await users.count() == 2500


async def test_insert_many_takes_nothing_at_all(users: Any) -> None:
    result = await users.insert_many([])

    assert result.inserted_ids == []
    assert await users.count() == 0


async def test_an_ordered_insert_many_stops_at_the_first_duplicate(users: Any) -> None:
    await users.insert({"_id": 2})
    with pytest.raises(BulkWriteError):
        await users.insert_many([{"_id": 1}, {"_id": 2}, {"_id": 3}])

    assert [document["_id"] for document in await users.find()] == [2, 1]


async def test_an_unordered_insert_many_inserts_all_but_the_duplicates(users: Any) -> None:
    await users.insert({"_id": 2})
    with pytest.raises(BulkWriteError):
        await users.insert_many([{"_id": 1}, {"_id": 2}, {"_id": 3}, {"_id": 1}, {"_id": 4}], ordered=False)

    assert [document["_id"] for document in await users.find()] == [2, 1, 3, 4]


async def test_a_duplicate_within_the_batch_is_found(users: Any) -> None:
    with pytest.raises(BulkWriteError) as caught:
        await users.insert_many([{"_id": 1, "n": 1}, {"_id": 1.0, "n": 2}])

    assert caught.value.details["writeErrors"][0]["index"] == 1
    assert await users.find() == [{"_id": 1, "n": 1}]


async def test_a_bulk_write_error_has_the_details_that_pymongo_gives(users: Any) -> None:
    await users.insert({"_id": 2})
    with pytest.raises(BulkWriteError) as caught:
        await users.insert_many([{"_id": 1}, {"_id": 2, "name": "ada"}, {"_id": 3}])
    details = dict(caught.value.details)
    error = details.pop("writeErrors")[0]

    assert caught.value.code == 65
    assert details == {
        "writeConcernErrors": [],
        "nInserted": 1,
        "nUpserted": 0,
        "nMatched": 0,
        "nModified": 0,
        "nRemoved": 0,
        "upserted": [],
    }
    assert (error["index"], error["code"], error["keyPattern"], error["keyValue"]) == (1, 11000, {"_id": 1}, {"_id": 2})
    assert error["errmsg"]
    assert error["op"] == {"_id": 2, "name": "ada"}


async def test_an_unordered_bulk_write_error_lists_every_duplicate(users: Any) -> None:
    await users.insert_many([{"_id": n} for n in range(0, 3000, 1000)])
    with pytest.raises(BulkWriteError) as caught:
        await users.insert_many([{"_id": n} for n in range(2500)], ordered=False)

    assert [error["index"] for error in caught.value.details["writeErrors"]] == [0, 1000, 2000]
    assert caught.value.details["nInserted"] == 2497
    assert await users.count() == 2500


async def test_a_duplicate_after_the_first_thousand_leaves_those_before_it(users: Any) -> None:
    with pytest.raises(BulkWriteError) as caught:
        await users.insert_many([*({"_id": n} for n in range(1500)), {"_id": 0}, {"_id": 9999}])

    assert caught.value.details["writeErrors"][0]["index"] == 1500
    assert caught.value.details["nInserted"] == 1500
    assert await users.count() == 1500


@pytest.mark.parametrize("ordered", [True, False])
async def test_one_document_that_cannot_be_stored_keeps_all_out(users: Any, ordered: bool) -> None:
    with pytest.raises(DocumentError, match="tags"):
        await users.insert_many([*({"_id": n} for n in range(1500)), {"tags": {1, 2}}], ordered=ordered)

    assert await users.count() == 0


async def test_the_error_says_which_document_of_the_batch_cannot_be_stored(users: Any) -> None:
    with pytest.raises(DocumentError) as caught:
        await users.insert_many([*({"_id": n} for n in range(1500)), {"tags": {1, 2}}])

    assert caught.value.details["index"] == 1500


async def test_the_error_of_an_ordered_insert_many_says_where_it_stopped(users: Any) -> None:
    await users.insert({"_id": 1})
    with pytest.raises(BulkWriteError, match=r"^stopped at document 1 of 3, those after it were not tried: .*_id"):
        await users.insert_many([{"_id": 1}, {"_id": 2}, {"_id": 3}])
    with pytest.raises(BulkWriteError, match=r"^stopped at document 2 of 2: .*_id"):
        await users.insert_many([{"_id": 2}, {"_id": 1}])


async def test_the_error_of_an_unordered_insert_many_counts_what_was_refused(users: Any) -> None:
    await users.insert({"_id": 1})
    with pytest.raises(BulkWriteError, match=r"^1 of 3 documents were refused: .*_id"):
        await users.insert_many([{"_id": 1}, {"_id": 2}, {"_id": 3}], ordered=False)


async def test_insert_many_writes_no_more_at_once_than_32_mib(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nosqlpy._core.engine.intake.CHUNK_SIZE", 2000)  # in place of 32 MiB
    await db.create_collection("users")
    before = (await db.stats())["commits"]
    await db["users"].insert_many([{"_id": n, "text": "x" * 600} for n in range(10)])

    assert (await db.stats())["commits"] - before == 4
    assert await db["users"].count() == 10
