"""Sort keys of strings: the orders are those of ICU 72 (root collation of CLDR 42), and were made by it."""
# ruff: noqa: RUF001 - characters that look alike are what this is about

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nosqlpy._core.values.collation import BINARY, Collation, keys_of
from nosqlpy._core.values.collation_spec import LOCALES, collation_document, compile_collation
from nosqlpy.errors import NotSupportedError, QueryError

# words in ICU's order; none equals the one before it
ORDERS: dict[str, tuple[dict[str, Any], str]] = {
    "punctuation, numbers, a to c": (
        {},
        "_ - , ! ? . ( [ # % + < = ~ $ £ € 01 1 ① ½ 10 2 ² a A á Á à å ä Ä a_b a-b á-b ab aB Ab AB ae AE aé æ Æ b",
    ),
    "c to r": (
        {},
        "b B c ç Ç cote coté côte côté d đ Đ ð e é É f fi ﬁ g h ħ i ï item␣10 item␣9 item-9 ı j k l ł Ł m n ñ Ñ o ö Ö",
    ),
    "r to the end": (
        {},
        "o ø Ø oe œ p q r s ſ ss SS ß st t u ü Ü v w x y z Z ž þ α Α ά σ Σ ς ω а А б е ё и й я Я א あ 漢",
    ),
    "upper case first": (
        {"caseFirst": "upper"},
        "2 A a Á á à å Ä ä a_b a-b á-b AB Ab aB ab AE ae aé Æ æ B b Ç ç d Đ đ ð ı l Ł ł Ø ø oe œ ſ SS ss ß Ž ž Σ σ ς",
    ),
    "numbers": ({"numericOrdering": True}, "€ 1 2 10 a item␣9 item␣10 item-9 z α"),
    "shifted, quaternary": (
        {"strength": 4, "alternate": "shifted"},
        "_ - , ! ? . ( [ # % + < = ~ $ 1 a á Á a_b a-b ab aB Ab AB á-b ae item␣10 item␣9 item-9 ı",
    ),
    "backwards": ({"backwards": True}, "a_b a-b á-b ab æ Æ aé b cote côte coté côté d ð đ Đ e"),
    "case level": ({"strength": 2, "caseLevel": True}, "½ 10 2 a A á Á à ab aB Ab AB ae AE aé æ Æ ſ ss SS ß ω а А"),
}


def collation(**options: Any) -> Collation:
    """Return a collation of English."""
    compiled = compile_collation({"locale": "en", **options})
    assert compiled is not None
    return compiled


@pytest.mark.parametrize("name", ORDERS)
def test_strings_are_in_the_order_of_icu(name: str) -> None:
    options, text = ORDERS[name]
    words = text.split(" ")
    key = collation(**options).key
    found = [key(word.replace("␣", " ")) for word in words]

    assert [
        pair for pair, (left, right) in zip(pairwise(words), pairwise(found), strict=True) if not left < right
    ] == []


@pytest.mark.parametrize(
    ("strength", "equal"),
    [
        (
            1,
            [
                ("resume", "Résumé"),
                ("ø", "O"),
                ("æ", "AE"),
                ("ß", "SS"),
                ("ﬁ", "FI"),
                ("²", "2"),
                ("ё", "Е"),
                ("Å", "a"),
            ],
        ),
        (2, [("resume", "RESUME"), ("é", "É"), ("ﬁ", "Fi"), ("②", "2"), ("Æ", "æ")]),
        (3, [("é", "e\u0301"), ("Å", "\u212b"), ("\u1e69", "s\u0323\u0307"), ("a\u00adb", "ab"), ("a\0b", "ab")]),
    ],
)
def test_strength_says_which_strings_are_equal(strength: int, equal: list[tuple[str, str]]) -> None:
    key = collation(strength=strength).key

    assert [pair for pair in equal if key(pair[0]) != key(pair[1])] == []


@pytest.mark.parametrize(
    ("strength", "different"),
    [
        (1, [("a", "b"), ("a b", "ab"), ("a", "a "), ("и", "й"), ("o", "0"), ("i", "ı"), ("-", "_")]),
        (2, [("resume", "résumé"), ("o", "ø"), ("ae", "æ"), ("ss", "ß"), ("d", "ð")]),
        (3, [("a", "A"), ("fi", "ﬁ"), ("2", "²"), ("σ", "ς")]),
        (5, [("a\u00adb", "ab"), ("a\0b", "ab"), ("ab\0", "ab")]),
    ],
)
def test_strength_says_which_strings_differ(strength: int, different: list[tuple[str, str]]) -> None:
    key = collation(strength=strength).key

    assert [pair for pair in different if key(pair[0]) == key(pair[1])] == []


def test_numbers_compare_by_value_however_long() -> None:
    key = collation(numericOrdering=True).key

    assert key("007") == key("7") == key("٠٧")
    assert key("9" * 200) < key("1" + "0" * 200)
    assert key("a1b2") < key("a1b10") < key("a02b1")
    assert key("0" * 5000 + "5") == key("5")
    assert key("1" * 5000) < key("2" * 5000)


def test_what_is_shifted_takes_its_accents_with_it() -> None:
    key = collation(alternate="shifted").key

    assert key("a -\u0301b") == key("ab")
    assert key("a$b") != key("ab")


def test_a_fold_reaches_every_string_and_no_name_of_a_field() -> None:
    folded = collation(strength=2)

    assert folded.fold({"A": ["x", {"B": "Y"}], "n": 1}) == folded.fold({"A": ["X", {"B": "y"}], "n": 1})
    assert list(folded.fold({"A": 1})) == ["A"]
    assert folded.fold((1, "A")) == folded.fold([1, "a"])
    assert folded.fold(None) is None


def test_the_keys_of_values_keep_the_order_of_types() -> None:
    order = collation(strength=2).keys.order

    assert sorted([[], {"a": "B"}, "b", 3, None, "A", {"a": "a"}], key=order) == [
        None,
        3,
        "A",
        "b",
        {"a": "a"},
        {"a": "B"},
        [],
    ]
    assert keys_of(None) is BINARY


_TEXTS = st.text(st.sampled_from("aAbBáÁ\u0301\u0327éñß-_ 0912. éÅœ"), max_size=6)
_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "strength": st.integers(3, 5),
        "caseFirst": st.sampled_from(["upper", "lower", "off"]),
        "caseLevel": st.booleans(),
        "numericOrdering": st.booleans(),
        "alternate": st.sampled_from(["shifted", "non-ignorable"]),
        "maxVariable": st.sampled_from(["punct", "space"]),
        "backwards": st.booleans(),
    },
)


@given(_TEXTS, _OPTIONS)
def test_canonically_equal_strings_have_one_key(text: str, options: dict[str, Any]) -> None:
    key = collation(**options).key

    assert key(unicodedata.normalize("NFC", text)) == key(unicodedata.normalize("NFD", text))


@given(_TEXTS, _TEXTS, _OPTIONS)
def test_a_higher_strength_refines_the_order_of_a_lower_one(left: str, right: str, options: dict[str, Any]) -> None:
    higher = collation(**{**options, "strength": 5}).key
    lower = collation(**{**options, "strength": 3}).key

    assert higher(left) < higher(right) or not lower(left) < lower(right)


@given(st.text(st.characters(max_codepoint=127), max_size=8), st.text(max_size=8), _OPTIONS)
def test_ascii_strings_are_weighed_as_all_others(left: str, right: str, options: dict[str, Any]) -> None:
    """An ignorable character in front leads past the tables for ASCII, and weighs nothing below strength 5."""
    key = collation(**{**options, "strength": 3}).key

    assert key(left) == key("\u200b" + left)
    assert (key(left) < key(right)) == (key("\u200b" + left) < key(right))


def test_every_field_of_a_collation_has_a_default() -> None:
    assert collation_document(compile_collation({"locale": "fr_CA"}) or collation()) == {
        "locale": "fr_CA",
        "caseLevel": False,
        "caseFirst": "off",
        "strength": 3,
        "numericOrdering": False,
        "alternate": "non-ignorable",
        "maxVariable": "punct",
        "normalization": False,
        "backwards": True,
    }


def test_simple_and_none_are_no_collation() -> None:
    assert compile_collation({"locale": "simple"}) is None
    assert compile_collation(None) is None


def test_equal_documents_give_one_collation() -> None:
    assert collation(strength=2) is collation(strength=2.0, backwards=False)


@pytest.mark.parametrize("locale", sorted(LOCALES))
def test_a_locale_of_the_list_is_taken(locale: str) -> None:
    assert compile_collation({"locale": locale}) is not None


@pytest.mark.parametrize(
    "locale", ["sv", "da", "es", "cs", "zh", "ru", "de@collation=phonebook", "es@collation=traditional"]
)
def test_a_locale_with_an_order_of_its_own_is_refused_and_those_without_named(locale: str) -> None:
    with pytest.raises(NotSupportedError, match=f"'{locale}' is not supported; those that are: ca, de"):
        compile_collation({"locale": locale})


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        ({"locale": "en_GB"}, "did you mean 'en'"),
        ({"locale": "en", "strenght": 2}, "did you mean 'strength'"),
        ({"locale": "en", "numeric_ordering": True}, "did you mean 'numericOrdering'"),
        (["en"], "a collation is a document"),
    ],
)
def test_a_mistake_is_named_with_what_may_be_meant(specification: Any, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        compile_collation(specification)
