"""Numbers of any type: the whole number or the Decimal128 that one stands for."""

from __future__ import annotations

import decimal
from typing import Any, Final

from nosqlpy._core.values.order import NAN, number_content
from nosqlpy._core.values.types import DECIMAL, DOUBLE, INT, LONG

NUMERIC: Final = frozenset((INT, LONG, DOUBLE, DECIMAL))
"""The BSON types that are numbers."""

LONGS: Final = range(-(2**63), 2**63)
INTS: Final = range(-(2**31), 2**31)

DECIMAL128: Final = decimal.Context(prec=34, Emin=-6143, Emax=6144, clamp=1, rounding=decimal.ROUND_HALF_EVEN, traps=[])
"""Calculates as Decimal128 does: 34 digits, and no exception."""


def integer(value: Any) -> int | None:
    """Return the whole number that `value`, of a numeric type, is exactly; None if it is none of 64 bits."""
    truncated = truncate(value)
    return truncated if truncated is not None and truncated == number_content(value) else None


def truncate(value: Any) -> int | None:
    """Return `value`, of a numeric type, rounded toward zero; None for NaN, infinity, and beyond 64 bits."""
    content = number_content(value)
    if content is NAN or not -(2**63) <= content < 2**63:
        return None
    whole = int(content)
    return whole if whole in LONGS else None


def as_decimal(value: Any) -> decimal.Decimal:
    """Return a number as the server's Decimal128 of it, which has 15 digits of a double."""
    if type(value) is float:
        return decimal.Decimal(f"{value:.14e}")
    return value.to_decimal() if hasattr(value, "to_decimal") else decimal.Decimal(value)


def like(result: Any, model: Any) -> Any:
    """Return `result` in the type of `model`: int or Int64, Decimal or Decimal128."""
    return result if type(result) is type(model) else type(model)(result)
