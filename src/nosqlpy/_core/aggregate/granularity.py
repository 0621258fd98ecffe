"""The numbers that $bucketAuto rounds to: preferred numbers (Renard, E and 1-2-5 series) and powers of two.

Manual: reference/operator/aggregation/bucketAuto#granularity. The algorithms are those of the
server's granularity_rounder_preferred_numbers.cpp and granularity_rounder_powers_of_two.cpp:
they multiply doubles as it does, so that the same doubles come out.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from nosqlpy._core.aggregate.stage import malformed
from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.powers import power
from nosqlpy._core.values.numbers import DECIMAL128, NUMERIC, as_decimal, like
from nosqlpy._core.values.types import DECIMAL, DOUBLE, TYPES, type_name
from nosqlpy.naming import nearest


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


_SERIES: Final = {
    "R5": _numbers("10 16 25 40 63"),
    "R10": _numbers("100 125 160 200 250 315 400 500 630 800"),
    "R20": _numbers("100 112 125 140 160 180 200 224 250 280 315 355 400 450 500 560 630 710 800 900"),
    "R40": _numbers(
        "100 106 112 118 125 132 140 150 160 170 180 190 200 212 224 236 250 265 280 300 315 355 375 400 425 450 "
        "475 500 530 560 600 630 670 710 750 800 850 900 950"
    ),
    "R80": _numbers(
        "103 109 115 122 128 136 145 155 165 175 185 195 206 218 230 243 258 272 290 307 325 345 365 387 412 437 "
        "462 487 515 545 575 615 650 690 730 775 825 875 925 975"
    ),
    "1-2-5": _numbers("10 20 50"),
    "E6": _numbers("10 15 22 33 47 68"),
    "E12": _numbers("10 12 15 18 22 27 33 39 47 56 68 82"),
    "E24": _numbers("10 11 12 13 15 16 18 20 22 24 27 30 33 36 39 43 47 51 56 62 68 75 82 91"),
    "E48": _numbers(
        "100 105 110 115 121 127 133 140 147 154 162 169 178 187 196 205 215 226 237 249 261 274 287 301 316 332 "
        "348 365 383 402 422 442 464 487 511 536 562 590 619 649 681 715 750 787 825 866 909 953"
    ),
    "E96": _numbers(
        "100 102 105 107 110 113 115 118 121 124 127 130 133 137 140 143 147 150 154 158 162 165 169 174 178 182 "
        "187 191 196 200 205 210 215 221 226 232 237 243 249 255 261 267 274 280 287 294 301 309 316 324 332 340 "
        "348 357 365 374 383 392 402 412 422 432 442 453 464 475 487 499 511 523 536 549 562 576 590 604 619 634 "
        "649 665 681 698 715 732 750 768 787 806 825 845 866 887 909 931 953 976"
    ),
    "E192": _numbers(
        "100 101 102 104 105 106 107 109 110 111 113 114 115 117 118 120 121 123 124 126 127 129 130 132 133 135 "
        "137 138 140 142 143 145 147 149 150 152 154 156 158 160 162 164 165 167 169 172 174 176 178 180 182 184 "
        "187 189 191 193 196 198 200 203 205 208 210 213 215 218 221 223 226 229 232 234 237 240 243 246 249 252 "
        "255 258 261 264 267 271 274 277 280 284 287 291 294 298 301 305 309 312 316 320 324 328 332 336 340 344 "
        "348 352 357 361 365 370 374 379 383 388 392 397 402 407 412 417 422 427 432 437 442 448 453 459 464 470 "
        "475 481 487 493 499 505 511 517 523 530 536 542 549 556 562 569 576 583 590 597 604 612 619 626 634 642 "
        "649 657 665 673 681 690 698 706 715 723 732 741 750 759 768 777 787 796 806 816 825 835 845 856 866 876 "
        "887 898 909 920 931 942 953 965 976 988"
    ),
}
_POWERS: Final = "POWERSOF2"


class Rounding(msgspec.Struct, frozen=True):
    """How boundaries are rounded: to a number that is greater, and to one that is less."""

    up: Callable[[Any], Any]
    down: Callable[[Any], Any]


def rounding_of(granularity: Any) -> Rounding:
    """Return how the boundaries of a granularity are rounded.

    Raises:
        QueryError: It is no string (40261), or none of this name is known (40257).
    """
    if not isinstance(granularity, str):
        message = f"the $bucketAuto 'granularity' field must be a string, but found type: {type_name(granularity)}"
        raise malformed(message, 40261)
    if granularity == _POWERS:
        return Rounding(_to(_power_above), _to(_power_below))
    series = _SERIES.get(granularity)
    if series is None:
        hint = nearest(granularity, [*_SERIES, _POWERS])
        raise malformed(f"unknown rounding granularity {granularity!r}{hint}", 40257)
    return Rounding(_to(lambda value: _above(series, value)), _to(lambda value: _below(series, value)))


def check_key(value: Any) -> None:
    """Refuse what cannot be put into buckets with a granularity: anything but numbers that are not negative."""
    if TYPES[type(value)] not in NUMERIC:
        message = f"$bucketAuto has a 'granularity' of numbers only, but found a value with type: {type_name(value)}"
        raise failure(message, 40258)
    number = as_decimal(value) if TYPES[type(value)] == DECIMAL else value
    if number != number:  # noqa: PLR0124 - NaN
        raise failure("$bucketAuto has a 'granularity' of numbers only, but found a NaN", 40259)
    if number < 0:
        raise failure("$bucketAuto has a 'granularity' of non-negative numbers only, but found a negative one", 40260)
    if number == math.inf:
        raise failure("$bucketAuto has a 'granularity' of finite numbers only, but found an infinite one", 11785400)


def _to(rounded: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what rounds a value of any numeric type; zero stays as it is."""

    def round_value(value: Any) -> Any:
        if TYPES[type(value)] != DECIMAL:
            return value if value == 0 else rounded(value)
        number = as_decimal(value)
        return value if number == 0 else like(rounded(number), value)

    return round_value


# ── preferred numbers ───────────────────────────────────────────────────────────


def _scaled(series: Sequence[int], value: Any) -> tuple[list[Any], Any, Any, Any, Callable[[Any, Any], Any], Any]:
    """Return a series, a number, 1 and 10 as doubles or as decimals, and how these are multiplied and divided."""
    if isinstance(value, Decimal):
        ten = Decimal(10)
        return [Decimal(each) for each in series], value, Decimal(1), ten, DECIMAL128.multiply, DECIMAL128.divide
    return [float(each) for each in series], float(value), 1.0, 10.0, lambda a, b: a * b, lambda a, b: a / b


def _above(series: Sequence[int], value: Any) -> Any:
    """Return the least number of a series, times a power of ten, that is greater."""
    numbers, number, factor, ten, times, over = _scaled(series, value)
    while number >= times(numbers[-1], factor):
        factor = times(factor, ten)
    while number < times(numbers[0], factor):
        least = times(numbers[0], factor)
        factor = over(factor, ten)
        if number >= times(numbers[-1], factor):
            return least
    steps = [times(each, factor) for each in numbers]
    return steps[bisect_right(steps, number)]


def _below(series: Sequence[int], value: Any) -> Any:
    """Return the greatest number of a series, times a power of ten, that is less."""
    numbers, number, factor, ten, times, over = _scaled(series, value)
    while number <= times(numbers[0], factor):
        factor = over(factor, ten)
    if not factor:
        return factor  # the least double: nothing but zero is less
    while number > times(numbers[-1], factor):
        greatest = times(numbers[-1], factor)
        factor = times(factor, ten)
        if number <= times(numbers[0], factor):
            return greatest
    steps = [times(each, factor) for each in numbers]
    return steps[bisect_left(steps, number) - 1]


# ── powers of two ───────────────────────────────────────────────────────────────


def _power_above(value: Any) -> Any:
    if isinstance(value, Decimal):
        return power(2, Decimal(math.floor(_binary_logarithm(value)) + 1))
    if TYPES[type(value)] == DOUBLE:
        return power(2, math.floor(math.log2(value)) + 1)
    return power(2, int(value).bit_length())


def _power_below(value: Any) -> Any:
    if isinstance(value, Decimal):
        return power(2, Decimal(math.ceil(_binary_logarithm(value)) - 1))
    if TYPES[type(value)] == DOUBLE:
        return power(2, math.ceil(math.log2(value)) - 1)
    return power(2, (int(value) - 1).bit_length() - 1)


def _binary_logarithm(value: Decimal) -> float:
    return float(DECIMAL128.divide(DECIMAL128.ln(value), DECIMAL128.ln(Decimal(2))))
