"""What is written on the command line as JSON or in short: filters, projections, sorts."""

from __future__ import annotations

from typing import Any

from nosqlpy.aliases import Document, Projection, SortSpec
from nosqlpy.errors import NosqlpyError
from nosqlpy.extended_json import decode_json


class UsageError(Exception):
    """A command line that makes no sense; the message says what to write instead."""


def parse_document(text: str, what: str) -> Document:
    """Return the JSON object, Extended JSON with its types, that an argument is.

    Raises:
        UsageError: It is none.
    """
    try:
        return decode_json(text.encode())
    except UnicodeEncodeError:
        raise UsageError(f"{what} is not UTF-8") from None
    except NosqlpyError as error:
        column = error.details.get("column")
        place = f" at column {column}" if column else ""
        raise UsageError(f'{what} is a JSON object such as {{"age": {{"$gte": 18}}}}{place}: {error}') from None


def parse_projection(text: str) -> Projection:
    """Return a projection: a JSON object, or names with commas between them."""
    return parse_document(text, "a projection") if text.lstrip().startswith("{") else _names(text)


def parse_sort(text: str) -> SortSpec:
    """Return the keys of a sort: a JSON object, or names with commas between them, ``-`` before those that descend."""
    if text.lstrip().startswith("{"):
        return parse_document(text, "a sort")
    return [(name.removeprefix("-"), -1 if name.startswith("-") else 1) for name in _names(text)]


def _names(text: str) -> list[Any]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UsageError(f"names with commas between them, such as name,address.city; not {text!r}")
    return names
