"""The benchmarks in their quick form: few documents and no other packages, but every answer is compared."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import nosqlpy

ROOT = Path(__file__).parents[1]
OPERATIONS = {
    *("insert_many, per document", "find by id", "find equal, indexed", "range of 100, indexed"),
    *("sort by an index, first 10", "scan, nested condition", "count with a condition", "sort by a field, first 10"),
    *("group by, sum", "insert one", "delete one", "$inc by id"),
    *("update 2 % by a condition", "delete 2 % by a condition"),
}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The figures of the quick form; it ends with an error where stores answer differently."""
    path = tmp_path_factory.mktemp("benchmarks") / "figures.json"
    source = str(Path(nosqlpy.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--quick", "--json", str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        timeout=120,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(path.read_bytes()), done.stdout


def test_every_operation_is_measured_at_every_size_beside_the_floor_and_sqlite(report):
    figures, _ = report
    measured = {(row["operation"], row["size"]): set(row["times"]) for row in figures["rows"]}

    for operation in OPERATIONS:
        for size in (200, 400):
            assert {"nosqlpy", "floor: bytes", "SQLite text"} <= measured[operation, size]


def test_it_prints_ratios_targets_and_how_the_cost_grows(report):
    _, printed = report

    assert "(≤ 1.5x floor: bytes): " in printed
    assert "how many times as long with 400 documents as with 200" in printed


def test_what_no_table_holds_is_measured_as_well(report):
    figures, _ = report

    assert {found["section"] for found in figures["findings"]} == {
        "durable writers at once",
        "async, 100 tasks at once",
        "the longest hold of the event loop",
        "import",
    }
