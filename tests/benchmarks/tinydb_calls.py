"""Every public call of TinyDB's interface, in every form, for a database of `size` documents.

A call is given a database and its library, ours or TinyDB's. What it writes leaves as many documents as there were,
but for the single inserts, which add some.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

Call = Callable[[Any, Any], object]
Calls = dict[str, Call]

NUMBERS = count(1)
NEW = {"name": "new", "age": 1}
NO_MATCH = "nobody"
UNKNOWN = 10**8
CHOSEN = 10**9
ELSEWHERE = "elsewhere"


def calls(size: int) -> Calls:
    """Return the calls that are timed, by their names."""
    return {**_whole(), **_gets(size), **_searches(size), **_updates(size), **_removals(), **_tables(), **_inserts()}


def email(library: Any, number: object) -> Any:
    """Return the query that one document matches: that of this number."""
    return library.where("email") == f"user{number}@example.org"


def _whole() -> Calls:
    return {
        "all": lambda db, _: db.all(),
        "iter": lambda db, _: list(db),
        "iter, the first": lambda db, _: next(iter(db)),
        "len": lambda db, _: len(db),
        "repr": lambda db, _: len(repr(db)),
    }


def _gets(size: int) -> Calls:
    places = {"first": 0, "middle": size // 2, "last": size - 1, "none": NO_MATCH}
    by_query: Calls = {}
    for name, place in places.items():
        by_query[f"get by query, {name}"] = lambda db, of, place=place: db.get(email(of, place))
        by_query[f"contains by query, {name}"] = lambda db, of, place=place: db.contains(email(of, place))
    return by_query | {
        "get by id": lambda db, _: db.get(doc_id=size // 2),
        "get by id, none": lambda db, _: db.get(doc_id=UNKNOWN),
        "get by id, of the table": lambda db, _: db.table("_default").get(doc_id=size // 2),
        "get by ids, one": lambda db, _: db.get(doc_ids=[size // 2]),
        "get by ids, three": lambda db, _: db.get(doc_ids=[1, size // 2, size]),
        "get by ids, 100": lambda db, _: db.get(doc_ids=list(range(1, 101))),
        "get by ids, none": lambda db, _: db.get(doc_ids=[UNKNOWN]),
        "get, function, first": lambda db, _: db.get(lambda document: document["age"] >= 0),
        "get, nested, first": lambda db, of: db.get(of.Query().profile.city == "city 0"),
        "get, two conditions, first": lambda db, of: db.get((of.where("age") >= 0) & (of.where("active") == True)),  # noqa: E712
        "contains by id": lambda db, _: db.contains(doc_id=size // 2),
        "contains by id, none": lambda db, _: db.contains(doc_id=UNKNOWN),
    }


def _searches(size: int) -> Calls:
    queries: dict[str, Callable[[Any], Any]] = {
        "one found": lambda of: email(of, size // 2),
        "none found": lambda of: email(of, NO_MATCH),
        "all found": lambda of: of.where("age") >= 0,
        "a tenth found": lambda of: of.where("age") < 27,
        "not equal": lambda of: of.where("age") != 30,
        "nested": lambda of: of.Query().profile.city == "city 7",
        "and": lambda of: (of.where("age") > 50) & (of.Query().profile.city == "city 7"),
        "or": lambda of: (of.where("age") == 50) | (of.Query().profile.city == "city 7"),
        "not": lambda of: ~(of.where("age") > 10),
        "exists": lambda of: of.Query().profile.geo.exists(),
        "does not exist": lambda of: of.where("missing").exists(),
        "matches": lambda of: of.where("email").matches("user77"),
        "search of a pattern": lambda of: of.where("email").search("77@"),
        "test": lambda of: of.where("age").test(lambda age: age == 30),
        "any of a list": lambda of: of.where("tags").any(["red"]),
        "any of a query": lambda of: of.where("orders").any(of.where("quantity") == 3),
        "all of a list": lambda of: of.where("tags").all(["red", "blue"]),
        "all of a query": lambda of: of.where("orders").all(of.where("quantity") == 3),
        "one_of": lambda of: of.where("age").one_of([1, 2, 3]),
        "fragment": lambda of: of.Query().fragment({"age": 30, "active": True}),
        "fragment below": lambda of: of.Query().profile.fragment({"city": "city 7"}),
        "noop": lambda of: of.Query().noop(),
        "map": lambda of: of.where("age").map(lambda age: age + 1) == 30,
        "function": lambda _: lambda document: document["age"] == 30,
    }
    found: Calls = {
        f"search, {name}": lambda db, of, query=query: db.search(query(of)) for name, query in queries.items()
    }
    return found | {
        "search, kept": lambda db, of: db.search(of.where("age") < 27),
        "count, a tenth": lambda db, of: db.count(of.where("age") < 27),
        "count, none": lambda db, of: db.count(email(of, NO_MATCH)),
    }


def _updates(size: int) -> Calls:
    middle = size // 2

    def one(change: Callable[[Any], Any]) -> Call:
        return lambda db, of: db.update(change(of.operations), doc_ids=[middle])

    def put_and_delete(db: Any, of: Any) -> object:
        db.update({"gone": 1}, doc_ids=[middle])
        return db.update(of.operations.delete("gone"), doc_ids=[middle])

    def replaced(db: Any, of: Any) -> object:
        return db.upsert(of.table.Document({"seen": next(NUMBERS)}, doc_id=middle))

    return {
        "update by id": lambda db, _: db.update({"age": 20}, doc_ids=[middle]),
        "update by three ids": lambda db, _: db.update({"age": 20}, doc_ids=[1, middle, size]),
        "update by id, none": lambda db, _: db.update({"age": 20}, doc_ids=[UNKNOWN]),
        "update by id, function": lambda db, _: db.update(lambda document: document.update(age=20), doc_ids=[middle]),
        "update by query": lambda db, of: db.update({"seen": next(NUMBERS)}, email(of, middle)),
        "update by query, none": lambda db, of: db.update({"seen": 1}, email(of, NO_MATCH)),
        "update by query, a tenth": lambda db, of: db.update({"seen": next(NUMBERS)}, of.where("age") < 9),
        "update all": lambda db, _: db.update({"seen": next(NUMBERS)}),
        "update all, operation": lambda db, of: db.update(of.operations.increment("created")),
        "update all, function": lambda db, _: db.update(lambda document: document.update(seen=next(NUMBERS))),
        "operation add": one(lambda operations: operations.add("created", 2)),
        "operation subtract": one(lambda operations: operations.subtract("created", 2)),
        "operation set": one(lambda operations: operations.set("seen", 2)),
        "operation increment": one(lambda operations: operations.increment("created")),
        "operation decrement": one(lambda operations: operations.decrement("created")),
        "operation delete": put_and_delete,
        "update_multiple": lambda db, of: db.update_multiple(
            [({"seen": 1}, email(of, 1)), (of.operations.increment("created"), email(of, middle))]
        ),
        "upsert by query": lambda db, of: db.upsert({"seen": next(NUMBERS)}, email(of, middle)),
        "upsert by id": replaced,
    }


def _inserts() -> Calls:
    return {
        "insert": lambda db, _: db.insert(NEW),
        "insert_multiple, of one": lambda db, _: db.insert_multiple([NEW]),
        "insert_multiple, of 100": lambda db, _: db.insert_multiple([NEW] * 100),
        "insert_multiple, of a generator": lambda db, _: db.insert_multiple(NEW for _ in range(10)),
        "insert_multiple, of none": lambda db, _: db.insert_multiple([]),
    }


def _removals() -> Calls:
    def with_id(db: Any, of: Any) -> object:
        db.insert(of.table.Document(NEW, doc_id=CHOSEN))
        return db.remove(doc_ids=[CHOSEN])

    def upserted(db: Any, of: Any) -> object:
        return len(db.remove(doc_ids=db.upsert({"name": ELSEWHERE}, of.where("name") == ELSEWHERE)))

    def by_query(db: Any, of: Any) -> object:
        db.insert({"name": ELSEWHERE})
        return len(db.remove(of.where("name") == ELSEWHERE))

    return {
        "insert and remove by id": lambda db, _: len(db.remove(doc_ids=[db.insert({"name": "gone"})])),
        "insert and remove a chosen id": with_id,
        "insert and remove by query": by_query,
        "upsert of a new one, and remove": upserted,
        "remove by id, none": lambda db, _: db.remove(doc_ids=[UNKNOWN]),
        "remove by query, none": lambda db, of: db.remove(email(of, NO_MATCH)),
    }


def _tables() -> Calls:
    def dropped(db: Any, _: Any) -> object:
        db.table(ELSEWHERE).insert_multiple([NEW] * 1000)
        return db.drop_table(ELSEWHERE)

    def truncated(db: Any, _: Any) -> object:
        db.table(ELSEWHERE).insert_multiple([NEW] * 1000)
        return db.table(ELSEWHERE).truncate()

    return {
        "table": lambda db, _: db.table("_default").name,
        "tables": lambda db, _: sorted(db.tables()),
        "insert_multiple of 1000 into another table, and drop it": dropped,
        "drop a table that is not there": lambda db, _: db.drop_table("never there"),
        "insert_multiple of 1000 into another table, and truncate it": truncated,
        "clear_cache": lambda db, _: db.clear_cache(),
    }
