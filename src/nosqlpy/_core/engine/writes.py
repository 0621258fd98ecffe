"""Writes to documents: each function plans one atomic change and alters nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import msgspec

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.definitions import ensure_collection
from nosqlpy._core.engine.reads import Query, Request
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.log.operation import Delete, Operation, Put
from nosqlpy._core.plan.planner import choose
from nosqlpy._core.query.filter import Predicate
from nosqlpy._core.update.compile import Updater
from nosqlpy._core.update.upsert import seed_document
from nosqlpy._core.values.codec import (
    check_id,
    decode_document,
    decode_id,
    encode_document,
    encode_documents,
    with_id,
    with_ids,
)
from nosqlpy._core.values.keys import equality_key, equality_keys
from nosqlpy.aliases import Document
from nosqlpy.errors import BulkWriteError, DuplicateKeyError, WriteError
from nosqlpy.results import DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

T = TypeVar("T")
MakeId = Callable[[], Any]

# documents of one frame of insert_many: about two milliseconds of work
INSERT_STEP = 1000


class Match(msgspec.Struct, frozen=True, gc=False):
    """A stored document that a write found: its key, and its bytes."""

    key: Hashable
    data: bytes


def insert_one(engine: Engine, name: str, document: Mapping[str, Any], make_id: MakeId) -> Change[Any]:
    """Plan the insertion of one document; the result is its ``_id``.

    Raises:
        DuplicateKeyError: The ``_id`` is taken.
        DocumentError: It holds what cannot be stored.
    """
    document, id = _identified(document, make_id)
    data = encode_document(document, size_max=engine.document_size_max)
    key = equality_key(id)
    operations, number = ensure_collection(engine, name)
    if not operations and key in engine.collections[name].slots:
        raise _duplicate(name, id)
    return engine.change([*operations, Put(number, [key], [id], [data])], id)


def _identified(document: Mapping[str, Any], make_id: MakeId) -> tuple[Mapping[str, Any], Any]:
    document = with_id(document, make_id)
    id = document["_id"]
    check_id(id)
    return document, id


def insert_one_result(
    engine: Engine, name: str, document: Mapping[str, Any], make_id: MakeId
) -> Change[InsertOneResult]:
    """Plan the insertion of one document, as `insert_one`; the result is pymongo's."""
    return _with_result(insert_one(engine, name, document, make_id), InsertOneResult)


def _with_result(change: Change[T], wrap: Callable[[T], Any]) -> Change[Any]:
    return msgspec.structs.replace(change, result=wrap(change.result))


def _duplicate(name: str, id: Any) -> DuplicateKeyError:
    return DuplicateKeyError(
        f"collection {name!r} already has a document with this _id (index: _id_)",
        details={"keyPattern": {"_id": 1}, "keyValue": {"_id": id}},
    )


def save(engine: Engine, name: str, document: Mapping[str, Any], make_id: MakeId) -> Change[Any]:
    """Plan the insertion of a document, or its replacing the one with its ``_id``; the result is the ``_id``."""
    document, id = _identified(document, make_id)
    data = encode_document(document, size_max=engine.document_size_max)
    operations, number = ensure_collection(engine, name)
    return engine.change([*operations, Put(number, [equality_key(id)], [id], [data])], id)


def insert_many(
    engine: Engine, name: str, documents: Iterable[Mapping[str, Any]], make_id: MakeId, *, ordered: bool
) -> Generator[Change[int] | None, None, InsertManyResult]:
    """Yield the changes of a bulk insertion, each to be applied before the next is asked for; None is a pause.

    All documents are checked and encoded first, so that one that cannot be
    stored changes nothing. The generator's return value is pymongo's result.

    Raises:
        DocumentError: A document holds what cannot be stored; nothing was inserted.
        BulkWriteError: An ``_id`` is taken. `ordered`: those before it were inserted; else all others were.
    """
    ids: list[Any] = []
    blobs: list[bytes] = []
    for chunk in _chunks(documents):
        complete, found = with_ids(chunk, make_id)
        ids += found
        blobs += encode_documents(complete, size_max=engine.document_size_max)
        yield None
    errors: list[Document] = []
    inserted = 0
    for start in range(0, len(ids), INSERT_STEP):
        part = slice(start, start + INSERT_STEP)
        change, found = _insert_chunk(engine, name, ids[part], blobs[part], start, ordered=ordered)
        errors += found
        inserted += change.result
        yield change
        if errors and ordered:
            break
    if errors:
        raise BulkWriteError(
            f"{len(errors)} of {len(ids)} documents could not be inserted: {errors[0]['errmsg']}",
            details=_bulk_details(errors, inserted),
        )
    return InsertManyResult(ids)


def _chunks(documents: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    remaining = iter(documents)
    while chunk := list(islice(remaining, INSERT_STEP)):
        yield chunk


def _bulk_details(errors: list[Document], inserted: int) -> Document:
    return {
        "writeErrors": errors,
        "writeConcernErrors": [],
        "nInserted": inserted,
        "nUpserted": 0,
        "nMatched": 0,
        "nModified": 0,
        "nRemoved": 0,
        "upserted": [],
    }


def _insert_chunk(
    engine: Engine, name: str, ids: list[Any], blobs: list[bytes], start: int, *, ordered: bool
) -> tuple[Change[int], list[Document]]:
    """Return the change for the documents that can go in, and an error for each that cannot."""
    operations, number = ensure_collection(engine, name)
    slots = {} if operations else engine.collections[name].slots
    keys = equality_keys(ids)
    errors: list[Document] = []
    if len(set(keys)) < len(keys) or not slots.keys().isdisjoint(keys):
        keys, ids, blobs, errors = _without_duplicates(name, slots, keys, ids, blobs, start, ordered=ordered)
    if keys:
        operations.append(Put(number, keys, ids, blobs))
    return engine.change(operations, len(keys)), errors


def _without_duplicates(
    name: str,
    slots: Mapping[Hashable, bytes],
    keys: list[Hashable],
    ids: list[Any],
    blobs: list[bytes],
    start: int,
    *,
    ordered: bool,
) -> tuple[list[Hashable], list[Any], list[bytes], list[Document]]:
    seen: set[Hashable] = set()
    kept: list[int] = []
    errors: list[Document] = []
    for position, key in enumerate(keys):
        if key in slots or key in seen:
            error = _duplicate(name, ids[position])
            errors.append({"index": start + position, "code": error.code, "errmsg": str(error), **error.details})
            if ordered:
                break
        else:
            seen.add(key)
            kept.append(position)
    return [keys[i] for i in kept], [ids[i] for i in kept], [blobs[i] for i in kept], errors


def _matches(collection: CollectionState | None, query: Query, limit: int) -> list[Match]:
    """Return the stored documents that `query` matches, at most `limit` of them (0: all), in its order."""
    if collection is None:
        return []
    predicate = query.predicate
    plan = choose(predicate, collection.indexes, len(collection.slots), query.hint)
    slots = collection.slots
    if plan.stage == "COLLSCAN":
        found = _scan(slots, predicate, 0 if query.ordering else limit)
    else:
        candidates = [Match(key, slots[key]) for key in collection.keys(plan) if key in slots]
        found = [match for match in candidates if predicate.matches(decode_document(match.data))]
    if query.ordering is not None:
        found = query.ordering.arrange(query.ordering.rows([match.data for match in found]), found, limit or None)
    return found[:limit] if limit else found


def _scan(slots: Mapping[Hashable, bytes], predicate: Predicate, limit: int) -> list[Match]:
    found: list[Match] = []
    blobs = list(slots.values())
    for start in range(0, len(blobs), INSERT_STEP):
        selected = predicate.select(blobs[start : start + INSERT_STEP])
        found += [Match(equality_key(decode_id(data)), data) for data in selected]
        if limit and len(found) >= limit:
            break
    return found


class Updated(msgspec.Struct, frozen=True):
    """What an update will do: the documents that change, before and after, and how many it matched."""

    matched: int
    keys: list[Hashable]
    ids: list[Any]
    after: list[bytes]


def update(
    engine: Engine, name: str, query: Query, updater: Updater, make_id: MakeId, *, upsert: bool, many: bool
) -> Change[UpdateResult]:
    """Plan an update of the first match or of all, as one atomic change; of none with `upsert`: an insertion.

    Raises:
        WriteError: The update cannot be made on a document that matches; none is changed.
    """
    collection = engine.collections.get(name)
    matches = _matches(collection, query, 0 if many else 1)
    if not matches:
        return _upsert(engine, name, query, updater, make_id) if upsert else engine.change([], UpdateResult(0, 0))
    assert collection is not None, "documents were found in it"
    done = _update_all(engine, matches, updater)
    operations = [Put(collection.number, done.keys, done.ids, done.after)] if done.keys else []
    return engine.change(operations, UpdateResult(done.matched, len(done.keys)))


def _update_all(engine: Engine, matches: Sequence[Match], updater: Updater) -> Updated:
    keys: list[Hashable] = []
    ids: list[Any] = []
    after: list[bytes] = []
    for match in matches:
        document = _updated(match, updater)
        data = encode_document(document, size_max=engine.document_size_max)
        if data != match.data:
            keys.append(match.key)
            ids.append(document["_id"])
            after.append(data)
    return Updated(len(matches), keys, ids, after)


def _updated(match: Match, updater: Updater) -> Document:
    document = updater.apply(decode_document(match.data))
    if equality_key(document.get("_id")) != match.key:
        raise WriteError("the _id of a document cannot be changed", code=66, code_name="ImmutableField")
    return document


def _upsert(engine: Engine, name: str, query: Query, updater: Updater, make_id: MakeId) -> Change[UpdateResult]:
    inserted = insert_one(engine, name, _upserted(query, updater), make_id)
    return _with_result(inserted, lambda id: UpdateResult(0, 0, id))


def _upserted(query: Query, updater: Updater) -> Document:
    return updater.insert(seed_document(query.predicate.seeds))


def delete(engine: Engine, name: str, query: Query, *, many: bool) -> Change[DeleteResult]:
    """Plan the deletion of the first match or of all, as one atomic change."""
    collection = engine.collections.get(name)
    matches = _matches(collection, query, 0 if many else 1)
    return engine.change(_deletion(collection, matches), DeleteResult(len(matches)))


def delete_by_id(engine: Engine, name: str, id: Any) -> Change[bool]:
    """Plan the deletion of the document with this ``_id``; the result says whether there was one."""
    collection = engine.collections.get(name)
    key = equality_key(id)
    if collection is None or key not in collection.slots:
        return engine.change([], False)
    return engine.change([Delete(collection.number, [key], [id])], True)


def _deletion(collection: CollectionState | None, matches: Sequence[Match]) -> list[Operation]:
    if collection is None or not matches:
        return []
    return [Delete(collection.number, [m.key for m in matches], [decode_id(m.data) for m in matches])]


def find_one_and_update(
    engine: Engine,
    name: str,
    request: Request[T],
    updater: Updater,
    make_id: MakeId,
    *,
    upsert: bool,
    after: bool,
) -> Change[T | None]:
    """Plan an update of the first match; the result is that document, before or `after` the change."""
    query, decode = request.query, request.decode
    collection = engine.collections.get(name)
    matches = _matches(collection, query, 1)
    if not matches:
        if not upsert:
            return engine.change([], None)
        document = with_id(_upserted(query, updater), make_id)
        inserted = insert_one(engine, name, document, make_id)
        data = encode_document(document, size_max=engine.document_size_max)
        return _with_result(inserted, lambda _: decode(data) if after else None)
    assert collection is not None, "a document was found in it"
    done = _update_all(engine, matches, updater)
    operations = [Put(collection.number, done.keys, done.ids, done.after)] if done.keys else []
    shown = done.after[0] if after and done.after else matches[0].data
    return engine.change(operations, decode(shown))


def find_one_and_delete(engine: Engine, name: str, request: Request[T]) -> Change[T | None]:
    """Plan the deletion of the first match; the result is that document."""
    collection = engine.collections.get(name)
    matches = _matches(collection, request.query, 1)
    result = request.decode(matches[0].data) if matches else None
    return engine.change(_deletion(collection, matches), result)
