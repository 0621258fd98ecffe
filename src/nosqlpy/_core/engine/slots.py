"""The documents of one collection: by key, in natural order, resident or as places in the log.

Everything above asks `Slots` and does not know which of the two a document is.
While all are resident, its functions are those of a dict itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from sys import getsizeof
from typing import Any, cast

import msgspec

from nosqlpy._core.engine.columns import ColumnMemory
from nosqlpy._core.engine.reader import Reader, Slot, Stored, size_of
from nosqlpy._core.index.memory import estimate, key_size
from nosqlpy._core.log.place import CONTENT_MASK, SEGMENT_SHIFT, Place, segment_of
from nosqlpy._core.log.section import Column
from nosqlpy._core.values.keys import ids_of

# what a dead record takes beside its document: the heads of its frame, or its share of them, and its id
RECORD_SIZE = 24
# … and what a deletion takes, which is dead at once: its frame, or its share of one of several
DELETION_SIZE, DELETIONS_SIZE = 48, 8


def deleted_size(count: int) -> int:
    """Return how many bytes the log has, at least, for the deletion of so many documents at once."""
    return DELETION_SIZE if count == 1 else DELETIONS_SIZE * count


class Memory:
    """What the documents of all collections take: bytes that are resident, and bytes in the log that are dead.

    `limit` is how many bytes may stay resident, None for all; `kept` is what the budget holds
    besides, for blocks of packed segments. `evicted` is the place in the log, as (segment, offset),
    up to which no document is resident any more.
    """

    __slots__ = ("columns", "dead", "evicted", "kept", "limit", "mixed", "reader", "resident")

    def __init__(self, limit: int | None = None, reader: Reader | None = None) -> None:
        self.columns: ColumnMemory = ColumnMemory(limit)
        self.limit: int | None = limit
        self.kept: int = 0
        self.reader: Reader | None = reader
        self.resident: int = 0
        self.dead: int = 0
        self.mixed: bool = False
        self.evicted: tuple[int, int] | None = None

    @property
    def budget(self) -> int | None:
        """How many bytes of documents and blocks may be in memory, None for all."""
        return None if self.limit is None else self.limit + self.kept

    def fresh(self) -> Memory:
        """Return what stands for no documents yet, with the same limit and files of its own."""
        return Memory(self.budget, None if self.reader is None else self.reader.fresh())

    def expect_packed(self, segments: frozenset[int]) -> None:
        """Read these segments as packed ones, and leave a part of the budget to what is decompressed of them."""
        if self.reader is None:
            return
        self.reader.packed_segments |= segments
        if self.limit is not None and not self.kept:
            self.kept = min(self.reader.blocks.capacity, self.limit)
            self.limit -= self.kept

    def files(self) -> Reader:
        """Return the reader, which is there where documents have places."""
        assert self.reader is not None, "a document has a place, and nobody can read it"
        return self.reader


class Rows(msgspec.Struct, frozen=True):
    """Where all documents of a collection lie, in their order: views of what must not change meanwhile.

    `ascending` says that the places are in the order of the log, and not in memory.
    """

    keys: Column[Hashable]
    ids: Iterable[Any]
    places: Iterable[Place]
    ascending: bool = False


class Slots:
    """Encoded documents by the key of their ``_id``, in natural order.

    `get`, `holds` and `count` are functions of the dict while all documents are
    resident. Once one is not, the dict is another one: whoever took a function of the
    old dict finds bytes there.
    """

    __slots__ = ("_held", "_memory", "_mixed", "_moment", "_warm", "count", "get", "holds", "live")

    get: Callable[[Hashable], bytes | None]
    """Return the document of a key, or None."""
    holds: Callable[[object], bool]
    """Whether there is a document of this key."""
    count: Callable[[], int]
    """Return how many documents there are."""

    def __init__(self, memory: Memory) -> None:
        self.live: int = 0
        self._memory = memory
        self._mixed = False
        # documents, by their places, that the write that is being planned will replace: applying it must not read
        self._warm: dict[Slot, bytes] = {}
        self._use({})

    def _use(self, held: dict[Hashable, Slot]) -> None:
        self._held = held
        self._moment: object | None = None
        self.holds = held.__contains__
        self.count = held.__len__
        self.get = self._read if self._mixed else cast("Callable[[Hashable], bytes | None]", held.get)

    def adopt(self, held: dict[Hashable, Slot], *, mixed: bool, live: int) -> None:
        """Take documents over, some of them places if `mixed`; `live` is how many bytes they have."""
        self._mixed = mixed
        self._memory.mixed = self._memory.mixed or mixed
        self._use(held)
        self.live = live

    def table(self) -> dict[str, Any]:
        """Return what the table that leads from ids to documents has and takes, as an index says it of itself."""
        keys = list(self._held)
        size = getsizeof(self._held) + estimate(keys, key_size)
        return {"built": True, "keys": len(keys), "entries": len(keys), "bytes": size}

    # ── reading ──────────────────────────────────────────────────────────────────

    def _read(self, key: Hashable) -> bytes | None:
        files = self._memory.files().files  # before the slot: what that refers to is among them, or there to be opened
        slot = self._held.get(key)
        return self._memory.files().one(slot, files) if type(slot) is int else slot  # type: ignore[return-value]

    def stored(self, slots: list[Slot]) -> Sequence[bytes]:
        """Return the documents that `slots`, some of these here, stand for."""
        if not self._mixed:
            return slots  # type: ignore[return-value]  # all of them are bytes; a cast would be a call
        reader = self._memory.files()
        return Stored(slots, reader, reader.files)

    def now(self) -> object | None:
        """Return what stands for the documents as they are, another object after each change; None: not known.

        It is asked for before the documents are: what changes them takes it away when that is done.
        """
        if self._moment is None:
            self._moment = object()
        return self._moment

    def all(self) -> Sequence[bytes]:
        """Return all documents of this moment."""
        return self.stored(list(self._held.values()))

    def once(self) -> Sequence[bytes]:
        """Return all documents of this moment for one who goes through them once."""
        return self.all()

    def first(self, count: int) -> Sequence[bytes]:
        """Return the first `count` documents without taking them all."""
        try:
            return self.stored(list(islice(self._held.values(), min(count, len(self._held)))))
        except RuntimeError:  # another thread changed the collection meanwhile
            return self.stored(list(self._held.values())[:count])

    def some(self, keys: Iterable[Hashable]) -> Sequence[bytes]:
        """Return the documents of those of `keys` that are there."""
        # get, not [key]: another thread may delete a document after its key was found
        return self.stored(list(filter(None, map(self._held.get, keys))))

    def pairs(self, keys: Iterable[Hashable]) -> list[tuple[Hashable, bytes]]:
        """Return the documents of those of `keys` that are there, with their keys."""
        held = self._held
        found = [key for key in keys if key in held]
        return list(zip(found, self.stored([held[key] for key in found])[:], strict=True))

    def keys(self) -> list[Hashable]:
        """Return the keys of all documents."""
        return list(self._held)

    def items(self) -> list[tuple[Hashable, Slot]]:
        """Return all keys with what stands for their documents."""
        return list(self._held.items())

    def disjoint(self, keys: Iterable[Hashable]) -> bool:
        """Whether there is no document of any of `keys`."""
        return self._held.keys().isdisjoint(keys)

    @property
    def places(self) -> int:
        """How many documents are not resident."""
        return sum(type(slot) is int for slot in list(self._held.values())) if self._mixed else 0

    @property
    def resident(self) -> int:
        """How many bytes of documents are resident."""
        if not self._mixed:
            return self.live
        return sum(len(slot) for slot in list(self._held.values()) if isinstance(slot, bytes))

    def rows(self, segments: AbstractSet[int]) -> Rows | None:
        """Return where the documents lie, or None if not all do in `segments`, or their ids cannot be told by keys."""
        held = self._held
        ids = ids_of(held.keys())
        if ids is None or not {int}.issuperset(map(type, held.values())):
            return None
        places = cast("Collection[Place]", held.values())
        return Rows(held.keys(), ids, places) if all(map(segments.__contains__, map(segment_of, places))) else None

    # ── changing ─────────────────────────────────────────────────────────────────

    def warm(self, keys: Sequence[Hashable]) -> None:
        """Read the documents that a write is going to replace or delete, so that applying it needs no disk."""
        if self._mixed:
            slots = [slot for slot in map(self._held.get, keys) if type(slot) is int]
            self._warm = dict(zip(slots, self._memory.files().many(slots), strict=True))

    def before(self, key: Hashable) -> bytes | None:
        """Return the document that a write replaces or deletes."""
        warm = self._warm.get(self._held.get(key, b"")) if self._mixed else None
        return self.get(key) if warm is None else warm

    def put(self, keys: Sequence[Hashable], documents: Sequence[bytes], *, fresh: bool) -> None:
        """Store documents, each in the place of the one with its key; `fresh`: there is none of them."""
        held, memory = self._held, self._memory
        size = sum(map(len, documents))
        live, resident = self.live + size, memory.resident + size
        if not fresh:
            before: list[Any] = list(filter(None, map(held.get, keys)))
            if self._mixed:
                lost, freed = self._bury(before)
            else:  # as `_bury`, without a call
                lost = freed = sum(map(len, before))
                memory.dead += lost + RECORD_SIZE * len(before)
            live, resident = live - lost, resident - freed
        held.update(zip(keys, documents, strict=True))
        self.live, memory.resident, self._moment = live, resident, None

    def put_one(self, key: Hashable, document: bytes) -> None:
        """Store one document, as `put` does several."""
        held, memory = self._held, self._memory
        before, size = held.get(key), len(document)
        if before is None:
            lost = freed = 0
        elif type(before) is bytes:  # as `_bury`, without a call
            lost = freed = len(before)
            memory.dead += lost + RECORD_SIZE
        else:
            lost, freed = self._bury([before])
        held[key] = document
        self._moment = None
        self.live += size - lost
        memory.resident += size - freed

    def delete_one(self, key: Hashable) -> None:
        """Remove the document of `key`, if it is there."""
        before, memory = self._held.pop(key, None), self._memory
        self._moment = None
        if before is None:
            return
        memory.dead += DELETION_SIZE
        if type(before) is bytes:  # as `_bury`, without a call
            lost = freed = len(before)
            memory.dead += lost + RECORD_SIZE
        else:
            lost, freed = self._bury([before])
        self.live -= lost
        memory.resident -= freed

    def delete(self, keys: Sequence[Hashable]) -> None:
        """Remove the documents of `keys`, all of which are there."""
        held = self._held
        lost, freed = self._bury([held[key] for key in keys])
        self._memory.dead += deleted_size(len(keys))
        for key in keys:
            del held[key]
        self._moment = None
        self.live -= lost
        self._memory.resident -= freed

    def clear(self) -> None:
        """Remove every document."""
        self.bury()
        self.live = 0
        self._use({})

    def bury(self) -> None:
        """Count every document as dead: the collection is dropped, or cleared."""
        self._memory.dead += self.live + RECORD_SIZE * self.count()
        self._memory.resident -= self.resident

    def _bury(self, slots: list[Slot]) -> tuple[int, int]:
        """Count documents as dead; return how many bytes they have, and how many of them are resident."""
        if self._mixed:
            lost = sum(map(size_of, slots))
            freed = sum(len(slot) for slot in slots if isinstance(slot, bytes))
        else:
            lost = freed = sum(map(len, cast("list[bytes]", slots)))
        self._memory.dead += lost + RECORD_SIZE * len(slots)
        return lost, freed

    def recount(self) -> None:
        """Count again, after a change that was interrupted was made once more."""
        slots = list(self._held.values())
        self.live = sum(map(size_of, slots))

    # ── residence ────────────────────────────────────────────────────────────────

    def give_places(self, keys: Sequence[Hashable], pieces: Sequence[bytes], places: Sequence[Place]) -> None:
        """Let those documents go that are byte for byte what lies at `places`."""
        if not self._mixed:
            self._mixed = self._memory.mixed = True
            self._use(dict(self._held))  # readers on other threads have functions of the old one
        held, freed = self._held, 0
        for key, piece, place in zip(keys, pieces, places, strict=True):
            if held.get(key) == piece:
                held[key] = place
                freed += len(piece)
        self._moment = None
        self._memory.resident -= freed

    def take_back(self, keys: Iterable[Hashable], gone: AbstractSet[int]) -> None:
        """Make those documents resident that have places in segments that are `gone`, but can still be read.

        They were evicted while a compaction copied them.
        """
        held = self._held
        found = [key for key in keys if isinstance(slot := held.get(key), int) and segment_of(slot) in gone]
        if found:
            documents = self._memory.files().many([held[key] for key in found])
            held.update(zip(found, documents, strict=True))
            self._moment = None
            self._memory.resident += sum(map(len, documents))
            self._memory.evicted = None  # they lie before the place where the last eviction ended

    def move(self, keys: Sequence[Hashable], before: Sequence[Slot], after: Sequence[Place]) -> None:
        """Give documents that a compaction has copied their new places, where they still have the old ones."""
        held = self._held
        for key, old, new in zip(keys, before, after, strict=True):
            if type(old) is int and held.get(key) == old:
                held[key] = new
        self._moment = None

    def replace(self, keys: Sequence[Hashable], places: Sequence[Place]) -> None:
        """Give documents that another process has copied their new places, where they have places in older segments."""
        held = self._held
        for key, new in zip(keys, places, strict=True):
            old = held.get(key)
            if type(old) is int and old >> SEGMENT_SHIFT < new >> SEGMENT_SHIFT and not (old ^ new) & CONTENT_MASK:
                held[key] = new
        self._moment = None

    def any_before(self, keys: Iterable[Hashable], segment: int) -> bool:
        """Whether one of these documents has a place in an older segment than this."""
        held = self._held
        return any(type(slot) is int and slot >> SEGMENT_SHIFT < segment for slot in map(held.get, keys))
