"""Rows of unwound documents: what $unwind makes of partially decoded rows, for a stage that reads paths only.

No document is made for an element: the values of all other paths are repeated,
each as often as its row has elements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any

import msgspec

from nosqlpy._core.query.expr import computed_values
from nosqlpy._core.query.partial import Column, Detour, Layout, Row
from nosqlpy._core.values.paths import plain
from nosqlpy._core.values.types import MISSING


class Unwound(msgspec.Struct, frozen=True):
    """The path that is unwound, and whether what has no elements stays."""

    parts: tuple[str, ...]
    preserve: bool

    @property
    def path(self) -> str:
        """The path as text."""
        return ".".join(self.parts)

    def allows(self, paths: Iterable[str]) -> bool:
        """Return whether a stage that reads `paths` can work on rows.

        It cannot if it reads more of a document than the array, or, below the top, arrays on the way to it.
        """
        if self.preserve and len(self.parts) > 1:
            return False
        return not any(self.path.startswith(f"{path}.") for path in paths)


class UnwoundRows(list[Any]):
    """The elements of some rows, `base`, each of which has so many of them as `counts` says."""

    __slots__ = ("base", "counts")

    def __init__(self, elements: Iterable[Any], base: Sequence[Row], counts: Sequence[int]) -> None:
        super().__init__(elements)
        self.base = base
        self.counts = counts


class UnwoundLayout(Layout):
    """The layout of unwound rows, made of that of the rows as they were."""

    __slots__ = ("_base", "_elements", "_unwound")

    def __init__(self, base: Layout, unwound: Unwound) -> None:
        super().__init__(())
        self._base = base
        self._unwound = unwound
        self._elements = base.column(unwound.path, _values_off_arrays if len(unwound.parts) > 1 else computed_values)

    def column(self, path: str, detour: Detour) -> Column:
        """Return the column of `path`: of the elements, or of the rows that they came from."""
        parts = self._unwound.parts
        if path == self._unwound.path:
            return lambda rows: rows
        if path.startswith(f"{self._unwound.path}."):
            follow = detour(tuple(path.split(".")), len(parts))
            return lambda rows: map(follow, rows)
        base = self._base.column(path, detour)

        def column(rows: Iterable[Row]) -> Iterable[Any]:
            assert isinstance(rows, UnwoundRows), "only unwound rows have this layout"
            return chain.from_iterable(map(repeat, base(rows.base), rows.counts))

        return column

    def straight(self, path: str) -> None:
        """Return None: no structs lead to what is at a path."""

    def rest(self, path: str) -> tuple[str, ...] | None:
        """Return the parts that lead on from an element."""
        parts = self._unwound.parts
        return tuple(path.split("."))[len(parts) :] if path.startswith(f"{self._unwound.path}.") else None

    def unwind(self, batches: Iterator[list[Row]]) -> Iterator[list[Row]]:
        """Yield what becomes of rows."""
        expand = _preserved if self._unwound.preserve else _elements
        for rows in batches:
            arrays = [value if type(value) is list and value else expand(value) for value in self._elements(rows)]
            yield UnwoundRows(chain.from_iterable(arrays), rows, list(map(len, arrays)))


def _elements(value: Any) -> Sequence[Any]:
    """Return the elements of what is no array with elements: it is its own, but for null, nothing and the empty one."""
    return () if value is None or value is MISSING or type(value) is list else (value,)


def _preserved(value: Any) -> Sequence[Any]:
    return (MISSING,) if type(value) is list else (value,)


def _values_off_arrays(parts: tuple[str, ...], index: int) -> Callable[[Any], Any]:
    """Return the detour of $unwind, whose path leads through documents only."""

    def follow(entry: Any) -> Any:
        value, kind = plain(entry)
        for part in parts[index:]:
            if kind is not dict:
                return MISSING
            value, kind = plain(value.get(part, MISSING))
        return value

    return follow
