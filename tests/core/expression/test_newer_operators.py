"""Operators and options of MongoDB 8.1 to 8.3: hashes, ends of arrays, vectors, JSON, bases, byte orders, indexes.

Cases are those of the server's tests (hash.js, top.js, topN.js, bottom.js, bottomN.js, subtype.js, create_oid.js,
convert_with_base.js, convert_bindata_numeric.js, convert_bindata_vector.js, convert_any_to_string.js,
convert_string_to_object_array.js, map_arrayindexas.js, filter_arrayindexas.js, reduce_arrayindexas.js,
expression_vector_similarity_test.cpp), and of the manual's pages.
"""

from __future__ import annotations

import re
import struct
from base64 import b64decode
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from bson import Binary, Code, Int64, MaxKey, MinKey, ObjectId, Timestamp

from core.expression.evaluating import INF, code_of, date, evaluate, typed
from nosqlpy._core.expression.scope import RANDOM

HELLO, FACES, HEY = "Hello World", "🧐🤓😎", b64decode("aGV5")
LONG_TEXT = "The quick brown fox jumps over the lazy dog. " * 3
UUID_TEXT = "3b241101-e2bb-4255-8caf-4136c566a962"
PLAYERS = [{"p": "a", "score": 3}, {"p": "b", "score": 9}, {"p": "c"}]
MATRIX = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def binary(text, subtype=0):
    return Binary(b64decode(text), subtype) if subtype else b64decode(text)


def vector(kind, content, padding=0):
    return Binary(bytes((kind, padding)) + content, 9)


def convert(value, to, **options):
    return {"$convert": {"input": {"$literal": value}, "to": to} | options}


HASHES = [
    (HELLO, "xxh64", "YzTSBxkkW8I="),
    ("[1, 2, 3]", "xxh64", "wkwP8yqWE2o="),
    (FACES, "xxh64", "tWWU4BmD+Z4="),
    ("", "xxh64", "70bbN1HY6Zk="),
    (HEY, "xxh64", "Wv5M8jFeEv4="),
    (Binary(HEY, 128), "xxh64", "Wv5M8jFeEv4="),
    (HELLO, "sha256", "pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4="),
    (b"", "sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    (FACES, "md5", "sAZFMN8tC1iTuOxlnoqCJg=="),
    (HEY, "md5", "YFfxPEluz3/Xd86555rihQ=="),
]


@pytest.mark.parametrize(("value", "algorithm", "expected"), HASHES, ids=str)
def test_a_hash_is_the_servers(value, algorithm, expected):
    operand = {"input": "$x", "algorithm": algorithm}

    assert typed(evaluate({"$hash": operand}, {"x": value})) == typed(b64decode(expected))
    assert evaluate({"$hexHash": operand}, {"x": value}) == b64decode(expected).hex().upper()


CASES = [
    (
        {"$hash": {"input": {"$hash": {"input": "hey", "algorithm": "xxh64"}}, "algorithm": "xxh64"}},
        binary("B+qrIpasjj4="),
    ),
    ({"$hexHash": {"input": "$missing", "algorithm": {"$concat": ["md", "5"]}}}, None),
    # ends of arrays
    ({"$topN": {"n": 0, "input": [0, 1]}}, []),
    ({"$topN": {"n": 2, "input": [0, "a", [1, "b"], {"c": 2}, 0.5]}}, [0, 0.5]),
    ({"$topN": {"n": 2, "input": [0, "a", [1, "b"], {"c": 2}, 0.5], "sortBy": -1}}, [[1, "b"], {"c": 2}]),
    ({"$topN": {"n": 10, "input": [2, 1], "sortBy": 1}}, [1, 2]),
    ({"$topN": {"n": None, "input": [2, 1]}}, None),
    ({"$topN": {"n": 2, "input": "$missing"}}, None),
    ({"$topN": {"n": 2, "sortBy": {"score": -1}, "output": ["$p", "$score"], "input": PLAYERS}}, [["b", 9], ["a", 3]]),
    ({"$top": {"input": [2, 1, 3]}}, 1),
    ({"$top": {"input": []}}, None),
    ({"$top": {"input": None, "sortBy": 1}}, None),
    ({"$top": {"input": PLAYERS, "sortBy": {"score": -1, "p": 1}}}, {"p": "b", "score": 9}),
    ({"$top": {"sortBy": {"score": -1}, "output": "$p", "input": PLAYERS}}, "b"),
    ({"$bottom": {"input": [0, "a", [1, "b"], {"c": 2}, 0.5]}}, [1, "b"]),
    ({"$bottom": {"input": [2, 1, 3], "sortBy": -1}}, 1),
    ({"$bottomN": {"n": 2, "input": [2, 1, 3], "sortBy": 1}}, [2, 3]),
    ({"$bottomN": {"n": 2, "input": [2, 1, 3], "sortBy": -1}}, [2, 1]),
    ({"$bottomN": {"n": 0, "input": [2, 1, 3]}}, []),
    ({"$bottomN": {"n": 5, "input": ["s", None, 3, {"a": 1}, [1]]}}, [None, 3, "s", {"a": 1}, [1]]),
    # binary data
    ({"$subtype": Binary(b"x", 128)}, 128),
    ({"$subtype": b"x"}, 0),
    ({"$subtype": UUID(UUID_TEXT)}, 4),
    ({"$subtype": "$missing"}, None),
    # similarity
    ({"$similarityDotProduct": [[1, 2, 3], [4, 5, 6]]}, 32.0),
    ({"$similarityDotProduct": {"vectors": [[1, 2, 3], [4, 5, 6]], "score": True}}, 16.5),
    ({"$similarityDotProduct": {"vectors": [[-1.0, -2.5, -3], [4, 5.0, 6]], "score": False}}, -34.5),
    ({"$similarityDotProduct": [[Decimal("1.5")], [Int64(2)]]}, 3.0),
    ({"$similarityDotProduct": [vector(0x10, b"\xaa\x80", 7), vector(0x10, b"\x55\x80", 7)]}, 1.0),
    ({"$similarityDotProduct": [[1, 2, 3], vector(0x03, b"\x04\x05\x06")]}, 32.0),
    ({"$similarityDotProduct": [Binary(b"", 9), Binary(b"", 9)]}, 0.0),
    ({"$similarityCosine": [[], []]}, 0.0),
    ({"$similarityCosine": [[3, 4], [6, 8]]}, 1.0),
    ({"$similarityCosine": {"vectors": [[1, 0], [0, 1]], "score": True}}, 0.5),
    ({"$similarityCosine": [None, [1]]}, None),
    ({"$similarityEuclidean": [[0, 3], [4, 0]]}, 5.0),
    ({"$similarityEuclidean": {"vectors": [[0, 3], [4, 0]], "score": True}}, 1 / 6),
    ({"$similarityEuclidean": [vector(0x27, struct.pack("<f", 1.5)), [0]]}, 1.5),
    # bases
    *((convert(value, "string", base=2), "1010") for value in (10, 10.0, Int64(10), Decimal(10))),
    (convert(-10, "string", base=8), "-12"),
    (convert(Int64(-(2**63)), "string", base=16), "-8000000000000000"),
    (convert(10, "string", base=None), "10"),
    (convert("1010", "int", base=2), 10),
    (convert("A", "double", base=16), 10.0),
    (convert("-a", "long", base=16), Int64(-10)),
    (convert("12", "decimal", base=8), Decimal(10)),
    (convert(1.9, "double", base=2), 1.9),
    (convert("str", "string", base=2), "str"),
    # numbers as bytes
    (convert(binary("AAAAKg=="), "int", byteOrder="big"), 42),
    (convert(binary("/ok="), "int", byteOrder="big"), -375),
    (convert(binary("ogIAAA=="), "long", byteOrder="little"), Int64(674)),
    (convert(binary("x88="), "long"), Int64(-12345)),
    (convert(binary("wAQAAAAAAAA="), "double", byteOrder="big"), -2.5),
    (convert(binary("QVMzMw=="), "double", byteOrder="big"), 13.199999809265137),
    (convert(-375, "binData", byteOrder="big"), binary("///+iQ==")),
    (convert(Int64(200), {"type": "binData", "subtype": 4}, byteOrder="big"), binary("AAAAAAAAAMg=", 4)),
    (convert(-2.5, "binData", byteOrder="big"), binary("wAQAAAAAAAA=")),
    ({"$toInt": b"\x02"}, 2),
    # vectors as arrays
    ({"$toArray": vector(0x10, b"\xa0", 5)}, [True, False, True]),
    ({"$toArray": vector(0x03, b"\x7f\x80")}, [127, -128]),
    (convert(vector(0x27, struct.pack(">f", 1.5)), "array", byteOrder="big"), [1.5]),
    (convert([], {"type": "binData", "subtype": 9}), vector(0x10, b"")),
    (convert([0, 1, True], {"type": "binData", "subtype": 9}), vector(0x10, b"\x60", 5)),
    (convert([127.0, -128], {"type": "binData", "subtype": 9}), vector(0x03, b"\x7f\x80")),
    (convert([128.0, 7.0], {"type": "binData", "subtype": 9}), vector(0x27, struct.pack("<ff", 128, 7))),
    (convert([-INF], {"type": "binData", "subtype": 9}, byteOrder="big"), vector(0x27, struct.pack(">f", -INF))),
    # anything as text
    ({"$toString": re.compile("B*", re.IGNORECASE | re.DOTALL)}, "/B*/is"),
    ({"$toString": Timestamp(1, 2)}, "Timestamp(1, 2)"),
    ({"$toString": MinKey()}, "MinKey"),
    ({"$toString": MaxKey()}, "MaxKey"),
    ({"$toString": Code("function () {}")}, "function () {}"),
    ({"$toString": {"$literal": {}}}, "{}"),
    ({"$toString": [["foo", {"bar": None}]]}, '["foo",{"bar":null}]'),
    (
        {"$toString": {"a": 123, "b": 1.123123, "c": Decimal("1.10"), "d": True}},
        '{"a":123,"b":1.123123,"c":1.10,"d":true}',
    ),
    ({"$toString": {"nan": Decimal("NaN"), "inf": -INF}}, '{"nan":"NaN","inf":"-Infinity"}'),
    ({"$toString": {"foo": 'as\0d"f'}}, '{"foo":"as\\u0000d\\"f"}'),
    (
        {
            "$toString": {
                "id": ObjectId("507f1f77bcf86cd799439011"),
                "uuid": UUID(UUID_TEXT),
                "date": date("2018-03-27T16:58:51.538Z"),
                "regex": re.compile("^ABC", re.IGNORECASE),
                "bin": binary("hn3f", 4),
            }
        },
        (
            f'{{"id":"507f1f77bcf86cd799439011","uuid":"{UUID_TEXT}","date":"2018-03-27T16:58:51.538Z",'
            '"regex":"/^ABC/i","bin":"hn3f"}'
        ),
    ),
    (convert({"int": 10}, "string", base=16, format="base64"), '{"int":10}'),
    # and back
    ({"$toArray": '[-999, [[{"object": "here"}]], null]'}, [-999, [[{"object": "here"}]], None]),
    ({"$toObject": '{"$toString": "$missing", "n": 1.2e+3}'}, {"$toString": "$missing", "n": 1200.0}),
    ({"$toObject": '{"n": 18446744073709551615, "m": -18446744073709551615}'}, {"n": 2.0**64, "m": -(2.0**64)}),
    (convert('{"a": 1}', "object"), {"a": 1}),
    (convert("[", "array", onError=[]), []),
    # indexes and names of elements
    ({"$filter": {"input": [0, 7, 2, 5], "cond": {"$eq": ["$$this", "$$IDX"]}}}, [0, 2]),
    ({"$filter": {"input": [0, 7, 2], "arrayIndexAs": "i", "cond": {"$eq": ["$$this", "$$i"]}, "limit": 1}}, [0]),
    ({"$map": {"input": [5, 5], "arrayIndexAs": "σημείο", "in": "$$σημείο"}}, [0, 1]),
    (
        {"$map": {"input": [5, 5], "in": {"$map": {"input": [7], "arrayIndexAs": "i", "in": ["$$IDX", "$$i"]}}}},
        [[[0, 0]], [[1, 0]]],
    ),
    (
        {
            "$reduce": {
                "input": [1, 2, 3],
                "initialValue": 0,
                "in": {"$add": [{"$multiply": ["$$this", "$$IDX"]}, "$$value"]},
            }
        },
        8,
    ),
    (
        {
            "$reduce": {
                "input": [1, 2],
                "initialValue": 0,
                "as": "e",
                "valueAs": "acc",
                "in": {"$add": ["$$e", "$$acc"]},
            }
        },
        3,
    ),
    (
        {
            "$reduce": {
                "input": MATRIX,
                "initialValue": 1,
                "as": "e",
                "valueAs": "acc",
                "in": {
                    "$multiply": [
                        "$$acc",
                        {
                            "$reduce": {
                                "input": "$$e",
                                "initialValue": 0,
                                "as": "e",
                                "valueAs": "acc",
                                "in": {"$add": ["$$acc", "$$e", "$$IDX"]},
                            }
                        },
                    ]
                },
            }
        },
        4374,
    ),
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=str)
def test_a_newer_operator_computes_what_the_server_does(expression, expected):
    assert typed(evaluate(expression)) == typed(expected)


ERRORS = [
    *(({name: {}}, 9) for name in ("$hash", "$hexHash", "$serializeEJSON", "$deserializeEJSON")),
    ({"$hash": {"input": "s", "algorithm": "xxh64", "extra": 1}}, 9),
    ({"$hash": {"input": [1], "algorithm": "xxh64"}}, 10754000),
    ({"$hash": {"input": "s", "algorithm": None}}, 10754001),
    ({"$hash": {"input": "s", "algorithm": "XXH64"}}, 10754002),
    ({"$topN": 0}, 721218),
    ({"$topN": {"input": [1]}}, 7212110),
    ({"$topN": {"n": 2}}, 7212111),
    ({"$topN": {"n": 1.5, "input": [1]}}, 721210),
    ({"$topN": {"n": -1, "input": [1]}}, 721212),
    ({"$topN": {"n": 2, "input": "one"}}, 721211),
    ({"$topN": {"n": 2, "input": [1], "sortBy": "a"}}, 2942507),
    ({"$bottomN": 0}, 7212117),
    ({"$bottomN": {"input": [1]}}, 7212119),
    ({"$bottomN": {"n": 2}}, 7212120),
    ({"$bottomN": {"n": "2", "input": [1]}}, 721214),
    ({"$bottomN": {"n": -1, "input": [1]}}, 721216),
    ({"$bottomN": {"n": 2, "input": 1}}, 721215),
    ({"$top": 0}, 7212113),
    ({"$top": {"sortBy": 1}}, 7212115),
    ({"$top": {"input": "one"}}, 721213),
    ({"$bottom": 0}, 7212122),
    ({"$bottom": {"sortBy": 1}}, 7212124),
    ({"$bottom": {"input": "one"}}, 721217),
    ({"$subtype": "text"}, 10389300),
    ({"$similarityCosine": [[1, 2], [1]]}, 10413202),
    ({"$similarityCosine": [[1, "y"], [4, 5]]}, 10413203),
    ({"$similarityCosine": [[1, 2], [4, "x"]]}, 10413204),
    ({"$similarityCosine": [[1, 2], "z"]}, 10413200),
    ({"$similarityCosine": [[1, 2]]}, 16020),
    ({"$similarityDotProduct": [vector(3, b"\x01"), vector(3, b"\x01\x02")]}, 12325705),
    ({"$similarityDotProduct": [Binary(b"", 9), vector(3, b"\x01\x02")]}, 12325704),
    *((convert(10, "string", base=base), 3501300) for base in (2.1, "2", True)),
    *((convert(False, "bool", base=base), 3501301) for base in (0, 3, 12)),
    (convert(200, "binData", byteOrder="silly"), 9130002),
    (convert(200, "binData", byteOrder=1), 9130001),
    ({"$toArray": vector(0xEA, b"\0")}, 10506600),
    ({"$toArray": vector(0x03, b"\1", 1)}, 10506606),
    ({"$toArray": vector(0x27, b"\0\x11\0")}, 10506602),
    ({"$filter": {"input": [], "arrayIndexAs": "i", "cond": "$$IDX"}}, 17276),
    ({"$filter": {"input": "$$IDX", "cond": True}}, 17276),
    ({"$filter": {"input": [], "arrayIndexAs": "IDX", "cond": True}}, 9),
    ({"$filter": {"input": [], "as": "i", "arrayIndexAs": "i", "cond": True}}, 9375802),
    ({"$map": {"input": [], "as": "i", "arrayIndexAs": "i", "in": 1}}, 9375801),
    ({"$map": {"input": [], "arrayIndexAs": "", "in": 1}}, 9),
    ({"$reduce": {"input": [], "initialValue": 0, "as": "e", "valueAs": "e", "in": 1}}, 9298401),
    ({"$reduce": {"input": [], "initialValue": 0, "valueAs": "e", "arrayIndexAs": "e", "in": 1}}, 9298401),
    ({"$reduce": {"input": [], "initialValue": 0, "as": "THIS", "in": 1}}, 9),
    ({"$reduce": {"input": [], "initialValue": 0, "as": "e", "in": "$$this"}}, 17276),
    *(({"$createObjectId": operand}, 9) for operand in ({"key": 1}, None, ["x"], "x")),
    ({"$createUUID": 1}, 9),
    *(({"$rand": operand}, 10065) for operand in (0, "x", True, None)),
    ({"$rand": [1]}, 3040501),
    ({"$serializeEJSON": {"input": 1, "relaxed": "yes"}}, 2),
]


@pytest.mark.parametrize(("expression", "code"), ERRORS, ids=str)
def test_a_newer_operator_that_means_nothing_fails_with_mongodbs_code(expression, code):
    assert code_of(expression) == code


IMPOSSIBLE = [
    *((text, "int", {"base": 2}) for text in ("zzz", "A", "2", "0b1010", "1" + "0" * 31, "")),
    ("0o12", "long", {"base": 8}),
    ("0xa", "long", {"base": 16}),
    ("9223372036854775808", "decimal", {"base": 10}),
    ("-80000001", "int", {"base": 16}),
    (10.1, "string", {"base": 2}),
    (Decimal("1.5"), "binData", {"byteOrder": "big"}),
    (b"\0" * 8, "int", {}),
    (b"\0" * 5, "double", {}),
    (b"x", "array", {}),
    (["oh"], {"type": "binData", "subtype": 9}, {}),
    ([5, 200], {"type": "binData", "subtype": 9}, {}),
    ({"a": 1}, {"type": "binData", "subtype": 9}, {"format": "base64"}),
    *((text, "object", {}) for text in ("[{}]", '"str"', "123", "null", '{"f\\u0000oo": 1}', '{"foo": "b\0ar"}')),
    *(
        (text, "object", {})
        for text in ('{"a": 1}\n{"a": 2}', '{"a": 1,}', "{a: 1}", '{"n":' + "[" * 200 + "]" * 200 + "}")
    ),
    *((text, "array", {}) for text in ('{"f": []}', "true", '["a",,]')),
    ({"$numberInt": "x"}, None, {}),
]


@pytest.mark.parametrize(("value", "target", "options"), IMPOSSIBLE, ids=str)
def test_what_newer_conversions_cannot_convert_is_a_conversion_failure(value, target, options):
    made = convert(value, target, **options) if target else {"$deserializeEJSON": {"input": {"$literal": value}}}
    ((name, operand),) = made.items()

    assert code_of(made) == 241
    assert evaluate({name: {**operand, "onError": "no"}}) == "no"


EXTENDED = [
    (42, {"$numberInt": "42"}, 42),
    (Int64(42), {"$numberLong": "42"}, Int64(42)),
    (42.5, {"$numberDouble": "42.5"}, 42.5),
    (-INF, {"$numberDouble": "-Infinity"}, {"$numberDouble": "-Infinity"}),
    (Decimal("1.10"), {"$numberDecimal": "1.10"}, {"$numberDecimal": "1.10"}),
    (ObjectId("507f1f77bcf86cd799439011"), {"$oid": "507f1f77bcf86cd799439011"}, {"$oid": "507f1f77bcf86cd799439011"}),
    (date("2021-01-01T00:00:00Z"), {"$date": {"$numberLong": "1609459200000"}}, {"$date": "2021-01-01T00:00:00.000Z"}),
    (date("1969-12-31T00:00:00Z"), {"$date": {"$numberLong": "-86400000"}}, {"$date": {"$numberLong": "-86400000"}}),
    (b"\1\2", {"$binary": {"base64": "AQI=", "subType": "00"}}, {"$binary": {"base64": "AQI=", "subType": "00"}}),
    (UUID(UUID_TEXT), {"$uuid": UUID_TEXT}, {"$uuid": UUID_TEXT}),
    (Timestamp(1, 2), {"$timestamp": {"t": 1, "i": 2}}, {"$timestamp": {"t": 1, "i": 2}}),
    (MinKey(), {"$minKey": 1}, {"$minKey": 1}),
    ({"a": [1, None, "x", True]}, {"a": [{"$numberInt": "1"}, None, "x", True]}, {"a": [1, None, "x", True]}),
]


@pytest.mark.parametrize(("value", "canonical", "relaxed"), EXTENDED, ids=str)
def test_a_value_is_written_in_extended_json_and_read_back(value, canonical, relaxed):
    document = {"x": value}

    assert typed(evaluate({"$serializeEJSON": {"input": "$x"}}, document)) == typed(canonical)
    assert typed(evaluate({"$serializeEJSON": {"input": "$x", "relaxed": True}}, document)) == typed(relaxed)
    assert typed(evaluate({"$deserializeEJSON": {"input": "$x"}}, {"x": canonical})) == typed(value)


def test_extended_json_of_nothing_is_null():
    assert evaluate({"$serializeEJSON": {"input": "$none"}}) is None
    assert evaluate({"$deserializeEJSON": {"input": "$none"}}) is None


@pytest.mark.parametrize("value", [b"x", {"$numberInt": "1", "b": 2}, {"$ref": "c", "$id": 1}], ids=str)
def test_what_is_no_extended_json_is_not_read(value):
    assert code_of({"$deserializeEJSON": {"input": "$x"}}, {"x": value}) == 241


def test_a_new_object_id_has_the_second_of_the_call_and_a_new_uuid_is_of_version_4():
    draws = {"NOW": datetime(2024, 2, 29, 12, tzinfo=UTC), RANDOM: lambda: 0.5}

    made = evaluate([{"$createObjectId": {}}, {"$createUUID": {}}], **draws)

    assert made[0] == ObjectId("65e071c0" + "80" * 8)
    assert made[1] == UUID(bytes=b"\x80" * 16, version=4)


XXH64 = {
    0: "ef46db3751d8e999",
    31: "3f8d95ab32c127d9",
    32: "e2bbc9136629a4ee",
    33: "6d92fe2ebab7db31",
    100: "748b482c10d9fb2a",
}


@pytest.mark.parametrize(("size", "expected"), XXH64.items())
def test_xxh64_is_that_of_its_library_for_texts_of_any_length(size, expected):
    hashed = evaluate({"$hexHash": {"input": LONG_TEXT[:size], "algorithm": "xxh64"}})

    assert hashed == expected.upper()
