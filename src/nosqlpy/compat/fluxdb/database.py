"""The class `FluxDB`: its methods, return values and exceptions, over a `nosqlpy.Client`."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from nosqlpy import (
    Client,
    Collection,
    CollectionNotFound,
    ConfigurationError,
    DocumentError,
    StorageError,
    Transaction,
    TransactionError,
    WriteError,
)
from nosqlpy.compat.fluxdb.records import looks_like_records
from nosqlpy.compat.fluxdb.transfer import copy_collection, import_records

Record = dict[str, Any]


class StorageBackend:
    """What says where a database is kept; there are two of it, and no others can be made."""


class BinaryStorage(StorageBackend):
    """In the directory that `FluxDB` is given: the default."""


class MemoryStorage(StorageBackend):
    """In memory, as long as the object lives."""


_BACKENDS: dict[Any, type[StorageBackend]] = {
    None: BinaryStorage,
    "directory": BinaryStorage,
    "memory": MemoryStorage,
    BinaryStorage: BinaryStorage,
    MemoryStorage: MemoryStorage,
}


class FluxDB:
    """A database of FluxDB's manner: collections by name, records by their ``_id``, a UUID as text.

    `db_path` is a directory, which is made if need be. `storage_backend` is
    ``"directory"`` or ``"memory"``, or one of this module's classes. `durability` is
    the client's: with ``"safe"`` what a call wrote survives a kill of the process, with
    ``"fast"`` it is buffered for up to 10 ms.

    Raises:
        ConfigurationError: There is no such backend.
        FluxDBError: The directory cannot be used.
    """

    def __init__(
        self,
        db_path: str | os.PathLike[str],
        storage_backend: Any = None,
        *,
        durability: Literal["fast", "safe", "durable"] = "safe",
    ) -> None:
        in_memory = _backend(storage_backend) is MemoryStorage
        self._client = Client(":memory:" if in_memory else db_path, durability=durability).open()
        self._transaction: Transaction | None = None

    def __repr__(self) -> str:
        return f"FluxDB({self._client.url!r})"

    # ── collections ──────────────────────────────────────────────────────────────

    def create_collection(self, collection: str, indexed_fields: Sequence[str] | None = None) -> bool:
        """Create a collection with indexes on `indexed_fields`; return False if it exists.

        Raises:
            TransactionError: A transaction is active.
        """
        self._refuse_in_transaction("create_collection")
        if collection in self.list_collections():
            return False
        created = self._client.create_collection(collection)
        for field in indexed_fields or ():
            created.create_index(field)
        return True

    def drop_collection(self, collection: str) -> bool:
        """Drop a collection and its indexes; return False if there is none.

        Raises:
            TransactionError: A transaction is active.
        """
        self._refuse_in_transaction("drop_collection")
        return self._client.drop_collection(collection)

    def clear_collection(self, collection: str) -> bool:
        """Remove all records of a collection, and keep its indexes; return False if there is none.

        Raises:
            TransactionError: A transaction is active.
        """
        self._refuse_in_transaction("clear_collection")
        if collection not in self.list_collections():
            return False
        self._client[collection].clear()
        return True

    def list_collections(self) -> list[str]:
        """Return the names of all collections, sorted."""
        return self._client.list_collection_names()

    # ── records ──────────────────────────────────────────────────────────────────

    def insert(self, collection: str, data: Mapping[str, Any]) -> Any:
        """Insert a record and return its ``_id``: its own, or a new UUID as text. The collection is made if need be.

        Raises:
            FluxDBError: The record cannot be stored, or its ``_id`` is taken.
        """
        return self._client[collection].insert(_record(data), session=self._transaction)

    def insert_many(self, collection: str, data_list: Iterable[Mapping[str, Any]]) -> list[Any]:
        """Insert records and return their ids.

        Raises:
            FluxDBError: A record cannot be stored, or its ``_id`` is taken; those before it are in.
        """
        records = [_record(data) for data in data_list]
        return self._client[collection].insert_many(records, session=self._transaction).inserted_ids if records else []

    def find(
        self,
        collection: str,
        query: Mapping[str, Any] | None = None,
        limit: int | None = None,
        skip: int = 0,
        sort: Mapping[str, int] | None = None,
    ) -> list[Record]:
        """Return the records that match `query`, in the order of `sort`, after `skip` and up to `limit` of them.

        Raises:
            CollectionNotFoundError: There is no such collection.
        """
        if limit == 0:
            self._existing(collection)
            return []
        found = self._existing(collection).find(
            query, sort=sort or None, skip=skip, limit=limit or 0, session=self._transaction
        )
        return found.to_list()

    def update(self, collection: str, record_id: Any, update_data: Mapping[str, Any]) -> bool:
        """Give fields of a record new values; return False if there is none of this id.

        Names are those of fields, also with a dot or a ``$`` in them.

        Raises:
            CollectionNotFoundError: There is no such collection.
            FluxDBError: The record would get another ``_id``, or cannot be stored.
        """
        existing = self._existing(collection)
        if update_data.get("_id", record_id) != record_id:
            raise WriteError("the _id of a record cannot be changed", code=66, code_name="ImmutableField")
        merged = {"$replaceWith": {"$mergeObjects": ["$$ROOT", {"$literal": dict(update_data)}]}}
        return existing.update_one({"_id": record_id}, [merged], session=self._transaction).matched_count == 1

    def delete(self, collection: str, record_id: Any) -> bool:
        """Delete a record; return False if there is none of this id.

        Raises:
            CollectionNotFoundError: There is no such collection.
        """
        return self._existing(collection).delete(record_id, session=self._transaction)

    def exists(self, collection: str, record_id: Any) -> bool:
        """Return whether there is a record of this id."""
        return self._client[collection].exists({"_id": {"$eq": record_id}}, session=self._transaction)

    def count(self, collection: str, query: Mapping[str, Any] | None = None) -> int:
        """Return how many records match `query`; 0 where there is no such collection."""
        return self._client[collection].count(query, session=self._transaction)

    def aggregate(self, collection: str, pipeline: Sequence[Mapping[str, Any]]) -> list[Record]:
        """Return what comes out of a pipeline of stages; the accumulator ``$count`` may have any operand."""
        stages = [_with_counts(stage) for stage in pipeline]
        return self._client[collection].aggregate(stages, session=self._transaction).to_list()

    # ── transactions ─────────────────────────────────────────────────────────────

    def begin_transaction(self) -> None:
        """Begin a transaction: until `commit`, nobody else sees what is written, and nobody else writes.

        Raises:
            TransactionError: One is active.
        """
        if self._transaction is not None:
            raise TransactionError("a transaction is active already: commit() or rollback() it first")
        self._transaction = self._client.transaction().__enter__()

    def commit(self) -> None:
        """Make all that the transaction wrote visible, in one atomic step.

        Raises:
            TransactionError: None is active, or it cannot be committed; it is rolled back then.
        """
        transaction = self._ending()
        try:
            transaction.commit()
        except StorageError as error:
            raise TransactionError(f"the transaction cannot be committed: {error}") from error

    def rollback(self) -> None:
        """Undo all that the transaction wrote.

        Raises:
            TransactionError: None is active.
        """
        self._ending().rollback()

    def _ending(self) -> Transaction:
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            raise TransactionError("no transaction is active: begin_transaction() first")
        return transaction

    # ── files ────────────────────────────────────────────────────────────────────

    def export_collection(self, collection: str, output_file: str | os.PathLike[str]) -> bool:
        """Write a collection with its indexes to one checked file; return False if there is no such collection.

        Raises:
            FluxDBError: The file cannot be written; what was there is as it was.
        """
        if collection not in self.list_collections():
            return False
        try:
            self._client.dump(output_file, collections=[collection])
        except OSError as error:
            raise StorageError(f"the collection cannot be exported: {error}") from error
        return True

    def import_collection(self, collection: str, input_file: str | os.PathLike[str]) -> bool:
        """Take over the records and indexes of an exported file; return False if there is no such file.

        A record replaces the one with its id. The original's own data files (``.fdb``) are
        taken too: all their values are text.

        Raises:
            CorruptionError: The file is damaged, cut short or none of these; nothing is imported.
            FluxDBError: The file cannot be read.
            TransactionError: A transaction is active.
        """
        self._refuse_in_transaction("import_collection")
        if not Path(input_file).is_file():
            return False
        try:
            self._import(collection, input_file)
        except OSError as error:
            raise StorageError(f"the file cannot be imported: {error}") from error
        return True

    def _import(self, collection: str, input_file: str | os.PathLike[str]) -> None:
        if looks_like_records(input_file):
            import_records(input_file, self._client[collection])
            return
        with tempfile.TemporaryDirectory(prefix="nosqlpy-import-") as directory:
            Client.restore(input_file, Path(directory) / "data")
            with Client(Path(directory) / "data", read_only=True) as source:
                copy_collection(source, self._client, collection)

    # ── the end ──────────────────────────────────────────────────────────────────

    def flush(self) -> None:
        """Hand what is buffered to the system, and make it durable."""
        self._client.sync()

    def close(self) -> None:
        """Roll an active transaction back, and let go of the directory."""
        if self._transaction is not None:
            self.rollback()
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, t: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _existing(self, name: str) -> Collection[Record]:
        if name in self.list_collections() or (self._transaction is not None and self.count(name)):
            return self._client[name]
        raise CollectionNotFound(f"there is no collection {name!r}; create_collection({name!r}) makes it")

    def _refuse_in_transaction(self, method: str) -> None:
        if self._transaction is not None:
            raise TransactionError(f"{method}() cannot be part of a transaction: commit() or rollback() first")


def _backend(backend: Any) -> type[StorageBackend]:
    known = backend if backend is None or isinstance(backend, str | type) else type(backend)
    found = _BACKENDS.get(known)
    if found is None:
        raise ConfigurationError(
            "storage_backend is 'directory' or 'memory': a database of this class cannot be kept by another backend"
        )
    return found


def _record(data: Mapping[str, Any]) -> Record:
    if not isinstance(data, Mapping):
        raise DocumentError(f"a record is a mapping with str keys, not {type(data).__name__}")
    return {**data} if "_id" in data else {"_id": str(uuid.uuid4()), **data}


def _with_counts(stage: Any) -> Any:
    """Return a stage in which ``{"$count": 1}`` of a group is MongoDB's ``{"$count": {}}``."""
    if not isinstance(stage, Mapping) or not isinstance(stage.get("$group"), Mapping):
        return stage
    fields = {
        name: {"$count": {}} if isinstance(value, Mapping) and list(value) == ["$count"] else value
        for name, value in stage["$group"].items()
    }
    return {**stage, "$group": fields}
