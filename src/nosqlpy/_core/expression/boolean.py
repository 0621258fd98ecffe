"""Truth: $and, $or, $not, $allElementsTrue, $anyElementTrue.

Manual: reference/operator/aggregation/#boolean-expression-operators. False are
false, null, zero and a missing value; all else is true, ``""`` and ``[]`` too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.node import Evaluate, Variables
from nosqlpy._core.expression.operators import of_operands, of_values
from nosqlpy._core.values.numbers import NUMERIC
from nosqlpy._core.values.order import NAN, number_content
from nosqlpy._core.values.types import MISSING, TYPES, type_name


def is_true(value: Any) -> bool:
    """Return what MongoDB takes for true: everything but false, null, zero and a missing value."""
    if value is True or value is False:
        return bool(value)
    if value is None or value is MISSING:
        return False
    if TYPES[type(value)] in NUMERIC:
        content = number_content(value)
        return content is NAN or bool(content != 0)
    return True


@of_operands("$and")
def all_true(operands: Sequence[Evaluate]) -> Evaluate:
    """Return whether all operands are true; those after the first false one are not computed."""

    def evaluate(document: Mapping[str, Any], variables: Variables) -> bool:
        for operand in operands:
            value = operand(document, variables)
            if value is not True and (value is False or not is_true(value)):
                return False
        return True

    return evaluate


@of_operands("$or")
def any_true(operands: Sequence[Evaluate]) -> Evaluate:
    """Return whether an operand is true; those after the first true one are not computed."""

    def evaluate(document: Mapping[str, Any], variables: Variables) -> bool:
        for operand in operands:
            value = operand(document, variables)
            if value is True or (value is not False and is_true(value)):
                return True
        return False

    return evaluate


@of_values("$not", 1)
def not_true(value: Any) -> bool:
    """Return whether the operand is false."""
    return not is_true(value)


@of_values("$allElementsTrue", 1)
def all_elements_true(array: Any) -> bool:
    """Return whether all elements of an array are true."""
    if type(array) is not list:
        raise failure(f"$allElementsTrue's argument must be an array, but is {type_name(array)}", 17040)
    return all(map(is_true, array))


@of_values("$anyElementTrue", 1)
def any_element_true(array: Any) -> bool:
    """Return whether an element of an array is true."""
    if type(array) is not list:
        raise failure(f"$anyElementTrue's argument must be an array, but is {type_name(array)}", 17041)
    return any(map(is_true, array))
