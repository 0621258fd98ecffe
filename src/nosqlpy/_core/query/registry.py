"""The operators that stand under a field: ``{field: {$operator: operand}}``.

A compile function checks its operand once and returns a condition. To add an
operator, write such a function in the module of its kind and register it:

    @operator("$size")
    def compile_size(operand: Any) -> Condition: ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn, TypeAlias

import msgspec

from nosqlpy._core.query.collated import compile_collated
from nosqlpy._core.query.condition import All, Condition
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.storable import DEPTH_MAX
from nosqlpy._core.values.types import OBJECT, TYPES
from nosqlpy.errors import NotSupportedError, QueryError
from nosqlpy.naming import nearest


class Scope(msgspec.Struct, frozen=True):
    """Where an operator stands: under which path, beside which operators, how deep, and under which collation."""

    path: str
    siblings: Mapping[str, Any]
    depth: int
    collation: Collation | None = None


Compile: TypeAlias = Callable[[Any], Condition]
ScopedCompile: TypeAlias = Callable[[Any, Scope], Condition]


class Operator(msgspec.Struct, frozen=True):
    """A registered operator: one of the two compile functions is set.

    One that is `total` refuses no plain scalar, so compiling such an operand can wait until it is needed.
    One that `compares` does so by the keys of strings under a collation.
    """

    name: str
    compile: Compile | None = None
    compile_scoped: ScopedCompile | None = None
    total: bool = False
    compares: bool = False


_OPERATORS: Final[dict[str, Operator]] = {}

TOP_LEVEL: Final = frozenset(
    ("$and", "$or", "$nor", "$comment", "$expr", "$jsonSchema", "$sampleRate", "$alwaysTrue", "$alwaysFalse", "$text")
)

_NOT_SUPPORTED_AT_TOP: Final = frozenset(("$where",))
_NOT_SUPPORTED_UNDER_FIELD: Final = frozenset(
    (
        "$geoIntersects",
        "$geoWithin",
        "$within",
        "$near",
        "$nearSphere",
        "$geometry",
        "$maxDistance",
        "$minDistance",
        "$box",
        "$center",
        "$centerSphere",
        "$polygon",
        "$uniqueDocs",
        "$encStrStartsWith",
        "$encStrEndsWith",
        "$encStrContains",
        "$encStrNormalizedEq",
    )
)
# operators of expressions that are easily taken for one of a filter
_EXPRESSIONS: Final = frozenset(("$rand",))
_UNDER_EXPR: Final = "; it stands in an expression, under $expr"
_NOT_SUPPORTED: Final = _NOT_SUPPORTED_AT_TOP | _NOT_SUPPORTED_UNDER_FIELD


def operator(name: str, *, total: bool = False, compares: bool = False) -> Callable[[Compile], Compile]:
    """Register the decorated function as what compiles the operand of `name`, an operator as `Operator` describes."""

    def register(function: Compile) -> Compile:
        _OPERATORS[name] = Operator(name, compile=function, total=total, compares=compares)
        return function

    return register


def scoped_operator(name: str) -> Callable[[ScopedCompile], ScopedCompile]:
    """Register the decorated function for an operator that needs its `Scope` too."""

    def register(function: ScopedCompile) -> ScopedCompile:
        _OPERATORS[name] = Operator(name, compile_scoped=function)
        return function

    return register


def find_operator(name: Any, path: str) -> Operator:
    """Return the operator that `name`, found under the field `path`, stands for.

    Raises:
        NotSupportedError: MongoDB has it and nosqlpy does not.
        QueryError: There is none, or it does not belong under a field.
    """
    found = _OPERATORS.get(name) if isinstance(name, str) else None
    if found is not None:
        return found
    if name in _NOT_SUPPORTED:
        raise NotSupportedError(f"query operator {name} (under {path!r}) is not supported")
    if name in TOP_LEVEL:
        raise QueryError(f"unknown operator {name} under {path!r}: it stands beside field names, not under one")
    hint = nearest(name, _OPERATORS) if isinstance(name, str) and name.startswith("$") else ""
    if name in _EXPRESSIONS:
        hint = _UNDER_EXPR
    raise QueryError(f"unknown operator {name!r} under {path!r}{hint}")


def is_operator(name: Any) -> bool:
    """Return whether `name` is an operator that MongoDB knows under a field."""
    return name in _OPERATORS or name in _NOT_SUPPORTED_UNDER_FIELD


def refuse_top_level(name: str) -> NoReturn:
    """Raise the error for `name`, which stands beside field names and is not in `TOP_LEVEL`."""
    if name in _NOT_SUPPORTED:
        raise NotSupportedError(f"query operator {name} (at the top level of a filter) is not supported")
    if name in _OPERATORS:
        hint = "; it stands under a field name"
    elif name in _EXPRESSIONS:
        hint = _UNDER_EXPR
    else:
        hint = nearest(name, (*TOP_LEVEL, *_OPERATORS))
    raise QueryError(f"unknown top level operator {name!r}{hint}")


def is_operators(value: Any) -> bool:
    """Return whether `value` is a document of operators rather than a value: its first name starts with ``$``.

    A document with both ``$ref`` and ``$id`` is a reference, hence a value.
    """
    if type(value) is not dict and (TYPES[type(value)] != OBJECT or not isinstance(value, Mapping)):
        return False
    for name in value:
        if name in _OPERATORS:
            return True
        if isinstance(name, str) and name[:1] == "$":
            return name not in _REFERENCE or not ("$ref" in value and "$id" in value)
        return False
    return False


_REFERENCE: Final = frozenset(("$ref", "$id", "$db"))


def compile_operators(
    operators: Mapping[str, Any], path: str, depth: int, collation: Collation | None = None
) -> Condition:
    """Return the conjunction of the conditions in `operators`, which stand under `path`."""
    check_level(depth)
    scope = Scope(path, operators, depth, collation)
    conditions = tuple(
        compile_operator(find_operator(name, path), operand, scope) for name, operand in operators.items()
    )
    return conditions[0] if len(conditions) == 1 else All(conditions)


def compile_operator(found: Operator, operand: Any, scope: Scope) -> Condition:
    """Return the condition that `found` makes of `operand`."""
    if found.compile is not None:
        if found.compares and scope.collation is not None:
            return compile_collated(found.name, found.compile, operand, scope.collation)
        return found.compile(operand)
    assert found.compile_scoped is not None
    return found.compile_scoped(operand, scope)


def check_level(depth: int) -> None:
    """Refuse a filter nested deeper than `DEPTH_MAX`."""
    if depth > DEPTH_MAX:
        raise QueryError(f"the filter is nested more than {DEPTH_MAX} levels deep")
