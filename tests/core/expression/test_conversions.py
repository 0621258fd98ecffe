"""Conversions: $convert and its short forms.

Cases are those of the manual's pages (reference/operator/aggregation/convert,
toBool, toDate, toDecimal, toDouble, toInt, toLong, toObjectId, toString, toUUID)
and of the server's tests (convert.js, convert_bindata.js, evaluate_convert_test.cpp).
"""

from __future__ import annotations

import re
from decimal import Decimal
from uuid import UUID

import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from hypothesis import given
from hypothesis import strategies as st

from core.expression.evaluating import INF, NAN, NOTHING, code_of, date, evaluate, typed
from nosqlpy._core.expression import conversions
from nosqlpy._core.values.extensions import bson_class
from nosqlpy.errors import NotSupportedError

HEX = "0123456789abcdef01234567"
DAY = date("1970-01-01T00:00:00.123Z")
UUID_TEXT = "0e3b9063-8abd-4eb3-9f9f-f4c59fd30a60"

CONVERSIONS = [
    (1.9, "double", 1.9),
    (1.9, "string", "1.9"),
    (1.9, "bool", True),
    (1.9, "date", date("1970-01-01T00:00:00.001Z")),
    (1.9, "int", 1),
    (-1.9, "int", -1),
    (1.9, "long", Int64(1)),
    (1.9, "decimal", Decimal("1.90000000000000")),
    (2.0, "string", "2"),
    (1e22, "string", "1e+22"),
    (1e15, "string", "1000000000000000"),
    (0.1, "string", "0.1"),
    (-0.0, "string", "-0"),
    (NAN, "string", "NaN"),
    (-INF, "string", "-Infinity"),
    (0.0, "bool", False),
    (NAN, "bool", True),
    (2147483647.0, "int", 2147483647),
    (-2147483648.0, "int", -2147483648),
    ("1.9", "double", 1.9),
    ("-5.5e2", "double", -550.0),
    (".5", "double", 0.5),
    ("Infinity", "double", INF),
    ("nan", "double", NAN),
    ("str", "string", "str"),
    (HEX, "objectId", ObjectId(HEX)),
    ("", "bool", True),
    ("false", "bool", True),
    ("1970-01-01T00:00:00.001Z", "date", date("1970-01-01T00:00:00.001Z")),
    ("2018-03-03", "date", date("2018-03-03T00:00:00Z")),
    ("2018-03", "date", date("2018-03-01T00:00:00Z")),
    ("Mar 2018", "date", date("2018-03-01T00:00:00Z")),
    ("2018-W09-6", "date", date("2018-03-03T00:00:00Z")),
    ("2018W09", "date", date("2018-02-26T00:00:00Z")),
    ("2018-062 10:30", "date", date("2018-03-03T10:30:00Z")),
    ("2018062", "date", date("2018-03-03T00:00:00Z")),
    ("2018-03-20 11:00:06 +0500", "date", date("2018-03-20T06:00:06Z")),
    ("1", "int", 1),
    ("+7", "int", 7),
    ("-2147483648", "int", -(2**31)),
    ("1", "long", Int64(1)),
    ("9223372036854775807", "long", Int64(2**63 - 1)),
    ("1.9", "decimal", Decimal("1.9")),
    ("1E-6", "decimal", Decimal("0.000001")),
    (ObjectId(HEX), "string", HEX),
    (ObjectId(HEX), "bool", True),
    (ObjectId(HEX), "objectId", ObjectId(HEX)),
    (ObjectId(HEX), "date", date("1970-08-09T22:25:43Z")),
    (False, "double", 0.0),
    (False, "string", "false"),
    (True, "string", "true"),
    (False, "bool", False),
    (True, "int", 1),
    (False, "long", Int64(0)),
    (True, "decimal", Decimal(1)),
    (DAY, "double", 123.0),
    (DAY, "string", "1970-01-01T00:00:00.123Z"),
    (DAY, "bool", True),
    (DAY, "date", DAY),
    (DAY, "long", Int64(123)),
    (DAY, "decimal", Decimal(123)),
    (1, "double", 1.0),
    (1, "string", "1"),
    (1, "bool", True),
    (0, "bool", False),
    (1, "int", 1),
    (1, "long", Int64(1)),
    (1, "decimal", Decimal(1)),
    (Int64(1), "double", 1.0),
    (Int64(1), "string", "1"),
    (Int64(0), "bool", False),
    (Int64(1), "date", date("1970-01-01T00:00:00.001Z")),
    (1519269138000, "date", date("2018-02-22T03:12:18Z")),
    (Int64(1), "long", Int64(1)),
    (Int64(1), "decimal", Decimal(1)),
    (Decimal("1.9"), "double", 1.9),
    (Decimal("1.9"), "string", "1.9"),
    (Decimal128("1E+3"), "string", "1E+3"),
    (Decimal("NaN"), "string", "NaN"),
    (Decimal("1.9"), "bool", True),
    (Decimal(0), "bool", False),
    (Decimal("1.9"), "date", date("1970-01-01T00:00:00.001Z")),
    (Decimal("-1.9"), "int", -1),
    (Decimal("1.9"), "long", Int64(1)),
    (Decimal("1.9"), "decimal", Decimal("1.9")),
    (Decimal128("1.9"), "decimal", Decimal128("1.9")),
    (Timestamp(5, 1), "date", date("1970-01-01T00:00:05Z")),
    (MinKey(), "bool", True),
    (MaxKey(), "bool", True),
    ({"foo": 1}, "bool", True),
    ([], "bool", True),
    (b"x", "bool", True),
    (re.compile("B*"), "bool", True),
    (Code("x"), "bool", True),
    (Timestamp(0, 1), "bool", True),
]


@pytest.mark.parametrize(("value", "target", "expected"), CONVERSIONS, ids=str)
def test_a_value_converts_as_on_the_server(value, target, expected):
    document = {"value": value, "target": target}

    assert typed(evaluate({"$convert": {"input": "$value", "to": target}}, document)) == typed(expected)
    assert typed(evaluate({"$convert": {"input": "$value", "to": "$target"}}, document)) == typed(expected)
    short = {"$to" + target[0].upper() + target[1:]: "$value"}
    assert typed(evaluate(short, document)) == typed(expected)


IMPOSSIBLE = [
    (1.9, "objectId"),
    (ObjectId(HEX), "double"),
    (ObjectId(HEX), "int"),
    (False, "objectId"),
    (False, "date"),
    (DAY, "objectId"),
    (DAY, "int"),
    (1, "objectId"),
    (1, "date"),
    (Decimal("1.9"), "objectId"),
    *(
        (1.9, name)
        for name in ("minKey", "missing", "object", "array", "undefined", "null", "regex", "timestamp", "maxKey")
    ),
    (MinKey(), "date"),
    ({"a": 1}, "int"),
    ([1], "int"),
    (Timestamp(1, 1), "long"),
    (2147483648.0, "int"),
    (-2147483649.0, "int"),
    (2147483647.5, "int"),
    (9.3e18, "long"),
    (NAN, "int"),
    (INF, "long"),
    (NAN, "date"),
    (2**31, "int"),
    (Int64(2**31), "int"),
    (Decimal("1E+20"), "long"),
    (Decimal("NaN"), "int"),
    (Decimal("1E+400"), "double"),
    ("", "int"),
    (" 5", "int"),
    ("5 ", "int"),
    ("5.5", "int"),
    ("1_000", "int"),
    ("0x10", "int"),
    ("2147483648", "int"),
    ("9223372036854775808", "long"),
    ("", "double"),
    ("1.5x", "double"),
    ("0x1p3", "double"),
    ("1e999", "double"),
    ("1E+7000", "decimal"),
    ("one", "decimal"),
    ("not hex", "objectId"),
    (HEX + "0", "objectId"),
    ("Friday", "date"),
    ("2018-W54", "date"),
    ("2018-13", "date"),
    (1e300, "date"),
    (Int64(2**62), "date"),
]


@pytest.mark.parametrize(("value", "target"), IMPOSSIBLE, ids=str)
def test_what_cannot_be_converted_is_a_conversion_failure_that_on_error_answers(value, target):
    document = {"value": value}
    convert = {"input": "$value", "to": target}

    assert code_of({"$convert": convert}, document) == 241
    assert evaluate({"$convert": {**convert, "onError": "ERROR"}}, document) == "ERROR"
    assert evaluate({"$convert": {**convert, "onError": "$$REMOVE"}}, document) is NOTHING


CASES = [
    ({"$convert": {"input": True, "to": 8}}, True),
    ({"$convert": {"input": "5", "to": 16.0}}, 5),
    ({"$convert": {"input": None, "to": "int"}}, None),
    ({"$convert": {"input": "$missing", "to": "int", "onNull": "NULL"}}, "NULL"),
    ({"$convert": {"input": None, "to": None, "onNull": "NULL"}}, "NULL"),
    ({"$convert": {"input": 5, "to": None, "onNull": "NULL"}}, None),
    ({"$convert": {"input": 5, "to": "$missing"}}, None),
    ({"$convert": {"input": "5", "to": {"type": "int"}}}, 5),
    ({"$toInt": None}, None),
    ({"$toString": "$missing"}, None),
    ({"$toInt": ["5"]}, 5),
    ({"$toBool": None}, None),
    # binary
    ({"$toString": UUID(UUID_TEXT)}, UUID_TEXT),
    ({"$toString": b"hello"}, "aGVsbG8="),
    ({"$toUUID": UUID_TEXT}, UUID(UUID_TEXT)),
    ({"$toUUID": UUID(UUID_TEXT)}, UUID(UUID_TEXT)),
    ({"$convert": {"input": "hello", "to": "binData", "format": "utf8"}}, b"hello"),
    ({"$convert": {"input": "aGVsbG8=", "to": "binData", "format": "base64"}}, b"hello"),
    ({"$convert": {"input": "-_8", "to": "binData", "format": "base64url"}}, b"\xfb\xff"),
    ({"$convert": {"input": "68656C6c", "to": "binData", "format": "hex"}}, b"hell"),
    ({"$convert": {"input": "hi", "to": {"type": "binData", "subtype": 5}, "format": "utf8"}}, Binary(b"hi", 5)),
    ({"$convert": {"input": b"hello", "to": "string", "format": "utf8"}}, "hello"),
    ({"$convert": {"input": b"\xfb\xff", "to": "string", "format": "base64url"}}, "-_8"),
    ({"$convert": {"input": b"\xfb\xff", "to": "string", "format": "hex"}}, "FBFF"),
    ({"$convert": {"input": b"hello", "to": "binData"}}, b"hello"),
    ({"$convert": {"input": UUID(UUID_TEXT), "to": "string", "format": "uuid"}}, UUID_TEXT),
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=str)
def test_the_options_of_convert_mean_what_they_do_on_the_server(expression, expected):
    assert typed(evaluate(expression)) == typed(expected)


ERRORS = [
    ({"$convert": 5}, 9),
    ({"$convert": {"to": "int"}}, 9),
    ({"$convert": {"input": 5}}, 9),
    ({"$convert": {"input": 5, "to": "int", "zoot": 1}}, 9),
    ({"$convert": {"input": 5, "to": "dinosaur"}}, 2),
    ({"$convert": {"input": None, "to": "dinosaur"}}, 2),
    ({"$convert": {"input": 5, "to": 3.6}}, 9),
    ({"$convert": {"input": 5, "to": 55}}, 9),
    ({"$convert": {"input": 5, "to": ["int"]}}, 9),
    ({"$convert": {"input": 5, "to": {"subtype": 4}}}, 9),
    ({"$convert": {"input": 5, "to": {"type": "int", "zoot": 4}}}, 9),
    ({"$convert": {"input": "x", "to": {"type": "binData", "subtype": 55}, "format": "utf8"}}, 4341107),
    ({"$convert": {"input": "x", "to": {"type": "binData", "subtype": 1.5}, "format": "utf8"}}, 4341106),
    ({"$convert": {"input": "x", "to": {"type": "binData", "subtype": "x"}, "format": "utf8"}}, 4341108),
    ({"$convert": {"input": "x", "to": "binData", "format": 5}}, 4341114),
    ({"$convert": {"input": "x", "to": "binData", "format": "base65"}}, 4341125),
    ({"$convert": {"input": "x", "to": "binData"}}, 4341115),
    ({"$convert": {"input": b"x", "to": "string"}}, 4341115),
    ({"$convert": {"input": "x", "to": "binData", "format": "hex"}}, 241),
    ({"$convert": {"input": "é", "to": "binData", "format": "base64"}}, 241),
    ({"$convert": {"input": "x", "to": "binData", "format": "uuid"}}, 241),
    ({"$convert": {"input": "x", "to": "binData", "format": "auto"}}, 241),
    ({"$convert": {"input": b"\xff", "to": "string", "format": "utf8"}}, 241),
    ({"$convert": {"input": b"x", "to": "string", "format": "uuid"}}, 241),
    ({"$convert": {"input": b"x", "to": {"type": "binData", "subtype": 4}}}, 241),
    ({"$convert": {"input": {"$divide": [1, 0]}, "to": "string", "onError": "ERROR"}}, 2),
    ({"$toInt": ["1", "2"]}, 50723),
    ({"$toString": []}, 50723),
    ({"$toUUID": "not a uuid"}, 241),
]


@pytest.mark.parametrize(("expression", "code"), ERRORS, ids=str)
def test_a_conversion_that_means_nothing_fails_with_mongodbs_code(expression, code):
    assert code_of(expression) == code


@pytest.fixture
def without_pymongo(monkeypatch):
    def no_class(_module, name):
        raise NotSupportedError(name)

    monkeypatch.setattr(conversions, "bson_class", no_class)


@pytest.mark.usefixtures("without_pymongo")
def test_without_pymongo_a_long_is_an_int():
    assert typed(evaluate({"$toLong": "$x"}, {"x": "5"})) == typed(5)


@pytest.mark.usefixtures("without_pymongo")
def test_without_pymongo_an_object_id_is_refused_with_the_extra_to_install():
    with pytest.raises(NotSupportedError, match=r"nosqlpy\[mongodb\]"):
        evaluate({"$toObjectId": "$x"}, {"x": HEX})


def test_with_pymongo_a_long_has_its_own_type():
    assert type(evaluate({"$toLong": 5})) is bson_class("int64", "Int64")


@given(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False))
def test_a_number_written_and_read_again_is_the_same(number):
    back = {"$toDouble" if type(number) is float else "$toLong": {"$toString": "$n"}}

    assert evaluate(back, {"n": number}) == number
