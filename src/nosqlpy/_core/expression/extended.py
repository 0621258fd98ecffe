"""Values as Extended JSON, which says of each what type it is, and back: $serializeEJSON, $deserializeEJSON.

Manual: reference/operator/aggregation/serializeEJSON, deserializeEJSON. What comes out is a document, not text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from uuid import UUID

from nosqlpy._core.expression.conversions import impossible
from nosqlpy._core.expression.failures import BAD_VALUE, CONVERSION_FAILURE, FAILED_TO_PARSE, failure
from nosqlpy._core.expression.instants import milliseconds
from nosqlpy._core.expression.node import Evaluate, Expression, Variables, combined
from nosqlpy._core.expression.operators import ABSENT, Codes, Fields
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.expression.texts import date_text, number_text
from nosqlpy._core.values.extended_json import wrapped
from nosqlpy._core.values.json_types import KEYS, read_wrapper
from nosqlpy._core.values.numbers import NUMERIC
from nosqlpy._core.values.order import EPOCH, FarInstant, date_content
from nosqlpy._core.values.types import (
    ARRAY,
    BOOL,
    CODE_WITH_SCOPE,
    DATE,
    DECIMAL,
    DOUBLE,
    INT,
    MISSING,
    OBJECT,
    STRING,
    as_mapping,
    type_name,
    type_number,
)
from nosqlpy.errors import OperationFailure, QueryError

Convert: TypeAlias = Callable[[Any], Any]

_CODES: Final = Codes(FAILED_TO_PARSE, FAILED_TO_PARSE, FAILED_TO_PARSE)
_WRITE: Final = Fields(("input",), {"relaxed": False, "onError": ABSENT}, _CODES)
_READ: Final = Fields(("input",), {"onError": ABSENT}, _CODES)
_JSON: Final = frozenset((STRING, BOOL))
_REFERENCE: Final = frozenset(("$ref", "$id"))


@syntax("$serializeEJSON")
def compile_serialize(operand: Any, scope: Scope) -> Expression:
    """Return a value as documents, texts and numbers: in the canonical form of Extended JSON, or the relaxed one."""
    operands = _WRITE.compile("$serializeEJSON", operand, scope)
    value_of, relaxed_of, on_error = (item.evaluate for item in operands.values())

    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        value, relaxed = value_of(document, variables), relaxed_of(document, variables)
        if type(relaxed) is not bool:
            raise failure(f"'relaxed' of $serializeEJSON must be a bool, found: {type_name(relaxed)}", BAD_VALUE)
        write = _relaxed if relaxed else _canonical
        return _or_else(lambda: None if value is MISSING else write(value), on_error, document, variables)

    return combined(evaluate, list(operands.values()))


@syntax("$deserializeEJSON")
def compile_deserialize(operand: Any, scope: Scope) -> Expression:
    """Return the value that a document in Extended JSON stands for."""
    operands = _READ.compile("$deserializeEJSON", operand, scope)
    value_of, on_error = (item.evaluate for item in operands.values())

    def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
        value = value_of(document, variables)
        return _or_else(lambda: None if value is MISSING else _revived(value), on_error, document, variables)

    return combined(evaluate, list(operands.values()))


def _or_else(compute: Callable[[], Any], on_error: Evaluate, document: Mapping[str, Any], variables: Variables) -> Any:
    """Return what is computed; ``onError``, where that was given, if it cannot be converted."""
    try:
        return compute()
    except OperationFailure as error:
        fallback = on_error(document, variables) if error.code == CONVERSION_FAILURE else ABSENT
        if fallback is ABSENT:
            raise
        return fallback


def _canonical(value: Any) -> Any:
    return _written(value, _canonical, relaxed=False)


def _relaxed(value: Any) -> Any:
    return _written(value, _relaxed, relaxed=True)


def _written(value: Any, write: Convert, *, relaxed: bool) -> Any:
    number = type_number(value)
    if number == OBJECT:
        return {name: write(item) for name, item in as_mapping(value).items()}
    if number == ARRAY:
        return [write(item) for item in value]
    if value is None or number in _JSON:
        return value
    if number in NUMERIC and number != DECIMAL:
        text = number_text(value)
        if relaxed and text not in ("NaN", "Infinity", "-Infinity"):
            return value
        name = "$numberDouble" if number == DOUBLE else "$numberInt" if number == INT else "$numberLong"
        return {name: text}
    if number == DATE:
        return _written_date(value, relaxed=relaxed)
    if isinstance(value, UUID):
        return {"$uuid": str(value)}
    return wrapped(value, _canonical if number == CODE_WITH_SCOPE else write)


def _written_date(value: Any, *, relaxed: bool) -> Any:
    date = date_content(value)
    if isinstance(date, FarInstant):
        return {"$date": {"$numberLong": str(int(value))}}
    if relaxed and date.year >= EPOCH.year:
        return {"$date": date_text(date)}
    return {"$date": {"$numberLong": str(milliseconds(date))}}


def _revived(value: Any) -> Any:
    """Return the value that JSON's documents, arrays, texts and numbers stand for."""
    number = type_number(value)
    if number == ARRAY:
        return [_revived(item) for item in value]
    if number == OBJECT:
        return _revived_document(as_mapping(value))
    if value is None or number in _JSON or (number in NUMERIC and number != DECIMAL):
        return value
    raise impossible(f"Extended JSON cannot contain values of type {type_name(value)}")


def _revived_document(value: Mapping[str, Any]) -> Any:
    revived = {name: _revived(item) for name, item in value.items()}
    types = [name for name in revived if name in KEYS or name in _REFERENCE]
    if not types:
        return revived
    if types[0] in _REFERENCE:
        raise impossible(f"{types[0]} is no type of Extended JSON")
    try:
        return read_wrapper(revived, types, "the input of $deserializeEJSON")
    except QueryError as error:
        raise impossible(str(error)) from None
