"""Any projection of any query, with any indexes: what it makes of the whole documents that match."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.logged import Logged, find
from core.plan.test_any_index import CHANGES, COLLECTIONS, INDEXES, QUERIES, SCALE, SORTS, build
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.query.matched import compile_find_projection
from nosqlpy.errors import OperationFailure, QueryError

FIELDS = st.sampled_from(["a", "b", "c", "a.b", "a.a", "b.a", "a.0", "none", "none.x", "_id"])
INCLUDED = st.dictionaries(FIELDS, st.just(1), min_size=1, max_size=3)
ODD = st.sampled_from(
    [
        {"a": {"$slice": 1}},
        {"a": {"$slice": -1}, "b": 1},
        {"a": {"$elemMatch": {"$gte": 1}}},
        {"a": {"$elemMatch": {"b": 1}}, "c": 1},
        {"a.$": 1},
        {"a.b.$": 1, "b": 1},
        {"x": {"$literal": 1}},
        {"x": {"$ifNull": ["$a.b", "$c"]}, "b": 1},
        {"x": "$$ROOT"},
        {"a": {"x": "$b"}},
        {"a": 0},
        {"b.a": 0},
    ]
)
PROJECTIONS = st.one_of(
    INCLUDED,
    ODD,
    st.builds(lambda projection: {**projection, "_id": 0}, INCLUDED | ODD),
    st.lists(st.sampled_from(["a", "b", "c", "_id"]), min_size=1, max_size=2, unique=True),
)


def projected(db: Logged, filter: Any, projection: Any, **options: Any) -> Any:
    """Return what a projection makes of whole documents, or the error in which that ends."""
    try:
        shown = compile_find_projection(projection, compile_filter(filter))
        return repr([shown.apply(document) for document in find(db.engine, "x", filter, **options)])
    except (OperationFailure, QueryError) as error:
        return error.code


def answer(db: Logged, filter: Any, projection: Any, **options: Any) -> Any:
    """Return the answer of a find with a projection, or the error in which it ends."""
    try:
        return repr(find(db.engine, "x", filter, projection=projection, **options))
    except (OperationFailure, QueryError) as error:
        return error.code


@settings(max_examples=200 * SCALE)
@given(COLLECTIONS, INDEXES, CHANGES, QUERIES, SORTS, st.lists(PROJECTIONS, min_size=1, max_size=4), st.data())
def test_a_projection_is_that_of_whole_documents(
    documents: list[Any],
    indexes: list[Any],
    changes: list[Any],
    filter: Any,
    sort: Any,
    projections: list[Any],
    data: st.DataObject,
) -> None:
    db = build(documents, indexes, changes)
    for projection in projections:
        options = {"sort": sort, "skip": data.draw(st.integers(0, 2)), "limit": data.draw(st.integers(0, 4))}
        expected = projected(db, filter, projection, **options, hint="$natural")

        assert answer(db, filter, projection, **options) == expected
        assert answer(db, filter, projection, **options, hint="$natural") == expected
