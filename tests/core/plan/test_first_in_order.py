"""Filters beside a sort with a limit: the first documents in the order of an index are tried; no answer changes."""

from __future__ import annotations

import os
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.logged import Logged, request
from core.plan.test_any_index import CHANGES, COLLECTIONS, INDEXES, KEYS, PATHS, QUERIES, answer, build
from nosqlpy._core.engine import trying
from nosqlpy._core.engine.reads import execute
from nosqlpy._core.plan import search

SCALE = int(os.environ.get("NOSQLPY_INDEX_EXAMPLES", "1"))
MANY = 3000


@settings(max_examples=100 * SCALE)
@given(
    COLLECTIONS, INDEXES, PATHS, CHANGES, QUERIES, st.none() | KEYS, st.integers(0, 2), st.integers(1, 4)
)  # fmt: skip
def test_trying_the_first_documents_changes_no_answer(
    documents: list[Any],
    indexes: list[Any],
    path: str,
    changes: list[Any],
    filter: Any,
    sort: Any,
    skip: int,
    limit: int,
) -> None:
    db = build(documents, [([(path, 1)], {}), *indexes], changes)
    options: dict[str, Any] = {"sort": sort or [(path, -1)], "skip": skip, "limit": limit}
    scanned = answer(db, filter, hint="$natural", **options)
    with (
        patch.multiple(trying, LEAST=0, TRIED_MIN=3, TRIED_MAX=5),
        patch.object(search, "SCANNED_MIN", 0),
    ):
        found = answer(db, filter, **options)

    assert found == scanned


def filled() -> Logged:
    db = Logged()
    db.insert("x", *({"_id": n, "at": n * 7919 % MANY, "even": n % 2 == 0, "rare": n == 1} for n in range(MANY)))
    db.index("x", "at")
    return db


def stage(db: Logged, filter: Any, **options: Any) -> str:
    return execute(db.engine, "x", request(filter, sort="-at", **options)).plan.stage


def test_a_filter_that_many_documents_match_is_tested_on_the_first_ones_in_the_order_of_an_index() -> None:
    db = filled()
    execution = execute(db.engine, "x", request({"even": True}, sort="-at", limit=10))
    found = [document["at"] for batch in execution.steps() for document in batch]

    assert found == sorted((n * 7919 % MANY for n in range(0, MANY, 2)), reverse=True)[:10]
    assert execution.plan.stage == "IXSCAN"
    assert execution.examined < 100


def test_a_filter_that_few_documents_match_is_answered_by_sorting_them() -> None:
    assert stage(filled(), {"rare": True}, limit=10) == "COLLSCAN"


def test_without_a_limit_or_with_a_hint_the_index_gives_the_order() -> None:
    db = filled()

    assert stage(db, {"rare": True}) == "IXSCAN"
    assert stage(db, {"rare": True}, limit=10, hint="at_1") == "IXSCAN"
