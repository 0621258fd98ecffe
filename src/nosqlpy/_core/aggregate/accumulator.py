"""Accumulators by name: what $group makes of the values of a group.

Manual: reference/operator/aggregation/group#accumulator-operator. An accumulator
gets the values of each group in portions, in the order of the documents, and
keeps a state of them: one more accumulator is one more function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.aggregate.stage import Scope, malformed
from nosqlpy._core.expression.node import Expression
from nosqlpy._core.values.types import OBJECT, TYPES, as_mapping
from nosqlpy.errors import NotSupportedError
from nosqlpy.naming import nearest

State: TypeAlias = Any


class Accumulator(msgspec.Struct, frozen=True):
    """What is made of a group's values, those of `value`.

    `start` makes a state of the group's ``_id``, `add` adds a portion of values to it, and `finish` makes the result.
    """

    value: Expression
    start: Callable[[Any], State]
    add: Callable[[State, list[Any]], State]
    finish: Callable[[State], Any]
    by_id: bool = False
    """Whether the state that it begins with depends on the ``_id``."""
    of_sum: Callable[[int], Any] | None = None
    """What it makes of a group of ints, by their sum, if nothing else of them counts."""


CompileAccumulator: TypeAlias = Callable[[str, Any, Scope], Accumulator]
_ACCUMULATORS: Final[dict[str, CompileAccumulator]] = {}
_NOT_SUPPORTED: Final = frozenset(
    (
        *("$accumulator", "$covariancePop", "$covarianceSamp", "$denseRank", "$derivative", "$documentNumber"),
        *("$expMovingAvg", "$integral", "$linearFill", "$locf", "$minMaxScaler", "$rank", "$shift"),
    )
)


def accumulator(name: str) -> Callable[[CompileAccumulator], CompileAccumulator]:
    """Register the decorated function as what compiles the operand of the accumulator `name`."""

    def register(function: CompileAccumulator) -> CompileAccumulator:
        assert name not in _ACCUMULATORS, name
        _ACCUMULATORS[name] = function
        return function

    return register


def of_values(
    name: str,
    start: Callable[[], State],
    add: Callable[[State, list[Any]], State],
    finish: Callable[[State], Any] = lambda state: state,
    *,
    of_sum: Callable[[int], Any] | None = None,
) -> None:
    """Register an accumulator of the values of one expression."""

    @accumulator(name)
    def compile_one(_name: str, operand: Any, scope: Scope) -> Accumulator:
        return Accumulator(scope.expression(operand, flat=True), lambda _id: start(), add, finish, of_sum=of_sum)


def compile_accumulator(field: Any, operand: Any, scope: Scope, *, flat: bool = True) -> Accumulator:
    """Return the compiled accumulator that makes the field of a group; its expression reads documents that are `flat`.

    Raises:
        QueryError: There is none of that name, its operand means nothing, or no field may be called so.
        NotSupportedError: MongoDB has it and nosqlpy does not.
    """
    if not isinstance(field, str):
        raise malformed(f"a group's fields are named by str, not {type(field).__name__}", 14, "TypeMismatch")
    given = as_mapping(operand) if TYPES[type(operand)] == OBJECT else {}
    if not str(next(iter(given), "")).startswith("$"):
        raise malformed(f"the field {field!r} must be an accumulator object", 40234)
    if "." in field:
        raise malformed(f"the field name {field!r} cannot contain '.'", 40235)
    if field.startswith("$"):
        raise malformed(f"the field name {field!r} cannot be an operator name", 40236)
    if len(given) > 1:
        raise malformed(f"the field {field!r} must specify one accumulator", 40238)
    ((name, argument),) = given.items()
    if isinstance(argument, list | tuple):
        raise malformed(f"the {name} accumulator is a unary operator", 40237)
    return find_accumulator(name)(name, argument, scope if flat else msgspec.structs.replace(scope, flat=False))


def find_accumulator(name: str) -> CompileAccumulator:
    """Return what compiles the operand of the accumulator `name`."""
    found = _ACCUMULATORS.get(name)
    if found is not None:
        return found
    if name in _NOT_SUPPORTED:
        raise NotSupportedError(f"accumulator {name} is not supported")
    raise malformed(f"unknown group operator {name!r}{nearest(name, _ACCUMULATORS)}", 15952)


def accumulator_names() -> frozenset[str]:
    """Return the names of all accumulators that there are."""
    return frozenset(_ACCUMULATORS)
