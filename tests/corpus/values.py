"""The corpus's values: MongoDB Extended JSON read into Python, and a form in which two values compare to the last bit.

Written for the tests alone, and without the engine's own reader, so that the two can disagree.
"""

from __future__ import annotations

import json
import struct
import uuid
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _binary(fields: Mapping[str, str]) -> Any:
    data, subtype = b64decode(fields["base64"]), int(fields["subType"], 16)
    if subtype == 4:
        return uuid.UUID(bytes=data)
    return data if subtype == 0 else Binary(data, subtype)


_READERS: dict[frozenset[str], Callable[[dict[str, Any]], Any]] = {
    frozenset({"$oid"}): lambda value: ObjectId(value["$oid"]),
    frozenset({"$numberInt"}): lambda value: int(value["$numberInt"]),
    frozenset({"$numberLong"}): lambda value: Int64(value["$numberLong"]),
    frozenset({"$numberDouble"}): lambda value: float(value["$numberDouble"]),
    frozenset({"$numberDecimal"}): lambda value: Decimal(value["$numberDecimal"]),
    frozenset({"$date"}): lambda value: EPOCH + timedelta(milliseconds=int(value["$date"])),
    frozenset({"$binary"}): lambda value: _binary(value["$binary"]),
    frozenset({"$uuid"}): lambda value: uuid.UUID(value["$uuid"]),
    frozenset({"$regularExpression"}): lambda value: Regex(
        value["$regularExpression"]["pattern"], value["$regularExpression"]["options"]
    ),
    frozenset({"$timestamp"}): lambda value: Timestamp(value["$timestamp"]["t"], value["$timestamp"]["i"]),
    frozenset({"$code"}): lambda value: Code(value["$code"]),
    frozenset({"$minKey"}): lambda _: MinKey(),
    frozenset({"$maxKey"}): lambda _: MaxKey(),
}


def read(text: str) -> Any:
    """Return what Extended JSON says; an object is a value of a type only if it has that type's fields and no other.

    Plain numbers are int (32 bits where they fit) and double, as relaxed Extended JSON has them.
    """
    return json.loads(text, object_hook=_revive)


def read_file(path: Path) -> Any:
    """Return what a file of Extended JSON says."""
    return read(path.read_text(encoding="utf-8"))


def _revive(value: dict[str, Any]) -> Any:
    reader = _READERS.get(frozenset(value)) if len(value) == 1 else None
    return value if reader is None else reader(value)


def exact(value: Any) -> Any:
    """Return a hashable form of `value`: two are equal if MongoDB stores the same type and content.

    Fields compare in their order, numbers by type too, -0.0 differs from 0.0, NaN equals NaN. Two decimals
    compare by value: how many zeros trail is not what the corpus is about.
    """
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, Mapping):
        return ("object", tuple((name, exact(item)) for name, item in value.items()))
    if isinstance(value, list | tuple):
        return ("array", tuple(map(exact, value)))
    if isinstance(value, Decimal | Decimal128):
        number = value.to_decimal() if isinstance(value, Decimal128) else value
        return ("decimal", "NaN" if number.is_nan() else number)
    if isinstance(value, bool) or value is None:
        return (type(value).__name__, value)
    if isinstance(value, int):
        return ("long" if isinstance(value, Int64) or not -(2**31) <= value < 2**31 else "int", int(value))
    return _exact_scalar(value)


def _exact_scalar(value: Any) -> Any:
    if isinstance(value, float):
        return ("double", "NaN" if value != value else struct.pack("<d", value))  # noqa: PLR0124
    if isinstance(value, str) and not isinstance(value, Code):
        return ("string", value)
    if isinstance(value, datetime):
        return ("date", value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))
    if isinstance(value, uuid.UUID):
        return ("binData", 4, value.bytes)
    if isinstance(value, bytes):
        return ("binData", getattr(value, "subtype", 0), bytes(value))
    if hasattr(value, "pattern"):
        regex = value if isinstance(value, Regex) else Regex.from_native(value)
        return ("regex", regex.pattern, regex.flags & ~32)  # Python's own patterns are Unicode, BSON's need not say so
    return (type(value).__name__, repr(value))
