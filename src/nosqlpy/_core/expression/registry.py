"""The operators of expressions, by name.

An operator is compiled by a function of its operand and its scope; most are
made by the decorators of `nosqlpy._core.expression.operators` from a function of values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from nosqlpy._core.expression.failures import UNKNOWN_OPERATOR, malformed
from nosqlpy._core.expression.node import Expression
from nosqlpy._core.expression.scope import Scope
from nosqlpy.errors import NotSupportedError
from nosqlpy.naming import nearest

Compile: TypeAlias = Callable[[Any, Scope], Expression]

_OPERATORS: Final[dict[str, Compile]] = {}

_NOT_SUPPORTED: Final = frozenset(
    (
        *("$currentDate", "$function", "$toHashedIndexKey"),
        *("$encStrContains", "$encStrEndsWith", "$encStrNormalizedEq", "$encStrStartsWith"),
    )
)


def syntax(name: str) -> Callable[[Compile], Compile]:
    """Register the decorated function as what compiles the operand of `name`, which it gets as it was written."""

    def register(function: Compile) -> Compile:
        assert name not in _OPERATORS, name
        _OPERATORS[name] = function
        return function

    return register


def find_operator(name: str) -> Compile:
    """Return what compiles the operand of the operator `name`.

    Raises:
        NotSupportedError: MongoDB has it and nosqlpy does not.
        QueryError: There is none.
    """
    found = _OPERATORS.get(name)
    if found is not None:
        return found
    if name in _NOT_SUPPORTED:
        raise NotSupportedError(f"expression operator {name} is not supported")
    raise malformed(f"unrecognized expression {name!r}{nearest(name, _OPERATORS)}", UNKNOWN_OPERATOR)


def is_operator(name: str) -> bool:
    """Return whether MongoDB knows an expression operator of this name."""
    return name in _OPERATORS or name in _NOT_SUPPORTED


def operator_names() -> list[str]:
    """Return the names of all operators that are supported, sorted."""
    return sorted(_OPERATORS)
