"""Time: how long a call may take, and a word in the log about one that took long."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from time import perf_counter
from typing import Any

import msgspec

from nosqlpy._core.engine.bulk import Insertion
from nosqlpy._core.engine.execution import Query
from nosqlpy._core.engine.explaining import examined_keys
from nosqlpy._core.engine.intake import NewDocument, NewDocuments
from nosqlpy._core.engine.reads import plan_of
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.index.deferred import Unloaded
from nosqlpy._core.plan.explain import keys_examined
from nosqlpy._core.plan.plan import Plan
from nosqlpy.errors import ExecutionTimeout, OperationFailure, QueryError

log = logging.getLogger("nosqlpy.slow")

MAX_TIME_MS = 2**31 - 1
# what a function of the engine is called by whoever calls it
_ACTIONS = {"find_first": "find_one", "insert_one_result": "insert_one"}
_BY_ID = ("get", "delete_by_id")


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


class Call(msgspec.Struct, frozen=True):
    """What a call asks for, without any value of it but its comment, and how that is found.

    `stage` is that of the plan, with its index; it leads to so many `keys` of indexes and `documents`, which are None
    where nothing is searched, or that is not known. `amount` is what the call brings along: ``5 documents``.
    """

    action: str
    collection: str
    shape: str = ""
    stage: str = ""
    keys: int | None = None
    documents: int | None = None
    amount: str = ""
    comment: Any = None


def call_of_find(
    action: str, name: str, query: Query, plan: Plan, documents: int, engine: Engine | None = None
) -> Call:
    """Return what is to be said of a find, or an aggregation, that has examined so many documents."""
    keys = None
    examined = 0 if plan.covered else documents
    if engine is not None:
        with suppress(RuntimeError, KeyError, Unloaded):  # the index may have been dropped meanwhile
            keys = examined_keys(engine.collections.get(name), plan, documents)
    return Call(action, name, _shape(query), _stage(plan), keys, examined, comment=query.comment)


def call_of(engine: Engine | None, function: str, arguments: Sequence[Any]) -> Call:
    """Return what is to be said of a call of a `function` of the engine, with the plan that it has now."""
    name, asked = arguments[0] if arguments else "", arguments[1:]
    query = next((found for found in map(_query, asked) if found is not None), None)
    stage, keys, documents = ("IDHACK _id_", 1, 1) if function in _BY_ID else ("", None, None)
    if query is not None and engine is not None and name in engine.collections:
        collection = engine.collections[name]
        # a hint that names no index refuses the call; another thread may be changing the indexes
        with suppress(QueryError, OperationFailure, RuntimeError, Unloaded):
            plan = plan_of(collection, query)
            stage, documents = _stage(plan), plan.candidates
            keys = keys_examined(plan, collection.shown())
    amounts = [f"{len(one)} requests" for one in asked if isinstance(one, list)]
    amounts += [f"{len(one.ids)} documents" for one in asked if isinstance(one, NewDocuments)]
    return Call(
        _ACTIONS.get(function, function),
        name,
        "" if query is None else _shape(query),
        stage,
        keys,
        documents,
        ", ".join(amounts),
        next((found for found in map(_comment, asked) if found is not None), None),
    )


def warn(call: Call, seconds: float, *, counted: bool) -> None:
    """Warn of a call that took long; what its plan leads to is said if it is `counted` still."""
    found = f" of {call.documents} documents" if counted else ""
    parts = [f"{call.stage}{found}"] if call.stage else []
    parts += [f"filter {call.shape}"] if call.shape else []
    parts += [call.amount] if call.amount else []
    described = "".join(f", {part}" for part in parts)
    if call.comment is None:
        log.warning("slow %s on %r: %.1f ms%s", call.action, call.collection, seconds * 1000, described)
    else:
        message = "slow %s on %r: %.1f ms%s, comment %r"
        log.warning(message, call.action, call.collection, seconds * 1000, described, call.comment)


def _query(argument: Any) -> Query | None:
    found = getattr(argument, "query", argument)
    return found if isinstance(found, Query) else None


def _comment(argument: Any) -> Any:
    if isinstance(argument, NewDocument | NewDocuments):
        return argument.comment
    if isinstance(argument, list):  # of requests, which all have that of the call
        requests = (request for request in argument if not isinstance(request, list))
        return next((found for found in map(_comment, requests) if found is not None), None)
    if isinstance(argument, Insertion):
        return argument.new.comment
    query = _query(argument)
    return None if query is None else query.comment


def _stage(plan: Plan) -> str:
    return plan.stage if plan.index is None else f"{plan.stage} {plan.index}"


def _shape(query: Query) -> str:
    """Return what a query asks for, without its values: its filter, and its sort."""
    if query.ordering is None:
        return query.predicate.shape
    keys = ", ".join(f"{path}: {direction}" for path, direction in query.ordering.keys)
    return f"{query.predicate.shape}, sort {{{keys}}}"
