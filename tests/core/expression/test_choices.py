"""Comparison, truth and choice.

Cases are those of the manual's pages (reference/operator/aggregation/cmp, eq, gt …,
and, or, not, cond, ifNull, switch, literal, reference/bson-type-comparison-order)
and of the server's tests (comparison_missing_and_key_values.js, cond.js,
switch.js, ifnull.js, all_elements_true.js, any_element_true.js).
"""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from bson import Int64, MaxKey, MinKey, ObjectId, Timestamp
from hypothesis import given
from hypothesis import strategies as st

from core.expression.evaluating import NAN, NOTHING, code_of, date, evaluate, typed

DOCUMENT = {"qty": 250, "a": 1, "b": 2, "n": None, "s": "text", "l": [1, 2], "d": {"x": 1}}

CASES = [
    ({"$cmp": ["$qty", 250]}, 0),
    ({"$cmp": ["$qty", 300]}, -1),
    ({"$cmp": ["$qty", 200]}, 1),
    ({"$eq": ["$qty", 250]}, True),
    ({"$eq": ["$qty", 250.0]}, True),
    ({"$eq": ["$qty", Decimal(250)]}, True),
    ({"$eq": ["$qty", Int64(250)]}, True),
    ({"$ne": ["$qty", 250]}, False),
    ({"$gt": ["$qty", 250]}, False),
    ({"$gt": ["$b", "$a"]}, True),
    ({"$gte": ["$qty", 250]}, True),
    ({"$lt": ["$qty", 250]}, False),
    ({"$lt": ["$a", "$b"]}, True),
    ({"$lte": ["$qty", 250]}, True),
    ({"$lt": ["$missing", None]}, True),
    ({"$lte": ["$missing", None]}, True),
    ({"$eq": ["$missing", None]}, False),
    ({"$eq": ["$missing", "$absent"]}, True),
    ({"$gt": [None, "$missing"]}, True),
    ({"$gt": ["$missing", MinKey()]}, True),
    ({"$eq": ["$n", None]}, True),
    ({"$gt": ["$s", "$qty"]}, True),
    ({"$gt": ["a", "B"]}, True),
    ({"$eq": [True, 1]}, False),
    ({"$gt": [True, 1]}, True),
    ({"$lt": [NAN, -1e300]}, True),
    ({"$eq": [NAN, NAN]}, True),
    ({"$gt": [NAN, NAN]}, False),
    ({"$gte": [NAN, NAN]}, True),
    ({"$eq": [NAN, 1]}, False),
    ({"$gt": ["$l", "$d"]}, True),
    ({"$eq": ["$l", [1, 2]]}, True),
    ({"$eq": ["$d", {"x": 1.0}]}, True),
    ({"$eq": [{"x": 1, "y": 2}, {"y": 2, "x": 1}]}, False),
    ({"$lt": [[1, 2], [1, 3]]}, True),
    ({"$lt": [[1], [1, 0]]}, True),
    ({"$lt": [{"a": 1}, {"b": 0}]}, True),
    ({"$lt": [date("2020-01-01T00:00:00Z"), date("2020-01-02T00:00:00Z")]}, True),
    ({"$gt": [date("2020-01-01T00:00:00Z"), True]}, True),
    ({"$lt": [date("2020-01-01T00:00:00Z"), Timestamp(1, 1)]}, True),
    ({"$gt": [ObjectId(), "text"]}, True),
    ({"$lt": [ObjectId(), False]}, True),
    ({"$gt": [{"$literal": re.compile("a")}, date("2020-01-01T00:00:00Z")]}, True),
    ({"$gt": [MaxKey(), {"$literal": re.compile("a")}]}, True),
    # truth
    ({"$and": []}, True),
    ({"$and": [1, "green"]}, True),
    ({"$and": True}, True),
    ({"$and": [[None], [False], [0]]}, True),
    ({"$and": [None, True]}, False),
    ({"$and": [0, True]}, False),
    ({"$and": ["$missing", True]}, False),
    ({"$and": [""]}, True),
    ({"$and": [[]]}, True),
    ({"$and": [{}]}, True),
    ({"$and": [NAN]}, True),
    ({"$and": [0.0]}, False),
    ({"$and": [Decimal(0)]}, False),
    ({"$and": [{"$gt": ["$qty", 100]}, {"$lt": ["$qty", 250]}]}, False),
    ({"$and": [False, {"$divide": [1, 0]}]}, False),
    ({"$or": []}, False),
    ({"$or": [True, False]}, True),
    ({"$or": [[False], False]}, True),
    ({"$or": [None, 0, "$missing"]}, False),
    ({"$or": [{"$gt": ["$qty", 250]}, {"$lt": ["$qty", 300]}]}, True),
    ({"$or": [1, {"$divide": [1, 0]}]}, True),
    ({"$not": [True]}, False),
    ({"$not": True}, False),
    ({"$not": [[False]]}, False),
    ({"$not": [0]}, True),
    ({"$not": [None]}, True),
    ({"$not": "$missing"}, True),
    ({"$not": [{"$gt": ["$qty", 250]}]}, True),
    ({"$allElementsTrue": [[True, 1, "text"]]}, True),
    ({"$allElementsTrue": [[[False]]]}, True),
    ({"$allElementsTrue": [[]]}, True),
    ({"$allElementsTrue": [[None, False, 0]]}, False),
    ({"$anyElementTrue": [[True, False]]}, True),
    ({"$anyElementTrue": [[[False]]]}, True),
    ({"$anyElementTrue": [[None, False, 0]]}, False),
    ({"$anyElementTrue": [[]]}, False),
    # choice
    ({"$cond": [{"$gte": ["$qty", 250]}, 30, 20]}, 30),
    ({"$cond": {"if": {"$gte": ["$qty", 251]}, "then": 30, "else": 20}}, 20),
    ({"$cond": {"else": "no", "then": "yes", "if": "$a"}}, "yes"),
    ({"$cond": [False, {"$divide": [1, 0]}, "fine"]}, "fine"),
    ({"$cond": ["$a", "fine", {"$divide": ["$a", 0]}]}, "fine"),
    ({"$cond": ["$missing", 1, "$missing"]}, NOTHING),
    ({"$cond": [True, "$s", 1]}, "text"),
    ({"$ifNull": ["$n", "Unspecified"]}, "Unspecified"),
    ({"$ifNull": ["$missing", "Unspecified"]}, "Unspecified"),
    ({"$ifNull": ["$qty", "Unspecified"]}, 250),
    ({"$ifNull": ["$n", "$missing", "last"]}, "last"),
    ({"$ifNull": ["$n", "$missing"]}, NOTHING),
    ({"$ifNull": ["$missing", None]}, None),
    ({"$ifNull": [0, 1]}, 0),
    ({"$ifNull": ["$qty", {"$divide": ["$a", 0]}]}, 250),
    (
        {"$switch": {"branches": [{"case": {"$eq": [0, 5]}, "then": "equals"}, {"case": True, "then": "second"}]}},
        "second",
    ),
    ({"$switch": {"branches": [{"case": "$n", "then": 1}], "default": "Did not match"}}, "Did not match"),
    ({"$switch": {"branches": [{"case": "$a", "then": "$b"}, {"case": True, "then": {"$divide": ["$a", 0]}}]}}, 2),
    ({"$switch": {"branches": [{"case": "$n", "then": 1}], "default": "$missing"}}, NOTHING),
    ({"$literal": "$a"}, "$a"),
    ({"$literal": {"$add": [1, 2]}}, {"$add": [1, 2]}),
    ({"$const": "$$x"}, "$$x"),
    ({"$literal": (1, (2,))}, [1, [2]]),
    ({"$eq": ["$s", {"$literal": "text"}]}, True),
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=str)
def test_values_are_compared_and_chosen_as_the_server_does(expression, expected):
    assert typed(evaluate(expression, DOCUMENT)) == typed(expected)


ERRORS = [
    ({"$eq": [1]}, 16020),
    ({"$gt": [1, 2, 3]}, 16020),
    ({"$cmp": 1}, 16020),
    ({"$not": [1, 2]}, 16020),
    ({"$not": []}, 16020),
    ({"$allElementsTrue": [1]}, 17040),
    ({"$allElementsTrue": [None]}, 17040),
    ({"$allElementsTrue": []}, 16020),
    ({"$anyElementTrue": ["$missing"]}, 17041),
    ({"$cond": [1, 2]}, 16020),
    ({"$cond": 1}, 16020),
    ({"$cond": {"if": 1, "then": 2}}, 17082),
    ({"$cond": {"if": 1, "else": 2}}, 17081),
    ({"$cond": {"then": 1, "else": 2}}, 17080),
    ({"$cond": {"if": 1, "then": 2, "else": 3, "zoot": 4}}, 17083),
    ({"$cond": [True, {"$divide": [1, 0]}, 1]}, 2),
    ({"$ifNull": [1]}, 1257300),
    ({"$ifNull": []}, 1257300),
    ({"$switch": "text"}, 40060),
    ({"$switch": {"branches": "text"}}, 40061),
    ({"$switch": {"branches": ["text"]}}, 40062),
    ({"$switch": {"branches": [{"case": 1, "then": 2, "else": 3}]}}, 40063),
    ({"$switch": {"branches": [{"then": 2}]}}, 40064),
    ({"$switch": {"branches": [{"case": 2}]}}, 40065),
    ({"$switch": {"branches": [{"case": None, "then": 1}]}}, 40066),
    ({"$switch": {"branches": [{"case": 1, "then": 1}], "other": 1}}, 40067),
    ({"$switch": {"branches": []}}, 40068),
    ({"$switch": {"default": 1}}, 40068),
]


@pytest.mark.parametrize(("expression", "code"), ERRORS, ids=str)
def test_a_choice_that_means_nothing_fails_with_mongodbs_code(expression, code):
    assert code_of(expression) == code


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=3) | st.just(Decimal(1)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=4,
)
OPERATORS = {"$lt": -1, "$eq": 0, "$gt": 1}


@given(values, values)
def test_one_of_less_equal_and_greater_holds_and_cmp_says_which(left, right):
    document = {"left": left, "right": right}
    holding = [sign for name, sign in OPERATORS.items() if evaluate({name: ["$left", "$right"]}, document)]

    assert holding == [evaluate({"$cmp": ["$left", "$right"]}, document)]
    assert evaluate({"$gte": ["$left", "$right"]}, document) is (holding[0] >= 0)
    assert evaluate({"$lte": ["$left", "$right"]}, document) is (holding[0] <= 0)
    assert evaluate({"$ne": ["$left", "$right"]}, document) is (holding[0] != 0)


@given(values)
def test_a_missing_value_is_below_every_value(value):
    assert evaluate({"$lt": ["$missing", "$value"]}, {"value": value})
