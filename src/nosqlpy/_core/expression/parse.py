"""From what the user writes to expressions: literals, paths, documents, arrays and operators.

Manual: reference/aggregation-expressions? A str that begins with ``$`` is a path
or a variable, a document whose first name begins with ``$`` an operator;
documents and arrays are computed part by part, everything else is itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nosqlpy._core.expression.failures import malformed
from nosqlpy._core.expression.fieldpaths import check_field_name, compile_field_path
from nosqlpy._core.expression.node import Evaluate, Expression, Variables, combined, constant
from nosqlpy._core.expression.registry import find_operator
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.values.order import normal_date
from nosqlpy._core.values.paths import has_surrogate
from nosqlpy._core.values.types import ARRAY, DATE, MISSING, OBJECT, STRING, TYPES, as_mapping


def compile_operand(value: Any, scope: Scope) -> Expression:
    """Return the expression that `value` stands for.

    Raises:
        QueryError: It means nothing.
        NotSupportedError: It uses something that nosqlpy lacks.
    """
    number = TYPES[type(value)]
    if number == STRING:
        if value.startswith("$"):
            return compile_field_path(value, scope)
        return constant_text(value)
    if number == OBJECT:
        return _compile_document(as_mapping(value), scope.deeper())
    if number == ARRAY:
        return _compile_array(value, scope.deeper())
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise malformed("an int in an expression must fit 64 bits; use a float or a Decimal", 2)
    return constant(normal_date(value) if number == DATE else value)


def constant_text(text: str) -> Expression:
    """Return the expression that is a text, which a document could hold."""
    if has_surrogate(text):
        raise malformed("a string in an expression has a lone surrogate, which UTF-8 cannot hold", 2)
    return constant(text)


def compile_operands(operand: Any, scope: Scope) -> list[Expression]:
    """Return the operands of an operator, given as an array, or one that stands by itself."""
    items = operand if TYPES[type(operand)] == ARRAY else [operand]
    inner = scope.deeper()
    return [compile_operand(item, inner) for item in items]


def _compile_document(document: Mapping[str, Any], scope: Scope) -> Expression:
    first: Any = next(iter(document), "")
    if isinstance(first, str) and first.startswith("$"):
        if len(document) > 1:
            raise malformed(f"an object representing an expression must have exactly one field: {first}", 15983)
        return find_operator(first)(document[first], scope)
    for name in document:
        check_field_name(name)
        if "." in name:
            raise malformed(f"field names in an expression may not contain '.': {name!r}", 16412)
    fields = [(name, compile_operand(value, scope)) for name, value in document.items()]
    return combined(_document_of([(name, field.evaluate) for name, field in fields]), [field for _, field in fields])


def _document_of(fields: Sequence[tuple[str, Evaluate]]) -> Evaluate:
    def evaluate(document: Mapping[str, Any], variables: Variables) -> dict[str, Any]:
        return {name: value for name, field in fields if (value := field(document, variables)) is not MISSING}

    return evaluate


def _compile_array(array: Sequence[Any], scope: Scope) -> Expression:
    items = [compile_operand(item, scope) for item in array]
    return combined(_array_of([item.evaluate for item in items]), items)


def _array_of(items: Sequence[Evaluate]) -> Evaluate:
    def evaluate(document: Mapping[str, Any], variables: Variables) -> list[Any]:
        return [None if (value := item(document, variables)) is MISSING else value for item in items]

    return evaluate
