"""Importing and exporting BSON: every type, and damage with the byte where it is."""

from __future__ import annotations

import gzip
import io
import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import bson
import bson.json_util
import pytest

from nosqlpy import (
    Client,
    ConfigurationError,
    DuplicateKeyError,
    NotSupportedError,
    QueryError,
)
from nosqlpy._core.values import bson_file
from nosqlpy._io import formats


@pytest.fixture
def db():
    with Client(":memory:") as client:
        yield client


def stream(*documents: dict[str, Any]) -> bytes:
    return b"".join(map(bson.encode, documents))


def load(db: Client, data: bytes, **options: Any) -> int:
    return db["t"].import_file(io.BytesIO(data), format=options.pop("format", "bson"), **options)


EVERY_TYPE = {
    "_id": bson.ObjectId("65a000000000000000000001"),
    "array": [1, {"a": None}, True],
    "long": bson.Int64(5),
    "double": -0.0,
    "date": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
    "far date": bson.DatetimeMS(2**60),
    "binary": bson.Binary(b"x", 128),
    "bytes": b"y",
    "uuid": uuid.UUID(int=5),
    "decimal": bson.Decimal128("1.50"),
    "regex": bson.Regex("^a", "i"),
    "timestamp": bson.Timestamp(5, 6),
    "code": bson.Code("f()", {"a": 1}),
    "plain code": bson.Code("g()"),
    "ref": bson.DBRef("other", 1),
    "min": bson.MinKey(),
    "max": bson.MaxKey(),
}
OPTIONS: Any = bson.CodecOptions(uuid_representation=bson.binary.UuidRepresentation.STANDARD)


def test_every_type_comes_in_and_goes_out_as_it_was(db):
    data = bson.encode(EVERY_TYPE, codec_options=OPTIONS)
    load(db, data)
    target = io.BytesIO()
    db["t"].export_file(target, format="bson")

    assert db["t"].find_one() == EVERY_TYPE
    assert target.getvalue() == data


def test_what_only_python_has_becomes_what_bson_has(db):
    db["t"].insert(
        {"_id": 1, "d": Decimal("2.5"), "p": re.compile("a", re.IGNORECASE), "t": datetime(1, 1, 1, 0, 0, 0, 1999, UTC)}
    )
    target = io.BytesIO()
    db["t"].export_file(target, format="bson")

    assert bson.decode(target.getvalue(), codec_options=OPTIONS.with_options(tz_aware=True)) == {
        "_id": 1,
        "d": bson.Decimal128("2.5"),
        "p": bson.Regex("a", re.IGNORECASE | re.UNICODE),
        "t": datetime(1, 1, 1, 0, 0, 0, 1000, UTC),
    }


@pytest.mark.parametrize("name", ["a.bson", "a.bson.gz", "A.BSON.GZ"])
def test_the_name_of_a_file_says_that_it_is_bson(db, tmp_path, name):
    db["t"].insert_many([{"_id": n} for n in range(2500)])
    exported = db["t"].export_file(tmp_path / name)
    imported = db["u"].import_file(tmp_path / name)

    assert exported == imported == 2500
    assert db["u"].find().to_list() == db["t"].find().to_list()
    assert ((tmp_path / name).read_bytes()[:2] == b"\x1f\x8b") is name.lower().endswith("gz")


@pytest.mark.parametrize("block", [1, 3, 50])
def test_documents_may_lie_anywhere_in_the_blocks(db, monkeypatch, block):
    monkeypatch.setattr(formats, "BLOCK_SIZE", block)

    assert load(db, stream(*({"_id": n, "t": "x" * n} for n in range(60)))) == 60
    assert db["t"].get(59) == {"_id": 59, "t": "x" * 59}


def test_an_empty_file_has_no_documents(db):
    assert load(db, b"") == 0


ONE = stream({"_id": 1})


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (ONE[:-1], "ends inside a document"),
        (b"\x05\x00", "ends inside a document"),
        (b"\x04\x00\x00\x00\x00", "cannot have 4 bytes"),
        (b"\xff\xff\xff\xff\x00", "cannot have -1 bytes"),
        (b"\xff\xff\xff\x7f\x00", "cannot have 2147483647 bytes"),
        (ONE[:-1] + b"\x01", "no document ends"),
        (b"\x08\x00\x00\x00\x99a\x00\x00", "no document"),
        (bson.encode({"a": "xy"}).replace(b"xy", b"\xff\xff"), "no document"),
    ],
)
@pytest.mark.parametrize("before", [0, 3, 1500])
def test_damage_is_told_with_its_byte_and_what_is_before_it_stays(db, tail, reason, before):
    data = stream(*({"_id": n} for n in range(before)))
    with pytest.raises(QueryError, match=reason) as caught:
        load(db, data + tail)

    assert caught.value.details == {"offset": len(data), "imported": before}
    assert f"byte {len(data)}: " in str(caught.value)
    assert db["t"].count() == before


def test_an_id_that_is_taken_is_told_with_the_byte_of_its_document(db):
    with pytest.raises(DuplicateKeyError, match=f"byte {len(ONE)}: ") as caught:
        load(db, ONE + ONE)

    assert caught.value.details["offset"] == len(ONE)
    assert caught.value.details["imported"] == 1


def test_an_upsert_and_a_replacement_are_those_of_other_formats(db):
    db["t"].insert_many([{"_id": 1, "old": True}, {"_id": 2}])

    assert load(db, ONE, mode="upsert") == 1
    assert db["t"].find().to_list() == [{"_id": 1}, {"_id": 2}]
    assert load(db, ONE, mode="replace") == 1
    assert db["t"].find().to_list() == [{"_id": 1}]


def test_what_is_rejected_is_given_with_its_bytes_and_the_rest_goes_in(db):
    broken = b"\x08\x00\x00\x00\x99a\x00\x00"
    rejected: list[Any] = []
    imported = load(db, ONE + broken + ONE + stream({"_id": 2}), on_reject=rejected.append)

    assert imported == 2
    assert [(one["offset"], one["bson"]) for one in rejected] == [(len(ONE), broken), (len(ONE + broken), ONE)]
    assert db["t"].count() == 2


ZIPPED = gzip.compress(ONE + stream({"_id": 2}), mtime=0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (ZIPPED[:-12], "cut short"),
        (ZIPPED[:-1], "cut short"),
        (b"", "cut short"),
        (ONE, "gzip"),
        (ZIPPED[:-8] + b"\0" * 8, "incorrect data check"),
        (ZIPPED + b"more", "header"),
    ],
    ids=["cut in the data", "cut in the end", "empty", "not compressed", "changed", "more behind it"],
)
def test_a_damaged_compressed_file_is_told(db, data, reason):
    with pytest.raises(QueryError, match=reason):
        load(db, data, format="bson.gz")


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_parts_that_were_compressed_one_by_one_are_read_as_one(db, monkeypatch, size):
    monkeypatch.setattr(formats, "BLOCK_SIZE", size)
    parts = gzip.compress(ONE) + gzip.compress(b"") + gzip.compress(stream({"_id": 2, "a": "x" * 5000})) + bytes(9)

    assert load(db, parts, format="bson.gz") == 2
    assert db["t"].get(2) == {"_id": 2, "a": "x" * 5000}


def test_a_compressed_file_that_is_not_said_to_be_one_is_told(db):
    with pytest.raises(QueryError, match=r"byte 0: the file is compressed with gzip: say format='bson\.gz'"):
        load(db, ZIPPED)


def test_a_compressed_file_of_much_nothing_costs_no_memory_and_is_no_document(db):
    with pytest.raises(QueryError, match="cannot have 0 bytes"):
        load(db, gzip.compress(bytes(20 << 20)), format="bson.gz")


def test_an_archive_is_refused_by_name(db):
    with pytest.raises(NotSupportedError, match="--archive"):
        load(db, b"\x6d\xe2\x99\x81rest")


def test_without_pymongo_the_extra_is_named(db, monkeypatch):
    def missing(name: str) -> Any:
        raise ImportError(name)

    bson_file._codec.cache_clear()
    monkeypatch.setattr(bson_file, "import_module", missing)
    with pytest.raises(NotSupportedError, match=r"nosqlpy\[mongodb\]"):
        load(db, ONE)


# ── Extended JSON in its canonical form ──────────────────────────────────────────


def test_the_canonical_form_keeps_the_type_of_every_number(db):
    db["t"].insert({"_id": 1, "n": [2**31, 1.0, bson.Int64(1)], "at": datetime(2026, 1, 1, tzinfo=UTC)})
    target = io.BytesIO()
    db["t"].export_file(target, canonical=True)

    assert target.getvalue() == (
        b'{"_id":{"$numberInt":"1"},"n":[{"$numberLong":"2147483648"},{"$numberDouble":"1.0"},{"$numberLong":"1"}],'
        b'"at":{"$date":{"$numberLong":"1767225600000"}}}\n'
    )
    assert db["u"].import_file(io.BytesIO(target.getvalue())) == 1
    assert db["u"].find().to_list() == db["t"].find().to_list()


def test_the_canonical_form_is_that_of_pymongo(db):
    document = {name: value for name, value in EVERY_TYPE.items() if name != "uuid"}
    db["t"].insert(document)
    target = io.BytesIO()
    db["t"].export_file(target, format="json", canonical=True)

    theirs = bson.json_util.dumps([document], json_options=bson.json_util.CANONICAL_JSON_OPTIONS)
    assert b"".join(target.getvalue().split()) == b"".join(theirs.encode().split())


@pytest.mark.parametrize("format", ["csv", "bson"])
def test_what_is_no_json_has_no_canonical_form(db, format):
    with pytest.raises(ConfigurationError, match="canonical"):
        db["t"].export_file(io.BytesIO(), format=format, canonical=True)
