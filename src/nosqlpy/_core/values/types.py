"""BSON types: which one a Python value is, recognised without importing ``bson``.

Numbers and names are MongoDB's (manual: reference/bson-types). `TYPES` maps a
Python class to the type of its instances, resolved once per class.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeGuard
from uuid import UUID

from msgspec import UNSET, UnsetType

from nosqlpy.errors import QueryError

MISSING: Final = UNSET
"""Stands for a field that a document does not have, in walks and in partly decoded documents alike."""

MIN_KEY, MAX_KEY = -1, 127
DOUBLE, STRING, OBJECT, ARRAY, BINARY, OBJECT_ID, BOOL, DATE, NULL, REGEX = 1, 2, 3, 4, 5, 7, 8, 9, 10, 11
CODE, CODE_WITH_SCOPE, INT, TIMESTAMP, LONG, DECIMAL = 13, 15, 16, 17, 18, 19

TYPE_NAMES: Final[dict[str, int]] = {
    "minKey": MIN_KEY,
    "double": DOUBLE,
    "string": STRING,
    "object": OBJECT,
    "array": ARRAY,
    "binData": BINARY,
    "undefined": 6,
    "objectId": OBJECT_ID,
    "bool": BOOL,
    "date": DATE,
    "null": NULL,
    "regex": REGEX,
    "dbPointer": 12,
    "javascript": CODE,
    "symbol": 14,
    "javascriptWithScope": CODE_WITH_SCOPE,
    "int": INT,
    "timestamp": TIMESTAMP,
    "long": LONG,
    "decimal": DECIMAL,
    "maxKey": MAX_KEY,
}

_BSON_PACKAGE: Final[dict[str, int]] = {
    "ObjectId": OBJECT_ID,
    "Int64": LONG,
    "Decimal128": DECIMAL,
    "Binary": BINARY,
    "Regex": REGEX,
    "Timestamp": TIMESTAMP,
    "MinKey": MIN_KEY,
    "MaxKey": MAX_KEY,
    "Code": CODE,
    "DBRef": OBJECT,
    "DatetimeMS": DATE,
}

# Subclasses count as their base; bool comes before int, which it extends.
_BASES: Final[tuple[tuple[type, int], ...]] = (
    (bool, BOOL),
    (int, INT),
    (float, DOUBLE),
    (str, STRING),
    (bytes, BINARY),
    (datetime, DATE),
    (list, ARRAY),
    (tuple, ARRAY),
    (Mapping, OBJECT),
    (Decimal, DECIMAL),
    (UUID, BINARY),
    (re.Pattern, REGEX),
    (type(None), NULL),
    (UnsetType, NULL),
    (bytearray, BINARY),
    (memoryview, BINARY),
)


class _Types(dict[type, int]):
    """BSON type by Python class; a class is resolved when it is first met."""

    def __missing__(self, kind: type) -> int:
        number = _resolve(kind)
        self[kind] = number
        return number


def _resolve(kind: type) -> int:
    if kind.__module__.partition(".")[0] == "bson" and kind.__name__ in _BSON_PACKAGE:
        return _BSON_PACKAGE[kind.__name__]
    for base, number in _BASES:
        if issubclass(kind, base):
            return number
    raise QueryError(f"values of type {kind.__name__} can neither be stored nor compared")


TYPES: Final = _Types()


def type_number(value: Any) -> int:
    """Return the number of the BSON type of `value`; an int is ``int`` (16) when it fits 32 bits, else ``long`` (18).

    Raises:
        QueryError: No BSON type holds such a value.
    """
    number = TYPES[type(value)]
    if number == INT and not -(2**31) <= value < 2**31:
        return LONG
    if number == CODE and value.scope is not None:
        return CODE_WITH_SCOPE
    return number


def is_dbref(value: Any) -> bool:
    """Return whether `value` is a ``bson.DBRef``, which MongoDB sees as a document."""
    return hasattr(value, "as_doc")


def is_string(value: Any) -> TypeGuard[str]:
    """Return whether `value` can be a name: it is of BSON type string, as ``bson.Code`` is not, and hashable."""
    return type(value) is str or (TYPES[type(value)] == STRING and isinstance(value, Hashable))


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return the document that `value`, of BSON type object, stands for: itself, or what a ``bson.DBRef`` holds."""
    mapping: Mapping[str, Any] = value.as_doc() if is_dbref(value) else value
    return mapping


_NAMES: Final[dict[int, str]] = {number: name for name, number in TYPE_NAMES.items()}


def type_name(value: Any) -> str:
    """Return MongoDB's name of the BSON type of `value`; ``missing`` for no value."""
    return "missing" if value is MISSING else _NAMES[type_number(value)]
