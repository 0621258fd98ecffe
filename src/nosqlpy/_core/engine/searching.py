"""Text searches at work: what a plan finds, with the scores that a query asks for."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from heapq import nlargest
from typing import TYPE_CHECKING, overload

import msgspec

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.index.textual import Found
from nosqlpy._core.plan.plan import Plan
from nosqlpy._core.query.textual import no_text_index
from nosqlpy._core.values.metadata import SCORE, ScoredBytes
from nosqlpy.errors import QueryError

if TYPE_CHECKING:
    from nosqlpy._core.engine.execution import Query

_BY_SCORE = ((SCORE, -1),)


def check_score(query: Query) -> None:
    """Refuse to show or sort by the score of a text search where there is none.

    Raises:
        QueryError: The query does, and its filter has no ``$text``.
    """
    if query.scored and query.predicate.text is None:
        message = "query requires text score metadata, but it is not available: the filter has no $text"
        raise QueryError(message, code=40218, code_name="Location40218")


def check_searched(query: Query) -> None:
    """Refuse a text search of a collection that does not exist, and so has no index.

    Raises:
        OperationFailure: The query is one.
    """
    if query.predicate.text is not None:
        raise no_text_index()


def settled(query: Query, plan: Plan) -> Query:
    """Return a query whose filter knows what of its ``$text`` a plan leaves to test."""
    if plan.text is None:
        return query
    return msgspec.structs.replace(query, predicate=query.predicate.planned(plan.text.test))


def scored_documents(collection: CollectionState, plan: Plan, query: Query) -> tuple[Sequence[bytes], bool]:
    """Return the encoded documents that `plan` leads to, with their scores, and whether they are in the query's order.

    Where the best ones are asked for, and nothing is left to test, no others are read.
    """
    scores = collection.scores(plan)
    ordering = query.ordering
    if ordering is not None and ordering.keys == _BY_SCORE and plan.exact:
        keys = _best(collection, scores, query.skip + query.limit if query.limit else 0)
        return _with_scores(collection, keys, scores), True
    return _with_scores(collection, list(collection.keys(plan)), scores), False


def _best(collection: CollectionState, scores: Found, most: int) -> list[Hashable]:
    """Return the keys of documents by score, equal ones in natural order; `most` of them, if not all."""
    chosen = list(scores)
    if most and most < len(chosen):
        least = nlargest(most, scores.values())[-1]
        chosen = [key for key, score in scores.items() if score >= least]
    ordered = sorted(collection.natural.sorted(chosen), key=scores.__getitem__, reverse=True)
    return ordered[:most] if most else ordered


def _with_scores(collection: CollectionState, keys: Sequence[Hashable], scores: Found) -> Sequence[bytes]:
    slots = collection.slots
    there = [key for key in keys if slots.holds(key)]
    documents = slots.some(there)
    if len(documents) == len(there):
        return ScoredDocuments(documents, list(map(scores.get, there)))
    pairs = slots.pairs(there)  # another thread has deleted one meanwhile
    return ScoredDocuments([data for _, data in pairs], [scores.get(key) for key, _ in pairs])


class ScoredDocuments(Sequence[bytes]):
    """Encoded documents of one moment with their scores, put together when they are asked for."""

    __slots__ = ("_documents", "_scores")

    def __init__(self, documents: Sequence[bytes], scores: Sequence[float | None]) -> None:
        self._documents = documents
        self._scores = scores

    def __len__(self) -> int:
        return len(self._scores)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return list(map(ScoredBytes.of, self._documents[index], self._scores[index]))
        return ScoredBytes.of(self._documents[index], self._scores[index])
