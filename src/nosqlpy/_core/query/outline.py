"""What a filter says apart from its values: its shape, and the operands that stand in it.

`names_in` lists the names of a filter for a small part of what its shape costs, and checks nothing: who has met a list
knows its shape. A filter with a new list, or with something special, has `outline`, which says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

from nosqlpy._core.query.condition import PLAIN
from nosqlpy._core.query.expr import Computation, compile_always, compile_computation, compile_sample
from nosqlpy._core.query.registry import check_level, is_operators, refuse_top_level
from nosqlpy._core.query.schema import compile_schema, paths_of
from nosqlpy._core.query.textual import compile_text, refuse_text
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.paths import DBREF_FIELDS
from nosqlpy._core.values.storable import DEPTH_MAX
from nosqlpy._core.values.types import ARRAY, OBJECT, TYPES, as_mapping
from nosqlpy.errors import QueryError

Shape: TypeAlias = tuple[Any, ...]
"""Per entry: a path (plain value), ``(path, operators)``, ``($and | $or | $nor, shapes)``,
or ``($expr | $sampleRate | $alwaysTrue | $alwaysFalse | $jsonSchema | $text, paths)``."""

LOGICAL: Final = frozenset(("$and", "$or", "$nor"))

LEVELS_MAX: Final = 3
"""Levels of $and, $or and $nor in a filter whose names are listed."""


def names_in(filter: Mapping[str, Any], names: list[Any], operands: list[Any], levels: int = LEVELS_MAX) -> bool:
    """Append the names in a filter, and its operands as `outline` does; return whether these tell its shape.

    That is: no other filter of which `outline` makes as many operands, and which has nothing special, has the same.
    After a path stands a tuple of its operators, if it has any; after a logical operator, how many branches it has,
    and after each of them -1; nothing can be read in two ways, since all else is a str.
    """
    for name, value in filter.items():
        if type(name) is not str:
            return False
        names.append(name)
        kind = type(value)
        if kind in PLAIN:
            operands.append(value)
        elif kind is dict:
            if is_operators(value):
                value = value.copy()  # noqa: PLW2901 - a name more is a store more
                names.append(tuple(value))
            operands.append(value)
        elif kind is list and name in LOGICAL:
            names.append(len(value))
            for branch in value:
                if not (levels and type(branch) is dict and names_in(branch, names, operands, levels - 1)):
                    return False
                names.append(-1)
        elif TYPES[kind] == OBJECT:
            return False
        else:
            operands.append(value)
    return True


def outline(
    filter: Any, operands: list[Any], depth: int, variables: Mapping[str, Any], collation: Collation | None
) -> Shape:
    """Return the shape of `filter`, and append its operands: of operators, a copy of the document that holds them."""
    if depth > DEPTH_MAX:
        check_level(depth)
    shape: list[Any] = []
    for name, value in filter.items():
        if type(name) is not str and not isinstance(name, str):
            raise QueryError(f"a filter's names are paths or operators, hence str, not {type(name).__name__}")
        if name[:1] == "$" and name not in DBREF_FIELDS:
            if name in LOGICAL:
                shape.append((name, _branches(name, value, operands, depth, variables, collation)))
            elif name in SPECIAL_OPERANDS:
                operand, paths = SPECIAL_OPERANDS[name](value, depth, variables, collation)
                operands.append(operand)
                shape.append((name, paths))
            elif name != "$comment":
                refuse_top_level(name)
        else:
            shape.append(_entry(name, value, operands))
    return tuple(shape)


def _entry(name: str, value: Any, operands: list[Any]) -> Any:
    """Return what a path and its value are in a shape, and append the operand."""
    if type(value) in PLAIN or not is_operators(value):
        operands.append(value)
        return name
    held = dict(value)
    operands.append(held)
    return name, tuple(held)


def _computation(
    compile_one: Callable[..., Computation],
) -> Callable[[Any, int, Mapping[str, Any], Collation | None], tuple[Any, Any]]:
    def compile_operand(value: Any, _depth: int, variables: Mapping[str, Any], collation: Collation | None) -> Any:
        computation = compile_one(value, variables, collation)
        return computation, computation.expression.paths

    return compile_operand


def _schema(value: Any, depth: int, _variables: Mapping[str, Any], _collation: Collation | None) -> tuple[Any, Any]:
    schema = compile_schema(value, depth)
    return schema, paths_of(schema)


def _text(value: Any, _depth: int, _variables: Mapping[str, Any], _collation: Collation | None) -> tuple[Any, Any]:
    return compile_text(value), ()


SPECIAL_OPERANDS: Final = {
    "$expr": _computation(compile_computation),
    "$sampleRate": _computation(compile_sample),
    "$alwaysTrue": _computation(partial(compile_always, truth=True)),
    "$alwaysFalse": _computation(partial(compile_always, truth=False)),
    "$jsonSchema": _schema,
    "$text": _text,
}
"""What compiles the operand of each operator on whole documents, and says which paths it reads."""


def _branches(
    name: str,
    value: Any,
    operands: list[Any],
    depth: int,
    variables: Mapping[str, Any],
    collation: Collation | None,
) -> Shape:
    if (type(value) is not list and TYPES[type(value)] != ARRAY) or not value:
        raise QueryError(f"{name} must be an array that is not empty")
    if depth >= DEPTH_MAX:
        check_level(depth + 1)
    shapes: list[Shape] = []
    for item in value:
        part = item
        if type(item) is not dict:
            if TYPES[type(item)] != OBJECT:
                raise QueryError(f"the entries of {name} are filters, hence documents, not {type(item).__name__}")
            part = as_mapping(item)
        shapes.append(outline(part, operands, depth + 1, variables, collation))
    if name == "$nor":
        refuse_text(found=has_text(shapes), where="$nor")
    return tuple(shapes)


def has_text(shapes: Iterable[Shape]) -> bool:
    """Return whether one of some shapes has a ``$text``."""
    entries = [entry for shape in shapes for entry in shape if not isinstance(entry, str)]
    return any(name == "$text" or (name in LOGICAL and has_text(rest)) for name, rest in entries)
