"""$bucketAuto: documents in so many ranges of a value, about as many in each.

Manual: reference/operator/aggregation/bucketAuto. The algorithm is that of the
server's document_source_bucket_auto.cpp.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from nosqlpy._core.aggregate.accumulator import Accumulator, compile_accumulator
from nosqlpy._core.aggregate.granularity import Rounding, check_key, rounding_of
from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import Batch, Moment, Scope, Stage, collected, in_batches, malformed, stepwise
from nosqlpy._core.expression.node import Expression, paths_of
from nosqlpy._core.query.buckets import mapped, ranked
from nosqlpy._core.values.codec import copy_value
from nosqlpy._core.values.numbers import INTS, NUMERIC, integer
from nosqlpy._core.values.types import MISSING, OBJECT, TYPES, as_mapping
from nosqlpy.aliases import Document

_OPTIONS: Final = ("groupBy", "buckets", "output", "granularity")


class _Buckets(msgspec.Struct, frozen=True):
    """By what documents are put into how many buckets, and what is made of those in each."""

    by: Expression
    count: int
    fields: Mapping[str, Accumulator]
    scope: Scope
    rounding: Rounding | None

    def run(self, batches: Iterator[Batch], _moment: Moment) -> Iterator[Batch]:
        """Yield the buckets, in order."""
        documents = yield from collected(batches)
        values = yield from stepwise(mapped(self._value, documents, at_once=512))
        keys = yield from stepwise(mapped(self.scope.keys.order, values, at_once=512))
        order = yield from stepwise(ranked(keys))
        ranked_keys, ranked_values = [keys[place] for place in order], [values[place] for place in order]
        made: Batch = []
        for low, high, first, last in self._ranges(ranked_keys, ranked_values):
            made.append(self._bucket(low, high, [documents[place] for place in order[first:last]]))
            yield []
        yield from in_batches(made)

    def _value(self, document: Document) -> Any:
        value = self.by.evaluate(document, self.scope.variables)
        if self.rounding is not None:
            check_key(value)
        return None if value is MISSING else value

    def _ranges(self, keys: Sequence[Any], values: Sequence[Any]) -> Iterator[tuple[Any, Any, int, int]]:
        """Yield the boundaries of each bucket, and where it begins and ends; equal keys are in the same one."""
        size = max(1, math.floor(len(keys) / self.count + 0.5))
        first = 0
        before: Any = MISSING
        for number in range(1, self.count + 1):
            if first >= len(keys):
                return
            last = len(keys) if number == self.count else min(first + size, len(keys))
            bound = MISSING if self.rounding is None else self.rounding.up(values[last - 1])
            limit = keys[last - 1] if bound is MISSING else self.scope.keys.order(bound)
            while last < len(keys) and (keys[last] == keys[last - 1] or keys[last] < limit):
                last += 1
            low, high = self._boundaries(values, first, last, bound, before)
            yield low, high, first, last
            first, before = last, high

    def _boundaries(self, values: Sequence[Any], first: int, last: int, bound: Any, before: Any) -> tuple[Any, Any]:
        """Return the least value of a bucket, and that of the next one; rounded, where there is a granularity."""
        following = values[last] if last < len(values) else MISSING
        if self.rounding is None:
            return values[first], values[last - 1] if following is MISSING else following
        low = self.rounding.down(values[first]) if before is MISSING else before
        # where all are zero, which is not rounded, the next bucket says where this one ends
        return low, self.rounding.down(following) if bound == 0 and following is not MISSING else bound

    def _bucket(self, low: Any, high: Any, documents: Batch) -> Document:
        made: Document = {"_id": {"min": low, "max": high}}
        for name, field in self.fields.items():
            evaluate, variables = field.value.evaluate, self.scope.variables
            values = [evaluate(document, variables) for document in documents]
            made[name] = field.finish(field.add(field.start(None), values))
        return copy_value(made)  # type: ignore[no-any-return]


@stage("$bucketAuto")
def compile_bucket_auto(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that groups documents by ranges that have about as many each."""
    if TYPES[type(operand)] != OBJECT:
        raise malformed(f"the argument to {name} must be an object", 40240)
    given = as_mapping(operand)
    for option in given:
        if option not in _OPTIONS:
            raise malformed(f"unrecognized option to {name}: {option}", 40245)
    rounding = rounding_of(given["granularity"]) if "granularity" in given else None
    by = _grouped_by(name, given["groupBy"], scope) if "groupBy" in given else None
    count = _count(name, given["buckets"]) if "buckets" in given else None
    fields = _fields(name, given.get("output", {}), scope)
    if by is None or count is None:
        raise malformed(f"{name} requires 'groupBy' and 'buckets' to be specified", 40246)
    if count <= 0:
        raise malformed(f"the {name} 'buckets' field must be greater than 0", 40243)
    buckets = _Buckets(by, count, fields, scope, rounding)
    return Stage(name, buckets.run, paths_of([by, *(field.value for field in fields.values())]), gathers=True)


def _grouped_by(name: str, operand: Any, scope: Scope) -> Expression:
    is_path = isinstance(operand, str) and operand.startswith("$") and len(operand) > 1
    if not is_path and not (isinstance(operand, Mapping) and str(next(iter(operand), "")).startswith("$")):
        raise malformed(f"the {name} 'groupBy' field must be a path that starts with '$', or an expression", 40239)
    return scope.expression(operand)


def _count(name: str, operand: Any) -> int:
    if TYPES[type(operand)] not in NUMERIC:
        raise malformed(f"the {name} 'buckets' field must be a numeric value", 40241)
    count = integer(operand)
    if count is None or count not in INTS:
        raise malformed(f"the {name} 'buckets' field must be representable as a 32-bit integer", 40242)
    return count


def _fields(name: str, operand: Any, scope: Scope) -> dict[str, Accumulator]:
    if TYPES[type(operand)] != OBJECT:
        raise malformed(f"the {name} 'output' field must be an object", 40244)
    output = as_mapping(operand) or {"count": {"$sum": 1}}
    fields = {field: compile_accumulator(field, each, scope, flat=False) for field, each in output.items()}
    for field, made in fields.items():
        if made.by_id:
            raise malformed(f"the field {field!r} cannot refer to a group key: {name} has none", 4544714)
    return fields
