"""The same work through both faces."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from nosqlpy import AsyncClient, Client, Document
from nosqlpy.cli.demo.questions import TOP, Questions
from nosqlpy.cli.demo.report import Ledger, Report, timed
from nosqlpy.extended_json import encode_json


class Job(msgspec.Struct, frozen=True):
    """What both faces are told to do: where, and which questions to ask."""

    path: str
    collection: str
    questions: Questions
    report: Report
    ledger: Ledger


class Answers(msgspec.Struct):
    """What a face found: ids, in order where there is one."""

    equal: list[Any]
    in_range: int
    top: list[Any]


def update_of(face: str) -> dict[str, Any]:
    """Return an update that leaves a trace of who made it."""
    return {"$inc": {"demo.visits": 1}, "$push": {"demo.by": face}, "$set": {"demo.last": face}}


def ask_blocking(db: Client, job: Job) -> Answers:
    """Ask the questions and update what is found, through `Client`."""
    users, asked = db[job.collection], job.questions
    found, seconds = timed(lambda: users.find(asked.equal).to_list())
    plan = users.find(asked.equal).explain()["queryPlanner"]["winningPlan"]
    stage = plan.get("inputStage", plan)["stage"]
    say_found(job, "indexed", asked.equal, len(found), seconds, stage)
    scanned, seconds = timed(lambda: users.find(asked.equal, hint="$natural").to_list())
    say_found(job, "scan", asked.equal, len(scanned), seconds, "COLLSCAN")
    job.report.check(stage in ("IXSCAN", "IDHACK"), "the index is used")
    job.report.check(ids(found) == ids(scanned), "index and scan give the same answer")
    in_range, seconds = timed(lambda: users.count(asked.range))
    say_found(job, "scan", asked.range, in_range, seconds, "COLLSCAN")
    top, seconds = timed(lambda: users.find(sort=asked.order, limit=TOP).to_list())
    say_top(job, top, seconds)
    before = users.count({"demo.by": "Client"})
    visits = found[0].get("demo", {}).get("visits", 0) if found else 0
    result, seconds = timed(lambda: users.update_many(asked.equal, update_of("Client")))
    say_updated(job, result.modified_count, visits, seconds)
    job.report.check(result.modified_count == len(found), "as many documents are updated as are found")
    job.report.check(users.count({"demo.by": "Client"}) >= max(before, len(found)), "updates can be found")
    return Answers(ids(found), in_range, [document["_id"] for document in top])


async def ask_async(job: Job, face: str) -> Answers:
    """Ask the same, and update the same, through `AsyncClient`."""
    async with AsyncClient(job.path, create=False, slow_ms=None) as db:
        users, asked = db[job.collection], job.questions
        begun = time.perf_counter()
        found: list[Document] = await users.find(asked.equal)
        say_found(job, "indexed", asked.equal, len(found), time.perf_counter() - begun, "IXSCAN")
        begun = time.perf_counter()
        in_range = await users.count(asked.range)
        say_found(job, "scan", asked.range, in_range, time.perf_counter() - begun, "COLLSCAN")
        begun = time.perf_counter()
        top = [document async for document in users.find(sort=asked.order, limit=TOP)]
        say_top(job, top, time.perf_counter() - begun)
        visits = found[0].get("demo", {}).get("visits", 0) if found else 0
        begun = time.perf_counter()
        result = await users.update_many(asked.equal, update_of(face))
        say_updated(job, result.modified_count, visits, time.perf_counter() - begun)
        again: Document = await users.get(found[0]["_id"]) or {}
        job.report.check(result.modified_count == len(found), "as many documents are updated as are found")
        job.report.check(again["demo"]["by"][-1] == face, "an update is seen by the next read")
        return Answers(ids(found), in_range, [document["_id"] for document in top])


def say_found(job: Job, name: str, filter: Any, count: int, seconds: float, stage: str) -> None:
    """Report a find or a count."""
    text = f"{encode_json(dict(filter)).decode()}  {count:,} found"
    job.report.step(name, text, seconds, documents=count, stage=stage)


def say_top(job: Job, top: list[Document], seconds: float) -> None:
    """Report a sort with a limit."""
    order = " ".join(f"{'-' if way < 0 else ''}{name}" for name, way in job.questions.order)
    shown = ", ".join(str(document["_id"]) for document in top)
    job.report.step("sort", f"{order}, first {len(top)}: {shown}", seconds, documents=len(top))


def say_updated(job: Job, count: int, visits: int, seconds: float) -> None:
    """Report an update, and note it as acknowledged."""
    job.ledger.note(job.collection, {"demo.visits": {"$gte": visits + 1}}, count)
    job.report.step("update", f"$inc, $push and $set in {count:,} documents", seconds, documents=count)


def ids(documents: list[Document]) -> list[Any]:
    """Return the ids, in an order that does not depend on how they were found."""
    return sorted((document["_id"] for document in documents), key=repr)
