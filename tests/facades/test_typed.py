"""Collections of msgspec Structs, dataclasses, TypedDicts and pydantic models."""

from __future__ import annotations

import decimal
import enum
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypedDict

import msgspec
import pytest

from nosqlpy import Client, ConfigurationError, DocumentError, ValidationError

pydantic = pytest.importorskip("pydantic")
bson = pytest.importorskip("bson")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class PlainStruct(msgspec.Struct):
    name: str
    age: int = 0
    _id: str | None = None


class RenamedStruct(msgspec.Struct):
    name: str
    age: int = 0
    id: str | None = msgspec.field(name="_id", default=None)


@dataclass
class PlainDataclass:
    name: str
    age: int = 0
    _id: str | None = None


@dataclass(frozen=True, slots=True)
class FrozenDataclass:
    name: str
    age: int = 0
    _id: str | None = None


class PlainModel(pydantic.BaseModel):  # type: ignore[misc, name-defined]
    model_config = {"populate_by_name": True}

    name: str
    age: int = 0
    id: str | None = pydantic.Field(default=None, alias="_id")


class PlainTypedDict(TypedDict, total=False):
    _id: str
    name: str
    age: int


TYPES = [PlainStruct, RenamedStruct, PlainDataclass, FrozenDataclass, PlainModel, PlainTypedDict]
every_type = pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
OBJECTS = [kind for kind in TYPES if kind is not PlainTypedDict]
every_object_type = pytest.mark.parametrize("kind", OBJECTS, ids=lambda kind: kind.__name__)


def with_id(kind: Any, id: str, **values: Any) -> Any:
    name = "id" if kind in (RenamedStruct, PlainModel) else "_id"
    return kind(**{name: id, **values})


class In(msgspec.Struct):
    at: datetime
    key: uuid.UUID


class RichStruct(msgspec.Struct):
    key: uuid.UUID
    price: decimal.Decimal
    at: datetime
    colour: Colour
    tags: set[str]
    blob: bytes
    pairs: list[tuple[int, uuid.UUID]]
    inner: In | None = None
    by_name: dict[str, decimal.Decimal] = {}
    _id: int = 1


@dataclass
class InData:
    at: datetime
    key: uuid.UUID


@dataclass
class RichDataclass:
    key: uuid.UUID
    price: decimal.Decimal
    at: datetime
    colour: Colour
    tags: set[str]
    blob: bytes
    pairs: list[tuple[int, uuid.UUID]]
    inner: InData | None = None
    by_name: dict[str, decimal.Decimal] = field(default_factory=dict)
    _id: int = 1


class InModel(pydantic.BaseModel):  # type: ignore[misc, name-defined]
    at: datetime
    key: uuid.UUID


class RichModel(pydantic.BaseModel):  # type: ignore[misc, name-defined]
    key: uuid.UUID
    price: decimal.Decimal
    at: datetime
    colour: Colour
    tags: set[str]
    blob: bytes
    pairs: list[tuple[int, uuid.UUID]]
    inner: InModel | None = None
    by_name: dict[str, decimal.Decimal] = {}
    id: int = pydantic.Field(default=1, alias="_id")


AT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
KEY = uuid.UUID(int=7)


def rich(kind: Any, inner: Any) -> Any:
    return kind(
        key=KEY,
        price=decimal.Decimal("9.90"),
        at=AT,
        colour=Colour.BLUE,
        tags={"a", "b"},
        blob=b"\x00",
        pairs=[(1, KEY)],
        inner=inner(at=AT, key=KEY),
        by_name={"x": decimal.Decimal(1)},
    )


RICH = [rich(RichStruct, In), rich(RichDataclass, InData), rich(RichModel, InModel)]
every_rich_object = pytest.mark.parametrize("thing", RICH, ids=lambda thing: type(thing).__name__)


@pytest.fixture
def db(connect: Any) -> Any:
    """A client of a database in memory: types know nothing of files."""
    return connect(":memory:")


@every_type
async def test_objects_go_in_and_come_out(db: Any, kind: Any) -> None:
    users = db.collection("users", type=kind)
    ada, bob = with_id(kind, "a", name="ada", age=36), with_id(kind, "b", name="bob", age=20)
    await users.insert(ada)
    await users.insert_many([bob])

    assert await users.get("a") == ada
    assert await users.find_one({"name": "bob"}) == bob
    assert await users.find(sort="age") == [bob, ada]
    assert [user async for user in users.find({"age": {"$gt": 30}})] == [ada]


@every_type
async def test_what_is_stored_is_a_plain_document(db: Any, kind: Any) -> None:
    await db.collection("users", type=kind).insert(with_id(kind, "a", name="ada", age=36))

    assert await db["users"].find() == [{"_id": "a", "name": "ada", "age": 36}]


@every_object_type
async def test_an_object_whose_id_is_none_gets_one(db: Any, kind: Any) -> None:
    users = db.collection("users", type=kind)
    thing = kind(name="ada")
    found = await users.insert(thing)

    assert len(found) == 24
    assert thing == kind(name="ada")
    assert await users.get(found) == with_id(kind, found, name="ada")


async def test_a_typed_dict_without_an_id_gets_one(db: Any) -> None:
    users = db.collection("users", type=PlainTypedDict)
    found = await users.insert({"name": "ada"})

    assert await users.get(found) == {"_id": found, "name": "ada"}


@every_type
async def test_every_write_takes_objects_and_every_read_returns_them(db: Any, kind: Any) -> None:
    users = db.collection("users", type=kind)
    await users.insert_one(with_id(kind, "a", name="ada"))
    await users.save(with_id(kind, "b", name="bob"))
    await users.replace_one({"_id": "a"}, with_id(kind, "a", name="eve", age=1))
    updated = await users.find_one_and_update({"_id": "a"}, {"$inc": {"age": 1}}, return_document=True)
    replaced = await users.find_one_and_replace({"_id": "b"}, with_id(kind, "b", name="cyd"))
    deleted = await users.find_one_and_delete({"_id": "b"})

    assert updated == with_id(kind, "a", name="eve", age=2)
    assert (replaced["name"] if kind is PlainTypedDict else replaced.name) == "bob"
    assert (deleted["name"] if kind is PlainTypedDict else deleted.name) == "cyd"


@every_type
async def test_a_projection_gives_plain_documents(db: Any, kind: Any) -> None:
    users = db.collection("users", type=kind)
    await users.insert(with_id(kind, "a", name="ada", age=36))

    assert await users.find({}, ["age"]) == [{"_id": "a", "age": 36}]
    assert await users.find().project({"name": 1, "_id": 0}) == [{"name": "ada"}]
    assert await users.find_one({}, ["age"]) == {"_id": "a", "age": 36}


@every_type
async def test_find_takes_a_type_of_its_own(db: Any, kind: Any) -> None:
    await db["users"].insert({"_id": "a", "name": "ada", "age": 36})

    assert await db["users"].find(type=kind) == [with_id(kind, "a", name="ada", age=36)]
    assert await db["users"].find({}, ["name"], type=kind).first() == with_id(
        kind, "a", name="ada", **({} if kind is PlainTypedDict else {"age": 0})
    )


async def test_find_can_undo_the_type_of_a_collection(db: Any) -> None:
    users = db.collection("users", type=PlainStruct)
    await users.insert(PlainStruct("ada"))
    found = await users.find(type=dict)

    assert type(found[0]) is dict


@every_type
async def test_a_stored_document_that_does_not_fit_is_refused_and_its_field_named(db: Any, kind: Any) -> None:
    await db["users"].insert({"_id": "a", "name": "ada", "age": "secret value"})
    users = db.collection("users", type=kind)
    for read in (lambda: users.get("a"), users.find_one, users.find().to_list):
        with pytest.raises(ValidationError, match=rf"{kind.__name__}.*age") as caught:
            await read()

        assert "secret value" not in str(caught.value)


@every_object_type
async def test_a_stored_document_that_lacks_a_field_is_refused(db: Any, kind: Any) -> None:
    await db["users"].insert({"_id": "a"})
    with pytest.raises(ValidationError, match=r"name"):
        await db.collection("users", type=kind).find().to_list()


def test_a_type_may_write_to_the_database_while_it_is_decoded() -> None:
    class Watched(msgspec.Struct):
        n: int = 0
        id: Any = msgspec.field(name="_id", default=None)

        def __post_init__(self) -> None:
            client["log"].insert({"n": self.n})

    with Client(":memory:") as client:
        counters = client.collection("counters", type=Watched)
        client["counters"].insert({"_id": "a", "n": 1})
        updated = counters.find_one_and_update({"_id": "a"}, {"$inc": {"n": 1}}, return_document=True)
        replaced = counters.find_one_and_replace({"_id": "a"}, Watched(5, "a"))
        deleted = counters.find_one_and_delete({"_id": "a"})
        upserted = counters.find_one_and_update({"_id": "b"}, {"$inc": {"n": 9}}, upsert=True, return_document=True)

    assert [found and found.n for found in (updated, replaced, deleted, upserted)] == [2, 2, 5, 9]


@every_object_type
async def test_a_find_one_and_update_whose_result_does_not_fit_changes_nothing(db: Any, kind: Any) -> None:
    users = db.collection("users", type=kind)
    await users.insert(with_id(kind, "a", name="ada"))
    with pytest.raises(ValidationError):
        await users.find_one_and_update({"_id": "a"}, {"$set": {"age": "x"}}, return_document=True)

    assert (await users.get("a")).age == 0


@every_object_type
@pytest.mark.parametrize("wrong", [{"name": "ada"}, In(AT, KEY), 5, None], ids=lambda wrong: type(wrong).__name__)
async def test_what_is_no_object_of_the_type_is_refused(db: Any, kind: Any, wrong: Any) -> None:
    users = db.collection("users", type=kind)
    for write, argument in ((users.insert, wrong), (users.insert_many, [wrong]), (users.save, wrong)):
        with pytest.raises(DocumentError, match=rf"{kind.__name__}.*{type(wrong).__name__}"):
            await write(argument)

    assert await db["users"].count() == 0


@every_rich_object
async def test_fields_of_every_usual_type_come_out_as_they_went_in(db: Any, thing: Any) -> None:
    things = db.collection("things", type=type(thing))
    await things.insert(thing)

    assert await things.get(1) == thing
    assert await things.find({"key": KEY, "price": decimal.Decimal("9.9"), "at": AT, "colour": "blue"}) == [thing]


@every_rich_object
async def test_fields_of_every_usual_type_are_stored_as_what_they_are(db: Any, thing: Any) -> None:
    await db.collection("things", type=type(thing)).insert(thing)
    stored = await db["things"].get(1)

    assert sorted(stored.pop("tags")) == ["a", "b"]
    assert stored == {
        "_id": 1,
        "key": KEY,
        "price": decimal.Decimal("9.90"),
        "at": AT,
        "colour": "blue",
        "blob": b"\x00",
        "pairs": [[1, KEY]],
        "inner": {"at": AT, "key": KEY},
        "by_name": {"x": decimal.Decimal(1)},
    }


class BsonStruct(msgspec.Struct):
    ref: bson.ObjectId
    id: bson.ObjectId = msgspec.field(name="_id", default_factory=bson.ObjectId)
    refs: list[bson.ObjectId] = []


@dataclass
class BsonDataclass:
    ref: bson.ObjectId
    _id: bson.ObjectId = field(default_factory=bson.ObjectId)
    refs: list[bson.ObjectId] = field(default_factory=list)


class BsonModel(pydantic.BaseModel):  # type: ignore[misc, name-defined]
    model_config = {"arbitrary_types_allowed": True}

    ref: bson.ObjectId
    id: bson.ObjectId = pydantic.Field(default_factory=bson.ObjectId, alias="_id")
    refs: list[bson.ObjectId] = []


@pytest.mark.parametrize("kind", [BsonStruct, BsonDataclass, BsonModel], ids=lambda kind: kind.__name__)
async def test_fields_may_be_of_bson_types(db: Any, kind: Any) -> None:
    ref = bson.ObjectId()
    things = db.collection("things", type=kind)
    thing = kind(ref=ref, refs=[ref])
    found = await things.insert(thing)

    assert type(found) is bson.ObjectId
    assert await things.get(found) == thing
    assert await db["things"].find_one() == {"_id": found, "ref": ref, "refs": [ref]}


@pytest.mark.parametrize("kind", [int, str, list, 5, "User", object])
async def test_a_type_that_documents_cannot_have_is_refused(db: Any, kind: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Struct.*dataclass.*TypedDict.*pydantic"):
        db.collection("users", type=kind)


async def test_a_field_that_cannot_be_stored_is_refused_with_its_path(db: Any) -> None:
    @dataclass
    class Odd:
        values: Any
        _id: int = 1

    odd = db.collection("odd", type=Odd)
    with pytest.raises(DocumentError, match=r"values\.0"):
        await odd.insert(Odd([timedelta_of_a_day()]))

    assert await odd.count() == 0


def timedelta_of_a_day() -> Any:
    return AT - AT.replace(day=5)


async def test_a_renamed_collection_keeps_its_type(db: Any) -> None:
    users = db.collection("users", type=PlainStruct)
    await users.insert(PlainStruct("ada", _id="a"))
    people = await users.rename("people")

    assert await people.find() == [PlainStruct("ada", _id="a")]


async def test_with_type_gives_the_same_collection_another_type(db: Any) -> None:
    await db["users"].insert({"_id": "a", "name": "ada", "age": 36})
    users = db["users"].with_type(PlainStruct)

    assert users.name == "users"
    assert await users.get("a") == PlainStruct("ada", 36, "a")


@every_type
async def test_the_error_of_a_document_that_does_not_fit_its_type_has_its_id(db: Any, kind: Any) -> None:
    await db["users"].insert({"_id": "a", "name": 5})
    users = db.collection("users", type=kind)
    for find in (users.get("a"), users.find_one({}), users.find().to_list()):
        with pytest.raises(ValidationError) as caught:
            await find

        assert caught.value.details == {"type": kind.__name__, "_id": "a"}


@every_type
async def test_project_gives_plain_dicts_whatever_type_the_find_had(db: Any, kind: Any) -> None:
    await db["users"].insert({"_id": "a", "name": "ada"})
    cursor = db["users"].find(type=kind).project(["name"]).sort("name")

    assert await cursor.clone() == [{"_id": "a", "name": "ada"}]
    assert type((await cursor)[0]) is dict


async def test_a_field_of_a_dataclass_that_is_unset_is_not_stored(db: Any) -> None:
    @dataclass
    class Person:
        name: str
        age: Any = msgspec.UNSET
        pattern: Any = msgspec.UNSET  # msgspec does not know bson's: such an object is taken apart in another way

    people = db.collection("people", type=Person)
    await people.insert_many([Person("ada"), Person("bob", age=1), Person("cleo", pattern=bson.Regex("^a"))])

    assert [set(found) - {"_id", "name"} for found in await db["people"].find().to_list()] == [
        set(),
        {"age"},
        {"pattern"},
    ]
