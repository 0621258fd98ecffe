"""Killing a process that writes, and looking for what it was told is safe."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from typing import Any

from nosqlpy import Client
from nosqlpy.cli.demo.report import Ledger, Report, timed
from nosqlpy.cli.demo.writer import COLLECTION, COUNTER
from nosqlpy.errors import StorageError

WRITES_MIN, WRITES_MAX = 200, 2000
PATIENCE_S = 10.0


def crash_and_recover(path: str, report: Report, ledger: Ledger) -> None:
    """Kill a writer with SIGKILL and reopen what it leaves."""
    acknowledged = kill_writer(path, ledger)
    db, seconds = timed(Client(path, create=False, slow_ms=None).open)
    with db:
        _inspect(db, acknowledged, seconds, report)


def kill_writer(path: str, ledger: Ledger) -> int:
    """Start a writer, kill it in the middle of its work, and return the last write that it knew to be safe.

    Raises:
        StorageError: It ended by itself.
    """
    wanted = random.randint(WRITES_MIN, WRITES_MAX)  # noqa: S311 - no secret
    command = [sys.executable, "-P", "-m", "nosqlpy.cli.demo.writer", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:  # noqa: S603 - our own
        deadline = threading.Timer(PATIENCE_S, child.kill)
        deadline.start()
        try:
            acknowledged = _listen(child, wanted, ledger)
        finally:
            deadline.cancel()
            child.kill()
        stderr = child.stderr.read().decode(errors="replace") if child.stderr else ""
    if not acknowledged:
        raise StorageError(f"the process that writes got nothing done: {stderr.strip().rpartition(chr(10))[2]}")
    return acknowledged


def _listen(child: subprocess.Popen[bytes], wanted: int, ledger: Ledger) -> int:
    """Return the last number that the writer has said; after `wanted` of them it is killed."""
    assert child.stdout is not None, "it is a pipe"
    number = 0
    for heard, line in enumerate(child.stdout, 1):
        if line.endswith(b"\n"):
            number = int(line)
            ledger.note(COLLECTION, {"_id": {"$lte": number}}, number)
        if heard == wanted:
            child.kill()  # what it said meanwhile is still in the pipe
    return number


def _inspect(db: Client, acknowledged: int, seconds: float, report: Report) -> None:
    writes = db[COLLECTION]
    counter: Any = writes.get(COUNTER) or {"written": 0}
    written, counted = writes.count({"_id": {"$ne": COUNTER}}), counter["written"]
    lost = acknowledged - writes.count({"_id": {"$gte": 1, "$lte": acknowledged}})
    torn = db.stats()["recovery"]["torn_bytes"]
    text = f"after {acknowledged:,} acknowledged writes: {lost} lost, {torn} torn bytes cut off; reopened"
    report.step("SIGKILL", text, seconds, acknowledged=acknowledged, lost=lost, torn_bytes=torn)
    report.check(lost == 0, "every acknowledged write is there")
    report.check(written - acknowledged in (0, 1), "at most one write more, the one under way, is there")
    report.check(counted >= acknowledged, "every acknowledged update is there")
    report.check(written - counted in (0, 1), "writes are there in the order in which they were made, without a hole")
