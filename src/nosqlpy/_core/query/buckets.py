"""Stable sorting in steps, so that no step takes long, however many values there are.

Keys sampled from all of them are the borders of buckets; every key goes into its
bucket, and then one bucket after the other is sorted. Python's own sort and bisect
do the work, so that 200 000 keys take some 1.5 times as long as sorted at once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Sequence
from operator import le
from typing import Any, Final, TypeAlias, TypeVar

R = TypeVar("R")
T = TypeVar("T")
Steps: TypeAlias = Generator[None, None, R]
"""Work that yields where others may have their turn, and returns its result."""

BUCKET: Final = 2048
"""Keys that a bucket should have, and that are sorted at once: about a millisecond."""
SLICE: Final = 8192
"""Items that are gone through at once."""
SAMPLES: Final = 4
"""Keys that are sampled for each border."""


def finished(steps: Steps[R]) -> R:
    """Return the result of `steps`, taken at once."""
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


def mapped(function: Callable[[T], R], items: Sequence[T], *, at_once: int = SLICE) -> Steps[list[R]]:
    """Return what `function` makes of each of `items`; it is called for so many of them `at_once`."""
    if len(items) <= at_once:
        return list(map(function, items))
    results: list[R] = []
    for start in range(0, len(items), at_once):
        results += map(function, items[start : start + at_once])
        yield
    return results


def released(items: list[Any]) -> Steps[None]:
    """Empty a list: to free hundreds of thousands of objects takes long as well."""
    while len(items) > SLICE:
        del items[-SLICE:]
        yield
    items.clear()


def ranked(keys: Sequence[Any], *, descending: bool = False) -> Steps[list[int]]:
    """Return the positions of `keys` in their order; equal ones stay in their own, descending too."""
    size = len(keys)
    key_of = keys.__getitem__
    if size <= SLICE:
        return sorted(range(size), key=key_of, reverse=descending)
    if not descending and (yield from _ascends(keys)):
        return list(range(size))
    order: list[int] = []
    buckets = yield from _buckets(keys)
    numbers = range(len(buckets))
    for number in reversed(numbers) if descending else numbers:
        bucket, buckets[number] = buckets[number], []
        order += bucket if number % 2 else sorted(bucket, key=key_of, reverse=descending)
        yield
    return order


def _ascends(keys: Sequence[Any]) -> Steps[bool]:
    """Return whether the keys are in order already; of those that are not, this looks at few."""
    for start in range(0, len(keys), SLICE):
        if not all(map(le, keys[start : start + SLICE], keys[start + 1 : start + SLICE + 1])):
            return False
        yield
    return True


def _buckets(keys: Sequence[Any]) -> Steps[list[list[int]]]:
    """Return the positions of the keys, ascending in each of the buckets: what is between two borders has an even one.

    What equals a border has an odd one, if many keys are equal, and else goes to the one before it.
    """
    borders, repeated = _borders(keys)
    buckets: list[list[int]] = [[] for _ in range(2 * len(borders) + 1)]
    for start in range(0, len(keys), SLICE):
        part = keys[start : start + SLICE]
        if repeated:
            numbers = [bisect_left(borders, key) + bisect_right(borders, key) for key in part]
        else:
            numbers = [2 * bisect_left(borders, key) for key in part]
        for position, number in enumerate(numbers, start):
            buckets[number].append(position)
        yield
    return buckets


def _borders(keys: Sequence[Any]) -> tuple[list[Any], bool]:
    """Return ascending keys, none twice, between which about `BUCKET` keys should lie; and whether some were equal."""
    wanted = len(keys) // BUCKET * SAMPLES
    pace = len(keys) // wanted
    # not at equal distances, lest keys that repeat in that rhythm give a few values only
    sample = sorted(keys[index * pace + index * 7919 % pace] for index in range(wanted))
    borders: list[Any] = []
    for border in sample[SAMPLES::SAMPLES]:
        if not borders or borders[-1] < border:
            borders.append(border)
    return borders, len(borders) < wanted // SAMPLES - 1
