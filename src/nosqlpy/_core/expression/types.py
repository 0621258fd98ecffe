"""What a value is: $type, $isNumber, $subtype.

Manual: reference/operator/aggregation/type, isNumber, subtype.
"""

from __future__ import annotations

from typing import Any

from nosqlpy._core.expression.binaries import subtype_of
from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.operators import of_values
from nosqlpy._core.values.numbers import NUMERIC
from nosqlpy._core.values.types import BINARY, MISSING, TYPES, type_name

of_values("$type", 1)(type_name)


@of_values("$isNumber", 1)
def is_number(value: Any) -> bool:
    """Return whether a value is a number of any type."""
    return TYPES[type(value)] in NUMERIC


@of_values("$subtype", 1)
def subtype(value: Any) -> int | None:
    """Return the number of the subtype of a binary value."""
    if value is None or value is MISSING:
        return None
    if TYPES[type(value)] != BINARY:
        raise failure(f"$subtype requires a binData argument, found: {type_name(value)}", 10389300)
    return subtype_of(value)
