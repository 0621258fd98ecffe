"""The filter that means exactly what a query means, where there is one: for whoever goes on with MongoDB's language."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from nosqlpy.aliases import Document
from nosqlpy.compat.tinydb.fields import equal_values, field_of, is_scalar, reachable
from nosqlpy.compat.tinydb.shapes import Always, Both, Not, OneOf, Shape, Test

Maker: TypeAlias = Callable[[Any], Document | None]

_NO_ARRAY = {"$not": {"$type": "array"}}


def exact_filter(shape: Shape) -> Document | None:
    """Return the filter that matches the documents for which a query of this shape is true, or None."""
    if isinstance(shape, Test):
        return _exact_test(shape)
    if isinstance(shape, Both | OneOf):
        parts = [exact_filter(part) for part in shape.parts]
        return None if None in parts else {"$and" if isinstance(shape, Both) else "$or": parts}
    if isinstance(shape, Not):
        part = exact_filter(shape.part)
        return None if part is None else {"$nor": [part]}
    return {} if isinstance(shape, Always) else None


def _exact_test(test: Test) -> Document | None:
    if test.operator == "fragment":
        return _fragment(test)
    field, make = field_of(test.path), _MAKERS.get(test.operator)
    if field is None or make is None:
        return None
    condition = make(test.operand)
    return None if condition is None else _at(test.path, condition)


def _at(path: tuple[Any, ...], condition: Document) -> Document:
    """Return the filter that a value fulfils `condition`, and that no array is on the way to it."""
    names = reachable(path)
    ways = [{".".join(names[:count]): _NO_ARRAY} for count in range(1, len(names))]
    return _and([*ways, *_spread(".".join(names), condition)])


def _spread(field: str, condition: Document) -> list[Document]:
    """Return the filters of a condition, which may have alternatives."""
    alternatives = condition.get("$or")
    rest = {key: value for key, value in condition.items() if key != "$or"}
    found: list[Document] = [{field: rest}] if rest else []
    return found + ([{"$or": [{field: item} for item in alternatives]}] if alternatives else [])


def _and(filters: list[Document]) -> Document:
    return filters[0] if len(filters) == 1 else {"$and": filters}


def _equal(operand: Any) -> Document | None:
    if not is_scalar(operand):
        return None
    if operand is None:
        return {"$type": "null", **_NO_ARRAY}
    return {**_among([operand]), **_NO_ARRAY}


def _among(values: Any) -> Document:
    expanded = [value for operand in values for value in equal_values(operand)]
    return {"$eq": expanded[0]} if len(expanded) == 1 else {"$in": expanded}


def _unequal(operand: Any) -> Document | None:
    if not is_scalar(operand):
        return None
    different = {"$not": {"$type": "null"}} if operand is None else {"$not": _among([operand])}
    return {"$exists": True, "$or": [different, {"$type": "array"}]}


def _ordered(operator: str, holds: Callable[[Any, Any], bool]) -> Maker:
    def make(operand: Any) -> Document | None:
        if operand is None or not is_scalar(operand):
            return None
        if isinstance(operand, str):
            return {operator: operand, **_NO_ARRAY}
        bound = int(operand) if isinstance(operand, bool) else operand
        bools = [value for value in (False, True) if holds(value, operand)]
        if not bools:
            return {operator: bound, **_NO_ARRAY}
        return {**_NO_ARRAY, "$or": [{operator: bound}, {"$in": bools}]}

    return make


def _exists(_: Any) -> Document:
    return {"$exists": True}


def _found(operand: Any) -> Document | None:
    regex, flags = operand
    try:
        return {"$regex": re.compile(regex, flags), **_NO_ARRAY} if isinstance(regex, str) else None
    except (re.error, ValueError, TypeError):
        return None


def _listed(operand: Any) -> Document | None:
    if type(operand) not in (list, tuple) or not all(map(is_scalar, operand)):
        return None
    if None in operand:  # for a filter, a field that is not there is None
        others = [value for value in operand if value is not None]
        return {**_NO_ARRAY, "$or": [{"$type": "null"}, _among(others)]}
    return {**_among(operand), **_NO_ARRAY} if operand else {"$in": []}


def _any_of(operand: Any) -> Document | None:
    """Return the condition for lists; of a string or a document, Python goes through characters or keys."""
    if type(operand) in (list, tuple) and operand and all(type(item) in (int, float) for item in operand):
        return {"$type": "array", **_among(operand)} if all(map(is_scalar, operand)) else None
    return None


def _fragment(test: Test) -> Document | None:
    if type(test.operand) is not dict:
        return None
    parts = [_exact_test(Test("==", (*test.path, key), value)) for key, value in test.operand.items()]
    if None in parts:
        return None
    if not parts:
        return _exact_test(Test("exists", test.path)) if test.path else {}
    return _and([part for part in parts if part is not None])


_MAKERS: dict[str, Maker] = {
    "exists": _exists,
    "==": _equal,
    "!=": _unequal,
    "<": _ordered("$lt", lambda left, right: left < right),
    "<=": _ordered("$lte", lambda left, right: left <= right),
    ">": _ordered("$gt", lambda left, right: left > right),
    ">=": _ordered("$gte", lambda left, right: left >= right),
    "search": _found,
    "one_of": _listed,
    "any": _any_of,
}
