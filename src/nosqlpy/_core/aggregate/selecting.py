"""Stages that let documents through, or count them: $match, $skip, $limit, $sample, $count, $documents.

Manual: reference/operator/aggregation/match, skip, limit, sample, count, documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from heapq import nsmallest
from itertools import compress
from typing import Any, Final

from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import NOTHING, Batch, Moment, Scope, Stage, in_batches, malformed
from nosqlpy._core.expression.chance import EACH_DOCUMENT
from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.scope import RANDOM
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.query.partial import Layout, Row
from nosqlpy._core.values.codec import copy_value
from nosqlpy._core.values.numbers import LONGS, NUMERIC, integer
from nosqlpy._core.values.types import OBJECT, TYPES, as_mapping, is_string, type_name
from nosqlpy.aliases import Document
from nosqlpy.errors import NotSupportedError

_SAMPLE: Final = frozenset({"size"})


@stage("$match")
def compile_match(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that lets through what matches a filter."""
    if TYPES[type(operand)] != OBJECT:
        raise malformed("the match filter must be an expression in an object", 15959)
    predicate = compile_filter(as_mapping(operand), scope.variables, scope.collation)

    def run(batches: Iterator[Batch], _moment: Moment) -> Iterator[Batch]:
        for batch in batches:
            yield list(compress(batch, predicate.flags(batch)))

    return Stage(name, run, predicate.reads, flags=predicate.flags)


def whole_number(name: str, operand: Any, code: int, *, least: int) -> int:
    """Return the operand of a stage that takes a number of documents.

    Raises:
        QueryError: It is no whole number, smaller than `least`, or past 64 bits.
    """
    number = integer(operand) if TYPES[type(operand)] in NUMERIC else None
    if number is None or number not in LONGS:
        raise malformed(f"{name} takes a whole number of documents, not {type(operand).__name__}", code)
    if number < 0:
        raise malformed(f"{name} takes a number of documents that is not negative", code)
    if number < least:
        raise malformed(f"the number of {name} must be positive", 15958)
    return number


@stage("$skip")
def compile_skip(name: str, operand: Any, _scope: Scope) -> Stage:
    """Return the stage that leaves out the first documents."""
    count = whole_number(name, operand, 5107200, least=0)

    def run(batches: Iterator[Batch], _moment: Moment) -> Iterator[Batch]:
        left = count
        for batch in batches:
            dropped = min(left, len(batch))
            left -= dropped
            yield batch[dropped:]

    return Stage(name, run, NOTHING)


@stage("$limit")
def compile_limit(name: str, operand: Any, _scope: Scope) -> Stage:
    """Return the stage that ends after so many documents."""
    count = whole_number(name, operand, 5107201, least=1)

    def run(batches: Iterator[Batch], _moment: Moment) -> Iterator[Batch]:
        left = count
        for batch in batches:
            yield batch[:left]
            left -= len(batch)
            if left <= 0:
                return

    return Stage(name, run, NOTHING)


@stage("$sample")
def compile_sample(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that lets through so many documents at random, each at most once, in random order."""
    if TYPES[type(operand)] != OBJECT:
        raise malformed("the $sample stage specification must be an object", 28745)
    given = as_mapping(operand)
    for option in given:
        if option not in _SAMPLE:
            raise malformed(f"unrecognized option to $sample: {option}", 28748)
    if "size" not in given:
        raise malformed("$sample stage must specify a size", 28749)
    if TYPES[type(given["size"])] not in NUMERIC:
        raise malformed("size argument to $sample must be a number", 28746)
    size = integer(given["size"])
    if size is None or size <= 0:
        raise malformed("size argument to $sample must be a positive whole number", 28747)
    draw = scope.variables.get(RANDOM)
    if draw is None:
        raise NotSupportedError("aggregation stage $sample is not supported here")

    def run(batches: Iterator[Batch], _moment: Moment) -> Iterator[Batch]:
        kept: list[tuple[float, int, Document]] = []
        seen = 0
        for batch in batches:
            kept = nsmallest(size, [*kept, *((draw(), seen + place, each) for place, each in enumerate(batch))])
            seen += len(batch)
            yield []
        yield from in_batches([document for _, _, document in kept])

    return Stage(name, run, NOTHING)


@stage("$count")
def compile_count(name: str, operand: Any, _scope: Scope) -> Stage:
    """Return the stage that counts: one document, or none where there is nothing to count."""
    if not is_string(operand) or not operand:
        raise malformed("the count field must be a non-empty string", 40157 if is_string(operand) else 40156)
    if operand.startswith("$"):
        raise malformed("the count field cannot be a $-prefixed path", 40158)
    if "\0" in operand:
        raise malformed("the count field cannot contain a null byte", 40159)
    if "." in operand:
        raise malformed("the count field cannot contain '.'", 40160)
    if operand == "_id":
        raise malformed("the count field cannot be '_id'", 9039800)

    def run_rows(_layout: Layout, batches: Iterator[list[Row]]) -> Iterator[Batch]:
        found = 0
        for batch in batches:
            found += len(batch)
            yield []
        yield [{operand: found}] if found else []

    return Stage(name, lambda batches, _: run_rows(_NO_LAYOUT, batches), NOTHING, gathers=True, run_rows=run_rows)


_NO_LAYOUT: Final = Layout(())


@stage("$documents")
def compile_documents(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that makes the documents of an array."""
    expression = scope.expression(operand)
    if expression.paths is None or not expression.paths <= EACH_DOCUMENT:
        raise malformed("$documents reads no fields: there is no document yet", 5858203)

    def run(_batches: Iterator[Batch], _moment: Moment) -> Iterator[Batch]:
        array = expression.evaluate({}, scope.variables)
        if type(array) is not list:
            raise failure(f"$documents takes an array of documents, not {type_name(array)}", 5858203)
        for item in array:
            if not isinstance(item, Mapping):
                raise failure(f"an element of $documents is a document, not {type_name(item)}", 40228)
        yield from in_batches(copy_value(array))

    return Stage(name, run, NOTHING)
