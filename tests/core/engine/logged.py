"""An engine in memory: its changes are planned, collected as a log and applied; no storage takes part."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from itertools import count
from typing import Any

from nosqlpy._core.engine import points, writes
from nosqlpy._core.engine.definitions import create_index
from nosqlpy._core.engine.intake import Intake, NewDocument, NewDocuments
from nosqlpy._core.engine.reads import Request, compile_query, decoder, execute
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.engine.tail import Position, Tail
from nosqlpy._core.engine.transaction import TransactionView
from nosqlpy._core.engine.writes import insert_many
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.options import define_index
from nosqlpy._core.log.frame import scan_segment
from nosqlpy._core.log.manifest import Manifest
from nosqlpy._core.log.segment import SegmentHeader

DATABASE = b"d" * 16
HEADER = SegmentHeader(DATABASE, 1, 0, 0xABCD, 0)


def fresh(*, read_only: bool = False) -> Engine:
    return Engine(Manifest(DATABASE, 1, (), 1), Tail.start(HEADER), read_only=read_only)


def intake(*, size_max: int = 1 << 20) -> Intake[Any]:
    """Return an intake whose new ids are ``new-1``, ``new-2`` …"""
    numbers = count(1)
    return Intake(dict, lambda: f"new-{next(numbers)}", size_max)


def new(document: dict[str, Any]) -> NewDocument:
    return intake().one(document)


def several(*documents: dict[str, Any]) -> NewDocuments:
    return finish(intake().many(documents))


def finish(steps: Generator[Any, None, Any]) -> Any:
    """Return what a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def request(filter: Any = None, **options: Any) -> Request[Any]:
    query = compile_query(filter, **options)
    return Request(query, decoder(query.projection), None if query.projection is None else dict)


def find(engine: Engine, name: str, filter: Any = None, **options: Any) -> list[Any]:
    return [found for batch in execute(engine, name, request(filter, **options)).steps() for found in batch]


def ids(documents: Iterable[dict[str, Any]]) -> list[Any]:
    return [document["_id"] for document in documents]


def entries(index: HashIndex) -> dict[Any, set[Any]]:
    return {value: set(index.lookup(value)) for value in index._entries}


def state(engine: Engine) -> list[Any]:
    """Return all that an engine knows of its collections, to compare two of them."""
    return [
        (
            name,
            c.name,
            c.number,
            list(c.slots.items()),
            [(i.name, i.keys, entries(i)) for i in c.indexes.by_name.values()],
        )
        for name, c in engine.collections.items()
    ]


class Logged:
    """An engine, and the segment that its changes were appended to."""

    def __init__(self) -> None:
        self.engine = fresh()
        self.segment = HEADER.encode()

    def commit(self, change: Change[Any]) -> Any:
        """Append and apply a change as the shell does; return its result."""
        if not change.data:
            return change.result
        assert change.start == self.engine.tail.end
        self.segment += change.data
        assert len(self.segment) == change.end.size
        return self.engine.apply(change)

    def run(self, plan: Any, *args: Any, **options: Any) -> Any:
        return self.commit(plan(self.engine, *args, **options))

    def steps(self, changes: Generator[Change[Any] | None, None, Any]) -> Any:
        """Commit each change before the next is asked for; return what the generator returns."""
        while True:
            try:
                change = next(changes)
            except StopIteration as stop:
                return stop.value
            if change is not None:
                self.commit(change)

    def insert(self, name: str, *documents: dict[str, Any]) -> None:
        self.steps(insert_many(self.engine, name, several(*documents), ordered=True))

    def index(self, name: str, field: str) -> None:
        self.run(create_index, name, define_index(field, None, {}))

    def find(self, name: str, filter: Any = None, **options: Any) -> list[Any]:
        return find(self.engine, name, filter, **options)

    def ids(self, name: str, filter: Any = None, **options: Any) -> list[Any]:
        return ids(self.find(name, filter, **options))

    def reopened(self, *, times: int = 1) -> Engine:
        """Return an engine that has replayed the log, each change so many times."""
        scan = scan_segment(self.segment, HEADER)
        assert scan.damage is None
        engine = fresh()
        for frame in scan.frames:
            end = Position(frame.end, frame.lsn, frame.crc)
            for _ in range(times):
                engine.apply(Change(frame.operations, b"", engine.tail.end, end, None))
        return engine

    def memory(self) -> tuple[Any, ...]:
        """Return all that a refused plan must leave as it is."""
        return (*state(self.engine), self.engine.tail.end, self.engine.next_number, self.segment)

    def check(self) -> None:
        """Compare memory with the log, replayed once, and with each change applied twice."""
        assert state(self.reopened()) == state(self.engine)
        assert state(self.reopened(times=2)) == state(self.engine)
        assert self.reopened().tail.end == self.engine.tail.end


# what plans a write of one document
ONE = (writes.insert_one, writes.save, writes.delete_by_id, points.update, points.delete)


class Inside(Logged):
    """A transaction on a logged engine."""

    def __init__(self, db: Logged) -> None:
        self.db = db
        self.engine = self.view = TransactionView(db.engine)

    def commit(self, change: Any) -> Any:
        return self.view.apply(change)

    def run(self, plan: Any, *args: Any, **options: Any) -> Any:
        one = len(args) == 2 and not options and plan in ONE
        return self.view.write_one(plan, *args) if one else super().run(plan, *args, **options)

    def finish(self) -> None:
        self.db.commit(self.view.commit(self.db.engine))
