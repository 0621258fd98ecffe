"""Columns that are kept: the layout of queries that read no document, and what makes and measures entries.

A row of this layout is the position of a document among all of them. Whoever asks
a layout for columns, a filter, a sort or a group, gets those that are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from sys import getsizeof
from typing import Any, Final, TypeAlias

from nosqlpy._core.query.entries import Entries
from nosqlpy._core.query.expr import settled
from nosqlpy._core.query.partial import Column, Detour, Layout, Row, layout_of
from nosqlpy._core.query.several import Several
from nosqlpy._core.query.sieves import Comparison
from nosqlpy._core.query.tree import Mask, Sifting
from nosqlpy._core.values.types import MISSING

Key: TypeAlias = tuple[str, Detour]
"""A path, and what it reaches off the structs: entries of one path differ between conditions, sorts and expressions."""

REFERENCE_SIZE: Final = 8
_NUMBER_SIZE: Final = 32
_NOTHING: Final = frozenset((bool, type(None), type(MISSING)))
_NUMBERS: Final = _NOTHING | {int, float, datetime}
_ARRAYS: Final = frozenset((list, Several))
_NESTED: Final = _ARRAYS | {dict}
_REPEATED: Final = ({str}, {int})
MANY: Final = 8
_REPEATED_MAX: Final = 4096
"""Different strings or ints of a column that are looked for among its entries, so that each is kept once."""


class ColumnLayout(Layout):
    """The layout of rows that are positions; `wanted` are the columns that were asked for, `held` their entries.

    A column can be asked for before its entries are there, and used afterwards.
    """

    __slots__ = ("held", "wanted")

    def __init__(self) -> None:  # no struct is defined: no row is decoded
        self.wanted: dict[Key, None] = {}
        self.held: Mapping[Key, Entries] = {}

    def straight(self, path: str) -> None:
        """Return None: no structs lead to what is at a path."""

    def column(self, path: str, detour: Detour) -> Column:
        """Return what gives the kept entries of `path` at some positions."""
        key = path, detour
        self.wanted[key] = None

        def entries_at(positions: Iterable[Row]) -> Entries:
            entries = self.held[key]
            if type(positions) is not range:
                return Entries(map(entries.__getitem__, positions), entries.kinds)
            if len(positions) == len(entries):
                return entries
            return Entries(entries[positions.start : positions.stop], entries.kinds)

        return entries_at


class Equal:
    """Finds the entries of a kept column that equal a value of their own class, without looking at each in Python.

    Where many do, that takes longer than a comparison of each: after a part with more than one in `MANY` it is left.
    """

    __slots__ = ("_entries", "_few", "_value")

    def __init__(self, entries: Entries, value: Any) -> None:
        self._entries = entries
        self._value = value
        self._few = True

    def positions(self, start: int, stop: int) -> list[int] | None:
        """Return the positions of those from `start` to `stop`; None where they are to be found in another way."""
        if not self._few:
            return None
        found: list[int] = []
        place, index, value = start, self._entries.index, self._value
        try:
            while True:
                place = index(value, place, stop) + 1
                found.append(place - 1)
        except ValueError:  # there are no more
            self._few = len(found) * MANY <= stop - start
            return found

    def count(self, start: int, stop: int) -> int:
        """Return how many there are from `start` to `stop`."""
        return self._entries[start:stop].count(self._value)


def equal_on(mask: Mask, layout: ColumnLayout) -> Equal | None:
    """Return the same as a mask of a layout whose entries are held, if all that it asks is that an entry equals."""
    if not isinstance(mask, Sifting) or not isinstance(mask.sieve, Comparison):
        return None
    entries, comparing = layout.held[mask.path, mask.detour], mask.sieve.comparing
    if comparing.symbol != "==" or not entries.kinds <= comparing.kinds:
        return None
    return Equal(entries, comparing.operand)


def extracted(keys: Sequence[Key], blobs: Sequence[bytes]) -> list[list[Any]]:
    """Return the entries of some columns of encoded documents."""
    layout = layout_of(frozenset(path for path, _ in keys))
    rows = layout.rows(blobs)
    return [settled(layout.column(path, detour)(rows)) for path, detour in keys]


class ColumnMaker:
    """Makes the entries of one column, a part at a time, and counts the bytes that they take, about.

    Documents are not kept: `fits` is whether no entry holds one.
    """

    __slots__ = ("_entries", "_kinds", "_repeated", "fits", "size")

    def __init__(self) -> None:
        self._entries: list[Any] = []
        self._kinds: set[type] = set()
        self._repeated: dict[str | int, str | int] | None = {}
        self.size = 0
        self.fits = True

    def add(self, entries: list[Any]) -> None:
        """Append entries."""
        kinds = set(map(type, entries))
        self._kinds |= kinds
        self.size += REFERENCE_SIZE * len(entries)
        if kinds in _REPEATED and self._repeated is not None:
            entries = self._once(entries, self._repeated)
        elif not kinds <= _NOTHING:
            self._measure(entries, kinds)
        self._entries += entries

    def _once(self, entries: list[str | int], repeated: dict[str | int, str | int]) -> list[str | int]:
        """Return strings, or ints, of which equal ones are the same object."""
        known = len(repeated)
        entries = list(map(repeated.setdefault, entries, entries))
        self.size += sum(map(getsizeof, islice(repeated, known, None)))
        if len(repeated) > _REPEATED_MAX:
            self._repeated = None
        return entries

    def _measure(self, entries: list[Any], kinds: set[type]) -> None:
        if kinds <= _NUMBERS:
            self.size += _NUMBER_SIZE * len(entries)
            return
        self.size += sum(map(getsizeof, entries))
        self.fits = self.fits and dict not in kinds
        if not kinds.isdisjoint(_ARRAYS):
            elements = list(chain.from_iterable(entry for entry in entries if type(entry) in _ARRAYS))
            self.fits = self.fits and _NESTED.isdisjoint(map(type, elements))
            self.size += sum(map(getsizeof, elements))

    def made(self) -> Entries:
        """Return all entries."""
        return Entries(self._entries, frozenset(self._kinds))
