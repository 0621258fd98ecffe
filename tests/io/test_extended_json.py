"""Extended JSON keeps every value and its type, reads both forms, and says what is wrong."""

from __future__ import annotations

import math
import re
import threading
import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import bson
import msgspec
import pytest
from bson.json_util import CANONICAL_JSON_OPTIONS, RELAXED_JSON_OPTIONS, dumps
from hypothesis import given
from hypothesis import strategies as st

from nosqlpy.errors import DocumentError, NotSupportedError, QueryError
from nosqlpy.extended_json import decode_json, encode_json

KEYS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8).filter(
    lambda key: not key.startswith("$")
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
DATES = st.datetimes(timezones=st.just(UTC))
BINARIES = st.builds(bson.Binary, st.binary(max_size=20), st.sampled_from([1, 2, 3, 5, 6, 128, 255]))
FLAGS = [0, re.IGNORECASE, re.MULTILINE | re.DOTALL, re.VERBOSE, re.ASCII, re.ASCII | re.IGNORECASE]
PATTERNS = st.builds(re.compile, TEXT.map(re.escape), st.sampled_from(FLAGS))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    TEXT,
    st.binary(max_size=30),
    DATES,
    st.uuids(),
    st.decimals(places=3, min_value=-(10**20), max_value=10**20),
    st.sampled_from([Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal("1E+6000"), Decimal("-0.0")]),
    PATTERNS,
    st.builds(bson.ObjectId, st.binary(min_size=12, max_size=12)),
    st.integers(-(2**63), 2**63 - 1).map(bson.Int64),
    st.builds(bson.Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    st.just(bson.MinKey()),
    st.just(bson.MaxKey()),
    BINARIES,
    st.builds(bson.Code, TEXT),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(KEYS, inner, max_size=3),
        st.builds(bson.Code, TEXT, st.dictionaries(KEYS, inner, max_size=2)),
        st.builds(bson.DBRef, TEXT, inner, st.none() | TEXT.filter(bool)),
    ),
    max_leaves=8,
)


def same(a: Any, b: Any) -> bool:
    """Return whether two values are equal and of the same type, all the way down; NaN equals NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, Decimal):
        return str(a) == str(b)
    if isinstance(a, re.Pattern):
        return (a.pattern, a.flags) == (b.pattern, b.flags)
    if isinstance(a, bson.Code):
        return str(a) == str(b) and same(a.scope, b.scope)
    if isinstance(a, bson.DBRef):
        return (a.collection, a.database) == (b.collection, b.database) and same(a.id, b.id)
    return bool(a == b)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_what_is_written_is_read_back_equal_and_of_the_same_type(document):
    line = encode_json(document)

    assert b"\n" not in line
    assert same(decode_json(line), document)


WIRE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.floats(),
    TEXT,
    st.binary(max_size=10),
    st.datetimes(timezones=st.just(UTC)).map(
        lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    ),
    st.uuids(),
    st.integers(2**31, 2**63 - 1).map(bson.Int64),
    st.builds(bson.ObjectId, st.binary(min_size=12, max_size=12)),
    st.builds(bson.Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    BINARIES,
)


@pytest.mark.parametrize("options", [CANONICAL_JSON_OPTIONS, RELAXED_JSON_OPTIONS], ids=["canonical", "relaxed"])
@given(document=st.dictionaries(KEYS, WIRE, max_size=4))
def test_what_pymongo_writes_is_read_as_the_same_values(options, document):
    options = options.with_options(uuid_representation=bson.binary.UuidRepresentation.STANDARD, tz_aware=True)
    if options.json_mode == RELAXED_JSON_OPTIONS.json_mode:  # which says int for Int64
        document = {key: int(value) if type(value) is bson.Int64 else value for key, value in document.items()}

    read = decode_json(dumps(document, json_options=options).encode())

    assert same(read, document)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 11, 21, 12, tzinfo=UTC), '{"$date":"2026-11-21T12:00:00Z"}'),
        (datetime(2026, 11, 21, 12, 0, 0, 5000, tzinfo=UTC), '{"$date":"2026-11-21T12:00:00.005Z"}'),
        (datetime(2026, 11, 21, 12, 0, 0, 5, tzinfo=UTC), '{"$date":"2026-11-21T12:00:00.000005Z"}'),
        (datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), '{"$date":{"$numberLong":"-1000"}}'),
        (b"MTIz", '{"$binary":{"base64":"TVRJeg==","subType":"00"}}'),
        (
            uuid.UUID("c8edabc3-f738-4ca3-b68d-ab92a91478a3"),
            '{"$binary":{"base64":"yO2rw/c4TKO2jauSqRR4ow==","subType":"04"}}',
        ),
        (Decimal("1234.50"), '{"$numberDecimal":"1234.50"}'),
        (float("-inf"), '{"$numberDouble":"-Infinity"}'),
        (float("nan"), '{"$numberDouble":"NaN"}'),
        (re.compile("^a", re.IGNORECASE | re.VERBOSE), '{"$regularExpression":{"pattern":"^a","options":"ix"}}'),
        (bson.ObjectId("57e193d7a9cc81b4027498b5"), '{"$oid":"57e193d7a9cc81b4027498b5"}'),
        (bson.Int64(42), '{"$numberLong":"42"}'),
        (bson.Decimal128("1234.5"), '{"$numberDecimal":"1234.5"}'),
        (bson.Binary(b"123", 80), '{"$binary":{"base64":"MTIz","subType":"50"}}'),
        (bson.Code("f()", {}), '{"$code":"f()","$scope":{}}'),
        (bson.Timestamp(42, 1), '{"$timestamp":{"t":42,"i":1}}'),
        (bson.Regex("foo*", "xi"), '{"$regularExpression":{"pattern":"foo*","options":"ix"}}'),
        (bson.DBRef("c", 1, "d"), '{"$ref":"c","$id":1,"$db":"d"}'),
        (bson.MinKey(), '{"$minKey":1}'),
        (5, "5"),
        (1.0, "1.0"),
    ],
    ids=str,
)
def test_a_value_is_written_in_the_relaxed_form(value, text):
    assert encode_json({"a": value}) == f'{{"a":{text}}}'.encode()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"$date":"1950-08-07"}', datetime(1950, 8, 7, tzinfo=UTC)),
        ('{"$date":"2026-11-21T12:00:00+02:00"}', datetime(2026, 11, 21, 12, tzinfo=timezone(timedelta(hours=2)))),
        ('{"$date":{"$numberLong":"-62135596800000"}}', datetime(1, 1, 1, tzinfo=UTC)),
        ('{"$date":1500}', datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=UTC)),
        ('{"$uuid":"c8edabc3-f738-4ca3-b68d-ab92a91478a3"}', uuid.UUID("c8edabc3-f738-4ca3-b68d-ab92a91478a3")),
        ('{"$numberInt":"-7"}', -7),
        ('{"$numberDouble":"1E2"}', 100.0),
        ('{"$binary":{"subType":"0","base64":""}}', b""),
        ('{"$binary":"AQID","$type":"00"}', b"\1\2\3"),
        ('{"$type":"80","$binary":"AQID"}', bson.Binary(b"\1\2\3", 128)),
        ('{"$type":"string"}', {"$type": "string"}),
        ('{"$scope":{},"$code":"f()"}', bson.Code("f()", {})),
        ('{"$\\u0064ate":"1950-08-07"}', datetime(1950, 8, 7, tzinfo=UTC)),
        ('{"\\u0024date":"1950-08-07"}', datetime(1950, 8, 7, tzinfo=UTC)),
        ('{"$ref":"c"}', {"$ref": "c"}),
        ('{"$unknown":1}', {"$unknown": 1}),
        ('{"$gte":{"$numberInt":"1"}}', {"$gte": 1}),
    ],
)
def test_every_form_is_read(text, value):
    read = decode_json(f'{{"a":[{text}]}}'.encode())["a"][0]

    assert read == value
    assert type(read) is type(value)


def test_the_document_itself_is_never_taken_for_a_value():
    assert decode_json(b'{"$date":"1950-08-07"}') == {"$date": "1950-08-07"}


def test_bson_twins_of_python_types_come_back_as_the_python_types():
    twins = {"d": bson.Decimal128("1.5"), "b": bson.Binary(b"x", 0), "r": bson.Regex("a", "i")}

    read = decode_json(encode_json(twins))

    assert read == {"d": Decimal("1.5"), "b": b"x", "r": re.compile("a", re.IGNORECASE)}
    assert [type(value) for value in read.values()] == [Decimal, bytes, re.Pattern]


def test_a_pattern_that_python_cannot_compile_stays_a_bson_regex():
    read = decode_json(b'{"a":{"$regularExpression":{"pattern":"(?R)","options":"i"}}}')

    assert read == {"a": bson.Regex("(?R)", "i")}


@pytest.mark.parametrize(
    "text",
    [
        '{"$date":"yesterday"}',
        '{"$date":"2026-11-21T12:00:00"}',
        '{"$date":{"$numberLong":"99999999999999999999"}}',
        '{"$date":true}',
        '{"$oid":"57e193"}',
        '{"$oid":"57e193d7a9cc81b4027498b5","x":1}',
        '{"$numberInt":"2147483648"}',
        '{"$numberInt":5}',
        '{"$numberLong":"1_000"}',
        '{"$numberLong":"9223372036854775808"}',
        '{"$numberDouble":"1e999"}',
        '{"$numberDouble":"inf"}',
        '{"$numberDecimal":"1_0"}',
        '{"$numberDecimal":1}',
        '{"$binary":{"base64":"*","subType":"00"}}',
        '{"$binary":{"base64":""}}',
        '{"$binary":0,"$type":"00"}',
        '{"$binary":"","$type":0}',
        '{"$binary":"","$type":"00","x":1}',
        '{"$uuid":"c8edabc3f7384ca3b68dab92a91478a3"}',
        '{"$uuid":"x"}',
        '{"$timestamp":{"t":-1,"i":0}}',
        '{"$minKey":2}',
        '{"$maxKey":true}',
        '{"$scope":{}}',
        '{"$code":1}',
        '{"$regularExpression":{"pattern":"a"}}',
    ],
)
def test_a_type_with_a_wrong_value_is_refused_with_its_path(text):
    with pytest.raises(QueryError, match=r"^a\.0(\.\$date)?: ") as caught:
        decode_json(f'{{"a":[{text}]}}'.encode())

    assert caught.value.code == 9


@pytest.mark.parametrize("name", ["$symbol", "$undefined", "$dbPointer"])
def test_a_type_that_cannot_be_stored_is_refused_by_name(name):
    with pytest.raises(NotSupportedError, match=re.escape(name)):
        decode_json(f'{{"a":{{"{name}":true}}}}'.encode())


@pytest.mark.parametrize(
    "value", [{"$date": "x"}, {"$oid": 1}, {"$scope": {}}, {"$ref": "c", "$id": 1}, [{"b": {"$numberLong": "1"}}]]
)
def test_a_document_that_would_be_read_as_something_else_is_not_written(value):
    with pytest.raises(DocumentError, match=r"^x\.y"):
        encode_json({"x": {"y": value}})


def test_a_document_that_only_resembles_a_reference_is_written():
    document = {"a": {"$ref": "c"}, "b": {"$unknown": 1}, "c": {"$ref": "c", "$id": 1, "$db": 2}}

    assert decode_json(encode_json(document)) == document


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (b'{"a": tru}', 1, 7),
        (b'{"a":[fals, 1]}', 1, 7),
        (b'{"tea": 1 "b": 2}', 1, 11),
        (b'{"a":\n "\xff"}', 2, 3),
        ('{"é": é}'.encode(), 1, 7),
        (b"[1]", 1, 1),
        (b'{"a"', 1, 5),
        (b"", 1, 1),
        (b'{"a": 1e999}', 1, 7),
        (b'{"a": [1.5e3, 1e+3001e999]}', 1, 15),
        (b'{"a": 1, "b": "\\ud800"}', 1, 16),
        (b'{"a": "\\\\ud800", "b": "\\udc00\\ud800"}', 1, 24),
        (b'{"a": "\\ud83d\\ude00\\ude00"}', 1, 20),
        (b'{"a": "\\\\ud800", "b": "', 1, 24),
        (b'{"a": NaN}', 1, 7),
        (b'{"a": -Infinity}', 1, 7),
        (b"{\xff}", 1, 2),
        (b'{"a": ' + b"9" * 5000 + b"}", 1, 7),
    ],
)
def test_malformed_json_is_refused_with_its_place(text, line, column):
    with pytest.raises(QueryError) as caught:
        decode_json(text)

    assert (caught.value.details["line"], caught.value.details["column"]) == (line, column)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_two_hundred_levels_are_read_and_no_more(opening):
    closing = b"]" if opening == b"[" else b"}"
    inner = b"1" if closing == b"}" else b""

    def nested(levels):
        return b'{"a":' + opening * (levels - 1) + inner + closing * (levels - 1) + b"}"

    assert decode_json(nested(200))
    with pytest.raises(DocumentError, match="200 levels"):
        decode_json(nested(201))


def test_brackets_in_strings_are_no_levels():
    document = {"a": "[{" * 500 + '"\\', "b": ["]"]}

    assert decode_json(msgspec.json.encode(document)) == document


@pytest.mark.parametrize(
    "text", [b"[" * 1_000_000, b'{"a":' * 300_000, b'"' + b'\\"' * 300_000, b'{"a":"' + b"[" * 500_000]
)
def test_hostile_text_does_no_harm_on_a_small_stack(text):
    caught: list[BaseException] = []

    def read():
        try:
            decode_json(text)
        except (QueryError, DocumentError) as error:
            caught.append(error)

    size = threading.stack_size(64 * 1024)
    try:
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)

    assert len(caught) == 1
