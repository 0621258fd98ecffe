"""Filters that can wait: those whose operands no operator refuses, so that compiling them can be left until needed.

Binding a filter checks its operands, by compiling each. Most are scalars that
nothing can be wrong with, and many filters never test a document: an index, or
the ``_id``, leads to the answer. What is not seen to be sound here at a glance is
compiled at once, and refused if it must be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from nosqlpy._core.query.registry import Operator
from nosqlpy._core.query.sieves import PLAIN
from nosqlpy._core.query.text import pattern_test
from nosqlpy._core.query.tree import FieldNode, LogicalNode, Node, Template
from nosqlpy._core.values.paths import PARTS_MAX
from nosqlpy._core.values.types import ARRAY, CODE, CODE_WITH_SCOPE, OBJECT, REGEX, TYPES

Takes: TypeAlias = Callable[[Any], bool]
"""Whether an operator surely takes an operand."""

Check: TypeAlias = tuple[Takes, ...] | None
"""What checks the operands of a path's operators; None for a plain value, none for what is compiled already."""

MUTABLE: Final = frozenset((dict, list))
"""The classes of sound operands that a caller could change before they are compiled."""

_COMPOUND: Final = frozenset((OBJECT, ARRAY, REGEX, CODE, CODE_WITH_SCOPE))


def is_sound(template: Template, operands: Sequence[Any]) -> bool:
    """Return whether binding `operands` to `template` surely raises nothing."""
    checks = template.checks
    if checks is None:
        checks = template.checks = list(_checks(template.nodes))
    for check, operand in zip(checks, operands, strict=True):
        if check is None:
            if TYPES[type(operand)] in _COMPOUND:
                return False
        elif check:
            for takes, value in zip(check, operand.values(), strict=True):
                if not takes(value):
                    return False
    return True


def own(operand: Any) -> Any:
    """Return a copy of a sound operand, whatever becomes of the caller's."""
    kind = type(operand)
    if kind is dict:
        return {name: own(value) if type(value) in MUTABLE else value for name, value in operand.items()}
    return [own(item) if type(item) in MUTABLE else item for item in operand] if kind is list else operand


def _checks(nodes: Sequence[Node]) -> Iterator[Check]:
    for node in nodes:
        if isinstance(node, LogicalNode):
            for child in node.children:
                yield from _checks(child)
        elif isinstance(node, FieldNode):
            yield None if node.operators is None else _takes(node.operators)
        else:
            yield ()


def _takes(operators: Sequence[Operator]) -> tuple[Takes, ...]:
    names = [each.name for each in operators]
    return (_unknown,) * len(names) if "$options" in names else tuple(_TAKES.get(name, _unknown) for name in names)


def _unknown(_: Any) -> bool:
    return False


def _scalar(operand: Any) -> bool:
    return TYPES[type(operand)] not in _COMPOUND


def _scalars(operand: Any) -> bool:
    if type(operand) is not list:
        return False
    return PLAIN.issuperset(map(type, operand)) or _COMPOUND.isdisjoint([TYPES[type(item)] for item in operand])


def _size(operand: Any) -> bool:
    return type(operand) is int and 0 <= operand < 2**31


def _pattern(operand: Any) -> bool:
    """Whether `operand` is the source of a pattern, which compiles; those that do are kept."""
    return type(operand) is str and pattern_test(operand, "") is not None


def _flat_operators(operand: Any) -> bool:
    """Whether `operand` holds operators, each with an operand that it takes, and none that holds others."""
    if type(operand) is not dict:
        return False
    for name, value in operand.items():
        takes = _FLAT.get(name)
        if takes is None or not takes(value):
            return False
    return bool(operand)


def _flat_filter(operand: Any) -> bool:
    """Whether `operand` is a filter of fields only, their paths plain, each with a scalar or flat operators."""
    if type(operand) is not dict:
        return False
    for name, value in operand.items():
        if type(name) is not str or name[:1] == "$" or len(name) > PARTS_MAX or not name.isascii():
            return False
        if type(value) is dict:
            if not _flat_operators(value):
                return False
        elif TYPES[type(value)] in _COMPOUND:
            return False
    return True


def _element(operand: Any) -> bool:
    return _flat_operators(operand) or _flat_filter(operand)


_FLAT: Final[dict[str, Takes]] = {
    **dict.fromkeys(("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$exists"), _scalar),
    **dict.fromkeys(("$in", "$nin", "$all"), _scalars),
    "$size": _size,
}
_TAKES: Final[dict[str, Takes]] = {**_FLAT, "$elemMatch": _element, "$not": _flat_operators, "$regex": _pattern}
