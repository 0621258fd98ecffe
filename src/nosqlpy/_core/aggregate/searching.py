"""Text searches in pipelines: where a ``$text`` can stand, and how far documents carry its score.

Manual: reference/operator/query/text, tutorial/text-search-in-aggregation. Documents carry the score up to the
last stage that asks for it; a stage that makes new documents of old ones hands it on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from nosqlpy._core.aggregate.stage import Batch, Moment, Scope, Stage, each, malformed
from nosqlpy._core.values.metadata import SCORE, without_score
from nosqlpy._core.values.types import ARRAY, OBJECT, TYPES, as_mapping
from nosqlpy.aliases import Document
from nosqlpy.errors import NotSupportedError

_OTHER_DOCUMENTS: Final = ("$lookup", "$unionWith")
"""Stages whose pipelines are on documents of other collections."""


def check_texts(named: Sequence[tuple[str, Any]], scope: Scope) -> None:
    """Refuse a ``$text`` in any but the first stage of a pipeline, and scores in a pipeline without one.

    Raises:
        QueryError: There is one elsewhere (17313, in a $facet 40600), or a score is asked for without it (40218).
        NotSupportedError: It is in the pipeline of another stage.
    """
    for place, (name, operand) in enumerate(named):
        if name == "$match" and has_text(operand):
            if "$facet" in scope.inside:
                raise malformed("$match with $text is not allowed to be used within a $facet stage", 40600)
            if place:
                raise malformed("$match with $text is only allowed as the first pipeline stage", 17313)
            if scope.inside:
                message = f"$text is not supported in the pipeline of {scope.inside[-1]}"
                raise NotSupportedError(f"{message}; search first, and join what is found")
    searched = bool(named) and named[0][0] == "$match" and has_text(named[0][1])
    if scope.inside[-1:] != ("$facet",) and not searched and last_scored(named):
        raise malformed("query requires text score metadata, but it is not available: no $text comes first", 40218)


def has_text(filter: Any) -> bool:
    """Whether a filter has a ``$text``."""
    if TYPES[type(filter)] != OBJECT:
        return False
    return any(
        name == "$text"
        or (name in ("$and", "$or", "$nor") and TYPES[type(value)] == ARRAY and any(map(has_text, value)))
        for name, value in as_mapping(filter).items()
    )


def last_scored(named: Sequence[tuple[str, Any]]) -> int:
    """Return how many stages there are up to the last one that asks for a score, 0 if none does."""
    asking = [place for place, (name, operand) in enumerate(named, 1) if _asks(operand, name)]
    return asking[-1] if asking else 0


def _asks(operand: Any, name: str = "") -> bool:
    kind = TYPES[type(operand)]
    if kind == ARRAY:
        return any(map(_asks, operand))
    if kind != OBJECT or name == "$literal":
        return False
    return any(
        (part == "$meta" and value == "textScore")
        or (not (part == "pipeline" and name in _OTHER_DOCUMENTS) and _asks(value, part))
        for part, value in as_mapping(operand).items()
    )


def carrying(stages: Sequence[Stage], upto: int) -> list[Stage]:
    """Return `stages` of which those before the `upto`-th hand on the score of each document, and none after it."""
    made = [_carrying(stage) if place < upto else stage for place, stage in enumerate(stages, 1)]
    if 0 < upto <= len(made):
        made[upto - 1] = _ending(made[upto - 1])
    return made


def _carrying(stage: Stage) -> Stage:
    convert = stage.convert
    if convert is None:
        return stage

    def handed_on(document: Document) -> Document:
        score = document.get(SCORE)
        made = convert(document)
        return made if score is None else {**made, SCORE: score}

    return msgspec.structs.replace(stage, run=each(handed_on), convert=handed_on)


def _ending(stage: Stage) -> Stage:
    def run(batches: Iterator[Batch], moment: Moment) -> Iterator[Batch]:
        for batch in stage.run(batches, moment):
            yield list(map(without_score, batch))

    return msgspec.structs.replace(stage, run=run, run_rows=None, convert=None)
