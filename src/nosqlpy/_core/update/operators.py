"""Updates by operators: compiled in full when their shape is new, only bound to their operands when it is known.

The *shape* of an update is its operators and paths without the operands. What
is proved of one update (its operators exist, its paths are sound and do not
conflict) holds for every other of the same shape. Positional paths, paths that
begin with ``$``, and $rename, whose operand is a path, are compiled in full each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from nosqlpy._core.query.tree import NO_VARIABLES
from nosqlpy._core.update.arrayfilters import NO_FILTERS, check_identifiers, compile_array_filters
from nosqlpy._core.update.conflicts import check_conflicts
from nosqlpy._core.update.dollars import guarded
from nosqlpy._core.update.paths import Modifier, parse_update_path, runner
from nosqlpy._core.update.positional import Expansion
from nosqlpy._core.update.registry import (
    Compile,
    Operator,
    Place,
    PositionalStep,
    Run,
    Step,
    compile_step,
    find_operator,
)
from nosqlpy._core.update.updater import OperatorUpdater, Reach, reach_of
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.kept import length_of
from nosqlpy._core.values.splice import Field, field_of
from nosqlpy.errors import QueryError

Shape: TypeAlias = tuple[tuple[Any, ...], ...]
"""Per operator its name and then its paths."""

SHAPES_MAX: Final = 512
FIELDS_MAX: Final = 100
LENGTH_MAX: Final = 4096
"""A shape with more paths, or more characters in them, is not kept: few repeat, and they are large."""
OPERAND_LENGTH_MAX: Final = 256
"""A longer text is not kept as the operand that was bound last."""


class _Field(msgspec.Struct, frozen=True):
    """One operator on one path, which waits for its operand."""

    operator: Operator
    compile: Compile
    place: Place


_IMMUTABLE: Final = frozenset((str, int, float, bool, type(None)))


class _Bound(msgspec.Struct, frozen=True, gc=False):
    """An operand, and the updater that it was bound in."""

    operand: Any
    updater: OperatorUpdater


# what was bound last for one operator on one path, by their names: a counter is mostly counted up by 1, which is
# the same object each time
_last: dict[tuple[str, str], _Bound] = {}


class Template:
    """What a shape compiles to: its fields in the order of the update, and the order in which they are applied."""

    __slots__ = ("_field", "_fields", "_order", "_reach", "timed")

    def __init__(self, fields: Sequence[_Field], reach: Reach) -> None:
        self._fields = fields
        # whether it takes the time of the call
        self.timed: bool = any(field.operator.timed for field in fields)
        self._reach = reach
        self._field: Field | UnsetType | None = UNSET
        order = sorted(range(len(fields)), key=lambda index: fields[index].place.path.order)
        as_given = order == list(range(len(fields))) and all(field.operator.on_update for field in fields)
        self._order: list[int] | None = None if as_given else order

    def bind(self, update: Mapping[str, Mapping[str, Any]], variables: Mapping[str, Any]) -> OperatorUpdater:
        """Return the updater of an update of this shape.

        Raises:
            QueryError: An operand does not fit its operator.
            DocumentError: One cannot be stored.
        """
        runs: list[Run] = []
        for operands in update.values():
            for operand in operands.values():
                field = self._fields[len(runs)]
                place = field.place
                if field.operator.timed:
                    place = Place(place.operator, place.path, variables)
                modifier = field.compile(operand, place)
                runs.append(runner(place.path, modifier))
        plain = len(runs) == 1 and len(place.path.parts) == 1 and self._order is None
        updater = self._updater(runs, modifier if plain else None)
        if len(runs) == 1 and type(operand) in _IMMUTABLE and not field.operator.timed and _is_small(operand):
            _last[place.operator, place.path.text] = _Bound(operand, updater)
        return updater

    def _updater(self, runs: list[Run], only: Modifier | None) -> OperatorUpdater:
        if self._field is UNSET:
            self._field = field_of(self._reach.names[0]) if len(self._reach.names) == 1 else None
        on_update = on_insert = runs
        if self._order is not None:
            on_insert = [runs[index] for index in self._order]
            on_update = [runs[index] for index in self._order if self._fields[index].operator.on_update]
        change, step = (None, None) if only is None else (only.change, only.step)
        return OperatorUpdater(self._reach, on_update, on_insert, field=self._field, change=change, step=step)


def _is_small(operand: Any) -> bool:
    return type(operand) is not str or len(operand) <= OPERAND_LENGTH_MAX


_templates: dict[Shape | None, Template] = {}


def bind_known(update: Any, variables: Mapping[str, Any]) -> OperatorUpdater | None:
    """Return the updater of a document of operators whose shape is known, None for any other update.

    Raises:
        QueryError: An operand does not fit its operator.
        DocumentError: One cannot be stored.
    """
    known = bind_untimed(update)
    if known is not None:
        return known
    template = _templates.get(_shape(update)) if type(update) is dict else None
    return None if template is None else template.bind(update, variables)


def bind_untimed(update: Any) -> OperatorUpdater | None:
    """Do as `bind_known` for an update that needs no variables, None for any other.

    Raises:
        QueryError: An operand does not fit its operator.
        DocumentError: One cannot be stored.
    """
    if type(update) is not dict:
        return None
    if len(update) == 1:
        (name,) = update
        fields = update[name]
        if type(fields) is dict and len(fields) == 1:
            (path,) = fields
            last = _last.get((name, path))
            if last is not None and fields[path] is last.operand:
                return last.updater
    template = _templates.get(_shape(update))
    return None if template is None or template.timed else template.bind(update, NO_VARIABLES)


def compile_operators(
    update: Mapping[str, Any],
    variables: Mapping[str, Any],
    array_filters: Sequence[Mapping[str, Any]] | None,
    collation: Collation | None,
) -> OperatorUpdater:
    """Return the updater of a document of operators, compiled in full; without a `collation` its shape is known then.

    Raises:
        QueryError: The update is malformed, as MongoDB's codes say how.
        DocumentError: An operand cannot be stored.
    """
    filters = NO_FILTERS if array_filters is None else compile_array_filters(array_filters, collation)
    steps = list(_steps(update, variables, collation))
    positional = [step.path for step in steps if type(step) is PositionalStep]
    if positional or array_filters is not None:
        check_identifiers(positional, filters)
    if len(steps) > 1:
        check_conflicts([claim for step in steps for claim in step.claims])
    reach = reach_of(steps)
    if not positional and array_filters is None and collation is None and (shape := _shape(update)) is not None:
        _keep(shape, reach)
    steps.sort(key=lambda step: step.path.order)
    plain = [step for step in steps if type(step) is Step]
    return OperatorUpdater(
        reach,
        [_run_on_update(step) for step in plain if step.on_update],
        [step.run for step in plain],
        Expansion(steps, filters) if positional else None,
    )


def _run_on_update(step: Step) -> Run:
    return guarded(step.run, step.path) if step.path.text[0] == "$" and step.creates else step.run


def _shape(update: Mapping[str, Any]) -> Shape | None:
    """Return the shape of an update, None where that is not seen at a glance."""
    shape: Shape = ()
    for name, fields in update.items():  # one, in most
        if type(fields) is not dict:
            return None
        shape += ((name, *fields),)
    return shape


def _keep(shape: Shape, reach: Reach) -> None:
    """Keep the template of a shape of which an update was compiled, so that nothing is wrong with it."""
    if length_of(shape) > LENGTH_MAX:
        return
    fields: list[_Field] = []
    for name, *paths in shape:
        found = find_operator(name)
        for path in paths:
            if found.compile is None or path[0] == "$" or len(fields) == FIELDS_MAX:
                return
            fields.append(_Field(found, found.compile, Place(name, parse_update_path(path, name), NO_VARIABLES)))
    if len(_templates) >= SHAPES_MAX:  # paths may hold data: begin anew, the shared shapes come back soon
        _templates.clear()
        _last.clear()
    _templates[shape] = Template(fields, reach)


def _steps(
    update: Mapping[str, Any], variables: Mapping[str, Any], collation: Collation | None
) -> Iterator[Step | PositionalStep]:
    for name, fields in update.items():
        found = find_operator(name)
        if type(fields) is not dict and not isinstance(fields, Mapping):
            message = f"{name} takes a document of fields, {{{name!r}: {{field: ...}}}}, not {type(fields).__name__}"
            raise QueryError(message, code=9, code_name="FailedToParse")
        for path, operand in fields.items():
            yield compile_step(found, operand, Place(name, parse_update_path(path, name), variables, collation))
