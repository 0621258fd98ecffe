"""Calculating with dates: $dateAdd $dateSubtract $dateDiff $dateTrunc.

Manual: reference/operator/aggregation/dateAdd, dateSubtract, dateDiff, dateTrunc.
Units from a day on are those of clocks and calendars in the time zone; shorter
ones are lengths of time.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final

from nosqlpy._core.expression.failures import FAILED_TO_PARSE, failure
from nosqlpy._core.expression.instants import instant, milliseconds_between
from nosqlpy._core.expression.operators import Codes, of_fields
from nosqlpy._core.expression.timezones import local, offset_seconds, to_utc, zone_of
from nosqlpy._core.values.numbers import NUMERIC, integer
from nosqlpy._core.values.types import MISSING, TYPES, type_name

_MONTHS: Final = {"year": 12, "quarter": 3, "month": 1}
_DAYS: Final = {"week": 7, "day": 1}
_LENGTHS: Final = {
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
    "millisecond": timedelta(milliseconds=1),
}
UNITS: Final = frozenset((*_MONTHS, *_DAYS, *_LENGTHS))
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_START: Final = {name: index for index, day in enumerate(_WEEKDAYS) for name in (day, day[:3])}
_BINS_MAX: Final = 100_000_000_000


def _is_null(*values: Any) -> bool:
    return any(value is None or value is MISSING for value in values)


def _unit(name: str, unit: Any) -> str:
    if type(unit) is not str:
        raise failure(f"{name} requires 'unit' to be a string, but got {type_name(unit)}", 5439013)
    if unit not in UNITS:
        raise failure(f"{name} parameter 'unit' value parsing failed: unknown time unit value", FAILED_TO_PARSE)
    return unit


def _start_of_week(name: str, day: Any) -> int:
    if type(day) is not str:
        raise failure(f"{name} requires 'startOfWeek' to be a string, but got {type_name(day)}", 5439015)
    if day.lower() not in _START:
        raise failure(f"{name} parameter 'startOfWeek' value cannot be recognized as a day of a week", 5439016)
    return _START[day.lower()]


def _zone(timezone: Any) -> tzinfo:
    zone = zone_of(timezone)
    assert zone is not None
    return zone


def _adding(name: str, sign: int) -> None:
    codes = Codes(5166400, 5166401, 5166402)

    @of_fields(name, ("startDate", "unit", "amount"), {"timezone": "UTC"}, codes)
    def moved(start: Any, unit: Any, amount: Any, timezone: Any) -> datetime | None:
        if _is_null(start, unit, amount, timezone):
            return None
        step = _unit(name, unit)
        zone = _zone(timezone)
        date = instant(start, name + " requires startDate to be convertible to a date, not {}", 5166403)
        count = integer(amount) if TYPES[type(amount)] in NUMERIC else None
        if count is None:
            raise failure(f"{name} expects integer amount of time units", 5166405)
        return add(date, step, sign * count, zone)


_adding("$dateAdd", 1)
_adding("$dateSubtract", -1)


def add(date: datetime, unit: str, amount: int, zone: tzinfo) -> datetime:
    """Return `date` moved by so many units; a day that its month lacks becomes the month's last.

    Raises:
        OperationFailure: The result is before the year 1 or after 9999.
    """
    try:
        if unit in _LENGTHS:
            return date + amount * _LENGTHS[unit]
        wall = local(date, zone).replace(tzinfo=None)
        if unit in _DAYS:
            return to_utc(wall + timedelta(days=amount * _DAYS[unit]), zone)
        months = wall.year * 12 + wall.month - 1 + amount * _MONTHS[unit]
        year, month = months // 12, months % 12 + 1
        return to_utc(wall.replace(year=year, month=month, day=_day_in(year, month, wall.day)), zone)
    except (OverflowError, ValueError):
        raise failure("the sum of date and amount is out of the years 1 to 9999", 5166406) from None


def _day_in(year: int, month: int, day: int) -> int:
    return min(day, monthrange(year, month)[1]) if 1 <= year <= 9999 else day


@of_fields(
    "$dateDiff",
    ("startDate", "endDate", "unit"),
    {"timezone": "UTC", "startOfWeek": "sunday"},
    Codes(5166301, 5166302, (5166303, 5166304, 5166305)),
)
def date_difference(start: Any, end: Any, unit: Any, timezone: Any, start_of_week: Any) -> int | None:
    """Return how many boundaries of a unit lie between two dates."""
    if _is_null(start, end, unit, timezone) or (unit == "week" and _is_null(start_of_week)):
        return None
    step = _unit("$dateDiff", unit)
    first_day = _start_of_week("$dateDiff", start_of_week) if step == "week" else 0
    zone = _zone(timezone)
    dates = [
        instant(date, f"$dateDiff requires '{which}' to be a date, but got {{}}", 5166307)
        for which, date in (("startDate", start), ("endDate", end))
    ]
    if step == "millisecond":
        return milliseconds_between(*dates)
    return _between(local(dates[0], zone), local(dates[1], zone), step, first_day)


def _between(start: datetime, end: datetime, unit: str, first_day: int) -> int:
    """Return the boundaries of `unit`, a second at least, between two dates on the clocks of one zone."""
    months = (end.year - start.year) * 12 + end.month - start.month
    if unit == "year":
        return end.year - start.year
    if unit == "quarter":
        return (end.year - start.year) * 4 + (end.month - 1) // 3 - (start.month - 1) // 3
    if unit == "month":
        return months
    days = end.toordinal() - start.toordinal()
    if unit == "day":
        return days
    if unit == "week":
        return (days + (start.weekday() - first_day) % 7 - (end.weekday() - first_day) % 7) // 7
    return _clock_between(start, end, unit, days)


def _clock_between(start: datetime, end: datetime, unit: str, days: int) -> int:
    shift = offset_seconds(start) - offset_seconds(end)  # clocks were set in between
    hours = days * 24 + end.hour - start.hour
    if unit == "hour":
        return hours + int(shift / 3600)
    minutes = hours * 60 + end.minute - start.minute
    if unit == "minute":
        return minutes + int(shift / 60)
    return minutes * 60 + end.second - start.second + shift


@of_fields(
    "$dateTrunc",
    ("date", "unit"),
    {"binSize": 1, "timezone": "UTC", "startOfWeek": "sunday"},
    Codes(5439007, 5439008, (5439009, 5439010)),
)
def truncated(date: Any, unit: Any, bin_size: Any, timezone: Any, start_of_week: Any) -> datetime | None:
    """Return the begin of the unit, or of the bin of several units, in which a date is; bins are laid from 2000 on."""
    if _is_null(date, bin_size, unit, timezone) or (unit == "week" and _is_null(start_of_week)):
        return None
    size = _bin_size(bin_size)
    step = _unit("$dateTrunc", unit)
    first_day = _start_of_week("$dateTrunc", start_of_week) if step == "week" else 0
    zone = _zone(timezone)
    moment = instant(date, "$dateTrunc requires 'date' to be a date, but got {}", 5166307)
    return _begin_of_bin(moment, step, size, zone, first_day)


def _bin_size(value: Any) -> int:
    size = integer(value) if TYPES[type(value)] in NUMERIC else None
    if size is None:
        raise failure(f"$dateTrunc requires 'binSize' to be a 64-bit integer, but got {type_name(value)}", 5439017)
    if size <= 0:
        raise failure("$dateTrunc requires 'binSize' to be greater than 0", 5439018)
    return size


def _begin_of_bin(date: datetime, unit: str, size: int, zone: tzinfo, first_day: int) -> datetime:
    wall = datetime(2000, 1, 1)  # noqa: DTZ001 - on the clocks of `zone`
    if unit == "week":
        wall += timedelta(days=(first_day - wall.weekday()) % 7)
    reference = _reference(wall, zone)
    if unit in _LENGTHS:
        try:
            return date - (date - reference) % (size * _LENGTHS[unit])
        except OverflowError:
            raise failure("dateTrunc overflowed", 5439002) from None
    if size > _BINS_MAX:
        raise failure("dateTrunc unsupported binSize value", 5439006)
    distance = _between(wall, local(date, zone), unit, first_day)
    return add(reference, unit, distance - distance % size, zone)


@lru_cache(maxsize=512)
def _reference(wall: datetime, zone: tzinfo) -> datetime:
    return to_utc(wall, zone)
