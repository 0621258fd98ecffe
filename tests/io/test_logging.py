"""The log is silent unless somebody listens."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from nosqlpy import Client

with Client(":memory:", slow_ms=0) as db:
    db.users.insert({"a": 1})
    assert db.users.find_one({"a": 1})
"""
LISTENING = "import logging\nlogging.basicConfig()\n"


def written(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=60, encoding="utf-8", stderr=subprocess.PIPE
    )
    return done.stderr


def test_a_program_without_logging_gets_no_log() -> None:
    assert written(PROGRAM) == ""


def test_a_program_that_listens_gets_the_slow_operations() -> None:
    assert "nosqlpy.slow" in written(LISTENING + PROGRAM)
