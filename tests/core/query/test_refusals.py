"""Filters that are refused, with MongoDB's codes, before any document is looked at."""

from __future__ import annotations

import re
from decimal import Decimal

import bson
import pytest

from nosqlpy._core.query.filter import compile_filter
from nosqlpy.errors import NotSupportedError, QueryError

NAN = float("nan")

MALFORMED = [
    # filter, code, what the message says
    ({"a": {"$gt": 1, "b": 2}}, 2, "unknown operator 'b'"),
    ({"a": {"$gtt": 1}}, 2, r"unknown operator '\$gtt'.*did you mean '\$gt'"),
    ({"a": {"$or": [{"b": 1}]}}, 2, "beside field names"),
    ({"a": {"$comment": "x"}}, 2, "beside field names"),
    ({"a": {"$": 1}}, 2, "unknown operator"),
    ({"$gt": 1}, 2, r"unknown top level operator '\$gt'; it stands under a field name"),
    ({"$adn": [{"a": 1}]}, 2, r"unknown top level operator '\$adn'; did you mean '\$and'"),
    ({"$x": 1}, 2, "unknown top level operator"),
    ({1: 2}, 2, "hence str, not int"),
    ({"$and": []}, 2, "not empty"),
    ({"$or": {}}, 2, "must be an array"),
    ({"$nor": {"a": 1}}, 2, "must be an array"),
    ({"$or": [1]}, 2, "hence documents, not int"),
    ({"$and": [{"a": 1}, None]}, 2, "hence documents"),
    ({"a": {"$in": 5}}, 2, r"\$in needs an array, not int"),
    ({"a": {"$in": {"b": 1}}}, 2, r"\$in needs an array"),
    ({"a": {"$nin": "x"}}, 2, r"\$nin needs an array"),
    ({"a": {"$in": [{"$gt": 1}]}}, 2, r"cannot nest \$ under \$in"),
    ({"a": {"$not": 5}}, 2, r"\$not needs a regular expression or a document"),
    ({"a": {"$not": None}}, 2, r"\$not needs"),
    ({"a": {"$not": {}}}, 2, r"\$not cannot be empty"),
    ({"a": {"$not": {"b": 1}}}, 2, "unknown operator 'b'"),
    ({"a": {"$ne": re.compile("x")}}, 2, "regular expression"),
    ({"a": {"$gt": re.compile("x")}}, 2, "regular expression"),
    ({"a": {"$lte": bson.Regex("x")}}, 2, "regular expression"),
    ({"a": {"$size": "1"}}, 2, r"\$size"),
    ({"a": {"$size": 1.5}}, 2, r"\$size"),
    ({"a": {"$size": -1}}, 2, r"\$size"),
    ({"a": {"$size": True}}, 2, r"\$size"),
    ({"a": {"$size": {"$gt": 1}}}, 2, r"\$size"),
    ({"a": {"$all": 5}}, 2, r"\$all needs an array"),
    ({"a": {"$all": [{"$gt": 1}]}}, 2, r"\$all takes no operator"),
    ({"a": {"$all": [{"$elemMatch": {}}, 5]}}, 2, r"nothing but documents of \$elemMatch"),
    ({"a": {"$all": [5, {"$elemMatch": {}}]}}, 2, r"\$all takes no operator"),
    ({"a": {"$elemMatch": 5}}, 2, r"\$elemMatch needs a document"),
    ({"a": {"$elemMatch": {"$foo": 1}}}, 2, "unknown"),
    ({"a": {"$elemMatch": {"$gt": 1, "b": 1}}}, 2, "unknown operator 'b'"),
    ({"a": {"$elemMatch": {"b": 1, "$gt": 1}}}, 2, "unknown top level operator"),
    ({"a": {"$type": "text"}}, 2, "unknown type name 'text'"),
    ({"a": {"$type": "strin"}}, 2, "did you mean 'string'"),
    ({"a": {"$type": 0}}, 2, "invalid numerical type code"),
    ({"a": {"$type": 20}}, 2, "invalid numerical type code"),
    ({"a": {"$type": 2.5}}, 2, "invalid numerical type code"),
    ({"a": {"$type": NAN}}, 2, "invalid numerical type code"),
    ({"a": {"$type": None}}, 14, "a number or a string"),
    ({"a": {"$type": [["int"]]}}, 14, "a number or a string"),
    ({"a": {"$type": []}}, 9, "at least one type"),
    ({"a": {"$regex": 5}}, 2, r"\$regex has to be a string"),
    ({"a": {"$regex": "a", "$options": 5}}, 2, r"\$options has to be a string"),
    ({"a": {"$options": "i"}}, 2, r"\$options needs a \$regex"),
    ({"a": {"$regex": "a\0"}}, 2, "null byte"),
    ({"a": {"$regex": "("}}, 51091, "regular expression is invalid"),
    ({"a": {"$regex": "a", "$options": "g"}}, 51108, "invalid flag"),
    ({"a": {"$regex": re.compile("a", re.IGNORECASE), "$options": "m"}}, 51075, "both"),
    ({"a": {"$regex": re.compile("a", re.IGNORECASE), "$options": ""}}, 51075, "both"),
    ({"a": {"$options": "m", "$regex": re.compile("a", re.IGNORECASE)}}, 51074, "both"),
    ({"a": {"$mod": 5}}, 2, "array of divisor and remainder"),
    ({"a": {"$mod": []}}, 2, "two elements"),
    ({"a": {"$mod": [1]}}, 2, "two elements"),
    ({"a": {"$mod": [1, 2, 3]}}, 2, "two elements"),
    ({"a": {"$mod": ["x", 1]}}, 2, "divisor is not a number"),
    ({"a": {"$mod": [2, None]}}, 2, "remainder is not a number"),
    ({"a": {"$mod": [0, 1]}}, 2, "divisor cannot be 0"),
    ({"a": {"$mod": [0.9, 1]}}, 2, "divisor cannot be 0"),
    ({"a": {"$mod": [NAN, 1]}}, 2, "divisor does not fit"),
    ({"a": {"$mod": [1, 1e300]}}, 2, "remainder does not fit"),
    ({"a": {"$mod": [Decimal("Infinity"), 1]}}, 2, "divisor does not fit"),
    ({"a": {"$bitsAllSet": "x"}}, 2, "takes an array of positions"),
    ({"a": {"$bitsAllSet": -1}}, 9, "mask"),
    ({"a": {"$bitsAnySet": 1.5}}, 9, "mask"),
    ({"a": {"$bitsAnyClear": [-1]}}, 2, "positions"),
    ({"a": {"$bitsAllClear": [2**31]}}, 2, "positions"),
    ({"a": {"$bitsAllClear": ["x"]}}, 2, "positions"),
    ({"a": {1, 2}}, 2, "type set can neither be stored nor compared"),
    ({"a": {"$gt": object()}}, 2, "neither be stored"),
    ({"a": [{1}]}, 2, "neither be stored"),
    ({"a": {"$in": [1, {2}]}}, 2, "neither be stored"),
    ({"a": {"$expr": 1}}, 2, r"\$expr under 'a': it stands beside field names"),
    ({"a": {"$elemMatch": {"$expr": 1}}}, 2, r"\$expr can only be applied to the top-level document"),
    ({"a": {"$elemMatch": {"$or": [{"b": 1}, {"$expr": 1}]}}}, 2, r"\$expr can only be"),
    ({"$expr": {"$gtt": [1, 2]}}, 168, r"'\$gtt'; did you mean '\$gt'"),
    ({"$expr": {"$gt": [1]}}, 16020, "exactly 2"),
    ({"$expr": "$$x"}, 17276, "undefined variable: x"),
    (".".join("a" * 300), 15, "parts"),
    ([("a", 1)], 14, "a filter is a document, not list"),
    (None, 14, "a filter is a document, not NoneType"),
]


@pytest.mark.parametrize(("filter", "code", "message"), MALFORMED, ids=lambda value: str(value)[:60])
def test_a_malformed_filter_is_refused_with_mongodbs_code(filter, code, message):
    with pytest.raises(QueryError, match=message) as caught:
        compile_filter({filter: 1} if isinstance(filter, str) else filter)

    assert caught.value.code == code


UNSUPPORTED = [
    ({"$expr": {"$function": 1}}, r"expression operator \$function"),
    ({"$expr": {"$lt": ["$a", "$$NOW"]}}, r"variable \$\$NOW"),
    ({"$where": "1"}, r"\$where"),
    ({"$jsonSchema": {"properties": {"a": {"encrypt": {}}}}}, r"keyword 'encrypt'"),
    ({"$jsonSchema": {"encryptMetadata": {}}}, r"keyword 'encryptMetadata'"),
    ({"$jsonSchema": {"required": ["a.b"]}}, r"property 'a\.b' has a dot"),
    ({"$jsonSchema": {"properties": {"a.b": {}}}}, r"property 'a\.b' has a dot"),
    ({"place": {"$near": [0, 0]}}, r"\$near \(under 'place'\)"),
    ({"place": {"$geoWithin": {}}}, r"\$geoWithin"),
    ({"place": {"$not": {"$geoIntersects": {}}}}, r"\$geoIntersects"),
    ({"a": {"$elemMatch": {"$where": "1"}}}, r"\$where"),
]


@pytest.mark.parametrize(("filter", "message"), UNSUPPORTED, ids=str)
def test_an_operator_that_mongodb_has_is_refused_by_name(filter, message):
    with pytest.raises(NotSupportedError, match=message):
        compile_filter(filter)


def nested(wrap, inner, levels):
    for _ in range(levels):
        inner = wrap(inner)
    return inner


@pytest.mark.parametrize(
    ("filter", "code"),
    [
        (nested(lambda inner: {"$and": [inner]}, {"a": 1}, 5000), 2),
        (nested(lambda inner: {"$nor": [inner]}, {"a": 1}, 101), 2),
        ({"a": nested(lambda inner: {"$not": inner}, {"$gt": 1}, 5000)}, 2),
        ({"a": nested(lambda inner: {"$elemMatch": inner}, {"$gt": 1}, 5000)}, 2),
        (nested(lambda inner: {"a": {"$elemMatch": inner}}, {"a": 1}, 5000), 2),
        ({"a": nested(lambda inner: [inner], 1, 5000)}, 15),
        ({"a": {"$gt": nested(lambda inner: {"b": inner}, 1, 5000)}}, 15),
        ({"a": {"$in": [nested(lambda inner: [inner], 1, 5000)]}}, 15),
    ],
    ids=["and", "nor", "not", "elemMatch of values", "elemMatch of documents", "value", "range", "in"],
)
def test_a_filter_nested_without_end_is_refused(filter, code):
    with pytest.raises(QueryError, match="nested more than 100 levels") as caught:
        compile_filter(filter)

    assert caught.value.code == code


def test_a_value_that_holds_itself_is_refused():
    endless = []
    endless.append(endless)

    with pytest.raises(QueryError, match="nested"):
        compile_filter({"a": endless})


def test_nesting_within_the_limit_is_taken():
    filter = nested(lambda inner: {"$and": [inner]}, {"a": nested(lambda inner: [inner], 1, 99)}, 90)

    assert not compile_filter(filter).matches({"a": 1})


def test_no_message_shows_a_value():
    with pytest.raises(QueryError) as caught:
        compile_filter({"a": {"$in": {"secret": 1}}})

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "filter", [{"a": {1: 2}}, {"a": {"$gt": {1: 2}}}, {"a": {"$in": [{1: 2}]}}, {"a": {"b": [{2: 3}]}}]
)
def test_a_name_within_an_operand_that_is_no_str_is_refused(filter):
    with pytest.raises(QueryError, match="the name of a field is a str, not int"):
        compile_filter(filter)
