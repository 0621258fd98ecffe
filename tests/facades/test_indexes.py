"""Indexes: definitions, use, and answers that do not depend on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import pytest

from nosqlpy import IndexModel, NotSupportedError, OperationFailure, QueryError

DOCUMENTS = [
    {"_id": 1, "a": 1, "in": {"x": 1}},
    {"_id": 2, "a": 1.0, "in": {"x": [1, 2]}},
    {"_id": 3, "a": True, "in": [{"x": 2}, {"x": 3}]},
    {"_id": 4, "a": None},
    {"_id": 5},
    {"_id": 6, "a": [1, 2, 2]},
    {"_id": 7, "a": []},
    {"_id": 8, "a": "1"},
    {"_id": 9, "a": {"b": 1}},
    {"_id": 10, "a": float("nan")},
    {"_id": 11, "a": [[1, 2]]},
]
FILTERS: list[dict[str, Any]] = [
    {"a": 1},
    {"a": {"$eq": 1}},
    {"a": True},
    {"a": None},
    {"a": "1"},
    {"a": [1, 2]},
    {"a": []},
    {"a": {"b": 1}},
    {"a": float("nan")},
    {"a": {"$in": [2, "1", None]}},
    {"a": {"$in": []}},
    {"a": {"$ne": 1}},
    {"a": 1, "_id": {"$gt": 1}},
    {"$and": [{"a": 1}, {"_id": 6}]},
    {"$or": [{"a": "1"}, {"_id": 5}]},
    {"a": 99},
    {"in.x": 2},
    {"in.x": [1, 2]},
    {"in.x": None},
    {"in.x": {"$in": [1, 3]}},
    {"a": {"$not": {"$eq": 1}}},
    {"a": {"$gt": 0, "$in": [1, 2]}},
]


@pytest.fixture
async def many(users: Any) -> Any:
    """A collection of a thousand documents, ten to each value of ``n``."""
    await users.insert_many([{"_id": i, "n": i % 100, "tags": [i % 3, "t"]} for i in range(1000)])
    return users


def leaf(explained: dict[str, Any]) -> dict[str, Any]:
    """Return the stage of a plan that reads the index or the collection."""
    plan: dict[str, Any] = explained["queryPlanner"]["winningPlan"]
    while "inputStage" in plan:
        plan = plan["inputStage"]
    return plan


async def stage(cursor: Any) -> str:
    return str(leaf(await cursor.explain())["stage"])


async def test_create_index_returns_its_name(users: Any) -> None:
    assert await users.create_index("email") == "email_1"
    assert await users.create_index([("age", -1)]) == "age_-1"
    assert await users.create_index({"home.city": 1}) == "home.city_1"
    assert await users.create_index(["zip"]) == "zip_1"
    assert await users.create_index("phone", name="by phone") == "by phone"


async def test_creating_an_index_again_changes_nothing(users: Any) -> None:
    await users.create_index("email")

    assert await users.create_index("email") == "email_1"
    assert list(await users.index_information()) == ["_id_", "email_1"]


async def test_index_information_is_pymongos(users: Any) -> None:
    await users.create_index("email")

    assert await users.index_information() == {
        "_id_": {"v": 2, "key": [("_id", 1)]},
        "email_1": {"v": 2, "key": [("email", 1)]},
    }


async def test_list_indexes_describes_every_index(users: Any) -> None:
    await users.create_index("email")

    assert await users.list_indexes() == [
        {"v": 2, "key": {"_id": 1}, "name": "_id_"},
        {"v": 2, "key": {"email": 1}, "name": "email_1"},
    ]


async def test_a_collection_that_is_not_there_has_no_indexes(users: Any) -> None:
    assert await users.index_information() == {}
    assert await users.list_indexes() == []


@pytest.mark.parametrize("index", ["email_1", "email", [("email", 1)], {"email": 1}])
async def test_an_index_is_dropped_by_its_name_field_or_keys(users: Any, index: Any) -> None:
    await users.create_index("email")
    await users.drop_index(index)

    assert list(await users.index_information()) == ["_id_"]


async def test_drop_indexes_drops_all_but_that_of_the_id(users: Any) -> None:
    await users.create_index("a")
    await users.create_index("b")
    await users.drop_indexes()

    assert list(await users.index_information()) == ["_id_"]


async def test_dropping_an_index_that_is_not_there_names_the_nearest(users: Any) -> None:
    await users.create_index("email")
    with pytest.raises(OperationFailure, match=r"'emial_1'.*'email_1'") as caught:
        await users.drop_index("emial_1")

    assert caught.value.code == 27


async def test_the_index_of_the_id_stays(users: Any) -> None:
    await users.insert({})
    with pytest.raises(OperationFailure, match="_id") as caught:
        await users.drop_index("_id_")

    assert caught.value.code == 72


async def test_an_index_name_that_has_other_keys_is_refused(users: Any) -> None:
    await users.create_index("a", name="mine")
    with pytest.raises(OperationFailure, match="mine") as caught:
        await users.create_index("b", name="mine")

    assert caught.value.code == 86


async def test_keys_that_are_indexed_under_another_name_are_refused(users: Any) -> None:
    await users.create_index("a")
    with pytest.raises(OperationFailure, match="a_1") as caught:
        await users.create_index("a", name="mine")

    assert caught.value.code == 85


@pytest.mark.parametrize(
    ("keys", "options", "error", "message"),
    [
        ("a", {"background": True}, NotSupportedError, "background"),
        ("a", {"uniq": True}, QueryError, "'uniq'.*'unique'"),
        ("a", {"expireAfterSeconds": -5}, QueryError, "expireAfterSeconds"),
        ("a", {"partialFilterExpression": 1}, QueryError, "'partialFilterExpression'"),
        ("a", {"2dsphereIndexVersion": 3}, NotSupportedError, "'2dsphereIndexVersion'"),
        ("-a", {}, QueryError, r"\[\('a', -1\)\]"),
        ([("-a", 1)], {}, QueryError, r"\[\('a', -1\)\]"),
        ([("a", "2dsphere")], {}, NotSupportedError, "2dsphere"),
        ([("a", "txt")], {}, QueryError, "'txt'.*'text'"),
        ([("a", 2)], {}, QueryError, "'a'.*1 or -1"),
        ("a.$", {}, QueryError, r"a\.\$"),
        ("", {}, QueryError, "empty"),
        ([], {}, QueryError, "at least one"),
        (5, {}, QueryError, "int"),
    ],
)
async def test_an_index_that_cannot_be_made_is_refused(
    users: Any, keys: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    await users.insert({})
    with pytest.raises(error, match=message):
        await users.create_index(keys, **options)

    assert list(await users.index_information()) == ["_id_"]


async def test_explain_shows_that_an_index_is_used(many: Any) -> None:
    before = await many.find({"n": 5}).explain()
    await many.create_index("n")
    after = await many.find({"n": 5}).explain()

    assert before["queryPlanner"]["winningPlan"] == {"stage": "COLLSCAN", "direction": "forward"}
    assert before["candidates"] == 1000
    assert after["queryPlanner"]["winningPlan"] == {
        "stage": "FETCH",
        "inputStage": {
            "stage": "IXSCAN",
            "keyPattern": {"n": 1},
            "indexName": "n_1",
            "isMultiKey": False,
            "isUnique": False,
            "isSparse": False,
            "isPartial": False,
            "direction": "forward",
            "indexBounds": {"n": ["[5, 5]"]},
        },
    }
    assert after["candidates"] == 10


async def test_explain_shows_that_an_id_is_looked_up(many: Any) -> None:
    assert await stage(many.find({"_id": 5})) == "IDHACK"
    assert await stage(many.find({"_id": {"$in": [1, 2]}})) == "IDHACK"


async def test_explain_shows_that_a_range_of_ids_is_a_scan_of_their_index(many: Any) -> None:
    explained = await many.find({"_id": {"$gt": 990}}).sort("_id", -1).limit(3).explain("executionStats")
    page = await many.find({"_id": {"$gt": 10}}).sort("_id").limit(2).to_list()

    assert leaf(explained) == {
        "stage": "IXSCAN",
        "keyPattern": {"_id": 1},
        "indexName": "_id_",
        "isMultiKey": False,
        "isUnique": True,
        "isSparse": False,
        "isPartial": False,
        "direction": "backward",
        "indexBounds": {"_id": ["(990, highest number]"]},
    }
    assert explained["executionStats"]["totalKeysExamined"] == 3
    assert [document["_id"] for document in page] == [11, 12]


async def test_explain_shows_that_an_answer_came_from_an_index_alone(many: Any) -> None:
    await many.create_index("n")
    covered = many.find({"n": {"$gt": 97}}, {"_id": 0, "n": 1}).sort("n").limit(11)
    explained = await covered.explain("executionStats")
    stats = explained["executionStats"]

    assert explained["queryPlanner"]["winningPlan"]["inputStage"]["stage"] == "PROJECTION_COVERED"
    assert explained["queryPlanner"]["winningPlan"]["inputStage"]["inputStage"]["stage"] == "IXSCAN"
    assert (stats["totalDocsExamined"], stats["docsDecoded"], stats["nReturned"]) == (0, 0, 11)
    assert await covered.to_list() == [{"n": 98}] * 10 + [{"n": 99}]
    assert await many.find_one({"n": 98}, {"_id": 0, "n": 1}) == {"n": 98}


async def test_the_keys_of_an_index_make_objects_of_a_type(db: Any) -> None:
    class Named(TypedDict):
        name: str

    await db["people"].insert_many([{"name": "ada", "age": 36}, {"name": "bob", "age": 17}])
    await db["people"].create_index("name")

    assert await db["people"].find({"name": "ada"}, {"_id": 0, "name": 1}, type=Named).to_list() == [{"name": "ada"}]


async def test_the_hint_of_the_id_uses_its_index(many: Any) -> None:
    assert await stage(many.find({"n": 5}, hint="_id_")) == "IXSCAN"
    assert await stage(many.find({"_id": 5}, hint={"_id": 1})) == "IDHACK"
    assert len(await many.find({"n": 5}, hint="_id_").to_list()) == 10


async def test_a_range_is_found_by_an_index(many: Any) -> None:
    await many.create_index("n")

    assert await stage(many.find({"n": {"$gt": 5}})) == "IXSCAN"
    assert await many.count({"n": {"$gte": 5, "$lt": 7}}) == 20


async def test_an_index_that_does_not_narrow_is_not_used(many: Any) -> None:
    await many.create_index("tags")

    assert await stage(many.find({"tags": "t"})) == "COLLSCAN"
    assert await stage(many.find({"tags": 1})) == "IXSCAN"


async def test_the_narrower_of_two_indexes_is_used(many: Any) -> None:
    await many.create_index("tags")
    await many.create_index("n")
    explained = await many.find({"tags": 1, "n": 7}).explain()

    assert leaf(explained)["indexName"] == "n_1"


async def test_a_dropped_index_is_not_used(many: Any) -> None:
    await many.create_index("n")
    await many.drop_index("n_1")

    assert await stage(many.find({"n": 5})) == "COLLSCAN"


@pytest.mark.parametrize("hint", ["n_1", [("n", 1)], {"n": 1}])
async def test_a_hint_names_the_index_to_use(many: Any, hint: Any) -> None:
    await many.create_index("n")
    await many.create_index("tags")
    explained = await many.find({"tags": 1, "n": 7}, hint=hint).explain()

    assert leaf(explained)["indexName"] == "n_1"


async def test_the_hint_natural_scans_the_collection(many: Any) -> None:
    await many.create_index("n")

    assert await stage(many.find({"n": 5}, hint="$natural")) == "COLLSCAN"
    assert await stage(many.find({"n": 5}).hint([("$natural", 1)])) == "COLLSCAN"
    assert len(await many.find({"n": 5}, hint="$natural")) == 10


@pytest.mark.parametrize("hint", [[("$natural", -1)], {"$natural": -1}])
async def test_a_scan_backwards_begins_with_what_was_inserted_last(many: Any, hint: Any) -> None:
    forwards = await many.find({"n": 5}, hint="$natural")

    assert await many.find({"n": 5}, hint=hint) == forwards[::-1]
    assert (await many.find({"n": 5}, hint=hint).explain())["queryPlanner"]["winningPlan"]["direction"] == "backward"


async def test_natural_order_can_be_asked_for_backwards(many: Any) -> None:
    everything = await many.find()
    await many.create_index("n")

    assert await many.find(sort="-$natural") == everything[::-1]
    assert await many.find().sort("$natural", -1).skip(1).limit(2) == everything[-2:-4:-1]
    assert await many.find(sort={"$natural": 1}) == everything
    assert await many.find_one({"n": 5}, sort=[("$natural", -1)]) == (await many.find({"n": 5}))[-1]
    assert (await many.find_one_and_delete({"n": 5}, sort="-$natural"))["_id"] == 905
    assert len(await many.find({"n": 5}, sort="-$natural")) == 9


async def test_natural_order_stands_alone(many: Any) -> None:
    for refused in ({"sort": ["$natural", "n"]}, {"sort": "-$natural", "hint": {"$natural": 1}}):
        with pytest.raises(QueryError, match="natural") as caught:
            many.find(**refused)
        assert caught.value.code == 2


@pytest.mark.parametrize("filter", [{}, {"n": 5}])
async def test_a_hint_that_names_no_index_is_refused(many: Any, filter: dict[str, Any]) -> None:
    with pytest.raises(QueryError, match="nope"):
        await many.find(filter, hint="nope").to_list()
    with pytest.raises(QueryError, match="nope"):
        await many.count_documents(filter, hint="nope")


@pytest.mark.parametrize("filter", FILTERS, ids=str)
async def test_an_index_changes_no_answer(users: Any, filter: dict[str, Any]) -> None:
    await users.insert_many(DOCUMENTS)
    before = await users.find(filter, ["_id"])
    await users.create_index("a")
    await users.create_index("in.x")
    after = await users.find(filter, ["_id"], sort="_id")

    assert after == before
    assert await users.count(filter) == len(before)


async def test_an_index_follows_every_write(many: Any) -> None:
    await many.create_index("n")
    await many.update_many({"n": 1}, {"$set": {"n": "one"}})
    await many.delete_many({"n": 2})
    await many.insert({"_id": "new", "n": "one"})
    await many.replace_one({"_id": 3}, {"n": "one"})
    await many.save({"_id": 4, "n": "one"})

    assert await many.count({"n": "one"}) == 13
    assert await many.count({"n": 1}) == 0
    assert await many.count({"n": 2}) == 0
    assert await many.count({"n": 3}) == 9
    assert await stage(many.find({"n": "one"})) == "IXSCAN"


async def test_an_index_serves_updates_and_deletions(many: Any) -> None:
    await many.create_index("n")

    assert (await many.update_many({"n": 5}, {"$set": {"n": 6}})).modified_count == 10
    assert (await many.delete_many({"n": 6})).deleted_count == 20
    assert await many.count() == 980


async def test_a_cleared_collection_keeps_its_indexes(many: Any) -> None:
    await many.create_index("n")
    await many.clear()
    await many.insert_many([{"n": i} for i in range(10)])

    assert await stage(many.find({"n": 5})) == "IXSCAN"
    assert await many.count({"n": 5}) == 1


@pytest.mark.parametrize("compacted", [False, True])
async def test_an_index_is_there_after_reopening(connect: Any, directory: Path, compacted: bool) -> None:
    async with connect(directory) as db:
        await db["users"].insert_many([{"_id": i, "n": i % 10} for i in range(100)])
        await db["users"].create_index("n")
        if compacted:
            await db.compact()
    users = connect(directory)["users"]

    assert await stage(users.find({"n": 5})) == "IXSCAN"
    assert await users.count({"n": 5}) == 10


async def test_natural_order_is_kept_with_an_index(users: Any) -> None:
    await users.insert_many([{"_id": i, "n": i % 2} for i in range(10)])
    await users.create_index("n")
    await users.update_many({"_id": 1}, {"$set": {"n": 0}})

    assert await users.find({"n": 0}, ["_id"], sort="_id", limit=3) == [{"_id": 0}, {"_id": 1}, {"_id": 2}]


async def test_create_indexes_makes_several_at_once(users: Any) -> None:
    await users.insert({"a": 1})
    names = await users.create_indexes([IndexModel("a"), IndexModel([("b", -1)], name="mine"), IndexModel("a")])

    assert names == ["a_1", "mine", "a_1"]
    assert list(await users.index_information()) == ["_id_", "a_1", "mine"]
    assert await users.create_indexes([]) == []


async def test_create_indexes_makes_all_or_none(users: Any) -> None:
    with pytest.raises(OperationFailure) as caught:
        await users.create_indexes([IndexModel("a"), IndexModel("b", name="a_1")])

    assert caught.value.code == 86
    assert await users.index_information() == {}


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (IndexModel("a", sparse=1), QueryError, "'sparse'"),  # type: ignore[arg-type]
        (IndexModel("a", expire_after_seconds=-1), QueryError, "expireAfterSeconds"),
        (IndexModel("a", partial_filter_expression={"a": {"$ne": 1}}), QueryError, r"\$ne"),
        ("a", QueryError, "IndexModel.*str"),
    ],
    ids=repr,
)
async def test_an_index_model_that_cannot_be_made_is_refused(
    users: Any, index: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        await users.create_indexes([IndexModel("ok"), index])

    assert await users.index_information() == {}


async def test_an_index_is_hidden_and_shown_again(db: Any, many: Any) -> None:
    await many.create_index("n")
    await db.coll_mod("users", index={"name": "n_1", "hidden": True})

    assert await stage(many.find({"n": 5})) == "COLLSCAN"
    assert (await many.index_information())["n_1"]["hidden"] is True
    with pytest.raises(QueryError, match="names no index"):
        await many.find({"n": 5}, hint="n_1").to_list()

    await many.insert({"_id": "new", "n": 5})
    await db.coll_mod("users", index={"keyPattern": {"n": 1}, "hidden": False})

    assert await stage(many.find({"n": 5})) == "IXSCAN"
    assert await many.count({"n": 5}) == 11


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (5, QueryError, "document"),
        ({"name": "n_1"}, QueryError, "hidden"),
        ({"hidden": True}, QueryError, "keyPattern"),
        ({"name": "n_1", "hidden": 1}, QueryError, "True or False"),
        ({"name": "n_1", "hiden": True}, QueryError, "did you mean 'hidden'"),
        ({"name": "n_1", "expireAfterSeconds": -5}, QueryError, "expireAfterSeconds"),
        ({"name": "m_1", "hidden": True}, OperationFailure, "did you mean 'n_1'"),
        ({"name": "_id_", "hidden": True}, QueryError, "_id"),
    ],
    ids=repr,
)
async def test_a_change_of_an_index_that_cannot_be_made_is_refused(
    db: Any, users: Any, change: Any, error: type[Exception], message: str
) -> None:
    await users.create_index("n")
    with pytest.raises(error, match=message):
        await db.coll_mod("users", index=change)

    assert (await users.index_information())["n_1"] == {"v": 2, "key": [("n", 1)]}


async def test_the_growth_of_an_index_is_told_to_whoever_asks(users: Any) -> None:
    await users.insert_many([{"n": n} for n in range(2500)])
    told: list[tuple[int, int]] = []
    name = await users.create_index("n", progress=lambda done, total: told.append((done, total)))

    assert name == "n_1"
    assert told == [(1000, 2500), (2000, 2500), (2500, 2500)]
    await users.create_index("n", progress=lambda *_: told.append((0, 0)))
    assert len(told) == 3


async def test_what_is_told_can_end_the_building_and_nothing_is_left(users: Any) -> None:
    await users.insert_many([{"n": n} for n in range(2500)])

    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise ZeroDivisionError

    for unique in (False, True):
        with pytest.raises(ZeroDivisionError):
            await users.create_index("n", unique=unique, progress=stop)

    assert list(await users.index_information()) == ["_id_"]
    assert await users.create_index("n", unique=True) == "n_1"
    assert await users.count({"n": {"$gte": 2000}}) == 500


async def test_only_a_function_is_told(users: Any) -> None:
    with pytest.raises(QueryError, match="progress is a function, not bool"):
        await users.create_index("n", progress=True)

    assert await users.index_information() == {}


# jstests/core/write/update/update_numeric_field_name.js
async def test_a_number_that_is_a_position_and_a_field_of_the_elements_is_refused_by_an_index(users: Any) -> None:
    await users.insert({"_id": 0, "a": [{}]})
    await users.create_index("a.0.c")
    for name in ("a.0.0", "a.0.0.b"):
        with pytest.raises(OperationFailure) as caught:
            await users.update_one({"_id": 0}, {"$set": {name: 1}})
        assert caught.value.code == 16746
    with pytest.raises(OperationFailure):
        await users.insert({"_id": 1, "a": [1, {"0": 1}]})
    await users.update_one({"_id": 0}, {"$set": {"a.1.b.0.0": 1}})
    await users.insert({"_id": 2, "a": {"0": {"c": 1}}})

    assert await users.find({"a.0.c": 1}).to_list() == [{"_id": 2, "a": {"0": {"c": 1}}}]


async def test_no_index_is_built_where_a_number_means_a_position_and_a_field(users: Any) -> None:
    await users.insert_many([{"a": [{"0": {"c": 2}}]}, {"b": {"0": 1}}, {"b": [[{"0": 1}]]}])
    for keys in ("a.0.c", [("x", 1), ("a.0", 1)], "b.0.0"):
        with pytest.raises(OperationFailure) as caught:
            await users.create_index(keys)
        assert caught.value.code == 16746
    await users.create_index("b.0")
    await users.create_index("a.0.c", partialFilterExpression={"b": {"$exists": True}})

    assert await users.count({"b.0": 1}) == 1


async def test_an_index_holds_a_part_of_a_reference(users: Any) -> None:
    await users.insert({"_id": 1, "a": [{"b": {"$ref": "old", "$id": 0}}]})
    await users.create_index("a.b.$ref")

    assert await users.count({"a.b.$ref": "old"}) == 1
    for keys in ("$ref", "a.$b", "a.$ref.$c"):
        with pytest.raises(QueryError) as caught:
            await users.create_index(keys)
        assert caught.value.code == 67


@pytest.mark.parametrize("hint", [{"$natural": 5}, {"a": 0}, [], {"": 1}, [("a", "hashd")]], ids=str)
async def test_a_hint_that_can_be_no_index_is_a_bad_value(users: Any, hint: Any) -> None:
    with pytest.raises(QueryError, match="hint") as caught:
        await users.find({}, hint=hint).to_list()

    assert caught.value.code == 2
