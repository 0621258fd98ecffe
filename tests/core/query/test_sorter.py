"""The sorter: what a sort may take, and that a limit lets it take little."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import bson
import pytest

from nosqlpy._core.query.buckets import finished
from nosqlpy._core.query.sort import compile_sort
from nosqlpy._core.query.sorter import REFERENCES_SIZE, SURPLUS, Sorter
from nosqlpy._core.values.codec import encode_document
from nosqlpy.errors import OperationFailure

ENOUGH = 1 << 30


def filled(spec: Any, values: list[Any], limit: int = 0, memory: int = ENOUGH, batch: int = 512) -> Sorter[int]:
    """Return a sorter of documents whose field `a` has these values; the result is their positions."""
    sorter: Sorter[int] = Sorter(compile_sort(spec), limit, memory)
    for start in range(0, len(values), batch):
        part = values[start : start + batch]
        blobs = [encode_document({"_id": 1, "a": value, "b": -index}) for index, value in enumerate(part, start)]
        finished(sorter.add(blobs, range(start, start + len(part))))
    return sorter


def refusal(*arguments: Any, **options: Any) -> OperationFailure:
    with pytest.raises(OperationFailure) as caught:
        filled(*arguments, **options)
    return caught.value


def test_documents_come_in_order_equal_ones_in_their_own() -> None:
    assert finished(filled("a", [3, 1, 2, 1]).sorted()) == [1, 3, 2, 0]
    assert finished(filled("-a", [3, 1, 3, 1]).sorted()) == [0, 2, 1, 3]


@pytest.mark.parametrize("spec", ["a", "-a", ["a", "b"], ["-a", "-b"]])
@pytest.mark.parametrize("limit", [1, 10, 3000, SURPLUS + 5, 60_000])
def test_a_limit_gives_the_first_ones_of_all(spec: Any, limit: int) -> None:
    draw = random.Random(3)
    values = [draw.randrange(2000) for _ in range(30_000)]

    assert finished(filled(spec, values, limit).sorted()) == finished(filled(spec, values).sorted())[:limit]


NUMBERS = [3, 2, 1, 0, -0.0, 2.5, -1]
MIXTURES: dict[str, list[Any]] = {
    "all types": [None, 1, 2.5, "x", True, [3, 1], {}, float("nan")],
    "numbers": NUMBERS,
    "numbers and NaN": [*NUMBERS, float("nan"), float("inf"), -float("inf")],
    "numbers of all types": [*NUMBERS, bson.Int64(2), bson.Decimal128("2.4"), bson.Decimal128("NaN")],
    "numbers and arrays": [*NUMBERS, [9, -9], [], [[1]], [None]],
    "numbers and the extremes": [*NUMBERS, bson.MinKey(), bson.MaxKey(), False],
    "strings": ["", "a", "b", "é", "z", "\U0001f600"],
    "strings and others": ["", "a", "b", None, 1, ["z", "-"], bson.Code("a")],
    "dates": [datetime(2020 + year, 1, 1, tzinfo=UTC) for year in range(7)],
    "dates and others": [*(datetime(2020 + year, 1, 1, tzinfo=UTC) for year in range(7)), bson.Timestamp(1, 1), None],
}


@pytest.mark.parametrize("spec", ["a", "-a", ["a", "b"], ["-a", "b"], ["a", "-b"]], ids=str)
@pytest.mark.parametrize("limit", [1, 40, 700])
@pytest.mark.parametrize("mixture", MIXTURES)
def test_a_limit_gives_the_first_ones_of_values_of_all_types(mixture: str, limit: int, spec: Any) -> None:
    draw = random.Random(3)
    values = [draw.choice(MIXTURES[mixture]) for _ in range(3000)]

    assert finished(filled(spec, values, limit).sorted()) == finished(filled(spec, values).sorted())[:limit]


@pytest.mark.parametrize("odd", [None, "x", [7], float("nan"), bson.Decimal128("7")], ids=repr)
@pytest.mark.parametrize("spec", ["a", "-a", ["a", "b"], ["-a", "b"]], ids=str)
def test_a_limit_heeds_a_value_of_another_kind_that_comes_late(spec: Any, odd: Any) -> None:
    values = [*range(1000), *range(1000), odd, *range(500)]

    assert finished(filled(spec, values, 5).sorted()) == finished(filled(spec, values).sorted())[:5]


def test_a_sort_that_takes_more_than_it_may_is_refused_and_says_what_to_do() -> None:
    error = refusal("a", ["x" * 100] * 1000, memory=100_000)

    assert (error.code, error.code_name) == (292, "QueryExceededMemoryLimitNoDiskUseAllowed")
    assert "100000" in str(error)
    assert all(way in str(error) for way in ("filter", "limit", "sort_memory"))


def test_a_sort_with_a_limit_takes_what_its_first_documents_take() -> None:
    values = ["x" * 100] * 50_000
    memory = 2 * SURPLUS * (200 + REFERENCES_SIZE)

    assert len(finished(filled("a", values, 10, memory).sorted())) == 10
    assert refusal("a", values, 0, memory).code == 292


def test_a_sort_with_a_limit_lets_go_of_documents_rather_than_being_refused() -> None:
    assert finished(filled("a", list(range(5000)), 3, memory=60_000).sorted()) == [0, 1, 2]


def test_a_sort_with_a_limit_that_is_itself_too_large_is_refused() -> None:
    assert refusal("a", list(range(5000)), 4000, memory=60_000).code == 292


@pytest.mark.parametrize(
    ("spec", "value", "least"),
    [
        ("a", 7, 20),
        ("a", "x" * 1000, 1000),
        ("a", ["x" * 500, "y" * 500], 1000),
        (["a", "b"], "x" * 1000, 1040),
    ],
)
def test_the_keys_count_as_what_python_takes_for_them(spec: Any, value: Any, least: int) -> None:
    each = REFERENCES_SIZE + least

    assert refusal(spec, [value] * 512, memory=512 * each).code == 292
    assert len(finished(filled(spec, [value] * 512, memory=512 * (each + 250)).sorted())) == 512


def test_documents_themselves_do_not_count() -> None:
    sorter: Sorter[int] = Sorter(compile_sort("a"), 0, 10_000)
    finished(sorter.add([encode_document({"_id": 1, "a": 1, "rest": "x" * 1_000_000})], [0]))

    assert finished(sorter.sorted()) == [0]
