"""FluxDB's README, on nosqlpy: every method, return value and exception."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nosqlpy import Client, ConfigurationError, CorruptionError, NosqlpyError, StorageError, Transaction
from nosqlpy.compat.fluxdb import (
    BinaryStorage,
    CollectionNotFoundError,
    FluxDB,
    FluxDBError,
    MemoryStorage,
    StorageBackend,
    TransactionError,
)


@pytest.fixture(params=["directory", "memory"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FluxDB]:
    with FluxDB(tmp_path / "data", storage_backend=request.param) as opened:
        yield opened


def test_the_quick_start_gives_what_its_text_says_with_numbers_as_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    db = FluxDB("data")
    db.create_collection("users", indexed_fields=["age", "status"])
    user_id = db.insert("users", {"name": "Alice", "age": 30, "status": "active"})
    results = db.find("users", query={"age": {"$gt": 20}}, sort={"age": 1}, limit=10)

    assert results == [{"_id": user_id, "name": "Alice", "age": 30, "status": "active"}]
    assert db.update("users", user_id, {"status": "inactive"}) is True
    assert db.find("users")[0]["status"] == "inactive"
    assert db.delete("users", user_id) is True
    assert db.find("users") == []
    db.close()


# ── collections ──────────────────────────────────────────────────────────────────


def test_a_collection_is_created_once(db: FluxDB) -> None:
    assert db.create_collection("users", indexed_fields=["age"]) is True
    assert db.create_collection("users") is False
    assert db.list_collections() == ["users"]


def test_a_collection_is_dropped_once(db: FluxDB) -> None:
    db.create_collection("users")

    assert db.drop_collection("users") is True
    assert db.drop_collection("users") is False
    assert db.list_collections() == []


def test_a_cleared_collection_is_empty_and_keeps_its_indexes(db: FluxDB) -> None:
    db.create_collection("users", indexed_fields=["age"])
    db.insert("users", {"age": 3})

    assert db.clear_collection("users") is True
    assert db.clear_collection("nothing") is False
    assert db.count("users") == 0
    assert "age_1" in db._client["users"].index_information()


# ── records ──────────────────────────────────────────────────────────────────────


def test_an_id_is_a_uuid_as_text_and_the_collection_is_made(db: FluxDB) -> None:
    identity = db.insert("users", {"name": "Alice"})

    assert str(uuid.UUID(identity)) == identity
    assert db.list_collections() == ["users"]


def test_a_record_keeps_the_id_that_it_has(db: FluxDB) -> None:
    assert db.insert("users", {"_id": "ada", "n": 1}) == "ada"
    with pytest.raises(FluxDBError):
        db.insert("users", {"_id": "ada"})
    assert db.count("users") == 1


def test_the_caller_s_record_is_not_changed(db: FluxDB) -> None:
    record = {"name": "Alice"}
    db.insert("users", record)

    assert record == {"name": "Alice"}


def test_insert_many_returns_the_ids_in_order(db: FluxDB) -> None:
    ids = db.insert_many("users", [{"name": "Bob"}, {"name": "Charlie"}])

    assert [record["_id"] for record in db.find("users")] == ids
    assert db.insert_many("users", []) == []


def test_values_keep_their_types(db: FluxDB) -> None:
    record = {"_id": "1", "int": 30, "float": 0.5, "bool": True, "none": None, "list": [1, "a"], "in": {"deep": 1}}
    db.insert("users", record)

    assert db.find("users") == [record]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"name": "Alice"}, ["Alice"]),
        ({"age": {"$gt": 20, "$lt": 30}}, ["Bob"]),
        ({"status": {"$in": ["active", "pending"]}}, ["Alice", "Bob", "Carol"]),
        ({"age": {"$gt": 20, "$lt": 30}, "status": {"$in": ["active"]}}, []),
        (None, ["Alice", "Bob", "Carol", "Dora"]),
    ],
)
def test_the_query_language_of_the_readme(db: FluxDB, query: Any, names: list[str]) -> None:
    db.create_collection("users", indexed_fields=["age", "status"])
    rows = [("Alice", 30, "active"), ("Bob", 25, "pending"), ("Carol", 41, "active"), ("Dora", 20, "gone")]
    db.insert_many("users", [{"name": name, "age": age, "status": status} for name, age, status in rows])

    assert sorted(record["name"] for record in db.find("users", query)) == names
    assert db.count("users", query) == len(names)


def test_an_indexed_field_serves_its_queries(db: FluxDB) -> None:
    db.create_collection("users", indexed_fields=["age"])
    db.insert_many("users", [{"age": age} for age in range(50)])

    for query in ({"age": 7}, {"age": {"$gt": 46, "$lt": 48}}, {"age": {"$in": [7, 8]}}):
        plan = db._client["users"].find(query).explain()
        assert "IXSCAN" in str(plan["queryPlanner"]["winningPlan"])
        assert len(db.find("users", query)) == plan["candidates"]


def test_results_are_sorted_and_paged(db: FluxDB) -> None:
    db.insert_many("users", [{"n": n} for n in (3, 1, 4, 2)])

    assert [record["n"] for record in db.find("users", sort={"n": -1}, skip=1, limit=2)] == [3, 2]
    assert db.find("users", limit=0) == []


def test_an_update_says_whether_there_was_such_a_record(db: FluxDB) -> None:
    identity = db.insert("users", {"a": {"b": 1}, "keep": 1})

    assert db.update("users", identity, {"a.b": 2, "$odd": "$$ROOT"}) is True
    assert db.find("users") == [{"_id": identity, "a": {"b": 1}, "keep": 1, "a.b": 2, "$odd": "$$ROOT"}]
    assert db.update("users", "nobody", {"a": 1}) is False


def test_an_update_cannot_change_an_id(db: FluxDB) -> None:
    identity = db.insert("users", {"a": 1})

    with pytest.raises(FluxDBError, match="_id"):
        db.update("users", identity, {"_id": "other"})
    assert db.update("users", identity, {"_id": identity, "a": 2}) is True


def test_a_record_is_deleted_once(db: FluxDB) -> None:
    identity = db.insert("users", {"a": 1})

    assert db.exists("users", identity) is True
    assert db.delete("users", identity) is True
    assert db.delete("users", identity) is False
    assert db.exists("users", identity) is False


def test_a_missing_collection_is_an_error_where_the_readme_says_so(db: FluxDB) -> None:
    for call in (db.find, lambda name: db.update(name, "1", {}), lambda name: db.delete(name, "1")):
        with pytest.raises(CollectionNotFoundError, match="nothing"):
            call("nothing")

    assert db.exists("nothing", "1") is False
    assert db.count("nothing") == 0
    assert db.aggregate("nothing", [{"$group": {"_id": "$a"}}]) == []


def test_what_cannot_be_stored_is_refused(db: FluxDB) -> None:
    with pytest.raises(FluxDBError):
        db.insert("users", {"a": {1, 2}})
    with pytest.raises(FluxDBError, match="mapping"):
        db.insert("users", [1])  # type: ignore[arg-type]
    assert db.list_collections() == []


# ── transactions ─────────────────────────────────────────────────────────────────


def test_the_transaction_of_the_readme_commits(db: FluxDB) -> None:
    db.begin_transaction()
    try:
        db.insert("users", {"name": "Eve"})
        db.insert("users", {"name": "Frank"})
        db.commit()
    except Exception:  # noqa: BLE001 - as the README has it
        db.rollback()

    assert [record["name"] for record in db.find("users")] == ["Eve", "Frank"]


def test_a_rollback_leaves_nothing(db: FluxDB) -> None:
    identity = db.insert("users", {"n": 1})
    db.begin_transaction()
    db.update("users", identity, {"n": 2})
    db.insert("users", {"n": 3})
    db.delete("users", identity)
    db.insert("others", {"n": 4})

    assert [record["n"] for record in db.find("users")] == [3]
    assert db.find("others")[0]["n"] == 4
    db.rollback()
    assert db.find("users") == [{"_id": identity, "n": 1}]
    assert db.list_collections() == ["users"]


def test_transactions_begin_and_end_once(db: FluxDB) -> None:
    for end in (db.commit, db.rollback):
        with pytest.raises(TransactionError, match="begin_transaction"):
            end()
    db.begin_transaction()

    with pytest.raises(TransactionError, match="active already"):
        db.begin_transaction()
    with pytest.raises(TransactionError, match="create_collection"):
        db.create_collection("users")
    db.commit()


def test_closing_rolls_back(tmp_path: Path) -> None:
    db = FluxDB(tmp_path / "data")
    db.insert("users", {"n": 1})
    db.begin_transaction()
    db.insert("users", {"n": 2})
    db.close()

    with FluxDB(tmp_path / "data") as again:
        assert again.count("users") == 1


# ── aggregation, files ───────────────────────────────────────────────────────────


def test_groups_are_summed_and_counted(db: FluxDB) -> None:
    db.insert_many(
        "products", [{"category": "a", "price": 2}, {"category": "b", "price": 3}, {"category": "a", "price": 4}]
    )

    assert db.aggregate("products", [{"$group": {"_id": "$category", "count": {"$count": 1}}}]) == [
        {"_id": "a", "count": 2},
        {"_id": "b", "count": 1},
    ]
    assert db.aggregate("products", [{"$group": {"_id": "$category", "total": {"$sum": "$price"}}}]) == [
        {"_id": "a", "total": 6},
        {"_id": "b", "total": 3},
    ]


def test_a_collection_is_exported_and_imported_with_its_indexes(db: FluxDB, tmp_path: Path) -> None:
    db.create_collection("users", indexed_fields=["age"])
    db.insert_many("users", [{"_id": str(n), "age": n} for n in range(2500)])
    records = db.find("users")

    assert db.export_collection("users", tmp_path / "users_backup.fdb") is True
    assert db.export_collection("nothing", tmp_path / "nothing") is False
    db.drop_collection("users")
    assert db.import_collection("copy", tmp_path / "users_backup.fdb") is True
    assert db.import_collection("copy", tmp_path / "missing") is False
    assert db.find("copy") == records
    assert "age_1" in db._client["copy"].index_information()


def test_a_file_that_cannot_be_written_or_read_is_one_of_its_errors(
    db: FluxDB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.insert("users", {"name": "Eve"})
    db.export_collection("users", tmp_path / "users.fdb")

    with pytest.raises(FluxDBError, match="cannot be exported"):
        db.export_collection("users", tmp_path / "missing" / "users.fdb")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Client, "restore", refuse)
    with pytest.raises(FluxDBError, match="cannot be imported"):
        db.import_collection("copy", tmp_path / "users.fdb")
    assert db.list_collections() == ["users"]


def test_a_commit_for_which_there_is_no_room_is_a_transaction_error_and_leaves_nothing(
    db: FluxDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.insert("users", {"name": "Eve"})
    db.begin_transaction()
    db.insert("users", {"name": "Frank"})

    def refuse(transaction: Transaction) -> None:
        transaction.rollback()
        raise StorageError("the write was refused: no space left")

    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "commit", refuse)
        with pytest.raises(TransactionError, match="cannot be committed: the write was refused"):
            db.commit()

    assert [record["name"] for record in db.find("users")] == ["Eve"]
    db.begin_transaction()
    db.rollback()


def test_a_damaged_export_is_refused_and_nothing_imported(db: FluxDB, tmp_path: Path) -> None:
    db.insert_many("users", [{"n": n} for n in range(100)])
    db.export_collection("users", tmp_path / "file")
    data = bytearray((tmp_path / "file").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "file").write_bytes(data)

    with pytest.raises(CorruptionError):
        db.import_collection("copy", tmp_path / "file")
    assert db.list_collections() == ["users"]


# ── where it is kept ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("backend", [None, "directory", BinaryStorage, BinaryStorage()])
def test_a_directory_is_found_again(tmp_path: Path, backend: Any) -> None:
    with FluxDB(tmp_path / "data", storage_backend=backend) as db:
        identity = db.insert("users", {"n": 1})

    with FluxDB(str(tmp_path / "data")) as again:
        assert again.exists("users", identity)


@pytest.mark.parametrize("backend", ["memory", MemoryStorage, MemoryStorage()])
def test_a_database_in_memory_leaves_no_files(tmp_path: Path, backend: Any) -> None:
    with FluxDB(tmp_path / "data", backend) as db:
        db.insert("users", {"n": 1})

    assert not (tmp_path / "data").exists()


def test_another_backend_is_refused(tmp_path: Path) -> None:
    class Own(StorageBackend):
        pass

    for backend in (Own(), "tape", 7):
        with pytest.raises(ConfigurationError, match="'directory' or 'memory'"):
            FluxDB(tmp_path / "data", backend)
    assert not (tmp_path / "data").exists()


def test_its_errors_are_nosqlpy_s(db: FluxDB) -> None:
    assert FluxDBError is NosqlpyError
    assert issubclass(CollectionNotFoundError, FluxDBError)
    assert issubclass(TransactionError, FluxDBError)


def test_what_was_inserted_survives_a_kill(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\nfrom nosqlpy.compat.fluxdb import FluxDB\n"
        "db = FluxDB(sys.argv[1])\nfor n in range(50):\n    db.insert('users', {'n': n})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "data")], check=False, timeout=60)

    with FluxDB(tmp_path / "data") as db:
        assert [record["n"] for record in db.find("users")] == list(range(50))
