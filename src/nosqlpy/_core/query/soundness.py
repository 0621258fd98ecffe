"""Filters that can wait: those whose operands no operator refuses, so that compiling them can be left until needed.

Binding a filter checks its operands, by compiling each. Most are scalars that
nothing can be wrong with, and many filters never test a document: an index, or
the ``_id``, leads to the answer. What is not seen to be sound here at a glance is
compiled at once, and refused if it must be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from nosqlpy._core.query.condition import PLAIN
from nosqlpy._core.query.registry import Operator
from nosqlpy._core.query.text import pattern_test
from nosqlpy._core.query.tree import FieldNode, LogicalNode, Node, Template
from nosqlpy._core.values.kept import kept
from nosqlpy._core.values.paths import PARTS_MAX
from nosqlpy._core.values.types import ARRAY, CODE, CODE_WITH_SCOPE, OBJECT, REGEX, TYPES

Takes: TypeAlias = Callable[[Any], Any]
"""Returns an operand that an operator surely takes, a copy if its caller could change it; else `UNSOUND`."""

Check: TypeAlias = tuple[tuple[str, Takes], ...] | None
"""What checks the operands of a path's operators; None for a plain value, none for what is compiled already."""

UNSOUND: Final = object()

_COMPOUND: Final = frozenset((OBJECT, ARRAY, REGEX, CODE, CODE_WITH_SCOPE))


def is_sound(template: Template, operands: Sequence[Any]) -> bool:
    """Return whether binding `operands` to `template` surely raises nothing.

    Where operators stand their operands are in a document that is not the caller's; nor is what is in it, after this.
    """
    checks = template.checks
    if checks is None:
        checks = template.checks = [(n, check) for n, check in enumerate(_checks(template.nodes)) if check != ()]
    for place, check in checks:
        operand = operands[place]
        if check is None:
            if type(operand) not in PLAIN and TYPES[type(operand)] in _COMPOUND:
                return False
            continue
        for name, takes in check:
            value = operand[name]
            if type(value) in PLAIN and takes is _scalar:
                continue
            operand[name] = taken = takes(value)
            if taken is UNSOUND:
                operand[name] = value
                return False
    return True


def _checks(nodes: Sequence[Node]) -> Iterator[Check]:
    for node in nodes:
        if isinstance(node, LogicalNode):
            for child in node.children:
                yield from _checks(child)
        elif isinstance(node, FieldNode):
            yield None if node.operators is None else _takes(node.operators)
        else:
            yield ()


def _takes(operators: Sequence[Operator]) -> tuple[tuple[str, Takes], ...]:
    names = [each.name for each in operators]
    return tuple((name, _unknown if "$options" in names else _TAKES.get(name, _unknown)) for name in names)


def _unknown(_: Any) -> Any:
    return UNSOUND


def _scalar(operand: Any) -> Any:
    return UNSOUND if TYPES[type(operand)] in _COMPOUND else operand


def _scalars(operand: Any) -> Any:
    if type(operand) is not list:
        return UNSOUND
    held = operand[:]
    if PLAIN.issuperset(map(type, held)) or _COMPOUND.isdisjoint([TYPES[type(item)] for item in held]):
        return held
    return UNSOUND


def _size(operand: Any) -> Any:
    return operand if type(operand) is int and 0 <= operand < 2**31 else UNSOUND


def _pattern(operand: Any) -> Any:
    """Take the source of a pattern, which compiles; those that do are kept."""
    return operand if type(operand) is str and pattern_test(operand, "") is not None else UNSOUND


def _flat_operators(operand: Any) -> Any:
    """Take operators, each with an operand that it takes, none of which holds others."""
    if type(operand) is not dict or not operand:
        return UNSOUND
    held = operand.copy()
    for name, value in held.items():
        if name in _ON_SCALARS and type(value) in PLAIN:
            continue
        held[name] = taken = _FLAT.get(name, _unknown)(value)
        if taken is UNSOUND:
            return UNSOUND
    return held


def _flat_filter(operand: Any) -> Any:
    """Take a filter of fields only, their paths plain, each with a scalar or flat operators."""
    held = operand.copy()
    for name, value in held.items():
        if type(name) is not str or not _is_flat(name):
            return UNSOUND
        if type(value) in PLAIN:
            continue
        held[name] = taken = _flat_operators(value) if type(value) is dict else _scalar(value)
        if taken is UNSOUND:
            return UNSOUND
    return held


@kept(512)
def _is_flat(path: str) -> bool:
    """Whether nothing can be wrong with a path; kept, since programs have few."""
    return path[:1] != "$" and len(path) <= PARTS_MAX and path.isascii()


def _element(operand: Any) -> Any:
    if type(operand) is not dict:
        return UNSOUND
    return (_flat_operators if next(iter(operand), None) in _FLAT else _flat_filter)(operand)


_ON_SCALARS: Final = frozenset(("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$exists"))
_FLAT: Final[dict[str, Takes]] = {
    **dict.fromkeys(_ON_SCALARS, _scalar),
    **dict.fromkeys(("$in", "$nin", "$all"), _scalars),
    "$size": _size,
}
_TAKES: Final[dict[str, Takes]] = {**_FLAT, "$elemMatch": _element, "$not": _flat_operators, "$regex": _pattern}
