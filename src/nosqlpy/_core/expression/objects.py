"""Documents: $mergeObjects $objectToArray $arrayToObject $getField $setField $unsetField $bsonSize.

Manual: reference/operator/aggregation/#object-expression-operators.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nosqlpy._core.expression.failures import failure, malformed
from nosqlpy._core.expression.node import Expression, Variables, combined, paths_of
from nosqlpy._core.expression.operators import Codes, Fields, calling, of_values
from nosqlpy._core.expression.parse import compile_operand
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.values.paths import plain
from nosqlpy._core.values.types import ARRAY, MISSING, OBJECT, STRING, TYPES, as_mapping, type_name

_GET: Final = Fields(("field", "input"), {}, Codes(3041701, 3041701, (3041702, 3041703)))
_SET: Final = Fields(("field", "input", "value"), {}, Codes(4161100, 4161101, (4161102, 4161109, 4161103)))
_UNSET: Final = Fields(("field", "input"), {}, Codes(4161100, 4161101, (4161102, 4161109)))


@of_values("$objectToArray", 1)
def object_to_array(value: Any) -> list[dict[str, Any]] | None:
    """Return the fields of a document as documents of ``k`` and ``v``."""
    if value is None or value is MISSING:
        return None
    document, kind = plain(value)
    if kind is not dict:
        raise failure(f"$objectToArray requires a document input, found: {type_name(value)}", 40390)
    return [{"k": name, "v": item} for name, item in document.items()]


@of_values("$arrayToObject", 1)
def array_to_object(array: Any) -> dict[str, Any] | None:
    """Return the document of an array of pairs, or of documents of ``k`` and ``v``; of equal names the last counts."""
    if array is None or array is MISSING:
        return None
    if type(array) is not list:
        raise failure(f"$arrayToObject requires an array input, found: {type_name(array)}", 40386)
    if not array:
        return {}
    number = TYPES[type(array[0])]
    if number not in (ARRAY, OBJECT):
        raise failure(f"unrecognised input type format for $arrayToObject: {type_name(array[0])}", 40398)
    read = _pair if number == ARRAY else _entry
    return dict(map(read, array))


def _pair(item: Any) -> tuple[str, Any]:
    if type(item) is not list:
        raise failure(
            f"$arrayToObject requires all elements to be arrays like the first, found: {type_name(item)}", 40396
        )
    if len(item) != 2:
        raise failure(f"$arrayToObject requires an array of size 2 arrays, found array of size: {len(item)}", 40397)
    return _name(item[0], 40395, 4940400), item[1]


def _entry(item: Any) -> tuple[str, Any]:
    document, kind = plain(item)
    if kind is not dict:
        message = f"$arrayToObject requires all elements to be documents like the first, found: {type_name(item)}"
        raise failure(message, 40391)
    if len(document) != 2:
        raise failure(f"$arrayToObject requires the keys 'k' and 'v'; found {len(document)} keys", 40392)
    if "k" not in document or "v" not in document:
        raise failure("$arrayToObject requires the keys 'k' and 'v'; one of them is missing", 40393)
    return _name(document["k"], 40394, 4940401), document["v"]


def _name(name: Any, type_code: int, null_code: int) -> str:
    if type(name) is not str:
        raise failure(f"$arrayToObject requires keys of type string, found: {type_name(name)}", type_code)
    if "\0" in name:
        raise failure("$arrayToObject: a key cannot contain an embedded null byte", null_code)
    return name


@syntax("$getField")
def compile_get_field(operand: Any, scope: Scope) -> Expression:
    """Return a field of a document by its name, which may have dots and dollar signs; of the current one by default."""
    inner = scope.deeper()
    short = TYPES[type(operand)] != OBJECT or str(next(iter(as_mapping(operand)), "")).startswith("$")
    if short:
        field, source = compile_operand(operand, inner), compile_operand("$$CURRENT", inner)
    else:
        field, source = _GET.compile("$getField", operand, scope).values()
    if short and field.constant and _is_plain_name(field.value) and "CURRENT" not in scope.variables:
        return compile_operand(f"${field.value}", inner)
    return combined(calling(get_field, [field.evaluate, source.evaluate]), [field, source])


def _is_plain_name(name: Any) -> bool:
    return type(name) is str and bool(name) and "." not in name and "\0" not in name and not name.startswith("$")


def get_field(name: Any, value: Any) -> Any:
    """Return the field of a document; nothing of what is none, null of null."""
    if type(name) is not str:
        message = f"$getField requires 'field' to evaluate to type String, but got {type_name(name)}"
        raise failure(message, 3041704)
    document, kind = plain(value)
    if kind is not dict:
        return None if value is None else MISSING
    return document.get(name, MISSING)


@syntax("$setField")
def compile_set_field(operand: Any, scope: Scope) -> Expression:
    """Return a document with a field added or changed, or taken out if its value is missing."""
    return _setting("$setField", _SET.read("$setField", operand), scope)


@syntax("$unsetField")
def compile_unset_field(operand: Any, scope: Scope) -> Expression:
    """Return a document without a field."""
    return _setting("$unsetField", {**_UNSET.read("$unsetField", operand), "value": "$$REMOVE"}, scope)


def _setting(name: str, given: Mapping[str, Any], scope: Scope) -> Expression:
    inner = scope.deeper()
    field, source, value = (compile_operand(given[key], inner) for key in ("field", "input", "value"))
    if not field.constant:
        raise malformed(f"{name} requires 'field' to evaluate to a constant", 4161106)
    if TYPES[type(field.value)] != STRING:
        message = f"{name} requires 'field' to evaluate to type String, but got {type_name(field.value)}"
        raise malformed(message, 4161107)
    key, source_of, value_of = field.value, source.evaluate, value.evaluate

    def evaluate(document: Mapping[str, Any], variables: Variables) -> dict[str, Any] | None:
        target = source_of(document, variables)
        if target is None or target is MISSING:
            return None
        fields, kind = plain(target)
        if kind is not dict:
            raise failure(f"{name} requires 'input' to evaluate to type Object, not {type_name(target)}", 4161105)
        new = value_of(document, variables)
        if new is MISSING:
            return {other: item for other, item in fields.items() if other != key}
        return {**fields, key: new}

    return Expression(evaluate, paths_of((source, value)))
