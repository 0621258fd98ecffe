"""The log of slow calls: what it says, and what it leaves out."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nosqlpy import ConfigurationError, DeleteOne, InsertOne, OperationFailure, QueryError, UpdateOne

SECRET = "s3cret-value"


@pytest.fixture
async def people(connect: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> Any:
    """A collection of a client that logs every call, and whose log is empty."""
    users = connect(":memory:", slow_ms=0)["users"]
    await users.insert_many([{"_id": n, "name": f"{SECRET}{n}", "age": n} for n in range(3)])
    await users.create_index("age")
    caplog.clear()
    return users


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "nosqlpy.slow"]


async def test_a_slow_call_is_one_warning_with_its_collection_duration_plan_and_filter(
    people: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await people.find_one({"name": SECRET, "age": {"$gt": 1, "$lt": 9}, "$or": [{"a.b": 1}, {"c": {"$in": [SECRET]}}]})

    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    (line,) = lines(caplog)
    assert line.startswith("slow find_one on 'users': ")
    assert line.endswith(
        " ms, IXSCAN age_1 of 1 documents, filter {name: ?, age: {$gt: ?, $lt: ?}, $or: [{a.b: ?}, {c: {$in: ?}}]}"
    )


async def test_the_index_that_was_used_is_named(people: Any, caplog: pytest.LogCaptureFixture) -> None:
    await people.find({"age": 1}).sort("-name").to_list()

    assert lines(caplog)[0].endswith(" ms, IXSCAN age_1 of 1 documents, filter {age: ?}, sort {name: -1}")


@pytest.mark.parametrize(
    ("ask", "described"),
    [
        (lambda users: users.find({"age": 1}), "IXSCAN age_1 of 1 documents, filter {age: ?}"),
        (lambda users: users.find({"age": {"$gt": 0}}), "IXSCAN age_1 of 2 documents, filter {age: {$gt: ?}}"),
        (lambda users: users.find(sort="-age", limit=1), "IXSCAN age_1 of 3 documents, filter {}, sort {age: -1}"),
    ],
)
async def test_a_find_that_an_index_answers_at_once_is_described_like_any(
    people: Any, caplog: pytest.LogCaptureFixture, ask: Callable[[Any], Any], described: str
) -> None:
    await ask(people).to_list()

    (line,) = lines(caplog)
    assert line.startswith("slow find on 'users': ")
    assert line.endswith(f" ms, {described}")


CALLS: dict[str, Callable[..., Awaitable[Any]]] = {
    "find": lambda users, **options: users.find({"name": SECRET}, **options).to_list(),
    "find_one": lambda users, **options: users.find_one({"name": SECRET}, **options),
    "aggregate": lambda users, **options: users.aggregate([{"$match": {"name": SECRET}}], **options).to_list(),
    "count": lambda users, **options: users.count_documents({"name": SECRET}, **options),
    "distinct": lambda users, **options: users.distinct("name", {"name": SECRET}, **options),
    "insert_one": lambda users, **options: users.insert_one({"_id": 9, "name": SECRET}, **options),
    "insert_many": lambda users, **options: users.insert_many([{"_id": 9, "name": SECRET}], **options),
    "update": lambda users, **options: users.update_one({"name": SECRET}, {"$set": {"name": SECRET}}, **options),
    "delete": lambda users, **options: users.delete_many({"name": SECRET}, **options),
    "find_one_and_update": lambda users, **options: users.find_one_and_update(
        {"name": SECRET}, {"$set": {"name": SECRET}}, **options
    ),
    "find_one_and_delete": lambda users, **options: users.find_one_and_delete({"name": SECRET}, **options),
    "bulk_write": lambda users, **options: users.bulk_write(
        [UpdateOne({"name": SECRET}, {"$set": {"a": SECRET}}), DeleteOne({"name": SECRET})], **options
    ),
}
every_call = pytest.mark.parametrize("name", CALLS)


@every_call
async def test_every_kind_of_call_is_logged_once_and_without_values(
    people: Any, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    await CALLS[name](people)

    (line,) = lines(caplog)
    assert line.startswith(f"slow {name} on 'users': ")
    assert SECRET not in caplog.text
    assert "comment" not in line


@every_call
@pytest.mark.parametrize("comment", ["nightly report", {"job": 7}, 0, ["a"]])
async def test_the_comment_of_a_call_is_what_its_line_ends_with(
    people: Any, caplog: pytest.LogCaptureFixture, name: str, comment: Any
) -> None:
    await CALLS[name](people, comment=comment)

    assert lines(caplog)[0].endswith(f", comment {comment!r}")


async def test_the_other_calls_that_take_a_comment_do_log_it(people: Any, caplog: pytest.LogCaptureFixture) -> None:
    await people.estimated_document_count(comment="one")
    await people.update_many({}, {"$set": {"a": 1}}, comment="two")
    await people.replace_one({}, {"a": 1}, comment="three")
    await people.find_one_and_replace({}, {"a": 1}, comment="four")
    await people.delete_one({}, comment="five")
    await people.bulk_write([InsertOne({})], comment="six")

    assert [line.rpartition(" comment ")[2] for line in lines(caplog)] == [
        *("'one'", "'two'", "'three'", "'four'", "'five'", "'six'")
    ]


async def test_a_comment_can_be_put_on_a_cursor(people: Any, caplog: pytest.LogCaptureFixture) -> None:
    await people.find().comment("first").comment("second").to_list()

    assert lines(caplog)[0].endswith("comment 'second'")


@pytest.mark.parametrize("options", [{}, {"sort": "age"}, {"batch_size": 1}])
async def test_a_find_is_logged_once_however_it_ends(
    people: Any, caplog: pytest.LogCaptureFixture, options: dict[str, Any]
) -> None:
    await people.insert_many([{"_id": n} for n in range(10, 2000)])
    caplog.clear()
    await people.find(**options).to_list()
    await people.find(**options).first()
    cursor = people.find({"_id": {"$gte": 0}}, **options)
    await cursor.to_list(1)
    await cursor.rewind()
    await cursor.to_list(1)
    await cursor.aclose()

    assert [line.partition(" on ")[0] for line in lines(caplog)] == ["slow find"] * 4


async def test_a_refused_call_is_logged_if_it_was_slow(people: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(OperationFailure):
        await people.update_one({"_id": 1}, {"$inc": {"name": 1}}, comment="refused")
    with pytest.raises(QueryError):
        await people.find_one({"age": 1}, hint="no_such_index", comment="no index")

    assert [line.rpartition(" comment ")[2] for line in lines(caplog)] == ["'refused'", "'no index'"]


async def test_a_batch_says_how_large_it_was(people: Any, caplog: pytest.LogCaptureFixture) -> None:
    await people.insert_many([{}, {}])
    await people.bulk_write([InsertOne({}), InsertOne({}), InsertOne({})])

    assert [line.rpartition(", ")[2] for line in lines(caplog)] == ["2 documents", "3 requests"]


@pytest.mark.parametrize("slow_ms", [None, 3_600_000])
async def test_a_quick_call_is_not_logged(connect: Any, caplog: pytest.LogCaptureFixture, slow_ms: Any) -> None:
    users = connect(":memory:", slow_ms=slow_ms)["users"]
    await users.insert({"_id": 1})
    await users.find().to_list()

    assert lines(caplog) == []


@pytest.mark.parametrize("slow_ms", [-1, "1", True, float("nan")])
async def test_a_slow_ms_that_makes_no_sense_is_refused(connect: Any, slow_ms: Any) -> None:
    with pytest.raises(ConfigurationError, match="slow_ms"):
        connect(":memory:", slow_ms=slow_ms)


async def test_a_line_stays_one_line_and_short_whatever_the_filter(
    people: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await people.find_one({"a\nb": 1})
    await people.find_one({"$and": [{f"name{n}": n} for n in range(1000)]})

    first, second = lines(caplog)
    assert "filter {'a\\nb': ?}" in first
    assert len(second) < 700
    assert second.endswith("…")
