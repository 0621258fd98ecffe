"""Updates of fields that no index reads leave the indexes alone, and no others."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.logged import Inside, Logged, entries, intake, request
from nosqlpy._core.engine import points, writes
from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.definitions import create_index
from nosqlpy._core.engine.points import PointUpdate
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.manager import IndexManager
from nosqlpy._core.index.options import define_index
from nosqlpy._core.update.compile import Updater, compile_update
from nosqlpy.errors import NosqlpyError

INDEXES: dict[str, tuple[Any, dict[str, Any]]] = {
    "plain": ("n", {}),
    "of a nested field": ("m.x", {}),
    "compound": ([("n", 1), ("m.x", -1)], {}),
    "sparse": ("k", {"sparse": True}),
    "unique": ("n", {"unique": True, "sparse": True}),
    "partial": ("n", {"partialFilterExpression": {"k": {"$gt": 0}}}),
    "wildcard": ("$**", {}),
    "wildcard of one field": ("m.$**", {}),
    "hashed": ([("k", "hashed")], {}),
}
values = st.integers(0, 3) | st.fixed_dictionaries({"x": st.integers(0, 2)})
documents = st.dictionaries(st.sampled_from("nmk"), values, max_size=3)
paths = st.sampled_from(["n", "m.x", "m", "k", "other"])
updates = st.one_of(
    st.builds(lambda path, value: {"$set": {path: value}}, paths, values),
    st.builds(lambda path: {"$inc": {path: 1}}, paths),
    st.builds(lambda path: {"$unset": {path: ""}}, paths),
    st.builds(lambda path: {"$rename": {path: "new"}}, paths),
    st.builds(lambda value: [{"$set": {"n": value}}], values),
)


def entries_built_anew(collection: CollectionState, index: HashIndex) -> dict[Any, set[Any]]:
    return entries(IndexManager.make(index.definition, collection.slots.keys(), collection.slots.all()))


def updater(update: Any) -> Updater:
    compile_update(update)
    return compile_update(update)  # the second time it is of a known shape


@pytest.mark.parametrize("kind", INDEXES)
@settings(max_examples=40)
@given(st.lists(documents, max_size=3), updates, st.booleans())
def test_an_index_holds_after_an_update_what_it_would_hold_if_it_were_built_then(
    kind: str, stored: list[dict[str, Any]], update: Any, many: bool
) -> None:
    keys, options = INDEXES[kind]
    db = Logged()
    db.insert("c", {"_id": 0}, *({"_id": number, **document} for number, document in enumerate(stored, start=1)))
    try:
        db.run(create_index, "c", define_index(keys, None, options))
        if many:
            query = request({}).query
            db.run(writes.update, "c", query, updater(update), intake().spare_id(), upsert=False, many=True)
        else:
            db.run(points.update, "c", PointUpdate("_id", len(stored), updater(update), update))
    except NosqlpyError:
        pass
    collection = db.engine.collections["c"]

    for index in collection.indexes.by_name.values():
        assert entries(index) == entries_built_anew(collection, index)


@pytest.mark.parametrize("kind", INDEXES)
@settings(max_examples=20)
@given(st.lists(documents, max_size=3), st.lists(st.tuples(st.integers(0, 4), updates), max_size=4), st.booleans())
def test_an_index_holds_after_a_transaction_what_it_would_hold_if_it_were_built_then(
    kind: str, stored: list[dict[str, Any]], changes: list[tuple[int, Any]], look: bool
) -> None:
    keys, options = INDEXES[kind]
    db = Logged()
    db.insert("c", {"_id": 0}, *({"_id": number, **document} for number, document in enumerate(stored, start=1)))
    with suppress(NosqlpyError):
        db.run(create_index, "c", define_index(keys, None, options))
    inside = Inside(db)
    for id, change in changes:
        try:
            inside.run(points.update, "c", PointUpdate("_id", id, updater(change)))
            if look:
                inside.find("c", {"n": 1})
            if id == 4:
                inside.insert("c", {"_id": 4, "n": 4})
        except NosqlpyError:
            pass
    inside.finish()
    collection = db.engine.collections["c"]

    for index in collection.indexes.by_name.values():
        assert entries(index) == entries_built_anew(collection, index)
    db.check()


def test_a_transaction_leaves_the_indexes_of_those_documents_alone_whose_indexed_fields_it_does_not_change() -> None:
    db = Logged()
    db.insert("c", {"_id": 0, "n": 1, "m": 1}, {"_id": 1, "n": 1, "m": 1})
    db.index("c", "n")
    others, one = Inside(db), Inside(db)
    for id in (0, 1):
        others.run(points.update, "c", PointUpdate("_id", id, updater({"$inc": {"m": 1}})))
        one.run(points.update, "c", PointUpdate("_id", id, updater({"$inc": {"mn"[id]: 1}})))

    assert [put.indexed for put in others.view.operations()] == [False]
    assert [(put.indexed, put.keys) for put in one.view.operations()] == [(False, [0]), (True, [1])]


def test_an_index_that_came_into_use_while_a_transaction_was_open_holds_what_that_commits() -> None:
    db = Logged()
    db.insert("c", {"_id": 0, "n": 1, "m": 1})
    db.index("c", "n")
    inside = Inside(db)
    inside.run(points.update, "c", PointUpdate("_id", 0, updater({"$inc": {"m": 1}})))
    collection = db.engine.collections["c"]
    collection.build(define_index("m", None, {}))
    inside.finish()

    assert entries(collection.indexes.by_name["m_1"]) == {2: {0}}


READ = [
    ("plain", "n"),
    ("of a nested field", "m"),
    ("compound", "m"),
    ("partial", "k"),
    ("wildcard", "other"),
    ("wildcard of one field", "m"),
    ("text", "n"),
]


@pytest.mark.parametrize(("kind", "name"), READ)
def test_whatever_an_index_reads_is_read(kind: str, name: str) -> None:
    keys, options = INDEXES.get(kind, ([("n", "text")], {}))
    manager = IndexManager()
    manager.build(define_index(keys, None, options), [], [])

    assert manager.read_any([name])
    assert manager.read_any(None)


def test_a_field_that_no_index_reads_is_told_from_those_that_one_does() -> None:
    manager = IndexManager()
    manager.build(define_index("m.x", None, {}), [], [])

    assert not manager.read_any(["n", "mx"])
    assert not manager.read_any([])
