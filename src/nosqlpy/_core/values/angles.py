"""Sines, tangents and their kin of decimals, to 34 digits: Python's decimals have none.

Series, summed with more digits than the result has; what is near a place where digits cancel is
written in another way first.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeAlias

from nosqlpy._core.values.numbers import DECIMAL128

Function: TypeAlias = Callable[[Decimal], Decimal]

_DIGITS: Final = 80
"""Twice the digits of a result, and some: 1 - x has all of its digits for every x of 34."""
_ROOM: Final = decimal.MAX_EMAX // 4
_TINY: Final = Decimal("1e-12")
_LARGE: Final = Decimal(15_000)
"""e to the power of this is no Decimal128 any more."""
_INFINITY: Final = Decimal("Infinity")


def _computed(function: Function) -> Function:
    """Make a function of finite decimals compute with many digits, and round what it returns."""

    def compute(value: Decimal) -> Decimal:
        with decimal.localcontext(_context(_DIGITS)):
            result = function(value)
        return DECIMAL128.plus(result)

    return compute


def _context(digits: int) -> decimal.Context:
    return decimal.Context(prec=digits, Emax=_ROOM, Emin=-_ROOM, traps=[])


@lru_cache(maxsize=16)
def pi(digits: int) -> Decimal:
    """Return pi, to so many digits, by Machin's formula."""
    one = 10 ** (digits + 10)
    whole = 4 * (4 * _inverse_arctangent(5, one) - _inverse_arctangent(239, one))
    return _context(digits).create_decimal(Decimal(whole).scaleb(-digits - 10, _context(digits + 20)))


def _inverse_arctangent(divisor: int, one: int) -> int:
    """Return the arctangent of one over `divisor`, in units of which there are `one` in 1."""
    power = total = one // divisor
    sign, odd = -1, 3
    while power:
        power //= divisor * divisor
        total += sign * (power // odd)
        sign, odd = -sign, odd + 2
    return total


def _alternating(first: Decimal, factor: Decimal, start: int) -> Decimal:
    """Return the sum of the terms that begin with `first`, each `factor` / (n + 1) (n + 2) of the one before."""
    total, term, n = Decimal(0), first, start
    while total + term != total:
        total += term
        term = term * factor / ((n + 1) * (n + 2))
        n += 2
    return total


def _reduced(value: Decimal) -> Decimal:
    """Return the angle from -pi to pi that is the same as `value`."""
    digits = _DIGITS + max(0, value.adjusted())
    with decimal.localcontext(_context(digits)):
        turn = 2 * pi(digits)
        reduced = value.remainder_near(turn)
    return +reduced


def _sine(value: Decimal) -> Decimal:
    angle = _reduced(value)
    return _alternating(angle, -angle * angle, 1)


def _cosine(value: Decimal) -> Decimal:
    angle = _reduced(value)
    return _alternating(Decimal(1), -angle * angle, 0)


def _tangent(value: Decimal) -> Decimal:
    return _sine(value) / _cosine(value)


def _arctangent(value: Decimal) -> Decimal:
    if abs(value) > 1:
        return (pi(_DIGITS) / 2).copy_sign(value) - _arctangent(1 / value)
    for _ in range(3):
        value = value / (1 + (1 + value * value).sqrt())
    total, power, odd = Decimal(0), value, 1
    while total + power / odd != total:
        total += power / odd
        power, odd = -power * value * value, odd + 2
    return 8 * total


def _arcsine(value: Decimal) -> Decimal:
    if abs(value) == 1:
        return (pi(_DIGITS) / 2).copy_sign(value)
    return _arctangent(value / ((1 - value) * (1 + value)).sqrt())


def _arccosine(value: Decimal) -> Decimal:
    if value == -1:
        return pi(_DIGITS)
    return 2 * _arctangent(((1 - value) / (1 + value)).sqrt())


def _hyperbolic_sine(value: Decimal) -> Decimal:
    if abs(value) > _LARGE:
        return _INFINITY.copy_sign(value)
    if abs(value) < 1:
        return _alternating(value, value * value, 1)
    return (value.exp() - (-value).exp()) / 2


def _hyperbolic_cosine(value: Decimal) -> Decimal:
    return _INFINITY if abs(value) > _LARGE else (value.exp() + (-value).exp()) / 2


def _hyperbolic_tangent(value: Decimal) -> Decimal:
    if abs(value) > 100:
        return Decimal(1).copy_sign(value)
    return _hyperbolic_sine(value) / _hyperbolic_cosine(value)


def _inverse_hyperbolic_sine(value: Decimal) -> Decimal:
    if abs(value) < _TINY:
        return value - value**3 / 6 + 3 * value**5 / 40 - 15 * value**7 / 336
    size = abs(value)
    return (size + (size * size + 1).sqrt()).ln().copy_sign(value)


def _inverse_hyperbolic_cosine(value: Decimal) -> Decimal:
    return (value + ((value - 1) * (value + 1)).sqrt()).ln()


def _inverse_hyperbolic_tangent(value: Decimal) -> Decimal:
    if abs(value) == 1:
        return _INFINITY.copy_sign(value)
    if abs(value) < _TINY:
        return value + value**3 / 3 + value**5 / 5 + value**7 / 7
    return ((1 + value) / (1 - value)).ln() / 2


FUNCTIONS: Final[dict[str, Function]] = {
    name: _computed(function)
    for name, function in {
        "sin": _sine,
        "cos": _cosine,
        "tan": _tangent,
        "asin": _arcsine,
        "acos": _arccosine,
        "atan": _arctangent,
        "sinh": _hyperbolic_sine,
        "cosh": _hyperbolic_cosine,
        "tanh": _hyperbolic_tangent,
        "asinh": _inverse_hyperbolic_sine,
        "acosh": _inverse_hyperbolic_cosine,
        "atanh": _inverse_hyperbolic_tangent,
        "radians": lambda value: value * pi(_DIGITS) / 180,
        "degrees": lambda value: value * 180 / pi(_DIGITS),
    }.items()
}
"""The functions of finite decimals in their domains, by the names that `math` has for them."""


def angle_of(y: Decimal, x: Decimal) -> Decimal:
    """Return the angle of a point, from -pi to pi."""
    if y.is_nan() or x.is_nan():
        return Decimal("NaN")
    with decimal.localcontext(_context(_DIGITS)):
        if not (y.is_finite() and x.is_finite() and y and x):  # a multiple of a quarter of pi
            quarters = round(math.atan2(_extreme(y), _extreme(x)) * 4 / math.pi)
            result = (pi(_DIGITS) / 4 * quarters if quarters else Decimal(0)).copy_sign(y)
        else:
            result = _arctangent(y / x)
            if x < 0:
                result += pi(_DIGITS).copy_sign(y)
    return DECIMAL128.plus(result)


def _extreme(part: Decimal) -> float:
    """Return zero, one or infinity, with the sign of a number that is zero, between, or infinite."""
    size = math.inf if part.is_infinite() else 1.0 if part else 0.0
    return math.copysign(size, -1 if part.is_signed() else 1)
