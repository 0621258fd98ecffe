"""Importing: batches of documents, each planned as one atomic change."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import compress, repeat
from operator import contains, itemgetter
from typing import Any

import msgspec

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.definitions import ensure_collection
from nosqlpy._core.engine.intake import NewDocuments
from nosqlpy._core.engine.slots import Slots
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.engine.validation import Before, Validator
from nosqlpy._core.engine.writes import duplicate_key
from nosqlpy._core.log.operation import Define, Put
from nosqlpy._core.values.check import has_wide_int
from nosqlpy._core.values.codec import check_id, encode_document, encode_documents, with_id, with_ids, without_room
from nosqlpy._core.values.json_lines import Batch, Plain, may_be_deep, plain_groups
from nosqlpy._core.values.keys import equality_key, equality_keys
from nosqlpy.errors import DocumentError, NosqlpyError

_encode = msgspec.msgpack.Encoder().encode
# MessagePack's mark of an unsigned 64-bit integer; it may be a part of a text, or of another number, as well
_UINT64 = 0xCF
# documents of at least so many bytes are copied without the encoder's room, which is half of what they have; of smaller
# ones it is small, and a copy takes a twentieth of the time of importing one
_COPIED_SIZE = 128
_ID = itemgetter("_id")
_SIMPLE = frozenset((str, int))
# what decoding and encoding raise for a line that is no document, or for one that cannot be stored as it is
_NOT_PLAIN = (msgspec.DecodeError, UnicodeDecodeError, UnicodeEncodeError, OverflowError, RecursionError)


class Prepared(msgspec.Struct):
    """A batch, encoded: keys, ids, documents and numbers of lines; and the error that ends it, if one does."""

    keys: list[Hashable]
    ids: list[Any]
    blobs: list[bytes]
    numbers: Sequence[int]
    error: NosqlpyError | None

    def upto(self, end: int, error: NosqlpyError) -> Prepared:
        """Return the documents before number `end`, which `error` keeps out."""
        error.details = {**error.details, "line": self.numbers[end]}
        return Prepared(self.keys[:end], self.ids[:end], self.blobs[:end], self.numbers[:end], error)


class Imported(msgspec.Struct, frozen=True):
    """How many documents of a batch go in, the last one's line, and the error that keeps out the one after them."""

    count: int
    line: int
    error: NosqlpyError | None


def prepare(batch: Batch, make_id: Callable[[], Any], size_max: int) -> Prepared:
    """Return the documents of `batch` encoded, up to one that cannot be stored."""
    if not batch.documents:
        return Prepared([], [], [], [], batch.error)
    try:
        documents, ids = with_ids(batch.documents, make_id)
        blobs = _encode_plain(documents, size_max) if batch.plain else None
        if blobs is None:
            blobs = encode_documents(documents, size_max=size_max)
    except DocumentError:
        return _prepare_each(batch, make_id, size_max)
    return Prepared(equality_keys(ids), ids, blobs, batch.numbers, batch.error)


def prepare_lines(text: bytes, numbers: range, make_ids: Callable[[int], list[Any]], size_max: int) -> Prepared | None:
    """Return the documents of lines of JSON, which have these `numbers`, encoded; None if one is odd.

    None says that `parse_lines` and `prepare` have to look at each line.
    """
    plain = plain_groups(text, len(numbers))
    if plain is None:
        return None
    all_ids: list[Any] = []
    all_blobs: list[bytes] = []
    try:
        for group, documents in plain.groups:
            complete, ids = _identified(documents, plain, make_ids)
            blobs = list(map(_encode, complete))
            size = max(map(len, blobs))
            if size > size_max or _have_wide_int(complete, blobs) or may_be_deep(group, len(blobs), size):
                return None
            all_blobs += blobs if size < _COPIED_SIZE else without_room(blobs)
            all_ids += ids
        keys = _checked_keys(all_ids)
    except (*_NOT_PLAIN, DocumentError):
        return None
    if len(all_blobs) != len(numbers):
        return None
    return Prepared(keys, all_ids, all_blobs, numbers, None)


def _identified(
    documents: list[dict[str, Any]], plain: Plain, make_ids: Callable[[int], list[Any]]
) -> tuple[Sequence[Mapping[str, Any]], list[Any]]:
    """Return `documents` as `with_ids` does; where all have an ``_id`` at their head, or none, without checking ids.

    Raises:
        DecodeError: There are several in one line, of which one has no ``_id``, or is none.
        DocumentError: See `with_ids`.
    """
    if plain.headed:
        try:
            return documents, list(map(_ID, documents))
        except (KeyError, TypeError):
            raise msgspec.DecodeError("no document with an _id") from None
    if plain.nameless and set(map(type, documents)) == {dict}:
        ids = make_ids(len(documents))
        return [{"_id": id, **document} for id, document in zip(ids, documents, strict=True)], ids
    return with_ids(documents, lambda: make_ids(1)[0])


def _checked_keys(ids: list[Any]) -> list[Hashable]:
    """Return the keys of `ids`, which are these themselves where all are texts and ints, as nearly always.

    Raises:
        DocumentError: One may not be an id.
    """
    if _SIMPLE.issuperset(map(type, ids)):
        return ids
    for id in ids:
        check_id(id)
    return list(map(equality_key, ids))


def _have_wide_int(documents: Sequence[Mapping[str, Any]], blobs: Iterable[bytes]) -> bool:
    """Return whether one of plain `documents`, which became `blobs`, has an int that signed 64 bits cannot hold.

    MessagePack has a mark for such ints. Where it is no part of a document, nobody needs to look at its values.
    """
    return any(map(has_wide_int, compress(documents, map(contains, blobs, repeat(_UINT64)))))


def _encode_plain(documents: Sequence[Mapping[str, Any]], size_max: int) -> list[bytes] | None:
    """Return plain documents encoded, without looking at each value; None if one may not be stored."""
    try:
        blobs = without_room(map(_encode, documents))
    except (OverflowError, UnicodeEncodeError):
        return None
    if max(map(len, blobs)) > size_max:
        return None
    return None if _have_wide_int(documents, blobs) else blobs


def _prepare_each(batch: Batch, make_id: Callable[[], Any], size_max: int) -> Prepared:
    """Return the documents before the one that cannot be stored, with the error that says why."""
    ids: list[Any] = []
    blobs: list[bytes] = []
    error = batch.error
    for document, number in zip(batch.documents, batch.numbers, strict=True):
        try:
            complete = with_id(document, make_id)
            check_id(complete["_id"])
            blobs.append(encode_document(complete, size_max=size_max))
        except DocumentError as refusal:
            refusal.details = {**refusal.details, "line": number}
            error = refusal
            break
        ids.append(complete["_id"])
    return Prepared(equality_keys(ids), ids, blobs, batch.numbers[: len(ids)], error)


def import_batch(engine: Engine, name: str, batch: Prepared, *, upsert: bool, clear: bool) -> Change[Imported]:
    """Plan what a prepared batch does to a collection.

    With `upsert` a document takes the place of the one with its id; otherwise the first
    whose id is taken ends the batch. With `clear` all that was there goes first, unless
    the batch ends early: then nothing is changed.
    """
    operations, number = ensure_collection(engine, name)
    collection = None if operations else engine.collections[name]
    slots = None if collection is None or clear else collection.slots
    validator = None if collection is None else collection.validator
    if validator is not None and not validator.warns:
        batch = _until_invalid(validator, batch, _replaced(slots, batch, upsert=upsert))
    distinct = len(set(batch.keys)) == len(batch.keys)
    fresh = distinct and (slots is None or slots.disjoint(batch.keys))
    if not fresh and not upsert:
        batch = _until_taken(name, slots, batch)
    if collection is not None and collection.indexes.refusing:
        batch = _until_unfit(collection, batch, clear=clear) if distinct or not upsert else _fitting(collection, batch)
    if upsert and not distinct:
        batch = _last_of_each(batch)
    warnings: tuple[str, ...] = ()
    if validator is not None and validator.warns:
        warnings = validator.check(name, batch.blobs, _replaced(slots, batch, upsert=upsert))
    imported = Imported(len(batch.numbers), batch.numbers[-1] if batch.numbers else 0, batch.error)
    if clear:
        if batch.error is not None:
            return engine.change([], Imported(0, 0, batch.error))
        operations = operations or [Define(number, "clear", {})]
    if batch.keys:
        operations = [*operations, Put(number, batch.keys, batch.ids, batch.blobs, fresh)]
    elif not clear:
        operations = []
    return engine.change(operations, imported, warnings)


def save_many(engine: Engine, name: str, new: NewDocuments) -> Change[Imported]:
    """Plan that documents go in, each in the place of the one with its id: all of them or none.

    Raises:
        WriteError: A validator or a unique index refuses one.
    """
    batch = Prepared(new.keys, new.ids, new.blobs, range(1, len(new.ids) + 1), None)
    change = import_batch(engine, name, batch, upsert=True, clear=False)
    if change.result.error is not None:
        raise change.result.error
    return change


def _replaced(slots: Slots | None, batch: Prepared, *, upsert: bool) -> Before | None:
    """Return what gives the stored document in whose place one of a batch goes; None if all are new."""
    return (lambda position: slots.get(batch.keys[position])) if upsert and slots is not None else None


def _until_invalid(validator: Validator, batch: Prepared, before: Before | None) -> Prepared:
    """Return the documents before the first one that the validator refuses."""
    wrong = validator.refused(batch.blobs, before)
    return batch.upto(wrong[0], validator.error(batch.blobs[wrong[0]])) if wrong else batch


def _until_taken(name: str, slots: Slots | None, batch: Prepared) -> Prepared:
    """Return the documents before the first one whose id is taken, by a stored document or an earlier one."""
    seen: set[Hashable] = set()
    for position, key in enumerate(batch.keys):
        if key in seen or (slots is not None and slots.holds(key)):
            return batch.upto(position, duplicate_key(name, batch.ids[position]))
        seen.add(key)
    return batch


def _until_unfit(collection: CollectionState, batch: Prepared, *, clear: bool) -> Prepared:
    """Return the documents before the first one that an index refuses, beside those that the batch leaves there."""
    while True:
        leaving = collection.slots.keys() if clear else batch.keys
        claims = collection.claims(frozenset(leaving))
        for position, (key, blob) in enumerate(zip(batch.keys, batch.blobs, strict=True)):
            error = claims.refusal(key, blob)
            if error is not None:
                # what comes after it is not replaced, and its keys are taken after all
                batch = batch.upto(position, error)
                break
        else:
            return batch


def _fitting(collection: CollectionState, batch: Prepared) -> Prepared:
    """Return the lines before the first one that an index refuses, where a later one with the same id does not hide it.

    What an index is asked are the documents that stay: of several with one id, the last.
    """
    while True:
        last = _last_of_each(batch)
        fitting = _until_unfit(collection, last, clear=False)
        if fitting.error is last.error:
            return batch
        assert fitting.error is not None, "it has become shorter"
        refused = last.keys[len(fitting.keys)]
        place = next(place for place in reversed(range(len(batch.keys))) if batch.keys[place] == refused)
        batch = batch.upto(place, fitting.error)


def _last_of_each(batch: Prepared) -> Prepared:
    """Return the batch without the documents that a later one replaces; all its lines count."""
    last = {key: position for position, key in enumerate(batch.keys)}
    kept = list(last.values())
    ids, blobs = [batch.ids[i] for i in kept], [batch.blobs[i] for i in kept]
    return Prepared(list(last), ids, blobs, batch.numbers, batch.error)
