"""Parts of dates: $year $month … $isoWeek, $dateToParts and $dateFromParts.

Manual: reference/operator/aggregation/#date-expression-operators.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from nosqlpy._core.expression.failures import OVERFLOW, failure, malformed
from nosqlpy._core.expression.instants import instant
from nosqlpy._core.expression.node import Expression, combined, constant
from nosqlpy._core.expression.operators import ABSENT, Codes, Fields, calling, of_fields
from nosqlpy._core.expression.parse import compile_operand
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.expression.timezones import local, to_utc, zone_of
from nosqlpy._core.values.numbers import NUMERIC, integer
from nosqlpy._core.values.types import ARRAY, MISSING, OBJECT, TYPES, as_mapping, type_name

_PART: Final = Fields(("date",), {"timezone": "UTC"}, Codes(40535, 40535, 40539))


def week_of(date: datetime) -> int:
    """Return the number of a date's week; weeks begin on Sunday, and the days before the first one are week 0."""
    return (date.timetuple().tm_yday + 6 - date.isoweekday() % 7) // 7


PARTS: Final[dict[str, Callable[[datetime], int]]] = {
    "$year": lambda date: date.year,
    "$month": lambda date: date.month,
    "$dayOfMonth": lambda date: date.day,
    "$hour": lambda date: date.hour,
    "$minute": lambda date: date.minute,
    "$second": lambda date: date.second,
    "$millisecond": lambda date: date.microsecond // 1000,
    "$dayOfYear": lambda date: date.timetuple().tm_yday,
    "$dayOfWeek": lambda date: date.isoweekday() % 7 + 1,
    "$week": week_of,
    "$isoDayOfWeek": lambda date: date.isoweekday(),
    "$isoWeek": lambda date: date.isocalendar().week,
    "$isoWeekYear": lambda date: date.isocalendar().year,
}


def _extracting(name: str, part: Callable[[datetime], int]) -> None:
    def extracted(date: Any, timezone: Any) -> int | None:
        if date is None or date is MISSING:
            return None
        moment = instant(date)
        zone = zone_of(timezone)
        return None if zone is None else part(local(moment, zone))

    @syntax(name)
    def compile_part(operand: Any, scope: Scope) -> Expression:
        operands = _date_operands(name, operand, scope)
        return combined(calling(extracted, [item.evaluate for item in operands]), operands)


def _date_operands(name: str, operand: Any, scope: Scope) -> list[Expression]:
    """Return the date, given by itself, in an array, or named beside a time zone, and the time zone."""
    number = TYPES[type(operand)]
    if number == OBJECT and not str(next(iter(as_mapping(operand)), "")).startswith("$"):
        return list(_PART.compile(name, operand, scope).values())
    if number == ARRAY:
        if len(operand) != 1:
            message = f"{name} accepts exactly one argument if given an array, but was given {len(operand)}"
            raise malformed(message, 40536)
        (operand,) = operand
    return [compile_operand(operand, scope.deeper()), constant("UTC")]


for _name, _part in PARTS.items():
    _extracting(_name, _part)


@of_fields("$dateToParts", ("date",), {"timezone": "UTC", "iso8601": False}, Codes(40524, 40520, 40522))
def parts_of(date: Any, timezone: Any, iso8601: Any) -> dict[str, int] | None:
    """Return the parts of a date as a document, by calendar or by ISO weeks."""
    zone = zone_of(timezone)
    if zone is None or iso8601 is None or iso8601 is MISSING:
        return None
    if type(iso8601) is not bool:
        raise failure(f"iso8601 must evaluate to a bool, found {type_name(iso8601)}", 40521)
    if date is None or date is MISSING:
        return None
    moment = local(instant(date), zone)
    names = ("isoWeekYear", "isoWeek", "isoDayOfWeek") if iso8601 else ("year", "month", "day")
    parts = {name: PARTS["$dayOfMonth" if name == "day" else f"${name}"](moment) for name in names}
    return parts | {name: PARTS[f"${name}"](moment) for name in ("hour", "minute", "second", "millisecond")}


_FROM: Final = Fields(
    (),
    dict.fromkeys(
        ("year", "month", "day", "isoWeekYear", "isoWeek", "isoDayOfWeek", "hour", "minute", "second", "millisecond"),
        ABSENT,
    )
    | {"timezone": "UTC"},
    Codes(40519, 40518, 0),
)


@syntax("$dateFromParts")
def compile_date_from_parts(operand: Any, scope: Scope) -> Expression:
    """Return the date of a year, or an ISO year, and other parts; a part out of its range carries over."""
    given = _FROM.read("$dateFromParts", operand)
    if not given.keys() & {"year", "isoWeekYear"}:
        raise malformed("$dateFromParts requires either 'year' or 'isoWeekYear' to be present", 40516)
    if "year" in given and given.keys() & {"isoWeekYear", "isoWeek", "isoDayOfWeek"}:
        raise malformed("$dateFromParts does not allow mixing natural dates with ISO dates", 40489)
    if "isoWeekYear" in given and given.keys() & {"month", "day"}:
        raise malformed("$dateFromParts does not allow mixing ISO dates with natural dates", 40525)
    operands = _FROM.compile("$dateFromParts", operand, scope)
    names = list(operands)

    def date(*values: Any) -> datetime | None:
        return _from_parts(dict(zip(names, values, strict=True)))

    parts = list(operands.values())
    return combined(calling(date, [part.evaluate for part in parts]), parts)


def _from_parts(parts: dict[str, Any]) -> datetime | None:
    given = {name: value for name, value in parts.items() if value is not ABSENT}
    if any(value is None or value is MISSING for value in given.values()):
        return None
    zone = zone_of(given.pop("timezone"))
    assert zone is not None
    numbers = {name: _part_number(name, value) for name, value in given.items()}
    try:
        day = _natural_day(numbers) if "year" in numbers else _iso_day(numbers)
        wall = day + timedelta(
            hours=numbers.get("hour", 0),
            minutes=numbers.get("minute", 0),
            seconds=numbers.get("second", 0),
            milliseconds=numbers.get("millisecond", 0),
        )
    except OverflowError:
        raise failure("the date is out of the years 1 to 9999", OVERFLOW) from None
    return to_utc(wall, zone)


def _part_number(name: str, value: Any) -> int:
    number = integer(value) if TYPES[type(value)] in NUMERIC else None
    if number is None:
        raise failure(f"{name!r} must evaluate to an integer, found {type_name(value)}", 40515)
    if name in ("year", "isoWeekYear"):
        if not 1 <= number <= 9999:
            code = 40523 if name == "year" else 31095
            raise failure(f"{name!r} must evaluate to an integer in the range 1 to 9999", code)
    elif name not in ("second", "millisecond") and not -(2**15) <= number < 2**15:
        raise failure(f"{name!r} must evaluate to a value in the range [-32768, 32767]", 31034)
    return number


def _natural_day(numbers: dict[str, int]) -> datetime:
    months = numbers["year"] * 12 + numbers.get("month", 1) - 1
    if not 12 <= months < 120_000:
        raise OverflowError
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC) + timedelta(days=numbers.get("day", 1) - 1)


def _iso_day(numbers: dict[str, int]) -> datetime:
    first = datetime.fromisocalendar(numbers["isoWeekYear"], 1, 1).replace(tzinfo=UTC)
    return first + timedelta(weeks=numbers.get("isoWeek", 1) - 1, days=numbers.get("isoDayOfWeek", 1) - 1)
