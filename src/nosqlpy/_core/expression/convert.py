"""From one type to another: $convert, and its short forms for each type.

Manual: reference/operator/aggregation/convert.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nosqlpy._core.expression.bases import based_number, based_text, checked_base
from nosqlpy._core.expression.binaries import (
    SIZED,
    UUID_SUBTYPE,
    binary,
    binary_text,
    binary_to_number,
    checked_format,
    checked_order,
    checked_subtype,
    number_to_binary,
    subtype_of,
    to_binary,
)
from nosqlpy._core.expression.boolean import is_true
from nosqlpy._core.expression.conversions import TABLE, impossible
from nosqlpy._core.expression.failures import CONVERSION_FAILURE, FAILED_TO_PARSE, failure, malformed
from nosqlpy._core.expression.jsontexts import any_text, parsed
from nosqlpy._core.expression.node import Evaluate, Expression, Variables, combined
from nosqlpy._core.expression.operators import ABSENT, Codes, Fields
from nosqlpy._core.expression.parse import compile_operands
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.expression.vectors import VECTOR_SUBTYPE, packed, unpacked
from nosqlpy._core.values.numbers import NUMERIC, integer
from nosqlpy._core.values.order import binary_content
from nosqlpy._core.values.types import (
    ARRAY,
    BINARY,
    BOOL,
    DATE,
    DECIMAL,
    DOUBLE,
    INT,
    LONG,
    MISSING,
    OBJECT,
    OBJECT_ID,
    STRING,
    TYPE_NAMES,
    TYPES,
    as_mapping,
    type_name,
    type_number,
)
from nosqlpy.errors import OperationFailure
from nosqlpy.naming import nearest

_FIELDS: Final = Fields(
    ("input", "to"),
    {"base": None, "format": None, "byteOrder": None, "onNull": None, "onError": ABSENT},
    Codes(FAILED_TO_PARSE, FAILED_TO_PARSE, FAILED_TO_PARSE),
)
_TYPE_NUMBERS: Final = frozenset(TYPE_NAMES.values())
_NAMES: Final = {number: name for name, number in TYPE_NAMES.items()}
_NO_TYPE: Final = 0  # what $type says of a missing value; nothing converts to it


class Target(msgspec.Struct, frozen=True):
    """What to convert to: a BSON type and, of binary values, the subtype."""

    number: int
    subtype: int = 0


class Manner(msgspec.Struct, frozen=True):
    """How to convert: the base of numbers as text, the form of binary data as text, the byte order of numbers in it."""

    base: int | None = None
    form: str | None = None
    order: str = "little"


def converted(value: Any, target: Target, manner: Manner) -> Any:
    """Return a value, other than null, as one of another type.

    Raises:
        OperationFailure: It cannot be converted (241, ConversionFailure).
    """
    if target.number == BOOL:
        return is_true(value)
    number = type_number(value)
    if BINARY in (number, target.number):
        return _to_or_from_binary(value, number, target, manner)
    if manner.base is not None and {number, target.number} & NUMERIC and STRING in (number, target.number):
        return based_text(value, manner.base) if number in NUMERIC else based_number(value, manner.base, target.number)
    convert = TABLE.get((number, target.number))
    if convert is not None:
        return convert(value)
    if target.number == STRING:
        return any_text(value)
    if number == STRING and target.number in (OBJECT, ARRAY):
        return parsed(value, dict if target.number == OBJECT else list)
    raise _unsupported(value, target)


def _to_or_from_binary(value: Any, number: int, target: Target, manner: Manner) -> Any:
    if number == target.number:
        if subtype_of(value) != target.subtype:
            raise impossible("conversions between different BinData subtypes are not supported")
        return value
    if number == STRING:
        return to_binary(value, manner.form, target.subtype)
    if target.number == STRING:
        return binary_text(value, manner.form)
    if number in SIZED:
        return number_to_binary(value, number, manner.order, target.subtype)
    if target.number in SIZED:
        return binary_to_number(value, target.number, manner.order)
    if number == ARRAY:
        return binary(packed(value, manner.order), VECTOR_SUBTYPE)
    if target.number == ARRAY and subtype_of(value) == VECTOR_SUBTYPE:
        return unpacked(binary_content(value)[2], manner.order)
    raise _unsupported(value, target)


def _unsupported(value: Any, target: Target) -> OperationFailure:
    return impossible(f"unsupported conversion from {type_name(value)} to {_NAMES.get(target.number, 'missing')}")


@syntax("$convert")
def compile_convert(operand: Any, scope: Scope) -> Expression:
    """Return a value as one of another type; ``onError`` stands in where it cannot be, ``onNull`` for null."""
    operands = _FIELDS.compile("$convert", operand, scope)
    return combined(_converting({name: item.evaluate for name, item in operands.items()}), list(operands.values()))


def _converting(operands: Mapping[str, Evaluate]) -> Evaluate:
    value_of, type_of, base_of, form_of, order_of, on_null, on_error = operands.values()

    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        target = _target(type_of(document, variables))
        value = value_of(document, variables)
        base, form, order = (each(document, variables) for each in (base_of, form_of, order_of))
        if value is None or value is MISSING:
            return on_null(document, variables)
        if target is None:
            return None
        manner = Manner(checked_base(base), checked_format(form), checked_order(order))
        try:
            return converted(value, target, manner)
        except OperationFailure as error:
            fallback = on_error(document, variables) if error.code == CONVERSION_FAILURE else ABSENT
            if fallback is ABSENT:
                raise
            return fallback

    return evaluate


_PLAINLY: Final = Manner()


def _target(to: Any) -> Target | None:
    """Return the target that ``to`` names, by name, number, or as a document of type and subtype."""
    if to is None or to is MISSING:
        return None
    if TYPES[type(to)] != OBJECT:
        return Target(_type_number(to))
    given = as_mapping(to)
    for name in given:
        if name not in ("type", "subtype"):
            raise failure(f"$convert found an unknown argument in 'to': {name!r}", FAILED_TO_PARSE)
    if "type" not in given:
        raise failure("missing 'type' of 'to' of $convert", FAILED_TO_PARSE)
    return Target(_type_number(given["type"]), checked_subtype(given.get("subtype", 0)))


def _type_number(to: Any) -> int:
    if type(to) is str:
        if to not in TYPE_NAMES and to != "missing":
            raise failure(f"unknown type name of $convert{nearest(to, TYPE_NAMES)}", 2)
        return TYPE_NAMES.get(to, _NO_TYPE)
    if TYPES[type(to)] not in NUMERIC:
        message = f"$convert's 'to' argument must be a string or number, but is {type_name(to)}"
        raise failure(message, FAILED_TO_PARSE)
    number = integer(to)
    if number is None:
        raise failure("in $convert, numeric 'to' argument is not an integer", FAILED_TO_PARSE)
    if number not in _TYPE_NUMBERS and number != _NO_TYPE:
        raise failure("in $convert, numeric value for 'to' does not correspond to a BSON type", FAILED_TO_PARSE)
    return number


def _short_form(name: str, target: Target, manner: Manner = _PLAINLY) -> None:
    def convert(value: Any) -> Any:
        return None if value is None or value is MISSING else converted(value, target, manner)

    @syntax(name)
    def compile_short(operand: Any, scope: Scope) -> Expression:
        operands = compile_operands(operand, scope)
        if len(operands) != 1:
            raise malformed(f"{name} requires a single argument, got {len(operands)}", 50723)
        value_of = operands[0].evaluate
        return combined(lambda document, variables: convert(value_of(document, variables)), operands)


_short_form("$toArray", Target(ARRAY))
_short_form("$toBool", Target(BOOL))
_short_form("$toDate", Target(DATE))
_short_form("$toDecimal", Target(DECIMAL))
_short_form("$toDouble", Target(DOUBLE))
_short_form("$toInt", Target(INT))
_short_form("$toLong", Target(LONG))
_short_form("$toObject", Target(OBJECT))
_short_form("$toObjectId", Target(OBJECT_ID))
_short_form("$toString", Target(STRING), Manner(form="auto"))
_short_form("$toUUID", Target(BINARY, UUID_SUBTYPE), Manner(form="uuid"))
