"""The compiled expression, and how several make one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.values.types import MISSING
from nosqlpy.errors import OperationFailure

Variables: TypeAlias = Mapping[str, Any]
Evaluate: TypeAlias = Callable[[Mapping[str, Any], Variables], Any]
"""From a document and the values of variables to a value; MISSING where there is none."""

NO_PATHS: Final[frozenset[str]] = frozenset()
NOTHING: Final[dict[str, Any]] = {}


class Expression(msgspec.Struct, frozen=True):
    """What computes a value from a document. Immutable, may be shared by threads.

    `evaluate` returns a value that may share parts with the document and with
    the expression: who hands it out or changes it makes a copy. It raises
    OperationFailure where MongoDB does. `paths` are the field paths that it
    reads, or None if it reads the whole document. A `constant` one has its
    value in `value`.
    """

    evaluate: Evaluate
    paths: frozenset[str] | None = NO_PATHS
    constant: bool = False
    value: Any = MISSING
    path: str | None = None
    """The path if the expression is nothing but that."""


def constant(value: Any) -> Expression:
    """Return the expression that always is `value`."""
    return Expression(lambda _document, _variables: value, NO_PATHS, constant=True, value=value)


def paths_of(operands: Iterable[Expression]) -> frozenset[str] | None:
    """Return the paths that all the operands read."""
    paths: set[str] = set()
    for operand in operands:
        if operand.paths is None:
            return None
        paths |= operand.paths
    return frozenset(paths)


def combined(evaluate: Evaluate, operands: Sequence[Expression]) -> Expression:
    """Return the expression that computes `evaluate` from the operands, at once if all are constant.

    One that fails on constants is kept: it may stand in a branch that is never taken.
    """
    if all(operand.constant for operand in operands):
        try:
            return constant(evaluate(NOTHING, NOTHING))
        except OperationFailure:
            pass
    return Expression(evaluate, paths_of(operands))
