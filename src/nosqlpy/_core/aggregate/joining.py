"""$lookup and $unionWith: documents of other collections.

Manual: reference/operator/aggregation/lookup, unionWith. A collection is read as
it was when the aggregation began.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, Final

import msgspec

from nosqlpy._core.aggregate.linking import Link, linked_values, placed
from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import STEP, Batch, Moment, Scope, Stage, collected, flow, malformed, tables_of
from nosqlpy._core.expression.fieldpaths import parse_field_path
from nosqlpy._core.expression.node import Expression, paths_of
from nosqlpy._core.expression.scope import check_new_variable
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.values.codec import copy_value, decode_document
from nosqlpy._core.values.types import OBJECT, TYPES, as_mapping
from nosqlpy.aliases import Document
from nosqlpy.errors import NotSupportedError, QueryError
from nosqlpy.naming import check_collection_name, nearest

_LOOKUP: Final = ("from", "localField", "foreignField", "as", "let", "pipeline")
_UNION: Final = ("coll", "pipeline")
_RANDOM: Final = frozenset(("$rand", "$sample", "$sampleRate"))


class _Lookup(msgspec.Struct, frozen=True):
    """Where a $lookup reads, what it compares, the stages of its pipeline, and where the answer goes.

    Without a `table` the pipeline begins with $documents.
    """

    table: str | None
    fields: tuple[tuple[str, ...], str] | None
    bindings: Mapping[str, Expression]
    stages: Sequence[Any] | None
    target: tuple[str, ...]

    def join(self, batches: Iterator[Batch], moment: Moment, scope: Scope) -> Iterator[Batch]:
        """Yield the documents with what belongs to each; a step is over once it has gone through enough of others'."""
        search = _Search(self, moment, scope)
        for batch in batches:
            joined: Batch = []
            seen = 0
            for document in batch:
                at_once = search.at_once(document)
                if at_once is not None:
                    joined.append(placed(document, self.target, at_once))
                    seen += 1 + len(at_once)
                    if seen > STEP:
                        seen = 0
                        yield []
                    continue
                found: Batch = []
                for part in search.of(document):
                    found += part
                    seen += len(part)
                    if not part or seen > STEP:
                        seen = 0
                        yield []
                joined.append(placed(document, self.target, found))
            yield joined


class _Search:
    """Finds what belongs to one document after the other.

    The pipeline is compiled once, for variables whose values change with the document; one that
    has no variables of its own, and compares no fields, is run once.
    """

    def __init__(self, lookup: _Lookup, moment: Moment, scope: Scope) -> None:
        self._lookup = lookup
        self._moment = moment
        self._outer = scope.variables
        self._collation = scope.collation
        self._bound = {**scope.variables, **dict.fromkeys(lookup.bindings)}
        self._stages: Sequence[Stage] | None = None
        if lookup.stages is not None:
            self._stages = scope.pipeline(lookup.stages, "$lookup", self._bound)
        table = None if lookup.table is None else moment.table(lookup.table)
        self._everything: Sequence[bytes] = () if table is None else table.documents()
        self._link = None
        if lookup.fields is not None and table is not None:
            self._link = Link(table.finder(lookup.fields[1], scope.collation), lookup.fields[0], scope.collation)
        self._alone = not lookup.bindings and lookup.fields is None and not _draws(lookup.stages)
        self._answer: Batch | None = None

    def at_once(self, document: Document) -> Batch | None:
        """Return the documents that belong to one, if they are few and found without steps; else None."""
        if self._link is None or self._stages is not None:
            return None
        blobs = self._link.at_once(document)
        return None if blobs is None or len(blobs) > STEP else list(map(decode_document, blobs))

    def of(self, document: Document) -> Iterator[Batch]:
        """Yield, in steps, the documents that belong to one."""
        if not self._alone:
            yield from self._through(document)
            return
        if self._answer is None:
            self._answer = yield from collected(self._through(document))
        yield copy_value(self._answer)

    def _through(self, document: Document) -> Iterator[Batch]:
        blobs = self._everything
        if self._link is not None:
            blobs = yield from self._link.of(document)
        found = ([*map(decode_document, blobs[start : start + STEP])] for start in range(0, len(blobs), STEP))
        if self._stages is None:
            yield from found
            return
        for name, binding in self._lookup.bindings.items():
            self._bound[name] = binding.evaluate(document, self._outer)
        if self._lookup.table is None and self._lookup.fields is not None:
            made = flow(self._stages[:1], found, self._moment)
            yield from flow(self._stages[1:], self._linked(document, made), self._moment)
        else:
            yield from flow(self._stages, found, self._moment)

    def _linked(self, document: Document, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield those of the documents, which are no collection's, that are linked to one."""
        assert self._lookup.fields is not None, "only called where fields are compared"
        local, foreign = self._lookup.fields
        values = linked_values(document, local)
        equalities: list[Any] = [{foreign: {"$eq": value}} for value in values]
        if None in values:
            equalities.append({foreign: {"$exists": False}})
        predicate = compile_filter({"$or": equalities}, collation=self._collation)
        for batch in batches:
            yield list(compress(batch, predicate.flags(batch)))


def _draws(value: Any) -> bool:
    """Return whether stages have something random in them, so that they answer differently each time."""
    if isinstance(value, Mapping):
        return not _RANDOM.isdisjoint(value) or any(map(_draws, value.values()))
    return isinstance(value, list | tuple) and any(map(_draws, value))


@stage("$lookup")
def compile_lookup(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that adds to each document the array of those of another collection that belong to it."""
    lookup = _parse(operand, scope)
    tables = frozenset(() if lookup.table is None else (lookup.table,))
    if lookup.stages is not None:  # compiled anew for each run, for its variables; refused now
        unbound = {**scope.variables, **dict.fromkeys(lookup.bindings)}
        tables |= tables_of(scope.pipeline(lookup.stages, name, unbound))
    local = frozenset(() if lookup.fields is None else (".".join(lookup.fields[0]),))
    bound = paths_of(lookup.bindings.values())
    reads = None if bound is None else bound | local | {lookup.target[0]}
    return Stage(name, lambda batches, moment: lookup.join(batches, moment, scope), reads, tables=tables)


def _parse(operand: Any, scope: Scope) -> _Lookup:
    if TYPES[type(operand)] != OBJECT:
        raise _refusal("the $lookup specification must be an object")
    given = as_mapping(operand)
    if "from" not in given and "pipeline" not in given:
        raise _refusal("$lookup must specify 'pipeline' when 'from' is empty")
    for option, value in given.items():
        if option not in _LOOKUP:
            raise malformed(f"BSON field '$lookup.{option}' is an unknown field{nearest(option, _LOOKUP)}", 40415)
        if option in ("as", "localField", "foreignField") and not isinstance(value, str):
            raise _refusal(f"$lookup argument {option!r} must be a string")
    if "as" not in given:
        raise _refusal("must specify 'as' field for a $lookup")
    fields = _fields(given)
    stages = given.get("pipeline")
    if "pipeline" in given and not isinstance(stages, list | tuple):
        raise malformed("'pipeline' option must be specified as an array", 14, "TypeMismatch")
    target = parse_field_path(given["as"], "'as' of $lookup")
    table = table_name("$lookup", given.get("from"), optional=_begins_with_documents(stages))
    return _Lookup(table, fields, _bindings(given, scope), stages, target)


def _refusal(message: str) -> QueryError:
    return malformed(message, 9)


def _fields(given: Mapping[str, Any]) -> tuple[tuple[str, ...], str] | None:
    names = [name for name in ("localField", "foreignField") if name in given]
    if len(names) == 1:
        raise _refusal("$lookup requires both or neither of 'localField' and 'foreignField' to be specified")
    if not names and "pipeline" not in given:
        raise _refusal("$lookup needs 'localField' and 'foreignField', or 'pipeline'")
    if "let" in given and "pipeline" not in given:
        raise _refusal("$lookup with a 'let' argument must also specify 'pipeline'")
    if not names:
        return None
    parse_field_path(given["foreignField"], "'foreignField' of $lookup")
    return parse_field_path(given["localField"], "'localField' of $lookup"), given["foreignField"]


def _begins_with_documents(stages: Any) -> bool:
    return bool(stages) and isinstance(stages[0], Mapping) and "$documents" in stages[0]


def table_name(name: str, given: Any, *, optional: bool = False) -> str | None:
    """Return the name of the collection that a stage reads, None where it may read none and names none.

    Raises:
        QueryError: It names none, or what cannot be one.
        NotSupportedError: It names one of another database.
    """
    if given is None and optional:
        return None
    if isinstance(given, Mapping):
        raise NotSupportedError(f"{name} does not support 'from' another database")
    if not isinstance(given, str):
        raise malformed(f"{name} needs the name of a collection to read from", 9)
    if not given:
        raise malformed(f"{name} reads from a collection with a name that is not empty", 73, "InvalidNamespace")
    return check_collection_name(given)


def _bindings(given: Mapping[str, Any], scope: Scope) -> dict[str, Expression]:
    let = given.get("let", {})
    if TYPES[type(let)] != OBJECT:
        raise _refusal("'let' of $lookup must be an object")
    return {check_new_variable(name): scope.expression(value) for name, value in as_mapping(let).items()}


@stage("$unionWith")
def compile_union(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that adds the documents of another collection behind those that come in."""
    table, stages = _union(name, operand)
    compiled = scope.pipeline(stages, name)

    def run(batches: Iterator[Batch], moment: Moment) -> Iterator[Batch]:
        blobs = moment.table(table).documents() if table is not None else ()
        yield from batches
        others = ([*map(decode_document, blobs[start : start + STEP])] for start in range(0, len(blobs), STEP))
        yield from flow(compiled, others, moment)

    read = frozenset(() if table is None else (table,))
    return Stage(name, run, tables=read | tables_of(compiled))


def _union(name: str, operand: Any) -> tuple[str | None, Sequence[Any]]:
    if isinstance(operand, str):
        return table_name(name, operand), ()
    if TYPES[type(operand)] != OBJECT:
        raise _refusal("the $unionWith stage takes a collection's name or an object")
    given = as_mapping(operand)
    for option in given:
        if option not in _UNION:
            raise malformed(f"BSON field '$unionWith.{option}' is an unknown field{nearest(option, _UNION)}", 40415)
    stages = given.get("pipeline", ())
    if not isinstance(stages, list | tuple):
        raise malformed("'pipeline' of $unionWith must be an array", 14, "TypeMismatch")
    table = given.get("coll")
    if "coll" in given and not isinstance(table, str):
        raise malformed("'coll' of $unionWith must be a string", 14, "TypeMismatch")
    return table_name(name, table, optional=_begins_with_documents(stages)), stages
