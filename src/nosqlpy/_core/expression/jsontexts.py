"""Values of any type as text, documents and arrays as JSON, and back.

Manual: reference/operator/aggregation/toString, toObject, toArray.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from math import isfinite, isnan
from typing import Any, Final

import msgspec

from nosqlpy._core.expression.binaries import binary_text
from nosqlpy._core.expression.conversions import impossible
from nosqlpy._core.expression.instants import instant
from nosqlpy._core.expression.texts import date_text, number_text
from nosqlpy._core.values.json_text import check_depth
from nosqlpy._core.values.numbers import LONGS, NUMERIC
from nosqlpy._core.values.types import (
    ARRAY,
    BINARY,
    BOOL,
    CODE,
    CODE_WITH_SCOPE,
    DATE,
    MAX_KEY,
    MIN_KEY,
    OBJECT,
    OBJECT_ID,
    REGEX,
    STRING,
    TIMESTAMP,
    as_mapping,
    type_name,
    type_number,
)
from nosqlpy.errors import DocumentError

SIZE_MAX: Final = 16 * 1024 * 1024

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode
_OPTIONS: Final = (("i", re.IGNORECASE), ("m", re.MULTILINE), ("s", re.DOTALL), ("x", re.VERBOSE))


def any_text(value: Any) -> str:
    """Return what $toString makes of a value of any type but null.

    Raises:
        OperationFailure: It would be longer than a document may be (241, ConversionFailure).
    """
    number = type_number(value)
    if number not in (OBJECT, ARRAY):
        return _scalar_text(value, number)
    text = "".join(_json(value))
    if len(text) > SIZE_MAX or len(text.encode()) > SIZE_MAX:
        raise impossible("the resulting string exceeds the maximum size")
    return text


def _scalar_text(value: Any, number: int) -> str:
    if number in NUMERIC:
        return number_text(value)
    if number == BOOL:
        return "true" if value else "false"
    if number == DATE:
        return date_text(instant(value))
    if number == BINARY:
        return binary_text(value, "auto")
    if number == REGEX:
        return f"/{value.pattern}/{''.join(letter for letter, flag in _OPTIONS if value.flags & flag)}"
    if number == TIMESTAMP:
        return f"Timestamp({value.time}, {value.inc})"
    if number in (MIN_KEY, MAX_KEY):
        return "MinKey" if number == MIN_KEY else "MaxKey"
    if number in (STRING, OBJECT_ID, CODE):
        return str(value)
    if number == CODE_WITH_SCOPE:
        return f'CodeWScope("{value}", {any_text(dict(value.scope))})'
    raise impossible(f"unsupported conversion from {type_name(value)} to string")


def _json(value: Any) -> Iterator[str]:
    """Yield a value as JSON, piece by piece; what JSON has not is the text of it."""
    number = type_number(value)
    if number == OBJECT:
        yield from _members("{", [(f"{_quoted(name)}:", item) for name, item in as_mapping(value).items()], "}")
    elif number == ARRAY:
        yield from _members("[", [("", item) for item in value], "]")
    elif value is None:
        yield "null"
    elif number == BOOL or (number in NUMERIC and _is_finite(value)):
        yield _scalar_text(value, number)
    else:
        yield _quoted(_scalar_text(value, number))


def _members(opening: str, members: list[tuple[str, Any]], closing: str) -> Iterator[str]:
    yield opening
    for place, (name, item) in enumerate(members):
        yield f",{name}" if place else name
        yield from _json(item)
    yield closing


def _quoted(text: str) -> str:
    return _encode(text).decode()


def _is_finite(number: Any) -> bool:
    plain = number.to_decimal() if hasattr(number, "to_decimal") else number
    return plain.is_finite() if isinstance(plain, Decimal) else isfinite(plain)


def parsed(text: str, kind: type) -> Any:
    """Return the document or the array, a dict or a list, that a text has as JSON.

    Raises:
        OperationFailure: It has none (241, ConversionFailure).
    """
    data = text.encode()
    try:
        check_depth(data)
        value = _decode(data)
    except (msgspec.DecodeError, DocumentError):
        raise impossible("the text is not valid JSON") from None
    if type(value) is not kind:
        raise impossible(f"the text is JSON, but no {'array' if kind is list else 'object'}")
    return _stored(value)


def _stored(value: Any) -> Any:
    """Return a decoded value as a document may have it: numbers of at most 64 bits, and names without NUL."""
    if type(value) is dict:
        if any("\0" in name for name in value):
            raise impossible("a name in the JSON has a NUL character")
        return {name: _stored(item) for name, item in value.items()}
    if type(value) is list:
        return [_stored(item) for item in value]
    if type(value) is int and value not in LONGS:
        return float(value)
    if type(value) is float and isnan(value):
        raise impossible("the JSON has a number that is none")
    return value
