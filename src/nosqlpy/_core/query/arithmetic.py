"""Operators that compute: $mod and the bit tests.

Manual: reference/operator/query/mod and reference/operator/query-bitwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Any

from nosqlpy._core.query import sieves
from nosqlpy._core.query.condition import Condition, Test
from nosqlpy._core.query.registry import operator
from nosqlpy._core.values.numbers import integer, truncate
from nosqlpy._core.values.order import BRACKETS, binary_content
from nosqlpy._core.values.types import ARRAY, BINARY, TYPES
from nosqlpy.errors import QueryError


def _is_number(value: Any) -> bool:
    return BRACKETS[TYPES[type(value)]] == 10


@operator("$mod")
def compile_mod(operand: Any) -> Condition:
    """Match numbers that, cut to whole ones, leave the remainder on division; it has the sign of the dividend."""
    if TYPES[type(operand)] != ARRAY:
        raise QueryError("malformed $mod: it needs an array of divisor and remainder")
    if len(operand) != 2:
        raise QueryError(f"malformed $mod: it needs two elements, divisor and remainder, not {len(operand)}")
    divisor, remainder = _mod_part(operand[0], "divisor"), _mod_part(operand[1], "remainder")
    if divisor == 0:
        raise QueryError("malformed $mod: the divisor cannot be 0")
    size = abs(divisor)

    def test(value: Any) -> bool:
        dividend = value if type(value) is int else truncate(value) if _is_number(value) else None
        if dividend is None:
            return False
        return (dividend % size if dividend >= 0 else -(-dividend % size)) == remainder

    return Test(test)


def _mod_part(value: Any, name: str) -> int:
    if not _is_number(value):
        raise QueryError(f"malformed $mod: the {name} is not a number")
    whole = truncate(value)
    if whole is None:
        raise QueryError(f"malformed $mod: the {name} does not fit a 64-bit integer")
    return whole


@operator("$bitsAllSet")
def compile_bits_all_set(operand: Any) -> Condition:
    """Match numbers and binary values in which every given bit is 1."""
    return _bits("$bitsAllSet", operand, all, wanted=True)


@operator("$bitsAllClear")
def compile_bits_all_clear(operand: Any) -> Condition:
    """Match numbers and binary values in which every given bit is 0."""
    return _bits("$bitsAllClear", operand, all, wanted=False)


@operator("$bitsAnySet")
def compile_bits_any_set(operand: Any) -> Condition:
    """Match numbers and binary values in which at least one given bit is 1."""
    return _bits("$bitsAnySet", operand, any, wanted=True)


@operator("$bitsAnyClear")
def compile_bits_any_clear(operand: Any) -> Condition:
    """Match numbers and binary values in which at least one given bit is 0."""
    return _bits("$bitsAnyClear", operand, any, wanted=False)


def _bits(name: str, operand: Any, quantifier: Callable[[Iterable[bool]], bool], *, wanted: bool) -> Test:
    positions = _bit_positions(name, operand)
    # a negative number goes on in ones past its 64 bits
    mask = reduce(or_, (1 << min(position, 63) for position in positions), 0)
    together = quantifier is all
    target = mask if together is wanted else 0

    def test(value: Any) -> bool:
        number = integer(value) if _is_number(value) else None
        if number is not None:
            return (number & mask == target) is together
        if TYPES[type(value)] != BINARY:
            return False
        data = binary_content(value)[2]
        return quantifier(_bit(data, position) is wanted for position in positions)

    return Test(test, sieves.masked(mask, target, together, test))


def _bit(data: bytes, position: int) -> bool:
    """Return the bit of little-endian `data`, which goes on in zeros."""
    index = position >> 3
    return index < len(data) and bool(data[index] >> (position & 7) & 1)


def _bit_positions(name: str, operand: Any) -> Sequence[int]:
    number = TYPES[type(operand)]
    if number == ARRAY:
        return [_bit_position(name, item) for item in operand]
    if number == BINARY:
        data = binary_content(operand)[2]
        return [position for position in range(len(data) * 8) if _bit(data, position)]
    if not _is_number(operand):
        raise QueryError(f"{name} takes an array of positions, a number or binary, not {type(operand).__name__}")
    mask = integer(operand)
    if mask is None or mask < 0:
        message = f"{name} needs a mask that is a whole number of 64 bits and not negative"
        raise QueryError(message, code=9, code_name="FailedToParse")
    return [position for position in range(64) if mask >> position & 1]


def _bit_position(name: str, item: Any) -> int:
    position = integer(item) if _is_number(item) else None
    if position is None or not 0 <= position < 2**31:
        raise QueryError(f"{name} needs positions that are whole numbers from 0 on, of 32 bits")
    return position
