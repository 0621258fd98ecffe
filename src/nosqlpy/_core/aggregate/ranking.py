"""Window functions of places: $rank $denseRank $documentNumber $shift.

Manual: reference/operator/aggregation/rank, denseRank, documentNumber, shift.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nosqlpy._core.aggregate.stage import Batch, malformed
from nosqlpy._core.aggregate.windowfunction import Compute, Setting, window_function
from nosqlpy._core.aggregate.windows import Window
from nosqlpy._core.expression.operators import Codes, Fields
from nosqlpy._core.query.buckets import Steps
from nosqlpy._core.values.numbers import INTS, NUMERIC, integer
from nosqlpy._core.values.types import MISSING, OBJECT, TYPES

_SHIFT: Final = Fields(("output", "by"), {"default": None}, Codes(9, 9, 9))


def _of_places(name: str, ranks: Callable[[list[Any]], list[int]]) -> None:
    """Register a function of the sort keys of a partition."""

    @window_function(name)
    def compile_rank(name: str, operand: Any, _window: Window, setting: Setting) -> Compute:
        if TYPES[type(operand)] != OBJECT or operand:
            raise malformed(f"{name} must be specified with {{}} as the value", 5371603)
        ordering = setting.single_key(name, 5371602)

        def compute(documents: Batch) -> Steps[list[Any]]:
            return ranks(ordering.first_keys(documents))
            yield

        return compute


def _ranks(keys: list[Any]) -> list[int]:
    ranks: list[int] = []
    for place, key in enumerate(keys):
        ranks.append(ranks[-1] if place and key == keys[place - 1] else place + 1)
    return ranks


def _dense_ranks(keys: list[Any]) -> list[int]:
    ranks: list[int] = []
    for place, key in enumerate(keys):
        ranks.append((ranks[-1] + (key != keys[place - 1])) if place else 1)
    return ranks


_of_places("$rank", _ranks)
_of_places("$denseRank", _dense_ranks)
_of_places("$documentNumber", lambda keys: list(range(1, len(keys) + 1)))


@window_function("$shift")
def compile_shift(name: str, operand: Any, _window: Window, setting: Setting) -> Compute:
    """Return the function that gives each document a value of another one, so many places on."""
    given = _SHIFT.read(name, operand)
    by = integer(given["by"]) if TYPES[type(given["by"])] in NUMERIC else None
    if by is None or by not in INTS:
        raise malformed("'by' of $shift must be an integer", 9)
    default = setting.expression(given.get("default"))
    if not default.constant:
        raise malformed("'default' of $shift must be constant", 9)
    if setting.ordering is None:
        raise malformed("$shift needs a sortBy", 9)
    output, offset, absent = setting.expression(given["output"]), by, default.value

    def compute(documents: Batch) -> Steps[list[Any]]:
        values = [absent if value is MISSING else value for value in setting.values(output, documents)]
        count = len(values)
        return [values[place] if 0 <= place < count else absent for place in range(offset, count + offset)]
        yield

    return compute
