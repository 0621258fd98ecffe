"""Scores: how much a term says of a document, by a server's formula (FTSSpec::_scoreStringV2).

For each text of a document, the weight of its field times ``2 - 1 / 2 ** (count - 1)``, which repeated terms
raise less and less, times ``0.5 * count / terms + 0.5``, times 1.1 if the text is nothing but the term. The score
of a document is the sum of the scores of the terms that are looked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from nosqlpy._core.text.analysis import analyzer_of
from nosqlpy._core.text.spec import Text

_WHOLE_TEXT: Final = 1.1
_ASCII_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def scores_of(texts: Iterable[Text]) -> dict[str, float]:
    """Return the score of each term of a document, given its texts.

    Raises:
        NotSupportedError: The stemmer of a language is in a package that is not installed.
    """
    found: dict[str, float] = {}
    for text in texts:
        scores = _scores(text)
        if not found:
            found = scores
        else:
            for term, score in scores.items():
                found[term] = found[term] + score if term in found else score
    return found


def _scores(text: Text) -> dict[str, float]:
    terms = analyzer_of(text.language).terms(text.text)
    total, weight = len(terms), text.weight
    if total < 2:
        return {term: weight * _WHOLE_TEXT if _is_whole(text.text, term) else weight for term in terms}
    scores = dict.fromkeys(terms, weight * (0.5 / total + 0.5))
    if len(scores) < total:
        for term, count in Counter(terms).items():
            if count > 1:
                scores[term] = weight * (2.0 - 0.5 ** (count - 1)) * (0.5 * count / total + 0.5)
    return scores


def _is_whole(text: str, term: str) -> bool:
    """Whether a text is a term and nothing else, but for the case of letters in ASCII."""
    return len(text) == len(term) and text.translate(_ASCII_LOWER) == term
