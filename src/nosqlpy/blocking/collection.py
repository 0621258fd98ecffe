"""A collection of the blocking face."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, overload

from nosqlpy._core.engine import definitions, reads, writes
from nosqlpy._core.engine.intake import Intake
from nosqlpy._core.index.catalogue import define_index
from nosqlpy._core.update.compile import compile_replacement, compile_update
from nosqlpy._core.values.typed import TypeCodec
from nosqlpy._io import transfer
from nosqlpy._io.cursor import FindOptions, match, one, require_filter
from nosqlpy._io.database import Database
from nosqlpy._io.local import LocalBackend
from nosqlpy.aliases import Document, Durability, Filter, IndexKeys, Projection, SortSpec, Update
from nosqlpy.blocking.cursor import Cursor
from nosqlpy.results import DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

if TYPE_CHECKING:
    from nosqlpy.blocking.client import Client

T = TypeVar("T")
V = TypeVar("V")


class Collection(Generic[T]):
    """Documents of one kind, under their ids. It comes into being with its first document.

    Every method that writes takes ``durability=``, which holds for that call only; see
    `Client`. A write that is refused changes nothing.
    """

    def __init__(self, client: Client, backend: LocalBackend, name: str, codec: TypeCodec[T]) -> None:
        self._client = client
        self._backend = backend
        self._name = name
        self._codec = codec
        self._intake = Intake(codec.encode, backend.options.id_factory, backend.options.max_document_size)

    @property
    def name(self) -> str:
        """The name of the collection."""
        return self._name

    @property
    def client(self) -> Client:
        """The client that the collection was taken from."""
        return self._client

    def __repr__(self) -> str:
        return f"{self._client!r}[{self._name!r}]"

    # ── by id ────────────────────────────────────────────────────────────────────

    def insert(self, document: T, /, *, durability: Durability | None = None) -> Any:
        """Insert `document` and return its ``_id``, a new one if it has none.

        The document itself is not changed.

        Raises:
            DuplicateKeyError: The ``_id`` is taken.
            DocumentError: It holds a value that cannot be stored; the message has its path.
        """
        return self._backend.write(durability, writes.insert_one, self._name, self._intake.one(document))

    def get(self, id: Any, /) -> T | None:
        """Return the document with this ``_id``, or None."""
        return self._backend.point(reads.get, self._name, id, self._codec.decode)

    def save(self, document: T, /, *, durability: Durability | None = None) -> Any:
        """Insert `document`, or put it in the place of the one with its ``_id``; return that.

        Raises:
            DocumentError: It holds a value that cannot be stored; the message has its path.
        """
        return self._backend.write(durability, writes.save, self._name, self._intake.one(document))

    def delete(self, id: Any, /, *, durability: Durability | None = None) -> bool:
        """Delete the document with this ``_id``; return whether there was one."""
        return self._backend.write(durability, writes.delete_by_id, self._name, id)

    def exists(self, filter: Filter | None = None, /) -> bool:
        """Return whether a document matches `filter`; without one, whether there is a document at all."""
        return self._backend.read_steps(reads.exists, self._name, FindOptions(filter).compile())

    def count(self, filter: Filter | None = None, /) -> int:
        """Return how many documents match `filter`, or how many there are."""
        return self._backend.read_steps(reads.count, self._name, FindOptions(filter).compile())

    # ── inserting ────────────────────────────────────────────────────────────────

    def insert_one(self, document: T, *, durability: Durability | None = None) -> InsertOneResult:
        """Insert `document` and return a result with its ``_id``.

        Raises:
            DuplicateKeyError: The ``_id`` is taken.
            DocumentError: It holds a value that cannot be stored; the message has its path.
        """
        return self._backend.write(durability, writes.insert_one_result, self._name, self._intake.one(document))

    def insert_many(
        self, documents: Iterable[T], *, ordered: bool = True, durability: Durability | None = None
    ) -> InsertManyResult:
        """Insert all `documents` and return a result with their ids.

        All are checked first: one that cannot be stored keeps all out. They go in a
        thousand at a time, each thousand as one atomic write.

        Raises:
            DocumentError: A document holds a value that cannot be stored; nothing was inserted.
            BulkWriteError: An ``_id`` is taken. `ordered`: those before it are in; otherwise all but those refused.
        """
        return self._backend.write_steps(
            durability,
            writes.insert_many,
            self._name,
            self._backend.prepare(self._intake.many(documents)),
            ordered=ordered,
        )

    # ── updating ─────────────────────────────────────────────────────────────────

    def update_one(
        self, filter: Filter, update: Update, upsert: bool = False, *, durability: Durability | None = None
    ) -> UpdateResult:
        """Update the first document that matches; with `upsert` insert one if there is none.

        Raises:
            QueryError: The filter or the update cannot be understood.
            WriteError: The update cannot be made on the document.
        """
        return self._backend.write_bulk(
            durability,
            writes.update,
            self._name,
            match(filter),
            compile_update(update),
            self._intake.spare_id(upsert),
            upsert=upsert,
            many=False,
        )

    def update_many(
        self, filter: Filter, update: Update, upsert: bool = False, *, durability: Durability | None = None
    ) -> UpdateResult:
        """Update all documents that match, as one atomic write; with `upsert` insert one if there is none.

        Raises:
            QueryError: The filter or the update cannot be understood.
            WriteError: The update cannot be made on a document; none is changed.
        """
        return self._backend.write_bulk(
            durability,
            writes.update,
            self._name,
            match(filter),
            compile_update(update),
            self._intake.spare_id(upsert),
            upsert=upsert,
            many=True,
        )

    def replace_one(
        self, filter: Filter, replacement: T, upsert: bool = False, *, durability: Durability | None = None
    ) -> UpdateResult:
        """Put `replacement` in the place of the first document that matches; its ``_id`` stays.

        Raises:
            WriteError: `replacement` has another ``_id``.
            DocumentError: It holds a value that cannot be stored; the message has its path.
        """
        return self._backend.write_bulk(
            durability,
            writes.update,
            self._name,
            match(filter),
            compile_replacement(self._codec.encode(replacement)),
            self._intake.spare_id(upsert),
            upsert=upsert,
            many=False,
        )

    # ── deleting ─────────────────────────────────────────────────────────────────

    def delete_one(self, filter: Filter, *, durability: Durability | None = None) -> DeleteResult:
        """Delete the first document that matches."""
        return self._backend.write_bulk(durability, writes.delete, self._name, match(filter), many=False)

    def delete_many(self, filter: Filter, *, durability: Durability | None = None) -> DeleteResult:
        """Delete all documents that match, as one atomic write; ``{}`` matches all."""
        return self._backend.write_bulk(durability, writes.delete, self._name, match(filter), many=True)

    # ── finding ──────────────────────────────────────────────────────────────────

    @overload
    def find(
        self,
        filter: Filter | None = None,
        projection: None = None,
        *,
        type: None = None,
        sort: SortSpec | None = None,
        skip: int = 0,
        limit: int = 0,
        hint: str | IndexKeys | None = None,
    ) -> Cursor[T]: ...
    @overload
    def find(
        self,
        filter: Filter | None,
        projection: Projection,
        *,
        type: None = None,
        sort: SortSpec | None = None,
        skip: int = 0,
        limit: int = 0,
        hint: str | IndexKeys | None = None,
    ) -> Cursor[Document]: ...
    @overload
    def find(
        self,
        filter: Filter | None = None,
        *,
        projection: Projection,
        type: None = None,
        sort: SortSpec | None = None,
        skip: int = 0,
        limit: int = 0,
        hint: str | IndexKeys | None = None,
    ) -> Cursor[Document]: ...
    @overload
    def find(
        self,
        filter: Filter | None = None,
        projection: Projection | None = None,
        *,
        type: type[V],
        sort: SortSpec | None = None,
        skip: int = 0,
        limit: int = 0,
        hint: str | IndexKeys | None = None,
    ) -> Cursor[V]: ...
    def find(
        self,
        filter: Filter | None = None,
        projection: Projection | None = None,
        *,
        type: Any = None,
        sort: SortSpec | None = None,
        skip: int = 0,
        limit: int = 0,
        hint: str | IndexKeys | None = None,
    ) -> Cursor[Any]:
        """Return a cursor over the documents that match, all of them without a filter.

        `projection` names the fields to return, as a list or a mapping; with it, and
        without `type`, documents are plain dicts.

        Raises:
            QueryError: An argument cannot be understood.
        """
        options = FindOptions(filter, projection, sort, skip, limit, hint)
        return Cursor(self._backend, self._name, options, self._codec, type)

    @overload
    def find_one(
        self,
        filter: Filter | Any = None,
        projection: None = None,
        *,
        sort: SortSpec | None = None,
        skip: int = 0,
    ) -> T | None: ...
    @overload
    def find_one(
        self, filter: Filter | Any, projection: Projection, *, sort: SortSpec | None = None, skip: int = 0
    ) -> Document | None: ...
    @overload
    def find_one(
        self, filter: Filter | Any = None, *, projection: Projection, sort: SortSpec | None = None, skip: int = 0
    ) -> Document | None: ...
    def find_one(
        self,
        filter: Filter | Any = None,
        projection: Projection | None = None,
        *,
        sort: SortSpec | None = None,
        skip: int = 0,
    ) -> Any:
        """Return the first document that matches, or None.

        A `filter` that is no mapping is an ``_id``, as in pymongo.
        """
        return self._backend.read_steps(reads.find_first, self._name, one(filter, projection, sort, skip, self._codec))

    def find_one_and_update(
        self,
        filter: Filter,
        update: Update,
        *,
        projection: Projection | None = None,
        sort: SortSpec | None = None,
        upsert: bool = False,
        return_document: bool = False,
        durability: Durability | None = None,
    ) -> Any:
        """Update the first document that matches and return it as it was, or with ``ReturnDocument.AFTER`` as it is.

        Raises:
            WriteError: The update cannot be made on the document.
        """
        return self._backend.write_bulk(
            durability,
            writes.find_one_and_update,
            self._name,
            one(require_filter(filter), projection, sort, 0, self._codec),
            compile_update(update),
            self._intake.spare_id(upsert),
            upsert=upsert,
            after=return_document,
        )

    def find_one_and_replace(
        self,
        filter: Filter,
        replacement: T,
        *,
        projection: Projection | None = None,
        sort: SortSpec | None = None,
        upsert: bool = False,
        return_document: bool = False,
        durability: Durability | None = None,
    ) -> Any:
        """Replace the first document that matches and return it as it was, or with ``ReturnDocument.AFTER`` as it is.

        Raises:
            WriteError: `replacement` has another ``_id``.
        """
        return self._backend.write_bulk(
            durability,
            writes.find_one_and_update,
            self._name,
            one(require_filter(filter), projection, sort, 0, self._codec),
            compile_replacement(self._codec.encode(replacement)),
            self._intake.spare_id(upsert),
            upsert=upsert,
            after=return_document,
        )

    def find_one_and_delete(
        self,
        filter: Filter,
        *,
        projection: Projection | None = None,
        sort: SortSpec | None = None,
        durability: Durability | None = None,
    ) -> Any:
        """Delete the first document that matches and return it."""
        return self._backend.write_bulk(
            durability,
            writes.find_one_and_delete,
            self._name,
            one(require_filter(filter), projection, sort, 0, self._codec),
        )

    def count_documents(
        self, filter: Filter, *, skip: int = 0, limit: int = 0, hint: str | IndexKeys | None = None
    ) -> int:
        """Return how many documents match, after the first `skip` and up to `limit` of them."""
        options = FindOptions(require_filter(filter), None, None, skip, limit, hint)
        return self._backend.read_steps(reads.count, self._name, options.compile())

    def estimated_document_count(self) -> int:
        """Return how many documents there are; here it is exact."""
        return self._backend.read_steps(reads.count, self._name, FindOptions().compile())

    def distinct(self, key: str, filter: Filter | None = None) -> list[Any]:
        """Return the distinct values at the path `key`, in order; the elements of an array count, not the array."""
        return self._backend.read_steps(reads.distinct, self._name, key, FindOptions(filter).compile())

    # ── indexes ──────────────────────────────────────────────────────────────────

    def create_index(
        self, keys: IndexKeys, *, name: str | None = None, durability: Durability | None = None, **options: Any
    ) -> str:
        """Create an equality index on one field, unless it is there already; return its name.

        Raises:
            NotSupportedError: An option, or a kind of index, that only MongoDB has.
            OperationFailure: Another index has the name, or the same keys.
        """
        return self._backend.write_all(
            durability, definitions.create_index, self._name, define_index(keys, name, options)
        )

    def drop_index(self, index_or_name: str | IndexKeys, *, durability: Durability | None = None) -> None:
        """Drop an index, given its name, its field or its keys.

        Raises:
            OperationFailure: There is no such index.
        """
        return self._backend.write(durability, definitions.drop_index, self._name, index_or_name)

    def drop_indexes(self, *, durability: Durability | None = None) -> None:
        """Drop all indexes but that of ``_id``."""
        return self._backend.write(durability, definitions.drop_indexes, self._name)

    def list_indexes(self) -> list[Document]:
        """Return a document for each index: its name and keys."""
        return self._backend.read(reads.index_documents, self._name)

    def index_information(self) -> dict[str, Document]:
        """Return the indexes by name, as pymongo does."""
        return self._backend.read(reads.index_information, self._name)

    # ── lifecycle ────────────────────────────────────────────────────────────────

    def open(self) -> Self:
        """Open the database, which the first use would do, and return the collection."""
        self._backend.database()
        return self

    def drop(self, *, durability: Durability | None = None) -> bool:
        """Drop the collection with its documents and indexes; return whether there was one."""
        return self._backend.write(durability, definitions.drop_collection, self._name)

    def clear(self, *, durability: Durability | None = None) -> int:
        """Delete all documents, keep the indexes; return how many there were."""
        return self._backend.write(durability, definitions.clear_collection, self._name)

    def rename(self, new_name: str, *, drop_target: bool = False, durability: Durability | None = None) -> Self:
        """Give the collection another name; return the collection under that name.

        Raises:
            CollectionNotFound: There is no such collection.
            CollectionExists: The name is taken, and not `drop_target`.
        """
        self._backend.write(durability, definitions.rename_collection, self._name, new_name, drop_target=drop_target)
        return type(self)(self._client, self._backend, new_name, self._codec)

    def stats(self) -> Document:
        """Return how many documents there are, their size in bytes, and the names of the indexes."""
        return self._backend.read(reads.collection_stats, self._name)

    def compact(self) -> Document:
        """Compact the database, whose log all its collections share; see `Client.compact`."""
        return self._backend.maintain(Database.compact)

    def import_file(
        self,
        source: str | os.PathLike[str],
        /,
        *,
        format: str | None = None,
        mode: Literal["insert", "upsert", "replace"] = "insert",
        durability: Durability | None = None,
    ) -> int:
        """Import a JSON Lines file; return how many documents it had.

        `mode`: ``insert`` refuses an ``_id`` that is taken, ``upsert`` puts the new document
        in the place of the old one, ``replace`` empties the collection first.

        Raises:
            QueryError: A line is no JSON document; `details` has the line and how many documents went in before.
            NotSupportedError: The format is not JSON Lines.
        """
        return self._backend.call(
            transfer.import_file,
            self._name,
            source,
            format,
            mode,
            self._backend.writable(durability),
            self._intake.make_id,
        )

    def export_file(
        self,
        target: str | os.PathLike[str],
        /,
        *,
        format: str | None = None,
        filter: Filter | None = None,
        projection: Projection | None = None,
    ) -> int:
        """Export documents to a JSON Lines file, which is complete or not there; return how many.

        Types that JSON lacks are written as MongoDB Extended JSON.
        """
        return self._backend.call(
            transfer.export_file, self._name, target, format, FindOptions(filter, projection).compile()
        )
