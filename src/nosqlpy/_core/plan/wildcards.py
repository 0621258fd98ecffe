"""Wildcard indexes in plans: which conditions such an index answers, one field at a time.

Manual: core/indexes/index-types/index-wildcard/reference/restrictions. It has no document that lacks the field, and
values in documents and arrays but not these as such; so what null, a document or an array can meet is not for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nosqlpy._core.index.bounds import Bounds, Range, meet_all
from nosqlpy._core.index.components import STRING_RANK, rank_of
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.scanning import FieldBounds
from nosqlpy._core.plan.conditions import Table, has_position
from nosqlpy._core.query.conjuncts import Conjunction
from nosqlpy._core.query.sort import Ordering
from nosqlpy._core.values.keys import equality_key

_OBJECT: Final = 20
_EMPTY_OBJECT: Final = equality_key({})


def path_of(bounds: FieldBounds) -> str:
    """Return the path that bounds of a wildcard index are about."""
    return str(bounds[0].points[0])


def bounds_in(index: HashIndex, conjunction: Conjunction, table: Table) -> Iterator[FieldBounds]:
    """Yield the bounds that conditions set in a wildcard index, of which each holds all that can match.

    Raises:
        Unloaded: The index must be built first.
    """
    for path, conditions in table.items():
        if serves(index, path):
            for each in conditions if comes_through_array(index, path) else [meet_all(conditions)]:
                if _is_held(each):
                    yield _within(path, each)
    for condition in conjunction.conditions:
        if condition.operator == "$exists" and condition.operand in (True, 1) and serves(index, condition.path):
            # a document has no key of its own, but one for each of its fields: those up to the character after "."
            yield (
                Bounds(
                    (condition.path,), (Range(STRING_RANK, f"{condition.path}.", f"{condition.path}/", high_open=True),)
                ),
            )


def order_in(index: HashIndex, table: Table, ordering: Ordering) -> FieldBounds | None:
    """Return the bounds within which a wildcard index has all that can match in an order; None if it has not.

    Raises:
        Unloaded: The index must be built first.
    """
    path = ordering.keys[0][0]
    if len(ordering.keys) > 1 or path not in table or not serves(index, path) or comes_through_array(index, path):
        return None
    each = meet_all(table[path])
    return _within(path, each) if _is_held(each) else None


def _within(path: str, bounds: Bounds) -> FieldBounds:
    return Bounds((path,), exact=True), bounds


def serves(index: HashIndex, path: str) -> bool:
    """Whether the keys of a wildcard index say what a path reaches.

    Raises:
        Unloaded: They would, and the index must be built first.
    """
    if index.wildcard is None or not index.wildcard.has(path):
        return False
    index.ready()
    return not has_position(path) or not comes_through_array(index, path.rpartition(".")[0])


def comes_through_array(index: HashIndex, path: str) -> bool:
    """Whether a document of a wildcard index has an array at a path or on the way there."""
    arrays, reached = index.multikey, ""
    for part in path.split(".") if arrays else ():
        reached = f"{reached}.{part}" if reached else part
        if reached in arrays:
            return True
    return False


def _is_held(bounds: Bounds) -> bool:
    """Whether what lies within bounds stands in a wildcard index."""
    objects = (key for key in bounds.points if rank_of(key) == _OBJECT)
    return not bounds.has_null and bounds.is_flat and all(key == _EMPTY_OBJECT for key in objects)
