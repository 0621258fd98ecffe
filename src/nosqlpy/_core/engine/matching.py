"""What a write finds: the documents that its query matches, and how many it looks at for that."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from nosqlpy._core.engine import columns
from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.execution import Query
from nosqlpy._core.engine.reads import compile_query, plan_of
from nosqlpy._core.engine.searching import check_searched, settled
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.index.deferred import Unloaded
from nosqlpy._core.query.buckets import Steps, finished
from nosqlpy._core.query.sort import Ordering
from nosqlpy._core.query.sorter import Sorter
from nosqlpy._core.values.codec import decode_id
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.metadata import ScoredBytes

# documents that are tested at once
STEP = 1000
# what counts as the reach of a write that must load something first
LOADING = 1 << 20


class Point(msgspec.Struct, frozen=True, gc=False):
    """A query for what has this value, a str or an int, at this path; a write's path is ``_id``."""

    path: str
    value: str | int

    @property
    def query(self) -> Query:
        """The query that asks for the same."""
        return compile_query({self.path: self.value}, origin=self)

    def compile(self, _variables: Mapping[str, Any], collation: Collation, /) -> Query:
        """Return the query under a collation."""
        return compile_query({self.path: self.value}, collation=collation)


class Match(msgspec.Struct, frozen=True, gc=False):
    """A stored document that a write found: its key, and its bytes."""

    key: Hashable
    data: bytes


def reach(engine: Engine, name: object, asked: object) -> int:
    """Return how many documents a write looks at to find what is `asked` for by a query; None: all."""
    # what is no name is refused by the plan
    collection = engine.collections.get(name) if isinstance(name, str) else None
    if collection is None:
        return 0
    if isinstance(asked, Point) and collection.collation is None:
        return 1
    query = getattr(asked, "query", asked)
    try:
        size = collection.slots.count()
        return plan_of(collection, query.under(collection.collation)).candidates if isinstance(query, Query) else size
    except Unloaded:
        return LOADING


def matches_of(engine: Engine, name: str, query: Query, limit: int) -> list[Match]:
    """Return the stored documents that `query` matches, at most `limit` of them (0: all), in its order."""
    collection = engine.collections.get(name)
    if collection is None:
        check_searched(query)
        return []
    query = query.under(collection.collation)
    predicate = query.predicate
    if predicate.exact == "_id" and query.hint is None:
        key = equality_key(predicate.operand)
        data = collection.slots.get(key)
        return [] if data is None else [Match(key, data)]
    plan = plan_of(collection, msgspec.structs.replace(query, limit=limit) if limit or query.ordering else query)
    query = settled(query, plan)
    if plan.stage == "COLLSCAN" and not plan.directions:
        found = _scan(collection, query, 0 if query.ordering else limit)
    else:
        keys = collection.keys(plan)
        is_ordered = plan.directions or query.ordering is None
        if limit and plan.exact and is_ordered:
            keys = islice(keys, limit)
        candidates = [Match(key, data) for key, data in collection.slots.pairs(keys)]
        if query.scored:
            scores = collection.scores(plan)
            candidates = [Match(each.key, ScoredBytes.of(each.data, scores.get(each.key))) for each in candidates]
        found = candidates if plan.exact else _tested(candidates, query, limit if is_ordered else 0)
    if query.ordering is not None and not plan.directions:
        found = _sorted(found, query, query.ordering, limit, engine.sort_memory)
    return found[:limit] if limit else found


def _sorted(found: list[Match], query: Query, ordering: Ordering, limit: int, memory: int) -> list[Match]:
    sorter: Sorter[Match] = Sorter(ordering, limit, memory)
    for start in range(0, len(found), STEP):
        part = found[start : start + STEP]
        finished(sorter.add([match.data for match in part], part))
        _check(query)
    return finished(sorter.sorted())


def _check(query: Query) -> None:
    if query.check is not None:
        query.check()


def _checked(steps: Steps[bool], query: Query) -> bool:
    """Return the result of steps, between which the query may have to end."""
    try:
        while True:
            next(steps)
            _check(query)
    except StopIteration as stop:
        return bool(stop.value)


def _tested(candidates: list[Match], query: Query, limit: int) -> list[Match]:
    found: list[Match] = []
    for start in range(0, len(candidates), STEP):
        part = candidates[start : start + STEP]
        selected = set(map(id, query.predicate.select([match.data for match in part])))
        found += [match for match in part if id(match.data) in selected]
        _check(query)
        if limit and len(found) >= limit:
            break
    return found


def _scan(collection: CollectionState, query: Query, limit: int) -> list[Match]:
    found: list[Match] = []
    for selected in _selected(collection, query, build=not limit):
        _check(query)
        found += [Match(equality_key(decode_id(data)), data) for data in selected]
        if limit and len(found) >= limit:
            break
    return found


def _selected(collection: CollectionState, query: Query, *, build: bool) -> Iterator[list[bytes]]:
    """Yield the documents that match, by columns if these are there, or going to be."""
    moment, blobs = collection.slots.now(), collection.all()
    if len(blobs) >= columns.LEAST:
        scan = columns.scan_of(collection.columns, blobs, query.predicate, build=build, moment=moment)
        if scan is not None and _checked(scan.prepare(), query):
            for rows in scan.positions():
                yield columns.taken(blobs, rows)
            return
    for start in range(0, len(blobs), STEP):
        yield query.predicate.select(blobs[start : start + STEP])
