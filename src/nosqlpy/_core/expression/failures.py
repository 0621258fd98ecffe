"""Errors of expressions, with MongoDB's codes: in how one is written, and in what it meets at work."""

from __future__ import annotations

from typing import Final

from nosqlpy.errors import OperationFailure, QueryError

_NAMES: Final[dict[int, str]] = {
    2: "BadValue",
    9: "FailedToParse",
    14: "TypeMismatch",
    15: "Overflow",
    146: "ExceededMemoryLimit",
    168: "InvalidPipelineOperator",
    241: "ConversionFailure",
}

BAD_VALUE, FAILED_TO_PARSE, TYPE_MISMATCH, OVERFLOW = 2, 9, 14, 15
MEMORY_LIMIT, UNKNOWN_OPERATOR, CONVERSION_FAILURE = 146, 168, 241


def malformed(message: str, code: int) -> QueryError:
    """Return the error of an expression that means nothing: for the compiler to raise."""
    return QueryError(message, code=code, code_name=code_name_of(code))


def failure(message: str, code: int) -> OperationFailure:
    """Return the error of an expression that cannot be computed on the values it met."""
    return OperationFailure(message, code=code, code_name=code_name_of(code))


def code_name_of(code: int) -> str:
    """Return MongoDB's name of a code."""
    return _NAMES.get(code) or f"Location{code}"
