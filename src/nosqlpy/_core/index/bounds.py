"""Bounds: the values that a condition leaves to a field, as keys and ranges of keys of one type bracket."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Final

import msgspec

from nosqlpy._core.index.components import rank_of


class Range(msgspec.Struct, frozen=True):
    """The keys of one rank from `low` to `high`, either of which may be None for no bound, or open."""

    rank: float
    low: Any = None
    high: Any = None
    low_open: bool = False
    high_open: bool = False

    def holds(self, key: Hashable) -> bool:
        """Whether a key lies in the range."""
        if rank_of(key) != self.rank:
            return False
        value: Any = key
        if self.low is not None and (value < self.low or (self.low_open and value == self.low)):
            return False
        return self.high is None or bool(value < self.high or (not self.high_open and value == self.high))

    def meet(self, other: Range) -> Range | None:
        """Return the range of what lies in both, None if nothing can."""
        if self.rank != other.rank:
            return None
        low, low_open = _tighter(self.low, other.low, self.low_open, other.low_open, lower=True)
        high, high_open = _tighter(self.high, other.high, self.high_open, other.high_open, lower=False)
        if low is not None and high is not None and (high < low or (high == low and (low_open or high_open))):
            return None
        return Range(self.rank, low, high, low_open, high_open)

    def within(self, other: Range) -> bool:
        """Whether all that lies in this range lies in the other."""
        return self.meet(other) == self


def _tighter(one: Any, two: Any, one_open: bool, two_open: bool, *, lower: bool) -> tuple[Any, bool]:
    """Return the bound of two, and whether it is open, that leaves less."""
    if one is None:
        return two, two_open
    if two is None:
        return one, one_open
    if one == two:
        return one, one_open or two_open
    return (one, one_open) if (one > two) is lower else (two, two_open)


class Bounds(msgspec.Struct, frozen=True):
    """The keys that a value of a field may have, if a document is to match: points, and ranges that hold none of them.

    Where they are `exact`, every document that stands under one of them in an index meets the condition.
    """

    points: tuple[Hashable, ...] = ()
    ranges: tuple[Range, ...] = ()
    exact: bool = False

    def holds(self, key: Hashable) -> bool:
        """Whether a key is among them."""
        return key in self.points or any(each.holds(key) for each in self.ranges)

    def meet(self, other: Bounds) -> Bounds:
        """Return the bounds of a single value that must be in both."""
        points = [key for key in self.points if other.holds(key)]
        points += [key for key in other.points if key not in points and any(each.holds(key) for each in self.ranges)]
        ranges = [both for one in self.ranges for two in other.ranges if (both := one.meet(two)) is not None]
        return Bounds(tuple(points), tuple(ranges), self.exact and other.exact)

    def within(self, other: Bounds) -> bool:
        """Whether whatever is in these bounds is in the other ones."""
        return all(map(other.holds, self.points)) and all(
            any(one.within(two) for two in other.ranges) for one in self.ranges
        )

    @property
    def has_null(self) -> bool:
        """Whether a document without the field may match."""
        return None in self.points

    @property
    def is_flat(self) -> bool:
        """Whether there is no array among the points, which would be looked for as a whole and as an element."""
        return not any(type(key) is tuple and key[0] == _ARRAY for key in self.points)


_ARRAY: Final = 25


def meet_all(bounds: Iterable[Bounds]) -> Bounds:
    """Return the bounds of a single value that must be in all of some bounds."""
    first, *others = bounds
    for other in others:
        first = first.meet(other)
    return first
