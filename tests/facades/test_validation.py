"""Validators: what a collection refuses, by which writes, and what it says."""

from __future__ import annotations

import io
import logging
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymongo.operations import InsertOne as PymongoInsertOne

from nosqlpy import (
    BulkWriteError,
    Client,
    CollectionExists,
    CollectionNotFound,
    InsertOne,
    NotSupportedError,
    QueryError,
    ReplaceOne,
    UpdateOne,
    ValidationError,
)

SCHEMA = {
    "title": "A person",
    "required": ["name"],
    "properties": {
        "name": {"bsonType": "string", "description": "must be a string and is required"},
        "age": {"bsonType": "int", "minimum": 18},
    },
}
ADULTS = {"$jsonSchema": SCHEMA}
ADA = {"_id": 1, "name": "Ada", "age": 36}
LOGGER = "nosqlpy.validation"


@pytest.fixture
async def people(db: Any) -> Any:
    """A collection of one valid person, whose validator refuses others."""
    people = await db.create_collection("people", validator=ADULTS)
    await people.insert_one(ADA)
    return people


@pytest.fixture
async def mixed(db: Any) -> Any:
    """A collection of a valid person, and of one who was there before the validator."""
    await db["people"].insert_many([ADA, {"_id": 2, "age": 3}])
    await db.coll_mod("people", validator=ADULTS, validation_level="moderate")
    return db["people"]


async def options_of(db: Any, name: str = "people") -> Any:
    return (await db.list_collections({"name": name}).first())["options"]


# ── which writes are checked ─────────────────────────────────────────────────────

WRITES: list[Callable[[Any], Any]] = [
    lambda people: people.insert({"_id": 2}),
    lambda people: people.insert_one({"_id": 2, "name": 5}),
    lambda people: people.save({"_id": 2}),
    lambda people: people.save({"_id": 1, "name": None}),
    lambda people: people.update_one({"_id": 1}, {"$inc": {"age": -30}}),
    lambda people: people.update_one({"_id": 1}, [{"$set": {"name": 1}}]),
    lambda people: people.update_one({"_id": 2}, {"$set": {"age": 20}}, upsert=True),
    lambda people: people.update_many({}, {"$unset": {"name": 1}}),
    lambda people: people.replace_one({"_id": 1}, {"age": 20}),
    lambda people: people.replace_one({"_id": 2}, {"age": 20}, upsert=True),
    lambda people: people.find_one_and_update({"_id": 1}, {"$set": {"age": 20.5}}),
    lambda people: people.find_one_and_update({"_id": 2}, {"$set": {"age": 20}}, upsert=True),
    lambda people: people.find_one_and_replace({"_id": 1}, {"name": 1}),
    lambda people: people.import_file(io.BytesIO(b'{"_id": 2}')),
    lambda people: people.import_file(io.BytesIO(b'{"_id": 1}'), mode="upsert"),
    lambda people: people.import_file(io.BytesIO(b'{"_id": 2}'), mode="replace"),
]


@pytest.mark.parametrize("write", range(len(WRITES)))
async def test_a_write_that_leaves_an_invalid_document_is_refused_without_a_trace(people: Any, write: int) -> None:
    with pytest.raises(ValidationError, match=r"(name|age): .* \(schema rule ") as caught:
        await WRITES[write](people)

    assert caught.value.code == 121
    assert caught.value.code_name == "DocumentValidationFailure"
    assert await people.find() == [ADA]


async def test_valid_writes_of_every_kind_are_made(people: Any) -> None:
    await people.insert({"_id": 2, "name": "Bob"})
    await people.insert_many([{"_id": 3, "name": "Cy"}, {"_id": 4, "name": "Di", "age": 18}])
    await people.update_many({}, {"$set": {"age": 40}})
    await people.replace_one({"_id": 2}, {"name": "Ben"})
    await people.update_one({"_id": 5}, {"$set": {"name": "Ed"}}, upsert=True)
    await people.save({"_id": 6, "name": "Flo"})
    await people.import_file(io.BytesIO(b'{"_id": 7, "name": "Gus"}\n{"_id": 1, "name": "Ann"}'), mode="upsert")

    assert await people.distinct("name") == ["Ann", "Ben", "Cy", "Di", "Ed", "Flo", "Gus"]


async def test_an_update_that_changes_nothing_is_not_checked(db: Any) -> None:
    await db["people"].insert_one({"_id": 2, "age": 3})
    await db.coll_mod("people", validator=ADULTS)

    assert (await db["people"].update_one({"_id": 2}, {"$set": {"age": 3}})).matched_count == 1


async def test_a_refusal_comes_before_that_of_a_taken_id(people: Any) -> None:
    with pytest.raises(ValidationError):
        await people.insert_one({"_id": 1})


async def test_an_ordered_batch_stops_at_the_first_invalid_document(people: Any) -> None:
    with pytest.raises(BulkWriteError, match=r"stopped at document 2 of 3.*name: is required") as caught:
        await people.insert_many([{"_id": 2, "name": "Bob"}, {"_id": 3}, {"_id": 4, "name": "Di"}])

    (error,) = caught.value.details["writeErrors"]
    assert (error["index"], error["code"], error["op"]) == (1, 121, {"_id": 3})
    assert error["errInfo"]["failingDocumentId"] == 3
    assert error["errInfo"]["details"]["operatorName"] == "$jsonSchema"
    assert await people.distinct("_id") == [1, 2]


async def test_an_unordered_batch_leaves_out_what_is_invalid_or_taken(people: Any) -> None:
    documents = [{"_id": 2}, {"_id": 1, "name": "x"}, {"_id": 3, "name": "Cy"}, {"_id": 3}, {"_id": 3, "name": "y"}]
    with pytest.raises(BulkWriteError) as caught:
        await people.insert_many(documents, ordered=False)

    assert [(e["index"], e["code"]) for e in caught.value.details["writeErrors"]] == [
        (0, 121),
        (1, 11000),
        (3, 121),
        (4, 11000),
    ]
    assert await people.find().sort("_id") == [ADA, {"_id": 3, "name": "Cy"}]


async def test_a_bulk_write_says_which_requests_were_refused(people: Any) -> None:
    requests = [
        InsertOne({"_id": 2}),
        PymongoInsertOne({"_id": 3, "name": "Cy"}),
        UpdateOne({"_id": 1}, {"$set": {"age": 1}}),
        ReplaceOne({"_id": 1}, {"name": "Ann"}),
    ]
    with pytest.raises(BulkWriteError) as caught:
        await people.bulk_write(requests, ordered=False)

    assert [(e["index"], e["code"]) for e in caught.value.details["writeErrors"]] == [(0, 121), (2, 121)]
    assert all("errInfo" in error for error in caught.value.details["writeErrors"])
    assert await people.find().sort("_id") == [{"_id": 1, "name": "Ann"}, {"_id": 3, "name": "Cy"}]


async def test_an_import_ends_at_the_line_that_is_invalid(people: Any) -> None:
    lines = b'{"_id": 2, "name": "Bob"}\n\n{"_id": 3}\n{"_id": 4, "name": "Di"}'
    with pytest.raises(ValidationError, match=r"line 3.*name: is required.*\(1 imported before it\)") as caught:
        await people.import_file(io.BytesIO(lines))

    assert caught.value.details["imported"] == 1
    assert await people.distinct("_id") == [1, 2]


async def test_an_upsert_by_a_schema_inserts_the_values_beside_it(db: Any) -> None:
    await db["people"].update_one({"name": "Ada", **ADULTS}, {"$set": {"age": 36}}, upsert=True)

    assert await db["people"].find_one({}, {"_id": 0}) == {"name": "Ada", "age": 36}


# ── what is said ─────────────────────────────────────────────────────────────────


async def test_the_details_are_those_of_a_server(people: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        await people.insert_one({"_id": 2, "name": 5, "age": 3})

    assert caught.value.details == {
        "errInfo": {
            "failingDocumentId": 2,
            "details": {
                "operatorName": "$jsonSchema",
                "title": "A person",
                "schemaRulesNotSatisfied": [
                    {
                        "operatorName": "properties",
                        "propertiesNotSatisfied": [
                            {
                                "propertyName": "name",
                                "description": "must be a string and is required",
                                "details": [
                                    {
                                        "operatorName": "bsonType",
                                        "specifiedAs": {"bsonType": "string"},
                                        "reason": "type did not match",
                                        "consideredValue": 5,
                                        "consideredType": "int",
                                    }
                                ],
                            },
                            {
                                "propertyName": "age",
                                "details": [
                                    {
                                        "operatorName": "minimum",
                                        "specifiedAs": {"minimum": 18},
                                        "reason": "comparison failed",
                                        "consideredValue": 3,
                                    }
                                ],
                            },
                        ],
                    }
                ],
            },
        }
    }
    assert pickle.loads(pickle.dumps(caught.value)).details == caught.value.details


async def test_the_message_has_the_place_and_the_rule_and_no_value_of_the_document(people: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        await people.insert_one({"_id": "secret id", "name": "secret name", "age": "secret age"})

    assert str(caught.value) == (
        "document failed validation: age: must be of bsonType 'int' (schema rule properties.age.bsonType)"
    )


async def test_nobody_changes_a_validator_through_the_details_of_an_error(db: Any, people: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        await people.insert_one({})
    (rule,) = caught.value.details["errInfo"]["details"]["schemaRulesNotSatisfied"]
    rule["specifiedAs"]["required"].clear()

    assert (await options_of(db))["validator"] == ADULTS


async def test_nobody_changes_a_validator_through_what_was_passed_in(db: Any) -> None:
    schema: dict[str, Any] = {"required": ["name"]}
    people = await db.create_collection("people", validator={"$jsonSchema": schema})
    schema["required"].append("age")
    schema["minProperties"] = 5

    await people.insert_one({"name": "Ada"})

    assert (await options_of(db))["validator"] == {"$jsonSchema": {"required": ["name"]}}


# ── any filter ───────────────────────────────────────────────────────────────────


async def test_a_validator_may_be_any_filter(db: Any) -> None:
    people = await db.create_collection("people", validator={"$or": [{"phone": {"$type": "string"}}, {"mail": "a@b"}]})
    await people.insert_many([{"phone": "1"}, {"mail": ["a@b", "c@d"]}])
    with pytest.raises(ValidationError) as caught:
        await people.insert_one({"_id": 1, "phone": 1})

    assert caught.value.details["errInfo"] == {
        "failingDocumentId": 1,
        "details": {
            "operatorName": "$or",
            "clausesNotSatisfied": [
                {
                    "index": 0,
                    "details": {
                        "operatorName": "$type",
                        "specifiedAs": {"phone": {"$type": "string"}},
                        "reason": "type did not match",
                        "consideredValue": 1,
                        "consideredType": "int",
                    },
                },
                {
                    "index": 1,
                    "details": {"operatorName": "$eq", "specifiedAs": {"mail": "a@b"}, "reason": "field was missing"},
                },
            ],
        },
    }


async def test_a_validator_may_compare_fields(db: Any) -> None:
    sales = await db.create_collection("sales", validator={"$expr": {"$gte": ["$price", "$discounted"]}})
    await sales.insert_one({"price": 5, "discounted": 4})
    with pytest.raises(ValidationError, match=r"expression did not match \(filter rule \$expr\)") as caught:
        await sales.insert_one({"price": 5, "discounted": 6})

    assert caught.value.details["errInfo"]["details"]["expressionResult"] is False


UNSUITED = [
    ({"a": {"$near": [0, 0]}}, r"\$near"),
    ({"a": {"$nearSphere": [0, 0]}}, r"\$nearSphere"),
    ({"$where": "1"}, r"\$where"),
    ({"$expr": {"$lt": ["$a", "$$NOW"]}}, r"\$\$NOW"),
    ({"$sampleRate": 0.5}, r"\$rand"),
]


async def test_a_validator_cannot_search_text(db: Any) -> None:
    with pytest.raises(QueryError, match=r"\$text.*validator") as caught:
        await db.create_collection("people", validator={"$text": {"$search": "x"}})

    assert caught.value.code == 2


@pytest.mark.parametrize(("validator", "message"), UNSUITED, ids=str)
async def test_what_no_validator_can_have_is_refused_by_name(db: Any, validator: Any, message: str) -> None:
    with pytest.raises(NotSupportedError, match=message):
        await db.create_collection("people", validator=validator)

    assert await db.list_collection_names() == []


@pytest.mark.parametrize(
    ("validator", "code"),
    [([], 14), ("age", 14), ({"a": {"$gtt": 1}}, 2), ({"$jsonSchema": 1}, 14), ({"$jsonSchema": {"id": "x"}}, 9)],
    ids=str,
)
async def test_a_malformed_validator_is_refused(db: Any, validator: Any, code: int) -> None:
    await db.create_collection("held")
    for call in (db.create_collection, db.coll_mod):
        with pytest.raises(QueryError) as caught:
            await call("held" if call == db.coll_mod else "new", validator=validator)

        assert caught.value.code == code
    assert await options_of(db, "held") == {}


# ── levels and actions ───────────────────────────────────────────────────────────


async def test_moderate_lets_a_document_be_that_was_invalid_before(mixed: Any) -> None:
    await mixed.update_one({"_id": 2}, {"$set": {"x": 1}})
    await mixed.replace_one({"_id": 2}, {"age": 2})
    await mixed.save({"_id": 2, "age": 1})
    await mixed.import_file(io.BytesIO(b'{"_id": 2}'), mode="upsert")
    for call in (
        lambda: mixed.update_many({}, {"$set": {"age": 0}}),
        lambda: mixed.insert_one({"_id": 3}),
        lambda: mixed.save({"_id": 1}),
        lambda: mixed.import_file(io.BytesIO(b'{"_id": 1}'), mode="upsert"),
    ):
        with pytest.raises(ValidationError):
            await call()

    assert await mixed.find() == [ADA, {"_id": 2}]


async def test_strict_checks_a_document_that_was_invalid_before(db: Any, mixed: Any) -> None:
    await db.coll_mod("people", validation_level="strict")
    with pytest.raises(ValidationError):
        await mixed.update_one({"_id": 2}, {"$set": {"x": 1}})

    await mixed.update_one({"_id": 2}, {"$set": {"name": "Bob", "age": 18}})


async def test_off_checks_nothing_and_keeps_the_validator(db: Any, people: Any) -> None:
    await db.coll_mod("people", validationLevel="off")
    await people.insert_one({"_id": 2})

    assert await options_of(db) == {"validator": ADULTS, "validationLevel": "off"}


async def test_warn_stores_the_document_and_warns_once(db: Any, people: Any, caplog: pytest.LogCaptureFixture) -> None:
    await db.coll_mod("people", validation_action="warn")
    with caplog.at_level(logging.WARNING, LOGGER):
        await people.insert_one({"_id": 2, "name": "Bob", "age": 999_999_999_999})
        await people.insert_one({"_id": 3, "name": "Cy"})

    (record,) = caplog.records
    assert (record.name, record.levelno) == (LOGGER, logging.WARNING)
    assert record.getMessage() == (
        "collection 'people': document failed validation: "
        "age: must be of bsonType 'int' (schema rule properties.age.bsonType)"
    )
    assert await people.count() == 3


async def test_warn_warns_once_of_all_documents_of_a_write(
    db: Any, people: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await db.coll_mod("people", validation_action="warn")
    with caplog.at_level(logging.WARNING, LOGGER):
        await people.insert_many([{"_id": 2}, {"_id": 3, "name": "Cy"}, {"_id": 4}, {"_id": 5}])
        await people.import_file(io.BytesIO(b'{"_id": 6}\n{"_id": 7}\n'))
        with pytest.raises(BulkWriteError):
            await people.insert_many([{"_id": 8}, {"_id": 1}, {"_id": 9}])

    assert [record.getMessage().rpartition("(")[2] for record in caplog.records] == [
        "and 2 more in the same write)",
        "and 1 more in the same write)",
        "schema rule required)",
    ]
    assert await people.count() == 8


def test_a_handler_of_the_log_may_write_to_the_database() -> None:
    with Client(":memory:") as client:
        client.create_collection("people", validator=ADULTS, validation_action="warn")

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                client["log"].insert({"message": record.getMessage()})

        handler = Handler()
        logging.getLogger(LOGGER).addHandler(handler)
        try:
            client["people"].insert({"_id": 2})
            client["people"].insert_many([{"_id": 3}])
        finally:
            logging.getLogger(LOGGER).removeHandler(handler)

        assert client["log"].count() == 2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"validation_level": "strickt"}, QueryError, "did you mean 'strict'"),
        ({"validationLevel": 1}, QueryError, "not a value of type int"),
        ({"validation_action": "err"}, QueryError, "one of error, warn"),
        ({"validation_action": "errorAndLog"}, NotSupportedError, "errorAndLog"),
        ({"validation_level": "off", "validationLevel": "off"}, QueryError, "not both"),
        ({"capped": True}, NotSupportedError, "'capped'"),
        ({"timeseries": {}}, NotSupportedError, "'timeseries'"),
        ({"validater": {}}, QueryError, "did you mean 'validator'"),
    ],
    ids=str,
)
async def test_an_option_that_means_nothing_is_refused(db: Any, options: Any, error: Any, message: str) -> None:
    await db.create_collection("held")
    for call in (db.create_collection, db.coll_mod):
        with pytest.raises(error, match=message):
            await call("held" if call == db.coll_mod else "new", **options)

    assert await db.list_collection_names() == ["held"]


# ── bypassing ────────────────────────────────────────────────────────────────────

BYPASSES: list[Callable[..., Any]] = [
    lambda people, **options: people.insert_one({"_id": 2}, **options),
    lambda people, **options: people.insert_many([{"_id": 2}], **options),
    lambda people, **options: people.update_one({"_id": 1}, {"$set": {"age": 1}}, **options),
    lambda people, **options: people.update_many({}, {"$set": {"age": 1}}, **options),
    lambda people, **options: people.update_one({"_id": 2}, {"$set": {"age": 1}}, upsert=True, **options),
    lambda people, **options: people.replace_one({"_id": 1}, {}, **options),
    lambda people, **options: people.find_one_and_update({"_id": 1}, {"$set": {"age": 1}}, **options),
    lambda people, **options: people.find_one_and_update({"_id": 2}, {"$set": {"a": 1}}, upsert=True, **options),
    lambda people, **options: people.find_one_and_replace({"_id": 1}, {}, **options),
    lambda people, **options: people.bulk_write([InsertOne({"_id": 2}), ReplaceOne({"_id": 1}, {})], **options),
]


@pytest.mark.parametrize("write", range(len(BYPASSES)))
async def test_a_write_can_bypass_the_validator(people: Any, write: int) -> None:
    with pytest.raises((ValidationError, BulkWriteError)):
        await BYPASSES[write](people, bypass_document_validation=False)
    await BYPASSES[write](people, bypass_document_validation=True)

    assert await people.count({"$nor": [ADULTS]}) >= 1


@pytest.mark.parametrize("write", range(len(BYPASSES)))
async def test_bypassing_is_asked_for_by_true_or_false(db: Any, write: int) -> None:
    with pytest.raises(QueryError, match="bypass_document_validation is True or False"):
        await BYPASSES[write](db["people"], bypass_document_validation="yes")


# ── the catalogue ────────────────────────────────────────────────────────────────


async def test_the_options_of_a_collection_are_listed_as_they_were_given(db: Any) -> None:
    await db.create_collection("people", validator=ADULTS, validationLevel="moderate", validation_action="warn")
    await db.create_collection("plain")
    await db.create_collection("empty", validator={})

    assert await options_of(db) == {
        "validator": ADULTS,
        "validationLevel": "moderate",
        "validationAction": "warn",
    }
    assert await options_of(db, "plain") == await options_of(db, "empty") == {}
    assert await db.list_collection_names({"options.validator": {"$exists": True}}) == ["people"]


async def test_coll_mod_changes_what_it_is_given_and_keeps_the_rest(db: Any, people: Any) -> None:
    await db.coll_mod("people", validation_action="error")
    await db.coll_mod("people", validator={"age": {"$gt": 0}})
    await people.insert_one({"_id": 2, "age": 1})

    assert await options_of(db) == {"validator": {"age": {"$gt": 0}}, "validationAction": "error"}


async def test_an_empty_validator_is_none(db: Any, people: Any) -> None:
    await db.coll_mod("people", validator={})
    await people.insert_one({"_id": 2})

    assert await options_of(db) == {}


async def test_coll_mod_needs_a_collection(db: Any) -> None:
    await db.create_collection("people")

    with pytest.raises(CollectionNotFound, match="'peopel'; did you mean 'people'"):
        await db.coll_mod("peopel", validator={})


async def test_a_collection_that_is_there_is_accepted_with_the_same_options_only(db: Any, people: Any) -> None:
    await db.create_collection("people", validator=ADULTS, exist_ok=True)
    await db.create_collection("people", exist_ok=True)
    with pytest.raises(CollectionExists, match="other options"):
        await db.create_collection("people", validator={"a": 1}, exist_ok=True)

    assert await options_of(db) == {"validator": ADULTS}


async def test_a_renamed_collection_keeps_its_validator_and_a_dropped_one_loses_it(db: Any, people: Any) -> None:
    adults = await people.rename("adults")
    with pytest.raises(ValidationError):
        await adults.insert_one({})
    await adults.clear()
    with pytest.raises(ValidationError):
        await adults.insert_one({})
    await adults.drop()

    await db["adults"].insert_one({})


async def test_a_validator_is_there_after_reopening_compacting_and_restoring(
    connect: Any, directory: Path, tmp_path: Path
) -> None:
    client = connect(directory)
    await client.create_collection("people", validator=ADULTS, validation_level="moderate")
    await client["people"].insert_one(ADA)
    await client.compact()
    await client.coll_mod("people", validation_action="error")
    await client.backup(tmp_path / "copy")
    await client.close()

    expected = {"validator": ADULTS, "validationLevel": "moderate", "validationAction": "error"}
    for place in (directory, tmp_path / "copy"):
        again = connect(place)
        assert await options_of(again) == expected
        with pytest.raises(ValidationError):
            await again["people"].insert_one({})


async def test_typed_collections_are_validated_too(db: Any, people: Any) -> None:
    import msgspec  # noqa: PLC0415

    class Person(msgspec.Struct):
        name: str
        age: int = 0

    with pytest.raises(ValidationError, match="age: must be at least 18"):
        await people.with_type(Person).insert_one(Person("Bob"))


# ── threads ──────────────────────────────────────────────────────────────────────


async def test_a_document_on_which_the_expression_fails_does_not_match(db: Any) -> None:
    quotients = await db.create_collection("quotients", validator={"$expr": {"$gt": [{"$divide": [1, "$a"]}, 0]}})
    with pytest.raises(ValidationError) as caught:
        await quotients.insert({"_id": 1, "a": 0})
    with pytest.raises(BulkWriteError):
        await quotients.insert_many([{"_id": 2, "a": 1}, {"_id": 3, "a": 0}, {"_id": 4, "a": 1}], ordered=False)
    await db.coll_mod("quotients", validation_action="warn")
    await quotients.insert({"_id": 5, "a": 0})

    assert caught.value.details["errInfo"]["details"]["reason"] == "failed to evaluate aggregation expression"
    assert await quotients.distinct("_id") == [2, 4, 5]


def test_no_invalid_document_goes_in_after_coll_mod_returned() -> None:
    with Client(":memory:") as client:
        people = client["people"]
        people.insert({"_id": 0})
        stop = threading.Event()
        refused = threading.Event()

        def insert() -> None:
            while not stop.is_set():
                try:
                    people.insert({})
                except ValidationError:
                    refused.set()

        writers = [threading.Thread(target=insert) for _ in range(2)]
        for writer in writers:
            writer.start()
        counts = []
        for _ in range(5):
            client.coll_mod("people", validator=ADULTS)
            before = people.count()
            refused.clear()
            refused.wait(5)
            counts.append(people.count() - before)
            client.coll_mod("people", validator={})
        stop.set()
        for writer in writers:
            writer.join()

        assert counts == [0] * 5
