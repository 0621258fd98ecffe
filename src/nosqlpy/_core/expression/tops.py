"""The ends of an array in order: $top, $topN, $bottom, $bottomN.

Manual: reference/expression/top, topN, bottom, bottomN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from nosqlpy._core.expression.failures import failure, malformed
from nosqlpy._core.expression.node import Evaluate, Expression, Variables, combined, paths_of
from nosqlpy._core.expression.operators import Codes, Fields
from nosqlpy._core.expression.parse import compile_operand
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.expression.sorting import arrangement
from nosqlpy._core.values.collation import keys_of
from nosqlpy._core.values.numbers import NUMERIC, integer
from nosqlpy._core.values.types import MISSING, OBJECT, TYPES, type_name

_OPTIONS: Final = {"sortBy": 1, "output": None}


class _Faults(msgspec.Struct, frozen=True):
    """MongoDB's codes for what an operator meets: an input that is no array, a count that is none, one below 0."""

    array: int
    count: int = 0
    negative: int = 0


def _one_of(name: str, codes: Codes, faults: _Faults, place: int) -> None:
    fields = Fields(("input",), _OPTIONS, codes)

    @syntax(name)
    def compile_end(operand: Any, scope: Scope) -> Expression:
        given = fields.read(name, operand)
        source, arranged, made = _parts(name, given, faults, scope)

        def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
            array = arranged(source.evaluate(document, variables))
            return made([array[place]], variables)[0] if array else None

        return _joined(evaluate, [source], given)


def _some_of(name: str, codes: Codes, faults: _Faults, cut: Callable[[list[Any], int], list[Any]]) -> None:
    fields = Fields(("n", "input"), _OPTIONS, codes)

    @syntax(name)
    def compile_ends(operand: Any, scope: Scope) -> Expression:
        given = fields.read(name, operand)
        count = compile_operand(given["n"], scope.deeper())
        source, arranged, made = _parts(name, given, faults, scope)

        def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
            number = _checked_count(name, count.evaluate(document, variables), faults)
            array = arranged(source.evaluate(document, variables))
            return None if array is None or number is None else made(cut(array, number), variables)

        return _joined(evaluate, [count, source], given)


def _parts(
    name: str, given: Mapping[str, Any], faults: _Faults, scope: Scope
) -> tuple[Expression, Callable[[Any], Any], Callable[[list[Any], Variables], list[Any]]]:
    """Return the array's expression, what puts it in order, and what makes of its elements what is asked for."""
    source = compile_operand(given["input"], scope.deeper())
    order = given.get("sortBy", 1)
    if TYPES[type(order)] != OBJECT and TYPES[type(order)] not in NUMERIC:
        raise malformed(f"'sortBy' of {name} must be a number or a document, found: {type_name(order)}", 2942507)
    arrange = arrangement(order, keys_of(scope.collation).order)

    def arranged(array: Any) -> Any:
        if array is None or array is MISSING:
            return None
        if type(array) is not list:
            raise failure(f"{name} requires that 'input' be an array, found: {type_name(array)}", faults.array)
        return arrange(array)

    if "output" not in given:
        return source, arranged, lambda array, _: array
    # the element is the document of this expression, which therefore reads whole ones
    output = compile_operand(given["output"], msgspec.structs.replace(scope.deeper(), flat=False)).evaluate

    def made(array: list[Any], variables: Variables) -> list[Any]:
        values = [output(element if isinstance(element, dict) else {}, variables) for element in array]
        return [None if value is MISSING else value for value in values]

    return source, arranged, made


def _joined(evaluate: Evaluate, operands: list[Expression], given: Mapping[str, Any]) -> Expression:
    return Expression(evaluate, paths_of(operands)) if "output" in given else combined(evaluate, operands)


def _checked_count(name: str, value: Any, faults: _Faults) -> int | None:
    if value is None or value is MISSING:
        return None
    number = integer(value) if TYPES[type(value)] in NUMERIC else None
    if number is None:
        raise failure(f"{name} requires that 'n' be a whole number, found: {type_name(value)}", faults.count)
    if number < 0:
        raise failure(f"'n' of {name} must not be negative", faults.negative)
    return number


_one_of("$top", Codes(7212113, 7212114, 7212115), _Faults(721213), 0)
_one_of("$bottom", Codes(7212122, 7212123, 7212124), _Faults(721217), -1)
_some_of(
    "$topN",
    Codes(721218, 721219, (7212110, 7212111)),
    _Faults(721211, 721210, 721212),
    lambda array, number: array[:number],
)
_some_of(
    "$bottomN",
    Codes(7212117, 7212118, (7212119, 7212120)),
    _Faults(721215, 721214, 721216),
    lambda array, number: array[max(0, len(array) - number) :],
)
