"""The first documents in the order of ids: where enough of them match, a sort by ``_id`` with a limit needs no others.

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
from nosqlpy._core.plan.planner import in_order_of_ids

TRIED_MIN: Final = 1024
TRIED_MAX: Final = 4096
TRIED_SHARE: Final = 32
"""Documents that are tested before it is given up: this part of all, within bounds. A scan of columns takes ten times
as long, and no event loop is held for more than a millisecond or two."""
READ_MAX: Final = 256
"""The same where some of them may have to be read from disk."""


def first_by_id(collection: CollectionState, query: Query, plan: Plan) -> tuple[Plan, Sequence[bytes]] | None:
    """Return a plan that goes through documents in the order of ids, and as many of them as have the answer.

    None where `plan`, or the query, is of another kind, or the first documents have not enough matches.
    """
    ordering, wanted = query.ordering, query.skip + query.limit
    if plan.stage != "COLLSCAN" or ordering is None or not query.limit or query.hint is not None:
        return None
    ids = collection.order_of_ids()
    if ids is None or not collection.has_orders or ordering.keys[0][0] != "_id" or plan.candidates < LEAST:
        return None
    chosen = in_order_of_ids(query.predicate, ids, ordering, plan.candidates)
    if chosen is None:
        return None
    most = min(TRIED_MAX, max(TRIED_MIN, plan.candidates // TRIED_SHARE))
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
