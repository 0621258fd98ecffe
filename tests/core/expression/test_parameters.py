"""The variables that ``let`` defines for one call."""

from __future__ import annotations

from typing import Any

import pytest

from nosqlpy._core.expression.parameters import bind_parameters
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.values.types import MISSING
from nosqlpy.errors import OperationFailure, QueryError


def test_a_value_is_a_literal_or_an_expression_of_literals() -> None:
    let = {"a": 2, "b": {"$add": [1, 2]}, "c": {"$literal": "$x"}, "d": [1, {"$abs": -1}], "e": {"x": None}}

    assert bind_parameters(let, {}) == {"a": 2, "b": 3, "c": "$x", "d": [1, 1], "e": {"x": None}}


def test_a_value_may_use_the_variables_before_it_and_those_provided() -> None:
    let = {"a": {"$add": ["$$NOW", 1]}, "b": {"$multiply": ["$$a", 2]}}

    assert bind_parameters(let, {"NOW": 4}) == {"NOW": 4, "a": 5, "b": 10}


def test_a_value_cannot_use_a_variable_after_it() -> None:
    with pytest.raises(QueryError) as caught:
        bind_parameters({"b": "$$a", "a": 1}, {})

    assert caught.value.code == 17276


def test_a_value_that_is_removed_is_missing() -> None:
    assert bind_parameters({"a": "$$REMOVE"}, {}) == {"a": MISSING}


@pytest.mark.parametrize(
    ("let", "code"),
    [
        ([("a", 1)], 14),
        ({"A": 1}, 9),
        ({"NOW": 1}, 9),
        ({"_a": 1}, 9),
        ({"": 1}, 9),
        ({1: 1}, 9),
        ({"a.b": 1}, 9),
        ({"a-b": 1}, 9),
        ({"a": "$field"}, 4890500),
        ({"a": {"$add": [1, "$field"]}}, 4890500),
        ({"a": "$$ROOT"}, 4890500),
        ({"a": {"$adds": [1, 2]}}, 168),
    ],
)
def test_a_let_that_means_nothing_is_refused(let: Any, code: int) -> None:
    with pytest.raises(QueryError) as caught:
        bind_parameters(let, {})

    assert caught.value.code == code


def test_a_value_that_cannot_be_computed_fails_before_any_document_is_read() -> None:
    with pytest.raises(OperationFailure):
        bind_parameters({"a": {"$divide": [1, 0]}}, {})


def test_one_cached_shape_of_a_filter_serves_all_values_of_its_variables() -> None:
    filter = {"n": {"$gt": 0}, "$expr": {"$eq": ["$n", "$$wanted"]}}
    documents = [{"n": 1}, {"n": 2}]
    found = [
        [document for document in documents if compile_filter(filter, {"wanted": wanted}).matches(document)]
        for wanted in (1, 2, 3)
    ]

    assert found == [[{"n": 1}], [{"n": 2}], []]


def test_an_undefined_variable_is_refused_and_the_nearest_one_named() -> None:
    with pytest.raises(QueryError, match="'wanted'") as caught:
        compile_filter({"$expr": {"$eq": ["$n", "$$wnted"]}}, {"wanted": 1})

    assert caught.value.code == 17276
