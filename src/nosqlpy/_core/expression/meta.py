"""$meta: what a document has beside its fields, which is the score of a text search.

Manual: reference/operator/aggregation/meta.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nosqlpy._core.expression.failures import malformed
from nosqlpy._core.expression.node import Expression, Variables
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.values.metadata import SCORE
from nosqlpy._core.values.types import MISSING
from nosqlpy.errors import NotSupportedError
from nosqlpy.naming import nearest

TEXT_SCORE: Final = "textScore"
_OTHERS: Final = (
    *(
        "geoNearDistance",
        "geoNearPoint",
        "indexKey",
        "randVal",
        "recordId",
        "score",
        "scoreDetails",
        "searchHighlights",
    ),
    *("searchRootDocumentId", "searchScore", "searchScoreDetails", "searchSequenceToken", "sortKey", "stream"),
    *("timeseriesBucketMaxTime", "timeseriesBucketMinTime", "vectorSearchScore"),
)


@syntax("$meta")
def compile_meta(operand: Any, _scope: Scope) -> Expression:
    """Return the score of a text search; it is missing where a document has none."""
    check_meta(operand, "$meta", code=17308)
    return Expression(_score, frozenset((SCORE,)))


def _score(document: Mapping[str, Any], _variables: Variables) -> Any:
    return document.get(SCORE, MISSING)


def check_meta(operand: Any, where: str, *, code: int) -> None:
    """Refuse what is no name of metadata, with `code`, and any but the score of a text search.

    Raises:
        QueryError: MongoDB has no such metadata.
        NotSupportedError: nosqlpy has not.
    """
    if not isinstance(operand, str):
        raise malformed(f"$meta takes a str, not {type(operand).__name__} ({where})", 17307 if code == 17308 else code)
    if operand in _OTHERS:
        raise NotSupportedError(f"{{'$meta': {operand!r}}} is not supported ({where})")
    if operand != TEXT_SCORE:
        raise malformed(f"unsupported argument to $meta: {operand!r}{nearest(operand, (TEXT_SCORE, *_OTHERS))}", code)
