"""Sums of groups: ints are added up as they come, and give what the values of each group give by themselves."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.aggregate.answering import answer
from nosqlpy._core.expression.accumulated import total

# longer than a batch, so that ints come before and after other numbers
COUNT = 1300
KINDS: dict[str, Any] = {
    "ints": lambda number: number % 11,
    "sums past 64 bits": lambda number: 2**62 + number,
    "ints before doubles": lambda number: number if number < 600 else number / 8,
    "doubles before ints": lambda number: number / 8 if number < 600 else 2**60,
    "one decimal": lambda number: Decimal("1.5") if number == 1200 else number,
    "no numbers between": lambda number: (number, "text", None, True)[number % 4],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("groups", [1, 7, 900])
def test_a_sum_of_a_group_is_that_of_its_values(kind: str, groups: int) -> None:
    value_of = KINDS[kind]
    documents = [{"key": number % groups, "value": value_of(number)} for number in range(COUNT)]
    found = answer([{"$group": {"_id": "$key", "sum": {"$sum": "$value"}}}], documents)

    assert [each["_id"] for each in found] == list(range(groups))
    for each in found:
        values = [document["value"] for document in documents if document["key"] == each["_id"]]
        expected = total(values)
        assert each["sum"] == expected
        assert type(each["sum"]) is type(expected)


def test_what_is_counted_and_what_is_summed_stand_side_by_side_in_the_order_of_the_fields() -> None:
    documents = [{"key": number % 3, "value": number} for number in range(10)]
    fields = {"n": {"$sum": 1}, "sum": {"$sum": "$value"}, "c": {"$count": {}}, "tens": {"$sum": 10}}
    found = answer([{"$group": {"_id": "$key", **fields}}], documents)

    assert [list(each) for each in found] == [["_id", "n", "sum", "c", "tens"]] * 3
    assert [list(each.values()) for each in found] == [[0, 4, 18, 4, 40], [1, 3, 12, 3, 30], [2, 3, 15, 3, 30]]


@pytest.mark.parametrize("beside", [{"$sum": True}, {"$sum": 0.5}, {"$avg": "$value"}, {"$push": 1}])
def test_a_sum_is_the_same_beside_what_is_not_a_sum_of_ints(beside: Any) -> None:
    documents = [{"key": number % 3, "value": number} for number in range(10)]
    found = answer(
        [{"$group": {"_id": "$key", "other": beside, "n": {"$sum": 1}, "sum": {"$sum": "$value"}}}], documents
    )

    assert [(each["n"], each["sum"]) for each in found] == [(4, 18), (3, 12), (3, 15)]
    assert [list(each) for each in found] == [["_id", "other", "n", "sum"]] * 3


def test_a_group_without_accumulators_has_its_keys_in_the_order_in_which_they_came() -> None:
    documents = [{"key": key} for key in ["b", "a", None, "b", [1], {"x": 1}, "a"]]

    assert answer([{"$group": {"_id": "$key"}}], documents) == [{"_id": key} for key in ["b", "a", None, [1], {"x": 1}]]
