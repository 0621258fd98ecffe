"""The first documents in the order of an index: where enough of them match, a sort with a limit needs no others.

A server runs such plans for a while before it chooses one; here the first documents in order are tested, and if they
do not give the answer, what the planner has chosen is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.columns import LEAST
from nosqlpy._core.engine.execution import Query
from nosqlpy._core.plan.plan import Plan
from nosqlpy._core.plan.planner import in_order_of
from nosqlpy._core.query.sort import Ordering

TRIED_MIN: Final = 1024
TRIED_MAX: Final = 4096
TRIED_SHARE: Final = 32
"""Documents that are tested before it is given up: this part of all, within bounds. A scan of columns takes ten times
as long, and no event loop is held for more than a millisecond or two."""
READ_MAX: Final = 256
"""The same where some of them may have to be read from disk."""


def first_in_order(collection: CollectionState, query: Query, plan: Plan) -> tuple[Plan, Sequence[bytes]] | None:
    """Return a plan that goes through documents in the order of an index, and as many of them as have the answer.

    None where `plan`, or the query, is of another kind, or the first documents have not enough matches.
    """
    if not query.limit or query.ordering is None or query.hint is not None or query.predicate.everything:
        return None
    chosen = _chosen(collection, query, query.ordering, plan)
    if chosen is None:
        return None
    wanted = query.skip + query.limit
    most = min(TRIED_MAX, max(TRIED_MIN, collection.slots.count() // TRIED_SHARE))
    keys, tried, found, step = iter(collection.keys(chosen)), list[bytes](), 0, wanted
    while len(tried) + step <= most:
        some = list(islice(keys, step))
        if not some:  # these were all
            return chosen, tried
        blobs = collection.slots.some(some)
        if type(blobs) is not list and len(tried) + len(some) > READ_MAX:
            return None
        read = blobs[:]
        found += len(query.predicate.select(read))
        tried += read
        if found >= wanted:
            return chosen, tried
        step *= 2
    return None


def _chosen(collection: CollectionState, query: Query, ordering: Ordering, plan: Plan) -> Plan | None:
    """Return the plan whose first documents are worth a try, where not all that it leads to match."""
    if plan.candidates < LEAST or query.scored:
        return None
    if plan.stage == "IXSCAN" and plan.directions:
        return None if plan.exact else plan
    if plan.stage != "COLLSCAN" or plan.directions or not collection.has_orders:
        return None
    path = ordering.keys[0][0]
    index = collection.order_of_ids() if path == "_id" else collection.indexes.by_path.get(path)
    return None if index is None else in_order_of(index, query.predicate, ordering, plan.candidates)
