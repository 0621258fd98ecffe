"""How deep values from outside may be nested."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.storable import DEPTH_MAX
from nosqlpy._core.values.types import OBJECT, TYPES, as_mapping
from nosqlpy.errors import QueryError


def check_depth(value: Any, depth: int = 1) -> None:
    """Refuse a value nested deeper than any stored document, before anything recurses into it.

    Raises:
        QueryError: It is nested too deep, has a name of a field that is no str, or no BSON type holds a value in it.
    """
    if depth > DEPTH_MAX + 1:
        message = f"a value is nested more than {DEPTH_MAX} levels deep"
        raise QueryError(message, code=15, code_name="Overflow")
    kind = type(value)
    if kind is list or kind is tuple:
        items = value
    elif kind is dict or TYPES[kind] == OBJECT:
        document = as_mapping(value)
        _check_names(document)
        items = document.values()
    else:
        return
    for item in items:
        check_depth(item, depth + 1)


def _check_names(document: Mapping[Any, Any]) -> None:
    for name in document:
        if not isinstance(name, str):
            message = f"the name of a field is a str, not {type(name).__name__}"
            raise QueryError(message, code=14, code_name="TypeMismatch")


def bounded_key(value: Any) -> Hashable:
    """Return the equality key of a value that nobody has checked yet.

    Raises:
        QueryError: It is nested too deep, or no BSON type holds it.
    """
    if type(value) is not int and type(value) is not str:
        check_depth(value)
    return equality_key(value)
