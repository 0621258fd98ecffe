"""Pipelines, compiled: what a find of the collection can do, and the stages that follow it.

Manual: core/aggregation-pipeline, core/aggregation-pipeline-optimization. What
stands in front ($match, $sort, $skip, $limit) is left to the collection's own
find, with its indexes and its partial decoding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

# Importing these registers their stages.
from nosqlpy._core.aggregate import (
    autobucketing,
    bucketing,
    choosing,
    densifying,
    describing,
    faceting,
    filling,
    gathering,
    graphing,
    grouping,
    joining,
    ordering,
    ranking,
    redacting,
    reshaping,
    scaling,
    selecting,
    series,
    summing,
    unwinding,
    windowing,
)
from nosqlpy._core.aggregate.registry import find_stage
from nosqlpy._core.aggregate.searching import carrying, check_texts, last_scored
from nosqlpy._core.aggregate.selecting import whole_number
from nosqlpy._core.aggregate.stage import NOTHING, Scope, Stage, malformed
from nosqlpy._core.aggregate.targets import TARGETS, Target, compile_target
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.depth import check_depth
from nosqlpy._core.values.types import ARRAY, OBJECT, TYPES, as_mapping

__all__ = ["STAGE_MODULES", "Pipeline", "compile_pipeline"]

STAGE_MODULES: Final = (
    *(autobucketing, bucketing, densifying, describing, faceting, filling, graphing, grouping, joining, ordering),
    *(redacting, reshaping, selecting, unwinding, windowing),
)
FUNCTION_MODULES: Final = (filling, ranking, scaling, series)
ACCUMULATOR_MODULES: Final = (choosing, gathering, summing)
STAGES_MAX: Final = 1000
STARTS: Final = frozenset(("$collStats", "$documents", "$indexStats"))
"""Stages that make their documents themselves, and can only be the first."""
_NOT_IN_FACET: Final = STARTS | TARGETS | {"$facet", "$geoNear"}
_ONE_OF_EACH: Final = frozenset(("$addFields", "$lookup", "$project", "$replaceRoot", "$replaceWith", "$set", "$unset"))
"""Stages that make one document of each."""


class Pipeline(msgspec.Struct, frozen=True):
    """A compiled pipeline: a find, and the stages that what it finds goes through.

    `paths` are those that the stages read of a stored document, None for whole documents.
    """

    filter: Mapping[str, Any] = {}
    sort: Mapping[str, Any] | None = None
    skip: int = 0
    limit: int = 0
    stages: tuple[Stage, ...] = ()
    paths: frozenset[str] | None = None
    unwinds: int | None = None
    """How many stages unwind rows for the one behind them, which works on rows; None if no rows are made."""
    sieve: int = 0
    """How many stages, the last of them a $match, tell from few fields which documents need not be decoded."""
    starts: bool = False
    """Whether the first stage makes its documents itself, so that none of the collection's are read."""
    scored: bool = False
    """Whether documents carry the score of a text search into the stages."""
    target: Target | None = None
    """Where what comes out is written, None if it is returned."""


def compile_pipeline(
    stages: Any, variables: Mapping[str, Any], collation: Collation | None = None, *, database: bool = False
) -> Pipeline:
    """Return the compiled pipeline; `variables` are what expressions may use, by name, `collation` how strings compare.

    One of a `database` begins with $documents, and no other does.

    Raises:
        QueryError: It is no list of stages, or a stage means nothing.
        NotSupportedError: It has a stage or an operator of MongoDB's that nosqlpy lacks.
    """
    named, scope = _named(stages), Scope(variables, compile_stages, collation)
    target = compile_target(*named.pop(), scope) if named and named[-1][0] in TARGETS else None
    compiled = [*_compiled(named, scope)]
    if database is not (named[:1] != [] and named[0][0] == "$documents"):
        message = "a pipeline of a database, and no other, begins with $documents"
        raise malformed(message, 73, "InvalidNamespace")
    front = _front(named)
    taken = front.pop("taken")
    scored = last_scored(named) - taken
    rest = tuple(carrying(compiled[taken:], scored))
    paths = _paths(rest)
    unwinds = None if paths is None or scored > 0 else _unwinds(rest)
    return Pipeline(
        **front,
        stages=rest,
        paths=paths,
        unwinds=unwinds,
        sieve=0 if scored > 0 else _sieve(rest, paths),
        starts=bool(rest) and rest[0].name in STARTS,
        scored=scored > 0,
        target=target,
    )


def compile_stages(stages: Any, scope: Scope) -> Sequence[Stage]:
    """Return the compiled stages of a pipeline inside another one."""
    return _compiled(_named(stages), scope)


def _named(stages: Any) -> list[tuple[str, Any]]:
    """Return the name and the operand of every stage."""
    if TYPES[type(stages)] != ARRAY:
        raise malformed(f"a pipeline is a list of stages, not {type(stages).__name__}", 14, "TypeMismatch")
    if len(stages) > STAGES_MAX:
        raise malformed(f"a pipeline has at most {STAGES_MAX} stages, not {len(stages)}", 7749501)
    named: list[tuple[str, Any]] = []
    for stage in stages:
        if TYPES[type(stage)] != OBJECT:
            raise malformed(f"a stage is a document, not {type(stage).__name__}", 14, "TypeMismatch")
        items = list(as_mapping(stage).items())
        if len(items) != 1 or not isinstance(items[0][0], str):
            raise malformed("a stage is a document with one field, its operator", 40323)
        named.append(items[0])
    return named


def _compiled(named: Sequence[tuple[str, Any]], scope: Scope) -> list[Stage]:
    compiled: list[Stage] = []
    check_texts(named, scope)
    for place, (name, operand) in enumerate(named):
        check_depth(operand)
        if name in _NOT_IN_FACET and "$facet" in scope.inside:
            within = "" if scope.inside[-1] == "$facet" else f" inside of {scope.inside[-1]}"
            raise malformed(f"{name}{within} is not allowed to be used within a $facet stage", 40600)
        if name in STARTS and place:
            raise malformed(f"{name} is only valid as the first stage in a pipeline", 40602)
        first = _asked_for(named[place + 1 :]) if name == "$sort" else 0
        compiled.append(find_stage(name)(name, operand, msgspec.structs.replace(scope, first=first)))
    return compiled


def _asked_for(following: Sequence[tuple[str, Any]]) -> int:
    """Return how many of the documents that a stage puts out the `following` ones let through, 0 if all of them."""
    skipped = 0
    for name, operand in following:
        if name == "$limit":
            return skipped + whole_number(name, operand, 5107201, least=1)
        if name == "$skip":
            skipped += whole_number(name, operand, 5107200, least=0)
        elif name not in _ONE_OF_EACH:
            break
    return 0


def _front(named: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return what of the pipeline a find can do, and how many stages that are."""
    front: dict[str, Any] = {}
    filters: list[Any] = []
    order = ("$match", "$sort", "$skip", "$limit")
    reached = taken = 0
    for name, operand in named:
        sorted_only = name == "$match" and reached == 1  # which of the documents are sorted makes no difference
        if name not in order or (order.index(name) < reached and not sorted_only) or name[1:] in front:
            break
        reached = max(reached, order.index(name))
        if name == "$match":
            filters.append(operand)
        else:
            front[name[1:]] = operand if name == "$sort" else int(operand)
        taken += 1
    if filters:
        front["filter"] = filters[0] if len(filters) == 1 else {"$and": filters}
    return {**front, "taken": taken}


def _unwinds(stages: Sequence[Stage]) -> int | None:
    """Return how many stages at the beginning unwind rows for one that works on rows, None if that cannot be."""
    for place, stage in enumerate(stages):
        if stage.run_rows is not None:
            return place
        read = NOTHING.union(*(each.reads or NOTHING for each in stages[place + 1 :]))
        if stage.unwound is None or not stage.unwound.allows(read):
            return None
    return None


def _sieve(stages: Sequence[Stage], paths: frozenset[str] | None) -> int:
    """Return how many stages let documents through by some of their fields, where whole ones are asked for."""
    if paths is not None:
        return 0
    for place, stage in enumerate(stages):
        if stage.reads is None or "" in stage.reads:  # all of a document, or a number drawn anew for each
            return 0
        if stage.flags is not None:
            return place + 1
        if stage.convert is None:
            return 0
    return 0


def _paths(stages: Sequence[Stage]) -> frozenset[str] | None:
    """Return the paths that `stages` read of what goes into the first, None if all of it may come out."""
    paths: set[str] = set()
    for stage in stages:
        if stage.reads is None:
            return None
        paths |= stage.reads
        if stage.gathers:
            return frozenset(paths)
    return None
