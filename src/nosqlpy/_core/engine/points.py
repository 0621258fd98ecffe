"""Points: an update, a deletion and a find of the one document that an ``_id``, or a key of an index, names.

These are what most programs do most of the time. What a `Point` says is what a compiled query says,
for a small part of the cost. Where more than that must be known the general form decides, in
`writes` and `reads`; the answers and the changes are the same.
"""

from __future__ import annotations

from typing import Generic, TypeVar, final

import msgspec
from msgspec import UNSET, UnsetType

from nosqlpy._core.engine import writes
from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.execution import Decode, Query
from nosqlpy._core.engine.intake import SpareId
from nosqlpy._core.engine.matching import Match, Point, matches_of
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.index.hashed import Bucket
from nosqlpy._core.log.operation import Delete, Put
from nosqlpy._core.update.compile import GivenUpdate, Updater, compile_update
from nosqlpy._core.update.updater import OperatorUpdater
from nosqlpy._core.values.codec import decode_id
from nosqlpy._core.values.collation import Collation
from nosqlpy.aliases import Update
from nosqlpy.errors import DocumentError, WriteError
from nosqlpy.results import DeleteResult, UpdateResult

T = TypeVar("T")

_UNMATCHED, _UNCHANGED, _CHANGED = UpdateResult(0, 0), UpdateResult(1, 0), UpdateResult(1, 1)
_NONE_DELETED, _ONE_DELETED = DeleteResult(0), DeleteResult(1)


class PointUpdate(Point, frozen=True, gc=False):
    """An update of the document with this ``_id``, if there is one: compiled, and as it was given if it may compare."""

    updater: Updater
    given: Update | None = None


@final
class GeneralUpdate(msgspec.Struct, frozen=True, gc=False):
    """An update of the first match of a query; of none with `upsert`: an insertion."""

    query: Query
    updater: Updater | GivenUpdate
    spare_id: SpareId
    upsert: bool
    bypass: bool | None


class PointFind(Point, Generic[T], frozen=True, gc=False):
    """A find of the first document that has this value at this path, and its decoder."""

    decode: Decode[T]


def update(engine: Engine, name: str, asked: PointUpdate | GeneralUpdate) -> Change[UpdateResult]:
    """Plan an update of one document, as `writes.update` does."""
    if type(asked) is GeneralUpdate:
        query, updater, spare_id = asked.query, asked.updater, asked.spare_id
        return writes.update(
            engine, name, query, updater, spare_id, upsert=asked.upsert, many=False, bypass=asked.bypass
        )
    collection = engine.collections.get(name)
    if collection is None:
        return engine.change([], _UNMATCHED)
    if collection.collation is not None:
        return _update_collated(engine, collection, asked, collection.collation)
    key = asked.value
    data = collection.slots.get(key)
    if data is None:
        return engine.change([], _UNMATCHED)
    updater, indexes = asked.updater, collection.indexes
    size_max = engine.document_size_max
    if type(updater) is OperatorUpdater:  # as `patch`, without a call
        field, change = updater.field, updater.change
        try:
            changed = None if field is None or change is None else field.changed(data, change, updater.step, size_max)
            if changed is None:
                changed = updater.patch_fields(data, size_max)
        except (WriteError, DocumentError):
            changed = None  # the general form says what is wrong
    else:
        changed = updater.patch(data, size_max)
    indexed = bool(indexes.by_name) and indexes.read_any(updater.names)
    if changed is None or collection.validator is not None or (indexed and indexes.refusing):
        return writes.update_matches(engine, collection, [Match(key, data)], asked.query.predicate, updater)
    if changed == data:
        return engine.change([], _UNCHANGED)
    keys = (key,)
    ids = keys if type(key) is str else (decode_id(data),)
    return engine.change_one(Put(collection.number, keys, ids, (changed,), False, indexed), _CHANGED)


def _update_collated(
    engine: Engine, collection: CollectionState, asked: PointUpdate, collation: Collation
) -> Change[UpdateResult]:
    query, updater = asked.query.under(collation), asked.updater
    if asked.given is not None:
        updater = compile_update(asked.given, collation=collation)
    matches = matches_of(engine, collection.name, query, 1)
    if not matches:
        return engine.change([], _UNMATCHED)
    return writes.update_matches(engine, collection, matches, query.predicate, updater)


def delete(engine: Engine, name: str, asked: Point | Query) -> Change[DeleteResult]:
    """Plan the deletion of one document, as `writes.delete` does."""
    if isinstance(asked, Query):
        return writes.delete(engine, name, asked, many=False)
    collection = engine.collections.get(name)
    if collection is None:
        return engine.change([], _NONE_DELETED)
    if collection.collation is not None:
        return writes.delete(engine, name, asked.query, many=False)
    key = asked.value
    data = collection.slots.get(key)
    if data is None:
        return engine.change([], _NONE_DELETED)
    keys = (key,)
    ids = keys if type(key) is str else (decode_id(data),)
    return engine.change_one(Delete(collection.number, keys, ids), _ONE_DELETED)


def first(engine: Engine, name: str, asked: PointFind[T]) -> bytes | UnsetType | None:
    """Return the one document that is found, encoded, or None; UNSET where there may be several, or no such index."""
    collection = engine.collections.get(name)
    if type(collection) is not CollectionState or collection.collation is not None:
        return UNSET
    value = asked.value
    index = collection.indexes.by_path.get(asked.path)
    if index is None:
        return UNSET
    held = index.entry(value)
    if type(held) is not Bucket:
        return None if held is UNSET else collection.slots.get(held)
    if value in index.moved and len(held) > 1:
        return UNSET
    return collection.slots.get(next(iter(held), UNSET))
