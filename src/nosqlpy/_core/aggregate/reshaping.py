"""Stages that make one document of each: $project, $addFields ($set), $unset, $replaceRoot ($replaceWith).

Manual: reference/operator/aggregation/project, addFields, unset, replaceRoot. They
are the stages that an update may have too.
"""

from __future__ import annotations

from typing import Any, Final

from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import Scope, Stage, each
from nosqlpy._core.query.reshaping import compile_reshaping

_NARROWING: Final = frozenset(("$project", "$replaceRoot", "$replaceWith"))


@stage("$project", "$addFields", "$set", "$unset", "$replaceRoot", "$replaceWith")
def compile_reshape(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that makes each document anew."""
    reshaping = compile_reshaping(name, operand, scope.variables, scope.collation)
    narrows = name in _NARROWING and reshaping.reads is not None
    return Stage(name, each(reshaping.apply), reshaping.reads, gathers=narrows, convert=reshaping.apply)
