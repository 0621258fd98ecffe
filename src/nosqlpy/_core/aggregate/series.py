"""Window functions of a series of points: $derivative $integral $expMovingAvg $covariancePop $covarianceSamp.

Manual: reference/operator/aggregation/derivative, integral, expMovingAvg, covariancePop,
covarianceSamp. What is computed, and in which order, follows the server.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Final

import msgspec

from nosqlpy._core.aggregate.accumulator import Accumulator
from nosqlpy._core.aggregate.stage import Batch, malformed
from nosqlpy._core.aggregate.summing import add_numbers
from nosqlpy._core.aggregate.windowfunction import Compute, Setting, over, window_function
from nosqlpy._core.aggregate.windows import Window
from nosqlpy._core.expression.accumulated import total
from nosqlpy._core.expression.arithmetic import difference, plus, quotient, times
from nosqlpy._core.expression.failures import BAD_VALUE, failure
from nosqlpy._core.expression.operators import Codes, Fields
from nosqlpy._core.query.buckets import Steps
from nosqlpy._core.values.numbers import DECIMAL128, NUMERIC, as_decimal, integer, like
from nosqlpy._core.values.order import NAN, number_content
from nosqlpy._core.values.types import DATE, DECIMAL, TYPES
from nosqlpy.errors import OperationFailure
from nosqlpy.naming import nearest

_POINTS: Final = Fields(("input",), {"unit": None}, Codes(9, 9, 9))
_MOVING: Final = Fields(("input",), {"N": None, "alpha": None}, Codes(9, 9, 9))
_MILLISECONDS: Final = {
    "week": 604_800_000,
    "day": 86_400_000,
    "hour": 3_600_000,
    "minute": 60_000,
    "second": 1000,
    "millisecond": 1,
}
_TOO_LONG: Final = frozenset(("year", "quarter", "month"))


def _is_number(value: Any) -> bool:
    return TYPES[type(value)] in NUMERIC


def _is_date(value: Any) -> bool:
    return TYPES[type(value)] == DATE


def _unit(name: str, unit: Any) -> int | None:
    """Return how many milliseconds a unit has."""
    if unit is None:
        return None
    if unit in _TOO_LONG:
        raise malformed(f"the unit of {name} must be 'week' or smaller", 5490710)
    if unit not in _MILLISECONDS:
        hint = nearest(unit, _MILLISECONDS) if isinstance(unit, str) else ""
        raise malformed(f"the unit of {name} is a string such as 'hour'{hint}", 9)
    return _MILLISECONDS[unit]


@window_function("$derivative", takes_window=True, needs_window=True)
def compile_derivative(name: str, operand: Any, window: Window, setting: Setting) -> Compute:
    """Return the function of the rate of change between the first and the last document of each window."""
    given = _POINTS.read(name, operand)
    unit = _unit(name, given.get("unit"))
    setting.single_key(name, 9)
    position = setting.expression(given["input"])

    def compute(documents: Batch) -> Steps[list[Any]]:
        times_of, positions = setting.sort_values(documents), setting.values(position, documents)
        spans = window.spans(lambda _: times_of, len(documents))
        return [
            None
            if start == stop
            else _slope((times_of[start], positions[start]), (times_of[stop - 1], positions[stop - 1]), unit)
            for start, stop in spans
        ]
        yield

    return compute


def _slope(first: tuple[Any, Any], last: tuple[Any, Any], unit: int | None) -> Any:
    if unit is not None:
        if not (_is_date(first[0]) and _is_date(last[0])):
            raise failure("$derivative with 'unit' expects the sortBy field to be a Date", 5624900)
    elif _is_date(first[0]) or _is_date(last[0]):
        raise failure("$derivative where the sortBy is a Date requires a 'unit'", 5624901)
    elif not (_is_number(first[0]) and _is_number(last[0])):
        raise failure("$derivative (with no 'unit') expects the sortBy field to be numeric", 5624902)
    run = difference(last[0], first[0])
    rise = difference(last[1], first[1])
    if rise is None:
        raise failure("$derivative input must not be null or missing", 5624903)
    try:
        slope = quotient(rise, run)
    except OperationFailure as error:
        if error.code == BAD_VALUE:  # one point has no slope
            return None
        raise
    return slope if unit is None else times(slope, unit)


class _Area(msgspec.Struct):
    """The area under points: its parts, the last point, whether there is one that is not a number."""

    parts: list[Any]
    last: tuple[Any, Any] | None = None
    unknown: bool = False


@window_function("$integral", takes_window=True)
def compile_integral(name: str, operand: Any, window: Window, setting: Setting) -> Compute:
    """Return the function of the area under the points of each window, by trapezoids."""
    given = _POINTS.read(name, operand)
    unit = _unit(name, given.get("unit"))
    setting.single_key(name, 9)
    position = setting.expression(given["input"])

    def finish(area: _Area) -> Any:
        if area.last is None:
            return None
        if area.unknown:
            return math.nan
        return total(area.parts) if unit is None else quotient(total(area.parts), unit)

    accumulator = Accumulator(position, lambda _id: _Area([]), _add_points, finish)

    def compute(documents: Batch) -> Steps[list[Any]]:
        points = list(zip(setting.sort_values(documents), setting.values(position, documents), strict=True))
        for point in points:
            _check_point(point, dated=unit is not None)
        spans = window.spans(lambda _: [at for at, _ in points], len(points))
        return (yield from over(accumulator, points, window, spans))

    return compute


def _check_point(point: tuple[Any, Any], *, dated: bool) -> None:
    at, value = point
    if not _is_number(value) or not (_is_number(at) or _is_date(at)):
        raise failure("$integral is of numbers, over a sortBy field of numbers or dates", 5423900)
    if dated and not _is_date(at):
        raise failure("$integral with 'unit' expects the sortBy field to be a Date", 5423901)
    if not dated and not _is_number(at):
        raise failure("$integral (with no 'unit') expects the sortBy field to be numeric", 5423902)


def _add_points(area: _Area, points: list[tuple[Any, Any]]) -> _Area:
    parts: list[Any] = []
    for point in points:
        area.unknown = area.unknown or any(_is_number(each) and number_content(each) is NAN for each in point)
        if area.last is not None and not area.unknown:
            width = difference(point[0], area.last[0])
            parts.append(quotient(times(plus(point[1], area.last[1]), width), 2.0))
        area.last = point
    area.parts = add_numbers(area.parts, parts)
    return area


class _Spread(msgspec.Struct):
    """How two variables vary together: of how many points, the sums of each, and the parts of the covariance."""

    parts: list[Any]
    count: int = 0
    sums: tuple[Any, Any] = (0, 0)


def _of_pairs(name: str, *, sample: bool) -> None:
    @window_function(name, takes_window=True)
    def compile_covariance(_name: str, operand: Any, window: Window, setting: Setting) -> Compute:
        pair = setting.expression(operand)

        def finish(spread: _Spread) -> Any:
            if spread.count == 1 and not sample:
                return 0.0
            count = spread.count - sample
            return quotient(total(spread.parts), count) if count > 0 else None

        accumulator = Accumulator(pair, lambda _id: _Spread([]), _add_pairs, finish)

        def compute(documents: Batch) -> Steps[list[Any]]:
            spans = window.spans(lambda _: setting.sort_values(documents), len(documents))
            return (yield from over(accumulator, setting.values(pair, documents), window, spans))

        return compute


def _add_pairs(spread: _Spread, pairs: list[Any]) -> _Spread:
    """Add pairs by Welford's online algorithm; what is no pair of numbers counts for nothing."""
    parts: list[Any] = []
    for pair in pairs:
        if type(pair) is not list or len(pair) != 2 or not all(map(_is_number, pair)):
            continue
        if not all(math.isfinite(float(value)) for value in pair):
            parts.append(sum(float(value) for value in pair if not math.isfinite(float(value))))
            continue
        before = spread.count
        step = difference(pair[0], quotient(spread.sums[0], before)) if before else None
        spread.count += 1
        spread.sums = (plus(spread.sums[0], pair[0]), plus(spread.sums[1], pair[1]))
        if step is not None:
            parts.append(times(step, difference(pair[1], quotient(spread.sums[1], spread.count))))
    spread.parts = add_numbers(spread.parts, parts)
    return spread


_of_pairs("$covariancePop", sample=False)
_of_pairs("$covarianceSamp", sample=True)


@window_function("$expMovingAvg")
def compile_moving_average(name: str, operand: Any, _window: Window, setting: Setting) -> Compute:
    """Return the function of the mean in which what is further back weighs less and less."""
    given = _MOVING.read(name, operand)
    if len(given) != 2:
        raise malformed("$expMovingAvg takes 'input', and either 'N' or 'alpha'", 9)
    if setting.ordering is None:
        raise malformed("$expMovingAvg needs a sortBy", 9)
    alpha = _weight(given)
    rest = DECIMAL128.subtract(Decimal(1), alpha)
    value_of = setting.expression(given["input"])

    def compute(documents: Batch) -> Steps[list[Any]]:
        mean: Decimal | None = None
        decimal: Any = None  # one that was among the values: then the means are Decimals too
        means: list[Any] = []
        for value in setting.values(value_of, documents):
            if _is_number(value):
                decimal = value if TYPES[type(value)] == DECIMAL else decimal
                exact = as_decimal(value)
                if mean is None:
                    mean = exact
                else:
                    mean = DECIMAL128.add(DECIMAL128.multiply(exact, alpha), DECIMAL128.multiply(mean, rest))
            means.append(None if mean is None else float(mean) if decimal is None else like(mean, decimal))
        return means
        yield

    return compute


def _weight(given: dict[str, Any]) -> Decimal:
    """Return how much the last value weighs."""
    if "N" in given:
        count = integer(given["N"]) if _is_number(given["N"]) else None
        if count is None or count <= 0:
            raise malformed("'N' of $expMovingAvg must be an integer greater than 0", 9)
        return DECIMAL128.divide(Decimal(2), Decimal(count + 1))
    alpha = as_decimal(given["alpha"]) if _is_number(given["alpha"]) else None
    if alpha is None or not 0 < alpha < 1:
        raise malformed("'alpha' of $expMovingAvg must be a number between 0 and 1, both excluded", 9)
    return alpha
