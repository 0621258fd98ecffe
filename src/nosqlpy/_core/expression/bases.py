"""Whole numbers as text in a base, and back.

Manual: reference/operator/aggregation/convert, ``base``.
"""

from __future__ import annotations

import re
from typing import Any, Final

from nosqlpy._core.expression.conversions import TABLE, impossible, long
from nosqlpy._core.expression.failures import failure
from nosqlpy._core.values.numbers import LONGS, NUMERIC, integer
from nosqlpy._core.values.types import LONG, MISSING, TYPES

_FORMATS: Final = {2: "b", 8: "o", 10: "d", 16: "X"}
_DIGITS: Final = {2: "01", 8: "0-7", 10: "0-9", 16: "0-9a-fA-F"}
_LENGTH_MAX: Final = 80  # characters: zeros in front of 64 binary digits are not without end


def checked_base(value: Any) -> int | None:
    """Return the base that was given, None if there was none."""
    if value is None or value is MISSING:
        return None
    number = integer(value) if TYPES[type(value)] in NUMERIC else None
    if number is None:
        raise failure("in $convert, 'base' argument is not an integer", 3501300)
    if number not in _FORMATS:
        raise failure("in $convert, 'base' argument is not a valid base: 2, 8, 10 or 16", 3501301)
    return number


def based_text(number: Any, base: int) -> str:
    """Return a whole number, of any type, as text in a base."""
    whole = integer(number)
    if whole is None:
        raise impossible("base conversion is only for whole numbers of 64 bits")
    return format(whole, _FORMATS[base])


def based_number(text: str, base: int, kind: int) -> Any:
    """Return the number of the type `kind` that a text in a base is."""
    if not re.fullmatch(f"[+-]?[{_DIGITS[base]}]+", text) or len(text) > _LENGTH_MAX or int(text, base) not in LONGS:
        raise impossible("failed to parse number")
    return TABLE[LONG, kind](long(int(text, base)))
