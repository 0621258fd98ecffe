from __future__ import annotations

from typing import Any

import pytest
from bson import Int64

from nosqlpy._core.index.catalogue import ID_DEFINITION, IndexDefinition, definition_of, index_name
from nosqlpy._core.index.options import define_index
from nosqlpy.errors import NotSupportedError, QueryError


def definition(name: str, path: str) -> IndexDefinition:
    return IndexDefinition(name, ((path, 1),))


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ("x", "x_1"),
        (["x"], "x_1"),
        ([("x", -1)], "x_-1"),
        ([["x", 1]], "x_1"),
        ({"x.y": -1}, "x.y_-1"),
        (["x", ("y", -1)], "x_1_y_-1"),
        (("x",), "x_1"),
        ({"x": 1.0, "y": -1.0}, "x_1_y_-1"),
        ({"x": Int64(-1)}, "x_-1"),
    ],
    ids=repr,
)
def test_an_index_is_named_after_its_keys(keys: Any, name: str) -> None:
    assert define_index(keys, None, {}).name == name


def test_an_index_can_have_a_name_of_its_own() -> None:
    definition = define_index("x", "mine", {})

    assert definition.name == "mine"
    assert definition.to_document() == {"v": 2, "key": {"x": 1}, "name": "mine"}


def test_the_index_of_ids_is_described_as_mongodb_does() -> None:
    assert ID_DEFINITION.to_document() == {"v": 2, "key": {"_id": 1}, "name": "_id_"}


@pytest.mark.parametrize(
    "keys",
    [
        5,
        None,
        [],
        {},
        [("x", 2)],
        [("x", True)],
        [("x", 1.5)],
        [("x", "hash")],
        [5],
        [("x", 1, 1)],
        [(5, 1)],
        "",
        "a..b",
        ["x", "x"],
        [str(n) for n in range(33)],
        "$x",
    ],
    ids=repr,
)
def test_keys_that_are_malformed_are_refused(keys: Any) -> None:
    with pytest.raises(QueryError):
        define_index(keys, None, {})


@pytest.mark.parametrize("name", ["", 5, b"x"])
def test_a_name_that_is_no_text_is_refused(name: Any) -> None:
    with pytest.raises(QueryError, match="name"):
        define_index("x", name, {})


@pytest.mark.parametrize("keys", [[("x", "2d")], [("x", "2dsphere")], {"$**": 1, "x": 1}], ids=repr)
def test_an_index_of_a_kind_that_only_mongodb_has_is_not_supported(keys: Any) -> None:
    with pytest.raises(NotSupportedError):
        define_index(keys, None, {})


def test_an_option_that_only_mongodb_has_is_not_supported() -> None:
    with pytest.raises(NotSupportedError, match="'background'"):
        define_index("x", None, {"background": True})


def test_an_option_that_nobody_has_is_refused_with_the_nearest() -> None:
    with pytest.raises(QueryError, match="did you mean 'unique'"):
        define_index("x", None, {"uniqe": True})


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("mine", "mine"),
        ("y", "mine"),
        ([("y", 1)], "mine"),
        ("_id", "_id_"),
        ("x", "x_1"),
        ("x_1", "x_1"),
        ([("x", 1)], "x_1"),
        ({"x": 1}, "x_1"),
        ("z", "z"),
        ([("z", 1)], "z_1"),
    ],
    ids=repr,
)
def test_an_index_is_meant_by_its_name_its_field_or_its_keys(given: Any, name: str) -> None:
    assert index_name(given, [ID_DEFINITION, *map(definition, ["mine", "x_1"], ["y", "x"])]) == name


def test_a_name_goes_before_a_field() -> None:
    assert index_name("x", [definition("x", "y"), definition("x_1", "x")]) == "x"


def test_options_are_described_in_the_spelling_of_mongodb() -> None:
    made = define_index("x", None, {"unique": True, "partial_filter_expression": {"x": {"$gt": 1}}, "hidden": True})

    assert made.to_document() == {
        "v": 2,
        "key": {"x": 1},
        "name": "x_1",
        "unique": True,
        "partialFilterExpression": {"x": {"$gt": 1}},
        "hidden": True,
    }


@pytest.mark.parametrize("option", ["partialFilterExpression", "partial_filter_expression"])
def test_an_option_can_be_spelt_as_in_mongodb_and_as_in_python(option: str) -> None:
    assert define_index("x", None, {option: {"x": 1}}).partial == {"x": 1}


def test_an_option_that_is_off_is_as_one_that_is_not_given() -> None:
    given = {"unique": False, "sparse": False, "hidden": False, "partialFilterExpression": None}

    assert define_index("x", None, given) == define_index("x", None, {})


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"unique": 1}, 14),
        ({"sparse": "yes"}, 14),
        ({"partialFilterExpression": 5}, 14),
        ({"partialFilterExpression": {"x": {"$ne": 5}}}, 67),
        ({"partialFilterExpression": {"x": {"$exists": False}}}, 67),
        ({"partialFilterExpression": {"$nor": [{"x": 1}]}}, 67),
        ({"partialFilterExpression": {"$or": [{"x": {"$mod": [2, 0]}}]}}, 67),
        ({"partialFilterExpression": {"x": 1}, "sparse": True}, 67),
    ],
    ids=repr,
)
def test_an_option_that_cannot_have_its_value_is_refused(options: dict[str, Any], code: int) -> None:
    with pytest.raises(QueryError) as caught:
        define_index("x", None, options)

    assert caught.value.code == code


def test_no_other_index_has_the_id_alone() -> None:
    with pytest.raises(QueryError, match="ascends") as caught:
        define_index({"_id": -1}, None, {})

    assert caught.value.code == 2


def test_the_collation_of_an_index_is_not_empty() -> None:
    with pytest.raises(QueryError, match="'collation'") as caught:
        define_index("x", None, {"collation": {}})

    assert caught.value.code == 2


def test_the_index_of_ids_takes_no_options() -> None:
    with pytest.raises(QueryError, match="'unique'") as caught:
        define_index("_id", None, {"unique": True})

    assert caught.value.code == 197


@pytest.mark.parametrize(
    "options",
    [{}, {"unique": True}, {"sparse": True}, {"hidden": True}, {"unique": True, "partialFilterExpression": {"x": 1}}],
    ids=repr,
)
def test_a_definition_is_what_the_log_says_of_it(options: dict[str, Any]) -> None:
    made = define_index([("x", 1), ("y", -1)], "mine", options)

    assert definition_of(made.to_payload()) == made


def test_keys_that_several_indexes_have_name_none() -> None:
    several = [definition("x_1", "x"), define_index("x", "mine", {"unique": True})]
    with pytest.raises(QueryError, match="'x_1', 'mine'") as caught:
        index_name([("x", 1)], several)

    assert caught.value.code == 181
