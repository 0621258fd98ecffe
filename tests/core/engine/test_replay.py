"""Any sequence of operations: the log gives the state that memory has, and indexes give the answers of scans."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.logged import Logged, find, intake, new, request, several, state
from nosqlpy._core.engine import compaction, definitions, writes
from nosqlpy._core.engine.bulk import Deletion, Insertion, Updating, bulk_write
from nosqlpy._core.engine.effects import Append, RandomBytes, WriteFile
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.index.options import define_index
from nosqlpy._core.log.frame import scan_segment
from nosqlpy._core.update.compile import compile_replacement, compile_update
from nosqlpy.errors import OperationFailure

NAMES = st.sampled_from(["a", "b"])
IDS = st.sampled_from([0, 1, 2, 3, 1.0, True, "s"])
SCALARS = st.sampled_from([None, 0, 1, 1.0, 2.5, True, "s", float("nan")])
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.fixed_dictionaries({}, optional={"y": SCALARS})
VALUES = VALUES | st.lists(VALUES, max_size=2)
FIELDS = st.sampled_from(["x", "x.y", "x.0", "_id"])
BODIES = st.fixed_dictionaries({}, optional={"x": VALUES, "n": st.integers(0, 3)})
DOCUMENTS = st.builds(lambda id, body: {"_id": id, **body}, IDS, BODIES)
FILTERS = (
    st.just({})
    | st.builds(lambda field, value: {field: {"$eq": value}}, FIELDS, VALUES)
    | st.builds(lambda value: {"x": {"$in": value}}, st.lists(VALUES, max_size=3))
    | st.builds(lambda value, n: {"x": {"$eq": value}, "n": {"$gte": n}}, VALUES, st.integers(0, 3))
)
UPDATES = st.sampled_from([{"$inc": {"n": 1}}, {"$unset": {"x": ""}}, {"$inc": {"x": 1}}]) | st.builds(
    lambda value: {"$set": {"x": value}}, VALUES
)
BOOLEANS = st.booleans()


def spare() -> Any:
    return intake().spare_id(made=True)


def insert(db: Logged, name: str, documents: list[Any], ordered: bool) -> None:
    db.steps(writes.insert_many(db.engine, name, several(*documents), ordered=ordered))


def update(db: Logged, name: str, filter: Any, change: Any, upsert: bool, many: bool) -> None:
    query = request(filter).query
    db.run(writes.update, name, query, compile_update(change), spare(), upsert=upsert, many=many)


def replace(db: Logged, name: str, filter: Any, body: Any) -> None:
    query, updater = request(filter).query, compile_replacement(body)
    db.run(writes.update, name, query, updater, spare(), upsert=False, many=False)


def bulk(db: Logged, name: str, document: Any, filter: Any, change: Any, ordered: bool) -> None:
    query = request(filter).query
    requests = [
        Insertion(new(document)),
        Updating(query, compile_update(change), spare(), False, True, {}),
        Insertion(new(document)),
        Deletion(query, False, {}),
    ]
    db.steps(bulk_write(db.engine, name, requests, ordered=ordered))


def index(db: Logged, name: str, field: str) -> None:
    db.run(definitions.create_index, name, define_index(field, None, {}))


def step(do: Any, *arguments: Any) -> Any:
    return st.tuples(st.just(do), st.tuples(*arguments))


STEPS = st.lists(
    step(insert, NAMES, st.lists(DOCUMENTS, max_size=4), BOOLEANS)
    | step(update, NAMES, FILTERS, UPDATES, BOOLEANS, BOOLEANS)
    | step(replace, NAMES, FILTERS, BODIES)
    | step(bulk, NAMES, DOCUMENTS, FILTERS, UPDATES, BOOLEANS)
    | step(index, NAMES, FIELDS)
    | step(lambda db, name, document: db.run(writes.save, name, new(document)), NAMES, DOCUMENTS)
    | step(lambda db, name, filter: db.run(writes.delete, name, request(filter).query, many=True), NAMES, FILTERS)
    | step(lambda db, name: db.run(definitions.drop_collection, name), NAMES)
    | step(lambda db, name: db.run(definitions.clear_collection, name), NAMES)
    | step(lambda db, name: db.run(definitions.drop_indexes, name), NAMES)
    | step(lambda db, a, b: db.run(definitions.rename_collection, a, b, drop_target=True), NAMES, NAMES),
    max_size=8,
)


def after(steps: Any) -> Logged:
    """Return a database after `steps`; one that is refused must leave no trace in what `check` compares."""
    db = Logged()
    for do, arguments in steps:
        with contextlib.suppress(OperationFailure):
            do(db, *arguments)
    return db


def base_of(engine: Engine) -> Engine:
    """Return the engine that a base of all segments is replayed to."""
    segments: list[bytes] = []
    procedure = compaction.begin(engine)
    effect, answer = next(procedure), None
    moment: Any = None
    while moment is None:
        answer = bytes(effect.size) if isinstance(effect, RandomBytes) else None
        try:
            effect = procedure.send(answer)
        except StopIteration as stop:
            moment = stop.value
    for effect in compaction.write_base(moment):
        if isinstance(effect, WriteFile | Append):
            segments.append(effect.data)
    replayed = Logged().engine
    for frame in scan_segment(b"".join(segments), moment.header).frames:
        for operation in frame.operations:
            replayed.replay(operation)
    return replayed


@settings(max_examples=100)
@given(steps=STEPS)
def test_the_log_gives_the_state_of_memory_also_where_each_change_is_applied_twice(steps: Any) -> None:
    after(steps).check()


@settings(max_examples=60)
@given(steps=STEPS)
def test_a_base_gives_the_state_of_memory(steps: Any) -> None:
    db = after(steps)
    expected = state(db.engine)

    assert state(base_of(db.engine)) == expected


@settings(max_examples=100)
@given(steps=STEPS, filter=FILTERS)
def test_an_answer_is_that_of_a_scan_whatever_index_leads_to_it(steps: Any, filter: Any) -> None:
    db = after([*steps, (index, ("a", "x")), (index, ("a", "x.y"))])
    scanned = find(db.engine, "a", filter, hint="$natural")

    assert sorted(map(repr, db.find("a", filter))) == sorted(map(repr, scanned))


FEW = st.sampled_from([None, 1, 2, "s", [1, 2], [], {"y": 1}, [{"y": 1}, {"y": 2}]])
MANY = st.lists(st.fixed_dictionaries({"n": st.integers(0, 3)}, optional={"x": FEW}), min_size=4, max_size=12)
CONDITIONS = st.one_of(
    FEW.map(lambda value: {"$eq": value}),
    st.lists(FEW, max_size=3).map(lambda values: {"$in": values}),
    st.lists(FEW, min_size=1, max_size=2).map(lambda values: {"$all": values}),
    st.sampled_from([1, "s"]),
)


@settings(max_examples=100)
@given(
    documents=MANY,
    field=st.sampled_from(["x", "x.y", "x.0"]),
    condition=CONDITIONS,
    rest=st.sampled_from([{}, {"n": {"$lt": 2}}, {"n": 1}]),
    window=st.sampled_from([{}, {"limit": 2, "sort": "n"}, {"skip": 1, "sort": [("n", -1), ("_id", 1)]}]),
)
def test_finding_and_deleting_by_an_index_is_finding_and_deleting_by_a_scan(
    documents: Any, field: str, condition: Any, rest: Any, window: Any
) -> None:
    scanned, indexed = Logged(), Logged()
    for db in (scanned, indexed):
        insert(db, "a", [{"_id": number, **document} for number, document in enumerate(documents)], True)
    index(indexed, "a", field)
    filter = {field: condition, **rest}

    assert sorted(indexed.ids("a", filter)) == sorted(scanned.ids("a", filter))
    assert [document["n"] for document in indexed.find("a", filter, **window) if "sort" in window] == [
        document["n"] for document in scanned.find("a", filter, **window) if "sort" in window
    ]
    for db in (scanned, indexed):
        db.run(writes.delete, "a", request(filter).query, many=True)
    assert indexed.ids("a") == scanned.ids("a")
