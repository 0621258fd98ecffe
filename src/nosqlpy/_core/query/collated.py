"""Conditions under a collation: those of any values, tried on folded ones.

A condition is compiled from its operand with the keys of strings in their
place, and tests values in which the same was done (see `values.collation`).
What searches strings instead of comparing them, a regular expression, is not
touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nosqlpy._core.query.condition import All, Condition, Not, Sieve, Test, ValueTest, Whole
from nosqlpy._core.query.sortvalues import folded
from nosqlpy._core.values.collation import Collation, compares_strings
from nosqlpy._core.values.depth import check_depth
from nosqlpy._core.values.types import ARRAY, REGEX, TYPES


def compile_collated(
    name: str, compile_operand: Callable[[Any], Condition], operand: Any, collation: Collation
) -> Condition:
    """Return the condition that the comparison operator `name` makes of `operand` under a collation."""
    if not compares_strings(operand):
        return compile_operand(operand)
    check_depth(operand)
    regexes = [item for item in operand if TYPES[type(item)] == REGEX] if name in ("$in", "$nin") else []
    if not regexes or TYPES[type(operand)] != ARRAY:
        return on_folded(compile_operand(collation.fold(operand)), collation)
    values = [item for item in operand if TYPES[type(item)] != REGEX]
    return _either(on_folded(compile_operand(collation.fold(values)), collation), compile_operand(regexes))


def _either(one: Condition, other: Condition) -> Condition:
    """Return the condition that holds where one of two tests does, or where neither does if both are negated."""
    if isinstance(one, Not) and isinstance(other, Not):
        return Not(_either(one.condition, other.condition))
    assert isinstance(one, Test), one
    assert isinstance(other, Test), other
    first, second = one.test, other.test
    return Test(lambda value: first(value) or second(value))


def on_folded(condition: Condition, collation: Collation) -> Condition:
    """Return the condition that a value meets whose folded form meets `condition`."""
    if isinstance(condition, Not):
        return Not(on_folded(condition.condition, collation))
    if isinstance(condition, All):
        return All(tuple(on_folded(part, collation) for part in condition.conditions))
    assert not isinstance(condition, Whole), "no operator that compares takes an array for a whole"
    return Test(_on_folded(condition.test, collation), condition.sieve and _sifting(condition.sieve, collation))


def _on_folded(test: ValueTest, collation: Collation) -> ValueTest:
    fold = collation.fold
    return lambda value: test(fold(value))


def _sifting(sieve: Sieve, collation: Collation) -> Sieve:
    return lambda entries: sieve(folded(entries, collation))
