"""Databases of the TinyDB interface: tables by name, storages, middlewares, and where a database is."""

from __future__ import annotations

import datetime
import json
import sys
import uuid
from decimal import Decimal
from importlib import import_module
from pathlib import Path

import pytest

from nosqlpy import Client, ConfigurationError, InvalidName, InvalidOperation, ReadOnlyError, StorageError
from nosqlpy.compat import tinydb
from nosqlpy.compat.tinydb import JSONStorage, Storage, TinyDB, where
from nosqlpy.compat.tinydb.middlewares import CachingMiddleware, Middleware
from nosqlpy.compat.tinydb.storages import DirectoryStorage, MemoryStorage
from nosqlpy.compat.tinydb.table import Document

# ── tables ───────────────────────────────────────────────────────────────────────


def test_a_table_comes_into_being_with_its_first_write(db):
    db.table("seen")
    db.table("kept", persist_empty=True)
    db.table("touched").remove(where("a") == 1)
    db.table("written").insert({})

    assert db.tables() == {"kept", "touched", "written"}


def test_persist_empty_leaves_a_table_that_is_there_as_it_is(tmp_path):
    with TinyDB(tmp_path / "db") as db:
        db.table("t").insert({})
    with TinyDB(tmp_path / "db") as db:
        assert len(db.table("t", persist_empty=True)) == 1


def test_a_name_gives_the_same_table_each_time(db):
    assert db.table("a") is db.table("a")


def test_tables_are_dropped_one_by_one_or_all(db):
    for name in "abc":
        db.table(name).insert({})
    db.drop_table("a")
    db.drop_table("never there")
    assert db.tables() == {"b", "c"}
    db.drop_tables()

    assert db.tables() == set()
    assert db.table("a").insert({}) == 1


def test_the_database_is_its_default_table(db):
    db.insert({"a": 1})

    assert (len(db), list(db), db.all()) == (1, [{"a": 1}], [{"a": 1}])
    assert repr(db) == (
        "<TinyDB tables=['_default'], tables_count=1, default_table_documents_count=1, "
        "all_tables_documents_count=['_default=1']>"
    )
    with pytest.raises(AttributeError):
        db.no_such_method  # noqa: B018


def test_a_name_that_no_collection_can_have_is_refused(tmp_path):
    with TinyDB(tmp_path / "db") as db, pytest.raises(InvalidName, match=r"\$"):
        db.table("a$b")


# ── a directory ──────────────────────────────────────────────────────────────────


def test_a_path_is_a_nosqlpy_database_with_a_collection_for_each_table(tmp_path):
    with TinyDB(tmp_path / "db") as db:
        db.insert({"a": 1, "_id": "own"})
        db.table("t").insert(Document({"b": 2}, doc_id=7))

    with Client(tmp_path / "db") as client:
        assert client["_default"].find().to_list() == [{"_id": 1, "a": 1, "_tinydb_id": "own"}]
        assert client["t"].find().to_list() == [{"_id": 7, "b": 2}]


def test_documents_are_there_when_it_is_opened_again_and_ids_go_on(tmp_path):
    with TinyDB(str(tmp_path / "db")) as db:
        db.insert_multiple([{"a": 1}, {"a": 2}])
    with TinyDB(tmp_path / "db") as db:
        assert db.all() == [{"a": 1}, {"a": 2}]
        assert db.insert({}) == 3


def test_a_directory_can_be_opened_twice_in_one_process(tmp_path):
    with TinyDB(tmp_path / "db") as one, TinyDB(tmp_path / "db") as other:
        one.insert({"a": 1})
        other.insert({"a": 2})

        assert [document.doc_id for document in one] == [1, 2]


def test_options_of_a_client_are_taken(tmp_path):
    with TinyDB(tmp_path / "db", durability="durable", memory_budget=0) as db:
        assert db.client.durability == "durable"
    with pytest.raises(ConfigurationError, match="durability"):
        TinyDB(tmp_path / "db", durabilty="fast")


def test_options_that_say_how_a_json_file_looks_make_it_one(tmp_path):
    with TinyDB(tmp_path / "db.json", sort_keys=True, indent=4, separators=(",", ": ")) as db:
        db.insert({"b": 1, "a": 2})
    with TinyDB(tmp_path / "db.json", default=str) as db:
        db.insert({"at": Path("x")})

    expected = {"_default": {"1": {"a": 2, "b": 1}, "2": {"at": "x"}}}
    assert json.loads((tmp_path / "db.json").read_text()) == expected


def test_options_that_say_how_a_json_file_looks_have_no_effect_where_a_database_is_and_others_are_refused(tmp_path):
    TinyDB(tmp_path / "db").close()
    shape = {"sort_keys": True, "indent": 4, "separators": (",", ": "), "ensure_ascii": False, "encoding": "utf-8"}
    with TinyDB(tmp_path / "db", **shape) as db:
        db.insert({"a": 1})

    assert (tmp_path / "db").is_dir()
    for name in ("default", "cls", "allow_nan"):
        with pytest.raises(ConfigurationError, match=f"'{name}'; pass storage=JSONStorage"):
            TinyDB(tmp_path / "db", **{name: True})


def test_a_database_that_is_there_is_opened_by_its_first_use(tmp_path):
    with TinyDB(tmp_path / "db") as db:
        db.insert({"a": 1})
    with TinyDB(tmp_path / "db") as db:
        assert db.storage.client.recovery is None
        assert db.all() == [{"a": 1}]
        assert db.storage.client.recovery is not None


def test_it_can_be_opened_for_reading_only(tmp_path):
    with pytest.raises(FileNotFoundError):
        TinyDB(tmp_path / "db", access_mode="r")
    with TinyDB(tmp_path / "db") as db:
        db.insert({"a": 1})

    with TinyDB(tmp_path / "db", access_mode="r") as db:
        assert db.all() == [{"a": 1}]
        with pytest.raises(ReadOnlyError):
            db.insert({})
    with pytest.raises(ConfigurationError, match="access_mode"):
        TinyDB(tmp_path / "db", access_mode="w")


def test_directories_above_are_made_if_it_is_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError):
        TinyDB(tmp_path / "a" / "b" / "db")

    TinyDB(tmp_path / "a" / "b" / "db", create_dirs=True).close()
    assert (tmp_path / "a" / "b" / "db").is_dir()


def test_a_json_file_is_refused_with_the_ways_to_go_on(tmp_path):
    (tmp_path / "db.json").write_text('{"_default": {"1": {}}}')

    with pytest.raises(StorageError, match=r"storage=JSONStorage.*migrate"):
        TinyDB(tmp_path / "db.json")


def test_a_database_that_could_not_be_made_has_no_methods(tmp_path):
    db = TinyDB.__new__(TinyDB)

    with pytest.raises(AttributeError):
        db.insert  # noqa: B018


# ── storages ─────────────────────────────────────────────────────────────────────


class Recorded(Storage):
    """A storage as a user writes it, which counts."""

    def __init__(self):
        self.state, self.reads, self.writes, self.closed = None, 0, 0, False

    def read(self):
        self.reads += 1
        return self.state

    def write(self, data):
        self.writes += 1
        self.state = json.loads(json.dumps(data))

    def close(self):
        self.closed = True


def test_a_storage_of_ones_own_reads_and_writes_the_whole_state():
    with TinyDB(storage=Recorded) as db:
        storage = db.storage
        assert (storage.reads, storage.writes) == (0, 0)
        db.all()
        assert storage.reads == 1
        db.insert({"a": 1})
        assert (storage.reads, storage.writes) == (3, 1)
        db.table("t").insert_multiple([{"b": 1}, {"b": 2}])
        db.update({"a": 2}, where("a") == 1)
        assert storage.writes == 3

    assert storage.state == {"_default": {"1": {"a": 2}}, "t": {"1": {"b": 1}, "2": {"b": 2}}}
    assert storage.closed


def test_a_storage_must_read_and_write():
    class Half(Storage):
        def read(self):
            return None

    with pytest.raises(TypeError):
        Half()


def test_a_storage_need_not_be_a_subclass():
    class Duck:
        def read(self):
            return {"_default": {"4": {"a": 1}}}

    assert TinyDB(storage=Duck).get(where("a") == 1).doc_id == 4


def test_the_default_storage_is_the_subclass_of_ones_own():
    class Kept(TinyDB):
        default_storage_class = Recorded

    assert type(Kept().storage) is Recorded


@pytest.mark.parametrize("kind", [MemoryStorage, DirectoryStorage])
def test_the_state_of_a_database_can_be_read_and_written_as_a_whole(kind, tmp_path):
    storage = kind(*([tmp_path / "db"] if kind is DirectoryStorage else []))
    db = TinyDB(storage=lambda: storage)
    assert storage.read() is None
    db.insert_multiple([{"a": 1}, {"a": 2}, {"a": 3}])
    state = storage.read()
    assert state == {"_default": {"1": {"a": 1}, "2": {"a": 2}, "3": {"a": 3}}}
    del state["_default"]["1"]
    state["_default"]["2"] = {"a": 20}
    storage.write({**state, "t": {"8": {"b": 1}}})

    assert [(document.doc_id, document["a"]) for document in db] == [(2, 20), (3, 3)]
    assert db.table("t").get(doc_id=8) == {"b": 1}
    storage.write({})
    assert db.tables() == set()
    storage.close()


def test_memory_holds_what_was_written_before_a_table_used_it():
    storage = MemoryStorage()
    assert (storage.memory, storage.read()) == (None, None)
    storage.write({"t": {"3": {"a": 1}}})
    assert storage.memory == {"t": {"3": {"a": 1}}}

    db = TinyDB(storage=lambda: storage)
    assert db.table("t").get(doc_id=3) == {"a": 1}
    assert storage.memory == {"t": {"3": {"a": 1}}}


def test_memory_is_the_state_itself_which_may_be_gone_through_while_tables_are_written():
    db = TinyDB(storage=MemoryStorage)
    state = {"t": {"1": {"a": 1}, "2": {"a": 2}}}
    db.storage.write(state)
    assert db.storage.read() is db.storage.memory is state

    table = db.table("t")
    for key in db.storage.read()["t"]:
        table.insert({"a": int(key) * 10})
    assert [document["a"] for document in table] == [1, 2, 10, 20]
    assert table.get(doc_ids=[4, 2]) == [{"a": 2}, {"a": 20}]
    state["t"] = {"7": {"a": 7}}
    assert table.get(doc_id=7) == {"a": 7}


def test_ids_in_memory_may_be_ints_in_a_state_that_is_written():
    db = TinyDB(storage=MemoryStorage)
    db.storage.write({"_default": {5: {"a": 1}, 3: {"a": 2}}})

    assert [document.doc_id for document in db.get(doc_ids=[3, 5])] == [5, 3]
    assert db.insert({}) == 6
    assert db.remove(doc_ids=[3]) == [3]


@pytest.mark.parametrize("other", ["text of a middleware", [{"a": 1}], {"version": 2}])
def test_memory_keeps_what_is_no_state_until_a_state_is_written(other):
    db = TinyDB(storage=MemoryStorage)
    db.insert({"a": 1})
    db.storage.write(other)

    assert db.storage.read() == other
    with pytest.raises(TypeError, match=f"no tables: a {type(other).__name__} was written"):
        db.insert({})
    db.storage.write({"_default": {"2": {"b": 1}}})
    assert db.all() == [{"b": 1}]


def test_a_middleware_may_write_anything_to_memory():
    class Packed(Middleware):
        def read(self):
            text = self.storage.read()
            return None if text is None else json.loads(text)

        def write(self, data):
            self.storage.write(json.dumps(data))

    db = TinyDB(storage=Packed(MemoryStorage))

    assert (db.insert({"a": 1}), db.all(), db.storage.memory) == (1, [{"a": 1}], '{"_default": {"1": {"a": 1}}}')


def test_a_database_in_memory_can_be_used_after_close():
    with TinyDB(storage=MemoryStorage) as db:
        db.insert({"a": 1})

    assert db.all() == [{"a": 1}]


def test_a_subclass_that_replaces_write_is_asked():
    written = []

    class Watched(MemoryStorage):
        def write(self, data):
            written.append(sorted(data))
            super().write(data)

    db = TinyDB(storage=Watched)
    db.insert({})
    db.table("t").insert({})

    assert written == [["_default"], ["_default", "t"]]
    with pytest.raises(InvalidOperation, match="Watched"):
        db.client  # noqa: B018
    with pytest.raises(InvalidOperation, match="no collection"):
        db.collection  # noqa: B018


def test_a_json_storage_is_a_json_file(tmp_path):
    path = tmp_path / "db.json"
    with TinyDB(path, storage=JSONStorage, sort_keys=True, indent=1) as db:
        db.insert({"b": 1, "a": "é"})

    assert path.read_text() == json.dumps({"_default": {"1": {"a": "é", "b": 1}}}, sort_keys=True, indent=1)
    with TinyDB(path, storage=JSONStorage, access_mode="r") as db:
        assert db.all() == [{"a": "é", "b": 1}]
        with pytest.raises(OSError, match="'r'"):
            db.insert({})
    assert db.storage._handle.closed


def test_a_json_file_gets_shorter(tmp_path):
    with TinyDB(tmp_path / "db.json", storage=JSONStorage) as db:
        db.insert({"long": "x" * 100})
        db.truncate()

    assert (tmp_path / "db.json").read_text() == '{"_default": {}}'


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, -0.0, 2.5, True, False, None, 'x"\\/\n\t\b\f\r\x00\x1f'], "b": {}, "c": [], "d": [[], {}]},
        {"é": "𝄞"},
        {"big": 2**70, "small": -(2**63), "nan": float("inf")},
        {"surrogate": "\ud800"},
        {"tuple": (1, 2)},
        {1: "a", None: "b", False: "c", 1.5: "d"},
        {},
    ],
)
def test_a_json_file_has_the_text_that_python_gives_it(tmp_path, value):
    storage = JSONStorage(tmp_path / "db.json")
    storage.write({"t": {"1": value}})
    read = storage.read()
    storage.close()

    assert (tmp_path / "db.json").read_text() == json.dumps({"t": {"1": value}})
    assert read == json.loads(json.dumps({"t": {"1": value}}))


@pytest.mark.parametrize("value", [datetime.date(2020, 1, 1), uuid.UUID(int=1), b"x", {1}, Decimal(1), object()])
def test_what_json_has_not_is_refused_by_a_json_file_and_nothing_is_written(tmp_path, value):
    with TinyDB(tmp_path / "db.json", storage=JSONStorage) as db:
        db.insert({"a": 1})
        with pytest.raises(TypeError, match="not JSON serializable"):
            db.insert({"a": value})
        assert db.all() == [{"a": 1}]


def test_a_json_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "db.json").write_text('{"_default": {"1": {"a": NaN, "b": 1e999}}}')
    with TinyDB(tmp_path / "db.json", storage=JSONStorage) as db:
        assert repr(db.all()) == "[{'a': nan, 'b': inf}]"
    (tmp_path / "db.json").write_text('{"_default": ')
    with TinyDB(tmp_path / "db.json", storage=JSONStorage) as db, pytest.raises(json.JSONDecodeError):
        db.all()


@pytest.mark.parametrize("storage", [JSONStorage, CachingMiddleware(JSONStorage)])
def test_a_json_storage_goes_on_with_a_database_that_took_the_place_of_its_file(tmp_path, storage):
    with TinyDB(tmp_path / "db.json") as db:
        db.insert_multiple([{"a": 1}, {"a": 2}])
    with TinyDB(tmp_path / "db.json", storage=storage) as db:
        assert db.insert({"a": 3}) == 3
        assert db.remove(where("a") == 1) == [1]

    with TinyDB(tmp_path / "db.json") as db:
        assert [(document.doc_id, document["a"]) for document in db] == [(2, 2), (3, 3)]


def test_storages_and_middlewares_have_their_names_as_in_tinydb(tmp_path):
    class Mine(MemoryStorage):
        pass

    names = [repr(storage).partition(" object at ")[0] for storage in (MemoryStorage(), CachingMiddleware(Mine))]
    assert names == ["<tinydb.storages.MemoryStorage", "<tinydb.middlewares.CachingMiddleware"]
    assert repr(Mine()).startswith(f"<{__name__}.")


def test_a_mode_that_loses_data_warns(tmp_path):
    with pytest.warns(UserWarning, match="access_mode"):
        JSONStorage(tmp_path / "db.json", access_mode="w").close()


# ── middlewares ──────────────────────────────────────────────────────────────────


def test_caching_writes_after_so_many_writes_on_flush_and_on_close():
    middleware = CachingMiddleware(Recorded)
    middleware.WRITE_CACHE_SIZE = 3
    with TinyDB(storage=middleware) as db:
        inner = middleware.storage
        for _ in range(2):
            db.insert({})
        assert (inner.writes, len(db)) == (0, 2)
        db.insert({})
        assert inner.writes == 1
        db.insert({})
        middleware.flush()
        middleware.flush()
        assert inner.writes == 2
        db.insert({})

    assert (inner.writes, inner.closed, len(inner.state["_default"])) == (3, True, 5)


def test_a_cached_directory_is_written_as_a_whole(tmp_path):
    with TinyDB(tmp_path / "db", storage=CachingMiddleware(DirectoryStorage)) as db:
        db.insert_multiple([{"a": 1}, {"a": 2}])
        db.remove(where("a") == 1)
    with TinyDB(tmp_path / "db") as db:
        assert [(document.doc_id, document["a"]) for document in db] == [(2, 2)]


def test_a_middleware_of_ones_own_sees_every_state():
    class Stamped(Middleware):
        def read(self):
            return self.storage.read()

        def write(self, data):
            self.storage.write({**data, "stamps": {str(len(data)): {}}})

    db = TinyDB(storage=Stamped(CachingMiddleware(MemoryStorage)))
    db.insert({"a": 1})

    assert db.tables() == {"_default", "stamps"}
    assert isinstance(db.storage, Stamped)
    assert db.storage.cache == db.storage.storage.read()


def test_a_middleware_without_a_storage_has_nothing_to_forward_to():
    with pytest.raises(AttributeError, match="before its storage is made"):
        Middleware(MemoryStorage).read  # noqa: B018


# ── names of modules ─────────────────────────────────────────────────────────────


@pytest.fixture
def no_tinydb(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "tinydb"]:
        monkeypatch.delitem(sys.modules, name)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "tinydb"]:
        del sys.modules[name]


@pytest.mark.usefixtures("no_tinydb")
def test_install_gives_unmodified_programs_these_modules():
    tinydb.install()
    tinydb.install()

    assert import_module("tinydb").TinyDB is TinyDB
    for name in ("database", "middlewares", "operations", "queries", "storages", "table", "utils", "version"):
        assert import_module(f"tinydb.{name}") is import_module(f"nosqlpy.compat.tinydb.{name}")


@pytest.mark.usefixtures("no_tinydb")
def test_install_after_the_original_was_imported_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "tinydb", json)

    with pytest.raises(InvalidOperation, match="before the first import"):
        tinydb.install()


# ── migration ────────────────────────────────────────────────────────────────────

STATE = {"_default": {"1": {"a": 1.0, "_id": "own"}, "7": {"b": [None, True, float("nan"), "é"]}}, "empty": {}}


def test_migrate_makes_a_directory_of_a_json_file(tmp_path):
    file = tmp_path / "db.json"
    file.write_text(json.dumps(STATE))

    assert tinydb.migrate(file, tmp_path / "db") == {"_default": 2, "empty": 0}
    assert json.loads(file.read_text()).keys() == STATE.keys()
    with TinyDB(tmp_path / "db") as db:
        assert json.dumps(db.storage.read()) == json.dumps(STATE)
        assert db.insert({}) == 8


def test_migrate_in_place_keeps_the_file_under_another_name(tmp_path):
    file = tmp_path / "db.json"
    file.write_text('{"t": {"1": {"a": 1}}}')

    assert tinydb.migrate(file, file) == {"t": 1}
    assert (tmp_path / "db.json.json-before").read_text() == '{"t": {"1": {"a": 1}}}'
    with TinyDB(file) as db:
        assert db.table("t").all() == [{"a": 1}]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("not json", "is no JSON file"),
        ("[1, 2]", "holds no tables of documents"),
        ('{"t": {"1": 5}}', "holds no tables of documents"),
        ('{"t": {"1": {"a": 1}, "4": {"b": [18446744073709551616]}}}', r"table 't', document 4: b\.0: an int past 64"),
        ('{"a$b": {}}', "contains"),
        ('{"t": {"1": {"a": {"b": "\\ud800"}}}}', "table 't', document 1: a.b: a str with a lone surrogate"),
    ],
)
def test_migrate_leaves_nothing_behind_where_it_cannot_keep_everything(tmp_path, text, problem):
    file = tmp_path / "db.json"
    file.write_text(text)

    with pytest.raises((StorageError, ValueError), match=problem):
        tinydb.migrate(file, tmp_path / "db")
    assert [path.name for path in tmp_path.iterdir()] == ["db.json"]


def test_migrate_overwrites_nothing(tmp_path):
    file = tmp_path / "db.json"
    file.write_text("{}")
    (tmp_path / "db").mkdir()

    with pytest.raises(StorageError, match="exists already"):
        tinydb.migrate(file, tmp_path / "db")
