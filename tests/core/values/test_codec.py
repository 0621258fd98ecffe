"""The document codec: what is kept, what is refused and with which path, and how documents are told apart quickly."""

from __future__ import annotations

import dataclasses
import enum
import math
import re
import subprocess
import sys
import uuid
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Context, Decimal
from types import MappingProxyType
from typing import Any

import bson
import msgspec
import pytest
from bson.code import Code
from bson.decimal128 import Decimal128
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.regex import Regex
from hypothesis import given, settings
from hypothesis import strategies as st

from nosqlpy._core.values.codec import (
    check_id,
    decode_document,
    decode_id,
    decode_value,
    encode_document,
    encode_documents,
    encode_value,
    partial_decoder,
    with_id,
)
from nosqlpy.errors import DocumentError, DocumentTooLarge, FormatVersionError

NAIVE = datetime(2026, 1, 2, 3, 4, 5, 678901)  # noqa: DTZ001  # users have such, and they must be stored


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Money(msgspec.Struct):
    cents: int


@dataclasses.dataclass
class Point:
    x: int


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal, and of the same types all the way down; NaN equals NaN, -0.0 differs from 0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return (math.isnan(left) and math.isnan(right)) or (
            left == right and math.copysign(1, left) == math.copysign(1, right)
        )
    if isinstance(left, Decimal):
        return str(left) == str(right)
    if isinstance(left, datetime):
        return left == right and left.tzinfo is right.tzinfo
    if isinstance(left, Code):
        return str(left) == str(right) and same(left.scope, right.scope)
    return bool(left == right)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
keys = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
int64s = st.integers(-(2**63), 2**63 - 1)
instants = st.datetimes(timezones=st.just(UTC))
decimals = (
    st.decimals(allow_nan=False)
    .map(lambda d: d.normalize(Context(prec=34)))
    .filter(lambda d: -6000 < d.adjusted() < 6000)
)
plain_leaves = st.one_of(st.none(), st.booleans(), int64s, st.floats(), texts, st.binary(max_size=12))
bson_leaves = st.one_of(
    st.binary(min_size=12, max_size=12).map(bson.ObjectId),
    int64s.map(bson.Int64),
    decimals.map(Decimal128),
    st.builds(bson.Binary, st.binary(max_size=8), st.integers(0, 255)),
    st.builds(Regex, texts, st.integers(0, 255)),
    st.builds(bson.Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    st.just(MinKey()),
    st.just(MaxKey()),
    st.builds(Code, texts, st.none() | st.dictionaries(keys, plain_leaves, max_size=2)),
    st.builds(bson.DBRef, texts, int64s, st.none() | texts, st.dictionaries(st.sampled_from(["id", "x", "y"]), int64s)),
)
leaves = st.one_of(
    plain_leaves,
    instants,
    st.uuids(),
    decimals,
    st.sampled_from([re.compile("a.c"), re.compile("(?i)x", re.MULTILINE), re.compile("é", re.ASCII)]),
    bson_leaves,
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)
documents = st.dictionaries(keys, values, max_size=5)


@given(documents)
def test_a_document_comes_back_equal_and_of_the_same_types(document):
    assert same(decode_document(encode_document(document)), document)


@given(documents)
def test_what_was_decoded_encodes_to_the_same_bytes(document):
    data = encode_document(document)

    assert encode_document(decode_document(data)) == data


@given(values)
def test_a_value_comes_back_equal_and_of_the_same_type(value):
    assert same(decode_value(encode_value(value)), value)


@settings(max_examples=60)
@given(st.lists(documents, min_size=1, max_size=5))
def test_a_batch_is_encoded_as_each_document_alone(batch):
    assert encode_documents(batch) == [encode_document(document) for document in batch]


@settings(max_examples=60)
@given(
    st.lists(st.fixed_dictionaries({"a": plain_leaves | instants, "b": values, "c": values}), min_size=1, max_size=6)
)
def test_a_batch_of_one_shape_is_encoded_as_each_document_alone(batch):
    assert encode_documents(batch) == [encode_document(document) for document in batch]


REFUSED = [
    ({1}, "a set cannot be stored; use a list"),
    (frozenset(), "a frozenset cannot be stored; use a list"),
    (date(2026, 1, 2), "a date cannot be stored; use a datetime"),
    (time(1, 2), "a time cannot be stored; use a str or a datetime"),
    (timedelta(1), "a timedelta cannot be stored; use a number of seconds"),
    (Colour.RED, "a Colour cannot be stored; use its value"),
    (Level.LOW, "a Level cannot be stored; use its value"),
    (Text("x"), "a Text cannot be stored; use a str"),
    (Number(1), "a Number cannot be stored; use an int"),
    (bytearray(b"x"), "a bytearray cannot be stored; use bytes"),
    (memoryview(b"x"), "a memoryview cannot be stored; use bytes"),
    (Money(1), "a Money cannot be stored; use msgspec.to_builtins"),
    (Point(1), "a Point cannot be stored; use dataclasses.asdict"),
    (object(), "an object cannot be stored"),
    (msgspec.UNSET, "a UnsetType cannot be stored"),
    (msgspec.Raw(b"\x01"), "a Raw cannot be stored"),
    (msgspec.msgpack.Ext(1, b""), "an Ext cannot be stored"),
    (1j, "a complex cannot be stored"),
    (2**63, "an int past 64 bits cannot be stored; use a float or a Decimal"),
    (2**64, "an int past 64 bits cannot be stored; use a float or a Decimal"),
    (-(2**63) - 1, "an int past 64 bits cannot be stored; use a float or a Decimal"),
    (bson.Int64(2**63), "an Int64 past 64 bits cannot be stored; use a Decimal"),
    ("\ud800", "a str with a lone surrogate cannot be stored; UTF-8 cannot hold it"),
    (re.compile(b"x"), "a Pattern of bytes cannot be stored; use a str pattern"),
    (Regex(b"x"), "a Regex of bytes cannot be stored; use a str pattern"),
    (Decimal("1." + "1" * 34), "a Decimal past Decimal128 (34 digits, exponents to ±6144) cannot be stored; round it"),
    (Decimal("1E6145"), "a Decimal past Decimal128 (34 digits, exponents to ±6144) cannot be stored; round it"),
    (Decimal("1E-6177"), "a Decimal past Decimal128 (34 digits, exponents to ±6144) cannot be stored; round it"),
    (Decimal("NaN123"), "a Decimal NaN with a payload cannot be stored; use Decimal('NaN')"),
    ({1: 2}, "a key is a str, not an int"),
    ({"a\0b": 2}, "a key must not contain NUL"),
    ({"\udfff": 2}, "a key has a lone surrogate, which UTF-8 cannot hold"),
    ({("a",): 2}, "a key is a str, not a tuple"),
]


@pytest.mark.parametrize("value", [value for value, _ in REFUSED], ids=lambda v: type(v).__name__)
@pytest.mark.parametrize(
    "wrap", [lambda v: {"orders": [0, 1, 2, {"when": v}]}, lambda v: {"orders": [0, 1, 2, {"when": v, "x": 1}] * 2}]
)
def test_a_value_that_cannot_be_stored_is_refused_with_its_path(value, wrap):
    message = next(message for refused, message in REFUSED if refused is value)
    encode_document({"orders": [{"when": 1, "x": 1}]})  # the keys are known from here on
    with pytest.raises(DocumentError) as caught:
        encode_document(wrap(value))

    assert str(caught.value) == f"orders.3.when: {message}"


@pytest.mark.parametrize("value", [value for value, _ in REFUSED], ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("alike", [True, False])
def test_a_batch_with_one_bad_value_is_refused_with_path_and_position(value, alike):
    good = {"a": 1, "b": {"c": [1, {"d": 2}]}}
    bad = {"a": 1, "b": {"c": [1, {"d": value}]}} | ({} if alike else {"more": 1})
    encode_documents([good] * 3)
    with pytest.raises(DocumentError, match=r"^b\.c\.1\.d: ") as caught:
        encode_documents([good] * 5 + [bad] + [good] * 5)

    assert caught.value.details["index"] == 5


@pytest.mark.parametrize(
    "value", [value for value, _ in REFUSED if not isinstance(value, dict)], ids=lambda v: type(v).__name__
)
def test_a_batch_with_a_bad_value_in_a_column_of_its_own_type_is_refused(value):
    with pytest.raises(DocumentError, match=r"^a: "):
        encode_documents([{"a": value, "b": 1}] * 4)


@pytest.mark.parametrize("value", [value for value, _ in REFUSED], ids=lambda v: type(v).__name__)
def test_a_single_value_that_cannot_be_stored_is_refused(value):
    with pytest.raises(DocumentError):
        encode_value(value)


def test_a_decimal_that_decimal128_holds_is_kept_digit_by_digit():
    values = [
        Decimal(t)
        for t in (
            "1.10",
            "-0",
            "1E+6144",
            "9.999999999999999999999999999999999E+6144",
            "1E-6176",
            "NaN",
            "-NaN",
            "sNaN",
            "-Infinity",
        )
    ]

    assert [str(decode_value(encode_value(value))) for value in values] == [str(value) for value in values]


@pytest.mark.parametrize("document", [[], "x", 1, None, [("a", 1)]], ids=lambda v: type(v).__name__)
def test_only_a_mapping_is_a_document(document):
    with pytest.raises(DocumentError, match="a document is a mapping with str keys, not "):
        encode_document(document)


def test_a_tuple_is_stored_as_an_array():
    assert decode_document(encode_document({"a": (1, (2, 3))})) == {"a": [1, [2, 3]]}


@pytest.mark.parametrize(
    "mapping",
    [OrderedDict(b=1, a={"c": 2}), MappingProxyType({"b": 1, "a": {"c": 2}}), bson.SON([("b", 1), ("a", {"c": 2})])],
    ids=lambda v: type(v).__name__,
)
def test_every_mapping_is_stored_as_a_document_in_its_order(mapping):
    result = decode_document(encode_document({"m": mapping, **mapping}))

    assert same(result, {"m": {"b": 1, "a": {"c": 2}}, "b": 1, "a": {"c": 2}})
    assert encode_document(mapping) == encode_document({"b": 1, "a": {"c": 2}})


def test_a_key_of_a_str_subclass_is_stored_as_what_it_reads():
    result = decode_document(encode_document({Text("fresh"): {Colour.RED: 1}}))

    assert same(result, {"fresh": {"red": 1}})


def test_a_naive_datetime_is_taken_as_utc():
    assert same(decode_value(encode_value(NAIVE)), NAIVE.replace(tzinfo=UTC))


@settings(max_examples=50)
@given(st.datetimes(NAIVE.replace(year=2), NAIVE.replace(year=9998), timezones=st.timezones()))
def test_an_aware_datetime_comes_back_as_the_same_instant_in_utc(value):
    document = decode_document(encode_document({"when": value}))

    assert document["when"] == value.astimezone(UTC)
    assert document["when"].tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=5))),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=5))),
    ],
)
def test_a_datetime_outside_of_the_calendar_in_utc_is_refused(value):
    with pytest.raises(DocumentError, match=r"^when: a datetime outside the years 1 to 9999"):
        encode_document({"when": value})


def nested(levels: int, array: bool) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value] if array else {"a": value}
    return value


@pytest.mark.parametrize("array", [True, False])
def test_a_hundred_levels_can_be_stored(array):
    document = {"a": nested(99, array)}

    assert decode_document(encode_document(document)) == document
    assert encode_documents([document, document]) == [encode_document(document)] * 2


@pytest.mark.parametrize("array", [True, False])
def test_a_hundred_and_one_levels_are_refused(array):
    document = {"a": nested(100, array)}
    with pytest.raises(DocumentError, match="nested deeper than 100 levels"):
        encode_document(document)

    with pytest.raises(DocumentError, match="nested deeper than 100 levels"):
        encode_documents([document, document])


def test_a_document_that_holds_itself_is_refused():
    looped: dict[str, Any] = {"_id": 1}
    looped["self"] = looped
    wide: list[Any] = []
    wide.extend([wide] * 100)

    for document in (looped, {"a": wide}):
        with pytest.raises(DocumentError, match="nested deeper than 100 levels"):
            encode_document(document)
        with pytest.raises(DocumentError, match="nested deeper than 100 levels"):
            encode_documents([document, {"_id": 2}])


def test_a_document_may_have_just_the_size_limit():
    size = len(encode_document({"a": "x" * 1000}))

    assert len(encode_document({"a": "x" * 1000}, size_max=size)) == size
    with pytest.raises(DocumentTooLarge):
        encode_document({"a": "x" * 1000}, size_max=size - 1)


def test_a_batch_with_one_document_too_large_is_refused_with_its_position():
    with pytest.raises(DocumentTooLarge) as caught:
        encode_documents([{"a": ""}, {"a": "x" * 100}], size_max=50)

    assert caught.value.details["index"] == 1


def test_integers_at_the_ends_of_64_bits_are_kept():
    document = {"a": [2**63 - 1, -(2**63), 2**32, 2**53 + 1], "greek": "πολλά"}

    assert decode_document(encode_document(document)) == document
    assert encode_documents([document]) == [encode_document(document)]


def test_the_argument_is_never_changed():
    document = {"t": (1, 2), "u": uuid.uuid4(), "d": NAIVE, "m": OrderedDict(a=(1,))}
    before = repr(document)
    encode_document(document)
    encode_documents([document, document])

    assert repr(document) == before


def test_an_empty_batch_is_empty():
    assert encode_documents([]) == []


def test_documents_with_more_keys_than_are_remembered_are_still_stored():
    document = {str(number): number for number in range(20_000)}

    assert decode_document(encode_document(document)) == document


def test_the_id_is_read_without_the_rest():
    assert decode_id(encode_document({"a": 1, "_id": uuid.UUID(int=7)})) == uuid.UUID(int=7)
    assert decode_id(encode_document({"a": 1})) is msgspec.UNSET


def test_a_partial_decoder_reads_extensions_too():
    class Part(msgspec.Struct):
        u: Any = msgspec.UNSET
        missing: Any = msgspec.UNSET

    part = partial_decoder(Part)(encode_document({"x": 1, "u": uuid.UUID(int=7)}))

    assert part == Part(u=uuid.UUID(int=7))


def test_an_unknown_extension_is_refused():
    with pytest.raises(FormatVersionError, match="type code 99"):
        decode_value(msgspec.msgpack.encode(msgspec.msgpack.Ext(99, b"")))


def test_a_document_that_begins_with_its_id_is_returned_as_it_is():
    document = {"_id": 1, "a": 2}

    assert with_id(document, lambda: 9) is document


def test_the_id_is_put_first():
    document = {"a": 2, "_id": 1}

    assert list(with_id(document, lambda: 9).items()) == [("_id", 1), ("a", 2)]
    assert list(document) == ["a", "_id"]


def test_a_missing_id_is_generated():
    document = {"a": 2}

    assert list(with_id(document, lambda: 9).items()) == [("_id", 9), ("a", 2)]
    assert document == {"a": 2}


@pytest.mark.parametrize("value", [[1], (), re.compile("x"), Regex("x"), None], ids=lambda v: type(v).__name__)
def test_arrays_regular_expressions_and_null_are_no_ids(value):
    with pytest.raises(DocumentError, match=r"^_id cannot be ") as caught:
        check_id(value)

    assert caught.value.code == 53


@pytest.mark.parametrize("value", [{1}, date(2026, 1, 1), {"a": {1}}])
def test_what_cannot_be_stored_is_no_id(value):
    with pytest.raises(DocumentError, match=r"^_id.*: a (set|date) cannot be stored"):
        check_id(value)


@pytest.mark.parametrize(
    ("id", "path"), [({"a": {"$b": 1}}, "_id.a.$b"), ({"a": [1, {"b": {"$c": 1}}]}, "_id.a.1.b.$c")]
)
def test_an_id_document_has_no_dollar_fields_at_any_depth(id, path):
    with pytest.raises(DocumentError, match=f"^{re.escape(path)}: ") as caught:
        check_id(id)

    assert caught.value.code == 52


def test_an_id_document_has_no_dollar_fields_but_those_of_a_dbref():
    check_id({"$ref": "users", "$id": 1, "x": {"y": 1}})
    check_id({"owner": {"$ref": "users", "$id": 1}})
    check_id(bson.DBRef("users", 1))
    with pytest.raises(DocumentError, match=r"^_id\.\$a: ") as caught:
        check_id({"b": 1, "$a": 1})

    assert caught.value.code == 52


def test_dollars_and_dots_are_allowed_in_field_names():
    document = {"$price": 1, "a.b": {"$id": 1, ".": 2}, "": 3}

    assert decode_document(encode_document(document)) == document


WITHOUT_BSON = """
import sys
sys.modules["bson"] = None
from nosqlpy._core.values.codec import decode_document, encode_document
from nosqlpy.errors import NotSupportedError
from uuid import UUID
document = {"u": UUID(int=1), "n": 1}
assert decode_document(encode_document(document)) == document
try:
    decode_document(bytes.fromhex(sys.argv[1]))
except NotSupportedError as error:
    print(error)
"""


def test_without_pymongo_only_documents_with_bson_types_are_refused():
    data = encode_document({"a": 1, "oid": bson.ObjectId()})
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_BSON, data.hex()],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )

    assert run.stdout.strip() == 'a stored ObjectId can be read only with pymongo: pip install "nosqlpy[mongodb]"'


def test_the_codec_does_not_import_bson():
    run = subprocess.run(
        [sys.executable, "-c", "import sys, nosqlpy._core.values.codec; print('bson' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )

    assert run.stdout.strip() == "False"


@pytest.mark.parametrize("wide", [2**63, 2**64 - 1])
def test_an_int_past_64_bits_in_a_list_of_ints_is_refused(wide: int) -> None:
    with pytest.raises(DocumentError):
        encode_document({"a": [1, wide, -1]})

    assert decode_document(encode_document({"a": [1, 2**63 - 1, -(2**63)]})) == {"a": [1, 2**63 - 1, -(2**63)]}
