"""Explaining a find: the plan that was chosen, and what running it takes.

Manual: reference/command/explain, reference/explain-results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.execution import Execution, Query, Request
from nosqlpy._core.engine.reads import Source
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.watching import Stopwatch
from nosqlpy._core.plan.explain import keys_examined, show
from nosqlpy._core.plan.plan import Plan
from nosqlpy._core.plan.planner import considered
from nosqlpy._core.values.collation_spec import collation_document
from nosqlpy.aliases import Document
from nosqlpy.errors import QueryError
from nosqlpy.naming import nearest

VERBOSITIES: Final = ("queryPlanner", "executionStats", "allPlansExecution")


def explain(
    engine: Engine, name: str, request: Request[Any], source: Source, verbosity: str, clock: Callable[[], float]
) -> Document:
    """Return the plan of a find, and if `verbosity` says so what running it takes; `clock` measures that, in seconds.

    Raises:
        QueryError: There is no such verbosity.
    """
    if verbosity not in VERBOSITIES:
        hint = nearest(verbosity, VERBOSITIES)
        raise QueryError(f"the verbosity of explain is one of {', '.join(VERBOSITIES)}{hint}")
    stopwatch = Stopwatch(clock)
    started = clock()
    execution = source(engine, name, request)
    stopwatch.finding = clock() - started
    collection, query, plan = engine.collections.get(name), execution.find.query, execution.plan
    planner: Document = {"namespace": name, "winningPlan": _tree(collection, query, plan, _columns(execution))}
    planner["rejectedPlans"] = _rejected(collection, query, plan)
    if query.collation is not None:
        planner["collation"] = collation_document(query.collation)
    explained: Document = {"queryPlanner": planner, "candidates": plan.candidates}
    if verbosity != "queryPlanner":
        stopwatch.watch(execution.find)
        returned = stopwatch.run(execution.steps())
        stats = {
            "executionSuccess": True,
            "nReturned": returned,
            "executionTimeMillis": (stopwatch.finding + stopwatch.running) * 1000,
            "totalKeysExamined": examined_keys(collection, plan, execution.examined),
            "totalDocsExamined": 0 if plan.covered else execution.examined,
            "docsTested": 0 if plan.exact or query.predicate.everything else execution.examined,
            "docsDecoded": 0 if plan.covered else returned,
            "executionStages": stopwatch.timed(planner["winningPlan"]),
        }
        if verbosity == "allPlansExecution":
            stats["allPlansExecution"] = _considered(collection, query)
        explained["executionStats"] = stats
    return explained


def _columns(execution: Any) -> Document:
    """Return what the scan of a find says of the columns that it reads, nothing where it decodes documents."""
    scan = execution.scan if isinstance(execution, Execution) else None
    return {} if scan is None else {"columns": scan.paths}


def _tree(collection: CollectionState | None, query: Query, plan: Plan, columns: Document) -> Document:
    tree = show(plan, {} if collection is None else collection.shown()) | columns
    if plan.stage == "EOF":
        return tree
    if query.ordering is not None and not plan.directions:
        sort: Document = {"stage": "SORT", "sortPattern": query.ordering.pattern}
        if query.limit:
            sort["limitAmount"] = query.skip + query.limit
        tree = sort | {"inputStage": tree}
    if query.projection is not None:
        tree = {"stage": "PROJECTION_COVERED" if plan.covered else "PROJECTION_DEFAULT", "inputStage": tree}
    if query.skip:
        tree = {"stage": "SKIP", "skipAmount": query.skip, "inputStage": tree}
    if query.limit:
        tree = {"stage": "LIMIT", "limitAmount": query.limit, "inputStage": tree}
    return tree


def examined_keys(collection: CollectionState | None, plan: Plan, examined: int) -> int:
    """Return how many keys of indexes were looked at to find as many documents as were examined."""
    if collection is None:
        return 0
    keys = keys_examined(plan, collection.shown())
    return min(keys, examined) if plan.directions else keys


def _rejected(collection: CollectionState | None, query: Query, plan: Plan) -> list[Document]:
    if collection is None or query.hint is not None:
        return []
    indexes = collection.shown()
    winners = {plan.index, *(branch.index for branch in plan.branches)}
    plans = considered(query.predicate, indexes, collection.slots.count())
    return [show(each, indexes) for each in plans if each.index not in winners]


def _considered(collection: CollectionState | None, query: Query) -> list[Document]:
    """Return how many candidates each index has for the filter, as counted when the plan was chosen."""
    if collection is None:
        return []
    plans = considered(query.predicate, collection.shown(), collection.slots.count())
    return [{"indexName": each.index, "candidates": each.candidates} for each in plans]
