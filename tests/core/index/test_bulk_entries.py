"""Documents that enter an index many at a time: the index is the same as if they came one by one."""

from __future__ import annotations

from typing import Any

import pytest

from nosqlpy._core.index.manager import IndexManager
from nosqlpy._core.index.options import define_index
from nosqlpy._core.values.codec import encode_document

MISSING: dict[str, Any] = {}
VALUES: dict[str, list[Any]] = {
    "distinct ints": list(range(6)),
    "distinct strings": list("abcdef"),
    "ints and strings": [1, "1", 2, "2", 3, "3"],
    "one twice": [1, 2, 3, 2, 4, 5],
    "a float that equals an int": [1, 2, 3.0, 3, 4, 5],
    "a bool that equals an int": [0, 1, True, 2, 3, 4],
    "an array": [1, 2, [3, 4], 3, 5, 6],
    "null": [1, 2, None, 3, 4, 5],
    "no field": [1, 2, MISSING, 3, 4, 5],
}
KINDS: list[dict[str, Any]] = [{}, {"unique": True}, {"sparse": True}, {"partialFilterExpression": {"a": {"$gt": 2}}}]


def managed(options: dict[str, Any], path: str = "a") -> IndexManager:
    manager = IndexManager()
    manager.build(define_index(path, "i", options), [], [])
    return manager


def entries(manager: IndexManager) -> dict[Any, list[Any]]:
    index = manager.by_name["i"]
    return {value: list(index.holders(value)) for value in index.all_values()}


def state(manager: IndexManager) -> Any:
    index = manager.by_name["i"]
    return entries(manager), index.multikey, index.kinds, index.is_shared


@pytest.mark.parametrize("options", KINDS, ids=str)
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_many_at_once_make_the_index_that_one_by_one_makes(values: list[Any], options: dict[str, Any]) -> None:
    documents = [{"_id": key} if value is MISSING else {"_id": key, "a": value} for key, value in enumerate(values)]
    blobs = [encode_document(document) for document in documents]
    together, apart = managed(options), managed(options)

    together.insert(range(len(blobs)), blobs)
    for key, blob in enumerate(blobs):
        apart.insert((key,), (blob,))

    assert state(together) == state(apart)


def test_values_that_are_there_already_are_shared() -> None:
    manager = managed({})
    first = [encode_document({"_id": key, "a": key}) for key in range(5)]
    second = [encode_document({"_id": key + 5, "a": key + 3}) for key in range(5)]
    manager.insert(range(5), first)
    manager.insert(range(5, 10), second)

    assert entries(manager) == {0: [0], 1: [1], 2: [2], 3: [3, 5], 4: [4, 6], 5: [7], 6: [8], 7: [9]}


def test_an_order_that_is_at_hand_gets_them() -> None:
    manager = managed({})
    index = manager.by_name["i"]
    manager.insert(range(3), [encode_document({"_id": key, "a": key * 10}) for key in range(3)])
    assert index.order() is index.order()

    manager.insert(range(3, 6), [encode_document({"_id": key, "a": key}) for key in range(3, 6)])

    assert [value for span in index.order().everything() for value in span.all()] == [0, 3, 4, 5, 10, 20]
