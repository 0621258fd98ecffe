"""What a document has beside its fields while a query goes on: the score of a text search."""

from __future__ import annotations

from typing import Any, Final

SCORE: Final = "\0textScore"
"""Under this name a decoded document carries its score; no field can have it, for it has a NUL."""


class ScoredBytes(bytes):
    """An encoded document with its score, None for one that no text search has found."""

    score: float | None

    @classmethod
    def of(cls, data: bytes, score: float | None) -> ScoredBytes:
        """Return `data` with a score."""
        scored = cls(data)
        scored.score = score
        return scored


def score_of(data: bytes) -> float | None:
    """Return the score that comes with an encoded document."""
    return data.score if type(data) is ScoredBytes else None


def carry_score(document: dict[str, Any], data: bytes) -> dict[str, Any]:
    """Return a decoded document, which carries the score of its bytes from now on, if they have one."""
    score = score_of(data)
    if score is not None:
        document[SCORE] = score
    return document


def without_score(document: Any) -> Any:
    """Return a document that carries no score; one that does is copied."""
    if type(document) is not dict or SCORE not in document:
        return document
    return {name: value for name, value in document.items() if name != SCORE}
