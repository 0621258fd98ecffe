"""$collStats and $indexStats: what there is to say of a collection and its indexes.

Manual: reference/operator/aggregation/collStats, indexStats. Host, time and how
often an index was used, which a server tells too, are not told here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import NOTHING, OWN, Batch, Moment, Scope, Stage, malformed
from nosqlpy._core.values.types import OBJECT, TYPES, as_mapping
from nosqlpy.errors import NotSupportedError
from nosqlpy.naming import nearest

_PARTS: Final = ("count", "storageStats")
_OTHER_PARTS: Final = ("latencyStats", "queryExecStats", "operationStats")


@stage("$collStats")
def compile_collection_statistics(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that puts out one document: statistics of the collection."""
    if TYPES[type(operand)] != OBJECT:
        raise malformed(f"{name} must take a nested object", 5447000)
    given = as_mapping(operand)
    _check_place(name, scope)
    for part, options in given.items():
        if part in _OTHER_PARTS:
            raise NotSupportedError(f"{name} does not support {part!r}")
        if part not in _PARTS:
            raise malformed(f"BSON field '{name}.{part}' is an unknown field{nearest(part, _PARTS)}", 40415)
        if TYPES[type(options)] != OBJECT:
            raise malformed(f"{part!r} of {name} takes an object", 14, "TypeMismatch")
        if options:
            raise NotSupportedError(f"{part!r} of {name} has no options here, such as {next(iter(options))!r}")

    def run(_batches: Iterator[Batch], moment: Moment) -> Iterator[Batch]:
        found = moment.table(OWN).describe()
        answer = {"ns": found.pop("ns")}
        if "storageStats" in given:
            answer["storageStats"] = found
        if "count" in given:
            answer["count"] = found["count"]
        yield [answer]

    return Stage(name, run, NOTHING, tables=frozenset((OWN,)))


@stage("$indexStats")
def compile_index_statistics(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that puts out one document for each index."""
    if TYPES[type(operand)] != OBJECT or operand:
        raise malformed(f"the {name} stage specification must be an empty object", 28803)
    _check_place(name, scope)

    def run(_batches: Iterator[Batch], moment: Moment) -> Iterator[Batch]:
        indexes = moment.table(OWN).indexes()
        yield [{"name": index["name"], "key": index["key"], "spec": index} for index in indexes]

    return Stage(name, run, NOTHING, tables=frozenset((OWN,)))


def _check_place(name: str, scope: Scope) -> None:
    if scope.inside:
        raise NotSupportedError(f"{name} is not supported inside {scope.inside[-1]}")
