"""$not, the logical operator that stands under a field.

Manual: reference/operator/query/not. $and, $or and $nor stand beside field
names, hence in `tree`.
"""

from __future__ import annotations

from typing import Any

from nosqlpy._core.query.condition import Condition, Not
from nosqlpy._core.query.registry import Scope, compile_operators, scoped_operator
from nosqlpy._core.query.text import regex_test
from nosqlpy._core.values.types import OBJECT, REGEX, TYPES, as_mapping
from nosqlpy.errors import QueryError


@scoped_operator("$not")
def compile_not(operand: Any, scope: Scope) -> Condition:
    """Match documents that the operators, or the regular expression, of `operand` do not match."""
    number = TYPES[type(operand)]
    if number == REGEX:
        return Not(regex_test(operand))
    if number != OBJECT:
        raise QueryError(f"$not needs a regular expression or a document of operators, not {type(operand).__name__}")
    operators = as_mapping(operand)
    if not operators:
        raise QueryError("$not cannot be empty")
    return Not(compile_operators(operators, scope.path, scope.depth + 1, scope.collation))
