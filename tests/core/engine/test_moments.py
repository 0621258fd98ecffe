"""Moments of a collection: documents that nothing has written to since are the same list, and need no second look."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tests.core.engine.logged import Logged

from nosqlpy._core.engine import columns
from nosqlpy._core.engine.execution import Query, Request
from nosqlpy._core.engine.reads import compile_query, count, execute
from nosqlpy._core.engine.slots import Memory, Slots
from nosqlpy._core.log.place import place_of
from nosqlpy._core.query.buckets import finished

OLD, NEW = place_of(1, 0, 1, 7), place_of(2, 0, 1, 7)

CHANGES: dict[str, Callable[[Slots], object]] = {
    "put": lambda slots: slots.put(["b", "c"], [b"2", b"3"], fresh=True),
    "put_one": lambda slots: slots.put_one("a", b"2"),
    "delete_one": lambda slots: slots.delete_one("a"),
    "delete_one that is gone": lambda slots: slots.delete_one("z"),
    "delete": lambda slots: slots.delete(["a"]),
    "clear": lambda slots: slots.clear(),
    "give_places": lambda slots: slots.give_places(["a"], [b"1"], [OLD]),
    "take_back": lambda slots: slots.take_back(["p"], {1}),
    "move": lambda slots: slots.move(["p"], [OLD], [NEW]),
    "replace": lambda slots: slots.replace(["p"], [NEW]),
    "adopt": lambda slots: slots.adopt({"a": b"1"}, mixed=False, live=1),
}


def stored() -> Slots:
    reader: Any = SimpleNamespace(many=lambda slots: [b"1" for _ in slots])
    slots = Slots(Memory(None, reader))
    slots.adopt({"a": b"1", "p": OLD}, mixed=True, live=2)
    return slots


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_begins_another_moment(change: str) -> None:
    slots = stored()
    before = slots.now()
    CHANGES[change](slots)

    assert slots.now() is not before


def test_looking_at_documents_begins_no_other_moment() -> None:
    slots = stored()
    before = slots.now()
    slots.keys()
    slots.holds("a")

    assert slots.now() is before


@pytest.fixture
def db() -> Logged:
    made = Logged()
    made.insert("c", *({"_id": number, "x": number % 7, "y": str(number)} for number in range(columns.LEAST + 10)))
    return made


def asked(filter: dict[str, Any], **options: Any) -> Query:
    return compile_query(filter, **options)


def test_scans_of_one_moment_go_through_one_list(db: Logged) -> None:
    collection = db.engine.collections["c"]
    for _ in range(2):
        finished(count(db.engine, "c", asked({"x": 3})))

    assert collection.all() is collection.all()
    assert collection.slots.all() is not collection.slots.all()


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_is_written_between_two_scans_is_found_by_the_second(db: Logged, times: int) -> None:
    query = asked({"x": {"$gte": 3}})
    for _ in range(times):
        before = finished(count(db.engine, "c", query))
    db.insert("c", {"_id": "new", "x": 5})

    assert finished(count(db.engine, "c", query)) == before + 1


def test_a_short_scan_of_columns_finds_what_a_long_one_finds(db: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"skip": 2, "limit": 9, "sort": ["-y", "x"]}
    request = Request(asked({"x": {"$gt": 1}}, **options), bytes)
    for _ in range(3):
        short = [data for batch in execute(db.engine, "c", request).steps() for data in batch]
    monkeypatch.setattr(columns, "STEP", 50)
    long = [data for batch in execute(db.engine, "c", request).steps() for data in batch]

    assert len(short) == 9
    assert short == long
