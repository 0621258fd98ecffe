"""Whether two definitions mean the same index, whatever the words: the server's signature of an index.

The clauses of a partial filter and the fields of a wildcard index's projection may be written in several ways
(IndexCatalogEntry's normalized specs); of two clauses of one path and operator the order counts, as there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.wildcard import flags_of
from nosqlpy._core.query.registry import is_operators
from nosqlpy._core.values.order import equal
from nosqlpy._core.values.types import as_mapping

_WORDED = ("partialFilterExpression", "wildcardProjection")


def is_same(held: IndexDefinition, wanted: IndexDefinition) -> bool:
    """Whether two indexes are the same but for their names."""
    return is_alike(held, wanted) and equal(_plain_options(held), _plain_options(wanted))


def is_alike(held: IndexDefinition, wanted: IndexDefinition) -> bool:
    """Whether two indexes have the same keys and hold the same documents; a collection has only one of such."""
    return (
        held.keys == wanted.keys
        and held.unique == wanted.unique
        and held.sparse == wanted.sparse
        and equal(_clauses(held.partial), _clauses(wanted.partial))
        and _fields(held) == _fields(wanted)
        and held.collation == wanted.collation
    )


def _plain_options(definition: IndexDefinition) -> dict[str, Any]:
    return {name: value for name, value in definition.options.items() if name not in _WORDED}


def _clauses(filter: Mapping[str, Any] | None) -> list[Any] | None:
    """Return the clauses of a partial filter, each path and operator with its operand, by path and operator."""
    if filter is None:
        return None
    return sorted(_each(filter), key=lambda clause: clause[:2])


def _each(filter: Mapping[str, Any]) -> Iterator[list[Any]]:
    for name, condition in filter.items():
        if name == "$and" or (name == "$or" and len(condition) == 1):
            for part in condition:
                yield from _each(as_mapping(part))
        elif name == "$or":
            yield ["", name, [_clauses(as_mapping(part)) for part in condition]]
        elif is_operators(condition):
            yield from ([name, operator, operand] for operator, operand in as_mapping(condition).items())
        else:
            yield [name, "$eq", condition]


def _fields(definition: IndexDefinition) -> dict[tuple[str, ...], Any]:
    """Return which fields the projection of a wildcard index names; that it has no ``_id`` goes without saying."""
    flags = flags_of(definition.wildcard_projection or {})
    return {parts: included for parts, included in flags.items() if included or parts != ("_id",)}
