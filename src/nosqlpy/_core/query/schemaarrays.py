"""Keywords of ``$jsonSchema`` for arrays; they say nothing of other values.

Manual: reference/operator/query/jsonSchema.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nosqlpy._core.query.condition import ValueTest
from nosqlpy._core.query.failure import Failure
from nosqlpy._core.query.schemakeywords import Beside, Rule, Schema, count_operand, keyword, mismatch, refusal
from nosqlpy._core.values.keys import unordered_key
from nosqlpy._core.values.types import ARRAY, BOOL, OBJECT, TYPES
from nosqlpy.aliases import Document


def _of_arrays(test: Callable[[Sequence[Any]], bool]) -> ValueTest:
    def holds(value: Any) -> bool:
        kind = type(value)
        return (kind is not list and TYPES[kind] != ARRAY) or test(value)

    return holds


@keyword("minItems")
def compile_min_items(operand: Any, _beside: Beside) -> Rule:
    """Demand that an array has at least so many items."""
    least = count_operand("minItems", operand)
    return _sized("minItems", operand, lambda items: len(items) >= least, f"must have at least {least} items")


@keyword("maxItems")
def compile_max_items(operand: Any, _beside: Beside) -> Rule:
    """Demand that an array has at most so many items."""
    most = count_operand("maxItems", operand)
    return _sized("maxItems", operand, lambda items: len(items) <= most, f"must have at most {most} items")


def _sized(name: str, operand: Any, fits: Callable[[Sequence[Any]], bool], text: str) -> Rule:
    def explain(value: Any) -> Failure:
        reason = "array did not match specified length"
        return Failure(refusal(name, operand, reason, consideredValue=value, numberOfItems=len(value)), text)

    return Rule(_of_arrays(fits), explain)


@keyword("uniqueItems")
def compile_unique_items(operand: Any, _beside: Beside) -> Rule | None:
    """Demand that no two items of an array are equal; neither the order of fields counts nor the type of numbers."""
    if TYPES[type(operand)] != BOOL:
        raise mismatch("$jsonSchema keyword 'uniqueItems' must be a boolean")
    if not operand:
        return None

    def are_unique(items: Sequence[Any]) -> bool:
        return len(set(map(unordered_key, items))) == len(items)

    def explain(value: Any) -> Failure:
        first: dict[Any, int] = {}
        position = next(
            index for index, item in enumerate(value) if first.setdefault(unordered_key(item), index) < index
        )
        details = refusal(
            "uniqueItems",
            operand,
            "found a duplicate item",
            consideredValue=value,
            duplicatedValue=value[position],
        )
        return Failure(details, "must not have two equal items")

    return Rule(_of_arrays(are_unique), explain)


@keyword("items")
def compile_items(operand: Any, beside: Beside) -> Rule:
    """Demand that every item satisfies a schema; with an array of schemas, each item the one at its position."""
    number = TYPES[type(operand)]
    if number == OBJECT:
        return _each("items", beside.schema(operand), 0, "At least one item did not match the sub-schema")
    if number != ARRAY:
        raise mismatch("$jsonSchema keyword 'items' must be an object or an array of objects")
    if any(TYPES[type(schema)] != OBJECT for schema in operand):
        raise mismatch("$jsonSchema keyword 'items' must be an array of objects")
    return _positions([beside.schema(schema) for schema in operand])


@keyword("additionalItems")
def compile_additional_items(operand: Any, beside: Beside) -> Rule | None:
    """Forbid items behind those that an array of ``items`` describes, or demand that they satisfy a schema."""
    number = TYPES[type(operand)]
    if number not in (BOOL, OBJECT):
        raise mismatch("$jsonSchema keyword 'additionalItems' must be an object or a boolean")
    schema = beside.schema(operand) if number == OBJECT else None
    described: Any = beside.siblings.get("items")
    if TYPES[type(described)] != ARRAY or operand is True:
        return None
    start = len(described)
    if schema is not None:
        reason = "At least one additional item did not match the sub-schema"
        return _each("additionalItems", schema, start, reason)

    def explain(value: Any) -> Failure:
        details = refusal("additionalItems", operand, "found additional items", additionalItems=list(value[start:]))
        return Failure(details, f"must have at most {start} items")

    return Rule(_of_arrays(lambda items: len(items) <= start), explain)


def _each(name: str, schema: Schema, start: int, reason: str) -> Rule:
    """Return the rule that all items from `start` on satisfy `schema`."""
    holds = schema.test

    def explain(value: Any) -> Failure:
        position = next(index for index in range(start, len(value)) if not holds(value[index]))
        found = schema.failures(value[position])
        details: Document = {
            "operatorName": name,
            **schema.annotations,
            "reason": reason,
            "itemIndex": position,
            "details": [failure.details for failure in found],
        }
        return Failure(details, found[0].text, (str(position), *found[0].place), found[0].rule)

    if start == 0:
        return Rule(_of_arrays(lambda items: all(map(holds, items))), explain)
    return Rule(_of_arrays(lambda items: all(map(holds, items[start:]))), explain)


def _positions(schemas: list[Schema]) -> Rule:
    tests = [schema.test for schema in schemas]

    def explain(value: Any) -> Failure:
        wrong = [
            (index, schema.failures(item))
            for index, (item, schema) in enumerate(zip(value, schemas, strict=False))
            if not schema.test(item)
        ]
        details: Document = {
            "operatorName": "items",
            "details": [
                {"itemIndex": index, "details": [failure.details for failure in found]} for index, found in wrong
            ],
        }
        index, found = wrong[0]
        return Failure(details, found[0].text, (str(index), *found[0].place), (str(index), *found[0].rule))

    def fit(items: Sequence[Any]) -> bool:
        return all(holds(item) for holds, item in zip(tests, items, strict=False))

    return Rule(_of_arrays(fit), explain)
