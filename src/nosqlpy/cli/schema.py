"""What documents look like: their fields, the types of these, and how many have them."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from nosqlpy.aliases import Document

FIELDS_MAX = 10_000
"""Fields that are told apart: documents whose keys are data would have as many as there are data."""

_NAMES = {
    bool: "bool",
    float: "double",
    str: "string",
    type(None): "null",
    datetime: "date",
    bytes: "binData",
    uuid.UUID: "binData",
    Decimal: "decimal",
    re.Pattern: "regex",
    dict: "object",
    list: "array",
}
_INT32 = 1 << 31


class Schema:
    """Counts, for each dotted name, the values of each type; the elements of an array are ``name[]``."""

    def __init__(self) -> None:
        self._types: dict[str, Counter[str]] = {}
        self._parents: Counter[str] = Counter()
        self._parent_of: dict[str, str] = {}

    def add(self, document: Document) -> None:
        """Count the fields of a document."""
        self._add_fields("", document)

    def rows(self) -> Iterator[Document]:
        """Yield a document for each field and type, with the share of that which could have the field."""
        for path, types in self._types.items():
            whole = self._parents[self._parent_of[path]]
            for name, count in types.most_common():
                yield {"field": path, "type": name, "count": count, "share": round(count / whole, 4)}

    def _add_fields(self, parent: str, document: Document) -> None:
        self._parents[parent] += 1
        prefix = f"{parent}." if parent else ""
        for name, value in document.items():
            self._add_value(parent, prefix + name, value)

    def _add_value(self, parent: str, path: str, value: Any) -> None:
        types = self._types.get(path)
        if types is None:
            if len(self._types) >= FIELDS_MAX:
                return
            types = self._types[path] = Counter()
            self._parent_of[path] = parent
        types[type_name(value)] += 1
        if type(value) is dict:
            self._add_fields(path, value)
        elif type(value) is list:
            elements = f"{path}[]"
            self._parents[elements] += len(value)
            for element in value:
                self._add_value(elements, elements, element)


def type_name(value: Any) -> str:
    """Return the name of a value's type, as ``$type`` takes it."""
    kind = type(value)
    if kind is int:
        return "int" if -_INT32 <= value < _INT32 else "long"
    name = _NAMES.get(kind)
    if name is not None:
        return name
    return _BSON_NAMES.get(kind.__name__, kind.__name__)


_BSON_NAMES = {
    "ObjectId": "objectId",
    "Decimal128": "decimal",
    "Int64": "long",
    "Binary": "binData",
    "Regex": "regex",
    "Timestamp": "timestamp",
    "MinKey": "minKey",
    "MaxKey": "maxKey",
    "Code": "javascript",
    "DatetimeMS": "date",
    "DBRef": "object",
}
