r"""Dates in the usual ways of writing them, as $toDate and $dateFromString without a format read them.

The server reads whatever its library (timelib) can make a date of; here are the
ways that people mean to use: ISO 8601, ``7/4/2017``, ``4-7-2017``, ``4 July 2017``,
``July 4th, 2017``, ``July 2017``, ``2017-07``, ``2017-W27-2``, ``2017-185``, each with a time and a zone or without.
All else is refused as text that is no date.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from functools import cache
from typing import Final

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

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAME: Final = r"(?P<name>[A-Za-z]{3,9})"
_ORDINAL: Final = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"

_DAYS: Final = (
    r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})",
    r"(?P<y>\d{4})-(?P<m>\d{1,2})",
    r"(?P<y>\d{4})-?W(?P<week>\d{2})(?:-?(?P<u>[0-7]))?",
    r"(?P<y>\d{4})[.-]?(?P<j>\d{3})",
    r"(?P<y>\d{4})/(?P<m>\d{1,2})/(?P<d>\d{1,2})",
    r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
    rf"(?P<y>\d{{4}})-{_NAME}-(?P<d>\d{{1,2}})",
    r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4}|\d{2})",
    r"(?P<d>\d{1,2})[-.](?P<m>\d{1,2})[-.](?P<y>\d{4})",
    rf"{_ORDINAL}[ \t.-]*{_NAME}[ \t.-]*(?P<y>\d{{4}})",
    rf"{_NAME}[ \t.-]*{_ORDINAL}[,.\s]+(?P<y>\d{{4}})",
    rf"{_NAME}[ \t.-]*(?P<y>\d{{4}})",
)

_TIME: Final = (
    r"(?P<H>\d{1,2})(?:[:.](?P<M>\d{2})(?:[:.](?P<S>\d{2})(?:[.,](?P<F>\d{1,9}))?)?)?(?:[ \t]*(?P<half>[ap])\.?m\.?)?"
    r"|(?P<HHMMSS>\d{6})|(?P<word>noon|midnight)"
)


@cache
def _forms() -> tuple[re.Pattern[str], ...]:
    """Return all forms, which take milliseconds to compile: few programs need them."""
    return tuple(
        re.compile(
            rf"\s*(?:(?P<weekday>[A-Za-z]{{3,9}}),?\s+)?{day}(?:(?:[T\s]+|,\s*)(?:{_TIME}))?(?P<zone>{ZONE})?\s*",
            re.ASCII | re.IGNORECASE,
        )
        for day in _DAYS
    )


def free_date(text: str, zone: tzinfo) -> datetime:
    """Return the date that `text` tells, on the clocks of `zone` unless it has an offset.

    Raises:
        OperationFailure: It tells none (241, ConversionFailure).
    """
    for form in _forms():
        match = form.fullmatch(text)
        if match:
            return _moment(match).date(zone)
    raise invalid("it is in none of the forms that are understood, or incomplete")


def _moment(match: re.Match[str]) -> Moment:
    part = match.groupdict().get
    day = _day(part)
    weekday = part("weekday")
    if weekday and not _WEEKDAYS[day.weekday()].startswith(weekday[:3].lower()):
        raise invalid("the day of the week is not that of the date")
    zone = part("zone")
    return Moment(day, _time(part), None if zone is None else zone_minutes(zone))


def _day(part: Callable[[str], str | None]) -> datetime:
    """Return the day that is written: by its month, the first of it unless said, by its week, or by its number."""
    year, week, number, name = _year(part("y") or ""), part("week"), part("j"), part("name")
    if number is not None:
        return calendar_day(year, 1, 1) + timedelta(days=int(number) - 1)
    if week is not None:
        return iso_day(year, int(week), 1) + timedelta(days=int(part("u") or 1) - 1)
    month = month_number(name) if name else int(part("m") or 0)
    return calendar_day(year, month, int(part("d") or 1))


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) > 2:
        return year
    return year + (2000 if year < 70 else 1900)


def _time(part: Callable[[str], str | None]) -> timedelta:
    word = part("word")
    if word:
        return clock_time(12 if word.lower() == "noon" else 0, 0, 0)
    digits = part("HHMMSS")
    if digits:
        return clock_time(int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    hour, half = part("H"), part("half")
    if hour is None:
        return timedelta()
    if half is None:
        if part("M") is None:
            raise invalid("an hour needs minutes, or am or pm")
        return clock_time(int(hour), int(part("M") or 0), int(part("S") or 0), part("F") or "")
    if not 1 <= int(hour) <= 12:
        raise invalid("the parsed time was invalid")
    return clock_time(
        int(hour) % 12 + (12 if half.lower() == "p" else 0), int(part("M") or 0), int(part("S") or 0), part("F") or ""
    )
