"""$lookup and $unionWith: documents of other collections.

Manual: reference/operator/aggregation/lookup, unionWith. A collection is read as
it was when the aggregation began.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import STEP, Batch, Scope, Stage, Tables, flow, in_batches, malformed, tables_of
from nosqlpy._core.expression.compile import compile_expression
from nosqlpy._core.expression.fieldpaths import parse_field_path, reach
from nosqlpy._core.expression.node import Expression
from nosqlpy._core.expression.scope import check_new_variable
from nosqlpy._core.values.codec import decode_document
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.types import MISSING, OBJECT, TYPES, as_mapping
from nosqlpy.aliases import Document
from nosqlpy.naming import nearest

_LOOKUP: Final = ("from", "localField", "foreignField", "as", "let", "pipeline")


class _Lookup(msgspec.Struct, frozen=True):
    """Where a $lookup reads, what it compares, the stages of its pipeline, and where the answer goes."""

    table: str | None
    fields: tuple[tuple[str, ...], str] | None
    bindings: Mapping[str, Expression]
    stages: Sequence[Any] | None
    target: tuple[str, ...]

    def join(self, batches: Iterator[Batch], tables: Tables, scope: Scope) -> Iterator[Batch]:
        """Yield the documents with what belongs to each."""
        find = self._finder(tables)
        for batch in batches:
            joined: Batch = []
            for document in batch:
                found = [*map(decode_document, find(document))]
                if self.stages is not None:
                    found = self._through(document, found, tables, scope)
                joined.append(_placed(document, self.target, found))
            yield joined

    def _finder(self, tables: Tables) -> Callable[[Document], Sequence[bytes]]:
        if self.table is None:  # its pipeline begins with $documents
            return lambda _document: ()
        table = tables(self.table)
        if self.fields is None:
            everything = table.documents()
            return lambda _document: everything
        local, foreign = self.fields
        find = table.finder(foreign)
        return lambda document: find(_keys(document, local))

    def _through(self, document: Document, found: Batch, tables: Tables, scope: Scope) -> Batch:
        """Return what the pipeline makes of `found`; its variables have the values of `document`."""
        assert self.stages is not None
        bound = {name: each.evaluate(document, scope.variables) for name, each in self.bindings.items()}
        stages = scope.pipeline(self.stages, "$lookup", bound)
        return [each for batch in flow(stages, in_batches(found), tables) for each in batch]


def _keys(document: Document, parts: tuple[str, ...]) -> set[Hashable]:
    """Return the equality keys of a local field's values; a missing one counts as null."""
    value = reach(document, parts, 0)
    if value is MISSING:
        return {None}
    return set(map(equality_key, value)) if type(value) is list else {equality_key(value)}


def _placed(document: Mapping[str, Any], parts: Sequence[str], value: Any) -> Document:
    result = dict(document)
    name, rest = parts[0], parts[1:]
    if rest:
        inner = result.get(name)
        value = _placed(inner if isinstance(inner, Mapping) else {}, rest, value)
    result[name] = value
    return result


@stage("$lookup")
def compile_lookup(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that adds to each document the array of those of another collection that belong to it."""
    lookup = _parse(operand, scope)
    tables = frozenset(() if lookup.table is None else (lookup.table,))
    if lookup.stages is not None:  # compiled anew for each document, for its variables; refused now
        tables |= tables_of(scope.pipeline(lookup.stages, name, dict.fromkeys(lookup.bindings, None)))
    reads: frozenset[str] | None = None
    if lookup.fields is not None and lookup.stages is None:
        reads = frozenset((".".join(lookup.fields[0]), lookup.target[0]))
    return Stage(name, lambda batches, tables: lookup.join(batches, tables, scope), reads, tables=tables)


def _parse(operand: Any, scope: Scope) -> _Lookup:
    if TYPES[type(operand)] != OBJECT:
        raise malformed("the $lookup specification must be an object", 9, "FailedToParse")
    given = as_mapping(operand)
    for option, value in given.items():
        if option not in _LOOKUP:
            raise malformed(f"unknown argument to $lookup: {option}{nearest(option, _LOOKUP)}", 9, "FailedToParse")
        if option not in ("let", "pipeline") and not isinstance(value, str) and option != "from":
            raise malformed(f"$lookup argument {option!r} must be a string", 9, "FailedToParse")
    if "as" not in given:
        raise malformed("must specify 'as' field for a $lookup", 9, "FailedToParse")
    fields = _fields(given)
    stages = given.get("pipeline")
    if stages is not None and not isinstance(stages, list | tuple):
        raise malformed("'pipeline' option must be specified as an array", 14, "TypeMismatch")
    target = parse_field_path(given["as"], "'as' of $lookup")
    return _Lookup(_table(given, stages), fields, _bindings(given, scope), stages, target)


def _fields(given: Mapping[str, Any]) -> tuple[tuple[str, ...], str] | None:
    names = [name for name in ("localField", "foreignField") if name in given]
    if len(names) == 1 or not (names or "pipeline" in given):
        both = "both or neither of 'localField' and 'foreignField'"
        message = f"$lookup takes {both}" if names else "$lookup needs 'localField' and 'foreignField', or 'pipeline'"
        raise malformed(message, 9, "FailedToParse")
    if "let" in given and "pipeline" not in given:
        raise malformed("$lookup with a 'let' argument must also specify 'pipeline'", 9, "FailedToParse")
    if not names:
        return None
    parse_field_path(given["foreignField"], "'foreignField' of $lookup")
    return parse_field_path(given["localField"], "'localField' of $lookup"), given["foreignField"]


def _table(given: Mapping[str, Any], stages: Any) -> str | None:
    table = given.get("from")
    if isinstance(table, str) and table:
        return table
    if table is None and stages and isinstance(stages[0], Mapping) and "$documents" in stages[0]:
        return None
    raise malformed("$lookup needs 'from', the name of a collection", 9, "FailedToParse")


def _bindings(given: Mapping[str, Any], scope: Scope) -> dict[str, Expression]:
    let = given.get("let", {})
    if TYPES[type(let)] != OBJECT:
        raise malformed("'let' of $lookup must be an object", 9, "FailedToParse")
    return {
        check_new_variable(name): compile_expression(value, variables=scope.names)
        for name, value in as_mapping(let).items()
    }


@stage("$unionWith")
def compile_union(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that adds the documents of another collection behind those that come in."""
    table, stages = _union(operand)
    compiled = scope.pipeline(stages, name)

    def run(batches: Iterator[Batch], tables: Tables) -> Iterator[Batch]:
        blobs = tables(table).documents() if table is not None else ()
        yield from batches
        others = ([*map(decode_document, blobs[start : start + STEP])] for start in range(0, len(blobs), STEP))
        yield from flow(compiled, others, tables)

    read = frozenset(() if table is None else (table,))
    return Stage(name, run, tables=read | tables_of(compiled))


def _union(operand: Any) -> tuple[str | None, Sequence[Any]]:
    if isinstance(operand, str):
        return operand, ()
    if TYPES[type(operand)] != OBJECT:
        raise malformed("the $unionWith stage takes a collection's name or an object", 9, "FailedToParse")
    given = as_mapping(operand)
    for option in given:
        if option not in ("coll", "pipeline"):
            raise malformed(f"BSON field '$unionWith.{option}' is an unknown field", 40415)
    stages = given.get("pipeline", ())
    if "coll" not in given and not (stages and "$documents" in stages[0]):
        raise malformed("BSON field '$unionWith.coll' is missing but a required field", 40414)
    if not isinstance(given.get("coll", ""), str):
        raise malformed("'coll' of $unionWith must be a string", 14, "TypeMismatch")
    return given.get("coll"), stages
