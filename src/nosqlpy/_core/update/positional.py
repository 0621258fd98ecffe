"""Positional paths: what ``$``, ``$[]`` and ``$[id]`` stand for in a document.

Manual: reference/operator/update/positional, positional-all,
positional-filtered. Before anything changes, each positional step becomes a
run for every value that its path reaches, so that all array filters see the
document as it was. The rules are those of the server's
update_object_node.cpp and update_array_node.cpp.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, NoReturn

import msgspec

from nosqlpy._core.update.arrayfilters import ArrayFilters
from nosqlpy._core.update.conflicts import Meeting, rivals_among
from nosqlpy._core.update.paths import (
    REMOVED,
    Modifier,
    Order,
    UpdatePath,
    follow,
    modify,
    parse_update_path,
    part_order,
)
from nosqlpy._core.update.registry import PositionalStep, Run, Step
from nosqlpy._core.values.types import MISSING, type_name
from nosqlpy.errors import WriteError


class Element(msgspec.Struct, frozen=True, gc=False):
    """An element that a path leads to or through: where it is, and the positions by which the path came there."""

    array: list[Any]
    index: int
    positions: tuple[int, ...]


class PlacedRun(msgspec.Struct, frozen=True, gc=False):
    """A run, and where among those of its update it comes."""

    order: Order
    run: Run


class Expansion:
    """Turns the steps of an update, some of them positional, into runs on one document."""

    __slots__ = ("_filters", "_rivals", "_steps", "needs_position")

    needs_position: bool
    """Whether a path has ``$``, for which the position that the filter matched is needed."""

    def __init__(self, steps: Sequence[Step | PositionalStep], filters: ArrayFilters) -> None:
        self._steps = steps
        self._filters = filters
        self._rivals = rivals_among([claim for step in steps for claim in step.claims])
        self.needs_position = any(step.path.matched is not None for step in steps)

    def runs(self, document: dict[str, Any], position: int | None, *, inserting: bool) -> list[Run]:
        """Return what is to be run on `document`, in which the filter matched `position` of an array.

        Raises:
            WriteError: A positional path does not lead to an array, or two paths to the same value.
        """
        placed: list[PlacedRun] = []
        for step in self._steps:
            if isinstance(step, Step):
                found = [PlacedRun(step.path.order, step.run)]
            else:
                found = self._expand(step, document, position)
            if inserting or step.on_update:
                placed += found
        if self._rivals:
            self._check_rivals(document, position)
            placed.sort(key=attrgetter("order"))
        return [each.run for each in placed]

    def _expand(self, step: PositionalStep, document: dict[str, Any], position: int | None) -> list[PlacedRun]:
        path = _at(step.path, position)
        modifier = step.modifier
        depths = tuple(path.identifiers)
        if not depths:
            return [PlacedRun(path.order, lambda document: modify(document, path, modifier))]
        last = depths[-1]
        return [
            PlacedRun(
                _order(path, element.positions) if self._rivals else (),
                _element_run(element, modifier) if last == len(path.parts) - 1 else _inner_run(element, path, modifier),
            )
            for element in self._elements(document, path, depths, 0, ())
        ]

    def _elements(
        self, container: Any, path: UpdatePath, depths: tuple[int, ...], start: int, taken: tuple[int, ...]
    ) -> Iterator[Element]:
        """Yield the elements that the last of the array parts at `depths` stands for."""
        depth = depths[0]
        array = follow(container, path, start, depth)
        if type(array) is not list:
            _refuse_container(array, path, depth)
        matches = self._filters[path.identifiers[depth]]
        for index, element in enumerate(array):
            if matches(element):
                positions = (*taken, index)
                if len(depths) == 1:
                    yield Element(array, index, positions)
                else:
                    yield from self._elements(element, path, depths[1:], depth + 1, positions)

    def _check_rivals(self, document: dict[str, Any], position: int | None) -> None:
        for rivals in self._rivals:
            meeting = Meeting(_at(rivals.one, position), _at(rivals.other, position), self._filters)
            meeting.check(document, rivals.fork)


def _at(path: UpdatePath, position: int | None) -> UpdatePath:
    """Return `path` with the matched position for its ``$``."""
    if path.matched is None:
        return path
    if position is None:
        message = f"the positional operator in {path.text!r} did not find the match needed from the query"
        raise WriteError(message, code=2, code_name="BadValue")
    parts = list(path.parts)
    parts[path.matched] = str(position)
    return parse_update_path(".".join(parts), "$")


def _order(path: UpdatePath, positions: tuple[int, ...]) -> Order:
    """Return the order of the path that has `positions` for its array parts."""
    order = list(path.order)
    for depth, position in zip(path.identifiers, positions, strict=True):
        order[depth] = part_order(str(position))
    return tuple(order)


def _element_run(element: Element, modifier: Modifier) -> Run:
    """Return what changes an element itself; a removed one becomes null."""
    array, index = element.array, element.index

    def run(_: dict[str, Any]) -> None:
        changed = modifier.change(array[index])
        array[index] = None if changed is REMOVED else changed

    return run


def _inner_run(element: Element, path: UpdatePath, modifier: Modifier) -> Run:
    """Return what follows the rest of `path` into an element."""
    start = max(path.identifiers) + 1
    return lambda _: modify(element.array[element.index], path, modifier, start)


def _refuse_container(value: Any, path: UpdatePath, depth: int) -> NoReturn:
    place = ".".join(path.parts[:depth])
    if value is MISSING:
        message = f"the path {place!r} must exist in the document for {path.parts[depth]} to apply"
    else:
        message = f"{path.parts[depth]} of {path.text!r} needs an array, but {place!r} is of type {type_name(value)}"
    raise WriteError(message, code=2, code_name="BadValue")
