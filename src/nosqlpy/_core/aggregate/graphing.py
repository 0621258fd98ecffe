"""$graphLookup: the documents of a collection that a document leads to, directly or through others.

Manual: reference/operator/aggregation/graphLookup. The search goes in breadth;
what it finds is in the order in which it was found.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from itertools import compress
from typing import Any, Final

import msgspec

from nosqlpy._core.aggregate.joining import table_name
from nosqlpy._core.aggregate.linking import nothing_found, placed, values_at
from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import STEP, Batch, Finder, Moment, Scope, Stage, malformed
from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.fieldpaths import parse_field_path
from nosqlpy._core.expression.node import Expression
from nosqlpy._core.query.filter import Predicate, compile_filter
from nosqlpy._core.values.codec import decode_document
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.numbers import LONGS, NUMERIC, integer, truncate
from nosqlpy._core.values.types import MISSING, OBJECT, TYPES, as_mapping
from nosqlpy.aliases import Document
from nosqlpy.naming import nearest

_REQUIRED: Final = ("from", "startWith", "connectFromField", "connectToField", "as")
_OPTIONS: Final = (*_REQUIRED, "maxDepth", "depthField", "restrictSearchWithMatch")
_MEMORY_MAX: Final = 100 << 20
"""Bytes of the documents that one search may find, as on a server."""


class _Graph(msgspec.Struct, frozen=True):
    """Where a search begins, what it follows, how far, and where its answer goes."""

    table: str
    start: Expression
    source: tuple[str, ...]
    target: str
    place: tuple[str, ...]
    depth_max: int | None
    depth_field: tuple[str, ...] | None
    restriction: Predicate | None


class _Search:
    """One document's search: what was found, by id, and the keys to look for next."""

    def __init__(self, graph: _Graph, finder: Finder, scope: Scope) -> None:
        self._graph = graph
        self._finder = finder
        self._equality = scope.keys.equality
        self._exists = compile_filter({graph.target: {"$exists": True}})
        self._size = 0
        self.found: dict[Hashable, Document] = {}

    def run(self, start: Any) -> Iterator[None]:
        """Find everything, in steps."""
        values = start if type(start) is list else [start]
        keys = {self._equality(value) for value in values if value is not MISSING}
        depth = 0
        while keys and (self._graph.depth_max is None or depth <= self._graph.depth_max):
            yield from self._finder.prepare(keys)
            blobs = self._finder.find(keys)
            following: set[Hashable] = set()
            for first in range(0, len(blobs), STEP):
                following |= self._take(blobs[first : first + STEP], depth, nulls=None in keys)
                yield
            keys = following
            depth += 1

    def _take(self, blobs: Any, depth: int, *, nulls: bool) -> set[Hashable]:
        """Keep the documents that are new, and return the keys that they lead to."""
        documents = [*map(decode_document, blobs)]
        for predicate in (self._exists if nulls else None, self._graph.restriction):
            if predicate is not None:
                flags = predicate.flags(documents)
                documents, blobs = [*compress(documents, flags)], [*compress(blobs, flags)]
        keys: set[Hashable] = set()
        for document, blob in zip(documents, blobs, strict=True):
            id = equality_key(document.get("_id", MISSING))
            if id in self.found:
                continue
            if self._graph.depth_field is not None:
                document = placed(document, self._graph.depth_field, depth)  # noqa: PLW2901 - what is found
            self.found[id] = document
            self._size += len(blob)
            keys.update(map(self._equality, values_at(document, self._graph.source)))
        if self._size > _MEMORY_MAX:
            raise failure("$graphLookup reached maximum memory consumption: a search found more than 100 MiB", 40099)
        return keys


@stage("$graphLookup")
def compile_graph_lookup(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that adds to each document the array of those that it leads to."""
    graph = _parse(name, operand, scope)

    def run(batches: Iterator[Batch], moment: Moment) -> Iterator[Batch]:
        finder = moment.table(graph.table).finder(graph.target, scope.collation)
        for batch in batches:
            joined: Batch = []
            for document in batch:
                search = _Search(graph, finder, scope)
                yield from nothing_found(search.run(graph.start.evaluate(document, scope.variables)))
                joined.append(placed(document, graph.place, [*search.found.values()]))
            yield joined

    reads = None if graph.start.paths is None else graph.start.paths | {graph.place[0]}
    return Stage(name, run, reads, tables=frozenset((graph.table,)))


def _parse(name: str, operand: Any, scope: Scope) -> _Graph:
    if TYPES[type(operand)] != OBJECT:
        raise malformed(f"the {name} specification must be an object", 9)
    given = as_mapping(operand)
    if "from" not in given:
        raise malformed(f"missing 'from' option to {name} stage specification", 9)
    for option, value in given.items():
        if option not in _OPTIONS:
            raise malformed(f"unknown argument to {name}: {option}{nearest(option, _OPTIONS)}", 40104)
        if option in ("as", "connectFromField", "connectToField", "depthField") and not isinstance(value, str):
            raise malformed(f"expected a string as argument for {option} of {name}", 40103)
    table = table_name(name, given.get("from"))
    assert table is not None, "it is not optional"
    if not all(given.get(option) or option == "startWith" for option in _REQUIRED) or "startWith" not in given:
        raise malformed(f"{name} requires {', '.join(map(repr, _REQUIRED))} to be specified", 40105)
    parse_field_path(given["connectToField"], f"connectToField of {name}")
    field = given.get("depthField")
    return _Graph(
        table,
        scope.expression(given["startWith"]),
        parse_field_path(given["connectFromField"], f"connectFromField of {name}"),
        given["connectToField"],
        parse_field_path(given["as"], f"'as' of {name}"),
        _depth(name, given),
        None if field is None else parse_field_path(field, f"depthField of {name}"),
        _restriction(name, given, scope),
    )


def _depth(name: str, given: Mapping[str, Any]) -> int | None:
    if "maxDepth" not in given:
        return None
    depth = given["maxDepth"]
    if TYPES[type(depth)] not in NUMERIC:
        raise malformed(f"maxDepth of {name} must be numeric", 40100)
    if (truncate(depth) or 0) < 0:
        raise malformed(f"maxDepth of {name} must not be negative", 40101)
    number = integer(depth)
    if number is None or number not in LONGS:
        raise malformed(f"maxDepth of {name} must be a whole number of 64 bits", 40102)
    return number


def _restriction(name: str, given: Mapping[str, Any], scope: Scope) -> Predicate | None:
    if "restrictSearchWithMatch" not in given:
        return None
    filter = given["restrictSearchWithMatch"]
    if TYPES[type(filter)] != OBJECT:
        raise malformed(f"restrictSearchWithMatch of {name} must be an object", 40185)
    return compile_filter(as_mapping(filter), scope.variables, scope.collation)
