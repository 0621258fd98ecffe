r"""Sets of characters that patterns name: ``[:alpha:]``, ``\p{Lu}``, ``\h``, ``\v``.

The names and their meaning are PCRE2's (man page pcre2pattern), which reads the patterns of a server.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from typing import Final, TypeAlias

from nosqlpy.errors import NotSupportedError, QueryError

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Code points from one to another, both among them; in order, apart from each other."""

HORIZONTAL: Final[Ranges] = (
    *((0x09, 0x09), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x180E, 0x180E)),
    *((0x2000, 0x200A), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)),
)
VERTICAL: Final[Ranges] = ((0x0A, 0x0D), (0x85, 0x85), (0x2028, 0x2029))

_DIGIT, _UPPER, _LOWER = (0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)
WORD: Final[Ranges] = (_DIGIT, _UPPER, (0x5F, 0x5F), _LOWER)
DIGIT: Final[Ranges] = (_DIGIT,)
SPACE: Final[Ranges] = ((0x09, 0x0D), (0x20, 0x20))
_PUNCTUATION: Final[Ranges] = ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E))

_POSIX: Final[dict[str, Ranges]] = {
    "alnum": (_DIGIT, _UPPER, _LOWER),
    "alpha": (_UPPER, _LOWER),
    "ascii": ((0x00, 0x7F),),
    "blank": ((0x09, 0x09), (0x20, 0x20)),
    "cntrl": ((0x00, 0x1F), (0x7F, 0x7F)),
    "digit": DIGIT,
    "graph": ((0x21, 0x7E),),
    "lower": (_LOWER,),
    "print": ((0x20, 0x7E),),
    "punct": _PUNCTUATION,
    "space": SPACE,
    "upper": (_UPPER,),
    "word": WORD,
    "xdigit": (_DIGIT, (0x41, 0x46), (0x61, 0x66)),
}
# what these mean after (*UCP): properties, and what of ASCII belongs to them too
_UNICODE_POSIX: Final[dict[str, tuple[str, Ranges]]] = {
    "alnum": ("Xan", ()),
    "alpha": ("L", ()),
    "blank": ("", HORIZONTAL),
    "cntrl": ("Cc", ()),
    "digit": ("Nd", ()),
    "lower": ("Ll", ()),
    "punct": ("P", _PUNCTUATION),
    "space": ("Xsp", ()),
    "upper": ("Lu", ()),
    "word": ("Xwd", ()),
}
_SPECIAL: Final[dict[str, tuple[tuple[str, ...], Ranges]]] = {
    "L&": (("Lu", "Ll", "Lt"), ()),
    "Xan": (("L", "N"), ()),
    "Xwd": (("L", "N"), ((0x5F, 0x5F),)),
    "Xsp": (("Z",), (*SPACE, (0x85, 0x85))),
    "Xps": (("Z",), (*SPACE, (0x85, 0x85))),
}
_LAST: Final = sys.maxunicode


def posix_set(name: str, *, caseless: bool, unicode: bool) -> Ranges:
    """Return the characters of ``[:name:]``; `unicode` after ``(*UCP)``.

    Raises:
        QueryError: There is no such class.
    """
    if caseless and name in ("upper", "lower"):
        name = "alpha"
    if name not in _POSIX:
        raise invalid("unknown POSIX class name")
    if unicode and name in _UNICODE_POSIX:
        named, more = _UNICODE_POSIX[name]
        return merged((*(property_set(named) if named else ()), *more))
    return _POSIX[name]


@cache
def property_set(name: str) -> Ranges:
    r"""Return the characters of ``\p{name}``: a general category, or one of PCRE2's own.

    Raises:
        NotSupportedError: It is the name of a script, or of another property.
        QueryError: It is no name.
    """
    if name == "Any":
        return ((0, _LAST),)
    if name in _SPECIAL:
        names, more = _SPECIAL[name]
        return merged((*(pair for each in names for pair in property_set(each)), *more))
    found = [ranges for category, ranges in _categories().items() if category.startswith(name)] if name else []
    if found:
        return merged(pair for ranges in found for pair in ranges)
    if not name.replace("_", "").isalpha():
        raise invalid("unknown property name after \\P or \\p")
    message = f"the property \\p{{{name}}} of a pattern is not supported; general categories such as \\p{{L}} are"
    raise NotSupportedError(message)


def complement(ranges: Ranges) -> Ranges:
    """Return all other characters."""
    edges = [-1, *(edge for low, high in ranges for edge in (low, high)), _LAST + 1]
    return tuple((low + 1, high - 1) for low, high in zip(edges[::2], edges[1::2], strict=True) if low + 1 < high)


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return ranges in order, those that touch as one."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


def invalid(reason: str) -> QueryError:
    """Return the error of a pattern that means nothing."""
    return QueryError(f"regular expression is invalid: {reason}", code=51091, code_name="Location51091")


@cache
def _categories() -> dict[str, Ranges]:
    """Return the characters of each general category; this looks at all planes that have some, once."""
    found: dict[str, list[tuple[int, int]]] = {"Co": [(0xF0000, 0xFFFFD), (0x100000, 0x10FFFD)]}
    ends = [(0xFFFFE, 0xFFFFF), (0x10FFFE, 0x10FFFF)]
    found["Cn"] = [(0x40000, 0xDFFFF), (0xE1000, 0xEFFFF), *ends]
    for start, past in ((0, 0x40000), (0xE0000, 0xE1000)):
        low = start
        for category, run in groupby(map(unicodedata.category, map(chr, range(start, past)))):
            high = low + len(list(run))
            found.setdefault(category, []).append((low, high - 1))
            low = high
    return {category: merged(ranges) for category, ranges in found.items()}
