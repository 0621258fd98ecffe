"""Every operator that MongoDB has works or is refused by name; one that it has not gets the nearest that it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nosqlpy import Client, NosqlpyError, NotSupportedError, QueryError

TEXT = (Path(__file__).parent / "operators.txt").read_text(encoding="utf-8")
QUERY, EXPRESSION, STAGE = (part.split()[1:] for part in TEXT.split("\n\n")[1:])
BESIDE_FIELDS = {"$and", "$or", "$nor", "$comment", "$expr", "$jsonSchema", "$sampleRate", "$text", "$where", "$rand"}
ASK: dict[str, Any] = {
    "filter": lambda c, name: c.count({name: 1} if name in BESIDE_FIELDS else {"a": {name: 1}}),
    "filter of an update": lambda c, name: c.update_one({"a": {name: 1}}, {"$set": {"b": 1}}),
    "$elemMatch": lambda c, name: c.count({"a": {"$elemMatch": {name: 1}}}),
    "$not": lambda c, name: c.count({"a": {"$not": {name: 1}}}),
    "array filter": lambda c, name: c.update_one({}, {"$set": {"a.$[x]": 1}}, array_filters=[{"x": {name: 1}}]),
    "$pull": lambda c, name: c.update_one({}, {"$pull": {"a": {name: 1}}}),
    "update": lambda c, name: c.update_one({}, {name: {"b": 1}}),
    "projection": lambda c, name: c.find_one({}, {"x": {name: 1}}),
    "nested projection": lambda c, name: c.find_one({}, {"x": {"y": {name: 1}}}),
    "expression": lambda c, name: c.find_one({}, {"x": {"$add": [1, {name: 1}]}}),
    "$expr": lambda c, name: c.count({"$expr": {"$and": [{name: 1}]}}),
    "stage": lambda c, name: c.update_one({}, [{name: {"b": 1}}]),
    "expression in a stage": lambda c, name: c.update_one({}, [{"$set": {"b": {name: 1}}}]),
}
# a name that nobody has, and what is nearest to it in that place
MISTYPED = {
    "filter": ("$gtt", "$gt"),
    "filter of an update": ("$gtt", "$gt"),
    "$elemMatch": ("$gtt", "$gt"),
    "$not": ("$gtt", "$gt"),
    "array filter": ("$gtt", "$gt"),
    "$pull": ("$gtt", "$gt"),
    "update": ("$sett", "$set"),
    "projection": ("$concatt", "$concat"),
    "nested projection": ("$concatt", "$concat"),
    "expression": ("$concatt", "$concat"),
    "$expr": ("$concatt", "$concat"),
    "stage": ("$unsett", "$unset"),
    "expression in a stage": ("$concatt", "$concat"),
}


def answer(place: str, name: str) -> NosqlpyError | None:
    """Return the error of asking for an operator in a place."""
    with Client(":memory:") as client:
        client["a"].insert({"_id": 1, "a": [1]})
        try:
            ASK[place](client["a"], name)
        except NosqlpyError as error:
            return error
    return None


@pytest.mark.parametrize("name", QUERY)
@pytest.mark.parametrize("place", ["filter", "filter of an update"])
def test_a_query_operator_works_or_is_refused_by_name(place: str, name: str) -> None:
    error = answer(place, name)

    assert error is None or name in str(error)
    assert not isinstance(error, NotSupportedError) or "'a'" in str(error) or "top level" in str(error)


@pytest.mark.parametrize("name", EXPRESSION)
@pytest.mark.parametrize("place", ["projection", "expression", "$expr", "expression in a stage"])
def test_an_expression_operator_works_or_is_refused_by_name(place: str, name: str) -> None:
    error = answer(place, name)
    text = str(error)

    assert "unknown" not in text.lower()
    assert not isinstance(error, NotSupportedError) or name in text


@pytest.mark.parametrize("name", STAGE)
def test_a_stage_works_in_an_update_or_is_refused_by_name(name: str) -> None:
    error = answer("stage", name)

    assert error is None or name in str(error)
    assert "unknown" not in str(error)


@pytest.mark.parametrize("place", ASK)
def test_a_mistyped_operator_gets_the_nearest_one(place: str) -> None:
    mistyped, meant = MISTYPED[place]
    error = answer(place, mistyped)

    assert isinstance(error, QueryError)
    assert f"{mistyped}" in str(error)
    assert f"did you mean {meant!r}" in str(error)


@pytest.mark.parametrize("name", ["$each", "$position", "$slice", "$sort"])
def test_a_modifier_of_push_that_stands_alone_is_told_where_it_belongs(name: str) -> None:
    error = answer("update", name)

    assert "under $push" in str(error)


def test_rand_in_a_filter_is_told_where_it_belongs() -> None:
    assert "it stands in an expression, under $expr" in str(answer("filter", "$rand"))
