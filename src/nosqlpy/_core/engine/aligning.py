"""What two moments of a collection have in common: which documents of the later one stand where in the earlier one.

A document that was not written to is the same object at both moments. Only that
counts; the rest is a search for the shortest way, which writes leave documents in
their order for: one is replaced in its place, one is taken out, new ones come last.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from operator import is_not
from typing import Any, Final

import msgspec

from nosqlpy._core.query.buckets import Steps

# documents that are compared at once; the first few one by one, since writes often stand together
LONGEST: Final = 8192
_SHORTEST: Final = 32
# how far ahead a document is looked for after this many that did not fit, each time their number doubles
_AHEAD: Final = 64
# more than this part of the documents, and what is made of them is made anew in less time
_CHANGED_SHARE: Final = 4
# documents that were changed and are gone through in one step
_STEP: Final = 256


class Alignment(msgspec.Struct, frozen=True):
    """Runs of an earlier moment that make up the later one, with gaps: documents that were not there, by position.

    A run is a slice of the earlier moment; a number is a gap of so many documents.
    """

    runs: list[slice | int]
    fresh: list[int]

    def aligned(self, entries: list[Any]) -> list[Any]:
        """Return what stood beside the documents of the earlier moment beside those of the later one, None in gaps."""
        made: list[Any] = []
        for run in self.runs:
            made += entries[run] if isinstance(run, slice) else [None] * run
        for place in self.fresh:
            made[place] = None
        return made


def align(old: Sequence[object], new: Sequence[object]) -> Steps[Alignment | None]:
    """Return the alignment of two moments, None if they have too little in common."""
    replaced = yield from _replaced(old, new)
    if replaced is not None:
        same = min(len(old), len(new))
        added = range(same, len(new))
        return Alignment([slice(0, same), len(added)], [*replaced, *added])
    runs: list[slice | int] = []
    fresh: list[int] = []
    most = len(new) // _CHANGED_SHARE
    i = j = missed = 0
    while j < len(new):
        begun = i
        while (size := _common(old, i, new, j)) > 0:
            i, j = i + size, j + size
            if size == LONGEST:
                yield
        if i > begun:
            runs.append(slice(begun, i))
            missed = 0
        if j == len(new):
            break
        missed += 1
        if missed & (missed - 1) == 0 and (skipped := _ahead(old, i, new[j], _AHEAD * missed)):
            i += skipped
            continue
        fresh.append(j)
        runs.append(1)
        i, j = i + 1, j + 1
        if len(fresh) > most:
            return None
        if len(fresh) % _STEP == 0:
            yield
    return Alignment(runs, fresh)


def _replaced(old: Sequence[object], new: Sequence[object]) -> Steps[list[int] | None]:
    """Return where another document stands in the place of one; None if some have moved, or too much is new."""
    same = min(len(old), len(new))
    most = len(new) // _CHANGED_SHARE - (len(new) - same)
    found: list[int] = []
    for start in range(0, same, LONGEST):
        stop = min(start + LONGEST, same)
        part = old[start:stop], new[start:stop]
        if part[0] != part[1]:  # a list compares objects before it asks them
            differing = list(compress(range(start, stop), map(is_not, *part)))
            if 2 * len(differing) > stop - start:
                return None
            found += differing
        if len(found) > most:
            return None
        yield
    return found if most >= 0 else None


def _common(old: Sequence[object], i: int, new: Sequence[object], j: int) -> int:
    """Return how many documents are the same from `i` and `j` on, at most `LONGEST`."""
    size = 0
    most = min(len(old) - i, len(new) - j, LONGEST)
    if most <= 0 or old[i] is not new[j]:
        return 0
    step = _SHORTEST
    while size < most:
        stop = min(size + step, most)
        # a list compares objects before it asks them
        if old[i + size : i + stop] == new[j + size : j + stop]:
            size, step = stop, step * 4
        elif stop - size <= _SHORTEST:
            while old[i + size] is new[j + size]:
                size += 1
            break
        else:
            step = max(_SHORTEST, (stop - size) // 4)
    return size


def _ahead(old: Sequence[object], i: int, document: object, most: int) -> int:
    """Return how many documents were taken out before `document`, 0 if it is not among the next ones."""
    try:
        return old.index(document, i, i + most) - i
    except ValueError:
        return 0
