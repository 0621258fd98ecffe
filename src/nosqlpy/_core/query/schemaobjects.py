"""Keywords of ``$jsonSchema`` for documents; they say nothing of other values.

Manual: reference/operator/query/jsonSchema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from nosqlpy._core.query.condition import ValueTest
from nosqlpy._core.query.failure import Failure
from nosqlpy._core.query.schemakeywords import (
    Beside,
    Rule,
    Schema,
    all_names,
    count_operand,
    keyword,
    mismatch,
    refusal,
    unparsable,
)
from nosqlpy._core.values.patterns import compile_pattern
from nosqlpy._core.values.types import ARRAY, BOOL, MISSING, OBJECT, STRING, TYPES, as_mapping
from nosqlpy.aliases import Document
from nosqlpy.errors import NotSupportedError, QueryError

Fields: TypeAlias = Mapping[str, Any]


def _of_objects(test: Callable[[Fields], bool]) -> ValueTest:
    def holds(value: Any) -> bool:
        kind = type(value)
        if kind is dict:
            return test(value)
        return TYPES[kind] != OBJECT or test(as_mapping(value))

    return holds


def _field_name(name: Any) -> str:
    """Return the name of a property.

    The server takes one with a dot for a path, and elsewhere in the same schema for a name;
    nobody can have meant both.
    """
    if TYPES[type(name)] != STRING:
        raise mismatch(f"the name of a $jsonSchema property is a string, not {type(name).__name__}")
    if "\0" in name:
        message = "the name of a $jsonSchema property cannot contain a null byte"
        raise QueryError(message, code=9867600, code_name="Location9867600")
    if "." in name:
        raise NotSupportedError(
            f"the $jsonSchema property {name!r} has a dot in its name, which is not supported: "
            "describe a nested document by properties inside of properties"
        )
    return str(name)


def _names(name: str, operand: Any) -> list[str]:
    """Return the property names of the array `operand`; `name` says whose it is."""
    if TYPES[type(operand)] != ARRAY or any(TYPES[type(item)] != STRING for item in operand):
        raise mismatch(f"$jsonSchema keyword {name} must be an array of strings")
    if not operand:
        raise unparsable(f"$jsonSchema keyword {name} cannot be an empty array")
    if len(set(operand)) < len(operand):
        raise unparsable(f"$jsonSchema keyword {name} cannot contain duplicate values")
    return [_field_name(item) for item in operand]


def _subschemas(name: str, operand: Any, beside: Beside) -> dict[str, Schema]:
    if TYPES[type(operand)] != OBJECT:
        raise mismatch(f"$jsonSchema keyword {name!r} must be an object")
    for field, schema in as_mapping(operand).items():
        if TYPES[type(schema)] != OBJECT:
            raise mismatch(f"the schema of $jsonSchema property {field!r} must be an object")
    return {field: beside.schema(schema) for field, schema in as_mapping(operand).items()}


# ── properties that are named ────────────────────────────────────────────────────


@keyword("required")
def compile_required(operand: Any, _beside: Beside) -> Rule:
    """Demand that a document has fields."""
    names = _names("'required'", operand)

    def explain(value: Any) -> Failure:
        missing = sorted(name for name in names if as_mapping(value).get(name, MISSING) is MISSING)
        details: Document = {
            "operatorName": "required",
            "specifiedAs": {"required": operand},
            "missingProperties": missing,
        }
        return Failure(details, "is required", (missing[0],))

    return Rule(_of_objects(_has_all(names)), explain, frozenset(names))


def _has_all(names: Iterable[str]) -> Callable[[Fields], bool]:
    wanted = tuple(names)

    def has_all(fields: Fields) -> bool:
        for name in wanted:  # noqa: SIM110 - a generator costs as much as the look-ups
            if fields.get(name, MISSING) is MISSING:
                return False
        return True

    return has_all


@keyword("properties")
def compile_properties(operand: Any, beside: Beside) -> Rule | None:
    """Demand that each of some fields, where it is there, satisfies a schema."""
    schemas = _subschemas("properties", operand, beside)
    names = list(map(_field_name, schemas))
    pairs = [(name, schemas[name].test) for name in names if schemas[name].rules]
    if not pairs:
        return None

    def fit(fields: Fields) -> bool:
        get = fields.get
        for name, holds in pairs:
            item = get(name, MISSING)
            if item is not MISSING and not holds(item):
                return False
        return True

    def explain(value: Any) -> Failure:
        fields = as_mapping(value)
        wrong = {
            name: schemas[name].failures(fields[name])
            for name, holds in pairs
            if name in fields and not holds(fields[name])
        }
        details: Document = {
            "operatorName": "properties",
            "propertiesNotSatisfied": [
                {"propertyName": name, **schemas[name].annotations, "details": [failure.details for failure in found]}
                for name, found in wrong.items()
            ],
        }
        return _first(details, wrong)

    return Rule(_of_objects(fit), explain, frozenset(name for name, _ in pairs))


def _first(details: Document, wrong: Mapping[str, list[Failure]], rule: str | None = None) -> Failure:
    """Return the first failure below properties, under the description of all."""
    name, found = next(iter(wrong.items()))
    return Failure(details, found[0].text, (name, *found[0].place), (name if rule is None else rule, *found[0].rule))


@keyword("dependencies")
def compile_dependencies(operand: Any, beside: Beside) -> Rule | None:
    """Demand that a document with a certain field has others too, or satisfies a schema."""
    if TYPES[type(operand)] != OBJECT:
        raise mismatch("$jsonSchema keyword 'dependencies' must be an object")
    dependencies = as_mapping(operand)
    rules = {
        _field_name(name): _dependency(name, dependency, beside)
        for name, dependency in dependencies.items()
        if not (name in ("title", "description") and TYPES[type(dependency)] == STRING)
    }
    annotations = {name: dependencies[name] for name in dependencies if name not in rules}
    pairs = list(rules.items())

    def fit(fields: Fields) -> bool:
        return all(fields.get(name, MISSING) is MISSING or rule.test(fields) for name, rule in pairs)

    def explain(value: Any) -> Failure:
        fields = as_mapping(value)
        found = {name: rule.explain(fields) for name, rule in pairs if name in fields and not rule.test(fields)}
        details: Document = {
            "operatorName": "dependencies",
            **annotations,
            "failingDependencies": [
                {"conditionalProperty": name, **failure.details} for name, failure in found.items()
            ],
        }
        name, failure = next(iter(found.items()))
        return Failure(details, failure.text, failure.place, (name, *failure.rule))

    names = all_names([frozenset(rules), *(rule.names for rule in rules.values())])
    return Rule(_of_objects(fit), explain, names) if rules else None


def _dependency(name: str, operand: Any, beside: Beside) -> Rule:
    """Return what must hold of a document that has the field `name`."""
    number = TYPES[type(operand)]
    if number == OBJECT:
        schema = beside.schema(operand)
        return Rule(schema.test, lambda value: _nested(schema, value), schema.names)
    if number != ARRAY:
        raise mismatch(f"$jsonSchema keyword 'dependencies' must have an object or an array for {name!r}")
    names = _names(f"'dependencies' for {name!r}", operand)

    def explain(value: Any) -> Failure:
        missing = [other for other in names if value.get(other, MISSING) is MISSING]
        return Failure({"missingProperties": missing}, f"is required where {name!r} is there", (missing[0],))

    return Rule(_of_objects(_has_all(names)), explain, frozenset(names))


def _nested(schema: Schema, value: Any) -> Failure:
    found = schema.failures(value)
    return Failure({"details": [failure.details for failure in found]}, found[0].text, found[0].place, found[0].rule)


# ── properties that are not named ────────────────────────────────────────────────


@keyword("additionalProperties")
def compile_additional_properties(operand: Any, beside: Beside) -> Rule | None:
    """Forbid fields that neither ``properties`` nor ``patternProperties`` describes, or demand a schema of them."""
    number = TYPES[type(operand)]
    if number not in (BOOL, OBJECT):
        raise mismatch("$jsonSchema keyword 'additionalProperties' must be an object or a boolean")
    schema = beside.schema(operand) if number == OBJECT else None
    if operand is True or (schema is not None and not schema.rules):
        return None
    is_described = _described(beside.siblings)
    return _forbidden(operand, is_described) if schema is None else _otherwise(schema, is_described)


def _described(siblings: Mapping[str, Any]) -> Callable[[str], bool]:
    """Return whether another keyword describes a field; that they are well-formed was or will be checked."""
    named = siblings.get("properties")
    names = frozenset(as_mapping(named)) if TYPES[type(named)] == OBJECT else frozenset()
    patterns = siblings.get("patternProperties")
    searches = [_search(pattern) for pattern in as_mapping(patterns)] if TYPES[type(patterns)] == OBJECT else []
    if not searches:
        return names.__contains__
    return lambda name: name in names or any(search(name) for search in searches)


def _search(pattern: Any) -> Callable[[str], object]:
    if TYPES[type(pattern)] != STRING:
        raise mismatch(f"the name of a $jsonSchema property is a string, not {type(pattern).__name__}")
    try:
        return compile_pattern(pattern, "").search
    except QueryError as error:
        raise QueryError(f"$jsonSchema keyword 'patternProperties': {error}") from error


def _forbidden(operand: Any, is_described: Callable[[str], bool]) -> Rule:
    def explain(value: Any) -> Failure:
        names = [name for name in as_mapping(value) if not is_described(name)]
        details: Document = {
            "operatorName": "additionalProperties",
            "specifiedAs": {"additionalProperties": operand},
            "additionalProperties": names,
        }
        return Failure(details, "is a field that the schema does not allow", (names[0],))

    return Rule(_of_objects(lambda fields: all(map(is_described, fields))), explain, None)


def _otherwise(schema: Schema, is_described: Callable[[str], bool]) -> Rule:
    holds = schema.test

    def fit(fields: Fields) -> bool:
        return all(is_described(name) or holds(item) for name, item in fields.items())

    def explain(value: Any) -> Failure:
        fields = as_mapping(value)
        wrong = next(name for name, item in fields.items() if not is_described(name) and not holds(item))
        found = schema.failures(fields[wrong])
        details: Document = {
            "operatorName": "additionalProperties",
            **schema.annotations,
            "reason": "at least one additional property did not match the subschema",
            "failingProperty": wrong,
            "details": [failure.details for failure in found],
        }
        return Failure(details, found[0].text, (wrong, *found[0].place), found[0].rule)

    return Rule(_of_objects(fit), explain, None)


@keyword("patternProperties")
def compile_pattern_properties(operand: Any, beside: Beside) -> Rule | None:
    """Demand that fields in whose name a regular expression is found satisfy a schema."""
    schemas = _subschemas("patternProperties", operand, beside)
    patterns = [(pattern, _search(pattern), schema) for pattern, schema in schemas.items()]

    def fit(fields: Fields) -> bool:
        return all(
            not search(name) or schema.test(item) for _, search, schema in patterns for name, item in fields.items()
        )

    def explain(value: Any) -> Failure:
        wrong: dict[str, Failure] = {}
        for pattern, search, schema in patterns:
            for name, item in as_mapping(value).items():
                if search(name) and not schema.test(item):
                    wrong[pattern] = _matched(pattern, name, item, schema)
                    break
        details: Document = {
            "operatorName": "patternProperties",
            "details": [failure.details for failure in wrong.values()],
        }
        first = next(iter(wrong.values()))
        return Failure(details, first.text, first.place, first.rule)

    return Rule(_of_objects(fit), explain, None) if patterns else None


def _matched(pattern: str, name: str, item: Any, schema: Schema) -> Failure:
    found = schema.failures(item)
    details: Document = {
        "propertyName": name,
        **schema.annotations,
        "regexMatched": pattern,
        "details": [failure.details for failure in found],
    }
    return _first(details, {name: found}, pattern)


# ── how many ─────────────────────────────────────────────────────────────────────


@keyword("minProperties")
def compile_min_properties(operand: Any, _beside: Beside) -> Rule:
    """Demand that a document has at least so many fields; ``_id`` is one."""
    least = count_operand("minProperties", operand)
    return _sized("minProperties", operand, lambda fields: len(fields) >= least, f"must have at least {least} fields")


@keyword("maxProperties")
def compile_max_properties(operand: Any, _beside: Beside) -> Rule:
    """Demand that a document has at most so many fields; ``_id`` is one."""
    most = count_operand("maxProperties", operand)
    return _sized("maxProperties", operand, lambda fields: len(fields) <= most, f"must have at most {most} fields")


def _sized(name: str, operand: Any, fits: Callable[[Fields], bool], text: str) -> Rule:
    def explain(value: Any) -> Failure:
        reason = "specified number of properties was not satisfied"
        return Failure(refusal(name, operand, reason, numberOfProperties=len(as_mapping(value))), text)

    return Rule(_of_objects(fits), explain, None)
