"""Print how nosqlpy compares: ``python -m tests.benchmarks [--documents 100000] [--rounds 5] [--json FILE]``;
with ``--language`` what filters, their operators and operations on one document cost instead, with
``--aggregation`` pipelines beside SQL, with ``--import`` JSON Lines beside a bare loop.

Every answer is compared with the other competitors' before it is timed. A line shows
microseconds (per call, or per document) and the ratios to the floor and to SQLite.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from tests.benchmarks.aggregations import aggregations, show_aggregations
from tests.benchmarks.beside_tinydb import beside_tinydb, show_beside_tinydb
from tests.benchmarks.competitors import Floor, Nosqlpy, Sqlite
from tests.benchmarks.documents import AGES, CITIES, make_document, make_documents
from tests.benchmarks.imports import imports
from tests.benchmarks.language import Figure, bound_shapes, new_shapes, operators
from tests.benchmarks.measure import interleaved, seconds
from tests.benchmarks.opening import measure_opening, show_opening
from tests.benchmarks.points import points
from tests.benchmarks.transactions import transactions

import nosqlpy
from nosqlpy import AsyncClient

CALLS = 2000
# what the project aims at: at most so many times the floor, at least so many times faster than SQLite
TARGETS = {
    "get by id": ("floor", 1.8),
    "insert_many, per document": ("floor", 2.5),
    "scan, one condition, per document": ("sqlite", 2.0),
}

Competitors = dict[str, Nosqlpy | Sqlite | Floor]
Line = dict[str, Any]


def line(name: str, times: dict[str, float], count: int) -> Line:
    """Return one line of the table: microseconds for each competitor, and nosqlpy's ratios."""
    micros = {who: spent / count * 1e6 for who, spent in times.items()}
    return {
        "operation": name,
        **{who: round(value, 3) for who, value in micros.items()},
        "of floor": round(micros["nosqlpy"] / micros["floor"], 2),
        "faster than sqlite": round(micros["sqlite"] / micros["nosqlpy"], 2),
    }


def bulk_insert(directory: Path, documents: list[dict[str, Any]], rounds: int) -> Line:
    """Time insert_many into a new database each."""
    fresh: Competitors = {}

    def prepare(name: str) -> None:
        place = Path(tempfile.mkdtemp(dir=directory))
        fresh[name] = {"nosqlpy": Nosqlpy, "sqlite": Sqlite, "floor": Floor}[name](place)

    def insert(name: str) -> Callable[[], object]:
        return lambda: fresh[name].insert_many(documents)

    runs = {name: insert(name) for name in ("nosqlpy", "sqlite", "floor")}
    times = interleaved(runs, rounds=rounds, prepare=prepare)
    return line("insert_many, per document", times, len(documents))


def calls(
    competitors: Competitors, name: str, method: str, arguments: list[Any], rounds: int, per: int | None = None
) -> Line:
    """Time a method called with each of `arguments`; `per` documents are looked at in all calls together."""

    def run(who: str) -> Callable[[], object]:
        function = getattr(competitors[who], method)
        return lambda: [function(argument) for argument in arguments]

    runs = {who: run(who) for who in competitors}
    if not method.startswith(("insert", "increment")):
        first, *others = (normal(function()) for function in runs.values())
        assert all(answer == first for answer in others), f"the competitors do not agree on {name}"
    return line(name, interleaved(runs, rounds=rounds), per or len(arguments))


def normal(answers: Any) -> Any:
    """Return answers in a form that can be compared: documents in the order of their ids."""
    return [
        sorted(answer, key=lambda document: document["_id"]) if isinstance(answer, list) else answer
        for answer in answers
    ]


def inserts(competitors: Competitors, count: int, rounds: int) -> Line:
    """Time single inserts, each of a new document."""
    numbers = iter(range(count, count * 1000))

    def run(who: str) -> Callable[[], object]:
        insert = competitors[who].insert
        return lambda: [insert(make_document(next(numbers))) for _ in range(CALLS)]

    making = seconds(lambda: [make_document(number) for number in range(CALLS)])
    times = interleaved({who: run(who) for who in competitors}, rounds=rounds)
    return line("insert", {who: spent - making for who, spent in times.items()}, CALLS)


async def await_cost(directory: Path, ids: list[str], rounds: int) -> float:
    """Return what ``await get`` costs over the blocking ``get``, in microseconds."""
    async with AsyncClient(directory / "nosqlpy") as db:
        users, blocking = db["users"], Nosqlpy(directory)
        costs = []
        for _ in range(rounds):
            times = {}
            for name in ("blocking", "async", "blocking again"):
                times[name] = await _timed(users.get if name == "async" else None, blocking, ids)
            costs.append(times["async"] - min(times["blocking"], times["blocking again"]))
        blocking.close()
    return sorted(costs)[rounds // 2] / len(ids) * 1e6


async def _timed(get: Any, blocking: Nosqlpy, ids: list[str]) -> float:
    if get is None:
        get = blocking.users.get
        begun = time.perf_counter()
        for id in ids:
            get(id)
        return time.perf_counter() - begun
    begun = time.perf_counter()
    for id in ids:
        await get(id)
    return time.perf_counter() - begun


def measure(directory: Path, count: int, rounds: int) -> dict[str, Any]:
    """Return the whole table."""
    documents = make_documents(count)
    table = [bulk_insert(directory, documents, rounds)]
    competitors: Competitors = {"nosqlpy": Nosqlpy(directory), "sqlite": Sqlite(directory), "floor": Floor(directory)}
    for competitor in competitors.values():
        competitor.insert_many(documents)
        competitor.create_index()
    step = max(1, count // CALLS)
    some = documents[::step][:CALLS]
    ids = [document["_id"] for document in some]
    emails = [document["email"] for document in some]
    table += [
        calls(competitors, "get by id", "get", ids, rounds),
        calls(competitors, "find equal, indexed", "find_indexed", emails, rounds),
        calls(competitors, "scan, one condition, per document", "scan", [AGES - 5], rounds, count),
        calls(competitors, "scan, nested field, per document", "scan_nested", [f"city {CITIES // 2}"], rounds, count),
        calls(competitors, "count, one condition, per document", "count", [AGES - 5], rounds, count),
        inserts(competitors, count, rounds),
        calls(competitors, "$inc by id", "increment", ids, rounds),
    ]
    for competitor in competitors.values():
        competitor.close()
    return {
        "machine": f"{platform.machine()}, {platform.system()}",
        "versions": f"CPython {platform.python_version()}, nosqlpy {nosqlpy.__version__}, "
        f"msgspec {msgspec.__version__}, SQLite {sqlite3.sqlite_version}",
        "documents": count,
        "json bytes": len(json.dumps(documents[count // 2])),
        "table": table,
        "await over blocking, us": round(asyncio.run(await_cost(directory, ids * 5, rounds)), 3),
    }


def show(report: dict[str, Any]) -> None:
    """Print the report for a person."""
    print(f"{report['documents']} documents of {report['json bytes']} bytes of JSON; {report['versions']}")
    print(f"{'microseconds':38}{'nosqlpy':>10}{'sqlite':>10}{'floor':>10}{'of floor':>10}{'of sqlite':>11}   target")
    for row in report["table"]:
        print(
            f"{row['operation']:38}{row['nosqlpy']:10.2f}{row['sqlite']:10.2f}{row['floor']:10.2f}"
            f"{row['of floor']:9.2f}x{row['faster than sqlite']:10.1f}x   {verdict(row)}"
        )
    cost = report["await over blocking, us"]
    print(f"await over the blocking call, get by id: {cost:.2f} us   {'met' if cost < 1 else 'missed'}: < 1")


def verdict(row: Line) -> str:
    """Return the target of a line and whether it is met."""
    if row["operation"] not in TARGETS:
        return ""
    peer, factor = TARGETS[row["operation"]]
    if peer == "floor":
        return f"{'met' if row['of floor'] <= factor else 'missed'}: <= {factor}x of floor"
    return f"{'met' if row['faster than sqlite'] >= factor else 'missed'}: >= {factor}x faster than sqlite"


def measure_language(directory: Path, rounds: int) -> dict[str, list[Figure]]:
    """Return the figures about the query language and operations on one document, by section."""
    return {
        "a filter of a new shape": new_shapes(rounds),
        "a filter of a known shape": bound_shapes(rounds),
        "operators in a scan, per document; ratio to $gt": operators(rounds),
        "operations on one document; ratio to the floor": points(directory, rounds),
        "transactions; ratio to the same writes one by one": transactions(directory, rounds),
    }


def show_language(sections: dict[str, list[Figure]]) -> None:
    """Print them for a person."""
    for title, found in sections.items():
        print(f"{title:50}{'best us':>10}{'median us':>11}{'ratio':>8}   target")
        for figure in found:
            ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}x"
            verdict = "" if figure.met is None else f"{'met' if figure.met else 'missed'}: <= {figure.target:g}"
            print(f"  {figure.name:48}{figure.best:10.2f}{figure.median:11.2f}{ratio:>8}   {verdict}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--tinydb", action="store_true", help="measure TinyDB's interface beside TinyDB")
    parser.add_argument("--language", action="store_true", help="measure filters, operators and single operations")
    parser.add_argument(
        "--open", action="store_true", help="measure opening at 10 000, 100 000 and 1 000 000 documents"
    )
    parser.add_argument("--aggregation", action="store_true", help="measure aggregations beside SQL over JSON")
    parser.add_argument("--import", dest="imports", action="store_true", help="measure the import of JSON Lines")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        if options.language:
            report: Any = measure_language(Path(directory), options.rounds)
        elif options.aggregation:
            report = aggregations(options.documents, options.rounds)
        elif options.open:
            report = measure_opening(Path(directory), options.rounds)
        elif options.imports:
            report = imports(options.documents, options.rounds)
        elif options.tinydb:
            report = beside_tinydb(Path(directory), options.rounds)
        else:
            report = measure(Path(directory), options.documents, options.rounds)
    shows = [
        (options.language, show_language),
        (options.open, show_opening),
        (options.tinydb, show_beside_tinydb),
        (options.aggregation, show_aggregations),
        (options.imports, print),
    ]
    next((function for asked, function in shows if asked), show)(report)
    if options.json:
        options.json.write_text(json.dumps(msgspec.to_builtins(report), indent=2) + "\n")


if __name__ == "__main__":
    main()
