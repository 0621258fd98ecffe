"""Arguments of a type or size that no call takes: refused by name, and never by an error of Python's from within."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from typing import Any

import pytest
from bson import Code

from nosqlpy import (
    AsyncClient,
    Client,
    Database,
    DocumentError,
    InsertOne,
    InvalidName,
    InvalidURL,
    NotSupportedError,
    QueryError,
    ReturnDocument,
    UpdateOne,
)
from nosqlpy.errors import ConfigurationError


def nested(levels: int, kind: type = dict) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value} if kind is dict else [value]
    return value


class Unhashable(str):
    """Text without a hash, as a bson.Code is."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


STORED = [{"_id": 1, "n": 1}, {"_id": 2, "n": 2.5}]
SET = {"$set": {"n": 9}}
DEEP, DEEP_LIST = nested(3000), nested(3000, list)
RING: dict[str, Any] = {}
RING["a"] = RING
Call = Callable[[Any, Any], Any]


@pytest.fixture
async def users(db: Any) -> Any:
    """A collection of two documents."""
    await db["users"].insert_many(STORED)
    return db["users"]


async def refuse(db: Any, users: Any, call: Call, error: type[Exception], message: str) -> Any:
    with pytest.raises(error, match=message) as caught:
        await call(db, users)

    assert await users.find() == STORED
    assert await db.list_collection_names() == ["users"]
    return caught.value


FLAGS: list[tuple[Call, str]] = [
    (lambda _, u: u.find_one_and_update({"_id": 1}, SET, return_document="before"), "return_document"),
    (lambda _, u: u.find_one_and_replace({"_id": 1}, {}, return_document=1), "return_document"),
    (lambda _, u: u.find_one_and_update({"_id": 9}, SET, upsert="no"), "upsert"),
    (lambda _, u: u.update_one({"_id": 9}, SET, upsert="no"), "upsert"),
    (lambda _, u: u.update_many({"_id": 9}, SET, upsert=1), "upsert"),
    (lambda _, u: u.replace_one({"_id": 9}, {}, upsert=None), "upsert"),
    (lambda _, u: u.bulk_write([UpdateOne({"_id": 9}, SET, upsert="no")]), "upsert"),  # type: ignore[arg-type]
    (lambda _, u: u.insert_many([{}], ordered="x"), "ordered"),
    (lambda _, u: u.bulk_write([InsertOne({})], ordered="x"), "ordered"),
    (lambda _, u: u.rename("people", drop_target="no"), "drop_target"),
    (lambda db, _: db.create_collection("users", exist_ok="no"), "exist_ok"),
]


@pytest.mark.parametrize(("call", "option"), FLAGS)
async def test_a_flag_is_true_or_false_and_nothing_that_python_takes_for_it(
    db: Any, users: Any, call: Call, option: str
) -> None:
    error = await refuse(db, users, call, QueryError, f"^{option} is ")

    assert error.code == 14


async def test_the_constants_of_return_document_are_flags(users: Any) -> None:
    before = await users.find_one_and_update({"_id": 1}, SET, return_document=ReturnDocument.BEFORE)
    after = await users.find_one_and_update({"_id": 1}, SET, return_document=ReturnDocument.AFTER)

    assert (before, after) == (STORED[0], {"_id": 1, "n": 9})


CODE = Code("n")
# a bson.Code is a str in Python, and not hashable
CODES: list[Call] = [
    lambda _, u: u.find(sort=CODE).to_list(),
    lambda _, u: u.find(sort=[CODE]).to_list(),
    lambda _, u: u.find(sort=[(CODE, 1)]).to_list(),
    lambda _, u: u.find({}, [CODE]).to_list(),
    lambda _, u: u.create_index(CODE),
    lambda _, u: u.create_index([CODE]),
    lambda _, u: u.create_index([("n", CODE)]),
    lambda _, u: u.distinct(CODE),
    lambda _, u: u.aggregate([{"$count": CODE}]).to_list(),
    lambda _, u: u.aggregate([{"$unset": CODE}]).to_list(),
    lambda _, u: u.aggregate([{"$unset": ["n", CODE]}]).to_list(),
    lambda _, u: u.update_many({}, {"$rename": {"n": CODE}}),
]


LONE = "\ud800"
LONE_SURROGATES: list[Call] = [
    lambda _, u: u.find({"$expr": {"$strLenBytes": LONE}}).to_list(),
    lambda _, u: u.find({"$expr": {"$strLenBytes": {"$literal": LONE}}}).to_list(),
    lambda _, u: u.find({"$expr": {"$bsonSize": {"a": LONE}}}).to_list(),
    lambda _, u: u.find({"$expr": {"$strLenBytes": "$$v"}}, let={"v": {"$literal": LONE}}).to_list(),
    lambda _, u: u.aggregate([{"$project": {"b": {"$literal": LONE}}}]).to_list(),
]


@pytest.mark.parametrize("call", LONE_SURROGATES)
async def test_half_a_character_is_refused_in_expressions(db: Any, users: Any, call: Call) -> None:
    await refuse(db, users, call, QueryError, "lone surrogate")


@pytest.mark.parametrize("call", CODES)
async def test_code_is_no_name(db: Any, users: Any, call: Call) -> None:
    await refuse(db, users, call, QueryError, ".")


ODD: list[tuple[Call, type[Exception], str]] = [
    (lambda db, _: db.coll_mod(None, validation_level="off"), InvalidName, "str, not NoneType"),
    (lambda db, _: db.coll_mod([], validation_level="off"), InvalidName, "str, not list"),
    (lambda _, u: u.find({}, {"n": {1: 2}}).to_list(), QueryError, "str, not int"),
    (lambda db, _: db.create_collection([]), InvalidName, "str, not list"),
    (lambda db, _: db.drop_collection({}), InvalidName, "str, not dict"),
    (lambda db, _: db.drop_collection(5), InvalidName, "str, not int"),
    (lambda db, _: db.create_collection("x", indexes=None), QueryError, "indexes.*NoneType"),
    (lambda _, u: u.create_indexes(5), QueryError, "indexes.*int"),
    (lambda _, u: u.distinct([]), QueryError, "distinct.*list"),
    (lambda _, u: u.insert_many(None), DocumentError, "insert_many.*NoneType"),
    (lambda _, u: u.insert_many({"a": 1}), DocumentError, "insert_many.*this is one: use insert"),
    (lambda _, u: u.import_file(5), QueryError, "import_file.*int"),
    (lambda _, u: u.import_file("a\0"), QueryError, "import_file.*NUL"),
    (lambda _, u: u.import_file("\ud800"), QueryError, "import_file.*surrogate"),
    (lambda _, u: u.export_file(None), QueryError, "export_file.*NoneType"),
    (lambda _, u: u.export_file("a\0"), QueryError, "export_file.*NUL"),
    (lambda _, u: u.export_file(io.StringIO()), ConfigurationError, "binary mode"),
    (lambda _, u: u.find(sort="\ud800").to_list(), QueryError, "sort key.*surrogate"),
    (lambda _, u: u.find({}, ["\ud800"]).to_list(), QueryError, "projected path.*surrogate"),
    (lambda _, u: u.find({"\ud800": 1}).to_list(), QueryError, "path.*surrogate"),
    (lambda _, u: u.find(sort=[(["n"], 1)]).to_list(), QueryError, "sort key.*list"),
    (lambda db, _: db.compact(progress=True), QueryError, "progress is a function, not bool"),
    (lambda db, _: db.dump(io.BytesIO(), collections=True), QueryError, "list of names of collections, not bool"),
    (lambda db, _: db.dump(io.BytesIO(), collections=b"users"), QueryError, "list of names of collections, not bytes"),
    (lambda db, _: db.dump(io.BytesIO(), collections=[{}]), InvalidName, "str, not dict"),
    (lambda db, _: db.dump(io.BytesIO(), compression={}), ConfigurationError, "compression is"),
    (lambda db, _: db.list_collection_names(RING), QueryError, "nested more than 100 levels"),
    (lambda db, _: db.backup("\ud800"), InvalidURL, "backup takes the path of a directory"),
    (lambda db, _: db.repair("\ud800", "b"), InvalidURL, "repair takes the path of a directory"),
    (lambda db, _: db.restore(io.BytesIO(), "\ud800"), InvalidURL, "restore takes the path of a directory"),
    (lambda db, _: db.compact(progress=5), QueryError, "progress is a function, not int"),
    (lambda db, _: db.compact(progress=DEEP_LIST), QueryError, "progress is a function, not list"),
    (lambda _, u: u.find(sort=Unhashable("n")).to_list(), QueryError, "sort key.*Unhashable"),
    (lambda _, u: u.find(sort=[(Unhashable("n"), 1)]).to_list(), QueryError, "sort key.*Unhashable"),
    (lambda _, u: u.find().sort(Unhashable("n")).to_list(), QueryError, "sort key.*Unhashable"),
    (lambda _, u: u.find({}, [Unhashable("n")]).to_list(), QueryError, "list of field names"),
    (lambda _, u: u.distinct(Unhashable("n")), QueryError, "distinct.*Unhashable"),
    (lambda _, u: u.import_file(io.BytesIO(), types=NotImplemented), QueryError, "types are a.*NotImplementedType"),
    (lambda _, u: u.import_file(io.BytesIO(), format="csv", types=["int"]), QueryError, "types are a.*list"),
    (lambda _, u: u.import_file(io.BytesIO(), format="csv", types={"n": DEEP_LIST}), QueryError, "no type of list"),
    (lambda _, u: u.import_file(io.BytesIO(), on_reject=5), QueryError, "on_reject is a function, not int"),
    (lambda _, u: u.import_file(io.BytesIO(), mode=DEEP_LIST), ConfigurationError, "mode is one of"),
    (lambda _, u: u.import_file(io.BytesIO(), format=DEEP_LIST), NotSupportedError, "format of type list"),
    (lambda _, u: u.export_file(io.BytesIO(), format=DEEP), NotSupportedError, "format of type dict"),
    (lambda _, u: u.insert({}, durability=DEEP_LIST), ConfigurationError, "durability is one of"),
    (lambda db, _: db.dump(io.BytesIO(), compression=DEEP_LIST), ConfigurationError, "'zlib' or None, not list"),
    (lambda _, u: u.find().explain(DEEP_LIST), QueryError, "verbosity of explain is one of"),
]


@pytest.mark.parametrize("option", ["durability", "compression", "compaction", "recovery"])
@pytest.mark.parametrize("face", [Client, AsyncClient])
def test_an_option_of_a_client_that_is_nested_3000_deep_is_refused_by_name(face: Any, option: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{option} is one of"):
        face(":memory:", **{option: DEEP_LIST})


async def test_coll_mod_takes_a_dbref_for_the_document_that_it_is(db: Any, users: Any) -> None:
    dbref = pytest.importorskip("bson").DBRef
    await refuse(db, users, lambda db, _: db.coll_mod("users", index=dbref("n", 1)), QueryError, "coll_mod has no")


@pytest.mark.parametrize(("call", "error", "message"), ODD)
async def test_an_argument_of_another_kind_is_refused_by_name(
    db: Any, users: Any, call: Call, error: type[Exception], message: str
) -> None:
    await refuse(db, users, call, error, message)


DEEPLY_NESTED: list[Call] = [
    lambda _, u: u.get(DEEP),
    lambda _, u: u.get(DEEP_LIST),
    lambda _, u: u.delete(DEEP),
    lambda _, u: u.find({}, DEEP).to_list(),
    lambda _, u: u.find({}, projection={"a": DEEP_LIST}).to_list(),
    lambda _, u: u.update_one({}, [{"$set": {"a": DEEP}}]),
    lambda _, u: u.update_one({}, [{"$set": {"a": DEEP_LIST}}]),
    lambda _, u: u.update_one({}, [{"$replaceWith": DEEP}]),
    lambda _, u: u.update_one({}, [{"$project": DEEP}]),
]


@pytest.mark.parametrize("call", DEEPLY_NESTED)
async def test_what_is_nested_3000_deep_is_refused_wherever_it_stands(db: Any, users: Any, call: Call) -> None:
    await refuse(db, users, call, QueryError, "nested more than 100 levels")


HUGE: list[tuple[Call, str]] = [
    (lambda _, u: u.find(limit=10**40).to_list(), "limit.*64 bits"),
    (lambda _, u: u.find(skip=10**40).to_list(), "skip.*64 bits"),
    (lambda _, u: u.count_documents({}, skip=10**40), "skip.*64 bits"),
    (lambda _, u: u.find().to_list(10**40), "length.*64 bits"),
    (lambda _, u: u.update_many({}, {"$inc": {"n": 10**400}}), r"\$inc of 'n'.*64 bits"),
    (lambda _, u: u.update_many({}, {"$mul": {"n": 10**400}}), r"\$mul of 'n'.*64 bits"),
    (lambda _, u: u.find({"$expr": {"$add": ["$n", 10**400]}}).to_list(), "64 bits"),
]


@pytest.mark.parametrize(("call", "message"), HUGE)
async def test_an_int_past_64_bits_is_refused_by_name(db: Any, users: Any, call: Call, message: str) -> None:
    await refuse(db, users, call, QueryError, message)


async def test_the_largest_limit_and_skip_are_taken(users: Any) -> None:
    assert await users.find(limit=2**63 - 1) == STORED
    assert await users.find(limit=2**63 - 1, skip=2**63 - 1) == []
    assert await users.find({"n": 1}, limit=2**63 - 1, sort="n") == STORED[:1]


# ── ids ─────────────────────────────────────────────────────────────────────────


async def test_an_id_of_90_levels_survives_a_bulk_insertion_and_compaction(connect: Any, directory: Any) -> None:
    documents = [{"_id": nested(90)}, {"_id": 1}]
    async with connect(directory) as first:
        await first["users"].insert_many(documents)
        await first.compact()

    assert await connect(directory)["users"].find() == documents


async def test_an_id_of_91_levels_is_refused(db: Any, users: Any) -> None:
    for call in (
        lambda _, u: u.insert({"_id": nested(91)}),
        lambda _, u: u.insert_many([{"_id": nested(91)}]),
        lambda _, u: u.save({"_id": nested(91)}),
        lambda _, u: u.update_one({"_id": nested(91)}, SET, upsert=True),
        lambda _, u: u.import_file(io.BytesIO(b'{"_id": ' + b'{"a":' * 91 + b"1" + b"}" * 91 + b"}")),
    ):
        await refuse(db, users, call, DocumentError, "_id.*nested deeper than 90 levels")


# ── misspelt methods ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", [Client, AsyncClient, Database])
def test_a_misspelt_method_of_a_client_names_the_nearest(kind: type) -> None:
    client = kind(":memory:")
    with pytest.raises(
        TypeError, match=rf"^{kind.__name__} has no method 'colse'; did you mean 'close'\? client\['colse'\] is a coll"
    ):
        client.colse()
    with pytest.raises(TypeError, match=r"has no method 'qqqqqq'; client\['qqqqqq'\] is a collection$"):
        client.qqqqqq(1, a=2)

    assert client.colse.name == "colse"


def test_a_database_promises_seed_collections_however_they_are_asked_for() -> None:
    promised = [inspect.signature(method).return_annotation for method in (Database.__getitem__, Database.__getattr__)]

    assert promised == ["SeedCollection[Document]"] * 2
