"""Operators that calculate: $inc, $mul, $bit.

Manual: reference/operator/update/inc, mul, bit. Types widen as in the server's
SafeNum: whole numbers stay whole and must fit 64 bits, a double makes the
result a double, a Decimal makes it a Decimal of 34 digits.
"""

from __future__ import annotations

import operator as functions
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

from nosqlpy._core.update.paths import Modifier
from nosqlpy._core.update.registry import Place, operator
from nosqlpy._core.values.numbers import DECIMAL128, NUMERIC, as_decimal, like
from nosqlpy._core.values.types import DECIMAL, DOUBLE, INT, LONG, TYPES, type_name
from nosqlpy.errors import QueryError, WriteError

Calculation: TypeAlias = Callable[[Any, Any], Any]

_WHOLE: Final = frozenset((INT, LONG))

_BITWISE: Final[dict[str, Calculation]] = {"and": functions.and_, "or": functions.or_, "xor": functions.xor}


@operator("$inc")
def compile_inc(operand: Any, place: Place) -> Modifier:
    """Add the operand to the field; a missing field becomes the operand."""
    _check_number(operand, place)
    add = partial(_calculated, functions.add, DECIMAL128.add, place, operand)
    if type(operand) is not int:
        return Modifier(add, lambda: operand)
    return Modifier(_counter(operand, add), lambda: operand, step=operand)


def _counter(step: int, add: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what adds `step` to an int at once, and to all else as `add` does."""

    def count(value: Any) -> Any:
        if type(value) is int and -(2**63) <= (result := value + step) < 2**63:
            return result
        return add(value)

    return count


@operator("$mul")
def compile_mul(operand: Any, place: Place) -> Modifier:
    """Multiply the field by the operand; a missing field becomes zero of the operand's type."""
    _check_number(operand, place)
    multiply = partial(_calculated, functions.mul, DECIMAL128.multiply, place, operand)
    return Modifier(multiply, lambda: multiply(0))


def _check_number(operand: Any, place: Place) -> None:
    if TYPES[type(operand)] not in NUMERIC:
        message = f"{place.operator} of {place.path.text!r} takes a number, not {type_name(operand)}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    if isinstance(operand, int) and not -(2**63) <= operand < 2**63:
        raise QueryError(f"{place.operator} of {place.path.text!r} takes a number that fits 64 bits")


def _calculated(whole: Calculation, decimals: Calculation, place: Place, operand: Any, value: Any) -> Any:
    """Return what a calculation makes of a field's value and an operand that is a number."""
    if type(value) is int and type(operand) is int:
        return _fitting(whole(value, operand), place)
    numbers = (TYPES[type(value)], TYPES[type(operand)])
    if numbers[0] not in NUMERIC:
        message = f"{place.operator}: {place.path.text!r} is of type {type_name(value)}, which is not numeric"
        raise WriteError(message, code=14, code_name="TypeMismatch")
    if DECIMAL in numbers:
        result = decimals(as_decimal(value), as_decimal(operand))
        return like(result, value if numbers[0] == DECIMAL else operand)
    if DOUBLE in numbers:
        return whole(float(value), float(operand))
    return like(_fitting(whole(int(value), int(operand)), place), value if numbers[0] == LONG else operand)


def _fitting(result: int, place: Place) -> int:
    if -(2**63) <= result < 2**63:
        return result
    message = f"{place.operator}: the result for {place.path.text!r} does not fit 64 bits"
    raise WriteError(message, code=2, code_name="BadValue")


@operator("$bit")
def compile_bit(operand: Any, place: Place) -> Modifier:
    """Combine the bits of a whole number with the operands of ``and``, ``or`` and ``xor``; a missing field is 0."""
    where = f"$bit of {place.path.text!r}"
    if not isinstance(operand, Mapping) or not operand:
        raise QueryError(f"{where} takes a document such as {{'and': 3}}")
    steps: list[tuple[Calculation, Any]] = []
    for name, bits in operand.items():
        if name not in _BITWISE:
            raise QueryError(f"{where} knows 'and', 'or' and 'xor', not {name!r}")
        if TYPES[type(bits)] not in _WHOLE:
            raise QueryError(f"{where}: {name!r} takes a whole number, not {type_name(bits)}")
        steps.append((_BITWISE[name], bits))

    def change(value: Any) -> Any:
        if TYPES[type(value)] not in _WHOLE:
            message = f"$bit: {place.path.text!r} is of type {type_name(value)}, which is no whole number"
            raise WriteError(message, code=2, code_name="BadValue")
        for combine, bits in steps:
            value = like(combine(int(value), int(bits)), value if TYPES[type(value)] == LONG else bits)
        return value

    return Modifier(change, create=lambda: change(0))
