"""A collection of which only the log holds the documents: it outgrew what an import may take while it was filled.

Of every document that the log has, memory has a fingerprint of its key. That is enough
to take in others with new keys, and to count; whoever asks for a document has the
collection loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from itertools import chain, islice, starmap
from typing import Generic, NamedTuple, TypeVar, cast

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.fingerprints import Fingerprints
from nosqlpy._core.engine.reader import Reader, Slot
from nosqlpy._core.engine.slots import Rows, Slots
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.unloaded import Hinted, UnloadedCollection, UnloadedSlots
from nosqlpy._core.engine.walk import Ledger, places_in, walk, written
from nosqlpy._core.log.manifest import SealedSegment
from nosqlpy._core.log.operation import Define, Delete, Located
from nosqlpy._core.log.place import Place, length_of, pack_places
from nosqlpy._core.log.segment import HEADER_SIZE, KIND_LOG

V = TypeVar("V")

# what a document takes beside its own bytes while it is in memory: its id, and its entry in the table
ENTRY_SIZE = 150
# what the documents of a collection may take while an import fills it
FILLED_MAX = 96 << 20
# keys that are added at once
STEP = 1000


class Start(NamedTuple):
    """Where in the log a collection was empty: the number of a segment, and a byte of it."""

    segment: int
    offset: int


def start_of(engine: Engine, name: str, *, clear: bool) -> Start | None:
    """Return where the log stands, if a collection is empty, not there, or to be cleared now; None if it has documents.

    None too where indexes would be filled as well, or the log is in memory.
    """
    collection = engine.collections.get(name)
    filled = collection is not None and (not _is_plain(collection) or (not clear and collection.slots.count() > 0))
    return None if filled or engine.memory.reader is None else _position(engine)


def _position(engine: Engine) -> Start:
    return Start(engine.tail.header.number, engine.tail.end.size)


def _is_plain(collection: CollectionState) -> bool:
    """Whether a collection has no index but that of ``_id``, whose keys are as they are."""
    return not collection.indexes.by_name and collection.collation is None


def load_first(engine: Engine, collection: CollectionState) -> None:
    """Load a collection of which only the first documents of an import are there, unless the log alone has them."""
    if not isinstance(collection.slots, LoggedSlots):
        engine.load(collection.number)


def is_too_large(engine: Engine, collection: CollectionState) -> bool:
    """Whether `outgrow` has something to do: documents take more than the memory budget, or more than 96 MiB."""
    slots, limit = collection.slots, engine.memory.limit
    if isinstance(slots, LoggedSlots):
        return True
    large = slots.live + ENTRY_SIZE * slots.count() > FILLED_MAX or (limit is not None and slots.live > limit)
    return large and collection.is_loaded and _is_plain(collection)


def outgrow(engine: Engine, collection: CollectionState, start: Start) -> None:
    """Keep a collection in the log only, which was empty at `start`; or let go of what was put since that was done.

    All that was written stands in the files of the log.

    Raises:
        StorageError: A segment cannot be opened.
    """
    if isinstance(collection.slots, LoggedSlots):
        collection.slots.release()
        return
    held, load = LoggedSlots(engine, collection, start), partial(engine.load, collection.number)
    logged = UnloadedCollection(collection.number, collection.name, engine.memory, held, load)
    logged.options, logged.validator = collection.options, collection.validator
    collection.columns.forget()
    engine.memory.resident -= collection.slots.resident
    engine.adopt(logged)


class _Base(NamedTuple):
    """What the log holds up to a position: documents, their bytes, and the segments, the last one up to there."""

    documents: int
    live: int
    log: list[SealedSegment]


class LoggedSlots(UnloadedSlots):
    """Documents that the log has put since `start`; those of `_recent` were written since they were counted."""

    __slots__ = ("_base", "_engine", "_keys", "_last", "_number", "_start", "_total", "_walked")

    def __init__(self, engine: Engine, collection: CollectionState, start: Start) -> None:
        super().__init__(engine.memory, None, partial(engine.load, collection.number), _no_ledger)
        self._engine = engine
        self._number = collection.number
        self._start = start
        self._keys = Fingerprints()
        keys = iter(collection.slots.keys())
        while part := list(islice(keys, STEP)):
            self._keys.add(part)
        self._base = _Base(collection.slots.count(), collection.slots.live, self._written())
        # the documents that were put last, if none of them was there: most often they are let go of at once
        self._last: tuple[Sequence[Hashable], Sequence[bytes]] = ((), ())
        # documents and their bytes, the recent ones too; None where one of them may have been there before
        self._total: tuple[int, int] | None = (self._base.documents, self._base.live)
        # what the segments hold that were sealed when `prepare` was called
        self._walked: tuple[Ledger, list[SealedSegment]] = (Ledger(), [])

    def _written(self) -> list[SealedSegment]:
        """Return the segments from the start on, the active one as if it ended here, and keep their files open."""
        manifest, tail = self._engine.manifest, self._engine.tail
        end = tail.end
        log = list(manifest.sealed)
        if end.size > HEADER_SIZE:
            log.append(SealedSegment(tail.header.number, KIND_LOG, end.lsn, end.size, end.crc))
        numbers = [segment.number for segment in log]
        # where another process has compacted, its base has all of them
        first = numbers.index(self._start.segment) if self._start.segment in numbers else 0
        self._memory.files().hold(numbers[first:])
        return log[first:]

    def release(self) -> None:
        """Let go of documents that were put since, if all of them are new. The log's files have them by now.

        Raises:
            StorageError: A segment cannot be opened.
        """
        if self._total is None or not (self._order or self._last[0]):
            self._note_last()
            return
        log = self._written()
        for keys in (*(keys for _, keys in self._order), self._last[0]):
            self._keys.add(keys)
        # what interrupts this leaves keys that are looked for in the log, where all is
        self._base = _Base(*self._total, log)
        self._memory.resident -= self.resident
        self._recent, self._order, self._resolved, self._last = {}, [], {}, ((), ())

    def put(self, keys: Sequence[Hashable], documents: Sequence[bytes], *, fresh: bool = False) -> None:
        """Note documents; `fresh`: there is none of them."""
        total = self._total if fresh or self._lacks(keys) else None
        self._note_last()
        size = sum(map(len, documents))
        if total is None or not fresh:
            super().put(keys, documents)
        else:
            self._last = keys, documents
            self._memory.resident += size
            self._changed()
        self._total = total and (total[0] + len(keys), total[1] + size)

    def _note_last(self) -> None:
        """Let the documents that were put last be among the recent ones."""
        keys, documents = self._last
        if keys:
            self._memory.resident -= sum(map(len, documents))
            super().put(keys, documents)
            self._last = (), ()

    def delete(self, keys: Sequence[Hashable]) -> None:
        """Note that documents are gone."""
        self._total = None
        self._note_last()
        super().delete(keys)

    @property
    def resident(self) -> int:
        """How many bytes of documents are resident."""
        return super().resident + sum(map(len, self._last[1]))

    def measure(self) -> tuple[int, int]:
        """Return how many documents there are, and how many bytes they have."""
        return super().measure() if self._total is None else self._total

    def disjoint(self, keys: Iterable[Hashable]) -> bool:
        """Whether there is no document of any of `keys`."""
        sought = keys if isinstance(keys, list) else list(keys)
        return self._lacks(sought) or super().disjoint(sought)

    def _lacks(self, keys: Sequence[Hashable]) -> bool:
        """Whether there is certainly no document of any of `keys`."""
        last = self._last[0]
        apart = self._recent.keys().isdisjoint(keys) and (not last or frozenset(last).isdisjoint(keys))
        return apart and self._keys.lack(keys)

    def _search(self, key: Hashable) -> tuple[Place, bytes] | None:
        return None if key not in self._last[0] and self._keys.lack_one(key) else self._ask()

    def _stored(self) -> tuple[int, int]:
        return self._base.documents, self._base.live

    def clear(self) -> None:
        """Remove every document."""
        self._note_last()
        super().clear()
        self._keys, self._base, self._total = Fingerprints(), _Base(0, 0, []), (0, 0)
        self._start = _position(self._engine)

    def give_places(self, keys: Sequence[Hashable], pieces: Sequence[bytes], places: Sequence[Place]) -> None:
        """Let those documents go that are byte for byte what lies at `places`."""
        self._note_last()
        super().give_places(keys, pieces, places)

    # ── loading ──────────────────────────────────────────────────────────────────

    def prepare(self) -> None:
        """Go through the sealed segments, so that `loaded` need not do so. Meanwhile documents may be written.

        Raises:
            CorruptionError: The log is damaged.
        """
        sealed = self._base.log[:-1]
        self._walked = self._walk(sealed), sealed

    def _walk(self, log: list[SealedSegment]) -> Ledger:
        (ledger, done), self._walked = self._walked, (Ledger(), [])  # it is changed below
        if log[: len(done)] != done:
            ledger, done = Ledger(), []
        found = walk(self._memory.files(), log[len(done) :], lambda _: ledger, {self._number})
        return found.get(self._number, ledger)

    def loaded(self) -> Slots:
        """Return the same documents, resident if they fit the budget.

        Raises:
            CorruptionError: A document, or the log, is damaged.
        """
        self._note_last()
        return super().loaded()

    def _held_before(self) -> Hinted:
        places = self._walk(self._base.log).places
        live = sum(map(length_of, places.values()))
        held = cast("dict[Hashable, Slot]", places)
        if self._exceeds(live):
            return Hinted(held, live, mixed=True)
        for pairs in self._memory.files().packed(pack_places(places.values()), list(places)):
            held.update(pairs)
        return Hinted(held, live, mixed=False)

    # ── for a hint ───────────────────────────────────────────────────────────────

    def rows(self, segments: AbstractSet[int]) -> Rows | None:
        """Return where the documents lie, or None if not all do in `segments`, or one was written more than once.

        The database is being closed: nothing more is written, and what keys there are takes no more memory.
        """
        self.release()
        self._keys.forget()
        puts = Puts(self._memory.files(), self._base.log, self._start, self._number)
        if self._recent or not all(segment.number in segments for segment in self._base.log):
            return None
        return puts.rows(self._base.documents) if puts.are_all(self._base.documents) else None


def _no_ledger() -> Ledger:
    return Ledger()


class Puts:
    """What the log puts into one collection, gone through anew for each column of it."""

    def __init__(self, reader: Reader, log: Sequence[SealedSegment], start: Start, number: int) -> None:
        self._reader = reader
        self._log = log
        self._start = start
        self._number = number

    def are_all(self, count: int) -> bool:
        """Whether these are so many documents, and nothing else has happened to the collection after the first."""
        found = 0
        for _, _, operation in self._operations():
            if isinstance(operation, Located):
                found += len(operation.ids)
            elif isinstance(operation, Delete) or (found and operation.verb in ("create", "clear", "drop")):
                return False
        return found == count

    def rows(self, count: int) -> Rows:
        """Return them as columns of so many rows, which are not in memory."""
        keys = LogColumn(count, lambda: chain.from_iterable(put.keys for _, _, put in self._puts()))
        ids = LogColumn(count, lambda: chain.from_iterable(put.ids for _, _, put in self._puts()))
        places = LogColumn(count, lambda: chain.from_iterable(starmap(places_in, self._puts())))
        return Rows(keys, ids, places, ascending=True)

    def _puts(self) -> Iterator[tuple[int, int, Located]]:
        for segment, begin, operation in self._operations():
            if isinstance(operation, Located):
                yield segment, begin, operation

    def _operations(self) -> Iterator[tuple[int, int, Located | Delete | Define]]:
        for segment in self._log:
            first = self._start.offset if segment.number == self._start.segment else HEADER_SIZE
            for begin, operation in written(self._reader, segment, first):
                if operation.collection == self._number:
                    yield segment.number, begin, operation


class LogColumn(Generic[V]):
    """One value of each document, made of the log whenever they are gone through."""

    def __init__(self, count: int, values: Callable[[], Iterator[V]]) -> None:
        self._count = count
        self._values = values

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[V]:
        return self._values()
