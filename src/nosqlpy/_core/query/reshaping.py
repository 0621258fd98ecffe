"""Documents made of documents by one operator: $project, $set ($addFields), $unset, $replaceRoot ($replaceWith).

Manual: reference/operator/aggregation/project, set, unset, replaceRoot. They are
stages of aggregations and of updates alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from nosqlpy._core.expression.compile import Expression, compile_expression
from nosqlpy._core.expression.fieldpaths import parse_field_path
from nosqlpy._core.query.projection import compile_projection
from nosqlpy._core.values.codec import copy_value
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.types import MISSING, is_string
from nosqlpy.aliases import Document
from nosqlpy.errors import OperationFailure, QueryError
from nosqlpy.naming import nearest

_CONTAINERS: Final = frozenset((dict, list))


class Reshaping(msgspec.Struct, frozen=True):
    """What makes a new document of one, and the paths that it reads, None if it reads all of it."""

    apply: Callable[[Document], Document]
    reads: frozenset[str] | None = None


def compile_reshaping(
    name: str, operand: Any, variables: Mapping[str, Any], collation: Collation | None = None
) -> Reshaping:
    """Return the compiled stage; `variables` are what expressions may use, by name, `collation` how strings compare.

    Raises:
        QueryError: The operand means nothing.
        NotSupportedError: An expression has an operator that nosqlpy lacks.
    """
    return _COMPILERS[name](name, operand, variables, collation)


def _set(name: str, operand: Any, variables: Mapping[str, Any], collation: Collation | None) -> Reshaping:
    if not isinstance(operand, Mapping):
        raise _refusal(f"{name} takes a document of fields", 40272)
    fields = _Fields()
    for path, value in operand.items():
        fields.parse(path, value, variables, collation)
    return Reshaping(lambda document: fields.set(document, document, variables), fields.reads)


class _Fields:
    """Fields to set, as a tree: each one is computed, or leads on."""

    __slots__ = ("nodes", "reads")

    def __init__(self) -> None:
        self.nodes: dict[str, _Fields | Expression] = {}
        self.reads: frozenset[str] | None = frozenset()

    def parse(self, path: Any, value: Any, variables: Mapping[str, Any], collation: Collation | None) -> None:
        """Enter what is set at `path`: an expression, or a document of fields below it."""
        if not isinstance(path, str):
            message = f"a stage names fields by str, not {type(path).__name__}"
            raise QueryError(message, code=14, code_name="TypeMismatch")
        *above, last = parse_field_path(path, "the path")
        if isinstance(value, Mapping) and value and not _is_expression(value, path):
            for name, below in value.items():
                if "." in str(name):
                    raise _refusal(f"the dotted name {name!r} cannot stand in the document at {path!r}", 40183)
                self.parse(f"{path}.{name}", below, variables, collation)
            return
        place = self.lead(above, path)
        if last in place.nodes:
            raise _collision(path)
        expression = compile_expression(value, variables=frozenset(variables), collation=collation)
        place.nodes[last] = expression
        self._note(expression, above)

    def _note(self, expression: Expression, above: Sequence[str]) -> None:
        """Note what is read: the paths of `expression`, and the field on the way to where its value goes."""
        if self.reads is None or expression.paths is None:
            self.reads = None
        else:
            self.reads |= expression.paths | frozenset(above[:1])

    def lead(self, parts: Sequence[str], path: str) -> _Fields:
        """Return the place that `parts` lead to."""
        place = self
        for part in parts:
            below = place.nodes.setdefault(part, _Fields())
            if not isinstance(below, _Fields):
                raise _collision(path)
            place = below
        return place

    def set(self, value: Any, root: Document, variables: Mapping[str, Any]) -> Any:
        """Return `value` with the fields set: in it, in every document of an array, or in a new document."""
        if type(value) is list:
            return [self.set(item, root, variables) for item in value]
        result: Document = dict(value) if type(value) is dict else {}
        for name, node in self.nodes.items():
            if isinstance(node, _Fields):
                result[name] = node.set(result.get(name, MISSING), root, variables)
            elif (computed := node.evaluate(root, variables)) is not MISSING:
                result[name] = copy_value(computed) if type(computed) in _CONTAINERS else computed
            else:
                result.pop(name, None)
        return result


def _is_expression(value: Mapping[str, Any], path: str) -> bool:
    operators = [name for name in value if str(name).startswith("$")]
    if operators and len(value) > 1:
        raise _refusal(f"the expression at {path!r} has other names beside {operators[0]}", 40181)
    return bool(operators)


def _collision(path: str) -> QueryError:
    return _refusal(f"{path!r} is set twice in one stage", 40176)


def _refusal(message: str, code: int) -> QueryError:
    return QueryError(message, code=code, code_name=f"Location{code}")


def _unset(name: str, operand: Any, variables: Mapping[str, Any], collation: Collation | None) -> Reshaping:
    names = [operand] if is_string(operand) else operand
    if not isinstance(names, list | tuple):
        raise _refusal(f"{name} takes a field's name, or a list of names", 31002)
    if not names:
        raise _refusal(f"{name} takes a field's name, or a list of names that is not empty", 31119)
    if not all(map(is_string, names)):
        raise _refusal(f"{name} takes names of fields, each a str", 31120)
    if len(set(names)) < len(names):
        raise _refusal(f"{name} names a field twice", 31250)
    return Reshaping(compile_projection(dict.fromkeys(names, 0), variables, collation, find=False).apply, frozenset())


def _project(name: str, operand: Any, variables: Mapping[str, Any], collation: Collation | None) -> Reshaping:
    if not isinstance(operand, Mapping):
        raise _refusal(f"{name} takes a document of fields", 15969)
    if not operand:
        raise _refusal(f"{name} takes a document of fields that is not empty", 51272)
    projection = compile_projection(operand, variables, collation, find=False)
    return Reshaping(projection.apply, projection.paths)


def _replace_root(name: str, operand: Any, variables: Mapping[str, Any], collation: Collation | None) -> Reshaping:
    if not isinstance(operand, Mapping):
        raise _refusal(f"{name} takes {{newRoot: …}}", 40229)
    for other in operand:
        if other != "newRoot":
            raise _refusal(f"{name} has no field {other!r}{nearest(str(other), ['newRoot'])}", 40415)
    if not operand:
        raise _refusal(f"{name} needs the field 'newRoot'", 40414)
    return _replace(name, operand["newRoot"], variables, collation)


def _replace(name: str, operand: Any, variables: Mapping[str, Any], collation: Collation | None) -> Reshaping:
    root = compile_expression(operand, variables=frozenset(variables), collation=collation)

    def replace(document: Document) -> Document:
        value = root.evaluate(document, variables)
        if type(value) is not dict:
            message = f"{name} must give a document, and gave {'nothing' if value is MISSING else type(value).__name__}"
            raise OperationFailure(message, code=40228, code_name="Location40228")
        return value

    return Reshaping(replace, root.paths)


_COMPILERS: Final[Mapping[str, Callable[[str, Any, Mapping[str, Any], Collation | None], Reshaping]]] = {
    "$addFields": _set,
    "$project": _project,
    "$replaceRoot": _replace_root,
    "$replaceWith": _replace,
    "$set": _set,
    "$unset": _unset,
}

RESHAPINGS: Final = frozenset(_COMPILERS)
"""The names of the stages that there are."""
