"""What texts with dates are made of: the parts that were read, months by name, and offsets from UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

import msgspec

from nosqlpy._core.expression.dateformat import MONTHS
from nosqlpy._core.expression.failures import CONVERSION_FAILURE, failure
from nosqlpy._core.expression.timezones import to_utc
from nosqlpy.errors import OperationFailure

ZONE: Final = r"[ \t(]*(?:(?:GMT|UTC)?[+-]\d{1,2}(?::?\d{2})?|[A-Za-z]{1,5})\)?"
"""An offset or an abbreviation, as a part of a regular expression."""

_OFFSET: Final = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2}):?(\d{2})?", re.ASCII | re.IGNORECASE)

_HOURS: Final[dict[str, float]] = {
    **dict.fromkeys(("utc", "gmt", "wet", "z"), 0),
    **dict.fromkeys(("bst", "cet", "west"), 1),
    **dict.fromkeys(("cest", "eet"), 2),
    **dict.fromkeys(("eest", "msk"), 3),
    "jst": 9,
    **dict.fromkeys(("adt",), -3),
    **dict.fromkeys(("ast", "edt"), -4),
    **dict.fromkeys(("est", "cdt"), -5),
    **dict.fromkeys(("cst", "mdt"), -6),
    **dict.fromkeys(("mst", "pdt"), -7),
    **dict.fromkeys(("pst", "akdt"), -8),
    "akst": -9,
    "hst": -10,
    **{letter: hour for hour, letter in enumerate("abcdefghiklm", 1)},  # the military's, which skip J
    **{letter: -hour for hour, letter in enumerate("nopqrstuvwxy", 1)},
}

_MONTHS: Final = {
    name: index for index, month in enumerate(MONTHS, 1) for name in (month.lower(), month[:3].lower())
} | {"sept": 9}


class Moment(msgspec.Struct, frozen=True):
    """A day and a time as a text has them; `offset` is in minutes, None if there is none."""

    day: datetime
    time: timedelta = timedelta()
    offset: int | None = None

    def date(self, zone: tzinfo) -> datetime:
        """Return the date in UTC; without an offset in the text, clocks are those of `zone`.

        Raises:
            OperationFailure: It is out of the years 1 to 9999, or the text has an offset beside another zone than UTC.
        """
        if self.offset is None:
            return to_utc(self.day + self.time, zone)
        if zone is not UTC:
            raise invalid("it has an offset from UTC, and there is a timezone argument")
        return to_utc(self.day + self.time - timedelta(minutes=self.offset), UTC)


def invalid(reason: str) -> OperationFailure:
    """Return the error of a text that is no date."""
    return failure(f"error parsing date string: {reason}", CONVERSION_FAILURE)


def month_number(name: str) -> int:
    """Return the number of a month by its name, or the first three letters of it."""
    number = _MONTHS.get(name.lower())
    if number is None:
        raise invalid("a textual month could not be found")
    return number


def zone_minutes(text: str) -> int:
    """Return the minutes ahead of UTC of an offset, an abbreviation or a military letter."""
    name = text.strip(" \t()")
    offset = _OFFSET.fullmatch(name)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        return -minutes if offset[1] == "-" else minutes
    hours = _HOURS.get(name.lower())
    if hours is None:
        raise invalid("a time zone can be given by an offset or a common abbreviation only")
    return int(hours * 60)


def calendar_day(year: int, month: int, day: int) -> datetime:
    """Return the day, as the begin of it on some clock."""
    try:
        return datetime(year, month, day)  # noqa: DTZ001 - on the clocks of a zone yet to be told
    except ValueError:
        raise invalid("the parsed date was invalid") from None


def iso_day(year: int, week: int, day: int) -> datetime:
    """Return the day of an ISO week, 1 to 53; in a year of 52 the last one is the first of the next year."""
    if not 1 <= week <= 53 or not 1 <= day <= 7:
        raise invalid("the parsed date was invalid")
    try:
        return datetime.fromisocalendar(year, 1, 1) + timedelta(weeks=week - 1, days=day - 1)
    except (ValueError, OverflowError):
        raise invalid("the parsed date was invalid") from None


def clock_time(hour: int, minute: int, second: int, fraction: str = "") -> timedelta:
    """Return the time since the begin of the day; `fraction` has the digits after the second's point."""
    if hour > 23 or minute > 59 or second > 59:
        raise invalid("the parsed time was invalid")
    microseconds = int(fraction[:6].ljust(6, "0")) if fraction else 0
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=microseconds)
