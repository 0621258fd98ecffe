"""$rand: a random number, drawn anew for each document.

Manual: reference/operator/aggregation/rand. Nothing here is random: the numbers
come from a function that the shell passes in among the variables.
"""

from __future__ import annotations

from typing import Any, Final

from nosqlpy._core.expression.failures import malformed
from nosqlpy._core.expression.node import Expression
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import RANDOM, Scope
from nosqlpy._core.values.types import ARRAY, OBJECT, TYPES
from nosqlpy.errors import NotSupportedError

# No field path is empty. What claims to read this one is computed for each document, and from none of its fields.
EACH_DOCUMENT: Final = frozenset(("",))


@syntax("$rand")
def compile_rand(operand: Any, scope: Scope) -> Expression:
    """Return the expression that is a float from 0 to 1, another one for each document."""
    if TYPES[type(operand)] not in (OBJECT, ARRAY) or len(operand):
        raise malformed("$rand does not currently accept arguments", 3040501)
    if RANDOM not in scope.variables:
        raise NotSupportedError("expression operator $rand is not supported here")
    return Expression(lambda _document, variables: variables[RANDOM](), EACH_DOCUMENT)
