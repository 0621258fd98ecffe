"""Pipelines on an engine in memory, with no face and no storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from core.engine.logged import Logged
from nosqlpy._core.aggregate.pipeline import compile_pipeline
from nosqlpy._core.engine.aggregation import AggregateRequest, aggregate
from nosqlpy._core.engine.reads import compile_query
from nosqlpy._core.expression.parameters import bind_parameters
from nosqlpy._core.expression.scope import RANDOM
from nosqlpy._core.values.collation_spec import compile_collation

NOW = datetime(2024, 1, 31, tzinfo=UTC)


def pipelined(
    db: Logged,
    name: str,
    pipeline: Any,
    *,
    let: Mapping[str, Any] | None = None,
    collation: Any = None,
    batch_size: int = 0,
    database: bool = False,
) -> list[Any]:
    """Return what a pipeline makes of a collection."""
    provided = {"NOW": NOW, RANDOM: Random(1).random}
    compiled = None if collation is None else compile_collation(collation)
    variables = provided if let is None else bind_parameters(let, provided, compiled)
    made = compile_pipeline(pipeline, variables, compiled, database=database)
    query = compile_query(
        made.filter,
        sort=made.sort,
        skip=made.skip,
        limit=made.limit,
        variables=variables,
        batch_size=batch_size,
        collation=compiled,
    )
    steps = aggregate(db.engine, name, AggregateRequest(made, query, lambda document: document)).steps()
    return [document for batch in steps for document in batch]


def answer(pipeline: Any, documents: Sequence[dict[str, Any]], **options: Any) -> list[Any]:
    """Return what a pipeline makes of these documents, which get ``_id`` 1, 2 … if they have none."""
    db = Logged()
    if documents:
        db.insert("own", *({"_id": number, **document} for number, document in enumerate(documents, 1)))
    return pipelined(db, "own", pipeline, **options)


class BareCollection:
    """A collection of an engine, as the corpus uses one for its aggregations."""

    def __init__(self, client: BareClient, name: str) -> None:
        self.client = client
        self.name = name

    def clear(self) -> None:
        """Do nothing: each case has a database of its own."""

    def insert_many(self, documents: list[dict[str, Any]]) -> None:
        if documents:
            self.client.db.insert(self.name, *documents)

    def aggregate(self, pipeline: Any, **options: Any) -> Answer:
        return Answer(pipelined(self.client.db, self.name, pipeline, **options))

    def find(self) -> Answer:
        return Answer(self.client.db.find(self.name))


class Answer(list[Any]):
    """What was found."""

    def to_list(self) -> list[Any]:
        return list(self)


class BareClient:
    """An engine, as the corpus uses a client."""

    def __init__(self) -> None:
        self.db = Logged()

    def __getitem__(self, name: str) -> BareCollection:
        return BareCollection(self, name)
