"""The table: every operation in every store, on the same documents, in turn, with equal answers."""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from tests.benchmarks.documents import CITIES, make_document, make_documents
from tests.benchmarks.measure import seconds
from tests.benchmarks.operations import (
    CITY,
    FIRST_TIME,
    INSERT_MANY,
    JSONB,
    ONE,
    READS,
    SOME,
    SQLITE,
    TEXT,
    Operation,
    Target,
    ids,
)
from tests.benchmarks.peers import OURS, QUICK, chosen
from tests.benchmarks.stores import Nosqlpy

# what one timed run may take, roughly, and what makes a call so slow that it is timed once only
RUN_S, SLOW_S = 0.05, 0.5
# single writes that take so long are made in small numbers
FEW_S = 0.0002
TOGETHER = 5

Stores = dict[str, Any]
Times = dict[str, float]


class Row(msgspec.Struct, frozen=True):
    """What an operation takes in each store, in seconds a call, with so many documents."""

    operation: str
    size: int
    times: Times
    targets: tuple[Target, ...] = ()

    def ratio(self, target: Target) -> float | None:
        """Return how many times the target's store nosqlpy takes, or is as fast; None where that was not measured."""
        stores = (TEXT, JSONB) if target.store == SQLITE else (target.store,)
        theirs = min((self.times[store] for store in stores if store in self.times), default=None)
        if theirs is None:
            return None
        return theirs / self.times[OURS] if target.faster else self.times[OURS] / theirs

    def met(self, target: Target) -> bool:
        """Return whether nosqlpy does what the target asks for."""
        ratio = self.ratio(target)
        return ratio is not None and (ratio >= target.factor if target.faster else ratio <= target.factor)


def measure_size(directory: Path, size: int, rounds: int, *, quick: bool) -> list[Row]:
    """Return all rows for databases of `size` documents."""
    documents, classes = make_documents(size), chosen(size, quick=quick)
    rows = [Row("insert_many, per document", size, _bulk(directory, classes, documents, rounds), INSERT_MANY)]
    stores: Stores = {name: make(_new(directory)) for name, make in classes.items()}
    for store in stores.values():
        store.insert_many(documents)
        store.create_indexes()
    gc.collect()
    gc.freeze()  # else a store that keeps live objects makes the collector slow for all
    try:
        rows += [_read(stores, operation, size, rounds) for operation in READS]
        rows += _first_time(directory, documents, rows, min(rounds, 3))
        rows += _single_writes(stores, size, rounds)
        rows += _bulk_writes(stores, documents, rounds)
    finally:
        gc.unfreeze()
        for store in stores.values():
            store.close()
    return rows


def _new(directory: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=directory))


def _bulk(directory: Path, classes: dict[str, Any], documents: list[Any], rounds: int) -> Times:
    """Time insert_many, two indexes kept, into a new database each; per document."""
    times: dict[str, list[float]] = {name: [] for name in classes if name != "floor: dicts"}
    for number in range(min(rounds, 3)):
        for name, spent in times.items():
            if number and min(spent) > SLOW_S:
                continue
            store = classes[name](_new(directory))
            store.create_indexes()
            spent.append(seconds(partial(store.insert_many, documents)))
            store.close()
    return {name: statistics.median(spent) / len(documents) for name, spent in times.items()}


def _read(stores: Stores, operation: Operation, size: int, rounds: int) -> Row:
    """Time a read in all stores that have it, once they have given the same answers."""
    arguments = operation.arguments(size)
    having = {
        name: getattr(store, operation.method) for name, store in stores.items() if hasattr(store, operation.method)
    }
    expected = _normal(having[OURS](arguments[-1]))
    for name, method in having.items():
        assert _normal(method(arguments[-1])) == expected, f"{name} does not agree on {operation.name}"
    runs = {name: (method, arguments) for name, method in having.items()}
    return Row(operation.name, size, timed(runs, rounds), operation.targets)


def _normal(answer: Any) -> Any:
    """Return an answer in a form that can be compared: documents in the order of their ids."""
    if isinstance(answer, list):
        return sorted(map(dict, answer), key=lambda document: document["_id"])
    return dict(answer) if isinstance(answer, Mapping) else answer


def timed(runs: Mapping[str, tuple[Callable[[Any], object], list[Any]]], rounds: int) -> Times:
    """Return the median seconds of a call of each function; every round makes calls of each of them, in turn."""
    counts = {name: _affordable(*run) for name, run in runs.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        for name, (function, arguments) in runs.items():
            if (number and min(times[name]) > SLOW_S) or (number > 1 and counts[name] == 1 and name not in QUICK):
                continue
            some = arguments[: counts[name]]
            times[name].append(seconds(partial(_call_all, function, some)) / len(some))
    return {name: statistics.median(spent) for name, spent in times.items()}


def _affordable(function: Callable[[Any], object], arguments: list[Any]) -> int:
    """Return how many calls fit into one timed run; the first ones are made here."""
    begun = time.perf_counter()
    function(arguments[0])
    return max(1, min(len(arguments), int(RUN_S / (time.perf_counter() - begun))))


def _call_all(function: Callable[[Any], object], arguments: list[Any]) -> None:
    for argument in arguments:
        function(argument)


def _first_time(directory: Path, documents: list[Any], rows: list[Row], rounds: int) -> Iterator[Row]:
    """Time reads in a database that has just been loaded, beside what the others take at any time."""
    place, size = _new(directory), len(documents)
    store = Nosqlpy(place)
    store.insert_many(documents)
    store.close()
    known = {row.operation: row for row in rows}
    for operation in READS:
        if operation.method in FIRST_TIME:
            (argument,) = operation.arguments(size)
            spent = []
            for _ in range(rounds):
                store = Nosqlpy(place)
                assert store.users.count({"active": 1}) == 0  # it loads them all, and reads what nobody reads below
                spent.append(seconds(partial(getattr(store, operation.method), argument)))
                store.close()
            times = {**known[operation.name].times, OURS: statistics.median(spent)}
            yield Row(f"{operation.name}: first time", size, times, FIRST_TIME[operation.method])


def _single_writes(stores: Stores, size: int, rounds: int) -> list[Row]:
    """Time what changes one document, and five in a transaction; every store ends as it began, but for ages."""
    inserted: dict[str, list[float]] = {}
    deleted: dict[str, list[float]] = {}
    together: dict[str, list[float]] = {}
    writing = {name: store for name, store in stores.items() if hasattr(store, "insert")}
    for number in range(rounds):
        for name, store in writing.items():
            few = name in deleted and max(min(inserted[name]), min(deleted[name])) > FEW_S
            if few and number > 1:
                continue
            new = [make_document(size + each) for each in range(10 if few or number == 0 else 200)]
            spent = seconds(partial(_call_all, store.insert, new)) / len(new)
            assert _normal(store.find_indexed(new[-1]["email"])) == [new[-1]], f"{name} has not inserted"
            gone = seconds(partial(_call_all, store.delete, [one["_id"] for one in new])) / len(new)
            assert store.find_indexed(new[-1]["email"]) == [], f"{name} has not deleted"
            inserted.setdefault(name, []).append(spent)
            deleted.setdefault(name, []).append(gone)
            if hasattr(store, "together"):
                groups = [new[at : at + TOGETHER] for at in range(0, len(new), TOGETHER)]
                spent = seconds(partial(_call_all, store.together, groups)) / len(new)
                together.setdefault(name, []).append(spent)
                _call_all(store.delete, [one["_id"] for one in new])
    some = ids(size)
    runs = {name: (store.increment, some) for name, store in writing.items()}
    for name, store in writing.items():
        before = store.get(some[0])["age"]
        store.increment(some[0])
        assert store.get(some[0])["age"] == before + 1, f"{name} has not incremented"
    return [
        Row("insert one", size, _medians(inserted), ONE),
        Row("delete one", size, _medians(deleted), ONE),
        Row("insert, five in a transaction", size, _medians(together)),
        Row("$inc by id", size, timed(runs, rounds), ONE),
    ]


def _medians(times: Mapping[str, list[float]]) -> Times:
    """Return the medians, without the first round where there are more: that one is for warming up."""
    return {name: statistics.median(spent[1:] or spent) for name, spent in times.items()}


def _bulk_writes(stores: Stores, documents: list[Any], rounds: int) -> list[Row]:
    """Time the update, and the deletion, of one document in fifty by a condition."""
    some = [document for document in documents if document["profile"]["city"] == CITY]
    assert abs(len(some) * CITIES - len(documents)) < CITIES
    updated: dict[str, list[float]] = {}
    deleted: dict[str, list[float]] = {}
    found: dict[str, int] = {}
    for number in range(rounds):
        for name, store in stores.items():
            if not hasattr(store, "update_some") or (number and min(updated[name]) > SLOW_S):
                continue

            def update(store: Any = store, name: str = name, note: str = f"note {number}") -> None:
                found[name] = store.update_some(CITY, note)

            def delete(store: Any = store, name: str = name) -> None:
                found[name] = store.delete_some(CITY)

            for run, times in ((update, updated), (delete, deleted)):
                times.setdefault(name, []).append(seconds(run))
                assert found[name] == len(some), f"{name} has changed another number of documents"
            store.insert_many(some)
    return [
        Row("update 2 % by a condition", len(documents), {n: statistics.median(t) for n, t in updated.items()}, SOME),
        Row("delete 2 % by a condition", len(documents), {n: statistics.median(t) for n, t in deleted.items()}, SOME),
    ]
