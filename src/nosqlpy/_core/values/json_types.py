"""The types of MongoDB Extended JSON: what an object with a type's field means."""

from __future__ import annotations

import re
import uuid
from base64 import b64decode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from math import isfinite
from typing import Any

from nosqlpy._core.values.extensions import bson_class
from nosqlpy.errors import NotSupportedError, QueryError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RE_FLAGS = {"a": re.ASCII, "i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "u": re.UNICODE, "x": re.VERBOSE}
_DATE_ONLY = 10  # characters of 1950-08-07

_is_integer = re.compile(r"-?[0-9]+").fullmatch
_is_double = re.compile(r"-?Infinity|NaN|[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?").fullmatch
_is_decimal = re.compile(r"[-+.0-9a-zA-Z]+").fullmatch  # what Decimal takes, less white space and underscores
_is_object_id = re.compile(r"[0-9a-fA-F]{24}").fullmatch
_is_uuid = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
_is_subtype = re.compile(r"[0-9a-fA-F]{1,2}").fullmatch


class _Wrong(Exception):
    """What a type's field should hold."""


def read_wrapper(value: dict[str, Any], types: Sequence[str], path: str) -> Any:
    """Return the value that an object stands for; `types` are those of its fields that are a type's.

    Raises:
        QueryError: A field has a wrong value, is missing, or is one too many.
        NotSupportedError: The type cannot be stored, or only where pymongo is installed.
    """
    name = types[0]
    if name in _REFERENCE:
        return _reference(value)
    if name == "$scope":
        name = "$code"
    if name in _UNSUPPORTED:
        raise NotSupportedError(f"{path}: {name} is a type that cannot be stored")
    if name == "$binary" and value.keys() == _OLD_BINARY:
        value = {"$binary": {"base64": value["$binary"], "subType": value["$type"]}}
    allowed = {"$code", "$scope"} if name == "$code" else {name}
    surplus = [key for key in value if key not in allowed]
    if surplus or name not in value:
        what = f"{surplus[0]!r} cannot stand beside it" if surplus else "it needs $code"
        message = f"{path}: an object with {types[0]} is a value of that type; {what}"
        raise QueryError(message, code=9, code_name="FailedToParse")
    try:
        return _READERS[name](value if name == "$code" else value[name])
    except (_Wrong, ValueError, InvalidOperation, OverflowError) as error:
        expected = str(error) if isinstance(error, _Wrong) else _EXPECTED.get(name, "another value")
        raise QueryError(f"{path}: {name} holds {expected}", code=9, code_name="FailedToParse") from None
    except NotSupportedError:
        raise NotSupportedError(f'{path}: {name} needs pymongo: pip install "nosqlpy[mongodb]"') from None


def _reference(value: dict[str, Any]) -> Any:
    """Return a DBRef; an object that only resembles one is left as it is."""
    if type(value.get("$ref")) is not str or "$id" not in value or type(value.get("$db", "")) is not str:
        return value
    rest = {key: item for key, item in value.items() if key not in ("$ref", "$id", "$db")}
    return bson_class("dbref", "DBRef")(value["$ref"], value["$id"], value.get("$db"), _extra=rest)


def _text(value: Any, expected: str) -> str:
    if type(value) is not str:
        raise _Wrong(expected)
    return value


def _whole(value: Any, low: int, high: int, expected: str) -> int:
    """Return an int given as text."""
    if not _is_integer(_text(value, expected)) or not low <= (number := int(value)) <= high:
        raise _Wrong(expected)
    return number


def _fields(value: Any, names: set[str], expected: str) -> Any:
    if type(value) is not dict or value.keys() != names:
        raise _Wrong(expected)
    return value


def _oid(value: Any) -> Any:
    if not _is_object_id(_text(value, _EXPECTED["$oid"])):
        raise _Wrong(_EXPECTED["$oid"])
    return bson_class("objectid", "ObjectId")(value)


def _date(value: Any) -> Any:
    """Return a date: text of RFC 3339 or a day alone; or milliseconds, wrapped or, from older tools, as a number."""
    if isinstance(value, int) and type(value) is not bool:
        try:
            return _EPOCH + timedelta(milliseconds=int(value))
        except OverflowError:
            return bson_class("datetime_ms", "DatetimeMS")(int(value))
    moment = datetime.fromisoformat(_text(value, _EXPECTED["$date"]))
    if moment.tzinfo is None and len(value) != _DATE_ONLY:
        raise _Wrong("a date with a time zone: end it with Z or an offset")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _binary(value: Any) -> Any:
    fields = _fields(value, {"base64", "subType"}, _EXPECTED["$binary"])
    data = b64decode(_text(fields["base64"], _EXPECTED["$binary"]), validate=True)
    if not _is_subtype(_text(fields["subType"], _EXPECTED["$binary"])):
        raise _Wrong(_EXPECTED["$binary"])
    subtype = int(fields["subType"], 16)
    if subtype == 0:
        return data
    if subtype == 4 and len(data) == 16:
        return uuid.UUID(bytes=data)
    return bson_class("binary", "Binary")(data, subtype)


def _long(value: Any) -> int:
    return _long_class()(_whole(value, -(2**63), 2**63 - 1, _EXPECTED["$numberLong"]))


@cache
def _long_class() -> Callable[[int], int]:
    try:
        return bson_class("int64", "Int64")  # type: ignore[no-any-return]
    except NotSupportedError:
        return int  # without bson, it says the same


def _double(value: Any) -> float:
    text = _text(value, _EXPECTED["$numberDouble"])
    if not _is_double(text) or not (isfinite(number := float(text)) or text.isalpha() or text == "-Infinity"):
        raise _Wrong(_EXPECTED["$numberDouble"])
    return number


def _decimal(value: Any) -> Decimal:
    if not _is_decimal(_text(value, _EXPECTED["$numberDecimal"])):
        raise _Wrong(_EXPECTED["$numberDecimal"])
    return Decimal(value)


def _pattern(value: Any) -> Any:
    fields = _fields(value, {"pattern", "options"}, _EXPECTED["$regularExpression"])
    pattern = _text(fields["pattern"], _EXPECTED["$regularExpression"])
    options = _text(fields["options"], _EXPECTED["$regularExpression"])
    if all(letter in _RE_FLAGS for letter in options):
        flags = 0
        for letter in options:
            flags |= _RE_FLAGS[letter]
        try:
            return re.compile(pattern, flags)
        except (re.error, OverflowError, RecursionError):
            pass  # PCRE's language has things that Python's has not
    return bson_class("regex", "Regex")(pattern, options)


def _timestamp(value: Any) -> Any:
    fields = _fields(value, {"t", "i"}, _EXPECTED["$timestamp"])
    if not all(type(part) is int and 0 <= part < 2**32 for part in fields.values()):
        raise _Wrong(_EXPECTED["$timestamp"])
    return bson_class("timestamp", "Timestamp")(fields["t"], fields["i"])


def _code(value: Any) -> Any:
    if type(value.get("$scope", {})) is not dict:
        raise _Wrong("its code as text, and $scope a document")
    return bson_class("code", "Code")(_text(value["$code"], _EXPECTED["$code"]), value.get("$scope"))


def _key(module: str, name: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not int or value != 1:
            raise _Wrong("1")
        return bson_class(module, name)()

    return read


def _uuid(value: Any) -> uuid.UUID:
    if not _is_uuid(_text(value, _EXPECTED["$uuid"])):
        raise _Wrong(_EXPECTED["$uuid"])
    return uuid.UUID(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "$oid": _oid,
    "$date": _date,
    "$binary": _binary,
    "$uuid": _uuid,
    "$numberInt": lambda value: _whole(value, -(2**31), 2**31 - 1, _EXPECTED["$numberInt"]),
    "$numberLong": _long,
    "$numberDouble": _double,
    "$numberDecimal": _decimal,
    "$regularExpression": _pattern,
    "$timestamp": _timestamp,
    "$code": _code,
    "$minKey": _key("min_key", "MinKey"),
    "$maxKey": _key("max_key", "MaxKey"),
}

_EXPECTED: dict[str, str] = {
    "$oid": "24 hexadecimal digits",
    "$date": "a date as text, such as 2026-11-21T12:00:00Z, or milliseconds in $numberLong, in the years 1 to 9999",
    "$binary": "an object with base64 and subType, both text",
    "$uuid": "a UUID as text, with its hyphens",
    "$numberInt": "a whole number of 32 bits as text",
    "$numberLong": "a whole number of 64 bits as text",
    "$numberDouble": "a number as text, Infinity, -Infinity or NaN",
    "$numberDecimal": "a decimal as text",
    "$regularExpression": "an object with pattern and options, both text",
    "$timestamp": "an object with t and i, both whole numbers of 32 bits",
    "$code": "its code as text",
}

_OLD_BINARY = frozenset({"$binary", "$type"})  # as older tools write it
_REFERENCE = frozenset({"$ref", "$id", "$db"})
_UNSUPPORTED = frozenset({"$symbol", "$undefined", "$dbPointer"})

KEYS = frozenset({*_READERS, *_UNSUPPORTED, "$scope", "$ref"})
"""The fields that make an object a value of a type."""
