"""Expressions, compiled: the one entry to this package.

Manual: reference/mql/expressions. An expression is compiled once, to closures;
per document nothing is parsed.
"""

from __future__ import annotations

from typing import Any, Final

# Importing these registers their operators.
from nosqlpy._core.expression import (
    accumulated,
    arithmetic,
    arrays,
    bits,
    boolean,
    chance,
    comparison,
    conditional,
    convert,
    dateformat,
    datemath,
    dateparse,
    dateparts,
    extended,
    hashing,
    meta,
    objects,
    percentiles,
    powers,
    regex,
    rounding,
    sets,
    sizes,
    sorting,
    strings,
    tops,
    trigonometry,
    types,
    variables,
    vectors,
)
from nosqlpy._core.expression.node import Expression
from nosqlpy._core.expression.parse import compile_operand
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.values.collation import Collation

__all__ = ["OPERATOR_MODULES", "Expression", "compile_expression"]

OPERATOR_MODULES: Final = (
    *(accumulated, arithmetic, arrays, bits, boolean, chance, comparison, conditional, convert, dateformat, datemath),
    *(dateparse, dateparts, extended, hashing, meta, objects, percentiles, powers, regex, rounding, sets, sizes),
    *(sorting, strings, tops, trigonometry, types, variables, vectors),
)

NO_VARIABLES: Final[frozenset[str]] = frozenset()


def compile_expression(
    expression: Any,
    *,
    variables: frozenset[str] = NO_VARIABLES,
    flat: bool = False,
    collation: Collation | None = None,
) -> Expression:
    """Return the compiled expression.

    `variables` are the names that `Expression.evaluate` will be given values of,
    NOW among them where ``$$NOW`` can be told, RANDOM where $rand can draw; ROOT,
    CURRENT and REMOVE are always known. A `flat` expression reads documents that have the value of
    every path under the path's text, unless it reads the whole document. Strings
    compare under the `collation`.

    Raises:
        QueryError: It means nothing.
        NotSupportedError: It has an operator or a variable of MongoDB's that nosqlpy lacks.
    """
    compiled = compile_operand(expression, Scope(variables, flat, collation=collation))
    if flat and compiled.paths is None:
        return compile_operand(expression, Scope(variables, collation=collation))
    return compiled
