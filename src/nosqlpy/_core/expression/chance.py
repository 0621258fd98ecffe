"""What is drawn anew for each document: $rand, $createObjectId, $createUUID.

Manual: reference/operator/aggregation/rand, createObjectId. Nothing here is random: the numbers
come from a function that the shell passes in among the variables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from nosqlpy._core.expression.failures import FAILED_TO_PARSE, malformed
from nosqlpy._core.expression.node import Expression, Variables
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import RANDOM, Scope
from nosqlpy._core.values.extensions import bson_class
from nosqlpy._core.values.types import ARRAY, OBJECT, TYPES
from nosqlpy.errors import NotSupportedError

# No field path is empty. What claims to read this one is computed for each document, and from none of its fields.
EACH_DOCUMENT: Final = frozenset(("",))


@syntax("$rand")
def compile_rand(operand: Any, scope: Scope) -> Expression:
    """Return the expression that is a float from 0 to 1, another one for each document."""
    if TYPES[type(operand)] not in (OBJECT, ARRAY):
        raise malformed("$rand takes an empty document", 10065)
    if len(operand):
        raise malformed("$rand does not currently accept arguments", 3040501)
    return _drawn("$rand", scope, lambda variables: variables[RANDOM]())


@syntax("$createObjectId")
def compile_object_id(operand: Any, scope: Scope) -> Expression:
    """Return the expression that is a new ObjectId for each document: the second of the call, and 8 random bytes."""
    _check_empty("$createObjectId", operand)
    try:
        object_id = bson_class("objectid", "ObjectId")
    except NotSupportedError:
        raise NotSupportedError('$createObjectId needs pymongo: pip install "nosqlpy[mongodb]"') from None

    def create(variables: Variables) -> Any:
        return object_id(int(variables["NOW"].timestamp()).to_bytes(4, "big") + _bytes(variables, 8))

    return _drawn("$createObjectId", scope, create)


@syntax("$createUUID")
def compile_uuid(operand: Any, scope: Scope) -> Expression:
    """Return the expression that is a new random UUID, of version 4, for each document."""
    _check_empty("$createUUID", operand)
    return _drawn("$createUUID", scope, lambda variables: UUID(bytes=_bytes(variables, 16), version=4))


def _check_empty(name: str, operand: Any) -> None:
    if TYPES[type(operand)] != OBJECT or len(operand):
        raise malformed(f"{name} takes an empty document", FAILED_TO_PARSE)


def _bytes(variables: Variables, size: int) -> bytes:
    """Return so many random bytes; a float has 53 random bits."""
    draw = variables[RANDOM]
    return bytes(int(draw() * 256) for _ in range(size))


def _drawn(name: str, scope: Scope, draw: Callable[[Variables], Any]) -> Expression:
    if RANDOM not in scope.variables:
        raise NotSupportedError(f"expression operator {name} is not supported here")
    return Expression(lambda _document, variables: draw(variables), EACH_DOCUMENT)
