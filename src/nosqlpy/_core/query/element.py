"""The element operators: $exists and $type.

Manual: reference/operator/query-element.
"""

from __future__ import annotations

from typing import Any, Final

from nosqlpy._core.query.condition import Condition, Not, Test
from nosqlpy._core.query.registry import operator
from nosqlpy._core.query.sieves import is_present, typed
from nosqlpy._core.values.numbers import integer
from nosqlpy._core.values.order import EPOCH, NAN, number_content
from nosqlpy._core.values.types import (
    ARRAY,
    DECIMAL,
    DOUBLE,
    INT,
    LONG,
    MISSING,
    NULL,
    STRING,
    TYPE_NAMES,
    TYPES,
    type_number,
)
from nosqlpy.errors import QueryError
from nosqlpy.naming import nearest

_NUMBERS: Final = frozenset((DOUBLE, INT, LONG, DECIMAL))
_TYPE_NUMBERS: Final = frozenset(TYPE_NAMES.values())
_PRESENT: Final = Test(lambda value: value is not MISSING, is_present)


@operator("$exists")
def compile_exists(operand: Any) -> Condition:
    """Match documents that have the field, if `operand` is true in MongoDB's sense, else those that have not."""
    return _PRESENT if _is_true(operand) else Not(_PRESENT)


def _is_true(operand: Any) -> bool:
    """Return what MongoDB takes for true: everything but false, null and zero."""
    number = TYPES[type(operand)]
    if number in _NUMBERS:
        content = number_content(operand)
        return content is NAN or bool(content != 0)
    return number != NULL and operand is not False


@operator("$type")
def compile_type(operand: Any) -> Condition:
    """Match values of a BSON type, or of one of an array of types, given by number, name or ``"number"``."""
    items = operand if TYPES[type(operand)] == ARRAY else [operand]
    wanted = frozenset().union(*map(_type_numbers, items))
    if not wanted:
        raise QueryError("$type must match at least one type", code=9, code_name="FailedToParse")

    def test(value: Any) -> bool:
        return value is not MISSING and type_number(value) in wanted

    known = {type(value): test(value) for value in _PLAIN_VALUES}
    is_int = INT in wanted
    if is_int == (LONG in wanted):
        return Test(test, typed(known | {int: is_int}, None, test))
    return Test(test, typed(known, is_int, test))


_PLAIN_VALUES: Final = (MISSING, None, False, 0.0, "", EPOCH)
"""One of each class that is of one type."""


def _type_numbers(operand: Any) -> frozenset[int]:
    number = TYPES[type(operand)]
    if number == STRING:
        if operand == "number":
            return _NUMBERS
        if operand not in TYPE_NAMES:
            raise QueryError(f"$type: unknown type name {operand!r}{nearest(operand, [*TYPE_NAMES, 'number'])}")
        return frozenset((TYPE_NAMES[operand],))
    if number not in _NUMBERS:
        raise QueryError("$type: a type is a number or a string", code=14, code_name="TypeMismatch")
    code = integer(operand)
    if code not in _TYPE_NUMBERS:
        raise QueryError("$type: invalid numerical type code")
    return frozenset((code,))
