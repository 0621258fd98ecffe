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
from tests.benchmarks.tinydb_calls import Call, calls

from nosqlpy.compat import tinydb as ours
from nosqlpy.compat.tinydb.storages import MemoryStorage as OurMemory

INSERTS = 10_000
SAMPLES = 10
ROUND_S = 0.002
MOST_CALLS = 1024
INSERTS_AT_ONCE = 8

Line = dict[str, Any]


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
    answers = [json.dumps(call(db, libraries[who]), default=str) for who, db in both.items()]
    assert answers[0] == answers[1] or name.startswith(("insert", "repr")), f"{name}: different answers"
    grows = name.startswith("insert") and "and" not in name
    clears = name.startswith(("search", "count")) and "kept" not in name

    def run(who: str, times: int) -> Callable[[], object]:
        db, library = both[who], libraries[who]

        def several() -> None:
            for _ in range(times):
                if clears:
                    db.clear_cache()
                call(db, library)

        return several

    repeated = {who: INSERTS_AT_ONCE if grows else _enough(lambda times, who=who: run(who, times)) for who in both}
    times = every_time({who: run(who, repeated[who]) for who in both}, rounds=rounds)
    return {"operation": name, "documents": size} | {who: min(times[who]) / repeated[who] * 1e6 for who in both}


def _enough(run: Callable[[int], Callable[[], object]]) -> int:
    """Return how many calls take `ROUND_S`."""
    times = 4
    while times < MOST_CALLS and min(seconds(run(times)) for _ in range(3)) < ROUND_S:
        times *= 4
    return times


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
