"""Extended JSON on the core alone: values back as themselves, arrays cut anywhere, and refusals with their place."""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import bson
import pytest

from nosqlpy._core.values.extended_json import decode_json, encode_json
from nosqlpy._core.values.json_array import array_batches
from nosqlpy._core.values.json_text import DEPTH_MAX, check_depth
from nosqlpy.errors import DocumentError, DocumentTooLarge, NotSupportedError, QueryError

VALUES: list[Any] = [
    None,
    True,
    5,
    -(2**63),
    1.5,
    float("inf"),
    float("-inf"),
    "text",
    b"bytes",
    [1, [2, {"a": None}]],
    {"a": {"b": 1}},
    uuid.UUID(int=7),
    Decimal("1.50"),
    datetime(2024, 1, 31, 12, 30, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    re.compile("a.*b", re.IGNORECASE),
    bson.ObjectId("0123456789abcdef01234567"),
    bson.Int64(5),
    bson.Timestamp(5, 6),
    bson.MinKey(),
    bson.MaxKey(),
    bson.Binary(b"x", 5),
    bson.Code("f()"),
    bson.Code("f()", {"a": 1}),
    bson.Regex("(?<x>a)", "i"),
    bson.DBRef("c", 1),
    {"$ref": 5, "x": 1},
]


def alike(a: Any, b: Any) -> bool:
    return type(a) is type(b) and (a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b)))


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_from_json_as_itself(value: Any) -> None:
    found = decode_json(encode_json({"v": value}))["v"]

    assert found == value
    assert isinstance(value, bson.Int64 | bson.Regex) or alike(found, value)


def test_nan_comes_back() -> None:
    assert math.isnan(decode_json(encode_json({"v": float("nan")}))["v"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"$date":"2024-01-31"}', datetime(2024, 1, 31, tzinfo=UTC)),
        ('{"$date":{"$numberLong":"0"}}', datetime(1970, 1, 1, tzinfo=UTC)),
        ('{"$date":1000}', datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ('{"$numberInt":"5"}', 5),
        ('{"$numberDouble":"-Infinity"}', float("-inf")),
        ('{"$uuid":"00000000-0000-0000-0000-000000000007"}', uuid.UUID(int=7)),
    ],
    ids=str,
)
def test_other_spellings_of_a_type_are_taken(text: str, value: Any) -> None:
    assert decode_json(f'{{"v":{text}}}'.encode())["v"] == value


@pytest.mark.parametrize(
    "text",
    [
        '{"$oid":"xyz"}',
        '{"$oid":5}',
        '{"$date":"2024-01-31T12:00"}',
        '{"$date":true}',
        '{"$date":"soon"}',
        '{"$numberInt":"99999999999"}',
        '{"$numberLong":"x"}',
        '{"$numberDouble":"1e999"}',
        '{"$numberDecimal":"1_0"}',
        '{"$numberDecimal":5}',
        '{"$binary":{"base64":"!","subType":"00"}}',
        '{"$binary":{"base64":"AA==","subType":"xyz"}}',
        '{"$binary":{"base64":"AA=="}}',
        '{"$regularExpression":{"pattern":1,"options":""}}',
        '{"$timestamp":{"t":-1,"i":0}}',
        '{"$minKey":2}',
        '{"$code":5}',
        '{"$code":"x","$scope":5}',
        '{"$scope":{}}',
        '{"$oid":"0123456789abcdef01234567","x":1}',
        '{"$uuid":"7"}',
    ],
    ids=str,
)
def test_a_types_object_that_holds_something_else_is_refused_with_its_path(text: str) -> None:
    with pytest.raises(QueryError, match=r"^v") as caught:
        decode_json(f'{{"v":{text}}}'.encode())

    assert caught.value.code == 9


@pytest.mark.parametrize("text", ['{"$dbPointer":{}}', '{"$symbol":"x"}', '{"$undefined":true}'], ids=str)
def test_a_type_that_cannot_be_stored_is_refused_by_name(text: str) -> None:
    with pytest.raises(NotSupportedError, match=re.escape(text[2:6])):
        decode_json(f'{{"v":{text}}}'.encode())


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (b'{"a":1}x', 1, 8),
        (b'{"a":\n tru}', 2, 2),
        (b'{"a":"\xff"}', 1, 7),
        (b'{"a":"\\ud800"}', 1, 7),
        (b'{"a":1', 1, 7),
        (b'{"a":1e999}', 1, 6),
        (b"[1]", 1, 1),
        (b'"x"', 1, 1),
        (b"null", 1, 1),
        (b"true", 1, 1),
        (b"5", 1, 1),
    ],
    ids=repr,
)
def test_what_is_no_document_is_refused_with_its_place(text: bytes, line: int, column: int) -> None:
    with pytest.raises(QueryError) as caught:
        decode_json(text)

    assert (caught.value.details["line"], caught.value.details["column"]) == (line, column)


def test_nesting_is_counted_before_anything_is_decoded_and_brackets_in_texts_do_not_count() -> None:
    check_depth(b'{"a":"' + b"[{" * 500 + b'"}')
    check_depth(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"[]" * 200)
    with pytest.raises(DocumentError) as caught:
        check_depth(b"\n" + b"[" * (DEPTH_MAX + 1))

    assert caught.value.details == {"line": 2, "column": DEPTH_MAX + 1}


# ── arrays ──────────────────────────────────────────────────────────────────────

ARRAY = b' [ {"a": "]},[\\"\\\\"} ,\n{"b": [1, {"c": 2}]}, {} ]\n'


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def documents(data: bytes, size: int = 7, size_max: int = 1000) -> list[Any]:
    found: list[Any] = []
    for batch in array_batches(cut(data, size), size_max):
        found += batch.documents
        if batch.error is not None:
            found.append((batch.error.details["line"], batch.error.details["column"]))
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20, 1000])
def test_an_array_is_split_into_its_elements_wherever_it_is_cut(size: int) -> None:
    assert documents(ARRAY, size) == [{"a": ']},["\\'}, {"b": [1, {"c": 2}]}, {}]


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_elements_of_thousands_of_texts_and_brackets_are_split_as_small_ones_are(size: int) -> None:
    flat = {f"name {number}": "],[{\\" for number in range(1200)}
    deep = {"a": [[{"b": [number]}] for number in range(1200)], "c": [flat]}
    text = json.dumps([flat, deep, {}, flat]).encode()

    assert documents(text, size, 1 << 20) == [flat, deep, {}, flat]


def test_an_empty_array_has_no_documents() -> None:
    assert documents(b" [ ] ") == []


def test_elements_that_are_no_documents_are_told_with_their_place_and_the_others_read() -> None:
    assert documents(b'[{"a":1},\n 5, {"b":tru}, {"c":3}]') == [{"a": 1}, (2, 2), (2, 10), {"c": 3}]


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b'{"a":1}', 1, 1),
        (b"", 1, 1),
        (b"\n x", 2, 2),
        (b'[{"a":1}', 1, 9),
        (b"[{},]", 1, 5),
        (b"[,{}]", 1, 2),
        (b"[{}]\n x", 2, 2),
    ],
    ids=repr,
)
def test_what_is_no_array_is_refused_with_its_place(data: bytes, line: int, column: int) -> None:
    with pytest.raises(QueryError) as caught:
        documents(data)

    assert (caught.value.details["line"], caught.value.details["column"]) == (line, column)


def test_an_element_that_no_document_can_be_is_not_waited_for() -> None:
    with pytest.raises(DocumentTooLarge):
        documents(b'[{"a":"' + b"x" * 2000, size_max=1000)
