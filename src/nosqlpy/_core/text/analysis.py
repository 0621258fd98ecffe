"""Analysis: from text to the terms of a language.

A word becomes a term in the order of a server's unicode tokenizer (fts_unicode_tokenizer.cpp): its case is
folded, stop words go, what is left is stemmed, and diacritics go last.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from typing import Any, Final

from nosqlpy._core.text.characters import fold, without_diacritics, words_finder
from nosqlpy._core.text.languages import ENGLISH, NONE
from nosqlpy._core.text.stopwords import stop_words
from nosqlpy.errors import NotSupportedError

Stem = Callable[[str], str]

WORDS_MAX: Final = 1 << 16
"""Words of a language whose terms are remembered."""

_OLD_ALGORITHMS: Final = {"dutch": "dutch_porter"}
"""Stemmers that have another name since Snowball 3, where theirs is that of a newer one than a server's."""


class Analyzer:
    """Finds the words and terms of text in one language. May be shared by threads."""

    __slots__ = ("_find", "_stem", "_stops", "_terms", "_turkish", "language")

    def __init__(self, language: str) -> None:
        self.language: str = language
        self._find = words_finder(apostrophes=language == ENGLISH)
        self._turkish = language == "turkish"
        self._stops = stop_words(language)
        self._stem: Stem = _stemmer(language)
        self._terms = _Terms(self._term)

    def terms(self, text: str) -> list[str]:
        """Return the terms of `text` under which an index has it, each as often as it occurs."""
        return [term for term in map(self._terms.__getitem__, self._find(text)) if term is not None]

    def _term(self, word: str) -> str | None:
        folded = fold(word, turkish=self._turkish)
        return None if not word or folded in self._stops else without_diacritics(self._stem(folded))

    def tokens(self, text: str, *, case: bool = False, diacritics: bool = False, stops: bool = False) -> list[str]:
        """Return the terms of `text`, with their `case`, with their `diacritics`, with `stops` among them."""
        if not (case or diacritics or stops):
            return self.terms(text)
        found = []
        for word in self._find(text):
            folded = fold(word, turkish=self._turkish)
            if word and (stops or folded not in self._stops):
                stem = self._stem(word if case else folded)
                found.append(stem if diacritics else without_diacritics(stem))
        return found

    def reduced(self, text: str, *, case: bool, diacritics: bool) -> str:
        """Return `text` as phrases are looked for in it: folded unless `case` counts, bare unless `diacritics` do."""
        if self._turkish or not case:
            text = fold(text, turkish=self._turkish)
        return text if diacritics else without_diacritics(text)

    def hidden(self) -> Collection[str]:
        """Return the terms that stop words would have, which may be in a text and not in an index."""
        return _hidden(self.language)


class _Terms(dict[str, "str | None"]):
    """The term of each word, None for a stop word; most words of a text have been seen before."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[str], str | None]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, word: str) -> str | None:
        if len(self) >= WORDS_MAX:
            self.clear()
        self[word] = term = self._make(word)
        return term


@cache
def analyzer_of(language: str) -> Analyzer:
    """Return the analyzer of a language, made once.

    Raises:
        NotSupportedError: Its stemmer is in a package that is not installed.
    """
    return Analyzer(language)


@cache
def _hidden(language: str) -> frozenset[str]:
    analyzer = analyzer_of(language)
    return frozenset(analyzer.tokens(" ".join(stop_words(language)), stops=True))


def _stemmer(language: str) -> Stem:
    """Return the function from a word to its stem."""
    if language == NONE:
        return str
    try:
        import snowballstemmer  # noqa: PLC0415 - of the extra `text`
    except ImportError:
        message = f"text search in the language {language!r} needs the extra: pip install 'nosqlpy[text]'"
        raise NotSupportedError(f'{message}; default_language="none" does without stems and stop words') from None
    make: Callable[[str], Any] = snowballstemmer.stemmer
    name = _OLD_ALGORITHMS.get(language, language)
    algorithm = name if name in snowballstemmer.algorithms() else language

    def stem(word: str) -> str:
        return make(algorithm).stemWord(word)  # type: ignore[no-any-return]  # a stemmer holds the word: one for each call

    return stem
