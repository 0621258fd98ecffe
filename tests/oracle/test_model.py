"""Random filters and sorts, answered by the engine and by the corpus's model of the rules: they share no code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cmp_to_key
from typing import Any

import pytest

from corpus.model import compare, matches
from nosqlpy import Client, QueryError
from oracle.generating import Generator

BATCH = 100
BATCHES = range(int(os.environ.get("NOSQLPY_ORACLE_CASES", "2000")) // BATCH)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A database in memory."""
    with Client(":memory:") as client:
        yield client


class Undefined:
    """What an empty array sorts as: less than null."""


def sort_values(value: Any, parts: list[str]) -> list[Any]:
    """Return the values at the end of a path of names; no positions."""
    if isinstance(value, list):
        if not parts:
            return value or [Undefined]
        return [found for item in value for found in sort_values(None if isinstance(item, list) else item, parts)] or [
            None
        ]
    if not parts:
        return [value]
    return sort_values(value.get(parts[0]), parts[1:]) if isinstance(value, dict) else [None]


def sort_order(left: Any, right: Any) -> int:
    """Compare the values of a key; the order of values is that of the model."""
    if Undefined in (left, right):
        return (left is not Undefined) - (right is not Undefined)
    return compare(left, right)


def sorted_ids(documents: list[dict[str, Any]], keys: list[tuple[str, int]]) -> list[int]:
    """Return the ids in order: an array counts by its smallest element, or by its largest if the key descends."""
    for path, direction in reversed(keys):
        order = cmp_to_key(sort_order)
        pick = min if direction > 0 else max
        documents = sorted(
            documents,
            key=lambda document, path=path, pick=pick, order=order: order(
                pick(sort_values(document, path.split(".")), key=order)
            ),
            reverse=direction < 0,
        )
    return [document["_id"] for document in documents]


@pytest.mark.parametrize("batch", BATCHES)
def test_a_filter_finds_what_the_model_finds(batch: int, client: Client) -> None:
    wrong = []
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        generator = Generator(seed)
        documents = generator.documents()
        collection = client[f"filters{seed}"]
        collection.insert_many(documents)
        for filter in (generator.filter(), generator.filter()):
            found = [document["_id"] for document in collection.find(filter)]
            expected = [document["_id"] for document in documents if matches(document, filter)]
            if found != expected:
                wrong.append((seed, filter, documents, found, expected))
        collection.drop()

    assert wrong == []


@pytest.mark.parametrize("batch", BATCHES)
def test_a_sort_gives_the_models_order(batch: int, client: Client) -> None:
    wrong = []
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        generator = Generator(seed)
        documents = generator.documents()
        # Two paths into one array are sorted by pairs of its elements, which the model does not know; nor positions.
        keys = list({path[0]: (path, way) for path, way in generator.sort() if "0" not in path}.values())
        collection = client[f"sorts{seed}"]
        collection.insert_many(documents)
        expected = sorted_ids(documents, keys)
        try:
            found = [document["_id"] for document in collection.find({}, sort=keys)]
        except QueryError as error:
            if error.code != 2 or len(keys) < 3:  # parallel arrays need two keys beside the _id
                wrong.append((seed, keys, documents, str(error), expected))
            continue
        finally:
            collection.drop()
        if found != expected:
            wrong.append((seed, keys, documents, found, expected))

    assert wrong == []
