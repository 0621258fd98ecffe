"""Sort orders: the forms of a sort, arrays, missing fields, several keys, limits."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import cmp_to_key

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nosqlpy._core.query.sort import compile_sort
from nosqlpy._core.values.codec import encode_document
from nosqlpy._core.values.order import compare
from nosqlpy.errors import NotSupportedError, QueryError

NAN = float("nan")
ABSENT = object()


def arranged(spec, documents, limit=None):
    """Return the positions of the documents in the order of `spec`."""
    blobs = [encode_document({"_id": index, **document}) for index, document in enumerate(documents)]
    ordering = compile_sort(spec)
    return ordering.arrange(ordering.rows(blobs), list(range(len(documents))), limit)


def fields(*values):
    return [{} if value is ABSENT else {"a": value} for value in values]


@pytest.mark.parametrize(
    ("spec", "documents", "order"),
    [
        ("a", fields(3, 1, 2), [1, 2, 0]),
        ("-a", fields(3, 1, 2), [0, 2, 1]),
        ("a", fields("b", "a"), [1, 0]),
        ("a", fields(2.5, 1, -0.5, 2**53 + 1, float(2**53)), [2, 1, 0, 4, 3]),
        ("a", fields(1, NAN, float("-inf"), None), [3, 1, 2, 0]),
        ("-a", fields(1, NAN, 2), [2, 0, 1]),
        ("a", fields(datetime(2020, 1, 2, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)), [1, 0]),
        ("a", fields(Decimal("0.5"), bson.Decimal128("0.25"), 0.75, bson.Int64(0)), [3, 1, 0, 2]),
        (
            "a",
            fields(True, "x", 1, None, ABSENT, {}, [5], b"", bson.MinKey(), bson.MaxKey()),
            [8, 3, 4, 2, 6, 1, 5, 7, 0, 9],
        ),
        ("a", fields([], None, ABSENT, 0), [0, 1, 2, 3]),  # an empty array sorts below null
        ("-a", fields([], None, 0), [2, 1, 0]),
        ("a", fields([3, 9], 4, [5, 1], 2), [2, 3, 0, 1]),  # the smallest element counts
        ("-a", fields([3, 9], 4, [5, 1], 2), [0, 2, 1, 3]),  # the largest element counts
        ("a", fields([[0]], [5], 9), [1, 2, 0]),  # an array in an array is not opened
        ("a", fields([None], [], ABSENT), [1, 0, 2]),
        ("a.b", fields({"b": 2}, {"b": 1}, 5, ABSENT, {"b": "x"}), [2, 3, 1, 0, 4]),
        ("a.b", fields([{"b": 3}, {"b": 1}], {"b": 2}, [{"b": 9}, 5], [], [{"b": []}]), [4, 2, 3, 0, 1]),
        ("-a.b", fields([{"b": 3}, {"b": 1}], {"b": 2}), [0, 1]),
        ("a.1", fields([9, 1], [1, 9], [0], {"1": 5}), [2, 0, 3, 1]),
        ("a.0.b", fields([{"b": 2}, {"b": 0}], [{"b": 1}]), [1, 0]),
        ("a.0", fields([[0]], [5], {"0": "x"}, [{}]), [1, 2, 3, 0]),  # an array at a position is not opened
        ("-a.0", fields([[0]], [5], [[1], 9]), [2, 0, 1]),
        ("a.0", fields(1, [[]], [None]), [1, 0, 2]),
        ("a.0.0", fields([[[7]]], [[8]]), [1, 0]),
        ("a.0.b", fields([[{"b": 2}, {"b": 9}]], [{"b": 3}]), [0, 1]),
        ("a.b", fields(b"x", {"b": 1}, datetime(2020, 1, 1, tzinfo=UTC)), [0, 2, 1]),
        ("a.$id", fields(bson.DBRef("c", 2), bson.DBRef("c", 1)), [1, 0]),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_field_sorts_by_its_value(spec, documents, order):
    assert arranged(spec, documents) == order


@pytest.mark.parametrize(
    ("spec", "keys"),
    [
        ("a", (("a", 1),)),
        ("-a.b", (("a.b", -1),)),
        ([("a", 1), ("b", -1)], (("a", 1), ("b", -1))),
        ({"b": -1, "a": 1}, (("b", -1), ("a", 1))),
        ({"a": 1.0}, (("a", 1),)),
        ({"a": Decimal(-1)}, (("a", -1),)),
        ({"a": 1.9}, (("a", 1),)),  # the server cuts the fraction off
        (["a", ("b", -1)], (("a", 1), ("b", -1))),
        ({}, ()),
        ([], ()),
    ],
    ids=str,
)
def test_a_sort_has_several_forms(spec, keys):
    assert compile_sort(spec).keys == keys


def test_the_direction_of_a_path_may_stand_apart():
    assert compile_sort("a", -1).keys == (("a", -1),)
    assert compile_sort("-a", -1).keys == (("a", 1),)


def test_ties_keep_their_order_in_both_directions():
    documents = [{"a": value, "b": index} for index, value in enumerate([1, 0, 1, 0, 1.0])]

    assert arranged("a", documents) == [1, 3, 0, 2, 4]
    assert arranged("-a", documents) == [0, 2, 4, 1, 3]


def test_a_second_key_decides_among_equals_of_the_first():
    documents = [{"a": 1, "b": 1}, {"a": 0, "b": 1}, {"a": 1, "b": 2}, {"b": 3}]

    assert arranged([("a", 1), ("b", -1)], documents) == [3, 1, 2, 0]
    assert arranged([("a", -1), ("b", 1)], documents) == [0, 2, 1, 3]


def test_keys_through_one_array_compare_its_elements_as_a_whole():
    documents = [{"a": [{"b": 1, "c": 1}, {"b": 2, "c": 9}]}, {"a": [{"b": 1, "c": 5}]}]

    assert arranged([("a.b", 1), ("a.c", -1)], documents) == [
        1,
        0,
    ]  # (1, 5) before (1, 1): 9 belongs to another element


@pytest.mark.parametrize(
    ("spec", "documents", "order"),
    [
        ([("a.b", 1), ("a.c", 1)], [{"a": [{"b": 1, "c": 2}]}, {"a": [5]}, {"a": []}, {"a": 5}], [1, 2, 3, 0]),
        ([("a", 1), ("a.b", 1)], [{"a": [{"b": 2}]}, {"a": []}, {"a": [{"b": 1}]}], [1, 2, 0]),
        ([("a.0", 1), ("a.1", 1)], [{"a": [2, 1]}, {"a": [1, 2]}, {"a": [[3], 0]}], [1, 0, 2]),
        ([("a.0", 1), ("a.1", -1)], [{"a": [[2], [4]]}, {"a": [[2], [5]]}, {"a": [[1, 9], []]}], [2, 1, 0]),
        ([("a.b", -1), ("a.c", -1)], [{"a": [{"b": [1, 9], "c": 0}]}, {"a": [{"b": 9, "c": 1}]}], [1, 0]),
        ([("a.0.b", 1), ("a.0.c", 1)], [{"a": [{"b": [2], "c": 1}]}, {"a": [{"b": [1], "c": 1}]}], [1, 0]),
        ([("a.b", 1), ("a.c", 1)], [{"a": [{"b": 1, "c": 9}]}, {"a": {"b": 1, "c": 5}}], [1, 0]),
    ],
    ids=str,
)
def test_keys_through_one_array_take_its_elements_one_by_one(spec, documents, order):
    assert arranged(spec, documents) == order


def test_a_key_through_an_array_stands_beside_one_that_is_none():
    documents = [{"a": [2, 1], "b": 1}, {"a": 1, "b": 0}]

    assert arranged([("a", 1), ("b", 1)], documents) == [1, 0]


def test_keys_through_different_arrays_are_refused():
    with pytest.raises(QueryError, match="parallel arrays") as caught:
        arranged([("a", 1), ("b", 1)], [{"a": [1, 2], "b": [1, 2]}])

    assert caught.value.code == 2


@pytest.mark.parametrize(
    "value_of",
    [
        lambda index: index,
        lambda index: -index,
        lambda index: index * 7919 % 613,
        lambda index: 1,
        lambda index: index % 2,
        lambda index: (index, str(index), None, [index, 9])[index % 4],
        lambda index: index if index % 97 else -index,
    ],
    ids=["ascending", "descending", "mixed up", "equal", "two values", "several kinds", "some far off"],
)
@pytest.mark.parametrize("limit", [1, 10, 64, 65])
@pytest.mark.parametrize("spec", ["a", "-a", [("a", 1), ("b", -1)], [("a", -1), ("b", 1)]], ids=str)
def test_a_limit_gives_the_first_of_many_documents(spec, limit, value_of):
    documents = [{"a": value_of(index), "b": index % 3} for index in range(700)]

    assert arranged(spec, documents, limit) == arranged(spec, documents)[:limit]


@pytest.mark.parametrize("limit", [0, 1, 2, 5, 100])
@pytest.mark.parametrize("spec", ["a", "-a", [("a", 1), ("b", -1)], [("a", -1), ("b", 1)]], ids=str)
def test_a_limit_gives_the_first_of_the_whole_order(spec, limit):
    documents = [{"a": index * 7 % 10, "b": index % 3} for index in range(60)]

    assert arranged(spec, documents, limit) == arranged(spec, documents)[:limit]


@pytest.mark.parametrize("spec", ["a", "-a"])
def test_a_limit_holds_for_values_of_all_kinds(spec):
    values = [NAN, 1, None, ABSENT, "x", 2.5, [], [NAN, 3], {"b": NAN}, {"b": 1}, True, float("-inf")] * 8
    documents = fields(*values)

    for limit in range(1, 9):
        assert arranged(spec, documents, limit) == arranged(spec, documents)[:limit]


def test_rows_of_several_batches_are_arranged_together():
    batches = [
        [encode_document({"_id": 1, "a": "x"}), encode_document({"_id": 2, "a": 5})],
        [encode_document({"_id": 3})],
    ]
    ordering = compile_sort("a")
    rows = [row for batch in batches for row in ordering.rows(batch)]

    assert ordering.arrange(rows, [1, 2, 3]) == [3, 2, 1]


def test_no_keys_leave_the_order_alone():
    ordering = compile_sort({})

    assert ordering.arrange([], [3, 1, 2], 2) == [3, 1]


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"a": 0}, 15975),
        ({"a": 2}, 15975),
        ({"a": float("nan")}, 15975),
        ({"a": True}, 15974),
        ({"a": "asc"}, 15974),
        ([("a", None)], 15974),
        ({"a": [1]}, 15974),
        ([("a", 1), ("a", -1)], 7472500),
        ({"$a": 1}, 16410),
        ({"a.$b": 1}, 16410),
        ("a..b", 15998),
        (".a", 15998),
        ("a.", 40353),
        ("-", 40352),
        (5, 14),
        ([("a", 1, 2)], 14),
        (b"a", 14),
        ({5: 1}, 2),
    ],
    ids=str,
)
def test_a_malformed_sort_is_refused(spec, code):
    with pytest.raises(QueryError) as caught:
        compile_sort(spec)

    assert caught.value.code == code


def test_an_order_by_another_score_than_that_of_texts_is_refused_by_name():
    with pytest.raises(NotSupportedError, match=r"\$meta"):
        compile_sort({"score": {"$meta": "searchScore"}})


def test_natural_order_is_no_order_by_fields():
    with pytest.raises(QueryError):
        compile_sort({"$natural": -1})


VALUES = st.one_of(
    st.none(), st.integers(-2, 2), st.floats(-2, 2), st.just(NAN), st.sampled_from(["", "a", True, b"x"])
)
DOCUMENTS = st.fixed_dictionaries({}, optional={"a": VALUES | st.lists(VALUES, max_size=3), "b": VALUES})


def place(document, name, direction):
    """Return the value that a document sorts by, the empty array's as MinKey: below all that `VALUES` draws."""
    value = document.get(name)
    if not isinstance(value, list):
        return value
    ordered = sorted(value, key=cmp_to_key(compare), reverse=direction < 0)
    return ordered[0] if ordered else bson.MinKey()


@given(
    st.lists(DOCUMENTS, max_size=12),
    st.permutations(["a", "b"]),
    st.tuples(st.sampled_from([1, -1]), st.sampled_from([1, -1])),
    st.none() | st.integers(0, 12),
)
def test_any_order_is_that_of_comparing_documents_two_by_two(documents, names, directions, limit):
    keys = list(zip(names, directions, strict=True))

    def by_all_keys(left, right):
        for name, direction in keys:
            order = compare(place(documents[left], name, direction), place(documents[right], name, direction))
            if order:
                return order * direction
        return 0

    assert arranged(keys, documents, limit) == sorted(range(len(documents)), key=cmp_to_key(by_all_keys))[:limit]


@pytest.mark.parametrize(
    ("spec", "keys"),
    [
        (["-age", "name"], (("age", -1), ("name", 1))),
        (("-age",), (("age", -1),)),
        (["name", ("age", -1)], (("name", 1), ("age", -1))),
        ([["age", -1]], (("age", -1),)),
    ],
)
def test_a_string_in_a_list_means_what_it_means_alone(spec, keys):
    assert compile_sort(spec).keys == keys


@pytest.mark.parametrize("spec", [[("-age", 1)], [["-age", -1]], {"-age": 1}])
def test_a_minus_beside_a_direction_is_refused_with_the_way_out(spec):
    with pytest.raises(QueryError, match=r"sort key '-age'.*\('age', -1\)"):
        compile_sort(spec)


@pytest.mark.parametrize("spec", ["-age,_id", "-age, _id", ["name", "-age,_id"]])
def test_a_string_with_several_names_is_refused_with_the_way_out(spec):
    with pytest.raises(QueryError, match=r"one sort key.*\['-age', '_id'\]"):
        compile_sort(spec)


@pytest.mark.parametrize("spec", [("age", -1), 5, [5], b"age"])
def test_what_is_no_sort_is_refused_with_all_forms(spec):
    with pytest.raises(QueryError, match=r'"-age".*\["-age", "name"\].*\[\("age", -1\)\].*mapping'):
        compile_sort(spec)
