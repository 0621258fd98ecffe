"""Values of cells: text that is read as what it looks like, or as the type that is given."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, Final

from nosqlpy._core.values.extended_json import decode_json
from nosqlpy.errors import NosqlpyError

MISSING: Final = object()
"""What a reader returns for text that is not of its type."""

Reader = Callable[[str], Any]

_LITERALS = {"true": True, "false": False, "null": None}
# A number as JSON has it: 007 and +5 are texts, such as the codes of places are
_is_int = re.compile(r"-?(?:0|[1-9][0-9]{0,18})").fullmatch
_is_float = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?").fullmatch
_is_moment = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[-+]\d\d:\d\d)").fullmatch


def infer(text: str) -> Any:
    """Return the number, boolean, null, date with a zone, or JSON object or array that `text` is; or the text."""
    first = text[0]
    if first in "-0123456789":
        for read in (_int, _double, _date):
            value = read(text)
            if value is not MISSING:
                return value
    elif first in "tfn":
        return _LITERALS.get(text, text)
    elif first in "{[":
        value = _json(text)
        return text if value is MISSING else value
    return text


def _int(text: str) -> Any:
    if not _is_int(text):
        return MISSING
    value = int(text)
    return value if -(2**63) <= value < 2**63 else MISSING


def _double(text: str) -> Any:
    # an integer that is too large would lose digits
    if not _is_float(text) or text.lstrip("-").isdigit():
        return MISSING
    value = float(text)
    return value if isfinite(value) else MISSING


def _number(text: str) -> Any:
    try:
        return float(text) if text.isascii() and "_" not in text else MISSING
    except ValueError:
        return MISSING


def _date(text: str) -> Any:
    if not _is_moment(text):
        return MISSING
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return MISSING


def _day(text: str) -> Any:
    """Return a date: with a zone, or in UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return MISSING


def _decimal(text: str) -> Any:
    try:
        return Decimal(text)
    except InvalidOperation:
        return MISSING


def _json(text: str) -> Any:
    try:
        document = decode_json(f'{{"v":{text}}}'.encode())
    except (NosqlpyError, UnicodeEncodeError):
        return MISSING
    return document["v"] if len(document) == 1 else MISSING


READERS: dict[str, Reader] = {
    "string": str,
    "int": _int,
    "double": _number,
    "decimal": _decimal,
    "bool": lambda text: {"true": True, "false": False}.get(text, MISSING),
    "date": _day,
    "json": _json,
    "infer": infer,
}
"""How a cell is read, by the name of the type of its column."""
