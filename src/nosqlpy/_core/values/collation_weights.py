"""Collation elements: what one character weighs at each level, after the model of the Unicode Collation Algorithm.

A primary weight is a string: of one ASCII character for every ASCII character
that has one, so that ASCII texts are weighed by one table; of a lead and
trailing characters for all others, which stand between two of those. No
primary weight begins another.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import msgspec
from msgspec.structs import replace

from nosqlpy._core.values.collation_order import (
    CURRENCIES,
    DIGITS,
    EXPANSIONS,
    FORMS,
    LETTERS,
    MARKS,
    PUNCTUATION,
    SPACES,
    SYMBOLS,
    VARIANTS,
)

LEVEL_END: Final = "\0"
"""Stands between levels, below every weight."""
COMMON: Final = "\1"
"""The lowest weight at every level but the first."""

_VARIANT: Final = "\2"
_MARK_FIRST: Final = 3
_OTHER_MARK: Final = "\u0100"

# tertiary weights by how a character decomposes, as the Unicode Collation Algorithm numbers them (UTS #10, 8.2)
_PLAIN: Final = 2
_COMPATIBLE: Final = 4
_FORMS: Final = {
    "<wide>": 3,
    "<narrow>": 3,
    "<font>": 5,
    "<circle>": 6,
    "<super>": 0x14,
    "<sub>": 0x15,
    "<vertical>": 0x16,
    "<initial>": 0x17,
    "<medial>": 0x18,
    "<final>": 0x19,
    "<isolated>": 0x1A,
    "<noBreak>": 0x1B,
    "<square>": 0x1C,
    "<fraction>": 0x1E,
}
# … and what they become in upper case
_UPPER: Final = {2: 8, 3: 9, 4: 0xA, 5: 0xB, 6: 0xC, 0x1C: 0x1D}
_GROUPS: Final = (SPACES, PUNCTUATION, SYMBOLS, CURRENCIES, DIGITS, LETTERS)
# marks that only say how to join or to show other characters
_IGNORED: Final = re.compile("[\u034f\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# the group of a character that is not listed, by its general category; letters for any other
_GROUP_OF: Final = {"Z": SPACES, "P": PUNCTUATION, "S": SYMBOLS, "Sc": CURRENCIES}
_PRIMARY_FIRST: Final = 2


class Element(msgspec.Struct, frozen=True):
    """The weights of a character, or of a part of one: a mark has no primary weight.

    `tertiary` tells case and special forms apart; `space` and `punctuation` say what can be shifted.
    """

    primary: str
    secondary: str = COMMON
    tertiary: int = _PLAIN
    upper: bool = False
    space: bool = False
    punctuation: bool = False


def _primary_weights() -> Iterator[tuple[str, str]]:
    """Yield every listed character with its primary weight, and the place of a group's other ones under its name."""
    code = _PRIMARY_FIRST
    for group in _GROUPS:
        between = 0  # characters since the last ASCII one
        for character in (*group, group):
            if character.isascii() and len(character) == 1:
                code += 1 if between else 0
                yield character, chr(code)
                code += 1
                between = 0
            else:
                between += 1
                yield character, chr(code) + chr(between)
        code += 1
    assert code <= 128, code


_PRIMARY: Final = dict(_primary_weights())
NUMBER: Final = _PRIMARY["0"]
"""What the weight of a number begins with, where digits are ordered as numbers."""

_MARKS: Final = {
    chr(int(code, 16)): chr(_MARK_FIRST + rank) for rank, codes in enumerate(MARKS.split()) for code in codes.split("=")
}


@lru_cache(maxsize=4096)
def elements(character: str) -> tuple[Element, ...]:
    """Return the elements of a character that is decomposed; none if it does not count at any level."""
    if character in _PRIMARY:
        return (Element(_PRIMARY[character], space=character in SPACES, punctuation=character in PUNCTUATION),)
    if character in EXPANSIONS:
        return _of_all(EXPANSIONS[character])
    if character in VARIANTS:
        first, *rest = _of_all(VARIANTS[character])
        return (replace(first, secondary=_VARIANT), *[replace(each, tertiary=_COMPATIBLE) for each in rest])
    lower = character.lower()
    if lower != character and len(lower) == 1:
        return tuple(
            replace(each, upper=True, tertiary=_UPPER.get(each.tertiary, each.tertiary)) for each in elements(lower)
        )
    if character in FORMS:
        return _formed(FORMS[character], "<final>" if len(FORMS[character]) == 1 else "")
    plain = unicodedata.normalize("NFKD", character)
    if plain != character:
        return _formed(plain, unicodedata.decomposition(character).partition(" ")[0])
    return _unlisted(character)


def _formed(plain: str, form: str) -> tuple[Element, ...]:
    """Return the elements of the characters `plain` in a special form, which Unicode calls ``<so>``."""
    tertiary = _FORMS.get(form, _COMPATIBLE)
    return tuple(
        replace(each, tertiary=_UPPER.get(tertiary, tertiary) if each.upper else tertiary) for each in _of_all(plain)
    )


def _of_all(characters: str) -> tuple[Element, ...]:
    return tuple(element for character in characters for element in elements(character))


def _unlisted(character: str) -> tuple[Element, ...]:
    category = unicodedata.category(character)
    if category in ("Cc", "Cf") or _IGNORED.match(character):
        return ()
    if category == "Me" or (category[0] == "M" and unicodedata.combining(character) not in (0, 9)):
        return (Element("", _MARKS.get(character, _OTHER_MARK + character)),)
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return (Element(_PRIMARY[DIGITS[int(digit)]], tertiary=_FORMS["<wide>"]),)
    group = _GROUP_OF.get(category) or _GROUP_OF.get(category[0], LETTERS)
    place = _PRIMARY[group] + character
    return (Element(place, space=group is SPACES, punctuation=group is PUNCTUATION),)
