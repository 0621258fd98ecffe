"""A field is changed where it lies: the bytes are those of the whole document encoded anew, or there are none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nosqlpy._core.update.compile import compile_update
from nosqlpy._core.values.codec import decode_document, encode_document
from nosqlpy._core.values.splice import Field, field_of
from nosqlpy.errors import NosqlpyError

SIZE_MAX = 16 << 20

# few letters, so that names and values look alike
texts = st.text("ab\xa1", max_size=3)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), texts, st.binary(max_size=3)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
documents = st.dictionaries(texts.filter(bool), values, max_size=5).map(lambda fields: {"_id": 1, **fields})
paths = st.sampled_from(["a", "b", "ab", "a.b", "b.a", "a.1"])
updates = st.one_of(
    st.builds(lambda path, value: {"$set": {path: value}}, paths, values),
    st.builds(lambda path, value: {"$inc": {path: value}}, paths, st.integers(-3, 2**62) | st.floats(-9, 9)),
    st.builds(lambda path, value: {"$push": {path: value}}, paths, values),
    st.builds(lambda path: {"$unset": {path: ""}}, paths),
    st.builds(lambda value: {"$set": {"a.a": value}, "$unset": {"a.b": ""}}, values),
)


def changed(field: Field | None, document: dict[str, Any], value: Any) -> dict[str, Any] | None:
    assert field is not None
    data = field.changed(encode_document(document), lambda _: value)
    return None if data is None else decode_document(data)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(documents, updates)
def test_a_patch_has_the_bytes_of_the_whole_document_that_was_updated(
    document: dict[str, Any], update: dict[str, Any]
) -> None:
    data = encode_document(document)
    try:
        compile_update(update)
        updater = compile_update(update)
        expected = encode_document(updater.apply(decode_document(data)))
    except NosqlpyError:
        return
    patched = updater.patch(data, SIZE_MAX)

    assert patched is None or patched == expected


def test_a_field_gets_its_new_value_and_keeps_its_place() -> None:
    assert changed(field_of("a"), {"_id": 1, "a": 2, "b": 3}, "x") == {"_id": 1, "a": "x", "b": 3}


@pytest.mark.parametrize(
    "document",
    [
        {"_id": 1},
        {"_id": 1, "b": {"a": 2}},
        {"_id": 1, "a": 2, "b": {"a": 2}},
        {"_id": 1, "a": 2, "c": b"\xa1a\x02"},
        {"_id": 1, "b": "a", "a": "a"},
    ],
    ids=["missing", "below another", "also below another", "in bytes", "overlapping"],
)
def test_a_field_that_is_not_found_once_is_left_to_others(document: dict[str, Any]) -> None:
    assert changed(field_of("a"), document, 5) is None


@pytest.mark.parametrize("value", [2**63, 2**70, "\udc80", {1}, {"b": object()}])
def test_a_value_that_cannot_be_stored_is_left_to_others(value: Any) -> None:
    assert changed(field_of("a"), {"_id": 1, "a": 2}, value) is None


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\tb"])
def test_a_name_that_no_struct_has_is_no_field(name: str) -> None:
    assert field_of(name) is None
    assert compile_update({"$set": {name: 1}}).apply({}) == {name: 1}


def test_a_name_that_cannot_be_stored_is_no_field() -> None:
    assert field_of("\udc80") is None
