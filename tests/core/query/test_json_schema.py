"""What ``$jsonSchema`` says of a value that does not fit: the server's description, and a sentence without values."""

from __future__ import annotations

import pytest

from nosqlpy import QueryError
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.query.partial import WholeLayout
from nosqlpy._core.query.schema import compile_schema


def described(schema, value):
    return [failure.details for failure in compile_schema(schema).failures(value)]


def sentences(schema, value):
    return [failure.message for failure in compile_schema(schema).failures(value)]


def below(value, *details):
    """Return the description of the property ``a`` that has these details."""
    return [{"operatorName": "properties", "propertiesNotSatisfied": [{"propertyName": "a", "details": [*details]}]}]


# (schema of a, value of a, the server's description): src/mongo/db/matcher/doc_validation_error_json_schema_test.cpp
DESCRIPTIONS = [
    (
        {"minimum": 1, "exclusiveMinimum": True},
        1,
        {
            "operatorName": "minimum",
            "specifiedAs": {"minimum": 1, "exclusiveMinimum": True},
            "reason": "comparison failed",
            "consideredValue": 1,
        },
    ),
    (
        {"maximum": 3},
        4,
        {
            "operatorName": "maximum",
            "specifiedAs": {"maximum": 3},
            "reason": "comparison failed",
            "consideredValue": 4,
        },
    ),
    (
        {"type": "string"},
        ["Mihai"],
        {
            "operatorName": "type",
            "specifiedAs": {"type": "string"},
            "reason": "type did not match",
            "consideredValue": ["Mihai"],
            "consideredType": "array",
        },
    ),
    (
        {"bsonType": "double"},
        {"b": 1},
        {
            "operatorName": "bsonType",
            "specifiedAs": {"bsonType": "double"},
            "reason": "type did not match",
            "consideredValue": {"b": 1},
            "consideredType": "object",
        },
    ),
    (
        {"minLength": 4},
        "foo",
        {
            "operatorName": "minLength",
            "specifiedAs": {"minLength": 4},
            "reason": "specified string length was not satisfied",
            "consideredValue": "foo",
        },
    ),
    (
        {"pattern": "^S"},
        "slow",
        {
            "operatorName": "pattern",
            "specifiedAs": {"pattern": "^S"},
            "reason": "regular expression did not match",
            "consideredValue": "slow",
        },
    ),
    (
        {"multipleOf": 2.1},
        1.1,
        {
            "operatorName": "multipleOf",
            "specifiedAs": {"multipleOf": 2.1},
            "reason": "considered value is not a multiple of the specified value",
            "consideredValue": 1.1,
        },
    ),
    (
        {"enum": [1, 2, 3]},
        0,
        {
            "operatorName": "enum",
            "specifiedAs": {"enum": [1, 2, 3]},
            "reason": "value was not found in enum",
            "consideredValue": 0,
        },
    ),
    (
        {"minItems": 2},
        [1],
        {
            "operatorName": "minItems",
            "specifiedAs": {"minItems": 2},
            "reason": "array did not match specified length",
            "consideredValue": [1],
            "numberOfItems": 1,
        },
    ),
    (
        {"uniqueItems": True},
        [1, 2, 1],
        {
            "operatorName": "uniqueItems",
            "specifiedAs": {"uniqueItems": True},
            "reason": "found a duplicate item",
            "consideredValue": [1, 2, 1],
            "duplicatedValue": 1,
        },
    ),
    (
        {"items": {"title": "T", "type": "string"}},
        ["a", 1],
        {
            "operatorName": "items",
            "title": "T",
            "reason": "At least one item did not match the sub-schema",
            "itemIndex": 1,
            "details": [
                {
                    "operatorName": "type",
                    "specifiedAs": {"type": "string"},
                    "reason": "type did not match",
                    "consideredValue": 1,
                    "consideredType": "int",
                }
            ],
        },
    ),
    (
        {"items": [{}, {"not": {}}]},
        [1, 2],
        {
            "operatorName": "items",
            "details": [{"itemIndex": 1, "details": [{"operatorName": "not", "reason": "child expression matched"}]}],
        },
    ),
    (
        {"items": [{}], "additionalItems": False},
        [1, 2, 3],
        {
            "operatorName": "additionalItems",
            "specifiedAs": {"additionalItems": False},
            "reason": "found additional items",
            "additionalItems": [2, 3],
        },
    ),
    (
        {"items": [{}], "additionalItems": {"not": {}}},
        [1, 2],
        {
            "operatorName": "additionalItems",
            "reason": "At least one additional item did not match the sub-schema",
            "itemIndex": 1,
            "details": [{"operatorName": "not", "reason": "child expression matched"}],
        },
    ),
    (
        {"required": ["c", "b"]},
        {},
        {"operatorName": "required", "specifiedAs": {"required": ["c", "b"]}, "missingProperties": ["b", "c"]},
    ),
    (
        {"maxProperties": 1},
        {"b": 1, "c": 1},
        {
            "operatorName": "maxProperties",
            "specifiedAs": {"maxProperties": 1},
            "reason": "specified number of properties was not satisfied",
            "numberOfProperties": 2,
        },
    ),
    (
        {"properties": {"b": {}}, "additionalProperties": False},
        {"b": 1, "c": 1, "d": 1},
        {
            "operatorName": "additionalProperties",
            "specifiedAs": {"additionalProperties": False},
            "additionalProperties": ["c", "d"],
        },
    ),
    (
        {"additionalProperties": {"description": "none", "not": {}}},
        {"c": 1},
        {
            "operatorName": "additionalProperties",
            "description": "none",
            "reason": "at least one additional property did not match the subschema",
            "failingProperty": "c",
            "details": [{"operatorName": "not", "reason": "child expression matched"}],
        },
    ),
    (
        {"patternProperties": {"^S": {"not": {}}}},
        {"S1": 1},
        {
            "operatorName": "patternProperties",
            "details": [
                {
                    "propertyName": "S1",
                    "regexMatched": "^S",
                    "details": [{"operatorName": "not", "reason": "child expression matched"}],
                }
            ],
        },
    ),
    (
        {"dependencies": {"b": ["c", "d"], "e": {"not": {}}}},
        {"b": 1, "e": 1},
        {
            "operatorName": "dependencies",
            "failingDependencies": [
                {"conditionalProperty": "b", "missingProperties": ["c", "d"]},
                {
                    "conditionalProperty": "e",
                    "details": [{"operatorName": "not", "reason": "child expression matched"}],
                },
            ],
        },
    ),
    (
        {"allOf": [{}, {"not": {}}]},
        1,
        {
            "operatorName": "allOf",
            "schemasNotSatisfied": [
                {"index": 1, "details": [{"operatorName": "not", "reason": "child expression matched"}]}
            ],
        },
    ),
    (
        {"anyOf": [{"not": {}}]},
        1,
        {
            "operatorName": "anyOf",
            "schemasNotSatisfied": [
                {"index": 0, "details": [{"operatorName": "not", "reason": "child expression matched"}]}
            ],
        },
    ),
    (
        {"oneOf": [{"minimum": 1}, {"maximum": 3}]},
        2,
        {"operatorName": "oneOf", "reason": "more than one subschema matched", "matchingSchemaIndexes": [0, 1]},
    ),
    (
        {"oneOf": [{"not": {}}]},
        2,
        {
            "operatorName": "oneOf",
            "schemasNotSatisfied": [
                {"index": 0, "details": [{"operatorName": "not", "reason": "child expression matched"}]}
            ],
        },
    ),
]


@pytest.mark.parametrize(("schema", "value", "details"), DESCRIPTIONS, ids=lambda part: str(part)[:50])
def test_a_value_that_does_not_fit_is_described_as_the_server_does(schema, value, details):
    assert described({"properties": {"a": schema}}, {"a": value}) == below(value, details)


@pytest.mark.parametrize(("schema", "value", "_details"), DESCRIPTIONS, ids=lambda part: str(part)[:50])
def test_a_sentence_on_a_value_has_its_place_and_the_rule(schema, value, _details):
    (sentence,) = sentences({"properties": {"a": schema}}, {"a": value})

    assert sentence.startswith(("a: ", "a."))
    assert f"(schema rule properties.a.{next(iter(schema))}" in sentence or "properties.a." in sentence


SENTENCES = [
    ({"required": ["name"]}, {}, "name: is required (schema rule required)"),
    (
        {"properties": {"age": {"bsonType": "int"}}},
        {"age": "x"},
        "age: must be of bsonType 'int' (schema rule properties.age.bsonType)",
    ),
    (
        {"properties": {"l": {"items": {"properties": {"n": {"minimum": 3}}}}}},
        {"l": [{"n": 3}, {"n": 2}]},
        "l.1.n: must be at least 3 (schema rule properties.l.items.properties.n.minimum)",
    ),
    (
        {"properties": {"l": {"items": [{}, {"maxLength": 1}]}}},
        {"l": [1, "xx"]},
        "l.1: must have at most 1 characters (schema rule properties.l.items.1.maxLength)",
    ),
    (
        {"patternProperties": {"^x": {"type": ["null", "string"]}}},
        {"xy": 1},
        "xy: must be of type 'null' or 'string' (schema rule patternProperties.^x.type)",
    ),
    ({"dependencies": {"a": ["b"]}}, {"a": 1}, "b: is required where 'a' is there (schema rule dependencies.a)"),
    ({"maxProperties": 0}, {"a": 1}, "the document: must have at most 0 fields (schema rule maxProperties)"),
    (
        {"properties": {"a": {"allOf": [{}, {"maximum": 5, "exclusiveMaximum": True}]}}},
        {"a": 5},
        "a: must be less than 5 (schema rule properties.a.allOf.1.maximum)",
    ),
]


@pytest.mark.parametrize(("schema", "document", "sentence"), SENTENCES, ids=lambda part: str(part)[:50])
def test_a_sentence_says_where_what_and_by_which_rule(schema, document, sentence):
    assert sentences(schema, document) == [sentence]


def test_failures_come_in_the_servers_order():
    schema = {"bsonType": "int", "enum": [1], "minimum": 10, "maximum": -10, "multipleOf": 3}

    assert [details["operatorName"] for details in described(schema, 5.5)] == [
        "multipleOf",
        "maximum",
        "minimum",
        "enum",
        "bsonType",
    ]


def test_a_value_that_fits_fails_nothing():
    assert described({"properties": {"a": {"minimum": 1}}, "required": ["a"]}, {"a": 1}) == []


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ({"properties": {"a": {"minimum": 1}, "b": {}}, "required": ["c"]}, {"a", "c"}),
        ({"anyOf": [{"required": ["a"]}, {"not": {"required": ["b"]}}]}, {"a", "b"}),
        ({"dependencies": {"a": ["b"], "c": {"required": ["d"]}}}, {"a", "b", "c", "d"}),
        ({"type": "object", "minimum": 1}, set()),
    ],
    ids=str,
)
def test_a_scan_decodes_only_the_fields_that_a_schema_names(schema, paths):
    assert compile_filter({"$jsonSchema": schema}).paths == paths


@pytest.mark.parametrize(
    "schema",
    [
        {"additionalProperties": False},
        {"patternProperties": {"a": {"minimum": 1}}},
        {"minProperties": 1},
        {"enum": [{}]},
        {"allOf": [{"maxProperties": 1}]},
        {"required": ["$a"]},
    ],
    ids=str,
)
def test_a_schema_that_looks_at_all_fields_reads_whole_documents(schema):
    assert isinstance(compile_filter({"$jsonSchema": schema})._template.layout, WholeLayout)


@pytest.mark.parametrize(
    ("schema", "hint"),
    [({"minlength": 1}, "'minLength'"), ({"bsontype": "int"}, "'bsonType'"), ({"bsonType": "integr"}, "'int'")],
    ids=str,
)
def test_a_misspelt_keyword_or_type_is_refused_with_the_nearest_one(schema, hint):
    with pytest.raises(QueryError, match=f"did you mean {hint}"):
        compile_schema(schema)


def test_json_types_are_told_from_bson_types():
    with pytest.raises(QueryError, match="unknown type 'int'; it is a bsonType"):
        compile_schema({"type": "int"})


def test_a_schema_nested_too_deep_is_refused():
    schema = {}
    for _ in range(3000):
        schema = {"not": schema}

    with pytest.raises(QueryError, match="levels deep"):
        compile_filter({"$jsonSchema": schema})
