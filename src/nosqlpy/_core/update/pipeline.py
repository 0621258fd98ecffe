"""Updates by a pipeline: stages that compute the new document from the old one.

Manual: tutorial/update-documents-with-aggregation-pipeline. The stages are
``$set`` (``$addFields``), ``$unset``, ``$project`` and ``$replaceWith``
(``$replaceRoot``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from nosqlpy._core.expression.compile import Expression, compile_expression
from nosqlpy._core.query.projected import Leaf, Tree, exclusion
from nosqlpy._core.query.projection import compile_projection
from nosqlpy._core.values.depth import check_depth
from nosqlpy._core.values.paths import parse_path
from nosqlpy._core.values.types import MISSING
from nosqlpy.aliases import Document
from nosqlpy.errors import QueryError, WriteError
from nosqlpy.naming import nearest

Stage: TypeAlias = Callable[[Document], Document]

# Stages of MongoDB's aggregation that an update may not have.
_OTHER_STAGES: Final = frozenset(
    ("$bucket", "$count", "$facet", "$group", "$limit", "$lookup", "$match", "$sample", "$skip", "$sort", "$unwind")
)


class PipelineUpdater:
    """Runs a document through stages; its ``_id`` stays."""

    __slots__ = ("_stages",)

    needs_position = False
    replaces = False

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages

    def apply(self, document: Document, position: int | None = None) -> Document:  # noqa: ARG002 - it has no ``$``
        """Return what the stages make of the document."""
        identity = document.get("_id", MISSING)
        for stage in self._stages:
            document = stage(document)
        return document if "_id" in document or identity is MISSING else {"_id": identity, **document}

    def insert(self, seed: Document) -> Document:
        """Return what the stages make of the values that the filter asks for."""
        return self.apply(seed)


def compile_pipeline(stages: Sequence[Any], variables: Mapping[str, Any]) -> PipelineUpdater:
    """Return the updater of a list of stages; `variables` are what their expressions may use, by name.

    Raises:
        QueryError: A stage means nothing, or has no place in an update.
        NotSupportedError: An expression has an operator that nosqlpy lacks.
    """
    return PipelineUpdater([_compile_stage(stage, variables) for stage in stages])


def _compile_stage(stage: Any, variables: Mapping[str, Any]) -> Stage:
    if not isinstance(stage, Mapping) or len(stage) != 1:
        message = "a stage of an update is a document with one field, its operator"
        raise QueryError(message, code=40323, code_name="Location40323")
    ((name, operand),) = stage.items()
    check_depth(operand)
    if name in _STAGES:
        return _STAGES[name](name, operand, variables)
    if name in _OTHER_STAGES:
        raise QueryError(f"{name} is not allowed in an update", code=72, code_name="InvalidOptions")
    message = f"unknown stage {name!r} in an update{nearest(str(name), _STAGES)}"
    raise QueryError(message, code=40324, code_name="Location40324")


def _set(name: str, operand: Any, variables: Mapping[str, Any]) -> Stage:
    if not isinstance(operand, Mapping) or not operand:
        message = f"{name} takes a document of fields that is not empty"
        raise QueryError(message, code=40272, code_name="Location40272")
    fields = _Fields()
    fields.parse(operand, "", variables)
    return lambda document: fields.set(document, document, variables)


class _Fields:
    """Fields to set, as a tree: each one is computed, or leads on."""

    __slots__ = ("nodes",)

    def __init__(self) -> None:
        self.nodes: dict[str, _Fields | Expression] = {}

    def parse(self, operand: Mapping[str, Any], prefix: str, variables: Mapping[str, Any]) -> None:
        """Enter the fields of `operand`, which stands at `prefix`."""
        for name, value in operand.items():
            path = f"{prefix}{name}"
            parts = parse_path(name).parts
            place = self.lead(parts[:-1], path)
            if isinstance(value, Mapping) and value and not str(next(iter(value))).startswith("$"):
                place.lead(parts[-1:], path).parse(value, f"{path}.", variables)
            elif parts[-1] in place.nodes:
                raise _collision(path)
            else:
                place.nodes[parts[-1]] = compile_expression(value, variables=frozenset(variables))

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
                result[name] = computed
            else:
                result.pop(name, None)
        return result


def _collision(path: str) -> QueryError:
    return QueryError(f"{path!r} is set twice in one stage", code=40176, code_name="Location40176")


def _unset(name: str, operand: Any, variables: Mapping[str, Any]) -> Stage:  # noqa: ARG001 - stages are compiled alike
    names = [operand] if isinstance(operand, str) else operand
    if not isinstance(names, Sequence) or not names or not all(isinstance(path, str) and path for path in names):
        message = f"{name} takes a field's name, or a list of names that is not empty"
        raise QueryError(message, code=31002, code_name="Location31002")
    tree = Tree()
    for path in names:
        _exclude(tree, path)
    return exclusion(tree)


def _exclude(tree: Tree, path: str) -> None:
    *above, last = parse_path(path).parts
    for part in above:
        below = tree.fields.setdefault(part, Tree(fields={}))
        if isinstance(below, Leaf):
            raise QueryError(f"{path!r} collides with another field", code=31249, code_name="Location31249")
        tree = below
    if last in tree.fields:
        raise QueryError(f"{path!r} collides with another field", code=31250, code_name="Location31250")
    tree.fields[last] = Leaf(includes=False)


def _project(name: str, operand: Any, variables: Mapping[str, Any]) -> Stage:
    if not isinstance(operand, Mapping) or not operand:
        message = f"{name} takes a document of fields that is not empty"
        raise QueryError(message, code=51272, code_name="Location51272")
    return compile_projection(operand, variables, find=False).apply


def _replace(name: str, operand: Any, variables: Mapping[str, Any]) -> Stage:
    if name == "$replaceRoot":
        if not isinstance(operand, Mapping) or set(operand) != {"newRoot"}:
            raise QueryError(f"{name} takes {{newRoot: …}}", code=40230, code_name="Location40230")
        operand = operand["newRoot"]
    root = compile_expression(operand, variables=frozenset(variables))

    def replace(document: Document) -> Document:
        value = root.evaluate(document, variables)
        if type(value) is not dict:
            message = f"{name} must give a document, and gave {'nothing' if value is MISSING else type(value).__name__}"
            raise WriteError(message, code=40228, code_name="Location40228")
        return value

    return replace


_STAGES: Final[Mapping[str, Callable[[str, Any, Mapping[str, Any]], Stage]]] = {
    "$addFields": _set,
    "$project": _project,
    "$replaceRoot": _replace,
    "$replaceWith": _replace,
    "$set": _set,
    "$unset": _unset,
}
