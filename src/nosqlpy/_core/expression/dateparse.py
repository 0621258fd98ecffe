"""Dates out of text: $dateFromString, with a format and without.

Manual: reference/operator/aggregation/dateFromString.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, TypeAlias

from nosqlpy._core.expression.dateformat import split_format
from nosqlpy._core.expression.datetexts import (
    ZONE,
    Moment,
    calendar_day,
    clock_time,
    invalid,
    iso_day,
    month_number,
    zone_minutes,
)
from nosqlpy._core.expression.failures import CONVERSION_FAILURE, failure
from nosqlpy._core.expression.freedates import free_date
from nosqlpy._core.expression.node import Evaluate, Expression, Variables, combined
from nosqlpy._core.expression.operators import ABSENT, Codes, Fields
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.expression.timezones import zone_of
from nosqlpy._core.values.kept import kept
from nosqlpy._core.values.types import MISSING, type_name
from nosqlpy.errors import OperationFailure

Reader: TypeAlias = Callable[[str], Moment]

_FIELDS: Final = Fields(
    ("dateString",),
    {"format": ABSENT, "timezone": "UTC", "onNull": None, "onError": ABSENT},
    Codes(40540, 40541, 40542),
)

# Possessive, as timelib reads: what one specifier has taken, the next cannot have.
_SPECIFIERS: Final = {
    "%": "%",
    "b": "([A-Za-z]++)",
    "B": "([A-Za-z]++)",
    "d": r"(\d{1,2}+)",
    "G": r"(\d{1,4}+)",
    "H": r"(\d{1,2}+)",
    "j": r"(\d{1,3}+)",
    "L": r"(\d{1,3}+)",
    "m": r"(\d{1,2}+)",
    "M": r"(\d{2})",
    "S": r"(\d{2})",
    "u": r"(\d)",
    "V": r"(\d{1,2}+)",
    "Y": r"(\d{4})",
    "z": f"({ZONE})",
    "Z": r"([+-]\d{1,5}+)",
}
_NATURAL: Final = frozenset("bBdjmY")
_ISO: Final = frozenset("GVu")


@syntax("$dateFromString")
def compile_date_from_string(operand: Any, scope: Scope) -> Expression:
    """Return the date in a text; ``onError`` stands in for one that is none, ``onNull`` for null."""
    operands = _FIELDS.compile("$dateFromString", operand, scope)
    evaluators = {name: item.evaluate for name, item in operands.items()}
    return combined(_reading(evaluators), list(operands.values()))


def _reading(operands: Mapping[str, Evaluate]) -> Evaluate:
    text_of, format_of, zone, on_null, on_error = operands.values()

    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        text = text_of(document, variables)
        read = _reader(format_of(document, variables))
        place = zone_of(zone(document, variables))
        if text is None or text is MISSING:
            return on_null(document, variables)
        if place is None or read is None:
            return None
        try:
            return _read(text, read, place)
        except OperationFailure as error:
            fallback = on_error(document, variables) if error.code == CONVERSION_FAILURE else ABSENT
            if fallback is ABSENT:
                raise
            return fallback

    return evaluate


def _reader(text: Any) -> Any:
    """Return the reader of a format, ABSENT where none was given, None for null."""
    if text is ABSENT:
        return ABSENT
    if type(text) is str:
        return format_reader(text)
    if text is None or text is MISSING:
        return None
    raise failure(f"$dateFromString requires that 'format' be a string, found: {type_name(text)}", 40684)


def _read(text: Any, read: Any, zone: tzinfo) -> datetime:
    if type(text) is not str:
        message = f"$dateFromString requires that 'dateString' be a string, found: {type_name(text)}"
        raise failure(message, CONVERSION_FAILURE)
    if read is ABSENT:
        return free_date(text, zone)
    moment: Moment = read(text)
    return moment.date(zone)


@kept(256)
def format_reader(text: str) -> Reader:
    """Return what reads texts in a format; readers are cached.

    Raises:
        OperationFailure: The format is malformed (18535, 18536).
    """
    pieces = split_format(text, _SPECIFIERS)
    pattern = "".join([re.escape(literal) + _SPECIFIERS.get(letter, "") for literal, letter in pieces])
    compiled = re.compile(pattern, re.ASCII | re.IGNORECASE)
    letters = [letter for _, letter in pieces if letter not in ("", "%")]

    def read(string: str) -> Moment:
        match = compiled.fullmatch(string)
        if match is None:
            raise invalid("it does not follow the format")
        return _moment(dict(zip(letters, match.groups(), strict=True)))

    return read


def _moment(parts: dict[str, str]) -> Moment:
    if parts.keys() & _ISO and parts.keys() & _NATURAL:
        raise invalid("mixing of ISO dates with natural dates is not allowed")
    day = _iso_day(parts) if parts.keys() & _ISO else _natural_day(parts)
    time = clock_time(int(parts.get("H", 0)), int(parts.get("M", 0)), int(parts.get("S", 0)), parts.get("L", ""))
    if "z" in parts:
        return Moment(day, time, zone_minutes(parts["z"]))
    return Moment(day, time, int(parts["Z"]) if "Z" in parts else None)


def _natural_day(parts: dict[str, str]) -> datetime:
    if "Y" not in parts:
        raise invalid("an incomplete date/time string has been found: the year is missing")
    year = int(parts["Y"])
    if "j" in parts:
        return calendar_day(year, 1, 1) + timedelta(days=int(parts["j"]) - 1)
    name = parts.get("b") or parts.get("B")
    month = month_number(name) if name else parts.get("m")
    if month is None or "d" not in parts:
        raise invalid("an incomplete date/time string has been found: the month or the day is missing")
    return calendar_day(year, int(month), int(parts["d"]))


def _iso_day(parts: dict[str, str]) -> datetime:
    if "G" not in parts:
        raise invalid("the parsed date was invalid: the ISO year is missing")
    return iso_day(int(parts["G"]), int(parts.get("V", 1)), int(parts.get("u", 1)))
