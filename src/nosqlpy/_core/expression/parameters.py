"""The variables of one call: what ``let`` defines, and what the shell provides.

Manual: reference/command/find#let. Each value of ``let`` is an expression that
is computed once, before any document is read, and may use the variables before
it (the server's variables.cpp, seedVariablesWithLetParameters).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nosqlpy._core.expression.chance import EACH_DOCUMENT
from nosqlpy._core.expression.compile import compile_expression
from nosqlpy._core.expression.failures import malformed
from nosqlpy._core.expression.node import NOTHING
from nosqlpy._core.expression.scope import check_new_variable
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.depth import check_depth
from nosqlpy._core.values.types import OBJECT, TYPES, as_mapping


def bind_parameters(let: Any, provided: Mapping[str, Any], collation: Collation | None = None) -> dict[str, Any]:
    """Return the values of all variables by name: those `provided`, and those that `let` defines.

    Raises:
        QueryError: `let` is no document, a name cannot be a variable's, or a value reads a field (code 4890500).
        OperationFailure: A value cannot be computed.
    """
    if TYPES[type(let)] != OBJECT:
        raise malformed(f"'let' is a document of variables, not {type(let).__name__}", 14)
    variables = dict(provided)
    for name, value in as_mapping(let).items():
        check_new_variable(name)
        check_depth(value)
        expression = compile_expression(value, variables=frozenset(variables), collation=collation)
        if expression.paths is None or not expression.paths <= EACH_DOCUMENT:
            message = f"variable {name!r} of 'let' reads a field, but is computed before any document is read"
            raise malformed(message, 4890500)
        variables[name] = expression.evaluate(NOTHING, variables)
    return variables
