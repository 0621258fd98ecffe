"""Time: how long a call may take, and a word in the log about one that took long."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Any

from nosqlpy._core.engine.bulk import Insertion
from nosqlpy._core.engine.intake import NewDocument, NewDocuments
from nosqlpy._core.engine.reads import Query
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.plan.plan import Plan
from nosqlpy._core.plan.planner import choose
from nosqlpy.errors import ExecutionTimeout, QueryError

log = logging.getLogger("nosqlpy.slow")

MAX_TIME_MS = 2**31 - 1
# what a function of the engine is called by whoever calls it
_ACTIONS = {"find_first": "find_one", "insert_one_result": "insert_one"}


class TimeLimit:
    """Raises, when it is called, where a call has worked for longer than it may. No time passes while it is paused."""

    __slots__ = ("_end", "_left", "_limit_ms")

    def __init__(self, limit_ms: int) -> None:
        self._limit_ms = limit_ms
        self.restart(perf_counter())

    def __call__(self) -> None:
        """Let the call go on, or end it.

        Raises:
            ExecutionTimeout: It has taken too long.
        """
        if perf_counter() >= self._end:
            raise ExecutionTimeout(f"the operation was ended: it took longer than max_time_ms={self._limit_ms}")

    def restart(self, began: float) -> None:
        """Give all of the time, from `began` on."""
        self._left = self._limit_ms / 1000
        self._end = began + self._left

    def pause(self) -> None:
        """Keep what is left of the time."""
        self._left = self._end - perf_counter()

    def resume(self) -> None:
        """Give what is left of the time, from now on."""
        self._end = perf_counter() + self._left


def time_limit(limit_ms: Any) -> TimeLimit | None:
    """Return the limit of a call, which begins now; None where 0 or None says that there is none.

    Raises:
        QueryError: It is no int, negative, or does not fit 32 bits.
    """
    if limit_ms is None:
        return None
    if type(limit_ms) is not int:
        message = f"max_time_ms is an int, not {type(limit_ms).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    if not 0 <= limit_ms <= MAX_TIME_MS:
        raise QueryError(f"{limit_ms} value for max_time_ms is out of range [0, {MAX_TIME_MS}]")
    return TimeLimit(limit_ms) if limit_ms else None


def warn_of_find(action: str, name: str, query: Query, plan: Plan, seconds: float) -> None:
    """Warn of a find, or an aggregation, that took long."""
    _warn(action, name, seconds, [*_planned(plan, counted=True), *_asked(query)], query.comment)


def warn_of_call(
    engine: Engine | None, function: str, arguments: Sequence[Any], seconds: float, *, wrote: bool
) -> None:
    """Warn of a call of a `function` of the engine that took long."""
    name, asked = arguments[0] if arguments else "", arguments[1:]
    query = next((found for found in map(_query, asked) if found is not None), None)
    parts: list[str] = []
    if query is not None and engine is not None and name in engine.collections:
        collection = engine.collections[name]
        # a hint that names no index refused the call; another thread may be changing the indexes
        with suppress(QueryError, RuntimeError):
            plan = choose(query.predicate, collection.indexes.by_name, collection.slots.count(), query.hint)
            parts += _planned(plan, counted=not wrote)
    parts += [] if query is None else _asked(query)
    parts += [f"{len(one)} requests" for one in asked if isinstance(one, list)]
    parts += [f"{len(one.ids)} documents" for one in asked if isinstance(one, NewDocuments)]
    comment = next((found for found in map(_comment, asked) if found is not None), None)
    _warn(_ACTIONS.get(function, function), name, seconds, parts, comment)


def _warn(action: str, name: str, seconds: float, parts: Sequence[str], comment: Any) -> None:
    described = "".join(f", {part}" for part in parts)
    if comment is None:
        log.warning("slow %s on %r: %.1f ms%s", action, name, seconds * 1000, described)
    else:
        log.warning("slow %s on %r: %.1f ms%s, comment %r", action, name, seconds * 1000, described, comment)


def _query(argument: Any) -> Query | None:
    found = getattr(argument, "query", argument)
    return found if isinstance(found, Query) else None


def _comment(argument: Any) -> Any:
    if isinstance(argument, NewDocument | NewDocuments):
        return argument.comment
    if isinstance(argument, list):  # of requests, which all have that of the call
        return next((found for found in map(_comment, argument) if found is not None), None)
    if isinstance(argument, Insertion):
        return argument.new.comment
    query = _query(argument)
    return None if query is None else query.comment


def _planned(plan: Plan, *, counted: bool) -> Iterator[str]:
    """Yield the plan's stage and index, and how many documents it leads to, if they are `counted` still."""
    index = "" if plan.index is None else f" {plan.index}"
    yield f"{plan.stage}{index} of {plan.candidates} documents" if counted else f"{plan.stage}{index}"


def _asked(query: Query) -> Iterator[str]:
    """Yield what a query asks for, without its values."""
    yield f"filter {query.predicate.shape}"
    if query.ordering is not None:
        yield "sort {" + ", ".join(f"{path}: {direction}" for path, direction in query.ordering.keys) + "}"
