"""What an explanation says of time: how long each stage took, with those below it."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from core.engine.logged import Logged, request
from nosqlpy._core.engine import columns, reads
from nosqlpy._core.engine.explaining import explain


def explained(db: Logged, asked: Any) -> Any:
    clock = count()
    return explain(db.engine, "a", asked, reads.execute, "executionStats", lambda: float(next(clock)))["executionStats"]


@pytest.mark.parametrize(
    ("options", "times"),
    [
        # from one look at the clock to the next a second passes: finding takes 1, testing a part 1 and seeing that
        # it was the last 1, decoding a document 1; and so does what lies between any two of these
        ({}, {"FETCH": 16, "IXSCAN": 1}),
        ({"projection": ["y"]}, {"PROJECTION_DEFAULT": 16, "FETCH": 3, "IXSCAN": 1}),
        ({"sort": "y"}, {"SORT": 16, "FETCH": 3, "IXSCAN": 1}),
        ({"sort": "y", "skip": 1}, {"SKIP": 14, "SORT": 10, "FETCH": 3, "IXSCAN": 1}),
    ],
    ids=repr,
)
def test_an_explanation_tells_what_each_stage_took_with_those_below_it(
    options: dict[str, Any], times: dict[str, int]
) -> None:
    db = Logged()
    db.insert("a", *({"_id": n, "x": n % 2, "y": n} for n in range(10)))
    db.index("a", "x")
    asked = request({"x": 1, "y": {"$gte": 0}}, **options)
    stats = explained(db, asked)
    stage, found = stats["executionStages"], {}
    while stage is not None:
        found[stage["stage"]] = stage["executionTimeMillisEstimate"] / 1000
        stage = stage.get("inputStage")

    assert found == times
    assert stats["executionTimeMillis"] == max(times.values()) * 1000


@pytest.mark.parametrize("ordered", [False, True])
def test_an_explanation_of_a_scan_of_columns_tells_what_it_took(ordered: bool) -> None:
    db = Logged()
    db.insert("a", *({"_id": n, "x": n % 2, "y": n} for n in range(columns.LEAST)))
    asked = request({"x": 1}, sort="y" if ordered else None)
    for _ in range(3):
        list(reads.execute(db.engine, "a", asked).steps())
    stats = explained(db, asked)
    stage = stats["executionStages"]["inputStage"] if ordered else stats["executionStages"]

    assert (stage["stage"], stage["columns"]) == ("COLLSCAN", ["x", "y"] if ordered else ["x"])
    assert stage["executionTimeMillisEstimate"] == (3000.0 if ordered else stats["executionTimeMillis"])
    assert stats["nReturned"] == columns.LEAST // 2
