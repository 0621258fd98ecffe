"""Update paths: how an update walks into a document, creates what is missing, and where new fields go.

The rules are those of the server's update tree
(src/mongo/db/update/update_object_node.cpp and path_support.cpp): unlike a
filter's path, an update's path goes one way only; a part that is a number is
a position in an array and a name in a document. A positional part (``$``,
``$[]``, ``$[id]``) gets its meaning from a document; see `positional`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias

import msgspec

from nosqlpy._core.values.kept import kept
from nosqlpy._core.values.types import MISSING, type_name
from nosqlpy.errors import QueryError, WriteError

PADDING_MAX: Final = 1_500_000
"""Nulls that one update may put into an array before a new element."""

REMOVED: Final = object()
"""What a modifier's `change` returns to remove the value; in an array a null takes its place."""

Order: TypeAlias = tuple[tuple[int, int, str], ...]


class UpdatePath(msgspec.Struct, frozen=True):
    """A parsed path of an update: its parts, and for each the position that it is in an array, if it is a number.

    Paths sort by `order` as MongoDB applies them, which is the order in which it adds new fields.
    Of a `positional` path it takes a document to know where it leads: `matched` is the index of its
    part ``$``; `identifiers` has those of the parts ``$[id]`` and ``$[]`` (an empty one) by their index.
    """

    text: str
    parts: tuple[str, ...]
    positions: tuple[int | None, ...]
    order: Order
    positional: bool
    matched: int | None
    identifiers: dict[int, str]


class Modifier(msgspec.Struct, frozen=True):
    """What an operator does at the end of a path.

    `change` returns the new value for an existing one, which it may alter in
    place; `create` the value for a missing one, and is None where nothing is
    created. A `lenient` modifier takes a path that leads into a scalar for a
    missing field. One with a `step` adds it to an int, if the sum fits 64 bits.
    """

    change: Callable[[Any], Any]
    create: Callable[[], Any] | None = None
    lenient: bool = False
    step: int | None = None


@kept(4096)
def parse_update_path(text: Any, operator: str) -> UpdatePath:
    """Return the parsed path that stands under `operator`; parsing is cached.

    Raises:
        QueryError: A part is empty, the path begins with a positional part, or has ``$`` more than once.
    """
    if not isinstance(text, str):
        message = f"{operator} names fields by str, not {type(text).__name__}"
        raise QueryError(message, code=9, code_name="FailedToParse")
    parts = tuple(text.split("."))
    if "" in parts:
        message = f"{operator}: the path {text!r} has an empty part"
        raise QueryError(message, code=56, code_name="EmptyFieldName")
    identifiers = {index: part[2:-1] for index, part in enumerate(parts) if is_array_part(part)}
    matched = parts.index("$") if "$" in parts else None
    if matched == 0 or 0 in identifiers:
        raise QueryError(f"{operator}: the path {text!r} begins with the positional {parts[0]}, which follows an array")
    if parts.count("$") > 1:
        raise QueryError(f"{operator}: the path {text!r} has more than one positional $")
    positions = tuple(int(part) if part.isascii() and part.isdigit() else None for part in parts)
    positional = matched is not None or bool(identifiers)
    return UpdatePath(text, parts, positions, tuple(map(part_order, parts)), positional, matched, identifiers)


def is_array_part(part: str) -> bool:
    """Return whether a part of a path stands for several elements of an array: ``$[]`` or ``$[id]``."""
    return part.startswith("$[") and part.endswith("]")


def part_order(part: str) -> tuple[int, int, str]:
    """Return a key of one part: text sorts as text, but numbers by length first (``cmpPathsAndArrayIndexes``)."""
    if "1" <= part[0] <= "9":
        return (1, len(part), part)
    return (2 if part[0] > "9" else 0, 0, part)


def runner(path: UpdatePath, modifier: Modifier) -> Callable[[dict[str, Any]], None]:
    """Return what applies `modifier` at the end of `path` of a document, in place, as `modify` does."""
    if len(path.parts) > 1:
        return lambda document: modify(document, path, modifier)
    name = path.text
    change, create = modifier.change, modifier.create

    def run(document: dict[str, Any]) -> None:
        value = document.get(name, MISSING)
        if value is MISSING:
            if create is not None:
                document[name] = create()
            return
        changed = change(value)
        if changed is REMOVED:
            del document[name]
        else:
            document[name] = changed

    return run


def modify(container: Any, path: UpdatePath, modifier: Modifier, start: int = 0) -> None:
    """Apply `modifier` at the end of `path`, in place; `container` is what its parts before `start` lead to.

    Raises:
        WriteError: The path leads into a value that has no fields, or needs an array padded too far.
    """
    parts, positions = path.parts, path.positions
    last = len(parts) - 1
    for depth in range(start, last + 1):
        part = parts[depth]
        kind = type(container)
        position = positions[depth]
        if kind is dict:
            child = container.get(part, MISSING)
        elif kind is list and position is not None:
            child = container[position] if position < len(container) else MISSING
        elif modifier.lenient:
            return
        else:
            _refuse_to_traverse(container, path, depth)
        if child is MISSING:
            if modifier.create is not None:
                _create(container, path, depth, modifier.create())
            return
        if depth < last:
            container = child
        elif kind is dict:
            _change_field(container, part, child, modifier)
        else:
            changed = modifier.change(child)
            container[position] = None if changed is REMOVED else changed


def _change_field(container: dict[str, Any], name: str, value: Any, modifier: Modifier) -> None:
    changed = modifier.change(value)
    if changed is REMOVED:
        del container[name]
    else:
        container[name] = changed


def _create(container: Any, path: UpdatePath, depth: int, value: Any) -> None:
    """Put `value` under `container`, wrapped in documents for the parts that follow `depth`."""
    for part in reversed(path.parts[depth + 1 :]):
        value = {part: value}
    if type(container) is dict:
        container[path.parts[depth]] = value
        return
    position = path.positions[depth]
    assert position is not None, "a name in an array was refused before"
    padding = position - len(container)
    if padding > PADDING_MAX:
        message = f"cannot create {path.text!r}: an array is not padded with more than {PADDING_MAX} nulls"
        raise WriteError(message, code=34, code_name="CannotBackfillArray")
    container.extend([None] * padding)
    container.append(value)


def _refuse_to_traverse(container: Any, path: UpdatePath, depth: int) -> NoReturn:
    parent = ".".join(path.parts[:depth])
    message = f"cannot reach {path.parts[depth]!r} of {path.text!r}: {parent!r} is of type {type_name(container)}"
    raise WriteError(message, code=28, code_name="PathNotViable")


def follow(container: Any, path: UpdatePath, start: int, stop: int) -> Any:
    """Return what the parts of `path` from `start` to `stop` lead to in `container`; MISSING where they do not lead."""
    for depth in range(start, stop):
        position = path.positions[depth]
        if type(container) is dict:
            container = container.get(path.parts[depth], MISSING)
        elif type(container) is list and position is not None and position < len(container):
            container = container[position]
        else:
            return MISSING
    return container


def find(document: dict[str, Any], path: UpdatePath) -> tuple[Any, bool]:
    """Return the value at `path`, MISSING if there is none, and whether the way to it leads through an array.

    Raises:
        WriteError: The path leads into a value that has no fields.
    """
    value: Any = document
    through_array = False
    for depth, part in enumerate(path.parts):
        position = path.positions[depth]
        if type(value) is dict:
            child = value.get(part, MISSING)
        elif type(value) is list and position is not None:
            through_array = True
            child = value[position] if position < len(value) else MISSING
        else:
            _refuse_to_traverse(value, path, depth)
        if child is MISSING:
            return MISSING, through_array
        value = child
    return value, through_array
