from __future__ import annotations

from typing import Any

import pytest
from bson import MinKey

from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.plan.plan import Plan
from nosqlpy._core.plan.planner import choose
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.values.keys import equality_key
from nosqlpy.errors import QueryError

SIZE = 10


def hashed(field: str, *counts: tuple[Any, int]) -> HashIndex:
    """Return an index on `field` with so many documents under each value."""
    made = HashIndex(IndexDefinition(f"{field}_1", ((field, 1),)))
    for value, count in counts:
        for key in range(count):
            made.add([equality_key(value)], key)
    return made


USED = (hashed("x", (1, 4), (2, 1), (True, 2)), hashed("y", (1, 2), (2, 9)), hashed("z", (1, SIZE)))
INDEXES = {index.name: index for index in USED}


def plan(filter: Any, hint: str | None = None) -> Plan:
    return choose(compile_filter(filter), INDEXES, SIZE, hint)


def summary(filter: Any, hint: str | None = None) -> tuple[str, str | None, int, bool]:
    chosen = plan(filter, hint)
    return chosen.stage, chosen.index, chosen.candidates, chosen.exact


@pytest.mark.parametrize(
    "filter", [{}, {"q": 1}, {"x": {"$gt": MinKey()}}, {"$or": [{"x": 1}, {"q": 2}]}, {"x": {"$ne": 1}}]
)
def test_a_filter_that_no_index_serves_is_a_scan_of_all(filter: Any) -> None:
    assert plan(filter) == Plan("COLLSCAN", None, (), SIZE)


def test_the_index_with_the_fewest_candidates_is_taken() -> None:
    assert summary({"x": 1, "y": 1}) == ("IXSCAN", "y_1", 2, False)
    assert summary({"x": 2, "y": 1}) == ("IXSCAN", "x_1", 1, False)


def test_of_indexes_that_lead_to_as_many_the_older_is_taken() -> None:
    assert plan({"y": 1, "x": True}).index == "x_1"


def test_an_index_that_leads_to_all_documents_is_not_taken() -> None:
    assert plan({"z": 1}).stage == "COLLSCAN"


def test_a_value_that_nobody_has_has_no_candidates() -> None:
    assert plan({"z": 99}) == Plan("IXSCAN", "z_1", (99,), 0, exact=True)


def test_the_candidates_of_several_values_are_counted_together() -> None:
    assert summary({"x": {"$in": [1, 2, 77]}}) == ("IXSCAN", "x_1", 5, True)


def test_equal_values_are_looked_up_once() -> None:
    chosen = plan({"x": {"$in": [1, 1.0, 2]}})

    assert chosen.values == (1, 2)
    assert chosen.candidates == 5


def test_an_empty_list_of_values_leads_nowhere() -> None:
    assert summary({"x": {"$in": []}}) == ("IXSCAN", "x_1", 0, True)


@pytest.mark.parametrize(
    ("filter", "exact"),
    [
        ({"x": 1}, True),
        ({"x": "s"}, True),
        ({"x": True}, True),
        ({"x": None}, False),
        ({"x": 1.5}, True),
        ({"x": {"$gt": 1}}, True),
        ({"x": {"$gt": 1, "$lt": 2}}, True),
        ({"x": {"$gt": 1, "$ne": 2}}, False),
        ({"x": {"$regex": "^a"}}, False),
        ({"x": {"$in": [1, None]}}, False),
        ({"x": {"y": 1}}, False),
        ({"x": 2, "q": 1}, False),
        ({"x": {"$in": [1, 2]}}, True),
        ({"$and": [{"x": 2}, {"q": 1}]}, False),
    ],
    ids=repr,
)
def test_only_the_matches_of_conditions_that_keys_tell_need_no_test(filter: Any, exact: bool) -> None:
    chosen = plan(filter)

    assert chosen.stage == "IXSCAN"
    assert chosen.exact is exact


def test_equalities_inside_a_conjunction_are_used() -> None:
    assert plan({"$and": [{"x": 2}, {"q": 1}]}).index == "x_1"


def test_an_id_is_looked_up_directly_whatever_indexes_there_are() -> None:
    assert plan({"_id": 7, "x": 2}) == Plan("IDHACK", "_id_", (7,), 1)
    assert plan({"_id": 7}) == Plan("IDHACK", "_id_", (7,), 1, exact=True)
    assert plan({"_id": {"$in": [7, 8, 7.0]}}) == Plan("IDHACK", "_id_", (7, 8), 2)


@pytest.mark.parametrize(
    ("ids", "ordered"),
    [
        ([9, 7, 8], [7, 8, 9]),
        (["b", "", "a"], ["", "a", "b"]),
        ([True, "a", {"b": 1}, None, 7.5, {"a": 2}, 7], [None, 7, 7.5, "a", {"a": 2}, {"b": 1}, True]),
    ],
    ids=repr,
)
def test_several_ids_are_looked_up_in_their_order(ids: list[Any], ordered: list[Any]) -> None:
    for filter in ({"_id": {"$in": ids}}, {"_id": {"$in": ids}, "x": 1}):
        assert plan(filter).values == tuple(map(equality_key, ordered))


def test_a_range_of_ids_is_a_scan() -> None:
    assert plan({"_id": {"$gt": 3}}).stage == "COLLSCAN"


# ── hints ───────────────────────────────────────────────────────────────────────


def test_a_hint_goes_before_what_would_be_better() -> None:
    assert summary({"x": 2, "y": 2}, "y_1") == ("IXSCAN", "y_1", 9, False)
    assert summary({"_id": 1, "x": 2}, "x_1") == ("IXSCAN", "x_1", 1, False)
    assert summary({"z": 1}, "z_1") == ("IXSCAN", "z_1", SIZE, True)


def test_the_natural_order_is_a_scan_although_an_index_would_serve() -> None:
    assert summary({"x": 2}, "$natural") == ("COLLSCAN", None, SIZE, False)


def test_the_index_of_ids_can_be_hinted() -> None:
    assert summary({"_id": 1, "x": 2}, "_id_") == ("IDHACK", "_id_", 1, False)


@pytest.mark.parametrize(
    ("filter", "hint", "message"),
    [
        ({"x": 1}, "q_1", "names no index"),
        ({}, "hidden", "names no index"),
        ({}, (("h", 1),), "several"),
    ],
)
def test_a_hint_that_leads_nowhere_is_refused(filter: Any, hint: Any, message: str) -> None:
    several = [IndexDefinition(name, (("h", 1),), sparse=name == "one") for name in ("one", "two")]
    hidden = IndexDefinition("hidden", (("x", 1),), hidden=True)
    indexes = INDEXES | {each.name: HashIndex(each) for each in (*several, hidden)}
    with pytest.raises(QueryError, match=message):
        choose(compile_filter(filter), indexes, SIZE, hint)


@pytest.mark.parametrize("filter", [{"y": 1}, {}])
def test_an_index_that_bounds_nothing_is_scanned_as_a_whole_if_it_is_hinted(filter: Any) -> None:
    assert plan(filter, "x_1") == Plan("IXSCAN", "x_1", (), 3, bounds=())


def test_without_an_equality_the_index_of_ids_is_a_scan() -> None:
    assert plan({"x": 1}, "_id_").stage == "COLLSCAN"


def test_an_index_is_hinted_by_its_keys_whatever_its_name() -> None:
    keyed = {"mine": HashIndex(IndexDefinition("mine", (("x", 1),)))}

    assert choose(compile_filter({"x": 1}), keyed, SIZE, (("x", 1),)).index == "mine"


def test_the_index_of_ids_can_be_hinted_by_its_keys() -> None:
    assert choose(compile_filter({"_id": 1}), {}, SIZE, (("_id", 1),)).stage == "IDHACK"
