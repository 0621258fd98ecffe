"""A filter that is too large is refused before it is compiled, and told what to do."""

from __future__ import annotations

import re
from typing import Any

import pytest

from nosqlpy import Limits
from nosqlpy.errors import QueryError

DEEP: Any = 1
for _ in range(20_000):
    DEEP = {"$and": [{"a": DEEP}]}


@pytest.mark.parametrize(
    ("limits", "filter", "found"),
    [
        (Limits(depth=2), {"a": {"b": {"c": 1}}}, "more than 2 levels, and the limit 'depth' is 2"),
        (Limits(depth=3), {"$or": [{"a": {"$not": {"$gt": 1}}}]}, "more than 3 levels, and the limit 'depth' is 3"),
        (Limits(depth=1), {"a": {"$gt": 1}}, "more than 1 levels, and the limit 'depth' is 1"),
        (Limits(depth=1), {"a": {"$gt": 1, "$lt": 2}}, "more than 1 levels, and the limit 'depth' is 1"),
        (Limits(), DEEP, "more than 100 levels, and the limit 'depth' is 100"),
        (Limits(nodes=2), {"a": 1, "b": 2, "c": 3}, "at least 3 fields and operators, and the limit 'nodes' is 2"),
        (Limits(nodes=3), {"a": {"$gt": 1}, "b": {"$lt": 2}}, "at least 4 fields and operators"),
        (Limits(nodes=10), {"$or": [{"a": n} for n in range(20)]}, "at least 11 fields and operators"),
        (Limits(), {f"f{n}": 1 for n in range(10_001)}, "at least 10001 fields and operators"),
        (Limits(in_size=2), {"a": {"$in": [1, 2, 3]}}, "3 values under $in, and the limit 'in_size' is 2"),
        (Limits(in_size=2), {"a": {"$not": {"$nin": (1, 2, 3)}}}, "3 values under $nin"),
        (Limits(in_size=2), {"a": {"$elemMatch": {"b": {"$all": [1, 2, 3]}}}}, "3 values under $all"),
        (Limits(regex_length=3), {"a": {"$regex": "abcd"}}, "a pattern of 4 characters, and the limit 'regex_length'"),
        (Limits(regex_length=3), {"a": {"$not": {"$regex": "abcd"}}}, "a pattern of 4 characters"),
        (Limits(regex_length=3), {"a": re.compile("abcd")}, "a pattern of 4 characters"),
        (Limits(regex_length=3), {"a": {"$in": [re.compile("abcd")]}}, "a pattern of 4 characters"),
        (Limits(regex_length=3), {"a": {"$regex": re.compile("abcd")}}, "a pattern of 4 characters"),
    ],
    ids=lambda value: None if isinstance(value, dict) else str(value)[:40],
)
def test_a_filter_past_a_limit_is_refused(limits: Limits, filter: Any, found: str) -> None:
    with pytest.raises(QueryError, match=re.escape(f"the filter has {found}")) as caught:
        limits.check(filter)

    assert re.search(r"ask in several calls, or open the client with limits=Limits\(\w+=\.\.\.\)$", str(caught.value))


@pytest.mark.parametrize(
    ("limits", "filter"),
    [
        (Limits(depth=1, nodes=1), {"a": 1}),
        (Limits(depth=3), {"a": {"b": {"c": 1}}}),
        (Limits(nodes=3), {"a": 1, "b": 2, "c": 3}),
        (Limits(nodes=4), {"a": {"$gt": 1}, "b": {"$lt": 2}}),
        (Limits(in_size=3), {"a": {"$in": [1, 2, 3]}}),
        (Limits(in_size=1), {"a": [1, 2, 3]}),
        (Limits(regex_length=4), {"a": {"$regex": "abcd"}}),
        (Limits(regex_length=1), {"a": "abcd", "b": {"$eq": "abcd"}, "c": {"regex": "abcd"}}),
        (Limits(depth=None, nodes=None, in_size=None, regex_length=None), DEEP),
        (Limits(), {}),
    ],
    ids=lambda value: None if isinstance(value, dict) else str(value)[:40],
)
def test_a_filter_within_the_limits_passes(limits: Limits, filter: Any) -> None:
    limits.check(filter)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "9"])
def test_a_limit_is_a_positive_int_or_none(value: Any) -> None:
    with pytest.raises(ValueError, match="the limit 'nodes' is an int above 0"):
        Limits(nodes=value)
