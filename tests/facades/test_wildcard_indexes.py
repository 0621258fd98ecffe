"""Wildcard indexes: which queries they answer, and that they stay exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nosqlpy import Client, IndexModel, OperationFailure
from nosqlpy._core.engine import hints, snapshots

PEOPLE = [
    {
        "_id": n,
        "n": n,
        "name": f"user{n}",
        "home": {"city": f"c{n % 50}", "zip": n % 90},
        "tags": [n % 60, {"k": n % 70}],
        "odd": {} if n % 100 == 0 else n,
    }
    for n in range(300)
]


@pytest.fixture
async def people(users: Any) -> Any:
    """Three hundred documents with nested fields and arrays, under a wildcard index."""
    await users.insert_many(PEOPLE)
    await users.create_index("$**")
    return users


async def leaf(cursor: Any) -> dict[str, Any]:
    """Return the stage of a plan that reads the index or the collection."""
    plan: dict[str, Any] = (await cursor.explain())["queryPlanner"]["winningPlan"]
    while "inputStage" in plan:
        plan = plan["inputStage"]
    return plan


async def ids(cursor: Any) -> list[Any]:
    return [document["_id"] for document in await cursor.to_list()]


@pytest.mark.parametrize(
    "filter",
    [
        {"name": "user7"},
        {"home.city": "c7"},
        {"home.zip": {"$gte": 80, "$lt": 85}},
        {"name": {"$in": ["user7", "user8", 5]}},
        {"name": {"$regex": "^user7"}},
        {"tags": 7},
        {"tags.k": {"$gt": 65}},
        {"tags": {"$elemMatch": {"$gt": 57, "$lt": 59}}},
        {"odd": {}},
        {"nobody.has.this": {"$exists": True}},
        {"n": {"$gt": 295}, "home.city": {"$exists": True}},
        {"$or": [{"name": "user7"}, {"home.city": "c8"}]},
    ],
    ids=repr,
)
async def test_a_condition_on_any_field_uses_the_index(people: Any, filter: Any) -> None:
    explained = await people.find(filter).explain()

    assert "COLLSCAN" not in repr(explained["queryPlanner"]["winningPlan"])
    assert explained["candidates"] < 100
    assert await ids(people.find(filter)) == await ids(people.find(filter, hint="$natural"))
    assert await people.count(filter) == len(await ids(people.find(filter, hint="$natural")))


@pytest.mark.parametrize(
    "filter",
    [
        {},
        {"name": None},
        {"name": {"$in": ["user7", None]}},
        {"name": {"$gte": None}},
        {"nobody": {"$exists": False}},
        {"name": {"$ne": None}},
        {"name": {"$ne": "user7"}},
        {"home": {"city": "c7", "zip": 7}},
        {"tags": [7, {"k": 7}]},
        {"odd": {"$in": [{}, {"a": 1}]}},
        {"tags.0": 7},
        {"name": {"$not": {"$eq": "user7"}}},
    ],
    ids=repr,
)
async def test_a_condition_that_what_is_not_there_can_meet_uses_no_index(people: Any, filter: Any) -> None:
    assert (await leaf(people.find(filter)))["stage"] == "COLLSCAN"
    assert await ids(people.find(filter)) == await ids(people.find(filter, hint="$natural"))


async def test_explain_shows_the_path_before_the_field(people: Any) -> None:
    shown = await leaf(people.find({"home.zip": {"$gt": 85}}))

    assert shown["indexName"] == "$**_1"
    assert shown["keyPattern"] == {"$_path": 1, "home.zip": 1}
    assert shown["indexBounds"] == {"$_path": ['["home.zip", "home.zip"]'], "home.zip": ["(85, highest number]"]}
    assert (shown["isMultiKey"], shown["isSparse"], shown["isUnique"]) == (False, True, False)
    assert (await leaf(people.find({"tags.k": 7})))["isMultiKey"] is True
    assert (await leaf(people.find({"x": {"$exists": True}})))["indexBounds"] == {
        "$_path": ['["x", "x"]', '["x.", "x/")'],
        "x": ["[MinKey, MaxKey]"],
    }


async def test_what_one_exact_condition_leads_to_is_not_tested(people: Any) -> None:
    tested = [
        (await people.find(filter).explain("executionStats"))["executionStats"]["docsTested"]
        for filter in ({"home.zip": 5}, {"n": {"$gt": 290}}, {"tags": 7}, {"home.zip": 5, "n": {"$gt": 4}})
    ]

    assert tested[:3] == [0, 0, 0]
    assert tested[3] > 0


async def test_an_order_by_the_field_of_a_condition_comes_from_the_index(people: Any) -> None:
    backwards = people.find({"n": {"$gt": 5}}, sort="-n", limit=3)

    assert (await leaf(backwards))["direction"] == "backward"
    assert "SORT" not in repr(await backwards.explain())
    assert await ids(people.find({"n": {"$gt": 5}}, sort="-n", limit=3)) == [299, 298, 297]
    assert await ids(people.find({"n": {"$lt": 9}}, sort="n", skip=2, limit=2)) == [2, 3]


@pytest.mark.parametrize(
    ("filter", "sort"),
    [({}, "n"), ({"name": "user7"}, "n"), ({"n": {"$gt": 5}}, ["n", "name"]), ({"tags": {"$gt": 5}}, "tags")],
    ids=repr,
)
async def test_no_other_order_does(people: Any, filter: Any, sort: Any) -> None:
    assert "SORT" in repr(await people.find(filter, sort=sort).explain())
    assert await ids(people.find(filter, sort=sort)) == await ids(people.find(filter, sort=sort, hint="$natural"))


async def test_each_of_two_conditions_may_be_met_by_another_element(users: Any) -> None:
    await users.create_index("$**")
    await users.insert_many([{"_id": 1, "a": [1, 9]}, {"_id": 2, "a": [4]}, *({"a": 100} for _ in range(20))])

    assert (await leaf(users.find({"a": {"$gt": 5, "$lt": 3}})))["stage"] == "IXSCAN"
    assert await ids(users.find({"a": {"$gt": 5, "$lt": 3}})) == [1]


async def test_a_document_is_found_once_whatever_it_has_below_a_field(users: Any) -> None:
    await users.insert_many([{"_id": n} for n in range(50)])
    await users.insert_many([{"_id": "x", "a": {"b": 1, "c": 2, "d": {"e": 3}}}, {"_id": "y", "a": {}}])
    await users.create_index("$**")

    assert (await leaf(users.find({"a": {"$exists": True}})))["stage"] == "IXSCAN"
    assert await ids(users.find({"a": {"$exists": True}})) == ["x", "y"]
    assert await users.count({"a": {"$exists": True}}) == 2


async def test_a_hint_is_taken_where_the_filter_has_a_condition_for_it(people: Any) -> None:
    await people.create_index("home.$**")
    for hint in ("home.$**_1", [("home.$**", 1)]):
        assert (await leaf(people.find({"home.zip": 5, "n": 5}, hint=hint)))["indexName"] == "home.$**_1"
    with pytest.raises(OperationFailure) as caught:
        await people.find({"n": 5}, hint="home.$**_1").to_list()

    assert caught.value.code == 291


async def test_a_projection_leaves_fields_out(users: Any) -> None:
    await users.insert_many(PEOPLE)
    await users.create_index("$**", wildcardProjection={"home.zip": 0, "name": 0})

    assert (await leaf(users.find({"name": "user7"})))["stage"] == "COLLSCAN"
    assert (await leaf(users.find({"home.zip": 7})))["stage"] == "COLLSCAN"
    assert (await leaf(users.find({"home.city": "c7"})))["stage"] == "IXSCAN"
    assert (await users.index_information())["$**_1"]["wildcardProjection"] == {"home.zip": 0, "name": 0}


async def test_a_model_has_a_projection_too(users: Any, db: Any) -> None:
    names = await users.create_indexes([IndexModel("$**", wildcard_projection={"z": 0}), IndexModel({"a.$**": -1})])
    await db.create_collection("other", indexes=[IndexModel("$**", wildcard_projection={"z": 1})])

    assert names == ["$**_1", "a.$**_-1"]
    assert (await users.index_information())["$**_1"]["wildcardProjection"] == {"z": 0}
    assert (await db["other"].index_information())["$**_1"]["wildcardProjection"] == {"z": 1}


async def test_indexes_of_two_projections_stand_beside_each_other(users: Any) -> None:
    await users.create_index("$**", wildcardProjection={"a": 1})
    await users.create_index("$**", wildcardProjection={"b": 1}, name="of b")
    with pytest.raises(OperationFailure) as caught:
        await users.create_index("$**", wildcardProjection={"b": 1}, name="again")

    assert caught.value.code == 85
    assert await users.create_index("$**", wildcardProjection={"a": 1}) == "$**_1"
    assert len(await users.index_information()) == 3


async def test_a_partial_one_is_used_where_its_filter_follows(users: Any) -> None:
    await users.insert_many(PEOPLE)
    await users.create_index("$**", partialFilterExpression={"n": {"$gte": 200}})

    assert (await leaf(users.find({"home.city": "c7"})))["stage"] == "COLLSCAN"
    assert await ids(users.find({"home.city": "c7", "n": {"$gt": 200}})) == [207, 257]
    assert (await leaf(users.find({"home.city": "c7", "n": {"$gt": 200}})))["stage"] == "IXSCAN"


async def test_a_hidden_one_is_not_used_and_stays_exact(people: Any, db: Any) -> None:
    await db.coll_mod("users", index={"keyPattern": {"$**": 1}, "hidden": True})
    await people.insert({"_id": "new", "name": "user7"})

    assert (await leaf(people.find({"name": "user7"})))["stage"] == "COLLSCAN"
    await db.coll_mod("users", index={"name": "$**_1", "hidden": False})
    assert (await leaf(people.find({"name": "user7"})))["stage"] == "IXSCAN"
    assert await ids(people.find({"name": "user7"})) == [7, "new"]


async def test_it_follows_updates_replacements_and_deletions(people: Any) -> None:
    await people.update_one(
        {"_id": 1}, {"$set": {"home.city": "new", "home.street": ["x", "y"]}, "$unset": {"name": 1}}
    )
    await people.replace_one({"_id": 2}, {"other": {"name": "new"}})
    await people.delete_one({"_id": 3})
    await people.update_many({"n": {"$gt": 290}}, {"$push": {"tags": "late"}})

    assert await ids(people.find({"home.city": "new"})) == [1]
    assert await ids(people.find({"home.street": "y"})) == [1]
    assert await ids(people.find({"name": {"$in": ["user1", "user2", "user3"]}})) == []
    assert await ids(people.find({"other.name": "new"})) == [2]
    assert await people.count({"tags": "late"}) == 9
    await people.delete_many({})
    assert await people.count({"home": {"$exists": True}}) == 0


async def test_a_transaction_finds_what_it_has_written_and_leaves_nothing_when_given_up(people: Any, db: Any) -> None:
    async with db.transaction() as tx:
        await tx["users"].update_one({"_id": 7}, {"$set": {"name": ["inside", "array"]}})
        inside = [await ids(tx["users"].find(each)) for each in ({"name": "array"}, {"name": {"$gt": "a", "$lt": "j"}})]
        await tx.rollback()

    assert inside == [[7], [7]]
    assert await ids(people.find({"name": "user7"})) == [7]
    assert await people.count({"name": "array"}) == 0


def test_it_is_there_after_reopening_compaction_and_in_another_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "NEW_MIN", 0)
    monkeypatch.setattr(snapshots, "DOCUMENTS_MIN", 0)
    with Client(tmp_path / "db") as client:
        client["c"].insert_many(PEOPLE)
        client["c"].create_index("$**", wildcardProjection={"odd": 0})
        client["c"].delete_many({"n": {"$lt": 10}})
    assert list((tmp_path / "db").glob("idx-*.snap"))
    for step in range(3):
        with Client(tmp_path / "db") as client, Client(tmp_path / "db", read_only=True) as reader:
            for db in (client, reader):
                assert [d["_id"] for d in db["c"].find({"tags": {"$gt": 57}, "n": {"$lt": 60}})] == [58, 59]
                assert [d["_id"] for d in db["c"].find({"home.city": "c12", "tags.k": 12})] == [12]
            client["c"].update_one({"_id": 20}, {"$set": {"step": step}})
            if step == 1:
                client.compact()
            assert [d["_id"] for d in reader["c"].find({"step": step})] == [20]
            assert client["c"].list_indexes().to_list()[1]["wildcardProjection"] == {"odd": 0}
