"""The engine: all state of one database, and the only code that changes it.

A write is planned, appended and applied. Planning computes a `Change` and alters
nothing; the shell appends its bytes to the log; `apply` makes it visible, cannot
fail, and gives the same state when it is repeated. Recovery applies what it reads
from the log by the same `apply`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Generic, NoReturn, TypeVar

import msgspec

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.flags import Progress
from nosqlpy._core.engine.slots import Memory
from nosqlpy._core.engine.tail import Position, Tail
from nosqlpy._core.index.catalogue import IndexDefinition, definition_of
from nosqlpy._core.index.deferred import loading
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.log.frame import PART_BYTES, Frame, encode_commit, encode_one
from nosqlpy._core.log.hint import Hint
from nosqlpy._core.log.manifest import Manifest
from nosqlpy._core.log.operation import Define, Delete, Operation, Put
from nosqlpy._core.log.snapshot import Snapshot
from nosqlpy.errors import ClosedError, ReadOnlyError, StorageError, WriteError

R = TypeVar("R")

DOCUMENT_SIZE_MAX = 16 << 20
# what a sort may take besides the documents
SORT_MEMORY = 100 << 20
CHANGE_SIZE_MAX = 256 << 20


class Change(msgspec.Struct, Generic[R], frozen=True, gc=False):
    """One atomic write: its operations, its frame (empty if nothing changes), where that lies, and its result.

    `warnings` are for the log of the program, once the change is made.
    """

    operations: Sequence[Operation]
    data: bytes
    start: Position
    end: Position
    result: R
    warnings: tuple[str, ...] = ()


class Engine:
    """The collections of one database, its catalogue, and the tail of its log."""

    __slots__ = (
        "_failure",
        "_numbers",
        "_prepared",
        "_prepared_for",
        "applied",
        "begun",
        "collated",
        "collections",
        "document_size_max",
        "expiring",
        "failed",
        "hint",
        "manifest",
        "memory",
        "next_number",
        "next_segment",
        "read_only",
        "snapshot",
        "sort_memory",
        "tail",
    )

    def __init__(
        self, manifest: Manifest, tail: Tail, *, read_only: bool = False, memory: Memory | None = None
    ) -> None:
        self.document_size_max: int = DOCUMENT_SIZE_MAX
        self.sort_memory: int = SORT_MEMORY
        self.manifest: Manifest = manifest
        self.tail: Tail = tail
        # the hint that the database was opened with, or that was written since
        self.hint: Hint | None = None
        # the snapshot of indexes that was beside it
        self.snapshot: Snapshot | None = None
        self.memory: Memory = memory or Memory()
        self.read_only: bool = read_only
        self.collections: dict[str, CollectionState] = {}
        # the numbers of the collections in which documents expire
        self.expiring: frozenset[int] = frozenset()
        # the numbers of those with a collation
        self.collated: frozenset[int] = frozenset()
        self.next_number: int = 1
        self.next_segment: int = 1 + max([tail.header.number, *(segment.number for segment in manifest.sealed)])
        # the last frame whose apply began, and the last one whose apply ended: a reader
        # on another thread who finds them different waits for the writer
        self.begun: int = tail.end.lsn
        self.applied: int = tail.end.lsn
        self._numbers: dict[int, CollectionState] = {}
        self._failure: BaseException | None = None
        # whether writes are refused because an earlier one failed
        self.failed: bool = False
        # indexes of the write that was planned last, by the number of their collection and their name
        self._prepared: dict[tuple[int, str], HashIndex] = {}
        self._prepared_for: Sequence[Operation] = ()

    def take_segment_number(self) -> int:
        """Return a number that no segment has had: a file left behind by a failure is never written again."""
        self.next_segment += 1
        return self.next_segment - 1

    def change(self, operations: Sequence[Operation], result: R, warnings: tuple[str, ...] = ()) -> Change[R]:
        """Return `operations` as a change that the shell can append; no operation means nothing to do.

        Raises:
            ReadOnlyError: The database is open for reading only.
            StorageError: An earlier write failed half-way; the database must be reopened.
            WriteError: The change is larger than 256 MiB.
        """
        tail = self.tail
        end = tail.end
        if not operations:
            return Change(operations, b"", end, end, result)
        if self.failed or self.read_only:
            self.check_writable()
        data, lsn, crc = encode_commit(operations, end.lsn + 1, tail.synced_upto, end.crc, tail.header.salt)
        if len(data) > CHANGE_SIZE_MAX:
            raise WriteError(f"one write has {len(data)} bytes; the limit is {CHANGE_SIZE_MAX}: split it")
        if self.memory.mixed:
            self._warm(operations)
        if type(operations[-1]) is Define and operations is not self._prepared_for:
            self.prepare(operations)
        return Change(operations, data, end, Position(end.size + len(data), lsn, crc), result, warnings)

    def change_one(self, operation: Put | Delete, result: R, warnings: tuple[str, ...] = ()) -> Change[R]:
        """Return what stores, or deletes, one document as a change, as `change` does, in fewer steps.

        Raises:
            ReadOnlyError: The database is open for reading only.
            StorageError: An earlier write failed half-way; the database must be reopened.
        """
        if self.failed or self.read_only or self.memory.mixed:
            return self.change((operation,), result, warnings)
        tail = self.tail
        end = tail.end
        lsn = end.lsn + 1
        data, crc = encode_one(operation, lsn, tail.synced_upto, end.crc, tail.header.salt)
        if len(data) > PART_BYTES:
            return self.change((operation,), result, warnings)
        return Change((operation,), data, end, Position(end.size + len(data), lsn, crc), result, warnings)

    def _warm(self, operations: Sequence[Operation]) -> None:
        """Read what applying needs: an apply cannot fail, and a disk can."""
        keys: dict[int, list[Hashable]] = {}
        for operation in operations:
            if operation.collection in self._numbers and not isinstance(operation, Define):
                keys.setdefault(operation.collection, []).extend(operation.keys)
        for number, touched in keys.items():
            self._numbers[number].warm(touched)

    def prepare(self, operations: Sequence[Operation], progress: Progress | None = None) -> None:
        """Build the indexes that a change defines: readers go on meanwhile, and documents that do not fit refuse it.

        `progress` is told how many documents are in an index, and of how many.

        Raises:
            ReadOnlyError: The database is open for reading only.
            DuplicateKeyError: An index is unique, and two documents have the same key.
            WriteError: Two fields of an index come through different arrays of a document.
        """
        self.check_writable()
        self._prepared, self._prepared_for = {}, operations
        for operation in operations:
            collection = self._numbers.get(operation.collection)
            if collection is not None and isinstance(operation, Define) and operation.verb == "index":
                definition = definition_of(operation.payload)
                if not collection.is_loaded and not definition.refuses:
                    continue  # it is built when it is used
                prepared = collection.prepare(definition, check=True, progress=progress)
                self._prepared[operation.collection, definition.name] = prepared

    def apply(self, change: Change[R]) -> R:
        """Make an appended change visible; return its result."""
        end = change.end
        repeated = self.begun == end.lsn
        self.begun = end.lsn
        if self._prepared and change.operations is not self._prepared_for:
            self._prepared = {}  # of a write that was refused
        for operation in change.operations:
            if type(operation) is Put:  # as `replay`, without a call
                self._numbers[operation.collection].put(operation)
            elif type(operation) is Delete:
                self._numbers[operation.collection].delete(operation)
            else:
                self.replay(operation)
        if repeated:
            self.recount()
        self.tail.end = end
        self.applied = end.lsn
        return change.result

    def replay(self, operation: Operation) -> None:
        """Apply one operation, as it stands in the log."""
        if type(operation) is Put:
            self._numbers[operation.collection].put(operation)
        elif type(operation) is Delete:
            self._numbers[operation.collection].delete(operation)
        elif type(operation) is Define:
            self._define(operation)

    def recount(self) -> None:
        """Count the documents' bytes anew, which an interrupted apply may have counted twice or not at all."""
        for collection in self._numbers.values():
            collection.slots.recount()
            collection.indexes.forget_orders()
            collection.ids.forget_order()
        self.memory.resident = sum(collection.slots.resident for collection in self._numbers.values())

    def _define(self, operation: Define) -> None:
        number, payload = operation.collection, operation.payload
        if operation.verb == "create":
            self._create(number, payload["name"])
            return
        collection = self._numbers.get(number)
        if collection is None:  # dropped by this very operation, which is being repeated
            return
        match operation.verb:
            case "drop":
                self.collections.pop(collection.name, None)
                del self._numbers[number]
                collection.slots.bury()
                collection.columns.forget()
            case "clear":
                collection.clear()
            case "rename":
                self._rename(collection, payload["name"])
            case "options":
                collection.define(payload)
            case "index":
                self._build(collection, definition_of(operation.payload))
            case "unindex":
                collection.indexes.drop(payload["name"])
            case unknown:
                raise ValueError(f"{unknown!r} is nothing that is done to a collection")
        if operation.verb in ("index", "unindex", "options", "drop"):
            self._note(number, collection)

    def _note(self, number: int, collection: CollectionState) -> None:
        """Note whether documents expire in a collection that has changed, and whether it has a collation."""
        there = number in self._numbers
        expires, collates = there and bool(collection.indexes.expiring), there and collection.collation is not None
        self.expiring = self.expiring - {number} | ({number} if expires else set())
        self.collated = self.collated - {number} | ({number} if collates else set())

    def _build(self, collection: CollectionState, definition: IndexDefinition) -> None:
        prepared = self._prepared.get((collection.number, definition.name))
        if prepared is None:
            collection.build(definition)
        else:
            collection.indexes.add(prepared)

    def _create(self, number: int, name: str) -> None:
        # also when it is there: an apply that was interrupted here is repeated
        held = self._numbers.get(number)
        self.enter(CollectionState(number, name, self.memory) if held is None else held)
        self.next_number = max(self.next_number, number + 1)

    def _rename(self, collection: CollectionState, name: str) -> None:
        """Change the name and keep the order of the others; readers see the old dict or the new one."""
        renamed = {c.name if c is not collection else name: c for c in self.collections.values()}
        collection.name = name
        self.collections = renamed

    def replay_frame(self, frame: Frame) -> None:
        """Apply one frame of the log and move the tail behind it; repeating it gives the same state."""
        if self.memory.mixed:
            loading(lambda: self._warm(frame.operations))
        end = Position(frame.end, frame.lsn, frame.crc)
        self.apply(Change(frame.operations, b"", self.tail.end, end, None))

    def become(self, other: Engine) -> None:
        """Take over the state of another engine, which is used no more; readers see the old state or the new one."""
        self.begun = other.begun
        self.collections, self._numbers = other.collections, other._numbers
        self.memory, self.manifest, self.tail, self.hint = other.memory, other.manifest, other.tail, None
        self.snapshot = None
        self.next_number, self.next_segment = other.next_number, other.next_segment
        self.expiring, self.collated = other.expiring, other.collated
        self.applied = other.applied

    def check_writable(self) -> None:
        """Refuse a write that cannot be made durable.

        Raises:
            ReadOnlyError: The database is open for reading only.
            StorageError: An earlier write failed half-way; the database must be reopened.
        """
        if self._failure is not None:
            self._refuse(self._failure)
        if self.read_only:
            raise ReadOnlyError("the database is open for reading only; open it without read_only=True to write")

    def check_usable(self) -> None:
        """Refuse any use after the database was closed.

        Raises:
            ClosedError: It was closed, or this process was forked from the one that opened it.
        """
        if isinstance(self._failure, ClosedError):
            self._refuse(self._failure)

    @staticmethod
    def _refuse(failure: BaseException) -> NoReturn:
        if isinstance(failure, ClosedError):
            raise ClosedError(str(failure))
        raise StorageError(
            f"an earlier write failed and left the log in doubt ({type(failure).__name__}: {failure}); "
            "close the database and open it again"
        ) from failure

    def fail(self, error: BaseException) -> None:
        """Refuse all writes from now on; the first reason stands."""
        self._failure = self._failure or error
        self.failed = True

    def version(self) -> int:
        """Return what is another number after every change that a reader may have missed."""
        return self.begun

    def count_documents(self) -> int:
        """Return how many documents there are in all collections."""
        return sum(collection.slots.count() for collection in self.collections.values())

    def adopt(self, collection: CollectionState) -> None:
        """Let `collection` take the place of the one with its number and name; readers see the old one or this.

        The catalogue is another dict then, by which a transaction knows that it must look again.
        """
        self._numbers[collection.number] = collection
        self.collections = {**self.collections, collection.name: collection}

    def enter(self, collection: CollectionState) -> None:
        """Take a collection into the catalogue."""
        self._numbers[collection.number] = collection
        self.collections[collection.name] = collection

    def load(self, number: int) -> None:
        """Load a collection, if it is there and unloaded.

        Raises:
            CorruptionError: A document, or the log, is damaged.
        """
        held = self._numbers.get(number)
        if held is not None and not held.is_loaded:
            self.adopt(held.loaded())

    def expect_packed(self, manifest: Manifest) -> None:
        """Be ready to read the segments of a manifest, if some are packed."""
        if manifest.is_packed:
            self.memory.expect_packed(frozenset(segment.number for segment in manifest.sealed if segment.stored))

    def let_go(self) -> None:
        """Close segments that the manifest does not name, unless documents are read from there: they take room on disk.

        Those of a compaction by another process stay open where documents have places, until the database is closed.
        """
        reader = self.memory.reader
        if reader is not None and not self.memory.mixed and all(held.is_loaded for held in self._numbers.values()):
            named = {self.manifest.active, *(segment.number for segment in self.manifest.sealed)}
            reader.drop(number for number in list(reader.files) if number not in named)

    def collection(self, number: int) -> CollectionState | None:
        """Return the collection with this number in the log, if it was not dropped."""
        return self._numbers.get(number)

    def stats(self) -> dict[str, Any]:
        """Return documents, their size and where they are, what indexes take, the log's size and its segments."""
        collections = [collection.stats() for collection in list(self.collections.values())]
        live = sum(collection["size"] for collection in collections)
        indexes = [index for collection in collections for index in collection["indexes"].values()]
        sealed, reader = self.manifest.sealed, self.memory.reader
        log = sum(segment.size for segment in sealed) + self.tail.end.size
        return {
            "collections": len(collections),
            "documents": sum(collection["count"] for collection in collections),
            "live_bytes": live,
            "disk_bytes": sum(segment.file_size for segment in sealed) + self.tail.end.size,
            "log_bytes": log,
            "compressed_bytes": sum(segment.stored for segment in sealed),
            # counted with an estimate of what stands around a document; never more than what is not live
            "dead_bytes": max(0, min(self.memory.dead, log - live)),
            "resident_bytes": sum(collection["resident_bytes"] for collection in collections),
            "cached_bytes": 0 if reader is None else reader.blocks.size,
            "places": sum(collection["places"] for collection in collections),
            "column_bytes": self.memory.columns.size,
            "index_entries": sum(index["entries"] for index in indexes),
            "index_bytes": sum(index["bytes"] for index in indexes),
            "memory_budget": self.memory.budget,
            "hint_lsn": None if self.hint is None else self.hint.directory.lsn,
            "segments": len(sealed) + 1,
            "commits": self.tail.end.lsn,
        }
