"""A collection that is not loaded: a hint that is searched where it lies, and what was written after it.

It costs its entry in the catalogue. A few documents are read by their ids at the cost
of a few reads each; a scan, or look-ups that together cost as much as loading, ask for
it to be loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from itertools import islice
from typing import Any, NoReturn

import msgspec

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.reader import PACKED_STEP, Slot, Stored, size_of
from nosqlpy._core.engine.slots import RECORD_SIZE, Memory, Rows, Slots, deleted_size
from nosqlpy._core.engine.walk import Ledger
from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.deferred import DeferredIndex, Unloaded
from nosqlpy._core.index.memory import unbuilt
from nosqlpy._core.index.pending import Parts, Pending, shape_of
from nosqlpy._core.index.placed import PlacedIndex
from nosqlpy._core.log.operation import Delete, Put
from nosqlpy._core.log.place import PLACE_SIZE, Place, length_of, pack_places, unpack_places
from nosqlpy._core.log.section import DamagedHintError, SectionPlaces, SectionReader, keys_and_ids
from nosqlpy._core.values.codec import decode_id
from nosqlpy._core.values.keys import equality_key, equality_keys

# a look-up costs as much as loading so many documents
LOOKUP_COST = 20
LOOKUPS_MIN = 64
# as many of the first documents are read without the others
FIRST_MAX = 1000
# documents that are loaded in one call of the interpreter, during which no other thread can run
LOAD_STEP = PACKED_STEP
# documents written since, beyond which an index in a snapshot is not asked, but the collection loaded
WRITTEN_MAX = 1000


class Hinted(msgspec.Struct, frozen=True):
    """What a section says, ready to be taken over: documents, their bytes, and their keys by rows of the section."""

    held: dict[Hashable, Slot]
    live: int
    mixed: bool
    rows: Sequence[Hashable] | None = None


def _places(placed: bytes) -> Iterator[Place]:
    for start in range(0, len(placed), LOAD_STEP * PLACE_SIZE):
        yield from unpack_places(placed[start : start + LOAD_STEP * PLACE_SIZE])


class UnloadedSlots(Slots):
    """Documents in a section of a hint; those of `_recent` were written since, None for one that was deleted."""

    __slots__ = (
        "_before",
        "_counted",
        "_left",
        "_load",
        "_order",
        "_prepared",
        "_rebuild",
        "_recent",
        "_resolved",
        "_rows",
        "_section",
        "_was_loaded",
        "version",
    )

    def __init__(
        self, memory: Memory, section: SectionReader | None, load: Callable[[], object], rebuild: Callable[[], Ledger]
    ) -> None:
        super().__init__(memory)
        self._section: SectionReader | None = section
        self._load = load
        self._rebuild = rebuild
        self._left = LOOKUPS_MIN if section is None else max(LOOKUPS_MIN, section.section.count // LOOKUP_COST)
        self._recent: dict[Hashable, Slot | None] = {}
        # what was put (True) and deleted since, in order: that decides the order of documents
        self._order: list[tuple[bool, Sequence[Hashable]]] = []
        # where documents that were written since lay before
        self._resolved: dict[Hashable, Place | None] = {}
        self._counted: tuple[int, int] | None = None
        # once it is loaded: the keys of the hint by their rows, and what documents that were written since were before
        self._rows: Sequence[Hashable] | None = None
        self._before: dict[Hashable, Slot] = {}
        # what was read for `loaded`, by a thread that keeps no writer out
        self._prepared: Hinted | None = None
        self._was_loaded = False
        # another number after every change
        self.version: int = 0

    def _use(self, held: dict[Hashable, Slot]) -> None:
        self._held = held
        self.get = self._find
        self.holds = self._is_there
        self.count = self._count

    def table(self) -> dict[str, Any]:
        """Return what the table of a collection that is not loaded says of itself."""
        return unbuilt()

    # ── reading ──────────────────────────────────────────────────────────────────

    def _find(self, key: Hashable) -> bytes | None:
        recent = self._recent  # another thread may put a new dict there
        if key in recent:
            slot = recent[key]
            return self._memory.files().one(slot) if isinstance(slot, int) else slot
        found = self._search(key)
        return None if found is None else found[1]

    def _is_there(self, key: object) -> bool:
        assert isinstance(key, Hashable), "keys are"
        recent = self._recent
        return recent[key] is not None if key in recent else self._search(key) is not None

    def _search(self, key: Hashable) -> tuple[Place, bytes] | None:
        """Return the place and the document of a key in the hint."""
        if self._section is None:
            return None
        self._left -= 1
        if self._left < 0:
            self._ask()
        try:
            for place in self._section.search(key):
                data = self._memory.files().one(place)
                if equality_key(decode_id(data)) == key:
                    return place, data
                self._left -= 1
        except DamagedHintError:
            self._ask()
        return None

    def _ask(self) -> NoReturn:
        raise Unloaded(self._load, self.prepare) from None

    def measure(self) -> tuple[int, int]:
        """Return how many documents there are, and how many bytes they have."""
        if self._counted is None:
            count, live = self._stored()
            for key, slot in list(self._recent.items()):
                if key not in self._resolved:
                    found = self._search(key)
                    self._resolved[key] = None if found is None else found[0]
                before = self._resolved[key]
                count += (slot is not None) - (before is not None)
                live += (0 if slot is None else size_of(slot)) - (0 if before is None else length_of(before))
            self._counted = count, live
        return self._counted

    def _stored(self) -> tuple[int, int]:
        """Return how many documents were there before what was written since, and how many bytes they have."""
        return (0, 0) if self._section is None else (self._section.section.count, self._section.section.live)

    def _count(self) -> int:
        return self.measure()[0]

    def now(self) -> None:
        """Return None: whoever asks for all documents has them loaded."""

    def all(self) -> Sequence[bytes]:
        """Ask for the collection."""
        self._ask()

    def once(self) -> Sequence[bytes]:
        """Return all documents where they lie, if nothing was written since; else ask for the collection."""
        if self._section is None or self._order:
            self._ask()
        reader = self._memory.files()
        try:
            self._section.check_places()
            return Stored(SectionPlaces(self._section), reader, reader.files)
        except DamagedHintError:
            self._ask()

    def first(self, count: int) -> Sequence[bytes]:
        """Return the first `count` documents if they are few, and nothing was written since; else ask for all."""
        if self._section is None or self._order or count > FIRST_MAX:
            self._ask()
        reader = self._memory.files()
        try:
            return Stored(list(self._section.first(count)), reader, reader.files)
        except DamagedHintError:
            self._ask()

    def keys(self) -> list[Hashable]:
        """Ask for the collection."""
        self._ask()

    def items(self) -> list[tuple[Hashable, Slot]]:
        """Ask for the collection."""
        self._ask()

    def some(self, keys: Iterable[Hashable]) -> Sequence[bytes]:
        """Return the documents of those of `keys` that are there."""
        return list(filter(None, map(self._find, keys)))

    def pairs(self, keys: Iterable[Hashable]) -> list[tuple[Hashable, bytes]]:
        """Return the documents of those of `keys` that are there, with their keys."""
        return [(key, data) for key in keys if (data := self._find(key)) is not None]

    def disjoint(self, keys: Iterable[Hashable]) -> bool:
        """Whether there is no document of any of `keys`."""
        return not any(map(self._is_there, keys))

    # ── for an index in a snapshot ───────────────────────────────────────────────

    def in_rows(self, rows: Sequence[int]) -> list[tuple[Hashable, bytes]]:
        """Return those documents of rows of the hint that are as they were."""
        if self._section is None:
            return []
        self._left -= 2 * len(rows)  # they are read again by their ids
        if self._left < 0:
            self._ask()
        documents = self._memory.files().many(list(map(self._section.place, rows)))
        keys = equality_keys(list(map(decode_id, documents)))
        return [(key, data) for key, data in zip(keys, documents, strict=True) if key not in self._recent]

    def written(self) -> list[tuple[Hashable, bytes]]:
        """Return the documents that were written since the hint."""
        if len(self._recent) > WRITTEN_MAX:
            self._ask()
        return self.pairs([key for key, slot in list(self._recent.items()) if slot is not None])

    @property
    def places(self) -> int:
        """How many documents are not resident: those of the hint, and those written since that were evicted."""
        return self._stored()[0] + sum(isinstance(slot, int) for slot in list(self._recent.values()))

    @property
    def resident(self) -> int:
        """How many bytes of documents are resident."""
        return sum(len(slot) for slot in list(self._recent.values()) if isinstance(slot, bytes))

    # ── changing ─────────────────────────────────────────────────────────────────

    def put(self, keys: Sequence[Hashable], documents: Sequence[bytes], *, fresh: bool = False) -> None:  # noqa: ARG002 - not known
        """Note documents; where they stand among the others is found when the collection is loaded."""
        self._release(keys)
        self._recent.update(zip(keys, documents, strict=True))
        self._memory.resident += sum(map(len, documents))
        self._order.append((True, keys))
        self._changed()

    def delete(self, keys: Sequence[Hashable]) -> None:
        """Note that documents are gone."""
        self._release(keys)
        self._memory.dead += deleted_size(len(keys))
        self._recent.update(dict.fromkeys(keys))
        self._order.append((False, keys))
        self._changed()

    def _changed(self) -> None:
        self._counted = None
        self.version += 1

    def _release(self, keys: Sequence[Hashable]) -> None:
        recent = self._recent
        before = [slot for key in keys if (slot := recent.get(key)) is not None]
        self._memory.resident -= sum(len(slot) for slot in before if isinstance(slot, bytes))
        self._memory.dead += sum(map(size_of, before)) + RECORD_SIZE * len(before)

    def clear(self) -> None:
        """Remove every document."""
        self.bury()
        self._section = None
        self._recent, self._order, self._resolved = {}, [], {}
        self._changed()

    def bury(self) -> None:
        """Count every document as dead."""
        count, live = self._stored()
        self._memory.dead += live + RECORD_SIZE * count
        written = [slot for slot in self._recent.values() if slot is not None]
        self._memory.dead += sum(map(size_of, written)) + RECORD_SIZE * len(written)
        self._memory.resident -= self.resident

    def recount(self) -> None:
        """Do nothing: documents are counted when that is asked for."""

    def give_places(self, keys: Sequence[Hashable], pieces: Sequence[bytes], places: Sequence[Place]) -> None:
        """Let those documents go that are byte for byte what lies at `places`."""
        for key, piece, place in zip(keys, pieces, places, strict=True):
            if self._recent.get(key) == piece:
                self._recent[key] = place
                self._memory.resident -= len(piece)

    def rows(self, segments: AbstractSet[int]) -> Rows | None:
        """Return None: what a hint says is copied."""

    def replace(self, keys: Sequence[Hashable], places: Sequence[Place]) -> None:
        """Do nothing: what a hint says is of the segments that it was written for, and the files of these stay open."""

    # ── loading ──────────────────────────────────────────────────────────────────

    def prepare(self) -> None:
        """Read what the hint says, so that `loaded` need not do so. Meanwhile documents may be written.

        Raises:
            CorruptionError: A document, or the log, is damaged.
        """
        if self._prepared is None and not self._was_loaded:
            self._prepared = self._read_hint()

    def loaded(self) -> Slots:
        """Return the same documents, resident if they fit the budget. A damaged hint is replaced by a walk of the log.

        Raises:
            CorruptionError: A document, or the log, is damaged.
        """
        memory, hinted = self._memory, self._held_before()
        self._rows = hinted.rows
        made = Slots(memory)
        held = self._merged(hinted.held)
        mixed = hinted.mixed or any(type(slot) is int for slot in self._recent.values())
        made.adopt(held, mixed=mixed, live=hinted.live + self._grown())
        if not mixed:  # else what was written since is as before, and the others are places
            memory.resident += made.resident - self.resident
        memory.evicted = None  # what is resident now may lie before the place where the last eviction ended
        self._was_loaded = True
        return made

    def _held_before(self) -> Hinted:
        """Return the documents that were there before what was written since."""
        hinted, self._prepared = self._prepared, None  # it is changed by whoever takes it
        return self._read_hint() if hinted is None or self._section is None else hinted

    def _exceeds(self, live: int) -> bool:
        """Whether so many bytes more than are resident are too many."""
        return self._memory.limit is not None and self._memory.resident + live > self._memory.limit

    def _read_hint(self) -> Hinted:
        """Return the documents in the hint, or of what the log makes of it; a damaged one is replaced by that."""
        section = self._section
        if section is None:
            return Hinted({}, 0, mixed=False)
        named, rows = b"", None
        keys: Iterable[Hashable]
        try:
            placed, named = section.data()
            keys = rows = keys_and_ids(named)[0]
            live = section.section.live
        except DamagedHintError:
            places = self._rebuild().places
            keys, placed, live = places, pack_places(places.values()), sum(map(length_of, places.values()))
        mixed = self._exceeds(live)
        if not mixed:
            # buffers of what is read come from this room now. Of places nothing is read, and if it was free, the C
            # library would let the tables of the dict grow there, and keep what they leave
            named = b""
        held = self._at_places(keys, placed) if mixed else self._resident(keys, placed)
        return Hinted(held, live, mixed=mixed, rows=rows)

    def _at_places(self, keys: Iterable[Hashable], placed: bytes) -> dict[Hashable, Slot]:
        pairs = zip(keys, _places(placed), strict=True)
        held: dict[Hashable, Slot] = {}
        for _ in range(0, len(placed), LOAD_STEP * PLACE_SIZE):
            held.update(islice(pairs, LOAD_STEP))
        held.update(pairs)
        return held

    def _resident(self, keys: Iterable[Hashable], placed: bytes) -> dict[Hashable, Slot]:
        held: dict[Hashable, Slot] = {}
        for pairs in self._memory.files().packed(placed, list(keys)):
            held.update(pairs)  # while they are in the processor's cache
        return held

    def _grown(self) -> int:
        """Return how many bytes more than the documents of the hint all have, once they are merged."""
        now = sum(size_of(slot) for slot in self._recent.values() if slot is not None)
        return now - sum(map(size_of, self._before.values()))

    def pending(self, parts: Parts) -> Pending | None:
        """Return the indexes of a snapshot of the hint for what `loaded` has returned, if they are of use."""
        if not parts or self._rows is None:
            return None
        before = self._memory.files().many(list(self._before.values()))
        changed: dict[Hashable, bytes | None] = dict(zip(self._before, before, strict=True))
        for stored, keys in self._order:
            for key in keys:
                if key not in self._before:
                    if stored:
                        changed.setdefault(key, None)
                    else:
                        changed.pop(key, None)
        return Pending(parts, self._rows, changed)

    def _merged(self, held: dict[Hashable, Slot]) -> dict[Hashable, Slot]:
        """Return the documents of the hint with what was written since, in natural order."""
        before = self._before = {key: held[key] for key in self._recent if key in held}
        for stored, keys in self._order:
            if stored:
                for key in keys:
                    held.setdefault(key, b"")
            else:
                for key in keys:
                    held.pop(key, None)
        held.update((key, slot) for key, slot in self._recent.items() if slot is not None)
        self._memory.dead += sum(map(size_of, before.values())) + RECORD_SIZE * len(before)
        return held


class UnloadedCollection(CollectionState):
    """A collection in a hint. Its indexes are in the snapshot beside it, or built when they are used.

    None of them is built before the collection is loaded.
    """

    __slots__ = ("_load", "_memory", "_unloaded", "parts")

    def __init__(
        self, number: int, name: str, memory: Memory, held: UnloadedSlots, load: Callable[[], object],
        parts: Parts | None = None,
    ) -> None:  # fmt: skip
        super().__init__(number, name, memory, held)
        self._memory = memory
        self._load = load
        self.parts: Parts = parts or {}
        self._unloaded = held

    def put(self, operation: Put) -> None:
        """Store the documents of `operation`, each in the place of the one with its id."""
        fresh, operation.fresh = operation.fresh, False  # to repeat what was interrupted is another matter
        self._unloaded.put(operation.keys, operation.documents, fresh=fresh)

    def delete(self, operation: Delete) -> None:
        """Remove the documents of `operation`, those that are there."""
        self._unloaded.delete(operation.keys)

    def build(self, definition: IndexDefinition) -> None:
        """Note an index."""
        part = self.parts.get(shape_of(definition))
        if part is None:
            self.indexes.add(DeferredIndex(definition, self._load))
        else:
            self.indexes.add(PlacedIndex(definition, self._load, part, self._unloaded))

    def clear(self) -> None:
        """Remove every document; indexes stay, empty."""
        super().clear()
        self.parts = {}

    def order_of_ids(self) -> None:
        """Return None: an order of all ids takes loading the collection."""

    @property
    def unchanged(self) -> Parts:
        """The parts of the snapshot that still say what stands in their indexes: all, or none."""
        return {} if self._unloaded.version else self.parts

    @property
    def is_loaded(self) -> bool:
        """Whether all documents can be gone through."""
        return False

    def loaded(self) -> CollectionState:
        """Return the same collection, loaded.

        Raises:
            CorruptionError: A document, or the log, is damaged.
        """
        made = CollectionState(self.number, self.name, self._memory, self._unloaded.loaded())
        made.options, made.validator, made.collation = self.options, self.validator, self.collation
        for definition in self.indexes.definitions():
            made.indexes.add(DeferredIndex(definition, partial(made.load_index, definition)))
        made.indexes.pending = self._unloaded.pending(self.parts)
        return made

    def stats(self) -> dict[str, Any]:
        """Return how many documents there are, their encoded size in bytes, where they are, and the indexes' names."""
        return super().stats() | {"size": self._unloaded.measure()[1]}
