"""Without pymongo a value of a bson type is compared, sorted and stored again as what it is."""

from __future__ import annotations

import random
from typing import Any

import bson
import pytest
from bson import code, datetime_ms, dbref, decimal128, int64, max_key, min_key, regex, timestamp
from hypothesis import given
from hypothesis import strategies as st

from nosqlpy._core.values import extensions
from nosqlpy._core.values.codec import decode_id, encode_document, encode_value, inspect_document, inspect_value
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.order import order_key
from nosqlpy._core.values.types import type_number

VALUES = [
    bson.ObjectId("0123456789abcdef01234567"),
    int64.Int64(-5),
    decimal128.Decimal128("1.50"),
    decimal128.Decimal128("-0E-6176"),
    decimal128.Decimal128("9999999999999999999999999999999999E+6111"),
    decimal128.Decimal128("-Infinity"),
    decimal128.Decimal128("NaN"),
    decimal128.Decimal128.from_bid(bytes(13) + b"\x00\x00\x6c"),
    bson.Binary(b"ab", 128),
    regex.Regex("^a[", "im"),
    timestamp.Timestamp(100, 2),
    min_key.MinKey(),
    max_key.MaxKey(),
    code.Code("f()"),
    code.Code("f()", {"x": bson.ObjectId("0123456789abcdef01234567")}),
    dbref.DBRef("users", bson.ObjectId("0123456789abcdef01234567"), extra=1),
    datetime_ms.DatetimeMS(5),
    datetime_ms.DatetimeMS(2**62),
]


@pytest.fixture(autouse=True)
def without_pymongo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is to be tested believes it: the test itself needs pymongo."""
    monkeypatch.setattr(extensions, "_has_bson", lambda: False)


def stand_in(value: Any) -> Any:
    found = inspect_value(encode_value(value))
    assert type(found) is not type(value)
    return found


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_stand_in_compares_as_the_value(value: Any) -> None:
    assert order_key(stand_in(value)) == order_key(value)
    assert equality_key(stand_in(value)) == equality_key(value)
    assert type_number(stand_in(value)) == type_number(value)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_stand_in_is_stored_as_the_value(value: Any) -> None:
    assert encode_value(stand_in(value)) == encode_value(value)
    assert encode_document({"_id": 1, "a": [stand_in(value)]}) == encode_document({"_id": 1, "a": [value]})


def test_stand_ins_are_found_in_documents_and_ids() -> None:
    id = bson.ObjectId()
    data = encode_document({"_id": id, "a": {"b": int64.Int64(3)}})

    assert decode_id(data).binary == id.binary
    assert inspect_document(data)["a"] == {"b": 3}


@given(st.decimals(allow_nan=False, places=None).filter(lambda number: len(number.as_tuple().digits) <= 34))
def test_a_decimal128_stands_for_its_number(number: Any) -> None:
    try:
        value = decimal128.Decimal128(number)
    except ArithmeticError:  # its exponent is past Decimal128
        return

    assert stand_in(value).to_decimal().as_tuple() == value.to_decimal().as_tuple()


def test_any_16_bytes_stand_for_the_number_that_pymongo_takes_them_for() -> None:
    numbers = random.Random(1)
    for _ in range(3000):
        value = decimal128.Decimal128.from_bid(numbers.randbytes(16))
        if value.to_decimal().is_snan():
            continue

        assert str(stand_in(value).to_decimal()) == str(value.to_decimal())
