"""Any update of any documents: the log gives its bytes, once or twice applied; and any filter with any index."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.logged import Logged, find, intake, request
from core.query.filters import DOCUMENTS, FILTERS, VALUES
from nosqlpy._core.engine import definitions, writes
from nosqlpy._core.index.options import define_index
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.update.compile import compile_update
from nosqlpy.errors import OperationFailure, WriteError

PATHS = st.sampled_from(["a", "b", "a.b", "a.0", "b.0.a", "c"])
NUMBERS = st.sampled_from([0, 1, -2, 1.5, float("nan"), 2**62])
WINDOWS = st.fixed_dictionaries(
    {"$each": st.lists(VALUES, max_size=2)},
    optional={"$position": st.integers(-2, 2), "$slice": st.integers(-2, 2), "$sort": st.sampled_from([1, -1])},
)
FIELDS = {
    "$set": VALUES,
    "$unset": st.just(""),
    "$inc": NUMBERS,
    "$mul": NUMBERS,
    "$min": VALUES,
    "$max": VALUES,
    "$rename": st.sampled_from(["x", "a.x"]),
    "$setOnInsert": VALUES,
    "$push": VALUES | WINDOWS,
    "$addToSet": VALUES,
    "$pop": st.sampled_from([1, -1]),
    "$pullAll": st.lists(VALUES, max_size=2),
    "$bit": st.just({"xor": 5}),
}
OPERATORS = st.one_of(
    [st.builds(lambda path, value, n=name: {n: {path: value}}, PATHS, values) for name, values in FIELDS.items()]
)
STAGES = st.one_of(
    st.builds(lambda path, value: {"$set": {path: {"$literal": value}}}, PATHS, VALUES),
    st.builds(lambda path: {"$unset": path}, PATHS),
    st.just({"$set": {"n": {"$concatArrays": ["$a", "$b"]}}}),
    st.just({"$project": {"a": 1}}),
)
UPDATES = (
    st.builds(lambda first, second: {**first, **second}, OPERATORS, OPERATORS)
    | OPERATORS
    | st.lists(STAGES, min_size=1, max_size=2)
)


def filled(documents: list[Any]) -> Logged:
    db = Logged()
    db.insert("a", *({"_id": number, **document} for number, document in enumerate(documents)))
    return db


@settings(max_examples=150)
@given(st.lists(DOCUMENTS, min_size=1, max_size=4), FILTERS, UPDATES, st.booleans(), st.booleans())
def test_an_update_is_in_the_log_as_it_is_in_memory(
    documents: list[Any], filter: Any, update: Any, upsert: bool, many: bool
) -> None:
    db = filled(documents)
    with contextlib.suppress(OperationFailure):
        spare = intake().spare_id(made=True)
        query = request(filter).query
        db.run(writes.update, "a", query, compile_update(update), spare, upsert=upsert, many=many)

    db.check()


@settings(max_examples=150)
@given(st.lists(DOCUMENTS, max_size=8), FILTERS)
def test_indexes_on_all_paths_of_a_filter_change_no_answer(documents: list[Any], filter: Any) -> None:
    db = filled(documents)
    scanned = find(db.engine, "a", filter)
    for path in sorted(compile_filter(filter).paths):
        if not any(part.startswith("$") for part in path.split(".")):
            with contextlib.suppress(WriteError):  # of documents in which a part of the path is a position and a name
                db.run(definitions.create_index, "a", define_index(path, None, {}))

    assert sorted(map(repr, find(db.engine, "a", filter))) == sorted(map(repr, scanned))
