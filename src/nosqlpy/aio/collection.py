"""A collection of the async face; see `nosqlpy.blocking.collection` for what each method promises."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NoReturn, Self, TypeVar

from nosqlpy._core.engine import definitions, reads
from nosqlpy._core.engine.intake import Intake
from nosqlpy._core.index.options import define_index
from nosqlpy._core.values.typed import PLAIN, TypeCodec, codec_for
from nosqlpy._io import exporting, transfer
from nosqlpy._io.client import is_same_collection, refuse_call, refuse_item, refuse_truth
from nosqlpy._io.compacting import compact
from nosqlpy._io.finding import FindOptions
from nosqlpy._io.local_async import AsyncLocalBackend
from nosqlpy._io.requests import index_definitions
from nosqlpy._io.tenuring import Growth
from nosqlpy.aio.cursor import AsyncCursor
from nosqlpy.aio.exchanging import AsyncExchanging
from nosqlpy.aio.reading import AsyncReading
from nosqlpy.aio.writing import AsyncWriting
from nosqlpy.aliases import Document, Durability, Filter, IndexKeys, Projection
from nosqlpy.results import IndexModel

if TYPE_CHECKING:
    from nosqlpy.aio.client import AsyncClient
    from nosqlpy.aio.transaction import AsyncTransaction

T = TypeVar("T")
V = TypeVar("V")


class AsyncCollection(AsyncReading[T], AsyncWriting[T], AsyncExchanging[T]):
    """Documents of one kind, under their ids. It comes into being with its first document.

    Every method that writes takes ``durability=``, which holds for that call only; see
    `AsyncClient`. A write that is refused changes nothing. Every method that reads or writes
    documents takes ``session=``, the `AsyncTransaction` that it is to be part of.
    """

    def __init__(self, client: AsyncClient, backend: AsyncLocalBackend, name: str, codec: TypeCodec[T]) -> None:
        self._client = client
        self._backend = backend
        self._name = name
        self._codec = codec
        self._limits = backend.options.limits
        self._asked = partial(FindOptions, limits=self._limits)
        self._intake = Intake(codec.encode, backend.options.id_factory, backend.options.max_document_size)

    @property
    def name(self) -> str:
        """The name of the collection."""
        return self._name

    @property
    def client(self) -> AsyncClient:
        """The client that the collection was taken from."""
        return self._client

    def with_type(self, type: type[V], /) -> AsyncCollection[V]:
        """Return the same collection, whose documents are of `type`.

        Raises:
            ConfigurationError: Documents cannot have this type.
        """
        return AsyncCollection(self._client, self._backend, self._name, codec_for(type))

    def with_session(self, session: AsyncTransaction, /) -> Self:
        """Return the same collection, whose reads and writes are all part of the transaction `session`.

        Raises:
            TransactionError: It is no transaction of the client.
        """
        return type(self)(self._client, self._backend.within(session), self._name, self._codec)

    def __eq__(self, other: object) -> bool:
        return is_same_collection(self, other)

    def __hash__(self) -> int:
        return hash((self._client, self._name))

    def __bool__(self) -> NoReturn:  # noqa: PLE0304 - it refuses
        refuse_truth()

    def __call__(self, *_arguments: object, **_options: object) -> NoReturn:
        """Refuse the call of a method that the client does not have."""
        refuse_call(self._client, self._name)

    def __getitem__(self, name: str) -> NoReturn:
        refuse_item(self._name, name)

    def __repr__(self) -> str:
        return f"{self._client!r}[{self._name!r}]"

    async def create_index(
        self,
        keys: IndexKeys,
        *,
        name: str | None = None,
        durability: Durability | None = None,
        progress: Callable[[int, int], object] | None = None,
        **options: Any,
    ) -> str:
        """Create an index on one field or several, unless it is there already; return its name.

        `options` are `unique`, `sparse`, `hidden`, `collation`, `expireAfterSeconds`, `wildcardProjection`,
        `partialFilterExpression` and those of text indexes, in this spelling or Python's. Readers go on while it is
        built, writers wait. `progress` is called now and then, in a worker thread if there are many documents, with
        how many are in the index, and of how many; what it raises ends the building, and there is no index.

        Raises:
            NotSupportedError: An option, or a kind of index, that only MongoDB has.
            OperationFailure: Another index has the name, or the same keys.
            DuplicateKeyError: The index is unique, and two documents have the same key.
        """
        return await self._backend.write_all(
            durability, definitions.create_index, self._name, define_index(keys, name, options), Growth(progress)
        )

    async def create_indexes(self, indexes: Iterable[IndexModel], *, durability: Durability | None = None) -> list[str]:
        """Create several indexes, all or none of them, as `create_index` does one; return their names.

        Raises:
            NotSupportedError: An option, or a kind of index, that only MongoDB has.
            OperationFailure: Another index has a name, or the same keys.
            DuplicateKeyError: One is unique, and two documents have the same key.
        """
        return await self._backend.write_all(
            durability, definitions.create_indexes, self._name, index_definitions(indexes)
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

    def list_indexes(self) -> AsyncCursor[Document]:
        """Return a cursor over a document for each index: its name and keys."""
        return AsyncCursor(self._backend, self._name, self._asked(), PLAIN, None, reads.execute_on_indexes)

    async def index_information(self) -> dict[str, Document]:
        """Return the indexes by name, as pymongo does."""
        return await self._backend.read(reads.index_information, self._name)

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
        """Return how many documents there are, their size in bytes, and what each index takes."""
        return await self._backend.read(reads.collection_stats, self._name)

    async def compact(self) -> Document:
        """Compact the database, whose log all its collections share; see `AsyncClient.compact`."""
        return await self._backend.maintain(compact)

    async def import_file(
        self,
        source: str | os.PathLike[str] | BinaryIO,
        /,
        *,
        format: str | None = None,
        mode: Literal["insert", "upsert", "replace"] = "insert",
        types: Mapping[str, str] | None = None,
        on_reject: Callable[[Document], object] | None = None,
        durability: Durability | None = None,
    ) -> int:
        """Import a file of JSON Lines, CSV, TSV or BSON, a JSON array, or a stream of bytes; return how many went in.

        `format` is ``jsonl``, ``json``, ``csv``, ``tsv``, ``bson`` or ``bson.gz``; without it the file's name says
        whether it is one of the latter four. `mode`: ``insert`` refuses an ``_id`` that is taken, ``upsert`` puts
        the new document in the place of the old one, ``replace`` empties the collection first. `types` says by name
        how columns are read, ``string int double decimal bool date json``, and ``"*"`` how all others; by default
        values have the type that they look like. `on_reject` is called with a document for each line that cannot go
        in, its ``line``, ``column``, ``reason`` and ``text`` (and ``bytes`` where that is not UTF-8), or of BSON its
        ``offset``, ``reason`` and ``bson``; without it the first one ends the import.

        Raises:
            QueryError: A line is no document; `details` has the line and how many documents went in before.
            NotSupportedError: The format is another one.
        """
        return await self._backend.work(
            transfer.import_file,
            self._name,
            source,
            format,
            mode,
            types,
            on_reject,
            self._backend.writable(durability),
            self._intake.make_id,
        )

    async def export_file(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        /,
        *,
        format: str | None = None,
        filter: Filter | None = None,
        projection: Projection | None = None,
        canonical: bool = False,
        progress: Callable[[int, int], object] | None = None,
    ) -> int:
        """Export documents to a file, which is complete or not there, or to a stream; return how many.

        `format` is ``jsonl``, ``json`` (one array), ``csv``, ``tsv``, ``bson`` or ``bson.gz``, as in `import_file`.
        Types that JSON lacks are written as MongoDB Extended JSON, in its relaxed form, or, with `canonical`, in the
        one that keeps the type of every number. CSV and TSV have a column for each dotted name. `progress` is called
        now and then with how many documents are written, and of how many at most.
        """
        return await self._backend.work(
            exporting.export_file,
            self._name,
            target,
            format,
            self._asked(filter, projection).compile(),
            progress,
            canonical=canonical,
        )
