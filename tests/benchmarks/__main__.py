"""Print how nosqlpy compares with other stores and with floors: ``python -m tests.benchmarks``.

Every answer is compared with the other stores' before it is timed; who takes seconds for a call is asked once, or
left out where there are many documents, and that is said. ``--quick`` runs all of it on few documents, without
other packages; ``--docs`` also puts the figures and pictures into the documentation. ``--language``, ``--aggregation``,
``--tinydb``, ``--import`` and ``--open`` measure one matter each, in detail.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from tests.benchmarks import plots
from tests.benchmarks.aggregations import aggregations, show_aggregations
from tests.benchmarks.beside_tinydb import INSERTS, beside_tinydb, insert_line, show_beside_tinydb
from tests.benchmarks.documents import make_document
from tests.benchmarks.findings import Finding
from tests.benchmarks.imports import imports
from tests.benchmarks.language import Figure, bound_shapes, new_shapes, operators
from tests.benchmarks.opening import measure_opening, opening_findings, show_opening
from tests.benchmarks.peers import machine, missing, versions
from tests.benchmarks.points import points
from tests.benchmarks.report import Report, lines, markdown, put_into, short, together
from tests.benchmarks.table import Row, measure_size
from tests.benchmarks.tasks import holds, tasks
from tests.benchmarks.transactions import transactions
from tests.benchmarks.writers import durable_writers

SIZES = (1000, 10_000, 100_000)
DOCS = Path("docs/explanation")
# what the README shows, and what is drawn
SHOWN = (
    "find by id",
    "find equal, indexed",
    "range of 100, indexed",
    "scan, nested condition",
    "group by, sum",
    "insert_many, per document",
    "insert one",
    "$inc by id",
    "update 2 % by a condition",
)
GROWING = (
    "find by id",
    "find equal, indexed",
    "insert one",
    "$inc by id",
    "scan, nested condition",
    "count with a condition",
    "sort by a field, first 10",
    "group by, sum",
)

Section = tuple[str, Callable[[], list[Finding]]]


def measure(directory: Path, sizes: tuple[int, ...], rounds: int, *, quick: bool, table: bool) -> Report:
    """Return all figures, or those of the table only; what is measured now is said on stderr."""
    rows: list[Row] = []
    for size in sizes:
        say(f"{size:,} documents")
        rows += measure_size(directory, size, rounds, quick=quick)
    findings: list[Finding] = []
    for name, section in () if table else sections(directory, min(max(sizes), SIZES[-1]), rounds, quick=quick):
        say(name)
        findings += section()
    return Report(
        " ".join(["python -m tests.benchmarks", *_shown(sys.argv[1:])]),
        machine(),
        versions(),
        len(json.dumps(make_document(max(sizes) // 2))),
        missing(),
        rows,
        findings,
    )


def _shown(arguments: list[str]) -> list[str]:
    """Return the arguments that say what is measured, without where the figures go."""
    kept = " ".join(arguments).split(" --json")[0].split(" ")
    return [word for word in kept if word and word != "--docs"]


def sections(directory: Path, size: int, rounds: int, *, quick: bool) -> list[Section]:
    """Return what is measured beside the table, by name."""
    few = min(rounds, 3)
    opened = (1000,) if quick else (10_000, 100_000)
    found: list[Section] = [
        (
            "durable writers",
            lambda: durable_writers(directory, few, 8, (1, 4)) if quick else durable_writers(directory, few, 512),
        ),
        ("tasks", lambda: tasks(directory, min(size, 10_000), few)),
        ("holds of the loop", lambda: holds(directory, size, few)),
        ("import", lambda: _imports(size, few)),
    ]
    if not quick:
        found.append(("transactions", lambda: [_finding(each) for each in transactions(directory, rounds)]))
        found.append(("opening", lambda: opening_findings(measure_opening(directory, few, opened))))
    if not quick and "tinydb" not in missing():
        found.append(("TinyDB's interface", lambda: _tinydb(directory)))
    return found


def _finding(figure: Figure) -> Finding:
    single = figure.median / figure.ratio if figure.ratio else None
    return Finding(
        "transactions of five writes", figure.name, figure.median, "µs", "the same one by one", single, figure.target
    )


def _imports(size: int, rounds: int) -> list[Finding]:
    found = imports(size, rounds)
    return [Finding("import", "JSON Lines, each", found["import_file"], "µs", "a bare loop", found["bare loop"], 2)]


def _tinydb(directory: Path) -> list[Finding]:
    line = insert_line(directory, 1, "safe")
    ours, theirs = line["nosqlpy"] / INSERTS, line["tinydb"] / INSERTS
    return [
        Finding(
            "TinyDB's interface", f"{INSERTS:,} single inserts, each", ours, "µs", "TinyDB", theirs, 50, faster=True
        )
    ]


def say(what: str) -> None:
    """Say on stderr what is measured."""
    sys.stderr.write(f"measuring: {what}\n")


def write_docs(report: Report) -> None:
    """Put the figures into the page of benchmarks and the README, and draw the pictures."""
    size = max(size for size in report.sizes if size <= SIZES[-1])
    (DOCS / "benchmarks-sqlite.svg").write_text(plots.faster(report, size), encoding="utf-8")
    (DOCS / "benchmarks-growth.svg").write_text(plots.growth(report, GROWING), encoding="utf-8")
    put_into(DOCS / "benchmarks.md", markdown(report))
    put_into(Path("README.md"), short(report, min(size, SIZES[1]), SHOWN))


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
    parser.add_argument("--sizes", type=_sizes, default=SIZES, help="numbers of documents: 1000,10000,100000")
    parser.add_argument("--documents", type=int, default=100_000, help="with --aggregation and --import: how many")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--table", action="store_true", help="only the table: no writers, tasks, opening and so on")
    parser.add_argument(
        "--from", dest="sources", action="append", type=Path, help="measure nothing: take the figures of such files"
    )
    parser.add_argument("--docs", action="store_true", help="also write them, and pictures, into the documentation")
    parser.add_argument("--quick", action="store_true", help="few documents, one round, no other packages")
    parser.add_argument("--tinydb", action="store_true", help="measure TinyDB's interface beside TinyDB")
    parser.add_argument("--language", action="store_true", help="measure filters, operators and single operations")
    parser.add_argument(
        "--open", action="store_true", help="measure opening at 10 000, 100 000 and 1 000 000 documents"
    )
    parser.add_argument("--aggregation", action="store_true", help="measure aggregations beside SQL over JSON")
    parser.add_argument("--import", dest="imports", action="store_true", help="measure the import of JSON Lines")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        report, show = _measured(options, Path(directory))
    show(report)
    if options.json:
        options.json.write_text(json.dumps(msgspec.to_builtins(report), indent=2) + "\n")
    if options.docs:
        write_docs(report)


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _measured(options: argparse.Namespace, directory: Path) -> tuple[Any, Callable[[Any], None]]:
    """Return what is asked for, and what prints it."""
    if options.language:
        return measure_language(directory, options.rounds), show_language
    if options.aggregation:
        return aggregations(options.documents, options.rounds), show_aggregations
    if options.imports:
        return imports(options.documents, options.rounds), print
    if options.open:
        return measure_opening(directory, options.rounds), show_opening
    if options.tinydb:
        return beside_tinydb(directory, options.rounds), show_beside_tinydb
    if options.sources:
        return together([msgspec.json.decode(path.read_bytes(), type=Report) for path in options.sources]), show
    if options.quick:
        return measure(directory, (200, 400), 1, quick=True, table=False), show
    return measure(directory, options.sizes, options.rounds, quick=False, table=options.table), show


def show(report: Report) -> None:
    """Print the report for a person."""
    for line in lines(report):
        print(line)


if __name__ == "__main__":
    main()
