"""The window function $minMaxScaler: where a value lies between the least and the greatest around it.

Manual: reference/operator/aggregation/minMaxScaler.
"""

from __future__ import annotations

from typing import Any, Final

from nosqlpy._core.aggregate.stage import STEP, Batch, malformed
from nosqlpy._core.aggregate.windowfunction import Compute, Setting, window_function
from nosqlpy._core.aggregate.windows import CURRENT, Window
from nosqlpy._core.expression.arithmetic import difference, plus, quotient, times
from nosqlpy._core.expression.operators import Codes, Fields
from nosqlpy._core.query.buckets import Steps
from nosqlpy._core.values.numbers import NUMERIC
from nosqlpy._core.values.order import order_key
from nosqlpy._core.values.types import TYPES

_SCALER: Final = Fields(("input",), {"min": 0, "max": 1}, Codes(9, 40415, 40414))


@window_function("$minMaxScaler", takes_window=True)
def compile_scaler(name: str, operand: Any, window: Window, setting: Setting) -> Compute:
    """Return the function of how far each value is on the way from the least to the greatest of its window."""
    given = _SCALER.read(name, operand)
    if ("min" in given) != ("max" in given):
        raise malformed(f"{name} takes 'min' and 'max', or neither", 9)
    low, high = (_bound(name, given.get(each, default), setting) for each, default in _SCALER.optional.items())
    if order_key(low) >= order_key(high):
        raise malformed(f"'max' of {name} must be greater than 'min'", 9)
    _check_current(name, window)
    value_of, width = setting.expression(given["input"]), difference(high, low)

    def scaled(value: Any, least: Any, greatest: Any) -> Any:
        if order_key(least) == order_key(greatest):
            return low
        share = quotient(difference(value, least), difference(greatest, least))
        return plus(times(share, width), low)

    def compute(documents: Batch) -> Steps[list[Any]]:
        values = setting.values(value_of, documents)
        results: list[Any] = []
        span, least, greatest, done = (-1, -1), None, None, 0
        for place, found in enumerate(window.spans(lambda _: setting.sort_values(documents), len(documents))):
            if found != span:
                span, inside = found, values[slice(*found)]
                least, greatest = min(inside, key=order_key), max(inside, key=order_key)
                done += len(inside)
            results.append(scaled(values[place], least, greatest))
            done += 1
            if done > STEP:
                done = 0
                yield
        return results

    return compute


def _bound(name: str, operand: Any, setting: Setting) -> Any:
    expression = setting.expression(operand)
    if not expression.constant or TYPES[type(expression.value)] not in NUMERIC:
        raise malformed(f"'min' and 'max' of {name} must be constant numbers", 9)
    return expression.value


def _check_current(name: str, window: Window) -> None:
    """Refuse a window that does not have the document that it is around."""
    lower = 0 if window.lower in (None, CURRENT) else window.lower
    upper = 0 if window.upper in (None, CURRENT) else window.upper
    if order_key(lower) > order_key(0) or order_key(upper) < order_key(0):
        raise malformed(f"the window of {name} must include the current document", 9)
