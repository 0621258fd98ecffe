"""Operators on arrays: $push, $addToSet, $pop, $pull, $pullAll.

Manual: reference/operator/update-array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from nosqlpy._core.query.features import refuse_features
from nosqlpy._core.query.filter import Predicate, compile_filter
from nosqlpy._core.query.registry import is_operator
from nosqlpy._core.update.paths import Modifier, find, parse_update_path
from nosqlpy._core.update.registry import Place, operator
from nosqlpy._core.values.codec import copy_value
from nosqlpy._core.values.collation import keys_of
from nosqlpy._core.values.numbers import integer
from nosqlpy._core.values.order import number_content
from nosqlpy._core.values.paths import plain
from nosqlpy._core.values.types import (
    ARRAY,
    DECIMAL,
    DOUBLE,
    INT,
    LONG,
    MISSING,
    OBJECT,
    REGEX,
    TYPES,
    as_mapping,
    type_name,
)
from nosqlpy.errors import QueryError, WriteError
from nosqlpy.naming import nearest

Arrange: TypeAlias = Callable[[list[Any]], list[Any]]

_NUMERIC: Final = frozenset((INT, LONG, DOUBLE, DECIMAL))
_CLAUSES: Final = frozenset(("$each", "$position", "$slice", "$sort"))


@operator("$push")
def compile_push(operand: Any, place: Place) -> Modifier:
    """Add the operand to the array, or with $each several; $position, $sort and $slice apply in that order."""
    position: int | None = None
    arrange: Arrange = _as_it_is
    if not isinstance(operand, Mapping) or "$each" not in operand:
        added = [copy_value(operand, place.path.text)]
    else:
        for name in operand:
            if name not in _CLAUSES:
                raise QueryError(f"unknown clause {name!r} in $push of {place.path.text!r}{nearest(name, _CLAUSES)}")
        added = _each(operand["$each"], place, code=2, code_name="BadValue")
        if "$position" in operand:
            position = _whole(operand["$position"], "$position", place)
        arrange = _arrangement(operand, place)

    def change(array: Any) -> Any:
        _check_array(array, place)
        at = len(array) if position is None else position
        array[at:at] = added
        return arrange(array)

    return Modifier(change, create=lambda: change([]))


def _as_it_is(array: list[Any]) -> list[Any]:
    return array


def _arrangement(clauses: Mapping[str, Any], place: Place) -> Arrange:
    """Return what $sort and then $slice make of an array."""
    sort = _sorting(clauses["$sort"], place) if "$sort" in clauses else _as_it_is
    if "$slice" not in clauses:
        return sort
    size = _whole(clauses["$slice"], "$slice", place)
    if size == 0:
        return lambda _: []
    window = slice(None, size) if size > 0 else slice(size, None)
    return lambda array: sort(array)[window]


def _sorting(spec: Any, place: Place) -> Arrange:
    """Return what sorts an array: by whole elements, or by paths in those that are documents."""
    order = keys_of(place.collation).order
    if not isinstance(spec, Mapping):
        descending = _descends(spec, place)
        return lambda array: sorted(array, key=order, reverse=descending)
    if not spec:
        raise QueryError(f"$sort in $push of {place.path.text!r} names no field")
    # The last path first: sorting is stable, so earlier paths decide.
    keys = [(_field_key(text, order), _descends(way, place)) for text, way in reversed(list(spec.items()))]

    def sort(array: list[Any]) -> list[Any]:
        for key, descending in keys:
            array = sorted(array, key=key, reverse=descending)
        return array

    return sort


def _descends(way: Any, place: Place) -> bool:
    if TYPES[type(way)] not in _NUMERIC or number_content(way) not in (1, -1):
        raise QueryError(f"$sort in $push of {place.path.text!r} takes 1 or -1, or a document of paths with these")
    return bool(number_content(way) == -1)


def _field_key(text: str, order: Callable[[Any], Any]) -> Callable[[Any], Any]:
    try:
        path = parse_update_path(text, "$sort")
    except QueryError as error:
        raise QueryError(str(error)) from None

    def key(element: Any) -> Any:
        if type(element) is not dict:
            return order(None)
        try:
            value, _ = find(element, path)
        except WriteError:  # the path leads into a scalar: the field is missing
            return order(None)
        return order(None if value is MISSING else value)

    return key


@operator("$addToSet")
def compile_add_to_set(operand: Any, place: Place) -> Modifier:
    """Add the operand, or each of $each, to the array unless an equal value is in it."""
    if isinstance(operand, Mapping) and next(iter(operand), None) == "$each":
        if len(operand) > 1:
            raise QueryError(f"$addToSet of {place.path.text!r} takes nothing beside $each")
        added = _each(operand["$each"], place, code=14, code_name="TypeMismatch")
    else:
        added = [copy_value(operand, place.path.text)]
    candidates: dict[Any, Any] = {}
    key = keys_of(place.collation).equality
    for value in added:
        candidates.setdefault(key(value), value)

    def change(array: Any) -> Any:
        _check_array(array, place)
        present = set(map(key, array))
        array.extend(value for wanted, value in candidates.items() if wanted not in present)
        return array

    return Modifier(change, create=lambda: change([]))


@operator("$pop")
def compile_pop(operand: Any, place: Place) -> Modifier:
    """Remove the last element (1) or the first (-1)."""
    which = _whole(operand, "$pop", place, code=9, code_name="FailedToParse")
    if which not in (1, -1):
        message = f"$pop of {place.path.text!r} takes 1 (the last element) or -1 (the first)"
        raise QueryError(message, code=9, code_name="FailedToParse")

    def change(array: Any) -> Any:
        _check_array(array, place, code=14, code_name="TypeMismatch")
        return array[:-1] if which == 1 else array[1:]

    return Modifier(change)


@operator("$pull")
def compile_pull(operand: Any, place: Place) -> Modifier:
    """Remove the elements that match the operand: a value, operators on the element, or a filter on documents."""
    return _cull(_pulls(operand, place), place)


def _pulls(operand: Any, place: Place) -> Callable[[Any], bool]:
    """Return whether $pull removes an element (the three matchers of the server's pull_node.cpp)."""
    bracket = TYPES[type(operand)]
    name = next(iter(as_mapping(operand)), None) if bracket == OBJECT else None
    if bracket == REGEX or (is_operator(name) and name != "$not"):  # the server takes a leading $not for a filter's
        # Operators test the element as the value of a field, hence the field.
        wrapped = _compiled({"element": operand}, place)
        return lambda element: wrapped.matches({"element": element})
    if bracket == OBJECT:
        predicate = _compiled(as_mapping(operand), place)

        def pulls(element: Any) -> bool:
            document, kind = plain(element)
            return kind is dict and predicate.matches(document)

        return pulls
    key = keys_of(place.collation).equality
    wanted = key(copy_value(operand, place.path.text))
    return lambda element: key(element) == wanted


def _compiled(filter: Mapping[str, Any], place: Place) -> Predicate:
    predicate = compile_filter(filter, collation=place.collation)
    refuse_features(filter, "$pull")
    return predicate


@operator("$pullAll")
def compile_pull_all(operand: Any, place: Place) -> Modifier:
    """Remove the elements that equal one of the operand's."""
    if TYPES[type(operand)] != ARRAY:
        raise QueryError(f"$pullAll of {place.path.text!r} takes an array, not {type_name(operand)}")
    key = keys_of(place.collation).equality
    keys = set(map(key, copy_value(operand, place.path.text)))
    return _cull(lambda element: key(element) in keys, place)


def _cull(removes: Callable[[Any], bool], place: Place) -> Modifier:
    def change(array: Any) -> Any:
        _check_array(array, place)
        return [element for element in array if not removes(element)]

    return Modifier(change)


def _each(values: Any, place: Place, *, code: int, code_name: str) -> list[Any]:
    if not isinstance(values, Iterable) or TYPES[type(values)] != ARRAY:
        message = f"$each in {place.operator} of {place.path.text!r} takes an array, not {type_name(values)}"
        raise QueryError(message, code=code, code_name=code_name)
    return list(copy_value(values, place.path.text))


def _whole(value: Any, name: str, place: Place, *, code: int = 2, code_name: str = "BadValue") -> int:
    number = integer(value) if TYPES[type(value)] in _NUMERIC else None
    if number is None:
        message = f"{name} in {place.operator} of {place.path.text!r} takes a whole number, not {type_name(value)}"
        raise QueryError(message, code=code, code_name=code_name)
    return number


def _check_array(value: Any, place: Place, *, code: int = 2, code_name: str = "BadValue") -> None:
    if type(value) is not list:
        message = f"{place.operator}: {place.path.text!r} must be an array but is of type {type_name(value)}"
        raise WriteError(message, code=code, code_name=code_name)
