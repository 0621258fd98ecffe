"""Orders that an index of arrays gives: each document once, at its smallest element, or at its largest one."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.logged import Inside, Logged, find, ids, request
from core.plan.test_any_index import CHANGES, FEW, change
from nosqlpy._core.engine import definitions
from nosqlpy._core.engine.reads import plan_of
from nosqlpy._core.index.options import define_index

SCALE = int(os.environ.get("NOSQLPY_INDEX_EXAMPLES", "1"))
ELEMENTS = FEW | st.lists(FEW, max_size=2) | st.dictionaries(st.sampled_from("ab"), FEW, max_size=2)
HOLDING = st.fixed_dictionaries({}, optional={"a": st.lists(ELEMENTS, max_size=4) | ELEMENTS, "b": FEW})


def indexed(documents: list[Any], *, before: bool) -> Logged:
    """Return a database with an index on `a`, which is multikey, made `before` the documents or after them."""
    db = Logged()
    db.insert("x", {"_id": "first", "a": [7, 8]})
    if before:
        db.index("x", "a")
    db.insert("x", *({"_id": number, **document} for number, document in enumerate(documents)))
    if not before:
        db.index("x", "a")
    return db


@settings(max_examples=100 * SCALE)
@given(
    st.lists(HOLDING, max_size=9),
    st.booleans(),
    CHANGES,
    st.sampled_from([1, -1]),
    st.integers(0, 3),
    st.integers(0, 4),
)
def test_the_order_of_a_multikey_index_is_that_of_a_sort(
    documents: list[Any], before: bool, changes: list[Any], way: int, skip: int, limit: int
) -> None:
    db = indexed(documents, before=before)
    change(db, changes)
    options: dict[str, Any] = {"sort": [("a", way)], "skip": skip, "limit": limit}

    for hint in (None, "a_1"):
        assert repr(find(db.engine, "x", {}, hint=hint, **options)) == repr(
            find(db.engine, "x", {}, hint="$natural", **options)
        )


@settings(max_examples=50 * SCALE)
@given(st.lists(HOLDING, max_size=9), CHANGES, st.sampled_from([1, -1]), st.integers(0, 4))
def test_it_is_within_a_transaction_that_changes_documents(
    documents: list[Any], changes: list[Any], way: int, limit: int
) -> None:
    inside = Inside(indexed(documents, before=True))
    change(inside, changes)
    options: dict[str, Any] = {"sort": [("a", way)], "limit": limit}

    assert ids(inside.find("x", {}, **options)) == ids(inside.find("x", {}, hint="$natural", **options))


def planned(index: Any, options: dict[str, Any], filter: Any, sort: Any) -> str:
    """Return the stage of the plan for documents with arrays at `a`, `b` and `c.d`."""
    db = Logged()
    db.insert("x", *({"_id": n, "a": [n, n + 1], "b": n, "c": [{"d": n}, {"d": -n}]} for n in range(50)))
    db.run(definitions.create_index, "x", define_index(index, "it", options))
    plan = plan_of(db.engine.collections["x"], request(filter, sort=sort, limit=3).query)
    return plan.stage if plan.directions else "sorted"


@pytest.mark.parametrize("sort", ["a", "-a"])
def test_a_sort_of_everything_by_a_field_of_arrays_uses_its_index(sort: str) -> None:
    assert planned("a", {}, {}, sort) == "IXSCAN"


@pytest.mark.parametrize(
    ("index", "options", "filter", "sort"),
    [
        ("a", {}, {"a": {"$gt": 5}}, "a"),
        ("a", {}, {"b": 1}, "a"),
        ("a", {}, {}, ["a", "b"]),
        ("a", {"sparse": True}, {}, "a"),
        (["a", "b"], {}, {}, "a"),
        (["b", "a"], {}, {"b": 1}, "a"),
        ("c.d", {}, {}, "c.d"),
    ],
    ids=["bounds", "a filter", "two keys", "sparse", "compound", "behind a point", "a path through arrays"],
)
def test_a_sort_by_arrays_is_made_by_sorting_where(index: Any, options: Any, filter: Any, sort: Any) -> None:
    assert planned(index, options, filter, sort) == "sorted"


def test_a_document_comes_with_its_smallest_element_ascending_and_with_its_largest_descending() -> None:
    db = Logged()
    db.insert("x", {"_id": 1, "a": [1, 9]}, {"_id": 2, "a": [2, 3]}, {"_id": 3, "a": []}, {"_id": 4})
    db.insert("x", {"_id": 5, "a": 4})
    db.index("x", "a")

    assert db.ids("x", {}, sort="a") == [3, 4, 1, 2, 5]
    assert db.ids("x", {}, sort="-a") == [1, 5, 2, 4, 3]
