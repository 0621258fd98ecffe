"""The blocking client: one client is one database."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, BinaryIO, Concatenate, Literal, NoReturn, ParamSpec, Self, TypeVar, Unpack, overload

from nosqlpy._core.engine import definitions, reads
from nosqlpy._core.engine.validation import collection_options
from nosqlpy._core.values.typed import PLAIN, codec_for
from nosqlpy._io.aggregating import AggregateOptions
from nosqlpy._io.backup import back_up
from nosqlpy._io.client import attribute_name, refuse_iteration, refuse_pickling
from nosqlpy._io.compacting import compact
from nosqlpy._io.database import Database
from nosqlpy._io.dump import dump, restore
from nosqlpy._io.finding import FindOptions
from nosqlpy._io.local import LocalBackend, in_place
from nosqlpy._io.options import ClientOptions, parse_options, url_from_environment
from nosqlpy._io.profiling import Profile
from nosqlpy._io.repair import repair
from nosqlpy._io.requests import index_definitions
from nosqlpy.aliases import CollationSpec, Document, Durability, Filter, Pipeline
from nosqlpy.blocking.collection import Collection
from nosqlpy.blocking.cursor import Cursor, aggregated
from nosqlpy.blocking.transaction import Transaction
from nosqlpy.naming import check_collection_name
from nosqlpy.results import IndexModel

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")


class Client:
    """A database: a directory, ``":memory:"`` or a URL ``file:///dir?durability=durable``.

    Making a client touches no file; the first use, `open` or ``with`` opens the
    database. Clients of one process share it, whichever face they have, and so do
    other processes on the same host. Threads may share a client.

    Args:
        url: The directory's path, a URL, or ``":memory:"``.
        durability: What a returned write survives. ``"fast"``: nothing yet, for up to 10 ms.
            ``"safe"`` (default): the death of the process. ``"durable"``: the loss of power.
        read_only: Refuse writes, and leave the files as they are; what other processes write is seen.
        create: Make the database if there is none (default True).
        recovery: ``"strict"`` refuses to open a log that ends in the trace of a crash; ``"default"`` puts that aside,
            reports it in `recovery`, and opens what is before it.
        compaction: ``"auto"`` (default) gives back the space of what is dead by itself, in the background; not so
            with ``"off"``.
        compression: ``"zlib"`` or ``"zstd"`` compresses what is compacted (default None). Any client can read it.
        lock_timeout: Seconds to wait for another process that is writing (default 5); None: for ever.
        id_factory: Makes the ``_id`` of a document that has none (default `new_id`).
        max_document_size: Bytes that an encoded document may have (default, and at most, 16 MiB).
        memory_budget: Bytes of documents that stay in memory (default 256 MiB); the older ones are read when needed.
        segment_size: Bytes from which on a file of the log is sealed and the next one begun (default 64 MiB).
        sort_memory: Bytes that the keys of one sort may take (default 100 MiB).
        sync_interval: Seconds after which what ``"safe"`` wrote is synced in the background (default 1).
        slow_ms: Milliseconds from which on a call is logged as slow (default 100); 0: each one, None: none.
        exclusive: Have the database for this process alone; also where it lies on a network file system.

    Raises:
        InvalidURL: `url` names no database.
        ConfigurationError: An option is unknown or cannot have this value.
        NotSupportedError: An option needs a package that is not installed.
    """

    def __init__(self, url: str | os.PathLike[str], /, **options: Unpack[ClientOptions]) -> None:
        self._backend = LocalBackend(parse_options(url, options))

    @classmethod
    def from_env(cls, variable: str = "NOSQLPY_URL", **options: Unpack[ClientOptions]) -> Self:
        """Return a client of the database that an environment variable names.

        Raises:
            ConfigurationError: The variable is not set.
        """
        return cls(url_from_environment(variable), **options)

    @property
    def url(self) -> str:
        """The database: the path of its directory, or ``":memory:"``."""
        return self._backend.options.url

    @property
    def name(self) -> str:
        """The name of the directory."""
        return self._backend.options.name

    @property
    def durability(self) -> Durability:
        """What a returned write survives, where the write itself does not say."""
        return self._backend.options.durability

    @property
    def recovery(self) -> Document | None:
        """What opening found, or None before the database is open.

        ``clean``: it had been closed. ``frames``: commits that were read. ``torn_bytes``: how much was cut off at the
        end of the log, the trace of a crash, ``segment`` and ``offset`` where, ``torn_file`` where it is kept.
        """
        return self._backend.recovery

    @property
    def is_closed(self) -> bool:
        """Whether the client was closed."""
        return self._backend.closed

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def __reduce__(self) -> NoReturn:
        refuse_pickling(self)

    # ── lifecycle ────────────────────────────────────────────────────────────────

    def open(self) -> Self:
        """Open the database and return the client.

        Raises:
            LockedError: Another process has it open.
            CorruptionError: What was durable is damaged; nothing was changed.
            StorageError: The directory cannot be used.
        """
        self._backend.database()
        return self

    def close(self) -> None:
        """Make everything durable and let go of the database. Closing again does nothing."""
        self._backend.disconnect()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, t: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self._backend.close_behind(e, self.close)

    # ── collections ──────────────────────────────────────────────────────────────

    @overload
    def collection(self, name: str, /) -> Collection[Document]: ...
    @overload
    def collection(self, name: str, /, *, type: type[V]) -> Collection[V]: ...
    def collection(self, name: str, /, *, type: Any = None) -> Collection[Any]:
        """Return the collection of this name, whether it exists yet or not.

        With `type`, a msgspec Struct, dataclass, TypedDict or pydantic model, its
        documents go in and come out as objects of that type.

        Raises:
            InvalidName: No collection can have this name.
            ConfigurationError: Documents cannot have this type.
        """
        return Collection(self, self._backend, check_collection_name(name), codec_for(type))

    def __getitem__(self, name: str) -> Collection[Document]:
        return self.collection(name)

    def __iter__(self) -> NoReturn:
        refuse_iteration(self)

    def __contains__(self, name: object) -> NoReturn:
        refuse_iteration(self)

    def __getattr__(self, name: str) -> Collection[Document]:
        return self.collection(attribute_name(self, name))

    def create_collection(
        self,
        name: str,
        /,
        *,
        validator: Filter | None = None,
        validation_level: str | None = None,
        validation_action: str | None = None,
        indexes: Iterable[IndexModel] = (),
        exist_ok: bool = False,
        collation: CollationSpec | None = None,
        durability: Durability | None = None,
        **options: Any,
    ) -> Collection[Document]:
        """Create an empty collection with a validator and indexes, and return it.

        A document that `validator`, a filter, does not match is refused, or with the action
        ``"warn"`` stored and warned of. The level ``"moderate"`` lets updates of documents pass that
        did not match before, ``"off"`` everything. `collation` says how strings compare in it where a call does not
        say; `options` are pymongo's other spellings.

        Raises:
            InvalidName: No collection can have this name.
            QueryError: The validator is no filter, or an option is unknown or cannot have this value.
            CollectionExists: There is one already, and not `exist_ok`; with that it gets the indexes that it lacks.
            NotSupportedError: An option, or a locale, that only MongoDB has.
        """
        wanted = index_definitions(indexes)
        given = collection_options(
            "create_collection", validator, validation_level, validation_action, options, collation
        )
        collection = self.collection(name)
        self._backend.write_all(durability, definitions.create_collection, name, wanted, given, exist_ok=exist_ok)
        return collection

    def coll_mod(
        self,
        name: str,
        /,
        *,
        validator: Filter | None = None,
        validation_level: str | None = None,
        validation_action: str | None = None,
        index: Mapping[str, Any] | None = None,
        durability: Durability | None = None,
        **options: Any,
    ) -> None:
        """Change the validator of a collection, its level or its action, or an index; what is not given stays.

        The validator ``{}`` is none. Documents that are stored already are not looked at.
        The `index` is a document with the ``name`` or ``keyPattern`` of one, and whether it is ``hidden``.
        See `create_collection`.

        Raises:
            CollectionNotFound: There is no such collection.
            QueryError: The validator is no filter, or an option is unknown or cannot have this value.
            OperationFailure: There is no such index.
        """
        given = collection_options("coll_mod", validator, validation_level, validation_action, options)
        self._backend.write_all(durability, definitions.change_options, name, given, index)

    def drop_collection(self, name: str, /, *, durability: Durability | None = None) -> bool:
        """Drop a collection with its documents and indexes; return whether there was one."""
        return self._backend.write(durability, definitions.drop_collection, name)

    def list_collection_names(self, filter: Filter | None = None) -> list[str]:
        """Return the names of all collections, or of those whose description matches, sorted."""
        return self._backend.read(reads.collection_names, FindOptions(filter).compile())

    @overload
    def aggregate(
        self,
        pipeline: Pipeline,
        *,
        type: None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        batch_size: int = 0,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> Cursor[Document]: ...
    @overload
    def aggregate(
        self,
        pipeline: Pipeline,
        *,
        type: type[V],
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        batch_size: int = 0,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> Cursor[V]: ...
    def aggregate(
        self,
        pipeline: Pipeline,
        *,
        type: Any = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        batch_size: int = 0,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> Cursor[Any]:
        """Return a cursor over what comes out of a `pipeline` that begins with ``$documents``.

        The options are those of `Collection.aggregate`.

        Raises:
            QueryError: It begins with another stage, or a stage cannot be understood.
            NotSupportedError: It has a stage or an operator of MongoDB's that nosqlpy lacks.
        """
        options = AggregateOptions(pipeline, None, let, collation, batch_size, max_time_ms, comment, database=True)
        return aggregated(self._backend.within(session), "", options, PLAIN, type)

    def list_collections(self, filter: Filter | None = None) -> Cursor[Document]:
        """Return a cursor over a description of each collection, by name; `filter` is on descriptions."""
        return Cursor(self._backend, "", FindOptions(filter), PLAIN, None, reads.execute_on_collections)

    # ── transactions ─────────────────────────────────────────────────────────────

    def transaction(self, *, durability: Durability | None = None) -> Transaction:
        """Return a transaction: its ``with`` block begins and commits it, or rolls it back if it ends in an error.

        It may read and write several collections. What it writes becomes visible, and as durable
        as `durability` says, in one step. While it is open, nobody else writes: others wait up to
        ``lock_timeout``.
        """
        return Transaction(self, self._backend, durability)

    def run_transaction(
        self, function: Callable[Concatenate[Transaction, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return the result of `function`, called with a transaction that is committed when it returns.

        Raises:
            LockedError: Others kept the right to write for longer than ``lock_timeout``.
        """
        with self.transaction() as transaction:
            return function(transaction, *args, **kwargs)

    # ── the whole database ───────────────────────────────────────────────────────

    def sync(self) -> None:
        """Return when everything written before the call survives the loss of power.

        Raises:
            StorageError: A sync failed; the database must be reopened.
        """
        self._backend.call(Database.sync)

    def flush(self) -> None:
        """Hand what ``"fast"`` has buffered to the operating system.

        Raises:
            StorageError: The system refused it.
        """
        self._backend.call(Database.flush)

    def compact(self, *, progress: Callable[[int, int], object] | None = None) -> Document:
        """Rewrite the log without what is dead; return the bytes before and after.

        Readers and writers go on meanwhile; writers wait only while it begins and ends. It is done by itself when
        half of the log is dead, unless the client has ``compaction="off"``. `progress` is called now and then
        with how many documents are copied, and of how many.

        Raises:
            StorageError: The disk is full; everything is as it was.
        """
        return self._backend.maintain(compact, progress)

    def verify(self) -> Document:
        """Check every byte on disk against its checksum; return how much was checked.

        Raises:
            CorruptionError: Something is not what was written; `details` has the file and the offset.
        """
        return self._backend.call(Database.verify)

    def backup(self, target: str | os.PathLike[str], /) -> Document:
        """Write a copy of this moment to a new or empty directory, while others go on; return what was copied.

        The copy is a database: open it, or put it in the place of the lost one. It appears
        complete and durable or not at all, and every byte of it was checked. The report has
        ``bytes``, ``documents``, ``lsn`` (the number of the last commit in it) and ``seconds``.

        Raises:
            InvalidURL: `target` is no path.
            StorageError: The directory is not empty, or the disk is full; there is no copy then.
            CorruptionError: The database is damaged; likewise.
        """
        return self._backend.work(back_up, target)

    def dump(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        /,
        *,
        collections: Sequence[str] | None = None,
        compression: Literal["zlib"] | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Document:
        """Write this moment of the database to one checked file, or to a stream; return what that holds.

        It holds the documents and indexes of all collections, or of those named. The file is
        complete and durable or not there. `restore` makes a database of it. The report has
        ``bytes``, ``collections``, ``documents``, ``lsn`` and ``seconds``. `progress` is called
        now and then with how many documents are written, and of how many.

        Raises:
            CollectionNotFound: There is no collection of such a name.
            ConfigurationError: There is no such compression.
            StorageError: The file would lie in the directory of the database.
            OSError: The file cannot be written; what was there is as it was.
        """
        return self._backend.work(dump, target, collections, compression, progress)

    @classmethod
    def restore(cls, source: str | os.PathLike[str] | BinaryIO, directory: str | os.PathLike[str], /) -> Document:
        """Make a database of a dump, in a new or empty directory; return what it holds.

        It becomes a database in the last step, when all of the dump was checked and all of
        it is durable; what fails leaves nothing that opens.

        Raises:
            CorruptionError: The dump is damaged or cut short, or is none; `details` has the offset.
            FormatVersionError: A newer nosqlpy wrote it.
            StorageError: The directory is not empty, or the disk is full.
            OSError: The file cannot be read.
        """
        return in_place(restore, source, directory)

    @classmethod
    def repair(cls, damaged: str | os.PathLike[str], directory: str | os.PathLike[str], /) -> Document:
        """Write all that can be saved of a damaged database to a new or empty directory; return what was lost.

        Nothing is changed in the damaged one, which nobody may have open. The report has ``complete``
        (nothing was lost), ``lost``, with the file, offset, bytes and commits of each loss, and the documents
        where they are known, and counts of what was saved.

        Raises:
            CorruptionError: Nothing can be saved.
            LockedError: The damaged database is open, in this or another process.
            StorageError: The new directory is not empty, or the disk is full.
        """
        return in_place(repair, damaged, directory)

    def stats(self) -> Document:
        """Return how many documents there are, live and dead bytes, segments and commits, and how opening went."""
        return self._backend.call(Database.stats)

    def profile(self, *, slow_ms: float = 0.0, size: int = 1000, path: str | os.PathLike[str] | None = None) -> Profile:
        """Return a profile of what is done with this client from now on; it ends with its ``with`` block.

        It keeps the last `size` operations that took `slow_ms` milliseconds or more: the shape of the filter,
        never a value, the plan, how many keys and documents were examined, returned and decoded, and the time,
        whichever thread or task asked for them. With a `path` each is also appended to that file, a JSON line,
        for ``nosqlpy top``. Without a profile the calls of a client do nothing for one.

        Raises:
            ConfigurationError: `slow_ms` or `size` cannot have this value.
            QueryError: `path` is no path of a file.
            StorageError: It is inside the database.
            OSError: The file cannot be opened.
        """
        return Profile(self._backend, slow_ms, size, path)
