"""Keys of groups: a document of fields, found a column at a time, is what it is where it was computed before."""

from __future__ import annotations

from itertools import pairwise, product
from random import Random
from typing import Any

import pytest

from core.aggregate.answering import answer

VALUES: list[Any] = [1, 1.0, True, False, 0, None, "x", "1", float("nan"), [1], {"a": 1}, -0.0, ...]
"""What fields hold; the last one is no value."""


def documents() -> list[dict[str, Any]]:
    """Return documents with each pair of values, in any order."""
    pairs = list(product(VALUES, repeat=2))
    Random(3).shuffle(pairs)
    return [{name: value for name, value in zip("ab", pair, strict=True) if value is not ...} for pair in pairs]


FIELDS: list[dict[str, Any]] = [
    {"a": "$a", "b": "$b"},
    {"b": {"inner": "$b"}, "a": {"$ifNull": ["$a", 5]}, "c": 1},
    {"whole": "$$ROOT.a"},
]


@pytest.mark.parametrize("fields", FIELDS, ids=str)
def test_a_key_of_fields_makes_the_groups_of_the_same_document_that_was_computed_before(fields: dict[str, Any]) -> None:
    made = {"n": {"$sum": 1}, "of": {"$push": "$_id"}}

    by_fields = answer([{"$group": {"_id": fields, **made}}], documents())
    by_value = answer([{"$addFields": {"key": fields}}, {"$group": {"_id": "$key", **made}}], documents())

    assert repr(by_fields) == repr(by_value)


@pytest.mark.parametrize("boundaries", [[0, 1, 2.5], [False, True], ["a", "y"]], ids=str)
def test_a_bucket_is_found_as_by_comparing_with_its_boundaries(boundaries: list[Any]) -> None:
    branches = [
        {"case": {"$and": [{"$gte": ["$a", low]}, {"$lt": ["$a", high]}]}, "then": low}
        for low, high in pairwise(boundaries)
    ]
    made = {"of": {"$push": "$_id"}}

    bucket = {"groupBy": "$a", "boundaries": boundaries, "default": "~", "output": made}
    switch = {"branches": branches, "default": "~"}
    bucketed = answer([{"$bucket": bucket}], documents())
    switched = answer([{"$group": {"_id": {"$switch": switch}, **made}}], documents())

    assert {repr(each) for each in bucketed} == {repr(each) for each in switched}
