"""The keys of an index in their order: sorted lists in chunks, built when a range or a sort first needs them.

An index that only equalities use never has them. Later changes are made by bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import chain
from operator import itemgetter
from sys import getsizeof
from typing import Any, Final

import msgspec

from nosqlpy._core.index.components import NESTED_RANKS, component, rank_of
from nosqlpy._core.index.memory import estimate, key_size

CHUNK: Final = 1000
"""Keys of a chunk when it is made; one that has grown to twice as many is split."""

PIECE: Final = 128
"""Keys that are copied at once where they are gone through backwards."""

PAST: Final = (1000,)
"""Appended to the beginning of a compound key it is past all keys that begin so."""


class SortedKeys:
    """Distinct values in order. A *place* is a chunk's number and an offset into it."""

    __slots__ = ("_chunks", "_lasts")

    def __init__(self, ordered: list[Any]) -> None:
        self._chunks = [ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK)]
        self._lasts = [chunk[-1] for chunk in self._chunks]

    def add(self, value: Any) -> None:
        """Add a value, unless it is there."""
        lasts = self._lasts
        if not lasts:
            self._chunks, self._lasts = [[value]], [value]
            return
        number = bisect_left(lasts, value)
        if number == len(lasts):  # past all of them, as dates mostly are, and numbers that are counted up
            number -= 1
            chunk = self._chunks[number]
            chunk.append(value)
        else:
            chunk = self._chunks[number]
            offset = bisect_left(chunk, value)
            if chunk[offset] == value:
                return
            chunk.insert(offset, value)
        if len(chunk) > 2 * CHUNK:
            self._chunks[number : number + 1] = chunk[:CHUNK], chunk[CHUNK:]
            self._lasts[number : number + 1] = chunk[CHUNK - 1], chunk[-1]
        else:
            self._lasts[number] = chunk[-1]

    def extend(self, values: list[Any]) -> None:
        """Append distinct values in order, all of which come after those that are there."""
        room = max(0, CHUNK - len(self._chunks[-1])) if self._chunks else 0
        if room:
            self._chunks[-1] += values[:room]
            self._lasts[-1] = self._chunks[-1][-1]
        chunks = [values[start : start + CHUNK] for start in range(room, len(values), CHUNK)]
        self._chunks += chunks
        self._lasts += [chunk[-1] for chunk in chunks]

    def discard(self, value: Any) -> None:
        """Remove a value, if it is there."""
        number = bisect_left(self._lasts, value)
        if number == len(self._chunks):
            return
        chunk = self._chunks[number]
        offset = bisect_left(chunk, value)
        if offset == len(chunk) or chunk[offset] != value:
            return
        del chunk[offset]
        if chunk:
            self._lasts[number] = chunk[-1]
        else:
            del self._chunks[number], self._lasts[number]

    def leading(self, count: int, *, descending: bool) -> list[Any]:
        """Return the first `count` values, or the last ones from the last on."""
        chunks = self._chunks
        if chunks and len(end := chunks[-1 if descending else 0]) >= count:  # most often
            return end[: -1 - count : -1] if descending else end[:count]
        found: list[Any] = []
        for chunk in reversed(chunks) if descending else chunks:
            left = count - len(found)
            found += chunk[: -1 - left : -1] if descending else chunk[:left]
            if len(found) == count:
                break
        return found

    def place(self, value: Any, *, after: bool) -> tuple[int, int]:
        """Return the place before `value`, or after it."""
        bisect = bisect_right if after else bisect_left
        number = bisect(self._lasts, value)
        return (number, 0) if number == len(self._chunks) else (number, bisect(self._chunks[number], value))

    @property
    def last(self) -> Any:
        """The last value, None if there is none."""
        return self._lasts[-1] if self._lasts else None

    @property
    def end(self) -> tuple[int, int]:
        """The place after all values."""
        return len(self._chunks), 0

    def at(self, place: tuple[int, int]) -> Any:
        """Return the value that follows a place, which is not the end."""
        number, offset = place
        chunk = self._chunks[number]
        return chunk[offset] if offset < len(chunk) else self._chunks[number + 1][0]

    def before(self, place: tuple[int, int]) -> Any:
        """Return the value that stands before a place, which is not the beginning."""
        number, offset = place
        return self._chunks[number][offset - 1] if offset else self._chunks[number - 1][-1]

    def count(self, start: tuple[int, int], stop: tuple[int, int]) -> int:
        """Return how many values lie between two places."""
        return max(0, sum(map(len, self._chunks[start[0] : stop[0]])) - start[1] + stop[1])

    def size(self) -> int:
        """Return how many bytes the lists take, without the values in them."""
        return getsizeof(self._chunks) + getsizeof(self._lasts) + sum(map(getsizeof, self._chunks))

    def parts(self, start: tuple[int, int], stop: tuple[int, int]) -> Iterator[list[Any]]:
        """Yield the values between two places, in lists."""
        (first, begin), (last, end) = start, stop
        for number in range(first, last + 1):
            if number < len(self._chunks):
                low, high = begin if number == first else 0, end if number == last else None
                if part := self._chunks[number][low:high]:
                    yield part

    def parts_reversed(self, start: tuple[int, int], stop: tuple[int, int]) -> Iterator[list[Any]]:
        """Yield the same from the last to the first."""
        (first, begin), (last, end) = start, stop
        for number in range(min(last, len(self._chunks) - 1), first - 1, -1):
            chunk = self._chunks[number]
            low, high = begin if number == first else 0, end if number == last else len(chunk)
            while high > low:  # the last ones may be all that is wanted
                part = chunk[max(low, high - PIECE) : high]
                part.reverse()
                yield part
                high -= PIECE


class Span(msgspec.Struct, frozen=True):
    """Keys that follow each other in an index: those of `keys` between two places, as `unwrap` makes them of these."""

    keys: SortedKeys
    start: tuple[int, int]
    stop: tuple[int, int]
    unwrap: Callable[[Any], Hashable] | None = None

    def __len__(self) -> int:
        return self.keys.count(self.start, self.stop)

    def parts(self, *, descending: bool = False) -> Iterator[list[Hashable]]:
        """Yield the keys in order, in lists."""
        walk = self.keys.parts_reversed if descending else self.keys.parts
        parts = walk(self.start, self.stop)
        return parts if self.unwrap is None else (list(map(self.unwrap, part)) for part in parts)

    def all(self) -> list[Hashable]:
        """Return the keys in order."""
        return list(chain.from_iterable(self.parts()))


class Order:
    """The keys of an index in order. `version` is that of the index for which it holds."""

    __slots__ = ("version",)

    version: int

    def add(self, key: Hashable) -> None:
        """Add a key, unless it is there."""
        raise NotImplementedError

    def append(self, key: Hashable) -> None:
        """Add the key of a document that comes last, unless it is there."""
        self.add(key)

    def discard(self, key: Hashable) -> None:
        """Remove a key, if it is there."""
        raise NotImplementedError

    def everything(self) -> list[Span]:
        """Return the spans of all keys."""
        raise NotImplementedError

    def size(self) -> int:
        """Return how many bytes the order takes beside the keys, about."""
        spans = self.everything()
        wrapped = [list(chain.from_iterable(span.keys.parts(span.start, span.stop))) for span in spans if span.unwrap]
        return sum(span.keys.size() for span in spans) + sum(estimate(values, _wrap_size) for values in wrapped)


class SingleOrder(Order):
    """The keys of an index on one field, by their rank; those that stand for whole arrays are left out.

    It is `ascending` while they surely came in this order, or were given in it.
    """

    __slots__ = ("_ranks", "ascending")

    def __init__(self, keys: list[Hashable]) -> None:
        found: dict[float, list[Any]] = {}
        for key in keys:
            found.setdefault(rank_of(key), []).append(key)
        self._ranks: dict[float, SortedKeys] = {
            rank: SortedKeys(sorted(map(wrap, held) if rank in NESTED_RANKS else held))
            for rank, held in found.items()
            if rank >= -1
        }
        # they are compared at once, most of them being the same objects
        only = self.everything() if len(found) == 1 and NESTED_RANKS.isdisjoint(found) else []
        self.ascending: bool = len(only) == 1 and only[0].all() == keys

    def append(self, key: Hashable) -> None:
        """Add the key of a document that comes last, unless it is there."""
        self.add(key)
        if self.ascending:
            held = self._ranks.get(rank_of(key))  # none for a whole array
            self.ascending = held is not None and len(self._ranks) == 1 and held.last == key

    def add(self, key: Hashable) -> None:
        """Add a key, unless it is there."""
        rank = rank_of(key)
        if rank >= -1:
            if rank not in self._ranks:
                self._ranks[rank] = SortedKeys([])
            self._ranks[rank].add(wrap(key) if rank in NESTED_RANKS else key)

    def discard(self, key: Hashable) -> None:
        """Remove a key, if it is there."""
        rank = rank_of(key)
        if (held := self._ranks.get(rank)) is not None:
            held.discard(wrap(key) if rank in NESTED_RANKS else key)

    def span(self, rank: float, low: Any, high: Any, *, low_open: bool, high_open: bool) -> Span:
        """Return the keys of a rank from `low` to `high`; None for no bound. The rank is not one of `NESTED_RANKS`."""
        held = self._ranks.get(rank, _NO_KEYS)
        start = (0, 0) if low is None else held.place(low, after=low_open)
        stop = held.end if high is None else held.place(high, after=not high_open)
        return Span(held, start, max(start, stop))

    def point(self, key: Hashable) -> Span:
        """Return the one key, or none."""
        rank = rank_of(key)
        held, value = self._ranks.get(rank, _NO_KEYS), wrap(key) if rank in NESTED_RANKS else key
        unwrap = _KEY if rank in NESTED_RANKS else None
        return Span(held, held.place(value, after=False), held.place(value, after=True), unwrap)

    def leading(self, count: int, *, descending: bool) -> list[Hashable]:
        """Return the first `count` keys, or the last ones from the last on."""
        if len(self._ranks) == 1:
            for rank, held in self._ranks.items():
                if rank not in NESTED_RANKS:
                    return held.leading(count, descending=descending)
        found: list[Hashable] = []
        for rank in sorted(self._ranks, reverse=descending):
            values = self._ranks[rank].leading(count - len(found), descending=descending)
            found += map(_KEY, values) if rank in NESTED_RANKS else values
            if len(found) == count:
                break
        return found

    def everything(self) -> list[Span]:
        """Return the spans of all keys."""
        unwraps: dict[float, Any] = dict.fromkeys(NESTED_RANKS, _KEY)
        return [Span(held, (0, 0), held.end, unwraps.get(rank)) for rank, held in sorted(self._ranks.items())]


_NO_KEYS: Final = SortedKeys([])
_KEY: Final = itemgetter(1)


def wrap(key: Hashable) -> tuple[Any, Hashable]:
    """Return what sorts as `key` does, where that itself does not, and holds it."""
    return component(key)[1], key


def _wrap_size(held: tuple[Any, Hashable], seen: set[int]) -> int:
    """Return how many bytes it takes to sort a key that does not sort by itself."""
    content, key = held
    key_size(key, seen)  # which the index has already
    return getsizeof(held) + key_size(content, seen)


class CompoundOrder(Order):
    """The keys of an index on several fields: flat tuples of rank and content, which sort by themselves."""

    __slots__ = ("keys",)

    def __init__(self, keys: Iterable[Hashable]) -> None:
        self.keys = SortedKeys(sorted(keys))

    def add(self, key: Hashable) -> None:
        """Add a key, unless it is there."""
        self.keys.add(key)

    def discard(self, key: Hashable) -> None:
        """Remove a key, if it is there."""
        self.keys.discard(key)

    def span(self, low: tuple[Any, ...], high: tuple[Any, ...]) -> Span:
        """Return the keys from `low` to before `high`, each of which is a key or the beginning of one."""
        start = self.keys.place(low, after=False)
        return Span(self.keys, start, max(start, self.keys.place(high, after=False)))

    def everything(self) -> list[Span]:
        """Return the span of all keys."""
        return [Span(self.keys, (0, 0), self.keys.end)]
