"""Binary values: their texts (base64, hexadecimal, UTF-8 and UUIDs), and numbers as bytes.

Manual: reference/operator/aggregation/convert, ``format``, ``byteOrder`` and ``subtype``.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from typing import Any, Final
from uuid import UUID

from nosqlpy._core.expression.conversions import impossible, long
from nosqlpy._core.expression.failures import failure
from nosqlpy._core.values.extensions import bson_class
from nosqlpy._core.values.numbers import NUMERIC, integer
from nosqlpy._core.values.order import binary_content
from nosqlpy._core.values.types import DOUBLE, INT, LONG, MISSING, TYPES, type_name
from nosqlpy.errors import NotSupportedError

UUID_SUBTYPE: Final = 4

_FORMATS: Final = frozenset(("auto", "base64", "base64url", "hex", "utf8", "uuid"))
_ORDERS: Final = {"little": "<", "big": ">"}
_WIDTHS: Final = {
    INT: {1: "b", 2: "h", 4: "i"},
    LONG: {1: "b", 2: "h", 4: "i", 8: "q"},
    DOUBLE: {4: "f", 8: "d"},
}
SIZED: Final = frozenset(_WIDTHS)
"""The types of numbers that have a size in bytes."""

_UUID_TEXT: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def checked_format(value: Any) -> str | None:
    """Return the name of a format; None if none was given."""
    if value is None or value is MISSING:
        return None
    if type(value) is not str:
        raise failure(f"$convert requires that 'format' be a string, found: {type_name(value)}", 4341114)
    if value not in _FORMATS:
        raise failure("invalid 'format' argument for $convert", 4341125)
    return value


def checked_order(value: Any) -> str:
    """Return the byte order that was given: ``"little"`` unless it was."""
    if value is None or value is MISSING:
        return "little"
    if type(value) is not str:
        raise failure(f"$convert requires that 'byteOrder' be a string, found: {type_name(value)}", 9130001)
    if value not in _ORDERS:
        raise failure("invalid 'byteOrder' argument for $convert", 9130002)
    return value


def checked_subtype(value: Any) -> int:
    """Return the number of a subtype: 0 to 8, or 128 to 255."""
    if TYPES[type(value)] not in NUMERIC:
        raise failure(f"$convert's 'subtype' argument must be a number, but is {type_name(value)}", 4341108)
    number = integer(value)
    if number is None:
        raise failure("in $convert, numeric 'subtype' argument is not an integer", 4341106)
    if not 0 <= number <= 9 and not 128 <= number <= 255:
        raise failure("in $convert, numeric value for 'subtype' does not correspond to a BinData type", 4341107)
    return number


def to_binary(text: str, form: str | None, subtype: int) -> Any:
    """Return the binary value that a text stands for in a format."""
    if form is None:
        raise failure("format must be specified when converting from 'string' to 'binData'", 4341115)
    if form == "auto" or (form == "uuid") != (subtype == UUID_SUBTYPE):
        raise impossible("failed to parse BinData: only the 'uuid' format is allowed with the UUID subtype")
    if form == "uuid":
        if not _UUID_TEXT.fullmatch(text):
            raise impossible("failed to parse BinData: invalid UUID")
        return UUID(text)
    return binary(_decoded(text, form), subtype)


def number_to_binary(number: Any, kind: int, order: str, subtype: int) -> Any:
    """Return the bytes of a number of one of the types in `SIZED`: as many as the type has."""
    width = max(_WIDTHS[kind])
    return binary(struct.pack(_ORDERS[order] + _WIDTHS[kind][width], number), subtype)


def binary_to_number(value: Any, kind: int, order: str) -> Any:
    """Return the number of the type `kind` that bytes are."""
    size, _, data = binary_content(value)
    letter = _WIDTHS[kind].get(size)
    if letter is None:
        raise impossible(f"failed to convert binData of length {size} to a number")
    (number,) = struct.unpack(_ORDERS[order] + letter, data)
    return long(number) if kind == LONG else number


def binary(data: bytes, subtype: int) -> Any:
    """Return bytes as a binary value of a subtype."""
    if not subtype:
        return data
    if subtype == UUID_SUBTYPE and len(data) == 16:
        return UUID(bytes=data)
    try:
        return bson_class("binary", "Binary")(data, subtype)
    except NotSupportedError:
        raise NotSupportedError('a binary subtype needs pymongo: pip install "nosqlpy[mongodb]"') from None


def _decoded(text: str, form: str) -> bytes:
    try:
        if form == "utf8":
            return text.encode()
        if form == "hex":
            return binascii.unhexlify(text)
        if form == "base64":
            return base64.b64decode(text, validate=True)
        padded = text + "=" * (-len(text) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except ValueError:
        raise impossible("failed to parse BinData") from None


def binary_text(value: Any, form: str | None) -> str:
    """Return the text of a binary value in a format."""
    if form is None:
        raise failure("format must be specified when converting from 'binData' to 'string'", 4341115)
    size, subtype, data = binary_content(value)
    is_uuid = subtype == UUID_SUBTYPE and size == 16
    if form == "uuid" or (form == "auto" and is_uuid):
        if not is_uuid:
            raise impossible("BinData does not represent a valid UUID")
        return str(UUID(bytes=data))
    if form == "hex":
        return data.hex().upper()
    if form == "base64url":
        return base64.urlsafe_b64encode(data).decode().rstrip("=")
    if form != "utf8":
        return base64.b64encode(data).decode()
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise impossible("BinData does not represent a valid UTF-8 string") from None


def subtype_of(value: Any) -> int:
    """Return the subtype of a binary value."""
    return binary_content(value)[1]
