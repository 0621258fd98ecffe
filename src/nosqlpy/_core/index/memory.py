"""How many bytes of memory keys and what belongs to them take, about: those of a sample, times how many there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import getsizeof
from typing import Any, Final, TypeAlias

SAMPLE: Final = 1000
"""Objects that are measured, at equal distances; the sizes of the others are taken to be like theirs."""

Measure: TypeAlias = Callable[[Any, set[int]], int]
"""From an object, and the ids of those that have been counted, to how many bytes it takes beside them."""


def unbuilt() -> dict[str, Any]:
    """Return what an index that is not built says of itself: it takes no memory yet."""
    return {"built": False, "keys": 0, "entries": 0, "bytes": 0}


def estimate(objects: Sequence[Any], measure: Measure) -> int:
    """Return how many bytes some objects take, about."""
    step = -(-len(objects) // SAMPLE) or 1
    sample, seen = objects[::step], set[int]()
    return sum(measure(each, seen) for each in sample) * len(objects) // (len(sample) or 1)


def key_size(key: Any, seen: set[int]) -> int:
    """Return how many bytes a key takes with what is in it; paths, names and small numbers are there once for all."""
    if id(key) in seen:
        return 0
    seen.add(id(key))
    return getsizeof(key) + (sum(key_size(part, seen) for part in key) if type(key) is tuple else 0)


def own_size(held: Any, seen: set[int]) -> int:  # noqa: ARG001 - what is in it is not the index's
    """Return how many bytes an object takes by itself."""
    return getsizeof(held)
