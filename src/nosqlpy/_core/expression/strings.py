"""Text: $concat $split $substrCP $trim $toLower $strLenCP $indexOfCP $replaceOne … and their kin that count bytes.

Manual: reference/operator/aggregation/#string-expression-operators. Letters change
case, and compare without it, in ASCII only.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.node import Evaluate, Variables
from nosqlpy._core.expression.operators import ABSENT, Codes, of_fields, of_operands, of_values
from nosqlpy._core.expression.texts import text_of
from nosqlpy._core.values.numbers import INTS, NUMERIC, integer, truncate
from nosqlpy._core.values.types import MISSING, TYPES, type_name

_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_UPPER: Final = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_WHITESPACE: Final = "\0 \t\n\v\f\r\u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B)))


@of_operands("$concat")
def concatenated(operands: Sequence[Evaluate]) -> Evaluate:
    """Return the texts one after the other; null if one is null."""

    def evaluate(document: Mapping[str, Any], variables: Variables) -> str | None:
        parts = []
        for operand in operands:
            value = operand(document, variables)
            if type(value) is not str:
                if value is None or value is MISSING:
                    return None
                raise failure(f"$concat only supports strings, not {type_name(value)}", 16702)
            parts.append(value)
        return "".join(parts)

    return evaluate


@of_values("$split", 2)
def split(text: Any, separator: Any) -> Any:
    """Return the parts of a text between separators."""
    if text is None or text is MISSING or separator is None or separator is MISSING:
        return None
    if type(text) is not str:
        raise failure(f"$split requires a string as its first argument, found: {type_name(text)}", 40085)
    if type(separator) is not str:
        raise failure(f"$split requires a string as its second argument, found: {type_name(separator)}", 40086)
    if not separator:
        raise failure("$split requires a non-empty separator", 40087)
    return text.split(separator)


@of_values("$toLower", 1)
def lowered(value: Any) -> str:
    """Return a text in lower case."""
    return text_of(value).translate(_LOWER)


@of_values("$toUpper", 1)
def uppered(value: Any) -> str:
    """Return a text in upper case."""
    return text_of(value).translate(_UPPER)


@of_values("$strcasecmp", 2)
def compared_caseless(left: Any, right: Any) -> int:
    """Return -1, 0 or 1 as a text sorts before, with or after another without regard to case."""
    first, second = uppered(left), uppered(right)
    return 0 if first == second else 1 if first > second else -1


@of_values("$strLenCP", 1)
def length(text: Any) -> int:
    """Return the number of characters of a text."""
    if type(text) is not str:
        raise failure(f"$strLenCP requires a string argument, found: {type_name(text)}", 34471)
    return len(text)


@of_values("$strLenBytes", 1)
def byte_length(text: Any) -> int:
    """Return the number of bytes of a text in UTF-8."""
    if type(text) is not str:
        raise failure(f"$strLenBytes requires a string argument, found: {type_name(text)}", 34473)
    return len(text.encode())


@of_values("$substrCP", 3)
def substring(value: Any, start: Any, count: Any) -> str:
    """Return `count` characters of a text from the position `start` on."""
    text = text_of(value)
    first = _small("$substrCP: starting index", start, 34450, 34451)
    size = _small("$substrCP: length", count, 34452, 34453)
    if size < 0:
        raise failure("$substrCP: length must be a nonnegative integer", 34454)
    if first < 0:
        raise failure("$substrCP: the starting index must be nonnegative integer", 34455)
    return text[first : first + size]


def _small(what: str, value: Any, type_code: int, range_code: int) -> int:
    if TYPES[type(value)] not in NUMERIC:
        raise failure(f"{what} must be a numeric type (is BSON type {type_name(value)})", type_code)
    number = integer(value)
    if number is None or number not in INTS:
        raise failure(f"{what} cannot be represented as a 32-bit integral value", range_code)
    return number


@of_values("$substrBytes", 3)
def byte_substring(value: Any, start: Any, count: Any) -> str:
    """Return `count` bytes of a text in UTF-8 from the position `start` on; all of the rest if it is negative."""
    data = text_of(value).encode()
    first = _long("$substrBytes: starting index", start, 16034)
    size = _long("$substrBytes: length", count, 16035)
    if first < 0:
        raise failure("$substrBytes: starting index must be non-negative", 50752)
    end = len(data) if size < 0 else first + size
    if _splits_character(data, first):
        raise failure("$substrBytes: invalid range, starting index is a UTF-8 continuation byte", 28656)
    if _splits_character(data, end):
        raise failure("$substrBytes: invalid range, ending index is in the middle of a UTF-8 character", 28657)
    return data[first:end].decode()


of_values("$substr", 3)(byte_substring)


def _long(what: str, value: Any, code: int) -> int:
    number = truncate(value) if TYPES[type(value)] in NUMERIC else None
    if number is None:
        raise failure(f"{what} must be a numeric type (is BSON type {type_name(value)})", code)
    return number


def _splits_character(data: bytes, index: int) -> bool:
    return index < len(data) and data[index] & 0xC0 == 0x80


@of_values("$indexOfCP", 2, 4)
def index_of(text: Any, token: Any, start: Any = 0, end: Any = ABSENT) -> int | None:
    """Return the position at which a token begins in a text, from `start` on and before `end`; -1 if nowhere."""
    if text is None or text is MISSING:
        return None
    _check_texts("$indexOfCP", text, token, (40093, 40094))
    first = _position("$indexOfCP", "starting index", start)
    last = len(text) if end is ABSENT else min(len(text), _position("$indexOfCP", "ending index", end))
    if not text and not token and not first:
        return 0
    found = text.find(token, first)
    return found if first <= found < last else -1


@of_values("$indexOfBytes", 2, 4)
def byte_index_of(text: Any, token: Any, start: Any = 0, end: Any = ABSENT) -> int | None:
    """Return the same as $indexOfCP in bytes of UTF-8; the token has to end before `end` as well."""
    if text is None or text is MISSING:
        return None
    _check_texts("$indexOfBytes", text, token, (40091, 40092))
    data = text.encode()
    first = _position("$indexOfBytes", "starting index", start)
    last = len(data) if end is ABSENT else min(len(data), _position("$indexOfBytes", "ending index", end))
    return -1 if first > len(data) or last < first else data.find(token.encode(), first, last)


def _check_texts(name: str, text: Any, token: Any, codes: tuple[int, int]) -> None:
    if type(text) is not str:
        raise failure(f"{name} requires a string as the first argument, found: {type_name(text)}", codes[0])
    if type(token) is not str:
        raise failure(f"{name} requires a string as the second argument, found: {type_name(token)}", codes[1])


def _position(name: str, what: str, value: Any) -> int:
    number = integer(value) if TYPES[type(value)] in NUMERIC else None
    if number is None or number not in INTS:
        raise failure(f"{name} requires an integral {what}, found a value of type: {type_name(value)}", 40096)
    if number < 0:
        raise failure(f"{name} requires a nonnegative {what}", 40097)
    return number


def _trimming(name: str, *, left: bool, right: bool) -> None:
    @of_fields(name, ("input",), {"chars": _WHITESPACE}, Codes(50696, 50694, 50695))
    def trimmed(text: Any, characters: Any) -> str | None:
        if text is None or text is MISSING:
            return None
        if type(text) is not str:
            raise failure(f"{name} requires its input to be a string, not {type_name(text)}", 50699)
        if characters is None or characters is MISSING:
            return None
        if type(characters) is not str:
            raise failure(f"{name} requires 'chars' to be a string, not {type_name(characters)}", 50700)
        start = text.lstrip(characters) if left and characters else text
        return start.rstrip(characters) if right and characters else start


_trimming("$trim", left=True, right=True)
_trimming("$ltrim", left=True, right=False)
_trimming("$rtrim", left=False, right=True)


def _replacing(name: str, limit: int) -> None:
    @of_fields(name, ("input", "find", "replacement"), {}, Codes(51751, 51750, (51749, 51748, 51747)))
    def replaced(text: Any, find: Any, replacement: Any) -> str | None:
        parts = {"input": text, "find": find, "replacement": replacement}
        for (key, value), code in zip(parts.items(), (51746, 51745, 51744), strict=True):
            if type(value) is not str and value is not None and value is not MISSING:
                raise failure(f"{name} requires that {key!r} be a string, found: {type_name(value)}", code)
        if any(value is None or value is MISSING for value in parts.values()):
            return None
        return str(text.replace(find, replacement, limit))


_replacing("$replaceOne", 1)
_replacing("$replaceAll", -1)
