"""What an aggregation writes: $out and $merge, from running the pipeline to the write."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, TypeVar

from nosqlpy._core.aggregate.targets import Out
from nosqlpy._core.engine import merging
from nosqlpy._core.engine.aggregation import AggregateRequest, Aggregation, aggregate
from nosqlpy._core.engine.intake import Intake, NewDocuments
from nosqlpy._core.values.typed import itself
from nosqlpy._io.database import Database
from nosqlpy.aliases import Document, Durability

R = TypeVar("R")


def write_result(
    database: Database,
    watch: Callable[[], None],
    name: str,
    request: AggregateRequest[Document],
    make_id: Callable[[], Any],
    durability: Durability,
) -> Aggregation[Document]:
    """Run a pipeline, and write what comes out where its last stage says, as one atomic write; return the run.

    `watch` is called now and then.

    Raises:
        ExecutionTimeout: The pipeline takes too long; nothing was written.
        OperationFailure: A document is refused. By $out nothing was written then, by $merge all others were.
        DocumentError: A document cannot be stored; likewise.
    """
    execution = database.view_unexpired(aggregate, name, request)
    documents = _documents(execution, request, watch)
    target = execution.target
    assert target is not None, "only a pipeline that writes gets here"
    if isinstance(target, Out):
        intake: Intake[Document] = Intake(itself, make_id, database.engine.document_size_max)
        new = _taken_in(intake.many(documents), watch)
        _commit(database, partial(database.commit, durability, merging.replace_all, target.table, new))
        return execution
    arriving = list(merging.arrivals(target, documents, make_id))
    merge = partial(database.commit, durability, merging.merge_all, target.table, target, arriving)
    refused = _commit(database, merge)
    if refused is not None:
        raise refused
    return execution


def _documents(
    execution: Aggregation[Document], request: AggregateRequest[Document], watch: Callable[[], None]
) -> list[Document]:
    """Return all that the pipeline makes."""
    check = request.query.check
    documents: list[Document] = []
    for batch in execution.steps():
        documents += batch
        watch()
        if check is not None:
            check()
    return documents


def _taken_in(steps: Generator[None, None, NewDocuments], watch: Callable[[], None]) -> NewDocuments:
    """Return documents, encoded."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        watch()


def _commit(database: Database, commit: Callable[[], tuple[R, int | None]]) -> R:
    """Return the result of a write, in turn, once it is durable."""
    result, lsn = database.in_turn_loaded(commit)
    if lsn is not None:
        database.wait_durable(lsn)
    return result
