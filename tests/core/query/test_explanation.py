"""Why a document does not match a filter, as the server describes it (doc_validation_error_test.cpp)."""

from __future__ import annotations

import pytest

from corpus.cases import CASES as ALL_CASES
from nosqlpy._core.query.explanation import explain
from nosqlpy._core.query.filter import compile_filter

CASES = [case for case in ALL_CASES if case.reads_only and "error" not in case.body and "$$" not in repr(case.filter)]


def leaf(name, specified, reason, **more):
    return {"operatorName": name, "specifiedAs": specified, "reason": reason, **more}


FAILED, SUCCEEDED, MISSING = "comparison failed", "comparison succeeded", "field was missing"
NO_QUOTIENT = leaf(
    "$expr",
    {"$expr": {"$divide": [1, "$a"]}},
    "failed to evaluate aggregation expression",
    details={"code": 2, "codeName": "BadValue", "errmsg": "can't $divide by zero"},
)
NUMBERS = ["decimal", "double", "int", "long"]

# a filter, a document that it does not match, and what is said of that
LEAVES = [
    ({"a": 2}, {"a": 1}, leaf("$eq", {"a": 2}, FAILED, consideredValue=1)),
    ({"a": {"$gt": 1}}, {"a": 1}, leaf("$gt", {"a": {"$gt": 1}}, FAILED, consideredValue=1)),
    ({"a": {"$gt": 1}}, {"b": 1}, leaf("$gt", {"a": {"$gt": 1}}, MISSING)),
    ({"a": {"$gt": 3}}, {"a": [1, 2]}, leaf("$gt", {"a": {"$gt": 3}}, FAILED, consideredValues=[1, 2])),
    ({"a.b": {"$lt": 3}}, {"a": [{"b": 4}, {}]}, leaf("$lt", {"a.b": {"$lt": 3}}, FAILED, consideredValue=4)),
    ({"a": {"$ne": 2}}, {"a": 2}, leaf("$ne", {"a": {"$ne": 2}}, SUCCEEDED, consideredValue=2)),
    (
        {"a": {"$in": [1]}},
        {"a": 2},
        leaf("$in", {"a": {"$in": [1]}}, "no matching value found in array", consideredValue=2),
    ),
    (
        {"a": {"$nin": [2]}},
        {"a": 2},
        leaf("$nin", {"a": {"$nin": [2]}}, "matching value found in array", consideredValue=2),
    ),
    ({"a": {"$exists": True}}, {}, leaf("$exists", {"a": {"$exists": True}}, "path does not exist")),
    ({"a": {"$exists": False}}, {"a": 1}, leaf("$exists", {"a": {"$exists": False}}, "path does exist")),
    (
        {"a": {"$type": "string"}},
        {"a": 1},
        leaf("$type", {"a": {"$type": "string"}}, "type did not match", consideredValue=1, consideredType="int"),
    ),
    (
        {"a": {"$type": "string"}},
        {"a": [1, None]},
        leaf(
            "$type",
            {"a": {"$type": "string"}},
            "type did not match",
            consideredValues=[1, None],
            consideredTypes=["int", "null"],
        ),
    ),
    (
        {"a": {"$mod": [2, 1]}},
        {"a": 2},
        leaf("$mod", {"a": {"$mod": [2, 1]}}, "$mod did not evaluate to expected remainder", consideredValue=2),
    ),
    (
        {"a": {"$mod": [2, 1]}},
        {"a": "two"},
        leaf(
            "$mod",
            {"a": {"$mod": [2, 1]}},
            "type did not match",
            consideredType="string",
            expectedTypes=NUMBERS,
            consideredValue="two",
        ),
    ),
    (
        {"a": {"$regex": "^S", "$options": "i"}},
        {"a": "x"},
        leaf(
            "$regex", {"a": {"$regex": "^S", "$options": "i"}}, "regular expression did not match", consideredValue="x"
        ),
    ),
    (
        {"a": {"$size": 2}},
        {"a": [1]},
        leaf("$size", {"a": {"$size": 2}}, "array length was not equal to given size", consideredValue=[1]),
    ),
    (
        {"a": {"$size": 2}},
        {"a": 1},
        leaf(
            "$size",
            {"a": {"$size": 2}},
            "type did not match",
            consideredType="int",
            expectedType="array",
            consideredValue=1,
        ),
    ),
    (
        {"a": {"$all": [1, 2]}},
        {"a": [1]},
        leaf("$all", {"a": {"$all": [1, 2]}}, "array did not contain all specified values", consideredValue=[1]),
    ),
    (
        {"a": {"$elemMatch": {"$gt": 2}}},
        {"a": [1]},
        leaf(
            "$elemMatch",
            {"a": {"$elemMatch": {"$gt": 2}}},
            "array did not satisfy the child predicate",
            consideredValue=[1],
        ),
    ),
    (
        {"a": {"$bitsAllSet": 2}},
        {"a": 1},
        leaf("$bitsAllSet", {"a": {"$bitsAllSet": 2}}, "bitwise operator failed to match", consideredValue=1),
    ),
    (
        {"$expr": {"$gt": ["$a", 2]}},
        {"a": 1},
        leaf("$expr", {"$expr": {"$gt": ["$a", 2]}}, "expression did not match", expressionResult=False),
    ),
    ({"$sampleRate": 0}, {}, leaf("$sampleRate", {"$sampleRate": 0}, "expression always evaluates to false")),
    ({"$alwaysFalse": 1}, {}, leaf("$alwaysFalse", {"$alwaysFalse": 1}, "expression always evaluates to false")),
]

EQ_1 = leaf("$eq", {"a": 1}, FAILED, consideredValue=0)
COMBINATIONS = [
    (
        {"$nor": [{"$alwaysTrue": 1}]},
        {},
        {
            "operatorName": "$nor",
            "clausesSatisfied": [
                {
                    "index": 0,
                    "details": leaf("$alwaysTrue", {"$alwaysTrue": 1}, "expression always evaluates to true"),
                }
            ],
        },
    ),
    (
        {"a": 1, "b": {"$gt": 1, "$lt": 5}},
        {"a": 0, "b": 7},
        {
            "operatorName": "$and",
            "clausesNotSatisfied": [
                {"index": 0, "details": EQ_1},
                {"index": 2, "details": leaf("$lt", {"b": {"$lt": 5}}, FAILED, consideredValue=7)},
            ],
        },
    ),
    (
        {"$and": [{"a": 1}, {"b": 1}]},
        {"a": 0, "b": 1},
        {"operatorName": "$and", "clausesNotSatisfied": [{"index": 0, "details": EQ_1}]},
    ),
    (
        {"$or": [{"a": 1}, {"b": 1}]},
        {"a": 0},
        {
            "operatorName": "$or",
            "clausesNotSatisfied": [
                {"index": 0, "details": EQ_1},
                {"index": 1, "details": leaf("$eq", {"b": 1}, MISSING)},
            ],
        },
    ),
    (
        {"$nor": [{"a": 1}, {"b": 1}]},
        {"a": 0, "b": 1},
        {
            "operatorName": "$nor",
            "clausesSatisfied": [
                {"index": 1, "details": leaf("$eq", {"b": 1}, SUCCEEDED, consideredValue=1)},
            ],
        },
    ),
    (
        {"a": {"$not": {"$gt": 5}}},
        {"a": 6},
        {"operatorName": "$not", "details": leaf("$gt", {"a": {"$gt": 5}}, SUCCEEDED, consideredValue=6)},
    ),
    (
        {"$nor": [{"$and": [{"a": 1}, {"b": {"$not": {"$gt": 5}}}]}]},
        {"a": 1, "b": 2},
        {
            "operatorName": "$nor",
            "clausesSatisfied": [
                {
                    "index": 0,
                    "details": {
                        "operatorName": "$and",
                        "clausesSatisfied": [
                            {"index": 0, "details": leaf("$eq", {"a": 1}, SUCCEEDED, consideredValue=1)},
                            {
                                "index": 1,
                                "details": {
                                    "operatorName": "$not",
                                    "details": leaf("$gt", {"b": {"$gt": 5}}, FAILED, consideredValue=2),
                                },
                            },
                        ],
                    },
                }
            ],
        },
    ),
    (
        {"$nor": [{"$nor": [{"a": 1}]}]},
        {"a": 0},
        {
            "operatorName": "$nor",
            "clausesSatisfied": [
                {
                    "index": 0,
                    "details": {"operatorName": "$nor", "clausesNotSatisfied": [{"index": 0, "details": EQ_1}]},
                }
            ],
        },
    ),
    (
        {"$nor": [{"$jsonSchema": {"minimum": 1}}]},
        {"a": 2},
        {
            "operatorName": "$nor",
            "clausesSatisfied": [{"index": 0, "details": {"operatorName": "$jsonSchema", "reason": "schema matched"}}],
        },
    ),
    (
        {"$nor": [{}]},
        {},
        {
            "operatorName": "$nor",
            "clausesSatisfied": [{"index": 0, "details": {"operatorName": "$and", "clausesSatisfied": []}}],
        },
    ),
    (
        {"$jsonSchema": {"type": "number"}},
        {"a": 1},
        leaf("$jsonSchema", {"$jsonSchema": {"type": "number"}}, "expression always evaluates to false"),
    ),
    (
        {"$jsonSchema": {"title": "T", "not": {}}, "$comment": "never"},
        {},
        {
            "operatorName": "$jsonSchema",
            "title": "T",
            "schemaRulesNotSatisfied": [{"operatorName": "not", "reason": "child expression matched"}],
        },
    ),
]


@pytest.mark.parametrize(("filter", "document", "details"), [*LEAVES, *COMBINATIONS], ids=lambda part: str(part)[:60])
def test_a_filter_that_does_not_match_is_described_as_the_server_does(filter, document, details):
    assert not compile_filter(filter).matches(document)
    assert explain(filter, document).details == details


def test_there_is_an_explanation_for_every_filter_of_the_corpus():
    refused = [
        explain(case.filter, document)
        for case in CASES
        for document in case.documents
        if not compile_filter(case.filter).matches(document)
    ]

    assert len(refused) > 10_000
    assert all(failure.details["operatorName"] and failure.message for failure in refused)


def test_a_clause_that_cannot_be_computed_where_another_decides_is_left_out():
    divided = {"$expr": {"$eq": [{"$divide": [1, "$z"]}, 1]}}
    details = explain({"$nor": [{"a": 1}, divided]}, {"a": 1, "z": 0}).details

    assert [clause["index"] for clause in details["clausesSatisfied"]] == [0]


def test_at_most_ten_values_are_shown():
    details = explain({"a": {"$gt": 100}}, {"a": list(range(12))}).details

    assert details["consideredValues"] == list(range(10))
    assert details["consideredValuesTruncated"] is True


@pytest.mark.parametrize(
    ("filter", "document", "sentence"),
    [
        ({"a.b": {"$gt": 1}}, {"a": {"b": 0}}, "a.b: comparison failed (filter rule a.b.$gt)"),
        ({"a": 1}, {}, "a: field was missing (filter rule a.$eq)"),
        (
            {"$or": [{"a": 1}, {"b": 1}]},
            {},
            "the document: must match at least one of 2 filters (filter rule $or)",
        ),
        (
            {"b": 1, "$jsonSchema": {"required": ["c"]}},
            {"b": 1},
            "c: is required (schema rule required)",
        ),
        ({"$expr": {"$gt": ["$a", 2]}}, {}, "the document: expression did not match (filter rule $expr)"),
    ],
    ids=str,
)
def test_a_sentence_says_where_what_and_by_which_rule(filter, document, sentence):
    assert explain(filter, document).message == sentence


@pytest.mark.parametrize(
    ("filter", "document", "details"),
    [
        ({"$expr": {"$divide": [1, "$a"]}}, {"a": 0}, NO_QUOTIENT),
        (
            {"b": 1, "$expr": {"$divide": [1, "$a"]}},
            {"a": 0, "b": 1},
            {"operatorName": "$and", "clausesNotSatisfied": [{"index": 1, "details": NO_QUOTIENT}]},
        ),
        (
            {"$or": [{"$expr": {"$divide": [1, "$a"]}}]},
            {"a": 0},
            {"operatorName": "$or", "clausesNotSatisfied": [{"index": 0, "details": NO_QUOTIENT}]},
        ),
    ],
    ids=str,
)
def test_an_expression_that_cannot_be_computed_is_told_with_its_error(filter, document, details):
    assert explain(filter, document).details == details
