"""Time zones by name or offset.

Manual: reference/operator/aggregation/dateToString#timezone. Names are those of
the IANA database, which Python finds on the system or in the package tzdata.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from nosqlpy._core.expression.failures import OVERFLOW, failure
from nosqlpy._core.values.types import MISSING, type_name

_OFFSET: Final = re.compile(r"([+-])(\d\d)(?::?(\d\d))?", re.ASCII)
_NAME: Final = re.compile(r"[A-Z][A-Za-z0-9+_-]*(?:/[A-Za-z0-9+_-]+)*", re.ASCII)


def zone_of(value: Any) -> tzinfo | None:
    """Return the time zone that the value of a ``timezone`` operand names; None for null and a missing value.

    Raises:
        OperationFailure: It is no text (40517), or no zone is called so (40485).
    """
    if type(value) is str:
        return _zone(value)
    if value is None or value is MISSING:
        return None
    raise failure(f"timezone must evaluate to a string, found {type_name(value)}", 40517)


@lru_cache(maxsize=512)
def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    offset = _OFFSET.fullmatch(name)
    if offset:
        return _fixed(offset)
    if _NAME.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # none of that name, or a folder of the database
            pass
    raise failure("unrecognized time zone identifier", 40485)


def _fixed(offset: re.Match[str]) -> tzinfo:
    minutes = int(offset[2]) * 60 + int(offset[3] or 0)
    if minutes >= 24 * 60:
        raise failure("a time zone's offset must be less than a day", 40485)
    return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes)) if minutes else UTC


def local(date: datetime, zone: tzinfo) -> datetime:
    """Return a date in UTC as clocks in `zone` show it.

    Raises:
        OperationFailure: There it is before the year 1 or after 9999.
    """
    if zone is UTC:
        return date
    try:
        return date.astimezone(zone)
    except (OverflowError, ValueError):
        raise failure("the date is out of the years 1 to 9999", OVERFLOW) from None


def to_utc(wall: datetime, zone: tzinfo) -> datetime:
    """Return the date in UTC at which clocks in `zone` show `wall`, the first time if they do twice.

    Raises:
        OperationFailure: It is before the year 1 or after 9999.
    """
    try:
        return wall.replace(tzinfo=zone).astimezone(UTC)
    except (OverflowError, ValueError):
        raise failure("the date is out of the years 1 to 9999", OVERFLOW) from None


def offset_seconds(date: datetime) -> int:
    """Return how far the clock of an aware date is ahead of UTC, in seconds."""
    offset = date.utcoffset()
    return 0 if offset is None else offset // timedelta(seconds=1)
