"""$expr, $sampleRate and $alwaysTrue: a condition on the document as a whole, computed by an expression.

Manual: reference/operator/query/expr, reference/operator/aggregation/sampleRate. Its paths are read as expressions read
them (an array is mapped, and no condition holds on one of its elements), from
the same rows as all other conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from nosqlpy._core.expression.boolean import is_true
from nosqlpy._core.expression.compile import compile_expression
from nosqlpy._core.expression.fieldpaths import gather, reach
from nosqlpy._core.expression.node import Expression
from nosqlpy._core.query.entries import Entries
from nosqlpy._core.query.partial import Column, Layout, Row, documents_of
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.numbers import NUMERIC
from nosqlpy._core.values.order import NAN, number_content
from nosqlpy._core.values.paths import plain
from nosqlpy._core.values.types import MISSING, TYPES
from nosqlpy.errors import NotSupportedError, QueryError


class Computation(msgspec.Struct, frozen=True):
    """The operand of an ``$expr``, compiled, with the values of its variables."""

    expression: Expression
    variables: Mapping[str, Any]


class _Reached(msgspec.Struct, frozen=True):
    """An entry of a column that has its final value, though the path had further to go."""

    value: Any


def compile_computation(operand: Any, variables: Mapping[str, Any], collation: Collation | None = None) -> Computation:
    """Return the compiled operand of an ``$expr``.

    Raises:
        QueryError: It means nothing.
        NotSupportedError: It uses something that nosqlpy lacks.
    """
    try:
        expression = compile_expression(operand, variables=frozenset(variables), flat=True, collation=collation)
    except NotSupportedError as error:
        raise NotSupportedError(f"{error} (in $expr)") from None
    return Computation(expression, variables)


def compile_sample(rate: Any, variables: Mapping[str, Any], collation: Collation | None = None) -> Computation:
    """Return the computation that is true of a document with the probability `rate`.

    Raises:
        QueryError: It is no number from 0 to 1.
    """
    if TYPES[type(rate)] not in NUMERIC:
        raise QueryError(f"$sampleRate takes a number from 0 to 1, not {type(rate).__name__}")
    share = number_content(rate)
    if share is NAN or not 0 <= share <= 1:
        raise QueryError("$sampleRate takes a number from 0 to 1")
    operand = share == 1 if share in (0, 1) else {"$lt": [{"$rand": {}}, float(share)]}
    return compile_computation(operand, variables, collation)


def compile_always(
    operand: Any, variables: Mapping[str, Any], collation: Collation | None = None, *, truth: bool
) -> Computation:
    """Return the computation of ``$alwaysTrue`` or ``$alwaysFalse``, of which the operand is 1.

    Raises:
        QueryError: It is not.
    """
    if TYPES[type(operand)] not in NUMERIC or number_content(operand) != 1:
        name = "$alwaysTrue" if truth else "$alwaysFalse"
        raise QueryError(f"{name} takes the number 1", code=9, code_name="FailedToParse")
    return compile_computation(truth, variables, collation)


def truth_mask(computation: Computation, layout: Layout) -> Callable[[Sequence[Row]], list[bool]]:
    """Return the function that says for which of some rows the expression is true."""
    expression, variables = computation.expression, computation.variables
    if expression.constant:
        truth = is_true(expression.value)
        return lambda rows: [truth] * len(rows)
    values_of = computed_column(expression, variables, layout)
    return lambda rows: [value is True or (value is not False and is_true(value)) for value in values_of(rows)]


def computed_column(
    expression: Expression, variables: Mapping[str, Any], layout: Layout
) -> Callable[[Sequence[Row]], Iterable[Any]]:
    """Return the function from rows to the values of a flat expression, MISSING where there is none."""
    evaluate = expression.evaluate
    if expression.paths is None:
        return lambda rows: [evaluate(row, variables) for row in rows]
    if not expression.paths:  # it reads no field, so that no document can change it
        return lambda rows: [evaluate({}, variables)] * len(rows) if rows else []
    if expression.path is not None:
        return _reached_column(layout, expression.path)
    names = sorted(expression.paths)
    columns = [_reached_column(layout, name) for name in names]
    rows_of = documents_of(names)

    def column(rows: Sequence[Row]) -> list[Any]:
        return [evaluate(document, variables) for document in rows_of([column(rows) for column in columns])]

    return column


def _reached_column(layout: Layout, name: str) -> Column:
    """Return the column of what a path reaches in expressions."""
    rest = layout.rest(name)
    if rest is not None:
        return _walked(rest)
    column = layout.column(name, computed_values)
    if "." not in name:
        return column
    return _straight(layout.straight(name), column)


def _straight(get: Callable[[Row], Any] | None, column: Column) -> Column:
    """Return the column of what `get` finds in rows, or of what `column` does where something else is on the way."""

    def straight(rows: Iterable[Row]) -> list[Any]:
        if get is not None:
            try:
                return list(map(get, rows))
            except AttributeError:  # there is no such field of what is no struct
                pass
        return settled(column(rows))

    return straight


def _walked(parts: tuple[str, ...]) -> Column:
    """Return the column of what `parts` reach in values, most of which are dicts."""

    def other(value: Any) -> Any:
        value, kind = plain(value)
        if kind is dict:
            return reach(value, parts, 0)
        return gather(value, parts, 0) if kind is list else MISSING

    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return lambda rows: [row.get(first, MISSING) if type(row) is dict else other(row) for row in rows]
    if len(parts) == 2:
        return lambda rows: [
            inner.get(last, MISSING)
            if type(row) is dict and type(inner := row.get(first, MISSING)) is dict
            else other(row)
            for row in rows
        ]
    return lambda rows: [reach(row, parts, 0) if type(row) is dict else other(row) for row in rows]


def settled(entries: Iterable[Any]) -> list[Any]:
    """Return the entries of a column with the values that expressions take them for."""
    if type(entries) is Entries:  # kept as such
        return entries
    return [entry.value if type(entry) is _Reached else entry for entry in entries]


def computed_values(parts: tuple[str, ...], index: int) -> Callable[[Any], Any]:
    """Return the detour of expressions: what ``parts[index:]`` reach, mapped over arrays."""

    def follow(entry: Any) -> Any:
        if type(entry) is _Reached:  # an earlier detour went all the way
            return entry
        value, kind = plain(entry)
        if kind is dict:
            return _Reached(reach(value, parts, index))
        return _Reached(gather(value, parts, index)) if kind is list else MISSING

    return follow
