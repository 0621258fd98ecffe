"""Random schemas and documents, answered by the engine and by fastjsonschema, where the two dialects mean the same.

They do where numbers are integers and equality is between strings: fastjsonschema compares as Python does
(``1 == True``, 0.3 is no multiple of 0.1), MongoDB as BSON does. Draft 4 has the type ``integer``, MongoDB has not.
"""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest

from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.values.codec import encode_document

fastjsonschema = pytest.importorskip("fastjsonschema", reason="fastjsonschema, the second implementation, is missing")

CASES = int(os.environ.get("NOSQLPY_ORACLE_CASES", "2000"))
NAMES = ("a", "b", "ab", "c")
WORDS = ("", "a", "ab", "abc", "ba", "é", "日本")
PATTERNS = ("a", "^a", "b$", "^[a-c]+$")
TYPES = ("array", "boolean", "null", "number", "object", "string")


def a_value(random: Random, depth: int = 0) -> Any:
    kind = random.choice(TYPES if depth < 3 else TYPES[1:4])
    if kind == "array":
        return [a_value(random, depth + 1) for _ in range(random.randrange(4))]
    if kind == "object":
        return a_document(random, depth + 1)
    scalars = {"boolean": random.random() < 0.5, "null": None, "number": random.randint(-6, 12)}
    return scalars.get(kind, random.choice(WORDS))


def a_document(random: Random, depth: int = 0) -> dict[str, Any]:
    return {name: a_value(random, depth) for name in random.sample(NAMES, random.randrange(len(NAMES) + 1))}


def some(random: Random, make: Any, depth: int) -> list[Any]:
    return [make(random, depth + 1) for _ in range(random.randint(1, 3))]


def by_name(random: Random, depth: int) -> dict[str, Any]:
    return {name: a_schema(random, depth + 1) for name in random.sample(NAMES, random.randint(1, 3))}


def names(random: Random) -> list[str]:
    return random.sample(NAMES, random.randint(1, 2))


def scalar_keywords(random: Random) -> dict[str, Any]:
    return {
        "type": random.choice([random.choice(TYPES), random.sample(TYPES, 2)]),
        "minimum": random.randint(-3, 6),
        "maximum": random.randint(-3, 9),
        "multipleOf": random.randint(1, 4),
        "minLength": random.randrange(3),
        "maxLength": random.randrange(3),
        "pattern": random.choice(PATTERNS),
        "enum": random.sample(WORDS, 3),
    }


def nesting_keywords(random: Random, depth: int) -> dict[str, Any]:
    return {
        "minItems": random.randrange(3),
        "maxItems": random.randrange(3),
        "items": a_schema(random, depth + 1) if random.random() < 0.5 else some(random, a_schema, depth),
        "additionalItems": random.choice([False, a_schema(random, depth + 1)]),  # the oracle fails over True
        "properties": by_name(random, depth),
        "patternProperties": {random.choice(PATTERNS): a_schema(random, depth + 1)},
        "additionalProperties": random.choice([True, False, a_schema(random, depth + 1)]),
        "required": names(random),
        "minProperties": random.randrange(3),
        "maxProperties": random.randrange(4),
        "dependencies": {random.choice(NAMES): random.choice([names(random), a_schema(random, depth + 1)])},
        "allOf": some(random, a_schema, depth),
        "anyOf": some(random, a_schema, depth),
        "oneOf": some(random, a_schema, depth),
        "not": a_schema(random, depth + 1),
    }


def a_schema(random: Random, depth: int = 0) -> dict[str, Any]:
    keywords = scalar_keywords(random) if depth >= 2 or random.random() < 0.3 else nesting_keywords(random, depth)
    chosen = random.sample(sorted(keywords), random.randint(0 if depth else 1, 3))
    schema = {name: keywords[name] for name in chosen}
    if not schema.get("additionalProperties", True):
        schema.pop("required", None)  # fastjsonschema refuses a schema that no document can satisfy
    for bound, flag in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if bound in schema and random.random() < 0.5:
            schema[flag] = random.random() < 0.5
    return schema


def fits(validate: Any, document: dict[str, Any]) -> bool:
    try:
        validate(document)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


@pytest.mark.parametrize("seed", range(max(1, CASES // 100)))
def test_a_document_satisfies_a_schema_for_both_or_for_neither(seed: int) -> None:
    random = Random(seed)
    for _ in range(100):
        schema = a_schema(random)
        documents = [a_document(random) for _ in range(10)]
        validate = fastjsonschema.compile({"$schema": "http://json-schema.org/draft-04/schema#", **schema})
        predicate = compile_filter({"$jsonSchema": schema})
        blobs = list(map(encode_document, documents))

        expected = [fits(validate, document) for document in documents]

        assert [predicate.matches(document) for document in documents] == expected, (schema, documents)
        assert predicate.select(blobs) == [blob for blob, fit in zip(blobs, expected, strict=True) if fit], schema
