"""$group and $sortByCount: one document for each group of documents that have a key in common.

Manual: reference/operator/aggregation/group, sortByCount. Keys and values are
computed a column at a time; groups come out in the order in which they were found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from nosqlpy._core.aggregate.accumulators import Accumulator, compile_accumulator
from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import Batch, Scope, Stage, in_batches, malformed
from nosqlpy._core.expression.compile import compile_expression
from nosqlpy._core.expression.node import Expression, paths_of
from nosqlpy._core.query.expr import computed_column
from nosqlpy._core.query.partial import Layout, Row, WholeLayout
from nosqlpy._core.values.codec import copy_value
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.types import MISSING, OBJECT, TYPES, as_mapping
from nosqlpy.aliases import Document

# documents whose values are held back until they are added to their groups
PORTION: Final = 1 << 15
_PLAIN: Final = frozenset((str, int, type(None)))
_CONTAINERS: Final = frozenset((dict, list))
_WHOLE: Final = WholeLayout()


class Grouping(msgspec.Struct, frozen=True):
    """What a group is: the key that its documents share, and what is made of them, by name."""

    key: Expression
    fields: Mapping[str, Accumulator]
    variables: Mapping[str, Any]

    @property
    def reads(self) -> frozenset[str] | None:
        """The paths that are read, None for whole documents."""
        return paths_of([self.key, *(field.value for field in self.fields.values())])

    def run(self, layout: Layout, batches: Iterator[list[Row]]) -> Iterator[Batch]:
        """Yield the groups of the rows, which are laid out so."""
        groups = _Groups(self, layout)
        for batch in batches:
            groups.take(batch)
            yield []
        yield from in_batches(groups.finish())

    def stage(self, name: str) -> Stage:
        """Return the stage that groups."""
        reads = self.reads
        flat = self.run if reads is not None else None
        return Stage(name, lambda batches, _: self.run(_WHOLE, batches), reads, gathers=True, run_rows=flat)


class _Groups:
    """The groups found so far."""

    def __init__(self, grouping: Grouping, layout: Layout) -> None:
        self._fields = grouping.fields
        self._keys = computed_column(grouping.key, grouping.variables, layout)
        self._columns = [computed_column(each.value, grouping.variables, layout) for each in self._fields.values()]
        self._ids: dict[Hashable, Any] = {}
        self._states: dict[Hashable, list[Any]] = {}
        self._pending: list[defaultdict[Hashable, list[Any]]] = [defaultdict(list) for _ in self._fields]
        self._held = 0

    def take(self, rows: Sequence[Row]) -> None:
        """Add rows to their groups."""
        keys = self._known(self._keys(rows))
        for pending, column in zip(self._pending, self._columns, strict=True):
            for key, value in zip(keys, column(rows), strict=True):
                pending[key].append(value)
        self._held += len(keys)
        if self._held >= PORTION:
            self._add()

    def _known(self, values: Iterable[Any]) -> list[Hashable]:
        """Return the equality keys of the groups, having noted those that are new; a missing key counts as null."""
        ids = self._ids
        keys: list[Hashable] = []
        for value in values:
            if type(value) in _PLAIN:
                key = value
            else:
                value = None if value is MISSING else value  # noqa: PLW2901 - the group's own value
                key = equality_key(value)
            if key not in ids:
                ids[key] = value
            keys.append(key)
        return keys

    def _add(self) -> None:
        """Add what is pending to the states."""
        accumulators = list(self._fields.values())
        for place, (accumulator, pending) in enumerate(zip(accumulators, self._pending, strict=True)):
            for key, values in pending.items():
                states = self._states.get(key)
                if states is None:
                    states = self._states[key] = [each.start() for each in accumulators]
                states[place] = accumulator.add(states[place], values)
            pending.clear()
        self._held = 0

    def finish(self) -> list[Document]:
        """Return the documents of the groups."""
        self._add()
        finishers = [(name, each.finish) for name, each in self._fields.items()]
        return [_document(id, self._states.get(key, ()), finishers) for key, id in self._ids.items()]


def _document(id: Any, states: Sequence[Any], finishers: Sequence[tuple[str, Callable[[Any], Any]]]) -> Document:
    document: Document = {"_id": _own(id)}
    for (name, finish), state in zip(finishers, states, strict=True):
        document[name] = _own(finish(state))
    return document


def _own(value: Any) -> Any:
    """Return `value`, of which nobody else has a part."""
    return copy_value(value) if type(value) in _CONTAINERS else value


@stage("$group")
def compile_group(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that makes one document of each group."""
    if TYPES[type(operand)] != OBJECT:
        raise malformed("a group's fields must be specified in an object", 15947)
    given = dict(as_mapping(operand))
    if "_id" not in given:
        raise malformed("a group specification must include an _id", 15955)
    key = compile_expression(given.pop("_id"), variables=scope.names, flat=True)
    fields = {field: _accumulator(field, each, scope) for field, each in given.items()}
    return Grouping(key, fields, scope.variables).stage(name)


def _accumulator(field: Any, operand: Any, scope: Scope) -> Accumulator:
    if not isinstance(field, str):
        raise malformed(f"a group's fields are named by str, not {type(field).__name__}", 14, "TypeMismatch")
    if "." in field:
        raise malformed(f"the field name {field!r} cannot contain '.'", 40235)
    if field.startswith("$"):
        raise malformed(f"the field name {field!r} cannot be an operator name", 40236)
    if TYPES[type(operand)] != OBJECT:
        raise malformed(f"the field {field!r} must be an accumulator object", 40234)
    items = list(as_mapping(operand).items())
    if len(items) != 1:
        raise malformed(f"the field {field!r} must specify one accumulator", 40238)
    return compile_accumulator(*items[0], scope)


@stage("$sortByCount")
def compile_sort_by_count(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that counts the documents of each group, and gives the largest group first."""
    if isinstance(operand, Mapping):
        if not str(next(iter(operand), "")).startswith("$"):
            raise malformed("$sortByCount with an object takes an expression: its field starts with '$'", 40147)
    elif not isinstance(operand, str):
        raise malformed("$sortByCount takes a field path or an expression", 40149)
    elif not operand.startswith("$"):
        raise malformed("the field of $sortByCount is a path that starts with '$'", 40148)
    key = compile_expression(operand, variables=scope.names, flat=True)
    grouping = Grouping(key, {"count": compile_accumulator("$count", {}, scope)}, scope.variables)

    def run_rows(layout: Layout, batches: Iterator[list[Row]]) -> Iterator[Batch]:
        found: Batch = []
        for batch in grouping.run(layout, batches):
            found += batch
            yield []
        yield from in_batches(sorted(found, key=lambda each: -each["count"]))

    reads = grouping.reads
    flat = run_rows if reads is not None else None
    return Stage(name, lambda batches, _: run_rows(_WHOLE, batches), reads, gathers=True, run_rows=flat)
