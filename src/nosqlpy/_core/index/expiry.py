"""Documents that have expired: what an index with ``expireAfterSeconds`` says of a moment.

Manual: core/index-ttl. A document expires when the earliest date at the field is as many seconds old; what is no
date never expires.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from datetime import datetime, timedelta
from typing import Any, Final

from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.values.order import date_content

SECONDS_MAX: Final = 2**31 - 1
"""MongoDB's limit of ``expireAfterSeconds``."""
_DATE: Final = 45


def expired(index: HashIndex, now: datetime) -> Collection[Hashable]:
    """Return the keys of the documents that have expired by an index.

    Raises:
        Unloaded: The index must be built first.
    """
    index.ready()
    cutoff = date_content(cutoff_of(index.definition, now))
    span = index.order().span(_DATE, None, cutoff, low_open=False, high_open=False)
    return dict.fromkeys(index.documents(span.all())) if len(span) else ()


def seconds_to_next(index: HashIndex, now: datetime) -> float | None:
    """Return in how many seconds the next document expires by an index, as things are now; None if none will."""
    dates = index.order().span(_DATE, None, None, low_open=False, high_open=False)
    if not len(dates):
        return None
    first = dates.keys.at(dates.start)
    return (first - cutoff_of(index.definition, now)).total_seconds() if isinstance(first, datetime) else None


def cutoff_of(definition: IndexDefinition, now: datetime) -> datetime:
    """Return the date at and before which documents have expired."""
    return now - timedelta(seconds=int(definition.expire_after or 0))


def filter_of(definition: IndexDefinition, now: datetime) -> dict[str, Any]:
    """Return the filter of the documents that have expired."""
    aged: dict[str, Any] = {definition.keys[0][0]: {"$lte": cutoff_of(definition, now)}}
    return aged if definition.partial is None else {"$and": [aged, definition.partial]}
