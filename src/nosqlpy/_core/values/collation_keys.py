"""Sort keys of strings: the weights of their characters level by level, letters first, then accents, then case.

A key is a string itself, so that it compares and hashes at full speed. ASCII
texts, most there are, are weighed by tables of bytes, a tenth of the time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from nosqlpy._core.values.collation_weights import COMMON, LEVEL_END, NUMBER, Element, elements

Key: TypeAlias = Callable[[str], str]
Weigh: TypeAlias = Callable[[Element], str]
"""The weight of an element at one level; an empty string where it has none."""

# the server's ICU too compares 254 digits at a time; zeros in front do not count
_NUMBERS: Final = re.compile(r"(0*\d{1,254})")
_SHORT_I: Final = re.compile("([\u0418\u0438])\u0306")  # in the root collation a letter of its own
_HIGHEST: Final = "\U0010ffff"
_CASE_STEP: Final = 32


class CollationOptions(msgspec.Struct, frozen=True):
    """The fields of a collation document; every one has its value."""

    locale: str
    case_level: bool = False
    case_first: str = "off"
    strength: int = 3
    numeric_ordering: bool = False
    alternate: str = "non-ignorable"
    max_variable: str = "punct"
    normalization: bool = False
    backwards: bool = False


class _Level(dict[int, str]):
    """The weights of characters at one level, by code point, as `str.translate` takes them."""

    def __init__(self, weigh: Weigh) -> None:
        super().__init__()
        self._weigh = weigh

    def __missing__(self, code: int) -> str:
        self[code] = weights = "".join(map(self._weigh, elements(chr(code))))
        return weights

    def backwards(self, text: str) -> str:
        """Return the weights of `text` from its end."""
        weights = [self._weigh(element) for character in text for element in elements(character)]
        return "".join(reversed(weights))


def key_function(options: CollationOptions) -> Key:
    """Return the function from a string to its sort key under a collation."""
    levels = [_Level(weigh) for weigh in _weights(options)]
    key = _any_key(options, levels)
    if options.alternate == "shifted" or options.strength == 5:
        return key
    return _ascii_key(levels, key, has_numbers=_NUMBERS.search if options.numeric_ordering else None)


def _weights(options: CollationOptions) -> list[Weigh]:
    """Return what weighs an element at each level, the most significant first."""
    weights: list[Weigh] = [lambda element: element.primary]
    if options.strength >= 2:
        weights.append(lambda element: element.secondary)
    if options.case_level:
        weights.append(lambda element: chr(1 + _case(element, options)) if element.primary else "")
    if options.strength >= 3:
        weights.append(lambda element: chr(element.tertiary - 1 + _case(element, options)))
    if options.alternate != "shifted":
        return weights
    weights = [_unless_shifted(weigh, options) for weigh in weights]
    if options.strength >= 4:
        weights.append(lambda element: element.primary and (element.primary if _shifts(element, options) else _HIGHEST))
    return weights


def _case(element: Element, options: CollationOptions) -> int:
    """Return what the case of an element adds to its weight; without ``caseFirst`` and ``caseLevel`` nothing."""
    if options.case_first == "off" and not options.case_level:
        return 0
    return _CASE_STEP if element.upper is (options.case_first != "upper") else 0


def _shifts(element: Element, options: CollationOptions) -> bool:
    """Return whether ``alternate: shifted`` makes this an element that counts at the fourth level only."""
    return element.space or (element.punctuation and options.max_variable == "punct")


def _unless_shifted(weigh: Weigh, options: CollationOptions) -> Weigh:
    return lambda element: "" if _shifts(element, options) else weigh(element)


def _any_key(options: CollationOptions, levels: list[_Level]) -> Key:
    """Return the key function for strings of any characters."""
    primary, *others = levels

    def key(text: str) -> str:
        text = plain = _decomposed(text)
        if options.alternate == "shifted":
            text = _without_marks_of_shifted(text, options)
        if options.numeric_ordering:
            pieces = _NUMBERS.split(text)  # every other one is a number
            pieces[::2] = [piece.translate(primary) for piece in pieces[::2]]
            pieces[1::2] = map(_number, pieces[1::2])
            parts = ["".join(pieces)]
            text = _NUMBERS.sub("0", text)
        else:
            parts = [text.translate(primary)]
        for level in others:
            reverse = options.backwards and level is others[0]
            weights = level.backwards(text) if reverse else text.translate(level)
            parts.append(weights.rstrip(COMMON))
        if options.strength == 5:
            return LEVEL_END.join([*parts, plain])
        return LEVEL_END.join(parts).rstrip(LEVEL_END)

    return key


def _decomposed(text: str) -> str:
    """Return `text` in the form in which canonically equal texts are the same."""
    if text.isascii():
        return text
    return _SHORT_I.sub(lambda found: unicodedata.normalize("NFC", found[0]), unicodedata.normalize("NFD", text))


def _number(digits: str) -> str:
    """Return the primary weight of a number: first by how many digits it has, then by these."""
    if not digits.isascii():
        digits = "".join(str(unicodedata.decimal(digit)) for digit in digits)
    digits = digits.lstrip("0")
    return NUMBER + chr(1 + len(digits)) + digits


def _without_marks_of_shifted(text: str, options: CollationOptions) -> str:
    """Return `text` without the marks that stand upon something shifted, which share its fate."""
    kept: list[str] = []
    shifted = False
    for character in text:
        found = elements(character)
        if found and not any(element.primary for element in found):
            if shifted:
                continue
        elif found:
            shifted = _shifts(found[-1], options)
        kept.append(character)
    return "".join(kept)


def _ascii_key(levels: list[_Level], otherwise: Key, has_numbers: Callable[[str], object] | None) -> Key:
    """Return `otherwise`, but for ASCII strings (without numbers, if these count) by tables of bytes.

    A table holds the weights of the ASCII characters, each of one byte; none of them has an accent.
    """
    ignored = bytes(code for code in range(128) if not elements(chr(code)))
    tables = [bytes((level[code] or COMMON).encode()[0] for code in range(128)) + bytes(128) for level in levels]
    primary = tables[0]
    if all(set(table[32:127]) == {1} for table in tables[1:]):
        tables = [primary]

    def key(text: str) -> str:
        if not text.isascii() or (has_numbers is not None and has_numbers(text)):
            return otherwise(text)
        data = text.encode()
        if len(tables) == 1:
            return data.translate(primary, ignored).decode()
        parts = [data.translate(table, ignored).rstrip(b"\1") for table in tables]
        return b"\0".join(parts).rstrip(b"\0").decode()

    return key
