r"""Patterns in PCRE2's syntax (man page pcre2pattern), found by Python's `re`."""

from __future__ import annotations

import sys
import unicodedata
import warnings

import pytest

from nosqlpy import NotSupportedError, QueryError
from nosqlpy._core.values.patterns import compile_pattern
from nosqlpy._core.values.patternsets import complement, property_set

# a pattern, its options, the texts in which it is found, and some in which it is not
FOUND = [
    ("[[:alpha:]]", "", ["a", "Z"], ["1", "é"]),
    ("(*UCP)^[[:alpha:]]+$", "", ["kyle", "suárez"], ["1"]),
    ("(*UCP)[[:punct:]]", "", ["!", "«", "$"], ["a"]),
    ("(*UCP)^[[:upper:]]$", "", ["É"], ["é"]),
    ("^[[:^digit:]b]$", "", ["a", "b"], ["1"]),
    ("^[[:upper:]]$", "i", ["a", "A"], ["1", "\u017f"]),
    (r"^\p{L}+$", "", ["kyle", "박정수"], ["a1"]),
    (r"^\p{L&}$", "", ["a", "A"], ["박"]),
    (r"^[\p{Lu}\d]$", "", ["A", "1"], ["a"]),
    (r"\P{L}", "", ["1"], ["é"]),
    (r"\p{^L}|\PN", "", ["a", "1"], [""]),
    (r"^\w+$", "i", ["kyle", "AB_1"], ["é"]),
    (r"^[\w-]+$", "i", ["k-Y"], ["é", "\u017f"]),
    (r"^[^\w]$", "i", ["é", "-"], ["a", "K"]),
    (r"\bx\b", "i", ["éX"], ["ax"]),
    ("É", "i", ["é"], ["e"]),
    ("a(?i)b|c", "", ["ab", "aB", "c", "C"], ["A", "B"]),
    ("(a(?i)b)c", "", ["aBc"], ["aBC"]),
    ("(?i)a(?-i)b", "", ["Ab"], ["AB"]),
    ("(?i:é)f", "", ["Éf"], ["éF"]),
    ("(?i)a(?^)b", "", ["Ab"], ["aB"]),
    (r"a\Z", "", ["a", "a\n"], ["ab"]),
    (r"a\z", "", ["a"], ["a\n"]),
    (r"\Aa", "m", ["a"], ["b\na"]),
    ("^a", "m", ["a", "b\na"], ["ba"]),
    ("^$", "m", ["", "a\n\nb"], ["a\n", "ab"]),
    ("(?m)^b$", "", ["a\nb\nc"], ["ab"]),
    (r"a\vb", "", ["a\x0bb", "a\nb", "a\u2028b"], ["avb"]),
    (r"^\h\H$", "", [" a", "\u00a0b"], ["aa", "  "]),
    (r"a\Rb", "", ["a\r\nb", "a\nb"], ["ab"]),
    (r"a\Nb", "s", ["axb"], ["a\nb"]),
    (r"\Qa.b\E+$", "", ["a.b", "a.bbb"], ["axb"]),
    (r"[\Q]^\E]", "", ["]", "^"], ["a"]),
    ("a{,3}", "", ["a{,3}"], ["aaa"]),
    ("^a{2}b{1,}$|{x", "", ["aabb", "{x"], ["ab"]),
    (r"(?<n>a)\k<n>|(?'m'b)\k{m}", "", ["aa", "bb"], ["ab"]),
    (r"(a)\g{1}\g{-1}b", "", ["aaab"], ["aab"]),
    ("(?P<n>a)(?P=n)", "", ["aa"], ["a"]),
    ("^(a)?b(?(1)c|d)", "", ["abc", "bd"], ["bc"]),
    ("[[]|[a&&b]|[]x]|[^]a-z&[]", "", ["[", "&", "]", "x", "1"], ["c"]),
    (r"^[\]a-]$|^[|~]$", "", ["]", "-", "|", "~"], ["b"]),
    ("[a-c-e]", "", ["-", "b", "e"], ["d"]),
    (" a b # c\n c", "x", ["abc"], ["a b"]),
    (r"a\ b[ #]", "x", ["a b#"], ["ab#"]),
    ("(?x) a (?-x) b", "", ["a b"], ["ab"]),
    ("(?#note)a", "", ["a"], ["b"]),
    (r"\x41\x{e9}\u00e9\101\o{101}", "", ["AééAA"], ["A"]),
    (r"^\e\cA\a\0$", "", ["\x1b\x01\x07\0"], ["e"]),
    (r"\N{U+e9}", "", ["é"], ["e"]),
    ("a++b|(?>c+)d", "", ["aab", "ccd"], ["ac"]),
    ("(*FAIL)|b", "", ["b"], ["a"]),
]


@pytest.mark.parametrize(("pattern", "options", "found", "missed"), FOUND)
def test_a_pattern_is_found_where_pcre2_finds_it(
    pattern: str, options: str, found: list[str], missed: list[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as of sets in classes, which Python may have one day
        compiled = compile_pattern(pattern, options)

    assert [text for text in [*found, *missed] if compiled.search(text)] == found


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "[)",
            "(",
            "a)",
            "*a",
            "a**",
            "[b-a]",
            r"\y",
            "\\",
            "(?<n",
            "(?",
            "[[:foo:]]",
            "[a",
            "a{99999}",
            r"\p{",
            "(*a",
        ),
        *(r"\x{110000}", "(?P<1>a)", "[[.a.]]", r"[\d-z]", r"[a-\d]", "[[:digit:]-z]", r"\u12", r"[\R]", r"\9", "(?#"),
        *(r"\p{7}", r"\c", "[\\"),
    ],
)
def test_what_means_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(QueryError) as caught:
        compile_pattern(pattern, "")

    assert caught.value.code == 51091


@pytest.mark.parametrize(
    "pattern",
    [
        *("(?R)", "(?1)", "(?|a|b)", r"a\Kb", r"\Ga", r"\X", "(*COMMIT)a", "(*ACCEPT)", r"\p{Latin}", "(?&n)"),
        *(r"(?<n>a)\g<n>", "(?J)a", "(?(R)a|b)", "(?P>n)"),
    ],
)
def test_what_python_cannot_say_is_refused_by_name(pattern: str) -> None:
    with pytest.raises(NotSupportedError, match="of a pattern is not supported"):
        compile_pattern(pattern, "")


def test_each_character_has_the_category_that_unicode_gives_it() -> None:
    names = [
        "Lu",
        "Ll",
        "Lt",
        "Lm",
        "Lo",
        "Mn",
        "Mc",
        "Me",
        "Nd",
        "Nl",
        "No",
        "Zs",
        "Zl",
        "Zp",
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Cn",
    ]
    codes = [*range(0, sys.maxunicode, 997), *range(0xE0000, 0xE0100), 0xFFFFD, 0xFFFFE, sys.maxunicode]
    for name in names:
        ranges = property_set(name)

        assert [any(low <= code <= high for low, high in ranges) for code in codes] == [
            unicodedata.category(chr(code)) == name for code in codes
        ]
        assert complement(complement(ranges)) == ranges
