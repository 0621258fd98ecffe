"""What a projection does to a document: its fields as a tree, and the functions made of that.

Included fields keep the order of the document; computed ones follow in the
order of the projection, but for those in a document that is there already
(the server's projection_node.cpp).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from nosqlpy._core.values.types import MISSING

Rule: TypeAlias = Callable[[Any], Any]
"""What becomes of a field's value; MISSING takes the field out."""

Compute: TypeAlias = Callable[[Mapping[str, Any]], Any]
"""The value of a computed field, from the document as it is stored."""

_Add: TypeAlias = Callable[[dict[str, Any], Mapping[str, Any]], None]
"""Puts computed fields into a projected document; the stored one is the second argument."""


class Tree(msgspec.Struct):
    """The fields that a projection names under one field, each with what becomes of it."""

    fields: dict[str, Tree | Leaf] = {}

    def computes(self) -> bool:
        """Return whether a field below is computed."""
        return any(
            node.compute is not None if isinstance(node, Leaf) else node.computes() for node in self.fields.values()
        )


class Leaf(msgspec.Struct, frozen=True):
    """What becomes of a field: it is included, excluded, its value changed by a rule, or computed anew."""

    includes: bool
    rule: Rule | None = None
    compute: Compute | None = None

    def keeps(self) -> bool:
        """Return whether the field is included as it is."""
        return self.includes and self.rule is None and self.compute is None

    def excludes(self) -> bool:
        """Return whether all that becomes of the field is that it is left out."""
        return not self.includes and self.compute is None


def inclusion(tree: Tree) -> Rule:
    """Return what makes the projected document of a stored one: the fields of `tree`, and those computed."""
    return _then_ruled(_then_added(_included(tree), tree), tree)


def _included(tree: Tree) -> Rule:
    """Return what keeps the fields of `tree` in a document, in its order; what computes below stays whole."""
    nested = {name: rule for name, node in tree.fields.items() if (rule := _rule(node, inclusive=True)) is not None}
    names = frozenset(name for name, node in tree.fields.items() if isinstance(node, Tree) or node.includes)

    def include(document: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in document.items() if name in names}

    def include_nested(document: dict[str, Any]) -> dict[str, Any]:
        return _ruled(include(document), nested)

    return include_nested if nested else include


def exclusion(tree: Tree) -> Rule:
    """Return what makes the projected document of a stored one: all but the fields of `tree`, and those computed."""
    return _then_ruled(_then_added(_excluded(tree), tree), tree)


def _excluded(tree: Tree) -> Rule:
    """Return what takes the fields of `tree` out of a document."""
    nested = {name: rule for name, node in tree.fields.items() if (rule := _rule(node, inclusive=False)) is not None}
    names = frozenset(name for name, node in tree.fields.items() if isinstance(node, Leaf) and node.excludes())

    def exclude(document: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in document.items() if name not in names}

    def exclude_nested(document: dict[str, Any]) -> dict[str, Any]:
        return _ruled(exclude(document), nested)

    return exclude_nested if nested else exclude


def _then_added(project: Rule, tree: Tree) -> Rule:
    """Return `project`, followed by putting in the computed fields of `tree`."""
    if not tree.computes():
        return project
    add = _added(tree)

    def apply(document: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = project(document)
        add(result, document)
        return result

    return apply


def _added(tree: Tree) -> _Add:
    """Return what puts the computed fields of `tree` into a document, in the tree's order."""
    steps: list[tuple[str, Callable[[Any, Mapping[str, Any]], Any]]] = []
    for name, node in tree.fields.items():
        if isinstance(node, Tree) and node.computes():
            steps.append((name, _computed_below(node)))
        elif isinstance(node, Leaf) and node.compute is not None:
            steps.append((name, _computed(node.compute)))

    def add(result: dict[str, Any], root: Mapping[str, Any]) -> None:
        for name, step in steps:
            value = step(result.get(name, MISSING), root)
            if value is not MISSING:
                result[name] = value
            else:
                result.pop(name, None)

    return add


def _computed(compute: Compute) -> Callable[[Any, Mapping[str, Any]], Any]:
    return lambda _value, root: compute(root)


def _computed_below(tree: Tree) -> Callable[[Any, Mapping[str, Any]], Any]:
    """Return what projects a value that holds computed fields; what is neither document nor array gives way to them."""
    include, add = _included(tree), _added(tree)

    def compute(value: Any, root: Mapping[str, Any]) -> Any:
        if type(value) is list:
            return [compute(item, root) for item in value]
        result: dict[str, Any] = include(value) if type(value) is dict else {}
        add(result, root)
        return result

    return compute


def _rule(node: Tree | Leaf, *, inclusive: bool) -> Rule | None:
    if isinstance(node, Leaf):
        return None
    if not inclusive:
        return _through_arrays(_excluded(node), keeps_scalars=True)
    return None if node.computes() else _through_arrays(_included(node), keeps_scalars=False)


def _then_ruled(project: Rule, tree: Tree) -> Rule:
    """Return `project`, followed by the rules of the leaves of `tree`."""
    rules = _leaf_rules(tree)
    return (lambda document: _ruled(project(document), rules)) if rules else project


def _leaf_rules(tree: Tree) -> dict[str, Rule]:
    """Return the rules of leaves by field: they alter a document that is projected already, in place."""
    rules: dict[str, Rule] = {}
    for name, node in tree.fields.items():
        if isinstance(node, Leaf):
            if node.rule is not None:
                rules[name] = node.rule
        elif below := _leaf_rules(node):
            rules[name] = _in_documents(below)
    return rules


def _in_documents(rules: dict[str, Rule]) -> Rule:
    """Return what applies `rules` in a document, or in each of an array; an array in an array stays as it is."""

    def alter(value: Any) -> Any:
        if type(value) is dict:
            return _ruled(value, rules)
        if type(value) is list:
            return [_ruled(element, rules) if type(element) is dict else element for element in value]
        return value

    return alter


def _ruled(document: dict[str, Any], rules: dict[str, Rule]) -> dict[str, Any]:
    """Return `document`, which is the caller's, with the rules applied in place."""
    for name, rule in rules.items():
        if name in document:
            value = rule(document[name])
            if value is MISSING:
                del document[name]
            else:
                document[name] = value
    return document


def _through_arrays(rule: Rule, *, keeps_scalars: bool) -> Rule:
    """Return `rule` for a document or for every document in an array, however nested."""

    def walk(value: Any) -> Any:
        if type(value) is dict:
            return rule(value)
        if type(value) is list:
            return [kept for element in value if (kept := walk(element)) is not MISSING]
        return value if keeps_scalars else MISSING

    return walk
