"""Sorts and ranges from an index, on the core alone: what it gives is what sorting all documents gives."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from core.engine.logged import Logged
from nosqlpy._core.index.order import CHUNK, SortedKeys

VALUES: list[Any] = [None, True, False, 0, 1, 2.5, -3, "a", "b", "", {"x": 1}, {"x": 2}, float("nan")]
SORTS = [
    [("a", 1)],
    [("a", -1)],
    [("a", 1), ("b", 1)],
    [("a", -1), ("b", -1)],
    [("a", 1), ("b", -1)],
    [("a", -1), ("b", 1)],
    [("a", 1), ("b", -1), ("c", 1)],
    [("a", -1), ("b", 1), ("c", -1)],
]
FILTERS: list[dict[str, Any]] = [
    {},
    {"a": 1},
    {"a": {"$gte": 0}},
    {"a": {"$gt": "a"}},
    {"a": {"$in": [1, "b", None]}},
    {"a": None},
    {"a": {"$lt": 2, "$gt": -5}},
    {"a": 1, "b": {"$gte": 0}},
    {"a": "b", "b": {"$in": [0, 1]}},
    {"a": {"$gte": {"x": 1}}},
]


def filled(seed: int, *keys: Any) -> Logged:
    random = Random(seed)
    db = Logged()
    documents = [
        {"_id": number, **{name: random.choice(VALUES) for name in "abc" if random.random() < 0.9}}
        for number in range(200)
    ]
    db.insert("a", *documents)
    for each in keys:
        db.index("a", each)
    return db


def sorted_alike(db: Logged, filter: dict[str, Any], sort: Any, **options: Any) -> bool:
    """Whether a sort gives the documents that it gives without an index, in the same order."""
    return db.ids("a", filter, sort=sort, **options) == db.ids("a", filter, sort=sort, hint="$natural", **options)


@pytest.mark.parametrize("keys", [[("a", 1)], [("a", 1), ("b", 1), ("c", 1)], [("a", -1), ("b", 1)]], ids=str)
@pytest.mark.parametrize("sort", SORTS, ids=str)
def test_a_sort_from_an_index_is_that_of_the_documents(keys: Any, sort: Any) -> None:
    db = filled(1, keys)

    assert all(sorted_alike(db, filter, sort) for filter in FILTERS)
    assert all(sorted_alike(db, filter, sort, limit=7) for filter in FILTERS)
    assert all(sorted_alike(db, filter, sort, skip=3, limit=2) for filter in FILTERS)


@pytest.mark.parametrize("sort", SORTS, ids=str)
def test_an_order_that_was_made_is_kept_as_documents_change(sort: Any) -> None:
    db = filled(2, [("a", 1), ("b", 1), ("c", 1)], "a")
    assert sorted_alike(db, {}, sort)
    random = Random(3)
    for number in range(100, 300):
        db.insert("a", {"_id": f"new {number}", "a": random.choice(VALUES), "b": number, "c": random.choice(VALUES)})

    assert all(sorted_alike(db, filter, sort) for filter in FILTERS)
    db.check()


def test_ranges_of_two_indexes_together_lead_to_what_both_have() -> None:
    db = Logged()
    db.insert("a", *({"_id": number, "x": number % 600, "y": number % 500} for number in range(3000)))
    db.index("a", "x")
    db.index("a", "y")
    filter = {"x": {"$lt": 300}, "y": {"$gte": 200, "$lt": 400}}

    assert db.ids("a", filter) == db.ids("a", filter, hint="$natural")
    assert db.ids("a", {"$or": [{"x": 5}, {"y": 7}]}) == db.ids("a", {"$or": [{"x": 5}, {"y": 7}]}, hint="$natural")
    assert db.ids("a", {"x": {"$gte": 599}}, hint="y_1") == db.ids("a", {"x": 599}, hint="$natural")


def test_sorted_keys_are_those_of_a_sorted_list_whatever_is_added_and_discarded() -> None:
    random = Random(5)
    held = {random.randrange(10_000) for _ in range(3 * CHUNK)}
    keys = SortedKeys(sorted(held))
    for _ in range(6 * CHUNK):
        value = random.randrange(10_000)
        (keys.add if random.random() < 0.5 else keys.discard)(value)
        (held.add if value in [*all_of(keys, value)] else held.discard)(value)

    ordered = sorted(held)
    assert [value for part in keys.parts((0, 0), keys.end) for value in part] == ordered
    assert [value for part in keys.parts_reversed((0, 0), keys.end) for value in part] == ordered[::-1]
    low, high = keys.place(2000, after=False), keys.place(7000, after=True)
    assert keys.count(low, high) == sum(2000 <= value <= 7000 for value in ordered)
    assert keys.at(low) == min(value for value in ordered if value >= 2000)
    assert keys.before(low) == max(value for value in ordered if value < 2000)


def all_of(keys: SortedKeys, value: int) -> list[int]:
    """Return the value, if it is there."""
    start, stop = keys.place(value, after=False), keys.place(value, after=True)
    return [found for part in keys.parts(start, stop) for found in part]


def test_keys_can_be_added_where_there_were_none_and_all_discarded() -> None:
    keys = SortedKeys([])
    for value in (3, 1, 2, 2):
        keys.add(value)
    for value in (1, 9, 2, 3):
        keys.discard(value)

    assert keys.end == (0, 0)
    keys.add(5)
    assert list(keys.parts((0, 0), keys.end)) == [[5]]
