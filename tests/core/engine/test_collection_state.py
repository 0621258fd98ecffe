from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.logged import entries
from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.log.operation import Delete, Put
from nosqlpy._core.plan.plan import Plan
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.values.codec import decode_document, encode_document
from nosqlpy._core.values.keys import equality_key

FIELDS = ("x", "x.y")


def put(*documents: dict[str, Any]) -> Put:
    ids = [document["_id"] for document in documents]
    return Put(1, list(ids), ids, [encode_document(document) for document in documents])


def delete(*ids: Any) -> Delete:
    return Delete(1, list(ids), list(ids))


def collection(*documents: dict[str, Any], fields: tuple[str, ...] = FIELDS) -> CollectionState:
    made = CollectionState(1, "a")
    for field in fields:
        made.build(IndexDefinition(field, ((field, 1),)))
    made.put(put(*documents))
    return made


def contents(held: CollectionState) -> Any:
    return dict(held.slots.items()), [entries(index) for index in held.indexes.by_name.values()]


def rebuilt(held: CollectionState) -> Any:
    """Return what the collection would be if its documents had been put into it one by one."""
    made = collection()
    for key, blob in held.slots.items():
        made.put(Put(1, [key], [key], [blob]))
    return contents(made)


def plan(field: str, *values: Any) -> Plan:
    return Plan("IXSCAN", field, values, 0)


def test_a_document_that_is_replaced_keeps_its_place() -> None:
    held = collection({"_id": 1, "x": 1}, {"_id": 2, "x": 2})
    held.put(put({"_id": 1, "x": 3}))

    assert [decode_document(blob) for blob in held.slots.all()] == [{"_id": 1, "x": 3}, {"_id": 2, "x": 2}]
    assert list(held.keys(plan("x", 1))) == []
    assert list(held.keys(plan("x", 3))) == [1]


def test_new_documents_and_replacements_can_come_together() -> None:
    held = collection({"_id": 1, "x": 1})
    held.put(put({"_id": 2, "x": 1}, {"_id": 1, "x": 2}))

    assert contents(held) == rebuilt(held)


def test_deleting_what_is_not_there_changes_nothing() -> None:
    held = collection({"_id": 1, "x": 1})
    before = contents(held)
    held.delete(delete(7, 8))

    assert contents(held) == before


def test_documents_can_be_deleted_from_a_collection_without_indexes() -> None:
    held = collection({"_id": 1}, {"_id": 2}, fields=())
    held.delete(delete(1, 7))

    assert held.slots.keys() == [2]


def test_an_index_that_is_built_late_holds_the_same() -> None:
    documents = [{"_id": n, "x": [n % 3, {"y": n % 5}]} for n in range(2500)]
    late = collection(*documents, fields=())
    for field in FIELDS:
        late.build(IndexDefinition(field, ((field, 1),)))

    assert contents(late) == contents(collection(*documents))


def test_clearing_leaves_empty_indexes() -> None:
    held = collection({"_id": 1, "x": 1})
    held.clear()

    assert contents(held) == ({}, [{}, {}])
    assert [definition.name for definition in held.definitions()] == ["_id_", *FIELDS]


def test_a_cleared_collection_leaves_a_list_of_its_documents_as_it_was() -> None:
    held = collection({"_id": 1})
    documents = held.slots.all()
    held.clear()

    assert [decode_document(blob) for blob in documents] == [{"_id": 1}]


@pytest.mark.parametrize(
    ("chosen", "keys"),
    [
        (Plan("COLLSCAN", None, (), 3), [1, 2, 3]),
        (Plan("IDHACK", "_id_", (3, 9, 1), 3), [3, 9, 1]),
        (plan("x", 5), [1, 2]),
        (plan("x", 5, 6), [1, 2, 3]),
        (plan("x", 6, 5), [1, 2, 3]),
        (plan("x", 7), []),
    ],
    ids=["scan", "ids", "one value", "two values", "the other way round", "none"],
)
def test_a_plan_leads_to_keys_in_natural_order_and_none_twice(chosen: Plan, keys: list[int]) -> None:
    held = collection({"_id": 1, "x": 5}, {"_id": 2, "x": [5, 6]}, {"_id": 3, "x": 6})

    assert list(held.keys(chosen)) == keys
    found = [decode_document(blob)["_id"] for blob in held.fetch(chosen)]
    assert found == [key for key in keys if held.slots.holds(key)]


VALUES = st.recursive(
    st.sampled_from([None, 0, 1, 1.0, True, "s", float("nan")]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["y", "z"]), inner, max_size=2),
    max_leaves=4,
)
DOCUMENTS = st.builds(
    lambda id, rest: {"_id": id, **rest}, st.integers(0, 4), st.fixed_dictionaries({}, optional={"x": VALUES})
)
UNIQUE = st.lists(DOCUMENTS, max_size=4, unique_by=lambda document: document["_id"])
CHANGES = st.lists(
    st.tuples(st.just("put"), UNIQUE)
    | st.tuples(st.just("delete"), st.sets(st.integers(0, 4)))
    | st.just(("clear", ())),
    max_size=8,
)


def changed(held: CollectionState, changes: Any, *, times: int = 1) -> CollectionState:
    for verb, what in changes:
        for _ in range(times):
            if verb == "put":
                held.put(put(*what))
            elif verb == "delete":
                held.delete(delete(*what))
            else:
                held.clear()
    return held


@given(changes=CHANGES)
def test_indexes_hold_what_the_documents_say_whatever_was_done(changes: Any) -> None:
    held = changed(collection(), changes)

    assert contents(held) == rebuilt(held)


@given(changes=CHANGES)
def test_every_change_applied_twice_gives_the_same_state(changes: Any) -> None:
    assert contents(changed(collection(), changes, times=2)) == contents(changed(collection(), changes))


@given(documents=UNIQUE, value=VALUES, field=st.sampled_from(FIELDS))
def test_an_index_leads_to_every_match(documents: list[dict[str, Any]], value: Any, field: str) -> None:
    held = collection(*documents)
    predicate = compile_filter({field: {"$eq": value}})
    index = held.indexes.by_name[field]
    reached = {key for operand in predicate.equalities[field] for key in index.lookup(equality_key(operand))}

    assert {document["_id"] for document in documents if predicate.matches(document)} <= reached
