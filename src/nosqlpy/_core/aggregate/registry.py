"""The stages by name. One more stage is one more function in the right module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from nosqlpy._core.aggregate.stage import Scope, Stage, malformed
from nosqlpy.errors import NotSupportedError
from nosqlpy.naming import nearest

CompileStage: TypeAlias = Callable[[str, Any, Scope], Stage]

_STAGES: Final[dict[str, CompileStage]] = {}

_NOT_SUPPORTED: Final = frozenset(
    (
        *("$changeStream", "$changeStreamSplitLargeEvent", "$currentOp"),
        *("$geoNear", "$listClusterCatalog", "$listLocalSessions"),
        *("$listSampledQueries", "$listSearchIndexes", "$listSessions", "$planCacheStats"),
        *("$querySettings", "$queryStats", "$rankFusion", "$rerank", "$score", "$scoreFusion", "$search"),
        *("$searchMeta", "$shardedDataDistribution", "$vectorSearch"),
    )
)


def stage(*names: str) -> Callable[[CompileStage], CompileStage]:
    """Register the decorated function as what compiles the operand of the stages `names`."""

    def register(function: CompileStage) -> CompileStage:
        for name in names:
            assert name not in _STAGES, name
            _STAGES[name] = function
        return function

    return register


def find_stage(name: str) -> CompileStage:
    """Return what compiles the operand of the stage `name`.

    Raises:
        NotSupportedError: MongoDB has it and nosqlpy does not.
        QueryError: There is none.
    """
    found = _STAGES.get(name)
    if found is not None:
        return found
    if name in _NOT_SUPPORTED:
        raise NotSupportedError(f"aggregation stage {name} is not supported")
    raise malformed(f"unknown aggregation stage {name!r}{nearest(name, stage_names())}", 40324)


def stage_names() -> frozenset[str]:
    """Return the names of all stages that there are."""
    return frozenset(_STAGES)
