"""MongoDB Extended JSON v2: documents as JSON text and back, every value kept.

It is written in the relaxed form, or, where that is asked for, in the canonical one, and read in both. See
https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/ and
https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md

Where JSON has one form for two types, Python's own is read: ``$numberDecimal`` is a
Decimal, ``$regularExpression`` a compiled pattern, ``$binary`` of subtype 0 bytes
and of subtype 4 a UUID. So a Decimal128, a bson Regex, and a Binary of these
subtypes come back as their twins.
"""

from __future__ import annotations

import re
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite, isnan
from typing import Any, TypeAlias

import msgspec

from nosqlpy._core.values.json_text import check_depth, malformed, not_a_document
from nosqlpy._core.values.json_types import KEYS, read_wrapper
from nosqlpy.errors import DocumentError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_PLAIN = frozenset({str, int, bool, type(None)})


# ── writing ──────────────────────────────────────────────────────────────────────


def encode_json(document: dict[str, Any], *, canonical: bool = False) -> bytes:
    """Return `document` as one line of Extended JSON, without the newline: in the relaxed form, or the `canonical` one.

    The canonical form says of each number of which type it is. A date with microseconds, which it
    cannot hold, is written as in the relaxed form.

    Raises:
        DocumentError: It has a field that would be read back as something else; the message has its path.
    """
    if not canonical and _is_plain(document.values()):
        data = _encode(document)
        if not may_have_types(data):
            return data
    try:
        write = _canonical if canonical else _relaxed
        return _encode({key: write(item) for key, item in document.items()})
    except _Ambiguous as refusal:
        path = _path_of(document, refusal.value)
        message = f"{path}: a document with the field {refusal.key!r} would be read back from JSON as another type"
        raise DocumentError(message) from None


def _is_plain(values: Iterable[Any]) -> bool:
    """Return whether JSON has all `values` and what they hold."""
    for value in values:
        kind = type(value)
        if kind in _PLAIN:
            continue
        if kind is float:
            if not isfinite(value):
                return False
        elif kind is dict:
            if not _is_plain(value.values()):
                return False
        elif kind is not list or not _is_plain(value):
            return False
    return True


class _Ambiguous(Exception):
    def __init__(self, value: Any, key: str) -> None:
        self.value = value
        self.key = key


def _path_of(parent: Any, value: Any) -> str:
    """Return the path from `parent` to `value`, which is somewhere in it."""
    for name, item in parent.items() if isinstance(parent, dict) else enumerate(parent):
        if item is value:
            return str(name)
        if isinstance(item, (dict, list)):
            rest = _path_of(item, value)
            if rest:
                return f"{name}.{rest}"
    return ""


Write: TypeAlias = Callable[[Any], Any]


def _relaxed(value: Any) -> Any:
    """Return `value` in terms of JSON."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if isfinite(value) else {"$numberDouble": _non_finite(value)}
    return _wrapped(value, kind, _relaxed)


def _canonical(value: Any) -> Any:
    """Return `value` in terms of JSON that say of each number of which type it is."""
    kind = type(value)
    if kind is int:
        return {"$numberInt" if -(2**31) <= value < 2**31 else "$numberLong": str(value)}
    if kind in _PLAIN:
        return value
    if kind is float:
        return {"$numberDouble": repr(value) if isfinite(value) else _non_finite(value)}
    if kind is datetime and value.microsecond % 1000 == 0:
        return {"$date": {"$numberLong": str((value - _EPOCH) // _MILLISECOND)}}
    return _wrapped(value, kind, _canonical)


def wrapped(value: Any, write: Write) -> Any:
    """Return what says of which type a value is that JSON has not; `write` does so for what it holds."""
    return _wrapped(value, type(value), write)


def _wrapped(value: Any, kind: type, write: Write) -> Any:
    if kind is dict:
        for key in value:
            if key[:1] == "$" and key in KEYS and _is_misread(value, key):
                raise _Ambiguous(value, key)
        return {key: write(item) for key, item in value.items()}
    if kind is list:
        return [write(item) for item in value]
    holder = _HOLDERS.get(kind.__name__)
    if holder is not None:
        return holder(value, write)
    writer = _WRITERS.get(kind) or _BSON_WRITERS[kind.__name__]
    return writer(value)


def _is_misread(value: dict[str, Any], key: str) -> bool:
    """Return whether a document with this field is taken for a type; of a DBRef's two both are needed."""
    return key != "$ref" or (type(value["$ref"]) is str and "$id" in value and type(value.get("$db", "")) is str)


def _non_finite(value: float) -> str:
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _date(value: datetime) -> Any:
    """Return a date as text from 1970 on, with milliseconds if there are any, as the specification asks.

    Microseconds, which BSON has not, are written where there are any, also before 1970.
    """
    sub = value.microsecond % 1000
    if value.year < 1970 and not sub:
        return {"$date": {"$numberLong": str((value - _EPOCH) // _MILLISECOND)}}
    precision = "microseconds" if sub else "milliseconds" if value.microsecond else "seconds"
    return {"$date": value.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")}


def _binary(data: bytes, subtype: int) -> Any:
    return {"$binary": {"base64": b64encode(data).decode(), "subType": f"{subtype:02x}"}}


_OPTIONS = (
    ("a", re.ASCII),  # not BSON's; a Python pattern is Unicode where it is not this
    ("i", re.IGNORECASE),
    ("l", re.LOCALE),
    ("m", re.MULTILINE),
    ("s", re.DOTALL),
    ("x", re.VERBOSE),
)


def _pattern(value: Any) -> Any:
    options = "".join(letter for letter, flag in _OPTIONS if value.flags & flag)
    return {"$regularExpression": {"pattern": value.pattern, "options": options}}


def _code(value: Any, write: Write) -> Any:
    code = {"$code": str(value)}
    return code if value.scope is None else code | {"$scope": write(dict(value.scope))}


def _dbref(value: Any, write: Write) -> Any:
    return {key: write(item) for key, item in dict(value.as_doc()).items()}


_WRITERS: dict[type, Callable[[Any], Any]] = {
    datetime: _date,
    bytes: lambda value: _binary(value, 0),
    uuid.UUID: lambda value: _binary(value.bytes, 4),
    Decimal: lambda value: {"$numberDecimal": str(value)},
    re.Pattern: _pattern,
}

# by name, so that bson need not be imported
_BSON_WRITERS: dict[str, Callable[[Any], Any]] = {
    "ObjectId": lambda value: {"$oid": str(value)},
    "Int64": lambda value: {"$numberLong": str(int(value))},
    "DatetimeMS": lambda value: {"$date": {"$numberLong": str(int(value))}},
    "Decimal128": lambda value: {"$numberDecimal": str(value)},
    "Binary": lambda value: _binary(bytes(value), value.subtype),
    "Regex": _pattern,
    "Timestamp": lambda value: {"$timestamp": {"t": value.time, "i": value.inc}},
    "MinKey": lambda _: {"$minKey": 1},
    "MaxKey": lambda _: {"$maxKey": 1},
}

# what holds other values
_HOLDERS: dict[str, Callable[[Any, Write], Any]] = {"Code": _code, "DBRef": _dbref}


# ── reading ──────────────────────────────────────────────────────────────────────


def decode_json(data: bytes) -> dict[str, Any]:
    """Return the document that `data`, one JSON object, is in Extended JSON; the JSON may span several lines.

    Raises:
        QueryError: It is no JSON object, or has a type's field with a wrong value; `details` has the ``column``
            (and the ``line``, from 1) where it is known, in characters.
        DocumentError: It is nested deeper than 200 levels.
    """
    check_depth(data)
    try:
        document = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed(data, error) from None
    if type(document) is not dict:
        raise not_a_document(document)
    return revive(document) if may_have_types(data) else document


def may_have_types(data: bytes) -> bool:
    """Return whether JSON text may contain a key that begins with ``$``; the dollar may be escaped."""
    return (b"$" in data and b'"$' in data) or (b"\\" in data and b"\\u0024" in data)


def revive(document: dict[str, Any]) -> dict[str, Any]:
    """Return a decoded JSON object with its typed values in place of their wrappers; the top level is never one.

    Raises:
        QueryError: A type's field has a wrong value, or stands beside others; the message has its path.
    """
    return {key: _revive(item, key) if type(item) in _CONTAINERS else item for key, item in document.items()}


_CONTAINERS = frozenset({dict, list})


def _revive(value: Any, path: str) -> Any:
    if type(value) is list:
        return [_revive(item, f"{path}.{i}") if type(item) in _CONTAINERS else item for i, item in enumerate(value)]
    types = [key for key in value if key[:1] == "$" and key in KEYS]
    revived = {k: _revive(item, f"{path}.{k}") if type(item) in _CONTAINERS else item for k, item in value.items()}
    return read_wrapper(revived, types, path) if types else revived
