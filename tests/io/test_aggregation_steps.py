"""Aggregations work in steps of so many documents at most, so that an event loop gets its turn between them."""

from __future__ import annotations

from typing import Any

import pytest

from nosqlpy import Client
from nosqlpy._core.engine.aggregation import aggregate

COUNT = 5000
STEP = 512
PIPELINES: dict[str, list[dict[str, Any]]] = {
    "$group": [{"$group": {"_id": "$a", "n": {"$sum": 1}}}],
    "a group for each document": [{"$group": {"_id": "$_id", "n": {"$sum": 1}}}],
    "$sort": [{"$set": {"b": 1}}, {"$sort": {"a": -1}}],
    "$bucketAuto": [{"$bucketAuto": {"groupBy": "$a", "buckets": 3}}],
    "$facet": [{"$facet": {"n": [{"$count": "n"}]}}],
    "$lookup without an index": [
        {"$limit": 1},
        {"$lookup": {"from": "things", "localField": "a", "foreignField": "a", "as": "x"}},
    ],
    "$lookup of a whole collection": [{"$limit": 1}, {"$lookup": {"from": "things", "pipeline": [], "as": "x"}}],
    "$graphLookup": [
        {"$limit": 1},
        {
            "$graphLookup": {
                "from": "things",
                "startWith": "$a",
                "connectFromField": "a",
                "connectToField": "a",
                "as": "x",
            }
        },
    ],
    "$unwind": [{"$unwind": "$list"}],
    "$unionWith": [{"$limit": 1}, {"$unionWith": "things"}],
}


@pytest.mark.parametrize("name", PIPELINES)
def test_the_work_of_a_stage_is_done_in_steps(name: str) -> None:
    with Client(":memory:", slow_ms=None) as client:
        things = client["things"]
        things.insert_many([{"_id": number, "a": number % 7, "list": [1, 2]} for number in range(COUNT)])
        cursor: Any = things.aggregate(PIPELINES[name])
        aggregation = things._backend.database().view(aggregate, "things", cursor._request)

        sizes = [len(batch) for batch in aggregation.steps()]

    assert len(sizes) >= COUNT // STEP
    assert max(sizes) <= STEP
