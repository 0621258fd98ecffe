"""Random documents, queries and writes, answered by TinyDB and by our interface of the same name: no answer differs."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nosqlpy.compat import tinydb as ours
from nosqlpy.compat.tinydb import operations as our_operations
from nosqlpy.compat.tinydb.storages import MemoryStorage as OurMemory
from nosqlpy.compat.tinydb.table import Document as OurDocument

theirs = pytest.importorskip("tinydb", reason="TinyDB, the original, is not installed")

from tinydb import operations as their_operations  # noqa: E402 - where it is installed
from tinydb.storages import MemoryStorage as TheirMemory  # noqa: E402
from tinydb.table import Document as TheirDocument  # noqa: E402

BATCH = 50
CASES = int(os.environ.get("NOSQLPY_ORACLE_CASES", "1000"))
KEYS = [*"aaaaaabbb", "_id", "0", "a.b", "$c", ""]
COMMON = [None, True, False, 0, 1, 2, 1.0, "", "a", "ab"]
SCALARS = [-1, 2**53 + 1, 2**62, -0.0, 1.5, 2.0**53, float("inf"), float("nan"), "a\nb", "B", "é", "1", "\0", "$a"]
PATTERNS = ["a", "^a", "b$", "a.b", "", "(", "A", "[ab]+", r"\w"]
FLAGS = [0, 0, re.IGNORECASE, re.DOTALL, re.MULTILINE, re.IGNORECASE | re.ASCII]
COMPARISONS = ["==", "!=", "<", "<=", ">", ">="]
TESTS: dict[str, Callable[[Any], Any]] = {
    "is text": lambda value: isinstance(value, str),
    "is long": lambda value: len(value) > 1,  # raises for numbers
    "truth": bool,
    "first": lambda value: value[0],  # KeyError, TypeError, IndexError
    "self": lambda value: value,
}
SPECIAL = ["exists", "matches", "search", "one_of", "any", "all", "fragment", "test", "mapped", "noop"] * 2


class Draw(random.Random):
    """Draws documents, queries and writes."""

    def scalar(self) -> Any:
        return self.choice(COMMON if self.random() < 0.8 else SCALARS)

    def value(self, depth: int = 0) -> Any:
        kind = self.random()
        if kind < 0.6 or depth > 2:
            return self.scalar()
        if kind < 0.8:
            return [self.value(depth + 1) for _ in range(self.randrange(4))]
        return self.document(depth + 1)

    def document(self, depth: int = 0) -> dict[str, Any]:
        return {self.choice(KEYS): self.value(depth) for _ in range(self.randrange(4))}

    def documents(self) -> list[dict[str, Any]]:
        return [self.document() for _ in range(self.randint(1, 10))]

    def path(self) -> tuple[str, ...]:
        return tuple(self.choice(KEYS) for _ in range(self.choice([1, 1, 1, 2, 2, 3])))

    def items(self) -> Any:
        values = [self.scalar() if self.random() < 0.8 else self.value() for _ in range(self.randrange(4))]
        return self.choice([values, values, values, tuple(values), "ab"])

    def test(self) -> Any:
        """Return one test of a query; the commonest operators often."""
        name = self.choice([*COMPARISONS * 3, *SPECIAL])
        if name in COMPARISONS:
            return name, self.path(), self.value()
        if name in ("matches", "search"):
            return name, self.path(), self.choice(PATTERNS), self.choice(FLAGS)
        if name in ("one_of", "any", "all"):
            return name, self.path(), self.items()
        if name == "fragment":
            return name, self.choice([(), (), self.path()]), self.document(1)
        if name in ("test", "mapped"):
            return name, self.path(), self.choice(sorted(TESTS)), self.scalar()
        return (name, self.path()) if name == "exists" else (name,)

    def query(self, depth: int = 0) -> Any:
        kind = self.random()
        if kind < 0.6 or depth > 2:
            return self.test()
        if kind < 0.9:
            return self.choice(["and", "and", "or"]), self.query(depth + 1), self.query(depth + 1)
        if kind < 0.95:
            return "not", self.query(depth + 1)
        return self.choice(["any query", "all query"]), self.path(), self.query(depth + 1)

    # ── writes ───────────────────────────────────────────────────────────────────

    def simple(self) -> dict[str, Any]:
        return {
            self.choice(["a", "b", "_id"]): self.choice([self.scalar(), [self.scalar()]])
            for _ in range(self.randrange(4))
        }

    def condition(self) -> Any:
        return self.choice(
            [("==", ("a",), self.scalar()), ("exists", (self.choice("ab"),)), ("<", ("b",), self.choice([1, "a"]))]
        )

    def change(self) -> Any:
        field = self.choice(["a", "b", "_id"])
        operations = [(self.choice(["delete", "increment", "decrement"]), field)]
        operations += [(self.choice(["add", "subtract", "set"]), field, self.scalar())]
        return self.choice([self.simple(), *operations])

    def write(self) -> Any:
        """Return a write, or a read by id."""
        ids = [self.randrange(7) for _ in range(self.randrange(4))]
        return self.choice(
            [
                ("insert", self.simple()),
                ("insert with id", self.simple(), self.randint(1, 30)),
                ("insert_multiple", [self.simple() for _ in range(self.randrange(4))]),
                ("update", self.change(), self.choice([None, self.condition()])),
                ("update by ids", self.change(), ids),
                ("update_multiple", [(self.change(), self.condition()) for _ in range(self.randrange(4))]),
                ("upsert", self.simple(), self.condition()),
                ("upsert with id", self.simple(), self.randrange(7)),
                ("remove", self.condition()),
                ("remove by ids", ids),
                ("get by ids", ids),
                ("get by id", self.choice([1, 2, "1", 1.0, True, float("nan")])),
                ("search", self.condition()),
                ("truncate",),
                ("drop_tables",),
            ]
        )


def build(spec: Any, library: Any) -> Any:
    """Return a query of one of the libraries."""
    name, *rest = spec
    query = library.Query()
    if name == "noop":
        return query.noop()
    if name == "not":
        return ~build(rest[0], library)
    if name in ("and", "or"):
        left, right = (build(part, library) for part in rest)
        return left & right if name == "and" else left | right
    for key in rest[0]:
        query = query[key]
    if name in ("==", "!=", "<", "<=", ">", ">="):
        method = {"==": "__eq__", "!=": "__ne__", "<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}[name]
        return getattr(query, method)(rest[1])
    if name == "test":
        return query.test(TESTS[rest[1]])
    if name == "mapped":
        return query.map(TESTS[rest[1]]) == rest[2]
    if name in ("any query", "all query"):
        return getattr(query, name.split()[0])(build(rest[1], library))
    return type(query).__dict__[name](query, *rest[1:])


def outcome(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a call returns, or its exception; documents as text, in which NaN equals itself and 1 is not True."""
    try:
        answer = call(*arguments)
    except Exception as error:  # noqa: BLE001 - of two libraries, to be compared
        kind = next(base for base in type(error).__mro__ if base.__module__ == "builtins")
        return kind.__name__, str(error)
    if isinstance(answer, list):
        return [(getattr(item, "doc_id", None), json.dumps(item)) for item in answer]
    return getattr(answer, "doc_id", None), json.dumps(answer)


def filled(library: Any, memory: Any, documents: list[dict[str, Any]]) -> Any:
    db = library.TinyDB(storage=memory)
    db.insert_multiple(json.loads(json.dumps(documents)))
    return db


@pytest.mark.parametrize("batch", range(-(-CASES // BATCH)))
def test_a_query_finds_what_tinydb_finds_or_raises_what_it_raises(batch: int) -> None:
    draw = Draw(batch)
    for _ in range(BATCH):
        documents, index = draw.documents(), draw.choice(["", "", "a", "b"])
        our_db, their_db = filled(ours, OurMemory, documents), filled(theirs, TheirMemory, documents)
        if index:
            our_db.collection.create_index(index)
        for _ in range(10):
            spec = draw.query()
            their_db.clear_cache()  # which takes fragments of two paths, and two flags of a pattern, for the same
            for method in ("search", "get"):
                answers = [
                    outcome(getattr(db, method), build(spec, of)) for db, of in ((our_db, ours), (their_db, theirs))
                ]

                assert answers[0] == answers[1], (method, spec, documents)


@pytest.mark.parametrize("batch", range(-(-CASES // BATCH)))
def test_a_filter_that_a_query_gives_matches_the_same_documents(batch: int) -> None:
    draw = Draw(batch)
    for _ in range(BATCH):
        documents = draw.documents()
        our_db, their_db = filled(ours, OurMemory, documents), filled(theirs, TheirMemory, documents)
        for _ in range(10):
            spec = draw.query()
            filter = build(spec, ours).to_mql()
            their_db.clear_cache()
            found = outcome(their_db.search, build(spec, theirs))
            if filter is not None and isinstance(found, list):
                ids = [document["_id"] for document in our_db.collection.find(filter)]

                assert ids == [doc_id for doc_id, _ in found], (spec, documents)


class Side:
    """One of the libraries with a database, and the writes by name."""

    def __init__(self, library: Any, operations: Any, document: Any, db: Any) -> None:
        self.library, self.operations, self.document, self.db = library, operations, document, db

    def change(self, spec: Any) -> Any:
        return dict(spec) if isinstance(spec, dict) else getattr(self.operations, spec[0])(*spec[1:])

    def make(self, write: Any) -> Any:
        """Make one write, or read, and return what it returns."""
        name, *rest = write
        db, document = self.db, self.document
        calls: dict[str, Callable[..., Any]] = {
            "insert with id": lambda fields, doc_id: db.insert(document(fields, doc_id=doc_id)),
            "upsert with id": lambda fields, doc_id: db.upsert(document(fields, doc_id=doc_id)),
            "update": lambda change, spec: db.update(self.change(change), spec and self.query(spec)),
            "update by ids": lambda change, ids: db.update(self.change(change), doc_ids=ids),
            "update_multiple": lambda updates: db.update_multiple(
                [(self.change(c), self.query(q)) for c, q in updates]
            ),
            "upsert": lambda fields, spec: db.upsert(fields, self.query(spec)),
            "remove": lambda spec: db.remove(self.query(spec)),
            "search": lambda spec: db.search(self.query(spec)),
            "remove by ids": lambda ids: db.remove(doc_ids=ids),
            "get by ids": lambda ids: db.get(doc_ids=ids),
            "get by id": lambda doc_id: db.get(doc_id=doc_id),
        }
        return calls.get(name, getattr(db, name, None))(*rest)

    def query(self, spec: Any) -> Any:
        return build(spec, self.library)


@pytest.mark.parametrize("batch", range(-(-CASES // BATCH)))
def test_a_table_holds_and_returns_what_tinydb_would(batch: int, tmp_path: Path) -> None:
    draw = Draw(batch)
    for number in range(BATCH // 2):
        place = draw.choice([{"path": tmp_path / f"{number}"}, {"storage": OurMemory}])
        with ours.TinyDB(**place) as our_db, theirs.TinyDB(tmp_path / f"{number}.json") as their_db:
            left = Side(ours, our_operations, OurDocument, our_db)
            right = Side(theirs, their_operations, TheirDocument, their_db)
            for write in [draw.write() for _ in range(12)]:
                assert outcome(left.make, write) == outcome(right.make, write), write
                assert outcome(our_db.all) == outcome(their_db.all), write
                assert our_db.tables() == their_db.tables()
