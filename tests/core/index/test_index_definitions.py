from __future__ import annotations

from typing import Any

import pytest

from nosqlpy._core.index.catalogue import ID_DEFINITION, IndexDefinition, define_index, index_name
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
        (("x",), "x_1"),
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
        [("x", 1.0)],
        [("x", "hash")],
        [5],
        [("x", 1, 1)],
        [(5, 1)],
        "",
        "a..b",
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


@pytest.mark.parametrize("keys", [[("x", "text")], [("x", "hashed")], "$**", "x.$**", ["x", "y"]], ids=repr)
def test_an_index_of_a_kind_that_only_mongodb_has_is_not_supported(keys: Any) -> None:
    with pytest.raises(NotSupportedError):
        define_index(keys, None, {})


def test_an_option_that_only_mongodb_has_is_not_supported() -> None:
    with pytest.raises(NotSupportedError, match="'unique'"):
        define_index("x", None, {"unique": True})


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
