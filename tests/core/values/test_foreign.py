from __future__ import annotations

import decimal
import re
import sys
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

import bson
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import Ext

from nosqlpy._core.values.codec import encode_document
from nosqlpy._core.values.foreign import check_foreign
from nosqlpy.errors import DocumentError

encode = msgspec.msgpack.Encoder().encode
PATTERN = 3


def nested(levels: int) -> dict[str, Any]:
    """Return a document of so many levels, every second one an array."""
    value: Any = 1
    for level in range(levels - 1):
        value = [value] if level % 2 else {"a": value}
    return {"_id": 1, "v": value}


@pytest.mark.parametrize(
    "document",
    [
        {"_id": 1},
        {"_id": "a", "text": "ж" * 500, "n": [1.5, None, True, -(2**63), 2**63 - 1], "b": b"\x91" * 300},
        {"_id": {"k": datetime(2026, 1, 1, tzinfo=UTC)}, "u": uuid.UUID(int=5), "d": decimal.Decimal("1.5")},
        {"_id": bson.ObjectId(), "p": re.compile("a.*"), "x": [bson.Int64(5), bson.MinKey(), bson.Code("f", {"a": 1})]},
        {"_id": 1, "many": [{"k": n} for n in range(70_000)], "texts": ["x" * 40, "y" * 300, "z" * 70_000]},
        {"_id": 1, "refs": [bson.DBRef("c", n) for n in range(300)], "r": [bson.Regex("x" * 300)] * 200},
        nested(100),
        {"_id": 1, "list": [nested(60)] * 3},
    ],
)
def test_what_nosqlpy_writes_passes(document: dict[str, Any]) -> None:
    assert check_foreign([encode_document(document)]) == [document["_id"]]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"a": 1, "_id": 1},
        {"a": 1},
        {"_id": [1]},
        {"_id": None},
        {"_id": 1, "a\0b": 1},
        {"_id": 1, 5: 1},
        {"_id": 1, "a": {5: 1}},
        {"_id": 1, "a": 2**63},
        {"_id": 1, "a": Ext(99, b"x")},
        {"_id": 1, "a": Ext(PATTERN, b"x")},
        {"_id": 1, "a": Ext(PATTERN, encode({"pattern": "(", "flags": 0}))},
        {"_id": 1, "a": Ext(17, b"123")},
        {"_id": 1, "a": Ext(2, b"no number")},
        nested(101),
        nested(500),
        [1],
        5,
    ],
)
def test_what_nosqlpy_would_not_write_is_refused(document: Any) -> None:
    with pytest.raises(DocumentError):
        check_foreign([encode(document)])


def test_a_document_that_is_cut_short_is_refused() -> None:
    data = encode_document({"_id": 1, "list": [nested(60)] * 3})
    for size in range(len(data)):
        with pytest.raises(DocumentError):
            check_foreign([data[:size]])


@given(st.binary(max_size=300))
def test_any_bytes_are_a_document_or_refused(data: bytes) -> None:
    try:
        check_foreign([data])
    except DocumentError:
        return

    assert isinstance(msgspec.msgpack.decode(data), dict)


HOSTILE = [
    b"\x82\xa3_id\x01\xa1a" + b"\x91" * 1_000_000 + b"\x01",
    b"\x82\xa3_id\x01\xa1a" + b"\x81\xa1b" * 100_000 + b"\x01",
    b"\x82\xa3_id\x01\xa1a" + b"\xdd\xff\xff\xff\xff" * 1000,
    b"\x82\xa3_id\x01\xa1a" + b"\xc9\x00\x0f\x42\x40\x03" + b"\x91" * 1_000_000,
]


@pytest.mark.parametrize("data", HOSTILE, ids=["arrays", "maps", "counts", "extension"])
def test_hostile_nesting_is_refused_on_a_thread_with_a_small_stack(data: bytes) -> None:
    refused = []

    def check() -> None:
        with pytest.raises(DocumentError):
            check_foreign([data])
        refused.append(True)

    before, limit = threading.stack_size(256 << 10), sys.getrecursionlimit()
    try:
        thread = threading.Thread(target=check)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)

    assert refused == [True]
    assert sys.getrecursionlimit() == limit
