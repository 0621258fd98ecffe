"""Arrays: $arrayElemAt $first $last $slice $size $in $indexOfArray $concatArrays $reverseArray $range $zip $isArray.

Manual: reference/operator/aggregation/#array-expression-operators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nosqlpy._core.expression.comparison import are_equal
from nosqlpy._core.expression.failures import MEMORY_LIMIT, failure, malformed
from nosqlpy._core.expression.node import Evaluate, Expression, Variables, combined
from nosqlpy._core.expression.operators import ABSENT, Codes, Fields, folding, of_operands, of_values
from nosqlpy._core.expression.parse import compile_operand
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.values.collation import Keys, keys_of
from nosqlpy._core.values.numbers import INTS, NUMERIC, integer
from nosqlpy._core.values.types import ARRAY, MISSING, TYPES, type_name

RANGE_MAX: Final = 100 * 1024 * 1024 // 16
"""Numbers in a $range: the server's limit of 100 MiB at 16 bytes each."""

_ZIP: Final = Fields(("inputs",), {"useLongestLength": False, "defaults": []}, Codes(34460, 34464, 34465))


@of_values("$arrayElemAt", 2)
def element_at(array: Any, index: Any) -> Any:
    """Return the element at a position, from the end if it is negative; nothing if there is none."""
    return _element("$arrayElemAt", array, index)


@of_values("$first", 1)
def first(array: Any) -> Any:
    """Return the first element; nothing of an empty array."""
    return _element("$first", array, 0)


@of_values("$last", 1)
def last(array: Any) -> Any:
    """Return the last element; nothing of an empty array."""
    return _element("$last", array, -1)


def _element(name: str, array: Any, index: Any) -> Any:
    if array is None or array is MISSING or index is None or index is MISSING:
        return None
    if type(array) is not list:
        raise failure(f"{name}'s first argument must be an array, but is {type_name(array)}", 28689)
    position = _small(f"{name}'s second argument", index, 28690, 28691)
    return array[position] if -len(array) <= position < len(array) else MISSING


def _small(what: str, value: Any, type_code: int, range_code: int) -> int:
    """Return a whole number of 32 bits."""
    if TYPES[type(value)] not in NUMERIC:
        raise failure(f"{what} must be a numeric value, but is {type_name(value)}", type_code)
    number = integer(value)
    if number is None or number not in INTS:
        raise failure(f"{what} must be representable as a 32-bit integer", range_code)
    return number


@of_values("$slice", 2, 3)
def sliced(array: Any, start: Any, count: Any = ABSENT) -> Any:
    """Return elements: `start` of them from the begin, or the end if negative; or `count` from the position `start`."""
    if array is None or array is MISSING or start is None or start is MISSING or count is None or count is MISSING:
        return None
    if type(array) is not list:
        raise failure(f"first argument to $slice must be an array, but is of type: {type_name(array)}", 28724)
    position = _small("second argument to $slice", start, 28725, 28726)
    if count is ABSENT:
        return array[:position] if position >= 0 else array[position:]
    size = _small("third argument to $slice", count, 28727, 28728)
    if size <= 0:
        raise failure("third argument to $slice must be positive", 28729)
    begin = max(len(array) + position, 0) if position < 0 else position
    return array[begin : begin + size]


@of_values("$size", 1)
def size(array: Any) -> int:
    """Return the number of elements."""
    if type(array) is not list:
        raise failure(f"the argument to $size must be an array, but was of type: {type_name(array)}", 17124)
    return len(array)


@of_values("$isArray", 1)
def is_array(value: Any) -> bool:
    """Return whether a value is an array."""
    return type(value) is list


@syntax("$in")
def compile_in(operand: Any, scope: Scope) -> Expression:
    """Return whether a value equals an element of an array; a constant array is searched by its keys."""
    operands = [compile_operand(item, scope.deeper()) for item in _pair(operand)]
    value, array = operands
    if array.constant and type(array.value) is list:
        return combined(_among(keys_of(scope.collation), value.evaluate, array.value), operands)
    value_of, array_of = value.evaluate, array.evaluate
    if scope.collation is not None:
        value_of, array_of = folding(value_of, scope.collation), folding(array_of, scope.collation)

    def evaluate(document: Mapping[str, Any], variables: Variables) -> bool:
        wanted = value_of(document, variables)
        values = array_of(document, variables)
        if type(values) is not list:
            raise failure(f"$in requires an array as a second argument, found: {type_name(values)}", 40081)
        return any(are_equal(wanted, item) for item in values)

    return combined(evaluate, operands)


def _pair(operand: Any) -> Sequence[Any]:
    items: Sequence[Any] = operand if TYPES[type(operand)] == ARRAY else [operand]
    if len(items) != 2:
        raise malformed(f"expression $in takes exactly 2 arguments, {len(items)} were passed in", 16020)
    return items


def _among(keys: Keys, value_of: Evaluate, array: list[Any]) -> Evaluate:
    key = keys.equality
    members = frozenset(map(key, array))

    def evaluate(document: Mapping[str, Any], variables: Variables) -> bool:
        value = value_of(document, variables)
        return value is not MISSING and key(value) in members

    return evaluate


@of_values("$indexOfArray", 2, 4, compares=True)
def index_of(array: Any, wanted: Any, start: Any = 0, end: Any = ABSENT) -> int | None:
    """Return the position of the first element equal to a value, from `start` on and before `end`; -1 if nowhere."""
    if array is None or array is MISSING:
        return None
    if type(array) is not list:
        raise failure(f"$indexOfArray requires an array as a first argument, found: {type_name(array)}", 40090)
    first_position = _position("starting index", start)
    last_position = len(array) if end is ABSENT else min(len(array), _position("ending index", end))
    for position in range(first_position, last_position):
        if are_equal(array[position], wanted):
            return position
    return -1


def _position(what: str, value: Any) -> int:
    number = integer(value) if TYPES[type(value)] in NUMERIC else None
    if number is None or number not in INTS:
        raise failure(f"$indexOfArray requires an integral {what}, found a value of type: {type_name(value)}", 9711600)
    if number < 0:
        raise failure(f"$indexOfArray requires a nonnegative {what}", 9711601)
    return number


@of_operands("$concatArrays")
def concatenated(operands: Sequence[Evaluate]) -> Evaluate:
    """Return the elements of all arrays, one after the other; null if one is null."""

    def evaluate(document: Mapping[str, Any], variables: Variables) -> list[Any] | None:
        found: list[Any] = []
        for operand in operands:
            value = operand(document, variables)
            if type(value) is not list:
                if value is None or value is MISSING:
                    return None
                raise failure(f"$concatArrays only supports arrays, not {type_name(value)}", 28664)
            found += value
        return found

    return evaluate


@of_values("$reverseArray", 1)
def reversed_array(array: Any) -> list[Any] | None:
    """Return the elements in the opposite order."""
    if array is None or array is MISSING:
        return None
    if type(array) is not list:
        raise failure(f"the argument to $reverseArray must be an array, but was of type: {type_name(array)}", 34435)
    return array[::-1]


@of_values("$range", 2, 3)
def numbers(start: Any, end: Any, step: Any = 1) -> list[int]:
    """Return the whole numbers from `start` to before `end`, in steps."""
    begin = _small("$range: the starting value", start, 34443, 34444)
    stop = _small("$range: the ending value", end, 34445, 34446)
    stride = _small("$range: the step value", step, 34447, 34448)
    if not stride:
        raise failure("$range requires a non-zero step value", 34449)
    found = range(begin, stop, stride)
    if len(found) >= RANGE_MAX:
        raise failure("$range would use too much memory", MEMORY_LIMIT)
    return list(found)


@syntax("$zip")
def compile_zip(operand: Any, scope: Scope) -> Expression:
    """Return arrays of the first elements, the second ones …, as long as the shortest input or the longest."""
    given = _ZIP.read("$zip", operand)
    longest = given.get("useLongestLength", False)
    for key, code in (("inputs", 34461), ("defaults", 34462)):
        if TYPES[type(given.get(key, []))] != ARRAY:
            raise malformed(f"{key!r} of $zip must be an array of expressions, not {type_name(given[key])}", code)
    if type(longest) is not bool:
        raise malformed(f"useLongestLength of $zip must be a bool, not {type_name(longest)}", 34463)
    inner = scope.deeper()
    inputs = [compile_operand(item, inner) for item in given["inputs"]]
    defaults = [compile_operand(item, inner) for item in given.get("defaults", [])]
    if not inputs:
        raise malformed("$zip requires at least one input array", 34465)
    if defaults and not longest:
        raise malformed("cannot specify defaults of $zip unless useLongestLength is true", 34466)
    if defaults and len(defaults) != len(inputs):
        raise malformed("defaults and inputs of $zip must have the same length", 34467)
    sources = [item.evaluate for item in inputs]
    return combined(_zipped(sources, [item.evaluate for item in defaults], longest=longest), [*inputs, *defaults])


def _zipped(sources: Sequence[Evaluate], defaults: Sequence[Evaluate], *, longest: bool) -> Evaluate:
    def evaluate(document: Mapping[str, Any], variables: Variables) -> list[Any] | None:
        arrays = []
        for source in sources:
            array = source(document, variables)
            if array is None or array is MISSING:
                return None
            if type(array) is not list:
                raise failure(f"$zip found a non-array expression in input: {type_name(array)}", 34468)
            arrays.append(array)
        fill = [_present(default(document, variables)) for default in defaults] or [None] * len(arrays)
        count = (max if longest else min)(map(len, arrays))
        columns = list(zip(arrays, fill, strict=True))
        return [[array[row] if row < len(array) else default for array, default in columns] for row in range(count)]

    return evaluate


def _present(value: Any) -> Any:
    return None if value is MISSING else value
