"""Operators on arrays."""

from __future__ import annotations

import copy
import re

import pytest

from nosqlpy._core.update.compile import compile_update
from nosqlpy.errors import NotSupportedError, QueryError, WriteError


def updated(array, update):
    """The array `a` after the update."""
    return compile_update(update).apply({"a": copy.deepcopy(array)})["a"]


@pytest.mark.parametrize(
    ("array", "operand", "expected"),
    [
        ([1], 2, [1, 2]),
        ([1], [2, 3], [1, [2, 3]]),
        ([1], {"x": 1}, [1, {"x": 1}]),
        ([1], {"$each": [2, 3]}, [1, 2, 3]),
        ([1], {"$each": []}, [1]),
        ([1, 2], {"$each": [9], "$position": 0}, [9, 1, 2]),
        ([1, 2], {"$each": [8, 9], "$position": 1}, [1, 8, 9, 2]),
        ([1, 2], {"$each": [9], "$position": 5}, [1, 2, 9]),
        ([1, 2, 3], {"$each": [9], "$position": -1}, [1, 2, 9, 3]),
        ([1, 2, 3], {"$each": [9], "$position": -3}, [9, 1, 2, 3]),
        ([1, 2, 3], {"$each": [9], "$position": -7}, [9, 1, 2, 3]),
        ([1, 2], {"$each": [9], "$position": 1.0}, [1, 9, 2]),
        ([1, 2], {"$each": [3], "$slice": 2}, [1, 2]),
        ([1, 2], {"$each": [3], "$slice": -2}, [2, 3]),
        ([1, 2], {"$each": [3], "$slice": 0}, []),
        ([1, 2], {"$each": [3], "$slice": 9}, [1, 2, 3]),
        ([1, 2], {"$each": [3], "$slice": -9}, [1, 2, 3]),
        ([3, 1], {"$each": [2], "$sort": 1}, [1, 2, 3]),
        ([3, 1], {"$each": ["x", None, 2], "$sort": -1}, ["x", 3, 2, 1, None]),
        ([3, 1], {"$each": [2], "$sort": -1, "$slice": 2}, [3, 2]),
        ([3, 1], {"$each": [2], "$sort": 1, "$slice": -1, "$position": 0}, [3]),
        (
            [{"k": 2, "n": 1}, {"k": 1, "n": 2}],
            {"$each": [{"k": 1, "n": 1}, {"n": 0}, 5], "$sort": {"k": 1, "n": -1}},
            [{"n": 0}, 5, {"k": 1, "n": 2}, {"k": 1, "n": 1}, {"k": 2, "n": 1}],
        ),
        ([{"k": {"n": 2}}, {"k": {"n": 1}}], {"$each": [], "$sort": {"k.n": 1}}, [{"k": {"n": 1}}, {"k": {"n": 2}}]),
    ],
)
def test_a_push_adds_positions_sorts_and_slices(array, operand, expected):
    assert updated(array, {"$push": {"a": operand}}) == expected


def test_a_push_to_a_missing_field_makes_an_array():
    assert compile_update({"$push": {"a.b": {"$each": [2, 1], "$sort": 1}}}).apply({}) == {"a": {"b": [1, 2]}}


def test_a_push_to_several_documents_adds_to_each_alone():
    updater = compile_update({"$push": {"a": 1}})

    assert [updater.apply({}), updater.apply({})] == [{"a": [1]}, {"a": [1]}]


@pytest.mark.parametrize(
    "operand",
    [
        {"$each": 1},
        {"$each": [], "$slice": "x"},
        {"$each": [], "$slice": 1.5},
        {"$each": [], "$position": None},
        {"$each": [], "$sort": 2},
        {"$each": [], "$sort": {}},
        {"$each": [], "$sort": {"a": 0}},
        {"$each": [], "$sort": "a"},
        {"$each": [], "x": 1},
    ],
)
def test_a_push_with_a_wrong_clause_is_refused(operand):
    with pytest.raises(QueryError) as caught:
        compile_update({"$push": {"a": operand}})

    assert caught.value.code == 2


def test_a_misspelt_clause_is_named_with_the_nearest():
    with pytest.raises(QueryError, match=r"unknown clause '\$slise' in \$push of 'a'; did you mean '\$slice'\?"):
        compile_update({"$push": {"a": {"$each": [], "$slise": 1}}})


@pytest.mark.parametrize(
    ("array", "operand", "expected"),
    [
        ([1], 2, [1, 2]),
        ([1], 1, [1]),
        ([1], 1.0, [1]),
        ([1], True, [1, True]),
        ([1], {"$each": [2, 1, 2, 2.0, 3]}, [1, 2, 3]),
        ([{"a": 1, "b": 2}], {"b": 2, "a": 1}, [{"a": 1, "b": 2}, {"b": 2, "a": 1}]),
        ([{"a": 1}], {"a": 1.0}, [{"a": 1}]),
        ([1], [1], [1, [1]]),
        ([1, 1], {"$each": []}, [1, 1]),
    ],
)
def test_add_to_set_adds_what_equals_no_element(array, operand, expected):
    result = updated(array, {"$addToSet": {"a": operand}})

    assert list(map(repr, result)) == list(map(repr, expected))


def test_add_to_set_makes_an_array_without_duplicates():
    assert compile_update({"$addToSet": {"a": {"$each": [1, 2, 1]}}}).apply({}) == {"a": [1, 2]}


@pytest.mark.parametrize(("operand", "code"), [({"$each": 1}, 14), ({"$each": [], "$slice": 1}, 2)])
def test_a_malformed_each_of_add_to_set_is_refused(operand, code):
    with pytest.raises(QueryError) as caught:
        compile_update({"$addToSet": {"a": operand}})

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("array", "operand", "expected"),
    [([1, 2, 3], 1, [1, 2]), ([1, 2, 3], -1, [2, 3]), ([], 1, []), ([1, 2], 1.0, [1])],
)
def test_pop_removes_the_last_or_first_element(array, operand, expected):
    assert updated(array, {"$pop": {"a": operand}}) == expected


@pytest.mark.parametrize("operand", [0, 2, "1", None, 1.5])
def test_pop_takes_one_or_minus_one(operand):
    with pytest.raises(QueryError) as caught:
        compile_update({"$pop": {"a": operand}})

    assert caught.value.code == 9


@pytest.mark.parametrize(
    ("array", "operand", "expected"),
    [
        ([1, 2, 1], 1, [2]),
        ([1, 1.0, True, "1"], 1, [True, "1"]),
        ([[1, 2], 1, [2, 1]], [1, 2], [1, [2, 1]]),
        ([None, 1], None, [1]),
        ([3, 6, 9], {"$gte": 6}, [3]),
        ([3, "x", 9], {"$gte": 6}, [3, "x"]),
        ([3, 6, 9], {"$in": [3, 9]}, [6]),
        ([3, 6, 9], {"$gt": 3, "$lt": 9}, [3, 9]),
        ([3, 6, 9], {"$ne": 6}, [6]),
        (["ab", "cd"], re.compile("^a"), ["cd"]),
        ([{"s": 8, "i": "B"}, {"s": 8, "i": "C"}, 8], {"s": 8, "i": "B"}, [{"s": 8, "i": "C"}, 8]),
        ([{"i": "B", "s": 8, "x": 1}], {"s": 8, "i": "B"}, []),
        ([{"s": 5}, {"s": 9}, 9], {"s": {"$gte": 8}}, [{"s": 5}, 9]),
        ([{"s": [1, 2]}, {"s": [3]}], {"s": {"$elemMatch": {"$gt": 2}}}, [{"s": [1, 2]}]),
        ([{"s": 5}, {"s": 9}, 9], {"$or": [{"s": 5}, {"s": 9}]}, [9]),
        ([{"s": 5}, 5, []], {}, [5, []]),
        ([1], 2, [1]),
    ],
)
def test_pull_removes_what_matches(array, operand, expected):
    result = updated(array, {"$pull": {"a": operand}})

    assert list(map(repr, result)) == list(map(repr, expected))


def test_pull_with_an_unknown_operator_is_refused():
    with pytest.raises(QueryError):
        compile_update({"$pull": {"a": {"$gtee": 1}}})


def test_pull_takes_a_not_that_stands_first_for_one_of_a_filter():
    with pytest.raises(QueryError, match="unknown top level operator '\\$not'") as caught:
        compile_update({"$pull": {"a": {"$not": {"$gt": 1}}}})

    assert caught.value.code == 2
    assert updated([1, 3, 5], {"$pull": {"a": {"$gt": 1, "$not": {"$gt": 3}}}}) == [1, 5]


def test_pull_with_an_operator_that_is_missing_is_refused_by_name():
    with pytest.raises(NotSupportedError, match=r"\$near"):
        compile_update({"$pull": {"a": {"$near": [1, 2]}}})


def test_pull_all_removes_every_equal_element():
    assert updated([1, 2.0, "x", [1], {"b": 1}], {"$pullAll": {"a": [1.0, 2, [1], {"b": 1.0}]}}) == ["x"]


def test_pull_all_takes_an_array():
    with pytest.raises(QueryError) as caught:
        compile_update({"$pullAll": {"a": 1}})

    assert caught.value.code == 2


@pytest.mark.parametrize(
    "update", [{"$pull": {"b.c": 1}}, {"$pullAll": {"b": [1]}}, {"$pop": {"b": 1}}, {"$pop": {"a.7.x": 1}}]
)
def test_removing_from_a_missing_array_does_nothing(update):
    assert compile_update(update).apply({"a": [1]}) == {"a": [1]}


@pytest.mark.parametrize(
    ("update", "code"),
    [
        ({"$push": {"a": 1}}, 2),
        ({"$addToSet": {"a": 1}}, 2),
        ({"$pull": {"a": 1}}, 2),
        ({"$pullAll": {"a": [1]}}, 2),
        ({"$pop": {"a": 1}}, 14),
    ],
)
@pytest.mark.parametrize("value", [1, None, "x", {"0": 1}])
def test_an_array_operator_on_another_type_fails(update, code, value):
    with pytest.raises(WriteError, match="'a' must be an array but is of type ") as caught:
        compile_update(update).apply({"_id": 1, "a": value})

    assert caught.value.code == code
    assert caught.value.details == {"_id": 1}
