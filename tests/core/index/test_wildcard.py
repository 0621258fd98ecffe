"""Which keys a document has in a wildcard index, and what can be such an index."""

from __future__ import annotations

from typing import Any

import pytest

from nosqlpy._core.index.catalogue import definition_of
from nosqlpy._core.index.components import component
from nosqlpy._core.index.manager import IndexManager
from nosqlpy._core.index.options import changed_index, define_index
from nosqlpy._core.values.codec import decode_document, encode_document, encode_value, inspect_value
from nosqlpy._core.values.keys import equality_key
from nosqlpy.errors import NotSupportedError, QueryError

NESTED = {"a": {"b": "x", "c": 5}, "d": 2}
EMPTY_ARRAY = object()


def keys_of(document: dict[str, Any], path: str = "$**", **options: Any) -> set[Any]:
    """Return the keys of one document in a wildcard index."""
    blob = encode_document({"_id": 1, **document})
    return set(IndexManager.make(define_index(path, None, options), [1], [blob]).all_values())


def key(path: str, value: Any) -> Any:
    held = component((0,)) if value is EMPTY_ARRAY else component(equality_key(value))
    return (*component(path), *held)


@pytest.mark.parametrize(
    ("document", "pairs"),
    [
        ({}, []),
        ({"a": 1, "b": "x", "c": None, "d": True}, [("a", 1), ("b", "x"), ("c", None), ("d", True)]),
        ({"a": {"b": {"c": 1}, "d": 2}}, [("a.b.c", 1), ("a.d", 2)]),
        ({"a": [1, "x", 1]}, [("a", 1), ("a", "x")]),
        ({"a": [{"b": 1}, {"b": [2, 3]}, 4]}, [("a.b", 1), ("a.b", 2), ("a.b", 3), ("a", 4)]),
        ({"a": {}}, [("a", {})]),
        ({"a": []}, [("a", EMPTY_ARRAY)]),
        ({"a": [{}, 5]}, [("a", {}), ("a", 5)]),
        ({"a": [[1, 2], 3]}, [("a", 3)]),
        ({"a": [[1, 2]]}, [("a", EMPTY_ARRAY)]),
        ({"a": {"0": 1}}, [("a.0", 1)]),
        ({"a": {"x.y": 1}}, [("a", {})]),
    ],
    ids=repr,
)  # fmt: skip
def test_a_document_has_a_key_for_each_value_that_a_path_leads_to(document: Any, pairs: Any) -> None:
    assert keys_of(document) == {key(path, value) for path, value in pairs}


@pytest.mark.parametrize(
    ("path", "projection", "document", "paths"),
    [
        ("a.$**", None, NESTED, {"a.b", "a.c"}),
        ("a.b.$**", None, NESTED, {"a.b"}),
        ("z.$**", None, NESTED, set()),
        ("$**", {"a.b": 1}, NESTED, {"a.b"}),
        ("$**", {"a": {"b": True}}, NESTED, {"a.b"}),
        ("$**", {"a": 1}, NESTED, {"a.b", "a.c"}),
        ("$**", {"a": 1, "_id": 1}, NESTED, {"_id", "a.b", "a.c"}),
        ("$**", {"a": 1, "_id": 0}, NESTED, {"a.b", "a.c"}),
        ("$**", {"_id": 1}, NESTED, {"_id"}),
        ("$**", {"_id": 0}, NESTED, {"a.b", "a.c", "d"}),
        ("$**", {"a.b": 0}, NESTED, {"a.c", "d"}),
        ("$**", {"a": 0, "_id": 1}, NESTED, {"_id", "d"}),
        ("$**", {"a.b": 0.0}, {"a": {"b": 1}}, {"a"}),
        ("$**", {"a.b": 0}, {"a": 7}, {"a"}),
        ("$**", {"a.b": 1}, {"a": 7}, set()),
        ("_id.$**", None, NESTED, {"_id"}),
    ],
    ids=repr,
)
def test_a_path_and_a_projection_say_which_fields_are_there(
    path: str, projection: Any, document: Any, paths: set[str]
) -> None:
    options = {} if projection is None else {"wildcardProjection": projection}

    assert {found[1] for found in keys_of(document, path, **options)} == paths


def test_a_string_of_a_path_is_one_for_all_documents() -> None:
    blobs = [encode_document({"_id": n, "long name": n}) for n in range(2)]
    first, second = IndexManager.make(define_index("$**", None, {}), [0, 1], blobs).all_values()

    assert first[1] is second[1]  # type: ignore[index]


@pytest.mark.parametrize(
    ("keys", "options", "code"),
    [
        ("$**", {"unique": True}, 67),
        ("$**", {"sparse": True}, 67),
        ("$**", {"expireAfterSeconds": 5}, 67),
        ("$**", {"weights": {"a": 1}}, 67),
        ({"$**": "hashed"}, {}, 67),
        ({"a.$**": "text"}, {}, 67),
        ("a.$**.$**", {}, 67),
        ("$**.a", {}, 67),
        ("$**", {"wildcardProjection": {"a": 1, "b": 0}}, 31254),
        ("$**", {"wildcardProjection": {"a": 0, "b": 1}}, 31253),
        ("$**", {"wildcardProjection": {"a": 1, "b": "text"}}, 51271),
        ("$**", {"wildcardProjection": {"a": {"$slice": 1}}}, 51271),
        ("$**", {"wildcardProjection": {}}, 9),
        ("$**", {"wildcardProjection": "a"}, 14),
        ("a.$**", {"wildcardProjection": {"a": 1}}, 9),
        ("a", {"wildcardProjection": {"a": 1}}, 2),
        ({"$**": "text"}, {"wildcardProjection": {"a": 1}}, 2),
        ("$**", {"wildcardProjektion": {"a": 1}}, None),
    ],
    ids=str,
)
def test_a_wildcard_index_that_cannot_be_is_refused(keys: Any, options: Any, code: int | None) -> None:
    with pytest.raises(QueryError) as caught:
        define_index(keys, None, options)

    assert code is None or caught.value.code == code


def test_a_compound_wildcard_index_is_refused_by_name() -> None:
    with pytest.raises(NotSupportedError, match="compound wildcard"):
        define_index({"a": 1, "$**": 1}, None, {"wildcardProjection": {"a": 0}})


def test_no_document_expires_by_a_wildcard_index() -> None:
    held = [define_index("$**", None, {})]
    with pytest.raises(QueryError) as caught:
        changed_index({"name": "$**_1", "expireAfterSeconds": 5}, held)

    assert caught.value.code == 67
    assert changed_index({"keyPattern": {"$**": 1}, "hidden": True}, held) is not None


def test_the_log_gives_back_what_it_was_told() -> None:
    definition = define_index({"$**": -1}, None, {"wildcard_projection": {"a": 1}, "hidden": True})
    payload = inspect_value(encode_value(definition.to_payload()))

    assert definition_of(payload) == definition
    assert definition.name == "$**_-1"
    assert definition.to_document()["wildcardProjection"] == {"a": 1}
    assert decode_document(encode_document({"_id": 1, "k": definition.to_document()}))["k"]["key"] == {"$**": -1}
