"""Columns of a collection: what scans found under some paths, kept beside the documents that it was found in.

The first scan of a set of paths decodes them in every document, the second one keeps what it
finds, and those that follow decode nothing. What is kept belongs to one moment: a list of the
documents as they were, which never changes, and entries of the same length. A later scan has
a list of its own; it takes the entries of all documents that are the same object in both, and
decodes the others. So nothing has to be told of a write, however it came about, and columns
can be lost at any time. Threads replace a moment by another one as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, Final

import msgspec

from nosqlpy._core.engine.aligning import Alignment, align
from nosqlpy._core.engine.reader import Slot, Stored
from nosqlpy._core.query.buckets import Steps
from nosqlpy._core.query.columnar import REFERENCE_SIZE, ColumnLayout, ColumnMaker, Equal, Key, equal_on, extracted
from nosqlpy._core.query.entries import Entries
from nosqlpy._core.query.filter import Predicate
from nosqlpy._core.query.partial import Column, Layout
from nosqlpy._core.query.sort import Ordering
from nosqlpy._core.values.kept import length_of

LEAST = 200
"""Documents from which on columns are worth their while."""
SHARE: Final = 2
"""Columns may take this part of the memory that documents may take, beside these."""
SIZE_UNLIMITED: Final = 128 << 20
"""What they may take where documents are not limited."""
STEP: Final = 2048
"""Documents that a step looks at: a tenth of a millisecond for each column."""
EXTRACTED_STEP: Final = 512
"""Documents that a step decodes."""
ASKED_MAX: Final = 256
ASKED_LENGTH_MAX: Final = 4096
"""Characters of the paths of what is noted as asked for; of longer ones no columns are kept."""
WRITTEN_SHARE: Final = 4
"""A collection of which more than this part was written since the last scan keeps no columns."""
IDLE_MAX: Final = 16
"""Times that the documents change before a column goes that nobody asked for meanwhile."""


class ColumnMemory:
    """What the columns of all collections take, and those that were used last: others go where there is no room."""

    __slots__ = ("_sizes", "limit")

    def __init__(self, documents: int | None) -> None:
        self.limit: int = SIZE_UNLIMITED if documents is None else documents // SHARE
        # in the order of their use; a key of None stands for the list of documents
        self._sizes: dict[tuple[Columns, Key | None], int] = {}

    def used(self, columns: Columns, sizes: Mapping[Key | None, int]) -> None:
        """Note what columns take that were used just now; others go if there is too little room."""
        for key, size in sizes.items():
            self._sizes.pop((columns, key), None)
            self._sizes[columns, key] = size
        for owner, key in list(self._sizes):
            if self.size <= self.limit:
                break
            if key is not None:
                owner.let_go(key)

    def touched(self, columns: Columns, keys: Sequence[Key]) -> None:
        """Note that columns were used once more, which take what they took."""
        for key in keys:
            size = self._sizes.pop((columns, key), None)
            if size is not None:  # else another thread has just let it go
                self._sizes[columns, key] = size

    def left(self, columns: Columns, key: Key | None) -> None:
        """Note that a column is gone."""
        self._sizes.pop((columns, key), None)

    @property
    def size(self) -> int:
        """Bytes that all columns take, about."""
        return sum(list(self._sizes.values()))

    def size_of(self, columns: Columns) -> int:
        """Return how many bytes the columns of one collection take, about."""
        return sum(size for (owner, _), size in list(self._sizes.items()) if owner is columns)


class Kept(msgspec.Struct, frozen=True):
    """A column: its entries, their size in bytes, and how often the documents changed since somebody asked for it."""

    entries: Entries
    size: int
    idle: int = 0


class Held(msgspec.Struct, frozen=True):
    """The documents of one moment, and columns of them; `moment` is what the slots call it, None if they do not say."""

    slots: list[Slot]
    columns: Mapping[Key, Kept]
    moment: object | None = None

    def entries(self, keys: Sequence[Key]) -> Mapping[Key, Entries] | None:
        """Return columns, if all of them are there and were asked for since the documents changed."""
        found: dict[Key, Entries] = {}
        for key in keys:
            kept = self.columns.get(key)
            if kept is None or kept.idle:
                return None
            found[key] = kept.entries
        return found


_NOTHING: Final = Held([], {})


class Columns:
    """The columns of one collection, and which ones were asked for."""

    __slots__ = ("_asked", "_memory", "_met", "_refused", "_written", "held")

    def __init__(self, memory: ColumnMemory) -> None:
        self._memory = memory
        self.held: Held = _NOTHING
        self._asked: set[Key] = set()
        # the same by the paths of a filter and the keys of an order, before it is known what columns these need
        self._met: set[tuple[Any, ...]] = set()
        # what takes too much room, or holds documents
        self._refused: set[Key] = set()
        self._written = 0

    @property
    def size(self) -> int:
        """Bytes that they take, about."""
        return self._memory.size_of(self)

    def inherit(self, other: Columns) -> None:
        """Begin with what another collection has, most of whose documents are here."""
        self.held, self._asked, self._met = other.held, set(other._asked), set(other._met)

    def met(self, asked: tuple[Any, ...], *, build: bool) -> bool:
        """Return whether somebody asked for the same before; it is noted that columns for it are to be `build`."""
        if asked in self._met:
            return True
        if build and length_of(asked) <= ASKED_LENGTH_MAX:
            if len(self._met) > ASKED_MAX:
                self._met.clear()
            self._met.add(asked)
        return False

    def wanted(self, keys: Mapping[Key, None], *, build: bool, met: bool) -> bool:
        """Return whether columns are kept, or are going to be; it is noted that they were asked for.

        If they are not to be `build`, only those are kept that are.
        """
        if keys.keys() <= self.held.columns.keys():
            return True
        if not build or not self._refused.isdisjoint(keys):
            return False
        if met or keys.keys() <= self._asked:
            return True
        if length_of(tuple(keys)) <= ASKED_LENGTH_MAX:
            if len(self._asked) > ASKED_MAX:
                self._asked.clear()
            self._asked.update(keys)
        return False

    def wrote(self, count: int) -> None:
        """Note a write of so many documents: nothing is kept where more is written than scanned."""
        self._written += count
        if self.held is not _NOTHING and self._written > len(self.held.slots) // WRITTEN_SHARE:
            self.forget()

    def forget(self) -> None:
        """Let go of everything: who uses columns at this moment has them still."""
        held, self.held = self.held, _NOTHING
        self._asked, self._met, self._refused, self._written = set(), set(), set(), 0
        for key in (None, *held.columns):
            self._memory.left(self, key)

    def let_go(self, key: Key) -> None:
        """Let go of one column, and of the documents if it was the last."""
        held = self.held
        columns = {each: kept for each, kept in held.columns.items() if each != key}
        self.held = Held(held.slots, columns, held.moment) if columns else _NOTHING
        self._memory.left(self, key)
        if not columns:
            self._memory.left(self, None)

    def ready(self, blobs: Sequence[bytes], keys: Sequence[Key]) -> Mapping[Key, Entries] | None:
        """Return the columns of the documents of one moment, if they are kept for just this list of them."""
        held = self.held
        if held.slots is not (blobs.slots if type(blobs) is Stored else blobs):
            return None
        found = held.entries(keys)
        if found is not None:
            self._written = 0
            self._memory.touched(self, keys)
        return found

    def at(
        self, blobs: Sequence[bytes], keys: Sequence[Key], moment: object | None = None
    ) -> Steps[Mapping[Key, Entries] | None]:
        """Return the columns of the documents of one `moment`; None if they cannot be kept."""
        slots: Any = blobs.slots if isinstance(blobs, Stored) else blobs
        before = self.held
        columns = yield from self._moved(slots, blobs, keys)
        missing = [key for key in keys if key not in columns]
        if missing:
            made = yield from self._made(blobs, missing)
            if made is None:
                self._refused.update(missing)
                return None
            columns.update(made)
        self.held, self._written = Held(slots, columns, moment), 0
        for key in before.columns:
            if key not in columns:
                self._memory.left(self, key)
        sizes: dict[Key | None, int] = {key: columns[key].size for key in columns}
        self._memory.used(self, {None: REFERENCE_SIZE * len(slots), **sizes})
        return {key: columns[key].entries for key in keys}

    def _moved(self, slots: list[Slot], blobs: Sequence[bytes], keys: Sequence[Key]) -> Steps[dict[Key, Kept]]:
        """Return what is kept, for the documents of `slots`."""
        held = self.held
        if not held.columns:
            return {}
        if held.slots is slots or held.slots == slots:
            return {
                key: Kept(kept.entries, kept.size) if key in keys and kept.idle else kept
                for key, kept in held.columns.items()
            }
        alignment = yield from align(held.slots, slots)
        if alignment is None:
            return {}
        wanted = {key: kept for key, kept in held.columns.items() if key in keys or kept.idle < IDLE_MAX}
        makers = yield from _fresh(list(wanted), blobs, alignment)
        moved: dict[Key, Kept] = {}
        for (key, kept), maker in zip(wanted.items(), makers, strict=True):
            if maker.fits:
                fresh = maker.made()
                entries = alignment.aligned(kept.entries)
                for place, entry in zip(alignment.fresh, fresh, strict=True):
                    entries[place] = entry
                size = kept.size * (len(slots) - len(fresh)) // len(held.slots) + maker.size
                idle = 0 if key in keys else kept.idle + 1
                moved[key] = Kept(Entries(entries, kept.entries.kinds | fresh.kinds), size, idle)
                yield
        return moved

    def _made(self, blobs: Sequence[bytes], keys: Sequence[Key]) -> Steps[dict[Key, Kept] | None]:
        """Return columns that are made of all documents; None if they take too much."""
        limit = self._memory.limit
        makers = [ColumnMaker() for _ in keys]
        if REFERENCE_SIZE * len(blobs) * (1 + len(keys)) > limit:
            return None
        for start in range(0, len(blobs), EXTRACTED_STEP):
            for maker, entries in zip(makers, extracted(keys, blobs[start : start + EXTRACTED_STEP]), strict=True):
                maker.add(entries)
            if not all(maker.fits for maker in makers) or sum(maker.size for maker in makers) > limit:
                return None
            yield
        return {key: Kept(maker.made(), maker.size) for key, maker in zip(keys, makers, strict=True)}


def _fresh(keys: Sequence[Key], blobs: Sequence[bytes], alignment: Alignment) -> Steps[list[ColumnMaker]]:
    """Return, for each column, what made the entries of the documents that are new."""
    makers = [ColumnMaker() for _ in keys]
    for start in range(0, len(alignment.fresh), EXTRACTED_STEP):
        documents = taken(blobs, alignment.fresh[start : start + EXTRACTED_STEP])
        for maker, entries in zip(makers, extracted(keys, documents), strict=True):
            maker.add(entries)
        yield
    return makers


def taken(blobs: Sequence[bytes], positions: Sequence[int]) -> list[bytes]:
    """Return some documents of a moment by their positions."""
    if isinstance(blobs, Stored):
        return blobs.only([blobs.slots[place] for place in positions])[:]
    return [blobs[place] for place in positions]


class Scan:
    """A scan of the documents of one moment that reads columns; its rows are positions."""

    __slots__ = ("_blobs", "_columns", "_moment", "layout", "masks", "sort_columns")

    layout: ColumnLayout
    sort_columns: list[Column | None]

    def __init__(
        self,
        columns: Columns,
        blobs: Sequence[bytes],
        predicate: Predicate,
        ordering: Ordering | None,
        moment: object | None,
    ) -> None:
        self._columns = columns
        self._blobs = blobs
        self._moment = moment
        self.layout = ColumnLayout()
        self.masks = predicate.masks_on(self.layout)
        self.sort_columns = [] if ordering is None else ordering.columns_on(self.layout)

    def wanted(self, *, build: bool, met: bool) -> bool:
        """Return whether the columns are kept, or are going to be; they were asked for before if that was `met`."""
        keys = self.layout.wanted
        if not keys:
            return False
        found = self._columns.ready(self._blobs, list(keys))
        if found is not None:
            self.layout.held = found
            return True
        return self._columns.wanted(keys, build=build, met=met)

    @property
    def short(self) -> bool:
        """Whether the columns are there, and one step goes through them."""
        return bool(self.layout.held) and len(self._blobs) <= STEP

    @property
    def paths(self) -> list[str]:
        """The paths whose columns are read."""
        return sorted({path for path, _ in self.layout.wanted})

    def prepare(self) -> Steps[bool]:
        """Have the columns for this moment; return whether they can be used."""
        if self.layout.held:
            return True
        held = yield from self._columns.at(self._blobs, list(self.layout.wanted), self._moment)
        if held is None:
            return False
        self.layout.held = held
        return True

    def positions(self) -> Iterator[Sequence[int]]:
        """Yield the positions of the documents that match, a step at a time."""
        equal = self._equal()
        for start in range(0, len(self._blobs), STEP):
            stop = min(start + STEP, len(self._blobs))
            found = None if equal is None else equal.positions(start, stop)
            rows: Sequence[int] = range(start, stop) if found is None else found
            for mask in self.masks if found is None else self.masks[1:]:
                rows = list(compress(rows, mask(rows)))
            yield rows

    def tallies(self) -> Iterator[int]:
        """Yield how many documents of each step match."""
        if len(self.masks) != 1:
            yield from map(len, self.positions())
            return
        (mask,), equal = self.masks, self._equal()
        for start in range(0, len(self._blobs), STEP):
            stop = min(start + STEP, len(self._blobs))
            yield mask(range(start, stop)).count(True) if equal is None else equal.count(start, stop)

    def _equal(self) -> Equal | None:
        """Return what finds the documents that meet the first condition, if that is an equality."""
        return equal_on(self.masks[0], self.layout) if self.masks else None


def scan_of(
    columns: Columns,
    blobs: Sequence[bytes],
    predicate: Predicate,
    ordering: Ordering | None = None,
    *,
    also: Callable[[Layout], None] | None = None,
    build: bool = True,
    moment: object | None = None,
) -> Scan | None:
    """Return a scan of columns, None where documents are decoded.

    `moment` is what the slots said of the documents before they were asked for these; `also` asks a layout
    for columns that are read besides those of the filter and the sort; if they are not to be `build`, only such
    are used as are there.
    """
    if (
        not predicate.columnar
        or (ordering is not None and ordering.scored)
        or (predicate.everything and ordering is None and also is None)
    ):
        return None
    met = False
    if also is None and not columns.held.columns:
        met = columns.met((predicate.paths, None if ordering is None else ordering.keys), build=build)
        if not met:
            return None  # whatever it would ask for
    scan = Scan(columns, blobs, predicate, ordering, moment)
    if also is not None:
        also(scan.layout)
    return scan if scan.wanted(build=build, met=met) else None
