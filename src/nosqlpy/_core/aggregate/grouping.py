"""$group and $sortByCount: one document for each group of documents that have a key in common.

Manual: reference/operator/aggregation/group, sortByCount. Keys and values are
computed a column at a time; groups come out in the order in which they were found.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.aggregate.accumulator import Accumulator, compile_accumulator
from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import STEP, Batch, Scope, Stage, collected, in_batches, malformed
from nosqlpy._core.expression.node import Expression, paths_of
from nosqlpy._core.query.entries import kinds_of
from nosqlpy._core.query.expr import computed_column
from nosqlpy._core.query.partial import Layout, Row, WholeLayout
from nosqlpy._core.values.codec import copy_value
from nosqlpy._core.values.collation import Collation, keys_of
from nosqlpy._core.values.types import MISSING, OBJECT, TYPES, as_mapping
from nosqlpy.aliases import Document

# documents whose values are held back until they are added to their groups
PORTION: Final = 1 << 15
GROUP_COST: Final = 64
"""Values that can be added in the time in which a group is begun, or found."""
_PLAIN: Final = frozenset((str, int, type(None)))
_INT: Final = frozenset((int,))
_BOOL: Final = frozenset((bool,))
_CONTAINERS: Final = frozenset((dict, list))
_WHOLE: Final = WholeLayout()


class Grouping(msgspec.Struct, frozen=True):
    """What a group is: the key that its documents share, and what is made of them, by name.

    `parts` are the fields of a key that is a document, if they are known.
    """

    key: Expression
    fields: Mapping[str, Accumulator]
    variables: Mapping[str, Any]
    collation: Collation | None = None
    parts: Mapping[str, Expression] | None = None

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
            for _ in groups.add(PORTION):
                yield []
        totals = groups.totals()
        if totals is not None:
            yield from groups.summed(totals)
            return
        for _ in groups.add():
            yield []
        yield from groups.documents()

    def stage(self, name: str) -> Stage:
        """Return the stage that groups."""
        reads = self.reads
        flat = self.run if reads is not None else None
        return Stage(name, lambda batches, _: self.run(_WHOLE, batches), reads, gathers=True, run_rows=flat)


_Values: TypeAlias = "defaultdict[Hashable, list[Any]]"


class _Groups:
    """The groups found so far."""

    def __init__(self, grouping: Grouping, layout: Layout) -> None:
        self._accumulators = list(grouping.fields.values())
        self._names = list(grouping.fields)
        self._keys = computed_column(grouping.key, grouping.variables, layout)
        self._parts = {
            name: computed_column(part, grouping.variables, layout) for name, part in (grouping.parts or {}).items()
        }
        # what is the same of every document is only counted
        self._constants = [place for place, each in enumerate(self._accumulators) if each.value.constant]
        self._columns = [
            (place, computed_column(each.value, grouping.variables, layout))
            for place, each in enumerate(self._accumulators)
            if not each.value.constant
        ]
        self._equality = keys_of(grouping.collation).equality
        self._plain = _PLAIN if grouping.collation is None else _PLAIN - {str}
        self._ids: dict[Hashable, Any] = {}
        self._states: dict[Hashable, list[Any]] = {}
        self._pending: dict[int, _Values] = {place: defaultdict(list) for place, _ in self._columns}
        # the sums of ints, which need not be held back
        self._sums: dict[int, defaultdict[Hashable, int]] = {
            place: defaultdict(int) for place, _ in self._columns if self._accumulators[place].of_sum is not None
        }
        # by their places, constant ints that are only added up
        self._ints: dict[int, int] = {
            place: self._accumulators[place].value.value
            for place in self._constants
            if self._accumulators[place].of_sum is not None and type(self._accumulators[place].value.value) is int
        }
        self._counts: Counter[Hashable] = Counter()
        self._held = 0

    def take(self, rows: Sequence[Row]) -> None:
        """Add rows to their groups."""
        keys = self._known_documents(rows) if self._parts else self._known(_listed(self._keys(rows)))
        holds = len(self._ints) < len(self._constants)
        for place, column in self._columns:
            values = _listed(column(rows))
            sums = self._sums.get(place)
            if sums is not None and _INT.issuperset(kinds_of(values)):
                for key, value in zip(keys, values, strict=True):
                    sums[key] += value
                continue
            pending, holds = self._pending[place], True
            for key, value in zip(keys, values, strict=True):
                pending[key].append(value)
        if self._constants:
            self._counts.update(keys)
        if holds:
            self._held += len(keys)

    def _known(self, values: list[Any]) -> list[Hashable]:
        """Return the equality keys of the groups, having noted those that are new; a missing key counts as null."""
        ids = self._ids
        if self._plain.issuperset(kinds_of(values)):
            for key in dict.fromkeys(values):
                if key not in ids:
                    ids[key] = key
            return values
        equality, keys = self._equality, []
        for value in values:
            value = None if value is MISSING else value  # noqa: PLW2901 - the group's own value
            key = equality(value)
            if key not in ids:
                ids[key] = value
            keys.append(key)
        return keys

    def _known_documents(self, rows: Sequence[Row]) -> list[Hashable]:
        """Return the keys of groups whose ids are documents: the equality keys of the fields, MISSING where is none."""
        columns = [_listed(column(rows)) for column in self._parts.values()]
        keys: list[Hashable] = list(zip(*map(self._field_keys, columns), strict=True))
        ids = self._ids
        for key in dict.fromkeys(keys):
            if key not in ids:
                place = keys.index(key)
                values = zip(self._parts, columns, strict=True)
                ids[key] = {name: column[place] for name, column in values if column[place] is not MISSING}
        return keys

    def _field_keys(self, values: list[Any]) -> list[Hashable]:
        kinds = kinds_of(values)
        if self._plain.issuperset(kinds):
            return values
        equality = self._equality
        if _BOOL.issuperset(kinds):
            true, false = equality(True), equality(False)
            return [true if value else false for value in values]
        return [value if value is MISSING else equality(value) for value in values]

    def totals(self) -> list[tuple[str, Callable[[int], Any], Mapping[Hashable, int]]] | None:
        """Return by name what is made of the sum of a group, and these sums, if there was nothing but ints to add."""
        totals = []
        for place, (name, accumulator) in enumerate(zip(self._names, self._accumulators, strict=True)):
            of_sum, value = accumulator.of_sum, self._ints.get(place)
            sums: Mapping[Hashable, int] | None = self._sums.get(place) if value is None else self._counts
            if of_sum is None or sums is None or self._pending.get(place) or self._states:
                return None
            totals.append((name, of_sum if value in (None, 1) else _of_many(of_sum, value), sums))
        return totals

    def summed(self, totals: Sequence[tuple[str, Callable[[int], Any], Mapping[Hashable, int]]]) -> Iterator[Batch]:
        """Yield the documents of the groups, given their `totals`."""
        made: Batch = []
        for key, id in self._ids.items():
            document = {"_id": copy_value(id) if type(id) in _CONTAINERS else id}  # nobody else has a part of it
            for name, of_sum, sums in totals:
                document[name] = of_sum(sums[key])
            made.append(document)
            if len(made) == STEP:
                yield made
                made = []
        yield made

    def add(self, least: int = 0) -> Iterator[None]:
        """Add what is pending to the states, in steps, if it is more than `least` values."""
        if self._held < least:
            return
        done = 0
        for place, pending in self._pending.items():
            add = self._accumulators[place].add
            for key, values in pending.items():
                states = self._states_of(key)
                states[place] = add(states[place], values)
                done += len(values) + GROUP_COST
                if done > PORTION:
                    done = 0
                    yield
            pending.clear()
        for key, count in self._counts.items():
            states = self._states_of(key)
            for place in self._constants:
                accumulator = self._accumulators[place]
                states[place] = accumulator.add(states[place], [accumulator.value.value] * count)
            done += GROUP_COST
            if done > PORTION:
                done = 0
                yield
        self._counts.clear()
        self._held = 0

    def _states_of(self, key: Hashable) -> list[Any]:
        states = self._states.get(key)
        if states is None:
            states = self._states[key] = [each.start(self._ids[key]) for each in self._accumulators]
        return states

    def documents(self) -> Iterator[Batch]:
        """Yield the documents of the groups."""
        for place, sums in self._sums.items():
            add = self._accumulators[place].add
            for number, (key, value) in enumerate(sums.items(), 1):
                states = self._states_of(key)
                states[place] = add(states[place], [value])
                if number % STEP == 0:
                    yield []
        finishers = [(name, each.finish) for name, each in zip(self._names, self._accumulators, strict=True)]
        made: Batch = []
        for key, id in self._ids.items():
            made.append(_document(id, self._states.get(key, ()), finishers))
            if len(made) == STEP:
                yield made
                made = []
        yield made


def _of_many(of_sum: Callable[[int], Any], value: Any) -> Callable[[int], Any]:
    """Return what is made of so many times the same value."""
    return lambda count: of_sum(count * value)


def _listed(values: Iterable[Any]) -> list[Any]:
    return values if isinstance(values, list) else list(values)


def _document(id: Any, states: Sequence[Any], finishers: Sequence[tuple[str, Callable[[Any], Any]]]) -> Document:
    document: Document = {"_id": copy_value(id) if type(id) in _CONTAINERS else id}  # nobody else has a part of it
    for (name, finish), state in zip(finishers, states, strict=True):
        value = finish(state)
        document[name] = copy_value(value) if type(value) in _CONTAINERS else value
    return document


@stage("$group")
def compile_group(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that makes one document of each group."""
    if TYPES[type(operand)] != OBJECT:
        raise malformed("a group's fields must be specified in an object", 15947)
    given = dict(as_mapping(operand))
    id = given.pop("_id", MISSING)
    key = scope.expression(id, flat=True) if id is not MISSING else None
    fields = compile_fields(given, scope)
    if key is None:
        raise malformed("a group specification must include an _id", 15955)
    return Grouping(key, fields, scope.variables, scope.collation, _parts(id, key, scope)).stage(name)


def compile_fields(fields: Mapping[str, Any], scope: Scope) -> dict[str, Accumulator]:
    """Return the accumulators of a group's fields."""
    return {field: compile_accumulator(field, each, scope) for field, each in fields.items()}


def _parts(id: Any, key: Expression, scope: Scope) -> Mapping[str, Expression] | None:
    """Return the expressions of the fields of an id that is a document of them, and no constant."""
    if TYPES[type(id)] != OBJECT or key.constant or next(iter(as_mapping(id))).startswith("$"):
        return None
    return {name: scope.expression(value, flat=True) for name, value in as_mapping(id).items()}


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
    key = scope.expression(operand, flat=True)
    counted = {"count": compile_accumulator("count", {"$count": {}}, scope)}
    grouping = Grouping(key, counted, scope.variables, scope.collation)

    def run_rows(layout: Layout, batches: Iterator[list[Row]]) -> Iterator[Batch]:
        found = yield from collected(grouping.run(layout, batches))
        yield from in_batches(sorted(found, key=lambda each: -each["count"]))

    reads = grouping.reads
    flat = run_rows if reads is not None else None
    return Stage(name, lambda batches, _: run_rows(_WHOLE, batches), reads, gathers=True, run_rows=flat)
