"""Writes to documents: each function plans one atomic change and alters nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.definitions import ensure_collection
from nosqlpy._core.engine.execution import Check, Query
from nosqlpy._core.engine.flags import check_flag
from nosqlpy._core.engine.intake import NewDocument, NewDocuments, SpareId, encode_new, portions
from nosqlpy._core.engine.matching import Match, matches_of
from nosqlpy._core.engine.returned import Returned, no_document
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.engine.validation import Before
from nosqlpy._core.index.deferred import loading
from nosqlpy._core.log.operation import Delete, Operation, Put
from nosqlpy._core.query.filter import Predicate
from nosqlpy._core.query.matched import PositionalProjection
from nosqlpy._core.update.compile import GivenUpdate, Updater, under
from nosqlpy._core.update.upsert import seed_document, seed_id
from nosqlpy._core.values.codec import decode_document, decode_id, encode_document, with_id
from nosqlpy._core.values.depth import bounded_key
from nosqlpy._core.values.keys import equality_key
from nosqlpy.aliases import Document
from nosqlpy.errors import BulkWriteError, DuplicateKeyError, OperationFailure, QueryError, WriteError
from nosqlpy.results import BulkWriteResult, DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

T = TypeVar("T")

# documents that are updated before it is asked again whether the write may go on: a millisecond
UPDATED_STEP = 256


def insert_one(engine: Engine, name: str, new: NewDocument, bypass: bool | None = None) -> Change[Any]:
    """Plan the insertion of one document; the result is its ``_id``. With `bypass` no validator is asked.

    Raises:
        ValidationError: The collection's validator refuses it.
        DuplicateKeyError: The ``_id``, or the key of a unique index, is taken.
    """
    return _insertion(engine, name, new, bypass, new.id)


def insert_one_result(engine: Engine, name: str, new: NewDocument) -> Change[InsertOneResult]:
    """Plan the insertion of one document, as `insert_one`; the result is pymongo's."""
    return _insertion(engine, name, new, new.bypass, InsertOneResult(new.id))


def _insertion(engine: Engine, name: str, new: NewDocument, bypass: bool | None, result: T) -> Change[T]:
    if bypass is not None:
        check_bypass(bypass)
    collection = engine.collections.get(name)
    key = new.key
    if collection is None:
        operations, number = ensure_collection(engine, name)
        return engine.change([*operations, Put(number, [key], [new.id], [new.data])], result)
    warnings: tuple[str, ...] = ()
    if collection.validator is not None:
        warnings = checked(collection, [new.data], bypass=bypass)
    if collection.slots.holds(key):
        raise duplicate_key(name, new.id)
    if collection.indexes.refusing:
        collection.check_fit([key], [new.data])
    return engine.change_one(Put(collection.number, (key,), (new.id,), (new.data,)), result, warnings)


def _with_result(change: Change[T], wrap: Callable[[T], Any]) -> Change[Any]:
    return msgspec.structs.replace(change, result=wrap(change.result))


def duplicate_key(name: str, id: Any) -> DuplicateKeyError:
    """Return the error that says that an ``_id`` is taken."""
    return DuplicateKeyError(
        f"collection {name!r} already has a document with this _id (index: _id_)",
        details={"keyPattern": {"_id": 1}, "keyValue": {"_id": id}},
    )


def check_bypass(bypass: bool | None) -> None:
    """Refuse a value of the option that is neither a bool nor None."""
    if bypass is not None:
        check_flag("bypass_document_validation", bypass)


def checked(
    collection: CollectionState,
    blobs: Sequence[bytes],
    before: Before | None = None,
    *,
    bypass: bool | None = None,
) -> tuple[str, ...]:
    """Return what is to be warned of if these documents, in the places of those that `before` gives, are stored.

    Raises:
        ValidationError: The collection's validator refuses one.
    """
    validator = collection.validator
    return () if validator is None or bypass else validator.check(collection.name, blobs, before)


def save(engine: Engine, name: str, new: NewDocument) -> Change[Any]:
    """Plan the insertion of a document, or its replacing the one with its ``_id``; the result is the ``_id``."""
    operations, number = ensure_collection(engine, name)
    collection = engine.collections.get(name)
    warnings: tuple[str, ...] = ()
    if collection is not None and collection.validator is not None:
        warnings = checked(collection, [new.data], lambda _: collection.slots.get(new.key))
    if collection is not None and collection.indexes.refusing:
        collection.check_fit([new.key], [new.data])
    return engine.change([*operations, Put(number, [new.key], [new.id], [new.data])], new.id, warnings)


def insert_many(
    engine: Engine, name: str, new: NewDocuments, *, ordered: bool, bypass: bool | None = None
) -> Generator[Change[int], None, InsertManyResult]:
    """Yield the changes of a bulk insertion, each to be applied before the next is asked for; return pymongo's result.

    Raises:
        BulkWriteError: An ``_id`` or a unique key is taken, or a validator refuses a document. `ordered`: those
            before it were inserted; else all others were.
    """
    check_flag("ordered", ordered)
    check_bypass(bypass)
    errors: list[Document] = []
    inserted = 0
    for places in portions(new.blobs):
        insert = partial(_insert_chunk, engine, name, new, places, ordered=ordered, bypass=bypass)
        change, found = loading(insert)
        errors += found
        inserted += change.result
        yield change
        if errors and ordered:
            break
    if errors:
        raise bulk_error("document", len(new.ids), errors, BulkWriteResult(inserted), ordered=ordered)
    return InsertManyResult(new.ids)


def bulk_error(
    what: str, total: int, errors: list[Document], result: BulkWriteResult, *, ordered: bool
) -> BulkWriteError:
    """Return the error of a batch of `total` documents or requests, some of which were refused."""
    happened = f"{len(errors)} of {total} {what}s were refused"
    if ordered:
        place = errors[0]["index"] + 1
        happened = f"stopped at {what} {place} of {total}"
        if place < total:
            happened += ", those after it were not tried"
    return BulkWriteError(f"{happened}: {errors[0]['errmsg']}", details=bulk_details(errors, result))


def bulk_details(errors: list[Document], result: BulkWriteResult) -> Document:
    """Return the details of a `BulkWriteError`, as pymongo's: what was refused, and the `result` of all else."""
    return {
        "writeErrors": errors,
        "writeConcernErrors": [],
        "nInserted": result.inserted_count,
        "nUpserted": result.upserted_count,
        "nMatched": result.matched_count,
        "nModified": result.modified_count,
        "nRemoved": result.deleted_count,
        "upserted": [{"index": index, "_id": id} for index, id in result.upserted_ids.items()],
    }


def write_error(index: int, error: OperationFailure, operation: Mapping[str, Any]) -> Document:
    """Return the entry of ``writeErrors`` for what was refused at `index` of a batch."""
    details = {name: error.details[name] for name in ("keyPattern", "keyValue", "errInfo") if name in error.details}
    return {"index": index, "code": error.code, "errmsg": str(error), **details, "op": operation}


def _insert_chunk(
    engine: Engine, name: str, new: NewDocuments, places: range, *, ordered: bool, bypass: bool | None
) -> tuple[Change[int], list[Document]]:
    """Return the change for those of the documents at `places` that can go in, and an error for each that cannot."""
    operations, number = ensure_collection(engine, name)
    collection = None if operations else engine.collections[name]
    part = slice(places.start, places.stop)
    keys, ids, blobs = new.keys[part], new.ids[part], new.blobs[part]
    errors: list[Document] = []
    warnings: tuple[str, ...] = ()
    validator = None if collection is None or bypass else collection.validator
    invalid = set() if validator is None else {places[position] for position in validator.refused(blobs)}
    if invalid or len(set(keys)) < len(keys) or not (collection is None or _all_fit(collection, keys, blobs)):
        kept, errors = _acceptable(name, collection, new, places, invalid, ordered=ordered)
        keys, ids, blobs = [new.keys[i] for i in kept], [new.ids[i] for i in kept], [new.blobs[i] for i in kept]
        if validator is not None:
            warnings = validator.warnings(name, [new.blobs[i] for i in kept if i in invalid])
    if keys:
        operations.append(Put(number, keys, ids, blobs))
    return engine.change(operations, len(keys), warnings), errors


def _all_fit(collection: CollectionState, keys: Sequence[Hashable], blobs: Sequence[bytes]) -> bool:
    """Whether the ids and the keys of all these documents are free."""
    if not collection.slots.disjoint(keys):
        return False
    try:
        collection.check_fit(keys, blobs)
    except WriteError:
        return False
    return True


def _acceptable(
    name: str,
    collection: CollectionState | None,
    new: NewDocuments,
    places: range,
    invalid: Collection[int],
    *,
    ordered: bool,
) -> tuple[list[int], list[Document]]:
    """Return the places of the documents that can go in, and an error for each of the others.

    `invalid` are those that the validator does not like. If the batch is `ordered`, what comes after
    the first error is in neither.
    """
    seen: set[Hashable] = set()
    kept: list[int] = []
    errors: list[Document] = []
    claims = collection.claims() if collection is not None and collection.indexes.refusing else None
    for place in places:
        error = _refusal(name, collection, new, place, seen, invalid)
        if error is None and claims is not None:
            error = claims.refusal(new.keys[place], new.blobs[place])
        if error is None:
            seen.add(new.keys[place])
            kept.append(place)
            continue
        errors.append(write_error(place, error, decode_document(new.blobs[place])))
        if ordered:
            break
    return kept, errors


def _refusal(
    name: str,
    collection: CollectionState | None,
    new: NewDocuments,
    place: int,
    seen: Collection[Hashable],
    invalid: Collection[int],
) -> WriteError | None:
    """Return why the document at `place` cannot go in, if it cannot."""
    key = new.keys[place]
    validator = None if collection is None else collection.validator
    if place in invalid and validator is not None and not validator.warns:
        return validator.error(new.blobs[place])
    if key in seen or (collection is not None and collection.slots.holds(key)):
        return duplicate_key(name, new.ids[place])
    return None


def update(
    engine: Engine,
    name: str,
    query: Query,
    given: Updater | GivenUpdate,
    spare_id: SpareId,
    *,
    upsert: bool,
    many: bool,
    bypass: bool | None = None,
) -> Change[UpdateResult]:
    """Plan an update of the first match or of all, as one atomic change; of none with `upsert`: an insertion.

    Raises:
        ValidationError: The collection's validator refuses a document as it would be; none is changed.
        DuplicateKeyError: The key of a unique index would be taken by two documents; none is changed.
        WriteError: The update cannot be made on a document that matches; none is changed.
    """
    check_flag("upsert", upsert)
    check_bypass(bypass)
    collection = engine.collections.get(name)
    collation = None if collection is None else collection.collation
    query, updater = query.under(collation), under(given, collation)
    matches = matches_of(engine, name, query, 0 if many else 1)
    if not matches:
        if not upsert:
            return engine.change([], _update_result(0, 0))
        inserted = insert_one(engine, name, _upserted(engine, query, updater, spare_id), bypass=bypass)
        return _with_result(inserted, lambda id: UpdateResult(0, 0, id))
    assert collection is not None, "documents were found in it"
    return update_matches(engine, collection, matches, query.predicate, updater, query.check, bypass=bypass)


def update_matches(
    engine: Engine,
    collection: CollectionState,
    matches: Sequence[Match],
    predicate: Predicate,
    updater: Updater,
    check: Check | None = None,
    *,
    bypass: bool | None = None,
) -> Change[UpdateResult]:
    """Plan an update of all `matches`, which `predicate` has found; see `update`."""
    changed = _update_all(engine, collection, matches, predicate, updater, check)
    result = _update_result(len(matches), len(changed.keys))
    return _put(engine, collection, matches, changed, result, bypass=bypass)


def _put(
    engine: Engine,
    collection: CollectionState,
    matches: Sequence[Match],
    changed: Put,
    result: T,
    *,
    bypass: bool | None,
) -> Change[T]:
    """Plan that updated documents, if there are any, take the places of some of `matches`."""
    if not changed.keys:
        return engine.change([], result)
    if changed.indexed and collection.indexes.refusing:
        collection.check_fit(changed.keys, changed.documents)
    if collection.validator is None:
        return engine.change([changed], result)
    before = {match.key: match.data for match in matches}
    warnings = checked(collection, changed.documents, lambda position: before[changed.keys[position]], bypass=bypass)
    return engine.change([changed], result, warnings)


# results are frozen, and making one takes half of a microsecond
_UPDATED = {(matched, modified): UpdateResult(matched, modified) for matched, modified in ((0, 0), (1, 0), (1, 1))}
_DELETED_ONE = DeleteResult(1)


def _update_result(matched: int, modified: int) -> UpdateResult:
    return _UPDATED.get((matched, modified)) or UpdateResult(matched, modified)


def _update_all(
    engine: Engine,
    collection: CollectionState,
    matches: Sequence[Match],
    predicate: Predicate,
    updater: Updater,
    check: Check | None,
) -> Put:
    """Return the operation that stores what an update makes of `matches`, those that it changes; maybe none."""
    keys: list[Hashable] = []
    ids: list[Any] = []
    documents: list[bytes] = []
    for number, match in enumerate(matches):
        if number % UPDATED_STEP == UPDATED_STEP - 1 and check is not None:
            check()
        data = updater.patch(match.data, engine.document_size_max)
        if data is None:
            document = _updated(match, predicate, updater)
            data = encode_document(document, size_max=engine.document_size_max)
        if data != match.data:
            keys.append(match.key)
            ids.append(_id_of(match.key, data))
            documents.append(data)
    return Put(collection.number, keys, ids, documents, indexed=collection.indexes.read_any(updater.names))


def _updated(match: Match, predicate: Predicate, updater: Updater) -> Document:
    document = decode_document(match.data)
    document = updater.apply(document, predicate.position(document) if updater.needs_position else None)
    if equality_key(document.get("_id")) != match.key:
        raise WriteError("the _id of a document cannot be changed", code=66, code_name="ImmutableField")
    return document


def _id_of(key: Hashable, data: bytes) -> Any:
    """Return the ``_id`` of an encoded document, given its key: that itself if it is a str, as of no other id."""
    return key if type(key) is str else decode_id(data)


def _upserted(engine: Engine, query: Query, updater: Updater, spare_id: SpareId) -> NewDocument:
    seed = seed_id if updater.replaces else seed_document
    document = updater.insert(seed(query.predicate.seeds))
    return encode_new(with_id(document, spare_id.take), engine.document_size_max)


def delete(engine: Engine, name: str, query: Query, *, many: bool) -> Change[DeleteResult]:
    """Plan the deletion of the first match or of all, as one atomic change."""
    collection = engine.collections.get(name)
    matches = matches_of(engine, name, query, 0 if many else 1)
    return engine.change(
        _deletion(collection, matches), _DELETED_ONE if len(matches) == 1 else DeleteResult(len(matches))
    )


def delete_by_id(engine: Engine, name: str, id: Any) -> Change[bool]:
    """Plan the deletion of the document with this ``_id``; the result says whether there was one."""
    collection = engine.collections.get(name)
    key = id if type(id) is str else bounded_key(id)
    if collection is None or not collection.slots.holds(key):
        return engine.change([], False)
    return engine.change_one(Delete(collection.number, (key,), (id,)), True)


def _deletion(collection: CollectionState | None, matches: Sequence[Match]) -> list[Operation]:
    if collection is None or not matches:
        return []
    return [Delete(collection.number, [m.key for m in matches], [_id_of(m.key, m.data) for m in matches])]


def find_one_and_update(
    engine: Engine,
    name: str,
    returned: Returned[Any],
    given: Updater | GivenUpdate,
    spare_id: SpareId,
    *,
    upsert: bool,
    after: bool,
    bypass: bool | None = None,
) -> Change[Callable[[], Any]]:
    """Plan an update of the first match; the result gives that document, before or `after` the change."""
    check_flag("upsert", upsert)
    check_flag("return_document", after)
    check_bypass(bypass)
    if (planned := returned.planned(engine)) is not None:
        return planned
    collection = engine.collections.get(name)
    collation = None if collection is None else collection.collation
    query, updater = returned.under(collation), under(given, collation)
    if after and isinstance(query.projection, PositionalProjection):
        raise QueryError("a positional projection needs the document as it was found, not as it is after the update")
    matches = matches_of(engine, name, query, 1)
    if not matches:
        if not upsert:
            return engine.change([], no_document)
        new = _upserted(engine, query, updater, spare_id)
        inserted = insert_one(engine, name, new, bypass=bypass)
        return returned.by(engine, inserted, new.data) if after else _with_result(inserted, lambda _: no_document)
    assert collection is not None, "a document was found in it"
    changed = _update_all(engine, collection, matches, query.predicate, updater, query.check)
    shown = changed.documents[0] if after and changed.keys else matches[0].data
    return returned.by(engine, _put(engine, collection, matches, changed, None, bypass=bypass), shown)


def find_one_and_delete(engine: Engine, name: str, returned: Returned[Any]) -> Change[Callable[[], Any]]:
    """Plan the deletion of the first match; the result gives that document."""
    if (planned := returned.planned(engine)) is not None:
        return planned
    collection = engine.collections.get(name)
    query = returned.under(None if collection is None else collection.collation)
    matches = matches_of(engine, name, query, 1)
    if not matches:
        return engine.change([], no_document)
    return returned.by(engine, engine.change(_deletion(collection, matches), None), matches[0].data)
