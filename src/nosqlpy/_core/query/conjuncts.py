"""A filter as a planner sees it: the conditions that every match meets, and the alternatives of which it meets one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from nosqlpy._core.query.textual import TextOperand
from nosqlpy._core.query.tree import FieldNode, LogicalNode, Node, TextNode
from nosqlpy._core.text.search import Search
from nosqlpy._core.values.collation import Collation


class FieldCondition(msgspec.Struct, frozen=True):
    """A condition on a path: its operator ("" for a plain value) and operand, and all operators that stand there."""

    path: str
    operator: str
    operand: Any
    siblings: Mapping[str, Any] = {}


class Conjunction(msgspec.Struct, frozen=True):
    """All conditions that a match meets; of each list of `alternatives` it meets one.

    It is not `complete` if there are others, which no index serves. `text` is what a ``$text`` among them
    looks for.
    """

    conditions: list[FieldCondition]
    alternatives: list[list[Conjunction]]
    complete: bool
    collation: Collation | None = None
    text: Search | None = None

    @property
    def searches(self) -> bool:
        """Whether there is a ``$text`` in it or in an alternative."""
        return self.text is not None or any(part.searches for parts in self.alternatives for part in parts)


def conjunction_of(nodes: Sequence[Node], operands: Iterator[Any], collation: Collation | None) -> Conjunction:
    """Return the conjunction of some nodes of a filter's tree, which take their operands from `operands`."""
    conditions: list[FieldCondition] = []
    alternatives: list[list[Conjunction]] = []
    complete = True
    text: Search | None = None
    for node in nodes:
        if isinstance(node, FieldNode):
            operand = next(operands)
            if node.operators is None:
                conditions.append(FieldCondition(node.path, "", operand))
            else:
                conditions += [
                    FieldCondition(node.path, found.name, value, operand)
                    for found, value in zip(node.operators, operand.values(), strict=True)
                ]
        elif isinstance(node, LogicalNode):
            branches = [conjunction_of(child, operands, collation) for child in node.children]
            if node.negated:
                complete = False
            else:
                alternatives.append(branches)
        elif isinstance(node, TextNode):
            operand = next(operands)
            assert isinstance(operand, TextOperand), "that is what its shape says"
            text = operand.search
        else:
            next(operands)
            complete = False
    return Conjunction(conditions, alternatives, complete, collation, text)
