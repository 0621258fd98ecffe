"""Sorting in steps gives what sorting at once gives, and no step looks at much."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nosqlpy._core.query import buckets
from nosqlpy._core.query.buckets import BUCKET, SLICE, _borders, _buckets, finished, mapped, ranked, released

SIZE = 6 * SLICE
DRAW = random.Random(7)
KEYS: dict[str, list[Any]] = {
    "numbers": [DRAW.randrange(10**9) for _ in range(SIZE)],
    "texts": [f"user{DRAW.randrange(10**6)}" for _ in range(SIZE)],
    "few values": [DRAW.randrange(4) for _ in range(SIZE)],
    "one value": [1] * SIZE,
    "ascending": list(range(SIZE)),
    "descending": list(range(SIZE, 0, -1)),
    "mostly one value": [5 if DRAW.random() < 0.9 else DRAW.random() * 10 for _ in range(SIZE)],
    "skewed": [int(DRAW.random() ** 8 * 1000) for _ in range(SIZE)],
    "repeating": [position % 1000 for position in range(SIZE)],
    "pairs": [(10, DRAW.random()) for _ in range(SIZE)],
}


@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("descending", [False, True])
def test_the_order_is_that_of_a_stable_sort(keys: list[Any], descending: bool) -> None:
    expected = sorted(range(len(keys)), key=keys.__getitem__, reverse=descending)

    assert finished(ranked(keys, descending=descending)) == expected


@given(st.lists(st.integers(-20, 20), min_size=40, max_size=200), st.booleans())
def test_the_order_is_that_of_a_stable_sort_whatever_the_keys(keys: list[int], descending: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buckets, "SLICE", 8)
        patch.setattr(buckets, "BUCKET", 4)
        order = finished(ranked(keys, descending=descending))

    assert order == sorted(range(len(keys)), key=keys.__getitem__, reverse=descending)


@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
def test_what_is_sorted_in_one_step_is_a_small_part(keys: list[Any]) -> None:
    filled = finished(_buckets(keys))

    assert sum(map(len, filled)) == len(keys)
    assert max(len(bucket) for bucket in filled[::2]) < 8 * BUCKET


@pytest.mark.parametrize("keys", [KEYS["numbers"], KEYS["one value"], KEYS["few values"]])
def test_borders_ascend_and_say_whether_keys_were_equal(keys: list[Any]) -> None:
    borders, repeated = _borders(keys)

    assert borders == sorted(set(borders))
    assert repeated is (len(set(keys)) < 1000)


def test_a_large_sort_has_many_steps_and_a_small_one_is_one() -> None:
    assert len(list(ranked(KEYS["numbers"]))) > 20
    assert list(ranked(list(range(100)))) == []


def test_keys_in_order_are_only_looked_at() -> None:
    assert len(list(ranked(KEYS["ascending"]))) == SIZE / SLICE


def test_items_are_mapped_and_released_in_steps() -> None:
    items = list(range(3 * SLICE))
    steps = mapped(str, items, at_once=SLICE)

    assert len(list(steps)) == 3
    assert finished(mapped(str, items)) == list(map(str, items))
    assert len(list(released(items))) == 2
    assert items == []
