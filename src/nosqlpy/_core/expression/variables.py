"""Operators that define variables: $let, $map, $filter, $reduce.

Manual: reference/operator/aggregation/let, map, filter, reduce.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nosqlpy._core.expression.boolean import is_true
from nosqlpy._core.expression.failures import OVERFLOW, failure, malformed
from nosqlpy._core.expression.node import Expression, Variables, paths_of
from nosqlpy._core.expression.operators import Codes, Fields
from nosqlpy._core.expression.parse import compile_operand
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import Scope, check_new_variable
from nosqlpy._core.values.numbers import INTS, NUMERIC, integer
from nosqlpy._core.values.storable import DEPTH_MAX
from nosqlpy._core.values.types import MISSING, OBJECT, TYPES, as_mapping, type_name

_LET: Final = Fields(("vars", "in"), {}, Codes(16874, 16875, (16876, 16877)))
_MAP: Final = Fields(("input", "in"), {"as": "this", "arrayIndexAs": "IDX"}, Codes(16878, 16879, (16880, 16882)))
_FILTER: Final = Fields(
    ("input", "cond"), {"as": "this", "arrayIndexAs": "IDX", "limit": None}, Codes(28646, 28647, (28648, 28650))
)
_REDUCE: Final = Fields(
    ("input", "initialValue", "in"),
    {"as": "this", "valueAs": "value", "arrayIndexAs": "IDX"},
    Codes(40075, 40076, (40077, 40078, 40079)),
)

_DEPTH_CHECK_INTERVAL: Final = 64


@syntax("$let")
def compile_let(operand: Any, scope: Scope) -> Expression:
    """Return what ``in`` computes with the variables of ``vars``, which do not see each other."""
    given = _LET.read("$let", operand)
    if TYPES[type(given["vars"])] != OBJECT:
        raise malformed(f"'vars' of $let must be a document, not {type_name(given['vars'])}", 10065)
    inner = scope.deeper()
    bindings = {
        check_new_variable(name): compile_operand(value, inner) for name, value in as_mapping(given["vars"]).items()
    }
    body = compile_operand(given["in"], inner.defining(*bindings))
    if not bindings or body.constant:
        return body
    values = [(name, binding.evaluate) for name, binding in bindings.items()]
    compute = body.evaluate

    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        bound = dict(variables)
        for name, binding in values:
            bound[name] = binding(document, variables)
        return compute(document, bound)

    return Expression(evaluate, paths_of([*bindings.values(), body]))


@syntax("$map")
def compile_map(operand: Any, scope: Scope) -> Expression:
    """Return the array of what ``in`` computes for each element of ``input``."""
    given = _MAP.read("$map", operand)
    inner = scope.deeper()
    source = compile_operand(given["input"], inner)
    name, place = _names(given, {"as": "this", "arrayIndexAs": "IDX"}, 9375801)
    body = compile_operand(given["in"], inner.defining(name, place))
    array_of, compute = source.evaluate, body.evaluate

    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        array = _checked(array_of(document, variables), "input to $map must be an array", 16883)
        if array is None:
            return None
        bound = dict(variables)
        found = []
        for bound[place], bound[name] in enumerate(array):
            value = compute(document, bound)
            found.append(None if value is MISSING else value)
        return found

    return Expression(evaluate, paths_of((source, body)))


@syntax("$filter")
def compile_filter(operand: Any, scope: Scope) -> Expression:
    """Return the elements of ``input`` for which ``cond`` is true, ``limit`` of them at most."""
    given = _FILTER.read("$filter", operand)
    inner = scope.deeper()
    source = compile_operand(given["input"], inner)
    limit = compile_operand(given.get("limit"), inner)
    name, place = _names(given, {"as": "this", "arrayIndexAs": "IDX"}, 9375802)
    condition = compile_operand(given["cond"], inner.defining(name, place))
    array_of, limit_of, test = source.evaluate, limit.evaluate, condition.evaluate

    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        array = _checked(array_of(document, variables), "input to $filter must be an array", 28651)
        if not array:
            return array
        count = _limit(limit_of(document, variables), len(array))
        bound = dict(variables)
        found: list[Any] = []
        for bound[place], bound[name] in enumerate(array):
            if is_true(test(document, bound)):
                found.append(bound[name])
                if len(found) == count:
                    break
        return found

    return Expression(evaluate, paths_of((source, limit, condition)))


def _limit(limit: Any, size: int) -> int:
    if limit is None or limit is MISSING:
        return size
    count = integer(limit) if TYPES[type(limit)] in NUMERIC else None
    if count is None or count not in INTS:
        raise failure("$filter: limit must be represented as a 32-bit integral value", 327391)
    if count <= 0:
        raise failure("$filter: limit must be greater than 0", 327392)
    return count


@syntax("$reduce")
def compile_reduce(operand: Any, scope: Scope) -> Expression:
    """Return what ``in`` makes of ``$$value``, at first ``initialValue``, and of ``$$this``, each element in turn."""
    given = _REDUCE.read("$reduce", operand)
    inner = scope.deeper()
    source = compile_operand(given["input"], inner)
    initial = compile_operand(given["initialValue"], inner)
    name, so_far, place = _names(given, {"as": "this", "valueAs": "value", "arrayIndexAs": "IDX"}, 9298401)
    body = compile_operand(given["in"], inner.defining(name, so_far, place))
    array_of, start, compute = source.evaluate, initial.evaluate, body.evaluate

    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        array = _checked(array_of(document, variables), "$reduce requires that 'input' be an array", 40080)
        if array is None:
            return None
        bound = dict(variables)
        value = start(document, variables)
        for bound[place], bound[name] in enumerate(array):
            bound[so_far] = value
            value = compute(document, bound)
            if not bound[place] % _DEPTH_CHECK_INTERVAL:
                _check_nesting(value)
        return value

    return Expression(evaluate, paths_of((source, initial, body)))


def _names(given: Mapping[str, Any], defaults: Mapping[str, str], code: int) -> list[str]:
    """Return how the variables of an operator are called: as was asked for, or by default.

    Raises:
        QueryError: Two have one name (`code`), or a variable may not be called so.
    """
    named = [check_new_variable(given[option]) for option in defaults if option in given]
    if len(set(named)) < len(named):
        raise malformed("two variables of an operator have the same name", code)
    return [given.get(option, default) for option, default in defaults.items()]


def _checked(value: Any, message: str, code: int) -> Any:
    """Return an array, or None for null or a missing value."""
    if type(value) is list:
        return value
    if value is None or value is MISSING:
        return None
    raise failure(f"{message}, not {type_name(value)}", code)


def _check_nesting(value: Any) -> None:
    """Refuse a value nested much deeper than any that can be stored, before anything recurses into it."""
    level: list[Any] = [value]
    for _ in range(2 * DEPTH_MAX):
        level = [
            item
            for outer in level
            if type(outer) is list or type(outer) is dict
            for item in (outer.values() if type(outer) is dict else outer)
        ]
        if not level:
            return
    raise failure("$reduce accumulated value exceeded max allowable BSON depth", OVERFLOW)
