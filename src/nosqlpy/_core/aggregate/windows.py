"""Windows: which of the documents around each one a window function sees.

Manual: reference/operator/aggregation/setWindowFields, "window". Bounds count documents, or
they are distances on the one field that the documents are sorted by.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.aggregate.stage import Scope, malformed
from nosqlpy._core.expression.datemath import UNITS, add
from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.instants import moment
from nosqlpy._core.query.sort import Ordering
from nosqlpy._core.values.numbers import DECIMAL128, NUMERIC, as_decimal, integer
from nosqlpy._core.values.order import order_key
from nosqlpy._core.values.types import ARRAY, DATE, OBJECT, TYPES, as_mapping, type_name
from nosqlpy.naming import nearest

Span: TypeAlias = tuple[int, int]
"""Where a window begins and ends among the documents of its partition; empty if both are equal."""

CURRENT: Final = "current"
_UNBOUNDED: Final = "unbounded"
_NOTHING: Final = (0, 0)
_FIELDS: Final = frozenset(("documents", "range", "unit"))


class Window(msgspec.Struct, frozen=True):
    """The bounds of windows: numbers, `CURRENT`, or None where there is none; of a field at `path`, or of documents."""

    lower: Any = None
    upper: Any = None
    path: str | None = None
    unit: str | None = None

    @property
    def everything(self) -> bool:
        """Whether each window is the whole partition."""
        return self.path is None and self.lower is None and self.upper is None

    def spans(self, values: Callable[[str], Sequence[Any]], count: int) -> list[Span]:
        """Return the window of each of `count` documents, which have such values at a path.

        Raises:
            OperationFailure: The field that a range is of has a value that cannot be in one.
        """
        if self.path is not None:
            return self._ranges(values(self.path))
        below, above = _distance(self.lower), _distance(self.upper)
        spans: list[Span] = []
        for place in range(count):
            start = 0 if below is None else max(0, place + below)
            stop = count if above is None else min(count, place + above + 1)
            spans.append((start, stop) if start < stop else _NOTHING)
        return spans

    def _ranges(self, values: Sequence[Any]) -> list[Span]:
        for value in values:
            self._check(value)
        keys = list(map(order_key, values))
        spans: list[Span] = []
        for place, value in enumerate(values):
            start, stop = 0, len(keys)
            if self.lower is not None:
                start = place if self.lower == CURRENT else bisect_left(keys, self._moved(value, self.lower))
            if self.upper is not None:
                stop = place + 1 if self.upper == CURRENT else bisect_right(keys, self._moved(value, self.upper))
            spans.append((start, stop) if start < stop else _NOTHING)
        return spans

    def _check(self, value: Any) -> None:
        kind = TYPES[type(value)]
        if self.unit is not None:
            if kind != DATE:
                raise failure(f"a range with a unit is of dates, and not of type {type_name(value)}", 5429513)
        elif kind == DATE:
            raise failure("a range of dates needs a unit", 5429413)
        elif kind not in NUMERIC:
            raise failure(f"a range is of numbers, and not of type {type_name(value)}", 5429414)

    def _moved(self, value: Any, distance: Any) -> Any:
        if self.unit is not None:
            return order_key(add(moment(value), self.unit, distance, UTC))
        return order_key(DECIMAL128.add(as_decimal(value), as_decimal(distance)))


EVERYTHING: Final = Window()


def _distance(bound: Any) -> int | None:
    return 0 if bound == CURRENT else bound


def compile_window(operand: Any, ordering: Ordering | None, scope: Scope) -> Window:
    """Return the window that `operand` describes, for documents in this order.

    Raises:
        QueryError: It means nothing, or needs another order.
    """
    if TYPES[type(operand)] != OBJECT:
        raise _refusal("the window of a window function is an object")
    given = as_mapping(operand)
    for name in given:
        if name not in _FIELDS:
            raise _refusal(f"a window has no field {name!r}{nearest(name, _FIELDS)}")
    if "range" in given:
        if "documents" in given:
            raise _refusal("a window has 'documents' or 'range', not both")
        return _of_range(given["range"], given.get("unit"), ordering, scope)
    if "unit" in given:
        raise _refusal("a window has a 'unit' only with a 'range'")
    if "documents" not in given:
        return EVERYTHING
    lower, upper = (_bound(each, _whole, scope) for each in _pair(given["documents"]))
    _check_direction(_distance(lower), _distance(upper))
    if ordering is None and not (lower is None and upper is None):
        raise malformed("a window of documents needs a sortBy", 5339901)
    return Window(lower, upper)


def _of_range(operand: Any, unit: Any, ordering: Ordering | None, scope: Scope) -> Window:
    if unit is not None and unit not in UNITS:
        message = f"the unit of a range is a string such as 'day', not {type_name(unit)}"
        raise _refusal(message if not isinstance(unit, str) else f"unknown unit {unit!r}{nearest(unit, UNITS)}")
    lower, upper = (_bound(each, _whole if unit else _number, scope) for each in _pair(operand))
    _check_direction(_distance(lower), _distance(upper))
    if ordering is None or len(ordering.keys) != 1:
        raise malformed("a window with a range needs a sortBy of a single field", 5339902)
    ((path, direction),) = ordering.keys
    if direction < 0:
        raise malformed("a window with a range needs an ascending sortBy", 8947401)
    return Window(lower, upper, path, unit)


def _pair(operand: Any) -> Sequence[Any]:
    if TYPES[type(operand)] != ARRAY or len(operand) != 2:
        raise _refusal("the bounds of a window are an array of two")
    return operand  # type: ignore[no-any-return]


def _bound(operand: Any, checked: Callable[[Any], Any], scope: Scope) -> Any:
    if isinstance(operand, str):
        if operand == _UNBOUNDED:
            return None
        if operand == CURRENT:
            return CURRENT
        raise _refusal("a bound of a window is 'unbounded', 'current' or a number")
    expression = scope.expression(operand)
    if not expression.constant:
        raise _refusal("the bounds of a window are constant")
    return checked(expression.value)


def _whole(value: Any) -> int:
    number = integer(value) if TYPES[type(value)] in NUMERIC else None
    if number is None:
        raise _refusal("the bounds of a window of documents, or with a unit, are whole numbers")
    return number


def _number(value: Any) -> Any:
    if TYPES[type(value)] not in NUMERIC:
        raise _refusal(f"the bounds of a range are numbers, not {type_name(value)}")
    return value


def _check_direction(lower: Any, upper: Any) -> None:
    if lower is not None and upper is not None and order_key(lower) > order_key(upper):
        raise malformed("the lower bound of a window exceeds the upper one", 5339900)


def _refusal(message: str) -> Exception:
    return malformed(message, 9)
