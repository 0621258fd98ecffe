"""Words, terms, scores and searches, by the rules of a server's unicode tokenizer."""

from __future__ import annotations

from typing import Any

import pytest

from nosqlpy._core.text.analysis import analyzer_of
from nosqlpy._core.text.characters import fold, without_diacritics
from nosqlpy._core.text.languages import LANGUAGES, language_of
from nosqlpy._core.text.matching import Matcher
from nosqlpy._core.text.scoring import scores_of
from nosqlpy._core.text.search import Search, terms_of
from nosqlpy._core.text.spec import Text, TextSpec
from nosqlpy._core.text.stopwords import stop_words
from nosqlpy.errors import NotSupportedError, WriteError


def plain(text: str, weight: float = 1.0) -> Text:
    return Text(text, "none", weight)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        (" .,!? ", []),
        ("one two", ["one", "two"]),
        ("a-b_c/d", ["a", "b_c", "d"]),
        ("don't", ["don", "t"]),
        ("x²+y", ["x²", "y"]),
        ("“quoted” — dashed", ["quoted", "dashed"]),
        ("東京。大阪、京都", ["東京", "大阪", "京都"]),
        ("ÀÉ cafe\u0301", ["ae", "cafe"]),
        ("STRASSE Straße ẞ", ["strasse", "straße", "ß"]),
        ("Σίσυφος ΣΊΣΥΦΟΣ", ["σισυφοσ", "σισυφοσ"]),
        ("\u3000wide\u2003space\u00a0", ["wide", "space"]),
        ("👍 emoji👍joined", ["👍", "emoji👍joined"]),
    ],
)
def test_words_are_delimited_folded_and_bare(text: str, terms: list[str]) -> None:
    assert analyzer_of("none").terms(text) == terms


@pytest.mark.parametrize("text", ["", "İ", "ﬁ ŉ ß", "ABC", "Ǆ", "ᾈ"])
def test_folding_keeps_the_number_of_characters(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert fold(fold(text)) == fold(text)


def test_turkish_has_an_i_with_a_dot_and_one_without() -> None:
    assert fold("IİIi", turkish=True) == "\u0131i\u0131i"
    assert fold("Ii") == "ii"


def test_marks_that_stand_alone_are_left_out() -> None:
    assert without_diacritics("a^b`c\u0301é한") == "abce한"


@pytest.mark.parametrize(
    ("name", "language"),
    [("none", "none"), ("EN", "english"), ("English", "english"), ("nb", "norwegian"), ("eng", None), (5, None)],
)
def test_a_language_has_a_name_and_a_code_in_any_case(name: Any, language: str | None) -> None:
    assert language_of(name) == language


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ("", {}),
        ("term", {"term": 1.1}),
        ("TERM", {"term": 1.1}),
        ("tërm", {"term": 1.0}),
        ("term.", {"term": 1.0}),
        ("one two", {"one": 0.75, "two": 0.75}),
        ("one one", {"one": 1.5 * 1.0}),
        ("a a a b", {"a": 1.75 * (0.5 * 3 / 4 + 0.5), "b": 0.5 / 4 + 0.5}),
    ],
)
def test_a_term_scores_by_how_often_it_occurs_in_how_many_terms(text: str, scores: dict[str, float]) -> None:
    assert scores_of([plain(text)]) == scores


def test_scores_are_weighted_and_added_over_the_texts_of_a_document() -> None:
    assert scores_of([plain("a b", 10.0), plain("a", 2.0)]) == {"a": 7.5 + 2.0 * 1.1, "b": 7.5}


def test_a_term_that_is_repeated_for_ever_counts_twice_at_most() -> None:
    assert scores_of([plain("a " * 2000)]) == {"a": 2.0}


@pytest.mark.parametrize(
    ("text", "indexed", "negated", "phrases", "negated_phrases"),
    [
        ("", (), set(), (), ()),
        ("b a b", ("a", "b"), set(), (), ()),
        ("a -b", ("a",), {"b"}, (), ()),
        ("a - b", ("a", "b"), set(), (), ()),
        ("a-b", ("a", "b"), set(), (), ()),
        ("-a-b c", ("c",), {"a", "b"}, (), ()),
        ('"a b" c', ("a", "b", "c"), set(), ("a b",), ()),
        ('c -"a b"', ("c",), set(), (), ("a b",)),
        ('-"a b"-"c d" e', ("e",), set(), (), ("a b", "c d")),
        ('"a -b"', ("a", "b"), set(), ("a -b",), ()),
        ('"open phrase', ("open", "phrase"), set(), (), ()),
        ('""', (), set(), ("",), ()),
        ("--a", (), {"a"}, (), ()),
    ],
)
def test_a_search_has_terms_phrases_and_what_must_not_be_there(
    text: str, indexed: Any, negated: Any, phrases: Any, negated_phrases: Any
) -> None:
    terms = terms_of(Search(text), "none")

    assert (terms.indexed, terms.negated) == (indexed, negated)
    assert (terms.phrases, terms.negated_phrases) == (phrases, negated_phrases)


def found(spec: TextSpec, document: dict[str, Any]) -> list[tuple[str, float]]:
    return [(text.text, text.weight) for text in spec.texts(document)]


@pytest.mark.parametrize(
    ("weights", "document", "texts"),
    [
        ({"t": 2}, {"t": "x", "u": "y"}, [("x", 2)]),
        ({"t": 2}, {"t": ["x", 1, ["y"], {"t": "z"}]}, [("x", 2)]),
        ({"t": 2}, {"t": {"t": "x"}}, []),
        ({"a.b": 2}, {"a": {"b": "x", "c": "y"}}, [("x", 2)]),
        ({"a.b": 2}, {"a": [{"b": "x"}, {"b": ["y"]}, "z"]}, [("x", 2), ("y", 2)]),
        ({"a.b": 2}, {"a": [[{"b": "x"}]]}, []),
        ({"$**": 1}, {"a": [["x"], {"b": "y"}], "c": "z"}, [("x", 1), ("y", 1), ("z", 1)]),
        ({"$**": 1, "b": 3}, {"a": "x", "b": "y", "c": "z"}, [("x", 1), ("y", 3), ("z", 1)]),
        ({"$**": 1, "b": 3}, {"a": {"b": "x"}, "b": ["y", {"c": "z"}]}, [("x", 1), ("y", 3), ("z", 1)]),
    ],
)
def test_the_texts_of_a_document_are_those_of_the_indexed_fields(
    weights: dict[str, float], document: dict[str, Any], texts: list[tuple[str, float]]
) -> None:
    assert found(TextSpec(weights, "none", "language"), document) == texts


def test_a_document_says_its_language_and_hands_it_to_those_in_it() -> None:
    spec = TextSpec({"t": 1, "in.t": 1}, "english", "lang")
    texts = spec.texts({"lang": "fr", "t": "x", "in": [{"t": "y"}, {"lang": "none", "t": "z"}]})

    assert [(text.text, text.language) for text in texts] == [("x", "french"), ("y", "french"), ("z", "none")]


@pytest.mark.parametrize(("language", "code"), [("klingon", 17262), (5, 17261), (None, 17261)])
def test_what_is_no_language_is_refused(language: Any, code: int) -> None:
    with pytest.raises(WriteError, match="'language'") as caught:
        TextSpec({"t": 1}, "none", "language").texts({"t": "x", "language": language})

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("search", "matches"),
    [
        (Search("alpha"), True),
        (Search("gamma"), False),
        (Search("alpha -beta"), False),
        (Search('"pha bet"'), False),
        (Search('beta "pha bet"'), True),
        (Search('beta "PHA BÉT"'), True),
        (Search('"beta alpha"'), False),
        (Search('alpha -"a b"'), False),
        (Search("alpha", case_sensitive=True), False),
        (Search("Alpha", case_sensitive=True), True),
        (Search("bèta", diacritic_sensitive=True), False),
        (Search('"alpha bèta"', case_sensitive=True), False),
    ],
)
def test_a_document_matches_by_its_terms_and_phrases(search: Search, matches: bool) -> None:
    matcher = Matcher(TextSpec({"t": 1}, "none", "language"), search)

    assert matcher.matches({"t": "Alpha beta"}) is matches


def test_without_its_extra_only_the_language_none_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "snowballstemmer", None)
    analyzer_of.cache_clear()
    try:
        assert analyzer_of("none").terms("works") == ["works"]
        for language in LANGUAGES[1:]:
            with pytest.raises(NotSupportedError, match=rf"'{language}'.*nosqlpy\[text\]"):
                analyzer_of(language)
    finally:
        analyzer_of.cache_clear()


@pytest.mark.parametrize("language", LANGUAGES)
def test_stop_words_are_folded_as_the_words_that_are_compared_with_them(language: str) -> None:
    words = stop_words(language)

    assert words == {fold(word, turkish=language == "turkish") for word in words}
    assert bool(words) is (language not in ("none", "romanian"))


class TestEnglish:
    @pytest.fixture(autouse=True)
    def stemmer(self) -> None:
        pytest.importorskip("snowballstemmer", reason="the extra `text` is not installed")

    def test_stop_words_go_and_words_are_stemmed(self) -> None:
        assert analyzer_of("english").terms("Don't the runners' RUNNING dogs bark?") == ["runner", "run", "dog", "bark"]

    @pytest.mark.parametrize(
        ("language", "text", "terms"),
        [
            ("german", "Die Häuser und ihre Gärten", ["haus", "gart"]),
            ("french", "les chevaux de la mer", ["cheval", "mer"]),
            ("russian", "Сырники и кофе", ["сырник", "коф"]),
            ("turkish", "DIŞARI ve ev", ["d\u0131sar", "ev"]),
        ],
    )
    def test_other_languages_have_their_own(self, language: str, text: str, terms: list[str]) -> None:
        assert analyzer_of(language).terms(text) == terms

    def test_case_is_kept_where_it_counts(self) -> None:
        assert analyzer_of("english").tokens("The Dogs", case=True, stops=True) == ["The", "Dog"]

    def test_a_negated_term_that_a_stop_word_has_too_is_looked_for_in_documents(self) -> None:
        spec = TextSpec({"t": 1}, "english", "language")
        careful, plain = Matcher(spec, Search("deer -doe")), Matcher(spec, Search("deer -elk"))

        assert careful.needs_documents(["english"])
        assert not plain.needs_documents(["english"])
        assert not careful.matches({"t": "does a deer"})

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_every_language_finds_a_word_by_itself(self, language: str) -> None:
        assert len(analyzer_of(language).terms("Internationalisierung")) == 1
