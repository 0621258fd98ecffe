"""What is measured on the same documents in every store, and what the project aims at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from tests.benchmarks.documents import AGES, CITIES

CITY = f"city {CITIES // 2}"
AGE = AGES * 2 // 3
# the stores that a target is about
BYTES, DICTS, TEXT, JSONB = "floor: bytes", "floor: dicts", "SQLite text", "SQLite JSONB"
SQLITE = "the quicker SQLite"


class Target(msgspec.Struct, frozen=True):
    """At most `factor` times what a floor takes; or, where it is to be `faster`, so many times as fast as a peer."""

    store: str
    factor: float
    faster: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.faster else '≤'} {self.factor:g}x {'faster than ' if self.faster else ''}{self.store}"


class Operation(msgspec.Struct, frozen=True):
    """A method of the stores, and what it is called with in a database of so many documents."""

    name: str
    method: str
    arguments: Callable[[int], list[Any]]
    targets: tuple[Target, ...]


def _at_most(store: str, factor: float, peer: str, times: float) -> tuple[Target, ...]:
    return Target(store, factor), Target(peer, times, faster=True)


def _spread(size: int, count: int, last: int = 0) -> range:
    """Return the numbers of at most `count` documents, all over the collection but for the `last`."""
    return range(0, max(1, size - last), max(1, size // count))[:count]


def ids(size: int) -> list[Any]:
    """Return the ids of a thousand documents, or of all that there are."""
    return [f"{number:024x}" for number in _spread(size, 1000)]


def _emails(size: int) -> list[Any]:
    return [f"user{number}@example.org" for number in _spread(size, 1000)]


def _moments(size: int) -> list[Any]:
    return [1_700_000_000 + number for number in _spread(size, 20, 100)]


READS = (
    Operation("find by id", "get", ids, _at_most(BYTES, 1.5, SQLITE, 2.5)),
    Operation("find equal, indexed", "find_indexed", _emails, _at_most(BYTES, 1.7, SQLITE, 2)),
    Operation("range of 100, indexed", "find_range", _moments, _at_most(BYTES, 1.3, SQLITE, 1.3)),
    Operation("sort by an index, first 10", "newest", lambda _: [None] * 20, _at_most(BYTES, 1.3, SQLITE, 1.3)),
    Operation("scan, nested condition", "scan", lambda _: [CITY], _at_most(DICTS, 1.5, JSONB, 1.3)),
    Operation("count with a condition", "count", lambda _: [AGE], _at_most(DICTS, 1.5, JSONB, 1.3)),
    Operation("sort by a field, first 10", "top", lambda _: [None], _at_most(DICTS, 1.5, JSONB, 1.3)),
    Operation("group by, sum", "group", lambda _: [None], _at_most(DICTS, 1.5, JSONB, 2)),
)
# the same, in a database that has just been loaded
FIRST_TIME = {
    "scan": _at_most(BYTES, 1.3, TEXT, 2.5),
    "count": _at_most(BYTES, 1.3, TEXT, 2.5),
    "top": _at_most(BYTES, 1.3, TEXT, 2.5),
    "group": (Target(TEXT, 3, faster=True),),
}
INSERT_MANY = _at_most(BYTES, 2, SQLITE, 2)
ONE = _at_most(BYTES, 2.5, SQLITE, 2)
SOME = _at_most(BYTES, 1.5, JSONB, 1.3)
