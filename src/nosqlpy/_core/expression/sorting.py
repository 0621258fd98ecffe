"""Parts of arrays in order: $sortArray, $firstN, $lastN, $minN, $maxN.

Manual: reference/operator/aggregation/sortArray, firstN, lastN, minN, maxN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from nosqlpy._core.expression.failures import BAD_VALUE, failure, malformed
from nosqlpy._core.expression.node import Expression, combined
from nosqlpy._core.expression.operators import Codes, Fields, calling, of_fields
from nosqlpy._core.expression.parse import compile_operand
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.values.collation import Keys, keys_of
from nosqlpy._core.values.numbers import NUMERIC, integer
from nosqlpy._core.values.order import number_content
from nosqlpy._core.values.paths import array_position, plain
from nosqlpy._core.values.types import MISSING, OBJECT, TYPES, as_mapping, type_name

Order: TypeAlias = Callable[[Any], Any]

_SORT: Final = Fields(("input", "sortBy"), {}, Codes(2942500, 2942501, (2942502, 2942503)))


@syntax("$sortArray")
def compile_sort_array(operand: Any, scope: Scope) -> Expression:
    """Return the elements in order: of themselves (1 or -1), or of fields by path."""
    given = _SORT.read("$sortArray", operand)
    source = compile_operand(given["input"], scope.deeper())
    arrange = arrangement(given["sortBy"], keys_of(scope.collation).order)

    def arranged(array: Any) -> Any:
        if array is None or array is MISSING:
            return None
        if type(array) is not list:
            message = f"the input argument to $sortArray must be an array, but was of type: {type_name(array)}"
            raise failure(message, 2942504)
        return arrange(array)

    return combined(calling(arranged, [source.evaluate]), [source])


def arrangement(order: Any, order_key: Order) -> Callable[[list[Any]], list[Any]]:
    """Return what makes of an array one in order: of the elements (1 or -1), or of fields by path.

    Raises:
        QueryError: `order` is none.
    """
    if TYPES[type(order)] != OBJECT:
        descending = _descends(order)
        return lambda array: sorted(array, key=order_key, reverse=descending)
    keys = [(_parts(path), _descends(direction)) for path, direction in as_mapping(order).items()]
    if not keys:
        raise malformed("the sort pattern of $sortArray cannot be empty", BAD_VALUE)

    def arrange(array: list[Any]) -> list[Any]:
        for parts, descending in reversed(keys):
            array = sorted(array, key=_key_at(parts, order_key), reverse=descending)
        return array

    return arrange


def _parts(path: Any) -> tuple[str, ...]:
    """Return the parts of a path of names and positions; as in the $sort of $push, a name may begin with ``$``."""
    if not isinstance(path, str):
        raise malformed(f"$sortArray sorts by paths, each a str, not {type(path).__name__}", BAD_VALUE)
    parts = tuple(path.split("."))
    if "" in parts:
        raise malformed(f"$sortArray: the path {path!r} has an empty part", BAD_VALUE)
    return parts


def _descends(direction: Any) -> bool:
    number = number_content(direction) if TYPES[type(direction)] in NUMERIC else 0
    if number not in (1, -1):
        raise malformed("the direction of $sortArray must be either 1 or -1", BAD_VALUE)
    return bool(number == -1)


def _key_at(parts: tuple[str, ...], order_key: Order) -> Callable[[Any], Any]:
    """Return the key of what a path of names and positions leads to in an element, null if nowhere."""

    def key(element: Any) -> Any:
        value, kind = plain(element)
        if kind is not dict:
            return order_key(None)
        for part in parts:
            if kind is dict:
                value, kind = plain(value.get(part, MISSING))
                continue
            position = array_position(part) if kind is list else None
            if position is None or position >= len(value):
                return order_key(None)
            value, kind = plain(value[position])
        return order_key(value)

    return key


def checked_count(name: str, value: Any, error: Callable[[str, int], Exception]) -> int:
    """Return how many values are asked for, by an operator or accumulator `name`; `error` makes what is raised."""
    if TYPES[type(value)] not in NUMERIC:
        raise error(f"value for 'n' of {name} must be of integral type, not {type_name(value)}", 5787902)
    number = integer(value)
    if number is None:
        raise error(f"value for 'n' of {name} must be of integral type", 5787903)
    if number <= 0:
        raise error(f"'n' of {name} must be greater than 0", 5787908)
    return number


def _some_of(name: str, choose: Callable[[Keys, list[Any], int], list[Any]], shape: int) -> None:
    @of_fields(name, ("n", "input"), {}, Codes(shape, 5787901, (5787906, 5787907)), keyed=True)
    def chosen(keys: Keys, count: Any, array: Any) -> list[Any]:
        number = checked_count(name, count, failure)
        if type(array) is not list:
            raise failure(f"input of {name} must be an array, not {type_name(array)}", 5788200)
        return choose(keys, array, number)


def _extremes(keys: Keys, array: list[Any], count: int, *, largest: bool) -> list[Any]:
    return sorted([item for item in array if item is not None], key=keys.order, reverse=largest)[:count]


_some_of("$firstN", lambda _, array, count: array[:count], 5787801)
_some_of("$lastN", lambda _, array, count: array[-count:], 5787801)
_some_of("$minN", lambda keys, array, count: _extremes(keys, array, count, largest=False), 5787900)
_some_of("$maxN", lambda keys, array, count: _extremes(keys, array, count, largest=True), 5787900)
