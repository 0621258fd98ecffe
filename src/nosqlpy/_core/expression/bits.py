"""Bits of whole numbers: $bitAnd $bitOr $bitXor $bitNot; and parts of timestamps: $tsSecond $tsIncrement.

Manual: reference/operator/aggregation/#bitwise-operators, #timestamp-expression-operators.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nosqlpy._core.expression.failures import TYPE_MISMATCH, failure
from nosqlpy._core.expression.node import Evaluate, Variables
from nosqlpy._core.expression.operators import of_operands, of_values
from nosqlpy._core.values.numbers import NUMERIC, like
from nosqlpy._core.values.types import INT, LONG, MISSING, TIMESTAMP, TYPES, type_name


def _register(name: str, combine: Callable[[int, int], int], neutral: int) -> None:
    @of_operands(name)
    def combined(operands: Sequence[Evaluate]) -> Evaluate:
        def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
            total: Any = neutral
            for operand in operands:
                value = operand(document, variables)
                if value is None or value is MISSING:
                    return None
                total = _alike(combine(int(total), _whole(name, value)), total, value)
            return total

        return evaluate


def _whole(name: str, value: Any) -> int:
    if TYPES[type(value)] not in (INT, LONG):
        raise failure(f"{name} only supports int and long operands, not {type_name(value)}", TYPE_MISMATCH)
    return int(value)


def _alike(result: int, *models: Any) -> Any:
    """Return `result` as an Int64, if one of `models` is."""
    return next((like(result, model) for model in models if TYPES[type(model)] == LONG), result)


_register("$bitAnd", operator.and_, -1)
_register("$bitOr", operator.or_, 0)
_register("$bitXor", operator.xor, 0)


@of_values("$bitNot", 1)
def complement(value: Any) -> Any:
    """Return a whole number with each of its bits turned over."""
    if value is None or value is MISSING:
        return None
    if TYPES[type(value)] not in NUMERIC:
        raise failure(f"$bitNot only supports numeric types, not {type_name(value)}", 28765)
    return _alike(~_whole("$bitNot", value), value)


@of_values("$tsSecond", 1)
def seconds_of(value: Any) -> int | None:
    """Return the seconds of a timestamp."""
    return None if _is_no_timestamp("$tsSecond", value, 5687301) else int(value.time)


@of_values("$tsIncrement", 1)
def increment_of(value: Any) -> int | None:
    """Return the number of a timestamp among those of its second."""
    return None if _is_no_timestamp("$tsIncrement", value, 5687302) else int(value.inc)


def _is_no_timestamp(name: str, value: Any, code: int) -> bool:
    """Return whether there is no value; one that is no timestamp is refused."""
    if value is None or value is MISSING:
        return True
    if TYPES[type(value)] != TIMESTAMP:
        raise failure(f"{name} requires a timestamp, found: {type_name(value)}", code)
    return False
