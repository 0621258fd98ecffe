"""Whole numbers out of operands and values of any numeric type."""

from __future__ import annotations

from typing import Any, Final

from nosqlpy._core.values.order import NAN, number_content

_LONG: Final = range(-(2**63), 2**63)


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
    return whole if whole in _LONG else None
