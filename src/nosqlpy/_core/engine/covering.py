"""Covered queries: answers that are made of the keys of an index, without a look at a document.

Manual: core/query-optimization#covered-query. The fields of such an answer stand in the order of the index, as on a
server. A key stands for a value only where it surely is that very value: strings, and integers and dates while no
other number or date has come to the index, since those that are equal have one key. Null stands for a missing field
too, and covers nothing. An id is the key of its document, and covers if it is a string.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, TypeVar, cast

import msgspec

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.execution import Decode, Query
from nosqlpy._core.index import scanning
from nosqlpy._core.index.bounds import Bounds
from nosqlpy._core.index.catalogue import ORDERED
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.ids import IdIndex
from nosqlpy._core.plan.plan import Plan
from nosqlpy._core.query.several import Several
from nosqlpy._core.query.sortvalues import UNDEFINED
from nosqlpy._core.values.numbers import NUMERIC
from nosqlpy._core.values.typed import itself
from nosqlpy._core.values.types import DATE, TYPES

T = TypeVar("T")


class Covered(msgspec.Struct, frozen=True):
    """The values of each document of an answer, of those fields."""

    names: tuple[str, ...]
    columns: tuple[Sequence[Any], ...]

    @property
    def rows(self) -> Sequence[bytes]:
        """What an execution takes for encoded documents, and `making` makes documents of."""
        # of several columns the positions: a tuple for each document would have the collector run
        return cast("Sequence[bytes]", self.columns[0] if len(self.columns) == 1 else range(len(self.columns[0])))

    def making(self, convert: Callable[[dict[str, Any]], T]) -> Decode[T]:
        """Return what makes of one of `rows` what the caller gets."""
        make = _maker(self.names, self.columns)
        return cast("Decode[T]", make) if convert is itself else lambda row: convert(make(row))


def _maker(names: tuple[str, ...], columns: tuple[Sequence[Any], ...]) -> Callable[[Any], dict[str, Any]]:
    """Return what makes documents with fields of these names of rows; a literal takes a third of the time."""
    if len(names) == 1:
        (only,) = names
        return lambda value: {only: value}
    if len(names) == 2:
        (first, second), (left, right) = names, columns
        return lambda place: {first: left[place], second: right[place]}
    return lambda place: {name: column[place] for name, column in zip(names, columns, strict=True)}


def covered(collection: CollectionState, query: Query, plan: Plan) -> Covered | None:
    """Return the answer of a find as the keys of the index that its plan uses; None if these are not it.

    What is skipped is among it, and nothing past the limit.
    """
    projection = query.projection
    if projection is None or not projection.plain or plan.stage != "IXSCAN" or type(collection) is not CollectionState:
        return None
    if not (plan.exact or query.predicate.everything) or (query.ordering is not None and not plan.directions):
        return None
    index, paths = collection.index(plan.index), projection.paths or frozenset()
    fields = [path for path, _ in index.keys]
    if type(index) not in _KINDS or index.multikey or index.wildcard is not None or index.definition.kind != ORDERED:
        return None
    if not paths or not paths <= {"_id", *fields} or index.collation is not None:
        return None
    return _answer(index, fields, paths, _pairs(collection, index, query, plan))


_KINDS: Final = (HashIndex, IdIndex)
_STRINGS: Final = frozenset((str,))
_ALL: Final = frozenset((str, int, datetime))
_NO_VALUES: Final = (Several, type(UNDEFINED))
"""What stands for several values, and for none."""


def _pairs(
    collection: CollectionState, index: HashIndex, query: Query, plan: Plan
) -> tuple[Sequence[Hashable], Sequence[Hashable]]:
    """Return the keys of the documents of the answer, and the keys of the index under which they stand."""
    most = query.skip + query.limit if query.limit else None
    natural = collection.natural.sorted
    if plan.directions:
        ordered = scanning.pairs_in_order(index, plan.bounds or (), plan.first, plan.directions, natural)
        documents: list[Hashable] = []
        keys: list[Hashable] = []
        for some, theirs in ordered:
            documents += some
            keys += theirs
            if most is not None and len(documents) >= most:
                break
        return documents[:most], keys[:most]
    bounds = (Bounds(plan.values),) if plan.bounds is None else plan.bounds
    pairs, is_natural = scanning.pairs_within(index, bounds)
    if is_natural:
        return list(pairs)[:most], list(pairs.values())[:most]
    found = natural(pairs)[:most]
    return found, list(map(pairs.__getitem__, found))


def _answer(
    index: HashIndex, fields: Sequence[str], paths: frozenset[str], pairs: tuple[Sequence[Hashable], Sequence[Hashable]]
) -> Covered | None:
    """Return the columns of an answer; None if a key does not say which value it stands for."""
    documents = pairs[0]
    keys: Sequence[Any] = pairs[1]
    names: list[str] = []
    columns: list[Sequence[Any]] = []
    if "_id" in paths:
        if not {str}.issuperset(map(type, documents)):
            return None
        names, columns = ["_id"], [documents]
        if len(paths) == 1:
            return Covered(("_id",), (documents,))
    known = _known(index)
    for position, path in enumerate(fields):
        if path in paths and path != "_id":
            column: Any = keys if len(fields) == 1 else list(map(itemgetter(2 * position + 1), keys))
            if not known.issuperset(map(type, column)):
                return None
            names.append(path)
            columns.append(column)
    return Covered(tuple(names), tuple(columns))


def _known(index: HashIndex) -> frozenset[type]:
    """Return the classes of keys that are the very values."""
    kinds = index.kinds
    if not kinds:
        return _ALL
    if object in kinds:
        return _STRINGS
    brackets = [TYPES[kind] for kind in kinds if kind is not datetime and kind not in _NO_VALUES]
    integers = () if any(bracket in NUMERIC for bracket in brackets) else (int,)
    dates = () if DATE in brackets else (datetime,)
    return frozenset((str, *integers, *dates))
