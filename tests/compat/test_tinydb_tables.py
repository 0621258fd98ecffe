"""Tables of the TinyDB interface: what is written, what comes back, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from nosqlpy.compat.tinydb import Query, TinyDB, where
from nosqlpy.compat.tinydb.narrowing import candidates
from nosqlpy.compat.tinydb.operations import add, decrement, delete, increment, subtract
from nosqlpy.compat.tinydb.operations import set as set_field
from nosqlpy.compat.tinydb.queries import shape_of
from nosqlpy.compat.tinydb.storages import MemoryStorage
from nosqlpy.compat.tinydb.table import Document, Table
from nosqlpy.errors import InvalidOperation


def letters(db: TinyDB) -> None:
    db.insert_multiple({"n": number, "letter": letter} for number, letter in enumerate("abc", 1))


# ── inserting ────────────────────────────────────────────────────────────────────


def test_ids_begin_at_one_and_go_up(db):
    assert db.insert({}) == 1
    assert db.insert_multiple([{}, {}]) == [2, 3]
    assert db.insert({}) == 4


def test_a_document_comes_back_with_its_id(db):
    db.insert({"a": [1, {"b": None}]})

    (found,) = db.all()
    assert type(found) is Document
    assert (found, found.doc_id) == ({"a": [1, {"b": None}]}, 1)


def test_a_document_object_says_its_own_id(db):
    assert db.insert(Document({"a": 1}, doc_id=12)) == 12
    assert db.insert({}) == 13
    assert db.insert_multiple([Document({}, doc_id=77), Document({}, doc_id=50)]) == [77, 50]
    assert [document.doc_id for document in db] == [12, 13, 77, 50]


def test_an_id_that_is_taken_is_refused(db):
    db.insert({})

    with pytest.raises(ValueError, match="Document with ID 1 already exists"):
        db.insert(Document({}, doc_id=1))


def test_several_documents_go_in_together_or_not_at_all(db):
    db.insert({})
    for batch in ([Document({}, 5), Document({}, 1)], [Document({}, 5), Document({}, 5)], [{}, "no mapping"]):
        with pytest.raises(ValueError, match=r"already exists|not a Mapping"):
            db.insert_multiple(batch)

    assert len(db) == 1


def test_a_new_id_in_a_batch_is_never_one_of_its_documents(db):
    db.insert({})

    assert db.insert_multiple([Document({"chosen": True}, doc_id=2), {"chosen": False}]) == [2, 3]
    assert len(db) == 3


def test_an_id_that_somebody_else_took_is_passed_over():
    db = TinyDB(storage=MemoryStorage)
    db.insert({})
    db.collection.insert({"_id": 2, "by": "somebody else"})

    assert db.insert({}) == 3
    db.collection.insert({"_id": 5, "by": "somebody else"})
    assert db.insert_multiple([{}, {}, Document({}, doc_id=20)]) == [6, 7, 20]
    db.collection.insert({"_id": 8, "by": "somebody else"})
    with pytest.raises(ValueError, match="ID 20 already exists"):
        db.insert_multiple([{}, Document({}, doc_id=20)])


@pytest.mark.parametrize("value", [[1], {"a"}, "text", None, object()])
def test_only_mappings_are_inserted(db, value):
    with pytest.raises(ValueError, match="Document is not a Mapping"):
        db.insert(value)


def test_any_mapping_is_inserted(db):
    class Settings(Mapping[str, Any]):
        def __getitem__(self, key: str) -> Any:
            return {"a": 1}[key]

        def __iter__(self) -> Iterator[str]:
            return iter(["a"])

        def __len__(self) -> int:
            return 1

    db.insert(Settings())
    db.insert_multiple([Settings()])
    db.update(Settings(), doc_ids=[1])

    assert db.all() == [{"a": 1}, {"a": 1}]


def test_a_value_that_cannot_be_stored_is_a_type_error_and_changes_nothing(tmp_path):
    with TinyDB(tmp_path / "db") as db:
        db.insert({"a": 1})
        for write in (
            lambda: db.insert({"a": object()}),
            lambda: db.insert_multiple([{"a": 1}, {"a": {1}}]),
            lambda: db.update({"a": object()}),
        ):
            with pytest.raises(TypeError, match="cannot be stored"):
                write()

        assert db.all() == [{"a": 1}]


def test_a_document_may_have_an_id_field_of_its_own(db):
    db.insert({"a": 1, "_id": "mine", "b": 2})
    db.update({"_id": "changed"}, where("_id") == "mine")

    assert list(db.all()[0].items()) == [("a", 1), ("_id", "changed"), ("b", 2)]
    assert db.get(where("_id") == "changed").doc_id == 1


def test_keys_that_json_writes_as_text_are_text(collections):
    collections.insert({1: {None: True, 2.5: [{False: ()}]}})
    collections.update({3: 4})

    assert collections.all() == [{"1": {"null": True, "2.5": [{"false": []}]}, "3": 4}]
    with pytest.raises(TypeError, match="a key is"):
        collections.insert({(1, 2): 3})


def test_one_name_of_a_field_is_taken(collections):
    with pytest.raises(TypeError, match=r"_tinydb_id: this name is taken"):
        collections.insert({"_tinydb_id": 1})


# ── reading ──────────────────────────────────────────────────────────────────────


def test_get_finds_by_query_by_id_and_by_ids(db):
    letters(db)

    assert db.get(where("letter") == "b") == {"n": 2, "letter": "b"}
    assert db.get(doc_id=3)["letter"] == "c"
    assert [document.doc_id for document in db.get(doc_ids=[3, 1, 99])] == [1, 3]
    assert db.get(where("letter") == "x") is None
    assert db.get(doc_id=99) is None
    assert db.get(doc_id=float("nan")) is None


def test_get_finds_an_id_given_as_text_and_gives_it_back_so(db):
    db.insert({})

    assert db.get(doc_id="1").doc_id == "1"


def test_contains_and_count_say_what_matches(db):
    letters(db)

    assert db.contains(where("n") == 1)
    assert not db.contains(where("n") == 9)
    assert (db.contains(doc_id=1), db.contains(doc_id=9)) == (True, False)
    assert db.count(where("n") > 1) == 2


@pytest.mark.parametrize("method", ["get", "contains", "remove"])
def test_what_needs_a_query_or_an_id_refuses_neither(db, method):
    with pytest.raises(RuntimeError, match="query"):
        getattr(db, method)()


@pytest.mark.parametrize("ids", [[5, 9, 2], [2, 5, 9]])
def test_documents_come_in_the_order_of_insertion_also_through_an_index(ids):
    db = TinyDB(storage=MemoryStorage)
    db.insert_multiple([Document({"a": 2}, ids[0]), Document({"a": 2}, ids[1]), Document({"a": 1}, ids[2])])
    db.collection.create_index("a")
    db.search(where("a") == 1)
    db.update({"a": 1}, doc_ids=[ids[1]])
    db.update({"a": 1}, doc_ids=[ids[0]])

    assert [document.doc_id for document in db.search(where("a") == 1)] == ids
    assert db.get(where("a") == 1).doc_id == ids[0]
    assert [document.doc_id for document in db.get(doc_ids=ids[::-1])] == ids
    new = [db.insert(Document({"a": 1}, 3)), db.insert({"a": 1})]
    assert [document.doc_id for document in db.search(where("a") == 1)] == [*ids, *new]


def test_an_index_on_the_collection_is_used():
    db = TinyDB(storage=MemoryStorage)
    db.insert_multiple({"a": number % 10, "b": number} for number in range(100))
    db.collection.create_index("a")
    query = (Query().a == 3) & (Query().b < 50)
    plan = db.collection.find(candidates(shape_of(query))).explain()

    assert [document.doc_id for document in db.search(query)] == [4, 14, 24, 34, 44]
    assert (plan["queryPlanner"]["winningPlan"]["inputStage"]["indexName"], plan["candidates"]) == ("a_1", 10)


# ── updating and removing ────────────────────────────────────────────────────────


def test_update_sets_fields_and_returns_the_ids(db):
    letters(db)

    assert db.update({"n": 0}, where("n") > 1) == [2, 3]
    assert db.update({"new": True}) == [1, 2, 3]
    assert db.update({"n": 7}, doc_ids=[99, 3, 1]) == [3, 1]
    assert [(document["n"], document["new"]) for document in db] == [(7, True), (0, True), (7, True)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (delete("n"), {"s": "a"}),
        (add("n", 4), {"n": 5, "s": "a"}),
        (add("s", "b"), {"n": 1, "s": "ab"}),
        (subtract("n", 4), {"n": -3, "s": "a"}),
        (set_field("n", [1]), {"n": [1], "s": "a"}),
        (increment("n"), {"n": 2, "s": "a"}),
        (decrement("n"), {"n": 0, "s": "a"}),
        (lambda document: document.update(n=9), {"n": 9, "s": "a"}),
    ],
)
def test_a_function_changes_documents(db, change, expected):
    db.insert({"n": 1, "s": "a"})

    assert db.update(change, where("s") == "a") == [1]
    assert db.all() == [expected]


def test_a_change_that_fails_for_one_document_is_made_to_none(tmp_path):
    with TinyDB(tmp_path / "db") as db:
        db.insert_multiple([{"n": 1}, {"n": "text"}])
        with pytest.raises(TypeError):
            db.update(increment("n"))
        with pytest.raises(KeyError):
            db.update(delete("m"))

        assert db.all() == [{"n": 1}, {"n": "text"}]


def test_an_id_that_stands_twice_is_updated_twice(db):
    db.insert({"n": 1})

    assert db.update(increment("n"), doc_ids=[1, 1]) == [1, 1]
    assert db.all() == [{"n": 3}]


@pytest.mark.parametrize("operation", [add, subtract], ids=["add", "subtract"])
def test_an_operation_that_fails_for_one_document_leaves_the_lists_of_others_as_they_were(db, operation):
    db.insert_multiple([{"a": [1]}, {"a": 1}])
    with pytest.raises(TypeError):
        db.update(operation("a", "x"))

    assert db.all() == [{"a": [1]}, {"a": 1}]


def test_update_multiple_asks_and_changes_one_document_after_the_other(db):
    """A later document that cannot be asked is not met before an earlier one that cannot be changed."""
    db.insert_multiple([{"a": "x", "b": 0}, {"a": 1, "b": []}])
    with pytest.raises(TypeError, match="concatenate"):
        db.update_multiple([(add("a", 1.0), where("b") < 1)])

    assert db.all() == [{"a": "x", "b": 0}, {"a": 1, "b": []}]


def test_update_multiple_makes_all_updates_of_one_document_after_each_other(db):
    letters(db)

    updates = [({"n": 10}, where("n") == 1), (increment("n"), where("n") >= 3), ({"x": 1}, where("letter") == "c")]
    assert db.update_multiple(updates) == [1, 1, 3, 3]
    assert [document["n"] for document in db] == [11, 2, 4]


def test_upsert_updates_what_matches_and_inserts_else(db):
    letters(db)

    assert db.upsert({"n": 5}, where("letter") == "a") == [1]
    assert db.upsert({"n": 6, "letter": "x"}, where("letter") == "x") == [4]
    assert db.upsert(Document({"n": 7}, doc_id=2)) == [2]
    assert db.upsert(Document({"n": 8}, doc_id=20)) == [20]
    assert [(document.doc_id, document["n"]) for document in db] == [(1, 5), (2, 7), (3, 3), (4, 6), (20, 8)]
    with pytest.raises(ValueError, match="doc_id"):
        db.upsert({})


def test_remove_returns_the_ids(db):
    letters(db)

    assert db.remove(where("letter") == "b") == [2]
    assert db.remove(where("letter") == "b") == []
    assert db.remove(doc_ids=[3, 99]) == [3]
    assert [document.doc_id for document in db] == [1]


def test_an_id_cannot_be_removed_twice(db):
    letters(db)

    with pytest.raises(KeyError):
        db.remove(doc_ids=[1, 1])
    assert len(db) == 3


def test_truncate_begins_again_at_one(db):
    letters(db)
    db.truncate()

    assert (len(db), db.tables(), db.insert({})) == (0, {"_default"}, 1)


# ── the cache ────────────────────────────────────────────────────────────────────


def test_an_answer_is_kept_until_the_table_writes():
    db = TinyDB(storage=MemoryStorage)
    letters(db)
    query = where("n") < 3
    first = db.search(query)
    db.collection.delete(1)

    assert db.search(where("n") < 3) == first
    first.clear()
    assert db.count(query) == 2
    db.insert({"n": 0})
    assert [document.doc_id for document in db.search(query)] == [2, 4]


def test_clear_cache_forgets_answers():
    db = TinyDB(storage=MemoryStorage)
    letters(db)
    db.search(where("n") < 3)
    db.collection.delete(1)
    db.clear_cache()

    assert db.count(where("n") < 3) == 1


@pytest.mark.parametrize(("size", "kept"), [(0, 0), (1, 1), (None, 12)])
def test_the_cache_has_the_size_that_was_asked_for(db, size, kept):
    table = db.table("t", cache_size=size)
    for number in range(12):
        table.search(where("n") == number)

    assert len(table._query_cache) == kept


def test_answers_of_functions_that_say_so_are_not_kept(db):
    db.insert({"n": 1})

    def query(document):
        return document["n"] == 1

    query.is_cacheable = lambda: False
    assert db.search(query) == [{"n": 1}]
    assert db.search(where("n").map(lambda n: n + 1) == 2) == [{"n": 1}]
    assert not db._query_cache


# ── subclasses ───────────────────────────────────────────────────────────────────


def test_tables_and_ids_of_ones_own_classes(db):
    class Person(Document):
        pass

    class People(Table):
        document_class = Person
        document_id_class = str
        default_query_cache_capacity = 3

        def _get_next_id(self):
            return f"p{len(self) + 1}"

    class Register(TinyDB):
        table_class = People
        default_table_name = "people"

    register = Register(storage=lambda: db.storage)
    assert register.insert({"name": "ada"}) == "p1"
    assert register.insert({"name": "bob"}) == "p2"
    found = register.get(where("name") == "bob")
    assert (type(found), found.doc_id) == (Person, "p2")
    assert register.update({"age": 36}, doc_ids=["p1"]) == ["p1"]
    assert register.remove(doc_ids=["p2"]) == ["p2"]
    with pytest.raises(ValueError, match="ID p2 already exists"):
        register.insert_multiple([{}, {}])
    assert db.tables() == {"people"}


def test_a_table_describes_itself(db):
    db.insert({})

    assert repr(db.table("_default")).startswith("<Table name='_default', total=1, storage=")
    assert db.table("_default").name == db.name == "_default"


# ── many documents at once ───────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "values"),
    [
        (increment("n"), [1, 2.5]),
        (increment("n"), [1, True]),
        (add("n", "x"), ["a", "b"]),
        (add("n", 0.5), [1, float("inf")]),
        (subtract("n", 2), [2**61, -(2**61)]),
        (add("n", [1]), [[0], []]),
        (delete("n"), [1, None]),
        (set_field("n", None), [1, 2]),
        (set_field("n", {"$a": [1]}), [1, 2]),
        (set_field("$n.", 1), [1, 2]),
        ({"n": 1}, [5, "x"]),
        ({"z": 1, "b": 2, "a": 3}, [1, 2]),
        ({"a.b": 1, "$c": 2}, [1, 2]),
        ({"n": [{"x": 1}], "m": float("nan")}, [1, 2]),
        ({"_id": 7}, [1, 2]),
        ({}, [1, 2]),
    ],
)
def test_documents_are_changed_together_as_python_changes_one(db, change, values):
    expected = [{"keep": 0, "n": value} for value in values]
    db.insert_multiple(expected)
    for document in expected:
        if callable(change):
            change(document)
        else:
            document.update(change)

    assert db.update(change) == [1, 2]
    assert repr(db.all()) == repr(expected)


def test_fields_that_somebody_else_sets_meanwhile_stay(collections):
    collections.insert_multiple([{"n": 1}, {"n": 2}])

    def meddle(document):
        collections.collection.update_one({"_id": 2}, {"$set": {"other": True}})
        return document["n"] > 0

    collections.update({"n": 0}, meddle)

    assert collections.get(doc_id=2) == {"n": 0, "other": True}


# ── in memory ────────────────────────────────────────────────────────────────────


def test_values_in_memory_stay_the_objects_that_they_are():
    db = TinyDB(storage=MemoryStorage)
    shared = [1, (2, 3)]
    db.insert({"shared": shared, 5: object, "_tinydb_id": 1})

    assert db.all() == [{"shared": [1, (2, 3)], 5: object, "_tinydb_id": 1}]
    assert db.get(doc_id=1)["shared"] is shared


def test_what_is_set_in_a_document_that_was_returned_stays_out_of_the_table():
    db = TinyDB(storage=MemoryStorage)
    db.insert({"a": 1})
    db.all()[0]["a"] = db.get(doc_id=1)["a"] = 2
    db.search(where("a") == 1)[0]["a"] = 2

    assert db.all() == [{"a": 1}]


def test_documents_in_memory_are_those_of_a_collection_once_it_is_asked_for():
    db = TinyDB(storage=MemoryStorage)
    db.insert_multiple([{"a": 1}, {"a": 2}])
    db.table("t").insert({"b": 1})
    db.collection.create_index("a")

    assert db.insert({"a": 3}) == 3
    assert db.collection.find({"a": {"$gt": 1}}).to_list() == [{"_id": 2, "a": 2}, {"_id": 3, "a": 3}]
    assert db.client["t"].find().to_list() == [{"_id": 1, "b": 1}]
    assert db.tables() == {"_default", "t"}


def test_documents_in_memory_that_no_collection_can_hold_stay_where_they_are():
    db = TinyDB(storage=MemoryStorage)
    db.insert({"a": object()})

    with pytest.raises(TypeError):
        db.client  # noqa: B018
    assert (db.insert({"a": 1}), len(db)) == (2, 2)


def test_a_write_in_whose_middle_memory_becomes_a_database_is_refused():
    db = TinyDB(storage=MemoryStorage)
    db.insert({"a": 1})

    def meddle(document):
        document["a"] = db.client is None

    with pytest.raises(InvalidOperation, match="nothing was written"):
        db.update(meddle)
    assert db.all() == [{"a": 1}]
    assert db.update({"a": 2}) == [1]
    assert db.all() == [{"a": 2}]


def test_threads_in_memory_read_while_others_write():
    db = TinyDB(storage=MemoryStorage)
    tables = [db.table("t"), Table(db.storage, "t")]
    ids = []

    def insert(table):
        for number in range(300):
            ids.append(table.insert({"n": number}))
            table.search(where("n") < 3)
            list(table)

    threads = [threading.Thread(target=insert, args=(table,)) for table in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(ids)) == len(db.table("t")) == 600


def test_a_query_in_memory_sees_the_table_as_it_was_whatever_it_writes_meanwhile():
    db = TinyDB(storage=MemoryStorage)
    letters(db)
    asked = []

    def meddle(letter):
        asked.append(letter)
        threads = [
            threading.Thread(target=db.insert, args=({"letter": "new"},)),
            threading.Thread(target=db.remove, kwargs={"doc_ids": [2, 3]}),
            threading.Thread(target=db.update, args=({"letter": "other"},)),
        ]
        for thread in threads:
            thread.start()
            thread.join()
        db.insert({"letter": "newer"})
        return letter == "c"

    assert db.get(where("letter").test(meddle)) == {"n": 3, "letter": "c"}
    assert asked == ["a", "b", "c"]


def test_a_query_in_memory_that_is_asked_while_another_thread_writes_does_not_wait_for_it():
    db = TinyDB(storage=MemoryStorage)
    letters(db)
    found = []

    def look(document):
        thread = threading.Thread(target=lambda: found.append(db.get(where("letter") == "c")))
        thread.start()
        thread.join(timeout=60)
        document["letter"] = "x"

    db.update(look)

    assert found == [{"n": 3, "letter": "c"}] * 3
    assert [document["letter"] for document in db] == ["x", "x", "x"]


def test_a_table_can_be_written_while_it_is_gone_through(db):
    db.insert_multiple({"n": number} for number in range(300))
    seen = []
    for document in db:
        seen.append(document["n"])
        db.remove(doc_ids=[document.doc_id])
        if len(seen) < 4:
            db.insert({"n": -1})

    assert seen == list(range(300))
    assert [(document.doc_id, document["n"]) for document in db] == [(301, -1), (302, -1), (303, -1)]


def test_a_table_that_is_gone_through_makes_no_more_documents_than_a_portion_ahead():
    made = []

    class Counted(Document):
        def __init__(self, value, doc_id):
            made.append(doc_id)
            super().__init__(value, doc_id)

    class Counting(Table):
        document_class = Counted

    table = Counting(MemoryStorage(), "t")
    table.insert_multiple({"n": number} for number in range(1000))

    assert next(iter(table)).doc_id == 1
    assert made == [1]


def test_documents_by_ids_come_in_the_order_of_the_table_after_chosen_ids_too(db):
    db.insert_multiple([Document({}, doc_id) for doc_id in (7, 3)])
    db.insert({})
    db.insert(Document({}, doc_id=5))

    assert [document.doc_id for document in db.get(doc_ids=[3, 5, 7, 8])] == [7, 3, 8, 5]
    db.truncate()
    db.insert_multiple([{}, {}, {}])
    assert [document.doc_id for document in db.get(doc_ids=[3, 1])] == [1, 3]


def test_documents_in_memory_that_a_function_removes_while_it_updates_them_come_last():
    db = TinyDB(storage=MemoryStorage)
    letters(db)

    db.update(lambda _: db.remove(doc_ids=[1]))

    assert [document.doc_id for document in db] == [2, 3, 1]
    assert [document.doc_id for document in db.get(doc_ids=[1, 2])] == [2, 1]


def test_a_document_class_of_ones_own_is_made_by_calling_it(db):
    class Mine(Document):
        def __init__(self, value, doc_id):
            super().__init__(value, doc_id * 10)

    class Tens(Table):
        document_class = Mine

    Tens(db.storage, "_default").insert({"a": 1})

    assert [(type(document), document.doc_id) for document in Tens(db.storage, "_default")] == [(Mine, 10)]


def test_a_function_that_changes_all_documents_leaves_them_in_their_order(db):
    db.insert_multiple([Document({"n": 2}, 5), Document({"n": 1}, 3), Document({"n": 3}, 9)])
    db.update(lambda document: document.update(n=document["n"] * 2))

    assert [(document.doc_id, document["n"]) for document in db] == [(5, 4), (3, 2), (9, 6)]


def test_a_function_that_updates_all_documents_keeps_their_order_and_ids(db):
    letters(db)
    db.insert(Document({"n": 0}, doc_id=1 << 40))
    updated = db.update(lambda document: document.update(n=document["n"] + 1, new=True))

    assert updated == [1, 2, 3, 1 << 40]
    assert [(document.doc_id, document["n"]) for document in db] == [(1, 2), (2, 3), (3, 4), (1 << 40, 1)]
    assert db.count(where("new") == True) == 4  # noqa: E712 - a query, as TinyDB writes it


def test_a_function_that_updates_all_documents_writes_them_at_once(tmp_path):
    with TinyDB(tmp_path / "db") as db:
        db.insert_multiple({"n": number} for number in range(2500))
        client = db.storage.client
        before = client.stats()["commits"]
        db.update(increment("n"))
        db.update(lambda document: document.update(n=document["n"] * 2))

        assert client.stats()["commits"] == before + 2
        assert db.all()[-1] == {"n": 5000}


@pytest.mark.parametrize("change", [increment("n"), lambda document: document.update(n=1 + document["n"])])
def test_a_change_that_raises_changes_nothing(db, change):
    db.insert_multiple([{"n": 1}, {"n": 2}, {"m": 3}])

    with pytest.raises(KeyError):
        db.update(change)
    assert db.all() == [{"n": 1}, {"n": 2}, {"m": 3}]


def test_documents_that_are_no_dicts_can_be_updated_where_a_storage_holds_them():
    state = {"_default": {"1": MappingProxyType({"a": 1}), "2": {"a": 2}}}

    class Kept(MemoryStorage):
        def read(self):
            return state

        def write(self, data):
            state.update(data)

    db = TinyDB(storage=Kept)

    assert db.update({"b": 1}) == [1, 2]
    assert db.update(increment("a")) == [1, 2]
    assert state == {"_default": {"1": {"a": 2, "b": 1}, "2": {"a": 3, "b": 1}}}


def test_ids_of_documents_that_are_inserted_together_follow_those_of_a_subclass(db):
    class Evens(Table):
        def _get_next_id(self):
            return super()._get_next_id() * 2

    table = Evens(db.storage, "evens")

    assert table.insert_multiple([{}, {}]) == [2, 4]


@pytest.mark.parametrize("change", [{"n": 5}, increment("n"), subtract("n", 2), set_field("n", 7), delete("n")])
def test_a_query_in_memory_sees_each_document_as_it_was_though_all_are_changed_meanwhile(change):
    db = TinyDB(storage=MemoryStorage)
    db.insert_multiple([{"n": 1}, {"n": 2}, {"n": 3}])
    through = iter(db)
    first = next(through)
    thread = threading.Thread(target=db.update, args=(change,))
    thread.start()
    thread.join()

    assert [first, *through] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert db.get(doc_id=3) != {"n": 3}


def test_a_sum_that_no_float_can_be_changes_nothing(memory):
    memory.insert_multiple([{"n": 1}, {"n": 2**62}])
    huge = TinyDB(storage=MemoryStorage)
    huge.insert_multiple([{"n": 1}, {"n": 10**400}])

    with pytest.raises(OverflowError):
        huge.update(add("n", 0.5))
    assert huge.all() == [{"n": 1}, {"n": 10**400}]
    assert memory.update(add("n", 0.5)) == [1, 2]


def test_every_write_clears_the_cache_by_its_method(db):
    cleared = []

    class Noted(Table):
        def clear_cache(self):
            cleared.append(len(self))
            super().clear_cache()

    table = Noted(db.storage, "noted")
    table.insert({})
    table.insert_multiple([{}, {}])
    table.update({"a": 1})
    table.remove(doc_ids=[1])
    table.truncate()

    assert cleared == [1, 3, 3, 2, 0]


def test_what_is_no_table_in_memory_is_not_dropped():
    db = TinyDB(storage=MemoryStorage)
    db.storage.write({"version": 2})
    db.drop_table("version")
    db.drop_table("t")

    assert db.storage.read() == {"version": 2}


def test_an_update_whose_query_writes_another_state_to_memory_goes_into_that():
    db = TinyDB(storage=MemoryStorage)
    db.insert_multiple([{"a": 1}, {"a": 1}])

    def meddle(document):
        db.storage.write({"_default": {"1": {"b": 1}}})
        return document["a"] == 1

    assert db.update({"c": 2}, meddle) == [1, 2]
    assert db.all() == [{"a": 1, "c": 2}, {"a": 1, "c": 2}]
