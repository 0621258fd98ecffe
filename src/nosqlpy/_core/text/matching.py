"""Matching: whether a document is what a search looks for, beyond what an index says (fts_matcher.cpp)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nosqlpy._core.text.analysis import analyzer_of
from nosqlpy._core.text.search import Search, Terms, terms_of
from nosqlpy._core.text.spec import Text, TextSpec


class Matcher:
    """Tells whether documents match a search in the fields of an index. Immutable, may be shared by threads."""

    __slots__ = ("_search", "spec", "terms")

    def __init__(self, spec: TextSpec, search: Search) -> None:
        self.spec: TextSpec = spec
        self.terms: Terms = terms_of(search, spec.language)
        self._search = search

    def matches(self, document: Mapping[str, Any]) -> bool:
        """Return whether a decoded document matches."""
        texts = self.spec.texts(document)
        indexed = self.terms.indexed
        found = any(not set(analyzer_of(text.language).terms(text.text)).isdisjoint(indexed) for text in texts)
        return found and self._rest(texts)

    def matches_found(self, document: Mapping[str, Any]) -> bool:
        """Return whether a document matches in which an index has one of the terms."""
        return self._rest(self.spec.texts(document))

    def _rest(self, texts: Sequence[Text]) -> bool:
        terms = self.terms
        if terms.sensitive and not self._has_any(texts, terms.positive):
            return False
        if terms.negated and self._has_any(texts, terms.negated):
            return False
        if not terms.phrases and not terms.negated_phrases:
            return True
        return all(self._has_phrase(texts, phrase) for phrase in terms.phrases) and not any(
            self._has_phrase(texts, phrase) for phrase in terms.negated_phrases
        )

    def _has_any(self, texts: Iterable[Text], terms: frozenset[str]) -> bool:
        case, diacritics = self._search.case_sensitive, self._search.diacritic_sensitive
        return any(
            not terms.isdisjoint(
                analyzer_of(text.language).tokens(text.text, case=case, diacritics=diacritics, stops=True)
            )
            for text in texts
        )

    def _has_phrase(self, texts: Iterable[Text], phrase: str) -> bool:
        case, diacritics = self._search.case_sensitive, self._search.diacritic_sensitive
        for text in texts:
            analyzer = analyzer_of(text.language)
            reduced = analyzer.reduced(text.text, case=case, diacritics=diacritics)
            if analyzer.reduced(phrase, case=case, diacritics=diacritics) in reduced:
                return True
        return False

    def needs_documents(self, languages: Iterable[str]) -> bool:
        """Return whether the terms of an index, whose texts have these `languages`, leave something to test."""
        terms = self.terms
        if terms.sensitive or terms.phrases or terms.negated_phrases:
            return True
        return bool(terms.negated) and any(
            not terms.negated.isdisjoint(analyzer_of(language).hidden()) for language in languages
        )
