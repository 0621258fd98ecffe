"""What a filter may have only where it is on documents as a whole: $expr, $jsonSchema and $text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nosqlpy._core.query.textual import refuse_text
from nosqlpy._core.values.types import ARRAY, OBJECT, TYPES, as_mapping
from nosqlpy.errors import QueryError

FEATURES: Final = ("$expr", "$jsonSchema", "$text")
_LOGICAL: Final = ("$and", "$or", "$nor")
_NESTING: Final = ("$elemMatch", "$not")


def refuse_features(filter: Mapping[str, Any], where: str) -> None:
    """Refuse a filter, already compiled, that has one of `FEATURES`; `where` says where it stands.

    Raises:
        QueryError: With MongoDB's code 224 (QueryFeatureNotAllowed).
    """
    for name, value in filter.items():
        refuse_text(found=name == "$text", where=where)
        if name in FEATURES:
            raise QueryError(f"{name} is not allowed in {where}", code=224, code_name="QueryFeatureNotAllowed")
        if name in _LOGICAL and TYPES[type(value)] == ARRAY:
            for part in value:
                refuse_features(as_mapping(part), where)
        elif not name.startswith("$") and TYPES[type(value)] == OBJECT:
            _refuse_below(as_mapping(value), where)


def _refuse_below(operators: Mapping[str, Any], where: str) -> None:
    for name in _NESTING:
        operand = operators.get(name)
        if TYPES[type(operand)] == OBJECT:
            refuse_features(as_mapping(operand), where)
            _refuse_below(as_mapping(operand), where)
