"""Decorators that make operators of functions.

    @of_values("$cmp", 2)                 the function gets the values of the operands
    @of_operands("$add")                  … their evaluators, and returns its own: it decides which to compute, and when
    @of_fields("$trim", …)                … the values of named operands

One that `compares` gets values whose strings are replaced by their keys, under a collation; so it must return
none of them. One that is `keyed` gets, before all else, the keys by which it compares what it returns.

`nosqlpy._core.expression.registry.syntax` is for those that read their operand in their own way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.expression.failures import malformed
from nosqlpy._core.expression.node import Evaluate, Expression, Variables, combined, constant
from nosqlpy._core.expression.parse import compile_operand, compile_operands
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.values.collation import Collation, keys_of
from nosqlpy._core.values.types import OBJECT, TYPES, as_mapping, type_name

Function: TypeAlias = Callable[..., Any]
Combine: TypeAlias = Callable[[Sequence[Evaluate]], Evaluate]

ABSENT: Final = object()
"""The value of a named operand that was not given, where that says something else than any value."""


def of_values(
    name: str, least: int, most: int | None = 0, *, compares: bool = False, keyed: bool = False
) -> Callable[[Function], Function]:
    """Register a function of values; `most` is `least` unless given, and None for any number."""
    limit = least if most == 0 else most

    def register(function: Function) -> Function:
        @syntax(name)
        def compile_call(operand: Any, scope: Scope) -> Expression:
            operands = compile_operands(operand, scope)
            _check_count(name, len(operands), least, limit)
            call = partial(function, keys_of(scope.collation)) if keyed else function
            return combined(calling(call, _evaluators(operands, scope.collation if compares else None)), operands)

        return function

    return register


def of_operands(name: str, least: int = 0, *, code: int = 0, keyed: bool = False) -> Callable[[Function], Function]:
    """Register a function of the evaluators of `least` or more operands; `code` is the error's if there are fewer."""

    def register(function: Function) -> Function:
        @syntax(name)
        def compile_call(operand: Any, scope: Scope) -> Expression:
            operands = compile_operands(operand, scope)
            _check_count(name, len(operands), least, None, code)
            combine: Combine = partial(function, keys_of(scope.collation)) if keyed else function
            return combined(combine([each.evaluate for each in operands]), operands)

        return function

    return register


def _evaluators(operands: Sequence[Expression], collation: Collation | None) -> list[Evaluate]:
    """Return what computes the operands; under a collation, folded."""
    if collation is None:
        return [operand.evaluate for operand in operands]
    return [folding(operand.evaluate, collation) for operand in operands]


def folding(evaluate: Evaluate, collation: Collation) -> Evaluate:
    """Return what computes the same values with the keys of strings in their place."""
    fold = collation.fold
    return lambda document, variables: fold(evaluate(document, variables))


def _check_count(name: str, count: int, least: int, most: int | None, code: int = 0) -> None:
    if least <= count and (most is None or count <= most):
        return
    if most is None:
        raise malformed(f"{name} needs at least {least} arguments, had {count}", code)
    if least == most:
        raise malformed(f"expression {name} takes exactly {least} arguments, {count} were passed in", 16020)
    raise malformed(f"expression {name} takes {least} to {most} arguments, {count} were passed in", 28667)


class Codes(msgspec.Struct, frozen=True):
    """MongoDB's codes for named operands: given in no document, an unknown one, a missing one (one code for each)."""

    shape: int
    unknown: int
    missing: int | tuple[int, ...]


class Fields(msgspec.Struct, frozen=True):
    """The named operands of an operator: required ones, optional ones with their defaults, and the codes."""

    required: tuple[str, ...]
    optional: Mapping[str, Any]
    codes: Codes

    def read(self, name: str, operand: Any) -> dict[str, Any]:
        """Return the operands that were given, by name, as they were written.

        Raises:
            QueryError: `operand` is no document, has a name too many, or one too few.
        """
        if TYPES[type(operand)] != OBJECT:
            raise malformed(f"{name} takes a document of arguments, found: {type_name(operand)}", self.codes.shape)
        given = dict(as_mapping(operand))
        for key in given:
            if key not in self.required and key not in self.optional:
                expected = ", ".join([*self.required, *self.optional])
                raise malformed(f"{name} found an unknown argument: {key!r}; it takes {expected}", self.codes.unknown)
        for index, key in enumerate(self.required):
            if key not in given:
                code = self.codes.missing if isinstance(self.codes.missing, int) else self.codes.missing[index]
                raise malformed(f"{name} requires {key!r} to be specified", code)
        return given

    def compile(self, name: str, operand: Any, scope: Scope) -> dict[str, Expression]:
        """Return the expressions of all operands by name, required ones first, with defaults for those not given."""
        given = self.read(name, operand)
        inner = scope.deeper()
        return {
            key: compile_operand(given[key], inner) if key in given else constant(self.optional[key])
            for key in (*self.required, *self.optional)
        }


def of_fields(
    name: str, required: tuple[str, ...], optional: Mapping[str, Any], codes: Codes, *, keyed: bool = False
) -> Callable[[Function], Function]:
    """Register a function of the values of named operands: the required ones, then the optional ones or defaults."""
    fields = Fields(required, optional, codes)

    def register(function: Function) -> Function:
        @syntax(name)
        def compile_call(operand: Any, scope: Scope) -> Expression:
            operands = list(fields.compile(name, operand, scope).values())
            call = partial(function, keys_of(scope.collation)) if keyed else function
            return combined(calling(call, [item.evaluate for item in operands]), operands)

        return function

    return register


def calling(function: Function, operands: Sequence[Evaluate]) -> Evaluate:
    """Return the evaluator that calls `function` with the values of `operands`."""
    if len(operands) == 1:
        (only,) = operands
        return lambda document, variables: function(only(document, variables))
    if len(operands) == 2:
        first, second = operands
        return lambda document, variables: function(first(document, variables), second(document, variables))

    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        return function(*[operand(document, variables) for operand in operands])

    return evaluate
