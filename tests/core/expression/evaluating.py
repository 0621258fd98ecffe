"""What the tests of expressions share: evaluating one on a document, and comparing with types."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nosqlpy._core.expression.compile import compile_expression
from nosqlpy._core.values.types import MISSING
from nosqlpy.errors import OperationFailure

NAN = float("nan")
INF = float("inf")
NOTHING = MISSING


def evaluate(expression, document=None, **variables):
    """Return what an expression makes of a document and of variables."""
    return compile_expression(expression, variables=frozenset(variables)).evaluate(document or {}, variables)


def code_of(expression, document=None):
    """Return the code of the error of an expression, raised when it is compiled or when it is evaluated."""
    with pytest.raises(OperationFailure) as caught:
        evaluate(expression, document)
    return caught.value.code


def typed(value):
    """Return what is equal only for equal values of the same type, all the way down."""
    if isinstance(value, dict):
        return [(name, typed(item)) for name, item in value.items()]
    if isinstance(value, list):
        return [typed(item) for item in value]
    return type(value).__name__, "NaN" if str(value) in ("nan", "NaN") else value


def date(text):
    """Return the date of an ISO text, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)
