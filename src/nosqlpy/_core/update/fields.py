"""Operators on whole fields: $set, $setOnInsert, $unset, $rename, $min, $max, $currentDate.

Manual: reference/operator/update-field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from nosqlpy._core.update.paths import REMOVED, Modifier, UpdatePath, find, modify, parse_update_path
from nosqlpy._core.update.registry import Place, Step, operator, step_operator
from nosqlpy._core.values.codec import copy_value
from nosqlpy._core.values.extensions import bson_class
from nosqlpy._core.values.order import compare
from nosqlpy._core.values.types import MISSING, is_string, type_name
from nosqlpy.errors import QueryError, WriteError

_REMOVE: Final = Modifier(change=lambda _: REMOVED, lenient=True)


def _replace_by(value: Any) -> Modifier:
    return Modifier(change=lambda _: value, create=lambda: value)


@operator("$set")
def compile_set(operand: Any, place: Place) -> Modifier:
    """Set the field to the operand."""
    return _replace_by(copy_value(operand, place.path.text))


@operator("$setOnInsert", on_update=False)
def compile_set_on_insert(operand: Any, place: Place) -> Modifier:
    """Set the field to the operand in a document that an upsert inserts."""
    return _replace_by(copy_value(operand, place.path.text))


@operator("$unset")
def compile_unset(operand: Any, place: Place) -> Modifier:  # noqa: ARG001  # MongoDB ignores the operand
    """Remove the field; an element of an array becomes null."""
    return _REMOVE


@operator("$min")
def compile_min(operand: Any, place: Place) -> Modifier:
    """Set the field to the operand if that sorts before the field's value, in the order of all types."""
    return _keep(copy_value(operand, place.path.text), lambda order: order <= 0, place)


@operator("$max")
def compile_max(operand: Any, place: Place) -> Modifier:
    """Set the field to the operand if that sorts after the field's value, in the order of all types."""
    return _keep(copy_value(operand, place.path.text), lambda order: order >= 0, place)


def _keep(operand: Any, keeps: Callable[[int], bool], place: Place) -> Modifier:
    fold = place.collation.fold if place.collation is not None else None
    limit = fold(operand) if fold is not None else operand

    def change(value: Any) -> Any:
        return value if keeps(compare(fold(value) if fold is not None else value, limit)) else operand

    return Modifier(change, create=lambda: operand)


@operator("$currentDate", timed=True)
def compile_current_date(operand: Any, place: Place) -> Modifier:
    """Set the field to the time of the update: a date, or a bson Timestamp."""
    assert place.now is not None, "whoever compiles $currentDate passes the time"
    if _wants_timestamp(operand, place):
        return _replace_by(bson_class("timestamp", "Timestamp")(int(place.now.timestamp()), 1))
    return _replace_by(copy_value(place.now))


def _wants_timestamp(operand: Any, place: Place) -> bool:
    if type(operand) is bool:
        return False
    if not isinstance(operand, Mapping):
        raise QueryError(
            f"$currentDate of {place.path.text!r} takes true or a $type document, not {type_name(operand)}"
        )
    for name in operand:
        if name != "$type":
            raise QueryError(f"unknown option {name!r} in $currentDate of {place.path.text!r}; did you mean '$type'?")
    if operand.get("$type") not in ("date", "timestamp"):
        raise QueryError(f"$type in $currentDate of {place.path.text!r} is 'date' or 'timestamp'")
    return bool(operand["$type"] == "timestamp")


@step_operator("$rename")
def compile_rename(operand: Any, place: Place) -> Step:
    """Move the field to the path that the operand is, if it is there."""
    source = place.path
    if not is_string(operand):
        raise QueryError(f"$rename of {source.text!r} takes the new path, a string, not {type_name(operand)}")
    if "\0" in operand:
        raise QueryError(f"$rename of {source.text!r}: the new path must not contain NUL")
    target = parse_update_path(operand, "$rename")
    for path, role in ((source, "source"), (target, "target")):
        if path.positional:
            raise QueryError(f"$rename: the {role} {path.text!r} must not have positional parts")
    shorter = min(len(source.parts), len(target.parts))
    if source.parts[:shorter] == target.parts[:shorter]:
        same = "be the same" if source.parts == target.parts else "lie on one path"
        raise QueryError(f"$rename: {source.text!r} and {target.text!r} must not {same}")

    def run(document: dict[str, Any]) -> None:
        value = _movable(document, source, "source")
        if value is not MISSING:
            _movable(document, target, "target")
            modify(document, target, _replace_by(value))
            modify(document, source, _REMOVE)

    return Step(target, (source, target), run, creates=True)


def _movable(document: dict[str, Any], path: UpdatePath, role: str) -> Any:
    value, through_array = find(document, path)
    if through_array:
        raise WriteError(
            f"$rename: the {role} {path.text!r} must not be an element of an array", code=2, code_name="BadValue"
        )
    return value
