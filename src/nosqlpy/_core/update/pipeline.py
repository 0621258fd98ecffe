"""Updates by a pipeline: stages that compute the new document from the old one.

Manual: tutorial/update-documents-with-aggregation-pipeline. The stages are
``$set`` (``$addFields``), ``$unset``, ``$project`` and ``$replaceWith``
(``$replaceRoot``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from nosqlpy._core.query.reshaping import RESHAPINGS, compile_reshaping
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.depth import check_depth
from nosqlpy._core.values.types import MISSING, type_name
from nosqlpy.aliases import Document
from nosqlpy.errors import OperationFailure, QueryError, WriteError
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
    names = None

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages

    def apply(self, document: Document, position: int | None = None) -> Document:  # noqa: ARG002 - it has no ``$``
        """Return what the stages make of the document.

        Raises:
            WriteError: A stage cannot be computed on it.
        """
        identity = document.get("_id", MISSING)
        try:
            for stage in self._stages:
                document = stage(document)
        except OperationFailure as error:
            raise WriteError(str(error), code=error.code, code_name=error.code_name) from None
        return document if "_id" in document or identity is MISSING else {"_id": identity, **document}

    def patch(self, data: bytes, size_max: int) -> bytes | None:  # noqa: ARG002 - a stage may read any field
        """Return None: it takes all of a document."""
        return None

    def insert(self, seed: Document) -> Document:
        """Return what the stages make of the values that the filter asks for."""
        return self.apply(seed)


def compile_pipeline(
    stages: Sequence[Any], variables: Mapping[str, Any], collation: Collation | None = None
) -> PipelineUpdater:
    """Return the updater of a list of stages; `variables` are what their expressions may use, by name.

    Raises:
        QueryError: A stage means nothing, or has no place in an update.
        NotSupportedError: An expression has an operator that nosqlpy lacks.
    """
    return PipelineUpdater([_compile_stage(stage, variables, collation) for stage in stages])


def _compile_stage(stage: Any, variables: Mapping[str, Any], collation: Collation | None) -> Stage:
    if not isinstance(stage, Mapping):
        message = f"a stage of an update is a document, not {type_name(stage)}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    if len(stage) != 1:
        message = "a stage of an update is a document with one field, its operator"
        raise QueryError(message, code=40323, code_name="Location40323")
    ((name, operand),) = stage.items()
    check_depth(operand)
    if name in RESHAPINGS:
        return compile_reshaping(name, operand, variables, collation).apply
    if name in _OTHER_STAGES:
        raise QueryError(f"{name} is not allowed in an update", code=72, code_name="InvalidOptions")
    message = f"unknown stage {name!r} in an update{nearest(str(name), RESHAPINGS)}"
    raise QueryError(message, code=40324, code_name="Location40324")
