"""MessagePack extensions: the types that MessagePack lacks, and bson's types without importing bson.

A type of bson is recognised by its module and name, so documents that hold
none of them neither need nor load pymongo; decoding one imports it. The codes
and payloads are part of the file format:

====  =============  ==========================================================
code  type           payload
====  =============  ==========================================================
1     UUID           16 bytes
2     Decimal        its text
3     re.Pattern     MessagePack {pattern, flags}
16    ObjectId       12 bytes
17    Int64          8 bytes, big-endian, signed
18    Decimal128     16 bytes, as BSON has them
19    Binary         subtype (1 byte), then the bytes
20    bson Regex     MessagePack {pattern, flags}
21    Timestamp      time and increment, 4 bytes each, big-endian
22    MinKey         none
23    MaxKey         none
24    Code           MessagePack {code, scope}; scope may be nil
25    DBRef          MessagePack of its document form, ``$ref`` first
26    DatetimeMS     milliseconds since 1970, 8 bytes, big-endian, signed
====  =============  ==========================================================
"""

from __future__ import annotations

import decimal
import re
import struct
import uuid
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import msgspec
from msgspec.msgpack import Ext

from nosqlpy._core.values import standins
from nosqlpy.errors import FormatVersionError, NotSupportedError

UUID, DECIMAL, PATTERN = 1, 2, 3
OBJECT_ID, INT64, DECIMAL128, BINARY, REGEX, TIMESTAMP, MIN_KEY, MAX_KEY, CODE, DBREF, DATETIME_MS = range(16, 27)

_INT64 = struct.Struct(">q")
_TIMESTAMP = struct.Struct(">II")

# What Decimal128 holds: 34 digits and these exponents. Whatever would be rounded to fit is refused.
_DECIMAL128 = decimal.Context(
    prec=34, Emin=-6143, Emax=6144, clamp=1, traps=[decimal.Inexact, decimal.Overflow, decimal.InvalidOperation]
)


class Unstorable(Exception):
    """A value that cannot be stored: what is wrong, and the path to it, innermost part first."""

    def __init__(self, message: str, *, code: int = 2, code_name: str = "BadValue") -> None:
        super().__init__(message)
        self.code = code
        self.code_name = code_name
        self.parts: list[str] = []


class Atom(msgspec.Struct, frozen=True):
    """A type whose values hold no other value: its code, and their payload."""

    code: int
    payload: Callable[[Any], bytes]


class Compound(msgspec.Struct, frozen=True):
    """A type whose values hold others: its code, and the document of them that is the payload once encoded."""

    code: int
    fields: Callable[[Any], Any]


def extension_of(kind: type) -> Atom | Compound | None:
    """Return how values of exactly this type become extensions, or None if they do not."""
    return _PYTHON.get(kind) or _BSON.get((kind.__module__, kind.__qualname__))


def is_hooked(kind: type) -> bool:
    """Return whether the encoder asks its hook for values of this type; of Python's own types it does not."""
    return isinstance(_BSON.get((kind.__module__, kind.__qualname__)), Atom)


def pack_atom(value: Any) -> Ext:
    """Return the extension of a value that holds no other: the encoder's hook.

    Raises:
        Unstorable: This one value of the type cannot be stored.
        TypeError: The type is no atom.
    """
    extension = extension_of(type(value))
    if not isinstance(extension, Atom):
        raise TypeError(f"{type(value).__name__} is no atom")
    return Ext(extension.code, extension.payload(value))


def unpack(code: int, data: memoryview) -> Any:
    """Return the value of an extension: the decoder's hook.

    Raises:
        NotSupportedError: It is a type of bson, and pymongo is not installed.
        FormatVersionError: No type has this code; a newer nosqlpy may know it.
    """
    unpacker = _UNPACK.get(code)
    if unpacker is None:
        raise FormatVersionError(f"a stored value has type code {code}, which this version of nosqlpy does not know")
    return unpacker(bytes(data))


def _decimal_payload(value: decimal.Decimal) -> bytes:
    if value.is_nan() and value.as_tuple().digits:
        raise Unstorable("a Decimal NaN with a payload cannot be stored; use Decimal('NaN')")
    if value.is_finite():
        try:
            _DECIMAL128.create_decimal(value)
        except decimal.DecimalException:
            message = "a Decimal past Decimal128 (34 digits, exponents to ±6144) cannot be stored; round it"
            raise Unstorable(message) from None
    return str(value).encode()


def _pattern_fields(value: Any) -> dict[str, Any]:
    if type(value.pattern) is not str:
        raise Unstorable(f"a {type(value).__name__} of bytes cannot be stored; use a str pattern")
    return {"pattern": value.pattern, "flags": int(value.flags)}  # not a RegexFlag, which nothing else can encode


def _compiled_fields(value: re.Pattern[Any]) -> dict[str, Any]:
    if value.flags & re.DEBUG:  # compiling it again, to read it, would print
        raise Unstorable("a Pattern with re.DEBUG cannot be stored; compile it without")
    return _pattern_fields(value)


def _int64_payload(value: int) -> bytes:
    try:
        return _INT64.pack(value)
    except struct.error:
        raise Unstorable("an Int64 past 64 bits cannot be stored; use a Decimal") from None


def _milliseconds_payload(value: Any) -> bytes:
    try:
        return _INT64.pack(int(value))
    except struct.error:
        raise Unstorable("a DatetimeMS past 64 bits cannot be stored") from None


_PYTHON: dict[type, Atom | Compound] = {
    uuid.UUID: Atom(UUID, lambda value: value.bytes),
    decimal.Decimal: Atom(DECIMAL, _decimal_payload),
    re.Pattern: Compound(PATTERN, _compiled_fields),
}

_BSON: dict[tuple[str, str], Atom | Compound] = {
    ("bson.objectid", "ObjectId"): Atom(OBJECT_ID, lambda value: value.binary),
    ("bson.int64", "Int64"): Atom(INT64, _int64_payload),
    ("bson.decimal128", "Decimal128"): Atom(DECIMAL128, lambda value: value.bid),
    ("bson.binary", "Binary"): Atom(BINARY, lambda value: bytes([value.subtype]) + value),
    ("bson.regex", "Regex"): Compound(REGEX, _pattern_fields),
    ("bson.timestamp", "Timestamp"): Atom(TIMESTAMP, lambda value: _TIMESTAMP.pack(value.time, value.inc)),
    ("bson.min_key", "MinKey"): Atom(MIN_KEY, lambda _: b""),
    ("bson.max_key", "MaxKey"): Atom(MAX_KEY, lambda _: b""),
    ("bson.code", "Code"): Compound(CODE, lambda value: {"code": str(value), "scope": value.scope}),
    ("bson.datetime_ms", "DatetimeMS"): Atom(DATETIME_MS, _milliseconds_payload),
    ("bson.dbref", "DBRef"): Compound(DBREF, lambda value: value.as_doc()),
}


@cache
def bson_class(module: str, name: str) -> Any:
    """Return a class of bson, imported when the first of its values is read."""
    try:
        return getattr(import_module(f"bson.{module}"), name)
    except ImportError:
        message = f'a stored {name} can be read only with pymongo: pip install "nosqlpy[mongodb]"'
        raise NotSupportedError(message) from None


def _unpack_pattern(data: bytes) -> re.Pattern[str]:
    fields = _decode(data)
    return re.compile(fields["pattern"], fields["flags"])


def _unpack_object_id(data: bytes) -> Any:
    return bson_class("objectid", "ObjectId")(data)


def _unpack_regex(data: bytes) -> Any:
    fields = _decode(data)
    return bson_class("regex", "Regex")(fields["pattern"], fields["flags"])


def _unpack_code(data: bytes) -> Any:
    fields = _decode(data)
    return bson_class("code", "Code")(fields["code"], fields["scope"])


def _unpack_dbref(data: bytes) -> Any:
    fields = _decode(data)
    # `_extra` takes fields of any name, such as "id", which keywords could not.
    return bson_class("dbref", "DBRef")(fields.pop("$ref"), fields.pop("$id"), fields.pop("$db", None), _extra=fields)


_UNPACK: dict[int, Callable[[bytes], Any]] = {
    UUID: lambda data: uuid.UUID(bytes=data),
    DECIMAL: lambda data: decimal.Decimal(data.decode()),
    PATTERN: _unpack_pattern,
    OBJECT_ID: _unpack_object_id,
    INT64: lambda data: bson_class("int64", "Int64")(*_INT64.unpack(data)),
    DECIMAL128: lambda data: bson_class("decimal128", "Decimal128").from_bid(data),
    BINARY: lambda data: bson_class("binary", "Binary")(data[1:], data[0]),
    REGEX: _unpack_regex,
    TIMESTAMP: lambda data: bson_class("timestamp", "Timestamp")(*_TIMESTAMP.unpack(data)),
    MIN_KEY: lambda _: bson_class("min_key", "MinKey")(),
    MAX_KEY: lambda _: bson_class("max_key", "MaxKey")(),
    CODE: _unpack_code,
    DBREF: _unpack_dbref,
    DATETIME_MS: lambda data: bson_class("datetime_ms", "DatetimeMS")(*_INT64.unpack(data)),
}

_decode = msgspec.msgpack.Decoder(ext_hook=unpack).decode


def inspect(code: int, data: memoryview) -> Any:
    """Return what `unpack` does, or without pymongo a stand-in: the hook of what decodes for itself, not for a user.

    Raises:
        FormatVersionError: No type has this code.
    """
    stand_in = _STAND_INS.get(code)
    return unpack(code, data) if stand_in is None or _has_bson() else stand_in(bytes(data))


@cache
def _has_bson() -> bool:
    try:
        import_module("bson")
    except ImportError:
        return False
    return True


_inspect: Callable[[bytes], Any] = msgspec.msgpack.Decoder(ext_hook=inspect).decode

_STAND_INS: dict[int, Callable[[bytes], Any]] = {
    OBJECT_ID: standins.ObjectId,
    INT64: standins.integer,
    DECIMAL128: standins.Decimal128,
    BINARY: standins.Binary,
    REGEX: lambda data: standins.Regex(_inspect(data)),
    TIMESTAMP: standins.Timestamp,
    MIN_KEY: lambda _: standins.MinKey(),
    MAX_KEY: lambda _: standins.MaxKey(),
    CODE: lambda data: standins.Code(_inspect(data)),
    DBREF: lambda data: standins.DBRef(_inspect(data)),
    DATETIME_MS: standins.DatetimeMS,
}
