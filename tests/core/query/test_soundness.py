"""A filter is refused when it is compiled, or never: leaving its compilation until it is needed hides no error."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson import Code, Int64, MaxKey, ObjectId
from bson import Regex as BsonRegex

from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.query.registry import _OPERATORS
from nosqlpy._core.values.codec import encode_document
from nosqlpy.errors import NosqlpyError, NotSupportedError, QueryError

OPERANDS: list[Any] = [
    *(1, -1, 2**31, 2**70, 1.5, float("nan"), True, None, "text", "(", "number", b"\x01", ""),
    *(datetime(2024, 1, 1, tzinfo=UTC), Decimal("sNaN"), ObjectId(), Int64(3), MaxKey()),
    *(re.compile("a"), BsonRegex("(", ""), Code("x"), Code("x", {"a": 1})),
    *([], [1], (1, 2), [1, 0], [0, 1], [None, "a"], [{"a": 1}], [{"$gt": 1}], [{"$elemMatch": {"$gt": 1}}]),
    *(
        [re.compile("a")],
        [[1]],
        {},
        {"a": 1},
        {"a": {"$gt": 1}},
        {"a": {"$foo": 1}},
        {"$gt": 1},
        {"$gt": re.compile("a")},
    ),
    *({"$foo": 1}, {"$in": 1}, {"$in": [1]}, {"$not": {"$gt": 1}}, {"a": {"$in": 1}}, {"a": {"$size": -1}}),
    *({"$size": 1, "$gt": 1}, {"$and": [{"a": 1}]}, {"a" * 300: 1}, {"\ud800": 1}, {"a": {"b": 1}}, {"$regex": "("}),
    *({"$elemMatch": {"$gt": 1}}, {"a": {"$elemMatch": {"$gtt": 1}}}, {"$ref": "c", "$id": 1}, {"a": {1: 2}}),
    *({1, 2}, object()),
]
DOCUMENTS = [
    encode_document(document)
    for document in (
        {"_id": 1, "a": 1},
        {"_id": 2, "a": [1, "text", None, {"a": 1, "b": [1, 2]}]},
        {"_id": 3},
        {"_id": 4, "a": {"a": datetime(2024, 1, 1, tzinfo=UTC), "b": b"\x01"}},
    )
]


@pytest.mark.parametrize("operand", OPERANDS, ids=lambda operand: str(operand)[:20].encode("ascii", "replace").decode())
@pytest.mark.parametrize("name", [None, *sorted(_OPERATORS)])
def test_an_operand_is_refused_at_once_or_never(name: str | None, operand: Any) -> None:
    filter = {"a": operand if name is None else {name: operand}}
    try:
        compile_filter(filter)
    except NosqlpyError:
        return
    predicates = [
        compile_filter(filter),
        compile_filter({"$or": [filter, {"b": 1}]}),
        compile_filter({"$nor": [filter]}),
    ]

    assert len(predicates[0].select(DOCUMENTS)) + len(predicates[2].select(DOCUMENTS)) == len(DOCUMENTS)
    assert set(predicates[0].select(DOCUMENTS)) <= set(predicates[1].select(DOCUMENTS))


@pytest.mark.parametrize(
    "filter",
    [
        {"a": {"$in": [1, re.compile("a"), {"$gt": 1}]}},
        {"a": 1, "b": {"$in": 1}},
        {"a": {"$regex": "("}},
        {"a": {"$regex": "a", "$options": "q"}},
        {"a": {"$options": "i"}},
        {"$or": [{"a": 1}, {"a": {"$size": -1}}]},
        {"a": {"$elemMatch": {"b": {"$gt": re.compile("a")}}}},
        {"a": {"$elemMatch": {"$or": []}}},
        {"a": {"$not": {"$in": 1}}},
        {"a": {"$not": {}}},
        {"a": {"$all": [{"$gt": 1}]}},
    ],
)
def test_a_malformed_filter_is_refused_before_a_document_is_tested(filter: dict[str, Any]) -> None:
    with pytest.raises(QueryError):
        compile_filter(filter)


def test_an_operator_that_is_lacking_is_refused_before_a_document_is_tested() -> None:
    with pytest.raises(NotSupportedError):
        compile_filter({"a": {"$elemMatch": {"b": {"$near": [1, 2]}}}})


def test_a_pattern_that_only_its_options_make_sound_is_taken() -> None:
    (found,) = compile_filter({"a": {"$regex": "te xt # (", "$options": "x"}}).select(
        [encode_document({"_id": 1, "a": "text"})]
    )

    assert found


@pytest.mark.parametrize("levels", [48, 49, 50, 51, 98, 99, 100, 101])
def test_a_filter_of_one_field_is_refused_past_the_depth_of_one_of_two(levels: int) -> None:
    def refused(extra: dict[str, Any]) -> bool:
        filter: dict[str, Any] = {"a": 1, **extra}
        for _ in range(levels):
            filter = {"a": {"$elemMatch": filter}}
        try:
            compile_filter(filter)
        except QueryError:
            return True
        return False

    assert refused({}) == refused({"b": 1})
