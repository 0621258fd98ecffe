"""Reads: plain calls on the engine's state, and executions that a cursor steps through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, cast

import msgspec

from nosqlpy._core.engine import columns
from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.columns import Scan, scan_of
from nosqlpy._core.engine.covering import covered
from nosqlpy._core.engine.distinct import from_index
from nosqlpy._core.engine.execution import STEP, Check, Decode, Execution, Origin, Query, Request
from nosqlpy._core.engine.searching import check_score, check_searched, scored_documents, settled
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.trying import first_in_order
from nosqlpy._core.index.catalogue import index_keys
from nosqlpy._core.plan.plan import Plan, scan
from nosqlpy._core.plan.planner import NATURAL, Hint, choose, serves_none
from nosqlpy._core.query.buckets import Steps, mapped, ranked, released
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.query.matched import compile_find_projection
from nosqlpy._core.query.partial import Layout
from nosqlpy._core.query.projection import Projection
from nosqlpy._core.query.sort import Keys as SortKeys
from nosqlpy._core.query.sort import natural_direction, ordering_of, sort_keys
from nosqlpy._core.query.tree import NO_VARIABLES
from nosqlpy._core.values.codec import decode_document, encode_document, fields_decoder
from nosqlpy._core.values.collation import Collation, Keys, keys_of
from nosqlpy._core.values.depth import bounded_key
from nosqlpy._core.values.kept import length_of
from nosqlpy._core.values.metadata import carry_score, without_score
from nosqlpy._core.values.numbers import LONGS
from nosqlpy._core.values.paths import Path, parse_path
from nosqlpy._core.values.typed import itself
from nosqlpy._core.values.types import is_string
from nosqlpy.aliases import Document, Filter, IndexKeys, SortSpec
from nosqlpy.aliases import Projection as ProjectionSpec
from nosqlpy.errors import QueryError


def compile_query(
    filter: Filter | None = None,
    projection: ProjectionSpec | None = None,
    sort: SortSpec | None = None,
    skip: int = 0,
    limit: int = 0,
    hint: str | IndexKeys | None = None,
    variables: Mapping[str, Any] = NO_VARIABLES,
    batch_size: int = 0,
    check: Check | None = None,
    collation: Collation | None = None,
    comment: Any = None,
    *,
    scored: bool = False,
    origin: Origin | None = None,
) -> Query:
    """Return the compiled form of a find; `variables` are what expressions may use, NOW for ``$$NOW``.

    `batch_size` is how many documents are decoded at a time, at most; `check` is called about once a step; `comment` is
    what a log calls the find; `scored` documents come with the score of a text search; `origin` can compile it anew.

    Raises:
        QueryError: An argument cannot be understood.
        NotSupportedError: It uses something that only MongoDB supports.
    """
    predicate = compile_filter({} if filter is None else _mapping(filter), variables, collation)
    keys, hint = ((), hint) if sort is None else _keys(sort, hint)
    shown = None if projection is None else compile_find_projection(projection, predicate, variables, collation)
    ordering = ordering_of(keys, collation) if keys else None
    scored = scored or (shown is not None and shown.scored) or (ordering is not None and ordering.scored)
    query = Query(
        predicate,
        shown,
        ordering,
        0 if type(skip) is int and not skip else _natural("skip", skip),
        0 if type(limit) is int and not limit else abs(_whole("limit", limit)),
        None if hint is None else _hint(hint),
        0 if type(batch_size) is int and not batch_size else _natural("batch_size", batch_size),
        check,
        collation,
        comment,
        scored,
        origin,
        None if origin is None else variables,
    )
    if query.scored:
        check_score(query)
    return query


def _mapping(filter: Any) -> Filter:
    if type(filter) is not dict and not hasattr(filter, "keys"):
        raise QueryError(f"a filter is a mapping, not {type(filter).__name__}", code=14, code_name="TypeMismatch")
    return filter  # type: ignore[no-any-return]


def _whole(name: str, value: Any) -> int:
    if type(value) is not int:
        raise QueryError(f"{name} is an int, not {type(value).__name__}", code=14, code_name="TypeMismatch")
    if value not in LONGS:
        raise QueryError(f"{name} does not fit 64 bits", code=9, code_name="FailedToParse")
    return value


def _natural(name: str, value: Any) -> int:
    if _whole(name, value) < 0:
        raise QueryError(f"{name} cannot be negative", code=51024, code_name="Location51024")
    return int(value)


def _keys(sort: SortSpec, hint: Any) -> tuple[SortKeys, Any]:
    """Return the keys of a sort and the hint; the natural order is one, and no key."""
    keys = sort_keys(sort)
    direction = natural_direction(keys)
    return (keys, hint) if direction is None else ((), _natural_hint(direction, hint))


def _natural_hint(direction: int, hint: Any) -> str:
    """Return the hint that a sort by ``$natural`` is; one that is given beside it must say the same."""
    natural = NATURAL[direction < 0]
    if hint is not None and _hint(hint) != natural:
        raise QueryError("a sort by $natural uses no index: leave the hint out", code=2, code_name="BadValue")
    return natural


def _hint(hint: Any) -> Hint:
    if isinstance(hint, str):
        return hint
    keys = list(hint.items()) if isinstance(hint, Mapping) else hint
    for direction, natural in zip((1, -1), NATURAL, strict=True):
        if isinstance(keys, Sequence) and [*keys] == [("$natural", direction)]:
            return natural
    try:
        return index_keys(hint)
    except QueryError as error:  # which says why there is no such index, and here it is the hint that is wrong
        raise QueryError(f"hint: {error}") from None


T = TypeVar("T")
R = TypeVar("R")

# forms of queries that no index serves, which are remembered of a collection, and the characters of one's paths
IDLE_MAX = 512
IDLE_LENGTH_MAX = 4096

# where the documents of a cursor come from
Source: TypeAlias = "Callable[[Engine, str, Any], Any]"


def execute(
    engine: Engine,
    name: str,
    request: Request[T],
    *,
    also: Callable[[Layout], None] | None = None,
    build: bool = True,
) -> Execution[T]:
    """Return an execution over the documents of this moment; `also` and `build` are those of `scan_of`."""
    collection = engine.collections.get(name)
    if collection is not None and collection.collation is not None:
        request = collated(request, collection.collation)
    query, decode = request.query, request.decode
    if collection is None:
        check_searched(query)
        return Execution(query, Plan("EOF", None, (), 0), (), decode)
    moment = collection.slots.now()
    plan = plan_of(collection, query)
    query, ordered = settled(query, plan), False
    if request.convert is not None and (held := covered(collection, query, plan)) is not None:
        plan = msgspec.structs.replace(plan, covered=True)
        return Execution(query, plan, held.rows, held.making(request.convert), engine.sort_memory)
    if (tried := first_in_order(collection, query, plan)) is not None:
        return Execution(query, *tried, decode, engine.sort_memory)
    if query.scored:
        blobs, ordered = scored_documents(collection, plan, query)
    elif query.limit and (plan.directions or query.ordering is None) and (plan.exact or query.predicate.everything):
        blobs = collection.fetch(plan, query.skip + query.limit)
    else:
        blobs = collection.fetch(plan, once=query.once)
    columns_scan = _scan(collection, query, plan, blobs, moment, also=also, build=build)
    return Execution(query, plan, blobs, decode, engine.sort_memory, columns_scan, ordered=ordered)


def collated(request: Request[T], collation: Collation) -> Request[T]:
    """Return a request as it is in a collection with this collation."""
    query, convert = request.query.under(collation), request.convert
    if query.projection is None or convert is None:
        return msgspec.structs.replace(request, query=query)
    return Request(query, converting(query.projection, convert), convert)


def converting(projection: Projection, convert: Callable[[dict[str, Any]], T]) -> Decode[T]:
    """Return the function from stored bytes to what `convert` makes of projected documents."""
    shape = decoder(projection)
    return cast("Decode[T]", shape) if convert is itself else lambda data: convert(shape(data))


def _scan(
    collection: CollectionState,
    query: Query,
    plan: Plan,
    blobs: Sequence[bytes],
    moment: object | None,
    *,
    also: Callable[[Layout], None] | None = None,
    build: bool = True,
) -> Scan | None:
    """Return a scan of columns in place of one of documents, if that can be."""
    if plan.stage != "COLLSCAN" or plan.directions or query.scored or len(blobs) < columns.LEAST:
        return None
    build = build and not (query.limit and query.ordering is None)  # who needs a few only does not look at all
    return scan_of(collection.columns, blobs, query.predicate, query.ordering, also=also, build=build, moment=moment)


def plan_of(collection: CollectionState, query: Query) -> Plan:
    """Return the plan for a query as things are now.

    Raises:
        QueryError: Its hint names no index.
    """
    size = collection.slots.count()
    predicate, ordering = query.predicate, query.ordering
    idle = collection.indexes.idle  # before the indexes: once there is another one, there is another set
    asked = predicate.paths, None if ordering is None else ordering.keys
    plain = query.hint is None and predicate.text is None
    if plain and asked in idle:
        return scan(size)
    indexes = collection.planned_by()
    if not collection.has_orders:
        ordering = None
    elif plain and len(idle) < IDLE_MAX and serves_none(predicate, indexes, ordering) and _is_short(asked):
        idle.add(asked)
    limit = query.skip + query.limit if query.limit else 0
    plan = choose(predicate, indexes, size, query.hint, ordering, limit, collection.order_of_ids())
    return plan if collection.has_orders else collection.settled(plan)


def _is_short(asked: Any) -> bool:
    return length_of(asked) <= IDLE_LENGTH_MAX


def decoder(projection: Projection | None) -> Decode[Document]:
    """Return the function from stored bytes to what a find without a type returns.

    A field that the projection does not read is not decoded.
    """
    if projection is None:
        return decode_document
    apply, paths = projection.apply, projection.paths
    if projection.scored:
        return lambda data: without_score(apply(carry_score(decode_document(data), data)))
    decode = decode_document if paths is None else fields_decoder(paths)
    return decode if projection.plain else lambda data: apply(decode(data))


def done(value: R) -> Steps[R]:
    """Return steps that have nothing more to do."""
    return value
    yield


def find_first(engine: Engine, name: str, request: Request[T]) -> Steps[T | None]:
    """Return the first document of the answer, or None."""
    collection = engine.collections.get(name)
    if collection is not None and collection.collation is not None:
        request = collated(request, collection.collation)
    query = request.query
    if query.predicate.exact == "_id" and query.hint is None and not query.skip:
        return _decoded(get(engine, name, query.predicate.operand), request.decode)
    found = Request(query, request.decode)  # which no keys of an index stand for
    return _first_of(execute(engine, name, found, build=query.ordering is not None))


def _decoded(data: bytes | None, decode: Decode[T]) -> Steps[T | None]:
    return None if data is None else decode(data)
    yield


def _first_of(execution: Execution[T]) -> Steps[T | None]:
    for batch in execution.steps():
        if batch:
            return batch[0]
        yield
    return None


def exists(engine: Engine, name: str, query: Query) -> Steps[bool]:
    """Return whether a document matches."""
    return _any_of(execute(engine, name, Request(query, bytes), build=False))


def _any_of(execution: Execution[bytes]) -> Steps[bool]:
    for batch in execution.steps():
        if batch:
            return True
        yield
    return False


def get(engine: Engine, name: str, id: Any) -> bytes | None:
    """Return the document with this ``_id``, encoded, or None."""
    collection = engine.collections.get(name)
    if collection is None:
        return None
    return collection.slots.get(id if type(id) is str else bounded_key(id))


def count(engine: Engine, name: str, query: Query) -> Steps[int]:
    """Return how many documents the query matches, after its skip and up to its limit."""
    collection = engine.collections.get(name)
    if collection is None:
        check_searched(query)
        return done(0)
    query = query.under(collection.collation)
    if query.predicate.everything and query.hint is None:
        return done(_within(query, collection.slots.count()))
    query = msgspec.structs.replace(query, ordering=None)
    plan = plan_of(collection, query)
    query = settled(query, plan)
    if plan.exact and collection.counts(plan):
        return done(_within(query, plan.candidates))
    if plan.exact and plan.stage != "IDHACK":
        return done(_within(query, len(collection.candidates(plan)[0])))
    moment = collection.slots.now()
    blobs = collection.fetch(plan)
    found = _scan(collection, query, plan, blobs, moment)
    if found is not None and found.short:
        return done(_within(query, sum(found.tallies())))
    return _count(Execution(query, plan, blobs, bytes, scan=found), query)


def _count(execution: Execution[bytes], query: Query) -> Steps[int]:
    found = 0
    for tally in execution.tallies():
        if query.check is not None:
            query.check()
        found += tally
        yield
    return _within(query, found)


def _within(query: Query, found: int) -> int:
    found = max(0, found - query.skip)
    return min(found, query.limit) if query.limit else found


def distinct(engine: Engine, name: str, key: Any, query: Query) -> Steps[list[Any]]:
    """Return the distinct values at the path `key`, in order; the elements of an array count each, not the array."""
    if not is_string(key):
        message = f"distinct takes a path, hence a str, not {type(key).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    collection, path = engine.collections.get(name), parse_path(key)
    if collection is not None:
        query = query.under(collection.collation)
    if collection is not None and query.predicate.everything and query.hint is None and query.collation is None:
        indexed = from_index(collection, path)
        if indexed is not None:
            return _checked(indexed, query)
    request = Request(query, fields_decoder(frozenset(path.parts[:1])))
    return _distinct(execute(engine, name, request), path, query)


def _distinct(execution: Execution[Document], path: Path, query: Query) -> Steps[list[Any]]:
    found: dict[Any, Any] = {}
    keys = keys_of(query.collation)
    for batch in execution.steps():
        for document in batch:
            for value in _elements(path.leaves(document)):
                if value is not msgspec.UNSET:
                    found.setdefault(keys.equality(value), value)
        yield
    return (yield from _checked(_in_order(found, keys), query))


def _in_order(found: dict[Any, Any], keys: Keys) -> Steps[list[Any]]:
    """Return the values of `found` in order; it is emptied, a part at a time, for that takes long as well."""
    values: list[Any] = []
    while found:
        values += [found.popitem()[1] for _ in range(min(len(found), STEP))]
        yield
    values.reverse()
    ranks = yield from mapped(keys.order, values, at_once=STEP)
    order = yield from ranked(ranks)
    yield from released(ranks)
    return (yield from mapped(values.__getitem__, order))


def _checked(steps: Steps[R], query: Query) -> Steps[R]:
    """Go through `steps`, and look after each whether the query may go on."""
    try:
        while True:
            yield next(steps)
            if query.check is not None:
                query.check()
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


def _elements(leaves: list[Any]) -> Iterator[Any]:
    for leaf in leaves:
        if type(leaf) is list:
            yield from leaf
        else:
            yield leaf


def collection_names(engine: Engine, query: Query) -> list[str]:
    """Return the names of the collections whose description matches, sorted."""
    execution = execute_on_collections(engine, "", Request(query, decode_document))
    return [description["name"] for batch in execution.steps() for description in batch]


def execute_on_collections(engine: Engine, _name: str, request: Request[T]) -> Execution[T]:
    """Return an execution over the descriptions of all collections, by name."""
    return _execute_on(
        [
            {"name": name, "type": "collection", "options": collection.options}
            for name, collection in sorted(engine.collections.items())
        ],
        request,
    )


def execute_on_indexes(engine: Engine, name: str, request: Request[T]) -> Execution[T]:
    """Return an execution over the descriptions of a collection's indexes."""
    return _execute_on(index_documents(engine, name), request)


def _execute_on(documents: list[Document], request: Request[T]) -> Execution[T]:
    if request.query.hint is not None:
        raise QueryError("a list of collections or indexes takes no hint")
    blobs = [encode_document(document) for document in documents]
    return Execution(request.query, Plan("COLLSCAN", None, (), len(blobs)), blobs, request.decode)


def index_documents(engine: Engine, name: str) -> list[Document]:
    """Return what ``list_indexes`` shows of a collection; nothing for one that does not exist."""
    collection = engine.collections.get(name)
    return [] if collection is None else [index.to_document() for index in collection.definitions()]


def collection_stats(engine: Engine, name: str) -> Document:
    """Return the statistics of one collection; zeros for one that does not exist."""
    collection = engine.collections.get(name)
    return CollectionState(0, name).stats() | {"indexes": {}} if collection is None else collection.stats()


def index_information(engine: Engine, name: str) -> dict[str, Document]:
    """Return the indexes of a collection by name, their keys as (path, direction) pairs."""
    return {index.pop("name"): {**index, "key": list(index["key"].items())} for index in index_documents(engine, name)}
