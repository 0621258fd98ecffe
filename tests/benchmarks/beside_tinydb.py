"""TinyDB's interface over nosqlpy, beside TinyDB: the same calls on the same documents, with the same answers.

TinyDB reads and writes its whole file at every call, so its cost grows with the number of documents; so many single
inserts as are compared here would take it minutes, and are added up from samples at ten sizes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from tests.benchmarks.documents import make_documents
from tests.benchmarks.measure import every_time, interleaved, seconds

from nosqlpy.compat import tinydb as ours
from nosqlpy.compat.tinydb.storages import MemoryStorage as OurMemory

INSERTS = 10_000
SAMPLES = 10
NUMBERS = count(1)

Call = Callable[[Any, Any], object]
Line = dict[str, Any]


def calls(size: int) -> dict[str, Call]:
    """Return the calls that are timed: each is given a database and its library."""
    middle = size // 2

    def named(library: Any, number: int) -> Any:
        return library.where("email") == f"user{number}@example.org"

    return {
        "all": lambda db, _: db.all(),
        "len": lambda db, _: [len(db)],
        "search, one found": lambda db, of: db.search(named(of, middle)),
        "search, a tenth found": lambda db, of: db.search(of.where("age") < 27),
        "search, nested": lambda db, of: db.search(of.Query().profile.city == "city 7"),
        "search, two conditions": lambda db, of: db.search(
            (of.where("age") > 50) & (of.Query().profile.city == "city 7")
        ),
        "search, pattern": lambda db, of: db.search(of.where("email").matches("user77")),
        "search, function": lambda db, of: db.search(of.where("age").test(lambda age: age == 30)),
        "search, kept": kept,
        "get by id": lambda db, _: db.get(doc_id=middle),
        "get by query": lambda db, of: db.get(named(of, middle)),
        "contains": lambda db, of: db.contains(named(of, middle)),
        "count": lambda db, of: db.count(of.where("age") >= 60),
        "update by id": lambda db, _: db.update({"age": next(NUMBERS)}, doc_ids=[middle]),
        "update by query": lambda db, of: db.update({"seen": next(NUMBERS)}, named(of, middle)),
        "update, operation": lambda db, of: db.update(of.operations.increment("age"), named(of, middle)),
        "update all, operation": lambda db, of: db.update(of.operations.increment("created")),
        "update all, function": lambda db, _: db.update(lambda document: document.update(seen=next(NUMBERS))),
        "update all": lambda db, _: db.update({"seen": next(NUMBERS)}),
        "upsert": lambda db, of: db.upsert({"seen": next(NUMBERS)}, named(of, middle)),
        "insert": lambda db, _: db.insert({"name": "new", "age": 1}),
        "insert_multiple, of 100": lambda db, _: db.insert_multiple({"name": "new", "age": 1} for _ in range(100)),
        "insert and remove": lambda db, _: db.remove(doc_ids=[db.insert({"name": "gone"})]),
    }


def kept(db: Any, library: Any) -> object:
    """Search for the same a hundred times."""
    return [db.search(library.where("age") < 27) for _ in range(100)]


def filled(library: Any, documents: list[dict[str, Any]], *arguments: Any, **options: Any) -> Any:
    """Return a database with these documents."""
    db = library.TinyDB(*arguments, **options)
    db.insert_multiple(documents)
    return db


def operation_lines(directory: Path, size: int, rounds: int, *, memory: bool) -> list[Line]:
    """Time every call on databases of `size` documents, in files, or in memory."""
    import tinydb.operations  # noqa: PLC0415 - only who compares needs it
    from tinydb.storages import MemoryStorage as TheirMemory  # noqa: PLC0415

    theirs = tinydb
    documents = [{key: value for key, value in document.items() if key != "_id"} for document in make_documents(size)]
    if memory:
        both = {
            "nosqlpy": filled(ours, documents, storage=OurMemory),
            "tinydb": filled(theirs, documents, storage=TheirMemory),
        }
    else:
        both = {
            "nosqlpy": filled(ours, documents, directory / f"ours {size}"),
            "tinydb": filled(theirs, documents, directory / f"theirs {size}.json"),
        }
    lines = []
    for name, call in calls(size).items():
        lines.append(timed(f"{name}{', in memory' if memory else ''}", call, both, theirs, rounds, size))
    for db in both.values():
        db.close()
    return lines


def timed(name: str, call: Call, both: dict[str, Any], theirs: Any, rounds: int, size: int) -> Line:
    """Time one call on both; what both return is compared first."""
    libraries = {"nosqlpy": ours, "tinydb": theirs}
    repeated = {"nosqlpy": 20, "tinydb": 1 if size > 1000 else 3}
    answers = [json.dumps(call(db, libraries[who]), default=str) for who, db in both.items()]
    assert answers[0] == answers[1] or name.startswith("insert"), f"{name}: different answers"

    def run(who: str) -> Callable[[], object]:
        db, library, keeps = both[who], libraries[who], "kept" in name

        def calls() -> None:
            for _ in range(repeated[who]):
                if not keeps:
                    db.clear_cache()
                call(db, library)

        return calls

    times = every_time({who: run(who) for who in both}, rounds=rounds)
    return {"operation": name, "documents": size} | {who: min(times[who]) / repeated[who] * 1e6 for who in both}


def insert_line(directory: Path, rounds: int, durability: str) -> Line:
    """Compare `INSERTS` single inserts into new databases."""
    import tinydb as theirs  # noqa: PLC0415 - only who compares needs it

    documents = [{"name": f"name {number}", "age": number % 90} for number in range(INSERTS)]
    fresh = (ours.TinyDB(directory / f"inserts {durability} {number}", durability=durability) for number in count())

    def insert_all() -> None:
        with next(fresh) as db:
            for document in documents:
                db.insert(document)

    spent = interleaved({"nosqlpy": insert_all}, rounds=rounds)["nosqlpy"]
    theirs_spent = 0.0
    for sample in range(SAMPLES):
        there = (2 * sample + 1) * INSERTS // SAMPLES // 2
        with filled(theirs, documents[:there], directory / f"inserts {durability} {sample}.json") as db:
            db.insert({})
            per_insert = min(seconds(lambda: db.insert(documents[0])) for _ in range(rounds))
        theirs_spent += per_insert * INSERTS / SAMPLES
    return {
        "operation": f"{INSERTS} inserts, {durability}",
        "documents": 0,
        "nosqlpy": spent * 1e6,
        "tinydb": theirs_spent * 1e6,
    }


def beside_tinydb(directory: Path, rounds: int) -> list[Line]:
    """Return all lines: microseconds per call of both, and how many times as fast ours is."""
    lines = [insert_line(directory, rounds, durability) for durability in ("safe", "durable")]
    for size in (1000, 10_000):
        lines += operation_lines(directory, size, rounds, memory=False)
        lines += operation_lines(directory, size, rounds, memory=True)
    return [{**line, "ratio": line["tinydb"] / line["nosqlpy"]} for line in lines]


def show_beside_tinydb(lines: list[Line]) -> None:
    """Print them for a person."""
    print(f"{'microseconds a call':38}{'documents':>10}{'nosqlpy':>12}{'tinydb':>14}{'times':>10}")
    for line in lines:
        print(
            f"{line['operation']:38}{line['documents']:10}{line['nosqlpy']:12.1f}{line['tinydb']:14.1f}{line['ratio']:9.1f}x"
        )
