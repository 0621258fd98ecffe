"""$bsonSize and $binarySize: how large a document is in BSON, and how long a text or a binary value.

Manual: reference/operator/aggregation/bsonSize, binarySize.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.operators import of_values
from nosqlpy._core.values.order import binary_content, regex_content
from nosqlpy._core.values.paths import plain
from nosqlpy._core.values.types import (
    ARRAY,
    BINARY,
    BOOL,
    CODE,
    CODE_WITH_SCOPE,
    DATE,
    DECIMAL,
    DOUBLE,
    INT,
    LONG,
    MISSING,
    OBJECT,
    OBJECT_ID,
    REGEX,
    STRING,
    TIMESTAMP,
    TYPES,
    as_mapping,
    type_name,
    type_number,
)


@of_values("$bsonSize", 1)
def bson_size(value: Any) -> int | None:
    """Return the bytes that a document takes in BSON."""
    if value is None or value is MISSING:
        return None
    document, kind = plain(value)
    if kind is not dict:
        raise failure(f"$bsonSize requires a document input, found: {type_name(value)}", 31393)
    return _document(document)


@of_values("$binarySize", 1)
def binary_size(value: Any) -> int | None:
    """Return the bytes of a text in UTF-8, or of a binary value."""
    if value is None or value is MISSING:
        return None
    number = TYPES[type(value)]
    if number == STRING:
        return len(value.encode())
    if number != BINARY:
        raise failure(f"$binarySize requires a string or binary argument, found: {type_name(value)}", 51276)
    return binary_content(value)[0]


def _document(document: Mapping[str, Any]) -> int:
    """Return the size of a document: its length, its fields (type, name, value) and a final zero."""
    return 5 + sum([2 + len(name.encode()) + _value(item) for name, item in document.items()])


def _array(array: list[Any]) -> int:
    """Return the size of an array, which BSON writes as a document with positions for names."""
    return 5 + sum([2 + len(str(position)) + _value(item) for position, item in enumerate(array)])


def _code(value: Any) -> int:
    return 4 + _text(str(value)) + _document(value.scope)


def _text(text: str) -> int:
    return 5 + len(text.encode())


def _regex(value: Any) -> int:
    pattern, flags = regex_content(value)
    return len(pattern.encode()) + len(flags) + 2


_FIXED: Final[dict[int, int]] = {DOUBLE: 8, OBJECT_ID: 12, BOOL: 1, DATE: 8, INT: 4, TIMESTAMP: 8, LONG: 8, DECIMAL: 16}

_SIZES: Final[dict[int, Callable[[Any], int]]] = {
    STRING: _text,
    OBJECT: lambda value: _document(as_mapping(value)),
    ARRAY: _array,
    BINARY: lambda value: 5 + binary_content(value)[0],
    REGEX: _regex,
    CODE: lambda value: _text(str(value)),
    CODE_WITH_SCOPE: _code,
}


def _value(value: Any) -> int:
    number = type_number(value)
    size = _SIZES.get(number)
    return _FIXED.get(number, 0) if size is None else size(value)
