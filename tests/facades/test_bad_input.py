"""Bad input: a clear error that names what is wrong and the way out, and nothing changed, in memory or on disk."""

from __future__ import annotations

import datetime
import enum
import math
import pickle
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest

from nosqlpy import (
    AsyncClient,
    ClosedError,
    ConfigurationError,
    DocumentError,
    DocumentTooLarge,
    DuplicateKeyError,
    InvalidName,
    InvalidOperation,
    NosqlpyError,
    NotSupportedError,
    QueryError,
    StorageError,
    WriteError,
)

STORED = [{"_id": 1, "n": 1, "text": "a", "list": [1], "in": {"x": 1}}, {"_id": 2, "n": 2}]
Refused = Callable[..., Any]


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int


def content(directory: Path) -> dict[str, bytes]:
    """Return what is on disk, but for the lock, and the page where the background notes that it has synced."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name not in ("LOCK", "SHM")}


@pytest.fixture
async def users(stored: Any) -> Any:
    """A collection of two documents, on disk."""
    users = stored["users"]
    await users.insert_many(STORED)
    return users


@pytest.fixture
def refused(users: Any, directory: Path) -> Refused:
    """A block that must raise an error with this message and leave everything as it was."""

    @asynccontextmanager
    async def block(error: type[Exception], message: str, *, code: int | None = None) -> AsyncIterator[None]:
        before = content(directory)
        with pytest.raises(error, match=message) as caught:
            yield

        assert await users.find() == STORED
        assert content(directory) == before
        assert isinstance(caught.value, NosqlpyError)
        assert code is None or caught.value.code == code

    return block


def nested(levels: int, inner: Any = 1) -> Any:
    value = inner
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return value


# ── filters ─────────────────────────────────────────────────────────────────────

FILTERS: list[tuple[Any, type[Exception], str]] = [
    ({"n": {"$gtt": 1}}, QueryError, r"'\$gtt'.*'n'.*'\$gt'"),
    ({"n": {"$exist": True}}, QueryError, r"'\$exist'.*'\$exists'"),
    ({"$orr": []}, QueryError, r"'\$orr'.*'\$or'"),
    ({"n": {"$gt": 1, "x": 2}}, QueryError, r"x"),
    ({"n": {"$in": 5}}, QueryError, r"\$in.*array.*int"),
    ({"n": {"$nin": "abc"}}, QueryError, r"\$nin.*array.*str"),
    ({"n": {"$in": [{"$gt": 1}]}}, QueryError, r"\$in"),
    ({"$and": {}}, QueryError, r"\$and.*array"),
    ({"$or": []}, QueryError, r"\$or.*array"),
    ({"$nor": [5]}, QueryError, r"\$nor.*int"),
    ({"n": {"$not": 5}}, QueryError, r"\$not"),
    ({"n": {"$size": -1}}, QueryError, r"\$size"),
    ({"n": {"$type": "strng"}}, QueryError, r"strng"),
    ({"n": {"$mod": [0, 1]}}, QueryError, r"\$mod|divisor"),
    ({"n": {"$regex": "("}}, QueryError, r"\$regex|regular expression"),
    ({"n": {"$elemMatch": 5}}, QueryError, r"\$elemMatch"),
    ({"n": {1, 2}}, QueryError, r"set"),
    ({"n": Colour.RED}, QueryError, r"Colour"),
    ({"n": {"$gt": object()}}, QueryError, r"object"),
    ({"in": {"x": {1}}}, QueryError, r"set"),
    ({1: 2}, QueryError, r"str.*int"),
    ("n", QueryError, r"mapping.*str"),
    ([{"n": 1}], QueryError, r"mapping.*list"),
    (5, QueryError, r"mapping.*int"),
    ({"$where": "1"}, NotSupportedError, r"\$where.*top level"),
    ({"$text": {"$search": 5}}, QueryError, r"\$search.*str.*int"),
    ({"in": {"$near": [0, 0]}}, NotSupportedError, r"\$near.*'in'"),
    ({"in": {"$elemMatch": {"x": {"$geoWithin": 1}}}}, NotSupportedError, r"\$geoWithin.*'x'"),
]


@pytest.mark.parametrize(("filter", "error", "message"), FILTERS, ids=lambda value: str(value)[:40])
async def test_a_filter_that_means_nothing_is_refused_by_every_method(
    users: Any, refused: Refused, filter: Any, error: type[Exception], message: str
) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: users.find(filter).to_list(),
        lambda: users.count(filter),
        lambda: users.exists(filter),
        lambda: users.count_documents(filter),
        lambda: users.distinct("n", filter),
        lambda: users.delete_one(filter),
        lambda: users.delete_many(filter),
        lambda: users.update_one(filter, {"$set": {"n": 9}}, upsert=True),
        lambda: users.update_many(filter, {"$set": {"n": 9}}, upsert=True),
        lambda: users.replace_one(filter, {}, upsert=True),
        lambda: users.find_one_and_update(filter, {"$set": {"n": 9}}, upsert=True),
        lambda: users.find_one_and_replace(filter, {}, upsert=True),
        lambda: users.find_one_and_delete(filter),
    ]
    for call in calls:
        async with refused(error, message):
            await call()


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"projection": {"n": 1, "text": 0}}, r"'text'"),
    ({"projection": "n"}, r"list of field names"),
    ({"projection": 5}, r"list of field names|int"),
    ({"projection": [1]}, r"str|name"),
    ({"projection": {"in": 1, "in.x": 1}}, r"in\.x|in"),
    ({"projection": ["$n"]}, r"\$n"),
    ({"sort": 5}, r"sort"),
    ({"sort": [("n", 2)]}, r"'n'.*1.*-1"),
    ({"sort": {"n": "down"}}, r"'n'.*1.*-1"),
    ({"sort": [("n",)]}, r"sort|pair"),
    ({"sort": "a..b"}, r"a\.\.b.*empty"),
    ({"sort": ""}, r"empty"),
    ({"skip": -1}, r"skip.*negative"),
    ({"skip": "1"}, r"skip.*int.*str"),
    ({"skip": 1.0}, r"skip.*int.*float"),
    ({"limit": "1"}, r"limit.*int.*str"),
    ({"limit": True}, r"limit.*int.*bool"),
    ({"hint": "nope"}, r"'nope'"),
    ({"hint": 5}, r"hint|int"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=lambda value: str(value)[:40])
async def test_an_option_of_find_that_means_nothing_is_refused(
    users: Any, refused: Refused, options: dict[str, Any], message: str
) -> None:
    async with refused(QueryError, message):
        await users.find({}, **options).to_list()


async def test_an_option_that_find_does_not_have_is_refused(users: Any) -> None:
    with pytest.raises(TypeError, match="sortt"):
        users.find({}, sortt="n")

    assert await users.count() == 2


@pytest.mark.parametrize("key", ["", "a..b", "$n", 5])
async def test_a_path_that_means_nothing_is_refused_by_distinct(users: Any, refused: Refused, key: Any) -> None:
    async with refused(QueryError, "path"):
        await users.distinct(key)


# ── updates ─────────────────────────────────────────────────────────────────────

UPDATES: list[tuple[Any, type[Exception], str, int | None]] = [
    ({"$ste": {"n": 1}}, QueryError, r"'\$ste'.*'\$set'", 9),
    ({"$set": {"n": 1}, "$psh": {"list": 1}}, QueryError, r"'\$psh'.*'\$push'", 9),
    ({"n": 1}, QueryError, r"\$set.*replace_one", 9),
    ({}, QueryError, r"\$set.*replace_one", 9),
    ({"$set": {"n": 1}, "m": 1}, QueryError, r"'m'", 9),
    (5, QueryError, r"int", 9),
    (None, QueryError, r"NoneType", 9),
    ({"$set": 5}, QueryError, r"\$set.*int", 9),
    ({"$inc": {"n": "1"}}, QueryError, r"\$inc.*'n'.*number.*str", 14),
    ({"$inc": {"text": 1}}, WriteError, r"\$inc.*'text'.*string", 14),
    ({"$push": {"n": 1}}, WriteError, r"\$push.*'n'.*array", 2),
    ({"$pull": {"text": 1}}, WriteError, r"\$pull.*'text'.*array", 2),
    ({"$push": {"list": {"$each": 5}}}, QueryError, r"\$each.*array", None),
    ({"$push": {"list": {"$each": [1], "$slise": 1}}}, QueryError, r"'\$slise'.*'\$slice'", None),
    ({"$set": {"text.x": 1}}, WriteError, r"text", 28),
    ({"$set": {"": 1}}, QueryError, r"empty", None),
    ({"$set": {"a..b": 1}}, QueryError, r"empty", None),
    ({"$set": {"n": 1}, "$inc": {"n": 1}}, QueryError, r"'n'.*conflict", 40),
    ({"$set": {"in": 1, "in.x": 1}}, QueryError, r"'in\.x'.*conflict", 40),
    ({"$set": {"_id": 9}}, WriteError, r"immutable.*'_id'", 66),
    ({"$unset": {"_id": ""}}, WriteError, r"immutable.*'_id'", 66),
    ({"$inc": {"_id": 1}}, WriteError, r"immutable.*'_id'", 66),
    ({"$set": {"x": {"y": [1, {2}]}}}, DocumentError, r"x\.y\.1: a set", 2),
    ({"$set": {"x": 2**63}}, DocumentError, r"x: .*64 bits", 2),
    ({"$inc": {"n": 2**63 - 1}}, WriteError, r"\$inc.*'n'.*64 bits", 2),
    ({"$push": {"list": Colour.RED}}, DocumentError, r"list: a Colour", 2),
    ({"$set": {"n\0": 1}}, NosqlpyError, r"NUL", None),
    ({"$set": {1: 1}}, QueryError, r"str.*int", None),
    ([{"$group": {"_id": "$n"}}], QueryError, r"\$group", 72),
    ({"$set": {"list.$": 1}}, WriteError, r"'list\.\$'", 2),
]


@pytest.mark.parametrize(("update", "error", "message", "code"), UPDATES, ids=lambda value: str(value)[:50])
async def test_an_update_that_cannot_be_made_is_refused_by_every_method(
    users: Any, refused: Refused, update: Any, error: type[Exception], message: str, code: int | None
) -> None:
    for call in (users.update_one, users.update_many, users.find_one_and_update):
        async with refused(error, message, code=code):
            await call({"_id": 1}, update)


async def test_an_update_that_fails_names_the_document(users: Any) -> None:
    with pytest.raises(WriteError) as caught:
        await users.update_many({}, {"$inc": {"text": 1}})

    assert caught.value.details["_id"] == 1


REPLACEMENTS: list[tuple[Any, type[Exception], str]] = [
    ({"$set": {"n": 1}}, QueryError, r"'\$set'.*update_one"),
    (5, NosqlpyError, r"int"),
    ([], NosqlpyError, r"list"),
    ({"_id": 9}, WriteError, r"immutable.*'_id'"),
    ({"x": {1}}, DocumentError, r"x: a set"),
    ({1: 1}, DocumentError, r"key.*int"),
]


@pytest.mark.parametrize(("replacement", "error", "message"), REPLACEMENTS, ids=lambda value: str(value)[:40])
async def test_a_replacement_that_cannot_be_stored_is_refused(
    users: Any, refused: Refused, replacement: Any, error: type[Exception], message: str
) -> None:
    for call in (users.replace_one, users.find_one_and_replace):
        async with refused(error, message):
            await call({"_id": 1}, replacement)


# ── documents ───────────────────────────────────────────────────────────────────

loop: dict[str, Any] = {}
loop["self"] = loop

DOCUMENTS: list[tuple[Any, str]] = [
    (5, r"mapping.*int"),
    (None, r"mapping.*NoneType"),
    ([("a", 1)], r"mapping.*list"),
    ({1: 2}, r"key.*str.*int"),
    ({None: 2}, r"key.*str.*NoneType"),
    ({"a": {b"b": 1}}, r"a: .*key.*bytes"),
    ({"a": [{}, {2: 1}]}, r"a\.1: .*key.*int"),
    ({"a\0b": 1}, r"NUL"),
    ({"x": {"a\0": 1}}, r"x: .*NUL"),
    ({"\ud800": 1}, r"key.*surrogate"),
    ({"a": "\ud800"}, r"a: .*surrogate"),
    ({"a": ["ok", {"b": "x\udfff"}]}, r"a\.1\.b: .*surrogate"),
    ({"n": 2**63}, r"n: .*64 bits"),
    ({"n": -(2**63) - 1}, r"n: .*64 bits"),
    ({"n": 2**64}, r"n: .*64 bits"),
    ({"a": {"b": [1, 2**70]}}, r"a\.b\.1: .*64 bits"),
    ({"a": {1, 2}}, r"a: a set.*list"),
    ({"a": [{"b": {"c": frozenset()}}]}, r"a\.0\.b\.c: a frozenset.*list"),
    ({"a": datetime.date(2024, 1, 1)}, r"a: a date .*datetime"),
    ({"a": datetime.timedelta(1)}, r"a: a timedelta.*seconds"),
    ({"a": bytearray(b"x")}, r"a: a bytearray.*bytes"),
    ({"a": Colour.RED}, r"a: a Colour.*value"),
    ({"a": Point(1)}, r"a: a Point.*asdict"),
    ({"a": {"b": object()}}, r"a\.b: an object"),
    ({"a": 1 + 2j}, r"a: a complex"),
    ({"a": len}, r"a: a builtin_function"),
    ({"a": Decimal("1E+7000")}, r"a: a Decimal.*Decimal128"),
    ({"a": nested(100)}, r"100 levels"),
    (loop, r"100 levels"),
    ({"_id": None}, r"_id.*null"),
    ({"_id": [1]}, r"_id.*array"),
    ({"_id": (1,)}, r"_id.*array"),
    ({"_id": {1}}, r"_id: a set"),
    ({"_id": {"$gt": 1}}, r"_id.*\$"),
    ({"_id": 2**64}, r"_id: .*64 bits"),
    ({"_id": {"a": object()}}, r"_id\.a: an object"),
]


@pytest.mark.parametrize(("document", "message"), DOCUMENTS, ids=lambda value: str(value)[:40])
async def test_a_document_that_cannot_be_stored_is_refused_with_its_path(
    users: Any, refused: Refused, document: Any, message: str
) -> None:
    for call, argument in (
        (users.insert, document),
        (users.insert_one, document),
        (users.save, document),
        (users.insert_many, [{"fine": True}, document]),
    ):
        async with refused(DocumentError, message):
            await call(argument)


async def test_a_refused_document_is_never_shown(users: Any) -> None:
    with pytest.raises(DocumentError) as caught:
        await users.insert({"password": "hunter2", "card": [4111, {"cvc": {"secret"}}]})

    assert "hunter2" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "card.1.cvc" in str(caught.value)


async def test_nesting_of_100_is_stored_and_101_is_refused(users: Any, refused: Refused) -> None:
    deepest = {"_id": 3, "a": nested(99)}
    async with refused(DocumentError, "100 levels", code=15):
        await users.insert({"_id": 3, "a": nested(100)})
    await users.insert(deepest)

    assert await users.get(3) == deepest
    assert await users.find_one({"_id": {"$gt": 2}}) == deepest


async def test_an_update_cannot_nest_deeper_than_100(users: Any, stored: Any) -> None:
    await users.insert({"_id": 3, "a": nested(98, {})})
    path = ".".join(["a", *("a" if level % 2 else "0" for level in reversed(range(98)))])
    with pytest.raises(DocumentError, match="100 levels"):
        await users.update_one({"_id": 3}, {"$set": {f"{path}.x": {"y": 1}}})

    assert await users.get(3) == {"_id": 3, "a": nested(98, {})}


async def test_16_mib_are_stored_and_one_byte_more_is_refused(users: Any, refused: Refused) -> None:
    overhead = 1 + 4 + 1 + 2 + 5  # the map, "_id", 3, "a", the head of the text
    async with refused(DocumentTooLarge, "16777217.*16777216", code=10334):
        await users.insert({"_id": 3, "a": "x" * ((16 << 20) - overhead + 1)})
    await users.insert({"_id": 3, "a": "x" * ((16 << 20) - overhead)})

    assert len((await users.get(3))["a"]) == (16 << 20) - overhead


async def test_an_update_cannot_grow_a_document_past_16_mib(users: Any) -> None:
    await users.insert({"_id": 3, "a": "x" * (16 << 20 >> 1)})
    with pytest.raises(DocumentTooLarge, match="16777216"):
        await users.update_one({"_id": 3}, {"$set": {"b": "x" * (16 << 20 >> 1)}})

    assert list(await users.get(3)) == ["_id", "a"]


async def test_a_duplicate_id_is_refused_by_every_insert(users: Any, refused: Refused) -> None:
    for call in (users.insert, users.insert_one):
        for duplicate in (1, 1.0, Decimal("1.0")):
            async with refused(DuplicateKeyError, "users.*_id", code=11000):
                await call({"_id": duplicate})


async def test_nan_may_be_an_id_and_two_of_them_are_duplicates(users: Any) -> None:
    await users.insert({"_id": math.nan, "n": 1})
    with pytest.raises(DuplicateKeyError):
        await users.insert({"_id": float("nan")})
    with pytest.raises(DuplicateKeyError):
        await users.insert({"_id": Decimal("NaN")})

    assert (await users.get(math.nan))["n"] == 1
    assert await users.count({"_id": math.nan}) == 1
    assert await users.delete(float("nan")) is True


@pytest.mark.parametrize("id", [{1}, object(), Colour.RED], ids=lambda id: type(id).__name__)
async def test_an_id_that_cannot_be_stored_is_refused_by_reads_too(users: Any, refused: Refused, id: Any) -> None:
    for call in (users.get, users.delete, users.find_one):
        async with refused(QueryError, type(id).__name__):
            await call(id)


# ── names ───────────────────────────────────────────────────────────────────────

NAMES: list[tuple[Any, str]] = [
    ("../x", r"\.\./x"),
    ("..", r"'\.\.'"),
    (".hidden", r"\.hidden"),
    ("end.", r"end\."),
    ("a..b", r"a\.\.b"),
    ("a\0b", r"\\x00"),
    ("a\nb", r"\\n"),
    ("a$b", r"'\$'"),
    ("$cmd", r"'\$'"),
    ("", "1 to 120 characters.*0"),
    ("x" * 121, "1 to 120 characters.*121"),
    ("x" * 300, "1 to 120 characters.*300"),
    ("\ud800", "ud800"),
    ("\u202e", "u202e"),
    (5, "str.*int"),
    (None, "str.*NoneType"),
    (b"users", "str.*bytes"),
]


@pytest.mark.parametrize(("name", "message"), NAMES, ids=lambda value: repr(value)[:20])
async def test_a_collection_name_that_cannot_be_stored_is_refused(
    stored: Any, users: Any, refused: Refused, name: Any, message: str
) -> None:
    async with refused(InvalidName, message):
        stored[name]
    async with refused(InvalidName, message):
        stored.collection(name)
    async with refused(InvalidName, message):
        await stored.create_collection(name)
    async with refused(InvalidName, message):
        await users.rename(name)


# ── places ──────────────────────────────────────────────────────────────────────


async def test_a_file_where_a_directory_is_expected_is_refused(connect: Any, tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text("precious", encoding="utf-8")
    with pytest.raises(StorageError, match=r"data\.json.*is a file.*directory"):
        await connect(file).open()
    with pytest.raises(StorageError, match=r"directory"):
        await connect(file / "inside").open()

    assert file.read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("name", ["photo.jpg", "seg-1.nql", "MANIFEST.txt", ".hidden", "sub/"])
async def test_a_directory_that_is_not_ours_is_refused(connect: Any, directory: Path, name: str) -> None:
    directory.mkdir()
    if name.endswith("/"):
        (directory / name).mkdir()
    else:
        (directory / name).write_text("precious", encoding="utf-8")
    with pytest.raises(StorageError, match=rf"'{name.strip('/')}'.*no database.*empty or a new directory"):
        await connect(directory)["users"].insert({})

    assert sorted(path.name for path in directory.iterdir() if path.name != "LOCK") == [name.strip("/")]


async def test_a_database_tolerates_foreign_files_that_come_later(connect: Any, directory: Path) -> None:
    async with connect(directory) as client:
        await client["users"].insert({"_id": 1})
    (directory / "notes.txt").write_text("precious", encoding="utf-8")

    assert await connect(directory)["users"].count() == 1
    assert (directory / "notes.txt").read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("durability", ["sfe", "", None.__class__, 5, ["safe"]], ids=str)
async def test_a_durability_that_is_none_is_refused_for_a_single_write(
    users: Any, refused: Refused, durability: Any
) -> None:
    for call, arguments in (
        (users.insert, [{}]),
        (users.insert_many, [[{}]]),
        (users.update_many, [{}, {"$set": {"n": 9}}]),
        (users.delete, [1]),
        (users.drop, []),
    ):
        async with refused(ConfigurationError, "durability.*fast, safe, durable"):
            await call(*arguments, durability=durability)


async def test_a_misspelt_durability_of_a_write_names_the_nearest(users: Any, refused: Refused) -> None:
    async with refused(ConfigurationError, "'durable'"):
        await users.insert({}, durability="durabel")


# ── states ──────────────────────────────────────────────────────────────────────


async def test_use_after_close_is_refused_and_says_what_to_do(stored: Any, users: Any, directory: Path) -> None:
    await stored.close()
    before = content(directory)
    with pytest.raises(ClosedError, match=r"closed.*make a new one") as caught:
        await users.insert({})

    assert isinstance(caught.value, InvalidOperation)
    assert content(directory) == before


@pytest.mark.parametrize("first", ["asyncio", "trio"])
@pytest.mark.parametrize("second", ["asyncio", "trio"])
def test_an_async_client_in_a_second_event_loop_is_refused(first: str, second: str, directory: Path) -> None:
    client = AsyncClient(directory)
    refusals: list[type] = []

    async def begin() -> None:
        await client["users"].insert({"_id": 1})

    async def go_on() -> None:
        for call in (
            lambda: client["users"].insert({"_id": 2}),
            lambda: client["users"].get(1),
            lambda: client["users"].find().to_list(),
            lambda: client["users"].update_many({}, {"$set": {"a": 1}}),
            client.compact,
            client.sync,
        ):
            with pytest.raises(InvalidOperation, match=r"event loop.*another one") as caught:
                await call()
            refusals.append(type(caught.value))
        await client.close()
        async with AsyncClient(directory) as other:
            found.extend(await other["users"].find())

    found: list[Any] = []
    anyio.run(begin, backend=first)
    anyio.run(go_on, backend=second)

    assert refusals == [InvalidOperation] * 6
    assert found == [{"_id": 1}]


async def test_an_error_of_bad_input_can_be_pickled(users: Any) -> None:
    with pytest.raises(DocumentError) as caught:
        await users.insert({"a": {1}})
    again = pickle.loads(pickle.dumps(caught.value))

    assert (type(again), str(again), again.code) == (DocumentError, str(caught.value), caught.value.code)
