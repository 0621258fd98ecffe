"""The keywords of ``$jsonSchema``: their register, and the compiler of a schema.

Manual: reference/operator/query/jsonSchema; what is refused, and with which code, follows
the server's json_schema_parser.cpp. A compile function checks its operand once and returns
a rule, or None where there is nothing to test. To add a keyword, write such a function in
the module of its kind and register it:

    @keyword("minLength")
    def compile_min_length(operand: Any, beside: Beside) -> Rule | None: ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.query.condition import ValueTest
from nosqlpy._core.query.failure import Failure
from nosqlpy._core.query.registry import check_level
from nosqlpy._core.values.numbers import NUMERIC, integer
from nosqlpy._core.values.types import OBJECT, TYPES, as_mapping
from nosqlpy.aliases import Document
from nosqlpy.errors import NotSupportedError, QueryError
from nosqlpy.naming import nearest

Names: TypeAlias = frozenset[str] | None
"""The fields that a test reads if the value is a document; None: it may read any."""

NO_NAMES: Final[frozenset[str]] = frozenset()


class Rule(msgspec.Struct, frozen=True):
    """What one keyword demands: a test of a value of any type, and what is said of a value that it refuses."""

    test: ValueTest
    explain: Callable[[Any], Failure]
    names: Names = NO_NAMES


class Schema(msgspec.Struct, frozen=True):
    """A compiled schema: its rules by keyword, in the order in which the server reports them."""

    rules: dict[str, Rule]
    test: ValueTest
    names: Names
    annotations: Document
    """Its ``title`` and ``description``, which the server repeats where the schema is not satisfied."""

    def failures(self, value: Any) -> list[Failure]:
        """Return every rule that `value` does not satisfy; none if it fits."""
        return [rule.explain(value).within((), (name,)) for name, rule in self.rules.items() if not rule.test(value)]


class Beside(msgspec.Struct, frozen=True):
    """Where a keyword stands: beside which others, and how deep."""

    siblings: Mapping[str, Any]
    depth: int

    def schema(self, operand: Any) -> Schema:
        """Return a schema that stands inside of this one, compiled."""
        return compile_schema(operand, self.depth + 1)


Compile: TypeAlias = Callable[[Any, Beside], Rule | None]

# the server's order: that in which it reports what a value does not satisfy
ORDER: Final = (
    *("title", "description"),
    *("pattern", "maxLength", "minLength", "multipleOf"),
    *("maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"),
    *("minItems", "maxItems", "uniqueItems", "items", "additionalItems"),
    *("properties", "additionalProperties", "patternProperties", "required"),
    *("minProperties", "maxProperties", "dependencies"),
    *("allOf", "anyOf", "oneOf", "not", "enum"),
    *("type", "bsonType"),
)
_FIRST: Final = frozenset(("type", "bsonType", "required"))
_OMITTED: Final = frozenset(("$ref", "$schema", "default", "definitions", "format", "id"))
_ENCRYPTION: Final = frozenset(("encrypt", "encryptMetadata", "keyId"))
_KEYWORDS: Final[dict[str, Compile]] = {}


def keyword(name: str) -> Callable[[Compile], Compile]:
    """Register the decorated function as what compiles the operand of the keyword `name`."""
    assert name in ORDER, "the order in which failures are reported has every keyword"

    def register(function: Compile) -> Compile:
        _KEYWORDS[name] = function
        return function

    return register


def compile_schema(operand: Any, depth: int = 1) -> Schema:
    """Return the compiled schema.

    Raises:
        QueryError: It is malformed (9, 14 …), or has a keyword that MongoDB leaves out of JSON Schema (9).
        NotSupportedError: It describes encrypted fields.
    """
    check_level(depth)
    if TYPES[type(operand)] != OBJECT:
        raise mismatch("$jsonSchema must be an object")
    siblings = as_mapping(operand)
    for name in siblings:
        if name not in _KEYWORDS:
            _refuse(name)
    if "type" in siblings and "bsonType" in siblings:
        raise unparsable("$jsonSchema cannot have both of the keywords 'type' and 'bsonType' in one schema")
    beside = Beside(siblings, depth)
    found = {name: _KEYWORDS[name](siblings[name], beside) for name in ORDER if name in siblings}
    rules = {name: rule for name, rule in found.items() if rule is not None}
    # what is cheap and most often wrong is tested first
    tests = [rules[name].test for name in sorted(rules, key=lambda name: name not in _FIRST)]
    annotations = {name: value for name, value in siblings.items() if name in ("title", "description")}
    return Schema(rules, every(tests), all_names(rule.names for rule in rules.values()), annotations)


def _refuse(name: Any) -> None:
    if name in _OMITTED:
        raise unparsable(f"$jsonSchema keyword {name!r} is not supported, by MongoDB either")
    if name in _ENCRYPTION:
        raise NotSupportedError(f"$jsonSchema keyword {name!r} is not supported: nosqlpy encrypts no fields")
    hint = nearest(name, _KEYWORDS) if isinstance(name, str) else ""
    raise unparsable(f"unknown $jsonSchema keyword {name!r}{hint}")


def every(tests: list[ValueTest]) -> ValueTest:
    """Return the test that holds where all of `tests` do."""
    if not tests:
        return _anything
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda value: first(value) and second(value)

    def test(value: Any) -> bool:
        for holds in tests:  # noqa: SIM110 - a generator costs as much as the tests
            if not holds(value):
                return False
        return True

    return test


def _anything(_: Any) -> bool:
    return True


def all_names(parts: Iterable[Names]) -> Names:
    """Return the fields that any of several tests reads."""
    names: set[str] = set()
    for part in parts:
        if part is None:
            return None
        names |= part
    return frozenset(names)


def mismatch(message: str) -> QueryError:
    """Return the error for an operand of the wrong type."""
    return QueryError(message, code=14, code_name="TypeMismatch")


def unparsable(message: str) -> QueryError:
    """Return the error for an operand that means nothing."""
    return QueryError(message, code=9, code_name="FailedToParse")


def count_operand(name: str, operand: Any) -> int:
    """Return the number of items, characters or properties that the operand of `name` is."""
    number = integer(operand) if TYPES[type(operand)] in NUMERIC else None
    if number is None or number < 0:
        raise unparsable(f"$jsonSchema keyword {name!r} must be a whole number of 64 bits and not negative")
    return number


def refusal(name: str, operand: Any, reason: str, **more: Any) -> Document:
    """Return the server's description of a value that the keyword `name` refuses."""
    return {"operatorName": name, "specifiedAs": {name: operand}, "reason": reason, **more}
