"""The array operators: $size, $all and $elemMatch.

Manual: reference/operator/query-array.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import compress, repeat
from typing import Any

from nosqlpy._core.query.comparison import compile_value
from nosqlpy._core.query.condition import All, Condition, Test, ValueTest, Whole, value_test
from nosqlpy._core.query.registry import (
    TOP_LEVEL,
    Scope,
    check_level,
    compile_operators,
    is_operator,
    is_operators,
    operator,
    scoped_operator,
)
from nosqlpy._core.query.several import Several
from nosqlpy._core.query.tree import documents_test
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.numbers import integer
from nosqlpy._core.values.order import BRACKETS
from nosqlpy._core.values.paths import DBREF_FIELDS
from nosqlpy._core.values.types import ARRAY, OBJECT, TYPES, as_mapping
from nosqlpy.errors import QueryError


@operator("$size")
def compile_size(operand: Any) -> Condition:
    """Match arrays with exactly `operand` elements."""
    size = integer(operand) if BRACKETS[TYPES[type(operand)]] == 10 else None
    if size is None or not 0 <= size < 2**31:
        raise QueryError("$size needs a whole number that is not negative")
    return Whole(lambda value: type(value) is list and len(value) == size)


@scoped_operator("$all")
def compile_all(operand: Any, scope: Scope) -> Condition:
    """Match fields that hold every element of `operand`, each a value, a regular expression or an ``$elemMatch``."""
    if TYPES[type(operand)] != ARRAY:
        raise QueryError(f"$all needs an array, not {type(operand).__name__}")
    if not operand:
        return Test(lambda _: False)
    elements = [_first_name(item) == "$elemMatch" for item in operand]
    if elements[0] and not all(elements):
        raise QueryError("$all with an $elemMatch takes nothing but documents of $elemMatch")
    if elements[0]:
        return All(tuple(compile_elem_match(next(iter(item.values())), scope) for item in operand))
    for item in operand:
        name = _first_name(item)
        if name not in ("$eq", "$not") and is_operator(name):  # as MongoDB, which compares with these two
            raise QueryError(f"$all takes no operator but $elemMatch, and it must be the first: {name}")
    return All(tuple(compile_value(item, scope.collation) for item in operand))


def _first_name(item: Any) -> Any:
    return next(iter(item), None) if isinstance(item, Mapping) else None


@scoped_operator("$elemMatch")
def compile_elem_match(operand: Any, scope: Scope) -> Condition:
    """Match arrays of which one element meets all conditions: operators on values, or a filter on documents."""
    if TYPES[type(operand)] != OBJECT:
        raise QueryError(f"$elemMatch needs a document, not {type(operand).__name__}")
    check_level(scope.depth)
    if is_value_case(operand):
        operators = compile_operators(as_mapping(operand), scope.path, scope.depth + 1, scope.collation)
        return _elements(value_test(operators))
    return _documents(as_mapping(operand), scope.depth + 1, scope.collation)


def _documents(filter: Mapping[str, Any], depth: int, collation: Collation | None) -> Whole:
    """Return the condition that one element is a document, or array, that matches `filter`."""
    flags = documents_test(filter, depth, collation)

    def sieve(entries: Iterable[Any]) -> list[bool]:
        owners: list[int] = []
        documents: list[Mapping[str, Any]] = []
        count = 0
        for entry in entries:
            for value in entry if type(entry) is Several else (entry,):
                if type(value) is list:
                    found = [document for document in map(_as_document, value) if document is not None]
                    documents += found
                    owners += repeat(count, len(found))
            count += 1
        matched = set(compress(owners, flags(documents)))
        return [index in matched for index in range(count)]

    def position(array: list[Any]) -> int | None:
        return next((index for index, flag in enumerate(map(is_match, array)) if flag), None)

    def is_match(element: Any) -> bool:
        document = _as_document(element)
        return document is not None and flags((document,))[0]

    return Whole(lambda value: sieve((value,))[0], sieve, position)


def _as_document(element: Any) -> Mapping[str, Any] | None:
    """Return the document that an element is; an array is taken for one with positions as names, as the server does."""
    if type(element) is dict:
        return element
    number = TYPES[type(element)]
    if number == OBJECT:
        return as_mapping(element)
    if number == ARRAY:
        return {str(position): item for position, item in enumerate(element)}
    return None


def is_value_case(operand: Any) -> bool:
    """Return whether the operand holds operators for each element rather than a filter of documents."""
    name = _first_name(operand)
    if not is_operators(operand) or name in DBREF_FIELDS or DBREF_FIELDS & operand.keys():
        return False
    return name not in TOP_LEVEL and (is_operator(name) or not name.startswith("$"))


def _elements(test: ValueTest) -> Whole:
    def position(array: list[Any]) -> int | None:
        return next((index for index, element in enumerate(array) if test(element)), None)

    return Whole(lambda value: type(value) is list and any(map(test, value)), position=position)
