"""Vectors of numbers: binary ones and arrays, and how similar two are.

Manual: reference/operator/aggregation/similarityCosine, similarityDotProduct, similarityEuclidean. Binary vectors:
https://github.com/mongodb/specifications/blob/master/source/bson-binary-vector/bson-binary-vector.md
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.expression.conversions import impossible
from nosqlpy._core.expression.failures import FAILED_TO_PARSE, failure, malformed
from nosqlpy._core.expression.node import Expression, Variables, combined
from nosqlpy._core.expression.operators import Codes, Fields
from nosqlpy._core.expression.parse import compile_operand, compile_operands
from nosqlpy._core.expression.registry import syntax
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.values.numbers import INTS, NUMERIC
from nosqlpy._core.values.order import binary_content
from nosqlpy._core.values.types import BINARY, BOOL, DOUBLE, INT, MISSING, OBJECT, TYPES, as_mapping, type_number

VECTOR_SUBTYPE: Final = 9

_BITS, _BYTES, _FLOATS = 0x10, 0x03, 0x27
_SMALL: Final = range(-128, 128)

Vector: TypeAlias = Sequence[float]
Measure: TypeAlias = Callable[[Vector, Vector], float]


# ── binary vectors ───────────────────────────────────────────────────────────────


def unpacked(data: bytes, order: str) -> list[Any]:
    """Return the elements of a binary vector: bools, ints of a byte, or floats in a byte `order`, little or big."""
    if not data:
        return []
    kind, padding, content = data[0], data[1] if len(data) > 1 else 0, data[2:]
    if kind not in (_BITS, _BYTES, _FLOATS):
        raise failure("a binary vector has an unknown type of elements", 10506600)
    if kind == _BITS:
        bits = [bool(byte >> place & 1) for byte in content for place in range(7, -1, -1)]
        return bits[: len(bits) - padding]
    if padding:
        raise failure("only a binary vector of bits may have padding", 10506606)
    if kind == _BYTES:
        return list(struct.unpack(f"{len(content)}b", content))
    if len(content) % 4:
        raise failure("a binary vector of floats must have 4 bytes for each", 10506602)
    return list(struct.unpack(f"{'<' if order == 'little' else '>'}{len(content) // 4}f", content))


def packed(array: list[Any], order: str) -> bytes:
    """Return an array of bools and numbers as a binary vector, of the smallest elements that hold all of them.

    Raises:
        OperationFailure: There are other elements (241, ConversionFailure).
    """
    kind = max((_element_kind(element) for element in array), default=0)
    if kind == 0:
        padding = -len(array) % 8
        bits = "".join("1" if element else "0" for element in array) + "0" * padding
        return bytes((_BITS, padding)) + int(bits or "0", 2).to_bytes(len(bits) // 8, "big")
    if kind == 1:
        return bytes((_BYTES, 0)) + struct.pack(f"{len(array)}b", *map(int, array))
    try:
        floats = struct.pack(f"{'<' if order == 'little' else '>'}{len(array)}f", *array)
    except OverflowError:
        raise impossible("a number is too large for a vector of floats") from None
    return bytes((_FLOATS, 0)) + floats


def _element_kind(element: Any) -> int:
    """Return what holds an element: 0 a bit, 1 a byte, 2 a float."""
    number = type_number(element)
    if number == BOOL:
        return 0
    if number == INT:
        if element not in _SMALL:
            raise impossible("converting an array with integers larger than INT8 is not supported")
        return 0 if element in (0, 1) else 1
    if number == DOUBLE:
        whole = math.isfinite(element) and element == int(element) and int(element) in INTS
        return 1 if whole and int(element) in _SMALL else 2
    raise impossible("converting an array to binData requires numbers or bools")


# ── similarity ───────────────────────────────────────────────────────────────────

_FIELDS: Final = Fields(("vectors",), {"score": False}, Codes(FAILED_TO_PARSE, FAILED_TO_PARSE, FAILED_TO_PARSE))


class _Pair(msgspec.Struct, frozen=True):
    """The expressions of two vectors, and whether a score from 0 to 1 is asked for."""

    operands: list[Expression]
    score: bool


def _similarity(name: str, measure: Measure, score: Callable[[float], float]) -> None:
    @syntax(name)
    def compile_similarity(operand: Any, scope: Scope) -> Expression:
        pair = _pair(name, operand, scope)
        first, second = (each.evaluate for each in pair.operands)

        def evaluate(document: Mapping[str, Any], variables: Variables) -> Any:
            left, right = first(document, variables), second(document, variables)
            if left is None or left is MISSING or right is None or right is MISSING:
                return None
            found = measure(*_vectors(name, left, right))
            return score(found) if pair.score else found

        return combined(evaluate, pair.operands)


def _pair(name: str, operand: Any, scope: Scope) -> _Pair:
    given: Any = {"vectors": operand}
    if TYPES[type(operand)] == OBJECT and not next(iter(as_mapping(operand)), "").startswith("$"):
        given = _FIELDS.read(name, operand)
    operands = compile_operands(given["vectors"], scope)
    if len(operands) != 2:
        raise malformed(f"expression {name} takes exactly 2 arguments, {len(operands)} were passed in", 16020)
    score = compile_operand(given.get("score", False), scope.deeper())
    if not score.constant or type(score.value) is not bool:
        raise malformed(f"'score' of {name} must be a bool", FAILED_TO_PARSE)
    return _Pair(operands, score.value)


def _vectors(name: str, left: Any, right: Any) -> tuple[Vector, Vector]:
    """Return the numbers of two vectors, as many of each."""
    binary = _is_vector(left) and _is_vector(right)
    first, second = _numbers(name, left, 10413203), _numbers(name, right, 10413204)
    if len(first) != len(second):
        code = 10413202 if not binary else 12325705 if first and second else 12325704
        raise failure(f"the vectors of {name} must have the same size", code)
    return first, second


def _is_vector(value: Any) -> bool:
    return TYPES[type(value)] == BINARY and binary_content(value)[1] == VECTOR_SUBTYPE


def _numbers(name: str, value: Any, code: int) -> list[float]:
    if _is_vector(value):
        return list(map(float, unpacked(binary_content(value)[2], "little")))
    if type(value) is not list:
        raise failure(f"the vectors of {name} must be arrays or binary vectors", 10413200)
    if not all(TYPES[type(element)] in NUMERIC for element in value):
        raise failure(f"the vectors of {name} must be of numbers", code)
    return [float(element.to_decimal() if hasattr(element, "to_decimal") else element) for element in value]


def _dot(left: Vector, right: Vector) -> float:
    return float(sum(map(float.__mul__, left, right)))


def _cosine(left: Vector, right: Vector) -> float:
    lengths = math.sqrt(_dot(left, left)) * math.sqrt(_dot(right, right))
    return _dot(left, right) / lengths if lengths else 0.0


def _distance(left: Vector, right: Vector) -> float:
    differences = list(map(float.__sub__, left, right))
    return math.sqrt(_dot(differences, differences))


_similarity("$similarityCosine", _cosine, lambda found: (1 + found) / 2)
_similarity("$similarityDotProduct", _dot, lambda found: (1 + found) / 2)
_similarity("$similarityEuclidean", _distance, lambda found: 1 / (1 + found))
