"""Arrays as sets: $setUnion $setIntersection $setDifference $setEquals $setIsSubset.

Manual: reference/operator/aggregation/#set-expression-operators. Duplicates count
once; unions and intersections come in BSON's order, as from the server's classic
engine: MongoDB promises no order.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.node import Evaluate, Variables
from nosqlpy._core.expression.operators import of_operands, of_values
from nosqlpy._core.values.collation import Keys
from nosqlpy._core.values.types import MISSING, type_name


def _distinct(keys: Keys, array: list[Any]) -> dict[Hashable, Any]:
    """Return the first of equal elements, by their keys."""
    found: dict[Hashable, Any] = {}
    key = keys.equality
    for item in array:
        found.setdefault(key(item), item)
    return found


@of_operands("$setUnion", keyed=True)
def union(keys: Keys, operands: Sequence[Evaluate]) -> Evaluate:
    """Return all that is in one of the arrays; null if one is null."""

    def evaluate(document: Mapping[str, Any], variables: Variables) -> list[Any] | None:
        found: dict[Hashable, Any] = {}
        for operand in operands:
            array = operand(document, variables)
            if array is None or array is MISSING:
                return None
            if type(array) is not list:
                raise failure(f"all operands of $setUnion must be arrays, not {type_name(array)}", 17043)
            found = _distinct(keys, array) | found
        return sorted(found.values(), key=keys.order)

    return evaluate


@of_operands("$setIntersection", keyed=True)
def intersection(keys: Keys, operands: Sequence[Evaluate]) -> Evaluate:
    """Return all that is in each of the arrays; null if one is null."""

    def evaluate(document: Mapping[str, Any], variables: Variables) -> list[Any] | None:
        found: dict[Hashable, Any] | None = None
        for operand in operands:
            array = operand(document, variables)
            if array is None or array is MISSING:
                return None
            if type(array) is not list:
                raise failure(f"all operands of $setIntersection must be arrays, not {type_name(array)}", 17047)
            entries = _distinct(keys, array)
            found = entries if found is None else {key: item for key, item in found.items() if key in entries}
        return sorted((found or {}).values(), key=keys.order)

    return evaluate


@of_values("$setDifference", 2, keyed=True)
def set_difference(keys: Keys, left: Any, right: Any) -> list[Any] | None:
    """Return what is in the first array and not in the second, in the order of the first."""
    if left is None or left is MISSING or right is None or right is MISSING:
        return None
    _check_array("$setDifference", left, "first", 17048)
    _check_array("$setDifference", right, "second", 17049)
    others = _distinct(keys, right)
    return [item for key, item in _distinct(keys, left).items() if key not in others]


@of_operands("$setEquals", 2, code=17045, keyed=True)
def are_equal_sets(keys: Keys, operands: Sequence[Evaluate]) -> Evaluate:
    """Return whether all arrays have the same elements."""

    def evaluate(document: Mapping[str, Any], variables: Variables) -> bool:
        expected: set[Hashable] | None = None
        for operand in operands:
            array = operand(document, variables)
            _check_array("$setEquals", array, "offending", 5887502)
            found = set(_distinct(keys, array))
            if expected is not None and found != expected:
                return False
            expected = found
        return True

    return evaluate


@of_values("$setIsSubset", 2, keyed=True)
def is_subset(keys: Keys, left: Any, right: Any) -> bool:
    """Return whether all of the first array is in the second."""
    _check_array("$setIsSubset", left, "first", 17046)
    _check_array("$setIsSubset", right, "second", 17042)
    return set(_distinct(keys, left)) <= set(_distinct(keys, right))


def _check_array(name: str, value: Any, which: str, code: int) -> None:
    if type(value) is not list:
        raise failure(f"all operands of {name} must be arrays; the {which} argument is {type_name(value)}", code)
