"""Regular expressions: $regexMatch $regexFind $regexFindAll.

Manual: reference/operator/aggregation/regexFind. Patterns are those of the filter
operator ``$regex``.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.operators import Codes, of_fields
from nosqlpy._core.values.order import regex_content
from nosqlpy._core.values.patterns import compile_pattern
from nosqlpy._core.values.types import MISSING, REGEX, TYPES, type_name
from nosqlpy.errors import QueryError

_CODES = Codes(51103, 31024, (31022, 31023))

Search: TypeAlias = tuple[str, re.Pattern[str]]


@of_fields("$regexMatch", ("input", "regex"), {"options": None}, _CODES)
def matches(text: Any, regex: Any, options: Any) -> bool:
    """Return whether a pattern is found in a text."""
    search = _search("$regexMatch", text, regex, options)
    return search is not None and search[1].search(search[0]) is not None


@of_fields("$regexFind", ("input", "regex"), {"options": None}, _CODES)
def find(text: Any, regex: Any, options: Any) -> dict[str, Any] | None:
    """Return the first match of a pattern with its position and captures; null if there is none."""
    search = _search("$regexFind", text, regex, options)
    found = None if search is None else search[1].search(search[0])
    return None if found is None else _described(found)


@of_fields("$regexFindAll", ("input", "regex"), {"options": None}, _CODES)
def find_all(text: Any, regex: Any, options: Any) -> list[dict[str, Any]]:
    """Return all matches of a pattern that do not overlap, with their positions and captures."""
    search = _search("$regexFindAll", text, regex, options)
    found: list[dict[str, Any]] = []
    if search is None:
        return found
    string, pattern = search
    position = 0
    while match := pattern.search(string, position):
        found.append(_described(match))
        position = match.end() if match.group() else match.end() + 1
        if position >= len(string):
            break
    return found


def _described(match: re.Match[str]) -> dict[str, Any]:
    return {"match": match.group(), "idx": match.start(), "captures": list(match.groups())}


def _search(name: str, text: Any, regex: Any, options: Any) -> Search | None:
    """Return text and pattern, or None if one of them is null or missing."""
    pattern = _pattern(name, regex, options)
    if text is None or text is MISSING:
        return None
    if type(text) is not str:
        raise failure(f"{name} needs 'input' to be of type string, not {type_name(text)}", 51104)
    return None if pattern is None else (text, pattern)


def _pattern(name: str, regex: Any, options: Any) -> re.Pattern[str] | None:
    letters = _letters(name, options)
    if TYPES[type(regex)] == REGEX:
        source, own = regex_content(regex)
        if letters is not None and own.replace("u", ""):
            raise failure(f"{name}: found regex option(s) specified in both 'regex' and 'option' fields", 51107)
        letters = letters or own
    elif type(regex) is str:
        source = regex
    elif regex is None or regex is MISSING:
        return None
    else:
        raise failure(f"{name} needs 'regex' to be of type string or regex, not {type_name(regex)}", 51105)
    if "\0" in source:
        raise failure(f"{name}: regular expression cannot contain an embedded null byte", 51109)
    try:
        return compile_pattern(source, letters or "")
    except QueryError as error:
        raise failure(f"invalid Regex in {name}: {error}", 51111 if error.code == 51091 else error.code) from error


def _letters(name: str, options: Any) -> str | None:
    if options is None or options is MISSING:
        return None
    if type(options) is not str:
        raise failure(f"{name} needs 'options' to be of type string, not {type_name(options)}", 51106)
    if "\0" in options:
        raise failure(f"{name}: regular expression options cannot contain an embedded null byte", 51110)
    return options
