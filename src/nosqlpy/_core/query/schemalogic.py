"""Keywords of ``$jsonSchema`` that combine schemas, and ``enum``.

Manual: reference/operator/query/jsonSchema.
"""

from __future__ import annotations

from typing import Any

from nosqlpy._core.query.failure import Failure
from nosqlpy._core.query.schemakeywords import (
    Beside,
    Rule,
    Schema,
    all_names,
    every,
    keyword,
    mismatch,
    refusal,
    unparsable,
)
from nosqlpy._core.values.depth import check_depth
from nosqlpy._core.values.keys import unordered_key
from nosqlpy._core.values.types import ARRAY, OBJECT, TYPES
from nosqlpy.aliases import Document
from nosqlpy.errors import QueryError


def _schemas(name: str, operand: Any, beside: Beside) -> list[Schema]:
    if TYPES[type(operand)] != ARRAY or any(TYPES[type(item)] != OBJECT for item in operand):
        raise mismatch(f"$jsonSchema keyword {name!r} must be an array of objects")
    if not operand:
        raise QueryError(f"$jsonSchema keyword {name!r} must be a non-empty array")
    return [beside.schema(item) for item in operand]


def _unsatisfied(name: str, schemas: list[Schema], value: Any) -> tuple[Document, list[tuple[int, list[Failure]]]]:
    """Return the server's description of the schemas that `value` does not satisfy, and each one's failures."""
    wrong = [(index, schema.failures(value)) for index, schema in enumerate(schemas) if not schema.test(value)]
    return {
        "operatorName": name,
        "schemasNotSatisfied": [
            {"index": index, **schemas[index].annotations, "details": [failure.details for failure in found]}
            for index, found in wrong
        ],
    }, wrong


@keyword("allOf")
def compile_all_of(operand: Any, beside: Beside) -> Rule:
    """Demand that a value satisfies every one of some schemas."""
    schemas = _schemas("allOf", operand, beside)

    def explain(value: Any) -> Failure:
        details, wrong = _unsatisfied("allOf", schemas, value)
        index, found = wrong[0]
        return Failure(details, found[0].text, found[0].place, (str(index), *found[0].rule))

    return Rule(every([schema.test for schema in schemas]), explain, all_names(schema.names for schema in schemas))


@keyword("anyOf")
def compile_any_of(operand: Any, beside: Beside) -> Rule:
    """Demand that a value satisfies at least one of some schemas."""
    schemas = _schemas("anyOf", operand, beside)
    tests = [schema.test for schema in schemas]

    def explain(value: Any) -> Failure:
        details, _ = _unsatisfied("anyOf", schemas, value)
        return Failure(details, f"must satisfy at least one of {len(schemas)} schemas")

    names = all_names(schema.names for schema in schemas)
    return Rule(lambda value: any(holds(value) for holds in tests), explain, names)


@keyword("oneOf")
def compile_one_of(operand: Any, beside: Beside) -> Rule:
    """Demand that a value satisfies exactly one of some schemas."""
    schemas = _schemas("oneOf", operand, beside)
    tests = [schema.test for schema in schemas]

    def explain(value: Any) -> Failure:
        details, _ = _unsatisfied("oneOf", schemas, value)
        matching = [index for index, holds in enumerate(tests) if holds(value)]
        if matching:
            reason = "more than one subschema matched"
            details = {"operatorName": "oneOf", "reason": reason, "matchingSchemaIndexes": matching}
        return Failure(details, f"must satisfy exactly one of {len(schemas)} schemas, and satisfies {len(matching)}")

    names = all_names(schema.names for schema in schemas)
    return Rule(lambda value: sum(holds(value) for holds in tests) == 1, explain, names)


@keyword("not")
def compile_not(operand: Any, beside: Beside) -> Rule:
    """Demand that a value does not satisfy a schema."""
    if TYPES[type(operand)] != OBJECT:
        raise mismatch("$jsonSchema keyword 'not' must be an object")
    schema = beside.schema(operand)
    holds = schema.test

    def explain(_: Any) -> Failure:
        return Failure({"operatorName": "not", "reason": "child expression matched"}, "must not satisfy a schema")

    return Rule(lambda value: not holds(value), explain, schema.names)


@keyword("enum")
def compile_enum(operand: Any, _beside: Beside) -> Rule:
    """Demand that a value equals one of some: numbers whatever their type, documents whatever the order of fields."""
    if TYPES[type(operand)] != ARRAY:
        raise mismatch("$jsonSchema keyword 'enum' must be an array")
    if not operand:
        raise unparsable("$jsonSchema keyword 'enum' cannot be an empty array")
    for item in operand:
        check_depth(item)
    keys = frozenset(map(unordered_key, operand))
    if len(keys) < len(operand):
        raise unparsable("$jsonSchema keyword 'enum' cannot contain duplicate values")

    def explain(value: Any) -> Failure:
        details = refusal("enum", operand, "value was not found in enum", consideredValue=value)
        return Failure(details, f"must be one of the {len(operand)} values of an enum")

    return Rule(lambda value: unordered_key(value) in keys, explain, None)
