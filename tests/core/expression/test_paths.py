"""Field paths, variables, documents and arrays as expressions, and what they read.

Manual: reference/aggregation-variables, reference/operator/aggregation/let, map,
filter, reduce; server tests: evaluate_field_path_test.cpp, expression_object.js,
exprs_in_arrays.js, let.js, map.js, filter.js, reduce.js.
"""

from __future__ import annotations

import re

import pytest
from bson import DBRef

from core.expression.evaluating import NOTHING, code_of, evaluate, typed
from nosqlpy._core.expression.compile import compile_expression
from nosqlpy.errors import NotSupportedError, OperationFailure, QueryError

DOCUMENT = {
    "_id": 1,
    "a": {"b": {"c": 5}, "l": [{"x": 1}, {"y": 2}, 7, {"x": [3, 4]}, [{"x": 9}]]},
    "l": [1, 2, 3],
    "n": None,
    "s": "text",
    "deep": [{"x": [{"y": 1}, {"y": 2}]}, {"x": {"y": 3}}, {"x": 4}],
    "ref": DBRef("c", 5),
    "0": "zero",
}

CASES = [
    ("$s", "text"),
    ("$a.b", {"c": 5}),
    ("$a.b.c", 5),
    ("$a.b.c.d", NOTHING),
    ("$missing", NOTHING),
    ("$missing.x", NOTHING),
    ("$n", None),
    ("$n.x", NOTHING),
    ("$s.x", NOTHING),
    ("$l", [1, 2, 3]),
    ("$l.0", []),
    ("$l.x", []),
    ("$a.l.x", [1, [3, 4]]),
    ("$deep.x.y", [[1, 2], 3]),
    ("$0", "zero"),
    ("$ref.$id", 5),
    ("$$ROOT.s", "text"),
    ("$$CURRENT.a.b.c", 5),
    ("$$REMOVE", NOTHING),
    ("$$REMOVE.x", NOTHING),
    ("text", "text"),
    ("", ""),
    (5, 5),
    (None, None),
    (True, True),
    ([], []),
    ([1, "$s", "$missing", [5, "$n"]], [1, "text", None, [5, None]]),
    ({}, {}),
    ({"x": "$s", "y": {"z": 1}, "gone": "$missing"}, {"x": "text", "y": {"z": 1}}),
    ({"x": [{"y": "$s"}]}, {"x": [{"y": "text"}]}),
    # $let
    ({"$let": {"vars": {"x": 3}, "in": {"$multiply": ["$$x", "$a.b.c"]}}}, 15),
    ({"$let": {"vars": {"x": "$a"}, "in": "$$x.b.c"}}, 5),
    ({"$let": {"vars": {"x": "$a.l"}, "in": "$$x.x"}}, [1, [3, 4]]),
    ({"$let": {"vars": {"x": "$missing"}, "in": "$$x"}}, NOTHING),
    ({"$let": {"vars": {}, "in": "$s"}}, "text"),
    ({"$let": {"in": "$$x", "vars": {"x": 1}}}, 1),
    ({"$let": {"vars": {"x": 1}, "in": {"$let": {"vars": {"x": 2, "y": "$$x"}, "in": ["$$x", "$$y"]}}}}, [2, 1]),
    ({"$let": {"vars": {"CURRENT": "$a"}, "in": "$b.c"}}, 5),
    ({"$let": {"vars": {"CURRENT": "$a"}, "in": "$$ROOT.s"}}, "text"),
    ({"$let": {"vars": {"CURRENT": "$a.b"}, "in": "$$CURRENT"}}, {"c": 5}),
    ({"$let": {"vars": {"été": 1}, "in": "$$été"}}, 1),
    # $map
    ({"$map": {"input": "$l", "as": "n", "in": {"$add": ["$$n", 2]}}}, [3, 4, 5]),
    ({"$map": {"input": "$l", "in": {"$add": ["$$this", "$a.b.c"]}}}, [6, 7, 8]),
    ({"$map": {"input": "$a.l", "in": "$$this.x"}}, [1, None, None, [3, 4], [9]]),
    ({"$map": {"input": "$missing", "in": 1}}, None),
    ({"$map": {"input": None, "in": 1}}, None),
    ({"$map": {"input": [], "in": "$$this"}}, []),
    (
        {"$map": {"input": [[1, 2], [3]], "as": "row", "in": {"$map": {"input": "$$row", "in": ["$$this", "$$row"]}}}},
        [[[1, [1, 2]], [2, [1, 2]]], [[3, [3]]]],
    ),
    # $filter
    ({"$filter": {"input": "$l", "as": "n", "cond": {"$gte": ["$$n", 2]}}}, [2, 3]),
    ({"$filter": {"input": "$l", "cond": {"$gte": ["$$this", 2]}, "limit": 1}}, [2]),
    ({"$filter": {"input": "$l", "cond": True, "limit": 99}}, [1, 2, 3]),
    ({"$filter": {"input": "$l", "cond": True, "limit": None}}, [1, 2, 3]),
    ({"$filter": {"input": "$l", "cond": True, "limit": "$missing"}}, [1, 2, 3]),
    ({"$filter": {"input": "$l", "cond": True, "limit": 2.0}}, [1, 2]),
    ({"$filter": {"input": [0, None, "", "$missing", 5], "cond": "$$this"}}, ["", 5]),
    ({"$filter": {"input": "$n", "cond": True}}, None),
    ({"$filter": {"input": [], "cond": True, "limit": -1}}, []),
    # $reduce
    ({"$reduce": {"input": ["a", "b", "c"], "initialValue": "", "in": {"$concat": ["$$value", "$$this"]}}}, "abc"),
    (
        {
            "$reduce": {
                "input": [1, 2, 3, 4],
                "initialValue": {"sum": 5, "product": 2},
                "in": {
                    "sum": {"$add": ["$$value.sum", "$$this"]},
                    "product": {"$multiply": ["$$value.product", "$$this"]},
                },
            }
        },
        {"sum": 15, "product": 48},
    ),
    (
        {
            "$reduce": {
                "input": [[3, 4], [5, 6]],
                "initialValue": [1, 2],
                "in": {"$concatArrays": ["$$value", "$$this"]},
            }
        },
        [1, 2, 3, 4, 5, 6],
    ),
    ({"$reduce": {"input": [], "initialValue": "$s", "in": 1}}, "text"),
    ({"$reduce": {"input": "$missing", "initialValue": 1, "in": 1}}, None),
    ({"$reduce": {"input": [1, 2], "initialValue": 0, "in": "$missing"}}, NOTHING),
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=str)
def test_paths_and_variables_reach_what_the_servers_do(expression, expected):
    assert typed(evaluate(expression, DOCUMENT)) == typed(expected)


def test_root_and_current_are_the_document():
    assert evaluate("$$ROOT", DOCUMENT) is DOCUMENT
    assert evaluate({"x": "$$CURRENT"}, DOCUMENT) == {"x": DOCUMENT}


def test_variables_of_the_caller_have_their_values():
    assert evaluate({"$add": ["$$x", "$$y.z"]}, {}, x=1, y={"z": 2}) == 3
    assert evaluate("$$NOW", {}, NOW="then") == "then"


def test_a_variable_without_a_value_is_missing():
    assert compile_expression("$$x", variables=frozenset("x")).evaluate({}, {}) is NOTHING


ERRORS = [
    ("$", 16872),
    ("$a.", 40353),
    ("$a..b", 15998),
    ("$.a", 15998),
    ("$a.$b", 16410),
    ("$a\0", 16419),
    ("$$x", 17276),
    ("$$x.y", 17276),
    ("$$", 9),
    ("$$_x", 9),
    ("$$x-y", 9),
    ({"": 1}, 15998),
    ({"a.b": 1}, 16412),
    ({"a": 1, "$b": 1}, 16410),
    ({"a\0": 1}, 16411),
    ({"$add": [1], "$sum": 1}, 15983),
    ({"$add": [1], "a": 1}, 15983),
    ({"$foo": 1}, 168),
    ({"$": 1}, 168),
    ({"$let": 1}, 16874),
    ({"$let": {"vars": {}, "in": 1, "zoot": 1}}, 16875),
    ({"$let": {"in": 1}}, 16876),
    ({"$let": {"vars": {}}}, 16877),
    ({"$let": {"vars": 1, "in": 1}}, 10065),
    ({"$let": {"vars": {"": 1}, "in": 1}}, 9),
    ({"$let": {"vars": {"Abc": 1}, "in": 1}}, 9),
    ({"$let": {"vars": {"ROOT": 1}, "in": 1}}, 9),
    ({"$let": {"vars": {"a$b": 1}, "in": 1}}, 9),
    ({"$let": {"vars": {"a": 1, "b": "$$a"}, "in": 1}}, 17276),
    ({"$map": "text"}, 16878),
    ({"$map": {"input": [], "in": 1, "zoot": 1}}, 16879),
    ({"$map": {"in": 1}}, 16880),
    ({"$map": {"input": []}}, 16882),
    ({"$map": {"input": 1, "in": 1}}, 16883),
    ({"$map": {"input": "$$this", "in": 1}}, 17276),
    ({"$map": {"input": [], "as": "X", "in": 1}}, 9),
    ({"$filter": "text"}, 28646),
    ({"$filter": {"input": [], "cond": 1, "zoot": 1}}, 28647),
    ({"$filter": {"cond": 1}}, 28648),
    ({"$filter": {"input": []}}, 28650),
    ({"$filter": {"input": 1, "cond": 1}}, 28651),
    ({"$filter": {"input": [1], "cond": 1, "limit": 1.5}}, 327391),
    ({"$filter": {"input": [1], "cond": 1, "limit": "1"}}, 327391),
    ({"$filter": {"input": [1], "cond": 1, "limit": 0}}, 327392),
    ({"$filter": {"input": [1], "cond": 1, "limit": "$$this"}}, 17276),
    ({"$reduce": 0}, 40075),
    ({"$reduce": {"input": [], "initialValue": 0, "in": 1, "notAField": 1}}, 40076),
    ({"$reduce": {"initialValue": 0, "in": 1}}, 40077),
    ({"$reduce": {"input": [], "in": 1}}, 40078),
    ({"$reduce": {"input": [], "initialValue": 0}}, 40079),
    ({"$reduce": {"input": 1, "initialValue": 0, "in": 1}}, 40080),
    ({"$reduce": {"input": [1], "initialValue": "$$this", "in": 1}}, 17276),
    ({"$reduce": {"input": {"$range": [0, 1000]}, "initialValue": [], "in": ["$$value"]}}, 15),
]


@pytest.mark.parametrize(("expression", "code"), ERRORS, ids=str)
def test_an_expression_that_means_nothing_is_refused_with_mongodbs_code(expression, code):
    assert code_of(expression) == code


@pytest.mark.parametrize(
    ("expression", "paths"),
    [
        (1, set()),
        ("$a", {"a"}),
        ("$a.b", {"a.b"}),
        ("$$ROOT.a.b", {"a.b"}),
        ("$$CURRENT.a", {"a"}),
        ("$$ROOT", None),
        ("$$CURRENT", None),
        ("$$REMOVE", set()),
        ("$$x.a", set()),
        ({"$add": ["$a", {"$multiply": ["$b.c", 2]}]}, {"a", "b.c"}),
        ({"$map": {"input": "$a", "in": {"$add": ["$$this.x", "$b"]}}}, {"a", "b"}),
        ({"$let": {"vars": {"y": "$a"}, "in": {"$add": ["$$y", "$b"]}}}, {"a", "b"}),
        ({"$let": {"vars": {"CURRENT": "$a"}, "in": "$b"}}, {"a"}),
        ({"$cond": ["$a", "$$ROOT", 1]}, None),
        ({"x": "$a", "y": ["$b", {"z": "$c"}]}, {"a", "b", "c"}),
        ({"$getField": "a"}, {"a"}),
        ({"$getField": "a.b"}, None),
        ({"$getField": {"field": "a", "input": "$x"}}, {"x"}),
        ({"$literal": "$a"}, set()),
        ({"$dateAdd": {"startDate": "$d", "unit": "$u", "amount": 1, "timezone": "$z"}}, {"d", "u", "z"}),
        ({"$switch": {"branches": [{"case": "$a", "then": "$b"}], "default": "$c"}}, {"a", "b", "c"}),
        ({"$filter": {"input": "$a", "cond": "$b", "limit": "$c"}}, {"a", "b", "c"}),
        ({"$sortArray": {"input": "$a", "sortBy": {"x": 1}}}, {"a"}),
        ({"$zip": {"inputs": ["$a", "$b"], "useLongestLength": True, "defaults": ["$c", 1]}}, {"a", "b", "c"}),
        ({"$in": ["$a", [1, 2]]}, {"a"}),
    ],
    ids=str,
)
def test_an_expression_tells_which_paths_it_reads(expression, paths):
    assert compile_expression(expression, variables=frozenset("x")).paths == paths


@pytest.mark.parametrize(
    "expression", [{"$add": [1, {"$multiply": [2, 3]}]}, {"$concat": ["a", "b"]}, [1, {"x": 1}], {"$and": [1]}]
)
def test_constants_are_computed_once(expression):
    assert compile_expression(expression).constant


@pytest.mark.parametrize("expression", [{"$divide": [1, 0]}, {"$add": ["$$x", 1]}, {"$toInt": "x"}, ["$a"]])
def test_what_may_fail_or_change_is_not_computed_in_advance(expression):
    assert not compile_expression(expression, variables=frozenset("x")).constant


def test_a_flat_expression_reads_values_by_path():
    flat = compile_expression({"$add": ["$a.b", "$c"]}, flat=True)

    assert flat.evaluate({"a.b": 1, "c": 2}, {}) == 3


def test_a_flat_expression_on_whole_documents_reads_them_as_they_are():
    flat = compile_expression({"x": "$$ROOT", "y": "$a.b"}, flat=True)

    assert flat.evaluate({"a": {"b": 1}}, {}) == {"x": {"a": {"b": 1}}, "y": 1}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ({"$gtt": [1, 2]}, "did you mean '\\$gt'"),
        ({"$contact": ["a"]}, "did you mean '\\$concat"),
        ({"$let": {"vars": {"price": 1}, "in": "$$prize"}}, "did you mean 'price'"),
        ({"$trim": {"inptu": "x"}}, "it takes input, chars"),
    ],
)
def test_a_misspelt_name_is_told_with_the_nearest(expression, message):
    with pytest.raises(QueryError, match=message):
        compile_expression(expression)


@pytest.mark.parametrize("name", ["$currentDate", "$function", "$toHashedIndexKey", "$encStrContains"])
def test_an_operator_that_only_the_server_has_is_refused_by_name(name):
    with pytest.raises(NotSupportedError, match=re.escape(f"{name} is not supported")):
        compile_expression({"$add": [1, {name: 1}]})


@pytest.mark.parametrize("name", ["NOW", "CLUSTER_TIME", "DESCEND", "USER_ROLES"])
def test_a_variable_that_only_the_server_has_is_refused_by_name(name):
    with pytest.raises(NotSupportedError, match=name):
        compile_expression(f"$${name}")


def nested(wrap, levels):
    inner = 1
    for _ in range(levels):
        inner = wrap(inner)
    return inner


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: {"$add": [inner]},
        lambda inner: [inner],
        lambda inner: {"a": inner},
        lambda inner: {"$let": {"vars": {"a": inner}, "in": 1}},
        lambda inner: {"$switch": {"branches": [{"case": inner, "then": 1}]}},
        lambda inner: {"$dateToString": {"date": inner}},
    ],
)
def test_an_expression_nested_without_end_is_refused(wrap):
    with pytest.raises(QueryError, match="nested more than 100 levels") as caught:
        compile_expression(nested(wrap, 5000))

    assert caught.value.code == 15


def test_a_literal_nested_without_end_is_refused():
    with pytest.raises(QueryError, match="nested more than 100 levels"):
        compile_expression({"$literal": nested(lambda inner: [inner], 5000)})


def test_no_message_shows_a_value():
    for expression in ({"$add": ["secret", 1]}, {"$toInt": "secret"}, {"$dateFromString": {"dateString": "secret"}}):
        with pytest.raises(OperationFailure) as caught:
            evaluate(expression)

        assert "secret" not in str(caught.value)


def test_an_expression_holds_no_reference_to_what_was_passed():
    literal = {"x": [1]}
    expression = compile_expression({"$literal": literal})
    literal["x"].append(2)

    assert expression.evaluate({}, {}) == {"x": [1]}
