"""Choices: $cond, $switch, $ifNull, and $literal, which is none.

Manual: reference/operator/aggregation/cond, switch, ifNull, literal. Only the
branch that is taken is computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nosqlpy._core.expression.boolean import is_true
from nosqlpy._core.expression.failures import failure, malformed
from nosqlpy._core.expression.node import Evaluate, Expression, Variables, combined, constant
from nosqlpy._core.expression.operators import Codes, Fields, of_operands
from nosqlpy._core.expression.parse import compile_operand, compile_operands, constant_text
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.values.codec import copy_value
from nosqlpy._core.values.depth import check_depth
from nosqlpy._core.values.types import ARRAY, MISSING, OBJECT, STRING, TYPES, as_mapping, type_name

_COND: Final = Fields(("if", "then", "else"), {}, Codes(0, 17083, (17080, 17081, 17082)))
_BRANCH: Final = Fields(("case", "then"), {}, Codes(40062, 40063, (40064, 40065)))


@syntax("$cond")
def compile_cond(operand: Any, scope: Scope) -> Expression:
    """Return the second operand if the first is true, else the third; they may be named if, then and else."""
    if TYPES[type(operand)] == OBJECT:
        operands = list(_COND.compile("$cond", operand, scope).values())
    else:
        operands = compile_operands(operand, scope)
    if len(operands) != 3:
        raise malformed(f"expression $cond takes exactly 3 arguments, {len(operands)} were passed in", 16020)
    condition, then, otherwise = operands
    if condition.constant:
        return then if is_true(condition.value) else otherwise
    return combined(_choice(condition.evaluate, then.evaluate, otherwise.evaluate), operands)


def _choice(condition: Evaluate, then: Evaluate, otherwise: Evaluate) -> Evaluate:
    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        value = condition(document, variables)
        if value is True or (value is not False and is_true(value)):
            return then(document, variables)
        return otherwise(document, variables)

    return evaluate


@syntax("$switch")
def compile_switch(operand: Any, scope: Scope) -> Expression:
    """Return what the first branch whose case is true has under ``then``, or the default."""
    if TYPES[type(operand)] != OBJECT:
        raise malformed(f"$switch requires an object as an argument, found: {type_name(operand)}", 40060)
    given = as_mapping(operand)
    for name in given:
        if name not in ("branches", "default"):
            raise malformed(f"$switch found an unknown argument: {name!r}", 40067)
    branches = _branches(given.get("branches", []), scope)
    default = compile_operand(given["default"], scope.deeper()) if "default" in given else None
    parts = [part for branch in branches for part in branch] + ([] if default is None else [default])
    pairs = [(case.evaluate, then.evaluate) for case, then in branches]
    return combined(_first_branch(pairs, None if default is None else default.evaluate), parts)


def _branches(branches: Any, scope: Scope) -> list[tuple[Expression, Expression]]:
    if TYPES[type(branches)] != ARRAY:
        raise malformed(f"$switch expected an array for 'branches', found: {type_name(branches)}", 40061)
    if not branches:
        raise malformed("$switch requires at least one branch", 40068)
    compiled = []
    for branch in branches:
        parts = _BRANCH.compile("a branch of $switch", branch, scope.deeper())
        compiled.append((parts["case"], parts["then"]))
    return compiled


def _first_branch(branches: Sequence[tuple[Evaluate, Evaluate]], default: Evaluate | None) -> Evaluate:
    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        for case, then in branches:
            if is_true(case(document, variables)):
                return then(document, variables)
        if default is None:
            raise failure("$switch could not find a matching branch, and no default was specified", 40066)
        return default(document, variables)

    return evaluate


@of_operands("$ifNull", 2, code=1257300)
def first_not_null(operands: Sequence[Evaluate]) -> Evaluate:
    """Return the first operand that is neither null nor missing, or else the last as it is."""
    *first, last = operands

    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        for operand in first:
            value = operand(document, variables)
            if value is not None and value is not MISSING:
                return value
        return last(document, variables)

    return evaluate


@syntax("$literal")
def compile_literal(operand: Any, _scope: Scope) -> Expression:
    """Return the operand as it is written."""
    check_depth(operand)
    bracket = TYPES[type(operand)]
    if bracket == STRING:
        return constant_text(operand)
    return constant(copy_value(operand) if bracket in (ARRAY, OBJECT) else operand)


syntax("$const")(compile_literal)
