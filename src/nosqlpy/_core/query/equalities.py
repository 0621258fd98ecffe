"""The equalities in a filter: what an index can look up, and what an upsert starts from.

Both look at the conjuncts of the filter only. Manual:
reference/method/db.collection.updateOne (upsert).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nosqlpy._core.query.tree import FieldNode, LogicalNode, Node, Template
from nosqlpy._core.values.collation import Collation, compares_strings, keys_of
from nosqlpy._core.values.types import REGEX, TYPES


def equalities_of(template: Template, operands: list[Any]) -> dict[str, list[Any]]:
    """Return, by path, values of which a matching document has one at least; the shortest list for each path.

    Strings that a collation compares are not among them: an index holds strings as they are.
    """
    collation = template.collation
    found: dict[str, list[Any]] = {}
    for path, name, operand in _conjuncts(template, operands):
        values = _values(name, operand)
        if collation is not None and values is not None and any(map(compares_strings, values)):
            continue
        if values is not None and (path not in found or len(values) < len(found[path])):
            found[path] = values
    return found


def seeds_of(template: Template, operands: list[Any]) -> list[tuple[str, Any]]:
    """Return path and value of each equality: plain, ``$eq``, every one of ``$all``, ``$in`` with a single value."""
    seeds: list[tuple[str, Any]] = []
    key = keys_of(template.collation).equality
    for path, name, operand in _conjuncts(template, operands):
        if name == "$all":
            seeds.extend((path, item) for item in operand if not _is_regex(item) and not _is_element_match(item))
            continue
        values = _values(name, operand)
        if values is not None and (name != "$in" or len(set(map(key, values))) == 1):
            seeds.append((path, values[0]))
    return seeds


def _conjuncts(template: Template, operands: list[Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield path, operator ("" for a plain value) and operand of each condition that every match must meet."""
    index = 0
    for node in template.nodes:
        if not isinstance(node, FieldNode):
            size = operand_count(node)
            if isinstance(node, LogicalNode) and not node.negated:
                yield from _agreed(node, operands[index : index + size], template.collation)
            index += size
            continue
        operand = operands[index]
        index += 1
        if node.operators is None:
            yield node.path, "", operand
        else:
            for found, value in zip(node.operators, operand.values(), strict=True):
                yield node.path, found.name, value


def _agreed(node: LogicalNode, operands: list[Any], collation: Collation | None) -> Iterator[tuple[str, str, Any]]:
    """Yield the condition that all alternatives of an ``$or`` are, if each is one and the same equality."""
    paths = {child[0].path for child in node.children if len(child) == 1 and isinstance(child[0], FieldNode)}
    simple = all(len(child) == 1 and isinstance(child[0], FieldNode) for child in node.children)
    if not simple or len(paths) > 1:
        return
    key = keys_of(collation).equality
    wanted: dict[Any, Any] = {}
    for (found,), operand in zip(node.children, operands, strict=True):
        assert isinstance(found, FieldNode), "that was asked"
        operators = found.operators
        if operators is not None and [each.name for each in operators] != ["$eq"]:
            return
        value = operand if operators is None else operand["$eq"]
        if operators is None and _is_regex(value):
            return
        wanted.setdefault(key(value), value)
    if len(wanted) == 1:
        yield paths.pop(), "$eq", next(iter(wanted.values()))


def operand_count(node: Node) -> int:
    """Return how many operands belong to a node."""
    if not isinstance(node, LogicalNode):
        return 1
    return sum(operand_count(inner) for child in node.children for inner in child)


def _values(name: str, operand: Any) -> list[Any] | None:
    """Return the values of which a match has one, or None if the condition is not of that kind."""
    if name == "$eq" or (name == "" and not _is_regex(operand)):
        return [operand]
    if name == "$in" and all(TYPES[kind] != REGEX for kind in set(map(type, operand))):  # few types, many values
        return list(operand)
    if name == "$all":
        return next(([item] for item in operand if not _is_regex(item) and not _is_element_match(item)), None)
    return None


def _is_regex(value: Any) -> bool:
    return TYPES[type(value)] == REGEX


def _is_element_match(item: Any) -> bool:
    return isinstance(item, Mapping) and next(iter(item), None) == "$elemMatch"
