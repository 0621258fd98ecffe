"""Opening: how long the first document and all of them take, and what a document takes of memory, beside SQLite.

Every figure is the median of fresh processes; the files are in the system's cache. "Loaded" is a find past as many of
the first documents as are read without the others. "All" is then a count with a condition that looks at every one.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from tests.benchmarks.documents import make_document
from tests.benchmarks.findings import Finding
from tests.benchmarks.sqlite import Sqlite
from tests.benchmarks.stores import Nosqlpy

SIZES = (10_000, 100_000, 1_000_000)
BATCH = 50_000
# what the project aims at, in milliseconds: the first document, all documents loaded
TARGETS = {100_000: (20, 100), 1_000_000: (100, 1000)}

# the time less that for which the process has waited for a processor
NOW = """
import json, sys, time
def now():
    try:
        waited = int(open("/proc/self/schedstat").read().split()[1]) / 1e9
    except OSError:
        waited = 0.0
    return time.perf_counter() - waited
"""
NOSQLPY = f"""{NOW}
from nosqlpy import Client
def resident(): return int(open("/proc/self/statm").read().split()[1]) * 4096
directory, id, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
start, used = now(), resident()
client = Client(directory, **options)
assert client["users"].get(id)["_id"] == id
first = now() - start
assert len(client["users"].find(skip=1000, limit=1).to_list()) == 1
loaded = now() - start
assert client["users"].count({{"age": {{"$gte": 0}}}}) == int(sys.argv[4])
print(json.dumps({{"first": first, "loaded": loaded, "all": now() - start, "memory": resident() - used}}))
"""
SQLITE = f"""{NOW}
import sqlite3
start = now()
connection = sqlite3.connect(sys.argv[1])
(body,) = connection.execute("SELECT body FROM users WHERE id = ?", (sys.argv[2],)).fetchone()
assert json.loads(body)["_id"] == sys.argv[2]
first = now() - start
assert connection.execute("SELECT sum(length(body)) FROM users").fetchone()
print(json.dumps({{"first": first, "all": now() - start}}))
"""

Figures = dict[str, Any]


def measure_opening(directory: Path, rounds: int, sizes: tuple[int, ...] = SIZES) -> Figures:
    """Return the table: a row for each size, times in milliseconds, memory in bytes for each document."""
    return {"rounds": rounds, "table": [_row(directory, size, rounds) for size in sizes]}


def _batches(size: int) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, size, BATCH):
        yield [make_document(number) for number in range(start, min(size, start + BATCH))]


def _row(directory: Path, size: int, rounds: int) -> Figures:
    id = make_document(size // 2)["_id"]
    place = directory / str(size)
    place.mkdir()
    closing = _fill(place, size)
    database = place / "nosqlpy"
    everything = {"memory_budget": 1 << 40}
    row: Figures = {
        "documents": size,
        "close ms": closing * 1e3,
        **_medians("", NOSQLPY, [database, id, "{}", size], rounds),
        **_medians("resident ", NOSQLPY, [database, id, json.dumps(everything), size], rounds),
        **_medians("places ", NOSQLPY, [database, id, '{"memory_budget": 0}', size], rounds),
        **_medians("sqlite ", SQLITE, [place / "Sqlite.db", id], rounds),
    }
    for hint in database.glob("*.hint"):
        hint.unlink()
    row |= _medians("without a hint ", NOSQLPY, [database, id, "{}", size], rounds)
    for name in ("resident memory", "places memory"):
        row[f"{name} per document"] = round(row.pop(name) / size)
    shutil.rmtree(place)
    return {name: round(value, 1) for name, value in row.items() if not name.endswith("memory")}


def _fill(place: Path, size: int) -> float:
    """Fill both stores; return how long closing nosqlpy took, in seconds."""
    nosqlpy, sqlite = Nosqlpy(place), Sqlite(place)
    for documents in _batches(size):
        nosqlpy.insert_many(documents)
        sqlite.insert_many(documents)
    sqlite.close()
    begun = time.perf_counter()
    nosqlpy.close()
    return time.perf_counter() - begun


def _medians(name: str, program: str, arguments: list[object], rounds: int) -> Figures:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    runs = [
        json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout) for _ in range(rounds)
    ]
    found = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    times = {f"{name}{key} ms": found[key] * 1e3 for key in ("first", "loaded", "all") if key in found}
    return times | ({f"{name}memory": found["memory"]} if "memory" in found else {})


def opening_findings(report: Figures) -> list[Finding]:
    """Return what the project aims at: the first document, all of them, and the memory that a document takes."""
    found = []
    encoded = len(msgspec.msgpack.encode(make_document(0)))
    for row in report["table"]:
        size, section = row["documents"], "opening, in a process of its own"
        first, everything = TARGETS.get(size, (None, None))
        found += [
            Finding(section, f"{size:,} documents, the first", row["first ms"], "ms", target=first),
            Finding(section, f"{size:,} documents, all loaded", row["loaded ms"], "ms", target=everything),
            Finding(section, f"{size:,} documents, loaded and counted by a condition", row["all ms"], "ms"),
            Finding(section, f"{size:,} documents, SQLite's first", row["sqlite first ms"], "ms"),
            Finding(
                "memory",
                f"{size:,} documents, each",
                row["resident memory per document"],
                "bytes",
                target=encoded + 200,
            ),
        ]
    return found


def show_opening(report: Figures) -> None:
    """Print the report for a person."""
    for row in report["table"]:
        first, everything = TARGETS.get(row["documents"], (None, None))
        for name, value in row.items():
            target = {"first ms": first, "loaded ms": everything}.get(name)
            verdict = "" if target is None else f"   {'met' if value < target else 'missed'}: < {target}"
            print(f"{name:38}{value:12.1f}{verdict}")
        print(f"{'first document, times SQLite':38}{row['first ms'] / row['sqlite first ms']:12.2f}\n")
