"""$densify: documents for the steps of a field that no document has.

Manual: reference/operator/aggregation/densify. In which order documents come, and from where
steps are counted, follows the server's document_source_densify.cpp.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any, Final

import msgspec

from nosqlpy._core.aggregate.linking import placed
from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import STEP, Batch, Moment, Scope, Stage, given_fields, malformed, stepwise
from nosqlpy._core.expression.arithmetic import plus
from nosqlpy._core.expression.datemath import UNITS, add
from nosqlpy._core.expression.failures import FAILED_TO_PARSE, TYPE_MISMATCH, failure
from nosqlpy._core.expression.fieldpaths import parse_field_path
from nosqlpy._core.expression.instants import moment as instant
from nosqlpy._core.expression.node import Expression
from nosqlpy._core.query.sort import compile_sort
from nosqlpy._core.query.sorter import Sorter
from nosqlpy._core.values.numbers import NUMERIC, integer
from nosqlpy._core.values.order import order_key
from nosqlpy._core.values.types import ARRAY, DATE, DECIMAL, DOUBLE, MISSING, TYPES, type_name
from nosqlpy.aliases import Document
from nosqlpy.naming import nearest

_FIELDS: Final = frozenset(("field", "partitionByFields", "range"))
_RANGE: Final = frozenset(("step", "unit", "bounds"))
FULL: Final = "full"
PARTITION: Final = "partition"
GENERATED_MAX: Final = 500_000
"""Documents that one $densify makes at most, as on a server."""


class _Range(msgspec.Struct, frozen=True):
    """How far apart steps are, and between which two values, or `FULL` or `PARTITION`."""

    step: Any
    unit: str | None
    bounds: Any

    def after(self, value: Any) -> Any:
        """Return the step after `value`."""
        return plus(value, self.step) if self.unit is None else add(instant(value), self.unit, self.step, UTC)

    def check(self, value: Any) -> None:
        """Refuse what a field has that cannot be densified."""
        kind = TYPES[type(value)]
        if kind not in NUMERIC and kind != DATE:
            raise failure(f"a densified field is a number or a date, not {type_name(value)}", 5733201)
        if self.unit is not None and kind != DATE:
            raise failure("$densify met a number, and its step has a unit of dates", 6053600)
        if self.unit is None and kind == DATE:
            raise failure("$densify met a date, and its step has no unit", 6053601)


class _Densify(msgspec.Struct, frozen=True):
    """The field whose gaps are filled in, within documents that are equal in some others."""

    path: str
    value: Expression
    partition: Mapping[str, Expression]
    range: _Range
    scope: Scope

    def run(self, batches: Iterator[Batch], moment: Moment) -> Iterator[Batch]:
        """Yield the documents in order, and what is generated where they leave gaps."""
        paths = self.partition if self.range.bounds != FULL else ()
        ordering = compile_sort([(path, 1) for path in dict.fromkeys((*paths, self.path))])
        sorter: Sorter[Document] = Sorter(ordering, 0, moment.sort_memory)
        for batch in batches:
            yield from stepwise(sorter.take(ordering.rows_of(batch), batch))
            yield []
        found = yield from stepwise(sorter.sorted())
        made: Batch = []
        for document in _Gaps(self).filled(found):
            made.append(document)
            if len(made) == STEP:
                yield made
                made = []
        yield made

    def partition_of(self, document: Document) -> Document:
        """Return a document of the fields by which this one is in its partition."""
        part: Document = {}
        for path, expression in self.partition.items():
            value = expression.evaluate(document, self.scope.variables)
            if value is not MISSING:
                part = placed(part, path.split("."), value)
        return part


class _Gaps:
    """What is generated for the documents of one run, partition by partition."""

    def __init__(self, densify: _Densify) -> None:
        self._densify = densify
        self._range = densify.range
        # by the key of a partition: its fields, and the next step that is to be there
        self._next: dict[Hashable, tuple[Document, Any]] = {}
        self._lowest: Any = MISSING
        self._generated = 0

    def filled(self, documents: Batch) -> Iterator[Document]:
        """Yield the documents, which are in order, and those that are missing."""
        value: Any = MISSING
        for document in documents:
            found = self._densify.value.evaluate(document, self._densify.scope.variables)
            if found is not None and found is not MISSING:
                value = found
                yield from self._before(document, value)
            yield document
        yield from self._behind(value)

    def _before(self, document: Document, value: Any) -> Iterator[Document]:
        bounds, key_of = self._range.bounds, order_key
        self._range.check(value)
        if self._lowest is MISSING:
            self._lowest = value
        part = self._densify.partition_of(document)
        key = self._densify.scope.keys.equality(part)
        start = {FULL: self._lowest, PARTITION: value}[bounds] if isinstance(bounds, str) else bounds[0]
        _, step = self._next.get(key, (part, start))
        end = value if isinstance(bounds, str) or key_of(value) < key_of(bounds[1]) else bounds[1]
        while key_of(step) < key_of(end):
            yield self._made(part, step)
            step = self._range.after(step)
        if key_of(step) == key_of(value):
            step = self._range.after(step)
        self._next[key] = (part, step)

    def _behind(self, last: Any) -> Iterator[Document]:
        """Yield what is missing behind the last document of each partition."""
        bounds, key_of = self._range.bounds, order_key
        if bounds == PARTITION or (bounds == FULL and not self._densify.partition):
            return
        if not self._next and not self._densify.partition:
            self._next[None] = ({}, bounds[0])
        for part, start in self._next.values():
            step = start
            while key_of(step) <= key_of(last) if bounds == FULL else key_of(step) < key_of(bounds[1]):
                yield self._made(part, step)
                step = self._range.after(step)

    def _made(self, part: Document, step: Any) -> Document:
        self._generated += 1
        if self._generated > GENERATED_MAX:
            raise failure(f"$densify generates at most {GENERATED_MAX} documents", 5897900)
        parts = self._densify.path.split(".")
        inside: Any = part
        for place, name in enumerate(parts):
            inside = inside.get(name, MISSING)
            if type(inside) is list:
                raise failure("$densify cannot generate fields nested inside arrays", 5733307)
            if type(inside) is not dict:
                if place < len(parts) - 1 and inside is not MISSING:
                    raise failure("$densify cannot overwrite non-object values with objects", 5733308)
                break
        return placed(part, parts, step)


@stage("$densify")
def compile_densify(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that adds documents where there are none."""
    given = given_fields(name, operand, _FIELDS, ("field", "range"), FAILED_TO_PARSE)
    field, fields = given["field"], given.get("partitionByFields", ())
    if not isinstance(field, str):
        raise malformed(f"the 'field' of {name} is a string, not {type_name(field)}", 14)
    if "partitionByFields" in given and (
        TYPES[type(fields)] != ARRAY or not all(isinstance(each, str) for each in fields)
    ):
        raise malformed(f"'partitionByFields' of {name} is an array of strings", 14)
    _check_paths(name, field, fields)
    steps = _range_of(name, given["range"])
    if steps.bounds == PARTITION and not fields:
        raise malformed("the bounds 'partition' need partitionByFields; you may have meant 'full'", 5733408)
    partition = {path: scope.expression(f"${path}") for path in fields}
    return Stage(name, _Densify(field, scope.expression(f"${field}"), partition, steps, scope).run)


def _check_paths(name: str, field: str, fields: Sequence[str]) -> None:
    """Refuse paths that are none, and to part documents by what is densified."""
    for path in (field, *fields):
        parse_field_path(path, f"the path {path!r} of {name}")
    for path in fields:
        if path == field or path.startswith(f"{field}."):
            raise malformed(f"'partitionByFields' of {name} contains the field that is densified", 8993000)
        if field.startswith(f"{path}."):
            raise malformed(f"the field that {name} densifies lies in one of 'partitionByFields'", 9554500)


def _range_of(name: str, operand: Any) -> _Range:
    given = given_fields(f"the 'range' of {name}", operand, _RANGE, ("step", "bounds"), TYPE_MISMATCH)
    step, unit = _step_of(name, given["step"], given.get("unit"))
    return _Range(step, unit, _bounds(given["bounds"], step, unit))


def _step_of(name: str, step: Any, unit: Any) -> tuple[Any, str | None]:
    """Return how far apart steps are, and in which unit of dates, if they are dates."""
    if TYPES[type(step)] not in NUMERIC:
        raise malformed(f"the 'step' of {name} is a number, not {type_name(step)}", 14)
    if unit is not None and not isinstance(unit, str):
        raise malformed(f"the 'unit' of {name} is a string, not {type_name(unit)}", 14)
    if order_key(step) <= order_key(0):
        raise malformed(f"the 'step' of {name} is a number greater than 0", 5733401)
    if unit is None:
        return step, None
    if unit not in UNITS:
        raise malformed(f"the 'unit' of {name} is one such as 'day'{nearest(unit, UNITS)}", 9)
    whole = integer(step)
    if whole is None:
        raise malformed(f"the 'step' of {name} is a whole number where it has a unit", 6586400)
    return whole, unit


def _bounds(bounds: Any, step: Any, unit: str | None) -> Any:
    if isinstance(bounds, str):
        if bounds not in (FULL, PARTITION):
            raise malformed("the bounds of $densify are 'full', 'partition' or an array of two", 5946802)
        return bounds
    if TYPES[type(bounds)] != ARRAY:
        raise malformed("the bounds of $densify are 'full', 'partition' or an array of two", 5733404)
    if len(bounds) != 2:
        raise malformed("the bounds of $densify are two", 5733403)
    kinds = [TYPES[type(bound)] for bound in bounds]
    if order_key(bounds[0]) > order_key(bounds[1]):
        raise malformed("the bounds of $densify are two dates or numbers in ascending order", 5733402)
    if kinds[0] in NUMERIC:
        _check_numbers(kinds, step, unit)
    elif kinds[0] != DATE:
        raise malformed("the bounds of $densify are numbers or dates", 5946800)
    elif kinds[1] != DATE:
        raise malformed("the bounds of $densify are both dates, or both numbers", 5733405)
    elif unit is None:
        raise malformed("bounds of dates need a unit", 5733410)
    return tuple(bounds)


def _check_numbers(kinds: list[int], step: Any, unit: str | None) -> None:
    if unit is not None:
        raise malformed("bounds of numbers have no unit", 5733409)
    if kinds[1] not in NUMERIC:
        raise malformed("the bounds of $densify are both dates, or both numbers", 5733406)
    if len({kind if kind in (DOUBLE, DECIMAL) else None for kind in (*kinds, TYPES[type(step)])}) > 1:
        raise malformed("both bounds and the step of $densify have the same type", 5876900)
