"""Searches: what ``$text`` looks for, from the text that a user writes.

Manual: reference/operator/query/text. The text is taken apart as in a server's fts_query_impl.cpp: words are
looked for one or the other, phrases in quotes all of them, and what follows a ``-`` must not be there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from nosqlpy._core.text.analysis import analyzer_of

_TOKEN: Final = re.compile(r'([ \n\v\f\r]*)(?:(["-])|([^"\- \n\v\f\r]+))')


class Search(msgspec.Struct, frozen=True):
    """The operand of ``$text``; without a `language` that of the index counts."""

    text: str
    language: str | None = None
    case_sensitive: bool = False
    diacritic_sensitive: bool = False


class Terms(msgspec.Struct, frozen=True):
    """What a search looks for.

    `indexed` are the terms of which a match has one in the index, in order; `positive` those of which it has one as
    the search is sensitive, `negated` those of which it has none. All `phrases` are in a match, and none of the
    `negated_phrases`.
    """

    indexed: tuple[str, ...]
    positive: frozenset[str]
    negated: frozenset[str]
    phrases: tuple[str, ...]
    negated_phrases: tuple[str, ...]
    sensitive: bool = False
    """Whether the terms of an index, which have neither case nor diacritics, do not say enough."""


class _Parts(msgspec.Struct):
    """The parts of a search, as they are found."""

    words: list[str] = []
    negated: list[str] = []
    phrases: list[str] = []
    negated_phrases: list[str] = []


def terms_of(search: Search, language: str) -> Terms:
    """Return what `search` looks for; `language` counts if it names none.

    Raises:
        NotSupportedError: The stemmer of the language is in a package that is not installed.
    """
    parts = _parts_of(search.text)
    analyzer = analyzer_of(search.language or language)
    case, diacritics = search.case_sensitive, search.diacritic_sensitive
    words, negated = " ".join(parts.words), " ".join(parts.negated)
    return Terms(
        tuple(sorted(set(analyzer.terms(words)))),
        frozenset(analyzer.tokens(words, case=case, diacritics=diacritics)),
        frozenset(analyzer.tokens(negated, case=case, diacritics=diacritics)),
        tuple(parts.phrases),
        tuple(parts.negated_phrases),
        case or diacritics,
    )


def _parts_of(text: str) -> _Parts:
    parts = _Parts()
    negating, opened = False, -1
    for spaced, mark, word, end in _tokens(text):
        if mark == "-":
            negating = negating or (opened < 0 and spaced)
        elif mark and opened >= 0:
            (parts.negated_phrases if negating else parts.phrases).append(text[opened : end - 1])
            opened = -1
        elif mark:
            opened, negating = end, negating and not spaced
        elif not (negating and opened >= 0):
            negating = negating and not spaced
            (parts.negated if negating else parts.words).append(word)
    return parts


def _tokens(text: str) -> Iterator[tuple[bool, str, str, int]]:
    """Yield whether space comes before a token, the token as a mark or as a word, and where it ends."""
    for found in _TOKEN.finditer(text):
        space, mark, word = found.groups()
        yield bool(space) or found.start() == 0, mark or "", word or "", found.end()
