"""$fill: values for those that are null or missing; with the window functions $locf and $linearFill.

Manual: reference/operator/aggregation/fill, locf, linearFill. A $fill is a $setWindowFields
of these functions and a $set of values, as on a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from nosqlpy._core.aggregate.registry import find_stage, stage
from nosqlpy._core.aggregate.stage import Batch, Moment, Scope, Stage, flow, given_fields, malformed
from nosqlpy._core.aggregate.windowfunction import Compute, Setting, window_function
from nosqlpy._core.aggregate.windows import Window
from nosqlpy._core.expression.arithmetic import difference, plus, quotient, times
from nosqlpy._core.expression.failures import FAILED_TO_PARSE, TYPE_MISMATCH, failure
from nosqlpy._core.query.buckets import Steps
from nosqlpy._core.values.numbers import NUMERIC
from nosqlpy._core.values.order import order_key
from nosqlpy._core.values.types import ARRAY, DATE, MISSING, OBJECT, TYPES, as_mapping, type_name
from nosqlpy.aliases import Document

_FIELDS: Final = frozenset(("partitionBy", "partitionByFields", "sortBy", "output"))
_METHODS: Final = {"locf": "$locf", "linear": "$linearFill"}


@window_function("$locf")
def compile_locf(_name: str, operand: Any, _window: Window, setting: Setting) -> Compute:
    """Return the function that puts the last value that was there in the place of null."""
    value_of = setting.expression(operand)

    def compute(documents: Batch) -> Steps[list[Any]]:
        last: Any = None
        values: list[Any] = []
        for value in setting.values(value_of, documents):
            last = last if value is None or value is MISSING else value
            values.append(last)
        return values
        yield

    return compute


@window_function("$linearFill")
def compile_linear_fill(name: str, operand: Any, _window: Window, setting: Setting) -> Compute:
    """Return the function that puts what lies on a straight line between its neighbours in the place of null."""
    setting.single_key(name, 605001)
    value_of = setting.expression(operand)

    def compute(documents: Batch) -> Steps[list[Any]]:
        places, values = setting.sort_values(documents), setting.values(value_of, documents)
        for place, value in enumerate(values):
            _check_point(places, place, value)
        return _interpolated(places, values)
        yield

    return compute


def _check_point(places: list[Any], place: int, value: Any) -> None:
    if value is not None and value is not MISSING and TYPES[type(value)] not in NUMERIC:
        raise failure(f"what $linearFill fills is a number or null, not {type_name(value)}", TYPE_MISMATCH)
    at, before = places[place], places[place - 1]
    kind = TYPES[type(at)]
    if kind not in NUMERIC and kind != DATE:
        raise failure(f"$linearFill sorts by numbers or dates, not by {type_name(at)}", TYPE_MISMATCH)
    if place and (kind == DATE) is not (TYPES[type(before)] == DATE):
        raise failure("$linearFill sorts by numbers or by dates, not by both", TYPE_MISMATCH)
    if place and order_key(at) == order_key(before):
        raise failure("there can be no repeated values in the sort field of $linearFill", 6050106)


def _interpolated(places: list[Any], values: list[Any]) -> list[Any]:
    """Return the values with those between two others filled in; what is before the first or after the last is null."""
    known = [place for place, value in enumerate(values) if value is not None and value is not MISSING]
    filled: list[Any] = [None] * len(values)
    for place in known:
        filled[place] = values[place]
    for first, last in pairwise(known):
        for place in range(first + 1, last):
            width = difference(places[last], places[first])
            slope = quotient(difference(values[last], values[first]), width)
            filled[place] = plus(values[first], times(difference(places[place], places[first]), slope))
    return filled


@stage("$fill")
def compile_fill(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that fills in what is null or missing."""
    given = given_fields(name, operand, _FIELDS, ("output",), FAILED_TO_PARSE)
    values, methods = _outputs(given["output"])
    stages = []
    if methods:
        windows: Document = {"output": methods, **_partition(given)}
        if "sortBy" in given:
            windows["sortBy"] = given["sortBy"]
        stages.append(find_stage("$setWindowFields")("$setWindowFields", windows, scope))
    if values:
        stages.append(find_stage("$set")("$set", values, scope))

    def run(batches: Iterator[Batch], moment: Moment) -> Iterator[Batch]:
        return flow(stages, batches, moment)

    return Stage(name, run)


def _outputs(output: Any) -> tuple[Document, Document]:
    """Return the expressions, and the window functions, by the fields that they fill."""
    if TYPES[type(output)] != OBJECT or not as_mapping(output):
        raise malformed("the 'output' of $fill is an object with at least one element", 6050203)
    values: Document = {}
    methods: Document = {}
    for path, specified in as_mapping(output).items():
        names = as_mapping(specified).keys() if TYPES[type(specified)] == OBJECT else frozenset[str]()
        unknown = next((name for name in names if name not in ("method", "value")), None)
        if unknown is not None:
            raise malformed(f"a field of $fill has no {unknown!r}: it has 'method' or 'value'", 40415)
        if len(names) != 1:
            message = "a field of $fill has either 'method' or 'value'"
            raise malformed(message, 6050201 if names else 6050200)
        ((way, argument),) = as_mapping(specified).items()
        if way == "value":
            values[path] = {"$ifNull": [f"${path}", argument]}
        else:
            if not isinstance(argument, str) or argument not in _METHODS:
                raise malformed("the 'method' of a field of $fill is 'locf' or 'linear'", 6050202)
            methods[path] = {_METHODS[argument]: f"${path}"}
    return values, methods


def _partition(given: Mapping[str, Any]) -> Document:
    by, fields = given.get("partitionBy"), given.get("partitionByFields")
    if by is not None and fields is not None:
        raise malformed("$fill has 'partitionBy' or 'partitionByFields', not both", 6050204)
    if by is not None:
        return {"partitionBy": by}
    if fields is None:
        return {}
    if TYPES[type(fields)] != ARRAY or not all(isinstance(field, str) for field in fields):
        raise malformed("'partitionByFields' of $fill is an array of strings", 14)
    return {"partitionBy": {field: f"${field}" for field in fields}}
