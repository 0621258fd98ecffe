"""Angles: $sin $cos $tan, their inverses and hyperbolic kin, $atan2, $degreesToRadians and $radiansToDegrees; $sigmoid.

Manual: reference/operator/aggregation/#trigonometry-expression-operators. Numbers
give doubles, a Decimal gives a Decimal of 34 digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from nosqlpy._core.expression.failures import TYPE_MISMATCH, failure
from nosqlpy._core.expression.operators import of_values
from nosqlpy._core.values.angles import FUNCTIONS, angle_of
from nosqlpy._core.values.numbers import DECIMAL128, NUMERIC, as_decimal, like
from nosqlpy._core.values.types import DECIMAL, MISSING, TYPES, type_name

_CONVERSIONS: Final = {"radians": "$degreesToRadians", "degrees": "$radiansToDegrees"}
_DOUBLES: Final[dict[str, Callable[[float], float]]] = {
    **{name: getattr(math, name) for name in FUNCTIONS},
    "radians": lambda value: value * (math.pi / 180),
    "degrees": lambda value: value * (180 / math.pi),
}
_FINITE: Final = "finite"
_DOMAINS: Final[dict[str, Any]] = {
    "acos": (-1, 1),
    "asin": (-1, 1),
    "atanh": (-1, 1),
    "acosh": (1, math.inf),
    **dict.fromkeys(("cos", "sin", "tan"), _FINITE),
}
_EVEN: Final = frozenset(("cosh",))


def _register(name: str, function: str) -> None:
    @of_values(name, 1)
    def compute(value: Any) -> Any:
        if value is None or value is MISSING:
            return None
        if TYPES[type(value)] not in NUMERIC:
            raise failure(f"{name} only supports numeric types, not {type_name(value)}", 28765)
        number = as_decimal(value) if TYPES[type(value)] == DECIMAL else float(value)
        if number != number:  # noqa: PLR0124 - NaN
            return value
        _check_domain(name, function, number)
        return like(_of_decimal(function, number), value) if isinstance(number, Decimal) else _double(function, number)


def _check_domain(name: str, function: str, number: Decimal | float) -> None:
    domain = _DOMAINS.get(function)
    if domain == _FINITE and abs(number) == math.inf:
        raise failure(f"cannot apply {name} to an infinite value; it must be finite", 50989)
    if isinstance(domain, tuple) and not domain[0] <= number <= domain[1]:
        raise failure(f"cannot apply {name} to a value that is not in [{domain[0]},{domain[1]}]", 50989)


def _double(function: str, number: float) -> float:
    if function == "atanh" and abs(number) == 1:
        return math.copysign(math.inf, number)
    try:
        return _DOUBLES[function](number)
    except OverflowError:
        return math.inf if function in _EVEN else math.copysign(math.inf, number)


def _of_decimal(function: str, number: Decimal) -> Decimal:
    if number.is_finite():
        return FUNCTIONS[function](number)
    if function == "atan":
        return angle_of(number, Decimal(0))
    return Decimal(_double(function, float(number)))  # 1, or infinite


for _function in FUNCTIONS:
    _register(_CONVERSIONS.get(_function, f"${_function}"), _function)


@of_values("$atan2", 2)
def arctangent_of_two(y: Any, x: Any) -> Any:
    """Return the angle of the point that is `y` high and `x` wide."""
    if y is None or y is MISSING or x is None or x is MISSING:
        return None
    numbers = (TYPES[type(y)], TYPES[type(x)])
    for value, number, code in ((y, numbers[0], 51044), (x, numbers[1], 51045)):
        if number not in NUMERIC:
            raise failure(f"$atan2 only supports numeric types, not {type_name(value)}", code)
    if DECIMAL in numbers:
        return like(angle_of(as_decimal(y), as_decimal(x)), y if numbers[0] == DECIMAL else x)
    return math.atan2(float(y), float(x))


@of_values("$sigmoid", 1)
def sigmoid(value: Any) -> Any:
    """Return a number squeezed between 0 and 1."""
    if value is None or value is MISSING:
        return None
    if TYPES[type(value)] not in NUMERIC:
        raise failure(f"$sigmoid only supports numeric types, not {type_name(value)}", TYPE_MISMATCH)
    if TYPES[type(value)] == DECIMAL:
        power = DECIMAL128.exp(DECIMAL128.minus(as_decimal(value)))
        return like(DECIMAL128.divide(Decimal(1), DECIMAL128.add(Decimal(1), power)), value)
    try:
        return 1 / (1 + math.exp(-float(value)))
    except OverflowError:
        return 0.0
