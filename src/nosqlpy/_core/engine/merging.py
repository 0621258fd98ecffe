"""Writing what a pipeline makes: $out replaces a collection, $merge changes one; each is one atomic change.

Manual: reference/operator/aggregation/out, merge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from nosqlpy._core.aggregate.stage import malformed
from nosqlpy._core.aggregate.targets import Combine, Merge
from nosqlpy._core.engine import writes
from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.importing import Prepared, import_batch
from nosqlpy._core.engine.intake import NewDocument, NewDocuments, encode_new
from nosqlpy._core.engine.matching import Match, matches_of
from nosqlpy._core.engine.reads import compile_query
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.engine.transaction import TransactionView
from nosqlpy._core.index.catalogue import ORDERED, IndexDefinition
from nosqlpy._core.values.codec import decode_document, encode_document
from nosqlpy._core.values.collation_spec import compile_collation
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.types import ARRAY, MISSING, OBJECT, TYPES, as_mapping
from nosqlpy.aliases import Document
from nosqlpy.errors import DocumentError, DuplicateKeyError, NosqlpyError, OperationFailure, WriteError


class Arrival(msgspec.Struct, frozen=True):
    """A document that a $merge brings: its values at the paths that it is found by, and an ``_id`` if it has none."""

    document: Document
    values: tuple[Any, ...]
    spare_id: Any


def replace_all(engine: Engine, table: str, new: NewDocuments) -> Change[None]:
    """Plan that these documents take the place of all those of a collection, whose indexes and options stay.

    Raises:
        ValidationError: The collection's validator refuses one; nothing is changed.
        DuplicateKeyError: Two have the same ``_id``, or the same key of a unique index; likewise.
    """
    batch = Prepared(new.keys, new.ids, new.blobs, range(1, len(new.ids) + 1), None)
    change: Change[Any] = import_batch(engine, table, batch, upsert=False, clear=True)
    if change.result.error is not None:
        raise change.result.error
    return msgspec.structs.replace(change, result=None)


def arrivals(merge: Merge, documents: Sequence[Document], make_id: Callable[[], Any]) -> Iterator[Arrival]:
    """Yield what a $merge brings.

    Raises:
        OperationFailure: A document has no value at a path that it is to be found by (51132), or an array (51185).
    """
    for document in documents:
        spare_id = MISSING if "_id" in document else make_id()
        if spare_id is not MISSING and "_id" in merge.on:
            document = {"_id": spare_id, **document}  # noqa: PLW2901 - with the _id that it is found by
        yield Arrival(document, tuple(_value_on(path, document) for path in merge.on), spare_id)


def _value_on(path: str, document: Any) -> Any:
    value = document
    for name in path.split("."):
        value = as_mapping(value).get(name) if TYPES[type(value)] == OBJECT else None
    if value is None:
        raise malformed(f"$merge needs a value at {path!r} of each document, for it is merged on that", 51132)
    if TYPES[type(value)] == ARRAY:
        raise malformed(f"$merge cannot merge on {path!r}, which is an array in a document", 51185)
    return value


def merge_all(engine: Engine, table: str, merge: Merge, arriving: Sequence[Arrival]) -> Change[NosqlpyError | None]:
    """Plan that documents are merged into a collection, one after the other; the result is the first that was refused.

    One that is refused keeps none of the others out, as on a server.

    Raises:
        OperationFailure: No unique index tells which document is meant (51183).
    """
    _check_unique(engine.collections.get(table), merge)
    view = TransactionView(engine)
    combine = merge.combining()
    refused: NosqlpyError | None = None
    for arrival in arriving:
        try:
            planned = _merged(view, merge, arrival, combine)
        except (OperationFailure, DocumentError) as error:
            refused = refused or error
        else:
            if planned is not None:
                view.apply(planned)
    change: Change[Any] = view.commit(engine)
    return msgspec.structs.replace(change, result=refused)


def _merged(view: TransactionView, merge: Merge, arrival: Arrival, combine: Combine) -> Change[Any] | None:
    """Return what one document changes, None if nothing."""
    wanted = {path: {"$eq": value} for path, value in zip(merge.on, arrival.values, strict=True)}
    found = matches_of(view, merge.table, compile_query(wanted, collation=merge.collation), 1)
    if found:
        return _meeting(view, merge, arrival, found[0], combine)
    if merge.when_not_matched == "discard":
        return None
    if merge.when_not_matched == "fail":
        message = f"$merge found no document with the values of one at {', '.join(merge.on)}"
        raise WriteError(message, code=13113, code_name="MergeStageNoMatchingDocument")
    return writes.insert_one(view, merge.table, _inserted(arrival, view.document_size_max))


def _inserted(arrival: Arrival, size_max: int) -> NewDocument:
    document = arrival.document
    return encode_new(document if "_id" in document else {"_id": arrival.spare_id, **document}, size_max)


def _meeting(
    view: TransactionView, merge: Merge, arrival: Arrival, match: Match, combine: Combine
) -> Change[Any] | None:
    """Return what becomes of a stored document that one meets, None if it stays as it is."""
    if merge.when_matched == "keepExisting":
        return None
    if merge.when_matched == "fail":
        message = "$merge with whenMatched: fail found an existing document with the same values for the 'on' fields"
        shown = dict(zip(merge.on, arrival.values, strict=True))
        raise DuplicateKeyError(message, details={"keyPattern": dict.fromkeys(shown, 1), "keyValue": shown})
    stored = decode_document(match.data)
    document = combine(stored, arrival.document)
    if "_id" in document and equality_key(document["_id"]) != match.key:
        raise WriteError("the _id of a document cannot be changed", code=66, code_name="ImmutableField")
    identity = {"_id": stored["_id"]}
    data = encode_document(identity | document | identity, size_max=view.document_size_max)
    return None if data == match.data else writes.save(view, merge.table, NewDocument(stored["_id"], match.key, data))


def _check_unique(collection: CollectionState | None, merge: Merge) -> None:
    """Refuse to merge where several documents may be meant.

    Raises:
        OperationFailure: There is no unique index of just these fields, under this collation, that has all documents.
    """
    if merge.on == ("_id",):
        return
    definitions = [] if collection is None else collection.definitions()
    if not any(map(partial(_tells, merge), definitions)):
        message = f"there is no unique index of just {', '.join(merge.on)}, by which $merge could find documents"
        raise OperationFailure(message, code=51183, code_name="Location51183")


def _tells(merge: Merge, index: IndexDefinition) -> bool:
    return (
        index.unique
        and index.partial is None
        and index.kind == ORDERED
        and {path for path, _ in index.keys} == set(merge.on)
        and _collation_of(index.collation) == merge.collation
    )


def _collation_of(collation: Mapping[str, Any] | None) -> Any:
    return None if collation is None else compile_collation(collation)
