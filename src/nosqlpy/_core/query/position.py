"""The position in an array that a filter matched: what ``$`` stands for in an update or a projection.

Manual: reference/operator/update/positional. The rules are those of the
server's ``MatchDetails`` (src/mongo/db/exec/matcher): the conjuncts of a
filter are tried in the server's order, and the last that matched in an array
says where; of arrays in arrays the outermost counts. A conjunct below $or,
$nor or $not says nothing, nor does one that names the position itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.query.array import is_value_case
from nosqlpy._core.query.comparison import compile_value
from nosqlpy._core.query.condition import All, Condition, Not, Test, Whole, value_test
from nosqlpy._core.query.equalities import operand_count
from nosqlpy._core.query.registry import Operator, Scope, compile_operator, find_operator
from nosqlpy._core.query.tree import FieldNode, LogicalNode, Template
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.paths import array_position, parse_path, plain
from nosqlpy._core.values.types import MISSING, REGEX, TYPES

Finder: TypeAlias = Callable[[Mapping[str, Any]], int | None]

_ELEMENT_MATCH: Final = "$elemMatch"
# conjuncts are sorted by kind as in the server's MatchExpression::MatchType, then by path
_KINDS: Final = (
    *("documents", "values", "$size"),
    *("$eq", "$lte", "$lt", "$gt", "$gte", "$regex", "$mod", "$exists", "$in"),
    *("$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear"),
)
_RANKS: Final = {kind: rank for rank, kind in enumerate(_KINDS)}


class Conjunct(msgspec.Struct, frozen=True):
    """One condition on one path, and its kind among the server's."""

    kind: str
    path: str
    condition: Condition


class Reached(msgspec.Struct, frozen=True, gc=False):
    """A value that a path reached, and the position of the element of the outermost array that it came through."""

    value: Any
    position: int | None


def position_finder(template: Template, operands: Sequence[Any]) -> Finder:
    """Return what finds the position that a filter matched, in documents that it matches."""
    conjuncts = [conjunct for conjunct in _conjuncts(template, operands) if not isinstance(conjunct.condition, Not)]
    conjuncts.sort(key=lambda conjunct: (_RANKS.get(conjunct.kind, len(_RANKS)), conjunct.path))
    steps = [(parse_path(each.path, empty_parts=True).parts, each.condition) for each in reversed(conjuncts)]

    def find(document: Mapping[str, Any]) -> int | None:
        for parts, condition in steps:
            position = _matched(condition, parts, document)
            if position is not None:
                return position
        return None

    return find


def _conjuncts(template: Template, operands: Sequence[Any]) -> Iterator[Conjunct]:
    start = 0
    collation = template.collation
    for node in template.nodes:
        taken = operands[start : (start := start + operand_count(node))]
        if isinstance(node, LogicalNode):
            yield from _alternatives(node, taken, collation)
        elif isinstance(node, FieldNode):
            yield from _field(node, taken[0])


def _field(node: FieldNode, operand: Any) -> Iterator[Conjunct]:
    if node.operators is None:
        yield _equality(node.path, operand, node.collation)
        return
    for found, value in zip(node.operators, operand.values(), strict=True):
        yield from _operator(found, value, Scope(node.path, operand, 1, node.collation))


def _operator(found: Operator, operand: Any, scope: Scope) -> Iterator[Conjunct]:
    name, path = found.name, scope.path
    if name == "$all":
        for item in operand:
            if isinstance(item, Mapping) and next(iter(item), None) == _ELEMENT_MATCH:
                yield from _operator(find_operator(_ELEMENT_MATCH, path), item[_ELEMENT_MATCH], scope)
            else:
                yield _equality(path, item, scope.collation)
    elif name == "$in" and len(operand) == 1:  # the server takes it for an equality
        yield _equality(path, operand[0], scope.collation)
    elif name == _ELEMENT_MATCH:
        kind = "values" if is_value_case(operand) else "documents"
        yield Conjunct(kind, path, compile_operator(found, operand, scope))
    else:
        yield Conjunct(name, path, compile_operator(found, operand, scope))


def _equality(path: str, operand: Any, collation: Collation | None) -> Conjunct:
    return Conjunct("$regex" if TYPES[type(operand)] == REGEX else "$eq", path, compile_value(operand, collation))


def _alternatives(node: LogicalNode, operands: Sequence[Any], collation: Collation | None) -> Iterator[Conjunct]:
    """Yield what the server makes of an $or of equalities on one path: an $in; of any other, nothing."""
    nodes = [child[0] if len(child) == 1 else None for child in node.children]
    paths = {each.path if isinstance(each, FieldNode) and each.operators is None else None for each in nodes}
    path = paths.pop()
    if node.negated or paths or path is None:
        return
    tests = [value_test(compile_value(operand, collation)) for operand in operands]
    yield Conjunct("$in", path, Test(lambda value: any(test(value) for test in tests)))


def _matched(condition: Condition, parts: tuple[str, ...], document: Mapping[str, Any]) -> int | None:
    """Return the position of the first value of a path that meets `condition`."""
    if isinstance(condition, All):
        found = [_matched(part, parts, document) for part in condition.conditions]
        return next((position for position in reversed(found) if position is not None), None)
    if isinstance(condition, Not):
        return None
    for reached in _walk(document, parts, 0, None, expand=isinstance(condition, Test)):
        if condition.test(reached.value):
            if reached.position is None and isinstance(condition, Whole) and condition.position is not None:
                return condition.position(reached.value)
            return reached.position
    return None


def _walk(
    document: Mapping[str, Any], parts: tuple[str, ...], index: int, outer: int | None, *, expand: bool
) -> Iterator[Reached]:
    """Yield what `values.paths.walk` finds, with positions; `outer` is that in an array on the way here."""
    value, kind = plain(document.get(parts[index], MISSING))
    if index < len(parts) - 1:
        if kind is dict:
            yield from _walk(value, parts, index + 1, outer, expand=expand)
        elif kind is list:
            yield from _walk_array(value, parts, index + 1, outer, expand=expand)
        else:
            yield Reached(MISSING, outer)
        return
    if kind is list and expand:
        for position, element in enumerate(value):
            yield Reached(element, position if outer is None else outer)
    yield Reached(value, outer)


def _walk_array(
    array: list[Any], parts: tuple[str, ...], index: int, outer: int | None, *, expand: bool
) -> Iterator[Reached]:
    wanted = array_position(parts[index])
    for position, item in enumerate(array):
        element, kind = plain(item)
        if kind is dict:
            yield from _walk(element, parts, index, position if outer is None else outer, expand=expand)
        if position != wanted:
            continue
        if index == len(parts) - 1:
            yield Reached(element, outer)
        elif kind is dict:
            yield from _walk(element, parts, index + 1, outer, expand=expand)
        elif kind is list:
            yield from _walk_array(element, parts, index + 1, outer, expand=expand)
