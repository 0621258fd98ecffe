"""Explaining with the clock of this machine."""

from __future__ import annotations

import time
from typing import Any

from nosqlpy._core.engine import explaining
from nosqlpy._core.engine.execution import Request
from nosqlpy._core.engine.reads import Source
from nosqlpy._core.engine.state import Engine
from nosqlpy.aliases import Document


def explain(engine: Engine, name: str, request: Request[Any], source: Source, verbosity: str) -> Document:
    """Return the plan of a find, and if `verbosity` says so what running it takes.

    Raises:
        QueryError: There is no such verbosity.
    """
    return explaining.explain(engine, name, request, source, verbosity, time.perf_counter)
