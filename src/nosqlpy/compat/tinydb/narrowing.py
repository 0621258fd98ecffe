"""A filter that finds at least the documents for which a query must be asked.

The query's own function decides about every document that the filter finds, so what matters here is that the filter
leaves none out for which the query is true, or raises: TinyDB would return that document, or raise. `narrow` therefore
answers four questions about each part of a query, every answer a filter that may match too many documents:
where is it true, where is it false, where does it raise, where is it true or raises?
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from nosqlpy.aliases import Document
from nosqlpy.compat.tinydb.fields import equal_values, field_of, is_scalar, reachable
from nosqlpy.compat.tinydb.shapes import Always, Both, Not, OneOf, Shape, Test

Filter: TypeAlias = Document | None
"""A filter; None matches no document, ``{}`` all."""

EVERY: Document = {}

# The types of values that are no numbers for Python; a bool is one, and Decimals that are NaN cannot be ordered.
_UNORDERED_WITH_NUMBERS = [
    "bool", "string", "object", "array", "binData", "objectId", "date", "null", "regex", "javascript",
    "javascriptWithScope", "timestamp", "minKey", "maxKey", "decimal",
]  # fmt: skip
_UNORDERED_WITH_STRINGS = [name for name in _UNORDERED_WITH_NUMBERS if name != "string"] + ["int", "long", "double"]
_ITERABLE_TYPES = ["string", "object", "binData", "javascript", "javascriptWithScope"]  # beside arrays
_NO_OBJECTS = [name for name in _UNORDERED_WITH_NUMBERS if name != "object"] + ["int", "long", "double"]


class Narrow(msgspec.Struct, frozen=True):
    """Where a query is true, false, raises, and where one of the first and the last."""

    true: Filter
    raises: Filter
    relevant: Filter
    false: Filter = EVERY


Maker: TypeAlias = Callable[[str, Any], Narrow]


def candidates(shape: Shape) -> Filter:
    """Return a filter that matches, with others, every document for which the query is true or raises."""
    return narrow(shape).relevant


def narrow(shape: Shape) -> Narrow:
    """Return where a query of this shape is what."""
    if isinstance(shape, Test):
        return _narrow_test(shape)
    if isinstance(shape, Both):
        return _fold(shape.parts, _narrow_both)
    if isinstance(shape, OneOf):
        return _fold(shape.parts, _narrow_one_of)
    if isinstance(shape, Not):
        part = narrow(shape.part)
        return Narrow(part.false, part.raises, _either(part.false, part.raises), part.true)
    if isinstance(shape, Always):
        return Narrow(EVERY, None, EVERY, None)
    return Narrow(EVERY, EVERY, EVERY)


def _fold(parts: tuple[Shape, ...], join: Callable[[Narrow, Narrow], Narrow]) -> Narrow:
    found = narrow(parts[0])
    for part in parts[1:]:
        found = join(found, narrow(part))
    return found


def _narrow_both(left: Narrow, right: Narrow) -> Narrow:
    true = _both(left.true, right.true)
    if left.raises == right.raises:  # as with two bounds of one field
        return Narrow(true, left.raises, _either(true, left.raises), _either(left.false, right.false))
    return Narrow(
        true,
        _either(left.raises, _both(left.true, right.raises)),
        _either(left.raises, _both(left.true, right.relevant)),
        _either(left.false, right.false),
    )


def _narrow_one_of(left: Narrow, right: Narrow) -> Narrow:
    return Narrow(
        _either(left.true, right.true),
        _either(left.raises, _both(left.false, right.raises)),
        _either(left.relevant, right.relevant),
        _both(left.false, right.false),
    )


def _both(left: Filter, right: Filter) -> Filter:
    if left is None or right is None:
        return None
    if not left or left == right:
        return right
    if not right:
        return left
    return {"$and": [*_parts(left, "$and"), *_parts(right, "$and")]}


def _either(left: Filter, right: Filter) -> Filter:
    if left is None or left == right:
        return right
    if right is None:
        return left
    if not left or not right:
        return EVERY
    return {"$or": [*_parts(left, "$or"), *_parts(right, "$or")]}


def _parts(filter: Document, operator: str) -> list[Any]:
    return filter[operator] if list(filter) == [operator] else [filter]


# ── one test ─────────────────────────────────────────────────────────────────────


def _narrow_test(test: Test) -> Narrow:
    if test.operator == "fragment" and not test.path:
        return _fragment_of_document(test.operand)
    field = field_of(test.path)
    if field is None:
        return _anywhere(".".join(reachable(test.path)))
    make = _MAKERS.get(test.operator)
    return _anywhere(field) if make is None else make(field, test.operand)


def _anywhere(field: str) -> Narrow:
    """Return the answer where nothing is known but that the path must lead to, or through, a field."""
    present = _present(field)
    return Narrow(present, present, present)


def _present(field: str) -> Document:
    return {field: {"$exists": True}} if field else EVERY


def _safe(true: Filter, false: Filter = EVERY) -> Narrow:
    """Return the answer of a test that never raises."""
    return Narrow(true, None, true, false)


def _raising(true: Filter, raises: Filter) -> Narrow:
    return Narrow(true, raises, _either(true, raises))


def _exists(field: str, _: Any) -> Narrow:
    # on a longer path arrays may stand, which the filter looks into and the query does not
    return _safe(_present(field), EVERY if "." in field else {field: {"$exists": False}})


def _equal(field: str, operand: Any) -> Narrow:
    if is_scalar(operand):
        return _safe({field: _one_of_values([operand])})
    if type(operand) is list:
        return _raising({field: {"$size": len(operand)}}, {field: {"$size": len(operand)}})
    if type(operand) is dict:
        return _raising({field: {"$type": "object"}}, {field: {"$type": "object"}})
    return _anywhere(field)


def _unequal(field: str, operand: Any) -> Narrow:
    return _safe(_present(field)) if is_scalar(operand) else _anywhere(field)


def _one_of_values(values: Sequence[Any]) -> Document:
    """Return what matches a value that Python calls equal to one of these scalars."""
    expanded = [value for operand in values for value in equal_values(operand)]
    return {"$eq": expanded[0]} if len(expanded) == 1 else {"$in": expanded}


def _ordered(operator: str) -> Maker:
    def make(field: str, operand: Any) -> Narrow:
        if operand is None or not is_scalar(operand):
            return _anywhere(field)
        is_text = isinstance(operand, str)
        raises = {field: {"$type": _UNORDERED_WITH_STRINGS if is_text else _UNORDERED_WITH_NUMBERS}}
        bound = int(operand) if isinstance(operand, bool) else operand
        return _raising(_either({field: {operator: bound}}, raises), raises)

    return make


def _found(field: str, operand: Any) -> Narrow:
    """Return the answer for a regular expression: one that matches from the start is found in the string as well."""
    regex, flags = operand
    try:
        return _safe({field: re.compile(regex, flags)} if isinstance(regex, str) else {field: {"$type": "string"}})
    except (re.error, ValueError, TypeError):
        return _raising({field: {"$type": "string"}}, {field: {"$type": "string"}})


def _listed(field: str, operand: Any) -> Narrow:
    if type(operand) not in (list, tuple) or not all(map(is_scalar, operand)):
        return _anywhere(field)
    return _safe({field: _one_of_values(operand)} if operand else None)


def _any_of(field: str, operand: Any) -> Narrow:
    others = {field: {"$type": _ITERABLE_TYPES}}
    if type(operand) in (list, tuple) and all(map(is_scalar, operand)):
        return _safe(_either({field: _one_of_values(operand)}, others) if operand else others)
    return _iterable(field)


def _all_of(field: str, operand: Any) -> Narrow:
    others = {field: {"$type": _ITERABLE_TYPES}}
    if type(operand) in (list, tuple) and operand and all(map(is_scalar, operand)):
        return _raising(_either({"$and": [{field: _one_of_values([value])} for value in operand]}, others), others)
    return _iterable(field)


def _iterable(field: str) -> Narrow:
    value = {field: {"$type": ["array", *_ITERABLE_TYPES]}}
    return _raising(value, value)


def _fragment(field: str, operand: Any) -> Narrow:
    present = _present(field)
    raises = {field: {"$type": _NO_OBJECTS}} if _holds_scalars(operand) else present
    return _raising(_both(present, _equal_fields(f"{field}.", operand)), raises)


def _fragment_of_document(operand: Any) -> Narrow:
    return _raising(_equal_fields("", operand), None if _holds_scalars(operand) else EVERY)


def _holds_scalars(operand: Any) -> bool:
    return type(operand) is dict and all(map(is_scalar, operand.values()))


def _equal_fields(prefix: str, operand: Any) -> Filter:
    """Return a filter for documents that have the fields of `operand`."""
    found: Filter = EVERY
    for key, value in operand.items() if type(operand) is dict else ():
        name = field_of((key,)) if not prefix else key if reachable(("_", key))[1:] else None
        if name is not None:
            found = _both(found, _equal(prefix + name, value).true)
    return found


_MAKERS: dict[str, Maker] = {
    "exists": _exists,
    "==": _equal,
    "!=": _unequal,
    "<": _ordered("$lt"),
    "<=": _ordered("$lte"),
    ">": _ordered("$gt"),
    ">=": _ordered("$gte"),
    "matches": _found,
    "search": _found,
    "one_of": _listed,
    "any": _any_of,
    "all": _all_of,
    "fragment": _fragment,
}
