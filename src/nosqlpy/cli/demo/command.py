"""``nosqlpy demo``: import, index, find, update, sort, kill, compact and verify, on real data."""

from __future__ import annotations

import argparse
import platform
import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import anyio

import nosqlpy
from nosqlpy import Client, QueryError
from nosqlpy.cli.arguments import UsageError
from nosqlpy.cli.demo import characters
from nosqlpy.cli.demo.crash import crash_and_recover
from nosqlpy.cli.demo.faces import Answers, Job, ask_async, ask_blocking
from nosqlpy.cli.demo.questions import CHARACTERS, Questions, questions_about
from nosqlpy.cli.demo.report import Ledger, Report, timed
from nosqlpy.cli.output import Output
from nosqlpy.extended_json import encode_json

MARKS = "demo"  # the collection that tells a demonstration's database, and which imports are complete
SAMPLE = 5000


def demonstrate(arguments: argparse.Namespace) -> int:
    """Run the demonstration; return 1 if a check failed.

    It may be killed at any moment: what is in the directory is a valid database with
    all writes that were acknowledged, and another run goes on with it.
    """
    report, ledger = Report(Output(arguments.form)), Ledger(arguments.acknowledge)
    data = None if arguments.data is None else Path(arguments.data)
    if data is not None:
        data.open("rb").close()  # says why, before anything is made
    with _directory(arguments.dir) as path:
        what = f"Unicode {characters.VERSION}, from Python's unicodedata" if data is None else data.name
        facts = {"version": nosqlpy.__version__, "python": platform.python_version(), "data": what, "directory": path}
        report.title(f"nosqlpy {nosqlpy.__version__}, Python {facts['python']}: {what}, in {path}", facts)
        _demonstrate(path, data, report, ledger)
    ledger.close()
    report.end()
    return 1 if report.failed else 0


@contextmanager
def _directory(kept: str | None) -> Iterator[str]:
    if kept is not None:
        yield kept
    else:
        with tempfile.TemporaryDirectory(prefix="nosqlpy-demo-") as path:
            yield path


def _demonstrate(path: str, data: Path | None, report: Report, ledger: Ledger) -> None:
    name = "characters" if data is None else _collection_name(data)
    with Client(path, slow_ms=None) as db:
        report.section("Client (blocking)")
        _import(db, name, data, report, ledger)
        asked = CHARACTERS if data is None else questions_about(list(islice(db[name].find(), SAMPLE)))
        job = Job(path, name, asked, report, ledger)
        _index(db, job)
        answers = ask_blocking(db, job)
        _compare_with_python(db, job, answers)
        _ask_async(job, answers)
    report.section("Kill a process that writes, and reopen")
    crash_and_recover(path, report, ledger)
    report.section("Compact and verify")
    _compact(job)


def _ask_async(job: Job, answers: Answers) -> None:
    """Do the same through the async face, which shares the open database."""
    for backend in ("asyncio", "trio"):
        if find_spec(backend) is not None:
            job.report.section(f"AsyncClient ({backend})")
            found = anyio.run(partial(ask_async, job, backend), backend=backend)
            job.report.check(found == answers, "both faces give the same answers")


def _collection_name(data: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", data.stem).strip("_")[:60] or "documents"
    return f"{name}_data" if name in (MARKS, "writes", "characters") else name


def _import(db: Client, name: str, data: Path | None, report: Report, ledger: Ledger) -> None:
    """Import the data, unless an earlier run has done so. A mark says whether it has; only then it is acknowledged."""
    names = db.list_collection_names()
    if names and MARKS not in names:
        raise UsageError(f"{db.url!r} holds a database that no demo has made; let --dir name another directory")
    mark = db[MARKS].get(name)
    if mark is None and name in names:
        raise UsageError(
            f"collection {name!r} in {db.url!r} was not made by the demo; let --dir name another directory"
        )
    if mark is not None and mark["complete"]:
        report.step("import", f"{db[name].count():,} documents are there from an earlier run")
        report.check(db[name].count() == mark["documents"], "all documents of an earlier run are there")
        return
    db[MARKS].save({"_id": name, "complete": False})
    with tempfile.TemporaryDirectory(prefix="nosqlpy-demo-data-") as directory:
        source = data or Path(directory, "characters.jsonl")
        if data is None:
            _, seconds = timed(partial(characters.write_characters, source))
            report.step("collect", f"{source.stat().st_size / 1e6:.1f} MB of JSON Lines", seconds)
        imported, seconds = timed(partial(db[name].import_file, source, format="jsonl", mode="replace"))
    if not imported:
        raise QueryError(f"there is no document in {source.name}")
    db[MARKS].save({"_id": name, "complete": True, "documents": imported})
    ledger.note(name, {}, imported)
    report.step("import", f"{imported:,} documents, {imported / seconds:,.0f} a second", seconds, documents=imported)
    report.check(db[name].count() == imported, "all imported documents are there")


def _index(db: Client, job: Job) -> None:
    index, seconds = timed(partial(db[job.collection].create_index, job.questions.path))
    job.report.step("index", f"on {job.questions.path}: {index}", seconds)


def _compare_with_python(db: Client, job: Job, answers: Answers) -> None:
    """Check the answers against a loop over all documents."""
    documents, seconds = timed(db[job.collection].find().to_list)
    job.report.step("read all", f"{len(documents):,} documents as dicts", seconds, documents=len(documents))
    asked: Questions = job.questions
    job.report.check(sum(map(asked.is_equal, documents)) == len(answers.equal), "Python finds as many equal ones")
    job.report.check(sum(map(asked.is_in_range, documents)) == answers.in_range, "Python finds as many in the range")
    top = asked.top([document for document in documents if document["_id"] in answers.top])
    job.report.check(asked.top(documents) == top, "Python finds the same at the top")


def _compact(job: Job) -> None:
    with Client(job.path, create=False, slow_ms=None) as db:
        before = _digest(db, job.collection)
        sizes, seconds = timed(db.compact)
        text = f"{sizes['bytes_before'] / 1e6:.1f} MB become {sizes['bytes_after'] / 1e6:.1f} MB"
        job.report.step("compact", text, seconds, **sizes)
    db, seconds = timed(Client(job.path, read_only=True, create=False, slow_ms=None).open)
    with db:
        documents = db.stats()["documents"]
        job.report.step("open", f"{documents:,} documents, read-only", seconds, documents=documents)
        job.report.check(_digest(db, job.collection) == before, "compacting and reopening change no document")
        verified, seconds = timed(db.verify)
        job.report.step("verify", f"{verified['bytes'] / 1e6:.1f} MB on disk are what was written", seconds, **verified)
        job.report.check(bool(verified["ok"]), "the database is sound")


def _digest(db: Client, name: str) -> int:
    """Return a checksum of all documents that does not depend on their order."""
    return sum(zlib.crc32(encode_json(document)) for document in db[name].find())
