"""Dates: their parts, texts and arithmetic, in time zones.

Cases are those of the manual's pages (reference/operator/aggregation/year …,
dateToString, dateFromString, dateToParts, dateFromParts, dateAdd, dateSubtract,
dateDiff, dateTrunc) and of the server's tests (date_to_string.js,
date_from_string.js, date_from_string_on_error.js, date_to_parts.js,
date_from_parts.js, date_add_subtract.js, date_diff.js, date_trunc.js,
date_expressions_with_timezones.js, date_expr_before_1970.js).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from bson import Int64, ObjectId, Timestamp
from hypothesis import given
from hypothesis import strategies as st

from core.expression.evaluating import code_of, date, evaluate, typed

DAY = date("2017-07-04T14:56:42.911Z")
SOME = date("2020-11-01T18:23:36Z")
DOCUMENT = {
    "date": DAY,
    "n": None,
    "tz": "America/New_York",
    "id": ObjectId("507c7f79bcf86cd7994f6c0e"),
    "ts": Timestamp(1350336377, 0),
}

PARTS = [
    ({"$year": "$date"}, 2017),
    ({"$month": "$date"}, 7),
    ({"$dayOfMonth": "$date"}, 4),
    ({"$hour": "$date"}, 14),
    ({"$minute": "$date"}, 56),
    ({"$second": "$date"}, 42),
    ({"$millisecond": "$date"}, 911),
    ({"$dayOfYear": "$date"}, 185),
    ({"$dayOfWeek": "$date"}, 3),
    ({"$week": "$date"}, 27),
    ({"$isoWeek": "$date"}, 27),
    ({"$isoWeekYear": "$date"}, 2017),
    ({"$isoDayOfWeek": "$date"}, 2),
    ({"$year": ["$date"]}, 2017),
    ({"$year": {"date": "$date"}}, 2017),
    ({"$hour": {"date": "$date", "timezone": "$tz"}}, 10),
    ({"$hour": {"date": "$date", "timezone": "+05:30"}}, 20),
    ({"$minute": {"date": "$date", "timezone": "+0530"}}, 26),
    ({"$hour": {"date": "$date", "timezone": "-05"}}, 9),
    ({"$hour": {"date": "$date", "timezone": "GMT"}}, 14),
    ({"$hour": {"date": "$date", "timezone": None}}, None),
    ({"$hour": {"date": "$date", "timezone": "$missing"}}, None),
    ({"$year": "$n"}, None),
    ({"$year": "$missing"}, None),
    ({"$year": {"date": "$n", "timezone": "nowhere"}}, None),
    ({"$year": {"$add": ["$date", 366 * 86400000]}}, 2018),
    ({"$year": "$id"}, 2012),
    ({"$dayOfMonth": "$ts"}, 15),
    ({"$dayOfYear": date("2016-12-31T00:00:00Z")}, 366),
    ({"$week": date("2016-01-01T00:00:00Z")}, 0),
    ({"$week": date("2016-01-03T00:00:00Z")}, 1),
    ({"$week": date("2017-01-01T00:00:00Z")}, 1),
    ({"$isoWeek": date("2016-01-01T00:00:00Z")}, 53),
    ({"$isoWeekYear": date("2016-01-01T00:00:00Z")}, 2015),
    ({"$isoDayOfWeek": date("2017-01-01T00:00:00Z")}, 7),
    ({"$dayOfWeek": date("2017-01-01T00:00:00Z")}, 1),
    ({"$year": date("1960-01-02T03:04:05.006Z")}, 1960),
    ({"$millisecond": date("1960-01-02T03:04:05.006Z")}, 6),
    (
        {"$dateToParts": {"date": DAY}},
        {"year": 2017, "month": 7, "day": 4, "hour": 14, "minute": 56, "second": 42, "millisecond": 911},
    ),
    (
        {"$dateToParts": {"date": DAY, "iso8601": True}},
        {
            "isoWeekYear": 2017,
            "isoWeek": 27,
            "isoDayOfWeek": 2,
            "hour": 14,
            "minute": 56,
            "second": 42,
            "millisecond": 911,
        },
    ),
    (
        {"$dateToParts": {"date": date("2017-01-01T01:29:09.123Z"), "timezone": "America/New_York"}},
        {"year": 2016, "month": 12, "day": 31, "hour": 20, "minute": 29, "second": 9, "millisecond": 123},
    ),
    ({"$dateToParts": {"date": None}}, None),
    ({"$dateToParts": {"date": DAY, "timezone": None}}, None),
    ({"$dateToParts": {"date": DAY, "iso8601": None}}, None),
    ({"$dateFromParts": {"year": 2017, "month": 2, "day": 8, "hour": 12}}, date("2017-02-08T12:00:00Z")),
    (
        {"$dateFromParts": {"isoWeekYear": 2017, "isoWeek": 6, "isoDayOfWeek": 3, "hour": 12}},
        date("2017-02-08T12:00:00Z"),
    ),
    (
        {
            "$dateFromParts": {
                "year": 2016,
                "month": 12,
                "day": 31,
                "hour": 23,
                "minute": 46,
                "second": 12,
                "timezone": "America/New_York",
            }
        },
        date("2017-01-01T04:46:12Z"),
    ),
    ({"$dateFromParts": {"year": 2017, "month": 14, "day": 1, "hour": 12}}, date("2018-02-01T12:00:00Z")),
    ({"$dateFromParts": {"year": 2017, "month": 0, "day": 1, "hour": 12}}, date("2016-12-01T12:00:00Z")),
    ({"$dateFromParts": {"year": 2017, "month": -1}}, date("2016-11-01T00:00:00Z")),
    ({"$dateFromParts": {"year": 2017, "day": 0}}, date("2016-12-31T00:00:00Z")),
    ({"$dateFromParts": {"year": 2017, "hour": 25}}, date("2017-01-02T01:00:00Z")),
    ({"$dateFromParts": {"year": 2017, "millisecond": -1}}, date("2016-12-31T23:59:59.999Z")),
    ({"$dateFromParts": {"year": 2017.0, "second": Int64(86400)}}, date("2017-01-02T00:00:00Z")),
    ({"$dateFromParts": {"isoWeekYear": 2017}}, date("2017-01-02T00:00:00Z")),
    ({"$dateFromParts": {"isoWeekYear": 2017, "isoWeek": 53}}, date("2018-01-01T00:00:00Z")),
    ({"$dateFromParts": {"year": 2017, "month": None}}, None),
    ({"$dateFromParts": {"year": "$missing"}}, None),
    ({"$dateFromParts": {"year": 2017, "timezone": "$n"}}, None),
]

FORMAT = "%Y-%m-%d %H:%M:%S %z (%Z minutes)"


def formatted(moment, zone=None, form=FORMAT):
    return {"$dateToString": {"date": moment, "format": form} | ({"timezone": zone} if zone else {})}


TO_TEXT = [
    (formatted(DAY), "2017-07-04 14:56:42 +0000 (0 minutes)"),
    (formatted(DAY, "UTC"), "2017-07-04 14:56:42 +0000 (0 minutes)"),
    (formatted(DAY, "Europe/London"), "2017-07-04 15:56:42 +0100 (60 minutes)"),
    (formatted(DAY, "America/New_York"), "2017-07-04 10:56:42 -0400 (-240 minutes)"),
    (formatted(DAY, "Australia/Eucla"), "2017-07-04 23:41:42 +0845 (525 minutes)"),
    (formatted(DAY, "Asia/Kathmandu"), "2017-07-04 20:41:42 +0545 (345 minutes)"),
    (formatted(date("1900-07-10T11:41:22.418Z"), "America/Caracas"), "1900-07-10 07:13:42 -0427 (-267 minutes)"),
    (formatted(date("2017-12-04T15:09:14.911Z"), "America/New_York"), "2017-12-04 10:09:14 -0500 (-300 minutes)"),
    (
        formatted(date("2017-01-01T15:08:51Z"), None, "Natural: %Y-W%w-%U, ISO: %G-W%u-%V"),
        "Natural: 2017-W1-01, ISO: 2016-W7-52",
    ),
    (
        formatted(date("2017-07-04T15:08:51Z"), None, "Natural: %Y-W%w-%U, ISO: %G-W%u-%V"),
        "Natural: 2017-W3-27, ISO: 2017-W2-27",
    ),
    (
        formatted(date("2017-12-04T15:08:51Z"), None, "Natural: %Y-W%w-%U, ISO: %G-W%u-%V"),
        "Natural: 2017-W2-49, ISO: 2017-W1-49",
    ),
    (formatted(DAY, None, "%b (%B) %d, %Y"), "Jul (July) 04, 2017"),
    (formatted(DAY, None, "%j %L %% 100%%"), "185 911 % 100%"),
    (formatted(DAY, None, ""), ""),
    (formatted(date("0001-02-03T04:05:06Z"), None, "%Y-%m-%d"), "0001-02-03"),
    ({"$dateToString": {"date": DAY}}, "2017-07-04T14:56:42.911Z"),
    ({"$dateToString": {"date": DAY, "timezone": "America/New_York"}}, "2017-07-04T10:56:42.911"),
    ({"$dateToString": {"date": DAY, "timezone": "+00:00"}}, "2017-07-04T14:56:42.911Z"),
    ({"$dateToString": {"date": "$id", "format": "%Y-%m-%d"}}, "2012-10-15"),
    ({"$dateToString": {"date": None, "timezone": "Europe/Oslo"}}, None),
    ({"$dateToString": {"date": "$missing", "onNull": "none"}}, "none"),
    ({"$dateToString": {"date": None, "format": "%Y", "onNull": "$tz"}}, "America/New_York"),
    ({"$dateToString": {"date": DAY, "timezone": None}}, None),
    ({"$dateToString": {"date": DAY, "format": None}}, None),
    ({"$dateToString": {"date": DAY, "format": "$missing", "onNull": 1}}, None),
]


def parsed(text, form=None, zone=None):
    given = {"dateString": text} | ({"format": form} if form else {}) | ({"timezone": zone} if zone else {})
    return {"$dateFromString": given}


ISO = "%Y-%m-%dT%H:%M:%S.%LZ"
FROM_TEXT = [
    (parsed("2017-07-04T11:56:02Z"), "2017-07-04T11:56:02Z"),
    (parsed("2017-07-04T11:56:02Z", "%Y-%m-%dT%H:%M:%SZ"), "2017-07-04T11:56:02Z"),
    (parsed("2017-07-04T11:56:02.813Z"), "2017-07-04T11:56:02.813Z"),
    (parsed("2017-07-04T11:56:02.813Z", ISO), "2017-07-04T11:56:02.813Z"),
    (parsed("2017-07-04T11:56:02.81Z"), "2017-07-04T11:56:02.810Z"),
    (parsed("2017-07-04T11:56:02.8Z", ISO), "2017-07-04T11:56:02.800Z"),
    (parsed("2017-07-04T11:56.02"), "2017-07-04T11:56:02Z"),
    (parsed("2017-07-04T11:56.02.813"), "2017-07-04T11:56:02.813Z"),
    (parsed("2017-07-04T11:56.02.8", "%Y-%m-%dT%H:%M.%S.%L"), "2017-07-04T11:56:02.800Z"),
    (parsed("2017-07-04T11:56.02", None, "Europe/London"), "2017-07-04T10:56:02Z"),
    (parsed("2017-07-04T11:56.02.813", "%Y-%m-%dT%H:%M.%S.%L", "Europe/London"), "2017-07-04T10:56:02.813Z"),
    (parsed("2017-07-04T11:56.02", None, "+01:00"), "2017-07-04T10:56:02Z"),
    (parsed("1960-07-10T12:10:37.448"), "1960-07-10T12:10:37.448Z"),
    (parsed("2017-07-06T12:35:37.513", None, "GMT"), "2017-07-06T12:35:37.513Z"),
    (parsed("1960-07-10T12:35:37.513", None, "America/New_York"), "1960-07-10T16:35:37.513Z"),
    (parsed("2017-07-06T12:35:37.513", None, "America/Los_Angeles"), "2017-07-06T19:35:37.513Z"),
    (parsed("2017-07-06T12:35:37", None, "Asia/Tokyo"), "2017-07-06T03:35:37Z"),
    (parsed("2017-07-19T18:52:35.199", None, "-05:00"), "2017-07-19T23:52:35.199Z"),
    (parsed("2017-07-06"), "2017-07-06T00:00:00Z"),
    (parsed("2017-07-06 11:36:54"), "2017-07-06T11:36:54Z"),
    (parsed("2017-07-14T12:02:44.771 GMT"), "2017-07-14T12:02:44.771Z"),
    (parsed("2017-07-14T12:02:44.771 GMT+00:00"), "2017-07-14T12:02:44.771Z"),
    (parsed("2017-07-14T12:02:44.771 GMT+02"), "2017-07-14T10:02:44.771Z"),
    (parsed("2017-07-14T12:02:44.771 GMT+02:00", "%Y-%m-%dT%H:%M:%S.%L%z"), "2017-07-14T10:02:44.771Z"),
    (parsed("2017-07-14T12:02:44.771+03"), "2017-07-14T09:02:44.771Z"),
    (parsed("2017-07-14T12:02:44.771+0330"), "2017-07-14T08:32:44.771Z"),
    (parsed("2017-07-14T12:02:44.771+03:30", "%Y-%m-%dT%H:%M:%S.%L%z"), "2017-07-14T08:32:44.771Z"),
    (parsed("2017-07-14T12:02:44.771 UTC"), "2017-07-14T12:02:44.771Z"),
    (parsed("2017-07-14T12:02:44.771 CEST"), "2017-07-14T10:02:44.771Z"),
    (parsed("2017-07-14T12:02:44.771 EST"), "2017-07-14T17:02:44.771Z"),
    (parsed("2017-07-14T12:02:44.771 PDT", "%Y-%m-%dT%H:%M:%S.%L%z"), "2017-07-14T19:02:44.771Z"),
    (parsed("2017-07-14T12:02:44.771 A"), "2017-07-14T11:02:44.771Z"),
    (parsed("2017-07-14T12:02:44.771 L"), "2017-07-14T01:02:44.771Z"),
    (parsed("2017-07-14T12:02:44.771 P"), "2017-07-14T15:02:44.771Z"),
    (parsed("2017-07-14T12:02:44.771 Z"), "2017-07-14T12:02:44.771Z"),
    (parsed("July 4th, 2017"), "2017-07-04T00:00:00Z"),
    (parsed("July 4th, 2017 12:39:30 BST"), "2017-07-04T11:39:30Z"),
    (parsed("July 4th, 2017 11am"), "2017-07-04T11:00:00Z"),
    (parsed("July 4th, 2017 12pm"), "2017-07-04T12:00:00Z"),
    (parsed("7/4/17"), "2017-07-04T00:00:00Z"),
    (parsed("04-07-2017"), "2017-07-04T00:00:00Z"),
    (parsed("2017-Jul-04 noon"), "2017-07-04T12:00:00Z"),
    (parsed("2017-07-04 12:48:07 GMT+0545"), "2017-07-04T07:03:07Z"),
    (parsed("2017-07-04 12:48:07 GMT-0200"), "2017-07-04T14:48:07Z"),
    (parsed("Tue, 04 Jul 2017 12:48:07 +0000"), "2017-07-04T12:48:07Z"),
    (parsed("20170704T124807Z"), "2017-07-04T12:48:07Z"),
    (parsed("05 12 1988", "%d %m %Y"), "1988-12-05T00:00:00Z"),
    (parsed("05*12*1988", "%d*%m*%Y"), "1988-12-05T00:00:00Z"),
    (parsed("1992 % 04 % 26", "%Y %% %m %% %d"), "1992-04-26T00:00:00Z"),
    (parsed("Day: 05 Month: 12 Year: 1988", "Day: %d Month: %m Year: %Y"), "1988-12-05T00:00:00Z"),
    (parsed("4/26/1992:+0445", "%m/%d/%Y:%z"), "1992-04-25T19:15:00Z"),
    (parsed("4/26/1992:+285", "%m/%d/%Y:%Z"), "1992-04-25T19:15:00Z"),
    (parsed("2017", "%G"), "2017-01-02T00:00:00Z"),
    (parsed("2017, Week 53", "%G, Week %V"), "2018-01-01T00:00:00Z"),
    (parsed("2017, Day 5", "%G, Day %u"), "2017-01-06T00:00:00Z"),
    (parsed("53.7.2017", "%V.%u.%G"), "2018-01-07T00:00:00Z"),
    (parsed("1.1.1", "%V.%u.%G"), "0001-01-01T00:00:00Z"),
    (parsed("2017 100", "%Y %j"), "2017-04-10T00:00:00Z"),
    (parsed("4 July 2017", "%d %B %Y"), "2017-07-04T00:00:00Z"),
    (parsed("Jul 4 2017", "%b %d %Y"), "2017-07-04T00:00:00Z"),
]


def moved(name, start, unit, amount, zone=None):
    return {name: {"startDate": start, "unit": unit, "amount": amount} | ({"timezone": zone} if zone else {})}


START = date("2020-12-31T12:10:05Z")
MOVED = [
    (moved("$dateAdd", date("2020-11-30T12:10:05Z"), "day", 1), "2020-12-01T12:10:05Z"),
    (moved("$dateAdd", date("2020-10-24T18:10:00Z"), "hour", 24, "Europe/Paris"), "2020-10-25T18:10:00Z"),
    (moved("$dateAdd", date("2020-10-24T18:10:00Z"), "day", 1, "Europe/Paris"), "2020-10-25T19:10:00Z"),
    (moved("$dateAdd", date("2021-01-30T23:30:00Z"), "month", 1, "Europe/Paris"), "2021-02-27T23:30:00Z"),
    (moved("$dateAdd", START, "day", 1), "2021-01-01T12:10:05Z"),
    (moved("$dateAdd", START, "week", 1), "2021-01-07T12:10:05Z"),
    (moved("$dateAdd", START, "hour", 2), "2020-12-31T14:10:05Z"),
    (moved("$dateAdd", START, "minute", 50), "2020-12-31T13:00:05Z"),
    (moved("$dateAdd", START, "millisecond", 1050), "2020-12-31T12:10:06.050Z"),
    (moved("$dateAdd", START, "month", 1), "2021-01-31T12:10:05Z"),
    (moved("$dateAdd", START, "quarter", 1), "2021-03-31T12:10:05Z"),
    (moved("$dateAdd", START, "month", 2), "2021-02-28T12:10:05Z"),
    (moved("$dateAdd", date("2020-02-29T00:00:00Z"), "year", 1), "2021-02-28T00:00:00Z"),
    (moved("$dateAdd", START, "month", -10), "2020-02-29T12:10:05Z"),
    (moved("$dateAdd", START, "month", 3.0), "2021-03-31T12:10:05Z"),
    (moved("$dateAdd", "$id", "day", 1), "2012-10-16T21:26:17Z"),
    (moved("$dateAdd", date("2020-11-01T05:50:02Z"), "hour", 1, "America/New_York"), "2020-11-01T06:50:02Z"),
    (moved("$dateSubtract", START, "year", 1), "2019-12-31T12:10:05Z"),
    (moved("$dateSubtract", START, "quarter", 2), "2020-06-30T12:10:05Z"),
    (moved("$dateSubtract", START, "month", 1), "2020-11-30T12:10:05Z"),
    (moved("$dateSubtract", START, "month", 3, "Europe/Paris"), "2020-09-30T11:10:05Z"),
    (moved("$dateSubtract", START, "day", 15), "2020-12-16T12:10:05Z"),
    (moved("$dateSubtract", START, "hour", 48), "2020-12-29T12:10:05Z"),
    (moved("$dateSubtract", START, "second", 125), "2020-12-31T12:08:00Z"),
    (moved("$dateSubtract", date("2021-01-31T03:00:00Z"), "month", 2), "2020-11-30T03:00:00Z"),
    (moved("$dateSubtract", date("2021-01-31T03:00:00Z"), "month", 2, "America/New_York"), "2020-12-01T03:00:00Z"),
]


def between(start, end, unit, **more):
    return {"$dateDiff": {"startDate": start, "endDate": end, "unit": unit} | more}


SUNDAY, MONDAY = date("2021-01-24T18:23:36Z"), date("2021-01-25T02:23:36Z")
DIFFERENCES = [
    (between(SOME, date("2020-11-02T00:00:00Z"), "hour"), 6),
    (between(SOME, date("2020-11-02T00:00:00Z"), "hour", timezone="America/New_York", startOfWeek="IGNORED"), 6),
    (between("$id", "$id", "millisecond"), 0),
    (between("$ts", "$ts", "millisecond"), 0),
    (between(date("2020-12-31T23:59:59Z"), date("2021-01-01T00:00:00Z"), "year"), 1),
    (between(date("2021-01-01T00:00:00Z"), date("2021-12-31T23:59:59Z"), "year"), 0),
    (between(date("2021-01-01T00:00:00Z"), date("2020-12-31T23:59:59Z"), "year"), -1),
    (between(date("2020-03-31T00:00:00Z"), date("2020-04-01T00:00:00Z"), "quarter"), 1),
    (between(date("2020-01-31T00:00:00Z"), date("2020-02-01T00:00:00Z"), "month"), 1),
    (between(date("2019-12-31T00:00:00Z"), date("2021-02-01T00:00:00Z"), "month"), 14),
    (between(date("2020-10-19T23:59:59Z"), date("2020-10-20T00:00:00Z"), "day"), 1),
    (between(date("2020-10-19T00:00:00Z"), date("2020-10-19T23:59:59Z"), "day"), 0),
    (between(SOME, SOME + timedelta(seconds=59), "minute"), 1),
    (between(SOME, SOME + timedelta(milliseconds=2999), "second"), 2),
    (between(SOME, SOME + timedelta(milliseconds=2999), "millisecond"), 2999),
    (between(date("2020-10-24T12:00:00Z"), date("2020-10-25T12:00:00Z"), "hour", timezone="Europe/Paris"), 24),
    (between(date("2020-10-24T12:00:00Z"), date("2020-10-25T12:00:00Z"), "day", timezone="Europe/Paris"), 1),
    (between(SUNDAY, MONDAY, "week", startOfWeek="MONDAY"), 1),
    (between(SUNDAY, MONDAY, "week"), 0),
    (between(SUNDAY, MONDAY, "week", startOfWeek="mon", timezone="GMT"), 1),
    (between(date("2021-01-17T05:00:00Z"), date("2021-01-17T04:59:00Z"), "week", timezone="America/New_York"), -1),
    (between(SOME, SOME, "hour", startOfWeek=1), 0),
    (between("$n", 1, "century", timezone="INVALID"), None),
    (between("", "$missing", "epoch"), None),
    (between(1, 2, "$missing"), None),
    (between(1, 2, "century", timezone=None), None),
    (between(SOME, SOME, "week", startOfWeek=None), None),
]


def cut(moment, unit, size=None, zone=None, start=None):
    more = {"binSize": size, "timezone": zone, "startOfWeek": start}
    return {
        "$dateTrunc": {"date": moment, "unit": unit} | {key: value for key, value in more.items() if value is not None}
    }


TRUNCATED = [
    (cut(SOME, "hour", 2), "2020-11-01T18:00:00Z"),
    (cut(date("2021-12-01T18:23:36Z"), "hour", 4, "America/New_York", "IGNORED"), "2021-12-01T17:00:00Z"),
    (cut(date("2021-02-15T18:23:36Z"), "week"), "2021-02-14T00:00:00Z"),
    (cut(date("2000-01-30T18:00:00Z"), "week", 2, "America/New_York", "mon"), "2000-01-17T05:00:00Z"),
    (cut("$id", "minute", 10), "2012-10-15T21:20:00Z"),
    (cut("$ts", "second", 10), "2012-10-15T21:26:10Z"),
    (cut(date("2020-01-30T18:59:00Z"), "minute", Decimal(15)), "2020-01-30T18:45:00Z"),
    (cut(date("2020-01-30T18:59:00Z"), "day", Int64(1)), "2020-01-30T00:00:00Z"),
    (cut(date("2020-01-30T18:59:00.003Z"), "millisecond", 1000), "2020-01-30T18:59:00Z"),
    (cut(date("2020-01-30T18:59:00Z"), "year", 1, "GMT", 1), "2020-01-01T00:00:00Z"),
    (cut(date("2021-03-20T11:30:05Z"), "month"), "2021-03-01T00:00:00Z"),
    (cut(date("2021-03-20T11:30:05Z"), "quarter"), "2021-01-01T00:00:00Z"),
    (cut(date("2021-03-20T11:30:05Z"), "week", 2, "America/Los_Angeles", "Monday"), "2021-03-15T07:00:00Z"),
    (cut(date("2021-03-20T11:30:05Z"), "month", 6), "2021-01-01T00:00:00Z"),
    (cut(date("1998-03-20T11:30:05Z"), "year", 5), "1995-01-01T00:00:00Z"),
    (cut(date("1999-12-31T23:30:00Z"), "hour", 5), "1999-12-31T19:00:00Z"),
    (cut(date("2021-07-20T03:30:05Z"), "day", 1, "America/New_York"), "2021-07-19T04:00:00Z"),
]

CASES = [
    *PARTS,
    *TO_TEXT,
    *DIFFERENCES,
    *((expression, date(expected)) for expression, expected in [*FROM_TEXT, *MOVED, *TRUNCATED]),
    (moved("$dateAdd", "$missing", "day", 1), None),
    (moved("$dateAdd", START, "$n", 1), None),
    (moved("$dateAdd", START, "day", "$missing"), None),
    (cut("$missing", "H", "string", 1), None),
    ({"$dateTrunc": {"date": SOME, "unit": "hour", "binSize": None}}, None),
    ({"$dateTrunc": {"date": SOME, "unit": "hour", "timezone": None}}, None),
    ({"$dateTrunc": {"date": SOME, "unit": "week", "startOfWeek": None}}, None),
    ({"$dateFromString": {"dateString": "$n"}}, None),
    ({"$dateFromString": {"dateString": "$n", "onNull": "none"}}, "none"),
    ({"$dateFromString": {"dateString": "2017-07-11T17:05:19Z", "timezone": None}}, None),
    ({"$dateFromString": {"dateString": "2017-07-11T17:05:19Z", "format": "$missing"}}, None),
    ({"$dateFromString": {"dateString": "no date", "onError": "none"}}, "none"),
    ({"$dateFromString": {"dateString": 5, "onError": "$tz"}}, "America/New_York"),
    ({"$dateFromString": {"dateString": "2017", "format": "%Y-%m", "onError": None}}, None),
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[str(expression) for expression, _ in CASES])
def test_dates_are_computed_as_the_server_does(expression, expected):
    assert typed(evaluate(expression, DOCUMENT)) == typed(expected)


ERRORS = [
    ({"$year": 5}, 16006),
    ({"$year": "text"}, 16006),
    ({"$year": {"date": DAY, "timezone": 5}}, 40517),
    ({"$year": {"date": DAY, "timezone": "DoesNotExist"}}, 40485),
    ({"$year": {"date": DAY, "timezone": "America"}}, 40485),
    ({"$year": {"date": DAY, "timezone": "../etc/passwd"}}, 40485),
    ({"$year": {"date": DAY, "timezone": "localtime"}}, 40485),
    ({"$year": {"date": DAY, "timezone": "+5"}}, 40485),
    ({"$year": {"date": DAY, "zoot": 5}}, 40535),
    ({"$year": {"timezone": "UTC"}}, 40539),
    ({"$year": [DAY, DAY]}, 40536),
    ({"$year": []}, 40536),
    ({"$dateToParts": 1}, 40524),
    ({"$dateToParts": {"date": DAY, "zoot": 1}}, 40520),
    ({"$dateToParts": {"timezone": "UTC"}}, 40522),
    ({"$dateToParts": {"date": DAY, "iso8601": 5}}, 40521),
    ({"$dateToParts": {"date": 5}}, 16006),
    ({"$dateFromParts": True}, 40519),
    ({"$dateFromParts": {"year": 2017, "zoot": 1}}, 40518),
    ({"$dateFromParts": {"month": 1}}, 40516),
    ({"$dateFromParts": {"year": 2017, "isoWeek": 1}}, 40489),
    ({"$dateFromParts": {"isoWeekYear": 2017, "month": 1}}, 40525),
    ({"$dateFromParts": {"year": "2017"}}, 40515),
    ({"$dateFromParts": {"year": 2017.5}}, 40515),
    ({"$dateFromParts": {"year": 0}}, 40523),
    ({"$dateFromParts": {"year": 10000}}, 40523),
    ({"$dateFromParts": {"isoWeekYear": 0}}, 31095),
    ({"$dateFromParts": {"year": 2017, "month": 40000}}, 31034),
    ({"$dateFromParts": {"year": 2017, "timezone": "nowhere"}}, 40485),
    ({"$dateFromParts": {"year": 9999, "month": 13}}, 15),
    ({"$dateToString": 5}, 18629),
    ({"$dateToString": {"format": "%Y"}}, 18628),
    ({"$dateToString": {"date": DAY, "zoot": "%Y"}}, 18534),
    ({"$dateToString": {"date": DAY, "format": 5}}, 18533),
    ({"$dateToString": {"date": DAY, "format": "%"}}, 18535),
    ({"$dateToString": {"date": DAY, "format": "%n"}}, 18536),
    ({"$dateToString": {"date": None, "format": "%n"}}, 18536),
    ({"$dateToString": {"date": 42}}, 16006),
    ({"$dateToString": {"date": DAY, "timezone": 5}}, 40517),
    ({"$dateToString": {"date": None, "timezone": "DoesNotExist"}}, 40485),
    ({"$dateFromString": "no-object"}, 40540),
    ({"$dateFromString": {"unknown": "$tz"}}, 40541),
    ({"$dateFromString": {"timezone": "UTC"}}, 40542),
    ({"$dateFromString": {"dateString": 5}}, 241),
    (parsed("July 4th"), 241),
    (parsed("12:50:53"), 241),
    (parsed("2017, 12:50:53"), 241),
    (parsed("60.Monday1770/06:59"), 241),
    (parsed("2017-02-30"), 241),
    (parsed("2017-13-01"), 241),
    (parsed("2017-07-04T25:00:00Z"), 241),
    (parsed("Mon, 04 Jul 2017"), 241),
    (parsed(""), 241),
    (parsed("2017-07-12T22:23:55 GMT+02:00", None, "Europe/Amsterdam"), 241),
    (parsed("2017-07-12T22:23:55Z", None, "Europe/Amsterdam"), 241),
    (parsed("2017-07-12T22:23:55 America/New_York"), 241),
    (parsed("2018-01", "%Y-%m-%d"), 241),
    (parsed("2018-01", "%Y"), 241),
    (parsed("1992-26-04", "Y-d-m"), 241),
    (parsed("1992", "%n"), 18536),
    (parsed("1992", "%w"), 18536),
    (parsed("4/26/1992:+0445", "%m/%d/%Y:%z", "+0500"), 241),
    ({"$dateFromString": {"dateString": "4/26/1992", "format": 5}}, 40684),
    ({"$dateFromString": {"dateString": "4/26/1992", "format": {}}}, 40684),
    (parsed("ISO Day 6", "ISO Day %u"), 241),
    (parsed("ISO Week 52", "ISO Week %V"), 241),
    (parsed("ISO Week 1, 2018", "ISO Week %V, %Y"), 241),
    (parsed("12/31/2018", "%m/%d/%G"), 241),
    (parsed("12/31\0/2018", "%m/%d/%Y"), 241),
    (parsed("123", "%m%M"), 241),
    ({"$dateAdd": 1}, 5166400),
    ({"$dateAdd": {"startDate": START, "units": "day", "amount": 1}}, 5166401),
    ({"$dateAdd": {"unit": "second", "amount": 120}}, 5166402),
    ({"$dateSubtract": {"startDate": START, "amount": 1}}, 5166402),
    (moved("$dateSubtract", "myBirthDate", "year", 10), 5166403),
    (moved("$dateAdd", START, 1, 10), 5439013),
    (moved("$dateAdd", START, "epoch", 10), 9),
    (moved("$dateAdd", START, "YEAR", 10), 9),
    (moved("$dateSubtract", START, "year", 1.001), 5166405),
    (moved("$dateSubtract", START, "year", "1"), 5166405),
    (moved("$dateSubtract", START, "year", 1, "Unknown"), 40485),
    (moved("$dateAdd", START, "year", 10**6), 5166406),
    (moved("$dateAdd", START, "millisecond", 2**62), 5166406),
    (moved("$dateAdd", START, "day", 10**12), 5166406),
    ({"$dateDiff": 1}, 5166301),
    (between(SOME, SOME, "day", zoot=1), 5166302),
    ({"$dateDiff": {"endDate": SOME, "unit": "day"}}, 5166303),
    ({"$dateDiff": {"startDate": SOME, "unit": "day"}}, 5166304),
    ({"$dateDiff": {"startDate": SOME, "endDate": SOME}}, 5166305),
    (between("string", SOME, "hour"), 5166307),
    (between(SOME, 1, "hour"), 5166307),
    (between(SOME, SOME, 5), 5439013),
    (between(SOME, SOME, "decade"), 9),
    (between(SOME, SOME, "hour", timezone=1), 40517),
    (between(SOME, SOME, "hour", timezone="America/Invalid"), 40485),
    (between(SOME, SOME, "week", startOfWeek=1), 5439015),
    (between(SOME, SOME, "week", startOfWeek="FRIDIE"), 5439016),
    ({"$dateTrunc": "A"}, 5439007),
    ({"$dateTrunc": {"endDate": 1}}, 5439008),
    ({"$dateTrunc": {"unit": "week"}}, 5439009),
    ({"$dateTrunc": {"date": SOME}}, 5439010),
    (cut("string", "hour"), 5166307),
    (cut(SOME, 1), 5439013),
    (cut(SOME, "century"), 9),
    (cut(SOME, "hour", "Number"), 5439017),
    (cut(SOME, "hour", 2.5), 5439017),
    (cut(SOME, "hour", 0), 5439018),
    (cut(SOME, "hour", 1, "America/Invalid"), 40485),
    (cut(SOME, "week", 1, None, "FRIDIE"), 5439016),
    (cut(SOME, "day", 10**12), 5439006),
]


@pytest.mark.parametrize(("expression", "code"), ERRORS, ids=str)
def test_dates_that_cannot_be_computed_fail_with_mongodbs_code(expression, code):
    assert code_of(expression) == code


def test_a_naive_date_is_taken_as_utc():
    naive = datetime(2020, 1, 1, 12)  # noqa: DTZ001

    assert evaluate({"$hour": naive}) == 12
    assert evaluate({"$dateToString": {"date": "$d"}}, {"d": naive}) == "2020-01-01T12:00:00.000Z"


def test_microseconds_survive_where_a_date_is_moved():
    moment = datetime(2020, 1, 1, microsecond=123456, tzinfo=UTC)

    assert evaluate({"$add": [moment, 1]}).microsecond == 124456
    assert evaluate({"$dateAdd": {"startDate": moment, "unit": "month", "amount": 1}}).microsecond == 123456
    assert evaluate({"$dateTrunc": {"date": moment, "unit": "millisecond"}}).microsecond == 123000


moments = st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
zones = st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu", "+05:30", "-11"])
units = st.sampled_from(["year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond"])


@given(moments, zones, units, st.integers(1, 40))
def test_a_truncated_date_is_not_after_the_date_and_truncates_to_itself(moment, zone, unit, size):
    document = {"d": moment}
    begin = {"$dateTrunc": {"date": "$d", "unit": unit, "binSize": size, "timezone": zone}}
    cut_once = evaluate(begin, document)

    assert cut_once <= moment or zone not in ("UTC", "+05:30", "-11")  # a bin may begin in the hour that a zone repeats
    assert evaluate(begin, {"d": cut_once}) == cut_once


@given(moments.map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)))
def test_a_date_written_and_read_again_is_the_same(moment):
    assert evaluate({"$dateFromString": {"dateString": {"$dateToString": {"date": "$d"}}}}, {"d": moment}) == moment
    assert evaluate({"$toDate": {"$toDecimal": "$d"}}, {"d": moment}) == moment


@given(moments, moments, units)
def test_a_difference_is_the_negative_of_its_opposite(start, end, unit):
    document = {"s": start, "e": end}
    there = evaluate({"$dateDiff": {"startDate": "$s", "endDate": "$e", "unit": unit}}, document)

    assert there == -evaluate({"$dateDiff": {"startDate": "$e", "endDate": "$s", "unit": unit}}, document)
