"""Dates as text in a format: $dateToString.

Manual: reference/operator/aggregation/dateToString, and, for the specifiers,
reference/aggregation-format-specifiers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from nosqlpy._core.expression.dateparts import week_of
from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.instants import instant
from nosqlpy._core.expression.node import Evaluate, Expression, Variables, combined
from nosqlpy._core.expression.operators import ABSENT, Codes, Fields
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.expression.timezones import local, offset_seconds, zone_of
from nosqlpy._core.values.kept import kept
from nosqlpy._core.values.types import MISSING, type_name

Format: TypeAlias = Callable[[datetime], str]

MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

_UTC_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%LZ"
_LOCAL_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%L"

_FIELDS: Final = Fields(("date",), {"format": ABSENT, "timezone": "UTC", "onNull": None}, Codes(18629, 18534, 18628))


def offset_minutes(date: datetime) -> int:
    """Return how far the clock of a date is ahead of UTC, in whole minutes."""
    seconds = offset_seconds(date)
    return seconds // 60 if seconds >= 0 else -(-seconds // 60)


def _offset(date: datetime) -> str:
    minutes = offset_minutes(date)
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}{rest:02}"


_SPECIFIERS: Final[dict[str, Format]] = {
    "%": lambda _: "%",
    "b": lambda date: MONTHS[date.month - 1][:3],
    "B": lambda date: MONTHS[date.month - 1],
    "d": lambda date: f"{date.day:02}",
    "G": lambda date: f"{date.isocalendar().year:04}",
    "H": lambda date: f"{date.hour:02}",
    "j": lambda date: f"{date.timetuple().tm_yday:03}",
    "L": lambda date: f"{date.microsecond // 1000:03}",
    "m": lambda date: f"{date.month:02}",
    "M": lambda date: f"{date.minute:02}",
    "S": lambda date: f"{date.second:02}",
    "u": lambda date: str(date.isoweekday()),
    "U": lambda date: f"{week_of(date):02}",
    "V": lambda date: f"{date.isocalendar().week:02}",
    "w": lambda date: str(date.isoweekday() % 7 + 1),
    "Y": lambda date: f"{date.year:04}",
    "z": _offset,
    "Z": lambda date: str(offset_minutes(date)),
}


def split_format(text: str, specifiers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the literals of a format, each with the specifier after it, which is "" at the end.

    Raises:
        OperationFailure: A ``%`` stands at the end (18535) or before what is no specifier (18536).
    """
    pieces: list[tuple[str, str]] = []
    literal, percent, rest = text.partition("%")
    while percent:
        if not rest:
            raise failure("unmatched '%' at end of format string", 18535)
        if rest[0] not in specifiers:
            raise failure(f"invalid format character '%{rest[0]}' in format string", 18536)
        pieces.append((literal, rest[0]))
        literal, percent, rest = rest[1:].partition("%")
    return [*pieces, (literal, "")]


@kept(256)
def formatter(text: str) -> Format:
    """Return what writes a date in a format; formatters are cached."""
    pieces = [(literal, _SPECIFIERS.get(letter)) for literal, letter in split_format(text, _SPECIFIERS)]

    def write(date: datetime) -> str:
        return "".join([literal if part is None else literal + part(date) for literal, part in pieces])

    return write


@syntax("$dateToString")
def compile_date_to_string(operand: Any, scope: Scope) -> Expression:
    """Return a date as text, by default as in ``2017-07-04T14:56:42.911Z``, without the Z in another time zone."""
    operands = _FIELDS.compile("$dateToString", operand, scope)
    evaluators = {name: item.evaluate for name, item in operands.items()}
    return combined(_writing(evaluators), list(operands.values()))


def _writing(operands: Mapping[str, Evaluate]) -> Evaluate:
    date_of, format_of, zone, on_null = (operands[name] for name in ("date", "format", "timezone", "onNull"))

    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        date = date_of(document, variables)
        write = _format(format_of(document, variables))
        place = zone_of(zone(document, variables))
        if date is None or date is MISSING:
            return on_null(document, variables)
        if place is None or write is None:
            return None
        write = formatter(_UTC_FORMAT if place is UTC else _LOCAL_FORMAT) if write is ABSENT else write
        return write(local(instant(date), place))

    return evaluate


def _format(text: Any) -> Any:
    if text is ABSENT:
        return ABSENT
    if type(text) is str:
        return formatter(text)
    if text is None or text is MISSING:
        return None
    raise failure(f"$dateToString requires that 'format' be a string, found: {type_name(text)}", 18533)
