"""The table of operators has a row for each one of MongoDB's, and its rows are true."""

from __future__ import annotations

import re
from typing import Any

import pytest

from docs import tables
from docs.tables import Row
from nosqlpy import Client, NotSupportedError

# https://www.mongodb.com/docs/manual/reference/operator/ : MongoDB 8's
# fmt: off
FILTERS = [
    "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$and", "$or", "$nor", "$not", "$exists", "$type",
    "$expr", "$jsonSchema", "$mod", "$rand", "$regex", "$sampleRate", "$text", "$where", "$all", "$elemMatch",
    "$size", "$bitsAllSet", "$bitsAnySet", "$bitsAllClear", "$bitsAnyClear", "$comment", "$geoIntersects",
    "$geoWithin", "$near", "$nearSphere",
]
PROJECTIONS = ["$ (positional)", "$elemMatch", "$slice", "$meta"]
UPDATES = [
    "$set", "$unset", "$inc", "$mul", "$min", "$max", "$rename", "$setOnInsert", "$currentDate", "$bit", "$push",
    "$each", "$position", "$slice", "$sort", "$addToSet", "$pull", "$pullAll", "$pop", "$[]", "$[<id>]",
]
# fmt: on


def rows(section: str) -> list[Row]:
    return tables.rows("operators.md", section)


EXECUTED = [(section, row) for section in ("Filters", "Projections", "Updates") for row in rows(section) if row.example]


@pytest.fixture(scope="module")
def namespace() -> dict[str, Any]:
    return tables.names_of("operators.md")


@pytest.mark.parametrize(
    ("section", "operators"),
    [("Filters", FILTERS), ("Projections", PROJECTIONS), ("Updates", ["$ (positional)", *UPDATES])],
)
def test_every_operator_of_mongodb_has_one_row(section: str, operators: list[str]) -> None:
    assert sorted(row.operator for row in rows(section)) == sorted(operators)


@pytest.mark.parametrize(("section", "row"), EXECUTED, ids=lambda value: getattr(value, "operator", value))
def test_a_row_gives_the_answer_that_it_shows(section: str, row: Row, namespace: dict[str, Any]) -> None:
    assert row.status == "same"
    assert row.operator.removesuffix(" (positional)").replace("<id>", "x") in row.example
    assert eval(row.example, namespace) == eval(row.answer)


@pytest.mark.parametrize("section", ["Filters", "Projections", "Updates"])
def test_a_row_without_an_example_is_of_an_operator_that_is_refused(section: str) -> None:
    bare = [row for row in rows(section) if not row.example]

    assert {row.status for row in bare} <= {"refused"}
    assert all(row.differences for row in bare)


@pytest.mark.parametrize("operator", [row.operator for row in rows("Filters") if row.status == "refused"])
def test_a_refused_query_operator_is_refused_by_name(operator: str) -> None:
    top = operator == "$where"

    with Client(":memory:") as db, pytest.raises(NotSupportedError, match=re.escape(operator)):
        db.items.find_one({operator: {}} if top else {"a": {operator: {}}})


def test_a_refused_projection_is_refused_by_name() -> None:
    with Client(":memory:") as db, pytest.raises(NotSupportedError, match=r"\$meta"):
        db.items.find_one({}, {"score": {"$meta": "randVal"}})
