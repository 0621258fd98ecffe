"""Dotted paths: which values of a document MongoDB tests for ``a.b.0``.

A path walks through documents, through each document of an array, and into
array positions; where several ways are open, all are taken. The rules, quirks
included, are those of the server's matcher (src/mongo/db/matcher/path.cpp):
a scalar where a document is needed counts as a missing field, but inside an
array it counts as nothing at all.
"""

from __future__ import annotations

from typing import Any, Final

from nosqlpy._core.values.kept import kept
from nosqlpy._core.values.types import ARRAY, MISSING, OBJECT, TYPES, as_mapping
from nosqlpy.errors import QueryError

PARTS_MAX: Final = 200
DBREF_FIELDS: Final = frozenset(("$ref", "$id", "$db"))


class Path:
    """A parsed dotted path; make one with `parse_path`."""

    __slots__ = ("parts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts = tuple(text.split("."))

    def values(self, document: dict[str, Any]) -> list[Any]:
        """Return every value that a condition on this path is tested on; MISSING where a field is absent.

        An array at the end contributes its elements and then itself; an empty list means that nothing can match.
        """
        found: list[Any] = []
        walk(document, self.parts, 0, found, expand=True)
        return found

    def leaves(self, document: dict[str, Any]) -> list[Any]:
        """Return the same as `values`, but an array at the end only as a whole."""
        found: list[Any] = []
        walk(document, self.parts, 0, found, expand=False)
        return found


@kept(4096)
def parse_path(text: str, *, empty_parts: bool = False) -> Path:
    """Return the parsed path; parsing is cached.

    `empty_parts` allows names that are empty strings, which MongoDB's filters do and nothing else does.

    Raises:
        QueryError: `text` is not a str, or no UTF-8, has an empty part, starts with ``$`` or has more than 200 parts.
    """
    if not isinstance(text, str):
        raise QueryError(f"a path is a str, not {type(text).__name__}")
    if has_surrogate(text):
        raise QueryError(f"path {text!r} has a lone surrogate, which UTF-8 cannot hold")
    path = Path(text)
    if not empty_parts and "" in path.parts:
        raise QueryError(f"path {text!r} has an empty part", code=56, code_name="EmptyFieldName")
    if text.startswith("$") and path.parts[0] not in DBREF_FIELDS:
        raise QueryError(f"path {text!r} starts with '$'", code=52, code_name="DollarPrefixedFieldName")
    if len(path.parts) > PARTS_MAX:
        raise QueryError(f"a path has at most {PARTS_MAX} parts", code=15, code_name="Overflow")
    return path


def has_surrogate(text: str) -> bool:
    """Return whether `text` has a lone surrogate, as no field of a stored document has."""
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def walk(document: Any, parts: tuple[str, ...], index: int, found: list[Any], *, expand: bool) -> None:
    """Append to `found` what `parts` from `index` on reach in `document`; `expand` the elements of a final array."""
    last = len(parts) - 1
    while True:
        stored = value = document.get(parts[index], MISSING)
        kind = type(value)
        if kind is not dict and kind is not list:
            value, kind = plain(value)
        if kind is dict and index < last:
            document = value
            index += 1
            continue
        if kind is list:
            if index < last:
                walk_array(value, parts, index + 1, found, expand=expand)
                return
            if expand:
                found.extend(value)
            found.append(value)
            return
        found.append(stored if index == last else MISSING)
        return


def walk_array(array: list[Any], parts: tuple[str, ...], index: int, found: list[Any], *, expand: bool) -> None:
    """Append to `found` what `parts` from `index` on reach through the elements of `array`, or one of its positions."""
    part = parts[index]
    position = array_position(part)
    at_end = index == len(parts) - 1
    if at_end and position is None and expand:
        _gather(array, part, found)
        return
    for offset, item in enumerate(array):
        element, kind = plain(item)
        if kind is dict:
            walk(element, parts, index, found, expand=expand)
        if offset != position:
            continue
        if at_end:
            found.append(element)  # reached by position: an array here is not expanded
        elif kind is dict:
            walk(element, parts, index + 1, found, expand=expand)
        elif kind is list:
            walk_array(element, parts, index + 1, found, expand=expand)


def _gather(array: list[Any], name: str, found: list[Any]) -> None:
    """Append to `found` the values of the field `name` in the documents of `array`: the common case, without calls."""
    for item in array:
        element = item if type(item) is dict else plain(item)[0]
        if type(element) is dict:
            value, kind = plain(element.get(name, MISSING))
            if kind is list:
                found.extend(value)
            found.append(value)


def plain(value: Any) -> tuple[Any, type]:
    """Return `value` and its class, as dict or list where it is a document or an array of another class."""
    kind = type(value)
    if kind in _PLAIN:
        return value, kind
    number = TYPES[kind]
    if number == OBJECT:
        return dict(as_mapping(value)), dict
    if number == ARRAY:
        return list(value), list
    return value, kind


_PLAIN: Final = frozenset((str, int, dict, list, float, bool, type(None), type(MISSING)))


@kept(4096)
def array_position(part: str) -> int | None:
    """Return the array position that `part` names, which is written without leading zeros."""
    if part.isdecimal() and part.isascii() and (part == "0" or part[0] != "0"):
        return int(part) if len(part) < 10 else None
    return None
