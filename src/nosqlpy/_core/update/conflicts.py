"""Conflicts: two paths of one update that change the same value, or a value and a part of it.

Most are seen in the paths themselves. Paths that differ in a positional part
(``a.$[x].n`` and ``a.$[y].n``) are *rivals*: whether they meet depends on the
document. The rules are those by which the server merges update trees
(``createUpdateNodeByMerging``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, NoReturn

import msgspec

from nosqlpy._core.update.arrayfilters import ArrayFilters
from nosqlpy._core.update.paths import UpdatePath, follow, is_array_part
from nosqlpy.errors import QueryError, WriteError


def check_conflicts(paths: Sequence[UpdatePath]) -> None:
    """Refuse two paths that are the same, of which one leads into the other, or that disagree what an array is.

    Raises:
        QueryError: With MongoDB's code 40 (ConflictingUpdateOperators).
    """
    if len({path.parts[0] for path in paths}) == len(paths):
        return
    ends: set[tuple[str, ...]] = set()
    inner: dict[tuple[str, ...], bool] = {}
    for path in paths:
        prefixes = [path.parts[:size] for size in range(1, len(path.parts))]
        for size, prefix in enumerate(prefixes, 1):
            by_elements = size in path.identifiers
            if prefix in ends or inner.setdefault(prefix, by_elements) is not by_elements:
                _refuse(path, prefix)
        if path.parts in ends or path.parts in inner:
            _refuse(path, path.parts)
        ends.add(path.parts)


def _refuse(path: UpdatePath, at: tuple[str, ...]) -> NoReturn:
    message = f"updating the path {path.text!r} would create a conflict at {'.'.join(at)!r}"
    raise QueryError(message, code=40, code_name="ConflictingUpdateOperators")


class Rivals(msgspec.Struct, frozen=True):
    """Two paths that may meet in a document, and the index of the first part in which they differ."""

    one: UpdatePath
    other: UpdatePath
    fork: int


def rivals_among(paths: Iterable[UpdatePath]) -> list[Rivals]:
    """Return the pairs of paths whose conflicts depend on the document."""
    found: list[Rivals] = []
    for one, other in combinations(paths, 2):
        if one.parts[0] == other.parts[0] and (one.positional or other.positional):
            parts = zip(one.parts, other.parts, strict=False)
            fork, (a, b) = next((index, pair) for index, pair in enumerate(parts) if pair[0] != pair[1])
            if is_array_part(a) or (a == "$" and b.isdigit()) or (b == "$" and a.isdigit()):
                found.append(Rivals(one, other, fork))
    return found


class Meeting:
    """Looks in one document for a value that two rival paths, their ``$`` resolved, both lead to."""

    __slots__ = ("filters", "one", "other")

    def __init__(self, one: UpdatePath, other: UpdatePath, filters: ArrayFilters) -> None:
        self.one = one
        self.other = other
        self.filters = filters

    def check(self, document: dict[str, Any], fork: int) -> None:
        """Refuse the update if the rivals, the same up to `fork`, meet in `document`.

        Raises:
            WriteError: With MongoDB's code 40 (ConflictingUpdateOperators).
        """
        self._approach(document, 0, fork, ())

    def _approach(self, container: Any, start: int, fork: int, taken: tuple[str, ...]) -> None:
        """Follow both paths, equal from `start` to `fork`, to every element that the parts at `fork` have in common."""
        one, other = self.one, self.other
        depth = next((index for index in one.identifiers if start <= index <= fork), fork)
        container = follow(container, one, start, depth)
        taken = (*taken, *one.parts[start:depth])
        if depth not in one.identifiers:
            if one.parts[fork] == other.parts[fork]:
                self._merge(follow(container, one, fork, fork + 1), fork + 1, (*taken, one.parts[fork]))
            return
        if type(container) is not list:
            return
        tests = {self.filters[path.identifiers[depth]] for path in (one, other)}
        for index, element in enumerate(container):
            if all(test(element) for test in tests):
                if depth == fork:
                    self._merge(element, depth + 1, (*taken, str(index)))
                else:
                    self._approach(element, depth + 1, fork, (*taken, str(index)))

    def _merge(self, container: Any, start: int, taken: tuple[str, ...]) -> None:
        """Go on from a value that both paths lead through: they must part by names, not in what they take it for."""
        one, other = self.one, self.other
        for depth in range(start, max(len(one.parts), len(other.parts)) + 1):
            a, b = (path.parts[depth] if depth < len(path.parts) else None for path in (one, other))
            if a is not None and a == b:
                continue
            if a is None or b is None or is_array_part(a) is not is_array_part(b):
                place = ".".join((*taken, *one.parts[start:depth]))
                message = f"the update creates a conflict at {place!r}"
                raise WriteError(message, code=40, code_name="ConflictingUpdateOperators")
            if is_array_part(a):
                self._approach(container, start, depth, taken)
            return
