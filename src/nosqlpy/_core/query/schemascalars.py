"""Keywords of ``$jsonSchema`` for values as such: their type, numbers and strings.

Manual: reference/operator/query/jsonSchema. A keyword for numbers or strings says nothing of other values.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping
from typing import Any, Final

from nosqlpy._core.query.comparison import compile_gt, compile_gte, compile_lt, compile_lte
from nosqlpy._core.query.condition import Condition, ValueTest, value_test
from nosqlpy._core.query.failure import Failure
from nosqlpy._core.query.schemakeywords import Beside, Rule, count_operand, keyword, mismatch, refusal, unparsable
from nosqlpy._core.values.numbers import NUMERIC, as_decimal
from nosqlpy._core.values.patterns import compile_pattern
from nosqlpy._core.values.types import (
    ARRAY,
    BOOL,
    CODE,
    CODE_WITH_SCOPE,
    INT,
    LONG,
    NULL,
    OBJECT,
    STRING,
    TYPE_NAMES,
    TYPES,
    type_name,
    type_number,
)
from nosqlpy.aliases import Document
from nosqlpy.errors import QueryError
from nosqlpy.naming import nearest

_BSON_TYPES: Final[dict[str, frozenset[int]]] = {
    **{name: frozenset((number,)) for name, number in TYPE_NAMES.items()},
    "number": NUMERIC,
}
_JSON_TYPES: Final[dict[str, frozenset[int]]] = {
    "array": frozenset((ARRAY,)),
    "boolean": frozenset((BOOL,)),
    "null": frozenset((NULL,)),
    "number": NUMERIC,
    "object": frozenset((OBJECT,)),
    "string": frozenset((STRING,)),
}
# a double may have 309 digits before the point and a Decimal128 an exponent of 6144: the remainder is exact
_EXACT: Final = decimal.Context(prec=13_000, Emin=-99_999, Emax=99_999, traps=[])


# ── annotations ──────────────────────────────────────────────────────────────────


@keyword("title")
def compile_title(operand: Any, _beside: Beside) -> None:
    """Check that a title is a string; it is shown where the schema is not satisfied."""
    _check_string("title", operand)


@keyword("description")
def compile_description(operand: Any, _beside: Beside) -> None:
    """Check that a description is a string; it is shown where the schema is not satisfied."""
    _check_string("description", operand)


def _check_string(name: str, operand: Any) -> None:
    if TYPES[type(operand)] != STRING:
        raise mismatch(f"$jsonSchema keyword {name!r} must be a string")


# ── types ────────────────────────────────────────────────────────────────────────


@keyword("type")
def compile_type(operand: Any, _beside: Beside) -> Rule:
    """Demand one of JSON's types, or of an array of them."""
    return _typed("type", operand, _JSON_TYPES)


@keyword("bsonType")
def compile_bson_type(operand: Any, _beside: Beside) -> Rule:
    """Demand one of BSON's types, by its name, or one of an array of them."""
    return _typed("bsonType", operand, _BSON_TYPES)


def _typed(name: str, operand: Any, types: Mapping[str, frozenset[int]]) -> Rule:
    aliases = _aliases(name, operand)
    wanted = frozenset().union(*(_numbers(name, alias, types) for alias in aliases))

    def explain(value: Any) -> Failure:
        details = refusal(name, operand, "type did not match", consideredValue=value, consideredType=type_name(value))
        return Failure(details, f"must be of {name} {' or '.join(map(repr, aliases))}")

    return Rule(_of_types(wanted), explain)


def _of_types(wanted: frozenset[int]) -> ValueTest:
    """Return the test of a value's type; only where a class of Python is two types must the value be looked at."""
    if wanted == {INT}:
        return lambda value: -(2**31) <= value < 2**31 if type(value) is int else type_number(value) == INT
    if (INT in wanted) is (LONG in wanted) and (CODE in wanted) is (CODE_WITH_SCOPE in wanted):
        return lambda value: TYPES[type(value)] in wanted
    return lambda value: type_number(value) in wanted


def _aliases(name: str, operand: Any) -> list[str]:
    number = TYPES[type(operand)]
    if number not in (STRING, ARRAY):
        raise mismatch(f"$jsonSchema keyword {name!r} must be a string or an array of strings")
    aliases: list[str] = [operand] if number == STRING else list(operand)
    if any(TYPES[type(alias)] != STRING for alias in aliases):
        raise mismatch(f"$jsonSchema keyword {name!r} must be an array of strings")
    if not aliases:
        raise unparsable(f"$jsonSchema keyword {name!r} must name at least one type")
    if len(set(aliases)) < len(aliases):
        raise unparsable(f"$jsonSchema keyword {name!r} names a type twice")
    return aliases


def _numbers(name: str, alias: str, types: Mapping[str, frozenset[int]]) -> frozenset[int]:
    if alias == "integer":
        hint = "use bsonType 'int' or 'long', or 'number' with multipleOf 1"
        raise unparsable(f"$jsonSchema type 'integer' is not supported, by MongoDB either; {hint}")
    if alias not in types:
        hint = "; it is a bsonType" if alias in _BSON_TYPES else nearest(alias, types)
        raise QueryError(f"$jsonSchema keyword {name!r} has the unknown type {alias!r}{hint}")
    return types[alias]


# ── numbers ──────────────────────────────────────────────────────────────────────


@keyword("minimum")
def compile_minimum(operand: Any, beside: Beside) -> Rule:
    """Demand that a number is at least so large, or larger, with ``exclusiveMinimum``."""
    return _bounded("minimum", operand, beside, (compile_gte, "at least"), (compile_gt, "more than"))


@keyword("maximum")
def compile_maximum(operand: Any, beside: Beside) -> Rule:
    """Demand that a number is at most so large, or smaller, with ``exclusiveMaximum``."""
    return _bounded("maximum", operand, beside, (compile_lte, "at most"), (compile_lt, "less than"))


@keyword("exclusiveMinimum")
def compile_exclusive_minimum(operand: Any, beside: Beside) -> None:
    """Check the flag, which ``minimum`` applies."""
    _check_exclusive("exclusiveMinimum", operand, beside, "minimum")


@keyword("exclusiveMaximum")
def compile_exclusive_maximum(operand: Any, beside: Beside) -> None:
    """Check the flag, which ``maximum`` applies."""
    _check_exclusive("exclusiveMaximum", operand, beside, "maximum")


def _check_exclusive(name: str, operand: Any, beside: Beside, bound: str) -> None:
    if bound not in beside.siblings:
        raise unparsable(f"$jsonSchema keyword {bound!r} must be there if {name!r} is")
    if TYPES[type(operand)] != BOOL:
        raise mismatch(f"$jsonSchema keyword {name!r} must be a boolean, as in draft 4 of JSON Schema")


_Comparison = tuple[Callable[[Any], Condition], str]


def _bounded(name: str, operand: Any, beside: Beside, inclusive: _Comparison, exclusive: _Comparison) -> Rule:
    _check_number(name, operand)
    flag = f"exclusive{name.title()}"
    is_exclusive = beside.siblings.get(flag) is True
    compile_comparison, words = exclusive if is_exclusive else inclusive
    compares = value_test(compile_comparison(operand))
    specified = {name: operand, **({flag: True} if is_exclusive else {})}

    def explain(value: Any) -> Failure:
        details: Document = {
            "operatorName": name,
            "specifiedAs": specified,
            "reason": "comparison failed",
            "consideredValue": value,
        }
        return Failure(details, f"must be {words} {operand}")

    return Rule(_of_numbers(compares), explain)


def _check_number(name: str, operand: Any) -> None:
    if TYPES[type(operand)] not in NUMERIC:
        raise mismatch(f"$jsonSchema keyword {name!r} must be a number")


def _of_numbers(test: ValueTest) -> ValueTest:
    def holds(value: Any) -> bool:
        kind = type(value)
        return (kind is not int and kind is not float and TYPES[kind] not in NUMERIC) or test(value)

    return holds


@keyword("multipleOf")
def compile_multiple_of(operand: Any, _beside: Beside) -> Rule:
    """Demand that a number is a multiple, calculated in decimals as the server does: 0.3 is one of 0.1."""
    _check_number("multipleOf", operand)
    divisor = as_decimal(operand)
    if not divisor.is_finite():
        raise QueryError("$jsonSchema keyword 'multipleOf' must be finite")
    if divisor <= 0:
        raise unparsable("$jsonSchema keyword 'multipleOf' must have a positive value")
    whole = operand if type(operand) is int else None

    def is_multiple(value: Any) -> bool:
        if whole is not None and type(value) is int:
            return value % whole == 0
        number = as_decimal(value)
        return number.is_finite() and _EXACT.remainder(number, divisor) == 0

    def explain(value: Any) -> Failure:
        reason = "considered value is not a multiple of the specified value"
        details = refusal("multipleOf", operand, reason, consideredValue=value)
        return Failure(details, f"must be a multiple of {operand}")

    return Rule(_of_numbers(is_multiple), explain)


# ── strings ──────────────────────────────────────────────────────────────────────


@keyword("minLength")
def compile_min_length(operand: Any, _beside: Beside) -> Rule:
    """Demand that a string has at least so many code points."""
    least = count_operand("minLength", operand)
    return _sized("minLength", operand, lambda text: len(text) >= least, f"must have at least {least} characters")


@keyword("maxLength")
def compile_max_length(operand: Any, _beside: Beside) -> Rule:
    """Demand that a string has at most so many code points."""
    most = count_operand("maxLength", operand)
    return _sized("maxLength", operand, lambda text: len(text) <= most, f"must have at most {most} characters")


def _sized(name: str, operand: Any, fits: Callable[[str], bool], text: str) -> Rule:
    def explain(value: Any) -> Failure:
        details = refusal(name, operand, "specified string length was not satisfied", consideredValue=value)
        return Failure(details, text)

    return Rule(_of_strings(fits), explain)


def _of_strings(test: Callable[[str], bool]) -> ValueTest:
    def holds(value: Any) -> bool:
        kind = type(value)
        return (kind is not str and TYPES[kind] != STRING) or test(value)

    return holds


@keyword("pattern")
def compile_string_pattern(operand: Any, _beside: Beside) -> Rule:
    """Demand that a regular expression is found anywhere in a string."""
    _check_string("pattern", operand)
    search = compile_pattern(operand, "").search

    def explain(value: Any) -> Failure:
        details = refusal("pattern", operand, "regular expression did not match", consideredValue=value)
        return Failure(details, f"must match the pattern {operand!r}")

    return Rule(_of_strings(lambda text: search(text) is not None), explain)
