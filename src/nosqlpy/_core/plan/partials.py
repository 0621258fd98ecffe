"""Partial indexes: whether a filter lets through only documents that such an index holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nosqlpy._core.index.bounds import Bounds
from nosqlpy._core.plan.conditions import Table, bounds_of, keying
from nosqlpy._core.query.conjuncts import Conjunction, FieldCondition
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.order import equal


def implies(query: Conjunction, table: Table, partial: Conjunction) -> bool:
    """Return whether every document that `query` matches, whose bounds are in `table`, matches `partial` too."""
    collation = partial.collation
    return all(_implies_one(query, table, condition, collation) for condition in partial.conditions) and all(
        any(implies(query, table, branch) for branch in branches) for branches in partial.alternatives
    )


def _implies_one(query: Conjunction, table: Table, wanted: FieldCondition, collation: Collation | None) -> bool:
    # under another collation a condition on strings holds for others
    if query.collation == collation and any(_is_same(held, wanted) for held in query.conditions):
        return True
    found, told = table.get(wanted.path, []), keying(collation, collation)
    if wanted.operator == "$exists":
        return any(not each.has_null for each in found)
    return any(
        bounds.exact and any(_is_within(each, bounds) for each in found) for _, bounds in bounds_of(wanted, told)
    )


def _is_within(each: Bounds, bounds: Bounds) -> bool:
    return each.is_flat and each.within(bounds)


def _is_same(held: FieldCondition, wanted: FieldCondition) -> bool:
    return (
        held.path == wanted.path
        and (held.operator or "$eq") == (wanted.operator or "$eq")
        and equal(held.operand, wanted.operand)
    )


def partial_of(filter: Mapping[str, Any], collation: Collation | None) -> Conjunction:
    """Return the conjunction of the filter of a partial index with this collation."""
    return compile_filter(filter, collation=collation).conjunction
