"""Comparisons: $eq $ne $gt $gte $lt $lte $cmp.

Manual: reference/operator/aggregation/#comparison-expression-operators. Values of
all types compare, in BSON's order; a missing value sorts below null.
"""

from __future__ import annotations

from typing import Any, Final

from nosqlpy._core.expression.operators import of_values
from nosqlpy._core.values.order import order_key
from nosqlpy._core.values.types import MISSING

_DIRECT: Final = frozenset(((int, int), (str, str), (int, float), (float, int), (float, float)))
"""Pairs of types that Python compares as MongoDB does, but for NaN."""

_LOWEST: Final = (0, None)  # null has 5


def sort_key(value: Any) -> Any:
    """Return a key that compares as expressions compare values; MISSING is below all but MinKey."""
    return _LOWEST if value is MISSING else order_key(value)


def _directly(left: Any, right: Any) -> bool:
    """Return whether Python compares the two values as MongoDB does."""
    return (type(left), type(right)) in _DIRECT and left == left and right == right  # noqa: PLR0124 - NaN


def are_equal(left: Any, right: Any) -> bool:
    """Return whether two values are equal; MISSING equals nothing but itself."""
    if _directly(left, right):
        return bool(left == right)
    return bool(sort_key(left) == sort_key(right))


of_values("$eq", 2, compares=True)(are_equal)


@of_values("$ne", 2, compares=True)
def are_unequal(left: Any, right: Any) -> bool:
    """Return whether two values differ."""
    return not are_equal(left, right)


@of_values("$gt", 2, compares=True)
def is_greater(left: Any, right: Any) -> bool:
    """Return whether `left` sorts after `right`."""
    if _directly(left, right):
        return bool(left > right)
    return bool(sort_key(right) < sort_key(left))


@of_values("$gte", 2, compares=True)
def is_greater_or_equal(left: Any, right: Any) -> bool:
    """Return whether `left` sorts at or after `right`."""
    if _directly(left, right):
        return bool(left >= right)
    return not sort_key(left) < sort_key(right)


@of_values("$lt", 2, compares=True)
def is_less(left: Any, right: Any) -> bool:
    """Return whether `left` sorts before `right`."""
    if _directly(left, right):
        return bool(left < right)
    return bool(sort_key(left) < sort_key(right))


@of_values("$lte", 2, compares=True)
def is_less_or_equal(left: Any, right: Any) -> bool:
    """Return whether `left` sorts at or before `right`."""
    if _directly(left, right):
        return bool(left <= right)
    return not sort_key(right) < sort_key(left)


@of_values("$cmp", 2, compares=True)
def compared(left: Any, right: Any) -> int:
    """Return -1, 0 or 1 as `left` sorts before, with or after `right`."""
    left_key, right_key = sort_key(left), sort_key(right)
    if left_key == right_key:
        return 0
    return -1 if left_key < right_key else 1
