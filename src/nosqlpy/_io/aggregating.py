"""What an aggregation asks for, as the user gave it, and how that becomes a request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import msgspec

from nosqlpy._core.aggregate.pipeline import compile_pipeline
from nosqlpy._core.engine.aggregation import AggregateRequest
from nosqlpy._core.engine.reads import compile_query
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.collation_spec import compile_collation
from nosqlpy._core.values.typed import TypeCodec, codec_for, itself
from nosqlpy._io.finding import bind
from nosqlpy._io.timing import time_limit
from nosqlpy.aliases import CollationSpec, IndexKeys, Pipeline


class AggregateOptions(msgspec.Struct, frozen=True):
    """The arguments of an aggregation, as the user gave them."""

    method: ClassVar[str] = "aggregate"

    pipeline: Pipeline
    hint: str | IndexKeys | None = None
    let: Mapping[str, Any] | None = None
    collation: CollationSpec | None = None
    batch_size: int = 0
    max_time_ms: int | None = None
    comment: Any = None
    database: bool = False

    def request(self, _codec: TypeCodec[Any], kind: Any) -> AggregateRequest[Any]:
        """Return the compiled pipeline, and what makes of its documents objects of the type `kind`."""
        return self._under(compile_collation(self.collation), bind(self.let, self.collation), kind)

    def _under(self, collation: Collation | None, variables: Mapping[str, Any], kind: Any) -> AggregateRequest[Any]:
        pipeline = compile_pipeline(self.pipeline, variables, collation, database=self.database)
        query = compile_query(
            pipeline.filter,
            sort=pipeline.sort,
            skip=pipeline.skip,
            limit=pipeline.limit,
            hint=self.hint,
            variables=variables,
            batch_size=self.batch_size,
            collation=collation,
            check=time_limit(self.max_time_ms),
            comment=self.comment,
            scored=pipeline.scored,
        )
        own = self.collation is not None or collation is not None
        recompile = None if own else partial(self._under, variables=variables, kind=kind)
        plain = kind is None or pipeline.target is not None
        return AggregateRequest(pipeline, query, itself if plain else codec_for(kind).convert, recompile)
