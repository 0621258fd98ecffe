"""Updates by a pipeline: stages that compute the new document from the old one.

Manual: tutorial/update-documents-with-aggregation-pipeline. The stages are
``$set`` (``$addFields``), ``$unset``, ``$project`` and ``$replaceWith``
(``$replaceRoot``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from nosqlpy._core.expression.compile import Expression, compile_expression
from nosqlpy._core.expression.fieldpaths import parse_field_path
from nosqlpy._core.query.projection import compile_projection
from nosqlpy._core.values.depth import check_depth
from nosqlpy._core.values.types import MISSING
from nosqlpy.aliases import Document
from nosqlpy.errors import QueryError, WriteError
from nosqlpy.naming import nearest

Stage: TypeAlias = Callable[[Document], Document]

# Stages of MongoDB's aggregation that an update may not have.
_OTHER_STAGES: Final = frozenset(
    (
        *("$bucket", "$bucketAuto", "$changeStream", "$changeStreamSplitLargeEvent", "$collStats", "$count"),
        *("$currentOp", "$densify", "$documents", "$facet", "$fill", "$geoNear", "$graphLookup", "$group"),
        *("$indexStats", "$limit", "$listClusterCatalog", "$listLocalSessions", "$listSampledQueries"),
        *("$listSearchIndexes", "$listSessions", "$lookup", "$match", "$merge", "$out", "$planCacheStats"),
        *("$querySettings", "$queryStats", "$rankFusion", "$redact", "$rerank", "$sample", "$score", "$scoreFusion"),
        *("$search", "$searchMeta", "$setWindowFields", "$shardedDataDistribution", "$skip", "$sort"),
        *("$sortByCount", "$unionWith", "$unwind", "$vectorSearch"),
    )
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

    def patch(self, data: bytes, size_max: int) -> bytes | None:  # noqa: ARG002 - a stage may read any field
        """Return None: it takes all of a document."""
        return None

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
    if not isinstance(operand, Mapping):
        raise _refusal(f"{name} takes a document of fields", 40272)
    fields = _Fields()
    for path, value in operand.items():
        fields.parse(path, value, variables)
    return lambda document: fields.set(document, document, variables)


class _Fields:
    """Fields to set, as a tree: each one is computed, or leads on."""

    __slots__ = ("nodes",)

    def __init__(self) -> None:
        self.nodes: dict[str, _Fields | Expression] = {}

    def parse(self, path: Any, value: Any, variables: Mapping[str, Any]) -> None:
        """Enter what is set at `path`: an expression, or a document of fields below it."""
        if not isinstance(path, str):
            message = f"a stage names fields by str, not {type(path).__name__}"
            raise QueryError(message, code=14, code_name="TypeMismatch")
        *above, last = parse_field_path(path, "the path")
        if isinstance(value, Mapping) and value and not _is_expression(value, path):
            for name, below in value.items():
                if "." in str(name):
                    raise _refusal(f"the dotted name {name!r} cannot stand in the document at {path!r}", 40183)
                self.parse(f"{path}.{name}", below, variables)
            return
        place = self.lead(above, path)
        if last in place.nodes:
            raise _collision(path)
        place.nodes[last] = compile_expression(value, variables=frozenset(variables))

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


def _is_expression(value: Mapping[str, Any], path: str) -> bool:
    operators = [name for name in value if str(name).startswith("$")]
    if operators and len(value) > 1:
        raise _refusal(f"the expression at {path!r} has other names beside {operators[0]}", 40181)
    return bool(operators)


def _collision(path: str) -> QueryError:
    return _refusal(f"{path!r} is set twice in one stage", 40176)


def _refusal(message: str, code: int) -> QueryError:
    return QueryError(message, code=code, code_name=f"Location{code}")


def _unset(name: str, operand: Any, variables: Mapping[str, Any]) -> Stage:
    names = [operand] if isinstance(operand, str) else operand
    if not isinstance(names, list | tuple):
        raise _refusal(f"{name} takes a field's name, or a list of names", 31002)
    if not names:
        raise _refusal(f"{name} takes a field's name, or a list of names that is not empty", 31119)
    if not all(isinstance(path, str) for path in names):
        raise _refusal(f"{name} takes names of fields, each a str", 31120)
    if len(set(names)) < len(names):
        raise _refusal(f"{name} names a field twice", 31250)
    return compile_projection(dict.fromkeys(names, 0), variables, find=False).apply


def _project(name: str, operand: Any, variables: Mapping[str, Any]) -> Stage:
    if not isinstance(operand, Mapping):
        raise _refusal(f"{name} takes a document of fields", 15969)
    if not operand:
        raise _refusal(f"{name} takes a document of fields that is not empty", 51272)
    return compile_projection(operand, variables, find=False).apply


def _replace_root(name: str, operand: Any, variables: Mapping[str, Any]) -> Stage:
    if not isinstance(operand, Mapping):
        raise _refusal(f"{name} takes {{newRoot: …}}", 40229)
    for other in operand:
        if other != "newRoot":
            raise _refusal(f"{name} has no field {other!r}{nearest(str(other), ['newRoot'])}", 40415)
    if not operand:
        raise _refusal(f"{name} needs the field 'newRoot'", 40414)
    return _replace(name, operand["newRoot"], variables)


def _replace(name: str, operand: Any, variables: Mapping[str, Any]) -> Stage:
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
    "$replaceRoot": _replace_root,
    "$replaceWith": _replace,
    "$set": _set,
    "$unset": _unset,
}
