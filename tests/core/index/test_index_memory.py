"""What an index says of the memory that it takes, beside what the interpreter says."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from nosqlpy._core.index.deferred import DeferredIndex
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.manager import IndexManager
from nosqlpy._core.index.memory import SAMPLE, estimate
from nosqlpy._core.index.options import define_index
from nosqlpy._core.values.codec import encode_document

COUNT = 1500
KEYS = [f"id{n}" for n in range(COUNT)]
WORDS = [f"{letter}{number}" for letter in "abcdefgh" for number in range(50)]


def document(n: int) -> dict[str, Any]:
    return {
        "_id": KEYS[n],
        "email": f"user{n}@example.com",
        "n": n + 1000,
        "group": n % 40,
        "price": n / 7,
        "tags": [f"tag{n % 90}", f"tag{n % 77}", "all"],
        "text": " ".join(WORDS[(n * step) % len(WORDS)] for step in range(1, 12)),
        "home": {"city": f"city {n % 300}", "zip": n},
    }


BLOBS = [encode_document(document(n)) for n in range(COUNT)]


def measured(make: Callable[[], HashIndex]) -> tuple[HashIndex, int]:
    """Return an index, and how many bytes it holds that were not held before."""
    make()  # what is made once for all
    gc.collect()
    tracemalloc.start()
    try:
        index = make()
        gc.collect()
        return index, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("keys", "options", "in_order"),
    [
        ("email", {}, False),
        ("email", {"unique": True}, True),
        ("n", {}, True),
        ("price", {}, False),
        ("group", {}, True),
        ("tags", {}, False),
        ("home", {}, False),
        ("home", {}, True),
        ("email", {"partialFilterExpression": {"n": {"$gte": 1500}}}, True),
        (["group", "home.city"], {}, True),
        ({"email": "hashed"}, {}, False),
        ("$**", {}, False),
        ("home.$**", {}, True),
        ({"text": "text"}, {"default_language": "none"}, False),
        ({"group": 1, "text": "text"}, {"default_language": "none"}, False),
    ],
    ids=str,
)
def test_what_an_index_says_is_near_to_what_it_takes(keys: Any, options: dict[str, Any], in_order: bool) -> None:
    definition = define_index(keys, None, options)

    def make() -> HashIndex:
        index = IndexManager.make(definition, KEYS, BLOBS)
        if in_order:
            index.order()
        return index

    index, taken = measured(make)
    said = index.stats()

    assert said["built"] is True
    assert 0.7 * taken < said["bytes"] < 1.35 * taken


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("email", (COUNT, COUNT)),
        ("group", (40, COUNT)),
        (["group", "email"], (COUNT, COUNT)),
        ("home.$**", (300 + COUNT, 2 * COUNT)),
    ],
    ids=str,
)
def test_an_entry_is_a_document_under_a_key(keys: Any, expected: tuple[int, int]) -> None:
    index = IndexManager.make(define_index(keys, None, {}), KEYS, BLOBS)
    index.discard(["nobody"], KEYS[0])

    assert (index.stats()["keys"], index.stats()["entries"]) == expected


def test_an_index_that_is_empty_or_not_built_has_no_entries() -> None:
    definition = define_index("email", None, {})
    empty = HashIndex(definition).stats()

    assert empty.pop("bytes") < 1000
    assert empty == {"built": True, "keys": 0, "entries": 0}
    assert DeferredIndex(definition, list).stats() == {"built": False, "keys": 0, "entries": 0, "bytes": 0}


@pytest.mark.parametrize("count", [0, 1, SAMPLE - 1, SAMPLE, SAMPLE + 1, 10 * SAMPLE, 10 * SAMPLE + 7])
def test_objects_of_one_size_are_counted_exactly_and_few_are_looked_at(count: int) -> None:
    looked_at: list[int] = []

    def measure(each: int, _: set[int]) -> int:
        looked_at.append(each)
        return 7

    objects: Sequence[int] = range(count)

    assert estimate(objects, measure) == 7 * count
    assert len(looked_at) <= SAMPLE
