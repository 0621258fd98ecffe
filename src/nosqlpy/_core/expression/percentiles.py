"""$median and $percentile.

Manual: reference/operator/aggregation/median, percentile. The answer is one of
the numbers, as for few numbers on a server, whose method approximates for many.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from nosqlpy._core.expression.failures import BAD_VALUE, TYPE_MISMATCH, malformed
from nosqlpy._core.expression.node import Expression, combined
from nosqlpy._core.expression.operators import Codes, Fields, calling
from nosqlpy._core.expression.parse import compile_operand
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.values.numbers import NUMERIC, as_decimal
from nosqlpy._core.values.types import DECIMAL, TYPES, is_string, type_name

_MEDIAN: Final = Fields(("input", "method"), {}, Codes(7436201, 40415, 40414))
_PERCENTILE: Final = Fields(("input", "p", "method"), {}, Codes(7436200, 40415, 40414))


@syntax("$median")
def compile_median(operand: Any, scope: Scope) -> Expression:
    """Return the number in the middle of those among the values; null if there is none."""
    given = _MEDIAN.read("$median", operand)
    check_method("$median", given["method"])
    source = compile_operand(given["input"], scope.deeper())
    return combined(calling(lambda values: ranked(values, (0.5,))[0], [source.evaluate]), [source])


@syntax("$percentile")
def compile_percentile(operand: Any, scope: Scope) -> Expression:
    """Return the numbers below which the given shares of those among the values lie."""
    given = _PERCENTILE.read("$percentile", operand)
    inner = scope.deeper()
    shares = compile_operand(given["p"], inner)
    if not shares.constant:
        raise malformed("the 'p' of $percentile must be an array of constant values", 7750300)
    wanted = shares_of(shares.value)
    check_method("$percentile", given["method"])
    source = compile_operand(given["input"], inner)
    return combined(calling(lambda values: ranked(values, wanted), [source.evaluate]), [source])


def shares_of(values: Any) -> list[float]:
    """Return the shares that the ``p`` of $percentile lists.

    Raises:
        QueryError: It is no array of numbers from 0 to 1.
    """
    message = "the 'p' of $percentile must be an array of numbers from 0 to 1"
    if type(values) is not list or not values:
        raise malformed(message, 7750301)
    if not all(TYPES[type(value)] in NUMERIC for value in values):
        raise malformed(message, 7750302)
    shares = [float(as_decimal(value)) for value in values]
    if not all(0 <= share <= 1 for share in shares):
        raise malformed(message, 7750303)
    return shares


def check_method(name: str, method: Any) -> None:
    """Refuse a ``method`` that no server has.

    Raises:
        QueryError: It is not 'approximate'.
    """
    if not is_string(method):
        raise malformed(f"the 'method' of {name} must be a string, not {type_name(method)}", TYPE_MISMATCH)
    if method != "approximate":
        raise malformed(f"the 'method' of {name} must be 'approximate', not another string", BAD_VALUE)


def ranked(values: Any, shares: Sequence[float]) -> list[Any]:
    """Return the numbers below which `shares` of those among the values lie; nulls if there is none."""
    items = values if type(values) is list else [values]
    numbers = sorted(
        float(as_decimal(item)) if TYPES[type(item)] == DECIMAL else float(item)
        for item in items
        if TYPES[type(item)] in NUMERIC
    )
    if not numbers:
        return [None] * len(shares)
    return [numbers[max(math.ceil(len(numbers) * share) - 1, 0)] for share in shares]
