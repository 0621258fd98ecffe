"""The query language: what compiling and binding a filter cost, and what its operators cost a document in a scan.

A filter of a new *shape* is compiled; of a known one it is only bound to its
operands. Either is timed with the first test of a document too, because what a
bind leaves for later must be paid then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import count, islice
from typing import Any

import msgspec
from tests.benchmarks.documents import make_documents
from tests.benchmarks.measure import every_time

from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.values.codec import encode_document

BINDS = 2000
SHAPES = 200
SCANNED = 5000

COMPILE_US_MAX = 150.0
BIND_US_MAX = 3.0
OPERATOR_RATIO_MAX = 2.0

DAY = datetime(2024, 5, 1, tzinfo=UTC)
NEXT_DAY = datetime(2024, 5, 2, tzinfo=UTC)

SHAPES_IN_USE: dict[str, dict[str, Any]] = {
    "by id": {"_id": "user-17"},
    "equal": {"age": 42},
    "equal, nested": {"profile.city": "city 7"},
    "two equal": {"active": True, "profile.city": "city 7"},
    "$gt": {"age": {"$gt": 42}},
    "range": {"age": {"$gte": 18, "$lt": 65}},
    "date range": {"created": {"$gte": DAY, "$lt": NEXT_DAY}},
    "$ne": {"active": {"$ne": True}},
    "$in": {"age": {"$in": [1, 2, 3, 4, 5]}},
    "$or": {"$or": [{"age": {"$lt": 18}}, {"active": False}]},
    "$and of $gt, equal": {"$and": [{"age": {"$gt": 42}}, {"active": True}]},
    "$exists": {"note": {"$exists": True}},
    "$regex": {"name": {"$regex": "^user 1"}},
    "$elemMatch": {"orders": {"$elemMatch": {"sku": "x-100", "quantity": {"$gt": 1}}}},
    "$all": {"tags": {"$all": ["red", "blue"]}},
    "$not": {"age": {"$not": {"$gt": 42}}},
}
"""One filter of each shape that programs use most."""

NEW_SHAPES: dict[str, Callable[[int], dict[str, Any]]] = {
    "one condition": lambda n: {f"field{n}": {"$gt": 42}},
    "two conditions, one nested": lambda n: {f"field{n}.city": "city 7", f"other{n}": {"$gte": 18, "$lt": 65}},
    "$or of two": lambda n: {"$or": [{f"field{n}": {"$lt": 18}}, {f"other{n}": False}]},
}

OPERATORS: dict[str, tuple[str, Any]] = {
    "$eq": ("age", {"$eq": 42}),
    "$ne": ("age", {"$ne": 42}),
    "$gte": ("age", {"$gte": 42}),
    "$lt": ("age", {"$lt": 42}),
    "$lte": ("age", {"$lte": 42}),
    "$eq null": ("age", {"$eq": None}),
    "$eq, a date": ("joined", {"$eq": DAY}),
    "$gt, a date": ("joined", {"$gt": DAY}),
    "$gt, a text": ("name", {"$gt": "user 2"}),
    "$gt, a double": ("score", {"$gt": 250.5}),
    "$in": ("age", {"$in": [1, 2, 3]}),
    "$in, texts": ("name", {"$in": ["user 1", "user 2"]}),
    "$in, dates": ("joined", {"$in": [DAY, NEXT_DAY]}),
    "$in, booleans": ("active", {"$in": [True, None]}),
    "$in, a pattern": ("name", {"$in": ["user 1", re.compile("^user 2")]}),
    "$nin": ("age", {"$nin": [1, 2, 3]}),
    "$not": ("age", {"$not": {"$gt": 42}}),
    "$exists": ("age", {"$exists": True}),
    "$exists: false": ("age", {"$exists": False}),
    "$type": ("age", {"$type": "int"}),
    "$type, number": ("score", {"$type": "number"}),
    "$mod": ("age", {"$mod": [7, 3]}),
    "$bitsAllSet": ("age", {"$bitsAllSet": 5}),
    "$bitsAllClear": ("age", {"$bitsAllClear": [1, 3]}),
    "$bitsAnySet": ("age", {"$bitsAnySet": 5}),
    "$bitsAnyClear": ("age", {"$bitsAnyClear": 5}),
    "$regex, a prefix": ("name", {"$regex": "^user 1"}),
    "$regex, anywhere": ("name", {"$regex": "9"}),
    "$eq, in an array": ("tags", {"$eq": "blue"}),
    "$in, in an array": ("tags", {"$in": ["blue", "black"]}),
    "$all": ("tags", {"$all": ["red", "blue"]}),
    "$size": ("tags", {"$size": 3}),
    "$elemMatch, values": ("marks", {"$elemMatch": {"$gt": 42, "$lt": 44}}),
    "$elemMatch, documents": ("orders", {"$elemMatch": {"sku": "y-200", "quantity": {"$gt": 1}}}),
}
"""By name, a field and an operator on it, which is compared with ``$gt`` on the same field."""

GREATER: dict[str, Any] = {
    "age": 42,
    "name": "user 2",
    "score": 250.5,
    "joined": DAY,
    "active": False,
    "tags": "blue",
    "marks": 42,
    "orders": 42,
}


class Figure(msgspec.Struct):
    """One line: a name, the best and the median microseconds, and the ratio that the target is about, if any."""

    name: str
    best: float
    median: float
    ratio: float | None = None
    target: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met, None without one."""
        if self.target is None:
            return None
        return (self.median if self.ratio is None else self.ratio) <= self.target


def figures(times: dict[str, list[float]], calls: int, target: float | None = None) -> list[Figure]:
    """Return a figure for every name, in microseconds per call."""
    return [Figure(name, *_micros(spent, calls), target=target) for name, spent in times.items()]


def _micros(spent: list[float], calls: int) -> tuple[float, float]:
    # the wait that was taken out is that of the system's last tick, now and then more than there was
    ordered = sorted(time for time in spent if time > 0)
    return ordered[0] / calls * 1e6, ordered[len(ordered) // 2] / calls * 1e6


def new_shapes(rounds: int) -> list[Figure]:
    """Time the compilation of filters whose shape was never seen."""
    numbers = count()

    def filters(make: Callable[[int], dict[str, Any]]) -> Iterator[dict[str, Any]]:
        return islice(map(make, numbers), SHAPES)

    def compiled(make: Callable[[int], dict[str, Any]]) -> None:
        for filter in filters(make):
            compile_filter(filter)

    def tested(make: Callable[[int], dict[str, Any]]) -> None:
        document = encode_document({"_id": 1})
        for filter in filters(make):
            compile_filter(filter).select([document])

    runs = {name: partial(compiled, make) for name, make in NEW_SHAPES.items()}
    runs |= {f"{name}, and a test": partial(tested, make) for name, make in NEW_SHAPES.items()}
    return figures(every_time(runs, rounds=rounds), SHAPES, COMPILE_US_MAX)


def bound_shapes(rounds: int) -> list[Figure]:
    """Time filters of known shapes: to bind them, and to bind them and test one document."""
    (document,) = make_documents(1)
    data = encode_document(document)

    def bound(filter: dict[str, Any]) -> None:
        for _ in range(BINDS):
            compile_filter(filter)

    def tested(filter: dict[str, Any]) -> None:
        blobs = [data]
        for _ in range(BINDS):
            compile_filter(filter).select(blobs)

    binds = every_time({name: partial(bound, filter) for name, filter in SHAPES_IN_USE.items()}, rounds=rounds)
    tests = every_time({name: partial(tested, filter) for name, filter in SHAPES_IN_USE.items()}, rounds=rounds)
    return figures(binds, BINDS, BIND_US_MAX) + [
        msgspec.structs.replace(figure, name=f"{figure.name}, and a test") for figure in figures(tests, BINDS)
    ]


def operators(rounds: int) -> list[Figure]:
    """Time every operator in a scan, each beside ``$gt`` on the same field."""
    blobs = [encode_document(_scanned(document)) for document in make_documents(SCANNED)]
    found: list[Figure] = []
    for name, (field, condition) in OPERATORS.items():
        predicate, greater = compile_filter({field: condition}), compile_filter({field: {"$gt": GREATER[field]}})
        runs = {name: partial(predicate.select, blobs), "$gt": partial(greater.select, blobs)}
        own, other = figures(every_time(runs, rounds=rounds), SCANNED)
        found.append(Figure(name, own.best, own.median, own.median / other.median, OPERATOR_RATIO_MAX))
    return found


def _scanned(document: dict[str, Any]) -> dict[str, Any]:
    number = document["age"]
    return {**document, "joined": DAY.replace(hour=number % 24), "marks": [number, number + 1, number // 2]}
