"""Explaining with the clock of this machine."""

from __future__ import annotations

import time
from typing import Any

from nosqlpy._core.engine import explaining
from nosqlpy._core.engine.aggregation import AggregateRequest
from nosqlpy._core.engine.execution import Request
from nosqlpy._core.engine.reads import Source
from nosqlpy._core.engine.state import Engine
from nosqlpy.aliases import Document
from nosqlpy.errors import InvalidOperation


def explain(engine: Engine, name: str, request: Request[Any], source: Source, verbosity: str) -> Document:
    """Return the plan of a find, and if `verbosity` says so what running it takes.

    Raises:
        QueryError: There is no such verbosity.
        InvalidOperation: It is an aggregation that writes.
    """
    if isinstance(request, AggregateRequest) and request.pipeline.target is not None:
        raise InvalidOperation("explain the pipeline without its last stage, $out or $merge: explaining writes nothing")
    return explaining.explain(engine, name, request, source, verbosity, time.perf_counter)
