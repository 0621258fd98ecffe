"""Random pipelines, answered by the engine and by mongomock, of stages in which it is reliable.

They are about scalars: mongomock takes ``True`` for 1 in groups, and sorts arrays in its own way. Of no
documents it makes a group, and a count of 0, where a server makes none.
"""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest

from nosqlpy import Client

mongomock = pytest.importorskip("mongomock", reason="mongomock, the second implementation, is not installed")

CASES = int(os.environ.get("NOSQLPY_ORACLE_CASES", "2000")) // 4
FIELDS = ("a", "b", "c")
STRINGS = ("x", "y", "z")


def a_document(random: Random, number: int) -> dict[str, Any]:
    document: dict[str, Any] = {"_id": number, "a": random.randint(0, 4), "b": random.choice(STRINGS)}
    if random.random() < 0.8:
        document["c"] = random.randint(-3, 3)
    document["list"] = [random.randint(0, 3) for _ in range(random.randrange(4))]
    document["in"] = {"n": random.randint(0, 5)}
    return document


def a_group(random: Random) -> dict[str, Any]:
    value = random.choice(["$a", "$c", "$in.n", 1])
    return {
        "_id": random.choice([None, "$a", "$b", "$in.n", {"a": "$a", "b": "$b"}]),
        "sum": {"$sum": value},
        "low": {"$min": random.choice(["$a", "$in.n"])},
        "high": {"$max": random.choice(["$a", "$in.n"])},
        "all": {"$push": random.choice(["$a", "$b"])},
        "first": {"$first": "$b"},
    }


def a_stage(random: Random) -> dict[str, Any]:
    field = random.choice(FIELDS[:2])
    return random.choice(
        [
            {"$match": {"a": {random.choice(["$gt", "$lte", "$ne"]): random.randint(0, 4)}}},
            {"$match": {"in.n": {"$in": [0, 1, 2]}}},
            {"$set": {"sum": {"$add": ["$a", "$in.n"]}}},
            {"$addFields": {"in.m": {"$multiply": ["$a", 2]}}},
            {"$unwind": "$list"},
            {"$unwind": {"path": "$list", "preserveNullAndEmptyArrays": True}},
            {"$sort": {field: random.choice([1, -1]), "_id": 1}},
            {"$skip": random.randint(1, 3)},
            {"$limit": random.randint(1, 8)},
            {"$lookup": {"from": "other", "localField": "in.n", "foreignField": "a", "as": "found"}},
        ]
    )


def a_pipeline(random: Random) -> list[dict[str, Any]]:
    stages = [a_stage(random) for _ in range(random.randint(1, 4))]
    last = random.choice(
        [
            None,
            {"$group": a_group(random)},
            {"$count": "n"},
            {"$project": {"a": 1, "in.n": 1, "x": "$list"}},
            {"$facet": {"n": [{"$count": "n"}], "some": [{"$limit": 2}, {"$project": {"a": 1}}]}},
            {"$bucket": {"groupBy": "$a", "boundaries": [0, 2, 9], "output": {"n": {"$sum": 1}}}},
        ]
    )
    return stages if last is None else [*stages, last]


def in_any_order(documents: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(sorted(document.items())) for document in documents)


@pytest.mark.parametrize("seed", range(max(1, CASES // 50)))
def test_a_pipeline_has_the_same_answer_in_mongomock(seed: int) -> None:
    random = Random(seed)
    theirs = mongomock.MongoClient().db
    with Client(":memory:", slow_ms=None) as ours:
        for name in ("own", "other"):
            documents = [a_document(random, number) for number in range(random.randint(1, 30))]
            ours[name].insert_many(documents)
            theirs[name].insert_many(documents)
        for _ in range(50):
            pipeline = a_pipeline(random)
            counts = bool({"$group", "$count", "$facet"} & pipeline[-1].keys())
            if counts and not list(theirs.own.aggregate(pipeline[:-1])):
                continue
            expected = list(theirs.own.aggregate(pipeline))
            found = ours["own"].aggregate(pipeline).to_list()

            assert in_any_order(found) == in_any_order(expected), pipeline
