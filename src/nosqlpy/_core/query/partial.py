"""Partial decoding: rows that hold only the paths that a query reads.

A *row* is a msgspec struct with a field for each top-level name that the paths
start with, decoded straight from an encoded document at a fifth of the cost of
all of it. Names that lead on are structs of their own; what may stand there
instead (a scalar, an array) is in the field's type. Where something rarer does,
that document is decoded in full and its row made from it.

A *column* is what one path reaches in each of a list of rows: the value, or
`Several` if the path came through an array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.query.generated import Comparing, Reach, Selector, reader, selector
from nosqlpy._core.query.several import Several
from nosqlpy._core.values.check import is_struct_field
from nosqlpy._core.values.codec import inspect_document, partial_inspector
from nosqlpy._core.values.kept import kept
from nosqlpy._core.values.paths import parse_path, plain, walk, walk_array
from nosqlpy._core.values.types import MISSING

Row: TypeAlias = Any
Column: TypeAlias = Callable[[Iterable[Row]], Iterable[Any]]

STRUCT_DEPTH_MAX: Final = 8
FIELDS_MAX: Final = 64
"""Past so many names the struct costs more to make and to fill than it saves."""

# what may stand where a struct is expected
_UNREAD: Final[Any] = None | bool | int | float | str | list  # without its `Any`: that is quicker to take in

_Getter: TypeAlias = Callable[[Any], Any]
Detour: TypeAlias = Callable[[tuple[str, ...], int], _Getter]
"""From a path's parts and an index: what ``parts[index:]`` reach from a value that is no struct."""


class _Node:
    """One name on the way: read whole, or further on by the names of `children`."""

    __slots__ = ("children", "flat", "struct", "whole")

    def __init__(self) -> None:
        self.whole = False
        self.flat = False
        self.children: dict[str, _Node] = {}
        self.struct: Any = None

    def add(self, parts: Sequence[str]) -> None:
        """Make sure that `parts` can be read from here, by a struct as far as it goes."""
        if self.whole:
            return
        if not parts or not is_struct_field(parts[0]):
            self.whole = True
            self.children = {}
            return
        self.children.setdefault(parts[0], _Node()).add(parts[1:])

    def define(self, *, renamed: bool = True) -> Any:
        """Define this node's struct and those below it; return the type of a field that holds it."""
        if self.whole:
            return Any
        fields = [(f"f{index}", node.define(), MISSING) for index, node in enumerate(self.children.values())]
        names = {f"f{index}": name for index, name in enumerate(self.children)}
        self.flat = all(node.whole for node in self.children.values())
        self.struct = msgspec.defstruct("Row", fields, rename=names if renamed else None, gc=False)
        return self.struct | _UNREAD

    def fill(self, document: Mapping[str, Any]) -> Row:
        """Return the row of a decoded document."""
        if self.flat:
            return self.struct(*map(document.get, self.children, repeat(MISSING)))
        values = []
        for name, node in self.children.items():
            value = document.get(name, MISSING)
            if not node.whole:
                value, kind = plain(value)
                if kind is dict:
                    value = node.fill(value)
            values.append(value)
        return self.struct(*values)


class Layout:
    """The rows of a set of paths: how to decode them, and the column of each path. Made by `layout_of`."""

    __slots__ = ("_columns", "_decode", "_readers", "_root")

    def __init__(self, paths: Iterable[str]) -> None:
        self._root = _Node()
        names = [parse_path(path, empty_parts=True).parts for path in paths]
        decodable = len(names) <= FIELDS_MAX and all(is_struct_field(parts[0]) for parts in names)
        for parts in names:
            if is_struct_field(parts[0]):
                self._root.add(parts[:STRUCT_DEPTH_MAX])
            else:
                self._root.children[parts[0]] = whole = _Node()
                whole.whole = True
        self._root.define(renamed=decodable)
        self._decode: Callable[[bytes], Row] | None = partial_inspector(self._root.struct) if decodable else None
        self._columns: dict[tuple[str, Detour], Column] = {}
        self._readers: dict[tuple[str, Detour], Callable[[Iterable[bytes]], list[Any]]] = {}

    def row(self, document: Mapping[str, Any]) -> Row:
        """Return the row of a decoded document."""
        return self._root.fill(document)

    def rows(self, blobs: Sequence[bytes]) -> list[Row]:
        """Return the rows of encoded documents."""
        if self._decode is not None:
            try:
                return list(map(self._decode, blobs))
            except msgspec.ValidationError:
                pass
        return [self.read(blob) for blob in blobs]

    def read(self, blob: bytes) -> Row:
        """Return the row of an encoded document."""
        if self._decode is not None:
            try:
                return self._decode(blob)
            except msgspec.ValidationError:
                pass
        return self._root.fill(inspect_document(blob))

    def column(self, path: str, detour: Detour) -> Column:
        """Return what makes the column of `path`, made once; `detour` says what a path reaches off the structs."""
        column = self._columns.get((path, detour))
        if column is None:
            column = self._columns[path, detour] = self._new_column(path, detour)
        return column

    def straight(self, path: str) -> Callable[[Row], Any] | None:
        """Return what finds a path in a row, by structs to its end; it raises AttributeError where they end before."""
        parts = parse_path(path, empty_parts=True).parts
        way = self._way(parts)
        return attrgetter(".".join(f"f{number}" for number, _ in way)) if len(way) == len(parts) else None

    def rest(self, path: str) -> tuple[str, ...] | None:  # noqa: ARG002 - other layouts read it
        """Return the parts that lead from a row, which is a value, to what is at `path`; None where structs lead on."""
        return None

    def getter(self, path: str) -> Callable[[Row], Any] | None:
        """Return what finds a path in a row, or None where the column must be made for that."""
        node = self._root.children.get(path)
        if node is None or not node.whole:
            return None
        return attrgetter(f"f{list(self._root.children).index(path)}")

    def _new_column(self, path: str, detour: Detour) -> Column:
        parts = parse_path(path, empty_parts=True).parts
        return _column([(attrgetter(f"f{number}"), node.struct) for number, node in self._way(parts)], parts, detour)

    def _way(self, parts: Sequence[str]) -> list[tuple[int, _Node]]:
        """Return the fields that lead along a path from a row, by their numbers, as far as structs go."""
        node = self._root
        way: list[tuple[int, _Node]] = []
        while not node.whole:
            name = parts[len(way)]
            number = list(node.children).index(name)
            node = node.children[name]
            way.append((number, node))
        return way

    def _reach(self, path: str, detour: Detour) -> Reach:
        parts = parse_path(path, empty_parts=True).parts
        way = self._way(parts)
        return Reach(
            tuple(number for number, _ in way),
            tuple(node.struct for _, node in way[:-1]),
            tuple(detour(parts, depth) for depth in range(1, len(way) + (len(way) < len(parts)))),
        )

    def selector(self, conditions: Iterable[tuple[str, Detour, Comparing]]) -> Selector | None:
        """Return what selects encoded documents by comparisons of columns; None where rows cannot be decoded."""
        if self._decode is None:
            return None
        return selector(self._decode, [(self._reach(path, detour), what) for path, detour, what in conditions])

    def entries(self, path: str, detour: Detour, blobs: Sequence[bytes]) -> list[Any]:
        """Return the entries of the column of `path` in encoded documents, which it alone reads."""
        if self._decode is not None:
            read = self._readers.get((path, detour))
            if read is None:
                read = self._readers[path, detour] = reader(self._decode, self._reach(path, detour))
            try:
                return read(blobs)
            except msgspec.ValidationError:
                pass
        return list(self.column(path, detour)(self.rows(blobs)))


class WholeLayout(Layout):
    """The rows of a query that reads whole documents, which they are."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(())
        self._decode = None

    def row(self, document: Mapping[str, Any]) -> Row:
        """Return the document."""
        return document

    def rows(self, blobs: Sequence[bytes]) -> list[Row]:
        """Return the decoded documents."""
        return list(map(inspect_document, blobs))

    def rest(self, path: str) -> tuple[str, ...]:
        """Return all parts of `path`."""
        return parse_path(path, empty_parts=True).parts

    def column(self, path: str, detour: Detour) -> Column:
        """Return the column of `path`, all of it by the detour; not kept, for this layout reads any path."""
        return _map(detour(parse_path(path, empty_parts=True).parts, 0))


@kept(512)
def layout_of(paths: frozenset[str]) -> Layout:
    """Return the layout that reads `paths`; layouts are cached."""
    return Layout(paths)


def _column(getters: list[tuple[_Getter, Any]], parts: tuple[str, ...], detour: Detour) -> Column:
    """Return the column that follows `getters` through structs and then the rest of `parts` through plain values."""
    get, struct = getters[0]
    column = _map(get)
    for depth, (get_next, next_struct) in enumerate(getters[1:], 1):
        column = _descend(column, struct, get_next, detour(parts, depth))
        struct = next_struct
    if len(getters) < len(parts):
        column = _map(detour(parts, len(getters)), column)
    return column


def _map(function: _Getter, reach: Column | None = None) -> Column:
    if reach is None:
        return lambda rows: map(function, rows)
    return lambda rows: map(function, reach(rows))


def _descend(reach: Column, struct: Any, get: _Getter, detour: _Getter) -> Column:
    def column(rows: Iterable[Row]) -> list[Any]:
        return [get(entry) if type(entry) is struct else detour(entry) for entry in reach(rows)]

    return column


def documents_of(names: Sequence[str]) -> Callable[[Sequence[Iterable[Any]]], Iterator[dict[str, Any]]]:
    """Return what makes flat documents of columns; a literal with one or two names takes half of the time."""
    if len(names) == 1:
        (only,) = names
        return lambda columns: ({only: value} for value in columns[0])
    if len(names) == 2:
        first, second = names
        return lambda columns: ({first: left, second: right} for left, right in zip(*columns, strict=True))
    return lambda columns: (dict(zip(names, entry, strict=True)) for entry in zip(*columns, strict=True))


def matched_values(parts: tuple[str, ...], index: int) -> _Getter:
    """Return the detour of conditions: all values that ``parts[index:]`` reach, a final array opened."""
    return _reach(parts, index, expand=True)


def matched_leaves(parts: tuple[str, ...], index: int) -> _Getter:
    """Return the detour of conditions on arrays as such: the same, but a final array stays whole."""
    return _reach(parts, index, expand=False)


def _reach(parts: tuple[str, ...], index: int, *, expand: bool) -> _Getter:
    def follow(entry: Any) -> Any:
        if type(entry) is Several:  # an earlier detour went all the way
            return entry
        value, kind = plain(entry)
        found = Several()
        if kind is list:
            walk_array(value, parts, index, found, expand=expand)
            return found
        if kind is not dict:
            return MISSING
        walk(value, parts, index, found, expand=expand)
        return found[0] if len(found) == 1 and type(found[0]) is not list else found

    return follow
