"""Filters of known shapes: names alone tell what the whole filter says, and nothing else passes for it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given

from core.query.filters import FILTERS
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.query.outline import names_in, outline
from nosqlpy._core.query.tree import NO_VARIABLES
from nosqlpy.errors import QueryError


def shape_and_operands(filter: Any) -> tuple[Any, list[Any]]:
    operands: list[Any] = []
    return outline(filter, operands, 1, NO_VARIABLES, None), operands


@given(FILTERS, FILTERS)
def test_filters_with_the_same_names_have_the_same_shape(one: Any, other: Any) -> None:
    listed: list[tuple[list[Any], list[Any]]] = [([], []), ([], [])]
    told = [names_in(filter, *lists) for filter, lists in zip((one, other), listed, strict=True)]

    if all(told) and listed[0][0] == listed[1][0]:
        assert shape_and_operands(one)[0] == shape_and_operands(other)[0]


@given(FILTERS)
def test_a_filter_that_comes_again_has_the_shape_and_the_operands_of_the_first_time(filter: Any) -> None:
    first, again = compile_filter(filter), compile_filter(filter)

    assert again.shape == first.shape
    assert again._operands == first._operands or repr(again._operands) == repr(first._operands)


@pytest.mark.parametrize(
    ("known", "other"),
    [
        ({"a": 1, "b": 2}, {"a": 1, 2: 2}),
        ({"$or": [{"a": 1}, {"b": 2}]}, {"$or": {"$gt": 1}}),
        ({"$or": [{"$or": [{"a": 1}]}, {"b": 2}]}, {"$or": [{"$or": 5, 1: 6, "a": 7, -1: 8}, {"b": 9}]}),
        ({"$or": [{"a": 1}]}, {"$or": []}),
        ({"a": {"$gt": 1}}, {"a": 1, ("$gt",): 1}),
        ({"$and": [{"a": 1}]}, {"$and": 1, 1: 1, "a": 1, -1: 1}),
    ],
)
def test_a_malformed_filter_is_refused_although_one_with_such_names_is_known(known: Any, other: Any) -> None:
    compile_filter(known)

    with pytest.raises(QueryError):
        compile_filter(other)


def test_a_comment_is_no_condition_the_second_time_either() -> None:
    for _ in range(2):
        assert compile_filter({"$comment": "why", "a": 1}).matches({"a": 1})
        assert compile_filter({"$or": [{"$comment": "why", "a": 1}]}).matches({"a": 1})


def test_an_expression_is_compiled_each_time() -> None:
    for limit in (1, 3):
        predicate = compile_filter({"$expr": {"$gt": ["$a", limit]}})

        assert predicate.matches({"a": 2}) is (limit < 2)


def test_a_mapping_that_is_no_dict_is_read_as_one() -> None:
    for _ in range(2):
        assert compile_filter(OrderedDict(a=OrderedDict({"$gt": 1}))).matches({"a": 2})
        assert not compile_filter({"a": OrderedDict({"$gt": 1})}).matches({"a": 1})


def test_changing_a_filter_changes_nothing_that_was_compiled_of_it() -> None:
    branch: dict[str, Any] = {"a": {"$gt": 1}}
    filter = {"$or": [branch, {"b": 1}]}
    compile_filter(filter)
    predicate = compile_filter(filter)
    branch["a"]["$gt"] = 5

    assert predicate.matches({"a": 2})


def test_a_filter_may_hold_itself_no_deeper_than_any_other() -> None:
    filter: dict[str, Any] = {"a": 1}
    filter["$or"] = [filter]

    with pytest.raises(QueryError, match="levels deep"):
        compile_filter(filter)
