"""A collection of the async face; see `nosqlpy.blocking.collection` for what each method promises."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, overload

from nosqlpy._core.engine import definitions, reads, writes
from nosqlpy._core.engine.intake import Intake
from nosqlpy._core.index.catalogue import define_index
from nosqlpy._core.update.compile import compile_replacement, compile_update
from nosqlpy._core.values.typed import TypeCodec
from nosqlpy._io import transfer
from nosqlpy._io.cursor import FindOptions, match, one, require_filter
from nosqlpy._io.database import Database
from nosqlpy._io.local_async import AsyncLocalBackend
from nosqlpy.aio.cursor import AsyncCursor
from nosqlpy.aliases import Document, Durability, Filter, IndexKeys, Projection, SortSpec, Update
from nosqlpy.results import DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

if TYPE_CHECKING:
    from nosqlpy.aio.client import AsyncClient

T = TypeVar("T")
V = TypeVar("V")


class AsyncCollection(Generic[T]):
    """Documents of one kind, under their ids. It comes into being with its first document.

    Every method that writes takes ``durability=``, which holds for that call only; see
    `AsyncClient`. A write that is refused changes nothing.
    """

    def __init__(self, client: AsyncClient, backend: AsyncLocalBackend, name: str, codec: TypeCodec[T]) -> None:
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
    def client(self) -> AsyncClient:
        """The client that the collection was taken from."""
        return self._client

    def __repr__(self) -> str:
        return f"{self._client!r}[{self._name!r}]"

    # ── by id ────────────────────────────────────────────────────────────────────

    async def insert(self, document: T, /, *, durability: Durability | None = None) -> Any:
        """Insert `document` and return its ``_id``, a new one if it has none.

        The document itself is not changed.

        Raises:
            DuplicateKeyError: The ``_id`` is taken.
            DocumentError: It holds a value that cannot be stored; the message has its path.
        """
        return await self._backend.write(durability, writes.insert_one, self._name, self._intake.one(document))

    async def get(self, id: Any, /) -> T | None:
        """Return the document with this ``_id``, or None."""
        return await self._backend.point(reads.get, self._name, id, self._codec.decode)

    async def save(self, document: T, /, *, durability: Durability | None = None) -> Any:
        """Insert `document`, or put it in the place of the one with its ``_id``; return that.

        Raises:
            DocumentError: It holds a value that cannot be stored; the message has its path.
        """
        return await self._backend.write(durability, writes.save, self._name, self._intake.one(document))

    async def delete(self, id: Any, /, *, durability: Durability | None = None) -> bool:
        """Delete the document with this ``_id``; return whether there was one."""
        return await self._backend.write(durability, writes.delete_by_id, self._name, id)

    async def exists(self, filter: Filter | None = None, /) -> bool:
        """Return whether a document matches `filter`; without one, whether there is a document at all."""
        return await self._backend.read_steps(reads.exists, self._name, FindOptions(filter).compile())

    async def count(self, filter: Filter | None = None, /) -> int:
        """Return how many documents match `filter`, or how many there are."""
        return await self._backend.read_steps(reads.count, self._name, FindOptions(filter).compile())

    # ── inserting ────────────────────────────────────────────────────────────────

    async def insert_one(self, document: T, *, durability: Durability | None = None) -> InsertOneResult:
        """Insert `document` and return a result with its ``_id``.

        Raises:
            DuplicateKeyError: The ``_id`` is taken.
            DocumentError: It holds a value that cannot be stored; the message has its path.
        """
        return await self._backend.write(durability, writes.insert_one_result, self._name, self._intake.one(document))

    async def insert_many(
        self, documents: Iterable[T], *, ordered: bool = True, durability: Durability | None = None
    ) -> InsertManyResult:
        """Insert all `documents` and return a result with their ids.

        All are checked first: one that cannot be stored keeps all out. They go in a
        thousand at a time, each thousand as one atomic write.

        Raises:
            DocumentError: A document holds a value that cannot be stored; nothing was inserted.
            BulkWriteError: An ``_id`` is taken. `ordered`: those before it are in; otherwise all but those refused.
        """
        return await self._backend.write_steps(
            durability,
            writes.insert_many,
            self._name,
            await self._backend.prepare(self._intake.many(documents)),
            ordered=ordered,
        )

    # ── updating ─────────────────────────────────────────────────────────────────

    async def update_one(
        self, filter: Filter, update: Update, upsert: bool = False, *, durability: Durability | None = None
    ) -> UpdateResult:
        """Update the first document that matches; with `upsert` insert one if there is none.

        Raises:
            QueryError: The filter or the update cannot be understood.
            WriteError: The update cannot be made on the document.
        """
        return await self._backend.write_bulk(
            durability,
            writes.update,
            self._name,
            match(filter),
            compile_update(update),
            self._intake.spare_id(upsert),
            upsert=upsert,
            many=False,
        )

    async def update_many(
        self, filter: Filter, update: Update, upsert: bool = False, *, durability: Durability | None = None
    ) -> UpdateResult:
        """Update all documents that match, as one atomic write; with `upsert` insert one if there is none.

        Raises:
            QueryError: The filter or the update cannot be understood.
            WriteError: The update cannot be made on a document; none is changed.
        """
        return await self._backend.write_bulk(
            durability,
            writes.update,
            self._name,
            match(filter),
            compile_update(update),
            self._intake.spare_id(upsert),
            upsert=upsert,
            many=True,
        )

    async def replace_one(
        self, filter: Filter, replacement: T, upsert: bool = False, *, durability: Durability | None = None
    ) -> UpdateResult:
        """Put `replacement` in the place of the first document that matches; its ``_id`` stays.

        Raises:
            WriteError: `replacement` has another ``_id``.
            DocumentError: It holds a value that cannot be stored; the message has its path.
        """
        return await self._backend.write_bulk(
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

    async def delete_one(self, filter: Filter, *, durability: Durability | None = None) -> DeleteResult:
        """Delete the first document that matches."""
        return await self._backend.write_bulk(durability, writes.delete, self._name, match(filter), many=False)

    async def delete_many(self, filter: Filter, *, durability: Durability | None = None) -> DeleteResult:
        """Delete all documents that match, as one atomic write; ``{}`` matches all."""
        return await self._backend.write_bulk(durability, writes.delete, self._name, match(filter), many=True)

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
    ) -> AsyncCursor[T]: ...
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
    ) -> AsyncCursor[Document]: ...
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
    ) -> AsyncCursor[Document]: ...
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
    ) -> AsyncCursor[V]: ...
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
    ) -> AsyncCursor[Any]:
        """Return a cursor over the documents that match, all of them without a filter.

        `projection` names the fields to return, as a list or a mapping; with it, and
        without `type`, documents are plain dicts.

        Raises:
            QueryError: An argument cannot be understood.
        """
        options = FindOptions(filter, projection, sort, skip, limit, hint)
        return AsyncCursor(self._backend, self._name, options, self._codec, type)

    @overload
    async def find_one(
        self,
        filter: Filter | Any = None,
        projection: None = None,
        *,
        sort: SortSpec | None = None,
        skip: int = 0,
    ) -> T | None: ...
    @overload
    async def find_one(
        self, filter: Filter | Any, projection: Projection, *, sort: SortSpec | None = None, skip: int = 0
    ) -> Document | None: ...
    @overload
    async def find_one(
        self, filter: Filter | Any = None, *, projection: Projection, sort: SortSpec | None = None, skip: int = 0
    ) -> Document | None: ...
    async def find_one(
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
        return await self._backend.read_steps(
            reads.find_first, self._name, one(filter, projection, sort, skip, self._codec)
        )

    async def find_one_and_update(
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
        return await self._backend.write_bulk(
            durability,
            writes.find_one_and_update,
            self._name,
            one(require_filter(filter), projection, sort, 0, self._codec),
            compile_update(update),
            self._intake.spare_id(upsert),
            upsert=upsert,
            after=return_document,
        )

    async def find_one_and_replace(
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
        return await self._backend.write_bulk(
            durability,
            writes.find_one_and_update,
            self._name,
            one(require_filter(filter), projection, sort, 0, self._codec),
            compile_replacement(self._codec.encode(replacement)),
            self._intake.spare_id(upsert),
            upsert=upsert,
            after=return_document,
        )

    async def find_one_and_delete(
        self,
        filter: Filter,
        *,
        projection: Projection | None = None,
        sort: SortSpec | None = None,
        durability: Durability | None = None,
    ) -> Any:
        """Delete the first document that matches and return it."""
        return await self._backend.write_bulk(
            durability,
            writes.find_one_and_delete,
            self._name,
            one(require_filter(filter), projection, sort, 0, self._codec),
        )

    async def count_documents(
        self, filter: Filter, *, skip: int = 0, limit: int = 0, hint: str | IndexKeys | None = None
    ) -> int:
        """Return how many documents match, after the first `skip` and up to `limit` of them."""
        options = FindOptions(require_filter(filter), None, None, skip, limit, hint)
        return await self._backend.read_steps(reads.count, self._name, options.compile())

    async def estimated_document_count(self) -> int:
        """Return how many documents there are; here it is exact."""
        return await self._backend.read_steps(reads.count, self._name, FindOptions().compile())

    async def distinct(self, key: str, filter: Filter | None = None) -> list[Any]:
        """Return the distinct values at the path `key`, in order; the elements of an array count, not the array."""
        return await self._backend.read_steps(reads.distinct, self._name, key, FindOptions(filter).compile())

    # ── indexes ──────────────────────────────────────────────────────────────────

    async def create_index(
        self, keys: IndexKeys, *, name: str | None = None, durability: Durability | None = None, **options: Any
    ) -> str:
        """Create an equality index on one field, unless it is there already; return its name.

        Raises:
            NotSupportedError: An option, or a kind of index, that only MongoDB has.
            OperationFailure: Another index has the name, or the same keys.
        """
        return await self._backend.write_all(
            durability, definitions.create_index, self._name, define_index(keys, name, options)
        )

    async def drop_index(self, index_or_name: str | IndexKeys, *, durability: Durability | None = None) -> None:
        """Drop an index, given its name, its field or its keys.

        Raises:
            OperationFailure: There is no such index.
        """
        return await self._backend.write(durability, definitions.drop_index, self._name, index_or_name)

    async def drop_indexes(self, *, durability: Durability | None = None) -> None:
        """Drop all indexes but that of ``_id``."""
        return await self._backend.write(durability, definitions.drop_indexes, self._name)

    async def list_indexes(self) -> list[Document]:
        """Return a document for each index: its name and keys."""
        return await self._backend.read(reads.index_documents, self._name)

    async def index_information(self) -> dict[str, Document]:
        """Return the indexes by name, as pymongo does."""
        return await self._backend.read(reads.index_information, self._name)

    # ── lifecycle ────────────────────────────────────────────────────────────────

    async def open(self) -> Self:
        """Open the database, which the first use would do, and return the collection."""
        await self._backend.database()
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        """Open the database: ``users = await client.collection("users")``."""
        return self.open().__await__()

    async def drop(self, *, durability: Durability | None = None) -> bool:
        """Drop the collection with its documents and indexes; return whether there was one."""
        return await self._backend.write(durability, definitions.drop_collection, self._name)

    async def clear(self, *, durability: Durability | None = None) -> int:
        """Delete all documents, keep the indexes; return how many there were."""
        return await self._backend.write(durability, definitions.clear_collection, self._name)

    async def rename(self, new_name: str, *, drop_target: bool = False, durability: Durability | None = None) -> Self:
        """Give the collection another name; return the collection under that name.

        Raises:
            CollectionNotFound: There is no such collection.
            CollectionExists: The name is taken, and not `drop_target`.
        """
        await self._backend.write(
            durability, definitions.rename_collection, self._name, new_name, drop_target=drop_target
        )
        return type(self)(self._client, self._backend, new_name, self._codec)

    async def stats(self) -> Document:
        """Return how many documents there are, their size in bytes, and the names of the indexes."""
        return await self._backend.read(reads.collection_stats, self._name)

    async def compact(self) -> Document:
        """Compact the database, whose log all its collections share; see `AsyncClient.compact`."""
        return await self._backend.maintain(Database.compact)

    async def import_file(
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
        return await self._backend.call(
            transfer.import_file,
            self._name,
            source,
            format,
            mode,
            self._backend.writable(durability),
            self._intake.make_id,
        )

    async def export_file(
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
        return await self._backend.call(
            transfer.export_file, self._name, target, format, FindOptions(filter, projection).compile()
        )
