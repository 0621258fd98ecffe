"""Positional paths: ``$``, ``$[]`` and ``$[id]`` with array filters.

Most cases are those of MongoDB's jstests update_arrayFilters and update_array_offset_positional.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest

from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.update.compile import compile_update
from nosqlpy.errors import QueryError, WriteError

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def updated(document, update, array_filters=None, *, filter=None):
    """The document after the update; `filter` is what found it."""
    updater = compile_update(update, array_filters=array_filters, variables={"NOW": NOW})
    position = compile_filter(filter).position(document) if filter is not None else None
    return updater.apply(copy.deepcopy(document), position)


def fails(document, update, array_filters=None, *, filter=None):
    """The error of an update that is impossible on the document."""
    with pytest.raises(WriteError) as caught:
        updated(document, update, array_filters, filter=filter)
    return caught.value


def refusal(update, array_filters=None):
    """The error of an update that means nothing."""
    with pytest.raises(QueryError) as caught:
        compile_update(update, array_filters=array_filters)
    return caught.value


# ── $: the position that the filter matched ─────────────────────────────────────


@pytest.mark.parametrize(
    ("document", "filter", "update", "expected"),
    [
        ({"a": [1, 2]}, {"a": 2}, {"$set": {"a.$": 5}}, {"a": [1, 5]}),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a.b": 2}, {"$inc": {"a.$.b": 1}}, {"a": [{"b": 1}, {"b": 3}]}),
        ({"a": [{"b": 1}]}, {"a.b": 1}, {"$set": {"a.$.c.d": 1}}, {"a": [{"b": 1, "c": {"d": 1}}]}),
        ({"a": [1, 2]}, {"a": 2}, {"$unset": {"a.$": 1}}, {"a": [1, None]}),
        ({"a": [[1], [2]]}, {"a": [2]}, {"$push": {"a.$": 3}}, {"a": [[1], [2, 3]]}),
        ({"x": {"a": [1, 2]}}, {"x.a": 2}, {"$mul": {"x.a.$": 3}}, {"x": {"a": [1, 6]}}),
        ({"a": [{"b": [0, 1]}]}, {"a.0.b": 1}, {"$set": {"a.0.b.$": 2}}, {"a": [{"b": [0, 2]}]}),
        ({"a": [{"b": [0, 1]}]}, {"a.b.1": 1}, {"$set": {"a.$.b.1": 2}}, {"a": [{"b": [0, 2]}]}),
        ({"a": [5, 6], "b": [1, 2]}, {"b": 2}, {"$set": {"a.$": 0}}, {"a": [5, 0], "b": [1, 2]}),
        ({"a": [{"b": 1, "c": 1}]}, {"a.b": 1}, {"$set": {"a.$.c": 2, "a.$.b": 3}}, {"a": [{"b": 3, "c": 2}]}),
        ({"a": [1]}, {"a": 1}, {"$max": {"a.$": 7}, "$set": {"b": 1}}, {"a": [7], "b": 1}),
    ],
)
def test_dollar_is_the_position_that_the_filter_matched(document, filter, update, expected):
    assert updated(document, update, filter=filter) == expected


def test_dollar_is_a_name_where_there_is_no_array():
    assert updated({"b": [1, 2]}, {"$set": {"a.$": 5}}, filter={"b": 2}) == {"b": [1, 2], "a": {"1": 5}}


@pytest.mark.parametrize("filter", [{}, {"_id": 1}, {"a.0": 1}, {"$or": [{"a": 1}, {"_id": 1}]}])
def test_dollar_without_a_match_in_an_array_is_refused(filter):
    error = fails({"_id": 1, "a": [1]}, {"$set": {"a.$": 5}}, filter=filter)

    assert (error.code, error.details) == (2, {"_id": 1})
    assert "did not find the match needed from the query" in str(error)


def test_dollar_cannot_be_upserted():
    with pytest.raises(WriteError) as caught:
        compile_update({"$set": {"a.$": 5}}).insert({"a": [1]})

    assert caught.value.code == 2


def test_dollar_on_insert_only_still_needs_the_match():
    assert fails({"a": [1]}, {"$setOnInsert": {"a.$": 5}}, filter={}).code == 2
    assert updated({"a": [1]}, {"$setOnInsert": {"a.$": 5}}, filter={"a": 1}) == {"a": [1]}


@pytest.mark.parametrize("path", ["a.$.b.$", "a.$.$"])
def test_a_path_has_dollar_once(path):
    assert refusal({"$set": {path: 1}}).code == 2


def test_dollar_beside_its_own_number_is_a_conflict():
    update = {"$set": {"a.$": 1, "a.1": 2}}

    assert fails({"_id": 1, "a": [5, 6]}, update, filter={"a": 6}).code == 40
    assert updated({"a": [5, 6]}, update, filter={"a": 5}) == {"a": [1, 2]}


def test_dollar_and_its_own_number_add_fields_in_order():
    result = updated({"a": [{"n": 1}]}, {"$set": {"a.$.c": 1, "a.0.b": 2}}, filter={"a.n": 1})

    assert list(result["a"][0]) == ["n", "b", "c"]


@pytest.mark.parametrize(
    ("update", "filters", "needed"),
    [({"$set": {"a.$": 1}}, None, True), ({"$set": {"a.$[]": 1}}, None, False), ({"$set": {"a": 1}}, None, False)],
)
def test_only_dollar_needs_the_position(update, filters, needed):
    assert compile_update(update, array_filters=filters).needs_position is needed


# ── $[] and $[id] ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("document", "update", "array_filters", "expected"),
    [
        ([0, 1, 0, 1], {"$set": {"a.$[i]": 2}}, [{"i": 0}], [2, 1, 2, 1]),
        ([0, 1, 0, 1], {"$set": {"a.$[]": 3}}, None, [3, 3, 3, 3]),
        ([0, 1, 0, 1], {"$unset": {"a.$[i]": True}}, [{"i": 0}], [None, 1, None, 1]),
        ([0, 1], {"$unset": {"a.$[]": True}}, None, [None, None]),
        ([0, 1, 0, 1], {"$inc": {"a.$[i]": 1}}, [{"i": 1}], [0, 2, 0, 2]),
        ([0, 1], {"$inc": {"a.$[]": 1}}, None, [1, 2]),
        ([0, 2], {"$mul": {"a.$[i]": 3}}, [{"i": 2}], [0, 6]),
        (
            [{"b": 0, "c": 1}, {"b": 1, "c": 1}],
            {"$min": {"a.$[i].c": 0}},
            [{"i.b": 0}],
            [{"b": 0, "c": 0}, {"b": 1, "c": 1}],
        ),
        ([{"c": -1}, {"c": 1}], {"$max": {"a.$[].c": 0}}, None, [{"c": 0}, {"c": 1}]),
        ([0, 1], {"$currentDate": {"a.$[i]": True}}, [{"i": 0}], [NOW, 1]),
        ([[0], [1]], {"$addToSet": {"a.$[i]": 2}}, [{"i": 0}], [[0, 2], [1]]),
        ([[0], [1]], {"$addToSet": {"a.$[]": 2}}, None, [[0, 2], [1, 2]]),
        ([[0, 1], [1, 2]], {"$pop": {"a.$[i]": 1}}, [{"i": 0}], [[0], [1, 2]]),
        ([[0]], {"$pop": {"a.$[]": 1}}, None, [[]]),
        ([[0, 1, 2], [1, 2]], {"$pullAll": {"a.$[i]": [0, 2]}}, [{"i": 0}], [[1], [1, 2]]),
        ([[0, 1], [1, 2]], {"$pull": {"a.$[i]": 1}}, [{"i": 2}], [[0, 1], [2]]),
        ([[0, 1], [2, 3]], {"$push": {"a.$[]": 4}}, None, [[0, 1, 4], [2, 3, 4]]),
        ([0, 2], {"$bit": {"a.$[i]": {"or": 10}}}, [{"i": 0}], [10, 2]),
        ([0, 1], {"$setOnInsert": {"a.$[]": 5}}, None, [0, 1]),
        ([], {"$set": {"a.$[]": 5}}, None, []),
        ([{}], {"$set": {"a.$[].b.c": 5}}, None, [{"b": {"c": 5}}]),
        ([1, {"b": 2}], {"$unset": {"a.$[].b": ""}}, None, [1, {}]),
        ([[0, 1], [0, 1]], {"$set": {"a.$[].$[j]": 2}}, [{"j": 0}], [[2, 1], [2, 1]]),
        (
            [{"b": 0, "c": [{"d": 0}, {"d": 1}]}, {"b": 1, "c": [{"d": 0}]}],
            {"$set": {"a.$[i].c.$[j].d": 2}},
            [{"i.b": 0}, {"j.d": 0}],
            [{"b": 0, "c": [{"d": 2}, {"d": 1}]}, {"b": 1, "c": [{"d": 0}]}],
        ),
        ([0, 1, 3], {"$set": {"a.$[i]": 2}}, [{"$or": [{"i": 0}, {"i": 3}]}], [2, 1, 2]),
        ([0, 5, 9], {"$set": {"a.$[i]": 2}}, [{"i": {"$gt": 1, "$lt": 9}}], [0, 2, 9]),
        ([0], {"$set": {"a.$[i]": 2}}, [{"$or": [{"i": 0}, {"$and": [{}]}]}], [2]),
        ([{"b": None}, {}], {"$set": {"a.$[i].b": 2}}, [{"i.b": None}], [{"b": 2}, {"b": 2}]),
        ([0, 1], {"$set": {"a.$[i]": 5, "a.$[j]": 6}}, [{"i": 0}, {"j": 1}], [5, 6]),
        ([{"b": [1]}], {"$set": {"a.0.b.$[]": 2}}, None, [{"b": [2]}]),
        ([[1, 2]], {"$set": {"a.$[].5": 3}}, None, [[1, 2, None, None, None, 3]]),
    ],
)
def test_array_parts_stand_for_the_elements(document, update, array_filters, expected):
    assert updated({"a": document}, update, array_filters) == {"a": expected}


def test_array_filters_see_the_elements_as_they_were():
    update = {"$set": {"a.$[i].n": 0, "a.$[i].state": "done"}}

    assert updated({"a": [{"n": 5}, {"n": 1}]}, update, [{"i.n": {"$gt": 3}}]) == {
        "a": [{"n": 0, "state": "done"}, {"n": 1}]
    }


def test_dollar_and_array_parts_may_stand_in_one_path():
    document = {"a": [{"b": [1]}, {"b": [2, 3]}]}

    assert updated(document, {"$inc": {"a.$.b.$[]": 1}}, filter={"a.b": 3}) == {"a": [{"b": [1]}, {"b": [3, 4]}]}


def test_new_fields_of_one_element_come_in_the_order_of_their_names():
    result = updated({"a": [{}]}, {"$set": {"a.$[i].x": 1, "a.$[j].b": 2}}, [{"i": {}}, {"j": {}}])

    assert list(result["a"][0]) == ["b", "x"]


def test_an_upsert_applies_array_parts_to_the_arrays_of_the_filter():
    updater = compile_update({"$setOnInsert": {"a.$[i]": 1}}, array_filters=[{"i": 0}])

    assert updater.insert({"_id": 0, "a": [0, 5]}) == {"_id": 0, "a": [1, 5]}


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({}, "a.$[]"),
        ({"a": {}}, "a.b.$[]"),
        ({"a": 5}, "a.b.$[]"),
        ({"a": 5}, "a.$[]"),
        ({"a": {"0": 1}}, "a.$[]"),
        ({"a": None}, "a.$[].b"),
        ({"a": [1]}, "a.$[].$[]"),
        ({"a": [1]}, "a.b.$[]"),
    ],
)
@pytest.mark.parametrize("operator", ["$set", "$unset", "$setOnInsert"])
def test_array_parts_need_an_array(document, path, operator):
    error = fails({"_id": 1, **document}, {operator: {path: 1}})

    assert (error.code, error.details) == (2, {"_id": 1})


def test_a_path_that_leads_on_into_a_scalar_element_is_refused():
    assert fails({"a": [1]}, {"$set": {"a.$[].b": 1}}).code == 28


def test_an_upsert_without_the_array_is_refused():
    with pytest.raises(WriteError) as caught:
        compile_update({"$set": {"a.$[]": 1}}).insert({"_id": 1})

    assert caught.value.code == 2


def test_the_id_is_guarded_through_array_parts():
    assert fails({"_id": {"a": [1]}}, {"$set": {"_id.a.$[]": 2}}).code == 66


# ── what is refused ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("update", "array_filters", "code", "message"),
    [
        ({"$set": {"a.$[i]": 5}}, {"i": 0}, 14, "list"),
        ({"$set": {"a.$[i]": 5}}, ["bad"], 14, "str"),
        ({"$set": {"a.$[i]": 5}}, [{"i": 0, "j": 0}], 9, "'i' and 'j'"),
        ({"$set": {"a.$[i]": 5}}, [{"$or": [{"i": 0}, {"j": 0}]}], 9, "'i' and 'j'"),
        ({"$set": {"a.$[i]": 5, "a.$[j]": 6}}, [{"i": 0}, {"j": 0}, {"i": 1}], 9, "two .* 'i'"),
        ({"$set": {"a.$[i]": 5}}, [{"i": 0}, {"j": 0}], 9, r"'j' is not used"),
        ({"$set": {"a": 5}}, [{"i": 0}], 9, "not used"),
        ({"$rename": {"a": "b"}}, [{"i": 0}], 9, "not used"),
        ({"$set": {"a.$[i]": 5}}, [{}], 9, "identifier"),
        ({"$set": {"a.$[i]": 5}}, [{"$comment": "i"}], 9, "identifier"),
        ({"$set": {"a.$[I]": 5}}, [{"I": 0}], 2, "'I'"),
        ({"$set": {"a.$[i_j]": 5}}, [{"i_j": 0}], 2, "'i_j'"),
        ({"$set": {"a.$[i]": 5}}, [{"$i": 0}], 2, r"\$i"),
        ({"$set": {"a.$[i]": 5}}, [{"i": {"$gtt": 0}}], 2, r"\$gte?"),
        ({"$set": {"a.$[i]": 5}}, None, 2, "'i' in 'a.*'"),
        ({"$set": {"a.$[itm]": 5}}, [{"item": 1}], 2, "did you mean 'item'"),
        ({"$rename": {"a.$[i]": "b"}}, [{"i": 0}], 2, "source"),
        ({"$rename": {"a": "b.$[]"}}, None, 2, "target"),
        ({"$rename": {"a.$": "b"}}, None, 2, "source"),
    ],
)
def test_array_filters_and_paths_must_fit(update, array_filters, code, message):
    error = refusal(update, array_filters)

    assert error.code == code
    with pytest.raises(QueryError, match=message):
        raise error


def test_brackets_around_a_dot_are_names():
    error = fails({"a": [0], "b": [{"j": 0}]}, {"$set": {"a.$[i.j]": 1, "b.$[i]": 1}}, [{"i.j": 0}])

    assert error.code == 28


@pytest.mark.parametrize(
    "paths",
    [
        ("a.$[i]", "a.$"),
        ("a.$[i]", "a.0"),
        ("a.$[i]", "a.b"),
        ("a.b", "a.$[i]"),
        ("a.$[i]", "a"),
        ("a.$[i]", "a.$[i].b"),
        ("a.$[i].b.$[]", "a.$[i].b.0"),
        ("a.$.b", "a.$"),
    ],
)
def test_paths_that_conflict_in_every_document_are_refused(paths):
    assert refusal({"$set": dict.fromkeys(paths, 0), "$inc": {"z.$[i]": 1}}, [{"i": 0}]).code == 40


@pytest.mark.parametrize(
    ("document", "update", "array_filters", "place"),
    [
        ({"a": [0]}, {"a.$[i]": 1, "a.$[j]": 2}, [{"i": 0}, {"j": 0}], "a.0"),
        ({"a": [0]}, {"a.$[]": 1, "a.$[j]": 2}, [{"j": 0}], "a.0"),
        (
            {"a": [{"x": 0, "b": [{"y": 0, "c": 0}]}]},
            {"a.$[i].b.$[k].c": 1, "a.$[j].b.$[k].c": 2},
            [{"i.x": 0}, {"j.x": 0}, {"k.y": 0}],
            "a.0.b.$[k].c",
        ),
        (
            {"a": [{"x": 0, "b": [{"y": 0}]}]},
            {"a.$[i].b.$[k].c": 1, "a.$[j].b.$[m].c": 2},
            [{"i.x": 0}, {"j.x": 0}, {"k.y": 0}, {"m.y": 0}],
            "a.0.b.0.c",
        ),
        ({"a": [{"b": [0]}]}, {"a.$[].b.$[i]": 1, "a.$[].b.$[j]": 1}, [{"i": 0}, {"j": 0}], "a.0.b.0"),
        ({"a": [{"b": 0}]}, {"a.$[i].b": 1, "a.$[j].b.c": 2}, [{"i.b": 0}, {"j.b": 0}], "a.0.b"),
        ({"a": [{"b": [0]}]}, {"a.$[i].b.$[]": 1, "a.$[j].b.0": 2}, [{"i.b": 0}, {"j.b": 0}], "a.0.b"),
    ],
)
def test_paths_that_meet_in_a_document_are_refused(document, update, array_filters, place):
    error = fails({"_id": 1, **document}, {"$set": update}, array_filters)

    assert (error.code, error.code_name, error.details) == (40, "ConflictingUpdateOperators", {"_id": 1})
    assert repr(place) in str(error)


@pytest.mark.parametrize(
    ("update", "array_filters", "expected"),
    [
        (
            {"a.$[i].b.$[k].c": 1, "a.$[j].b.$[k].d": 2},
            [{"i.x": 0}, {"j.x": 0}, {"k.y": 0}],
            [{"x": 0, "b": [{"y": 0, "c": 1, "d": 2}]}, {"x": 1, "b": [{"y": 0}, {"y": 1}]}],
        ),
        (
            {"a.$[i].b.$[k].c": 1, "a.$[j].b.$[k].c": 2},
            [{"i.x": 0}, {"j.x": 1}, {"k.y": 0}],
            [{"x": 0, "b": [{"y": 0, "c": 1}]}, {"x": 1, "b": [{"y": 0, "c": 2}, {"y": 1}]}],
        ),
        (
            {"a.$[i].b.$[k].c": 1, "a.$[j].b.$[m].c": 2},
            [{"i.x": 1}, {"j.x": 1}, {"k.y": 0}, {"m.y": 1}],
            [{"x": 0, "b": [{"y": 0}]}, {"x": 1, "b": [{"y": 0, "c": 1}, {"y": 1, "c": 2}]}],
        ),
    ],
)
def test_rivals_that_do_not_meet_are_applied(update, array_filters, expected):
    document = {"a": [{"x": 0, "b": [{"y": 0}]}, {"x": 1, "b": [{"y": 0}, {"y": 1}]}]}

    assert updated(document, {"$set": update}, array_filters) == {"a": expected}
