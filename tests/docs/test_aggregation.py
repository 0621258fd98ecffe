"""The page about aggregations has a row for every stage and accumulator of MongoDB's, and its rows are true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from docs.tables import Row, names_of, rows
from nosqlpy import Client, NotSupportedError
from nosqlpy._core.aggregate.accumulator import accumulator_names
from nosqlpy._core.aggregate.pipeline import ACCUMULATOR_MODULES
from nosqlpy._core.aggregate.registry import stage_names
from nosqlpy._core.aggregate.windowfunction import function_names

PAGE = "aggregation.md"
OPERATORS = (Path(__file__).parents[1] / "facades" / "operators.txt").read_text(encoding="utf-8")
STAGES = OPERATORS.split("stage:\n")[1].split()
# https://www.mongodb.com/docs/manual/reference/mql/accumulators/ : MongoDB 8's, with those of windows
# fmt: off
ACCUMULATORS = [
    "$accumulator", "$addToSet", "$avg", "$bottom", "$bottomN", "$concatArrays", "$count", "$covariancePop",
    "$covarianceSamp", "$denseRank", "$derivative", "$documentNumber", "$expMovingAvg", "$first", "$firstN",
    "$integral", "$last", "$lastN", "$linearFill", "$locf", "$max", "$maxN", "$median", "$mergeObjects", "$min",
    "$minMaxScaler", "$minN", "$percentile", "$push", "$rank", "$setUnion", "$shift", "$stdDevPop", "$stdDevSamp",
    "$sum", "$top", "$topN",
]
# those of them that work on windows only
FUNCTIONS = [
    "$covariancePop", "$covarianceSamp", "$denseRank", "$derivative", "$documentNumber", "$expMovingAvg", "$integral",
    "$linearFill", "$locf", "$minMaxScaler", "$rank", "$shift",
]
# fmt: on
ROWS = {section: rows(PAGE, section) for section in ("Stages", "Accumulators", "Windows")}
EXECUTED = [row for section in ROWS.values() for row in section if row.example]


@pytest.fixture(scope="module")
def namespace() -> dict[str, Any]:
    return names_of(PAGE)


@pytest.mark.parametrize(
    ("section", "operators"),
    [("Stages", STAGES), ("Accumulators", ACCUMULATORS), ("Windows", FUNCTIONS)],
)
def test_every_operator_of_mongodb_has_one_row(section: str, operators: list[str]) -> None:
    assert sorted(row.operator for row in ROWS[section]) == sorted(operators)


def test_what_is_there_has_an_example() -> None:
    assert ACCUMULATOR_MODULES, "importing them registers the accumulators"
    assert {row.operator for row in ROWS["Stages"] if row.example} == stage_names()
    assert {row.operator for row in ROWS["Accumulators"] if row.example} == accumulator_names()
    windows = {row.operator for row in ROWS["Windows"] if row.example}
    assert windows == function_names() - accumulator_names()


@pytest.mark.parametrize("row", EXECUTED, ids=lambda row: row.operator)
def test_a_row_gives_the_answer_that_it_shows(row: Row, namespace: dict[str, Any]) -> None:
    assert row.operator in row.example
    assert row.status == "same" or (row.status == "differs" and row.differences)
    assert eval(row.example, namespace) == eval(row.answer)


@pytest.mark.parametrize("row", [row for row in ROWS["Stages"] if not row.example], ids=lambda row: row.operator)
def test_a_refused_stage_is_refused_by_name(row: Row) -> None:
    with Client(":memory:") as db, pytest.raises(NotSupportedError, match=re.escape(row.operator)):
        db.items.aggregate([{row.operator: {}}])

    assert row.status == "refused"
    assert row.differences


def test_no_window_function_is_refused() -> None:
    assert all(row.example for row in ROWS["Windows"])


@pytest.mark.parametrize("row", [row for row in ROWS["Accumulators"] if not row.example], ids=lambda row: row.operator)
def test_a_refused_accumulator_is_refused_by_name(row: Row) -> None:
    with Client(":memory:") as db, pytest.raises(NotSupportedError, match=re.escape(row.operator)):
        db.items.aggregate([{"$group": {"_id": None, "n": {row.operator: {}}}}])

    assert row.status == "refused"
    assert row.differences
