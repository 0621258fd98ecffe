"""What a value is: $type, $isNumber.

Manual: reference/operator/aggregation/type, isNumber.
"""

from __future__ import annotations

from typing import Any

from nosqlpy._core.expression.operators import of_values
from nosqlpy._core.values.numbers import NUMERIC
from nosqlpy._core.values.types import TYPES, type_name

of_values("$type", 1)(type_name)


@of_values("$isNumber", 1)
def is_number(value: Any) -> bool:
    """Return whether a value is a number of any type."""
    return TYPES[type(value)] in NUMERIC
