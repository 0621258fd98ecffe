"""The positional projection: ``{"items.$": 1}`` returns of an array the one element that the filter matched.

Manual: reference/operator/projection/positional. The rules and codes are those
of the server's projection_parser.cpp and projection_executor_utils.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nosqlpy._core.query.filter import Predicate
from nosqlpy._core.query.projection import Projection, compile_projection
from nosqlpy._core.query.tree import NO_VARIABLES
from nosqlpy._core.values.collation import Collation
from nosqlpy.aliases import Projection as ProjectionSpec
from nosqlpy.errors import OperationFailure, QueryError


class PositionalProjection(Projection, frozen=True):
    """A projection that depends on what the filter matched; it fits documents as the filter found them."""


def compile_find_projection(
    specification: ProjectionSpec,
    predicate: Predicate,
    variables: Mapping[str, Any] = NO_VARIABLES,
    collation: Collation | None = None,
) -> Projection:
    """Return the projection of a find with the filter `predicate`; `variables` are what its expressions may use.

    Raises:
        QueryError: It is malformed, or needs to know what a filter with $expr matched.
        NotSupportedError: It has an operator that nosqlpy lacks.
    """
    plain = compile_projection(specification, variables, collation)
    parts = plain.positional
    if parts is None:
        return plain
    if predicate.special:
        message = f"the filter of a positional projection cannot have {predicate.special}, which matches no element"
        raise QueryError(message, code=224, code_name="QueryFeatureNotAllowed")

    def apply(document: dict[str, Any]) -> dict[str, Any]:
        result = plain.apply(document)
        _keep_matched(result, parts, document, predicate)
        return result

    paths = None
    if plain.paths is not None and predicate.reads is not None:  # what has matched is found out again
        paths = plain.paths.union(path.partition(".")[0] for path in predicate.reads)
    return PositionalProjection(apply, paths, parts, plain.scored)


def _keep_matched(result: dict[str, Any], parts: Sequence[str], document: dict[str, Any], predicate: Predicate) -> None:
    """Reduce the first array on the path to the element that the filter matched; `result` is the caller's."""
    container: Any = result
    for part in parts:
        value = container.get(part)
        if type(value) is list:
            container[part] = [_matched(value, parts, predicate.position(document))]
            return
        if type(value) is not dict:
            return
        container = value


def _matched(array: list[Any], parts: Sequence[str], position: int | None) -> Any:
    if position is None:
        message = f"the positional $ in the projection of {'.'.join(parts)!r} found no matched element"
        raise OperationFailure(message, code=51246, code_name="Location51246")
    if position >= len(array):
        message = f"the positional $ in the projection of {'.'.join(parts)!r}: the filter matched in another array"
        raise OperationFailure(message, code=51247, code_name="Location51247")
    return array[position]
